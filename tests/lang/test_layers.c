/* Layers of the library against plain loops, and their gradients. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../library_case.h"

/* --- convolutions ------------------------------------------------------------------------------ */

enum { AXES = 3 }; /* depth, height, width; those that a layer lacks have extent 1 and windows of 1 */

typedef struct convolution {
  const char *layer;
  int axes; /* of x[2, channels, …] */
  int channels, filters, groups;
  int extent[AXES], kernel[AXES], stride[AXES], pad[AXES], dilation[AXES];
  bool bias;
  /* of a transposed one: rows and columns of the result */
  int result[2];
} convolution;

static const convolution convolutions[] = {
    {"conv1d[3, 2, stride: 2, pad: 1]", 1, 2, 3, 1, {1, 1, 5}, {1, 1, 2}, {1, 1, 2}, {0, 0, 1},
     {1, 1, 1}, true, {0}},
    {"conv1d[4, 2, dilation: 2, groups: 2, bias: false]", 1, 4, 4, 2, {1, 1, 5}, {1, 1, 2},
     {1, 1, 1}, {0}, {1, 1, 2}, false, {0}},
    {"conv2d[3, 2]", 2, 2, 3, 1, {1, 3, 4}, {1, 2, 2}, {1, 1, 1}, {0}, {1, 1, 1}, true, {0}},
    {"conv2d[4, (1, 3), stride: (2, 1), pad: (0, 1), groups: 2, bias: false]", 2, 4, 4, 2,
     {1, 3, 4}, {1, 1, 3}, {1, 2, 1}, {0, 0, 1}, {1, 1, 1}, false, {0}},
    {"conv3d[2, 2, pad: 1, stride: 2]", 3, 2, 2, 1, {2, 3, 2}, {2, 2, 2}, {2, 2, 2}, {1, 1, 1},
     {1, 1, 1}, true, {0}},
    {"conv3d[1, (1, 2, 2), bias: false]", 3, 2, 1, 1, {2, 3, 2}, {1, 2, 2}, {1, 1, 1}, {0},
     {1, 1, 1}, false, {0}},
    {"depthwise2d[2, 2]", 2, 2, 4, 2, {1, 3, 4}, {1, 2, 2}, {1, 1, 1}, {0}, {1, 1, 1}, true, {0}},
    {"depthwise2d[3, pad: 1, stride: 2, bias: false]", 2, 3, 3, 3, {1, 3, 4}, {1, 3, 3},
     {1, 2, 2}, {0, 1, 1}, {1, 1, 1}, false, {0}},
};
enum { CONVOLUTIONS = sizeof convolutions / sizeof *convolutions };

static const convolution transposed[] = {
    {"conv_transpose2d[3, 2]", 2, 2, 3, 1, {1, 3, 4}, {1, 2, 2}, {1, 1, 1}, {0}, {1, 1, 1}, true,
     {4, 5}},
    {"conv_transpose2d[3, 2, stride: 2]", 2, 2, 3, 1, {1, 3, 2}, {1, 2, 2}, {1, 2, 2}, {0},
     {1, 1, 1}, true, {6, 4}},
    {"conv_transpose2d[2, 3, stride: 2, pad: 1, output_pad: 1, bias: false]", 2, 3, 2, 1,
     {1, 3, 2}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}, false, {6, 4}},
    {"conv_transpose2d[2, (1, 4), stride: (1, 3), pad: (0, 2), output_pad: (0, 2)]", 2, 1, 2, 1,
     {1, 3, 3}, {1, 1, 4}, {1, 1, 3}, {0, 0, 2}, {1, 1, 1}, true, {3, 8}},
};
enum { TRANSPOSED = sizeof transposed / sizeof *transposed };

/* The counts along depth, height and width for number i, the last fastest. */
static void unpack(int i, const int count[AXES], int at[AXES]) {
  for (int axis = AXES - 1; axis >= 0; axis--) at[axis] = i % count[axis], i /= count[axis];
}

static int product(const int count[AXES]) {
  return count[0] * count[1] * count[2];
}

/* The place in one channel of the image of extents `extent` under a tap of a window; -1 outside. */
static int under(const convolution *c, const int extent[AXES], const int window[AXES], int tap) {
  int k[AXES], at = 0;
  unpack(tap, c->kernel, k);
  for (int axis = 0; axis < AXES; axis++) {
    int along = window[axis] * c->stride[axis] + k[axis] * c->dilation[axis] - c->pad[axis];
    if (along < 0 || along >= extent[axis]) return -1;
    at = at * extent[axis] + along;
  }
  return at;
}

