/* Random programs, for comparing two ways of evaluating a graph. */
#ifndef RANDOM_GRAPH_H
#define RANDOM_GRAPH_H

#include "graph.h"

/* A graph of about `size` operators over three inputs of the given floating type and one of i32, in
 * [-2, 2); small shapes with axes of extent 1 and odd ones, views, maps, reductions,
 * contractions and convolutions. Values stay moderate, and functions with jumps see only
 * inputs, so that rounding does not flip them. Its outputs are the nodes that nothing reads.
 * Equal seeds give equal graphs. */
graph *random_graph(arena *a, uint64_t seed, dtype real, int size);

#endif
