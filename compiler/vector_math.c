/* Elementary functions from additions, products, fused products and bit patterns.
 *
 * Methods: argument reduction to a small interval and the Taylor or artanh series there, cut where
 * the next term is below a quarter of a unit in the last place, or for f32's log a polynomial near
 * minimax; see each function. Constants that
 * reduce arguments are split into parts whose products with the reduction's integer are exact. */
#include "vector_math.h"

#include <math.h>
#include <string.h>

#include "scalar.h"

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
  bool narrow;     /* f64 on the way to an f32 result: its series are shorter */
} maker;

static const loop_function *function_of(math_library *m, scalar_function f, loop_type type, bool narrow);

static bool is_single(const maker *m) { return m->type.element == DTYPE_F32; }

/* ---- small vocabulary ---------------------------------------------------------------------- */

static expr real(maker *m, double value) {
  double rounded = is_single(m) ? (float)value : value;
  return loop_splat(m->arena, loop_constant(m->arena, m->type.element, rounded, 0), m->type.lanes);
}

static expr integer(maker *m, int64_t value) {
  return loop_splat(m->arena, loop_constant(m->arena, m->bits, 0, value), m->type.lanes);
}

static expr op1(maker *m, scalar_function f, expr x) { return loop_op(m->arena, f, x, NULL, NULL); }
static expr op2(maker *m, scalar_function f, expr x, expr y) { return loop_op(m->arena, f, x, y, NULL); }
static expr add(maker *m, expr x, expr y) { return op2(m, SCALAR_ADD, x, y); }
static expr sub(maker *m, expr x, expr y) { return op2(m, SCALAR_SUB, x, y); }
static expr mul(maker *m, expr x, expr y) { return op2(m, SCALAR_MUL, x, y); }
static expr quotient(maker *m, expr x, expr y) { return op2(m, SCALAR_DIV, x, y); }
static expr fused(maker *m, expr x, expr y, expr z) { return loop_fma(m->arena, x, y, z); }
static expr choose(maker *m, expr c, expr x, expr y) { return loop_select(m->arena, c, x, y); }
static expr as_bits(maker *m, expr x) { return loop_bitcast(m->arena, x, m->bits); }
static expr as_real(maker *m, expr x) { return loop_bitcast(m->arena, x, m->type.element); }

static int uses_of(const loop_block *b, const char *name) {
  size_t length = strlen(name);
  int count = 0;
  for (int i = 0; i < b->count; i++) {
    const char *other = b->statements[i]->variable->name;
    count += !strncmp(other, name, length) && strspn(other + length, "0123456789") == strlen(other + length);
  }
  return count;
}

/* Names are unique in a function: the second p is p1. */
static expr let(maker *m, const char *name, expr value) {
  int uses = uses_of(&m->function->body, name);
  const char *unique = uses ? arena_printf(m->arena, "%s%d", name, uses) : name;
  return loop_let(m->arena, &m->function->body, unique, value);
}

static expr call(maker *m, scalar_function f, loop_type type, expr x, expr y) {
  const loop_expr *arguments[2] = {x, y};
  return loop_call(m->arena, function_of(m->library, f, type, m->narrow), arguments);
}

/* Horner's rule; the highest coefficient last. */
static expr polynomial(maker *m, expr x, int count, const double *coefficients) {
  expr p = real(m, coefficients[count - 1]);
  for (int i = count - 2; i >= 0; i--) p = fused(m, p, x, real(m, coefficients[i]));
  return p;
}

/* x with the sign of s; x is not negative. */
static expr with_sign(maker *m, expr x, expr s) {
  int64_t sign = is_single(m) ? (int64_t)INT32_MIN : INT64_MIN;
  expr bit = op2(m, SCALAR_BITAND, as_bits(m, s), integer(m, sign));
  return as_real(m, op2(m, SCALAR_BITOR, as_bits(m, x), bit));
}

/* Adding it rounds to an integer, whose bits then stand at the low end. */
static double rounder(const maker *m) { return 1.5 * ldexp(1, m->mantissa); }

/* ---- exp, expm1 ---------------------------------------------------------------------------- */

typedef struct reduced {
  expr n, r; /* x = n·log 2 + r, |r| ≤ log 2 / 2; n plus `more` at the low end of integers */
} reduced;

static reduced reduce_exp(maker *m, expr x, int more) {
  double high = is_single(m) ? 0x1.62e4p-1 : 0x1.62e42feep-1; /* log 2, few bits, and the rest */
  double low = is_single(m) ? 0x1.7f7d1cf79abcap-20 : 0x1.a39ef35793c76p-33;
  expr magic = real(m, rounder(m) + more);
  expr t = let(m, "t", fused(m, x, real(m, 0x1.71547652b82fep+0), magic));
  expr n = let(m, "n", sub(m, t, magic));
  expr near = fused(m, n, real(m, -high), x);
  return (reduced){.r = let(m, "r", fused(m, n, real(m, -low), near)), .n = as_bits(m, t)};
}

