/* Whether an entry trains. */
#ifndef TRAINING_H
#define TRAINING_H

#include "elaborator.h"

/* True where the text of an entry, or of a function that it can reach by name, holds `minimize` or
 * an update of a param: the value of `training` in an entry that does not set it. *guessed: it holds no `minimize`,
 * and of what is updated the text alone may not tell whether it is a param. */
bool training_reaches(elaborator *e, const ast *entry, bool *guessed);

#endif
