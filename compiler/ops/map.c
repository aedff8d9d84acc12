/* Elementwise functions and casts. */
#include <math.h>

#include "batch.h"
#include "build.h"
#include "lower.h"
#include "op.h"
#include "scalar.h"

/* map; messages carry the function's name
 *   C1  operands have one shape
 *   C2  element types are of the function's kind
 *   C3  and equal */
static const char *map_type(arena *a, const node *n, tensor_type *result) {
  dtype elements[3];
  *result = n->operands[0]->type;
  for (int i = 0; i < n->operand_count; i++) {
    const tensor_type *type = &n->operands[i]->type;
    if (!type_same_shape(type, result))
      return arena_printf(a, "%s C1: operands have different shapes: %s and %s",
                          scalar_infos[n->function].name, shape_text(a, result),
                          shape_text(a, type));
    elements[i] = type->element;
  }
  return scalar_type(a, n->function, elements, &result->element);
}

static void map_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                     node **operand_cotangents) {
  for (int i = 0; i < n->operand_count; i++)
    if (wanted[i]) operand_cotangents[i] = scalar_grad(g, n, i, cotangent);
}

static void select_element(const tensor *const *operands, int64_t i, tensor *result) {
  const tensor *chosen = operands[operands[0]->ints[i] ? 1 : 2];
  if (dtype_is_float(result->type.element))
    result->reals[i] = chosen->reals[i];
  else
    result->ints[i] = chosen->ints[i];
}

static void real_element(const node *n, const tensor *const *operands, int64_t i,
                         tensor *result) {
  double x[3];
  for (int k = 0; k < n->operand_count; k++) x[k] = operands[k]->reals[i];
  double value = scalar_real(n->function, x);
  if (result->type.element == DTYPE_BOOL)
    result->ints[i] = value != 0;
  else
    result->reals[i] = value;
}

static void int_element(const node *n, const tensor *const *operands, int64_t i, tensor *result) {
  int64_t x[3];
  for (int k = 0; k < n->operand_count; k++) x[k] = operands[k]->ints[i];
  result->ints[i] = scalar_int(n->function, operands[0]->type.element, x);
}

static void map_eval(const evaluation *e, const node *n, const tensor *const *operands,
                     tensor *result) {
  (void)e;
  int64_t count = type_elements(&n->type);
  bool real = dtype_is_float(operands[0]->type.element);
  for (int64_t i = 0; i < count; i++) {
    if (n->function == SCALAR_SELECT)
      select_element(operands, i, result);
    else if (real)
      real_element(n, operands, i, result);
    else
      int_element(n, operands, i, result);
  }
}

/* cast: to bool by x != 0; to an integer type truncation and saturation from floats (NaN gives 0),
 * wrapping from integers; to a floating type the nearest value
 *   C1  the attribute has the operand's shape */
static const char *cast_type(arena *a, const node *n, tensor_type *result) {
  *result = *n->attributes[0].type;
  if (!type_same_shape(result, &n->operands[0]->type))
    return arena_printf(a, "cast C1: from shape %s to shape %s",
                        shape_text(a, &n->operands[0]->type), shape_text(a, result));
  return NULL;
}

static void cast_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                      node **operand_cotangents) {
  dtype from = n->operands[0]->type.element;
  if (wanted[0] && dtype_is_float(from)) operand_cotangents[0] = build_cast(g, cotangent, from);
}

static int64_t truncate_saturated(dtype to, double x) {
  int64_t smallest, largest;
  dtype_range(to, &smallest, &largest);
  if (to == DTYPE_BOOL) return x != 0;
  if (isnan(x)) return 0;
  if (x <= (double)smallest) return smallest;
  if (x >= (double)largest) return largest;
  return (int64_t)x;
}

static void cast_eval(const evaluation *e, const node *n, const tensor *const *operands,
                      tensor *result) {
  (void)e;
  const tensor *x = operands[0];
  bool from_real = dtype_is_float(x->type.element);
  dtype to = n->type.element;
  int64_t count = type_elements(&n->type);
  for (int64_t i = 0; i < count; i++) {
    if (dtype_is_float(to))
      result->reals[i] = from_real ? x->reals[i] : (double)x->ints[i];
    else
      result->ints[i] = from_real ? truncate_saturated(to, x->reals[i])
                                  : scalar_wrap(to, x->ints[i]);
  }
}

/* True where the value is one of the operands but for its sign, or a smaller integer: rounding it
 * to the operands' type changes nothing. */
static bool is_exact(scalar_function f) {
  switch (f) {
  case SCALAR_STOP: case SCALAR_NEG: case SCALAR_ABS: case SCALAR_SIGN: case SCALAR_FLOOR:
  case SCALAR_MAXIMUM: case SCALAR_MINIMUM: case SCALAR_SELECT: return true;
  default: return false;
  }
}

static const loop_expr *map_element(lowering *l, const node *n, const element_parts *parts) {
  const loop_expr *const *x = parts->reads, *value;
  if (n->function == SCALAR_STOP) return x[0];
  const loop_function *own = math_function(l->math, n->function, x[0]->type);
  if (own)
    value = loop_call(l->arena, own, x);
  else
    value = loop_op(l->arena, n->function, x[0], n->operand_count > 1 ? x[1] : NULL,
                    n->operand_count > 2 ? x[2] : NULL);
  return is_exact(n->function) ? value : lower_rounded(l->arena, value, n->type.element);
}

/* Straight to f16 and bf16, so that nothing is rounded twice. */
static const loop_expr *cast_element(lowering *l, const node *n, const element_parts *parts) {
  const loop_expr *stored = loop_cast(l->arena, parts->reads[0], n->type.element);
  return loop_cast(l->arena, stored, compute_type(n->type.element));
}

static const op_lowering map_lower = {.element = map_element};
static const op_lowering cast_lower = {.element = cast_element};

static int64_t map_operations(const node *n) {
  if (n->function == SCALAR_STOP) return 0;
  return op_times(n->function == SCALAR_FMA ? 2 : 1, type_elements(&n->type));
}

static node *map_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                       dim turns) {
  return build_like(g, n, batch_spread(g, n, operands, varies, turns));
}

static node *cast_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                        dim turns) {
  (void)varies, (void)turns;
  return build_cast(g, operands[0], n->type.element);
}

static const op_batch map_batch = {.turns = map_turns};
static const op_batch cast_batch = {.turns = cast_turns};

const op_definition op_MAP = {.type = map_type, .grad = map_grad, .eval = map_eval,
                              .lower = &map_lower, .operations = map_operations, .batch = &map_batch};
const op_definition op_CAST = {
    .type = cast_type, .grad = cast_grad, .eval = cast_eval, .lower = &cast_lower,
    .batch = &cast_batch};
