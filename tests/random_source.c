#include "random_source.h"

#include <string.h>

#include "tensor.h"
#include "type.h"

enum { MOST_ENTRIES = 3, MOST_VALUES = 60, MOST_RANK = 4, MOST_ELEMENTS = 1500 };

const char source_uses[] = "use nn\nuse loss\nuse optim\nuse init\n\n";

/* What an entry can name: first these, then its own definitions. */
enum {
  X, Y, V, S, P, Q, D, K, L, U, B, H, T,      /* inputs */
  W, M, C,                                    /* slots at top level */
  NET, PAIR, PICTURE, SLOW, SOURCES           /* instances, of no value themselves */
};

typedef uint64_t source_set;

typedef struct value {
  const char *text;
  dtype element;
  int rank;
  int64_t dims[MOST_RANK];
  source_set from; /* what it depends on such that a derivative exists */
} value;

typedef struct scope {
  value values[MOST_VALUES];
  bool used[MOST_VALUES];
  int count;
  const char *body, *tail; /* statements; those that update slots */
  bool minimized, updated[SOURCES];
} scope;

typedef struct generator {
  arena *arena;
  const char *suffix;
  int64_t rows, columns, width;
  scope entries[MOST_ENTRIES];
  bool declared[SOURCES];
  bool function; /* the helper function is called */
} generator;

/* ---- types ----------------------------------------------------------------------------------- */

enum {
  REALS = 1 << DTYPE_F32 | 1 << DTYPE_F64,
  HALVES = 1 << DTYPE_F16 | 1 << DTYPE_BF16,
  INTEGERS = 1 << DTYPE_I32 | 1 << DTYPE_I64 | 1 << DTYPE_U8,
  TRUTHS = 1 << DTYPE_BOOL,
  ANY = REALS | INTEGERS | TRUTHS
};

static bool is(const value *v, int elements) { return elements >> v->element & 1; }

static value value_of(dtype element, int rank, const int64_t *dims) {
  value v = {.element = element, .rank = rank};
  for (int i = 0; i < rank; i++) v.dims[i] = dims[i];
  return v;
}

static value scalar_of(dtype element) { return value_of(element, 0, NULL); }

static int64_t elements_of(const value *v) {
  int64_t count = 1;
  for (int i = 0; i < v->rank; i++) count *= v->dims[i];
  return count;
}

static int64_t last_of(const value *v) { return v->rank ? v->dims[v->rank - 1] : 0; }

static bool same_shape(const value *x, const value *y) {
  return x->rank == y->rank && memcmp(x->dims, y->dims, (size_t)x->rank * sizeof *x->dims) == 0;
}

static const char *list_text(arena *a, int count, const int64_t *items) {
  const char *text = "";
  for (int i = 0; i < count; i++)
    text = arena_printf(a, "%s%s%lld", text, i ? ", " : "", (long long)items[i]);
  return text;
}

static const char *shape_list(generator *g, const value *v) {
  return list_text(g->arena, v->rank, v->dims);
}

static const char *declared_type(generator *g, const value *v) {
  if (v->rank == 0) return dtype_name(v->element);
  return arena_printf(g->arena, "%s[%s]", dtype_name(v->element), shape_list(g, v));
}

/* ---- scopes ---------------------------------------------------------------------------------- */

static void put(scope *s, int at, const char *text, value v) {
  v.text = text;
  v.from = dtype_is_float(v.element) ? (source_set)1 << at : 0;
  s->values[at] = v;
}

static const char *at_top(generator *g, const char *name) {
  return arena_printf(g->arena, "%s%s", name, g->suffix);
}

static void open_scope(generator *g, scope *s) {
  const int64_t a = g->rows, b = g->columns, c = g->width;
  *s = (scope){.count = SOURCES, .body = "", .tail = ""};
  put(s, X, "x", value_of(DTYPE_F32, 2, (int64_t[]){a, b}));
  put(s, Y, "y", value_of(DTYPE_F32, 2, (int64_t[]){b, c}));
  put(s, V, "v", value_of(DTYPE_F32, 1, &b));
  put(s, S, "s", scalar_of(DTYPE_F32));
  put(s, P, "p", value_of(DTYPE_F32, 4, (int64_t[]){2, 2, 5, 6}));
  put(s, Q, "q", value_of(DTYPE_F32, 4, (int64_t[]){4, 2, 2, 3}));
  put(s, D, "d", value_of(DTYPE_F64, 1, &b));
  put(s, K, "k", value_of(DTYPE_I32, 1, &a));
  put(s, L, "l", value_of(DTYPE_I64, 1, &b));
  put(s, U, "u", value_of(DTYPE_U8, 2, (int64_t[]){a, b}));
  put(s, B, "b", value_of(DTYPE_BOOL, 2, (int64_t[]){a, b}));
  put(s, H, "h", value_of(DTYPE_F16, 1, &b));
  put(s, T, "t", value_of(DTYPE_BF16, 1, &c));
  put(s, W, at_top(g, "w"), value_of(DTYPE_F32, 2, (int64_t[]){b, c}));
  put(s, M, at_top(g, "m"), value_of(DTYPE_F32, 2, (int64_t[]){a, b}));
  put(s, C, at_top(g, "c"), scalar_of(DTYPE_I32));
}

static bool fits(const value *v, int elements, int least, int most) {
  return v->text && is(v, elements) && v->rank >= least && v->rank <= most;
}

