/* Random programs of the language: through the front end, and then the graph interpreter, the loop
 * interpreter and compiled C agree on every entry, in f32 and with --real=f64; those of bounded size
 * at several sizes.
 *
 * FUZZ_N programs (default 200) from seed FUZZ_FIRST (default 0), in batches that are one file each
 * and go to the targets in turn, or to DIFF_TARGET; DIFF_LOOPS=1 leaves the C out. Every other
 * batch is in f64; DIFF_STOP=1 stops at the first batch that fails. FUZZ_JOBS processes share the
 * batches; FUZZ_SIZES=1 leaves out programs without bounded sizes. A program that fails is reduced
 * and shown as a .dnn file. `make fuzz N=… SEED=… JOBS=…` runs any number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "differential.h"
#include "random_occurrence.h"
#include "random_source.h"
#include "run_module.h"

enum {
  BATCH = 20,
  ROUNDS = 2,
  REDUCTION_SECONDS = 120,
  GENERATED = 2000,
  LEAST_PER_HUNDRED = 1,
  SECONDS_BETWEEN = 60
};

/* ---- one file -------------------------------------------------------------------------------- */

typedef struct file {
  const char *text, *fixed[SOURCE_SIZES]; /* fixed: with each size in place of the bounded one */
  bool real_f64;
  differential how;
} file;

static program *elaborated(arena *a, diagnostics *d, const char *text, bool real_f64) {
  source *s = arena_new_of(a, source);
  *s = (source){.name = "random.dnn", .text = text, .length = strlen(text)};
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
  program *p = elaborated(a, d, f->text, f->real_f64), *fixed[SOURCE_SIZES];
  if (!p) return said(a, d);
  for (int i = 0; i < SOURCE_SIZES; i++)
    if (!(fixed[i] = elaborated(a, d, f->fixed[i], f->real_f64))) return said(a, d);
  differential how = f->how;
  how.fixed = fixed, how.fixed_count = SOURCE_SIZES, how.fixed_size = source_size;
  return differential_check(a, p, &how);
}

static const char *text_of(arena *a, const source_blocks *b, int size) {
  return arena_printf(a, "%s%s", source_uses, random_source(a, "", b, size, NULL));
}

