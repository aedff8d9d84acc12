/* Elaboration of damaged and oversized programs: it ends, soon, with a program or with errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "program.h"

enum { MUTANTS = 25 }; /* of each file */

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static const char *const words[] = {"0",   "-1",    "2 ** 62", "nan",  "x",     "(1, 2)", "training",
                                    "sum", "shape", "grad",    "w[0]", "zeros", "B",      "[3]",
                                    "()",  "net",   "f32",     "new",  "1.5",   "true"};

/* The text with one to three words or signs replaced or left out. */
static char *mutant(arena *a, const char *text, uint32_t *random) {
  for (uint32_t edits = 1 + next_random(random) % 3; edits; edits--) {
    size_t length = strlen(text), at = next_random(random) % length;
    size_t end = at + 1;
    while (end < length && strchr(" \n(),[]{}", text[end]) == NULL) end++;
    uint32_t which = next_random(random) % (2 * sizeof words / sizeof *words);
    const char *word = which < sizeof words / sizeof *words ? words[which] : "";
    text = arena_printf(a, "%.*s%s%s", (int)at, text, word, text + end);
  }
  return (char *)text;
}

/* A program, or at least one error. */
static void expect_outcome(const char *text) {
  static const elaborate_options options = {.folder = "tests/lang/use"};
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  const source s = {.name = "model.dnn", .text = text, .length = strlen(text)};
  const program *p = elaborate(a, d, &s, &options);
  assert_int_equal(p == NULL, diag_count(d) > 0);
  arena_free(a);
}

static void mutate_folder(const char *folder) {
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, folder, ".dnn", &count);
  uint32_t random = 1;
  for (int i = 0; i < count; i++) {
    const char *text = golden_read(a, arena_printf(a, "%s/%s.dnn", folder, names[i]));
    for (int k = 0; k < MUTANTS; k++) expect_outcome(mutant(a, text, &random));
  }
  arena_free(a);
}

static void test_mutants(void **state) {
  (void)state;
  mutate_folder("models/supervised");
  mutate_folder("models/convnets");
  mutate_folder("tests/lang/programs");
  mutate_folder("tests/lang/index");
  mutate_folder("tests/lang/elaborate");
  mutate_folder("tests/lang/errors");
}

/* The line repeated, each time with its number in place of each sign #. */
static char *repeated(const char *head, const char *line, int count, const char *tail) {
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  assert_non_null(out);
  fputs(head, out);
  for (int i = 0; i < count; i++) {
    for (const char *c = line; *c; c++)
      if (*c == '#') fprintf(out, "%d", i);
      else putc(*c, out);
  }
  fputs(tail, out);
  fclose(out);
  return text;
}

static void test_long_programs(void **state) {
  (void)state;
  enum { MANY = 5000 };
  char *const texts[] = {
      repeated("", "const A# = 1 + #\n", MANY, "entry e(x: f32) -> (y) { y = x }\n"),
      repeated("entry e(x: f32) -> (y) {\n", "v# = exp(x)\n", MANY, "y = x\n}\n"),
      repeated("fn f(x) { x }\nentry e(x: f32) -> (y) {\n", "v# = f(x)\n", MANY, "y = x\n}\n"),
      repeated("", "param p#: f32 = #\n", MANY, "entry e(x: f32) -> (y) { y = x * p7 }\n"),
      repeated("", "state p#: f32 = uniform()\n", MANY, "entry e(x: f32) -> (y) { y = x * p7 }\n"),
      repeated("entry e(x: f32) -> (y) {\n", "v# = w#\n", MANY, "y = x\n}\n"),
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    expect_outcome(texts[i]);
    free(texts[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_mutants),
      cmocka_unit_test(test_long_programs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
