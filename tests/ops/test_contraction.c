/* Kernels of products and convolutions against the graph interpreter, for vectors of three lengths
 * and operands that lie in memory in all the ways that views bring about. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "compile_kernel.h"
#include "contraction_case.h"
#include "eval_loop.h"
#include "graph_case.h"
#include "loop_text.h"

/* Sums of so many terms in [-1, 1] may differ by their rounding. */
static tolerance tolerance_of(const node *n) {
  double terms = (double)type_elements(&n->operands[1]->type);
  double unit = n->type.element == DTYPE_F64 ? 1e-15 : 2e-7;
  return (tolerance){unit * (8 + terms), 0};
}

static const graph *graph_of(const node *n, arena *a) {
  graph *g = graph_new(a, NULL, "node");
  node *operands[2];
  for (int i = 0; i < 2; i++)
    operands[i] = graph_add_input(g, i == 0 ? "x" : "w", &n->operands[i]->type);
  graph_add_output(g, "y", build_like(g, n, operands));
  return g;
}

/* The argument of a kernel: an operand as it lies, or packed, of which every element is written. */
static void *operand_of(arena *a, const contraction_case *k, int operand, const tensor *value, const target *t) {
  void *stored = contraction_case_operand(k, operand, value);
  if (!k->packing[operand]) return stored;
  const loop_buffer *b = k->packing[operand]->parameters[1];
  size_t bytes = (size_t)b->extents[0] * dtype_size(b->type.element);
  void *packed = arena_alloc(a, bytes);
  memset(packed, 0xff, bytes);
  const char *message = loop_run(a, k->packing[operand], &(loop_machine){t->fma}, (void *[]){stored, packed});
  if (message) fail_msg("packing: %s", message);
  return packed;
}

/* Runs the kernel on the values and compares; what it does not write shows as NaN or as a wrong
 * integer. */
static void compare_kernel(arena *a, const contraction_case *k, const tensor *const *values,
                           const tensor *expected, const target *t) {
  size_t bytes = (size_t)type_bytes(&k->node->type);
  void *result = arena_alloc(a, bytes);
  memset(result, 0xff, bytes);
  void *arguments[3] = {operand_of(a, k, 0, values[0], t), operand_of(a, k, 1, values[1], t), result};
  const char *message = loop_run(a, k->kernel, &(loop_machine){t->fma}, arguments);
  if (!message) message = compare_array(a, result, expected, tolerance_of(k->node));
  if (message)
    fail_msg("%s %s: %s", t->cpu,
             contraction_schedule_text(a, &k->contraction, &k->schedule), message);
}

/* How many of its operands are packed on the targets, where the kernel runs so often. */
static int compare_node(arena *a, const node *n, uint64_t seed, double runs_alike) {
  int packed = 0;
  const graph *g = graph_of(n, a);
  const tensor **values = random_inputs(a, g, seed, -1, 1);
  if (!dtype_is_float(n->type.element)) values = random_inputs(a, g, seed, -100, 100);
  tensor *expected = evaluate(a, g, values)[0];
  static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
  for (int t = 0; t < 3; t++) {
    operand_layout left = (operand_layout)((seed + (uint64_t)t) % LAYOUT_COUNT);
    operand_layout right = (operand_layout)((seed / LAYOUT_COUNT) % LAYOUT_COUNT);
    const target *cpu = target_find(a, cpus[t]);
    const contraction_case *k = contraction_case_of_runs(a, n, cpu, left, right, runs_alike);
    compare_kernel(a, k, values, expected, cpu);
    packed += k->schedule.packed[0] + k->schedule.packed[1];
  }
  return packed;
}

static void compare_random(op_code op, dtype element, int count) {
  for (int seed = 0; seed < count; seed++) {
    arena *a = arena_new();
    compare_node(a, random_contraction(a, (uint64_t)seed, op, element, 60000), (uint64_t)seed, 1);
    arena_free(a);
  }
}

static void test_dot_f32(void **state) { (void)state; compare_random(OP_DOT, DTYPE_F32, 150); }
static void test_dot_f64(void **state) { (void)state; compare_random(OP_DOT, DTYPE_F64, 60); }
static void test_dot_i32(void **state) { (void)state; compare_random(OP_DOT, DTYPE_I32, 40); }
static void test_dot_u8(void **state) { (void)state; compare_random(OP_DOT, DTYPE_U8, 20); }
static void test_conv_f32(void **state) { (void)state; compare_random(OP_CONV, DTYPE_F32, 150); }
static void test_conv_f64(void **state) { (void)state; compare_random(OP_CONV, DTYPE_F64, 60); }
static void test_conv_i32(void **state) { (void)state; compare_random(OP_CONV, DTYPE_I32, 40); }

