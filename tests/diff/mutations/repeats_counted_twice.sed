# compiler/simplify_reduce.c: the sum of copies along an axis that was there counts it twice
s/repeats \/= from->type.dims\[i\].maximum;/repeats \/= 1;/
