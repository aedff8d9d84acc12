/* A stream that prints to an arena. (That of open_memstream loses text without an error when memory
 * is out.) */
#ifndef TEXT_STREAM_H
#define TEXT_STREAM_H

#include <stdio.h>

#include "arena.h"

typedef struct text_stream {
  FILE *out; /* to print to */
  arena *arena;
  char *text; /* from malloc */
  size_t length, capacity;
} text_stream;

/* The stream's address must not change until it is closed. */
void text_stream_open(text_stream *s, arena *a);

/* What was printed, in arena memory. */
char *text_stream_close(text_stream *s);

#endif
