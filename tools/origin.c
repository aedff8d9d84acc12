#include "origin.h"

#include <math.h>

#include "element.h"
#include "op.h"
#include "scalar.h"

/* The values of a step: those that its kernel read, and those that it computes. */
typedef struct step_values {
  const capture *read;
  tensor **all; /* by node id */
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
  while (!s->read->values[n->id] && (operand = operand_so_far(s, n, least))) n = operand;
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
  while ((operand = operand_so_far(s, n, least)) && !s->read->values[operand->id]) n = operand;
  return n;
}

static origin follow(arena *a, const step_values *s, const node *written, finiteness least) {
  const node *maker = last_computed(s, written, least);
  bool from_infinity = least == NOT_A_NUMBER && operand_so_far(s, maker, INFINITE);
  if (!from_infinity) return origin_at(a, s, maker, least);
  const node *first = first_so_far(s, maker, INFINITE);
  if (s->read->values[first->id]) return origin_at(a, s, maker, least);
  origin o = origin_at(a, s, first, INFINITE);
  o.not_a_number = maker;
  return o;
}

origin origin_find(arena *a, const module_entry *entry, const capture *inputs, uint64_t seed,
                   uint64_t step, finiteness least) {
  const plan_step *p = &entry->plan->steps[inputs->step];
  step_values s = {inputs, arena_array_of(a, entry->graph->node_count, tensor *)};
  node **written = arena_array_of(a, p->write_count, node *);
  evaluation e = {.arena = a, .seed = seed, .step = step, .rounds = true};
  for (int id = 0; id < entry->graph->node_count; id++) s.all[id] = inputs->values[id];
  for (int i = 0; i < p->write_count; i++)
    written[i] = entry->graph->nodes[entry->plan->values[p->writes[i]].node->id];
  graph_eval_nodes(&e, entry->graph, s.all, p->write_count, written);
  for (int i = 0; i < p->write_count; i++)
    if (!inputs->values[written[i]->id] && is_so_far(&s, written[i], least))
      return follow(a, &s, written[i], least);
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
  if (o->not_a_number)
    diag_note(d, "  of which %s at %s makes nan", name_of(o->not_a_number),
              diag_place(a, o->not_a_number->at));
}
