/* What --memory prints. */
#ifndef MEMORY_REPORT_H
#define MEMORY_REPORT_H

#include <stdio.h>

#include "module.h"

/* For every entry: the bytes of parameters and state that it reads or writes, the scratch that was
 * planned, the bound below which no plan for its kernels in their order can get and the ratio of the
 * two, and the bound below which no order of the kernels can get. Then, for entries that need
 * scratch, the values that are alive at the step where it is fullest, largest first: bytes, offset,
 * name (operator and number in the last graph, see --emit=graph), type, place in the model's text.
 * Values at one offset share it. */
void memory_report(FILE *out, const module *m);

#endif
