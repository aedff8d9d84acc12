/* Reductions in a row kernel. A pass over the inner axes feeds the accumulators of all reductions of
 * one level; a reduction whose operand depends on another one is a level above it.
 *
 * Where the vector axis is an inner one, each part of it has accumulators of its own lanes, and the
 * first one for each vector of the unrolled loop; they are combined in a fixed order. */
#include <math.h>

#include "axes.h"
#include "lower_nest.h"
#include "scalar.h"

enum { MOST_COPIES = 4 };

typedef struct accumulator {
  node *node;
  const index_expr *const *operand_at;
  scalar_function combine;
  dtype element;
  bool place;            /* with the place of the extremum beside it */
  int shared;            /* the one that finds this extremum and its place too; -1: none */
  loop_buffer *values[NEST_PARTS], *places[NEST_PARTS]; /* by part; NULL: the part is empty */
} accumulator;

typedef struct pass {
  accumulator *accumulators;
  int count, copies, level;
} pass;

static bool vectors_along_row(const nest *k) {
  return k->full_lanes > 1 && nest_is_inner(k, k->vector_axis);
}

/* ---- one step -------------------------------------------------------------------------------- */

static const loop_expr *read_register(nest *k, const loop_buffer *b, int copy) {
  const loop_expr *index = loop_int(k->arena, copy);
  return loop_load(k->arena, b, &index, 1, NULL);
}

static void write_register(nest *k, loop_buffer *b, int copy, const loop_expr *value) {
  const loop_expr *index = loop_int(k->arena, copy);
  loop_store(k->arena, nest_block(k), b, &index, value, NULL);
}

static const loop_expr *is_nan(nest *k, const loop_expr *x) {
  return loop_op(k->arena, SCALAR_ISNAN, x, NULL, NULL);
}

static const loop_expr *two(nest *k, scalar_function f, const loop_expr *x, const loop_expr *y) {
  return loop_op(k->arena, f, x, y, NULL);
}

/* True where x takes the place of the best value so far: the first NaN wins, then the first
 * extremum. */
static const loop_expr *wins(nest *k, const accumulator *c, const loop_expr *x,
                             const loop_expr *best) {
  bool largest = c->combine == SCALAR_MAXIMUM || c->combine == SCALAR_OR;
  const loop_expr *better = two(k, largest ? SCALAR_GT : SCALAR_LT, x, best);
  if (!dtype_is_float(c->element)) return better;
  const loop_expr *was = loop_op(k->arena, SCALAR_NOT, is_nan(k, best), NULL, NULL);
  return two(k, SCALAR_AND, was, two(k, SCALAR_OR, better, is_nan(k, x)));
}

static const loop_expr *ties(nest *k, const accumulator *c, const loop_expr *x,
                             const loop_expr *best) {
  const loop_expr *equal = two(k, SCALAR_EQ, x, best);
  if (!dtype_is_float(c->element)) return equal;
  return two(k, SCALAR_OR, equal, two(k, SCALAR_AND, is_nan(k, x), is_nan(k, best)));
}

/* The place in row-major order over the axes that the reduction removes. */
static const index_expr *place_in_row(nest *k, const accumulator *c) {
  int count;
  const int64_t *axes = node_ints(c->node, 0, &count);
  tensor_type removed = {.rank = count};
  const index_expr *at[MAX_RANK];
  for (int i = 0; i < count; i++) {
    removed.dims[i] = c->node->operands[0]->type.dims[axes[i]];
    at[i] = c->operand_at[axes[i]];
  }
  return index_flatten(k->arena, &removed, at);
}

/* True where the loops visit places in increasing order, so that the first of equals comes first. */
static bool visits_in_order(const nest *k, const index_expr *place) {
  int64_t reach = 0; /* of the loops further in */
  for (int i = k->group->inner_rank - 1; i >= 0; i--) {
    int v = k->inner_order[i];
    int64_t factor;
    if (!index_linear(place, v, &factor) || factor <= reach) return false;
    reach += factor * (nest_extent(k, v) - 1);
  }
  return true;
}

