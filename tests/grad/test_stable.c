/* Forms that overflow or cancel as they are written: their values and first and second derivatives
 * are finite and right at arguments up to 1e4 and near 0. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "compare.h"
#include "model_case.h"
#include "pair_case.h"

static const double points[] = {-1e4, -700, -40, -1, -1e-9, 0, 1e-9, 0.5, 40, 700, 1e4};
enum { POINTS = sizeof points / sizeof *points };

static double logistic(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double slope(double x) { return logistic(x) * logistic(-x); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

/* The values of x and of its first and second derivative. */
typedef void reference(double x, double expected[3]);

static void of_softplus(double x, double expected[3]) {
  expected[0] = softplus(x);
  expected[1] = logistic(x);
  expected[2] = slope(x);
}

static void of_log_sigmoid(double x, double expected[3]) {
  expected[0] = -softplus(-x);
  expected[1] = logistic(-x);
  expected[2] = -slope(x);
}

static void of_log_complement(double x, double expected[3]) {
  expected[0] = -softplus(x);
  expected[1] = -logistic(x);
  expected[2] = -slope(x);
}

static void of_logistic(double x, double expected[3]) {
  expected[0] = logistic(x);
  expected[1] = slope(x);
  expected[2] = slope(x) * (logistic(-x) - logistic(x));
}

static void of_complement(double x, double expected[3]) {
  of_logistic(-x, expected);
  expected[1] = -expected[1];
}

static void of_identity(double x, double expected[3]) {
  expected[0] = x;
  expected[1] = 1;
  expected[2] = 0;
}

static const struct {
  const char *text;
  reference *expected;
} forms[] = {
    {"log(1 + exp(x))", of_softplus},
    {"log(exp(x) + 1)", of_softplus},
    {"log1p(exp(x))", of_softplus},
    {"softplus(x)", of_softplus},
    {"log(exp(x) + exp(0 * x))", of_softplus},
    {"logsumexp(stack[-1](x, 0 * x))", of_softplus},
    {"log(sum[-1](exp(stack[-1](x, 0 * x))))", of_softplus},
    {"log(sum[0, keep: true](exp(stack[0](0 * x, x))))[0]", of_softplus},
    {"log(2 * mean[0](exp(stack[0](0 * x, x))))", of_softplus},
    {"log(1 + sum[0](exp(stack[0](x, x - 3e4))))", of_softplus},
    {"log(sigmoid(x))", of_log_sigmoid},
    {"log(1 / (1 + exp(-x)))", of_log_sigmoid},
    {"log(exp(x) / (1 + exp(x)))", of_log_sigmoid},
    {"log_softmax(stack[-1](x, 0 * x))[:, 0]", of_log_sigmoid},
    {"log(softmax(stack[-1](x, 0 * x)))[:, 0]", of_log_sigmoid},
    {"-log1p(exp(-x))", of_log_sigmoid},
    {"log(1 - sigmoid(x))", of_log_complement},
    {"log1p(-sigmoid(x))", of_log_complement},
    {"1 / (1 + exp(-x))", of_logistic},
    {"exp(x) / (1 + exp(x))", of_logistic},
    {"softmax(stack[-1](x, 0 * x))[:, 0]", of_logistic},
    {"share(stack[-1](x, 0 * x))[:, 0]", of_logistic},
    {"1 - sigmoid(x)", of_complement},
    {"log(exp(x))", of_identity},
    {"log(exp(x) * 5) - log(5.0)", of_identity},
    {"log(sigmoid(x) / sigmoid(-x))", of_identity},
};

static tensor *column(arena *a, const double *values) {
  tensor_type type = type_of(DTYPE_F64, 1, (int64_t[]){POINTS});
  tensor *x = tensor_new(a, &type);
  memcpy(x->reals, values, POINTS * sizeof *values);
  return x;
}

static model *model_of(arena *a, const char *form) {
  return model_new(arena_printf(a, "use nn\n"
                                   "fn share(z) {\n"
                                   "  e = exp(z)\n"
                                   "  e / sum[-1, keep: true](e)\n"
                                   "}\n"
                                   "entry f(x: f64[%d]) -> (y, first, second) {\n"
                                   "  y = %s + 0 * x * x\n" /* has second derivatives of its own, all 0 */
                                   "  first = grad(sum(y), x)\n"
                                   "  second = grad(sum(first), x)\n"
                                   "}\n", POINTS, form), NULL);
}

