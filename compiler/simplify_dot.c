/* Contractions: what their operands do, the axes of the product do as well. */
#include <string.h>

#include "axes.h"
#include "build.h"
#include "simplify.h"

/* A contraction whose operands and axes may be changed. */
typedef struct product {
  node *operands[2];
  int batches, contracts;
  int64_t batch[2][MAX_RANK], contract[2][MAX_RANK], free[2][MAX_RANK];
  int free_counts[2];
} product;

static product product_of(const node *dot) {
  product p = {.operands = {dot->operands[0], dot->operands[1]}};
  for (int side = 0; side < 2; side++) {
    const int64_t *batch = node_ints(dot, side, &p.batches);
    const int64_t *contract = node_ints(dot, 2 + side, &p.contracts);
    memcpy(p.batch[side], batch, (size_t)p.batches * sizeof *batch);
    memcpy(p.contract[side], contract, (size_t)p.contracts * sizeof *contract);
    p.free_counts[side] = axes_others(p.operands[side]->type.rank, batch, p.batches, contract,
                                      p.contracts, p.free[side]);
  }
  return p;
}

static node *build_product(graph *g, const product *p) {
  dot_axes axes = {p->batches,     p->contracts,   p->batch[0],
                   p->batch[1],    p->contract[0], p->contract[1]};
  return build_dot(g, p->operands[0], p->operands[1], &axes);
}

/* Names the batch and contracted axes of one side anew, from[axis] being the old name of axis. */
static void rename_axes(product *p, int side, const int64_t *names) {
  for (int i = 0; i < p->batches; i++) p->batch[side][i] = names[p->batch[side][i]];
  for (int i = 0; i < p->contracts; i++) p->contract[side][i] = names[p->contract[side][i]];
}

/* Where a free axis of one side stands in the result. */
static int result_axis(const product *p, int side, int place) {
  return p->batches + (side ? p->free_counts[0] : 0) + place;
}

/* The contraction over the operand of a transpose, where its free axes keep their order. */
static node *over_transposed(graph *g, node *n, int side) {
  product p = product_of(n);
  node *x = p.operands[side];
  if (x->op != OP_TRANSPOSE) return NULL;
  const int64_t *order = node_ints(x, 0, NULL);
  for (int i = 1; i < p.free_counts[side]; i++)
    if (order[p.free[side][i - 1]] > order[p.free[side][i]]) return NULL;
  rename_axes(&p, side, order);
  p.operands[side] = x->operands[0];
  return build_product(g, &p);
}

/* A reshape that puts in free axes of extent 1 puts them into the result. */
static node *over_inserted_ones(graph *g, node *n, int side) {
  product p = product_of(n);
  node *x = p.operands[side];
  int64_t places[MAX_RANK], names[MAX_RANK];
  if (x->op != OP_RESHAPE) return NULL;
  node *from = x->operands[0];
  if (!simplify_inserts_ones(&from->type, &x->type, places)) return NULL;
  for (int i = 0; i < x->type.rank; i++) {
    names[i] = -1;
    for (int k = 0; k < from->type.rank; k++)
      if (places[k] == i) names[i] = k;
    if (names[i] < 0 && !axes_contain(p.free[side], p.free_counts[side], i)) return NULL;
  }
  rename_axes(&p, side, names);
  p.operands[side] = from;
  return build_reshape(g, build_product(g, &p), n->type.rank, n->type.dims);
}

/* Free axes along which an operand is repeated: the result is repeated along them. */
static node *over_repeated(graph *g, node *n, int side) {
  product p = product_of(n);
  node *x = p.operands[side];
  if (x->op != OP_BROADCAST) return NULL;
  node *from = x->operands[0];
  const int64_t *places = node_ints(x, 1, NULL);
  bool drop[MAX_RANK] = {false};
  int drops = 0;
  for (int i = 0; i < p.free_counts[side]; i++) {
    int64_t axis = p.free[side][i];
    drop[axis] = true;
    for (int k = 0; k < from->type.rank; k++)
      if (places[k] == axis && dim_equal(from->type.dims[k], x->type.dims[axis])) drop[axis] = false;
    drops += drop[axis];
  }
  if (drops == 0) return NULL;
  tensor_type narrow = {.element = x->type.element};
  int64_t names[MAX_RANK], own[MAX_RANK], result_axes[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) {
    names[i] = narrow.rank;
    if (!drop[i]) narrow.dims[narrow.rank++] = x->type.dims[i];
  }
  dim dims[MAX_RANK];
  int rank = 0, result_rank = 0;
  for (int k = 0; k < from->type.rank; k++) {
    if (drop[places[k]]) continue;
    dims[rank] = from->type.dims[k];
    own[rank++] = names[places[k]];
  }
  for (int i = 0; i < p.batches; i++) result_axes[result_rank++] = i;
  for (int s = 0; s < 2; s++)
    for (int i = 0; i < p.free_counts[s]; i++)
      if (s != side || !drop[p.free[s][i]]) result_axes[result_rank++] = result_axis(&p, s, i);
  rename_axes(&p, side, names);
  p.operands[side] = build_broadcast(g, build_reshape(g, from, rank, dims), &narrow, own);
  return build_broadcast(g, build_product(g, &p), &n->type, result_axes);
}

