/* The order of elements along an axis. Values in that order come by gather, which has the
 * derivative. */
#include <math.h>
#include <stdlib.h>

#include "axes.h"
#include "lower.h"
#include "lower_opaque.h"
#include "op.h"

/* argsort
 *   C1  one axis, within the rank
 *   C2  the axis has a fixed size, whose places fit i32
 *   C3  one count, from 1 to the axis's extent
 *   C4  descending is 0 or 1 */
static const char *argsort_type(arena *a, const node *n, tensor_type *result) {
  const attribute *axis = &n->attributes[0], *count = &n->attributes[1];
  const attribute *descending = &n->attributes[2];
  *result = n->operands[0]->type;
  if (axis->count != 1 || axis->ints[0] < 0 || axis->ints[0] >= result->rank)
    return arena_printf(a, "argsort C1: no axis of a tensor of rank %d", result->rank);
  dim *along = &result->dims[axis->ints[0]];
  if (along->symbol)
    return arena_printf(a, "argsort C2: the axis has the bounded size %s", along->symbol);
  if (along->maximum - 1 > INT32_MAX)
    return arena_printf(a, "argsort C2: i32 does not hold the places of %lld elements",
                        (long long)along->maximum);
  if (count->count != 1 || count->ints[0] < 1 || count->ints[0] > along->maximum)
    return arena_printf(a, "argsort C3: no count from 1 to %lld", (long long)along->maximum);
  if (descending->count != 1 || descending->ints[0] < 0 || descending->ints[0] > 1)
    return "argsort C4: descending is neither 0 nor 1";
  result->element = DTYPE_I32;
  along->maximum = count->ints[0];
  return NULL;
}

/* ---- meaning --------------------------------------------------------------------------------- */

typedef struct ranked {
  double real; /* of floating elements; else 0 */
  int64_t integer;
  int32_t place;
  bool descending;
} ranked;

/* NaN comes last either way; equal elements stay in the order of their places. */
static int by_rank(const void *left, const void *right) {
  const ranked *x = left, *y = right;
  int nans = isnan(x->real) - isnan(y->real);
  if (nans) return nans;
  int order = (x->real > y->real) - (x->real < y->real);
  if (!order) order = (x->integer > y->integer) - (x->integer < y->integer);
  if (order) return x->descending ? -order : order;
  return (x->place > y->place) - (x->place < y->place);
}

static void argsort_eval(const evaluation *e, const node *n, const tensor *const *operands,
                         tensor *result) {
  const tensor *x = operands[0];
  axes_split s = axes_around(&x->type, node_int(n, 0));
  int64_t count = node_int(n, 1);
  ranked *line = arena_array_of(e->arena, s.extent, ranked);
  for (int64_t outer = 0; outer < s.outer; outer++)
    for (int64_t inner = 0; inner < s.inner; inner++) {
      for (int64_t k = 0; k < s.extent; k++) {
        int64_t at = (outer * s.extent + k) * s.inner + inner;
        line[k] = (ranked){.place = (int32_t)k, .descending = node_int(n, 2)};
        if (dtype_is_float(x->type.element))
          line[k].real = x->reals[at];
        else
          line[k].integer = x->ints[at];
      }
      qsort(line, (size_t)s.extent, sizeof *line, by_rank);
      for (int64_t k = 0; k < count; k++)
        result->ints[(outer * count + k) * s.inner + inner] = line[k].place;
    }
}

/* ---- kernel ---------------------------------------------------------------------------------- */

/* Heapsort (Williams, 1964) within the result, which needs no other memory: places are ordered by
 * their elements, then by themselves, so that the order is total and the sort stable. The heap holds
 * the first `count` of the places seen so far, the last of them on top. */
typedef struct kernel_writer {
  arena *arena;
  axes_split shape;
  int64_t count;
  bool descending;
  dtype computed;
  loop_buffer *from, *to;
  const loop_expr *from_base, *to_base; /* of the line */
} kernel_writer;

typedef struct place {
  const loop_expr *place, *key;
} place;

static const loop_expr *both(arena *a, const loop_expr *x, const loop_expr *y) {
  return loop_op(a, SCALAR_AND, x, y, NULL);
}

static const loop_expr *either(arena *a, const loop_expr *x, const loop_expr *y) {
  return loop_op(a, SCALAR_OR, x, y, NULL);
}

static const loop_expr *not(arena *a, const loop_expr *x) {
  return loop_op(a, SCALAR_NOT, x, NULL, NULL);
}

