/* The order in which an entry's kernels run, and which of their buffers are one. */
#ifndef ORDER_H
#define ORDER_H

#include "fuse.h"

typedef enum order_kind {
  ORDER_KERNEL,      /* runs the kernel of a group */
  ORDER_JOIN,        /* does nothing: a concat whose parts were written where they belong */
  ORDER_COPY_OUTPUT, /* copies a value to an output */
  ORDER_COPY_UPDATE, /* copies a value, or what was set aside for it, to a slot */
  ORDER_SET_ASIDE    /* copies the slot that an update takes over, before that changes */
} order_kind;

typedef struct order_step {
  order_kind kind;
  group *group;    /* of KERNEL and JOIN */
  int number;      /* of copies: that of the output or update */
  bool from_aside; /* of COPY_UPDATE */
} order_step;

/* Where in another value's memory a value lies. */
typedef struct order_part {
  const node *whole; /* NULL: in none */
  int64_t start;     /* bytes */
} order_part;

typedef struct order {
  order_step *steps; /* every group of the fusion, and copies */
  int count;
  /* By node id: the update in whose slot's own memory its kernel writes it, since all readers of the value
   * that was there come before, or read it where they write: the new value of the slot, or one that its
   * kernel takes over. -1: none; new values for which that holds are copied to their slots. */
  int *home;
  order_part *parts; /* by node id */
  int64_t bound;     /* bytes of scratch that no order of these steps could do without */
} order;

/* Producers before consumers, readers of a slot before its writer, else such that little memory is
 * live at once (order_search.h). Readers and writers of slots that wait for each other, as in an
 * exchange, get one copy. Also marks inout pairs in the groups: an input whose life ends in a kernel
 * that reads it only where it stores an output of the same size, and a slot that its own kernel
 * updates. Deterministic. */
order *order_groups(arena *a, const fusion *f);

#endif
