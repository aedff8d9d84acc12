/* What lies between two products, in a loop over the batch, over blocks of rows, or both: which chains become one, and that it
 * changes no value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "../model_case.h"
#include "build.h"
#include "turns.h"
#include "compare.h"
#include "graph_case.h"
#include "pass.h"
#include "run_module.h"
#include "verify.h"

/* Any batch, and no rows; any rows, of a batch too. */
static const turns_limits anything = {.row_bytes = INFINITY};
static const turns_limits any_rows = {.turn_bytes = 1 << 20, .least_rows = 2, .most_rows = 4};

/* Those within others too. */
static int loops_of(const graph *g) {
  int count = 0;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op == OP_LOOP) count += 1 + loops_of(loop_shape_of(n).body);
  }
  return count;
}

/* The graph of entry e after the pass, whose values are those of before. */
static int loops_after(const char *text, const turns_limits *least) {
  model *m = model_new(text, NULL);
  arena *a = m->arena;
  graph *g = pass_simplify(pass_intern(program_entry(m->program, "e"))), *now = turns(g, least);
  assert_null(graph_violation(now, a));
  const tensor **inputs = random_inputs(a, g, 3, -2, 2);
  tensor **before = evaluate(a, g, inputs), **values = evaluate(a, now, inputs);
  for (int i = 0; i < g->output_count; i++) {
    const char *message = compare_tensors(a, values[i], before[i], (tolerance){1e-12, 1e-12});
    if (message) fail_msg("%s\n%s", message, text);
  }
  const int loops = loops_of(now);
  model_free(m);
  return loops;
}

static void expect_loops(const char *text, int loops) { assert_int_equal(loops_after(text, &anything), loops); }

static void attention_runs_in_turns(void **state) {
  (void)state;
  expect_loops("use attention\nentry e(q: f32[3, 7, 4], k: f32[3, 5, 4], v: f32[3, 5, 2]) -> (y) { y = dot_attention(q, k, v) }\n", 1);
  expect_loops("use attention\nentry e(q: f64[2, 3, 6, 4], k: f64[2, 3, 6, 4], v: f64[2, 3, 6, 5]) -> (y) {\n"
               "  y = dot_attention(f32(q), f32(k), f32(v), causal[6]())\n}\n", 1);
  /* products whose batch lies anywhere, layers one behind the other, and the second a chain of its own */
  expect_loops("use attention\nnet = self_attention[2]\nother = self_attention[3]\n"
               "entry e(x: f32[2, 5, 6]) -> (y) { y = other(net(x)) }\n", 2);
  expect_loops("entry e(q: f32[3, 4, 5], w: f32[3, 5, 4], v: f32[3, 6, 4]) -> (y) { y = v @ tanh(q @ w) }\n", 1);
  /* the second product's batch is the first one's rows */
  expect_loops("entry e(q: f32[3, 4, 5], k: f32[3, 4, 5], v: f32[4, 4, 2]) -> (y) {\n"
               "  s = exp(q @ k.T)\n  y = transpose[1, 0, 2](s) @ v\n}\n", 1);
}

/* What lies between may read, besides: parts, the same in all turns, and what has some axes of the batch only. */
static void readings(void **state) {
  (void)state;
  static const char *const between[] = {
      "softmax(s)", "softmax(s + bias)", "softmax(s + heads[:, new, new])", "softmax(s * rows[:, new, new, new])",
      "softmax(s + table)", "max[-1, keep: true](s) * s", "(length_mask[5](length)[:, new, new, :]) ? s : 0",
      "exp(s - max[-2, keep: true](s))", "masked_softmax(s, length_mask[5](length)[:, new, new, :])", "s * scale",
      "sum[-1, keep: true](s) > 0 ? s : -s", "s * prod[-1, keep: true](s)", "s - f32(argmax[-1](s))[..., new]", "s / (1 + sum[-1, keep: true](exp(s)))"};
  for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
    arena *a = arena_new();
    expect_loops(arena_printf(a, "use nn\nuse attention\n"
                                 "entry e(q: f32[2, 3, 4, 6], k: f32[2, 3, 5, 6], v: f32[2, 3, 5, 2], bias: f32[4, 5], heads: f32[3],\n"
                                 "        rows: f32[2], table: f32[2, 3, 4, 5], length: i32[2], scale: f32) -> (y) {\n"
                                 "  s = q @ k.T\n  y = (%s) @ v\n}\n", between[i]), 1);
    arena_free(a);
  }
}

