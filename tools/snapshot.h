/* What a model's parameters, states and counters were at some time. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "arena.h"
#include "dnn_rt.h"

typedef struct snapshot {
  void *parameters, *state;
  uint64_t generation, seed, step;
} snapshot;

/* Memory for those of an instance. */
snapshot snapshot_new(arena *a, const dnn_instance *instance);

void snapshot_take(snapshot *s, const dnn_instance *instance);
void snapshot_restore(const snapshot *s, dnn_instance *instance);

#endif
