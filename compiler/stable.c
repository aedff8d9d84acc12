#include "stable.h"

#include <math.h>

#include "axes.h"
#include "build.h"

static bool is_map(const node *n, scalar_function f) { return n->op == OP_MAP && n->function == f; }
static node *exponent(const node *n) { return is_map(n, SCALAR_EXP) ? n->operands[0] : NULL; }

static bool is_constant(const node *n, double value) {
  double found;
  return node_is_splat(n, &found) && found == value;
}

static node *constant(graph *g, const node *like, double value) {
  return build_splat(g, &like->type, value);
}

static node *neg(graph *g, node *x) {
  return is_map(x, SCALAR_NEG) ? x->operands[0] : build_map1(g, SCALAR_NEG, x);
}

/* --- building blocks ----------------------------------------------------------------------- */

/* max(0, x) + log1p(exp(-|x|)); the derivative of -|x| at 0 counts as 1, so that the sum's is
 * sigmoid(x) everywhere. */
static node *softplus(graph *g, node *x) {
  node *zero = constant(g, x, 0), *positive = build_map2(g, SCALAR_GT, x, zero);
  node *below = build_map3(g, SCALAR_SELECT, positive, build_map1(g, SCALAR_NEG, x), x);
  node *rest = build_map1(g, SCALAR_LOG1P, build_map1(g, SCALAR_EXP, below));
  return build_map2(g, SCALAR_ADD, build_map2(g, SCALAR_MAXIMUM, zero, x), rest);
}

static node *log_sigmoid(graph *g, node *x) { return neg(g, softplus(g, neg(g, x))); }

/* The largest exponent, 0 where it is infinite or NaN: what is subtracted before exp. It is held,
 * since the result does not depend on it. */
static node *shift(graph *g, node *largest) {
  node *zero = constant(g, largest, 0);
  node *finite = build_map2(g, SCALAR_EQ, build_map2(g, SCALAR_SUB, largest, largest), zero);
  return build_map1(g, SCALAR_STOP, build_map3(g, SCALAR_SELECT, finite, largest, zero));
}

static node *exp_below(graph *g, node *x, node *by) {
  return build_map1(g, SCALAR_EXP, build_map2(g, SCALAR_SUB, x, by));
}

/* The logarithm of a sum whose terms have the shift subtracted. Then one is 1, except where all are 0, since the largest
 * exponent is -inf: there no term has a part in the result, which is -inf, and no derivative. */
static node *log_of_shifted(graph *g, node *largest, node *sum) {
  node *empty = build_map2(g, SCALAR_EQ, sum, constant(g, sum, 0));
  node *log = build_map1(g, SCALAR_LOG, build_map3(g, SCALAR_SELECT, empty, constant(g, sum, 1), sum));
  return build_map2(g, SCALAR_ADD, build_map1(g, SCALAR_STOP, largest), log);
}

/* log(exp a + exp b) */
static node *log_add_exp(graph *g, node *a, node *b) {
  if (is_constant(a, 0)) return softplus(g, b);
  if (is_constant(b, 0)) return softplus(g, a);
  node *largest = build_map2(g, SCALAR_MAXIMUM, a, b), *m = shift(g, largest);
  return log_of_shifted(g, largest, build_map2(g, SCALAR_ADD, exp_below(g, a, m), exp_below(g, b, m)));
}

/* The operand of views that only repeat, and put in axes of extent 1. */
static node *under_repetition(node *n) {
  while (n->op == OP_BROADCAST || n->op == OP_RESHAPE) n = n->operands[0];
  return n;
}

/* What `shift` was given, and what stands in `stop_gradient`; others as they are. */
static const node *under_shift(const node *n) {
  if (is_map(n, SCALAR_STOP)) n = n->operands[0];
  if (!is_map(n, SCALAR_SELECT) || !is_constant(n->operands[2], 0)) return n;
  const node *finite = n->operands[0], *largest = n->operands[1];
  if (!is_map(finite, SCALAR_EQ) || !is_map(finite->operands[0], SCALAR_SUB)) return n;
  node *const *difference = finite->operands[0]->operands;
  return difference[0] == largest && difference[1] == largest ? largest : n;
}

