#include "writer.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

writer writer_new(arena *a) { return (writer){.arena = a, .text = arena_text(a, "")}; }

static void append(writer *w, const char *text, size_t length) {
  if (w->length + length + 1 > w->capacity) {
    size_t capacity = 2 * (w->length + length) + 256;
    w->text = arena_grow(w->arena, w->text, w->length, capacity, 1);
    w->capacity = capacity;
  }
  memcpy(w->text + w->length, text, length);
  w->length += length;
  w->text[w->length] = '\0';
}

static void spaces(writer *w, int count) {
  for (int i = 0; i < count; i++) append(w, " ", 1);
}

/* Where to break a text of which only `room` bytes fit: in the second half, at the last of the
 * outermost spaces, after a comma if there is such a one; else at the last space; never within
 * quotes; 0 where there is none. */
static size_t break_at(const char *text, size_t room) {
  size_t best = 0;
  int depth = 0, best_rank = INT_MAX;
  bool quoted = text[0] == '"';
  for (size_t i = 1; i <= room && text[i]; i++) {
    char c = text[i - 1];
    depth += (c == '(' || c == '{' || c == '[') - (c == ')' || c == '}' || c == ']');
    if (text[i] == '"') quoted = !quoted;
    int rank = 2 * depth + (c != ',' && c != ';');
    if (quoted || text[i] != ' ' || (best > room / 2 && rank > best_rank)) continue;
    best = i;
    best_rank = rank;
  }
  return best;
}

/* Lines of the preprocessor stay whole and begin in the first column. */
static void wrapped(writer *w, const char *text) {
  if (text[0] == '#') {
    append(w, text, strlen(text));
    append(w, "\n", 1);
    return;
  }
  int indent = 2 * w->indent;
  spaces(w, indent);
  for (;;) {
    size_t room = indent < WRITER_COLUMNS - 40 ? (size_t)(WRITER_COLUMNS - indent) : 40;
    size_t length = strlen(text), cut = length <= room ? 0 : break_at(text, room);
    append(w, text, cut > 0 ? cut : length);
    append(w, "\n", 1);
    if (cut == 0) return;
    text += cut + 1;
    indent = 2 * w->indent + 4;
    spaces(w, indent);
  }
}

void writer_text(writer *w, const char *text) { append(w, text, strlen(text)); }

void writer_gap(writer *w) { append(w, "\n", 1); }

void writer_line(writer *w, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  wrapped(w, arena_vprintf(w->arena, format, arguments));
  va_end(arguments);
}

void writer_open(writer *w, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  wrapped(w, arena_printf(w->arena, "%s {", arena_vprintf(w->arena, format, arguments)));
  va_end(arguments);
  w->indent++;
}

void writer_close(writer *w, const char *after) {
  w->indent--;
  wrapped(w, arena_printf(w->arena, "}%s", after));
}

/* ---- comments ------------------------------------------------------------------------------ */

/* Puts a space between the two characters of comment marks and drops what is not printable. */
static char *harmless(arena *a, const char *text) {
  char *copy = arena_alloc(a, 2 * strlen(text) + 1), *to = copy;
  for (const char *c = text; *c; c++) {
    bool mark = c > text && ((c[-1] == '*' && *c == '/') || (c[-1] == '/' && *c == '*'));
    if (mark) *to++ = ' ';
    if (*c == '\n' || (unsigned char)*c >= ' ') *to++ = *c;
  }
  return copy;
}

void writer_comment(writer *w, const char *text) {
  char *rest = harmless(w->arena, text);
  const char *start = "/* ";
  size_t room = (size_t)(WRITER_COLUMNS - 2 * w->indent - 6);
  while (rest) {
    char *next = strchr(rest, '\n');
    if (next) *next++ = '\0';
    size_t length = strlen(rest), cut = length > room ? break_at(rest, room) : 0;
    if (cut > 0) {
      if (next) next[-1] = '\n';
      next = rest + cut + 1;
      rest[cut] = '\0';
    }
    spaces(w, 2 * w->indent);
    append(w, start, 3);
    append(w, rest, strlen(rest));
    append(w, next ? "\n" : " */\n", next ? 1 : 4);
    start = " * ";
    rest = next;
  }
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* True for multiples of 1/16 below a million, which a short decimal shows exactly. */
static bool is_plain(double x) { return fabs(x) < 1e6 && x * 16 == floor(x * 16); }

const char *writer_real(arena *a, double value, bool single) {
  const char *suffix = single ? "f" : "", *minus = signbit(value) ? "-" : "";
  if (isnan(value)) return arena_printf(a, "__builtin_nan%s(\"\")", suffix);
  if (isinf(value)) return arena_printf(a, "%s__builtin_inf%s()", minus, suffix);
  if (!is_plain(value)) return arena_printf(a, "%a%s", value, suffix);
  const char *text = arena_printf(a, "%.10g", value);
  return arena_printf(a, "%s%s%s", text, strchr(text, '.') ? "" : ".0", suffix);
}

const char *writer_int(arena *a, int64_t value) {
  if (value == INT64_MIN) return "(-INT64_C(9223372036854775807) - 1)";
  bool small = value >= -INT32_MAX && value <= INT32_MAX;
  return arena_printf(a, small ? "%lld" : "INT64_C(%lld)", (long long)value);
}
