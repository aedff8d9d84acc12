/* What the larger constructs of the language mean: copies, collections, members, instances as
 * values, forward derivatives, draws,
 * static arguments of runs. Small models, run by the graph interpreter. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../model_case.h"

static const tolerance near = {1e-12, 1e-12};
static const tolerance exactly = {0, 0};

static void expect_real(double actual, double expected, tolerance t) {
  if (!compare_real(actual, expected, t)) fail_msg("%.17g is not %.17g", actual, expected);
}

/* All outputs of an entry without inputs are scalars: reals. */
static void expect_outputs(model *m, const char *entry, const double *expected) {
  tensor **out = model_run(m, entry, NULL);
  const graph *g = program_entry(m->program, entry);
  for (int i = 0; i < g->output_count; i++) {
    assert_int_equal(g->outputs[i].node->type.rank, 0);
    if (!compare_real(out[i]->reals[0], expected[i], near))
      fail_msg("%s.%s: %.17g is not %.17g", entry, g->outputs[i].name, out[i]->reals[0],
               expected[i]);
  }
}

/* --- copies --------------------------------------------------------------------------------- */

static const char copies[] =
    "use nn\n"
    "use optim\n"
    "fn net(x) {\n"
    "  param scale: f32[2] = uniform()\n"
    "  cell = linear[2]\n"
    "  state calls: f32 = 0\n"
    "  calls <- calls + 1\n"
    "  sum(scale * tanh(linear[2](cell(x))))\n"
    "}\n"
    "q = net\n"
    "target = copy(q)\n"
    "all = (q, target)\n"
    "twins = copy(all)\n";

/* A copy starts as its origin and is then its own. */
static void test_copies_have_their_own_slots(void **state) {
  (void)state;
  const char *rest = "entry learn(x: f32[1, 2]) -> (y) { y = q(x)\n minimize y over q with sgd(0.1) }\n"
                     "entry slow() { params(target) <- 0.5 * params(target) + 0.5 * params(q) }\n"
                     "entry compare(x: f32[1, 2]) -> (y) { y = target(x) + 0 * twins[1](x) }\n";
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "%s%s", copies, rest), NULL);
  arena_free(a);
  const double x[] = {1, -2};
  const tensor *inputs[] = {model_tensor(m->arena, 2, (int64_t[]){1, 2}, x)};
  static const char *const names[] = {"scale", "cell.w", "linear_0.w"};
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 2; k++) {
      double first = model_slot_real(m, arena_printf(m->arena, "q.%s", names[i]), k);
      assert_true(first != 0);
      expect_real(model_slot_real(m, arena_printf(m->arena, "target.%s", names[i]), k), first,
                  exactly);
      expect_real(model_slot_real(m, arena_printf(m->arena, "twins[1].%s", names[i]), k), first,
                  exactly);
    }
  double before = model_real(m, "learn", inputs);
  expect_real(model_real(m, "compare", inputs), before, near);
  double old = model_slot_real(m, "target.scale", 0), new = model_slot_real(m, "q.scale", 0);
  assert_true(old != new);
  model_run(m, "slow", NULL);
  expect_real(model_slot_real(m, "target.scale", 0), 0.5 * old + 0.5 * new, near);
  expect_real(model_slot_real(m, "q.scale", 0), new, exactly);
  expect_real(model_slot_real(m, "target.calls", 0), 1, exactly);
  model_free(m);
}

/* A copy that is called before its origin draws what the origin would draw. */
static void test_copies_do_not_depend_on_the_order(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *one = "entry e(x: f32[1, 2]) -> (y) { y = target(x) + q(x) }\n";
  const char *other = "entry e(x: f32[1, 2]) -> (y) { y = q(x) + target(x) }\n";
  model *m = model_new(arena_printf(a, "%s%s", copies, one), NULL);
  model *n = model_new(arena_printf(a, "%s%s", copies, other), NULL);
  assert_int_equal(m->program->slot_count, n->program->slot_count);
  expect_real(model_slot_real(m, "target.cell.w", 1), model_slot_real(m, "q.cell.w", 1), exactly);
  expect_real(model_slot_real(m, "target.cell.w", 1), model_slot_real(n, "q.cell.w", 1), exactly);
  model_free(m);
  model_free(n);
  arena_free(a);
}

/* --- collections ---------------------------------------------------------------------------- */