/* Where anything else reads what lies between, it is formed as a whole; so it is where there is no batch, where a sum goes over
 * it. */
static void others_stay(void **state) {
  (void)state;
  expect_loops("use nn\nentry e(q: f32[3, 4, 5], k: f32[3, 4, 5], v: f32[3, 4, 2]) -> (y, w) { w = softmax(q @ k.T); y = w @ v }\n", 0);
  expect_loops("use nn\nentry e(q: f32[3, 4, 5], k: f32[3, 4, 5], v: f32[3, 4, 2]) -> (y, g) {\n"
               "  y = sum(softmax(q @ k.T) @ v)\n  g = grad(y, q)\n}\n", 0);
  expect_loops("use nn\nentry e(q: f32[4, 5], k: f32[4, 5], v: f32[4, 2]) -> (y) { y = softmax(q @ k.T) @ v }\n", 0);
  expect_loops("entry e(q: f32[3, 4, 5], k: f32[3, 4, 5], v: f32[3, 4, 2]) -> (y) { s = q @ k.T; y = (s - max[0](s)) @ v }\n", 0);
}

/* Small ones are left to the caches, and so are those whose rows are as large. */
static void limits_hold(void **state) {
  (void)state;
  const char *text = "use nn\nentry e(q: f32[2, 64, 4], k: f32[2, 64, 4], v: f32[2, 64, 4]) -> (y) { y = softmax(q @ k.T) @ v }\n";
  const double bytes = 2 * 64 * 64 * 4, work = 64 * 64 * 4;
  assert_int_equal(loops_after(text, &(turns_limits){.bytes = bytes, .work = work, .row_bytes = INFINITY}), 1);
  assert_int_equal(loops_after(text, &(turns_limits){.bytes = bytes + 1, .work = work, .row_bytes = INFINITY}), 0);
  assert_int_equal(loops_after(text, &(turns_limits){.bytes = bytes, .work = work + 1, .row_bytes = INFINITY}), 0);
  /* copied where the batch is behind: of the keys */
  const char *behind = "use nn\nentry e(q: f32[2, 64, 4], k: f32[64, 2, 4], v: f32[2, 64, 4]) -> (y) {\n"
                       "  y = softmax(q @ transpose[1, 2, 0](k)) @ v\n}\n";
  const double saved = bytes / (2 * 64 * 4 * 4);
  assert_int_equal(loops_after(text, &(turns_limits){.saved = 1e9, .row_bytes = INFINITY}), 1);
  assert_int_equal(loops_after(behind, &(turns_limits){.saved = saved, .row_bytes = INFINITY}), 1);
  assert_int_equal(loops_after(behind, &(turns_limits){.saved = saved * 1.01, .row_bytes = INFINITY}), 0);
  /* of rows */
  const double row_bytes = bytes / 2, row_saved = row_bytes / (4 * 64 * 4 * 4);
  const turns_limits rows = {.bytes = INFINITY, .row_bytes = row_bytes, .row_saved = row_saved, .turn_bytes = 1 << 20, .least_rows = 4,
                             .most_rows = 8};
  const char *single = "use nn\nentry e(q: f32[64, 4], k: f32[64, 4], v: f32[64, 4]) -> (y) { y = softmax(q @ k.T) @ v }\n";
  turns_limits more = rows;
  assert_int_equal(loops_after(single, &rows), 1);
  more.row_bytes = row_bytes + 1;
  assert_int_equal(loops_after(single, &more), 0);
  more = rows;
  more.row_saved = row_saved * 1.01;
  assert_int_equal(loops_after(single, &more), 0);
  more = rows;
  more.least_rows = more.most_rows = 64; /* one block is all */
  assert_int_equal(loops_after(single, &more), 0);
}

