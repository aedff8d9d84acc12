/* Derivatives of first and second order, of every operator and every elementwise function, against
 * signed central differences of the interpreter in double. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "grad.h"
#include "graph_case.h"
#include "linear.h"
#include "op.h"
#include "scalar.h"
#include "verify.h"

enum { VARIANTS = 4 };

/* Extents that vary with the variant: 1, then odd, even and mixed ones. */
static int64_t extent(int variant, int axis) {
  static const int64_t extents[VARIANTS][3] = {{1, 1, 1}, {3, 5, 7}, {4, 2, 1}, {1, 6, 3}};
  return extents[variant][axis];
}

static node *input(graph *g, int rank, const int64_t *extents) {
  tensor_type type = type_of(DTYPE_F64, rank, extents);
  return graph_add_input(g, "x", &type);
}

static node *input3(graph *g, int v) {
  return input(g, 3, (int64_t[]){extent(v, 0), extent(v, 1), extent(v, 2)});
}

/* Builds a floating value over inputs that it adds to the graph. */
typedef node *build_case(graph *g, int variant);

static node *reshape_case(graph *g, int v) {
  return build_reshape(g, input3(g, v), 2,
                       (dim[]){dim_fixed(extent(v, 0) * extent(v, 1)), dim_fixed(extent(v, 2))});
}

static node *transpose_case(graph *g, int v) {
  return build_transpose(g, input3(g, v), (int64_t[]){1, 2, 0});
}

static node *broadcast_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){extent(v, 0), 1});
  tensor_type type = type_of(DTYPE_F64, 3, (int64_t[]){2, extent(v, 0), extent(v, 1)});
  return build_broadcast(g, x, &type, (int64_t[]){1, 2});
}

static node *broadcast_scalar_case(graph *g, int v) {
  tensor_type type = type_of(DTYPE_F64, 2, (int64_t[]){extent(v, 0), extent(v, 1)});
  return build_broadcast_to(g, input(g, 0, NULL), &type);
}

/* Two operands, each repeated along the other's axis. */
static node *broadcast_both_case(graph *g, int v) {
  tensor_type type = type_of(DTYPE_F64, 2, (int64_t[]){extent(v, 0), extent(v, 1)});
  node *column = input(g, 2, (int64_t[]){extent(v, 0), 1});
  node *row = input(g, 1, (int64_t[]){extent(v, 1)});
  return build_map2(g, SCALAR_MUL, build_broadcast_to(g, column, &type),
                    build_broadcast_to(g, row, &type));
}

static node *slice_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){extent(v, 0) + 2, 2 * extent(v, 1) + 1});
  return build_slice(g, x, (int64_t[]){1, 0}, (int64_t[]){1 + extent(v, 0), 2 * extent(v, 1)},
                     (int64_t[]){1, 2});
}

static node *pad_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){extent(v, 0), extent(v, 1)});
  return build_pad(g, x, (int64_t[]){1, 2}, (int64_t[]){0, 3}, (int64_t[]){2, v % 2});
}

/* Negative padding crops, also within the zeros between neighbours. */
static node *crop_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){extent(v, 0) + 3, extent(v, 1) + 2});
  return build_pad(g, x, (int64_t[]){-2, -1}, (int64_t[]){-1, 2}, (int64_t[]){1, 0});
}

static node *reverse_case(graph *g, int v) {
  return build_reverse(g, input3(g, v), 2, (int64_t[]){0, 2});
}

/* Windows that overlap, with padding, stride 2 and gaps along the second of three axes. */
static sliding_windows overlapping(int v) {
  return (sliding_windows){.count = 2, .sizes = {2, 3}, .strides = {1, 2}, .dilations = {2 - v % 2, 1},
                           .low = {2, 1}, .high = {1, 2}};
}

static node *window_case(graph *g, int v) {
  const sliding_windows w = overlapping(v);
  return build_windows(g, input3(g, v), &w);
}

/* Beginning in the middle, with taps that run backwards and elements spread by 2. */
static node *window_spread_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){extent(v, 0) + 2, extent(v, 1)});
  const window_shape s = {1, {0}, {1}, {1}, {-1}, {2}, {2}};
  tensor_type type = type_of(DTYPE_F64, 2, (int64_t[]){2 * extent(v, 0), extent(v, 1)});
  return build_window(g, x, &type, &s);
}

