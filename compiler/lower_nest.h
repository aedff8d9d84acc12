/* Inside the lowering of map and row kernels: the nest of loops that is being written, and elements
 * in it. */
#ifndef LOWER_NEST_H
#define LOWER_NEST_H

#include "lower.h"

/* A block of statements that is being written, and the elements whose values its names hold. A scope
 * is appended to the block around it when it is complete, so that what does not depend on its
 * variables can still be written before it. */
typedef struct nest_scope {
  loop_block block;
  int memo_count, mask_count; /* at its start */
} nest_scope;

/* An element of a node as a value of the loop form. */
typedef struct nest_value {
  const loop_expr *value;
  int scope; /* the innermost scope that it depends on */
} nest_value;

typedef struct nest_memo {
  const node *node;
  const index_expr *const *at;
  index_guard guard;
  nest_value value;
} nest_memo;

typedef struct nest_mask {
  index_guard guard;
  nest_value value;
} nest_mask;

/* A row of values that a later pass over the row needs again. */
typedef struct nest_row {
  const node *node;
  const index_expr *const *at;
  int64_t elements;
  int first_pass;      /* which fills it */
  loop_buffer *buffer; /* made when the first pass fills it */
  bool filling, filled; /* by this pass, by an earlier one */
} nest_row;

/* A store of every `factor`-th element from a position, which waits for those of other points. */
typedef struct nest_strided {
  loop_buffer *buffer;
  const index_expr *position;
  const loop_expr *value; /* NULL: done */
  int factor;
} nest_strided;

enum { NEST_PARTS = 7 }; /* log2(LOOP_MAX_LANES) + 1 */
enum { NEST_BREAKS = 7 };

enum { NEST_SCOPES = 4 * MAX_RANK + 8 };

typedef struct nest {
  lowering *lowering;
  arena *arena;
  const group *group;
  loop_buffer **buffers;  /* of inputs, then outputs */
  loop_buffer *context;   /* or NULL */
  int lanes, full_lanes;  /* now, and of the vector axis */
  int vector_axis;        /* -1: none */
  int64_t breaks[NEST_BREAKS]; /* of the vector axis, ascending: where bounds of reads begin or cease to hold, at full vectors.
                             Between them it has loops of its own, in which these bounds are no question */
  int break_count;
  int64_t from, to;       /* indices of the vector axis in the loop that is being written; 0 and 0: all */
  bool anywhere;          /* vectors begin at any element of their axis, else at multiples of their lanes */
  int copy;               /* number of the unrolled vector */
  int part;               /* of the vector axis: its lanes are full_lanes >> part */
  bool halving;           /* what full vectors leave is done by ever shorter ones, else by scalars */
  bool in_row;            /* in a loop over the inner axes */
  int row_scope;          /* the scope around these loops */
  bool unrolled;          /* the inner axes' points are written one after the other */
  nest_strided *strided;  /* stores that wait for the last of them */
  int strided_count;
  const loop_expr *variables[2 * MAX_RANK];
  int variable_scope[2 * MAX_RANK];
  const loop_expr *low[2 * MAX_RANK], *high[2 * MAX_RANK]; /* of the loops over them */
  int outer_order[MAX_RANK], inner_order[MAX_RANK];
  nest_scope scopes[NEST_SCOPES];
  int scope_count;
  nest_memo *memo;
  int memo_count;
  nest_mask *masks;
  int mask_count;
  nest_row *rows;
  int row_count;
  int *levels;            /* by member: of reductions, the pass that computes them */
  int level_count;
  int *pass_weight;       /* by pass: scalar operations for one point (group_weight) */
  int *output_pass;       /* by output: the pass over the row that stores it, -1: after the row;
                             passes are the levels and, if need be, a last one */
  int names;
} nest;

typedef void (*nest_body)(nest *k, void *context);

/* ---- scopes and loops (lower_nest.c) --------------------------------------------------------- */

void nest_open(nest *k);
loop_block nest_close(nest *k);
void nest_splice(nest *k); /* closes and appends to the block around */
loop_block *nest_block(nest *k);

/* A name for a value in a scope; constants and names stay as they are. */
const loop_expr *nest_let(nest *k, int scope, const char *name, const loop_expr *value);

/* The body for each value of the variable from low, step by step; where there is only one, without
 * a loop. */
void nest_loop(nest *k, int variable, const loop_expr *low, const loop_expr *high, int64_t step,
               int lanes, nest_body body, void *context);

/* The part of the vector axis that is run through with full_lanes >> part lanes, which starts at a
 * multiple of them; false where it is empty. The last part has one lane. */
bool nest_part(const nest *k, int part, int64_t *from, int64_t *to);