/* Blocks of 4 of 64 rows; of 9 rows and of 7, whose last block is the loop's or is left over; each reading. */
static void rows_in_blocks(void **state) {
  (void)state;
  static const char *const between[] = {
      "softmax(s)", "softmax(s + bias)", "softmax(s * rows[:, new])", "softmax(s + row)", "max[-1, keep: true](s) * s",
      "(iota[1, 5, axis: 1]() <= iota[ROWS, 1]()) ? s : 0", "f32(iota[ROWS, 1]() * 2 + iota[5]()) * s", "s * scale",
      "masked_softmax(s, iota[5]() < length)", "s * (1 + f32(i8(iota[ROWS]()))[:, new])", "s - f32(argmax[-1](s))[:, new]"};
  static const int rows[] = {64, 9, 7, 4};
  for (size_t i = 0; i < sizeof between / sizeof *between; i++)
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
      arena *a = arena_new();
      const char *form = between[i], *at;
      for (; (at = strstr(form, "ROWS")); form = arena_printf(a, "%.*s%d%s", (int)(at - form), form, rows[k], at + 4)) continue;
      const char *text = arena_printf(a, "use nn\nuse attention\nentry e(q: f32[%d, 6], k: f32[5, 6], v: f32[5, 2], bias: f32[%d, 5],\n"
                                      "        rows: f32[%d], row: f32[5], length: i32, scale: f32) -> (y) {\n"
                                      "  s = q @ k.T\n  y = (%s) @ v\n}\n", rows[k], rows[k], rows[k], form);
      assert_int_equal(loops_after(text, &any_rows), 1);
      arena_free(a);
    }
}

/* A loop over the batch, whose turns have a loop over rows; a batch of one has the latter only, wherever its rows lie. */
static void rows_of_a_batch(void **state) {
  (void)state;
  const char *heads = "use attention\nentry e(q: f32[3, 11, 4], k: f32[3, 5, 4], v: f32[3, 5, 2]) -> (y) { y = dot_attention(q, k, v) }\n";
  assert_int_equal(loops_after(heads, &any_rows), 2);
  const char *causal = "use attention\nentry e(q: f32[2, 2, 10, 4], k: f32[2, 2, 10, 4], v: f32[2, 2, 10, 3]) -> (y) {\n"
                       "  y = dot_attention(q, k, v, causal[10]())\n}\n";
  assert_int_equal(loops_after(causal, &any_rows), 2);
  const char *one = "use attention\nentry e(q: f32[1, 1, 9, 4], k: f32[1, 1, 5, 4], v: f32[1, 1, 5, 2]) -> (y) { y = dot_attention(q, k, v) }\n";
  assert_int_equal(loops_after(one, &any_rows), 1);
  const char *behind = "use nn\nentry e(q: f32[4, 9], k: f32[5, 4], v: f32[5, 2]) -> (y) { y = softmax(q.T @ k.T) @ v }\n";
  assert_int_equal(loops_after(behind, &any_rows), 1);
  const char *columns = "entry e(q: f32[5, 4], k: f32[9, 4], v: f32[5, 2]) -> (y) { y = exp(q @ k.T).T @ v }\n";
  assert_int_equal(loops_after(columns, &any_rows), 1);
  const char *self = "use attention\nnet = self_attention[2]\nentry e(x: f32[2, 9, 6]) -> (y) { y = net(x) }\n";
  assert_int_equal(loops_after(self, &any_rows), 2);
}

/* Turns make counts and what follows from them anew, for operands of the first product and for masks that several layers share; a
 * result of rank 8 has no place for the blocks. */
