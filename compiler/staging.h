/* Files that appear together, each whole, or not at all. They are made in a staging folder beside
 * their final places and moved there when all are on the disk. Whatever ends the work, errors and
 * the end of memory included, removes the folder. */
#ifndef STAGING_H
#define STAGING_H

#include <stdbool.h>
#include <sys/types.h>

#include "arena.h"

typedef struct staging staging;

/* A file of the staging folder, its final path in the parent, and its mode there, less the process's
 * mask. */
typedef struct staged_file {
  const char *staged, *path;
  mode_t mode;
} staged_file;

/* Makes a folder in the parent; NULL with errno. It is removed with the arena at the latest. */
staging *staging_new(arena *a, const char *parent);

/* Where a file of that name (without a slash) is to be made. It goes with the folder. */
const char *staging_path(staging *s, const char *name);

/* Makes a file there of a text. False with errno. */
bool staging_write(const char *path, const char *text, size_t length);

/* Syncs the files, moves them to their paths and syncs the parent. NULL, or the path that could not
 * be written, with errno: every path then has its old content, or none if it had none. */
const char *staging_publish(staging *s, int count, const staged_file *files);

void staging_remove(staging *s);

#endif