static void step(nest *k, accumulator *c) {
  const loop_expr *x = nest_operand(k, c->node->operands[0], c->operand_at);
  int part = vectors_along_row(k) ? k->part : 0, copy = part == 0 ? k->copy : 0;
  loop_buffer *values = c->values[part];
  const loop_expr *best = read_register(k, values, copy);
  if (!c->place) {
    write_register(k, values, copy, two(k, c->combine, best, x));
    return;
  }
  loop_buffer *places = c->places[part];
  const index_expr *at = place_in_row(k, c);
  const loop_expr *place = loop_splat(k->arena, nest_index(k, at).value, k->lanes);
  const loop_expr *best_place = read_register(k, places, copy), *better = wins(k, c, x, best);
  if (!visits_in_order(k, at)) {
    const loop_expr *before =
        two(k, SCALAR_AND, ties(k, c, x, best), two(k, SCALAR_LT, place, best_place));
    better = two(k, SCALAR_OR, better, before);
  }
  better = nest_let(k, k->scope_count - 1, "better", better);
  write_register(k, values, copy, loop_select(k->arena, better, x, best));
  write_register(k, places, copy, loop_select(k->arena, better, place, best_place));
}

/* Vectors of columns come from one row after the other. */
static void fetch_rows_ahead(nest *k) {
  enum { ROWS = 64 };
  const int rank = k->group->inner_rank;
  if (rank > 0 && k->lanes > 1 && !k->unrolled && !vectors_along_row(k)) nest_fetch_ahead(k, k->inner_order[rank - 1], ROWS);
}

/* Outputs are stored after all that is read here was read. */
static void step_all(nest *k, void *context) {
  pass *p = context;
  if (p->level == 0) fetch_rows_ahead(k);
  for (int i = 0; i < p->count; i++)
    if (p->accumulators[i].shared < 0) step(k, &p->accumulators[i]);
  nest_store(k, p->level);
}

/* ---- before and after ------------------------------------------------------------------------ */

static const loop_expr *neutral(nest *k, const accumulator *c) {
  int64_t smallest = 0, largest = 0;
  bool real = dtype_is_float(c->element);
  if (!real) dtype_range(c->element, &smallest, &largest);
  switch (c->combine) {
    case SCALAR_MUL: return loop_constant(k->arena, c->element, 1, 1);
    case SCALAR_AND: return loop_constant(k->arena, c->element, 0, 1);
    case SCALAR_MAXIMUM: return loop_constant(k->arena, c->element, -INFINITY, smallest);
    case SCALAR_MINIMUM: return loop_constant(k->arena, c->element, INFINITY, largest);
    default: return loop_constant(k->arena, c->element, 0, 0);
  }
}

static loop_buffer *new_register(nest *k, const char *name, dtype element, int lanes, int copies,
                                 const loop_expr *initial) {
  int64_t extents[] = {copies};
  loop_buffer *b =
      loop_buffer_new(k->arena, arena_printf(k->arena, "%s_%d", name, ++k->names), LOOP_REG,
                      loop_vector(element, lanes), 1, extents);
  loop_alloc(k->arena, nest_block(k), b, loop_splat(k->arena, initial, lanes));
  return b;
}

static void begin_part(nest *k, accumulator *c, int part, int lanes, int copies) {
  const loop_expr *zero = loop_constant(k->arena, DTYPE_I32, 0, 0);
  c->values[part] =
      new_register(k, op_infos[c->node->op].name, c->element, lanes, copies, neutral(k, c));
  if (c->place) c->places[part] = new_register(k, "place", DTYPE_I32, lanes, copies, zero);
}

static void begin(nest *k, const pass *p, accumulator *c) {
  int64_t from, to;
  if (!vectors_along_row(k)) {
    begin_part(k, c, 0, k->lanes, 1);
    return;
  }
  for (int part = 0; k->full_lanes >> part > 0; part++)
    if (nest_part(k, part, &from, &to))
      begin_part(k, c, part, k->full_lanes >> part, part == 0 ? p->copies : 1);
}

/* The better of two, the smaller place among equals. */
static void take_better(nest *k, const accumulator *c, const loop_expr **best,
                        const loop_expr **place, const loop_expr *x, const loop_expr *x_place) {
  int scope = k->scope_count - 1;
  const loop_expr *before =
      two(k, SCALAR_AND, ties(k, c, x, *best), two(k, SCALAR_LT, x_place, *place));
  const loop_expr *better =
      nest_let(k, scope, "better", two(k, SCALAR_OR, wins(k, c, x, *best), before));
  *best = nest_let(k, scope, "best", loop_select(k->arena, better, x, *best));
  *place = nest_let(k, scope, "place", loop_select(k->arena, better, x_place, *place));
}

