/* What programs mean: small models run by the graph interpreter against numbers worked out by
 * hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../model_case.h"

static const tolerance near = {1e-12, 1e-12};
static const tolerance single = {1e-6, 1e-6}; /* constants are rounded to f32 */

static void expect_real(double actual, double expected, tolerance t) {
  if (!compare_real(actual, expected, t)) fail_msg("%.17g is not %.17g", actual, expected);
}

/* --- learning ------------------------------------------------------------------------------- */

static void test_regression_steps_downhill(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "param w: f32[2] = 0\n"
                       "param b: f32 = 1\n"
                       "entry train(x: f32[3, 2], y: f32[3], rate: f32) -> (loss) {\n"
                       "  loss = mean((x @ w + b - y) ** 2)\n"
                       "  minimize loss over w, b with sgd(rate)\n"
                       "}\n", NULL);
  const double x[] = {1, 2, 3, 4, 5, 6}, y[] = {1, 2, 4};
  const tensor *inputs[] = {model_tensor(m->arena, 2, (int64_t[]){3, 2}, x),
                            model_tensor(m->arena, 1, (int64_t[]){3}, y),
                            model_scalar(m->arena, 0.5)};
  expect_real(model_real(m, "train", inputs), (0 + 1 + 9) / 3.0, near);
  /* residuals 0, -1, -3: the gradient is 2/3 of x'r and of their sum */
  expect_real(model_slot_real(m, "w", 0), 0.5 * 2 / 3 * (3 + 15), near);
  expect_real(model_slot_real(m, "w", 1), 0.5 * 2 / 3 * (4 + 18), near);
  expect_real(model_slot_real(m, "b", 0), 1 + 0.5 * 2 / 3 * 4, near);
  model_free(m);
}

static void test_adam_follows_the_paper(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "param w: f64[2] = 1.0\n"
                       "entry train(x: f64[2]) {\n"
                       "  minimize sum(w * w * x) over w with adam(0.1)\n"
                       "}\n", NULL);
  const double x[] = {1, -3};
  tensor_type type = type_of(DTYPE_F64, 1, (int64_t[]){2});
  tensor *input = tensor_new(m->arena, &type);
  memcpy(input->reals, x, sizeof x);
  double w[2] = {1, 1}, first[2] = {0}, second[2] = {0};
  for (int t = 1; t <= 3; t++) {
    model_run(m, "train", (const tensor *[]){input});
    for (int i = 0; i < 2; i++) {
      double g = 2 * w[i] * x[i];
      first[i] = 0.9 * first[i] + (1 - 0.9) * g;
      second[i] = 0.999 * second[i] + (1 - 0.999) * g * g;
      double step = (first[i] / (1 - pow(0.9, t))) / (sqrt(second[i] / (1 - pow(0.999, t))) + 1e-8);
      w[i] -= 0.1 * step;
      expect_real(model_slot_real(m, "w", i), w[i], single);
    }
  }
  assert_int_equal(model_slot(m, "train.adam_0.w.t")->ints[0], 3);
  expect_real(model_slot_real(m, "train.adam_0.w.m", 1), first[1], single);
  model_free(m);
}

/* A stage before the last sees all gradients; it comes before the optimiser. */
static void test_stages_run_in_order(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "param a: f32[2] = 0\n"
                       "param b: f32[1] = 0\n"
                       "fn twice(ws, gs) { 2 * gs }\n"
                       "entry clipped() { minimize 3 * sum(a[0:1]) + 4 * sum(b) over a, b with clip_norm(1.0) |> twice |> sgd(1.0) }\n"
                       "entry doubled() { minimize 3 * sum(a[0:1]) + 4 * sum(b) over a, b with twice |> clip_norm(1.0) |> sgd(1.0) }\n"
                       "entry climb() { maximize sum(a) over a, b except b with sgd(1.0) }\n", NULL);
  model_run(m, "clipped", NULL);
  expect_real(model_slot_real(m, "a", 0), -2 * 0.6, near);
  expect_real(model_slot_real(m, "a", 1), 0, near);
  expect_real(model_slot_real(m, "b", 0), -2 * 0.8, near);
  model_run(m, "doubled", NULL);
  expect_real(model_slot_real(m, "a", 0), -3 * 0.6, near);
  expect_real(model_slot_real(m, "b", 0), -3 * 0.8, near);
  model_run(m, "climb", NULL);
  expect_real(model_slot_real(m, "a", 1), 1, near);
  expect_real(model_slot_real(m, "b", 0), -3 * 0.8, near);
  model_free(m);
}

