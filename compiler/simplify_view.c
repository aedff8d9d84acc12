/* Views: what does nothing goes, and two of a kind become one. Rules return NULL where they do not
 * apply. */
#include <string.h>

#include "axes.h"
#include "build.h"
#include "op.h"
#include "simplify.h"

static bool all(const node *n, int position, int64_t value) {
  int count;
  const int64_t *list = node_ints(n, position, &count);
  for (int i = 0; i < count; i++)
    if (list[i] != value) return false;
  return true;
}

/* Does the view move nothing? */
static bool is_identity(const node *n) {
  if (!type_equal(&n->type, &n->operands[0]->type)) return false;
  switch (n->op) {
  case OP_RESHAPE:
  case OP_BROADCAST:
  case OP_SLICE: return true; /* a slice of full extents starts at 0 with step 1 */
  case OP_PAD: return all(n, 0, 0) && all(n, 1, 0);
  case OP_CONCAT: return n->operand_count == 1;
  case OP_TRANSPOSE:
    for (int i = 0; i < n->type.rank; i++)
      if (node_ints(n, 0, NULL)[i] != i) return false;
    return true;
  default: return false;
  }
}

/* Any view of copies of a scalar is copies of it, unless zeros come in. */
static node *of_scalar(graph *g, node *n) {
  node *scalar = simplify_scalar(n->operands[0]);
  if (!scalar || n->op == OP_CONCAT) return NULL;
  if ((n->op == OP_PAD || n->op == OP_WINDOW) && !simplify_is(scalar, 0)) return NULL;
  return n->op == OP_BROADCAST && scalar == n->operands[0]
             ? NULL
             : build_broadcast_to(g, scalar, &n->type);
}

/* transpose(dot(x, y)) that moves y's free axes before x's is dot(y, x). */
static node *transpose_of_dot(graph *g, node *n, node *x) {
  int batch, contracts;
  dot_axes axes = {.left_batch = node_ints(x, 1, &batch), .right_batch = node_ints(x, 0, NULL),
                   .left_contract = node_ints(x, 3, &contracts),
                   .right_contract = node_ints(x, 2, NULL)};
  axes.batch_count = batch;
  axes.contract_count = contracts;
  int rights = x->operands[1]->type.rank - batch - contracts, lefts = n->type.rank - batch - rights;
  const int64_t *order = node_ints(n, 0, NULL);
  for (int i = 0; i < n->type.rank; i++) {
    int from = i < batch ? i : i < batch + rights ? i + lefts : i - rights;
    if (order[i] != from) return NULL;
  }
  return build_dot(g, x->operands[1], x->operands[0], &axes);
}

/* Do the axes longer than 1 keep their order? Then the transpose is a reshape. */
static bool moves_only_ones(const node *n) {
  const int64_t *axes = node_ints(n, 0, NULL);
  int64_t last = -1;
  for (int i = 0; i < n->type.rank; i++) {
    if (dim_equal(n->type.dims[i], dim_fixed(1))) continue;
    if (axes[i] < last) return false;
    last = axes[i];
  }
  return true;
}

static node *simplify_transpose(graph *g, node *n, node *x) {
  if (x->op == OP_DOT) return transpose_of_dot(g, n, x);
  if (moves_only_ones(n)) return build_reshape(g, x, n->type.rank, n->type.dims);
  if (x->op != OP_TRANSPOSE) return NULL;
  const int64_t *outer = node_ints(n, 0, NULL), *inner = node_ints(x, 0, NULL);
  int64_t axes[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) axes[i] = inner[outer[i]];
  return build_transpose(g, x->operands[0], axes);
}

/* Axes of `to` that hold the axes of `from`, where `to` is `from` with axes of extent 1 put in. */
static bool inserts_ones(const tensor_type *from, const tensor_type *to, int64_t axes[MAX_RANK]) {
  int at = 0;
  for (int i = 0; i < to->rank; i++) {
    if (at < from->rank && dim_equal(from->dims[at], to->dims[i]))
      axes[at++] = i;
    else if (!dim_equal(to->dims[i], dim_fixed(1)))
      return false;
  }
  return at == from->rank;
}

/* A broadcast of a broadcast, or of a reshape that puts in axes of extent 1. */
static node *simplify_broadcast(graph *g, node *n, node *x) {
  int64_t inner[MAX_RANK], axes[MAX_RANK];
  if (x->op == OP_BROADCAST)
    memcpy(inner, node_ints(x, 1, NULL), (size_t)x->operands[0]->type.rank * sizeof *inner);
  else if (x->op != OP_RESHAPE || !inserts_ones(&x->operands[0]->type, &x->type, inner))
    return NULL;
  for (int i = 0; i < x->operands[0]->type.rank; i++) axes[i] = node_ints(n, 1, NULL)[inner[i]];
  return build_broadcast(g, x->operands[0], &n->type, axes);
}

