/* Index notation: y[b, o] = sum[i](x[b, i] * w[i, o]). */
#ifndef INDEX_NOTATION_H
#define INDEX_NOTATION_H

#include "elaborator.h"

/* The value of the right side for all values of the indices on the left; n is a DEFINE. */
value index_notation_value(elaborator *e, const ast *n);

/* Whether brackets of a called function bind indices, sum[i](x[i]), n being the CALL; and then the
 * value of the call. */
bool index_notation_binds(const elaborator *e, const ast *n);
value index_notation_call(elaborator *e, const ast *n);

#endif
