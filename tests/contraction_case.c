#include "contraction_case.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "lower.h"

/* ---- kernels ------------------------------------------------------------------------------- */

/* Strides of a layout, and the offset of its first element. */
static int64_t layout_strides(const tensor_type *type, operand_layout layout,
                              int64_t strides[MAX_RANK]) {
  if (layout != LAYOUT_REVERSED) {
    type_strides(type, strides);
    return 0;
  }
  int64_t stride = 1;
  for (int i = 0; i < type->rank; i++) {
    strides[i] = stride;
    stride *= type->dims[i].maximum;
  }
  if (type->rank == 0) return 0;
  int64_t first = strides[0] * (type->dims[0].maximum - 1);
  strides[0] = -strides[0];
  return first;
}

/* The same of the operand's coordinates. */
static int64_t coordinate_strides(arena *a, const node *n, int operand, operand_layout layout,
                                  int64_t strides[MAX_RANK]) {
  const tensor_type *type = &n->operands[operand]->type;
  const index_expr *at[MAX_RANK], *position = index_constant(a, 0);
  int64_t of_axes[MAX_RANK], first = layout_strides(type, layout, of_axes);
  int count = contraction_operand_index(a, n, operand, at);
  for (int i = 0; i < type->rank; i++)
    position = index_add(a, position, index_scale(a, at[i], of_axes[i]));
  for (int i = 0; i < count; i++) index_linear(position, i, &strides[i]);
  return first;
}

static const loop_expr *computed_element(arena *a, const contraction_operand *o, loop_block *block,
                                         const loop_expr *const *index, int along, int lanes) {
  (void)block;
  (void)along;
  const loop_expr *at = loop_int(a, 0);
  for (int i = 0; i < o->rank; i++)
    at = loop_add(a, loop_mul(a, index[i], loop_int(a, o->coordinates[i].stride)), at);
  return loop_load(a, o->context, &at, lanes, NULL);
}

static loop_buffer *parameter(arena *a, loop_kernel *k, const char *name, const tensor_type *type,
                              loop_access access) {
  int64_t elements = type_elements(type);
  loop_buffer *b = loop_buffer_new(a, name, LOOP_PARAMETER, loop_scalar(type->element), 1,
                                   &elements);
  loop_add_parameter(a, k, b, access);
  return b;
}

static void lay_out(arena *a, contraction_case *k, int operand, operand_layout layout) {
  contraction_operand *o = &k->contraction.operands[operand];
  node *n = k->node->operands[operand];
  operand_root root = {.root = n};
  if (layout == LAYOUT_ROOT)
    root = contraction_operand_root(a, k->node, operand);
  else
    root.base = coordinate_strides(a, k->node, operand, layout, root.strides);
  loop_buffer *b = parameter(a, k->kernel, operand == 0 ? "x" : "w", &root.root->type, LOOP_IN);
  contraction_operand_strided(o, b, root.base, root.strides);
  if (layout == LAYOUT_COMPUTED) {
    o->buffer = NULL;
    o->context = b;
    o->element = computed_element;
    o->most_lanes = LOOP_MAX_LANES;
    for (int i = 0; i < o->rank; i++) o->runs[i] = o->coordinates[i].stride == 1;
  }
  k->stored[operand] = root.root;
  k->layouts[operand] = layout;
}

static loop_kernel *finished(arena *a, loop_kernel *k) {
  const char *message = loop_verify(a, k);
  if (message) fail_msg("%s", message);
  k = loop_unroll(a, k);
  message = loop_verify(a, k);
  if (message) fail_msg("unrolled: %s", message);
  return k;
}

/* The packed array takes the operand's place among the parameters. */
static void pack(arena *a, contraction_case *k, int operand, const target *t) {
  contraction_operand *o = &k->contraction.operands[operand];
  const tensor_type packed = type_of(
      k->contraction.element, 1,
      (int64_t[]){contraction_packed_elements(&k->contraction, &k->schedule, operand)});
  loop_kernel *packing = loop_kernel_new(a, "packing");
  loop_add_parameter(a, packing, k->kernel->parameters[operand], LOOP_IN);
  contraction_emit_packing(a, &k->contraction, &k->schedule, t, operand,
                           parameter(a, packing, "packed", &packed, LOOP_OUT), &packing->body);
  k->packing[operand] = finished(a, packing);
  loop_kernel *alone = loop_kernel_new(a, "alone");
  o->buffer = parameter(a, alone, operand == 0 ? "x" : "w", &packed, LOOP_IN);
  k->kernel->parameters[operand] = o->buffer;
}

contraction_case *contraction_case_new(arena *a, const node *n, const target *t,
                                       operand_layout left, operand_layout right) {
  return contraction_case_of_runs(a, n, t, left, right, 1);
}

contraction_case *contraction_case_of_runs(arena *a, const node *n, const target *t, operand_layout left,
                                           operand_layout right, double runs_alike) {
  return contraction_case_of_schedule(a, n, t, left, right, runs_alike, 0);
}

