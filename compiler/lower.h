/* From groups of nodes to kernels in loop form. */
#ifndef LOWER_H
#define LOWER_H

#include "fuse.h"
#include "index.h"
#include "loop.h"
#include "op.h"
#include "target.h"
#include "vector_math.h"

typedef struct lowering lowering;

/* How an operator becomes loops: the last part of its definition. Fields that do not apply to its
 * traits are NULL. */
typedef struct op_lowering {
  /* ELEMENT: the index at which operand number `operand` is read for the element of n at `at`
   * (n->type.rank index expressions) into operand_at; false where the operand is not read there
   * by a plain index (KEY of BITS). NULL: the same index (elementwise). A read that a predicate
   * guards (pad, concat) adds the predicate's bounds through guard. */
  bool (*access)(arena *a, const node *n, int operand, const index *at, index *operand_at,
                 index_guard *guard);

  /* ELEMENT: the element of n at `at` as an expression, given the operands' elements, which the
   * caller made at the operands' accesses. */
  const loop_expr *(*element)(lowering *l, const node *n, const index *at,
                              const loop_expr *const *operands);

  /* REDUCTION: how elements combine: initial value and the step acc ⊕ x. argmax and argmin carry a
   * pair; lower_row.c knows them by their traits in `arg`. */
  scalar_function combine;
  bool arg;

  /* CONTRACTION: the whole kernel of a group. */
  loop_kernel *(*kernel)(lowering *l, const group *g);
} op_lowering;

/* What one kernel's lowering works with; element lowering of ops uses it to load operands. */
struct lowering {
  arena *arena;
  const target *target;
  math_library *math;
  const graph *graph;
};

/* The kernel of a group. Its parameters are, in order: inputs, then outputs that are not inout with
 * an input, then a context parameter (i64[2]: seed, step) where a KEY is a member. Names come from
 * the model: inputs, slot paths, else the operator's name and node id. */
loop_kernel *lower_group(lowering *l, const group *g);

#endif
