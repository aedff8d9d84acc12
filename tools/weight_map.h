/* Maps of names: how the tensors of a file of weights that another program wrote, or shall read, stand
 * to the slots of a model. A text, a line for each tensor or pattern of names; docs/tool.md has the form:
 *
 *   net.linear_*.w   = fc*.weight transpose
 *   net.lstm_0.bias  = rnn.bias_ih + rnn.bias_hh + (0, -1, 0, 0)
 *   net.query.w      = attention.in_proj[0 of 3] transpose
 *   keep net.head.*
 *   ignore *.num_batches_tracked */
#ifndef WEIGHT_MAP_H
#define WEIGHT_MAP_H

#include "diag.h"
#include "type.h"

enum { MAP_STARS = 8 }; /* in one name */

/* What is meant of an axis: all of it, first to second (exclusive), or of `second` equal parts the one with
 * the number `first`, from 0. */
typedef enum map_range_kind { MAP_WHOLE, MAP_BOUNDS, MAP_PART } map_range_kind;
typedef struct map_range {
  map_range_kind kind;
  int64_t first, second;
} map_range;

/* A name, in which each `*` stands for any characters, and a box of the tensor; axes without a range
 * are whole. */
typedef struct map_name {
  const char *pattern;
  int range_count;
  map_range ranges[MAX_RANK];
  location at;
} map_name;

/* A tensor of the file. axes[i] is the axis of it that is axis i of the model's; axis_count 0: the same,
 * -1: the last two change places. */
typedef struct map_term {
  map_name name;
  int axis_count, axes[MAX_RANK];
} map_term;

typedef enum map_line_kind { MAP_ASSIGN, MAP_KEEP, MAP_IGNORE } map_line_kind;

/* OWN = TERM + TERM + (CONSTANTS), keep OWN, or ignore OWN. A constant belongs to one of as many equal
 * parts of the first axis. */
typedef struct map_line {
  map_line_kind kind;
  map_name own;
  map_term *terms;
  int term_count;
  double *constants;
  int constant_count;
} map_line;

typedef struct weight_map {
  map_line *lines;
  int line_count;
} weight_map;

/* NULL after errors in the diagnostics. */
const weight_map *weight_map_parse(arena *a, diagnostics *d, const source *text);

/* What the stars of a pattern stand for in a name. */
typedef struct map_stars {
  const char *at[MAP_STARS];
  size_t lengths[MAP_STARS];
} map_stars;

/* Whether a pattern matches a name. Each star stands for as few characters as can be, the first ones
 * before the later ones. */
bool weight_map_match(const char *pattern, const char *name, map_stars *stars);

/* A pattern with what its stars stand for. */
const char *weight_map_fill(arena *a, const char *pattern, const map_stars *stars);

#endif
