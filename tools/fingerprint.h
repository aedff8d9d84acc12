/* What tells that the data of a training has changed: of each column that was read from files, its rows and a hash of
 * its elements. Equal data gives equal text on every (little-endian) machine, wherever its files lie. */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include "feed.h"

/* Of the columns that a cache holds, in arena memory: a line "digits.train.image 60000 89abcdef01234567" for each. */
const char *fingerprint_text(arena *a, const data_cache *cache);

/* How the first column that is in both differs, in words: "column digits.train.image has other values". NULL where none
 * does. */
const char *fingerprint_difference(arena *a, const char *before, const char *now);

#endif