static node *pooled(graph *g, int v, op_code op) {
  const sliding_windows w = overlapping(v);
  return build_reduce(g, op, build_windows(g, input3(g, v), &w), 2, (int64_t[]){-2, -1});
}

static node *window_sum_case(graph *g, int v) { return pooled(g, v, OP_SUM); }
static node *window_max_case(graph *g, int v) { return pooled(g, v, OP_MAX); }
static node *window_min_case(graph *g, int v) { return pooled(g, v, OP_MIN); }

static node *concat_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){extent(v, 0), extent(v, 1)});
  node *y = input(g, 2, (int64_t[]){extent(v, 0), extent(v, 2)});
  return build_concat(g, 3, (node *[]){x, y, x}, 1);
}

/* Indices with repetitions, and some outside on either side. */
static node *indices(graph *g, int64_t count, int64_t extent) {
  tensor_type type = type_of(DTYPE_I32, 1, (int64_t[]){count});
  node *place = build_map2(g, SCALAR_MUL, build_iota(g, &type, 0), build_splat(g, &type, 5));
  node *turned = build_map2(g, SCALAR_MOD, place, build_splat(g, &type, (double)extent + 2));
  return build_map2(g, SCALAR_SUB, turned, build_splat(g, &type, 1));
}

static node *gather_case(graph *g, int v) {
  return build_gather(g, input3(g, v), indices(g, 2 * extent(v, 1) + 3, extent(v, 1)), 1, 0);
}

/* Of several indices some meet, and some lie outside. */
static node *scatter_case(graph *g, int v) {
  int64_t count = 2 * extent(v, 1) + 3;
  node *updates = input(g, 3, (int64_t[]){extent(v, 0), count, extent(v, 2)});
  return build_scatter(g, input3(g, v), indices(g, count, extent(v, 1)), updates, 1, 0);
}

static node *scatter_add_case(graph *g, int v) {
  int64_t count = 2 * extent(v, 1) + 3;
  node *updates = input(g, 3, (int64_t[]){extent(v, 0), count, extent(v, 2)});
  tensor_type type =
      type_of(DTYPE_F64, 3, (int64_t[]){extent(v, 0), extent(v, 1), extent(v, 2)});
  return build_scatter_add(g, indices(g, count, extent(v, 1)), updates, &type, 1, 0);
}

/* Rows of their own indices. */
static node *row_indices(graph *g, int v, int64_t count) {
  tensor_type type = type_of(DTYPE_I32, 2, (int64_t[]){extent(v, 0), count});
  node *sum = build_map2(g, SCALAR_ADD, build_iota(g, &type, 0), build_iota(g, &type, 1));
  return build_map2(g, SCALAR_MOD, sum, build_splat(g, &type, (double)extent(v, 2)));
}

static node *gather_batch_case(graph *g, int v) {
  return build_gather(g, input3(g, v), row_indices(g, v, 4), 2, 1);
}

static node *scatter_batch_case(graph *g, int v) {
  node *updates = input(g, 3, (int64_t[]){extent(v, 0), extent(v, 1), 5});
  return build_scatter(g, input3(g, v), row_indices(g, v, 5), updates, 2, 1);
}

static node *scatter_add_batch_case(graph *g, int v) {
  node *updates = input(g, 3, (int64_t[]){extent(v, 0), extent(v, 1), 5});
  tensor_type type =
      type_of(DTYPE_F64, 3, (int64_t[]){extent(v, 0), extent(v, 1), extent(v, 2)});
  return build_scatter_add(g, row_indices(g, v, 5), updates, &type, 2, 1);
}

static node *sorted_case(graph *g, int v) {
  node *x = input3(g, v);
  int64_t count = v == 1 ? 3 : extent(v, v % 3);
  return build_take_along(g, x, build_argsort(g, x, v % 3, count, v & 1), v % 3);
}

static node *reduce_case(graph *g, op_code op, int v) {
  static const struct {
    int count;
    int64_t axes[3];
  } choices[VARIANTS] = {{3, {0, 1, 2}}, {2, {0, 2}}, {1, {1}}, {1, {2}}};
  return build_reduce(g, op, input3(g, v), choices[v].count, choices[v].axes);
}

static node *sum_case(graph *g, int v) { return reduce_case(g, OP_SUM, v); }
static node *prod_case(graph *g, int v) { return reduce_case(g, OP_PROD, v); }
static node *max_case(graph *g, int v) { return reduce_case(g, OP_MAX, v); }
static node *min_case(graph *g, int v) { return reduce_case(g, OP_MIN, v); }

