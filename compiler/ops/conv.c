/* Convolution (cross-correlation), with derivatives that are convolutions again. */
#include "axes.h"
#include "build.h"
#include "contraction.h"
#include "op.h"
#include "scalar.h"

enum { STRIDES, LOW, HIGH, LEFT_DILATION, RIGHT_DILATION, GROUPS };

/* Extents and numbers of one spatial axis, after dilation. */
typedef struct window {
  int64_t x, w, stride, low, high, left, right; /* x, w: dilated extents */
} window;

static bool window_of(const node *n, int axis, window *s) {
  int64_t x = n->operands[0]->type.dims[2 + axis].maximum;
  int64_t w = n->operands[1]->type.dims[2 + axis].maximum;
  s->stride = node_ints(n, STRIDES, NULL)[axis];
  s->low = node_ints(n, LOW, NULL)[axis];
  s->high = node_ints(n, HIGH, NULL)[axis];
  s->left = node_ints(n, LEFT_DILATION, NULL)[axis];
  s->right = node_ints(n, RIGHT_DILATION, NULL)[axis];
  return !__builtin_mul_overflow(x - 1, s->left, &s->x) && !__builtin_add_overflow(s->x, 1, &s->x) &&
         !__builtin_mul_overflow(w - 1, s->right, &s->w) && !__builtin_add_overflow(s->w, 1, &s->w);
}

/* Number of windows, or 0 where there is none or a number overflows. */
static int64_t window_count(const window *s) {
  int64_t room;
  if (__builtin_add_overflow(s->x, s->low, &room) || __builtin_add_overflow(room, s->high, &room) ||
      __builtin_sub_overflow(room, s->w, &room) || room < 0)
    return 0;
  return room / s->stride + 1;
}

static const char *lists_violation(arena *a, const node *n, int spatial) {
  for (int list = STRIDES; list <= RIGHT_DILATION; list++)
    if (n->attributes[list].count != spatial)
      return arena_printf(a, "conv C2: %d numbers for %d spatial axes",
                          n->attributes[list].count, spatial);
  for (int list = STRIDES; list <= RIGHT_DILATION; list++)
    for (int i = 0; i < spatial; i++)
      if (node_ints(n, list, NULL)[i] > INT32_MAX || node_ints(n, list, NULL)[i] < -INT32_MAX)
        return arena_printf(a, "conv C2: the number %lld is too large",
                            (long long)node_ints(n, list, NULL)[i]);
  for (int i = 0; i < spatial; i++)
    if (node_ints(n, STRIDES, NULL)[i] < 1 || node_ints(n, LEFT_DILATION, NULL)[i] < 1 ||
        node_ints(n, RIGHT_DILATION, NULL)[i] < 1)
      return "conv C3: a stride or dilation below 1";
  return NULL;
}

static const char *channels_violation(arena *a, const node *n) {
  int64_t groups = n->attributes[GROUPS].count == 1 ? node_int(n, GROUPS) : 0;
  dim in = n->operands[0]->type.dims[1], per_group = n->operands[1]->type.dims[1],
      out = n->operands[1]->type.dims[0];
  if (groups < 1 || in.maximum % groups != 0 || in.maximum / groups != per_group.maximum ||
      out.maximum % groups != 0)
    return arena_printf(a,
                        "conv C4: %lld channels in %lld groups, with filters of %lld channels "
                        "and %lld results",
                        (long long)in.maximum, (long long)groups, (long long)per_group.maximum,
                        (long long)out.maximum);
  return NULL;
}

/* conv: y[n, o, p] = sum over c, k of x'[n, c, p * stride + k * right_dilation] * w[o, c, k], where
 * x' is x with left_dilation - 1 zeros between neighbours, then low and high zeros around it
 * (negative: cropped); the channels c are those of o's group
 *   C1  both operands have one element type, a number, and one rank from 3 to 5
 *   C2  one stride, low, high and two dilations per spatial axis, below 2^31
 *   C3  strides and dilations are at least 1
 *   C4  groups divide the channels of x and the filters; a filter has channels / groups
 *   C5  at least one window fits along every axis
 *   C6  only the first axis of x has a bounded size */
static const char *conv_type(arena *a, const node *n, tensor_type *result) {
  const tensor_type *x = &n->operands[0]->type, *w = &n->operands[1]->type;
  if (x->element != w->element || x->element == DTYPE_BOOL || x->rank != w->rank || x->rank < 3 ||
      x->rank > 5)
    return arena_printf(a, "conv C1: operands %s and %s", type_text(a, x), type_text(a, w));
  const char *message = lists_violation(a, n, x->rank - 2);
  if (!message) message = channels_violation(a, n);
  if (message) return message;
  *result = *x;
  result->dims[1] = w->dims[0];
  for (int i = 0; i < x->rank; i++)
    if ((i > 0 && x->dims[i].symbol) || w->dims[i].symbol)
      return "conv C6: a bounded size on an axis other than the batch";
  for (int i = 0; i < x->rank - 2; i++) {
    window s;
    int64_t count = window_of(n, i, &s) ? window_count(&s) : 0;
    if (count == 0)
      return arena_printf(a, "conv C5: no window of %lld fits %lld + %lld + %lld",
                          (long long)w->dims[2 + i].maximum, (long long)x->dims[2 + i].maximum,
                          (long long)s.low, (long long)s.high);
    result->dims[2 + i] = dim_fixed(count);
  }
  return NULL;
}