/* Values and places of all parts, lane by lane, unless lanes are the outer axis's. */
static const loop_expr *best_place(nest *k, const accumulator *c) {
  if (!vectors_along_row(k)) return read_register(k, c->places[0], 0);
  const loop_expr *best = NULL, *place = NULL;
  int scope = k->scope_count - 1;
  for (int part = 0; part < NEST_PARTS; part++) {
    if (!c->values[part]) continue;
    const loop_expr *values = nest_let(k, scope, "values", read_register(k, c->values[part], 0));
    const loop_expr *places = nest_let(k, scope, "places", read_register(k, c->places[part], 0));
    for (int lane = 0; lane < k->full_lanes >> part; lane++) {
      const loop_expr *x = loop_extract(k->arena, values, lane);
      const loop_expr *x_place = loop_extract(k->arena, places, lane);
      if (best)
        take_better(k, c, &best, &place, x, x_place);
      else
        best = x, place = x_place;
    }
  }
  return place;
}

static const loop_expr *combined(nest *k, const pass *p, const accumulator *c) {
  const loop_expr *all = NULL;
  for (int part = 0; part < NEST_PARTS; part++) {
    if (!c->values[part]) continue;
    const loop_expr *value = read_register(k, c->values[part], 0);
    for (int i = 1; part == 0 && i < p->copies; i++)
      value = two(k, c->combine, value, read_register(k, c->values[part], i));
    if (vectors_along_row(k)) value = loop_reduce(k->arena, c->combine, value);
    all = all ? two(k, c->combine, all, value) : value;
  }
  return all;
}

static void end(nest *k, const pass *p, const accumulator *c) {
  const accumulator *shared = c->shared >= 0 ? &p->accumulators[c->shared] : NULL;
  const loop_expr *value = shared     ? read_register(k, shared->values[0], 0)
                           : c->place ? best_place(k, c)
                                      : combined(k, p, c);
  if (!c->place) value = lower_rounded(k->arena, value, c->node->type.element);
  value = nest_let(k, k->scope_count - 1, op_infos[c->node->op].name, value);
  nest_remember(k, c->node, k->group->homes[group_member(k->group, c->node)], value);
}

/* As many accumulators as hide the latency of an addition: in its four cycles a core begins at most
 * sixteen operations, which are the more turns the less there is to compute in each; where the row is long. */
static int copies_of(const nest *k, const pass *p) {
  enum { LATENCY_OPERATIONS = 16 };
  if (!vectors_along_row(k) || nest_is_bounded(k, k->vector_axis)) return 1;
  for (int i = 0; i < p->count; i++)
    if (p->accumulators[i].place) return 1;
  int weight = k->pass_weight[p->level];
  int64_t vectors = nest_extent(k, k->vector_axis) / k->full_lanes;
  int copies = MOST_COPIES;
  while (copies > 1 && (copies / 2 * weight >= LATENCY_OPERATIONS || vectors < 2 * copies ||
                        copies * p->count > k->lowering->target->registers / 2))
    copies /= 2;
  return copies;
}

static scalar_function combination(const node *n, dtype element) {
  scalar_function f = lowering_of(n)->combine;
  if (element != DTYPE_BOOL) return f;
  return f == SCALAR_MAXIMUM ? SCALAR_OR : SCALAR_AND;
}

/* The extremum whose place another reduction of the pass looks for, where lanes stay apart. */
static int shared_extremum(const nest *k, const pass *p, const accumulator *c) {
  const node *operand = c->node->operands[0];
  for (int i = 0; i < p->count && !c->place && !vectors_along_row(k); i++) {
    const accumulator *other = &p->accumulators[i];
    if (other->place && other->combine == c->combine && other->node->operands[0] == operand &&
        index_all_equal(other->operand_at, c->operand_at, operand->type.rank))
      return i;
  }
  return -1;
}

void nest_reduce(nest *k, int level) {
  const group *g = k->group;
  pass p = {.level = level};
  for (int i = 0; i < g->member_count; i++) {
    node *n = g->members[i];
    if (k->levels[i] != level) continue;
    dtype element = compute_type(n->operands[0]->type.element);
    arena_push(k->arena, p.accumulators, p.count) =
        (accumulator){.node = n, .operand_at = g->reduced[i], .element = element,
                      .combine = combination(n, element), .place = lowering_of(n)->place};
  }
  p.copies = copies_of(k, &p);
  for (int i = 0; i < p.count; i++)
    p.accumulators[i].shared = shared_extremum(k, &p, &p.accumulators[i]);
  for (int i = 0; i < p.count; i++)
    if (p.accumulators[i].shared < 0) begin(k, &p, &p.accumulators[i]);
  nest_inner(k, p.copies, step_all, &p);
  for (int i = 0; i < p.count; i++) end(k, &p, &p.accumulators[i]);
}
