#include "kernel_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compile_kernel.h"
#include "eval_loop.h"
#include "half.h"
#include "scalar.h"

static uint64_t next(uint64_t *state) { /* splitmix64 (Steele, Lea, Flood 2014) */
  uint64_t z = (*state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static const double special[] = {0.0,
                                 -0.0,
                                 1.0,
                                 -1.0,
                                 0.5,
                                 -2.5,
                                 127.5,
                                 255.0,
                                 256.0,
                                 -128.5,
                                 2147483520.0,
                                 2147483648.0,
                                 -2147483648.0,
                                 4e9,
                                 9.3e18,
                                 -9.3e18,
                                 1e-42,
                                 -1e-42,
                                 1e-310,
                                 65519.99609375,
                                 65520.0,
                                 1 + 0x1p-11,
                                 1 + 0x1p-11 + 0x1p-40,
                                 0x1.8p-24,
                                 0x1p-25,
                                 0x1.01p+20,
                                 0x1.03p-130,
                                 3e38,
                                 1e300,
                                 __builtin_inf(),
                                 -__builtin_inf(),
                                 __builtin_nan("")};
enum { SPECIALS = sizeof special / sizeof *special };

static double some_real(uint64_t *state) {
  uint64_t r = next(state);
  if (r % 3 == 0) return special[(r >> 8) % SPECIALS];
  double value = ((double)(r >> 12) * 0x1p-52 - 0.5) * 20;
  return r % 3 == 1 ? value : value * __builtin_ldexp(1, (int)((r >> 4) % 200) - 100);
}

static int64_t some_int(dtype t, uint64_t *state) {
  static const int64_t edges[] = {0,        1,         -1,        2,         7,        INT8_MAX,
                                  INT8_MIN, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
  uint64_t r = next(state);
  if (r % 4 == 0) return scalar_wrap(t, edges[(r >> 8) % (sizeof edges / sizeof *edges)]);
  return scalar_wrap(t, r % 4 == 1 ? (int64_t)r : (int64_t)((r >> 8) % 19) - 9);
}

static void fill(dtype t, void *memory, int64_t count, uint64_t seed) {
  for (int64_t i = 0; i < count; i++) {
    int64_t whole = dtype_is_float(t) ? 0 : some_int(t, &seed);
    if (half_is(t))
      ((uint16_t *)memory)[i] = half_of_real(t, some_real(&seed));
    else if (t == DTYPE_F32)
      ((float *)memory)[i] = (float)some_real(&seed);
    else if (t == DTYPE_F64)
      ((double *)memory)[i] = some_real(&seed);
    else if (t == DTYPE_I32)
      ((int32_t *)memory)[i] = (int32_t)whole;
    else if (t == DTYPE_I64)
      ((int64_t *)memory)[i] = whole;
    else
      ((uint8_t *)memory)[i] = (uint8_t)whole;
  }
}

static bool same(dtype t, const void *x, const void *y, int64_t i) {
  if (half_is(t)) {
    double p = half_to_real(t, ((const uint16_t *)x)[i]);
    double q = half_to_real(t, ((const uint16_t *)y)[i]);
    if (p != p || q != q) return p != p && q != q;
  } else if (t == DTYPE_F32) {
    float p = ((const float *)x)[i], q = ((const float *)y)[i];
    if (p != p || q != q) return p != p && q != q;
  } else if (t == DTYPE_F64) {
    double p = ((const double *)x)[i], q = ((const double *)y)[i];
    if (p != p || q != q) return p != p && q != q;
  }
  size_t size = dtype_size(t);
  return memcmp((const char *)x + (size_t)i * size, (const char *)y + (size_t)i * size, size) == 0;
}

static int64_t elements(const loop_buffer *b) {
  int64_t count = 1;
  for (int i = 0; i < b->rank; i++) count *= b->extents[i];
  return count;
}

static void compare(const loop_buffer *p, const void *compiled, const void *interpreted,
                    const char *where) {
  for (int64_t i = 0; i < elements(p); i++) {
    if (same(p->type.element, compiled, interpreted, i)) continue;
    fail_msg("%s: %s differs at element %lld of %lld", where, p->name, (long long)i,
             (long long)elements(p));
  }
}

/* Arguments filled from their positions. */
static void **arguments_new(arena *a, const loop_kernel *k) {
  void **arguments = arena_array_of(a, k->parameter_count, void *);
  for (int p = 0; p < k->parameter_count; p++) {
    const loop_buffer *b = k->parameters[p];
    arguments[p] = arena_array(a, (size_t)elements(b), dtype_size(b->type.element));
    if (b->access != LOOP_OUT) fill(b->type.element, arguments[p], elements(b), (uint64_t)p + 1);
  }
  return arguments;
}

/* Threads as a caller might lend them: tasks in another order. */
static void run_backwards(void *pool, void (*task)(void *argument, int64_t index), void *argument,
                          int64_t tasks) {
  (void)pool;
  while (tasks-- > 0) task(argument, tasks);
}

void kernel_check(arena *a, const loop_kernel *k, math_library *math, const target *t,
                  const char *cc) {
  const char *wrong = loop_verify(a, k);
  if (wrong) fail_msg("%s: %s", k->name, wrong);
  compiled_kernel compiled;
  assert_true(compile_kernel(&compiled, k, math, t, cc));
  const dnn_threads backwards = {.run = run_backwards};
  void **first = arguments_new(a, k), **other = arguments_new(a, k), **second = arguments_new(a, k);
  compiled.call(NULL, first);
  compiled.call(&backwards, other);
  compiled_kernel_free(&compiled);
  loop_machine machine = {.fma = t->fma};
  const char *message = loop_run(a, k, &machine, second);
  if (message) fail_msg("%s: %s", k->name, message);
  const char *where = arena_printf(a, "kernel %s for %s", k->name, t->cpu);
  for (int p = 0; p < k->parameter_count; p++)
    if (k->parameters[p]->access != LOOP_IN) {
      compare(k->parameters[p], first[p], second[p], where);
      compare(k->parameters[p], other[p], second[p], "tasks in reverse order");
    }
}

bool kernel_runs_here(arena *a, const target *t) {
  return t->vector_bytes <= target_find(a, "native")->vector_bytes;
}
