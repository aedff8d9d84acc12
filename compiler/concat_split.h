/* Wide concatenations in parts. */
#ifndef CONCAT_SPLIT_H
#define CONCAT_SPLIT_H

#include "graph.h"

/* A pass over graphs (pass.h), for the end of the passes: a concat of many parts becomes one of
 * concats, so that each of them can be a kernel, which has a bounded number of buffers. */
graph *concat_split(const graph *g);

#endif
