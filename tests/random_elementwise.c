/* Constructs of random programs: elementwise functions, truth values, casts. */
#include "random_scope.h"

/* ---- functions of one value ------------------------------------------------------------------ */

static const char *const functions[] = {"-$x",
                                        "tanh($x)",
                                        "sigmoid($x)",
                                        "sin($x)",
                                        "cos($x)",
                                        "exp(tanh($x))",
                                        "expm1(sin($x))",
                                        "log(abs($x) + 0.5)",
                                        "log1p(abs($x))",
                                        "sqrt(abs($x) + 0.25)",
                                        "rsqrt($x ** 2 + 0.5)",
                                        "abs($x)",
                                        "tanh($x) ** 3",
                                        "1 / (1 + $x ** 2)",
                                        "($x |> tanh |> abs)",
                                        "pow(abs($x) + 0.5, 1.5)"};

/* One function, or one of another. */
static void build_function(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], n[3] % 4 == 3 ? FLOATS : REALS, 0, MOST_RANK), inner = x;
  if (n[4] % 2)
    inner.text = TEXT("(%s)", scope_fill(g, functions[n[5] % FORMS(functions)], &x, NULL));
  scope_define(g, s, scope_fill(g, functions[n[1] % FORMS(functions)], &inner, NULL), x);
}

static const source_form activations[] = {
    {"relu($x)", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"gelu(tanh($x))", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"silu(tanh($x))", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"softplus($x)", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"leaky_relu($x, 0.1)", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"elu($x, alpha: 0.5)", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"hard_sigmoid(2 * $x)", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"hard_tanh(2 * $x)", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"dropout($x, 0.25)", REALS | SIZE_LEADS, 1, MOST_RANK, LIKE, AS_X, false},
    {"spatial_dropout($x, 0.25)", 1 << DTYPE_F32 | SIZE_LEADS, 2, MOST_RANK, LIKE, AS_X, false},
};

/* What is computed in another form than it is written. */
static const source_form stable[] = {
    {"log(sum[-1](exp($x)))", REALS, 1, MOST_RANK, ROWS, AS_X, false},
    {"log(exp($x) + exp($y))", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"log(sigmoid($x))", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"log(1 + abs($x))", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"exp(sin($x)) - 1", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"1 - sigmoid($x)", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"1 / (1 + exp(-$x))", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"log(softmax($x))", REALS, 1, MOST_RANK, LIKE, AS_X, false},
};

static const source_form jumps[] = {
    {"stop_gradient($x)", FLOATS, 0, MOST_RANK, LIKE, AS_X, true},
    {"floor($x)", FLOATS, 0, MOST_RANK, LIKE, AS_X, true},
    {"sign($x)", FLOATS, 0, MOST_RANK, LIKE, AS_X, true},
    {"hard_threshold($x, 0.5)", FLOATS, 0, MOST_RANK, LIKE, DTYPE_F32, true},
    {"isnan($x)", FLOATS, 0, MOST_RANK, LIKE, DTYPE_BOOL, true},
    {"not isnan($x) and $x > 0.5", FLOATS, 0, MOST_RANK, LIKE, DTYPE_BOOL, true},
    {"$x // (abs($y) + 0.75)", REALS, 0, MOST_RANK, LIKE, AS_X, true},
    {"zeros_like($x)", ANY, 0, MOST_RANK, LIKE, AS_X, true},
    {"ones_like($x)", ANY, 0, MOST_RANK, LIKE, AS_X, true},
};

/* Numbers known at compile time, beside tensors. */
static const source_form numbers[] = {
    {"min($x * pi, inf)", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"max(-inf, 2 / 3 * $x)", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"($x > 1 ? nan : $x)", REALS, 0, MOST_RANK, LIKE, AS_X, true},
    {"2 ** tanh($x)", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"(1.5 + tanh($x)) ** -2", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"(abs($x) + 0.25) ** 0.5", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"$x - sqrt(2 / 7) * 7 % 4 // 2", REALS, 0, MOST_RANK, LIKE, AS_X, false},
};

/* ---- two values ------------------------------------------------------------------------------ */

static const char *const pairs[] = {"$x + $y",
                                    "$x - $y",
                                    "tanh($x) * $y",
                                    "$x / (1 + abs($y))",
                                    "max($x, $y)",
                                    "min($x, $y)",
                                    "pow(abs($x) + 0.5, tanh($y))",
                                    "$x % (abs($y) + 0.75)"};

static void build_pair(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], FLOATS, 0, MOST_RANK), y = scope_partner(s, n[3], &x);
  scope_define(g, s, scope_fill(g, pairs[n[1] % FORMS(pairs)], &x, &y), operand_broadcast(&x, &y));
}

