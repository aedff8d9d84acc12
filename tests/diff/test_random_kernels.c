/* Random expressions over every type, function, cast and lane operation: compiled C against the loop
 * interpreter. Nesting finds what kernels of one operation each do not: precedence of operators, the
 * widths of masks, helpers that need helpers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernel_case.h"
#include "scalar.h"

enum { LENGTH = 64, STORES = 24, KERNELS = 8, MOST_DEPTH = 4 };

static const dtype types[] = {DTYPE_BOOL, DTYPE_U8, DTYPE_I8, DTYPE_I32, DTYPE_I64, DTYPE_F32, DTYPE_F64};
enum { TYPES = sizeof types / sizeof *types };

typedef struct maker {
  arena *arena;
  math_library math;
  uint64_t state; /* of the generator, not 0 */
  loop_buffer *inputs[TYPES];
  const loop_expr *at;
} maker;

/* Marsaglia, "Xorshift RNGs", 2003. */
static int pick(maker *m, int count) {
  m->state ^= m->state << 13;
  m->state ^= m->state >> 7;
  m->state ^= m->state << 17;
  return (int)((m->state >> 33) % (uint64_t)count);
}

static const loop_expr *expression(maker *m, dtype t, int lanes, int depth);

/* ---- leaves -------------------------------------------------------------------------------- */

