/* The loops around the tiles of a contraction. */
#include "contraction_nest.h"

#include "lower.h"

/* A level of the walk: a loop over the parts of an axis, or a copy; the tile is below the last. */
typedef struct level {
  int axis; /* -1: a copy */
  int operand;
} level;

typedef struct walk {
  contraction_nest nest;
  level levels[CONTRACTION_AXES + 2];
  int level_count;
  const loop_expr *low[CONTRACTION_AXES], *high[CONTRACTION_AXES]; /* the task's tiles; NULL: all */
  loop_buffer *packed; /* the walk only writes an operand's panels; NULL: it computes tiles */
} walk;

/* Consecutive tiles of one size along an axis. */
typedef struct run {
  int64_t low, high; /* numbers of the tiles */
  int64_t first;     /* unit at which tile `low` starts */
  int64_t size;
  int partial;
} run;

int contraction_full_lanes(const contraction *c, const target *t) {
  switch (c->element) {
  case DTYPE_I32: case DTYPE_I64: case DTYPE_F32: case DTYPE_F64:
    return t->vector_bytes / (int)dtype_size(c->element);
  default: return 1;
  }
}

const char *contraction_suffix(const contraction_nest *n, int kind) {
  int number = n->named[kind]++;
  return number == 0 ? "" : arena_printf(n->arena, "_%d", number);
}

const loop_expr *contraction_scaled(arena *a, const loop_expr *x, int64_t factor,
                                    const loop_expr *y) {
  return loop_add(a, loop_mul(a, x, loop_int(a, factor)), y);
}

const loop_expr *contraction_first(const contraction_nest *n, const contraction_coordinate *u) {
  const loop_expr *first = loop_int(n->arena, -u->low);
  for (int a = 0; a < n->contraction->axis_count; a++)
    if (u->steps[a] != 0) first = contraction_scaled(n->arena, n->start[a], u->steps[a], first);
  return first;
}

contraction_met contraction_met_steps(const contraction_nest *n, loop_block *block, const contraction_coordinate *u, int64_t length) {
  arena *a = n->arena;
  const loop_expr *before = loop_mul(a, contraction_first(n, u), loop_int(a, -1)), *behind = loop_add(a, before, loop_int(a, u->extent));
  const loop_expr *low = loop_op(a, SCALAR_MAXIMUM, before, loop_int(a, 0), NULL);
  const loop_expr *high = loop_op(a, SCALAR_MINIMUM, behind, loop_int(a, length), NULL);
  return (contraction_met){loop_let(a, block, "from", low), loop_let(a, block, "end", high)};
}

void contraction_pieces(arena *a, loop_block *block, int64_t count, int lanes,
                        contraction_piece *piece, void *context) {
  int64_t whole = count / lanes * lanes;
  if (whole == lanes) {
    piece(context, block, loop_int(a, 0), lanes);
  } else if (whole > 0) {
    const loop_variable *v = loop_variable_new(a, "run", loop_scalar(DTYPE_I64));
    loop_stmt *loop = loop_for(a, block, LOOP_SEQ, v, loop_int(a, 0), loop_int(a, whole), lanes);
    piece(context, &loop->body, loop_var(a, v), lanes);
  }
  for (int64_t at = whole; at < count; at += lanes) {
    while (lanes > count - at) lanes /= 2;
    piece(context, block, loop_int(a, at), lanes);
  }
}

/* ---- runs of tiles ------------------------------------------------------------------------- */

static int runs_of(const walk *w, int axis, run runs[3]) {
  const contraction *c = w->nest.contraction;
  const contraction_schedule *s = w->nest.schedule;
  contraction_cut cut = contraction_cut_of(c, s, axis);
  int64_t units = contraction_units(c, s, axis);
  int partial = axis == s->vector_axis && !c->axes[axis].reduced
                    ? (int)(c->axes[axis].extent % s->lanes) : 0;
  int64_t last = cut.tiles - 1;
  int64_t last_first = last < cut.larger ? last * (cut.size + 1) : last * cut.size + cut.larger;
  bool apart = partial > 0 || units - last_first != cut.size; /* the last tile is unlike others */
  run all[3] = {{0, cut.larger, 0, cut.size + 1, 0},
                {cut.larger, cut.tiles, cut.larger * (cut.size + 1), cut.size, 0},
                {last, cut.tiles, last_first, units - last_first, partial}};
  int count = 0;
  for (int i = 0; i < (apart ? 3 : 2); i++) {
    if (apart && i < 2 && all[i].high > last) all[i].high = last;
    if (all[i].low < all[i].high) runs[count++] = all[i];
  }
  return count;
}

