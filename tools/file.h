/* Files that are replaced as a whole or not at all, and small helpers around them. Errors are
 * messages in arena memory that name the path. */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

typedef struct file_part {
  const void *data;
  size_t bytes;
} file_part;

/* Writes the parts, one after the other, to a temporary name in the same folder, syncs, renames
 * it to path and syncs the folder: after a crash path holds the old content or the new. False
 * with *error when that fails (a full disk, say), or where path is something else than a file; the old
 * content is then untouched. */
bool file_replace(arena *a, const char *path, int part_count, const file_part *parts,
                  const char **error);

/* The whole file, with a zero byte behind it. NULL with *error where it cannot be read. */
char *file_read(arena *a, const char *path, size_t *bytes, const char **error);

/* Makes a folder and those above it. */
bool folder_make(arena *a, const char *path, const char **error);

/* Removes from a folder what file_replace leaves there when its process is killed. Nobody else may
 * write to the folder meanwhile. */
void folder_clean(arena *a, const char *path);

/* False, too, where it cannot be read. */
bool folder_is_empty(const char *path);

bool file_exists(const char *path);

/* Whether a path ends so, and is longer. */
bool file_has_suffix(const char *path, const char *suffix);

#endif
