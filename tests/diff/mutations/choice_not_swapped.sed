# compiler/simplify_logic.c: not c ? x : y becomes c ? x : y
/^static node \*select_by_not/,/^}/s/n->operands\[2\], n->operands\[1\]/n->operands[1], n->operands[2]/
