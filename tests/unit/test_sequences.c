/* Windows, streams and sequences of a task, followed by dnn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tool_case.h"

enum { ROWS = 26 };

static const int words[ROWS] = {9, 1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6, 7, 7, 7, 8, 8, 8, 9, 1, 1, 2, 2, 2, 3};

static void expect_file(const char *name, const char *expected) {
  char text[4096];
  FILE *in = fopen(tool_path("%s", name), "r");
  assert_non_null(in);
  text[fread(text, 1, sizeof text - 1, in)] = 0;
  fclose(in);
  assert_string_equal(text, expected);
}

static void windows_are_pieces_in_order(void **state) {
  (void)state;
  tool_expect(0, "train sequences.dnn --data . --out whole");
  const char *expected = "first,last\n";
  for (int i = 0; i + 3 < ROWS; i++)
    expected = arena_printf(tool_arena(), "%s%d,%d\n", expected, 'a' + i, 'd' + i);
  expect_file("whole/all.csv", expected);
  expect_file("whole/some.csv", "first,last\n99,102\n104,107\n109,112\n114,117\n119,122\n");
}

/* The row of csv for a word: its length, the sum of its numbers and of its points; what pads is 0. */
static void sequences_are_padded(void **state) {
  (void)state;
  const char *expected = "size,ends,inside,outside\n";
  for (int i = 1, end; i < ROWS; i = end) {
    int points = 0;
    for (end = i; end < ROWS && words[end] == words[i]; end++) points += end + end * end;
    expected = arena_printf(tool_arena(), "%s%d,%d,%d,0\n", expected, end - i, words[i] * (end - i), points);
  }
  expect_file("whole/words.csv", expected);
}

/* Three streams of eight characters: each goes on where its last piece ended. */
static void streams_carry_on(void **state) {
  (void)state;
  tool_expect(0, "train sequences.dnn --data . --task carried --out carried");
  expect_file("carried/streams.csv", "before,first,last\n0,97,101\n0,105,109\n0,113,117\n"
                                     "101,101,105\n109,109,113\n117,117,121\n");
}

static void pieces_are_resumed(void **state) {
  (void)state;
  tool_expect(0, "train sequences.dnn --data . --out half --epochs 1");
  tool_expect(0, "train sequences.dnn --data . --out half --epochs 3 --resume");
  tool_expect_same("half/checkpoint.safetensors", "whole/checkpoint.safetensors");
  tool_expect_same("half/metrics.csv", "whole/metrics.csv");
  tool_expect(0, "train sequences.dnn --data . --task carried --out half-carried --epochs 1");
  tool_expect(0, "train sequences.dnn --data . --task carried --out half-carried --epochs 3 --resume");
  tool_expect_same("half-carried/checkpoint.safetensors", "carried/checkpoint.safetensors");
  tool_expect_same("half-carried/metrics.csv", "carried/metrics.csv");
}

static void expect_fault(const char *arguments, const char *fault) {
  const char *text = tool_expect(1, "train sequences.dnn --data . --out fault %s", arguments);
  if (!strstr(text, fault)) fail_msg("%s\nis not in\n%s", fault, text);
}

static void data_that_cannot_be_cut_is_refused(void **state) {
  (void)state;
  expect_fault("--task too_long -D LONGEST=2", "a sequence of more than 2 rows begins at row 7\n"
                                               "    run(words(sequences(d.all[3:]");
  expect_fault("--task too_short", "a piece is 4 rows, the data 3\n    run(window(windows(d.all[:3], 4))");
  expect_fault("--task too_short", "8 rows are not enough for 3 streams of pieces of 5 rows\n"
                                   "    run(stream(streams(d.all[:8], 5, step: 4))");
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("tests/unit/tasks/sequences.dnn", "sequences.dnn");
  tool_points("pieces/unused.npy", 1, 1); /* makes the folder */
  FILE *letters = fopen(tool_path("pieces/letters.txt"), "w");
  FILE *table = fopen(tool_path("pieces/table.csv"), "w");
  if (!letters || !table) return -1;
  for (int i = 0; i < ROWS; i++) {
    fputc('a' + i, letters);
    fprintf(table, "%d,%d,%d\n", i, i * i, words[i]);
  }
  fclose(letters);
  fclose(table);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(windows_are_pieces_in_order),
      cmocka_unit_test(sequences_are_padded),
      cmocka_unit_test(streams_carry_on),
      cmocka_unit_test(pieces_are_resumed),
      cmocka_unit_test(data_that_cannot_be_cut_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tool_tear_down);
}
