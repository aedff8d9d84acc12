#include "description.h"

#include "model.h"

static dnn_tensor tensor_of(arena *a, const char *name, const tensor_type *type) {
  int64_t *extents = arena_array_of(a, type->rank, int64_t);
  for (int i = 0; i < type->rank; i++) extents[i] = type->dims[i].maximum;
  return (dnn_tensor){name, (int32_t)type->element, type->rank, extents,
                      type->rank && type->dims[0].symbol};
}

static const dnn_tensor *tensors_of(arena *a, const graph_value *values, int count) {
  dnn_tensor *tensors = arena_array_of(a, count, dnn_tensor);
  for (int i = 0; i < count; i++) tensors[i] = tensor_of(a, values[i].name, &values[i].node->type);
  return tensors;
}

static const dnn_entry *entries_of(arena *a, const module *m) {
  dnn_entry *entries = arena_array_of(a, m->entry_count - 1, dnn_entry);
  for (int i = 1; i < m->entry_count; i++) { /* behind "init" */
    const graph *g = m->entries[i].graph;
    entries[i - 1] = (dnn_entry){.name = m->entries[i].name,
                                 .input_count = g->input_count,
                                 .output_count = g->output_count,
                                 .inputs = tensors_of(a, g->inputs, g->input_count),
                                 .outputs = tensors_of(a, g->outputs, g->output_count),
                                 .writes = m->entries[i].writes,
                                 .bound = module_size(g).maximum};
  }
  return entries;
}

static const dnn_slot *slots_of(arena *a, const module *m) {
  dnn_slot *slots = arena_array_of(a, m->slot_count, dnn_slot);
  for (int i = 0; i < m->slot_count; i++) {
    const module_slot *s = &m->slots[i];
    slots[i] = (dnn_slot){.tensor = tensor_of(a, s->slot->path, &s->slot->type),
                          .trained = s->slot->kind == SLOT_PARAM,
                          .in_state = s->place.region == REGION_STATE,
                          .offset = (uint64_t)s->place.offset};
  }
  return slots;
}

/* As the generated code of the module describes it. */
static const dnn_model *model_of(arena *a, const module *m) {
  dnn_model *model = arena_new_of(a, dnn_model);
  *model = (dnn_model){.abi = DNN_ABI,
                       .name = m->program->name,
                       .parameter_bytes = (uint64_t)m->parameter_bytes,
                       .constant_bytes = (uint64_t)m->constant_bytes,
                       .state_bytes = (uint64_t)m->state_bytes,
                       .scratch_bytes = (uint64_t)m->scratch_bytes,
                       .slot_count = m->slot_count,
                       .entry_count = m->entry_count - 1,
                       .slots = slots_of(a, m),
                       .entries = entries_of(a, m)};
  return model;
}

static const entry_cost *costs_of(arena *a, const module *m) {
  entry_cost *costs = arena_array_of(a, m->entry_count - 1, entry_cost);
  for (int i = 1; i < m->entry_count; i++) costs[i - 1] = cost_of_entry(a, m, &m->entries[i]);
  return costs;
}

bool description_make(arena *a, const options *o, description *d) {
  *d = (description){0};
  if (model_is_library(o->file)) {
    if (!model_open(a, o, &d->library)) return false;
    d->model = d->library.model;
    return true;
  }
  const module *m = model_build(a, o);
  if (!m) return false;
  d->model = model_of(a, m);
  d->costs = costs_of(a, m);
  return true;
}

void description_free(description *d) {
  if (!d->costs) dnn_unload(&d->library);
}
