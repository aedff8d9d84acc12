/* The pass that computes what lies between the products of a batch for one of the batch at a time. */
#ifndef BATCH_TURNS_H
#define BATCH_TURNS_H

#include "graph.h"

/* Attention forms the scores of all heads, then weights, then means: of n places n² numbers for each head, of which only the
 * means are wanted. Where a product of a batch takes what maps and reductions make of another one's result, and nothing
 * else reads that and it is large, both and what lies between run in a loop over the batch, whose turns share the memory of
 * one turn. The graph is interned and behind pass_fission, which would take the products out again. */
graph *pass_batch_turns(const graph *g);

/* From what size on that is done. */
typedef struct batch_turns_limits {
  double bytes; /* that the inner products give */
  double work;  /* multiplications of the inner products in a turn */
  double saved; /* the bytes through those of all that the products read and give in rows of the batch */
} batch_turns_limits;
graph *batch_turns(const graph *g, const batch_turns_limits *least);

#endif
