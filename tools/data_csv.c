/* Tables of text, by libcsv (RFC 4180, with any separator): a row of the input is some fields of
 * a record. Rows and columns count from 0, a header is no row. */
#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data_stream.h"
#include "element.h"
#include "vocabulary.h"

/* One file while it is read. */
typedef struct table {
  arena *arena, *scratch;   /* scratch: for words that are not kept */
  const data_request *request;
  const vocabulary *classes; /* or NULL: fields are numbers */
  vocabulary *words;         /* where not NULL, the fields are collected here and nowhere else */
  int64_t *columns;          /* of each element of a row */
  int64_t column_count;
  bool header;               /* the next record is it */
  bool ragged;               /* records may hold unequal numbers of fields */
  char *text;                /* of the fields of this record, each with a zero byte behind it */
  size_t text_bytes, text_room;
  size_t *starts;            /* of the fields */
  int fields;
  int64_t record_fields;     /* of the first record; 0 before */
  int64_t rows;
  char *elements;
  const char *fault;
} table;

static const char *field(const table *t, int64_t i) { return t->text + t->starts[i]; }

/* --- columns -------------------------------------------------------------------------------- */

static int64_t row_elements(const tensor_type *type) {
  int64_t elements = 1;
  for (int i = 1; i < type->rank; i++) elements *= type->dims[i].maximum;
  return elements;
}

static int64_t column_named(const table *t, const char *name) {
  for (int i = 0; i < t->fields; i++)
    if (!strcmp(field(t, i), name)) return i;
  return -1;
}

/* The columns that are asked for, or all, when the first record is known. */
static void choose_columns(table *t) {
  const data_request *r = t->request;
  int count = 0;
  for (int i = 0; i < r->setting_count && !t->fault; i++) {
    const reader_setting *s = &r->settings[i];
    if (strcmp(s->name, "columns")) continue;
    int64_t column = s->text ? column_named(t, s->text) : s->number;
    if (column < 0)
      t->fault = arena_printf(t->arena, "the header has no column %.200s", s->text);
    else if (column >= t->fields)
      t->fault = arena_printf(t->arena, "there is no column %lld: the first record has %d",
                              (long long)column, t->fields);
    arena_push(t->arena, t->columns, count) = column;
  }
  for (int i = 0; !data_given(r, "columns") && i < t->fields; i++)
    arena_push(t->arena, t->columns, count) = i;
  t->column_count = count;
  int64_t wanted = row_elements(&r->type);
  if (!t->fault && !t->words && count != wanted)
    t->fault = arena_printf(t->arena, "%d columns are taken, a row of the input %s has %lld elements",
                            count, type_text(t->arena, &r->type), (long long)wanted);
  else if (!t->fault && (t->words || t->classes) && count != 1)
    t->fault = arena_printf(t->arena, "classes stand in one column, but %d are taken", count);
}

/* --- fields --------------------------------------------------------------------------------- */

static const char *place(const table *t, int64_t column) {
  return arena_printf(t->arena, "row %lld, column %lld", (long long)t->rows, (long long)column);
}

static void store_class(table *t, const char *text, int64_t column) {
  int64_t number = vocabulary_find(t->classes, text);
  if (number < 0)
    t->fault = arena_printf(t->arena, "%s: \"%.200s\" is none of the %d classes", place(t, column), text,
                            t->classes->count);
  else if (!vocabulary_fits(t->classes, t->request->type.element))
    t->fault = arena_printf(t->arena, "%d classes do not fit %s", t->classes->count,
                            dtype_name(t->request->type.element));
  else element_set_int(t->request->type.element, t->elements, t->rows, number);
}

/* Decimal numbers only: no blanks, hexadecimal digits, or words. */
static bool is_decimal(const char *text, bool real) {
  return *text && !text[strspn(text, real ? "0123456789+-.eE" : "0123456789+-")];
}