static void test_named_optimisers_are_shared(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "param w: f32 = 0\n"
                       "opt = momentum\n"
                       "entry a() { minimize w * 1.0 over w with opt(1.0) }\n"
                       "entry b() { minimize w * 1.0 over w with opt(1.0) }\n"
                       "entry c() {\n"
                       "  minimize w * 1.0 over w with momentum(1.0)\n"
                       "  minimize w * 1.0 over w with momentum(1.0)\n"
                       "}\n", NULL);
  model_run(m, "a", NULL);
  model_run(m, "b", NULL);
  expect_real(model_slot_real(m, "opt.w.v", 0), 1.9, single);
  expect_real(model_slot_real(m, "w", 0), -2.9, single);
  model_run(m, "c", NULL);
  expect_real(model_slot_real(m, "c.momentum_0.w.v", 0), 1, near);
  expect_real(model_slot_real(m, "c.momentum_1.w.v", 0), 1, near);
  assert_int_equal(m->program->slot_count, 4);
  model_free(m);
}

static void test_gradients_are_taken_before_updates(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "param a: f32 = 2\n"
                       "param b: f32 = 3\n"
                       "entry game() -> (before) {\n"
                       "  before = a * b\n"
                       "  minimize before over a, b with sgd(1.0)\n"
                       "}\n", NULL);
  expect_real(model_real(m, "game", NULL), 6, near);
  expect_real(model_slot_real(m, "a", 0), 2 - 3, near);
  expect_real(model_slot_real(m, "b", 0), 3 - 2, near);
  model_free(m);
}

static void test_second_derivatives(void **state) {
  (void)state;
  model *m = model_new("param w: f32[2] = 3\n"
                       "entry e() -> (h) { h = sum(grad(sum(grad(sum(w ** 3), w) ** 2), w)) }\n"
                       "entry s() -> (h) { h = grad(w[0] * stop_gradient(w[0] ** 2), w)[0] }\n", NULL);
  expect_real(model_real(m, "e", NULL), 2 * 2 * (3 * 9) * (6 * 3), near);
  expect_real(model_real(m, "s", NULL), 9, near);
  model_free(m);
}

/* --- slots ---------------------------------------------------------------------------------- */

static void test_states_can_swap(void **state) {
  (void)state;
  model *m = model_new("state a: f32 = 1\n"
                       "state b: f32 = 2\n"
                       "entry swap() -> (old, new_a) {\n"
                       "  old = a\n"
                       "  a <- b\n"
                       "  b <- old\n"
                       "  new_a = a\n"
                       "}\n", NULL);
  tensor **out = model_run(m, "swap", NULL);
  expect_real(out[0]->reals[0], 1, near);
  expect_real(out[1]->reals[0], 2, near);
  expect_real(model_slot_real(m, "a", 0), 2, near);
  expect_real(model_slot_real(m, "b", 0), 1, near);
  model_free(m);
}

static void test_instances_share_and_anonymous_ones_do_not(void **state) {
  (void)state;
  model *m = model_new("fn count(x) {\n"
                       "  param w: f32 = 1\n"
                       "  state n: f32 = 0\n"
                       "  n <- n + 1\n"
                       "  w * x\n"
                       "}\n"
                       "fn net(x) {\n"
                       "  shared = count\n"
                       "  y = shared(shared(x)) + count(x) + count(x)\n"
                       "  for i in 0..2 { y = y + count(x) }\n"
                       "  y\n"
                       "}\n"
                       "model = net\n"
                       "entry e(x: f32) -> (y) { y = model(x) }\n", NULL);
  const tensor *inputs[] = {model_scalar(m->arena, 2)};
  expect_real(model_real(m, "e", inputs), 10, near);
  expect_real(model_slot_real(m, "model.shared.n", 0), 2, near);
  expect_real(model_slot_real(m, "model.count_0.n", 0), 1, near);
  expect_real(model_slot_real(m, "model.count_1.n", 0), 1, near);
  expect_real(model_slot_real(m, "model.count_2[0].n", 0), 1, near);
  expect_real(model_slot_real(m, "model.count_2[1].n", 0), 1, near);
  assert_int_equal(m->program->slot_count, 10);
  model_free(m);
}