/* Row i begins with i zeros, so that there are none, one and several. */
static node *zeros_in(graph *g, node *x) {
  tensor_type type = x->type;
  node *row = build_iota(g, &type, 0), *column = build_iota(g, &type, 1);
  return build_map3(g, SCALAR_SELECT, build_map2(g, SCALAR_GE, column, row), x,
                    build_splat(g, &type, 0));
}

/* Some factors are zero: 0, 1, 2, … of them per product. */
static node *prod_zeros_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){4, extent(v, 1) + 1}), *masked = zeros_in(g, x);
  node *scaled = build_map2(g, SCALAR_ADD, masked,
                            build_map2(g, SCALAR_MUL, x, build_splat(g, &x->type, 1e-3)));
  return build_reduce(g, OP_PROD, v % 2 ? masked : scaled, 1, (int64_t[]){1});
}

/* Along axes of more than one element, but for the first variant. */
static running running_of(int v) {
  static const int axes[VARIANTS] = {0, 2, 0, 1};
  return (running){axes[v], v & 1, v & 2};
}

static node *cumsum_case(graph *g, int v) {
  return build_cumulative(g, OP_CUMSUM, input3(g, v), running_of(v));
}

static node *cumprod_case(graph *g, int v) {
  return build_cumulative(g, OP_CUMPROD, input3(g, v), running_of(v));
}

static node *cumprod_zeros_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){4, 6});
  node *shifted = build_map2(g, SCALAR_MUL, x, build_splat(g, &x->type, 1e-3));
  return build_cumulative(g, OP_CUMPROD, build_map2(g, SCALAR_ADD, zeros_in(g, x), shifted),
                          (running){1, v & 1, v & 2});
}

static node *recurrence_case(graph *g, int v) {
  node *factors = input3(g, v);
  return build_recurrence(g, factors, input3(g, v), running_of(v));
}

static node *cast_case(graph *g, int v) {
  return build_cast(g, build_cast(g, input3(g, v), DTYPE_F32), DTYPE_F64);
}

/* x * y, whose derivative is given by a body that reads both. */
static node *rule_case(graph *g, int v) {
  node *x = input3(g, v), *y = input3(g, v), *value = build_map2(g, SCALAR_MUL, x, y);
  graph *body = graph_new(g->arena, NULL, "body");
  node *dy = graph_add_input(body, "dy", &value->type);
  node *first = graph_add_input(body, "x", &x->type), *second = graph_add_input(body, "y", &y->type);
  graph_add_output(body, "dx", build_map2(body, SCALAR_MUL, dy, second));
  graph_add_output(body, "dy", build_map2(body, SCALAR_MUL, dy, first));
  return build_rule(g, body, 2, 5, (node *[]){value, x, y, x, y});
}

static node *dot_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){extent(v, 0), extent(v, 1)});
  node *y = input(g, 2, (int64_t[]){extent(v, 1), extent(v, 2)});
  return build_matmul(g, x, y);
}

/* Batch axes in the middle, two contracted axes in different orders, free axes on both sides. */
static node *dot_general_case(graph *g, int v) {
  int64_t b = extent(v, 0), k = extent(v, 1), m = extent(v, 2);
  node *x = input(g, 4, (int64_t[]){k, b, 2, m});
  node *y = input(g, 5, (int64_t[]){3, m, k, b, 2});
  dot_axes axes = {1, 2, (int64_t[]){1}, (int64_t[]){3}, (int64_t[]){0, 3}, (int64_t[]){2, 1}};
  return build_dot(g, x, y, &axes);
}

static node *dot_outer_case(graph *g, int v) {
  dot_axes none = {0, 0, NULL, NULL, NULL, NULL};
  return build_dot(g, input(g, 1, (int64_t[]){extent(v, 0)}),
                   input(g, 1, (int64_t[]){extent(v, 1)}), &none);
}

static node *conv_case(graph *g, int v) {
  node *x = input(g, 4, (int64_t[]){extent(v, 0), 2, 5, 6});
  node *w = input(g, 4, (int64_t[]){3, 2, 1 + v % 3, 2});
  conv_shape shape = {.strides = {1, 1},
                      .low = {1, 0},
                      .high = {1, 0},
                      .left_dilation = {1, 1},
                      .right_dilation = {1, 1},
                      .groups = 1};
  return build_conv(g, x, w, &shape);
}

