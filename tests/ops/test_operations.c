/* How many operations on floating numbers the operators count, against numbers found by hand and, of
 * convolutions, by counting one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../graph_case.h"
#include "build.h"
#include "op.h"

typedef struct counted {
  const char *inputs, *node; /* the last node */
  int64_t operations;
} counted;

static const counted cases[] = {
    {"x: f32[3, 4]", "exp %0: f32[3, 4]", 12},
    {"x: f32[3, 4], y: f32[3, 4]", "add %0, %1: f32[3, 4]", 12},
    {"x: f32[3, 4], y: f32[3, 4]", "lt %0, %1: bool[3, 4]", 12},
    {"c: bool[3], x: f32[3]", "select %0, %1, %1: f32[3]", 3},
    {"x: f32[5]", "fma %0, %0, %0: f32[5]", 10},
    {"x: f32[5]", "stop %0: f32[5]", 0},
    {"x: i32[3, 4]", "add %0, %0: i32[3, 4]", 0},
    {"x: f32", "neg %0: f32", 1},
    {"x: i32[3]", "cast %0: f32[3]", 0},
    {"x: f32[3, 4]", "sum %0 axes=[1]: f32[3]", 9},
    {"x: f32[3, 4]", "max %0 axes=[0, 1]: f32", 11},
    {"x: f32[3, 4]", "argmax %0 axes=[1]: i32[3]", 9},
    {"x: f32[3, 4]", "sum %0: f32[3, 4]", 0},
    {"x: i32[3, 4]", "sum %0 axes=[1]: i32[3]", 0},
    {"x: f32[3, 4]", "cumsum %0 axis=[1] exclusive=[0] reverse=[0]: f32[3, 4]", 9},
    {"x: f32[3, 4]", "cumprod %0 axis=[0] exclusive=[0] reverse=[0]: f32[3, 4]", 8},
    {"x: f32[3, 4]", "recurrence %0, %0 axis=[1] exclusive=[0] reverse=[0]: f32[3, 4]", 18},
    {"x: f32[3, 4]", "argsort %0 axis=[1] count=[4] descending=[0]: i32[3, 4]", 0},
    {"x: f32[3, 4]", "transpose %0 axes=[1, 0]: f32[4, 3]", 0},
    {"x: f32[3]", "broadcast %0 axes=[1]: f32[4, 3]", 0},
    {"x: f32[5, 7], i: i32[2]", "gather %0, %1 axis=[0]: f32[2, 7]", 0},
    {"i: i32[2], u: f32[2, 7]", "scatter_add %0, %1 axis=[0]: f32[5, 7]", 14},
    {"x: f32[3, 5], y: f32[5, 7]", "dot %0, %1 left_contract=[1] right_contract=[0]: f32[3, 7]", 210},
    {"x: f32[2, 3, 5], y: f32[2, 5, 7]",
     "dot %0, %1 left_batch=[0] right_batch=[0] left_contract=[2] right_contract=[1]: f32[2, 3, 7]", 420},
    {"x: f32[3], y: f32[7]", "dot %0, %1: f32[3, 7]", 42},
    {"x: i32[3, 5], y: i32[5, 7]", "dot %0, %1 left_contract=[1] right_contract=[0]: i32[3, 7]", 0},
    /* 5 images, 4 filters over 2 channels; along the axis 8 windows of 3 taps all within the image */
    {"x: f32[5, 2, 10], w: f32[4, 2, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[1] groups=[1]: f32[5, 4, 8]",
     2 * 5 * 4 * 2 * 8 * 3},
    /* 10 windows; the outermost two have one tap in the padding */
    {"x: f32[5, 2, 10], w: f32[4, 2, 3]",
     "conv %0, %1 strides=[1] low=[1] high=[1] left_dilation=[1] right_dilation=[1] groups=[1]: f32[5, 4, 10]",
     2 * 5 * 4 * 2 * (8 * 3 + 2 * 2)},
    /* two groups: a filter has one channel */
    {"x: f32[5, 2, 10], w: f32[4, 1, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[1] right_dilation=[1] groups=[2]: f32[5, 4, 8]",
     2 * 5 * 4 * 8 * 3},
    /* spread by 2: of 17 windows over 10 elements every element meets each tap but at the ends */
    {"x: f32[1, 1, 10], w: f32[1, 1, 3]",
     "conv %0, %1 strides=[1] low=[0] high=[0] left_dilation=[2] right_dilation=[1] groups=[1]: f32[1, 1, 17]",
     2 * (9 + 8 + 9)},
};

