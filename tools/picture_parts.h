/* The forms of a picture, each with the arguments of picture_write. */
#ifndef PICTURE_PARTS_H
#define PICTURE_PARTS_H

#include "picture.h"

bool picture_grid(arena *a, const run_picture *p, const array *x, const char *path,
                  const char **error);
bool picture_chart(arena *a, const run_picture *p, const array *outputs, const char *title,
                   const char *path, const char **error);
bool picture_text(arena *a, const array *x, const char *title, const char *path,
                  const char **error);
bool picture_table(arena *a, const run_picture *p, const array *outputs, const char *path,
                   const char **error);

#endif
