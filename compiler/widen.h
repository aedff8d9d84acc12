/* A pass (pass.h): operators that add up many products or terms of f16 or bf16 become the same in
 * f32, with casts around them, so that their kernels know no 16-bit types. The value is rounded
 * once, as the interpreter does. Reductions and elementwise functions stay: their kernels compute in
 * f32 and round what they store. */
#ifndef WIDEN_H
#define WIDEN_H

#include "graph.h"

graph *pass_widen(const graph *g);

#endif
