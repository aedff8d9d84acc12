/* One group: where in each of its nodes a point of its domain lies. The domain is that of a seed: the
 * reduction with most operand elements, else the largest output. From the seed's index the others
 * follow along reads, from result to operand and back. */
#include <stdlib.h>
#include <string.h>

#include "axes.h"
#include "build.h"
#include "half.h"
#include "lower.h"

enum { MOST_VISITS = 160 };

static int find(node *const *sorted, int count, const node *n) {
  int low = 0, high = count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (sorted[middle]->id < n->id)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && sorted[low] == n ? low : -1;
}

int group_member(const group *g, const node *n) { return find(g->members, g->member_count, n); }

static int position_of(node *const *list, int count, const node *n) {
  for (int i = 0; i < count; i++)
    if (list[i] == n) return i;
  return -1;
}

int group_input(const group *g, const node *n) {
  return position_of(g->inputs, g->input_count, n);
}

int group_output(const group *g, const node *n) {
  return position_of(g->outputs, g->output_count, n);
}

const node *group_main(const group *g) {
  if (g->heart) return g->heart;
  for (int i = 0; i < g->member_count; i++)
    if (op_has(g->members[i]->op, REDUCTION)) return g->members[i];
  return g->outputs[0];
}

bool group_computes(const fusion *f, const group *g, const node *n) {
  if (n->op == OP_INPUT || n->op == OP_SLOT) return false;
  return f->group_of[n->id] < 0 || group_member(g, n) >= 0;
}

static bool is_reduction(const node *n) { return op_has(n->op, REDUCTION); }

/* True where the kernel computes an element of the node from elements of its operands. */
static bool computes_elements(const fusion *f, const group *g, const node *n) {
  return n != g->heart && group_computes(f, g, n);
}

/* ---- homes ----------------------------------------------------------------------------------- */

/* Nodes that the kernel computes or loads, ascending, with the index that the domain's point has in
 * each, or NULL. */
typedef struct former {
  arena *arena;
  const fusion *fusion;
  group *group;
  node **nodes;
  const index_expr *const **at;
  int count;
} former;

static int compare_nodes(const void *x, const void *y) {
  return (*(node *const *)x)->id - (*(node *const *)y)->id;
}

/* All nodes that are computed or loaded, from members down. */
static void collect_nodes(former *k) {
  const group *g = k->group;
  for (int i = 0; i < g->member_count; i++)
    arena_push(k->arena, k->nodes, k->count) = g->members[i];
  for (int i = 0; i < k->count; i++) {
    const node *n = k->nodes[i];
    if (!computes_elements(k->fusion, g, n)) continue;
    for (int o = 0; o < n->operand_count; o++)
      if (position_of(k->nodes, k->count, n->operands[o]) < 0)
        arena_push(k->arena, k->nodes, k->count) = n->operands[o];
  }
  qsort(k->nodes, (size_t)k->count, sizeof *k->nodes, compare_nodes);
  k->at = arena_array_of(k->arena, k->count, const index_expr *const *);
}

static const index_expr **new_at(former *k) {
  return arena_array_of(k->arena, MAX_RANK, const index_expr *);
}

static bool settle(former *k, const node *n, const index_expr *const *at) {
  int i = find(k->nodes, k->count, n);
  if (k->at[i]) return false;
  k->at[i] = at;
  return true;
}

static const index_expr *domain_variable(const former *k, int number) {
  const group *g = k->group;
  int64_t extent =
      number < g->outer_rank ? g->outer[number] : g->inner[number - g->outer_rank];
  return index_variable(k->arena, number, extent);
}

/* The inner variables as an index over the axes that a reduction removes, or false. */
static bool inner_index(former *k, const node *n, const index_expr **inner) {
  const group *g = k->group;
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  tensor_type removed = {.rank = count}, domain = {.rank = g->inner_rank};
  for (int i = 0; i < count; i++) removed.dims[i] = n->operands[0]->type.dims[axes[i]];
  const index_expr *variables[MAX_RANK];
  for (int i = 0; i < g->inner_rank; i++) {
    domain.dims[i] = dim_fixed(g->inner[i]);
    variables[i] = domain_variable(k, g->outer_rank + i);
  }
  if (type_elements(&removed) != type_elements(&domain)) return false;
  index_unflatten(k->arena, &removed, index_flatten(k->arena, &domain, variables), inner);
  return true;
}

