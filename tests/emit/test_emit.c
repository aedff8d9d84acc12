/* Compiled C against the interpreter of the loop form, bit for bit, for every scalar function, cast
 * and operation on lanes, on every target that this processor has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "half.h"
#include "kernel_case.h"
#include "scalar.h"

typedef const loop_expr *expr;

/* A kernel in the making: inputs x, y, z of one type; every result is an output of its own. */
typedef struct bench {
  arena *arena;
  math_library *math;
  const target *target;
  loop_kernel *kernel;
  loop_block *block;
  loop_buffer *inputs[3];
  int64_t count; /* elements of every buffer */
  int outputs;   /* made so far in this pass over the results */
  expr at;       /* the present element */
  int lanes;
  expr x, y, z; /* the inputs there */
} bench;

/* Stores the value as the next output; the second pass (the tail) meets the outputs again. */
static void put(bench *b, expr value) {
  int place = 3 + b->outputs++;
  if (place >= b->kernel->parameter_count) {
    const char *name = arena_printf(b->arena, "r%d", place);
    loop_buffer *buffer = loop_buffer_new(b->arena, name, LOOP_PARAMETER,
                                          loop_scalar(value->type.element), 1, &b->count);
    loop_add_parameter(b->arena, b->kernel, buffer, LOOP_OUT);
  }
  loop_store(b->arena, b->block, b->kernel->parameters[place], &b->at, value, NULL);
}

typedef void results(bench *b);

/* A loop over [low, high) in steps of `lanes`, with all results in its body. */
static void add_loop(bench *b, results *make, int64_t low, int64_t high, int lanes) {
  loop_variable *i = loop_variable_new(b->arena, "i", loop_scalar(DTYPE_I64));
  loop_stmt *s = loop_for(b->arena, &b->kernel->body, LOOP_SEQ, i, loop_int(b->arena, low),
                          loop_int(b->arena, high), lanes);
  b->block = &s->body;
  b->at = loop_var(b->arena, i);
  b->lanes = lanes;
  b->outputs = 0;
  b->x = loop_let(b->arena, b->block, "x", loop_load(b->arena, b->inputs[0], &b->at, lanes, NULL));
  b->y = loop_let(b->arena, b->block, "y", loop_load(b->arena, b->inputs[1], &b->at, lanes, NULL));
  b->z = loop_let(b->arena, b->block, "z", loop_load(b->arena, b->inputs[2], &b->at, lanes, NULL));
  make(b);
}

static bench bench_new(arena *a, const target *t, dtype element, int64_t count, results *make) {
  math_library *math = arena_new_of(a, math_library);
  *math = (math_library){.arena = a, .fma = t->fma};
  bench b = {.arena = a,
             .math = math,
             .target = t,
             .count = count,
             .kernel = loop_kernel_new(a, "results")};
  for (int i = 0; i < 3; i++) {
    b.inputs[i] = loop_buffer_new(a, (const char *[]){"a", "b", "c"}[i], LOOP_PARAMETER,
                                  loop_scalar(element), 1, &count);
    loop_add_parameter(a, b.kernel, b.inputs[i], LOOP_IN);
  }
  int size = (int)dtype_size(element), lanes = t->vector_bytes / (size > 4 ? size : 4);
  int64_t whole = count / lanes * lanes;
  if (whole) add_loop(&b, make, 0, whole, lanes);
  if (whole < count) add_loop(&b, make, whole, count, 1);
  return b;
}

/* ---- every scalar function ----------------------------------------------------------------- */

static void put_function(bench *b, scalar_function f) {
  dtype element = b->x->type.element, result;
  expr operands[3] = {b->x, b->y, b->z};
  dtype types[3] = {element, element, element};
  if (f == SCALAR_SELECT) {
    expr less = loop_op(b->arena, SCALAR_LT, b->y, b->z, NULL);
    put(b, loop_select(b->arena, less, b->x, b->z));
    return;
  }
  if (scalar_type(b->arena, f, types, &result)) return; /* not for this type */
  const loop_function *own = math_function(b->math, f, b->x->type);
  for (int i = scalar_infos[f].operands; i < 3; i++) operands[i] = NULL;
  put(b, own ? loop_call(b->arena, own, operands)
             : loop_op(b->arena, f, operands[0], operands[1], operands[2]));
}

static void functions(bench *b) {
  for (int f = 0; f < SCALAR_COUNT; f++) put_function(b, (scalar_function)f);
}

/* ---- casts, lanes, masks ------------------------------------------------------------------- */

static const dtype stored[] = {DTYPE_BOOL, DTYPE_U8,  DTYPE_I8,  DTYPE_I32, DTYPE_I64,
                               DTYPE_BF16, DTYPE_F16, DTYPE_F32, DTYPE_F64};
enum { STORED = sizeof stored / sizeof *stored };

static void casts(bench *b) {
  for (int i = 0; i < STORED; i++) put(b, loop_cast(b->arena, b->x, stored[i]));
  dtype element = b->x->type.element;
  for (int i = 0; i < STORED; i++)
    if (dtype_size(stored[i]) == dtype_size(element) && !half_is(element) &&
        dtype_is_float(stored[i]) != dtype_is_float(element) && dtype_size(element) > 1)
      put(b, loop_bitcast(b->arena, b->x, stored[i]));
}

static void put_reductions(bench *b) {
  static const scalar_function numbers[] = {SCALAR_ADD, SCALAR_MUL, SCALAR_MAXIMUM, SCALAR_MINIMUM};
  arena *a = b->arena;
  for (int i = 0; i < 4; i++) put(b, loop_splat(a, loop_reduce(a, numbers[i], b->x), b->lanes));
}

