/* The general contraction. */
#include <string.h>

#include "axes.h"
#include "batch.h"
#include "build.h"
#include "contraction.h"
#include "op.h"
#include "scalar.h"

enum { LEFT_BATCH, RIGHT_BATCH, LEFT_CONTRACT, RIGHT_CONTRACT };

static dot_axes axes_of(const node *n) {
  dot_axes axes;
  axes.left_batch = node_ints(n, LEFT_BATCH, &axes.batch_count);
  axes.right_batch = node_ints(n, RIGHT_BATCH, NULL);
  axes.left_contract = node_ints(n, LEFT_CONTRACT, &axes.contract_count);
  axes.right_contract = node_ints(n, RIGHT_CONTRACT, NULL);
  return axes;
}

/* The axes of an operand that are neither batch nor contracted, increasing. */
static int free_axes(const node *n, int side, int64_t free[MAX_RANK]) {
  int batch_count, contract_count;
  const int64_t *batch = node_ints(n, LEFT_BATCH + side, &batch_count);
  const int64_t *contract = node_ints(n, LEFT_CONTRACT + side, &contract_count);
  return axes_others(n->operands[side]->type.rank, batch, batch_count, contract, contract_count,
                     free);
}

/* C1 and C2 for one operand. */
static const char *side_violation(arena *a, const node *n, int side) {
  int rank = n->operands[side]->type.rank, batch_count, contract_count;
  const int64_t *batch = node_ints(n, LEFT_BATCH + side, &batch_count);
  const int64_t *contract = node_ints(n, LEFT_CONTRACT + side, &contract_count);
  const char *message = axes_violation(a, "dot", 2, batch, batch_count, rank, false);
  if (!message) message = axes_violation(a, "dot", 2, contract, contract_count, rank, false);
  for (int i = 0; i < contract_count && !message; i++)
    if (axes_contain(batch, batch_count, contract[i]))
      message = arena_printf(a, "dot C2: axis %lld is both batch and contracted",
                             (long long)contract[i]);
  return message;
}

static const char *extents_violation(arena *a, const node *n, int list, int number,
                                     const char *what) {
  int count;
  const int64_t *left = node_ints(n, list, &count);
  const int64_t *right = node_ints(n, list + 1, NULL);
  for (int i = 0; i < count; i++) {
    dim l = n->operands[0]->type.dims[left[i]], r = n->operands[1]->type.dims[right[i]];
    if (!dim_equal(l, r))
      return arena_printf(a, "dot C%d: %s extents differ: %lld and %lld", number, what,
                          (long long)l.maximum, (long long)r.maximum);
  }
  return NULL;
}

/* dot: the sum over the contracted axes of products; the result's axes are batch, left free,
 * right free
 *   C1  both operands have one element type, a number, and lists of equal length
 *   C2  axes lie within the rank and are named once
 *   C3  contracted extents are equal
 *   C4  batch extents are equal
 *   C5  the result's rank is at most MAX_RANK */
static const char *dot_type(arena *a, const node *n, tensor_type *result) {
  const tensor_type *left = &n->operands[0]->type, *right = &n->operands[1]->type;
  if (left->element != right->element || left->element == DTYPE_BOOL)
    return arena_printf(a, "dot C1: element types %s and %s", dtype_name(left->element),
                        dtype_name(right->element));
  if (n->attributes[LEFT_BATCH].count != n->attributes[RIGHT_BATCH].count ||
      n->attributes[LEFT_CONTRACT].count != n->attributes[RIGHT_CONTRACT].count)
    return "dot C1: the lists of axes have different lengths";
  const char *message = side_violation(a, n, 0);
  if (!message) message = side_violation(a, n, 1);
  if (!message) message = extents_violation(a, n, LEFT_CONTRACT, 3, "contracted");
  if (!message) message = extents_violation(a, n, LEFT_BATCH, 4, "batch");
  if (message) return message;
  dot_axes axes = axes_of(n);
  int64_t left_free[MAX_RANK], right_free[MAX_RANK];
  int lefts = free_axes(n, 0, left_free), rights = free_axes(n, 1, right_free);
  if (axes.batch_count + lefts + rights > MAX_RANK)
    return arena_printf(a, "dot C5: a result of rank %d", axes.batch_count + lefts + rights);
  *result = (tensor_type){.element = left->element};
  for (int i = 0; i < axes.batch_count; i++)
    result->dims[result->rank++] = left->dims[axes.left_batch[i]];
  for (int i = 0; i < lefts; i++) result->dims[result->rank++] = left->dims[left_free[i]];
  for (int i = 0; i < rights; i++) result->dims[result->rank++] = right->dims[right_free[i]];
  return NULL;
}

