/* Gradients of values of the language. */
#ifndef GRADIENT_H
#define GRADIENT_H

#include "elaborator.h"

/* The gradient of a scalar with respect to a tensor, to each leaf of a tuple, or to each parameter
 * of an instance (a tuple keyed by path). A leaf on which the loss does not depend has gradient
 * zero, but when there is no dependence at all, or only on an older version of a slot, it is an
 * error. One reverse sweep serves all leaves. */
value gradient_of(elaborator *e, location at, value loss, value wanted);

/* The derivative of a tensor, or of each leaf of a tuple, along a direction given by a value like
 * `wanted` (an instance: like its parameters): the Jacobian times the direction. Forward mode by
 * two reverse sweeps: the first gives u'J as a function of a cotangent u, which is linear in u; the
 * derivative of (u'J)v with respect to u is Jv (Townsend, "A new trick for calculating Jacobian
 * vector products", 2017). So it needs no rules of its own and can be differentiated again; what
 * only the value of u'J needs is dead code. */
value gradient_along(elaborator *e, location at, value y, value wanted, value direction);

/* An instance as the tuple of its parameters; other values as they are. */
value gradient_leaves(elaborator *e, value wanted);

#endif
