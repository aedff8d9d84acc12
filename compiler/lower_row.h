/* Lowering of map and row kernels. */
#ifndef LOWER_ROW_H
#define LOWER_ROW_H

#include "lower.h"

/* Fills the body of a kernel whose parameters exist: buffers of inputs, then of outputs, and the
 * context or NULL. */
void lower_row(lowering *l, const group *g, loop_kernel *kernel, loop_buffer **buffers,
               loop_buffer *context);

#endif
