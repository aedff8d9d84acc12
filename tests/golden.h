/* Golden files: expected text beside a test. With UPDATE_GOLDEN=1 in the environment they are
 * written instead of compared. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "arena.h"

/* Fails the test, with the first line that differs, unless the file holds exactly the text. */
void golden_compare(const char *path, const char *actual);

/* The whole file as text; fails the test where it cannot be read. */
char *golden_read(arena *a, const char *path);

/* The names in a folder that end with the suffix, sorted, without the suffix; fails the test where
 * there is none. */
char **golden_names(arena *a, const char *folder, const char *suffix, int *count);

#endif
