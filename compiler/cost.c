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

static int64_t bytes_of(const node *n, int64_t elements) {
  int64_t all = type_elements(&n->type);
  return op_times(elements < all ? elements : all, (int64_t)dtype_size(n->type.element));
}

static void add_group(entry_cost *c, const group *g) {
  for (int i = 0; i < g->input_count; i++)
    add(&c->bytes_read, bytes_of(g->inputs[i], group_elements_read(g, g->inputs[i])));
  for (int i = 0; i < g->output_count; i++)
    add(&c->bytes_written, bytes_of(g->outputs[i], group_elements_written(g, g->outputs[i])));
}

/* A copy, or zeros. */
static void add_whole(entry_cost *c, const loop_kernel *k) {
  for (int i = 0; i < k->parameter_count; i++) {
    const loop_buffer *b = k->parameters[i];
    int64_t bytes = (int64_t)dtype_size(b->type.element);
    for (int axis = 0; axis < b->rank; axis++) bytes = op_times(bytes, b->extents[axis]);
    if (b->access != LOOP_OUT) add(&c->bytes_read, bytes);
    if (b->access != LOOP_IN) add(&c->bytes_written, bytes);
  }
}

static entry_cost code_cost(const module_code *code);

static entry_cost loop_cost(const module_loop *l) {
  entry_cost sum = code_cost(&l->body), condition = code_cost(&l->condition);
  const int64_t turns = counted_turns(l->turns);
  add(&sum.bytes_read, condition.bytes_read);
  add(&sum.bytes_written, condition.bytes_written);
  add(&sum.kernels, condition.kernels);
  return (entry_cost){.bytes_read = op_times(turns, sum.bytes_read),
                      .bytes_written = op_times(turns, sum.bytes_written),
                      .kernels = op_times(turns, sum.kernels)};
}

static entry_cost code_cost(const module_code *code) {
  entry_cost sum = {0};
  for (int i = 0; i < code->count; i++) {
    const module_step *s = &code->steps[i];
    if (s->loop) {
      entry_cost inner = loop_cost(s->loop);
      add(&sum.bytes_read, inner.bytes_read);
      add(&sum.bytes_written, inner.bytes_written);
      add(&sum.kernels, inner.kernels);
      continue;
    }
    add(&sum.kernels, 1);
    if (s->group) add_group(&sum, s->group);
    else add_whole(&sum, s->call->kernel);
  }
  return sum;
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
  entry_cost c = code_cost(&e->code);
  c.operations = graph_operations(a, e->graph, &c.open_loops);
  c.scratch_bytes = e->plan->scratch_bytes;
  c.scratch_bound = e->plan->bound;
  c.least_bound = e->scratch_bound;
  add_parameters(a, &c, m->program, e->graph);
  return c;
}
