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
  double cross = 0, divergence = 0, huber = 0, hinge = 0, ranking = 0, square = 0, distance = 0;
  for (int i = 0; i < N; i++) {
    double d = fabs(first[i] - second[i]), sign = second[i] > 0 ? 1 : -1;
    cross -= second[i] * log_softmax_of(first, i);
    divergence += exp(log_softmax_of(first, i)) *
                  (log_softmax_of(first, i) - log_softmax_of(second, i));
    square += d * d / N;
    distance += d / N;
    huber += (d <= 0.75 ? d * d / 2 : 0.75 * (d - 0.375)) / N;
    hinge += fmax(0, 1 - sign * first[i]) / N;
    ranking += fmax(0, 2 - (first[i] - second[i])) / N;
  }
  expect_real("soft_cross_entropy", value_of("soft_cross_entropy(x, y)"), cross);
  expect_real("kl", value_of("kl(x, y)"), divergence);
  expect_real("kl of one", value_of("kl(x, x)"), 0);
  expect_real("binary_cross_entropy", value_of("binary_cross_entropy(x, 0.25)"),
              -0.25 * log(1 / (1 + exp(-0.5))) - 0.75 * log(1 - 1 / (1 + exp(-0.5))));
  expect_real("mse", value_of("mse(x, y)"), square);
  expect_real("l1", value_of("l1(x, y)"), distance);
  expect_real("huber", value_of("huber(x, y, 0.75)"), huber);
  expect_real("hinge", value_of("hinge(x, sign(y))"), hinge);
  expect_real("ranking", value_of("ranking(x, y, 2.0)"), ranking);
  expect_real("gaussian_nll", value_of("gaussian_nll(x, y, 0.25)"),
              0.5 * (log(2 * acos(-1)) + 1 + 0.0625 / exp(1)));
}

/* Class numbers beside logits[2, 3]. */
static void losses_on_class_numbers(void **state) {
  (void)state;
  model *m = model_new("use loss\n"
                       "entry f(x: f32[2, 3], label: u8[2]) -> (plain, smooth, hinge) {\n"
                       "  plain = cross_entropy(x, label)\n"
                       "  smooth = cross_entropy(x, label, 0.25)\n"
                       "  hinge = multiclass_hinge(x, label, 0.5)\n"
                       "}\n", NULL);
  const double x[] = {0.5, -2, 3, 2, 1.75, -1};
  const tensor_type type = type_of(DTYPE_U8, 1, (int64_t[]){2});
  tensor *label = tensor_new(m->arena, &type);
  label->ints[0] = 1, label->ints[1] = 0;
  tensor **out = model_run(m, "f", (const tensor *[]){
                                       model_tensor(m->arena, 2, (int64_t[]){2, N}, x), label});
  for (int row = 0; row < 2; row++) {
    const double *logits = x + row * N;
    double right = -log_softmax_of(logits, (int)label->ints[row]), mean = 0;
    for (int i = 0; i < N; i++) mean -= log_softmax_of(logits, i) / N;
    expect_real("cross_entropy", out[0]->reals[row], right);
    expect_real("cross_entropy, smoothed", out[1]->reals[row], 0.75 * right + 0.25 * mean);
  }
  expect_real("multiclass_hinge, wrong", out[2]->reals[0], 0.5 + 3 + 2);
  expect_real("multiclass_hinge, near", out[2]->reals[1], 0.5 + 1.75 - 2);
  model_free(m);
}

