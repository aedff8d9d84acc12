/* data(problems(), train: 100, test: 10): rows that an entry makes. */
#ifndef TASK_GENERATED_H
#define TASK_GENERATED_H

#include "elaborator.h"

/* Reads the call into the set; false after an error. */
bool task_generated(elaborator *e, const ast *n, data_set *set);

#endif
