/* Losses, activations and optimisers of the library against numbers worked out here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../library_case.h"

enum { N = 3 };
static const double first[N] = {0.5, -2, 3}, second[N] = {1, 1.5, -1};

/* The value of an expression of x and y, f32[3], the first element of a result that has several. */
static double value_of(const char *expression) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "use nn\nuse loss\nentry f(x: f32[3], y: f32[3]) -> (r) "
                                       "{ r = %s }\n", expression), NULL);
  const tensor *inputs[] = {model_tensor(m->arena, 1, (int64_t[]){N}, first),
                            model_tensor(m->arena, 1, (int64_t[]){N}, second)};
  double value = model_real(m, "f", inputs);
  model_free(m);
  arena_free(a);
  return value;
}

static double log_softmax_of(const double *x, int i) {
  double sum = 0;
  for (int k = 0; k < N; k++) sum += exp(x[k]);
  return x[i] - log(sum);
}

static void losses(void **state) {
  (void)state;
  double cross = 0, divergence = 0, huber = 0, hinge = 0, ranking = 0;
  for (int i = 0; i < N; i++) {
    double d = fabs(first[i] - second[i]), sign = second[i] > 0 ? 1 : -1;
    cross -= second[i] * log_softmax_of(first, i);
    divergence += exp(log_softmax_of(first, i)) *
                  (log_softmax_of(first, i) - log_softmax_of(second, i));
    huber += (d <= 0.75 ? d * d / 2 : 0.75 * (d - 0.375)) / N;
    hinge += fmax(0, 1 - sign * first[i]) / N;
    ranking += fmax(0, 2 - (first[i] - second[i])) / N;
  }
  expect_real("soft_cross_entropy", value_of("soft_cross_entropy(x, y)"), cross);
  expect_real("kl", value_of("kl(x, y)"), divergence);
  expect_real("kl of one", value_of("kl(x, x)"), 0);
  expect_real("huber", value_of("huber(x, y, 0.75)"), huber);
  expect_real("hinge", value_of("hinge(x, sign(y))"), hinge);
  expect_real("ranking", value_of("ranking(x, y, 2.0)"), ranking);
  expect_real("gaussian_nll", value_of("gaussian_nll(x, y, 0.25)"),
              0.5 * (log(2 * acos(-1)) + 1 + 0.0625 / exp(1)));
}

static void activations(void **state) {
  (void)state;
  expect_real("elu above", value_of("elu(x)"), 0.5);
  expect_real("elu below", value_of("elu(-x, 2.0)"), 2 * (exp(-0.5) - 1));
  expect_real("hard_tanh within", value_of("hard_tanh(x)"), 0.5);
  expect_real("hard_tanh above", value_of("hard_tanh(x * 4)"), 1);
  expect_real("hard_tanh below", value_of("hard_tanh(x * -4)"), -1);
}

/* Two steps from w = 1 on the loss 2 w. */
static void check_steps(const char *stages, double after_one, double after_two) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "use optim\nparam w: f32[2] = 1\n"
                                       "entry f() { minimize 2 * sum(w) over w with %s }\n", stages),
                       NULL);
  model_run(m, "f", NULL);
  expect_real(stages, model_slot_real(m, "w", 1), after_one);
  model_run(m, "f", NULL);
  expect_real(stages, model_slot_real(m, "w", 1), after_two);
  model_free(m);
  arena_free(a);
}

static void optimisers(void **state) {
  (void)state;
  check_steps("adagrad(0.1)", 1 - 0.1, 1 - 0.1 - 0.1 / sqrt(2));
  check_steps("rmsprop(0.1, 0.75)", 1 - 0.1 / sqrt(0.25),
              1 - 0.1 / sqrt(0.25) - 0.1 / sqrt(0.75 * 0.25 + 0.25));
  check_steps("clip_value(0.5) |> sgd(1.0)", 0.5, 0);
  check_steps("absolute_decay(0.5) |> sgd(0.25)", 1 - 0.25 * 2.5, 1 - 2 * 0.25 * 2.5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(losses),
      cmocka_unit_test(activations),
      cmocka_unit_test(optimisers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
