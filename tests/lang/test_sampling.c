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
      {NULL, "thin_plate_grid[2, 3](x)", 4, {2, 3, 2, 2}, false},
      {NULL, "bilinear_sample(x, affine_grid[3, 2](x[:, 0, 1:]))", 4, {2, 1, 3, 3}, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) library_check_gradient(&cases[i]);
}

/* Control points, then places of the grid. */
enum { DOWN = 3, ACROSS = 4, POINTS = DOWN * ACROSS, TERMS = POINTS + 3 };

/* What point i of the spline adds at a place; behind the points, the affine map. */
static double term(int i, const double *place) {
  if (i >= POINTS) return i == POINTS ? 1 : place[i - POINTS - 1];
  double x = place[0] - (2.0 * (i % ACROSS) / (ACROSS - 1) - 1), y = place[1] - (2.0 * (i / ACROSS) / (DOWN - 1) - 1);
  double r = sqrt(x * x + y * y);
  return r > 0 ? r * r * log(r) : 0;
}

/* Solves a x = b by elimination with exchanges. */
static void solve(double a[TERMS][TERMS], double b[TERMS]) {
  for (int i = 0; i < TERMS; i++) {
    int best = i;
    for (int r = i; r < TERMS; r++)
      if (fabs(a[r][i]) > fabs(a[best][i])) best = r;
    for (int c = 0; c <= TERMS; c++) {
      double *x = c < TERMS ? &a[i][c] : &b[i], *y = c < TERMS ? &a[best][c] : &b[best], held = *x;
      *x = *y;
      *y = held;
    }
    for (int r = 0; r < TERMS; r++) {
      double factor = r == i ? 0 : a[r][i] / a[i][i];
      for (int c = 0; c < TERMS; c++) a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  }
  for (int i = 0; i < TERMS; i++) b[i] /= a[i][i];
}

/* One coordinate of the spline that is values[i] at point i, at a place: Bookstein's equations as they stand. */
static double spline(const double *values, int stride, const double *place) {
  double a[TERMS][TERMS] = {{0}}, b[TERMS] = {0}, sum = 0;
  for (int i = 0; i < POINTS; i++) {
    const double at[2] = {2.0 * (i % ACROSS) / (ACROSS - 1) - 1, 2.0 * (i / ACROSS) / (DOWN - 1) - 1};
    for (int j = 0; j < TERMS; j++) a[i][j] = term(j, at);
    for (int j = POINTS; j < TERMS; j++) a[j][i] = a[i][j];
    b[i] = values[i * stride];
  }
  solve(a, b);
  for (int i = 0; i < TERMS; i++) sum += b[i] * term(i, place);
  return sum;
}

static void splines(void **state) {
  (void)state;
  model *m = model_new("use nn\nentry e(points: f32[2, 3, 4, 2]) -> (y) { y = thin_plate_grid[3, 6](points) }\n", NULL);
  const tensor *points = library_input(m->arena, 4, (int64_t[]){N, DOWN, ACROSS, 2});
  const double *y = model_run(m, "e", &points)[0]->reals;
  for (int i = 0; i < N * ROWS * COLUMNS * 2; i++) {
    const double place[2] = {middle(i / 2 % COLUMNS, COLUMNS), middle(i / 2 / COLUMNS % ROWS, ROWS)};
    const int image = i / (ROWS * COLUMNS * 2);
    expect_real("thin_plate_grid", y[i], spline(points->reals + image * POINTS * 2 + i % 2, 2, place));
  }
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sampling), cmocka_unit_test(splines), cmocka_unit_test(gradients)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
