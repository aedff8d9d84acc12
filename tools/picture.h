/* What a run of a task writes with to: and as:. */
#ifndef PICTURE_H
#define PICTURE_H

#include "dnn_rt.h"
#include "type.h"

/* Writes the first output of an entry that is an array: as npy where the path ends so, else as a
 * PNG grid of images, f32 or f64 in [0, 1] or u8, of shape [n, H, W] or [n, 1 or 3, H, W]. `as` is
 * "grid[ROWS, COLUMNS]" or NULL, a grid as square as possible. False with a message where that
 * fails. */
bool picture_write(arena *a, const dnn_entry *entry, void *const *outputs, const char *as,
                   const char *path, const char **error);

#endif
