/* What dnn bench measures, and its forms. */
#ifndef BENCH_H
#define BENCH_H

#include "cost.h"
#include "spread.h"
#include "subject.h"

/* Calls of an entry with so many threads, by the clock of the options. */
typedef struct bench_run {
  int threads, rounds;
  spread seconds;    /* of a call */
  double processor;  /* seconds of all threads in a call, the median */
  double busy;       /* of that in the wall time, the median */
  double limit;      /* seconds that a call would take with each kernel at its bound (bounds.h) */
} bench_run;

enum { BENCH_LANES = 2 }; /* numbers of threads: one, and what the options say, if that is more */

typedef struct bench_entry {
  const char *name;
  entry_cost cost;
  int64_t argument_bytes;
  bench_run *runs; /* by lane */
  int run_count;
} bench_entry;

typedef struct bench {
  const module *module;
  timer clock;
  bench_entry *entries;
  int entry_count, lane_count;
  double peaks[BENCH_LANES]; /* operations per second in registers; 0: unknown */
} bench;

void bench_print_heading(const bench *b);
void bench_print_entry(arena *a, const bench_entry *e);
void bench_print_peaks(arena *a, const bench *b);
void bench_print_json(arena *a, const bench *b);

#endif
