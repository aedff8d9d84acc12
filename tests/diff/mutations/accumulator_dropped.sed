# compiler/lower_reduce.c: the second of several accumulators is not added
s/for (int i = 1; part == 0 \&\& i < p->copies; i++)/for (int i = 2; part == 0 \&\& i < p->copies; i++)/
