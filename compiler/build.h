/* Builders: one function per operator, over graph_node. All pass NULL operands through as NULL and
 * report a violated constraint at graph.at. Axes count from 0; negative ones from the end. */
#ifndef BUILD_H
#define BUILD_H

#include "graph.h"

node *build_slot(graph *g, const char *path, const tensor_type *type);
node *build_real(graph *g, dtype element, double value);   /* a scalar of a floating type */
node *build_int(graph *g, dtype element, int64_t value);   /* of an integer type or bool */
node *build_splat(graph *g, const tensor_type *type, double value); /* constant and broadcast */
node *build_constant(graph *g, const tensor_type *type, const int64_t *ints, const double *reals);
node *build_iota(graph *g, const tensor_type *type, int axis);
node *build_key(graph *g, uint64_t site, bool initial);    /* initial: step 0, for initialisers */
node *build_bits(graph *g, node *key, node *turn, const tensor_type *type);

/* Elementwise; operands have one shape already. */
node *build_map1(graph *g, scalar_function f, node *x);
node *build_map2(graph *g, scalar_function f, node *x, node *y);
node *build_map3(graph *g, scalar_function f, node *x, node *y, node *z);
node *build_cast(graph *g, node *x, dtype element); /* floats to integers truncate and saturate, NaN gives 0 */

/* Views. */
node *build_reshape(graph *g, node *x, int rank, const dim *dims);
node *build_transpose(graph *g, node *x, const int64_t *axes); /* result axis i is operand axis axes[i] */
node *build_broadcast(graph *g, node *x, const tensor_type *type, const int64_t *axes); /* operand axis i is result axis axes[i]; extents equal or 1 */
node *build_broadcast_to(graph *g, node *x, const tensor_type *like); /* NumPy's rule: trailing axes meet; like gives the shape */
node *build_slice(graph *g, node *x, const int64_t *starts, const int64_t *limits, const int64_t *steps);
node *build_pad(graph *g, node *x, const int64_t *low, const int64_t *high, const int64_t *interior); /* zeros; negative low and high crop */

/* Windows as `window` in docs/operators.md defines them, along `count` axes. */
typedef struct window_shape {
  int count;
  int64_t axes[MAX_RANK / 2], taps[MAX_RANK / 2], strides[MAX_RANK / 2], dilations[MAX_RANK / 2],
      offsets[MAX_RANK / 2], spacings[MAX_RANK / 2];
} window_shape;
node *build_window(graph *g, node *x, const tensor_type *type, const window_shape *shape);
/* The windows of x along its last `count` axes, with a new axis behind these for the places in a
 * window along each of them: sizes[i] places that lie dilations[i] apart. Windows begin every
 * strides[i] places and lie within x with low[i] and high[i] zeros around it. That one does along
 * each axis, and that rank + count is within MAX_RANK, is checked by the caller. */
typedef struct sliding_windows {
  int count;
  int64_t sizes[MAX_RANK / 2], strides[MAX_RANK / 2], dilations[MAX_RANK / 2], low[MAX_RANK / 2],
      high[MAX_RANK / 2];
} sliding_windows;
node *build_windows(graph *g, node *x, const sliding_windows *w);
node *build_reverse(graph *g, node *x, int axis_count, const int64_t *axes);
node *build_concat(graph *g, int count, node *const *parts, int axis);

/* x's elements along an axis at integer indices, whose axes stand in the place of that axis in the
 * result; 0 where an index lies outside. The first `batch` axes of x, which stand before the axis,
 * and of the indices are the same ones: each has its own indices. */
node *build_gather(graph *g, node *x, node *index, int axis, int batch);
/* x, in which update k of `updates`, which is shaped as gather's result, stands at index k of the axis;
 * nothing changes where it lies outside; of several at one place the last one counts. */
node *build_scatter(graph *g, node *x, node *index, node *updates, int axis, int batch);
/* Gather's transpose: zeros of the type, and update k of `updates`, which is shaped as gather's result,
 * added at index k of the axis, in row-major order of the indices; nothing where it lies outside. */
node *build_scatter_add(graph *g, node *index, node *updates, const tensor_type *type, int axis,
                        int batch);