static model *model_of(const convolution *c, tensor **x) {
  arena *a = arena_new();
  const char *sizes = arena_printf(a, "2, %d", c->channels);
  int64_t extents[5] = {2, c->channels};
  for (int i = 0; i < c->axes; i++) {
    extents[2 + i] = c->extent[AXES - c->axes + i];
    sizes = arena_printf(a, "%s, %d", sizes, (int)extents[2 + i]);
  }
  model *m = model_new(arena_printf(a, "use nn\nlayer = %s\n"
                                       "entry f(x: f32[%s]) -> (y) { y = layer(x) }\n",
                                    c->layer, sizes), NULL);
  *x = library_input(m->arena, 2 + c->axes, extents);
  arena_free(a);
  return m;
}

/* Biases begin at 0; others show whether they are added. */
static const double *raise_bias(model *m, const convolution *c) {
  if (!c->bias) {
    assert_int_equal(m->program->slot_count, 1);
    return NULL;
  }
  double *b = model_slot(m, "layer.b")->reals;
  for (int i = 0; i < c->filters; i++) b[i] = 1 + i;
  return b;
}

static void check_convolution(const convolution *c) {
  tensor *x;
  model *m = model_of(c, &x);
  const double *w = model_slot(m, "layer.w")->reals, *b = raise_bias(m, c);
  const tensor *y = model_run(m, "f", (const tensor *[]){x})[0];
  int count[AXES], image = product(c->extent), taps = product(c->kernel), next = 0;
  for (int axis = 0; axis < AXES; axis++)
    count[axis] = (c->extent[axis] + 2 * c->pad[axis] -
                   (c->kernel[axis] - 1) * c->dilation[axis] - 1) / c->stride[axis] + 1;
  int inputs = c->channels / c->groups;
  for (int n = 0; n < 2; n++)
    for (int o = 0; o < c->filters; o++)
      for (int p = 0; p < product(count); p++) {
        double sum = b ? b[o] : 0;
        int window[AXES], first = o / (c->filters / c->groups) * inputs;
        unpack(p, count, window);
        for (int i = 0; i < inputs * taps; i++) {
          int at = under(c, c->extent, window, i % taps);
          if (at < 0) continue;
          sum += w[o * inputs * taps + i] *
                 x->reals[(n * c->channels + first + i / taps) * image + at];
        }
        expect_real(c->layer, y->reals[next++], sum);
      }
  assert_int_equal(next, type_elements(&y->type));
  model_free(m);
}

/* Each element of x is spread by the filters that conv2d would have gathered with. */
static void check_transposed(const convolution *c) {
  tensor *x;
  model *m = model_of(c, &x);
  const double *w = model_slot(m, "layer.w")->reals, *b = raise_bias(m, c);
  const tensor *y = model_run(m, "f", (const tensor *[]){x})[0];
  const int extent[AXES] = {1, c->result[0], c->result[1]};
  int size = product(extent), places = product(c->extent), taps = product(c->kernel);
  double *expected = arena_array_of(m->arena, 2 * c->filters * size, double);
  for (int i = 0; i < 2 * c->filters * size; i++) expected[i] = b ? b[i / size % c->filters] : 0;
  for (int i = 0; i < 2 * c->channels * places; i++) {
    int window[AXES], channel = i / places % c->channels, n = i / places / c->channels;
    unpack(i % places, c->extent, window);
    for (int k = 0; k < c->filters * taps; k++) {
      int at = under(c, extent, window, k % taps);
      if (at < 0) continue;
      expected[(n * c->filters + k / taps) * size + at] +=
          x->reals[i] * w[channel * c->filters * taps + k];
    }
  }
  assert_int_equal(type_elements(&y->type), 2 * c->filters * size);
  assert_int_equal(y->type.dims[2].maximum, c->result[0]);
  for (int i = 0; i < 2 * c->filters * size; i++)
    expect_real(c->layer, y->reals[i], expected[i]);
  model_free(m);
}

static void check_gradient_of(const convolution *c) {
  library_gradient g = {c->layer, "layer(x)", 2 + c->axes, {1, c->channels}, false};
  for (int i = 0; i < c->axes; i++) g.extents[2 + i] = c->extent[AXES - c->axes + i];
  library_check_gradient(&g);
}

static void test_convolutions(void **state) {
  (void)state;
  for (int i = 0; i < CONVOLUTIONS; i++) {
    check_convolution(&convolutions[i]);
    check_gradient_of(&convolutions[i]);
  }
}

