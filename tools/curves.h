/* Curves of a training as a picture. */
#ifndef CURVES_H
#define CURVES_H

#include "metrics.h"

/* Draws one panel per metric ("loss", "accuracy", …; at most four), in each a curve per run
 * against epochs, and replaces the PNG file at path. Nothing is written for an empty history.
 * False with a message where that fails. */
bool curves_write(const history *h, const char *title, const char *path, const char **error);

#endif
