/* Views that keep every element: reshape, transpose, broadcast, reverse. */
#include <string.h>

#include "axes.h"
#include "batch.h"
#include "build.h"
#include "lower.h"
#include "op.h"

/* The bounded sizes of a shape in order: reshape must keep them as whole axes. */
static int symbols_of(const tensor_type *t, dim symbols[MAX_RANK]) {
  int count = 0;
  for (int i = 0; i < t->rank; i++)
    if (t->dims[i].symbol) symbols[count++] = t->dims[i];
  return count;
}

/* reshape: the same elements in row-major order
 *   C1  element types are equal
 *   C2  element counts are equal
 *   C3  axes of bounded size are kept, and stand before or after the same number of elements */
static const char *reshape_type(arena *a, const node *n, tensor_type *result) {
  const tensor_type *from = &n->operands[0]->type;
  *result = *n->attributes[0].type;
  if (from->element != result->element)
    return arena_printf(a, "reshape C1: from %s to %s", dtype_name(from->element),
                        dtype_name(result->element));
  if (type_elements(from) != type_elements(result))
    return arena_printf(a, "reshape C2: %s has %lld elements and %s has %lld",
                        shape_text(a, from), (long long)type_elements(from),
                        shape_text(a, result), (long long)type_elements(result));
  dim old[MAX_RANK], new[MAX_RANK];
  int count = symbols_of(from, old);
  bool kept = count == symbols_of(result, new);
  int64_t from_strides[MAX_RANK], strides[MAX_RANK];
  type_strides(from, from_strides);
  type_strides(result, strides);
  for (int i = 0, f = 0, r = 0; kept && i < count; i++, f++, r++) {
    while (!from->dims[f].symbol) f++;
    while (!result->dims[r].symbol) r++;
    kept = dim_equal(old[i], new[i]) && from_strides[f] == strides[r];
  }
  if (!kept)
    return arena_printf(a, "reshape C3: a bounded size of %s is not kept in %s",
                        shape_text(a, from), shape_text(a, result));
  return NULL;
}

static void reshape_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                         node **operand_cotangents) {
  const tensor_type *to = &n->operands[0]->type;
  if (wanted[0]) operand_cotangents[0] = build_reshape(g, cotangent, to->rank, to->dims);
}

static void reshape_eval(const evaluation *e, const node *n, const tensor *const *operands,
                         tensor *result) {
  (void)e;
  int64_t count = type_elements(&n->type);
  for (int64_t i = 0; i < count; i++) tensor_copy_element(operands[0], i, result, i);
}

/* transpose: axis i of the result is axis axes[i] of the operand
 *   C1  axes name every axis of the operand once */
static const char *transpose_type(arena *a, const node *n, tensor_type *result) {
  const tensor_type *from = &n->operands[0]->type;
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  if (count != from->rank)
    return arena_printf(a, "transpose C1: %d axes for a tensor of rank %d", count, from->rank);
  const char *message = axes_violation(a, "transpose", 1, axes, count, from->rank, false);
  if (message) return message;
  *result = *from;
  for (int i = 0; i < count; i++) result->dims[i] = from->dims[axes[i]];
  return NULL;
}

static void transpose_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                           node **operand_cotangents) {
  if (!wanted[0]) return;
  const int64_t *axes = node_ints(n, 0, NULL);
  int64_t inverse[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) inverse[axes[i]] = i;
  operand_cotangents[0] = build_transpose(g, cotangent, inverse);
}

static void transpose_eval(const evaluation *e, const node *n, const tensor *const *operands,
                           tensor *result) {
  (void)e;
  const int64_t *axes = node_ints(n, 0, NULL);
  int64_t index[MAX_RANK] = {0}, from[MAX_RANK], i = 0;
  do {
    for (int k = 0; k < n->type.rank; k++) from[axes[k]] = index[k];
    tensor_copy_element(operands[0], axes_offset(&operands[0]->type, from), result, i++);
  } while (axes_next(&n->type, index));
}

