#include "source.h"

#include <errno.h>
#include <string.h>

enum { MOST_BYTES = 64 << 20 }; /* of a model's text: beyond any that a person wrote */

static const source *unreadable(diagnostics *d, const char *path, const char *why) {
  diag_error(d, (location){0}, "cannot read %s: %s", path, why);
  return NULL;
}

const source *source_read(arena *a, diagnostics *d, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file && errno == ENOMEM) arena_exhausted(a, 0);
  if (!file) return unreadable(d, path, strerror(errno));
  size_t length = 0, capacity = 1 << 16;
  char *text = arena_alloc(a, capacity);
  size_t got;
  errno = 0;
  while ((got = fread(text + length, 1, capacity - 1 - length, file)) > 0) {
    length += got;
    if (length > MOST_BYTES) break;
    if (length == capacity - 1) {
      text = arena_grow(a, text, length, 2 * capacity, 1);
      capacity *= 2;
    }
  }
  const char *why = ferror(file) ? strerror(errno) : length > MOST_BYTES ? "larger than 64 MiB" : NULL;
  fclose(file);
  if (!why && memchr(text, 0, length)) why = "it has bytes 0x00, so it is no text";
  if (why) return unreadable(d, path, why);
  text[length] = 0;
  source *result = arena_new_of(a, source);
  *result = (source){.name = arena_text(a, path), .text = text, .length = length};
  return result;
}
