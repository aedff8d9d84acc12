#include "run_module.h"

#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "eval_loop.h"
#include "graph_case.h"

enum { SEED = 7, STEP = 3 };

const target *test_target(arena *a) {
  const target *t = target_find(a, "x86-64-v3");
  ensure(t);
  return t;
}

module_memory *module_memory_new(arena *a, const module *m) {
  module_memory *memory = arena_new_of(a, module_memory);
  memory->parameters = arena_alloc(a, (size_t)m->parameter_bytes);
  memory->constants = arena_alloc(a, (size_t)m->constant_bytes);
  memory->state = arena_alloc(a, (size_t)m->state_bytes);
  memory->scratch = arena_alloc(a, (size_t)m->scratch_bytes);
  memory->seed = SEED;
  memory->step = STEP;
  return memory;
}

/* What a run of an entry reads and writes. */
typedef struct run {
  arena *arena;
  const module *module;
  const module_memory *memory;
  void *const *inputs, *const *outputs;
  int64_t context[CONTEXT_WORDS];
  int64_t turns[16]; /* of the loops around, by depth */
} run;

static void *address(const module_memory *memory, const placement *at) {
  switch (at->region) {
    case REGION_PARAMETERS: return (char *)memory->parameters + at->offset;
    case REGION_CONSTANTS: return (char *)memory->constants + at->offset;
    case REGION_STATE: return (char *)memory->state + at->offset;
    case REGION_SCRATCH: return (char *)memory->scratch + at->offset;
    default: internal_error("region %d", (int)at->region);
  }
}

static void *argument(run *r, const placement *at) {
  char *base;
  switch (at->region) {
    case REGION_INPUT: base = r->inputs[at->index]; break;
    case REGION_OUTPUT: base = r->outputs[at->index]; break;
    case REGION_CONTEXT: return r->context;
    case REGION_TURN: return &r->turns[at->index];
    default: base = address(r->memory, at);
  }
  for (int i = 0; i < at->move_count; i++) base += r->turns[i] * at->moves[i];
  return base;
}

static const char *run_call(run *r, const kernel_call *c) {
  const loop_machine machine = {.fma = r->module->target->fma};
  void **arguments = arena_array_of(r->arena, c->kernel->parameter_count, void *);
  for (int k = 0; k < c->kernel->parameter_count; k++)
    arguments[k] = argument(r, &c->arguments[k]);
  const char *fault = loop_run(r->arena, c->kernel, &machine, arguments);
  return fault ? arena_printf(r->arena, "%s: %s", c->kernel->name, fault) : NULL;
}

static const char *run_code(run *r, const module_code *code);

static const char *run_loop(run *r, const module_loop *l) {
  const int64_t turns = l->bounded ? r->context[CONTEXT_SIZE] : l->turns;
  bool asks = l->conditional;
  for (int64_t k = 0; turns == 0 || k < turns; k++) {
    ensure(l->depth + 1 < 16 && k <= LOOP_MOST_TURNS);
    r->turns[l->depth] = l->reverse ? turns - 1 - k : k;
    if (l->tasks) r->turns[l->depth + 1] = k * 7 % l->tasks; /* any of the frames */
    const char *fault = asks ? run_code(r, &l->condition) : NULL;
    if (fault) return fault;
    const bool runs = !asks || *(const unsigned char *)argument(r, &l->goes_on);
    if (!runs && !l->reverse) return NULL;
    if (!runs) continue;
    asks = asks && !l->reverse;
    fault = run_code(r, &l->body);
    if (fault) return fault;
  }
  return NULL;
}

static const char *run_code(run *r, const module_code *code) {
  const char *fault = NULL;
  for (int i = 0; i < code->count && !fault; i++)
    fault = code->steps[i].call ? run_call(r, code->steps[i].call)
                                : run_loop(r, code->steps[i].loop);
  return fault;
}

const char *run_entry(arena *a, const module *m, const module_entry *e, module_memory *memory,
                      void *const *inputs, void *const *outputs) {
  run r = {.arena = a, .module = m, .memory = memory, .inputs = inputs, .outputs = outputs,
           .context = {(int64_t)memory->seed, (int64_t)memory->step, memory->size}};
  memset(memory->scratch, 0xff, (size_t)m->scratch_bytes);
  if (m->constant_bytes) memset(memory->constants, 0xff, (size_t)m->constant_bytes);
  const char *fault = run_code(&r, &m->prepare);
  return fault ? fault : run_code(&r, &e->code);
}

/* ---- programs of one graph ------------------------------------------------------------------- */

static void add_slot(arena *a, program *p, const char *path, const tensor_type *type) {
  for (int i = 0; i < p->slot_count; i++)
    if (strcmp(p->slots[i].path, path) == 0) return;
  arena_push(a, p->slots, p->slot_count) =
      (slot){.path = path, .kind = SLOT_PARAM, .type = *type};
}

