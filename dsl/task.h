/* Tasks: the recipes that `dnn train` follows. */
#ifndef TASK_H
#define TASK_H

#include "elaborator.h"

/* Elaborates a task and adds it to the program. */
void task_elaborate(elaborator *e, const ast *n);

/* The calls that only tasks know: data(…), run(…). False where n is another call. */
bool task_call(elaborator *e, const ast *n, value *result);

#endif
