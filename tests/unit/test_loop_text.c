/* Kernels as text: what is printed parses back. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

#include "golden.h"
#include "loop_case.h"
#include "scalar.h"

/* ---- every kind ---------------------------------------------------------------------------- */

static const dtype elements[] = {DTYPE_BOOL, DTYPE_U8,  DTYPE_I8, DTYPE_I32,
                                 DTYPE_I64,  DTYPE_F32, DTYPE_F64};
enum { ELEMENTS = sizeof elements / sizeof *elements };

static loop_buffer *buffer(arena *a, const char *name, loop_space space, dtype element, int lanes) {
  return loop_buffer_new(a, name, space, loop_vector(element, lanes), 1, (const int64_t[]){64});
}

/* A kernel of one parameter and one loop, in whose body expressions can be named. */
typedef struct bench {
  arena *arena;
  loop_kernel *kernel;
  loop_buffer *memory;
  loop_block *body;
  const loop_expr *turn;
} bench;

static bench bench_new(arena *a, dtype element) {
  bench b = {.arena = a,
             .kernel = loop_kernel_new(a, "k"),
             .memory = buffer(a, "m", LOOP_PARAMETER, element, 1)};
  loop_add_parameter(a, b.kernel, b.memory, LOOP_INOUT);
  loop_variable *i = loop_variable_new(a, "i", loop_scalar(DTYPE_I64));
  b.body = &loop_for(a, &b.kernel->body, LOOP_SEQ, i, loop_int(a, -3), loop_int(a, 9), 4)->body;
  b.turn = loop_var(a, i);
  return b;
}

static const loop_expr *read_lanes(const bench *b, int lanes) {
  return loop_load(b->arena, b->memory, &b->turn, lanes, NULL);
}

static void test_every_function(void **state) {
  (void)state;
  for (int f = 0; f < SCALAR_COUNT; f++) {
    int kernels = 0;
    for (int e = 0; e < ELEMENTS; e++)
      for (int lanes = 1; lanes <= LOOP_MAX_LANES; lanes *= 4) {
        arena *a = arena_new();
        bench b = bench_new(a, elements[e]);
        const loop_expr *x = read_lanes(&b, lanes), *first = x;
        if (f == SCALAR_SELECT) first = loop_op(a, SCALAR_EQ, x, x, NULL);
        dtype result, types[3] = {first->type.element, elements[e], elements[e]};
        bool typed = !scalar_type(a, (scalar_function)f, types, &result);
        math_library library = {.arena = a};
        const loop_function *own =
            math_function(&library, (scalar_function)f, loop_vector(elements[e], lanes));
        if (own)
          loop_let(a, b.body, "v", loop_call(a, own, (const loop_expr *[]){x, x}));
        else if (typed)
          loop_let(a, b.body, "v", loop_op(a, (scalar_function)f, first, x, x));
        loop_case_round_trip(a, b.kernel);
        kernels += b.body->count;
        arena_free(a);
      }
    assert_true(kernels >= 3);
  }
}

static void test_every_expression(void **state) {
  (void)state;
  for (int e = 0; e < ELEMENTS; e++) {
    arena *a = arena_new();
    bench b = bench_new(a, elements[e]);
    const loop_expr *v = loop_let(a, b.body, "v", read_lanes(&b, 8));
    const loop_expr *mask = loop_let(a, b.body, "mask", loop_op(a, SCALAR_EQ, v, v, NULL));
    const loop_expr *lane = loop_let(a, b.body, "lane", loop_extract(a, v, 7));
    loop_let(a, b.body, "w", loop_insert(a, v, 3, lane));
    loop_let(a, b.body, "w", loop_splat(a, lane, 16));
    loop_let(a, b.body, "w", loop_shuffle(a, v, v, 4, (int[]){0, 15, 8, 3}));
    if (dtype_is_integer(elements[e])) loop_let(a, b.body, "w", loop_ramp(a, lane, lane, 64));
    if (elements[e] != DTYPE_BOOL) loop_let(a, b.body, "w", loop_reduce(a, SCALAR_MAXIMUM, v));
    if (elements[e] == DTYPE_BOOL) loop_let(a, b.body, "w", loop_reduce(a, SCALAR_OR, v));
    for (int to = 0; to < ELEMENTS; to++) {
      loop_let(a, b.body, "w", loop_cast(a, v, elements[to]));
      bool bits =
          dtype_size(elements[to]) == dtype_size(elements[e]) && elements[to] && elements[e];
      if (bits) loop_let(a, b.body, "w", loop_bitcast(a, v, elements[to]));
    }
    loop_let(a, b.body, "w", loop_load(a, b.memory, &b.turn, 8, mask));
    loop_store(a, b.body, b.memory, &b.turn, v, mask);
    loop_case_round_trip(a, b.kernel);
    arena_free(a);
  }
}

