#include "compare.h"

#include <math.h>

#include "half.h"

bool compare_real(double actual, double expected, tolerance t) {
  if (isnan(expected)) return isnan(actual);
  if (isinf(expected)) return actual == expected;
  return fabs(actual - expected) <= t.absolute + t.relative * fabs(expected);
}

static const char *index_text(arena *a, const tensor_type *type, int64_t offset) {
  const char *text = "";
  for (int i = type->rank - 1; i >= 0; i--) {
    int64_t extent = type->dims[i].maximum;
    text = arena_printf(a, "%lld%s%s", (long long)(offset % extent), *text ? ", " : "", text);
    offset /= extent;
  }
  return arena_printf(a, "[%s]", text);
}

/* How wrong a real is, for choosing the element to report: NaN where it should not be is worst. */
static double wrongness(double actual, double expected) {
  double difference = fabs(actual - expected);
  return isnan(difference) ? INFINITY : difference;
}

static const char *compare_reals(arena *a, const tensor *actual, const tensor *expected,
                                 tolerance t) {
  int64_t count = type_elements(&expected->type), worst = -1, failures = 0;
  for (int64_t i = 0; i < count; i++) {
    if (compare_real(actual->reals[i], expected->reals[i], t)) continue;
    failures++;
    if (worst < 0 || wrongness(actual->reals[i], expected->reals[i]) >
                         wrongness(actual->reals[worst], expected->reals[worst]))
      worst = i;
  }
  if (worst < 0) return NULL;
  return arena_printf(a, "%lld of %lld differ, most at %s: %.17g where %.17g is expected",
                      (long long)failures, (long long)count,
                      index_text(a, &expected->type, worst), actual->reals[worst],
                      expected->reals[worst]);
}

const char *compare_tensors(arena *a, const tensor *actual, const tensor *expected, tolerance t) {
  if (!actual || !expected) return "a value is missing";
  if (!type_equal(&actual->type, &expected->type))
    return arena_printf(a, "type %s where %s is expected", type_text(a, &actual->type),
                        type_text(a, &expected->type));
  if (dtype_is_float(expected->type.element)) return compare_reals(a, actual, expected, t);
  int64_t count = type_elements(&expected->type);
  for (int64_t i = 0; i < count; i++)
    if (actual->ints[i] != expected->ints[i])
      return arena_printf(a, "differ at %s: %lld where %lld is expected",
                          index_text(a, &expected->type, i), (long long)actual->ints[i],
                          (long long)expected->ints[i]);
  return NULL;
}

tensor *compare_from_array(arena *a, const tensor_type *type, const void *array) {
  tensor *t = tensor_new(a, type);
  int64_t count = type_elements(type);
  for (int64_t i = 0; i < count; i++) {
    switch (type->element) {
    case DTYPE_BOOL:
    case DTYPE_U8: t->ints[i] = ((const uint8_t *)array)[i]; break;
    case DTYPE_I8: t->ints[i] = ((const int8_t *)array)[i]; break;
    case DTYPE_I32: t->ints[i] = ((const int32_t *)array)[i]; break;
    case DTYPE_I64: t->ints[i] = ((const int64_t *)array)[i]; break;
    case DTYPE_BF16:
    case DTYPE_F16: t->reals[i] = half_to_real(type->element, ((const uint16_t *)array)[i]); break;
    case DTYPE_F32: t->reals[i] = (double)((const float *)array)[i]; break;
    case DTYPE_F64: t->reals[i] = ((const double *)array)[i]; break;
    default: internal_error("no arrays of %s", dtype_name(type->element));
    }
  }
  return t;
}

void compare_to_array(const tensor *t, void *array) {
  int64_t count = type_elements(&t->type);
  for (int64_t i = 0; i < count; i++) {
    switch (t->type.element) {
    case DTYPE_BOOL:
    case DTYPE_U8: ((uint8_t *)array)[i] = (uint8_t)t->ints[i]; break;
    case DTYPE_I8: ((int8_t *)array)[i] = (int8_t)t->ints[i]; break;
    case DTYPE_I32: ((int32_t *)array)[i] = (int32_t)t->ints[i]; break;
    case DTYPE_I64: ((int64_t *)array)[i] = t->ints[i]; break;
    case DTYPE_BF16:
    case DTYPE_F16: ((uint16_t *)array)[i] = half_of_real(t->type.element, t->reals[i]); break;
    case DTYPE_F32: ((float *)array)[i] = (float)t->reals[i]; break;
    case DTYPE_F64: ((double *)array)[i] = t->reals[i]; break;
    default: internal_error("no arrays of %s", dtype_name(t->type.element));
    }
  }
}

const char *compare_array(arena *a, const void *actual, const tensor *expected, tolerance t) {
  return compare_tensors(a, compare_from_array(a, &expected->type, actual), expected, t);
}
