/* What runs write: grids, plots, scatters, text and tables, read back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairo/cairo.h>
#include <cmocka.h>

#include "file.h"
#include "picture.h"
#include "results.h"

static char folder[] = "/tmp/dnn-picture-XXXXXX";
static arena *memory;

static const char *path_of(const char *name) { return arena_printf(memory, "%s/%s", folder, name); }

static array array_of(const char *name, dtype element, int rank, const int64_t *extents,
                      const void *data) {
  array x = {.element = element, .rank = rank, .path = name, .data = (void *)data};
  for (int i = 0; i < rank; i++) x.extents[i] = extents[i];
  return x;
}

#define ARRAY(name, element, data, ...)                                                       \
  array_of(name, element, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),          \
           (const int64_t[]){__VA_ARGS__}, data)

static run_picture form(picture_kind kind, int outputs) {
  static int all[] = {0, 1, 2};
  return (run_picture){.kind = kind, .outputs = all, .output_count = outputs, .across = -1,
                       .classes = -1};
}

static void write(run_picture p, const array *outputs, const char *name) {
  const char *error = "";
  if (!picture_write(memory, &p, outputs, "title", path_of(name), &error)) fail_msg("%s", error);
}

/* Pictures that were read, as 0xRRGGBB. */
typedef struct pixels {
  cairo_surface_t *surface;
  int width, height;
} pixels;

static pixels read_png(const char *name) {
  pixels p = {.surface = cairo_image_surface_create_from_png(path_of(name))};
  assert_int_equal(cairo_surface_status(p.surface), CAIRO_STATUS_SUCCESS);
  p.width = cairo_image_surface_get_width(p.surface);
  p.height = cairo_image_surface_get_height(p.surface);
  return p;
}

static unsigned pixel(const pixels *p, int y, int x) {
  const unsigned char *row = cairo_image_surface_get_data(p->surface) +
                             y * cairo_image_surface_get_stride(p->surface);
  return ((const uint32_t *)(const void *)row)[x] & 0xffffff;
}

static bool is_near(unsigned a, unsigned b) {
  return abs((int)(a & 0xff) - (int)(b & 0xff)) <= 2;
}

static int count_colour(const pixels *p, unsigned colour) {
  int count = 0;
  for (int y = 0; y < p->height; y++)
    for (int x = 0; x < p->width; x++) {
      unsigned found = pixel(p, y, x);
      count += is_near(found, colour) && is_near(found >> 8, colour >> 8) &&
               is_near(found >> 16, colour >> 16);
    }
  return count;
}

static const unsigned blue = 0x0073b3, orange = 0xd65e00, green = 0x009e73;

/* Three images of 1 by 2 in a grid of 2 by 2, two pixels per pixel. */
static void grid_places_and_range(void **state) {
  (void)state;
  const float values[] = {0, 1, 0.5f, 2, -1, NAN};
  array x = ARRAY("x", DTYPE_F32, values, 3, 1, 2);
  run_picture p = form(PICTURE_GRID, 1);
  p.rows = p.columns = p.zoom = 2;
  p.ranged = true;
  p.low = 0;
  p.high = 1;
  write(p, &x, "grid.png");
  pixels shown = read_png("grid.png");
  assert_int_equal(shown.width, 2 + 2 * (4 + 2));
  assert_int_equal(shown.height, 2 + 2 * (2 + 2));
  const unsigned top[] = {0, 0, 0, 0, 0xffffff, 0xffffff, 0, 0, 0x808080, 0x808080, 0xffffff, 0xffffff, 0, 0};
  for (int i = 0; i < shown.width; i++) assert_int_equal(pixel(&shown, 3, i), top[i]);
  for (int i = 0; i < shown.width; i++) assert_int_equal(pixel(&shown, 6, i), 0);
  cairo_surface_destroy(shown.surface);

  p.ranged = false; /* from -1 to 2 */
  write(p, &x, "range.png");
  shown = read_png("range.png");
  assert_int_equal(pixel(&shown, 2, 2), 0x555555);
  assert_int_equal(pixel(&shown, 2, 10), 0xffffff);
  assert_int_equal(pixel(&shown, 6, 2), 0);
  cairo_surface_destroy(shown.surface);

  p.each = true;
  write(p, &x, "each.png");
  shown = read_png("each.png");
  assert_int_equal(pixel(&shown, 2, 2), 0);
  assert_int_equal(pixel(&shown, 2, 4), 0xffffff);
  assert_int_equal(pixel(&shown, 2, 8), 0);
  cairo_surface_destroy(shown.surface);
}

