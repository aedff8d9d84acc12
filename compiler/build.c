#include "build.h"

#include <string.h>

#include "axes.h"
#include "half.h"
#include "scalar.h"

static attribute ints(int count, const int64_t *values) {
  return (attribute){.kind = ATTRIBUTE_INTS, .count = count, .ints = values};
}

static attribute reals(int count, const double *values) {
  return (attribute){.kind = ATTRIBUTE_REALS, .count = count, .reals = values};
}

static attribute text(const char *value) {
  return (attribute){.kind = ATTRIBUTE_TEXT, .text = value};
}

static attribute type(const tensor_type *value) {
  return (attribute){.kind = ATTRIBUTE_TYPE, .type = value};
}

static node *unary(graph *g, op_code op, node *x, int count, const attribute *attributes) {
  return graph_node(g, op, (scalar_function)0, 1, &x, count, attributes);
}

static node *leaf(graph *g, op_code op, int count, const attribute *attributes) {
  return graph_node(g, op, (scalar_function)0, 0, NULL, count, attributes);
}

/* Negative axes count from the end; what is out of range is left to the type rule. */
static int64_t from_start(int64_t axis, int rank) { return axis < 0 ? axis + rank : axis; }

/* Copies axes from the start and in increasing order; false for more than a tensor can have. */
static bool sorted_axes(int rank, int count, const int64_t *axes, int64_t sorted[MAX_RANK]) {
  if (count > MAX_RANK) return false;
  for (int i = 0; i < count; i++) {
    int64_t axis = from_start(axes[i], rank);
    int at = i;
    for (; at > 0 && sorted[at - 1] > axis; at--) sorted[at] = sorted[at - 1];
    sorted[at] = axis;
  }
  return true;
}

node *build_slot(graph *g, const char *path, const tensor_type *t) {
  return leaf(g, OP_SLOT, 2, (attribute[]){text(path), type(t)});
}

node *build_real(graph *g, dtype element, double value) {
  tensor_type t = type_scalar(element);
  return build_constant(g, &t, NULL, &value);
}

node *build_int(graph *g, dtype element, int64_t value) {
  tensor_type t = type_scalar(element);
  return build_constant(g, &t, &value, NULL);
}

node *build_splat(graph *g, const tensor_type *t, double value) {
  node *scalar = dtype_is_float(t->element) ? build_real(g, t->element, value)
                                            : build_int(g, t->element, (int64_t)value);
  return build_broadcast_to(g, scalar, t);
}

static const double *rounded(arena *a, dtype element, int count, const double *values) {
  double *results = arena_array_of(a, count, double);
  for (int i = 0; i < count; i++) results[i] = half_round(element, values[i]);
  return results;
}

node *build_constant(graph *g, const tensor_type *t, const int64_t *int_values,
                     const double *real_values) {
  ensure(type_check(t) && type_elements(t) <= INT32_MAX);
  int count = (int)type_elements(t);
  if (half_is(t->element)) real_values = rounded(g->arena, t->element, count, real_values);
  return leaf(g, OP_CONSTANT, 3,
              (attribute[]){type(t), ints(int_values ? count : 0, int_values),
                            reals(real_values ? count : 0, real_values)});
}

node *build_iota(graph *g, const tensor_type *t, int axis) {
  int64_t along = from_start(axis, t->rank);
  return leaf(g, OP_IOTA, 2, (attribute[]){type(t), ints(1, &along)});
}

node *build_key(graph *g, uint64_t site, bool initial) {
  int64_t where = (int64_t)site, first = initial;
  return leaf(g, OP_KEY, 2, (attribute[]){ints(1, &where), ints(1, &first)});
}

node *build_bits(graph *g, node *key, node *turn, const tensor_type *t) {
  return graph_node(g, OP_BITS, (scalar_function)0, 2, (node *[]){key, turn}, 1,
                    (attribute[]){type(t)});
}