static value use(scope *s, int at) {
  s->used[at] = true;
  return s->values[at];
}

/* A value of one of the element types and a rank from least to most; number 0 is the latest. The inputs
 * hold one of every kind that is asked for. */
static value pick(scope *s, uint32_t number, int elements, int least, int most) {
  int fitting = 0;
  for (int i = 0; i < s->count; i++) fitting += fits(&s->values[i], elements, least, most);
  int left = fitting ? (int)(number % (uint32_t)fitting) : 0;
  for (int i = s->count - 1; i >= 0; i--)
    if (fits(&s->values[i], elements, least, most) && left-- == 0) return use(s, i);
  internal_error("nothing of rank %d to %d to pick", least, most);
}

/* One that satisfies a condition, from the latest on behind number; `otherwise` where there is none. */
static value pick_where(scope *s, uint32_t number, const value *like,
                        bool (*good)(const value *candidate, const value *like), value otherwise) {
  for (int i = 0; i < s->count; i++) {
    int at = (int)(((uint32_t)(s->count - 1 - i) + s->count - number % (uint32_t)s->count) %
                   (uint32_t)s->count);
    if (s->values[at].text && good(&s->values[at], like)) return use(s, at);
  }
  return otherwise;
}

/* A definition of the entry. What is too large is left out. */
static void define(generator *g, scope *s, const char *text, value v) {
  if (s->count == MOST_VALUES || v.rank > MOST_RANK || elements_of(&v) > MOST_ELEMENTS) return;
  v.text = arena_printf(g->arena, "v%d", s->count - SOURCES);
  if (dtype_is_float(v.element)) v.from |= (source_set)1 << s->count;
  else v.from = 0;
  s->body = arena_printf(g->arena, "%s  %s = %s\n", s->body, v.text, text);
  s->values[s->count++] = v;
}

#define TEXT(...) arena_printf(g->arena, __VA_ARGS__)

/* ---- elementwise ----------------------------------------------------------------------------- */

/* One function of another. */
static void build_unary(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {
      "-%s", "tanh(%s)", "sigmoid(%s)", "sin(%s)", "cos(%s)", "exp(tanh(%s))", "expm1(sin(%s))",
      "log(abs(%s) + 0.5)", "log1p(abs(%s))", "sqrt(abs(%s) + 0.25)", "rsqrt(%s ** 2 + 0.5)", "abs(%s)",
      "tanh(%s) ** 2", "tanh(%s) ** 3", "1 / (1 + %s ** 2)", "relu(%s)", "gelu(tanh(%s))", "silu(tanh(%s))",
      "softplus(%s)", "leaky_relu(%s, 0.1)", "(%s |> tanh |> abs)", "pow(abs(%s) + 0.5, 1.5)"};
  enum { FORMS = sizeof forms / sizeof *forms };
  value x = pick(s, n[2], REALS | (n[3] % 8 == 7 ? HALVES : 0), 0, MOST_RANK);
  const char *inner = n[4] % 2 ? TEXT("(%s)", TEXT(forms[n[5] % FORMS], x.text)) : x.text;
  define(g, s, TEXT(forms[n[1] % FORMS], inner), x);
}

static void build_jump(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"stop_gradient(%s)", "floor(%s)", "sign(%s)", "f32(isnan(%s))",
                                      "zeros_like(%s)", "ones_like(%s)"};
  value x = pick(s, n[2], 1 << DTYPE_F32, 0, MOST_RANK);
  x.from = 0;
  define(g, s, TEXT(forms[n[1] % 6], x.text), x);
}

static bool broadcasts(const value *x, const value *like) {
  if (!is(x, REALS)) return false;
  for (int i = 1; i <= x->rank && i <= like->rank; i++) {
    int64_t p = x->dims[x->rank - i], q = like->dims[like->rank - i];
    if (p != q && p != 1 && q != 1) return false;
  }
  return true;
}

static value broadcast_of(const value *x, const value *y) {
  value v = x->rank >= y->rank ? *x : *y;
  for (int i = 1; i <= v.rank; i++) {
    int64_t p = i <= x->rank ? x->dims[x->rank - i] : 1, q = i <= y->rank ? y->dims[y->rank - i] : 1;
    v.dims[v.rank - i] = p > q ? p : q;
  }
  v.element = x->element == DTYPE_F64 || y->element == DTYPE_F64 ? DTYPE_F64 : DTYPE_F32;
  v.from = x->from | y->from;
  return v;
}

static value partner(generator *g, scope *s, uint32_t number, const value *x) {
  value half = {.text = TEXT("0.5"), .element = x->element};
  return pick_where(s, number, x, broadcasts, half);
}

static void build_binary(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {
      "%s + %s", "%s - %s", "tanh(%s) * %s", "%s / (1 + abs(%s))", "max(%s, %s)", "min(%s, %s)",
      "pow(abs(%s) + 0.5, tanh(%s))", "%s %% (abs(%s) + 0.75)"};
  value x = pick(s, n[2], REALS, 0, MOST_RANK), y = partner(g, s, n[3], &x);
  define(g, s, TEXT(forms[n[1] % 8], x.text, y.text), broadcast_of(&x, &y));
}

static void build_quotient(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], REALS, 0, MOST_RANK), y = partner(g, s, n[3], &x);
  value v = broadcast_of(&x, &y);
  v.from = 0;
  define(g, s, TEXT("%s // (abs(%s) + 0.75)", x.text, y.text), v);
}

