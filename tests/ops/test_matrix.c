/* The matrix of operators and element types, without a hole: every operator and every elementwise
 * function, at every element type, is accepted or refused as this table says; and where it is
 * accepted,
 * - its text reads back,
 * - the interpreter's value is that of the wide type, wrapped or rounded, and of integers that of
 *   reals; the wide type's own values stand in test_eval.c, worked out by hand,
 * - first and second derivatives can be built; test_grad.c checks their values in f64.
 * Kernels of every type are compared with the interpreter in tests/diff/test_element_types.c,
 * violations of constraints are in test_type.c, entries of the document in test_operator_docs.c; each
 * fails where a row or a constraint has none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "compare.h"
#include "build.h"
#include "grad.h"
#include "graph_case.h"
#include "half.h"
#include "op.h"
#include "scalar.h"
#include "source.h"
#include "graph_text.h"
#include "verify.h"

/* Sets of element types. */
enum {
  INTEGERS = 1 << DTYPE_U8 | 1 << DTYPE_I8 | 1 << DTYPE_I32 | 1 << DTYPE_I64,
  FLOATS = 1 << DTYPE_BF16 | 1 << DTYPE_F16 | 1 << DTYPE_F32 | 1 << DTYPE_F64,
  NUMBERS = INTEGERS | FLOATS,
  LOGIC = 1 << DTYPE_BOOL,
  ALL = NUMBERS | LOGIC
};

/* T stands for the element type, U for every type in turn, V for the values 1, 0, 1 in it. Inputs
 * whose names begin with i are indices. */
typedef struct sample {
  op_code op;
  scalar_function function; /* of OP_MAP */
  unsigned types;           /* that T may be */
  const char *text;
} sample;

#define NODE(op) OP_##op, (scalar_function)0

