#include "random_program.h"

#include <string.h>

#include "build.h"
#include "grad.h"
#include "op.h"
#include "random_graph.h"
#include "scalar.h"
#include "tensor.h"

static const dtype types[] = {DTYPE_BOOL, DTYPE_U8,  DTYPE_I8,  DTYPE_I32, DTYPE_I64,
                              DTYPE_BF16, DTYPE_F16, DTYPE_F32, DTYPE_F64};
enum { TYPES = sizeof types / sizeof *types, FUNCTIONS = 3 };

/* Exact values all have one shape, [rows, columns]. */
typedef struct maker {
  graph *graph;
  const char *name;
  uint64_t seed, drawn;
  dtype real;
  dtype types[TYPES]; /* of exact values: where real is f64, it stands for narrower ones */
  int64_t rows, columns;
  node *matrices[TYPES], *vectors[TYPES]; /* inputs: [rows, columns] and [columns] */
} maker;

/* An integer in [0, count). */
static int draw(maker *m, int count) {
  const uint32_t key[2] = {(uint32_t)m->seed, (uint32_t)(m->seed >> 32)};
  return (int)(philox_element(key, m->drawn++, 99) % (uint32_t)count);
}

static void output(maker *m, node *n) {
  graph *g = m->graph;
  graph_add_output(g, arena_printf(g->arena, "r%d", g->output_count), n);
}

static void update(maker *m, const char *path, node *n) {
  graph_set_update(m->graph, arena_printf(m->graph->arena, "%s.%s", m->name, path), n);
}

static node *read_slot(maker *m, const char *path, const tensor_type *type) {
  return build_slot(m->graph, arena_printf(m->graph->arena, "%s.%s", m->name, path), type);
}

static tensor_type matrix(const maker *m, dtype t) {
  return type_of(t, 2, (int64_t[]){m->rows, m->columns});
}

static node *splat(maker *m, const node *like, double value) {
  return build_splat(m->graph, &like->type, value);
}

static node *tanh_of(maker *m, node *n) { return build_map1(m->graph, SCALAR_TANH, n); }

/* ---- exact values ---------------------------------------------------------------------------- */

static node *exact(maker *m, dtype t, int depth);

static int row_of(dtype t) {
  int row = 0;
  while (types[row] != t) row++;
  return row;
}

static node *leaf(maker *m, dtype t) {
  const tensor_type type = matrix(m, t);
  static const double reals[] = {0, 1, -1, 0.5, 2, 3}, whole[] = {0, 1, 2, 3, 7, 100};
  switch (draw(m, 6)) {
    case 0: return build_broadcast_to(m->graph, m->vectors[row_of(t)], &type);
    case 1:
      if (t == DTYPE_BOOL) break;
      return build_iota(m->graph, &type, draw(m, 2));
    case 2:
      if (t == DTYPE_BOOL) return build_splat(m->graph, &type, draw(m, 2));
      return build_splat(m->graph, &type, (dtype_is_float(t) ? reals : whole)[draw(m, 6)]);
    default: break;
  }
  return m->matrices[row_of(t)];
}

/* The rows or columns in turn: two slices, swapped. */
static node *rotated(maker *m, node *x) {
  int axis = draw(m, 2);
  int64_t extent = x->type.dims[axis].maximum, starts[] = {0, 0}, steps[] = {1, 1};
  int64_t limits[] = {m->rows, m->columns};
  if (extent == 1) return x;
  starts[axis] = 1 + draw(m, (int)extent - 1);
  node *tail = build_slice(m->graph, x, starts, limits, steps);
  limits[axis] = starts[axis], starts[axis] = 0;
  node *head = build_slice(m->graph, x, starts, limits, steps);
  return build_concat(m->graph, 2, (node *[]){tail, head}, axis);
}

static node *moved(maker *m, node *x) {
  graph *g = m->graph;
  int64_t axes[] = {0, 1}, low[] = {0, 0}, high[] = {0, 0}, none[] = {0, 0};
  int axis = draw(m, 2);
  switch (draw(m, 5)) {
    case 0: return rotated(m, x);
    case 1: return build_reverse(g, x, 1 + axis, axes);
    case 2: /* shifted, zeros come in */
      low[axis] = 1, high[axis] = -1;
      if (draw(m, 2)) low[axis] = -1, high[axis] = 1;
      return x->type.dims[axis].maximum > 1 ? build_pad(g, x, low, high, none) : x;
    case 3:
      axes[0] = 1, axes[1] = 0;
      return build_reshape(g, build_transpose(g, x, axes), 2, x->type.dims);
    default: { /* every other one of two copies */
      int64_t starts[] = {0, 0}, limits[] = {m->rows, m->columns}, steps[] = {1, 1};
      limits[axis] *= 2, steps[axis] = 2;
      return build_slice(g, build_concat(g, 2, (node *[]){x, x}, axis), starts, limits, steps);
    }
  }
}