/* Splits axis `axis` into `groups` parts. */
static node *split(graph *g, node *x, int axis, int64_t groups) {
  dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->type.rank; i++) {
    if (i == axis) dims[rank++] = dim_fixed(groups);
    dims[rank++] = i == axis ? dim_fixed(x->type.dims[i].maximum / groups) : x->type.dims[i];
  }
  return build_reshape(g, x, rank, dims);
}

/* Joins axes `axis` and `axis` + 1. */
static node *join(graph *g, node *x, int axis) {
  if (!x) return NULL;
  dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->type.rank; i++) {
    if (i == axis + 1)
      dims[rank - 1] = dim_fixed(dims[rank - 1].maximum * x->type.dims[i].maximum);
    else
      dims[rank++] = x->type.dims[i];
  }
  return build_reshape(g, x, rank, dims);
}

/* Transposes the leading axes as given and leaves the others. */
static node *permute(graph *g, node *x, int count, const int64_t *leading) {
  if (!x) return NULL;
  int64_t axes[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) axes[i] = i < count ? leading[i] : i;
  return build_transpose(g, x, axes);
}

/* x[A, B…] as [B, A…] for one group. */
static node *swapped(graph *g, node *x) { return permute(g, x, 2, (int64_t[]){1, 0}); }

/* w[O, C / groups, K…] as [C, O / groups, K…], mirrored. */
static node *mirrored_filter(graph *g, node *w, int64_t groups) {
  int64_t axes[3];
  int spatial = w->type.rank - 2;
  for (int i = 0; i < spatial; i++) axes[i] = 2 + i;
  node *exchanged = groups == 1 ? swapped(g, w)
                                : join(g, permute(g, split(g, w, 0, groups), 3,
                                                  (int64_t[]){0, 2, 1}), 0);
  return build_reverse(g, exchanged, spatial, axes);
}

/* By x: the cotangent, spread by the stride, with mirrored filters; the stride is x's dilation. */
static node *image_grad(graph *g, const node *n, node *cotangent) {
  conv_shape shape = {.groups = node_int(n, GROUPS)};
  for (int i = 0; i < n->type.rank - 2; i++) {
    window s;
    window_of(n, i, &s);
    shape.strides[i] = s.left;
    shape.left_dilation[i] = s.stride;
    shape.right_dilation[i] = s.right;
    shape.low[i] = s.w - 1 - s.low;
    shape.high[i] = s.x - 1 + s.low - (n->type.dims[2 + i].maximum - 1) * s.stride;
  }
  return build_conv(g, cotangent, mirrored_filter(g, n->operands[1], shape.groups), &shape);
}

/* By w: x with the cotangent as filter, where images take the part of channels. For groups, x is
 * laid out as [C / groups, groups * N, S…], so that each result channel meets its own group. */
static node *filter_grad(graph *g, const node *n, node *cotangent) {
  node *x = n->operands[0];
  conv_shape shape = {.groups = node_int(n, GROUPS)};
  for (int i = 0; i < n->type.rank - 2; i++) {
    window s;
    window_of(n, i, &s);
    shape.strides[i] = s.right;
    shape.left_dilation[i] = s.left;
    shape.right_dilation[i] = s.stride;
    shape.low[i] = s.low;
    shape.high[i] = s.w + (n->type.dims[2 + i].maximum - 1) * s.stride - s.low - s.x;
  }
  node *grouped = shape.groups == 1 ? swapped(g, x)
                                    : join(g, permute(g, split(g, x, 1, shape.groups), 3,
                                                      (int64_t[]){2, 1, 0}), 1);
  return swapped(g, build_conv(g, grouped, swapped(g, cotangent), &shape));
}

/* The same for a bounded number of images, which is no axis of channels: windows of x, of which
 * nothing is stored where there is no padding, times the cotangent, added up over images and windows. */
