/* The pass that computes what lies between two products for a part of the rows at a time. */
#ifndef TURNS_H
#define TURNS_H

#include "graph.h"

/* Attention forms the scores of all heads, then weights, then means: of n places n² numbers for each head, of which only the
 * means are wanted. Where a product takes what maps and reductions make of another one's result, and nothing else reads that
 * and it is large, both and what lies between run in a loop, whose turns share the memory of one turn: over the batch of both
 * products, and, where one of the batch is still large, or there is none, over blocks of rows. Rows that are left over are computed
 * behind the loop. The graph is interned and behind pass_fission, which would take the products out again. */
graph *pass_turns(const graph *g);

/* From what size on that is done. */
typedef struct turns_limits {
  double bytes;      /* that the inner products give; of blocks of rows: row_bytes */
  double row_bytes;
  double work;       /* multiplications of the inner products in a turn; of blocks of rows none are too few */
  double saved;      /* the bytes through those of all that the products read and give in rows of the batch; of blocks of rows, */
  double row_saved;  /* which are read where they lie */
  int64_t turn_bytes; /* of the inner products in a block of rows, which has most_rows at most and least_rows at least */
  int64_t least_rows, most_rows;
} turns_limits;
graph *turns(const graph *g, const turns_limits *least);

#endif
