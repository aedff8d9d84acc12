/* Constructs of random programs: views, reductions, orders, products, fills, draws. */
#include <string.h>

#include "random_scope.h"

/* ---- views ----------------------------------------------------------------------------------- */

static void build_slice(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  const char *parts = "";
  v.rank = 0;
  for (int i = 0; i < x.rank; i++) {
    int64_t d = x.dims[i], low = n[3 + i] / 8 % d, high = low + 1 + n[3 + i] / 64 % (d - low);
    const char *part = ":";
    switch (d >= SIZED ? 0 : n[3 + i] % 6) {
      case 1: part = TEXT("%lld:%lld", (long long)low, (long long)high), d = high - low; break;
      case 2: part = TEXT("%lld", (long long)low), d = 0; break;
      case 3: part = TEXT("%lld::2", (long long)low), d = (d - low + 1) / 2; break;
      case 4: part = "-1", d = 0; break;
      case 5:
        part = TEXT(":-%lld", (long long)(d > 1)), part = d > 1 ? part : ":", d -= d > 1;
        break;
      default: break;
    }
    if (d > 0) v.dims[v.rank++] = d;
    parts = TEXT("%s%s%s", parts, i ? ", " : "", part);
  }
  if (n[8] % 3 == 2 && v.rank < MOST_RANK) parts = TEXT("%s, new", parts), v.dims[v.rank++] = 1;
  scope_define(g, s, TEXT("%s[%s]", x.text, parts), v);
}

static const source_form subscripts[] = {
    {"$x[..., 0]", ANY | LAST_KNOWN, 1, MOST_RANK, ROWS, AS_X, false},
    {"$x[-1]", ANY | FIRST_KNOWN, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x[-1, ...]", ANY | FIRST_KNOWN, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x[::2][-1]", ANY | FIRST_KNOWN, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x[..., ::2][..., -1]", ANY | LAST_KNOWN, 1, MOST_RANK, ROWS, AS_X, false},
    {"$x[..., new][..., 0]", ANY, 0, MOST_RANK - 1, LIKE, AS_X, false},
    {"$x[new, ..., 0:$n][0]", ANY | LAST_KNOWN, 1, MOST_RANK - 1, LIKE, AS_X, false},
};

/* The bounded size stays an axis by itself. */
static void build_sized_reshape(generator *g, scope *s, operand x, bool rest) {
  operand inner = operand_without_axis(x, 0), v = x;
  v.rank = 2, v.dims[1] = operand_elements(&inner);
  const char *sizes = rest ? "n, -1" : TEXT("-1, %lld", (long long)v.dims[1]);
  scope_define(g, s, TEXT("reshape[%s](%s)", sizes, x.text), v);
}

static void build_reshape(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  if (operand_sized_axes(&x)) {
    if (operand_has_axes(&x, FIRST_SIZED)) build_sized_reshape(g, s, x, n[1] % 3 == 0);
    return;
  }
  v.rank = 1, v.dims[0] = operand_elements(&x);
  if (n[1] % 3 == 0) {
    scope_define(g, s, TEXT("reshape[-1](%s)", x.text), v);
    return;
  }
  v.rank = 2, v.dims[1] = x.dims[n[3] % (uint32_t)x.rank], v.dims[0] /= v.dims[1];
  const char *rows = n[1] % 3 == 1 ? "-1" : TEXT("%lld", (long long)v.dims[0]);
  scope_define(g, s, TEXT("reshape[%s, %lld](%s)", rows, (long long)v.dims[1], x.text), v);
}

static void build_transpose(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 2, MOST_RANK), v = x;
  int64_t order[MOST_RANK];
  v.dims[x.rank - 1] = x.dims[x.rank - 2], v.dims[x.rank - 2] = x.dims[x.rank - 1];
  if (n[1] % 2 == 0) {
    scope_define(g, s, TEXT("%s.T", x.text), v);
    return;
  }
  for (int i = 0; i < x.rank; i++)
    order[i] = (i + (int)n[3]) % x.rank, order[i] += order[i] < 0 ? x.rank : 0;
  for (int i = 0; i < x.rank; i++) v.dims[i] = x.dims[order[i]];
  scope_define(g, s, TEXT("transpose[%s](%s)", scope_list(g->arena, x.rank, order), x.text), v);
}

