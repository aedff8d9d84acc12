/* docs/library.md against dsl/std: every function has its row, word for word, and an example; examples
 * compile, and have the values that they state. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../golden.h"
#include "../library_case.h"
#include "compile.h"

static const char *document(arena *a) { return golden_read(a, "docs/library.md"); }

/* "dsl/std/nn.dnn" as "nn". */
static const char *file_name(arena *a, const char *path) {
  const char *name = strrchr(path, '/') + 1;
  return arena_text_n(a, name, strlen(name) - strlen(".dnn"));
}

/* The text below the heading of a file, up to the next of its kind; NULL where there is none. */
static const char *section(arena *a, const char *file) {
  const char *heading = arena_printf(a, "\n## `%s`\n", file);
  const char *start = strstr(document(a), heading);
  if (!start) return NULL;
  start += strlen(heading);
  const char *end = strstr(start, "\n## ");
  return end ? arena_text_n(a, start, (size_t)(end - start)) : start;
}

/* From the name to the bracket that closes the parameters, on one line. */
static const char *signature(arena *a, const char *from) {
  char *text = arena_text_n(a, from, strlen(from)), *out = text;
  int depth = 0;
  for (const char *at = from; *at; at++) {
    bool blank = strchr(" \n", *at) != NULL;
    depth += strchr("[(", *at) != NULL;
    depth -= strchr("])", *at) != NULL;
    if (blank && out > text && strchr(" ([", out[-1])) continue;
    *out++ = *at == '\n' ? ' ' : *at;
    if (*at == ')' && depth == 0) break;
  }
  *out = '\0';
  return text;
}

static const char *name_of(arena *a, const char *signature) {
  return arena_text_n(a, signature, strcspn(signature, "[("));
}

static int count_of(const char *text, const char *part) {
  int count = 0;
  while ((text = strstr(text, part))) text += strlen(part), count++;
  return count;
}

/* Calls use for each function of a file. Returns how many there are. */
static int for_each_function(arena *a, const char *path,
                             void (*use)(arena *a, const char *file, const char *signature)) {
  static const char start[] = "\nfn ";
  int count = 0;
  for (const char *at = golden_read(a, path); (at = strstr(at, start)); count++) {
    at += strlen(start);
    use(a, file_name(a, path), signature(a, at));
  }
  return count;
}

static void for_each_file(int (*use)(arena *a, const char *path)) {
  arena *a = arena_new();
  glob_t files;
  assert_int_equal(glob("dsl/std/*.dnn", 0, NULL, &files), 0);
  for (size_t i = 0; i < files.gl_pathc; i++) assert_in_range(use(a, files.gl_pathv[i]), 5, 1000);
  assert_in_range(files.gl_pathc, 5, 100);
  globfree(&files);
  arena_free(a);
}

static void expect_row(arena *a, const char *file, const char *signature) {
  const char *text = section(a, file);
  if (!text) fail_msg("docs/library.md has no section `%s`", file);
  int rows = count_of(text, arena_printf(a, "\n| `%s` | ", signature));
  if (rows != 1) fail_msg("docs/library.md, %s: %d rows of `%s`", file, rows, signature);
}

static int expect_rows(arena *a, const char *path) {
  return for_each_function(a, path, expect_row);
}

static void test_every_function_has_a_row(void **state) {
  (void)state;
  for_each_file(expect_rows);
}

/* Whether a file has a function of this name. */
static bool defines(arena *a, const char *file, const char *name) {
  const char *text = golden_read(a, arena_printf(a, "dsl/std/%s.dnn", file));
  return strstr(text, arena_printf(a, "\nfn %s(", name)) ||
         strstr(text, arena_printf(a, "\nfn %s[", name));
}

