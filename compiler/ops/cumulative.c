/* Running results along one axis: sums, products and first-order linear recurrences, of which the
 * other two are special ones. */
#include "axes.h"
#include "build.h"
#include "lower.h"
#include "lower_opaque.h"
#include "op.h"
#include "scalar.h"

static running along_of(const node *n) {
  return (running){(int)node_int(n, 0), node_int(n, 1), node_int(n, 2)};
}

static bool is_flag(const attribute *a) {
  return a->count == 1 && (a->ints[0] == 0 || a->ints[0] == 1);
}

/* cumsum, cumprod, recurrence
 *   C1  one axis, within the rank
 *   C2  the axis has a fixed size
 *   C3  exclusive and reverse are 0 or 1
 *   C4  the operand is not bool */
static const char *cumulative_type(arena *a, const node *n, tensor_type *result) {
  const char *name = op_infos[n->op].name;
  const attribute *axis = &n->attributes[0];
  *result = n->operands[0]->type;
  if (axis->count != 1 || axis->ints[0] < 0 || axis->ints[0] >= result->rank)
    return arena_printf(a, "%s C1: no axis of a tensor of rank %d", name, result->rank);
  const char *symbol = result->dims[axis->ints[0]].symbol;
  if (symbol) return arena_printf(a, "%s C2: the axis has the bounded size %s", name, symbol);
  if (!is_flag(&n->attributes[1]) || !is_flag(&n->attributes[2]))
    return arena_printf(a, "%s C3: exclusive or reverse is neither 0 nor 1", name);
  if (result->element == DTYPE_BOOL) return arena_printf(a, "%s C4: the operand is bool", name);
  return NULL;
}

/* recurrence
 *   C5  factors and terms have one type */
static const char *recurrence_type(arena *a, const node *n, tensor_type *result) {
  if (!type_equal(&n->operands[0]->type, &n->operands[1]->type))
    return arena_printf(a, "recurrence C5: the factors are %s, the terms %s",
                        type_text(a, &n->operands[0]->type), type_text(a, &n->operands[1]->type));
  return cumulative_type(a, n, result);
}

static void cumsum_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                        node **operand_cotangents) {
  running along = along_of(n);
  along.reverse = !along.reverse;
  if (wanted[0]) operand_cotangents[0] = build_cumulative(g, OP_CUMSUM, cotangent, along);
}

/* With the state s[i] = f[i] s[i - 1] + t[i], which the result shows after each step or, if it is
 * exclusive, before: the cotangent of s. What a later state adds to it is itself a recurrence, from
 * the other end. */
static node *state_cotangent(graph *g, const node *n, node *factors, node *cotangent) {
  running back = along_of(n);
  back.reverse = !back.reverse;
  if (back.exclusive) return build_recurrence(g, factors, cotangent, back);
  back.exclusive = true;
  node *terms = build_map2(g, SCALAR_MUL, factors, cotangent);
  return build_map2(g, SCALAR_ADD, cotangent, build_recurrence(g, factors, terms, back));
}

/* The state before each step. */
static node *state_before(graph *g, const node *n) {
  running along = along_of(n);
  if (along.exclusive) return g->nodes[n->id];
  along.exclusive = true;
  return n->op == OP_CUMPROD ? build_cumulative(g, OP_CUMPROD, n->operands[0], along)
                             : build_recurrence(g, n->operands[0], n->operands[1], along);
}

/* No division, so that it is right at any number of zeros. */
static void cumprod_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                         node **operand_cotangents) {
  if (!wanted[0]) return;
  node *state = state_cotangent(g, n, n->operands[0], cotangent);
  operand_cotangents[0] = build_map2(g, SCALAR_MUL, state, state_before(g, n));
}

static void recurrence_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                            node **operand_cotangents) {
  if (!wanted[0] && !wanted[1]) return;
  node *state = state_cotangent(g, n, n->operands[0], cotangent);
  if (wanted[0]) operand_cotangents[0] = build_map2(g, SCALAR_MUL, state, state_before(g, n));
  if (wanted[1]) operand_cotangents[1] = state;
}

/* The state after a step that reads element `at`; the first step has no state before it. */
static double real_step(const node *n, const tensor *const *operands, bool first, double state,
                        int64_t at) {
  double x = operands[0]->reals[at];
  if (n->op == OP_RECURRENCE) {
    double term = operands[1]->reals[at];
    return first ? term : x * state + term;
  }
  return first ? x : n->op == OP_CUMSUM ? state + x : state * x;
}