/* The body for each vector of the vector axis, part by part. `copies` full vectors are handled in one
 * turn of the loop while there are as many. */
void nest_vector_loop(nest *k, int copies, nest_body body, void *context);

/* The body for each point of the inner axes. */
void nest_inner(nest *k, int copies, nest_body body, void *context);

int64_t nest_extent(const nest *k, int variable);
bool nest_is_inner(const nest *k, int variable);
bool nest_is_bounded(const nest *k, int variable); /* up to a size that each call gives */

/* ---- elements (lower_element.c) -------------------------------------------------------------- */

/* The element of a node; at most k->lanes lanes: 1 where it does not depend on the vector axis. */
nest_value nest_element(nest *k, node *n, const index_expr *const *at, const index_guard *guard);

/* The same with exactly k->lanes lanes, or 1 where `scalar`. */
const loop_expr *nest_operand(nest *k, node *n, const index_expr *const *at);

/* Where the kernel reads a node. */
loop_buffer *nest_input(const nest *k, const node *n);

/* Makes the value known as the element. */
void nest_remember(nest *k, const node *n, const index_expr *const *at, const loop_expr *value);

/* Stores the elements of outputs at their homes: those of one pass over the row (outputs that change
 * along the inner axes, see output_pass), or with -1 those that do not change along it. All are
 * computed before the first is stored, which may overwrite an input. */
void nest_store(nest *k, int pass);

/* The innermost scope of the variables that an index depends on. */
int nest_scope_of(const nest *k, const index_expr *x);

/* ---- vectors (lower_lanes.c) ----------------------------------------------------------------- */

/* True where the lanes of the vector that is being written have different indices. */
bool nest_varies(const nest *k, const index_expr *x);

/* True where indices along axis v are consecutive, and vectors of a multiple of `unit` lanes begin at a
 * multiple of it; and where the lanes of the vector that is being written are such. */
bool nest_runs_along(const nest *k, const index_expr *x, int v, int unit);
bool nest_is_run(const nest *k, const index_expr *x, int unit);

/* The index at the present point of unrolled inner axes, and in the present stretch of the vector axis, whose range is
 * narrower. */
const index_expr *nest_at_point(nest *k, const index_expr *x);

/* An index as a value: i32 where its range fits, else i64; a vector where it depends on the vector
 * axis. */
dtype nest_index_type(const index_expr *x);
nest_value nest_index(nest *k, const index_expr *x);

/* The elements of a buffer, which holds a tensor of this type, at a position, 0 or any where the mask (bool of one or
 * k->lanes lanes, or NULL) is false; one lane where it does not depend on the vector axis. Parts are named in `scope`. */
const loop_expr *nest_load(nest *k, const loop_buffer *b, const tensor_type *type, const index_expr *position,
                           const loop_expr *mask, int scope);

/* Stores all lanes, or where inner points are unrolled and their elements may fill each other's gaps
 * has them wait for nest_store_strided. */
void nest_store_lanes(nest *k, loop_buffer *b, const index_expr *position, const loop_expr *value);
void nest_store_strided(nest *k);

/* The number of loads that make a vector of so many lanes along axis v out of
 * elements that lie at most a few vectors apart; 0 where they are loaded one by one. */
int nest_pieces(const nest *k, const index_expr *x, int v, int lanes);

/* ---- lines (lower_fetch.c) -------------------------------------------------------------------- */

/* Asks for the line that an access reads, so many elements further on, to come to the second cache. */
void nest_fetch(nest *k, const group_access *access, int64_t further);

/* Asks for the lines that inputs from beyond the second cache are read from at `count` more of a variable, as vectors,
 * where these lie far apart. */
void nest_fetch_ahead(nest *k, int variable, int64_t count);

/* ---- reductions (lower_reduce.c) ------------------------------------------------------------- */

/* One pass over the inner axes: all reductions of a level. */
void nest_reduce(nest *k, int level);


/* ---- choices (lower_schedule.c) -------------------------------------------------------------- */

/* A group over fewer axes: neighbours that every access runs through as one are merged. */
group *nest_merge_axes(arena *a, const fusion *f, const group *g);

/* Chooses the vector axis, its lanes and the order of the loops. */
void nest_schedule(nest *k);

/* Lanes along an axis such that every vector fits a register: in the widest type among all values,
 * loaded or computed, whose lanes differ. Of all outputs, or of one element. */
int nest_lanes(const nest *k, int v);
int nest_operand_lanes(const nest *k, node *n, const index_expr *const *at, int v);

/* The number of tasks that the first outer axis is cut into: by shape only. */
int64_t nest_tasks(const nest *k);

#endif