/* broadcast: axis i of the operand is axis axes[i] of the result
 *   C1  element types are equal
 *   C2  one axis of the result for every axis of the operand, in increasing order
 *   C3  the operand's extents are 1 or those of the result */
static const char *broadcast_type(arena *a, const node *n, tensor_type *result) {
  const tensor_type *from = &n->operands[0]->type;
  *result = *n->attributes[0].type;
  if (from->element != result->element)
    return arena_printf(a, "broadcast C1: from %s to %s", dtype_name(from->element),
                        dtype_name(result->element));
  int count;
  const int64_t *axes = node_ints(n, 1, &count);
  if (count != from->rank)
    return arena_printf(a, "broadcast C2: %d axes for an operand of rank %d", count, from->rank);
  const char *message = axes_violation(a, "broadcast", 2, axes, count, result->rank, true);
  if (message) return message;
  for (int i = 0; i < count; i++) {
    dim d = from->dims[i];
    if (!dim_equal(d, result->dims[axes[i]]) && !dim_equal(d, dim_fixed(1)))
      return arena_printf(a, "broadcast C3: %s does not extend to %s", shape_text(a, from),
                          shape_text(a, result));
  }
  return NULL;
}

/* The sum over every axis along which the operand was repeated. */
static void broadcast_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                           node **operand_cotangents) {
  if (!wanted[0]) return;
  const tensor_type *from = &n->operands[0]->type;
  const int64_t *axes = node_ints(n, 1, NULL);
  int64_t kept[MAX_RANK], repeated[MAX_RANK];
  int count = 0;
  for (int i = 0; i < from->rank; i++)
    if (dim_equal(from->dims[i], n->type.dims[axes[i]])) kept[count++] = axes[i];
  int sums = axes_others(n->type.rank, kept, count, NULL, 0, repeated);
  node *sum = sums > 0 ? build_reduce(g, OP_SUM, cotangent, sums, repeated) : cotangent;
  operand_cotangents[0] = build_reshape(g, sum, from->rank, from->dims);
}

static void broadcast_eval(const evaluation *e, const node *n, const tensor *const *operands,
                           tensor *result) {
  (void)e;
  const tensor_type *from = &operands[0]->type;
  const int64_t *axes = node_ints(n, 1, NULL);
  int64_t index[MAX_RANK] = {0}, from_index[MAX_RANK], i = 0;
  do {
    for (int k = 0; k < from->rank; k++)
      from_index[k] = from->dims[k].maximum == 1 ? 0 : index[axes[k]];
    tensor_copy_element(operands[0], axes_offset(from, from_index), result, i++);
  } while (axes_next(&n->type, index));
}

/* reverse
 *   C1  axes lie within the rank, in increasing order
 *   C2  their sizes are fixed */
static const char *reverse_type(arena *a, const node *n, tensor_type *result) {
  *result = n->operands[0]->type;
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  const char *message = axes_violation(a, "reverse", 1, axes, count, result->rank, true);
  if (message) return message;
  for (int i = 0; i < count; i++)
    if (result->dims[axes[i]].symbol)
      return arena_printf(a, "reverse C2: axis %lld has the bounded size %s", (long long)axes[i],
                          result->dims[axes[i]].symbol);
  return NULL;
}

static void reverse_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                         node **operand_cotangents) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  if (wanted[0]) operand_cotangents[0] = build_reverse(g, cotangent, count, axes);
}

static void reverse_eval(const evaluation *e, const node *n, const tensor *const *operands,
                         tensor *result) {
  (void)e;
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t index[MAX_RANK] = {0}, from[MAX_RANK], i = 0;
  do {
    memcpy(from, index, sizeof from);
    for (int k = 0; k < count; k++)
      from[axes[k]] = n->type.dims[axes[k]].maximum - 1 - index[axes[k]];
    tensor_copy_element(operands[0], axes_offset(&n->type, from), result, i++);
  } while (axes_next(&n->type, index));
}

