/* The comparator of all tests. Every comparison is written so that NaN fails unless both are. */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdbool.h>

#include "tensor.h"

/* |actual - expected| <= absolute + relative * |expected|. */
typedef struct tolerance {
  double absolute, relative;
} tolerance;

/* Why two values differ, in arena a, or NULL where they agree: same element type and shape,
 * integers equal, reals within the tolerance. NaN agrees with NaN alone, an infinity with itself.
 * The message names the worst element's index and both values. */
const char *compare_tensors(arena *a, const tensor *actual, const tensor *expected, tolerance t);

/* The same for dense arrays as compiled code has them (bool and u8 as bytes, f32 as float, …). */
const char *compare_array(arena *a, const void *actual, const tensor *expected, tolerance t);

/* Reads a dense array as a tensor, and writes a tensor (wrapped or rounded) as a dense array. */
tensor *compare_from_array(arena *a, const tensor_type *type, const void *array);
void compare_to_array(const tensor *t, void *array);

bool compare_real(double actual, double expected, tolerance t);

#endif