static const char layers[] =
    "use optim\n"
    "fn layer[n](x) {\n"
    "  param w: f32[n] = 3\n"
    "  param b: f32 = 1\n"
    "  state calls: f32 = 0\n"
    "  calls <- calls + 1\n"
    "  sum(w * x) + b\n"
    "}\n"
    "fn pair(x) { layer[2](x) + layer[1](x) }\n"
    "net = pair\n"
    "enc = for i in 0..2 { emit layer[i + 1] }\n"
    "twins = copy(enc)\n"
    "entry call(x: f32) -> (y) { y = net(x) + enc[0](x) + enc[1](x) }\n";

static model *layers_model(const char *rest) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "%s%s", layers, rest), NULL);
  arena_free(a);
  return m;
}

static void test_params_are_chosen_by_path(void **state) {
  (void)state;
  model *m = layers_model(
      "entry counts() -> (a, b, c, d, e, f, g) {\n"
      "  a = f32(len(params(net)))\n"
      "  b = f32(len(params(net, only: \"*.w\")))\n"
      "  c = f32(len(params(net, without: \"*.layer_0.*\")))\n"
      "  d = f32(len(params(net, only: (\"*_0.w\", \"*.b\"), without: \"net.layer_1*\")))\n"
      "  e = f32(len(params(enc)))\n"
      "  f = f32(len(params(net, enc, only: \"*.b\")))\n"
      "  g = f32(len(states(enc[1])))\n"
      "}\n"
      "entry keys() -> (a, b) {\n"
      "  a = sum((params(enc) + params(twins))[0])\n"
      "  b = params((l: enc[1]), only: \"*.b\")[0]\n"
      "}\n"
      "entry weights() { minimize sum(flat(net)) over params(net, only: \"*.w\") with sgd(1.0) }\n"
      "entry rest() {\n"
      "  minimize sum(flat(net)) over net except params(net, only: \"*.w\"), net.layer_1.b with sgd(1.0)\n"
      "}\n");
  expect_outputs(m, "counts", (double[]){4, 2, 2, 2, 4, 4, 1});
  expect_outputs(m, "keys", (double[]){6, 1});
  model_run(m, "weights", NULL);
  expect_real(model_slot_real(m, "net.layer_0.w", 1), 2, near);
  expect_real(model_slot_real(m, "net.layer_0.b", 0), 1, exactly);
  model_run(m, "rest", NULL);
  expect_real(model_slot_real(m, "net.layer_0.w", 1), 2, exactly);
  expect_real(model_slot_real(m, "net.layer_0.b", 0), 0, near);
  expect_real(model_slot_real(m, "net.layer_1.b", 0), 1, exactly);
  model_free(m);
}

static void test_flat_and_unflat(void **state) {
  (void)state;
  model *m = layers_model(
      "entry e() -> (n, w, b, nested, same) {\n"
      "  v = flat(net)\n"
      "  n = f32(len(v))\n"
      "  t = unflat(f32(iota[5]()), net)\n"
      "  w = t[0][1]\n"
      "  b = t[3]\n"
      "  u = unflat(2 * flat((a: (1.0, 2.0), b: 3.0)), (a: (0.0, 0.0), b: 0.0))\n"
      "  nested = u.a[1] + 10 * u.b\n"
      "  same = sum(abs(flat(unflat(v, params(net))) - v))\n"
      "}\n"
      "entry step() { params(net) <- params(net) - unflat(0.5 * flat(grad(sum(flat(net) ** 2), net)), net) }\n");
  expect_outputs(m, "e", (double[]){5, 1, 4, 64, 0});
  model_run(m, "step", NULL);
  expect_real(model_slot_real(m, "net.layer_0.w", 0), 0, near);
  expect_real(model_slot_real(m, "net.layer_1.b", 0), 0, near);
  model_free(m);
}

static void test_collections_have_arithmetic(void **state) {
  (void)state;
  model *m = layers_model(
      "entry e(low: bool) -> (a, b, c, d, f) {\n"
      "  g = grad(2 * sum(flat(net)) + sum(enc[0].w ** 2), (net, (k: enc[0].w)))\n"
      "  a = g[1].k[0]\n"
      "  t = params(net) - 0.5 * g[0]\n"
      "  b = flat(t)[0]\n"
      "  best = low ? params(net) : t\n"
      "  c = sum(flat(best))\n"
      "  d = flat(max(-(1.0, 2.0), (0.0, -5.0)))[1]\n"
      "  same = (x: 1.0, y: 2.0) / (y: 4.0, x: 1.0)\n"
      "  f = same.y\n"
      "}\n");
  tensor_type type = type_scalar(DTYPE_BOOL);
  tensor *low = tensor_new(m->arena, &type);
  tensor **out = model_run(m, "e", (const tensor *[]){low});
  const double expected[] = {6, 2, 11 - 5, -2, 0.5};
  for (int i = 0; i < 5; i++) expect_real(out[i]->reals[0], expected[i], near);
  low->ints[0] = 1;
  expect_real(model_run(m, "e", (const tensor *[]){low})[2]->reals[0], 11, near);
  model_free(m);
}

