/* Products and convolutions that take the maps before and behind them into their kernel: counts of
 * kernels, and the same values as the interpreter's, for shapes of one, odd and longer than vectors
 * and blocks. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "contraction.h"
#include "fuse.h"
#include "graph_case.h"
#include "pass.h"
#include "run_module.h"

static const char *const targets[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
enum { TARGET_COUNT = 3 };

/* Runs the graph as it is on every target; all its kernels together are `kernels`, 0: any number. */
static void check(const char *name, int kernels, const char *text) {
  for (int i = 0; i < TARGET_COUNT; i++) {
    arena *a = arena_new();
    const target *t = target_find(a, targets[i]);
    graph *g = graph_from_text(a, text);
    const module *m = module_build(a, program_of_graph(a, g), t);
    int count;
    module_calls(a, &m->entries[1], &count);
    if (kernels > 0 && count != kernels)
      fail_msg("%s, %s: %d kernels where %d are expected\n%s", name, targets[i],
               count, kernels, graph_to_text(a, g));
    const tolerance close = {.absolute = 1e-4, .relative = 1e-4};
    bool bytes = strstr(text, "u8[");
    const char *fault = run_module_and_compare(a, m, g, bytes ? 0 : -1, bytes ? 4 : 1, close);
    if (fault) fail_msg("%s, %s: %s\n%s", name, targets[i], fault, graph_to_text(a, g));
    arena_free(a);
  }
}

typedef struct shape {
  int m, k, n;
} shape;

/* The last ones are cut into blocks along k. */
static const shape shapes[] = {{1, 1, 1},  {1, 7, 5},   {3, 5, 33},   {17, 9, 16},
                               {8, 64, 1}, {7, 40, 35}, {6, 2100, 9}, {33, 1500, 40}};
enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes };

/* Fills a template whose $m, $k, $n stand for extents. */
static const char *filled(arena *a, const char *template, shape s) {
  const char *text = "";
  for (const char *c = template; *c; c++) {
    int extent = *c != '$' ? 0 : c[1] == 'm' ? s.m : c[1] == 'k' ? s.k : s.n;
    text = extent ? arena_printf(a, "%s%d", text, extent) : arena_printf(a, "%s%c", text, *c);
    c += extent > 0;
  }
  return text;
}

static void for_all_shapes(const char *name, int kernels, const char *template) {
  arena *a = arena_new();
  for (int i = 0; i < SHAPE_COUNT; i++) check(name, kernels, filled(a, template, shapes[i]));
  arena_free(a);
}

static void linear_layers(void **state) {
  (void)state;
  for_all_shapes("bias and rectifier", 1,
      "entry f(x: f32[$m, $k], w: f32[$k, $n], b: f32[$n]) { "
      "%3 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] "
      "%4 = broadcast %2 axes=[1]: f32[$m, $n] %5 = add %3, %4: f32[$m, $n] "
      "%6 = constant reals=[0]: f32 %7 = broadcast %6: f32[$m, $n] "
      "%8 = maximum %5, %7: f32[$m, $n] return y = %8 }");
  for_all_shapes("bias of rows, and the sum itself", 1,
      "entry f(x: f32[$m, $k], w: f32[$k, $n], b: f32[$m]) { "
      "%3 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] "
      "%4 = broadcast %2 axes=[0]: f32[$m, $n] %5 = add %3, %4: f32[$m, $n] "
      "return y = %5, z = %3 }");
}

/* So long an epilogue that it goes through local memory. */
static void long_epilogues(void **state) {
  (void)state;
  for_all_shapes("a gate", 1,
      "entry f(x: f32[$m, $k], w: f32[$n, $k], r: f32[$m, $n]) { "
      "%3 = dot %0, %1 left_contract=[1] right_contract=[1]: f32[$m, $n] "
      "%4 = sigmoid %3: f32[$m, $n] %5 = tanh %2: f32[$m, $n] %6 = mul %4, %5: f32[$m, $n] "
      "%7 = exp %6: f32[$m, $n] return gate = %4, y = %7 }");
  for_all_shapes("a transposed result", 1,
      "entry f(x: f32[$k, $m], w: f32[$k, $n]) { "
      "%2 = dot %0, %1 left_contract=[0] right_contract=[0]: f32[$m, $n] "
      "%3 = exp %2: f32[$m, $n] %4 = transpose %3 axes=[1, 0]: f32[$n, $m] "
      "%5 = tanh %4: f32[$n, $m] return y = %5 }");
}

