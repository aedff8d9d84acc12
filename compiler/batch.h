/* What a node of a loop's body computes in all turns, as one node with a leading axis for the turns. */
#ifndef BATCH_H
#define BATCH_H

#include "graph.h"

/* True where batch_node takes the node; varies[i]: operand i is not the same in all turns; one is at least. */
bool batch_takes(const node *n, const bool *varies, dim turns);

/* Of operands that vary, operands[i] has the leading axis; of others it is the value of every turn. */
node *batch_node(graph *g, const node *n, node *const *operands, const bool *varies, dim turns);

/* True where the sum of the node's values over all turns is one node of what its operands are in all
 * turns, all of which vary: a contraction, a sum, a scatter_add. */
bool batch_takes_sum(const node *n, const bool *varies, dim turns);
node *batch_sum(graph *g, const node *n, node *const *operands);

/* The value of every turn as that of all turns. */
node *batch_spread(graph *g, node *x, dim turns);
tensor_type batch_type(const tensor_type *type, dim turns);

#endif
