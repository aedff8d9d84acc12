/* Constructs of random programs: control, tuples, functions. */
#include <string.h>

#include "random_scope.h"

/* ---- control --------------------------------------------------------------------------------- */

/* A definition that the statements after it change: $y is its name. */
static void define_and(generator *g, scope *s, const char *text, const operand *x, operand v) {
  operand name = {.text = TEXT("v%d", s->count - SOURCES)};
  scope_define(g, s, scope_fill(g, text, x, &name), v);
}

static void build_loop(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {
      "$x\n  for i in 0..2 { $y = tanh($y + 0.5 * (i + 1) * $x) }",
      "$x\n  for i in 0..3 { if i % 2 == 0 { $y = 2 * $y } else { $y = sin($y) } }",
      "$x\n  for i in 0..2 { $y = $y + 0.1 * uniform[shape($x)]() * i }",
      "$x\n  for left, right in ($x, 2 * $x), (0.5, 3) { $y = $y + sin(left) * right }",
      "$x\n  many = for i in 0..18 { emit mean(sin($x)) + i }\n  $y = $y * cos(flat(many)[17])",
      "$x\n  total = 1\n  for i in 0..17 { total = total + mean(cos(i * $x)) }\n  $y = total * $y",
      "$x\n  for i in 1..3 { for turn in 0..i { $y = $y * (0.5 + turn) - $x ** i } }"};
  operand x = scope_pick(s, n[2], REALS | SIZE_LEADS, 0, MOST_RANK);
  define_and(g, s, forms[n[1] % FORMS(forms)], &x, x);
}

/* Loops at run time. Those whose number of turns is not known have no derivative. */
static const source_form loops[] = {
    {"0 * max[0]($x)\n  scan row in $x { $y = 0.5 * $y + sin(row) }", REALS, 1, MOST_RANK, COLUMNS, AS_X,
     false},
    {"scan row, turn in $x, 0..$d {\n    kept = tanh(row) + f32(turn)\n    emit kept * kept\n  }",
     REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  two = scan (row, other) in ($x, cos($x)) { emit (a: row * other, b: row) }\n"
     "  $y = two.a - two.b",
     REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  two = scan row in $x { emit sin(row), row * mean(row) }\n  $y = two[0] + two[1]",
     REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"max[0]($x)\n  two = ($y, cos($y))\n"
     "  scan row in $x { two = (sin(two[1]) + row, 0.5 * two[0]) }\n  $y = two[0] * two[1]",
     REALS, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"0 * max[0]($x)\n  record = scan[checkpoint: 2] row in $x { $y = 0.5 * cos($y) + row; emit sin($y) }\n"
     "  $y = $y + record[-1]", REALS | FIRST_KNOWN, 1, MOST_RANK, COLUMNS, AS_X, false},
    {"$x\n  scan[checkpoint: 3] row, turn in $x, 0..$d while turn < 5 { $y[turn] <- tanh($y[0]) + row }",
     REALS | FIRST_KNOWN, 1, MOST_RANK, LIKE, AS_X, false},
    {"min[0]($x)\n  scan row in $x { repeat 2 { $y = tanh($y) * cos(row) } }", REALS, 1, MOST_RANK,
     COLUMNS, AS_X, false},
    {"scan turn in 0..$d {\n    emit $x[turn] * bernoulli(0.75)\n  }", REALS | ALL_KNOWN, 1, MOST_RANK, LIKE,
     AS_X, false},
    {"$x\n  left = 2\n  scan row in $x while left > 0 { $y = $y * 0.5 + row; left = left - 1 }",
     REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"scan row in $x while max(row) < 1.25 { emit sin(row) }", REALS, 1, MOST_RANK, LIKE, AS_X,
     false},
    {"$x\n  repeat 3 { $y = tanh($y) + 0.1 * $x }", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  repeat 2 { repeat 2 { $y = sin($y + $x) } }", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  repeat 2 { $y = softmax($y - sort($x)) * sum[-1, keep: true](cos($y)) }", REALS | LAST_KNOWN, 1,
     MOST_RANK, LIKE, AS_X, false},
    {"$x\n  repeat 2 { $y = grad(sum(sin($y) * $x), $x) }", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  repeat abs(c$f) % 4 { $y = 0.5 * cos($y) }", REALS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x\n  count = 0\n  while count < 3 { $y = 0.5 * $y + uniform[shape($x)](); count = count + 1 }",
     REALS | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, true},
    {"$x\n  repeat 3 { $y = $y * 3 - $x }", INTEGERS, 0, MOST_RANK, LIKE, AS_X, true},
};

