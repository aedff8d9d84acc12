#include "grad.h"

#include "build.h"
#include "grad_loop.h"
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

void grad_operands(const node *n, int *first, int *end) {
  *first = n->op == OP_RULE;
  *end = n->op == OP_RULE ? 1 + (int)node_int(n, 0) : n->operand_count;
}

static bool any_operand(const node *n, const bool *marked) {
  int first, end;
  grad_operands(n, &first, &end);
  bool any = false;
  for (int i = first; i < end; i++) any = any || marked[n->operands[i]->id];
  return any;
}

/* Marks what depends on the marked nodes through operators that have a derivative; ids up to and
 * including last. */
static void mark_dependents(arena *a, const graph *g, int last, bool *marked) {
  bool **results = arena_array_of(a, last + 1, bool *); /* of loops, by their ids */
  for (int id = 0; id <= last; id++) {
    const node *n = g->nodes[id];
    if (n->op == OP_LOOP) {
      bool *operands = arena_array_of(a, n->operand_count, bool);
      for (int i = 0; i < n->operand_count; i++) operands[i] = marked[n->operands[i]->id];
      results[id] = arena_array_of(a, loop_shape_of(n).body->output_count, bool);
      loop_dependence(a, n, operands, results[id]);
    }
    if (op_has(n->op, LOOP)) {
      const node *loop = n->op == OP_LOOP ? n : n->operands[0];
      marked[id] = marked[id] || results[loop->id][result_number(n)];
      continue;
    }
    if (marked[id] || !op_definitions[n->op]->grad || !dtype_is_float(n->type.element)) continue;
    marked[id] = any_operand(n, marked);
  }
}

bool *grad_marks(arena *a, const graph *g, const bool *from) {
  bool *marked = arena_array_of(a, g->node_count, bool);
  for (int id = 0; id < g->node_count; id++) marked[id] = from[id];
  if (g->node_count) mark_dependents(a, g, g->node_count - 1, marked);
  return marked;
}

/* In pairs, then pairs of pairs, so that rounding grows with the logarithm of the count. */
static node *pairwise_sum(graph *g, node **items, int count) {
  if (count == 0) return NULL;
  if (count == 1) return items[0];
  node *first = pairwise_sum(g, items, count - count / 2);
  node *second = pairwise_sum(g, items + count - count / 2, count / 2);
  return build_map2(g, SCALAR_ADD, first, second);
}

/* A loop's cotangents are those of all its results. */
static node **result_cotangents(graph *g, const node *loop, node *const *sums, int last) {
  node **given = arena_array_of(g->arena, loop_shape_of(loop).body->output_count, node *);
  given[0] = sums[loop->id];
  for (int id = loop->id + 1; id <= last; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_RESULT || n->operands[0] != loop || !sums[id]) continue;
    node **sum = &given[result_number(n)];
    *sum = *sum ? build_map2(g, SCALAR_ADD, *sum, sums[id]) : sums[id];
  }
  return given;
}

/* As loop_pull_back, to whose sums is added what has arrived at the invariants: it is taken from there. */
static void pull_back_loop(graph *g, const node *n, node *const *cotangents, const bool *wanted,
                           node **given, contributions *all) {
  const loop_shape s = loop_shape_of(n);
  node **sums = arena_array_of(g->arena, n->operand_count, node *);
  for (int i = s.carries + s.sequences; i < n->operand_count; i++) {
    bool again = false;
    for (int k = 0; k < i; k++) again = again || n->operands[k] == n->operands[i];
    const contributions *to = &all[n->operands[i]->id];
    if (wanted[i] && !again) sums[i] = pairwise_sum(g, to->items, to->items_count);
  }
  loop_pull_back(g, n, cotangents, wanted, sums, given);
  for (int i = 0; i < n->operand_count; i++)
    if (given[i] && sums[i]) all[n->operands[i]->id].items_count = 0;
}

