/* Normalisations of the library against plain loops, and their gradients. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../library_case.h"

/* Gain and bias are 1 and 0 at first. */
static void normalisations(void **state) {
  (void)state;
  model *m = model_new("use nn\nlayer = layer_norm\ngroups = group_norm[2]\ntable = embedding[5, 3]\n"
                       "entry rows(x: f32[2, 3]) -> (y) { y = layer(x) }\n"
                       "entry images(x: f32[1, 4, 1, 3]) -> (y) { y = groups(x) }\n"
                       "entry look(i: i32[2]) -> (y) { y = table(i) - table.table[3] }\n", NULL);
  double x[12];
  for (int i = 0; i < 12; i++) x[i] = sin(3.0 * i);
  const tensor *rows[] = {model_tensor(m->arena, 2, (int64_t[]){2, 3}, x)};
  const tensor *images[] = {model_tensor(m->arena, 4, (int64_t[]){1, 4, 1, 3}, x)};
  const tensor *results[] = {model_run(m, "rows", rows)[0], model_run(m, "images", images)[0]};
  for (int kind = 0; kind < 2; kind++) {
    int count = kind == 0 ? 3 : 6;
    for (int part = 0; part < 2; part++) {
      double mean = 0, variance = 0;
      for (int i = 0; i < count; i++) mean += x[part * count + i] / count;
      for (int i = 0; i < count; i++) variance += pow(x[part * count + i] - mean, 2) / count;
      for (int i = 0; i < count; i++)
        expect_real(kind == 0 ? "layer_norm" : "group_norm",
                    results[kind]->reals[part * count + i],
                    (x[part * count + i] - mean) / sqrt(variance + 1e-5));
    }
  }
  tensor_type type = type_of(DTYPE_I32, 1, (int64_t[]){2});
  tensor *index = tensor_new(m->arena, &type);
  index->ints[0] = 3;
  index->ints[1] = 4;
  const tensor *found = model_run(m, "look", (const tensor *[]){index})[0];
  for (int i = 0; i < 3; i++) {
    expect_real("embedding", found->reals[i], 0);
    assert_true(fabs(found->reals[3 + i]) > 1e-6); /* another row */
  }
  model_free(m);
}

/* The first entry trains and moves the running statistics, which the second one uses. Of x[4, 2] there
 * is one place. */
static void check_batch_norm(const char *shape, int rank, int places) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a,
                                    "use nn\nuse optim\nlayer = batch_norm\n"
                                    "entry train(x: f32[%s]) -> (y) { y = layer(x, 0.75)\n"
                                    "minimize sum(y) over layer with sgd(0.0) }\n"
                                    "entry use_it(x: f32[%s]) -> (y) { y = layer(x) }\n",
                                    shape, shape), NULL);
  const tensor *x = library_input(m->arena, rank, (int64_t[]){4, 2, places, 1});
  const tensor *trained = model_run(m, "train", &x)[0], *used = model_run(m, "use_it", &x)[0];
  const int count = 4 * places;
  for (int channel = 0; channel < 2; channel++) {
    double mean = 0, variance = 0;
    for (int i = 0; i < 8 * places; i++)
      if (i / places % 2 == channel) mean += x->reals[i] / count;
    for (int i = 0; i < 8 * places; i++)
      if (i / places % 2 == channel) variance += pow(x->reals[i] - mean, 2) / count;
    double center = 0.25 * mean, spread = 0.75 + 0.25 * variance;
    expect_real("center", model_slot_real(m, "layer.center", channel), center);
    expect_real("spread", model_slot_real(m, "layer.spread", channel), spread);
    for (int i = 0; i < 8 * places; i++) {
      if (i / places % 2 != channel) continue;
      expect_real("trained", trained->reals[i], (x->reals[i] - mean) / sqrt(variance + 1e-5));
      expect_real("used", used->reals[i], (x->reals[i] - center) / sqrt(spread + 1e-5));
    }
  }
  model_free(m);
  arena_free(a);
}

static void test_batch_norm(void **state) {
  (void)state;
  check_batch_norm("4, 2", 2, 1);
  check_batch_norm("4, 2, 3", 3, 3);
  check_batch_norm("4, 2, 3, 1", 4, 3);
}

