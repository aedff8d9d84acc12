/* Distributions of the library: densities against formulas, entropies and divergences against integrals
 * and sums over them, draws against what they must be on average, gradients against differences or formulas. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../library_case.h"

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }

/* The outputs of the entry e for x[rows, columns]. */
static tensor **outputs_of(model *m, int rows, int columns, const double *x) {
  const tensor *input = model_tensor(m->arena, 2, (int64_t[]){rows, columns}, x);
  return model_run(m, "e", &input);
}

/* Over a grid that holds all of both densities but 1e-10. */
static void normal_integrals(void **state) {
  (void)state;
  enum { POINTS = 4001 };
  const double width = 0.01, low = -20;
  model *m = model_new("use distributions\n"
                       "entry e(x: f32[1, 4001]) -> (p, q, entropy, divergence) {\n"
                       "  first = (0.5, 0.8)\n  second = (center: -1.0, log_variance: 1.5)\n"
                       "  p = normal_log_probability(first, x[0])\n"
                       "  q = normal_log_probability(second, x[0])\n"
                       "  entropy = normal_entropy((x[0, 0], 0.8 + 0 * x[0, 0]))\n"
                       "  divergence = normal_kl(first, (second[0] + 0 * x[0, 0], 1.5))\n"
                       "}\n", NULL);
  double grid[POINTS], mass = 0, entropy = 0, divergence = 0;
  for (int i = 0; i < POINTS; i++) grid[i] = low + width * i;
  tensor **out = outputs_of(m, 1, POINTS, grid);
  for (int i = 0; i < POINTS; i++) {
    double p = out[0]->reals[i], q = out[1]->reals[i];
    mass += width * exp(p);
    entropy -= width * exp(p) * p;
    divergence += width * exp(p) * (p - q);
  }
  expect_real("normal_log_probability", out[0]->reals[2100],
              -0.5 * (log(2 * acos(-1)) + 0.8 + pow(1 - 0.5, 2) / exp(0.8)));
  expect_real("mass", mass, 1);
  expect_real("normal_entropy", out[2]->reals[0], entropy);
  expect_real("normal_kl", out[3]->reals[0], divergence);
  model_free(m);
}

static void bernoulli_sums(void **state) {
  (void)state;
  model *m = model_new("use distributions\n"
                       "entry e(x: f32[1, 2]) -> (one, none, entropy, divergence, far) {\n"
                       "  one = bernoulli_log_probability(x[0], 1.0)\n"
                       "  none = bernoulli_log_probability(x[0], 0.0)\n"
                       "  entropy = bernoulli_entropy(x[0])\n"
                       "  divergence = bernoulli_kl(x[0], 0.25)\n"
                       "  far = exp(20.0) * bernoulli_entropy(20.0 + 0 * x[0])\n"
                       "}\n", NULL);
  const double z[] = {-0.7, 1.3}, other = sigmoid(0.25);
  tensor **out = outputs_of(m, 1, 2, z);
  for (int i = 0; i < 2; i++) {
    double p = sigmoid(z[i]);
    expect_real("of 1", out[0]->reals[i], log(p));
    expect_real("of 0", out[1]->reals[i], log(1 - p));
    expect_real("bernoulli_entropy", out[2]->reals[i], -p * log(p) - (1 - p) * log(1 - p));
    expect_real("bernoulli_kl", out[3]->reals[i],
                p * log(p / other) + (1 - p) * log((1 - p) / (1 - other)));
  }
  expect_real("of a small probability", out[4]->reals[0], 21);
  model_free(m);
}

static void categorical_sums(void **state) {
  (void)state;
  enum { CLASSES = 3 };
  model *m = model_new("use distributions\n"
                       "entry e(x: f32[2, 3]) -> (last, entropy, divergence) {\n"
                       "  last = categorical_log_probability(x, 2 * ones_like(i32(x[:, 0])))\n"
                       "  entropy = categorical_entropy(x)\n"
                       "  divergence = categorical_kl(x, reverse[0](x))\n"
                       "}\n", NULL);
  const double x[2][CLASSES] = {{0.5, -2, 3}, {2, 1.75, -1}};
  double p[2][CLASSES], total[2] = {0};
  for (int row = 0; row < 2; row++) {
    for (int k = 0; k < CLASSES; k++) total[row] += exp(x[row][k]);
    for (int k = 0; k < CLASSES; k++) p[row][k] = exp(x[row][k]) / total[row];
  }
  tensor **out = outputs_of(m, 2, CLASSES, x[0]);
  for (int row = 0; row < 2; row++) {
    double entropy = 0, divergence = 0;
    for (int k = 0; k < CLASSES; k++) {
      entropy -= p[row][k] * log(p[row][k]);
      divergence += p[row][k] * log(p[row][k] / p[1 - row][k]);
    }
    expect_real("categorical_log_probability", out[0]->reals[row], log(p[row][2]));
    expect_real("categorical_entropy", out[1]->reals[row], entropy);
    expect_real("categorical_kl", out[2]->reals[row], divergence);
  }
  model_free(m);
}

