/* From a program's graphs to kernels, calls and memory. */
#include "module.h"

#include <string.h>

#include "lower.h"
#include "order.h"
#include "plan.h"
#include "plan_check.h"
#include "scalar.h"

/* ---- kernels --------------------------------------------------------------------------------- */

static const char *word_of(const node *n) {
  return n->op == OP_MAP ? scalar_infos[n->function].name : op_infos[n->op].name;
}

/* What a kernel's name tells: the heaviest of its members, in order, each word once. */
static const char *words_of(arena *a, const group *g) {
  enum { MOST_WORDS = 3 };
  const char *names[MOST_WORDS], *text = "";
  int count = 0;
  for (int weight = 2; weight >= 0; weight--) {
    for (int i = 0; i < g->member_count && count < MOST_WORDS; i++) {
      const node *n = g->members[i];
      bool whole = op_has(n->op, CONTRACTION) || op_has(n->op, REDUCTION);
      if ((whole ? 2 : group_weight(n) > 4 ? 1 : 0) != weight) continue;
      const char *name = word_of(n);
      bool known = false;
      for (int k = 0; k < count; k++) known = known || strcmp(names[k], name) == 0;
      if (!known) names[count++] = name;
    }
  }
  for (int i = 0; i < count; i++) text = arena_printf(a, "%s_%s", text, names[i]);
  return text;
}

/* A quick look, before all of two kernels is compared. */
static bool may_equal(const loop_kernel *x, const loop_kernel *y) {
  if (x->parameter_count != y->parameter_count || x->body.count != y->body.count) return false;
  for (int i = 0; i < x->parameter_count; i++)
    if (x->parameters[i]->extents[0] != y->parameters[i]->extents[0]) return false;
  return true;
}

/* The module's kernel that equals the given one, which is named and added where there is none. */
static const loop_kernel *settle_kernel(arena *a, module *m, loop_kernel *k, const char *words) {
  for (int i = 0; i < m->kernel_count; i++)
    if (may_equal(m->kernels[i], k) && loop_equal(m->kernels[i], k)) return m->kernels[i];
  k->name = arena_printf(a, "k%d%s", m->kernel_count, words);
  const char *fault = loop_verify(a, k);
  if (fault) internal_error("kernel %s: %s", k->name, fault);
  arena_push(a, m->kernels, m->kernel_count) = k;
  return k;
}

/* ---- one entry ------------------------------------------------------------------------------- */

/* A call whose arguments are values of the plan; CONTEXT stands for seed and step. */
enum { CONTEXT = -1 };

typedef struct planned_call {
  const loop_kernel *kernel;
  int *arguments;
  int argument_count;
} planned_call;

typedef struct entry_builder {
  arena *arena;
  module *module;
  const graph *graph;
  fusion *fusion;
  order *order;
  plan plan;
  int *value_of;          /* by node id: where the node's value lies; -1: nowhere */
  int *aside;             /* by update: where the slot that it takes over was set aside */
  planned_call *calls;    /* of the steps that are no joins */
  int call_count;
} entry_builder;

static placement slot_place(const module *m, const char *path) {
  for (int i = 0; i < m->slot_count; i++)
    if (strcmp(m->slots[i].slot->path, path) == 0) return m->slots[i].place;
  internal_error("the program has no slot %s", path);
}

static bool is_updated(const graph *g, const char *path) {
  for (int i = 0; i < g->update_count; i++)
    if (strcmp(g->updates[i].name, path) == 0) return true;
  return false;
}

static int add_value(entry_builder *b, const node *n, const char *name) {
  return plan_add_value(b->arena, &b->plan, plan_value_of(name, n, type_bytes(&n->type)));
}

static int add_fixed(entry_builder *b, const node *n, const char *name, placement place) {
  int value = add_value(b, n, name);
  b->plan.values[value].fixed = true;
  b->plan.values[value].place = place;
  return value;
}

static int add_final(entry_builder *b, const node *n, const char *name, placement place) {
  int value = add_fixed(b, n, name, place);
  b->plan.values[value].final = true;
  return value;
}

static placement output_place(int number) {
  return (placement){.region = REGION_OUTPUT, .index = number};
}