/* Operands that many runs have in common are packed where that is worth anything. */
static void compare_packed(op_code op, dtype element, int count, int least) {
  int packed = 0;
  for (int seed = 0; seed < count; seed++) {
    arena *a = arena_new();
    node *n = random_contraction(a, (uint64_t)seed, op, element, 60000);
    packed += compare_node(a, n, (uint64_t)seed, 1000);
    arena_free(a);
  }
  if (packed < least) fail_msg("only %d operands are packed", packed);
}

static void test_packed_dot_f32(void **state) { (void)state; compare_packed(OP_DOT, DTYPE_F32, 150, 100); }
static void test_packed_dot_f64(void **state) { (void)state; compare_packed(OP_DOT, DTYPE_F64, 60, 40); }
static void test_packed_dot_u8(void **state) { (void)state; compare_packed(OP_DOT, DTYPE_U8, 20, 0); }
static void test_packed_conv(void **state) { (void)state; compare_packed(OP_CONV, DTYPE_F32, 100, 20); }

/* What a file of tuning says of a schedule brings it back. */
static void compare_text(arena *a, const contraction_case *k, const target *t) {
  contraction_schedule s;
  const char *text = contraction_choice_text(a, &k->contraction, &k->schedule);
  const char *wrong = contraction_choice_parse(&k->contraction, text, &s);
  if (wrong) fail_msg("\"%s\" is not understood from \"%s\" on", text, wrong);
  if (!contraction_schedule_complete(&k->contraction, t, &s)) fail_msg("\"%s\" is not found", text);
  assert_string_equal(contraction_choice_text(a, &k->contraction, &s), text);
  assert_string_equal(contraction_schedule_text(a, &k->contraction, &s),
                      contraction_schedule_text(a, &k->contraction, &k->schedule));
  assert_true(s.cycles == k->schedule.cycles);
  assert_memory_equal(s.outer, k->schedule.outer, sizeof s.outer);
}

/* The cheapest schedules, beside the one that is chosen, each of them another: all are right. */
static void test_cheapest(void **state) {
  (void)state;
  enum { SCHEDULES = 8 };
  int compared = 0;
  for (uint64_t seed = 0; seed < 24; seed++) {
    arena *a = arena_new();
    const node *n = random_contraction(a, seed, seed % 2 ? OP_DOT : OP_CONV, DTYPE_F32, 10000);
    const graph *g = graph_of(n, a);
    const tensor **values = random_inputs(a, g, seed, -1, 1), *expected = evaluate(a, g, values)[0];
    const target *t = target_find(a, seed % 3 ? "x86-64-v3" : "x86-64-v4");
    const operand_layout layout = (operand_layout)(seed / 2 % LAYOUT_COUNT);
    const double runs = seed % 4 == 1 ? 1000 : 1;
    const char *texts[SCHEDULES];
    double cycles = 0;
    for (int i = 0; i < SCHEDULES; i++) {
      const contraction_case *k = contraction_case_of_schedule(a, n, t, layout, layout, runs, i);
      if (!k) break;
      compare_kernel(a, k, values, expected, t);
      compare_text(a, k, t);
      assert_true(k->schedule.cycles >= cycles);
      cycles = k->schedule.cycles;
      texts[i] = contraction_choice_text(a, &k->contraction, &k->schedule);
      for (int other = 0; other < i; other++) assert_string_not_equal(texts[other], texts[i]);
      compared++;
    }
    arena_free(a);
  }
  assert_true(compared > 100);
}

/* A target's memory gives what a search finds, also where two contractions have one text, which rounds. */
static void test_memory(void **state) {
  (void)state;
  arena *a = arena_new();
  const target *t = target_find(a, "x86-64-v3");
  target remembering = *t;
  remembering.memory = schedule_memory_new(a);
  contraction_case cases[8];
  for (int i = 0; i < 8; i++) {
    const node *n = random_contraction(a, (uint64_t)(i / 2), OP_DOT, DTYPE_F32, 10000);
    cases[i] = *contraction_case_of_schedule(a, n, t, LAYOUT_DENSE, LAYOUT_DENSE, 1, 0);
    cases[i].contraction.epilogue_elements = i % 2 ? 2.00001 : 2;
  }
  for (int turn = 0; turn < 16; turn++) {
    const contraction *c = &cases[turn % 8].contraction;
    const contraction_schedule found = contraction_schedule_find(c, t),
                               remembered = contraction_schedule_find(c, &remembering);
    assert_true(found.cycles == remembered.cycles);
    assert_string_equal(contraction_choice_text(a, c, &found), contraction_choice_text(a, c, &remembered));
  }
  arena_free(a);
}

