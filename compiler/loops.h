/* The pass that puts loops together and takes out of them what nobody needs. */
#ifndef LOOPS_H
#define LOOPS_H

#include "graph.h"

/* Loops over equal operands that carry equal values become one, with the stacks of all: so the turns
 * of a loop run once, though its derivative reads another form of it. Then results that nothing reads
 * vanish, and with them carries, sequences and invariants. In bodies too. The graph is interned, and
 * stays so. */
graph *pass_loops(const graph *g);

/* Builds a loop of the graph once more, without the operands and results that its needed results do without;
 * numbers[i] becomes the number of result i, or -1 where it is gone. */
node *loops_needed(graph *g, const node *loop, const bool *needed, int *numbers);

#endif