static const loop_expr *heap_at(const kernel_writer *w, const loop_expr *position) {
  return opaque_affine(w->arena, position, w->shape.inner, w->to_base);
}

/* A place of the axis, an i64 expression, under a name, and its element. */
static place named_place(const kernel_writer *w, loop_block *block, const char *name,
                         const loop_expr *value) {
  arena *a = w->arena;
  place p = {.place = loop_let(a, block, name, value)};
  const loop_expr *at = opaque_affine(a, p.place, w->shape.inner, w->from_base);
  const loop_expr *key = loop_cast(a, loop_load(a, w->from, &at, 1, NULL), w->computed);
  p.key = loop_let(a, block, "key", key);
  return p;
}

static place heap_place(const kernel_writer *w, loop_block *block, const char *name,
                        const loop_expr *position) {
  const loop_expr *at = heap_at(w, position);
  return named_place(w, block, name,
                     loop_cast(w->arena, loop_load(w->arena, w->to, &at, 1, NULL), DTYPE_I64));
}

static void put(const kernel_writer *w, loop_block *block, const loop_expr *position,
                const loop_expr *value) {
  const loop_expr *at = heap_at(w, position);
  loop_store(w->arena, block, w->to, &at, loop_cast(w->arena, value, DTYPE_I32), NULL);
}

/* True where element x is smaller than y, or greater where descending; NaN is the last. */
static const loop_expr *precedes(const kernel_writer *w, const loop_expr *x, const loop_expr *y) {
  arena *a = w->arena;
  const loop_expr *order = loop_op(a, w->descending ? SCALAR_GT : SCALAR_LT, x, y, NULL);
  if (!dtype_is_float(w->computed)) return order;
  const loop_expr *last = loop_op(a, SCALAR_ISNAN, y, NULL, NULL);
  return either(a, order, both(a, last, not(a, loop_op(a, SCALAR_ISNAN, x, NULL, NULL))));
}

static const loop_expr *before(const kernel_writer *w, place x, place y) {
  arena *a = w->arena;
  const loop_expr *tie = not(a, precedes(w, y.key, x.key));
  return either(a, precedes(w, x.key, y.key),
                both(a, tie, loop_op(a, SCALAR_LT, x.place, y.place, NULL)));
}

static const loop_expr *value_of(arena *a, const loop_buffer *reg) {
  return loop_load(a, reg, NULL, 1, NULL);
}

static loop_buffer *new_register(arena *a, loop_block *block, const char *name,
                                 const loop_expr *value) {
  loop_buffer *reg = loop_buffer_new(a, name, LOOP_REG, loop_scalar(DTYPE_I64), 0, NULL);
  loop_alloc(a, block, reg, value);
  return reg;
}

/* One level: the later one of the hole's children moves up unless the item comes after it. */
static void sink_once(const kernel_writer *w, loop_block *block, place item, loop_buffer *hole,
                      loop_buffer *end) {
  arena *a = w->arena;
  const loop_expr *one = loop_int(a, 1);
  const loop_expr *left = loop_let(
      a, block, "left", opaque_affine(a, value_of(a, hole), 2, one));
  const loop_expr *inside = loop_op(a, SCALAR_LT, left, value_of(a, end), NULL);
  block = &loop_if(a, block, inside)->body;
  const loop_expr *right = loop_let(
      a, block, "right",
      loop_op(a, SCALAR_MINIMUM, loop_add(a, left, one),
              loop_op(a, SCALAR_SUB, value_of(a, end), one, NULL), NULL));
  place first = heap_place(w, block, "first", left), second = heap_place(w, block, "second", right);
  const loop_expr *later = loop_let(a, block, "later", before(w, first, second));
  place child = {loop_let(a, block, "child", loop_select(a, later, second.place, first.place)),
                 loop_let(a, block, "key", loop_select(a, later, second.key, first.key))};
  loop_stmt *moves = loop_if(a, block, before(w, item, child));
  put(w, &moves->body, value_of(a, hole), child.place);
  loop_store(a, &moves->body, hole, NULL, loop_select(a, later, right, left), NULL);
  loop_store(a, &moves->otherwise, end, NULL, loop_int(a, 0), NULL);
}

