/* Loops at run time. */
#ifndef LOOP_STATEMENT_H
#define LOOP_STATEMENT_H

#include "elaborator.h"

/* The value is the stack of what the turns emit, or none. Names of the enclosing scope that the body
 * rebinds, and slots that it updates, have their last values afterwards. */
value loop_scan(elaborator *e, const ast *n);
value loop_repeat(elaborator *e, const ast *n);
value loop_while(elaborator *e, const ast *n);

#endif
