/* Derivatives that a function gives itself: `derivative(dy) { … }` in its body. */
#ifndef RULE_H
#define RULE_H

#include "elaborator.h"

/* The statement: it holds for the value of the function in whose body it stands. */
void rule_note(elaborator *e, const ast *n);

/* At the end of the body: the function's value with the derivative that the body holds. The block sees
 * the body's names; it gives the gradient of the argument, or a tuple of one for each. */
value rule_apply(elaborator *e, const ast_list *parameters, const value *arguments, value v);

#endif
