/* The rules of pass_simplify, by kind of operator. Each takes a node whose operands are simplified
 * and gives a node of the same type and value (in the sense of pass.h), itself where none
 * applies. */
#ifndef SIMPLIFY_H
#define SIMPLIFY_H

#include "graph.h"

node *simplify_node(graph *g, node *n);

node *simplify_map(graph *g, node *n);      /* also cast */
node *simplify_view(graph *g, node *n);     /* all operators with the trait VIEW */
node *simplify_reduce(graph *g, node *n);
node *simplify_dot(graph *g, node *n);

/* The scalar of which a node is copies, or NULL. Constants of one value are always of this form. */
node *simplify_scalar(node *n);

/* True where the node is a constant of this value throughout. */
bool simplify_is(const node *n, double value);

#endif
