#include "index_product.h"

#include <string.h>

#include "build.h"
#include "operate.h"

/* A factor: a tensor whose axis i is that of index labels[i]; of contractions in any order. */
typedef struct factor {
  node *x;
  int labels[MAX_RANK];
} factor;

typedef struct product {
  const index_space *space;
  graph *g;
  int first; /* indices from here on are summed over */
  int count;
  factor *factors;
} product;

static int axis_of(const factor *f, int index) {
  for (int i = 0; i < f->x->type.rank; i++)
    if (f->labels[i] == index) return i;
  return -1;
}

static int factors_with(const product *p, int index) {
  int count = 0;
  for (int i = 0; i < p->count; i++) count += axis_of(&p->factors[i], index) >= 0;
  return count;
}

static factor without_axis(const factor *f, int axis, node *x) {
  factor r = {.x = x};
  for (int i = 0, k = 0; x && i < f->x->type.rank; i++)
    if (i != axis) r.labels[k++] = f->labels[i];
  return r;
}

/* An index of the sum that one factor alone depends on, or none. */
static bool sum_alone(product *p, int index) {
  int count = factors_with(p, index), which = 0;
  const dim extent = p->space->indices[index].extent;
  if (count > 1 || (!count && extent.maximum == 1 && !extent.symbol)) return true;
  while (count && axis_of(&p->factors[which], index) < 0) which++;
  factor *f = &p->factors[which];
  if (!count) { /* as many equal terms as the index has values */
    tensor_type type = f->x->type;
    int64_t axes[MAX_RANK];
    for (int i = 0; i < type.rank; i++) axes[i] = i;
    if (type.rank == MAX_RANK) return false;
    f->labels[type.rank] = index;
    type.dims[type.rank++] = extent;
    f->x = build_broadcast(p->g, f->x, &type, axes);
    if (!f->x) return false;
  }
  int64_t axis = axis_of(f, index);
  *f = without_axis(f, (int)axis, build_reduce(p->g, OP_SUM, f->x, 1, &axis));
  return f->x;
}

/* --- pairs ---------------------------------------------------------------------------------- */

/* The indices of the sum that no factor but these two depends on, of those that either does. */
static int summed_by(const product *p, const factor *l, const factor *r, int *indices) {
  int count = 0;
  for (int index = p->first; index < p->space->count; index++) {
    int own = (axis_of(l, index) >= 0) + (axis_of(r, index) >= 0);
    if (own && factors_with(p, index) == own) indices[count++] = index;
  }
  return count;
}

/* The factor with its axes in the order of the indices. */
static factor ordered(const product *p, const factor *f) {
  factor r = {0};
  int64_t order[MAX_RANK];
  int rank = 0;
  for (int index = 0; index < p->space->count; index++) {
    int axis = axis_of(f, index);
    if (axis < 0) continue;
    order[rank] = axis;
    r.labels[rank++] = index;
  }
  r.x = build_transpose(p->g, f->x, order);
  return r;
}

/* Both as tensors over all indices of either, in order. */
static void align(const product *p, const factor *l, const factor *r, factor *left, factor *right) {
  const factor first = ordered(p, l), second = ordered(p, r);
  tensor_type type = {.element = l->x->type.element};
  int64_t axes[2][MAX_RANK];
  for (int index = 0; index < p->space->count; index++) {
    int a = axis_of(&first, index), b = axis_of(&second, index);
    if (a < 0 && b < 0) continue;
    if (a >= 0) axes[0][a] = type.rank;
    if (b >= 0) axes[1][b] = type.rank;
    left->labels[type.rank] = right->labels[type.rank] = index;
    type.dims[type.rank++] = p->space->indices[index].extent;
  }
  left->x = build_broadcast(p->g, first.x, &type, axes[0]);
  right->x = build_broadcast(p->g, second.x, &type, axes[1]);
}

static factor multiplied(const product *p, const factor *l, const factor *r) {
  factor left, right;
  align(p, l, r, &left, &right);
  left.x = build_map2(p->g, SCALAR_MUL, left.x, right.x);
  return left;
}

static factor multiplied_and_summed(const product *p, const factor *l, const factor *r,
                                    int summed, const int *indices) {
  factor f = multiplied(p, l, r);
  for (int i = 0; f.x && i < summed; i++) {
    int64_t axis = axis_of(&f, indices[i]);
    f = without_axis(&f, (int)axis, build_reduce(p->g, OP_SUM, f.x, 1, &axis));
  }
  return f;
}

static bool contains(int count, const int *indices, int index) {
  for (int i = 0; i < count; i++)
    if (indices[i] == index) return true;
  return false;
}

