/* Backwards through calls of entries, from a value that is not finite to the kernel that made it of
 * others that are. */
#ifndef REPLAY_H
#define REPLAY_H

#include "observe.h"

/* A call that was looked at. */
typedef struct seen_call {
  const module_entry *entry;
  unsigned char *levels; /* finiteness by value of the entry's plan */
} seen_call;

/* A value of an entry's plan, in one of the calls; call -1: nowhere. */
typedef struct point {
  int call, value;
} point;

/* The value that an output, or a parameter or state, has after a call. */
point point_of_output(const seen_call *calls, int call, int output);
point point_of_slot(const seen_call *calls, int call, const char *path);

finiteness point_level(const seen_call *calls, point p);

/* Follows what is at least so far from finite to the value that was made so: by a step whose reads are not,
 * or that was there before the first of the calls, or given as an input. */
point point_of_origin(const seen_call *calls, point from, finiteness least);

/* The step that makes a value; -1: it is there when the call begins. */
int point_step(const seen_call *calls, point p);

/* A value that the step reads and that is not finite; call -1: there is none. */
point point_read(const seen_call *calls, point p);

/* Its name and node. */
const char *point_name(const seen_call *calls, point p);
const node *point_node(const seen_call *calls, point p);

#endif