static int output_of(const graph *g, const node *n) {
  for (int i = 0; i < g->output_count; i++)
    if (g->outputs[i].node == n) return i;
  return -1;
}

/* Arguments and slots are there from the start. */
static void add_outside_values(entry_builder *b) {
  const graph *g = b->graph;
  for (int i = 0; i < g->input_count; i++) {
    placement place = {.region = REGION_INPUT, .index = i};
    int value = add_final(b, g->inputs[i].node, g->inputs[i].name, place);
    b->plan.values[value].initial = true;
    b->value_of[g->inputs[i].node->id] = value;
  }
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_SLOT) continue;
    const char *path = node_text(n, 0);
    int value = add_fixed(b, n, path, slot_place(b->module, path));
    b->plan.values[value].initial = true;
    b->plan.values[value].final = !is_updated(g, path);
    b->value_of[id] = value;
  }
}

/* "exp %12", as in the text of the graph. */
static const char *name_of(arena *a, const node *n) {
  return arena_printf(a, "%s %%%d", word_of(n), n->id);
}

/* Values of kernels: in an output, in a slot, or in scratch. */
static void add_computed_values(entry_builder *b) {
  const graph *g = b->graph;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    const int owner = b->fusion->group_of[id];
    if (owner < 0 || group_output(b->fusion->groups[owner], n) < 0) continue;
    int output = output_of(g, n), update = order_update_of(g, n);
    if (output >= 0)
      b->value_of[id] = add_final(b, n, g->outputs[output].name, output_place(output));
    else if (update >= 0 && b->order->in_place[update])
      b->value_of[id] = add_final(b, n, g->updates[update].name,
                                  slot_place(b->module, g->updates[update].name));
    else
      b->value_of[id] = add_value(b, n, name_of(b->arena, n));
  }
  for (int id = 0; id < g->node_count; id++) {
    const order_part *part = &b->order->parts[id];
    if (!part->whole) continue;
    b->plan.values[b->value_of[id]].whole = b->value_of[part->whole->id];
    b->plan.values[b->value_of[id]].start = part->start;
  }
}

static planned_call *add_call(entry_builder *b, loop_kernel *k, const char *words) {
  arena_push(b->arena, b->calls, b->call_count) =
      (planned_call){.kernel = settle_kernel(b->arena, b->module, k, words)};
  return &b->calls[b->call_count - 1];
}

static void add_argument(entry_builder *b, planned_call *c, int value) {
  arena_push(b->arena, c->arguments, c->argument_count) = value;
}

static void copy_value(entry_builder *b, const node *n, int from, int to) {
  loop_kernel *k = lower_copy(b->arena, b->module->target, n->type.element,
                              type_elements(&n->type));
  planned_call *c = add_call(b, k, "_copy");
  add_argument(b, c, from);
  add_argument(b, c, to);
  plan_step *s = plan_add_step(b->arena, &b->plan);
  plan_add_read(b->arena, s, from);
  plan_add_write(b->arena, s, to);
}

static void call_group(entry_builder *b, lowering *l, const group *g) {
  arena *a = b->arena;
  planned_call *c = add_call(b, lower_group(l, g), words_of(a, g));
  plan_step *s = plan_add_step(a, &b->plan);
  for (int i = 0; i < g->input_count; i++) {
    int value = b->value_of[g->inputs[i]->id];
    plan_add_read(a, s, value);
    if (g->inout_output[i] < 0)
      add_argument(b, c, value);
    else
      b->plan.values[b->value_of[g->outputs[g->inout_output[i]]->id]].shares = value;
  }
  for (int i = 0; i < g->output_count; i++) {
    int value = b->value_of[g->outputs[i]->id];
    plan_add_write(a, s, value);
    add_argument(b, c, value);
  }
  if (g->context) add_argument(b, c, CONTEXT);
}

static void join_parts(entry_builder *b, const group *g) {
  const node *whole = g->members[0];
  plan_step *s = plan_add_step(b->arena, &b->plan);
  s->join = true;
  for (int i = 0; i < whole->operand_count; i++)
    plan_add_read(b->arena, s, b->value_of[whole->operands[i]->id]);
  plan_add_write(b->arena, s, b->value_of[whole->id]);
}

