#include "operate.h"

#include <math.h>
#include <string.h>

#include "build.h"
#include "half.h"
#include "slots.h"
#include "text_stream.h"
#include "written.h"

/* --- messages --------------------------------------------------------------------------- */

static const char *node_source(arena *a, const ast *n) {
  text_stream s;
  text_stream_open(&s, a);
  ast_print_node(s.out, n);
  const char *text = text_stream_close(&s);
  return strchr(text, '\n') || strlen(text) > 40 ? NULL : text;
}

static const char *operand_note(elaborator *e, const ast *n, value v) {
  const char *text = n ? node_source(e->arena, n) : NULL;
  if (!text || !value_is(v, VALUE_TENSOR)) return "";
  const char *type = type_text(e->arena, &v.node->type);
  if (!v.slot) return arena_printf(e->arena, "%s: %s", text, type);
  return arena_printf(e->arena, "%s: %s, declared at %s", text, type,
                      diag_place(e->arena, v.slot->slot.at));
}

void operate_note_operands(elaborator *e, const ast *left, value l, const ast *right, value r) {
  const char *first = operand_note(e, left, l), *second = operand_note(e, right, r);
  if (*first || *second)
    diag_note(e->diagnostics, "    %s%s%s", first, *first && *second ? "      " : "", second);
}

/* An error about two operands; the operands come before the call path. */
static value disagree(elaborator *e, location at, const char *message, const ast *site, value left,
                      value right) {
  diag_error(e->diagnostics, at, "%s", message);
  if (site && site->kind == AST_BINARY)
    operate_note_operands(e, site->left, left, site->right, right);
  elaborator_path(e);
  return (value){0};
}

/* --- values as tensors -------------------------------------------------------------------- */

bool operate_reachable(elaborator *e, location at, value v) {
  const graph *g = e->graph;
  if (v.node->id < g->node_count && g->nodes[v.node->id] == v.node) return true;
  elaborator_error(e, at,
                   g == e->initial
                       ? "an initial value cannot depend on what an entry computes"
                       : "a tensor computed at top level or in another entry cannot be used here; "
                         "compute it in a fn");
  return false;
}

static node *real_node(elaborator *e, location at, number n, dtype element) {
  double rounded = element == DTYPE_F32 ? (double)(float)n.real : half_round(element, n.real);
  if (isinf(rounded) && !isinf(n.real)) {
    elaborator_error(e, at, "%s does not fit %s, where it is infinite; write inf, or compute in %s",
                     number_text(e->arena, n), dtype_name(element),
                     element == DTYPE_F32 ? "f64" : "f32");
    return NULL;
  }
  return build_real(e->graph, element, n.real);
}

static node *number_node(elaborator *e, location at, number n, dtype element) {
  if (dtype_is_float(element)) return real_node(e, at, n, element);
  int64_t smallest, largest;
  if (element == DTYPE_BOOL) {
    elaborator_error(e, at, "the number %s where bool is needed", number_text(e->arena, n));
    return NULL;
  }
  if (!number_is_integer(n)) {
    elaborator_error(e, at, "the number %s meets integers of type %s; cast them with f32(…)",
                     number_text(e->arena, n), dtype_name(element));
    return NULL;
  }
  dtype_range(element, &smallest, &largest);
  if (n.numerator < smallest || n.numerator > largest) {
    elaborator_error(e, at, "%s does not fit %s, which holds %lld to %lld",
                     number_text(e->arena, n), dtype_name(element), (long long)smallest,
                     (long long)largest);
    return NULL;
  }
  return build_int(e->graph, element, n.numerator);
}

/* A bounded size as an i32 scalar: as many ones as it says, added up. */
static node *size_node(elaborator *e, dim size) {
  const tensor_type ones = {.element = DTYPE_I32, .rank = 1, .dims = {size}};
  const int64_t axis = 0;
  return build_reduce(e->graph, OP_SUM, build_splat(e->graph, &ones, 1), 1, &axis);
}

