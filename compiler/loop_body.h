/* What a loop runs, as a graph that is lowered like an entry's. */
#ifndef LOOP_BODY_H
#define LOOP_BODY_H

#include "build.h"

/* The body or condition of a loop with its carries as slots, so that all that holds for new versions
 * of slots holds for them. Inputs: the turn, the sequences' parts, the invariants. Slots: one for each
 * carry that is read or updated, whose path is its name, a blank, its number. Outputs: what is stacked,
 * or the condition's. Updates: one for each carry of a body, in order. */
graph *loop_body_graph(arena *a, const loop_shape *s, bool condition);

#endif
