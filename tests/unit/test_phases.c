/* What a task says beside plain training, followed by dnn: early stopping, loading and saving,
 * several phases. The models are those of tests/unit/tasks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cmocka.h>

#include "file.h"
#include "fingerprint.h"
#include "metrics.h"
#include "safetensors.h"
#include "timer.h"
#include "tool_case.h"

static const metric_row *rows_of(history *h, const char *folder) {
  const char *error = NULL;
  *h = (history){.arena = tool_arena()};
  assert_true(history_read(h, tool_path("%s/metrics.csv", folder), INT32_MAX, 0, &error));
  return h->rows;
}

static double last(const history *h, const char *label) {
  const metric_row *row = history_last(h, label, "loss", NULL);
  assert_non_null(row);
  return row->value;
}

static const safetensors *read_tensors(const char *name) {
  const char *error = NULL;
  const safetensors *file = safetensors_read(tool_arena(), tool_path("%s", name), &error);
  if (!file) fail_msg("%s", error);
  return file;
}

static void a_phase_stops_and_takes_its_best(void **state) {
  (void)state;
  const char *text = tool_expect(0, "train phases.dnn --data . --out stopped");
  assert_non_null(strstr(text, "stopped: back to epoch"));
  history h;
  rows_of(&h, "stopped");
  const metric_row *best = history_best(&h, 0, "valid", "loss", false);
  const metric_row *end = history_last(&h, "valid", "loss", NULL);
  assert_true(best && best->value < end->value);
  assert_int_equal(end->step, best->step + 3 * 3); /* three epochs more, of three steps */
  /* The first measurement after it, on the same rows with the net that was loaded. */
  const metric_row until = {.stage = 3, .step = 0};
  const metric_row *once = history_last(&h, "check", "loss", &until);
  if (!once) once = history_last(&h, "check(points.all[48:70])", "loss", &until);
  assert_non_null(once);
  assert_float_equal(once->value, best->value, 0);
  assert_non_null(strstr(text, arena_printf(tool_arena(), "valid: loss %.4f\n", best->value)));
}

static void parts_are_saved_and_loaded(void **state) {
  (void)state;
  const safetensors *part = read_tensors("stopped/parts/net.safetensors");
  const safetensors *whole = read_tensors("stopped/checkpoint.safetensors");
  assert_int_equal(part->tensor_count, 2);
  const safetensor *w = safetensors_find(part, "w"), *net = safetensors_find(whole, "net.w");
  assert_true(w && net && safetensors_find(part, "b"));
  assert_memory_equal(w->data, net->data, (size_t)w->bytes);
  const safetensor *other = safetensors_find(whole, "other.w"); /* tuned since */
  assert_memory_not_equal(w->data, other->data, (size_t)w->bytes);
  assert_null(safetensors_find(whole, "best/net.w")); /* only while a phase is under way */
}

/* What is missing is said before the C compiler is called, and no folder is made. */
static void says_early_what_is_missing(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"--data .:/no/such/folder", "--data: there is no folder /no/such/folder"},
      {"--data . --weights none.safetensors", "cannot read none.safetensors: No such file"},
      {"--data . --task next -o phases-early", "task next starts from the result of task fit: train that first"}};
  for (int i = 0; i < 3; i++) {
    const char *said = tool_expect(1, "train phases.dnn --out phases-early --cc=/no/such/compiler %s", cases[i][0]);
    if (!strstr(said, cases[i][1]) || strstr(said, "compiler")) fail_msg("%s: %s", cases[i][0], said);
    assert_false(file_exists(tool_path("phases-early")));
  }
}

static void a_task_follows_another(void **state) {
  (void)state;
  tool_expect(0, "train phases.dnn --data . --out phases-fit");
  tool_expect(0, "train phases.dnn --data . --task next");
  history fit, next;
  rows_of(&fit, "phases-fit");
  rows_of(&next, "phases-next");
  tool_expect(0, "train phases.dnn --data . --task next --weights stopped/checkpoint.safetensors "
                 "--overwrite");
  history given;
  rows_of(&given, "phases-next");
  assert_float_equal(last(&next, "check"), last(&given, "check"), 0);
  assert_true(file_exists(tool_path("phases-fit/weights-4.png")));
}