static int compare_slots(const void *x, const void *y) {
  return strcmp(((const slot *)x)->path, ((const slot *)y)->path);
}

static void add_slots(arena *a, program *p, const graph *g) {
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_SLOT)
      add_slot(a, p, node_text(g->nodes[id], 0), &g->nodes[id]->type);
  for (int i = 0; i < g->update_count; i++)
    add_slot(a, p, g->updates[i].name, &g->updates[i].node->type);
}

program *program_of_graphs(arena *a, int count, graph *const *graphs) {
  program *p = arena_new_of(a, program);
  *p = (program){.arena = a, .name = "test", .entry_count = count};
  p->entries = arena_array_of(a, count, graph *);
  for (int i = 0; i < count; i++) {
    p->entries[i] = graphs[i];
    add_slots(a, p, graphs[i]);
  }
  if (p->slot_count) qsort(p->slots, (size_t)p->slot_count, sizeof *p->slots, compare_slots);
  p->initial = graph_new(a, NULL, "init");
  for (int i = 0; i < p->slot_count; i++)
    graph_set_update(p->initial, p->slots[i].path, build_splat(p->initial, &p->slots[i].type, 0));
  return p;
}

program *program_of_graph(arena *a, graph *g) { return program_of_graphs(a, 1, &g); }

/* ---- comparison ------------------------------------------------------------------------------ */

typedef struct slot_values {
  const program *program;
  tensor **values;
} slot_values;

static const tensor *value_of_slot(void *context, const char *path) {
  const slot_values *s = context;
  for (int i = 0; i < s->program->slot_count; i++)
    if (strcmp(s->program->slots[i].path, path) == 0) return s->values[i];
  return NULL;
}

/* Rounded as they are stored, so that both sides start from the same values. */
static tensor *stored_values(arena *a, const tensor *t) {
  void *array = arena_alloc(a, (size_t)type_bytes(&t->type));
  compare_to_array(t, array);
  return compare_from_array(a, &t->type, array);
}

static void *slot_address(const module *m, const module_memory *memory, int number) {
  return address(memory, &m->slots[number].place);
}

static const char *compare_updates(arena *a, const module *m, const graph *g,
                                   const module_memory *memory, const slot_values *before,
                                   tensor *const *updates, tolerance t) {
  for (int i = 0; i < m->slot_count; i++) {
    const char *path = m->slots[i].slot->path;
    const tensor *expected = before->values[i];
    for (int k = 0; k < g->update_count; k++)
      if (strcmp(g->updates[k].name, path) == 0) expected = updates[k];
    const char *fault = compare_array(a, slot_address(m, memory, i), expected, t);
    if (fault) return arena_printf(a, "slot %s: %s", path, fault);
  }
  return NULL;
}

const char *run_module_and_compare(arena *a, const module *m, const graph *g, double low,
                                   double high, tolerance t) {
  module_memory *memory = module_memory_new(a, m);
  slot_values slots = {m->program, arena_array_of(a, m->slot_count, tensor *)};
  for (int i = 0; i < m->slot_count; i++) {
    slots.values[i] =
        stored_values(a, random_tensor(a, &m->slots[i].slot->type, 100 + (uint64_t)i, low, high));
    compare_to_array(slots.values[i], slot_address(m, memory, i));
  }
  const tensor **inputs = random_inputs(a, g, SEED, low, high);
  void **input_arrays = arena_array_of(a, g->input_count, void *);
  void **output_arrays = arena_array_of(a, g->output_count, void *);
  for (int i = 0; i < g->input_count; i++) {
    inputs[i] = stored_values(a, inputs[i]);
    input_arrays[i] = arena_alloc(a, (size_t)type_bytes(&inputs[i]->type));
    compare_to_array(inputs[i], input_arrays[i]);
  }
  for (int i = 0; i < g->output_count; i++)
    output_arrays[i] = arena_alloc(a, (size_t)type_bytes(&g->outputs[i].node->type));
  const char *fault = run_entry(a, m, &m->entries[1], memory, input_arrays, output_arrays);
  if (fault) return fault;
  evaluation e = {.arena = a, .seed = SEED, .step = STEP};
  tensor **outputs = arena_array_of(a, g->output_count, tensor *);
  tensor **updates = arena_array_of(a, g->update_count, tensor *);
  graph_eval(&e, g, inputs, value_of_slot, &slots, outputs, updates);
  for (int i = 0; i < g->output_count; i++) {
    fault = compare_array(a, output_arrays[i], outputs[i], t);
    if (fault) return arena_printf(a, "output %s: %s", g->outputs[i].name, fault);
  }
  return compare_updates(a, m, g, memory, &slots, updates, t);
}

const char *run_and_compare(arena *a, graph *g, double low, double high, tolerance t) {
  const module *m = module_build(a, program_of_graph(a, g), test_target(a));
  return run_module_and_compare(a, m, g, low, high, t);
}
