/* dnn on a data set whose rows are no multiple of the batch, where the batch is a bounded size: the last
 * batch of an epoch has the rows that are left, in training and evaluation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data.h"
#include "file.h"
#include "metrics.h"
#include "safetensors.h"
#include "tool_case.h"

enum { ROWS = 23, COLUMNS = 3, BATCH = 8 };

static float points[ROWS][COLUMNS];

static const array *read_array(const char *name, int rank) {
  const char *error = NULL;
  data_request r = {.reader = "npy", .paths = (const char *[]){tool_path("%s", name)}, .path_count = 1,
                    .type = type_of(DTYPE_F32, rank, (int64_t[]){1, COLUMNS})};
  const array *x = data_read(tool_arena(), &r, &error);
  if (!x) fail_msg("%s", error);
  return x;
}

static const void *slot_of(const char *folder, const char *path) {
  const char *error = NULL;
  const safetensors *file = safetensors_read(
      tool_arena(), tool_path("%s/checkpoint.safetensors", folder), &error);
  if (!file) fail_msg("%s", error);
  return safetensors_find(file, path)->data;
}

static const metric_row *last(const char *folder, const char *label, const char *metric) {
  const char *error = NULL;
  history h = {.arena = tool_arena()};
  assert_true(history_read(&h, tool_path("%s/metrics.csv", folder), INT32_MAX, 0, &error));
  const metric_row *row = history_last(&h, label, metric, NULL);
  assert_non_null(row);
  return row;
}

static int32_t rows_seen(const char *folder) {
  int32_t rows;
  memcpy(&rows, slot_of(folder, "rows"), sizeof rows);
  return rows;
}

static double residual(const double *w, int row) {
  double sum = -1;
  for (int i = 0; i < COLUMNS; i++) sum += w[i] * (double)points[row][i];
  return sum;
}

/* A step of gradient descent by the mean over these rows. */
static void descend(double *w, int first, int count) {
  double slope[COLUMNS] = {0};
  for (int row = first; row < first + count; row++)
    for (int i = 0; i < COLUMNS; i++)
      slope[i] += 2 * residual(w, row) * (double)points[row][i] / count;
  for (int i = 0; i < COLUMNS; i++) w[i] -= 0.1 * slope[i];
}

static void all_rows_are_learnt_from(void **state) {
  (void)state;
  tool_expect(0, "train last_batch.dnn --task plain --data . --out plain");
  double w[COLUMNS] = {0.5, 0.5, 0.5}, loss = 0;
  for (int epoch = 0; epoch < 2; epoch++)
    for (int row = 0; row < ROWS; row += BATCH)
      descend(w, row, row + BATCH < ROWS ? BATCH : ROWS - row);
  const float *found = slot_of("plain", "w");
  for (int i = 0; i < COLUMNS; i++) assert_float_equal((double)found[i], w[i], 1e-5);
  assert_int_equal(rows_seen("plain"), 2 * ROWS);
  for (int row = 0; row < ROWS; row++) loss += residual(w, row) * residual(w, row) / ROWS;
  assert_float_equal(last("plain", "evaluate", "loss")->value, loss, 1e-5);
  const array *y = read_array("plain/y.npy", 1);
  assert_int_equal(y->extents[0], ROWS);
  for (int row = 0; row < ROWS; row++)
    assert_float_equal((double)((float *)y->data)[row], residual(w, row) + 1, 1e-5);
}

static void metrics_are_averaged_by_rows(void **state) {
  (void)state;
  const metric_row *size = last("plain", "train", "size");
  assert_float_equal(size->value, (8 * 8 + 8 * 8 + 7 * 7) / 23.0, 1e-6);
  assert_int_equal(size->step, 2 * 3);
}

/* Every epoch sees each row once. */
static void shuffling_leaves_nothing_out(void **state) {
  (void)state;
  tool_expect(0, "train last_batch.dnn --task shuffled --data . --out shuffled");
  float total;
  double sum = 0;
  for (int row = 0; row < ROWS; row++)
    for (int i = 0; i < COLUMNS; i++) sum += (double)points[row][i];
  memcpy(&total, slot_of("shuffled", "total"), sizeof total);
  assert_float_equal((double)total, 4 * sum, 1e-3);
  assert_int_equal(rows_seen("shuffled"), 4 * ROWS);
}

static void resuming_changes_nothing(void **state) {
  (void)state;
  tool_expect(0, "train last_batch.dnn --task shuffled --data . --out halves --epochs 2");
  tool_expect(0, "train last_batch.dnn --task shuffled --data . --out halves --resume");
  tool_expect_same("halves/checkpoint.safetensors", "shuffled/checkpoint.safetensors");
}

static void steps_go_on_through_epochs(void **state) {
  (void)state;
  tool_expect(0, "train last_batch.dnn --task steps --data . --out steps");
  assert_int_equal(rows_seen("steps"), 2 * ROWS + BATCH);
}

static void data_may_be_smaller_than_a_batch(void **state) {
  (void)state;
  tool_expect(0, "train last_batch.dnn --task few --data . --out few");
  assert_int_equal(rows_seen("few"), 2 * ROWS);
  assert_float_equal(last("few", "wide", "size")->value, ROWS, 0);
}

/* The second source gives as many rows as the first, from its full batches. */
static void sources_agree_in_their_rows(void **state) {
  (void)state;
  tool_expect(0, "train last_batch.dnn --task two --data . --out two");
  assert_int_equal(rows_seen("two"), 2 * ROWS);
}

/* The finder repeats calls at their sizes. */
static void a_fault_in_the_last_batch_is_found(void **state) {
  (void)state;
  const char *text = tool_expect(1, "train last_batch.dnn --task breaks --data . --out breaks");
  if (!strstr(text, "loss of entry broken is not finite at step 2") ||
      !strstr(text, "error: log of 0 gives -inf"))
    fail_msg("%s", text);
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("tests/unit/tasks/last_batch.dnn", "last_batch.dnn");
  tool_points("points.npy", ROWS, COLUMNS);
  memcpy(points, read_array("points.npy", 2)->data, sizeof points);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_rows_are_learnt_from),
      cmocka_unit_test(metrics_are_averaged_by_rows),
      cmocka_unit_test(shuffling_leaves_nothing_out),
      cmocka_unit_test(resuming_changes_nothing),
      cmocka_unit_test(steps_go_on_through_epochs),
      cmocka_unit_test(data_may_be_smaller_than_a_batch),
      cmocka_unit_test(sources_agree_in_their_rows),
      cmocka_unit_test(a_fault_in_the_last_batch_is_found),
  };
  return cmocka_run_group_tests(tests, set_up, tool_tear_down);
}
