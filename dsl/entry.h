/* Entries: functions that the model's user calls. */
#ifndef ENTRY_H
#define ENTRY_H

#include "elaborator.h"

/* The entry's graph, added to the program. Errors go to the diagnostics. An entry with a static
 * parameter that has no default exists only with the arguments of a run. */
void entry_elaborate(elaborator *e, const ast *entry);

/* The name in the program of the entry with static arguments, integers and truth values:
 * pretrain[2] is pretrain_l2 where l is the parameter. It is elaborated when first asked for. NULL
 * after an error. */
const char *entry_with(elaborator *e, location at, const ast *entry, argument_list statics);

/* Reports an entry that has no default for a static parameter and that no run has asked for. */
void entry_check_used(elaborator *e, const ast *entry);

#endif