static void pull_back(graph *g, const node *n, node *const *sums, int last, const bool *depends,
                      contributions *all) {
  bool *wanted = arena_array_of(g->arena, n->operand_count, bool);
  node **given = arena_array_of(g->arena, n->operand_count, node *);
  int first, end;
  grad_operands(n, &first, &end);
  for (int i = first; i < end; i++) wanted[i] = depends[n->operands[i]->id];
  if (n->op == OP_LOOP)
    pull_back_loop(g, n, result_cotangents(g, n, sums, last), wanted, given, all);
  else
    op_definitions[n->op]->grad(g, n, sums[n->id], wanted, given);
  for (int i = 0; i < n->operand_count; i++) {
    if (!given[i]) continue;
    ensure(wanted[i] && type_equal(&given[i]->type, &n->operands[i]->type));
    contributions *to = &all[n->operands[i]->id];
    arena_push(g->arena, to->items, to->items_count) = given[i];
  }
}

/* True where the node passes cotangents on; loops have them from their results. */
static bool pulls_back(const node *n, node *const *sums, const bool *depends, const bool *arrived) {
  bool any = any_operand(n, depends);
  if (n->op == OP_LOOP) return any && arrived[n->id];
  return any && sums[n->id] && op_definitions[n->op]->grad;
}

gradients *grad_sweep_from(graph *g, int root_count, node *const *roots, node *const *cotangents,
                           int wanted_count, node *const *wanted) {
  gradients *s = arena_new_of(g->arena, gradients);
  int last = -1;
  for (int i = 0; i < root_count; i++)
    if (roots[i]->id > last) last = roots[i]->id;
  s->count = last + 1;
  s->sums = arena_array_of(g->arena, s->count, node *);
  bool *depends = arena_array_of(g->arena, g->node_count, bool);
  bool *arrived = arena_array_of(g->arena, g->node_count, bool); /* at a loop or one of its results */
  for (int i = 0; i < wanted_count; i++)
    if (dtype_is_float(wanted[i]->type.element)) depends[wanted[i]->id] = true;
  mark_dependents(g->arena, g, last, depends);
  contributions *all = arena_array_of(g->arena, s->count, contributions);
  location at = g->at;
  for (int i = 0; i < root_count; i++) {
    contributions *to = &all[roots[i]->id];
    if (depends[roots[i]->id]) arena_push(g->arena, to->items, to->items_count) = cotangents[i];
  }
  for (int id = last; id >= 0; id--) {
    const node *n = g->nodes[id];
    g->at = n->at;
    s->sums[id] = pairwise_sum(g, all[id].items, all[id].items_count);
    if (op_has(n->op, LOOP) && s->sums[id])
      arrived[n->op == OP_LOOP ? id : n->operands[0]->id] = true;
    if (pulls_back(n, s->sums, depends, arrived)) pull_back(g, n, s->sums, last, depends, all);
  }
  g->at = at;
  return s;
}

gradients *grad_sweep(graph *g, node *loss, int wanted_count, node *const *wanted) {
  ensure(dtype_is_float(loss->type.element) && loss->type.rank == 0);
  location at = g->at;
  g->at = loss->at;
  node *one = build_real(g, loss->type.element, 1);
  g->at = at;
  return grad_sweep_from(g, 1, &loss, &one, wanted_count, wanted);
}

node *grad_of(const gradients *s, const node *wanted) {
  return wanted->id < s->count ? s->sums[wanted->id] : NULL;
}

bool grad_depends(const graph *g, const node *value, const node *x) {
  if (x->id > value->id || !dtype_is_float(x->type.element)) return false;
  arena *scratch = arena_new();
  bool *marked = arena_array_of(scratch, value->id + 1, bool);
  marked[x->id] = true;
  mark_dependents(scratch, g, value->id, marked);
  bool depends = marked[value->id];
  arena_free(scratch);
  return depends;
}