/* From a node's index to those of its operands. */
static bool spread_down(former *k, const node *n, const index_expr *const *at) {
  bool changed = false;
  if (!computes_elements(k->fusion, k->group, n)) return false;
  if (is_reduction(n)) {
    int member = group_member(k->group, n);
    if (k->group->heart) return false; /* which axes a sum behind it runs over follows from its operand */
    if (!k->group->reduced[member]) {
      const index_expr *inner[MAX_RANK], **operand_at = new_at(k);
      if (!inner_index(k, n, inner)) return false;
      reduction_access(n, at, inner, operand_at);
      k->group->reduced[member] = operand_at;
    }
    return settle(k, n->operands[0], k->group->reduced[member]);
  }
  for (int read = 0;; read++) {
    const index_expr **operand_at = new_at(k);
    index_guard guard = {0};
    int operand = node_access(k->arena, n, read, at, operand_at, &guard);
    if (operand < 0) return changed;
    if (settle(k, n->operands[operand], operand_at)) changed = true;
  }
}

/* Where an index of the operand lies in a slice that has one of the parts of a covered axis. */
static const index_expr *const *inverse_of_slice(former *k, const node *n,
                                                 const index_expr *const *from) {
  const group *g = k->group;
  const int64_t *starts = node_ints(n, 0, NULL), *steps = node_ints(n, 2, NULL);
  for (int64_t part = 0; g->heart && g->inner_rank == 1 && part < g->inner[0]; part++) {
    const index_expr *const *read = group_part(k->arena, g, from, n->type.rank, part);
    const index_expr **at = new_at(k);
    bool inside = true;
    for (int i = 0; i < n->type.rank; i++) {
      at[i] = index_add(k->arena, read[i], index_constant(k->arena, -starts[i]));
      inside = inside && steps[i] == 1 && at[i]->low >= 0 &&
               at[i]->high < n->type.dims[i].maximum;
    }
    if (inside) return at;
  }
  return NULL;
}

/* From an operand's index to that of the node; NULL where it does not follow. */
static const index_expr *const *inverse(former *k, const node *n, const index_expr *const *from) {
  const index_expr **at = new_at(k);
  const tensor_type *type = &n->operands[0]->type;
  int count;
  switch (n->op) {
    case OP_MAP:
    case OP_CAST: return from;
    case OP_RESHAPE:
      index_unflatten(k->arena, &n->type, index_flatten(k->arena, type, from), at);
      return at;
    case OP_TRANSPOSE:
      for (int i = 0; i < n->type.rank; i++) at[i] = from[node_ints(n, 0, NULL)[i]];
      return at;
    case OP_REVERSE: {
      index_guard none = {0}; /* its own inverse */
      node_access(k->arena, n, 0, from, at, &none);
      return at;
    }
    case OP_BROADCAST: {
      if (type_elements(type) != type_elements(&n->type)) return NULL;
      const int64_t *axes = node_ints(n, 1, &count);
      for (int i = 0; i < n->type.rank; i++) at[i] = index_constant(k->arena, 0);
      for (int i = 0; i < count; i++) at[axes[i]] = from[i];
      return at;
    }
    case OP_SLICE: return inverse_of_slice(k, n, from);
    default: return NULL;
  }
}

static bool reduction_up(former *k, const node *n, const index_expr *const *from) {
  int member = group_member(k->group, n), count;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t kept[MAX_RANK];
  int rank = axes_others(n->operands[0]->type.rank, axes, count, NULL, 0, kept);
  const index_expr **at = new_at(k);
  for (int i = 0; i < rank; i++) {
    at[i] = from[kept[i]];
    for (int v = 0; v < k->group->inner_rank; v++)
      if (index_depends(at[i], k->group->outer_rank + v)) return false;
  }
  k->group->reduced[member] = from;
  return settle(k, n, at);
}

