/* From groups of nodes to kernels in loop form. */
#ifndef LOWER_H
#define LOWER_H

#include "fuse.h"
#include "index.h"
#include "loop.h"
#include "op.h"
#include "target.h"
#include "vector_math.h"

/* What lowering works with. */
typedef struct lowering {
  arena *arena;
  const target *target;
  math_library *math;
  const graph *graph;
  const fusion *fusion;
} lowering;

/* What an element is computed from; all expressions have the result's lanes. */
typedef struct element_parts {
  const loop_expr *const *reads; /* the operands' elements, 0 or anything where the mask is false */
  const loop_expr *const *masks; /* bool; NULL: always read */
  const loop_expr *position;     /* what `position` asks for: i32 where it fits, else i64 */
  const loop_expr *run;          /* where lanes are consecutive positions, as many as a multiple of
                                    positions_alike, and begin at one: the first, i64; else NULL */
  const loop_expr *seed, *step;  /* the context, i64 scalars; of KEY only */
  int lanes;
} element_parts;

/* How an operator becomes loops: the last part of its definition. Fields that do not apply to its
 * traits are NULL. */
typedef struct op_lowering {
  /* ELEMENT: what the element of n at `at` (n->type.rank index expressions) reads: for read number
   * `read`, from 0, the operand, and where into operand_at and under which bounds into guard, which
   * starts empty. -1 where there is no such read. NULL: every operand, at the same index. */
  int (*access)(arena *a, const node *n, int read, const index_expr *const *at,
                const index_expr **operand_at, index_guard *guard);

  /* ELEMENT: an index whose value the element depends on. NULL: none. */
  const index_expr *(*position)(arena *a, const node *n, const index_expr *const *at);

  /* ELEMENT: above 1, the element is made of 64-bit numbers, but of one for so many consecutive positions
   * from a multiple on; `run` is then given. */
  int positions_alike;

  /* ELEMENT: the element as an expression. */
  const loop_expr *(*element)(lowering *l, const node *n, const element_parts *parts);

  /* REDUCTION: how elements combine. `place`: argmax and argmin, which carry a pair. */
  scalar_function combine;
  bool place;

  /* CONTRACTION, OPAQUE: the whole kernel of a group; lower_parameters makes its buffers. */
  loop_kernel *(*kernel)(lowering *l, const group *g);
} op_lowering;

const op_lowering *lowering_of(const node *n);

/* op_lowering.access with its default. */
int node_access(arena *a, const node *n, int read, const index_expr *const *at,
                const index_expr **operand_at, index_guard *guard);

/* op_lowering.element of a view that reads one operand, and is 0 where that lies outside. */
const loop_expr *lower_inside(lowering *l, const node *n, const element_parts *parts);

/* Where a reduction reads its operand for the result's element at `at`: reduced axis number i of
 * the node's list at inner[i]. */
void reduction_access(const node *n, const index_expr *const *at, const index_expr *const *inner,
                      const index_expr **operand_at);

/* The type in which values of an element type are computed: f32 for f16 and bf16, else itself. */
dtype compute_type(dtype element);

/* A value that was computed in compute_type(element), rounded to f16 or bf16 where that is the
 * element type; it stays in the type of computation. */
const loop_expr *lower_rounded(arena *a, const loop_expr *value, dtype element);

/* The kernel of a group, without its name. Its parameters are, in order: inputs that it loads and that are
 * not inout, outputs (inout where an input shares their memory; of sums behind a contraction all parts), packed operands, then a context parameter
 * (i64[3]: seed, step, size) where group.context. Buffers have rank 1. Names come from the model: inputs, slot
 * paths, else the operator's name and node id. */
loop_kernel *lower_group(lowering *l, const group *g);

/* The kernel that packs an operand of a group whose schedule says so: parameters are the inputs that
 * it is made of, and the packed array. */
loop_kernel *lower_packing(lowering *l, const group *g, int side);

/* An empty kernel with the inputs of which an operand is packed; buffers[i] is that of input i. */
loop_kernel *lower_packing_parameters(lowering *l, const group *g, int side, loop_buffer **buffers);

/* Adds the parameter of a packed operand. */
loop_buffer *lower_packed(lowering *l, const group *g, int side, loop_kernel *k, loop_access access);

/* An empty kernel with the parameters of a group; buffers[i] is that of input i, then of output
 * i - input_count. */
loop_kernel *lower_parameters(lowering *l, const group *g, loop_buffer **buffers);

/* Adds the context parameter, where the group needs it; else NULL. */
loop_buffer *lower_context(lowering *l, const group *g, loop_kernel *k);

/* Appends what reads the size of bounded types from the kernel's context, and gives it as an i64 scalar. */
const loop_expr *lower_size(arena *a, const loop_buffer *context, loop_block *block);

/* Kernels that copy a tensor, and that make it zero: of a bounded size that leads, the rows in use. They
 * take the context behind their arrays where the leading axis is bounded. */
loop_kernel *lower_copy(arena *a, const target *t, const tensor_type *type);
loop_kernel *lower_zeros(arena *a, const target *t, const tensor_type *type);

/* The kernel that adds up the parts of a sum (group_output_parts), which lie one after the other, in their order. */
loop_kernel *lower_sum_of_parts(arena *a, const target *t, const tensor_type *type, int64_t parts);

#endif
