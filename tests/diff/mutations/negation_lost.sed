# compiler/simplify_map.c: 0 - y becomes y
s/if (simplify_is(x, 0)) return build_map1(g, SCALAR_NEG, y);/if (simplify_is(x, 0)) return y;/