/* Strides with a remainder, dilation of both sides, negative padding, groups. */
static node *conv_strides_case(graph *g, int v) {
  node *x = input(g, 3, (int64_t[]){2, 4, 8 + v});
  node *w = input(g, 3, (int64_t[]){6, 2, 3});
  conv_shape shape = {.strides = {3},
                      .low = {v - 1},
                      .high = {2 - v},
                      .left_dilation = {1 + v % 2},
                      .right_dilation = {1 + v / 2},
                      .groups = 2};
  return build_conv(g, x, w, &shape);
}

static node *conv_depthwise_case(graph *g, int v) {
  node *x = input(g, 4, (int64_t[]){2, 3, 5, 4 + v});
  node *w = input(g, 4, (int64_t[]){6, 1, 3, 2});
  conv_shape shape = {.strides = {2, 1},
                      .low = {1, 2},
                      .high = {0, -1},
                      .left_dilation = {1, 2},
                      .right_dilation = {2, 1},
                      .groups = 3};
  return build_conv(g, x, w, &shape);
}

static node *conv_volume_case(graph *g, int v) {
  node *x = input(g, 5, (int64_t[]){1, 2, 3, 2 + v, 4});
  node *w = input(g, 5, (int64_t[]){2, 2, 2, 1, 3});
  conv_shape shape = {.strides = {1, 2, 2},
                      .low = {0, 1, 1},
                      .high = {1, 0, 1},
                      .left_dilation = {1, 1, 1},
                      .right_dilation = {1, 1, 1},
                      .groups = 1};
  return build_conv(g, x, w, &shape);
}

/* A value used many times: its cotangents are added. */
static node *shared_case(graph *g, int v) {
  node *x = input3(g, v), *y = build_map1(g, SCALAR_TANH, x), *sum = y;
  for (int i = 0; i < 5; i++)
    sum =
        build_map2(g, SCALAR_MUL, build_map2(g, SCALAR_ADD, sum, y), build_map1(g, SCALAR_SIN, x));
  return sum;
}

static node *softmax_case(graph *g, int v) {
  node *x = input(g, 2, (int64_t[]){extent(v, 0), extent(v, 1) + 1});
  const int64_t last[] = {1};
  node *top = build_keep(g, build_reduce(g, OP_MAX, x, 1, last), &x->type, 1, last);
  node *e =
      build_map1(g, SCALAR_EXP, build_map2(g, SCALAR_SUB, x, build_broadcast_to(g, top, &x->type)));
  node *sum = build_keep(g, build_reduce(g, OP_SUM, e, 1, last), &x->type, 1, last);
  return build_map2(g, SCALAR_DIV, e, build_broadcast_to(g, sum, &x->type));
}

typedef struct grad_case {
  const char *name; /* begins with the row that it stands for */
  build_case *build;
  double low, high; /* of the inputs */
} grad_case;

static const grad_case op_cases[] = {
    {"cast", cast_case, -2, 2},
    {"reshape", reshape_case, -2, 2},
    {"transpose", transpose_case, -2, 2},
    {"broadcast", broadcast_case, -2, 2},
    {"broadcast of a scalar", broadcast_scalar_case, -2, 2},
    {"broadcast both ways", broadcast_both_case, -2, 2},
    {"slice", slice_case, -2, 2},
    {"pad", pad_case, -2, 2},
    {"pad that crops", crop_case, -2, 2},
    {"reverse", reverse_case, -2, 2},
    {"window", window_case, -2, 2},
    {"window spread", window_spread_case, -2, 2},
    {"window and sum", window_sum_case, -2, 2},
    {"window and max", window_max_case, 0.5, 2},
    {"window and min", window_min_case, -2, -0.5},
    {"concat", concat_case, -2, 2},
    {"gather", gather_case, -2, 2},
    {"scatter", scatter_case, -2, 2},
    {"scatter_add", scatter_add_case, -2, 2},
    {"gather with a batch", gather_batch_case, -2, 2},
    {"scatter with a batch", scatter_batch_case, -2, 2},
    {"scatter_add with a batch", scatter_add_batch_case, -2, 2},
    {"sorted values", sorted_case, -2, 2},
    {"sum", sum_case, -2, 2},
    {"prod", prod_case, 0.5, 1.5},
    {"prod with zeros", prod_zeros_case, 0.5, 1.5},
    {"max", max_case, -2, 2},
    {"min", min_case, -2, 2},
    {"cumsum", cumsum_case, -2, 2},
    {"cumprod", cumprod_case, 0.5, 1.5},
    {"cumprod with zeros", cumprod_zeros_case, 0.5, 1.5},
    {"recurrence", recurrence_case, -2, 2},
    {"rule", rule_case, -2, 2},
    {"dot", dot_case, -2, 2},
    {"dot general", dot_general_case, -1, 1},
    {"dot outer", dot_outer_case, -2, 2},
    {"conv", conv_case, -1, 1},
    {"conv with strides, dilation, groups", conv_strides_case, -1, 1},
    {"conv depthwise", conv_depthwise_case, -1, 1},
    {"conv of volumes", conv_volume_case, -1, 1},
    {"shared values", shared_case, -2, 2},
    {"softmax", softmax_case, -2, 2},
};
enum { OP_CASES = sizeof op_cases / sizeof *op_cases };

