/* Reads, updates and sums at places that a tensor of indices names: gather, scatter and gather's
 * transpose, scatter_add. */
#include <math.h>

#include "axes.h"
#include "batch.h"
#include "build.h"
#include "lower.h"
#include "lower_opaque.h"
#include "op.h"
#include "scalar.h"

/* The tensor that is indexed, as [batch, outer, extent, inner] around its axis, and the number of
 * indices of one batch. */
typedef struct indexed_shape {
  int64_t batch, outer, extent, inner, indices;
} indexed_shape;

static int batch_of(const node *n) {
  const attribute *batch = &n->attributes[n->attribute_count - 1];
  return batch->count ? (int)batch->ints[0] : 0;
}

static indexed_shape shape_around(const node *n, const tensor_type *whole, int64_t axis,
                                  const tensor_type *index) {
  axes_split s = axes_around(whole, axis);
  int64_t batch = 1;
  for (int i = 0; i < batch_of(n); i++) batch *= whole->dims[i].maximum;
  return (indexed_shape){batch, s.outer / batch, s.extent, s.inner, type_elements(index) / batch};
}

/* C5, for an axis within the rank. */
static bool batch_fits(const node *n, const tensor_type *whole, const tensor_type *index,
                       int axis) {
  const attribute *batch = &n->attributes[n->attribute_count - 1];
  if (batch->count == 0) return true;
  if (batch->count > 1 || batch->ints[0] < 1 || batch->ints[0] > axis ||
      batch->ints[0] > index->rank)
    return false;
  for (int i = 0; i < batch->ints[0]; i++)
    if (!dim_equal(whole->dims[i], index->dims[i])) return false;
  return true;
}

/* The common constraints of a tensor that is indexed along an axis; NULL where they hold, and then
 * `part` is its type with the index's axes in place of that axis. */
static const char *part_type(arena *a, const node *n, const tensor_type *whole,
                             const tensor_type *index, tensor_type *part) {
  const char *name = op_infos[n->op].name;
  const attribute *axis = &n->attributes[n->attribute_count - 2];
  if (axis->count != 1 || axis->ints[0] < 0 || axis->ints[0] >= whole->rank)
    return arena_printf(a, "%s C1: no axis of a tensor of rank %d", name, whole->rank);
  if (index->element != DTYPE_I32 && index->element != DTYPE_I64)
    return arena_printf(a, "%s C2: the indices are %s", name, type_text(a, index));
  int at = (int)axis->ints[0];
  if (!batch_fits(n, whole, index, at))
    return arena_printf(a, "%s C5: no batch that %s and the indices %s share", name,
                        type_text(a, whole), type_text(a, index));
  int batch = batch_of(n), rank = whole->rank - 1 + index->rank - batch;
  for (int i = batch; i < index->rank; i++)
    if (index->dims[i].symbol && (i > 0 || at > 0))
      return arena_printf(a, "%s C3: axis %d of the indices has the bounded size %s", name, i,
                          index->dims[i].symbol);
  if (rank > MAX_RANK) return arena_printf(a, "%s C4: rank %d is above %d", name, rank, MAX_RANK);
  *part = (tensor_type){.element = whole->element};
  for (int i = 0; i < at; i++) part->dims[part->rank++] = whole->dims[i];
  for (int i = batch; i < index->rank; i++) part->dims[part->rank++] = index->dims[i];
  for (int i = at + 1; i < whole->rank; i++) part->dims[part->rank++] = whole->dims[i];
  return NULL;
}

/* gather, scatter, scatter_add
 *   C1  one axis, within the rank of the tensor that is indexed
 *   C2  the indices are i32 or i64
 *   C3  the axes of the indices that take its place have fixed sizes, but for one that leads the result
 *   C4  the indices' axes in place of the axis give no rank above 8
 *   C5  at most one number of batch axes, at least 1; they stand before the axis, and the indices
 *       begin with the same ones */
static const char *gather_type(arena *a, const node *n, tensor_type *result) {
  return part_type(a, n, &n->operands[0]->type, &n->operands[1]->type, result);
}