/* --- members and instances as values -------------------------------------------------------- */

static void test_functions_have_members(void **state) {
  (void)state;
  model *m = model_new("fn unit(x) {\n"
                       "  param w: f32 = 3\n"
                       "  w * x\n"
                       "}\n"
                       "fn chain[k](x) {\n"
                       "  cell = unit\n"
                       "  param bias: f32 = 1\n"
                       "  fn step(x, more = 0.0) { cell(x) + bias + k + more }\n"
                       "  step(step(x))\n"
                       "}\n"
                       "net = chain[10]\n"
                       "entry whole() -> (y) { y = net(2.0) }\n"
                       "entry part() -> (y, w) {\n"
                       "  y = net.step(1.0, more: 100.0)\n"
                       "  w = net.cell.w + net.cell(2.0) - net.bias\n"
                       "}\n", NULL);
  expect_outputs(m, "whole", (double[]){3 * (3 * 2 + 11) + 11});
  expect_outputs(m, "part", (double[]){3 + 11 + 100, 3 + 6 - 1});
  assert_int_equal(m->program->slot_count, 2);
  model_free(m);
}

static void test_instances_are_values(void **state) {
  (void)state;
  model *m = model_new("fn unit[k](x) {\n"
                       "  param w: f32 = k\n"
                       "  w * x\n"
                       "}\n"
                       "fn apply(f, x) { f(x) }\n"
                       "fn all(fs, x) {\n"
                       "  for f in fs { x = apply(f, x) }\n"
                       "  x\n"
                       "}\n"
                       "fn towers[n](x) {\n"
                       "  tower = for i in 0..n { emit unit[i + 2] }\n"
                       "  all(tower, x) + all(tower[1:], x)\n"
                       "}\n"
                       "one = unit[7]\n"
                       "kept = (first: one, rest: (unit[11], unit[13]))\n"
                       "net = towers[3]\n"
                       "entry e() -> (a, b, c, d) {\n"
                       "  a = apply(one, 2.0)\n"
                       "  b = all(kept.rest, 1.0) + kept.first(1.0)\n"
                       "  c = net(1.0)\n"
                       "  (left, right) = kept.rest\n"
                       "  d = apply(sqrt, 16.0) + right(1.0) - grad(left(3.0), left).w\n"
                       "}\n", NULL);
  expect_outputs(m, "e", (double[]){14, 143 + 7, 24 + 12, 4 + 13 - 3});
  expect_real(model_slot_real(m, "net.tower[2].w", 0), 4, exactly);
  expect_real(model_slot_real(m, "kept.rest[1].w", 0), 13, exactly);
  assert_int_equal(m->program->slot_count, 6);
  model_free(m);
}

/* --- derivatives ---------------------------------------------------------------------------- */

static void test_forward_derivatives(void **state) {
  (void)state;
  model *m = model_new("param w: f64[2] = f64(iota[2]()) + 1\n"
                       "param b: f64 = 3\n"
                       "fn f() { b * w[0] ** 2 * w[1] }\n" /* at (1, 2), 3 */
                       "entry e() -> (d, vector, curved, both, again, none, tuple) {\n"
                       "  v = (f64(iota[2]()) + 5, 7.0)\n"
                       "  d = jvp(f(), (w, b), v)\n"
                       "  vector = jvp(w ** 2 * b, w, f64(iota[2]()))[1]\n"
                       "  h = jvp(grad(f(), (w, b)), (w, b), v)\n"
                       "  curved = h[0][0] + 100 * h[1]\n"
                       "  both = sum(grad(jvp(f(), w, v[0]), w))\n"
                       "  again = jvp(jvp(f(), w, v[0]), w, v[0])\n"
                       "  none = jvp((f(), stop_gradient(w)), w, 1)[1][0]\n"
                       "  tuple = jvp((x: sum(w), y: b), (w, b), v).x\n"
                       "}\n", NULL);
  /* gradient of f: (2 b w0 w1, b w0 w0, w0 w0 w1) = (12, 3, 2); v = (5, 6, 7) */
  expect_outputs(m, "e",
                 (double[]){12 * 5 + 3 * 6 + 2 * 7, 2 * 2 * 3,
                            (2 * 3 * 2 * 5 + 2 * 3 * 6 + 2 * 2 * 7) + 100 * (2 * 2 * 5 + 6),
                            (12 * 5 + 6 * 6) + 6 * 5, 12 * 25 + 2 * 6 * 30, 0, 11});
  model_free(m);
}

