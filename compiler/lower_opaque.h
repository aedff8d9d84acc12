/* What operators that write kernels of their own (OPAQUE) have in common. */
#ifndef LOWER_OPAQUE_H
#define LOWER_OPAQUE_H

#include "loop.h"

/* x · y + z of i64. */
const loop_expr *opaque_affine(arena *a, const loop_expr *x, int64_t y, const loop_expr *z);

/* SCALAR_FLOORDIV or SCALAR_MOD of i64 by a constant. */
const loop_expr *opaque_divided(arena *a, scalar_function f, const loop_expr *x, int64_t y);

/* Appends a sequential loop; returns its body, and its variable as an expression. */
loop_block *opaque_loop(arena *a, loop_block *block, const char *name, const loop_expr *low,
                        const loop_expr *high, int64_t step, const loop_expr **variable);

/* The whole body of a kernel: a loop over independent units, each of so many elements' work, cut
 * into tasks where that pays; by shape only. */
loop_block *opaque_units(arena *a, loop_kernel *kernel, int64_t units, int64_t work,
                         const loop_expr **unit);

#endif
