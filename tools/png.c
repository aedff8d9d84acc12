#include "png.h"

#include <string.h>

#include "file.h"

typedef struct buffer {
  arena *arena;
  char *bytes;
  size_t count, room;
} buffer;

static cairo_status_t collect(void *closure, const unsigned char *data, unsigned length) {
  buffer *b = closure;
  if (b->count + length > b->room) {
    size_t room = 2 * (b->count + length);
    b->bytes = arena_grow(b->arena, b->bytes, b->count, room, 1);
    b->room = room;
  }
  memcpy(b->bytes + b->count, data, length);
  b->count += length;
  return CAIRO_STATUS_SUCCESS;
}

bool png_write(arena *a, cairo_surface_t *surface, const char *path, const char **error) {
  buffer b = {.arena = a};
  cairo_status_t status = cairo_surface_write_to_png_stream(surface, collect, &b);
  /* Writing to memory fails for nothing else. */
  if (status == CAIRO_STATUS_NO_MEMORY || status == CAIRO_STATUS_PNG_ERROR) arena_exhausted(a, 0);
  if (status) {
    *error = arena_printf(a, "cannot draw %s: %s", path, cairo_status_to_string(status));
    return false;
  }
  return file_replace(a, path, 1, &(file_part){b.bytes, b.count}, error);
}
