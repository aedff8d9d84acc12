/* Choices for map and row kernels: axes, vectors, order of loops, tasks. They depend on shapes and the
 * target only. */
#include <string.h>

#include "lower_nest.h"

/* ---- merging axes ---------------------------------------------------------------------------- */

static int64_t extent_of(const group *g, int v) {
  return v < g->outer_rank ? g->outer[v] : g->inner[v - g->outer_rank];
}

static bool is_bounded(const group *g, int v) {
  return v < g->outer_rank ? g->outer_bounded[v] : g->inner_bounded[v - g->outer_rank];
}

static const index_expr *const *substituted(arena *a, const index_expr *const *at, int rank,
                                            const index_expr *const *values) {
  if (!at) return NULL;
  const index_expr **r = arena_array_of(a, MAX_RANK, const index_expr *);
  for (int i = 0; i < rank; i++) r[i] = index_substitute(a, at[i], values);
  return r;
}

static void remove_axis(int64_t *extents, bool *bounded, int *rank, int axis) {
  extents[axis] *= extents[axis + 1];
  (*rank)--;
  size_t behind = (size_t)(*rank - axis - 1);
  memmove(&extents[axis + 1], &extents[axis + 2], behind * sizeof *extents);
  memmove(&bounded[axis + 1], &bounded[axis + 2], behind * sizeof *bounded);
}

/* The group with variables v and v + 1 in one; NULL where indices would become more complex. */
static group *merged(arena *a, const fusion *f, const group *from, int v) {
  group *g = arena_new_of(a, group);
  const index_expr *values[2 * MAX_RANK];
  int64_t inside = extent_of(from, v + 1);
  const index_expr *both = index_variable(a, v, extent_of(from, v) * inside);
  for (int i = 0; i < from->outer_rank + from->inner_rank; i++)
    values[i] = i < v         ? index_variable(a, i, extent_of(from, i))
                : i == v      ? index_quotient(a, both, inside)
                : i == v + 1  ? index_remainder(a, both, inside)
                              : index_variable(a, i - 1, extent_of(from, i));
  *g = *from;
  g->homes = arena_array_of(a, g->member_count, const index_expr *const *);
  g->reduced = arena_array_of(a, g->member_count, const index_expr *const *);
  for (int i = 0; i < g->member_count; i++) {
    const node *n = g->members[i];
    int operand_rank = n->operand_count ? n->operands[0]->type.rank : 0;
    g->homes[i] = substituted(a, from->homes[i], n->type.rank, values);
    g->reduced[i] = substituted(a, from->reduced[i], operand_rank, values);
  }
  if (v < g->outer_rank)
    remove_axis(g->outer, g->outer_bounded, &g->outer_rank, v);
  else
    remove_axis(g->inner, g->inner_bounded, &g->inner_rank, v - g->outer_rank);
  return group_survey(a, f, g) && g->quotients <= from->quotients ? g : NULL;
}

group *nest_merge_axes(arena *a, const fusion *f, const group *from) {
  group *g = arena_new_of(a, group);
  *g = *from;
  group_survey(a, f, g);
  for (int v = g->outer_rank + g->inner_rank - 2; v >= 0; v--) {
    if (v == g->outer_rank - 1) continue; /* one outer, one inner */
    if (is_bounded(g, v) || is_bounded(g, v + 1)) continue;
    group *both = merged(a, f, g, v);
    if (both) g = both;
  }
  /* The order of inputs is the kernel's order of parameters. */
  g->inputs = from->inputs;
  g->input_count = from->input_count;
  return g;
}

/* ---- vectors --------------------------------------------------------------------------------- */

static size_t width_of(const node *n) { return dtype_size(compute_type(n->type.element)); }

typedef struct visit {
  const node *node;
  const index_expr *const *at;
} visit;

/* The search for the widest element that is a vector where an axis is one. */
typedef struct width_search {
  const nest *nest;
  int axis;
  visit *visits;
  int visit_count;
  size_t widest;
  int64_t breaks[NEST_BREAKS + 1]; /* of the axis: where bounds begin or cease to hold; one more than there may be */
  int break_count;
} width_search;

static bool depends(const index_expr *const *at, int rank, int v) {
  for (int i = 0; i < rank; i++)
    if (index_depends(at[i], v)) return true;
  return false;
}

static bool is_visited(const width_search *w, const node *n, const index_expr *const *at) {
  for (int i = 0; i < w->visit_count; i++)
    if (w->visits[i].node == n && index_all_equal(w->visits[i].at, at, n->type.rank)) return true;
  return false;
}