/* A bounded size is an operand like any other scalar. */
static value at_run_time(elaborator *e, value v) {
  return value_is(v, VALUE_SIZE) ? value_tensor(size_node(e, v.size)) : v;
}

node *operate_tensor(elaborator *e, location at, value v, dtype wanted) {
  switch (v.kind) {
    case VALUE_POISON: return NULL;
    case VALUE_SIZE: return size_node(e, v.size);
    case VALUE_TENSOR:
      if (v.slot && e->graph == e->initial && v.node != v.slot->initial)
        v = slot_read(e, v.slot); /* in an initial value a slot means its own initial value */
      return v.node && operate_reachable(e, at, v) ? v.node : NULL;
    case VALUE_TRUTH:
      return build_int(e->graph, DTYPE_BOOL, v.truth);
    case VALUE_NUMBER:
      if (wanted == DTYPE_COUNT) wanted = number_is_integer(v.number) ? DTYPE_I32 : e->real;
      return number_node(e, at, v.number, wanted);
    default:
      elaborator_error(e, at, "a tensor or a number is needed here, not %s",
                       value_words(e->arena, v));
      return NULL;
  }
}

static bool broadcasts_to(const tensor_type *from, const tensor_type *to) {
  if (from->rank > to->rank) return false;
  for (int i = 0; i < from->rank; i++) {
    dim have = from->dims[from->rank - 1 - i], want = to->dims[to->rank - 1 - i];
    if (!dim_equal(have, want) && have.maximum != 1) return false;
  }
  return true;
}

static node *spread_to(elaborator *e, node *n, const tensor_type *shape) {
  return !n || type_same_shape(&n->type, shape) ? n : build_broadcast_to(e->graph, n, shape);
}

node *operate_convert(elaborator *e, location at, value v, const tensor_type *type, bool spread,
                      const char *what) {
  node *n = operate_tensor(e, at, v, type->element);
  if (!n) return NULL;
  bool shape_fits = type_same_shape(&n->type, type) ||
                    ((spread || value_is(v, VALUE_NUMBER)) && broadcasts_to(&n->type, type));
  if (!shape_fits || n->type.element != type->element) {
    elaborator_error(e, at, "%s is %s, but %s is needed%s", what, type_text(e->arena, &n->type),
                     type_text(e->arena, type),
                     shape_fits ? arena_printf(e->arena, "; cast it with %s(…)",
                                               dtype_name(type->element))
                                : "");
    return NULL;
  }
  return spread_to(e, n, type);
}

/* --- leaf by leaf ------------------------------------------------------------------------- */

const char *operate_missing_key(const tuple *a, const tuple *b) {
  for (int i = 0; a->keys && b->keys && i < a->count; i++)
    if (a->keys[i] && b->keys[i] && tuple_find(b, a->keys[i]) < 0) return a->keys[i];
  return NULL;
}

static value check_same_keys(elaborator *e, location at, const tuple *a, const tuple *b) {
  if (a->count != b->count)
    return elaborator_error(e, at, "tuples of %d and of %d do not go together leaf by leaf",
                            a->count, b->count);
  const char *missing = operate_missing_key(a, b);
  if (missing) return elaborator_error(e, at, "the second tuple has no `%s`, which the first has", missing);
  return value_none();
}

value operate_leaf(value v, const tuple *shape, int i) {
  if (!value_is(v, VALUE_TUPLE)) return v;
  int found = shape->keys && shape->keys[i] ? tuple_find(v.tuple, shape->keys[i]) : -1;
  return v.tuple->items[found >= 0 ? found : i];
}

static const tuple *first_tuple(int count, const value *operands) {
  for (int i = 0; i < count; i++)
    if (value_is(operands[i], VALUE_TUPLE)) return operands[i].tuple;
  return NULL;
}

typedef value leaf_function(elaborator *e, location at, int code, const value *operands);

