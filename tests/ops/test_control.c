/* Loops in the graph: what they mean, that passes reach their bodies, that equal ones are one, that they
 * become kernels, and on what their results depend. Derivatives are in tests/lang/test_loops.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "grad.h"
#include "graph_case.h"
#include "pass.h"
#include "run_module.h"
#include "verify.h"

/* The outputs of a graph, two by two, are equal. */
static void expect_pairs(const char *text) {
  arena *a = arena_new();
  graph *g = graph_from_text(a, text);
  tensor **values = evaluate(a, g, random_inputs(a, g, 1, -1, 1));
  assert_null(graph_violation(g, a));
  for (int i = 0; i + 1 < g->output_count; i += 2) {
    const char *message = compare_tensors(a, values[i], values[i + 1], (tolerance){0, 0});
    if (message) fail_msg("output %d: %s\n%s", i, message, text);
  }
  arena_free(a);
}

/* The turn is an input; sequences and stacks run along with it in either direction. */
static void turns_run_either_way(void **state) {
  (void)state;
  static const char text[] =
      "entry f() { %%0 = constant ints=[1]: i64 %%1 = constant ints=[5, 6, 7]: i64[3] "
      "  %%2 = loop %%0, %%1 turns=[3] carries=[1] sequences=[1] reverse=[%d] "
      "  body=(t: i64, h: i64, x: i64) { %%3 = add %%1, %%1: i64 %%4 = add %%3, %%2: i64 "
      "    %%5 = mul %%4, %%0: i64 return h = %%4, y = %%5 }: i64 "
      "  %%3 = result %%2 number=[1]: i64[3] %%4 = constant ints=[%s]: i64 "
      "  %%5 = constant ints=[%s]: i64[3] return a = %%2, b = %%4, c = %%3, d = %%5 }";
  arena *a = arena_new();
  expect_pairs(arena_printf(a, text, 0, "47", "0, 20, 94"));
  expect_pairs(arena_printf(a, text, 1, "53", "0, 24, 18"));
  arena_free(a);
}

/* What was not emitted is 0, and carries keep their values. */
static void a_condition_ends_the_loop(void **state) {
  (void)state;
  expect_pairs(
      "entry f() { %0 = constant ints=[1]: i32 %1 = constant ints=[9]: i32 "
      "  %2 = loop %0, %1 turns=[6] carries=[1] sequences=[0] reverse=[0] "
      "  condition=(t: i64, h: i32, most: i32) { %3 = lt %1, %2: bool return more = %3 } "
      "  body=(t: i64, h: i32, most: i32) { %3 = mul %1, %1: i32 %4 = add %3, %1: i32 "
      "    return h = %4, y = %1 }: i32 "
      "  %3 = result %2 number=[1]: i32[6] %4 = constant ints=[42]: i32 "
      "  %5 = constant ints=[1, 2, 6, 0, 0, 0]: i32[6] return a = %2, b = %4, c = %3, d = %5 }");
}

/* The last turn first: it begins with the first one for which the condition holds, and then asks no more. */
static void a_condition_begins_a_reverse_loop(void **state) {
  (void)state;
  expect_pairs(
      "entry f() { %0 = constant ints=[5]: i32 "
      "  %1 = constant ints=[0, 1, 0, 1, 0, 0]: bool[6] %2 = constant ints=[3, 9, 7, 2, 6, 1]: i32[6] "
      "  %3 = loop %0, %1, %2 turns=[6] carries=[1] sequences=[2] reverse=[1] "
      "  condition=(t: i64, h: i32, runs: bool, x: i32) { return runs = %2 } "
      "  body=(t: i64, h: i32, runs: bool, x: i32) { %4 = add %1, %3: i32 return h = %4, y = %4 }: i32 "
      "  %4 = result %3 number=[1]: i32[6] %5 = constant ints=[26]: i32 "
      "  %6 = constant ints=[26, 23, 14, 7, 0, 0]: i32[6] return a = %3, b = %5, c = %4, d = %6 }");
}

