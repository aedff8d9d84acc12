#include "checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "model.h"

static safetensor slot_tensor(const dnn_slot *s, const char *name, const void *memory) {
  tensor_type type = model_type(&s->tensor);
  safetensor t = {.name = name, .element = type.element, .rank = type.rank, .data = memory};
  for (int i = 0; i < type.rank; i++) t.extents[i] = type.dims[i].maximum;
  t.bytes = type_bytes(&type);
  return t;
}

/* The name of a copy in the best state. No path has a slash. */
static const char *best_name(arena *a, const dnn_slot *s) {
  return arena_printf(a, "best/%s", s->tensor.name);
}

static void describe_number(arena *a, safetensors *file, const char *key, uint64_t value) {
  safetensors_describe(a, file, key, arena_printf(a, "%llu", (unsigned long long)value));
}

bool checkpoint_write(const char *path, const dnn_instance *instance, const training_place *place,
                      arena *a, const char **error) {
  safetensors file = {0};
  safetensors_describe(a, &file, "dnn.model", instance->model->name);
  safetensors_describe(a, &file, "dnn.task", place->task);
  safetensors_describe(a, &file, "dnn.definitions", place->definitions);
  safetensors_describe(a, &file, "dnn.data", place->data);
  describe_number(a, &file, "dnn.seed", instance->context.seed);
  describe_number(a, &file, "dnn.step", instance->context.step);
  describe_number(a, &file, "dnn.stage", (uint64_t)place->stage);
  describe_number(a, &file, "dnn.stage_step", (uint64_t)place->step);
  describe_number(a, &file, "dnn.stage_epoch", (uint64_t)place->epoch);
  describe_number(a, &file, "dnn.stage_closed", place->closed);
  safetensors_describe(a, &file, "dnn.sums", place->sums);
  safetensors_describe(a, &file, "dnn.best", best_text(a, &place->best));
  for (int i = 0; i < instance->model->slot_count; i++) {
    const dnn_slot *s = &instance->model->slots[i];
    safetensors_add(a, &file, slot_tensor(s, s->tensor.name, dnn_slot_memory(instance, s)));
    if (place->best.slots && !place->closed)
      safetensors_add(a, &file, slot_tensor(s, best_name(a, s), place->best.slots[i]));
  }
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

/* Copies a tensor to where a slot lies, or a copy of it. A message where it is of another type. */
static const char *set_slot(arena *a, const dnn_slot *s, void *memory, const safetensor *t,
                            bool same_type) {
  safetensor own = slot_tensor(s, s->tensor.name, memory);
  tensor_type type = model_type(&s->tensor);
  bool real = dtype_is_float(t->element) && dtype_is_float(own.element) && !same_type;
  if ((t->element != own.element && !real) || t->rank != own.rank ||
      memcmp(t->extents, own.extents, sizeof own.extents)) {
    tensor_type found = type_of(t->element, t->rank, t->extents);
    return arena_printf(a, "%s is %s there, the model's is %s", own.name, type_text(a, &found),
                        type_text(a, &type));
  }
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

enum { NEED_NONE, NEED_TRAINED, NEED_ALL }; /* slots that must be there */

/* The name of a slot within a part of the model; NULL where it is not in it. The whole has "". */
static const char *name_within(const dnn_slot *s, const char *part) {
  size_t length = strlen(part);
  if (!length) return s->tensor.name;
  if (strncmp(s->tensor.name, part, length)) return NULL;
  return s->tensor.name[length] == '.' ? s->tensor.name + length + 1 : NULL;
}

static const safetensor *find_either(const safetensors *file, const char *name, const char *path) {
  const safetensor *t = safetensors_find(file, name);
  return t ? t : safetensors_find(file, path);
}

static bool names_fit(const dnn_model *model, const safetensors *file, const char *part) {
  for (int i = 0; i < model->slot_count; i++) {
    const char *name = name_within(&model->slots[i], part);
    if (name && find_either(file, name, model->slots[i].tensor.name)) return true;
  }
  return false;
}

/* Copies slots of a part out of a file; a message without the path where that fails. */
static const char *set_slots(arena *a, dnn_instance *instance, const safetensors *file,
                             const char *part, int need) {
  if (instance->model->slot_count && !names_fit(instance->model, file, part))
    return "none of its names is one of this model; weights of another program take a map of names (--map, or map: in "
           "a task)";
  for (int i = 0; i < instance->model->slot_count; i++) {
    const dnn_slot *s = &instance->model->slots[i];
    const char *name = name_within(s, part);
    if (!name) continue;
    const safetensor *t = find_either(file, name, s->tensor.name);
    void *memory = dnn_slot_memory(instance, s);
    const char *fault = t ? set_slot(a, s, memory, t, need == NEED_ALL) : NULL;
    if (fault) return fault;
    if (!t && (need == NEED_ALL || (need == NEED_TRAINED && s->trained)))
      return arena_printf(a, "it has no %s", name);
  }
  instance->weights.generation++;
  int status = instance->model->prepare(&instance->weights);
  return status ? dnn_status_text(status) : NULL;
}

/* The copies of the best state, which a closed stage leaves in the model itself. */
static const char *set_best(arena *a, const safetensors *file, const dnn_instance *instance,
                            training_place *place) {
  const char *text = safetensors_metadata(file, "dnn.best"), *fault = NULL;
  place->best = (best_state){0};
  if (text && !best_parse(&place->best, text)) return "it does not say what was best";
  if (!place->best.found) return NULL;
  place->best.slots = best_slots_new(a, instance);
  for (int i = 0; i < instance->model->slot_count && !fault; i++) {
    const dnn_slot *s = &instance->model->slots[i];
    const char *name = place->closed ? s->tensor.name : best_name(a, s);
    const safetensor *t = safetensors_find(file, name);
    fault = t ? set_slot(a, s, place->best.slots[i], t, true) : arena_printf(a, "it has no %s", name);
  }
  return fault;
}

static bool is_slot(const dnn_model *model, const char *name) {
  for (int i = 0; i < model->slot_count; i++)
    if (strcmp(model->slots[i].tensor.name, name) == 0) return true;
  return false;
}

/* A list of names, of which a message has the first. */
typedef struct name_list {
  const char **names;
  int count;
} name_list;

static const char *names_text(arena *a, const name_list *list) {
  enum { SHOWN = 4 };
  const char *text = "";
  for (int i = 0; i < list->count && i < SHOWN; i++)
    text = arena_printf(a, "%s%s%s", text, i ? ", " : "", list->names[i]);
  return list->count > SHOWN ? arena_printf(a, "%s and %d more", text, list->count - SHOWN) : text;
}

/* Tensors that belong to no slot. */
static name_list foreign_tensors(arena *a, const safetensors *file, const dnn_model *model) {
  name_list list = {0};
  for (int i = 0; i < file->tensor_count; i++) {
    const char *name = file->tensors[i].name;
    bool best = strncmp(name, "best/", strlen("best/")) == 0;
    if (!is_slot(model, best ? name + strlen("best/") : name)) arena_push(a, list.names, list.count) = name;
  }
  return list;
}

/* Slots that keep their first values, but states that another training does not need. */
static name_list slots_left(arena *a, const safetensors *file, const dnn_model *model) {
  name_list list = {0};
  for (int i = 0; i < model->slot_count; i++) {
    const dnn_slot *s = &model->slots[i];
    if (!safetensors_find(file, s->tensor.name) && !model_is_of_entry(model, s))
      arena_push(a, list.names, list.count) = s->tensor.name;
  }
  return list;
}

static void warn_of_rest(arena *a, const char *path, const safetensors *file, const dnn_model *model) {
  name_list left = slots_left(a, file, model), foreign = foreign_tensors(a, file, model);
  if (left.count)
    tool_warning("%s lacks %s: %s as the model first sets %s", path, names_text(a, &left),
                 left.count > 1 ? "they stay" : "it stays", left.count > 1 ? "them" : "it");
  if (foreign.count)
    tool_warning("%s has %s, which the model does not have: left out", path, names_text(a, &foreign));
}

static const char *resume(arena *a, const safetensors *file, dnn_instance *instance,
                          training_place *place) {
  uint64_t stage, step, epoch, closed;
  const char *model = safetensors_metadata(file, "dnn.model");
  place->task = safetensors_metadata(file, "dnn.task");
  place->definitions = safetensors_metadata(file, "dnn.definitions");
  place->data = safetensors_metadata(file, "dnn.data");
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
  name_list foreign = foreign_tensors(a, file, instance->model); /* which the next checkpoint would drop */
  if (foreign.count)
    return arena_printf(a, "it has %s, which the model does not have, and which would be lost; train the changed "
                           "model into another folder (--out), from these --weights", names_text(a, &foreign));
  place->stage = (int)stage;
  place->step = (int64_t)step;
  place->epoch = (int64_t)epoch;
  place->closed = closed;
  const char *fault = set_slots(a, instance, file, "", NEED_ALL);
  return fault ? fault : set_best(a, file, instance, place);
}

static bool report(arena *a, const char *doing, const char *path, const char *fault, const char **error) {
  if (fault) *error = arena_printf(a, "cannot %s from %s: %s", doing, path, fault);
  return !fault;
}

bool checkpoint_resume(arena *a, const char *path, dnn_instance *instance, training_place *place,
                       const char **error) {
  const safetensors *file = safetensors_read(a, path, error);
  return file && report(a, "continue", path, resume(a, file, instance, place), error);
}

bool checkpoint_weights(arena *a, const char *path, dnn_instance *instance, bool all_trained,
                        const char **error) {
  const safetensors *file = safetensors_read(a, path, error);
  int need = all_trained ? NEED_TRAINED : NEED_NONE;
  if (!file || !report(a, "take weights", path, set_slots(a, instance, file, "", need), error)) return false;
  warn_of_rest(a, path, file, instance->model);
  return true;
}

bool checkpoint_load(arena *a, const char *path, dnn_instance *instance, const char *part,
                     const char **error) {
  const safetensors *file = safetensors_read(a, path, error);
  const char *fault = file ? set_slots(a, instance, file, part, NEED_TRAINED) : NULL;
  if (fault) *error = arena_printf(a, "cannot load %s from %s: %s", part, path, fault);
  return file && !fault;
}

bool checkpoint_save(arena *a, const char *path, const dnn_instance *instance, const char *part,
                     const char **error) {
  safetensors file = {0};
  for (int i = 0; i < instance->model->slot_count; i++) {
    const dnn_slot *s = &instance->model->slots[i];
    const char *name = name_within(s, part);
    if (name) safetensors_add(a, &file, slot_tensor(s, name, dnn_slot_memory(instance, s)));
  }
  return safetensors_write(a, path, &file, error);
}