/* A file of the weights of the first training, but for some, and with as many others. */
static void write_weights(const char *name, const char *left_out, int others) {
  const safetensors *whole = read_tensors("stopped/checkpoint.safetensors");
  safetensors file = {0};
  const char *error = NULL;
  for (int i = 0; i < whole->tensor_count; i++)
    if (!strstr(whole->tensors[i].name, left_out)) safetensors_add(tool_arena(), &file, whole->tensors[i]);
  for (int i = 0; i < others; i++) {
    safetensor spare = whole->tensors[0];
    spare.name = arena_printf(tool_arena(), "spare.%d", i);
    safetensors_add(tool_arena(), &file, spare);
  }
  assert_true(safetensors_write(tool_arena(), tool_path("%s", name), &file, &error));
}

static void expect_in(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("no \"%s\" in: %s", part, text);
}

/* What only one of file and model has is said in a line; a file without anything of the model is refused. */
static void weights_that_are_not_all_there(void **state) {
  (void)state;
  static const char train[] = "train phases.dnn --data . --task next --overwrite --weights";
  static const char run[] = "run phases.dnn weights --weights";
  write_weights("whole.safetensors", "train.", 0); /* without the states of Adam */
  assert_null(strstr(tool_expect(0, "%s whole.safetensors", train), "warning"));
  assert_null(strstr(tool_expect(0, "%s whole.safetensors", run), "warning"));
  write_weights("one.safetensors", "net.w", 1);
  const char *text = tool_expect(0, "%s one.safetensors", train);
  expect_in(text, "dnn: warning: one.safetensors lacks net.w: it stays as the model first sets it\n");
  expect_in(text, "dnn: warning: one.safetensors has spare.0, which the model does not have: left out\n");
  expect_in(tool_expect(1, "%s one.safetensors", run), "cannot take weights from one.safetensors: it has no net.w");
  write_weights("more.safetensors", "net.", 6);
  text = tool_expect(0, "%s more.safetensors", train);
  expect_in(text, "more.safetensors lacks net.b, net.w: they stay as the model first sets them\n");
  expect_in(text, "more.safetensors has spare.0, spare.1, spare.2, spare.3 and 2 more, which");
  write_weights("spare.safetensors", "none", 6);
  text = tool_expect(0, "%s spare.safetensors", run);
  expect_in(text, "spare.safetensors has spare.0, spare.1, spare.2, spare.3 and 2 more, which");
  assert_null(strstr(text, "lacks"));
  write_weights("nothing.safetensors", "", 2);
  expect_in(tool_expect(1, "%s nothing.safetensors", train), "none of its names is one of this model");
  expect_in(tool_expect(1, "%s nothing.safetensors", run), "none of its names is one of this model");
}

static void resuming_after_a_stop_changes_nothing(void **state) {
  (void)state;
  tool_copy(tool_path("stopped/checkpoint.safetensors"), "before.safetensors");
  const char *text = tool_expect(0, "train phases.dnn --data . --out stopped --resume");
  assert_null(strstr(text, "epoch 1/"));
  tool_expect_same("stopped/checkpoint.safetensors", "before.safetensors");
  text = tool_expect(1, "train phases.dnn --data . --out stopped --resume -D B=8");
  if (!strstr(text, "stopped/checkpoint.safetensors is of a training without -D, this one is with -D B=8")) fail_msg("%s", text);
  tool_expect_same("stopped/checkpoint.safetensors", "before.safetensors");
}

static void what_is_missing_is_named(void **state) {
  (void)state;
  assert_non_null(strstr(tool_expect(1, "train phases.dnn --data . --task missing"),
                         "cannot read none.safetensors"));
}

/* What a pass wrote: the second set has nine rows, of which two batches are
 * taken before it begins again. */
