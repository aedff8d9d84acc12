/* Stable forms: what a model writes as log(sum(exp(x))), 1 / (1 + exp(-x)) or log(1 + x) overflows or
 * cancels where its value does not. Elaboration asks here as it makes a map, so derivatives are
 * those of the stable form and stay finite too. */
#ifndef STABLE_H
#define STABLE_H

#include "graph.h"

/* f of the operands in a form of the same value in exact arithmetic that neither overflows nor
 * cancels, or NULL where f itself is as good:
 *   log y      where y is made of exp, sigmoid, positive constants, their sums, products and
 *              quotients: of the logarithms of these. log sum exp x = m + log sum exp(x - m) with
 *              m = max x (0 where that is infinite), log(eᵃ + eᵇ) likewise, log sigmoid x =
 *              -softplus(-x), log(1 + eˣ) = softplus x = max(0, x) + log1p(exp(-|x|))
 *   log(1 + x), log(1 - x)    log1p
 *   exp x - 1, 1 - exp x      expm1
 *   1 - sigmoid x, 1 / (1 + exp(-x)), exp x / (1 + exp x)    sigmoid
 *   exp x / sum exp x         of x - m
 * Operands of unequal shapes or types are left to the map's own checks. */
node *stable_map(graph *g, scalar_function f, int count, node *const *operands);

#endif
