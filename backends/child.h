/* Programs as child processes, without a shell. */
#ifndef CHILD_H
#define CHILD_H

#include "diag.h"

typedef struct child_output {
  char *data;   /* in arena memory */
  size_t bytes;
} child_output;

/* A program that was started and not yet waited for. */
typedef struct child child;

/* Starts a program, which is looked for on the PATH, with the text as its standard input. What it prints
 * goes to `output`; of NULL it counts as errors. NULL after an error, which then stands in the
 * diagnostics. Arguments end with NULL. */
child *child_start(arena *a, diagnostics *d, const char *const *arguments, const char *text,
                   child_output *output);

/* Waits for its end, once. False after an error, which then stands in the diagnostics with the first lines
 * of what the program said. */
bool child_wait(child *c);

/* Starts a program and waits for its end. */
bool child_run(arena *a, diagnostics *d, const char *const *arguments, const char *text,
               child_output *output);

#endif