static void test_bundles_have_members(void **state) {
  (void)state;
  model *m = model_new("fn pair[n] {\n"
                       "  param w: f32[n] = 2\n"
                       "  part = scale[3]\n"
                       "  fn up(x) { part(x) * w }\n"
                       "  fn twice(x) { up(up(x)) }\n"
                       "}\n"
                       "fn scale[k](x) {\n"
                       "  param s: f32 = k\n"
                       "  s * x\n"
                       "}\n"
                       "p = pair[2]\n"
                       "all = for i in 0..2 { emit scale[i + 5] }\n"
                       "entry e(x: f32[2]) -> (y, z, k) {\n"
                       "  y = sum(p.twice(x))\n"
                       "  z = sum(p.w + p.part.s) + all[1](1.0)\n"
                       "  k = len(params(p))\n"
                       "}\n", NULL);
  const double x[] = {1, 2};
  tensor **out = model_run(m, "e", (const tensor *[]){model_tensor(m->arena, 1, (int64_t[]){2}, x)});
  expect_real(out[0]->reals[0], 36 * 3, near);
  expect_real(out[1]->reals[0], 10 + 6, near);
  assert_int_equal(out[2]->ints[0], 2);
  expect_real(model_slot_real(m, "all[1].s", 0), 6, near);
  model_free(m);
}

static void test_tuples_of_parameters(void **state) {
  (void)state;
  model *m = model_new("fn net(x) {\n"
                       "  param w: f32[2] = 1\n"
                       "  param b: f32 = 2\n"
                       "  sum(w * x) + b\n"
                       "}\n"
                       "a = net\n"
                       "b = net\n"
                       "entry e(x: f32) -> (y) { y = a(x) + b(x) }\n"
                       "entry average() { params(b) <- 0.5 * params(b) + 2.0 * params(a) }\n"
                       "entry each() { for w in params(a, b) { w <- 0 * w } }\n", NULL);
  model_run(m, "average", NULL);
  expect_real(model_slot_real(m, "b.w", 1), 2.5, near);
  expect_real(model_slot_real(m, "b.b", 0), 5, near);
  model_run(m, "each", NULL);
  expect_real(model_slot_real(m, "b.b", 0), 0, near);
  expect_real(model_slot_real(m, "a.w", 0), 0, near);
  model_free(m);
}

/* --- training and static control ------------------------------------------------------------ */

/* Paths come from the text: what a static `if` leaves out does not shift those after it. */
static void test_ordinals_are_lexical(void **state) {
  (void)state;
  const char *text = "const FIRST = false\n"
                     "fn unit(x) {\n"
                     "  param w: f32 = uniform()\n"
                     "  w * x\n"
                     "}\n"
                     "fn net(x) {\n"
                     "  if FIRST { x = unit(x) }\n"
                     "  unit(x)\n"
                     "}\n"
                     "m = net\n"
                     "entry e(x: f32) -> (y) { y = m(x) }\n";
  model *without = model_new(text, NULL);
  const definition with_first[] = {{"FIRST", "true"}};
  model *with = model_new(text, &(elaborate_options){.definitions = with_first, .definition_count = 1});
  assert_int_equal(without->program->slot_count, 1);
  assert_int_equal(with->program->slot_count, 2);
  expect_real(model_slot_real(with, "m.unit_1.w", 0), model_slot_real(without, "m.unit_1.w", 0),
              (tolerance){0, 0});
  model_free(without);
  model_free(with);
}

/* --- chance --------------------------------------------------------------------------------- */

