/* Long sums with few results, such as gradients of filters by a batch of images, are cut into parts
 * that run as tasks; their partial results are added in order. It is done in the graph, where the
 * partial results are an array like any other and the plan of memory sees it. */
#include "contraction.h"

#include "build.h"
#include "rewrite.h"

enum {
  MOST_PARTS = 8,
  LEAST_WORK = 1 << 19, /* multiplications of one part */
  LEAST_DEPTH = 2       /* the sum must be so many times longer than the result */
};

/* Parts into which a sum of `depth` terms per result is to be cut along an axis of this extent: a
 * divisor of the extent; 1 where it is to stay whole. */
static int64_t parts_of(int64_t results, double depth, int64_t extent) {
  if (depth < (double)results * LEAST_DEPTH) return 1;
  for (int64_t parts = MOST_PARTS; parts > 1; parts--)
    if (extent % parts == 0 && (double)results * depth / (double)parts >= LEAST_WORK) return parts;
  return 1;
}

/* x with axis `axis` cut into [parts, extent / parts], of which the first comes to the front. */
static node *cut(graph *g, node *x, int64_t axis, int64_t parts) {
  dim dims[MAX_RANK];
  int64_t order[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->type.rank; i++) {
    if (i == axis) dims[rank++] = dim_fixed(parts);
    dims[rank++] = i == axis ? dim_fixed(x->type.dims[i].maximum / parts) : x->type.dims[i];
  }
  order[0] = axis;
  for (int i = 1; i < rank; i++) order[i] = i <= axis ? i - 1 : i;
  return build_transpose(g, build_reshape(g, x, rank, dims), order);
}

/* Axes of an operand after cut. */
static void move_axes(const int64_t *axes, int count, int64_t *moved) {
  for (int i = 0; i < count; i++) moved[i] = axes[i] + 1;
}

static node *split_dot(graph *g, node *n) {
  int batch_count, contract_count;
  const int64_t *batch[2], *contract[2];
  for (int i = 0; i < 2; i++) {
    batch[i] = node_ints(n, i, &batch_count);
    contract[i] = node_ints(n, 2 + i, &contract_count);
  }
  if (contract_count == 0 || n->type.rank == MAX_RANK || n->operands[0]->type.rank == MAX_RANK ||
      n->operands[1]->type.rank == MAX_RANK)
    return n;
  double depth = 1;
  int widest = 0;
  int64_t results = type_elements(&n->type); /* of one batch: batches are tasks as it is */
  for (int i = 0; i < batch_count; i++) results /= n->type.dims[i].maximum;
  for (int i = 0; i < contract_count; i++) {
    const dim *dims = n->operands[0]->type.dims;
    depth *= (double)dims[contract[0][i]].maximum;
    if (dims[contract[0][i]].maximum > dims[contract[0][widest]].maximum) widest = i;
  }
  int64_t parts = parts_of(results, depth,
                           n->operands[0]->type.dims[contract[0][widest]].maximum);
  if (parts == 1) return n;
  int64_t batches[2][MAX_RANK] = {{0}}, contracts[2][MAX_RANK];
  node *pieces[2];
  for (int i = 0; i < 2; i++) {
    move_axes(batch[i], batch_count, batches[i] + 1);
    move_axes(contract[i], contract_count, contracts[i]);
    pieces[i] = cut(g, n->operands[i], contract[i][widest], parts);
  }
  dot_axes axes = {batch_count + 1, contract_count, batches[0], batches[1], contracts[0],
                   contracts[1]};
  return build_reduce(g, OP_SUM, build_dot(g, pieces[0], pieces[1], &axes), 1, (int64_t[]){0});
}

/* Channels are cut into groups; the filters of all groups stand one after the other. */
static node *split_conv(graph *g, node *n) {
  const tensor_type *filter = &n->operands[1]->type;
  int spatial = n->type.rank - 2;
  if (node_int(n, 5) != 1) return n;
  double depth = 1;
  for (int i = 1; i < filter->rank; i++) depth *= (double)filter->dims[i].maximum;
  int64_t parts = parts_of(type_elements(&n->type), depth, filter->dims[1].maximum);
  if (parts == 1) return n;
  conv_shape shape = {.groups = parts};
  for (int i = 0; i < spatial; i++) {
    shape.strides[i] = node_ints(n, 0, NULL)[i];
    shape.low[i] = node_ints(n, 1, NULL)[i];
    shape.high[i] = node_ints(n, 2, NULL)[i];
    shape.left_dilation[i] = node_ints(n, 3, NULL)[i];
    shape.right_dilation[i] = node_ints(n, 4, NULL)[i];
  }
  dim dims[MAX_RANK];
  for (int i = 0; i < filter->rank; i++) dims[i] = filter->dims[i];
  dims[0] = dim_fixed(parts * filter->dims[0].maximum);
  dims[1] = dim_fixed(filter->dims[1].maximum / parts);
  node *filters = build_reshape(g, cut(g, n->operands[1], 1, parts), filter->rank, dims);
  node *partial = build_conv(g, n->operands[0], filters, &shape);
  if (!partial) return NULL;
  dims[0] = n->type.dims[0];
  dims[1] = dim_fixed(parts);
  for (int i = 1; i < n->type.rank; i++) dims[i + 1] = n->type.dims[i];
  return build_reduce(g, OP_SUM, build_reshape(g, partial, n->type.rank + 1, dims), 1,
                      (int64_t[]){1});
}

static node *split_node(graph *g, node *n) {
  if ((n->op != OP_DOT && n->op != OP_CONV) || type_is_bounded(&n->type) ||
      type_is_bounded(&n->operands[0]->type))
    return n;
  return n->op == OP_DOT ? split_dot(g, n) : split_conv(g, n);
}

graph *contraction_split(const graph *g) { return rewrite_graph(g, split_node); }
