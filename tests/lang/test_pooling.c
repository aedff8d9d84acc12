/* Pooling of the library and the windows below it, values and gradients, against plain loops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../model_case.h"

enum { AXES = 3, CHANNELS = 6 }; /* images times channels */

/* Along depth, height and width; an axis that the call lacks has extent 1 and windows of 1. */
typedef struct pooling {
  const char *call, *shape;
  int extent[AXES], kernel[AXES], stride[AXES], low[AXES], high[AXES], dilation[AXES];
  bool largest;
} pooling;

static const pooling poolings[] = {
    {"max_pool1d[2]", "7", {1, 1, 7}, {1, 1, 2}, {1, 1, 2}, {0}, {0}, {1, 1, 1}, true},
    {"max_pool1d[3, stride: 1, pad: 1]", "8", {1, 1, 8}, {1, 1, 3}, {1, 1, 1}, {0, 0, 1},
     {0, 0, 1}, {1, 1, 1}, true},
    {"avg_pool1d[4, stride: 3, pad: 2, dilation: 2]", "17", {1, 1, 17}, {1, 1, 4}, {1, 1, 3},
     {0, 0, 2}, {0, 0, 2}, {1, 1, 2}, false},
    {"max_pool2d[3, stride: 2, pad: 1]", "9, 21", {1, 9, 21}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1},
     {0, 1, 1}, {1, 1, 1}, true},
    {"max_pool2d[2]", "5, 4", {1, 5, 4}, {1, 2, 2}, {1, 2, 2}, {0}, {0}, {1, 1, 1}, true},
    {"max_pool2d[(1, 3), stride: (2, 1), pad: ((0, 1), (2, 0))]", "4, 5", {1, 4, 5}, {1, 1, 3},
     {1, 2, 1}, {0, 0, 2}, {0, 1, 0}, {1, 1, 1}, true},
    {"max_pool2d[2, stride: 1, dilation: (2, 3)]", "6, 7", {1, 6, 7}, {1, 2, 2}, {1, 1, 1}, {0},
     {0}, {1, 2, 3}, true},
    {"avg_pool2d[3, stride: 2]", "8, 19", {1, 8, 19}, {1, 3, 3}, {1, 2, 2}, {0}, {0}, {1, 1, 1},
     false},
    {"avg_pool2d[(2, 3)]", "4, 6", {1, 4, 6}, {1, 2, 3}, {1, 2, 3}, {0}, {0}, {1, 1, 1}, false},
    {"max_pool3d[2]", "2, 4, 5", {2, 4, 5}, {2, 2, 2}, {2, 2, 2}, {0}, {0}, {1, 1, 1}, true},
    {"max_pool3d[2, stride: 1, pad: 1]", "2, 3, 4", {2, 3, 4}, {2, 2, 2}, {1, 1, 1}, {1, 1, 1},
     {1, 1, 1}, {1, 1, 1}, true},
    {"avg_pool3d[(1, 2, 3), stride: 2]", "3, 4, 5", {3, 4, 5}, {1, 2, 3}, {2, 2, 2}, {0}, {0},
     {1, 1, 1}, false},
    {"max_pool2d[4]", "4, 4", {1, 4, 4}, {1, 4, 4}, {1, 4, 4}, {0}, {0}, {1, 1, 1}, true},
    {"global_max_pool", "4, 4", {1, 4, 4}, {1, 4, 4}, {1, 4, 4}, {0}, {0}, {1, 1, 1}, true},
    {"global_avg_pool", "3, 5", {1, 3, 5}, {1, 3, 5}, {1, 3, 5}, {0}, {0}, {1, 1, 1}, false},
};
enum { POOLINGS = sizeof poolings / sizeof *poolings };

static int window_count(const pooling *p, int axis) {
  int reach = (p->kernel[axis] - 1) * p->dilation[axis] + 1;
  return (p->extent[axis] + p->low[axis] + p->high[axis] - reach) / p->stride[axis] + 1;
}

/* The position in one channel of a window's place; -1 in the padding. */
static int place_in(const pooling *p, const int window[AXES], int place) {
  int at = 0, rest[AXES];
  for (int i = AXES - 1; i >= 0; i--) rest[i] = place % p->kernel[i], place /= p->kernel[i];
  for (int i = 0; i < AXES; i++) {
    int along = window[i] * p->stride[i] + rest[i] * p->dilation[i] - p->low[i];
    if (along < 0 || along >= p->extent[i]) return -1;
    at = at * p->extent[i] + along;
  }
  return at;
}

