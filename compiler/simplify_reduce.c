/* Reductions of each other and of views. */
#include <string.h>

#include "axes.h"
#include "build.h"
#include "half.h"
#include "op.h"
#include "scalar.h"
#include "simplify.h"

static bool is_place(const node *n) { return n->op == OP_ARGMAX || n->op == OP_ARGMIN; }
static bool is_reduction(const node *n) { return op_has(n->op, REDUCTION); }

static bool is_reduction_of(const node *n, op_code op) {
  return is_reduction(n) && n->operands[0]->op == op;
}

/* Axes of extent 1 are dropped by a reshape; they do not count in the flat index either. */
static node *over_ones(graph *g, node *n) {
  if (!is_reduction(n)) return NULL;
  node *x = n->operands[0];
  int count, left = 0, rank = 0;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t now[MAX_RANK];
  dim dims[MAX_RANK];
  for (int axis = 0; axis < x->type.rank; axis++) {
    bool reduced = axes_contain(axes, count, axis);
    if (reduced && dim_equal(x->type.dims[axis], dim_fixed(1))) continue;
    if (reduced) now[left++] = rank;
    dims[rank++] = x->type.dims[axis];
  }
  if (left == count && count > 0) return NULL;
  if (left == 0)
    return is_place(n) ? build_splat(g, &n->type, 0) : build_reshape(g, x, rank, dims);
  return build_reduce(g, n->op, build_reshape(g, x, rank, dims), left, now);
}

/* A reduction of a reduction of the same kind is one over both lists of axes. */
static node *of_reduction(graph *g, node *n) {
  if (!is_reduction_of(n, n->op) || is_place(n)) return NULL;
  bool extremum = n->op == OP_MAX || n->op == OP_MIN;
  if (half_is(n->type.element) && !extremum) return NULL; /* the first one's rounding is a value */
  const node *x = n->operands[0];
  int count, inner_count;
  const int64_t *axes = node_ints(n, 0, &count), *inner = node_ints(x, 0, &inner_count);
  int64_t kept[MAX_RANK], both[MAX_RANK];
  axes_others(x->operands[0]->type.rank, inner, inner_count, NULL, 0, kept);
  memcpy(both, inner, (size_t)inner_count * sizeof *both);
  for (int i = 0; i < count; i++) both[inner_count + i] = kept[axes[i]];
  return build_reduce(g, n->op, x->operands[0], inner_count + count, both);
}

/* A count as a constant, modulo the range of an integer type like the sum that it replaces. */
static node *splat_count(graph *g, const tensor_type *type, int64_t count) {
  node *scalar = dtype_is_float(type->element)
                     ? build_real(g, type->element, (double)count)
                     : build_int(g, type->element, scalar_wrap(type->element, count));
  return build_broadcast_to(g, scalar, type);
}

/* Along repeated axes a sum is a product and an extremum is the value: reduce, then broadcast. */
static node *of_broadcast(graph *g, node *n) {
  if (!is_reduction_of(n, OP_BROADCAST) || is_place(n) || n->op == OP_PROD) return NULL;
  if (half_is(n->type.element) && n->op == OP_SUM) return NULL; /* the count might not fit */
  const node *x = n->operands[0];
  node *from = x->operands[0];
  int count, inner_count = 0, result_count = 0;
  const int64_t *axes = node_ints(n, 0, &count), *places = node_ints(x, 1, NULL);
  int64_t inner[MAX_RANK], kept[MAX_RANK], result_axes[MAX_RANK];
  int64_t repeats = 1;
  for (int i = 0; i < count; i++) {
    if (x->type.dims[axes[i]].symbol) return NULL;
    repeats *= x->type.dims[axes[i]].maximum;
  }
  int kept_count = axes_others(x->type.rank, axes, count, NULL, 0, kept);
  for (int i = 0; i < from->type.rank; i++) {
    if (axes_contain(axes, count, places[i])) {
      inner[inner_count++] = i;
      repeats /= from->type.dims[i].maximum;
    }
    for (int k = 0; k < kept_count; k++)
      if (kept[k] == places[i]) result_axes[result_count++] = k;
  }
  node *value = build_reduce(g, n->op, from, inner_count, inner);
  if (n->op == OP_SUM)
    value = build_map2(g, SCALAR_MUL, value, splat_count(g, &value->type, repeats));
  return build_broadcast(g, value, &n->type, result_axes);
}