static void build_joint(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), y = scope_alike(s, n[3], &x), v = x;
  int axis = operand_known_axis(&x, n[4]), form = (int)(n[1] % 4);
  if (axis < 0) axis = 0, form = 3;
  v.from = x.from | y.from;
  if (form < 3 || (x.rank == MOST_RANK && operand_known_axis(&x, 0) >= 0)) {
    const char *last = form == 2 ? TEXT(", %s", x.text) : "";
    v.dims[axis] *= form == 2 ? 3 : 2;
    scope_define(g, s, TEXT("concat[%d](%s, %s%s)", axis, x.text, y.text, last), v);
    return;
  }
  v.rank++;
  for (int i = v.rank - 1; i > axis; i--) v.dims[i] = v.dims[i - 1];
  v.dims[axis] = 2;
  scope_define(g, s, TEXT("stack[%d](%s, %s)", axis, x.text, y.text), v);
}

static bool extends(const operand *y, const operand *x) {
  operand whole = *y;
  if (y->element != x->element || y->rank != x->rank || !operand_has_axes(y, FIRST_KNOWN))
    return false;
  whole.dims[0] = x->dims[0];
  return operand_same_shape(&whole, x);
}

/* Along the leading axis, of parts that differ there. */
static void build_rows(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY | FIRST_KNOWN, 1, MOST_RANK), v = x;
  operand y = scope_pick_where(s, n[3], &x, extends, x);
  v.dims[0] += y.dims[0];
  v.from |= y.from;
  scope_define(g, s, TEXT("concat[0](%s, %s)", x.text, y.text), v);
}

static void build_split(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  int axis = operand_known_axis(&x, n[3]);
  if (axis < 0) return;
  int64_t d = x.dims[axis], parts = d % 3 == 0 ? 3 : d % 2 == 0 ? 2 : 1;
  v.dims[axis] = d / parts;
  scope_define(
      g, s,
      TEXT("split[%lld, %d](%s)[%lld]", (long long)parts, axis, x.text, (long long)(n[1] % parts)),
      v);
}

/* ---- reductions, order ----------------------------------------------------------------------- */

/* Axes by the bits of a number, all where there are none; takes them out, or leaves them with
 * extent 1. */
static const char *choose_axes(generator *g, uint32_t bits, bool keep, operand *v) {
  operand left = *v;
  const char *axes = "";
  left.rank = 0;
  bits = bits % (1u << v->rank) ? bits % (1u << v->rank) : (1u << v->rank) - 1;
  for (int i = 0; i < v->rank; i++) {
    bool reduced = bits >> i & 1;
    if (reduced) axes = TEXT("%s%s%d", axes, *axes ? ", " : "", i);
    if (!reduced || keep) left.dims[left.rank++] = reduced ? 1 : v->dims[i];
  }
  *v = left;
  return axes;
}

static void build_reduction(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"sum", "mean", "max", "min", "prod"};
  operand x = scope_pick(s, n[2], FLOATS, 1, MOST_RANK), v = x;
  bool keep = n[4] % 2;
  const char *axes = choose_axes(g, n[3], keep, &v);
  const char *factors = n[1] % 5 == 4 ? TEXT("tanh(%s)", x.text) : x.text;
  scope_define(g, s,
               TEXT("%s[%s%s](%s)", names[n[1] % 5], axes, keep ? ", keep: true" : "", factors), v);
}

