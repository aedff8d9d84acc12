/* Long sums in parts: same values, and parts where they are worth it. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "contraction.h"
#include "fuse.h"
#include "graph_case.h"
#include "op.h"
#include "verify.h"

/* The only live contraction of a graph. */
static const node *contraction_in(arena *a, const graph *g) {
  const int *uses = graph_uses(g, a);
  const node *found = NULL;
  for (int i = 0; i < g->node_count; i++)
    if (uses[i] > 0 && op_has(g->nodes[i]->op, CONTRACTION)) {
      assert_null(found);
      found = g->nodes[i];
    }
  assert_non_null(found);
  return found;
}

/* Splits, compares values, and returns the contraction that is left. */
static const node *split_and_compare(arena *a, const graph *g) {
  graph *split = contraction_split(g);
  const char *message = graph_violation(split, a);
  if (message) fail_msg("%s", message);
  const tensor **values = random_inputs(a, g, 7, -1, 1);
  message = compare_tensors(a, evaluate(a, split, values)[0], evaluate(a, g, values)[0],
                            (tolerance){1e-9, 1e-9});
  if (message) fail_msg("%s", message);
  return contraction_in(a, split);
}

static node *input(graph *g, const char *name, int rank, const int64_t *extents) {
  tensor_type type = type_of(DTYPE_F64, rank, extents);
  return graph_add_input(g, name, &type);
}

/* Batch, contracted and free axes stand in different places on the two sides. */
static void test_dot(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "dot");
  node *x = input(g, "x", 4, (int64_t[]){3, 2, 200000, 2});
  node *y = input(g, "y", 3, (int64_t[]){200000, 2, 2});
  dot_axes axes = {1, 2, (int64_t[]){1}, (int64_t[]){2}, (int64_t[]){3, 2}, (int64_t[]){1, 0}};
  graph_add_output(g, "r", build_dot(g, x, y, &axes));
  assert_int_equal(node_ints(contraction_in(a, g), 0, NULL)[0], 1);
  const node *n = split_and_compare(a, g);
  int batch_count;
  const int64_t *batch = node_ints(n, 0, &batch_count);
  assert_int_equal(batch_count, 2);
  assert_int_equal(n->operands[0]->type.dims[batch[0]].maximum, n->type.dims[0].maximum);
  assert_true(n->type.dims[0].maximum > 1);
  arena_free(a);
}

/* The gradient of a convolution by its filters, with stride and padding. */
static void test_filter_gradient(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "conv");
  node *x = input(g, "x", 4, (int64_t[]){32, 2, 29, 27});
  node *w = input(g, "w", 4, (int64_t[]){6, 2, 5, 3});
  conv_shape shape = {{2, 1}, {2, 1}, {1, 2}, {1, 1}, {1, 2}, 1};
  node *y = build_conv(g, x, w, &shape), *gradients[2];
  node *cotangent = graph_add_input(g, "g", &y->type);
  op_definitions[OP_CONV]->grad(g, y, cotangent, (bool[]){false, true}, gradients);
  graph_add_output(g, "r", gradients[1]);
  assert_int_equal(node_int(contraction_in(a, g), 5), 1);
  const node *split = split_and_compare(a, g);
  assert_true(node_int(split, 5) > 1);
  for (int i = 0; i < 2; i++) /* images and cotangents are read where they lie */
    assert_int_equal(contraction_operand_root(a, split, i).root->op, OP_INPUT);
  arena_free(a);
}

/* Wide results, short sums and little work stay whole. */
static void test_whole(void **state) {
  (void)state;
  static const int64_t shapes[][3] = {{200, 200, 200}, {1, 1, 4096}, {64, 10, 84}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    arena *a = arena_new();
    graph *g = graph_new(a, NULL, "whole");
    node *x = input(g, "x", 2, (int64_t[]){shapes[i][0], shapes[i][2]});
    node *y = input(g, "y", 2, (int64_t[]){shapes[i][2], shapes[i][1]});
    graph_add_output(g, "r", build_matmul(g, x, y));
    int batch_count;
    node_ints(contraction_in(a, contraction_split(g)), 0, &batch_count);
    assert_int_equal(batch_count, 0);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dot),
      cmocka_unit_test(test_filter_gradient),
      cmocka_unit_test(test_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
