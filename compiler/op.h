/* What an operator is: a row of ops.def and the functions of its definition, which stand in
 * this order in compiler/ops/FAMILY.c. */
#ifndef OP_H
#define OP_H

#include "graph.h"
#include "tensor.h"

typedef enum op_trait {
  LEAF = 1, ELEMENT = 2, VIEW = 4, REDUCTION = 8, CONTRACTION = 16, OPAQUE = 32,
  LOOP = 64, PADDED = 128
} op_trait;

typedef struct op_info {
  const char *name;
  int least, most; /* operands */
  unsigned traits;
  const char *attributes;
} op_info;

extern const op_info op_infos[OP_COUNT];

static inline bool op_has(op_code op, unsigned traits) {
  return (op_infos[op].traits & traits) == traits;
}

/* Position, kind and name of an operator's attributes, from its row. */
int op_attribute_count(op_code op);
attribute_kind op_attribute(op_code op, int position, char name[32]);
bool op_parse(const char *name, op_code *op);

typedef struct op_definition {
  /* The result's type, or a message such as "dot C3: contracted extents differ: 784 and 768" (in
   * arena memory) when a constraint is violated. The node's type is not yet set. */
  const char *(*type)(arena *a, const node *n, tensor_type *result);

  /* The vector-Jacobian product: from the cotangent of the result, the cotangents of the operands
   * with wanted[i], each of its operand's type; NULL stays where it is zero. Builds only
   * operators. NULL here: no derivative (integer or bool results, leaves). */
  void (*grad)(graph *g, const node *n, node *cotangent, const bool *wanted,
               node **operand_cotangents);

  /* The meaning: plain loops in double or int64, sharing nothing with lower. */
  void (*eval)(const evaluation *e, const node *n, const tensor *const *operands, tensor *result);

  /* How the loop form is made (lower.h). */
  const struct op_lowering *lower;

  /* How many operations on floating numbers its result takes (op_operations); NULL: none. */
  int64_t (*operations)(const node *n);

  /* How one node computes it for all turns of a loop (batch.h); NULL: none does. */
  const struct op_batch *batch;
} op_definition;

/* op_CODE for every row; op_definitions[code] points to them. */
#define OP(code, ...) extern const op_definition op_##code;
#include "ops.def"
#undef OP
extern const op_definition *const op_definitions[OP_COUNT];

/* The operations on floating numbers that the node's result takes: an elementwise function is one for
 * each element, whichever it is, but a cast is none; a sum or extremum of n numbers is n - 1; a product
 * of matrices or a convolution is two for each product, and products with the zeros around and between
 * the elements of an image are none. What moves, draws or sorts numbers is none, and so is what has
 * integers only. Of a loop: none, see cost.h. At most INT64_MAX. */
int64_t op_operations(const node *n);

/* a · b, or INT64_MAX where that is more; for operands that are not negative. */
int64_t op_times(int64_t a, int64_t b);

#endif