static node *slice_of_slice(graph *g, node *n, node *x) {
  int64_t starts[MAX_RANK], limits[MAX_RANK], steps[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) {
    int64_t inner = node_ints(x, 2, NULL)[i], first = node_ints(n, 0, NULL)[i];
    bool single = n->type.dims[i].maximum == 1;
    starts[i] = node_ints(x, 0, NULL)[i] + first * inner;
    steps[i] = single ? 1 : node_ints(n, 2, NULL)[i] * inner;
    limits[i] = starts[i] + (n->type.dims[i].maximum - 1) * steps[i] + 1;
    if (n->type.dims[i].symbol) limits[i] = n->type.dims[i].maximum;
  }
  return build_slice(g, x->operands[0], starts, limits, steps);
}

/* Slices what is repeated, then repeats it. */
static node *slice_of_broadcast(graph *g, node *n, node *x) {
  node *from = x->operands[0];
  const int64_t *axes = node_ints(x, 1, NULL);
  int64_t starts[MAX_RANK], limits[MAX_RANK], steps[MAX_RANK];
  for (int i = 0; i < from->type.rank; i++) {
    bool repeated = !dim_equal(from->type.dims[i], x->type.dims[axes[i]]);
    starts[i] = repeated ? 0 : node_ints(n, 0, NULL)[axes[i]];
    limits[i] = repeated ? 1 : node_ints(n, 1, NULL)[axes[i]];
    steps[i] = repeated ? 1 : node_ints(n, 2, NULL)[axes[i]];
  }
  return build_broadcast(g, build_slice(g, from, starts, limits, steps), &n->type, axes);
}

/* A slice within one part of a concatenation. */
static node *slice_of_concat(graph *g, node *n, node *x) {
  int64_t axis = node_int(x, 0), starts[MAX_RANK], limits[MAX_RANK], before = 0;
  memcpy(starts, node_ints(n, 0, NULL), (size_t)n->type.rank * sizeof *starts);
  memcpy(limits, node_ints(n, 1, NULL), (size_t)n->type.rank * sizeof *limits);
  for (int i = 0; i < x->operand_count; i++) {
    int64_t extent = x->operands[i]->type.dims[axis].maximum;
    if (starts[axis] >= before && limits[axis] <= before + extent) {
      starts[axis] -= before;
      limits[axis] -= before;
      return build_slice(g, x->operands[i], starts, limits, node_ints(n, 2, NULL));
    }
    before += extent;
  }
  return NULL;
}

static node *simplify_slice(graph *g, node *n, node *x) {
  switch (x->op) {
  case OP_SLICE: return slice_of_slice(g, n, x);
  case OP_BROADCAST: return slice_of_broadcast(g, n, x);
  case OP_CONCAT: return slice_of_concat(g, n, x);
  default: return NULL;
  }
}

/* Mirroring twice, or along an axis of extent 1, does nothing. */
static node *simplify_reverse(graph *g, node *n, node *x) {
  int count, inner_count = 0, kept = 0;
  const int64_t *axes = node_ints(n, 0, &count), *inner = NULL;
  if (x->op == OP_REVERSE) inner = node_ints(x, 0, &inner_count);
  int64_t once[MAX_RANK];
  for (int axis = 0; axis < n->type.rank; axis++)
    if (axes_contain(axes, count, axis) != axes_contain(inner, inner_count, axis) &&
        n->type.dims[axis].maximum > 1)
      once[kept++] = axis;
  if (kept == count && inner_count == 0 && count > 0) return NULL;
  node *from = inner_count > 0 ? x->operands[0] : x;
  return kept == 0 ? from : build_reverse(g, from, kept, once);
}

node *simplify_view(graph *g, node *n) {
  node *x = n->operands[0], *simple = is_identity(n) ? x : of_scalar(g, n);
  if (simple) return simple;
  switch (n->op) {
  case OP_RESHAPE:
    if (x->op == OP_RESHAPE)
      simple = build_reshape(g, x->operands[0], n->type.rank, n->type.dims);
    else if (x->type.rank == 0)
      simple = build_broadcast_to(g, x, &n->type);
    break;
  case OP_TRANSPOSE: simple = simplify_transpose(g, n, x); break;
  case OP_BROADCAST: simple = simplify_broadcast(g, n, x); break;
  case OP_SLICE: simple = simplify_slice(g, n, x); break;
  case OP_REVERSE: simple = simplify_reverse(g, n, x); break;
  default: break;
  }
  return simple ? simple : n;
}