static void rows_made_anew(void **state) {
  (void)state;
  const char *counts = "use nn\nentry e(k: f32[3, 10], v: f32[10, 2]) -> (y) { y = softmax(f32(iota[9, 3]() // 7) @ k) @ v }\n";
  assert_int_equal(loops_after(counts, &any_rows), 1);
  const char *layers = "use attention\nentry e(q: f32[9, 3], k: f32[9, 3], v: f32[9, 3]) -> (y) {\n"
                       "  h = dot_attention(q, k, v, causal[9]())\n  y = dot_attention(h, k, v, causal[9]())\n}\n";
  assert_int_equal(loops_after(layers, &any_rows), 2);
  /* what a turn reads a part of, and what follows from all of it */
  const char *both = "entry e(q: f32[9, 3], k: f32[9, 3], v: f32[9, 3]) -> (y) {\n"
                     "  p = f32(iota[9]())\n  y = exp(q @ k.T - p[:, new] + cos(p)[new, :]) @ v\n}\n";
  assert_int_equal(loops_after(both, &any_rows), 1);
  const char *of_a_batch = "entry e(q: f32[5, 4, 3], v: f32[5, 5, 3]) -> (y) {\n"
                           "  c = f32(iota[5]()) * 0.1\n  k = sin(c[:, new] * f32(iota[5, 3, axis: 1]()))\n"
                           "  y = (exp(q @ k.T) * c[:, new, new]) @ v\n}\n";
  assert_int_equal(loops_after(of_a_batch, &anything), 1);
  const char *rank_8 = "entry e(q: f32[9, 3], k: f32[9, 3], v: f32[1, 1, 1, 1, 1, 1, 9, 4]) -> (y) { y = exp(q @ k.T) @ v }\n";
  assert_int_equal(loops_after(rank_8, &any_rows), 0);
}

/* Rows that something between them needs together, or that are the second product's columns, stay. */
static void rows_that_stay(void **state) {
  (void)state;
  static const char *const texts[] = {"s = q @ k.T; y = (s - max[0](s)) @ v", "s = q @ k.T; y = s @ v + sum(s @ k)",
                                      "s = tanh(q @ k.T); y = v.T @ s.T", "s = cumsum[0](q @ k.T); y = s @ v",
                                      "s = exp(q @ k.T); y = s @ v + sum(s)"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    arena *a = arena_new();
    const char *text = arena_printf(a, "use nn\nentry e(q: f32[9, 4], k: f32[9, 4], v: f32[9, 2]) -> (y) {\n  %s\n}\n", texts[i]);
    if (loops_after(text, &any_rows) != 0) fail_msg("a loop for %s", texts[i]);
    arena_free(a);
  }
}

/* What turns make for themselves they make once, however often it is used: by way of forty squares there are 2^40 ways. */
static void shared_constants(void **state) {
  (void)state;
  enum { SQUARES = 40 };
  arena *a = arena_new();
  const char *text = "x0 = 1 - f32(iota[5]()) * 0.0001\n";
  for (int i = 0; i < SQUARES; i++) text = arena_printf(a, "%s  x%d = x%d * x%d\n", text, i + 1, i, i);
  expect_loops(arena_printf(a, "entry e(q: f32[3, 4, 2], k: f32[3, 5, 2], v: f32[3, 5, 2]) -> (y) {\n  %s"
                               "  y = (q @ k.T + x%d) @ v\n}\n", text, SQUARES), 1);
  arena_free(a);
}

/* A thousand places for two heads. */
static void long_attention_is_compiled_so(void **state) {
  (void)state;
  model *m = model_new("use attention\nentry e(q: f32[2, 1100, 8], k: f32[2, 1100, 8], v: f32[2, 1100, 4]) -> (y) {\n"
                       "  y = dot_attention(q, k, v, causal[1100]())\n}\n", NULL);
  graph *g = program_entry(m->program, "e");
  assert_int_equal(loops_of(pass_run(g, graph_pass_count, graph_passes, NULL)), 2);
  const char *fault = run_and_compare(m->arena, g, -1, 1, (tolerance){1e-5, 1e-5});
  if (fault) fail_msg("%s", fault);
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(attention_runs_in_turns), cmocka_unit_test(readings), cmocka_unit_test(others_stay),
      cmocka_unit_test(limits_hold),
      cmocka_unit_test(rows_in_blocks), cmocka_unit_test(rows_of_a_batch), cmocka_unit_test(rows_that_stay), cmocka_unit_test(rows_made_anew),
      cmocka_unit_test(shared_constants), cmocka_unit_test(long_attention_is_compiled_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