/* Channels at the ends have fewer neighbours. */
static void test_local_response_norm(void **state) {
  (void)state;
  enum { C = 6, PLACES = 4 };
  model *m = model_new("use nn\nentry f(x: f32[1, 6, 2, 2]) -> (y) {\n"
                       "  y = local_response_norm[3](x, 1.5, 0.5, 0.75)\n}\n", NULL);
  const tensor *x = library_input(m->arena, 4, (int64_t[]){1, C, 2, 2});
  const tensor *y = model_run(m, "f", &x)[0];
  for (int i = 0; i < C * PLACES; i++) {
    double sum = 0;
    for (int near = i - PLACES; near <= i + PLACES; near += PLACES)
      if (near >= 0 && near < C * PLACES) sum += pow(x->reals[near], 2);
    expect_real("local_response_norm", y->reals[i], x->reals[i] / pow(1.5 + 0.5 * sum, 0.75));
  }
  model_free(m);
}

enum { C = 2, H = 4, W = 5, SIZE = 3 };

/* The weighted mean of v over both channels and the places around one, in one image. */
static double local_mean(const double *v, int row, int column, double deviation) {
  double sum = 0, weights = 0;
  for (int i = -(SIZE / 2); i <= SIZE / 2; i++)
    for (int j = -(SIZE / 2); j <= SIZE / 2; j++) {
      if (row + i < 0 || row + i >= H || column + j < 0 || column + j >= W) continue;
      double weight = exp(-(i * i + j * j) / (2 * deviation * deviation));
      weights += weight * C;
      for (int c = 0; c < C; c++) sum += weight * v[(c * H + row + i) * W + column + j];
    }
  return sum / weights;
}

static void test_local_contrast_norm(void **state) {
  (void)state;
  model *m = model_new("use nn\nentry f(x: f32[2, 2, 4, 5]) -> (v, y, flat) {\n"
                       "  v = subtractive_norm[3](x, 0.75)\n"
                       "  y = local_contrast_norm[3](x, 0.75)\n"
                       "  flat = local_contrast_norm(ones_like(x))\n}\n", NULL);
  const tensor *x = library_input(m->arena, 4, (int64_t[]){2, C, H, W});
  tensor **out = model_run(m, "f", &x);
  for (int n = 0; n < 2; n++) {
    const double *image = x->reals + n * C * H * W;
    double centred[C * H * W], squares[C * H * W], spread[H * W], mean = 0;
    for (int i = 0; i < C * H * W; i++)
      centred[i] = image[i] - local_mean(image, i / W % H, i % W, 0.75);
    for (int i = 0; i < C * H * W; i++) squares[i] = pow(centred[i], 2);
    for (int i = 0; i < H * W; i++) {
      spread[i] = sqrt(local_mean(squares, i / W, i % W, 0.75) + 1e-8);
      mean += spread[i] / (H * W);
    }
    for (int i = 0; i < C * H * W; i++) {
      expect_real("subtractive_norm", out[0]->reals[n * C * H * W + i], centred[i]);
      expect_real("local_contrast_norm", out[1]->reals[n * C * H * W + i],
                  centred[i] / fmax(spread[i % (H * W)], mean));
    }
  }
  for (int i = 0; i < 2 * C * H * W; i++) assert_true(fabs(out[2]->reals[i]) < 1e-6);
  model_free(m);
}

static void test_gradients(void **state) {
  (void)state;
  static const library_gradient gradients[] = {
      {"layer_norm", "layer(x)", 2, {2, 3}, false},
      {"group_norm[2]", "layer(x)", 4, {2, 4, 1, 3}, false},
      {"batch_norm", "layer(x)", 2, {4, 3}, true},
      {"batch_norm", "layer(x)", 4, {3, 2, 2, 2}, true},
      {"batch_norm", "layer(x)", 4, {3, 2, 2, 2}, false},
      {NULL, "local_response_norm[3](x, alpha: 0.5)", 4, {1, 4, 2, 2}, false},
      {NULL, "local_contrast_norm[3](x)", 4, {2, 2, 3, 4}, false},
  };
  for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
    library_check_gradient(&gradients[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normalisations),
      cmocka_unit_test(test_batch_norm),
      cmocka_unit_test(test_local_response_norm),
      cmocka_unit_test(test_local_contrast_norm),
      cmocka_unit_test(test_gradients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