node *build_map1(graph *g, scalar_function f, node *x) {
  return graph_node(g, OP_MAP, f, 1, &x, 0, NULL);
}

node *build_map2(graph *g, scalar_function f, node *x, node *y) {
  return graph_node(g, OP_MAP, f, 2, (node *[]){x, y}, 0, NULL);
}

node *build_map3(graph *g, scalar_function f, node *x, node *y, node *z) {
  return graph_node(g, OP_MAP, f, 3, (node *[]){x, y, z}, 0, NULL);
}

node *build_cast(graph *g, node *x, dtype element) {
  if (!x || x->type.element == element) return x;
  tensor_type t = x->type;
  t.element = element;
  return unary(g, OP_CAST, x, 1, (attribute[]){type(&t)});
}

node *build_reshape(graph *g, node *x, int rank, const dim *dims) {
  if (!x) return NULL;
  tensor_type t = {.element = x->type.element, .rank = rank};
  for (int i = 0; i < rank && i < MAX_RANK; i++) t.dims[i] = dims[i];
  if (type_equal(&t, &x->type)) return x;
  return unary(g, OP_RESHAPE, x, 1, (attribute[]){type(&t)});
}

node *build_transpose(graph *g, node *x, const int64_t *axes) {
  if (!x) return NULL;
  int64_t order[MAX_RANK];
  bool identity = true;
  for (int i = 0; i < x->type.rank; i++) {
    order[i] = from_start(axes[i], x->type.rank);
    identity = identity && order[i] == i;
  }
  return identity ? x : unary(g, OP_TRANSPOSE, x, 1, (attribute[]){ints(x->type.rank, order)});
}

node *build_broadcast(graph *g, node *x, const tensor_type *t, const int64_t *axes) {
  if (!x || type_equal(&x->type, t)) return x;
  int64_t order[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) order[i] = from_start(axes[i], t->rank);
  return unary(g, OP_BROADCAST, x, 2, (attribute[]){type(t), ints(x->type.rank, order)});
}

node *build_broadcast_to(graph *g, node *x, const tensor_type *like) {
  if (!x) return NULL;
  tensor_type t = *like;
  t.element = x->type.element;
  int64_t axes[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) axes[i] = t.rank - x->type.rank + i;
  return build_broadcast(g, x, &t, axes);
}

node *build_slice(graph *g, node *x, const int64_t *starts, const int64_t *limits,
                  const int64_t *steps) {
  if (!x) return NULL;
  int rank = x->type.rank;
  return unary(g, OP_SLICE, x, 3,
               (attribute[]){ints(rank, starts), ints(rank, limits), ints(rank, steps)});
}

node *build_pad(graph *g, node *x, const int64_t *low, const int64_t *high,
                const int64_t *interior) {
  if (!x) return NULL;
  int rank = x->type.rank;
  return unary(g, OP_PAD, x, 3,
               (attribute[]){ints(rank, low), ints(rank, high), ints(rank, interior)});
}

node *build_reverse(graph *g, node *x, int axis_count, const int64_t *axes) {
  if (!x) return NULL;
  int64_t sorted[MAX_RANK];
  ensure(sorted_axes(x->type.rank, axis_count, axes, sorted));
  return unary(g, OP_REVERSE, x, 1, (attribute[]){ints(axis_count, sorted)});
}

/* Numbers that have nothing to be multiplied with are 1, so that equal windows are equal nodes. */
node *build_window(graph *g, node *x, const tensor_type *t, const window_shape *shape) {
  if (!x) return NULL;
  window_shape s = *shape;
  for (int i = 0; i < s.count; i++) {
    if (t->dims[s.axes[i]].maximum == 1) s.strides[i] = 1;
    if (x->type.dims[s.taps[i]].maximum == 1) s.dilations[i] = 1;
    if (x->type.dims[s.axes[i]].maximum == 1) s.spacings[i] = 1;
  }
  return unary(g, OP_WINDOW, x, 7,
               (attribute[]){type(t), ints(s.count, s.axes), ints(s.count, s.taps),
                             ints(s.count, s.strides), ints(s.count, s.dilations),
                             ints(s.count, s.offsets), ints(s.count, s.spacings)});
}

