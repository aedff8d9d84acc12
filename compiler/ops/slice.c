/* Views that take parts or put them together: slice, pad, concat. */
#include "axes.h"
#include "batch.h"
#include "build.h"
#include "lower.h"
#include "op.h"

/* Bounds the numbers, so that sums of a few of them do not overflow. */
static const int64_t largest_number = INT64_C(1) << 60;

/* C1: a message unless each of the node's lists has one number per axis of its operand. */
static const char *list_violation(arena *a, const node *n) {
  for (int i = 0; i < n->attribute_count; i++) {
    const attribute *list = &n->attributes[i];
    if (list->count != n->operands[0]->type.rank)
      return arena_printf(a, "%s C1: %d numbers for an operand of rank %d", op_infos[n->op].name,
                          list->count, n->operands[0]->type.rank);
    for (int k = 0; k < list->count; k++)
      if (list->ints[k] > largest_number || list->ints[k] < -largest_number)
        return arena_printf(a, "%s C1: the number %lld is too large", op_infos[n->op].name,
                            (long long)list->ints[k]);
  }
  return NULL;
}

/* slice: elements starts, starts + steps, … below limits
 *   C1  one start, limit and step per axis, up to 2^60
 *   C2  0 <= start < limit <= extent
 *   C3  steps are at least 1
 *   C4  an axis of bounded size is taken whole */
static const char *slice_type(arena *a, const node *n, tensor_type *result) {
  const char *message = list_violation(a, n);
  if (message) return message;
  *result = n->operands[0]->type;
  for (int i = 0; i < result->rank; i++) {
    dim *d = &result->dims[i];
    int64_t start = node_ints(n, 0, NULL)[i], limit = node_ints(n, 1, NULL)[i],
            step = node_ints(n, 2, NULL)[i];
    if (start < 0 || start >= limit || limit > d->maximum)
      return arena_printf(a, "slice C2: %lld:%lld of an axis of %lld", (long long)start,
                          (long long)limit, (long long)d->maximum);
    if (step < 1) return arena_printf(a, "slice C3: a step of %lld", (long long)step);
    if (!d->symbol)
      *d = dim_fixed((limit - start - 1) / step + 1);
    else if (start != 0 || limit != d->maximum || step != 1)
      return arena_printf(a, "slice C4: a part of the bounded size %s", d->symbol);
  }
  return NULL;
}

static void slice_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                       node **operand_cotangents) {
  if (!wanted[0]) return;
  const int64_t *low = node_ints(n, 0, NULL), *steps = node_ints(n, 2, NULL);
  int64_t high[MAX_RANK], interior[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) {
    interior[i] = steps[i] - 1;
    int64_t covered = low[i] + (n->type.dims[i].maximum - 1) * steps[i] + 1;
    high[i] = n->operands[0]->type.dims[i].maximum - covered;
  }
  operand_cotangents[0] = build_pad(g, cotangent, low, high, interior);
}

static void slice_eval(const evaluation *e, const node *n, const tensor *const *operands,
                       tensor *result) {
  (void)e;
  const int64_t *starts = node_ints(n, 0, NULL), *steps = node_ints(n, 2, NULL);
  int64_t index[MAX_RANK] = {0}, from[MAX_RANK], i = 0;
  do {
    for (int k = 0; k < n->type.rank; k++) from[k] = starts[k] + index[k] * steps[k];
    tensor_copy_element(operands[0], axes_offset(&operands[0]->type, from), result, i++);
  } while (axes_next(&n->type, index));
}

/* pad: `interior` zeros between neighbours, then `low` and `high` zeros outside; negative ones crop
 *   C1  one low, high and interior per axis, up to 2^60
 *   C2  interior is at least 0
 *   C3  the result's extents fit and are at least 1
 *   C4  an axis of bounded size is not padded */
