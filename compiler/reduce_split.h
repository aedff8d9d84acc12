/* Long reductions in parts. */
#ifndef REDUCE_SPLIT_H
#define REDUCE_SPLIT_H

#include "graph.h"

/* A pass over graphs (pass.h), for the end of the passes: a sum, product or extremum of many elements
 * with few results becomes one of parts and one of these, so that there is work for several tasks.
 * The order in which terms are combined changes; it depends on shapes only. */
graph *reduce_split(const graph *g);

#endif