/* With the logit -inf a class adds nothing, to values and to gradients, also by the target. */
static void losses_of_masked_classes(void **state) {
  (void)state;
  model *m = model_new("use nn\nuse loss\nuse distributions\n"
                       "entry f(x: f32[3], y: f32[3]) -> (losses, by_x, by_y) {\n"
                       "  seen = iota[3]() < 2\n  p = seen ? x : -inf\n  q = seen ? y : -inf\n"
                       "  target = seen ? y : 0\n"
                       "  losses = stack(soft_cross_entropy(p, target), kl(p, q), kl(p, y), categorical_entropy(p),\n"
                       "                 cross_entropy(p, 1))\n"
                       "  by_x, by_y = grad(sum(losses), (x, y))\n}\n"
                       "entry g(x: f32[2], q: f32[3]) -> (losses, by_x, by_q) {\n"
                       "  y = q[0:2]\n"
                       "  losses = stack(soft_cross_entropy(x, y), kl(x, y), kl(x, y) + logsumexp(q) - logsumexp(y),\n"
                       "                 categorical_entropy(x), cross_entropy(x, 1))\n"
                       "  by_x, by_q = grad(sum(losses), (x, q))\n}\n"
                       "entry impossible(x: f32[3], y: f32[3]) -> (losses) {\n"
                       "  p = iota[3]() < 2 ? x : -inf\n  losses = stack(soft_cross_entropy(p, y), kl(y, p)) }\n", NULL);
  const tensor *masked[] = {model_tensor(m->arena, 1, (int64_t[]){N}, first), model_tensor(m->arena, 1, (int64_t[]){N}, second)};
  const tensor *without[] = {model_tensor(m->arena, 1, (int64_t[]){2}, first), masked[1]};
  tensor **actual = model_run(m, "f", masked), **expected = model_run(m, "g", without);
  for (int i = 0; i < 5; i++) expect_real("loss of masked logits", actual[0]->reals[i], expected[0]->reals[i]);
  for (int i = 0; i < 2; i++) expect_real("gradient by logits", actual[1]->reals[i], expected[1]->reals[i]);
  expect_real("gradient by a masked logit", actual[1]->reals[2], 0);
  for (int i = 0; i < N; i++) expect_real("gradient by the target", actual[2]->reals[i], expected[2]->reals[i]);
  tensor *losses = model_run(m, "impossible", masked)[0];
  assert_true(isinf(losses->reals[0]) && isinf(losses->reals[1]) && losses->reals[1] > 0);
  model_free(m);
}

static void loss_gradients(void **state) {
  (void)state;
  static const char *const expressions[] = {
      "cross_entropy(x, iota[2](), 0.1)",
      "cross_entropy(x, iota[2]())",
      "multiclass_hinge(x, iota[2]())",
      "soft_cross_entropy(x, sigmoid(x))",
      "binary_cross_entropy(x, sigmoid(2 * x))",
      "mse(x, x ** 2)",
      "l1(x, 2 * x ** 2)",
      "huber(x, 3 * x ** 2, 0.5)",
      "hinge(x, sign(sin(9 * x)))",
      "ranking(x[0], x[1])",
      "gaussian_nll(x[0], x[1], x[0] * x[1])",
      "kl(x, x ** 2)",
  };
  for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++)
    library_check_gradient(&(library_gradient){NULL, expressions[i], 2, {2, 3}, false});
}

static void activations(void **state) {
  (void)state;
  static const struct { const char *expression; double value; } values[] = {
      {"relu(x)", 0.5}, {"relu(-x)", 0},
      {"leaky_relu(x)", 0.5}, {"leaky_relu(-x, 0.2)", -0.1},
      {"elu(x)", 0.5}, {"elu(-x, 2.0)", 2 * -0.39346934028736658},
      {"gelu(x)", 0.34571400982514394}, {"silu(-x)", -0.18877033439907711},
      {"softplus(x)", 0.97407698418010669}, {"softplus(200 * x)", 100},
      {"hard_tanh(x)", 0.5}, {"hard_tanh(x * 4)", 1}, {"hard_tanh(x * -4)", -1},
      {"hard_sigmoid(x)", 0.75}, {"hard_sigmoid(x * 4)", 1}, {"hard_sigmoid(x * -4)", 0},
      {"hard_threshold(x)", 1}, {"hard_threshold(-x)", 0}, {"hard_threshold(x, 0.5)", 1},
      {"hard_threshold(x, 0.75)", 0},
  };
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    expect_real(values[i].expression, value_of(values[i].expression), values[i].value);
  double largest = log_softmax_of(first, 0);
  expect_real("softmax", value_of("softmax(x)"), exp(largest));
  expect_real("log_softmax", value_of("log_softmax(x)"), largest);
  expect_real("logsumexp", value_of("logsumexp(x)"), first[0] - largest);
}

