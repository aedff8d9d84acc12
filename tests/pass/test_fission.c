/* The pass that takes work out of loops: what leaves them, and what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "compare.h"
#include "fission.h"
#include "graph_case.h"
#include "pass.h"
#include "verify.h"

/* The text after the pass; what the graph computes does not change, but for rounding. */
static const char *after(arena *a, const char *text) {
  graph *g = pass_simplify(pass_intern(graph_from_text(a, text)));
  graph *now = pass_fission(g);
  assert_null(graph_violation(now, a));
  const tensor **inputs = random_inputs(a, g, 1, -1, 1);
  tensor **before = evaluate(a, g, inputs), **values = evaluate(a, now, inputs);
  for (int i = 0; i < g->output_count; i++)
    assert_null(compare_tensors(a, before[i], values[i], (tolerance){1e-12, 1e-12}));
  return graph_to_text(a, now);
}

static void stays(const char *text) {
  arena *a = arena_new();
  const char *before =
      graph_to_text(a, pass_simplify(pass_intern(graph_from_text(a, text))));
  assert_string_equal(after(a, text), before);
  arena_free(a);
}

/* A step of a recurrent network: the input's product leaves, and the tanh of a matrix; the state's product
 * stays, and so does abs, which costs less than to read it. */
static void products_of_sequences_are_one(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32[3, 5], xs: f32[4, 3, 2], w: f32[2, 5], u: f32[5, 5]) { "
               "  %4 = loop %0, %1, %2, %3 turns=[4] carries=[1] sequences=[1] reverse=[0] "
               "  body=(t: i64, h: f32[3, 5], x: f32[3, 2], w: f32[2, 5], u: f32[5, 5]) { "
               "    %5 = abs %2: f32[3, 2] %6 = dot %5, %3 left_contract=[1] right_contract=[0]: f32[3, 5] "
               "    %7 = tanh %4: f32[5, 5] %8 = neg %7: f32[5, 5] "
               "    %9 = dot %1, %8 left_contract=[1] right_contract=[0]: f32[3, 5] "
               "    %10 = add %6, %9: f32[3, 5] return h = %10, y = %5 }: f32[3, 5] "
               "  %5 = result %4 number=[1]: f32[4, 3, 2] return a = %4, b = %5 }"),
      "entry f(h: f32[3, 5], xs: f32[4, 3, 2], w: f32[2, 5], u: f32[5, 5]) {\n"
      "  %4 = abs %1: f32[4, 3, 2]\n"
      "  %5 = dot %4, %2 left_contract=[2] right_contract=[0]: f32[4, 3, 5]\n"
      "  %6 = tanh %3: f32[5, 5]\n"
      "  %7 = loop %0, %1, %5, %6 turns=[4] carries=[1] sequences=[2] reverse=[0] "
      "body=(t: i64, h: f32[3, 5], x: f32[3, 2], ahead6: f32[3, 5], ahead7: f32[5, 5]) {\n"
      "    %5 = abs %2: f32[3, 2]\n"
      "    %6 = dot %1, %4 left_contract=[1] right_contract=[0]: f32[3, 5]\n"
      "    %7 = sub %3, %6: f32[3, 5]\n"
      "    return h = %7, y = %5\n"
      "  }: f32[3, 5]\n"
      "  %8 = result %7 number=[1]: f32[4, 3, 2]\n"
      "  return a = %7, b = %8\n"
      "}\n");
  arena_free(a);
}

/* The weights on the left, and a product after a product. */
static void products_follow_each_other(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32[7], xs: f32[4, 2], v: f32[5, 2], w: f32[5, 7]) { "
               "  %4 = loop %0, %1, %2, %3 turns=[4] carries=[1] sequences=[1] reverse=[1] "
               "  body=(t: i64, h: f32[7], x: f32[2], v: f32[5, 2], w: f32[5, 7]) { "
               "    %5 = dot %3, %2 left_contract=[1] right_contract=[0]: f32[5] %6 = exp %5: f32[5] "
               "    %7 = dot %6, %4 left_contract=[0] right_contract=[0]: f32[7] "
               "    %8 = mul %1, %7: f32[7] return h = %8 }: f32[7] return a = %4 }"),
      "entry f(h: f32[7], xs: f32[4, 2], v: f32[5, 2], w: f32[5, 7]) {\n"
      "  %4 = dot %1, %2 left_contract=[1] right_contract=[1]: f32[4, 5]\n"
      "  %5 = exp %4: f32[4, 5]\n"
      "  %6 = dot %5, %3 left_contract=[1] right_contract=[0]: f32[4, 7]\n"
      "  %7 = loop %0, %6 turns=[4] carries=[1] sequences=[1] reverse=[1] "
      "body=(t: i64, h: f32[7], ahead7: f32[7]) {\n"
      "    %3 = mul %1, %2: f32[7]\n"
      "    return h = %3\n"
      "  }: f32[7]\n"
      "  return a = %7\n"
      "}\n");
  arena_free(a);
}

