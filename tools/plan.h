/* A task put in order: stages, each a phase of training with the runs that belong to it, or a
 * single pass, or a load or save. */
#ifndef PLAN_H
#define PLAN_H

#include "feed.h"
#include "options.h"

typedef struct stage {
  const task_run *transfer; /* load or save; nothing else is then set. NULL: a stage of runs */
  feed *main;             /* the phase's run, or that of a single pass */
  bool pass;
  int64_t steps;          /* of the whole phase; with turns, rounds of them */
  int64_t epoch_steps;    /* of one epoch; the last may be shorter */
  feed **turns;           /* of a phase: main and the runs that take turns with it */
  int turn_count;
  feed **attached;        /* runs with every_epochs, every_steps or at_end, in order */
  int attached_count;
  const task_stop *stop;  /* NULL: the phase ends after its steps */
  feed *measure;          /* whose metric it watches */
} stage;

typedef struct plan {
  const program *program;
  const task *task;
  stage *stages;
  int stage_count;
  const data_made *made; /* columns that entries make, to be filled before the first run */
  int made_count;
  const objective *objectives; /* of the entries of the model that runs; its outputs may be more than the program's */
  int objective_count;
  const char *data;      /* fingerprint_text of the columns that were read */
  elaborate_options how; /* with which the model that runs was elaborated */
} plan;

/* The task by its name, NULL: the first; NULL with a message printed where there is none. */
const task *plan_task(const program *p, const char *name);

/* Reads all data of a task and puts its runs in order. A phase of steps without data, or
 * with more data than it sees, counts the shortest every_steps as an epoch, or a hundredth of its steps. NULL after an error, which is in
 * the diagnostics. */
plan *plan_new(arena *a, diagnostics *d, const program *p, const task *t, const options *o);

/* The runs of all stages, in order. */
const feed **plan_feeds(arena *a, const plan *p, int *count);

/* The further copies of entries that the last, smaller batches of passes need. A pass whose
 * entry has no batch constant leaves these rows out, with a warning on standard error. */
specialisation *plan_specialisations(arena *a, const plan *p, int *count);

/* The name of the copy for a feed's remainder, "evaluate_16". */
const char *plan_remainder_entry(arena *a, const feed *f);

#endif
