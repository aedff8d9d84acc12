#include "data_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* In LZMA 14 bits, predicted with at most 2017 / 2048, make a match of 273 bytes: less than 7200 for a byte. */
enum { MOST_LZMA = 7200, CHUNK = 1 << 20, XZ_BUFFER = 1 << 16 };
static const uint64_t most_xz_memory = (uint64_t)512 << 20; /* xz -9 takes 65 MiB */

typedef struct xz_file {
  arena *arena;
  int file;
  bool ended; /* the file, not what it holds */
  lzma_stream stream;
  uint8_t buffer[XZ_BUFFER];
} xz_file;

struct data_stream {
  arena *arena;
  const char *path;
  data_source source;
  int64_t most_bytes; /* that the file can hold, decompressed */
};

/* --- xz ------------------------------------------------------------------------------------- */

static bool is_xz(int file) {
  static const char magic[6] = "\xfd" "7zXZ";
  char start[6];
  return pread(file, start, sizeof start, 0) == sizeof start && !memcmp(start, magic, sizeof start);
}

static const char *xz_fault(const xz_file *xz, lzma_ret code) {
  switch (code) {
    case LZMA_MEM_ERROR: arena_exhausted(xz->arena, 0);
    case LZMA_MEMLIMIT_ERROR: return "decompressing takes more than 512 MiB";
    case LZMA_BUF_ERROR: return "the file ends early";
    case LZMA_OPTIONS_ERROR: return "the xz file uses what liblzma does not know";
    default: return "the compressed data is damaged";
  }
}

/* Fills the buffer again. */
static const char *xz_feed(xz_file *xz) {
  ssize_t n = read(xz->file, xz->buffer, XZ_BUFFER);
  if (n < 0) return strerror(errno);
  xz->ended = n == 0;
  xz->stream.next_in = xz->buffer;
  xz->stream.avail_in = (size_t)n;
  return NULL;
}

static const char *xz_read(void *context, char *bytes, size_t count, size_t *done) {
  xz_file *xz = context;
  *done = 0;
  xz->stream.next_out = (uint8_t *)bytes;
  xz->stream.avail_out = count;
  lzma_ret code = LZMA_OK;
  while (code == LZMA_OK && xz->stream.avail_out) {
    const char *fault = xz->stream.avail_in || xz->ended ? NULL : xz_feed(xz);
    if (fault) return fault;
    code = lzma_code(&xz->stream, xz->ended ? LZMA_FINISH : LZMA_RUN);
  }
  *done = count - xz->stream.avail_out;
  return code == LZMA_OK || code == LZMA_STREAM_END ? NULL : xz_fault(xz, code);
}

static void xz_close(void *context) {
  xz_file *xz = context;
  lzma_end(&xz->stream);
  close(xz->file);
}

static data_source xz_source(arena *a, int file) {
  xz_file *xz = arena_new_of(a, xz_file);
  xz->arena = a;
  xz->file = file;
  if (lzma_stream_decoder(&xz->stream, most_xz_memory, LZMA_CONCATENATED) != LZMA_OK)
    arena_exhausted(a, 0); /* it fails for nothing else */
  return (data_source){xz_read, xz_close, xz};
}

/* --- plain files and gzip ------------------------------------------------------------------- */

typedef struct plain_file {
  arena *arena;
  gzFile file;
} plain_file;

static const char *plain_read(void *context, char *bytes, size_t count, size_t *done) {
  const plain_file *p = context;
  for (*done = 0; *done < count;) {
    size_t left = count - *done;
    int n = gzread(p->file, bytes + *done, left < CHUNK ? (unsigned)left : CHUNK), code;
    if (n > 0) *done += (size_t)n;
    if (n > 0) continue;
    const char *text = gzerror(p->file, &code);
    if (code == Z_OK) return NULL;
    if (code == Z_BUF_ERROR) return "the file ends early";
    if (code == Z_ERRNO) return strerror(errno);
    if (code == Z_MEM_ERROR) arena_exhausted(p->arena, 0);
    return arena_printf(p->arena, "the compressed data is damaged (%s)", text);
  }
  return NULL;
}

static void plain_close(void *context) { gzclose(((plain_file *)context)->file); }