static const char *const relations[] = {">", "<", ">=", "<=", "==", "!="};

static void build_choice(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ARITHMETIC, 0, MOST_RANK), y = scope_partner(s, n[3], &x);
  scope_define(g, s,
               TEXT("%s %s %s ? %s : %s", x.text, relations[n[1] % FORMS(relations)], y.text,
                    x.text, y.text),
               operand_broadcast(&x, &y));
}

static bool spreads(const operand *x, const operand *like) {
  operand truth = *like;
  truth.element = DTYPE_BOOL;
  return operand_is(x, TRUTHS) && operand_broadcasts(x, &truth);
}

/* By a truth value that another statement made. */
static void build_mask(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ANY, 0, MOST_RANK), none = {.text = NULL};
  operand truth = scope_pick_where(s, n[3], &x, spreads, none), v = x;
  if (!truth.text) return;
  v.element = DTYPE_BOOL;
  v = operand_broadcast(&v, &truth), v.element = x.element, v.from = x.from;
  operand y = scope_alike(s, n[4], &x);
  const char *otherwise = x.element == DTYPE_BOOL || n[1] % 2 ? y.text : "0";
  const char *not = n[1] / 2 % 2 ? "not " : "";
  scope_define(g, s, TEXT("%s%s ? %s : %s", not, truth.text, x.text, otherwise), v);
}

static void build_comparison(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], ARITHMETIC, 0, MOST_RANK), y = scope_partner(s, n[3], &x);
  operand v = operand_broadcast(&x, &y);
  v.element = DTYPE_BOOL;
  const char *right = n[4] % 2 ? y.text : "1";
  if (n[4] % 2 == 0) v = x, v.element = DTYPE_BOOL;
  scope_define(g, s, TEXT("%s %s %s", x.text, relations[n[1] % FORMS(relations)], right), v);
}

static const source_form truths[] = {
    {"$x and $y", TRUTHS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x or $y", TRUTHS, 0, MOST_RANK, LIKE, AS_X, true},
    {"not $x or $y", TRUTHS, 0, MOST_RANK, LIKE, AS_X, true},
    {"not $x", TRUTHS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x == $y", TRUTHS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x != $y", TRUTHS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x or false", TRUTHS, 0, MOST_RANK, LIKE, AS_X, true},
};

/* ---- integers, casts ------------------------------------------------------------------------- */

static const source_form integers[] = {
    {"$x + 1", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x - 2", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x * 3", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x // 2", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x % 3", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
    {"max($x, 1)", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
    {"abs($x)", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
    {"sign(-$x)", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x ** 2", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
};

static void build_integer_pair(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"$x + $y", "$x - $y",     "$x * $y",    "$x // $y",
                                      "$x % $y", "min($x, $y)", "max($x, $y)"};
  operand x = scope_pick(s, n[2], INTEGERS, 0, MOST_RANK), y = scope_partner(s, n[3], &x);
  scope_define(g, s, scope_fill(g, forms[n[1] % FORMS(forms)], &x, &y), operand_broadcast(&x, &y));
}

static void build_cast(generator *g, scope *s, const uint32_t *n) {
  static const dtype to[] = {DTYPE_F32, DTYPE_F64,  DTYPE_I32, DTYPE_I64, DTYPE_U8,
                             DTYPE_I8,  DTYPE_BOOL, DTYPE_F16, DTYPE_BF16};
  operand x = scope_pick(s, n[2], ANY, 0, MOST_RANK), v = x;
  v.element = to[n[1] % FORMS(to)];
  if (!dtype_is_float(x.element)) v.from = 0;
  scope_define(g, s, TEXT("%s(%s)", dtype_name(v.element), x.text), v);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Simple ones first. */
const construct elementwise_constructs[] = {
    {"function", FORMS(functions), build_function, NULL},
    {"two values", FORMS(pairs), build_pair, NULL},
    {"activation", FORMS(activations), NULL, activations},
    {"stable form", FORMS(stable), NULL, stable},
    {"jump", FORMS(jumps), NULL, jumps},
    {"number", FORMS(numbers), NULL, numbers},
    {"choice", FORMS(relations), build_choice, NULL},
    {"mask", 4, build_mask, NULL},
    {"comparison", FORMS(relations), build_comparison, NULL},
    {"truth", FORMS(truths), NULL, truths},
    {"integer", FORMS(integers), NULL, integers},
    {"two integers", 7, build_integer_pair, NULL},
    {"cast", 18, build_cast, NULL},
    {0},
};
