/* The examples of docs/language.md: programs between ```dnn and ```, which compile, and between
 * ```dnn not yet and ```, which are refused as what is not supported yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "../model_case.h"
#include "compile.h"

/* Compiles an example down to kernels over planned memory. */
static void expect_compiled(const char *text) {
  static const compile_options plain = {0};
  model *m = model_new(text, NULL);
  diagnostics *d = diag_new(m->arena);
  const module *built = compile_module(m->program, d, &plain);
  if (!built) diag_print(d, stderr);
  assert_non_null(built);
  model_free(m);
}

static void expect_refused(arena *a, const char *text) {
  const char *messages = model_refusal(a, "language.md", text, NULL);
  if (!strstr(messages, ": not supported yet\n")) fail_msg("%s\n%s", text, messages);
}

/* Calls use for every block that begins with this fence; returns how many there are. */
static int for_each_block(arena *a, const char *fence, void (*use)(arena *a, const char *text)) {
  static const char end[] = "\n```\n";
  const char *document = golden_read(a, "docs/language.md");
  int count = 0;
  for (const char *at = document; (at = strstr(at, fence)); count++) {
    at += strlen(fence);
    const char *close = strstr(at, end);
    assert_non_null(close);
    use(a, arena_text_n(a, at, (size_t)(close + 1 - at)));
    at = close;
  }
  return count;
}

static void use_compiled(arena *a, const char *text) {
  (void)a;
  expect_compiled(text);
}

static void test_examples_compile(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_in_range(for_each_block(a, "\n```dnn\n", use_compiled), 8, 100);
  arena_free(a);
}

static void test_what_is_not_yet_is_refused(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_in_range(for_each_block(a, "\n```dnn not yet\n", expect_refused), 1, 100);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_examples_compile),
      cmocka_unit_test(test_what_is_not_yet_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