/* Parts that are replaced, at places known and not. */
static const source_form parts[] = {
    {"$x\n  $y[-1] <- $x[0]", ANY | FIRST_KNOWN, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  $y[c$f % $d, ...] <- 2 * sin($x[0])", REALS | FIRST_KNOWN, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  $y[stack(c$f, c$f + 1, 0) % $d] <- 3", ARITHMETIC | FIRST_KNOWN, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  record = (a: $y, b: 1)\n  record.a[::2] <- 0\n  record.a[0] <- cos($x[-1])\n  $y = record.a",
     REALS | FIRST_KNOWN, 1, MOST_RANK, LIKE, AS_X, false},
    {"$x\n  scan row, turn in $x, 0..$d { $y[turn] <- 0.5 * $y[$d - 1 - turn] + row }", REALS | FIRST_KNOWN, 1,
     MOST_RANK, LIKE, AS_X, false},
};

static void build_part(generator *g, scope *s, const uint32_t *n) {
  const source_form *f = &parts[n[1] % FORMS(parts)];
  if (strstr(f->text, "c$f")) scope_use(s, C);
  form_build(g, s, n, f);
}

static void build_run_time_loop(generator *g, scope *s, const uint32_t *n) {
  const source_form *f = &loops[n[1] % FORMS(loops)];
  if (strstr(f->text, "c$f")) scope_use(s, C);
  const int before = s->count;
  form_build(g, s, n, f);
  const operand *v = &s->values[before];
  if (s->count > before && f->constant && dtype_is_float(v->element))
    s->body = TEXT("%s  %s = stop_gradient(%s)\n", s->body, v->text, v->text);
}

static void build_emit(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {
      "(for i in 0..2 { emit tanh($x) * (i + 1) }) |> both$f",
      "both$f(for part in ($x, cos($x), 1) { emit sin($x) * part })"};
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK - 1), v = x;
  g->helpers[BOTH] = true;
  for (int i = v.rank++; i > 0; i--) v.dims[i] = v.dims[i - 1];
  v.dims[0] = 2;
  scope_define(g, s, scope_fill(g, forms[n[1] % 2], &x, NULL), v);
}

static void build_branch(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {
      "$x\n  if WIDE$f > 1 { $y = 2 * tanh($x) } else { $y = sin($x) }",
      "$x\n  if len(shape($x)) == 2 and not DEEP$f { $y = $y.T.T } else if DEEP$f { $y = -$y }",
      "DEEP$f or false ? cos($x) : $x + \"never\"", "RATE$f * $x + WIDE$f; $y = 2 * $y"};
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK);
  g->helpers[NUMBERS] = true;
  define_and(g, s, forms[n[1] % FORMS(forms)], &x, x);
}

/* ---- tuples ---------------------------------------------------------------------------------- */

static const source_form tuples[] = {
    {"flat(0.5 * (a: $x, b: $y))", REALS | ALL_KNOWN, 0, MOST_RANK, PAIRS, AS_X, false},
    {"flat(max((a: $x, b: ($y, $x))[1], $y))", REALS | ALL_KNOWN, 1, MOST_RANK, PAIRS, AS_X, false},
    {"(2 * tanh((one: $y, two: ($x * $y, $y)))).two[0]", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"($x, $y, $x - 3 * $y)[1:][1]", FLOATS, 0, MOST_RANK, LIKE, AS_X, false},
    {"($x > 0 ? ($x, $y) : (2 * $y, 0))[0]", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"flat(f64((a: $x, b: $y)))", REALS | ALL_KNOWN, 0, MOST_RANK, PAIRS, DTYPE_F64, false},
    {"flat(unflat(sin(flat(($x, $y))), (h: $y, k: $x)))", REALS | ALL_KNOWN, 0, MOST_RANK, PAIRS, AS_X, false},
    {"(($x, $y) < (1, 0))[1]", ARITHMETIC, 0, MOST_RANK, LIKE, DTYPE_BOOL, true},
    {"zeros_like((a: $x, b: $y)).b + len(($x, $y, $x))", REALS, 0, MOST_RANK, LIKE, AS_X, true},
};

