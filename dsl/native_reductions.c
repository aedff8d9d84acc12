/* Reductions, convolution and windows. */
#include "build.h"
#include "native.h"
#include "operate.h"

enum { FOLD, ARGUMENT, MEAN, ALL, ANY }; /* families of codes: family * OP_COUNT + operator */

static node *as_number(elaborator *e, node *x, dtype from, dtype to) {
  return x && x->type.element == from ? build_cast(e->graph, x, to) : x;
}

static node *reduced(elaborator *e, const native_call *c, node *x, int count,
                     const int64_t *axes) {
  op_code op = (op_code)(c->native->code % OP_COUNT);
  switch (c->native->code / OP_COUNT) {
    case MEAN:
      if (!dtype_is_float(x->type.element) && x->type.element != DTYPE_BOOL) {
        elaborator_error(e, c->at, "the mean of integers; cast them with f32(…)");
        return NULL;
      }
      return build_mean(e->graph, as_number(e, x, DTYPE_BOOL, e->real), count, axes);
    case ALL:
    case ANY:
      if (x->type.element != DTYPE_BOOL) {
        elaborator_error(e, c->at, "%s takes truth values, not %s", c->native->name,
                         type_text(e->arena, &x->type));
        return NULL;
      }
      x = build_reduce(e->graph, op, build_cast(e->graph, x, DTYPE_I32), count, axes);
      return x ? build_cast(e->graph, x, DTYPE_BOOL) : NULL;
    default:
      return build_reduce(e->graph, op, as_number(e, x, DTYPE_BOOL, DTYPE_I32), count, axes);
  }
}

/* sum[axes, keep: true](x): over all axes where none is named; argmax and argmin over the last. */
static value reduce(elaborator *e, const native_call *c) {
  node *x = native_tensor(e, c, 0);
  int count;
  int64_t axes[MAX_RANK];
  bool keep = false, position = c->native->code / OP_COUNT == ARGUMENT;
  if (!x) return (value){0};
  int fallback = position ? x->type.rank - 1 : MAX_RANK;
  if (!native_axes(e, c, x->type.rank, fallback, &count, axes) ||
      !native_truth_option(e, c, "keep", &keep))
    return (value){0};
  if (position && !x->type.rank)
    return elaborator_error(e, c->at, "%s needs an axis", c->native->name);
  node *result = reduced(e, c, x, count, axes);
  if (result && keep) result = build_keep(e->graph, result, &x->type, count, axes);
  return elaborator_node(e, result);
}

/* max and min: elementwise with two arguments. */
static value extreme(elaborator *e, const native_call *c) {
  if (c->arguments.count == 1) return reduce(e, c);
  if (c->statics.count)
    return elaborator_error(e, c->at, "%s of two arguments is elementwise and takes no brackets",
                            c->native->name);
  scalar_function f = c->native->code == OP_MAX ? SCALAR_MAXIMUM : SCALAR_MINIMUM;
  return operate_map(e, c->at, f, 2,
                     (value[]){c->arguments.items[0].value, c->arguments.items[1].value});
}

/* --- convolution and windows --------------------------------------------------------------- */

/* The limit keeps the positions that a few windows of windows reach far within int64. */
static bool in_range(elaborator *e, const native_call *c, const char *name, int64_t given,
                     int64_t least) {
  const int64_t most = 65535;
  if (given >= least && given <= most) return true;
  elaborator_error(e, c->at, "`%s` is %s %lld", name, given < least ? "at least" : "at most",
                   (long long)(given < least ? least : most));
  return false;
}

static bool each_option(elaborator *e, const native_call *c, const char *name, int axes,
                        int64_t least, int64_t *out) {
  bool given;
  value v = native_option(c, name, &given);
  if (given && !native_each(e, c->at, v, name, axes, out)) return false;
  for (int i = 0; i < axes; i++)
    if (!in_range(e, c, name, out[i], least)) return false;
  return true;
}

/* pad: 2, pad: (2, 1) for each axis, or pad: ((0, 1), (0, 1)) for low and high of each axis. */
static bool pad_option(elaborator *e, const native_call *c, int axes, int64_t *low,
                       int64_t *high) {
  bool given;
  value v = native_option(c, "pad", &given);
  bool pairs = given && value_is(v, VALUE_TUPLE) && v.tuple->count &&
               value_is(v.tuple->items[0], VALUE_TUPLE);
  if (!pairs) {
    if (!each_option(e, c, "pad", axes, 0, low)) return false;
    for (int i = 0; i < axes; i++) high[i] = low[i];
    return true;
  }
  if (v.tuple->count != axes) {
    elaborator_error(e, c->at, "`pad` names %d of %d axes", v.tuple->count, axes);
    return false;
  }
  for (int i = 0; i < axes; i++) {
    int64_t both[2];
    if (!native_each(e, c->at, v.tuple->items[i], "pad", 2, both)) return false;
    low[i] = both[0];
    high[i] = both[1];
    if (!in_range(e, c, "pad", low[i], 0) || !in_range(e, c, "pad", high[i], 0)) return false;
  }
  return true;
}

