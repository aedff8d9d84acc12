/* Index notation: the indices in force at a place of the text. A value over a space is a tensor
 * with one axis for every index, in their order, of the index's extent or of extent 1 where the
 * value does not depend on it; or it is a scalar or a number. So elementwise functions need nothing
 * but NumPy's broadcasting. */
#ifndef INDEX_SPACE_H
#define INDEX_SPACE_H

#include "elaborator.h"

typedef struct index_range {
  const char *name;
  location at;         /* where it is bound */
  dim extent;          /* maximum 0: not known yet */
  bool given;          /* by `i < n`, whatever the axes are */
  location implied_at; /* the subscript that implied the extent, where it is not given */
} index_range;

typedef struct index_space {
  elaborator *e;
  index_range indices[MAX_RANK]; /* those of the left side, then those of reductions */
  int count;
  struct fixed_value *fixed; /* of parts of the text that no index enters */
  int fixed_count;
} index_space;

/* Binds the index that an item of brackets names, `i` or `i < n`. False after an error, which ends with the advice. */
bool index_space_bind(index_space *s, const ast *item, const char *advice);

/* Finds the extents of the indices from `first` on in the bare subscripts of a text; false with an
 * error where two disagree or there is none. */
bool index_space_measure(index_space *s, int first, const ast *text);

/* The number of the index of this name, or -1. */
int index_space_find(const index_space *s, const char *name);

/* The indices that a text names: bit i for index i. */
unsigned index_space_named(const index_space *s, const ast *text);

/* Whether an index enters the text. */
bool index_space_enters(const index_space *s, const ast *text);

/* The value of a text that no index enters; evaluated once, however often it is asked for. */
value index_space_fixed(index_space *s, const ast *text);

/* The tensor that brackets subscript, with one place for every axis; NULL after an error. */
node *index_space_subscripted(index_space *s, const ast *n);

/* Whether a name stands for something at this place, so that it cannot be an index. */
bool index_space_is_known(const elaborator *e, const char *name);

/* The type of a value over the space that depends on all of its indices. */
tensor_type index_space_type(const index_space *s, dtype element);

/* A tensor whose axis i is that of index labels[i], each index at most once, as a value over the
 * space; and back, without the axes of extent 1: the number of axes is x->type.rank. */
node *index_space_place(const index_space *s, node *x, const int *labels);
node *index_space_strip(const index_space *s, node *x, int labels[MAX_RANK]);

#endif