static void take_width(width_search *w, size_t width) {
  if (width > w->widest) w->widest = width;
}

/* An index that is computed as a value. */
static void take_index(width_search *w, const index_expr *x) {
  if (index_depends(x, w->axis)) take_width(w, dtype_size(nest_index_type(x)));
}

static void take_break(width_search *w, int64_t at) {
  if (at <= 0 || at >= nest_extent(w->nest, w->axis) || w->break_count > NEST_BREAKS) return;
  int i = w->break_count;
  for (int b = 0; b < w->break_count; b++)
    if (w->breaks[b] == at) return;
  for (; i > 0 && w->breaks[i - 1] > at; i--) w->breaks[i] = w->breaks[i - 1];
  w->breaks[i] = at;
  w->break_count++;
}

/* Where a bound on the axis alone begins or ceases to hold. */
static void take_bound(width_search *w, const index_bound *bound) {
  int64_t factor;
  const index_expr *x = bound->value;
  take_index(w, x);
  if (x->term_count != 1 || !index_linear(x, w->axis, &factor)) return;
  if (factor == 1) {
    take_break(w, -x->constant);
    take_break(w, bound->extent - x->constant);
  } else if (factor == -1) {
    take_break(w, x->constant + 1);
    take_break(w, x->constant - bound->extent + 1);
  }
}

static void take_position(width_search *w, int alike, const index_expr *position) {
  if (alike > 1 && nest_runs_along(w->nest, position, w->axis, alike)) return;
  take_index(w, position);
  if (alike > 1 && index_depends(position, w->axis)) take_width(w, 8);
}

static void visit_element(width_search *w, const node *n, const index_expr *const *at) {
  const nest *k = w->nest;
  if (is_visited(w, n, at)) return;
  arena_push(k->arena, w->visits, w->visit_count) = (visit){n, at};
  if (depends(at, n->type.rank, w->axis)) take_width(w, width_of(n));
  if (!group_computes(k->lowering->fusion, k->group, n) || op_has(n->op, REDUCTION) ||
      n == k->group->heart)
    return;
  const op_lowering *lower = lowering_of(n);
  if (lower->position) take_position(w, lower->positions_alike, lower->position(k->arena, n, at));
  for (int read = 0;; read++) {
    const index_expr **operand_at = arena_array_of(k->arena, MAX_RANK, const index_expr *);
    index_guard guard = {0};
    int operand = node_access(k->arena, n, read, at, operand_at, &guard);
    if (operand < 0) return;
    for (int i = 0; i < guard.count; i++) take_bound(w, &guard.bounds[i]);
    visit_element(w, n->operands[operand], operand_at);
  }
}

static int lanes_of(const width_search *w) {
  int lanes = w->nest->lowering->target->vector_bytes / (int)w->widest;
  return lanes > LOOP_MAX_LANES ? LOOP_MAX_LANES : lanes;
}

int nest_operand_lanes(const nest *k, node *n, const index_expr *const *at, int v) {
  width_search w = {.nest = k, .axis = v, .widest = 1};
  visit_element(&w, n, at);
  return lanes_of(&w);
}

/* All elements, as vectors along an axis. */
static width_search search_group(const nest *k, int v) {
  const group *g = k->group;
  width_search w = {.nest = k, .axis = v, .widest = 1};
  for (int i = 0; i < g->member_count; i++) {
    const node *n = g->members[i];
    if (op_has(n->op, REDUCTION)) {
      visit_element(&w, n->operands[0], g->reduced[i]);
      if (nest_is_inner(k, v) || depends(g->homes[i], n->type.rank, v))
        take_width(&w, width_of(n));
    }
    if (group_output(g, n) >= 0) visit_element(&w, n, g->homes[i]);
  }
  return w;
}

int nest_lanes(const nest *k, int v) {
  const width_search w = search_group(k, v);
  return lanes_of(&w);
}

/* Where bounds begin or cease to hold between full vectors, the vector axis is broken, if that does not repeat too much code. */
static void take_breaks(nest *k, const width_search *w) {
  enum { MOST_MEMBERS = 40 };
  k->break_count = 0;
  if (nest_is_bounded(k, k->vector_axis) || k->group->member_count > MOST_MEMBERS || w->break_count > NEST_BREAKS) return;
  for (int i = 0; i < w->break_count; i++)
    if (w->breaks[i] % k->full_lanes == 0) k->breaks[k->break_count++] = w->breaks[i];
}

static int lanes_for(int most, int64_t extent) {
  int lanes = most;
  while (lanes > extent) lanes /= 2;
  return lanes;
}

