#include "text_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Also called when the process ends while the stream is open: it must not end it itself. */
static ssize_t append(void *cookie, const char *text, size_t length) {
  text_stream *s = cookie;
  if (s->length + length > s->capacity) {
    size_t capacity = 2 * (s->length + length);
    char *larger = realloc(s->text, capacity);
    if (!larger) {
      errno = ENOMEM;
      return -1;
    }
    s->text = larger;
    s->capacity = capacity;
  }
  memcpy(s->text + s->length, text, length);
  s->length += length;
  return (ssize_t)length;
}

void text_stream_open(text_stream *s, arena *a) {
  *s = (text_stream){.arena = a};
  s->out = fopencookie(s, "w", (cookie_io_functions_t){.write = append});
  if (!s->out) arena_exhausted(a, 0);
}

char *text_stream_close(text_stream *s) {
  if (fflush(s->out) || ferror(s->out)) arena_exhausted(s->arena, 0);
  fclose(s->out);
  char *text = arena_text_n(s->arena, s->text, s->length);
  free(s->text);
  return text;
}