static void build_choice(generator *g, scope *s, const uint32_t *n) {
  static const char *const relations[] = {">", "<", ">=", "<=", "==", "!="};
  value x = pick(s, n[2], REALS, 0, MOST_RANK), y = partner(g, s, n[3], &x);
  value v = broadcast_of(&x, &y);
  define(g, s, TEXT("%s %s %s ? %s : 0.5 * %s", x.text, relations[n[1] % 6], y.text, x.text, y.text), v);
}

static bool comparable(const value *x, const value *like) { return is(x, TRUTHS) && same_shape(x, like); }

static void build_truth(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"%s and %s", "%s or %s", "not %s or %s", "%s == %s", "%s != %s"};
  value x = pick(s, n[2], TRUTHS, 0, MOST_RANK), y = pick_where(s, n[3], &x, comparable, x);
  define(g, s, TEXT(forms[n[1] % 5], x.text, y.text), x);
}

static void build_comparison(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"%s > 0", "%s < 1", "%s >= 0.5", "%s <= 0", "%s == 0", "%s != 1"};
  value x = pick(s, n[2], REALS, 0, MOST_RANK);
  x.element = DTYPE_BOOL;
  define(g, s, TEXT(forms[n[1] % 6], x.text), x);
}

static void build_integer(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"%s + 1", "%s - 2", "%s * 3", "%s // 2", "%s %% 3", "max(%s, 1)",
                                      "min(%s, 1)", "abs(%s)", "sign(%s)", "-%s", "%s * %s", "%s ** 2"};
  value x = pick(s, n[2], INTEGERS, 0, MOST_RANK);
  define(g, s, TEXT(forms[n[1] % 12], x.text, x.text), x);
}

static void build_cast(generator *g, scope *s, const uint32_t *n) {
  static const dtype to[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_U8, DTYPE_I8, DTYPE_BOOL,
                             DTYPE_F16, DTYPE_BF16};
  value x = pick(s, n[2], ANY | HALVES, 0, MOST_RANK), v = x;
  v.element = to[n[1] % 9];
  if (!dtype_is_float(x.element)) v.from = 0;
  define(g, s, TEXT("%s(%s)", dtype_name(v.element), x.text), v);
}

/* ---- views ----------------------------------------------------------------------------------- */

static void build_slice(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], ANY, 1, MOST_RANK), v = x;
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
      case 5: part = TEXT(":-%lld", (long long)(d > 1)), part = d > 1 ? part : ":", d -= d > 1; break;
      default: break;
    }
    if (d > 0) v.dims[v.rank++] = d;
    parts = TEXT("%s%s%s", parts, i ? ", " : "", part);
  }
  if (n[8] % 3 == 2 && v.rank < MOST_RANK) parts = TEXT("%s, new", parts), v.dims[v.rank++] = 1;
  define(g, s, TEXT("%s[%s]", x.text, parts), v);
}

static void build_reshape(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  v.rank = 1, v.dims[0] = elements_of(&x);
  if (n[1] % 3 == 0) {
    define(g, s, TEXT("reshape[-1](%s)", x.text), v);
    return;
  }
  v.rank = 2, v.dims[1] = x.dims[n[3] % (uint32_t)x.rank], v.dims[0] /= v.dims[1];
  define(g, s, TEXT("reshape[%lld, %lld](%s)", (long long)v.dims[0], (long long)v.dims[1], x.text), v);
}

static void build_transpose(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], ANY, 2, MOST_RANK), v = x;
  int64_t order[MOST_RANK];
  v.dims[x.rank - 1] = x.dims[x.rank - 2], v.dims[x.rank - 2] = x.dims[x.rank - 1];
  if (n[1] % 2 == 0) {
    define(g, s, TEXT("%s.T", x.text), v);
    return;
  }
  for (int i = 0; i < x.rank; i++) order[i] = (i + (int)n[3]) % x.rank, order[i] += order[i] < 0 ? x.rank : 0;
  for (int i = 0; i < x.rank; i++) v.dims[i] = x.dims[order[i]];
  define(g, s, TEXT("transpose[%s](%s)", list_text(g->arena, x.rank, order), x.text), v);
}

static bool same_type(const value *x, const value *like) {
  return x->element == like->element && same_shape(x, like);
}

static void build_joint(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], ANY, 1, MOST_RANK), y = pick_where(s, n[3], &x, same_type, x), v = x;
  int axis = (int)(n[4] % (uint32_t)x.rank);
  v.from = x.from | y.from;
  if (n[1] % 2 == 0 || x.rank == MOST_RANK) {
    v.dims[axis] *= 2;
    define(g, s, TEXT("concat[%d](%s, %s)", axis, x.text, y.text), v);
    return;
  }
  v.rank++;
  for (int i = v.rank - 1; i > axis; i--) v.dims[i] = v.dims[i - 1];
  v.dims[axis] = 2;
  define(g, s, TEXT("stack[%d](%s, %s)", axis, x.text, y.text), v);
}

static void build_split(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], ANY, 1, MOST_RANK), v = x;
  int64_t d = x.dims[0], parts = d % 3 == 0 ? 3 : d % 2 == 0 ? 2 : 1;
  v.dims[0] = d / parts;
  define(g, s, TEXT("split[%lld, 0](%s)[%lld]", (long long)parts, x.text, (long long)(n[1] % parts)), v);
}

