/* The file of `dnnc --tune`: which schedules the kernels of products and convolutions have, as they were measured.
 * An input of later compilations; nothing in it is trusted.
 *
 *   dnnc tuning 1
 *   # a comment
 *   x86-64-v3 | KERNEL | SCHEDULE | 43.1 us | 41.2 us
 *
 * KERNEL is contraction_text, SCHEDULE contraction_choice_text; the times are those of the schedule of least estimated
 * time and of this one. */
#ifndef TUNING_H
#define TUNING_H

#include <stdio.h>

#include "contraction.h"
#include "diag.h"

typedef struct tuning_line {
  const char *cpu, *kernel, *schedule;
  double estimated_seconds, seconds;
  location at, schedule_at;
  bool used; /* by a compilation */
} tuning_line;

typedef struct tuning tuning;
struct tuning {
  arena *arena;
  diagnostics *diagnostics; /* of compilations */
  tuning_line *lines;
  int count;
  const char *cpu; /* for which a schedule was asked last */
  schedule_choices choices; /* those of the lines; a line that names no schedule of its kernel is an error */
};

/* Reads a file's text. NULL after errors. */
tuning *tuning_parse(arena *a, diagnostics *d, const source *text);

/* The same of the file of that path. */
tuning *tuning_read(arena *a, diagnostics *d, const char *path);

void tuning_print(FILE *out, const tuning *t);

/* What of the file was of no use, after a compilation: some of its lines are for other processors, or none is for a
 * kernel of the model. NULL: nothing to say. */
const char *tuning_note(arena *a, const tuning *t);

#endif
