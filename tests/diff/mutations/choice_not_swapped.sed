# compiler/simplify_map.c: not c ? x : y becomes c ? x : y
s/return build_map3(g, SCALAR_SELECT, condition->operands\[0\], y, x);/return build_map3(g, SCALAR_SELECT, condition->operands[0], x, y);/