static bool spread_up(former *k, const node *n) {
  if (!computes_elements(k->fusion, k->group, n)) return false;
  for (int o = 0; o < n->operand_count; o++) {
    const index_expr *const *from = k->at[find(k->nodes, k->count, n->operands[o])];
    if (!from) continue;
    if (is_reduction(n)) return reduction_up(k, n, from);
    const index_expr *const *at = inverse(k, n, from);
    if (at) return settle(k, n, at);
  }
  return false;
}

static void spread(former *k) {
  for (bool changed = true; changed;) {
    changed = false;
    for (int i = k->count - 1; i >= 0; i--)
      if (k->at[i] && spread_down(k, k->nodes[i], k->at[i])) changed = true;
    for (int i = 0; i < k->count; i++)
      if (!k->at[i] && spread_up(k, k->nodes[i])) changed = true;
  }
}

/* ---- domain ---------------------------------------------------------------------------------- */

static bool is_output(const fusion *f, const group *g, const node *n) {
  if (f->stored[n->id]) return true;
  for (int i = 0; i < f->reader_count[n->id]; i++)
    if (group_member(g, f->readers[n->id][i]) < 0) return true;
  return false;
}

static const node *seed_of(const group *g) {
  const node *seed = NULL;
  for (int i = 0; i < g->member_count; i++) {
    const node *n = g->members[i];
    if (!is_reduction(n)) continue;
    if (!seed || type_elements(&n->operands[0]->type) > type_elements(&seed->operands[0]->type))
      seed = n;
  }
  for (int i = 0; i < g->output_count && (!seed || !is_reduction(seed)); i++)
    if (!seed || type_elements(&g->outputs[i]->type) >= type_elements(&seed->type))
      seed = g->outputs[i];
  return seed;
}

/* The axes of the heart's result as its contraction has them, of which groups of channels and
 * channels are two. */
static void make_contraction_domain(former *k) {
  group *g = k->group;
  arena *a = k->arena;
  const contraction *c = g->contraction;
  const index_expr *position = index_constant(a, 0), **at = new_at(k);
  g->kind = GROUP_CONTRACTION;
  for (int i = 0; i < c->axis_count; i++) {
    if (c->axes[i].reduced) continue;
    if (c->axes[i].covered) {
      g->inner[g->inner_rank++] = c->axes[i].extent;
    } else {
      g->outer_bounded[g->outer_rank] = c->axes[i].bounded;
      g->outer[g->outer_rank++] = c->axes[i].extent;
    }
    const index_expr *v =
        index_variable(a, contraction_output_number(c, i), c->axes[i].extent);
    position = index_add(a, position, index_scale(a, v, c->axes[i].stride));
  }
  index_unflatten(a, &g->heart->type, position, at);
  settle(k, g->heart, at);
}

