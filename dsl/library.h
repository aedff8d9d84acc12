/* `use`: files beside the model and the library in the program. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include "elaborator.h"

/* Declares a file's functions and constants in a scope, and what its `use` lines bring in the
 * scope's parent. Constants wait to be evaluated. Duplicates are errors. */
void library_declare(elaborator *e, const ast_list *items, scope *names);

/* The library file that defines a function of this name, or NULL. */
const char *library_holding(const char *name);

/* The scope whose names a run's arguments see first: those of the module "schedule", where it is
 * used, before `below`. Elsewhere that module's names are not visible, since `linear` is a layer
 * in one place and a schedule in the other. */
scope *library_schedule(elaborator *e, scope *below);

#endif
