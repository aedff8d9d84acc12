/* Pictures for Graphviz: what they hold, and that Graphviz takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "graph_dot.h"
#include "text_stream.h"

static const char *const stages[] = {"elaborate", "simplify", "split", "fuse", "kernels"};
enum { STAGES = sizeof stages / sizeof *stages };

static const char *picture_of(arena *a, const char *name, const char *text, const char *stage,
                              const char *entry) {
  static const compile_options plain = {0};
  diagnostics *d = diag_new(a);
  source file = {.name = name, .text = text, .length = strlen(text)};
  program *p = elaborate(a, d, &file, &(elaborate_options){.folder = "models/convnets"});
  text_stream out;
  text_stream_open(&out, a);
  bool drawn = p && graph_dot(out.out, p, d, &plain, stage, entry);
  if (!drawn) diag_print(d, stderr);
  assert_true(drawn);
  return text_stream_close(&out);
}

static const char *picture_of_file(arena *a, const char *path, const char *stage) {
  return picture_of(a, path, golden_read(a, path), stage, NULL);
}

/* ---- one model -------------------------------------------------------------------------------- */

static void test_golden(void **state) {
  (void)state;
  arena *a = arena_new();
  for (int i = 0; i < STAGES; i++)
    if (strcmp(stages[i], "simplify") != 0 && strcmp(stages[i], "split") != 0)
      golden_compare(arena_printf(a, "tests/emit/dot/cell.%s.dot", stages[i]),
                     picture_of_file(a, "tests/emit/dot/cell.dnn", stages[i]));
  arena_free(a);
}

/* ---- every model ------------------------------------------------------------------------------ */

/* The name in quotes that begins at *at, which moves behind it; NULL: none does. */
static const char *next_name(arena *a, const char **at) {
  if (**at != '"') return NULL;
  const char *end = strchr(*at + 1, '"');
  assert_non_null(end);
  const char *name = arena_text_n(a, *at + 1, (size_t)(end - *at - 1));
  *at = end + 1;
  return name;
}

typedef struct names {
  const char **items;
  int count;
} names;

static bool holds(const names *n, const char *name) {
  for (int i = 0; i < n->count; i++)
    if (strcmp(n->items[i], name) == 0) return true;
  return false;
}

/* Each box is there once, and each edge leads from one of them to another. */
static void check_boxes_and_edges(arena *a, const char *text, const char *what) {
  names boxes = {0};
  int edges = 0;
  for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
    const char *at = line;
    if (strncmp(at, "  \"", 3) != 0) continue;
    at += 2;
    const char *name = next_name(a, &at);
    if (strncmp(at, " -> ", 4) == 0) {
      at += 4;
      const char *head = next_name(a, &at);
      if (!holds(&boxes, name)) fail_msg("%s: an edge from %s, which is no box", what, name);
      if (!holds(&boxes, head)) fail_msg("%s: an edge to %s, which is no box", what, head);
      edges++;
    } else {
      if (holds(&boxes, name)) fail_msg("%s: two boxes are named %s", what, name);
      arena_push(a, boxes.items, boxes.count) = name;
    }
  }
  if (boxes.count < 3 || edges < 2) fail_msg("%s: %d boxes, %d edges", what, boxes.count, edges);
}

/* Gives the text to a command of Graphviz. */
static void expect_accepted(arena *a, const char *command, const char *text, const char *what) {
  FILE *pipe = popen(arena_printf(a, "%s >/dev/null", command), "w");
  assert_non_null(pipe);
  fputs(text, pipe);
  if (pclose(pipe) != 0) fail_msg("%s: %s refuses it", what, command);
}

static void check_stages(const char *path, const char *command) {
  for (int i = 0; i < STAGES; i++) {
    arena *a = arena_new();
    const char *text = picture_of_file(a, path, stages[i]);
    const char *what = arena_printf(a, "%s at %s", path, stages[i]);
    check_boxes_and_edges(a, text, what);
    expect_accepted(a, command, text, what);
    arena_free(a);
  }
}