static value by_leaf(elaborator *e, location at, leaf_function *f, int code, int count,
                     const value *operands) {
  const tuple *shape = first_tuple(count, operands);
  for (int i = 0; i < count; i++)
    if (value_is(operands[i], VALUE_TUPLE) &&
        value_is_poison(check_same_keys(e, at, shape, operands[i].tuple)))
      return (value){0};
  tuple *result = tuple_like(e->arena, shape);
  for (int i = 0; i < shape->count; i++) {
    value leaves[3];
    for (int k = 0; k < count; k++) leaves[k] = operate_leaf(operands[k], shape, i);
    result->items[i] = f(e, at, code, leaves);
  }
  return (value){.kind = VALUE_TUPLE, .tuple = result};
}

/* --- elementwise -------------------------------------------------------------------------- */

/* The element type of operands [from, count): tensors promote, numbers adapt to them. */
static bool common_element(elaborator *e, location at, int from, int count, const value *operands,
                           const ast *site, dtype *element) {
  *element = DTYPE_COUNT;
  bool real = false, truth = false;
  for (int i = from; i < count; i++) {
    value v = operands[i];
    real = real || (value_is(v, VALUE_NUMBER) && !number_is_integer(v.number));
    truth = truth || value_is(v, VALUE_TRUTH);
    if (!value_is(v, VALUE_TENSOR)) continue;
    dtype own = v.node->type.element;
    if (*element != DTYPE_COUNT && !dtype_promote(*element, own, element)) {
      bool castable = *element != DTYPE_BOOL && own != DTYPE_BOOL;
      disagree(e, at,
               arena_printf(e->arena, "%s and %s do not go together%s", dtype_name(*element),
                            dtype_name(own), castable ? "; cast one, as in f32(…)" : ""),
               site, operands[0], operands[count - 1]);
      return false;
    }
    if (*element == DTYPE_COUNT) *element = own;
  }
  if (*element == DTYPE_COUNT) *element = truth ? DTYPE_BOOL : real ? e->real : DTYPE_I32;
  return true;
}

static bool common_shape(elaborator *e, location at, int count, node *const *nodes,
                         tensor_type *shape, const ast *site) {
  *shape = nodes[0]->type;
  for (int i = 1; i < count; i++) {
    const tensor_type *a = &nodes[i]->type;
    const tensor_type *longer = a->rank > shape->rank ? a : shape;
    tensor_type joined = *longer;
    for (int k = 1; k <= a->rank && k <= shape->rank; k++) {
      dim x = shape->dims[shape->rank - k], y = a->dims[a->rank - k];
      if (!dim_equal(x, y) && x.maximum != 1 && y.maximum != 1) {
        disagree(e, at,
                 arena_printf(e->arena, "the shapes %s and %s do not broadcast: %s against %s",
                              shape_text(e->arena, shape), shape_text(e->arena, a),
                              value_size_text(e->arena, x), value_size_text(e->arena, y)),
                 site, value_tensor(nodes[0]), value_tensor(nodes[count - 1]));
        return false;
      }
      joined.dims[joined.rank - k] = x.maximum == 1 ? y : x;
    }
    *shape = joined;
  }
  return true;
}

/* Operands [from, count) as tensors of one element type, those before as truth values. */
static bool promote(elaborator *e, location at, int from, int count, const value *operands,
                    node **nodes, const ast *site) {
  dtype element;
  if (!common_element(e, at, from, count, operands, site, &element)) return false;
  for (int i = 0; i < count; i++) {
    nodes[i] = operate_tensor(e, at, operands[i], i < from ? DTYPE_BOOL : element);
    if (i >= from) nodes[i] = build_cast(e->graph, nodes[i], element);
    if (!nodes[i]) return false;
  }
  return true;
}

bool operate_promote(elaborator *e, location at, int count, const value *operands, node **nodes) {
  return promote(e, at, 0, count, operands, nodes, NULL);
}

