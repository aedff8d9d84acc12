/* Shapes: making, reading and changing them. */
#include <string.h>

#include "build.h"
#include "native.h"
#include "operate.h"

/* --- fills ---------------------------------------------------------------------------------- */

/* In an initial value a fill has the declared element type. */
static dtype fill_element(const elaborator *e) {
  return e->frame->initial ? e->frame->initial->element : e->real;
}

/* zeros[B, H](), ones[shape](), full[B](v): of the type of v, of a number known when compiling f32, or as the
 * declared slot. */
static value fill(elaborator *e, const native_call *c) {
  tensor_type type;
  if (!native_result_type(e, c, fill_element(e), NULL, &type)) return (value){0};
  value v = c->arguments.count ? c->arguments.items[0].value : value_integer(c->native->code);
  if (value_is(v, VALUE_TENSOR)) type.element = v.node->type.element;
  if (value_is(v, VALUE_SIZE)) type.element = DTYPE_I32;
  if (value_is(v, VALUE_TRUTH) && !e->frame->initial) type.element = DTYPE_BOOL;
  node *n = operate_convert(e, c->at, v, &type, true, "the filling");
  return elaborator_node(e, n);
}

static value filled_like(elaborator *e, const native_call *c, value v) {
  if (value_is(v, VALUE_TUPLE)) {
    tuple *t = tuple_like(e->arena, v.tuple);
    for (int i = 0; i < t->count; i++) t->items[i] = filled_like(e, c, v.tuple->items[i]);
    return (value){.kind = VALUE_TUPLE, .tuple = t};
  }
  if (!value_is(v, VALUE_TENSOR))
    return elaborator_error(e, c->at, "%s takes a tensor or a tuple of them, not %s",
                            c->native->name, value_words(e->arena, v));
  return elaborator_node(e, build_splat(e->graph, &v.node->type, c->native->code));
}

/* zeros_like(x), ones_like(x): x's type, leaf by leaf; only the type is read, so x may be of another
 * graph. */
static value fill_like(elaborator *e, const native_call *c) {
  return filled_like(e, c, c->arguments.items[0].value);
}

/* iota[n, m, axis: 1](): i32, each element its index along the axis (0 by default). */
static value iota(elaborator *e, const native_call *c) {
  tensor_type type;
  int64_t axis = 0;
  if (!native_sizes(e, c, &type) || !native_integer_option(e, c, "axis", &axis) ||
      !native_axis_of(e, c, type.rank, &axis))
    return (value){0};
  type.element = DTYPE_I32;
  return elaborator_node(e, build_iota(e->graph, &type, (int)axis));
}

/* --- facts ---------------------------------------------------------------------------------- */

static value shape(elaborator *e, const native_call *c) {
  value v = c->arguments.items[0].value;
  if (value_is(v, VALUE_NUMBER) || value_is(v, VALUE_TRUTH)) return value_tuple(e->arena, 0, NULL, NULL);
  if (!value_is(v, VALUE_TENSOR))
    return elaborator_error(e, c->at, "%s has no shape", value_words(e->arena, v));
  return value_shape(e->arena, &v.node->type);
}

static value length(elaborator *e, const native_call *c) {
  value v = c->arguments.items[0].value;
  if (value_is(v, VALUE_TUPLE)) return value_integer(v.tuple->count);
  if (value_is(v, VALUE_TENSOR) && v.node->type.rank)
    return value_size(v.node->type.dims[0]);
  return elaborator_error(e, c->at, "%s has no length", value_words(e->arena, v));
}

/* --- changes -------------------------------------------------------------------------------- */

/* The bounded axis of x, where it has one that stands in none of the sizes. */
static dim bounded_left(const tensor_type *x, const tensor_type *sizes) {
  dim left = {0};
  for (int i = 0; i < x->rank; i++)
    if (x->dims[i].symbol) left = x->dims[i];
  for (int i = 0; i < sizes->rank; i++)
    if (sizes->dims[i].symbol) left = (dim){0};
  return left;
}

