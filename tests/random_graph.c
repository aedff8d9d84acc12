#include "random_graph.h"

#include "build.h"
#include "tensor.h"

typedef struct generator {
  graph *graph;
  uint64_t seed, drawn;
  dtype real;
  node *pool[256];
  int pool_count;
} generator;

/* An integer in [0, count). */
static int64_t draw(generator *r, int64_t count) {
  const uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)};
  return philox_element(key, r->drawn++, 77) % count;
}

static node *pick(generator *r) { return r->pool[draw(r, r->pool_count)]; }

/* A value of the wanted shape: the node itself, another of that shape, or a broadcast of one. */
static node *partner(generator *r, const tensor_type *shape) {
  for (int attempt = 0; attempt < 8; attempt++) {
    node *n = pick(r);
    bool fits = n->type.rank <= shape->rank;
    for (int i = 1; i <= n->type.rank && fits; i++) {
      int64_t extent = n->type.dims[n->type.rank - i].maximum;
      fits = extent == 1 || extent == shape->dims[shape->rank - i].maximum;
    }
    if (fits)
      return build_broadcast_to(r->graph, n, shape);
  }
  static const double constants[] = {0, 1, -1, 2, 0.5, 3};
  return build_splat(r->graph, shape, constants[draw(r, 6)]);
}

/* Values grow by sums and products; this bounds them again. */
static node *bounded(generator *r, node *n) { return build_map1(r->graph, SCALAR_TANH, n); }

static node *random_map1(generator *r) {
  static const scalar_function functions[] = {SCALAR_NEG, SCALAR_ABS, SCALAR_EXP,     SCALAR_TANH,
                                              SCALAR_SIN, SCALAR_COS, SCALAR_SIGMOID, SCALAR_STOP};
  return build_map1(r->graph, functions[draw(r, 8)], bounded(r, pick(r)));
}

static node *random_map2(generator *r) {
  static const scalar_function functions[] = {SCALAR_ADD, SCALAR_SUB, SCALAR_MUL, SCALAR_MAXIMUM,
                                              SCALAR_MINIMUM};
  node *x = pick(r), *y = partner(r, &x->type);
  return bounded(r, build_map2(r->graph, functions[draw(r, 5)], x, y));
}

/* Division by what is at least 1, powers of positive numbers. */
static node *random_quotient(generator *r) {
  node *x = pick(r), *y = build_map1(r->graph, SCALAR_ABS, partner(r, &x->type));
  node *divisor = build_map2(r->graph, SCALAR_ADD, y, build_splat(r->graph, &y->type, 1));
  static const double exponents[] = {0, 1, 2, 3, 4, 0.5, -0.5, -1, 1.5};
  if (draw(r, 2))
    return build_map2(r->graph, SCALAR_DIV, x, divisor);
  return build_map2(r->graph, SCALAR_POW, divisor,
                    build_splat(r->graph, &y->type, exponents[draw(r, 9)]));
}

static node *random_select(generator *r) {
  node *x = pick(r), *y = partner(r, &x->type), *sign = r->graph->inputs[draw(r, 3)].node;
  tensor_type scalar = type_scalar(r->real);
  int64_t starts[MAX_RANK] = {0}, ones[MAX_RANK];
  for (int i = 0; i < sign->type.rank; i++)
    ones[i] = 1;
  node *first = build_reshape(r->graph, build_slice(r->graph, sign, starts, ones, ones), 0, NULL);
  node *positive = build_map2(r->graph, SCALAR_GT, first, build_splat(r->graph, &scalar, 0));
  if (draw(r, 2))
    positive = build_map1(r->graph, SCALAR_NOT, positive);
  return build_map3(r->graph, SCALAR_SELECT, build_broadcast_to(r->graph, positive, &x->type), x,
                    y);
}

static node *random_cast(generator *r) {
  node *integers = r->graph->inputs[3].node, *n = integers;
  static const scalar_function functions[] = {SCALAR_ADD, SCALAR_MUL, SCALAR_FLOORDIV, SCALAR_MOD};
  n = build_map2(r->graph, functions[draw(r, 4)], n, build_splat(r->graph, &n->type, draw(r, 3)));
  if (draw(r, 2))
    n = build_cast(r->graph, n, DTYPE_I64);
  return bounded(r, build_cast(r->graph, n, r->real));
}

static void random_order(generator *r, int rank, int64_t *axes) {
  for (int i = 0; i < rank; i++) {
    int64_t at = draw(r, i + 1);
    axes[i] = axes[at];
    axes[at] = i;
  }
}

