/* The 16-bit floating types as bits and as the doubles that equal them: f16 is IEEE 754 binary16,
 * bf16 the upper half of a binary32. Conversions to them round once, from double to nearest even;
 * too large a value becomes an infinity, subnormal numbers are kept, NaN stays NaN. */
#ifndef HALF_H
#define HALF_H

#include "type.h"

bool half_is(dtype t); /* f16 or bf16 */

/* The value of the bits, and the bits of the rounded value; of an f16 or bf16. */
double half_to_real(dtype t, uint16_t bits);
uint16_t half_of_real(dtype t, double value);

/* The value rounded to an f16 or bf16; unchanged for any other type. */
double half_round(dtype t, double value);

#endif
