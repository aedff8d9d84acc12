/* A line on the terminal that shows how far a phase is. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

typedef struct progress {
  bool shown;           /* standard error is a terminal */
  double start, last;   /* seconds */
  int64_t start_step;
} progress;

/* Begins a phase of which start_step steps are already done. */
progress progress_new(int64_t start_step);

/* What the line says. */
typedef struct progress_state {
  const char *entry, *metrics;
  int64_t epoch, epochs;     /* the epoch under way, from 1 */
  int64_t step, epoch_steps; /* steps done of this epoch */
  int64_t done, steps;       /* steps done of the phase */
  int64_t rows;              /* of a step */
} progress_state;

/* True where a line is wanted: at most ten times a second, on a terminal. */
bool progress_due(const progress *p);

/* Shows "train 3/10 [=====>    ] 412/937  1:12 left  61230 rows/s  loss 0.2713", with the time left to
 * the end of the phase, cut to the width of the terminal. */
void progress_show(progress *p, const progress_state *s);

/* Takes the line away, before anything else is printed. */
void progress_clear(const progress *p);

/* "1:12" or "2:03:20", in arena memory. */
const char *duration_text(arena *a, double seconds);

#endif
