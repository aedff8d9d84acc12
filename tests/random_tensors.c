/* Constructs of random programs: operators on tensors. */
#include "random_scope.h"

/* ---- elementwise ----------------------------------------------------------------------------- */

/* One function of another. */
static void build_unary(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"-%s",
                                      "tanh(%s)",
                                      "sigmoid(%s)",
                                      "sin(%s)",
                                      "cos(%s)",
                                      "exp(tanh(%s))",
                                      "expm1(sin(%s))",
                                      "log(abs(%s) + 0.5)",
                                      "log1p(abs(%s))",
                                      "sqrt(abs(%s) + 0.25)",
                                      "rsqrt(%s ** 2 + 0.5)",
                                      "abs(%s)",
                                      "tanh(%s) ** 2",
                                      "tanh(%s) ** 3",
                                      "1 / (1 + %s ** 2)",
                                      "relu(%s)",
                                      "gelu(tanh(%s))",
                                      "silu(tanh(%s))",
                                      "softplus(%s)",
                                      "leaky_relu(%s, 0.1)",
                                      "(%s |> tanh |> abs)",
                                      "pow(abs(%s) + 0.5, 1.5)"};
  enum { FORMS = sizeof forms / sizeof *forms };
  operand x = scope_pick(s, n[2], REALS | (n[3] % 8 == 7 ? HALVES : 0), 0, MOST_RANK);
  const char *inner = n[4] % 2 ? TEXT("(%s)", TEXT(forms[n[5] % FORMS], x.text)) : x.text;
  scope_define(g, s, TEXT(forms[n[1] % FORMS], inner), x);
}

static void build_jump(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"stop_gradient(%s)", "floor(%s)",      "sign(%s)",
                                      "f32(isnan(%s))",    "zeros_like(%s)", "ones_like(%s)"};
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 0, MOST_RANK);
  x.from = 0;
  scope_define(g, s, TEXT(forms[n[1] % 6], x.text), x);
}

static void build_binary(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"%s + %s",
                                      "%s - %s",
                                      "tanh(%s) * %s",
                                      "%s / (1 + abs(%s))",
                                      "max(%s, %s)",
                                      "min(%s, %s)",
                                      "pow(abs(%s) + 0.5, tanh(%s))",
                                      "%s %% (abs(%s) + 0.75)"};
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK), y = scope_partner(g, s, n[3], &x);
  scope_define(g, s, TEXT(forms[n[1] % 8], x.text, y.text), operand_broadcast(&x, &y));
}

static void build_quotient(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK), y = scope_partner(g, s, n[3], &x);
  operand v = operand_broadcast(&x, &y);
  v.from = 0;
  scope_define(g, s, TEXT("%s // (abs(%s) + 0.75)", x.text, y.text), v);
}

static void build_choice(generator *g, scope *s, const uint32_t *n) {
  static const char *const relations[] = {">", "<", ">=", "<=", "==", "!="};
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK), y = scope_partner(g, s, n[3], &x);
  operand v = operand_broadcast(&x, &y);
  scope_define(
      g, s, TEXT("%s %s %s ? %s : 0.5 * %s", x.text, relations[n[1] % 6], y.text, x.text, y.text),
      v);
}

static bool comparable(const operand *x, const operand *like) {
  return operand_is(x, TRUTHS) && operand_same_shape(x, like);
}

static void build_truth(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"%s and %s", "%s or %s", "not %s or %s", "%s == %s",
                                      "%s != %s"};
  operand x = scope_pick(s, n[2], TRUTHS, 0, MOST_RANK),
          y = scope_pick_where(s, n[3], &x, comparable, x);
  scope_define(g, s, TEXT(forms[n[1] % 5], x.text, y.text), x);
}

static void build_comparison(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"%s > 0",  "%s < 1",  "%s >= 0.5",
                                      "%s <= 0", "%s == 0", "%s != 1"};
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK);
  x.element = DTYPE_BOOL;
  scope_define(g, s, TEXT(forms[n[1] % 6], x.text), x);
}

static void build_integer(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"%s + 1",   "%s - 2",     "%s * 3",     "%s // 2",
                                      "%s %% 3",  "max(%s, 1)", "min(%s, 1)", "abs(%s)",
                                      "sign(%s)", "-%s",        "%s * %s",    "%s ** 2"};
  operand x = scope_pick(s, n[2], INTEGERS, 0, MOST_RANK);
  scope_define(g, s, TEXT(forms[n[1] % 12], x.text, x.text), x);
}

static void build_cast(generator *g, scope *s, const uint32_t *n) {
  static const dtype to[] = {DTYPE_F32, DTYPE_F64,  DTYPE_I32, DTYPE_I64, DTYPE_U8,
                             DTYPE_I8,  DTYPE_BOOL, DTYPE_F16, DTYPE_BF16};
  operand x = scope_pick(s, n[2], ANY | HALVES, 0, MOST_RANK), v = x;
  v.element = to[n[1] % 9];
  if (!dtype_is_float(x.element)) v.from = 0;
  scope_define(g, s, TEXT("%s(%s)", dtype_name(v.element), x.text), v);
}

