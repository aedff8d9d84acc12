/* Whether an entry trains. */
#ifndef TRAINING_H
#define TRAINING_H

#include "elaborator.h"

/* True where the text of an entry, or of a function that it can reach by name, holds `minimize` or
 * an update of a param: the value of `training` in an entry that does not set it. */
bool training_reaches(elaborator *e, const ast *entry);

#endif