/* Truths of different widths: bytes from memory, and as wide as the compared numbers. */
static void put_truths(bench *b) {
  arena *a = b->arena;
  expr less = loop_let(a, b->block, "less", loop_op(a, SCALAR_LT, b->x, b->y, NULL));
  expr wide = loop_let(a, b->block, "wide",
                       loop_op(a, SCALAR_GE, loop_cast(a, b->x, DTYPE_F64),
                               loop_splat(a, loop_constant(a, DTYPE_F64, 2, 0), b->lanes), NULL));
  expr both = loop_op(a, SCALAR_AND, less, loop_op(a, SCALAR_NOT, wide, NULL, NULL), NULL);
  put(b, both);
  put(b, loop_op(a, SCALAR_OR, wide, less, NULL));
  put(b, loop_op(a, SCALAR_LT, less, wide, NULL));
  put(b, loop_select(a, wide, b->x, b->y));
  put(b, loop_cast(a, both, DTYPE_F32));
  put(b, loop_splat(a, loop_reduce(a, SCALAR_AND, less), b->lanes));
  put(b, loop_splat(a, loop_reduce(a, SCALAR_OR, both), b->lanes));
  put(b, loop_select(a, less, wide, loop_op(a, SCALAR_NE, b->x, b->z, NULL)));
}

/* Loads and stores through masks that let no lane beyond the end pass, or all lanes or none. */
static void put_masked(bench *b) {
  arena *a = b->arena;
  expr end = loop_splat(a, loop_int(a, b->count - 2), b->lanes);
  expr next_at = loop_add(a, b->at, loop_int(a, 2));
  expr inside = loop_op(a, SCALAR_LT, loop_ramp(a, b->at, loop_int(a, 1), b->lanes), end, NULL);
  expr mask = loop_let(a, b->block, "inside", inside);
  put(b, loop_load(a, b->inputs[1], &next_at, b->lanes, mask));
  expr all = loop_op(a, SCALAR_LE, loop_add(a, next_at, loop_int(a, b->lanes)), loop_int(a, b->count), NULL);
  put(b, loop_load(a, b->inputs[1], &next_at, b->lanes, loop_splat(a, all, b->lanes)));
  put(b, b->y);
  loop_buffer *last = b->kernel->parameters[3 + b->outputs - 1];
  loop_store(a, b->block, last, &b->at, b->x, mask);
}

static void lanes(bench *b) {
  arena *a = b->arena;
  put_truths(b);
  put_masked(b);
  put(b, loop_ramp(a, b->at, loop_int(a, 3), b->lanes));
  put(b, loop_splat(a, loop_extract(a, b->x, b->lanes / 2), b->lanes));
  put(b, loop_insert(a, b->y, b->lanes - 1, loop_extract(a, b->x, 0)));
  if (b->x->type.element == DTYPE_BOOL) return;
  put_reductions(b);
}

/* ---- the tests ----------------------------------------------------------------------------- */

/* f16 and bf16: moved, and computed with in f32. */
static void halves(bench *b) {
  arena *a = b->arena;
  dtype element = b->x->type.element, others[] = {DTYPE_BF16, DTYPE_F16};
  expr x = loop_cast(a, b->x, DTYPE_F32), y = loop_cast(a, b->y, DTYPE_F32);
  put_masked(b);
  put(b, x);
  put(b, loop_splat(a, loop_extract(a, b->x, b->lanes / 2), b->lanes));
  put(b, loop_insert(a, b->y, b->lanes - 1, loop_extract(a, b->x, 0)));
  put(b, loop_splat(a, loop_constant(a, element, 0.1, 0), b->lanes));
  for (int i = 0; i < 2; i++) {
    put(b, loop_cast(a, x, others[i]));
    put(b, loop_cast(a, loop_op(a, SCALAR_MUL, x, y, NULL), others[i]));
    put(b, loop_cast(a, loop_cast(a, loop_cast(a, x, others[i]), DTYPE_F32), DTYPE_F64));
  }
}

static void everything(bench *b) {
  if (half_is(b->x->type.element)) {
    halves(b);
    return;
  }
  functions(b);
  casts(b);
  lanes(b);
}

static void check_all(const char *cpu, const char *cc, int64_t count) {
  arena *a = arena_new();
  const target *t = target_find(a, cpu);
  bool here = kernel_runs_here(a, t);
  for (int i = 0; here && i < STORED; i++) {
    bench b = bench_new(a, t, stored[i], count, everything);
    kernel_check(a, b.kernel, b.math, t, cc);
  }
  arena_free(a);
  if (here) return;
  print_message("skipped: this processor has no %s\n", cpu);
  skip();
}

/* Counts: vectors and a rest; one element; an odd number below a vector. */
static void baseline(void **state) {
  (void)state;
  check_all("x86-64", "gcc", 37);
}
static void level_2(void **state) {
  (void)state;
  check_all("x86-64-v2", "clang", 37);
}
static void level_3(void **state) {
  (void)state;
  check_all("x86-64-v3", "gcc", 37);
}
static void one_element(void **state) {
  (void)state;
  check_all("x86-64-v3", "gcc", 1);
}
static void few_elements(void **state) {
  (void)state;
  check_all("x86-64-v3", "gcc", 3);
}
static void level_3_clang(void **state) {
  (void)state;
  check_all("x86-64-v3", "clang", 37);
}
static void level_4(void **state) {
  (void)state;
  check_all("x86-64-v4", "gcc", 37);
}
static void level_4_clang(void **state) {
  (void)state;
  check_all("x86-64-v4", "clang", 37);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(baseline),      cmocka_unit_test(level_2),
      cmocka_unit_test(level_3),       cmocka_unit_test(level_4),
      cmocka_unit_test(level_3_clang), cmocka_unit_test(level_4_clang),
      cmocka_unit_test(one_element),   cmocka_unit_test(few_elements),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
