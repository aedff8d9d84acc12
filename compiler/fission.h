/* The pass that takes work out of loops. */
#ifndef FISSION_H
#define FISSION_H

#include "graph.h"

/* In every loop, from inner to outer ones:
 *   - what varies in no turn and costs something is computed in front of the loop, which reads it;
 *   - a product of something that varies, but follows from no carry, and something that does not vary is one
 *     product for all turns, in front of the loop, which reads it as a sequence; so is what costs
 *     something on the way to it and is read in the turns too;
 *   - a carry to which each turn only adds a product, a sum or a scatter_add is gone: behind the loop there
 *     is one over all turns;
 *   - a stack behind such a product, which no turn reads, is computed behind the loop.
 * For the last two the turns stack what they alone know, where that is there already or less than what is
 * saved. What a loop's new sequences and stacks take is bounded by what it has. A loop that is marked to be
 * computed again, or has such a one in its body, gets none, and one with a condition loses invariants only,
 * since its turns may not run. The graph is simplified, and stays so. */
graph *pass_fission(const graph *g);

#endif