/* Operators without a case of their own, and why. */
static const struct {
  op_code op;
  const char *reason;
} ungraded[] = {
    {OP_INPUT, "leaf"},      {OP_SLOT, "leaf"},       {OP_CONSTANT, "leaf"},
    {OP_IOTA, "leaf"},       {OP_KEY, "integers"},    {OP_BITS, "integers"},
    {OP_ARGMAX, "integers"}, {OP_ARGMIN, "integers"}, {OP_ARGSORT, "integers"}, {OP_MAP, "one case per function"},
};

/* Where the elementwise functions are differentiable; flat: the derivative is zero. */
static const struct scalar_case {
  scalar_function function;
  double low, high;
  bool flat;
} scalar_cases[] = {
    {SCALAR_ADD, -2, 2, false},     {SCALAR_SUB, -2, 2, false},      {SCALAR_MUL, -2, 2, false},
    {SCALAR_DIV, 0.5, 2, false},    {SCALAR_FLOORDIV, 0.5, 2, true}, {SCALAR_MOD, 0.5, 4, false},
    {SCALAR_FMA, -2, 2, false},     {SCALAR_NEG, -2, 2, false},      {SCALAR_ABS, -2, 2, false},
    {SCALAR_SIGN, -2, 2, true},     {SCALAR_FLOOR, -2, 2, true},     {SCALAR_MAXIMUM, -2, 2, false},
    {SCALAR_MINIMUM, -2, 2, false}, {SCALAR_SQRT, 0.5, 3, false},    {SCALAR_RSQRT, 0.5, 3, false},
    {SCALAR_EXP, -2, 1, false},     {SCALAR_EXPM1, -2, 1, false},    {SCALAR_LOG, 0.5, 3, false},
    {SCALAR_LOG1P, -0.5, 3, false}, {SCALAR_TANH, -2, 2, false},     {SCALAR_SIGMOID, -3, 3, false},
    {SCALAR_SIN, -3, 3, false},     {SCALAR_COS, -3, 3, false},      {SCALAR_POW, 0.5, 2, false},
    {SCALAR_SELECT, -2, 2, false},
};
enum { SCALAR_CASES = sizeof scalar_cases / sizeof *scalar_cases };

static node *build_function(graph *g, scalar_function f, int v) {
  node *operands[3];
  for (int i = 0; i < scalar_infos[f].operands; i++)
    operands[i] = input3(g, v);
  if (f == SCALAR_SELECT)
    operands[0] = build_map2(g, SCALAR_GT, operands[0], build_splat(g, &operands[0]->type, 0));
  return graph_node(g, OP_MAP, f, scalar_infos[f].operands, operands, 0, NULL);
}

/* The checker ---------------------------------------------------------------------------------- */

typedef enum tampering { AS_IT_IS, NEGATED, ZEROED } tampering;

/* sum(r * y + s * y * y) with random r and s, so that second derivatives of linear operators do not
 * vanish, nor first ones of squares. */
static node *loss_of(graph *g, node *y) {
  tensor_type type = y->type;
  node *r = graph_add_input(g, "r", &type), *s = graph_add_input(g, "s", &type);
  node *line = build_map2(g, SCALAR_MUL, r, y);
  node *square = build_map2(g, SCALAR_MUL, s, build_map2(g, SCALAR_MUL, y, y));
  int64_t axes[MAX_RANK];
  for (int i = 0; i < type.rank; i++)
    axes[i] = i;
  return build_reduce(g, OP_SUM, build_map2(g, SCALAR_ADD, line, square), type.rank, axes);
}