/* Reduces the axes where they stood; the order of several decides about places. */
static node *of_transpose(graph *g, node *n) {
  if (!is_reduction_of(n, OP_TRANSPOSE)) return NULL;
  node *x = n->operands[0];
  int count;
  const int64_t *axes = node_ints(n, 0, &count), *order = node_ints(x, 0, NULL);
  int64_t from[MAX_RANK], kept[MAX_RANK], now[MAX_RANK];
  for (int i = 0; i < count; i++) {
    from[i] = order[axes[i]];
    if (is_place(n) && i > 0 && from[i] < from[i - 1]) return NULL;
  }
  axes_others(x->type.rank, axes, count, NULL, 0, kept);
  for (int i = 0; i < n->type.rank; i++) {
    now[i] = 0; /* kept axes of the operand that stand before this one */
    for (int k = 0; k < n->type.rank; k++) now[i] += order[kept[k]] < order[kept[i]];
  }
  return build_transpose(g, build_reduce(g, n->op, x->operands[0], count, from), now);
}

/* Mirrors only what is kept. */
static node *of_reverse(graph *g, node *n) {
  if (!is_reduction_of(n, OP_REVERSE)) return NULL;
  node *x = n->operands[0];
  int count, mirrored, kept_count = 0;
  const int64_t *axes = node_ints(n, 0, &count), *mirror = node_ints(x, 0, &mirrored);
  int64_t others[MAX_RANK], kept[MAX_RANK];
  axes_others(x->type.rank, axes, count, NULL, 0, others);
  for (int i = 0; i < n->type.rank; i++)
    if (axes_contain(mirror, mirrored, others[i])) kept[kept_count++] = i;
  if (is_place(n) && kept_count < mirrored) return NULL;
  node *value = build_reduce(g, n->op, x->operands[0], count, axes);
  return kept_count ? build_reverse(g, value, kept_count, kept) : value;
}

/* Over all elements the shape does not matter. */
static node *of_reshape(graph *g, node *n) {
  if (!is_reduction_of(n, OP_RESHAPE) || n->type.rank > 0) return NULL;
  node *x = n->operands[0]->operands[0];
  int64_t axes[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) axes[i] = i;
  return build_reduce(g, n->op, x, x->type.rank, axes);
}

/* Zeros add nothing. */
static node *sum_of_pad(graph *g, node *n) {
  if (n->op != OP_SUM || n->operands[0]->op != OP_PAD) return NULL;
  node *x = n->operands[0];
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t sides[3][MAX_RANK];
  bool drops = false;
  for (int list = 0; list < 3; list++) {
    for (int axis = 0; axis < x->type.rank; axis++) {
      int64_t zeros = node_ints(x, list, NULL)[axis];
      bool reduced = axes_contain(axes, count, axis);
      if (reduced && zeros < 0) return NULL;
      drops = drops || (reduced && zeros > 0);
      sides[list][axis] = reduced ? 0 : zeros;
    }
  }
  if (!drops) return NULL;
  return build_reduce(g, OP_SUM, build_pad(g, x->operands[0], sides[0], sides[1], sides[2]), count,
                      axes);
}

const simplify_rule simplify_reductions[] = {
    {"reduce_ones", over_ones},
    {"reduce_of_reduce", of_reduction},
    {"reduce_of_broadcast", of_broadcast},
    {"reduce_of_transpose", of_transpose},
    {"reduce_of_reverse", of_reverse},
    {"reduce_of_reshape", of_reshape},
    {"sum_of_pad", sum_of_pad},
    {NULL, NULL},
};
