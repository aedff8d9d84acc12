/* What a call of an entry costs, against numbers found by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "../model_case.h"
#include "compile.h"
#include "cost.h"

static const module *built(model *m) {
  static const compile_options plain = {0};
  const module *made = compile_module(m->program, diag_new(m->arena), &plain);
  assert_non_null(made);
  return made;
}

static const module_entry *entry_of(const module *m, const char *name) {
  for (int i = 0; i < m->entry_count; i++)
    if (!strcmp(m->entries[i].name, name)) return &m->entries[i];
  fail_msg("no entry %s", name);
  return NULL;
}

static entry_cost cost_of(const char *text, const char *entry) {
  model *m = model_new(text, NULL);
  const module *made = built(m);
  entry_cost cost = cost_of_entry(m->arena, made, entry_of(made, entry));
  model_free(m);
  return cost;
}

/* All calls of an entry together. */
static call_cost sum_of_calls(const char *text, const char *entry, call_cost *first) {
  model *m = model_new(text, NULL);
  int count;
  const call_cost *calls = cost_of_calls(m->arena, entry_of(built(m), entry), &count);
  call_cost sum = {0};
  for (int i = 0; i < count; i++) {
    assert_int_equal(calls[i].call->number, i);
    sum.times += calls[i].times;
    sum.operations += calls[i].times * calls[i].operations;
    sum.f64_operations += calls[i].times * calls[i].f64_operations;
  }
  *first = calls[0];
  model_free(m);
  return sum;
}

/* A step down the gradient of a linear layer's mean square error, all of it counted. */
static void test_training_step(void **state) {
  (void)state;
  static const char text[] = "param w: f32[5, 3] = 0.5\n"
                             "param b: f32[3] = 0\n"
                             "param unused: f32[7] = 0\n"
                             "state calls: i32 = 0\n"
                             "entry step(x: f32[4, 5], t: f32[4, 3], rate: f32) -> (loss) {\n"
                             "  y = x @ w + b\n"
                             "  loss = sum((y - t) ** 2)\n"
                             "  (gw, gb) = grad(loss, (w, b))\n"
                             "  w <- w - rate * gw\n"
                             "  b <- b - rate * gb\n"
                             "  calls <- calls + 1\n"
                             "}\n";
  entry_cost c = cost_of(text, "step");
  assert_int_equal(c.parameters, 18);
  assert_int_equal(c.parameter_bytes, 72);
  int64_t product = 2 * 4 * 5 * 3, elements = 4 * 3;
  int64_t forward = product + elements /* + b */ + elements /* - t */ + elements /* squares */ + elements - 1;
  int64_t backward = elements /* 2 (y - t) */ + product + (elements - 3) /* sum over rows */;
  int64_t update = 2 * 15 + 2 * 3; /* rate · g, w - … */
  assert_int_equal(c.operations, forward + backward + update);
  assert_int_equal(c.open_loops, 0);
}

/* One kernel, which reads a and b, and of c a part. */
static void test_bytes(void **state) {
  (void)state;
  static const char text[] = "entry e(a: f32[8, 4], b: f32[4], c: f32[100, 8, 4]) -> (y, z: u8[8, 4]) {\n"
                             "  y = a * b + c[3]\n"
                             "  z = u8(a)\n"
                             "}\n";
  entry_cost c = cost_of(text, "e");
  assert_int_equal(c.kernels, 1);
  assert_int_equal(c.operations, 64);
  assert_int_equal(c.bytes_read, 4 * (32 + 4 + 32));
  assert_int_equal(c.bytes_written, 4 * 32 + 32);
  assert_int_equal(c.scratch_bytes, 0);
}

/* Of a table the rows that are looked up; a row that is written in place is not read. */
static void test_tables(void **state) {
  (void)state;
  entry_cost c = cost_of("param t: f32[1000, 16] = 0\n"
                         "entry look(i: i32[5]) -> (y) { y = t[i] }\n", "look");
  assert_int_equal(c.kernels, 1);
  assert_int_equal(c.bytes_read, 4 * 5 * 16 + 4 * 5);
  assert_int_equal(c.bytes_written, 4 * 5 * 16);
  assert_int_equal(c.parameters, 16000);
  c = cost_of("state t: f32[1000, 16] = 0\n"
              "entry put(i: i32, v: f32[16]) { t[i] <- v }\n", "put");
  assert_true(c.bytes_written <= 4 * 16 * 2);
}