static void gather_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                        node **operand_cotangents) {
  if (wanted[0])
    operand_cotangents[0] =
        build_scatter_add(g, n->operands[1], cotangent, &n->operands[0]->type,
                          (int)node_int(n, 0), batch_of(n));
}

static void gather_eval(const evaluation *e, const node *n, const tensor *const *operands,
                        tensor *result) {
  (void)e;
  const tensor *x = operands[0], *index = operands[1];
  indexed_shape s = shape_around(n, &x->type, node_int(n, 0), &index->type);
  int64_t to = 0;
  for (int64_t o = 0; o < s.batch * s.outer; o++)
    for (int64_t k = 0; k < s.indices; k++)
      for (int64_t i = 0; i < s.inner; i++, to++) {
        int64_t place = index->ints[o / s.outer * s.indices + k];
        if (place < 0 || place >= s.extent) continue; /* the result starts with zeros */
        int64_t from = (o * s.extent + place) * s.inner + i;
        tensor_copy_element(x, from, result, to);
      }
}

/* scatter, scatter_add
 *   C6  the updates have the result's type with the indices' axes in place of the axis */
static const char *updates_violation(arena *a, const node *n, const tensor_type *whole,
                                     const tensor_type *index, const tensor_type *updates) {
  tensor_type part;
  const char *message = part_type(a, n, whole, index, &part);
  if (message || type_equal(&part, updates)) return message;
  return arena_printf(a, "%s C6: the updates are %s, not %s", op_infos[n->op].name,
                      type_text(a, updates), type_text(a, &part));
}

static const char *scatter_type(arena *a, const node *n, tensor_type *result) {
  *result = n->operands[0]->type;
  return updates_violation(a, n, result, &n->operands[1]->type, &n->operands[2]->type);
}

/* True where no two indices of a batch are known to be able to meet: one, or iota scaled, by `scale` with what is
 * known outside, and moved, where its type holds that without coming round to the same again. */
static bool are_apart(const node *index, int64_t batch, double scale) {
  double by;
  if (type_elements(&index->type) == batch) return true;
  if (index->op == OP_IOTA)
    return index->type.rank == 1 && scale > 0 &&
           (double)index->type.dims[0].maximum * scale <= ldexp(1, 8 * (int)dtype_size(index->type.element));
  if (index->op != OP_MAP || index->operand_count != 2 || !node_is_splat(index->operands[1], &by)) return false;
  if (index->function == SCALAR_MUL) scale *= fabs(by);
  return (index->function == SCALAR_ADD || index->function == SCALAR_MUL) && are_apart(index->operands[0], batch, scale);
}

/* A number for each of the indices, which grows in row-major order. */
static node *numbers_of(graph *g, const node *index) {
  tensor_type type = index->type;
  type.element = DTYPE_I32;
  node *numbers = build_iota(g, &type, 0);
  for (int axis = 1; axis < type.rank; axis++) {
    node *by = build_splat(g, &type, (double)type.dims[axis].maximum);
    numbers = build_map2(g, SCALAR_ADD, build_map2(g, SCALAR_MUL, numbers, by), build_iota(g, &type, axis));
  }
  return numbers;
}

/* Which of the indices name a place that no later one does. */
static node *last_at_place(graph *g, node *index, const tensor_type *whole, int axis, int batch) {
  tensor_type numbers = {.element = DTYPE_I32};
  for (int i = 0; i < batch; i++) numbers.dims[numbers.rank++] = whole->dims[i];
  numbers.dims[numbers.rank++] = whole->dims[axis];
  node *own = numbers_of(g, index);
  node *latest = build_scatter(g, build_splat(g, &numbers, 0), index, own, batch, batch);
  return build_map2(g, SCALAR_EQ, build_gather(g, latest, index, batch, batch), own);
}

static node *spread_over_part(graph *g, node *of_index, const tensor_type *part, int axis,
                              int batch) {
  int64_t axes[MAX_RANK];
  for (int i = 0; i < of_index->type.rank; i++) axes[i] = i < batch ? i : axis + i - batch;
  tensor_type type = *part;
  type.element = of_index->type.element;
  return build_broadcast(g, of_index, &type, axes);
}