/* The cotangent of one side: contract the result's cotangent with the other side over the other
 * side's free axes, which leaves batch, this side's free axes and the contracted ones (in the order
 * of the other side's axes); then put them in place. */
static node *side_grad(graph *g, const node *n, node *cotangent, int side) {
  int64_t own_free[MAX_RANK], other_free[MAX_RANK], result_batch[MAX_RANK], result_other[MAX_RANK];
  int owns = free_axes(n, side, own_free), others = free_axes(n, 1 - side, other_free);
  int batch_count, contract_count;
  const int64_t *own_batch = node_ints(n, LEFT_BATCH + side, &batch_count);
  const int64_t *own_contract = node_ints(n, LEFT_CONTRACT + side, &contract_count);
  const int64_t *other_contract = node_ints(n, LEFT_CONTRACT + 1 - side, NULL);
  for (int i = 0; i < batch_count; i++) result_batch[i] = i;
  for (int i = 0; i < others; i++) result_other[i] = batch_count + (side == 0 ? owns : 0) + i;
  dot_axes axes = {batch_count, others, result_batch, node_ints(n, LEFT_BATCH + 1 - side, NULL),
                   result_other, other_free};
  node *product = build_dot(g, cotangent, n->operands[1 - side], &axes);
  int64_t place[MAX_RANK]; /* axis of the product for each axis of this side */
  int at = 0;
  for (int i = 0; i < batch_count; i++) place[own_batch[i]] = at++;
  for (int i = 0; i < owns; i++) place[own_free[i]] = at++;
  for (int axis = 0; axis < n->operands[1 - side]->type.rank; axis++)
    for (int i = 0; i < contract_count; i++)
      if (other_contract[i] == axis) place[own_contract[i]] = at++;
  return build_transpose(g, product, place);
}

static void dot_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                     node **operand_cotangents) {
  for (int side = 0; side < 2; side++)
    if (wanted[side]) operand_cotangents[side] = side_grad(g, n, cotangent, side);
}

/* The operand's index for one element of the result; contracted axes stay as they are. */
static void place_index(const node *n, int side, const int64_t *result_index,
                        int64_t index[MAX_RANK]) {
  int64_t left_free[MAX_RANK], right_free[MAX_RANK];
  int lefts = free_axes(n, 0, left_free), rights = free_axes(n, 1, right_free), batch_count;
  const int64_t *batch = node_ints(n, LEFT_BATCH + side, &batch_count);
  for (int i = 0; i < batch_count; i++) index[batch[i]] = result_index[i];
  const int64_t *free = side == 0 ? left_free : right_free;
  const int64_t *from = result_index + batch_count + (side == 0 ? 0 : lefts);
  for (int i = 0; i < (side == 0 ? lefts : rights); i++) index[free[i]] = from[i];
}

static void dot_eval(const evaluation *e, const node *n, const tensor *const *operands,
                     tensor *result) {
  (void)e;
  dot_axes axes = axes_of(n);
  const tensor *left = operands[0], *right = operands[1];
  tensor_type inner = {.rank = axes.contract_count};
  for (int i = 0; i < inner.rank; i++) inner.dims[i] = left->type.dims[axes.left_contract[i]];
  int64_t index[MAX_RANK] = {0}, k[MAX_RANK] = {0}, l[MAX_RANK], r[MAX_RANK], i = 0;
  do {
    place_index(n, 0, index, l);
    place_index(n, 1, index, r);
    double real = 0;
    uint64_t integer = 0;
    do {
      for (int c = 0; c < inner.rank; c++) {
        l[axes.left_contract[c]] = k[c];
        r[axes.right_contract[c]] = k[c];
      }
      int64_t at_left = axes_offset(&left->type, l), at_right = axes_offset(&right->type, r);
      if (dtype_is_float(n->type.element))
        real += left->reals[at_left] * right->reals[at_right];
      else
        integer += (uint64_t)left->ints[at_left] * (uint64_t)right->ints[at_right];
    } while (axes_next(&inner, k));
    if (dtype_is_float(n->type.element))
      result->reals[i++] = real;
    else
      result->ints[i++] = scalar_wrap(n->type.element, (int64_t)integer);
  } while (axes_next(&n->type, index));
}

