/* Passes over graphs and their runner. A pass builds a new graph in the old one's arena; the old
 * one stays as it is. Inputs, outputs and updates keep names, order and types. */
#ifndef PASS_H
#define PASS_H

#include "graph.h"

typedef struct graph_pass {
  const char *name; /* for --emit=graph@NAME and --time-passes */
  graph *(*run)(const graph *g);
  const char *needs, *keeps; /* contract, in words */
} graph_pass;

/* Merges equal nodes (equal draws too), puts values in the place of rules, since derivatives are taken
 * by now, and drops dead nodes; inputs stay. */
graph *pass_intern(const graph *g);

/* Rewrites to a fixed point: algebra, constants, views, products. The rules (simplify.h) keep the
 * interpreter's meaning:
 *   - integers, bool, views and indexing: every bit;
 *   - elementwise functions of floating numbers: every value, NaN and infinities included; only the
 *     sign of a zero may change. So x * 0, x - x and x == x stay, and x / c becomes a product only
 *     where c is a power of two;
 *   - sums, products over axes and contractions may be merged and add in another order, which
 *     changes their rounding, and a sum of equal terms is a product; other factors do not move into
 *     or out of a sum, where they could overflow;
 *   - what constants alone determine is computed in double, and rounded where it is used; functions
 *     that are not exact on every machine keep their run-time value;
 *   - two exceptions: a power with a small constant exponent becomes products or a root, with their
 *     rounding, and (-inf) ** 0.5 is then NaN; and a convolution of an image with zeros between
 *     neighbours may multiply elements of the image by zeros, which of infinities makes NaN, as in the
 *     padding of any convolution.
 * The result is interned. */
graph *pass_simplify(const graph *g);

/* All passes in order. */
extern const graph_pass graph_passes[];
extern const int graph_pass_count;
bool pass_is(const char *name);

/* What the runner reports after each pass. */
typedef struct pass_observer {
  void (*dump)(void *context, const char *pass, const graph *g); /* NULL: none */
  void (*time)(void *context, const char *pass, double seconds); /* NULL: none */
  void *context;
} pass_observer;

/* Runs the passes in order and verifies the graph before the first and after each; a graph that
 * does not verify is an internal error that names the pass. observer may be NULL. */
graph *pass_run(const graph *g, int count, const graph_pass *passes,
                const pass_observer *observer);

#endif
