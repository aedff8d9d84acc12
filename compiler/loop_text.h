/* The loop form as text, which parses back to an equal kernel.
 *
 *   kernel scale(out y: f32[64, 10], in x: f32[64, 10]) {
 *     for i in 0..64 task {
 *       for j in 0..8 step 8 {
 *         let v: f32x8 = load.8(x[i, j])
 *         store y[i, j] = fma(v, splat.8(0x1p-1:f32), call.exp_f32x8(v))
 *       }
 *     }
 *   }
 *
 * A bare integer is an i64; other constants name their type. Names are made unique words. Loops end
 * with `unroll` or `task` where they are that; `store y[i] = v if m`, on one line, and
 * `load.8(x[i], m)` are masked; `fetch.1 x[i]` asks for a line to come to the first cache;
 * cast.T, bitcast.T, splat.N, ramp.N, reduce.F, extract.N, insert.N and call.NAME carry what they
 * need behind the dot; everything else is a row of scalar.def. */
#ifndef LOOP_TEXT_H
#define LOOP_TEXT_H

#include <stdio.h>

#include "loop.h"
#include "vector_math.h"

void loop_print(FILE *out, const loop_kernel *k);

/* Prints one of the functions that kernels call. */
void loop_print_function(FILE *out, const loop_function *f);

/* The first kernel of a text; functions that it calls come from the library by their names. NULL
 * after an error in the diagnostics. */
loop_kernel *loop_parse(arena *a, diagnostics *d, const source *text, math_library *m);

#endif