/* A product m x k by k x n, or a convolution where x is given, with padding 1. */
typedef struct large_shape {
  int64_t m, n, k, x[4], w[4];
} large_shape;

static node *large_node(arena *a, const large_shape *s) {
  graph *g = graph_new(a, NULL, "large");
  bool conv = s->x[0] != 0;
  tensor_type x = conv ? type_of(DTYPE_F32, 4, s->x)
                       : type_of(DTYPE_F32, 2, (int64_t[]){s->m, s->k});
  tensor_type w = conv ? type_of(DTYPE_F32, 4, s->w)
                       : type_of(DTYPE_F32, 2, (int64_t[]){s->k, s->n});
  node *left = graph_add_input(g, "x", &x), *right = graph_add_input(g, "w", &w);
  conv_shape shape = {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
  return conv ? build_conv(g, left, right, &shape) : build_matmul(g, left, right);
}

/* Shapes that need several tasks, of unequal shares, and copies in blocks. */
static void test_large(void **state) {
  (void)state;
  static const large_shape shapes[] = {
      {.m = 67, .n = 131, .k = 200},
      {.m = 40, .n = 13, .k = 1100},
      {.m = 2, .n = 3, .k = 9001},
      {.x = {1, 40, 17, 21}, .w = {11, 40, 3, 3}},
  };
  for (uint64_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (uint64_t layout = 0; layout < LAYOUT_COUNT; layout++) {
      arena *a = arena_new();
      for (int runs = 1; runs <= 1000; runs += 999)
        compare_node(a, large_node(a, &shapes[i]), layout + LAYOUT_COUNT * (layout + i), runs);
      arena_free(a);
    }
}

/* x[m, k] w[k, n], each operand perhaps stored transposed. */
static const node *product(arena *a, const large_shape *s, bool left_transposed, bool right_transposed, dtype element) {
  graph *g = graph_new(a, NULL, "product");
  const tensor_type x = type_of(element, 2, left_transposed ? (int64_t[]){s->k, s->m} : (int64_t[]){s->m, s->k});
  const tensor_type w = type_of(element, 2, right_transposed ? (int64_t[]){s->n, s->k} : (int64_t[]){s->k, s->n});
  const int64_t left = !left_transposed, right = right_transposed;
  const dot_axes axes = {0, 1, NULL, NULL, &left, &right};
  return build_dot(g, graph_add_input(g, "x", &x), graph_add_input(g, "w", &w), &axes);
}

/* Products, and filters of convolutions, that lie far from a processor with small caches: one or both operands are packed
 * for the one run, blocks of what is summed are outermost, and tasks have spans of the panels. */
static void test_packed_for_one_run(void **state) {
  (void)state;
  enum { SCHEDULES = 12 };
  static const large_shape shapes[] = {{.m = 301, .n = 35, .k = 40}, {.m = 67, .n = 270, .k = 9}, {.m = 256, .n = 32, .k = 400},
                                       {.x = {1, 20, 17, 21}, .w = {45, 20, 3, 3}}};
  int packed[3] = {0}, filters = 0, blocked = 0, spread = 0;
  for (int i = 0; i < 28; i++) {
    arena *a = arena_new();
    const node *n = i >= 24 ? large_node(a, &shapes[3])
                            : product(a, &shapes[i % 3], i / 3 % 2, i / 6 % 2, i / 12 ? DTYPE_F64 : DTYPE_F32);
    const graph *g = graph_of(n, a);
    const tensor **values = random_inputs(a, g, (uint64_t)i, -1, 1), *expected = evaluate(a, g, values)[0];
    target t = *target_find(a, i % 2 ? "x86-64-v3" : "x86-64-v4");
    t.l1_bytes = 512;
    t.l2_bytes = i < 24 && i % 3 == 2 ? 65536 : i < 24 ? 2048 : 16384;
    const operand_layout layout = (operand_layout)(i % LAYOUT_COUNT);
    for (int number = 0; number < SCHEDULES; number++) {
      const contraction_case *k = contraction_case_of_schedule(a, n, &t, layout, layout, 1, number);
      if (!k) break;
      const contraction_schedule *s = &k->schedule;
      const int count = s->packed[0] + s->packed[1];
      packed[count]++;
      if (count == 0) continue;
      compare_kernel(a, k, values, expected, &t);
      compare_text(a, k, &t);
      assert_true(s->packed[1 - s->first] && contraction_depends(&k->contraction.operands[1 - s->first], s->vector_axis));
      filters += i >= 24;
      blocked += contraction_in_blocks(&k->contraction, s);
      spread += s->parts[s->vector_axis] > 1;
    }
    arena_free(a);
  }
  if (packed[1] < 20 || packed[2] < 10 || filters < 2 || blocked < 5 || spread < 20)
    fail_msg("%d packed once, %d twice, %d filters, %d in blocks, %d in spans", packed[1], packed[2], filters, blocked, spread);
}

static bool has_word(const loop_kernel *k, const char *word) {
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  loop_print(out, k);
  fclose(out);
  const bool found = strstr(text, word) != NULL;
  free(text);
  return found;
}

/* Filters of one place: their channels are turned over the two coordinates of length 1 between. */
static void test_turned_filters(void **state) {
  (void)state;
  int turned = 0;
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "places");
  const tensor_type x = type_of(DTYPE_F32, 4, (int64_t[]){1, 40, 5, 7}), w = type_of(DTYPE_F32, 4, (int64_t[]){35, 40, 1, 1});
  conv_shape shape = {{1, 1}, {0}, {0}, {1, 1}, {1, 1}, 1};
  const node *n = build_conv(g, graph_add_input(g, "x", &x), graph_add_input(g, "w", &w), &shape);
  const tensor **values = random_inputs(a, graph_of(n, a), 3, -1, 1), *expected = evaluate(a, graph_of(n, a), values)[0];
  const target *t = target_find(a, "x86-64-v3");
  for (int number = 0; number < 12; number++) {
    const contraction_case *k = contraction_case_of_schedule(a, n, t, LAYOUT_DENSE, LAYOUT_DENSE, 1, number);
    if (!k) break;
    compare_kernel(a, k, values, expected, t);
    turned += k->schedule.copied[1] && !k->schedule.copied[0] && has_word(k->kernel, "shuffle");
  }
  assert_true(turned > 0);
  arena_free(a);
}

/* A padded convolution of small images: steps that would add zeros are left out, in copies and where the image is read as it
 * lies; filters of three by two taps with strides, one side padded more, and what the gradient of a filter is: 3 places, 5 taps. */
static void test_zeros_are_left_out(void **state) {
  (void)state;
  static const struct {
    int64_t x[4], w[4];
    conv_shape shape;
  } cases[] = {{{9, 7, 4, 4}, {33, 7, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1}},
               {{6, 5, 5, 7}, {17, 5, 3, 2}, {{2, 1}, {2, 0}, {0, 1}, {1, 1}, {1, 1}, 1}},
               {{5, 4, 3, 6}, {20, 4, 3, 3}, {{1, 1}, {1, 2}, {1, 2}, {1, 1}, {1, 2}, 1}},
               {{8, 9, 5, 5}, {16, 9, 5, 5}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1}}};
  static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
  int copied = 0, direct = 0;
  for (int i = 0; i < 24; i++) {
    arena *a = arena_new();
    graph *g = graph_new(a, NULL, "padded");
    const int number = i % 4;
    const tensor_type x = type_of(DTYPE_F32, 4, cases[number].x), w = type_of(DTYPE_F32, 4, cases[number].w);
    const node *n = build_conv(g, graph_add_input(g, "x", &x), graph_add_input(g, "w", &w), &cases[number].shape);
    const tensor **values = random_inputs(a, graph_of(n, a), (uint64_t)i, -1, 1), *expected = evaluate(a, graph_of(n, a), values)[0];
    const target *t = target_find(a, cpus[i / 4 % 3]);
    const operand_layout layout = (operand_layout)(i / 12 % LAYOUT_COUNT);
    for (int k = 0; k < 12; k++) {
      const contraction_case *found = contraction_case_of_schedule(a, n, t, layout, LAYOUT_DENSE, 1, k);
      if (!found) break;
      compare_kernel(a, found, values, expected, t);
      const contraction *c = &found->contraction;
      bool left_out = false;
      for (int axis = 0; axis < c->axis_count; axis++) left_out = left_out || contraction_padded(c, &found->schedule, axis);
      if (left_out) *(found->schedule.copied[0] ? &copied : &direct) += 1;
    }
    arena_free(a);
  }
  if (copied < 10 || direct < 10) fail_msg("%d copied, %d direct", copied, direct);
}

