/* Sliding windows as a view: what convolutions, pooling and their derivatives read. */
#include "axes.h"
#include "build.h"
#include "lower.h"
#include "op.h"

enum { TYPE, AXES, TAPS, STRIDES, DILATIONS, OFFSETS, SPACINGS };

/* One axis that windows move along, and that of the places within a window. */
typedef struct window_axis {
  int64_t axis, taps, stride, dilation, offset, spacing;
} window_axis;

static window_axis axis_of(const node *n, int i) {
  return (window_axis){node_ints(n, AXES, NULL)[i],      node_ints(n, TAPS, NULL)[i],
                       node_ints(n, STRIDES, NULL)[i],   node_ints(n, DILATIONS, NULL)[i],
                       node_ints(n, OFFSETS, NULL)[i],   node_ints(n, SPACINGS, NULL)[i]};
}

static int axis_count(const node *n) { return n->attributes[AXES].count; }

static const char *lists_violation(arena *a, const node *n) {
  int count = axis_count(n);
  for (int list = TAPS; list <= SPACINGS; list++)
    if (n->attributes[list].count != count)
      return arena_printf(a, "window C1: %d numbers for %d axes", n->attributes[list].count, count);
  int64_t both[MAX_RANK] = {0};
  if (count > MAX_RANK / 2) return arena_printf(a, "window C2: %d axes and as many of taps", count);
  for (int i = 0; i < count; i++) {
    both[2 * i] = node_ints(n, AXES, NULL)[i];
    both[2 * i + 1] = node_ints(n, TAPS, NULL)[i];
  }
  const char *message = axes_violation(a, "window", 2, both, 2 * count,
                                       n->operands[0]->type.rank, false);
  for (int i = 0; i < count && !message; i++)
    if (axis_of(n, i).stride < 1 || axis_of(n, i).spacing < 1)
      message = "window C3: a stride or spacing below 1";
  return message;
}

/* Adds a · b, both of at least 0; false where that overflows. */
static bool add_product(int64_t *sum, int64_t a, int64_t b) {
  int64_t product;
  return !__builtin_mul_overflow(a, b, &product) && !__builtin_add_overflow(*sum, product, sum);
}

/* Positions outside the tensors are computed before they are refused, so they must fit too. */
static bool positions_fit(const node *n, const tensor_type *result) {
  const int64_t most = INT64_C(1) << 61;
  const tensor_type *x = &n->operands[0]->type;
  int64_t reach = 1, elements = type_elements(x), positions = 0;
  if (type_elements(result) > elements) elements = type_elements(result);
  for (int i = 0; i < axis_count(n); i++) {
    window_axis w = axis_of(n, i);
    if (w.dilation < -most || w.offset < -most) return false;
    int64_t dilation = w.dilation < 0 ? -w.dilation : w.dilation;
    int64_t offset = w.offset < 0 ? -w.offset : w.offset;
    if (!add_product(&reach, result->dims[w.axis].maximum - 1, w.stride) ||
        !add_product(&reach, x->dims[w.axis].maximum - 1, w.spacing) ||
        !add_product(&reach, x->dims[w.taps].maximum - 1, dilation) ||
        !add_product(&reach, offset, 1))
      return false;
  }
  return add_product(&positions, reach, elements) && positions < most;
}

/* window: y[…, i, …, k, …] = x[…, j, …, k, …] where j · spacing = i · stride + k · dilation + offset
 * for each of the axes (i in the result, j in x) with its taps (k); 0 where no j is in x
 *   C1  one axis of taps, stride, dilation, offset and spacing per axis
 *   C2  axes and taps lie within the rank, and none is named twice
 *   C3  strides and spacings are at least 1
 *   C4  the operand has the result's type, except along the axes; axes and taps have fixed sizes
 *   C5  the elements of the larger tensor times the largest sum of the products stay below 2^61 */
static const char *window_type(arena *a, const node *n, tensor_type *result) {
  const char *message = lists_violation(a, n);
  if (message) return message;
  *result = *n->attributes[TYPE].type;
  tensor_type x = n->operands[0]->type;
  bool fixed = true;
  for (int i = 0; i < axis_count(n); i++) {
    window_axis w = axis_of(n, i);
    fixed = fixed && w.axis < result->rank && !result->dims[w.axis].symbol &&
            !x.dims[w.axis].symbol && !x.dims[w.taps].symbol;
    if (fixed) x.dims[w.axis] = result->dims[w.axis];
  }
  if (!fixed || !type_equal(&x, result))
    return arena_printf(a, "window C4: windows of %s are not %s",
                        type_text(a, &n->operands[0]->type), type_text(a, result));
  if (!positions_fit(n, result))
    return "window C5: the positions are too large";
  return NULL;
}

/* The same relation between the indices, read from the other side. */
static void window_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                        node **operand_cotangents) {
  if (!wanted[0]) return;
  window_shape s = {.count = axis_count(n)};
  for (int i = 0; i < s.count; i++) {
    window_axis w = axis_of(n, i);
    s.axes[i] = w.axis;
    s.taps[i] = w.taps;
    s.strides[i] = w.spacing;
    s.dilations[i] = -w.dilation;
    s.offsets[i] = -w.offset;
    s.spacings[i] = w.stride;
  }
  operand_cotangents[0] = build_window(g, cotangent, &n->operands[0]->type, &s);
}

/* Where the element of the result comes from; false where it is a zero. */
static bool window_source(const node *n, const int64_t *index, int64_t from[MAX_RANK]) {
  for (int i = 0; i < n->type.rank; i++) from[i] = index[i];
  for (int i = 0; i < axis_count(n); i++) {
    window_axis w = axis_of(n, i);
    int64_t at = index[w.axis] * w.stride + index[w.taps] * w.dilation + w.offset;
    from[w.axis] = at / w.spacing;
    if (at < 0 || at % w.spacing != 0 ||
        from[w.axis] >= n->operands[0]->type.dims[w.axis].maximum)
      return false;
  }
  return true;
}

static void window_eval(const evaluation *e, const node *n, const tensor *const *operands,
                        tensor *result) {
  (void)e;
  int64_t index[MAX_RANK] = {0}, from[MAX_RANK], i = 0;
  do {
    if (window_source(n, index, from))
      tensor_copy_element(operands[0], axes_offset(&operands[0]->type, from), result, i);
    i++;
  } while (axes_next(&n->type, index));
}

static int window_access(arena *a, const node *n, int read, const index_expr *const *at,
                         const index_expr **operand_at, index_guard *guard) {
  if (read > 0) return -1;
  for (int i = 0; i < n->type.rank; i++) operand_at[i] = at[i];
  for (int i = 0; i < axis_count(n); i++) {
    window_axis w = axis_of(n, i);
    const index_expr *place = index_add(a, index_scale(a, at[w.axis], w.stride),
                                        index_scale(a, at[w.taps], w.dilation));
    place = index_add(a, place, index_constant(a, w.offset));
    operand_at[w.axis] = index_quotient(a, place, w.spacing);
    index_guard_add(a, guard, operand_at[w.axis], n->operands[0]->type.dims[w.axis].maximum);
    if (w.spacing > 1) index_guard_add(a, guard, index_remainder(a, place, w.spacing), 1);
  }
  return 0;
}

static const op_lowering window_lower = {.access = window_access, .element = lower_inside};

const op_definition op_WINDOW = {
    .type = window_type, .grad = window_grad, .eval = window_eval, .lower = &window_lower};
