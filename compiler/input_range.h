/* What an entry asks of the integers that it is given. */
#ifndef INPUT_RANGE_H
#define INPUT_RANGE_H

#include "graph.h"

/* A use of an input as numbers of 0 … extent - 1: as indices into an axis (gather, scatter_add), or
 * compared for equality with all of these (== iota, which makes classes of numbers). */
typedef struct index_use {
  int64_t extent; /* 0: there is none */
  location at;
} index_use;

/* The use with the least extent, where casts between integers, reshapes, transposes and broadcasts
 * may stand between input and use. Other numbers would read 0, be dropped or equal nothing. */
index_use input_index_use(const graph *g, const node *input);

#endif
