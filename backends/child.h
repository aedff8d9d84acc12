/* Programs as child processes, without a shell. */
#ifndef CHILD_H
#define CHILD_H

#include "diag.h"

typedef struct child_output {
  char *data;   /* in arena memory */
  size_t bytes;
} child_output;

/* Runs a program, which is looked for on the PATH, with the text as its standard input, and waits for
 * its end. What it prints goes to `output`; of NULL it counts as errors. False after an error, which then
 * stands in the diagnostics with the first lines of what the program said. Arguments end with NULL. */
bool child_run(arena *a, diagnostics *d, const char *const *arguments, const char *text,
               child_output *output);

#endif
