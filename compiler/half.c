#include "half.h"

#include <math.h>

/* Bits of the fraction, and the exponent of the smallest normal number. */
typedef struct format {
  int fraction, least;
} format;

static format format_of(dtype t) {
  return t == DTYPE_F16 ? (format){10, -14} : (format){7, -126};
}

bool half_is(dtype t) { return t == DTYPE_F16 || t == DTYPE_BF16; }

/* Both types have 1 - least as their bias, and an exponent of all ones for infinities and NaN. */
double half_to_real(dtype t, uint16_t bits) {
  format f = format_of(t);
  int special = 3 - 2 * f.least, exponent = (bits & 0x7fff) >> f.fraction;
  int fraction = bits & ((1 << f.fraction) - 1);
  double size = exponent == special ? (fraction ? NAN : INFINITY)
                : exponent ? ldexp((1 << f.fraction) + fraction, exponent - 1 + f.least - f.fraction)
                           : ldexp(fraction, f.least - f.fraction);
  return bits >> 15 ? -size : size;
}

uint16_t half_of_real(dtype t, double value) {
  format f = format_of(t);
  int sign = signbit(value) ? 0x8000 : 0, infinity = (3 - 2 * f.least) << f.fraction, exponent;
  if (isnan(value)) return (uint16_t)(sign | infinity | 1 << (f.fraction - 1));
  if (isinf(value)) return (uint16_t)(sign | infinity);
  if (value == 0) return (uint16_t)sign;
  frexp(value, &exponent); /* |value| lies in [2^(exponent - 1), 2^exponent) */
  int scale = exponent - 1 < f.least ? f.least : exponent - 1;
  if (scale > 1 - f.least) return (uint16_t)(sign | infinity);
  int fraction = (int)nearbyint(ldexp(fabs(value), f.fraction - scale));
  return (uint16_t)(sign | (((scale - f.least) << f.fraction) + fraction)); /* carries up by itself */
}

double half_round(dtype t, double value) {
  return half_is(t) ? half_to_real(t, half_of_real(t, value)) : value;
}