static const source_form whole_reductions[] = {
    {"sum($x)", FLOATS | INTEGERS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"mean($x)", FLOATS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"prod(cos($x))", REALS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"max($x)", FLOATS | INTEGERS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"min($x)", FLOATS | INTEGERS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"any($x > 1)", FLOATS | INTEGERS, 0, MOST_RANK, SCALAR, DTYPE_BOOL, true},
    {"all($x < 1)", FLOATS | INTEGERS, 0, MOST_RANK, SCALAR, DTYPE_BOOL, true},
    {"sum($x)", TRUTHS, 0, MOST_RANK, SCALAR, DTYPE_I32, true},
    {"mean($x)", TRUTHS, 0, MOST_RANK, SCALAR, DTYPE_F32, true},
    {"sum($x[..., new] * ones[3]())", REALS, 0, MOST_RANK - 1, SCALAR, AS_X, false},
    {"sum[-1, -2]($x[..., new] * ones[3]())", REALS, 1, MOST_RANK - 1, ROWS, AS_X, false},
};

static void build_count(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"any", "all", "sum", "mean", "max"};
  static const dtype results[] = {DTYPE_BOOL, DTYPE_BOOL, DTYPE_I32, DTYPE_F32, DTYPE_I32};
  operand x = scope_pick(s, n[2], TRUTHS, 1, MOST_RANK), v = x;
  bool keep = n[4] % 3 > 0;
  const char *axes = choose_axes(g, n[3], keep, &v);
  v.element = results[n[1] % 5];
  scope_define(g, s,
               TEXT("%s[%s%s](%s)", names[n[1] % 5], axes, keep ? ", keep: true" : "", x.text), v);
}

static void build_integer_reduction(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"sum", "max", "min", "prod"};
  operand x = scope_pick(s, n[2], INTEGERS, 1, MOST_RANK), v = x;
  const char *axes = choose_axes(g, n[3], false, &v);
  scope_define(g, s, TEXT("%s[%s](%s)", names[n[1] % 4], axes, x.text), v);
}

static void build_place(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ARITHMETIC, 1, MOST_RANK), v = x;
  int axis = (int)(n[3] % (uint32_t)x.rank);
  const char *name = n[1] % 2 ? "argmin" : "argmax";
  v.element = DTYPE_I32;
  if (n[4] % 2) {
    v.dims[axis] = 1;
    scope_define(g, s, TEXT("%s[%d, keep: true](%s)", name, axis, x.text), v);
  } else {
    scope_define(g, s, TEXT("%s[%d](%s)", name, axis, x.text), operand_without_axis(v, axis));
  }
}

static void build_normalisation(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"softmax", "log_softmax", "logsumexp"};
  operand x = scope_pick(s, n[2], REALS, 1, MOST_RANK);
  int axis = (int)(n[3] % (uint32_t)x.rank);
  scope_define(g, s, TEXT("%s[%d](%s)", names[n[1] % 3], axis, x.text),
               n[1] % 3 == 2 ? operand_without_axis(x, axis) : x);
}

static void build_running(generator *g, scope *s, const uint32_t *n) {
  static const char *const options[] = {"", ", exclusive: true", ", reverse: true",
                                        ", exclusive: true, reverse: true"};
  bool product = n[1] % 2;
  operand x = scope_pick(s, n[2], n[1] % 4 < 2 ? REALS : ANY, 1, MOST_RANK), v = x;
  int axis = operand_known_axis(&x, n[3]);
  if (axis < 0) return;
  const char *inner =
      !dtype_is_float(x.element) ? x.text : TEXT("%s(%s)", product ? "cos" : "tanh", x.text);
  if (x.element == DTYPE_BOOL) v.element = DTYPE_I32;
  scope_define(g, s,
               TEXT("%s[%d%s](%s)", product ? "cumprod" : "cumsum", axis, options[n[4] % 4], inner),
               v);
}