/* The number whose exponent field is the low end of n. */
static expr of_exponent(maker *m, expr n) {
  return as_real(m, op2(m, SCALAR_SHL, n, integer(m, m->mantissa)));
}

/* (e^r - 1 - r) / r² for |r| ≤ log 2 / 2: its Taylor series. */
static expr exp_tail(maker *m, expr r) {
  double coefficients[16], factorial = 2;
  int count = is_single(m) ? 6 : m->narrow ? 7 : 12;
  for (int i = 0; i < count; factorial *= i + 3, i++) coefficients[i] = 1 / factorial;
  return polynomial(m, r, count, coefficients);
}

static expr clamp(maker *m, expr x, double low, double high) {
  return let(m, "x", op2(m, SCALAR_MAXIMUM, op2(m, SCALAR_MINIMUM, x, real(m, high)), real(m, low)));
}

/* e^x = 2^n e^r, scaled in two steps, since 2^n alone may be too large or too small; f32's are far from
 * those of f64. */
static expr make_exp(maker *m, expr x) {
  if (m->narrow) x = clamp(m, x, -160, 160);
  else x = is_single(m) ? clamp(m, x, -104, 100) : clamp(m, x, -746, 720);
  reduced z = reduce_exp(m, x, m->narrow ? m->bias : 2 * m->bias);
  expr p = let(m, "p", add(m, real(m, 1), fused(m, mul(m, z.r, z.r), exp_tail(m, z.r), z.r)));
  if (m->narrow) return mul(m, p, of_exponent(m, z.n));
  expr half = let(m, "half", op2(m, SCALAR_SHR, z.n, integer(m, 1)));
  return mul(m, mul(m, p, of_exponent(m, half)), of_exponent(m, sub(m, z.n, half)));
}

/* e^x - 1 = 2^n (e^r - 1) + (2^n - 1), from 2^(n-1) to keep within the largest number. */
static expr make_expm1(maker *m, expr x) {
  expr given = x;
  x = is_single(m) ? clamp(m, x, -30, 89) : clamp(m, x, -50, 710);
  reduced z = reduce_exp(m, x, m->bias - 1);
  expr p = let(m, "p", fused(m, mul(m, z.r, z.r), exp_tail(m, z.r), z.r));
  expr scale = let(m, "scale", of_exponent(m, z.n));
  expr half = let(m, "half", fused(m, scale, p, sub(m, scale, real(m, 0.5))));
  expr tiny = op2(m, SCALAR_EQ, given, real(m, 0)); /* keeps the sign of zero */
  return choose(m, tiny, given, add(m, half, half));
}

/* ---- log, log1p ---------------------------------------------------------------------------- */

typedef struct scaled {
  expr e, f; /* x = 2^e (1 + f) with 1 + f from √½ to √2, for normal numbers x above 0 */
} scaled;

static scaled scale_log(maker *m, expr x) {
  int64_t root_half = is_single(m) ? 0x3f3504f3 : 0x3fe6a09e667f3bcd;
  int64_t one = is_single(m) ? 0x3f800000 : 0x3ff0000000000000;
  expr shifted = let(m, "shifted", add(m, as_bits(m, x), integer(m, one - root_half)));
  expr exponent = sub(m, op2(m, SCALAR_SHR, shifted, integer(m, m->mantissa)), integer(m, m->bias));
  expr e = let(m, "e", loop_cast(m->arena, exponent, m->type.element));
  expr fraction = op2(m, SCALAR_BITAND, shifted, integer(m, (INT64_C(1) << m->mantissa) - 1));
  expr f = let(m, "f", sub(m, as_real(m, add(m, fraction, integer(m, root_half))), real(m, 1)));
  return (scaled){e, f};
}

/* log(1 + f) - f + f²/2 plus `more`. In f64 log(1 + f) = 2 artanh s, s = f / (2 + f), is f - f²/2 +
 * s (f²/2 + R(s²)). In f32 a polynomial in f is enough, near minimax: it is off by 6.5e-9 of f, and no
 * quotient is needed. */