static void grid_of_colours_and_bytes(void **state) {
  (void)state;
  const uint8_t values[] = {255, 0, 17, 128, 3, 4};
  array x = ARRAY("x", DTYPE_U8, values, 1, 3, 1, 2);
  run_picture p = form(PICTURE_GRID, 1);
  p.zoom = 1;
  write(p, &x, "colours.png");
  pixels shown = read_png("colours.png");
  assert_int_equal(pixel(&shown, 2, 2), 0xff1103);
  assert_int_equal(pixel(&shown, 2, 3), 0x008004);
  cairo_surface_destroy(shown.surface);
  array matrix = ARRAY("x", DTYPE_U8, values, 3, 2);
  write(p, &matrix, "matrix.png");
  shown = read_png("matrix.png");
  assert_int_equal(shown.height, 3 + 4);
  assert_int_equal(pixel(&shown, 4, 3), 0x040404);
  cairo_surface_destroy(shown.surface);
  array one = ARRAY("x", DTYPE_F32, ((const float[]){0.25f}), 1, 1, 1); /* in [0, 1]: as it is */
  write(p, &one, "one.png");
  shown = read_png("one.png");
  assert_int_equal(pixel(&shown, 2, 2), 0x404040);
  cairo_surface_destroy(shown.surface);
}

static void a_picture_beyond_all_sizes(void **state) {
  (void)state;
  const char *error = NULL;
  uint8_t *values = arena_alloc(memory, 40000);
  array x = ARRAY("x", DTYPE_U8, values, 1, 40000, 1);
  run_picture p = form(PICTURE_GRID, 1);
  assert_false(picture_write(memory, &p, &x, "title", path_of("large.png"), &error));
  assert_non_null(strstr(error, "too large"));
  assert_false(file_exists(path_of("large.png")));
}

static void plot_has_a_colour_per_curve(void **state) {
  (void)state;
  float x[50], a[50], b[100];
  for (int i = 0; i < 50; i++) {
    x[i] = (float)i / 10;
    a[i] = sinf(x[i]);
    b[i] = 2;
    b[50 + i] = i == 20 ? NAN : 3;
  }
  const array outputs[] = {ARRAY("a", DTYPE_F32, a, 50), ARRAY("b", DTYPE_F32, b, 2, 50),
                           ARRAY("x", DTYPE_F32, x, 50)};
  run_picture p = form(PICTURE_PLOT, 2);
  p.across = 2;
  write(p, outputs, "plot.png");
  pixels shown = read_png("plot.png");
  assert_true(count_colour(&shown, blue) > 100);
  assert_true(count_colour(&shown, orange) > 400);
  assert_true(count_colour(&shown, green) > 400);
  cairo_surface_destroy(shown.surface);
  const char *error = NULL;
  const array shorter[] = {outputs[0], outputs[1], ARRAY("x", DTYPE_F32, x, 40)};
  assert_false(picture_write(memory, &p, shorter, "title", path_of("no.png"), &error));
  assert_non_null(strstr(error, "differ in length"));
}

static void scatter_has_a_colour_per_class(void **state) {
  (void)state;
  const float points[] = {0, 0, 1, 1, 2, 0, 0.5f, 0.5f};
  const int32_t classes[] = {7, -2, 7, 7};
  const array outputs[] = {ARRAY("p", DTYPE_F32, points, 4, 2), ARRAY("c", DTYPE_I32, classes, 4)};
  run_picture p = form(PICTURE_SCATTER, 1);
  write(p, outputs, "plain.png");
  pixels shown = read_png("plain.png");
  int all = count_colour(&shown, blue);
  assert_int_equal(count_colour(&shown, orange), 0);
  cairo_surface_destroy(shown.surface);
  p.classes = 1;
  write(p, outputs, "classes.png");
  shown = read_png("classes.png");
  assert_in_range(count_colour(&shown, blue), 1, all - 1); /* -2, the least, comes first */
  assert_true(count_colour(&shown, orange) > count_colour(&shown, blue));
  assert_int_equal(count_colour(&shown, green), 0);
  cairo_surface_destroy(shown.surface);

  int32_t many[40];
  float coordinates[80];
  for (int i = 0; i < 40; i++) {
    many[i] = i;
    coordinates[2 * i] = coordinates[2 * i + 1] = (float)i;
  }
  const array rest[] = {ARRAY("p", DTYPE_F32, coordinates, 40, 2), ARRAY("c", DTYPE_I32, many, 40)};
  write(p, rest, "many.png"); /* more classes than colours */
  shown = read_png("many.png");
  assert_true(count_colour(&shown, 0x9e0d26) > 5 * count_colour(&shown, blue) / 2);
  cairo_surface_destroy(shown.surface);
}

