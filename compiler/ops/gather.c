/* Reads and sums at places that a tensor of indices names: gather and its transpose, scatter_add. */
#include "axes.h"
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
  if (whole->dims[at].symbol)
    return arena_printf(a, "%s C3: axis %d has the bounded size %s", name, at,
                        whole->dims[at].symbol);
  if (!batch_fits(n, whole, index, at))
    return arena_printf(a, "%s C5: no batch that %s and the indices %s share", name,
                        type_text(a, whole), type_text(a, index));
  int batch = batch_of(n), rank = whole->rank - 1 + index->rank - batch;
  if (rank > MAX_RANK) return arena_printf(a, "%s C4: rank %d is above %d", name, rank, MAX_RANK);
  *part = (tensor_type){.element = whole->element};
  for (int i = 0; i < at; i++) part->dims[part->rank++] = whole->dims[i];
  for (int i = batch; i < index->rank; i++) part->dims[part->rank++] = index->dims[i];
  for (int i = at + 1; i < whole->rank; i++) part->dims[part->rank++] = whole->dims[i];
  return NULL;
}

/* gather, scatter_add
 *   C1  one axis, within the rank of the tensor that is indexed
 *   C2  the indices are i32 or i64
 *   C3  the axis has a fixed size
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

/* scatter_add
 *   C6  the updates have the result's type with the indices' axes in place of the axis
 *   C7  the result is not bool */
static const char *scatter_type(arena *a, const node *n, tensor_type *result) {
  tensor_type part;
  *result = *n->attributes[0].type;
  const char *message = part_type(a, n, result, &n->operands[0]->type, &part);
  if (message) return message;
  if (!type_equal(&part, &n->operands[1]->type))
    return arena_printf(a, "scatter_add C6: the updates are %s, not %s",
                        type_text(a, &n->operands[1]->type), type_text(a, &part));
  if (result->element == DTYPE_BOOL) return "scatter_add C7: the result is bool";
  return NULL;
}

static void scatter_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                         node **operand_cotangents) {
  if (wanted[1])
    operand_cotangents[1] = build_gather(g, cotangent, n->operands[0], (int)node_int(n, 1),
                                         batch_of(n));
}

static void scatter_eval(const evaluation *e, const node *n, const tensor *const *operands,
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
  int lanes; /* divides shape.inner */
  loop_buffer *from, *index, *to;
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
  w.lanes = lanes_of(l->target, n->type.element, w.shape.inner);
  w.from = buffers[group_input(g, n->operands[from])];
  w.index = buffers[group_input(g, n->operands[index])];
  w.to = buffers[g->input_count];
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
  const loop_expr *below = loop_op(a, SCALAR_LT, place, loop_int(a, w->shape.extent), NULL);
  *inside = loop_let(a, block, "inside", loop_op(a, SCALAR_AND, above, below, NULL));
  return place;
}

/* A unit is one row of the result: that of one index. */
static loop_kernel *gather_kernel(lowering *l, const group *g) {
  const node *n = g->members[0];
  kernel_writer w = writer_of(l, g, 0, 1, &n->operands[0]->type, node_int(n, 0));
  arena *a = w.arena;
  indexed_shape s = w.shape;
  const loop_expr *row, *i, *inside;
  loop_block *body = opaque_units(a, w.kernel, s.batch * s.outer * s.indices, s.inner, &row);
  const loop_expr *outer =
      loop_let(a, body, "outer", opaque_divided(a, SCALAR_FLOORDIV, row, s.indices));
  const loop_expr *k = opaque_divided(a, SCALAR_MOD, row, s.indices);
  const loop_expr *place = place_at(&w, body, outer, k, &inside);
  const loop_expr *from_row =
      loop_let(a, body, "from_row", opaque_affine(a, outer, s.extent, place));
  body = opaque_loop(a, body, "i", loop_int(a, 0), loop_int(a, s.inner), w.lanes, &i);
  const loop_expr *from = opaque_affine(a, from_row, s.inner, i);
  const loop_expr *to = opaque_affine(a, row, s.inner, i);
  const loop_expr *value = loop_load(a, w.from, &from, w.lanes, loop_splat(a, inside, w.lanes));
  loop_store(a, body, w.to, &to, value, NULL);
  return w.kernel;
}

/* A unit is one vector of inner elements at one outer index, for which it runs through all indices
 * in order: no two units write one element, and sums are the same with any number of threads. */
static loop_kernel *scatter_kernel(lowering *l, const group *g) {
  const node *n = g->members[0];
  kernel_writer w = writer_of(l, g, 1, 0, &n->type, node_int(n, 1));
  arena *a = w.arena;
  indexed_shape s = w.shape;
  int64_t columns = s.inner / w.lanes;
  const loop_expr *unit, *row, *k, *inside, *zero = loop_constant(a, n->type.element, 0, 0);
  loop_block *body =
      opaque_units(a, w.kernel, s.batch * s.outer * columns, (s.extent + s.indices) * w.lanes,
                   &unit);
  const loop_expr *outer =
      loop_let(a, body, "outer", opaque_divided(a, SCALAR_FLOORDIV, unit, columns));
  const loop_expr *column = opaque_divided(a, SCALAR_MOD, unit, columns);
  const loop_expr *i =
      loop_let(a, body, "i", opaque_affine(a, column, w.lanes, loop_int(a, 0)));
  loop_block *clear =
      opaque_loop(a, body, "row", loop_int(a, 0), loop_int(a, s.extent), 1, &row);
  const loop_expr *to = opaque_affine(a, opaque_affine(a, outer, s.extent, row), s.inner, i);
  loop_store(a, clear, w.to, &to, loop_splat(a, zero, w.lanes), NULL);
  body = opaque_loop(a, body, "k", loop_int(a, 0), loop_int(a, s.indices), 1, &k);
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

static const op_lowering gather_lower = {.kernel = gather_kernel};
static const op_lowering scatter_lower = {.kernel = scatter_kernel};

const op_definition op_GATHER = {
    .type = gather_type, .grad = gather_grad, .eval = gather_eval, .lower = &gather_lower};
const op_definition op_SCATTER_ADD = {
    .type = scatter_type, .grad = scatter_grad, .eval = scatter_eval, .lower = &scatter_lower};
