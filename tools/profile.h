/* What dnn profile measures, and its forms. */
#ifndef PROFILE_H
#define PROFILE_H

#include "cost.h"
#include "spread.h"
#include "subject.h"

/* All calls of a kernel that come from one line of the model, in a call of the entry. */
typedef struct profile_kernel {
  const loop_kernel *kernel;
  location at;         /* of what it is named after; without source: it copies or clears */
  double calls;        /* the mean */
  double seconds;      /* the median */
  double operations, bytes_read, bytes_written;
  double limit;        /* seconds that they take at least (bounds.h) */
  double by_memory;    /* of these, seconds that memory asks for */
} profile_kernel;

typedef struct profile_entry {
  const char *name;
  int rounds;
  spread seconds;            /* of a call without time stamps */
  double stamped, limit;     /* the kernels' times and limits together */
  profile_kernel *kernels;   /* the longest first */
  int kernel_count;
} profile_entry;

typedef struct profile {
  const module *module;
  timer clock;
  int threads;
  double peak;               /* operations per second in registers; 0: unknown */
  profile_entry *entries;
  int entry_count;
} profile;

void profile_print_entry(arena *a, const profile *p, const profile_entry *e);
void profile_print_json(arena *a, const profile *p);

#endif
