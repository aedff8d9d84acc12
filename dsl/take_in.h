/* Derivatives in a loop's body by values from outside. The body sees what it reads of the graphs around it as
 * inputs, each for itself: that one was computed from the other does not show. */
#ifndef TAKE_IN_H
#define TAKE_IN_H

#include "elaborator.h"

/* The value, in which what was computed outside from wanted values that come from outside too is computed in
 * the body; itself where there is nothing of the kind. What the body binds again or updates is no such value:
 * it is another in each turn. */
node *take_in(elaborator *e, node *value, int count, node *const *wanted);

/* Where one of the wanted values is another in each turn, so that nothing from outside depends on it: what to
 * write; else "". */
const char *take_in_advice(const elaborator *e, int count, node *const *wanted);

#endif