/* f64 to f32 rounds, which the interpreter does not. */
static node *converted(maker *m, dtype t, int depth) {
  dtype from = m->types[draw(m, TYPES)];
  if (from == DTYPE_F64 && t == DTYPE_F32) from = DTYPE_I32;
  if (dtype_is_float(t) && from == DTYPE_I64) from = DTYPE_I8;
  if (t == DTYPE_F32 && from == DTYPE_I32) from = DTYPE_U8;
  return build_cast(m->graph, exact(m, from, depth), t);
}

static bool function_fits(maker *m, scalar_function f, dtype result, dtype operands[3]) {
  scalar_kind kind = scalar_infos[f].kind;
  bool truth = kind == SCALAR_KIND_COMPARE || kind == SCALAR_KIND_TEST;
  dtype operand = truth ? m->types[draw(m, TYPES)] : result, made;
  for (int i = 0; i < 3; i++) operands[i] = operand;
  if (kind == SCALAR_KIND_SELECT) operands[0] = DTYPE_BOOL;
  return !scalar_type(m->graph->arena, f, operands, &made) && made == result;
}

static node *apply(maker *m, scalar_function f, const dtype operands[3], int depth) {
  node *x[3] = {NULL, NULL, NULL};
  for (int i = 0; i < scalar_infos[f].operands; i++) x[i] = exact(m, operands[i], depth);
  if (f == SCALAR_POW) x[0] = build_map1(m->graph, SCALAR_ABS, x[0]);
  switch (scalar_infos[f].operands) {
    case 1: return build_map1(m->graph, f, x[0]);
    case 2: return build_map2(m->graph, f, x[0], x[1]);
    default: return build_map3(m->graph, f, x[0], x[1], x[2]);
  }
}

/* Functions of floats that do not round. */
static bool stays_exact(scalar_function f) {
  static const scalar_function functions[] = {
      SCALAR_STOP,    SCALAR_NEG,     SCALAR_ABS,   SCALAR_SIGN, SCALAR_FLOOR,
      SCALAR_MAXIMUM, SCALAR_MINIMUM, SCALAR_SELECT};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (functions[i] == f) return true;
  return false;
}

static node *function_of(maker *m, dtype t, int depth) {
  scalar_function f;
  dtype operands[3];
  do f = (scalar_function)draw(m, SCALAR_COUNT);
  while (!function_fits(m, f, t, operands) || (dtype_is_float(t) && !stays_exact(f)));
  return apply(m, f, operands, depth);
}

static node *exact(maker *m, dtype t, int depth) {
  if (depth == 0) return leaf(m, t);
  switch (draw(m, 6)) {
    case 0: return leaf(m, t);
    case 1: return moved(m, exact(m, t, depth - 1));
    case 2: return converted(m, t, depth - 1);
    default: return function_of(m, t, depth - 1);
  }
}

/* ---- outputs of exact values ----------------------------------------------------------------- */

/* A function of any kind, over any type; of floats it may round, and nothing with jumps follows. */
static void add_function(maker *m, scalar_function f) {
  dtype operands[3], t;
  do t = m->types[draw(m, TYPES)];
  while (!function_fits(m, f, t, operands));
  node *n = apply(m, f, operands, draw(m, 3));
  if (draw(m, 3) == 0) n = moved(m, n);
  output(m, n);
}

/* Any axes, none and all among them. */
static void add_reduction(maker *m) {
  static const op_code ops[] = {OP_SUM, OP_PROD, OP_MAX, OP_MIN, OP_ARGMAX, OP_ARGMIN};
  op_code op = ops[draw(m, 6)];
  int least = op == OP_SUM || op == OP_PROD; /* not of bool */
  node *x = exact(m, m->types[least + draw(m, TYPES - least)], draw(m, 3));
  int64_t axes[2];
  int count = 0;
  for (int i = 0; i < 2; i++)
    if (draw(m, 3)) axes[count++] = i;
  node *n = build_reduce(m->graph, op, x, count, axes);
  if (draw(m, 2)) { /* and broadcast back, as in softmax */
    n = build_broadcast_to(m->graph, build_keep(m->graph, n, &x->type, count, axes), &x->type);
    if (n->type.element == x->type.element && x->type.element != DTYPE_BOOL)
      n = build_map2(m->graph, SCALAR_SUB, x, n);
  }
  output(m, n);
}

