#include "origin.h"

#include <math.h>

#include "element.h"
#include "op.h"
#include "scalar.h"

/* The values of a step, or of a turn, by node id: those that it read, and with them those that it computes. */
typedef struct step_values {
  tensor *const *read, *const *all;
} step_values;

static bool is_so_far(const step_values *s, const node *n, finiteness least) {
  return s->all[n->id] && finiteness_of(s->all[n->id]) >= least;
}

static const node *operand_so_far(const step_values *s, const node *n, finiteness least) {
  for (int i = 0; i < n->operand_count; i++)
    if (is_so_far(s, n->operands[i], least)) return n->operands[i];
  return NULL;
}

/* From a value that is not finite to one that is not, but whose operands are, or that was read. */
static const node *first_so_far(const step_values *s, const node *n, finiteness least) {
  const node *operand;
  while (!s->read[n->id] && (operand = operand_so_far(s, n, least))) n = operand;
  return n;
}

static origin origin_at(arena *a, const step_values *s, const node *n, finiteness least) {
  origin o = {.node = n, .value = s->all[n->id]};
  o.element = finiteness_place(o.value, least);
  o.operands = arena_array_of(a, n->operand_count, const tensor *);
  for (int i = 0; i < n->operand_count; i++) o.operands[i] = s->all[n->operands[i]->id];
  o.from_outside = operand_so_far(s, n, INFINITE) != NULL;
  return o;
}

/* The last node before what was read, on the way back. */
static const node *last_computed(const step_values *s, const node *n, finiteness least) {
  const node *operand;
  while ((operand = operand_so_far(s, n, least)) && !s->read[operand->id]) n = operand;
  return n;
}

static origin follow(arena *a, const step_values *s, const node *written, finiteness least) {
  const node *maker = last_computed(s, written, least);
  bool from_infinity = least == NOT_A_NUMBER && operand_so_far(s, maker, INFINITE);
  if (!from_infinity) return origin_at(a, s, maker, least);
  const node *first = first_so_far(s, maker, INFINITE);
  if (s->read[first->id]) return origin_at(a, s, maker, least);
  origin o = origin_at(a, s, first, INFINITE);
  o.not_a_number = maker;
  return o;
}

/* ---- inside loops ---------------------------------------------------------------------------- */

typedef struct turn_search {
  arena *arena;
  finiteness least;
  origin found;
} turn_search;

static const tensor *copied(arena *a, const tensor *t) { return t ? tensor_copy(a, t) : NULL; }

static bool any_so_far(const step_values *s, const graph_value *items, int count, finiteness least) {
  for (int i = 0; i < count; i++)
    if (is_so_far(s, items[i].node, least)) return true;
  return false;
}

/* The first turn that makes of what it is given what is not finite; the innermost loop's comes first. */
static void look_at_turn(void *context, const graph *g, const tensor *const *inputs, tensor *const *values) {
  turn_search *t = context;
  arena *a = t->arena;
  if (t->found.node) return;
  tensor **read = arena_array_of(a, g->node_count, tensor *);
  for (int i = 0; i < g->input_count; i++) read[g->inputs[i].node->id] = values[g->inputs[i].node->id];
  const step_values s = {read, values};
  if (any_so_far(&s, g->inputs, g->input_count, t->least)) return;
  for (int i = 0; i < g->output_count && !t->found.node; i++)
    if (is_so_far(&s, g->outputs[i].node, t->least)) t->found = follow(a, &s, g->outputs[i].node, t->least);
  t->found.turn = inputs[0]->ints[0];
  t->found.value = copied(a, t->found.value);
  for (int i = 0; t->found.node && i < t->found.node->operand_count; i++)
    t->found.operands[i] = copied(a, t->found.operands[i]);
}