static void build_order(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ARITHMETIC, 1, MOST_RANK), v = x;
  int axis = operand_known_axis(&x, n[3]);
  if (axis < 0) return;
  const char *option = n[4] % 2 ? ", descending: true" : "";
  int64_t k = 1 + n[5] % x.dims[axis];
  int form = (int)(n[1] % 4);
  if (form % 2) v.element = DTYPE_I32, v.from = 0;
  if (form > 1) {
    v.dims[axis] = k;
    scope_define(g, s, TEXT("top_k[%lld, %d](%s)[%d]", (long long)k, axis, x.text, form % 2), v);
    return;
  }
  scope_define(g, s, TEXT("%s[%d%s](%s)", form ? "argsort" : "sort", axis, option, x.text), v);
}

static void build_reverse(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  if (operand_sized_axes(&x)) {
    int axis = operand_known_axis(&x, n[3]);
    if (axis >= 0) scope_define(g, s, TEXT("reverse[%d](%s)", axis, x.text), x);
    return;
  }
  const char *axes = choose_axes(g, n[3], true, &v);
  scope_define(g, s, TEXT("reverse[%s](%s)", axes, x.text), x);
}

/* The elements that another tensor names, along any axis. */
static void build_gather(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), index = scope_pick(s, n[3], INTEGERS, 0, 2),
          v = x;
  const bool sized = operand_sized_axes(&index) > 0; /* such places stand in the first axis only, of both */
  int axis = sized && operand_has_axes(&x, FIRST_KNOWN) ? 0 : operand_known_axis(&x, n[1]);
  const char *before = "";
  if (axis < 0 || (sized && (axis > 0 || !operand_has_axes(&index, FIRST_SIZED))) || index.rank + x.rank - 1 > MOST_RANK) return;
  v.rank = axis;
  for (int i = 0; i < axis; i++) before = TEXT("%s:, ", before);
  for (int i = 0; i < index.rank; i++) v.dims[v.rank++] = index.dims[i];
  for (int i = axis + 1; i < x.rank; i++) v.dims[v.rank++] = x.dims[i];
  scope_define(g, s, TEXT("%s[%s%s]", x.text, before, index.text), v);
}

/* ---- products -------------------------------------------------------------------------------- */

static bool multiplies(const operand *y, const operand *x) {
  dtype common;
  operand left = *x, right = *y;
  if (y->rank < 1 || !dtype_promote(x->element, y->element, &common)) return false;
  if (y->dims[y->rank > 1 ? y->rank - 2 : 0] != operand_last(x)) return false;
  left.rank = x->rank > 1 ? x->rank - 2 : 0, right.rank = y->rank > 1 ? y->rank - 2 : 0;
  for (int i = 0; i < right.rank; i++) right.dims[i] = y->dims[i];
  return operand_broadcasts(&left, &right);
}

/* NumPy's rules: the axes before the last two broadcast. */
static operand multiplied(const operand *x, const operand *y) {
  operand left = *x, right = *y;
  left.rank = x->rank > 1 ? x->rank - 2 : 0, right.rank = y->rank > 1 ? y->rank - 2 : 0;
  operand v = operand_broadcast(&left, &right);
  if (x->rank > 1) v.dims[v.rank++] = x->dims[x->rank - 2];
  if (y->rank > 1) v.dims[v.rank++] = y->dims[y->rank - 1];
  return v;
}

/* With its first two axes in the other order. */
static operand turned(generator *g, operand x) {
  int64_t rows = x.dims[0], order[MOST_RANK] = {1, 0, 2, 3, 4};
  x.text = TEXT("transpose[%s](%s)", scope_list(g->arena, x.rank, order), x.text);
  x.dims[0] = x.dims[1], x.dims[1] = rows;
  return x;
}

