/* Own mathematics. Results must not differ from system to system nor between interpreter and
 * compiled code, so exp, log, tanh … are written once, in the loop form. */
#ifndef VECTOR_MATH_H
#define VECTOR_MATH_H

#include "loop.h"

/* The functions that one module uses, each once, so that each is emitted once. */
typedef struct math_library {
  arena *arena;
  loop_function **functions; /* in order of completion: callees before callers */
  int count;
  bool fma;                  /* products and sums fuse on the target: some functions take fewer steps then */
} math_library;

/* The function for FLOOR, FLOORDIV, MOD, SIGN, RSQRT, EXP, EXPM1, LOG, LOG1P, TANH, SIGMOID, SIN, COS
 * and POW of f32 or f64 in any number of lanes; NULL for every other function and type, where
 * LOOP_OP serves. Each is branch-free and handles 0, infinities and NaN; subnormal
 * numbers are zeros to it, as to all arithmetic of the loop form (eval_loop.h).
 *
 * Errors, in units of the last place: below 1.5 for EXP, LOG, LOG1P, RSQRT and POW of f64, below 3 for the
 * others (tests/unit/test_vector_math.c samples them, tests/diff/test_all_arguments.c has all of f32), but SIN
 * and COS beyond |x| = 10^6, whose argument reduction loses a bit with every further doubling, and from
 * 2^mantissa on all (they stay within [-1, 1]). MOD is exact, but for the one rounding of x + y where the
 * signs differ. */
const loop_function *math_function(math_library *m, scalar_function f, loop_type type);

/* True where math_function has one. */
bool math_covers(scalar_function f, dtype element);

/* Philox 4x32-10 (Salmon et al., 2011): the pattern of each element, i32 in `lanes` lanes. Arguments:
 * the draw's key as math_philox_key packs it, the element numbers and the turn, all i64 in `lanes`
 * lanes. As philox_element in tensor.h defines it. */
const loop_function *math_philox(math_library *m, int lanes);

/* The same for consecutive elements, which have their blocks in common: parameters are the key, the
 * first element's number and the turn, i64 scalars. That number and `lanes` are multiples of 4. */
const loop_function *math_philox_run(math_library *m, int lanes);

/* The key of a draw, word 0 low and word 1 high in one i64, from seed, site and step (i64
 * scalars). As philox_key in tensor.h defines it. */
const loop_function *math_philox_key(math_library *m);

#endif