static void activation_gradients(void **state) {
  (void)state;
  static const library_gradient gradients[] = {
      {NULL, "relu(x)", 2, {2, 3}, false},
      {NULL, "leaky_relu(x)", 2, {2, 3}, false},
      {"prelu", "layer(x)", 4, {2, 2, 1, 3}, false},
      {"prelu", "layer(x)", 2, {3, 2}, false},
      {NULL, "elu(x, 2.0)", 2, {2, 3}, false},
      {NULL, "gelu(x)", 2, {2, 3}, false},
      {NULL, "silu(x)", 2, {2, 3}, false},
      {NULL, "softplus(x)", 2, {2, 3}, false},
      {NULL, "hard_tanh(2 * x)", 2, {2, 3}, false},
      {NULL, "hard_sigmoid(2 * x)", 2, {2, 3}, false},
      {NULL, "x * hard_threshold(x)", 2, {2, 3}, false},
      {NULL, "softmax[0](x)", 2, {2, 3}, false},
      {NULL, "log_softmax(x)", 2, {2, 3}, false},
      {NULL, "logsumexp(x)", 2, {2, 3}, false},
      {"maxout[2, 3]", "layer(x)", 2, {2, 3}, false},
      {NULL, "global_max_pool(x) + global_avg_pool(x)", 4, {1, 2, 2, 2}, false},
      {NULL, "flatten(x)", 3, {2, 2, 2}, false},
  };
  for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
    library_check_gradient(&gradients[i]);
}

/* Each unit is the largest of its k linear functions. */
static void maxout(void **state) {
  (void)state;
  model *m = model_new("use nn\nlayer = maxout[2, 3]\n"
                       "entry f(x: f32[1, 3]) -> (y) { y = layer(x) }\n", NULL);
  const tensor *x = model_tensor(m->arena, 2, (int64_t[]){1, N}, first);
  const tensor *y = model_run(m, "f", &x)[0];
  for (int unit = 0; unit < 2; unit++) {
    double largest = -INFINITY;
    for (int k = 0; k < 3; k++) {
      double sum = 0;
      for (int i = 0; i < N; i++)
        sum += first[i] * model_slot_real(m, "layer.linear_0.w", i * 6 + unit * 3 + k);
      largest = fmax(largest, sum);
    }
    expect_real("maxout", y->reals[unit], largest);
  }
  model_free(m);
}

/* What is kept is divided by the probability; channels go as one. */
static void dropouts(void **state) {
  (void)state;
  enum { CHANNELS = 40, PLACES = 6 };
  model *m = model_new("use nn\n"
                       "entry f[training = true](x: f32[4, 10, 2, 3]) -> (y, z) {\n"
                       "  y = dropout(x, 0.25)\n  z = spatial_dropout(x, 0.25)\n}\n"
                       "entry g(x: f32[4, 10, 2, 3]) -> (y, z) {\n"
                       "  y = dropout(x, 0.25)\n  z = spatial_dropout(x, 0.25)\n}\n", NULL);
  const tensor *x = library_input(m->arena, 4, (int64_t[]){4, 10, 2, 3});
  tensor **trained = model_run(m, "f", &x), **used = model_run(m, "g", &x);
  int kept = 0, kept_channels = 0;
  for (int i = 0; i < CHANNELS * PLACES; i++) {
    bool here = trained[0]->reals[i] != 0, channel = trained[1]->reals[i / PLACES * PLACES] != 0;
    expect_real("dropout", trained[0]->reals[i], here ? x->reals[i] / 0.75 : 0);
    expect_real("spatial_dropout", trained[1]->reals[i], channel ? x->reals[i] / 0.75 : 0);
    assert_true(used[0]->reals[i] == x->reals[i] && used[1]->reals[i] == x->reals[i]);
    kept += here;
    kept_channels += channel && i % PLACES == 0;
  }
  assert_in_range(kept, 160, 200); /* 180, deviation 7 */
  assert_in_range(kept_channels, 22, 38);
  model_free(m);
}