static int reshape_access(arena *a, const node *n, int read, const index_expr *const *at,
                          const index_expr **operand_at, index_guard *guard) {
  (void)guard;
  if (read > 0) return -1;
  index_unflatten(a, &n->operands[0]->type, index_flatten(a, &n->type, at), operand_at);
  return 0;
}

static int transpose_access(arena *a, const node *n, int read, const index_expr *const *at,
                            const index_expr **operand_at, index_guard *guard) {
  (void)a, (void)guard;
  const int64_t *axes = node_ints(n, 0, NULL);
  for (int i = 0; i < n->type.rank; i++) operand_at[axes[i]] = at[i];
  return read > 0 ? -1 : 0;
}

static int broadcast_access(arena *a, const node *n, int read, const index_expr *const *at,
                            const index_expr **operand_at, index_guard *guard) {
  (void)guard;
  const tensor_type *from = &n->operands[0]->type;
  const int64_t *axes = node_ints(n, 1, NULL);
  for (int i = 0; i < from->rank; i++)
    operand_at[i] = from->dims[i].maximum == 1 ? index_constant(a, 0) : at[axes[i]];
  return read > 0 ? -1 : 0;
}

static int reverse_access(arena *a, const node *n, int read, const index_expr *const *at,
                          const index_expr **operand_at, index_guard *guard) {
  (void)guard;
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  for (int i = 0; i < n->type.rank; i++)
    operand_at[i] = !axes_contain(axes, count, i)
                        ? at[i]
                        : index_add(a, index_constant(a, n->type.dims[i].maximum - 1),
                                    index_scale(a, at[i], -1));
  return read > 0 ? -1 : 0;
}

static const loop_expr *view_element(lowering *l, const node *n, const element_parts *parts) {
  (void)l, (void)n;
  return parts->reads[0];
}

static const op_lowering reshape_lower = {.access = reshape_access, .element = view_element};
static const op_lowering transpose_lower = {.access = transpose_access, .element = view_element};
static const op_lowering broadcast_lower = {.access = broadcast_access, .element = view_element};
static const op_lowering reverse_lower = {.access = reverse_access, .element = view_element};

static node *reshape_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                           dim turns) {
  (void)varies;
  const tensor_type all = batch_type(&n->type, turns);
  return build_reshape(g, operands[0], all.rank, all.dims);
}

static node *transpose_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                             dim turns) {
  (void)varies, (void)turns;
  return build_transpose(g, operands[0], batch_with_first(0, batch_axes(n, 0)).at);
}

static node *broadcast_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                             dim turns) {
  (void)varies;
  const tensor_type all = batch_type(&n->type, turns);
  return build_broadcast(g, operands[0], &all, batch_with_first(0, batch_axes(n, 1)).at);
}

static node *reverse_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                           dim turns) {
  (void)varies, (void)turns;
  const batch_list axes = batch_axes(n, 0);
  return build_reverse(g, operands[0], axes.count, axes.at);
}

static const op_batch reshape_batch = {.turns = reshape_turns};
static const op_batch transpose_batch = {.turns = transpose_turns};
static const op_batch broadcast_batch = {.turns = broadcast_turns};
static const op_batch reverse_batch = {.turns = reverse_turns};

const op_definition op_RESHAPE = {.type = reshape_type, .grad = reshape_grad,
                                  .eval = reshape_eval,
                                  .lower = &reshape_lower, .batch = &reshape_batch};
const op_definition op_TRANSPOSE = {.type = transpose_type, .grad = transpose_grad,
                                    .eval = transpose_eval,
                                    .lower = &transpose_lower, .batch = &transpose_batch};
const op_definition op_BROADCAST = {.type = broadcast_type, .grad = broadcast_grad,
                                    .eval = broadcast_eval,
                                    .lower = &broadcast_lower, .batch = &broadcast_batch};
const op_definition op_REVERSE = {.type = reverse_type, .grad = reverse_grad,
                                  .eval = reverse_eval,
                                  .lower = &reverse_lower, .batch = &reverse_batch};
