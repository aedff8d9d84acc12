# compiler/contraction_tile.c: a sum over lanes leaves out the last lane of a last vector
s/t->valid = (int)(r.high - r.low - whole \* step);/t->valid = (int)(r.high - r.low - whole * step - (r.high - r.low - whole * step > 1));/
