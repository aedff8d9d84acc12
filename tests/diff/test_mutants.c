/* Faults planted one at a time in passes and lowering (mutations/, built by the Makefile) are all
 * found by random graphs, and by random programs of the language, by the loop interpreter alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../golden.h"
#include "arena.h"

enum { TRIALS = 2000, LEAST_MUTATIONS = 10 };

/* build/mutants/NAME-KIND, two folders above build/tests/diff/. */
static const char *mutant_path(arena *a, const char *name, const char *kind) {
  char self[4000];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  assert_true(length > 0);
  self[length] = 0;
  for (int up = 0; up < 3; up++) *strrchr(self, '/') = 0;
  return arena_printf(a, "%s/mutants/%s-%s", self, name, kind);
}

/* The first line that tells of a difference, NULL where the mutant passed. The mutant itself stops
 * at its first failing batch. A program that is refused tells nothing of the fault. */
static const char *found_in(arena *a, const char *name, const char *kind) {
  char line[4096];
  const char *found = NULL;
  const char *command =
      arena_printf(a, "DIFF_LOOPS=1 DIFF_STOP=1 DIFF_N=%d FUZZ_N=%d FUZZ_FIRST=0 FUZZ_JOBS=1 %s 2>&1",
                   TRIALS, TRIALS, mutant_path(a, name, kind));
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  while (fgets(line, sizeof line, pipe))
    if (!found && strstr(line, ", seeds ") && !strstr(line, ": refused: "))
      found = arena_text(a, line);
  int status = pclose(pipe);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status) != 0 ? found : NULL;
}

static void all_are_found(const char *kind) {
  arena *a = arena_new();
  int count, missed = 0;
  char **names = golden_names(a, "tests/diff/mutations", ".sed", &count);
  assert_true(count >= LEAST_MUTATIONS);
  for (int i = 0; i < count; i++) {
    const char *found = found_in(a, names[i], kind);
    print_message("%s, %s: %s", names[i], kind, found ? found : "not found\n");
    missed += !found;
  }
  assert_int_equal(missed, 0);
  arena_free(a);
}

static void graphs_find_all(void **state) { (void)state, all_are_found("graphs"); }
static void programs_find_all(void **state) { (void)state, all_are_found("programs"); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(graphs_find_all),
                                     cmocka_unit_test(programs_find_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