static void build_product(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"$x @ $y", "tanh($x @ $y)", "2 * ($x @ $y) + 1"};
  operand x = scope_pick(s, n[2], n[4] % 2 ? FLOATS : REALS, 1, MOST_RANK), none = {.text = NULL};
  if (x.rank > 2 && n[5] % 2) x = turned(g, x);
  operand y = scope_pick_where(s, n[3], &x, multiplies, none);
  if (y.text)
    scope_define(g, s, scope_fill(g, forms[n[1] % 3], &x, &y), multiplied(&x, &y));
  else
    scope_define(g, s, scope_fill(g, "sum[-1]($x * $x)", &x, NULL),
                 operand_without_axis(x, x.rank - 1));
}

static void build_outer(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS, 2, MOST_RANK), v = x;
  v.dims[v.rank - 1] = v.dims[v.rank - 2];
  scope_define(g, s, scope_fill(g, n[1] % 2 ? "$x @ $x.T" : "tanh($x @ $x.T)", &x, NULL), v);
}

/* Products and convolutions along an axis so long that it is cut into blocks, with what is computed as an operand
 * is copied: of places, of draws, of others' elements, of a scalar. The result's extents stand beside it. */
static const struct long_form {
  const char *text;
  int input, rank;
  int64_t dims[MOST_RANK];
} long_forms[] = {
    {"bernoulli[3, 300](0.5) @ f", F, 2, {3, 20}},
    {"normal[6, 300]() @ tanh(f)", F, 2, {6, 20}},
    {"f.T @ uniform[300, 6]()", F, 2, {20, 6}},
    {"exp(f32(reshape[6, 300](iota[900, 2, axis: 0]())) * 0.01) @ f", F, 2, {6, 20}},
    {"cos($x * f32(iota[7, 300, axis: 1]()) * 0.01 + f32(iota[7]())[:, new]) @ f", F, 2, {7, 20}},
    {"(iota[300]() < 131 ? $x * ones[9, 300]() : normal[9, 300]()) @ f", F, 2, {9, 20}},
    {"concat[1]($x * uniform[6, 101](), ones[6, 199]()) @ f", F, 2, {6, 20}},
    {"f[1:, :9].T @ cos(f[:-1])", F, 2, {9, 20}},
    {"reverse[0](f[:, 8:]).T @ sin(f[iota[300]() * 7 % 300])", F, 2, {12, 20}},
    {"($x * f.T) @ reshape[300, 20](bernoulli[20, 300](0.25))", F, 2, {20, 20}},
    {"conv[pad: 1](bernoulli[2, 2, 128](0.5), q[:, :, 0])", Q, 3, {2, 4, 128}},
    {"conv[pad: 3](normal[1, 2, 256](), $x * q[:, :, 1])", Q, 3, {1, 4, 260}},
};

static void build_long_product(generator *g, scope *s, const uint32_t *n) {
  const struct long_form *f = &long_forms[n[1] % FORMS(long_forms)];
  operand x = {.text = "1"}, v = operand_of(DTYPE_F32, f->rank, f->dims);
  if (strstr(f->text, "$x")) x = scope_pick(s, n[2], 1 << DTYPE_F32, 0, 0);
  v.from = x.from | scope_use(s, f->input).from;
  scope_define(g, s, scope_fill(g, f->text, &x, NULL), v);
}

/* ---- windows --------------------------------------------------------------------------------- */

static void build_convolution(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick_where(s, n[2], NULL, operand_is_picture, s->values[P]),
          w = scope_use(s, Q), v = x;
  int64_t stride = 1 + n[3] % 2, pad = n[4] % 2, dilation = 1 + n[5] % 2, groups = 1 + n[6] % 2;
  v.from |= w.from;
  v.dims[1] = 4;
  v.dims[2] = (x.dims[2] + 2 * pad - dilation - 1) / stride + 1;
  v.dims[3] = (x.dims[3] + 2 * pad - 2 * dilation - 1) / stride + 1;
  scope_define(g, s,
               TEXT("conv[stride: %lld, pad: %lld, dilation: %lld, groups: %lld](%s, %s%s)",
                    (long long)stride, (long long)pad, (long long)dilation, (long long)groups,
                    x.text, w.text, groups == 2 ? "[:, 0:1]" : ""),
               v);
}

