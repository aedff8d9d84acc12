/* The processor's state for arithmetic: compiled code sets its own, and leaves that of its callers and of the threads
 * that they lend. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile.h"
#include "dnn_rt.h"

enum { COUNT = 1 << 16, THREADS = 3, BOUND = 8 };

static const char text[] = "use optim\n"
                           "param w: f32[65536] = zeros\n"
                           "entry product(a: f32[65536], b: f32[65536]) -> (c) { c = a * b }\n"
                           "entry halves(a: f16[4], b: bf16[4], c: f64[4]) -> (x, y, z) {\n"
                           "  x = a * f16(0.5)\n"
                           "  y = b * bf16(0.5)\n"
                           "  z = c * 0.5\n"
                           "}\n"
                           "entry moved(a: f32[4]) -> (b) { b = concat(-a, abs(a)) }\n"
                           "entry rows[n <= 8](x: f32[n]) -> (y) { y = x / 3 }\n"
                           "entry endless(x: f32) -> (y) { y = x\n"
                           "  while y > 0 { y = y + x } }\n"
                           "entry train(g: f32[65536]) -> (loss) {\n"
                           "  loss = sum(w * g)\n"
                           "  minimize loss over w with adam(0.001)\n"
                           "}\n";

/* Bits of MXCSR. */
enum {
  FLAGS = 0x3f,       /* what happened, one bit each */
  DENORMAL_ZERO = 0x40,
  MASKS = 0x1f80,     /* what does not trap */
  DIVISION = 0x200,
  UP = 0x4000,        /* rounding */
  FLUSH = 0x8000
};

/* States that callers may be in. */
static const unsigned states[] = {MASKS, MASKS | UP, MASKS | FLUSH | DENORMAL_ZERO, MASKS | FLAGS, MASKS & ~DIVISION};
enum { STATES = sizeof states / sizeof *states };

typedef struct fixture {
  dnn_library library;
  dnn_instance instance;
} fixture;

static fixture f;

/* The status of a call in a state of the caller, which must be found as it was. */
static int status_in(unsigned caller, const char *name, int64_t size, const void *const *in, void *const *out) {
  const dnn_entry *e = dnn_find_entry(f.library.model, name);
  assert_non_null(e);
  const unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(caller);
  const int status = e->call(&f.instance.context, size, in, out);
  const unsigned after = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before);
  if (after != caller) fail_msg("%s: the state 0x%x becomes 0x%x", name, caller, after);
  return status;
}

/* ---- threads that are lent ------------------------------------------------------------------- */

typedef void work(void *argument, int64_t index);

typedef struct share {
  work *run;
  void *argument;
  int64_t tasks;
  int number;
  unsigned after; /* the thread's state */
} share;

static unsigned state_of(int thread) { return thread == 1 ? (unsigned)(MASKS | UP) : (unsigned)MASKS; }

static void *run_share(void *argument) {
  share *s = argument;
  __builtin_ia32_ldmxcsr(state_of(s->number));
  for (int64_t i = s->number; i < s->tasks; i += THREADS) s->run(s->argument, i);
  s->after = __builtin_ia32_stmxcsr();
  return NULL;
}