/* Windows side by side: a reshape. counts[i] windows fit along the i-th axis. */
static node *windows_side_by_side(graph *g, node *x, const sliding_windows *w,
                                  const int64_t *counts) {
  int64_t starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK], axes[MAX_RANK];
  int rank = x->type.rank, first = rank - w->count;
  dim dims[MAX_RANK];
  for (int i = 0; i < rank; i++) {
    dims[i] = x->type.dims[i];
    limits[i] = i < first ? dims[i].maximum : counts[i - first] * w->sizes[i - first];
    steps[i] = 1;
    axes[i] = i;
  }
  for (int i = 0; i < w->count; i++) {
    dims[first + 2 * i] = dim_fixed(counts[i]);
    dims[first + 2 * i + 1] = dim_fixed(w->sizes[i]);
    axes[first + i] = first + 2 * i;
    axes[rank + i] = first + 2 * i + 1;
  }
  node *whole = build_slice(g, x, starts, limits, steps);
  return build_transpose(g, build_reshape(g, whole, rank + w->count, dims), axes);
}

node *build_windows(graph *g, node *x, const sliding_windows *w) {
  if (!x) return NULL;
  int rank = x->type.rank, first = rank - w->count;
  ensure(first >= 0 && rank + w->count <= MAX_RANK);
  tensor_type spread = x->type, result;
  window_shape s = {.count = w->count};
  int64_t counts[MAX_RANK / 2], axes[MAX_RANK];
  bool apart = true;
  spread.rank = rank + w->count;
  for (int i = 0; i < rank; i++) axes[i] = i;
  for (int i = 0; i < w->count; i++) {
    int64_t reach = (w->sizes[i] - 1) * w->dilations[i];
    counts[i] = (spread.dims[first + i].maximum + w->low[i] + w->high[i] - reach - 1) /
                    w->strides[i] + 1;
    apart = apart && w->low[i] == 0 && w->high[i] == 0 && reach == w->sizes[i] - 1 &&
            (counts[i] == 1 || w->strides[i] == w->sizes[i]);
    spread.dims[rank + i] = dim_fixed(w->sizes[i]);
    s.axes[i] = first + i;
    s.taps[i] = rank + i;
    s.strides[i] = w->strides[i];
    s.dilations[i] = w->dilations[i];
    s.offsets[i] = -w->low[i];
    s.spacings[i] = 1;
  }
  if (apart) return windows_side_by_side(g, x, w, counts);
  result = spread;
  for (int i = 0; i < w->count; i++) result.dims[first + i] = dim_fixed(counts[i]);
  return build_window(g, build_broadcast(g, x, &spread, axes), &result, &s);
}

node *build_concat(graph *g, int count, node *const *parts, int axis) {
  int64_t along = count > 0 && parts[0] ? from_start(axis, parts[0]->type.rank) : axis;
  return graph_node(g, OP_CONCAT, (scalar_function)0, count, parts, 1,
                    (attribute[]){ints(1, &along)});
}

/* An empty list stands for no batch. */
static attribute batch_attribute(const int64_t *batch) { return ints(*batch != 0, batch); }

node *build_gather(graph *g, node *x, node *index, int axis, int batch) {
  if (!x) return NULL;
  int64_t along = from_start(axis, x->type.rank), shared = batch;
  return graph_node(g, OP_GATHER, (scalar_function)0, 2, (node *[]){x, index}, 2,
                    (attribute[]){ints(1, &along), batch_attribute(&shared)});
}

