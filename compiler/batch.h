/* What a node of a loop's body computes in all turns, as one node with a leading axis for the turns. How is
 * part of each operator's definition. */
#ifndef BATCH_H
#define BATCH_H

#include "graph.h"

/* An operator's part. varies[i]: operand i is not the same in all turns; then operands[i] has the leading
 * axis, else it is the value of every turn. */
typedef struct op_batch {
  /* False for nodes that are not taken; NULL: all are. */
  bool (*takes)(const node *n, const bool *varies);

  /* The node for all turns; NULL: none is. */
  node *(*turns)(graph *g, const node *n, node *const *operands, const bool *varies, dim turns);

  /* The sum of the node's values over all turns, as one node of operands that all vary, and that may be
   * of a wider type than the node's; NULL: there is none. */
  node *(*sum)(graph *g, const node *n, node *const *operands);
} op_batch;

/* True where batch_node takes the node, one of whose operands varies at least. */
bool batch_takes(const node *n, const bool *varies, dim turns);
node *batch_node(graph *g, const node *n, node *const *operands, const bool *varies, dim turns);

bool batch_takes_sum(const node *n, const bool *varies, dim turns);
node *batch_sum(graph *g, const node *n, node *const *operands);

tensor_type batch_type(const tensor_type *type, dim turns);

/* The operands, those that do not vary repeated for all turns; in the graph's arena. */
node **batch_spread(graph *g, const node *n, node *const *operands, const bool *varies, dim turns);

/* A list with the turns' axis in front: of axes, which move up by one, or of one number for each axis. */
typedef struct batch_list {
  int64_t at[MAX_RANK];
  int count;
} batch_list;

/* The axes in the attribute at this position, moved up by one. */
batch_list batch_axes(const node *n, int position);
batch_list batch_with_first(int64_t first, batch_list list);

/* The numbers in the attribute at this position behind a first one. */
batch_list batch_numbers(const node *n, int position, int64_t first);

#endif