/* What full vectors leave matters where there are few of them. */
static bool halves(int64_t extent, int lanes) { return extent < 16 * (int64_t)lanes; }

/* Estimated instructions of an access by a vector. Elements that lie in different cache lines cost
 * more. */
static double access_price(const nest *k, const group_access *access, int v, int lanes) {
  int64_t factor;
  bool linear = index_linear(access->position, v, &factor);
  if (linear && factor == 0) return 0.5;
  if (linear && factor == 1) return 1;
  int loads = access->store ? 0 : nest_pieces(k, access->position, v, lanes);
  if (loads > 0) return loads == 1 ? 2.5 : 2.5 * loads - 1;
  if (!linear) return 1.5 * lanes;
  int64_t stride = (factor < 0 ? -factor : factor) * (int64_t)dtype_size(access->node->type.element);
  return stride < 64 ? 1.5 * lanes : 4.0 * lanes;
}

static double vector_price(const nest *k, int v, int lanes) {
  const group *g = k->group;
  double price = g->member_count;
  for (int i = 0; i < g->access_count; i++) price += access_price(k, &g->accesses[i], v, lanes);
  return price;
}

/* Estimated instructions per element with vectors along an axis. */
static double price(const nest *k, int v, int lanes) {
  const group *g = k->group;
  int64_t extent = nest_extent(k, v), rest = extent % lanes;
  double total = (double)(extent / lanes) * vector_price(k, v, lanes);
  for (int shorter = lanes / 2; halves(extent, lanes) && shorter > 1; shorter /= 2) {
    if (rest & shorter) total += vector_price(k, v, shorter);
    rest %= shorter;
  }
  total += (double)rest * (g->member_count + g->access_count);
  if (nest_is_inner(k, v)) /* lanes are combined once per row */
    total += k->level_count * 2.0 * lanes;
  return total / (double)extent;
}

static void choose_vectors(nest *k) {
  const group *g = k->group;
  double best = (double)g->member_count + g->access_count;
  k->vector_axis = -1;
  k->full_lanes = 1;
  for (int v = g->outer_rank + g->inner_rank - 1; v >= 0; v--) {
    const width_search w = search_group(k, v);
    int lanes = lanes_for(lanes_of(&w), nest_extent(k, v));
    if (lanes < 2 || price(k, v, lanes) >= best) continue;
    best = price(k, v, lanes);
    k->vector_axis = v;
    k->full_lanes = lanes;
    k->halving = halves(nest_extent(k, v), lanes) && !nest_is_bounded(k, v);
    take_breaks(k, &w);
  }
}

/* ---- order and tasks ------------------------------------------------------------------------- */

/* The axes in order, the vector axis last. */
static void order_axes(const nest *k, int first, int rank, int *order) {
  int count = 0;
  bool has_vectors = k->vector_axis >= first && k->vector_axis < first + rank;
  for (int v = first; v < first + rank; v++)
    if (v != k->vector_axis) order[count++] = v;
  if (has_vectors) order[count] = k->vector_axis;
}

/* A first axis of few turns changes places with the longest one. */
static void lengthen_first(nest *k) {
  enum { FEW = 8 };
  int *order = k->outer_order, longest = 0;
  if (k->group->outer_rank == 0 || nest_extent(k, order[0]) >= FEW) return;
  for (int i = 1; i < k->group->outer_rank; i++)
    if (order[i] != k->vector_axis && nest_extent(k, order[i]) > nest_extent(k, order[longest]))
      longest = i;
  int v = order[longest];
  memmove(&order[1], &order[0], (size_t)longest * sizeof *order);
  order[0] = v;
}

void nest_schedule(nest *k) {
  const group *g = k->group;
  choose_vectors(k);
  order_axes(k, 0, g->outer_rank, k->outer_order);
  order_axes(k, g->outer_rank, g->inner_rank, k->inner_order);
  lengthen_first(k);
}

int64_t nest_tasks(const nest *k) {
  enum { WORK = 16384, MOST_TASKS = 64 };
  const group *g = k->group;
  if (g->outer_rank == 0) return 1;
  int64_t elements = 1;
  for (int v = 0; v < g->outer_rank + g->inner_rank; v++) elements *= extent_of(g, v);
  int64_t tasks = (g->operations + elements * g->access_count) / WORK;
  int64_t turns = extent_of(g, k->outer_order[0]);
  if (k->outer_order[0] == k->vector_axis) turns /= 4 * k->full_lanes;
  if (tasks > MOST_TASKS) tasks = MOST_TASKS;
  if (tasks > turns) tasks = turns;
  return tasks > 1 ? tasks : 1;
}