static int64_t dot_operations(const node *n) {
  dot_axes axes = axes_of(n);
  int64_t terms = 1;
  for (int i = 0; i < axes.contract_count; i++)
    terms *= n->operands[0]->type.dims[axes.left_contract[i]].maximum;
  return op_times(2 * terms, type_elements(&n->type));
}

/* A dot's lists of axes: batch and contracted ones, of left and right. */
typedef struct dot_lists {
  batch_list left_batch, right_batch, left_contract, right_contract;
} dot_lists;

/* left, right: the sides whose axes move up. */
static dot_lists lists_behind(const node *n, bool left, bool right) {
  dot_lists l = {batch_axes(n, 0), batch_axes(n, 1), batch_axes(n, 2), batch_axes(n, 3)};
  batch_list *const lists[] = {&l.left_batch, &l.right_batch, &l.left_contract, &l.right_contract};
  for (int i = 0; i < 4; i++)
    for (int k = 0; !(i % 2 ? right : left) && k < lists[i]->count; k++) lists[i]->at[k]--;
  return l;
}

static node *dot_of(graph *g, node *left, node *right, const dot_lists *l) {
  const dot_axes all = {l->left_batch.count, l->left_contract.count, l->left_batch.at,
                        l->right_batch.at, l->left_contract.at, l->right_contract.at};
  return build_dot(g, left, right, &all);
}

static node *with_axis_in_front(graph *g, node *x, int axis) {
  int64_t order[MAX_RANK] = {axis};
  for (int i = 1; i < x->type.rank; i++) order[i] = i <= axis ? i - 1 : i;
  return build_transpose(g, x, order);
}

/* Where both sides vary the turns are a batch. Else they are a free axis of the side that varies, which
 * is made the left one where it can be, so that the turns come first. */
static node *dot_turns(graph *g, const node *n, node *const *operands, const bool *varies, dim turns) {
  (void)turns;
  dot_lists l = lists_behind(n, varies[0], varies[1]);
  if (varies[0] && varies[1]) {
    l.left_batch = batch_with_first(0, l.left_batch);
    l.right_batch = batch_with_first(0, l.right_batch);
    return dot_of(g, operands[0], operands[1], &l);
  }
  const int batch = l.left_batch.count, contracted = l.left_contract.count;
  const int lefts = n->operands[0]->type.rank - batch - contracted;
  if (varies[0]) return with_axis_in_front(g, dot_of(g, operands[0], operands[1], &l), batch);
  if (batch) return with_axis_in_front(g, dot_of(g, operands[0], operands[1], &l), batch + lefts);
  const dot_lists swapped = {l.right_batch, l.left_batch, l.right_contract, l.left_contract};
  node *product = dot_of(g, operands[1], operands[0], &swapped);
  const int rights = product->type.rank - 1 - lefts;
  int64_t order[MAX_RANK] = {0};
  for (int i = 0; i < lefts; i++) order[1 + i] = 1 + rights + i;
  for (int i = 0; i < rights; i++) order[1 + lefts + i] = 1 + i;
  return build_transpose(g, product, order);
}

static node *dot_over_turns(graph *g, const node *n, node *const *operands) {
  dot_lists l = lists_behind(n, true, true);
  l.left_contract = batch_with_first(0, l.left_contract);
  l.right_contract = batch_with_first(0, l.right_contract);
  return dot_of(g, operands[0], operands[1], &l);
}

static const op_batch dot_batch = {.turns = dot_turns, .sum = dot_over_turns};

const op_definition op_DOT = {.type = dot_type, .grad = dot_grad, .eval = dot_eval,
                              .lower = &contraction_lowering, .operations = dot_operations,
                              .batch = &dot_batch};