static const sample samples[] = {
    {NODE(INPUT), ALL, "entry f(x: T[67]) { return y = %0 }"},
    {NODE(SLOT), ALL, "entry f() { %0 = slot \"w\": T[7] return y = %0 }"},
    {NODE(CONSTANT), ALL, "entry f() { %0 = constant V: T[3] return y = %0 }"},
    {NODE(IOTA), NUMBERS, "entry f() { %0 = iota axis=[1]: T[3, 67] return y = %0 }"},
    {NODE(KEY), ALL, "entry f(x: T) { %1 = key site=[5] initial=[0]: i32[2] return y = %1 }"},
    {NODE(BITS), 1 << DTYPE_I32,
     "entry f(k: i32[2], t: i64) { %2 = bits %0, %1: T[67] return y = %2 }"},
    {NODE(CAST), ALL, "entry f(x: T[67]) { %1 = cast %0: U[67] return y = %1 }"},
    {NODE(RESHAPE), ALL, "entry f(x: T[6, 11]) { %1 = reshape %0: T[3, 22] return y = %1 }"},
    {NODE(TRANSPOSE), ALL,
     "entry f(x: T[3, 5, 17]) { %1 = transpose %0 axes=[2, 0, 1]: T[17, 3, 5] return y = %1 }"},
    {NODE(BROADCAST), ALL,
     "entry f(x: T[3, 1]) { %1 = broadcast %0 axes=[0, 2]: T[3, 2, 37] return y = %1 }"},
    {NODE(SLICE), ALL,
     "entry f(x: T[5, 37]) { %1 = slice %0 starts=[1, 2] limits=[5, 37] steps=[2, 1]: T[2, 35] "
     "return y = %1 }"},
    {NODE(PAD), ALL,
     "entry f(x: T[3, 19]) { %1 = pad %0 low=[1, -2] high=[0, 3] interior=[0, 1]: T[4, 38] "
     "return y = %1 }"},
    {NODE(REVERSE), ALL, "entry f(x: T[3, 19]) { %1 = reverse %0 axes=[1]: T[3, 19] return y = %1 }"},
    {NODE(CONCAT), ALL,
     "entry f(x: T[3, 19], z: T[3, 2]) { %2 = concat %0, %1 axis=[1]: T[3, 21] return y = %2 }"},
    {NODE(WINDOW), ALL,
     "entry f(x: T[2, 19, 3]) { %1 = window %0 axes=[1] taps=[2] strides=[2] dilations=[1] "
     "offsets=[-1] spacings=[1]: T[2, 9, 3] return y = %1 }"},
    {NODE(SUM), NUMBERS, "entry f(x: T[3, 19]) { %1 = sum %0 axes=[1]: T[3] return y = %1 }"},
    {NODE(SUM), NUMBERS, "entry f(x: T[1]) { %1 = sum %0 axes=[0]: T return y = %1 }"},
    {NODE(PROD), NUMBERS, "entry f(x: T[5, 37]) { %1 = prod %0 axes=[0]: T[37] return y = %1 }"},
    {NODE(MAX), ALL, "entry f(x: T[3, 19]) { %1 = max %0 axes=[1]: T[3] return y = %1 }"},
    {NODE(MIN), ALL, "entry f(x: T[3, 19]) { %1 = min %0 axes=[0, 1]: T return y = %1 }"},
    {NODE(ARGMAX), ALL, "entry f(x: T[3, 19]) { %1 = argmax %0 axes=[1]: i32[3] return y = %1 }"},
    {NODE(ARGMIN), ALL, "entry f(x: T[5, 37]) { %1 = argmin %0 axes=[0]: i32[37] return y = %1 }"},
    {NODE(GATHER), ALL,
     "entry f(x: T[5, 37], i: i32[7]) { %2 = gather %0, %1 axis=[0]: T[7, 37] return y = %2 }"},
    {NODE(GATHER), ALL,
     "entry f(x: T[3, 5], i: i64[3, 2]) { %2 = gather %0, %1 axis=[1] batch=[1]: T[3, 2] "
     "return y = %2 }"},
    {NODE(SCATTER), ALL,
     "entry f(x: T[4, 19], i: i32[7], u: T[7, 19]) { %3 = scatter %0, %1, %2 axis=[0]: T[4, 19] "
     "return y = %3 }"},
    {NODE(SCATTER), ALL,
     "entry f(x: T[3, 5], i: i64[3, 4], u: T[3, 4]) { %3 = scatter %0, %1, %2 axis=[1] batch=[1]: T[3, 5] "
     "return y = %3 }"},
    {NODE(SCATTER_ADD), NUMBERS,
     "entry f(i: i32[7], x: T[7, 19]) { %2 = scatter_add %0, %1 axis=[0]: T[4, 19] return y = %2 }"},
    {NODE(SCATTER_ADD), NUMBERS,
     "entry f(i: i64[3, 4], x: T[3, 4]) { %2 = scatter_add %0, %1 axis=[1] batch=[1]: T[3, 5] "
     "return y = %2 }"},
    {NODE(CUMSUM), NUMBERS,
     "entry f(x: T[5, 37]) { %1 = cumsum %0 axis=[0] exclusive=[0] reverse=[0]: T[5, 37] "
     "return y = %1 }"},
    {NODE(CUMPROD), NUMBERS,
     "entry f(x: T[11, 5]) { %1 = cumprod %0 axis=[1] exclusive=[1] reverse=[1]: T[11, 5] "
     "return y = %1 }"},
    {NODE(RECURRENCE), NUMBERS,
     "entry f(x: T[5, 7], z: T[5, 7]) { %2 = recurrence %0, %1 axis=[1] exclusive=[0] reverse=[1]: "
     "T[5, 7] return y = %2 }"},
    {NODE(ARGSORT), ALL,
     "entry f(x: T[3, 19]) { %1 = argsort %0 axis=[1] count=[19] descending=[0]: i32[3, 19] "
     "return y = %1 }"},
    {NODE(ARGSORT), ALL,
     "entry f(x: T[19, 3]) { %1 = argsort %0 axis=[0] count=[4] descending=[1]: i32[4, 3] "
     "return y = %1 }"},
    {NODE(DOT), NUMBERS,
     "entry f(x: T[5, 7], z: T[7, 19]) { %2 = dot %0, %1 left_contract=[1] right_contract=[0]: "
     "T[5, 19] return y = %2 }"},
    {NODE(CONV), NUMBERS,
     "entry f(x: T[2, 4, 9], z: T[6, 2, 3]) { %2 = conv %0, %1 strides=[2] low=[1] high=[0] "
     "left_dilation=[1] right_dilation=[1] groups=[2]: T[2, 6, 4] return y = %2 }"},
    {NODE(LOOP), ALL,
     "entry f(h: T[3], x: T[4, 3]) { %2 = loop %0, %1 turns=[4] carries=[1] sequences=[1] "
     "reverse=[0] body=(t: i64, h: T[3], x: T[3]) { return h = %2, y = %1 }: T[3] return y = %2 }"},
    {NODE(RESULT), ALL,
     "entry f(h: T[3], x: T[4, 3]) { %2 = loop %0, %1 turns=[4] carries=[1] sequences=[1] "
     "reverse=[1] body=(t: i64, h: T[3], x: T[3]) { return h = %2, y = %1 }: T[3] "
     "%3 = result %2 number=[1]: T[4, 3] return y = %3 }"},
    {NODE(RULE), FLOATS,
     "entry f(x: T[3, 5], z: T[3, 5]) { %2 = sin %0: T[3, 5] %3 = rule %2, %0, %1, %0 arguments=[2] "
     "body=(dy: T[3, 5], x: T[3, 5]) { %2 = cos %1: T[3, 5] %3 = mul %0, %2: T[3, 5] "
     "return a = %3, b = %0 }: T[3, 5] return y = %3 }"},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

/* What the general laws do not cover, and why. */
static const struct {
  op_code op;
  scalar_function function;
  const char *reason;
} own_law[] = {
    {NODE(SLOT), "values of slots are the test's own, by type"},
    {OP_MAP, SCALAR_SHL, "amounts count modulo the width: test_eval.c"},
    {OP_MAP, SCALAR_SHR, "zeros come in at the width: test_eval.c"},
};

/* ---- graphs of samples ----------------------------------------------------------------------- */

/* A text with T, U and V replaced; they stand alone or before '['. */
static const char *filled(arena *a, const char *text, dtype t, dtype u) {
  char *out = arena_alloc(a, 8 * strlen(text) + 1), *end = out;
  const char *values = dtype_is_float(t) ? "reals=[1, 0, 1]" : "ints=[1, 0, 1]";
  for (const char *c = text; *c; c++) {
    const char *with = *c == 'T' ? dtype_name(t) : *c == 'U' ? dtype_name(u) : *c == 'V' ? values
                                                                                         : NULL;
    if (!with)
      *end++ = *c;
    else
      end = stpcpy(end, with);
  }
  return out;
}

static unsigned types_of_kind(scalar_kind kind) {
  switch (kind) {
  case SCALAR_KIND_SAME: return NUMBERS;
  case SCALAR_KIND_REAL:
  case SCALAR_KIND_TEST: return FLOATS;
  case SCALAR_KIND_INTEGER: return INTEGERS;
  case SCALAR_KIND_LOGIC: return LOGIC;
  default: return ALL;
  }
}

static sample sample_of_function(arena *a, scalar_function f, int extent) {
  const scalar_info *info = &scalar_infos[f];
  bool truth = info->kind == SCALAR_KIND_COMPARE || info->kind == SCALAR_KIND_TEST;
  const char *inputs = "", *operands = "";
  for (int i = 0; i < info->operands; i++) {
    const char *type = i == 0 && info->kind == SCALAR_KIND_SELECT ? "bool" : "T";
    inputs = arena_printf(a, "%s%sx%d: %s[%d]", inputs, i ? ", " : "", i, type, extent);
    operands = arena_printf(a, "%s%s%%%d", operands, i ? ", " : "", i);
  }
  return (sample){OP_MAP, f, types_of_kind(info->kind),
                  arena_printf(a, "entry f(%s) { %%%d = %s %s: %s[%d] return y = %%%d }", inputs,
                               info->operands, info->name, operands, truth ? "bool" : "T", extent,
                               info->operands)};
}

static const char *refusal(arena *a, const char *text) {
  diagnostics *d = diag_new(a);
  source s = {.name = "matrix", .text = text, .length = strlen(text)};
  if (graph_parse(a, d, &s)) return NULL;
  return graph_refusal(a, text);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Whole numbers from `least` on; indices of which some lie outside; of bool 0 and 1. */
static const tensor **whole_inputs(arena *a, const graph *g, int64_t least, int64_t count) {
  const tensor **inputs = arena_array_of(a, g->input_count, const tensor *);
  const uint32_t key[2] = {3, 4};
  uint32_t drawn = 0;
  for (int i = 0; i < g->input_count; i++) {
    tensor *t = tensor_new(a, &g->inputs[i].node->type);
    bool index = g->inputs[i].name[0] == 'i';
    for (int64_t k = 0; k < type_elements(&t->type); k++) {
      int64_t bits = philox_element(key, drawn++, 0);
      int64_t value = t->type.element == DTYPE_BOOL ? bits % 2 : least + bits % count;
      if (index) value = bits % 7 - 1;
      if (dtype_is_float(t->type.element))
        t->reals[k] = (double)value;
      else
        t->ints[k] = value;
    }
    inputs[i] = t;
  }
  return inputs;
}

/* The same numbers in other types: those of the bool sample are 0 and 1 in all. */
static const tensor **in_types_of(arena *a, const graph *g, const tensor *const *values) {
  const tensor **inputs = arena_array_of(a, g->input_count, const tensor *);
  for (int i = 0; i < g->input_count; i++) {
    tensor *t = tensor_new(a, &g->inputs[i].node->type);
    bool from = dtype_is_float(values[i]->type.element), to = dtype_is_float(t->type.element);
    for (int64_t k = 0; k < type_elements(&t->type); k++) {
      double value = from ? values[i]->reals[k] : (double)values[i]->ints[k];
      if (to)
        t->reals[k] = value;
      else
        t->ints[k] = (int64_t)value;
    }
    inputs[i] = t;
  }
  return inputs;
}

/* A value as the element type has it. */
static double narrowed(dtype element, const tensor *wide, int64_t k) {
  bool real = dtype_is_float(wide->type.element);
  if (dtype_is_float(element))
    return half_round(element, real ? wide->reals[k] : (double)wide->ints[k]);
  return (double)scalar_wrap(element, real ? (int64_t)wide->reals[k] : wide->ints[k]);
}

/* The sample at type t has the narrowed values of the sample at type `wide`: of integers also where
 * they wrap, and divide by 0; else of numbers from 1 to 9, which all types hold. */
static void check_law(const sample *s, dtype t, dtype u, dtype wide) {
  arena *a = arena_new();
  graph *narrow = graph_from_text(a, filled(a, s->text, t, u));
  graph *broad = graph_from_text(a, filled(a, s->text, wide, u));
  bool wraps = wide == DTYPE_I64;
  const tensor **inputs =
      whole_inputs(a, narrow, !wraps ? 1 : t == DTYPE_U8 ? 0 : -100, wraps ? 200 : 9);
  const tensor *actual = evaluate(a, narrow, inputs)[0];
  const tensor *expected = evaluate(a, broad, in_types_of(a, broad, inputs))[0];
  for (int64_t k = 0; k < type_elements(&actual->type); k++) {
    dtype element = actual->type.element;
    double value = dtype_is_float(element) ? actual->reals[k] : (double)actual->ints[k];
    double wanted = narrowed(element, expected, k);
    if (!compare_real(value, wanted, (tolerance){0, 0}))
      fail_msg("%s against %s, element %d: %.17g is not %.17g\n%s", dtype_name(t),
               dtype_name(wide), (int)k, value, wanted, s->text);
  }
  arena_free(a);
}

static bool has_own_law(const sample *s) {
  for (size_t i = 0; i < sizeof own_law / sizeof *own_law; i++)
    if (s->op == own_law[i].op && s->function == own_law[i].function) return true;
  return false;
}

/* ---- the cells ------------------------------------------------------------------------------- */

static void check_text(const sample *s, dtype t, dtype u) {
  arena *a = arena_new();
  graph *g = graph_from_text(a, filled(a, s->text, t, u));
  const char *once = graph_to_text(a, g);
  assert_string_equal(graph_to_text(a, graph_from_text(a, once)), once);
  assert_null(graph_violation(g, a));
  arena_free(a);
}

/* The sum of squares of what is floating in both orders: the graphs verify. */
static void check_derivatives(const sample *s, dtype t, dtype u) {
  arena *a = arena_new();
  graph *g = graph_from_text(a, filled(a, s->text, t, u));
  node *y = g->outputs[0].node, *wanted[4];
  int count = 0;
  for (int i = 0; i < g->input_count; i++)
    if (g->inputs[i].node->type.element == t) wanted[count++] = g->inputs[i].node;
  for (int order = 1; order <= 2 && y && !op_has(s->op, LOOP); order++) {
    if (!dtype_is_float(y->type.element)) break;
    int64_t axes[MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    node *loss = build_reduce(g, OP_SUM, build_map2(g, SCALAR_MUL, y, y), y->type.rank, axes);
    gradients *found = grad_sweep(g, loss, count, wanted);
    y = count ? grad_of(found, wanted[0]) : NULL;
    for (int i = 0; i < count; i++) {
      node *gradient = grad_of(found, wanted[i]);
      if (gradient) assert_true(type_equal(&gradient->type, &wanted[i]->type));
    }
    assert_null(graph_violation(g, a));
  }
  arena_free(a);
}

static void check_cell(const sample *s, dtype t, dtype u) {
  bool lawful = !has_own_law(s);
  check_text(s, t, u);
  check_derivatives(s, t, u);
  dtype wide = dtype_is_float(t) ? DTYPE_F64 : t == DTYPE_BOOL ? DTYPE_I32 : DTYPE_I64;
  if (lawful && (s->types & 1u << wide)) check_law(s, t, u, wide);
  if (lawful && t == DTYPE_I64 && (s->types & FLOATS)) check_law(s, t, u, DTYPE_F64);
}

static void check_sample(const sample *s) {
  for (dtype t = 0; t < DTYPE_COUNT; t++) {
    arena *a = arena_new();
    const char *message = refusal(a, filled(a, s->text, t, t));
    bool allowed = s->types & 1u << t;
    if (allowed && message) fail_msg("%s is refused: %s\n%s", dtype_name(t), message, s->text);
    if (!allowed && !message) fail_msg("%s is accepted\n%s", dtype_name(t), s->text);
    if (!allowed && !strstr(message, " C")) fail_msg("no constraint is cited: %s", message);
    arena_free(a);
    bool pairs = strchr(s->text, 'U');
    for (dtype u = 0; allowed && u < (pairs ? DTYPE_COUNT : 1); u++) check_cell(s, t, u);
  }
}

static void every_operator(void **state) {
  (void)state;
  bool seen[OP_COUNT] = {[OP_MAP] = true};
  for (int i = 0; i < SAMPLES; i++) {
    check_sample(&samples[i]);
    seen[samples[i].op] = true;
  }
  for (int op = 0; op < OP_COUNT; op++)
    if (!seen[op]) fail_msg("no sample of %s: add one to `samples` in this file", op_infos[op].name);
}

static void every_function(void **state) {
  (void)state;
  static const int extents[] = {1, 7, 67};
  for (int f = 0; f < SCALAR_COUNT; f++)
    for (int i = 0; i < 3; i++) {
      arena *a = arena_new();
      sample s = sample_of_function(a, (scalar_function)f, extents[i]);
      check_sample(&s);
      arena_free(a);
    }
}

/* A law that does not hold is noticed: a sum that is not wrapped, a value that is not rounded. */
static void narrowing_is_noticed(void **state) {
  (void)state;
  const tensor sum = {.type = type_scalar(DTYPE_I64), .ints = (int64_t[]){300}};
  const tensor value = {.type = type_scalar(DTYPE_F64), .reals = (double[]){1.0001}};
  assert_true(narrowed(DTYPE_U8, &sum, 0) == 44 && narrowed(DTYPE_I32, &sum, 0) == 300);
  assert_true(narrowed(DTYPE_BF16, &value, 0) == 1 && narrowed(DTYPE_F32, &value, 0) == 1.0001);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_operator),
      cmocka_unit_test(every_function),
      cmocka_unit_test(narrowing_is_noticed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
