/* The vocabulary in which vector_*.c write functions of the loop form. For those files only. */
#ifndef VECTOR_MAKER_H
#define VECTOR_MAKER_H

#include <math.h>
#include <string.h>

#include "scalar.h"
#include "vector_math.h"

typedef const loop_expr *expr;

/* A function in the making. */
typedef struct maker {
  math_library *library;
  arena *arena;
  loop_function *function;
  loop_type type;
  dtype bits;      /* the integer type of the same size */
  int mantissa;    /* stored bits of the significand */
  int64_t bias;    /* of the exponent */
} maker;

static inline bool is_single(const maker *m) { return m->type.element == DTYPE_F32; }

static inline int bits_of(const maker *m) { return is_single(m) ? 32 : 64; }

static inline expr real(maker *m, double value) {
  double rounded = is_single(m) ? (float)value : value;
  return loop_splat(m->arena, loop_constant(m->arena, m->type.element, rounded, 0), m->type.lanes);
}

static inline expr integer(maker *m, int64_t value) {
  return loop_splat(m->arena, loop_constant(m->arena, m->bits, 0, value), m->type.lanes);
}

static inline expr op1(maker *m, scalar_function f, expr x) { return loop_op(m->arena, f, x, NULL, NULL); }
static inline expr op2(maker *m, scalar_function f, expr x, expr y) { return loop_op(m->arena, f, x, y, NULL); }
static inline expr add(maker *m, expr x, expr y) { return op2(m, SCALAR_ADD, x, y); }
static inline expr sub(maker *m, expr x, expr y) { return op2(m, SCALAR_SUB, x, y); }
static inline expr mul(maker *m, expr x, expr y) { return op2(m, SCALAR_MUL, x, y); }
static inline expr quotient(maker *m, expr x, expr y) { return op2(m, SCALAR_DIV, x, y); }
static inline expr fused(maker *m, expr x, expr y, expr z) { return loop_fma(m->arena, x, y, z); }
static inline expr minus(maker *m, expr x) { return op1(m, SCALAR_NEG, x); }
static inline expr less(maker *m, expr x, expr y) { return op2(m, SCALAR_LT, x, y); }
static inline expr equal(maker *m, expr x, expr y) { return op2(m, SCALAR_EQ, x, y); }
static inline expr choose(maker *m, expr c, expr x, expr y) { return loop_select(m->arena, c, x, y); }
static inline expr as_bits(maker *m, expr x) { return loop_bitcast(m->arena, x, m->bits); }
static inline expr as_real(maker *m, expr x) { return loop_bitcast(m->arena, x, m->type.element); }
static inline expr both_bits(maker *m, expr x, expr y) { return op2(m, SCALAR_BITAND, x, y); }
static inline expr either_bits(maker *m, expr x, expr y) { return op2(m, SCALAR_BITOR, x, y); }
static inline expr shifted_up(maker *m, expr x, int by) { return op2(m, SCALAR_SHL, x, integer(m, by)); }
static inline expr shifted_down(maker *m, expr x, int by) { return op2(m, SCALAR_SHR, x, integer(m, by)); }

static inline int uses_of(const loop_block *b, const char *name) {
  size_t length = strlen(name);
  int count = 0;
  for (int i = 0; i < b->count; i++) {
    const char *other = b->statements[i]->variable->name;
    count += !strncmp(other, name, length) && strspn(other + length, "0123456789") == strlen(other + length);
  }
  return count;
}

/* Names are unique in a function: the second p is p1. */
static inline expr let(maker *m, const char *name, expr value) {
  int uses = uses_of(&m->function->body, name);
  const char *unique = uses ? arena_printf(m->arena, "%s%d", name, uses) : name;
  return loop_let(m->arena, &m->function->body, unique, value);
}

static inline expr call(maker *m, scalar_function f, expr x) {
  return loop_call(m->arena, math_function(m->library, f, m->type), (const loop_expr *[]){x});
}

/* Horner's rule; the highest coefficient last. */
static inline expr polynomial(maker *m, expr x, int count, const double *coefficients) {
  expr p = real(m, coefficients[count - 1]);
  for (int i = count - 2; i >= 0; i--) p = fused(m, p, x, real(m, coefficients[i]));
  return p;
}

/* The same as two polynomials in x², for half the time that one result takes; one product more. */
static inline expr polynomial_in_two(maker *m, expr x, expr square, int count, const double *coefficients) {
  double parts[2][16];
  for (int i = 0; i < count; i++) parts[i % 2][i / 2] = coefficients[i];
  expr even = polynomial(m, square, (count + 1) / 2, parts[0]);
  return fused(m, polynomial(m, square, count / 2, parts[1]), x, even);
}

static inline expr clamp(maker *m, expr x, double low, double high) {
  return let(m, "x", op2(m, SCALAR_MAXIMUM, op2(m, SCALAR_MINIMUM, x, real(m, high)), real(m, low)));
}

static inline int64_t sign_bit(const maker *m) { return is_single(m) ? (int64_t)INT32_MIN : INT64_MIN; }
static inline int64_t infinity_bits(const maker *m) { return is_single(m) ? 0x7f800000 : 0x7ff0000000000000; }

/* x with the sign of s; x is not negative. */
static inline expr with_sign(maker *m, expr x, expr s) {
  expr bit = both_bits(m, as_bits(m, s), integer(m, sign_bit(m)));
  return as_real(m, either_bits(m, as_bits(m, x), bit));
}

