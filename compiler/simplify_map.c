/* Algebra on elementwise functions. Rules return NULL where they do not apply. */
#include <math.h>

#include "build.h"
#include "half.h"
#include "op.h"
#include "scalar.h"
#include "simplify.h"

static bool is_map(const node *n, scalar_function f) { return n->op == OP_MAP && n->function == f; }
static bool is_real(const node *n) { return dtype_is_float(n->type.element); }

static bool same_axes(const node *a, const node *b) {
  int count, other;
  const int64_t *x = node_ints(a, 1, &count), *y = node_ints(b, 1, &other);
  bool same = count == other && type_same_shape(&a->operands[0]->type, &b->operands[0]->type);
  for (int i = 0; i < count && same; i++) same = x[i] == y[i];
  return same;
}

/* f(broadcast x, broadcast y) is broadcast f(x, y) where x and y have one shape or are scalars. */
static node *before_broadcast(graph *g, node *n) {
  node *widest = NULL;
  for (int i = 0; i < n->operand_count; i++) {
    node *x = n->operands[i];
    if (x->op != OP_BROADCAST) return NULL;
    if (!widest || widest->operands[0]->type.rank == 0) widest = x;
    if (x->operands[0]->type.rank > 0 && !same_axes(x, widest)) return NULL;
  }
  node *operands[3];
  for (int i = 0; i < n->operand_count; i++) {
    operands[i] = n->operands[i]->operands[0];
    if (operands[i]->type.rank == 0)
      operands[i] = build_broadcast_to(g, operands[i], &widest->operands[0]->type);
  }
  node *small = n->op == OP_CAST ? build_cast(g, operands[0], n->type.element)
                                 : build_like(g, n, operands);
  return build_broadcast(g, small, &n->type, node_ints(widest, 1, NULL));
}

/* f(reshape x, reshape y) is reshape f(x, y) where x and y have one shape; scalars take any. */
static node *before_reshape(graph *g, node *n) {
  const tensor_type *shape = NULL;
  node *operands[3];
  for (int i = 0; i < n->operand_count; i++) {
    operands[i] = n->operands[i];
    if (simplify_scalar(operands[i])) continue;
    if (operands[i]->op != OP_RESHAPE) return NULL;
    operands[i] = operands[i]->operands[0];
    if (shape && !type_same_shape(shape, &operands[i]->type)) return NULL;
    shape = &operands[i]->type;
  }
  if (!shape) return NULL;
  for (int i = 0; i < n->operand_count; i++) {
    node *scalar = simplify_scalar(operands[i]);
    if (scalar) operands[i] = build_broadcast_to(g, scalar, shape);
  }
  node *first = n->op == OP_CAST ? build_cast(g, operands[0], n->type.element)
                                 : build_like(g, n, operands);
  return build_reshape(g, first, n->type.rank, n->type.dims);
}

/* Functions whose values every machine agrees on; the others keep their run-time value. */
static bool folds(scalar_function f) {
  switch (f) {
  case SCALAR_EXP:
  case SCALAR_EXPM1:
  case SCALAR_LOG:
  case SCALAR_LOG1P:
  case SCALAR_TANH:
  case SCALAR_SIGMOID:
  case SCALAR_SIN:
  case SCALAR_COS:
  case SCALAR_POW: return false;
  default: return true;
  }
}

/* The value of a scalar node over constants, by the interpreter. */
static node *fold(graph *g, node *n) {
  if (n->type.rank > 0 || (n->op == OP_MAP && !folds(n->function))) return NULL;
  tensor operands[3], result = {.type = n->type};
  const tensor *pointers[3];
  for (int i = 0; i < n->operand_count; i++) {
    const node *x = n->operands[i];
    if (x->op != OP_CONSTANT) return NULL;
    operands[i].type = x->type;
    if (is_real(x))
      operands[i].reals = (double *)x->attributes[2].reals;
    else
      operands[i].ints = (int64_t *)x->attributes[1].ints;
    pointers[i] = &operands[i];
  }
  double real = 0;
  int64_t integer = 0;
  if (is_real(n))
    result.reals = &real;
  else
    result.ints = &integer;
  op_definitions[n->op]->eval(NULL, n, pointers, &result);
  return is_real(n) ? build_real(g, n->type.element, half_round(n->type.element, real))
                    : build_int(g, n->type.element, integer);
}