/* A convolution, or windows that are reduced, of an input: the result's extents stand beside it. */
static const struct windowed {
  const char *text;
  int input, rank;
  int64_t dims[MOST_RANK];
} windowed[] = {
    {"conv(r, q[:, :, :, 0])", R, 3, {0, 4, 6}},
    {"conv[stride: 2, pad: 1](r, q[:, :, 1])", R, 3, {0, 4, 4}},
    {"conv[pad: ((1, 0), (0, 2)), stride: (1, 2)](p, q)", P, 4, {2, 4, 5, 3}},
    {"conv[groups: 2](p, q[:, 0:1, :, ::2])", P, 4, {2, 4, 4, 5}},
    {"conv[stride: (1, 2, 2)](o, q[:, :, :, :, new])", O, 5, {1, 4, 2, 1, 3}},
    {"sum[-1](windows[3](r))", R, 3, {0, 2, 5}},
    {"max[-1, -2](windows[(2, 3), pad: 1, fill: 0.5](p))", P, 4, {2, 2, 6, 6}},
    {"min[-1, -2](windows[2, stride: (2, 1), dilation: (1, 3)](p))", P, 4, {2, 2, 2, 3}},
    {"prod[-1](windows[2, dilation: 2, pad: (1)](cos(r)))", R, 3, {0, 2, 7}},
    {"argmax[-1](windows[3, stride: 2](r))", R, 3, {0, 2, 3}},
    {"windows[(2, 2)](p)[:, 0, :, :, 1]", P, 4, {2, 4, 5, 2}},
    {"mean[-1, -2, -3](windows[2](o))", O, 5, {1, 2, 2, 3, 4}},
    {"global_max_pool(r)", R, 2, {0, 2}},
    {"global_avg_pool(p)", P, 2, {2, 2}},
    {"flatten(p)", P, 2, {2, 60}},
    {"local_response_norm[3](p)", P, 4, {2, 2, 5, 6}},
    {"local_mean[3](p, 1.0)", P, 4, {2, 1, 5, 6}},
    {"subtractive_norm[3](p)", P, 4, {2, 2, 5, 6}},
    {"divisive_norm[3](p)", P, 4, {2, 2, 5, 6}},
    {"local_contrast_norm[3](p)", P, 4, {2, 2, 5, 6}},
    {"upsample2d[2](p)", P, 4, {2, 2, 10, 12}},
    {"bilinear_sample(p, affine_grid[4, 3](sin(p[:, :, 0, :3])))", P, 4, {2, 2, 4, 3}},
    {"bilinear_sample(p, thin_plate_grid[4, 3](sin(p[:, :, :4, :2])))", P, 4, {2, 2, 4, 3}},
    {"avg_unpool2d[(1, 2)](p)", P, 4, {2, 2, 5, 12}},
    {"max_unpool2d[5, 6, 2](max_pool2d[2](sin(p)), max_pool2d_places[2](p)[1])",
     P,
     4,
     {2, 2, 5, 6}},
};

static void build_windows(generator *g, scope *s, const uint32_t *n) {
  const struct windowed *w = &windowed[n[1] % FORMS(windowed)];
  operand x = scope_use(s, w->input), v = operand_of(DTYPE_F32, w->rank, w->dims);
  if (n[1] % FORMS(windowed) < 5) x.from |= scope_use(s, Q).from;
  v.dims[0] = x.dims[0];
  v.from = x.from;
  if (strncmp(w->text, "argmax", 6) == 0) v.element = DTYPE_I32;
  scope_define(g, s, w->text, v);
}

/* ---- index notation -------------------------------------------------------------------------- */