static node *tampered(graph *g, node *gradient, tampering how) {
  if (how == NEGATED)
    return build_map1(g, SCALAR_NEG, gradient);
  if (how == ZEROED)
    return build_splat(g, &gradient->type, 0);
  return gradient;
}

/* The derivative of a scalar along directions u, as a scalar: sum of <gradient, u>; u are inputs
 * that this adds, one for each of the first count. */
static node *directional(graph *g, node *loss, int count, tampering how) {
  node *wanted[8], *total = build_real(g, DTYPE_F64, 0);
  for (int i = 0; i < count; i++)
    wanted[i] = g->inputs[i].node;
  gradients *s = grad_sweep(g, loss, count, wanted);
  for (int i = 0; i < count; i++) {
    node *gradient = grad_of(s, wanted[i]);
    tensor_type type = wanted[i]->type;
    node *u = graph_add_input(g, "u", &type);
    if (!gradient)
      continue;
    assert_true(type_equal(&gradient->type, &type));
    int64_t axes[MAX_RANK];
    for (int k = 0; k < type.rank; k++)
      axes[k] = k;
    node *product = build_map2(g, SCALAR_MUL, tampered(g, gradient, how), u);
    total = build_map2(g, SCALAR_ADD, total, build_reduce(g, OP_SUM, product, type.rank, axes));
  }
  return total;
}

static double output_of(const graph *g, const tensor *const *inputs, int output) {
  arena *a = arena_new();
  double value = evaluate(a, g, inputs)[output]->reals[0];
  arena_free(a);
  return value;
}

/* (output at inputs + h u) - (output at inputs - h u), over 2 h, where u are the inputs from
 * `first`. */
static double difference(arena *a, const graph *g, const tensor *const *inputs, int output,
                         int count, int first) {
  const double h = 1e-5;
  double values[2];
  for (int side = 0; side < 2; side++) {
    const tensor **moved = arena_array_of(a, g->input_count, const tensor *);
    memcpy(moved, inputs, (size_t)g->input_count * sizeof *moved);
    for (int i = 0; i < count; i++) {
      tensor *x = tensor_new(a, &inputs[i]->type);
      for (int64_t k = 0; k < type_elements(&x->type); k++)
        x->reals[k] = inputs[i]->reals[k] + (side ? -h : h) * inputs[first + i]->reals[k];
      moved[i] = x;
    }
    values[side] = output_of(g, moved, output);
  }
  return (values[0] - values[1]) / (2 * h);
}

/* Both orders along random directions; NULL where all agree. */
static const char *check(arena *a, const graph *built, node *value, double low, double high,
                         tampering how, uint64_t seed) {
  graph *g = (graph *)built;
  int count = g->input_count;
  node *loss = loss_of(g, value);
  int first_u = g->input_count;
  node *first = directional(g, loss, count, how);
  int second_u = g->input_count;
  node *second = directional(g, first, count, how);
  graph_add_output(g, "loss", loss);
  graph_add_output(g, "first", first);
  graph_add_output(g, "second", second);
  graph_verify(g, "grad");
  const tensor **inputs = random_inputs(a, g, seed, low, high);
  for (int i = count; i < g->input_count; i++)
    inputs[i] = random_tensor(a, &inputs[i]->type, seed + 100 + (uint64_t)i, -1, 1);
  for (int order = 1; order <= 2; order++) {
    double expected = difference(a, g, inputs, order - 1, count, order == 1 ? first_u : second_u);
    double actual = output_of(g, inputs, order);
    if (!compare_real(actual, expected, (tolerance){1e-6, 1e-6}))
      return arena_printf(a, "order %d: %.12g where differences give %.12g", order, actual,
                          expected);
  }
  return NULL;
}

static void check_op(const grad_case *c, int v, tampering how) {
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, c->name);
  node *value = c->build(g, v);
  const char *message = check(a, g, value, c->low, c->high, how, 1000 + (uint64_t)v);
  if (how == AS_IT_IS && message)
    fail_msg("%s, variant %d: %s", c->name, v, message);
  if (how != AS_IT_IS && !message)
    fail_msg("%s, variant %d: a wrong gradient passes", c->name, v);
  arena_free(a);
}