/* With probability 1, given in the text or as a rate, there is 0, and the gradient is 0. */
static void dropouts_of_everything(void **state) {
  (void)state;
  model *m = model_new("use nn\nentry f[training = true](x: f32[2, 3, 2], rate: f32) -> (y, dx) {\n"
                       "  y = stack(dropout(x, 1.0), dropout(x, 1), dropout(x, rate), spatial_dropout(x, 1.0),\n"
                       "            spatial_dropout(x, rate))\n  dx = grad(sum(y ** 2 + y), x)\n}\n", NULL);
  const tensor *inputs[] = {library_input(m->arena, 3, (int64_t[]){2, 3, 2}), model_scalar(m->arena, 1)};
  tensor **out = model_run(m, "f", inputs);
  for (int i = 0; i < 60; i++) assert_true(out[0]->reals[i] == 0);
  for (int i = 0; i < 12; i++) assert_true(out[1]->reals[i] == 0);
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
  check_steps("sgd(0.1)", 1 - 0.2, 1 - 0.4);
  check_steps("momentum(0.1, 0.5)", 1 - 0.2, 1 - 0.2 - 0.3);
  check_steps("nesterov(0.1, 0.5)", 1 - 0.3, 1 - 0.3 - 0.35);
  check_steps("adam(0.1)", 1 - 0.1, 1 - 0.2);
  check_steps("adamw(0.1, 0.5)", 1 - 0.1 - 0.05, 0.85 - 0.1 - 0.05 * 0.85);
  check_steps("clip_norm(1.0) |> sgd(1.0)", 1 - sqrt(0.5), 1 - 2 * sqrt(0.5));
  check_steps("clip_norm(9.0) |> sgd(0.1)", 1 - 0.2, 1 - 0.4);
  check_steps("decay(0.5) |> sgd(0.1)", 1 - 0.25, 0.75 - 0.1 * 2.375);
  check_steps("adagrad(0.1)", 1 - 0.1, 1 - 0.1 - 0.1 / sqrt(2));
  check_steps("rmsprop(0.1, 0.75)", 1 - 0.1 / sqrt(0.25),
              1 - 0.1 / sqrt(0.25) - 0.1 / sqrt(0.75 * 0.25 + 0.25));
  check_steps("clip_value(0.5) |> sgd(1.0)", 0.5, 0);
  check_steps("absolute_decay(0.5) |> sgd(0.25)", 1 - 0.25 * 2.5, 1 - 2 * 0.25 * 2.5);
}

/* Ten thousand draws of each step: their mean, and their variance, which falls; no two of one place are
 * alike. */
static void noise(void **state) {
  (void)state;
  enum { COUNT = 10000 };
  model *m = model_new("use optim\nparam w: f32[10000] = 0\nparam v: f32[10000] = 0\n"
                       "entry f() { minimize 2 * sum(w) + 2 * sum(v) over w, v with "
                       "gradient_noise(0.25) |> sgd(1.0) }\n", NULL);
  double before = 0;
  for (int step = 1; step <= 3; step++) {
    model_run(m, "f", NULL);
    const double *w = model_slot(m, "w")->reals, *v = model_slot(m, "v")->reals;
    double mean = 0, variance = 0;
    for (int i = 0; i < COUNT; i++) mean += w[i] / COUNT;
    for (int i = 0; i < COUNT; i++) variance += pow(w[i] - mean, 2) / COUNT;
    double expected = 0.25 / pow(step, 0.55);
    assert_true(fabs(mean + 2 * step) < 0.03);
    assert_true(fabs(variance - before - expected) < 0.1 * expected);
    assert_true(w[0] != v[0] && w[0] != w[1]);
    before = variance;
  }
  model_free(m);
}

