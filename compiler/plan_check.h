/* An independent check of a memory plan. */
#ifndef PLAN_CHECK_H
#define PLAN_CHECK_H

#include "plan.h"

/* Replays the steps with the number of a value for every byte. A message in arena memory where a
 * step reads, or the end needs, a value of which some byte was overwritten or never written, or where
 * a value lies outside of the planned scratch or is not aligned; else NULL. Shares nothing with the
 * planner. */
const char *plan_check(arena *a, const plan *p);

#endif
