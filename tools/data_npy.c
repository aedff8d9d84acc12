/* NumPy's format (numpy.lib.format): "\x93NUMPY", version, header length, and a Python dictionary
 * {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }. */
#include "data_stream.h"

#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "file.h"

enum { MAGIC_BYTES = 8, MOST_HEADER_BYTES = 1 << 20, HEADER_ALIGNMENT = 64 };
static const char magic_text[] = "\x93NUMPY";

static const struct {
  const char *kind; /* of descr, behind the byte order */
  dtype element;
} kinds[] = {{"b1", DTYPE_BOOL}, {"u1", DTYPE_U8},  {"i1", DTYPE_I8},  {"i4", DTYPE_I32},
             {"i8", DTYPE_I64},  {"f2", DTYPE_F16}, {"f4", DTYPE_F32}, {"f8", DTYPE_F64}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const char *skip_blanks(const char *at) { return at + strspn(at, " \t\n"); }

/* Goes behind the given text; NULL (and stays NULL) where something else stands there. */
static const char *expect(const char *at, const char *text) {
  if (!at) return NULL;
  at = skip_blanks(at);
  size_t length = strlen(text);
  return strncmp(at, text, length) == 0 ? at + length : NULL;
}

/* A quoted text without escapes, copied to the arena. */
static const char *quoted(arena *a, const char *at, const char **text) {
  if (!at) return NULL;
  at = skip_blanks(at);
  const char *end = *at == '\'' || *at == '"' ? strchr(at + 1, *at) : NULL;
  if (!end) return NULL;
  *text = arena_text_n(a, at + 1, (size_t)(end - at - 1));
  return end + 1;
}

static const char *shape(const char *at, array *x) {
  at = expect(at, "(");
  while (at && !expect(at, ")")) {
    char *end;
    at = skip_blanks(at);
    if (x->rank == MAX_RANK || *at < '0' || *at > '9') return NULL;
    x->extents[x->rank++] = strtoll(at, &end, 10); /* saturates; the size is checked later */
    at = expect(end, ",") ? expect(end, ",") : expect(end, ")") ? end : NULL;
  }
  return expect(at, ")");
}

static const char *set_element(arena *a, const char *descr, array *x, bool *swap) {
  char order = descr[0];
  for (int i = 0; order && i < KINDS; i++) {
    if (strcmp(descr + 1, kinds[i].kind) || !strchr("<>|=", order)) continue;
    x->element = kinds[i].element;
    *swap = order == '>';
    return NULL;
  }
  return arena_printf(a, "the npy element type '%.20s' is not supported", descr);
}

static const char *parse_header(arena *a, const char *header, array *x, bool *swap) {
  const char *at = expect(header, "{"), *key, *descr = NULL, *fault;
  bool fortran = false, shaped = false;
  while (at && !expect(at, "}")) {
    at = expect(quoted(a, at, &key), ":");
    if (!at) break;
    if (strcmp(key, "descr") == 0) {
      if (expect(at, "[")) return "structured npy arrays are not supported";
      at = quoted(a, at, &descr);
    } else if (strcmp(key, "fortran_order") == 0) {
      fortran = expect(at, "True") != NULL;
      at = expect(at, fortran ? "True" : "False");
    } else if (strcmp(key, "shape") == 0 && !shaped) {
      shaped = true;
      at = shape(at, x);
    } else {
      at = NULL;
    }
    if (at && expect(at, ",")) at = expect(at, ",");
  }
  if (!at || !descr || !shaped) return "the npy header is malformed";
  if ((fault = set_element(a, descr, x, swap))) return fault;
  if (fortran) return "the array is in Fortran order; save numpy.ascontiguousarray(x)";
  return NULL;
}

static const char *read_header(data_stream *s, arena *a, array *x, bool *swap) {
  unsigned char magic[MAGIC_BYTES], length[4] = {0};
  const char *fault = data_stream_bytes(s, magic, MAGIC_BYTES);
  if (fault || memcmp(magic, magic_text, 6)) return "not an npy file";
  if (magic[6] < 1 || magic[6] > 3) return "this version of npy is not supported";
  fault = data_stream_bytes(s, length, magic[6] == 1 ? 2 : 4);
  if (fault) return fault;
  size_t bytes = 0;
  for (int i = 4; i-- > 0;) bytes = bytes << 8 | length[i];
  if (bytes > MOST_HEADER_BYTES) return "the npy header is too long";
  char *header = arena_alloc(a, bytes + 1);
  fault = data_stream_bytes(s, header, bytes);
  return fault ? fault : parse_header(a, header, x, swap);
}

const char *npy_read_stream(data_stream *s, arena *a, array *x) {
  bool swap = false;
  const char *fault = read_header(s, a, x, &swap);
  return fault ? fault : data_stream_elements(s, x, swap);
}

array *npy_read(arena *a, const char *path, const char **error) {
  data_stream *s = data_stream_open(a, path, error);
  if (!s) return NULL;
  array *x = arena_new_of(a, array);
  const char *fault = npy_read_stream(s, a, x);
  return data_stream_close(s, x, fault, error);
}

static const char *kind_of(dtype element) {
  for (int i = 0; i < KINDS; i++)
    if (kinds[i].element == element) return kinds[i].kind;
  return NULL;
}

static array *widened(arena *a, const array *x) {
  array *wide = arena_new_of(a, array);
  *wide = *x;
  wide->element = DTYPE_F32;
  wide->data = arena_array_of(a, array_elements(x), float);
  for (int64_t i = 0; i < array_elements(x); i++)
    ((float *)wide->data)[i] = (float)element_real(x->element, x->data, i);
  return wide;
}

bool npy_write(arena *a, const char *path, const array *x, const char **error) {
  if (x->element == DTYPE_BF16) x = widened(a, x);
  const char *extents = "";
  for (int i = 0; i < x->rank; i++)
    extents = arena_printf(a, "%s%s%lld%s", extents, i ? " " : "", (long long)x->extents[i],
                           i + 1 < x->rank || x->rank == 1 ? "," : "");
  const char *header =
      arena_printf(a, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }",
                   dtype_size(x->element) == 1 ? '|' : '<', kind_of(x->element), extents);
  size_t whole = MAGIC_BYTES + 2 + strlen(header) + 1;
  size_t padded = (whole + HEADER_ALIGNMENT - 1) / HEADER_ALIGNMENT * HEADER_ALIGNMENT;
  int width = (int)(padded - MAGIC_BYTES - 2 - 1);
  const char *text = arena_printf(a, "%-*s\n", width, header);
  unsigned char start[MAGIC_BYTES + 2] = {0};
  memcpy(start, magic_text, 6);
  start[6] = 1;
  start[8] = (unsigned char)(strlen(text) & 255);
  start[9] = (unsigned char)(strlen(text) >> 8);
  file_part parts[] = {
      {start, sizeof start}, {text, strlen(text)}, {x->data, (size_t)array_bytes(x)}};
  return file_replace(a, path, 3, parts, error);
}
