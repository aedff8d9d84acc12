/* docs/operators.md against the code: every operator and function has its place, constraints are those
 * of the comments in compiler/ops/, and examples parse, verify and have the values that they state. */
#include <glob.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compare.h"
#include "graph_case.h"
#include "op.h"
#include "scalar.h"
#include "source.h"
#include "verify.h"

typedef struct constraint {
  const char *op, *text;
  int number;
} constraint;

typedef struct constraints {
  arena *arena;
  constraint *items;
  int items_count;
  int open; /* the first of those whose text may go on; items_count: none */
} constraints;

static const char *read_text(arena *a, const char *path) {
  diagnostics *d = diag_new(a);
  const source *s = source_read(a, d, path);
  if (!s)
    fail_msg("%s is missing: the tests run in the repository's root", path);
  return s->text;
}

static const char *document(arena *a) { return read_text(a, "docs/operators.md"); }

/* The next line without its end, in arena memory; NULL at the end of the text. */
static const char *next_line(arena *a, const char **text) {
  if (!**text)
    return NULL;
  size_t length = strcspn(*text, "\n");
  const char *line = arena_text_n(a, *text, length);
  *text += length + ((*text)[length] == '\n');
  return line;
}

static const char *without_end_of_comment(arena *a, const char *line) {
  const char *end = strstr(line, " */");
  return end ? arena_text_n(a, line, (size_t)(end - line)) : line;
}

static void add(constraints *c, const char *op, int number, const char *text) {
  arena_push(c->arena, c->items, c->items_count) = (constraint){op, text, number};
}

static void continue_text(constraints *c, const char *text) {
  for (int i = c->open; i < c->items_count; i++)
    c->items[i].text = arena_printf(c->arena, "%s %s", c->items[i].text, text);
}

/* Adds a constraint for each name in "sum, prod". */
static void add_for_names(constraints *c, const char *names, int number, const char *text) {
  c->open = c->items_count;
  for (const char *n = names; *n; n += strspn(n, ", ")) {
    size_t length = strcspn(n, ", ");
    add(c, arena_text_n(c->arena, n, length), number, text);
    n += length;
  }
}

/* Comments as "sum, prod: what they are", then lines "  C2  what holds", each of which may go on. */
static void read_comments(constraints *c, const char *path) {
  const char *text = read_text(c->arena, path), *names = "", *line;
  while ((line = next_line(c->arena, &text))) {
    int number, length = 0;
    const char *body = without_end_of_comment(c->arena, line);
    if (strncmp(body, "/* ", 3) == 0)
      names = arena_text_n(c->arena, body + 3, strcspn(body + 3, ":;("));
    if (sscanf(body, " *   C%d  %n", &number, &length) == 1 && length > 0)
      add_for_names(c, names, number, body + length);
    else if (strncmp(body, " *       ", 9) == 0)
      continue_text(c, body + 9);
    else
      c->open = c->items_count;
    if (body != line)
      c->open = c->items_count;
  }
}

/* Lines "- `dot C3`: what holds", each of which may go on, indented. */
static void read_document(constraints *c) {
  const char *text = document(c->arena), *line;
  while ((line = next_line(c->arena, &text))) {
    char op[32];
    int number, length = 0;
    if (sscanf(line, "- `%31s C%d`: %n", op, &number, &length) == 2 && length > 0)
      add_for_names(c, arena_text(c->arena, op), number, line + length);
    else if (strncmp(line, "  ", 2) == 0)
      continue_text(c, line + 2);
    else
      c->open = c->items_count;
  }
}

static bool holds(const constraints *c, const constraint *wanted) {
  for (int i = 0; i < c->items_count; i++)
    if (c->items[i].number == wanted->number && strcmp(c->items[i].op, wanted->op) == 0 &&
        strcmp(c->items[i].text, wanted->text) == 0)
      return true;
  return false;
}

static void check_within(const constraints *some, const constraints *all, const char *where) {
  for (int i = 0; i < some->items_count; i++)
    if (!holds(all, &some->items[i]))
      fail_msg("not in %s: %s C%d: %s", where, some->items[i].op, some->items[i].number,
               some->items[i].text);
}

static void constraints_are_those_of_the_code(void **state) {
  (void)state;
  arena *a = arena_new();
  constraints code = {.arena = a}, documented = {.arena = a};
  glob_t files;
  assert_int_equal(glob("compiler/ops/*.c", 0, NULL, &files), 0);
  for (size_t i = 0; i < files.gl_pathc; i++)
    read_comments(&code, files.gl_pathv[i]);
  globfree(&files);
  read_comments(&code, "compiler/scalar.c");
  read_document(&documented);
  check_within(&code, &documented, "docs/operators.md");
  check_within(&documented, &code, "the comments of compiler/ops/");
  assert_int_equal(code.items_count, documented.items_count); /* nothing stands twice */
  assert_true(code.items_count >= 50);                        /* the comments were understood */
  arena_free(a);
}

