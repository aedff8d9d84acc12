/* Runs a program while its N-th allocation fails, or the N-th of its system calls that concern files
 * (those below /tmp and its standard output), memory or processes. Linux on x86-64. */
#ifndef FAULTY_RUN_H
#define FAULTY_RUN_H

#include <stdbool.h>

#include "arena.h"

typedef enum fault_kind { FAULT_MEMORY, FAULT_SYSTEM } fault_kind;

typedef struct faulty_outcome {
  bool happened;    /* the program came so far */
  long count;       /* allocations or calls counted, where the fault did not happen */
  int status;       /* of the program; 1000 + signal where it was ended by one */
  const char *out, *err;
  const char *call; /* the system call that failed; "memory" */
} faulty_outcome;

/* number: from 1; LONG_MAX counts only. The program runs in the folder, with a library of faults
 * (tests/hostile/fault.c) loaded before it. */
faulty_outcome faulty_run(arena *a, const char *library, const char *folder,
                          const char *const *arguments, fault_kind kind, long number);

#endif