/* expansion: the most bytes that one of the file's stands for. */
static data_source plain_source(arena *a, int file, int64_t *expansion) {
  plain_file *p = arena_new_of(a, plain_file);
  *p = (plain_file){a, gzdopen(file, "rb")};
  if (!p->file) arena_exhausted(a, 0);
  gzbuffer(p->file, CHUNK);
  *expansion = gzdirect(p->file) ? 1 : MOST_DEFLATED;
  return (data_source){plain_read, plain_close, p};
}

/* --- all ------------------------------------------------------------------------------------ */

static int open_regular(const char *path, struct stat *status, const char **reason) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  bool regular = file >= 0 && fstat(file, status) == 0 && S_ISREG(status->st_mode);
  if (regular) return file;
  *reason = file < 0 ? strerror(errno) : "not a regular file";
  if (file >= 0) close(file);
  return -1;
}

data_stream *data_stream_new(arena *a, const char *path, int64_t bytes, int64_t expansion,
                             data_source source) {
  data_stream *s = arena_new_of(a, data_stream);
  *s = (data_stream){a, path, source, 0};
  if (__builtin_mul_overflow(bytes, expansion, &s->most_bytes)) s->most_bytes = INT64_MAX;
  return s;
}

data_stream *data_stream_open(arena *a, const char *path, const char **error) {
  struct stat status;
  const char *reason;
  int file = open_regular(path, &status, &reason);
  if (file < 0) {
    *error = arena_printf(a, "cannot read %s: %s", path, reason);
    return NULL;
  }
  int64_t expansion = MOST_LZMA;
  data_source source = is_xz(file) ? xz_source(a, file) : plain_source(a, file, &expansion);
  return data_stream_new(a, path, (int64_t)status.st_size, expansion, source);
}

array *data_stream_close(data_stream *s, array *result, const char *fault, const char **error) {
  s->source.close(s->source.context);
  if (!fault) {
    result->path = s->path;
    return result;
  }
  *error = arena_printf(s->arena, "%s: %s", s->path, fault);
  return NULL;
}

static const char *read_most(data_stream *s, void *bytes, size_t count, size_t *done) {
  return s->source.read(s->source.context, bytes, count, done);
}

const char *data_stream_bytes(data_stream *s, void *bytes, size_t count) {
  size_t done;
  const char *fault = read_most(s, bytes, count, &done);
  return fault || done == count ? fault : "the file ends early";
}

/* In chunks, each twice as large as the one before, and then as a whole. */
char *data_stream_rest(data_stream *s, size_t *size, const char **fault) {
  enum { MOST_CHUNKS = 48 };
  arena *scratch = arena_new();
  char *chunks[MOST_CHUNKS];
  size_t sizes[MOST_CHUNKS], room = s->most_bytes < CHUNK ? (size_t)s->most_bytes + 1 : CHUNK;
  int count = 0;
  *size = 0;
  do {
    chunks[count] = arena_alloc(scratch, room);
    *fault = read_most(s, chunks[count], room, &sizes[count]);
    *size += sizes[count];
    room *= 2;
  } while (!*fault && sizes[count] == room / 2 && ++count < MOST_CHUNKS);
  char *whole = NULL;
  if (!*fault) {
    char *at = whole = arena_alloc(s->arena, *size + 1);
    for (int i = 0; i <= count && i < MOST_CHUNKS; at += sizes[i], i++)
      memcpy(at, chunks[i], sizes[i]);
  }
  arena_free(scratch);
  return whole;
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
  size_t more;
  fault = read_most(s, &further, 1, &more);
  return fault || !more ? fault : "the file is longer than its header says";
}

char *data_content(arena *a, const char *path, size_t *size, const char **error) {
  data_stream *s = data_stream_open(a, path, error);
  if (!s) return NULL;
  array none;
  const char *fault;
  char *bytes = data_stream_rest(s, size, &fault);
  data_stream_close(s, &none, fault, error);
  return bytes;
}

size_t data_mark(const char *text, size_t size) {
  static const char mark[] = {'\xef', '\xbb', '\xbf'};
  return size >= sizeof mark && memcmp(text, mark, sizeof mark) == 0 ? sizeof mark : 0;
}