/* The gradient of a weight is formed behind the loop of what the turns stack for it. */
static void sums_of_products_are_one(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(g: f32[3, 5], d: f32[2, 5], b: f32[5], xs: f32[4, 3, 2], u: f32[5, 5]) { "
               "  %5 = loop %0, %1, %2, %3, %4 turns=[4] carries=[3] sequences=[1] reverse=[1] "
               "  body=(t: i64, g: f32[3, 5], d: f32[2, 5], b: f32[5], x: f32[3, 2], u: f32[5, 5]) { "
               "    %6 = sin %1: f32[3, 5] %7 = dot %6, %5 left_contract=[1] right_contract=[0]: f32[3, 5] "
               "    %8 = dot %4, %6 left_contract=[0] right_contract=[0]: f32[2, 5] "
               "    %9 = add %2, %8: f32[2, 5] %10 = sum %6 axes=[0]: f32[5] %11 = add %10, %3: f32[5] "
               "    return g = %7, d = %9, b = %11 }: f32[3, 5] "
               "  %6 = result %5 number=[1]: f32[2, 5] %7 = result %5 number=[2]: f32[5] "
               "  return a = %5, b = %6, c = %7 }"),
      "entry f(g: f32[3, 5], d: f32[2, 5], b: f32[5], xs: f32[4, 3, 2], u: f32[5, 5]) {\n"
      "  %5 = loop %0, %4 turns=[4] carries=[1] sequences=[0] reverse=[1] "
      "body=(t: i64, g: f32[3, 5], u: f32[5, 5]) {\n"
      "    %3 = sin %1: f32[3, 5]\n"
      "    %4 = dot %3, %2 left_contract=[1] right_contract=[0]: f32[3, 5]\n"
      "    return g = %4, behind6 = %3\n"
      "  }: f32[3, 5]\n"
      "  %6 = result %5 number=[1]: f32[4, 3, 5]\n"
      "  %7 = dot %3, %6 left_contract=[0, 1] right_contract=[0, 1]: f32[2, 5]\n"
      "  %8 = add %1, %7: f32[2, 5]\n"
      "  %9 = sum %6 axes=[0, 1]: f32[5]\n"
      "  %10 = add %2, %9: f32[5]\n"
      "  return a = %5, b = %8, c = %10\n"
      "}\n");
  arena_free(a);
}

/* A layer behind the state is one product over the stack of states, with what follows it. */
static void stacks_are_made_behind(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32[3, 5], v: f32[5, 9], b: f32[9]) { "
               "  %3 = loop %0, %1, %2 turns=[4] carries=[1] sequences=[0] reverse=[0] "
               "  body=(t: i64, h: f32[3, 5], v: f32[5, 9], b: f32[9]) { "
               "    %4 = sin %1: f32[3, 5] %5 = dot %4, %2 left_contract=[1] right_contract=[0]: f32[3, 9] "
               "    %6 = broadcast %3 axes=[1]: f32[3, 9] %7 = add %5, %6: f32[3, 9] %8 = exp %7: f32[3, 9] "
               "    return h = %4, y = %8 }: f32[3, 5] "
               "  %4 = result %3 number=[1]: f32[4, 3, 9] return a = %3, b = %4 }"),
      "entry f(h: f32[3, 5], v: f32[5, 9], b: f32[9]) {\n"
      "  %3 = loop %0 turns=[4] carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f32[3, 5]) {\n"
      "    %2 = sin %1: f32[3, 5]\n"
      "    return h = %2, behind4 = %2\n"
      "  }: f32[3, 5]\n"
      "  %4 = result %3 number=[1]: f32[4, 3, 5]\n"
      "  %5 = dot %4, %1 left_contract=[2] right_contract=[0]: f32[4, 3, 9]\n"
      "  %6 = broadcast %2 axes=[2]: f32[4, 3, 9]\n"
      "  %7 = add %5, %6: f32[4, 3, 9]\n"
      "  %8 = exp %7: f32[4, 3, 9]\n"
      "  return a = %3, b = %8\n"
      "}\n");
  arena_free(a);
}