static void test_loops(void **state) {
  (void)state;
  static const char text[] = "param u: f32[3, 3] = 0.1\n"
                             "entry e(xs: f32[5, 2, 3]) -> (h) {\n"
                             "  h = zeros[2, 3]()\n"
                             "  scan x in xs { h = tanh(x + h @ u) }\n"
                             "}\n"
                             "entry nested(x: f32[2], n: i32) -> (y) {\n"
                             "  y = x\n"
                             "  for unused in 0..1 { y = sin(y) }\n"
                             "  scan t in 0..7 {\n"
                             "    repeat n { y = cos(y) }\n"
                             "  }\n"
                             "}\n";
  entry_cost c = cost_of(text, "e");
  assert_int_equal(c.operations, 5 * (2 * 2 * 3 * 3 + 6 + 6));
  assert_int_equal(c.open_loops, 0);
  assert_int_equal(c.parameters, 9);
  c = cost_of(text, "nested");
  assert_int_equal(c.operations, 2 + 7 * 2);
  assert_int_equal(c.open_loops, 1);
  assert_int_equal(c.parameters, 0);
}

/* Kernels together compute what their entry does, in loops too; what two of them compute counts in both. */
static void test_calls(void **state) {
  (void)state;
  static const char loops[] = "param u: f32[3, 3] = 0.1\n"
                              "entry e(xs: f32[5, 2, 3]) -> (h) {\n"
                              "  h = zeros[2, 3]()\n"
                              "  scan x in xs { h = tanh(x + h @ u) }\n"
                              "}\n";
  call_cost first, sum = sum_of_calls(loops, "e", &first);
  assert_int_equal(sum.operations, cost_of(loops, "e").operations);
  assert_int_equal(sum.times, cost_of(loops, "e").kernels);
  arena *a = arena_new();
  const char *lenet5 = golden_read(a, "models/convnets/lenet5.dnn");
  for (int i = 0; i < 2; i++) {
    const char *entry = i ? "train" : "predict";
    int64_t operations = cost_of(lenet5, entry).operations;
    sum = sum_of_calls(lenet5, entry, &first);
    assert_int_equal(sum.times, cost_of(lenet5, entry).kernels);
    assert_true(sum.operations >= operations && sum.operations < operations * 1.02);
  }
  arena_free(a);
}

/* One kernel each: on f64; and a state in its own place. */
static void test_kinds_of_calls(void **state) {
  (void)state;
  call_cost first;
  sum_of_calls("entry e(x: f64[6]) -> (y) { y = f32(x * x) + 1.0 }\n", "e", &first);
  assert_int_equal(first.operations, 12);
  assert_int_equal(first.f64_operations, 6);
  assert_int_equal(first.bytes_read, 48);
  assert_int_equal(first.bytes_written, 24);
  assert_false(first.in_place);
  sum_of_calls("state s: f32[6] = 0\nentry e(x: f32[6]) { s <- s + x }\n", "e", &first);
  assert_int_equal(first.operations, 6);
  assert_true(first.in_place);
}

/* LeNet-5, a single image: by hand, layer by layer. */
static void test_lenet5(void **state) {
  (void)state;
  arena *a = arena_new();
  entry_cost c = cost_of(golden_read(a, "models/convnets/lenet5.dnn"), "predict");
  arena_free(a);
  int64_t sum = 28 * 28;                                /* / 255 */
  sum += 2 * 6 * (28 * 5 - 6) * (28 * 5 - 6);           /* along an axis 28 windows, 6 of whose taps lie in the padding */
  sum += 2 * 6 * 28 * 28 + (28 * 28 - 14 * 14) * 6;     /* bias, rectifier, pooling */
  sum += 2 * 16 * 6 * 5 * 5 * 10 * 10;
  sum += 2 * 16 * 10 * 10 + (10 * 10 - 5 * 5) * 16;
  sum += 2 * 400 * 120 + 2 * 120;
  sum += 2 * 120 * 84 + 2 * 84;
  sum += 2 * 84 * 10 + 10;
  sum += 9 + 10 + 10 + 9 + 1 + 10;                      /* softmax: maximum, difference, exp, sum, quotient, product */
  assert_int_equal(c.operations, sum);
  assert_int_equal(c.parameters, 61706);
  assert_int_equal(c.parameter_bytes, 4 * 61706);
  assert_true(c.scratch_bytes >= c.scratch_bound && c.scratch_bound >= c.least_bound && c.least_bound > 0);
  /* at least the image, the parameters and what lies between kernels once each way */
  assert_true(c.bytes_read >= 784 + c.parameter_bytes && c.bytes_read < 400000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_training_step), cmocka_unit_test(test_bytes),  cmocka_unit_test(test_tables),
      cmocka_unit_test(test_loops),         cmocka_unit_test(test_calls),  cmocka_unit_test(test_kinds_of_calls),
      cmocka_unit_test(test_lenet5),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
