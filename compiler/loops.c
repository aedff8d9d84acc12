#include "loops.h"

#include <string.h>

#include "build.h"
#include "rewrite.h"

/* ---- rebuilding -------------------------------------------------------------------------------- */

/* What stands for a loop of the old graph: a new one, whose results have other numbers. */
typedef struct replacement {
  node *loop;
  const int *numbers; /* by old number; -1: gone */
} replacement;

/* A graph in the making; now[id] is what stands for a node of the old one. */
typedef struct rebuild {
  graph *from, *to;
  node **now;
  replacement *loops; /* by id */
} rebuild;

static rebuild begin(const graph *g) {
  arena *a = g->arena;
  rebuild r = {.from = (graph *)g, .to = graph_new(a, NULL, g->name)};
  r.now = build_inputs_of(r.to, g);
  r.loops = arena_array_of(a, g->node_count, replacement);
  return r;
}

static void copy_node(rebuild *r, const node *n) {
  if (n->op == OP_RESULT) {
    const replacement *l = &r->loops[n->operands[0]->id];
    r->now[n->id] = build_result(r->to, l->loop, l->numbers[result_number(n)]);
    return;
  }
  r->now[n->id] = build_copy(r->to, n, r->now);
}

static void replace_loop(rebuild *r, const node *n, const loop_shape *s, const node *const *operands,
                         const int *numbers) {
  int count = s->carries + s->sequences + s->invariants;
  node **now = arena_array_of(r->to->arena, count, node *);
  for (int i = 0; i < count; i++) now[i] = r->now[operands[i]->id];
  r->to->at = n->at;
  r->loops[n->id] = (replacement){build_loop(r->to, s, now), numbers};
  if (numbers[0] >= 0) r->now[n->id] = build_result(r->to, r->loops[n->id].loop, numbers[0]);
}

static graph *end(rebuild *r) {
  build_results_of(r->to, r->from, r->now);
  return r->to;
}

/* ---- loops that become one --------------------------------------------------------------------- */

static graph *merged(const graph *g);

/* Loops of one graph over equal operands, the first of them first. */
typedef struct family {
  const node **members;
  int count;
  graph *body;
  int **numbers; /* by member, by its results: the body's */
} family;

static bool same_operands(const node *x, const node *y) {
  if (x->operand_count != y->operand_count) return false;
  for (int i = 0; i < x->operand_count; i++)
    if (x->operands[i] != y->operands[i]) return false;
  return true;
}

static bool are_alike(const node *x, const node *y) {
  const loop_shape s = loop_shape_of(x), t = loop_shape_of(y);
  return dim_equal(loop_turns(&s), loop_turns(&t)) && s.carries == t.carries &&
         s.sequences == t.sequences && s.reverse == t.reverse && s.recompute == t.recompute &&
         rewrite_graphs_equal(s.condition, t.condition) && same_operands(x, y);
}

static bool join(family *f, const node *n) {
  arena *scratch = arena_new();
  int count = f->count + 1;
  const graph **bodies = arena_array_of(scratch, count, const graph *);
  for (int i = 0; i < count; i++)
    bodies[i] = loop_shape_of(i < f->count ? f->members[i] : n).body;
  arena *a = bodies[0]->arena;
  int **numbers = arena_array_of(a, count, int *);
  graph *body = rewrite_join(count, bodies, loop_shape_of(n).carries, numbers);
  arena_free(scratch);
  if (!body) return false;
  arena_push(a, f->members, f->count) = n;
  f->body = body;
  f->numbers = numbers;
  return true;
}

/* By id, the family of each loop. */
static family **families_of(const graph *g) {
  family **of = arena_array_of(g->arena, g->node_count, family *), **all = NULL;
  int count = 0;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_LOOP) continue;
    for (int i = 0; i < count && !of[id]; i++)
      if (are_alike(all[i]->members[0], n) && join(all[i], n)) of[id] = all[i];
    if (of[id]) continue;
    arena_push(g->arena, all, count) = of[id] = arena_new_of(g->arena, family);
    join(of[id], n);
  }
  return of;
}

