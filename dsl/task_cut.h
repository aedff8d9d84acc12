/* windows(…), streams(…) and sequences(…): rows of data as pieces of sequences. */
#ifndef TASK_CUT_H
#define TASK_CUT_H

#include "elaborator.h"

/* windows(d.train, n, step: 1), streams(d.train, n, step: n), sequences(d.train, n, by: "column"): the
 * same data, cut. */
value task_cut_call(elaborator *e, const ast *n);

/* What is cut in such a call; NULL where n is none. */
const ast *task_cut_of(const ast *n);

/* Whether a column that is cut fits the input, whose second axis counts the rows of a piece; a column
 * of lengths, whose name is CUT_LENGTH, fits a vector of integers. Else an error. */
bool task_cut_fits(elaborator *e, location at, const graph_value *input, const data_cut *cut, int column);

/* The input that takes the lengths of sequences. */
#define CUT_LENGTH "length"

#endif