/* conv[stride: 1, pad: 0, dilation: 1, groups: 1](x, w): the cross-correlation of x[n, c, s…] with
 * w[o, c / groups, k…] along one to three axes s. */
static value conv(elaborator *e, const native_call *c) {
  node *x = native_tensor(e, c, 0), *w = native_tensor(e, c, 1);
  if (!x || !w) return (value){0};
  int axes = x->type.rank - 2;
  if (axes < 1 || axes > 3 || w->type.rank != x->type.rank)
    return elaborator_error(e, c->at, "conv takes x[n, c, s…] and w[o, c, k…] with one to three "
                            "axes s, not %s and %s", type_text(e->arena, &x->type),
                            type_text(e->arena, &w->type));
  conv_shape s = {.strides = {1, 1, 1}, .left_dilation = {1, 1, 1}, .right_dilation = {1, 1, 1},
                  .groups = 1};
  if (!each_option(e, c, "stride", axes, 1, s.strides) || !pad_option(e, c, axes, s.low, s.high) ||
      !each_option(e, c, "dilation", axes, 1, s.right_dilation) ||
      !native_integer_option(e, c, "groups", &s.groups))
    return (value){0};
  dtype element;
  if (dtype_promote(x->type.element, w->type.element, &element)) {
    x = build_cast(e->graph, x, element);
    w = build_cast(e->graph, w, element);
  }
  return elaborator_node(e, build_conv(e->graph, x, w, &s));
}

/* What the windows show where they reach beyond x, in place of zeros. */
static node *filled(elaborator *e, const native_call *c, node *x, const sliding_windows *w,
                    node *windows) {
  bool given, padded = false;
  value v = native_option(c, "fill", &given);
  for (int i = 0; i < w->count; i++) padded = padded || w->low[i] > 0 || w->high[i] > 0;
  if (!given || !padded || !windows) return windows;
  tensor_type truths = x->type;
  truths.element = DTYPE_BOOL;
  node *fill = operate_convert(e, c->at, v, &windows->type, true, "the filling");
  node *inside = build_windows(e->graph, build_splat(e->graph, &truths, 1), w);
  return build_map3(e->graph, SCALAR_SELECT, inside, windows, fill);
}

/* windows[k, stride: 1, pad: 0, dilation: 1, fill: 0](x): of x[n, c, s…] all windows of k places
 * along one to three axes s, as [n, c, windows…, places…]. */
static value windows(elaborator *e, const native_call *c) {
  node *x = native_tensor(e, c, 0);
  if (!x) return (value){0};
  sliding_windows w = {.count = x->type.rank - 2, .strides = {1, 1, 1}, .dilations = {1, 1, 1}};
  if (w.count < 1 || w.count > 3)
    return elaborator_error(e, c->at, "windows are those of x[n, c, s…] with one to three axes s, "
                            "not %s", type_text(e->arena, &x->type));
  if (!native_each(e, c->at, c->statics.items[0].value, "size", w.count, w.sizes) ||
      !each_option(e, c, "stride", w.count, 1, w.strides) ||
      !pad_option(e, c, w.count, w.low, w.high) ||
      !each_option(e, c, "dilation", w.count, 1, w.dilations))
    return (value){0};
  for (int i = 0; i < w.count; i++) {
    dim d = x->type.dims[2 + i];
    if (!in_range(e, c, "size", w.sizes[i], 1)) return (value){0};
    if (d.symbol)
      return elaborator_error(e, c->at, "windows along the bounded size %s", d.symbol);
    if ((w.sizes[i] - 1) * w.dilations[i] >= d.maximum + w.low[i] + w.high[i])
      return elaborator_error(e, c->at, "no window of %lld fits %lld + %lld + %lld",
                              (long long)((w.sizes[i] - 1) * w.dilations[i] + 1),
                              (long long)d.maximum, (long long)w.low[i], (long long)w.high[i]);
  }
  return elaborator_node(e, filled(e, c, x, &w, build_windows(e->graph, x, &w)));
}

#define REDUCTION(name, family, op) \
  {name, 1, 1, 0, MAX_RANK, "keep", reduce, (family) * OP_COUNT + (op), NULL}
const native native_reductions[] = {
    REDUCTION("sum", FOLD, OP_SUM),
    REDUCTION("prod", FOLD, OP_PROD),
    REDUCTION("mean", MEAN, OP_SUM),
    REDUCTION("all", ALL, OP_MIN),
    REDUCTION("any", ANY, OP_MAX),
    {"max", 1, 2, 0, MAX_RANK, "keep", extreme, OP_MAX, NULL},
    {"min", 1, 2, 0, MAX_RANK, "keep", extreme, OP_MIN, NULL},
    {"argmax", 1, 1, 0, 1, "keep", reduce, ARGUMENT * OP_COUNT + OP_ARGMAX, NULL},
    {"argmin", 1, 1, 0, 1, "keep", reduce, ARGUMENT * OP_COUNT + OP_ARGMIN, NULL},
    {"conv", 2, 2, 0, 0, "stride pad dilation groups", conv, 0, NULL},
    {"windows", 1, 1, 1, 1, "stride pad dilation fill", windows, 0, NULL},
    {0},
};
