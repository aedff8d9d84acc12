/* Element types, dimensions and tensor types. */
#ifndef TYPE_H
#define TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

/* In the order of enum dnn_element (runtime/dnn_abi.h). */
typedef enum dtype {
  DTYPE_BOOL, DTYPE_U8, DTYPE_I8, DTYPE_I32, DTYPE_I64, DTYPE_BF16, DTYPE_F16, DTYPE_F32, DTYPE_F64,
  DTYPE_COUNT
} dtype;

const char *dtype_name(dtype t);             /* "f32" */
bool dtype_parse(const char *name, dtype *out);
size_t dtype_size(dtype t);                  /* bytes of one stored element */
bool dtype_is_float(dtype t);
bool dtype_is_integer(dtype t);              /* bool is neither */

/* The type to which two operands widen: u8, i8 → i32 → i64; bf16 or f16 → f32 → f64; equal types
 * stay. u8 with i8 gives i32. False where there is none: integer with float, bf16 with f16, bool
 * with anything else. */
bool dtype_promote(dtype a, dtype b, dtype *out);

/* The smallest and largest value of an integer kind or bool. */
void dtype_range(dtype t, int64_t *smallest, int64_t *largest);

/* An extent: its maximum fixes memory; symbol is NULL for a fixed size, else the name of the
 * entry's bounded size, which runs from 1 to the maximum. */
typedef struct dim {
  int64_t maximum;
  const char *symbol;
} dim;

enum { MAX_RANK = 8 };

typedef struct tensor_type {
  dtype element;
  int rank;
  dim dims[MAX_RANK];
} tensor_type;

dim dim_fixed(int64_t extent);
bool dim_equal(dim a, dim b);
tensor_type type_scalar(dtype element);
tensor_type type_of(dtype element, int rank, const int64_t *extents); /* fixed dimensions */
bool type_equal(const tensor_type *a, const tensor_type *b);
bool type_same_shape(const tensor_type *a, const tensor_type *b);
bool type_is_bounded(const tensor_type *t); /* a dimension has a size that each call gives */

/* Elements at the maximum; type_check makes sure that the product, times 8 bytes, fits int64. */
int64_t type_elements(const tensor_type *t);
int64_t type_bytes(const tensor_type *t);

/* False where a dimension is below 1, the rank above MAX_RANK, or the bytes overflow int64. */
bool type_check(const tensor_type *t);

/* "f32[64, 784]", "f32" for a scalar, "f32[n <= 64, 784]"; in arena memory. */
const char *type_text(arena *a, const tensor_type *t);
const char *shape_text(arena *a, const tensor_type *t); /* "[64, 784]" */

/* Distance in elements between neighbours along each axis, row-major. */
void type_strides(const tensor_type *t, int64_t strides[MAX_RANK]);

#endif