static const char draws[] = "state n: f32 = 0\n"
                            "fn noise() { uniform[4]() }\n"
                            "fn both() { noise() - noise() }\n"
                            "named = noise\n"
                            "entry step() { n <- n + 1 }\n"
                            "entry a() -> (x, y, z, u) {\n"
                            "  x = sum(abs(both()))\n"
                            "  y = sum(abs(named() - named()))\n"
                            "  z = sum(uniform[4]())\n"
                            "  u = 0.0\n"
                            "  for i in 0..2 { u = u + (2 * i - 1) * sum(uniform[4]()) }\n"
                            "}\n";

static void test_draws_depend_on_their_place(void **state) {
  (void)state;
  model *m = model_new(draws, NULL);
  tensor **first = model_run(m, "a", NULL), **again = model_run(m, "a", NULL);
  for (int i = 0; i < 4; i++) {
    assert_true(fabs(first[i]->reals[0]) > 1e-3); /* other places draw other numbers */
    expect_real(again[i]->reals[0], first[i]->reals[0], (tolerance){0, 0});
  }
  model_run(m, "step", NULL);
  assert_true(fabs(model_run(m, "a", NULL)[2]->reals[0] - first[2]->reals[0]) > 1e-6);
  m->step = 0;
  m->seed = 2;
  assert_true(fabs(model_run(m, "a", NULL)[2]->reals[0] - first[2]->reals[0]) > 1e-6);
  model_free(m);
}

/* Lines, comments and other functions do not change a draw. */
static void test_draws_do_not_depend_on_lines(void **state) {
  (void)state;
  model *m = model_new(draws, NULL);
  const char *moved = "# a comment\n\n\nfn unrelated(x) { x + uniform() }\n";
  model *other = model_new(arena_printf(m->arena, "%s%s", moved, draws), NULL);
  for (int i = 0; i < 4; i++)
    expect_real(model_run(other, "a", NULL)[i]->reals[0], model_run(m, "a", NULL)[i]->reals[0],
                (tolerance){0, 0});
  model_free(other);
  model_free(m);
}

static void test_distributions(void **state) {
  (void)state;
  model *m = model_new("entry e() -> (a, b, c, d, p, least, most) {\n"
                       "  u = uniform[20000]()\n"
                       "  z = normal[20000]()\n"
                       "  k = randint[20000](7)\n"
                       "  a = mean(u)\n"
                       "  b = mean(z)\n"
                       "  c = mean(z ** 2)\n"
                       "  d = mean(z ** 4)\n"
                       "  p = mean(bernoulli[20000](0.3))\n"
                       "  least = min(k)\n"
                       "  most = max(k)\n"
                       "}\n", NULL);
  tensor **out = model_run(m, "e", NULL);
  expect_real(out[0]->reals[0], 0.5, (tolerance){0.01, 0});
  expect_real(out[1]->reals[0], 0, (tolerance){0.03, 0});
  expect_real(out[2]->reals[0], 1, (tolerance){0.04, 0});
  expect_real(out[3]->reals[0], 3, (tolerance){0.3, 0});
  expect_real(out[4]->reals[0], 0.3, (tolerance){0.015, 0});
  assert_int_equal(out[5]->ints[0], 0);
  assert_int_equal(out[6]->ints[0], 6);
  model_free(m);
}

/* --- the library ---------------------------------------------------------------------------- */

static void test_losses_are_stable(void **state) {
  (void)state;
  model *m = model_new("use nn\n"
                       "use loss\n"
                       "entry e(x: f64[2, 3], k: f64) -> (loss, g, plus, slope, middle, soft, low) {\n"
                       "  loss = mean(cross_entropy(f32(x), i32(iota[2]())))\n"
                       "  g = grad(sum(log_softmax(x)[0, 0]), x)[0, 0]\n"
                       "  plus = softplus(k)\n"
                       "  slope = grad(softplus(k), k)\n"
                       "  zero = 0 * k\n"
                       "  middle = grad(softplus(zero), zero)\n"
                       "  soft = softmax(x)[0, 0]\n"
                       "  low = softplus(-40.0 + zero)\n"
                       "}\n", NULL);
  tensor_type type = type_of(DTYPE_F64, 2, (int64_t[]){2, 3}), scalar = type_scalar(DTYPE_F64);
  tensor *x = tensor_new(m->arena, &type), *k = tensor_new(m->arena, &scalar);
  x->reals[0] = x->reals[4] = 1000;
  k->reals[0] = 1000;
  tensor **out = model_run(m, "e", (const tensor *[]){x, k});
  expect_real(out[0]->reals[0], 0, near);
  expect_real(out[1]->reals[0], 0, near);
  expect_real(out[2]->reals[0], 1000, near);
  expect_real(out[3]->reals[0], 1, near);
  expect_real(out[4]->reals[0], 0.5, near);
  expect_real(out[5]->reals[0], 1, near);
  expect_real(out[6]->reals[0], log1p(exp(-40)), (tolerance){0, 1e-12});
  model_free(m);
}