static node *simplify_add(graph *g, node *x, node *y) {
  if (simplify_is(y, 0)) return x;
  if (is_map(y, SCALAR_NEG)) return build_map2(g, SCALAR_SUB, x, y->operands[0]);
  if (is_map(x, SCALAR_NEG)) return build_map2(g, SCALAR_SUB, y, x->operands[0]);
  return NULL;
}

static node *simplify_sub(graph *g, node *x, node *y) {
  if (simplify_is(y, 0)) return x;
  if (simplify_is(x, 0)) return build_map1(g, SCALAR_NEG, y);
  if (is_map(y, SCALAR_NEG)) return build_map2(g, SCALAR_ADD, x, y->operands[0]);
  if (x == y && !is_real(x)) return build_splat(g, &x->type, 0);
  return NULL;
}

static node *simplify_mul(graph *g, node *x, node *y) {
  double factor;
  if (simplify_is(y, 1)) return x;
  if (simplify_is(y, -1)) return build_map1(g, SCALAR_NEG, x);
  if (simplify_is(y, 0) && !is_real(x)) return y;
  if (is_map(x, SCALAR_NEG) && is_map(y, SCALAR_NEG))
    return build_map2(g, SCALAR_MUL, x->operands[0], y->operands[0]);
  if (is_map(x, SCALAR_NEG) && is_real(x) && node_is_splat(y, &factor))
    return build_map2(g, SCALAR_MUL, x->operands[0], build_splat(g, &y->type, -factor));
  return NULL;
}

/* Division by a power of two is an exact product, as long as the reciprocal is a normal number. */
static node *simplify_div(graph *g, node *x, node *y) {
  double divisor;
  dtype type = y->type.element;
  int exponent, limit = type == DTYPE_F64 ? 1000 : type == DTYPE_F16 ? 14 : 100;
  if (!node_is_splat(y, &divisor)) return NULL;
  if (divisor == 1) return x;
  if (fabs(frexp(divisor, &exponent)) != 0.5 || exponent > limit || exponent < -limit) return NULL;
  return build_map2(g, SCALAR_MUL, x, build_splat(g, &y->type, 1 / divisor));
}

static node *simplify_integer_division(graph *g, const node *n, node *x, node *y) {
  if (is_real(x) || !simplify_is(y, 1)) return NULL;
  return n->function == SCALAR_FLOORDIV ? x : build_splat(g, &n->type, 0);
}

static node *simplify_pow(graph *g, node *x, node *y) {
  double exponent;
  if (!node_is_splat(y, &exponent)) return NULL;
  if (exponent == 0) return build_splat(g, &x->type, 1);
  if (exponent == 1) return x;
  if (exponent == 2) return build_map2(g, SCALAR_MUL, x, x);
  if (exponent == 3) return build_map2(g, SCALAR_MUL, build_map2(g, SCALAR_MUL, x, x), x);
  if (exponent == 4) {
    node *square = build_map2(g, SCALAR_MUL, x, x);
    return build_map2(g, SCALAR_MUL, square, square);
  }
  if (exponent == 0.5) return build_map1(g, SCALAR_SQRT, x);
  if (exponent == -0.5) return build_map1(g, SCALAR_RSQRT, x);
  if (exponent == -1) return build_map2(g, SCALAR_DIV, build_splat(g, &x->type, 1), x);
  return NULL;
}

static node *simplify_neg(graph *g, node *x) {
  if (is_map(x, SCALAR_NEG)) return x->operands[0];
  if (is_map(x, SCALAR_SUB)) return build_map2(g, SCALAR_SUB, x->operands[1], x->operands[0]);
  return NULL;
}

