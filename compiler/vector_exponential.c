/* Exponentials and logarithms.
 *
 * Methods: argument reduction to a small interval and a polynomial there, near minimax and rounded
 * coefficient by coefficient, the first ones held at what the series has. The parts of log 2 have so few
 * bits that their products with the reduction's integer are exact, fused or not. */
#include "vector_maker.h"

/* ---- exp, expm1, tanh, sigmoid ------------------------------------------------------------- */

typedef struct reduced {
  expr n, r; /* x = n·log 2 + r, |r| ≤ log 2 / 2; n plus `more` at the low end of integers */
} reduced;

static double log2_high(const maker *m) { return is_single(m) ? 0x1.62e4p-1 : 0x1.62e42feep-1; }
static double log2_low(const maker *m) { return is_single(m) ? 0x1.7f7d1cf79abcap-20 : 0x1.a39ef35793c76p-33; }

static reduced reduce_exp(maker *m, expr x, int64_t more) {
  expr magic = real(m, rounder(m) + (double)more);
  expr t = let(m, "t", fused(m, x, real(m, 0x1.71547652b82fep+0), magic));
  expr n = let(m, "n", sub(m, t, magic));
  expr near = fused(m, n, real(m, -log2_high(m)), x);
  return (reduced){.r = let(m, "r", fused(m, n, real(m, -log2_low(m)), near)), .n = as_bits(m, t)};
}

/* `times` (e^r - 1 - r) / r² for |r| ≤ log 2 / 2, times a power of two. Off by 1.4e-8 of (e^r - 1) / r² in
 * f32, by 1.8e-17 in f64. In two parts where r² is known. */
static expr exp_tail(maker *m, expr r, expr square, double times) {
  static const double single[] = {0x1p-1, 0x1.5554bp-3, 0x1.5554dep-5, 0x1.1227aap-7, 0x1.6d58fp-10};
  static const double twice[] = {0x1.0000000000005p-1,  0x1.555555555555cp-3,  0x1.55555555520e5p-5,
                                 0x1.111111110e853p-7,  0x1.6c16c17f3d642p-10, 0x1.a01a01b5353e5p-13,
                                 0x1.a019a66f6689cp-16, 0x1.71ddebbd6018cp-19, 0x1.28a2c55c49359p-22,
                                 0x1.af7383e7cb7ebp-26};
  double coefficients[10];
  int count = is_single(m) ? 5 : 10;
  for (int i = 0; i < count; i++) coefficients[i] = times * (is_single(m) ? single : twice)[i];
  if (square) return polynomial_in_two(m, r, square, count, coefficients);
  return polynomial(m, r, count, coefficients);
}

static expr exp_of_reduced(maker *m, expr r, double times) {
  expr slope = fused(m, r, exp_tail(m, r, NULL, times), real(m, times));
  return let(m, "p", fused(m, r, slope, real(m, times)));
}

/* e^r - 1, whose error in r counts. */
static expr expm1_of_reduced(maker *m, expr r) {
  expr square = let(m, "square", mul(m, r, r));
  return let(m, "p", fused(m, square, exp_tail(m, r, square, 1), r));
}

/* 2^n e^r, in the range of x that gives normal numbers. */
expr make_exp(maker *m, expr x) {
  double low = is_single(m) ? -0x1.5d589ep+6 : -0x1.6232bdd7abcd2p+9;
  double high = is_single(m) ? 0x1.62e42ep+6 : 0x1.62e42fefa39efp+9;
  reduced z = reduce_exp(m, x, 0);
  expr normal = scaled_by(m, exp_of_reduced(m, z.r, 1), z.n);
  expr result = choose(m, less(m, x, real(m, low)), real(m, 0), normal);
  return choose(m, op2(m, SCALAR_LE, x, real(m, high)), result, add(m, x, real(m, INFINITY))); /* or NaN */
}

/* 2^n (e^r - 1) + (2^n - 1), from 2^(n-1) to keep within the largest number; but x itself where half of it may
 * be subnormal, and for the sign of zero. */
expr make_expm1(maker *m, expr x) {
  expr within = is_single(m) ? clamp(m, x, -30, 89) : clamp(m, x, -50, 710);
  reduced z = reduce_exp(m, within, m->bias - 1);
  expr p = expm1_of_reduced(m, z.r), scale = let(m, "scale", of_exponent(m, z.n));
  expr half = let(m, "half", fused(m, scale, p, sub(m, scale, real(m, 0.5))));
  expr tiny = less(m, op1(m, SCALAR_ABS, x), real(m, is_single(m) ? 0x1p-30 : 0x1p-60));
  return choose(m, tiny, x, add(m, half, half));
}