/* Puts a place into the heap of `end` places from position `from`, whose own is overwritten. */
static void sink(const kernel_writer *w, loop_block *block, place item, const loop_expr *from,
                 const loop_expr *end) {
  arena *a = w->arena;
  int64_t levels = 0;
  while ((INT64_C(2) << levels) <= w->count) levels++;
  loop_buffer *hole = new_register(a, block, "hole", from);
  loop_buffer *limit = new_register(a, block, "limit", end);
  const loop_expr *level;
  loop_block *body = opaque_loop(a, block, "level", loop_int(a, 0), loop_int(a, levels), 1, &level);
  sink_once(w, body, item, hole, limit);
  put(w, block, value_of(a, hole), item.place);
}

/* The first `count` places, as a heap. */
static void write_heap(const kernel_writer *w, loop_block *block) {
  arena *a = w->arena;
  const loop_expr *position, *turn;
  loop_block *body =
      opaque_loop(a, block, "position", loop_int(a, 0), loop_int(a, w->count), 1, &position);
  put(w, body, position, position);
  int64_t parents = w->count / 2;
  if (parents == 0) return;
  body = opaque_loop(a, block, "turn", loop_int(a, 0), loop_int(a, parents), 1, &turn);
  const loop_expr *parent =
      loop_let(a, body, "parent", loop_op(a, SCALAR_SUB, loop_int(a, parents - 1), turn, NULL));
  sink(w, body, heap_place(w, body, "item", parent), parent, loop_int(a, w->count));
}

/* The other places, where they come before the last one of the heap. */
static void write_selection(const kernel_writer *w, loop_block *block) {
  arena *a = w->arena;
  const loop_expr *turn, *top = loop_int(a, 0);
  if (w->count == w->shape.extent) return;
  loop_block *body = opaque_loop(a, block, "place", loop_int(a, w->count),
                                 loop_int(a, w->shape.extent), 1, &turn);
  place item = named_place(w, body, "item", turn), last = heap_place(w, body, "last", top);
  body = &loop_if(a, body, before(w, item, last))->body;
  sink(w, body, item, top, loop_int(a, w->count));
}

/* From the heap to the order: its top goes behind what is left of it. */
static void write_order(const kernel_writer *w, loop_block *block) {
  arena *a = w->arena;
  const loop_expr *turn, *top = loop_int(a, 0);
  if (w->count == 1) return;
  loop_block *body = opaque_loop(a, block, "turn", loop_int(a, 1), loop_int(a, w->count), 1, &turn);
  const loop_expr *end =
      loop_let(a, body, "end", loop_op(a, SCALAR_SUB, loop_int(a, w->count), turn, NULL));
  place item = heap_place(w, body, "item", end), last = heap_place(w, body, "last", top);
  put(w, body, end, last.place);
  sink(w, body, item, top, end);
}

/* Elements as they are compared. */
static dtype key_type(dtype element) {
  return element == DTYPE_BOOL ? DTYPE_I32 : compute_type(element);
}

/* A unit is one line. */
static loop_kernel *argsort_kernel(lowering *l, const group *g) {
  arena *a = l->arena;
  const node *n = g->members[0];
  dtype element = n->operands[0]->type.element;
  loop_buffer **buffers = arena_array_of(a, g->input_count + g->output_count, loop_buffer *);
  loop_kernel *kernel = lower_parameters(l, g, buffers);
  kernel_writer w = {.arena = a, .count = node_int(n, 1), .descending = node_int(n, 2)};
  w.shape = axes_around(&n->operands[0]->type, node_int(n, 0));
  w.computed = key_type(element);
  w.from = buffers[0];
  w.to = buffers[1];
  const opaque_size size = opaque_bounded(lower_context(l, g, kernel), &n->type, 0);
  const loop_expr *line;
  loop_block *body = opaque_units(a, kernel, size, w.shape.outer * w.shape.inner,
                                  16 * w.shape.extent, &line);
  const loop_expr *outer = loop_let(
      a, body, "outer", opaque_divided(a, SCALAR_FLOORDIV, line, w.shape.inner));
  const loop_expr *inner = loop_let(
      a, body, "inner", opaque_divided(a, SCALAR_MOD, line, w.shape.inner));
  w.from_base = opaque_affine(a, outer, w.shape.extent * w.shape.inner, inner);
  w.to_base = opaque_affine(a, outer, w.count * w.shape.inner, inner);
  write_heap(&w, body);
  write_selection(&w, body);
  write_order(&w, body);
  return kernel;
}

static const op_lowering argsort_lower = {.kernel = argsort_kernel};

const op_definition op_ARGSORT = {
    .type = argsort_type, .eval = argsort_eval, .lower = &argsort_lower};
