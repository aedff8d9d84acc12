/* Elaboration against files: what a program becomes, and what is said about a faulty one. The programs hold
 * all of the language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "../model_case.h"
#include "../random_occurrence.h"
#include "graph_text.h"

static void print_program(FILE *out, arena *a, const program *p) {
  for (int i = 0; i < p->slot_count; i++)
    fprintf(out, "%s %s: %s\n", p->slots[i].kind == SLOT_PARAM ? "param" : "state",
            p->slots[i].path, type_text(a, &p->slots[i].type));
  graph_print(out, p->initial);
  for (int i = 0; i < p->entry_count; i++) graph_print(out, p->entries[i]);
  for (int i = 0; i < p->task_count; i++)
    for (int k = 0; k < p->tasks[i].run_count; k++)
      for (int j = 0; j < p->tasks[i].runs[k].argument_count; j++)
        graph_print(out, p->tasks[i].runs[k].arguments[j].value);
}

static void test_programs_become_graphs(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, "tests/lang/elaborate", ".dnn", &count);
  for (int i = 0; i < count; i++) {
    char *path = arena_printf(a, "tests/lang/elaborate/%s", names[i]);
    model *m = model_new(golden_read(a, arena_printf(a, "%s.dnn", path)), NULL);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print_program(out, a, m->program);
    fclose(out);
    golden_compare(arena_printf(a, "%s.graph", path), text);
    free(text);
    model_free(m);
  }
  arena_free(a);
}

static void count_folder(arena *a, occurrence *o, const char *folder) {
  int count;
  char **names = golden_names(a, folder, ".dnn", &count);
  for (int i = 0; i < count; i++) {
    const char *text = golden_read(a, arena_printf(a, "%s/%s.dnn", folder, names[i]));
    model *m = model_new(text, NULL);
    occurrence_count(o, NULL, text, m->program);
    model_free(m);
  }
}

/* Those of index notation among them (test_index_notation.c). */
static void test_programs_hold_the_language(void **state) {
  (void)state;
  arena *a = arena_new();
  occurrence *o = occurrence_new(a);
  count_folder(a, o, "tests/lang/elaborate");
  count_folder(a, o, "tests/lang/index");
  assert_int_equal(occurrence_missing(o), 0);
  arena_free(a);
}

static void test_faulty_programs_are_refused(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, "tests/lang/errors", ".dnn", &count);
  for (int i = 0; i < count; i++) {
    char *path = arena_printf(a, "tests/lang/errors/%s", names[i]);
    char *file = arena_printf(a, "%s.dnn", path);
    char *name = arena_printf(a, "%s.dnn", names[i]);
    char *messages = model_refusal(a, name, golden_read(a, file), NULL);
    golden_compare(arena_printf(a, "%s.err", path), messages);
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_programs_become_graphs),
      cmocka_unit_test(test_programs_hold_the_language),
      cmocka_unit_test(test_faulty_programs_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
