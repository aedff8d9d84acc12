/* Plain text: bytes as they are, or characters of UTF-8 by their number in a vocabulary. */
#include <string.h>

#include "data_stream.h"
#include "element.h"

enum { CODES = 0x110000 };

typedef struct characters {
  arena *arena, *scratch;
  int32_t *codes;
  int64_t count;
} characters;

/* The character at a place and the bytes it takes; 0 where there is no valid one. */
static int decode(const unsigned char *at, size_t left, int32_t *code) {
  static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  int bytes = *at < 0x80 ? 1 : *at >= 0xf0 && *at < 0xf8 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc0 ? 2 : 0;
  if (!bytes || *at >= 0xf8 || (size_t)bytes > left) return 0;
  *code = bytes == 1 ? *at : *at & (0x7f >> bytes);
  for (int i = 1; i < bytes; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
    *code = *code << 6 | (at[i] & 0x3f);
  }
  bool surrogate = *code >= 0xd800 && *code < 0xe000;
  return *code < least[bytes] || *code >= CODES || surrogate ? 0 : bytes;
}

/* All files, one after the other, each element a byte or a character. */
static bool read_codes(characters *c, const data_request *r, bool bytes_only, const char **error) {
  int64_t room = 0;
  for (int i = 0; i < r->path_count; i++) {
    size_t size;
    const char *text = data_content(c->scratch, r->paths[i], &size, error);
    if (!text) {
      *error = arena_text(c->arena, *error);
      return false;
    }
    if ((int64_t)size > room - c->count) {
      c->codes = arena_grow(c->scratch, c->codes, (size_t)c->count, (size_t)c->count + size, sizeof *c->codes);
      room = c->count + (int64_t)size;
    }
    for (size_t at = 0; at < size;) {
      const unsigned char *byte = (const unsigned char *)text + at;
      int32_t code = *byte;
      int length = bytes_only ? 1 : decode(byte, size - at, &code);
      if (!length) {
        *error = arena_printf(c->arena, "%s: at byte %zu (0x%02x) there is no character of UTF-8",
                              r->paths[i], at, *byte);
        return false;
      }
      c->codes[c->count++] = code;
      at += (size_t)length;
    }
  }
  return true;
}

/* The number of each character: its place among those given, or among those of the text, in the
 * order of their codes; -1 where it has none. The count of numbers is returned. */
static int number_characters(const characters *c, const char *given, int32_t *numbers) {
  int count = 0;
  memset(numbers, -1, CODES * sizeof *numbers);
  if (given) {
    size_t size = strlen(given);
    for (size_t at = 0; at < size;) {
      int32_t code = 0;
      int length = decode((const unsigned char *)given + at, size - at, &code);
      if (length && numbers[code] < 0) numbers[code] = count++;
      at += length ? (size_t)length : 1;
    }
    return count;
  }
  for (int64_t i = 0; i < c->count; i++) numbers[c->codes[i]] = 0;
  for (int32_t code = 0; code < CODES; code++)
    if (!numbers[code]) numbers[code] = count++;
  return count;
}

static const char *to_numbers(characters *c, const data_request *r) {
  int32_t *numbers = arena_array_of(c->scratch, CODES, int32_t);
  number_characters(c, data_text(r, "vocabulary"), numbers);
  for (int64_t i = 0; i < c->count; i++) {
    int32_t number = numbers[c->codes[i]];
    if (number < 0)
      return arena_printf(c->arena, "character %lld, U+%04X, is none of the vocabulary", (long long)i,
                          (unsigned)c->codes[i]);
    c->codes[i] = number;
  }
  return NULL;
}

static const char *cut_rows(const characters *c, const data_request *r, array *x) {
  int64_t width = 1, rows;
  for (int i = 1; i < r->type.rank; i++) width *= r->type.dims[i].maximum;
  int64_t step = data_number(r, "step", width), offset = data_number(r, "offset", 0);
  if (step < 1) return "a step is at least 1";
  if (offset > c->count || c->count - offset < width)
    return arena_printf(c->arena, "a row is %lld characters, but behind the first %lld there are %lld",
                        (long long)width, (long long)offset,
                        (long long)(offset > c->count ? 0 : c->count - offset));
  rows = (c->count - offset - width) / step + 1;
  *x = (array){.element = r->type.element, .rank = r->type.rank ? r->type.rank : 1};
  x->extents[0] = rows;
  for (int i = 1; i < x->rank; i++) x->extents[i] = r->type.dims[i].maximum;
  size_t elements;
  if (__builtin_mul_overflow((size_t)rows, (size_t)width, &elements)) arena_exhausted(c->arena, 0);
  x->data = arena_array(c->arena, elements, dtype_size(x->element));
  for (int64_t row = 0, at = 0; row < rows; row++)
    for (int64_t i = 0; i < width; i++, at++) {
      int32_t code = c->codes[offset + row * step + i];
      element_set_int(x->element, x->data, at, code);
      if (element_int(x->element, x->data, at) != code)
        return arena_printf(c->arena, "character %lld has the number %d, which does not fit %s",
                            (long long)(offset + row * step + i), code, dtype_name(x->element));
    }
  return NULL;
}

array *text_read(arena *a, const data_request *r, const char **error) {
  characters c = {.arena = a, .scratch = arena_new()};
  bool numbered = data_text(r, "vocabulary") || data_number(r, "vocabulary", 0);
  array *x = arena_new_of(a, array);
  const char *fault = NULL;
  if (dtype_is_float(r->type.element))
    fault = arena_printf(a, "characters are integers, the input is %s", type_text(a, &r->type));
  bool read = !fault && read_codes(&c, r, !numbered, error);
  if (read && numbered) fault = to_numbers(&c, r);
  if (read && !fault) fault = cut_rows(&c, r, x);
  arena_free(c.scratch);
  x->path = r->paths[0];
  if (fault) *error = arena_printf(a, "%s: %s", r->paths[0], fault);
  return read && !fault ? x : NULL;
}