static factor contracted(const product *p, const factor *l, const factor *r, int summed,
                         const int *indices) {
  int64_t batch[2][MAX_RANK], contract[2][MAX_RANK];
  dot_axes axes = {0, 0, batch[0], batch[1], contract[0], contract[1]};
  factor f = {0};
  int rank = 0;
  for (int i = 0; i < l->x->type.rank; i++) {
    int other = axis_of(r, l->labels[i]);
    if (other < 0) continue;
    bool sums = contains(summed, indices, l->labels[i]);
    int place = sums ? axes.contract_count++ : axes.batch_count++;
    (sums ? contract : batch)[0][place] = i;
    (sums ? contract : batch)[1][place] = other;
    if (!sums) f.labels[rank++] = l->labels[i];
  }
  for (int i = 0; i < l->x->type.rank; i++)
    if (axis_of(r, l->labels[i]) < 0) f.labels[rank++] = l->labels[i];
  for (int i = 0; i < r->x->type.rank; i++)
    if (axis_of(l, r->labels[i]) < 0) f.labels[rank++] = r->labels[i];
  f.x = build_dot(p->g, l->x, r->x, &axes);
  return f;
}

static bool has_own_axes(const factor *f, const factor *other) {
  for (int i = 0; i < f->x->type.rank; i++)
    if (axis_of(other, f->labels[i]) < 0) return true;
  return false;
}

static factor combine(const product *p, const factor *l, const factor *r) {
  int indices[MAX_RANK], summed = summed_by(p, l, r, indices);
  if (!summed) return multiplied(p, l, r);
  if (!has_own_axes(l, r) && !has_own_axes(r, l))
    return multiplied_and_summed(p, l, r, summed, indices);
  return contracted(p, l, r, summed, indices);
}

/* The number of multiplications; pairs that sum nothing come last. */
static double cost_of(const product *p, const factor *l, const factor *r) {
  int indices[MAX_RANK];
  double cost = 1;
  for (int index = 0; index < p->space->count; index++)
    if (axis_of(l, index) >= 0 || axis_of(r, index) >= 0)
      cost *= (double)p->space->indices[index].extent.maximum;
  return summed_by(p, l, r, indices) ? cost : 1e200 * cost;
}

/* Puts the product of the cheapest pair in the place of its first factor. */
static bool combine_cheapest(product *p) {
  int left = 0, right = 1;
  double least = cost_of(p, &p->factors[0], &p->factors[1]);
  for (int i = 0; i < p->count; i++)
    for (int k = i + 1; k < p->count; k++) {
      double cost = cost_of(p, &p->factors[i], &p->factors[k]);
      if (cost >= least) continue;
      least = cost;
      left = i;
      right = k;
    }
  factor f = combine(p, &p->factors[left], &p->factors[right]);
  if (!f.x) return false;
  p->factors[left] = f;
  p->factors[right] = p->factors[--p->count];
  return true;
}

/* --- all together --------------------------------------------------------------------------- */

static node *sum_of(product *p) {
  for (int index = p->first; index < p->space->count; index++)
    if (!sum_alone(p, index)) return NULL;
  while (p->count > 1)
    if (!combine_cheapest(p)) return NULL;
  return p->factors[0].x;
}

static bool is_over_space(value v) {
  return value_is(v, VALUE_TENSOR) && v.node->type.rank > 0;
}

value index_product(index_space *s, location at, int first, int count, const value *factors) {
  elaborator *e = s->e;
  value *tensors = arena_array_of(e->arena, count, value), scale = value_none();
  node **nodes = arena_array_of(e->arena, count, node *);
  product p = {s, e->graph, first, 0, arena_array_of(e->arena, count, factor)};
  for (int i = 0; i < count; i++) {
    if (is_over_space(factors[i])) tensors[p.count++] = factors[i];
    else if (value_is(scale, VALUE_NONE)) scale = factors[i];
    else scale = operate_binary(e, at, AST_MULTIPLY, scale, factors[i], NULL);
  }
  if (!p.count) {
    tensors[p.count++] = value_tensor(operate_tensor(e, at, scale, DTYPE_COUNT));
    scale = value_none();
    if (value_is_poison(tensors[0])) return tensors[0];
  }
  for (int i = 0; i < p.count; i++)
    if (tensors[i].node->type.element == DTYPE_BOOL)
      return elaborator_error(e, at, "`*` needs numbers, not bool; cast it");
  if (!operate_promote(e, at, p.count, tensors, nodes)) return (value){0};
  for (int i = 0; i < p.count; i++)
    p.factors[i].x = index_space_strip(s, nodes[i], p.factors[i].labels);
  node *sum = sum_of(&p);
  s->count = first;
  value v = elaborator_node(e, index_space_place(s, sum, p.factors[0].labels));
  return value_is(scale, VALUE_NONE) ? v : operate_binary(e, at, AST_MULTIPLY, v, scale, NULL);
}