static void expect_file(const char *name, const char *expected) {
  const char *error = NULL;
  size_t bytes;
  char *text = file_read(memory, path_of(name), &bytes, &error);
  assert_non_null(text);
  assert_string_equal(text, expected);
}

static void text_and_tables(void **state) {
  (void)state;
  const uint8_t bytes[] = "ab\n\0zz\033\xc3\xa9\0";
  array x = ARRAY("x", DTYPE_U8, bytes, 2, 5);
  write(form(PICTURE_TEXT, 1), &x, "bytes.txt");
  expect_file("bytes.txt", "ab\n\nz?\xc3\xa9\n");
  const int32_t points[] = {'a', 0xe9, 0x20ac, 0x1f600, 0xd800, -1, 27, '\n', 0, 'x'};
  x = ARRAY("x", DTYPE_I32, points, 10);
  write(form(PICTURE_TEXT, 1), &x, "points.txt");
  expect_file("points.txt", "aé€😀\ufffd\ufffd\ufffd\n\n");

  const float m[] = {1, -0.5f, INFINITY, 1e-7f};
  const uint8_t c[] = {1, 0};
  const array columns[] = {ARRAY("m", DTYPE_F32, m, 2, 2), ARRAY("c", DTYPE_BOOL, c, 2)};
  write(form(PICTURE_TABLE, 2), columns, "table.csv");
  expect_file("table.csv", "m_0,m_1,c\n1,-0.5,1\ninf,1.00000001e-07,0\n");
  const array scalars[] = {array_of("n", DTYPE_F32, 0, NULL, m), array_of("k", DTYPE_U8, 0, NULL, c)};
  write(form(PICTURE_TABLE, 2), scalars, "scalars.csv");
  expect_file("scalars.csv", "n,k\n1,1\n");
}

/* Rows of the batch are collected over the calls, the smaller one included; others are not. */
static void results_are_collected(void **state) {
  (void)state;
  const int64_t batch[] = {4, 2}, rest[] = {1, 2}, vector[] = {4};
  const dnn_tensor outputs[] = {{"y", DNN_F32, 2, batch, 0}, {"w", DNN_F32, 1, vector, 0}};
  const dnn_tensor fewer[] = {{"y", DNN_F32, 2, rest, 0}, {"w", DNN_F32, 1, vector, 0}};
  const dnn_entry entry = {.name = "e", .output_count = 2, .outputs = outputs};
  const dnn_entry remainder = {.name = "e_1", .output_count = 2, .outputs = fewer};
  run_picture p = form(PICTURE_TABLE, 2);
  results r = results_new(memory, &p, &entry, &remainder, 4, 9, false);
  for (int pass = 0; pass < 2; pass++) {
    results_clear(&r);
    for (int call = 0; call < 3; call++) {
      float y[8], w[4];
      for (int i = 0; i < 8; i++) y[i] = (float)(8 * call + i + pass);
      for (int i = 0; i < 4; i++) w[i] = (float)(100 * call + i);
      void *pointers[] = {y, w};
      results_add(&r, pointers, call < 2 ? 4 : 1, 0);
    }
    assert_int_equal(r.arrays[0].extents[0], 9);
    assert_int_equal(r.arrays[1].extents[0], 4);
    for (int i = 0; i < 18; i++)
      assert_float_equal(((float *)r.arrays[0].data)[i], (float)(i + pass), 0);
    for (int i = 0; i < 4; i++)
      assert_float_equal(((float *)r.arrays[1].data)[i], (float)(200 + i), 0);
  }
  run_picture grid = form(PICTURE_GRID, 1); /* one image, whatever the batch */
  r = results_new(memory, &grid, &entry, &remainder, 4, 9, false);
  assert_int_equal(r.most[0], 0);
}

static int set_up(void **state) {
  (void)state;
  memory = arena_new();
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  int status = getenv("KEEP") ? 0 : system(arena_printf(memory, "rm -r %s", folder));
  arena_free(memory);
  return status;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grid_places_and_range),
      cmocka_unit_test(grid_of_colours_and_bytes),
      cmocka_unit_test(a_picture_beyond_all_sizes),
      cmocka_unit_test(plot_has_a_colour_per_curve),
      cmocka_unit_test(scatter_has_a_colour_per_class),
      cmocka_unit_test(text_and_tables),
      cmocka_unit_test(results_are_collected),
  };
  return cmocka_run_group_tests_name("pictures", tests, set_up, tear_down);
}
