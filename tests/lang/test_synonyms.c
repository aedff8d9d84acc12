/* Names of other tools, and how this language writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "program.h"
#include "synonyms.h"

static bool elaborates(const char *expression, char **messages) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  const char *text = arena_printf(a, "entry e(c: bool[4, 4], a: f32[4, 4], b: f32[4, 4], x: f32[4, 4], k: i32[3]) -> (y) "
                                     "{ y = %s }\n", expression);
  source *s = arena_new_of(a, source);
  *s = (source){.name = "synonym.dnn", .text = text, .length = strlen(text)};
  bool good = elaborate(a, d, s, &(elaborate_options){0}) && !diag_count(d);
  size_t length;
  FILE *out = open_memstream(messages, &length);
  diag_print(d, out);
  fclose(out);
  arena_free(a);
  return good;
}

static void test_names_are_unknown_and_told(void **state) {
  (void)state;
  for (const synonym *s = synonyms; s->name; s++) {
    char expected[200], *messages;
    snprintf(expected, sizeof expected, "there is no name `%s`; here it is written `%s`", s->name, s->written);
    if (elaborates(s->name, &messages) || !strstr(messages, expected)) fail_msg("%s: %s", s->name, messages);
    free(messages);
  }
}

static void test_what_is_told_is_written_so(void **state) {
  (void)state;
  for (const synonym *s = synonyms; s->name; s++) {
    char *messages;
    if (!elaborates(s->written, &messages)) fail_msg("%s: %s", s->name, messages);
    free(messages);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_names_are_unknown_and_told),
                                     cmocka_unit_test(test_what_is_told_is_written_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
