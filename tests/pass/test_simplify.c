/* Simplification: tests/pass/simplify/NAME.in becomes NAME.out, and both have the same values. Every
 * rule has a pair of its name, in which it applies. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "golden.h"
#include "graph_case.h"
#include "pass.h"
#include "rewrite.h"
#include "simplify.h"
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
    /* the documented exceptions: (-inf) ** 0.5, and an infinite element of an image times zero */
    if (strcmp(names[i], "small_power") != 0 && strcmp(names[i], "conv_in_phases") != 0)
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

/* --- each rule ------------------------------------------------------------------------------ */

/* What a walk with the rules is asked to watch: rules are called without a context. */
static struct {
  const simplify_rule *rule; /* did this one apply? */
  bool applied;
  int visits;                /* of nodes */
} watched;

static node *watch(graph *g, node *n) {
  node *simple;
  watched.visits++;
  const simplify_rule *rule = simplify_apply(g, n, &simple);
  watched.applied = watched.applied || (rule && rule == watched.rule);
  return rule ? simple : n;
}

static void every_rule_has_a_pair(void **state) {
  (void)state;
  for (const simplify_rule *const *family = simplify_families; *family; family++) {
    for (const simplify_rule *rule = *family; rule->name; rule++) {
      arena *a = arena_new();
      const char *path = arena_printf(a, "%s/%s.in", folder, rule->name);
      watched.rule = rule;
      watched.applied = false;
      rewrite_graph(graph_from_text(a, golden_read(a, path)), watch);
      if (!watched.applied) fail_msg("rule %s does not apply in %s", rule->name, path);
      arena_free(a);
    }
  }
}

static void names_are_distinct(void **state) {
  (void)state;
  const char *names[256];
  int count = 0;
  for (const simplify_rule *const *family = simplify_families; *family; family++) {
    for (const simplify_rule *rule = *family; rule->name; rule++) {
      for (int i = 0; i < count; i++) assert_string_not_equal(names[i], rule->name);
      names[count++] = rule->name;
    }
  }
}

/* --- the work is bounded -------------------------------------------------------------------- */

enum { MANY = 100000, VISITS_PER_NODE = 8, VISITS_AT_WORST = 150 };

/* The next node of a chain; k counts. */
typedef node *link(graph *g, node *x, int k);

/* What networks are made of, unrolled: maps, views and sums of one running value. */
static node *network(graph *g, node *x, int k) {
  static const int64_t swap[] = {1, 0}, first[] = {0};
  switch (k % 6) {
  case 0: return build_transpose(g, x, swap);
  case 1: return build_map1(g, SCALAR_NEG, x);
  case 2: return build_map2(g, SCALAR_ADD, x, build_splat(g, &x->type, k));
  case 3: return build_broadcast_to(g, build_reduce(g, OP_SUM, x, 1, first), &x->type);
  case 4: return build_reverse(g, x, 1, first);
  default: return build_map2(g, SCALAR_MUL, x, g->inputs[0].node);
  }
}

static node *sums(graph *g, node *x, int k) {
  return build_map2(g, SCALAR_ADD, x, build_splat(g, &x->type, k % 7));
}

/* Every slice could move through all the views before it. */
static node *slices(graph *g, node *x, int k) {
  static const int64_t swap[] = {1, 0}, first[] = {0};
  if (k % 3 == 0) return build_transpose(g, x, swap);
  if (k % 3 == 1) return build_reverse(g, x, 1, first);
  const int64_t starts[] = {1, 0}, limits[] = {x->type.dims[0].maximum, x->type.dims[1].maximum};
  return build_slice(g, x, starts, limits, (int64_t[]){1, 1});
}

static node *concats(graph *g, node *x, int k) {
  (void)k;
  if (type_elements(&x->type) > 50000) return build_map1(g, SCALAR_NEG, g->inputs[0].node);
  return build_concat(g, 2, (node *[]){x, x->type.rank ? g->inputs[0].node : x}, 0);
}

/* Outputs in the middle keep what comes before alive. */
static graph *chain(arena *a, link *next, dtype element, int64_t extent, int count) {
  graph *g = graph_new(a, NULL, "chain");
  tensor_type type = type_of(element, 2, (int64_t[]){extent, extent});
  node *x = graph_add_input(g, "x", &type);
  for (int k = 0; g->node_count < count; k++) {
    x = next(g, x, k);
    if (k % 1000 == 0) graph_add_output(g, arena_printf(a, "y%d", k), x);
  }
  graph_add_output(g, "y", x);
  return g;
}

static void visits_are_bounded(void **state) {
  (void)state;
  static const struct {
    const char *name;
    link *next;
    dtype element;
    int64_t extent, count, most;
  } chains[] = {
      {"network", network, DTYPE_F32, 8, MANY, VISITS_PER_NODE},
      {"integer sums", sums, DTYPE_I32, 8, MANY, VISITS_PER_NODE},
      {"concatenations", concats, DTYPE_F32, 2, MANY, VISITS_PER_NODE},
      {"slices", slices, DTYPE_F32, 100000, MANY / 20, VISITS_AT_WORST},
  };
  for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
    arena *a = arena_new();
    graph *g = chain(a, chains[i].next, chains[i].element, chains[i].extent, (int)chains[i].count);
    watched.rule = NULL;
    watched.visits = 0;
    rewrite_graph(g, watch);
    if (watched.visits > chains[i].most * chains[i].count)
      fail_msg("%s: %d visits of %d nodes", chains[i].name, watched.visits, g->node_count);
    arena_free(a);
  }
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
      cmocka_unit_test(every_rule_has_a_pair),
      cmocka_unit_test(names_are_distinct),
      cmocka_unit_test(visits_are_bounded),
      cmocka_unit_test(intern_merges_and_drops),
      cmocka_unit_test(intern_keeps_what_differs),
      cmocka_unit_test(runner_reports_each_pass),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
