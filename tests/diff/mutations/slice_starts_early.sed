# compiler/simplify_slice.c: a slice of a slice with steps starts too early
s/inner.starts\[i\] + outer.starts\[i\] \* inner.steps\[i\]/inner.starts[i] + outer.starts[i]/
