/* Two products and what lies between: shared by turns_find.c and turns_build.c. */
#ifndef TURNS_CHAIN_H
#define TURNS_CHAIN_H

#include "turns.h"

/* Axes of a node, by axis of the last product that turns walk along; -1: the node has none there. */
typedef struct turn_axes {
  int64_t at[MAX_RANK];
} turn_axes;

/* Of a graph, for all its chains. */
typedef struct turns_finder {
  const graph *from;
  const turns_limits *least;
  const int *uses;
  int *mark;       /* by node: the last product of the chain that it was found in latest; or -1 */
  turn_axes *axes; /* by node inside */
  int *own;        /* by node: how often a chain reads it; 0 between chains */
  bool *free;      /* by node: turns make it anew, of single constants, counts and what maps make of these */
} turns_finder;

turns_finder turns_finder_new(const graph *g, const turns_limits *least);

/* `nodes` are those that `last` reads and nothing else. A turn has one place of each axis of the batch, or, where that has one
 * place, a block of the axis behind it. */
typedef struct chain {
  const turns_finder *finder;
  const node *last;
  bool rows;          /* blocks of rows */
  int axis_count;     /* of the axes that turns walk along */
  int64_t block;      /* rows of a turn; of a batch 1 */
  int64_t turns, left_over; /* rows behind the last turn */
  const node **nodes; /* in the graph's order, and behind them the last product */
  int count;
} chain;

/* A chain that ends with the node; false where there is none. */
bool turns_find(const turns_finder *f, const node *last, chain *c);

bool chain_has(const chain *c, const node *n);

/* The extent along which turns walk, by number. */
dim chain_dim(const chain *c, int number);

/* How a node of a chain reads a value. */
typedef struct reading {
  const node *value;
  turn_axes axes;
} reading;

reading chain_reading(const chain *c, const node *n, int operand);

/* True where the same is read in all turns. */
bool chain_reads_whole(const chain *c, const reading *r);

/* Where an operand has the axes that its node has there. */
turn_axes chain_operand_axes(const chain *c, const node *n, int operand, const turn_axes *axes);

/* Whether turns walk along the axis. */
bool chain_walks(const chain *c, const turn_axes *axes, int64_t axis);

#endif
