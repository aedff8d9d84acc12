/* The kernel of a group whose heart is a product or convolution. The maps beside the heart are
 * computed from its sums while these are in registers, by the code that writes map kernels. */
#include "contraction.h"
#include "lower_nest.h"

/* ---- the epilogue ---------------------------------------------------------------------------- */

enum { SUMS = -2, POINTS = -1, PARTS = 0 }; /* passes of the outputs: behind all points, at every point, or at every part of it */

/* A sum behind the heart in the making. */
typedef struct epilogue_sum {
  node *node;
  int member;
  loop_buffer *so_far; /* a register, of vectors where the walk has them */
} epilogue_sum;

/* True where the epilogue reads a value at each of its sums. */
static bool is_read_along(const group *g, const group_access *access) {
  return !access->store && !access->guarded && access->node != g->heart && group_input(g, access->node) >= 0 &&
         type_elements(&access->node->type) >= type_elements(&g->heart->type);
}

/* True where what the epilogue reads at each sum does not stay in the second cache. */
static bool reads_afar(const lowering *l, const group *g) {
  int64_t bytes = 0;
  for (int i = 0; i < g->access_count; i++)
    if (is_read_along(g, &g->accesses[i])) bytes += type_bytes(&g->accesses[i].node->type);
  return g->inner_rank == 0 && bytes > l->target->l2_bytes;
}

/* The walk over a box of sums, in an order of its axes (order_walk) in which those over which the epilogue has sums of its
 * own are inside the others. */
typedef struct walk {
  nest *nest;
  const contraction *contraction;
  const contraction_sums *sums;
  int axes[CONTRACTION_AXES];      /* in the order of the walk */
  int axis_count, kept_count;      /* all, and those that no sum of the epilogue runs over */
  epilogue_sum *own;
  int own_count;
  int covered;                     /* an axis of the contraction; -1: none is */
  int64_t number;                  /* of the position, among values */
  const loop_expr *place;          /* of the position, in local memory */
  bool ahead;                      /* there are no sums yet */
} walk;

/* Distance of neighbours along an axis among values. */
static int64_t apart(const walk *w, int axis) {
  int64_t stride = 1;
  for (int a = axis + 1; a < w->contraction->axis_count; a++) stride *= w->sums->count[a];
  return stride;
}

/* The sum at the walk's point and a part of the covered axis, if there is one. */
static const loop_expr *sum_at(const walk *w, int64_t part) {
  arena *a = w->nest->arena;
  int axis = w->covered;
  if (w->sums->values) return w->sums->values[w->number + (axis < 0 ? 0 : part * apart(w, axis))];
  const loop_expr *at = axis < 0 ? w->place
                                 : loop_add(a, w->place, loop_int(a, part * w->sums->stride[axis]));
  return loop_load(a, w->sums->local, &at, w->sums->lanes, NULL);
}

static void walk_from(walk *w, int depth);

/* One position along an axis, in a scope of its own; `at` is its number. */
static void step_along(walk *w, int depth, const loop_expr *at) {
  nest *k = w->nest;
  arena *a = k->arena;
  int axis = w->axes[depth], v = contraction_output_number(w->contraction, axis);
  int64_t step = axis == w->sums->vector_axis ? w->sums->step : 1;
  const loop_expr *place = w->place;
  if (w->sums->local)
    w->place = loop_add(a, place, loop_mul(a, at, loop_int(a, w->sums->stride[axis])));
  nest_open(k);
  k->variables[v] = loop_add(a, w->sums->start[axis], loop_mul(a, at, loop_int(a, step)));
  k->variable_scope[v] = k->scope_count - 1;
  walk_from(w, depth + 1);
  w->place = place;
}

/* ---- sums behind the heart --------------------------------------------------------------------- */

static const loop_expr *so_far(const walk *w, const epilogue_sum *s) {
  const loop_expr *zero = loop_int(w->nest->arena, 0);
  return loop_load(w->nest->arena, s->so_far, &zero, 1, NULL);
}

