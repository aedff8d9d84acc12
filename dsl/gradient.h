/* Gradients of values of the language. */
#ifndef GRADIENT_H
#define GRADIENT_H

#include "elaborator.h"

/* The gradient of a scalar with respect to a tensor, to each leaf of a tuple, or to each parameter
 * of an instance (a tuple keyed by path). A leaf on which the loss does not depend has gradient
 * zero, but when there is no dependence at all, or only on an older version of a slot, it is an
 * error. One reverse sweep serves all leaves. */
value gradient_of(elaborator *e, location at, value loss, value wanted);

/* An instance as the tuple of its parameters; other values as they are. */
value gradient_leaves(elaborator *e, value wanted);

#endif
