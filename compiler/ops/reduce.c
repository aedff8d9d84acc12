/* Reductions: sum, prod, max, min and the places of extrema. They remove their axes. */
#include <math.h>

#include "axes.h"
#include "batch.h"
#include "build.h"
#include "lower.h"
#include "op.h"
#include "scalar.h"

/* sum, prod, max, min (of bool: any and all)
 *   C1  axes lie within the rank, in increasing order */
/* sum, prod
 *   C2  the operand is not bool */
static const char *reduce_type(arena *a, const node *n, tensor_type *result) {
  const tensor_type *from = &n->operands[0]->type;
  const char *name = op_infos[n->op].name;
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  const char *message = axes_violation(a, name, 1, axes, count, from->rank, true);
  if (message) return message;
  if (from->element == DTYPE_BOOL && (n->op == OP_SUM || n->op == OP_PROD))
    return arena_printf(a, "%s C2: the operand is bool", name);
  int64_t kept[MAX_RANK];
  *result = (tensor_type){.element = from->element};
  result->rank = axes_others(from->rank, axes, count, NULL, 0, kept);
  for (int i = 0; i < result->rank; i++) result->dims[i] = from->dims[kept[i]];
  return NULL;
}

static int64_t reduced_count(const node *n) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t elements = 1;
  for (int i = 0; i < count; i++) elements *= n->operands[0]->type.dims[axes[i]].maximum;
  return elements;
}

/* argmax, argmin: the flat row-major index over the reduced axes, as i32
 *   C1  axes lie within the rank, in increasing order
 *   C3  the number of reduced elements fits i32 */
static const char *place_type(arena *a, const node *n, tensor_type *result) {
  const char *message = reduce_type(a, n, result);
  if (message) return message;
  if (reduced_count(n) > INT32_MAX)
    return arena_printf(a, "%s C3: i32 does not hold the indices of %lld elements",
                        op_infos[n->op].name, (long long)reduced_count(n));
  result->element = DTYPE_I32;
  return NULL;
}

/* Repeats a value of the result's shape along the reduced axes. */
static node *spread(graph *g, const node *n, node *value) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  tensor_type type = n->operands[0]->type;
  int64_t kept[MAX_RANK];
  axes_others(type.rank, axes, count, NULL, 0, kept);
  type.element = value->type.element;
  return build_broadcast(g, value, &type, kept);
}

static void sum_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                     node **operand_cotangents) {
  if (wanted[0]) operand_cotangents[0] = spread(g, n, cotangent);
}

/* Moves axis 1 of x[outer, inner] by `by` places up, with ones coming in. */
static node *shift_in_ones(graph *g, node *x, int64_t by) {
  int64_t outer = x->type.dims[0].maximum, inner = x->type.dims[1].maximum;
  tensor_type type = x->type;
  type.dims[1] = dim_fixed(by);
  node *ones = build_splat(g, &type, 1);
  if (by == inner) return ones;
  node *rest = build_slice(g, x, (int64_t[]){0, 0}, (int64_t[]){outer, inner - by},
                           (int64_t[]){1, 1});
  return build_concat(g, 2, (node *[]){ones, rest}, 1);
}

/* Products of all elements before each one along axis 1, by doubling (Hillis and Steele, 1986). */
static node *products_before(graph *g, node *x) {
  node *product = shift_in_ones(g, x, 1);
  for (int64_t by = 1; product && by < x->type.dims[1].maximum; by *= 2)
    product = build_map2(g, SCALAR_MUL, product, shift_in_ones(g, product, by));
  return product;
}

/* For each element of the operand the product of the others over further axes, where its own place has a
 * one: as many factors for each as there are elements, but no axis needs a known size. */
static node *others_by_mask(graph *g, const node *n) {
  node *x = n->operands[0], *same = NULL;
  int count, rank = x->type.rank;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t order[MAX_RANK], places[MAX_RANK], behind[MAX_RANK];
  int kept = axes_others(rank, axes, count, NULL, 0, order);
  tensor_type type = x->type;
  if (rank + count > MAX_RANK) {
    diag_error(g->diagnostics, g->at, "the derivative of a product over %d axes of %s takes more than %d "
               "axes, since a size is bounded", count, type_text(g->arena, &x->type), MAX_RANK);
    return NULL;
  }
  for (int i = 0; i < kept; i++) places[i] = order[i];
  for (int i = 0; i < count; i++) {
    order[kept + i] = axes[i];
    behind[i] = places[kept + i] = rank + i;
    type.dims[rank + i] = x->type.dims[axes[i]];
  }
  type.rank += count;
  tensor_type index = type;
  index.element = DTYPE_I32;
  for (int i = 0; i < count; i++) {
    node *equal = build_map2(g, SCALAR_EQ, build_iota(g, &index, (int)axes[i]),
                             build_iota(g, &index, rank + i));
    same = same ? build_map2(g, SCALAR_AND, same, equal) : equal;
  }
  node *factors = build_broadcast(g, build_transpose(g, x, order), &type, places);
  if (same) factors = build_map3(g, SCALAR_SELECT, same, build_splat(g, &type, 1), factors);
  return build_reduce(g, OP_PROD, factors, count, behind);
}

