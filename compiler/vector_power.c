/* Powers: 2^(y log2 |x|), the logarithm and its product with y as pairs. */
#include "vector_maker.h"

/* f / (2 + f): the quotient and that of what it leaves. */
static pair artanh_argument(maker *m, scaled z) {
  expr divisor = let(m, "divisor", add(m, z.part, real(m, 1)));
  expr above = sub(m, sub(m, divisor, real(m, 2)), z.f); /* what rounding added to it */
  expr high = let(m, "s", quotient(m, z.f, divisor));
  expr rest = fused(m, high, above, less_product(m, z.f, high, divisor));
  return (pair){high, let(m, "low", quotient(m, rest, divisor))};
}

/* log2(1 + f) = s (2/log 2 + s² (2/(3 log 2) + s² T(s²))), s = f / (2 + f): |s²| < 0.0295. In f32 the inner
 * sum needs no pair: off by 2^-31 of the whole. In f64 T does not, off by 2^-66. */
static pair log2_of_fraction(maker *m, scaled z) {
  static const double of_single[] = {0x1.ec709ep-1, 0x1.2776ep-1, 0x1.a5d046p-2, 0x1.58906cp-2};
  static const double of_double[] = {0x1.2776c50ef9d24p-1, 0x1.a61762a75984p-2,  0x1.484b1421993f4p-2,
                                     0x1.0c9a63d6a6831p-2, 0x1.c69f8c23de50bp-3, 0x1.87b0c035916aep-3,
                                     0x1.85e92ebd1b2fdp-3};
  double first = is_single(m) ? 0x1.715476p+1 : 0x1.71547652b82fep+1;
  double first_low = is_single(m) ? 0x1.4ae0cp-25 : 0x1.777d0ffda0d24p-55;
  pair s = artanh_argument(m, z), inner;
  if (is_single(m)) {
    expr square = let(m, "square", mul(m, s.high, s.high));
    inner = (pair){let(m, "inner", mul(m, square, polynomial(m, square, 4, of_single))), real(m, first_low)};
  } else {
    pair square = pair_product(m, s.high, s.high);
    expr square_low = let(m, "low", fused(m, add(m, s.high, s.high), s.low, square.low));
    expr fourth = let(m, "fourth", mul(m, square.high, square.high));
    expr tail = mul(m, square.high, polynomial_in_two(m, square.high, fourth, 7, of_double));
    pair sum = pair_sum(m, real(m, 0x1.ec709dc3a03fdp-1), let(m, "tail", tail));
    expr sum_low = add(m, sum.low, real(m, 0x1.d27f05548af0cp-55));
    inner = pair_product(m, square.high, sum.high);
    expr cross = fused(m, square.high, sum_low, fused(m, square_low, sum.high, real(m, first_low)));
    inner.low = add(m, inner.low, cross);
  }
  pair slope = pair_sum(m, real(m, first), inner.high);
  expr slope_low = add(m, slope.low, inner.low);
  pair result = pair_product(m, s.high, slope.high);
  result.low = let(m, "low", fused(m, s.high, slope_low, fused(m, s.low, slope.high, result.low)));
  return result;
}

/* log2 x of ordinary x. */
static pair log2_of(maker *m, expr x) {
  scaled z = scale_log(m, x);
  pair fraction = log2_of_fraction(m, z), sum = pair_sum(m, z.e, fraction.high);
  return (pair){sum.high, let(m, "low", add(m, sum.low, fraction.low))};
}

/* 2^r for |r| ≤ ½: off by 3.1e-9 in f32, by 3.8e-18 in f64. */
static expr exp2_of_reduced(maker *m, expr r) {
  static const double of_single[] = {0x1.62e43p-1,  0x1.ebfbep-3,  0x1.c6af78p-5,
                                     0x1.3b2a3ep-7, 0x1.5f0a78p-10, 0x1.442f98p-13};
  static const double of_double[] = {0x1.62e42fefa39efp-1,  0x1.ebfbdff82c5ap-3,   0x1.c6b08d704a154p-5,
                                     0x1.3b2ab6fba0919p-7,  0x1.5d87fe7892fa3p-10, 0x1.4309130d94dd2p-13,
                                     0x1.ffcbfca9f36fbp-17, 0x1.62bfca43d2a69p-20, 0x1.b5248749d2569p-24,
                                     0x1.e6175d90d147p-28,  0x1.ea6bab5eca571p-32};
  expr square = let(m, "square", mul(m, r, r));
  expr slope = is_single(m) ? polynomial_in_two(m, r, square, 6, of_single)
                            : polynomial_in_two(m, r, square, 11, of_double);
  return let(m, "p", fused(m, r, slope, real(m, 1)));
}

