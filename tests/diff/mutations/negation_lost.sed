# compiler/simplify_algebra.c: 0 - y becomes y
/^static node \*subtract_from_zero/,/^}/s/return build_map1(g, SCALAR_NEG, right(n));/return right(n);/