static expr log_tail(maker *m, expr f, expr half_square, expr more) {
  static const double near[] = {0x1.55554ap-2,  -0x1.000216p-2, 0x1.99a590p-3, -0x1.547ab4p-3,
                                0x1.226f94p-3, -0x1.0ccea2p-3, 0x1.07c386p-3, -0x1.42283ap-4};
  if (is_single(m)) return fused(m, mul(m, mul(m, f, f), f), polynomial(m, f, 8, near), more);
  expr s = let(m, "s", quotient(m, f, add(m, real(m, 2), f)));
  expr s2 = let(m, "s2", mul(m, s, s));
  double coefficients[12];
  int count = m->narrow ? 6 : 11;
  for (int i = 0; i < count; i++) coefficients[i] = 2.0 / (2 * i + 3);
  expr series = let(m, "series", mul(m, s2, polynomial(m, s2, count, coefficients)));
  return fused(m, s, add(m, half_square, series), more);
}

static expr make_log(maker *m, expr x) {
  scaled z = scale_log(m, x);
  expr e = z.e, f = z.f;
  expr half_square = let(m, "half_square", mul(m, mul(m, real(m, 0.5), f), f));
  double high = is_single(m) ? 0x1.62e4p-1 : 0x1.62e42feep-1;
  double low = is_single(m) ? 0x1.7f7d1cf79abcap-20 : 0x1.a39ef35793c76p-33;
  expr small_part = log_tail(m, f, half_square, mul(m, e, real(m, low)));
  expr rest = sub(m, sub(m, half_square, small_part), f);
  expr result = let(m, "result", sub(m, mul(m, e, real(m, high)), rest));
  expr invalid = let(m, "invalid", op2(m, SCALAR_LT, x, real(m, 0)));
  result = choose(m, op2(m, SCALAR_EQ, x, real(m, 0)), real(m, -INFINITY), result);
  result = choose(m, invalid, real(m, NAN), result);
  return choose(m, op2(m, SCALAR_LT, x, real(m, INFINITY)), result, add(m, x, x)); /* inf, NaN */
}

/* log u + (x - (u - 1)) / u with u = 1 + x rounded: the quotient mends the rounding. */
static expr make_log1p(maker *m, expr x) {
  expr u = let(m, "u", add(m, real(m, 1), x));
  expr lost = sub(m, x, sub(m, u, real(m, 1)));
  expr result = add(m, call(m, SCALAR_LOG, m->type, u, NULL), quotient(m, lost, u));
  expr edge = op2(m, SCALAR_LE, u, real(m, 0)); /* -1 gives -inf, below it NaN */
  result = choose(m, edge, call(m, SCALAR_LOG, m->type, u, NULL), result);
  return choose(m, op2(m, SCALAR_EQ, x, real(m, INFINITY)), x, result);
}

/* ---- tanh, sigmoid ------------------------------------------------------------------------- */

/* tanh |x| = t / (t + 2), t = e^(2|x|) - 1. */
static expr make_tanh(maker *m, expr x) {
  expr magnitude = op2(m, SCALAR_MINIMUM, op1(m, SCALAR_ABS, x), real(m, 20));
  expr t = let(m, "t", call(m, SCALAR_EXPM1, m->type, add(m, magnitude, magnitude), NULL));
  return with_sign(m, quotient(m, t, add(m, t, real(m, 2))), x);
}

/* 1 / (1 + e) or e / (1 + e), e = e^-|x|. */
static expr make_sigmoid(maker *m, expr x) {
  expr e = let(m, "e", call(m, SCALAR_EXP, m->type, op1(m, SCALAR_NEG, op1(m, SCALAR_ABS, x)), NULL));
  expr top = choose(m, op2(m, SCALAR_LT, x, real(m, 0)), e, real(m, 1));
  return quotient(m, top, add(m, real(m, 1), e));
}

/* ---- sin, cos ------------------------------------------------------------------------------ */

static expr series_of_sine(maker *m, expr square, int first) {
  double coefficients[8], factorial = first == 1 ? 6 : 24;
  int count = m->narrow ? 4 : 8;
  for (int i = 0; i < count; i++) {
    coefficients[i] = (i % 2 == (first == 1) ? 1 : -1) / factorial;
    int next = 2 * i + (first == 1 ? 4 : 5);
    factorial *= next * (next + 1);
  }
  return polynomial(m, square, count, coefficients);
}

/* x = n·π/2 + r, |r| ≤ π/4, with π/2 in three parts of which the first two have 33 bits; then the
 * Taylor series of sin r or cos r by the quadrant n + shift. In f64 only. */