/* ---- reductions, order ----------------------------------------------------------------------- */

/* Axes by the bits of a number, all where there are none; takes them out, or leaves them with extent 1. */
static const char *choose_axes(generator *g, uint32_t bits, bool keep, value *v) {
  value left = *v;
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
  value x = pick(s, n[2], REALS, 1, MOST_RANK), v = x;
  bool keep = n[4] % 2;
  const char *axes = choose_axes(g, n[3], keep, &v);
  const char *operand = n[1] % 5 == 4 ? TEXT("tanh(%s)", x.text) : x.text;
  define(g, s, TEXT("%s[%s%s](%s)", names[n[1] % 5], axes, keep ? ", keep: true" : "", operand), v);
}

static void build_count(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"any", "all", "sum", "mean"};
  value x = pick(s, n[2], TRUTHS, 1, MOST_RANK), v = x;
  const char *axes = choose_axes(g, n[3], false, &v);
  v.element = (dtype[]){DTYPE_BOOL, DTYPE_BOOL, DTYPE_I32, DTYPE_F32}[n[1] % 4];
  define(g, s, TEXT("%s[%s](%s)", names[n[1] % 4], axes, x.text), v);
}

static void build_integer_reduction(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"sum", "max", "min", "prod"};
  value x = pick(s, n[2], INTEGERS, 1, MOST_RANK), v = x;
  const char *axes = choose_axes(g, n[3], false, &v);
  define(g, s, TEXT("%s[%s](%s)", names[n[1] % 4], axes, x.text), v);
}

static value without_axis(value x, int axis) {
  for (int i = axis; i + 1 < x.rank; i++) x.dims[i] = x.dims[i + 1];
  x.rank--;
  return x;
}

static void build_place(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], REALS | INTEGERS, 1, MOST_RANK);
  int axis = (int)(n[3] % (uint32_t)x.rank);
  value v = without_axis(x, axis);
  v.element = DTYPE_I32;
  define(g, s, TEXT("%s[%d](%s)", n[1] % 2 ? "argmin" : "argmax", axis, x.text), v);
}

static void build_normalisation(generator *g, scope *s, const uint32_t *n) {
  static const char *const names[] = {"softmax", "log_softmax", "logsumexp"};
  value x = pick(s, n[2], REALS, 1, MOST_RANK);
  int axis = (int)(n[3] % (uint32_t)x.rank);
  define(g, s, TEXT("%s[%d](%s)", names[n[1] % 3], axis, x.text), n[1] % 3 == 2 ? without_axis(x, axis) : x);
}

static void build_running(generator *g, scope *s, const uint32_t *n) {
  static const char *const options[] = {"", ", exclusive: true", ", reverse: true",
                                        ", exclusive: true, reverse: true"};
  value x = pick(s, n[2], REALS, 1, MOST_RANK);
  int axis = (int)(n[3] % (uint32_t)x.rank);
  define(g, s, TEXT("%s[%d%s](%s(%s))", n[1] % 2 ? "cumprod" : "cumsum", axis, options[n[4] % 4],
                    n[1] % 2 ? "cos" : "tanh", x.text), x);
}

static void build_order(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], REALS | INTEGERS, 1, MOST_RANK), v = x;
  int axis = (int)(n[3] % (uint32_t)x.rank);
  const char *option = n[4] % 2 ? ", descending: true" : "";
  int64_t k = 1 + n[5] % x.dims[axis];
  if (n[1] % 3 == 2) {
    v.dims[axis] = k;
    define(g, s, TEXT("top_k[%lld, %d](%s)[0]", (long long)k, axis, x.text), v);
    return;
  }
  if (n[1] % 3 == 1) v.element = DTYPE_I32;
  define(g, s, TEXT("%s[%d%s](%s)", n[1] % 3 ? "argsort" : "sort", axis, option, x.text), v);
}

static void build_gather(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], ANY, 1, MOST_RANK), index = pick(s, n[3], 1 << DTYPE_I32 | 1 << DTYPE_I64, 1, 2);
  value v = x;
  bool second = n[1] % 2 && x.rank > 1;
  v.rank = 0;
  if (second) v.dims[v.rank++] = x.dims[0];
  if (index.rank + x.rank - 1 > MOST_RANK) return;
  for (int i = 0; i < index.rank; i++) v.dims[v.rank++] = index.dims[i];
  for (int i = second ? 2 : 1; i < x.rank; i++) v.dims[v.rank++] = x.dims[i];
  define(g, s, TEXT("%s[%s%s]", x.text, second ? ":, " : "", index.text), v);
}

/* ---- products -------------------------------------------------------------------------------- */

static bool multiplies(const value *y, const value *x) {
  if (y->element != x->element || y->rank < 1 || y->rank > 2) return false;
  return y->dims[0] == last_of(x);
}

static void build_product(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], REALS, 1, MOST_RANK), y = pick_where(s, n[3], &x, multiplies, (value){.text = NULL});
  value v = x;
  if (!y.text) {
    define(g, s, TEXT("sum[-1](%s * %s)", x.text, x.text), without_axis(x, x.rank - 1));
    return;
  }
  v.from |= y.from;
  if (y.rank == 1) v = without_axis(v, v.rank - 1);
  else v.dims[v.rank - 1] = y.dims[1];
  define(g, s, TEXT(n[1] % 2 ? "%s @ %s" : "tanh(%s @ %s)", x.text, y.text), v);
}

