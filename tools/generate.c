#include "generate.h"

#include <string.h>

#include "element.h"
#include "feed_check.h"

/* The number of the first call, so that no run of a task draws the same. */
static const uint64_t first_step = (uint64_t)1 << 40;

/* The arguments of a call; returns pointers to them in the order of the inputs. */
static const void **evaluate_arguments(arena *a, const data_set *set, const graph *entry, feed_time time) {
  const void **inputs = arena_array_of(a, entry->input_count, const void *);
  for (int i = 0; i < entry->input_count; i++)
    for (int k = 0; k < set->argument_count; k++) {
      if (strcmp(set->arguments[k].name, entry->inputs[i].name)) continue;
      double *cell = arena_new_of(a, double); /* as large as any element */
      element_set_real(entry->inputs[i].node->type.element, cell, 0, feed_value(set->arguments[k].value, time));
      inputs[i] = cell;
    }
  return inputs;
}

/* Copies what a call returned into the columns of the split that are wanted. */
static void keep(const plan *p, const data_set *set, int split, int64_t call, void *const *outputs) {
  for (int i = 0; i < p->made_count; i++) {
    const data_made *m = &p->made[i];
    if (m->set != set || m->split != split) continue;
    size_t bytes = (size_t)(array_bytes(m->array) / set->splits[split].calls);
    memcpy((char *)m->array->data + (size_t)call * bytes, outputs[m->column], bytes);
  }
}

static bool is_first(const plan *p, int number) {
  for (int i = 0; i < number; i++)
    if (p->made[i].set == p->made[number].set && p->made[i].split == p->made[number].split) return false;
  return true;
}

static bool generate_split(const plan *p, const data_made *m, dnn_instance *instance) {
  const data_split *split = &m->set->splits[m->split];
  const dnn_entry *entry = dnn_find_entry(instance->model, m->set->entry);
  const graph *described = program_entry(p->program, m->set->entry);
  if (!entry) internal_error("the compiled model has no entry %s", m->set->entry);
  const uint64_t step = instance->context.step;
  bool good = true;
  arena *a = arena_new();
  void **outputs = model_outputs(a, entry);
  for (int64_t i = 0; i < split->calls && good; i++) {
    const feed_time time = {.step = split->first + i};
    instance->context.step = first_step + (uint64_t)(split->first + i);
    good = model_call(instance, entry, entry->bound, evaluate_arguments(a, m->set, described, time), outputs);
    if (good) keep(p, m->set, m->split, i, outputs);
  }
  instance->context.step = step;
  arena_free(a);
  return good;
}

/* False with a message printed where what was made is no number that an entry takes. */
static bool check_made(const plan *p) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  int count;
  const feed **feeds = plan_feeds(a, p, &count);
  for (int i = 0; i < count; i++) feed_check(a, d, feeds[i], true);
  const bool good = !diag_count(d);
  if (!good) tool_diagnostics(d);
  arena_free(a);
  return good;
}

bool generate_data(const plan *p, dnn_instance *instance) {
  for (int i = 0; i < p->made_count; i++)
    if (is_first(p, i) && !generate_split(p, &p->made[i], instance)) return false;
  return check_made(p);
}
