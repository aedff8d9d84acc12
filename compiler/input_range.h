/* What an entry asks of the integers that it is given. */
#ifndef INPUT_RANGE_H
#define INPUT_RANGE_H

#include "graph.h"

/* Places along an axis: so many, from the first one, a step apart. */
typedef struct axis_places {
  int64_t first, count, step;
} axis_places;

/* Elements of an input that one place of the text uses: those whose place is named along each axis. */
typedef struct index_region {
  axis_places axes[MAX_RANK];
  location at;
} index_region;

/* A use of an input as numbers of one of so many: as indices into an axis (gather, scatter, scatter_add), or
 * compared for equality with all of these (== iota, which makes classes of numbers). Other numbers would read 0,
 * be dropped or equal nothing. */
typedef struct index_use {
  int64_t low, high;     /* the least and largest number of the input's type that is meant */
  int64_t extent;
  int64_t first;         /* what stands for number 0, counted modulo … */
  uint64_t mask;         /* … this and 1, as the arithmetic between input and use wraps */
  index_region *regions; /* the elements that are used so: in one of these at least */
  int region_count;
} index_use;

typedef struct index_uses {
  index_use *uses; /* those of the fewest numbers first; each asks by itself */
  int count;
} index_uses;

/* The uses of an input, where between input and use stand what moves elements (reshapes, transposes,
 * broadcasts, slices, reversals, concats, pads), casts between integers, sums and differences with a constant, and
 * loops that walk along the input or take it whole. All turns count; of a loop with a condition, which may end before,
 * none. What is computed otherwise is no use, nor are elements of which it is not known whether they are used:
 * a number that is refused was never meant. Of reads at several distances from a number (x[i - 1], x[i], x[i + 1]),
 * which may leave the axis at its ends, only that of the number itself is one. */
index_uses input_index_uses(arena *a, const graph *g, const node *input);

/* The region in which an element of the input lies, given by its position in row-major order; NULL: in none. */
const index_region *index_use_region(const index_use *use, const tensor_type *input, int64_t position);

bool index_use_means(const index_use *use, int64_t value);

#endif