/* Of a loop: in which turn, and by which operation of its body. Where none by itself does it, the loop. */
static origin inside_loop(const evaluation *e, const step_values *s, origin o) {
  const node *loop = o.node->op == OP_RESULT ? o.node->operands[0] : o.node;
  if (loop->op != OP_LOOP || s->read[loop->id]) return o;
  turn_search t = {.arena = e->arena, .least = finiteness_of(o.value)};
  evaluation again = *e;
  again.evaluated = look_at_turn, again.context = &t;
  const tensor **operands = arena_array_of(e->arena, loop->operand_count, const tensor *);
  for (int i = 0; i < loop->operand_count; i++) operands[i] = s->all[loop->operands[i]->id];
  op_definitions[OP_LOOP]->eval(&again, loop, operands, tensor_new(e->arena, &loop->type));
  if (!t.found.node) return o;
  t.found.loop = loop;
  t.found.from_outside = o.from_outside;
  if (!t.found.not_a_number) t.found.not_a_number = o.not_a_number;
  return t.found;
}

/* ---- of a step -------------------------------------------------------------------------------- */

origin origin_find(arena *a, const module_entry *entry, const capture *inputs, uint64_t seed,
                   uint64_t step, finiteness least) {
  const plan_step *p = &entry->plan->steps[inputs->step];
  tensor **all = arena_array_of(a, entry->graph->node_count, tensor *);
  const step_values s = {inputs->values, all};
  node **written = arena_array_of(a, p->write_count, node *);
  int count = 0;
  evaluation e = {.arena = a, .seed = seed, .step = step, .rounds = true};
  for (int id = 0; id < entry->graph->node_count; id++) all[id] = inputs->values[id];
  for (int i = 0; i < p->write_count; i++) { /* of a loop also what it keeps for itself, without a node */
    const node *n = entry->plan->values[p->writes[i]].node;
    if (n) written[count++] = entry->graph->nodes[n->id];
  }
  graph_eval_nodes(&e, entry->graph, all, count, written);
  for (int i = 0; i < count; i++)
    if (!inputs->values[written[i]->id] && is_so_far(&s, written[i], least))
      return inside_loop(&e, &s, follow(a, &s, written[i], least));
  return (origin){0};
}

/* ---- the message ----------------------------------------------------------------------------- */

static const char *name_of(const node *n) {
  return n->op == OP_MAP ? scalar_infos[n->function].name : op_infos[n->op].name;
}

/* "0.5 and 0": the operands of one element of a map. */
static const char *operands_text(arena *a, const origin *o) {
  const char *text = "";
  for (int i = 0; i < o->node->operand_count; i++)
    text = arena_printf(a, "%s%s%s", text, i ? " and " : "",
                        element_text(a, o->operands[i], o->element));
  return text;
}

/* "f32[64, 10], from 0 to 0.93, 3 of 640 elements not finite" */
static const char *range_text(arena *a, const tensor *t) {
  const char *type = type_text(a, &t->type), *rest = "";
  int64_t least = -1, most = -1, count = type_elements(&t->type), finite = 0;
  if (!dtype_is_float(t->type.element)) return type;
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite(t->reals[i])) continue;
    finite++;
    if (least < 0 || t->reals[i] < t->reals[least]) least = i;
    if (most < 0 || t->reals[i] > t->reals[most]) most = i;
  }
  if (finite < count)
    rest = arena_printf(a, ", %lld of %lld not finite", (long long)(count - finite),
                        (long long)count);
  if (!finite) return arena_printf(a, "%s%s", type, rest);
  return arena_printf(a, "%s, from %s to %s%s", type, element_text(a, t, least),
                      element_text(a, t, most), rest);
}

void origin_report(arena *a, diagnostics *d, const origin *o) {
  const node *n = o->node;
  const char *value = element_text(a, o->value, o->element);
  if (n->op == OP_MAP)
    diag_error(d, n->at, "%s of %s gives %s", name_of(n), operands_text(a, o), value);
  else
    diag_error(d, n->at, "%s gives %s", name_of(n), value);
  if (o->value->type.rank)
    diag_note(d, "  in its element %s of %s", element_place_text(a, &o->value->type, o->element),
              type_text(a, &o->value->type));
  for (int i = 0; i < n->operand_count; i++)
    if (o->operands[i]) diag_note(d, "  operand %d: %s", i + 1, range_text(a, o->operands[i]));
  if (o->loop) diag_note(d, "  in turn %lld of the loop at %s", (long long)o->turn, diag_place(a, o->loop->at));
  if (o->not_a_number)
    diag_note(d, "  of which %s at %s makes nan", name_of(o->not_a_number),
              diag_place(a, o->not_a_number->at));
}
