/* Functions of the library in tests. */
#ifndef LIBRARY_CASE_H
#define LIBRARY_CASE_H

#include "model_case.h"

/* Fails the test, saying what, unless the values agree to 1e-6: constants and parameters are rounded
 * to f32. */
void expect_real(const char *what, double actual, double expected);

/* A tensor of f32 of these extents with different values between -1 and 1, none near another. */
tensor *library_input(arena *a, int rank, const int64_t *extents);

/* An expression of x and, where a layer is given, of `layer`, an instance of it. */
typedef struct library_gradient {
  const char *layer; /* "conv2d[3, 2]" or NULL */
  const char *expression;
  int rank;
  int64_t extents[5]; /* of x */
  bool training;
} library_gradient;

/* The expression's gradients by x and by each parameter against differences of its values. */
void library_check_gradient(const library_gradient *c);

#endif