static expr sine(maker *m, expr x, int64_t shift) {
  expr magic = real(m, rounder(m));
  expr t = let(m, "t", fused(m, x, real(m, 0x1.45f306dc9c883p-1), magic));
  expr n = let(m, "n", sub(m, t, magic));
  expr r = fused(m, n, real(m, -0x1.921fb544p+0), x);
  r = fused(m, n, real(m, -0x1.0b4611a6p-34), r);
  r = let(m, "r", fused(m, n, real(m, -0x1.3198a2e037073p-69), r));
  r = op2(m, SCALAR_MAXIMUM, op2(m, SCALAR_MINIMUM, r, real(m, 0.8)), real(m, -0.8));
  r = let(m, "q", r);
  expr square = let(m, "square", mul(m, r, r));
  expr odd = fused(m, mul(m, r, square), series_of_sine(m, square, 1), r);
  expr even = fused(m, mul(m, square, square), series_of_sine(m, square, 0),
                    fused(m, square, real(m, -0.5), real(m, 1)));
  expr quadrant = let(m, "quadrant", add(m, as_bits(m, t), integer(m, shift)));
  expr is_odd = op2(m, SCALAR_EQ, op2(m, SCALAR_BITAND, quadrant, integer(m, 1)), integer(m, 0));
  expr value = let(m, "value", choose(m, is_odd, odd, even));
  expr upper = op2(m, SCALAR_EQ, op2(m, SCALAR_BITAND, quadrant, integer(m, 2)), integer(m, 0));
  return choose(m, upper, value, op1(m, SCALAR_NEG, value));
}

static expr lanes_from(maker *m, expr x, int first, int count) {
  if (count == x->type.lanes) return x;
  int picks[LOOP_MAX_LANES];
  for (int i = 0; i < count; i++) picks[i] = first + i;
  return loop_shuffle(m->arena, x, x, count, picks);
}

static expr joined(maker *m, expr low, expr high) {
  int picks[LOOP_MAX_LANES];
  for (int i = 0; i < m->type.lanes; i++) picks[i] = i;
  return loop_shuffle(m->arena, low, high, m->type.lanes, picks);
}

/* An f32 function by that of f64, where arguments are reduced easily and the result rounds once more. In
 * halves, since f64 takes twice the room, and compilers take vectors apart that no register holds. */
static expr through_double(maker *m, scalar_function f, bool narrow, expr x, expr y) {
  int lanes = m->type.lanes, count = lanes < 4 ? lanes : lanes / 2;
  const loop_function *wide = function_of(m->library, f, loop_vector(DTYPE_F64, count), narrow);
  expr parts[2];
  for (int i = 0; i * count < lanes; i++) {
    expr arguments[2] = {loop_cast(m->arena, lanes_from(m, x, i * count, count), DTYPE_F64)};
    if (y) arguments[1] = loop_cast(m->arena, lanes_from(m, y, i * count, count), DTYPE_F64);
    parts[i] = let(m, "part", loop_cast(m->arena, loop_call(m->arena, wide, arguments), DTYPE_F32));
  }
  return count == lanes ? parts[0] : joined(m, parts[0], parts[1]);
}

/* ---- pairs of f64, twice as exact (Dekker, 1971) --------------------------------------------- */

typedef struct pair {
  expr high, low; /* an unevaluated sum */
} pair;

/* x + y without error, where |x| >= |y| or x is 0. */
static pair pair_sum(maker *m, expr x, expr y) {
  expr high = let(m, "high", add(m, x, y));
  return (pair){high, let(m, "low", sub(m, y, sub(m, high, x)))};
}

/* x as two numbers of 26 bits (Veltkamp, 1968); |x| below 2^996. */
static pair pair_split(maker *m, expr x) {
  expr spread = let(m, "spread", mul(m, x, real(m, 0x1.0000002p+27)));
  expr high = let(m, "high", sub(m, spread, sub(m, spread, x)));
  return (pair){high, let(m, "low", sub(m, x, high))};
}

/* x y without error. */
static pair pair_product(maker *m, expr x, expr y) {
  pair a = pair_split(m, x), b = pair_split(m, y);
  expr high = let(m, "high", mul(m, x, y));
  expr rest = sub(m, mul(m, a.high, b.high), high);
  rest = add(m, add(m, rest, mul(m, a.high, b.low)), mul(m, a.low, b.high));
  return (pair){high, let(m, "low", add(m, rest, mul(m, a.low, b.low)))};
}

/* a b within some 2^-104. */
static pair pair_multiply(maker *m, pair a, pair b) {
  pair p = pair_product(m, a.high, b.high);
  expr cross = add(m, mul(m, a.high, b.low), mul(m, a.low, b.high));
  return pair_sum(m, p.high, add(m, p.low, cross));
}

/* f / (2 + f) */
static pair pair_artanh_argument(maker *m, expr f) {
  pair t = pair_sum(m, real(m, 2), f);
  expr high = let(m, "s", quotient(m, f, t.high));
  pair back = pair_product(m, high, t.high);
  expr rest = sub(m, sub(m, sub(m, f, back.high), back.low), mul(m, high, t.low));
  return pair_sum(m, high, quotient(m, rest, t.high));
}

