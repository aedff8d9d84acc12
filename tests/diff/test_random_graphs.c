/* Random graphs: the graph interpreter, the loop interpreter and compiled C agree.
 *
 * DIFF_N graphs (default 60) from seed DIFF_FIRST (default 0), in batches that are one program each
 * and go to the targets in turn, or to DIFF_TARGET; DIFF_LOOPS=1 leaves the C out, and
 * DIFF_STOP=1 ends at the first failing batch, unreduced. Every other graph
 * is wholly in f64. A batch is checked in a process of its own, so that a crash has a seed too. A
 * graph that fails is reduced and shown as text. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "build.h"
#include "differential.h"
#include "error_bound.h"
#include "graph_case.h"
#include "op.h"
#include "random_program.h"
#include "run_module.h"
#include "scalar.h"

enum { BATCH = 20, SIZE = 8, REDUCTION_SECONDS = 120, ROUNDS = 2 };

/* ---- batches --------------------------------------------------------------------------------- */

typedef struct batch {
  graph *const *graphs;
  int count;
  differential how;
} batch;

static const char *check_batch(arena *a, void *context) {
  const batch *b = context;
  program *p = program_of_graphs(a, b->count, b->graphs);
  for (int i = 0; i < p->slot_count; i += 2) p->slots[i].kind = SLOT_STATE;
  return differential_check(a, p, &b->how);
}

static const char *check(arena *a, const differential *how, int count, graph *const *graphs) {
  batch b = {graphs, count, *how};
  return differential_apart(a, check_batch, &b);
}

/* ---- reduction of what fails ----------------------------------------------------------------- */

/* A copy of the live part without one output or update (by number; -1: with all), and with an input
 * in place of one node. */
static graph *smaller(const graph *g, int output, int update, int replaced) {
  arena *a = g->arena;
  graph *copy = graph_new(a, NULL, g->name);
  node **map = arena_array_of(a, g->node_count, node *);
  int *uses = graph_uses(g, a);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    node *operands[1024];
    if (uses[id] == 0) continue;
    for (int i = 0; i < n->operand_count; i++) operands[i] = map[n->operands[i]->id];
    map[id] = n->op == OP_INPUT || id == replaced
                  ? graph_add_input(copy, arena_printf(a, "i%d", copy->input_count), &n->type)
                  : build_like(copy, n, operands);
  }
  for (int i = 0; i < g->output_count; i++)
    if (i != output) graph_add_output(copy, g->outputs[i].name, map[g->outputs[i].node->id]);
  for (int i = 0; i < g->update_count; i++)
    if (i != update) graph_set_update(copy, g->updates[i].name, map[g->updates[i].node->id]);
  return copy;
}

/* A failing graph on its way to the smallest that fails in the same way. */
typedef struct reduction {
  const differential *how;
  graph *graph;
  const char *wrong;
  time_t end;
} reduction;

static bool take_if_failing(reduction *r, graph *g) {
  const char *wrong = time(NULL) < r->end ? check(g->arena, r->how, 1, &g) : NULL;
  if (!wrong || !differential_alike(wrong, r->wrong)) return false;
  r->graph = g, r->wrong = wrong;
  return true;
}

/* Greedy, from the outputs to single nodes. */
static void reduce(reduction *r) {
  r->end = time(NULL) + REDUCTION_SECONDS;
  for (int i = r->graph->output_count - 1; i >= 0; i--)
    if (r->graph->output_count + r->graph->update_count > 1)
      take_if_failing(r, smaller(r->graph, i, -1, -1));
  for (int i = r->graph->update_count - 1; i >= 0; i--)
    if (r->graph->output_count + r->graph->update_count > 1)
      take_if_failing(r, smaller(r->graph, -1, i, -1));
  take_if_failing(r, smaller(r->graph, -1, -1, -1));
  for (int id = 0; id < r->graph->node_count; id++)
    if (r->graph->nodes[id]->op != OP_INPUT && take_if_failing(r, smaller(r->graph, -1, -1, id)))
      id = -1; /* numbers have changed */
  take_if_failing(r, smaller(r->graph, -1, -1, -1));
}

static bool stops_early(void) { return differential_number("DIFF_STOP", 0) != 0; }

/* Shows the first failing graph of a batch, alone and reduced where it fails alone. */
static void report(arena *a, const differential *how, uint64_t first, int count,
                   graph *const *graphs) {
  int i = 0;
  reduction r = {.how = how, .wrong = NULL};
  for (; i < count && !r.wrong; i++) r.wrong = check(a, how, 1, &graphs[i]);
  if (!r.wrong) return;
  r.graph = graphs[i - 1];
  print_message("seed %d alone: %s\n", (int)first + i - 1, r.wrong);
  reduce(&r);
  print_message("reduced: %s\n", r.wrong);
  fputs(graph_to_text(a, r.graph), stderr); /* longer than a message may be */
}

/* ---- tests ----------------------------------------------------------------------------------- */

static graph *graph_of_seed(arena *a, uint64_t seed) {
  const char *name = arena_printf(a, "g%d", (int)seed);
  static const dtype reals[] = {DTYPE_F32, DTYPE_F64, DTYPE_F16,  DTYPE_F64,
                                DTYPE_F32, DTYPE_F64, DTYPE_BF16, DTYPE_F64};
  return random_program(a, name, seed, reals[seed % 8], SIZE);
}

/* How many graphs hold each row of ops.def and scalar.def. */
typedef struct coverage {
  int ops[OP_COUNT], functions[SCALAR_COUNT];
} coverage;