static void emit(walk *w, int depth, loop_block *block);

static int64_t unit_of(const walk *w, int axis) {
  const contraction_schedule *s = w->nest.schedule;
  return axis == s->vector_axis && !w->nest.contraction->axes[axis].reduced ? s->lanes : 1;
}

/* The index at which a task's share of a run begins or ends. */
static const loop_expr *clip(walk *w, const run *r, int axis, const loop_expr *tile, bool low) {
  arena *a = w->nest.arena;
  const loop_expr *bound = loop_int(a, low ? r->low : r->high);
  tile = loop_op(a, low ? SCALAR_MAXIMUM : SCALAR_MINIMUM, bound, tile, NULL);
  int64_t step = r->size * unit_of(w, axis);
  int64_t first = r->first * unit_of(w, axis);
  return contraction_scaled(a, tile, step, loop_int(a, first - r->low * step));
}

/* A loop over the tiles of a run, or the tile itself where there is one. */
static void emit_run(walk *w, int depth, int axis, const run *r, bool only, loop_block *block) {
  contraction_nest *n = &w->nest;
  arena *a = n->arena;
  int64_t step = r->size * unit_of(w, axis), first = r->first * unit_of(w, axis);
  const loop_expr *low = loop_int(a, first), *high = loop_int(a, first + (r->high - r->low) * step);
  n->size[axis] = r->size;
  if (r->partial > 0) n->partial = r->partial;
  n->start[axis] = low;
  if (w->low[axis]) {
    low = only ? contraction_scaled(a, w->low[axis], step, loop_int(a, 0))
               : clip(w, r, axis, w->low[axis], true);
    high = only ? contraction_scaled(a, w->high[axis], step, loop_int(a, 0))
                : clip(w, r, axis, w->high[axis], false);
  }
  if (w->low[axis] || r->high - r->low > 1) {
    const char *name = n->contraction->axes[axis].name;
    const loop_variable *v = loop_variable_new(a, arena_printf(a, "%s0", name),
                                               loop_scalar(DTYPE_I64));
    loop_stmt *loop = loop_for(a, block, LOOP_SEQ, v, low, high, step);
    if (r->high - r->low > 1) n->start[axis] = loop_var(a, v);
    block = &loop->body;
  }
  emit(w, depth + 1, block);
  if (r->partial > 0) n->partial = 0;
}

/* Indices [low, high) of an axis in steps of as many units. */
static void emit_span(walk *w, int depth, int axis, int64_t size, const loop_expr *low,
                      const loop_expr *high, loop_block *block) {
  contraction_nest *n = &w->nest;
  const char *name = arena_printf(n->arena, "%s0", n->contraction->axes[axis].name);
  const loop_variable *v = loop_variable_new(n->arena, name, loop_scalar(DTYPE_I64));
  loop_stmt *loop = loop_for(n->arena, block, LOOP_SEQ, v, low, high, size);
  n->start[axis] = loop_var(n->arena, v);
  n->size[axis] = size;
  emit(w, depth + 1, &loop->body);
}

/* A bounded axis: whole tiles, or blocks, and what is left one by one; of the task's part of it. */
static void emit_bounded(walk *w, int depth, int axis, loop_block *block) {
  contraction_nest *n = &w->nest;
  arena *a = n->arena;
  const loop_expr *low = loop_int(a, 0), *high = n->bound, *whole = n->bound;
  int64_t size = contraction_cut_of(n->contraction, n->schedule, axis).size;
  if (w->low[axis]) {
    low = loop_let(a, block, "low", loop_mul(a, w->low[axis], loop_int(a, size)));
    const loop_expr *end = loop_mul(a, w->high[axis], loop_int(a, size));
    high = loop_let(a, block, "high", loop_op(a, SCALAR_MINIMUM, end, n->bound, NULL));
    high = loop_let(a, block, "high", loop_op(a, SCALAR_MAXIMUM, high, low, NULL));
  }
  if (size > 1) {
    const loop_expr *left = loop_op(a, SCALAR_MOD, high, loop_int(a, size), NULL);
    whole = loop_let(a, block, "whole", loop_op(a, SCALAR_SUB, high, left, NULL));
    emit_span(w, depth, axis, size, low, whole, block);
    low = w->low[axis] ? loop_op(a, SCALAR_MAXIMUM, low, whole, NULL) : whole;
  }
  emit_span(w, depth, axis, 1, low, high, block);
}

