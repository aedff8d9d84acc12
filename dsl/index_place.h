/* Index notation: subscripts whose place is known when compiling as a function of the indices: a sum of
 * multiples of indices, and of quotients and remainders of such sums by constants. */
#ifndef INDEX_PLACE_H
#define INDEX_PLACE_H

#include "index_space.h"

typedef struct index_place index_place;

/* factor · (operand // divisor), or factor · (operand % divisor). */
typedef struct place_atom {
  int64_t factor, divisor;
  const index_place *operand;
  bool remainder;
} place_atom;

enum { PLACE_ATOMS = 4 };

struct index_place {
  int64_t constant;
  int64_t factors[MAX_RANK]; /* of the indices of the space */
  int atom_count;
  place_atom atoms[PLACE_ATOMS];
};

/* The place that a text stands for; NULL where it is of another form. */
const index_place *index_place_of(index_space *s, const ast *text);

/* The least and the largest value; they fit int64. */
void index_place_range(const index_space *s, const index_place *p, int64_t *low, int64_t *high);

/* Whether an index of the set (bit i: index i) enters. */
bool index_place_enters(const index_place *p, unsigned indices);

bool index_place_equal(const index_place *a, const index_place *b);

#endif
