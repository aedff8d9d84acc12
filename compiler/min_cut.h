/* Least cuts of graphs whose nodes have costs. */
#ifndef MIN_CUT_H
#define MIN_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

typedef struct cut_node {
  int64_t cost;      /* of being cut; sums of costs are below 2^62 */
  bool first, last;  /* ways begin and end here */
  int *next;
  int next_count;
} cut_node;

/* Nodes such that every way from a first to a last node meets one of them, of least cost together; of
 * several such choices the one nearest to the last nodes. By the flow of Dinic (1970). */
bool *min_cut(arena *a, int count, const cut_node *nodes);

#endif
