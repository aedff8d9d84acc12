/* Comparisons, truth values, choice and bits. */
#include "build.h"
#include "scalar.h"
#include "simplify.h"

static node *left(const node *n) { return n->operands[0]; }
static node *right(const node *n) { return n->operands[1]; }

/* --- comparisons --------------------------------------------------------------------------- */

static bool is_comparison(const node *n) {
  return n->op == OP_MAP && scalar_infos[n->function].kind == SCALAR_KIND_COMPARE;
}

/* x == x holds but for NaN, x < x never. */
static node *compare_itself(graph *g, node *n) {
  if (!is_comparison(n) || left(n) != right(n)) return NULL;
  bool strict = n->function == SCALAR_LT || n->function == SCALAR_GT;
  if (strict) return build_splat(g, &n->type, 0);
  if (!simplify_is_real(left(n))) return build_splat(g, &n->type, n->function != SCALAR_NE);
  return n->function == SCALAR_NE ? build_map1(g, SCALAR_ISNAN, left(n)) : NULL;
}

/* b == true, b != false, and their opposites */
static node *compare_with_truth(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_EQ) && !simplify_is_map(n, SCALAR_NE)) return NULL;
  bool truth = simplify_is(right(n), 1);
  if (left(n)->type.element != DTYPE_BOOL || (!truth && !simplify_is(right(n), 0))) return NULL;
  bool same = truth == (n->function == SCALAR_EQ);
  return same ? left(n) : build_map1(g, SCALAR_NOT, left(n));
}

/* The comparison that holds where f does not. With NaN all but != are false, so only == and !=
 * are opposites of floating numbers. */
static bool opposite(scalar_function f, bool real, scalar_function *result) {
  switch (f) {
  case SCALAR_EQ: *result = SCALAR_NE; return true;
  case SCALAR_NE: *result = SCALAR_EQ; return true;
  case SCALAR_LT: *result = SCALAR_GE; return !real;
  case SCALAR_LE: *result = SCALAR_GT; return !real;
  case SCALAR_GT: *result = SCALAR_LE; return !real;
  case SCALAR_GE: *result = SCALAR_LT; return !real;
  default: return false;
  }
}

static node *not_of_comparison(graph *g, node *n) {
  scalar_function f;
  if (!simplify_is_map(n, SCALAR_NOT) || !is_comparison(left(n))) return NULL;
  if (!opposite(left(n)->function, simplify_is_real(left(left(n))), &f)) return NULL;
  return build_map2(g, f, left(left(n)), right(left(n)));
}

/* --- truth --------------------------------------------------------------------------------- */

static node *not_of_not(graph *g, node *n) {
  (void)g;
  bool twice = simplify_is_map(n, SCALAR_NOT) && simplify_is_map(left(n), SCALAR_NOT);
  return twice ? left(left(n)) : NULL;
}

static bool is_junction(const node *n) {
  return simplify_is_map(n, SCALAR_AND) || simplify_is_map(n, SCALAR_OR);
}

static node *known_truth(graph *g, node *n) {
  (void)g;
  if (!is_junction(n)) return NULL;
  double neutral = n->function == SCALAR_AND;
  if (simplify_is(right(n), neutral)) return left(n);
  return simplify_is(right(n), 1 - neutral) ? right(n) : NULL;
}

/* b and b, b and not b, and so on */
static node *truth_with_itself(graph *g, node *n) {
  if (!is_junction(n)) return NULL;
  node *x = left(n), *y = right(n);
  if (x == y) return x;
  bool opposed = (simplify_is_map(x, SCALAR_NOT) && left(x) == y) ||
                 (simplify_is_map(y, SCALAR_NOT) && left(y) == x);
  return opposed ? build_splat(g, &n->type, n->function == SCALAR_OR) : NULL;
}

/* --- choice -------------------------------------------------------------------------------- */

static node *select_known(graph *g, node *n) {
  (void)g;
  if (!simplify_is_map(n, SCALAR_SELECT)) return NULL;
  if (simplify_is(left(n), 1) || n->operands[1] == n->operands[2]) return n->operands[1];
  return simplify_is(left(n), 0) ? n->operands[2] : NULL;
}

static node *select_by_not(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_SELECT) || !simplify_is_map(left(n), SCALAR_NOT)) return NULL;
  return build_map3(g, SCALAR_SELECT, left(left(n)), n->operands[2], n->operands[1]);
}

/* c ? true : false, c ? false : true */
static node *select_truth(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_SELECT) || n->type.element != DTYPE_BOOL) return NULL;
  const node *x = n->operands[1], *y = n->operands[2];
  if (simplify_is(x, 1) && simplify_is(y, 0)) return left(n);
  if (simplify_is(x, 0) && simplify_is(y, 1)) return build_map1(g, SCALAR_NOT, left(n));
  return NULL;
}

/* c ? (c ? x : y) : z, c ? x : (c ? y : z) */
static node *select_of_select(graph *g, node *n) {
  if (!simplify_is_map(n, SCALAR_SELECT)) return NULL;
  node *condition = left(n), *x = n->operands[1], *y = n->operands[2];
  bool first = simplify_is_map(x, SCALAR_SELECT) && left(x) == condition;
  bool second = simplify_is_map(y, SCALAR_SELECT) && left(y) == condition;
  if (!first && !second) return NULL;
  return build_map3(g, SCALAR_SELECT, condition, first ? x->operands[1] : x,
                    second ? y->operands[2] : y);
}

/* --- bits ---------------------------------------------------------------------------------- */

static node *known_bits(graph *g, node *n) {
  if (n->op != OP_MAP) return NULL;
  switch (n->function) {
  case SCALAR_BITAND:
    if (left(n) == right(n) || simplify_is(right(n), -1)) return left(n);
    return simplify_is(right(n), 0) ? right(n) : NULL;
  case SCALAR_BITOR:
    if (left(n) == right(n) || simplify_is(right(n), 0)) return left(n);
    return simplify_is(right(n), -1) ? right(n) : NULL;
  case SCALAR_BITXOR:
    if (left(n) == right(n)) return build_splat(g, &n->type, 0);
    return simplify_is(right(n), 0) ? left(n) : NULL;
  case SCALAR_SHL:
  case SCALAR_SHR: return simplify_is(right(n), 0) ? left(n) : NULL;
  default: return NULL;
  }
}

const simplify_rule simplify_logic[] = {
    {"compare_itself", compare_itself},
    {"compare_with_truth", compare_with_truth},
    {"not_of_comparison", not_of_comparison},
    {"not_of_not", not_of_not},
    {"known_truth", known_truth},
    {"truth_with_itself", truth_with_itself},
    {"select_known", select_known},
    {"select_by_not", select_by_not},
    {"select_truth", select_truth},
    {"select_of_select", select_of_select},
    {"known_bits", known_bits},
    {NULL, NULL},
};
