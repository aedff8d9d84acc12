/* Single elements of stored arrays as double or int64, and arrays as the interpreter's tensors. */
#ifndef ELEMENT_H
#define ELEMENT_H

#include "tensor.h"

/* Element i of an array of any type, as a double. */
double element_real(dtype element, const void *data, int64_t i);

/* Element i of an array of an integer type or bool. */
int64_t element_int(dtype element, const void *data, int64_t i);

/* Stores a value, rounded to the element's type (to nearest even), or wrapped to it. */
void element_set_real(dtype element, void *data, int64_t i, double value);
void element_set_int(dtype element, void *data, int64_t i, int64_t value);

/* Between stored arrays and the interpreter's values, of the tensor's type. */
void tensor_load(tensor *t, const void *data);
void tensor_store(const tensor *t, void *data);

/* "[2, 0]": the place of an element; nothing for a scalar. */
const char *element_place_text(arena *a, const tensor_type *type, int64_t element);

/* An element, with as many digits as tell two values of its type apart. */
const char *element_text(arena *a, const tensor *t, int64_t element);

#endif