static void begin_sum(walk *w, epilogue_sum *s) {
  nest *k = w->nest;
  const dtype element = s->node->type.element;
  const char *name = arena_printf(k->arena, "sum_%d", ++k->names);
  s->so_far = loop_buffer_new(k->arena, name, LOOP_REG, loop_vector(element, k->lanes), 1, (int64_t[]){1});
  loop_alloc(k->arena, nest_block(k), s->so_far, loop_splat(k->arena, loop_constant(k->arena, element, 0, 0), k->lanes));
}

static void add_to_sum(walk *w, epilogue_sum *s) {
  nest *k = w->nest;
  const loop_expr *zero = loop_int(k->arena, 0);
  const loop_expr *term = nest_operand(k, s->node->operands[0], k->group->reduced[s->member]);
  loop_store(k->arena, nest_block(k), s->so_far, &zero, loop_op(k->arena, SCALAR_ADD, so_far(w, s), term, NULL), NULL);
}

/* True in the first tile of the task along all axes that are summed; NULL: in each. */
static const loop_expr *in_first_tile(const walk *w) {
  arena *a = w->nest->arena;
  const loop_expr *all = NULL;
  for (int i = w->kept_count; i < w->axis_count; i++) {
    const loop_expr *start = w->sums->start[w->axes[i]], *first = w->sums->first[w->axes[i]];
    int64_t start_number, first_number;
    if (loop_is_int(start, &start_number) && loop_is_int(first, &first_number) && start_number == first_number) continue;
    const loop_expr *here = loop_op(a, SCALAR_EQ, start, first, NULL);
    all = all ? loop_op(a, SCALAR_AND, all, here, NULL) : here;
  }
  return all;
}

/* Which part of the sums the task has, among all in row-major order. */
static const loop_expr *part_of_task(const walk *w) {
  arena *a = w->nest->arena;
  const loop_expr *part = loop_int(a, 0);
  for (int i = 0; i < w->contraction->axis_count; i++)
    for (int s = w->kept_count; s < w->axis_count; s++)
      if (w->axes[s] == i)
        part = loop_add(a, loop_mul(a, part, loop_int(a, w->nest->group->schedule.parts[i])), w->sums->part[i]);
  return part;
}

/* What tiles before have stored is added. */
static void end_sum(walk *w, const epilogue_sum *s) {
  nest *k = w->nest;
  arena *a = k->arena;
  const group *g = k->group;
  const tensor_type *type = &s->node->type;
  const loop_expr *value = so_far(w, s), *first = in_first_tile(w);
  const int lanes = k->lanes, vector_axis = k->vector_axis, behind = g->outer_rank;
  if (vector_axis >= 0 && g->summed[vector_axis]) {
    value = lanes > 1 ? loop_reduce(a, SCALAR_ADD, value) : value;
    k->lanes = 1;
    k->vector_axis = -1;
  }
  const int64_t parts = group_output_parts(g, s->node);
  const index_expr *part = index_scale(a, index_variable(a, behind, parts), type_elements(type));
  const index_expr *at = index_add(a, index_flatten(a, type, g->homes[s->member]), part);
  k->variables[behind] = part_of_task(w);
  loop_buffer *b = k->buffers[g->input_count + group_output(g, s->node)];
  if (first) {
    const loop_expr *zero = loop_splat(a, loop_constant(a, type->element, 0, 0), k->lanes);
    const loop_expr *before = loop_splat(a, nest_load(k, b, type, at, NULL, k->scope_count - 1), k->lanes);
    value = loop_op(a, SCALAR_ADD, loop_select(a, loop_splat(a, first, k->lanes), zero, before), value, NULL);
  }
  nest_store_lanes(k, b, at, nest_let(k, k->scope_count - 1, "sum", value));
  k->lanes = lanes;
  k->vector_axis = vector_axis;
}

/* The sums of an epilogue. */
static void list_sums(walk *w) {
  const group *g = w->nest->group;
  for (int i = 0; i < g->member_count && !w->ahead; i++)
    if (group_is_sum(g, g->members[i]))
      arena_push(w->nest->arena, w->own, w->own_count) = (epilogue_sum){g->members[i], i, NULL};
}

