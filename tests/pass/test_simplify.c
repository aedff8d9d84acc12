/* Simplification: tests/pass/simplify/NAME.in becomes NAME.out, and both have the same values. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compare.h"
#include "golden.h"
#include "graph_case.h"
#include "pass.h"
#include "verify.h"

static const char folder[] = "tests/pass/simplify";

/* Outputs on random inputs; every fourth element of a floating input is NaN, an infinity or zero
 * where special is set. */
static tensor **values(arena *a, const graph *g, bool special) {
  static const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0.0};
  const tensor **inputs = random_inputs(a, g, 11, 0.25, 3);
  for (int i = 0; i < g->input_count && special; i++)
    for (int64_t k = 0; k < type_elements(&inputs[i]->type); k += 2)
      if (dtype_is_float(inputs[i]->type.element))
        inputs[i]->reals[k] = odd[(k / 2 + i) % 4];
  return evaluate(a, g, inputs);
}

static void same_values(arena *a, const char *name, const graph *before, const graph *after,
                        bool special) {
  tensor **expected = values(a, before, special), **actual = values(a, after, special);
  assert_int_equal(before->output_count, after->output_count);
  for (int i = 0; i < before->output_count; i++) {
    const char *message = compare_tensors(a, actual[i], expected[i], (tolerance){0, 1e-14});
    if (message)
      fail_msg("%s, output %s: %s", name, before->outputs[i].name, message);
  }
}

static void pairs(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, folder, ".in", &count);
  for (int i = 0; i < count; i++) {
    graph *before =
        graph_from_text(a, golden_read(a, arena_printf(a, "%s/%s.in", folder, names[i])));
    graph *after = pass_run(before, graph_pass_count, graph_passes, NULL);
    golden_compare(arena_printf(a, "%s/%s.out", folder, names[i]), graph_to_text(a, after));
    same_values(a, names[i], before, after, false);
    /* (-inf) ** 0.5 is the one documented exception */
    if (strcmp(names[i], "powers") != 0)
      same_values(a, names[i], before, after, true);
  }
  arena_free(a);
}

static void fixed_point(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, folder, ".in", &count);
  for (int i = 0; i < count; i++) {
    graph *before =
        graph_from_text(a, golden_read(a, arena_printf(a, "%s/%s.in", folder, names[i])));
    graph *once = pass_simplify(before);
    const char *first = graph_to_text(a, once), *second = graph_to_text(a, pass_simplify(once));
    if (strcmp(first, second) != 0)
      fail_msg("%s: not a fixed point\n%s\n%s", names[i], first, second);
  }
  arena_free(a);
}

static void intern_merges_and_drops(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, "entry f(unused: f32, x: f32) {\n"
                                "  %2 = exp %1: f32\n"
                                "  %3 = exp %1: f32\n"
                                "  %4 = log %1: f32\n"
                                "  %5 = slot \"w\": f32\n"
                                "  %6 = slot \"w\": f32\n"
                                "  %7 = mul %2, %3: f32\n"
                                "  %8 = add %5, %6: f32\n"
                                "  return y = %7, z = %3\n"
                                "  update \"w\" = %8\n"
                                "}\n");
  assert_string_equal(graph_to_text(a, pass_intern(g)), "entry f(unused: f32, x: f32) {\n"
                                                        "  %2 = exp %1: f32\n"
                                                        "  %3 = slot \"w\": f32\n"
                                                        "  %4 = mul %2, %2: f32\n"
                                                        "  %5 = add %3, %3: f32\n"
                                                        "  return y = %4, z = %2\n"
                                                        "  update \"w\" = %5\n"
                                                        "}\n");
  arena_free(a);
}

/* Values that differ in a bit stay apart. */
static void intern_keeps_what_differs(void **state) {
  (void)state;
  arena *a = arena_new();
  static const char text[] = "entry f(x: f32) {\n"
                             "  %1 = constant reals=[0]: f32\n"
                             "  %2 = constant reals=[-0]: f32\n"
                             "  %3 = key site=[1] initial=[0]: i32[2]\n"
                             "  %4 = key site=[2] initial=[0]: i32[2]\n"
                             "  %5 = cast %0: i32\n"
                             "  %6 = cast %0: i64\n"
                             "  return a = %1, b = %2, c = %3, d = %4, e = %5, f = %6\n"
                             "}\n";
  assert_string_equal(graph_to_text(a, pass_intern(graph_from_text(a, text))), text);
  arena_free(a);
}

typedef struct seen {
  int dumps, times;
  const char *last;
} seen;

static void count_dump(void *context, const char *pass, const graph *g) {
  seen *s = context;
  s->dumps++;
  s->last = pass;
  assert_non_null(g);
}

static void count_time(void *context, const char *pass, double seconds) {
  seen *s = context;
  (void)pass;
  assert_true(seconds >= 0);
  s->times++;
}

static void runner_reports_each_pass(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, "entry f(x: f32) { return y = %0 }");
  seen s = {0};
  pass_observer observer = {count_dump, count_time, &s};
  pass_run(g, graph_pass_count, graph_passes, &observer);
  assert_int_equal(s.dumps, graph_pass_count);
  assert_int_equal(s.times, graph_pass_count);
  assert_string_equal(s.last, graph_passes[graph_pass_count - 1].name);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pairs),
      cmocka_unit_test(fixed_point),
      cmocka_unit_test(intern_merges_and_drops),
      cmocka_unit_test(intern_keeps_what_differs),
      cmocka_unit_test(runner_reports_each_pass),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