static void build_outer(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], 1 << DTYPE_F32, 2, MOST_RANK), v = x;
  v.dims[v.rank - 1] = v.dims[v.rank - 2];
  define(g, s, TEXT(n[1] % 2 ? "%s @ %s.T" : "tanh(%s @ %s.T)", x.text, x.text), v);
}

static bool is_picture(const value *x, const value *like) {
  (void)like;
  return x->element == DTYPE_F32 && x->rank == 4 && x->dims[1] == 2 && x->dims[2] >= 4 && x->dims[3] >= 5;
}

static void build_convolution(generator *g, scope *s, const uint32_t *n) {
  value x = pick_where(s, n[2], NULL, is_picture, s->values[P]), w = use(s, Q), v = x;
  int64_t stride = 1 + n[3] % 2, pad = n[4] % 2, dilation = 1 + n[5] % 2, groups = 1 + n[6] % 2;
  v.from |= w.from;
  v.dims[1] = 4;
  v.dims[2] = (x.dims[2] + 2 * pad - dilation - 1) / stride + 1;
  v.dims[3] = (x.dims[3] + 2 * pad - 2 * dilation - 1) / stride + 1;
  define(g, s, TEXT("conv[stride: %lld, pad: %lld, dilation: %lld, groups: %lld](%s, %s%s)", (long long)stride,
                    (long long)pad, (long long)dilation, (long long)groups, x.text, w.text,
                    groups == 2 ? "[:, 0:1]" : ""), v);
}

static void build_pooling(generator *g, scope *s, const uint32_t *n) {
  value x = pick_where(s, n[2], NULL, is_picture, s->values[P]), v = x;
  int64_t stride = 1 + n[3] % 2;
  for (int i = 2; i < 4; i++) v.dims[i] = (x.dims[i] - 2) / stride + 1;
  define(g, s, TEXT("%s_pool2d[2, stride: %lld](%s)", n[1] % 2 ? "avg" : "max", (long long)stride, x.text), v);
}

/* ---- values from nothing, chance ------------------------------------------------------------- */

static void build_fill(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], REALS, 1, MOST_RANK), v = value_of(DTYPE_F32, x.rank, x.dims);
  const char *sizes = shape_list(g, &v);
  switch (n[1] % 4) {
    case 0: define(g, s, TEXT("full[%s](0.25)", sizes), v); break;
    case 1: define(g, s, TEXT("full[%s](s)", sizes), (v.from = use(s, S).from, v)); break;
    case 2:
      v.element = DTYPE_I32;
      define(g, s, TEXT("iota[%s, axis: %d]()", sizes, (int)(n[3] % (uint32_t)v.rank)), v);
      break;
    default: define(g, s, TEXT("ones[shape(%s)]() / len(%s)", x.text, x.text), v); break;
  }
}

static void build_draw(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], 1 << DTYPE_F32, 1, MOST_RANK), v = value_of(DTYPE_F32, x.rank, x.dims), w = v;
  const char *sizes = shape_list(g, &v);
  w.element = DTYPE_I32;
  switch (n[1] % 6) {
    case 0: define(g, s, TEXT("uniform[%s]()", sizes), v); break;
    case 1: define(g, s, TEXT("normal[%s]()", sizes), v); break;
    case 2: define(g, s, TEXT("bernoulli(sigmoid(%s))", x.text), v); break;
    case 3: define(g, s, TEXT("randint[%s](5)", sizes), w); break;
    case 4: define(g, s, TEXT("categorical(%s)", x.text), without_axis(w, w.rank - 1)); break;
    default: w.rank = 1, w.dims[0] = 7, define(g, s, "permutation[7]()", w); break;
  }
}

static void build_dropout(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], 1 << DTYPE_F32, 1, MOST_RANK);
  define(g, s, TEXT("dropout(%s, 0.25)", x.text), x);
}

/* ---- control, tuples, functions -------------------------------------------------------------- */

static void build_loop(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], REALS, 0, MOST_RANK), v = x;
  int turns = 1 + (int)(n[3] % 3);
  if (n[1] % 2) {
    define(g, s, TEXT("%s\n  for i in 0..%d { v%d = tanh(v%d + 0.5 * (i + 1) * %s) }", x.text, turns,
                      s->count - SOURCES, s->count - SOURCES, x.text), v);
    return;
  }
  if (v.rank == MOST_RANK) return;
  v.rank++;
  for (int i = v.rank - 1; i > 0; i--) v.dims[i] = v.dims[i - 1];
  v.dims[0] = 2;
  define(g, s, TEXT("(for i in 0..2 { emit tanh(%s) * (i + 1) }) |> both%s", x.text, g->suffix), v);
  g->function = true;
}

static void build_branch(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], REALS, 0, MOST_RANK);
  define(g, s, TEXT("%s\n  if %d > 1 { v%d = 2 * tanh(%s) } else { v%d = sin(%s) }", x.text, (int)(n[1] % 4),
                    s->count - SOURCES, x.text, s->count - SOURCES, x.text), x);
}

