/* The search for an order of tasks in which little memory is live at once. It knows tasks and blocks
 * of memory only, neither graphs nor kernels. */
#ifndef ORDER_SEARCH_H
#define ORDER_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

/* Two blocks of equal size that a task touches: as it ends the life of the first and begins that of
 * the second, it may write the second over the first. */
typedef struct order_pair {
  int from, to;
  bool used; /* by the order that was found */
} order_pair;

typedef struct order_task {
  int *blocks; /* that it reads or writes, each once */
  int block_count;
  int *next;   /* tasks that come after it, here and there twice */
  int next_count;
  order_pair *pairs;
  int pair_count;
} order_task;

/* A block is live from the first of its tasks to the last, or, where it is kept, to the end. */
typedef struct order_block {
  int64_t bytes;
  bool kept;
} order_block;

typedef struct order_problem {
  order_task *tasks;
  int task_count;
  order_block *blocks;
  int block_count;
} order_problem;

typedef struct order_result {
  int *tasks;    /* in order; NULL where tasks wait for each other */
  int64_t peak;  /* most bytes live at once */
  int64_t bound; /* no order has less: what some task, or the end, needs by itself */
} order_result;

/* A beam search over sets of tasks that are done (sets that are equal are met once), by the peak so
 * far, then by the bytes that stay live, then the latest enabled first. A task after which no more
 * is live than before, and which does not raise the peak, is taken without a choice: no order is
 * better for waiting. Exact where the beam holds all sets, so for some dozen tasks; for many
 * thousands the beam narrows to one, which is a greedy choice. Deterministic. Sets `used` of the
 * pairs. */
order_result order_search(arena *a, order_problem *p);

#endif
