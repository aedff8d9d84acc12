/* The rules of pass_simplify. Each takes a node whose operands are simplified and gives one of the
 * same type and value (in the sense of pass.h), or NULL where it does not apply. What a rule makes
 * is simplified in its turn, so every rule brings the node nearer to a form to which none
 * applies. tests/pass/simplify/NAME.in and .out show the rule NAME at work. */
#ifndef SIMPLIFY_H
#define SIMPLIFY_H

#include "graph.h"

typedef struct simplify_rule {
  const char *name;
  node *(*apply)(graph *g, node *n);
} simplify_rule;

/* The families, tried in the order of their rows; the last row has no name. */
extern const simplify_rule simplify_constants[];  /* whatever has known operands */
extern const simplify_rule simplify_map_moves[];  /* maps and casts past what they read */
extern const simplify_rule simplify_casts[];
extern const simplify_rule simplify_algebra[];    /* maps on numbers */
extern const simplify_rule simplify_logic[];      /* comparisons, truth, choice, bits */
extern const simplify_rule simplify_views[];      /* reshape, transpose, broadcast, reverse */
extern const simplify_rule simplify_slices[];     /* slice, pad, concat */
extern const simplify_rule simplify_indices[];    /* iota, gather, scatter-add */
extern const simplify_rule simplify_reductions[];
extern const simplify_rule simplify_products[];   /* dot */
extern const simplify_rule simplify_convolutions[]; /* conv */

/* The families in the order in which they are tried; NULL ends the list. */
extern const simplify_rule *const simplify_families[];

/* The first rule that applies to the node, and what it makes of it; NULL where none does. */
const simplify_rule *simplify_apply(graph *g, node *n, node **simple);

/* A rewrite_rule (rewrite.h): what simplify_apply makes of the node, or the node. */
node *simplify_node(graph *g, node *n);

/* The scalar of which a node is copies, or NULL. Constants of one value are always of this form. */
node *simplify_scalar(node *n);

/* True where the node is a constant of this value throughout. */
bool simplify_is(const node *n, double value);

/* True where `to` is `from` with axes of extent 1 put in; axes: where those of `from` stand. */
bool simplify_inserts_ones(const tensor_type *from, const tensor_type *to, int64_t axes[MAX_RANK]);

static inline bool simplify_is_map(const node *n, scalar_function f) {
  return n->op == OP_MAP && n->function == f;
}

static inline bool simplify_is_real(const node *n) { return dtype_is_float(n->type.element); }

#endif
