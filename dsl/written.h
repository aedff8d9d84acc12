/* What a model wrote where a stable form stands (stable.h). A stable form reads past the values that its
 * pattern is made of: log(p), p = sigmoid(z), becomes a function of z. By z that is the better derivative;
 * a derivative by p needs the logarithm of p. */
#ifndef WRITTEN_H
#define WRITTEN_H

#include "elaborator.h"

/* A function of tensors of one shape, in a stable form where there is one. */
node *written_map(elaborator *e, scalar_function f, int count, node *const *operands);

/* The value with those stable forms undone that read past a wanted node; itself where there are none. */
node *written_between(elaborator *e, node *n, int count, node *const *wanted);

#endif