/* The value is the first's even where the second is far larger; the gradient is the second's. */
static void test_straight_through(void **state) {
  (void)state;
  model *m = model_new("param w: f32 = 0.3\n"
                       "entry e() -> (v, big, g, pair) {\n"
                       "  y = straight_through(f32(w > 0.2), sigmoid(w) * 4)\n"
                       "  v = y\n"
                       "  big = straight_through(w, 1e20 * w) - w\n"
                       "  g = grad(y * y, w) - 2 * grad(4 * sigmoid(w), w)\n"
                       "  pair = straight_through((sign(w), 2.0), (w, w))[1]\n"
                       "}\n", NULL);
  expect_outputs(m, "e", (double[]){1, 0, 0, 2});
  model_free(m);
}

/* --- draws ---------------------------------------------------------------------------------- */

static void test_categorical_draws_classes(void **state) {
  (void)state;
  model *m = model_new("entry e() -> (a, b, c, never, leads) {\n"
                       "  k = categorical[20000](log(stack(0.2, 0.5, 0.3)))\n"
                       "  a = mean(f32(k == 0))\n"
                       "  b = mean(f32(k == 1))\n"
                       "  c = mean(f32(k == 2))\n"
                       "  logits = stack(0.0, -inf, 0.0)\n"
                       "  never = sum(f32(categorical[1000](logits) == 1))\n"
                       "  leads = f32(categorical(stack(stack(0.0, 50.0), stack(50.0, 0.0)))[0])\n"
                       "}\n", NULL);
  tensor **out = model_run(m, "e", NULL);
  const double expected[] = {0.2, 0.5, 0.3};
  for (int i = 0; i < 3; i++) expect_real(out[i]->reals[0], expected[i], (tolerance){0.015, 0});
  expect_real(out[3]->reals[0], 0, exactly);
  expect_real(out[4]->reals[0], 1, exactly);
  model_free(m);
}

static void test_permutations(void **state) {
  (void)state;
  enum { N = 200 };
  model *m = model_new("entry e() -> (p, q) {\n"
                       "  p = permutation[200]()\n"
                       "  q = permutation[200]()\n"
                       "}\n", NULL);
  tensor **out = model_run(m, "e", NULL);
  int moved = 0;
  for (int which = 0; which < 2; which++) {
    bool seen[N] = {false};
    for (int i = 0; i < N; i++) {
      int64_t p = out[which]->ints[i];
      assert_in_range(p, 0, N - 1);
      assert_false(seen[p]);
      seen[p] = true;
      moved += out[0]->ints[i] != out[1]->ints[i];
    }
  }
  assert_true(moved > N); /* two draws differ in nearly all of 2 N places */
  model_free(m);
}

static void test_stack_joins_along_a_new_axis(void **state) {
  (void)state;
  model *m = model_new("entry e() -> (a, b, n) {\n"
                       "  x = f32(iota[3]())\n"
                       "  y = stack(x, 10 * x)\n"
                       "  z = stack[-1](x, 10 * x)\n"
                       "  a = y[1, 2]\n"
                       "  b = z[2, 1] + sum(abs(z - y.T))\n"
                       "  n = f32(len(z))\n"
                       "}\n", NULL);
  expect_outputs(m, "e", (double[]){20, 20, 3});
  model_free(m);
}

/* --- subscripts known at run time ------------------------------------------------------------- */

static void test_tables_are_read_by_index(void **state) {
  (void)state;
  model *m = model_new("param w: f32[4, 3] = 1\n"
                       "entry e() -> (a, b, c, d, f, outside) {\n"
                       "  t = reshape[4, 3](f32(iota[12]()))\n"
                       "  k = reshape[2, 2](iota[4]()) * 3 // 2\n" /* 0 1 / 3 4 */
                       "  a = t[k][0, 1, 2]\n"
                       "  b = t[1:, u8(k)][2, 0, 1]\n"
                       "  c = t[k[1, 0], 1:][1]\n"
                       "  d = sum(t[:, new, k[0]][3, 0])\n"
                       "  f = sum(grad(sum(w[k] * 2), w)[3])\n"
                       "  outside = sum(abs(t[k[1, 1]])) + sum(abs(t[k[0, 0] - 1]))\n"
                       "}\n", NULL);
  expect_outputs(m, "e", (double[]){5, 10, 11, 9 + 10, 6, 0});
  model_free(m);
}

