/* dnn, with every allocation and every system call failing in turn. A training that failed is gone on
 * with, or begun anew where it left no checkpoint, and ends as if nothing had happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data.h"
#include "fault_case.h"
#include "golden.h"

enum { ROWS = 10, N = 3 };

static arena *memory;
static const char *checkpoint; /* of an undisturbed training */
static size_t checkpoint_bytes;

static void both(const fault_case *c) {
  fault_case_run(c, FAULT_MEMORY);
  fault_case_run(c, FAULT_SYSTEM);
}

#define LINE(...) ((const char *[]){__VA_ARGS__, NULL})
#define TOOL(...) (&(fault_case){.program = "dnn", .arguments = LINE(__VA_ARGS__)})

static void test_describes(void **state) {
  (void)state;
  both(TOOL("info", "model.so"));
  both(TOOL("info", "line.dnn", fault_case_cc()));
}

static void test_draws(void **state) {
  (void)state;
  fault_case *plain = TOOL("info", "line.dnn", "--graph=exported/line.dot");
  fault_case *laid_out = TOOL("info", "line.dnn", "--graph=exported/line.svg", "--entry=train");
  plain->results = laid_out->results = "exported";
  both(plain);
  both(laid_out);
}

static void test_runs(void **state) {
  (void)state;
  both(TOOL("run", "model.so", "evaluate", "x=x4.npy", "y=y4.npy", "--threads=2"));
  fault_case *writing = TOOL("run", "model.so", "evaluate", "x=x4.npy", "y=y4.npy", "--threads=1",
                             "--weights=trained.safetensors", "--out=results", "loss=results.csv");
  writing->results = "results";
  both(writing);
}

static void test_exports(void **state) {
  (void)state;
  fault_case *plain = TOOL("export", "model.so", "exported/w.safetensors", "--weights=trained.safetensors");
  fault_case *mapped = TOOL("export", "model.so", "exported/w.safetensors", "--weights=trained.safetensors",
                            "--map=line.map", "--as=line.map");
  plain->results = mapped->results = "exported";
  both(plain);
  both(mapped);
}

static void test_checks(void **state) {
  (void)state;
  both(TOOL("check", "line.dnn", "--steps=1", "--directions=1", "--threads=1", fault_case_cc()));
}

static void test_measures(void **state) {
  (void)state;
  fault_case *bench = TOOL("bench", "line.dnn", "--seconds=0", "--threads=2", "--entry=train", fault_case_cc());
  fault_case *profile = TOOL("profile", "line.dnn", "--seconds=0", "--threads=1", "--json", "--entry=train",
                             fault_case_cc());
  bench->measures = profile->measures = true;
  both(bench);
  both(profile);
}

static bool is_result(const char *name) {
  static const char *const results[] = {"lock", "metrics.csv", "curves.png",
                                        "checkpoint.safetensors"};
  for (size_t i = 0; i < sizeof results / sizeof *results; i++)
    if (!strcmp(name, results[i])) return true;
  return false;
}

/* What a training writes, and nothing else. */
static void check_names(arena *a, const char *folder) {
  int count;
  if (access(folder, F_OK)) return;
  char **names = golden_names(a, folder, "", &count);
  for (int i = 0; i < count; i++)
    if (*names[i] != '.' && !is_result(names[i])) fail_msg("%s was left", names[i]);
}

static void go_on(arena *a, const fault_case *c) {
  const char *folder = arena_printf(a, "%s/out", fault_case_folder());
  check_names(a, folder);
  const char **line = arena_array_of(a, 32, const char *);
  int count = 0;
  for (; c->arguments[count]; count++) line[count] = c->arguments[count];
  if (strcmp(line[count - 1], "--resume")) line[count] = "--resume";
  faulty_outcome o = fault_case_plain(a, c->program, line);
  if (o.status) fail_msg("the training cannot be gone on with: %s", o.err);
  size_t bytes;
  const char *found = fault_case_read(a, "out/checkpoint.safetensors", &bytes);
  assert_int_equal(bytes, checkpoint_bytes);
  assert_memory_equal(found, checkpoint, bytes);
}

static void test_trains(void **state) {
  (void)state;
  fault_case *c = TOOL("train", "line.dnn", "--data=.", "--out=out", "--threads=2", fault_case_cc());
  c->results = "out";
  c->check = go_on;
  both(c);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void add_points(const char *name, int64_t rows, int rank) {
  const char *error, *path = arena_printf(memory, "%s/new.npy", fault_case_folder());
  float *numbers = arena_array_of(memory, rows * N, float);
  for (int i = 0; i < rows * N; i++) numbers[i] = (float)((i * 7) % 11) / 8;
  array x = {.element = DTYPE_F32, .rank = rank, .extents = {rows, N}, .data = numbers};
  assert_true(npy_write(memory, path, &x, &error));
  size_t bytes;
  const char *content = fault_case_read(memory, "new.npy", &bytes);
  fault_case_file(name, content, bytes);
  assert_int_equal(remove(path), 0);
}

/* A file that a command makes in the folder. */
static void add_made(const char *path, const char *name, const char *program,
                     const char *const *arguments) {
  size_t bytes;
  faulty_outcome o = fault_case_plain(memory, program, arguments);
  if (o.status) fail_msg("%s: %s", program, o.err);
  const char *content = fault_case_read(memory, path, &bytes);
  fault_case_file(name, content, bytes);
}

static int set_up(void **state) {
  if (fault_case_set_up(state)) return -1;
  memory = arena_new();
  const char *line = golden_read(memory, "tests/hostile/line.dnn");
  fault_case_file("line.dnn", line, strlen(line));
  static const char map[] = "* = *\n";
  fault_case_file("line.map", map, sizeof map - 1);
  fault_case_file("exported/another", map, sizeof map - 1);
  add_points("points/x.npy", ROWS, 2);
  add_points("points/y.npy", ROWS, 1);
  add_points("x4.npy", 4, 2);
  add_points("y4.npy", 4, 1);
  fault_case_restore();
  add_made("model.so", "model.so", "dnnc", LINE("line.dnn", "-o", "model.so"));
  add_made("out/checkpoint.safetensors", "trained.safetensors", "dnn",
           LINE("train", "line.dnn", "--data=.", "--out=out", "--threads=2", fault_case_cc()));
  checkpoint = fault_case_read(memory, "out/checkpoint.safetensors", &checkpoint_bytes);
  return 0;
}

static int tear_down(void **state) {
  arena_free(memory);
  return fault_case_tear_down(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_describes),
      cmocka_unit_test(test_draws),
      cmocka_unit_test(test_runs),
      cmocka_unit_test(test_exports),
      cmocka_unit_test(test_checks),
      cmocka_unit_test(test_measures),
      cmocka_unit_test(test_trains),
  };
  return cmocka_run_group_tests_name("faults of dnn", tests, set_up, tear_down);
}