/* Small images are read as they lie; where channels, or more images than a set of the first cache has ways, lie powers of two apart, so
 * that hardly a line is found again, not. */
static void test_images_that_collide(void **state) {
  (void)state;
  const large_shape shapes[] = {{.x = {32, 512, 4, 4}, .w = {512, 512, 3, 3}}, {.x = {500, 16, 32, 32}, .w = {32, 16, 3, 3}}};
  arena *a = arena_new();
  for (int i = 0; i < 2; i++) {
    const contraction_case *k = contraction_case_new(a, large_node(a, &shapes[i]), target_find(a, "x86-64-v4"), LAYOUT_DENSE, LAYOUT_DENSE);
    if (k->schedule.copied[0] != (i == 1)) fail_msg("%s", contraction_schedule_text(a, &k->contraction, &k->schedule));
  }
  arena_free(a);
}

/* Vectors that come from beyond the second cache are asked for ahead. */
static void test_far_vectors_are_fetched(void **state) {
  (void)state;
  static const large_shape shapes[] = {{.m = 32, .n = 768, .k = 768}, {.m = 1, .n = 1024, .k = 1024}, {.m = 32, .n = 256, .k = 256}};
  for (int i = 0; i < 3; i++) {
    arena *a = arena_new();
    const target *t = target_find(a, "x86-64-v4");
    const contraction_case *k = contraction_case_new(a, product(a, &shapes[i], false, false, DTYPE_F32), t, LAYOUT_DENSE, LAYOUT_DENSE);
    assert_true(!k->schedule.copied[1] && !k->schedule.packed[1]);
    assert_true(has_word(k->kernel, "fetch.2") == (i < 2));
    arena_free(a);
  }
}