/* x[rows, columns] by y[rows, columns] over one axis, batched or not. */
static void add_product(maker *m) {
  dtype t = m->types[1 + draw(m, TYPES - 1)];
  node *x = exact(m, t, 1), *y = exact(m, t, 1);
  int64_t row = 0, column = 1;
  const dot_axes products[] = {
      {0, 1, NULL, NULL, &column, &column},
      {0, 1, NULL, NULL, &row, &row},
      {1, 1, &row, &row, &column, &column},
      {1, 0, &column, &column, NULL, NULL},
      {0, 2, NULL, NULL, (const int64_t[]){0, 1}, (const int64_t[]){0, 1}},
  };
  output(m, build_dot(m->graph, x, y, &products[draw(m, 5)]));
}

static void add_draw(maker *m) {
  graph *g = m->graph;
  node *key = build_key(g, (uint64_t)draw(m, 3), draw(m, 4) == 0);
  node *turn = build_int(g, DTYPE_I64, draw(m, 3));
  const tensor_type type = matrix(m, DTYPE_I32);
  node *bits = build_bits(g, key, turn, &type);
  if (draw(m, 3) == 0) bits = moved(m, bits);
  if (draw(m, 4) == 0) output(m, bits), output(m, key);
  node *top = build_map2(g, SCALAR_SHR, bits, splat(m, bits, 9));
  node *uniform = build_cast(g, top, m->real);
  uniform = build_map2(g, SCALAR_MUL, uniform, splat(m, uniform, 0x1p-23));
  node *keep = build_map2(g, SCALAR_LT, uniform, splat(m, uniform, 0.75));
  node *x = exact(m, m->real, 1);
  output(m, build_map3(g, SCALAR_SELECT, keep, x, splat(m, x, 0))); /* dropout */
  output(m, build_map2(g, SCALAR_ADD, x, uniform));
}

/* ---- smooth values of slots, and steps of optimisers ----------------------------------------- */

typedef struct layer {
  node *weight, *bias, *filter;
} layer;

/* [rows, columns] by a weight[columns, width], with bias; then tanh. */
static node *dense(maker *m, node *x, const layer *l) {
  graph *g = m->graph;
  node *product = build_matmul(g, x, l->weight);
  return tanh_of(
      m, build_map2(g, SCALAR_ADD, product, build_broadcast_to(g, l->bias, &product->type)));
}

/* x[rows, columns] as one picture [1, groups, rows, columns] by filter[2, 1, 2, 3]. */
static node *convolved(maker *m, node *x, const layer *l) {
  graph *g = m->graph;
  int64_t groups = 1 + draw(m, 2);
  const int64_t extents[] = {1, groups, m->rows, m->columns};
  const tensor_type picture = type_of(x->type.element, 4, extents);
  node *channels = build_broadcast_to(g, x, &picture);
  conv_shape shape = {.strides = {1, 1 + draw(m, 2)},
                      .low = {1, 1 + draw(m, 2)},
                      .high = {1, draw(m, 2) + 1},
                      .left_dilation = {1 + draw(m, 2), 1},
                      .right_dilation = {1, 1},
                      .groups = groups};
  return tanh_of(m, build_conv(g, channels, l->filter, &shape));
}

static node *softmax(maker *m, node *x) {
  graph *g = m->graph;
  int64_t last = x->type.rank - 1;
  node *power = build_map1(g, SCALAR_EXP, x);
  node *sum = build_keep(g, build_reduce(g, OP_SUM, power, 1, &last), &x->type, 1, &last);
  return build_map2(g, SCALAR_DIV, power, build_broadcast_to(g, sum, &x->type));
}

static node *mean_square(maker *m, node *x) {
  int64_t axes[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) axes[i] = i;
  return build_mean(m->graph, build_map2(m->graph, SCALAR_MUL, x, x), x->type.rank, axes);
}

static node *random_loss(maker *m, const layer *l) {
  node *x = m->matrices[row_of(m->real)], *y = dense(m, x, l);
  if (draw(m, 2)) y = softmax(m, y);
  node *loss = mean_square(m, y);
  if (draw(m, 2))
    loss = build_map2(m->graph, SCALAR_ADD, loss, mean_square(m, convolved(m, x, l)));
  output(m, loss);
  return loss;
}

