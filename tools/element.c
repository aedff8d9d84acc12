#include "element.h"

#include <math.h>

#include "half.h"

double element_real(dtype element, const void *data, int64_t i) {
  switch (element) {
    case DTYPE_F64: return ((const double *)data)[i];
    case DTYPE_F32: return ((const float *)data)[i];
    case DTYPE_F16:
    case DTYPE_BF16: return half_to_real(element, ((const uint16_t *)data)[i]);
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
    case DTYPE_F16:
    case DTYPE_BF16: ((uint16_t *)data)[i] = half_of_real(element, value); break;
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

const char *element_place_text(arena *a, const tensor_type *type, int64_t element) {
  const char *text = "";
  if (!type->rank) return text;
  int64_t strides[MAX_RANK];
  type_strides(type, strides);
  for (int i = 0; i < type->rank; i++)
    text = arena_printf(a, "%s%s%lld", text, i ? ", " : "",
                        (long long)(element / strides[i] % type->dims[i].maximum));
  return arena_printf(a, "[%s]", text);
}

const char *element_text(arena *a, const tensor *t, int64_t element) {
  if (!dtype_is_float(t->type.element))
    return arena_printf(a, "%lld", (long long)t->ints[element]);
  if (isnan(t->reals[element])) return "nan"; /* of either sign */
  return arena_printf(a, "%.*g", t->type.element == DTYPE_F64 ? 17 : 9, t->reals[element]);
}