static void finite_to_second_order(void **state) {
  (void)state;
  static const char *const names[] = {"value", "first derivative", "second derivative"};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    arena *a = arena_new();
    model *m = model_of(a, forms[i].text);
    tensor **outputs = model_run(m, "f", (const tensor *[]){column(m->arena, points)});
    for (int k = 0; k < POINTS; k++) {
      double expected[3];
      forms[i].expected(points[k], expected);
      for (int order = 0; order < 3; order++)
        if (!compare_real(outputs[order]->reals[k], expected[order], (tolerance){1e-11, 1e-11}))
          fail_msg("%s, %s at %g: %.17g where %.17g is right", forms[i].text, names[order],
                   points[k], outputs[order]->reals[k], expected[order]);
    }
    model_free(m);
    arena_free(a);
  }
}

/* No digit is lost where the written form would cancel. */
static void accurate_near_zero(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double (*value)(double);
  } near_zero[] = {{"exp(x) - 1", expm1}, {"-(1 - exp(x))", expm1}, {"log(1 + x)", log1p},
                   {"log(x + 1)", log1p}, {"log(1 - (-x))", log1p}};
  const double small[POINTS] = {1e-17, -1e-17, 1e-12, -1e-12, 1e-8, 1e-5, -1e-3, 0.25, 0, 1, 2};
  for (size_t i = 0; i < sizeof near_zero / sizeof *near_zero; i++) {
    arena *a = arena_new();
    model *m = model_of(a, near_zero[i].text);
    tensor **outputs = model_run(m, "f", (const tensor *[]){column(m->arena, small)});
    for (int k = 0; k < POINTS; k++)
      if (!compare_real(outputs[0]->reals[k], near_zero[i].value(small[k]), (tolerance){0, 1e-15}))
        fail_msg("%s at %g: %.17g", near_zero[i].text, small[k], outputs[0]->reals[k]);
    model_free(m);
    arena_free(a);
  }
}

/* The sum of nothing but exp(-inf) is 0, and infinities and NaN pass. */
static void infinities_pass(void **state) {
  (void)state;
  arena *a = arena_new();
  model *m = model_new("entry f(x: f64[4, 2]) -> (y, z) {\n"
                       "  y = log(sum[-1](exp(x)))\n"
                       "  z = log(exp(x[:, 0]) + exp(x[:, 1]))\n"
                       "}\n", NULL);
  const double inf = (double)INFINITY, not = (double)NAN;
  const double values[] = {-inf, -inf, inf, 3, -inf, 3, not, 3}, expected[] = {-inf, inf, 3, not};
  tensor_type type = type_of(DTYPE_F64, 2, (int64_t[]){4, 2});
  tensor *x = tensor_new(m->arena, &type);
  memcpy(x->reals, values, sizeof values);
  tensor **outputs = model_run(m, "f", (const tensor *[]){x});
  for (int i = 0; i < 4; i++)
    for (int output = 0; output < 2; output++)
      assert_true(compare_real(outputs[output]->reals[i], expected[i], (tolerance){0, 1e-15}));
  model_free(m);
  arena_free(a);
}

/* Terms of exp(-inf) have no part in the derivative, also where there are no others. */
static void nothing_has_no_derivative(void **state) {
  (void)state;
  model *m = model_new("entry f(x: f64[3, 2]) -> (y, z) {\n"
                       "  y = grad(sum(log(sum[-1](exp(x)))), x)\n"
                       "  z = grad(sum(log(exp(x[:, 0]) + exp(x[:, 1]))), x)\n"
                       "}\n", NULL);
  const double inf = (double)INFINITY, values[] = {-inf, -inf, -inf, 3, 5, 5}, expected[] = {0, 0, 0, 1, 0.5, 0.5};
  tensor_type type = type_of(DTYPE_F64, 2, (int64_t[]){3, 2});
  tensor *x = tensor_new(m->arena, &type);
  memcpy(x->reals, values, sizeof values);
  tensor **outputs = model_run(m, "f", (const tensor *[]){x});
  for (int i = 0; i < 6; i++)
    for (int output = 0; output < 2; output++)
      assert_true(compare_real(outputs[output]->reals[i], expected[i], (tolerance){0, 1e-15}));
  model_free(m);
}

