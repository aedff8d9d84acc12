#include "diag.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"

enum {
  KEPT = 10 * DIAG_MOST, /* errors remembered, of which the first DIAG_MOST by place are shown */
  KEPT_AT_A_PLACE = 3,   /* the others do not count, so that one fault in a loop leaves room for other faults */
  SHOWN_COLUMNS = 96,    /* of a source line */
  SHOWN_BYTES = 600,     /* of a message or a note */
  LONGEST_NAME = 64,     /* that diag_nearest compares */
};

typedef struct error {
  location at;
  int file;  /* rank of the source by first appearance */
  int order; /* of recording */
  char *message;
  char **notes;
  int note_count;
} error;

struct diagnostics {
  arena *arena;
  error *errors;
  int error_count;
  int total;
  error *last; /* takes notes; NULL after a repetition */
  const source **files;
  int file_count;
};

diagnostics *diag_new(arena *a) {
  diagnostics *d = arena_new_of(a, diagnostics);
  d->arena = a;
  return d;
}

static int caret_line(location at) { return at.caret_line ? at.caret_line : at.line; }
static int caret_column(location at) { return at.caret_line ? at.caret_column : at.column; }

static int file_rank(diagnostics *d, const source *s) {
  int i = 0;
  while (i < d->file_count && d->files[i] != s) i++;
  if (i == d->file_count) arena_push(d->arena, d->files, d->file_count) = s;
  return i;
}

static bool same_place(location a, location b) {
  return a.source == b.source && caret_line(a) == caret_line(b) &&
         caret_column(a) == caret_column(b);
}

static bool already_recorded(const diagnostics *d, location at, const char *message) {
  for (int i = 0; i < d->error_count; i++)
    if (same_place(d->errors[i].at, at) && !strcmp(d->errors[i].message, message)) return true;
  return false;
}

static int recorded_at(const diagnostics *d, location at) {
  int count = 0;
  for (int i = 0; at.source && i < d->error_count; i++) count += same_place(d->errors[i].at, at);
  return count;
}

void diag_error(diagnostics *d, location at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *message = arena_vprintf(d->arena, format, arguments);
  va_end(arguments);
  d->last = NULL;
  if (already_recorded(d, at, message) || recorded_at(d, at) == KEPT_AT_A_PLACE) return;
  int order = d->total++;
  if (d->error_count == KEPT) return;
  arena_push(d->arena, d->errors, d->error_count) =
      (error){.at = at, .file = file_rank(d, at.source), .order = order, .message = message};
  d->last = &d->errors[d->error_count - 1];
}

void diag_note(diagnostics *d, const char *format, ...) {
  if (!d->last) return;
  va_list arguments;
  va_start(arguments, format);
  char *note = arena_vprintf(d->arena, format, arguments);
  va_end(arguments);
  arena_push(d->arena, d->last->notes, d->last->note_count) = note;
}

int diag_count(const diagnostics *d) { return d->total; }

static int by_place(const void *left, const void *right) {
  const error *a = *(error *const *)left, *b = *(error *const *)right;
  if (a->file != b->file) return a->file < b->file ? -1 : 1;
  int line = caret_line(a->at) - caret_line(b->at);
  if (line) return line;
  int column = caret_column(a->at) - caret_column(b->at);
  return column ? column : a->order - b->order;
}

/* The text of a line, without its newline, and its length; NULL where there is no such line. */
static const char *line_of(const source *s, int line, int *length) {
  const char *text = s->text, *end = s->text + s->length;
  for (int i = 1; i < line; i++) {
    text = memchr(text, '\n', (size_t)(end - text));
    if (!text) return NULL;
    text++;
  }
  const char *stop = memchr(text, '\n', (size_t)(end - text));
  *length = (int)((stop ? stop : end) - text);
  if (*length > 0 && text[*length - 1] == '\r') --*length;
  return text;
}

static int at_least(int value, int least) { return value < least ? least : value; }
static int at_most(int value, int most) { return value > most ? most : value; }