/* The value of a window; its gradient, of y², is added to g. */
static double pooled(const pooling *p, const double *x, double *g, const int window[AXES]) {
  int places = p->kernel[0] * p->kernel[1] * p->kernel[2], best = -1;
  double sum = 0;
  for (int k = 0; k < places; k++) {
    int at = place_in(p, window, k);
    if (at < 0) continue;
    sum += x[at] / places;
    if (best < 0 || x[at] > x[best]) best = at;
  }
  for (int k = 0; k < places; k++) {
    int at = place_in(p, window, k);
    if (at >= 0) g[at] += p->largest ? (at == best ? 2 * x[at] : 0) : 2 * sum / places;
  }
  if (!p->largest) return sum;
  return best < 0 ? -INFINITY : x[best];
}

static void expect_near(const pooling *p, const char *what, double actual, double expected) {
  if (!compare_real(actual, expected, (tolerance){1e-6, 1e-6}))
    fail_msg("%s: %s is %.17g, not %.17g", p->call, what, actual, expected);
}

/* Whole numbers, so that largest values tie. */
static void fill(double *x, int count) {
  for (int i = 0; i < count; i++) x[i] = (i * 7 + i / 5) % 4 - 1;
}

static void check(const pooling *p) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "use nn\n"
                                       "entry e(x: f32[2, 3, %s]) -> (y, g) {\n"
                                       "  y = %s(x)\n"
                                       "  g = grad(sum(y ** 2), x)\n"
                                       "}\n", p->shape, p->call), NULL);
  int elements = p->extent[0] * p->extent[1] * p->extent[2], next = 0;
  double *x = arena_array_of(a, CHANNELS * elements, double);
  double *g = arena_array_of(a, CHANNELS * elements, double);
  fill(x, CHANNELS * elements);
  tensor_type type = m->program->entries[0]->inputs[0].node->type;
  tensor input = {.type = type, .reals = x};
  tensor **out = model_run(m, "e", (const tensor *[]){&input});
  for (int c = 0; c < CHANNELS; c++) {
    int window[AXES];
    for (window[0] = 0; window[0] < window_count(p, 0); window[0]++)
      for (window[1] = 0; window[1] < window_count(p, 1); window[1]++)
        for (window[2] = 0; window[2] < window_count(p, 2); window[2]++)
          expect_near(p, "a value", out[0]->reals[next++],
                      pooled(p, x + c * elements, g + c * elements, window));
  }
  assert_int_equal(next, type_elements(&out[0]->type));
  for (int i = 0; i < CHANNELS * elements; i++) expect_near(p, "a slope", out[1]->reals[i], g[i]);
  model_free(m);
  arena_free(a);
}

static void test_pooling(void **state) {
  (void)state;
  for (int i = 0; i < POOLINGS; i++) check(&poolings[i]);
}

/* The windows themselves, with zeros and another filling in the padding, of whole numbers too. */
static void test_windows(void **state) {
  (void)state;
  model *m = model_new("entry e(x: f32[1, 1, 4], i: i32[1, 1, 3]) -> (plain, filled, whole, least) {\n"
                       "  plain = windows[2, stride: 2, pad: 1](x)\n"
                       "  filled = windows[3, pad: ((2, 0),), fill: 9](x)\n"
                       "  whole = windows[2, pad: ((0, 1),), fill: -5](i)\n"
                       "  least = min[-1](windows[2, pad: 1, dilation: 2, fill: inf](x))\n"
                       "}\n", NULL);
  const double x[] = {1, 2, 3, 4};
  const tensor_type type = type_of(DTYPE_I32, 3, (int64_t[]){1, 1, 3});
  tensor *i = tensor_new(m->arena, &type);
  for (int k = 0; k < 3; k++) i->ints[k] = k + 1;
  tensor **out = model_run(
      m, "e", (const tensor *[]){model_tensor(m->arena, 3, (int64_t[]){1, 1, 4}, x), i});
  const double plain[] = {0, 1, 2, 3, 4, 0}, filled[] = {9, 9, 1, 9, 1, 2, 1, 2, 3, 2, 3, 4};
  const int64_t whole[] = {1, 2, 2, 3, 3, -5};
  const double least[] = {2, 1, 2, 3};
  assert_int_equal(type_elements(&out[0]->type), 6);
  for (int k = 0; k < 6; k++) assert_true(out[0]->reals[k] == plain[k]);
  assert_int_equal(type_elements(&out[1]->type), 12);
  for (int k = 0; k < 12; k++) assert_true(out[1]->reals[k] == filled[k]);
  assert_int_equal(type_elements(&out[2]->type), 6);
  for (int k = 0; k < 6; k++) assert_int_equal(out[2]->ints[k], whole[k]);
  assert_int_equal(type_elements(&out[3]->type), 4);
  for (int k = 0; k < 4; k++) assert_true(out[3]->reals[k] == least[k]);
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pooling),
      cmocka_unit_test(test_windows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
