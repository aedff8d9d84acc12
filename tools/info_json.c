#include "info.h"

#include "json.h"
#include "model.h"

static cJSON *tensor_json(const dnn_tensor *t) {
  tensor_type type = model_type(t);
  cJSON *object = cJSON_CreateObject(), *shape;
  cJSON_AddStringToObject(object, "name", t->name);
  cJSON_AddStringToObject(object, "element", dtype_name(type.element));
  shape = cJSON_AddArrayToObject(object, "shape");
  for (int i = 0; i < t->rank; i++) cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->extents[i]));
  if (t->bounded) cJSON_AddBoolToObject(object, "bounded", true);
  return object;
}

static void add_tensors(cJSON *object, const char *name, const dnn_tensor *tensors, int count) {
  cJSON *list = cJSON_AddArrayToObject(object, name);
  for (int i = 0; i < count; i++) cJSON_AddItemToArray(list, tensor_json(&tensors[i]));
}

static void add_cost(arena *a, cJSON *entry, const entry_cost *c) {
  json_add_whole(a, entry, "parameters", c->parameters);
  json_add_whole(a, entry, "parameter_bytes", c->parameter_bytes);
  json_add_whole(a, entry, "operations", c->operations);
  json_add_whole(a, entry, "bytes_read", c->bytes_read);
  json_add_whole(a, entry, "bytes_written", c->bytes_written);
  json_add_whole(a, entry, "kernels", c->kernels);
  json_add_whole(a, entry, "scratch_bytes", c->scratch_bytes);
  json_add_whole(a, entry, "scratch_bound", c->scratch_bound);
  json_add_whole(a, entry, "scratch_bound_any_order", c->least_bound);
  json_add_whole(a, entry, "open_loops", c->open_loops);
}

static void add_entries(arena *a, cJSON *model, const description *d) {
  cJSON *list = cJSON_AddArrayToObject(model, "entries");
  for (int i = 0; i < d->model->entry_count; i++) {
    const dnn_entry *e = &d->model->entries[i];
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddItemToArray(list, entry);
    cJSON_AddStringToObject(entry, "name", e->name);
    add_tensors(entry, "inputs", e->inputs, e->input_count);
    add_tensors(entry, "outputs", e->outputs, e->output_count);
    cJSON_AddBoolToObject(entry, "updates", e->writes);
    if (e->bound) json_add_whole(a, entry, "bound", e->bound);
    if (d->costs) add_cost(a, entry, &d->costs[i]);
  }
}

static void add_slots(cJSON *object, const dnn_model *model, const char *name, int trained) {
  cJSON *list = cJSON_AddArrayToObject(object, name);
  for (int i = 0; i < model->slot_count; i++)
    if (model->slots[i].trained == trained) cJSON_AddItemToArray(list, tensor_json(&model->slots[i].tensor));
}

static void add_memory(arena *a, cJSON *object, const dnn_model *model) {
  cJSON *bytes = cJSON_AddObjectToObject(object, "bytes");
  json_add_whole(a, bytes, "parameters", (int64_t)model->parameter_bytes);
  json_add_whole(a, bytes, "constants", (int64_t)model->constant_bytes);
  json_add_whole(a, bytes, "state", (int64_t)model->state_bytes);
  json_add_whole(a, bytes, "scratch", (int64_t)model->scratch_bytes);
}

void info_print_json(arena *a, const description *d) {
  json_set_up();
  cJSON *model = cJSON_CreateObject();
  cJSON_AddStringToObject(model, "name", d->model->name);
  add_entries(a, model, d);
  add_slots(model, d->model, "parameters", 1);
  add_slots(model, d->model, "states", 0);
  add_memory(a, model, d->model);
  json_print(model);
}