static void test_transposed_convolutions(void **state) {
  (void)state;
  for (int i = 0; i < TRANSPOSED; i++) {
    check_transposed(&transposed[i]);
    check_gradient_of(&transposed[i]);
  }
}

/* <conv(x), y> = <x, conv_transpose(y)> with one w. */
static void test_transpose_by_inner_products(void **state) {
  (void)state;
  model *m = model_new("use nn\n"
                       "down = conv2d[3, 3, stride: 2, pad: 1, bias: false]\n"
                       "up = conv_transpose2d[2, 3, stride: 2, pad: 1, output_pad: (0, 1), bias: false]\n"
                       "entry f(x: f32[2, 2, 7, 8], y: f32[2, 3, 4, 4]) -> (one, other) {\n"
                       "  one = sum(down(x) * y)\n"
                       "  other = sum(x * up(y))\n"
                       "}\n", NULL);
  const tensor *inputs[] = {library_input(m->arena, 4, (int64_t[]){2, 2, 7, 8}),
                            library_input(m->arena, 4, (int64_t[]){2, 3, 4, 4})};
  memcpy(model_slot(m, "up.w")->reals, model_slot(m, "down.w")->reals, 3 * 2 * 9 * sizeof(double));
  tensor **out = model_run(m, "f", inputs);
  assert_true(fabs(out[0]->reals[0]) > 0.01);
  expect_real("an inner product", out[1]->reals[0], out[0]->reals[0]);
  model_free(m);
}

static void test_output_pad_below_the_stride(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *message = model_refusal(
      a, "model.dnn",
      "use nn\nup = conv_transpose2d[2, 3, stride: 2, output_pad: 2]\n"
      "entry f(x: f32[1, 1, 1, 1]) -> (y) { y = up(x) }\n", NULL);
  assert_non_null(strstr(message, "reshape: 4 elements do not fill [1, 1, 1, 1]"));
  arena_free(a);
}

static void test_linear(void **state) {
  (void)state;
  model *m = model_new("use nn\nlayer = linear[2, bias: false]\nother = linear[2]\n"
                       "entry f(x: f32[3]) -> (y, z) { y = layer(x); z = other(x) }\n", NULL);
  const tensor *x = library_input(m->arena, 1, (int64_t[]){3});
  model_slot(m, "other.b")->reals[1] = 2;
  tensor **out = model_run(m, "f", &x);
  for (int o = 0; o < 2; o++) {
    double plain = 0, shifted = o ? 2 : 0;
    for (int i = 0; i < 3; i++) {
      plain += x->reals[i] * model_slot_real(m, "layer.w", i * 2 + o);
      shifted += x->reals[i] * model_slot_real(m, "other.w", i * 2 + o);
    }
    expect_real("linear without bias", out[0]->reals[o], plain);
    expect_real("linear", out[1]->reals[o], shifted);
  }
  assert_int_equal(m->program->slot_count, 3);
  model_free(m);
  library_check_gradient(&(library_gradient){"linear[2]", "layer(x)", 2, {2, 3}, false});
}

/* --- unpooling --------------------------------------------------------------------------------- */

/* Of x[2, 1, height, width]; the padding along columns is one more where it is not 0. */
typedef struct unpooling {
  int height, width, kernel, stride, pad, rows, columns;
} unpooling;

/* The place of the largest element of window i among all windows of the images; the first of equal
 * ones. */
static int largest_in(const unpooling *u, const double *x, int i) {
  int best = -1, image = i / (u->rows * u->columns) * u->height * u->width;
  for (int k = 0; k < u->kernel * u->kernel; k++) {
    int row = i / u->columns % u->rows * u->stride - u->pad + k / u->kernel;
    int column = i % u->columns * u->stride - u->pad - (u->pad > 0) + k % u->kernel;
    if (row < 0 || row >= u->height || column < 0 || column >= u->width) continue;
    int at = row * u->width + column;
    if (best < 0 || x[image + at] > x[image + best]) best = at;
  }
  return best;
}

