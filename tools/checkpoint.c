#include "checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "model.h"

static safetensor slot_tensor(const dnn_instance *instance, const dnn_slot *s) {
  tensor_type type = model_type(&s->tensor);
  safetensor t = {.name = s->tensor.name, .element = type.element, .rank = type.rank};
  for (int i = 0; i < type.rank; i++) t.extents[i] = type.dims[i].maximum;
  t.data = dnn_slot_memory(instance, s);
  t.bytes = type_bytes(&type);
  return t;
}

static void describe_number(arena *a, safetensors *file, const char *key, uint64_t value) {
  safetensors_describe(a, file, key, arena_printf(a, "%llu", (unsigned long long)value));
}

bool checkpoint_write(const char *path, const dnn_instance *instance, const training_place *place,
                      arena *a, const char **error) {
  safetensors file = {0};
  safetensors_describe(a, &file, "dnn.model", instance->model->name);
  safetensors_describe(a, &file, "dnn.task", place->task);
  describe_number(a, &file, "dnn.seed", instance->context.seed);
  describe_number(a, &file, "dnn.step", instance->context.step);
  describe_number(a, &file, "dnn.stage", (uint64_t)place->stage);
  describe_number(a, &file, "dnn.stage_step", (uint64_t)place->step);
  describe_number(a, &file, "dnn.stage_epoch", (uint64_t)place->epoch);
  describe_number(a, &file, "dnn.stage_closed", place->closed);
  safetensors_describe(a, &file, "dnn.sums", place->sums);
  for (int i = 0; i < instance->model->slot_count; i++)
    safetensors_add(a, &file, slot_tensor(instance, &instance->model->slots[i]));
  return safetensors_write(a, path, &file, error);
}

static bool number(const safetensors *file, const char *key, uint64_t most, uint64_t *value) {
  const char *text = safetensors_metadata(file, key);
  if (!text || *text < '0' || *text > '9') return false;
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return !*end && !errno && *value <= most;
}

static const char *set_slot(arena *a, const dnn_instance *instance, const dnn_slot *s,
                            const safetensor *t, bool same_type) {
  safetensor own = slot_tensor(instance, s);
  tensor_type type = model_type(&s->tensor);
  bool real = dtype_is_float(t->element) && dtype_is_float(own.element) && !same_type;
  if ((t->element != own.element && !real) || t->rank != own.rank ||
      memcmp(t->extents, own.extents, sizeof own.extents)) {
    tensor_type found = type_of(t->element, t->rank, t->extents);
    return arena_printf(a, "%s is %s there, the model's is %s", own.name, type_text(a, &found),
                        type_text(a, &type));
  }
  void *memory = dnn_slot_memory(instance, s);
  if (t->element == own.element) {
    if (own.bytes) memcpy(memory, t->data, (size_t)own.bytes);
    return NULL;
  }
  size_t size = dtype_size(t->element);
  for (int64_t i = 0; i < type_elements(&type); i++) { /* rounded where the model's type is narrower */
    double cell = 0;
    memcpy(&cell, (const char *)t->data + (size_t)i * size, size);
    element_set_real(own.element, memory, i, element_real(t->element, &cell, 0));
  }
  return NULL;
}

enum { NEED_NONE, NEED_TRAINED, NEED_ALL };

/* Copies slots out of a file; a message without the path where that fails. */
static const char *set_slots(arena *a, dnn_instance *instance, const safetensors *file, int need) {
  int found = 0;
  for (int i = 0; i < instance->model->slot_count; i++) {
    const dnn_slot *s = &instance->model->slots[i];
    const safetensor *t = safetensors_find(file, s->tensor.name);
    const char *fault = t ? set_slot(a, instance, s, t, need == NEED_ALL) : NULL;
    if (fault) return fault;
    found += t != NULL;
    if (!t && (need == NEED_ALL || (need == NEED_TRAINED && s->trained)))
      return arena_printf(a, "it has no %s", s->tensor.name);
  }
  if (!found && instance->model->slot_count) return "it has no parameter of this model";
  instance->weights.generation++;
  int status = instance->model->prepare(&instance->weights);
  return status ? dnn_status_text(status) : NULL;
}

static const char *resume(arena *a, const safetensors *file, dnn_instance *instance,
                          training_place *place) {
  uint64_t stage, step, epoch, closed;
  const char *model = safetensors_metadata(file, "dnn.model");
  place->task = safetensors_metadata(file, "dnn.task");
  place->sums = safetensors_metadata(file, "dnn.sums");
  if (!model || !place->task || !place->sums ||
      !number(file, "dnn.seed", UINT64_MAX, &instance->context.seed) ||
      !number(file, "dnn.step", UINT64_MAX, &instance->context.step) ||
      !number(file, "dnn.stage", INT32_MAX, &stage) ||
      !number(file, "dnn.stage_step", INT64_MAX, &step) ||
      !number(file, "dnn.stage_epoch", INT64_MAX, &epoch) ||
      !number(file, "dnn.stage_closed", 1, &closed))
    return "it does not say where the training stood";
  if (strcmp(model, instance->model->name))
    return arena_printf(a, "it is of model %s, not %s", model, instance->model->name);
  place->stage = (int)stage;
  place->step = (int64_t)step;
  place->epoch = (int64_t)epoch;
  place->closed = closed;
  return set_slots(a, instance, file, NEED_ALL);
}

static bool report(arena *a, const char *path, const char *fault, const char **error) {
  if (fault) *error = arena_printf(a, "cannot continue from %s: %s", path, fault);
  return !fault;
}

bool checkpoint_resume(arena *a, const char *path, dnn_instance *instance, training_place *place,
                       const char **error) {
  const safetensors *file = safetensors_read(a, path, error);
  return file && report(a, path, resume(a, file, instance, place), error);
}

bool checkpoint_weights(arena *a, const char *path, dnn_instance *instance, bool all_trained,
                        const char **error) {
  const safetensors *file = safetensors_read(a, path, error);
  int need = all_trained ? NEED_TRAINED : NEED_NONE;
  return file && report(a, path, set_slots(a, instance, file, need), error);
}
