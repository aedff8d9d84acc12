/* The memory of one entry: values, the steps that read and write them, and where each lies. */
#ifndef PLAN_H
#define PLAN_H

#include "module.h"

typedef struct plan_value {
  const char *name; /* for messages and reports */
  const node *node; /* what it is the value of, for reports; may be NULL */
  int64_t bytes;
  bool fixed;       /* its place is given: arguments, slots; else the planner finds it in scratch */
  bool initial;     /* it is there before the first step */
  bool final;       /* it must be there after the last one */
  int shares;       /* the value whose memory it takes over as it is written; -1: none */
  int whole;        /* the value whose memory it lies in, as a part of it; -1: none */
  int64_t start;    /* and from which byte of it on: a multiple of the alignment */
  placement place;
} plan_value;

/* Reads come before writes. A join writes one value and does nothing: it reads the parts that the
 * value consists of, where they lie. */
typedef struct plan_step {
  int *reads, *writes; /* values */
  int read_count, write_count;
  bool join;
  const char *name; /* for reports: "k3_dot", "a loop" */
} plan_step;

typedef struct plan {
  plan_value *values;
  int value_count;
  plan_step *steps;
  int step_count;
  int64_t scratch_bytes; /* the planned peak */
  int64_t bound;         /* most bytes of scratch that are live at a step: no plan for these steps in
                            this order needs less */
  int fullest;           /* the first step at which so many are live; -1: none */
} plan;

/* First and last step that touches a value; -1: none does. */
typedef struct plan_life {
  int first, last;
} plan_life;

enum { PLAN_ALIGNMENT = 64 };

/* A value that shares no memory and is no part of another. */
plan_value plan_value_of(const char *name, const node *n, int64_t bytes);

int plan_add_value(arena *a, plan *p, plan_value v);
plan_step *plan_add_step(arena *a, plan *p, const char *name); /* valid until the next is added */
void plan_add_read(arena *a, plan_step *s, int value);
void plan_add_write(arena *a, plan_step *s, int value);

int64_t plan_aligned(int64_t bytes);

/* By value: its life by itself, without those whose memory it shares. */
plan_life *plan_lives(arena *a, const plan *p);

/* Finds places for all values that are not fixed. Values that share memory are one block, live from
 * the first of their steps to the last. Blocks come one after the other, each into the lowest gap
 * among those that live at the same time: the largest first, and in some other orders, of which
 * the one with the lowest peak counts; where that lies above the bound, also in orders in which the
 * block that ended highest comes first. */
void plan_place(plan *p);

#endif
