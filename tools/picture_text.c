#include <stdio.h>
#include <string.h>

#include "element.h"
#include "file.h"
#include "picture_parts.h"
#include "text_stream.h"

enum { LOWEST = 0x20, DELETE = 0x7f, HIGHEST_CONTROL = 0x9f, HIGHEST = 0x10ffff };

/* A code point in UTF-8; control characters and what is none show as U+FFFD. */
static void put_code_point(FILE *out, int64_t c) {
  bool plain = (c >= LOWEST && c < DELETE) || c == '\n' || c == '\t';
  bool good = plain || (c > HIGHEST_CONTROL && c <= HIGHEST && (c < 0xd800 || c > 0xdfff));
  if (!good) c = 0xfffd;
  if (c < 0x80) {
    fputc((int)c, out);
  } else if (c < 0x800) {
    fprintf(out, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 0x3f)));
  } else if (c < 0x10000) {
    fprintf(out, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3f)),
            (int)(0x80 | (c & 0x3f)));
  } else {
    fprintf(out, "%c%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 0x3f)),
            (int)(0x80 | (c >> 6 & 0x3f)), (int)(0x80 | (c & 0x3f)));
  }
}

/* A byte as it is, which may be part of a character in UTF-8; control characters show as `?`. */
static void put_byte(FILE *out, int64_t c) {
  bool control = c < LOWEST || c == DELETE;
  fputc(control && c != '\n' && c != '\t' ? '?' : (int)c, out);
}

/* A line of text ends at the first 0. */
static void put_line(FILE *out, const array *x, int64_t start, int64_t length) {
  for (int64_t i = 0; i < length; i++) {
    int64_t c = element_int(x->element, x->data, start + i);
    if (c == 0) break;
    if (x->element == DTYPE_U8) put_byte(out, c);
    else put_code_point(out, c);
  }
  fputc('\n', out);
}

static bool write_text(arena *a, const char *text, const char *path, const char **error) {
  return file_replace(a, path, 1, &(file_part){text, strlen(text)}, error);
}

bool picture_text(arena *a, const array *x, const char *title, const char *path,
                  const char **error) {
  text_stream s;
  text_stream_open(&s, a);
  int64_t length = x->extents[x->rank - 1], lines = x->rank == 2 ? x->extents[0] : 1;
  for (int64_t i = 0; i < lines; i++) put_line(s.out, x, i * length, length);
  const char *text = text_stream_close(&s);
  if (path) return write_text(a, text, path, error);
  printf("--- %s\n%s---\n", title, text);
  return true;
}

/* --- tables --------------------------------------------------------------------------------- */

static int64_t table_rows(const array *x) { return x->rank ? x->extents[0] : 1; }

static int64_t table_columns(const array *x) { return x->rank == 2 ? x->extents[1] : 1; }

static void put_heading(FILE *out, const array *x) {
  for (int64_t k = 0; k < table_columns(x); k++)
    if (x->rank == 2) fprintf(out, "%s%s_%lld", k ? "," : "", x->path, (long long)k);
    else fputs(x->path, out);
}

static void put_row(FILE *out, const array *x, int64_t row) {
  int64_t columns = table_columns(x);
  for (int64_t i = row * columns; i < (row + 1) * columns; i++) {
    if (i > row * columns) fputc(',', out);
    if (dtype_is_float(x->element)) 
      fprintf(out, "%.*g", x->element == DTYPE_F64 ? 17 : 9, element_real(x->element, x->data, i));
    else fprintf(out, "%lld", (long long)element_int(x->element, x->data, i));
  }
}

bool picture_table(arena *a, const run_picture *p, const array *outputs, const char *path,
                   const char **error) {
  text_stream s;
  text_stream_open(&s, a);
  int64_t rows = table_rows(&outputs[p->outputs[0]]);
  bool fits = true;
  for (int64_t row = -1; row < rows && fits; row++)
    for (int i = 0; i < p->output_count; i++) {
      const array *x = &outputs[p->outputs[i]];
      fits = fits && table_rows(x) == rows;
      if (row < 0) put_heading(s.out, x);
      else if (fits) put_row(s.out, x, row);
      fputc(i + 1 < p->output_count ? ',' : '\n', s.out);
    }
  const char *text = text_stream_close(&s);
  if (fits) return write_text(a, text, path, error);
  *error = arena_printf(a, "%s: the columns of the table differ in their rows", path);
  return false;
}
