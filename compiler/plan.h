/* The memory of one entry: values, the steps that read and write them, and where each lies. */
#ifndef PLAN_H
#define PLAN_H

#include "module.h"

typedef struct plan_value {
  const char *name; /* for messages */
  int64_t bytes;
  bool fixed;       /* its place is given: arguments, slots; else the planner finds it in scratch */
  bool initial;     /* it is there before the first step */
  bool final;       /* it must be there after the last one */
  int shares;       /* the value whose memory it takes over as it is written; -1: none */
  placement place;
} plan_value;

/* Reads come before writes. */
typedef struct plan_step {
  int *reads, *writes; /* values */
  int read_count, write_count;
} plan_step;

typedef struct plan {
  plan_value *values;
  int value_count;
  plan_step *steps;
  int step_count;
  int64_t scratch_bytes; /* the planned peak */
  int64_t bound;         /* most bytes of scratch values live at a step: no plan needs less */
} plan;

enum { PLAN_ALIGNMENT = 64 };

int plan_add_value(arena *a, plan *p, plan_value v);
plan_step *plan_add_step(arena *a, plan *p); /* valid until the next one is added */
void plan_add_read(arena *a, plan_step *s, int value);
void plan_add_write(arena *a, plan_step *s, int value);

int64_t plan_aligned(int64_t bytes);

/* Finds places for all values that are not fixed, largest first, each in the lowest gap among those
 * that live at the same time. */
void plan_place(arena *a, plan *p);

#endif
