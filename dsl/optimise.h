/* minimize and maximize. */
#ifndef OPTIMISE_H
#define OPTIMISE_H

#include "elaborator.h"

/* Takes the gradients of the loss with respect to all parameters, sends them through the stages
 * after `with`, and updates the parameters. */
void optimise_minimize(elaborator *e, const ast *n);

/* Says in the program which outputs of entries are objectives, and adds those that options ask for. To be called when
 * nothing else asks for outputs. */
void optimise_finish(elaborator *e);

#endif