static void make_domain(former *k, const node *seed) {
  group *g = k->group;
  int count = 0;
  g->kind = is_reduction(seed) ? GROUP_ROW : GROUP_MAP;
  g->outer_rank = seed->type.rank;
  for (int i = 0; i < g->outer_rank; i++) {
    g->outer[i] = seed->type.dims[i].maximum;
    g->outer_bounded[i] = seed->type.dims[i].symbol;
  }
  const int64_t *axes = g->kind == GROUP_ROW ? node_ints(seed, 0, &count) : NULL;
  g->inner_rank = count;
  for (int i = 0; i < count; i++) {
    g->inner[i] = seed->operands[0]->type.dims[axes[i]].maximum;
    g->inner_bounded[i] = seed->operands[0]->type.dims[axes[i]].symbol;
  }
  const index_expr **at = new_at(k);
  for (int i = 0; i < g->outer_rank; i++) at[i] = domain_variable(k, i);
  settle(k, seed, at);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static bool is_bounded(const group *g, int v) {
  return v < g->outer_rank ? g->outer_bounded[v] : g->inner_bounded[v - g->outer_rank];
}

static bool has_bounded(const group *g) {
  for (int v = 0; v < g->outer_rank + g->inner_rank; v++)
    if (is_bounded(g, v)) return true;
  return false;
}

/* True where bounded axes are bounded variables by themselves, and no others depend on these. */
static bool bounds_agree(const former *k, const tensor_type *type, const index_expr *const *at) {
  const group *g = k->group;
  for (int i = 0; i < type->rank; i++) {
    int bounded = 0;
    for (int v = 0; v < g->outer_rank + g->inner_rank; v++)
      bounded += is_bounded(g, v) && index_depends(at[i], v);
    if (type->dims[i].symbol ? bounded != 1 || at[i]->term_count != 1 : bounded > 0) return false;
  }
  return true;
}

/* True where the index covers the tensor exactly once as the domain, or its outer part, is run
 * through. An index that came by a read outside of its bounds may leave an axis and meet all
 * positions nevertheless. */
static bool covers(const former *k, const tensor_type *type, const index_expr *const *at,
                   bool only_outer) {
  const group *g = k->group;
  for (int i = 0; i < type->rank; i++)
    if (at[i]->low < 0 || at[i]->high >= type->dims[i].maximum) return false;
  if (!bounds_agree(k, type, at)) return false;
  int rank = g->outer_rank + (only_outer ? 0 : g->inner_rank), variables[2 * MAX_RANK];
  int64_t extents[2 * MAX_RANK];
  for (int i = 0; i < rank; i++) {
    variables[i] = i;
    extents[i] = i < g->outer_rank ? g->outer[i] : g->inner[i - g->outer_rank];
  }
  return index_is_bijection(index_flatten(k->arena, type, at), variables, extents, rank,
                            type_elements(type));
}

/* A reduction runs through its operand's rows in the inner variables' order, which the place of an
 * extremum is counted in. */
static bool reduces_rows(former *k, const node *n, const index_expr *const *operand_at) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  const index_expr *inner[MAX_RANK];
  if (!inner_index(k, n, inner)) return false;
  for (int i = 0; i < count; i++)
    if (!index_equal(operand_at[axes[i]], inner[i])) return false;
  return bounds_agree(k, &n->operands[0]->type, operand_at);
}

/* A sum behind a contraction takes each element of its operand once, and the axes that it does not run over are its own. */
static bool sums_axes(const former *k, const node *n, const index_expr *const *at,
                      const index_expr *const *operand_at, bool *summed) {
  const group *g = k->group;
  const index_expr *position = index_flatten(k->arena, &n->type, at);
  int kept[MAX_RANK], count = 0;
  int64_t extents[MAX_RANK];
  if (g->inner_rank > 0 || has_bounded(g) || half_is(n->type.element)) return false;
  for (int v = 0; v < g->outer_rank; v++) {
    summed[v] = !index_depends(position, v);
    if (summed[v]) continue;
    kept[count] = v;
    extents[count++] = g->outer[v];
  }
  return covers(k, &n->operands[0]->type, operand_at, false) &&
         index_is_bijection(position, kept, extents, count, type_elements(&n->type));
}

/* All sums behind a contraction run over the same axes. */
static bool takes_sum(former *k, const node *n, const index_expr *const *at, const index_expr *const *operand_at,
                      bool first) {
  bool summed[MAX_RANK] = {false};
  group *g = k->group;
  if (!at || !operand_at || !sums_axes(k, n, at, operand_at, summed)) return false;
  if (first) memcpy(g->summed, summed, sizeof summed);
  return memcmp(g->summed, summed, sizeof summed) == 0;
}

static bool take_homes(former *k) {
  group *g = k->group;
  int sums = 0;
  for (int i = 0; i < g->member_count; i++) {
    const node *n = g->members[i];
    const index_expr *const *at = k->at[find(k->nodes, k->count, n)];
    bool output = group_output(g, n) >= 0;
    if (is_reduction(n) && g->heart) {
      if (!takes_sum(k, n, at, g->reduced[i], sums++ == 0)) return false;
    } else if (is_reduction(n)) {
      if (!at || !covers(k, &n->type, at, true) || !g->reduced[i] ||
          !reduces_rows(k, n, g->reduced[i]))
        return false;
    } else if (output && (!at || (!covers(k, &n->type, at, false) &&
                                  !covers(k, &n->type, at, true)))) {
      return false;
    }
    g->homes[i] = at;
  }
  return true;
}

/* ---- survey ---------------------------------------------------------------------------------- */

