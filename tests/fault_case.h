/* A command that is run again and again, with one fault at another place each time, until all of its
 * allocations, or of its system calls, have failed once. Whatever fails: the program ends by itself;
 * either it does all that it does without a fault, or it says why not in one message, with the
 * status for it, and leaves the files as they were. */
#ifndef FAULT_CASE_H
#define FAULT_CASE_H

#include "faulty_run.h"

typedef struct fault_case {
  const char *program;          /* dnnc or dnn */
  const char *const *arguments; /* behind it; ends with NULL */
  bool every;                   /* with HOSTILE=1 each fault is tried, else an even choice of 200 */
  bool measures;                /* what it prints is another each time */
  const char *results;          /* NULL, or a folder in which a failed run may leave whole files */
  /* Checks that folder after a failed run, which has left it in the working folder; NULL: nothing
   * to check. */
  void (*check)(arena *a, const struct fault_case *c);
} fault_case;

/* The working folder, with the files that every run finds; made by set_up, removed by tear_down. */
const char *fault_case_folder(void);
int fault_case_set_up(void **state);
int fault_case_tear_down(void **state);

/* An option for a C compiler that remembers what it compiled (tests/hostile/cc.sh). */
const char *fault_case_cc(void);

/* A file that every run finds. */
void fault_case_file(const char *name, const void *content, size_t bytes);

/* That file no more. */
void fault_case_forget(const char *name);

/* Whether the folder holds these files and nothing else. */
bool fault_case_is_as_given(void);

/* Puts the folder into the state that every run finds. */
void fault_case_restore(void);

/* Runs the program (dnnc, dnn) in the folder, without fault. */
faulty_outcome fault_case_plain(arena *a, const char *program, const char *const *arguments);

/* Runs a line of the shell in the folder; $DNNC and $DNN are the programs. */
faulty_outcome fault_case_shell(arena *a, const char *line);

/* The content of a file of the folder; fails the test where it is not there. */
const char *fault_case_read(arena *a, const char *name, size_t *bytes);

/* Tries faults of a kind. Of more than fit a test's time (few in `make check`, many with HOSTILE=1)
 * only some, evenly spread. */
void fault_case_run(const fault_case *c, fault_kind kind);

#endif