static void emit_axis(walk *w, int depth, int axis, loop_block *block) {
  contraction_nest *n = &w->nest;
  const loop_expr *start = n->start[axis];
  int64_t size = n->size[axis];
  run runs[3];
  bool bounded = n->contraction->axes[axis].bounded;
  int count = bounded ? 0 : runs_of(w, axis, runs);
  if (bounded) emit_bounded(w, depth, axis, block);
  for (int i = 0; i < count; i++) emit_run(w, depth, axis, &runs[i], count == 1, block);
  n->start[axis] = start;
  n->size[axis] = size;
}

static void emit(walk *w, int depth, loop_block *block) {
  if (depth == w->level_count) {
    contraction_tile(&w->nest, block);
  } else if (w->packed && w->levels[depth].axis < 0) {
    contraction_pack(&w->nest, w->levels[depth].operand, w->packed, block);
  } else if (w->levels[depth].axis >= 0) {
    emit_axis(w, depth, w->levels[depth].axis, block);
  } else {
    int operand = w->levels[depth].operand;
    contraction_access before = w->nest.access[operand];
    if (w->nest.schedule->packed[operand]) contraction_read_packed(&w->nest, operand);
    else contraction_copy(&w->nest, operand, block);
    emit(w, depth + 1, block);
    w->nest.access[operand] = before;
  }
}

/* ---- order of the levels ------------------------------------------------------------------- */

static void add_level(walk *w, bool *placed, int axis) {
  if (placed[axis]) return;
  placed[axis] = true;
  w->levels[w->level_count++] = (level){.axis = axis};
}

/* The axes of an operand, in order: those walked outside copies, or all. */
static void add_axes(walk *w, bool *placed, int operand, bool outer) {
  const contraction *c = w->nest.contraction;
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && contraction_depends(&c->operands[operand], a) &&
        (!outer || w->nest.schedule->outer[a]))
      add_level(w, placed, a);
}

static void add_copy(walk *w, int operand) {
  if (w->nest.schedule->copied[operand] || w->nest.schedule->packed[operand])
    w->levels[w->level_count++] = (level){.axis = -1, .operand = operand};
}

static void add_blocks(walk *w, bool *placed) {
  for (int a = 0; a < w->nest.contraction->axis_count; a++)
    if (w->nest.schedule->block[a]) add_level(w, placed, a);
}

static void order_levels(walk *w) {
  const contraction *c = w->nest.contraction;
  const contraction_schedule *s = w->nest.schedule;
  bool placed[CONTRACTION_AXES] = {false};
  int first = s->first, second = 1 - first;
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && contraction_depends(&c->operands[0], a) &&
        contraction_depends(&c->operands[1], a))
      add_level(w, placed, a);
  if (s->packed[second]) add_blocks(w, placed);
  add_axes(w, placed, first, true);
  add_blocks(w, placed);
  add_copy(w, first);
  if (contraction_packs_once(c, s, second)) add_axes(w, placed, first, false);
  add_axes(w, placed, second, true);
  add_copy(w, second);
  add_axes(w, placed, second, false);
  add_axes(w, placed, first, false);
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced) add_level(w, placed, a);
}

/* ---- tasks --------------------------------------------------------------------------------- */

/* The index at which a tile begins. */
static const loop_expr *index_of_tile(const walk *w, int axis, const loop_expr *tile) {
  arena *a = w->nest.arena;
  const contraction_cut cut = contraction_cut_of(w->nest.contraction, w->nest.schedule, axis);
  const loop_expr *larger = loop_op(a, SCALAR_MINIMUM, tile, loop_int(a, cut.larger), NULL);
  const loop_expr *unit = contraction_scaled(a, tile, cut.size, cut.larger > 0 ? larger : loop_int(a, 0));
  return loop_mul(a, unit, loop_int(a, unit_of(w, axis)));
}

