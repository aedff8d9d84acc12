/* Windows, streams and sequences: how a row for an entry is a piece of a source's rows. */
#ifndef FEED_CUT_H
#define FEED_CUT_H

#include "feed.h"

/* A stretch of a source's rows, counted from its first. */
typedef struct feed_piece {
  int64_t first, count;
} feed_piece;

/* What a column holds for an input of this type: without the axis along which pieces lie. */
tensor_type feed_cut_type(const data_cut *cut, const tensor_type *input);

/* Sets the number of pieces that the source's extent gives, for batches of so many. key: of sequences,
 * the column that tells them apart, one number of any type for each row. A message where it gives none. */
const char *feed_cut_rows(arena *a, feed_source *s, const array *key, int64_t batch);

feed_piece feed_cut_piece(const feed_source *s, int64_t row);

/* Piece number so-and-so, from 0, of those that hold a row of the source, counted from its first; -1 where they are
 * fewer. */
int64_t feed_cut_holder(const feed_source *s, int64_t row, int64_t number);

#endif