static void test_pooling_crops_the_remainder(void **state) {
  (void)state;
  model *m = model_new("use nn\n"
                       "entry e() -> (most, middle, leaky, gates) {\n"
                       "  x = f32(iota[1, 1, 5, 4, axis: 3]()) + 10 * f32(iota[1, 1, 5, 4, axis: 2]())\n"
                       "  most = sum(max_pool2d[2](x))\n"
                       "  middle = sum(avg_pool2d[2](x))\n"
                       "  leaky = sum(leaky_relu(x - 100.0))\n"
                       "  gates = sum(relu(0 - x))\n"
                       "}\n", NULL);
  tensor **out = model_run(m, "e", NULL);
  expect_real(out[0]->reals[0], 11 + 13 + 31 + 33, near);
  expect_real(out[1]->reals[0], 5.5 + 7.5 + 25.5 + 27.5, near);
  expect_real(out[2]->reals[0], 0.01 * (20 * (1.5 + 20 - 100)), single);
  expect_real(out[3]->reals[0], 0, near);
  model_free(m);
}

static void test_schedules(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "use schedule\n"
                       "param w: f32 = 1\n"
                       "entry train(a: f32, b: f32, c: f32) { minimize w * a * b * c over w with sgd(1.0) }\n"
                       "task t { run(train(a: cosine(1.0, 0.2), b: linear(1.0, 0.0, warm_up: 4),\n"
                       "                   c: epoch < 2 ? 0.5 : 0.9), steps: 10) }\n", NULL);
  const task_run *run = &m->program->tasks[0].runs[0];
  const double expected[][3] = {{1, 0.25, 0.5}, {0.2, 0, 0.9}};
  for (int at = 0; at < 2; at++)
    for (int i = 0; i < 3; i++) {
      tensor *out, *times[3];
      const tensor_type scalar = type_scalar(DTYPE_F64);
      for (int k = 0; k < 3; k++) times[k] = tensor_new(m->arena, &scalar);
      times[0]->reals[0] = 9 * at; /* step, epoch, steps */
      times[1]->reals[0] = 3 * at;
      times[2]->reals[0] = 10;
      graph_eval(&(evaluation){.arena = m->arena}, run->arguments[i].value,
                 (const tensor *const *)times, NULL, NULL, &out, NULL);
      expect_real(out->reals[0], expected[at][i], near);
    }
  model_free(m);
}

/* --- options -------------------------------------------------------------------------------- */

static void test_definitions_and_specialisations(void **state) {
  (void)state;
  const char *text = "const B = 4\n"
                     "const D = B * 2\n"
                     "param w: f32[3] = 2\n"
                     "entry e(x: f32[B, 3]) -> (y) { y = sum(x @ w) + D }\n"
                     "entry f[n = 2](x: f32[n, 3]) -> (y) { y = sum(x) }\n";
  const definition definitions[] = {{"B", "2 + 1"}};
  const specialisation specialisations[] = {{"e", "B", 2}};
  model *m = model_new(text, &(elaborate_options){.definitions = definitions,
                                                  .definition_count = 1,
                                                  .specialisations = specialisations,
                                                  .specialisation_count = 1});
  assert_string_equal(program_batch_constant(m->program, "e"), "B");
  assert_null(program_batch_constant(m->program, "f"));
  assert_int_equal(program_entry(m->program, "e")->inputs[0].node->type.dims[0].maximum, 3);
  const graph *g = program_entry(m->program, "e_2");
  assert_non_null(g);
  assert_int_equal(g->inputs[0].node->type.dims[0].maximum, 2);
  model_free(m);
}

