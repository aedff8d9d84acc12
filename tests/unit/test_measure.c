/* dnn bench and dnn profile, and what they measure by. How long something takes is no matter here, but that times are
 * there, belong together and come from the right place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bounds.h"
#include "file.h"
#include "json.h"
#include "json_case.h"
#include "machine.h"
#include "spread.h"
#include "tool_case.h"
#include "units.h"

static void expect(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("expected %s in:\n%s", part, text);
}

/* ---- the machine ----------------------------------------------------------------------------- */

/* Each byte is moved once, on one thread and on three. */
static void memory_is_moved(void **state) {
  (void)state;
  enum { BYTES = 64 * 13 };
  unsigned char *from = dnn_region_new(BYTES + 64), *to = dnn_region_new(BYTES + 64);
  for (int count = 1; count <= 3; count += 2) {
    dnn_threads *threads = dnn_threads_new(count);
    machine_memory m = {.to = to, .from = from, .bytes = BYTES};
    for (int i = 0; i < BYTES; i++) from[i] = (unsigned char)(i * 7);
    machine_copy(threads, &m);
    assert_memory_equal(to, from, BYTES);
    machine_read(threads, &m);
    assert_memory_equal(to, from, BYTES);
    machine_update(threads, &m);
    for (int i = 0; i < BYTES; i++) assert_int_equal(to[i], from[i] ^ (i % 4 == 0));
    m.from = NULL;
    machine_copy(threads, &m);
    for (int i = 0; i < BYTES; i++) assert_int_equal(to[i], 1);
    assert_int_equal(to[BYTES], 0);
    dnn_threads_free(threads);
  }
  dnn_region_free(from);
  dnn_region_free(to);
}

static void bounds_are_of_operations_or_memory(void **state) {
  (void)state;
  dnn_threads *threads = dnn_threads_new(2);
  bounds *b = bounds_new(tool_arena(), threads, TIMER_WALL);
  assert_true(bounds_peak(b) == 0);
  bounds_sample_peak(b);
  assert_true((bounds_peak(b) > 0) == (machine_vector_bytes() > 0));
  call_cost computes = {.times = 1, .operations = 1000000000, .bytes_read = 64, .bytes_written = 64};
  call_cost in_f64 = computes, moves = {.times = 3, .bytes_read = 1 << 20, .bytes_written = 1 << 20};
  in_f64.f64_operations = in_f64.operations;
  call_cost reads = moves, fills = moves, updates = moves;
  reads.bytes_written = fills.bytes_read = 0;
  updates.in_place = true;
  if (machine_vector_bytes()) {
    assert_false(bounds_of_call(b, &computes).by_memory);
    assert_true(bounds_of_call(b, &in_f64).seconds == 2 * bounds_of_call(b, &computes).seconds);
    assert_true(bounds_of_call(b, &computes).seconds == 1e9 / bounds_peak(b));
  }
  const call_cost moving[] = {moves, reads, fills, updates};
  for (int i = 0; i < 4; i++) {
    bound one = bounds_of_call(b, &moving[i]);
    assert_true(one.by_memory && one.seconds > 0 && one.seconds < 1);
    assert_true(one.seconds == bounds_of_call(b, &moving[i]).seconds); /* measured once */
    assert_true(bounds_of_entry(b, &moving[i], 1) == 3 * one.seconds);
  }
  call_cost nothing = {.times = 1};
  assert_true(bounds_of_call(b, &nothing).seconds == 0);
  bounds_free(b);
  dnn_threads_free(threads);
}

static void spreads(void **state) {
  (void)state;
  double one[] = {7}, five[] = {5, 1, 4, 2, 3}, even[] = {4, 1, 3, 2};
  spread s = spread_of(one, 1);
  assert_true(s.low == 7 && s.median == 7 && s.high == 7);
  s = spread_of(five, 5);
  assert_true(s.low == 2 && s.median == 3 && s.high == 4);
  s = spread_of(even, 4);
  assert_true(s.low == 1.75 && s.median == 2.5 && s.high == 3.25);
}