/* ---- views ----------------------------------------------------------------------------------- */

static void build_slice(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  const char *parts = "";
  v.rank = 0;
  for (int i = 0; i < x.rank; i++) {
    int64_t d = x.dims[i], low = n[3 + i] / 8 % d, high = low + 1 + n[3 + i] / 64 % (d - low);
    const char *part = ":";
    switch (n[3 + i] % 6) {
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

static void build_reshape(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  v.rank = 1, v.dims[0] = operand_elements(&x);
  if (n[1] % 3 == 0) {
    scope_define(g, s, TEXT("reshape[-1](%s)", x.text), v);
    return;
  }
  v.rank = 2, v.dims[1] = x.dims[n[3] % (uint32_t)x.rank], v.dims[0] /= v.dims[1];
  scope_define(
      g, s, TEXT("reshape[%lld, %lld](%s)", (long long)v.dims[0], (long long)v.dims[1], x.text), v);
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

static bool same_type(const operand *x, const operand *like) {
  return x->element == like->element && operand_same_shape(x, like);
}

static void build_joint(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK),
          y = scope_pick_where(s, n[3], &x, same_type, x), v = x;
  int axis = (int)(n[4] % (uint32_t)x.rank);
  v.from = x.from | y.from;
  if (n[1] % 2 == 0 || x.rank == MOST_RANK) {
    v.dims[axis] *= 2;
    scope_define(g, s, TEXT("concat[%d](%s, %s)", axis, x.text, y.text), v);
    return;
  }
  v.rank++;
  for (int i = v.rank - 1; i > axis; i--) v.dims[i] = v.dims[i - 1];
  v.dims[axis] = 2;
  scope_define(g, s, TEXT("stack[%d](%s, %s)", axis, x.text, y.text), v);
}

static void build_split(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  int64_t d = x.dims[0], parts = d % 3 == 0 ? 3 : d % 2 == 0 ? 2 : 1;
  v.dims[0] = d / parts;
  scope_define(
      g, s, TEXT("split[%lld, 0](%s)[%lld]", (long long)parts, x.text, (long long)(n[1] % parts)),
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
  operand x = scope_pick(s, n[2], REALS, 1, MOST_RANK), v = x;
  bool keep = n[4] % 2;
  const char *axes = choose_axes(g, n[3], keep, &v);
  const char *factors = n[1] % 5 == 4 ? TEXT("tanh(%s)", x.text) : x.text;
  scope_define(g, s,
               TEXT("%s[%s%s](%s)", names[n[1] % 5], axes, keep ? ", keep: true" : "", factors), v);
}

static void build_count(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"any", "all", "sum", "mean"};
  operand x = scope_pick(s, n[2], TRUTHS, 1, MOST_RANK), v = x;
  const char *axes = choose_axes(g, n[3], false, &v);
  v.element = (dtype[]){DTYPE_BOOL, DTYPE_BOOL, DTYPE_I32, DTYPE_F32}[n[1] % 4];
  scope_define(g, s, TEXT("%s[%s](%s)", names[n[1] % 4], axes, x.text), v);
}

static void build_integer_reduction(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"sum", "max", "min", "prod"};
  operand x = scope_pick(s, n[2], INTEGERS, 1, MOST_RANK), v = x;
  const char *axes = choose_axes(g, n[3], false, &v);
  scope_define(g, s, TEXT("%s[%s](%s)", names[n[1] % 4], axes, x.text), v);
}

static void build_place(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS | INTEGERS, 1, MOST_RANK);
  int axis = (int)(n[3] % (uint32_t)x.rank);
  operand v = operand_without_axis(x, axis);
  v.element = DTYPE_I32;
  scope_define(g, s, TEXT("%s[%d](%s)", n[1] % 2 ? "argmin" : "argmax", axis, x.text), v);
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
  operand x = scope_pick(s, n[2], REALS, 1, MOST_RANK);
  int axis = (int)(n[3] % (uint32_t)x.rank);
  scope_define(g, s,
               TEXT("%s[%d%s](%s(%s))", n[1] % 2 ? "cumprod" : "cumsum", axis, options[n[4] % 4],
                    n[1] % 2 ? "cos" : "tanh", x.text),
               x);
}

static void build_order(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS | INTEGERS, 1, MOST_RANK), v = x;
  int axis = (int)(n[3] % (uint32_t)x.rank);
  const char *option = n[4] % 2 ? ", descending: true" : "";
  int64_t k = 1 + n[5] % x.dims[axis];
  if (n[1] % 3 == 2) {
    v.dims[axis] = k;
    scope_define(g, s, TEXT("top_k[%lld, %d](%s)[0]", (long long)k, axis, x.text), v);
    return;
  }
  if (n[1] % 3 == 1) v.element = DTYPE_I32;
  scope_define(g, s, TEXT("%s[%d%s](%s)", n[1] % 3 ? "argsort" : "sort", axis, option, x.text), v);
}