/* The product of the others, which is right at any number of zeros and any order, unlike y / x:
 * of those before times of those behind. */
static void prod_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                      node **operand_cotangents) {
  if (!wanted[0]) return;
  node *x = n->operands[0];
  if (type_is_bounded(&x->type)) {
    operand_cotangents[0] =
        build_map2(g, SCALAR_MUL, spread(g, n, cotangent), others_by_mask(g, n));
    return;
  }
  int count, rank = x->type.rank;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t order[MAX_RANK], inverse[MAX_RANK];
  int kept = axes_others(rank, axes, count, NULL, 0, order);
  for (int i = 0; i < count; i++) order[kept + i] = axes[i];
  for (int i = 0; i < rank; i++) inverse[order[i]] = i;
  node *inner_last = build_transpose(g, x, order);
  dim flat[2] = {dim_fixed(type_elements(&n->type)), dim_fixed(reduced_count(n))};
  node *rows = build_reshape(g, inner_last, 2, flat);
  node *before = products_before(g, rows);
  node *mirrored = build_reverse(g, rows, 1, (int64_t[]){1});
  node *behind = build_reverse(g, products_before(g, mirrored), 1, (int64_t[]){1});
  node *others = build_map2(g, SCALAR_MUL, before, behind);
  node *shaped = build_reshape(g, others, rank, inner_last->type.dims);
  operand_cotangents[0] = build_map2(g, SCALAR_MUL, spread(g, n, cotangent),
                                     build_transpose(g, shaped, inverse));
}

/* The flat index over the reduced axes at every element of the operand. */
static node *flat_index(graph *g, const node *n) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  tensor_type line = type_of(DTYPE_I32, 1, (int64_t[]){reduced_count(n)});
  tensor_type type = n->operands[0]->type;
  dim extents[MAX_RANK];
  for (int i = 0; i < count; i++) extents[i] = type.dims[axes[i]];
  bool bounded = type_is_bounded(&type);
  type.element = DTYPE_I32;
  node *flat = NULL;
  for (int i = 0; bounded && i < count; i++) {
    node *along = build_iota(g, &type, (int)axes[i]);
    if (flat) flat = build_map2(g, SCALAR_MUL, flat, build_splat(g, &type, (double)extents[i].maximum));
    flat = flat ? build_map2(g, SCALAR_ADD, flat, along) : along;
  }
  if (flat) return flat;
  node *index = build_reshape(g, build_iota(g, &line, 0), count, extents);
  return build_broadcast(g, index, &type, axes);
}

/* All of it to the first extremum. */
static void extremum_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                          node **operand_cotangents) {
  if (!wanted[0]) return;
  node *x = n->operands[0];
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  node *place = build_reduce(g, n->op == OP_MAX ? OP_ARGMAX : OP_ARGMIN, x, count, axes);
  node *here = build_map2(g, SCALAR_EQ, flat_index(g, n), spread(g, n, place));
  operand_cotangents[0] = build_map3(g, SCALAR_SELECT, here, spread(g, n, cotangent),
                                     build_splat(g, &x->type, 0));
}

/* Visits the elements that one element of the result reduces, in row-major order: the operand's
 * index starts with zeros along the axes; false after the last. */
static bool next_reduced(const node *n, int64_t index[MAX_RANK]) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  for (int i = count - 1; i >= 0; i--) {
    if (++index[axes[i]] < n->operands[0]->type.dims[axes[i]].maximum) return true;
    index[axes[i]] = 0;
  }
  return false;
}

static void first_reduced(const node *n, const int64_t result_index[MAX_RANK],
                          int64_t index[MAX_RANK]) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t kept[MAX_RANK];
  int kept_count = axes_others(n->operands[0]->type.rank, axes, count, NULL, 0, kept);
  for (int i = 0; i < count; i++) index[axes[i]] = 0;
  for (int i = 0; i < kept_count; i++) index[kept[i]] = result_index[i];
}

static scalar_function combination(op_code op) {
  switch (op) {
  case OP_SUM: return SCALAR_ADD;
  case OP_PROD: return SCALAR_MUL;
  case OP_MAX: return SCALAR_MAXIMUM;
  default: return SCALAR_MINIMUM;
  }
}

