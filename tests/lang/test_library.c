/* Losses, normalisations and optimisers of the library against numbers worked out here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../model_case.h"

static const tolerance near = {1e-6, 1e-6}; /* constants and parameters are rounded to f32 */

static void expect_real(const char *what, double actual, double expected) {
  if (!compare_real(actual, expected, near))
    fail_msg("%s: %.17g is not %.17g", what, actual, expected);
}

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

/* Gain and bias are 1 and 0 at first. */
static void normalisations(void **state) {
  (void)state;
  model *m = model_new("use nn\nlayer = layer_norm\ngroups = group_norm[2]\ntable = embedding[5, 3]\n"
                       "entry rows(x: f32[2, 3]) -> (y) { y = layer(x) }\n"
                       "entry images(x: f32[1, 4, 1, 3]) -> (y) { y = groups(x) }\n"
                       "entry look(i: i32[2]) -> (y) { y = table(i) - table.table[3] }\n", NULL);
  double x[12];
  for (int i = 0; i < 12; i++) x[i] = sin(3.0 * i);
  const tensor *rows[] = {model_tensor(m->arena, 2, (int64_t[]){2, 3}, x)};
  const tensor *images[] = {model_tensor(m->arena, 4, (int64_t[]){1, 4, 1, 3}, x)};
  const tensor *results[] = {model_run(m, "rows", rows)[0], model_run(m, "images", images)[0]};
  for (int kind = 0; kind < 2; kind++) {
    int count = kind == 0 ? 3 : 6;
    for (int part = 0; part < 2; part++) {
      double mean = 0, variance = 0;
      for (int i = 0; i < count; i++) mean += x[part * count + i] / count;
      for (int i = 0; i < count; i++) variance += pow(x[part * count + i] - mean, 2) / count;
      for (int i = 0; i < count; i++)
        expect_real(kind == 0 ? "layer_norm" : "group_norm",
                    results[kind]->reals[part * count + i],
                    (x[part * count + i] - mean) / sqrt(variance + 1e-5));
    }
  }
  tensor_type type = type_of(DTYPE_I32, 1, (int64_t[]){2});
  tensor *index = tensor_new(m->arena, &type);
  index->ints[0] = 3;
  index->ints[1] = 4;
  const tensor *found = model_run(m, "look", (const tensor *[]){index})[0];
  for (int i = 0; i < 3; i++) {
    expect_real("embedding", found->reals[i], 0);
    assert_true(fabs(found->reals[3 + i]) > 1e-6); /* another row */
  }
  model_free(m);
}

/* The first entry trains and moves the running statistics, which the second one uses. */
static void batch_statistics(void **state) {
  (void)state;
  model *m = model_new("use nn\nuse optim\nlayer = batch_norm2d\n"
                       "entry train(x: f32[2, 2, 1, 3]) -> (y) { y = layer(x, 0.75)\n"
                       "minimize sum(y) over layer with sgd(0.0) }\n"
                       "entry use_it(x: f32[2, 2, 1, 3]) -> (y) { y = layer(x) }\n", NULL);
  double x[12];
  for (int i = 0; i < 12; i++) x[i] = cos(2.0 * i) + i % 3;
  const tensor *inputs[] = {model_tensor(m->arena, 4, (int64_t[]){2, 2, 1, 3}, x)};
  const tensor *trained = model_run(m, "train", inputs)[0], *used = model_run(m, "use_it", inputs)[0];
  for (int channel = 0; channel < 2; channel++) {
    double mean = 0, variance = 0;
    for (int i = 0; i < 6; i++) mean += x[i / 3 * 6 + channel * 3 + i % 3] / 6;
    for (int i = 0; i < 6; i++)
      variance += pow(x[i / 3 * 6 + channel * 3 + i % 3] - mean, 2) / 6;
    double center = 0.25 * mean, spread = 0.75 + 0.25 * variance;
    expect_real("center", model_slot_real(m, "layer.center", channel), center);
    expect_real("spread", model_slot_real(m, "layer.spread", channel), spread);
    for (int i = 0; i < 6; i++) {
      int at = i / 3 * 6 + channel * 3 + i % 3;
      expect_real("trained", trained->reals[at], (x[at] - mean) / sqrt(variance + 1e-5));
      expect_real("used", used->reals[at], (x[at] - center) / sqrt(spread + 1e-5));
    }
  }
  model_free(m);
}

/* As many filters as channels times the multiplier; the first channel's do not see the second. */
static void depthwise(void **state) {
  (void)state;
  model *m = model_new("use nn\nlayer = depthwise2d[2, 2]\n"
                       "entry f(x: f32[1, 2, 2, 3]) -> (y: f32[1, 4, 1, 2]) { y = layer(x) }\n", NULL);
  double x[12];
  for (int i = 0; i < 12; i++) x[i] = sin(1.0 + i);
  const tensor *inputs[] = {model_tensor(m->arena, 4, (int64_t[]){1, 2, 2, 3}, x)};
  const tensor *y = model_run(m, "f", inputs)[0];
  for (int filter = 0; filter < 4; filter++)
    for (int place = 0; place < 2; place++) {
      double sum = 0;
      for (int tap = 0; tap < 4; tap++)
        sum += model_slot_real(m, "layer.w", filter * 4 + tap) *
               x[filter / 2 * 6 + tap / 2 * 3 + place + tap % 2];
      expect_real("depthwise2d", y->reals[filter * 2 + place], sum);
    }
  model_free(m);
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
      cmocka_unit_test(normalisations),
      cmocka_unit_test(batch_statistics),
      cmocka_unit_test(depthwise),
      cmocka_unit_test(optimisers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
