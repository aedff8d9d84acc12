#include "number.h"

#include <math.h>
#include <stdlib.h>

enum { LARGEST_POWER = 62 };

static int64_t magnitude_gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a < 0 ? -a : a;
}

number number_integer(int64_t value) {
  return (number){true, value, 1, (double)value};
}

number number_real(double value) {
  return (number){.real = value};
}

/* In lowest terms. The smallest int64 has no negative: it counts as too large. */
static bool fraction(int64_t numerator, int64_t denominator, number *result) {
  if (numerator == INT64_MIN || denominator == INT64_MIN) return false;
  if (denominator < 0) {
    numerator = -numerator;
    denominator = -denominator;
  }
  int64_t common = magnitude_gcd(numerator, denominator);
  numerator /= common;
  denominator /= common;
  *result = (number){true, numerator, denominator, (double)numerator / (double)denominator};
  return true;
}

bool number_is_integer(number n) {
  return n.exact && n.denominator == 1;
}

static bool add(number a, number b, number *result) {
  int64_t left, right, sum, below;
  return !__builtin_mul_overflow(a.numerator, b.denominator, &left) &&
         !__builtin_mul_overflow(b.numerator, a.denominator, &right) &&
         !__builtin_add_overflow(left, right, &sum) &&
         !__builtin_mul_overflow(a.denominator, b.denominator, &below) &&
         fraction(sum, below, result);
}

static bool multiply(number a, number b, number *result) {
  int64_t above, below;
  return !__builtin_mul_overflow(a.numerator, b.numerator, &above) &&
         !__builtin_mul_overflow(a.denominator, b.denominator, &below) &&
         fraction(above, below, result);
}

static number negative(number a) {
  a.numerator = -a.numerator; /* lowest terms exclude INT64_MIN */
  a.real = 0 - a.real;
  return a;
}

static number inverse(number a) {
  number result = a;
  fraction(a.denominator, a.numerator, &result);
  return result;
}

static number rounded_down(number a) {
  int64_t quotient = a.numerator / a.denominator;
  return number_integer(quotient - (a.numerator % a.denominator < 0));
}

static bool power(number base, int64_t exponent, number *result) {
  if (exponent < 0) base = inverse(base);
  if (exponent < 0) exponent = -exponent;
  *result = number_integer(1);
  if (base.denominator == 1 && (base.numerator == 0 || base.numerator == 1)) {
    if (exponent) *result = base;
    return true;
  }
  if (base.denominator == 1 && base.numerator == -1) exponent %= 2;
  if (exponent > LARGEST_POWER) return false;
  for (int64_t i = 0; i < exponent; i++)
    if (!multiply(*result, base, result)) return false;
  return true;
}

static bool exact_operate(ast_operator op, number a, number b, number *result) {
  number quotient, product;
  switch (op) {
    case AST_ADD: return add(a, b, result);
    case AST_SUBTRACT: return add(a, negative(b), result);
    case AST_MULTIPLY: return multiply(a, b, result);
    case AST_DIVIDE: return multiply(a, inverse(b), result);
    case AST_FLOOR_DIVIDE:
      if (!multiply(a, inverse(b), &quotient)) return false;
      *result = rounded_down(quotient);
      return true;
    case AST_REMAINDER:
      return multiply(a, inverse(b), &quotient) && multiply(rounded_down(quotient), b, &product) &&
             add(a, negative(product), result);
    case AST_POWER: return power(a, b.numerator, result);
    default: return false;
  }
}

static double real_operate(ast_operator op, double a, double b) {
  switch (op) {
    case AST_ADD: return a + b;
    case AST_SUBTRACT: return a - b;
    case AST_MULTIPLY: return a * b;
    case AST_DIVIDE: return a / b;
    case AST_FLOOR_DIVIDE: return floor(a / b);
    case AST_REMAINDER: return a - b * floor(a / b);
    default: return pow(a, b);
  }
}

bool number_operate(ast_operator op, number a, number b, number *result, const char **message) {
  bool divides = op == AST_DIVIDE || op == AST_FLOOR_DIVIDE || op == AST_REMAINDER;
  bool exact = a.exact && b.exact && (op != AST_POWER || b.denominator == 1);
  bool inverts = op == AST_POWER && b.numerator < 0;
  if (exact && ((divides && !b.numerator) || (inverts && !a.numerator))) {
    *message = "division by zero";
    return false;
  }
  if (!exact) {
    *result = number_real(real_operate(op, a.real, b.real));
    return true;
  }
  *message = "the result does not fit 64 bits";
  return exact_operate(op, a, b, result);
}

int number_compare(number a, number b) {
  if (a.exact && b.exact) {
    __int128 left = (__int128)a.numerator * b.denominator;
    __int128 right = (__int128)b.numerator * a.denominator;
    return left < right ? -1 : left > right;
  }
  if (!(a.real == a.real && b.real == b.real)) return 2;
  return a.real < b.real ? -1 : a.real > b.real;
}

const char *number_text(arena *a, number n) {
  if (!n.exact) {
    for (int digits = 6; digits < 17; digits++) {
      const char *text = arena_printf(a, "%.*g", digits, n.real);
      if (strtod(text, NULL) == n.real) return text;
    }
    return arena_printf(a, "%.17g", n.real);
  }
  if (n.denominator == 1) return arena_printf(a, "%lld", (long long)n.numerator);
  return arena_printf(a, "%lld/%lld", (long long)n.numerator, (long long)n.denominator);
}
