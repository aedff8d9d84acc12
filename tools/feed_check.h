/* Whether the rows that a run takes are numbers that its entry uses as indices or classes. */
#ifndef FEED_CHECK_H
#define FEED_CHECK_H

#include "feed.h"

/* Reports the first number that is none, in a place where the entry uses it as one (compiler/input_range.h): of the
 * columns that entries make, which must then be filled, or of the others. */
void feed_check(arena *a, diagnostics *d, const feed *f, bool made);

#endif
