/* Grids and bilinear sampling of spatial transformers: against the formulas of the paper, written as sums
 * over all pixels, and gradients against differences. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../library_case.h"

enum { N = 2, C = 3, H = 4, W = 5, ROWS = 3, COLUMNS = 6 };

/* Where border coordinates -1 and 1 enclose `count` pixels: the middle of pixel i, and back. */
static double middle(int i, int count) { return (2 * i + 1.0) / count - 1; }
static double pixel(double coordinate, int count) { return ((coordinate + 1) * count - 1) / 2; }

/* Equation 5 of the paper. */
static double sampled(const double *image, double x, double y) {
  double sum = 0;
  for (int i = 0; i < H; i++)
    for (int j = 0; j < W; j++)
      sum += image[i * W + j] * fmax(0, 1 - fabs(pixel(x, W) - j)) * fmax(0, 1 - fabs(pixel(y, H) - i));
  return sum;
}

/* The second map reads far beyond the border. */
static void sampling(void **state) {
  (void)state;
  model *m = model_new("use nn\nentry e(x: f32[2, 3, 4, 5], theta: f32[2, 2, 3]) -> (y) {\n"
                       "  y = bilinear_sample(x, affine_grid[3, 6](theta))\n}\n", NULL);
  static const double theta[N][2][3] = {{{0.8, -0.3, 0.1}, {0.4, 1.1, -0.2}},
                                        {{3, 0.5, 0}, {-0.25, 1e6, 0.5}}};
  const tensor *x = library_input(m->arena, 4, (int64_t[]){N, C, H, W});
  const tensor *inputs[] = {x, model_tensor(m->arena, 3, (int64_t[]){N, 2, 3}, theta[0][0])};
  const double *y = model_run(m, "e", inputs)[0]->reals;
  for (int image = 0; image < N * C; image++)
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < COLUMNS; j++) {
        const double at[3] = {middle(j, COLUMNS), middle(i, ROWS), 1};
        double place[2] = {0};
        for (int k = 0; k < 6; k++) place[k / 3] += theta[image / C][k / 3][k % 3] * at[k % 3];
        expect_real("bilinear_sample", y[(image * ROWS + i) * COLUMNS + j],
                    sampled(x->reals + image * H * W, place[0], place[1]));
      }
  model_free(m);
}

static void gradients(void **state) {
  (void)state;
  static const library_gradient cases[] = {
      {NULL, "affine_grid[2, 2](x)", 3, {2, 2, 3}, false},
      {NULL, "bilinear_sample(x, affine_grid[3, 2](x[:, 0, 1:]))", 4, {2, 1, 3, 3}, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) library_check_gradient(&cases[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sampling), cmocka_unit_test(gradients)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
