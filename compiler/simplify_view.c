/* Views: what does nothing goes, and two of a kind become one. */
#include <string.h>

#include "axes.h"
#include "build.h"
#include "op.h"
#include "simplify.h"

static bool is_one(dim d) { return dim_equal(d, dim_fixed(1)); }

static bool all(const node *n, int position, int64_t value) {
  int count;
  const int64_t *list = node_ints(n, position, &count);
  for (int i = 0; i < count; i++)
    if (list[i] != value) return false;
  return true;
}

/* Does the view move nothing? */
static node *identity(graph *g, node *n) {
  (void)g;
  if (!op_has(n->op, VIEW) || !type_equal(&n->type, &n->operands[0]->type)) return NULL;
  node *x = n->operands[0];
  switch (n->op) {
  case OP_RESHAPE:
  case OP_BROADCAST:
  case OP_SLICE: return x; /* a slice of full extents starts at 0 with step 1 */
  case OP_PAD: return all(n, 0, 0) && all(n, 1, 0) ? x : NULL;
  case OP_CONCAT: return n->operand_count == 1 ? x : NULL;
  case OP_TRANSPOSE:
    for (int i = 0; i < n->type.rank; i++)
      if (node_ints(n, 0, NULL)[i] != i) return NULL;
    return x;
  default: return NULL;
  }
}

/* Any view of copies of a scalar is copies of it, unless zeros come in. */
static node *of_copies(graph *g, node *n) {
  if (!op_has(n->op, VIEW)) return NULL;
  node *scalar = simplify_scalar(n->operands[0]);
  if (!scalar || n->op == OP_CONCAT) return NULL;
  if (op_has(n->op, PADDED) && !simplify_is(scalar, 0)) return NULL;
  return n->op == OP_BROADCAST && scalar == n->operands[0]
             ? NULL
             : build_broadcast_to(g, scalar, &n->type);
}

/* --- reshape ------------------------------------------------------------------------------- */

static node *reshape_of_reshape(graph *g, node *n) {
  if (n->op != OP_RESHAPE || n->operands[0]->op != OP_RESHAPE) return NULL;
  return build_reshape(g, n->operands[0]->operands[0], n->type.rank, n->type.dims);
}

/* Where the axes longer than 1 of two shapes correspond in order: those of `to`, by those of
 * `from`; -1 for extents of 1. */
static bool same_but_ones(const tensor_type *from, const tensor_type *to, int64_t axes[MAX_RANK]) {
  int at = 0;
  for (int i = 0; i < from->rank; i++) {
    axes[i] = -1;
    if (is_one(from->dims[i])) continue;
    while (at < to->rank && is_one(to->dims[at])) at++;
    if (at == to->rank || !dim_equal(from->dims[i], to->dims[at])) return false;
    axes[i] = at++;
  }
  while (at < to->rank && is_one(to->dims[at])) at++;
  return at == to->rank;
}

/* A reshape that puts in and takes out axes of extent 1 does so before the repetition. */
static node *reshape_of_broadcast(graph *g, node *n) {
  if (n->op != OP_RESHAPE || n->operands[0]->op != OP_BROADCAST) return NULL;
  node *wide = n->operands[0], *x = wide->operands[0];
  int64_t places[MAX_RANK], axes[MAX_RANK];
  dim dims[MAX_RANK];
  int rank = 0;
  if (!same_but_ones(&wide->type, &n->type, places)) return NULL;
  for (int i = 0; i < x->type.rank; i++) {
    int64_t place = places[node_ints(wide, 1, NULL)[i]];
    if (place < 0) continue;
    dims[rank] = x->type.dims[i];
    axes[rank++] = place;
  }
  return build_broadcast(g, build_reshape(g, x, rank, dims), &n->type, axes);
}

/* --- transpose ----------------------------------------------------------------------------- */