static void count_rows(coverage *c, const graph *g, arena *a) {
  bool ops[OP_COUNT] = {false}, functions[SCALAR_COUNT] = {false};
  int *uses = graph_uses(g, a);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (uses[id] == 0) continue;
    ops[n->op] = true;
    if (n->op == OP_MAP) functions[n->function] = true;
  }
  for (int i = 0; i < OP_COUNT; i++) c->ops[i] += ops[i];
  for (int i = 0; i < SCALAR_COUNT; i++) c->functions[i] += functions[i];
}

static void every_row_occurs(const coverage *c) {
  int missing = 0;
  for (int i = 0; i < OP_COUNT; i++)
    if (c->ops[i] == 0 && !op_has((op_code)i, LOOP)) /* tests/ops/test_control.c */
      print_message("no graph has %s: build it in tests/random_graph.c or random_program.c\n", op_infos[i].name), missing++;
  for (int i = 0; i < SCALAR_COUNT; i++)
    if (c->functions[i] == 0) print_message("no graph has %s: build it in tests/random_graph.c or random_program.c\n", scalar_infos[i].name), missing++;
  assert_int_equal(missing, 0);
}

/* What the bounds say about most elements, of graphs whose inputs are ordinary numbers. */
static void bounds_are_tight(const differential_counts *c) {
  print_message("%lld elements compared, %.2f %% without a bound, %.2f %% with a loose one\n",
                (long long)c->elements, 100.0 * (double)c->unknown / (double)c->elements,
                100.0 * (double)c->loose / (double)c->elements);
  assert_true((double)c->unknown <= 0.05 * (double)c->elements);
  assert_true((double)c->loose <= 0.05 * (double)c->elements);
}

/* Every fourth batch has special values among its inputs. */
static void all_ways_agree(void **state) {
  (void)state;
  int count = (int)differential_number("DIFF_N", 60);
  int64_t first = differential_number("DIFF_FIRST", 0);
  coverage rows = {{0}, {0}};
  differential_counts *counts = differential_counts_new(), *special = differential_counts_new();
  int failures = 0, turn = 0, targets_count = 0;
  arena *all = arena_new();
  const target **targets = differential_targets(all);
  while (targets[targets_count]) targets_count++;
  assert_true(targets_count > 0);
  for (int64_t start = first; start < first + count && !(failures && stops_early());
       start += BATCH, turn++) {
    arena *a = arena_new();
    graph *graphs[BATCH];
    int number = first + count - start < BATCH ? (int)(first + count - start) : BATCH;
    for (int i = 0; i < number; i++) {
      graphs[i] = graph_of_seed(a, (uint64_t)(start + i));
      count_rows(&rows, graphs[i], a);
    }
    differential how = {.target = targets[turn % targets_count],
                        .seed = 31 + (uint64_t)start,
                        .rounds = ROUNDS,
                        .low = -2,
                        .high = 2,
                        .least = -2,
                        .most = 2,
                        .random_slots = true};
    how.special_inputs = start / BATCH % 4 == 1;
    how.counts = how.special_inputs ? special : counts;
    how.ways = differential_number("DIFF_LOOPS", 0) ? LOOPS : ALL_WAYS;
    const char *wrong = check(a, &how, number, graphs);
    if (wrong)
      print_message("%s, seeds %d to %d: %s\n", how.target->cpu, (int)start,
                    (int)start + number - 1, wrong);
    if (wrong && failures++ == 0 && !stops_early())
      report(a, &how, (uint64_t)start, number, graphs);
    arena_free(a);
  }
  arena_free(all);
  assert_int_equal(failures, 0);
  bounds_are_tight(counts);
  if (count >= 60) every_row_occurs(&rows);
}

static void every_operator_has_a_bound(void **state) {
  (void)state;
  for (int op = 0; op < OP_COUNT; op++)
    if (!bounded_covers((op_code)op) && !op_has((op_code)op, LOOP))
      fail_msg("%s has no error bound: add a rule to `rules` in tests/error_bound.c", op_infos[op].name);
  for (int f = 0; f < SCALAR_COUNT; f++) /* floor alone of the real functions is exact */
    if (scalar_infos[f].kind == SCALAR_KIND_REAL && f != SCALAR_FLOOR && !bounded_rounds((scalar_function)f))
      fail_msg("%s has no error bound: add its error to `units` in tests/error_bound.c", scalar_infos[f].name);
}

/* Where a lowered kernel has a fault, or only the C made of it, the comparison notices, and the
 * graph is reduced to what shows it. */
static void faults_are_caught(void **state) {
  (void)state;
  static const char *const expected[] = {
      [FAULT_IN_LOOPS] = "loops: g1: output", [FAULT_IN_C] = "C, one thread: g1: output"};
  arena *a = arena_new();
  graph *g = graph_of_seed(a, 1);
  differential how = {.target = test_target(a),
                      .ways = ALL_WAYS,
                      .rounds = 1,
                      .low = -2,
                      .high = 2,
                      .random_slots = true};
  assert_null(check(a, &how, 1, &g));
  for (how.fault = FAULT_IN_LOOPS; how.fault <= FAULT_IN_C; how.fault++) {
    const char *wrong = check(a, &how, 1, &g);
    assert_non_null(wrong);
    if (strncmp(wrong, expected[how.fault], strlen(expected[how.fault])) != 0)
      fail_msg("%s", wrong);
  }
  how.fault = FAULT_IN_LOOPS, how.ways = LOOPS;
  reduction r = {.how = &how, .graph = g, .wrong = check(a, &how, 1, &g)};
  assert_non_null(r.wrong);
  reduce(&r);
  assert_int_equal(r.graph->output_count + r.graph->update_count, 1);
  assert_true(r.graph->node_count - r.graph->input_count <= 3);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_ways_agree),
                                     cmocka_unit_test(every_operator_has_a_bound),
                                     cmocka_unit_test(faults_are_caught)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
