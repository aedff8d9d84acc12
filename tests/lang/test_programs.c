/* Programs pass `dnn check`: gradients against finite differences, compiled code against the interpreter.
 * They are those on which the language was tried before there was a compiler, at small sizes, one for each
 * algorithm, and some that combine what no model combines. */
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

/* build/dnn, two folders above build/tests/lang/. */
static const char *dnn_path(arena *a) {
  char self[4000];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  assert_true(length > 0);
  self[length] = 0;
  for (int up = 0; up < 3; up++) *strrchr(self, '/') = 0;
  return arena_printf(a, "%s/dnn", self);
}

/* What the command printed is shown where it fails; the line "all checks passed" must be there, so
 * that a check of nothing fails too. */
static void check(arena *a, const char *name) {
  char line[4096];
  const char *text = "";
  FILE *pipe = popen(arena_printf(a, "%s check --directions=1 --cc=tests/lang/cc.sh "
                                  "tests/lang/programs/%s.dnn 2>&1",
                                  dnn_path(a), name),
                     "r");
  assert_non_null(pipe);
  while (fgets(line, sizeof line, pipe)) text = arena_printf(a, "%s%s", text, line);
  int status = pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) || !strstr(text, "all checks passed\n"))
    fail_msg("%s: status %d: %s", name, status, text);
}

static void test_programs_pass_the_checks(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, "tests/lang/programs", ".dnn", &count);
  assert_true(count >= 25);
  for (int i = 0; i < count; i++) check(a, names[i]);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs_pass_the_checks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