/* Is b the reduction, perhaps held, repeated along the axes that it reduced? */
static bool repeats_reduced(const node *b, const node *reduction) {
  if (b->op != OP_BROADCAST) return false;
  int count, rank = 0;
  const int64_t *reduced = node_ints(reduction, 0, &count), *places = node_ints(b, 1, NULL);
  const node *kept = under_shift(b->operands[0]);
  bool reshaped = kept->op == OP_RESHAPE;
  if ((reshaped ? under_shift(kept->operands[0]) : kept) != reduction) return false;
  if (reshaped && kept->type.rank != b->type.rank) return false;
  for (int axis = 0; axis < b->type.rank; axis++) {
    bool gone = axes_contain(reduced, count, axis);
    dim extent = gone ? dim_fixed(1) : b->type.dims[axis];
    if (reshaped && !dim_equal(kept->type.dims[axis], extent)) return false;
    if (!reshaped && !gone && places[rank++] != axis) return false;
  }
  return true;
}

static const node *under_copies(const node *n) {
  while (n->op == OP_BROADCAST || n->op == OP_RESHAPE) n = n->operands[0];
  const node *under = under_shift(n);
  return under == n ? n : under_copies(under);
}

/* Has from each term the maximum over some of the sum's axes been subtracted? Then nothing can overflow, and
 * every sum has a term 1. */
static bool is_shifted(const node *x, const node *sum) {
  if (!is_map(x, SCALAR_SUB)) return false;
  const node *by = x->operands[1], *largest = under_copies(by);
  if (largest->op != OP_MAX || largest->operands[0] != x->operands[0]) return false;
  int count, summed_count;
  const int64_t *axes = node_ints(largest, 0, &count), *summed = node_ints(sum, 0, &summed_count);
  for (int i = 0; i < count; i++)
    if (!axes_contain(summed, summed_count, axes[i])) return false;
  return repeats_reduced(by, largest);
}

/* For sum = the sum of exp x over some axes: the same of x less the shift of the largest x along them. NULL where it is
 * another sum. */
static node *shifted_sum(graph *g, const node *sum, node **x, node **largest, node **shifted) {
  if (sum->op != OP_SUM || !(*x = exponent(sum->operands[0])) || is_shifted(*x, sum)) return NULL;
  int count;
  const int64_t *axes = node_ints(sum, 0, &count);
  *largest = build_reduce(g, OP_MAX, *x, count, axes);
  node *kept = build_keep(g, shift(g, *largest), &(*x)->type, count, axes);
  *shifted = exp_below(g, *x, build_broadcast_to(g, kept, &(*x)->type));
  return build_reduce(g, OP_SUM, *shifted, count, axes);
}

/* --- logarithms ---------------------------------------------------------------------------- */

enum { DEPTH_LIMIT = 16 };

static node *known_log(graph *g, node *y, int depth);

/* Also of positive constants. */
static node *term_log(graph *g, node *y, int depth) {
  double value;
  if (node_is_splat(y, &value))
    return value > 0 && isfinite(value) ? constant(g, y, log(value)) : NULL;
  return known_log(g, y, depth);
}

static node *known_log_of_map(graph *g, node *y, int depth) {
  node *a = y->operands[0], *b = y->operand_count > 1 ? y->operands[1] : NULL;
  switch (y->function) {
  case SCALAR_EXP: return a;
  case SCALAR_SIGMOID: return log_sigmoid(g, a);
  case SCALAR_ADD:
  case SCALAR_MUL:
  case SCALAR_DIV: break;
  default: return NULL;
  }
  if (!(a = term_log(g, a, depth - 1)) || !(b = term_log(g, b, depth - 1))) return NULL;
  if (y->function == SCALAR_ADD) return log_add_exp(g, a, b);
  return build_map2(g, y->function == SCALAR_MUL ? SCALAR_ADD : SCALAR_SUB, a, b);
}

/* The logarithm of a value whose form tells it without computing the value; NULL of others. */
static node *known_log(graph *g, node *y, int depth) {
  node *x, *largest, *shifted, *sum;
  double ignored;
  if (depth == 0 || node_is_splat(y, &ignored)) return NULL;
  switch (y->op) {
  case OP_MAP: return known_log_of_map(g, y, depth);
  case OP_SUM:
    sum = shifted_sum(g, y, &x, &largest, &shifted);
    return sum ? log_of_shifted(g, largest, sum) : NULL;
  case OP_BROADCAST:
  case OP_RESHAPE:
  case OP_TRANSPOSE:
  case OP_SLICE:
    x = known_log(g, y->operands[0], depth - 1);
    return x ? build_like(g, y, &x) : NULL;
  default: return NULL;
  }
}

