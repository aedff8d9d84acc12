/* Entries: functions that the model's user calls. */
#ifndef ENTRY_H
#define ENTRY_H

#include "elaborator.h"

/* The entry's graph, added to the program. Errors go to the diagnostics. */
void entry_elaborate(elaborator *e, const ast *entry);

#endif
