/* Plain text: bytes as they are, or characters of UTF-8 or words by their number in a vocabulary. */
#include <ctype.h>
#include <string.h>

#include "data_stream.h"
#include "element.h"
#include "vocabulary.h"

enum { CODES = 0x110000 };

typedef enum token_kind { BYTES, CHARACTERS, WORDS } token_kind;

/* All files, one after the other, as numbers. */
typedef struct tokens {
  arena *arena, *scratch;
  token_kind kind;
  const vocabulary *words;
  bool others;    /* a word that is none of the vocabulary has the number behind its last */
  bool by_lines;
  int32_t *codes;
  int64_t count, room;
  int64_t *lines; /* where each begins */
  int64_t line_count, line_room;
} tokens;

static const char *const kind_words[] = {"byte", "character", "word"};

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

static void push(tokens *t, int32_t code) {
  if (t->count == t->room) {
    t->room = 2 * t->room + 1024;
    t->codes = arena_grow(t->scratch, t->codes, (size_t)t->count, (size_t)t->room, sizeof *t->codes);
  }
  t->codes[t->count++] = code;
}

static void begin_line(tokens *t) {
  if (t->line_count == t->line_room) {
    t->line_room = 2 * t->line_room + 64;
    t->lines = arena_grow(t->scratch, t->lines, (size_t)t->line_count, (size_t)t->line_room, sizeof *t->lines);
  }
  t->lines[t->line_count++] = t->count;
}

static bool is_blank(char byte) { return byte && strchr(" \t\r\f\v", byte); }

/* Letters, digits, and all that is not ASCII. */
static bool is_letter(char byte) {
  return isalnum((unsigned char)byte) || byte == '_' || byte == '\'' || byte & 0x80;
}

/* The length of the word at a place: letters, or one other byte. */
static size_t word_length(const char *at, size_t left) {
  size_t length = 0;
  while (length < left && is_letter(at[length])) length++;
  return length ? length : 1;
}

/* The length of the token at a place, and its number; 0 with a fault. */
static size_t read_token(tokens *t, const char *at, size_t left, int32_t *code, const char **fault) {
  const unsigned char byte = (unsigned char)*at;
  *code = byte;
  if (t->kind == BYTES) return 1;
  if (t->kind == CHARACTERS) {
    int length = decode((const unsigned char *)at, left, code);
    if (!length) *fault = arena_printf(t->arena, "(0x%02x) there is no character of UTF-8", byte);
    return (size_t)length;
  }
  size_t length = word_length(at, left);
  const char *word = arena_text_n(t->scratch, at, length);
  *code = (int32_t)vocabulary_find(t->words, word);
  if (*code < 0 && t->others) *code = t->words->count;
  if (*code >= 0) return length;
  *fault = arena_printf(t->arena, "the word \"%s\" is none of the vocabulary", *word == '\n' ? "\\n" : word);
  return 0;
}

/* The tokens of a file. */
static const char *read_tokens(tokens *t, const char *text, size_t size) {
  const char *fault = NULL;
  if (t->by_lines && size) begin_line(t);
  for (size_t at = t->kind == BYTES ? 0 : data_mark(text, size); at < size;) {
    bool end = text[at] == '\n', returns = at + 1 < size && text[at] == '\r' && text[at + 1] == '\n';
    if (t->by_lines && (end || returns)) {
      at += end ? 1 : 2;
      if (at < size) begin_line(t);
    } else if (t->kind == WORDS && is_blank(text[at])) {
      at++;
    } else {
      int32_t code;
      size_t length = read_token(t, text + at, size - at, &code, &fault);
      if (fault) return arena_printf(t->arena, "at byte %zu %s", at, fault);
      push(t, code);
      at += length;
    }
  }
  return NULL;
}

static bool read_files(tokens *t, const data_request *r, const char **error) {
  for (int i = 0; i < r->path_count; i++) {
    size_t size;
    const char *text = data_content(t->scratch, r->paths[i], &size, error);
    const char *fault = text ? read_tokens(t, text, size) : NULL;
    if (fault) *error = arena_printf(t->arena, "%s: %s", r->paths[i], fault);
    else if (!text) *error = arena_text(t->arena, *error);
    if (fault || !text) return false;
  }
  return true;
}

/* The words of all files. */
static bool collect_words(tokens *t, const data_request *r, vocabulary *v, const char **error) {
  for (int i = 0; i < r->path_count; i++) {
    size_t size;
    const char *text = data_content(t->scratch, r->paths[i], &size, error);
    if (!text) {
      *error = arena_text(t->arena, *error);
      return false;
    }
    for (size_t at = data_mark(text, size); at < size;) {
      bool skipped = is_blank(text[at]) || (t->by_lines && text[at] == '\n');
      size_t length = skipped ? 1 : word_length(text + at, size - at);
      if (!skipped) vocabulary_add(v, arena_text_n(t->scratch, text + at, length));
      at += length;
    }
  }
  return true;
}

/* The words given, or those of the text. False with an error. */
static bool find_words(tokens *t, const data_request *r, const char **error) {
  vocabulary *v = vocabulary_new(t->scratch);
  bool given = data_text(r, "vocabulary");
  for (int i = 0; i < r->setting_count; i++)
    if (given && !strcmp(r->settings[i].name, "vocabulary")) vocabulary_add(v, r->settings[i].text);
  if (!given && !collect_words(t, r, v, error)) return false;
  vocabulary_close(v, !given);
  t->words = v;
  return true;
}

