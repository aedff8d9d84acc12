/* Memory beyond whose end, or before whose beginning, nothing can be read: what reads there ends the process. */
#ifndef EDGE_MEMORY_H
#define EDGE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

/* A copy of some bytes that ends, or else begins, where readable memory does; unmapped as the arena ends. */
void *edge_memory_copy(arena *a, const void *bytes, size_t count, bool ends);

#endif
