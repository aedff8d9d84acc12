/* The text of graphs, damaged: it parses, and prints and parses again to the same, or there is an
 * error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "graph_text.h"
#include "text_stream.h"

enum { DAMAGES = 40, DEEP = 100000 };

static uint32_t random_state = 1;

static uint32_t random_below(size_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % (uint32_t)n;
}

static const graph *parse(arena *a, const char *text) {
  diagnostics *d = diag_new(a);
  const source *s = memcpy(arena_new_of(a, source), &(source){.name = "test.graph", .text = text, .length = strlen(text)},
                           sizeof(source));
  const graph *g = graph_parse(a, d, s);
  assert_int_equal(g == NULL, diag_count(d) > 0);
  return g;
}

static const char *printed(arena *a, const graph *g) {
  text_stream s;
  text_stream_open(&s, a);
  graph_print(s.out, g);
  return text_stream_close(&s);
}

static bool take(arena *a, const char *text) {
  const graph *g = parse(a, text);
  if (!g) return false;
  const char *first = printed(a, g);
  const graph *again = parse(a, first);
  assert_non_null(again);
  assert_string_equal(printed(a, again), first);
  return true;
}

static const char *const words[] = {
    "%0", "%1", "%999999999999", "f32", "f32[3]", "i32[0]", "bool", "[", "]", "=", "{", "}", ":", "->",
    "add", "sum", "axes=[0]", "axes=[-1]", "axes=[9223372036854775807]", "input", "constant",
    "reals=[nan]", "ints=[1e9]", "reshape", "concat", "\"", "\n", "-", "9999999999999999999999"};

static const char *damaged(arena *a, const char *text) {
  for (uint32_t edits = 1 + random_below(3); edits > 0; edits--) {
    size_t length = strlen(text), at = random_below(length + 1), span = random_below(8);
    if (at + span > length) span = length - at;
    const char *word = words[random_below(sizeof words / sizeof *words)];
    if (random_below(3) == 0) word = arena_printf(a, "%c", (char)(1 + random_below(255)));
    if (random_below(3) == 0) word = arena_text_n(a, text + at, span);
    text = arena_printf(a, "%.*s%s%s", (int)at, text, word, text + at + span);
  }
  return text;
}

static void test_damage(void **state) {
  (void)state;
  arena *names_memory = arena_new();
  int count, survivors = 0, refused = 0;
  char **names = golden_names(names_memory, "tests/pass/simplify", ".in", &count);
  for (int i = 0; i < count; i++)
    for (int k = 0; k < DAMAGES; k++) {
      arena *a = arena_new();
      const char *text = golden_read(a, arena_printf(a, "tests/pass/simplify/%s.in", names[i]));
      *(take(a, damaged(a, text)) ? &survivors : &refused) += 1;
      arena_free(a);
    }
  assert_true(survivors > 0 && refused > 0);
  arena_free(names_memory);
}

static void test_repetitions(void **state) {
  (void)state;
  static const char *const pieces[] = {"(", "[", "{", "entry e() {", "%0 = ", "-", "x: f32[", "1, "};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    arena *a = arena_new();
    size_t length = strlen(pieces[i]);
    char *text = arena_alloc(a, length * DEEP + 1);
    for (size_t k = 0; k < DEEP; k++) memcpy(text + k * length, pieces[i], length);
    assert_false(take(a, text));
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage),
                                     cmocka_unit_test(test_repetitions)};
  return cmocka_run_group_tests_name("hostile graph text", tests, NULL, NULL);
}