/* The next carries are computed of the present ones, all together; the inner loop runs t turns. */
static void loops_nest(void **state) {
  (void)state;
  expect_pairs(
      "entry f() { %0 = constant ints=[0]: i64 %1 = constant ints=[1]: i64 "
      "  %2 = loop %0, %1 turns=[5] carries=[2] sequences=[0] reverse=[0] "
      "  body=(t: i64, a: i64, b: i64) { %3 = add %1, %2: i64 "
      "    %4 = constant ints=[1]: i64 "
      "    %5 = loop %4, %0 carries=[1] sequences=[0] reverse=[0] "
      "    condition=(t: i64, p: i64, n: i64) { %3 = lt %0, %2: bool return more = %3 } "
      "    body=(t: i64, p: i64, n: i64) { %3 = add %1, %1: i64 return p = %3 }: i64 "
      "    return a = %2, b = %3, power = %5 }: i64 "
      "  %3 = result %2 number=[1]: i64 %4 = result %2 number=[2]: i64[5] "
      "  %5 = constant ints=[5]: i64 %6 = constant ints=[8]: i64 "
      "  %7 = constant ints=[1, 2, 4, 8, 16]: i64[5] "
      "  return a = %2, b = %5, c = %3, d = %6, e = %4, f = %7 }");
}

static const char twice[] =
    "entry f(h: f32[3], w: f32[3]) { "
    "  %2 = loop %0, %1 turns=[4] carries=[1] sequences=[0] reverse=[0] "
    "  body=(t: i64, h: f32[3], w: f32[3]) { %3 = exp %1: f32[3] %4 = neg %1: f32[3] "
    "    %5 = neg %4: f32[3] %6 = mul %5, %2: f32[3] return h = %6 }: f32[3] "
    "  %3 = loop %0, %1 turns=[4] carries=[1] sequences=[0] reverse=[0] "
    "  body=(t: i64, h: f32[3], w: f32[3]) { %3 = neg %1: f32[3] "
    "    %4 = neg %3: f32[3] %5 = mul %4, %2: f32[3] return h = %5 }: f32[3] "
    "  return a = %2, b = %3 }";

/* Simplification reaches bodies; loops that are then equal merge, and those that differ do not. */
static void passes_reach_bodies(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = pass_simplify(graph_from_text(a, twice));
  assert_string_equal(graph_to_text(a, g),
                      "entry f(h: f32[3], w: f32[3]) {\n"
                      "  %2 = loop %0, %1 turns=[4] carries=[1] sequences=[0] reverse=[0] "
                      "body=(t: i64, h: f32[3], w: f32[3]) {\n"
                      "    %3 = mul %1, %2: f32[3]\n"
                      "    return h = %3\n"
                      "  }: f32[3]\n"
                      "  return a = %2, b = %2\n"
                      "}\n");
  assert_null(graph_violation(g, a));
  const char *other = "entry f(h: f32) { "
      "  %1 = loop %0 turns=[4] carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f32) { "
      "    %2 = exp %1: f32 return h = %2 }: f32 "
      "  %2 = loop %0 turns=[4] carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f32) { "
      "    %2 = sin %1: f32 return h = %2 }: f32 return a = %1, b = %2 }";
  assert_int_equal(pass_intern(graph_from_text(a, other))->node_count, 3);
  arena_free(a);
}

static void the_verifier_enters_bodies(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, twice);
  const graph *body = node_graph(g->nodes[2], 6);
  assert_null(graph_violation(g, a));
  body->nodes[3]->type.element = DTYPE_F64;
  assert_non_null(strstr(graph_violation(g, a), "in its body: node 3"));
  arena_free(a);
}

static void deep_loops_are_refused(void **state) {
  (void)state;
  arena *a = arena_new();
  enum { DEPTH = 5000 };
  static const char head[] = "entry f(h: f32) { %1 = ", piece[] = "loop %0 body=(h: f32) { %1 = ";
  char *deep = arena_alloc(a, sizeof head + DEPTH * sizeof piece), *end = deep;
  end += sprintf(end, "%s", head);
  for (int i = 0; i < DEPTH; i++) end += sprintf(end, "%s", piece);
  assert_non_null(strstr(graph_refusal(a, deep), "fewer graphs within each other"));
  arena_free(a);
}

/* Loops run as kernels do what they mean: first values that are inputs, read twice, exchanged, unchanged,
 * of one value; results that nobody reads; stacks of what is not computed; both directions. */