/* Tiles [low, high) of each axis that task number `task` does. */
static void share_out(walk *w, const loop_expr *task, loop_block *block) {
  arena *a = w->nest.arena;
  const contraction *c = w->nest.contraction;
  const contraction_schedule *s = w->nest.schedule;
  for (int axis = c->axis_count - 1; axis >= 0; axis--) {
    if (s->parts[axis] == 1) continue;
    const loop_expr *parts = loop_int(a, s->parts[axis]);
    const loop_expr *part = loop_op(a, SCALAR_MOD, task, parts, NULL);
    task = loop_op(a, SCALAR_FLOORDIV, task, parts, NULL);
    int64_t tiles = contraction_cut_of(c, s, axis).tiles, even = tiles / s->parts[axis];
    const loop_expr *bounds[2];
    for (int i = 0; i < 2; i++) {
      const loop_expr *at = loop_add(a, part, loop_int(a, i));
      bounds[i] = tiles % s->parts[axis] == 0
                      ? loop_mul(a, at, loop_int(a, even))
                      : loop_op(a, SCALAR_FLOORDIV, loop_mul(a, at, loop_int(a, tiles)), parts,
                                NULL);
    }
    w->low[axis] = loop_let(a, block, arena_printf(a, "%s_low", c->axes[axis].name), bounds[0]);
    w->high[axis] = loop_let(a, block, arena_printf(a, "%s_high", c->axes[axis].name), bounds[1]);
    w->nest.part[axis] = part;
    w->nest.first[axis] = index_of_tile(w, axis, w->low[axis]);
  }
}

static void access_directly(contraction_nest *n, int operand) {
  const contraction_operand *o = &n->contraction->operands[operand];
  contraction_access *access = &n->access[operand];
  int64_t origin = o->base;
  for (int i = 0; i < o->rank; i++) origin -= o->coordinates[i].low * o->coordinates[i].stride;
  *access = (contraction_access){.buffer = o->buffer, .origin = loop_int(n->arena, origin)};
  for (int a = 0; a < n->contraction->axis_count; a++) {
    access->stride[a] = contraction_stride(o, a);
    access->from[a] = loop_int(n->arena, 0);
  }
}

static void start_walk(walk *w) {
  contraction_nest *n = &w->nest;
  n->named = arena_array_of(n->arena, NAMES_COUNT, int);
  for (int axis = 0; axis < n->contraction->axis_count; axis++) {
    n->start[axis] = n->part[axis] = n->first[axis] = loop_int(n->arena, 0);
    n->size[axis] = contraction_units(n->contraction, n->schedule, axis);
  }
}

/* A loop over tasks where there are several, and the loops inside it. */
static void emit_tasks(walk *w, const char *text, loop_block *body) {
  const contraction *c = w->nest.contraction;
  arena *a = w->nest.arena;
  int64_t tasks = 1;
  for (int axis = 0; axis < c->axis_count; axis++)
    if (!c->axes[axis].reduced) tasks *= w->nest.schedule->parts[axis];
  const loop_variable *task = loop_variable_new(a, "task", loop_scalar(DTYPE_I64));
  if (tasks > 1)
    body = &loop_for(a, body, LOOP_TASK, task, loop_int(a, 0), loop_int(a, tasks), 1)->body;
  loop_comment(a, body, text);
  if (tasks > 1) share_out(w, loop_var(a, task), body);
  if (c->context) w->nest.bound = lower_size(a, c->context, body);
  loop_block loops = {0};
  emit(w, 0, &loops);
  if (c->epilogue_once && !w->packed) c->epilogue_once(c->epilogue_context, body);
  loop_append_all(a, body, &loops);
}

void contraction_emit(arena *a, const contraction *c, const contraction_schedule *s,
                      const target *t, loop_block *body) {
  walk w = {.nest = {.arena = a, .contraction = c, .schedule = s, .target = t}};
  start_walk(&w);
  for (int i = 0; i < 2; i++)
    if (!s->copied[i] && !s->packed[i]) access_directly(&w.nest, i);
  order_levels(&w);
  emit_tasks(&w, contraction_schedule_text(a, c, s), body);
}

void contraction_emit_packing(arena *a, const contraction *c, const contraction_schedule *s, const target *t,
                              int operand, loop_buffer *packed, loop_block *body) {
  contraction_schedule own = *s; /* the tasks that share out the operand */
  walk w = {.nest = {.arena = a, .contraction = c, .schedule = &own, .target = t}, .packed = packed};
  bool placed[CONTRACTION_AXES] = {false};
  for (int axis = 0; axis < c->axis_count; axis++)
    if (!contraction_depends(&c->operands[operand], axis)) own.parts[axis] = 1;
  start_walk(&w);
  add_axes(&w, placed, operand, true);
  add_copy(&w, operand);
  emit_tasks(&w, "panels", body);
}