/* 2^x. Where x.high is out of range, x.low may be anything; where the sum is by a little, bits grow past those
 * of infinity. */
static expr exp2_of(maker *m, pair x) {
  expr magic = real(m, rounder(m)), t = let(m, "t", add(m, x.high, magic));
  expr r = let(m, "r", add(m, sub(m, x.high, sub(m, t, magic)), x.low));
  expr bits = add(m, as_bits(m, exp2_of_reduced(m, r)), shifted_up(m, as_bits(m, t), m->mantissa));
  expr normal = as_real(m, op2(m, SCALAR_MINIMUM, bits, integer(m, infinity_bits(m))));
  double range = (double)m->bias + 1;
  expr result = choose(m, less(m, x.high, real(m, 2 - range)), real(m, 0), normal);
  return choose(m, less(m, x.high, real(m, range + 0.25)), result, add(m, x.high, real(m, INFINITY))); /* or NaN */
}

/* x^y for x of at least 0. The logarithm of 0 is -inf, of infinity and NaN that: the bits of infinity make x - 1
 * it. */
static expr power_of_size(maker *m, expr x, expr y, expr ordinary) {
  pair log = log2_of(m, x), power = pair_product(m, y, log.high);
  power.low = fused(m, y, log.low, power.low);
  expr edge = either_bits(m, as_bits(m, sub(m, x, real(m, 1))), integer(m, infinity_bits(m)));
  power.high = let(m, "power", choose(m, ordinary, power.high, mul(m, y, as_real(m, edge))));
  return exp2_of(m, power);
}

/* |x|^y with the sign of x where y is odd; NaN for a root of a negative number. From |y| = 2^65 on every
 * power of an |x| other than 1 is 0 or infinite. Without fused products pairs of f32 would need more bits
 * than it has. */
expr make_pow(maker *m, expr x, expr y) {
  expr magnitude = let(m, "magnitude", op1(m, SCALAR_ABS, x)), bits = as_bits(m, x), zero = integer(m, 0);
  expr ordinary = let(m, "ordinary", is_ordinary(m, magnitude)), exponent = clamp(m, y, -0x1p65, 0x1p65);
  expr size = is_single(m) && !m->library->fma ? make_through_double(m, SCALAR_POW, magnitude, exponent)
                                               : power_of_size(m, magnitude, exponent, ordinary);
  /* |y| with the units at the low end: from 2^mantissa on they stand there, or all is even. */
  double most = ldexp(1, m->mantissa);
  expr whole_size = let(m, "size", op2(m, SCALAR_MINIMUM, op1(m, SCALAR_ABS, y), real(m, 2 * most)));
  expr shift = let(m, "shift", choose(m, less(m, whole_size, real(m, most)), real(m, most), real(m, 0)));
  expr units = let(m, "units", add(m, whole_size, shift));
  expr whole = let(m, "whole", equal(m, sub(m, units, shift), whole_size));
  expr odd_sign = both_bits(m, bits, shifted_up(m, as_bits(m, units), bits_of(m) - 1));
  expr negative = sub(m, zero, shifted_down(m, bits, bits_of(m) - 1)); /* all ones */
  expr unknown = both_bits(m, negative, as_bits(m, real(m, NAN)));
  expr mark = choose(m, whole, odd_sign, choose(m, ordinary, unknown, zero));
  expr result = as_real(m, either_bits(m, as_bits(m, size), mark));
  expr of_one = op2(m, SCALAR_AND, equal(m, x, real(m, 1)), op2(m, SCALAR_NE, y, y)); /* others are 1 already */
  expr is_one = op2(m, SCALAR_OR, equal(m, y, real(m, 0)), of_one);
  return choose(m, is_one, real(m, 1), result);
}
