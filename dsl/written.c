#include "written.h"

#include "build.h"
#include "stable.h"

/* A stable form, the nodes from `first` to it, and the map that the model wrote. */
typedef struct written {
  const graph *graph;
  const node *form;
  int first;
  scalar_function function;
  int count;
  node *operands[3];
} written;

static node *plain_map(graph *g, scalar_function f, int count, node *const *x) {
  return count == 1   ? build_map1(g, f, x[0])
         : count == 2 ? build_map2(g, f, x[0], x[1])
                      : build_map3(g, f, x[0], x[1], x[2]);
}

node *written_map(elaborator *e, scalar_function f, int count, node *const *operands) {
  graph *g = e->graph;
  written w = {.graph = g, .first = g->node_count, .function = f, .count = count};
  node *form = stable_map(g, f, count, operands);
  if (!form) return plain_map(g, f, count, operands);
  if (form->id < w.first) /* log(exp x): a node of its own */
    form = build_map2(g, SCALAR_MUL, form, build_splat(g, &form->type, 1));
  w.form = form;
  for (int i = 0; i < count; i++) w.operands[i] = operands[i];
  arena_push(e->arena, e->written, e->written_count) = w;
  return form;
}

/* ---- a value with its forms ------------------------------------------------------------------- */

/* By id, up to a value. */
typedef struct forms {
  arena *arena;
  graph *graph;
  int count;
  const written **of; /* NULL: no stable form */
  bool *undone;
} forms;

static bool any_marked(int count, node *const *nodes, const bool *marked) {
  for (int i = 0; i < count; i++)
    if (marked[nodes[i]->id]) return true;
  return false;
}

static void mark(int count, node *const *nodes, bool *marked) {
  for (int i = 0; i < count; i++) marked[nodes[i]->id] = true;
}

/* What depends on a node, itself among it, also by way of what was written. */
static bool *dependents(const forms *f, const node *of) {
  bool *marked = arena_array_of(f->arena, f->count, bool);
  for (int id = of->id; id < f->count; id++) {
    const node *n = f->graph->nodes[id];
    const written *w = f->of[id];
    marked[id] = n == of || any_marked(n->operand_count, n->operands, marked) ||
                 (w && any_marked(w->count, w->operands, marked));
  }
  return marked;
}

/* What a node is computed from, not itself. */
static bool *sources(const forms *f, const node *of) {
  bool *marked = arena_array_of(f->arena, f->count, bool);
  for (int id = of->id; id >= 0; id--) {
    const node *n = f->graph->nodes[id];
    const written *w = f->of[id];
    if (n != of && !marked[id]) continue;
    mark(n->operand_count, n->operands, marked);
    if (w) mark(w->count, w->operands, marked);
  }
  return marked;
}

/* Does the form read what is among the marked? */
static bool reads_any(const forms *f, const written *w, const bool *marked) {
  for (int id = w->first; id <= w->form->id; id++) {
    const node *n = f->graph->nodes[id];
    for (int i = 0; i < n->operand_count; i++)
      if (n->operands[i]->id < w->first && marked[n->operands[i]->id]) return true;
  }
  return false;
}

/* Those that were written with the wanted node, and read what it is computed from. */
static bool mark_undone(forms *f, const node *wanted) {
  const bool *after = dependents(f, wanted), *before = sources(f, wanted);
  bool any = false;
  for (int id = wanted->id; id < f->count; id++) {
    const written *w = f->of[id];
    if (!w || !any_marked(w->count, w->operands, after) || !reads_any(f, w, before)) continue;
    f->undone[id] = any = true;
  }
  return any;
}

static bool *needed(const forms *f) {
  bool *marked = arena_array_of(f->arena, f->count, bool);
  marked[f->count - 1] = true;
  for (int id = f->count - 1; id >= 0; id--) {
    const node *n = f->graph->nodes[id];
    if (!marked[id]) continue;
    if (f->undone[id]) mark(f->of[id]->count, f->of[id]->operands, marked);
    else mark(n->operand_count, n->operands, marked);
  }
  return marked;
}

/* The value over what was written. */
static node *rebuilt(const forms *f) {
  const bool *live = needed(f);
  node **now = arena_array_of(f->arena, f->count, node *);
  for (int id = 0; id < f->count; id++) {
    node *n = f->graph->nodes[id];
    const written *w = f->undone[id] ? f->of[id] : NULL;
    const int count = w ? w->count : n->operand_count;
    node *const *from = w ? w->operands : n->operands;
    node **operands = arena_array_of(f->arena, count, node *);
    bool changed = false;
    if (!live[id]) continue;
    for (int i = 0; i < count; i++) {
      operands[i] = now[from[i]->id];
      changed = changed || operands[i] != from[i];
    }
    if (w) now[id] = plain_map(f->graph, w->function, count, operands);
    else now[id] = changed ? build_like(f->graph, n, operands) : n;
  }
  return now[f->count - 1];
}

node *written_between(elaborator *e, node *n, int count, node *const *wanted) {
  forms f = {.arena = e->arena, .graph = e->graph, .count = n->id + 1};
  bool any = false;
  f.of = arena_array_of(e->arena, f.count, const written *);
  f.undone = arena_array_of(e->arena, f.count, bool);
  for (int i = 0; i < e->written_count; i++) {
    const written *w = &e->written[i];
    if (w->graph == e->graph && w->form->id < f.count) f.of[w->form->id] = w, any = true;
  }
  if (!any) return n;
  any = false;
  for (int i = 0; i < count; i++)
    if (wanted[i]->id < f.count && wanted[i]->operand_count > 0 && mark_undone(&f, wanted[i])) any = true;
  return any ? rebuilt(&f) : n;
}
