/* Random programs of the language: through the front end, and then the graph interpreter, the loop
 * interpreter and compiled C agree on every entry, in f32 and with --real=f64.
 *
 * FUZZ_N programs (default 200) from seed FUZZ_FIRST (default 0), in batches that are one file each
 * and go to the targets in turn, or to DIFF_TARGET; DIFF_LOOPS=1 leaves the C out. Every other
 * batch is in f64. A program that fails is reduced and shown as a .dnn file. `make fuzz N=… SEED=…`
 * runs any number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "differential.h"
#include "op.h"
#include "random_source.h"
#include "run_module.h"
#include "scalar.h"

enum { BATCH = 20, ROUNDS = 2, REDUCTION_SECONDS = 120, LEAST_PER_HUNDRED = 1 };

/* ---- one file -------------------------------------------------------------------------------- */

typedef struct file {
  const char *text;
  bool real_f64;
  differential how;
} file;

static program *elaborated(arena *a, diagnostics *d, const char *text, bool real_f64) {
  source *s = arena_new_of(a, source);
  *s = (source){"random.dnn", text, strlen(text)};
  const elaborate_options options = {.real_f64 = real_f64};
  return elaborate(a, d, s, &options);
}

static const char *said(arena *a, const diagnostics *d) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  diag_print(d, out);
  fclose(out);
  const char *copy = arena_printf(a, "refused: %s", text);
  free(text);
  return copy;
}

static const char *check_file(arena *a, void *context) {
  const file *f = context;
  diagnostics *d = diag_new(a);
  program *p = elaborated(a, d, f->text, f->real_f64);
  return p ? differential_check(a, p, &f->how) : said(a, d);
}

static const char *text_of(arena *a, const source_blocks *b) {
  return arena_printf(a, "%s%s", source_uses, random_source(a, "", b, NULL));
}

static const char *check_blocks(arena *a, const file *like, const source_blocks *b) {
  file alone = *like;
  alone.text = text_of(a, b);
  return differential_apart(a, check_file, &alone);
}

/* ---- reduction ------------------------------------------------------------------------------- */

/* Blocks on their way to the fewest and smallest that fail in the same way. */
typedef struct reduction {
  arena *arena;
  const file *like;
  source_blocks blocks;
  const char *wrong;
  time_t end;
} reduction;

static bool take_if_failing(reduction *r, source_blocks smaller) {
  const char *wrong = time(NULL) < r->end ? check_blocks(r->arena, r->like, &smaller) : NULL;
  if (!wrong || !differential_alike(wrong, r->wrong)) return false;
  r->blocks = smaller, r->wrong = wrong;
  return true;
}

static source_blocks copy_of(const reduction *r, int without, int count) {
  source_blocks b = {arena_array_of(r->arena, r->blocks.count, source_block), 0};
  for (int i = 0; i < r->blocks.count; i++)
    if (i < without || i >= without + count) b.items[b.count++] = r->blocks.items[i];
  return b;
}

static void remove_blocks(reduction *r) {
  for (int length = r->blocks.count / 2; length > 0; length /= 2)
    for (int at = r->blocks.count - length; at >= 0; at--)
      if (at + length <= r->blocks.count) take_if_failing(r, copy_of(r, at, length));
}

static void lower_numbers(reduction *r) {
  for (int i = 0; i < r->blocks.count; i++)
    for (int k = 1; k < BLOCK_NUMBERS; k++) {
      if (r->blocks.items[i].numbers[k] == 0) continue;
      source_blocks smaller = copy_of(r, 0, 0);
      smaller.items[i].numbers[k] = 0;
      take_if_failing(r, smaller);
    }
}

/* Blocks first; with smaller numbers more of them may go. */
static void reduce(reduction *r) {
  r->end = time(NULL) + REDUCTION_SECONDS;
  remove_blocks(r);
  lower_numbers(r);
  remove_blocks(r);
}

/* ---- what occurred --------------------------------------------------------------------------- */

/* How many programs hold each construct, operator and elementwise function. */
typedef struct occurrence {
  int programs, ops[OP_COUNT], functions[SCALAR_COUNT], *constructs;
} occurrence;

static void count_graph(const graph *g, arena *a, bool *ops, bool *functions) {
  int *uses = graph_uses(g, a);
  for (int id = 0; id < g->node_count; id++) {
    if (uses[id] == 0) continue;
    ops[g->nodes[id]->op] = true;
    if (g->nodes[id]->op == OP_MAP) functions[g->nodes[id]->function] = true;
  }
}

/* Also what only the front end sees: a program that it refuses is counted by its blocks alone. */
static void count_program(occurrence *o, arena *a, const source_blocks *b) {
  int *built = arena_array_of(a, source_construct_count(), int);
  bool ops[OP_COUNT] = {false}, functions[SCALAR_COUNT] = {false};
  random_source(a, "", b, built);
  program *p = elaborated(a, diag_new(a), text_of(a, b), false);
  o->programs++;
  for (int i = 0; p && i < p->entry_count; i++) count_graph(p->entries[i], a, ops, functions);
  if (p) count_graph(p->initial, a, ops, functions);
  for (int i = 0; i < source_construct_count(); i++) o->constructs[i] += built[i] > 0;
  for (int i = 0; i < OP_COUNT; i++) o->ops[i] += ops[i];
  for (int i = 0; i < SCALAR_COUNT; i++) o->functions[i] += functions[i];
}

/* The language has no words for these; random graphs have them. */
static bool is_out_of_reach(int function) {
  return function == SCALAR_FMA || function == SCALAR_BITAND || function == SCALAR_BITOR ||
         function == SCALAR_BITXOR || function == SCALAR_SHL;
}