/* tanh |x| = t / (t + 2), t = e^(2|x|) - 1. */
expr make_tanh(maker *m, expr x) {
  expr magnitude = op2(m, SCALAR_MINIMUM, op1(m, SCALAR_ABS, x), real(m, 20));
  reduced z = reduce_exp(m, let(m, "twice", add(m, magnitude, magnitude)), m->bias);
  expr p = expm1_of_reduced(m, z.r), scale = let(m, "scale", of_exponent(m, z.n));
  expr t = let(m, "t", fused(m, scale, p, sub(m, scale, real(m, 1))));
  return with_sign(m, quotient(m, t, add(m, t, real(m, 2))), x);
}

/* 1 / (1 + e^-x), from 2 e^r and 2^(n-1), which is finite wherever e^-x is; infinity makes the result 0. */
expr make_sigmoid(maker *m, expr x) {
  expr within = minus(m, is_single(m) ? clamp(m, x, -89, 40) : clamp(m, x, -710, 80));
  reduced z = reduce_exp(m, let(m, "minus", within), m->bias - 1);
  expr p = exp_of_reduced(m, z.r, 2);
  return quotient(m, real(m, 1), fused(m, of_exponent(m, z.n), p, real(m, 1)));
}

/* ---- log, log1p ---------------------------------------------------------------------------- */

/* log(1 + f) - f plus `more` by a polynomial in f, near minimax: off by 6.5e-9 of f. No quotient is needed. */
static expr log_rest_single(maker *m, scaled z, expr more) {
  static const double coefficients[] = {0x1.55554ap-2, -0x1.000216p-2, 0x1.99a590p-3, -0x1.547ab4p-3,
                                        0x1.226f94p-3, -0x1.0ccea2p-3, 0x1.07c386p-3, -0x1.42283ap-4};
  expr square = let(m, "square", mul(m, z.f, z.f));
  expr p = polynomial_in_two(m, z.f, square, 8, coefficients);
  return fused(m, square, real(m, -0.5), fused(m, mul(m, square, z.f), p, more));
}

/* The same from log(1 + f) = 2 artanh s = f - f²/2 + s (f²/2 + R(s²)), s = f / (2 + f), with R off by 2^-58 of
 * f / s. */
static expr log_rest_double(maker *m, scaled z, expr more) {
  static const double coefficients[] = {0x1.5555555555592p-1, 0x1.999999997ff18p-2, 0x1.24924941e16dp-2,
                                        0x1.c71c5214330d4p-3, 0x1.74663cf5ac162p-3, 0x1.39a1e7c759946p-3,
                                        0x1.2f03c621399c3p-3};
  expr s = let(m, "s", quotient(m, z.f, add(m, z.part, real(m, 1))));
  expr square = let(m, "square", mul(m, s, s));
  expr half_square = let(m, "half_square", mul(m, mul(m, z.f, z.f), real(m, 0.5)));
  expr sum = fused(m, square, polynomial(m, square, 7, coefficients), half_square);
  return sub(m, fused(m, s, sum, more), half_square);
}

/* e log 2 + log(1 + f) */
static expr log_of_scaled(maker *m, scaled z) {
  expr more = mul(m, z.e, real(m, log2_low(m)));
  expr rest = is_single(m) ? log_rest_single(m, z, more) : log_rest_double(m, z, more);
  return fused(m, z.e, real(m, log2_high(m)), add(m, z.f, rest));
}

/* -inf at 0, NaN below, infinity and NaN as they are. The bits of infinity make -1 the one, keep the others. */
static expr with_edges_of_log(maker *m, expr x, expr result) {
  expr edge = either_bits(m, as_bits(m, sub(m, x, real(m, 1))), integer(m, infinity_bits(m)));
  edge = choose(m, less(m, x, real(m, 0)), real(m, NAN), as_real(m, edge));
  return choose(m, is_ordinary(m, x), result, edge);
}

expr make_log(maker *m, expr x) {
  return with_edges_of_log(m, x, log_of_scaled(m, scale_log(m, x)));
}

/* log u with u = 1 + x rounded, whose f takes what the rounding lost. */
expr make_log1p(maker *m, expr x) {
  expr u = let(m, "u", add(m, real(m, 1), x));
  expr lost = sub(m, x, sub(m, u, real(m, 1)));
  scaled z = scale_log(m, u);
  expr opposite = let(m, "opposite", sub(m, integer(m, 2 * m->bias), z.field)); /* -1 for the largest u: 0 */
  opposite = add(m, opposite, shifted_down(m, opposite, bits_of(m) - 1));
  expr scale = let(m, "scale", of_exponent(m, opposite));
  z.f = let(m, "g", fused(m, lost, scale, z.f));
  if (!is_single(m)) z.part = let(m, "mended", fused(m, lost, scale, z.part));
  return with_edges_of_log(m, u, log_of_scaled(m, z));
}
