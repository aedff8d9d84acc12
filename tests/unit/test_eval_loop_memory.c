/* The interpreter of the loop form: accesses, masks, locals and control. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eval_loop.h"
#include "golden.h"
#include "loop_case.h"

static const loop_machine machine = {.fma = true};

/* The message of a run, or NULL. */
static const char *message_of(arena *a, const char *text, void *const *arguments) {
  return loop_run(a, loop_case_parse(a, text), &machine, arguments);
}

static void run(const char *text, void *const *arguments) {
  arena *a = arena_new();
  const char *message = message_of(a, text, arguments);
  if (message) fail_msg("%s in\n%s", message, text);
  arena_free(a);
}

/* Runs "STATEMENT" over x and y, both f32[2, 3]. */
static const char *fault_of(arena *a, const char *statement) {
  float x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {0};
  return message_of(a, arena_printf(a, "kernel k(in x: f32[2, 3], out y: f32[2, 3]) { %s }", statement),
                    (void *[]){x, y});
}

static void test_accesses_outside_are_named(void **state) {
  (void)state;
  static const char *const faults[][2] = {
      {"store y[0, 3] = x[0, 0]", "y: index 3 of axis 1 is outside of 0..3"},
      {"store y[0, 0] = x[2, 0]", "x: index 2 of axis 0 is outside of 0..2"},
      {"store y[0, 0] = x[-1, 3]", "x: index -1 of axis 0 is outside of 0..2"},
      {"store y[1, 1] = load.4(x[0, 0])", "y: element 6 is outside of its 6"},
      {"let v: f32x8 = load.8(x[0, 0])", "x: element 6 is outside of its 6"},
      {"reg r: f32x2[2] store r[2] = load.2(x[0, 0])", "r: index 2 of axis 0 is outside of 0..2"},
      {"local l: f32[5] store l[5] = x[0, 0]", "l: index 5 of axis 0 is outside of 0..5"},
      /* a wrong bound: one row too many */
      {"for i in 0..3 { for j in 0..3 { store y[i, j] = x[1, j] } }", "y: index 2 of axis 0"}};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    arena *a = arena_new();
    const char *message = fault_of(a, faults[i][0]);
    if (!message || !strstr(message, faults[i][1]))
      fail_msg("%s: expected '%s', not '%s'", faults[i][0], faults[i][1], message ? message : "no fault");
    arena_free(a);
  }
}

static void test_masks(void **state) {
  (void)state;
  arena *a = arena_new();
  /* where the mask is off, any place will do; where it is on, it must exist */
  assert_null(fault_of(a, "store y[1, 0] = load.4(x[1, 0], lt(ramp.4(0, 1), splat.4(3))) if lt(ramp.4(0, 1), splat.4(3))"));
  assert_null(fault_of(a, "store y[0, 0] = x[0, 0] if 0:bool store y[-9223372036854775808, 9] = 1:f32 if 0:bool"));
  assert_non_null(fault_of(a, "let v: f32x4 = load.4(x[1, 0], lt(ramp.4(0, 1), splat.4(4)))"));
  assert_non_null(fault_of(a, "store y[1, 0] = splat.4(1:f32) if lt(ramp.4(0, 1), splat.4(4))"));
  assert_non_null(fault_of(a, "store y[4611686018427387904, 0] = 1:f32 if 1:bool"));
  arena_free(a);
  float x[4] = {1, 2, 3, 4}, y[4] = {-1, -1, -1, -1}, z[4];
  run("kernel k(in x: f32[4], inout y: f32[4], out z: f32[4]) {\n"
      "  let odd: boolx4 = eq(mod(ramp.4(0, 1), splat.4(2)), splat.4(1))\n"
      "  store y[0] = load.4(x[0]) if odd\n"
      "  store z[0] = load.4(x[0], odd) }", (void *[]){x, y, z});
  assert_memory_equal(y, ((float[]){-1, 2, -1, 4}), sizeof y);
  assert_memory_equal(z, ((float[]){0, 2, 0, 4}), sizeof z);
}

static void test_memory_starts_as_ones(void **state) {
  (void)state;
  int64_t bits[2], sums[3];
  float real;
  run("kernel k(out bits: i64[2], out real: f32[], out sums: i64[3]) {\n"
      "  local l: i64[2]\n  reg r: f32[]\n  store bits[0] = l[1]\n  store real[] = r[]\n"
      "  for turn in 0..3 {\n"
      "    local again: i64[2]\n"
      "    reg zero: i64x2[2] = ramp.2(5, 2)\n"
      "    store sums[turn] = add(again[0], reduce.add(zero[1]))\n"
      "    store again[0] = 7\n"
      "  }\n"
      "  store bits[1] = l[0] }", (void *[]){bits, &real, sums});
  assert_true(isnan(real) && bits[0] == -1 && bits[1] == -1);
  assert_memory_equal(sums, ((int64_t[]){11, 11, 11}), sizeof sums); /* -1 + 5 + 7, afresh in each turn */
}

