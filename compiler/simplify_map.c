/* Maps and casts move in front of the views that they read, where they see fewer elements, or where
 * the views can meet others; casts of casts become one. */
#include "build.h"
#include "half.h"
#include "op.h"
#include "simplify.h"

static bool is_elementwise(const node *n) { return n->op == OP_MAP || n->op == OP_CAST; }

/* The function of n over other operands. */
static node *apply(graph *g, const node *n, node *const *operands) {
  return n->op == OP_CAST ? build_cast(g, operands[0], n->type.element)
                          : build_like(g, n, operands);
}

static bool same_axes(const node *a, const node *b) {
  int count, other;
  const int64_t *x = node_ints(a, 1, &count), *y = node_ints(b, 1, &other);
  bool same = count == other && type_same_shape(&a->operands[0]->type, &b->operands[0]->type);
  for (int i = 0; i < count && same; i++) same = x[i] == y[i];
  return same;
}

/* f(broadcast x, broadcast y) is broadcast f(x, y) where x and y have one shape or are scalars. */
static node *before_broadcast(graph *g, node *n) {
  if (!is_elementwise(n)) return NULL;
  node *widest = NULL;
  for (int i = 0; i < n->operand_count; i++) {
    node *x = n->operands[i];
    if (x->op != OP_BROADCAST) return NULL;
    if (!widest || widest->operands[0]->type.rank == 0) widest = x;
    if (x->operands[0]->type.rank > 0 && !same_axes(x, widest)) return NULL;
  }
  node *operands[3];
  for (int i = 0; i < n->operand_count; i++) {
    operands[i] = n->operands[i]->operands[0];
    if (operands[i]->type.rank == 0)
      operands[i] = build_broadcast_to(g, operands[i], &widest->operands[0]->type);
  }
  return build_broadcast(g, apply(g, n, operands), &n->type, node_ints(widest, 1, NULL));
}

/* f(reshape x, reshape y) is reshape f(x, y) where x and y have one shape; scalars take any. */
static node *before_reshape(graph *g, node *n) {
  if (!is_elementwise(n)) return NULL;
  const tensor_type *shape = NULL;
  node *operands[3];
  for (int i = 0; i < n->operand_count; i++) {
    operands[i] = n->operands[i];
    if (simplify_scalar(operands[i])) continue;
    if (operands[i]->op != OP_RESHAPE) return NULL;
    operands[i] = operands[i]->operands[0];
    if (shape && !type_same_shape(shape, &operands[i]->type)) return NULL;
    shape = &operands[i]->type;
  }
  if (!shape) return NULL;
  for (int i = 0; i < n->operand_count; i++) {
    node *scalar = simplify_scalar(operands[i]);
    if (scalar) operands[i] = build_broadcast_to(g, scalar, shape);
  }
  return build_reshape(g, apply(g, n, operands), n->type.rank, n->type.dims);
}

static bool same_order(const node *a, const node *b) {
  for (int i = 0; i < a->type.rank; i++)
    if (node_ints(a, 0, NULL)[i] != node_ints(b, 0, NULL)[i]) return false;
  return true;
}

/* f(transpose x, transpose y) is transpose f(x, y); a broadcast takes any order of its axes. */
static node *before_transpose(graph *g, node *n) {
  if (!is_elementwise(n)) return NULL;
  const node *first = NULL;
  for (int i = 0; i < n->operand_count; i++) {
    const node *x = n->operands[i];
    if (x->op != OP_TRANSPOSE && x->op != OP_BROADCAST) return NULL;
    if (x->op == OP_TRANSPOSE && first && !same_order(x, first)) return NULL;
    if (x->op == OP_TRANSPOSE) first = x;
  }
  if (!first) return NULL;
  const int64_t *order = node_ints(first, 0, NULL);
  int64_t inverse[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) inverse[order[i]] = i;
  node *operands[3];
  for (int i = 0; i < n->operand_count; i++) {
    node *x = n->operands[i];
    operands[i] = x->op == OP_TRANSPOSE ? x->operands[0] : build_transpose(g, x, inverse);
  }
  return build_transpose(g, apply(g, n, operands), order);
}

const simplify_rule simplify_map_moves[] = {
    {"map_before_broadcast", before_broadcast},
    {"map_before_reshape", before_reshape},
    {"map_before_transpose", before_transpose},
    {NULL, NULL},
};

/* --- casts -------------------------------------------------------------------------------- */

static node *cast_to_itself(graph *g, node *n) {
  (void)g;
  bool same = n->op == OP_CAST && type_equal(&n->type, &n->operands[0]->type);
  return same ? n->operands[0] : NULL;
}

/* True where `wide` represents every value of `narrow`. */
static bool holds(dtype wide, dtype narrow) {
  bool bytes = narrow == DTYPE_BOOL || narrow == DTYPE_U8 || narrow == DTYPE_I8;
  switch (wide) {
  case DTYPE_I32:
  case DTYPE_F16:
  case DTYPE_BF16: return bytes;
  case DTYPE_F32: return bytes || half_is(narrow);
  case DTYPE_I64: return bytes || narrow == DTYPE_I32;
  case DTYPE_F64: return bytes || half_is(narrow) || narrow == DTYPE_I32 || narrow == DTYPE_F32;
  default: return false;
  }
}

/* A cast through a type that loses nothing; but integers wrap where floats saturate. */
static node *cast_of_cast(graph *g, node *n) {
  node *through = n->operand_count > 0 ? n->operands[0] : NULL;
  if (n->op != OP_CAST || through->op != OP_CAST) return NULL;
  dtype from = through->operands[0]->type.element, to = n->type.element;
  bool saturates = simplify_is_real(through) && !dtype_is_float(from) && dtype_is_integer(to);
  if (!holds(through->type.element, from) || saturates) return NULL;
  return build_cast(g, through->operands[0], to);
}

const simplify_rule simplify_casts[] = {
    {"cast_to_itself", cast_to_itself},
    {"cast_of_cast", cast_of_cast},
    {NULL, NULL},
};
