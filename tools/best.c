#include "best.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

static size_t slot_bytes(const dnn_instance *instance, int i) {
  tensor_type type = model_type(&instance->model->slots[i].tensor);
  return (size_t)type_bytes(&type);
}

void **best_slots_new(arena *a, const dnn_instance *instance) {
  void **slots = arena_array_of(a, instance->model->slot_count, void *);
  for (int i = 0; i < instance->model->slot_count; i++)
    slots[i] = arena_alloc(a, slot_bytes(instance, i));
  return slots;
}

static void *memory_of(const dnn_instance *instance, int i) {
  return dnn_slot_memory(instance, &instance->model->slots[i]);
}

void best_observe(arena *a, best_state *b, bool higher, const dnn_instance *instance, double value,
                  int64_t step) {
  bool better = !b->found ? !isnan(value) : higher ? value > b->value : value < b->value;
  if (!better) {
    b->waited++;
    return;
  }
  if (!b->slots) b->slots = best_slots_new(a, instance);
  for (int i = 0; i < instance->model->slot_count; i++)
    memcpy(b->slots[i], memory_of(instance, i), slot_bytes(instance, i));
  *b = (best_state){true, value, step, 0, b->slots};
}

void best_restore(best_state *b, const dnn_instance *instance) {
  if (!b->slots) return;
  for (int i = 0; i < instance->model->slot_count; i++)
    memcpy(memory_of(instance, i), b->slots[i], slot_bytes(instance, i));
}

const char *best_text(arena *a, const best_state *b) {
  return arena_printf(a, "%d %a %lld %lld", b->found, b->value, (long long)b->step,
                      (long long)b->waited);
}

bool best_parse(best_state *b, const char *text) {
  int found, end = 0;
  long long step, waited;
  if (sscanf(text, "%d %la %lld %lld%n", &found, &b->value, &step, &waited, &end) != 4) return false;
  b->found = found == 1;
  b->step = step;
  b->waited = waited;
  return end > 0 && !text[end] && (found == 0 || found == 1) && step >= 0 && waited >= 0;
}