static void other_types(void **state) {
  (void)state;
  for_all_shapes("doubles compared", 1,
      "entry f(x: f64[$m, $k], w: f64[$k, $n], r: f64[$m, $n]) { "
      "%3 = dot %0, %1 left_contract=[1] right_contract=[0]: f64[$m, $n] "
      "%4 = lt %3, %2: bool[$m, $n] %5 = cast %3: f32[$m, $n] return less = %4, single = %5 }");
  for_all_shapes("integers", 1,
      "entry f(x: i32[$m, $k], w: i32[$k, $n]) { "
      "%2 = dot %0, %1 left_contract=[1] right_contract=[0]: i32[$m, $n] "
      "%3 = neg %2: i32[$m, $n] %4 = cast %3: i64[$m, $n] return y = %4 }");
}

/* A step of descent: the gradient is stored nowhere unless it is cut into blocks, and the slot is
 * changed in its own memory. */
static void updates_in_place(void **state) {
  (void)state;
  for_all_shapes("descent with momentum", 1,
      "entry f(x: f32[$k, $m], y: f32[$k, $n], rate: f32) { "
      "%3 = slot \"w\": f32[$m, $n] %4 = slot \"v\": f32[$m, $n] "
      "%5 = dot %0, %1 left_contract=[0] right_contract=[0]: f32[$m, $n] "
      "%6 = constant reals=[0.5]: f32 %7 = broadcast %6: f32[$m, $n] "
      "%8 = mul %4, %7: f32[$m, $n] %9 = add %8, %5: f32[$m, $n] "
      "%10 = broadcast %2: f32[$m, $n] %11 = mul %9, %10: f32[$m, $n] "
      "%12 = sub %3, %11: f32[$m, $n] update \"v\" = %9 update \"w\" = %12 }");
  for_all_shapes("a slot that is also an operand", 2,
      "entry f(x: f32[$m, $m]) { %1 = slot \"w\": f32[$m, $m] "
      "%2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, $m] "
      "%3 = sub %1, %2: f32[$m, $m] update \"w\" = %3 }");
}

static void draws(void **state) {
  (void)state;
  for_all_shapes("dropout", 1,
      "entry f(x: f32[$m, $k], w: f32[$k, $n]) { "
      "%2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] "
      "%3 = key site=[5] initial=[0]: i32[2] %4 = constant ints=[0]: i64 "
      "%5 = bits %3, %4: i32[$m, $n] %6 = constant ints=[0]: i32 "
      "%7 = broadcast %6: i32[$m, $n] %8 = lt %5, %7: bool[$m, $n] "
      "%9 = constant reals=[0]: f32 %10 = broadcast %9: f32[$m, $n] "
      "%11 = select %8, %10, %2: f32[$m, $n] return y = %11 }");
}