/* The number of each character: its place among those given, or among those of the text, in the
 * order of their codes; -1 where it has none. The count of numbers is returned. */
static int number_characters(const tokens *c, const char *given, int32_t *numbers) {
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

static const char *to_numbers(tokens *c, const data_request *r) {
  int32_t *numbers = arena_array_of(c->scratch, CODES, int32_t);
  int texts = 0;
  for (int i = 0; i < r->setting_count; i++)
    texts += r->settings[i].text && !strcmp(r->settings[i].name, "vocabulary");
  if (texts > 1) return "the vocabulary of characters is one text; several are words, with words: true";
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

static int64_t row_width(const tensor_type *type) {
  int64_t width = 1;
  for (int i = 1; i < type->rank; i++) width *= type->dims[i].maximum;
  return width;
}

/* Room for so many rows of the input, all zero. */
static void make_rows(arena *a, const tensor_type *type, int64_t rows, array *x) {
  *x = (array){.element = type->element, .rank = type->rank ? type->rank : 1};
  x->extents[0] = rows;
  for (int i = 1; i < x->rank; i++) x->extents[i] = type->dims[i].maximum;
  size_t elements;
  if (__builtin_mul_overflow((size_t)rows, (size_t)row_width(type), &elements)) arena_exhausted(a, 0);
  x->data = arena_array(a, elements, dtype_size(x->element));
}

/* Writes a token, raised by one where 0 pads; a fault where it does not fit. */
static const char *put(const tokens *t, array *x, int64_t at, int64_t token) {
  int32_t code = t->codes[token] + (t->by_lines && t->kind != BYTES);
  element_set_int(x->element, x->data, at, code);
  if (element_int(x->element, x->data, at) == code) return NULL;
  return arena_printf(t->arena, "%s %lld has the number %d, which does not fit %s", kind_words[t->kind],
                      (long long)token, code, dtype_name(x->element));
}

static const char *cut_rows(const tokens *t, const data_request *r, array *x) {
  int64_t width = row_width(&r->type);
  int64_t step = data_number(r, "step", width), offset = data_number(r, "offset", 0);
  const char *fault = NULL;
  if (step < 1) return "a step is at least 1";
  if (offset > t->count || t->count - offset < width)
    return arena_printf(t->arena, "a row is %lld %ss, but behind the first %lld there are %lld",
                        (long long)width, kind_words[t->kind], (long long)offset,
                        (long long)(offset > t->count ? 0 : t->count - offset));
  make_rows(t->arena, &r->type, (t->count - offset - width) / step + 1, x);
  for (int64_t row = 0, at = 0; row < x->extents[0]; row++)
    for (int64_t i = 0; i < width && !fault; i++, at++) fault = put(t, x, at, offset + row * step + i);
  return fault;
}

static const char *pad_lines(const tokens *t, const data_request *r, array *x) {
  int64_t width = row_width(&r->type);
  const char *fault = NULL;
  if (data_given(r, "step") || data_given(r, "offset")) return "lines have no `step` or `offset`";
  if (!t->line_count) return "there is no line";
  make_rows(t->arena, &r->type, t->line_count, x);
  for (int64_t row = 0; row < t->line_count; row++) {
    int64_t first = t->lines[row], end = row + 1 < t->line_count ? t->lines[row + 1] : t->count;
    if (end - first > width)
      return arena_printf(t->arena, "line %lld has %lld %ss, a row of the input %lld", (long long)row + 1,
                          (long long)(end - first), kind_words[t->kind], (long long)width);
    for (int64_t i = first; i < end && !fault; i++) fault = put(t, x, row * width + i - first, i);
  }
  return fault;
}

array *text_read(arena *a, const data_request *r, const char **error) {
  tokens t = {.arena = a, .scratch = arena_new(), .by_lines = data_number(r, "lines", 0),
              .others = data_number(r, "others", 0)};
  bool numbered = data_text(r, "vocabulary") || data_number(r, "vocabulary", 0);
  t.kind = data_number(r, "words", 0) ? WORDS : numbered ? CHARACTERS : BYTES;
  array *x = arena_new_of(a, array);
  const char *fault = NULL;
  if (dtype_is_float(r->type.element))
    fault = arena_printf(a, "%ss are integers, the input is %s", kind_words[t.kind], type_text(a, &r->type));
  if (!fault && t.others && (t.kind != WORDS || !data_text(r, "vocabulary")))
    fault = "others are words that are none of the vocabulary given: with words: true, vocabulary: (\"a\", …)";
  bool read = !fault && (t.kind != WORDS || find_words(&t, r, error)) && read_files(&t, r, error);
  if (read && t.kind == CHARACTERS) fault = to_numbers(&t, r);
  if (read && !fault) fault = t.by_lines ? pad_lines(&t, r, x) : cut_rows(&t, r, x);
  arena_free(t.scratch);
  x->path = r->paths[0];
  if (fault) *error = arena_printf(a, "%s: %s", r->paths[0], fault);
  return read && !fault ? x : NULL;
}