static void gradients(void **state) {
  (void)state;
  static const char *const expressions[] = {
      "normal_log_probability((x[0], x[1]), 2 * x[0] * x[1])",
      "normal_entropy((x[0], x[1]))",
      "normal_kl((x[0], x[1]), (x[1], 2 * x[0]))",
      "normal_kl((x[0], x[1]), STANDARD_NORMAL)",
      "bernoulli_log_probability(x, sigmoid(x))",
      "bernoulli_entropy(3 * x)",
      "bernoulli_kl(x, x ** 2)",
      "categorical_log_probability(x, iota[2]())",
      "categorical_entropy(x)",
      "categorical_kl(x, x ** 2)",
  };
  for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++)
    library_check_gradient(&(library_gradient){NULL, expressions[i], 2, {2, 3}, false});
}

static void expect_near(const char *what, double actual, double expected, double most) {
  if (!(fabs(actual - expected) < most)) fail_msg("%s: %g is not near %g", what, actual, expected);
}

/* Averages over 20000 draws, within four standard deviations of them or more. A relaxed draw lies on the
 * side of 1, or is largest, as often as an exact one is, at any temperature. */
static void draws(void **state) {
  (void)state;
  model *m = model_new("use distributions\n"
                       "fn hits(y, k) { mean[0](f32(y == k)) }\n"
                       "entry e(x: f32[2, 3]) -> (mean_, variance, b, c, relaxed_b, relaxed_c, sharp, "
                       "rows, straight_b, straight_c, alone) {\n"
                       "  n = normal_draw[20000]((x, 2 * x))\n"
                       "  mean_ = mean[0](n)\n  variance = mean[0]((n - mean_) ** 2)\n"
                       "  b = mean[0](bernoulli_draw[20000](x))\n"
                       "  c = hits(categorical_draw[20000](x), 2)\n"
                       "  alone = hits(categorical_draw[20000](x[1]), 2)\n"
                       "  relaxed_b = mean[0](bernoulli_relaxed[20000](x, 2.0) > 0.5)\n"
                       "  relaxed = categorical_relaxed[20000](x, 2.0)\n"
                       "  relaxed_c = hits(argmax(relaxed), 2)\n"
                       "  rows = sum[-1](relaxed[0])\n"
                       "  sharp = mean(max[-1](categorical_relaxed[20000](x, 0.001)))\n"
                       "  straight_b = mean[0](bernoulli_straight_through[20000](x))\n"
                       "  straight_c = mean[0](categorical_straight_through[20000](x, 2.0))[:, 2]\n"
                       "}\n", NULL);
  const double x[] = {0.5, -2, 1, 0.25, -0.5, 2};
  tensor **out = outputs_of(m, 2, 3, x);
  for (int i = 0; i < 6; i++) {
    double variance = exp(2 * x[i]), p = sigmoid(x[i]);
    expect_near("normal_draw", out[0]->reals[i], x[i], 4 * sqrt(variance / 20000));
    expect_near("variance of normal_draw", out[1]->reals[i], variance, 0.05 * variance);
    expect_near("bernoulli_draw", out[2]->reals[i], p, 0.015);
    expect_near("bernoulli_relaxed", out[4]->reals[i], p, 0.015);
    expect_near("bernoulli_straight_through", out[8]->reals[i], p, 0.015);
  }
  for (int row = 0; row < 2; row++) {
    const double *z = x + 3 * row, p = exp(z[2]) / (exp(z[0]) + exp(z[1]) + exp(z[2]));
    expect_near("categorical_draw", out[3]->reals[row], p, 0.015);
    expect_near("categorical_relaxed", out[5]->reals[row], p, 0.015);
    expect_near("categorical_straight_through", out[9]->reals[row], p, 0.015);
    expect_real("a relaxed row", out[7]->reals[row], 1);
  }
  expect_near("categorical_draw of one row", out[10]->reals[0], out[3]->reals[1], 0.02);
  expect_near("a low temperature", out[6]->reals[0], 1, 0.01);
  model_free(m);
}

