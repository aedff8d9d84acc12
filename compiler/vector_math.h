/* Own mathematics. Results must not differ from system to system nor between interpreter and
 * compiled code, so exp, log, tanh … are written once, in the loop form. */
#ifndef VECTOR_MATH_H
#define VECTOR_MATH_H

#include "loop.h"

/* A cache of the functions that one module uses, so that each is emitted once. */
typedef struct math_library {
  arena *arena;
  loop_function **functions; /* in order of first use; callees before callers */
  int count;
} math_library;

/* The function of EXP, EXPM1, LOG, LOG1P, TANH, SIGMOID, SIN, COS, POW, FLOOR … for f32 or f64
 * vectors; NULL where scalar.def's C text or an instruction serves. */
const loop_function *math_function(math_library *m, scalar_function f, loop_type type);

/* Philox 4x32-10 (Salmon et al., 2011): the pattern of each element, i32, from the key's two words
 * (i32 scalars splat to the lanes), the element numbers (i64) and the turn (i64), as
 * philox_element in tensor.h defines it. */
const loop_function *math_philox(math_library *m, int lanes);

#endif