static const char *check_blocks(arena *a, const file *like, const source_blocks *b) {
  file alone = *like;
  alone.text = text_of(a, b, SOURCE_BOUNDED);
  for (int i = 0; i < SOURCE_SIZES; i++) alone.fixed[i] = text_of(a, b, i);
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

/* ---- tests ----------------------------------------------------------------------------------- */

/* The first program of a batch that fails alone, reduced. */
static void report(arena *a, const file *batch, int64_t first, int count,
                   const source_blocks *blocks) {
  reduction r = {.arena = a, .like = batch};
  int i = 0;
  for (; i < count && !r.wrong; i++)
    if (blocks[i].count) r.wrong = check_blocks(a, batch, &blocks[i]);
  if (!r.wrong) return;
  r.blocks = blocks[i - 1];
  print_message("seed %lld alone: %s\n", (long long)first + i - 1, r.wrong);
  reduce(&r);
  print_message("reduced: %s\n", r.wrong);
  fputs(text_of(a, &r.blocks, SOURCE_BOUNDED), stderr);
}

static const char *text_of_batch(arena *a, const source_blocks *blocks, int count, int size) {
  const char *text = source_uses;
  for (int i = 0; i < count; i++)
    text = arena_printf(a, "%s%s", text,
                        random_source(a, arena_printf(a, "_%d", i), &blocks[i], size, NULL));
  return text;
}

/* One file of `count` programs; false where something differs. */
static bool check_batch(file *batch, int64_t first, int count, bool shown) {
  arena *a = arena_new();
  source_blocks blocks[BATCH];
  for (int i = 0; i < count; i++) {
    blocks[i] = source_blocks_of_seed(a, (uint64_t)(first + i));
    if (differential_number("FUZZ_SIZES", 0) && !source_is_sized(&blocks[i])) blocks[i].count = 0;
  }
  batch->text = text_of_batch(a, blocks, count, SOURCE_BOUNDED);
  for (int i = 0; i < SOURCE_SIZES; i++) batch->fixed[i] = text_of_batch(a, blocks, count, i);
  const char *wrong = differential_apart(a, check_file, batch);
  if (wrong)
    print_message("%s, %s, seeds %lld to %lld: %.400s\n", batch->how.target->cpu,
                  batch->real_f64 ? "f64" : "f32", (long long)first, (long long)first + count - 1,
                  wrong);
  if (wrong && shown) report(a, batch, first, count, blocks);
  arena_free(a);
  return !wrong;
}

/* ---- compilers ------------------------------------------------------------------------------- */

/* Most time goes into the compilation of helpers that are inlined everywhere. Here they are called,
 * but for one batch in 37, which is compiled as a user would. */
static const struct compiler {
  const char *program, *flags[3];
} quick[] = {{"clang", {"-O0", "-Dalways_inline=unused"}},
             {"gcc", {"-O0", "-Dalways_inline=unused"}},
             {"clang", {"-O0", "-Dalways_inline=unused"}}},
  whole[] = {{"gcc", {"-O2"}}, {"clang", {"-O2"}}, {"gcc", {"-O1"}}, {"clang", {"-O1"}}};

static const struct compiler *compiler_of(int64_t turn) {
  return turn % 37 == 4 ? &whole[turn / 37 % 4] : &quick[turn % 3];
}

/* ---- jobs ------------------------------------------------------------------------------------ */

/* What all processes know. */
typedef struct work {
  int64_t first, count;
  const target **targets;
  int target_count;
  differential_ways ways;
  bool stop; /* at the first failure, which is not reduced */
  differential_counts *counts;
  time_t start;
  struct shared {
    atomic_llong next, agreed,
        told; /* batches begun, programs done, seconds until the last message */
    atomic_int failures;
  } * shared;
} work;

static void check_turn(const work *w, int64_t batch) {
  int64_t start = w->first + batch * BATCH, end = w->first + w->count, turn = start / BATCH;
  const struct compiler *c = compiler_of(turn);
  file f = {.real_f64 = turn % 2,
            .how = {.target = w->targets[turn / 2 % w->target_count],
                    .seed = 31 + (uint64_t)start,
                    .rounds = ROUNDS,
                    .low = -2,
                    .high = 2,
                    .least = -3,
                    .most = 6,
                    .compiler = c->program,
                    .flags = c->flags,
                    .ways = w->ways,
                    .counts = w->counts}};
  int64_t number = end - start < BATCH ? end - start : BATCH;
  bool good = check_batch(&f, start, (int)number, !w->stop && w->shared->failures == 0);
  if (good)
    w->shared->agreed += number;
  else
    w->shared->failures++;
}

/* Once in a while; a run that ended early goes on from the seed. */
static void tell_progress(const work *w, int jobs) {
  long long seconds = time(NULL) - w->start, done = w->shared->agreed;
  if (seconds < w->shared->told + SECONDS_BETWEEN || !done) return;
  w->shared->told = seconds;
  double rate = (double)done / (double)seconds;
  long long safe = w->first + BATCH * (w->shared->next - jobs);
  print_message(
      "%lld of %lld programs agree, %.1f in a second, %.0f minutes left; all below seed "
      "%lld are done\n",
      done, (long long)w->count, rate, (double)(w->count - done) / rate / 60, safe);
}

static void work_on(const work *w, int jobs) {
  for (int64_t batch; (batch = w->shared->next++) * BATCH < w->count;) {
    if (w->stop && w->shared->failures) return;
    check_turn(w, batch);
    tell_progress(w, jobs);
  }
}

static void share_work(const work *w, int jobs) {
  fflush(NULL);
  for (int i = 1; i < jobs; i++)
    if (fork() == 0) {
      work_on(w, jobs);
      _exit(0);
    }
  work_on(w, jobs);
  for (int i = 1, status; i < jobs; i++) {
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
  }
}

static void all_ways_agree(void **state) {
  (void)state;
  arena *a = arena_new();
  work w = {.first = differential_number("FUZZ_FIRST", 0),
            .count = differential_number("FUZZ_N", 200),
            .targets = differential_targets(a),
            .ways = differential_number("DIFF_LOOPS", 0) ? LOOPS : ALL_WAYS,
            .stop = differential_number("DIFF_STOP", 0),
            .counts = differential_counts_new(),
            .start = time(NULL)};
  while (w.targets[w.target_count]) w.target_count++;
  assert_true(w.target_count > 0);
  w.shared =
      mmap(NULL, sizeof *w.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(w.shared != MAP_FAILED);
  share_work(&w, (int)differential_number("FUZZ_JOBS", 1));
  double elements = (double)w.counts->elements;
  print_message(
      "seeds %lld to %lld: %lld of %lld programs agree %s, %lld elements, %.2f %% without "
      "a bound, %.2f %% with a loose one, %lld s\n",
      (long long)w.first, (long long)(w.first + w.count - 1), w.shared->agreed, (long long)w.count,
      w.ways == LOOPS ? "without C" : "in all ways", (long long)w.counts->elements,
      100.0 * (double)w.counts->unknown / elements, 100.0 * (double)w.counts->loose / elements,
      (long long)(time(NULL) - w.start));
  assert_int_equal(w.shared->failures, 0);
  assert_true((double)w.counts->unknown < 0.1 * elements);
  arena_free(a);
}

/* Generates and elaborates a program, which is not run; false where it is refused. */
static bool count_program(occurrence *o, uint64_t seed) {
  arena *a = arena_new();
  source_blocks b = source_blocks_of_seed(a, seed);
  int *built = arena_array_of(a, 2 * source_construct_count(), int);
  diagnostics *d = diag_new(a);
  const char *text = arena_printf(a, "%s%s", source_uses, random_source(a, "", &b, SOURCE_BOUNDED, built));
  program *p = elaborated(a, d, text, seed % 2);
  if (p)
    occurrence_count(o, built, text, p);
  else
    print_message("seed %llu: %s\n%s", (unsigned long long)seed, said(a, d), text);
  arena_free(a);
  return p != NULL;
}

static void all_constructs_occur(void **state) {
  (void)state;
  arena *a = arena_new();
  occurrence *o = occurrence_new(a);
  int refused = 0;
  for (uint64_t seed = 0; seed < GENERATED && refused < 3; seed++)
    refused += !count_program(o, seed);
  assert_int_equal(refused, 0);
  assert_int_equal(occurrence_report(o, LEAST_PER_HUNDRED, getenv("FUZZ_REPORT") != NULL), 0);
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
  reduction r = {.arena = a, .like = &f, .blocks = source_blocks_of_seed(a, 1)};
  r.wrong = check_blocks(a, &f, &r.blocks);
  assert_non_null(r.wrong);
  reduce(&r);
  assert_true(differential_alike(r.wrong, "loops: "));
  assert_true(r.blocks.count <= 2);
  f.how.fault = NO_FAULT;
  assert_null(check_blocks(a, &f, &r.blocks));
  arena_free(a);
}

/* What is said of a program that is held to mean another size than it is called with; NULL: nothing. */
static const char *wrong_size(arena *a, const source_blocks *b) {
  file f = {.how = {.target = test_target(a), .ways = LOOPS, .rounds = 1, .low = -2, .high = 2,
                    .least = -3, .most = 6}};
  f.text = text_of(a, b, SOURCE_BOUNDED);
  for (int i = 0; i < SOURCE_SIZES; i++) f.fixed[i] = text_of(a, b, i);
  assert_null(differential_apart(a, check_file, &f));
  f.fixed[0] = f.fixed[1];
  return differential_apart(a, check_file, &f);
}

/* A program that means another size than it is called with differs, but where the bound is 2, so that both are
 * 1, and where nothing depends on the size. */
static void sizes_are_compared(void **state) {
  (void)state;
  int sized = 0, found = 0;
  for (uint64_t seed = 0; sized < 8; seed++) {
    arena *a = arena_new();
    const source_blocks b = source_blocks_of_seed(a, seed);
    const char *wrong = source_is_sized(&b) ? wrong_size(a, &b) : NULL;
    sized += source_is_sized(&b);
    found += wrong && strstr(wrong, "at size 1");
    arena_free(a);
  }
  print_message("%d of %d programs\n", found, sized);
  assert_true(found >= 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_constructs_occur),
                                     cmocka_unit_test(all_ways_agree),
                                     cmocka_unit_test(faults_are_reduced),
                                     cmocka_unit_test(sizes_are_compared)};
  const struct CMUnitTest agreement[] = {cmocka_unit_test(all_ways_agree)};
  return differential_number("DIFF_STOP", 0) ? cmocka_run_group_tests(agreement, NULL, NULL)
                                             : cmocka_run_group_tests(tests, NULL, NULL);
}