/* Rows of a table by indices of the turns, and their gradient. */
static void embeddings_leave(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32[3, 5], d: f32[9, 2], is: i32[4, 3], gs: f32[4, 3, 2], e: f32[9, 2], w: f32[2, 5]) { "
               "  %6 = loop %0, %1, %2, %3, %4, %5 turns=[4] carries=[2] sequences=[2] reverse=[0] "
               "  body=(t: i64, h: f32[3, 5], d: f32[9, 2], i: i32[3], g: f32[3, 2], e: f32[9, 2], w: f32[2, 5]) { "
               "    %7 = gather %5, %3 axis=[0]: f32[3, 2] "
               "    %8 = dot %7, %6 left_contract=[1] right_contract=[0]: f32[3, 5] %9 = sin %1: f32[3, 5] "
               "    %10 = add %9, %8: f32[3, 5] %11 = scatter_add %3, %4 axis=[0]: f32[9, 2] "
               "    %12 = add %2, %11: f32[9, 2] return h = %10, d = %12 }: f32[3, 5] "
               "  %7 = result %6 number=[1]: f32[9, 2] return a = %6, b = %7 }"),
      "entry f(h: f32[3, 5], d: f32[9, 2], is: i32[4, 3], gs: f32[4, 3, 2], e: f32[9, 2], w: f32[2, 5]) {\n"
      "  %6 = gather %4, %2 axis=[0]: f32[4, 3, 2]\n"
      "  %7 = dot %6, %5 left_contract=[2] right_contract=[0]: f32[4, 3, 5]\n"
      "  %8 = loop %0, %7 turns=[4] carries=[1] sequences=[1] reverse=[0] "
      "body=(t: i64, h: f32[3, 5], ahead8: f32[3, 5]) {\n"
      "    %3 = sin %1: f32[3, 5]\n"
      "    %4 = add %3, %2: f32[3, 5]\n"
      "    return h = %4\n"
      "  }: f32[3, 5]\n"
      "  %9 = scatter_add %2, %3 axis=[0]: f32[9, 2]\n"
      "  %10 = add %1, %9: f32[9, 2]\n"
      "  return a = %8, b = %10\n"
      "}\n");
  arena_free(a);
}

/* Through two loops: a product of what neither loop changes, and one for all turns of both. */
static void inner_loops_give_to_outer_ones(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32[5], xs: f32[4, 3, 2], w: f32[2, 5]) { "
               "  %3 = loop %0, %1, %2 turns=[4] carries=[1] sequences=[1] reverse=[0] "
               "  body=(t: i64, h: f32[5], x: f32[3, 2], w: f32[2, 5]) { "
               "    %4 = loop %1, %2, %3 turns=[3] carries=[1] sequences=[1] reverse=[0] "
               "    body=(s: i64, h: f32[5], x: f32[2], w: f32[2, 5]) { "
               "      %4 = exp %3: f32[2, 5] "
               "      %5 = dot %2, %4 left_contract=[0] right_contract=[0]: f32[5] "
               "      %6 = mul %1, %5: f32[5] return h = %6 }: f32[5] "
               "    return h = %4 }: f32[5] return a = %3 }"),
      "entry f(h: f32[5], xs: f32[4, 3, 2], w: f32[2, 5]) {\n"
      "  %3 = exp %2: f32[2, 5]\n"
      "  %4 = dot %1, %3 left_contract=[2] right_contract=[0]: f32[4, 3, 5]\n"
      "  %5 = loop %0, %4 turns=[4] carries=[1] sequences=[1] reverse=[0] "
      "body=(t: i64, h: f32[5], ahead5: f32[3, 5]) {\n"
      "    %3 = loop %1, %2 turns=[3] carries=[1] sequences=[1] reverse=[0] "
      "body=(s: i64, h: f32[5], ahead5: f32[5]) {\n"
      "      %3 = mul %1, %2: f32[5]\n"
      "      return h = %3\n"
      "    }: f32[5]\n"
      "    return h = %3\n"
      "  }: f32[5]\n"
      "  return a = %5\n"
      "}\n");
  arena_free(a);
}

