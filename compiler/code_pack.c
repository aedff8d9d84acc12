/* Operands that are packed: in front of loops, or in front of the kernel that reads them. */
#include "code_builder.h"

static bool same_packing(const packing *x, const packing *y) {
  bool same = x->kernel == y->kernel && x->input_count == y->input_count;
  for (int i = 0; same && i < x->input_count; i++) same = x->inputs[i] == y->inputs[i];
  return same;
}

/* The number of a packing among those of the loop. */
static int add_packing(arena *a, planned_loop *l, packing p) {
  for (int i = 0; i < l->packing_count; i++)
    if (same_packing(&l->packings[i], &p)) return i;
  arena_push(a, l->packings, l->packing_count) = p;
  return l->packing_count - 1;
}

/* The value of what the loop around a body packs; it lies like an input behind those of the graph. */
static int packed_value(builder *b, int number) {
  while (b->packed_count <= number) arena_push(b->arena, b->packed, b->packed_count) = -1;
  if (b->packed[number] >= 0) return b->packed[number];
  plan_value v = plan_value_of("a packed operand", NULL, b->loop->packings[number].bytes);
  v.fixed = v.initial = v.final = true;
  v.place = (placement){.region = REGION_INPUT, .index = b->graph->input_count + number};
  return b->packed[number] = plan_add_value(b->arena, &b->plan, v);
}

static int input_number(const graph *g, const node *n) {
  for (int i = 0; i < g->input_count; i++)
    if (g->inputs[i].node == n) return i;
  return -1;
}

/* Calls what packs so many bytes, and returns their value; its inputs are to be added, and the value last. */
static int call_packing(builder *b, const loop_kernel *k, int64_t bytes) {
  arena_push(b->arena, b->steps, b->step_count) = (planned_step){.kernel = k};
  return plan_add_value(b->arena, &b->plan, plan_value_of("a packed operand", NULL, bytes));
}

/* Packs in front of the kernel that is to be called next. */
static int pack_once(builder *b, const packing *p, const group *g, int side) {
  const int value = call_packing(b, p->kernel, p->bytes);
  planned_step *c = &b->steps[b->step_count - 1];
  for (int i = 0; i < g->input_count; i++)
    if (group_packs(g, side, g->inputs[i])) code_add_argument(b, c, b->value_of[g->inputs[i]->id]);
  code_add_argument(b, c, value);
  return value;
}

int code_pack(builder *b, lowering *l, const group *g, int side) {
  loop_kernel *k = lower_packing(l, g, side);
  const loop_buffer *to = k->parameters[k->parameter_count - 1];
  packing p = {.kernel = code_settle_kernel(b->arena, b->module, k, "_pack"), .further = -1};
  p.bytes = to->extents[0] * (int64_t)dtype_size(to->type.element);
  if (contraction_packs_once(g->contraction, &g->schedule, side)) return pack_once(b, &p, g, side);
  for (int i = 0; i < g->input_count; i++)
    if (group_packs(g, side, g->inputs[i]))
      arena_push(b->arena, p.inputs, p.input_count) = input_number(b->graph, g->inputs[i]);
  return packed_value(b, add_packing(b->arena, b->loop, p));
}

/* The node whose value a loop's turns take as an input. */
static const node *outside_of(const planned_loop *l, int input) {
  return group_root(l->node->operands[l->shape.carries + input - 1]);
}

/* True where the turns of the loop around b find the same in all that is packed. */
static bool is_alike_around(const builder *b, const planned_loop *l, const packing *p) {
  bool alike = b->loop != NULL;
  for (int i = 0; alike && i < p->input_count; i++)
    alike = input_number(b->graph, outside_of(l, p->inputs[i])) > b->loop->shape.sequences;
  return alike;
}

void code_pack_further(builder *b, planned_loop *l) {
  for (int i = 0; i < l->packing_count; i++) {
    packing *p = &l->packings[i], outer = *p;
    if (!is_alike_around(b, l, p)) continue;
    outer.inputs = arena_array_of(b->arena, p->input_count, int);
    for (int k = 0; k < p->input_count; k++)
      outer.inputs[k] = input_number(b->graph, outside_of(l, p->inputs[k]));
    p->further = add_packing(b->arena, b->loop, outer);
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
    l->packed[i] = call_packing(b, p->kernel, p->bytes);
    plan_add_write(b->arena, s, l->packed[i]);
    planned_step *c = &b->steps[b->step_count - 1];
    for (int k = 0; k < p->input_count; k++)
      code_add_argument(b, c, b->value_of[outside_of(l, p->inputs[k])->id]);
    code_add_argument(b, c, l->packed[i]);
  }
}