static void check_function(const struct scalar_case *c, int v, tampering how) {
  arena *a = arena_new();
  const char *name = scalar_infos[c->function].name;
  graph *g = graph_new(a, NULL, name);
  node *value = build_function(g, c->function, v);
  const char *message = check(a, g, value, c->low, c->high, how, 2000 + (uint64_t)v);
  if (how == AS_IT_IS && message)
    fail_msg("%s, variant %d: %s", name, v, message);
  if (how != AS_IT_IS && !c->flat && !message)
    fail_msg("%s, variant %d: a wrong gradient passes", name, v);
  arena_free(a);
}

static void check_everything(tampering how) {
  for (int v = 0; v < VARIANTS; v++) {
    for (int i = 0; i < OP_CASES; i++)
      check_op(&op_cases[i], v, how);
    for (int i = 0; i < SCALAR_CASES; i++)
      check_function(&scalar_cases[i], v, how);
  }
}

static void derivatives_agree(void **state) {
  (void)state;
  check_everything(AS_IT_IS);
}

/* From a cotangent that is an input. */
static void check_linear(graph *g, node *value, const char *name) {
  node *wanted[8];
  int count = g->input_count;
  for (int i = 0; i < count; i++) wanted[i] = g->inputs[i].node;
  node *cotangent = graph_add_input(g, "cotangent", &value->type);
  gradients *s = grad_sweep_from(g, 1, &value, &cotangent, count, wanted);
  for (int i = 0; i < count; i++) {
    node *gradient = grad_of(s, wanted[i]);
    const node *obstacle = gradient ? linear_obstacle(g, gradient, 1, &cotangent) : NULL;
    if (obstacle) fail_msg("%s: node %d is not known to be linear", name, obstacle->id);
  }
}

/* What an operator's derivative does to a cotangent is linear by the form of the graph. */
static void derivatives_are_linear(void **state) {
  (void)state;
  for (int v = 0; v < VARIANTS; v++) {
    arena *a = arena_new();
    for (int i = 0; i < OP_CASES; i++) {
      graph *g = graph_new(a, NULL, op_cases[i].name);
      check_linear(g, op_cases[i].build(g, v), op_cases[i].name);
    }
    for (int i = 0; i < SCALAR_CASES; i++) {
      const char *name = scalar_infos[scalar_cases[i].function].name;
      graph *g = graph_new(a, NULL, name);
      check_linear(g, build_function(g, scalar_cases[i].function, v), name);
    }
    arena_free(a);
  }
}

static void negated_gradients_are_caught(void **state) {
  (void)state;
  check_everything(NEGATED);
}

static void zeroed_gradients_are_caught(void **state) {
  (void)state;
  check_everything(ZEROED);
}

static bool graded(op_code op) {
  size_t length = strlen(op_infos[op].name);
  for (int i = 0; i < OP_CASES; i++)
    if (strncmp(op_cases[i].name, op_infos[op].name, length) == 0 &&
        (op_cases[i].name[length] == 0 || op_cases[i].name[length] == ' '))
      return true;
  return false;
}

static void every_row_has_a_case(void **state) {
  (void)state;
  for (int op = 0; op < OP_COUNT; op++) {
    bool excused = false;
    if (op_has((op_code)op, LOOP)) continue; /* tests/lang/test_loops.c */
    for (size_t i = 0; i < sizeof ungraded / sizeof *ungraded; i++)
      excused = excused || ungraded[i].op == (op_code)op;
    if (!excused && !graded((op_code)op))
      fail_msg("no derivative of %s is checked: add a case to `op_cases` in this file", op_infos[op].name);
    if (excused && op != OP_MAP)
      assert_null(op_definitions[op]->grad);
  }
  for (int f = 0; f < SCALAR_COUNT; f++) {
    scalar_kind kind = scalar_infos[f].kind;
    if (f == SCALAR_STOP)
      continue; /* test_grad_points.c */
    bool found = kind != SCALAR_KIND_SAME && kind != SCALAR_KIND_REAL && kind != SCALAR_KIND_SELECT;
    for (int i = 0; i < SCALAR_CASES; i++)
      found = found || scalar_cases[i].function == (scalar_function)f;
    if (!found)
      fail_msg("no derivative of %s is checked: add a range to `scalar_cases` in this file",
               scalar_infos[f].name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(derivatives_agree),
      cmocka_unit_test(derivatives_are_linear),
      cmocka_unit_test(negated_gradients_are_caught),
      cmocka_unit_test(zeroed_gradients_are_caught),
      cmocka_unit_test(every_row_has_a_case),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
