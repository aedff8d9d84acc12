/* sin and cos. */
#include "vector_maker.h"

/* π in three parts. Fused products need no more than that they fill the significand: x - n·p0 is exact, since
 * p0 ends where x does or above, and what is next rounded lies within n·2^-50 (f32) of the result. Without,
 * n·p0 and n·p1 are exact by 33 bits. */
static expr less_turns(maker *m, expr x, expr n) {
  static const double single[] = {0x1.921fb6p+1, -0x1.777a5cp-24, -0x1.ee59dap-49};
  static const double whole[] = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53, -0x1.f1976b7ed8fbcp-109};
  static const double short_ones[] = {0x1.921fb544p+1, 0x1.0b4611a6p-33, 0x1.3198a2e037073p-68};
  const double *parts = is_single(m) ? single : m->library->fma ? whole : short_ones;
  for (int i = 0; i < 3; i++) x = fused(m, n, real(m, -parts[i]), x);
  return let(m, "r", x);
}

/* sin r for |r| ≤ π/2 and a little: off by 7.6e-9 of it in f32, by 2^-60 in f64. */
static expr sine_of_reduced(maker *m, expr r) {
  static const double single[] = {-0x1.55554ap-3, 0x1.110e86p-7, -0x1.9f613ep-13, 0x1.5ce74ap-19};
  static const double twice[] = {-0x1.5555555555555p-3,  0x1.11111111110c8p-7,  -0x1.a01a01a014d6fp-13,
                                 0x1.71de3a52a0b05p-19,  -0x1.ae6454d4734c4p-26, 0x1.6123cd06d3988p-33,
                                 -0x1.ae43849ac12ccp-41, 0x1.8832c4f5b893bp-49};
  expr square = let(m, "square", mul(m, r, r));
  expr tail = is_single(m) ? polynomial(m, square, 4, single) : polynomial(m, square, 8, twice);
  return let(m, "sine", fused(m, mul(m, r, square), tail, r));
}

/* (-1)^n sin r, where t has n at the low end. Far out r is no longer small. */
static expr sine_of_turn(maker *m, expr r, expr t) {
  expr flip = shifted_up(m, as_bits(m, t), bits_of(m) - 1);
  expr value = as_real(m, op2(m, SCALAR_BITXOR, as_bits(m, sine_of_reduced(m, r)), flip));
  return clamp(m, value, -1, 1);
}

/* x = n·π + r. Without fused products three parts of f32 are not exact. */
expr make_sin(maker *m, expr x) {
  if (is_single(m) && !m->library->fma) return make_through_double(m, SCALAR_SIN, x, NULL);
  expr magic = real(m, rounder(m));
  expr t = let(m, "t", fused(m, x, real(m, M_1_PI), magic));
  return sine_of_turn(m, less_turns(m, x, let(m, "n", sub(m, t, magic))), t);
}

/* x = (n - ½)·π + r, so that cos x = sin(x + π/2) = sin(n·π + r). */
expr make_cos(maker *m, expr x) {
  if (is_single(m) && !m->library->fma) return make_through_double(m, SCALAR_COS, x, NULL);
  expr magic = real(m, rounder(m)), half = real(m, 0.5);
  expr t = let(m, "t", add(m, fused(m, x, real(m, M_1_PI), half), magic));
  expr n = let(m, "n", sub(m, sub(m, t, magic), half));
  return sine_of_turn(m, less_turns(m, x, n), t);
}
