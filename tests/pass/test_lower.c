/* Lowered kernels, run by the interpreter of loops over planned memory, against the interpreter of
 * graphs: every operator that is lowered element by element and every reduction. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "graph_case.h"
#include "half.h"
#include "op.h"
#include "pass.h"
#include "random_graph.h"
#include "run_module.h"
#include "scalar.h"

static const tolerance close = {.absolute = 3e-6, .relative = 3e-6};

static const dtype numbers[] = {DTYPE_F32, DTYPE_F64, DTYPE_F16, DTYPE_BF16, DTYPE_I32,
                                DTYPE_I64, DTYPE_U8,  DTYPE_I8,  DTYPE_BOOL};
enum { NUMBER_COUNT = sizeof numbers / sizeof *numbers };

/* Shapes: one element, odd, longer than a vector, of several axes. */
static const tensor_type shapes[] = {
    {.rank = 0},
    {.rank = 1, .dims = {{1, NULL}}},
    {.rank = 1, .dims = {{7, NULL}}},
    {.rank = 1, .dims = {{67, NULL}}},
    {.rank = 2, .dims = {{5, NULL}, {35, NULL}}},
};
enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes };

static void check(arena *a, graph *g, double low, double high, const char *what) {
  dtype element = g->outputs[0].node->type.element;
  const double unit = element == DTYPE_F16 ? 0x1p-10 : 0x1p-7; /* one of them, where a tie is near */
  const tolerance one_unit = {.absolute = 0x1p-24, .relative = unit};
  const char *fault = run_and_compare(a, g, low, high, half_is(element) ? one_unit : close);
  if (fault) fail_msg("%s: %s\n%s", what, fault, graph_to_text(a, g));
}

static node *input(graph *g, const tensor_type *shape, dtype element, int number) {
  tensor_type type = *shape;
  type.element = element;
  return graph_add_input(g, arena_printf(g->arena, "x%d", number), &type);
}

/* ---- elementwise ----------------------------------------------------------------------------- */

static bool accepts(arena *a, scalar_function f, dtype element) {
  dtype operands[3] = {element, element, element}, result;
  if (scalar_infos[f].kind == SCALAR_KIND_SELECT) operands[0] = DTYPE_BOOL;
  return scalar_type(a, f, operands, &result) == NULL;
}

/* A map whose operand `narrow` (-1: none) is repeated along an axis of the shape. */
static void check_map(scalar_function f, dtype element, const tensor_type *shape, int narrow,
                      int axis) {
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "f");
  node *x[3];
  for (int i = 0; i < scalar_infos[f].operands; i++) {
    bool condition = i == 0 && scalar_infos[f].kind == SCALAR_KIND_SELECT;
    tensor_type from = *shape, to = *shape;
    if (i == narrow) from.dims[axis] = dim_fixed(1);
    x[i] = input(g, &from, condition ? DTYPE_BOOL : element, i);
    to.element = x[i]->type.element;
    if (i == narrow) x[i] = build_broadcast(g, x[i], &to, (int64_t[]){0, 1});
  }
  graph_add_output(g, "y", graph_node(g, OP_MAP, f, scalar_infos[f].operands, x, 0, NULL));
  bool shift = f == SCALAR_SHL || f == SCALAR_SHR;
  double low = shift || element == DTYPE_U8 ? 0 : -3;
  check(a, g, low, 5, scalar_infos[f].name);
  arena_free(a);
}

static void every_function(void **state) {
  (void)state;
  arena *a = arena_new();
  for (int f = 0; f < SCALAR_COUNT; f++) {
    for (int t = 0; t < NUMBER_COUNT; t++) {
      if (!accepts(a, (scalar_function)f, numbers[t])) continue;
      for (int s = 0; s < SHAPE_COUNT; s++)
        check_map((scalar_function)f, numbers[t], &shapes[s], -1, 0);
    }
  }
  arena_free(a);
}

static void every_function_broadcast(void **state) {
  (void)state;
  arena *a = arena_new();
  for (int f = 0; f < SCALAR_COUNT; f++)
    for (int t = 0; t < NUMBER_COUNT; t++)
      for (int i = 0; i < scalar_infos[f].operands; i++)
        for (int axis = 0; axis < 2; axis++)
          if (accepts(a, (scalar_function)f, numbers[t]))
            check_map((scalar_function)f, numbers[t], &shapes[SHAPE_COUNT - 1], i, axis);
  arena_free(a);
}