/* Resolves the one size that may be -1. */
static bool infer_size(elaborator *e, const native_call *c, const tensor_type *x,
                       tensor_type *sizes) {
  int64_t known = 1, elements = type_elements(x);
  int open = -1;
  for (int i = 0; i < sizes->rank; i++) {
    int64_t size = sizes->dims[i].maximum;
    if (size == -1 && open < 0) {
      open = i;
    } else if (size < 1 || __builtin_mul_overflow(known, size, &known)) {
      elaborator_error(e, c->at, "a size is at least 1, or -1 once, not %lld", (long long)size);
      return false;
    }
  }
  dim left = bounded_left(x, sizes);
  if (open >= 0 && elements % known == 0)
    sizes->dims[open] = left.maximum == elements / known ? left : dim_fixed(elements / known);
  if (open >= 0 ? elements % known == 0 : elements == known) return true;
  elaborator_error(e, c->at, "reshape: %lld elements do not fill %s", (long long)elements,
                   shape_text(e->arena, sizes));
  return false;
}

/* Sizes in brackets without the check that they are positive. */
static bool raw_sizes(elaborator *e, const native_call *c, tensor_type *sizes) {
  *sizes = (tensor_type){.element = DTYPE_F32};
  for (int i = 0; i < c->statics.count; i++) {
    value v = c->statics.items[i].value;
    bool splice = value_is(v, VALUE_TUPLE);
    for (int k = 0; k < (splice ? v.tuple->count : 1); k++) {
      if (sizes->rank == MAX_RANK) {
        elaborator_error(e, c->at, "a tensor has at most %d axes", MAX_RANK);
        return false;
      }
      if (!elaborator_extent(e, c->at, splice ? v.tuple->items[k] : v, "a size",
                             &sizes->dims[sizes->rank++]))
        return false;
    }
  }
  return true;
}

static value reshape(elaborator *e, const native_call *c) {
  tensor_type sizes;
  node *x = native_tensor(e, c, 0);
  if (!x || !raw_sizes(e, c, &sizes) || !infer_size(e, c, &x->type, &sizes)) return (value){0};
  return elaborator_node(e, build_reshape(e->graph, x, sizes.rank, sizes.dims));
}

/* transpose[1, 0, 2](x): result axis i is x's axis number i of the brackets. */
static value transpose(elaborator *e, const native_call *c) {
  int count;
  int64_t axes[MAX_RANK];
  node *x = native_tensor(e, c, 0);
  if (!x || !native_axes(e, c, x->type.rank, MAX_RANK, &count, axes)) return (value){0};
  if (count != x->type.rank)
    return elaborator_error(e, c->at, "transpose names %d of %d axes", count, x->type.rank);
  if (!c->statics.count)
    for (int i = 0; i < count; i++) axes[i] = count - 1 - i;
  return elaborator_node(e, build_transpose(e->graph, x, axes));
}

/* reverse[axes](x): the elements along these axes from the last to the first; no axes: along all. */
static value reverse(elaborator *e, const native_call *c) {
  int count;
  int64_t axes[MAX_RANK];
  node *x = native_tensor(e, c, 0);
  if (!x || !native_axes(e, c, x->type.rank, MAX_RANK, &count, axes)) return (value){0};
  return elaborator_node(e, build_reverse(e->graph, x, count, axes));
}

static int gather_parts(elaborator *e, const native_call *c, node **parts, int most) {
  int count = 0;
  for (int i = 0; i < c->arguments.count; i++) {
    value v = c->arguments.items[i].value;
    bool splice = value_is(v, VALUE_TUPLE);
    for (int k = 0; k < (splice ? v.tuple->count : 1); k++) {
      if (count == most) {
        elaborator_error(e, c->at, "%s joins at most %d tensors", c->native->name, most);
        return 0;
      }
      parts[count] = operate_tensor(e, c->at, splice ? v.tuple->items[k] : v, DTYPE_COUNT);
      if (!parts[count++]) return 0;
    }
  }
  if (!count) elaborator_error(e, c->at, "%s of nothing", c->native->name);
  return count;
}

/* concat[axis](a, b, …), tuples spliced; the axis is 0 by default. */
static value concat(elaborator *e, const native_call *c) {
  enum { MOST = 1024 };
  node **parts = arena_array_of(e->arena, MOST, node *);
  int count = gather_parts(e, c, parts, MOST), axis_count;
  int64_t axes[MAX_RANK];
  if (!count || !native_axes(e, c, parts[0]->type.rank, 0, &axis_count, axes)) return (value){0};
  return elaborator_node(e, build_concat(e->graph, count, parts, (int)axes[0]));
}