/* What no cache holds and what is read once goes by in blocks of a few rows, as long side by side as a page. */
static void test_far_rows_stream(void **state) {
  (void)state;
  static const large_shape shapes[] = {{.m = 1, .n = 4096, .k = 4096}, {.m = 1, .n = 4096, .k = 1024}, {.m = 64, .n = 4096, .k = 4096}};
  for (int i = 0; i < 3; i++) {
    arena *a = arena_new();
    const target *t = target_find(a, "x86-64-v4");
    const contraction_case *k = contraction_case_new(a, product(a, &shapes[i], false, false, DTYPE_F32), t, LAYOUT_DENSE, LAYOUT_DENSE);
    const contraction_schedule *s = &k->schedule;
    const bool streams = s->block[2] == 8 && !s->copied[1] && !s->packed[1] && s->parts[1] == 4;
    assert_true(streams == (i == 0));
    arena_free(a);
  }
}

/* A product where the second cache has so few bytes, against the interpreter of graphs, on one of three processors. */
static contraction_schedule compare_near_small_cache(const large_shape *shape, int number, int64_t l2_bytes) {
  static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
  arena *a = arena_new();
  target t = *target_find(a, cpus[number / 3]);
  t.l2_bytes = l2_bytes;
  const node *n = product(a, shape, false, false, DTYPE_F32);
  const graph *g = graph_of(n, a);
  const tensor **values = random_inputs(a, g, (uint64_t)number, -1, 1), *expected = evaluate(a, g, values)[0];
  const contraction_case *k = contraction_case_new(a, n, &t, LAYOUT_DENSE, LAYOUT_DENSE);
  compare_kernel(a, k, values, expected, &t);
  const contraction_schedule s = k->schedule;
  arena_free(a);
  return s;
}

/* The same with rows, blocks and vectors that leave some over. */
static void test_streams_by_interpreter(void **state) {
  (void)state;
  static const large_shape shapes[] = {{.m = 1, .n = 112, .k = 37}, {.m = 1, .n = 1040, .k = 61}, {.m = 2, .n = 80, .k = 64}};
  for (int i = 0; i < 9; i++) {
    const contraction_schedule s = compare_near_small_cache(&shapes[i % 3], i, 256);
    assert_true(s.block[2] > 0 && s.block[2] <= 8);
  }
}

/* What is read again for each tile of the other operand is cut into blocks that stay in the second cache; here into such as
 * leave some over. */
