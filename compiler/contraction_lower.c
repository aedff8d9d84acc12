/* The kernel of a group whose heart is a product or convolution. The maps beside the heart are
 * computed from its sums while these are in registers, by the code that writes map kernels. */
#include "contraction.h"
#include "lower_nest.h"

/* ---- the epilogue ---------------------------------------------------------------------------- */

/* The walk over a box of sums, the vector axis outermost: what depends on that axis only, such as a
 * bias, is loaded once. */
typedef struct walk {
  nest *nest;
  const contraction *contraction;
  const contraction_sums *sums;
  int axes[CONTRACTION_AXES];      /* in the order of the walk */
  int axis_count;
  int64_t number;                  /* of the position, among values */
  const loop_expr *place;          /* of the position, in local memory */
} walk;

/* Number of an output axis among the variables of the group's domain. */
static int variable_of(const contraction *c, int axis) {
  int number = 0;
  for (int a = 0; a < axis; a++) number += !c->axes[a].reduced;
  return number;
}

static const loop_expr *sum_at(const walk *w) {
  if (w->sums->values) return w->sums->values[w->number];
  return loop_load(w->nest->arena, w->sums->local, &w->place, w->sums->lanes, NULL);
}

static void walk_from(walk *w, int depth);

/* One position along an axis, in a scope of its own; `at` is its number. */
static void step_along(walk *w, int depth, const loop_expr *at) {
  nest *k = w->nest;
  arena *a = k->arena;
  int axis = w->axes[depth], v = variable_of(w->contraction, axis);
  int64_t step = axis == w->sums->vector_axis ? w->sums->lanes : 1;
  const loop_expr *place = w->place;
  if (w->sums->local) w->place = loop_add(a, place, loop_mul(a, at, loop_int(a, w->sums->stride[axis])));
  nest_open(k);
  k->variables[v] = loop_add(a, w->sums->start[axis], loop_mul(a, at, loop_int(a, step)));
  k->variable_scope[v] = k->scope_count - 1;
  walk_from(w, depth + 1);
  w->place = place;
}

/* Distance of neighbours along an axis among values. */
static int64_t apart(const walk *w, int axis) {
  int64_t stride = 1;
  for (int a = axis + 1; a < w->contraction->axis_count; a++) stride *= w->sums->count[a];
  return stride;
}

static void walk_from(walk *w, int depth) {
  nest *k = w->nest;
  const node *heart = k->group->heart;
  if (depth == w->axis_count) {
    const loop_expr *sum = nest_let(k, k->scope_count - 1, "sum", sum_at(w));
    nest_remember(k, heart, k->group->homes[group_member(k->group, heart)], sum);
    nest_store(k, -1);
    return;
  }
  int axis = w->axes[depth];
  int64_t count = w->sums->count[axis];
  if (count > 1 && !w->sums->values) {
    loop_variable *v = loop_variable_new(k->arena, arena_printf(k->arena, "%s1", w->contraction->axes[axis].name),
                                         loop_scalar(DTYPE_I64));
    step_along(w, depth, loop_var(k->arena, v));
    loop_block body = nest_close(k);
    loop_for(k->arena, nest_block(k), LOOP_SEQ, v, loop_int(k->arena, 0),
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

static void emit_epilogue(void *context, const contraction_sums *sums, loop_block *block) {
  nest *k = context;
  const contraction *c = k->group->contraction;
  walk w = {.nest = k, .contraction = c, .sums = sums, .place = sums->origin};
  k->lanes = sums->lanes;
  k->vector_axis = sums->vector_axis < 0 ? -1 : variable_of(c, sums->vector_axis);
  if (sums->vector_axis >= 0) w.axes[w.axis_count++] = sums->vector_axis;
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && a != sums->vector_axis) w.axes[w.axis_count++] = a;
  nest_open(k);
  walk_from(&w, 0);
  loop_block made = nest_close(k);
  for (int i = 0; i < made.count; i++) loop_append(k->arena, block, made.statements[i]);
}

/* Outputs have no rows: all of them are stored at every point. */
static nest *epilogue_nest(lowering *l, const group *g, loop_buffer **buffers,
                           loop_buffer *context) {
  nest *k = arena_new_of(l->arena, nest);
  *k = (nest){.lowering = l, .arena = l->arena, .group = g, .buffers = buffers,
              .context = context, .lanes = 1, .vector_axis = -1};
  k->output_pass = arena_array_of(l->arena, g->output_count, int);
  for (int i = 0; i < g->output_count; i++) k->output_pass[i] = -1;
  return k;
}

/* True where the epilogue is so short that its code may be repeated. */
static bool is_short(const group *g) {
  enum { SHORT = 8 };
  int weight = 0;
  for (int i = 0; i < g->member_count; i++)
    if (g->members[i] != g->heart) weight += group_weight(g->members[i]);
  return weight + g->output_count + g->input_count - 2 <= SHORT;
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static loop_kernel *contraction_kernel(lowering *l, const group *g) {
  loop_buffer **buffers = arena_array_of(l->arena, g->input_count + g->output_count, loop_buffer *);
  loop_kernel *kernel = lower_parameters(l, g, buffers);
  loop_buffer *context = lower_context(l, g, kernel);
  contraction *c = arena_new_of(l->arena, contraction);
  *c = *g->contraction;
  for (int i = 0; i < 2; i++) c->operands[i].buffer = buffers[group_input(g, g->operands[i].root)];
  int output = g->member_count == 1 ? 0 : g->partial_sums;
  if (output >= 0) c->output = buffers[g->input_count + output];
  if (g->member_count > 1) {
    c->epilogue = emit_epilogue;
    c->epilogue_context = epilogue_nest(l, g, buffers, context);
    c->epilogue_in_registers = is_short(g);
  }
  contraction_emit(l->arena, c, &g->schedule, l->target, &kernel->body);
  return kernel;
}

const op_lowering contraction_lowering = {.kernel = contraction_kernel};
