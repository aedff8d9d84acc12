/* Initial values of the library: their moments, and what orthogonal and sparse ones promise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../library_case.h"
#include "../run_module.h"
#include "compile.h"

static model *model_with(const char *shape, const char *initial) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "use init\nparam w: f32[%s] = %s\n"
                                       "entry f() -> (y) { y = sum(w) }\n", shape, initial), NULL);
  arena_free(a);
  return m;
}

/* 6000 draws: mean 0 and this variance; uniform ones reach their limits and do not pass them. */
static void check_moments(const char *initial, double variance, bool normal) {
  model *m = model_with("60, 100", initial);
  const double *w = model_slot(m, "w")->reals;
  double mean = 0, squares = 0, largest = 0;
  for (int i = 0; i < 6000; i++) mean += w[i] / 6000, squares += w[i] * w[i] / 6000;
  for (int i = 0; i < 6000; i++) largest = fmax(largest, fabs(w[i]));
  if (fabs(mean) > 0.05 * sqrt(variance) || fabs(squares / variance - 1) > 0.06)
    fail_msg("%s: mean %g, mean square %g", initial, mean, squares);
  double reach = largest / sqrt(3 * variance); /* of a uniform draw */
  if (normal ? reach < 1.5 : reach > 1 || reach < 0.99)
    fail_msg("%s: the largest is %g", initial, largest);
  model_free(m);
}

static void test_moments(void **state) {
  (void)state;
  check_moments("glorot[60, 100, shape]()", 2 / 160.0, false);
  check_moments("glorot_normal[60, 100, shape]()", 2 / 160.0, true);
  check_moments("he[60, shape]()", 2 / 60.0, true);
  check_moments("he_uniform[60, shape]()", 2 / 60.0, false);
  check_moments("between[-0.5, 0.5, shape]()", 1 / 12.0, false);
  check_moments("normal()", 1, true);
}

/* The largest distance of the rows' (or, where they are longer, the columns') inner products from those
 * of orthonormal ones. */
static double fault_of(const float *w, int n, int m) {
  int count = n < m ? n : m, length = n < m ? m : n;
  int next = n < m ? m : 1, along = n < m ? 1 : m;
  double worst = 0;
  for (int i = 0; i < count; i++)
    for (int j = 0; j <= i; j++) {
      double sum = 0;
      for (int k = 0; k < length; k++)
        sum += (double)w[i * next + k * along] * w[j * next + k * along];
      worst = fmax(worst, fabs(sum - (i == j)));
    }
  return worst;
}

/* As compiled code draws it, in f32. */
static void check_orthogonal(const char *shape, int n, int rest) {
  static const compile_options plain = {0};
  model *m = model_with(shape, "orthogonal[shape]()");
  diagnostics *d = diag_new(m->arena);
  const module *built = compile_module(m->program, d, &plain);
  assert_non_null(built);
  for (int seed = 0; seed < 3; seed++) {
    module_memory *memory = module_memory_new(m->arena, built);
    memory->seed = (uint64_t)seed;
    assert_null(run_entry(m->arena, built, &built->entries[0], memory, NULL, NULL));
    const float *w = (const float *)((char *)memory->parameters + built->slots[0].place.offset);
    double fault = fault_of(w, n, rest);
    if (!(fault < 1e-5)) fail_msg("orthogonal f32[%s]: %g from orthonormal", shape, fault);
  }
  model_free(m);
}

static void test_orthogonal(void **state) {
  (void)state;
  check_orthogonal("24, 24", 24, 24);
  check_orthogonal("7, 30", 7, 30);
  check_orthogonal("30, 7", 30, 7);
  check_orthogonal("6, 2, 3, 3", 6, 18);
  check_orthogonal("20, 2, 3, 3", 20, 18);
  check_orthogonal("1, 5", 1, 5);
  check_orthogonal("2, 2", 2, 2);
  check_orthogonal("1", 1, 1);
}

/* Exactly k weights into each unit, and not in the same places everywhere. */
static void test_sparse(void **state) {
  (void)state;
  enum { ROWS = 30, UNITS = 40, K = 4 };
  model *m = model_with("30, 40", "sparse[4, shape]()");
  const double *w = model_slot(m, "w")->reals;
  int used = 0;
  double squares = 0;
  for (int unit = 0; unit < UNITS; unit++) {
    int count = 0;
    for (int row = 0; row < ROWS; row++) count += w[row * UNITS + unit] != 0;
    assert_int_equal(count, K);
  }
  for (int row = 0; row < ROWS; row++) {
    bool any = false;
    for (int unit = 0; unit < UNITS; unit++) {
      any = any || w[row * UNITS + unit] != 0;
      squares += pow(w[row * UNITS + unit], 2) / (K * UNITS);
    }
    used += any;
  }
  assert_in_range(used, 25, ROWS);
  assert_true(fabs(squares - 1) < 0.35);
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_moments),
      cmocka_unit_test(test_orthogonal),
      cmocka_unit_test(test_sparse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
