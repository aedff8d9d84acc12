/* run(…): one use of an entry in a task, and alternate(…) of several. */
#ifndef TASK_RUN_H
#define TASK_RUN_H

#include "elaborator.h"

/* Adds the run to the task. */
value task_run_call(elaborator *e, const ast *n);

/* alternate(run(…, times: 5), run(…), epochs: 10): a phase in which runs take turns. */
value task_alternate_call(elaborator *e, const ast *n);

/* Whether the run is a phase: one with epochs or steps. */
bool task_is_phase(const task_run *run);

#endif