static void loops_become_kernels(void **state) {
  (void)state;
  static const char *const texts[] = {
      twice,
      "entry f(x: f32[3], xs: f32[4, 3]) { %2 = loop %0, %0, %0, %1, %0 turns=[4] carries=[3] "
      "  sequences=[1] reverse=[1] body=(t: i64, a: f32[3], b: f32[3], c: f32[3], x: f32[3], w: f32[3]) "
      "  { %6 = exp %4: f32[3] return a = %2, b = %1, c = %3, p = %1, q = %4, r = %6, s = %5 }: f32[3] "
      "  %3 = result %2 number=[1]: f32[3] %4 = result %2 number=[2]: f32[3] "
      "  %5 = result %2 number=[3]: f32[4, 3] %6 = result %2 number=[4]: f32[4, 3] "
      "  %7 = result %2 number=[6]: f32[4, 3] return a = %2, b = %3, c = %4, p = %5, q = %6, s = %7 }",
      "entry f(x: f32[2, 3], w: f32[3, 3]) { %2 = slot \"h\": f32[2, 3] %3 = neg %0: f32[2, 3] "
      "  %4 = loop %2, %3, %1 turns=[3] carries=[2] sequences=[0] reverse=[0] "
      "  body=(t: i64, h: f32[2, 3], g: f32[2, 3], w: f32[3, 3]) { "
      "    %4 = dot %1, %3 left_contract=[1] right_contract=[0]: f32[2, 3] %5 = tanh %4: f32[2, 3] "
      "    %6 = add %5, %2: f32[2, 3] return h = %6, g = %5, y = %5 }: f32[2, 3] "
      "  %5 = result %4 number=[2]: f32[3, 2, 3] %6 = sum %5 axes=[0]: f32[2, 3] "
      "  %7 = add %6, %2: f32[2, 3] return y = %7 update \"h\" = %4 }",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    arena *a = arena_new();
    const tolerance close = {.absolute = 1e-5, .relative = 1e-5};
    const char *fault = run_and_compare(a, pass_intern(graph_from_text(a, texts[i])), -1, 1, close);
    if (fault) fail_msg("%s\n%s", fault, texts[i]);
    arena_free(a);
  }
}

/* Without a number of turns there is no way back through them: through the loop's own value, and through
 * another result. */
static void derivatives_of_endless_loops_are_refused(void **state) {
  (void)state;
  static const char text[] =
      "entry f(h: f32) { %1 = loop %0, %0 carries=[2] sequences=[0] reverse=[0] "
      "  condition=(t: i64, h: f32, k: f32) { %3 = lt %1, %2: bool return more = %3 } "
      "  body=(t: i64, h: f32, k: f32) { return h = %2, k = %1 }: f32 "
      "  %2 = result %1 number=[1]: f32 return a = %1, b = %2 }";
  for (int i = 0; i < 2; i++) {
    arena *a = arena_new();
    graph *g = graph_from_text(a, text);
    assert_true(grad_depends(g, g->outputs[i].node, g->nodes[0]));
    grad_sweep(g, g->outputs[i].node, 1, (node *[]){g->nodes[0]});
    assert_int_equal(diag_count(g->diagnostics), 1);
    arena_free(a);
  }
}

/* Each result depends on what flows into it in some turn, and on nothing else. */
static void dependence_follows_the_turns(void **state) {
  (void)state;
  static const char text[] =
      "entry f(a: f32, b: f32, c: f32, n: i32) { "
      "  %4 = loop %3, %0, %1, %2 turns=[3] carries=[4] sequences=[0] reverse=[0] "
      "  body=(t: i64, n: i32, a: f32, b: f32, c: f32) { %5 = cast %1: f32 %6 = floor %4: f32 "
      "    return n = %1, a = %3, b = %4, c = %4, y = %5, z = %2 }: i32 "
      "  %5 = result %4 number=[1]: f32 %6 = result %4 number=[2]: f32 %7 = result %4 number=[3]: f32 "
      "  %8 = result %4 number=[4]: f32[3] %9 = result %4 number=[5]: f32[3] "
      "  return a = %5, b = %6, c = %7, y = %8, z = %9 }";
  static const char *const depends[] = {"-bc", "--c", "--c", "---", "abc"};
  arena *a = arena_new();
  graph *g = graph_from_text(a, text);
  for (int i = 0; i < 5; i++)
    for (int k = 0; k < 3; k++) {
      bool found = grad_depends(g, g->outputs[i].node, g->nodes[k]);
      if (found != (depends[i][k] != '-'))
        fail_msg("%s on input %d: %d", g->outputs[i].name, k, found);
    }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(turns_run_either_way),   cmocka_unit_test(a_condition_ends_the_loop),
      cmocka_unit_test(a_condition_begins_a_reverse_loop),
      cmocka_unit_test(loops_nest),             cmocka_unit_test(passes_reach_bodies),
      cmocka_unit_test(the_verifier_enters_bodies), cmocka_unit_test(deep_loops_are_refused),
      cmocka_unit_test(loops_become_kernels),  cmocka_unit_test(derivatives_of_endless_loops_are_refused),
      cmocka_unit_test(dependence_follows_the_turns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
