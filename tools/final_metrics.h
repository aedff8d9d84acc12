/* What the metrics of a training are in the end. */
#ifndef FINAL_METRICS_H
#define FINAL_METRICS_H

#include "metrics.h"
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

/* Of all runs of the plan that have reported something, in their order. */
final_metrics final_metrics_of(arena *a, const plan *p, const dnn_model *model, const history *h);

/* A line for each run. */
void final_metrics_print(arena *a, const final_metrics *list);

#endif