static void test_models_are_accepted(void **state) {
  (void)state;
  check_stages("tests/emit/dot/cell.dnn", "dot -Tsvg");
  check_stages("tests/emit/tiny.dnn", "dot -Tsvg");
  check_stages("models/convnets/lenet5.dnn", "nop");
  check_stages("models/convnets/unet.dnn", "nop");
  check_stages("models/autoencoders/denoising.dnn", "nop");
}

/* Loops in loops, conditions, exchanged slots, results that are inputs or constants. */
static void test_corners(void **state) {
  (void)state;
  static const char text[] =
      "param a: f32[4] = 1\n"
      "param b: f32[4] = 2\n"
      "entry corners(x: f32[2, 4], n: i32) -> (same, one, turned: f32[4, 2], total, joined) {\n"
      "  same = x\n"
      "  one = ones[3]()\n"
      "  turned = x.T\n"
      "  old = a\n"
      "  a <- b\n"
      "  b <- old\n"
      "  total = 0.0\n"
      "  scan row in x {\n"
      "    k = 0\n"
      "    while k < n { total = total + sum(row) * f32(k); k = k + 1 }\n"
      "  }\n"
      "  joined = concat[0](exp(x), x @ x.T @ x)\n"
      "}\n";
  for (int i = 0; i < STAGES; i++) {
    arena *a = arena_new();
    const char *picture = picture_of(a, "corners.dnn", text, stages[i], NULL);
    check_boxes_and_edges(a, picture, stages[i]);
    expect_accepted(a, "dot -Tsvg", picture, stages[i]);
    arena_free(a);
  }
}

static void test_one_entry(void **state) {
  (void)state;
  static const char text[] = "param w: f32[2] = 3\n"
                             "entry first(x: f32[2]) -> (y) { y = x * w }\n"
                             "entry second(x: f32[2]) -> (z) { z = x / w }\n";
  arena *a = arena_new();
  const char *both = picture_of(a, "two.dnn", text, "kernels", NULL);
  const char *first = picture_of(a, "two.dnn", text, "kernels", "first");
  const char *init = picture_of(a, "two.dnn", text, "kernels", "init");
  assert_non_null(strstr(both, "label=\"first\""));
  assert_non_null(strstr(both, "label=\"second\""));
  assert_null(strstr(both, "label=\"init\""));
  assert_non_null(strstr(first, "label=\"first\""));
  assert_null(strstr(first, "label=\"second\""));
  assert_non_null(strstr(init, "writes w: f32[2]"));
  arena_free(a);
}

/* ---- hostile text ----------------------------------------------------------------------------- */

/* The name of a file and the words of a model may hold anything. */
static void test_escapes(void **state) {
  (void)state;
  static const char text[] = "param w: f32[2] = 1\n"
                             "entry e(x: f32[2]) -> (y) { y = exp(x < w ? x : # </td>\" \\N &lt; \xff \x1b[31m \xc3\xbc\n"
                             "  w) }\n";
  static const char name[] = "a\"b\\n<i>&amp;\n\x01\xe2\x80\xae.dnn";
  for (int i = 0; i < STAGES; i++) {
    arena *a = arena_new();
    const char *picture = picture_of(a, name, text, stages[i], NULL);
    expect_accepted(a, "dot -Tsvg", picture, stages[i]);
    for (const char *c = picture; *c; c++)
      if ((unsigned char)*c < ' ' && *c != '\n') fail_msg("%s: a character %d", stages[i], *c);
    assert_null(strstr(picture, "\xe2\x80\xae"));
    if (strcmp(stages[i], "kernels") == 0)
      assert_non_null(strstr(picture, "# &lt;/td&gt;&quot; \\N &amp;lt; "));
    else
      assert_non_null(strstr(picture, "# </td>\\\" \\\\N &amp;lt; "));
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_golden),
      cmocka_unit_test(test_models_are_accepted),
      cmocka_unit_test(test_corners),
      cmocka_unit_test(test_one_entry),
      cmocka_unit_test(test_escapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
