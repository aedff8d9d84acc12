/* Diagnostics: what a user did wrong, with its place; and the end of the process when the
 * compiler itself is at fault. */
#ifndef DIAG_H
#define DIAG_H

#include <stdbool.h>
#include <stdio.h>

#include "arena.h"

/* A text that was read: name is shown in messages; text ends with a zero byte. */
typedef struct source {
  const char *name;
  const char *text;
  size_t length;
  bool library; /* a part of the language's library */
} source;

/* A stretch of a source. Lines and columns count from 1; the end is exclusive. A location whose
 * source is NULL is unknown; messages then show no line. The caret is the point that a message is
 * about, such as an operator between its operands; 0, 0 means the start. Of a node, `called` tells where the
 * function in whose text that is was called, and so on; NULL: it is in none. */
typedef struct location {
  const source *source;
  int line, column, end_line, end_column;
  int caret_line, caret_column;
  const struct location *called;
} location;

typedef struct diagnostics diagnostics;

enum { DIAG_MOST = 20 }; /* errors that are shown in one run */

diagnostics *diag_new(arena *a);

/* Records an error. The same message at the same place is recorded once, and of others there the first three. */
void diag_error(diagnostics *d, location at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a line below the last error: "    x: f32[64, 784]", "  in mlp[512], called at …". It is
 * dropped with its error where that one was a repetition. */
void diag_note(diagnostics *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Number of errors recorded, also those beyond DIAG_MOST. */
int diag_count(const diagnostics *d);

/* Prints all errors in the order of their places (file by file as first seen): file, line,
 * column, message, the line with a caret, notes. Long lines are cut around the caret and bytes
 * that are not printable are shown as '?'. */
void diag_print(const diagnostics *d, FILE *out);

/* "file:line:column", in arena memory; "?" where unknown. */
const char *diag_place(arena *a, location at);

/* The same without folders, for what shall not depend on where a model lies. */
const char *diag_short_place(arena *a, location at);

/* The place itself or, in the library, the innermost call from the model's own text that led there. */
location diag_own(location at);

/* The line of the caret; 0 where unknown. And its text without blanks around it, cut to so many columns; in arena
 * memory; "" where unknown. */
int diag_line(location at);
const char *diag_line_text(arena *a, location at, int most);

/* The model's own words at a location, as far as they stand in one line, and cut to so many columns;
 * in arena memory; "" where unknown. */
const char *diag_words(arena *a, location at, int most);

/* The bytes of the character of UTF-8 at text[0], of length bytes; 0 where none is, or one that controls
 * a terminal or the direction of writing. */
int diag_character(const char *text, int length);

/* Spans from the start of one location to the end of another in the same source. */
location diag_span(location from, location to);

/* The nearest of the given names, of which each may be NULL, for a misspelt one (by edit distance, at most a third
 * of its length), or NULL. */
const char *diag_nearest(const char *name, const char *const *names, int count);

/* The compiler is at fault: prints the message and ends the process with status 70. */
_Noreturn void diag_internal(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define internal_error(...) diag_internal(__FILE__, __LINE__, __VA_ARGS__)
#define ensure(condition)                                                                       \
  ((condition) ? (void)0 : diag_internal(__FILE__, __LINE__, "not true: %s", #condition))

#endif
