/* Tasks on the caller's threads, in generated code. */
#ifndef C_TASKS_H
#define C_TASKS_H

#include "c_unit.h"

/* Makes sure of run_tasks(threads, task, argument, count). */
void c_helper_run_tasks(c_unit *u);

/* Two functions of a set of up to 64 frames, of which a bit of an u64 says whether it is taken: the first takes the lowest that
 * nobody has, so that no more are touched than threads run, and the second gives it back. There is one for each
 * task at least. */
#define C_TAKE_FRAME "take_frame"
#define C_LEAVE_FRAME "leave_frame"

/* Makes sure of them. */
void c_helper_frames(c_unit *u);

#endif
