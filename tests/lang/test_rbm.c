/* The small machine of models/energy/rbm.dnn, of 16 and 10 units: its log likelihood as the model finds it,
 * over visible states, over hidden ones and annealed, against the sum over both. */
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

static void likelihoods_agree(void **state) {
  (void)state;
  static const definition definitions[] = {{"EDGE", "4"}, {"B", "10"}, {"UNITS", "16"},
                                           {"LEVELS", "200"}, {"RUNS", "50"}};
  arena *a = arena_new();
  const elaborate_options options = {.definitions = definitions, .definition_count = 5};
  model *m = model_new(golden_read(a, "models/energy/rbm.dnn"), &options);
  static const char *const names[] = {"small.w", "small.a", "small.b"};
  for (uint64_t i = 0; i < 3; i++) {
    tensor *own = model_slot(m, names[i]);
    const tensor *values = random_tensor(a, &own->type, 10 + i, -1, 1);
    for (int64_t k = 0; k < type_elements(&own->type); k++) own->reals[k] = values->reals[k];
  }
  const machine small = {model_slot(m, "small.w")->reals, model_slot(m, "small.a")->reals,
                         model_slot(m, "small.b")->reals};
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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(likelihoods_agree)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