/* Each line of x along the axis at the places in the same line of the indices. */
node *build_take_along(graph *g, node *x, node *index, int axis);

/* Running results along an axis, up to each element, or exclusive: before it; in reverse from the
 * axis's end. op is OP_CUMSUM or OP_CUMPROD. */
typedef struct running {
  int axis;
  bool exclusive, reverse;
} running;
node *build_cumulative(graph *g, op_code op, node *x, running along);
/* The first-order linear recurrence y[i] = factors[i] y[i - 1] + terms[i]. */
node *build_recurrence(graph *g, node *factors, node *terms, running along);

/* The places (i32) of the first `count` elements along an axis in ascending or descending order;
 * equal ones as they stand, NaN last. */
node *build_argsort(graph *g, node *x, int axis, int64_t count, bool descending);

/* Reductions remove their axes; op is OP_SUM, OP_PROD, OP_MAX, OP_MIN, OP_ARGMAX or OP_ARGMIN. */
node *build_reduce(graph *g, op_code op, node *x, int axis_count, const int64_t *axes);
node *build_mean(graph *g, node *x, int axis_count, const int64_t *axes); /* floating */
/* Puts reduced axes back with extent 1, as before the reduction of `like`. */
node *build_keep(graph *g, node *reduced, const tensor_type *like, int axis_count, const int64_t *axes);

/* A general contraction; the result's axes are batch, left free, right free. */
typedef struct dot_axes {
  int batch_count, contract_count;
  const int64_t *left_batch, *right_batch, *left_contract, *right_contract;
} dot_axes;
node *build_dot(graph *g, node *left, node *right, const dot_axes *axes);
/* NumPy's matmul: x[…, m, k] @ y[…, k, n], vectors on either side, leading axes broadcast. */
node *build_matmul(graph *g, node *left, node *right);

/* Convolution (cross-correlation) of x[N, C, S…] with w[O, C / groups, K…], 1 to 3 spatial axes. */
typedef struct conv_shape {
  int64_t strides[3], low[3], high[3], left_dilation[3], right_dilation[3], groups;
} conv_shape;
node *build_conv(graph *g, node *x, node *w, const conv_shape *shape);

/* A loop at run time. Operands are carries, then sequences, then invariants; results are the carries
 * after the last turn, then stacks, one part for each turn. docs/operators.md says what the graphs
 * take and give. */
typedef struct loop_shape {
  int64_t turns;    /* 0: until the condition is false */
  const char *size; /* the bounded size that the turns are, of which `turns` is then the bound; or NULL */
  int carries, sequences, invariants;
  bool reverse;  /* the last turn first */
  bool recompute; /* the derivative of a loop around it may run it again, instead of keeping what it gives */
  const graph *condition, *body; /* condition NULL: none; of a reverse loop it says where to begin */
} loop_shape;
enum { LOOP_MOST_TURNS = 1 << 24 }; /* of a loop that only its condition ends: then it is endless */
loop_shape loop_shape_of(const node *loop);
dim loop_turns(const loop_shape *s); /* as the extent of sequences and stacks */
node *build_loop(graph *g, const loop_shape *shape, node *const *operands);
node *build_result(graph *g, node *loop, int number); /* 0: the loop itself */
tensor_type loop_result_type(const loop_shape *s, int number);
int result_number(const node *n); /* of a loop or one of its results */

/* The value, whose derivative is a rule: the body takes the value's cotangent, then what it reads, to
 * the cotangents of the arguments. Operands are the value, the arguments, and what the body reads. */
node *build_rule(graph *g, const graph *body, int argument_count, int operand_count,
                 node *const *operands);

/* A copy of node n in graph g over other operands (of the same types). */
node *build_like(graph *g, const node *n, node *const *operands);

/* A copy of a graph, part by part: its inputs, in an array by id of what stands for its nodes, one node more over what
 * stands for its operands, and at the end its outputs and updates. */
node **build_inputs_of(graph *to, const graph *from);
node *build_copy(graph *to, const node *n, node *const *now);
void build_results_of(graph *to, const graph *from, node *const *now);

#endif
