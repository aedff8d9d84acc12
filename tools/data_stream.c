#include "data_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* A byte of deflated data stands for at most 1032 bytes (zlib's technical notes). */
enum { MOST_EXPANSION = 1032, CHUNK = 1 << 20 };

struct data_stream {
  arena *arena;
  const char *path;
  gzFile file;
  int64_t most_bytes; /* that the file can hold, decompressed */
};

data_stream *data_stream_open(arena *a, const char *path, const char **error) {
  struct stat status;
  errno = 0;
  gzFile file = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? gzopen(path, "rb") : NULL;
  if (!file && errno == ENOMEM) arena_exhausted(a, 0);
  if (!file) {
    *error = arena_printf(a, "cannot read %s: %s", path,
                          errno ? strerror(errno) : "not a regular file");
    return NULL;
  }
  gzbuffer(file, CHUNK);
  data_stream *s = arena_new_of(a, data_stream);
  *s = (data_stream){a, path, file, (int64_t)status.st_size};
  if (!gzdirect(file) && __builtin_mul_overflow(s->most_bytes, MOST_EXPANSION, &s->most_bytes))
    s->most_bytes = INT64_MAX;
  return s;
}

array *data_stream_close(data_stream *s, array *result, const char *fault, const char **error) {
  gzclose(s->file);
  if (!fault) {
    result->path = s->path;
    return result;
  }
  *error = arena_printf(s->arena, "%s: %s", s->path, fault);
  return NULL;
}

static const char *stream_fault(data_stream *s) {
  int code;
  const char *text = gzerror(s->file, &code);
  if (code == Z_OK || code == Z_BUF_ERROR) return "the file ends early";
  if (code == Z_ERRNO) return strerror(errno);
  if (code == Z_MEM_ERROR) arena_exhausted(s->arena, 0);
  return arena_printf(s->arena, "the compressed data is damaged (%s)", text);
}

const char *data_stream_bytes(data_stream *s, void *bytes, size_t count) {
  for (char *at = bytes; count > 0;) {
    int n = gzread(s->file, at, count < CHUNK ? (unsigned)count : CHUNK);
    if (n <= 0) return stream_fault(s);
    at += n;
    count -= (size_t)n;
  }
  return NULL;
}

static void reverse_elements(unsigned char *bytes, int64_t elements, size_t size) {
  for (int64_t i = 0; i < elements; i++, bytes += size) {
    for (size_t low = 0, high = size - 1; low < high; low++, high--) {
      unsigned char byte = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = byte;
    }
  }
}

static const char *check_size(const data_stream *s, const array *x) {
  int64_t bytes = (int64_t)dtype_size(x->element);
  for (int i = 0; i < x->rank; i++) {
    if (x->extents[i] < 1) return "an extent is 0";
    if (__builtin_mul_overflow(bytes, x->extents[i], &bytes)) return "the size is impossible";
  }
  return bytes <= s->most_bytes ? NULL : "the file is too short for the size in its header";
}

const char *data_stream_elements(data_stream *s, array *x, bool swap) {
  const char *fault = check_size(s, x);
  if (fault) return fault;
  x->data = arena_alloc(s->arena, (size_t)array_bytes(x));
  fault = data_stream_bytes(s, x->data, (size_t)array_bytes(x));
  if (fault) return fault;
  if (swap) reverse_elements(x->data, array_elements(x), dtype_size(x->element));
  /* Reading on to the end also checks the checksum of compressed files. */
  char further;
  if (gzread(s->file, &further, 1) > 0) return "the file is longer than its header says";
  int code;
  gzerror(s->file, &code); /* a file that ends early has no error but this one */
  return code == Z_OK ? NULL : stream_fault(s);
}