static void store_number(table *t, const char *text, int64_t column, int64_t at) {
  dtype element = t->request->type.element;
  bool real = dtype_is_float(element), fits;
  char *end = NULL;
  errno = 0;
  if (!is_decimal(text, real)) {
    fits = false;
  } else if (real) {
    double value = strtod(text, &end);
    element_set_real(element, t->elements, at, value);
    fits = isfinite(element_real(element, t->elements, at));
  } else {
    int64_t value = strtoll(text, &end, 10);
    element_set_int(element, t->elements, at, value);
    fits = !errno && element_int(element, t->elements, at) == value;
  }
  if (fits && end != text && !*end) return;
  bool number = end && end != text && !*end;
  t->fault = arena_printf(t->arena, number ? "%s: %.40s does not fit %s" : "%s: \"%.40s\" is no %s",
                          place(t, column), text,
                          number ? dtype_name(element) : real ? "number" : "integer");
}

/* Room for one more row, twice as much where there is none. */
static void make_room(table *t) {
  if (t->rows & (t->rows - 1)) return;
  size_t bytes = (size_t)t->column_count * dtype_size(t->request->type.element);
  t->elements = arena_grow(t->scratch, t->elements, (size_t)t->rows,
                           t->rows ? 2 * (size_t)t->rows : 1, bytes);
}

static void take_row(table *t) {
  if (!t->words) make_room(t);
  for (int64_t i = 0; i < t->column_count && !t->fault; i++) {
    int64_t column = t->columns[i];
    if (column >= t->fields) {
      t->fault = arena_printf(t->arena, "row %lld has %d columns, but column %lld is taken", (long long)t->rows,
                              t->fields, (long long)column);
      return;
    }
    const char *text = field(t, column);
    if (t->words) vocabulary_add(t->words, text);
    else if (t->classes) store_class(t, text, column);
    else store_number(t, text, column, t->rows * t->column_count + i);
  }
  t->rows++;
}

/* --- libcsv --------------------------------------------------------------------------------- */

static void at_field(void *bytes, size_t count, void *context) {
  table *t = context;
  if (t->text_bytes + count + 1 > t->text_room) {
    size_t room = 2 * (t->text_bytes + count + 1);
    t->text = arena_grow(t->scratch, t->text, t->text_bytes, room, 1);
    t->text_room = room;
  }
  if (count && memchr(bytes, 0, count) && !t->fault)
    t->fault = arena_printf(t->arena, "row %lld, column %d: a zero byte", (long long)t->rows, t->fields);
  arena_push(t->scratch, t->starts, t->fields) = t->text_bytes;
  if (count) memcpy(t->text + t->text_bytes, bytes, count);
  t->text[t->text_bytes + count] = 0;
  t->text_bytes += count + 1;
}

static void at_record(int end, void *context) {
  table *t = context;
  (void)end;
  bool first = !t->record_fields;
  if (first) {
    t->record_fields = t->fields;
    if (!t->fault) choose_columns(t);
  }
  if (!t->fault && !t->ragged && t->fields != t->record_fields)
    t->fault = arena_printf(t->arena, "row %lld has %d columns, the first record %lld",
                            (long long)t->rows, t->fields, (long long)t->record_fields);
  if (!t->fault && !(first && t->header)) take_row(t);
  t->fields = 0;
  t->text_bytes = 0;
}

static void *grow_or_end(void *old, size_t bytes) {
  void *memory = realloc(old, bytes);
  if (!memory) arena_exhausted(NULL, bytes);
  return memory;
}

static const char *set_separator(arena *a, struct csv_parser *p, const char *text) {
  if (!text) return NULL;
  if (strlen(text) != 1 || strchr("\"\r\n", *text))
    return arena_printf(a, "the separator \"%.20s\" is not one character, such as \",\", \";\" or \"\\t\"",
                        text);
  csv_set_delim(p, (unsigned char)*text);
  return NULL;
}

