/* What a pass returns to be written: of outputs whose rows are those of the batch, the rows of all
 * its calls; of others what the last call gave. */
#ifndef RESULTS_H
#define RESULTS_H

#include "data.h"
#include "dnn_rt.h"
#include "program.h"

typedef struct results {
  const dnn_entry *entry;
  int count;         /* of the entry's outputs */
  array *arrays;     /* one per output; those that the picture does not name hold nothing */
  int64_t *most;     /* rows that are collected; 0: the last call's array is taken */
} results;

/* Memory for a pass over so many rows in batches (rows 0: one call). The last, smaller call goes to
 * remainder, where there is one, or to the entry itself where batches are its bounded size. */
results results_new(arena *a, const run_picture *p, const dnn_entry *entry, const dnn_entry *remainder,
                    int64_t batch, int64_t rows, bool bounded);

void results_clear(results *r);

/* Adds what a call on so many rows returned, which gave the entry that size, if it has one. */
void results_add(results *r, void *const *outputs, int64_t rows, int64_t size);

#endif
