/* Functions along one axis: running sums and products. */
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

const native native_axis[] = {
    {"cumsum", 1, 1, 0, 1, "exclusive reverse", cumulative, OP_CUMSUM, NULL},
    {"cumprod", 1, 1, 0, 1, "exclusive reverse", cumulative, OP_CUMPROD, NULL},
    {0},
};