/* Chunks, so that a fault ends the reading early. */
static void parse(table *t, const char *bytes, size_t size) {
  enum { STEP = 1 << 16 };
  struct csv_parser p;
  csv_init(&p, CSV_STRICT | CSV_STRICT_FINI);
  csv_set_realloc_func(&p, grow_or_end);
  t->fault = set_separator(t->arena, &p, data_text(t->request, "separator"));
  for (size_t at = data_mark(bytes, size); at < size && !t->fault; at += STEP) {
    size_t count = size - at < STEP ? size - at : STEP, done;
    done = csv_parse(&p, bytes + at, count, at_field, at_record, t);
    if (done != count && !t->fault)
      t->fault = arena_printf(t->arena, "row %lld, at byte %zu: %s", (long long)t->rows, at + done,
                              csv_strerror(csv_error(&p)));
  }
  if (!t->fault && csv_fini(&p, at_field, at_record, t) && !t->fault)
    t->fault = arena_printf(t->arena, "row %lld, at the file's end: a quote is not closed",
                            (long long)t->rows);
  csv_free(&p);
}

static bool names_columns(const data_request *r) {
  for (int i = 0; i < r->setting_count; i++)
    if (!strcmp(r->settings[i].name, "columns") && r->settings[i].text) return true;
  return false;
}

/* The rows of a file; or, where words is not NULL, the words in its column. */
static array *read_file(arena *a, const data_request *r, const char *path, const vocabulary *classes,
                        vocabulary *words, const char **error) {
  size_t size;
  arena *scratch = arena_new();
  const char *bytes = data_content(scratch, path, &size, error);
  if (!bytes) *error = arena_text(a, *error);
  table t = {.arena = a, .scratch = scratch, .request = r, .classes = classes, .words = words};
  t.header = data_number(r, "header", names_columns(r));
  t.ragged = data_number(r, "ragged", 0);
  if (bytes) parse(&t, bytes, size);
  if (bytes && !t.fault && !t.rows) t.fault = "the file holds no row";
  array *x = NULL;
  if (bytes && !t.fault) {
    x = arena_new_of(a, array);
    *x = (array){.element = r->type.element, .rank = r->type.rank ? r->type.rank : 1, .path = path};
    for (int i = 1; i < x->rank; i++) x->extents[i] = r->type.dims[i].maximum;
    x->extents[0] = t.rows;
    if (!words)
      x->data = memcpy(arena_alloc(a, (size_t)array_bytes(x)), t.elements, (size_t)array_bytes(x));
  }
  if (t.fault) *error = arena_printf(a, "%s: %s", path, t.fault);
  arena_free(scratch);
  return x;
}

static array *read_numbers(arena *a, const data_request *r, const char *path, const char **error) {
  return read_file(a, r, path, NULL, NULL, error);
}

/* All words of the column in all files, sorted; or those that are given, in their order. */
static vocabulary *find_classes(arena *a, const data_request *r, const char **error) {
  vocabulary *v = vocabulary_new(a);
  if (data_text(r, "classes")) {
    for (int i = 0; i < r->setting_count; i++)
      if (!strcmp(r->settings[i].name, "classes")) vocabulary_add(v, r->settings[i].text);
    vocabulary_close(v, false);
    return v;
  }
  for (int i = 0; i < r->path_count; i++)
    if (!read_file(a, r, r->paths[i], NULL, v, error)) return NULL;
  vocabulary_close(v, true);
  return v;
}

array *csv_read(arena *a, const data_request *r, const char **error) {
  if (!data_text(r, "classes") && !data_number(r, "classes", 0))
    return data_join(a, r, read_numbers, error);
  vocabulary *classes = find_classes(a, r, error);
  array **parts = arena_array_of(a, r->path_count, array *);
  for (int i = 0; classes && i < r->path_count; i++)
    if (!(parts[i] = read_file(a, r, r->paths[i], classes, NULL, error))) return NULL;
  return classes ? data_concat(a, parts, r->path_count, error) : NULL;
}
