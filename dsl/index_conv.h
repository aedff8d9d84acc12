/* Index notation: sums of products that are convolutions with several filters. */
#ifndef INDEX_CONV_H
#define INDEX_CONV_H

#include "index_space.h"

/* The sum, over the indices from `first` on, of the product of two factors, where one of them is read
 * in windows, x[n, c, 2 * t + k], and the other has the filters, w[o, c, k]: a value over the space of
 * the indices before `first`. No value where the product is of another form. As contractions such
 * products have the same value, but their derivatives would store a product for each place of
 * each window. */
value index_conv(index_space *s, location at, int first, const ast *left, const ast *right);

#endif