node *build_scatter(graph *g, node *x, node *index, node *updates, int axis, int batch) {
  if (!x) return NULL;
  int64_t along = from_start(axis, x->type.rank), shared = batch;
  return graph_node(g, OP_SCATTER, (scalar_function)0, 3, (node *[]){x, index, updates}, 2,
                    (attribute[]){ints(1, &along), batch_attribute(&shared)});
}

node *build_scatter_add(graph *g, node *index, node *updates, const tensor_type *t, int axis,
                        int batch) {
  int64_t along = from_start(axis, t->rank), shared = batch;
  return graph_node(g, OP_SCATTER_ADD, (scalar_function)0, 2, (node *[]){index, updates}, 3,
                    (attribute[]){type(t), ints(1, &along), batch_attribute(&shared)});
}

node *build_take_along(graph *g, node *x, node *index, int axis) {
  if (!x || !index) return NULL;
  int rank = x->type.rank, last = rank - 1;
  int64_t order[MAX_RANK]; /* exchanges the axis and the last one: its own inverse */
  for (int i = 0; i < rank; i++) order[i] = i;
  order[from_start(axis, rank)] = last;
  order[last] = from_start(axis, rank);
  node *taken = build_gather(g, build_transpose(g, x, order), build_transpose(g, index, order),
                             last, last);
  return build_transpose(g, taken, order);
}

static node *run_along(graph *g, op_code op, int count, node *const *operands, running along) {
  for (int i = 0; i < count; i++)
    if (!operands[i]) return NULL;
  int64_t axis = from_start(along.axis, operands[0]->type.rank);
  int64_t exclusive = along.exclusive, reverse = along.reverse;
  return graph_node(g, op, (scalar_function)0, count, operands, 3,
                    (attribute[]){ints(1, &axis), ints(1, &exclusive), ints(1, &reverse)});
}

node *build_cumulative(graph *g, op_code op, node *x, running along) {
  return run_along(g, op, 1, &x, along);
}

node *build_recurrence(graph *g, node *factors, node *terms, running along) {
  return run_along(g, OP_RECURRENCE, 2, (node *[]){factors, terms}, along);
}

node *build_argsort(graph *g, node *x, int axis, int64_t count, bool descending) {
  if (!x) return NULL;
  int64_t along = from_start(axis, x->type.rank), down = descending;
  return unary(g, OP_ARGSORT, x, 3,
               (attribute[]){ints(1, &along), ints(1, &count), ints(1, &down)});
}

node *build_reduce(graph *g, op_code op, node *x, int axis_count, const int64_t *axes) {
  if (!x) return NULL;
  int64_t sorted[MAX_RANK];
  ensure(sorted_axes(x->type.rank, axis_count, axes, sorted));
  return unary(g, op, x, 1, (attribute[]){ints(axis_count, sorted)});
}

/* How many elements of x a sum has: of a bounded axis, as many as there are in a call. */
static node *build_count(graph *g, const tensor_type *x, const node *sum, int axis_count,
                         const int64_t *axes) {
  double known = (double)type_elements(x) / (double)type_elements(&sum->type);
  node *count = NULL;
  for (int i = 0; i < axis_count; i++) {
    const dim d = x->dims[from_start(axes[i], x->rank)];
    if (!d.symbol) continue;
    const tensor_type ones = {.element = sum->type.element, .rank = 1, .dims = {d}};
    const int64_t axis = 0;
    node *size = build_reduce(g, OP_SUM, build_splat(g, &ones, 1), 1, &axis);
    count = count ? build_map2(g, SCALAR_MUL, count, size) : size;
    known /= (double)d.maximum;
  }
  if (!count) return build_splat(g, &sum->type, known);
  count = build_map2(g, SCALAR_MUL, count, build_splat(g, &count->type, known));
  return build_broadcast_to(g, count, &sum->type);
}