static node *bounded_filter_grad(graph *g, const node *n, node *cotangent) {
  int64_t groups = node_int(n, GROUPS);
  int spatial = n->type.rank - 2, first = groups > 1 ? 3 : 2;
  node *x = n->operands[0];
  if (groups > 1) {
    x = split(g, x, 1, groups);
    cotangent = split(g, cotangent, 1, groups);
  }
  if (!x || !cotangent) return NULL;
  if (x->type.rank + spatial > MAX_RANK) {
    diag_error(g->diagnostics, g->at, "the derivative of a convolution along 3 axes by its filters, in "
               "groups and with a bounded number of images, takes more than %d axes", MAX_RANK);
    return NULL;
  }
  tensor_type type = x->type;
  int64_t places[MAX_RANK], left[MAX_RANK] = {0}, right[MAX_RANK] = {0}, group = 1;
  window_shape s = {.count = spatial};
  for (int i = 0; i < type.rank; i++) places[i] = i;
  for (int i = 0; i < spatial; i++) {
    window own;
    window_of(n, i, &own);
    s.axes[i] = first + i;
    s.taps[i] = type.rank;
    s.strides[i] = own.stride;
    s.dilations[i] = own.right;
    s.offsets[i] = -own.low;
    s.spacings[i] = own.left;
    type.dims[type.rank++] = n->operands[1]->type.dims[2 + i];
  }
  x = build_broadcast(g, x, &type, places);
  for (int i = 0; i < spatial; i++) {
    type.dims[first + i] = n->type.dims[2 + i];
    left[1 + i] = right[1 + i] = first + i;
  }
  dot_axes axes = {groups > 1, 1 + spatial, &group, &group, left, right};
  node *product = build_dot(g, build_window(g, x, &type, &s), cotangent, &axes); /* g c k o */
  int64_t order[MAX_RANK], rank = 0;
  if (groups > 1) order[rank++] = 0;
  order[rank++] = (groups > 1) + 1 + spatial;
  for (int i = 0; i < 1 + spatial; i++) order[rank++] = (groups > 1) + i;
  product = build_transpose(g, product, order);
  return groups > 1 ? join(g, product, 0) : product;
}

static void conv_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                      node **operand_cotangents) {
  if (wanted[0]) operand_cotangents[0] = image_grad(g, n, cotangent);
  bool bounded = n->type.dims[0].symbol;
  if (wanted[1])
    operand_cotangents[1] = bounded ? bounded_filter_grad(g, n, cotangent)
                                    : filter_grad(g, n, cotangent);
}

/* The spatial index of x under tap k of window p; false in padding or between neighbours. */
static bool tap(const window *windows, int count, const int64_t *p, const int64_t *k, int64_t *x) {
  for (int i = 0; i < count; i++) {
    const window *s = &windows[i];
    int64_t at = p[i] * s->stride + k[i] * s->right - s->low;
    x[i] = at / s->left;
    if (at < 0 || at % s->left != 0 || at >= s->x) return false;
  }
  return true;
}

static void conv_eval(const evaluation *e, const node *n, const tensor *const *operands,
                      tensor *result) {
  (void)e;
  const tensor *x = operands[0], *w = operands[1];
  int64_t filters = w->type.dims[0].maximum / node_int(n, GROUPS); /* per group */
  int64_t channels = w->type.dims[1].maximum;                      /* per group */
  window windows[3];
  for (int i = 0; i < n->type.rank - 2; i++) window_of(n, i, &windows[i]);
  tensor_type taps = w->type;
  taps.dims[0] = dim_fixed(1);
  int64_t index[MAX_RANK] = {0}, k[MAX_RANK] = {0}, from[MAX_RANK], i = 0;
  do {
    double real = 0;
    uint64_t integer = 0;
    do {
      from[0] = index[0];
      from[1] = index[1] / filters * channels + k[1];
      if (!tap(windows, n->type.rank - 2, index + 2, k + 2, from + 2)) continue;
      int64_t at_x = axes_offset(&x->type, from);
      int64_t at_w = index[1] * type_elements(&taps) + axes_offset(&taps, k);
      if (dtype_is_float(n->type.element))
        real += x->reals[at_x] * w->reals[at_w];
      else
        integer += (uint64_t)x->ints[at_x] * (uint64_t)w->ints[at_w];
    } while (axes_next(&taps, k));
    if (dtype_is_float(n->type.element))
      result->reals[i++] = real;
    else
      result->ints[i++] = scalar_wrap(n->type.element, (int64_t)integer);
  } while (axes_next(&n->type, index));
}

static int64_t greatest_divisor(int64_t a, int64_t b) { return b ? greatest_divisor(b, a % b) : a; }

static int64_t floor_divided(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Of `count` windows those in which a tap, at an offset from the window's start, meets an element. */
static int64_t windows_that_meet(const window *s, int64_t count, int64_t offset) {
  int64_t first = -floor_divided(offset, s->stride), last = floor_divided(s->x - 1 - offset, s->stride);
  if (first < 0) first = 0;
  if (last >= count) last = count - 1;
  int64_t period = s->left / greatest_divisor(s->stride, s->left); /* between neighbours lie zeros */
  for (int64_t p = first; p <= last && p < first + period; p++)
    if ((p * s->stride + offset) % s->left == 0) return (last - p) / period + 1;
  return 0;
}

static int64_t conv_operations(const node *n) {
  const tensor_type *w = &n->operands[1]->type;
  int64_t products = op_times(n->type.dims[0].maximum, w->dims[0].maximum * w->dims[1].maximum);
  for (int i = 0; i < n->type.rank - 2; i++) {
    window s;
    window_of(n, i, &s);
    int64_t along = 0;
    for (int64_t k = 0; k < w->dims[2 + i].maximum; k++)
      along += windows_that_meet(&s, n->type.dims[2 + i].maximum, k * s.right - s.low);
    products = op_times(products, along);
  }
  return op_times(2, products);
}

const op_definition op_CONV = {.type = conv_type, .grad = conv_grad, .eval = conv_eval,
                               .lower = &contraction_lowering, .operations = conv_operations};