/* log(a b), log(a / b) where the logarithm of one side is known, so that this one is positive. */
static node *half_known_log(graph *g, node *y) {
  if (!is_map(y, SCALAR_MUL) && !is_map(y, SCALAR_DIV)) return NULL;
  node *a = known_log(g, y->operands[0], DEPTH_LIMIT), *b = known_log(g, y->operands[1], DEPTH_LIMIT);
  if (!a && !b) return NULL;
  if (!a) a = build_map1(g, SCALAR_LOG, y->operands[0]);
  if (!b) b = build_map1(g, SCALAR_LOG, y->operands[1]);
  return build_map2(g, is_map(y, SCALAR_MUL) ? SCALAR_ADD : SCALAR_SUB, a, b);
}

/* log(1 + x), log(x + 1), log(1 - x) */
static node *log_near_one(graph *g, node *y) {
  if (!is_map(y, SCALAR_ADD) && !is_map(y, SCALAR_SUB)) return NULL;
  node *a = y->operands[0], *b = y->operands[1];
  if (is_map(y, SCALAR_ADD) && is_constant(b, 1)) return build_map1(g, SCALAR_LOG1P, a);
  if (!is_constant(a, 1)) return NULL;
  return build_map1(g, SCALAR_LOG1P, is_map(y, SCALAR_ADD) ? b : neg(g, b));
}

static node *stable_log(graph *g, node *y) {
  node *n = known_log(g, y, DEPTH_LIMIT);
  if (!n) n = half_known_log(g, y);
  return n ? n : log_near_one(g, y);
}

static node *stable_log1p(graph *g, node *x) {
  if (exponent(x)) return softplus(g, exponent(x));
  bool complement = is_map(x, SCALAR_NEG) && is_map(x->operands[0], SCALAR_SIGMOID);
  return complement ? neg(g, softplus(g, x->operands[0]->operands[0])) : NULL;
}

/* --- differences and quotients ------------------------------------------------------------- */

static node *stable_sub(graph *g, node *a, node *b) {
  if (exponent(a) && is_constant(b, 1)) return build_map1(g, SCALAR_EXPM1, exponent(a));
  if (!is_constant(a, 1)) return NULL;
  if (exponent(b)) return neg(g, build_map1(g, SCALAR_EXPM1, exponent(b)));
  if (is_map(b, SCALAR_SIGMOID)) return build_map1(g, SCALAR_SIGMOID, neg(g, b->operands[0]));
  return NULL;
}

/* z of 1 + exp z */
static node *logistic_exponent(const node *n) {
  if (!is_map(n, SCALAR_ADD)) return NULL;
  if (is_constant(n->operands[0], 1)) return exponent(n->operands[1]);
  return is_constant(n->operands[1], 1) ? exponent(n->operands[0]) : NULL;
}

/* exp x / sum exp x. The shifted sum is 1 at least and has a reciprocal, which takes one quotient for a row. */
static node *shifted_softmax(graph *g, node *a, node *b) {
  node *x, *largest, *shifted, *sum = under_repetition(b);
  if (sum->op != OP_SUM || !exponent(a) || exponent(sum->operands[0]) != exponent(a)) return NULL;
  if (!repeats_reduced(b, sum)) return NULL;
  node *now = shifted_sum(g, sum, &x, &largest, &shifted);
  if (!now) return NULL;
  int count;
  const int64_t *axes = node_ints(sum, 0, &count);
  node *kept = build_keep(g, now, &x->type, count, axes);
  node *reciprocal = build_map2(g, SCALAR_DIV, build_splat(g, &kept->type, 1), kept);
  return build_map2(g, SCALAR_MUL, shifted, build_broadcast_to(g, reciprocal, &x->type));
}

static node *stable_div(graph *g, node *a, node *b) {
  node *z = logistic_exponent(b);
  if (z && is_constant(a, 1)) return build_map1(g, SCALAR_SIGMOID, neg(g, z));
  if (z && exponent(a) == z) return build_map1(g, SCALAR_SIGMOID, z);
  return shifted_softmax(g, a, b);
}

node *stable_map(graph *g, scalar_function f, int count, node *const *operands) {
  for (int i = 0; i < count; i++)
    if (!operands[i] || !type_equal(&operands[i]->type, &operands[0]->type)) return NULL;
  if (!dtype_is_float(operands[0]->type.element)) return NULL;
  switch (f) {
  case SCALAR_LOG: return stable_log(g, operands[0]);
  case SCALAR_LOG1P: return stable_log1p(g, operands[0]);
  case SCALAR_SUB: return stable_sub(g, operands[0], operands[1]);
  case SCALAR_DIV: return stable_div(g, operands[0], operands[1]);
  default: return NULL;
  }
}