/* Adding it rounds to an integer, whose bits then stand at the low end. */
static inline double rounder(const maker *m) { return 1.5 * ldexp(1, m->mantissa); }

/* The number whose exponent field is the low end of n. */
static inline expr of_exponent(maker *m, expr n) { return as_real(m, shifted_up(m, n, m->mantissa)); }

/* x 2^n with the low end of n, where x and the result are normal numbers. */
static inline expr scaled_by(maker *m, expr x, expr n) {
  return as_real(m, add(m, as_bits(m, x), shifted_up(m, n, m->mantissa)));
}

/* True where x is normal and above 0, by one comparison of bits, rotated so that these come first. */
static inline expr is_ordinary(maker *m, expr x) {
  int64_t least = INT64_C(1) << m->mantissa, infinity = infinity_bits(m);
  expr turned = add(m, as_bits(m, x), integer(m, is_single(m) ? INT32_MAX - least + 1 : INT64_MAX - least + 1));
  return less(m, turned, integer(m, sign_bit(m) + (infinity - least)));
}

/* ---- pairs of numbers, twice as exact (Dekker, 1971) ----------------------------------------- */

typedef struct pair {
  expr high, low; /* an unevaluated sum */
} pair;

/* x + y without error, where |x| >= |y| or x is 0. */
static inline pair pair_sum(maker *m, expr x, expr y) {
  expr high = let(m, "high", add(m, x, y));
  return (pair){high, let(m, "low", sub(m, y, sub(m, high, x)))};
}

/* An f64 as two numbers of 26 bits (Veltkamp, 1968); |x| below 2^996. */
static inline pair pair_split(maker *m, expr x) {
  expr spread = let(m, "spread", mul(m, x, real(m, 0x1.0000002p+27)));
  expr high = let(m, "high", sub(m, spread, sub(m, spread, x)));
  return (pair){high, let(m, "low", sub(m, x, high))};
}

/* x y without error; of f64 if the target does not fuse. */
static inline pair pair_product(maker *m, expr x, expr y) {
  expr high = let(m, "high", mul(m, x, y));
  if (m->library->fma) return (pair){high, let(m, "low", fused(m, x, y, minus(m, high)))};
  pair a = pair_split(m, x), b = pair_split(m, y);
  expr rest = sub(m, mul(m, a.high, b.high), high);
  rest = add(m, add(m, rest, mul(m, a.high, b.low)), mul(m, a.low, b.high));
  return (pair){high, let(m, "low", add(m, rest, mul(m, a.low, b.low)))};
}

/* z - x y, where a number of the type is that. */
static inline expr less_product(maker *m, expr z, expr x, expr y) {
  if (m->library->fma) return fused(m, minus(m, x), y, z);
  pair taken = pair_product(m, x, y);
  return sub(m, sub(m, z, taken.high), taken.low);
}

/* ---- logarithms ------------------------------------------------------------------------------ */

typedef struct scaled {
  expr field;   /* e + bias, an integer */
  expr e;
  expr part, f; /* x = 2^e part, part = 1 + f from √½ to √2, for normal numbers x above 0 */
} scaled;

/* A number of 2^mantissa with the field at its low end takes e from bits. */
static inline scaled scale_log(maker *m, expr x) {
  int64_t root_half = is_single(m) ? 0x3f3504f3 : 0x3fe6a09e667f3bcd;
  int64_t one = m->bias << m->mantissa, unit = (m->bias + m->mantissa) << m->mantissa;
  expr shifted = let(m, "shifted", add(m, as_bits(m, x), integer(m, one - root_half)));
  expr field = let(m, "field", shifted_down(m, shifted, m->mantissa));
  expr large = as_real(m, either_bits(m, field, integer(m, unit)));
  expr e = let(m, "e", sub(m, large, real(m, ldexp(1, m->mantissa) + (double)m->bias)));
  expr fraction = both_bits(m, shifted, integer(m, (INT64_C(1) << m->mantissa) - 1));
  expr part = let(m, "part", as_real(m, add(m, fraction, integer(m, root_half))));
  return (scaled){field, e, part, let(m, "f", sub(m, part, real(m, 1)))};
}

/* ---- the functions, one each ----------------------------------------------------------------- */

expr make_exp(maker *m, expr x);
expr make_expm1(maker *m, expr x);
expr make_tanh(maker *m, expr x);
expr make_sigmoid(maker *m, expr x);
expr make_log(maker *m, expr x);
expr make_log1p(maker *m, expr x);
expr make_pow(maker *m, expr x, expr y);
expr make_sin(maker *m, expr x);
expr make_cos(maker *m, expr x);

/* By the function of f64, in halves, since f64 takes twice the room, and compilers take vectors apart
 * that no register holds. y is NULL for functions of one number. */
expr make_through_double(maker *m, scalar_function f, expr x, expr y);

/* A function without a body yet. */
loop_function *math_begin(math_library *m, const char *name, loop_type type, int parameters,
                          const char *const *names, loop_type parameter_type);
const loop_function *math_finish(math_library *m, loop_function *f, expr result);
loop_function *math_find(const math_library *m, const char *name);
const char *math_name(arena *a, const char *name, loop_type type);

#endif