static const source_form indexed[] = {
    {"$x\n  $y[first, second] = sin($x[first, second]) * sum[third]($x[first, third])", REALS, 2, 2,
     LIKE, AS_X, false},
    {"tanh($x)\n  $y[first, second] = sum[third, fourth]($x[first, third] * $y[fourth, third] *\n"
     "    cos($x[fourth, second]))",
     REALS, 2, 2, LIKE, AS_X, false},
    {"$x\n  $y[first, second] = first <= second ? $x[first, second] : 0.5 * $x[first, -1]", REALS | LAST_KNOWN,
     2, 2, LIKE, AS_X, false},
    {"$x\n  $y[first] = max[second]($x[first, second] - cos($x[0, second]))", REALS | FIRST_KNOWN, 2, 2, ROWS,
     AS_X, false},
    {"$x\n  $y[first] = any[second]($x[first, second] > 0.5) ? $x[first, 0] :\n"
     "    prod[second](tanh($x[first, second]))",
     REALS | LAST_KNOWN, 2, 2, ROWS, AS_X, false},
    {"$x\n  $y[first] = argmax[second]($x[first, second]) + first", FLOATS, 2, 2, ROWS, DTYPE_I32,
     true},
    {"$x\n  $y[second] = logsumexp[first]($x[first, second])", REALS, 2, 2, COLUMNS, AS_X, false},
    {"sum[first, second]($x[first, second] * cos($y[first, second])) + "
     "mean[first]($x[first, 0])",
     REALS | LAST_KNOWN, 2, 2, SCALAR, AS_X, false},
    {"$x\n  $y[first] = $x[first] * mean[second]($x[second])", REALS, 1, 1, LIKE, AS_X, false},
    {"$x\n  $y[second] = sum[first < 3](sin($x[second] * (f32(first) + 0.5)))", REALS, 1, 1, LIKE,
     AS_X, false},
    {"$x\n  $y[first, second, third] = sum[fourth, fifth]($x[first, second, fourth] *\n"
     "    $x[first, fifth, fourth] * $x[first, fifth, third])",
     REALS, 3, 3, LIKE, AS_X, false},
    {"$x\n  $y[first < $d] = $x[first, first]", REALS | ALL_KNOWN, 2, 2, ROWS, AS_X, false},
    {"$x\n  $y[first, second < $n] = $x[first, second - 1]", ANY | LAST_KNOWN, 2, 2, LIKE, AS_X, false},
    {"$x\n  $y[first < $d] = sum[second < 3](sin($x[first + second - 1]))", REALS | FIRST_KNOWN, 1, 1, LIKE, AS_X,
     false},
    {"$x\n  $y[first, second < $n] =\n"
     "    sum[third]($x[first, third] * $x[first, (second - third) % $n])",
     REALS | LAST_KNOWN, 2, 2, LIKE, AS_X, false},
    {"$x\n  $y[first < $d, second < $n] = $x[second % $d, first // 2] + $x[first, second]", REALS | ALL_KNOWN,
     2, 2, LIKE, AS_X, false},
    {"argsort($x)\n  $y[first, second] = $x[first, $y[first, second]]", REALS | LAST_KNOWN, 2, 2, LIKE, AS_X,
     false},
    {"$x\n  $y[second < $d] = sum[first](i32($x[first] == second))", INTEGERS, 1, 1, LIKE,
     DTYPE_I32, true},
};

/* ---- values from nothing, chance ------------------------------------------------------------- */

static void build_fill(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS, 1, MOST_RANK), v = operand_of(DTYPE_F32, x.rank, x.dims);
  const char *sizes = operand_sizes(g, &v);
  switch (n[1] % 6) {
    case 0: scope_define(g, s, TEXT("full[%s](0.25)", sizes), v); break;
    case 1:
      scope_define(g, s, TEXT("full[%s](s)", sizes), (v.from = scope_use(s, S).from, v));
      break;
    case 2:
      v.element = DTYPE_I32;
      scope_define(g, s, TEXT("iota[%s, axis: %d]()", sizes, (int)(n[3] % (uint32_t)v.rank)), v);
      break;
    case 3: scope_define(g, s, TEXT("ones[shape(%s)]() / f32(len(%s))", x.text, x.text), v); break;
    case 4: scope_define(g, s, TEXT("zeros[%s]() - 1", sizes), v); break;
    default:
      scope_define(g, s, TEXT("f32(shape(%s)[0]) + zeros[]()", x.text), operand_scalar(DTYPE_F32));
      break;
  }
}

