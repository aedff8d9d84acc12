#include "scalar.h"

#include <math.h>
#include <string.h>

const scalar_info scalar_infos[SCALAR_COUNT] = {
#define SCALAR(code, name, operands, kind, c)                                                   \
  [SCALAR_##code] = {name, operands, SCALAR_KIND_##kind, c},
#include "scalar.def"
#undef SCALAR
};

bool scalar_parse(const char *name, scalar_function *f) {
  for (int i = 0; i < SCALAR_COUNT; i++) {
    if (strcmp(name, scalar_infos[i].name) == 0) {
      *f = (scalar_function)i;
      return true;
    }
  }
  return false;
}

static bool accepts(scalar_kind kind, dtype t) {
  switch (kind) {
  case SCALAR_KIND_SAME: return t != DTYPE_BOOL;
  case SCALAR_KIND_REAL:
  case SCALAR_KIND_TEST: return dtype_is_float(t);
  case SCALAR_KIND_INTEGER: return dtype_is_integer(t);
  case SCALAR_KIND_LOGIC: return t == DTYPE_BOOL;
  case SCALAR_KIND_COMPARE:
  case SCALAR_KIND_SELECT: return true;
  }
  return false;
}

const char *scalar_type(arena *a, scalar_function f, const dtype *operands, dtype *result) {
  static const char *const wants[] = {
      [SCALAR_KIND_SAME] = "numbers",       [SCALAR_KIND_REAL] = "floating numbers",
      [SCALAR_KIND_INTEGER] = "integers",   [SCALAR_KIND_LOGIC] = "bool",
      [SCALAR_KIND_COMPARE] = "any type",   [SCALAR_KIND_SELECT] = "any type",
      [SCALAR_KIND_TEST] = "floating numbers"};
  const scalar_info *info = &scalar_infos[f];
  int first = info->kind == SCALAR_KIND_SELECT ? 1 : 0;
  if (first == 1 && operands[0] != DTYPE_BOOL)
    return arena_printf(a, "%s C2: the condition is %s, not bool", info->name,
                        dtype_name(operands[0]));
  for (int i = first; i < info->operands; i++) {
    if (!accepts(info->kind, operands[i]))
      return arena_printf(a, "%s C2: an operand is %s where %s are needed", info->name,
                          dtype_name(operands[i]), wants[info->kind]);
    if (operands[i] != operands[first])
      return arena_printf(a, "%s C3: operands have different types: %s and %s", info->name,
                          dtype_name(operands[first]), dtype_name(operands[i]));
  }
  bool truth = info->kind == SCALAR_KIND_COMPARE || info->kind == SCALAR_KIND_TEST;
  *result = truth ? DTYPE_BOOL : operands[first];
  return NULL;
}

/* The result has the sign of the divisor, as the language's % has; 0 where neighbouring x lie further
 * apart than y. */
static double real_mod(double x, double y) {
  if (y != 0 && isfinite(x) && fabs(x / y) >= 0x1p53) return 0;
  double r = fmod(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

/* Exact where exp(-|x|) is, and without overflow on either side. */
static double sigmoid(double x) {
  double e = exp(-fabs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

double scalar_real(scalar_function f, const double *x) {
  switch (f) {
  case SCALAR_ADD: return x[0] + x[1];
  case SCALAR_SUB: return x[0] - x[1];
  case SCALAR_MUL: return x[0] * x[1];
  case SCALAR_DIV: return x[0] / x[1];
  case SCALAR_FLOORDIV: return floor(x[0] / x[1]);
  case SCALAR_MOD: return real_mod(x[0], x[1]);
  case SCALAR_FMA: return fma(x[0], x[1], x[2]);
  case SCALAR_STOP: return x[0];
  case SCALAR_NEG: return -x[0];
  case SCALAR_ABS: return fabs(x[0]);
  case SCALAR_SIGN: return sign(x[0]);
  case SCALAR_FLOOR: return floor(x[0]);
  case SCALAR_MAXIMUM: return x[0] >= x[1] || isnan(x[0]) ? x[0] : x[1];
  case SCALAR_MINIMUM: return x[0] <= x[1] || isnan(x[0]) ? x[0] : x[1];
  case SCALAR_SQRT: return sqrt(x[0]);
  case SCALAR_RSQRT: return 1 / sqrt(x[0]);
  case SCALAR_EXP: return exp(x[0]);
  case SCALAR_EXPM1: return expm1(x[0]);
  case SCALAR_LOG: return log(x[0]);
  case SCALAR_LOG1P: return log1p(x[0]);
  case SCALAR_TANH: return tanh(x[0]);
  case SCALAR_SIGMOID: return sigmoid(x[0]);
  case SCALAR_SIN: return sin(x[0]);
  case SCALAR_COS: return cos(x[0]);
  case SCALAR_POW: return pow(x[0], x[1]);
  case SCALAR_EQ: return x[0] == x[1];
  case SCALAR_NE: return x[0] != x[1];
  case SCALAR_LT: return x[0] < x[1];
  case SCALAR_LE: return x[0] <= x[1];
  case SCALAR_GT: return x[0] > x[1];
  case SCALAR_GE: return x[0] >= x[1];
  case SCALAR_ISNAN: return isnan(x[0]);
  default: internal_error("%s has no value on floating numbers", scalar_infos[f].name);
  }
}

int64_t scalar_wrap(dtype element, int64_t value) {
  switch (element) {
  case DTYPE_BOOL: return value != 0;
  case DTYPE_U8: return (uint8_t)value;
  case DTYPE_I8: return (int8_t)value;
  case DTYPE_I32: return (int32_t)value;
  case DTYPE_I64: return value;
  default: internal_error("%s is not an integer type", dtype_name(element));
  }
}

/* Rounds towards minus infinity; 0 for a zero divisor. The negation of the smallest int64 wraps. */
static int64_t int_floordiv(int64_t x, int64_t y) {
  if (y == 0) return 0;
  if (y == -1) return (int64_t)(0 - (uint64_t)x);
  return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static int64_t int_mod(int64_t x, int64_t y) {
  if (y == 0 || y == -1) return 0;
  int64_t r = x % y;
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

/* Shifts see the bits of the operand's own width; the amount is taken modulo that width. */
static uint64_t shift_left(dtype element, int64_t x, int64_t by) {
  return (uint64_t)x << ((uint64_t)by & (8 * dtype_size(element) - 1));
}

static uint64_t shift_right(dtype element, int64_t x, int64_t by) {
  uint64_t width = 8 * dtype_size(element);
  uint64_t bits = width == 64 ? (uint64_t)x : (uint64_t)x & ((UINT64_C(1) << width) - 1);
  return bits >> ((uint64_t)by & (width - 1));
}

static uint64_t int_value(scalar_function f, dtype element, const int64_t *x) {
  uint64_t a = (uint64_t)x[0], b = scalar_infos[f].operands > 1 ? (uint64_t)x[1] : 0;
  switch (f) {
  case SCALAR_ADD: return a + b;
  case SCALAR_SUB: return a - b;
  case SCALAR_MUL: return a * b;
  case SCALAR_FLOORDIV: return (uint64_t)int_floordiv(x[0], x[1]);
  case SCALAR_MOD: return (uint64_t)int_mod(x[0], x[1]);
  case SCALAR_STOP: return a;
  case SCALAR_NEG: return 0 - a;
  case SCALAR_ABS: return x[0] < 0 ? 0 - a : a;
  case SCALAR_SIGN: return (uint64_t)((x[0] > 0) - (x[0] < 0));
  case SCALAR_MAXIMUM: return x[0] >= x[1] ? a : b;
  case SCALAR_MINIMUM: return x[0] <= x[1] ? a : b;
  case SCALAR_EQ: return x[0] == x[1];
  case SCALAR_NE: return x[0] != x[1];
  case SCALAR_LT: return x[0] < x[1];
  case SCALAR_LE: return x[0] <= x[1];
  case SCALAR_GT: return x[0] > x[1];
  case SCALAR_GE: return x[0] >= x[1];
  case SCALAR_AND:
  case SCALAR_BITAND: return a & b;
  case SCALAR_OR:
  case SCALAR_BITOR: return a | b;
  case SCALAR_BITXOR: return a ^ b;
  case SCALAR_NOT: return !a;
  case SCALAR_SHL: return shift_left(element, x[0], x[1]);
  case SCALAR_SHR: return shift_right(element, x[0], x[1]);
  default: internal_error("%s has no value on integers", scalar_infos[f].name);
  }
}

int64_t scalar_int(scalar_function f, dtype element, const int64_t *x) {
  bool truth = scalar_infos[f].kind == SCALAR_KIND_COMPARE;
  return scalar_wrap(truth ? DTYPE_BOOL : element, (int64_t)int_value(f, element, x));
}