/* Operands [from, count) get one element type, all one shape. */
static bool meet(elaborator *e, location at, int from, int count, const value *operands,
                 node **nodes, const ast *site) {
  if (!promote(e, at, from, count, operands, nodes, site)) return false;
  tensor_type shape;
  if (!common_shape(e, at, count, nodes, &shape, site)) return false;
  for (int i = 0; i < count; i++) nodes[i] = spread_to(e, nodes[i], &shape);
  return true;
}

static value map_tensors(elaborator *e, location at, scalar_function f, int count,
                         const value *operands, const ast *site) {
  node *nodes[3] = {NULL};
  for (int i = 0; i < count; i++)
    if (value_is_poison(operands[i])) return (value){0};
  if (!meet(e, at, f == SCALAR_SELECT ? 1 : 0, count, operands, nodes, site)) return (value){0};
  return elaborator_node(e, written_map(e, f, count, nodes));
}

/* Functions of numbers known at compile time. */
static bool fold(scalar_function f, const value *x, double *result) {
  double a = x[0].number.real;
  switch (f) {
    case SCALAR_ABS: *result = fabs(a); return true;
    case SCALAR_FLOOR: *result = floor(a); return true;
    case SCALAR_SQRT: *result = sqrt(a); return true;
    case SCALAR_RSQRT: *result = 1 / sqrt(a); return true;
    case SCALAR_EXP: *result = exp(a); return true;
    case SCALAR_EXPM1: *result = expm1(a); return true;
    case SCALAR_LOG: *result = log(a); return true;
    case SCALAR_LOG1P: *result = log1p(a); return true;
    case SCALAR_TANH: *result = tanh(a); return true;
    case SCALAR_SIGMOID: *result = 1 / (1 + exp(-a)); return true;
    case SCALAR_SIN: *result = sin(a); return true;
    case SCALAR_COS: *result = cos(a); return true;
    case SCALAR_STOP: *result = a; return true;
    default: return false;
  }
}

static value fold_numbers(scalar_function f, int count, const value *x) {
  for (int i = 0; i < count; i++)
    if (!value_is(x[i], VALUE_NUMBER)) return (value){0};
  if (count == 2 && (f == SCALAR_MAXIMUM || f == SCALAR_MINIMUM)) {
    int order = number_compare(x[0].number, x[1].number);
    bool first = f == SCALAR_MAXIMUM ? order == 0 || order == 1 : order == 0 || order == -1;
    return first || isnan(x[0].number.real) ? x[0] : x[1];
  }
  double result;
  if (count != 1 || !fold(f, x, &result)) return (value){0};
  bool integral = x[0].number.exact && fabs(result) < 0x1p53 && result == floor(result);
  bool exact = f == SCALAR_ABS || f == SCALAR_FLOOR || f == SCALAR_STOP;
  return integral && exact ? value_integer((int64_t)result)
                           : value_number(number_real(result));
}

static value map_leaf(elaborator *e, location at, int code, const value *operands);

static int map_arity(scalar_function f) {
  static const char arity[SCALAR_COUNT] = {
#define SCALAR(code, name, operands, kind, c) [SCALAR_##code] = operands,
#include "scalar.def"
#undef SCALAR
  };
  return arity[f];
}

/* What the functions of floats take is a float: an integer is an error that suggests the cast. */
static bool wants_float(scalar_function f) {
  static const char real[SCALAR_COUNT] = {
#define KIND_REAL 1
#define KIND_TEST 1
#define KIND_SAME 0
#define KIND_INTEGER 0
#define KIND_LOGIC 0
#define KIND_COMPARE 0
#define KIND_SELECT 0
#define SCALAR(code, name, operands, kind, c) [SCALAR_##code] = KIND_##kind,
#include "scalar.def"
#undef SCALAR
  };
  return real[f];
}

static bool is_truth_like(value v) {
  return value_is(v, VALUE_TRUTH) ||
         (value_is(v, VALUE_TENSOR) && v.node->type.element == DTYPE_BOOL);
}

