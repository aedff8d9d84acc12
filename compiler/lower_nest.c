/* Scopes and loops of a kernel that is being written. */
#include "lower_nest.h"

void nest_open(nest *k) {
  ensure(k->scope_count < NEST_SCOPES);
  k->scopes[k->scope_count++] =
      (nest_scope){.memo_count = k->memo_count, .mask_count = k->mask_count};
}

/* Forgets the elements whose names end with the scope: those that were found in it and depend on it.
 * Others were written further out. */
static void forget(nest *k, const nest_scope *closed) {
  int count = closed->memo_count;
  for (int i = closed->memo_count; i < k->memo_count; i++)
    if (k->memo[i].value.scope < k->scope_count) k->memo[count++] = k->memo[i];
  k->memo_count = count;
  count = closed->mask_count;
  for (int i = closed->mask_count; i < k->mask_count; i++)
    if (k->masks[i].value.scope < k->scope_count) k->masks[count++] = k->masks[i];
  k->mask_count = count;
}

loop_block nest_close(nest *k) {
  nest_scope *closed = &k->scopes[--k->scope_count];
  forget(k, closed);
  return closed->block;
}

loop_block *nest_block(nest *k) { return &k->scopes[k->scope_count - 1].block; }

void nest_splice(nest *k) {
  loop_block block = nest_close(k);
  loop_append_all(k->arena, nest_block(k), &block);
}

const loop_expr *nest_let(nest *k, int scope, const char *name, const loop_expr *value) {
  const loop_expr *inside = value;
  while (inside->kind == LOOP_SPLAT) inside = inside->operands[0];
  if (inside->kind == LOOP_CONSTANT || inside->kind == LOOP_VARIABLE) return value;
  return loop_let(k->arena, &k->scopes[scope].block,
                  arena_printf(k->arena, "%s_%d", name, ++k->names), value);
}

bool nest_is_inner(const nest *k, int variable) { return variable >= k->group->outer_rank; }

bool nest_is_bounded(const nest *k, int variable) {
  const group *g = k->group;
  return variable < g->outer_rank ? g->outer_bounded[variable]
                                  : g->inner_bounded[variable - g->outer_rank];
}

int64_t nest_extent(const nest *k, int variable) {
  const group *g = k->group;
  return variable < g->outer_rank ? g->outer[variable] : g->inner[variable - g->outer_rank];
}

static const char *variable_name(const nest *k, int variable) {
  static const char *const outer[] = {"i", "j", "k", "l", "m", "n", "o", "q"};
  static const char *const inner[] = {"r", "s", "t", "u", "v", "w", "x", "y"};
  return nest_is_inner(k, variable) ? inner[variable - k->group->outer_rank] : outer[variable];
}

/* The body with the variable bound to a value of its own, in a scope of its own. */
static void body_at(nest *k, int variable, const loop_expr *value, int lanes, nest_body body,
                    void *context) {
  const loop_expr *before = k->variables[variable];
  int before_scope = k->variable_scope[variable], before_lanes = k->lanes;
  nest_open(k);
  k->variables[variable] = value;
  k->variable_scope[variable] = k->scope_count - 1;
  k->lanes = lanes;
  body(k, context);
  k->variables[variable] = before;
  k->variable_scope[variable] = before_scope;
  k->lanes = before_lanes;
}

void nest_loop(nest *k, int variable, const loop_expr *low, const loop_expr *high, int64_t step,
               int lanes, nest_body body, void *context) {
  int64_t first, end;
  bool fixed = loop_is_int(low, &first) && loop_is_int(high, &end);
  if (fixed && first >= end) return;
  if (fixed && end - first <= step) {
    body_at(k, variable, low, lanes, body, context);
    nest_splice(k);
    return;
  }
  loop_variable *v =
      loop_variable_new(k->arena, variable_name(k, variable), loop_scalar(DTYPE_I64));
  body_at(k, variable, loop_var(k->arena, v), lanes, body, context);
  loop_block block = nest_close(k);
  loop_for(k->arena, nest_block(k), LOOP_SEQ, v, low, high, step)->body = block;
}

/* Several vectors in one turn. */
typedef struct turn {
  int copies;
  nest_body body;
  void *context;
} turn;

static void emit_turn(nest *k, void *context) {
  const turn *t = context;
  const loop_expr *base = k->variables[k->vector_axis];
  for (int i = 0; i < t->copies; i++) {
    const loop_expr *at = loop_add(k->arena, base, loop_int(k->arena, (int64_t)i * k->full_lanes));
    k->copy = i;
    body_at(k, k->vector_axis, at, k->full_lanes, t->body, t->context);
    nest_splice(k);
  }
  k->copy = 0;
}

/* The bounds of the vector axis, which lie in [0, extent], kept at or above `low` or at or below
 * `high`. */
static const loop_expr *from_at_least(nest *k, int64_t low) {
  const loop_expr *from = k->low[k->vector_axis], *least = loop_int(k->arena, low);
  return low == 0 ? from : loop_op(k->arena, SCALAR_MAXIMUM, from, least, NULL);
}

static const loop_expr *to_at_most(nest *k, int64_t high) {
  const loop_expr *to = k->high[k->vector_axis], *most = loop_int(k->arena, high);
  if (high == nest_extent(k, k->vector_axis)) return to;
  return loop_op(k->arena, SCALAR_MINIMUM, to, most, NULL);
}