static void test_blocks_of_the_second(void **state) {
  (void)state;
  arena *whole = arena_new();
  const large_shape far = {.m = 128, .n = 768, .k = 3072};
  const contraction_case *large =
      contraction_case_new(whole, product(whole, &far, false, false, DTYPE_F32), target_find(whole, "x86-64-v4"), LAYOUT_DENSE, LAYOUT_DENSE);
  assert_true(large->schedule.block[2] == 1024 && !large->schedule.copied[1] && large->schedule.first == 1);
  arena_free(whole);
  int cut = 0;
  static const large_shape shapes[] = {{.m = 33, .n = 64, .k = 67}, {.m = 17, .n = 96, .k = 41}, {.m = 29, .n = 32, .k = 100}};
  for (int i = 0; i < 9; i++) {
    const contraction_schedule s = compare_near_small_cache(&shapes[i % 3], i, 4096);
    cut += s.block[2] > 0 && !s.copied[0] && !s.copied[1] && !s.packed[0] && !s.packed[1];
  }
  assert_true(cut > 0);
}

/* Copies of what lies the other way round take squares, and what is left over element by element. */
static void test_turned_copies(void **state) {
  (void)state;
  static const int64_t lengths[] = {7, 8, 9, 16, 31, 64};
  int turned = 0, others = 0;
  for (int i = 0; i < 72; i++) {
    arena *a = arena_new();
    const large_shape s = {.m = 19, .n = lengths[i % 6], .k = lengths[i / 6 % 6]};
    const node *n = product(a, &s, i % 2, true, i / 36 ? DTYPE_F64 : DTYPE_F32);
    const graph *g = graph_of(n, a);
    const tensor **values = random_inputs(a, g, (uint64_t)i, -1, 1), *expected = evaluate(a, g, values)[0];
    static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
    const target *t = target_find(a, cpus[i % 3]);
    for (int number = 0; number < 3; number++) {
      const contraction_case *k = contraction_case_of_schedule(a, n, t, LAYOUT_DENSE, LAYOUT_DENSE, 1, number);
      if (!k) break;
      compare_kernel(a, k, values, expected, t);
      const contraction_schedule *found = &k->schedule;
      if (!found->copied[1] || found->vector_axis < 0 || k->contraction.axes[found->vector_axis].reduced) continue;
      *(has_word(k->kernel, "shuffle") ? &turned : &others) += 1;
    }
    arena_free(a);
  }
  if (turned < 30 || others < 3) fail_msg("%d copies are turned, %d are not", turned, others);
}

/* What stays in the second cache, or is read a few times only, is not packed for one run. */
static void test_near_operands_are_not_packed(void **state) {
  (void)state;
  static const large_shape shapes[] = {{.m = 1024, .n = 1024, .k = 1024}, {.m = 1024, .n = 128, .k = 1024}, {.m = 1024, .n = 4096, .k = 16},
                                       {.m = 64, .n = 1024, .k = 1024}};
  for (int i = 0; i < 4; i++) {
    arena *a = arena_new();
    const target *t = target_find(a, "x86-64-v4");
    const contraction_case *k = contraction_case_new(a, product(a, &shapes[i], false, false, DTYPE_F32), t, LAYOUT_DENSE, LAYOUT_DENSE);
    assert_true(k->schedule.packed[1] == (i == 0) && !k->schedule.packed[0]);
    arena_free(a);
  }
}

/* Where the last vector of a sum reaches beyond what is summed, the elements there must not count,
 * not even as 0 times infinity: only the last of three windows sees the infinity. */
static void test_infinity_beyond_window(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "windows");
  tensor_type x = type_of(DTYPE_F32, 3, (int64_t[]){1, 7, 31});
  tensor_type w = type_of(DTYPE_F32, 3, (int64_t[]){2, 7, 29});
  conv_shape shape = {{1}, {0}, {0}, {1}, {1}, 1};
  const node *n = build_conv(g, graph_add_input(g, "x", &x), graph_add_input(g, "w", &w), &shape);
  const graph *alone = graph_of(n, a);
  const tensor **values = random_inputs(a, alone, 1, 0.5, 1);
  values[0]->reals[30] = INFINITY;
  const tensor *expected = evaluate(a, alone, values)[0];
  assert_true(isfinite(expected->reals[0]) && isfinite(expected->reals[1]));
  const target *t = target_find(a, "x86-64-v3");
  contraction_case *k = contraction_case_new(a, n, t, LAYOUT_COMPUTED, LAYOUT_COMPUTED);
  assert_true(k->contraction.axes[k->schedule.vector_axis].reduced);
  compare_kernel(a, k, values, expected, t);
  arena_free(a);
}