/* ---- the walk ---------------------------------------------------------------------------------- */

/* All outputs at a point: those that change along the covered axis part by part, and first, since the
 * others may overwrite what both read. */
static void finish_point(walk *w) {
  nest *k = w->nest;
  const group *g = k->group;
  const node *heart = g->heart;
  const index_expr *const *home = g->homes[group_member(g, heart)];
  int64_t parts = w->covered < 0 ? 1 : w->contraction->axes[w->covered].extent;
  const loop_expr **sums = arena_array_of(k->arena, parts, const loop_expr *);
  for (int64_t part = 0; part < parts; part++)
    sums[part] = nest_let(k, k->scope_count - 1, "sum", sum_at(w, part));
  for (int64_t part = 0; part < parts; part++) /* an output at one part may read the sums at others */
    nest_remember(k, heart, parts == 1 ? home
                                       : group_part(k->arena, g, home, heart->type.rank, part),
                  sums[part]);
  for (int64_t part = 0; w->covered >= 0 && part < parts; part++) {
    nest_open(k);
    k->variables[g->outer_rank] = loop_int(k->arena, part);
    k->variable_scope[g->outer_rank] = k->scope_count - 1;
    nest_remember(k, heart, home, sums[part]);
    nest_store(k, PARTS);
    nest_splice(k);
  }
  for (int i = 0; i < w->own_count; i++) add_to_sum(w, &w->own[i]); /* outputs may overwrite what these read */
  nest_store(k, POINTS);
}

/* Lines of what the epilogue reads at a point. */
static void fetch_point(walk *w) {
  nest *k = w->nest;
  const group *g = k->group;
  for (int i = 0; i < g->access_count; i++)
    if (is_read_along(g, &g->accesses[i])) nest_fetch(k, &g->accesses[i], 0);
}

/* The points along the axes from that depth on. */
static void walk_along(walk *w, int depth) {
  nest *k = w->nest;
  if (depth == w->axis_count) {
    (w->ahead ? fetch_point : finish_point)(w);
    return;
  }
  int axis = w->axes[depth];
  int64_t count = w->sums->count[axis];
  if (count > 1 && !w->sums->values) {
    const char *name = arena_printf(k->arena, "%s1", w->contraction->axes[axis].name);
    loop_variable *number = loop_variable_new(k->arena, name, loop_scalar(DTYPE_I64));
    step_along(w, depth, loop_var(k->arena, number));
    loop_block body = nest_close(k);
    loop_for(k->arena, nest_block(k), LOOP_SEQ, number, loop_int(k->arena, 0),
             loop_int(k->arena, count), 1)->body = body;
    return;
  }
  int64_t number = w->number;
  for (int64_t i = 0; i < count; i++) {
    w->number = number + i * apart(w, axis);
    step_along(w, depth, loop_int(k->arena, i));
    nest_splice(k);
  }
  w->number = number;
}

static void walk_from(walk *w, int depth) {
  const int own = depth == w->kept_count ? w->own_count : 0;
  for (int i = 0; i < own; i++) begin_sum(w, &w->own[i]);
  walk_along(w, depth);
  for (int i = 0; i < own; i++) end_sum(w, &w->own[i]);
}

/* Axes that no sum runs over come first, and among either the vector axis: what depends on that axis only, such as a bias, is
 * loaded once. Where lines come from afar it comes last, so that those that lie side by side come together. */
static void order_walk(walk *w) {
  const contraction *c = w->contraction;
  const int v = w->sums->vector_axis, first = reads_afar(w->nest->lowering, w->nest->group) ? 0 : -1;
  for (int summed = 0; summed < 2; summed++) {
    for (int i = first; i <= c->axis_count + first; i++) {
      const int axis = i < 0 || i == c->axis_count ? v : i;
      if (axis < 0 || (axis == i && axis == v) || c->axes[axis].reduced || c->axes[axis].covered) continue;
      if (w->nest->group->summed[contraction_output_number(c, axis)] == summed) w->axes[w->axis_count++] = axis;
    }
    if (!summed) w->kept_count = w->axis_count;
  }
}

