/* Kernels compiled from C against the interpreter of the loop form. */
#ifndef KERNEL_CASE_H
#define KERNEL_CASE_H

#include "loop.h"
#include "target.h"
#include "vector_math.h"

/* Runs the kernel both ways on the same random arguments (reals with infinities, NaN and denormals
 * among them; integers with their extremes) and fails the test unless every
 * element that it may write is the same to the bit, whatever the order of tasks; any NaN equals any
 * NaN. cc: NULL for cc. */
void kernel_check(arena *a, const loop_kernel *k, math_library *math, const target *t,
                  const char *cc);

/* True where this processor can run the target's code. */
bool kernel_runs_here(arena *a, const target *t);

#endif