static int report_row(const occurrence *o, const char *name, int count, bool told) {
  bool rare = 100 * count < LEAST_PER_HUNDRED * o->programs;
  if (told) print_message("%6.1f %%  %s\n", 100.0 * count / o->programs, name);
  else if (rare) print_message("%s: in %d of %d programs; tests/random_source.c wants a form with it (and the language a\n"
                               "word for it: docs/architecture.md)\n", name, count, o->programs);
  return rare;
}

static int report_occurrence(const occurrence *o, bool told) {
  int rare = 0;
  for (int i = 0; i < source_construct_count(); i++)
    rare += report_row(o, source_construct_name(i), o->constructs[i], told);
  for (int i = 0; i < OP_COUNT; i++) /* loops are in tests/lang/test_loops.c */
    if (!op_has((op_code)i, LOOP)) rare += report_row(o, op_infos[i].name, o->ops[i], told);
  for (int i = 0; i < SCALAR_COUNT; i++)
    if (!is_out_of_reach(i)) rare += report_row(o, scalar_infos[i].name, o->functions[i], told);
  return rare;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* The first program of a batch that fails alone, reduced. */
static void report(arena *a, const file *batch, int64_t first, int count,
                   const source_blocks *blocks) {
  reduction r = {.arena = a, .like = batch};
  int i = 0;
  for (; i < count && !r.wrong; i++) r.wrong = check_blocks(a, batch, &blocks[i]);
  if (!r.wrong) return;
  r.blocks = blocks[i - 1];
  print_message("seed %lld alone: %s\n", (long long)first + i - 1, r.wrong);
  reduce(&r);
  print_message("reduced: %s\n", r.wrong);
  fputs(text_of(a, &r.blocks), stderr);
}

/* One file of `count` programs; false where something differs. */
static bool check_batch(file *batch, int64_t first, int count, occurrence *o, bool shown) {
  arena *a = arena_new();
  source_blocks blocks[BATCH];
  const char *text = source_uses;
  for (int i = 0; i < count; i++) {
    blocks[i] = source_blocks_of_seed(a, (uint64_t)(first + i));
    text = arena_printf(a, "%s%s", text,
                        random_source(a, arena_printf(a, "_%d", i), &blocks[i], NULL));
    count_program(o, a, &blocks[i]);
  }
  batch->text = text;
  const char *wrong = differential_apart(a, check_file, batch);
  if (wrong)
    print_message("%s, %s, seeds %lld to %lld: %.400s\n", batch->how.target->cpu,
                  batch->real_f64 ? "f64" : "f32", (long long)first, (long long)first + count - 1,
                  wrong);
  if (wrong && shown) report(a, batch, first, count, blocks);
  arena_free(a);
  return !wrong;
}

static void all_ways_agree(void **state) {
  (void)state;
  arena *a = arena_new();
  int64_t count = differential_number("FUZZ_N", 200), first = differential_number("FUZZ_FIRST", 0);
  occurrence o = {.constructs = arena_array_of(a, source_construct_count(), int)};
  const target **targets = differential_targets(a);
  int failures = 0, turn = 0, target_count = 0;
  differential_counts *counts = differential_counts_new();
  while (targets[target_count]) target_count++;
  assert_true(target_count > 0);
  for (int64_t start = first; start < first + count; start += BATCH, turn++) {
    file batch = {.real_f64 = turn % 2};
    batch.how = (differential){.target = targets[turn / 2 % target_count],
                               .seed = 31 + (uint64_t)start,
                               .rounds = ROUNDS,
                               .low = -2,
                               .high = 2,
                               .least = -3,
                               .most = 6,
                               .counts = counts};
    batch.how.optimisation = turn % 8 == 7 ? "-O2" : "-Og";
    batch.how.ways = differential_number("DIFF_LOOPS", 0) ? LOOPS : ALL_WAYS;
    int64_t number = first + count - start < BATCH ? first + count - start : BATCH;
    failures += !check_batch(&batch, start, (int)number, &o, failures == 0);
  }
  print_message("%lld elements compared, %.2f %% without a bound, %.2f %% with a loose one\n",
                (long long)counts->elements,
                100.0 * (double)counts->unknown / (double)counts->elements,
                100.0 * (double)counts->loose / (double)counts->elements);
  int rare = report_occurrence(&o, getenv("FUZZ_REPORT") != NULL);
  assert_int_equal(failures, 0);
  assert_true((double)counts->unknown < 0.1 * (double)counts->elements);
  if (count >= 200) assert_int_equal(rare, 0);
  arena_free(a);
}

/* A fault in a store of the first entry is found, and reduced to a program of a statement or two.
 */
static void faults_are_reduced(void **state) {
  (void)state;
  arena *a = arena_new();
  file f = {.how = {.target = test_target(a),
                    .ways = LOOPS,
                    .rounds = 1,
                    .low = -2,
                    .high = 2,
                    .least = -3,
                    .most = 6,
                    .fault = FAULT_IN_LOOPS}};
  reduction r = {.arena = a, .like = &f, .blocks = source_blocks_of_seed(a, 3)};
  r.wrong = check_blocks(a, &f, &r.blocks);
  assert_non_null(r.wrong);
  reduce(&r);
  assert_true(differential_alike(r.wrong, "loops: "));
  assert_true(r.blocks.count <= 2);
  f.how.fault = NO_FAULT;
  assert_null(check_blocks(a, &f, &r.blocks));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_ways_agree),
                                     cmocka_unit_test(faults_are_reduced)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
