/* Algebra on numbers. Constants of sums and products stand on the right, so rules look for them
 * there only. */
#include <math.h>

#include "build.h"
#include "scalar.h"
#include "simplify.h"

static node *left(const node *n) { return n->operands[0]; }
static node *right(const node *n) { return n->operands[1]; }
static bool is_neg(const node *n) { return simplify_is_map(n, SCALAR_NEG); }

static bool commutes(scalar_function f) {
  switch (f) {
  case SCALAR_ADD:
  case SCALAR_MUL:
  case SCALAR_EQ:
  case SCALAR_NE:
  case SCALAR_AND:
  case SCALAR_OR:
  case SCALAR_BITAND:
  case SCALAR_BITOR:
  case SCALAR_BITXOR: return true;
  default: return false;
  }
}

static node *constant_right(graph *g, node *n) {
  double ignored;
  if (n->op != OP_MAP || !commutes(n->function)) return NULL;
  if (!node_is_splat(left(n), &ignored) || node_is_splat(right(n), &ignored)) return NULL;
  return build_map2(g, n->function, right(n), left(n));
}

/* --- sums ---------------------------------------------------------------------------------- */

static node *add_zero(graph *g, node *n) {
  (void)g;
  bool sum = simplify_is_map(n, SCALAR_ADD) || simplify_is_map(n, SCALAR_SUB);
  return sum && simplify_is(right(n), 0) ? left(n) : NULL;
}

static node *subtract_from_zero(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_SUB) || !simplify_is(left(n), 0)) return NULL;
  return build_map1(g, SCALAR_NEG, right(n));
}

static node *add_negated(graph *g, node *n) {
  if (simplify_is_map(n, SCALAR_SUB) && is_neg(right(n)))
    return build_map2(g, SCALAR_ADD, left(n), left(right(n)));
  if (!simplify_is_map(n, SCALAR_ADD)) return NULL;
  if (is_neg(right(n))) return build_map2(g, SCALAR_SUB, left(n), left(right(n)));
  if (is_neg(left(n))) return build_map2(g, SCALAR_SUB, right(n), left(left(n)));
  return NULL;
}

/* Of floating numbers the difference may be NaN. */
static node *subtract_itself(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_SUB) || left(n) != right(n) || simplify_is_real(n)) return NULL;
  return build_splat(g, &n->type, 0);
}

static node *negated_difference(graph *g, node *n) {
  if (!is_neg(n) || !simplify_is_map(left(n), SCALAR_SUB)) return NULL;
  return build_map2(g, SCALAR_SUB, right(left(n)), left(left(n)));
}

static node *double_negation(graph *g, node *n) {
  (void)g;
  return is_neg(n) && is_neg(left(n)) ? left(left(n)) : NULL;
}

/* (x + c) + d, (x * c) * d: integers wrap, so any grouping is exact. */
static node *integer_constants(graph *g, node *n) {
  double ignored;
  if (n->op != OP_MAP || (n->function != SCALAR_ADD && n->function != SCALAR_MUL)) return NULL;
  if (simplify_is_real(n) || !simplify_is_map(left(n), n->function)) return NULL;
  if (!node_is_splat(right(n), &ignored) || !node_is_splat(right(left(n)), &ignored)) return NULL;
  return build_map2(g, n->function, left(left(n)),
                    build_map2(g, n->function, right(left(n)), right(n)));
}

/* --- products ------------------------------------------------------------------------------ */

static node *multiply_by_one(graph *g, node *n) {
  (void)g;
  return simplify_is_map(n, SCALAR_MUL) && simplify_is(right(n), 1) ? left(n) : NULL;
}

static node *multiply_by_minus_one(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_MUL) || !simplify_is(right(n), -1)) return NULL;
  return build_map1(g, SCALAR_NEG, left(n));
}

/* Of floating numbers the product may be NaN. */
static node *multiply_by_zero(graph *g, node *n) {
  (void)g;
  bool zero = simplify_is_map(n, SCALAR_MUL) && !simplify_is_real(n) && simplify_is(right(n), 0);
  return zero ? right(n) : NULL;
}

static node *negated_factors(graph *g, node *n) {
  double factor;
  if (n->op != OP_MAP || (n->function != SCALAR_MUL && n->function != SCALAR_DIV)) return NULL;
  if (!is_neg(left(n))) return NULL;
  if (is_neg(right(n))) return build_map2(g, n->function, left(left(n)), left(right(n)));
  if (!simplify_is_real(n) || !node_is_splat(right(n), &factor)) return NULL;
  return build_map2(g, n->function, left(left(n)), build_splat(g, &n->type, -factor));
}

/* Powers of two up to this one have reciprocals that are normal numbers of the type. */
static int exponent_limit(dtype element) {
  return element == DTYPE_F64 ? 1000 : element == DTYPE_F16 ? 14 : 100;
}

/* Is |value| such a power of two? */
static bool is_power_of_two(dtype element, double value, int *exponent) {
  int limit = exponent_limit(element);
  return fabs(frexp(value, exponent)) == 0.5 && *exponent <= limit && *exponent >= -limit;
}

static node *divide_by_constant(graph *g, node *n) {
  double divisor;
  int exponent;
  if (!simplify_is_map(n, SCALAR_DIV) || !node_is_splat(right(n), &divisor)) return NULL;
  if (divisor == 1) return left(n);
  if (!is_power_of_two(n->type.element, divisor, &exponent)) return NULL;
  return build_map2(g, SCALAR_MUL, left(n), build_splat(g, &n->type, 1 / divisor));
}

