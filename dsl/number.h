/* Static numbers: integers and fractions are exact, so that sizes such as H // 2 or D / H are
 * never rounded; other numbers are doubles. Exact and real meet as real. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "ast.h"

typedef struct number {
  bool exact;                     /* numerator / denominator, in lowest terms, denominator > 0 */
  int64_t numerator, denominator;
  double real;                    /* the value, also of an exact number */
} number;

number number_integer(int64_t value);
number number_real(double value);

bool number_is_integer(number n);

/* The arithmetic operators. False with a message such as "division by zero" where there is no
 * value, or where an exact result does not fit 64 bits. `/` of exact numbers is exact; `//` and
 * `%` floor; a power is exact for an exact base and an integer exponent. */
bool number_operate(ast_operator op, number a, number b, number *result, const char **message);

/* -1, 0, 1; 2 where one is not a number. */
int number_compare(number a, number b);

const char *number_text(arena *a, number n); /* "3", "1/3", "0.001" */

#endif
