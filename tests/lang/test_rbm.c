/* The small machine of models/energy/rbm.dnn, of 16 and 10 units: its log likelihood as the model finds it,
 * over visible states, over hidden ones and annealed, against the sum over both; and the one with real numbers,
 * over hidden states and annealed, against the integral over visible ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../golden.h"
#include "../graph_case.h"
#include "../library_case.h"

enum { V = 16, H = 10, SIDE = 4 };

typedef struct machine {
  const double *w, *a, *b;
} machine;

static int bit(int state, int i) { return state >> i & 1; }

/* log of the sum over h of exp(v·a + h·b + v·w h). */
static double log_weight(const machine *m, int v) {
  double weight = 0;
  for (int i = 0; i < V; i++) weight += bit(v, i) * m->a[i];
  for (int j = 0; j < H; j++) {
    double z = m->b[j];
    for (int i = 0; i < V; i++) z += bit(v, i) * m->w[i * H + j];
    weight += log1p(exp(z));
  }
  return weight;
}

/* Row i of the image, or column i, is on where bit i is. */
static int bars(int lines, bool columns) {
  int image = 0;
  for (int i = 0; i < V; i++) image |= bit(lines, columns ? i % SIDE : i / SIDE) << i;
  return image;
}

static double log_likelihood(const machine *m) {
  double z = 0, sum = 0;
  for (int v = 0; v < 1 << V; v++) z += exp(log_weight(m, v));
  for (int lines = 0; lines < 1 << SIDE; lines++)
    sum += log_weight(m, bars(lines, false)) + log_weight(m, bars(lines, true));
  return sum / (2 << SIDE) - log(z);
}

static model *tiny_model(arena *a) {
  static const definition definitions[] = {{"EDGE", "4"},     {"B", "10"},    {"UNITS", "16"},
                                           {"LEVELS", "200"}, {"RUNS", "50"}, {"POINTS", "5"}};
  const elaborate_options options = {.definitions = definitions, .definition_count = 6};
  return model_new(golden_read(a, "models/energy/rbm.dnn"), &options);
}

static const double *randomised(arena *a, model *m, const char *name, uint64_t seed, double most) {
  tensor *own = model_slot(m, name);
  const tensor *values = random_tensor(a, &own->type, seed, -most, most);
  for (int64_t k = 0; k < type_elements(&own->type); k++) own->reals[k] = values->reals[k];
  return own->reals;
}

static void likelihoods_agree(void **state) {
  (void)state;
  arena *a = arena_new();
  model *m = tiny_model(a);
  const machine small = {randomised(a, m, "small.w", 10, 1), randomised(a, m, "small.a", 11, 1),
                         randomised(a, m, "small.b", 12, 1)};
  const double expected = log_likelihood(&small);
  tensor **out = model_run(m, "enumerate", NULL);
  expect_real("over visible states", out[0]->reals[0], expected);
  expect_real("over hidden states", out[1]->reals[0], expected);
  if (!(fabs(out[2]->reals[0] - expected) < 0.2))
    fail_msg("annealed: %g is not near %g", out[2]->reals[0], expected);
  expect_real("of the data itself", out[3]->reals[0], (28 * log(1 / 32.0) + 4 * log(2 / 32.0)) / 32);
  model_free(m);
  arena_free(a);
}

enum { PLANE_H = 4, POINTS = 5 };

/* exp(-|v - a|² / 2 + h·b + v·w h), summed over h, at a point of the plane. */
static double gaussian_weight(const machine *m, const double *v) {
  double sum = 0;
  for (int h = 0; h < 1 << PLANE_H; h++) {
    double energy = 0;
    for (int i = 0; i < 2; i++) energy += (v[i] - m->a[i]) * (v[i] - m->a[i]) / 2;
    for (int j = 0; j < PLANE_H; j++)
      energy -= bit(h, j) * (m->b[j] + v[0] * m->w[j] + v[1] * m->w[PLANE_H + j]);
    sum += exp(-energy);
  }
  return sum;
}

/* By the trapezoidal rule, whose error for such sums is far below rounding. */
static double gaussian_partition(const machine *m) {
  const double step = 0.25, far = 20;
  double sum = 0;
  for (double x = -far; x <= far; x += step)
    for (double y = -far; y <= far; y += step) sum += gaussian_weight(m, (const double[]){x, y});
  return sum * step * step;
}

static double corner_density(const double *v, double corner) {
  double density = 1;
  for (int i = 0; i < 2; i++)
    density *= (exp(-(v[i] - corner) * (v[i] - corner) / 2) + exp(-(v[i] + corner) * (v[i] + corner) / 2)) /
               (2 * sqrt(2 * acos(-1)));
  return density;
}

static void gaussian_likelihoods_agree(void **state) {
  (void)state;
  arena *a = arena_new();
  model *m = tiny_model(a);
  const machine plane = {randomised(a, m, "gaussian.w", 20, 1), randomised(a, m, "gaussian.a", 21, 1),
                         randomised(a, m, "gaussian.b", 22, 1)};
  const double *points = randomised(a, m, "held_out", 23, 3);
  double expected = -log(gaussian_partition(&plane)), most = 0;
  for (int i = 0; i < POINTS; i++) {
    expected += log(gaussian_weight(&plane, points + 2 * i)) / POINTS;
    most += log(corner_density(points + 2 * i, 2)) / POINTS;
  }
  tensor **out = model_run(m, "enumerate_gaussian", NULL);
  expect_real("over hidden states", out[0]->reals[0], expected);
  if (!(fabs(out[1]->reals[0] - expected) < 0.2))
    fail_msg("annealed: %g is not near %g", out[1]->reals[0], expected);
  expect_real("of the points' distribution", out[2]->reals[0], most);
  model_free(m);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(likelihoods_agree),
                                     cmocka_unit_test(gaussian_likelihoods_agree)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
