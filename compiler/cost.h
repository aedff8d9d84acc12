/* What calls of an entry and of its kernels cost, as counted in its graph and kernels. */
#ifndef COST_H
#define COST_H

#include "module.h"

/* Numbers are at most INT64_MAX. Turns of loops are counted as often as they run; of a loop that ends
 * before its last turn, or whose number of turns is known at run time only, see `open_loops`. */
typedef struct entry_cost {
  int64_t parameters, parameter_bytes; /* that it reads or updates */
  int64_t operations;                  /* on floating numbers, op.h */
  int64_t bytes_read, bytes_written;   /* by kernels: each element of memory once per kernel */
  int64_t kernels;                     /* calls */
  int64_t scratch_bytes, scratch_bound, least_bound; /* planned; that this order of kernels needs; that
                                                        any order needs */
  int open_loops; /* loops with a condition: those with a largest number of turns count so many, others one */
} entry_cost;

/* What a call of a kernel takes, where it stands in an entry's text. What several kernels compute for themselves,
 * because that is cheaper than to store it, counts in each of them, and in an entry's operations once. */
typedef struct call_cost {
  const kernel_call *call;
  const struct group *group;           /* what it computes (fuse.h); NULL: it copies or clears */
  int64_t times;                       /* in a call of the entry, loops counted as there */
  int64_t operations, f64_operations;  /* on floating numbers; of these on f64 */
  int64_t bytes_read, bytes_written;
  bool in_place;                       /* all that it writes takes the place of what it reads */
} call_cost;

/* Of all calls of kernels, by number (module.h). */
call_cost *cost_of_calls(arena *a, const module_entry *e, int *count);

entry_cost cost_of_entry(arena *a, const module *m, const module_entry *e);

#endif
