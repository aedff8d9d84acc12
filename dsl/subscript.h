/* Brackets on what is not a function: picks and slices of tensors, tuples and data. */
#ifndef SUBSCRIPT_H
#define SUBSCRIPT_H

#include "elaborator.h"

/* base[…], n being the BRACKETS node. */
value subscript_value(elaborator *e, const ast *n, value base);

/* The tensor with the part that the brackets name replaced by a value: a tensor of the part's type, or a
 * number. What lies outside, at places that are known at run time only, is dropped. */
value subscript_replaced(elaborator *e, const ast *n, value base, value part);

/* The place of the one item of a tuple that the brackets name; -1 with an error. */
int subscript_item(elaborator *e, const ast *n, const tuple *t);

/* data.train */
value subscript_split(elaborator *e, const ast *n, value base);

/* The tensor with its last two axes swapped. */
value subscript_transpose_last(elaborator *e, location at, value base);

#endif
