# compiler/contraction_tile.c: a sum over lanes leaves out the last lane of a last vector
s/t->valid = (int)(left.high - left.low);/t->valid = (int)(left.high - left.low - (left.high - left.low > 1));/