static void merge_loop(rebuild *r, const node *n, const family *f) {
  int member = 0;
  while (f->members[member] != n) member++;
  if (member > 0) {
    node *first = r->loops[f->members[0]->id].loop;
    r->loops[n->id] = (replacement){first, f->numbers[member]};
    r->now[n->id] = build_result(r->to, first, f->numbers[member][0]);
    return;
  }
  loop_shape s = loop_shape_of(n);
  s.body = merged(f->body);
  if (s.condition) s.condition = merged(s.condition);
  replace_loop(r, n, &s, (const node *const *)n->operands, f->numbers[0]);
}

static graph *merged(const graph *g) {
  rebuild r = begin(g);
  family **family_of = families_of(g);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op == OP_LOOP) merge_loop(&r, n, family_of[id]);
    else if (n->op != OP_INPUT) copy_node(&r, n);
  }
  return end(&r);
}

/* ---- what nobody needs -------------------------------------------------------------------------- */

static graph *pruned(const graph *g);

/* A loop of which some operands and results are left, by their old numbers. */
typedef struct remainder {
  loop_shape shape;
  const node **operands;
  int *result_numbers; /* the new numbers; -1: gone */
} remainder;

static const graph *with_inputs(const graph *g, const bool *kept) {
  graph *part = arena_new_of(g->arena, graph);
  *part = *g;
  part->inputs = NULL;
  part->input_count = 0;
  for (int i = 0; i < g->input_count; i++)
    if (i == 0 || kept[i - 1])
      arena_push(g->arena, part->inputs, part->input_count) = g->inputs[i];
  return part;
}

static graph *with_outputs(const graph *g, const bool *kept) {
  graph *part = arena_new_of(g->arena, graph);
  *part = *g;
  part->outputs = NULL;
  part->output_count = 0;
  for (int i = 0; i < g->output_count; i++)
    if (kept[i]) arena_push(g->arena, part->outputs, part->output_count) = g->outputs[i];
  return part;
}

/* Which of the inputs behind the turn are read, by the condition too. */
static void find_read(const loop_shape *s, const graph *body, bool *read) {
  for (int side = 0; side < 2; side++) {
    const graph *g = side ? s->condition : body;
    const int *uses = g ? graph_uses(g, g->arena) : NULL;
    for (int i = 1; g && i < g->input_count; i++)
      if (uses[g->inputs[i].node->id]) read[i - 1] = true;
  }
}

/* Carries that are read in a turn are needed though nobody reads their last value. Of loops in the body
 * counts what they read for what is needed of them. Returns the body with what is needed alone: to prune it once more
 * would double the work with each level of nested loops. */
static graph *close_needs(const loop_shape *s, bool *needed, bool *read, int operand_count) {
  graph *body = NULL;
  for (bool changed = true; changed;) {
    changed = false;
    memset(read, 0, (size_t)operand_count * sizeof *read);
    body = pruned(with_outputs(s->body, needed));
    find_read(s, body, read);
    for (int i = 0; i < s->carries; i++)
      if (read[i] && !needed[i]) needed[i] = changed = true;
  }
  for (int i = 0; i < s->carries; i++) read[i] = needed[i];
  return body;
}

static void renumber(const bool *kept, int count, int *numbers) {
  int next = 0;
  for (int i = 0; i < count; i++) numbers[i] = kept[i] ? next++ : -1;
}

/* One step: the loop without what is not needed now; false where there is nothing to take away. */
static bool shrink(arena *a, loop_shape *s, const node ***operands, bool *needed, int *results) {
  int operand_count = s->carries + s->sequences + s->invariants, kept = 0;
  bool *read = arena_array_of(a, operand_count, bool);
  int output_count = s->body->output_count;
  graph *body = close_needs(s, needed, read, operand_count);
  loop_shape less = {.turns = s->turns, .size = s->size, .reverse = s->reverse, .recompute = s->recompute};
  const node **left = NULL;
  for (int i = 0; i < operand_count; i++) {
    if (!read[i]) continue;
    arena_push(a, left, kept) = (*operands)[i];
    if (i < s->carries) less.carries++;
    else if (i < s->carries + s->sequences) less.sequences++;
    else less.invariants++;
  }
  renumber(needed, output_count, results);
  less.body = rewrite_graph(with_inputs(body, read), NULL);
  if (s->condition) less.condition = pruned(rewrite_graph(with_inputs(s->condition, read), NULL));
  bool changed = kept < operand_count || less.body->output_count < output_count;
  *s = less;
  *operands = left;
  return changed;
}