value operate_map(elaborator *e, location at, scalar_function f, int count,
                  const value *operands) {
  if (first_tuple(count, operands)) return by_leaf(e, at, map_leaf, (int)f, count, operands);
  if (f == SCALAR_SELECT && !is_truth_like(operands[0]) && !value_is_poison(operands[0]))
    return elaborator_error(e, at, "the condition is a truth value, not %s",
                            value_words(e->arena, operands[0]));
  value folded = fold_numbers(f, count, operands);
  if (!value_is_poison(folded)) return folded;
  value adapted[3];
  for (int i = 0; i < count; i++) {
    adapted[i] = at_run_time(e, operands[i]);
    if (!wants_float(f)) continue;
    if (value_is(adapted[i], VALUE_NUMBER))
      adapted[i] = value_number(number_real(adapted[i].number.real));
    if (value_is(adapted[i], VALUE_TENSOR) && !dtype_is_float(adapted[i].node->type.element))
      return elaborator_error(e, at, "this needs floating numbers, not %s; cast it with f32(…)",
                              value_words(e->arena, adapted[i]));
  }
  return map_tensors(e, at, f, count, adapted, NULL);
}

static value map_leaf(elaborator *e, location at, int code, const value *operands) {
  return operate_map(e, at, (scalar_function)code, map_arity((scalar_function)code), operands);
}

value operate_select(elaborator *e, location at, value condition, value then, value otherwise) {
  return operate_map(e, at, SCALAR_SELECT, 3, (value[]){condition, then, otherwise});
}

/* --- operators of the language -------------------------------------------------------------- */

static value compare_numbers(ast_operator op, number a, number b) {
  int order = number_compare(a, b);
  switch (op) {
    case AST_EQUAL: return value_truth(order == 0);
    case AST_NOT_EQUAL: return value_truth(order != 0);
    case AST_LESS: return value_truth(order == -1);
    case AST_GREATER: return value_truth(order == 1);
    case AST_LESS_EQUAL: return value_truth(order == -1 || order == 0);
    default: return value_truth(order == 1 || order == 0);
  }
}

static bool is_comparison(ast_operator op) {
  return op >= AST_EQUAL && op <= AST_GREATER_EQUAL;
}

static value static_binary(elaborator *e, location at, ast_operator op, value a, value b) {
  if (value_is(a, VALUE_TRUTH) && value_is(b, VALUE_TRUTH)) {
    if (op == AST_AND) return value_truth(a.truth && b.truth);
    if (op == AST_OR) return value_truth(a.truth || b.truth);
    if (op == AST_EQUAL) return value_truth(a.truth == b.truth);
    if (op == AST_NOT_EQUAL) return value_truth(a.truth != b.truth);
  }
  if (value_is(a, VALUE_TEXT) && value_is(b, VALUE_TEXT)) {
    if (op == AST_EQUAL) return value_truth(!strcmp(a.text, b.text));
    if (op == AST_NOT_EQUAL) return value_truth(strcmp(a.text, b.text) != 0);
  }
  if (!value_is(a, VALUE_NUMBER) || !value_is(b, VALUE_NUMBER)) return value_none();
  if (is_comparison(op)) return compare_numbers(op, a.number, b.number);
  if (op == AST_AND || op == AST_OR || op == AST_MATRIX_PRODUCT) return value_none();
  number result;
  const char *message;
  if (!number_operate(op, a.number, b.number, &result, &message))
    return elaborator_error(e, at, "%s %s %s: %s", number_text(e->arena, a.number),
                            ast_operator_text(op), number_text(e->arena, b.number), message);
  return value_number(result);
}

