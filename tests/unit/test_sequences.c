/* Windows, streams and sequences of a task, and data that its entries make, followed by dnn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data.h"
#include "element.h"
#include "file.h"
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

static bool goes_on(int row, bool rising) {
  return row < ROWS && (rising ? words[row] > words[row - 1] : words[row] == words[row - 1]);
}

/* The row of csv for a sequence: its length, the sum of its numbers and of its points; what pads is 0. */
static const char *sequences_from(int first, bool rising) {
  const char *text = "size,ends,inside,outside\n";
  for (int i = first, end; i < ROWS; i = end) {
    int points = 0, sum = 0;
    for (end = i; end == i || goes_on(end, rising); end++) {
      points += end + end * end;
      sum += words[end];
    }
    text = arena_printf(tool_arena(), "%s%d,%d,%d,0\n", text, end - i, sum, points);
  }
  return text;
}

static void sequences_are_padded(void **state) {
  (void)state;
  expect_file("whole/words.csv", sequences_from(1, false));
  expect_file("whole/rises.csv", sequences_from(1, true));
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

/* Six steps of the seven that a pass would take: each two are an epoch. */
static void a_part_of_a_pass_has_epochs(void **state) {
  (void)state;
  const char *text = tool_expect(0, "train sequences.dnn --data . --task part --out part");
  assert_non_null(strstr(text, "epoch 3/3"));
  assert_null(strstr(text, "epoch 4/"));
}

static void expect_fault(const char *arguments, const char *fault) {
  const char *text = tool_expect(1, "train sequences.dnn --data . --out fault %s", arguments);
  if (!strstr(text, fault)) fail_msg("%s\nis not in\n%s", fault, text);
}

static void data_that_cannot_be_cut_is_refused(void **state) {
  (void)state;
  expect_fault("--task too_long -D LONGEST=2", "a sequence of more than 2 rows begins at row 7\n"
                                               "    run(words(sequences(d.all[3:]");
  expect_fault("--task too_steep -D LONGEST=2", "a sequence of more than 2 rows begins at row 3\n"
                                                "    run(words(sequences(d.all, LONGEST, rising");
  expect_fault("--task too_short", "a piece is 4 rows, the data 3\n    run(window(windows(d.all[:3], 4))");
  expect_fault("--task too_short", "8 rows are not enough for 3 streams of pieces of 5 rows\n"
                                   "    run(stream(streams(d.all[:8], 5, step: 4))");
}

/* The rows of a file of three columns: the numbers of the first, of which no two are alike, go behind those
 * that are there already; the third is first + step * row / 5. */
static int read_made(const char *name, double *numbers, int count, int first, int step) {
  FILE *in = fopen(tool_path("%s", name), "r");
  double y, call;
  assert_non_null(in);
  assert_int_equal(fscanf(in, "first,y,call\n"), 0);
  int row = 0;
  for (; fscanf(in, "%lf,%lf,%lf\n", &numbers[count], &y, &call) == 3; row++, count++) {
    assert_float_equal(call, first + step * (row / 5), 0);
    for (int i = 0; i < count; i++) assert_true(numbers[i] != numbers[count]);
  }
  fclose(in);
  return count;
}

/* Calls go on from part to part; a slice begins within one. */
static void entries_make_data(void **state) {
  (void)state;
  double numbers[64], loss;
  const char *text = tool_expect(0, "train generated.dnn --out made");
  int count = read_made("made/train.csv", numbers, 0, 0, 1);
  assert_int_equal(count, 6 * 5);
  assert_int_equal(count = read_made("made/test.csv", numbers, count, 6, 1), 8 * 5);
  assert_int_equal(read_made("made/wide.csv", numbers, count, 3, 2), 8 * 5 + 10);
  assert_int_equal(sscanf(strstr(text, "\ntrain: loss"), "\ntrain: loss %lf", &loss), 1);
  assert_true(loss < 1e-5); /* y follows x */
}

static void made_data_is_resumed(void **state) {
  (void)state;
  tool_expect(0, "train generated.dnn --out half-made --epochs 3");
  tool_expect(0, "train generated.dnn --out half-made --epochs 8 --resume");
  tool_expect_same("half-made/checkpoint.safetensors", "made/checkpoint.safetensors");
  tool_expect_same("half-made/metrics.csv", "made/metrics.csv");
  tool_expect(0, "train generated.dnn --out seeds --seeds 5,0");
  tool_expect_same("seeds/seed-0/train.csv", "made/train.csv");
}

enum { KEYS = 23 };

/* Sequences of 5, 3, 7 and 8 rows, of which the third is below the others. */
static const int keys[KEYS] = {5, 5, 5, 5, 5, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1, 7, 7, 7, 7, 7, 7, 7, 7};

/* words.npy: of this type, `columns` numbers a row, none where the row is one number. */
static void write_keys(dtype element, int columns, int rows) {
  const char *error = NULL;
  array x = {.element = element, .rank = columns ? 2 : 1, .extents = {rows, columns}};
  x.data = arena_alloc(tool_arena(), (size_t)array_bytes(&x));
  for (int64_t i = 0; i < array_elements(&x); i++) {
    int key = keys[columns ? i / columns : i];
    if (dtype_is_float(element)) element_set_real(element, x.data, i, key + 0.5);
    else element_set_int(element, x.data, i, key);
  }
  assert_true(npy_write(tool_arena(), tool_path("keys/words.npy"), &x, &error));
}

/* The lengths, which are the first column of a file of results. */
static void expect_sizes(const char *name, const char *expected) {
  const char *text = tool_shell("tail -n +2 %s | cut -d, -f1 | tr '\\n' ' '", tool_path("%s", name));
  if (strcmp(text, expected)) fail_msg("%s: %s, not %s", name, text, expected);
}

static void keys_are_numbers_of_any_type(void **state) {
  (void)state;
  static const dtype elements[] = {DTYPE_U8, DTYPE_I8, DTYPE_I32, DTYPE_I64, DTYPE_F16, DTYPE_F32, DTYPE_F64};
  tool_points("keys/points.npy", KEYS, 1);
  for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
    write_keys(elements[i], 0, KEYS);
    tool_expect(0, "train keys.dnn --data . --task by --out keys-out --overwrite");
    expect_sizes("keys-out/by.csv", "5 3 7 8 ");
    expect_sizes("keys-out/later.csv", "3 3 7 8 ");
    expect_sizes("keys-out/rising.csv", "1 1 1 1 2 1 1 1 1 1 1 1 1 2 1 1 1 1 1 1 1 ");
  }
}