static void a_shorter_source_begins_again(void **state) {
  (void)state;
  tool_expect(0, "train sources.dnn --data . --out sources");
  FILE *in = fopen(tool_path("sources/order.csv"), "r");
  float a, b, first[13], second[13];
  assert_non_null(in);
  assert_int_equal(fscanf(in, "a,b\n"), 0);
  for (int i = 0; i < 13; i++) {
    assert_int_equal(fscanf(in, "%f,%f\n", &a, &b), 2);
    first[i] = a;
    second[i] = b;
  }
  fclose(in);
  for (int i = 0; i < 13; i++) {
    assert_true(i == 0 || first[i] != first[i - 1]);
    assert_true(second[i] == second[i % 8]);
    assert_true(i == 0 || i == 8 || second[i] != second[i - 1]);
  }
}

static void columns_are_taken_by_name(void **state) {
  (void)state;
  tool_expect(0, "train sources.dnn --data . --task named --out named");
  FILE *in = fopen(tool_path("named/same.csv"), "r");
  float a, b;
  assert_non_null(in);
  assert_int_equal(fscanf(in, "a,b\n"), 0);
  int rows = 0;
  for (; fscanf(in, "%f,%f\n", &a, &b) == 2; rows++) assert_true(a != b);
  fclose(in);
  assert_int_equal(rows, 13);
}

/* Rows counted from the end are those that they are from the start. */
static void rows_from_the_end(void **state) {
  (void)state;
  tool_expect(0, "train sources.dnn --data . --task ends --out ends");
  tool_expect_same("ends/from-start.csv", "ends/from-end.csv");
  tool_expect_same("ends/from-start.csv", "ends/from-both.csv");
  const char *text = tool_expect(1, "train sources.dnn --data . --task beyond --out beyond");
  assert_non_null(strstr(text, "there are no rows -14 to 13: the data has 13"));
}

static double last_of(const history *h, const char *label, const char *metric) {
  const metric_row *row = history_last(h, label, metric, NULL);
  assert_non_null(row);
  return row->value;
}

/* Thirteen rows are three batches, one turn of the critic: four epochs are four rounds. */
static void runs_take_turns(void **state) {
  (void)state;
  history h;
  tool_expect(0, "train sources.dnn --data . --task game --out game");
  rows_of(&h, "game");
  assert_float_equal(last_of(&h, "critic", "count"), 3 * 3 + 2, 0); /* the mean of 10, 11, 12 */
  assert_float_equal(last_of(&h, "generator", "count"), 4, 0);
}

static void two_sources_are_resumed(void **state) {
  (void)state;
  tool_expect(0, "train sources.dnn --data . --out halves --epochs 1");
  tool_expect(0, "train sources.dnn --data . --out halves --epochs 3 --resume");
  tool_expect_same("halves/checkpoint.safetensors", "sources/checkpoint.safetensors");
  tool_expect_same("halves/metrics.csv", "sources/metrics.csv");
}

static const char *fingerprint_of(const unsigned char *bytes, int64_t count) {
  array x = {.element = DTYPE_U8, .rank = 1, .extents = {count}, .data = (void *)bytes};
  data_cached entry = {.name = "d.all.x", .array = &x};
  return fingerprint_text(tool_arena(), &(data_cache){.entries = &entry, .count = 1});
}

/* The same on each machine, and another for each change of a byte. */
static void fingerprints_tell_data_apart(void **state) {
  (void)state;
  unsigned char bytes[20] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  assert_string_equal(fingerprint_of(bytes, 0), "d.all.x 0 0000000000000000\n");
  assert_string_equal(fingerprint_of(bytes, 19), "d.all.x 19 2c81a0d8f32cd2f6\n");
  for (int count = 1; count <= 20; count++) {
    const char *before = fingerprint_of(bytes, count), *now;
    assert_null(fingerprint_difference(tool_arena(), before, before));
    for (int i = 0; i < 8 * count; i++) {
      bytes[i / 8] ^= (unsigned char)(1 << i % 8);
      now = fingerprint_of(bytes, count);
      bytes[i / 8] ^= (unsigned char)(1 << i % 8);
      assert_string_equal(fingerprint_difference(tool_arena(), before, now), "column d.all.x has other values");
    }
    now = fingerprint_of(bytes, count - 1);
    assert_string_equal(fingerprint_difference(tool_arena(), before, now),
                        arena_printf(tool_arena(), "column d.all.x has %d rows, not %d", count - 1, count));
  }
  assert_null(fingerprint_difference(tool_arena(), "d.all.x 1 0\nd.all.x 1 1\n", "d.all.x 1 1\nd.all.y 2 2\n"));
}

