#include "gradient.h"

#include <string.h>

#include "build.h"
#include "grad.h"
#include "linear.h"
#include "operate.h"
#include "slots.h"
#include "take_in.h"
#include "written.h"

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

/* The value as it is differentiated by these nodes. */
static node *differentiable(elaborator *e, node *n, int count, node *const *wanted) {
  return written_between(e, take_in(e, n, count, wanted), count, wanted);
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

/* Poison, after an error, where the loss depends not on a leaf, but on what it was before an update. */
static value check_versions(elaborator *e, location at, const sweep *s, node *const *nodes, int count) {
  for (int i = 0; i < e->slot_count; i++) {
    const slot_record *r = e->slots[i];
    if (r->graph != e->graph || !r->written || !r->first) continue;
    for (int k = 0; k < count; k++)
      if (nodes[k] == r->current && !grad_of(s->gradients, nodes[k]) && grad_depends(e->graph, s->loss, r->first))
        return elaborator_error(e, at,
                                "the loss, computed at %s, depends on `%s` as it was before the "
                                "update at %s",
                                diag_place(e->arena, s->loss->at), r->slot.path,
                                diag_place(e->arena, r->written_at));
  }
  return value_none();
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
  e->graph->at = elaborator_place(e, at);
  int errors = diag_count(e->diagnostics);
  const sweep *s = sweep_for(e, differentiable(e, loss.node, count, nodes), nodes, count);
  if (errors != diag_count(e->diagnostics)) {
    elaborator_path(e);
    return (value){0};
  }
  bool any = false;
  value result = leaf_gradients(e, s, wanted, &any);
  if (value_is_poison(check_versions(e, at, s, nodes, count))) return (value){0};
  if (any) return result;
  return elaborator_error(e, at, "the loss does not depend on this%s", take_in_advice(e, count, nodes));
}

/* --- forward mode --------------------------------------------------------------------------- */

/* x + y of scalars, widened; x is NULL at first. */
static node *add_scalar(graph *g, node *x, node *y) {
  if (!x || !y) return y;
  dtype element;
  if (!dtype_promote(x->type.element, y->type.element, &element)) element = DTYPE_F32;
  if (x->type.element != element) x = build_cast(g, x, element);
  if (y->type.element != element) y = build_cast(g, y, element);
  return build_map2(g, SCALAR_ADD, x, y);
}

static node *inner_product(graph *g, node *x, node *y) {
  int64_t axes[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) axes[i] = i;
  return build_reduce(g, OP_SUM, build_map2(g, SCALAR_MUL, x, y), x->type.rank, axes);
}

/* Adds the inner products of the direction's leaves with the gradients at those of `wanted`. */
static bool along(elaborator *e, location at, const gradients *s, value wanted, value direction,
                  node **sum) {
  wanted = gradient_leaves(e, wanted);
  direction = gradient_leaves(e, direction);
  if (value_is_poison(direction)) return false;
  if (value_is(wanted, VALUE_TUPLE)) {
    const tuple *x = wanted.tuple, *v = value_is(direction, VALUE_TUPLE) ? direction.tuple : NULL;
    bool spread = value_is(direction, VALUE_NUMBER);
    if (!spread && (!v || v->count != x->count)) {
      elaborator_error(e, at, "the direction is a tuple of %d, not %s", x->count,
                       value_words(e->arena, direction));
      return false;
    }
    for (int i = 0; i < x->count; i++) {
      int found = v && x->keys && x->keys[i] ? tuple_find(v, x->keys[i]) : -1;
      value leaf = v ? v->items[found >= 0 ? found : i] : direction;
      if (!along(e, at, s, x->items[i], leaf, sum)) return false;
    }
    return true;
  }
  node *v = operate_convert(e, at, direction, &wanted.node->type, false, "the direction");
  node *g = grad_of(s, wanted.node);
  if (v && g) *sum = add_scalar(e->graph, *sum, inner_product(e->graph, g, v));
  return v;
}

/* The gradient of the linear form at each cotangent, shaped like y. */
static value tangents(elaborator *e, const gradients *s, value y, node *const *cotangents,
                      int *next) {
  y = gradient_leaves(e, y);
  if (value_is(y, VALUE_TUPLE)) {
    tuple *t = tuple_like(e->arena, y.tuple);
    for (int i = 0; i < t->count; i++)
      t->items[i] = tangents(e, s, y.tuple->items[i], cotangents, next);
    return (value){.kind = VALUE_TUPLE, .tuple = t};
  }
  node *u = cotangents[(*next)++], *g = s ? grad_of(s, u) : NULL;
  return value_tensor(g ? g : build_splat(e->graph, &u->type, 0));
}

value gradient_along(elaborator *e, location at, value y, value wanted, value direction) {
  graph *g = e->graph;
  node **from = NULL, **to = NULL, *form = NULL, *linear = NULL;
  int from_count = 0, to_count = 0, next = 0;
  if (!collect(e, at, wanted, &from, &from_count) || !collect(e, at, y, &to, &to_count))
    return (value){0};
  if (!from_count || !to_count)
    return elaborator_error(e, at, "there is nothing to differentiate");
  g->at = elaborator_place(e, at);
  node **cotangents = arena_array_of(e->arena, to_count, node *);
  for (int i = 0; i < to_count; i++) {
    node *to_differentiate = differentiable(e, to[i], from_count, from);
    cotangents[i] = build_splat(g, &to_differentiate->type, 0);
    form = add_scalar(g, form, inner_product(g, to_differentiate, cotangents[i]));
  }
  const int errors = diag_count(e->diagnostics);
  const gradients *back = grad_sweep(g, form, from_count, from);
  if (diag_count(e->diagnostics) > errors) return (value){0};
  if (!elaborator_at(e, at) || !along(e, at, back, wanted, direction, &linear)) return (value){0};
  if (!linear)
    return elaborator_error(e, at, "the value does not depend on this%s", take_in_advice(e, from_count, from));
  const node *obstacle = linear_obstacle(g, linear, to_count, cotangents);
  if (obstacle)
    return elaborator_error(e, obstacle->at, "the jvp at %s needs derivative rules that are linear in "
                            "the gradient that they are given, which this is not",
                            diag_place(e->arena, at));
  return tangents(e, grad_sweep(g, linear, to_count, cotangents), y, cotangents, &next);
}
