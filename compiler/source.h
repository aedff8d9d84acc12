/* Reading a text. */
#ifndef SOURCE_H
#define SOURCE_H

#include "diag.h"

/* Reads a whole file; its name in messages is the path. NULL after an error in the diagnostics. */
const source *source_read(arena *a, diagnostics *d, const char *path);

#endif