/* Turns that may not run compute no products in advance; what does not vary leaves. */
static void conditions_keep_products(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32[5], xs: f32[4, 2], w: f32[2, 5]) { "
               "  %3 = loop %0, %1, %2 turns=[4] carries=[1] sequences=[1] reverse=[0] "
               "  condition=(t: i64, h: f32[5], x: f32[2], w: f32[2, 5]) { "
               "    %4 = constant ints=[3]: i64 %5 = lt %0, %4: bool return more = %5 } "
               "  body=(t: i64, h: f32[5], x: f32[2], w: f32[2, 5]) { "
               "    %4 = exp %3: f32[2, 5] %5 = dot %2, %4 left_contract=[0] right_contract=[0]: f32[5] "
               "    %6 = mul %1, %5: f32[5] return h = %6, y = %5 }: f32[5] "
               "  %4 = result %3 number=[1]: f32[4, 5] return a = %3, b = %4 }"),
      "entry f(h: f32[5], xs: f32[4, 2], w: f32[2, 5]) {\n"
      "  %3 = exp %2: f32[2, 5]\n"
      "  %4 = loop %0, %1, %3 turns=[4] carries=[1] sequences=[1] reverse=[0] condition=(t: i64, h: f32[5], x: f32[2], ahead4: f32[2, 5]) {\n"
      "    %4 = constant ints=[3]: i64\n"
      "    %5 = lt %0, %4: bool\n"
      "    return more = %5\n"
      "  } body=(t: i64, h: f32[5], x: f32[2], ahead4: f32[2, 5]) {\n"
      "    %4 = dot %2, %3 left_contract=[0] right_contract=[0]: f32[5]\n"
      "    %5 = mul %1, %4: f32[5]\n"
      "    return h = %5, y = %4\n"
      "  }: f32[5]\n"
      "  %5 = result %4 number=[1]: f32[4, 5]\n"
      "  return a = %4, b = %5\n"
      "}\n");
  arena_free(a);
}

/* A loop that may not end does not run where the turns around it do not. */
static void endless_loops_stay(void **state) {
  (void)state;
  stays("entry f(h: f32, x: f32) { "
        "  %2 = loop %0, %1 turns=[3] carries=[1] sequences=[0] reverse=[0] "
        "  condition=(t: i64, h: f32, x: f32) { %3 = lt %1, %2: bool return more = %3 } "
        "  body=(t: i64, h: f32, x: f32) { "
        "    %3 = loop %2 carries=[1] sequences=[0] reverse=[0] "
        "    condition=(t: i64, z: f32) { %2 = constant reals=[0.5]: f32 %3 = lt %1, %2: bool return more = %3 } "
        "    body=(t: i64, z: f32) { %2 = constant reals=[1]: f32 %3 = add %1, %2: f32 return z = %3 }: f32 "
        "    %4 = exp %3: f32 %5 = add %1, %4: f32 return h = %5 }: f32 "
        "  return a = %2 }");
}

/* A loop that is to be computed again keeps its small memory. */
static void marked_loops_grow_no_stacks(void **state) {
  (void)state;
  stays("entry f(h: f32[3, 5], d: f32[2, 5], xs: f32[4, 3, 2], w: f32[2, 5]) { "
        "  %4 = loop %0, %1, %2, %3 turns=[4] carries=[2] sequences=[1] reverse=[0] recompute=[1] "
        "  body=(t: i64, h: f32[3, 5], d: f32[2, 5], x: f32[3, 2], w: f32[2, 5]) { "
        "    %5 = dot %3, %4 left_contract=[1] right_contract=[0]: f32[3, 5] %6 = mul %1, %5: f32[3, 5] "
        "    %7 = dot %3, %1 left_contract=[0] right_contract=[0]: f32[2, 5] %8 = add %2, %7: f32[2, 5] "
        "    return h = %6, d = %8 }: f32[3, 5] "
        "  %5 = result %4 number=[1]: f32[2, 5] return a = %4, b = %5 }");
}

/* What would take too much memory: a row of 16 MiB for each of the 64 turns; stacks that are larger than
 * the sum. What is no plain sum: it is read in the turns. */