/* log x within some 2^-63 of itself, for finite x above 0: e log 2 + 2 s (1 + s²/3 + s⁴/5 + …), of which the
 * first two terms are pairs. */
static pair pair_log(maker *m, expr x) {
  scaled z = scale_log(m, x);
  pair s = pair_artanh_argument(m, z.f), square = pair_multiply(m, s, s);
  pair third = pair_multiply(m, square, (pair){real(m, 0x1.5555555555555p-2), real(m, 0x1.5555555555555p-56)});
  double coefficients[10];
  for (int i = 0; i < 10; i++) coefficients[i] = 1.0 / (2 * i + 5);
  expr tail = mul(m, mul(m, square.high, square.high), polynomial(m, square.high, 10, coefficients));
  pair series = pair_sum(m, real(m, 1), third.high);
  series = pair_sum(m, series.high, add(m, series.low, add(m, third.low, tail)));
  pair part = pair_multiply(m, s, series);
  expr whole = let(m, "whole", mul(m, z.e, real(m, 0x1.62e42feep-1))); /* log 2 in 33 bits, and the rest */
  pair sum = pair_sum(m, whole, add(m, part.high, part.high));
  expr low = add(m, mul(m, z.e, real(m, 0x1.a39ef35793c76p-33)), add(m, part.low, part.low));
  return pair_sum(m, sum.high, add(m, sum.low, low));
}

/* ---- pow ----------------------------------------------------------------------------------- */

/* e^(y log x) for x of at least 0, in f64: the product as a pair, as e^high (1 + low). From |y| = 2^65 on
 * every power of an x other than 1 is 0 or infinite. */
static expr pair_power(maker *m, expr x, expr y) {
  expr exponent = op2(m, SCALAR_MAXIMUM, op2(m, SCALAR_MINIMUM, y, real(m, 0x1p65)), real(m, -0x1p65));
  exponent = let(m, "exponent", exponent);
  expr above = op2(m, SCALAR_GT, x, real(m, 0)), finite = op2(m, SCALAR_LT, x, real(m, INFINITY));
  expr ordinary = let(m, "ordinary", op2(m, SCALAR_AND, above, finite));
  pair power = pair_multiply(m, pair_log(m, x), (pair){exponent, real(m, 0)});
  expr edge = choose(m, op2(m, SCALAR_EQ, x, real(m, 0)), real(m, -INFINITY), x);
  expr high = choose(m, ordinary, power.high, mul(m, exponent, edge));
  expr size = let(m, "size", call(m, SCALAR_EXP, m->type, high, NULL));
  expr within = op2(m, SCALAR_AND, ordinary, op2(m, SCALAR_LT, size, real(m, INFINITY)));
  return choose(m, within, add(m, size, mul(m, size, power.low)), size);
}

/* The same on the way to f32. */
static expr plain_power(maker *m, expr x, expr y) {
  expr power = mul(m, y, call(m, SCALAR_LOG, m->type, x, NULL));
  return call(m, SCALAR_EXP, m->type, power, NULL);
}

/* |x|^y with the sign of x where y is odd; NaN for a root of a negative number. */
static expr make_pow(maker *m, expr x, expr y) {
  expr zero = real(m, 0), one = real(m, 1);
  expr magnitude = let(m, "magnitude", op1(m, SCALAR_ABS, x));
  expr size = is_single(m) ? through_double(m, SCALAR_POW, true, magnitude, y) : pair_power(m, magnitude, y);
  size = let(m, "power", choose(m, op2(m, SCALAR_EQ, magnitude, one), one, size));
  expr whole = let(m, "whole", op2(m, SCALAR_EQ, call(m, SCALAR_FLOOR, m->type, y, NULL), y));
  expr half = let(m, "half", mul(m, y, real(m, 0.5)));
  expr odd = op2(m, SCALAR_NE, call(m, SCALAR_FLOOR, m->type, half, NULL), half);
  odd = op2(m, SCALAR_AND, whole, odd);
  expr result = let(m, "result", choose(m, odd, with_sign(m, size, x), size));
  expr finite = op2(m, SCALAR_GT, x, real(m, -INFINITY));
  expr root = op2(m, SCALAR_AND, op2(m, SCALAR_LT, x, zero), op1(m, SCALAR_NOT, whole));
  result = choose(m, op2(m, SCALAR_AND, root, finite), real(m, NAN), result);
  expr unknown = choose(m, op2(m, SCALAR_EQ, y, y), result, real(m, NAN));
  expr is_one = op2(m, SCALAR_OR, op2(m, SCALAR_EQ, y, zero), op2(m, SCALAR_EQ, x, one));
  return choose(m, is_one, one, unknown);
}

/* ---- rounding and signs -------------------------------------------------------------------- */

