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

void tensor_copy_element(const tensor *from, int64_t from_offset, tensor *to, int64_t to_offset) {
  if (dtype_is_float(to->type.element))
    to->reals[to_offset] = from->reals[from_offset];
  else
    to->ints[to_offset] = from->ints[from_offset];
}

/* What a walk over the graph has so far. */
typedef struct state {
  const evaluation *evaluation;
  const graph *graph;
  const tensor *const *inputs;
  tensor_of_slot slot;
  void *slot_context;
  tensor **values; /* by node id */
} state;

static const tensor *value_of_input(const state *s, const node *n) {
  for (int i = 0; i < s->graph->input_count; i++)
    if (s->graph->inputs[i].node == n) return s->inputs[i];
  internal_error("graph %s: node %d is an input that the graph does not list", s->graph->name,
                 n->id);
}

static const tensor *value_of_slot(const state *s, const node *n) {
  const tensor *value = s->slot ? s->slot(s->slot_context, node_text(n, 0)) : NULL;
  if (!value) internal_error("graph %s: slot %s has no value", s->graph->name, node_text(n, 0));
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
  bool coarse = e->rounds && bits < 53;
  if (!dtype_is_float(element) || !(coarse || half_is(element))) return;
  for (int64_t i = 0; i < count; i++) {
    if (coarse) t->reals[i] = rounded(t->reals[i], bits);
    t->reals[i] = half_round(element, t->reals[i]);
  }
}

static tensor *computed(const state *s, const node *n) {
  const tensor **operands = arena_array_of(s->evaluation->arena, n->operand_count, const tensor *);
  for (int i = 0; i < n->operand_count; i++) operands[i] = s->values[n->operands[i]->id];
  tensor *result = tensor_new(s->evaluation->arena, &n->type);
  op_definitions[n->op]->eval(s->evaluation, n, operands, result);
  round_reals(result, s->evaluation);
  return result;
}

static tensor *copy_value(const state *s, const tensor *value, const node *n) {
  if (!type_equal(&value->type, &n->type))
    internal_error("graph %s: a value of type %s for %s", s->graph->name,
                   type_text(s->evaluation->arena, &value->type),
                   type_text(s->evaluation->arena, &n->type));
  tensor *copy = tensor_new(s->evaluation->arena, &n->type);
  memcpy(copy->reals, value->reals, (size_t)type_elements(&n->type) * sizeof(double));
  return copy;
}
_Static_assert(sizeof(double) == sizeof(int64_t), "reals and ints are copied alike");

static tensor *value_of(const state *s, const node *n) {
  if (n->op == OP_INPUT) return copy_value(s, value_of_input(s, n), n);
  if (n->op == OP_SLOT) return copy_value(s, value_of_slot(s, n), n);
  return computed(s, n);
}

void graph_eval(const evaluation *e, const graph *g, const tensor *const *inputs,
                tensor_of_slot value_at, void *slot_context, tensor **outputs, tensor **updates) {
  tensor **values = arena_array_of(e->arena, g->node_count, tensor *);
  const state s = {e, g, inputs, value_at, slot_context, values};
  const int *uses = graph_uses(g, e->arena);
  for (int id = 0; id < g->node_count; id++)
    if (uses[id] > 0) values[id] = value_of(&s, g->nodes[id]);
  for (int i = 0; i < g->output_count; i++) outputs[i] = values[g->outputs[i].node->id];
  for (int i = 0; i < g->update_count; i++) updates[i] = values[g->updates[i].node->id];
}