static void test_no_row_or_section_is_left_over(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *file = NULL;
  int rows = 0;
  for (const char *line = document(a); *line; line += strcspn(line, "\n"), line += *line != '\0') {
    char name[64];
    if (sscanf(line, "## `%63[^`]`", name) == 1) {
      file = arena_text(a, name);
      glob_t files;
      int missing = glob(arena_printf(a, "dsl/std/%s.dnn", file), 0, NULL, &files);
      if (missing) fail_msg("docs/library.md: there is no dsl/std/%s.dnn", file);
      globfree(&files);
    }
    if (sscanf(line, "| `%63[^[(`]", name) != 1) continue;
    if (!file || !defines(a, file, name))
      fail_msg("docs/library.md: %s has no function %s", file ? file : "nothing", name);
    rows++;
  }
  assert_in_range(rows, 80, 1000);
  arena_free(a);
}

/* --- examples ---------------------------------------------------------------------------------- */

/* The next example, behind which *text is left; NULL where there is none. */
static const char *next_example(arena *a, const char **text) {
  static const char fence[] = "\n```dnn\n", end[] = "\n```\n";
  const char *start = strstr(*text, fence);
  if (!start) return NULL;
  start += strlen(fence);
  const char *close = strstr(start, end);
  assert_non_null(close);
  *text = close;
  return arena_text_n(a, start, (size_t)(close + 1 - start));
}

static bool is_name_part(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool holds_word(const char *text, const char *word) {
  for (const char *at = text; (at = strstr(at, word)); at++)
    if ((at == text || !is_name_part(at[-1])) && !is_name_part(at[strlen(word)])) return true;
  return false;
}

static void expect_use(arena *a, const char *file, const char *signature) {
  const char *text = section(a, file), *name = name_of(a, signature), *example;
  if (!text) fail_msg("docs/library.md has no section `%s`", file);
  while ((example = next_example(a, &text)))
    if (holds_word(example, name)) return;
  fail_msg("docs/library.md, %s: no example of %s", file, name);
}

static int expect_uses(arena *a, const char *path) {
  return for_each_function(a, path, expect_use);
}

static void test_every_function_has_an_example(void **state) {
  (void)state;
  for_each_file(expect_uses);
}

/* Class numbers and places are 0; reals lie between -1 and 1. */
static const tensor *input_of(arena *a, const tensor_type *type) {
  int64_t extents[MAX_RANK];
  for (int i = 0; i < type->rank; i++) extents[i] = type->dims[i].maximum;
  return dtype_is_float(type->element) ? library_input(a, type->rank, extents)
                                       : tensor_new(a, type);
}

/* Runs an entry. An output `expected` has the value of the one before it; returns how many do. */
static int check_values(model *m, const char *entry, const char *text) {
  const graph *g = program_entry(m->program, entry);
  const tensor **inputs = arena_array_of(m->arena, g->input_count, const tensor *);
  for (int i = 0; i < g->input_count; i++)
    inputs[i] = input_of(m->arena, &g->inputs[i].node->type);
  tensor **out = model_run(m, entry, inputs);
  int found = 0;
  for (int i = 1; i < g->output_count; i++) {
    if (strcmp(g->outputs[i].name, "expected") != 0) continue;
    const char *message =
        compare_tensors(m->arena, out[i - 1], out[i], (tolerance){1e-5, 1e-5});
    if (message) fail_msg("entry %s: %s\n%s", entry, message, text);
    found++;
  }
  return found;
}

static void test_examples_compile_and_hold(void **state) {
  (void)state;
  static const compile_options plain = {0};
  arena *a = arena_new();
  int examples = 0, values = 0;
  const char *text = document(a), *example;
  for (; (example = next_example(a, &text)); examples++) {
    model *m = model_new(example, NULL);
    for (int i = 0; i < m->program->entry_count; i++)
      values += check_values(m, m->program->entries[i]->name, example);
    diagnostics *d = diag_new(m->arena);
    if (!compile_module(m->program, d, &plain)) {
      diag_print(d, stderr);
      fail_msg("this does not compile:\n%s", example);
    }
    model_free(m);
  }
  assert_in_range(examples, 8, 100);
  assert_in_range(values, 20, 1000);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_function_has_a_row),
      cmocka_unit_test(test_no_row_or_section_is_left_over),
      cmocka_unit_test(test_every_function_has_an_example),
      cmocka_unit_test(test_examples_compile_and_hold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
