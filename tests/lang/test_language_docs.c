/* The examples of docs/language.md: programs between ```dnn and ```, which compile and together hold all of the
 * language, and between ```dnn not yet and ```, which are refused as what is not supported yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "../model_case.h"
#include "../random_occurrence.h"
#include "ast.h"
#include "compile.h"
#include "reader.h"

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

static void expect_refused(arena *a, const char *text, void *context) {
  (void)context;
  const char *messages = model_refusal(a, "language.md", text, NULL);
  if (!strstr(messages, ": not supported yet\n")) fail_msg("%s\n%s", text, messages);
}

typedef void (*use_block)(arena *a, const char *text, void *context);

/* Calls use for every block that begins with this fence; returns how many there are. */
static int for_each_block(arena *a, const char *fence, use_block use, void *context) {
  static const char end[] = "\n```\n";
  const char *document = golden_read(a, "docs/language.md");
  int count = 0;
  for (const char *at = document; (at = strstr(at, fence)); count++) {
    at += strlen(fence);
    const char *close = strstr(at, end);
    assert_non_null(close);
    use(a, arena_text_n(a, at, (size_t)(close + 1 - at)), context);
    at = close;
  }
  return count;
}

static const char example[] = "\n```dnn\n";

static void use_compiled(arena *a, const char *text, void *context) {
  (void)a, (void)context;
  expect_compiled(text);
}

static void test_examples_compile(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_in_range(for_each_block(a, example, use_compiled, NULL), 8, 100);
  arena_free(a);
}

static void test_what_is_not_yet_is_refused(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_in_range(for_each_block(a, "\n```dnn not yet\n", expect_refused, NULL), 1, 100);
  arena_free(a);
}

/* ---- what they hold ----------------------------------------------------------------------------- */

/* Names, and names of arguments. */
typedef struct words {
  arena *arena;
  const char **items;
  int count;
} words;

static bool note_word(const ast *n, void *context) {
  words *w = context;
  const char *name;
  if (n->kind == AST_NAME || ast_as_named(n, &name))
    arena_push(w->arena, w->items, w->count) = n->kind == AST_NAME ? n->name : name;
  return true;
}

static void expect_word(const words *w, const char *word) {
  for (int i = 0; i < w->count; i++)
    if (strcmp(w->items[i], word) == 0) return;
  fail_msg("docs/language.md has no example with `%s`", word);
}

static void count_language(arena *a, const char *text, void *context) {
  (void)a;
  model *m = model_new(text, NULL);
  occurrence_count(context, NULL, text, m->program);
  model_free(m);
}

static void test_examples_hold_the_language(void **state) {
  (void)state;
  arena *a = arena_new();
  occurrence *o = occurrence_new(a);
  for_each_block(a, example, count_language, o);
  assert_int_equal(occurrence_missing(o), 0);
  arena_free(a);
}

static void note_words(arena *a, const char *text, void *context) {
  const source s = {.name = "language.md", .text = text, .length = strlen(text)};
  const ast_file *file = ast_parse(a, diag_new(a), &s);
  for (int i = 0; i < file->items.count; i++) ast_walk(file->items.items[i], note_word, context);
}

/* What dsl/task*.c and native_slots.c read, and all of reader.c. */
static void test_examples_hold_tasks(void **state) {
  (void)state;
  static const char *const said[] = {
      "data", "run", "alternate", "stop", "load", "save", "windows", "streams", "sequences", "by", "rising", "step",
      "epoch", "epochs", "steps", "every_epochs", "every_steps", "at_end", "once", "shuffle", "label", "to",
      "as", "times", "patience", "without_lower", "without_higher", "map", "grid", "plot", "scatter", "text",
      "table", "low", "high", "each", "zoom", "only", "without", "training"};
  arena *a = arena_new();
  words w = {.arena = a};
  for_each_block(a, example, note_words, &w);
  for (size_t i = 0; i < sizeof said / sizeof *said; i++) expect_word(&w, said[i]);
  for (const data_reader *r = data_readers; r->name; r++) {
    expect_word(&w, r->name);
    for (const reader_option *option = r->options; option->name; option++) expect_word(&w, option->name);
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_examples_compile),
      cmocka_unit_test(test_what_is_not_yet_is_refused),
      cmocka_unit_test(test_examples_hold_the_language),
      cmocka_unit_test(test_examples_hold_tasks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