/* Sums alone are stored across the rows of the result where vectors fit the product better so; an
 * epilogue that reads and writes much for each of them, such as a step of Adam, lies along the result. */
static void test_epilogues_lie_along_the_result(void **state) {
  (void)state;
  arena *a = arena_new();
  const int64_t contracted = 0;
  const dot_axes axes = {0, 1, NULL, NULL, &contracted, &contracted};
  graph *g = graph_new(a, NULL, "gradient");
  tensor_type x = type_of(DTYPE_F32, 2, (int64_t[]){64, 8});
  tensor_type y = type_of(DTYPE_F32, 2, (int64_t[]){64, 25});
  const node *n = build_dot(g, graph_add_input(g, "x", &x), graph_add_input(g, "g", &y), &axes);
  const target *t = target_find(a, "x86-64-v3");
  contraction c = contraction_case_new(a, n, t, LAYOUT_DENSE, LAYOUT_DENSE)->contraction;
  const contraction_schedule alone = contraction_schedule_find(&c, t);
  c.epilogue_elements = 7;
  const contraction_schedule with = contraction_schedule_find(&c, t);
  assert_int_not_equal(c.axes[alone.vector_axis].stride, 1);
  assert_int_equal(c.axes[with.vector_axis].stride, 1);
  arena_free(a);
}

/* The four gates of an LSTM: what follows them is read and written as vectors, and the weights, packed where
 * the turns have them in common, too. */
static void test_gates_lie_along_the_result(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    const int runs = i % 2 ? 128 : 1, rows = i < 2 ? 16 : 64;
    arena *a = arena_new();
    const large_shape s = {.m = rows, .n = 1024, .k = 256};
    const target *t = target_find(a, "x86-64-v3");
    contraction c = contraction_case_new(a, large_node(a, &s), t, LAYOUT_DENSE, LAYOUT_DENSE)->contraction;
    assert_true(contraction_cover(&c, 1, 256));
    c.epilogue_elements = 3;
    c.operands[1].runs_alike = runs;
    const contraction_schedule found = contraction_schedule_find(&c, t);
    assert_int_equal(c.axes[found.vector_axis].stride, 1);
    assert_int_equal(found.packed[1], runs > 1);
    arena_free(a);
  }
}

/* One row times weights: wide rows of these, which are read once in each run, come as fast as panels from the second
 * cache, but not from beyond. */
static void test_wide_rows_are_packed_beyond(void **state) {
  (void)state;
  for (int beyond = 0; beyond < 2; beyond++) {
    arena *a = arena_new();
    const large_shape s = {.m = 1, .n = 1024, .k = beyond ? 1024 : 128};
    const target *t = target_find(a, "x86-64-v4");
    const contraction_case *k = contraction_case_of_runs(a, large_node(a, &s), t, LAYOUT_DENSE, LAYOUT_DENSE, 128);
    assert_true(k->schedule.lanes == 16 && k->schedule.packed[1] == beyond && !k->schedule.copied[1]);
    arena_free(a);
  }
}

/* Tasks that would each copy what lies far away are not worth having. */
static void test_far_copies_are_made_once(void **state) {
  (void)state;
  arena *a = arena_new();
  const large_shape far = {.m = 128, .n = 1024, .k = 2048};
  const target *t = target_find(a, "x86-64-v4");
  const contraction_case *k = contraction_case_new(a, large_node(a, &far), t, LAYOUT_DENSE, LAYOUT_DENSE);
  assert_true(k->schedule.copied[1] && k->schedule.first == 1);
  assert_int_equal(k->schedule.parts[0], 1);
  assert_true(k->schedule.parts[1] > 8);
  arena_free(a);
}

/* The schedule of x[m, k] times the transposed w[n, k], both of which are read along k. */
static contraction_schedule of_transposed(arena *a, int64_t m, int64_t n, int64_t k, const target *t) {
  static const int64_t second = 1;
  graph *g = graph_new(a, NULL, "transposed");
  const tensor_type x = type_of(DTYPE_F32, 2, (int64_t[]){m, k}), w = type_of(DTYPE_F32, 2, (int64_t[]){n, k});
  const dot_axes axes = {0, 1, NULL, NULL, &second, &second};
  const node *product = build_dot(g, graph_add_input(g, "x", &x), graph_add_input(g, "w", &w), &axes);
  const contraction_case *c = contraction_case_new(a, product, t, LAYOUT_DENSE, LAYOUT_DENSE);
  assert_false(c->schedule.copied[0] || c->schedule.copied[1]);
  return c->schedule;
}

