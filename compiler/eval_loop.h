/* The interpreter of the loop form. It rounds as compiled code does, operation by operation in the
 * declared types, so that the two agree bit for bit (NaNs up to their payload). As there, subnormal numbers
 * of f32 and f64 are zeros of the same sign to arithmetic, comparisons and casts, and no result is one; what moves,
 * chooses or changes a sign keeps them. */
#ifndef EVAL_LOOP_H
#define EVAL_LOOP_H

#include "loop.h"

typedef struct loop_machine {
  bool fma; /* the target has fused multiply-add; else fma is a * b + c, rounded twice */
} loop_machine;

/* Runs a kernel over the caller's memory, one pointer per parameter, with storage as in C (bool is
 * one byte, 0 or 1). LOOP_UNROLL runs like LOOP_SEQ; tasks run in order. Memory that the kernel
 * allocates starts as 0xff bytes, so that a read before a write shows. Returns NULL, or a message in
 * arena memory where an access lies outside of its buffer; memory is then partly written. */
const char *loop_run(arena *a, const loop_kernel *k, const loop_machine *machine,
                     void *const *arguments);

/* The value of a pure function for one lane count: arguments and result are arrays of lanes
 * elements in storage form. */
void loop_run_function(arena *a, const loop_function *f, const loop_machine *machine,
                       const void *const *arguments, void *result);

#endif