static void scatter_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                         node **operand_cotangents) {
  node *index = n->operands[1];
  const tensor_type *whole = &n->type, *part = &n->operands[2]->type;
  const int axis = (int)node_int(n, 0), batch = batch_of(n);
  if (wanted[0])
    operand_cotangents[0] =
        build_scatter(g, cotangent, index, build_splat(g, part, 0), axis, batch);
  if (!wanted[2]) return;
  node *taken = build_gather(g, cotangent, index, axis, batch);
  if (!are_apart(index, shape_around(n, whole, axis, &index->type).batch, 1)) {
    node *last = last_at_place(g, index, whole, axis, batch);
    taken = build_map3(g, SCALAR_SELECT, spread_over_part(g, last, part, axis, batch), taken,
                       build_splat(g, part, 0));
  }
  operand_cotangents[2] = taken;
}

static void scatter_eval(const evaluation *e, const node *n, const tensor *const *operands,
                         tensor *result) {
  (void)e;
  const tensor *x = operands[0], *index = operands[1], *updates = operands[2];
  indexed_shape s = shape_around(n, &n->type, node_int(n, 0), &index->type);
  for (int64_t i = 0; i < type_elements(&n->type); i++) tensor_copy_element(x, i, result, i);
  int64_t from = 0;
  for (int64_t o = 0; o < s.batch * s.outer; o++)
    for (int64_t k = 0; k < s.indices; k++)
      for (int64_t i = 0; i < s.inner; i++, from++) {
        int64_t place = index->ints[o / s.outer * s.indices + k];
        if (place < 0 || place >= s.extent) continue;
        tensor_copy_element(updates, from, result, (o * s.extent + place) * s.inner + i);
      }
}

/* scatter_add
 *   C7  the result is not bool */
static const char *scatter_add_type(arena *a, const node *n, tensor_type *result) {
  *result = *n->attributes[0].type;
  const char *message =
      updates_violation(a, n, result, &n->operands[0]->type, &n->operands[1]->type);
  if (message) return message;
  return result->element == DTYPE_BOOL ? "scatter_add C7: the result is bool" : NULL;
}

static void scatter_add_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                             node **operand_cotangents) {
  if (wanted[1])
    operand_cotangents[1] = build_gather(g, cotangent, n->operands[0], (int)node_int(n, 1),
                                         batch_of(n));
}

static void scatter_add_eval(const evaluation *e, const node *n, const tensor *const *operands,
                             tensor *result) {
  (void)e;
  const tensor *index = operands[0], *updates = operands[1];
  indexed_shape s = shape_around(n, &n->type, node_int(n, 1), &index->type);
  int64_t from = 0;
  for (int64_t o = 0; o < s.batch * s.outer; o++)
    for (int64_t k = 0; k < s.indices; k++)
      for (int64_t i = 0; i < s.inner; i++, from++) {
        int64_t place = index->ints[o / s.outer * s.indices + k];
        if (place < 0 || place >= s.extent) continue;
        int64_t to = (o * s.extent + place) * s.inner + i;
        if (dtype_is_float(n->type.element))
          result->reals[to] += updates->reals[from];
        else
          result->ints[to] = scalar_int(SCALAR_ADD, n->type.element,
                                        (int64_t[]){result->ints[to], updates->ints[from]});
      }
}

/* ---- kernels --------------------------------------------------------------------------------- */

typedef struct kernel_writer {
  arena *arena;
  loop_kernel *kernel;
  indexed_shape shape;
  const loop_buffer *context; /* NULL: no bounded sizes */
  opaque_size outer, along, inner; /* bounded sizes that lead the outer places, are the axis, lead a row */
  int lanes; /* divides shape.inner, or what it has for each place of a bounded size */
  loop_buffer *first, *from, *index, *to; /* first: of operand 0 */
} kernel_writer;

