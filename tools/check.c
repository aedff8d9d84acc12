#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "input_range.h"
#include "model.h"

random_numbers random_new(uint64_t seed, uint64_t purpose) {
  static const uint64_t site = 0x636865636b; /* "check" */
  random_numbers r = {.drawn = 0};
  philox_key(r.key, seed, site, purpose);
  return r;
}

double random_uniform(random_numbers *r) {
  return ((double)philox_element(r->key, r->drawn++, 0) + 0.5) * 0x1p-32;
}

double random_normal(random_numbers *r) {
  double radius = sqrt(-2 * log(random_uniform(r)));
  return radius * cos(2 * M_PI * random_uniform(r));
}

int64_t random_integer(random_numbers *r, int64_t low, int64_t high) {
  uint64_t span = (uint64_t)high - (uint64_t)low;
  if (span == UINT64_MAX) span--;
  return (int64_t)((uint64_t)low + (uint64_t)(random_uniform(r) * ((double)span + 1)));
}

/* The range by the options, else the one of an integer that is no index; false where it is the latter. */
static bool given_range(const options *o, const graph_value *input, input_range *range) {
  const tensor_type *type = &input->node->type;
  int64_t smallest, largest;
  dtype_range(type->element, &smallest, &largest);
  *range = (input_range){input->name, 0, type->rank < 2 ? 9 : 255};
  if (range->high > largest) range->high = largest;
  for (int i = 0; i < o->range_count; i++) {
    if (strcmp(o->ranges[i].input, input->name)) continue;
    *range = o->ranges[i];
    return true;
  }
  return false;
}

/* What all uses of an element mean, as far as they agree; `other` where there is none. */
static input_range range_of(const index_uses *all, const tensor_type *type, int64_t element, input_range other) {
  input_range range = {other.input, INT64_MIN, INT64_MAX};
  bool used = false;
  for (int i = 0; i < all->count; i++) {
    const index_use *use = &all->uses[i];
    if (use->low > range.high || use->high < range.low || !index_use_region(use, type, element)) continue;
    used = true;
    if (range.low < use->low) range.low = use->low;
    if (range.high > use->high) range.high = use->high;
  }
  return used ? range : other;
}

static void fill_integers(arena *a, tensor *t, const options *o, const graph *entry, const graph_value *input,
                          random_numbers *r) {
  const int64_t elements = type_elements(&t->type);
  input_range given;
  index_uses all = {0};
  if (!given_range(o, input, &given)) all = input_index_uses(a, entry, input->node);
  for (int64_t i = 0; i < elements; i++) {
    const input_range range = range_of(&all, &t->type, i, given);
    t->ints[i] = random_integer(r, range.low, range.high);
  }
}

static void fill(arena *a, tensor *t, const options *o, const graph *entry, const graph_value *input,
                 random_numbers *r) {
  int64_t elements = type_elements(&t->type);
  if (!dtype_is_float(t->type.element)) {
    fill_integers(a, t, o, entry, input, r);
  } else if (t->type.rank == 0) {
    t->reals[0] = 0.01 + 0.09 * random_uniform(r);
  } else {
    for (int64_t i = 0; i < elements; i++) t->reals[i] = random_normal(r);
  }
}

tensor **check_inputs(arena *a, const graph *entry, const options *o, random_numbers *r) {
  tensor **inputs = arena_array_of(a, entry->input_count, tensor *);
  for (int i = 0; i < entry->input_count; i++) {
    inputs[i] = tensor_new(a, &entry->inputs[i].node->type);
    fill(a, inputs[i], o, entry, &entry->inputs[i], r);
  }
  return inputs;
}

const tensor *check_slot(void *context, const char *path) {
  const slot_values *slots = context;
  for (int i = 0; i < slots->program->slot_count; i++)
    if (strcmp(slots->program->slots[i].path, path) == 0) return slots->values[i];
  return NULL;
}

slot_values check_initial(arena *a, const program *p, uint64_t seed) {
  const graph *g = p->initial;
  slot_values slots = {p, arena_array_of(a, p->slot_count, tensor *)};
  tensor **updates = arena_array_of(a, g->update_count, tensor *);
  evaluation e = {.arena = a, .seed = seed};
  for (int i = 0; i < p->slot_count; i++) slots.values[i] = tensor_new(a, &p->slots[i].type);
  graph_eval(&e, g, NULL, check_slot, &slots, NULL, updates);
  for (int i = 0; i < p->slot_count; i++)
    for (int k = 0; k < g->update_count; k++)
      if (strcmp(g->updates[k].name, p->slots[i].path) == 0) slots.values[i] = updates[k];
  return slots;
}

/* The options with a small value for every constant that gives a batch, unless one was given. */
static options with_small_batches(arena *a, const program *p, const options *o) {
  options small = *o;
  small.definitions = arena_array_of(a, o->definition_count, definition);
  small.definition_count = 0;
  for (int i = 0; i < o->definition_count; i++)
    arena_push(a, small.definitions, small.definition_count) = o->definitions[i];
  for (int i = 0; i < p->entry_count; i++) {
    const char *name = program_batch_constant(p, p->entries[i]->name);
    bool given = !name;
    for (int k = 0; !given && k < small.definition_count; k++)
      given = strcmp(small.definitions[k].name, name) == 0;
    if (!given)
      arena_push(a, small.definitions, small.definition_count) =
          (definition){name, arena_printf(a, "%lld", (long long)o->batch)};
  }
  return small;
}

bool check_ranges(diagnostics *d, const program *p, const options *o) {
  for (int r = 0; r < o->range_count; r++) {
    bool known = false;
    for (int i = 0; i < p->entry_count; i++)
      for (int k = 0; k < p->entries[i]->input_count; k++) {
        const graph_value *input = &p->entries[i]->inputs[k];
        known = known || (!dtype_is_float(input->node->type.element) && !strcmp(input->name, o->ranges[r].input));
      }
    if (known) continue;
    diag_error(d, (location){0}, "--range: no entry has an input `%s` of integers", o->ranges[r].input);
    return false;
  }
  return true;
}

static int elaborate_and_check_gradients(arena *a, diagnostics *d, const options *o,
                                         check_counts *counts) {
  const program *p = model_elaborate(a, d, o, (elaborate_options){0});
  if (!p || !check_ranges(d, p, o)) return -1;
  options small = with_small_batches(a, p, o);
  p = model_elaborate(a, d, &small, (elaborate_options){.real_f64 = true});
  return p ? check_gradients(a, p, &small, counts) : -1;
}

int command_check(arena *a, const options *o) {
  diagnostics *d = diag_new(a);
  check_counts counts = {0};
  int gradients = elaborate_and_check_gradients(a, d, o, &counts);
  int in_f64 = gradients < 0 ? -1 : check_compiled(a, d, o, true, &counts);
  int in_f32 = in_f64 < 0 ? -1 : check_compiled(a, d, o, false, &counts);
  if (in_f32 < 0) {
    tool_diagnostics(d);
    return STATUS_ERROR;
  }
  int failures = gradients + in_f64 + in_f32;
  printf("compared: %lld gradients in %lld directions; %lld arrays with %lld values after %lld "
         "calls\n",
         (long long)counts.gradients, (long long)counts.directions, (long long)counts.arrays,
         (long long)counts.elements, (long long)counts.calls);
  if (failures) printf("%d checks FAILED\n", failures);
  else printf("all checks passed\n");
  return failures ? STATUS_ERROR : 0;
}
