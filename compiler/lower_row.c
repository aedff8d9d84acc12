/* Map and row kernels: for each point of the outer axes, passes over the inner ones that compute the
 * reductions level by level, and a last one for outputs that change along them. */
#include "lower_row.h"

#include "lower_nest.h"

/* ---- passes ---------------------------------------------------------------------------------- */

/* One more than the highest level among the reductions that an element depends on. */
static int level_below(nest *k, const node *n, int *known) {
  if (!group_computes(k->lowering->fusion, k->group, n)) return 0;
  if (known[n->id] >= 0) return known[n->id];
  int level = 0;
  for (int i = 0; i < n->operand_count; i++) {
    int below = level_below(k, n->operands[i], known);
    if (below > level) level = below;
  }
  if (op_has(n->op, REDUCTION)) {
    k->levels[group_member(k->group, n)] = level;
    level++;
    if (level > k->level_count) k->level_count = level;
  }
  return known[n->id] = level;
}

static bool changes_along_row(const nest *k, const node *output) {
  const index_expr *const *at = k->group->homes[group_member(k->group, output)];
  for (int i = 0; i < output->type.rank; i++)
    for (int v = 0; v < k->group->inner_rank; v++)
      if (index_depends(at[i], k->group->outer_rank + v)) return true;
  return false;
}

/* An output is stored in the first pass that can compute it, but one that overwrites an input in the
 * last, when all is read. */
static int pass_of(const nest *k, int output, int level) {
  const group *g = k->group;
  if (!changes_along_row(k, g->outputs[output])) return -1;
  for (int i = 0; i < g->input_count; i++)
    if (g->inout_output[i] == output) return k->level_count;
  return level;
}

static void find_levels(nest *k) {
  int node_count = k->lowering->graph->node_count;
  int *known = arena_array_of(k->arena, node_count, int);
  for (int id = 0; id < node_count; id++) known[id] = -1;
  k->levels = arena_array_of(k->arena, k->group->member_count, int);
  for (int i = 0; i < k->group->member_count; i++) k->levels[i] = -1;
  for (int i = 0; i < k->group->member_count; i++) level_below(k, k->group->members[i], known);
  k->output_pass = arena_array_of(k->arena, k->group->output_count, int);
  for (int i = 0; i < k->group->output_count; i++)
    k->output_pass[i] = pass_of(k, i, level_below(k, k->group->outputs[i], known));
}

/* ---- rows that are kept ---------------------------------------------------------------------- */

/* An expensive element, and the first and last pass that were seen to compute it. */
typedef struct use {
  const node *node;
  const index_expr *const *at;
  int first, pass, passes;
} use;

typedef struct uses {
  use *items;
  int count, pass;
  use *visited;
  int visited_count, weight; /* of what the pass computes for a point */
} uses;

enum { EXPENSIVE = 20, MOST_ROW_BYTES = 16384 };

static use *use_of(nest *k, use **items, int *count, const node *n, const index_expr *const *at) {
  for (int i = 0; i < *count; i++)
    if ((*items)[i].node == n && index_all_equal((*items)[i].at, at, n->type.rank))
      return &(*items)[i];
  arena_push(k->arena, *items, *count) = (use){n, at, -1, -1, 0};
  return &(*items)[*count - 1];
}

/* True where an earlier pass left the element in a row. */
static bool is_kept(const nest *k, const node *n, const index_expr *const *at, int pass) {
  for (int i = 0; i < k->row_count; i++)
    if (k->rows[i].node == n && k->rows[i].first_pass < pass &&
        index_all_equal(k->rows[i].at, at, n->type.rank))
      return true;
  return false;
}

static void visit_uses(nest *k, uses *u, node *n, const index_expr *const *at) {
  if (!group_computes(k->lowering->fusion, k->group, n) || op_has(n->op, REDUCTION)) return;
  if (is_kept(k, n, at, u->pass)) return;
  use *seen = use_of(k, &u->visited, &u->visited_count, n, at);
  if (seen->pass == u->pass) return;
  seen->pass = u->pass;
  u->weight += group_weight(n);
  if (group_weight(n) >= EXPENSIVE) {
    use *expensive = use_of(k, &u->items, &u->count, n, at);
    if (expensive->passes++ == 0) expensive->first = u->pass;
  }
  for (int read = 0;; read++) {
    const index_expr **operand_at = arena_array_of(k->arena, MAX_RANK, const index_expr *);
    index_guard guard = {0};
    int operand = node_access(k->arena, n, read, at, operand_at, &guard);
    if (operand < 0) return;
    if (guard.count == 0) visit_uses(k, u, n->operands[operand], operand_at);
  }
}

static int64_t row_elements(const nest *k) {
  int64_t elements = 1;
  for (int i = 0; i < k->group->inner_rank; i++) elements *= k->group->inner[i];
  bool vectors = k->vector_axis >= 0 && !nest_is_inner(k, k->vector_axis);
  return vectors ? elements * k->full_lanes : elements;
}

/* What the pass computes; each reduction adds one operation itself. */
static void visit_pass(nest *k, uses *u) {
  const group *g = k->group;
  u->weight = 0;
  for (int i = 0; i < g->member_count; i++) {
    if (k->levels[i] != u->pass) continue;
    u->weight++;
    visit_uses(k, u, g->members[i]->operands[0], g->reduced[i]);
  }
  for (int i = 0; i < g->output_count; i++)
    if (k->output_pass[i] == u->pass)
      visit_uses(k, u, g->outputs[i], g->homes[group_member(g, g->outputs[i])]);
}