static void build_tuple(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], 1 << DTYPE_F32, 0, MOST_RANK), y = pick(s, n[3], 1 << DTYPE_F32, 0, MOST_RANK), v = x;
  v.from |= y.from;
  if (n[1] % 2) {
    define(g, s, TEXT("(2 * tanh((one: %s, two: (%s, %s)))).two[1]", x.text, x.text, y.text),
           (v = y, v.from |= y.from, v));
    return;
  }
  v.rank = 1, v.dims[0] = elements_of(&x) + elements_of(&y);
  define(g, s, TEXT("flat(0.5 * (a: %s, b: %s))", x.text, y.text), v);
}

static void build_call(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"helper%s(%s)", "helper%s(%s, shift: 0.25)", "helper%s[factor: 3](%s)"};
  value x = pick(s, n[2], REALS, 0, MOST_RANK);
  g->function = true;
  define(g, s, TEXT(forms[n[1] % 3], g->suffix, x.text), x);
}

/* ---- networks and derivatives ---------------------------------------------------------------- */

static bool is_wide(const value *x, const value *like) {
  return x->element == DTYPE_F32 && x->rank >= 1 && last_of(x) == last_of(like);
}

static const char *instance(generator *g, scope *s, int which) {
  static const char *const names[] = {"net", "pair", "picture", "slow"};
  s->used[which] = true;
  if (which == SLOW) g->declared[NET] = true;
  return at_top(g, names[which - NET]);
}

/* f32[…, columns] to f32[…, width], a picture to a picture. The first call makes the parameters. */
static void call_network(generator *g, scope *s, int which, uint32_t number) {
  bool picture = which == PICTURE;
  value like = s->values[V];
  value x = picture ? pick_where(s, number, NULL, is_picture, like) : pick_where(s, number, &like, is_wide, like);
  const char *name = instance(g, s, which);
  value v = x;
  v.from |= (source_set)1 << which;
  v.dims[picture ? 1 : v.rank - 1] = picture ? 3 : g->width;
  define(g, s, TEXT("%s%s(%s)", name, which == PAIR ? ".up" : "", x.text), v);
}

static void build_network(generator *g, scope *s, const uint32_t *n) {
  int which = (int[]){NET, PAIR, SLOW, PICTURE, PAIR}[n[1] % 5];
  if (n[1] % 5 < 4) {
    call_network(g, s, which, n[2]);
    return;
  }
  value like = value_of(DTYPE_F32, 1, &g->width);
  value x = pick_where(s, n[2], &like, is_wide, like), v = x;
  v.from |= (source_set)1 << PAIR;
  v.dims[v.rank - 1] = g->columns;
  define(g, s, TEXT("%s.down(%s)", instance(g, s, PAIR), x.text), v);
}

/* The number of a source or definition on which v depends; -1: none. */
static int dependence(const value *v, uint32_t number, int below) {
  int count = 0;
  for (int i = 0; i < below; i++) count += (int)(v->from >> i & 1) && (i < NET || i >= SOURCES);
  if (count == 0) return -1;
  int left = (int)(number % (uint32_t)count);
  for (int i = 0; i < below; i++)
    if (v->from >> i & 1 && (i < NET || i >= SOURCES) && left-- == 0) return i;
  return -1;
}

static void build_gradient(generator *g, scope *s, const uint32_t *n) {
  value y = pick(s, n[2], REALS, 0, MOST_RANK);
  int at = dependence(&y, n[3], s->count);
  if (at < 0) return;
  value x = use(s, at), v = x;
  v.from = 0;
  define(g, s, TEXT(n[1] % 2 ? "grad(mean(%s ** 2), %s)" : "grad(sum(sin(%s)), %s)", y.text, x.text), v);
}

/* Through operators whose derivatives are others. */
static void build_inner_gradient(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {
      "cumprod[0](cos(%s))", "sort[0](%s)", "prod[0](tanh(%s))", "%s[iota[4]() %% 3]", "%s[0:1]",
      "max[0](%s)", "concat[0](%s, %s)", "min[-1, keep: true](%s)", "cumsum[0, exclusive: true](%s)", "softmax[0](%s)",
      "top_k[1, 0](%s)[0]", "logsumexp[0](%s)"};
  value x = pick(s, n[2], 1 << DTYPE_F32, 1, MOST_RANK);
  const char *inner = TEXT(forms[n[1] % 12], x.text, x.text);
  x.from = 0;
  define(g, s, TEXT("grad(sum(sin(%s) ** 2), %s)", inner, x.text), x);
}

static void build_window_gradient(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {
      "grad(sum(sin(conv[pad: 1](p, q))), p)", "grad(sum(sin(conv[stride: 2](p, q))), p)",
      "grad(sum(sin(conv[pad: 1](p, q))), q)", "grad(sum(sin(max_pool2d[2](p)) ** 2), p)",
      "grad(sum(sin(p[:, 1:, 1:4, 2:]) ** 2), p)", "grad(sum(sin(q[:2, :, :, 1]) ** 2), q)",
      "grad(sum(sin(prod[2, 3](cos(p)))), p)", "grad(sum(cumprod[2](cos(p)) ** 2), p)"};
  uint32_t form = n[1] % 8;
  value v = use(s, form == 2 || form == 5 ? Q : P);
  if (form < 3) use(s, P), use(s, Q);
  v.from = 0;
  define(g, s, forms[form], v);
}

static void build_second_gradient(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], REALS, 0, MOST_RANK), y = partner(g, s, n[3], &x);
  x.from = 0;
  define(g, s, TEXT("grad(sum(tanh(grad(sum(sin(%s) * sin(%s) * %s), %s))), %s)", x.text, x.text, y.text, x.text,
                    x.text), x);
}