static const source_form draws[] = {
    {"uniform[$s]()", REALS | SIZE_LEADS, 1, MOST_RANK, LIKE, DTYPE_F32, true},
    {"normal[shape($x)]()", REALS | SIZE_LEADS, 1, MOST_RANK, LIKE, DTYPE_F32, true},
    {"bernoulli(sigmoid($x))", FLOATS | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, true},
    {"bernoulli[$s](0.5)", REALS | SIZE_LEADS, 1, MOST_RANK, LIKE, DTYPE_F32, true},
    {"randint[$s](5)", REALS | SIZE_LEADS, 1, MOST_RANK, LIKE, DTYPE_I32, true},
    {"randint(abs($x) % 9 + 1)", 1 << DTYPE_I32 | SIZE_LEADS, 0, MOST_RANK, LIKE, DTYPE_I32, true},
    {"categorical($x)", REALS | SIZE_LEADS, 1, MOST_RANK, ROWS, DTYPE_I32, true},
    {"sum(categorical[4]($x))", REALS | ALL_KNOWN, 1, 1, SCALAR, DTYPE_I32, true},
    {"uniform() + normal()", REALS | SIZE_LEADS, 0, MOST_RANK, SCALAR, DTYPE_F32, true},
    {"orthogonal[($s)]()", 1 << DTYPE_F32 | ALL_KNOWN, 2, MOST_RANK, LIKE, AS_X, true},
    {"flat(orthonormal_rows(stack[0](sin(flat($x)), cos(flat($x)))))", 1 << DTYPE_F32 | ALL_KNOWN, 1, MOST_RANK,
     PAIRS, AS_X, false},
    {"$x[permutation[$d]()]", REALS | FIRST_KNOWN, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x - f32(permutation[$n]()) / 8", REALS | LAST_KNOWN, 1, MOST_RANK, LIKE, AS_X, false},
};

/* ---- the table ------------------------------------------------------------------------------- */

/* Simple ones first. */
const construct tensor_constructs[] = {
    {"slice", 6, build_slice, NULL},
    {"subscript", FORMS(subscripts), NULL, subscripts},
    {"reshape", 3, build_reshape, NULL},
    {"transpose", 2, build_transpose, NULL},
    {"concat or stack", 4, build_joint, NULL},
    {"concat of unequal parts", 3, build_rows, NULL},
    {"split", 3, build_split, NULL},
    {"reduction", 15, build_reduction, NULL},
    {"reduction of all", FORMS(whole_reductions), NULL, whole_reductions},
    {"count", 10, build_count, NULL},
    {"integer reduction", 4, build_integer_reduction, NULL},
    {"place", 8, build_place, NULL},
    {"normalisation", 3, build_normalisation, NULL},
    {"running", 8, build_running, NULL},
    {"order", 8, build_order, NULL},
    {"reverse", 3, build_reverse, NULL},
    {"gather", 4, build_gather, NULL},
    {"product", 6, build_product, NULL},
    {"outer product", 2, build_outer, NULL},
    {"long product", FORMS(long_forms), build_long_product, NULL},
    {"convolution", 3, build_convolution, NULL},
    {"windows", FORMS(windowed), build_windows, NULL},
    {"index notation", FORMS(indexed), NULL, indexed},
    {"fill", 12, build_fill, NULL},
    {"draw", FORMS(draws), NULL, draws},
    {0},
};
