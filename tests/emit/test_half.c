/* f16 and bf16 in compiled C, value by value: on every target, and by the processor's instructions
 * as well as in integers, the same bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compile_kernel.h"
#include "half.h"
#include "kernel_case.h"

static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
static const char *const compilers[] = {"gcc", "clang"};
enum { CPUS = 3, COMPILERS = 2, PATTERNS = 65536 };

/* to[i] = from[i] in another type, in vectors and, where they end, one by one. */
static loop_kernel *conversion(arena *a, dtype from, dtype to, int64_t count, int lanes) {
  loop_kernel *k = loop_kernel_new(a, "convert");
  loop_buffer *x = loop_buffer_new(a, "x", LOOP_PARAMETER, loop_scalar(from), 1, &count);
  loop_buffer *y = loop_buffer_new(a, "y", LOOP_PARAMETER, loop_scalar(to), 1, &count);
  loop_add_parameter(a, k, x, LOOP_IN);
  loop_add_parameter(a, k, y, LOOP_OUT);
  int64_t whole = count / lanes * lanes;
  for (int rest = 0; rest < 2; rest++) {
    loop_variable *i = loop_variable_new(a, "i", loop_scalar(DTYPE_I64));
    loop_stmt *s = loop_for(a, &k->body, LOOP_SEQ, i, loop_int(a, rest ? whole : 0),
                            loop_int(a, rest ? count : whole), rest ? 1 : lanes);
    const loop_expr *at = loop_var(a, i);
    const loop_expr *value = loop_load(a, x, &at, rest ? 1 : lanes, NULL);
    loop_store(a, &s->body, y, &at, loop_cast(a, value, to), NULL);
  }
  assert_null(loop_verify(a, k));
  return k;
}

/* The result of the conversion on a target; NULL where this processor lacks it. */
static void *converted(arena *a, dtype from, dtype to, void *x, int64_t count, const char *cpu,
                       const char *cc) {
  const target *t = target_find(a, cpu);
  if (!kernel_runs_here(a, t)) return NULL;
  math_library math = {.arena = a, .fma = t->fma};
  compiled_kernel compiled;
  void *y = arena_array(a, (size_t)count, dtype_size(to));
  loop_kernel *k = conversion(a, from, to, count, t->vector_bytes / 4);
  assert_true(compile_kernel(&compiled, k, &math, t, cc));
  compiled.call(NULL, (void *[]){x, y});
  compiled_kernel_free(&compiled);
  return y;
}

/* Fails where targets or compilers differ, in any bit; the result of the first. */
static void *same_everywhere(arena *a, dtype from, dtype to, void *x, int64_t count) {
  void *first = NULL;
  for (int i = 0; i < CPUS * COMPILERS; i++) {
    void *y = converted(a, from, to, x, count, cpus[i / COMPILERS], compilers[i % COMPILERS]);
    if (!y) continue;
    if (!first) first = y;
    for (int64_t k = 0; k < count; k++) {
      size_t size = dtype_size(to), at = (size_t)k * size;
      if (memcmp((char *)first + at, (char *)y + at, size) != 0)
        fail_msg("%s to %s differs at element %lld for %s, %s", dtype_name(from), dtype_name(to),
                 (long long)k, cpus[i / COMPILERS], compilers[i % COMPILERS]);
    }
  }
  assert_non_null(first);
  return first;
}

static void every_pattern_widens(void **state) {
  (void)state;
  for (dtype t = DTYPE_BF16; t <= DTYPE_F16; t++) {
    arena *a = arena_new();
    uint16_t *x = arena_array_of(a, PATTERNS, uint16_t);
    for (int i = 0; i < PATTERNS; i++) x[i] = (uint16_t)i;
    const float *y = same_everywhere(a, t, DTYPE_F32, x, PATTERNS - 1);
    for (int i = 0; i < PATTERNS - 1; i++) {
      double expected = half_to_real(t, x[i]);
      assert_true(isnan(expected) ? isnan(y[i]) : (double)y[i] == expected);
      assert_int_equal(signbit(y[i]) != 0, x[i] >> 15);
    }
    arena_free(a);
  }
}

/* What lies at, half way between and close to the values of a type. */
static double *values_around(arena *a, dtype t, int *count) {
  double *x = NULL;
  *count = 0;
  for (int i = 0; i < PATTERNS; i++) {
    double low = half_to_real(t, (uint16_t)i);
    if (isnan(low) || (i & 0x7fff) % 7 > 1) continue;
    double high = isinf(low) ? low : half_to_real(t, (uint16_t)(i + 1));
    if (isinf(high) && !isinf(low)) high = 2 * low - half_to_real(t, (uint16_t)(i - 1));
    double middle = low + (high - low) / 2;
    double around[] = {low, middle, nextafter(middle, low), nextafter(middle, high),
                       (double)nextafterf((float)middle, (float)low),
                       (double)nextafterf((float)middle, (float)high)};
    for (int k = 0; k < 6; k++) arena_push(a, x, *count) = around[k];
  }
  double others[] = {NAN, -NAN, INFINITY, -INFINITY, 1e300, -1e-300, 5e-324, 3.4e38, 1e-45, 0.1};
  for (size_t k = 0; k < sizeof others / sizeof *others; k++) arena_push(a, x, *count) = others[k];
  return x;
}

static void check_rounding(dtype from, dtype to) {
  arena *a = arena_new();
  int count;
  double *wide = values_around(a, to, &count);
  float *single = arena_array_of(a, count, float);
  for (int i = 0; i < count; i++) single[i] = (float)wide[i];
  void *x = from == DTYPE_F64 ? (void *)wide : single;
  const uint16_t *y = same_everywhere(a, from, to, x, count);
  for (int i = 0; i < count; i++) {
    double value = from == DTYPE_F64 ? wide[i] : (double)single[i];
    if (from == DTYPE_F64 && fabs(value) < 0x1.ffffffp-127) value = copysign(0, value); /* f32 on the way */
    if (isnan(value) ? isnan(half_to_real(to, y[i])) : y[i] == half_of_real(to, value)) continue;
    fail_msg("%a becomes %s 0x%04x", value, dtype_name(to), y[i]);
  }
  arena_free(a);
}

static void f32_rounds(void **state) {
  (void)state;
  check_rounding(DTYPE_F32, DTYPE_F16);
  check_rounding(DTYPE_F32, DTYPE_BF16);
}

/* Once: by way of the nearest f32, 1 + 2^-11 + 2^-40 would be taken for a tie. */
static void f64_rounds_once(void **state) {
  (void)state;
  check_rounding(DTYPE_F64, DTYPE_F16);
  check_rounding(DTYPE_F64, DTYPE_BF16);
}

static void integers_round(void **state) {
  (void)state;
  for (dtype t = DTYPE_BF16; t <= DTYPE_F16; t++) {
    arena *a = arena_new();
    enum { COUNT = 4099 };
    int64_t *x = arena_array_of(a, COUNT, int64_t);
    for (int64_t i = 0; i < COUNT; i++)
      x[i] = i < 2000 ? 40 * i - 40000 : (int64_t)((uint64_t)i * 0x9e3779b97f4a7c15u) >> (i % 60);
    const uint16_t *y = same_everywhere(a, DTYPE_I64, t, x, COUNT);
    for (int i = 0; i < COUNT; i++) assert_int_equal(y[i], half_of_real(t, (double)x[i]));
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_pattern_widens), cmocka_unit_test(f32_rounds),
      cmocka_unit_test(f64_rounds_once), cmocka_unit_test(integers_round),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
