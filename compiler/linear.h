/* Which values of a graph are linear in others. */
#ifndef LINEAR_H
#define LINEAR_H

#include "graph.h"

/* The first node, in the order of the graph, that is in the way of `value` being linear in the nodes
 * given, jointly: it is not linear in them and the value depends on it. NULL where the value is linear.
 * What is linear by the form of the graph counts, not what happens to be. */
const node *linear_obstacle(const graph *g, const node *value, int count, node *const *in);

#endif
