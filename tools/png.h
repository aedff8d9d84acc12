/* Writing pictures. */
#ifndef PNG_H
#define PNG_H

#include <cairo/cairo.h>
#include <stdbool.h>

#include "arena.h"

/* Replaces the file at path by a surface as PNG. False with a message where that fails. */
bool png_write(arena *a, cairo_surface_t *surface, const char *path, const char **error);

#endif
