/* Derivatives of the elementwise functions. Each formula reuses the function's own result where
 * that is cheaper, and is itself built of differentiable functions. */
#include "build.h"
#include "scalar.h"

static node *constant_like(graph *g, const node *n, double value) {
  return build_splat(g, &n->type, value);
}

static node *mul(graph *g, node *x, node *y) { return build_map2(g, SCALAR_MUL, x, y); }
static node *neg(graph *g, node *x) { return build_map1(g, SCALAR_NEG, x); }
static node *scale(graph *g, double factor, node *x) {
  return mul(g, constant_like(g, x, factor), x);
}

/* value where the condition has the given truth, else 0 */
static node *where(graph *g, node *condition, bool truth, node *value) {
  node *zero = constant_like(g, value, 0);
  return build_map3(g, SCALAR_SELECT, condition, truth ? value : zero, truth ? zero : value);
}

static node *ordered_grad(graph *g, scalar_function order, const node *n, int operand, node *ct) {
  return where(g, build_map2(g, order, n->operands[0], n->operands[1]), operand == 0, ct);
}

/* 1 - y for the result y */
static node *complement(graph *g, node *y) {
  return build_map2(g, SCALAR_SUB, constant_like(g, y, 1), y);
}

/* b, or 1 where b = 0 and x = 0, so that 0 times an infinite power does not arise, at any order of
 * differentiation. Not where b = 0 alone: x^(b-1) is 1 / x there, which the slope by b needs. */
static node *safe_exponent(graph *g, node *x, node *b) {
  node *flat = build_map2(g, SCALAR_EQ, b, constant_like(g, b, 0));
  node *origin = build_map2(g, SCALAR_EQ, x, constant_like(g, x, 0));
  node *both = build_map2(g, SCALAR_AND, flat, origin);
  return build_map3(g, SCALAR_SELECT, both, constant_like(g, b, 1), b);
}

/* By the base: b x^(b-1). */
static node *pow_base_grad(graph *g, node *x, node *b, node *ct) {
  double exponent;
  node *slope;
  if (node_is_splat(b, &exponent)) {
    if (exponent == 0) return NULL;
    if (exponent == 1) return ct;
    node *power = exponent == 2
                      ? x
                      : build_map2(g, SCALAR_POW, x, constant_like(g, x, exponent - 1));
    slope = mul(g, b, power);
  } else {
    node *one = constant_like(g, b, 1);
    node *less = build_map2(g, SCALAR_SUB, safe_exponent(g, x, b), one);
    slope = mul(g, b, build_map2(g, SCALAR_POW, x, less));
  }
  return mul(g, ct, slope);
}

/* By the exponent: x^b log x; 0 at x = 0, where the power does not depend on a positive b. */
static node *pow_exponent_grad(graph *g, node *x, node *y, node *ct) {
  node *is_zero = build_map2(g, SCALAR_EQ, x, constant_like(g, x, 0));
  node *safe = build_map3(g, SCALAR_SELECT, is_zero, constant_like(g, x, 1), x);
  return mul(g, ct, mul(g, y, build_map1(g, SCALAR_LOG, safe)));
}

/* Quotient: ct / b, and -(ct / b) (a / b). */
static node *div_grad(graph *g, int operand, node *b, node *y, node *ct) {
  node *by_a = build_map2(g, SCALAR_DIV, ct, b);
  return operand == 0 ? by_a : neg(g, mul(g, by_a, y));
}

node *scalar_grad(graph *g, const node *map, int operand, node *ct) {
  node *y = g->nodes[map->id], *x = map->operands[0];
  node *b = map->operand_count > 1 ? map->operands[1] : NULL;
  switch (map->function) {
  case SCALAR_ADD: return ct;
  case SCALAR_SUB: return operand == 0 ? ct : neg(g, ct);
  case SCALAR_MUL: return mul(g, ct, operand == 0 ? b : x);
  case SCALAR_DIV: return div_grad(g, operand, b, y, ct);
  case SCALAR_MOD:
    return operand == 0 ? ct : neg(g, mul(g, ct, build_map2(g, SCALAR_FLOORDIV, x, b)));
  case SCALAR_FMA: return operand == 2 ? ct : mul(g, ct, operand == 0 ? b : x);
  case SCALAR_NEG: return neg(g, ct);
  case SCALAR_ABS: return mul(g, ct, build_map1(g, SCALAR_SIGN, x));
  case SCALAR_MAXIMUM: return ordered_grad(g, SCALAR_GE, map, operand, ct);
  case SCALAR_MINIMUM: return ordered_grad(g, SCALAR_LE, map, operand, ct);
  case SCALAR_SQRT: return build_map2(g, SCALAR_DIV, scale(g, 0.5, ct), y);
  case SCALAR_RSQRT: return mul(g, scale(g, -0.5, ct), mul(g, y, mul(g, y, y)));
  case SCALAR_EXP: return mul(g, ct, y);
  case SCALAR_EXPM1: return mul(g, ct, build_map2(g, SCALAR_ADD, y, constant_like(g, y, 1)));
  case SCALAR_LOG: return build_map2(g, SCALAR_DIV, ct, x);
  case SCALAR_LOG1P:
    return build_map2(g, SCALAR_DIV, ct, build_map2(g, SCALAR_ADD, x, constant_like(g, x, 1)));
  case SCALAR_TANH: return mul(g, ct, complement(g, mul(g, y, y)));
  case SCALAR_SIGMOID: return mul(g, ct, mul(g, y, complement(g, y)));
  case SCALAR_SIN: return mul(g, ct, build_map1(g, SCALAR_COS, x));
  case SCALAR_COS: return neg(g, mul(g, ct, build_map1(g, SCALAR_SIN, x)));
  case SCALAR_POW:
    return operand == 0 ? pow_base_grad(g, x, b, ct) : pow_exponent_grad(g, x, y, ct);
  case SCALAR_SELECT: return operand == 0 ? NULL : where(g, x, operand == 1, ct);
  default: return NULL; /* 0 (floor, sign, stop, floor division), or no floating result */
  }
}
