/* Random programs of the language, for comparing the ways of running them. */
#ifndef RANDOM_SOURCE_H
#define RANDOM_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

/* Numbers that decide one statement or declaration. Smaller ones decide for simpler things, so that
 * a failing program can be reduced by taking blocks out and numbers down. */
enum { BLOCK_NUMBERS = 12 };
typedef struct source_block {
  uint32_t numbers[BLOCK_NUMBERS];
} source_block;

typedef struct source_blocks {
  source_block *items;
  int count;
} source_blocks;

source_blocks source_blocks_of_seed(arena *a, uint64_t seed);

/* What random_source can build. */
int source_construct_count(void);
const char *source_construct_name(int construct);

/* Where a block wants a bounded size, all entries but the first have one. To say what such a program
 * means at a size, it can be written with that size in its place: 1, one in between, the bound. */
enum { SOURCE_SIZES = 3, SOURCE_BOUNDED = SOURCE_SIZES };
bool source_is_sized(const source_blocks *blocks);
int64_t source_size(int64_t bound, int which);

/* The text of a well-typed program of one to three entries: what its blocks build, on inputs, parameters,
 * states and networks that are declared where they are used. Entries return what nothing reads. The
 * names at top level end with `suffix`, so that several programs can stand in one file behind
 * source_uses. Sizes are bounded, or one of SOURCE_SIZES. built[construct] counts what was built, and
 * from source_construct_count() on, what of it has a bounded size; NULL: not wanted. Any blocks give
 * a program, none an empty one. */
const char *random_source(arena *a, const char *suffix, const source_blocks *blocks, int size,
                          int *built);

extern const char source_uses[];

#endif