static void memory_is_bounded(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = pass_simplify(pass_intern(graph_from_text(
      a, "entry f(h: f32[4000000], xs: f32[64, 1], w: f32[1, 4000000]) { "
         "  %3 = loop %0, %1, %2 turns=[64] carries=[1] sequences=[1] reverse=[0] "
         "  body=(t: i64, h: f32[4000000], x: f32[1], w: f32[1, 4000000]) { "
         "    %4 = tanh %2: f32[1] %5 = dot %4, %3 left_contract=[0] right_contract=[0]: f32[4000000] "
         "    %6 = sub %1, %5: f32[4000000] return h = %6 }: f32[4000000] return a = %3 }")));
  assert_string_equal(graph_to_text(a, pass_fission(g)), graph_to_text(a, g));
  arena_free(a);
  stays("entry f(h: f32[30, 5], d: f32[5, 5]) { "
        "  %2 = loop %0, %1 turns=[4] carries=[2] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f32[30, 5], d: f32[5, 5]) { "
        "    %3 = sin %1: f32[30, 5] %4 = dot %1, %3 left_contract=[0] right_contract=[0]: f32[5, 5] "
        "    %5 = add %2, %4: f32[5, 5] return h = %3, d = %5 }: f32[30, 5] "
        "  %3 = result %2 number=[1]: f32[5, 5] return a = %2, b = %3 }");
  stays("entry f(d: f32[5, 5], xs: f32[4, 3, 5]) { "
        "  %2 = loop %0, %1 turns=[4] carries=[1] sequences=[1] reverse=[0] "
        "  body=(t: i64, d: f32[5, 5], x: f32[3, 5]) { "
        "    %3 = dot %2, %2 left_contract=[0] right_contract=[0]: f32[5, 5] "
        "    %4 = add %1, %3: f32[5, 5] return d = %4, y = %4 }: f32[5, 5] "
        "  %3 = result %2 number=[1]: f32[4, 5, 5] return a = %2, b = %3 }");
}

/* Draws differ from turn to turn, and are no part of what is computed for all. */
static void draws_stay(void **state) {
  (void)state;
  stays("entry f(h: f32[5], xs: f32[4, 2], w: f32[2, 5]) { "
        "  %3 = loop %0, %1, %2 turns=[4] carries=[1] sequences=[1] reverse=[0] "
        "  body=(t: i64, h: f32[5], x: f32[2], w: f32[2, 5]) { "
        "    %4 = key site=[7] initial=[0]: i32[2] %5 = bits %4, %0: i32[2] %6 = cast %5: f32[2] "
        "    %7 = mul %2, %6: f32[2] %8 = dot %7, %3 left_contract=[0] right_contract=[0]: f32[5] "
        "    %9 = sub %1, %8: f32[5] return h = %9 }: f32[5] return a = %3 }");
}

/* A number of turns that is bounded is the extent of the product. */
static void bounded_turns(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_string_equal(
      after(a, "entry f(h: f32[3, 5], d: f32[2, 5], xs: f32[n <= 4, 3, 2], w: f32[2, 5]) { "
               "  %4 = loop %0, %1, %2, %3 turns=[4] carries=[2] sequences=[1] reverse=[0] "
               "  body=(t: i64, h: f32[3, 5], d: f32[2, 5], x: f32[3, 2], w: f32[2, 5]) { "
               "    %5 = dot %3, %4 left_contract=[1] right_contract=[0]: f32[3, 5] %6 = mul %1, %5: f32[3, 5] "
               "    %7 = dot %3, %5 left_contract=[0] right_contract=[0]: f32[2, 5] %8 = add %2, %7: f32[2, 5] "
               "    return h = %6, d = %8 } size=\"n\": f32[3, 5] "
               "  %5 = result %4 number=[1]: f32[2, 5] return a = %4, b = %5 }"),
      "entry f(h: f32[3, 5], d: f32[2, 5], xs: f32[n <= 4, 3, 2], w: f32[2, 5]) {\n"
      "  %4 = dot %2, %3 left_contract=[2] right_contract=[0]: f32[n <= 4, 3, 5]\n"
      "  %5 = loop %0, %4 turns=[4] carries=[1] sequences=[1] reverse=[0] "
      "body=(t: i64, h: f32[3, 5], ahead5: f32[3, 5]) {\n"
      "    %3 = mul %1, %2: f32[3, 5]\n"
      "    return h = %3\n"
      "  } size=\"n\": f32[3, 5]\n"
      "  %6 = dot %2, %4 left_contract=[0, 1] right_contract=[0, 1]: f32[2, 5]\n"
      "  %7 = add %1, %6: f32[2, 5]\n"
      "  return a = %5, b = %7\n"
      "}\n");
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products_of_sequences_are_one),
      cmocka_unit_test(products_follow_each_other),
      cmocka_unit_test(sums_of_products_are_one),
      cmocka_unit_test(stacks_are_made_behind),
      cmocka_unit_test(embeddings_leave),
      cmocka_unit_test(inner_loops_give_to_outer_ones),
      cmocka_unit_test(conditions_keep_products),
      cmocka_unit_test(endless_loops_stay),
      cmocka_unit_test(marked_loops_grow_no_stacks),
      cmocka_unit_test(memory_is_bounded),
      cmocka_unit_test(draws_stay),
      cmocka_unit_test(bounded_turns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
