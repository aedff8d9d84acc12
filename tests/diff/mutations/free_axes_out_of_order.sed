# compiler/simplify_dot.c: a product takes a transpose in though its free axes change places
s/if (order\[p.free\[side\]\[i - 1\]\] > order\[p.free\[side\]\[i\]\]) return NULL;/if (order[p.free[side][i - 1]] < 0) return NULL;/
