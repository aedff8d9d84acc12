/* From a program's graphs to a module: its slots and entries. */
#include "module.h"

#include <string.h>

#include "code.h"
#include "plan.h"

static void number_calls(const module_code *code, int *count) {
  for (int i = 0; i < code->count; i++) {
    const module_step *s = &code->steps[i];
    if (s->call) s->call->number = (*count)++;
    if (s->loop) number_calls(&s->loop->condition, count);
    if (s->loop) number_calls(&s->loop->body, count);
  }
}

static void build_entry(arena *a, module *m, const graph *g, const char *name, module_entry *e) {
  int count = 0;
  code_build_entry(a, m, g, name, e);
  number_calls(&e->code, &count);
}

static void list_calls(arena *a, const module_code *code, const kernel_call ***calls, int *count) {
  for (int i = 0; i < code->count; i++) {
    const module_step *s = &code->steps[i];
    if (s->call) arena_push(a, *calls, *count) = s->call;
    if (s->loop) list_calls(a, &s->loop->condition, calls, count);
    if (s->loop) list_calls(a, &s->loop->body, calls, count);
  }
}

const kernel_call **module_calls(arena *a, const module_entry *e, int *count) {
  const kernel_call **calls = NULL;
  *count = 0;
  list_calls(a, &e->code, &calls, count);
  return calls;
}

dim module_size(const graph *g) {
  for (int id = 0; id < g->node_count; id++)
    for (int i = 0; i < g->nodes[id]->type.rank; i++)
      if (g->nodes[id]->type.dims[i].symbol) return g->nodes[id]->type.dims[i];
  return (dim){0};
}

static bool reads_slot(const graph *g, const char *path) {
  const int *uses = graph_uses(g, g->arena);
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_SLOT && uses[id] && strcmp(node_text(g->nodes[id], 0), path) == 0)
      return true;
  return false;
}

/* True where all entries that read the slot update it, and one does. */
static bool is_private(const program *p, const slot *s) {
  bool updated = false;
  for (int i = 0; i < p->entry_count; i++) {
    if (code_updates(p->entries[i], s->path))
      updated = true;
    else if (reads_slot(p->entries[i], s->path))
      return false;
  }
  return updated;
}

/* Parameters, and states that some entry only reads, lie together; other states by themselves. */
static void place_slots(arena *a, module *m) {
  const program *p = m->program;
  m->slot_count = p->slot_count;
  m->slots = arena_array_of(a, p->slot_count, module_slot);
  for (int i = 0; i < p->slot_count; i++) {
    const slot *s = &p->slots[i];
    bool state = s->kind == SLOT_STATE && is_private(p, s);
    int64_t *bytes = state ? &m->state_bytes : &m->parameter_bytes;
    m->slots[i] = (module_slot){
        s, {.region = state ? REGION_STATE : REGION_PARAMETERS, .offset = *bytes}};
    *bytes += plan_aligned(type_bytes(&s->type));
  }
}

module *module_build(arena *a, const program *p, const target *t) {
  module *m = arena_new_of(a, module);
  *m = (module){.program = p, .name = p->name, .target = t, .entry_count = p->entry_count + 1};
  m->math = arena_new_of(a, math_library);
  m->math->arena = a;
  m->math->fma = t->fma;
  m->entries = arena_array_of(a, m->entry_count, module_entry);
  place_slots(a, m);
  build_entry(a, m, p->initial, "init", &m->entries[0]);
  m->entries[0].writes = true; /* without slots too: it sets the step */
  for (int i = 0; i < p->entry_count; i++)
    build_entry(a, m, p->entries[i], p->entries[i]->name, &m->entries[i + 1]);
  return m;
}