/* A stage is told apart by its place however it is written: as a call, by its bare name, with brackets. */
static void stages_by_bare_name(void **state) {
  (void)state;
  model *m = model_new("param w: f32 = 1\n"
                       "fn inertia(w, g) { state v = zeros_like(w); v <- 0.5 * v + g; w - 0.1 * v }\n"
                       "fn scaled[by = 2](ws, gs) { state seen = 0; seen <- seen + 1; by * gs }\n"
                       "entry f() {\n"
                       "  minimize w * 1.0 over w with inertia\n"
                       "  minimize w * 1.0 over w with inertia\n"
                       "  minimize w * 1.0 over w with inertia()\n"
                       "  minimize w * 1.0 over w with scaled |> scaled |> inertia\n"
                       "  minimize w * 1.0 over w with scaled[3] |> scaled[3] |> inertia\n"
                       "}\n", NULL);
  model_run(m, "f", NULL);
  expect_real("one step", model_slot_real(m, "w", 0), 1 - 0.1 * (1 + 1 + 1 + 4 + 9));
  model_run(m, "f", NULL);
  expect_real("two steps", model_slot_real(m, "w", 0), 1 - 0.1 * 2.5 * (1 + 1 + 1 + 4 + 9));
  expect_real("first", model_slot_real(m, "f.inertia_0.w.v", 0), 1.5);
  expect_real("second", model_slot_real(m, "f.inertia_1.w.v", 0), 1.5);
  expect_real("call", model_slot_real(m, "f.inertia_2.w.v", 0), 1.5);
  expect_real("fourth", model_slot_real(m, "f.inertia_3.w.v", 0), 6);
  expect_real("last", model_slot_real(m, "f.inertia_4.w.v", 0), 13.5);
  assert_int_equal(m->program->slot_count, 1 + 5 + 4);
  model_free(m);
}

/* No two places give the same noise. */
static void noise_by_bare_name(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "first = gradient_noise\n"
                       "second = gradient_noise\n"
                       "param a: f32[100] = 0\nparam b: f32[100] = 0\n"
                       "param c: f32[100] = 0\nparam d: f32[100] = 0\n"
                       "entry f() {\n"
                       "  minimize sum(a) over a with gradient_noise |> sgd(1)\n"
                       "  minimize sum(b) over b with gradient_noise |> sgd(1)\n"
                       "  minimize sum(c) over c with first |> sgd(1)\n"
                       "  minimize sum(d) over d with second |> sgd(1)\n"
                       "}\n", NULL);
  model_run(m, "f", NULL);
  const double *drawn[] = {model_slot(m, "a")->reals, model_slot(m, "b")->reals, model_slot(m, "c")->reals,
                           model_slot(m, "d")->reals};
  for (int i = 0; i < 100; i++)
    for (int k = 0; k < 4; k++)
      for (int l = 0; l < k; l++) assert_true(drawn[k][i] != drawn[l][i]);
  model_free(m);
}

/* w goes down by 2 a step, from 1. */
static void averages(void **state) {
  (void)state;
  model *m = model_new("use optim\nfn unit(x) { param w: f32[2] = 1\n  x * sum(w) }\n"
                       "net = unit\nmean = copy(net)\nlate = copy(net)\nrecent = copy(net)\n"
                       "entry f() {\n"
                       "  minimize 2 * net(1.0) over net with sgd(1.0)\n"
                       "  params(mean) <- polyak_average(params(mean), params(net))\n"
                       "  params(late) <- polyak_average(params(late), params(net), 2)\n"
                       "  params(recent) <- exponential_average(params(recent), params(net), 0.75)\n"
                       "}\n", NULL);
  double sum = 0, recent = 1;
  for (int step = 1; step <= 4; step++) {
    double w = 1 - 2 * step;
    model_run(m, "f", NULL);
    sum += w;
    recent = 0.75 * recent + 0.25 * w;
    expect_real("net", model_slot_real(m, "net.w", 1), w);
    expect_real("polyak_average", model_slot_real(m, "mean.w", 1), sum / step);
    expect_real("polyak_average, late", model_slot_real(m, "late.w", 1),
                step <= 3 ? w : (-5 + -7) / 2.0);
    expect_real("exponential_average", model_slot_real(m, "recent.w", 1), recent);
  }
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(losses),
      cmocka_unit_test(losses_on_class_numbers),
      cmocka_unit_test(losses_of_masked_classes),
      cmocka_unit_test(loss_gradients),
      cmocka_unit_test(activations),
      cmocka_unit_test(activation_gradients),
      cmocka_unit_test(maxout),
      cmocka_unit_test(dropouts),
      cmocka_unit_test(dropouts_of_everything),
      cmocka_unit_test(optimisers),
      cmocka_unit_test(noise),
      cmocka_unit_test(stages_by_bare_name),
      cmocka_unit_test(noise_by_bare_name),
      cmocka_unit_test(averages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