static void test_files_beside_the_model(void **state) {
  (void)state;
  const elaborate_options options = {.folder = "tests/lang/use"};
  model *m = model_new("use mine\n"
                       "use loss\n"
                       "entry e(x: f32) -> (y, z) {\n"
                       "  y = squash(x)\n"
                       "  z = cross_entropy(x, 1)\n"
                       "}\n", &options);
  tensor **out = model_run(m, "e", (const tensor *[]){model_scalar(m->arena, 12)});
  expect_real(out[0]->reals[0], 6 * 12 + 2, near);
  expect_real(out[1]->reals[0], 11, near);
  const char *not_passed_on = "use mine\nentry e(x: f32) -> (y) { y = relu(x) + TWO }\n";
  const char *messages = model_refusal(m->arena, "model.dnn", not_passed_on, &options);
  assert_non_null(strstr(messages, "`use nn`"));
  assert_non_null(strstr(messages, "`TWO`"));
  model_free(m);
}

/* A declaration with a tuple makes a slot for each leaf; the name stands for the tuple of them. */
static void test_states_of_tuples(void **state) {
  (void)state;
  model *m = model_new("fn start[b]() { z = zeros[b](); (h: z, c: (z + 1, 2 * z + 5)) }\n"
                       "state memory = start[2]()\n"
                       "fn counter { state s = (n: 0.0, last: zeros[2]())\n"
                       "  fn add(x) { s <- (last: x, n: s.n + 1); s.n } }\n"
                       "k = counter\n"
                       "entry e(x: f32[4, 2]) -> (h, c, n, last, kept) {\n"
                       "  s = memory\n"
                       "  scan v in x { s = (h: v + s.h, c: (s.c[0] * 2, s.c[1])) }\n"
                       "  memory <- s\n"
                       "  memory.h[0] <- 7\n"
                       "  repeat 3 { memory.c[1] <- memory.c[1] + 1 }\n"
                       "  h = memory.h\n"
                       "  c = memory.c[0] + memory.c[1]\n"
                       "  n = k.add(x[0])\n"
                       "  last = k.s.last\n"
                       "  kept = sum(flat(states(k)))\n"
                       "}\n", NULL);
  static const char *const paths[] = {"k.s.last", "k.s.n", "memory.c[0]", "memory.c[1]", "memory.h"};
  assert_int_equal(m->program->slot_count, 5);
  for (int i = 0; i < 5; i++) assert_string_equal(m->program->slots[i].path, paths[i]);
  tensor *x = tensor_new(m->arena, &program_entry(m->program, "e")->inputs[0].node->type);
  for (int i = 0; i < 8; i++) x->reals[i] = i + 1;
  tensor **out = model_run(m, "e", (const tensor *[]){x});
  expect_real(out[0]->reals[0], 7, near);
  expect_real(out[0]->reals[1], 2 + 4 + 6 + 8, near);
  expect_real(out[1]->reals[1], 16 + 5 + 3, near);
  expect_real(out[2]->reals[0], 1, near);
  expect_real(out[3]->reals[1], 2, near);
  expect_real(out[4]->reals[0], 1 + 1 + 2, near);
  model_free(m);
}

static void test_real_f64_widens_everything(void **state) {
  (void)state;
  model *m = model_new("use nn\n"
                       "net = linear[2]\n"
                       "entry e(x: f32[4, 3]) -> (y) { y = sum(f32(net(x))) }\n",
                       &(elaborate_options){.real_f64 = true});
  for (int i = 0; i < m->program->slot_count; i++)
    assert_int_equal(m->program->slots[i].type.element, DTYPE_F64);
  const graph *g = program_entry(m->program, "e");
  for (int i = 0; i < g->node_count; i++)
    assert_int_not_equal(g->nodes[i]->type.element, DTYPE_F32);
  model_free(m);
}

