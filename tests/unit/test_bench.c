/* The benchmark's driver: it measures a work from end to end, and says what it does not find. What it measures is no
 * matter here; that peers whose results differ do not count is checked with contenders of known times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tool_case.h"

#define BENCH "BENCH_BUILD=%s PYTHONDONTWRITEBYTECODE=1 python3 tests/bench/bench.py --peers '^$' --threads 1 "

static void expect(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("expected %s in:\n%s", part, text);
}

static void a_work(void **state) {
  (void)state;
  const char *said = tool_shell(BENCH "--work '^product 37x257x131 grad b$' --seconds 0 --output '%s'", tool_binaries(),
                                tool_path("bench.json"));
  expect(said, "product 37x257x131 grad b");
  const char *rows = tool_shell("cat '%s'", tool_path("bench.json"));
  expect(rows, "\"work\": \"product 37x257x131 grad b\"");
  expect(rows, "\"peer\": null");
  expect(rows, "\"threads\": 1");
}

static void names(void **state) {
  (void)state;
  expect(tool_shell(BENCH "--list --all", tool_binaries()), "product 1x4096x4096 grad a");
  expect(tool_shell("! " BENCH "--work nothing-like-it 2>&1", tool_binaries()),
         "no work has a name or a group like 'nothing-like-it'");
}

static void contest(void **state) {
  (void)state;
  expect(tool_shell("PYTHONDONTWRITEBYTECODE=1 python3 tests/bench/check_contest.py"), "contest.py keeps its word");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_work), cmocka_unit_test(names), cmocka_unit_test(contest)};
  return cmocka_run_group_tests(tests, tool_set_up, tool_tear_down);
}
