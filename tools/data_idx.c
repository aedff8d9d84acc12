#include "data_stream.h"

static bool element_of(unsigned char code, dtype *element) {
  switch (code) {
    case 0x08: *element = DTYPE_U8; return true;
    case 0x09: *element = DTYPE_I8; return true;
    case 0x0C: *element = DTYPE_I32; return true;
    case 0x0D: *element = DTYPE_F32; return true;
    case 0x0E: *element = DTYPE_F64; return true;
    default: return false;
  }
}

static const char *read_header(data_stream *s, arena *a, array *x) {
  unsigned char magic[4], extents[4 * MAX_RANK];
  const char *fault = data_stream_bytes(s, magic, sizeof magic);
  if (fault) return fault;
  if (magic[0] || magic[1]) return "not an IDX file (it does not begin with two zero bytes)";
  if (!element_of(magic[2], &x->element))
    return arena_printf(a, "the IDX element type 0x%02x is not supported", magic[2]);
  x->rank = magic[3];
  if (x->rank < 1 || x->rank > MAX_RANK)
    return arena_printf(a, "%d axes; from 1 to %d are supported", x->rank, MAX_RANK);
  fault = data_stream_bytes(s, extents, 4 * (size_t)x->rank);
  for (int i = 0; !fault && i < x->rank; i++) {
    const unsigned char *e = &extents[4 * i];
    x->extents[i] = (int64_t)e[0] << 24 | (int64_t)e[1] << 16 | (int64_t)e[2] << 8 | e[3];
  }
  return fault;
}

array *idx_read(arena *a, const char *path, const char **error) {
  data_stream *s = data_stream_open(a, path, error);
  if (!s) return NULL;
  array *x = arena_new_of(a, array);
  const char *fault = read_header(s, a, x);
  if (!fault) fault = data_stream_elements(s, x, true);
  return data_stream_close(s, x, fault, error);
}
