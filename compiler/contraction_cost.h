/* What the loops of a contraction take, as the search for a schedule asks it. */
#ifndef CONTRACTION_COST_H
#define CONTRACTION_COST_H

#include "contraction.h"

/* Independent sums that hide the latency of one. */
enum { CONTRACTION_UNITS_IN_FLIGHT = 8 };

/* Work worth a task of its own: some 5 microseconds, where to hand it to a thread that waits takes less than one; and so
 * much that what tasks do over again counts little. */
enum { CONTRACTION_TASK_CYCLES = 15000, CONTRACTION_LONG_TASK_CYCLES = 60000 };

/* All of it, on one core. */
double contraction_cycles(const contraction *c, const contraction_schedule *s, const target *t);

/* What depends on vectors and tiles alone, of a schedule that copies both operands: the above is not less, however they
 * are read. */
double contraction_least_cycles(const contraction *c, const contraction_schedule *s);

/* Copying or packing all that an operand depends on, once, where it lies in the first cache. */
double contraction_copy_cycles(const contraction *c, const contraction_schedule *s, int operand, const target *t);

/* The arrival of its cache lines there, from where so many are likely to lie. */
double contraction_arrival_cycles(const contraction *c, int operand, const target *t);

/* Bytes of all of an operand, and for one index along the axes that both have in the output. */
double contraction_operand_bytes(const contraction *c, int operand);
double contraction_bytes_of_one(const contraction *c, int operand);

/* Spans of the second operand's panels, packed for one run, of which one takes half of the second cache for a block of
 * the reduced axes. */
double contraction_spans(const contraction *c, const contraction_schedule *s, const target *t);

/* True where vectors of an operand, too many for any cache, are read once, as they lie in rows that are far apart. */
bool contraction_streams(const contraction *c, const contraction_schedule *s, int operand, const target *t);

/* True where both operands depend on the axis. */
bool contraction_shared(const contraction *c, int axis);

/* True where an operand is neither copied nor packed. */
bool contraction_reads_directly(const contraction_schedule *s, int operand);

/* Sets the parts of axes of a schedule that is complete else, whose cycles are known (contraction_tasks.c). Copies that many
 * tasks would make again are not; else those tasks are best that are some, and long. */
void contraction_split_tasks(const contraction *c, contraction_schedule *s, const target *t);

#endif