static const char *pad_type(arena *a, const node *n, tensor_type *result) {
  const char *message = list_violation(a, n);
  if (message) return message;
  *result = n->operands[0]->type;
  for (int i = 0; i < result->rank; i++) {
    dim *d = &result->dims[i];
    int64_t low = node_ints(n, 0, NULL)[i], high = node_ints(n, 1, NULL)[i],
            interior = node_ints(n, 2, NULL)[i], extent = d->maximum;
    if (interior < 0)
      return arena_printf(a, "pad C2: %lld zeros between neighbours", (long long)interior);
    if (d->symbol && (low != 0 || high != 0 || interior != 0))
      return arena_printf(a, "pad C4: padding of the bounded size %s", d->symbol);
    if (__builtin_mul_overflow(extent - 1, interior, &interior) ||
        __builtin_add_overflow(extent, interior, &extent) ||
        __builtin_add_overflow(extent, low, &extent) ||
        __builtin_add_overflow(extent, high, &extent) || extent < 1)
      return arena_printf(a, "pad C3: %lld low and %lld high on an axis of %lld", (long long)low,
                          (long long)high, (long long)d->maximum);
    d->maximum = extent;
  }
  return NULL;
}

static void pad_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                     node **operand_cotangents) {
  if (!wanted[0]) return;
  int64_t low[MAX_RANK], high[MAX_RANK], none[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) {
    low[i] = -node_ints(n, 0, NULL)[i];
    high[i] = -node_ints(n, 1, NULL)[i];
    steps[i] = node_ints(n, 2, NULL)[i] + 1;
    limits[i] = (n->operands[0]->type.dims[i].maximum - 1) * steps[i] + 1;
  }
  node *whole = build_pad(g, cotangent, low, high, none);
  operand_cotangents[0] = build_slice(g, whole, none, limits, steps);
}

/* Where the element of the result comes from; false where it is a zero. */
static bool pad_source(const node *n, const int64_t *index, int64_t from[MAX_RANK]) {
  for (int k = 0; k < n->type.rank; k++) {
    int64_t step = node_ints(n, 2, NULL)[k] + 1, at = index[k] - node_ints(n, 0, NULL)[k];
    from[k] = at / step;
    if (at < 0 || at % step != 0 || from[k] >= n->operands[0]->type.dims[k].maximum) return false;
  }
  return true;
}

static void pad_eval(const evaluation *e, const node *n, const tensor *const *operands,
                     tensor *result) {
  (void)e;
  int64_t index[MAX_RANK] = {0}, from[MAX_RANK], i = 0;
  do {
    if (pad_source(n, index, from))
      tensor_copy_element(operands[0], axes_offset(&operands[0]->type, from), result, i);
    i++;
  } while (axes_next(&n->type, index));
}

/* concat
 *   C1  one axis within the rank
 *   C2  operands have one element type, and one shape except along the axis
 *   C3  their sizes along the axis are fixed, and the sum fits int64 */
static const char *concat_type(arena *a, const node *n, tensor_type *result) {
  *result = n->operands[0]->type;
  if (n->attributes[0].count != 1)
    return arena_printf(a, "concat C1: %d axes where 1 is needed", n->attributes[0].count);
  int64_t axis = node_int(n, 0), extent = 0;
  const char *message = axes_violation(a, "concat", 1, &axis, 1, result->rank, false);
  if (message) return message;
  for (int i = 0; i < n->operand_count; i++) {
    tensor_type part = n->operands[i]->type;
    dim d = axis < part.rank ? part.dims[axis] : dim_fixed(0);
    if (axis < part.rank) part.dims[axis] = result->dims[axis];
    if (!type_equal(&part, result))
      return arena_printf(a, "concat C2: %s beside %s along axis %lld",
                          type_text(a, &n->operands[i]->type),
                          type_text(a, &n->operands[0]->type), (long long)axis);
    if (d.symbol) return arena_printf(a, "concat C3: along the bounded size %s", d.symbol);
    if (__builtin_add_overflow(extent, d.maximum, &extent))
      return "concat C3: the extents' sum overflows";
  }
  result->dims[axis] = dim_fixed(extent);
  return NULL;
}

static void concat_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                        node **operand_cotangents) {
  int64_t axis = node_int(n, 0), starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
  for (int k = 0; k < n->type.rank; k++) {
    limits[k] = n->type.dims[k].maximum;
    steps[k] = 1;
  }
  for (int i = 0; i < n->operand_count; i++) {
    limits[axis] = starts[axis] + n->operands[i]->type.dims[axis].maximum;
    if (wanted[i]) operand_cotangents[i] = build_slice(g, cotangent, starts, limits, steps);
    starts[axis] = limits[axis];
  }
}

