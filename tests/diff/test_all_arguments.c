/* The own mathematics of f32, compiled for this processor, on every argument there is: with EVERY=1 in the
 * environment, which takes minutes; else on each of a thousand. The reference is libm in double, whose error
 * is nothing to a unit of f32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compile_kernel.h"
#include "loop_text.h"
#include "scalar.h"

enum { COUNT = 4096 };

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double rsqrt(double x) { return 1 / sqrt(x); }

typedef struct own_function {
  scalar_function function;
  double (*reference)(double);
  double bound; /* in units of the last place */
} own_function;

static const own_function functions[] = {
    {SCALAR_EXP, exp, 1.5},   {SCALAR_EXPM1, expm1, 3},     {SCALAR_LOG, log, 1.5},     {SCALAR_LOG1P, log1p, 1.5},
    {SCALAR_TANH, tanh, 3},   {SCALAR_SIGMOID, sigmoid, 3}, {SCALAR_SIN, sin, 3},       {SCALAR_COS, cos, 3},
    {SCALAR_RSQRT, rsqrt, 1.5}};

static double flushed(float x) { return fabsf(x) < 0x1p-126f ? copysign(0, (double)x) : (double)x; }

/* As in unit/test_vector_math.c. */
static double distance(double got, double want) {
  if (fabs(got - want) < (1 + 0x1p-20) * 0x1p-126) return 0;
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : INFINITY;
  double nearest = (double)(float)want;
  if (isinf(nearest) || isinf(got)) return nearest == got ? 0 : INFINITY;
  int exponent;
  frexp(want, &exponent);
  return fabs(got - want) / ldexp(1, exponent < -125 ? -149 : exponent - 24);
}

static void check_block(const own_function *f, const compiled_kernel *kernel, uint64_t first, uint64_t step) {
  static float x[COUNT], y[COUNT];
  for (uint64_t i = 0; i < COUNT; i++) {
    uint32_t bits = (uint32_t)(first + i * step);
    memcpy(&x[i], &bits, sizeof bits);
  }
  kernel->call(NULL, (void *[]){x, y});
  bool wave = f->function == SCALAR_SIN || f->function == SCALAR_COS;
  for (int i = 0; i < COUNT; i++) {
    double at = flushed(x[i]), got = (double)y[i];
    bool far = wave && isfinite(at) && fabs(at) > 1e6;
    bool good = far ? fabs(got) <= 1 : distance(got, f->reference(at)) <= f->bound;
    if (!good) fail_msg("%s(%a) is %a", scalar_infos[f->function].name, at, got);
  }
}

static void check_function(const own_function *f, uint64_t step) {
  arena *a = arena_new();
  const target *t = target_find(a, "native");
  math_library math = {.arena = a, .fma = t->fma};
  int lanes = t->vector_bytes / 4;
  const char *text = arena_printf(
      a,
      "kernel map(in x: f32[%d], out y: f32[%d]) {\n"
      "  for i in 0..%d step %d {\n    store y[i] = call.%s_f32x%d(load.%d(x[i]))\n  }\n}\n",
      COUNT, COUNT, COUNT, lanes, scalar_infos[f->function].name, lanes, lanes);
  source s = {.name = "map", .text = text, .length = strlen(text)};
  diagnostics *d = diag_new(a);
  const loop_kernel *k = loop_parse(a, d, &s, &math);
  diag_print(d, stderr);
  assert_non_null(k);
  compiled_kernel kernel;
  assert_true(compile_kernel(&kernel, k, &math, t, NULL));
  for (uint64_t first = 0; first < UINT64_C(1) << 32; first += COUNT * step) check_block(f, &kernel, first, step);
  compiled_kernel_free(&kernel);
  arena_free(a);
}

static void test_all_arguments(void **state) {
  (void)state;
  const char *every = getenv("EVERY");
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    check_function(&functions[i], every && !strcmp(every, "1") ? 1 : 1009);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_arguments)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