bool nest_part(const nest *k, int part, int64_t *from, int64_t *to) {
  int64_t extent = nest_extent(k, k->vector_axis);
  int lanes = k->full_lanes >> part, before = k->halving ? 2 * lanes : k->full_lanes;
  if (nest_is_bounded(k, k->vector_axis)) {
    *from = 0;
    *to = extent;
    return part == 0 || lanes == 1;
  }
  *from = part == 0 ? 0 : extent - extent % before;
  *to = extent - extent % lanes;
  return *from < *to && (part == 0 || lanes == 1 || k->halving);
}

/* Along a bounded axis: full vectors, as many as fit, and what is left one by one. */
static void bounded_vector_loop(nest *k, nest_body body, void *context) {
  arena *a = k->arena;
  const int v = k->vector_axis;
  const loop_expr *rest = loop_op(a, SCALAR_MOD, k->high[v], loop_int(a, k->full_lanes), NULL);
  const loop_expr *whole = loop_op(a, SCALAR_SUB, k->high[v], rest, NULL);
  whole = nest_let(k, k->scope_count - 1, "whole", loop_op(a, SCALAR_MAXIMUM, whole, k->low[v], NULL));
  nest_loop(k, v, k->low[v], whole, k->full_lanes, k->full_lanes, body, context);
  while (k->full_lanes >> k->part > 1) k->part++;
  nest_loop(k, v, whole, k->high[v], 1, 1, body, context);
  k->part = 0;
}

static void whole_vector_loop(nest *k, int copies, nest_body body, void *context) {
  int v = k->vector_axis;
  int64_t from, to, step = (int64_t)copies * k->full_lanes;
  int64_t main_end = copies > 1 ? nest_extent(k, v) - nest_extent(k, v) % step : 0;
  turn t = {copies, body, context};
  if (main_end > 0)
    nest_loop(k, v, k->low[v], to_at_most(k, main_end), step, k->full_lanes, emit_turn, &t);
  for (k->part = 0; k->full_lanes >> k->part > 0; k->part++) {
    int lanes = k->full_lanes >> k->part;
    if (!nest_part(k, k->part, &from, &to)) continue;
    if (from < main_end) from = main_end;
    if (from < to)
      nest_loop(k, v, from_at_least(k, from), to_at_most(k, to), lanes, lanes, body, context);
  }
  k->part = 0;
}

/* Stretch by stretch. */
static void broken_vector_loop(nest *k, nest_body body, void *context) {
  const int v = k->vector_axis;
  const loop_expr *low = k->low[v], *high = k->high[v];
  for (int i = 0; i <= k->break_count; i++) {
    k->from = i > 0 ? k->breaks[i - 1] : 0;
    k->to = i < k->break_count ? k->breaks[i] : nest_extent(k, v);
    k->low[v] = from_at_least(k, k->from);
    k->high[v] = to_at_most(k, k->to);
    whole_vector_loop(k, 1, body, context);
    k->low[v] = low;
    k->high[v] = high;
  }
  k->from = k->to = 0;
}

void nest_vector_loop(nest *k, int copies, nest_body body, void *context) {
  if (nest_is_bounded(k, k->vector_axis)) bounded_vector_loop(k, body, context);
  else if (copies == 1 && k->break_count > 0) broken_vector_loop(k, body, context);
  else whole_vector_loop(k, copies, body, context);
}

/* The walk through the inner axes in their order. */
typedef struct walk {
  int depth, copies;
  nest_body body;
  void *context;
} walk;

static void emit_walk(nest *k, void *context) {
  walk *w = context;
  if (w->depth == k->group->inner_rank) {
    w->body(k, w->context);
    return;
  }
  int v = k->inner_order[w->depth++];
  if (v == k->vector_axis)
    nest_vector_loop(k, w->copies, emit_walk, w);
  else
    nest_loop(k, v, k->low[v], k->high[v], 1, k->lanes, emit_walk, w);
  w->depth--;
}

/* All points of a few, one after the other. */
static void emit_points(nest *k, int depth, nest_body body, void *context) {
  if (depth == k->group->inner_rank) {
    body(k, context);
    return;
  }
  int v = k->inner_order[depth];
  for (int64_t i = 0; i < nest_extent(k, v); i++) {
    nest_open(k);
    k->variables[v] = loop_int(k->arena, i);
    k->variable_scope[v] = k->scope_count - 1;
    emit_points(k, depth + 1, body, context);
    nest_splice(k);
  }
}

void nest_inner(nest *k, int copies, nest_body body, void *context) {
  enum { MOST_POINTS = 16 };
  int64_t points = 1;
  for (int i = 0; i < k->group->inner_rank; i++)
    points *= k->group->inner_bounded[i] ? MOST_POINTS + 1 : k->group->inner[i];
  k->in_row = true;
  if (points <= MOST_POINTS && (k->vector_axis < 0 || !nest_is_inner(k, k->vector_axis))) {
    k->unrolled = true;
    emit_points(k, 0, body, context);
    nest_store_strided(k);
    k->unrolled = false;
  } else {
    walk w = {0, copies, body, context};
    emit_walk(k, &w);
  }
  k->in_row = false;
}