static value matrix_product(elaborator *e, location at, value left, value right, const ast *site) {
  if (!value_is(left, VALUE_TENSOR) || !value_is(right, VALUE_TENSOR))
    return elaborator_error(e, at, "a matrix product needs two tensors, not %s and %s",
                            value_words(e->arena, left), value_words(e->arena, right));
  const tensor_type *x = &left.node->type, *y = &right.node->type;
  if (!x->rank || !y->rank)
    return disagree(e, at, "a matrix product needs vectors or matrices, not scalars", site, left,
                    right);
  dim columns = x->dims[x->rank - 1], rows = y->dims[y->rank == 1 ? 0 : y->rank - 2];
  if (!dim_equal(columns, rows))
    return disagree(e, at,
                    arena_printf(e->arena, "matrix product: the left has %lld columns, the right "
                                           "has %lld rows",
                                 (long long)columns.maximum, (long long)rows.maximum),
                    site, left, right);
  node *nodes[2];
  if (!promote(e, at, 0, 2, (value[]){left, right}, nodes, site)) return (value){0};
  return elaborator_node(e, build_matmul(e->graph, nodes[0], nodes[1]));
}

static bool has_integers(value v) {
  return value_is(v, VALUE_TENSOR) && dtype_is_integer(v.node->type.element);
}

/* x ** k for a small integer k as products, which are exact and have a derivative everywhere. */
static value small_power(elaborator *e, location at, value x, int64_t exponent) {
  value result = x;
  int64_t count = exponent < 0 ? -exponent : exponent;
  if (!count) {
    node *n = operate_tensor(e, at, x, DTYPE_COUNT);
    return n ? elaborator_node(e, build_splat(e->graph, &n->type, 1)) : (value){0};
  }
  for (int64_t i = 1; i < count; i++)
    result = map_tensors(e, at, SCALAR_MUL, 2, (value[]){result, x}, NULL);
  if (exponent > 0) return result;
  return map_tensors(e, at, SCALAR_DIV, 2, (value[]){value_integer(1), result}, NULL);
}

static value power(elaborator *e, location at, value x, value exponent, const ast *site) {
  enum { LARGEST = 8 };
  bool integers = has_integers(x);
  if (value_is_integer(exponent)) {
    int64_t k = exponent.number.numerator;
    if (k >= (integers ? 0 : -LARGEST) && k <= LARGEST) return small_power(e, at, x, k);
  }
  if (value_is(exponent, VALUE_NUMBER) && exponent.number.real == 0.5 && !integers)
    return operate_map(e, at, SCALAR_SQRT, 1, &x);
  if (integers || has_integers(exponent))
    return elaborator_error(e, at, "a power of integers needs an exponent from 0 to %d known at "
                            "compile time; cast with f32(…)", LARGEST);
  return map_tensors(e, at, SCALAR_POW, 2, (value[]){x, exponent}, site);
}

static const scalar_function functions[AST_OPERATOR_COUNT] = {
    [AST_OR] = SCALAR_OR,
    [AST_AND] = SCALAR_AND,
    [AST_EQUAL] = SCALAR_EQ,
    [AST_NOT_EQUAL] = SCALAR_NE,
    [AST_LESS] = SCALAR_LT,
    [AST_GREATER] = SCALAR_GT,
    [AST_LESS_EQUAL] = SCALAR_LE,
    [AST_GREATER_EQUAL] = SCALAR_GE,
    [AST_ADD] = SCALAR_ADD,
    [AST_SUBTRACT] = SCALAR_SUB,
    [AST_MULTIPLY] = SCALAR_MUL,
    [AST_DIVIDE] = SCALAR_DIV,
    [AST_FLOOR_DIVIDE] = SCALAR_FLOORDIV,
    [AST_REMAINDER] = SCALAR_MOD,
};

static value binary_leaf(elaborator *e, location at, int code, const value *operands) {
  return operate_binary(e, at, (ast_operator)code, operands[0], operands[1], NULL);
}

