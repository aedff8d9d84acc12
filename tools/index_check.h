/* Whether numbers that an entry uses as indices or classes are such (compiler/input_range.h). */
#ifndef INDEX_CHECK_H
#define INDEX_CHECK_H

#include "input_range.h"

/* The first of the elements from `first` to before `last` of an array of integers that is none of the use's
 * numbers, wherever it stands in the input; `last` where there is none. */
int64_t index_check(const index_use *use, dtype element, const void *data, int64_t first, int64_t last);

#endif