static void build_gather(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 1, MOST_RANK),
          index = scope_pick(s, n[3], 1 << DTYPE_I32 | 1 << DTYPE_I64, 1, 2);
  operand v = x;
  bool second = n[1] % 2 && x.rank > 1;
  v.rank = 0;
  if (second) v.dims[v.rank++] = x.dims[0];
  if (index.rank + x.rank - 1 > MOST_RANK) return;
  for (int i = 0; i < index.rank; i++) v.dims[v.rank++] = index.dims[i];
  for (int i = second ? 2 : 1; i < x.rank; i++) v.dims[v.rank++] = x.dims[i];
  scope_define(g, s, TEXT("%s[%s%s]", x.text, second ? ":, " : "", index.text), v);
}

/* ---- products -------------------------------------------------------------------------------- */

static bool multiplies(const operand *y, const operand *x) {
  if (y->element != x->element || y->rank < 1 || y->rank > 2) return false;
  return y->dims[0] == operand_last(x);
}

static void build_product(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS, 1, MOST_RANK),
          y = scope_pick_where(s, n[3], &x, multiplies, (operand){.text = NULL});
  operand v = x;
  if (!y.text) {
    scope_define(g, s, TEXT("sum[-1](%s * %s)", x.text, x.text),
                 operand_without_axis(x, x.rank - 1));
    return;
  }
  v.from |= y.from;
  if (y.rank == 1) v = operand_without_axis(v, v.rank - 1);
  else v.dims[v.rank - 1] = y.dims[1];
  scope_define(g, s, TEXT(n[1] % 2 ? "%s @ %s" : "tanh(%s @ %s)", x.text, y.text), v);
}

static void build_outer(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 2, MOST_RANK), v = x;
  v.dims[v.rank - 1] = v.dims[v.rank - 2];
  scope_define(g, s, TEXT(n[1] % 2 ? "%s @ %s.T" : "tanh(%s @ %s.T)", x.text, x.text), v);
}

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

static void build_pooling(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick_where(s, n[2], NULL, operand_is_picture, s->values[P]), v = x;
  int64_t stride = 1 + n[3] % 2;
  for (int i = 2; i < 4; i++) v.dims[i] = (x.dims[i] - 2) / stride + 1;
  scope_define(
      g, s,
      TEXT("%s_pool2d[2, stride: %lld](%s)", n[1] % 2 ? "avg" : "max", (long long)stride, x.text),
      v);
}

/* ---- values from nothing, chance ------------------------------------------------------------- */

static void build_fill(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS, 1, MOST_RANK), v = operand_of(DTYPE_F32, x.rank, x.dims);
  const char *sizes = operand_sizes(g, &v);
  switch (n[1] % 4) {
    case 0: scope_define(g, s, TEXT("full[%s](0.25)", sizes), v); break;
    case 1:
      scope_define(g, s, TEXT("full[%s](s)", sizes), (v.from = scope_use(s, S).from, v));
      break;
    case 2:
      v.element = DTYPE_I32;
      scope_define(g, s, TEXT("iota[%s, axis: %d]()", sizes, (int)(n[3] % (uint32_t)v.rank)), v);
      break;
    default: scope_define(g, s, TEXT("ones[shape(%s)]() / len(%s)", x.text, x.text), v); break;
  }
}

static void build_draw(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 1, MOST_RANK),
          v = operand_of(DTYPE_F32, x.rank, x.dims), w = v;
  const char *sizes = operand_sizes(g, &v);
  w.element = DTYPE_I32;
  switch (n[1] % 6) {
    case 0: scope_define(g, s, TEXT("uniform[%s]()", sizes), v); break;
    case 1: scope_define(g, s, TEXT("normal[%s]()", sizes), v); break;
    case 2: scope_define(g, s, TEXT("bernoulli(sigmoid(%s))", x.text), v); break;
    case 3: scope_define(g, s, TEXT("randint[%s](5)", sizes), w); break;
    case 4:
      scope_define(g, s, TEXT("categorical(%s)", x.text), operand_without_axis(w, w.rank - 1));
      break;
    default: w.rank = 1, w.dims[0] = 7, scope_define(g, s, "permutation[7]()", w); break;
  }
}

static void build_dropout(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 1, MOST_RANK);
  scope_define(g, s, TEXT("dropout(%s, 0.25)", x.text), x);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Simple ones first. */
const construct tensor_constructs[] = {
    {"unary", build_unary},
    {"binary", build_binary},
    {"jump", build_jump},
    {"function", build_unary},
    {"function of a function", build_unary},
    {"quotient", build_quotient},
    {"choice", build_choice},
    {"truth", build_truth},
    {"comparison", build_comparison},
    {"integer", build_integer},
    {"cast", build_cast},
    {"slice", build_slice},
    {"reshape", build_reshape},
    {"transpose", build_transpose},
    {"concat or stack", build_joint},
    {"split", build_split},
    {"reduction", build_reduction},
    {"count", build_count},
    {"integer reduction", build_integer_reduction},
    {"place", build_place},
    {"normalisation", build_normalisation},
    {"running", build_running},
    {"order", build_order},
    {"gather", build_gather},
    {"product", build_product},
    {"outer product", build_outer},
    {"convolution", build_convolution},
    {"pooling", build_pooling},
    {"fill", build_fill},
    {"draw", build_draw},
    {"dropout", build_dropout},
    {0},
};