/* Raw files hold what the entry takes. */
static void raw_keys_are_what_the_input_takes(void **state) {
  (void)state;
  const char *error = NULL;
  unsigned char bytes[KEYS];
  for (int i = 0; i < KEYS; i++) bytes[i] = (unsigned char)keys[i];
  assert_true(file_replace(tool_arena(), tool_path("keys/words.raw"), 1, &(file_part){bytes, KEYS}, &error));
  tool_expect(0, "train keys.dnn --data . --task raw --out raw-out");
  expect_sizes("raw-out/raw.csv", "5 3 7 8 ");
  const char *text = tool_expect(1, "train keys.dnn --data . --task untold --out untold");
  assert_non_null(strstr(text, "nothing tells what the raw column word holds, by which sequences are cut\n"));
}

static void expect_no_key(const char *held) {
  const char *text = tool_expect(1, "train keys.dnn --data . --task by --out no-key");
  assert_non_null(strstr(text, "column word, by which sequences are cut, is not one number for each row\n"
                               "    d = data(\"keys\""));
  if (!strstr(text, held)) fail_msg("%s\nis not in\n%s", held, text);
}

static void keys_are_one_number_for_each_row(void **state) {
  (void)state;
  write_keys(DTYPE_I64, 2, KEYS);
  expect_no_key("words.npy holds i64[23, 2]; the other columns have 23 rows");
  write_keys(DTYPE_U8, 0, KEYS - 1);
  expect_no_key("words.npy holds u8[22]; the other columns have 23 rows");
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("tests/unit/tasks/sequences.dnn", "sequences.dnn");
  tool_copy("tests/unit/tasks/keys.dnn", "keys.dnn");
  tool_copy("tests/unit/tasks/generated.dnn", "generated.dnn");
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
      cmocka_unit_test(a_part_of_a_pass_has_epochs),
      cmocka_unit_test(entries_make_data),
      cmocka_unit_test(made_data_is_resumed),
      cmocka_unit_test(keys_are_numbers_of_any_type),
      cmocka_unit_test(raw_keys_are_what_the_input_takes),
      cmocka_unit_test(keys_are_one_number_for_each_row),
      cmocka_unit_test(data_that_cannot_be_cut_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tool_tear_down);
}
