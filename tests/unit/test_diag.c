/* Messages: order, repetition, the caret's line, notes, nearest names, internal faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "diag.h"

static source text_named(const char *name, const char *text) {
  return (source){.name = name, .text = text, .length = strlen(text)};
}

static location on_line(const source *s, int line, int from, int to) {
  return (location){.source = s, .line = line, .column = from, .end_line = line, .end_column = to};
}

static location with_caret(location at, int line, int column) {
  at.caret_line = line;
  at.caret_column = column;
  return at;
}

static void expect_printed(const diagnostics *d, const char *expected) {
  char *text;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  diag_print(d, out);
  fclose(out);
  assert_string_equal(text, expected);
  free(text);
}

static void test_caret_and_notes(void **state) {
  (void)state;
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  source s = text_named("mlp.dnn", "# mlp\n\th = relu(x @ w1 + b1)\n");
  location at = with_caret(on_line(&s, 2, 11, 17), 2, 13);
  diag_error(d, at, "matrix product: the left has %d columns, the right has %d rows", 784, 768);
  diag_note(d, "    x: f32[64, %d]", 784);
  diag_note(d, "  in mlp[512], called at mlp.dnn:20:14");
  expect_printed(d, "mlp.dnn:2:13: error: matrix product: the left has 784 columns, "
                    "the right has 768 rows\n"
                    "    h = relu(x @ w1 + b1)\n"
                    "             ~~^~~~\n"
                    "    x: f32[64, 784]\n"
                    "  in mlp[512], called at mlp.dnn:20:14\n");
  assert_string_equal(diag_place(a, at), "mlp.dnn:2:13");
  arena_free(a);
}

/* The line of the caret, without what surrounds it; of the library, where the model calls it. */
static void test_lines(void **state) {
  (void)state;
  arena *a = arena_new();
  source s = text_named("mlp.dnn", "# mlp\n\th = net(x) |>\n\t  relu\t \r\n"), library = text_named("std/nn.dnn", "y = x @ w\n");
  library.library = true;
  const location call = with_caret(on_line(&s, 2, 6, 12), 3, 4);
  location outer = on_line(&library, 1, 1, 4), inner = on_line(&library, 1, 5, 10);
  outer.called = &call;
  inner.called = &outer;
  assert_int_equal(diag_line(call), 3);
  assert_string_equal(diag_line_text(a, call, 90), "relu");
  assert_string_equal(diag_line_text(a, on_line(&s, 2, 2, 3), 7), "h = net …");
  assert_int_equal(diag_line(diag_own(inner)), 3);
  assert_ptr_equal(diag_own(inner).source, &s);
  assert_ptr_equal(diag_own(call).source, &s);
  inner.called = NULL;
  assert_ptr_equal(diag_own(inner).source, &library);
  assert_int_equal(diag_line((location){0}), 0);
  assert_string_equal(diag_line_text(a, (location){0}, 90), "");
  arena_free(a);
}

static void test_order_and_repetition(void **state) {
  (void)state;
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  source s = text_named("a", "one\ntwo"), t = text_named("b", "three");
  assert_int_equal(diag_count(d), 0);
  diag_error(d, on_line(&s, 2, 1, 4), "late");
  diag_error(d, on_line(&t, 1, 1, 2), "other file");
  diag_error(d, on_line(&s, 1, 2, 3), "early");
  diag_error(d, on_line(&s, 2, 1, 4), "late");
  diag_note(d, "dropped with its error");
  diag_error(d, on_line(&s, 2, 1, 4), "second at one place");
  assert_int_equal(diag_count(d), 4);
  for (int i = 0; i < 9; i++) diag_error(d, on_line(&s, 1, 1, 2), "turn %d", i);
  diag_note(d, "dropped with turn 8");
  assert_int_equal(diag_count(d), 7);
  expect_printed(d, "a:1:1: error: turn 0\n    one\n    ^\n"
                    "a:1:1: error: turn 1\n    one\n    ^\n"
                    "a:1:1: error: turn 2\n    one\n    ^\n"
                    "a:1:2: error: early\n    one\n     ^\n"
                    "a:2:1: error: late\n    two\n    ^~~\n"
                    "a:2:1: error: second at one place\n    two\n    ^~~\n"
                    "b:1:1: error: other file\n    three\n    ^\n");
  arena_free(a);
}

static void test_only_the_first_are_shown(void **state) {
  (void)state;
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  for (int i = 0; i < 1000; i++) diag_error(d, (location){0}, "number %d", i);
  assert_int_equal(diag_count(d), 1000);
  char *text;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  diag_print(d, out);
  fclose(out);
  assert_non_null(strstr(text, "error: number 19\n"));
  assert_null(strstr(text, "error: number 20\n"));
  assert_non_null(strstr(text, "980 more errors are not shown\n"));
  free(text);
  arena_free(a);
}

static void expect_one(source s, location at, const char *expected) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  at.source = &s;
  diag_error(d, at, "m\x1b");
  expect_printed(d, expected);
  arena_free(a);
}

static void test_odd_lines_and_places(void **state) {
  (void)state;
  source s = text_named("f", "  ab\n\x01\xff cd\n");
  expect_one(s, on_line(NULL, 2, 1, 2), "f:2:1: error: m?\n    ?? cd\n    ^\n");
  expect_one(s, on_line(NULL, 2, 99, 200), "f:2:99: error: m?\n    ?? cd\n         ^\n");
  expect_one(s, on_line(NULL, 1, 1, 3), "f:1:1: error: m?\n      ab\n    ^~\n");
  expect_one(s, on_line(NULL, 3, 1, 1), "f:3:1: error: m?\n    \n    ^\n");
  expect_one(s, on_line(NULL, 9, 1, 1), "f:9:1: error: m?\n");
  location two_lines = {.line = 1, .column = 4, .end_line = 2, .end_column = 4};
  expect_one(s, two_lines, "f:1:4: error: m?\n    ab\n     ^\n");
  expect_one(s, with_caret(two_lines, 2, 2), "f:2:2: error: m?\n    ?? cd\n    ~^~\n");
  expect_one(text_named("e", ""), on_line(NULL, 1, 1, 1), "e:1:1: error: m?\n    \n    ^\n");
}