static void build_directional(generator *g, scope *s, const uint32_t *n) {
  value y = pick(s, n[2], REALS, 0, MOST_RANK);
  int at = dependence(&y, n[3], s->count);
  if (at < 0) return;
  value x = use(s, at), v = y;
  v.from = 0;
  define(g, s, TEXT("jvp(%s, %s, cos(%s))", y.text, x.text, x.text), v);
}

static void build_straight(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], 1 << DTYPE_F32, 0, MOST_RANK);
  define(g, s, TEXT("straight_through(f32(%s > 0), sigmoid(%s))", x.text, x.text), x);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static bool fits_state(const value *x, const value *like) {
  return x->element == DTYPE_F32 && same_shape(x, like) && x->text != like->text;
}

static void tail(generator *g, scope *s, const char *text) {
  s->tail = TEXT("%s  %s\n", s->tail, text);
}

static void build_update(generator *g, scope *s, const uint32_t *n) {
  int which = (int[]){C, M, W, SLOW}[n[1] % 4];
  if (s->updated[which] || (which == W && s->minimized)) return;
  s->updated[which] = true;
  value slot_value = use(s, which), x = pick_where(s, n[2], &slot_value, fits_state, slot_value);
  const char *name = slot_value.text;
  if (which == C) tail(g, s, TEXT("%s <- %s + 1", name, name));
  else if (which != SLOW) tail(g, s, TEXT("%s <- 0.9 * %s + 0.1 * tanh(%s)", name, name, x.text));
  else {
    call_network(g, s, NET, n[2]);
    const char *slow = instance(g, s, SLOW), *net = instance(g, s, NET);
    tail(g, s, TEXT("params(%s) <- 0.9 * params(%s) + 0.1 * params(%s)", slow, slow, net));
  }
}

static const char *trained(generator *g, const value *loss) {
  const char *list = "";
  for (int i = W; i < SOURCES; i++) {
    bool has = i == W || i == NET || i == PAIR || i == PICTURE;
    const char *name = at_top(g, (const char *[]){"w", "m", "c", "net", "pair", "picture", "slow"}[i - W]);
    if (has && loss->from >> i & 1) list = TEXT("%s%s%s", list, *list ? ", " : "", name);
  }
  return list;
}

static bool depends_on_parameters(const value *x, const value *like) {
  (void)like;
  const source_set all = (source_set)1 << W | (source_set)1 << NET | (source_set)1 << PAIR | (source_set)1 << PICTURE;
  return is(x, REALS) && (x->from & all);
}

static void build_training(generator *g, scope *s, const uint32_t *n) {
  static const char *const optimisers[] = {
      "sgd(0.1)", "momentum(0.05)", "adam(0.01)", "clip_norm(1.0) |> nesterov(0.05)", "decay(0.01) |> adamw(0.01)"};
  value x = pick_where(s, n[2], NULL, depends_on_parameters, (value){.text = NULL});
  if (!x.text || s->minimized || s->updated[W]) return;
  s->minimized = true;
  s->tail = TEXT("  minimize mean(f32(%s) ** 2) over %s with %s\n%s", x.text, trained(g, &x),
                 optimisers[n[1] % 5], s->tail);
}

static void build_flat_parameters(generator *g, scope *s, const uint32_t *n) {
  int64_t count = g->columns * g->width + g->width;
  call_network(g, s, NET, n[2]);
  define(g, s, TEXT("sin(flat(params(%s)))", instance(g, s, NET)), value_of(DTYPE_F32, 1, &count));
}

static void build_cross_entropy(generator *g, scope *s, const uint32_t *n) {
  value x = pick(s, n[2], 1 << DTYPE_F32, 2, 2);
  value v = without_axis(x, 1);
  define(g, s, TEXT("cross_entropy(%s, iota[%lld]() %% 3)", x.text, (long long)x.dims[0]), v);
}

/* ---- programs -------------------------------------------------------------------------------- */

/* The numbers of a block: 0 which construct, 1 which of its forms, from 2 on operands and options, the
 * last one which entry. Simple ones first. */
static const struct construct {
  const char *name;
  void (*build)(generator *g, scope *s, const uint32_t *n);
} constructs[] = {
    {"unary", build_unary},           {"binary", build_binary},         {"jump", build_jump},
    {"function", build_unary},        {"function of a function", build_unary},
    {"quotient", build_quotient},     {"choice", build_choice},         {"truth", build_truth},
    {"comparison", build_comparison}, {"integer", build_integer},       {"cast", build_cast},
    {"slice", build_slice},           {"reshape", build_reshape},       {"transpose", build_transpose},
    {"concat or stack", build_joint}, {"split", build_split},           {"reduction", build_reduction},
    {"count", build_count},           {"integer reduction", build_integer_reduction},
    {"place", build_place},           {"normalisation", build_normalisation},
    {"running", build_running},       {"order", build_order},           {"gather", build_gather},
    {"product", build_product},       {"outer product", build_outer},   {"convolution", build_convolution},
    {"pooling", build_pooling},       {"fill", build_fill},             {"draw", build_draw},
    {"dropout", build_dropout},       {"static loop", build_loop},      {"static if", build_branch},
    {"tuple", build_tuple},           {"call", build_call},             {"network", build_network},
    {"gradient", build_gradient},     {"inner gradient", build_inner_gradient}, {"window gradient", build_window_gradient},
    {"second gradient", build_second_gradient},
    {"directional derivative", build_directional}, {"straight through", build_straight},
    {"update", build_update},         {"training", build_training},
    {"parameters as a vector", build_flat_parameters}, {"cross entropy", build_cross_entropy},
};
enum { CONSTRUCTS = sizeof constructs / sizeof *constructs };