static node *scaled(maker *m, node *x, double factor) {
  return build_map2(m->graph, SCALAR_MUL, x, splat(m, x, factor));
}

/* average + (1 - decay) (x - average) */
static node *decayed(maker *m, node *average, node *x, double decay) {
  node *change = build_map2(m->graph, SCALAR_SUB, x, average);
  return build_map2(m->graph, SCALAR_ADD, average, scaled(m, change, 1 - decay));
}

/* Plain descent, momentum, or Adam without its correction of bias. */
static void add_step(maker *m, const char *path, node *x, node *slope) {
  graph *g = m->graph;
  arena *a = g->arena;
  int kind = draw(m, 3);
  node *direction = slope;
  if (kind > 0) {
    const char *momentum = arena_printf(a, "%s.momentum", path);
    direction = decayed(m, read_slot(m, momentum, &x->type), slope, 0.9);
    update(m, momentum, direction);
  }
  if (kind > 1) {
    const char *power = arena_printf(a, "%s.power", path);
    node *square = build_map2(g, SCALAR_MUL, slope, slope);
    node *old = build_map1(g, SCALAR_ABS, read_slot(m, power, &x->type));
    node *average = decayed(m, old, square, 0.99);
    update(m, power, average);
    node *least = build_map2(g, SCALAR_ADD, average, splat(m, average, 1e-2));
    direction = build_map2(g, SCALAR_MUL, direction, build_map1(g, SCALAR_RSQRT, least));
  }
  node *after = build_map2(g, SCALAR_SUB, x, scaled(m, direction, 0.125));
  update(m, path, after);
  if (draw(m, 4) == 0) output(m, after);
  if (draw(m, 4) == 0) output(m, x);
}

static void add_training(maker *m) {
  int64_t width = (int64_t[]){1, 4, 19}[draw(m, 3)];
  const tensor_type weight = type_of(m->real, 2, (int64_t[]){m->columns, width});
  const tensor_type bias = type_of(m->real, 1, &width);
  const tensor_type filter = type_of(m->real, 4, (int64_t[]){2, 1, 2, 3});
  static const char *const paths[] = {"weight", "bias", "filter"};
  layer l = {read_slot(m, paths[0], &weight), read_slot(m, paths[1], &bias), NULL};
  l.filter = read_slot(m, paths[2], &filter);
  node *wanted[] = {l.weight, l.bias, l.filter};
  gradients *s = grad_sweep(m->graph, random_loss(m, &l), 3, wanted);
  for (int i = 0; i < 3; i++) {
    node *slope = grad_of(s, wanted[i]);
    if (slope) add_step(m, paths[i], wanted[i], slope);
  }
}

/* New values that read what other updates overwrite. */
static void add_exchange(maker *m) {
  graph *g = m->graph;
  dtype t = m->types[draw(m, TYPES)];
  const tensor_type type = matrix(m, t), count = type_scalar(DTYPE_I64);
  node *x = read_slot(m, "left", &type), *y = read_slot(m, "right", &type);
  update(m, "left", draw(m, 2) ? y : moved(m, y));
  update(m, "right", x);
  if (draw(m, 2)) update(m, "right", build_map3(g, SCALAR_SELECT, exact(m, DTYPE_BOOL, 1), x, y));
  node *queue = read_slot(m, "queue", &type);
  update(m, "queue", moved(m, queue)); /* a shift in place */
  node *turns = read_slot(m, "count", &count);
  update(m, "count", build_map2(g, SCALAR_ADD, turns, splat(m, turns, 1)));
  update(m, "last", exact(m, t, 0)); /* written, never read; often an input as it is */
  if (draw(m, 2)) output(m, turns);
  if (draw(m, 2)) output(m, x), output(m, queue);
}

/* The gradient of a smooth function of an input, and a second derivative. */
static void add_gradient(maker *m) {
  graph *g = m->graph;
  node *x = m->matrices[row_of(m->real)], *row = m->vectors[row_of(m->real)];
  node *y = build_map2(g, SCALAR_MUL, x, build_broadcast_to(g, row, &x->type));
  y = softmax(m, moved(m, build_map1(g, draw(m, 2) ? SCALAR_SIN : SCALAR_SIGMOID, y)));
  node *wanted[] = {x, row}, *loss = mean_square(m, y);
  gradients *s = grad_sweep(g, loss, 2, wanted);
  node *slope = grad_of(s, x);
  output(m, slope);
  output(m, grad_of(s, row));
  if (draw(m, 2)) output(m, grad_of(grad_sweep(g, mean_square(m, slope), 1, wanted), x));
}

