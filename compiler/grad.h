/* Reverse-mode differentiation of a graph, by source transformation. */
#ifndef GRAD_H
#define GRAD_H

#include "graph.h"

typedef struct gradients gradients;

/* One reverse sweep from a scalar floating loss through the nodes on which it depends and which
 * depend on one of the wanted nodes. New nodes are appended to the graph. Cotangents of one node
 * are added in a fixed order. */
gradients *grad_sweep(graph *g, node *loss, int wanted_count, node *const *wanted);

/* The same from several values, floating and of any shape, whose cotangents are given. */
gradients *grad_sweep_from(graph *g, int root_count, node *const *roots, node *const *cotangents,
                           int wanted_count, node *const *wanted);

/* The gradient of the loss with respect to a wanted node, of its type; NULL where the loss does
 * not depend on it (the caller decides between zero and an error). */
node *grad_of(const gradients *s, const node *wanted);

/* The operands [*first, *end) to which a node passes cotangents: of a rule, its arguments. */
void grad_operands(const node *n, int *first, int *end);

/* By id, what depends on the marked nodes through differentiable operators, these among it. */
bool *grad_marks(arena *a, const graph *g, const bool *from);

/* True where value depends on x through differentiable operators. */
bool grad_depends(const graph *g, const node *value, const node *x);

#endif