/* Counts the tasks into the pool. */
static void run_on_new_threads(void *pool, work *run, void *argument, int64_t tasks) {
  pthread_t threads[THREADS];
  share shares[THREADS];
  *(int64_t *)pool += tasks;
  for (int i = 0; i < THREADS; i++) {
    shares[i] = (share){run, argument, tasks, i, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, run_share, &shares[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(shares[i].after, state_of(i));
  }
}

/* ---- tests ----------------------------------------------------------------------------------- */

static float a[COUNT], b[COUNT], c[COUNT];

/* Products from 2^-144 to 2^-104, of either sign, with few bits and with all. */
static void fill(void) {
  for (int i = 0; i < COUNT; i++) {
    a[i] = __builtin_ldexpf(1 + (float)(i % 7) / 7, -52 - i % 21);
    b[i] = __builtin_ldexpf(1 + (float)(i % 5) / 5, -52 - i % 21) * (i % 2 ? 1 : -1);
  }
}

static void check_products(void) {
  for (int i = 0; i < COUNT; i++) {
    const double exact = (double)a[i] * b[i];
    const bool subnormal = __builtin_fabs(exact) < 0x1p-126;
    const float expected = subnormal ? (float)__builtin_copysign(0, exact) : (float)exact;
    if (memcmp(&c[i], &expected, sizeof expected))
      fail_msg("%a times %a is %a where %a is expected", a[i], b[i], c[i], expected);
  }
}

/* Alone, on a pool and on other threads; each time the same bits, rounded to nearest. */
static void subnormal_results_are_zeros(void **state) {
  (void)state;
  int64_t lent_tasks = 0;
  dnn_threads lent = {&lent_tasks, run_on_new_threads}, *pool = dnn_threads_new(THREADS);
  const dnn_threads *const threads[] = {NULL, pool, &lent};
  fill();
  for (int t = 0; t < 3; t++)
    for (int i = 0; i < STATES; i++) {
      f.instance.context.threads = threads[t];
      memset(c, 0xff, sizeof c);
      assert_int_equal(status_in(states[i], "product", 0, (const void *[]){a, b}, (void *[]){c}), DNN_OK);
      check_products();
    }
  f.instance.context.threads = NULL;
  dnn_threads_free(pool);
  assert_true(lent_tasks > THREADS * STATES);
}

static void subnormal_operands_are_zeros(void **state) {
  (void)state;
  for (int i = 0; i < COUNT; i++) a[i] = 0x1.8p-127f, b[i] = i % 2 ? 0x1p100f : -0x1p100f;
  assert_int_equal(status_in(MASKS, "product", 0, (const void *[]){a, b}, (void *[]){c}), DNN_OK);
  for (int i = 0; i < COUNT; i++) assert_true(c[i] == 0 && (__builtin_signbit(c[i]) != 0) == (i % 2 == 0));
}

/* Half of a number: of f16 also where it is subnormal, of bf16 and f64 then 0. */
static void types(void **state) {
  (void)state;
  const uint16_t x[4] = {0x0400, 0x0002, 0x8200, 0x3c00}, y[4] = {0x0080, 0x0100, 0x8040, 0x3f80};
  const double z[4] = {0x1p-1022, 0x1p-1021, -0x1p-1030, 1};
  uint16_t half_x[4], half_y[4];
  double half_z[4];
  assert_int_equal(status_in(MASKS, "halves", 0, (const void *[]){x, y, z}, (void *[]){half_x, half_y, half_z}),
                   DNN_OK);
  assert_memory_equal(half_x, ((uint16_t[]){0x0200, 0x0001, 0x8100, 0x3800}), sizeof half_x);
  assert_memory_equal(half_y, ((uint16_t[]){0, 0x0080, 0x8000, 0x3f00}), sizeof half_y);
  assert_memory_equal(half_z, ((double[]){0, 0x1p-1022, -0.0, 0.5}), sizeof half_z);
}

static void what_is_moved_is_kept(void **state) {
  (void)state;
  const float x[4] = {0x1p-149f, -0x1p-130f, 1, -0.0f};
  const float expected[8] = {-0x1p-149f, 0x1p-130f, -1, 0, 0x1p-149f, 0x1p-130f, 1, 0};
  float y[8];
  assert_int_equal(status_in(MASKS, "moved", 0, (const void *[]){x}, (void *[]){y}), DNN_OK);
  assert_memory_equal(y, expected, sizeof y);
}

/* Every status, with DNN_ENDLESS out of the middle, and in states that arithmetic would change or trap in. */
static void the_callers_state_is_kept(void **state) {
  (void)state;
  dnn_context *context = &f.instance.context, good = *context;
  float x[BOUND] = {0, 1, 2}, y[BOUND], one = 1;
  for (int i = 0; i < STATES; i++) {
    const unsigned s = states[i];
    assert_int_equal(status_in(s, "rows", 3, (const void *[]){x}, (void *[]){y}), DNN_OK);
    assert_true(y[1] == 1.0f / 3 && y[2] == 2.0f / 3);
    assert_int_equal(status_in(s, "rows", BOUND + 1, (const void *[]){x}, (void *[]){y}), DNN_RANGE);
    assert_int_equal(status_in(s, "rows", 3, (const void *[]){NULL}, (void *[]){y}), DNN_NULL);
    assert_int_equal(status_in(s, "endless", 0, (const void *[]){&one}, (void *[]){y}), DNN_ENDLESS);
    context->scratch = (char *)good.scratch + 1;
    assert_int_equal(status_in(s, "rows", 3, (const void *[]){x}, (void *[]){y}), DNN_ALIGN);
    *context = good;
  }
}

/* Adam's moments where the gradient has become 0: they decay to zeros, and rest there. */
static void moments_reach_zero(void **state) {
  (void)state;
  float loss;
  for (int i = 0; i < COUNT; i++) a[i] = 1e-3f;
  assert_int_equal(status_in(MASKS, "train", 0, (const void *[]){a}, (void *[]){&loss}), DNN_OK);
  memset(a, 0, sizeof a);
  for (int i = 0; i < 1000; i++)
    assert_int_equal(status_in(MASKS, "train", 0, (const void *[]){a}, (void *[]){&loss}), DNN_OK);
  int zeros = 0;
  for (int i = 0; i < f.library.model->slot_count; i++) {
    const dnn_slot *s = &f.library.model->slots[i];
    if (s->tensor.rank != 1) continue;
    const float *values = dnn_slot_memory(&f.instance, s);
    for (int k = 0; k < COUNT; k++)
      if (values[k] != 0 && __builtin_fabsf(values[k]) < 0x1p-126f)
        fail_msg("%s: %a is subnormal", s->tensor.name, values[k]);
    zeros += values[0] == 0;
  }
  assert_int_equal(zeros, 1); /* the mean of gradients; that of their squares falls more slowly */
}

/* ---- the library ----------------------------------------------------------------------------- */

static bool run_all(void *context, const char *path) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(subnormal_results_are_zeros), cmocka_unit_test(subnormal_operands_are_zeros),
      cmocka_unit_test(types),                       cmocka_unit_test(what_is_moved_is_kept),
      cmocka_unit_test(the_callers_state_is_kept),   cmocka_unit_test(moments_reach_zero)};
  char message[DNN_MESSAGE_BYTES];
  bool good = dnn_load(&f.library, path, message) && dnn_instance_init(&f.instance, f.library.model, NULL, 1);
  good = good && f.library.model->init(&f.instance.context) == DNN_OK;
  *(int *)context = good ? cmocka_run_group_tests(tests, NULL, NULL) : EXIT_FAILURE;
  if (!good) fprintf(stderr, "the library cannot be loaded: %s\n", message);
  dnn_instance_free(&f.instance);
  dnn_unload(&f.library);
  return good;
}

int main(void) {
  arena *memory = arena_new();
  diagnostics *d = diag_new(memory);
  const source file = {.name = "state.dnn", .text = text, .length = strlen(text)};
  const compile_options options = {0};
  int failures = EXIT_FAILURE;
  program *p = elaborate(memory, d, &file, &(elaborate_options){0});
  const module *m = p ? compile_module(p, d, &options) : NULL;
  if (m) compile_library(memory, m, d, &options, "/tmp", run_all, &failures);
  diag_print(d, stderr);
  arena_free(memory);
  return failures;
}