static void every_cast(void **state) {
  (void)state;
  for (int from = 0; from < NUMBER_COUNT; from++) {
    for (int to = 0; to < NUMBER_COUNT; to++) {
      for (int s = 0; s < SHAPE_COUNT; s++) {
        arena *a = arena_new();
        graph *g = graph_new(a, NULL, "f");
        node *x = input(g, &shapes[s], numbers[from], 0);
        graph_add_output(g, "y", build_cast(g, x, numbers[to]));
        check(a, g, -40, 300, "cast");
        arena_free(a);
      }
    }
  }
}

/* ---- reductions ------------------------------------------------------------------------------ */

typedef struct reduction_case {
  tensor_type shape;
  int axis_count;
  int64_t axes[MAX_RANK];
} reduction_case;

#define FIXED(n) {n, NULL}
static const reduction_case reductions[] = {
    {{.rank = 0}, 0, {0}},
    {{.rank = 1, .dims = {FIXED(1)}}, 1, {0}},
    {{.rank = 1, .dims = {FIXED(9)}}, 1, {0}},
    {{.rank = 1, .dims = {FIXED(131)}}, 1, {0}},
    {{.rank = 2, .dims = {FIXED(5), FIXED(37)}}, 1, {1}},
    {{.rank = 2, .dims = {FIXED(37), FIXED(13)}}, 1, {0}},
    {{.rank = 2, .dims = {FIXED(7), FIXED(1)}}, 1, {0}},
    {{.rank = 2, .dims = {FIXED(6), FIXED(11)}}, 2, {0, 1}},
    {{.rank = 3, .dims = {FIXED(3), FIXED(5), FIXED(18)}}, 2, {0, 2}},
    {{.rank = 3, .dims = {FIXED(3), FIXED(5), FIXED(18)}}, 1, {1}},
    {{.rank = 5, .dims = {FIXED(2), FIXED(3), FIXED(2), FIXED(9), FIXED(2)}}, 2, {2, 4}},
    {{.rank = 2, .dims = {FIXED(2), FIXED(3)}}, 0, {0}},
};
enum { REDUCTION_CASES = sizeof reductions / sizeof *reductions };

static void check_reduction(op_code op, dtype element, const reduction_case *c) {
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "f");
  node *x = input(g, &c->shape, element, 0);
  graph_add_output(g, "y", build_reduce(g, op, x, c->axis_count, c->axes));
  /* Few values, so that extrema tie; near 1, so that products stay finite. */
  bool real = dtype_is_float(element);
  check(a, g, real ? 0.7 : 0, real ? 1.3 : 4, op_infos[op].name);
  arena_free(a);
}

static void every_reduction(void **state) {
  (void)state;
  static const op_code all[] = {OP_SUM, OP_PROD, OP_MAX, OP_MIN, OP_ARGMAX, OP_ARGMIN};
  for (int i = 0; i < 6; i++)
    for (int t = 0; t < NUMBER_COUNT; t++)
      for (int c = 0; c < REDUCTION_CASES; c++)
        if (numbers[t] != DTYPE_BOOL || i > 1) check_reduction(all[i], numbers[t], &reductions[c]);
}

/* ---- running results ------------------------------------------------------------------------- */

/* Axes that are the last one and others; lines in fewer and more than a block, in odd rests. */
static const struct line_case {
  tensor_type shape;
  int axis;
} lines[] = {
    {{.rank = 1, .dims = {FIXED(1)}}, 0},
    {{.rank = 1, .dims = {FIXED(23)}}, 0},
    {{.rank = 2, .dims = {FIXED(3), FIXED(7)}}, 1},
    {{.rank = 2, .dims = {FIXED(21), FIXED(5)}}, 1},
    {{.rank = 2, .dims = {FIXED(1), FIXED(33)}}, 0},
    {{.rank = 2, .dims = {FIXED(5), FIXED(64)}}, 0},
    {{.rank = 2, .dims = {FIXED(6), FIXED(147)}}, 0},
    {{.rank = 3, .dims = {FIXED(3), FIXED(4), FIXED(7)}}, 1},
    {{.rank = 3, .dims = {FIXED(67), FIXED(9), FIXED(41)}}, 1},
};
enum { LINE_CASES = sizeof lines / sizeof *lines };

static void check_running(op_code op, dtype element, const struct line_case *c, bool exclusive,
                          bool reverse) {
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "f");
  node *x = input(g, &c->shape, element, 0);
  running along = {c->axis, exclusive, reverse};
  graph_add_output(g, "y", op == OP_RECURRENCE
                               ? build_recurrence(g, x, input(g, &c->shape, element, 1), along)
                               : build_cumulative(g, op, x, along));
  bool real = dtype_is_float(element);
  check(a, g, real ? 0.7 : 0, real ? 1.2 : 4, op_infos[op].name);
  arena_free(a);
}

