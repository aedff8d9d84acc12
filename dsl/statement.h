/* Statements. */
#ifndef STATEMENT_H
#define STATEMENT_H

#include "elaborator.h"

/* Runs the statements of a block in the current scope. Its value is that of its last expression,
 * where that is used; any other expression that has a value but no effect is an error. */
value statement_block(elaborator *e, const ast *block, bool used);

/* Runs one statement; an expression's value is returned. */
value statement_run(elaborator *e, const ast *n);

/* A static `for`: the tuple of what it emits, or none. */
value statement_for(elaborator *e, const ast *n);

/* A static `if`. */
value statement_if(elaborator *e, const ast *n);

/* Binds the names of a pattern to a value and its parts. */
void statement_bind(elaborator *e, const ast *pattern, value v);

/* The first of a range `a..b` and how many there are; false with an error. */
bool statement_range(elaborator *e, const ast *n, int64_t *first, int64_t *turns);

#endif
