/* The derivative of loops at run time. */
#ifndef GRAD_LOOP_H
#define GRAD_LOOP_H

#include "grad.h"

/* Which results of a loop depend, through differentiable operators, on those operands that are marked. */
void loop_dependence(arena *a, const node *loop, const bool *operands, bool *results);

/* From the cotangents of a loop's results (NULL: zero) those of the wanted operands; NULL where they
 * are zero. A loop of the other direction does it, which carries the cotangents of the carries, and of
 * invariants the sums, from what has arrived at them already, `sums` (NULL: nothing), which the operand's
 * cotangent then contains; it reads what the turns computed from stacks of a second, longer form of
 * the loop (pass_loops makes one of both), or computes it again. */
void loop_pull_back(graph *g, const node *loop, node *const *cotangents, const bool *wanted,
                    node *const *sums, node **operand_cotangents);

#endif
