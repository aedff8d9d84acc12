#include "min_cut.h"

/* An arc and its reverse stand side by side, at an even number and the next. */
typedef struct arc {
  int to, next; /* next: of those that leave the same vertex; -1: none */
  int64_t rest; /* what may flow yet */
} arc;

/* Vertices 2v and 2v + 1 are the entry and the exit of node v; then source and sink. */
typedef struct network {
  arena *arena;
  arc *arcs;
  int arc_count, vertex_count;
  int *first, *level, *at, *queue; /* by vertex */
} network;

static const int64_t unbounded = INT64_C(1) << 62;

static void add_one(network *n, int from, int to, int64_t rest) {
  arena_push(n->arena, n->arcs, n->arc_count) = (arc){to, n->first[from], rest};
  n->first[from] = n->arc_count - 1;
}

static void add_arc(network *n, int from, int to, int64_t capacity) {
  add_one(n, from, to, capacity);
  add_one(n, to, from, 0);
}

static network network_of(arena *a, int count, const cut_node *nodes) {
  network n = {.arena = a, .vertex_count = 2 * count + 2};
  n.first = arena_array_of(a, n.vertex_count, int);
  n.level = arena_array_of(a, n.vertex_count, int);
  n.at = arena_array_of(a, n.vertex_count, int);
  n.queue = arena_array_of(a, n.vertex_count, int);
  for (int v = 0; v < n.vertex_count; v++) n.first[v] = -1;
  for (int v = 0; v < count; v++) {
    add_arc(&n, 2 * v, 2 * v + 1, nodes[v].cost);
    if (nodes[v].first) add_arc(&n, 2 * count, 2 * v, unbounded);
    if (nodes[v].last) add_arc(&n, 2 * v + 1, 2 * count + 1, unbounded);
    for (int i = 0; i < nodes[v].next_count; i++)
      add_arc(&n, 2 * v + 1, 2 * nodes[v].next[i], unbounded);
  }
  return n;
}

/* Distances from the source over arcs that are not full; false where the sink is out of reach. */
static bool find_levels(network *n) {
  int source = n->vertex_count - 2, count = 0;
  for (int v = 0; v < n->vertex_count; v++) n->level[v] = -1;
  n->level[source] = 0;
  n->queue[count++] = source;
  for (int i = 0; i < count; i++)
    for (int k = n->first[n->queue[i]]; k >= 0; k = n->arcs[k].next) {
      int to = n->arcs[k].to;
      if (n->arcs[k].rest == 0 || n->level[to] >= 0) continue;
      n->level[to] = n->level[n->queue[i]] + 1;
      n->queue[count++] = to;
    }
  return n->level[n->vertex_count - 1] >= 0;
}

/* Sends flow along one way to the sink, over arcs to the next level. The queue holds the way's arcs. */
static bool augment(network *n) {
  int vertex = n->vertex_count - 2, depth = 0;
  while (vertex != n->vertex_count - 1) {
    int k = n->at[vertex];
    while (k >= 0 && (n->arcs[k].rest == 0 || n->level[n->arcs[k].to] != n->level[vertex] + 1))
      k = n->arcs[k].next;
    n->at[vertex] = k;
    if (k >= 0) {
      n->queue[depth++] = k;
      vertex = n->arcs[k].to;
    } else if (depth == 0) {
      return false;
    } else { /* a dead end: back, and past the arc that led here */
      k = n->queue[--depth];
      vertex = n->arcs[k ^ 1].to;
      n->at[vertex] = n->arcs[k].next;
    }
  }
  int64_t least = unbounded;
  for (int i = 0; i < depth; i++)
    if (n->arcs[n->queue[i]].rest < least) least = n->arcs[n->queue[i]].rest;
  for (int i = 0; i < depth; i++) {
    n->arcs[n->queue[i]].rest -= least;
    n->arcs[n->queue[i] ^ 1].rest += least;
  }
  return true;
}

/* Marks in `level` the vertices from which the sink can be reached over arcs that are not full. */
static void find_last_side(network *n) {
  int count = 0;
  for (int v = 0; v < n->vertex_count; v++) n->level[v] = 0;
  n->level[n->vertex_count - 1] = 1;
  n->queue[count++] = n->vertex_count - 1;
  for (int i = 0; i < count; i++)
    for (int k = n->first[n->queue[i]]; k >= 0; k = n->arcs[k].next) {
      int from = n->arcs[k].to; /* the reverse of k leads to here */
      if (n->arcs[k ^ 1].rest == 0 || n->level[from]) continue;
      n->level[from] = 1;
      n->queue[count++] = from;
    }
}

bool *min_cut(arena *a, int count, const cut_node *nodes) {
  bool *cut = arena_array_of(a, count, bool);
  arena *scratch = arena_new();
  network n = network_of(scratch, count, nodes);
  while (find_levels(&n)) {
    for (int v = 0; v < n.vertex_count; v++) n.at[v] = n.first[v];
    while (augment(&n)) {
    }
  }
  find_last_side(&n);
  for (int v = 0; v < count; v++) cut[v] = !n.level[2 * v] && n.level[2 * v + 1];
  arena_free(scratch);
  return cut;
}