/* |x| rounded by adding 2^mantissa, one less where that went up. */
static expr make_floor(maker *m, expr x) {
  expr limit = real(m, ldexp(1, m->mantissa));
  expr magnitude = let(m, "magnitude", op1(m, SCALAR_ABS, x));
  expr nearest = let(m, "nearest", with_sign(m, sub(m, add(m, magnitude, limit), limit), x));
  expr down = choose(m, op2(m, SCALAR_GT, nearest, x), sub(m, nearest, real(m, 1)), nearest);
  return choose(m, op2(m, SCALAR_LT, magnitude, limit), down, x);
}

static expr make_sign(maker *m, expr x) {
  expr negative = choose(m, op2(m, SCALAR_LT, x, real(m, 0)), real(m, -1), x);
  return choose(m, op2(m, SCALAR_GT, x, real(m, 0)), real(m, 1), negative);
}

static expr make_floordiv(maker *m, expr x, expr y) {
  return call(m, SCALAR_FLOOR, m->type, quotient(m, x, y), NULL);
}

/* x - y ⌊x / y⌋ for quotients from 1 to 2^53 in size, exact: the rounded quotient is the right one or one
 * above. Scaled so that splitting neither overflows nor loses bits. */
static expr remainder_of(maker *m, expr x, expr y, expr quotient_floor) {
  expr size = let(m, "size", op1(m, SCALAR_ABS, y));
  expr up = choose(m, op2(m, SCALAR_LT, size, real(m, 0x1p-500)), real(m, 0x1p500), real(m, 1));
  expr scale = let(m, "scale", choose(m, op2(m, SCALAR_GT, size, real(m, 0x1p500)), real(m, 0x1p-500), up));
  expr divisor = let(m, "divisor", mul(m, y, scale));
  pair taken = pair_product(m, quotient_floor, divisor);
  expr rest = let(m, "rest", sub(m, sub(m, mul(m, x, scale), taken.high), taken.low));
  expr apart = op2(m, SCALAR_LT, mul(m, call(m, SCALAR_SIGN, m->type, rest, NULL), divisor), real(m, 0));
  expr mended = choose(m, apart, add(m, rest, divisor), rest);
  return quotient(m, mended, scale);
}

/* In f64. Where x is below y in size it is x, or x + y where the signs differ. From a quotient of 2^53 on
 * neighbouring x lie further apart than y, and the result is 0. */
static expr make_mod(maker *m, expr x, expr y) {
  expr zero = real(m, 0), ratio = let(m, "ratio", quotient(m, x, y));
  expr whole = let(m, "whole", call(m, SCALAR_FLOOR, m->type, ratio, NULL));
  expr below = op2(m, SCALAR_LT, op1(m, SCALAR_ABS, x), op1(m, SCALAR_ABS, y));
  expr negative = op2(m, SCALAR_LT, x, zero), against = op2(m, SCALAR_NE, negative, op2(m, SCALAR_LT, y, zero));
  expr differ = op2(m, SCALAR_AND, against, op2(m, SCALAR_NE, x, zero));
  expr near = choose(m, differ, add(m, x, y), x);
  expr far = choose(m, op2(m, SCALAR_EQ, y, zero), real(m, NAN), zero);
  far = choose(m, op2(m, SCALAR_EQ, op1(m, SCALAR_ABS, x), real(m, INFINITY)), real(m, NAN), far);
  expr is_far = op2(m, SCALAR_GE, op1(m, SCALAR_ABS, whole), real(m, 0x1p53));
  expr result = choose(m, is_far, far, remainder_of(m, x, y, whole));
  return choose(m, below, near, result);
}

/* ---- the library --------------------------------------------------------------------------- */

static expr make(maker *m, scalar_function f, expr x, expr y) {
  if (is_single(m) && (f == SCALAR_SIN || f == SCALAR_COS || f == SCALAR_MOD))
    return through_double(m, f, f != SCALAR_MOD, x, y);
  switch (f) {
    case SCALAR_FLOOR: return make_floor(m, x);
    case SCALAR_FLOORDIV: return make_floordiv(m, x, y);
    case SCALAR_MOD: return make_mod(m, x, y);
    case SCALAR_SIGN: return make_sign(m, x);
    case SCALAR_RSQRT: return quotient(m, real(m, 1), op1(m, SCALAR_SQRT, x));
    case SCALAR_EXP: return make_exp(m, x);
    case SCALAR_EXPM1: return make_expm1(m, x);
    case SCALAR_LOG: return make_log(m, x);
    case SCALAR_LOG1P: return make_log1p(m, x);
    case SCALAR_TANH: return make_tanh(m, x);
    case SCALAR_SIGMOID: return make_sigmoid(m, x);
    case SCALAR_SIN: return sine(m, x, 0);
    case SCALAR_COS: return sine(m, x, 1);
    case SCALAR_POW: return m->narrow ? plain_power(m, x, y) : make_pow(m, x, y);
    default: internal_error("no own %s", scalar_infos[f].name);
  }
}

