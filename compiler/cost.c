#include "cost.h"

#include <string.h>

#include "build.h"
#include "fuse.h"
#include "op.h"
#include "plan.h"

static void add(int64_t *sum, int64_t number) {
  if (__builtin_add_overflow(*sum, number, sum)) *sum = INT64_MAX;
}

static int64_t counted_turns(int64_t turns) { return turns ? turns : 1; }

/* ---- operations ------------------------------------------------------------------------------ */

static int64_t graph_operations(arena *a, const graph *g, int *open_loops);

static int64_t loop_operations(arena *a, const node *n, int *open_loops) {
  const loop_shape s = loop_shape_of(n);
  int64_t turn = graph_operations(a, s.body, open_loops);
  if (s.condition) {
    add(&turn, graph_operations(a, s.condition, open_loops));
    ++*open_loops;
  }
  return op_times(counted_turns(s.turns), turn);
}

static int64_t graph_operations(arena *a, const graph *g, int *open_loops) {
  const int *uses = graph_uses(g, a);
  int64_t sum = 0;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (uses[id]) add(&sum, n->op == OP_LOOP ? loop_operations(a, n, open_loops) : op_operations(n));
  }
  return sum;
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* Marks what a group computes: its members, and what belongs to no group and is computed where it is read. */
static void mark_computed(const fusion *f, const group *g, bool *computed) {
  for (int i = 0; i < g->member_count; i++) computed[g->members[i]->id] = true;
  for (int id = f->graph->node_count - 1; id >= 0; id--) {
    const node *n = f->graph->nodes[id];
    for (int i = 0; computed[id] && i < n->operand_count; i++) {
      double value;
      const node *operand = n->operands[i];
      if (f->group_of[operand->id] < 0 && !node_is_splat(operand, &value)) computed[operand->id] = true;
    }
  }
}

static void add_operations(call_cost *c, const fusion *f, const group *g) {
  arena *a = arena_new();
  bool *computed = arena_array_of(a, f->graph->node_count, bool);
  mark_computed(f, g, computed);
  for (int id = 0; id < f->graph->node_count; id++) {
    const node *n = f->graph->nodes[id];
    if (!computed[id] || n->op == OP_LOOP) continue;
    int64_t operations = op_operations(n);
    add(&c->operations, operations);
    if (n->type.element == DTYPE_F64) add(&c->f64_operations, operations);
  }
  arena_free(a);
}

static int64_t bytes_of(const node *n, int64_t elements) {
  int64_t all = type_elements(&n->type);
  return op_times(elements < all ? elements : all, (int64_t)dtype_size(n->type.element));
}

static void add_group(call_cost *c, const group *g) {
  for (int i = 0; i < g->input_count; i++)
    add(&c->bytes_read, bytes_of(g->inputs[i], group_elements_read(g, g->inputs[i])));
  for (int i = 0; i < g->output_count; i++)
    add(&c->bytes_written, bytes_of(g->outputs[i], group_elements_written(g, g->outputs[i])));
}

/* A copy, or zeros. */
static void add_whole(call_cost *c, const loop_kernel *k) {
  for (int i = 0; i < k->parameter_count; i++) {
    const loop_buffer *b = k->parameters[i];
    int64_t bytes = (int64_t)dtype_size(b->type.element);
    for (int axis = 0; axis < b->rank; axis++) bytes = op_times(bytes, b->extents[axis]);
    if (b->access != LOOP_OUT) add(&c->bytes_read, bytes);
    if (b->access != LOOP_IN) add(&c->bytes_written, bytes);
  }
}

static bool is_in_place(const loop_kernel *k) {
  for (int i = 0; i < k->parameter_count; i++)
    if (k->parameters[i]->access == LOOP_OUT) return false;
  return true;
}

static call_cost cost_of_call(const module_code *code, const module_step *s, int64_t times) {
  call_cost c = {.call = s->call, .group = s->group, .times = times};
  c.in_place = is_in_place(s->call->kernel);
  if (s->group) {
    add_operations(&c, code->fusion, s->group);
    add_group(&c, s->group);
  } else {
    add_whole(&c, s->call->kernel);
  }
  return c;
}

static void list_costs(const module_code *code, int64_t times, call_cost *costs) {
  for (int i = 0; i < code->count; i++) {
    const module_step *s = &code->steps[i];
    if (s->call) costs[s->call->number] = cost_of_call(code, s, times);
    if (!s->loop) continue;
    const int64_t turns = op_times(times, counted_turns(s->loop->turns));
    list_costs(&s->loop->condition, turns, costs);
    list_costs(&s->loop->body, turns, costs);
  }
}

call_cost *cost_of_calls(arena *a, const module_entry *e, int *count) {
  module_calls(a, e, count);
  call_cost *costs = arena_array_of(a, *count, call_cost);
  list_costs(&e->code, 1, costs);
  return costs;
}

/* ---- entries --------------------------------------------------------------------------------- */

/* Slots are read in the entry's own graph: loops take them as invariants or carries. */
static bool touches(const graph *g, const int *uses, const char *path) {
  for (int i = 0; i < g->update_count; i++)
    if (strcmp(g->updates[i].name, path) == 0) return true;
  for (int id = 0; id < g->node_count; id++)
    if (uses[id] && g->nodes[id]->op == OP_SLOT && strcmp(node_text(g->nodes[id], 0), path) == 0)
      return true;
  return false;
}

static void add_parameters(arena *a, entry_cost *c, const program *p, const graph *g) {
  const int *uses = graph_uses(g, a);
  for (int i = 0; i < p->slot_count; i++) {
    const slot *s = &p->slots[i];
    if (s->kind != SLOT_PARAM || !touches(g, uses, s->path)) continue;
    add(&c->parameters, type_elements(&s->type));
    add(&c->parameter_bytes, type_bytes(&s->type));
  }
}

entry_cost cost_of_entry(arena *a, const module *m, const module_entry *e) {
  entry_cost c = {0};
  int count;
  const call_cost *calls = cost_of_calls(a, e, &count);
  for (int i = 0; i < count; i++) {
    add(&c.bytes_read, op_times(calls[i].times, calls[i].bytes_read));
    add(&c.bytes_written, op_times(calls[i].times, calls[i].bytes_written));
    add(&c.kernels, calls[i].times);
  }
  c.operations = graph_operations(a, e->graph, &c.open_loops);
  c.scratch_bytes = e->plan->scratch_bytes;
  c.scratch_bound = e->plan->bound;
  c.least_bound = e->scratch_bound;
  add_parameters(a, &c, m->program, e->graph);
  return c;
}
