/* Where the emission of a contraction's loops stands; shared by contraction_nest.c (the loops
 * around a tile), contraction_copy.c and contraction_turn.c (copies) and contraction_tile.c (the tile). */
#ifndef CONTRACTION_NEST_H
#define CONTRACTION_NEST_H

#include "contraction.h"

/* Where an operand is read: at origin + Σ stride · (index - from). */
typedef struct contraction_access {
  loop_buffer *buffer;
  const loop_expr *origin;
  int64_t stride[CONTRACTION_AXES];
  const loop_expr *from[CONTRACTION_AXES];
} contraction_access;

typedef struct contraction_nest {
  arena *arena;
  const contraction *contraction;
  const contraction_schedule *schedule;
  const target *target;

  /* The part of each axis that the loops around have picked: its first index, and its length in
   * units. It is all of the axis where no loop has picked yet. */
  const loop_expr *start[CONTRACTION_AXES];
  int64_t size[CONTRACTION_AXES];
  const loop_expr *part[CONTRACTION_AXES], *first[CONTRACTION_AXES]; /* of output axes, as in contraction_sums */
  const loop_expr *bound; /* of bounded axes: the size that the call gives; NULL: there are none */
  int partial; /* lanes that the last vector along an output axis fills; 0: all */

  contraction_access access[2];
  int *named; /* suffixes handed out, by kind */
} contraction_nest;

/* A suffix for names that are defined together, so that no two are equal: "", "_1", … */
enum { NAMES_OF_LEFT_COPY, NAMES_OF_RIGHT_COPY, NAMES_OF_TILE, NAMES_COUNT };
const char *contraction_suffix(const contraction_nest *n, int kind);

/* The element of a coordinate at which the part that the walk stands at begins; below 0 it is one of the zeros in front. */
const loop_expr *contraction_first(const contraction_nest *n, const contraction_coordinate *u);

/* Which of `length` steps of 1 from there on meet stored elements: from low up to high, and none where low is not below. */
typedef struct contraction_met {
  const loop_expr *low, *high;
} contraction_met;
contraction_met contraction_met_steps(const contraction_nest *n, loop_block *block, const contraction_coordinate *u, int64_t length);

/* Appends a local copy of the part of an operand that the walk stands at, and turns the operand's
 * access to it. */
void contraction_copy(contraction_nest *n, int operand, loop_block *block);

/* Appends what writes the panel of a packed operand that the walk stands at. */
void contraction_pack(contraction_nest *n, int operand, loop_buffer *packed, loop_block *block);

/* Turns a packed operand's access to the panel that the walk stands at. */
void contraction_read_packed(contraction_nest *n, int operand);

/* What a copy that turns an operand copies: element (i, j) is buffer[from + across · i + j], and to[to_at + i + along · j]
 * in the copy, for i below length[0] and j below length[1], both at least contraction_turn_side. */
typedef struct contraction_turn {
  loop_buffer *buffer, *to;
  const loop_expr *from, *to_at;
  int64_t across, along, length[2];
} contraction_turn;

void contraction_turn_copy(const contraction_nest *n, const contraction_turn *turn, loop_block *block);

/* Appends the computation of one tile of the output: from zero, or where the block axis is cut,
 * from what earlier blocks have stored. */
void contraction_tile(const contraction_nest *n, loop_block *block);

/* Appends piece(context, block, at, lanes) for consecutive runs of lanes, a power of two of at most
 * `lanes`, that together are [0, count). */
typedef void contraction_piece(void *context, loop_block *block, const loop_expr *at, int lanes);
void contraction_pieces(arena *a, loop_block *block, int64_t count, int lanes,
                        contraction_piece *piece, void *context);

/* Lanes of a full vector of the contraction's elements. */
int contraction_full_lanes(const contraction *c, const target *t);

/* x · factor + y. */
const loop_expr *contraction_scaled(arena *a, const loop_expr *x, int64_t factor,
                                    const loop_expr *y);

#endif