typedef struct visit {
  const node *node;
  const index_expr *const *at;
} visit;

typedef struct survey {
  arena *arena;
  const fusion *fusion;
  group *group;
  visit *visits;
  int visit_count;
  bool fits;
} survey;

static void add_access(survey *s, node *n, bool store, bool guarded, const index_expr *const *at) {
  group *g = s->group;
  const index_expr *position = index_flatten(s->arena, &n->type, at);
  if (!store && group_input(g, n) < 0) arena_push(s->arena, g->inputs, g->input_count) = n;
  for (int i = 0; i < g->access_count; i++) {
    group_access *known = &g->accesses[i];
    if (known->node != n || known->store != store || !index_equal(known->position, position))
      continue;
    known->guarded = known->guarded || guarded;
    return;
  }
  arena_push(s->arena, g->accesses, g->access_count) = (group_access){n, store, guarded, position};
  g->quotients += index_atoms(position);
}

static bool known(const survey *s, const node *n, const index_expr *const *at) {
  for (int i = 0; i < s->visit_count; i++)
    if (s->visits[i].node == n && index_all_equal(s->visits[i].at, at, n->type.rank)) return true;
  return false;
}

/* True where a heart or reduction is known at the index: at its home, of a heart also at any part of
 * a covered axis. */
static bool is_known_at(const survey *s, const node *n, const index_expr *const *at) {
  const group *g = s->group;
  const index_expr *const *home = g->homes[group_member(g, n)];
  if (index_all_equal(home, at, n->type.rank)) return true;
  for (int64_t part = 0; n == g->heart && g->inner_rank == 1 && part < g->inner[0]; part++)
    if (index_all_equal(group_part(s->arena, g, home, n->type.rank, part), at, n->type.rank))
      return true;
  return false;
}

static void read_element(survey *s, node *n, const index_expr *const *at, bool guarded) {
  group *g = s->group;
  if (!group_computes(s->fusion, g, n)) {
    add_access(s, n, false, guarded, at);
    return;
  }
  if (is_reduction(n) || n == g->heart) { /* their own reads are surveyed by themselves */
    if (!is_known_at(s, n, at) || group_is_sum(g, n)) s->fits = false;
    return;
  }
  if (known(s, n, at) || !s->fits) return;
  if (s->visit_count == MOST_VISITS) s->fits = false;
  arena_push(s->arena, s->visits, s->visit_count) = (visit){n, at};
  g->operations += group_weight(n) * group_repetitions(g, at, n->type.rank);
  if (n->op == OP_KEY) g->context = true;
  if (lowering_of(n)->position)
    g->quotients += index_atoms(lowering_of(n)->position(s->arena, n, at));
  for (int read = 0;; read++) {
    const index_expr **operand_at = arena_array_of(s->arena, MAX_RANK, const index_expr *);
    index_guard guard = {0};
    int operand = node_access(s->arena, n, read, at, operand_at, &guard);
    if (operand < 0) return;
    for (int i = 0; i < guard.count; i++) g->quotients += index_atoms(guard.bounds[i].value);
    read_element(s, n->operands[operand], operand_at, guarded || guard.count > 0);
  }
}

bool group_survey(arena *a, const fusion *f, group *g) {
  survey s = {.arena = a, .fusion = f, .group = g, .fits = true};
  g->accesses = NULL;
  g->inputs = NULL;
  g->access_count = g->input_count = 0;
  g->operations = g->quotients = 0;
  g->context = has_bounded(g) || (g->contraction && contraction_is_bounded(g->contraction));
  for (int i = 0; i < 2 && g->heart; i++)
    if (group_input(g, g->operands[i].root) < 0)
      arena_push(a, g->inputs, g->input_count) = g->operands[i].root;
  for (int i = 0; i < g->member_count; i++) {
    node *n = g->members[i];
    if (is_reduction(n)) {
      read_element(&s, n->operands[0], g->reduced[i], false);
      g->operations += group_repetitions(g, g->reduced[i], n->operands[0]->type.rank);
    }
    if (group_output(g, n) < 0) continue;
    if (!group_is_sum(g, n)) read_element(&s, n, g->homes[i], false);
    add_access(&s, n, true, false, g->homes[i]);
  }
  return s.fits && g->input_count + g->output_count <= GROUP_BUFFERS;
}

