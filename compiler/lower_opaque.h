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

/* A bounded size as an axis of a tensor: the kernel's context, and the bound; 0 where the axis has none, or
 * does not exist. */
typedef struct opaque_size {
  const loop_buffer *context;
  int64_t bound;
} opaque_size;

opaque_size opaque_bounded(const loop_buffer *context, const tensor_type *type, int64_t axis);

/* The part of `count` things, as many for each place of the axis, that a call's size leaves. */
const loop_expr *opaque_count(arena *a, loop_block *block, opaque_size size, int64_t count);

/* The whole body of a kernel: a loop over independent units, as many for each row that the size leads,
 * each of so many elements' work, cut into tasks where that pays; by shape only. */
loop_block *opaque_units(arena *a, loop_kernel *kernel, opaque_size size, int64_t units,
                         int64_t work, const loop_expr **unit);

#endif
