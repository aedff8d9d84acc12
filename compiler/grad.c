#include "grad.h"

#include "build.h"
#include "op.h"

/* The cotangents that the users of one node have given so far. */
typedef struct contributions {
  node **items;
  int items_count;
} contributions;

struct gradients {
  int count;   /* nodes up to the loss */
  node **sums; /* by node id; NULL: none arrived */
};

/* Marks the nodes from which one of the marked ones can be reached through operators that have a
 * derivative; ids up to and including last. */
static void mark_dependents(const graph *g, int last, bool *marked) {
  for (int id = 0; id <= last; id++) {
    const node *n = g->nodes[id];
    if (marked[id] || !op_definitions[n->op]->grad || !dtype_is_float(n->type.element)) continue;
    for (int i = 0; i < n->operand_count && !marked[id]; i++)
      marked[id] = marked[n->operands[i]->id];
  }
}

/* In pairs, then pairs of pairs, so that rounding grows with the logarithm of the count. */
static node *pairwise_sum(graph *g, node **items, int count) {
  if (count == 0) return NULL;
  if (count == 1) return items[0];
  node *first = pairwise_sum(g, items, count - count / 2);
  node *second = pairwise_sum(g, items + count - count / 2, count / 2);
  return build_map2(g, SCALAR_ADD, first, second);
}

static void pull_back(graph *g, const node *n, node *cotangent, const bool *depends,
                      contributions *all) {
  bool *wanted = arena_array_of(g->arena, n->operand_count, bool);
  node **given = arena_array_of(g->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) wanted[i] = depends[n->operands[i]->id];
  op_definitions[n->op]->grad(g, n, cotangent, wanted, given);
  for (int i = 0; i < n->operand_count; i++) {
    if (!given[i]) continue;
    ensure(wanted[i] && type_equal(&given[i]->type, &n->operands[i]->type));
    contributions *to = &all[n->operands[i]->id];
    arena_push(g->arena, to->items, to->items_count) = given[i];
  }
}

static bool pulls_back(const node *n, const bool *depends) {
  bool any = false;
  for (int i = 0; i < n->operand_count; i++) any = any || depends[n->operands[i]->id];
  return any && op_definitions[n->op]->grad;
}

gradients *grad_sweep(graph *g, node *loss, int wanted_count, node *const *wanted) {
  ensure(dtype_is_float(loss->type.element) && loss->type.rank == 0);
  gradients *s = arena_new_of(g->arena, gradients);
  s->count = loss->id + 1;
  s->sums = arena_array_of(g->arena, s->count, node *);
  bool *depends = arena_array_of(g->arena, g->node_count, bool);
  for (int i = 0; i < wanted_count; i++)
    if (dtype_is_float(wanted[i]->type.element)) depends[wanted[i]->id] = true;
  mark_dependents(g, loss->id, depends);
  if (!depends[loss->id]) return s;
  contributions *all = arena_array_of(g->arena, s->count, contributions);
  location at = g->at;
  g->at = loss->at;
  arena_push(g->arena, all[loss->id].items, all[loss->id].items_count) =
      build_real(g, loss->type.element, 1);
  for (int id = loss->id; id >= 0; id--) {
    const node *n = g->nodes[id];
    g->at = n->at;
    s->sums[id] = pairwise_sum(g, all[id].items, all[id].items_count);
    if (s->sums[id] && pulls_back(n, depends)) pull_back(g, n, s->sums[id], depends, all);
  }
  g->at = at;
  return s;
}

node *grad_of(const gradients *s, const node *wanted) {
  return wanted->id < s->count ? s->sums[wanted->id] : NULL;
}

bool grad_depends(const graph *g, const node *value, const node *x) {
  if (x->id > value->id || !dtype_is_float(x->type.element)) return false;
  arena *scratch = arena_new();
  bool *marked = arena_array_of(scratch, value->id + 1, bool);
  marked[x->id] = true;
  mark_dependents(g, value->id, marked);
  bool depends = marked[value->id];
  arena_free(scratch);
  return depends;
}
