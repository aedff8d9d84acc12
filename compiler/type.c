#include "type.h"

#include <string.h>

static const struct {
  const char *name;
  size_t size;
  int64_t smallest, largest; /* of integer kinds and bool */
} dtypes[DTYPE_COUNT] = {
    [DTYPE_BOOL] = {"bool", 1, 0, 1},
    [DTYPE_U8] = {"u8", 1, 0, UINT8_MAX},
    [DTYPE_I8] = {"i8", 1, INT8_MIN, INT8_MAX},
    [DTYPE_I32] = {"i32", 4, INT32_MIN, INT32_MAX},
    [DTYPE_I64] = {"i64", 8, INT64_MIN, INT64_MAX},
    [DTYPE_BF16] = {"bf16", 2, 0, 0},
    [DTYPE_F16] = {"f16", 2, 0, 0},
    [DTYPE_F32] = {"f32", 4, 0, 0},
    [DTYPE_F64] = {"f64", 8, 0, 0},
};

const char *dtype_name(dtype t) { return dtypes[t].name; }

bool dtype_parse(const char *name, dtype *out) {
  for (int t = 0; t < DTYPE_COUNT; t++) {
    if (strcmp(name, dtypes[t].name) == 0) {
      *out = (dtype)t;
      return true;
    }
  }
  return false;
}

size_t dtype_size(dtype t) { return dtypes[t].size; }

bool dtype_is_float(dtype t) {
  return t == DTYPE_BF16 || t == DTYPE_F16 || t == DTYPE_F32 || t == DTYPE_F64;
}

bool dtype_is_integer(dtype t) {
  return t == DTYPE_U8 || t == DTYPE_I8 || t == DTYPE_I32 || t == DTYPE_I64;
}

bool dtype_promote(dtype a, dtype b, dtype *out) {
  dtype narrow = a < b ? a : b, wide = a < b ? b : a; /* the enum is in order of width */
  if (a == b) {
    *out = a;
  } else if (dtype_is_integer(a) && dtype_is_integer(b)) {
    *out = narrow == DTYPE_U8 && wide == DTYPE_I8 ? DTYPE_I32 : wide;
  } else if (dtype_is_float(a) && dtype_is_float(b) &&
             !(narrow == DTYPE_BF16 && wide == DTYPE_F16)) {
    *out = wide;
  } else {
    return false;
  }
  return true;
}

void dtype_range(dtype t, int64_t *smallest, int64_t *largest) {
  *smallest = dtypes[t].smallest;
  *largest = dtypes[t].largest;
}

dim dim_fixed(int64_t extent) { return (dim){.maximum = extent}; }

static bool symbol_equal(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

bool dim_equal(dim a, dim b) { return a.maximum == b.maximum && symbol_equal(a.symbol, b.symbol); }

tensor_type type_scalar(dtype element) { return (tensor_type){.element = element}; }

tensor_type type_of(dtype element, int rank, const int64_t *extents) {
  tensor_type t = {.element = element, .rank = rank};
  for (int i = 0; i < rank && i < MAX_RANK; i++) t.dims[i] = dim_fixed(extents[i]);
  return t;
}

bool type_same_shape(const tensor_type *a, const tensor_type *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (!dim_equal(a->dims[i], b->dims[i])) return false;
  return true;
}

bool type_equal(const tensor_type *a, const tensor_type *b) {
  return a->element == b->element && type_same_shape(a, b);
}

bool type_is_bounded(const tensor_type *t) {
  for (int i = 0; i < t->rank; i++)
    if (t->dims[i].symbol) return true;
  return false;
}

int64_t type_elements(const tensor_type *t) {
  int64_t count = 1;
  for (int i = 0; i < t->rank; i++) count *= t->dims[i].maximum;
  return count;
}

int64_t type_bytes(const tensor_type *t) {
  return type_elements(t) * (int64_t)dtype_size(t->element);
}

bool type_check(const tensor_type *t) {
  if (t->rank < 0 || t->rank > MAX_RANK || (unsigned)t->element >= DTYPE_COUNT) return false;
  int64_t bytes = 8;
  for (int i = 0; i < t->rank; i++)
    if (t->dims[i].maximum < 1 || __builtin_mul_overflow(bytes, t->dims[i].maximum, &bytes))
      return false;
  return true;
}

const char *shape_text(arena *a, const tensor_type *t) {
  if (t->rank == 0) return "[]";
  const char *text = "[";
  for (int i = 0; i < t->rank; i++) {
    const char *symbol = t->dims[i].symbol;
    text = arena_printf(a, "%s%s%s%s%lld", text, i ? ", " : "", symbol ? symbol : "",
                        symbol ? " <= " : "", (long long)t->dims[i].maximum);
  }
  return arena_printf(a, "%s]", text);
}

const char *type_text(arena *a, const tensor_type *t) {
  const char *name = dtype_name(t->element);
  return t->rank == 0 ? name : arena_printf(a, "%s%s", name, shape_text(a, t));
}

void type_strides(const tensor_type *t, int64_t strides[MAX_RANK]) {
  int64_t stride = 1;
  for (int i = t->rank - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= t->dims[i].maximum;
  }
}
