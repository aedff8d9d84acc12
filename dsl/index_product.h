/* Index notation: sums of products, as contractions. */
#ifndef INDEX_PRODUCT_H
#define INDEX_PRODUCT_H

#include "index_space.h"

/* The sum, over the indices from `first` on, of the product of values over the space, which are
 * numbers: a value over the space of the indices before `first`. Factors are contracted in pairs,
 * the cheapest pair first. */
value index_product(index_space *s, location at, int first, int count, const value *factors);

#endif