/* A checkpoint as earlier versions wrote it. */
static void forget_fingerprints(const char *name) {
  safetensors file = *read_tensors(name);
  const char *error = NULL;
  int kept = 0;
  for (int i = 0; i < file.metadata_count; i++)
    if (strcmp(file.metadata[i].key, "dnn.data")) file.metadata[kept++] = file.metadata[i];
  assert_int_equal(kept, file.metadata_count - 1);
  file.metadata_count = kept;
  assert_true(safetensors_write(tool_arena(), tool_path("%s", name), &file, &error));
}

static void other_data_is_not_gone_on_with(void **state) {
  (void)state;
  static const char resume[] = "train sources.dnn --data moved --out data --epochs 3 --resume";
  static const char said[] = "the data has changed since data/checkpoint.safetensors was written: column ";
  tool_expect(0, "train sources.dnn --data . --out data --epochs 1");
  tool_shell("cd %s && mkdir moved && cp -r sets moved", tool_path("."));
  tool_points("moved/sets/y.npy", 10, 3);
  const char *text = tool_expect(1, "%s", resume);
  expect_in(text, arena_printf(tool_arena(), "%sshort.all.y has 10 rows, not 9; --overwrite starts anew", said));
  tool_shell("cd %s && cp sets/y.npy moved/sets && printf '\\1' | dd of=moved/sets/x.npy bs=1 seek=200 conv=notrunc 2>&1",
             tool_path("."));
  text = tool_expect(1, "%s", resume);
  expect_in(text, arena_printf(tool_arena(), "%slong.all.x has other values; --overwrite starts anew", said));
  tool_copy(tool_path("data/checkpoint.safetensors"), "first.safetensors");
  forget_fingerprints("data/checkpoint.safetensors");
  tool_expect(0, "%s", resume);
  tool_copy(tool_path("first.safetensors"), "data/checkpoint.safetensors");
  tool_shell("cd %s && cp sets/x.npy moved/sets", tool_path("."));
  tool_expect(0, "%s", resume); /* elsewhere, but the same */
  tool_expect_same("data/checkpoint.safetensors", "sources/checkpoint.safetensors");
}

/* A phase that waits for what is never a number says why it stops. */
static void a_stop_without_a_number(void **state) {
  (void)state;
  static const struct {
    const char *measured;
    int steps;
    const char *said;
  } cases[] = {
      {"log(-w)", 20, "stopped: measure.low was not a number in any of 3 measurements; there is no best state to go back to\n"},
      {"log(-w)", 2, "at the end: measure.low was not a number in any of 2 measurements; there is"},
      {"1 + 0 * w", 20, "stopped: back to epoch 1, where measure.low was 1.0000, its lowest\n"},
  };
  for (int i = 0; i < 3; i++) {
    tool_shell("cd %s && printf 'use optim\\nparam w: f32 = 1\\n"
               "entry train() -> (loss) { loss = w * w\\n minimize loss over w with sgd(0.1) }\\n"
               "entry measure() -> (low) { low = %s }\\n"
               "task fit { run(train(), steps: %d)\\n run(measure(), every_steps: 1)\\n"
               " stop(patience: 3, without_lower: \"measure.low\") }\\n' >stop.dnn",
               tool_path("."), cases[i].measured, cases[i].steps);
    expect_in(tool_expect(0, "train stop.dnn --out stop --overwrite"), cases[i].said);
  }
}