/* Characters take one column each; bytes that are none, and what steers a terminal, a '?'. */
static void test_characters_beyond_ascii(void **state) {
  (void)state;
  source s = text_named("f", "\"\u00e9\u4e2d\U0001f600\" + x\n\"\xc3(\xe2\x82\xed\xa0\x80\u202e\xc2\x85\" y\n");
  expect_one(s, on_line(NULL, 1, 1, 12),
             "f:1:1: error: m?\n    \"\u00e9\u4e2d\U0001f600\" + x\n    ^~~~~\n");
  expect_one(s, on_line(NULL, 1, 15, 16),
             "f:1:15: error: m?\n    \"\u00e9\u4e2d\U0001f600\" + x\n            ^\n");
  expect_one(s, on_line(NULL, 1, 4, 7),
             "f:1:4: error: m?\n    \"\u00e9\u4e2d\U0001f600\" + x\n      ^\n");
  expect_one(s, on_line(NULL, 2, 16, 17),
             "f:2:16: error: m?\n    \"?(??????????\" y\n                   ^\n");
}

static void test_long_lines_are_cut(void **state) {
  (void)state;
  char *line = calloc(1, 1000001);
  memset(line, 'x', 1000000);
  line[500000] = '@';
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  source s = text_named("long", line);
  diag_error(d, with_caret(on_line(&s, 1, 1, 1000001), 1, 500001), "m");
  char *text;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  diag_print(d, out);
  fclose(out);
  assert_true(length < 300);
  const char *cut = strchr(text, '\n') + 1, *under = strchr(cut, '\n') + 1;
  assert_memory_equal(cut, "... xxx", 7);
  assert_memory_equal(under - 5, " ...\n", 5);
  assert_int_equal(strchr(cut, '@') - cut, strchr(under, '^') - under);
  free(text);
  free(line);
  arena_free(a);
}

static void test_spans(void **state) {
  (void)state;
  source s = text_named("s", "abc");
  location span = diag_span(with_caret(on_line(&s, 1, 1, 2), 1, 2), on_line(&s, 1, 3, 4));
  assert_int_equal(span.column, 1);
  assert_int_equal(span.end_column, 4);
  assert_int_equal(span.caret_line, 0);
  assert_ptr_equal(diag_span((location){0}, span).source, &s);
  arena *a = arena_new();
  assert_string_equal(diag_place(a, (location){0}), "?");
  arena_free(a);
}

static void test_words(void **state) {
  (void)state;
  source s = text_named("m.dnn", "one\ttwo \xc3\xbc\xc3\xbc \x1b end\nnext\n");
  s.length = strlen(s.text);
  arena *a = arena_new();
  location at = on_line(&s, 1, 1, 4);
  assert_string_equal(diag_words(a, at, 40), "one");
  at.end_column = 8;
  assert_string_equal(diag_words(a, at, 40), "one two");
  at.end_column = 100; /* beyond the line's end */
  assert_string_equal(diag_words(a, at, 40), "one two \xc3\xbc\xc3\xbc   end");
  assert_string_equal(diag_words(a, at, 9), "one two \xc3\xbc …"); /* columns, not bytes */
  at.end_line = 2;
  at.end_column = 2;
  assert_string_equal(diag_words(a, at, 40), "one two \xc3\xbc\xc3\xbc   end …");
  at.line = at.end_line = 9;
  assert_string_equal(diag_words(a, at, 40), "");
  assert_string_equal(diag_words(a, (location){0}, 40), "");
  arena_free(a);
}

static void test_nearest_name(void **state) {
  (void)state;
  static const char *const names[] = {"softmax", "sigmoid", "tanh", "linear", "id"};
  const int count = sizeof names / sizeof *names;
  assert_string_equal(diag_nearest("sofmax", names, count), "softmax");
  assert_string_equal(diag_nearest("tnah", names, count), "tanh"); /* two letters swapped */
  assert_string_equal(diag_nearest("Linear", names, count), "linear");
  assert_null(diag_nearest("tamm", names, count)); /* two of four is too far */
  assert_null(diag_nearest("ib", names, count));
  assert_null(diag_nearest("", names, count));
  assert_null(diag_nearest("softmax", names, 0));
  assert_string_equal(diag_nearest("tnh", (const char *const[]){NULL, "tanh", NULL}, 3), "tanh");
  char longest[1000];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  const char *const long_names[] = {longest};
  assert_null(diag_nearest(longest, long_names, 1));
}

static void test_internal_fault_ends_with_70(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    ensure(1 + 1 == 3);
    _exit(0);
  }
  close(ends[1]);
  char text[512] = "";
  assert_true(read(ends[0], text, sizeof text - 1) > 0);
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);
  assert_non_null(strstr(text, "internal error at "));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_caret_and_notes),
      cmocka_unit_test(test_lines),
      cmocka_unit_test(test_order_and_repetition),
      cmocka_unit_test(test_only_the_first_are_shown),
      cmocka_unit_test(test_odd_lines_and_places),
      cmocka_unit_test(test_characters_beyond_ascii),
      cmocka_unit_test(test_long_lines_are_cut),
      cmocka_unit_test(test_spans),
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_nearest_name),
      cmocka_unit_test(test_internal_fault_ends_with_70),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
