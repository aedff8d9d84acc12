/* Lists of axes, and walks over the elements of a shape. */
#ifndef AXES_H
#define AXES_H

#include "type.h"

/* A message that cites constraint `number` of operator `op` unless every axis is within the rank
 * and the list is free of repetitions (ordered: strictly increasing); NULL where all is well. */
const char *axes_violation(arena *a, const char *op, int number, const int64_t *axes, int count,
                           int rank, bool ordered);

bool axes_contain(const int64_t *axes, int count, int64_t axis);

/* The axes of the rank that stand in neither list, increasing; returns their number. */
int axes_others(int rank, const int64_t *axes, int count, const int64_t *more, int more_count,
                int64_t others[MAX_RANK]);

/* Steps an index of rank axes to the next element in row-major order; false after the last, which
 * leaves the index at zero again. */
bool axes_next(const tensor_type *shape, int64_t index[MAX_RANK]);

/* A tensor as [outer, extent, inner] around one of its axes. */
typedef struct axes_split {
  int64_t outer, extent, inner;
} axes_split;

axes_split axes_around(const tensor_type *t, int64_t axis);

/* Position of an element in row-major order. */
int64_t axes_offset(const tensor_type *shape, const int64_t index[MAX_RANK]);

#endif