node *build_mean(graph *g, node *x, int axis_count, const int64_t *axes) {
  if (!x) return NULL;
  bool half = half_is(x->type.element); /* in which the sum or the count may overflow */
  node *sum = build_reduce(g, OP_SUM, half ? build_cast(g, x, DTYPE_F32) : x, axis_count, axes);
  if (!sum) return NULL;
  node *mean = build_map2(g, SCALAR_DIV, sum, build_count(g, &x->type, sum, axis_count, axes));
  return build_cast(g, mean, x->type.element);
}

node *build_keep(graph *g, node *reduced, const tensor_type *like, int axis_count,
                 const int64_t *axes) {
  tensor_type t = *like;
  for (int i = 0; i < axis_count; i++) t.dims[from_start(axes[i], t.rank)] = dim_fixed(1);
  return build_reshape(g, reduced, t.rank, t.dims);
}

node *build_dot(graph *g, node *left, node *right, const dot_axes *axes) {
  attribute attributes[] = {ints(axes->batch_count, axes->left_batch),
                            ints(axes->batch_count, axes->right_batch),
                            ints(axes->contract_count, axes->left_contract),
                            ints(axes->contract_count, axes->right_contract)};
  return graph_node(g, OP_DOT, (scalar_function)0, 2, (node *[]){left, right}, 4, attributes);
}

/* The leading extents of two stacks of matrices, broadcast by NumPy's rule; where they do not meet,
 * the broadcast that follows reports it. */
static int batch_dims(const tensor_type *left, const tensor_type *right, dim dims[MAX_RANK]) {
  int lefts = left->rank - 2, rights = right->rank - 2, count = lefts > rights ? lefts : rights;
  for (int i = 0; i < count; i++) {
    int l = i - (count - lefts), r = i - (count - rights);
    dim one = dim_fixed(1), a = l >= 0 ? left->dims[l] : one, b = r >= 0 ? right->dims[r] : one;
    dims[i] = dim_equal(a, one) ? b : a;
  }
  return count;
}

static node *spread_batch(graph *g, node *x, int count, const dim *dims) {
  tensor_type t = {.element = x->type.element, .rank = count + 2};
  memcpy(t.dims, dims, (size_t)count * sizeof *dims);
  memcpy(t.dims + count, x->type.dims + x->type.rank - 2, 2 * sizeof *dims);
  return build_broadcast_to(g, x, &t);
}

node *build_matmul(graph *g, node *left, node *right) {
  if (!left || !right) return NULL;
  int64_t batch[MAX_RANK], left_inner = left->type.rank - 1, right_inner = 0;
  dot_axes axes = {0, 1, batch, batch, &left_inner, &right_inner};
  if (left->type.rank > 0 && right->type.rank > 2) {
    if (left->type.rank == 1) { /* a row, which is dropped again below */
      node *row = build_reshape(g, left, 2, (dim[]){dim_fixed(1), left->type.dims[0]});
      node *product = build_matmul(g, row, right);
      if (!product) return NULL;
      dim dims[MAX_RANK];
      int rank = 0;
      for (int i = 0; i < product->type.rank; i++)
        if (i != product->type.rank - 2) dims[rank++] = product->type.dims[i];
      return build_reshape(g, product, rank, dims);
    }
    dim dims[MAX_RANK];
    axes.batch_count = batch_dims(&left->type, &right->type, dims);
    for (int i = 0; i < axes.batch_count; i++) batch[i] = i;
    left = spread_batch(g, left, axes.batch_count, dims);
    right = spread_batch(g, right, axes.batch_count, dims);
    left_inner = axes.batch_count + 1;
    right_inner = axes.batch_count;
  }
  return build_dot(g, left, right, &axes);
}

node *build_conv(graph *g, node *x, node *w, const conv_shape *shape) {
  if (!x || !w) return NULL;
  int spatial = x->type.rank < 2 ? 0 : x->type.rank > 5 ? 3 : x->type.rank - 2;
  attribute attributes[] = {ints(spatial, shape->strides),       ints(spatial, shape->low),
                            ints(spatial, shape->high),          ints(spatial, shape->left_dilation),
                            ints(spatial, shape->right_dilation), ints(1, &shape->groups)};
  return graph_node(g, OP_CONV, (scalar_function)0, 2, (node *[]){x, w}, 6, attributes);
}