static void every_cumulative(void **state) {
  (void)state;
  static const op_code all[] = {OP_CUMSUM, OP_CUMPROD, OP_RECURRENCE};
  for (int i = 0; i < 3; i++)
    for (int t = 0; t < NUMBER_COUNT; t++)
      for (int c = 0; c < LINE_CASES; c++)
        for (int way = 0; numbers[t] != DTYPE_BOOL && way < 4; way++)
          check_running(all[i], numbers[t], &lines[c], way & 1, way & 2);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* All places, and the first few, of elements of which many are equal. */
static void check_order(dtype element, const struct line_case *c, bool all, bool descending) {
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "f");
  node *x = input(g, &c->shape, element, 0);
  int64_t extent = c->shape.dims[c->axis].maximum, count = all ? extent : (extent + 2) / 3;
  graph_add_output(g, "y", build_argsort(g, x, c->axis, count, descending));
  check(a, g, element == DTYPE_U8 ? 0 : -4, 4, "argsort");
  arena_free(a);
}

static void every_order(void **state) {
  (void)state;
  for (int t = 0; t < NUMBER_COUNT; t++)
    for (int c = 0; c < LINE_CASES; c++)
      for (int way = 0; way < 4; way++) check_order(numbers[t], &lines[c], way & 1, way & 2);
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static const char *const graphs[] = {
    /* Constants, indices, draws. */
    "entry constants() { %0 = constant reals=[1, -2, 3.5]: f32[3] %1 = constant ints=[7]: i32 "
    "  %2 = constant reals=[nan, inf]: f64[2] %3 = broadcast %1: i32[19] "
    "  return a = %0, b = %1, c = %2, d = %3 }",
    "entry indices() { %0 = iota axis=[0]: i32[3, 21] %1 = iota axis=[1]: f32[3, 21] "
    "  %2 = iota axis=[1]: i64[21, 3] return a = %0, b = %1, c = %2 }",
    "entry draw() { %0 = key site=[-81985529216486896] initial=[0]: i32[2] "
    "  %1 = key site=[3] initial=[1]: i32[2] %2 = constant ints=[5]: i64 "
    "  %3 = bits %0, %2: i32[7, 13] %4 = bits %1, %2: i32[3] "
    "  return a = %3, b = %4, k = %0 }",
    "entry draw_by(key: i32[2], turn: i64) { %2 = bits %0, %1: i32[29] return a = %2 }",

    /* A result of i32 as large as an operand of f32, which the kernel reads where it would stand. */
    "entry another_type(i0: f32[1, 2], i1: f32[1, 2], i2: f32[2, 1], i3: f32[1, 1], i4: f32[1, 2]) { "
    "  %5 = ne %0, %1: bool[1, 2] %6 = argmax %5 axes=[1]: i32[1] %7 = reshape %6: i32[1, 1] "
    "  %8 = broadcast %7 axes=[0, 1]: i32[1, 2] "
    "  %9 = dot %0, %2 left_contract=[1] right_contract=[0]: f32[1, 1] %10 = mul %9, %3: f32[1, 1] "
    "  %11 = broadcast %10 axes=[0, 1]: f32[1, 2] %12 = mul %11, %0: f32[1, 2] "
    "  %13 = mul %12, %4: f32[1, 2] return a = %8, b = %13 }",

    /* The first of equals, in loops that visit the axes in another order. */
    "entry places_across(x: f32[41, 35]) { %1 = constant reals=[3]: f32 %2 = broadcast %1: f32[41, 35] "
    "  %3 = mul %0, %2: f32[41, 35] %4 = cast %3: i8[41, 35] %5 = transpose %4 axes=[1, 0]: i8[35, 41] "
    "  %6 = argmax %5 axes=[0, 1]: i32 %7 = argmin %5 axes=[0, 1]: i32 "
    "  %8 = argmax %4 axes=[0, 1]: i32 return a = %6, b = %7, c = %8 }",

    /* Views, each read by a map and each stored. */
    "entry reshape(x: f32[6, 10]) { %1 = reshape %0: f32[4, 15] %2 = exp %1: f32[4, 15] "
    "  return a = %1, b = %2 }",
    "entry transpose(x: f32[9, 4, 17]) { %1 = transpose %0 axes=[2, 0, 1]: f32[17, 9, 4] "
    "  %2 = neg %1: f32[17, 9, 4] return a = %1, b = %2 }",
    "entry split_transpose(x: f32[4, 6]) { %1 = reshape %0: f32[2, 2, 6] "
    "  %2 = transpose %1 axes=[1, 0, 2]: f32[2, 2, 6] %3 = reshape %2: f32[24] "
    "  %4 = neg %3: f32[24] return a = %4 }",
    "entry broadcast(x: f32[5, 1]) { %1 = broadcast %0 axes=[1, 2]: f32[3, 5, 11] "
    "  %2 = neg %1: f32[3, 5, 11] return a = %1, b = %2 }",
    "entry slice(x: f32[9, 40]) { %1 = slice %0 starts=[1, 3] limits=[8, 40] steps=[2, 1]: "
    "  f32[4, 37] %2 = slice %0 starts=[0, 1] limits=[9, 40] steps=[1, 3]: f32[9, 13] "
    "  return a = %1, b = %2 }",
    "entry reverse(x: f32[3, 19]) { %1 = reverse %0 axes=[0, 1]: f32[3, 19] "
    "  %2 = sub %1, %0: f32[3, 19] return a = %1, b = %2 }",
    "entry pad(x: f32[3, 19]) { %1 = pad %0 low=[1, 2] high=[2, 3] interior=[0, 0]: f32[6, 24] "
    "  %2 = pad %0 low=[0, -2] high=[-1, 4] interior=[1, 2]: f32[4, 57] %3 = exp %1: f32[6, 24] "
    "  return a = %1, b = %2, c = %3 }",
    "entry pad_of_map(x: f32[3, 19]) { %1 = exp %0: f32[3, 19] "
    "  %2 = pad %1 low=[1, 2] high=[2, 3] interior=[0, 0]: f32[6, 24] "
    "  %3 = sum %2 axes=[1]: f32[6] return a = %2, b = %3 }",
    "entry pad_of_one(x: f32[1, 1]) { %1 = pad %0 low=[0, 9] high=[0, 9] interior=[0, 0]: "
    "  f32[1, 19] %2 = broadcast %1 axes=[0, 1]: f32[4, 19] %3 = neg %2: f32[4, 19] return a = %3 }",
    /* Overlapping windows: taps forwards, as the derivative reads them, and reduced. */
    "entry windows(x: f32[3, 19]) { %1 = broadcast %0 axes=[0, 1]: f32[3, 19, 4] "
    "  %2 = window %1 axes=[1] taps=[2] strides=[1] dilations=[1] offsets=[-2] spacings=[1]: "
    "  f32[3, 20, 4] %3 = window %2 axes=[1] taps=[2] strides=[1] dilations=[-1] offsets=[2] "
    "  spacings=[1]: f32[3, 19, 4] %4 = sum %3 axes=[2]: f32[3, 19] %5 = max %2 axes=[2]: f32[3, 20] "
    "  %6 = argmax %2 axes=[2]: i32[3, 20] return a = %2, b = %3, c = %4, d = %5, e = %6 }",
    "entry strided_windows(x: f32[2, 11, 75]) { %1 = broadcast %0 axes=[0, 1, 2]: "
    "  f32[2, 11, 75, 3, 3] %2 = window %1 axes=[1, 2] taps=[3, 4] strides=[2, 2] "
    "  dilations=[1, 1] offsets=[-1, -1] spacings=[1, 1]: f32[2, 6, 38, 3, 3] "
    "  %3 = max %2 axes=[3, 4]: f32[2, 6, 38] %4 = exp %2: f32[2, 6, 38, 3, 3] "
    "  %5 = window %4 axes=[1, 2] taps=[3, 4] strides=[1, 1] dilations=[-1, -1] offsets=[1, 1] "
    "  spacings=[2, 2]: f32[2, 11, 75, 3, 3] %6 = sum %5 axes=[3, 4]: f32[2, 11, 75] "
    "  return a = %3, b = %6 }",
    "entry windows_by_three(x: f64[40]) { %1 = broadcast %0 axes=[0]: f64[40, 4] "
    "  %2 = window %1 axes=[0] taps=[1] strides=[3] dilations=[2] offsets=[-4] spacings=[1]: "
    "  f64[14, 4] %3 = min %2 axes=[1]: f64[14] %4 = window %2 axes=[0] taps=[1] strides=[1] "
    "  dilations=[-2] offsets=[4] spacings=[3]: f64[40, 4] %5 = sum %4 axes=[1]: f64[40] "
    "  return a = %3, b = %5 }",
    /* Elements close together: every second to fifth, each several times, backwards; stores of
     * several points that fill each other's gaps, which overwrite their input or not. */
    "entry strides(x: f64[3, 90], b: u8[4, 90]) { "
    "  %2 = slice %0 starts=[0, 1] limits=[3, 90] steps=[1, 2]: f64[3, 45] "
    "  %3 = slice %0 starts=[0, 0] limits=[3, 90] steps=[1, 4]: f64[3, 23] "
    "  %4 = slice %1 starts=[0, 2] limits=[4, 90] steps=[1, 3]: u8[4, 30] "
    "  %5 = slice %1 starts=[1, 1] limits=[4, 89] steps=[1, 5]: u8[3, 18] %6 = neg %2: f64[3, 45] "
    "  %7 = reverse %1 axes=[1]: u8[4, 90] return a = %6, b = %3, c = %4, d = %5, e = %7 }",
    "entry repeats(x: f32[3, 24], c: bool[3, 48], y: f32[3, 8]) { "
    "  %3 = broadcast %0 axes=[0, 1]: f32[3, 24, 2] %4 = reshape %3: f32[3, 48] "
    "  %5 = neg %4: f32[3, 48] %6 = select %1, %4, %5: f32[3, 48] "
    "  %7 = broadcast %0 axes=[0, 1]: f32[3, 24, 3] %8 = reshape %7: f32[3, 72] "
    "  %9 = exp %8: f32[3, 72] %10 = broadcast %2 axes=[0, 1]: f32[3, 8, 16] "
    "  %11 = reshape %10: f32[3, 128] %12 = exp %11: f32[3, 128] "
    "  %13 = pad %4 low=[0, 1] high=[0, 2] interior=[0, 0]: f32[3, 51] %14 = exp %13: f32[3, 51] "
    "  return a = %6, b = %9, c = %12, d = %14 }",
    "entry pool_and_mask(x: f32[2, 3, 8, 36]) { %1 = constant reals=[0.25]: f32 "
    "  %2 = broadcast %1: f32[2, 3, 8, 36] %3 = mul %0, %2: f32[2, 3, 8, 36] "
    "  %4 = lt %3, %2: bool[2, 3, 8, 36] %5 = reshape %3: f32[2, 3, 4, 2, 18, 2] "
    "  %6 = max %5 axes=[3, 5]: f32[2, 3, 4, 18] %7 = argmax %5 axes=[3, 5]: i32[2, 3, 4, 18] "
    "  return y = %6, place = %7, below = %4, all = %3 }",
    "entry pool_by_three(x: f64[5, 69]) { %1 = exp %0: f64[5, 69] %2 = reshape %1: f64[5, 23, 3] "
    "  %3 = sum %2 axes=[2]: f64[5, 23] return y = %3, all = %1 }",
    "entry pool_by_four(x: f32[5, 100]) { %1 = exp %0: f32[5, 100] %2 = reshape %1: f32[5, 25, 4] "
    "  %3 = min %2 axes=[2]: f32[5, 25] return y = %3, all = %1 }",
    "entry pool_in_place() { %0 = slot \"a\": f32[3, 32] %1 = neg %0: f32[3, 32] "
    "  %2 = reshape %1: f32[3, 16, 2] %3 = max %2 axes=[2]: f32[3, 16] return y = %3 "
    "  update \"a\" = %1 }",
    "entry concat(x: f32[2, 9], y: f32[2, 4], z: f32[2, 20]) { "
    "  %3 = concat %0, %1, %2 axis=[1]: f32[2, 33] %4 = concat %0, %0 axis=[0]: f32[4, 9] "
    "  %5 = exp %3: f32[2, 33] return a = %3, b = %4, c = %5 }",
    "entry shift(x: f32[23]) { %1 = slice %0 starts=[0] limits=[22] steps=[1]: f32[22] "
    "  %2 = constant reals=[0]: f32 %3 = broadcast %2: f32[1] %4 = concat %3, %1 axis=[0]: f32[23] "
    "  %5 = sub %0, %4: f32[23] return a = %5 }",

    /* Indices within and outside, of vectors, of an odd rest, of many tasks. */
    "entry gather(x: f32[3, 5, 16], i: i32[7]) { %2 = gather %0, %1 axis=[1]: f32[3, 7, 16] "
    "  %3 = gather %0, %1 axis=[2]: f32[3, 5, 7] %4 = exp %2: f32[3, 7, 16] "
    "  return a = %2, b = %3, c = %4 }",
    "entry gather_of_map(x: f64[6, 9], i: i64[2, 3]) { %2 = neg %0: f64[6, 9] "
    "  %3 = add %1, %1: i64[2, 3] %4 = gather %2, %3 axis=[0]: f64[2, 3, 9] return a = %4 }",
    "entry gather_bytes(x: u8[4, 32], i: i32) { %2 = gather %0, %1 axis=[0]: u8[32] return a = %2 }",
    "entry gather_large(x: f32[4, 64], i: i32[3000]) { %2 = gather %0, %1 axis=[0]: f32[3000, 64] "
    "  return a = %2 }",
    "entry gather_batch(x: f32[3, 2, 5, 16], i: i32[3, 7]) { "
    "  %2 = gather %0, %1 axis=[2] batch=[1]: f32[3, 2, 7, 16] "
    "  %3 = gather %0, %1 axis=[3] batch=[1]: f32[3, 2, 5, 7] return a = %2, b = %3 }",
    "entry scatter_add_batch(i: i64[3, 2, 7], u: f32[3, 2, 7, 9]) { "
    "  %2 = scatter_add %0, %1 axis=[2] batch=[2]: f32[3, 2, 5, 9] return a = %2 }",
    "entry order_with_nan() { "
    "  %0 = constant reals=[nan, 1, 0, nan, -0, inf, 1, -inf, 1, 0, nan]: f32[11] "
    "  %1 = argsort %0 axis=[0] count=[11] descending=[0]: i32[11] "
    "  %2 = argsort %0 axis=[0] count=[11] descending=[1]: i32[11] "
    "  %3 = argsort %0 axis=[0] count=[9] descending=[1]: i32[9] "
    "  %4 = argsort %0 axis=[0] count=[1] descending=[0]: i32[1] "
    "  return a = %1, b = %2, c = %3, d = %4 }",
    "entry order_large(x: f32[40, 300]) { "
    "  %1 = argsort %0 axis=[1] count=[300] descending=[0]: i32[40, 300] "
    "  %2 = argsort %0 axis=[1] count=[7] descending=[1]: i32[40, 7] "
    "  %3 = gather %0, %1 axis=[1] batch=[1]: f32[40, 300] return a = %1, b = %2, c = %3 }",
    "entry scatter_add(i: i32[7], u: f32[3, 7, 16]) { "
    "  %2 = scatter_add %0, %1 axis=[1]: f32[3, 5, 16] %3 = exp %1: f32[3, 7, 16] "
    "  %4 = scatter_add %0, %3 axis=[1]: f32[3, 2, 16] return a = %2, b = %4 }",
    "entry scatter_add_odd(i: i64[2, 3], u: f64[2, 3, 9]) { "
    "  %2 = scatter_add %0, %1 axis=[0]: f64[6, 9] return a = %2 }",
    "entry scatter_add_bytes(i: i32[9], u: u8[9]) { %2 = scatter_add %0, %1 axis=[0]: u8[4] "
    "  return a = %2 }",
    "entry scatter_add_large(i: i32[3000], u: f32[3000, 64]) { "
    "  %2 = scatter_add %0, %1 axis=[0]: f32[3, 64] return a = %2 }",
    "entry gather_twice(x: f32[8], i: i32[8]) { %2 = gather %0, %1 axis=[0]: f32[8] "
    "  %3 = gather %2, %1 axis=[0]: f32[8] %4 = gather %1, %1 axis=[0]: i32[8] "
    "  return a = %3, b = %4 }",

    /* Several nodes, as models have them. */
    "entry softmax(x: f32[5, 33]) { %1 = max %0 axes=[1]: f32[5] "
    "  %2 = broadcast %1 axes=[0]: f32[5, 33] %3 = sub %0, %2: f32[5, 33] %4 = exp %3: f32[5, 33] "
    "  %5 = sum %4 axes=[1]: f32[5] %6 = broadcast %5 axes=[0]: f32[5, 33] "
    "  %7 = div %4, %6: f32[5, 33] %8 = log %5: f32[5] %9 = add %8, %1: f32[5] "
    "  return probability = %7, normaliser = %9 }",
    "entry softmax_of_columns(x: f32[33, 13]) { %1 = max %0 axes=[0]: f32[13] "
    "  %2 = broadcast %1 axes=[1]: f32[33, 13] %3 = sub %0, %2: f32[33, 13] "
    "  %4 = exp %3: f32[33, 13] %5 = sum %4 axes=[0]: f32[13] "
    "  %6 = broadcast %5 axes=[1]: f32[33, 13] %7 = div %4, %6: f32[33, 13] return y = %7 }",
    "entry normalise(x: f32[3, 70]) { %1 = constant reals=[0.014285714285714285]: f32 "
    "  %2 = broadcast %1: f32[3] %3 = sum %0 axes=[1]: f32[3] %4 = mul %3, %2: f32[3] "
    "  %5 = broadcast %4 axes=[0]: f32[3, 70] %6 = sub %0, %5: f32[3, 70] "
    "  %7 = mul %6, %6: f32[3, 70] %8 = sum %7 axes=[1]: f32[3] %9 = mul %8, %2: f32[3] "
    "  %10 = rsqrt %9: f32[3] %11 = broadcast %10 axes=[0]: f32[3, 70] "
    "  %12 = mul %6, %11: f32[3, 70] return y = %12 }",
    "entry pool(x: f32[2, 3, 8, 18], b: f32[3]) { %2 = broadcast %1 axes=[1]: f32[2, 3, 8, 18] "
    "  %3 = add %0, %2: f32[2, 3, 8, 18] %4 = reshape %3: f32[2, 3, 4, 2, 9, 2] "
    "  %5 = max %4 axes=[3, 5]: f32[2, 3, 4, 9] %6 = argmax %4 axes=[3, 5]: i32[2, 3, 4, 9] "
    "  return y = %5, place = %6 }",
    "entry bias_gradient(y: f32[4, 3, 5, 20]) { %1 = sum %0 axes=[0, 2, 3]: f32[3] "
    "  return gradient = %1 }",
    "entry large(x: f32[64, 1024], b: f32[1024]) { %2 = broadcast %1 axes=[1]: f32[64, 1024] "
    "  %3 = add %0, %2: f32[64, 1024] %4 = tanh %3: f32[64, 1024] %5 = sum %4 axes=[1]: f32[64] "
    "  return y = %4, s = %5 }",
    "entry large_line(x: f32[100003]) { %1 = exp %0: f32[100003] return y = %1 }",
    "entry large_columns(x: f32[600, 100]) { %1 = sum %0 axes=[0]: f32[100] return y = %1 }",

    /* Slots: read, written in place, exchanged, left alone, written twice from one value. */
    "entry sgd(g: f32[45], rate: f32) { %2 = slot \"w\": f32[45] %3 = slot \"m\": f32[45] "
    "  %4 = constant reals=[0.9]: f32 %5 = broadcast %4: f32[45] %6 = mul %3, %5: f32[45] "
    "  %7 = add %6, %0: f32[45] %8 = broadcast %1: f32[45] %9 = mul %7, %8: f32[45] "
    "  %10 = sub %2, %9: f32[45] update \"m\" = %7 update \"w\" = %10 }",
    "entry exchange() { %0 = slot \"a\": f32[21] %1 = slot \"b\": f32[21] return a = %0 "
    "  update \"a\" = %1 update \"b\" = %0 }",
    "entry turn() { %0 = slot \"a\": f32[21] %1 = reverse %0 axes=[0]: f32[21] "
    "  %2 = neg %1: f32[21] %3 = add %0, %2: f32[21] return y = %3 update \"a\" = %2 }",
    "entry exchange_changed() { %0 = slot \"a\": f32[21] %1 = slot \"b\": f32[21] "
    "  %2 = neg %0: f32[21] %3 = exp %1: f32[21] %4 = max %2 axes=[0]: f32 "
    "  %5 = max %3 axes=[0]: f32 %6 = broadcast %4: f32[21] %7 = broadcast %5: f32[21] "
    "  %8 = add %1, %6: f32[21] %9 = add %0, %7: f32[21] update \"a\" = %8 update \"b\" = %9 }",
    "entry same(x: f32[5]) { %1 = neg %0: f32[5] %2 = slot \"c\": f32[5] return y = %1, z = %1, "
    "  x = %0, c = %2 update \"a\" = %1 update \"b\" = %1 update \"c\" = %2 }",
    "entry updated_result(x: f32[5]) { %1 = slot \"a\": f32[5] %2 = mul %1, %0: f32[5] "
    "  return q = %2 update \"a\" = %2 }",
    "entry read_only(x: f32[5]) { %1 = slot \"a\": f32[5] %2 = add %0, %1: f32[5] return y = %2 }",

    /* Products between maps. */
    "entry layer(x: u8[6, 20], w: f32[20, 9], b: f32[9]) { %3 = cast %0: f32[6, 20] "
    "  %4 = dot %3, %1 left_contract=[1] right_contract=[0]: f32[6, 9] "
    "  %5 = broadcast %2 axes=[1]: f32[6, 9] %6 = add %4, %5: f32[6, 9] "
    "  %7 = transpose %6 axes=[1, 0]: f32[9, 6] "
    "  %8 = dot %7, %6 left_contract=[1] right_contract=[0]: f32[9, 9] return y = %6, z = %8 }",
    "entry homes_by_a_guarded_read(x: f32[2, 3], y: f32[3]) { "
    "  %2 = broadcast %1 axes=[1]: f32[2, 3] %3 = sub %0, %2: f32[2, 3] %4 = tanh %3: f32[2, 3] "
    "  %5 = slice %0 starts=[0, 0] limits=[1, 3] steps=[1, 1]: f32[1, 3] "
    "  %6 = concat %5, %5 axis=[1]: f32[1, 6] return a = %4, b = %6 }",
    "entry dot_of_views(x: f32[12], y: f32[3]) { %2 = reshape %0: f32[4, 3] "
    "  %3 = broadcast %1 axes=[0]: f32[3, 5] "
    "  %4 = dot %2, %3 left_contract=[1] right_contract=[0]: f32[4, 5] "
    "  %5 = reverse %2 axes=[0]: f32[4, 3] "
    "  %6 = dot %5, %3 left_contract=[1] right_contract=[0]: f32[4, 5] return a = %4, b = %6 }",
};
enum { GRAPH_COUNT = sizeof graphs / sizeof *graphs };

static void whole_graphs(void **state) {
  (void)state;
  for (int i = 0; i < GRAPH_COUNT; i++) {
    arena *a = arena_new();
    graph *g = graph_from_text(a, graphs[i]);
    const tolerance t = {.absolute = 2e-5, .relative = 2e-5};
    const char *fault = run_and_compare(a, g, strstr(graphs[i], "u8[") ? 0 : -1, 1, t);
    if (fault) fail_msg("%s\n%s", fault, graph_to_text(a, g));
    arena_free(a);
  }
}

/* In f64, whose rounding flips nothing; without rules, which have no lowering. */
static void random_graphs(void **state) {
  (void)state;
  const tolerance t = {.absolute = 1e-9, .relative = 1e-9};
  for (uint64_t seed = 0; seed < 300; seed++) {
    arena *a = arena_new();
    graph *g = pass_intern(random_graph(a, seed, DTYPE_F64, 30));
    const char *fault = run_and_compare(a, g, -2, 2, t);
    if (fault) fail_msg("seed %d: %s\n%s", (int)seed, fault, graph_to_text(a, g));
    arena_free(a);
  }
}

/* Extrema of rows with NaN, and sums of rows that are masked. */
static void nan_wins(void **state) {
  (void)state;
  static const char *const ops[] = {"max", "min", "argmax", "argmin"};
  for (int i = 0; i < 4; i++) {
    for (int at = 0; at < 21; at += 4) {
      arena *a = arena_new();
      const char *text = arena_printf(
          a,
          "entry f(x: f32[21]) { %%1 = iota axis=[0]: i32[21] %%2 = constant ints=[%d]: i32 "
          "%%3 = broadcast %%2: i32[21] %%4 = eq %%1, %%3: bool[21] %%5 = constant reals=[nan]: f32 "
          "%%6 = broadcast %%5: f32[21] %%7 = select %%4, %%6, %%0: f32[21] "
          "%%8 = %s %%7 axes=[0]: %s return y = %%8 }",
          at, ops[i], i < 2 ? "f32" : "i32");
      check(a, graph_from_text(a, text), -1, 1, ops[i]);
      arena_free(a);
    }
  }
}

/* ---- the comparison itself ------------------------------------------------------------------- */

static loop_stmt *first_loop(const loop_block *b) {
  for (int i = 0; i < b->count; i++)
    if (b->statements[i]->kind == LOOP_FOR) return b->statements[i];
  return NULL;
}

static void a_wrong_loop_is_caught(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(
      a, "entry f(x: f32[64]) { %1 = exp %0: f32[64] return y = %1 }");
  const module *m = module_build(a, program_of_graph(a, g), test_target(a));
  assert_null(run_module_and_compare(a, m, g, -1, 1, close));
  loop_stmt *loop = first_loop(&m->entries[1].code.steps[0].call->kernel->body);
  assert_non_null(loop);
  loop->high = loop_int(a, 56);
  assert_non_null(run_module_and_compare(a, m, g, -1, 1, close));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_function),  cmocka_unit_test(every_function_broadcast),
      cmocka_unit_test(every_cast),      cmocka_unit_test(every_reduction),
      cmocka_unit_test(every_cumulative),
      cmocka_unit_test(every_order),
      cmocka_unit_test(whole_graphs),    cmocka_unit_test(random_graphs),
      cmocka_unit_test(nan_wins),
      cmocka_unit_test(a_wrong_loop_is_caught),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