/* The longest vectors that leave no rest of an inner row. */
static int lanes_of(const target *t, dtype element, int64_t inner) {
  int lanes = t->vector_bytes / (int)dtype_size(element);
  while (lanes > 1 && inner % lanes != 0) lanes /= 2;
  return lanes > 1 ? lanes : 1;
}

static kernel_writer writer_of(lowering *l, const group *g, int from, int index,
                               const tensor_type *whole, int64_t axis) {
  const node *n = g->members[0];
  loop_buffer **buffers = arena_array_of(l->arena, g->input_count + g->output_count, loop_buffer *);
  kernel_writer w = {.arena = l->arena, .kernel = lower_parameters(l, g, buffers)};
  w.shape = shape_around(n, whole, axis, &n->operands[index]->type);
  w.first = buffers[group_input(g, group_root(n->operands[0]))];
  w.from = buffers[group_input(g, group_root(n->operands[from]))];
  w.index = buffers[group_input(g, group_root(n->operands[index]))];
  w.to = buffers[g->input_count];
  w.context = lower_context(l, g, w.kernel);
  if (axis > 0) w.outer = opaque_bounded(w.context, whole, 0);
  w.along = opaque_bounded(w.context, whole, axis);
  w.inner = opaque_bounded(w.context, whole, axis + 1);
  w.lanes = lanes_of(l->target, n->type.element, w.shape.inner / (w.inner.bound ? w.inner.bound : 1));
  return w;
}

/* Index number k of the batch that `outer`, which counts batch and outer, belongs to, and whether it
 * lies within the axis. */
static const loop_expr *place_at(kernel_writer *w, loop_block *block, const loop_expr *outer,
                                 const loop_expr *k, const loop_expr **inside) {
  arena *a = w->arena;
  if (w->shape.batch > 1)
    k = opaque_affine(a, opaque_divided(a, SCALAR_FLOORDIV, outer, w->shape.outer),
                      w->shape.indices, k);
  const loop_expr *place = loop_let(
      a, block, "place", loop_cast(a, loop_load(a, w->index, &k, 1, NULL), DTYPE_I64));
  const loop_expr *above = loop_op(a, SCALAR_GE, place, loop_int(a, 0), NULL);
  const loop_expr *extent = opaque_count(a, block, w->along, w->shape.extent);
  const loop_expr *below = loop_op(a, SCALAR_LT, place, extent, NULL);
  *inside = loop_let(a, block, "inside", loop_op(a, SCALAR_AND, above, below, NULL));
  return place;
}

/* The indices of one batch, of which a bounded size may lead all. */
static const loop_expr *indices_in_use(kernel_writer *w, loop_block *block, const node *index) {
  opaque_size size = opaque_bounded(w->context, &index->type, 0);
  if (w->shape.batch > 1) size.bound = 0; /* it leads the batches */
  return opaque_count(w->arena, block, size, w->shape.indices);
}

/* A unit is one row of the result: that of one index. */
static loop_kernel *gather_kernel(lowering *l, const group *g) {
  const node *n = g->members[0];
  kernel_writer w = writer_of(l, g, 0, 1, &n->operands[0]->type, node_int(n, 0));
  arena *a = w.arena;
  indexed_shape s = w.shape;
  const loop_expr *row, *i, *inside;
  const opaque_size rows =
      w.outer.bound ? w.outer : opaque_bounded(w.context, &n->operands[1]->type, 0);
  loop_block *body =
      opaque_units(a, w.kernel, rows, s.batch * s.outer * s.indices, s.inner, &row);
  const loop_expr *outer =
      loop_let(a, body, "outer", opaque_divided(a, SCALAR_FLOORDIV, row, s.indices));
  const loop_expr *k = opaque_divided(a, SCALAR_MOD, row, s.indices);
  const loop_expr *place = place_at(&w, body, outer, k, &inside);
  const loop_expr *from_row =
      loop_let(a, body, "from_row", opaque_affine(a, outer, s.extent, place));
  body = opaque_loop(a, body, "i", loop_int(a, 0), opaque_count(a, body, w.inner, s.inner), w.lanes, &i);
  const loop_expr *from = opaque_affine(a, from_row, s.inner, i);
  const loop_expr *to = opaque_affine(a, row, s.inner, i);
  const loop_expr *value = loop_load(a, w.from, &from, w.lanes, loop_splat(a, inside, w.lanes));
  loop_store(a, body, w.to, &to, value, NULL);
  return w.kernel;
}