static node *random_reshape(generator *r) {
  node *x = pick(r);
  if (x->type.rank > 0 && draw(r, 2))
    return build_reshape(r->graph, x, 1, (dim[]){dim_fixed(type_elements(&x->type))});
  dim dims[MAX_RANK];
  int64_t at = draw(r, x->type.rank + 1);
  if (x->type.rank > 3)
    return x;
  for (int i = 0, k = 0; i <= x->type.rank; i++)
    dims[i] = i == at ? dim_fixed(1) : x->type.dims[k++];
  return build_reshape(r->graph, x, x->type.rank + 1, dims);
}

static node *slice_of(generator *r, node *x) {
  int64_t starts[MAX_RANK], limits[MAX_RANK], steps[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) {
    int64_t extent = x->type.dims[i].maximum;
    starts[i] = draw(r, 2) ? 0 : draw(r, extent);
    limits[i] = draw(r, 3) ? extent : starts[i] + 1 + draw(r, extent - starts[i]);
    steps[i] = 1 + (draw(r, 3) == 0);
  }
  return build_slice(r->graph, x, starts, limits, steps);
}

static node *random_slice(generator *r) {
  node *x = slice_of(r, pick(r));
  return draw(r, 2) ? slice_of(r, x) : x;
}

static node *random_pad(generator *r) {
  node *x = pick(r);
  int64_t low[MAX_RANK], high[MAX_RANK], interior[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) {
    interior[i] = draw(r, 4) == 0;
    low[i] = draw(r, 2);
    high[i] = x->type.dims[i].maximum > 2 ? draw(r, 3) - 1 : draw(r, 2);
  }
  return type_elements(&x->type) > 200 ? x : build_pad(r->graph, x, low, high, interior);
}

static node *random_windows(generator *r) {
  node *x = pick(r);
  sliding_windows w = {.count = 1 + (int)draw(r, 2)};
  if (x->type.rank < w.count || x->type.rank + w.count > 5 || type_elements(&x->type) > 200)
    return x;
  for (int i = 0; i < w.count; i++) {
    int64_t extent = x->type.dims[x->type.rank - w.count + i].maximum;
    w.sizes[i] = 1 + draw(r, 3);
    w.strides[i] = 1 + draw(r, 3);
    w.dilations[i] = 1 + draw(r, 2);
    w.low[i] = draw(r, 3);
    w.high[i] = draw(r, 3);
    if (extent + w.low[i] + w.high[i] < (w.sizes[i] - 1) * w.dilations[i] + 1)
      return x;
  }
  static const op_code ops[] = {OP_SUM, OP_MAX, OP_MIN};
  node *windows = build_windows(r->graph, x, &w);
  int64_t taps[] = {x->type.rank, x->type.rank + 1};
  return draw(r, 3) ? build_reduce(r->graph, ops[draw(r, 3)], windows, w.count, taps) : windows;
}

static node *random_view(generator *r) {
  node *x = pick(r);
  int64_t axes[MAX_RANK];
  tensor_type wide = x->type;
  switch (draw(r, 6)) {
  case 0:
    return random_reshape(r);
  case 1:
    return random_slice(r);
  case 2:
    return random_pad(r);
  case 3:
    random_order(r, x->type.rank, axes);
    return build_transpose(r->graph, x, axes);
  case 4:
    if (x->type.rank == 0)
      return x;
    axes[0] = draw(r, x->type.rank);
    if (draw(r, 2) || type_elements(&x->type) > 200)
      return build_reverse(r->graph, x, 1, axes);
    return build_concat(r->graph, 2, (node *[]){x, x}, (int)axes[0]);
  default:
    if (x->type.rank > 3 || type_elements(&x->type) > 200)
      return x;
    wide.dims[wide.rank++] = dim_fixed(1 + draw(r, 3));
    for (int i = 0; i < x->type.rank; i++)
      axes[i] = i;
    return build_broadcast(r->graph, x, &wide, axes);
  }
}

static node *random_reduce(generator *r) {
  static const op_code ops[] = {OP_SUM, OP_SUM, OP_MAX, OP_MIN, OP_PROD};
  node *x = pick(r);
  int64_t axes[MAX_RANK];
  int count = 0;
  for (int i = 0; i < x->type.rank; i++)
    if (draw(r, 2))
      axes[count++] = i;
  return bounded(r, build_reduce(r->graph, ops[draw(r, 5)], x, count, axes));
}

