#include "loop.h"

#include "build.h"
#include "slots.h"

void loop_open(elaborator *e, loop_body *body, int64_t turns) {
  const tensor_type turn = type_scalar(DTYPE_I64);
  *body = (loop_body){.enclosing = e->loop, .outer = e->graph, .turns = turns};
  body->graph = graph_new(e->arena, e->diagnostics, "body");
  if (turns != LOOP_NONE) body->turn = graph_add_input(body->graph, "turn", &turn);
  e->loop = body;
  e->graph = body->graph;
}

void loop_close(elaborator *e) {
  loop_body *body = e->loop;
  for (int i = 0; i < body->slot_count; i++) {
    const loop_slot *before = &body->slots[i];
    slot_record *s = before->slot;
    if (s->written) body->leaves[before->leaf].next = s->current;
    s->graph = before->graph;
    s->current = before->current;
    s->first = before->first;
    s->written = before->written;
    s->written_at = before->written_at;
  }
  e->loop = body->enclosing;
  e->graph = body->outer;
}

/* ---- what a body reads ----------------------------------------------------------------------- */

int loop_add_leaf(elaborator *e, loop_body *body, const char *name, node *outside, bool named) {
  node *inside = graph_add_input(body->graph, name, &outside->type);
  arena_push(e->arena, body->leaves, body->leaf_count) =
      (loop_leaf){.outside = outside, .inside = inside, .named = named};
  return body->leaf_count - 1;
}

node *loop_add_sequence(elaborator *e, loop_body *body, const char *name, node *outside) {
  tensor_type part = {.element = outside->type.element, .rank = outside->type.rank - 1};
  for (int i = 0; i < part.rank; i++) part.dims[i] = outside->type.dims[i + 1];
  node *inside = graph_add_input(body->graph, name, &part);
  arena_push(e->arena, body->sequences, body->sequence_count) =
      (loop_leaf){.outside = outside, .inside = inside};
  return inside;
}

static bool belongs(const graph *g, const node *n) {
  return n->id < g->node_count && g->nodes[n->id] == n;
}

/* The node in the body, where it comes from a graph around it; else NULL. */
static node *import_node(elaborator *e, loop_body *body, const char *name, node *n) {
  if (belongs(body->graph, n)) return n;
  node *outside = body->enclosing && body->enclosing->graph == body->outer
                      ? import_node(e, body->enclosing, name, n)
                  : belongs(body->outer, n) ? n
                                            : NULL;
  if (!outside) return NULL;
  for (int i = 0; i < body->leaf_count; i++)
    if (body->leaves[i].outside == outside && !body->leaves[i].named) return body->leaves[i].inside;
  int leaf = loop_add_leaf(e, body, name, outside, false);
  return body->leaves[leaf].inside;
}

bool loop_is_open(const elaborator *e) { return e->loop && e->loop->graph == e->graph; }

value loop_import(elaborator *e, const char *name, value v) {
  if (!loop_is_open(e)) return v;
  if (value_is(v, VALUE_TENSOR)) {
    node *inside = import_node(e, e->loop, name, v.node);
    if (!inside || inside == v.node) return v; /* operate_reachable tells what is not there */
    return value_tensor(inside);
  }
  if (!value_is(v, VALUE_TUPLE)) return v;
  tuple *t = tuple_like(e->arena, v.tuple);
  for (int i = 0; i < t->count; i++) t->items[i] = loop_import(e, name, v.tuple->items[i]);
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

void loop_take_slot(elaborator *e, slot_record *s) {
  loop_body *body = e->loop;
  e->graph = body->outer;
  e->loop = body->enclosing;
  value outside = slot_read(e, s);
  e->graph = body->graph;
  e->loop = body;
  if (value_is_poison(outside)) return;
  int leaf = loop_add_leaf(e, body, s->slot.path, outside.node, true);
  arena_push(e->arena, body->slots, body->slot_count) =
      (loop_slot){.slot = s, .graph = s->graph, .current = s->current, .first = s->first,
                  .written = s->written, .written_at = s->written_at, .leaf = leaf};
  s->graph = body->graph;
  s->current = s->first = body->leaves[leaf].inside;
  s->written = false;
}

/* ---- draws ----------------------------------------------------------------------------------- */

/* Turns of a loop whose number is not known are told apart up to this one. */
static const int64_t turns_apart = INT64_C(1) << 32;

static node *draw_turn(elaborator *e, loop_body *body) {
  loop_body *around = body->enclosing;
  graph *g = body->graph;
  bool nested = around && around->graph == body->outer;
  if (!nested) return body->turn ? body->turn : build_int(g, DTYPE_I64, 0);
  node *outer = import_node(e, body, "turn", draw_turn(e, around));
  if (!body->turn) return outer;
  node *turns = build_int(g, DTYPE_I64, body->turns ? body->turns : turns_apart);
  return build_map2(g, SCALAR_ADD, build_map2(g, SCALAR_MUL, outer, turns), body->turn);
}

node *loop_draw_turn(elaborator *e) {
  return loop_is_open(e) ? draw_turn(e, e->loop) : build_int(e->graph, DTYPE_I64, 0);
}

const graph *loop_root(const elaborator *e) {
  const graph *root = e->graph;
  for (const loop_body *b = e->loop; b && b->graph == root; b = b->enclosing) root = b->outer;
  return root;
}
