/* Contractions in tests: nodes made at random, their operands laid out in memory in several ways,
 * and their kernels. */
#ifndef CONTRACTION_CASE_H
#define CONTRACTION_CASE_H

#include "contraction.h"
#include "tensor.h"

/* How operands lie in memory. */
typedef enum operand_layout {
  LAYOUT_DENSE,
  LAYOUT_REVERSED, /* axes in reverse order, the first from its end to its start */
  LAYOUT_COMPUTED, /* dense, but read by an expression */
  LAYOUT_COUNT,
  LAYOUT_ROOT      /* as the views above the stored node have it (contraction_operand_root) */
} operand_layout;

typedef struct contraction_case {
  arena *arena;
  const node *node; /* a product or convolution */
  const node *stored[2]; /* its operands, of LAYOUT_ROOT their roots */
  contraction contraction;
  contraction_schedule schedule;
  loop_kernel *kernel; /* of left, right, result; unrolled */
  loop_kernel *packing[2]; /* of an operand, and the packed one that then stands for it; NULL: it is not packed */
  operand_layout layouts[2];
} contraction_case;

/* The schedule and kernel of a node; fails the test where the kernel does not verify. */
contraction_case *contraction_case_new(arena *a, const node *n, const target *t,
                                       operand_layout left, operand_layout right);

/* The same where the kernel runs so often with the same operands. */
contraction_case *contraction_case_of_runs(arena *a, const node *n, const target *t, operand_layout left,
                                           operand_layout right, double runs_alike);

/* The same with schedule number `number` of the cheapest, from 0; NULL: there are fewer. */
contraction_case *contraction_case_of_schedule(arena *a, const node *n, const target *t, operand_layout left,
                                               operand_layout right, double runs_alike, int number);

/* A stored node's value as the case's layout wants it. */
void *contraction_case_operand(const contraction_case *k, int operand, const tensor *value);

/* A node of a new graph over two inputs: shapes from extents of 1, odd, and longer than vectors, at
 * most `work` multiplications. */
node *random_contraction(arena *a, uint64_t seed, op_code op, dtype element, double work);

#endif
