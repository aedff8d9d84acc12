/* From one graph to its code. */
#ifndef CODE_H
#define CODE_H

#include "module.h"

/* Fuses, orders, lowers and plans an entry's graph, and what its loops run, in the same way. Kernels
 * that the module does not have yet are added to it. */
void code_build_entry(arena *a, module *m, const graph *g, const char *name, module_entry *e);

/* True where the graph has an update of the slot. */
bool code_updates(const graph *g, const char *path);

#endif