static void test_wrong_options_are_refused(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *text = "const B = 4\nentry e(x: f32[B]) -> (y) { y = x }\n";
  const definition unknown[] = {{"C", "1"}}, wrong[] = {{"B", "1 +"}}, two[] = {{"B", "1\nconst C = 2"}};
  const definition *const all[] = {unknown, wrong, two};
  for (int i = 0; i < 3; i++) {
    const elaborate_options options = {.definitions = all[i], .definition_count = 1};
    assert_true(strlen(model_refusal(a, "model.dnn", text, &options)) > 0);
  }
  const specialisation none[] = {{"f", "B", 2}};
  const elaborate_options options = {.specialisations = none, .specialisation_count = 1};
  assert_non_null(strstr(model_refusal(a, "model.dnn", text, &options), "`f`"));
  arena_free(a);
}

/* --- leaf by leaf, and what an entry gives --------------------------------------------------- */

static void test_tuples_go_leaf_by_leaf(void **state) {
  (void)state;
  model *m = model_new("entry f(x: f32[2], y: f32[2]) -> (chosen, ones, along) {\n"
                       "  t = (a: x, b: (y, 3 * y))\n"
                       "  chosen = sum(flat(t > 2 ? t : -t))\n"
                       "  ones = sum(flat(ones_like(t) * t))\n"
                       "  along = jvp(sum(x * x * y), (x, y), 2)\n"
                       "}\n", NULL);
  const double x[] = {1, 3}, y[] = {2, -1};
  const tensor *inputs[] = {model_tensor(m->arena, 1, (int64_t[]){2}, x),
                            model_tensor(m->arena, 1, (int64_t[]){2}, y)};
  tensor **outputs = model_run(m, "f", inputs);
  expect_real(outputs[0]->reals[0], (-1 + 3) + (-2 + 1) + (6 + 3), near);
  expect_real(outputs[1]->reals[0], (1 + 3) + (2 - 1) + (6 - 3), near);
  /* 2 sum(2 x y + x^2) */
  expect_real(outputs[2]->reals[0], 2 * (2 * (1 * 2 + 3 * -1) + (1 + 9)), near);
  model_free(m);
}

static void test_an_entry_gives_its_last_expression(void **state) {
  (void)state;
  model *m = model_new("state n: f32 = 5\n"
                       "entry f(x: f32[2]) { sum(x) }\n"
                       "entry g(x: f32[2]) { n <- n + x[0] }\n", NULL);
  const double x[] = {1, 3};
  const tensor *inputs[] = {model_tensor(m->arena, 1, (int64_t[]){2}, x)};
  expect_real(model_real(m, "f", inputs), 4, near);
  model_run(m, "g", inputs);
  expect_real(model_slot_real(m, "n", 0), 6, near);
  for (int i = 0; i < m->program->entry_count; i++) {
    const graph *g = m->program->entries[i];
    assert_int_equal(g->output_count, strcmp(g->name, "f") == 0);
  }
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_regression_steps_downhill),
      cmocka_unit_test(test_adam_follows_the_paper),
      cmocka_unit_test(test_stages_run_in_order),
      cmocka_unit_test(test_named_optimisers_are_shared),
      cmocka_unit_test(test_gradients_are_taken_before_updates),
      cmocka_unit_test(test_second_derivatives),
      cmocka_unit_test(test_states_can_swap),
      cmocka_unit_test(test_instances_share_and_anonymous_ones_do_not),
      cmocka_unit_test(test_bundles_have_members),
      cmocka_unit_test(test_tuples_of_parameters),
      cmocka_unit_test(test_ordinals_are_lexical),
      cmocka_unit_test(test_draws_depend_on_their_place),
      cmocka_unit_test(test_draws_do_not_depend_on_lines),
      cmocka_unit_test(test_distributions),
      cmocka_unit_test(test_losses_are_stable),
      cmocka_unit_test(test_pooling_crops_the_remainder),
      cmocka_unit_test(test_schedules),
      cmocka_unit_test(test_definitions_and_specialisations),
      cmocka_unit_test(test_files_beside_the_model),
      cmocka_unit_test(test_states_of_tuples),
      cmocka_unit_test(test_real_f64_widens_everything),
      cmocka_unit_test(test_wrong_options_are_refused),
      cmocka_unit_test(test_tuples_go_leaf_by_leaf),
      cmocka_unit_test(test_an_entry_gives_its_last_expression),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
