#include "element.h"

#include <math.h>
#include <string.h>

/* Both conversions to 16 bits round straight from double, so that nothing is rounded twice. */

static double half_to_real(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double size = exponent == 31 ? (fraction ? NAN : INFINITY)
                : exponent     ? ldexp(1024 + fraction, exponent - 25)
                               : ldexp(fraction, -24);
  return bits >> 15 ? -size : size;
}

static uint16_t half_of_real(double value) {
  uint16_t sign = signbit(value) ? 0x8000 : 0;
  if (isnan(value)) return sign | 0x7e00;
  int exponent;
  frexp(value, &exponent); /* |value| in [2^(exponent - 1), 2^exponent) */
  int scale = exponent - 1 < -14 ? -14 : exponent - 1;
  if (!(fabs(value) < 65520)) return sign | 0x7c00;
  if (value == 0) return sign;
  int fraction = (int)nearbyint(ldexp(fabs(value), 10 - scale)); /* 2048 carries up by itself */
  return (uint16_t)(sign | (((scale + 14) << 10) + fraction));
}

static double bfloat_to_real(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

static uint16_t bfloat_of_real(double value) {
  if (isnan(value)) return 0x7fc0;
  int exponent;
  frexp(value, &exponent);
  int scale = exponent - 1 < -126 ? -126 : exponent - 1;
  float rounded = isinf(value) ? (float)value
                               : (float)ldexp(nearbyint(ldexp(value, 7 - scale)), scale - 7);
  uint32_t bits;
  memcpy(&bits, &rounded, sizeof bits);
  return (uint16_t)(bits >> 16);
}

double element_real(dtype element, const void *data, int64_t i) {
  switch (element) {
    case DTYPE_F64: return ((const double *)data)[i];
    case DTYPE_F32: return ((const float *)data)[i];
    case DTYPE_F16: return half_to_real(((const uint16_t *)data)[i]);
    case DTYPE_BF16: return bfloat_to_real(((const uint16_t *)data)[i]);
    default: return (double)element_int(element, data, i);
  }
}

int64_t element_int(dtype element, const void *data, int64_t i) {
  switch (element) {
    case DTYPE_BOOL:
    case DTYPE_U8: return ((const uint8_t *)data)[i];
    case DTYPE_I8: return ((const int8_t *)data)[i];
    case DTYPE_I32: return ((const int32_t *)data)[i];
    case DTYPE_I64: return ((const int64_t *)data)[i];
    default: internal_error("%s is not an integer type", dtype_name(element));
  }
}

void element_set_real(dtype element, void *data, int64_t i, double value) {
  switch (element) {
    case DTYPE_F64: ((double *)data)[i] = value; break;
    case DTYPE_F32: ((float *)data)[i] = (float)value; break;
    case DTYPE_F16: ((uint16_t *)data)[i] = half_of_real(value); break;
    case DTYPE_BF16: ((uint16_t *)data)[i] = bfloat_of_real(value); break;
    default: element_set_int(element, data, i, (int64_t)value);
  }
}

void element_set_int(dtype element, void *data, int64_t i, int64_t value) {
  switch (element) {
    case DTYPE_BOOL: ((uint8_t *)data)[i] = value != 0; break;
    case DTYPE_U8: ((uint8_t *)data)[i] = (uint8_t)value; break;
    case DTYPE_I8: ((int8_t *)data)[i] = (int8_t)value; break;
    case DTYPE_I32: ((int32_t *)data)[i] = (int32_t)value; break;
    case DTYPE_I64: ((int64_t *)data)[i] = value; break;
    default: internal_error("%s is not an integer type", dtype_name(element));
  }
}

void tensor_load(tensor *t, const void *data) {
  bool real = dtype_is_float(t->type.element);
  for (int64_t i = 0; i < type_elements(&t->type); i++) {
    if (real) t->reals[i] = element_real(t->type.element, data, i);
    else t->ints[i] = element_int(t->type.element, data, i);
  }
}

void tensor_store(const tensor *t, void *data) {
  bool real = dtype_is_float(t->type.element);
  for (int64_t i = 0; i < type_elements(&t->type); i++) {
    if (real) element_set_real(t->type.element, data, i, t->reals[i]);
    else element_set_int(t->type.element, data, i, t->ints[i]);
  }
}
