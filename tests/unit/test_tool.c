/* The program dnn from outside: statuses, help, messages, and a library that is described and
 * run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data.h"
#include "file.h"

static char folder[] = "/tmp/dnn-tool-XXXXXX";
static arena *memory;
static const char *program_path; /* build/dnn beside build/tests/unit/ */

static const char *path_of(const char *name) { return arena_printf(memory, "%s/%s", folder, name); }

/* What a command printed, and its status. */
typedef struct outcome {
  const char *text;
  int status;
} outcome;

static outcome dnn(const char *arguments) {
  char line[4096];
  outcome result = {"", -1};
  FILE *pipe = popen(arena_printf(memory, "%s %s 2>&1", program_path, arguments), "r");
  assert_non_null(pipe);
  while (fgets(line, sizeof line, pipe))
    result.text = arena_printf(memory, "%s%s", result.text, line);
  int status = pclose(pipe);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

static void expect(const char *arguments, int status, const char *part) {
  outcome o = dnn(arguments);
  if (o.status != status || !strstr(o.text, part))
    fail_msg("dnn %s: status %d, not %d, or no \"%s\" in: %s", arguments, o.status, status, part,
             o.text);
}

static void help_and_wrong_use(void **state) {
  (void)state;
  expect("--help", 0, "usage: dnn COMMAND");
  expect("--version", 0, "dnn ");
  expect("train --help", 0, "--resume");
  expect("run --help", 0, "ENTRY");
  expect("check --help", 0, "--range=NAME=LO:HI");
  expect("info --help", 0, "usage: dnn info");
  expect("", 2, "--help");
  expect("fly", 2, "no command 'fly'");
  expect("train", 2, "no file was given");
  expect("train --fly x.dnn", 2, "fly");
  expect("info --task=fit x.dnn", 2, "task"); /* not an option of info */
  expect("train --threads=0 x.dnn", 2, "--threads wants N");
  expect("train --seed=-1 x.dnn", 2, "--seed wants N");
  expect("train --epochs=1e9 x.dnn", 2, "--epochs wants N");
  expect("train -D B x.dnn", 2, "--define wants NAME=VALUE");
  expect("train --resume --overwrite x.dnn", 2, "exclude each other");
  expect("check --range a=3:1 x.dnn", 2, "--range wants");
  expect("train a.dnn b.dnn", 2, "b.dnn");
}

static void missing_files(void **state) {
  (void)state;
  expect("train no-such.dnn", 1, "no-such.dnn");
  expect("info no-such.so", 1, "no-such.so");
  expect("info Makefile", 1, "Makefile");
  expect(arena_printf(memory, "train %s", path_of("model.so")), 1, "holds no task");
}

static void describes_a_library(void **state) {
  (void)state;
  outcome o = dnn(arena_printf(memory, "info %s", path_of("model.so")));
  assert_int_equal(o.status, 0);
  const char *parts[] = {"line\n", "train(x: f32[4, 3], y: f32[4], rate: f32)", "updates slots",
                         "-> (loss: f32)", "momentum", "f32[3]", "parameters", "128"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!strstr(o.text, parts[i])) fail_msg("no \"%s\" in: %s", parts[i], o.text);
}

static void write_floats(const char *name, int rank, int64_t rows, int64_t columns, float first) {
  const char *error = NULL;
  array x = {.element = DTYPE_F32, .rank = rank, .extents = {rows, columns}};
  float *data = arena_alloc(memory, (size_t)array_bytes(&x));
  x.data = data;
  for (int64_t i = 0; i < array_elements(&x); i++) data[i] = first;
  assert_true(npy_write(memory, path_of(name), &x, &error));
}

/* With x = 0 and b = 0 the loss is the mean of y^2. */
static void runs_an_entry(void **state) {
  (void)state;
  const char *so = path_of("model.so"), *error = NULL;
  write_floats("x.npy", 2, 4, 3, 0);
  write_floats("y.npy", 1, 4, 1, 3);
  write_floats("x8.npy", 2, 8, 3, 0);
  write_floats("y8.npy", 1, 8, 1, 2);
  write_floats("y5.npy", 1, 5, 1, 2);
  expect(arena_printf(memory, "run %s evaluate x=%s y=%s", so, path_of("x.npy"), path_of("y.npy")),
         0, "loss: f32 9\n");
  expect(arena_printf(memory, "run %s evaluate x=%s y=%s --out %s", so, path_of("x8.npy"),
                      path_of("y8.npy"), path_of("results")),
         0, "loss: f32[2]\n    4 4\n");
  array *loss = npy_read(memory, path_of("results/loss.npy"), &error);
  assert_non_null(loss);
  assert_memory_equal(loss->data, ((float[]){4, 4}), 8);
  expect(arena_printf(memory, "run %s train x=%s y=%s rate=0.5", so, path_of("x.npy"),
                      path_of("y.npy")),
         0, "loss: f32 9\n");
  expect(arena_printf(memory, "run %s evaluate x=%s", so, path_of("x.npy")), 1,
         "input y: f32[4] is not given");
  expect(arena_printf(memory, "run %s evaluate x=%s y=%s", so, path_of("x.npy"), path_of("y5.npy")),
         1, "f32[5]");
  expect(arena_printf(memory, "run %s evaluate z=1", so), 1, "no input for 'z=1'");
  expect(arena_printf(memory, "run %s fly", so), 1, "has no entry fly");
  expect(arena_printf(memory, "run %s", so), 2, "no entry was given");
  expect(arena_printf(memory, "run %s show --weights %s", so, path_of("missing")), 1, "missing");
}

static const char *find_program(void) {
  char self[4000];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) return NULL;
  self[length] = 0;
  for (int up = 0; up < 3; up++) *strrchr(self, '/') = 0;
  return arena_printf(memory, "%s/dnn", self);
}

static int set_up(void **state) {
  (void)state;
  memory = arena_new();
  program_path = find_program();
  if (!program_path || access(program_path, X_OK) || !mkdtemp(folder)) return -1;
  return system(arena_printf(memory, "cc -std=c11 -D_GNU_SOURCE -O1 -shared -fPIC -Iruntime -o %s "
                                     "tests/unit/fixture/line.c",
                             path_of("model.so")));
}

static int tear_down(void **state) {
  (void)state;
  const char *removal = arena_printf(memory, "rm -r %s", folder);
  int status = system(removal);
  arena_free(memory);
  return status;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(help_and_wrong_use),
      cmocka_unit_test(missing_files),
      cmocka_unit_test(describes_a_library),
      cmocka_unit_test(runs_an_entry),
  };
  return cmocka_run_group_tests_name("tool", tests, set_up, tear_down);
}
