/* What a training reports: means of an entry's scalar outputs over rows, and their history, which
 * is kept as a table in CSV. */
#ifndef METRICS_H
#define METRICS_H

#include "dnn_rt.h"
#include "program.h"

/* The objective that is an output of an entry; -1: one that is none. NULL where there is none. */
const objective *objective_find(const dnn_entry *entry, int output, const objective *list, int count);

/* Means over the calls of one entry, weighted by rows. */
typedef struct averages {
  const dnn_entry *entry;
  const char *label;  /* under which they are reported */
  const char **names; /* of the scalar outputs, also of integers and of bools, which count as 0 and 1 */
  int *outputs;       /* their positions */
  double *sums;
  int count;
  double rows;
  int *watched;       /* outputs that tell that training failed, not being finite */
  int watched_count;
} averages;

/* Objectives are those of the model's entries. An output that was added for one is no metric. Outputs are watched that
 * are objectives or have "loss" in their name; where the entry has neither, or an objective that no output gives and no
 * such name, all metrics are. */
averages averages_new(arena *a, const dnn_entry *entry, const char *label, const objective *objectives,
                      int objective_count);
void averages_clear(averages *m);
void averages_add(averages *m, void *const *outputs, int64_t rows);
double averages_mean(const averages *m, int metric);

/* "loss 0.2713  accuracy 0.9034", in arena memory. */
const char *averages_text(arena *a, const averages *m);

/* The exact state as text, and back; false where the text is not of these averages. Without rows it is of any, as at
 * the end of an epoch in checkpoints from before a result was a metric. */
const char *averages_save(arena *a, const averages *m);
bool averages_restore(averages *m, const char *text);

/* The first watched output that is not finite; -1 where there is none. */
int averages_not_finite(const averages *m, void *const *outputs);

/* A figure as it is printed: four digits behind the point where that shows it well. */
const char *metric_text(arena *a, double value);

/* One line of metrics.csv. */
typedef struct metric_row {
  int stage;      /* of the task, from 0 */
  double epoch;   /* epochs of the stage that were done */
  int64_t step;   /* steps of the stage that were done */
  const char *label, *metric;
  double value;
} metric_row;

typedef struct history {
  arena *arena;
  metric_row *rows;
  int count;
} history;

/* Adds the averages; a row of the same place takes the place of the earlier one. */
void history_add(history *h, int stage, double epoch, int64_t step, const averages *m);

/* Reads a table and keeps what is not later than a place; a missing file is an empty one. False
 * with a message where the file is none of ours. */
bool history_read(history *h, const char *path, int stage, int64_t step, const char **error);

/* Replaces the file by the table. */
bool history_write(const history *h, const char *path, const char **error);

/* The last row of a metric, with until: of the same stage and no later step than that; NULL where
 * there is none. */
const metric_row *history_last(const history *h, const char *label, const char *metric,
                               const metric_row *until);

/* The first row of a stage in which the metric is best; NULL where there is none. */
const metric_row *history_best(const history *h, int stage, const char *label, const char *metric,
                               bool higher);

#endif