int source_construct_count(void) { return CONSTRUCTS; }
const char *source_construct_name(int construct) { return constructs[construct].name; }

source_blocks source_blocks_of_seed(arena *a, uint64_t seed) {
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  source_blocks b = {.count = 4 + (int)(philox_element(key, 0, 21) % 10)};
  b.items = arena_array_of(a, b.count, source_block);
  for (int i = 0; i < b.count; i++)
    for (int k = 0; k < BLOCK_NUMBERS; k++)
      b.items[i].numbers[k] = philox_element(key, (uint64_t)(i * BLOCK_NUMBERS + k), 22) % 4096;
  return b;
}

/* What nothing reads, or else the last. */
static const char *outputs_of(generator *g, scope *s) {
  const char *list = "";
  for (int i = SOURCES; i < s->count; i++)
    if (!s->used[i]) list = TEXT("%s%s%s", list, *list ? ", " : "", s->values[i].text);
  return *list ? list : s->values[s->count - 1].text;
}

static const char *inputs_of(generator *g, const scope *s) {
  const char *list = "";
  for (int i = 0; i < W; i++)
    if (s->used[i])
      list = TEXT("%s%s%s: %s", list, *list ? ", " : "", s->values[i].text, declared_type(g, &s->values[i]));
  return list;
}

static const char *entry_text(generator *g, scope *s, int number) {
  if (s->count == SOURCES && !*s->tail) return "";
  if (s->count == SOURCES) define(g, s, "0.5 * s", use(s, S));
  const char *outputs = outputs_of(g, s);
  return TEXT("entry e%d%s(%s) -> (%s) {\n%s%s}\n\n", number, g->suffix, inputs_of(g, s), outputs, s->body, s->tail);
}

static const char *declarations(generator *g) {
  const char *f = g->suffix, *text = "";
  long long a = g->rows, b = g->columns, c = g->width;
  if (g->declared[W]) text = TEXT("param w%s: f32[%lld, %lld] = 0.5 * normal()\n", f, b, c);
  if (g->declared[M]) text = TEXT("%sstate m%s: f32[%lld, %lld] = 0.25\n", text, f, a, b);
  if (g->declared[C]) text = TEXT("%sstate c%s: i32 = 3\n", text, f);
  if (g->declared[NET])
    text = TEXT("%sfn layer%s[m](x: f32[..., n]) {\n  param w: f32[n, m] = glorot[n, m, shape]()\n"
                "  param b: f32[m] = 0.1\n  tanh(x @ w + b)\n}\nnet%s = layer%s[%lld]\n", text, f, f, f, c);
  if (g->declared[SLOW]) text = TEXT("%sslow%s = copy(net%s)\n", text, f, f);
  if (g->declared[PAIR])
    text = TEXT("%sfn factors%s[V, H] {\n  param u: f32[V, H] = glorot[V, H, shape]()\n  fn up(x) { x @ u }\n"
                "  fn down(h) { h @ u.T }\n}\npair%s = factors%s[%lld, %lld]\n", text, f, f, f, b, c);
  if (g->declared[PICTURE]) text = TEXT("%spicture%s = conv2d[3, 3, pad: 1]\n", text, f);
  if (g->function)
    text = TEXT("%sfn helper%s[factor = 2](x, shift = 0.5) { tanh(factor * x) + shift }\n"
                "fn both%s(t) { stack[0](t[0], t[1]) }\n", text, f, f);
  return text;
}

const char *random_source(arena *a, const char *suffix, const source_blocks *blocks, int *built) {
  static const int64_t extents[] = {3, 2, 4, 5, 1, 8, 7, 17};
  generator *g = arena_new_of(a, generator);
  const uint32_t *first = blocks->count ? blocks->items[0].numbers : (const uint32_t[BLOCK_NUMBERS]){0};
  *g = (generator){.arena = a, .suffix = suffix, .rows = extents[first[8] % 8],
                   .columns = extents[first[9] % 8], .width = extents[first[10] % 6]};
  for (int i = 0; i < MOST_ENTRIES; i++) open_scope(g, &g->entries[i]);
  for (int i = 0; i < blocks->count; i++) {
    const uint32_t *n = blocks->items[i].numbers;
    scope *s = &g->entries[n[BLOCK_NUMBERS - 1] % MOST_ENTRIES];
    int before = s->count;
    const char *tail_before = s->tail;
    constructs[n[0] % CONSTRUCTS].build(g, s, n);
    if (built && (s->count > before || s->tail != tail_before)) built[n[0] % CONSTRUCTS]++;
  }
  const char *text = "";
  for (int i = 0; i < MOST_ENTRIES; i++) {
    text = TEXT("%s%s", text, entry_text(g, &g->entries[i], i));
    for (int k = 0; k < SOURCES; k++) g->declared[k] |= g->entries[i].used[k];
  }
  return TEXT("%s\n%s", declarations(g), text);
}