/* The sum over the contracted axes of one side, repeated where the other side's free axes stand. */
static node *with_ones(graph *g, node *n, int side) {
  if (!simplify_is(n->operands[1 - side], 1)) return NULL;
  product p = product_of(n);
  node *sum = build_reduce(g, OP_SUM, p.operands[side], p.contracts, p.contract[side]);
  int64_t order[MAX_RANK], places[MAX_RANK], kept[MAX_RANK];
  int count = axes_others(p.operands[side]->type.rank, p.contract[side], p.contracts, NULL, 0, kept);
  for (int i = 0; i < count; i++) {
    int64_t axis = i < p.batches ? p.batch[side][i] : p.free[side][i - p.batches];
    for (int k = 0; k < count; k++)
      if (kept[k] == axis) order[i] = k;
    places[i] = i < p.batches ? i : result_axis(&p, side, i - p.batches);
  }
  return build_broadcast(g, build_transpose(g, sum, order), &n->type, places);
}

/* Contracted axes of extent 1 are dropped. */
static node *over_ones(graph *g, node *n, int side) {
  product p = product_of(n);
  if (side != 0) return NULL;
  bool one[MAX_RANK];
  int kept = 0;
  for (int i = 0; i < p.contracts; i++) {
    one[i] = dim_equal(p.operands[0]->type.dims[p.contract[0][i]], dim_fixed(1));
    kept += !one[i];
  }
  if (kept == p.contracts) return NULL;
  for (int s = 0; s < 2; s++) {
    node *x = p.operands[s];
    int64_t names[MAX_RANK];
    dim dims[MAX_RANK];
    int rank = 0, left = 0;
    for (int axis = 0; axis < x->type.rank; axis++) {
      bool dropped = false;
      for (int i = 0; i < p.contracts; i++) dropped = dropped || (one[i] && p.contract[s][i] == axis);
      names[axis] = rank;
      if (!dropped) dims[rank++] = x->type.dims[axis];
    }
    rename_axes(&p, s, names);
    for (int i = 0; i < p.contracts; i++)
      if (!one[i]) p.contract[s][left++] = p.contract[s][i];
    p.operands[s] = build_reshape(g, x, rank, dims);
  }
  p.contracts = kept;
  return build_product(g, &p);
}

/* Without contracted axes, one product per element. */
static node *of_elements(graph *g, node *n, int side) {
  product p = product_of(n);
  if (side != 0 || p.contracts > 0) return NULL;
  node *factors[2];
  for (int s = 0; s < 2; s++) {
    int64_t order[MAX_RANK], places[MAX_RANK];
    int rank = p.operands[s]->type.rank;
    for (int i = 0; i < rank; i++) {
      order[i] = i < p.batches ? p.batch[s][i] : p.free[s][i - p.batches];
      places[i] = i < p.batches ? i : result_axis(&p, s, i - p.batches);
    }
    node *x = build_transpose(g, p.operands[s], order);
    factors[s] = build_broadcast(g, x, &n->type, places);
  }
  return build_map2(g, SCALAR_MUL, factors[0], factors[1]);
}

/* A sign leaves the product where that negates fewer elements, or meets another sign. */
static node *of_negated(graph *g, node *n, int side) {
  product p = product_of(n);
  node *x = p.operands[side];
  if (!simplify_is_map(x, SCALAR_NEG)) return NULL;
  bool both = simplify_is_map(p.operands[1 - side], SCALAR_NEG);
  if (!both && type_elements(&n->type) >= type_elements(&x->type)) return NULL;
  p.operands[side] = x->operands[0];
  return build_map1(g, SCALAR_NEG, build_product(g, &p));
}

/* Each rule as it applies to the left or else to the right operand. */
#define EITHER(name, rule)                                    \
  static node *name(graph *g, node *n) {                      \
    if (n->op != OP_DOT) return NULL;                         \
    node *simple = rule(g, n, 0);                             \
    return simple ? simple : rule(g, n, 1);                   \
  }
EITHER(dot_of_transposes, over_transposed)
EITHER(dot_of_inserted_ones, over_inserted_ones)
EITHER(dot_of_repeated, over_repeated)
EITHER(dot_with_ones, with_ones)
EITHER(dot_over_ones, over_ones)
EITHER(dot_of_elements, of_elements)
EITHER(dot_of_negated, of_negated)
#undef EITHER

const simplify_rule simplify_products[] = {
    {"dot_of_transposes", dot_of_transposes},
    {"dot_of_negated", dot_of_negated},
    {"dot_of_repeated", dot_of_repeated},
    {"dot_with_ones", dot_with_ones},
    {"dot_over_ones", dot_over_ones},
    {"dot_of_elements", dot_of_elements},
    {"dot_of_inserted_ones", dot_of_inserted_ones},
    {NULL, NULL},
};