static node *simplify_select(graph *g, node *condition, node *x, node *y) {
  if (simplify_is(condition, 1)) return x;
  if (simplify_is(condition, 0)) return y;
  if (x == y) return x;
  if (is_map(condition, SCALAR_NOT))
    return build_map3(g, SCALAR_SELECT, condition->operands[0], y, x);
  return NULL;
}

static node *simplify_logic(const node *n, node *x, node *y) {
  double neutral = n->function == SCALAR_AND;
  if (simplify_is(y, neutral) || x == y) return x;
  if (simplify_is(x, neutral)) return y;
  if (simplify_is(x, 1 - neutral)) return x;
  return simplify_is(y, 1 - neutral) ? y : NULL;
}

/* Sums and products have their constant on the right. */
static node *constant_right(graph *g, node *n) {
  double ignored;
  if (n->function != SCALAR_ADD && n->function != SCALAR_MUL) return NULL;
  if (!node_is_splat(n->operands[0], &ignored) || node_is_splat(n->operands[1], &ignored))
    return NULL;
  return build_map2(g, n->function, n->operands[1], n->operands[0]);
}

static node *by_function(graph *g, node *n) {
  node *x = n->operands[0], *y = n->operand_count > 1 ? n->operands[1] : NULL;
  switch (n->function) {
  case SCALAR_ADD: return simplify_add(g, x, y);
  case SCALAR_SUB: return simplify_sub(g, x, y);
  case SCALAR_MUL: return simplify_mul(g, x, y);
  case SCALAR_DIV: return simplify_div(g, x, y);
  case SCALAR_FLOORDIV:
  case SCALAR_MOD: return simplify_integer_division(g, n, x, y);
  case SCALAR_POW: return simplify_pow(g, x, y);
  case SCALAR_STOP: return x; /* derivatives were taken before */
  case SCALAR_NEG: return simplify_neg(g, x);
  case SCALAR_NOT: return is_map(x, SCALAR_NOT) ? x->operands[0] : NULL;
  case SCALAR_AND:
  case SCALAR_OR: return simplify_logic(n, x, y);
  case SCALAR_MAXIMUM:
  case SCALAR_MINIMUM: return x == y ? x : NULL;
  case SCALAR_SELECT: return simplify_select(g, x, y, n->operands[2]);
  default: return NULL;
  }
}

/* True where `wide` represents every value of `narrow`. */
static bool holds(dtype wide, dtype narrow) {
  bool bytes = narrow == DTYPE_BOOL || narrow == DTYPE_U8 || narrow == DTYPE_I8;
  switch (wide) {
  case DTYPE_BF16:
  case DTYPE_F16:
  case DTYPE_I32: return bytes;
  case DTYPE_F32: return bytes || half_is(narrow);
  case DTYPE_I64: return bytes || narrow == DTYPE_I32;
  case DTYPE_F64: return bytes || narrow == DTYPE_I32 || narrow == DTYPE_F32 || half_is(narrow);
  default: return false;
  }
}

/* A cast through a type that loses nothing; but integers wrap where floats saturate. */
static node *cast_of_cast(graph *g, node *n) {
  node *through = n->operands[0];
  dtype to = n->type.element;
  if (through->op != OP_CAST) return NULL;
  dtype from = through->operands[0]->type.element;
  bool saturates = is_real(through) && !dtype_is_float(from) && dtype_is_integer(to);
  if (!holds(through->type.element, from) || saturates) return NULL;
  return build_cast(g, through->operands[0], to);
}

node *simplify_map(graph *g, node *n) {
  node *simple = fold(g, n);
  if (!simple) simple = before_broadcast(g, n);
  if (!simple) simple = before_reshape(g, n);
  if (!simple && n->op == OP_CAST && type_equal(&n->type, &n->operands[0]->type))
    simple = n->operands[0];
  if (!simple && n->op == OP_CAST) simple = cast_of_cast(g, n);
  if (!simple && n->op == OP_MAP) simple = constant_right(g, n);
  if (!simple && n->op == OP_MAP) simple = by_function(g, n);
  return simple ? simple : n;
}