/* How often a file of the watched folder was replaced. */
static int times_replaced(int watch, const char *name) {
  _Alignas(struct inotify_event) char events[4096];
  int count = 0;
  for (ssize_t bytes; (bytes = read(watch, events, sizeof events)) > 0;)
    for (char *at = events; at < events + bytes;) {
      const struct inotify_event *e = (const void *)at;
      count += e->len && !strcmp(e->name, name);
      at += sizeof *e + e->len;
    }
  return count;
}

static int replaced_in_training(const char *name, double *seconds) {
  tool_shell("cd %s && rm -rf short && mkdir short", tool_path("."));
  int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  assert_true(watch >= 0 && inotify_add_watch(watch, tool_path("short"), IN_MOVED_TO) >= 0);
  double start = timer_seconds(TIMER_WALL);
  tool_expect(0, "train short.dnn --out short");
  *seconds = timer_seconds(TIMER_WALL) - start;
  int count = times_replaced(watch, name);
  close(watch);
  return count;
}

/* Checkpoints and curves are not written for each of many short epochs, but at the end of each phase. */
static void short_epochs_are_not_all_saved(void **state) {
  (void)state;
  tool_shell("cd %s && printf 'use optim\\nparam w: f32 = 1\\n"
             "entry train() -> (loss) { loss = w * w\\n minimize loss over w with sgd(0.01) }\\n"
             "task fit { run(train(), steps: 400)\\n run(train(), steps: 1, label: \"once more\") }\\n' >short.dnn",
             tool_path("."));
  double seconds;
  int phases = 2, saved = replaced_in_training("checkpoint.safetensors", &seconds);
  assert_in_range(saved, phases, phases + 1 + (int)(seconds / 0.2));
  tool_copy(tool_path("short/curves.png"), "short.png");
  int drawn = replaced_in_training("curves.png", &seconds);
  assert_in_range(drawn, phases, phases + 1 + (int)seconds);
  tool_expect_same("short/curves.png", "short.png");
  history h;
  rows_of(&h, "short");
  assert_int_equal(h.count, 101); /* of 400 steps, each four are an epoch */
}

/* --resume begins where nothing lies, or what a training left that was ended before its first checkpoint, but not in a
 * folder of something else. */
static void resuming_begins_where_nothing_is(void **state) {
  (void)state;
  static const char begins[] = "some holds no checkpoint yet: the training begins\n";
  static const char *const before[] = {"true", "mkdir some", "mkdir some && touch some/lock && cp sources/metrics.csv some"};
  for (int i = 0; i < 3; i++) {
    tool_shell("cd %s && rm -rf some && %s", tool_path("."), before[i]);
    expect_in(tool_expect(0, "train sources.dnn --data . --out some --resume"), begins);
    tool_expect_same("some/checkpoint.safetensors", "sources/checkpoint.safetensors");
    tool_expect_same("some/metrics.csv", "sources/metrics.csv");
    assert_null(strstr(tool_expect(0, "train sources.dnn --data . --out some --resume"), begins));
  }
  tool_shell("cd %s && rm -r some && mkdir some && echo mine >some/file", tool_path("."));
  expect_in(tool_expect(1, "train sources.dnn --data . --out some --resume"),
            "some holds no checkpoint to go on from, but what is of no training; --out takes another folder\n");
  assert_false(file_exists(tool_path("some/lock")));
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("tests/unit/tasks/phases.dnn", "phases.dnn");
  tool_points("points/x.npy", 70, 3);
  tool_copy("tests/unit/tasks/sources.dnn", "sources.dnn");
  tool_points("sets/x.npy", 13, 3);
  tool_points("sets/y.npy", 9, 3);
  tool_points("sets/z.npy", 13, 3); /* the same numbers as x, which named takes crosswise */
  return 0;
}

static void integers_and_bools_are_metrics(void **state) {
  (void)state;
  tool_copy("tests/unit/tasks/counts.dnn", "counts.dnn");
  tool_points("points.npy", 23, 3);
  const char *text = tool_expect(0, "train counts.dnn --data . --out counts");
  assert_non_null(strstr(text, "stopped: back to epoch 1, where count.large was "));
  static const char *const names[][2] = {{"large", "same_large"}, {"several", "same_several"}};
  history h;
  rows_of(&h, "counts");
  for (int i = 0; i < 2; i++) {
    const metric_row *row = history_last(&h, "count", names[i][0], NULL), *same = history_last(&h, "count", names[i][1], NULL);
    assert_true(row && same && row->value == same->value && row->value > 0);
    assert_true(row->value < (i ? 1 : 4)); /* a mean over batches */
  }
}