static void numbers_are_short(void **state) {
  (void)state;
  arena *a = tool_arena();
  assert_string_equal(seconds_text(a, 0), "0.00 ns");
  assert_string_equal(seconds_text(a, 1.23456e-8), "12.3 ns");
  assert_string_equal(seconds_text(a, 9.996e-7), "1.00 µs");
  assert_string_equal(seconds_text(a, 0.0183), "18.3 ms");
  assert_string_equal(seconds_text(a, 12345), "12345 s");
  assert_string_equal(amount_text(a, 12, "B"), "12 B");
  assert_string_equal(amount_text(a, 999.7, "B"), "1.00 kB");
  assert_string_equal(amount_text(a, 37440000, "B"), "37.4 MB");
  assert_string_equal(percent_text(a, 0.4321), "43 %");
  assert_string_equal(percent_text(a, 0.0432), "4.3 %");
  assert_string_equal(right_text(a, "3 µs", 6), "  3 µs");
  assert_string_equal(right_text(a, "3000 µs", 6), "3000 µs");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static cJSON *parsed(const char *said) {
  json_set_up();
  cJSON *object = cJSON_Parse(said);
  if (!object) fail_msg("no JSON: %s", said);
  assert_string_equal(json_text(object, "name"), "measured");
  return object;
}

static const cJSON *entry_of(const cJSON *object, const char *name) {
  for (const cJSON *e = json_member(object, "entries")->child; e; e = e->next)
    if (!strcmp(json_text(e, "name"), name)) return e;
  fail_msg("no entry %s", name);
  return NULL;
}

static void check_spread(const cJSON *s) {
  assert_true(json_number(s, "low") > 0 && json_number(s, "low") <= json_number(s, "median"));
  assert_true(json_number(s, "median") <= json_number(s, "high"));
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("tests/unit/fixture/measured.dnn", "measured.dnn");
  return 0;
}

/* ---- bench ----------------------------------------------------------------------------------- */

static void check_run(const cJSON *e, const cJSON *run, int threads) {
  assert_true(json_number(run, "threads") == threads && json_number(run, "rounds") >= 3);
  check_spread(json_member(run, "seconds"));
  const double seconds = json_number(json_member(run, "seconds"), "median");
  assert_true(json_number(run, "processor_seconds") > 0 && json_number(run, "busy") > 0);
  assert_true(json_number(run, "calls_per_second") * seconds > 0.999 && json_number(run, "calls_per_second") * seconds < 1.001);
  double operations = json_number(run, "operations_per_second") * seconds;
  assert_true(operations > 0.999 * json_number(e, "operations") && operations < 1.001 * json_number(e, "operations") + 1);
  assert_true(json_number(run, "limit_seconds") > 0 && json_number(run, "limit_share") > 0);
  if (machine_vector_bytes()) assert_true(json_number(run, "peak_operations_per_second") > 1e6);
}

/* One thread and all that are asked for; the counts are those of dnn info. */
static void bench_as_json(void **state) {
  (void)state;
  static const char *const counts[] = {"operations", "bytes_read", "bytes_written", "kernels", "open_loops",
                                       "parameter_bytes", "scratch_bytes"};
  cJSON *bench = parsed(tool_expect(0, "bench measured.dnn --json --seconds=0 --threads=2"));
  cJSON *info = parsed(tool_expect(0, "info measured.dnn --json"));
  assert_int_equal(cJSON_GetArraySize(json_member(bench, "entries")), 4);
  for (const cJSON *e = json_member(bench, "entries")->child; e; e = e->next) {
    const cJSON *described = entry_of(info, json_text(e, "name")), *runs = json_member(e, "runs");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
      assert_true(json_number(e, counts[i]) == json_number(described, counts[i]));
    assert_int_equal(cJSON_GetArraySize(runs), 2);
    check_run(e, cJSON_GetArrayItem(runs, 0), 1);
    check_run(e, cJSON_GetArrayItem(runs, 1), 2);
  }
  assert_true(json_number(entry_of(bench, "predict"), "argument_bytes") == 4 * (64 * 8 + 64 * 64));
  cJSON_Delete(info);
  cJSON_Delete(bench);
}

static void bench_as_text(void **state) {
  (void)state;
  const char *said = tool_expect(0, "bench measured.dnn --seconds=0 --clock=cpu --entry=train --entry=loops -D N=32");
  expect(said, "\ntrain                    1 ");
  expect(said, "\nloops                    1 ");
  expect(said, "peak of multiply-adds in registers: ");
  expect(said, " * GFLOP/s and limit count a loop with a condition");
  assert_null(strstr(said, "predict"));
}

/* ---- profile --------------------------------------------------------------------------------- */

static const cJSON *kernel_at(const cJSON *e, int line, const char *word) {
  for (const cJSON *k = json_member(e, "kernels")->child; k; k = k->next) {
    const cJSON *place = cJSON_GetObjectItemCaseSensitive(k, "place");
    if (place && json_number(place, "line") == line && strstr(json_text(k, "name"), word)) return k;
  }
  fail_msg("no kernel %s of line %d in %s", word, line, json_text(e, "name"));
  return NULL;
}

static bool same_place(const cJSON *x, const cJSON *y, const char *name) {
  const cJSON *a = cJSON_GetObjectItemCaseSensitive(x, name), *b = cJSON_GetObjectItemCaseSensitive(y, name);
  return !a || !b ? a == b : cJSON_Compare(a, b, true);
}

/* Each once, the longest first; shares are parts of a whole. */
static void check_kernels(const cJSON *e) {
  double seconds = 0, shares = 0, limit = 0, before = 1e9;
  for (const cJSON *k = json_member(e, "kernels")->child; k; k = k->next) {
    for (const cJSON *other = k->next; other; other = other->next)
      assert_false(!strcmp(json_text(k, "name"), json_text(other, "name")) && same_place(k, other, "place") &&
                   same_place(k, other, "library"));
    assert_true(json_number(k, "seconds") >= 0 && json_number(k, "seconds") <= before && json_number(k, "calls") >= 1);
    assert_true(json_number(k, "bytes_read") + json_number(k, "bytes_written") > 0 && json_number(k, "limit_seconds") > 0);
    assert_true(!strcmp(json_text(k, "limit"), "peak") || !strcmp(json_text(k, "limit"), "memory"));
    before = json_number(k, "seconds");
    seconds += before;
    shares += json_number(k, "share");
    limit += json_number(k, "limit_seconds");
  }
  assert_true(shares > 0.999 && shares < 1.001);
  assert_true(seconds > 0.999 * json_number(e, "kernel_seconds") && seconds < 1.001 * json_number(e, "kernel_seconds"));
  assert_true(limit > 0.999 * json_number(e, "limit_seconds") && limit < 1.001 * json_number(e, "limit_seconds"));
}

static double sum_over_kernels(const cJSON *e, const char *name) {
  double sum = 0;
  for (const cJSON *k = json_member(e, "kernels")->child; k; k = k->next) sum += json_number(k, name);
  return sum;
}

/* The line of the model, and that of the library behind it; in loops, turns that were run. */
static void check_places(const cJSON *profile) {
  const cJSON *layer = kernel_at(entry_of(profile, "predict"), 11, "dot"), *library = json_member(layer, "library");
  assert_string_equal(json_text(json_member(layer, "place"), "file"), "measured.dnn");
  assert_string_equal(json_text(json_member(layer, "place"), "text"), "fn twice(x) { layer(x) |> relu |> layer |> relu }");
  assert_string_equal(json_text(library, "file"), "std/nn.dnn");
  expect(json_text(library, "text"), "x @ w");
  assert_true(json_number(layer, "calls") == 2 && json_number(layer, "operations") >= 2 * 2 * 64 * 64 * 64);
  const cJSON *loops = entry_of(profile, "loops");
  assert_true(json_number(kernel_at(loops, 25, "dot_tanh"), "calls") == 7);
  assert_true(json_number(kernel_at(loops, 26, "sin"), "calls") == 11);
  assert_null(cJSON_GetObjectItemCaseSensitive(kernel_at(loops, 26, "sin"), "library"));
  expect(json_text(json_member(kernel_at(entry_of(profile, "train"), 19, "sub"), "library"), "file"), "std/optim.dnn");
}

/* Every call of every kernel is there, and their times are about that of the entry. */
static void profile_as_json(void **state) {
  (void)state;
  cJSON *profile = parsed(tool_expect(0, "profile measured.dnn --json --seconds=0.05 --clock=cpu"));
  cJSON *info = parsed(tool_expect(0, "info measured.dnn --json"));
  assert_true(json_number(profile, "threads") == 1);
  assert_string_equal(json_text(profile, "clock"), "cpu");
  assert_int_equal(cJSON_GetArraySize(json_member(profile, "entries")), 4);
  for (const cJSON *e = json_member(profile, "entries")->child; e; e = e->next) {
    const cJSON *described = entry_of(info, json_text(e, "name"));
    const double whole = json_number(json_member(e, "seconds"), "median"), parts = json_number(e, "kernel_seconds");
    check_spread(json_member(e, "seconds"));
    check_kernels(e);
    assert_true(parts > whole / 10 && parts < whole * 10);
    if (json_number(described, "open_loops")) continue;
    static const char *const counts[] = {"operations", "bytes_read", "bytes_written"};
    assert_true(sum_over_kernels(e, "calls") == json_number(described, "kernels"));
    for (int i = 0; i < 3; i++) assert_true(sum_over_kernels(e, counts[i]) >= json_number(described, counts[i]));
  }
  check_places(profile);
  cJSON_Delete(info);
  cJSON_Delete(profile);
}

static void profile_as_text(void **state) {
  (void)state;
  const char *said = tool_expect(0, "profile measured.dnn --seconds=0 --threads=2 --entry=predict --entry=bounded "
                                    "--color=always");
  expect(said, "predict of measured, compiled for ");
  expect(said, ", 2 threads: ");
  expect(said, "k3_gather\n          \033[1mmeasured.dnn:14:\033[0m y = twice(sum[1](table[word]))\n");
  expect(said, "bounded of measured, compiled for ");
  assert_null(strstr(said, "train of"));
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void write_model(const char *name, const char *lines) {
  const char *error = NULL;
  assert_true(file_replace(tool_arena(), tool_path("%s", name), 1, &(file_part){lines, strlen(lines)}, &error));
}

/* What observes an entry's kernels has a name, which an argument must not hide. */
static void arguments_hide_nothing(void **state) {
  (void)state;
  write_model("names.dnn",
              "entry e(observe: f32[3], caller: f32[3]) -> (status: f32[3]) { status = observe * caller }\n");
  expect(tool_expect(0, "profile names.dnn --seconds=0"), "e of names, compiled for ");
}

static void errors(void **state) {
  (void)state;
  write_model("bad.dnn", "entry e(x: f32[3]) -> (y) { y = x + z }\n");
  write_model("empty.dnn", "const N = 3\n");
  write_model("endless.dnn", "entry e(x: f32) -> (y) { y = x\n while y < 1 { y = y * 1 } }\n");
  tool_compile(0, "measured.dnn -o measured.so");
  for (int i = 0; i < 2; i++) {
    const char *command = i ? "profile" : "bench";
    expect(tool_expect(1, "%s measured.dnn --entry=fly", command), "there is no entry `fly`; there are predict, train");
    expect(tool_expect(1, "%s measured.dnn --entry=init", command), "`init` draws the first values and is not measured");
    expect(tool_expect(1, "%s bad.dnn", command), "bad.dnn:1:37: error: there is no name `z`");
    expect(tool_expect(1, "%s empty.dnn", command), "empty has no entry that could be compiled");
    expect(tool_expect(1, "%s missing.dnn", command), "missing.dnn");
    expect(tool_expect(1, "%s measured.so", command), "measured.so is a shared library");
    expect(tool_expect(1, "%s measured.dnn --range=fly=0:1", command), "--range: no entry has an input `fly` of integers");
    expect(tool_expect(1, "%s measured.dnn --cc=false", command), "false");
    expect(tool_expect(1, "%s endless.dnn --seconds=0", command), "endless.dnn:2:");
    expect(tool_expect(2, "%s measured.dnn --seconds=-1", command), "--seconds wants S, not '-1'");
    expect(tool_expect(2, "%s measured.dnn --seconds=nan", command), "--seconds wants S, not 'nan'");
    expect(tool_expect(2, "%s measured.dnn --clock=sun", command), "--clock wants wall|cpu, not 'sun'");
    expect(tool_expect(2, "%s measured.dnn --clock=cpu --threads=2", command), "--clock=cpu is of one thread");
    expect(tool_expect(2, "%s measured.dnn more", command), "one file at a time; what is 'more'?");
    expect(tool_expect(2, "%s", command), "no file was given");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_moved),     cmocka_unit_test(bounds_are_of_operations_or_memory),
      cmocka_unit_test(spreads),             cmocka_unit_test(numbers_are_short),
      cmocka_unit_test(bench_as_json),       cmocka_unit_test(bench_as_text),
      cmocka_unit_test(profile_as_json),     cmocka_unit_test(profile_as_text),
      cmocka_unit_test(arguments_hide_nothing), cmocka_unit_test(errors),
  };
  return cmocka_run_group_tests_name("measure", tests, set_up, tool_tear_down);
}