/* --- tasks ---------------------------------------------------------------------------------- */

/* One entry for each set of static arguments, each with its own optimiser state. */
static void test_runs_give_static_arguments(void **state) {
  (void)state;
  const char *text = "use optim\n"
                     "const B = 4\n"
                     "param a: f32[2] = 1\n"
                     "param b: f32[2] = 2\n"
                     "fn weights() { (a, b) }\n"
                     "entry tune[l, sign = 1, training = true](rate: f32, x: f32[B]) -> (loss) {\n"
                     "  loss = sign * sum(weights()[l]) * mean(x) + (training ? 0.0 : 100.0)\n"
                     "  minimize loss over weights()[l] with momentum(rate)\n"
                     "}\n"
                     "entry other[k = 3]() -> (y) { y = f32(k) }\n"
                     "task first {\n"
                     "  d = data(\"f\", train: (x: npy(\"x.npy\")))\n"
                     "  for l in 0..2 { run(tune[l](d.train, rate: 1.0), epochs: 1) }\n"
                     "  run(tune[sign: -1, l: 0](d.train, rate: 1.0), epochs: 1)\n"
                     "  run(tune[1](d.train, rate: 0.5), epochs: 2)\n"
                     "}\n"
                     "task second after first {\n"
                     "  d = data(\"f\", train: (x: npy(\"x.npy\")))\n"
                     "  run(tune[0, training: false](d.train, rate: 1.0), epochs: 1)\n"
                     "  run(other(), once: true)\n"
                     "}\n";
  const specialisation specialisations[] = {{"tune_l1", "B", 2}};
  model *m = model_new(text, &(elaborate_options){.specialisations = specialisations,
                                                  .specialisation_count = 1});
  static const char *const runs[] = {"tune_l0", "tune_l1", "tune_l0_signm1", "tune_l1"};
  assert_int_equal(m->program->tasks[0].run_count, 4);
  for (int i = 0; i < 4; i++)
    assert_string_equal(m->program->tasks[0].runs[i].entry, runs[i]);
  assert_string_equal(m->program->tasks[1].runs[0].entry, "tune_l0_trainingfalse");
  assert_string_equal(m->program->tasks[1].runs[1].entry, "other");
  assert_string_equal(m->program->tasks[1].after, "first");
  assert_int_equal(m->program->entry_count, 6);
  assert_null(program_entry(m->program, "tune"));
  const double x[] = {1, 1, 1, 1};
  const tensor *inputs[] = {model_scalar(m->arena, 1),
                            model_tensor(m->arena, 1, (int64_t[]){4}, x)};
  expect_real(model_real(m, "tune_l0", inputs), 2, near);
  expect_real(model_real(m, "tune_l1", inputs), 4, near);
  expect_real(model_real(m, "tune_l0_signm1", inputs), 0, near);
  expect_real(model_slot_real(m, "b", 0), 1, near);
  expect_real(model_slot_real(m, "tune_l1.momentum_0.b.v", 0), 1, near);
  expect_real(model_slot_real(m, "tune_l0_signm1.momentum_0.a.v", 0), -1, near);
  expect_real(model_real(m, "tune_l0_trainingfalse", inputs), 102, near);
  const graph *smaller = program_entry(m->program, "tune_l1_2");
  assert_non_null(smaller);
  assert_int_equal(smaller->inputs[1].node->type.dims[0].maximum, 2);
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_copies_have_their_own_slots),
      cmocka_unit_test(test_copies_do_not_depend_on_the_order),
      cmocka_unit_test(test_params_are_chosen_by_path),
      cmocka_unit_test(test_flat_and_unflat),
      cmocka_unit_test(test_collections_have_arithmetic),
      cmocka_unit_test(test_functions_have_members),
      cmocka_unit_test(test_instances_are_values),
      cmocka_unit_test(test_forward_derivatives),
      cmocka_unit_test(test_straight_through),
      cmocka_unit_test(test_categorical_draws_classes),
      cmocka_unit_test(test_permutations),
      cmocka_unit_test(test_stack_joins_along_a_new_axis),
      cmocka_unit_test(test_tables_are_read_by_index),
      cmocka_unit_test(test_runs_give_static_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
