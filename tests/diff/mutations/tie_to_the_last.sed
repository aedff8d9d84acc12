# compiler/lower_reduce.c: of equal extrema in several lanes the last wins
s/two(k, SCALAR_LT, x_place, \*place)/two(k, SCALAR_GT, x_place, *place)/