static void concat_eval(const evaluation *e, const node *n, const tensor *const *operands,
                        tensor *result) {
  (void)e;
  int64_t axis = node_int(n, 0), start = 0;
  for (int p = 0; p < n->operand_count; p++) {
    const tensor_type *part = &operands[p]->type;
    int64_t index[MAX_RANK] = {0}, i = 0;
    do {
      index[axis] += start;
      tensor_copy_element(operands[p], i++, result, axes_offset(&n->type, index));
      index[axis] -= start;
    } while (axes_next(part, index));
    start += part->dims[axis].maximum;
  }
}

static int slice_access(arena *a, const node *n, int read, const index_expr *const *at,
                        const index_expr **operand_at, index_guard *guard) {
  (void)guard;
  const int64_t *starts = node_ints(n, 0, NULL), *steps = node_ints(n, 2, NULL);
  for (int i = 0; i < n->type.rank; i++)
    operand_at[i] = index_add(a, index_constant(a, starts[i]), index_scale(a, at[i], steps[i]));
  return read > 0 ? -1 : 0;
}

static const loop_expr *slice_element(lowering *l, const node *n, const element_parts *parts) {
  (void)l, (void)n;
  return parts->reads[0];
}

static int pad_access(arena *a, const node *n, int read, const index_expr *const *at,
                      const index_expr **operand_at, index_guard *guard) {
  if (read > 0) return -1;
  for (int i = 0; i < n->type.rank; i++) {
    int64_t step = node_ints(n, 2, NULL)[i] + 1;
    const index_expr *inside =
        index_add(a, at[i], index_constant(a, -node_ints(n, 0, NULL)[i]));
    operand_at[i] = index_quotient(a, inside, step);
    index_guard_add(a, guard, operand_at[i], n->operands[0]->type.dims[i].maximum);
    if (step > 1) index_guard_add(a, guard, index_remainder(a, inside, step), 1);
  }
  return 0;
}

static int concat_access(arena *a, const node *n, int read, const index_expr *const *at,
                         const index_expr **operand_at, index_guard *guard) {
  if (read == n->operand_count) return -1;
  int64_t axis = node_int(n, 0), start = 0;
  for (int i = 0; i < read; i++) start += n->operands[i]->type.dims[axis].maximum;
  for (int i = 0; i < n->type.rank; i++) operand_at[i] = at[i];
  operand_at[axis] = index_add(a, at[axis], index_constant(a, -start));
  index_guard_add(a, guard, operand_at[axis], n->operands[read]->type.dims[axis].maximum);
  return read;
}

static const loop_expr *concat_element(lowering *l, const node *n, const element_parts *parts) {
  const loop_expr *value = parts->reads[n->operand_count - 1];
  for (int i = n->operand_count - 2; i >= 0; i--)
    value = parts->masks[i] ? loop_select(l->arena, parts->masks[i], parts->reads[i], value)
                            : parts->reads[i];
  return value;
}

static const op_lowering slice_lower = {.access = slice_access, .element = slice_element};
static const op_lowering pad_lower = {.access = pad_access, .element = lower_inside};
static const op_lowering concat_lower = {.access = concat_access, .element = concat_element};

static node *slice_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                         dim turns) {
  (void)varies;
  return build_slice(g, operands[0], batch_numbers(n, 0, 0).at, batch_numbers(n, 1, turns.maximum).at,
                     batch_numbers(n, 2, 1).at);
}

static node *pad_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                       dim turns) {
  (void)varies, (void)turns;
  return build_pad(g, operands[0], batch_numbers(n, 0, 0).at, batch_numbers(n, 1, 0).at,
                   batch_numbers(n, 2, 0).at);
}

static node *concat_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                          dim turns) {
  node **parts = batch_spread(g, n, operands, varies, turns);
  return build_concat(g, n->operand_count, parts, (int)node_int(n, 0) + 1);
}

static const op_batch slice_batch = {.turns = slice_turns};
static const op_batch pad_batch = {.turns = pad_turns};
static const op_batch concat_batch = {.turns = concat_turns};

const op_definition op_SLICE = {
    .type = slice_type, .grad = slice_grad, .eval = slice_eval, .lower = &slice_lower,
    .batch = &slice_batch};
const op_definition op_PAD = {
    .type = pad_type, .grad = pad_grad, .eval = pad_eval, .lower = &pad_lower,
    .batch = &pad_batch};
const op_definition op_CONCAT = {
    .type = concat_type, .grad = concat_grad, .eval = concat_eval, .lower = &concat_lower,
    .batch = &concat_batch};
