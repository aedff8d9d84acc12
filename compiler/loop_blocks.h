/* Loops whose turns run in blocks. */
#ifndef LOOP_BLOCKS_H
#define LOOP_BLOCKS_H

#include "build.h"

/* Builds a loop in blocks of so many turns: a loop of blocks, in which a loop of turns may be computed
 * again, so that of each block the derivative keeps what it began with; fewer turns are left for a
 * last one. Of a bounded number of turns each reads and writes its own places of sequences and stacks. results[i]
 * becomes result i of the loop, carries first. Not for reverse loops, nor for those without a number of
 * turns. */
void build_loop_in_blocks(graph *g, const loop_shape *s, node *const *operands, int64_t turns_of_block,
                          node **results);

#endif
