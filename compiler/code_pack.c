/* Operands that are packed: by prepare, in front of loops, or in front of the kernel that reads them. */
#include <math.h>

#include "code_builder.h"

int64_t code_packed_bytes(const loop_kernel *k) {
  const loop_buffer *to = k->parameters[k->parameter_count - 1];
  return to->extents[0] * (int64_t)dtype_size(to->type.element);
}

/* ---- for many runs of a graph ----------------------------------------------------------------- */

static bool same_packing(const packing *x, const packing *y) {
  bool same = x->kernel == y->kernel && x->input_count == y->input_count;
  for (int i = 0; same && i < x->input_count; i++) same = x->inputs[i] == y->inputs[i];
  return same;
}

/* The number among what the loop packs in front of its turns, of inputs of its body. */
static int add_packing(const builder *b, const loop_kernel *k, int count, const node *const *nodes) {
  planned_loop *l = b->loop;
  packing p = {.kernel = k, .input_count = count, .further = -1};
  p.inputs = arena_array_of(b->arena, count, int);
  for (int i = 0; i < count; i++) p.inputs[i] = graph_input_number(b->graph, nodes[i]);
  for (int i = 0; i < l->packing_count; i++)
    if (same_packing(&l->packings[i], &p)) return i;
  arena_push(b->arena, l->packings, l->packing_count) = p;
  return l->packing_count - 1;
}

static bool packs_same(const kernel_call *x, const kernel_call *y) {
  bool same = x->kernel == y->kernel;
  for (int i = 0; same && i + 1 < x->kernel->parameter_count; i++)
    same = x->arguments[i].offset == y->arguments[i].offset;
  return same;
}

/* The step of prepare that packs slots so, perhaps for another entry too. */
static int add_prepared(const builder *b, const loop_kernel *k, int count, const node *const *slots) {
  module *m = b->module;
  kernel_call *c = arena_new_of(b->arena, kernel_call);
  *c = (kernel_call){.kernel = k, .arguments = arena_array_of(b->arena, count + 1, placement)};
  for (int i = 0; i < count; i++) c->arguments[i] = code_slot_place(b, node_text(slots[i], 0));
  c->arguments[count] = (placement){.region = REGION_CONSTANTS, .offset = m->constant_bytes};
  for (int i = 0; i < m->prepare.count; i++)
    if (packs_same(m->prepare.steps[i].call, c)) return i;
  m->constant_bytes += plan_aligned(code_packed_bytes(k));
  arena_push(b->arena, m->prepare.steps, m->prepare.count) = (module_step){.call = c};
  return m->prepare.count - 1;
}

/* The number under which these nodes, which are alike in all runs of the graph, are packed for these. */
static int pack_for_all(const builder *b, const loop_kernel *k, int count, const node *const *nodes) {
  return b->loop ? add_packing(b, k, count, nodes) : add_prepared(b, k, count, nodes);
}

/* The value of what is packed under this number; in a body it lies like an input behind those of the graph. */
static int packed_value(builder *b, int number) {
  while (b->packed_count <= number) arena_push(b->arena, b->packed, b->packed_count) = -1;
  if (b->packed[number] >= 0) return b->packed[number];
  const kernel_call *prepared = b->loop ? NULL : b->module->prepare.steps[number].call;
  const loop_kernel *k = prepared ? prepared->kernel : b->loop->packings[number].kernel;
  plan_value v = plan_value_of("a packed operand", NULL, code_packed_bytes(k));
  v.fixed = v.initial = v.final = true;
  v.place = prepared ? prepared->arguments[k->parameter_count - 1]
                     : (placement){.region = REGION_INPUT, .index = b->graph->input_count + number};
  return b->packed[number] = plan_add_value(b->arena, &b->plan, v);
}

/* ---- groups ------------------------------------------------------------------------------------ */

/* Calls what packs, and returns the value of its result; its inputs are to be added, and the value last. */
static int call_packing(builder *b, const loop_kernel *k) {
  arena_push(b->arena, b->steps, b->step_count) = (planned_step){.kernel = k};
  return plan_add_value(b->arena, &b->plan, plan_value_of("a packed operand", NULL, code_packed_bytes(k)));
}

/* Packs in front of the kernel that is to be called next. */
static int pack_once(builder *b, const loop_kernel *k, int count, const node *const *nodes) {
  const int value = call_packing(b, k);
  planned_step *c = &b->steps[b->step_count - 1];
  for (int i = 0; i < count; i++) code_add_argument(b, c, b->value_of[nodes[i]->id]);
  code_add_argument(b, c, value);
  return value;
}

int code_pack(builder *b, lowering *l, const group *g, int side) {
  const loop_kernel *k = code_settle_kernel(b->arena, b->module, lower_packing(l, g, side), "_pack");
  const node **nodes = NULL;
  int count = 0;
  for (int i = 0; i < g->input_count; i++)
    if (group_packs(g, side, g->inputs[i])) arena_push(b->arena, nodes, count) = g->inputs[i];
  return contraction_packs_once(g->contraction, &g->schedule, side)
             ? pack_once(b, k, count, nodes)
             : packed_value(b, pack_for_all(b, k, count, nodes));
}

/* ---- loops ------------------------------------------------------------------------------------- */

const node *code_outside_of(const planned_loop *l, int input) {
  return group_root(l->node->operands[l->shape.carries + input - 1]);
}

void code_pack_further(builder *b, planned_loop *l) {
  for (int i = 0; i < l->packing_count; i++) {
    packing *p = &l->packings[i];
    const node **outside = arena_array_of(b->arena, p->input_count, const node *);
    double runs = b->runs.constants;
    for (int k = 0; k < p->input_count; k++) {
      outside[k] = code_outside_of(l, p->inputs[k]);
      runs = fmin(runs, fuse_runs_alike(&b->runs, b->graph, outside[k]));
    }
    if (runs > 1) p->further = pack_for_all(b, p->kernel, p->input_count, outside);
  }
}

void code_call_packings(builder *b, planned_loop *l, plan_step *s) {
  l->packed = arena_array_of(b->arena, l->packing_count, int);
  for (int i = 0; i < l->packing_count; i++) {
    const packing *p = &l->packings[i];
    if (p->further >= 0) {
      l->packed[i] = packed_value(b, p->further);
      plan_add_read(b->arena, s, l->packed[i]);
      continue;
    }
    l->packed[i] = call_packing(b, p->kernel);
    plan_add_write(b->arena, s, l->packed[i]);
    planned_step *c = &b->steps[b->step_count - 1];
    for (int k = 0; k < p->input_count; k++)
      code_add_argument(b, c, b->value_of[code_outside_of(l, p->inputs[k])->id]);
    code_add_argument(b, c, l->packed[i]);
  }
}
