/* The graph interpreter: every live node in order, by its operator's eval. */
#include <math.h>
#include <string.h>

#include "half.h"
#include "op.h"

tensor *tensor_new(arena *a, const tensor_type *type) {
  tensor *t = arena_new_of(a, tensor);
  size_t elements = (size_t)type_elements(type);
  t->type = *type;
  if (dtype_is_float(type->element))
    t->reals = arena_array_of(a, elements, double);
  else
    t->ints = arena_array_of(a, elements, int64_t);
  return t;
}

_Static_assert(sizeof(double) == sizeof(int64_t), "reals and ints are copied alike");

tensor *tensor_copy(arena *a, const tensor *from) {
  tensor *copy = tensor_new(a, &from->type);
  memcpy(copy->reals, from->reals, (size_t)type_elements(&from->type) * sizeof *from->reals);
  return copy;
}

void tensor_copy_element(const tensor *from, int64_t from_offset, tensor *to, int64_t to_offset) {
  if (dtype_is_float(to->type.element))
    to->reals[to_offset] = from->reals[from_offset];
  else
    to->ints[to_offset] = from->ints[from_offset];
}

static const tensor *value_of_input(const graph *g, const tensor *const *inputs, const node *n) {
  for (int i = 0; i < g->input_count; i++)
    if (g->inputs[i].node == n) return inputs[i];
  internal_error("graph %s: node %d is an input that the graph does not list", g->name, n->id);
}

static const tensor *value_of_slot(const graph *g, tensor_of_slot value_at, void *context,
                                   const node *n) {
  const tensor *value = value_at ? value_at(context, node_text(n, 0)) : NULL;
  if (!value) internal_error("graph %s: slot %s has no value", g->name, node_text(n, 0));
  return value;
}

/* Veltkamp's splitting: the sum and its difference round away the low bits. */
static double rounded(double x, int bits) {
  double spread = x * (ldexp(1, 53 - bits) + 1), result = spread - (spread - x);
  return isfinite(result) ? result : x;
}

/* The significant bits that estimates keep. */
static int kept_bits(dtype element, int lost) {
  switch (element) {
    case DTYPE_BF16: return 8 - lost / 2;
    case DTYPE_F16: return 11 - lost / 2;
    case DTYPE_F32: return 24 - lost;
    default: return 53 - lost;
  }
}

static void round_reals(tensor *t, const evaluation *e) {
  dtype element = t->type.element;
  int64_t count = type_elements(&t->type);
  int bits = kept_bits(element, e->lost_bits);
  bool coarse = e->rounds && e->lost_bits > 0, single = e->rounds && element == DTYPE_F32;
  if (!dtype_is_float(element) || !(coarse || single || half_is(element))) return;
  for (int64_t i = 0; i < count; i++) {
    if (coarse) t->reals[i] = rounded(t->reals[i], bits);
    else if (single) t->reals[i] = (double)(float)t->reals[i];
    t->reals[i] = half_round(element, t->reals[i]);
  }
}

/* Where an evaluation has turns that the noted one had not, their values are their own. */
static void hold(held_values *h, tensor *value) {
  const size_t bytes = (size_t)type_elements(&value->type) * sizeof(double);
  if (!h->known) {
    arena_push(h->arena, h->values, h->count) = tensor_copy(h->arena, value);
  } else if (h->next < h->count) {
    const tensor *kept = h->values[h->next++];
    if (type_equal(&kept->type, &value->type)) memcpy(value->reals, kept->reals, bytes);
  }
}

static tensor *computed(const evaluation *e, const node *n, tensor *const *values) {
  const tensor **operands = arena_array_of(e->arena, n->operand_count, const tensor *);
  for (int i = 0; i < n->operand_count; i++) operands[i] = values[n->operands[i]->id];
  tensor *result = tensor_new(e->arena, &n->type);
  op_definitions[n->op]->eval(e, n, operands, result);
  round_reals(result, e);
  if (e->held && n->op == OP_MAP && n->function == SCALAR_STOP) hold(e->held, result);
  return result;
}

static tensor *copy_value(const evaluation *e, const graph *g, const tensor *value,
                          const node *n) {
  if (!type_equal(&value->type, &n->type))
    internal_error("graph %s: a value of type %s for %s", g->name,
                   type_text(e->arena, &value->type), type_text(e->arena, &n->type));
  return tensor_copy(e->arena, value);
}

void graph_eval_nodes(const evaluation *e, const graph *g, tensor **values, int count,
                      node *const *wanted) {
  bool *needed = arena_array_of(e->arena, g->node_count, bool);
  for (int i = 0; i < count; i++) needed[wanted[i]->id] = true;
  for (int id = g->node_count - 1; id >= 0; id--)
    for (int i = 0; needed[id] && !values[id] && i < g->nodes[id]->operand_count; i++)
      needed[g->nodes[id]->operands[i]->id] = true;
  for (int id = 0; id < g->node_count; id++)
    if (needed[id] && !values[id]) values[id] = computed(e, g->nodes[id], values);
}

void graph_eval(const evaluation *e, const graph *g, const tensor *const *inputs,
                tensor_of_slot value_at, void *slot_context, tensor **outputs, tensor **updates) {
  tensor **values = arena_array_of(e->arena, g->node_count, tensor *);
  const int *uses = graph_uses(g, e->arena);
  node **results = arena_array_of(e->arena, g->output_count + g->update_count, node *);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (uses[id] > 0 && n->op == OP_INPUT)
      values[id] = copy_value(e, g, value_of_input(g, inputs, n), n);
    if (uses[id] > 0 && n->op == OP_SLOT)
      values[id] = copy_value(e, g, value_of_slot(g, value_at, slot_context, n), n);
  }
  for (int i = 0; i < g->output_count; i++) results[i] = g->outputs[i].node;
  for (int i = 0; i < g->update_count; i++) results[g->output_count + i] = g->updates[i].node;
  graph_eval_nodes(e, g, values, g->output_count + g->update_count, results);
  if (e->evaluated) e->evaluated(e->context, g, inputs, values);
  for (int i = 0; i < g->output_count; i++) outputs[i] = values[g->outputs[i].node->id];
  for (int i = 0; i < g->update_count; i++) updates[i] = values[g->updates[i].node->id];
}
