/* Random entries for comparing what is compiled with the graph interpreter: more than random_graph
 * makes, as they need not be smooth. */
#ifndef RANDOM_PROGRAM_H
#define RANDOM_PROGRAM_H

#include "graph.h"

/* A random_graph of `size` operators, and besides: every scalar function and cast over every element
 * type; all reductions; integer products; draws; contractions with batches and groups; slots with
 * gradients, steps of optimisers, swaps, shifts and counters as updates; outputs that are inputs,
 * slots, duplicates or new values of slots. Paths of slots start with the name. Functions with jumps
 * see only values that are exact in every evaluation (inputs, moved, and integers), and gradients
 * pass no kink that rounding could move, so that rounding flips nothing. Inputs are meant to lie in
 * [-2, 2). Equal arguments give equal graphs. */
graph *random_program(arena *a, const char *name, uint64_t seed, dtype real, int size);

#endif
