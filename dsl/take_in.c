#include "take_in.h"

#include "build.h"
#include "grad.h"
#include "loop.h"
#include "written.h"

/* What a body differentiates by: inputs of the body, and what they stand for outside. */
typedef struct bases {
  int count;
  node **inside, **outside;
} bases;

static const loop_leaf *leaf_of(const loop_body *body, const node *inside) {
  for (int i = 0; i < body->leaf_count; i++)
    if (body->leaves[i].inside == inside) return &body->leaves[i];
  return NULL;
}

/* A name or slot has a value of its own in each turn. */
static bases bases_of(elaborator *e, int count, node *const *wanted) {
  bases b = {.inside = arena_array_of(e->arena, count, node *),
             .outside = arena_array_of(e->arena, count, node *)};
  for (int i = 0; i < count; i++) {
    const loop_leaf *leaf = leaf_of(e->loop, wanted[i]);
    if (!leaf || leaf->named) continue;
    b.inside[b.count] = leaf->inside;
    b.outside[b.count++] = leaf->outside;
  }
  return b;
}

static bool is_base(const bases *b, const node *inside) {
  for (int i = 0; i < b->count; i++)
    if (b->inside[i] == inside) return true;
  return false;
}

/* By id in the graph around: what depends on the bases. */
static bool *dependents(elaborator *e, const graph *outer, const bases *b) {
  bool *from = arena_array_of(e->arena, outer->node_count, bool);
  for (int i = 0; i < b->count; i++) from[b->outside[i]->id] = true;
  return grad_marks(e->arena, outer, from);
}

/* By id up to a value: what it needs of that, and the loops whose results these are. */
static bool *needed(elaborator *e, const graph *outer, const node *root, const bool *depends) {
  bool *marked = arena_array_of(e->arena, root->id + 1, bool);
  marked[root->id] = true;
  for (int id = root->id; id >= 0; id--) {
    const node *n = outer->nodes[id];
    for (int i = 0; marked[id] && i < n->operand_count; i++)
      if (depends[n->operands[i]->id] || n->op == OP_RESULT) marked[n->operands[i]->id] = true;
  }
  return marked;
}

/* The value computed in the body from the bases; what does not depend on these comes from outside. */
static node *copy_of(elaborator *e, node *root, const bases *b) {
  const graph *outer = e->loop->outer;
  const bool *depends = dependents(e, outer, b), *marked = needed(e, outer, root, depends);
  node **copies = arena_array_of(e->arena, root->id + 1, node *);
  node **now = arena_array_of(e->arena, root->id + 1, node *);
  for (int i = 0; i < b->count; i++)
    if (b->outside[i]->id <= root->id) now[b->outside[i]->id] = b->inside[i];
  for (int id = 0; id <= root->id; id++) {
    const node *n = outer->nodes[id];
    if (!marked[id] || (now[id] && n->op != OP_LOOP)) continue;
    node **operands = arena_array_of(e->arena, n->operand_count, node *);
    for (int i = 0; i < n->operand_count; i++) {
      node *from = n->operands[i];
      operands[i] = n->op == OP_RESULT ? copies[from->id]
                    : now[from->id]    ? now[from->id]
                                       : loop_import(e, "outside", value_tensor(from)).node;
    }
    copies[id] = build_like(e->graph, n, operands);
    if (!now[id]) now[id] = copies[id];
  }
  return now[root->id];
}

/* The value outside on which a leaf stands, where it depends on the bases; else NULL. */
static node *value_outside(elaborator *e, const loop_leaf *leaf, const bases *b) {
  loop_body *body = e->loop;
  e->graph = body->outer;
  e->loop = body->enclosing;
  node *n = take_in(e, leaf->outside, b->count, b->outside);
  n = written_between(e, n, b->count, b->outside);
  e->graph = body->graph;
  e->loop = body;
  return dependents(e, body->outer, b)[n->id] ? n : NULL;
}

/* The value with other nodes in the place of some. */
static node *rebuilt(elaborator *e, node *root, node **now) {
  for (int id = 0; id <= root->id; id++) {
    node *n = e->graph->nodes[id];
    node **operands = arena_array_of(e->arena, n->operand_count, node *);
    bool changed = false;
    if (now[id]) continue;
    for (int i = 0; i < n->operand_count; i++) {
      operands[i] = now[n->operands[i]->id];
      changed = changed || operands[i] != n->operands[i];
    }
    now[id] = changed ? build_like(e->graph, n, operands) : n;
  }
  return now[root->id];
}

node *take_in(elaborator *e, node *n, int count, node *const *wanted) {
  if (!loop_is_open(e)) return n;
  const bases b = bases_of(e, count, wanted);
  const int leaves = b.count ? e->loop->leaf_count : 0;
  node **now = arena_array_of(e->arena, n->id + 1, node *);
  bool any = false;
  for (int i = 0; i < leaves; i++) {
    const loop_leaf leaf = e->loop->leaves[i];
    if (leaf.named || is_base(&b, leaf.inside) || !grad_depends(e->graph, n, leaf.inside)) continue;
    node *outside = value_outside(e, &leaf, &b);
    if (!outside) continue;
    now[leaf.inside->id] = copy_of(e, outside, &b);
    any = true;
  }
  return any ? rebuilt(e, n, now) : n;
}

const char *take_in_advice(const elaborator *e, int count, node *const *wanted) {
  for (int i = 0; loop_is_open(e) && i < count; i++) {
    const loop_leaf *leaf = leaf_of(e->loop, wanted[i]);
    if (leaf && leaf->named)
      return "; in a loop, what is differentiated by a parameter, or by what is carried, has to be computed in the turn";
  }
  return "";
}