static const node *only_node(arena *a, const char *inputs, const char *text) {
  int count = 1;
  for (const char *c = inputs; *c; c++) count += *c == ':';
  const graph *g = graph_from_text(
      a, arena_printf(a, "entry e(%s) {\n  %%%d = %s\n  return y = %%%d\n}\n", inputs, count - 1, text, count - 1));
  return g->outputs[0].node;
}

static void test_by_hand(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new();
    int64_t found = op_operations(only_node(a, cases[i].inputs, cases[i].node));
    if (found != cases[i].operations)
      fail_msg("%s: %lld operations, not %lld", cases[i].node, (long long)found, (long long)cases[i].operations);
    arena_free(a);
  }
}

/* Along one axis: pairs of a window and a tap that meet an element. */
static int64_t pairs(int64_t x, int64_t w, int64_t windows, int64_t stride, int64_t low, int64_t left, int64_t right) {
  int64_t count = 0;
  for (int64_t p = 0; p < windows; p++)
    for (int64_t k = 0; k < w; k++) {
      int64_t at = p * stride + k * right - low;
      count += at >= 0 && at % left == 0 && at / left < x;
    }
  return count;
}

static void test_convolutions_one_by_one(void **state) {
  (void)state;
  uint32_t random = 1;
  for (int i = 0; i < 3000; i++) {
    int64_t n[7]; /* x, w, stride, low, high, left, right */
    static const int64_t least[7] = {1, 1, 1, -2, -2, 1, 1}, most[7] = {9, 5, 4, 5, 5, 4, 3};
    for (int k = 0; k < 7; k++) {
      random = random * 1664525 + 1013904223;
      n[k] = least[k] + (int64_t)(random >> 8) % (most[k] - least[k] + 1);
    }
    int64_t room = (n[0] - 1) * n[5] + 1 + n[3] + n[4] - ((n[1] - 1) * n[6] + 1);
    if (room < 0) continue;
    int64_t windows = room / n[2] + 1;
    arena *a = arena_new();
    const node *c = only_node(
        a, arena_printf(a, "x: f32[1, 1, %d], w: f32[1, 1, %d]", (int)n[0], (int)n[1]),
        arena_printf(a, "conv %%0, %%1 strides=[%d] low=[%d] high=[%d] left_dilation=[%d] right_dilation=[%d] groups=[1]: f32[1, 1, %d]",
                     (int)n[2], (int)n[3], (int)n[4], (int)n[5], (int)n[6], (int)windows));
    assert_int_equal(op_operations(c), 2 * pairs(n[0], n[1], windows, n[2], n[3], n[5], n[6]));
    arena_free(a);
  }
}

/* Numbers that would overflow stay at the largest. */
static void test_bounds(void **state) {
  (void)state;
  assert_true(op_times(INT64_MAX / 2 + 1, 2) == INT64_MAX);
  assert_true(op_times(INT64_MAX, 0) == 0);
  assert_true(op_times(3, 5) == 15);
  arena *a = arena_new();
  const node *n = only_node(a, "x: f32[1000000, 1000000], y: f32[1000000, 1000000]",
                            "dot %0, %1 left_contract=[1] right_contract=[0]: f32[1000000, 1000000]");
  assert_true(op_operations(n) == INT64_C(2000000000000000000));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_by_hand),
      cmocka_unit_test(test_convolutions_one_by_one),
      cmocka_unit_test(test_bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