/* stack[axis](a, b, …), tuples spliced: the parts side by side along a new axis, 0 by default. */
static value stack(elaborator *e, const native_call *c) {
  enum { MOST = 1024 };
  node **parts = arena_array_of(e->arena, MOST, node *);
  int count = gather_parts(e, c, parts, MOST), axis_count;
  int64_t axes[MAX_RANK];
  if (!count) return (value){0};
  const tensor_type type = parts[0]->type;
  if (type.rank == MAX_RANK)
    return elaborator_error(e, c->at, "a tensor has at most %d axes", MAX_RANK);
  if (!native_axes(e, c, type.rank + 1, 0, &axis_count, axes)) return (value){0};
  for (int i = 0; i < count; i++) {
    dim dims[MAX_RANK];
    if (!type_equal(&parts[i]->type, &type))
      return elaborator_error(e, c->at, "stack joins tensors of one type, not %s and %s",
                              type_text(e->arena, &type),
                              type_text(e->arena, &parts[i]->type));
    for (int k = 0; k <= type.rank; k++)
      dims[k] = k == axes[0] ? dim_fixed(1) : type.dims[k - (k > axes[0])];
    parts[i] = build_reshape(e->graph, parts[i], type.rank + 1, dims);
  }
  return elaborator_node(e, build_concat(e->graph, count, parts, (int)axes[0]));
}

/* split[k, axis](x): k equal parts as a tuple; the axis is 0 by default. */
static value split(elaborator *e, const native_call *c) {
  tensor_type statics;
  node *x = native_tensor(e, c, 0);
  if (!x || !raw_sizes(e, c, &statics)) return (value){0};
  int rank = x->type.rank;
  int64_t parts = statics.dims[0].maximum, axis = statics.rank > 1 ? statics.dims[1].maximum : 0;
  if (!native_axis_of(e, c, rank, &axis)) return (value){0};
  int64_t extent = x->type.dims[axis].maximum;
  if (x->type.dims[axis].symbol || statics.dims[0].symbol)
    return elaborator_error(e, c->at, "a bounded size is not split into equal parts");
  if (parts < 1 || extent % parts)
    return elaborator_error(e, c->at, "a length of %lld is not split into %lld equal parts",
                            (long long)extent, (long long)parts);
  int64_t starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
  for (int i = 0; i < rank; i++) limits[i] = x->type.dims[i].maximum, steps[i] = 1;
  value *items = arena_array_of(e->arena, parts, value);
  for (int64_t i = 0; i < parts; i++) {
    starts[axis] = i * (extent / parts);
    limits[axis] = starts[axis] + extent / parts;
    items[i] = elaborator_node(e, build_slice(e->graph, x, starts, limits, steps));
  }
  return value_tuple(e->arena, (int)parts, items, NULL);
}

const native native_shapes[] = {
    {"zeros", 0, 0, 0, MAX_RANK, NULL, fill, 0, NULL},
    {"ones", 0, 0, 0, MAX_RANK, NULL, fill, 1, NULL},
    {"full", 1, 1, 0, MAX_RANK, NULL, fill, 0, NULL},
    {"zeros_like", 1, 1, 0, 0, NULL, fill_like, 0, NULL},
    {"ones_like", 1, 1, 0, 0, NULL, fill_like, 1, NULL},
    {"iota", 0, 0, 1, MAX_RANK, "axis", iota, 0, NULL},
    {"shape", 1, 1, 0, 0, NULL, shape, 0, NULL},
    {"len", 1, 1, 0, 0, NULL, length, 0, NULL},
    {"reshape", 1, 1, 0, MAX_RANK, NULL, reshape, 0, NULL},
    {"transpose", 1, 1, 0, MAX_RANK, NULL, transpose, 0, NULL},
    {"reverse", 1, 1, 0, MAX_RANK, NULL, reverse, 0, NULL},
    {"concat", 1, 1024, 0, 1, NULL, concat, 0, NULL},
    {"stack", 1, 1024, 0, 1, NULL, stack, 0, NULL},
    {"split", 1, 1, 1, 2, NULL, split, 0, NULL},
    {0},
};