static const loop_expr *constant(maker *m, dtype t, int lanes) {
  static const double reals[] = {0, -0.0, 1, -1, 0.5, 1e-40, 255, 256, -129, 3e9, -3e9, 1e30, 0x1p63};
  static const int64_t ints[] = {0,  1,  -1,        127,       -128,      255,       3,
                                 31, 7,  INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
  const loop_expr *c = loop_constant(m->arena, t, reals[pick(m, 13)], ints[pick(m, 13)]);
  return loop_splat(m->arena, c, lanes);
}

static const loop_expr *leaf(maker *m, dtype t, int lanes) {
  arena *a = m->arena;
  int kind = pick(m, 8), row = 0;
  if (kind == 0) return constant(m, t, lanes);
  if (kind == 1 && dtype_is_integer(t))
    return loop_ramp(a, loop_constant(a, t, 0, pick(m, 300) - 100),
                     loop_constant(a, t, 0, pick(m, 9) - 4), lanes);
  while (types[row] != t) row++;
  if (kind == 2) return loop_splat(a, loop_load(a, m->inputs[row], &m->at, 1, NULL), lanes);
  const loop_expr *mask = kind == 3 ? expression(m, DTYPE_BOOL, lanes, 0) : NULL;
  return loop_load(a, m->inputs[row], &m->at, lanes, mask);
}

/* ---- nodes --------------------------------------------------------------------------------- */

/* The type whose bits a value of type t can be; t itself where there is none. */
static dtype same_bits(dtype t) {
  switch (t) {
    case DTYPE_I32: return DTYPE_F32;
    case DTYPE_I64: return DTYPE_F64;
    case DTYPE_F32: return DTYPE_I32;
    case DTYPE_F64: return DTYPE_I64;
    default: return t;
  }
}

/* Only integers turn into reals: which NaN an operation makes is no part of the contract. */
static const loop_expr *conversion(maker *m, dtype t, int lanes, int depth) {
  dtype from = dtype_is_float(t) && pick(m, 2) ? same_bits(t) : types[pick(m, TYPES)];
  const loop_expr *x = expression(m, from, lanes, depth);
  bool bits = dtype_is_float(t) && from == same_bits(t) && pick(m, 2);
  return bits ? loop_bitcast(m->arena, x, t) : loop_cast(m->arena, x, t);
}

/* By one shuffle, or by one to half of the lanes and one back. */
static const loop_expr *shuffled(maker *m, const loop_expr *x, const loop_expr *y) {
  int lanes = x->type.lanes, picks[LOOP_MAX_LANES];
  if (lanes == 1) return x;
  if (lanes > 2 && pick(m, 2)) {
    for (int i = 0; i < lanes / 2; i++) picks[i] = pick(m, 2 * lanes);
    x = loop_shuffle(m->arena, x, y, lanes / 2, picks);
    y = loop_shuffle(m->arena, y, y, lanes / 2, picks);
  }
  for (int i = 0; i < lanes; i++) picks[i] = pick(m, 2 * x->type.lanes);
  return loop_shuffle(m->arena, x, y, lanes, picks);
}

static const loop_expr *of_lanes(maker *m, dtype t, int lanes, int depth) {
  static const scalar_function numbers[] = {SCALAR_ADD, SCALAR_MUL, SCALAR_MAXIMUM, SCALAR_MINIMUM};
  static const scalar_function truths[] = {SCALAR_AND, SCALAR_OR};
  arena *a = m->arena;
  const loop_expr *x = expression(m, t, lanes, depth);
  int lane = pick(m, lanes);
  switch (pick(m, 4)) {
    case 0: return loop_splat(a, loop_extract(a, x, lane), lanes);
    case 2: return shuffled(m, x, pick(m, 2) ? x : expression(m, t, lanes, depth));
    case 1: return loop_insert(a, x, lane, expression(m, t, 1, depth));
    default: {
      scalar_function f = t == DTYPE_BOOL ? truths[pick(m, 2)] : numbers[pick(m, 4)];
      return loop_splat(a, loop_reduce(a, f, x), lanes);
    }
  }
}

/* Element types for a function's operands so that its result is t; false where there are none. */
static bool operands_for(maker *m, scalar_function f, dtype t, dtype operands[3]) {
  scalar_kind kind = scalar_infos[f].kind;
  bool truth = kind == SCALAR_KIND_COMPARE || kind == SCALAR_KIND_TEST;
  dtype operand = truth ? types[pick(m, TYPES)] : t, result;
  for (int i = 0; i < 3; i++) operands[i] = operand;
  if (kind == SCALAR_KIND_SELECT) operands[0] = DTYPE_BOOL;
  return !scalar_type(m->arena, f, operands, &result) && result == t;
}

/* exp and its kin, which would make most of the code; test_emit has them one by one. */
static bool is_long(scalar_function f, dtype t) {
  return dtype_is_float(t) && (f == SCALAR_MOD || (f >= SCALAR_EXP && f <= SCALAR_POW));
}

static const loop_expr *function(maker *m, dtype t, int lanes, int depth) {
  scalar_function f;
  dtype operands[3];
  do f = (scalar_function)pick(m, SCALAR_COUNT);
  while (!operands_for(m, f, t, operands) || is_long(f, t));
  const loop_expr *x[3] = {NULL, NULL, NULL};
  for (int i = 0; i < scalar_infos[f].operands; i++) x[i] = expression(m, operands[i], lanes, depth);
  const loop_function *own = math_function(&m->math, f, loop_vector(operands[0], lanes));
  return own ? loop_call(m->arena, own, x) : loop_op(m->arena, f, x[0], x[1], x[2]);
}

static const loop_expr *expression(maker *m, dtype t, int lanes, int depth) {
  int kind = pick(m, 10);
  if (depth == 0 || kind == 0) return leaf(m, t, lanes);
  if (kind == 1) return conversion(m, t, lanes, depth - 1);
  if (kind == 2 && lanes > 1) return of_lanes(m, t, lanes, depth - 1);
  return function(m, t, lanes, depth - 1);
}

/* ---- kernels ------------------------------------------------------------------------------- */

static loop_buffer *parameter(maker *m, loop_kernel *k, const char *name, dtype t, loop_access access) {
  int64_t length = LENGTH;
  loop_buffer *b = loop_buffer_new(m->arena, name, LOOP_PARAMETER, loop_scalar(t), 1, &length);
  loop_add_parameter(m->arena, k, b, access);
  return b;
}

static loop_kernel *random_kernel(maker *m) {
  arena *a = m->arena;
  loop_kernel *k = loop_kernel_new(a, "random_kernel");
  int lanes = 1 << pick(m, 5), depth = 1 + pick(m, MOST_DEPTH);
  for (int i = 0; i < TYPES; i++) m->inputs[i] = parameter(m, k, dtype_name(types[i]), types[i], LOOP_IN);
  const loop_variable *v = loop_variable_new(a, "i", loop_scalar(DTYPE_I64));
  m->at = loop_var(a, v);
  loop_stmt *loop = loop_for(a, &k->body, pick(m, 2) ? LOOP_TASK : LOOP_SEQ, v, loop_int(a, 0),
                             loop_int(a, LENGTH), lanes);
  for (int i = 0; i < STORES; i++) {
    dtype t = types[pick(m, TYPES)];
    loop_buffer *output = parameter(m, k, arena_printf(a, "output_%d", i), t, LOOP_OUT);
    const loop_expr *value = expression(m, t, lanes, depth);
    if (pick(m, 2)) value = loop_let(a, &loop->body, "value", value);
    const loop_expr *mask = pick(m, 4) ? NULL : expression(m, DTYPE_BOOL, lanes, 1);
    loop_store(a, &loop->body, output, &m->at, value, mask);
  }
  return k;
}

static void check_target(const char *cpu, const char *cc) {
  for (int i = 0; i < KERNELS; i++) {
    arena *a = arena_new();
    const target *t = target_find(a, cpu);
    maker m = {.arena = a, .math = {.arena = a, .fma = t->fma}, .state = 0x9e3779b97f4a7c15u * (uint64_t)(i + 1)};
    if (!kernel_runs_here(a, t)) {
      arena_free(a);
      print_message("skip: this processor does not run %s\n", cpu);
      skip();
    }
    const loop_kernel *k = random_kernel(&m);
    const char *wrong = loop_verify(a, k);
    if (wrong) fail_msg("kernel %d: %s", i, wrong);
    kernel_check(a, k, &m.math, t, cc);
    arena_free(a);
  }
}

static void v2(void **state) { (void)state, check_target("x86-64-v2", "gcc"); }
static void v3(void **state) { (void)state, check_target("x86-64-v3", "gcc"); }
static void v3_clang(void **state) { (void)state, check_target("x86-64-v3", "clang"); }
static void v4(void **state) { (void)state, check_target("x86-64-v4", "gcc"); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(v2), cmocka_unit_test(v3),
                                     cmocka_unit_test(v3_clang), cmocka_unit_test(v4)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