/* Places against plain loops, and the way back. */
static void check_unpooling(const unpooling *u) {
  arena *a = arena_new();
  const char *options = arena_printf(a, "%d, stride: %d, pad: (%d, %d)", u->kernel, u->stride,
                                     u->pad, u->pad + (u->pad > 0));
  model *m = model_new(arena_printf(a,
                                    "use nn\n"
                                    "entry f(x: f32[2, 1, %d, %d], v: f32[2, 1, %d, %d]) "
                                    "-> (y, place, back) {\n"
                                    "  (y, place) = max_pool2d_places[%s](x)\n"
                                    "  back = max_unpool2d[%d, %d, %s](v, place)\n"
                                    "}\n",
                                    u->height, u->width, u->rows, u->columns, options, u->height,
                                    u->width, options), NULL);
  int size = u->height * u->width, windows = 2 * u->rows * u->columns;
  tensor *x = library_input(m->arena, 4, (int64_t[]){2, 1, u->height, u->width});
  for (int i = 0; i < 2 * size; i++) x->reals[i] = floor(x->reals[i] * 4); /* with equal ones */
  const tensor *v = library_input(m->arena, 4, (int64_t[]){2, 1, u->rows, u->columns});
  tensor **out = model_run(m, "f", (const tensor *[]){x, v});
  double *back = arena_array_of(a, 2 * size, double);
  assert_int_equal(type_elements(&out[0]->type), windows);
  for (int i = 0; i < windows; i++) {
    int best = largest_in(u, x->reals, i), image = i / (u->rows * u->columns) * size;
    assert_true(out[0]->reals[i] == x->reals[image + best]);
    assert_int_equal(out[1]->ints[i], best);
    back[image + best] += v->reals[i];
  }
  for (int i = 0; i < 2 * size; i++) expect_real(options, out[2]->reals[i], back[i]);
  model_free(m);
  arena_free(a);
}

static void test_unpooling(void **state) {
  (void)state;
  static const unpooling unpoolings[] = {
      {4, 6, 2, 2, 0, 2, 3}, {5, 7, 2, 2, 0, 2, 3}, {5, 6, 3, 2, 1, 3, 4}, {7, 6, 5, 2, 2, 4, 4},
      {5, 5, 3, 1, 0, 3, 3}, {8, 7, 2, 3, 0, 3, 2}, {6, 7, 4, 3, 1, 2, 3}, {4, 4, 4, 4, 0, 1, 1},
  };
  for (size_t i = 0; i < sizeof unpoolings / sizeof *unpoolings; i++)
    check_unpooling(&unpoolings[i]);
}

static void test_upsampling(void **state) {
  (void)state;
  model *m = model_new("use nn\n"
                       "entry f(x: f32[1, 2, 2, 2]) -> (y, z) {\n"
                       "  y = upsample2d[(2, 3)](x)\n"
                       "  z = avg_unpool2d[2](x)\n"
                       "}\n", NULL);
  const tensor *x = library_input(m->arena, 4, (int64_t[]){1, 2, 2, 2});
  tensor **out = model_run(m, "f", &x);
  assert_int_equal(type_elements(&out[0]->type), 2 * 4 * 6);
  assert_int_equal(type_elements(&out[1]->type), 2 * 4 * 4);
  for (int i = 0; i < 2 * 4 * 6; i++)
    assert_true(out[0]->reals[i] == x->reals[i / 24 * 4 + i % 24 / 12 * 2 + i % 6 / 3]);
  for (int i = 0; i < 2 * 4 * 4; i++)
    assert_true(out[1]->reals[i] == x->reals[i / 16 * 4 + i % 16 / 8 * 2 + i % 4 / 2] / 4);
  model_free(m);
}

static void test_unpooling_gradients(void **state) {
  (void)state;
  static const library_gradient gradients[] = {
      {NULL, "max_pool2d_places[3, stride: 2, pad: 1](x)[0]", 4, {1, 2, 4, 5}, false},
      {NULL, "max_unpool2d[4, 4, 3, stride: 2, pad: 1](x, max_pool2d_places[3, stride: 2, pad: 1]("
             "reshape[1, 1, 4, 4](f32(iota[16]()) % 7))[1])", 4, {1, 1, 2, 2}, false},
      {NULL, "max_unpool2d[4, 4, 2](x, max_pool2d_places[2]("
             "reshape[1, 1, 4, 4](f32(iota[16]()) % 7))[1])", 4, {1, 1, 2, 2}, false},
      {NULL, "upsample2d[(2, 3)](x)", 4, {1, 2, 2, 2}, false},
      {NULL, "avg_unpool2d[2](x)", 4, {1, 2, 2, 2}, false},
  };
  for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
    library_check_gradient(&gradients[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_convolutions),
      cmocka_unit_test(test_transposed_convolutions),
      cmocka_unit_test(test_transpose_by_inner_products),
      cmocka_unit_test(test_output_pad_below_the_stride),
      cmocka_unit_test(test_linear),
      cmocka_unit_test(test_unpooling),
      cmocka_unit_test(test_upsampling),
      cmocka_unit_test(test_unpooling_gradients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
