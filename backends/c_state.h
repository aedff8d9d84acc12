/* The processor's state for arithmetic (docs/embedding.md). */
#ifndef C_STATE_H
#define C_STATE_H

#include "c_unit.h"

/* Two functions of the unit, of which the first sets the state and gives the caller's, and the second sets that
 * again. */
#define C_BEGIN_ARITHMETIC "begin_arithmetic"
#define C_END_ARITHMETIC "end_arithmetic"

/* Makes sure of them. */
void c_helper_arithmetic(c_unit *u);

#endif