/* ---- functions ------------------------------------------------------------------------------- */

/* A call of a function of the program. */
static const struct call_form {
  source_form form;
  helper helper;
} calls[] = {
    {{"helper$f($x)", REALS, 0, MOST_RANK, LIKE, AS_X, false}, HELPER},
    {{"helper$f($x, shift: 0.25)", REALS, 0, MOST_RANK, LIKE, AS_X, false}, HELPER},
    {{"helper$f[factor: 3]($x)", REALS, 0, MOST_RANK, LIKE, AS_X, false}, HELPER},
    {{"$x |> helper$f[3](0.5) |> tanh", REALS, 0, MOST_RANK, LIKE, AS_X, false}, HELPER},
    {{"centred$f($x)", 1 << DTYPE_F32, 1, MOST_RANK, LIKE, AS_X, false}, CENTRED},
    {{"parts$f($x).low", REALS, 0, MOST_RANK, LIKE, AS_X, false}, PARTS},
    {{"flat(parts$f($x))", REALS | ALL_KNOWN, 0, MOST_RANK, PAIRS, AS_X, false}, PARTS},
    {{"twice$f[2](wave$f, $x)", REALS, 0, MOST_RANK, LIKE, AS_X, false}, TWICE},
    {{"power$f[3]($x)", REALS, 0, MOST_RANK, LIKE, AS_X, false}, POWER},
    {{"noisy$f($x)", REALS | SIZE_LEADS, 1, MOST_RANK, LIKE, AS_X, false}, NOISY},
    {{"noisy$f[training: false]($x)", REALS | SIZE_LEADS, 1, MOST_RANK, LIKE, AS_X, false}, NOISY},
    {{"ruled$f($x)", REALS, 0, MOST_RANK, LIKE, AS_X, false}, RULED},
    {{"ruled$f[-1](sin($x), 0.5)", REALS, 0, MOST_RANK, LIKE, AS_X, false}, RULED},
    {{"chosen$f($x)", REALS, 0, MOST_RANK, LIKE, AS_X, false}, ADAPTED},
};

static void build_call(generator *g, scope *s, const uint32_t *n) {
  const struct call_form *c = &calls[n[1] % FORMS(calls)];
  g->helpers[c->helper] = true;
  form_build(g, s, n, &c->form);
}

/* Several names at once. */
static void build_names(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"$x\n  (low, high) = parts$f($x)\n  $y = low * high",
                                      "$x\n  low, high = ($x, cos($x)); $y = low + high"};
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK);
  g->helpers[PARTS] = true;
  define_and(g, s, forms[n[1] % 2], &x, x);
}

/* How the entry is declared. */
static void build_header(generator *g, scope *s, const uint32_t *n) {
  (void)g;
  s->header = 1 + (int)(n[1] % (HEADERS - 1));
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Simple ones first. */
const construct function_constructs[] = {
    {"static loop", 7, build_loop, NULL},
    {"emit", 2, build_emit, NULL},
    {"loop at run time", FORMS(loops), build_run_time_loop, NULL},
    {"part", FORMS(parts), build_part, NULL},
    {"static if", 4, build_branch, NULL},
    {"tuple", FORMS(tuples), NULL, tuples},
    {"call", FORMS(calls), build_call, NULL},
    {"several names", 2, build_names, NULL},
    {"header", HEADERS - 1, build_header, NULL},
    {0},
};