/* Each task reads all of the operand whose tiles are not shared out, which then is not the one that lies far away. */
static void test_far_operands_are_shared_out(void **state) {
  (void)state;
  arena *a = arena_new();
  const target *t = target_find(a, "x86-64-v4");
  contraction_schedule s = of_transposed(a, 20, 9000, 512, t);
  assert_true(s.first == 1 && s.parts[0] == 1 && s.parts[1] > 16);
  s = of_transposed(a, 9000, 20, 512, t);
  assert_true(s.first == 0 && s.parts[0] > 16 && s.parts[1] == 1);
  arena_free(a);
}

/* Compiled code and interpreter agree to the bit. */
static void compare_compiled(arena *a, const contraction_case *k, const target *t) {
  size_t bytes = (size_t)type_bytes(&k->node->type);
  void *arguments[2][3];
  for (int i = 0; i < 2; i++)
    arguments[0][i] = arguments[1][i] = contraction_case_operand(
        k, i, random_tensor(a, &k->stored[i]->type, (uint64_t)i, -1, 1));
  for (int i = 0; i < 2; i++) arguments[i][2] = arena_alloc(a, bytes);
  math_library math = {.arena = a, .fma = t->fma};
  compiled_kernel compiled;
  assert_null(loop_run(a, k->kernel, &(loop_machine){t->fma}, arguments[0]));
  assert_true(compile_kernel(&compiled, k->kernel, &math, t, NULL));
  compiled.call(NULL, arguments[1]);
  compiled_kernel_free(&compiled);
  if (memcmp(arguments[0][2], arguments[1][2], bytes) != 0)
    fail_msg("%s %s: compiled code differs from the interpreter", t->cpu,
             contraction_schedule_text(a, &k->contraction, &k->schedule));
}

/* For the oldest processor and the one at hand. */
static void test_compiled(void **state) {
  (void)state;
  for (int seed = 1000; seed < 1012; seed++) {
    arena *a = arena_new();
    const node *n = random_contraction(a, (uint64_t)seed, seed % 2 ? OP_DOT : OP_CONV,
                                       seed % 3 ? DTYPE_F32 : DTYPE_F64, 60000);
    operand_layout left = (operand_layout)(seed % LAYOUT_COUNT);
    const target *t = target_find(a, seed % 4 ? "native" : "x86-64");
    compare_compiled(a, contraction_case_new(a, n, t, left, LAYOUT_DENSE), t);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dot_f32),  cmocka_unit_test(test_dot_f64),
      cmocka_unit_test(test_dot_i32),  cmocka_unit_test(test_dot_u8),
      cmocka_unit_test(test_conv_f32), cmocka_unit_test(test_conv_f64),
      cmocka_unit_test(test_conv_i32), cmocka_unit_test(test_large), cmocka_unit_test(test_zeros_are_left_out),
      cmocka_unit_test(test_images_that_collide),
      cmocka_unit_test(test_packed_dot_f32), cmocka_unit_test(test_packed_dot_f64),
      cmocka_unit_test(test_packed_dot_u8), cmocka_unit_test(test_packed_conv),
      cmocka_unit_test(test_packed_for_one_run), cmocka_unit_test(test_near_operands_are_not_packed),
      cmocka_unit_test(test_turned_copies), cmocka_unit_test(test_turned_filters),
      cmocka_unit_test(test_far_vectors_are_fetched),
      cmocka_unit_test(test_far_rows_stream),
      cmocka_unit_test(test_streams_by_interpreter),
      cmocka_unit_test(test_blocks_of_the_second),
      cmocka_unit_test(test_infinity_beyond_window), cmocka_unit_test(test_compiled),
      cmocka_unit_test(test_cheapest), cmocka_unit_test(test_memory),
      cmocka_unit_test(test_epilogues_lie_along_the_result),
      cmocka_unit_test(test_gates_lie_along_the_result),
      cmocka_unit_test(test_wide_rows_are_packed_beyond),
      cmocka_unit_test(test_far_copies_are_made_once),
      cmocka_unit_test(test_far_operands_are_shared_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
