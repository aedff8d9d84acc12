/* What a run of a task writes with to: and as:. */
#ifndef PICTURE_H
#define PICTURE_H

#include "data.h"
#include "program.h"

enum { GRID_MOST_IMAGES = 256 }; /* of a grid without a size */

/* The rows of outputs that a picture shows at most; 0: all. */
int64_t picture_rows(const run_picture *p);

/* Writes the outputs of an entry, one array each, to a file (to the terminal for NULL) in the form
 * that the task asks for. False with a message where that fails. */
bool picture_write(arena *a, const run_picture *p, const array *outputs, const char *title,
                   const char *path, const char **error);

#endif
