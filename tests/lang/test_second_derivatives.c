/* Second derivatives of recurrent layers and of normalisations: of each loss the product of its Hessian with
 * random directions, forward over reverse and reverse over reverse, against differences of its gradient, with
 * sign. The comparison refuses products that are negated, zero, or wrong in one element. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../graph_case.h"
#include "../model_case.h"

enum { DIRECTIONS = 2 };
static const double step = 2e-3, most_relative = 1e-7;

/* Bundles `problem` with a member `loss`, whose arguments are parameters too. */
static const char *const problems[] = {
    "use recurrent\n" /* a scan */
    "fn problem {\n"
    "  param x: f32[4, 2, 3] = normal()\n"
    "  layer = lstm_states[3, peepholes: true]\n"
    "  fn loss() { s = layer(x); sum(s.hs ** 3) + sum(s.c * s.h) }\n"
    "}\n",
    "use recurrent\n" /* its steps */
    "fn problem {\n"
    "  param x: f32[3, 2, 3] = normal()\n"
    "  param h0: f32[2, 3] = normal()\n"
    "  param c0: f32[2, 3] = normal()\n"
    "  cell = lstm_cell[3]\n"
    "  fn loss() {\n"
    "    h = h0; c = c0; total = 0.0\n"
    "    for t in 0..3 { (h, c) = cell(x[t], h, c); total = total + sum(h ** 2) * (t + 1) }\n"
    "    total + sum(c ** 3)\n"
    "  }\n"
    "}\n",
    "use recurrent\n" /* turns that are computed again */
    "fn problem {\n"
    "  param x: f32[5, 2, 3] = normal()\n"
    "  cell = lstm_cell[2]\n"
    "  fn loss() {\n"
    "    h = zeros[2, 2](); c = ones[2, 2]()\n"
    "    hs = scan[checkpoint: 2] v in x { (h, c) = cell(v, h, c); emit h }\n"
    "    sum(hs ** 3) + sum(h * c)\n"
    "  }\n"
    "}\n",
    "use recurrent\n"
    "fn problem {\n"
    "  param x: f32[3, 2, 3] = normal()\n"
    "  layer = bidirectional[gru[2]]\n"
    "  fn loss() { sum(layer(x) ** 3) }\n"
    "}\n",
    "use nn\n"
    "fn problem {\n"
    "  param x: f32[5, 3] = normal()\n"
    "  first = linear[4]\n"
    "  norm = batch_norm\n"
    "  fn loss() { sum(tanh(norm[training: true](first(x))) ** 3) + sum(x ** 2) }\n"
    "}\n",
    "use nn\n"
    "fn problem {\n"
    "  param x: f32[3, 2, 4, 4] = normal()\n"
    "  first = conv2d[3, 3]\n"
    "  norm = batch_norm\n"
    "  again = batch_norm\n"
    "  fn loss() {\n"
    "    y = sigmoid(norm[training: true](first(x)))\n"
    "    sum(again[training: true](y * sum[1, keep: true](y)) ** 3)\n"
    "  }\n"
    "}\n",
    "use nn\n"
    "fn problem {\n"
    "  param x: f32[4, 5] = normal()\n"
    "  norm = layer_norm\n"
    "  second = linear[3]\n"
    "  fn loss() { sum(tanh(second(norm(x))) ** 3) }\n"
    "}\n",
};

static model *problem_model(const char *problem, int64_t size) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "%snet = problem\n"
                                    "entry slope() -> (g) { g = flat(grad(net.loss(), net)) }\n"
                                    "entry move(v: f32[%d], far: f32) {\n"
                                    "  params(net) <- params(net) + far * unflat(v, net)\n"
                                    "}\n"
                                    "entry products(v: f32[%d]) -> (forward, reverse) {\n"
                                    "  g = grad(net.loss(), net)\n"
                                    "  forward = flat(jvp(g, net, unflat(v, net)))\n"
                                    "  reverse = flat(grad(sum(flat(g) * v), net))\n"
                                    "}\n", problem, (int)size, (int)size), NULL);
  arena_free(a);
  return m;
}

/* The number of parameters. */
static int64_t size_of(const char *problem) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "%snet = problem\nentry slope() -> (g) { g = flat(grad(net.loss(), net)) }\n",
                                    problem), NULL);
  const int64_t size = type_elements(&program_entry(m->program, "slope")->outputs[0].node->type);
  model_free(m);
  arena_free(a);
  return size;
}

static void move(model *m, const tensor *v, double far) {
  model_run(m, "move", (const tensor *[]){v, model_scalar(m->arena, far)});
}

/* (g(p + far v) - g(p - far v)) / 2 far */
static double *central(model *m, const tensor *v, double far) {
  move(m, v, far);
  const double *above = model_run(m, "slope", NULL)[0]->reals;
  move(m, v, -2 * far);
  const double *below = model_run(m, "slope", NULL)[0]->reals;
  move(m, v, far);
  const int64_t n = type_elements(&v->type);
  double *result = arena_array_of(m->arena, n, double);
  for (int64_t i = 0; i < n; i++) result[i] = (above[i] - below[i]) / (2 * far);
  return result;
}

/* Of fourth order: the error of the central difference over half the way is a quarter. */
static double *difference(model *m, const tensor *v) {
  double *wide = central(m, v, step), *near = central(m, v, step / 2);
  for (int64_t i = 0; i < type_elements(&v->type); i++) near[i] = (4 * near[i] - wide[i]) / 3;
  return near;
}

/* Element by element, to a part of the largest one. */
static bool agrees(int64_t n, const double *product, const double *expected) {
  double size = 0;
  bool all = true;
  for (int64_t i = 0; i < n; i++) size = fmax(size, fabs(expected[i]));
  for (int64_t i = 0; i < n; i++) all = all && fabs(product[i] - expected[i]) <= most_relative * size;
  return all && size > 0.1;
}

static void expect_refused(arena *a, int64_t n, const double *product, const double *expected) {
  double *wrong = arena_array_of(a, n, double);
  for (int64_t i = 0; i < n; i++) wrong[i] = -product[i];
  assert_false(agrees(n, wrong, expected));
  for (int64_t i = 0; i < n; i++) wrong[i] = 0;
  assert_false(agrees(n, wrong, expected));
  int64_t largest = 0;
  for (int64_t i = 0; i < n; i++) {
    wrong[i] = product[i];
    if (fabs(product[i]) > fabs(product[largest])) largest = i;
  }
  wrong[largest] *= 1 + 1e-5;
  assert_false(agrees(n, wrong, expected));
}

static void check_problem(const char *problem) {
  const int64_t n = size_of(problem);
  model *m = problem_model(problem, n);
  const tensor_type type = type_of(DTYPE_F32, 1, &n);
  move(m, random_tensor(m->arena, &type, 1, -0.3, 0.3), 1); /* off zeros and ones */
  for (int i = 0; i < DIRECTIONS; i++) {
    const tensor *v = random_tensor(m->arena, &type, 2 + (uint64_t)i, -1, 1);
    const double *expected = difference(m, v);
    tensor **products = model_run(m, "products", &v);
    for (int k = 0; k < 2; k++) {
      if (!agrees(n, products[k]->reals, expected))
        fail_msg("%s: %s is not the difference of gradients", problem, k ? "reverse" : "forward");
      expect_refused(m->arena, n, products[k]->reals, expected);
    }
  }
  model_free(m);
}

static void test_products_with_hessians(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) check_problem(problems[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_products_with_hessians)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