static void test_every_constant(void **state) {
  (void)state;
  static const double reals[] = {0.0,       -0.0,  0.1,      -1e38,     0x1p-149,
                                 0x1p-1074, 1e308, INFINITY, -INFINITY, NAN};
  static const int64_t integers[] = {0,   1,         -1,        127,       -128,
                                     255, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
  arena *a = arena_new();
  for (int e = 0; e < ELEMENTS; e++) {
    bench b = bench_new(a, elements[e]);
    for (int i = 0; i < 10; i++)
      loop_store(a, b.body, b.memory, &b.turn, loop_constant(a, elements[e], reals[i], integers[i]),
                 NULL);
    loop_case_round_trip(a, b.kernel);
  }
  arena_free(a);
}

static void test_every_statement(void **state) {
  (void)state;
  arena *a = arena_new();
  static const loop_for_kind kinds[] = {LOOP_SEQ, LOOP_UNROLL, LOOP_TASK};
  for (int kind = 0; kind < 3; kind++) {
    loop_kernel *k = loop_kernel_new(a, "k");
    loop_buffer *y = buffer(a, "y", LOOP_PARAMETER, DTYPE_F32, 1);
    loop_add_parameter(a, k, y, LOOP_OUT);
    loop_variable *i = loop_variable_new(a, "i", loop_scalar(DTYPE_I64));
    loop_stmt *s = loop_for(a, &k->body, kinds[kind], i, loop_int(a, 0), loop_int(a, 3), 1);
    loop_buffer *r = buffer(a, "r", LOOP_REG, DTYPE_F32, 4),
                *l = buffer(a, "l", LOOP_LOCAL, DTYPE_F32, 1);
    const loop_expr *zero = loop_int(a, 0), *real = loop_constant(a, DTYPE_F32, 0.5, 0);
    loop_alloc(a, &s->body, r, loop_splat(a, real, 4));
    loop_alloc(a, &s->body, l, NULL);
    loop_comment(a, &s->body, "");
    loop_comment(a, &s->body, "  } \"any\" text {");
    loop_store(a, &s->body, l, &zero, loop_load(a, r, &zero, 4, NULL), NULL);
    loop_stmt *branch = loop_if(a, &s->body, loop_op(a, SCALAR_LT, loop_var(a, i), zero, NULL));
    loop_store(a, &branch->body, y, &zero, loop_load(a, l, &zero, 1, NULL), NULL);
    loop_if(a, &branch->body, loop_constant(a, DTYPE_BOOL, 0, 1));
    loop_stmt *inner = loop_if(a, &branch->otherwise, loop_constant(a, DTYPE_BOOL, 0, 0));
    loop_store(a, &inner->otherwise, y, &zero, real, NULL);
    loop_case_round_trip(a, k);
  }
  arena_free(a);
}

/* ---- names --------------------------------------------------------------------------------- */

static void test_names_become_unique_words(void **state) {
  (void)state;
  static const char *const names[] = {
      "v", "v", "net.layers[0].w", "0", "", "nan", "inf", "if", "reg", "for", "in", "v_2"};
  arena *a = arena_new();
  bench b = bench_new(a, DTYPE_F32);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const loop_expr *v = loop_let(a, b.body, names[i], read_lanes(&b, 1));
    loop_store(a, b.body, b.memory, &b.turn, v, NULL);
    loop_alloc(a, b.body, buffer(a, names[i], LOOP_LOCAL, DTYPE_F32, 1), v);
  }
  loop_case_round_trip(a, b.kernel);
  arena_free(a);
}

/* One variable object of two loops that follow each other. */
static void test_shared_variable(void **state) {
  (void)state;
  arena *a = arena_new();
  loop_kernel *k = loop_kernel_new(a, "k");
  loop_variable *i = loop_variable_new(a, "i", loop_scalar(DTYPE_I64));
  for (int n = 0; n < 2; n++) loop_for(a, &k->body, LOOP_SEQ, i, loop_int(a, 0), loop_int(a, 3), 1);
  loop_case_round_trip(a, k);
  arena_free(a);
}

static void test_equal_up_to_names(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *one = "kernel a(out y: f32[4]) { for i in 0..4 { store y[i] = 0x1p+0:f32 } }";
  const char *renamed = "kernel b(out z: f32[4]) { for j in 0..4 { store z[j] = 1:f32 } }";
  static const char *const others[] = {
      "kernel a(inout y: f32[4]) { for i in 0..4 { store y[i] = 1:f32 } }",
      "kernel a(out y: f32[5]) { for i in 0..4 { store y[i] = 1:f32 } }",
      "kernel a(out y: f64[4]) { for i in 0..4 { store y[i] = 1:f64 } }",
      "kernel a(out y: f32[4]) { for i in 0..3 { store y[i] = 1:f32 } }",
      "kernel a(out y: f32[4]) { for i in 0..4 unroll { store y[i] = 1:f32 } }",
      "kernel a(out y: f32[4]) { for i in 0..4 { store y[0] = 1:f32 } }",
      "kernel a(out y: f32[4]) { for i in 0..4 { store y[i] = 1:f32 if 1:bool } }",
      "kernel a(out y: f32[4]) { for i in 0..4 { store y[i] = 0x1.000002p+0:f32 } }"};
  assert_true(loop_equal(loop_case_parse(a, one), loop_case_parse(a, renamed)));
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_false(loop_equal(loop_case_parse(a, one), loop_case_parse(a, others[i])));
  arena_free(a);
}

/* ---- written by hand ----------------------------------------------------------------------- */

static void test_golden_kernels(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, "tests/unit/loops", ".loop", &count);
  for (int i = 0; i < count; i++) {
    const char *path = arena_printf(a, "tests/unit/loops/%s.loop", names[i]);
    const loop_kernel *k = loop_case_parse(a, golden_read(a, path));
    golden_compare(path, loop_case_text(a, k));
    loop_case_round_trip(a, k);
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_function),
                                     cmocka_unit_test(test_every_expression),
                                     cmocka_unit_test(test_every_constant),
                                     cmocka_unit_test(test_every_statement),
                                     cmocka_unit_test(test_names_become_unique_words),
                                     cmocka_unit_test(test_shared_variable),
                                     cmocka_unit_test(test_equal_up_to_names),
                                     cmocka_unit_test(test_golden_kernels)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
