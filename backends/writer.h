/* Text in the making: owns indentation, line breaks, comments and the spelling of numbers. */
#ifndef WRITER_H
#define WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

typedef struct writer {
  arena *arena;
  char *text; /* ends with a zero byte */
  size_t length, capacity;
  int indent; /* in steps of two columns */
} writer;

enum { WRITER_COLUMNS = 100 };

writer writer_new(arena *a);

/* Text as it is, and an empty line. */
void writer_text(writer *w, const char *text);
void writer_gap(writer *w);

/* One line at the present indentation; a long one is continued, broken where the text has spaces,
 * after commas where it can be. The format has no newline. */
void writer_line(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that ends with an opening brace, after which the indentation grows; and the line of the
 * closing brace, with what comes after it. */
void writer_open(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void writer_close(writer *w, const char *after);

/* A C comment of one or several lines; what would end or nest comments is taken apart. */
void writer_comment(writer *w, const char *text);

/* A number as C spells it exactly: short decimals stay decimal, else hexadecimal; single: a float.
 * NaN and the infinities are spelt by compiler builtins. */
const char *writer_real(arena *a, double value, bool single);

/* An int64 constant: plain where int holds it, else INT64_C(…). */
const char *writer_int(arena *a, int64_t value);

#endif
