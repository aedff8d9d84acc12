/* Rebuilding a graph: equal nodes become one as they are made, and each may be replaced at once by
 * a simpler node of the same value. Since operands are settled before their users, one walk
 * reaches the fixed point of rules that look at a node and what it reads. */
#ifndef REWRITE_H
#define REWRITE_H

#include "graph.h"

/* A node of the same type and value: n itself where no rule applies. New nodes that it builds
 * are settled likewise, so every rule must make progress of its own. Below a hundred rules at work
 * at once nodes stay as they are made, so that the work per node is bounded. */
typedef node *rewrite_rule(graph *g, node *n);

/* A copy of the live part of g: all inputs first, then nodes in their order; the graphs that loops run
 * likewise. rule may be NULL. */
graph *rewrite_graph(const graph *g, rewrite_rule *rule);

/* Builds in a graph what another computes of these inputs; outputs[i] becomes what stands for its
 * output i. Without updates. */
void rewrite_inline(graph *to, const graph *g, node *const *inputs, node **outputs);

/* One graph that computes what several do, whose inputs are alike; equal values are one. The first `fixed`
 * outputs must be equal, each to that of the same number in the others, else the result is NULL; behind
 * them come all others, each once. numbers[k][i]: where output i of graph k is found. Without updates. */
graph *rewrite_join(int count, const graph *const *graphs, int fixed, int **numbers);

/* True where both are NULL, or interned graphs that are equal node by node. */
bool rewrite_graphs_equal(const graph *x, const graph *y);

#endif