bool math_covers(scalar_function f, dtype element) {
  if (element != DTYPE_F32 && element != DTYPE_F64) return false;
  switch (f) {
    case SCALAR_FLOOR: case SCALAR_FLOORDIV: case SCALAR_MOD: case SCALAR_SIGN: case SCALAR_RSQRT:
    case SCALAR_EXP: case SCALAR_EXPM1: case SCALAR_LOG: case SCALAR_LOG1P: case SCALAR_TANH:
    case SCALAR_SIGMOID: case SCALAR_SIN: case SCALAR_COS: case SCALAR_POW: return true;
    default: return false;
  }
}

static const char *function_name(arena *a, const char *name, loop_type type) {
  if (type.lanes == 1) return arena_printf(a, "%s_%s", name, dtype_name(type.element));
  return arena_printf(a, "%s_%sx%d", name, dtype_name(type.element), type.lanes);
}

static loop_function *find(const math_library *m, const char *name) {
  for (int i = 0; i < m->count; i++)
    if (!strcmp(m->functions[i]->name, name)) return m->functions[i];
  return NULL;
}

static loop_function *begin(math_library *m, const char *name, loop_type type, int parameters,
                            const char *const *names, loop_type parameter_type) {
  loop_function *f = arena_new_of(m->arena, loop_function);
  const loop_variable **list = arena_array_of(m->arena, parameters, const loop_variable *);
  for (int i = 0; i < parameters; i++)
    list[i] = loop_variable_new(m->arena, names[i], parameter_type);
  *f = (loop_function){.name = name, .type = type, .parameter_count = parameters, .parameters = list};
  return f;
}

static const loop_function *finish(math_library *m, loop_function *f, expr result) {
  f->result = result;
  arena_push(m->arena, m->functions, m->count) = f;
  return f;
}

static const loop_function *function_of(math_library *m, scalar_function f, loop_type type, bool narrow) {
  const char *name = scalar_infos[f].name;
  name = function_name(m->arena, narrow ? arena_printf(m->arena, "%s_narrow", name) : name, type);
  loop_function *function = find(m, name);
  if (function) return function;
  int operands = scalar_infos[f].operands;
  function = begin(m, name, type, operands, (const char *const[]){"a", "b"}, type);
  bool single = type.element == DTYPE_F32;
  maker k = {.library = m, .arena = m->arena, .function = function, .type = type,
             .bits = single ? DTYPE_I32 : DTYPE_I64, .mantissa = single ? 23 : 52,
             .bias = single ? 127 : 1023, .narrow = narrow};
  expr x = loop_var(m->arena, function->parameters[0]);
  expr y = operands > 1 ? loop_var(m->arena, function->parameters[1]) : NULL;
  return finish(m, function, make(&k, f, x, y));
}

const loop_function *math_function(math_library *m, scalar_function f, loop_type type) {
  return math_covers(f, type.element) ? function_of(m, f, type, false) : NULL;
}

/* ---- Philox -------------------------------------------------------------------------------- */

enum { PHILOX_ROUNDS = 10 };

/* Words are the low halves of i64, and what stands above them is of no account. */
static expr low_word(maker *m, expr x) {
  return op2(m, SCALAR_BITAND, x, integer(m, 0xffffffff));
}

static expr high_word(maker *m, expr x) { return op2(m, SCALAR_SHR, x, integer(m, 32)); }

static expr xor3(maker *m, expr x, expr y, expr z) {
  return op2(m, SCALAR_BITXOR, op2(m, SCALAR_BITXOR, x, y), z);
}

static void philox_rounds(maker *m, expr c[4], expr key) {
  expr k0 = key, k1 = let(m, "l", high_word(m, key));
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    expr p0 = let(m, "p", mul(m, low_word(m, c[0]), integer(m, 0xD2511F53)));
    expr p1 = let(m, "q", mul(m, low_word(m, c[2]), integer(m, 0xCD9E8D57)));
    c[0] = let(m, "c", xor3(m, high_word(m, p1), c[1], k0));
    c[2] = let(m, "d", xor3(m, high_word(m, p0), c[3], k1));
    c[1] = p1;
    c[3] = p0;
    if (round == PHILOX_ROUNDS - 1) break;
    k0 = let(m, "k", add(m, k0, integer(m, 0x9E3779B9)));
    k1 = let(m, "l", add(m, k1, integer(m, 0xBB67AE85)));
  }
}

