/* Kernels of products and convolutions against the graph interpreter, for vectors of three lengths
 * and operands that lie in memory in all the ways that views bring about. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "contraction_case.h"
#include "eval_loop.h"
#include "graph_case.h"

/* Sums of so many terms in [-1, 1] may differ by their rounding. */
static tolerance tolerance_of(const node *n) {
  double terms = (double)type_elements(&n->operands[1]->type);
  double unit = n->type.element == DTYPE_F64 ? 1e-15 : 2e-7;
  return (tolerance){unit * (8 + terms), 0};
}

static const graph *graph_of(const node *n, arena *a) {
  graph *g = graph_new(a, NULL, "node");
  node *operands[2];
  for (int i = 0; i < 2; i++)
    operands[i] = graph_add_input(g, i == 0 ? "x" : "w", &n->operands[i]->type);
  graph_add_output(g, "y", build_like(g, n, operands));
  return g;
}

/* Runs the kernel on the values and compares; where memory before the result is kept as it was, what
 * the kernel does not write shows as NaN or as a wrong integer. */
static void compare_kernel(arena *a, const contraction_case *k, const tensor *const *values,
                           const tensor *expected, const target *t) {
  size_t bytes = (size_t)type_bytes(&k->node->type);
  void *result = arena_alloc(a, bytes);
  memset(result, 0xff, bytes);
  void *arguments[3] = {contraction_case_operand(k, 0, values[0]),
                        contraction_case_operand(k, 1, values[1]), result};
  const char *message = loop_run(a, k->kernel, &(loop_machine){t->fma}, arguments);
  if (!message) message = compare_array(a, result, expected, tolerance_of(k->node));
  if (message)
    fail_msg("%s %s: %s", t->cpu,
             contraction_schedule_text(a, &k->contraction, &k->schedule), message);
}

static void compare_node(arena *a, const node *n, uint64_t seed) {
  const graph *g = graph_of(n, a);
  const tensor **values = random_inputs(a, g, seed, -1, 1);
  if (!dtype_is_float(n->type.element)) values = random_inputs(a, g, seed, -100, 100);
  tensor *expected = evaluate(a, g, values)[0];
  for (int t = 0; t < 3; t++) {
    operand_layout left = (operand_layout)((seed + (uint64_t)t) % LAYOUT_COUNT);
    operand_layout right = (operand_layout)((seed / LAYOUT_COUNT) % LAYOUT_COUNT);
    const target *cpu = &contraction_targets[t];
    compare_kernel(a, contraction_case_new(a, n, cpu, left, right), values, expected, cpu);
  }
}

static void compare_random(op_code op, dtype element, int count) {
  for (int seed = 0; seed < count; seed++) {
    arena *a = arena_new();
    compare_node(a, random_contraction(a, (uint64_t)seed, op, element, 60000), (uint64_t)seed);
    arena_free(a);
  }
}

static void test_dot_f32(void **state) { (void)state; compare_random(OP_DOT, DTYPE_F32, 150); }
static void test_dot_f64(void **state) { (void)state; compare_random(OP_DOT, DTYPE_F64, 60); }
static void test_dot_i32(void **state) { (void)state; compare_random(OP_DOT, DTYPE_I32, 40); }
static void test_dot_u8(void **state) { (void)state; compare_random(OP_DOT, DTYPE_U8, 20); }
static void test_conv_f32(void **state) { (void)state; compare_random(OP_CONV, DTYPE_F32, 150); }
static void test_conv_f64(void **state) { (void)state; compare_random(OP_CONV, DTYPE_F64, 60); }
static void test_conv_i32(void **state) { (void)state; compare_random(OP_CONV, DTYPE_I32, 40); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dot_f32),  cmocka_unit_test(test_dot_f64),
      cmocka_unit_test(test_dot_i32),  cmocka_unit_test(test_dot_u8),
      cmocka_unit_test(test_conv_f32), cmocka_unit_test(test_conv_f64),
      cmocka_unit_test(test_conv_i32),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
