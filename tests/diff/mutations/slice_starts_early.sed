# compiler/simplify_view.c: a slice of a slice with steps starts too early
s/starts\[i\] = node_ints(x, 0, NULL)\[i\] + first \* inner;/starts[i] = node_ints(x, 0, NULL)[i] + first;/
