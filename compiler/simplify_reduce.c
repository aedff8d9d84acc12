/* Reductions and contractions. Rules return NULL where they do not apply. */
#include <string.h>

#include "axes.h"
#include "build.h"
#include "half.h"
#include "op.h"
#include "scalar.h"
#include "simplify.h"

static bool is_place(const node *n) { return n->op == OP_ARGMAX || n->op == OP_ARGMIN; }

/* Axes of extent 1 are dropped by a reshape; they do not count in the flat index either. */
static node *over_ones(graph *g, node *n, node *x) {
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
static node *of_reduction(graph *g, node *n, node *x) {
  if (x->op != n->op || is_place(n)) return NULL;
  bool extremum = n->op == OP_MAX || n->op == OP_MIN;
  if (half_is(n->type.element) && !extremum) return NULL; /* the first one's rounding is a value */
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
static node *of_broadcast(graph *g, node *n, node *x) {
  if (x->op != OP_BROADCAST || is_place(n) || n->op == OP_PROD) return NULL;
  if (half_is(n->type.element) && n->op == OP_SUM) return NULL; /* the count might not fit */
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

node *simplify_reduce(graph *g, node *n) {
  node *x = n->operands[0], *simple = over_ones(g, n, x);
  if (!simple) simple = of_reduction(g, n, x);
  if (!simple) simple = of_broadcast(g, n, x);
  return simple ? simple : n;
}

/* The contraction over the operand of a transpose, where its free axes keep their order. */
static node *over_transposed(graph *g, node *n, int side) {
  node *x = n->operands[side];
  if (x->op != OP_TRANSPOSE) return NULL;
  const int64_t *order = node_ints(x, 0, NULL);
  int64_t free[MAX_RANK], lists[4][MAX_RANK];
  int counts[4];
  for (int i = 0; i < 4; i++) {
    const int64_t *list = node_ints(n, i, &counts[i]);
    for (int k = 0; k < counts[i]; k++) lists[i][k] = i % 2 == side ? order[list[k]] : list[k];
  }
  int count = axes_others(x->type.rank, node_ints(n, side, NULL), counts[side],
                          node_ints(n, 2 + side, NULL), counts[2 + side], free);
  for (int i = 1; i < count; i++)
    if (order[free[i - 1]] > order[free[i]]) return NULL;
  dot_axes axes = {counts[0], counts[2], lists[0], lists[1], lists[2], lists[3]};
  node *operands[] = {n->operands[0], n->operands[1]};
  operands[side] = x->operands[0];
  return build_dot(g, operands[0], operands[1], &axes);
}

node *simplify_dot(graph *g, node *n) {
  node *simple = over_transposed(g, n, 0);
  if (!simple) simple = over_transposed(g, n, 1);
  return simple ? simple : n;
}