/* (x * 2^k) * c with k >= 0 and |c| >= 1: the first product is exact unless it overflows, and then
 * so does that by both at once. */
static node *scale_twice(graph *g, node *n) {
  double first, second;
  int exponent, sum;
  if (!simplify_is_map(n, SCALAR_MUL) || !simplify_is_real(n)) return NULL;
  if (!simplify_is_map(left(n), SCALAR_MUL)) return NULL;
  if (!node_is_splat(right(left(n)), &first) || !node_is_splat(right(n), &second)) return NULL;
  if (!is_power_of_two(n->type.element, first, &exponent) || fabs(first) < 1) return NULL;
  if (!(fabs(second) >= 1) || !isfinite(second)) return NULL;
  frexp(first * second, &sum);
  if (sum > exponent_limit(n->type.element)) return NULL;
  return build_map2(g, SCALAR_MUL, left(left(n)), build_splat(g, &n->type, first * second));
}

static node *divide_integers(graph *g, node *n) {
  if (n->op != OP_MAP || (n->function != SCALAR_FLOORDIV && n->function != SCALAR_MOD)) return NULL;
  if (simplify_is_real(n) || !simplify_is(right(n), 1)) return NULL;
  return n->function == SCALAR_FLOORDIV ? left(n) : build_splat(g, &n->type, 0);
}

static node *trivial_fma(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_FMA)) return NULL;
  node *x = n->operands[0], *y = n->operands[1], *z = n->operands[2];
  if (simplify_is(y, 1)) return build_map2(g, SCALAR_ADD, x, z);
  if (simplify_is(x, 1)) return build_map2(g, SCALAR_ADD, y, z);
  if (simplify_is(z, 0)) return build_map2(g, SCALAR_MUL, x, y);
  return NULL;
}

/* --- functions ----------------------------------------------------------------------------- */

static node *small_power(graph *g, node *n) {
  double exponent;
  if (!simplify_is_map(n, SCALAR_POW) || !node_is_splat(right(n), &exponent)) return NULL;
  node *x = left(n);
  if (exponent == 0) return build_splat(g, &x->type, 1);
  if (exponent == 1) return x;
  if (exponent == 0.5) return build_map1(g, SCALAR_SQRT, x);
  if (exponent == -0.5) return build_map1(g, SCALAR_RSQRT, x);
  if (exponent == -1) return build_map2(g, SCALAR_DIV, build_splat(g, &x->type, 1), x);
  if (exponent != 2 && exponent != 3 && exponent != 4) return NULL;
  node *square = build_map2(g, SCALAR_MUL, x, x);
  if (exponent == 2) return square;
  return build_map2(g, SCALAR_MUL, square, exponent == 3 ? x : square);
}

/* Derivatives were taken before. */
static node *stop(graph *g, node *n) {
  (void)g;
  return simplify_is_map(n, SCALAR_STOP) ? left(n) : NULL;
}

static bool is_projection(scalar_function f) {
  return f == SCALAR_ABS || f == SCALAR_FLOOR || f == SCALAR_SIGN;
}

static node *applied_twice(graph *g, node *n) {
  (void)g;
  bool twice = n->op == OP_MAP && is_projection(n->function) && simplify_is_map(left(n), n->function);
  return twice ? left(n) : NULL;
}

/* Of u8 it wraps: |-1| is 255. */
static node *absolute_of_negated(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_ABS) || !is_neg(left(n)) || n->type.element == DTYPE_U8) return NULL;
  return build_map1(g, SCALAR_ABS, left(left(n)));
}

/* |x| |x| */
static node *squared_absolute(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_MUL) || left(n) != right(n)) return NULL;
  if (!simplify_is_map(left(n), SCALAR_ABS)) return NULL;
  return build_map2(g, SCALAR_MUL, left(left(n)), left(left(n)));
}

static bool reads(const node *n, const node *x) { return left(n) == x || right(n) == x; }

/* max(x, x); max(x, max(x, y)) */
static node *extremum_of_equals(graph *g, node *n) {
  (void)g;
  if (!simplify_is_map(n, SCALAR_MAXIMUM) && !simplify_is_map(n, SCALAR_MINIMUM)) return NULL;
  node *x = left(n), *y = right(n);
  if (x == y || (simplify_is_map(x, n->function) && reads(x, y))) return x;
  return simplify_is_map(y, n->function) && reads(y, x) ? y : NULL;
}

const simplify_rule simplify_algebra[] = {
    {"constant_right", constant_right},
    {"add_zero", add_zero},
    {"subtract_from_zero", subtract_from_zero},
    {"add_negated", add_negated},
    {"subtract_itself", subtract_itself},
    {"negated_difference", negated_difference},
    {"double_negation", double_negation},
    {"integer_constants", integer_constants},
    {"multiply_by_one", multiply_by_one},
    {"multiply_by_minus_one", multiply_by_minus_one},
    {"multiply_by_zero", multiply_by_zero},
    {"negated_factors", negated_factors},
    {"divide_by_constant", divide_by_constant},
    {"scale_twice", scale_twice},
    {"divide_integers", divide_integers},
    {"trivial_fma", trivial_fma},
    {"small_power", small_power},
    {"stop", stop},
    {"applied_twice", applied_twice},
    {"absolute_of_negated", absolute_of_negated},
    {"squared_absolute", squared_absolute},
    {"extremum_of_equals", extremum_of_equals},
    {NULL, NULL},
};