/* Where another maximum than the sum's own was subtracted, terms still overflow or vanish. */
static void other_maxima_stay(void **state) {
  (void)state;
  model *m = model_new("entry f(x: f64[2, 2]) -> (whole, across, chosen, part, own, held, one) {\n"
                       "  whole = log(sum[-1](exp(x - max(x))))\n"
                       "  across = log(sum[-1](exp(x - max[-1](x))))\n"
                       "  chosen = log(sum[-1](exp(x - (x[0, 0] > 5 ? max[-1, keep: true](x) : 0))))\n"
                       "  part = log(sum(exp(x - max[0](x)))) * ones[2]()\n"
                       "  own = log(sum[-1](exp(x - max[-1, keep: true](x))))\n"
                       "  held = log(sum[-1](exp(x - stop_gradient(max[-1](x))[:, new])))\n"
                       "  e = exp(x[1:2])\n"
                       "  one = (e / sum[-1, keep: true](e))[0]\n"
                       "}\n", NULL);
  const double values[] = {0, 0, 1000, 2000};
  const double expected[][2] = {{log(2) - 2000, 0}, {0, 1000}, {log(2), 2000}, {log(2), log(2)},
                                {log(2), 0},        {log(2), 0}, {0, 1}};
  tensor_type type = type_of(DTYPE_F64, 2, (int64_t[]){2, 2});
  tensor *x = tensor_new(m->arena, &type);
  memcpy(x->reals, values, sizeof values);
  tensor **outputs = model_run(m, "f", (const tensor *[]){x});
  for (size_t k = 0; k < sizeof expected / sizeof *expected; k++)
    for (int i = 0; i < 2; i++)
      if (!compare_real(outputs[k]->reals[i], expected[k][i], (tolerance){0, 1e-14}))
        fail_msg("output %zu, row %d: %.17g where %.17g is right", k, i, outputs[k]->reals[i], expected[k][i]);
  model_free(m);
}

/* A sum that is repeated along other axes than its own is no softmax. */
static void other_quotients_stay(void **state) {
  (void)state;
  arena *a = arena_new();
  model *m = model_new("entry f(x: f64[2, 2]) -> (y, z) {\n"
                       "  e = exp(x)\n"
                       "  y = e / sum[0](e)[:, new]\n"
                       "  z = e / sum[1](e)\n"
                       "}\n", NULL);
  const double values[] = {1, 2, 3, 5};
  tensor_type type = type_of(DTYPE_F64, 2, (int64_t[]){2, 2});
  tensor *x = tensor_new(m->arena, &type);
  memcpy(x->reals, values, sizeof values);
  tensor **outputs = model_run(m, "f", (const tensor *[]){x});
  for (int i = 0; i < 2; i++) {
    for (int k = 0; k < 2; k++) {
      double e = exp(values[2 * i + k]);
      tolerance near = {0, 1e-14};
      assert_true(compare_real(outputs[0]->reals[2 * i + k], e / (exp(values[i]) + exp(values[2 + i])), near));
      assert_true(compare_real(outputs[1]->reals[2 * i + k],
                               e / (exp(values[2 * k]) + exp(values[2 * k + 1])), near));
    }
  }
  model_free(m);
  arena_free(a);
}

/* A gradient by a value that a stable form reads past is that of what was written: as by a value that no
 * form reads past, since `stop_gradient` is in the way. */
static void values_between(void **state) {
  (void)state;
  static const char *const inner[] = {"sigmoid(z)", "exp(z)", "1 / (1 + exp(-z))", "1 - sigmoid(-z)",
                                      "exp(z) + 1", "exp(z) * exp(2 * z)"};
  static const char *const outer[] = {"log(p)", "log(1 + p)", "1 - p", "p - 1", "1 / (1 + p)",
                                      "log(p) + p ** 2", "log(1 - p / 100)", "log(p * (3 + p))",
                                      "p / sum(p)", "log(sum(p))", "log((1 - p) ** 2 + p)"};
  for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
    arena *a = arena_new();
    const char *functions = "", *results = "", *body = "";
    for (int k = 0; k < (int)(sizeof outer / sizeof *outer); k++) {
      functions = arena_printf(a, "%sfn f%d(p) { sum(%s) }\n", functions, k, outer[k]);
      results = arena_printf(a, "%s%sa%d, b%d, c%d, d%d, g%d, h%d", results, k ? ", " : "", k, k, k, k, k, k);
      body = arena_printf(a,
                          "%s  a%d = grad(f%d(p), p)\n  b%d = grad(f%d(q), q)\n"
                          "  c%d = jvp(f%d(p), p, z)\n  d%d = jvp(f%d(q), q, z)\n"
                          "  g%d = grad(sum(p * a%d), p)\n  h%d = grad(sum(q * b%d), q)\n",
                          body, k, k, k, k, k, k, k, k, k, k, k, k);
    }
    expect_pairs(arena_printf(a, "%sentry e(z: f32[3]) -> (%s) {\n  p = %s\n  q = stop_gradient(p)\n%s}\n",
                              functions, results, inner[i], body));
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finite_to_second_order),
      cmocka_unit_test(accurate_near_zero),
      cmocka_unit_test(infinities_pass),
      cmocka_unit_test(nothing_has_no_derivative),
      cmocka_unit_test(other_maxima_stay),
      cmocka_unit_test(other_quotients_stay),
      cmocka_unit_test(values_between),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
