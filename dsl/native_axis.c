/* Functions along one axis: running sums and products, order. */
#include "build.h"
#include "native.h"

/* The one axis in brackets, or the last. */
static bool single_axis(elaborator *e, const native_call *c, const node *x, int *axis) {
  int count;
  int64_t axes[MAX_RANK];
  if (!x->type.rank) {
    elaborator_error(e, c->at, "%s needs an axis", c->native->name);
    return false;
  }
  if (!native_axes(e, c, x->type.rank, x->type.rank - 1, &count, axes)) return false;
  if (count != 1) {
    elaborator_error(e, c->at, "%s takes one axis", c->native->name);
    return false;
  }
  *axis = (int)axes[0];
  return true;
}

/* cumsum[axis, exclusive: false, reverse: false](x), likewise cumprod; of bool as integers. */
static value cumulative(elaborator *e, const native_call *c) {
  node *x = native_tensor(e, c, 0);
  running along = {0};
  if (!x || !single_axis(e, c, x, &along.axis) ||
      !native_truth_option(e, c, "exclusive", &along.exclusive) ||
      !native_truth_option(e, c, "reverse", &along.reverse))
    return (value){0};
  if (x->type.element == DTYPE_BOOL) x = build_cast(e->graph, x, DTYPE_I32);
  return elaborator_node(e, build_cumulative(e->graph, (op_code)c->native->code, x, along));
}

static node *in_order(elaborator *e, node *x, int axis, node *order) {
  return build_take_along(e->graph, x, order, axis);
}

/* sort[axis, descending: false](x), argsort likewise: equal elements as they stand, NaN last. */
static value sort(elaborator *e, const native_call *c) {
  node *x = native_tensor(e, c, 0);
  int axis;
  bool descending = false;
  if (!x || !single_axis(e, c, x, &axis) ||
      !native_truth_option(e, c, "descending", &descending))
    return (value){0};
  node *order = build_argsort(e->graph, x, axis, x->type.dims[axis].maximum, descending);
  return elaborator_node(e, c->native->code == OP_ARGSORT ? order : in_order(e, x, axis, order));
}

/* top_k[k, axis](x): the k largest elements and their places. */
static value top_k(elaborator *e, const native_call *c) {
  node *x = native_tensor(e, c, 0);
  native_call rest = *c; /* without k */
  int64_t k;
  int axis;
  if (!x || !elaborator_integer(e, c->at, c->statics.items[0].value, "k", &k)) return (value){0};
  rest.statics.items++, rest.statics.count--;
  if (!single_axis(e, &rest, x, &axis)) return (value){0};
  int64_t extent = x->type.dims[axis].maximum;
  if (k < 1 || k > extent)
    return elaborator_error(e, c->at, "top_k takes 1 to %lld of %lld elements, not %lld",
                            (long long)extent, (long long)extent, (long long)k);
  node *places = build_argsort(e->graph, x, axis, k, true);
  value both[] = {elaborator_node(e, in_order(e, x, axis, places)), elaborator_node(e, places)};
  return value_tuple(e->arena, 2, both, NULL);
}

const native native_axis[] = {
    {"cumsum", 1, 1, 0, 1, "exclusive reverse", cumulative, OP_CUMSUM, NULL},
    {"cumprod", 1, 1, 0, 1, "exclusive reverse", cumulative, OP_CUMPROD, NULL},
    {"sort", 1, 1, 0, 1, "descending", sort, 0, NULL},
    {"argsort", 1, 1, 0, 1, "descending", sort, OP_ARGSORT, NULL},
    {"top_k", 1, 1, 1, 2, NULL, top_k, 0, NULL},
    {0},
};