/* The block for columns of a row that are in use. */
static loop_block *columns_in_use(kernel_writer *w, loop_block *block, const loop_expr *column) {
  if (!w->inner.bound) return block;
  const loop_expr *count = opaque_count(w->arena, block, w->inner, w->shape.inner / w->lanes);
  return &loop_if(w->arena, block, loop_op(w->arena, SCALAR_LT, column, count, NULL))->body;
}

/* A unit is one vector of inner elements at one outer index, for which it runs through all indices
 * in order: no two units write one element, and sums are the same with any number of threads. */
static loop_kernel *scatter_add_kernel(lowering *l, const group *g) {
  const node *n = g->members[0];
  kernel_writer w = writer_of(l, g, 1, 0, &n->type, node_int(n, 1));
  arena *a = w.arena;
  indexed_shape s = w.shape;
  int64_t columns = s.inner / w.lanes;
  const loop_expr *unit, *row, *k, *inside, *zero = loop_constant(a, n->type.element, 0, 0);
  loop_block *body =
      opaque_units(a, w.kernel, w.outer, s.batch * s.outer * columns,
                   (s.extent + s.indices) * w.lanes, &unit);
  const loop_expr *outer =
      loop_let(a, body, "outer", opaque_divided(a, SCALAR_FLOORDIV, unit, columns));
  const loop_expr *column = opaque_divided(a, SCALAR_MOD, unit, columns);
  body = columns_in_use(&w, body, column);
  const loop_expr *i =
      loop_let(a, body, "i", opaque_affine(a, column, w.lanes, loop_int(a, 0)));
  const loop_expr *extent = opaque_count(a, body, w.along, s.extent);
  loop_block *clear = opaque_loop(a, body, "row", loop_int(a, 0), extent, 1, &row);
  const loop_expr *to = opaque_affine(a, opaque_affine(a, outer, s.extent, row), s.inner, i);
  loop_store(a, clear, w.to, &to, loop_splat(a, zero, w.lanes), NULL);
  body = opaque_loop(a, body, "k", loop_int(a, 0), indices_in_use(&w, body, n->operands[0]), 1, &k);
  const loop_expr *place = place_at(&w, body, outer, k, &inside);
  body = &loop_if(a, body, inside)->body;
  to = loop_let(a, body, "to",
                opaque_affine(a, opaque_affine(a, outer, s.extent, place), s.inner, i));
  const loop_expr *from = opaque_affine(a, opaque_affine(a, outer, s.indices, k), s.inner, i);
  const loop_expr *sum = loop_op(a, SCALAR_ADD, loop_load(a, w.to, &to, w.lanes, NULL),
                                 loop_load(a, w.from, &from, w.lanes, NULL), NULL);
  loop_store(a, body, w.to, &to, sum, NULL);
  return w.kernel;
}

/* The rows of one outer index, copied from the tensor. */
static void copy_rows(kernel_writer *w, loop_block *block, const target *t, const loop_expr *outer) {
  arena *a = w->arena;
  const int64_t elements = w->shape.extent * w->shape.inner;
  const int lanes = lanes_of(t, w->to->type.element, w->along.bound ? w->shape.inner : elements);
  const loop_expr *i, *count = opaque_count(a, block, w->along, elements);
  block = opaque_loop(a, block, "i", loop_int(a, 0), count, lanes, &i);
  const loop_expr *at = opaque_affine(a, outer, elements, i);
  loop_store(a, block, w->to, &at, loop_load(a, w->first, &at, lanes, NULL), NULL);
}

/* Where the result lies in the tensor's memory, a unit is one vector of inner elements at one outer
 * index, for which it runs through all indices in order; else all that one outer index has. */