static void append_block(nest *k, loop_block *block) {
  loop_block made = nest_close(k);
  loop_append_all(k->arena, block, &made);
}

static void walk_sums(nest *k, const contraction_sums *sums, bool ahead, loop_block *block) {
  const contraction *c = k->group->contraction;
  walk w = {.nest = k, .contraction = c, .sums = sums, .place = sums->origin, .covered = -1, .ahead = ahead};
  k->lanes = sums->lanes;
  k->vector_axis =
      sums->vector_axis < 0 ? -1 : contraction_output_number(c, sums->vector_axis);
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].covered) w.covered = a;
  order_walk(&w);
  list_sums(&w);
  nest_open(k);
  walk_from(&w, 0);
  append_block(k, block);
}

static void emit_epilogue(void *context, const contraction_sums *sums, loop_block *block) {
  walk_sums(context, sums, false, block);
}

static void emit_ahead(void *context, const contraction_sums *sums, loop_block *block) {
  walk_sums(context, sums, true, block);
}

/* What is the same for all sums stands in the outermost scope, which is open from the beginning on. */
static void emit_once(void *context, loop_block *block) { append_block(context, block); }

static bool changes_by_part(const group *g, const node *output) {
  const index_expr *const *at = g->homes[group_member(g, output)];
  for (int i = 0; i < output->type.rank; i++)
    if (g->inner_rank > 0 && index_depends(at[i], g->outer_rank)) return true;
  return false;
}

static nest *new_nest(lowering *l, const group *g, loop_buffer **buffers, loop_buffer *context) {
  nest *k = arena_new_of(l->arena, nest);
  *k = (nest){.lowering = l, .arena = l->arena, .group = g, .buffers = buffers,
              .context = context, .lanes = 1, .vector_axis = -1};
  return k;
}

static nest *epilogue_nest(lowering *l, const group *g, loop_buffer **buffers,
                           loop_buffer *context) {
  nest *k = new_nest(l, g, buffers, context);
  k->output_pass = arena_array_of(l->arena, g->output_count, int);
  for (int i = 0; i < g->output_count; i++) 
    k->output_pass[i] = group_is_sum(g, g->outputs[i]) ? SUMS : changes_by_part(g, g->outputs[i]) ? PARTS : POINTS;
  return k;
}

static int epilogue_lanes(const nest *k, const group *g) {
  int v = g->schedule.vector_axis;
  if (v < 0 || g->contraction->axes[v].reduced) return 1;
  return nest_lanes(k, contraction_output_number(g->contraction, v));
}

/* True where the epilogue is so short that its code may be repeated. */
static bool is_short(const group *g) {
  enum { SHORT = 8 };
  int weight = 0;
  for (int i = 0; i < g->member_count; i++)
    if (g->members[i] != g->heart) weight += group_weight(g->members[i]);
  return weight + g->output_count + g->input_count - 2 <= SHORT;
}

/* ---- prologues ------------------------------------------------------------------------------- */

typedef struct prologue {
  nest *nest;
  node *operand;
} prologue;

static const loop_expr *emit_prologue(arena *a, const contraction_operand *o, loop_block *block,
                                      const loop_expr *const *index, int along, int lanes) {
  const prologue *p = o->context;
  nest *k = p->nest;
  const index_expr **at = arena_array_of(a, MAX_RANK, const index_expr *);
  k->lanes = lanes;
  k->vector_axis = lanes > 1 ? along : -1;
  nest_open(k);
  for (int i = 0; i < o->rank; i++) {
    at[i] = index_variable(a, i, o->coordinates[i].extent);
    k->variables[i] = index[i];
    k->variable_scope[i] = k->scope_count - 1;
  }
  const loop_expr *value = nest_operand(k, p->operand, at);
  append_block(k, block);
  return value;
}

