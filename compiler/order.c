#include "order.h"

#include <string.h>

#include "op.h"

typedef struct edge {
  int from, to;
} edge;

typedef struct scheduler {
  arena *arena;
  const fusion *fusion;
  edge *edges;      /* readers of old versions before their writers */
  int edge_count;
  bool *done;       /* by group */
  int *enabled;     /* by group: the turn that made it ready, -1: not yet */
  int *unread;      /* by node id: groups that have yet to read it */
  bool *visited;
} scheduler;

int order_update_of(const graph *g, const node *n) {
  for (int i = 0; i < g->output_count; i++)
    if (g->outputs[i].node == n) return -1;
  for (int i = 0; i < g->update_count; i++)
    if (g->updates[i].node == n) return i;
  return -1;
}

/* ---- new versions in place ------------------------------------------------------------------- */

static bool reaches(scheduler *s, int from, int to) {
  const fusion *f = s->fusion;
  if (from == to) return true;
  if (s->visited[from]) return false;
  s->visited[from] = true;
  const group *g = f->groups[from];
  for (int o = 0; o < g->output_count; o++) {
    const node *n = g->outputs[o];
    for (int r = 0; r < f->reader_count[n->id]; r++) {
      int next = f->group_of[f->readers[n->id][r]->id];
      if (next != from && reaches(s, next, to)) return true;
    }
  }
  for (int i = 0; i < s->edge_count; i++)
    if (s->edges[i].from == from && reaches(s, s->edges[i].to, to)) return true;
  return false;
}

/* True where the group's own reads of the slot, if any, are where it writes. */
static bool writes_where_it_reads(const group *g, const node *old, const node *value) {
  int input = group_input(g, old);
  return input < 0 || (g->inout_output && g->inout_output[input] >= 0 &&
                       g->outputs[g->inout_output[input]] == value);
}

/* All readers of the slot's old value before the writer; false where that is no order. */
static bool put_readers_first(scheduler *s, const node *old, const node *value) {
  const fusion *f = s->fusion;
  int writer = f->group_of[value->id], kept = s->edge_count;
  if (!writes_where_it_reads(f->groups[writer], old, value)) return false;
  for (int r = 0; r < f->reader_count[old->id]; r++) {
    int reader = f->group_of[f->readers[old->id][r]->id];
    if (reader == writer) continue;
    memset(s->visited, 0, (size_t)f->group_count * sizeof *s->visited);
    if (reaches(s, writer, reader)) {
      s->edge_count = kept;
      return false;
    }
    arena_push(s->arena, s->edges, s->edge_count) = (edge){reader, writer};
  }
  return true;
}

static const node *slot_node(const graph *g, const char *path, int after) {
  for (int id = after + 1; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_SLOT && strcmp(node_text(g->nodes[id], 0), path) == 0)
      return g->nodes[id];
  return NULL;
}

static void decide_in_place(scheduler *s, order *o) {
  const graph *g = s->fusion->graph;
  o->in_place = arena_array_of(s->arena, g->update_count, bool);
  for (int i = 0; i < g->update_count; i++) {
    const node *value = g->updates[i].node;
    if (s->fusion->group_of[value->id] < 0 || order_update_of(g, value) != i) continue;
    bool possible = true;
    const node *old = slot_node(g, g->updates[i].name, -1);
    for (; old && possible; old = slot_node(g, g->updates[i].name, old->id))
      possible = put_readers_first(s, old, value);
    o->in_place[i] = possible;
  }
}

/* ---- order ----------------------------------------------------------------------------------- */

static bool is_ready(const scheduler *s, int id) {
  const fusion *f = s->fusion;
  const group *g = f->groups[id];
  for (int i = 0; i < g->input_count; i++) {
    int producer = f->group_of[g->inputs[i]->id];
    if (producer >= 0 && !s->done[producer]) return false;
  }
  for (int i = 0; i < s->edge_count; i++)
    if (s->edges[i].to == id && !s->done[s->edges[i].from]) return false;
  return true;
}

static bool in_scratch(const fusion *f, const node *n) {
  if (f->group_of[n->id] < 0) return false;
  for (int i = 0; i < f->graph->output_count; i++)
    if (f->graph->outputs[i].node == n) return false;
  for (int i = 0; i < f->graph->update_count; i++)
    if (f->graph->updates[i].node == n) return false;
  return true;
}

/* Bytes of scratch that become live less those that become free. */
static int64_t growth(const scheduler *s, const group *g) {
  const fusion *f = s->fusion;
  int64_t bytes = 0;
  for (int i = 0; i < g->output_count; i++)
    if (in_scratch(f, g->outputs[i])) bytes += type_bytes(&g->outputs[i]->type);
  for (int i = 0; i < g->input_count; i++)
    if (in_scratch(f, g->inputs[i]) && s->unread[g->inputs[i]->id] == 1)
      bytes -= type_bytes(&g->inputs[i]->type);
  return bytes;
}

static int best_group(scheduler *s, int turn) {
  int best = -1;
  int64_t best_growth = 0;
  for (int id = 0; id < s->fusion->group_count; id++) {
    if (s->done[id]) continue;
    if (s->enabled[id] < 0 && is_ready(s, id)) s->enabled[id] = turn;
    if (s->enabled[id] < 0) continue;
    int64_t grows = growth(s, s->fusion->groups[id]);
    if (best >= 0 && (grows > best_growth ||
                      (grows == best_growth && s->enabled[id] <= s->enabled[best])))
      continue;
    best = id;
    best_growth = grows;
  }
  if (best < 0) internal_error("graph %s: kernels wait for each other", s->fusion->graph->name);
  return best;
}

static void run(scheduler *s, order *o) {
  const fusion *f = s->fusion;
  for (int id = 0; id < f->group_count; id++) s->enabled[id] = -1;
  for (int id = 0; id < f->group_count; id++)
    for (int i = 0; i < f->groups[id]->input_count; i++)
      s->unread[f->groups[id]->inputs[i]->id]++;
  while (o->count < f->group_count) {
    int id = best_group(s, o->count);
    group *g = f->groups[id];
    s->done[id] = true;
    for (int i = 0; i < g->input_count; i++) s->unread[g->inputs[i]->id]--;
    o->groups[o->count++] = g;
  }
}

order *order_groups(arena *a, const fusion *f) {
  order *o = arena_new_of(a, order);
  scheduler s = {.arena = a, .fusion = f};
  s.done = arena_array_of(a, f->group_count, bool);
  s.visited = arena_array_of(a, f->group_count, bool);
  s.enabled = arena_array_of(a, f->group_count, int);
  s.unread = arena_array_of(a, f->graph->node_count, int);
  o->groups = arena_array_of(a, f->group_count, group *);
  decide_in_place(&s, o);
  run(&s, o);
  return o;
}