/* The text between an operator's heading and the next. */
static const char *section(arena *a, const char *text, const char *op) {
  const char *heading = arena_printf(a, "\n### `%s`\n", op);
  const char *start = strstr(text, heading);
  if (!start)
    fail_msg("docs/operators.md has no section on %s", op);
  start += strlen(heading);
  if (strstr(start, heading))
    fail_msg("docs/operators.md has two sections on %s", op);
  const char *end = strstr(start, "\n## "), *next = strstr(start, "\n### ");
  if (!end || (next && next < end))
    end = next;
  return end ? arena_text_n(a, start, (size_t)(end - start)) : start;
}

static void every_operator_has_a_section(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *text = document(a);
  for (op_code op = 0; op < OP_COUNT; op++) {
    const char *about = section(a, text, op_infos[op].name);
    if (!op_has(op, LEAF) && !strstr(about, "erivative"))
      fail_msg("docs/operators.md does not tell the derivative of %s", op_infos[op].name);
    for (int i = 0; i < op_attribute_count(op); i++) {
      char name[32];
      op_attribute(op, i, name);
      if (!strstr(about, arena_printf(a, "`%s`", name)))
        fail_msg("docs/operators.md: %s without its attribute %s", op_infos[op].name, name);
    }
  }
  arena_free(a);
}

static void every_function_has_a_row(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *text = document(a);
  for (scalar_function f = 0; f < SCALAR_COUNT; f++) {
    const char *row = arena_printf(a, "\n| `%s` | ", scalar_infos[f].name);
    const char *found = strstr(text, row);
    if (!found)
      fail_msg("docs/operators.md has no row on %s", scalar_infos[f].name);
    if (strstr(found + 1, row))
      fail_msg("docs/operators.md has two rows on %s", scalar_infos[f].name);
  }
  arena_free(a);
}

static void no_heading_or_row_is_left_over(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *text = document(a), *line;
  while ((line = next_line(a, &text))) {
    char name[32];
    op_code op;
    scalar_function f;
    if (sscanf(line, "### `%31[^`]`", name) == 1 && !op_parse(name, &op))
      fail_msg("docs/operators.md: no operator is called %s", name);
    if (sscanf(line, "| `%31[^`]`", name) == 1 && !scalar_parse(name, &f))
      fail_msg("docs/operators.md: no function is called %s", name);
  }
  arena_free(a);
}

/* The next example, behind which *text is left; NULL where there is none. */
static const char *next_example(arena *a, const char **text) {
  static const char fence[] = "\n```graph\n";
  const char *start = strstr(*text, fence);
  if (!start)
    return NULL;
  start += sizeof fence - 1;
  const char *end = strstr(start, "\n```\n");
  assert_non_null(end);
  *text = end;
  return arena_text_n(a, start, (size_t)(end + 1 - start));
}

/* An output `expected` has the value of the one before it. Returns the number of such outputs. */
static int check_values(arena *a, const graph *g, const char *text) {
  int found = 0;
  for (int i = 1; i < g->output_count; i++) {
    if (strcmp(g->outputs[i].name, "expected") != 0)
      continue;
    tensor **values = evaluate(a, g, random_inputs(a, g, 1, -1, 1));
    const char *message = compare_tensors(a, values[i - 1], values[i], (tolerance){0, 0});
    if (message)
      fail_msg("%s\n%s", message, text);
    found++;
  }
  return found;
}

static void examples_verify_and_cover_all(void **state) {
  (void)state;
  bool ops[OP_COUNT] = {0}, functions[SCALAR_COUNT] = {0};
  int checked = 0;
  arena *a = arena_new();
  const char *text = document(a), *example;
  while ((example = next_example(a, &text))) {
    graph *g = graph_from_text(a, example);
    const char *message = graph_violation(g, a);
    if (message)
      fail_msg("%s\n%s", message, example);
    assert_string_equal(graph_to_text(a, g), example);
    checked += check_values(a, g, example);
    for (int i = 0; i < g->node_count; i++) {
      ops[g->nodes[i]->op] = true;
      if (g->nodes[i]->op == OP_MAP)
        functions[g->nodes[i]->function] = true;
    }
  }
  for (int i = 0; i < OP_COUNT; i++)
    if (!ops[i])
      fail_msg("docs/operators.md has no example of %s", op_infos[i].name);
  for (int i = 0; i < SCALAR_COUNT; i++)
    if (!functions[i])
      fail_msg("docs/operators.md has no example of %s", scalar_infos[i].name);
  assert_true(checked > 0);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(constraints_are_those_of_the_code),
      cmocka_unit_test(every_operator_has_a_section),
      cmocka_unit_test(every_function_has_a_row),
      cmocka_unit_test(no_heading_or_row_is_left_over),
      cmocka_unit_test(examples_verify_and_cover_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
