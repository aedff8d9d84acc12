/* What programs consist of: in how many each construct, operator and function occurs. Of random ones, and of
 * the examples of a document. */
#ifndef RANDOM_OCCURRENCE_H
#define RANDOM_OCCURRENCE_H

#include "program.h"

typedef struct occurrence occurrence;

occurrence *occurrence_new(arena *a);

/* Counts one program: the constructs that built its text (random_source.h; NULL: not wanted), what stands
 * in the text, which parses, and what stands in the graphs that it became. */
void occurrence_count(occurrence *o, const int *built, const char *text, const program *p);

/* Prints every share of the programs, or only those below least in a hundred, with what to do.
 * Returns how many lie below. What programs cannot hold is left out. */
int occurrence_report(const occurrence *o, int least, bool all);

/* Prints each kind of syntax, operator, function, option and element type of the language that no program
 * holds, and returns how many there are. */
int occurrence_missing(const occurrence *o);

#endif
