/* What a run of a task writes: to: "samples.png", as: grid[8, 8]. */
#ifndef TASK_PICTURE_H
#define TASK_PICTURE_H

#include "elaborator.h"

/* Reads the options `to` and `as` (NULL: not given) of a run and checks them against the entry's
 * outputs. fed: data brings any number of rows. Errors go to the diagnostics. */
run_picture task_picture(elaborator *e, const ast *to, const ast *as, const graph *entry, bool fed);

#endif