static loop_kernel *scatter_kernel(lowering *l, const group *g) {
  const node *n = g->members[0];
  kernel_writer w = writer_of(l, g, 2, 1, &n->type, node_int(n, 0));
  const bool in_place = w.first == w.to;
  arena *a = w.arena;
  indexed_shape s = w.shape;
  int64_t columns = s.inner / w.lanes, outers = s.batch * s.outer;
  const loop_expr *unit, *k, *inside, *outer, *column;
  loop_block *body =
      in_place ? opaque_units(a, w.kernel, w.outer, outers * columns, s.indices * w.lanes, &unit)
               : opaque_units(a, w.kernel, w.outer, outers, (s.extent + s.indices) * s.inner, &unit);
  outer = in_place ? loop_let(a, body, "outer", opaque_divided(a, SCALAR_FLOORDIV, unit, columns))
                   : unit;
  if (!in_place) copy_rows(&w, body, l->target, outer);
  body = opaque_loop(a, body, "k", loop_int(a, 0), indices_in_use(&w, body, n->operands[1]), 1, &k);
  const loop_expr *place = place_at(&w, body, outer, k, &inside);
  body = &loop_if(a, body, inside)->body;
  if (in_place) column = opaque_divided(a, SCALAR_MOD, unit, columns);
  else body = opaque_loop(a, body, "column", loop_int(a, 0), loop_int(a, columns), 1, &column);
  body = columns_in_use(&w, body, column);
  const loop_expr *i =
      loop_let(a, body, "i", opaque_affine(a, column, w.lanes, loop_int(a, 0)));
  const loop_expr *from = opaque_affine(a, opaque_affine(a, outer, s.indices, k), s.inner, i);
  const loop_expr *to = opaque_affine(a, opaque_affine(a, outer, s.extent, place), s.inner, i);
  loop_store(a, body, w.to, &to, loop_load(a, w.from, &from, w.lanes, NULL), NULL);
  return w.kernel;
}

static const op_lowering gather_lower = {.kernel = gather_kernel};
static const op_lowering scatter_lower = {.kernel = scatter_kernel};
static const op_lowering scatter_add_lower = {.kernel = scatter_add_kernel};

static int64_t scatter_add_operations(const node *n) { return type_elements(&n->operands[1]->type); }

/* Whole rows of a table. Attributes end with axis and batch. */
static bool takes_rows(const node *n) {
  int batches;
  node_ints(n, n->attribute_count - 1, &batches);
  return node_int(n, n->attribute_count - 2) == 0 && batches == 0;
}

static bool gather_takes(const node *n, const bool *varies) { return takes_rows(n) && !varies[0]; }

static node *gather_turns(graph *g, const node *n, node *const *operands, const bool *varies,
                          dim turns) {
  (void)n, (void)varies, (void)turns;
  return build_gather(g, operands[0], operands[1], 0, 0);
}

static bool scatter_add_takes(const node *n, const bool *varies) {
  (void)varies;
  return takes_rows(n);
}

static node *scatter_add_over_turns(graph *g, const node *n, node *const *operands) {
  tensor_type type = n->type;
  type.element = operands[1]->type.element;
  return build_scatter_add(g, operands[0], operands[1], &type, 0, 0);
}

static const op_batch gather_batch = {.takes = gather_takes, .turns = gather_turns};
static const op_batch scatter_add_batch = {.takes = scatter_add_takes, .sum = scatter_add_over_turns};

const op_definition op_GATHER = {
    .type = gather_type, .grad = gather_grad, .eval = gather_eval, .lower = &gather_lower,
    .batch = &gather_batch};
const op_definition op_SCATTER = {
    .type = scatter_type, .grad = scatter_grad, .eval = scatter_eval, .lower = &scatter_lower};
const op_definition op_SCATTER_ADD = {.type = scatter_add_type,
                                      .grad = scatter_add_grad,
                                      .eval = scatter_add_eval,
                                      .lower = &scatter_add_lower, .batch = &scatter_add_batch,
                                      .operations = scatter_add_operations};