contraction_case *contraction_case_of_schedule(arena *a, const node *n, const target *t, operand_layout left,
                                               operand_layout right, double runs_alike, int number) {
  contraction_case *k = arena_new_of(a, contraction_case);
  k->arena = a;
  k->node = n;
  contraction_of_node(a, n, &k->contraction);
  k->kernel = loop_kernel_new(a, "contraction");
  lay_out(a, k, 0, left);
  lay_out(a, k, 1, right);
  k->contraction.output = parameter(a, k->kernel, "y", &n->type, LOOP_OUT);
  for (int i = 0; i < 2; i++) k->contraction.operands[i].runs_alike = runs_alike;
  contraction_schedule *found = arena_array_of(a, number + 1, contraction_schedule);
  if (contraction_schedules(&k->contraction, t, number + 1, found) <= number) return NULL;
  k->schedule = found[number];
  for (int i = 0; i < 2; i++)
    if (k->schedule.packed[i]) pack(a, k, i, t);
  contraction_emit(a, &k->contraction, &k->schedule, t, &k->kernel->body);
  k->kernel = finished(a, k->kernel);
  return k;
}

void *contraction_case_operand(const contraction_case *k, int operand, const tensor *value) {
  size_t size = dtype_size(value->type.element);
  int64_t elements = type_elements(&value->type), strides[MAX_RANK], dense[MAX_RANK];
  int64_t first = layout_strides(&value->type, k->layouts[operand], strides);
  type_strides(&value->type, dense);
  char *from = arena_array(k->arena, (size_t)elements, size);
  char *to = arena_array(k->arena, (size_t)elements, size);
  compare_to_array(value, from);
  for (int64_t i = 0; i < elements; i++) {
    int64_t at = first;
    for (int d = 0; d < value->type.rank; d++)
      at += i / dense[d] % value->type.dims[d].maximum * strides[d];
    memcpy(to + (size_t)at * size, from + (size_t)i * size, size);
  }
  return to;
}

/* ---- random nodes -------------------------------------------------------------------------- */

static uint64_t next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

static int64_t below(uint64_t *state, int64_t count) { return (int64_t)next(state) % count; }

static int64_t extent(uint64_t *state) {
  static const int64_t extents[] = {1, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 24, 33, 40, 67};
  return extents[below(state, sizeof extents / sizeof *extents)];
}

static void shuffle(uint64_t *state, int count, int64_t *items) {
  for (int i = count - 1; i > 0; i--) {
    int64_t j = below(state, i + 1), kept = items[i];
    items[i] = items[j];
    items[j] = kept;
  }
}

/* Batch, free and contracted axes at random places of both operands. */
static node *random_dot(graph *g, uint64_t *state, dtype element) {
  int batch = (int)below(state, 3), contract = (int)below(state, 3);
  if (below(state, 3) > 0) batch = 0;
  if (below(state, 4) > 0) contract = 1;
  int64_t common[4], axes[2][6], extents[2][6];
  for (int i = 0; i < batch + contract; i++) common[i] = extent(state);
  node *operands[2];
  for (int side = 0; side < 2; side++) {
    int rank = batch + contract + (below(state, 4) > 0 ? 1 : (int)below(state, 3));
    for (int i = 0; i < rank; i++) axes[side][i] = i;
    shuffle(state, rank, axes[side]);
    for (int i = 0; i < rank; i++)
      extents[side][axes[side][i]] = i < batch + contract ? common[i] : extent(state);
    tensor_type type = type_of(element, rank, extents[side]);
    operands[side] = graph_add_input(g, side == 0 ? "x" : "w", &type);
  }
  dot_axes d = {batch, contract, axes[0], axes[1], axes[0] + batch, axes[1] + batch};
  return build_dot(g, operands[0], operands[1], &d);
}

static node *random_conv(graph *g, uint64_t *state, dtype element) {
  int spatial = 1 + (int)below(state, 3);
  int64_t groups = below(state, 3) == 0 ? 1 + below(state, 3) : 1;
  int64_t x[5] = {1 + below(state, 4), groups * (1 + below(state, 5))}, w[5];
  static const int64_t filters[] = {1, 2, 3, 6, 8, 16, 17};
  w[0] = groups * filters[below(state, 7)];
  w[1] = x[1] / groups;
  conv_shape s = {.groups = groups};
  for (int i = 0; i < spatial; i++) {
    w[2 + i] = 1 + below(state, 5);
    s.strides[i] = below(state, 3) == 0 ? 1 + below(state, 3) : 1;
    s.left_dilation[i] = below(state, 4) == 0 ? 1 + below(state, 3) : 1;
    s.right_dilation[i] = below(state, 4) == 0 ? 2 : 1;
    s.low[i] = below(state, 6) - 2;
    s.high[i] = below(state, 6) - 2;
    int64_t window = (w[2 + i] - 1) * s.right_dilation[i] + 1;
    int64_t room = below(state, spatial == 1 ? 70 : 20) - s.low[i] - s.high[i];
    x[2 + i] = (window + (room < 0 ? 0 : room)) / s.left_dilation[i] + 1;
    if (s.low[i] + s.high[i] < 0) x[2 + i] -= s.low[i] + s.high[i];
  }
  tensor_type types[2] = {type_of(element, 2 + spatial, x), type_of(element, 2 + spatial, w)};
  return build_conv(g, graph_add_input(g, "x", &types[0]), graph_add_input(g, "w", &types[1]), &s);
}

static double work_of(arena *a, const node *n) {
  contraction c;
  contraction_of_node(a, n, &c);
  double work = 1;
  for (int i = 0; i < c.axis_count; i++) work *= (double)c.axes[i].extent;
  return work;
}

node *random_contraction(arena *a, uint64_t seed, op_code op, dtype element, double work) {
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (;;) {
    graph *g = graph_new(a, NULL, "random");
    node *n = op == OP_DOT ? random_dot(g, &state, element) : random_conv(g, &state, element);
    if (work_of(a, n) > work) continue;
    graph_add_output(g, "y", n);
    return n;
  }
}
