#include "picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data.h"
#include "element.h"
#include "png.h"

enum { GAP = 2, MOST_PIXELS = 1 << 26 };

/* A stack of images inside an array. */
typedef struct images {
  dtype element;
  const void *data;
  int64_t count, channels, height, width;
} images;

static bool as_images(const array *x, images *result) {
  *result = (images){x->element, x->data, 1, 1, 1, 1};
  if (x->rank != 3 && x->rank != 4) return false;
  result->count = x->extents[0];
  if (x->rank == 4) result->channels = x->extents[1];
  result->height = x->extents[x->rank - 2];
  result->width = x->extents[x->rank - 1];
  return result->channels == 1 || result->channels == 3;
}

/* A colour part from 0 to 255; not-a-number shows as 0. */
static uint32_t level(const images *s, int64_t i, int64_t channel, int64_t y, int64_t x) {
  int64_t at = ((i * s->channels + channel) * s->height + y) * s->width + x;
  double value = element_real(s->element, s->data, at);
  if (dtype_is_float(s->element)) value = 255 * value + 0.5;
  return value >= 255 ? 255 : value > 0 ? (uint32_t)value : 0;
}

static void draw_image(const images *s, int64_t i, uint32_t *pixels, int64_t stride) {
  int64_t green = s->channels == 3 ? 1 : 0, blue = s->channels == 3 ? 2 : 0;
  for (int64_t y = 0; y < s->height; y++)
    for (int64_t x = 0; x < s->width; x++)
      pixels[y * stride + x] = level(s, i, 0, y, x) << 16 | level(s, i, green, y, x) << 8 |
                               level(s, i, blue, y, x);
}

static bool write_grid(arena *a, const images *s, int64_t rows, int64_t columns, const char *path,
                       const char **error) {
  int64_t width = columns * (s->width + GAP) + GAP, height = rows * (s->height + GAP) + GAP;
  if (width > MOST_PIXELS || height > MOST_PIXELS || width * height > MOST_PIXELS) {
    *error = arena_printf(a, "%s: a picture of %lld by %lld is too large", path, (long long)width,
                          (long long)height);
    return false;
  }
  cairo_surface_t *surface =
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
  uint32_t *pixels = (uint32_t *)(void *)cairo_image_surface_get_data(surface);
  int64_t stride = cairo_image_surface_get_stride(surface) / 4;
  cairo_surface_flush(surface);
  for (int64_t i = 0; pixels && i < s->count && i < rows * columns; i++) {
    int64_t y = i / columns * (s->height + GAP) + GAP, x = i % columns * (s->width + GAP) + GAP;
    draw_image(s, i, pixels + y * stride + x, stride);
  }
  cairo_surface_mark_dirty(surface);
  bool written = png_write(a, surface, path, error);
  cairo_surface_destroy(surface);
  return written;
}

static bool ends_with_npy(const char *path) {
  size_t length = strlen(path);
  return length > 4 && strcmp(path + length - 4, ".npy") == 0;
}

static bool write_array(arena *a, const array *x, const char *as, const char *path,
                        const char **error) {
  if (ends_with_npy(path)) return npy_write(a, path, x, error);
  images s;
  if (!as_images(x, &s)) {
    *error = arena_printf(a, "%s: %s is no stack of images [n, H, W] or [n, 1 or 3, H, W]", path,
                          array_text(a, x));
    return false;
  }
  int64_t columns = (int64_t)ceil(sqrt((double)s.count)), rows = (s.count + columns - 1) / columns;
  long long given_rows, given_columns;
  if (as && (sscanf(as, "grid[%lld, %lld]", &given_rows, &given_columns) != 2 || given_rows < 1 ||
             given_columns < 1 || given_rows > s.count || given_columns > s.count)) {
    *error = arena_printf(a, "%s: '%s' is not grid[ROWS, COLUMNS] of at most %lld images", path, as,
                          (long long)s.count);
    return false;
  }
  return as ? write_grid(a, &s, given_rows, given_columns, path, error)
            : write_grid(a, &s, rows, columns, path, error);
}

bool picture_write(arena *a, const dnn_entry *entry, void *const *outputs, const char *as,
                   const char *path, const char **error) {
  for (int i = 0; i < entry->output_count; i++) {
    const dnn_tensor *t = &entry->outputs[i];
    if (t->rank == 0) continue;
    array x = {.element = (dtype)t->element, .rank = t->rank, .data = outputs[i], .path = path};
    memcpy(x.extents, t->extents, sizeof(int64_t) * (size_t)t->rank);
    return write_array(a, &x, as, path, error);
  }
  *error = arena_printf(a, "%s: entry %s returns no array", path, entry->name);
  return false;
}