int diag_character(const char *text, int length) {
  unsigned char first = (unsigned char)text[0];
  if (first < 0x80) return first >= ' ' && first <= '~';
  int bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};
  if (first < 0xc2 || first > 0xf4 || bytes > length) return 0;
  uint32_t code = first & (0x7fu >> bytes);
  for (int i = 1; i < bytes; i++) {
    if (((unsigned char)text[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | ((unsigned char)text[i] & 0x3f);
  }
  bool surrogate = code >= 0xd800 && code < 0xe000;
  bool direction = (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                   (code >= 0x2066 && code <= 0x2069);
  return code < least[bytes] || code > 0x10ffff || surrogate || direction ? 0 : bytes;
}

/* The bytes that take one column: a character, or a byte that is shown as '?'. */
static int step(const char *text, int at, int length) {
  return at_least(diag_character(text + at, length - at), 1);
}

static void print_line(FILE *out, const char *text, int from, int to, int length, bool cut) {
  fputs(cut ? "... " : "    ", out);
  for (int i = from, bytes; i < to; i += bytes) {
    bytes = step(text, i, to);
    if (diag_character(text + i, to - i))
      fwrite(text + i, 1, (size_t)bytes, out);
    else
      putc(text[i] == '\t' ? ' ' : '?', out);
  }
  fputs(to < length ? " ...\n" : "\n", out);
}

/* Is the byte the second or a later one of a character? */
static bool continues(char byte) { return ((unsigned char)byte & 0xc0) == 0x80; }

/* The part of the caret's line that is shown, and under it the span with the caret in it. All
 * positions are offsets in the line. */
static void print_excerpt(FILE *out, location at) {
  int length;
  const char *text = line_of(at.source, caret_line(at), &length);
  if (!text) return;
  int indent = 0;
  while (indent < length && (text[indent] == ' ' || text[indent] == '\t')) indent++;
  int caret = at_most(at_least(caret_column(at) - 1, 0), length);
  int start = at.line == caret_line(at) ? at_least(at.column - 1, 0) : indent;
  int end = at.end_line == caret_line(at) ? at.end_column - 1 : length;
  int from = at_most(indent, caret), to = length;
  if (to - from > SHOWN_COLUMNS) {
    from = at_least(at_most(caret - SHOWN_COLUMNS / 2, length - SHOWN_COLUMNS), from);
    to = at_most(from + SHOWN_COLUMNS, length);
    while (from < caret && continues(text[from])) from++;
    while (to < length && to > caret + 1 && continues(text[to])) to--;
  }
  print_line(out, text, from, to, length, from > at_most(indent, caret));
  start = at_most(at_least(start, from), caret);
  end = at_least(at_most(end, to), caret + 1);
  fputs("    ", out);
  bool marked = false;
  for (int i = from, bytes; i < end; i += bytes) {
    bytes = i < to ? step(text, i, to) : 1;
    if (i + bytes > start && !marked) fputs(colour_text(out, COLOUR_ERROR), out);
    marked = marked || i + bytes > start;
    putc(!marked ? ' ' : i <= caret && caret < i + bytes ? '^' : '~', out);
  }
  fprintf(out, "%s\n", colour_text(out, COLOUR_OFF));
}

/* Messages quote what users wrote: control characters do not reach the terminal, and only the
 * beginning and the end of a long one. */
static void print_message(FILE *out, const char *message) {
  size_t length = strlen(message), half = SHOWN_BYTES / 2;
  for (size_t i = 0; i < length; i++) {
    if (length > SHOWN_BYTES && i == half) {
      fputs(" ... ", out);
      i = length - half;
    }
    unsigned char c = (unsigned char)message[i];
    putc((c < ' ' && c != '\n') || c == 127 ? '?' : c, out);
  }
  putc('\n', out);
}

static void print_error(FILE *out, const error *e) {
  if (e->at.source)
    fprintf(out, "%s%s:%d:%d:%s ", colour_text(out, COLOUR_PLACE), e->at.source->name,
            caret_line(e->at), caret_column(e->at), colour_text(out, COLOUR_OFF));
  colour_word(out, COLOUR_ERROR, "error:");
  print_message(out, e->message);
  if (e->at.source) print_excerpt(out, e->at);
  for (int i = 0; i < e->note_count; i++) print_message(out, e->notes[i]);
}

void diag_print(const diagnostics *d, FILE *out) {
  const error *sorted[KEPT];
  for (int i = 0; i < d->error_count; i++) sorted[i] = &d->errors[i];
  qsort(sorted, (size_t)d->error_count, sizeof *sorted, by_place);
  int shown = at_most(d->error_count, DIAG_MOST);
  for (int i = 0; i < shown; i++) print_error(out, sorted[i]);
  int more = d->total - shown;
  if (more > 0) fprintf(out, "%d more error%s not shown\n", more, more == 1 ? " is" : "s are");
}

const char *diag_place(arena *a, location at) {
  if (!at.source) return "?";
  return arena_printf(a, "%s:%d:%d", at.source->name, caret_line(at), caret_column(at));
}

const char *diag_short_place(arena *a, location at) {
  const char *place = diag_place(a, at), *slash = strrchr(place, '/');
  return slash ? slash + 1 : place;
}

const char *diag_words(arena *a, location at, int most) {
  int length = 0;
  const char *text = at.source ? line_of(at.source, at.line, &length) : NULL;
  if (!text) return "";
  int start = at_most(at_least(at.column - 1, 0), length);
  int end = at.end_line == at.line ? at_most(at.end_column - 1, length) : length;
  char *words = arena_text_n(a, text + start, (size_t)at_least(end - start, 0));
  int at_byte = 0, bytes;
  for (int columns = 0; words[at_byte] && columns < most; at_byte += bytes, columns++) {
    bytes = step(words, at_byte, end - start);
    if (!diag_character(words + at_byte, bytes)) words[at_byte] = ' ';
  }
  bool cut = words[at_byte] || at.end_line > at.line;
  words[at_byte] = 0;
  return cut ? arena_printf(a, "%s …", words) : words;
}

location diag_own(location at) {
  while (at.source && at.source->library && at.called) at = *at.called;
  return at;
}

int diag_line(location at) { return at.source ? caret_line(at) : 0; }

const char *diag_line_text(arena *a, location at, int most) {
  int length = 0, indent = 0;
  const char *text = at.source ? line_of(at.source, caret_line(at), &length) : NULL;
  if (!text) return "";
  while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) length--;
  while (indent < length && (text[indent] == ' ' || text[indent] == '\t')) indent++;
  at = (location){.source = at.source, .line = caret_line(at), .column = indent + 1};
  at.end_line = at.line;
  at.end_column = length + 1;
  return diag_words(a, at, most);
}

location diag_span(location from, location to) {
  if (!from.source) return to;
  if (!to.source) return from;
  from.end_line = to.end_line;
  from.end_column = to.end_column;
  from.caret_line = from.caret_column = 0;
  return from;
}

/* The number of insertions, deletions, replacements and swaps of neighbours that lead from one
 * name to the other (optimal string alignment). */
static int distance(const char *a, int a_length, const char *b, int b_length) {
  int rows[3][LONGEST_NAME + 1];
  int *before = rows[0], *above = rows[1], *row = rows[2];
  for (int j = 0; j <= b_length; j++) before[j] = above[j] = j;
  for (int i = 1; i <= a_length; i++) {
    row[0] = i;
    for (int j = 1; j <= b_length; j++) {
      int best = above[j - 1] + (a[i - 1] != b[j - 1]);
      best = at_most(at_most(best, above[j] + 1), row[j - 1] + 1);
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      row[j] = swapped ? at_most(best, before[j - 2] + 1) : best;
    }
    int *free_row = before;
    before = above;
    above = row;
    row = free_row;
  }
  return above[b_length];
}

const char *diag_nearest(const char *name, const char *const *names, int count) {
  size_t length = strlen(name);
  if (length > LONGEST_NAME) return NULL;
  const char *nearest = NULL;
  int least = (int)length / 3 + 1;
  for (int i = 0; i < count; i++) {
    size_t other = names[i] ? strlen(names[i]) : LONGEST_NAME + 1;
    if (other > LONGEST_NAME) continue;
    int d = distance(name, (int)length, names[i], (int)other);
    if (d < least) {
      least = d;
      nearest = names[i];
    }
  }
  return nearest;
}

void diag_internal(const char *file, int line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "internal error at %s:%d: ", file, line);
  vfprintf(stderr, format, arguments);
  fputs("\nPlease report this with the .dnn file.\n", stderr);
  va_end(arguments);
  exit(70);
}