static group *new_group(arena *a, node *const *members, int member_count) {
  group *g = arena_new_of(a, group);
  g->members = arena_grow(a, members, (size_t)member_count, (size_t)member_count, sizeof *members);
  g->member_count = member_count;
  g->partial_sums = -1;
  g->homes = arena_array_of(a, member_count, const index_expr *const *);
  g->reduced = arena_array_of(a, member_count, const index_expr *const *);
  return g;
}

group *group_of_operand(arena *a, const fusion *f, node *const *members, int member_count,
                        node *operand) {
  group *g = new_group(a, members, member_count);
  const index_expr **at = arena_array_of(a, MAX_RANK, const index_expr *);
  g->outer_rank = operand->type.rank;
  for (int i = 0; i < g->outer_rank; i++) {
    g->outer[i] = operand->type.dims[i].maximum;
    g->outer_bounded[i] = operand->type.dims[i].symbol;
    at[i] = index_variable(a, i, g->outer[i]);
  }
  survey s = {.arena = a, .fusion = f, .group = g, .fits = true};
  read_element(&s, operand, at, false);
  return s.fits ? g : NULL;
}

/* ---- forming --------------------------------------------------------------------------------- */

/* Opaque operators and loops read their operands, constants nothing. */
static group *form_alone(arena *a, group *g) {
  node *n = g->members[0];
  g->kind = n->op == OP_LOOP ? GROUP_LOOP : op_has(n->op, OPAQUE) ? GROUP_OPAQUE : GROUP_CONSTANT;
  g->context = g->kind == GROUP_OPAQUE && type_is_bounded(&n->type);
  for (int i = 0; i < n->operand_count; i++) {
    node *root = group_root(n->operands[i]);
    if (group_begins_as_zeros(n, i)) continue;
    g->context = g->context || (g->kind == GROUP_OPAQUE && type_is_bounded(&n->operands[i]->type));
    if (group_input(g, root) < 0) arena_push(a, g->inputs, g->input_count) = root;
  }
  return g;
}

/* True where the node can be computed in no kernel with others. */
static bool is_alone(const node *n) {
  double value;
  return op_has(n->op, OPAQUE) || op_has(n->op, LOOP) || (n->op == OP_CONSTANT && !node_is_splat(n, &value));
}

/* As group_form; a heart's axis is cut where a cut is given, and on the way nodes that may want one
 * are listed. */
static group *form(arena *a, const fusion *f, node *const *members, int member_count,
                   const group_cut *cut, former *k) {
  group *g = new_group(a, members, member_count);
  for (int i = 0; i < member_count; i++)
    if (is_output(f, g, members[i])) arena_push(a, g->outputs, g->output_count) = members[i];
  for (int i = 0; i < member_count; i++)
    if (is_alone(members[i]))
      return member_count == 1 || members[0]->op == OP_LOOP ? form_alone(a, g) : NULL;
  if (!group_take_heart(a, f, g)) return NULL;
  if (cut && !contraction_cover(g->contraction, cut->axis, cut->inside)) return NULL;
  *k = (former){.arena = a, .fusion = f, .group = g};
  collect_nodes(k);
  if (g->heart)
    make_contraction_domain(k);
  else
    make_domain(k, seed_of(g));
  for (int i = 0; i < k->count; i++) /* there is nothing to find out */
    if (k->nodes[i]->type.rank == 0 && !group_is_sum(g, k->nodes[i])) settle(k, k->nodes[i], new_at(k));
  spread(k);
  return take_homes(k) && group_survey(a, f, g) ? g : NULL;
}

group *group_form(arena *a, const fusion *f, node *const *members, int member_count) {
  former k = {0}, trial;
  group *g = form(a, f, members, member_count, NULL, &k);
  group_cut cuts[4];
  if (g || !k.group || !k.group->heart) return g;
  int count = group_cuts(k.group, k.nodes, k.count, cuts, 4);
  for (int i = 0; i < count && !g; i++) g = form(a, f, members, member_count, &cuts[i], &trial);
  return g;
}