static void test_control(void **state) {
  (void)state;
  int64_t seen[12], count;
  memset(seen, 0, sizeof seen);
  count = 0;
  run("kernel k(inout seen: i64[12], inout count: i64[]) {\n"
      "  for i in -5..6 step 4 {\n    store seen[count[]] = i\n    store count[] = add(count[], 1)\n  }\n"
      "  for i in 3..3 { store seen[99] = 0 }\n"
      "  for i in 3..2 { store seen[99] = 0 }\n"
      "  for i in 9223372036854775800..9223372036854775807 step 5 {\n"
      "    store seen[count[]] = sub(i, 9223372036854775800)\n    store count[] = add(count[], 1)\n  }\n"
      "  for i in 0..3 unroll {\n"
      "    if lt(i, 1) { store seen[count[]] = 70 } else { store seen[count[]] = add(80, i) }\n"
      "    store count[] = add(count[], 1)\n  }\n"
      "  for i in 0..count[] step 3 { store count[] = add(count[], 0) }\n}", (void *[]){seen, &count});
  assert_int_equal(count, 8);
  assert_memory_equal(seen, ((int64_t[]){-5, -1, 3, 0, 5, 70, 81, 82}), 8 * sizeof *seen);
}

static void test_lanes(void **state) {
  (void)state;
  int32_t x[4] = {10, 20, 30, 40}, y[12], z;
  run("kernel k(in x: i32[4], out y: i32[12], out z: i32[]) {\n"
      "  let v: i32x4 = load.4(x[0])\n"
      "  store y[0] = insert.2(v, extract.0(v))\n"
      "  store y[4] = ramp.4(2147483647:i32, 1:i32)\n"
      "  store y[8] = select(gt(v, splat.4(20:i32)), neg(v), splat.4(extract.3(v)))\n"
      "  store z[] = reduce.maximum(v) }", (void *[]){x, y, &z});
  static const int32_t want[12] = {10, 20, 10, 40, INT32_MAX, INT32_MIN, INT32_MIN + 1, INT32_MIN + 2, 40, 40, -30, -40};
  assert_memory_equal(y, want, sizeof y);
  assert_int_equal(z, 40);
}

/* A callee's names do not leak into its caller, nor between two calls in one expression. */
static void test_calls(void **state) {
  (void)state;
  float x[8], y[8], scalar;
  for (int i = 0; i < 8; i++) x[i] = 0.3f * (float)(i - 4);
  run("kernel k(in x: f32[8], out y: f32[8]) {\n"
      "  store y[0] = sub(call.exp_f32x8(load.8(x[0])), call.exp_f32x8(neg(call.exp_f32x8(load.8(x[0]))))) }",
      (void *[]){x, y});
  for (int i = 0; i < 8; i++) {
    run("kernel k(in x: f32[], out y: f32[]) {\n  let once: f32 = call.exp_f32(x[])\n"
        "  let twice: f32 = call.exp_f32(neg(once))\n  store y[] = sub(once, twice) }",
        (void *[]){&x[i], &scalar});
    assert_memory_equal(&scalar, &y[i], sizeof scalar);
    assert_true(fabs(scalar - (exp(x[i]) - exp(-exp(x[i])))) < 1e-6);
  }
}

/* ---- a kernel against plain C -------------------------------------------------------------- */

enum { ROWS = 6, INNER = 7, COLUMNS = 32, WIDTH = 16 };

/* Whether the kernel computes c = a · b with b in panels of 16 columns. */
static bool multiplies(arena *a, const char *text) {
  static float left[ROWS][INNER], right[COLUMNS / WIDTH][INNER][WIDTH], result[ROWS][COLUMNS];
  for (int i = 0; i < ROWS * INNER; i++) ((float *)left)[i] = (float)sin(i);
  for (int i = 0; i < INNER * COLUMNS; i++) ((float *)right)[i] = (float)cos(3 * i);
  memset(result, 0xff, sizeof result);
  const char *message = message_of(a, text, (void *[]){result, left, right});
  bool equal = message == NULL;
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLUMNS; j++) {
      float sum = 0;
      for (int k = 0; k < INNER; k++) sum = fmaf(left[i][k], right[j / WIDTH][k][j % WIDTH], sum);
      equal = equal && !memcmp(&sum, &result[i][j], sizeof sum);
    }
  return equal;
}

/* The text with the first occurrence of one stretch replaced. */
static const char *changed(arena *a, const char *text, const char *from, const char *to) {
  const char *at = strstr(text, from);
  assert_non_null(at);
  return arena_printf(a, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void test_product_and_wrong_products(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *text = golden_read(a, "tests/unit/loops/gemm.loop");
  assert_true(multiplies(a, text));
  static const char *const mistakes[][2] = {
      {"for k in 0..7", "for k in 0..6"},    {"for k in 0..7", "for k in 0..8"},   {"0..6 step 2", "0..5 step 3"},
      {"for v in 0..2", "for v in 0..1"},    {"fma(x, row[v_2], sum[r, v_2])", "mul(x, row[v_2])"},
      {"mul(panel, 16)", "mul(panel, 8)"},   {"= sum[r_2, v_3]", "= neg(sum[r_2, v_3])"},
      {"splat.8(0x0p+0:f32)", "splat.8(0x1p-20:f32)"}};
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
    if (multiplies(a, changed(a, text, mistakes[i][0], mistakes[i][1]))) fail_msg("unnoticed: %s", mistakes[i][1]);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accesses_outside_are_named), cmocka_unit_test(test_masks),
      cmocka_unit_test(test_memory_starts_as_ones),      cmocka_unit_test(test_control),
      cmocka_unit_test(test_lanes),                      cmocka_unit_test(test_calls),
      cmocka_unit_test(test_product_and_wrong_products)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
