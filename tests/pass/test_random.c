/* Random programs: passes keep their values, text its graph, and gradients agree with differences.
 */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "grad.h"
#include "graph_case.h"
#include "op.h"
#include "pass.h"
#include "random_graph.h"
#include "verify.h"

enum { PROGRAMS = 200, SIZE = 30 };

static void passes_keep_values(void **state) {
  (void)state;
  int shrunk = 0;
  for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
    arena *a = arena_new();
    graph *g = random_graph(a, seed, DTYPE_F64, SIZE);
    graph *simple = pass_run(g, graph_pass_count, graph_passes, NULL);
    const tensor **inputs = random_inputs(a, g, seed, -2, 2);
    tensor **expected = evaluate(a, g, inputs), **actual = evaluate(a, simple, inputs);
    for (int i = 0; i < g->output_count; i++) {
      const char *message = compare_tensors(a, actual[i], expected[i], (tolerance){1e-11, 1e-11});
      if (message)
        fail_msg("seed %d, %s: %s\n%s\n%s", (int)seed, g->outputs[i].name, message,
                 graph_to_text(a, g), graph_to_text(a, simple));
    }
    shrunk += simple->node_count < g->node_count;
    arena_free(a);
  }
  assert_true(shrunk > PROGRAMS / 2);
}

static void text_reads_back(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
    arena *a = arena_new();
    const char *text = graph_to_text(a, random_graph(a, seed, DTYPE_F32, SIZE));
    assert_string_equal(graph_to_text(a, graph_from_text(a, text)), text);
    arena_free(a);
  }
}

/* The sum of all floating outputs. */
static node *total(graph *g) {
  node *sum = build_real(g, DTYPE_F64, 0);
  for (int i = 0; i < g->output_count; i++) {
    node *n = g->outputs[i].node;
    int64_t axes[MAX_RANK];
    for (int k = 0; k < n->type.rank; k++)
      axes[k] = k;
    if (dtype_is_float(n->type.element))
      sum = build_map2(g, SCALAR_ADD, sum, build_reduce(g, OP_SUM, n, n->type.rank, axes));
  }
  return sum;
}

/* stop makes the derivative differ from the difference: programs with it are left out. */
static bool has_stop(const graph *g) {
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_MAP && g->nodes[id]->function == SCALAR_STOP)
      return true;
  return false;
}

static double loss_at(const graph *g, const tensor *const *inputs, int output) {
  arena *a = arena_new();
  double loss = evaluate(a, g, inputs)[output]->reals[0];
  arena_free(a);
  return loss;
}

/* The difference quotient along the last inputs' directions. */
static double quotient(arena *a, const graph *g, const tensor **inputs, int output, double h) {
  double values[2];
  for (int side = 0; side < 2; side++) {
    const tensor *moved[8];
    memcpy(moved, inputs, (size_t)g->input_count * sizeof *moved);
    for (int i = 0; i < 3; i++) {
      tensor *x = tensor_new(a, &inputs[i]->type);
      for (int64_t k = 0; k < type_elements(&x->type); k++)
        x->reals[k] = inputs[i]->reals[k] + (side ? -h : h) * inputs[4 + i]->reals[k];
      moved[i] = x;
    }
    values[side] = loss_at(g, moved, output);
  }
  return (values[0] - values[1]) / (2 * h);
}

static void gradients_agree(void **state) {
  (void)state;
  int checked = 0;
  for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
    arena *a = arena_new();
    graph *g = random_graph(a, seed, DTYPE_F64, SIZE / 2);
    int loss_place = g->output_count;
    node *loss = total(g), *slope = build_real(g, DTYPE_F64, 0);
    node *wanted[3];
    for (int i = 0; i < 3; i++)
      wanted[i] = g->inputs[i].node;
    gradients *s = grad_sweep(g, loss, 3, wanted);
    for (int i = 0; i < 3; i++) {
      node *u = graph_add_input(g, "u", &wanted[i]->type), *gradient = grad_of(s, wanted[i]);
      int64_t axes[] = {0, 1, 2};
      if (gradient)
        slope = build_map2(
            g, SCALAR_ADD, slope,
            build_reduce(g, OP_SUM, build_map2(g, SCALAR_MUL, gradient, u), u->type.rank, axes));
    }
    graph_add_output(g, "loss", loss);
    graph_add_output(g, "slope", slope);
    graph *simple = pass_run(g, graph_pass_count, graph_passes, NULL);
    const tensor **inputs = random_inputs(a, g, seed, -2, 2);
    double expected = quotient(a, g, inputs, loss_place, 1e-6);
    double again = quotient(a, g, inputs, loss_place, 3e-6);
    bool smooth = fabs(expected - again) <= 1e-6 * (1 + fabs(expected)); /* no kink in between */
    if (smooth && !has_stop(g)) {
      checked++;
      double actual = loss_at(g, inputs, loss_place + 1);
      double simplified = loss_at(simple, inputs, loss_place + 1);
      if (!compare_real(actual, expected, (tolerance){2e-6, 2e-6}) ||
          !compare_real(simplified, actual, (tolerance){1e-9, 1e-9}))
        fail_msg("seed %d: %.12g, simplified %.12g, differences give %.12g\n%s", (int)seed, actual,
                 simplified, expected, graph_to_text(a, g));
    }
    arena_free(a);
  }
  assert_true(checked > PROGRAMS / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(passes_keep_values),
      cmocka_unit_test(text_reads_back),
      cmocka_unit_test(gradients_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