/* transpose(dot(x, y)) that moves y's free axes before x's is dot(y, x). */
static node *transpose_of_dot(graph *g, node *n) {
  if (n->op != OP_TRANSPOSE || n->operands[0]->op != OP_DOT) return NULL;
  const node *x = n->operands[0];
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

/* Where the axes longer than 1 keep their order, the transpose is a reshape. */
static node *transpose_of_ones(graph *g, node *n) {
  if (n->op != OP_TRANSPOSE) return NULL;
  const int64_t *axes = node_ints(n, 0, NULL);
  int64_t last = -1;
  for (int i = 0; i < n->type.rank; i++) {
    if (is_one(n->type.dims[i])) continue;
    if (axes[i] < last) return NULL;
    last = axes[i];
  }
  return build_reshape(g, n->operands[0], n->type.rank, n->type.dims);
}

static node *transpose_of_transpose(graph *g, node *n) {
  if (n->op != OP_TRANSPOSE || n->operands[0]->op != OP_TRANSPOSE) return NULL;
  const int64_t *outer = node_ints(n, 0, NULL), *inner = node_ints(n->operands[0], 0, NULL);
  int64_t axes[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) axes[i] = inner[outer[i]];
  return build_transpose(g, n->operands[0]->operands[0], axes);
}

/* Transposes what is repeated, where that is needed at all. */
static node *transpose_of_broadcast(graph *g, node *n) {
  if (n->op != OP_TRANSPOSE || n->operands[0]->op != OP_BROADCAST) return NULL;
  node *wide = n->operands[0], *x = wide->operands[0];
  const int64_t *places = node_ints(wide, 1, NULL), *order = node_ints(n, 0, NULL);
  int64_t axes[MAX_RANK], from[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < n->type.rank; i++) {
    for (int k = 0; k < x->type.rank; k++) {
      if (places[k] != order[i]) continue;
      axes[rank] = i;
      from[rank++] = k;
    }
  }
  return build_broadcast(g, build_transpose(g, x, from), &n->type, axes);
}

/* --- broadcast ----------------------------------------------------------------------------- */

bool simplify_inserts_ones(const tensor_type *from, const tensor_type *to, int64_t axes[MAX_RANK]) {
  int at = 0;
  for (int i = 0; i < to->rank; i++) {
    if (at < from->rank && dim_equal(from->dims[at], to->dims[i]))
      axes[at++] = i;
    else if (!is_one(to->dims[i]))
      return false;
  }
  return at == from->rank;
}

/* The broadcast of the operand's operand, whose axes stand at `inner` in the operand. */
static node *through(graph *g, const node *n, const int64_t *inner) {
  node *x = n->operands[0]->operands[0];
  int64_t axes[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) axes[i] = node_ints(n, 1, NULL)[inner[i]];
  return build_broadcast(g, x, &n->type, axes);
}

static node *broadcast_of_broadcast(graph *g, node *n) {
  if (n->op != OP_BROADCAST || n->operands[0]->op != OP_BROADCAST) return NULL;
  return through(g, n, node_ints(n->operands[0], 1, NULL));
}

/* Of a reshape that puts in axes of extent 1, such as those kept by a reduction. */
static node *broadcast_of_kept_axes(graph *g, node *n) {
  int64_t inner[MAX_RANK];
  if (n->op != OP_BROADCAST || n->operands[0]->op != OP_RESHAPE) return NULL;
  const node *x = n->operands[0];
  return simplify_inserts_ones(&x->operands[0]->type, &x->type, inner) ? through(g, n, inner) : NULL;
}

/* --- reverse ------------------------------------------------------------------------------- */

/* Mirroring twice, or along an axis of extent 1, does nothing. */
static node *reverse_of_reverse(graph *g, node *n) {
  if (n->op != OP_REVERSE) return NULL;
  node *x = n->operands[0];
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

/* Mirrors what is repeated, along its own axes. */
static node *reverse_of_broadcast(graph *g, node *n) {
  if (n->op != OP_REVERSE || n->operands[0]->op != OP_BROADCAST) return NULL;
  node *wide = n->operands[0], *x = wide->operands[0];
  int count, own_count = 0;
  const int64_t *axes = node_ints(n, 0, &count), *places = node_ints(wide, 1, NULL);
  int64_t own[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++)
    if (axes_contain(axes, count, places[i]) && !is_one(x->type.dims[i])) own[own_count++] = i;
  return build_broadcast(g, own_count ? build_reverse(g, x, own_count, own) : x, &n->type, places);
}

const simplify_rule simplify_views[] = {
    {"identity_views", identity},
    {"views_of_copies", of_copies},
    {"reshape_of_reshape", reshape_of_reshape},
    {"reshape_of_broadcast", reshape_of_broadcast},
    {"transpose_of_dot", transpose_of_dot},
    {"transpose_of_ones", transpose_of_ones},
    {"transpose_of_transpose", transpose_of_transpose},
    {"transpose_of_broadcast", transpose_of_broadcast},
    {"broadcast_of_broadcast", broadcast_of_broadcast},
    {"broadcast_of_kept_axes", broadcast_of_kept_axes},
    {"reverse_of_reverse", reverse_of_reverse},
    {"reverse_of_broadcast", reverse_of_broadcast},
    {NULL, NULL},
};
