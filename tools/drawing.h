/* A model as a picture of its graph. */
#ifndef DRAWING_H
#define DRAWING_H

#include "options.h"

/* Writes the picture that the options ask for: .dot by itself, other formats by Graphviz's program `dot`.
 * The exit status; what went wrong has been printed, and the file is as it was. */
int drawing_write(arena *a, const options *o);

#endif
