# compiler/simplify_reduce.c: a product takes a transpose in though its free axes change places
s/if (order\[free\[i - 1\]\] > order\[free\[i\]\]) return NULL;/if (order[free[i - 1]] < 0) return NULL;/