static int64_t int_step(const node *n, const tensor *const *operands, bool first, int64_t state,
                        int64_t at) {
  dtype element = n->type.element;
  int64_t x = operands[0]->ints[at];
  if (n->op == OP_RECURRENCE) {
    int64_t term = operands[1]->ints[at];
    int64_t product = first ? 0 : scalar_int(SCALAR_MUL, element, (int64_t[]){x, state});
    return scalar_int(SCALAR_ADD, element, (int64_t[]){product, term});
  }
  if (first) return x;
  return scalar_int(n->op == OP_CUMSUM ? SCALAR_ADD : SCALAR_MUL, element, (int64_t[]){state, x});
}

/* The state before the first step. */
static int initial_state(op_code op) { return op == OP_CUMPROD; }

static void cumulative_eval(const evaluation *e, const node *n, const tensor *const *operands,
                            tensor *result) {
  (void)e;
  running along = along_of(n);
  axes_split s = axes_around(&n->type, along.axis);
  for (int64_t line = 0; line < s.outer * s.inner; line++) {
    double real = initial_state(n->op);
    int64_t integer = initial_state(n->op);
    for (int64_t step = 0; step < s.extent; step++) {
      int64_t k = along.reverse ? s.extent - 1 - step : step;
      int64_t at = (line / s.inner * s.extent + k) * s.inner + line % s.inner;
      if (dtype_is_float(n->type.element)) {
        double before = real;
        real = real_step(n, operands, step == 0, real, at);
        result->reals[at] = along.exclusive ? before : real;
      } else {
        int64_t before = integer;
        integer = int_step(n, operands, step == 0, integer, at);
        result->ints[at] = along.exclusive ? before : integer;
      }
    }
  }
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* Lines along the axis are independent of each other. Where others lie beside them in memory they
 * go in vectors; where the axis is the last one, several rows are run through at once, so that one
 * need not wait for another's sum. */
typedef struct kernel_writer {
  arena *arena;
  const node *node;
  running along;
  axes_split shape;
  dtype computed;       /* the state's type */
  int64_t distance;     /* in elements, from one line to the next */
  loop_buffer *from[2], *to;
} kernel_writer;

/* Adjacent lines that one loop runs through: line `lanes · chain + lane` begins at base + distance ·
 * its number. */
typedef struct line_block {
  const loop_expr *base;
  int chains, lanes;
} line_block;

static const loop_expr *step_value(const kernel_writer *w, int operand, int lanes,
                                   const loop_expr *at) {
  return loop_cast(w->arena, loop_load(w->arena, w->from[operand], &at, lanes, NULL), w->computed);
}

/* The state after a step; before the first step it is NULL. */
static const loop_expr *next_state(const kernel_writer *w, int lanes, const loop_expr *state,
                                   const loop_expr *at) {
  arena *a = w->arena;
  bool terms = w->node->op == OP_RECURRENCE;
  if (!state) return step_value(w, terms, lanes, at);
  const loop_expr *x = step_value(w, 0, lanes, at);
  if (w->node->op == OP_CUMSUM) return loop_op(a, SCALAR_ADD, state, x, NULL);
  const loop_expr *product = loop_op(a, SCALAR_MUL, state, x, NULL);
  return terms ? loop_op(a, SCALAR_ADD, product, step_value(w, 1, lanes, at), NULL) : product;
}

/* One step of all chains: at place k of the axis. */
static void write_step(const kernel_writer *w, loop_block *block, const line_block *lines,
                       loop_buffer *states, const loop_expr *k, bool first) {
  arena *a = w->arena;
  loop_variable *v = loop_variable_new(a, "chain", loop_scalar(DTYPE_I64));
  const loop_expr *chain = loop_var(a, v);
  block = &loop_for(a, block, LOOP_UNROLL, v, loop_int(a, 0), loop_int(a, lines->chains), 1)->body;
  const loop_expr *line = opaque_affine(a, chain, lines->lanes * w->distance, lines->base);
  const loop_expr *at = loop_let(a, block, "at", opaque_affine(a, k, w->shape.inner, line));
  const loop_expr *before = first ? NULL : loop_load(a, states, &chain, 1, NULL);
  const loop_expr *after =
      loop_let(a, block, "state", next_state(w, lines->lanes, before, at));
  const loop_expr *shown = w->along.exclusive ? before : after;
  if (!shown) {
    int initial = initial_state(w->node->op);
    shown = loop_splat(a, loop_constant(a, w->computed, initial, initial), lines->lanes);
  }
  loop_store(a, block, w->to, &at, loop_cast(a, shown, w->node->type.element), NULL);
  loop_store(a, block, states, &chain, after, NULL);
}

static void write_lines(const kernel_writer *w, loop_block *block, const line_block *lines) {
  arena *a = w->arena;
  int64_t chains = lines->chains;
  loop_buffer *states = loop_buffer_new(a, "states", LOOP_REG,
                                        loop_vector(w->computed, lines->lanes), 1, &chains);
  loop_alloc(a, block, states, NULL);
  const loop_expr *last = loop_int(a, w->shape.extent - 1), *step;
  write_step(w, block, lines, states, w->along.reverse ? last : loop_int(a, 0), true);
  block = opaque_loop(a, block, "step", loop_int(a, 1), loop_int(a, w->shape.extent), 1, &step);
  const loop_expr *k = w->along.reverse ? loop_op(a, SCALAR_SUB, last, step, NULL) : step;
  write_step(w, block, lines, states, k, false);
}

/* `count` adjacent lines, fewer than fill a block: with ever shorter vectors. */
static void write_rest(const kernel_writer *w, loop_block *block, const loop_expr *base,
                       int64_t count, int lanes) {
  for (int64_t done = 0; done < count; lanes /= 2) {
    line_block lines = {loop_add(w->arena, base, loop_int(w->arena, done * w->distance)),
                        (int)((count - done) / lanes), lanes};
    if (lines.chains == 0) continue;
    write_lines(w, block, &lines);
    done += (int64_t)lines.chains * lanes;
  }
}

static kernel_writer writer_of(lowering *l, const group *g, loop_kernel **kernel) {
  const node *n = g->members[0];
  loop_buffer **buffers = arena_array_of(l->arena, g->input_count + g->output_count, loop_buffer *);
  *kernel = lower_parameters(l, g, buffers);
  kernel_writer w = {.arena = l->arena, .node = n, .along = along_of(n),
                     .computed = compute_type(n->type.element)};
  w.shape = axes_around(&n->type, w.along.axis);
  w.distance = w.shape.inner > 1 ? 1 : w.shape.extent;
  for (int i = 0; i < n->operand_count; i++) w.from[i] = buffers[group_input(g, group_root(n->operands[i]))];
  w.to = buffers[g->input_count];
  return w;
}

/* A unit is a block of adjacent lines; the last one of those side by side may be smaller. */
static loop_kernel *cumulative_kernel(lowering *l, const group *g) {
  enum { VECTORS = 4, ROWS = 8 };
  loop_kernel *kernel;
  kernel_writer w = writer_of(l, g, &kernel);
  arena *a = w.arena;
  bool beside = w.shape.inner > 1;
  int lanes = beside ? l->target->vector_bytes / (int)dtype_size(w.computed) : 1;
  const opaque_size size = opaque_bounded(lower_context(l, g, kernel), &w.node->type, 0);
  int64_t across = beside ? w.shape.inner : w.shape.outer,
          width = beside ? VECTORS * lanes : size.bound ? 1 : ROWS;
  int64_t blocks = (across + width - 1) / width, rest = across % width;
  const loop_expr *unit;
  loop_block *body = opaque_units(a, kernel, size, (beside ? w.shape.outer : 1) * blocks,
                                  width * w.shape.extent, &unit);
  const loop_expr *number = loop_let(a, body, "block", opaque_divided(a, SCALAR_MOD, unit, blocks));
  const loop_expr *outer = opaque_divided(a, SCALAR_FLOORDIV, unit, blocks);
  const loop_expr *base = loop_let(
      a, body, "base",
      opaque_affine(a, outer, w.shape.extent * w.shape.inner,
                    opaque_affine(a, number, width * w.distance, loop_int(a, 0))));
  const line_block full = {base, (int)(width / lanes), lanes};
  if (rest > 0 && blocks > 1) {
    const loop_expr *smaller = loop_op(a, SCALAR_EQ, number, loop_int(a, blocks - 1), NULL);
    loop_stmt *either = loop_if(a, body, smaller);
    write_rest(&w, &either->body, base, rest, lanes);
    write_lines(&w, &either->otherwise, &full);
  } else if (rest > 0) {
    write_rest(&w, body, base, rest, lanes);
  } else {
    write_lines(&w, body, &full);
  }
  return loop_unroll(a, kernel);
}

static const op_lowering cumulative_lower = {.kernel = cumulative_kernel};

/* Along a line each element but the first takes one; of a recurrence a product and a sum. */
static int64_t cumulative_operations(const node *n) {
  const int64_t extent = n->type.dims[along_of(n).axis].maximum, elements = type_elements(&n->type);
  return op_times(n->operand_count, elements - elements / extent);
}

const op_definition op_CUMSUM = {.type = cumulative_type, .grad = cumsum_grad, .eval = cumulative_eval,
                                 .lower = &cumulative_lower, .operations = cumulative_operations};
const op_definition op_CUMPROD = {.type = cumulative_type, .grad = cumprod_grad, .eval = cumulative_eval,
                                  .lower = &cumulative_lower, .operations = cumulative_operations};
const op_definition op_RECURRENCE = {.type = recurrence_type, .grad = recurrence_grad,
                                     .eval = cumulative_eval, .lower = &cumulative_lower,
                                     .operations = cumulative_operations};
