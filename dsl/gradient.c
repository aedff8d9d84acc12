#include "gradient.h"

#include <string.h>

#include "build.h"
#include "grad.h"
#include "operate.h"
#include "slots.h"

/* A reverse sweep that was made: later questions about the same loss are answered by it. */
typedef struct sweep {
  node *loss;
  node **wanted;
  int count;
  gradients *gradients;
} sweep;

value gradient_leaves(elaborator *e, value wanted) {
  return value_is(wanted, VALUE_INSTANCE) ? instance_slots(e, wanted.instance, SLOT_PARAM)
                                          : wanted;
}

static bool collect(elaborator *e, location at, value v, node ***nodes, int *count) {
  if (value_is_poison(v)) return false;
  if (value_is(v, VALUE_TUPLE)) {
    for (int i = 0; i < v.tuple->count; i++)
      if (!collect(e, at, v.tuple->items[i], nodes, count)) return false;
    return true;
  }
  if (value_is(v, VALUE_INSTANCE)) return collect(e, at, gradient_leaves(e, v), nodes, count);
  if (!value_is(v, VALUE_TENSOR) || !dtype_is_float(v.node->type.element)) {
    elaborator_error(e, at, "a gradient is taken with respect to floating tensors, not %s",
                     value_words(e->arena, v));
    return false;
  }
  if (!operate_reachable(e, at, v)) return false;
  arena_push(e->arena, *nodes, *count) = v.node;
  return true;
}

static bool sweep_has(const sweep *s, const node *n) {
  for (int i = 0; i < s->count; i++)
    if (s->wanted[i] == n) return true;
  return false;
}

static const sweep *find_sweep(elaborator *e, const node *loss, node *const *nodes, int count) {
  for (int i = 0; i < e->sweep_count; i++) {
    const sweep *s = &e->sweeps[i];
    int found = 0;
    while (s->loss == loss && found < count && sweep_has(s, nodes[found])) found++;
    if (s->loss == loss && found == count) return s;
  }
  return NULL;
}

/* A new sweep asks for the current versions of all parameters too, so that gradients taken one by
 * one cost one sweep. */
static const sweep *sweep_for(elaborator *e, node *loss, node **nodes, int count) {
  const sweep *known = find_sweep(e, loss, nodes, count);
  if (known) return known;
  sweep s = {.loss = loss};
  for (int i = 0; i < count; i++)
    if (!sweep_has(&s, nodes[i])) arena_push(e->arena, s.wanted, s.count) = nodes[i];
  for (int i = 0; i < e->slot_count; i++) {
    const slot_record *r = e->slots[i];
    if (r->graph == e->graph && r->slot.kind == SLOT_PARAM && r->current &&
        !sweep_has(&s, r->current))
      arena_push(e->arena, s.wanted, s.count) = r->current;
  }
  s.gradients = grad_sweep(e->graph, loss, s.count, s.wanted);
  arena_push(e->arena, e->sweeps, e->sweep_count) = s;
  return &e->sweeps[e->sweep_count - 1];
}

static value leaf_gradients(elaborator *e, const sweep *s, value v, bool *any) {
  if (value_is(v, VALUE_INSTANCE)) v = gradient_leaves(e, v);
  if (value_is(v, VALUE_TUPLE)) {
    tuple *t = tuple_like(e->arena, v.tuple);
    for (int i = 0; i < t->count; i++)
      t->items[i] = leaf_gradients(e, s, v.tuple->items[i], any);
    return (value){.kind = VALUE_TUPLE, .tuple = t};
  }
  node *g = grad_of(s->gradients, v.node);
  *any = *any || g;
  return value_tensor(g ? g : build_splat(e->graph, &v.node->type, 0));
}

/* The loss depends on none of the leaves: perhaps on an older version of one. */
static value independent(elaborator *e, location at, const sweep *s, node *const *nodes,
                         int count) {
  for (int i = 0; i < e->slot_count; i++) {
    const slot_record *r = e->slots[i];
    if (r->graph != e->graph || !r->written || !r->first) continue;
    for (int k = 0; k < count; k++)
      if (nodes[k] == r->current && grad_depends(e->graph, s->loss, r->first))
        return elaborator_error(e, at,
                                "the loss, computed at %s, depends on `%s` as it was before the "
                                "update at %s",
                                diag_place(e->arena, s->loss->at), r->slot.path,
                                diag_place(e->arena, r->written_at));
  }
  return elaborator_error(e, at, "the loss does not depend on this");
}

value gradient_of(elaborator *e, location at, value loss, value wanted) {
  node **nodes = NULL;
  int count = 0;
  if (value_is_poison(loss) || !collect(e, at, wanted, &nodes, &count)) return (value){0};
  if (!value_is(loss, VALUE_TENSOR) || loss.node->type.rank ||
      !dtype_is_float(loss.node->type.element))
    return elaborator_error(e, at, "a gradient is taken of a floating scalar, not of %s",
                            value_words(e->arena, loss));
  if (!count) return elaborator_error(e, at, "there is nothing to take a gradient for");
  if (!operate_reachable(e, at, loss)) return (value){0};
  e->graph->at = at;
  const sweep *s = sweep_for(e, loss.node, nodes, count);
  bool any = false;
  value result = leaf_gradients(e, s, wanted, &any);
  return any ? result : independent(e, at, s, nodes, count);
}