static node *random_dot(generator *r) {
  node *x = pick(r);
  if (x->type.rank == 0 || x->type.rank > 3)
    return x;
  int64_t order[MAX_RANK];
  random_order(r, x->type.rank, order);
  if (draw(r, 2)) x = build_transpose(r->graph, x, order);
  tensor_type other = {.element = r->real, .rank = 2};
  int64_t axis = draw(r, x->type.rank), place = draw(r, 2);
  other.dims[place] = x->type.dims[axis];
  other.dims[1 - place] = dim_fixed(1 + 2 * draw(r, 2));
  node *y = partner(r, &other);
  dot_axes axes = {0, 1, NULL, NULL, &axis, &place};
  node *product = build_dot(r->graph, x, y, &axes);
  if (draw(r, 2)) {
    random_order(r, product->type.rank, order);
    product = build_transpose(r->graph, product, order);
  }
  return bounded(r, product);
}

static node *random_conv(generator *r) {
  node *x = pick(r);
  if (x->type.rank != 3 || x->type.dims[2].maximum < 2)
    return x;
  tensor_type filter = {.element = r->real, .rank = 3};
  filter.dims[0] = dim_fixed(1 + draw(r, 3));
  filter.dims[1] = x->type.dims[1];
  filter.dims[2] = dim_fixed(2);
  conv_shape shape = {.strides = {1 + draw(r, 2)},
                      .low = {draw(r, 2)},
                      .high = {draw(r, 2)},
                      .left_dilation = {1 + draw(r, 2)},
                      .right_dilation = {1},
                      .groups = 1};
  return bounded(r, build_conv(r->graph, x, partner(r, &filter), &shape));
}

static node *random_running(generator *r) {
  node *x = pick(r), *y = partner(r, &x->type);
  if (x->type.rank == 0) return x;
  running along = {(int)draw(r, x->type.rank), draw(r, 2), draw(r, 2)};
  op_code op = draw(r, 2) ? OP_CUMSUM : OP_CUMPROD;
  return bounded(r, draw(r, 3) ? build_cumulative(r->graph, op, x, along)
                               : build_recurrence(r->graph, x, y, along));
}

/* The derivative is the true one. */
static node *random_rule(generator *r) {
  node *x = pick(r);
  graph *body = graph_new(r->graph->arena, NULL, "body");
  node *cotangent = graph_add_input(body, "dy", &x->type);
  graph_add_output(body, "dx", build_map1(body, SCALAR_NEG, cotangent));
  return build_rule(r->graph, body, 1, 2, (node *[]){build_map1(r->graph, SCALAR_NEG, x), x});
}

static node *random_node(generator *r) {
  switch (draw(r, 15)) {
  case 0:
  case 1:
    return random_map1(r);
  case 2:
  case 3:
    return random_map2(r);
  case 4:
    return random_quotient(r);
  case 5:
    return random_select(r);
  case 6:
    return random_cast(r);
  case 7:
    return random_reduce(r);
  case 8:
    return random_dot(r);
  case 9:
    return random_conv(r);
  case 10:
    return random_running(r);
  case 11:
    return bounded(r, random_windows(r));
  case 12:
    return random_rule(r);
  default:
    return random_view(r);
  }
}

static void add_outputs(graph *g) {
  bool *read = arena_array_of(g->arena, g->node_count, bool);
  for (int id = 0; id < g->node_count; id++)
    for (int i = 0; i < g->nodes[id]->operand_count; i++)
      read[g->nodes[id]->operands[i]->id] = true;
  for (int id = 0; id < g->node_count; id++)
    if (!read[id] && g->nodes[id]->op != OP_INPUT)
      graph_add_output(g, arena_printf(g->arena, "r%d", g->output_count), g->nodes[id]);
}

graph *random_graph(arena *a, uint64_t seed, dtype real, int size) {
  generator r = {.graph = graph_new(a, NULL, "random"), .seed = seed, .real = real};
  const tensor_type inputs[] = {
      type_of(real, 2, (int64_t[]){1 + draw(&r, 5), 3}),
      type_of(real, 3, (int64_t[]){2, 1 + 2 * draw(&r, 2), 4}),
      type_of(real, 1, (int64_t[]){1 + draw(&r, 9)}),
      type_of(DTYPE_I32, 1, (int64_t[]){5}),
  };
  for (int i = 0; i < 4; i++) {
    node *n = graph_add_input(r.graph, arena_printf(a, "x%d", i), &inputs[i]);
    if (i < 3)
      r.pool[r.pool_count++] = n;
  }
  for (int i = 0; i < size && r.pool_count < 256; i++) {
    node *n = random_node(&r);
    if (type_elements(&n->type) < 2000 && n->type.rank < 6)
      r.pool[r.pool_count++] = n;
  }
  add_outputs(r.graph);
  return r.graph;
}
