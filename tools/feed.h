/* A feed gives one run of a task its inputs: batches of rows from the columns of a data set, and
 * scalars from expressions of step and epoch. */
#ifndef FEED_H
#define FEED_H

#include "data.h"
#include "program.h"

/* What was already read, so that two runs share it. */
typedef struct data_cached {
  data_request request;
  array *array;
} data_cached;

typedef struct data_cache {
  data_path path;
  data_cached *entries;
  int count;
} data_cache;

/* Where an input comes from: a column or an expression. */
typedef struct feed_input {
  tensor_type type;    /* as the entry declares it */
  const array *column; /* or NULL */
  const graph *value;  /* or NULL */
  void *memory;        /* of one batch */
} feed_input;

typedef struct feed {
  const task_run *run;
  const graph *entry;
  const char *label;   /* of its results: the entry, with its data where the task feeds it twice */
  feed_input *inputs;  /* one per entry input, in order */
  const void **pointers;
  int input_count;
  int64_t first, rows; /* of the columns; rows is 0 without data */
  int64_t batch;       /* rows per call; 1 without data */
  int64_t *order;      /* permutation of the rows, NULL: as they stand */
} feed;

/* Where a phase stands, for expressions. */
typedef struct feed_time {
  int64_t step, epoch, steps;
} feed_time;

/* Reads what the run needs and checks that columns and arguments meet the entry's inputs. NULL
 * after an error in the diagnostics. */
feed *feed_new(arena *a, diagnostics *d, data_cache *cache, const program *p, const task *t,
               const task_run *run);

/* Full batches; 1 without data. */
int64_t feed_batches(const feed *f);

/* Rows behind the last full batch. */
int64_t feed_remainder(const feed *f);

/* Draws the order of an epoch: a permutation that is a function of seed, stream and epoch. */
void feed_shuffle(arena *a, feed *f, uint64_t seed, uint64_t stream, int64_t epoch);

/* Fills memory with the rows of a batch (the last one may be the remainder) and evaluates the
 * scalars; returns pointers for the entry's call. */
const void *const *feed_batch(feed *f, int64_t batch, feed_time time);

/* The value of a task's expression. */
double feed_value(const graph *expression, feed_time time);

#endif
