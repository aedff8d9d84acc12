#include "weight_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the reading of a line stands. */
typedef struct reader {
  arena *arena;
  diagnostics *diagnostics;
  const source *source;
  const char *at, *line_start;
  int line;
} reader;

static location place(const reader *r, const char *from, const char *to) {
  int column = (int)(from - r->line_start) + 1;
  return (location){.source = r->source, .line = r->line, .column = column, .end_line = r->line,
                    .end_column = column + (to > from ? (int)(to - from) : 1)};
}

/* An error at what comes next. */
static bool refuse(const reader *r, const char *what) {
  const char *end = r->at;
  while (*end && !strchr(" \t\r\n#", *end)) end++;
  diag_error(r->diagnostics, place(r, r->at, end), "%s", what);
  return false;
}

static void skip_blanks(reader *r) {
  while (*r->at && strchr(" \t\r", *r->at)) r->at++;
  if (*r->at == '#') r->at += strcspn(r->at, "\n");
}

static bool is_end(const reader *r) { return !*r->at || *r->at == '\n'; }

/* Goes past a character where it comes next. */
static bool take(reader *r, char c) {
  if (*r->at != c) return false;
  r->at++;
  skip_blanks(r);
  return true;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* "[12]" or "[*]", which belongs to a name, as no other bracket does; its length or 0. */
static size_t index_length(const char *text) {
  size_t length = *text == '[' ? strspn(text + 1, "0123456789*") : 0;
  return length && text[length + 1] == ']' ? length + 2 : 0;
}

static size_t word_length(const char *text) {
  size_t length = 0;
  for (size_t more = 1; more; length += more) {
    more = strcspn(text + length, " \t\r\n#=+,()[]\"");
    if (!more) more = index_length(text + length);
  }
  return length;
}

/* The next word, without its blanks behind; NULL where there is none. */
static const char *take_word(reader *r, location *at) {
  size_t length = word_length(r->at);
  if (!length) return NULL;
  const char *word = arena_text_n(r->arena, r->at, length);
  *at = place(r, r->at, r->at + length);
  r->at += length;
  skip_blanks(r);
  return word;
}

static bool next_is(const reader *r, const char *word) {
  return word_length(r->at) == strlen(word) && !strncmp(r->at, word, strlen(word));
}

static bool take_number(reader *r, double *value) {
  location at;
  const char *begin = r->at, *word = take_word(r, &at);
  char *end = NULL;
  if (word) *value = strtod(word, &end);
  if (word && end != word && !*end && isfinite(*value)) return true;
  r->at = begin;
  return refuse(r, "a number is expected here");
}

/* An integer from 0 on, of at most nine digits. */
static bool take_integer(reader *r, int64_t *value) {
  size_t digits = strspn(r->at, "0123456789");
  if (!digits || digits > 9) return refuse(r, "an integer from 0 on is expected here");
  *value = strtoll(r->at, NULL, 10);
  r->at += digits;
  skip_blanks(r);
  return true;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool take_quoted(reader *r, map_name *name) {
  size_t length = strcspn(r->at + 1, "\"\n");
  if (r->at[1 + length] != '"') return refuse(r, "no quote ends this name in its line");
  name->pattern = arena_text_n(r->arena, r->at + 1, length);
  name->at = place(r, r->at, r->at + length + 2);
  r->at += length + 2;
  skip_blanks(r);
  return true;
}

/* ":", "2:5" or "1 of 3". */
static bool take_range(reader *r, map_range *range) {
  if (take(r, ':')) return true;
  if (!take_integer(r, &range->first)) return false;
  if (take(r, ':')) {
    range->kind = MAP_BOUNDS;
    if (!take_integer(r, &range->second)) return false;
    return range->first < range->second || refuse(r, "this range is empty");
  }
  if (!next_is(r, "of")) return refuse(r, "a range is written as `:`, `2:5` or `1 of 3`");
  r->at += 2;
  skip_blanks(r);
  range->kind = MAP_PART;
  if (!take_integer(r, &range->second)) return false;
  return range->first < range->second ||
         refuse(r, "parts are counted from 0, so that their number is above that of the part");
}

static bool take_box(reader *r, map_name *name) {
  if (!take(r, '[')) return true;
  do {
    if (name->range_count == MAX_RANK) return refuse(r, "more axes than are supported (8)");
    if (!take_range(r, &name->ranges[name->range_count++])) return false;
  } while (take(r, ','));
  return take(r, ']') || refuse(r, "`]` or `,` is expected here");
}

static int stars_of(const char *pattern) {
  int stars = 0;
  for (; *pattern; pattern++) stars += *pattern == '*';
  return stars;
}

static bool take_name(reader *r, const char *what, map_name *name) {
  *name = (map_name){0};
  const char *begin = r->at;
  if (*begin == '"') {
    if (!take_quoted(r, name)) return false;
  } else if (!(name->pattern = take_word(r, &name->at))) {
    return refuse(r, what);
  }
  if (stars_of(name->pattern) <= MAP_STARS) return take_box(r, name);
  r->at = begin;
  return refuse(r, "more than 8 `*` in one name");
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* transpose, or transpose(2, 0, 1). */
static bool take_axes(reader *r, map_term *t) {
  bool seen[MAX_RANK] = {false};
  if (!next_is(r, "transpose")) return true;
  r->at += strlen("transpose");
  skip_blanks(r);
  t->axis_count = -1;
  if (!take(r, '(')) return true;
  t->axis_count = 0;
  do {
    int64_t axis;
    if (t->axis_count == MAX_RANK) return refuse(r, "more axes than are supported (8)");
    if (!take_integer(r, &axis)) return false;
    if (axis >= MAX_RANK || seen[axis]) return refuse(r, "the axes behind transpose are 0, 1, …, each once");
    seen[axis] = true;
    t->axes[t->axis_count++] = (int)axis;
  } while (take(r, ','));
  for (int i = 0; i < t->axis_count; i++)
    if (!seen[i]) return refuse(r, "the axes behind transpose are 0, 1, …, each once");
  return take(r, ')') || refuse(r, "`)` or `,` is expected here");
}

static bool is_number(const reader *r) {
  char *end;
  size_t length = word_length(r->at);
  strtod(r->at, &end);
  return length && end == r->at + length;
}

/* A number, or (0, -1, 0, 0). */
static bool take_constants(reader *r, map_line *line) {
  bool several = take(r, '(');
  if (line->constant_count) return refuse(r, "constants stand once in a line, last");
  do {
    double value = 0;
    if (!take_number(r, &value)) return false;
    arena_push(r->arena, line->constants, line->constant_count) = value;
  } while (several && take(r, ','));
  return !several || take(r, ')') || refuse(r, "`)` or `,` is expected here");
}

static bool take_term(reader *r, map_line *line) {
  if (line->term_count && (*r->at == '(' || is_number(r))) return take_constants(r, line);
  map_term t = {0};
  if (!take_name(r, "the name of a tensor of the file is expected here", &t.name)) return false;
  if (line->constant_count) return refuse(r, "constants stand once in a line, last");
  int own = stars_of(line->own.pattern), stars = stars_of(t.name.pattern);
  if (own != stars) {
    diag_error(r->diagnostics, t.name.at, "`%s` has %d `*`, `%s` has %d: each stands for the same "
               "characters on both sides, in this order", line->own.pattern, own, t.name.pattern, stars);
    return false;
  }
  if (!take_axes(r, &t)) return false;
  arena_push(r->arena, line->terms, line->term_count) = t;
  return true;
}

static bool take_line(reader *r, map_line *line) {
  static const char expected[] = "a line is NAME = NAME, `keep NAME` or `ignore NAME`";
  map_line_kind kind = next_is(r, "keep") ? MAP_KEEP : next_is(r, "ignore") ? MAP_IGNORE : MAP_ASSIGN;
  *line = (map_line){0};
  if (!take_name(r, expected, &line->own)) return false;
  if (*r->at != '=' && kind != MAP_ASSIGN) {
    line->kind = kind;
    if (!take_name(r, expected, &line->own)) return false;
    if (line->own.range_count) return refuse(r, "only whole tensors are kept or ignored");
  } else {
    if (!take(r, '=')) return refuse(r, expected);
    do {
      if (!take_term(r, line)) return false;
    } while (take(r, '+'));
  }
  return is_end(r) || refuse(r, line->kind == MAP_ASSIGN ? "`+`, `transpose` or the end of the line is "
                                                           "expected here"
                                                         : "the end of the line is expected here");
}

const weight_map *weight_map_parse(arena *a, diagnostics *d, const source *text) {
  weight_map *map = arena_new_of(a, weight_map);
  reader r = {a, d, text, text->text, text->text, 1};
  for (;; r.line++, r.line_start = ++r.at) {
    map_line line;
    skip_blanks(&r);
    if (!is_end(&r) && take_line(&r, &line)) arena_push(a, map->lines, map->line_count) = line;
    r.at += strcspn(r.at, "\n");
    if (!*r.at) break;
  }
  return diag_count(d) ? NULL : map;
}

/* ---- patterns -------------------------------------------------------------------------------- */

bool weight_map_match(const char *pattern, const char *name, map_stars *stars) {
  const char *behind = NULL; /* the last star */
  int count = 0;
  while (*name || *pattern == '*') {
    if (*pattern == '*') {
      behind = ++pattern;
      stars->at[count] = name;
      stars->lengths[count++] = 0;
    } else if (*pattern == *name) {
      pattern++;
      name++;
    } else if (behind) { /* it stands for one character more */
      pattern = behind;
      name = stars->at[count - 1] + ++stars->lengths[count - 1];
    } else {
      return false;
    }
  }
  return !*pattern;
}

const char *weight_map_fill(arena *a, const char *pattern, const map_stars *stars) {
  const char *name = "", *star;
  for (int i = 0; (star = strchr(pattern, '*')); i++, pattern = star + 1)
    name = arena_printf(a, "%s%.*s%.*s", name, (int)(star - pattern), pattern, (int)stars->lengths[i],
                        stars->at[i]);
  return arena_printf(a, "%s%s", name, pattern);
}
