/* The pass over loops: which become one, and what they lose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "compare.h"
#include "graph_case.h"
#include "loops.h"
#include "pass.h"
#include "verify.h"

/* The text after the pass; what the graph computes does not change. */
static const char *after(arena *a, const char *text) {
  graph *g = pass_intern(graph_from_text(a, text));
  graph *now = pass_loops(g);
  assert_null(graph_violation(now, a));
  const tensor **inputs = random_inputs(a, g, 1, -1, 1);
  tensor **before = evaluate(a, g, inputs), **values = evaluate(a, now, inputs);
  for (int i = 0; i < g->output_count; i++)
    assert_null(compare_tensors(a, before[i], values[i], (tolerance){0, 0}));
  return graph_to_text(a, now);
}

/* Loops over the same operands that carry the same run once, with the stacks of all, each once. */
static void loops_that_carry_the_same_are_one(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32[3], xs: f32[4, 3]) { "
               "  %2 = loop %0, %1 turns=[4] carries=[1] sequences=[1] reverse=[0] "
               "  body=(t: i64, h: f32[3], x: f32[3]) { %3 = exp %2: f32[3] %4 = add %1, %3: f32[3] "
               "    return h = %4, y = %3 }: f32[3] "
               "  %3 = loop %0, %1 turns=[4] carries=[1] sequences=[1] reverse=[0] "
               "  body=(t: i64, h: f32[3], x: f32[3]) { %3 = neg %1: f32[3] %4 = exp %2: f32[3] "
               "    %5 = add %1, %4: f32[3] return h = %5, u = %3, v = %4, w = %4 }: f32[3] "
               "  %4 = result %2 number=[1]: f32[4, 3] %5 = result %3 number=[1]: f32[4, 3] "
               "  %6 = result %3 number=[2]: f32[4, 3] %7 = result %3 number=[3]: f32[4, 3] "
               "  return a = %2, b = %3, c = %4, d = %5, e = %6, f = %7 }"),
      "entry f(h: f32[3], xs: f32[4, 3]) {\n"
      "  %2 = loop %0, %1 turns=[4] carries=[1] sequences=[1] reverse=[0] "
      "body=(t: i64, h: f32[3], x: f32[3]) {\n"
      "    %3 = exp %2: f32[3]\n"
      "    %4 = add %1, %3: f32[3]\n"
      "    %5 = neg %1: f32[3]\n"
      "    return h = %4, y = %3, u = %5\n"
      "  }: f32[3]\n"
      "  %3 = result %2 number=[1]: f32[4, 3]\n"
      "  %4 = result %2 number=[2]: f32[4, 3]\n"
      "  return a = %2, b = %2, c = %3, d = %4, e = %3, f = %3\n"
      "}\n");
  arena_free(a);
}

/* Another direction, another number of turns, another carry: loops of their own. */
static void loops_that_differ_stay(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = pass_loops(pass_intern(graph_from_text(
      a, "entry f(h: f32) { "
         "  %1 = loop %0 turns=[4] carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f32) { "
         "    %2 = exp %1: f32 return h = %2, y = %1 }: f32 "
         "  %2 = loop %0 turns=[4] carries=[1] sequences=[0] reverse=[1] body=(t: i64, h: f32) { "
         "    %2 = exp %1: f32 return h = %2, y = %1 }: f32 "
         "  %3 = loop %0 turns=[5] carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f32) { "
         "    %2 = exp %1: f32 return h = %2, y = %1 }: f32 "
         "  %4 = loop %0 turns=[4] carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f32) { "
         "    %2 = sin %1: f32 return h = %2, y = %1 }: f32 "
         "  return a = %1, b = %2, c = %3, d = %4 }")));
  int loops = 0;
  for (int id = 0; id < g->node_count; id++) loops += g->nodes[id]->op == OP_LOOP;
  assert_int_equal(loops, 4);
  arena_free(a);
}

/* What only serves results that nobody reads goes, through carries that read each other, and into loops
 * in loops; what a condition or another carry reads stays. */
static void what_nobody_needs_vanishes(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32, g: f32, xs: f32[4], ys: f32[4], w: f32) { "
               "  %5 = loop %1, %0, %1, %2, %3, %4 turns=[4] carries=[3] sequences=[2] reverse=[0] "
               "  body=(t: i64, a: f32, b: f32, c: f32, x: f32, y: f32, w: f32) { "
               "    %7 = mul %2, %6: f32 %8 = add %1, %3: f32 %9 = mul %8, %5: f32 "
               "    %10 = loop %4, %9 turns=[2] carries=[2] sequences=[0] reverse=[0] "
               "    body=(t: i64, p: f32, q: f32) { %3 = exp %1: f32 %4 = add %2, %3: f32 "
               "      return p = %3, q = %4 }: f32 "
               "    %11 = result %10 number=[1]: f32 "
               "    return a = %9, b = %7, c = %8, u = %11, v = %10 }: f32 "
               "  %6 = result %5 number=[1]: f32 %7 = result %5 number=[4]: f32[4] "
               "  return a = %6, b = %7 }"),
      "entry f(h: f32, g: f32, xs: f32[4], ys: f32[4], w: f32) {\n"
      "  %5 = loop %0, %2, %4 turns=[4] carries=[1] sequences=[1] reverse=[0] "
      "body=(t: i64, b: f32, x: f32, w: f32) {\n"
      "    %4 = mul %1, %3: f32\n"
      "    %5 = loop %2 turns=[2] carries=[1] sequences=[0] reverse=[0] body=(t: i64, p: f32) {\n"
      "      %2 = exp %1: f32\n"
      "      return p = %2\n"
      "    }: f32\n"
      "    return b = %4, v = %5\n"
      "  }: f32\n"
      "  %6 = result %5 number=[1]: f32[4]\n"
      "  return a = %5, b = %6\n"
      "}\n");
  assert_non_null(strstr(
      after(a, "entry f(h: f32, n: i32) { "
               "  %2 = loop %0, %1 turns=[5] carries=[2] sequences=[0] reverse=[0] "
               "  condition=(t: i64, h: f32, n: i32) { %3 = constant ints=[3]: i32 "
               "    %4 = lt %2, %3: bool return more = %4 } "
               "  body=(t: i64, h: f32, n: i32) { %3 = exp %1: f32 %4 = constant ints=[1]: i32 "
               "    %5 = add %2, %4: i32 return h = %3, n = %5, y = %1 }: f32 return a = %2 }"),
      "loop %0, %1 turns=[5] carries=[2] sequences=[0]"));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loops_that_carry_the_same_are_one),
      cmocka_unit_test(loops_that_differ_stay),
      cmocka_unit_test(what_nobody_needs_vanishes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