loop_shape loop_shape_of(const node *n) {
  int count;
  const int64_t *turns = node_ints(n, 0, &count);
  loop_shape s = {.turns = count ? turns[0] : 0,
                  .carries = (int)node_int(n, 1),
                  .sequences = (int)node_int(n, 2),
                  .reverse = node_int(n, 3),
                  .condition = node_graph(n, 5),
                  .body = node_graph(n, 6)};
  if (*node_text(n, 7)) s.size = node_text(n, 7);
  node_ints(n, 4, &count);
  s.recompute = count > 0;
  s.invariants = n->operand_count - s.carries - s.sequences;
  return s;
}

tensor_type loop_result_type(const loop_shape *s, int number) {
  tensor_type type = s->body->outputs[number].node->type;
  if (number < s->carries) return type;
  memmove(type.dims + 1, type.dims, (size_t)type.rank * sizeof *type.dims);
  type.dims[0] = loop_turns(s);
  type.rank++;
  return type;
}

dim loop_turns(const loop_shape *s) { return (dim){s->turns, s->size}; }

int result_number(const node *n) { return n->op == OP_RESULT ? (int)node_int(n, 0) : 0; }

node *build_loop(graph *g, const loop_shape *s, node *const *operands) {
  int64_t carries = s->carries, sequences = s->sequences, reverse = s->reverse;
  const int64_t recompute = s->recompute;
  attribute attributes[] = {
      ints(s->turns > 0, &s->turns),
      ints(1, &carries),
      ints(1, &sequences),
      ints(1, &reverse),
      ints(s->recompute, &recompute),
      {.kind = ATTRIBUTE_GRAPH, .graph = s->condition},
      {.kind = ATTRIBUTE_GRAPH, .graph = s->body},
      text(s->size ? s->size : ""),
  };
  return graph_node(g, OP_LOOP, (scalar_function)0, s->carries + s->sequences + s->invariants,
                    operands, 8, attributes);
}

node *build_result(graph *g, node *loop, int number) {
  if (!loop || number == 0) return loop;
  int64_t which = number;
  return unary(g, OP_RESULT, loop, 1, (attribute[]){ints(1, &which)});
}

node *build_rule(graph *g, const graph *body, int argument_count, int operand_count,
                 node *const *operands) {
  int64_t arguments = argument_count;
  return graph_node(g, OP_RULE, (scalar_function)0, operand_count, operands, 2,
                    (attribute[]){ints(1, &arguments),
                                  {.kind = ATTRIBUTE_GRAPH, .graph = body}});
}

node *build_like(graph *g, const node *n, node *const *operands) {
  if (n->op == OP_INPUT) return graph_add_input(g, node_text(n, 0), n->attributes[1].type);
  location at = g->at;
  g->at = n->at;
  node *copy = graph_node(g, n->op, n->function, n->operand_count, operands, n->attribute_count,
                          n->attributes);
  g->at = at;
  return copy;
}

node **build_inputs_of(graph *to, const graph *from) {
  node **now = arena_array_of(to->arena, from->node_count, node *);
  for (int i = 0; i < from->input_count; i++) now[from->inputs[i].node->id] = build_like(to, from->inputs[i].node, NULL);
  return now;
}

node *build_copy(graph *to, const node *n, node *const *now) {
  node **operands = arena_array_of(to->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) operands[i] = now[n->operands[i]->id];
  return build_like(to, n, operands);
}

void build_results_of(graph *to, const graph *from, node *const *now) {
  for (int i = 0; i < from->output_count; i++) graph_add_output(to, from->outputs[i].name, now[from->outputs[i].node->id]);
  for (int i = 0; i < from->update_count; i++) graph_set_update(to, from->updates[i].name, now[from->updates[i].node->id]);
}