static int prologue_lanes(const prologue *p) {
  const group *maps = p->nest->group;
  int most = LOOP_MAX_LANES;
  const index_expr *at[MAX_RANK];
  for (int i = 0; i < maps->outer_rank; i++)
    at[i] = index_variable(p->nest->arena, i, maps->outer[i]);
  for (int i = 0; i < maps->outer_rank; i++) {
    int lanes = nest_operand_lanes(p->nest, p->operand, at, i);
    if (lanes < most) most = lanes;
  }
  return most;
}

static prologue *new_prologue(lowering *l, const group *g, int side, loop_buffer **buffers,
                              loop_buffer *context) {
  const group *maps = g->prologues[side];
  loop_buffer **own = arena_array_of(l->arena, maps->input_count, loop_buffer *);
  for (int i = 0; i < maps->input_count; i++) own[i] = buffers[group_input(g, maps->inputs[i])];
  prologue *p = arena_new_of(l->arena, prologue);
  *p = (prologue){new_nest(l, maps, own, context), g->heart->operands[side]};
  p->nest->anywhere = true; /* blocks and boxes do */
  return p;
}

/* ---- the kernel ------------------------------------------------------------------------------ */

/* Where the operand's elements come from: a buffer, or the maps in front. */
static void take_operand(lowering *l, const group *g, int side, loop_buffer **buffers,
                         loop_buffer *context, contraction_operand *o) {
  if (g->prologues[side]) {
    o->element = emit_prologue;
    o->context = new_prologue(l, g, side, buffers, context);
    o->most_lanes = prologue_lanes(o->context);
  } else {
    o->buffer = buffers[group_input(g, g->operands[side].root)];
  }
}

loop_kernel *lower_packing(lowering *l, const group *g, int side) {
  loop_buffer **buffers = arena_array_of(l->arena, g->input_count, loop_buffer *);
  loop_kernel *kernel = lower_packing_parameters(l, g, side, buffers);
  contraction *c = arena_new_of(l->arena, contraction);
  *c = *g->contraction;
  take_operand(l, g, side, buffers, NULL, &c->operands[side]);
  contraction_emit_packing(l->arena, c, &g->schedule, l->target, side,
                           lower_packed(l, g, side, kernel, LOOP_OUT), &kernel->body);
  kernel->provenance = arena_printf(l->arena, "packs what %s multiplies in every turn",
                                    op_infos[g->heart->op].name);
  return kernel;
}

static loop_kernel *contraction_kernel(lowering *l, const group *g) {
  loop_buffer **buffers = arena_array_of(l->arena, g->input_count + g->output_count, loop_buffer *);
  loop_buffer *packed[2] = {NULL};
  loop_kernel *kernel = lower_parameters(l, g, buffers);
  for (int i = 0; i < 2; i++)
    if (g->schedule.packed[i]) packed[i] = lower_packed(l, g, i, kernel, LOOP_IN);
  loop_buffer *context = lower_context(l, g, kernel);
  contraction *c = arena_new_of(l->arena, contraction);
  *c = *g->contraction;
  c->context = contraction_is_bounded(c) ? context : NULL;
  for (int i = 0; i < 2; i++)
    if (packed[i]) c->operands[i].buffer = packed[i];
    else take_operand(l, g, i, buffers, context, &c->operands[i]);
  int output = g->member_count == 1 ? 0 : g->partial_sums;
  if (output >= 0) c->output = buffers[g->input_count + output];
  if (g->member_count > 1) {
    c->epilogue = emit_epilogue;
    c->epilogue_context = epilogue_nest(l, g, buffers, context);
    c->epilogue_lanes = epilogue_lanes(c->epilogue_context, g);
    c->epilogue_in_registers = is_short(g);
    nest_open(c->epilogue_context);
    c->epilogue_once = emit_once;
    if (reads_afar(l, g)) c->epilogue_ahead = emit_ahead;
  }
  contraction_emit(l->arena, c, &g->schedule, l->target, &kernel->body);
  return kernel;
}

const op_lowering contraction_lowering = {.kernel = contraction_kernel};