static void copy_to_output(entry_builder *b, int number) {
  const graph_value *output = &b->graph->outputs[number];
  copy_value(b, output->node, b->value_of[output->node->id],
             add_final(b, output->node, output->name, output_place(number)));
}

static void copy_to_slot(entry_builder *b, const order_step *s) {
  const graph_value *update = &b->graph->updates[s->number];
  int from = s->from_aside ? b->aside[s->number] : b->value_of[update->node->id];
  copy_value(b, update->node, from,
             add_final(b, update->node, update->name, slot_place(b->module, update->name)));
}

static void set_aside(entry_builder *b, int number) {
  const node *n = b->graph->updates[number].node;
  b->aside[number] = add_value(b, n, arena_printf(b->arena, "copy of %s", node_text(n, 0)));
  copy_value(b, n, b->value_of[n->id], b->aside[number]);
}

static void add_steps(entry_builder *b) {
  lowering l = {.arena = b->arena, .target = b->module->target, .math = b->module->math,
                .graph = b->graph, .fusion = b->fusion};
  for (int i = 0; i < b->order->count; i++) {
    const order_step *s = &b->order->steps[i];
    switch (s->kind) {
      case ORDER_KERNEL: call_group(b, &l, s->group); break;
      case ORDER_JOIN: join_parts(b, s->group); break;
      case ORDER_COPY_OUTPUT: copy_to_output(b, s->number); break;
      case ORDER_COPY_UPDATE: copy_to_slot(b, s); break;
      case ORDER_SET_ASIDE: set_aside(b, s->number); break;
    }
  }
}

static placement place_of(const entry_builder *b, int value) {
  return value == CONTEXT ? (placement){.region = REGION_CONTEXT} : b->plan.values[value].place;
}

static void finish_calls(entry_builder *b, module_entry *e) {
  e->call_count = b->call_count;
  e->calls = arena_array_of(b->arena, b->call_count, kernel_call);
  for (int i = 0; i < b->call_count; i++) {
    const planned_call *c = &b->calls[i];
    ensure(c->argument_count == c->kernel->parameter_count);
    e->calls[i].kernel = c->kernel;
    e->calls[i].arguments = arena_array_of(b->arena, c->argument_count, placement);
    for (int k = 0; k < c->argument_count; k++)
      e->calls[i].arguments[k] = place_of(b, c->arguments[k]);
  }
}

static void plan_memory(entry_builder *b, module_entry *e) {
  plan_place(&b->plan);
  const char *fault = plan_check(b->arena, &b->plan);
  if (fault) internal_error("memory of %s: %s", e->name, fault);
  e->plan = arena_new_of(b->arena, plan);
  *e->plan = b->plan;
  e->scratch_bound = b->order->bound;
}

static void build_entry(arena *a, module *m, const graph *g, const char *name, module_entry *e) {
  entry_builder b = {.arena = a, .module = m, .graph = g};
  *e = (module_entry){.name = name, .graph = g, .writes = g->update_count > 0};
  b.fusion = fuse(a, g, m->target);
  b.order = order_groups(a, b.fusion);
  b.value_of = arena_array_of(a, g->node_count, int);
  for (int id = 0; id < g->node_count; id++) b.value_of[id] = -1;
  b.aside = arena_array_of(a, g->update_count, int);
  add_outside_values(&b);
  add_computed_values(&b);
  add_steps(&b);
  plan_memory(&b, e);
  finish_calls(&b, e);
  if (e->plan->scratch_bytes > m->scratch_bytes) m->scratch_bytes = e->plan->scratch_bytes;
}

/* ---- the module ------------------------------------------------------------------------------ */

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
    if (is_updated(p->entries[i], s->path))
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
  *m = (module){.program = p, .target = t, .entry_count = p->entry_count + 1};
  m->math = arena_new_of(a, math_library);
  m->math->arena = a;
  m->entries = arena_array_of(a, m->entry_count, module_entry);
  place_slots(a, m);
  build_entry(a, m, p->initial, "init", &m->entries[0]);
  m->entries[0].writes = true; /* without slots too: it sets the step */
  for (int i = 0; i < p->entry_count; i++)
    build_entry(a, m, p->entries[i], p->entries[i]->name, &m->entries[i + 1]);
  return m;
}
