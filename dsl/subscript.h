/* Brackets on what is not a function: picks and slices of tensors, tuples and data. */
#ifndef SUBSCRIPT_H
#define SUBSCRIPT_H

#include "elaborator.h"

/* base[…], n being the BRACKETS node. */
value subscript_value(elaborator *e, const ast *n, value base);

/* data.train */
value subscript_split(elaborator *e, const ast *n, value base);

/* The tensor with its last two axes swapped. */
value subscript_transpose_last(elaborator *e, location at, value base);

#endif
