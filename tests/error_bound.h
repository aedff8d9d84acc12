/* What compiled code may answer: the values of a graph, each element with a bound on how far a
 * compiled one may lie from it. */
#ifndef ERROR_BOUND_H
#define ERROR_BOUND_H

#include "tensor.h"

/* |compiled - value| is at most error, element by element. INFINITY where nothing is known: after
 * an overflow, or behind a jump that rounding may move. Of integers and bool, errors are 0 or
 * INFINITY. A NaN or an infinity with error 0 is certain. */
typedef struct bounded {
  const tensor *value;
  double *error;
} bounded;

bounded bounded_exact(arena *a, const tensor *value);

/* graph_eval, with bounds: inputs and slots are exact, each operator passes on the bounds of its
 * operands (to first order in the rounding, as intervals where it is not linear) and adds the
 * rounding of its type, by the table in error_bound.c. Sums, products and contractions may be taken
 * in any order. */
void bounded_eval(const evaluation *e, const graph *g, const tensor *const *inputs,
                  tensor_of_slot slot_value, void *slot_context, bounded *outputs,
                  bounded *updates);

/* True where the rules cover the operator. */
bool bounded_covers(op_code op);

/* True where the function of floating numbers is taken to round. */
bool bounded_rounds(scalar_function f);

#endif