/* Expensive elements that more than one pass computes are kept, while they fit the cache. */
static void plan_rows(nest *k) {
  uses u = {0};
  for (; u.pass <= k->level_count; u.pass++) visit_pass(k, &u);
  int64_t elements = row_elements(k), bytes = 0;
  for (int i = 0; i < u.count; i++) {
    dtype element = compute_type(u.items[i].node->type.element);
    bytes += elements * (int64_t)dtype_size(element);
    if (u.items[i].passes < 2 || bytes > MOST_ROW_BYTES) continue;
    arena_push(k->arena, k->rows, k->row_count) =
        (nest_row){.node = u.items[i].node, .at = u.items[i].at, .elements = elements,
                   .first_pass = u.items[i].first};
  }
}

static void weigh_passes(nest *k) {
  k->pass_weight = arena_array_of(k->arena, k->level_count + 1, int);
  for (uses u = {0}; u.pass <= k->level_count; u.pass++) {
    visit_pass(k, &u);
    k->pass_weight[u.pass] = u.weight;
  }
}

/* ---- the nest -------------------------------------------------------------------------------- */

static void end_pass(nest *k) {
  for (int i = 0; i < k->row_count; i++) k->rows[i].filled = k->rows[i].filling;
}

/* The last pass over a row finds it in the caches: meanwhile lines of the next row may arrive, for which the first pass would
 * wait. */
static void fetch_next_row(nest *k) {
  const int rank = k->group->outer_rank;
  if (rank > 0 && k->vector_axis >= 0 && nest_is_inner(k, k->vector_axis)) nest_fetch_ahead(k, k->outer_order[rank - 1], 1);
}

static void store_row(nest *k, void *context) {
  (void)context;
  if (k->level_count > 0) fetch_next_row(k);
  nest_store(k, k->level_count);
}

static void emit_row(nest *k) {
  k->row_scope = k->scope_count - 1;
  nest_row *rows = arena_grow(k->arena, k->rows, (size_t)k->row_count, (size_t)k->row_count,
                              sizeof *rows);
  for (int level = 0; level < k->level_count; level++) {
    nest_reduce(k, level);
    end_pass(k);
  }
  bool last = false;
  for (int i = 0; i < k->group->output_count; i++)
    last = last || k->output_pass[i] == k->level_count;
  if (last) nest_inner(k, 1, store_row, NULL);
  nest_store(k, -1);
  k->rows = rows; /* the next point starts with empty ones */
}

static void emit_outer(nest *k, void *context) {
  int *depth = context;
  if (*depth == k->group->outer_rank) {
    emit_row(k);
    return;
  }
  int v = k->outer_order[(*depth)++];
  if (v == k->vector_axis)
    nest_vector_loop(k, 1, emit_outer, depth);
  else
    nest_loop(k, v, k->low[v], k->high[v], 1, k->lanes, emit_outer, depth);
  (*depth)--;
}

/* The bounds of the loops, in the outermost scope. */
static void set_bounds(nest *k) {
  const loop_expr *size = NULL;
  for (int v = 0; v < k->group->outer_rank + k->group->inner_rank; v++) {
    if (nest_is_bounded(k, v) && !size) size = lower_size(k->arena, k->context, nest_block(k));
    k->low[v] = loop_int(k->arena, 0);
    k->high[v] = nest_is_bounded(k, v) ? size : loop_int(k->arena, nest_extent(k, v));
    k->variables[v] = k->low[v];
  }
}

/* Cuts the first axis into tasks. */
static void emit_tasks(nest *k, int64_t tasks, loop_block *body) {
  arena *a = k->arena;
  int v = k->outer_order[0], depth = 0;
  int64_t extent = nest_extent(k, v), share = (extent + tasks - 1) / tasks;
  if (v == k->vector_axis) share = (share + k->full_lanes - 1) / k->full_lanes * k->full_lanes;
  loop_variable *task = loop_variable_new(a, "p", loop_scalar(DTYPE_I64));
  nest_open(k);
  set_bounds(k);
  const loop_expr *low = loop_mul(a, loop_var(a, task), loop_int(a, share));
  const loop_expr *high = loop_add(a, low, loop_int(a, share));
  k->low[v] = nest_let(k, 0, "first", low);
  if (extent % share != 0 || nest_is_bounded(k, v))
    high = loop_op(a, SCALAR_MINIMUM, high, k->high[v], NULL);
  k->high[v] = nest_let(k, 0, "end", high);
  emit_outer(k, &depth);
  loop_block inside = nest_close(k);
  int64_t turns = (extent + share - 1) / share;
  loop_for(a, body, LOOP_TASK, task, loop_int(a, 0), loop_int(a, turns), 1)->body = inside;
}

void lower_row(lowering *l, const group *from, loop_kernel *kernel, loop_buffer **buffers,
               loop_buffer *context) {
  arena *a = l->arena;
  nest *k = arena_new_of(a, nest);
  *k = (nest){.lowering = l, .arena = a, .buffers = buffers, .context = context, .lanes = 1};
  k->group = nest_merge_axes(a, l->fusion, from);
  find_levels(k);
  nest_schedule(k);
  plan_rows(k);
  weigh_passes(k);
  int64_t tasks = nest_tasks(k);
  if (tasks > 1) {
    emit_tasks(k, tasks, &kernel->body);
    return;
  }
  int depth = 0;
  nest_open(k);
  set_bounds(k);
  emit_outer(k, &depth);
  kernel->body = nest_close(k);
}