/* Rows at random places, some outside, put elsewhere, and their sums back at these places. */
static void add_indexing(maker *m) {
  graph *g = m->graph;
  node *x = m->matrices[row_of(m->types[draw(m, TYPES)])], *index = m->vectors[row_of(DTYPE_I32)];
  node *turned = build_map2(g, SCALAR_MOD, index, splat(m, index, (double)m->rows + 2));
  node *place = build_map2(g, SCALAR_SUB, turned, splat(m, index, 1));
  node *rows = build_gather(g, x, place, 0, 0);
  output(m, rows);
  output(m, build_scatter(g, x, place, build_reverse(g, rows, 1, (int64_t[]){0}), 0, 0));
  if (x->type.element != DTYPE_BOOL)
    output(m, build_scatter_add(g, place, rows, &x->type, 0, 0));
}

/* Running results of every type but bool. */
static void add_running(maker *m) {
  static const op_code ops[] = {OP_CUMSUM, OP_CUMPROD};
  graph *g = m->graph;
  node *x = m->matrices[row_of(m->types[draw(m, TYPES)])], *y = x;
  running along = {(int)draw(m, 2), draw(m, 2), draw(m, 2)};
  if (x->type.element == DTYPE_BOOL) return;
  if (dtype_is_float(x->type.element)) y = moved(m, build_map1(g, SCALAR_SIN, x));
  output(m, build_cumulative(g, ops[draw(m, 2)], y, along));
  output(m, build_recurrence(g, y, x, along));
}

/* Elements in order, and the places of the first ones. Of integers and bool, which have ties; those
 * of reals might be ordered by their rounding. */
static void add_order(maker *m) {
  graph *g = m->graph;
  node *x = m->matrices[row_of(m->types[draw(m, TYPES)])];
  int axis = (int)draw(m, 2);
  int64_t extent = x->type.dims[axis].maximum, count = draw(m, 2) ? extent : 1 + draw(m, extent);
  node *places = build_argsort(g, x, axis, count, draw(m, 2));
  output(m, places);
  output(m, build_take_along(g, x, places, axis));
}

static void add_aliases(maker *m) {
  graph *g = m->graph;
  node *input = g->inputs[draw(m, g->input_count)].node;
  output(m, input);
  output(m, g->outputs[draw(m, g->output_count)].node);
  if (draw(m, 2)) output(m, input);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void add_inputs(maker *m) {
  static const int64_t extents[] = {1, 2, 3, 5, 8, 17, 33, 67};
  m->rows = extents[draw(m, 6)];
  m->columns = extents[draw(m, 8)];
  for (int i = 0; i < TYPES; i++)
    m->types[i] = m->real == DTYPE_F64 && dtype_is_float(types[i]) ? DTYPE_F64 : types[i];
  for (int i = 0; i < TYPES; i++) {
    if (m->types[i] != types[i]) continue;
    const char *name = dtype_name(types[i]);
    tensor_type type = matrix(m, types[i]), line = type_of(types[i], 1, &m->columns);
    m->matrices[i] = graph_add_input(m->graph, arena_printf(m->graph->arena, "m_%s", name), &type);
    m->vectors[i] = graph_add_input(m->graph, arena_printf(m->graph->arena, "v_%s", name), &line);
  }
}

graph *random_program(arena *a, const char *name, uint64_t seed, dtype real, int size) {
  graph *g = random_graph(a, seed, real, size);
  g->name = name;
  maker m = {.graph = g, .name = name, .seed = seed, .real = real};
  add_inputs(&m);
  for (uint64_t i = 0; i < FUNCTIONS; i++) /* in turn, so that few graphs have all */
    add_function(&m, (scalar_function)((seed * FUNCTIONS + i) % SCALAR_COUNT));
  if (draw(&m, 4)) add_reduction(&m);
  if (draw(&m, 2)) add_reduction(&m);
  if (draw(&m, 2)) add_product(&m);
  if (draw(&m, 3) == 0) add_draw(&m);
  if (draw(&m, 2)) add_training(&m);
  if (draw(&m, 2)) add_exchange(&m);
  if (draw(&m, 2)) add_gradient(&m);
  if (draw(&m, 2)) add_indexing(&m);
  if (draw(&m, 2)) add_running(&m);
  if (draw(&m, 2)) add_order(&m);
  if (draw(&m, 2)) add_aliases(&m);
  return g;
}