/* Figures under one name would take each other's place. */
static void labels_are_told_apart(void **state) {
  (void)state;
  tool_copy("tests/unit/tasks/labels.dnn", "labels.dnn");
  tool_points("points.npy", 23, 3);
  const char *text = tool_expect(1, "train labels.dnn --data . --task arguments --out labels");
  assert_non_null(strstr(text, "labels.dnn:16:3: error: the loss of this run would be `noisy.loss` like that of the run at labels.dnn:15:3"));
  text = tool_expect(1, "train labels.dnn --data . --task named --out labels");
  assert_non_null(strstr(text, "labels.dnn:22:3: error: the loss of this run would be `train.loss`"));
  tool_expect(0, "train labels.dnn --data . --task apart --out labels");
  history h;
  rows_of(&h, "labels");
  assert_true(last(&h, "noisy") < last(&h, "more"));
}

/* Each is the training with its seed alone; one that was not begun begins with --resume. */
static void several_seeds(void **state) {
  (void)state;
  const char *few = "train sources.dnn --data . --epochs 2";
  tool_expect(0, "%s --out alone --seed 5", few);
  tool_expect(0, "%s --out seeds --seeds 3", few);
  const char *text = tool_expect(0, "%s --out seeds --seeds 3,5,4 --resume", few);
  tool_expect_same("seeds/seed-5/checkpoint.safetensors", "alone/checkpoint.safetensors");
  tool_expect_same("seeds/seed-5/metrics.csv", "alone/metrics.csv");
  const char *summary = strstr(text, "seeds 3, 5, 4\n");
  assert_non_null(summary);
  double values[3], median, low, high;
  const char *loss = strstr(summary, ".loss: ");
  assert_non_null(loss);
  assert_int_equal(sscanf(loss, ".loss: %lf, %lf, %lf; median %lf, from %lf to %lf", &values[0],
                          &values[1], &values[2], &median, &low, &high), 6);
  assert_true(low < median && median < high);
  for (int i = 0; i < 3; i++)
    assert_true(values[i] == low || values[i] == median || values[i] == high);
  tool_expect(1, "%s --out seeds --seeds 3,6", few); /* 3 is there */
  tool_expect(2, "%s --out seeds --seeds 3,3", few);
  tool_expect(2, "%s --out seeds --seeds 3,", few);
  tool_expect(2, "%s --out seeds --seeds 3 --seed 3", few);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_phase_stops_and_takes_its_best),
      cmocka_unit_test(parts_are_saved_and_loaded),
      cmocka_unit_test(says_early_what_is_missing),
      cmocka_unit_test(a_task_follows_another),
      cmocka_unit_test(weights_that_are_not_all_there),
      cmocka_unit_test(resuming_after_a_stop_changes_nothing),
      cmocka_unit_test(what_is_missing_is_named),
      cmocka_unit_test(a_shorter_source_begins_again),
      cmocka_unit_test(columns_are_taken_by_name),
      cmocka_unit_test(rows_from_the_end),
      cmocka_unit_test(runs_take_turns),
      cmocka_unit_test(two_sources_are_resumed),
      cmocka_unit_test(resuming_begins_where_nothing_is),
      cmocka_unit_test(a_stop_without_a_number),
      cmocka_unit_test(short_epochs_are_not_all_saved),
      cmocka_unit_test(fingerprints_tell_data_apart),
      cmocka_unit_test(other_data_is_not_gone_on_with),
      cmocka_unit_test(integers_and_bools_are_metrics),
      cmocka_unit_test(labels_are_told_apart),
      cmocka_unit_test(several_seeds),
  };
  return cmocka_run_group_tests_name("phases", tests, set_up, tool_tear_down);
}
