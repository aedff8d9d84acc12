/* Follows a plan with a loaded model. */
#ifndef TRAINER_H
#define TRAINER_H

#include "dnn_rt.h"
#include "plan.h"

/* The value that a metric of a run has in the end. */
typedef struct final_metric {
  const char *run, *name; /* run: the label of its feed */
  double value;
} final_metric;

typedef struct final_metrics {
  final_metric *items;
  int count;
} final_metrics;

/* Trains and evaluates as the plan says, writing metrics.csv, curves.png and
 * checkpoint.safetensors into the folder, and lines of progress. With o->resume it goes on from
 * the checkpoint there. The weights and their first values are in the instance. Returns the exit
 * status: 0, STATUS_ERROR with a message printed, STATUS_INTERRUPTED after a signal, when the
 * checkpoint of the step just done has been written. With 0, *finals are the metrics of all runs. */
int train_plan(arena *a, const plan *p, dnn_instance *instance, const options *o,
               const char *folder, final_metrics *finals);

/* Makes the folder and holds it for this process until it ends. False with a message printed,
 * also where another training holds it. */
bool train_hold_folder(arena *a, const char *folder);

#endif
