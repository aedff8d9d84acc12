#include "observe.h"

#include <dlfcn.h>
#include <math.h>
#include <string.h>

#include "c.h"
#include "element.h"

/* ---- finite or not --------------------------------------------------------------------------- */

static finiteness finiteness_of_real(double x) {
  return isfinite(x) ? FINITE : isnan(x) ? NOT_A_NUMBER : INFINITE;
}

finiteness finiteness_of_memory(const tensor_type *type, const void *memory) {
  finiteness worst = FINITE;
  if (!dtype_is_float(type->element)) return worst;
  for (int64_t i = 0; i < type_elements(type) && worst < NOT_A_NUMBER; i++) {
    finiteness f = finiteness_of_real(element_real(type->element, memory, i));
    if (f > worst) worst = f;
  }
  return worst;
}

int64_t finiteness_place(const tensor *t, finiteness least) {
  if (!dtype_is_float(t->type.element)) return -1;
  for (int64_t i = 0; i < type_elements(&t->type); i++)
    if (finiteness_of_real(t->reals[i]) >= least) return i;
  return -1;
}

finiteness finiteness_of(const tensor *t) {
  return finiteness_place(t, NOT_A_NUMBER) >= 0 ? NOT_A_NUMBER
         : finiteness_place(t, INFINITE) >= 0   ? INFINITE
                                                : FINITE;
}

/* ---- the library ----------------------------------------------------------------------------- */

bool observed_new(arena *a, program *p, diagnostics *d, const options *o, observed *code) {
  return model_compile_module(a, p, d, o, true, &code->library, &code->module);
}

void observed_free(observed *code) { dnn_unload(&code->library); }

const module_entry *observed_entry(const observed *code, const dnn_entry *entry) {
  for (int i = 0; i < code->module->entry_count; i++)
    if (strcmp(code->module->entries[i].name, entry->name) == 0) return &code->module->entries[i];
  internal_error("the observed model has no entry %s", entry->name);
}

/* ---- one call -------------------------------------------------------------------------------- */

typedef struct observer {
  arena *arena;
  observation *observation;
  const module_entry *entry;
  int *steps;     /* by call: the step of the plan that it is a part of */
  int step;       /* of the plan, up to which values were looked at; -1: none was announced yet */
  int32_t next;   /* the step that was announced last */
} observer;

/* NULL where the tool does not see it. */
static const void *memory_of(const observation *o, const plan_value *v) {
  const dnn_context *c = &o->instance->context;
  const placement *p = &v->place;
  if (!v->node) return NULL;
  switch (p->region) {
    case REGION_INPUT: return o->inputs[p->index];
    case REGION_OUTPUT: return o->outputs[p->index];
    case REGION_PARAMETERS: return (const char *)c->weights->parameters + p->offset;
    case REGION_CONSTANTS: return (const char *)c->weights->constants + p->offset;
    case REGION_STATE: return (const char *)c->state + p->offset;
    case REGION_SCRATCH: return (const char *)c->scratch + p->offset;
    default: return NULL;
  }
}

/* A copy, in which what lies behind the size of the call is 0. */
static tensor *value_at(arena *a, const observation *o, const node *n, const void *memory) {
  tensor *t = tensor_new(a, &n->type);
  tensor_load(t, memory);
  int64_t inner = type_elements(&n->type);
  for (int axis = 0; axis < n->type.rank; axis++) {
    const int64_t extent = n->type.dims[axis].maximum, block = inner;
    inner /= extent;
    for (int64_t i = 0; n->type.dims[axis].symbol && i < type_elements(&n->type); i++) {
      if (i % block / inner < o->size) continue;
      if (t->reals) t->reals[i] = 0;
      else t->ints[i] = 0;
    }
  }
  return t;
}

static void look_at(observer *w, int value) {
  const plan_value *v = &w->entry->plan->values[value];
  const void *memory = memory_of(w->observation, v);
  if (!w->observation->levels || !memory || !dtype_is_float(v->node->type.element)) return;
  arena *a = arena_new();
  w->observation->levels[value] = (unsigned char)finiteness_of(value_at(a, w->observation, v->node, memory));
  arena_free(a);
}

static void look_at_initial(observer *w) {
  const plan *p = w->entry->plan;
  for (int i = 0; i < p->value_count; i++)
    if (p->values[i].initial) look_at(w, i);
}

/* Before the kernel of the next step. */
static void keep_inputs(observer *w, capture *c) {
  const plan *p = w->entry->plan;
  const plan_step *s = &p->steps[c->step];
  c->values = arena_array_of(w->arena, w->entry->graph->node_count, tensor *);
  for (int i = 0; i < s->read_count; i++) {
    const plan_value *v = &p->values[s->reads[i]];
    const void *memory = memory_of(w->observation, v);
    if (!memory) continue;
    c->values[v->node->id] = value_at(w->arena, w->observation, v->node, memory);
  }
}

static void before_step(observer *w, int32_t next) {
  const plan *p = w->entry->plan;
  if (w->step < 0) {
    look_at_initial(w);
    w->step = 0;
  }
  for (; w->step < p->step_count && w->step < next; w->step++)
    for (int i = 0; i < p->steps[w->step].write_count; i++)
      look_at(w, p->steps[w->step].writes[i]);
  for (int i = 0; i < w->observation->capture_count; i++)
    if (w->observation->captures[i].step == next) keep_inputs(w, &w->observation->captures[i]);
}

/* Several calls may be parts of one step: of a loop, all that its turns run. */
static void before_call(void *context, int32_t call) {
  observer *w = context;
  int32_t next = call == C_OBSERVED_END ? C_OBSERVED_END : w->steps[call];
  if (next != w->next) before_step(w, next);
  w->next = next;
}

static void note_steps(const module_code *code, int planned, int *steps) {
  for (int i = 0; i < code->count; i++) {
    const module_step *s = &code->steps[i];
    int step = planned < 0 ? s->planned : planned;
    if (s->call) steps[s->call->number] = step;
    if (s->loop) note_steps(&s->loop->condition, step, steps);
    if (s->loop) note_steps(&s->loop->body, step, steps);
  }
}

static int *steps_of_calls(arena *a, const module_entry *e) {
  int count;
  module_calls(a, e, &count);
  int *steps = arena_array_of(a, count, int);
  note_steps(&e->code, -1, steps);
  return steps;
}

void observer_set(const dnn_library *library, void (*function)(void *context, int32_t call), void *context) {
  void **to_context = dlsym(library->handle, C_OBSERVER_CONTEXT);
  void (**to_function)(void *, int32_t) = dlsym(library->handle, C_OBSERVER);
  ensure(to_context && to_function);
  *to_context = context;
  *to_function = function;
}

bool observe(arena *a, const observed *code, dnn_instance *instance, observation *o) {
  observer w = {.arena = a, .observation = o, .entry = observed_entry(code, o->entry), .step = -1, .next = -1};
  const dnn_entry *entry = dnn_find_entry(code->library.model, o->entry->name);
  ensure(entry);
  w.steps = steps_of_calls(a, w.entry);
  observer_set(&code->library, before_call, &w);
  bool called = model_call(instance, entry, o->size, o->inputs, o->outputs);
  observer_set(&code->library, NULL, NULL);
  return called;
}
