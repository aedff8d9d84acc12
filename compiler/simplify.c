/* How the rules are tried, and those on constants. */
#include "simplify.h"

#include <string.h>

#include "build.h"
#include "half.h"
#include "op.h"
#include "scalar.h"
#include "tensor.h"

node *simplify_scalar(node *n) {
  while (n->op == OP_BROADCAST) n = n->operands[0];
  return n->type.rank == 0 ? n : NULL;
}

bool simplify_is(const node *n, double value) {
  double found;
  return node_is_splat(n, &found) && found == value;
}

/* --- constants ---------------------------------------------------------------------------- */

/* A constant of one value becomes copies of a scalar. */
static node *copies(graph *g, node *n) {
  double ignored;
  if (n->op != OP_CONSTANT || n->type.rank == 0 || !node_is_splat(n, &ignored)) return NULL;
  node *scalar = simplify_is_real(n) ? build_real(g, n->type.element, n->attributes[2].reals[0])
                                     : build_int(g, n->type.element, n->attributes[1].ints[0]);
  return build_broadcast_to(g, scalar, &n->type);
}

/* Functions whose values every machine agrees on everywhere; the others keep their run-time value
 * but where it is exact. A real function that is not named is one of the others. */
static bool folds(const node *n) {
  const node *x = n->operands[0];
  switch (n->function) {
  case SCALAR_EXP:
  case SCALAR_EXPM1:
  case SCALAR_LOG1P:
  case SCALAR_TANH:
  case SCALAR_SIGMOID:
  case SCALAR_SIN:
  case SCALAR_COS: return simplify_is(x, 0);
  case SCALAR_RSQRT:
  case SCALAR_LOG: return simplify_is(x, 1);
  case SCALAR_DIV:
  case SCALAR_FMA:
  case SCALAR_FLOOR:
  case SCALAR_SQRT: return true;
  default: return scalar_infos[n->function].kind != SCALAR_KIND_REAL;
  }
}

/* Larger constants would cost more to store than to compute. */
enum { FOLD_LIMIT = 1024 };

static bool is_small(const tensor_type *t) { return !type_is_bounded(t) && type_elements(t) <= FOLD_LIMIT; }

/* The value of a small constant or of small copies of one, or NULL. */
static tensor *known_value(arena *a, node *n) {
  node *scalar = simplify_scalar(n);
  const node *from = scalar ? scalar : n;
  if (from->op != OP_CONSTANT || !is_small(&n->type)) return NULL;
  tensor *t = tensor_new(a, &n->type);
  int64_t count = type_elements(&n->type);
  for (int64_t i = 0; i < count; i++) {
    if (simplify_is_real(n))
      t->reals[i] = from->attributes[2].reals[scalar ? 0 : i];
    else
      t->ints[i] = from->attributes[1].ints[scalar ? 0 : i];
  }
  return t;
}

/* An operator on constants, by the interpreter. Broadcasts stay: they cost nothing; so do loops, whose
 * turns nothing bounds. */
static node *fold(graph *g, node *n) {
  if (n->operand_count == 0 || n->op == OP_BROADCAST || op_has(n->op, LOOP)) return NULL;
  if (!is_small(&n->type)) return NULL;
  if (n->op == OP_MAP && !folds(n)) return NULL;
  for (int i = 0; i < n->operand_count; i++) {
    node *scalar = simplify_scalar(n->operands[i]);
    if ((scalar ? scalar : n->operands[i])->op != OP_CONSTANT) return NULL;
  }
  const tensor **operands = arena_array_of(g->arena, n->operand_count, const tensor *);
  for (int i = 0; i < n->operand_count; i++)
    if (!(operands[i] = known_value(g->arena, n->operands[i]))) return NULL;
  tensor *result = tensor_new(g->arena, &n->type);
  op_definitions[n->op]->eval(&(evaluation){.arena = g->arena}, n, operands, result);
  if (!simplify_is_real(n)) return build_constant(g, &n->type, result->ints, NULL);
  for (int64_t i = 0; i < type_elements(&n->type); i++)
    result->reals[i] = half_round(n->type.element, result->reals[i]);
  return build_constant(g, &n->type, NULL, result->reals);
}

const simplify_rule simplify_constants[] = {
    {"copies_of_constant", copies},
    {"fold_constants", fold},
    {NULL, NULL},
};

/* --- in order ------------------------------------------------------------------------------ */

const simplify_rule *const simplify_families[] = {
    simplify_map_moves, simplify_casts,        simplify_algebra,   simplify_logic,
    simplify_views,     simplify_slices,       simplify_indices,   simplify_reductions,
    simplify_products,  simplify_convolutions, simplify_constants, NULL,
};

const simplify_rule *simplify_apply(graph *g, node *n, node **simple) {
  for (const simplify_rule *const *family = simplify_families; *family; family++)
    for (const simplify_rule *rule = *family; rule->name; rule++)
      if ((*simple = rule->apply(g, n))) return rule;
  return NULL;
}

node *simplify_node(graph *g, node *n) {
  node *simple;
  return simplify_apply(g, n, &simple) ? simple : n;
}