static remainder remainder_of(arena *a, const node *n, const bool *live) {
  remainder r = {.shape = loop_shape_of(n), .operands = (const node **)n->operands};
  int count = r.shape.body->output_count;
  bool *needed = arena_array_of(a, count, bool);
  int *step = arena_array_of(a, count, int);
  r.result_numbers = arena_array_of(a, count, int);
  memcpy(needed, live, (size_t)count * sizeof *needed);
  for (int i = 0; i < count; i++) r.result_numbers[i] = i;
  for (bool changed = true; changed;) {
    int now = r.shape.body->output_count;
    changed = shrink(a, &r.shape, &r.operands, needed, step);
    for (int i = 0; i < count; i++)
      if (r.result_numbers[i] >= 0) r.result_numbers[i] = step[r.result_numbers[i]];
    /* of what is left, carries that only turns read may have become needless */
    bool *again = arena_array_of(a, count, bool);
    for (int i = 0; i < count; i++)
      if (live[i] && r.result_numbers[i] >= 0) again[r.result_numbers[i]] = true;
    needed = again;
    changed = changed && now > 0;
  }
  return r;
}

static void mark(const node *n, bool *live, bool *const *results) {
  live[n->id] = true;
  if (n->op == OP_LOOP) results[n->id][0] = true;
}

/* Marks what is needed, from the last node to the first; loops shrink on the way. */
static void find_live(const graph *g, bool *live, remainder *loops) {
  bool **results = arena_array_of(g->arena, g->node_count, bool *);
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_LOOP)
      results[id] =
          arena_array_of(g->arena, loop_shape_of(g->nodes[id]).body->output_count, bool);
  for (int i = 0; i < g->output_count; i++) mark(g->outputs[i].node, live, results);
  for (int i = 0; i < g->update_count; i++) mark(g->updates[i].node, live, results);
  for (int id = g->node_count - 1; id >= 0; id--) {
    const node *n = g->nodes[id];
    if (!live[id]) continue;
    if (n->op == OP_RESULT) {
      live[n->operands[0]->id] = true;
      results[n->operands[0]->id][result_number(n)] = true;
    } else if (n->op == OP_LOOP) {
      remainder *r = &loops[id];
      *r = remainder_of(g->arena, n, results[id]);
      int count = r->shape.carries + r->shape.sequences + r->shape.invariants;
      for (int i = 0; i < count; i++) mark(r->operands[i], live, results);
    } else {
      for (int i = 0; i < n->operand_count; i++) mark(n->operands[i], live, results);
    }
  }
}

static graph *pruned(const graph *g) {
  bool *live = arena_array_of(g->arena, g->node_count, bool);
  remainder *loops = arena_array_of(g->arena, g->node_count, remainder);
  find_live(g, live, loops);
  rebuild r = begin(g);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (!live[id] || n->op == OP_INPUT) continue;
    if (n->op == OP_LOOP)
      replace_loop(&r, n, &loops[id].shape, loops[id].operands, loops[id].result_numbers);
    else
      copy_node(&r, n);
  }
  return end(&r);
}

node *loops_needed(graph *g, const node *loop, const bool *needed, int *numbers) {
  const remainder r = remainder_of(g->arena, loop, needed);
  memcpy(numbers, r.result_numbers, (size_t)loop_shape_of(loop).body->output_count * sizeof *numbers);
  return build_loop(g, &r.shape, (node *const *)r.operands);
}

graph *pass_loops(const graph *g) { return rewrite_graph(pruned(merged(g)), NULL); }
