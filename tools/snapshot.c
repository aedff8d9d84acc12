#include "snapshot.h"

#include <string.h>

snapshot snapshot_new(arena *a, const dnn_instance *instance) {
  return (snapshot){.parameters = arena_alloc(a, (size_t)instance->model->parameter_bytes),
                    .state = arena_alloc(a, (size_t)instance->model->state_bytes)};
}

static void copy_bytes(void *to, const void *from, uint64_t bytes) {
  if (bytes) memcpy(to, from, (size_t)bytes);
}

void snapshot_take(snapshot *s, const dnn_instance *instance) {
  const dnn_context *c = &instance->context;
  copy_bytes(s->parameters, instance->weights.parameters, instance->model->parameter_bytes);
  copy_bytes(s->state, c->state, instance->model->state_bytes);
  s->generation = instance->weights.generation;
  s->seed = c->seed;
  s->step = c->step;
}

void snapshot_restore(const snapshot *s, dnn_instance *instance) {
  dnn_context *c = &instance->context;
  copy_bytes(instance->weights.parameters, s->parameters, instance->model->parameter_bytes);
  copy_bytes(c->state, s->state, instance->model->state_bytes);
  instance->weights.generation = s->generation;
  instance->weights.packed = s->generation - 1; /* constants are not kept: they are to be packed again */
  c->seed = s->seed;
  c->step = s->step;
}
