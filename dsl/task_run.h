/* run(…): one use of an entry in a task, and alternate(…) of several. */
#ifndef TASK_RUN_H
#define TASK_RUN_H

#include "elaborator.h"

/* Adds the run to the task. */
value task_run_call(elaborator *e, const ast *n);

/* alternate(run(…, times: 5), run(…), epochs: 10): a phase in which runs take turns. */
value task_alternate_call(elaborator *e, const ast *n);

/* The name in the program of the entry that is called, elaborated here where it has static
 * arguments. NULL after an error. */
const char *task_entry(elaborator *e, const ast *call);

/* An expression as a graph from step, epoch and steps to one number. NULL after an error. */
graph *task_argument(elaborator *e, const char *name, const ast *n);

/* Whether the run is a phase: one with epochs or steps. */
bool task_is_phase(const task_run *run);

#endif
