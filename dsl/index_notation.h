/* Index notation: y[b, o] = sum[i](x[b, i] * w[i, o]). */
#ifndef INDEX_NOTATION_H
#define INDEX_NOTATION_H

#include "index_space.h"

/* The value of the right side for all values of the indices on the left; n is a DEFINE. */
value index_notation_value(elaborator *e, const ast *n);

/* The name of the index that an item of brackets can bind, `i` or `i < n`; NULL for others. */
const ast *index_notation_name(const ast *item);

/* Whether brackets of a called function bind indices, sum[i](x[i]), n being the CALL; and then the
 * value of the call. */
bool index_notation_binds(const elaborator *e, const ast *n);
value index_notation_call(elaborator *e, const ast *n);

/* The value of an expression over a space. */
value index_notation_point(index_space *s, const ast *n);

#endif