value operate_binary(elaborator *e, location at, ast_operator op, value left, value right,
                     const ast *site) {
  left = at_run_time(e, left);
  right = at_run_time(e, right);
  value operands[] = {left, right};
  if (value_is_poison(left) || value_is_poison(right)) return (value){0};
  if (first_tuple(2, operands)) return by_leaf(e, at, binary_leaf, (int)op, 2, operands);
  value folded = static_binary(e, at, op, left, right);
  if (!value_is(folded, VALUE_NONE)) return folded;
  if (op == AST_MATRIX_PRODUCT) return matrix_product(e, at, left, right, site);
  bool logic = op == AST_AND || op == AST_OR;
  bool equality = op == AST_EQUAL || op == AST_NOT_EQUAL;
  for (int i = 0; i < 2; i++)
    if (!equality && logic != is_truth_like(operands[i]))
      return elaborator_error(e, at, logic ? "`%s` needs truth values, not %s"
                                           : "`%s` needs numbers, not %s; cast it",
                              ast_operator_text(op), value_words(e->arena, operands[i]));
  if (op == AST_POWER) return power(e, at, left, right, site);
  if (op == AST_DIVIDE && (has_integers(left) || has_integers(right)))
    return disagree(e, at, "`/` on integers at run time: use `//`, which floors, or cast to f32",
                    site, left, right);
  return map_tensors(e, at, functions[op], 2, operands, site);
}

static value unary_leaf(elaborator *e, location at, int code, const value *operands) {
  return operate_unary(e, at, (ast_operator)code, operands[0]);
}

value operate_unary(elaborator *e, location at, ast_operator op, value operand) {
  operand = at_run_time(e, operand);
  if (value_is_poison(operand)) return operand;
  if (value_is(operand, VALUE_TUPLE)) return by_leaf(e, at, unary_leaf, (int)op, 1, &operand);
  if (op == AST_NOT) {
    if (value_is(operand, VALUE_TRUTH)) return value_truth(!operand.truth);
    if (is_truth_like(operand)) return map_tensors(e, at, SCALAR_NOT, 1, &operand, NULL);
    return elaborator_error(e, at, "`not` needs truth values, not %s",
                            value_words(e->arena, operand));
  }
  if (value_is(operand, VALUE_NUMBER))
    return static_binary(e, at, AST_SUBTRACT, value_integer(0), operand);
  if (is_truth_like(operand))
    return elaborator_error(e, at, "`-` needs numbers, not %s", value_words(e->arena, operand));
  return map_tensors(e, at, SCALAR_NEG, 1, &operand, NULL);
}

static value cast_leaf(elaborator *e, location at, int code, const value *operands) {
  return operate_cast(e, at, operands[0], (dtype)code);
}

/* A number without its fraction; as it is where it has none or is too large to have one. */
static number truncated(number n) {
  if (n.exact) return number_integer(n.numerator / n.denominator);
  return fabs(n.real) < 0x1p63 ? number_integer((int64_t)n.real) : n;
}

/* A number known at compile time must fit, unlike one that is cast at run time. */
static node *number_cast(elaborator *e, location at, number n, dtype element) {
  if (element == DTYPE_BOOL) return build_int(e->graph, element, n.real != 0);
  if (dtype_is_float(element)) return number_node(e, at, n, element);
  number whole = truncated(n);
  if (number_is_integer(whole)) return number_node(e, at, whole, element);
  elaborator_error(e, at, "%s does not fit %s", number_text(e->arena, n), dtype_name(element));
  return NULL;
}

value operate_cast(elaborator *e, location at, value v, dtype element) {
  if (value_is_poison(v)) return v;
  if (value_is(v, VALUE_TUPLE)) return by_leaf(e, at, cast_leaf, (int)element, 1, &v);
  node *n = value_is(v, VALUE_NUMBER) ? number_cast(e, at, v.number, element)
                                      : operate_tensor(e, at, v, DTYPE_COUNT);
  if (!n) return (value){0};
  return n->type.element == element ? value_tensor(n)
                                    : elaborator_node(e, build_cast(e->graph, n, element));
}