static maker philox_maker(math_library *m, loop_function *f, int lanes) {
  return (maker){.library = m, .arena = m->arena, .function = f,
                 .type = loop_vector(DTYPE_I64, lanes), .bits = DTYPE_I64};
}

const loop_function *math_philox(math_library *m, int lanes) {
  loop_type wide = loop_vector(DTYPE_I64, lanes), type = loop_vector(DTYPE_I32, lanes);
  const char *name = function_name(m->arena, "philox", type);
  loop_function *f = find(m, name);
  if (f) return f;
  f = begin(m, name, type, 3, (const char *const[]){"key", "element", "turn"}, wide);
  maker k = philox_maker(m, f, lanes);
  expr key = loop_var(m->arena, f->parameters[0]), element = loop_var(m->arena, f->parameters[1]);
  expr turn = loop_var(m->arena, f->parameters[2]);
  expr block = let(&k, "block", op2(&k, SCALAR_SHR, element, integer(&k, 2)));
  expr c[4] = {block, high_word(&k, block), turn, high_word(&k, turn)};
  philox_rounds(&k, c, key);
  expr word = let(&k, "word", op2(&k, SCALAR_BITAND, element, integer(&k, 3)));
  expr result = c[3];
  for (int i = 2; i >= 0; i--)
    result = choose(&k, op2(&k, SCALAR_EQ, word, integer(&k, i)), c[i], result);
  return finish(m, f, loop_cast(m->arena, result, DTYPE_I32));
}

/* Lanes of x and of y in turn. */
static expr interleaved(arena *a, expr x, expr y, int group) {
  int lanes = x->type.lanes, picks[LOOP_MAX_LANES];
  for (int i = 0; i < 2 * lanes; i++) {
    int turn = i / group, lane = turn / 2 * group + i % group;
    picks[i] = turn % 2 ? lanes + lane : lane;
  }
  return loop_shuffle(a, x, y, 2 * lanes, picks);
}

/* words[i] has word i of every block. */
static expr words_in_order(arena *a, expr words[4]) {
  if (words[0]->type.lanes > 1)
    return interleaved(a, interleaved(a, words[0], words[1], 1), interleaved(a, words[2], words[3], 1), 2);
  expr all = loop_splat(a, words[0], 4);
  for (int i = 1; i < 4; i++) all = loop_insert(a, all, i, words[i]);
  return all;
}

const loop_function *math_philox_run(math_library *m, int lanes) {
  arena *a = m->arena;
  int blocks = lanes / 4;
  loop_type scalar = loop_scalar(DTYPE_I64), type = loop_vector(DTYPE_I32, lanes);
  const char *name = function_name(a, "philox_run", type);
  loop_function *f = find(m, name);
  if (f) return f;
  f = begin(m, name, type, 3, (const char *const[]){"key", "first", "turn"}, scalar);
  maker one = philox_maker(m, f, 1), k = philox_maker(m, f, blocks);
  expr key = loop_var(a, f->parameters[0]), first = loop_var(a, f->parameters[1]);
  expr turn = loop_var(a, f->parameters[2]);
  /* A run may begin before element 0, where another part of a concatenation stands: lane for lane it is shifted,
   * so that blocks count from 0 again at element 0. */
  expr start = blocks > 1 ? loop_ramp(a, first, integer(&one, 4), blocks) : first;
  expr block = let(&k, "block", op2(&k, SCALAR_SHR, start, integer(&k, 2)));
  expr c[4] = {block, high_word(&k, block), loop_splat(a, turn, blocks),
               loop_splat(a, high_word(&one, turn), blocks)};
  philox_rounds(&k, c, loop_splat(a, key, blocks));
  for (int i = 0; i < 4; i++) c[i] = let(&k, "word", loop_cast(a, c[i], DTYPE_I32));
  return finish(m, f, words_in_order(a, c));
}

const loop_function *math_philox_key(math_library *m) {
  loop_type type = loop_scalar(DTYPE_I64);
  loop_function *f = find(m, "philox_key");
  if (f) return f;
  f = begin(m, "philox_key", type, 3, (const char *const[]){"seed", "site", "step"}, type);
  maker k = philox_maker(m, f, 1);
  expr seed = loop_var(m->arena, f->parameters[0]), site = loop_var(m->arena, f->parameters[1]);
  expr step = loop_var(m->arena, f->parameters[2]);
  expr c[4] = {site, high_word(&k, site), step, high_word(&k, step)};
  philox_rounds(&k, c, seed);
  expr second = op2(&k, SCALAR_SHL, c[1], integer(&k, 32));
  return finish(m, f, op2(&k, SCALAR_BITOR, low_word(&k, c[0]), second));
}
