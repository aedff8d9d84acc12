/* The pass that computes what lies between two products for a part of the rows at a time. */
#ifndef TURNS_H
#define TURNS_H

#include "graph.h"

/* Attention forms the scores of all heads, then weights, then means: of n places n² numbers for each head, of which only the
 * means are wanted. Where a product takes what maps and reductions make of another one's result, and nothing else reads that
 * and it is large, both and what lies between run in a loop, whose turns share the memory of one turn: over the batch of both
 * products, and, where one of the batch is still large, or there is none, over blocks of rows. Rows that are left over are
 * computed behind the loop. The graph is interned and behind pass_fission, which would take the products out again. */
graph *pass_turns(const graph *g);

/* From what size on that is done. Of a batch: */
typedef struct turns_limits {
  double bytes; /* of what the inner products give */
  double work;  /* multiplications of the inner products in a turn */
  double saved; /* those bytes through those of operands that are copied, since their batch is not in front */

  /* Of rows: */
  double row_bytes; /* of what the inner products give */
  double row_saved; /* those bytes through those of all that the products read from outside and give */
  int64_t turn_bytes; /* of what the inner products give in a block, */
  int64_t least_rows, most_rows; /* which has so many rows at least and at most */
} turns_limits;
graph *turns(const graph *g, const turns_limits *least);

#endif