static void reduce_eval(const evaluation *e, const node *n, const tensor *const *operands,
                        tensor *result) {
  (void)e;
  const tensor *x = operands[0];
  scalar_function f = combination(n->op);
  int64_t result_index[MAX_RANK] = {0}, index[MAX_RANK], i = 0;
  do {
    first_reduced(n, result_index, index);
    int64_t first = axes_offset(&x->type, index);
    if (dtype_is_float(x->type.element)) {
      double value = x->reals[first];
      while (next_reduced(n, index))
        value = scalar_real(f, (double[]){value, x->reals[axes_offset(&x->type, index)]});
      result->reals[i++] = value;
    } else {
      int64_t value = x->ints[first];
      while (next_reduced(n, index))
        value = scalar_int(f, x->type.element,
                           (int64_t[]){value, x->ints[axes_offset(&x->type, index)]});
      result->ints[i++] = value;
    }
  } while (axes_next(&n->type, result_index));
}

/* True where element `at` replaces `best`: the first NaN wins, then the first extremum. */
static bool wins(const node *n, const tensor *x, int64_t at, int64_t best) {
  bool largest = n->op == OP_ARGMAX;
  if (!dtype_is_float(x->type.element))
    return largest ? x->ints[at] > x->ints[best] : x->ints[at] < x->ints[best];
  double value = x->reals[at], champion = x->reals[best];
  if (isnan(champion)) return false;
  return isnan(value) || (largest ? value > champion : value < champion);
}

static void place_eval(const evaluation *e, const node *n, const tensor *const *operands,
                       tensor *result) {
  (void)e;
  const tensor *x = operands[0];
  int64_t result_index[MAX_RANK] = {0}, index[MAX_RANK], i = 0;
  do {
    first_reduced(n, result_index, index);
    int64_t best = axes_offset(&x->type, index), place = 0, best_place = 0;
    while (next_reduced(n, index)) {
      int64_t at = axes_offset(&x->type, index);
      place++;
      if (!wins(n, x, at, best)) continue;
      best = at;
      best_place = place;
    }
    result->ints[i++] = best_place;
  } while (axes_next(&n->type, result_index));
}

static const op_lowering sum_lower = {.combine = SCALAR_ADD};
static const op_lowering prod_lower = {.combine = SCALAR_MUL};
static const op_lowering max_lower = {.combine = SCALAR_MAXIMUM};
static const op_lowering min_lower = {.combine = SCALAR_MINIMUM};
static const op_lowering argmax_lower = {.combine = SCALAR_MAXIMUM, .place = true};
static const op_lowering argmin_lower = {.combine = SCALAR_MINIMUM, .place = true};

static int64_t reduce_operations(const node *n) {
  return type_elements(&n->operands[0]->type) - type_elements(&n->type);
}

static node *reduce_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                          dim turns) {
  (void)varies, (void)turns;
  const batch_list axes = batch_axes(n, 0);
  return build_reduce(g, n->op, operands[0], axes.count, axes.at);
}

static node *sum_over_turns(graph *g, const node *n, node *const *operands) {
  const batch_list axes = batch_with_first(0, batch_axes(n, 0));
  return build_reduce(g, OP_SUM, operands[0], axes.count, axes.at);
}

static const op_batch sum_batch = {.turns = reduce_turns, .sum = sum_over_turns};
static const op_batch reduce_batch = {.turns = reduce_turns};

const op_definition op_SUM = {.type = reduce_type, .grad = sum_grad, .eval = reduce_eval,
                              .lower = &sum_lower, .batch = &sum_batch, .operations = reduce_operations};
const op_definition op_PROD = {.type = reduce_type, .grad = prod_grad, .eval = reduce_eval,
                               .lower = &prod_lower, .batch = &reduce_batch, .operations = reduce_operations};
const op_definition op_MAX = {.type = reduce_type, .grad = extremum_grad, .eval = reduce_eval,
                              .lower = &max_lower, .batch = &reduce_batch, .operations = reduce_operations};
const op_definition op_MIN = {.type = reduce_type, .grad = extremum_grad, .eval = reduce_eval,
                              .lower = &min_lower, .batch = &reduce_batch, .operations = reduce_operations};
const op_definition op_ARGMAX = {.type = place_type, .eval = place_eval, .lower = &argmax_lower, .batch = &reduce_batch,
                                 .operations = reduce_operations};
const op_definition op_ARGMIN = {.type = place_type, .eval = place_eval, .lower = &argmin_lower, .batch = &reduce_batch,
                                 .operations = reduce_operations};