/* Euler's constant and pi squared over six; zero and pi squared over three. */
static void noise(void **state) {
  (void)state;
  model *m = model_new("use distributions\nentry e(x: f32[1, 1]) -> (g, g2, l, l2) {\n"
                       "  a = gumbel[40000]()\n  b = logistic[40000]()\n"
                       "  g = mean(a)\n  g2 = mean((a - g) ** 2)\n"
                       "  l = mean(b)\n  l2 = mean((b - l) ** 2)\n}\n", NULL);
  tensor **out = outputs_of(m, 1, 1, (double[]){0});
  const double square = pow(acos(-1), 2);
  expect_near("mean of gumbel", out[0]->reals[0], 0.5772156649, 0.03);
  expect_near("variance of gumbel", out[1]->reals[0], square / 6, 0.08);
  expect_near("mean of logistic", out[2]->reals[0], 0, 0.04);
  expect_near("variance of logistic", out[3]->reals[0], square / 3, 0.12);
  model_free(m);
}

/* By what the values themselves say of the noise. */
static void slopes_of_draws(void **state) {
  (void)state;
  model *m = model_new("use distributions\n"
                       "entry e(x: f32[2, 3]) -> (n, b, c, center, spread, slope_b, slope_c) {\n"
                       "  n = normal_draw((x[0], x[1]))\n"
                       "  b = bernoulli_relaxed(x, 0.5)\n"
                       "  c = categorical_relaxed(x, 0.5)\n"
                       "  both = grad(sum(n), x)\n"
                       "  center = both[0]\n  spread = both[1]\n"
                       "  slope_b = grad(sum(b), x)\n"
                       "  slope_c = grad(sum(c[:, 0]), x)\n}\n", NULL);
  const double x[] = {0.5, -2, 1, 0.25, -0.5, 2};
  tensor **out = outputs_of(m, 2, 3, x);
  for (int i = 0; i < 3; i++) {
    expect_real("by the center", out[3]->reals[i], 1);
    expect_real("by the log variance", out[4]->reals[i], 0.5 * (out[0]->reals[i] - x[i]));
  }
  for (int i = 0; i < 6; i++) {
    double b = out[1]->reals[i], c = out[2]->reals[i], first = out[2]->reals[i / 3 * 3];
    expect_real("bernoulli_relaxed", out[5]->reals[i], 2 * b * (1 - b));
    expect_real("categorical_relaxed", out[6]->reals[i], 2 * first * ((i % 3 == 0) - c));
  }
  model_free(m);
}

/* Hard values, with the slope of the mean, and with one that moves mass between the classes of a row. */
static void straight_through_slopes(void **state) {
  (void)state;
  model *m = model_new("use distributions\nentry e(x: f32[2, 3]) -> (b, c, slope_b, slope_c) {\n"
                       "  b = bernoulli_straight_through(x)\n"
                       "  c = categorical_straight_through(x, 1.0)\n"
                       "  slope_b = grad(sum(b), x)\n"
                       "  slope_c = grad(sum(c[:, 0]), x)\n}\n", NULL);
  const double x[] = {0.5, -2, 1, 0.25, -0.5, 2};
  tensor **out = outputs_of(m, 2, 3, x);
  for (int i = 0; i < 6; i++) {
    assert_true(out[0]->reals[i] == 0 || out[0]->reals[i] == 1);
    assert_true(out[1]->reals[i] == 0 || out[1]->reals[i] == 1);
    expect_real("slope", out[2]->reals[i], sigmoid(x[i]) * sigmoid(-x[i]));
  }
  for (int row = 0; row < 2; row++) {
    const double *hard = out[1]->reals + 3 * row, *slope = out[3]->reals + 3 * row;
    expect_real("the 1 of a row", hard[0] + hard[1] + hard[2], 1);
    expect_real("slopes of a row", slope[0] + slope[1] + slope[2], 0);
    assert_true(slope[0] > 1e-6 && slope[1] < 0 && slope[2] < 0);
  }
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normal_integrals),
      cmocka_unit_test(bernoulli_sums),
      cmocka_unit_test(categorical_sums),
      cmocka_unit_test(gradients),
      cmocka_unit_test(draws),
      cmocka_unit_test(noise),
      cmocka_unit_test(slopes_of_draws),
      cmocka_unit_test(straight_through_slopes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
