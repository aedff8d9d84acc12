/* Elementwise functions: what the rows of scalar.def mean. */
#ifndef SCALAR_H
#define SCALAR_H

#include "graph.h"

/* Which types operands and result may have; see scalar.def. */
typedef enum scalar_kind {
  SCALAR_KIND_SAME, SCALAR_KIND_REAL, SCALAR_KIND_INTEGER, SCALAR_KIND_LOGIC, SCALAR_KIND_COMPARE,
  SCALAR_KIND_SELECT, SCALAR_KIND_TEST
} scalar_kind;

typedef struct scalar_info {
  const char *name;
  int operands;
  scalar_kind kind;
  const char *c; /* an expression of $0, $1, $2; "" where the backend has a helper of this name */
} scalar_info;

extern const scalar_info scalar_infos[SCALAR_COUNT];

bool scalar_parse(const char *name, scalar_function *f);

/* The result's element type for the operands', or a message citing the constraint. */
const char *scalar_type(arena *a, scalar_function f, const dtype *operands, dtype *result);

/* The value of a function of floating operands; comparisons and tests give 0 or 1. Not for select,
 * whose operands differ in type. */
double scalar_real(scalar_function f, const double *x);

/* The value of a function of integer or bool operands of one type, wrapped to it. Comparisons
 * give 0 or 1. */
int64_t scalar_int(scalar_function f, dtype element, const int64_t *x);

/* The low bits of an integer as the type sees them, in two's complement; bool: not 0. */
int64_t scalar_wrap(dtype element, int64_t value);

/* The cotangent of one operand of a map, from that of its result; NULL where it is zero. */
node *scalar_grad(graph *g, const node *map, int operand, node *cotangent);

#endif
