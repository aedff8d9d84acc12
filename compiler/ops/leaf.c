/* Nodes without operands: what comes from outside, and constants. */
#include <math.h>

#include "axes.h"
#include "build.h"
#include "half.h"
#include "lower.h"
#include "op.h"

/* input, slot: the type is the attribute. */
static const char *named_type(arena *a, const node *n, tensor_type *result) {
  (void)a;
  *result = *n->attributes[1].type;
  return NULL;
}

/* The values of inputs and slots are given to the evaluation (graph_eval), not computed. */

/* constant
 *   C1  as many values as elements, integers for an integer type or bool, else reals
 *   C2  integers lie within the type's range
 *   C3  reals of f16 and bf16 are values of that type */
static const char *constant_type(arena *a, const node *n, tensor_type *result) {
  *result = *n->attributes[0].type;
  const attribute *ints = &n->attributes[1], *reals = &n->attributes[2];
  bool real = dtype_is_float(result->element);
  int64_t count = real ? reals->count : ints->count;
  if (count != type_elements(result) || (real ? ints : reals)->count != 0)
    return arena_printf(a, "constant C1: %d integers and %d reals for %s", ints->count,
                        reals->count, type_text(a, result));
  for (int i = 0; i < reals->count; i++)
    if (half_is(result->element) && !isnan(reals->reals[i]) &&
        half_round(result->element, reals->reals[i]) != reals->reals[i])
      return arena_printf(a, "constant C3: %.17g is not a value of %s", reals->reals[i],
                          dtype_name(result->element));
  if (real) return NULL;
  int64_t smallest, largest;
  dtype_range(result->element, &smallest, &largest);
  for (int i = 0; i < ints->count; i++)
    if (ints->ints[i] < smallest || ints->ints[i] > largest)
      return arena_printf(a, "constant C2: %lld is outside the range of %s",
                          (long long)ints->ints[i], dtype_name(result->element));
  return NULL;
}

static void constant_eval(const evaluation *e, const node *n, const tensor *const *operands,
                          tensor *result) {
  (void)e, (void)operands;
  int64_t count = type_elements(&n->type);
  for (int64_t i = 0; i < count; i++) {
    if (dtype_is_float(n->type.element))
      result->reals[i] = n->attributes[2].reals[i];
    else
      result->ints[i] = n->attributes[1].ints[i];
  }
}

/* iota: the index along one axis
 *   C1  one axis within the rank
 *   C2  the type is a number and holds the largest index */
static const char *iota_type(arena *a, const node *n, tensor_type *result) {
  *result = *n->attributes[0].type;
  if (n->attributes[1].count != 1)
    return arena_printf(a, "iota C1: %d axes where 1 is needed", n->attributes[1].count);
  int64_t axis = node_int(n, 1);
  const char *message = axes_violation(a, "iota", 1, &axis, 1, result->rank, false);
  if (message) return message;
  int64_t smallest, largest = INT64_C(1) << 24; /* of f32; exact integers of the wider one too */
  if (result->element == DTYPE_BF16) largest = 1 << 8;
  if (result->element == DTYPE_F16) largest = 1 << 11;
  if (result->element == DTYPE_F64) largest = INT64_C(1) << 53;
  if (!dtype_is_float(result->element)) dtype_range(result->element, &smallest, &largest);
  if (result->element == DTYPE_BOOL || result->dims[axis].maximum - 1 > largest)
    return arena_printf(a, "iota C2: %s does not hold the indices of %s",
                        dtype_name(result->element), shape_text(a, result));
  return NULL;
}

static void iota_eval(const evaluation *e, const node *n, const tensor *const *operands,
                      tensor *result) {
  (void)e, (void)operands;
  int64_t axis = node_int(n, 1), index[MAX_RANK] = {0}, i = 0;
  do {
    if (dtype_is_float(n->type.element))
      result->reals[i] = (double)index[axis];
    else
      result->ints[i] = index[axis];
    i++;
  } while (axes_next(&n->type, index));
}

/* A constant of one value; others are written to memory (lower_row.c). */
static const loop_expr *constant_element(lowering *l, const node *n, const element_parts *parts) {
  const attribute *ints = &n->attributes[1], *reals = &n->attributes[2];
  const loop_expr *value =
      loop_constant(l->arena, compute_type(n->type.element), reals->count ? reals->reals[0] : 0,
                    ints->count ? ints->ints[0] : 0);
  return loop_splat(l->arena, value, parts->lanes);
}

static const index_expr *iota_position(arena *a, const node *n, const index_expr *const *at) {
  (void)a;
  return at[node_int(n, 1)];
}

static const loop_expr *iota_element(lowering *l, const node *n, const element_parts *parts) {
  return loop_cast(l->arena, parts->position, compute_type(n->type.element));
}

static const op_lowering constant_lower = {.element = constant_element};
static const op_lowering iota_lower = {.position = iota_position, .element = iota_element};

const op_definition op_INPUT = {.type = named_type};
const op_definition op_SLOT = {.type = named_type};
const op_definition op_CONSTANT = {
    .type = constant_type, .eval = constant_eval, .lower = &constant_lower};
const op_definition op_IOTA = {.type = iota_type, .eval = iota_eval, .lower = &iota_lower};
