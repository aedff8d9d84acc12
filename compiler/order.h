/* The order in which an entry's kernels run. */
#ifndef ORDER_H
#define ORDER_H

#include "fuse.h"

typedef struct order {
  group **groups; /* every group of the fusion */
  int count;
  /* By update: its kernel writes the new value into the slot's own memory; all readers of the old
   * value come before it, or read it where they write. Others are copied there at the end. */
  bool *in_place;
} order;

/* Producers before consumers, readers of a slot before its writer; among what is ready the kernel
 * after which fewest bytes are live, and of equal ones the latest enabled. Deterministic. */
order *order_groups(arena *a, const fusion *f);

/* The update whose value the node is, in the slot's own memory or not; -1: none. Of several updates
 * with one value the first counts. A value that is an output too is none: it lives there. */
int order_update_of(const graph *g, const node *n);

#endif