static void convolutions(void **state) {
  (void)state;
  static const char *const cases[] = {
      "entry f(x: f32[2, 3, 9, 20], w: f32[5, 3, 3, 3], b: f32[5]) { "
      "%3 = conv %0, %1 strides=[1, 1] low=[1, 1] high=[1, 1] left_dilation=[1, 1] "
      "right_dilation=[1, 1] groups=[1]: f32[2, 5, 9, 20] "
      "%4 = broadcast %2 axes=[1]: f32[2, 5, 9, 20] %5 = add %3, %4: f32[2, 5, 9, 20] "
      "%6 = tanh %5: f32[2, 5, 9, 20] return y = %6 }",
      "entry f(x: f32[3, 6, 31], w: f32[8, 3, 4], b: f32[8], r: f32[3, 8, 14]) { "
      "%4 = conv %0, %1 strides=[2] low=[0] high=[0] left_dilation=[1] right_dilation=[1] "
      "groups=[2]: f32[3, 8, 14] %5 = broadcast %2 axes=[1]: f32[3, 8, 14] "
      "%6 = add %4, %5: f32[3, 8, 14] %7 = add %6, %3: f32[3, 8, 14] return y = %7 }",
      "entry f(x: f32[1, 33, 7, 7], w: f32[33, 1, 3, 3], b: f32[33]) { "
      "%3 = conv %0, %1 strides=[1, 1] low=[0, 0] high=[0, 0] left_dilation=[1, 1] "
      "right_dilation=[1, 1] groups=[33]: f32[1, 33, 5, 5] "
      "%4 = broadcast %2 axes=[1]: f32[1, 33, 5, 5] %5 = mul %3, %4: f32[1, 33, 5, 5] "
      "return y = %5, z = %3 }",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check("convolution", 1, cases[i]);
}

/* The gates are slices of one product: a tile has all four of them. */
static void cells(void **state) {
  (void)state;
  enum { CELL = 4 };
  static const struct {
    const char *name, *outputs;
  } cases[CELL] = {{"a cell", ""},
                   {"a cell, its gates kept", ", i = %15, o = %18"},
                   {"a cell, its sums kept", ", z = %10"},
                   {"a cell in place", ""}};
  static const int sizes[][3] = {{1, 3, 1}, {3, 5, 5}, {2, 9, 16}, {7, 700, 35}};
  for (int i = 0; i < CELL; i++)
    for (int k = 0; k < 4; k++) {
      arena *a = arena_new();
      int b = sizes[k][0], d = sizes[k][1], h = sizes[k][2];
      const char *state_of_cell =
          i == 3 ? arena_printf(a, "%%5 = slot \"c\": f32[%d, %d]", b, h)
                 : arena_printf(a, "%%5 = neg %%4: f32[%d, %d]", b, h);
      const char *text = arena_printf(
          a,
          "entry f(x: f32[%1$d, %2$d], u: f32[%2$d, %4$d], v: f32[%3$d, %4$d], bias: f32[%4$d], "
          "h: f32[%1$d, %3$d]) { %7$s "
          "%%6 = dot %%0, %%1 left_contract=[1] right_contract=[0]: f32[%1$d, %4$d] "
          "%%7 = dot %%4, %%2 left_contract=[1] right_contract=[0]: f32[%1$d, %4$d] "
          "%%8 = add %%6, %%7: f32[%1$d, %4$d] %%9 = broadcast %%3 axes=[1]: f32[%1$d, %4$d] "
          "%%10 = add %%8, %%9: f32[%1$d, %4$d] "
          "%%11 = slice %%10 starts=[0, 0] limits=[%1$d, %3$d] steps=[1, 1]: f32[%1$d, %3$d] "
          "%%12 = slice %%10 starts=[0, %3$d] limits=[%1$d, %5$d] steps=[1, 1]: f32[%1$d, %3$d] "
          "%%13 = slice %%10 starts=[0, %5$d] limits=[%1$d, %6$d] steps=[1, 1]: f32[%1$d, %3$d] "
          "%%14 = slice %%10 starts=[0, %6$d] limits=[%1$d, %4$d] steps=[1, 1]: f32[%1$d, %3$d] "
          "%%15 = sigmoid %%11: f32[%1$d, %3$d] %%16 = sigmoid %%12: f32[%1$d, %3$d] "
          "%%17 = tanh %%13: f32[%1$d, %3$d] %%18 = sigmoid %%14: f32[%1$d, %3$d] "
          "%%19 = mul %%16, %%5: f32[%1$d, %3$d] %%20 = mul %%15, %%17: f32[%1$d, %3$d] "
          "%%21 = add %%19, %%20: f32[%1$d, %3$d] %%22 = tanh %%21: f32[%1$d, %3$d] "
          "%%23 = mul %%18, %%22: f32[%1$d, %3$d] return h = %%23%8$s update \"c\" = %%21 }",
          b, d, h, 4 * h, 2 * h, 3 * h, state_of_cell, cases[i].outputs);
      check(cases[i].name, 2, text);
      arena_free(a);
    }
}

static void computed_operands(void **state) {
  (void)state;
  for_all_shapes("pixels", 0,
      "entry f(x: u8[$m, $k], w: f32[$k, $n], b: f32[$n]) { %3 = cast %0: f32[$m, $k] "
      "%4 = constant reals=[0.125]: f32 %5 = broadcast %4: f32[$m, $k] "
      "%6 = mul %3, %5: f32[$m, $k] "
      "%7 = dot %6, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] "
      "%8 = broadcast %2 axes=[1]: f32[$m, $n] %9 = add %7, %8: f32[$m, $n] return y = %9 }");
  for_all_shapes("both operands, transposed, by one input", 0,
      "entry f(x: f32[$m, $k], w: f32[$n, $k], s: f32[$k]) { %3 = neg %0: f32[$m, $k] "
      "%4 = broadcast %2 axes=[1]: f32[$m, $k] %5 = mul %3, %4: f32[$m, $k] "
      "%6 = transpose %5 axes=[1, 0]: f32[$k, $m] %7 = abs %1: f32[$n, $k] "
      "%8 = broadcast %2 axes=[1]: f32[$n, $k] %9 = add %7, %8: f32[$n, $k] "
      "%10 = dot %6, %9 left_contract=[0] right_contract=[1]: f32[$m, $n] return y = %10 }");
  for_all_shapes("an operand in two products", 0,
      "entry f(x: u8[$m, $k], u: f32[$k, $n], v: f32[$m, 3]) { %3 = cast %0: f32[$m, $k] "
      "%4 = neg %3: f32[$m, $k] "
      "%5 = dot %4, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] "
      "%6 = dot %4, %2 left_contract=[0] right_contract=[0]: f32[$k, 3] "
      "return a = %5, b = %6 }");
  for_all_shapes("a padded operand", 0,
      "entry f(x: f32[$m, $k], w: f32[$n, 5]) { %2 = maximum %0, %0: f32[$m, $k] "
      "%3 = slice %2 starts=[0, 0] limits=[$m, 1] steps=[1, 1]: f32[$m, 1] "
      "%4 = pad %3 low=[0, 1] high=[0, 3] interior=[0, 0]: f32[$m, 5] "
      "%5 = dot %4, %1 left_contract=[1] right_contract=[1]: f32[$m, $n] return y = %5 }");
}

/* The zeros around an image are zeros, whatever the map makes of 0. */
static void computed_images(void **state) {
  (void)state;
  static const char *const cases[] = {
      "entry f(x: f32[2, 3, 9, 20], w: f32[5, 3, 3, 3]) { %2 = cos %0: f32[2, 3, 9, 20] "
      "%3 = conv %2, %1 strides=[1, 1] low=[1, 1] high=[1, 1] left_dilation=[1, 1] "
      "right_dilation=[1, 1] groups=[1]: f32[2, 5, 9, 20] return y = %3 }",
      "entry f(x: u8[3, 4, 7], w: f32[6, 2, 4]) { %2 = cast %0: f32[3, 4, 7] "
      "%3 = cos %2: f32[3, 4, 7] %4 = conv %3, %1 strides=[1] low=[3] high=[1] left_dilation=[2] "
      "right_dilation=[1] groups=[2]: f32[3, 6, 14] %5 = neg %4: f32[3, 6, 14] return y = %5 }",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check("image", 0, cases[i]);
}

static void drawn_operands(void **state) {
  (void)state;
  for_all_shapes("dropout before a product", 0,
      "entry f(x: f32[$m, $k], w: f32[$k, $n]) { "
      "%2 = key site=[5] initial=[0]: i32[2] %3 = constant ints=[0]: i64 "
      "%4 = bits %2, %3: i32[$m, $k] %5 = constant ints=[0]: i32 "
      "%6 = broadcast %5: i32[$m, $k] %7 = lt %4, %6: bool[$m, $k] "
      "%8 = constant reals=[0]: f32 %9 = broadcast %8: f32[$m, $k] "
      "%10 = select %7, %9, %0: f32[$m, $k] "
      "%11 = dot %10, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] return y = %11 }");
}

/* An output at every part of a tile reads the sums of the last one. */
static void parts_of_other_parts(void **state) {
  (void)state;
  check("a result by its last element", 1,
        "entry f(x: f32[3, 2], w: f32[2]) { "
        "%2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[3] "
        "%3 = slice %2 starts=[2] limits=[3] steps=[1]: f32[1] %4 = reshape %3: f32 "
        "%5 = broadcast %4: f32[3] %6 = sub %2, %5: f32[3] return y = %6 }");
  for_all_shapes("four slices and the last of them", 1,
      "entry f(x: f32[$m, $k], w: f32[$k, 4]) { "
      "%2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, 4] "
      "%3 = slice %2 starts=[0, 3] limits=[$m, 4] steps=[1, 1]: f32[$m, 1] "
      "%4 = reshape %3: f32[$m] %5 = broadcast %4 axes=[0]: f32[$m, 4] "
      "%6 = sub %2, %5: f32[$m, 4] return y = %6 }");
}

/* What reads the result at other places than its own, or reduces it, stays outside. */
static void others_stay_outside(void **state) {
  (void)state;
  for_all_shapes("a result and its reverse", 2,
      "entry f(x: f32[$m, $k], w: f32[$k, 7]) { "
      "%2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, 7] "
      "%3 = reverse %2 axes=[1]: f32[$m, 7] %4 = sub %2, %3: f32[$m, 7] return y = %4 }");
  for_all_shapes("two products", 2,
      "entry f(x: f32[$m, $k], u: f32[$k, $n], v: f32[$k, $n]) { "
      "%3 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] "
      "%4 = dot %0, %2 left_contract=[1] right_contract=[0]: f32[$m, $n] "
      "%5 = minimum %3, %4: f32[$m, $n] %6 = tanh %5: f32[$m, $n] return y = %6 }");
}

/* The last kernel of the graph, as it is, on a target. */
static const group *last_group(arena *a, graph *g, int number) {
  const module_code *code = &module_build(a, program_of_graph(a, g), target_find(a, targets[number]))->entries[1].code;
  return code->steps[code->count - 1].group;
}

static int64_t tasks_of(const group *g) {
  int64_t tasks = 1;
  for (int axis = 0; axis < g->contraction->axis_count; axis++) tasks *= g->schedule.parts[axis];
  return tasks;
}

static void fail_with(const group *g, int number) {
  arena *a = arena_new();
  fail_msg("%s: %s", targets[number], contraction_schedule_text(a, g->contraction, &g->schedule));
}

/* The copy of an operand is not made again by each of many tasks: of an attention's result, whose heads are not in front of
 * its columns, tasks share out the rows. */
static void copies_are_made_once(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, "entry f(x: f32[2, 12, 1024, 64]) { %1 = slot \"w\": f32[768, 768] "
                                "%2 = transpose %0 axes=[0, 2, 1, 3]: f32[2, 1024, 12, 64] %3 = reshape %2: f32[2, 1024, 768] "
                                "%4 = dot %3, %1 left_contract=[2] right_contract=[0]: f32[2, 1024, 768] return y = %4 }");
  for (int i = 0; i < TARGET_COUNT; i++) {
    const group *last = last_group(a, g, i);
    const contraction *c = last->contraction;
    assert_true(last->schedule.copied[0] && !last->schedule.copied[1]);
    for (int axis = 0; axis < c->axis_count; axis++)
      if (!contraction_depends(&c->operands[0], axis) && last->schedule.parts[axis] > 2) fail_with(last, i);
    assert_true(tasks_of(last) >= 16);
  }
  arena_free(a);
}

/* What is much to compute behind few columns is computed for several rows at a time. */
static void few_columns_with_much_behind(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *text = "entry f(x: f32[400, 16], w: f32[16, 2]) { %2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[400, 2]";
  for (int i = 3; i < 15; i++) text = arena_printf(a, "%s %%%d = tanh %%%d: f32[400, 2]", text, i, i - 1);
  graph *g = graph_from_text(a, arena_printf(a, "%s return y = %%14 }", text));
  for (int i = 0; i < TARGET_COUNT; i++) {
    const group *last = last_group(a, g, i);
    const int v = last->schedule.vector_axis;
    if (v < 0 || last->contraction->axes[v].reduced) fail_with(last, i);
  }
  arena_free(a);
}

/* Where an operand is packed for one run, tasks share out the rows of the other one, whatever axes these are made of: 32 images of
 * 8x8 places are 2048. */
static void rows_of_several_axes(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, "entry f(x: f32[32, 256, 8, 8], w: f32[256, 256, 3, 3]) { "
                                "%2 = conv %0, %1 strides=[1, 1] low=[1, 1] high=[1, 1] left_dilation=[1, 1] right_dilation=[1, 1] "
                                "groups=[1]: f32[32, 256, 8, 8] return y = %2 }");
  for (int i = 1; i < TARGET_COUNT; i++) {
    const group *last = last_group(a, g, i);
    if (tasks_of(last) < 8) fail_with(last, i);
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linear_layers),    cmocka_unit_test(long_epilogues),
      cmocka_unit_test(other_types),      cmocka_unit_test(updates_in_place),
      cmocka_unit_test(draws),            cmocka_unit_test(convolutions),
      cmocka_unit_test(cells),            cmocka_unit_test(computed_operands),
      cmocka_unit_test(computed_images),  cmocka_unit_test(drawn_operands),
      cmocka_unit_test(others_stay_outside), cmocka_unit_test(parts_of_other_parts),
      cmocka_unit_test(copies_are_made_once), cmocka_unit_test(rows_of_several_axes),
      cmocka_unit_test(few_columns_with_much_behind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
