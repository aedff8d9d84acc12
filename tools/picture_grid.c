#include <math.h>

#include "element.h"
#include "picture_parts.h"
#include "png.h"

enum { GAP = 2, MOST_SIDE = 32767, MOST_PIXELS = 1 << 26, ZOOMED_SIDE = 800, MOST_ZOOM = 8 };

/* A stack of images inside an array, and the values that are black and white. */
typedef struct images {
  const array *array;
  int64_t count, channels, height, width;
  double low, high;
} images;

static images as_images(const array *x) {
  images s = {.array = x, .count = 1, .channels = 1};
  if (x->rank > 2) s.count = x->extents[0];
  if (x->rank == 4) s.channels = x->extents[1];
  s.height = x->extents[x->rank - 2];
  s.width = x->extents[x->rank - 1];
  return s;
}

static int64_t image_elements(const images *s) { return s->channels * s->height * s->width; }

static double value_at(const images *s, int64_t i) {
  return element_real(s->array->element, s->array->data, i);
}

/* From the least to the most of images [first, last). */
static void take_range(images *s, int64_t first, int64_t last) {
  s->low = INFINITY;
  s->high = -INFINITY;
  for (int64_t i = first * image_elements(s); i < last * image_elements(s); i++) {
    double value = value_at(s, i);
    if (!isfinite(value)) continue;
    s->low = fmin(s->low, value);
    s->high = fmax(s->high, value);
  }
}

/* Where nothing else is asked for: u8 as it is, what lies in [0, 1] so, all else by its range. */
static void choose_range(images *s, const run_picture *p) {
  if (p->ranged) {
    s->low = p->low;
    s->high = p->high;
  } else if (s->array->element == DTYPE_U8) {
    s->low = 0;
    s->high = 255;
  } else {
    take_range(s, 0, s->count);
    if (s->low >= 0 && s->high <= 1) s->low = 0, s->high = 1;
  }
}

/* A colour part from 0 to 255; not-a-number shows as 0. */
static uint32_t level(const images *s, int64_t i, int64_t channel, int64_t y, int64_t x) {
  double value = value_at(s, ((i * s->channels + channel) * s->height + y) * s->width + x);
  double part = s->high > s->low ? (value - s->low) / (s->high - s->low) : 0;
  return part >= 1 ? 255 : part > 0 ? (uint32_t)(255 * part + 0.5) : 0;
}

static void draw_image(const images *s, int64_t i, int64_t zoom, uint32_t *pixels, int64_t stride) {
  int64_t green = s->channels == 3 ? 1 : 0, blue = s->channels == 3 ? 2 : 0;
  for (int64_t y = 0; y < s->height * zoom; y++)
    for (int64_t x = 0; x < s->width * zoom; x++)
      pixels[y * stride + x] = level(s, i, 0, y / zoom, x / zoom) << 16 |
                               level(s, i, green, y / zoom, x / zoom) << 8 |
                               level(s, i, blue, y / zoom, x / zoom);
}

/* Pixels of so many images beside each other, with gaps; more than can be where it overflows. */
static int64_t side(int64_t count, int64_t pixels, int64_t zoom) {
  int64_t each, all;
  if (__builtin_mul_overflow(pixels, zoom, &each) || __builtin_add_overflow(each, GAP, &each) ||
      __builtin_mul_overflow(count, each, &all))
    return MOST_SIDE + 1;
  return all > MOST_SIDE ? MOST_SIDE + 1 : all + GAP;
}

/* The largest factor that keeps a small grid at a size to look at. */
static int64_t choose_zoom(const images *s, int64_t rows, int64_t columns) {
  int64_t zoom = 1;
  while (zoom < MOST_ZOOM && side(rows, s->height, zoom + 1) <= ZOOMED_SIDE &&
         side(columns, s->width, zoom + 1) <= ZOOMED_SIDE)
    zoom++;
  return zoom;
}

bool picture_grid(arena *a, const run_picture *p, const array *x, const char *path,
                  const char **error) {
  images s = as_images(x);
  if (!p->rows && s.count > GRID_MOST_IMAGES) s.count = GRID_MOST_IMAGES;
  if (p->rows && s.count > p->rows * p->columns) s.count = p->rows * p->columns;
  int64_t columns = p->rows ? p->columns : (int64_t)ceil(sqrt((double)s.count));
  int64_t rows = p->rows ? p->rows : columns ? (s.count + columns - 1) / columns : 0;
  int64_t zoom = p->zoom ? p->zoom : choose_zoom(&s, rows, columns);
  int64_t width = side(columns, s.width, zoom), height = side(rows, s.height, zoom);
  if (width > MOST_SIDE || height > MOST_SIDE || width * height > MOST_PIXELS) {
    *error = arena_printf(a, "%s: %lld by %lld images of %lld by %lld pixels are too large a picture",
                          path, (long long)rows, (long long)columns, (long long)(s.height * zoom),
                          (long long)(s.width * zoom));
    return false;
  }
  choose_range(&s, p);
  cairo_surface_t *surface =
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
  uint32_t *pixels = (uint32_t *)(void *)cairo_image_surface_get_data(surface);
  int64_t stride = cairo_image_surface_get_stride(surface) / 4;
  cairo_surface_flush(surface);
  for (int64_t i = 0; pixels && i < s.count; i++) {
    int64_t down = i / columns * (s.height * zoom + GAP) + GAP;
    int64_t right = i % columns * (s.width * zoom + GAP) + GAP;
    if (p->each) take_range(&s, i, i + 1);
    draw_image(&s, i, zoom, pixels + down * stride + right, stride);
  }
  cairo_surface_mark_dirty(surface);
  bool written = png_write(a, surface, path, error);
  cairo_surface_destroy(surface);
  return written;
}
