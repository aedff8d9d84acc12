/* Expressions of the loop form as C text. */
#include <string.h>

#include "c_unit.h"
#include "half.h"
#include "scalar.h"

/* How tightly C's operators bind. Operands of bitwise and logical operators are put in parentheses
 * more often than C asks for, so that compilers do not warn. */
enum {
  PRIMARY,
  UNARY,
  PRODUCT,
  SUM,
  SHIFT,
  RELATION,
  EQUALITY,
  BITAND,
  BITXOR,
  BITOR,
  LOGIC_AND,
  LOGIC_OR,
  CONDITIONAL
};

static arena *memory(const c_body *b) { return b->unit->arena; }

const char *c_inside(const c_body *b, c_term t, int precedence) {
  return t.precedence <= precedence ? t.text : arena_printf(memory(b), "(%s)", t.text);
}

static c_term primary(c_type type, const char *text) {
  return (c_term){.text = text, .precedence = PRIMARY, .type = type};
}

static const c_name *lookup(const c_body *b, const void *key) {
  for (int i = b->name_count - 1; i >= 0; i--)
    if (b->names[i].key == key) return &b->names[i];
  internal_error("a name is used out of its scope");
}

static c_term constant(const c_body *b, const loop_expr *x) {
  bool real = dtype_is_float(x->type.element);
  if (half_is(x->type.element))
    return primary(c_type_of(x->type),
                   arena_printf(memory(b), "0x%04x", half_of_real(x->type.element, x->real)));
  const char *text = real ? writer_real(memory(b), x->real, x->type.element == DTYPE_F32)
                          : writer_int(memory(b), x->integer);
  bool negative = text[0] == '-';
  return (c_term){text, negative ? UNARY : PRIMARY, c_type_of(x->type), !real,
                  !real && x->integer >= 0};
}

static c_term variable(const c_body *b, const loop_expr *x) {
  const c_name *n = lookup(b, x->variable);
  return (c_term){n->text, PRIMARY, n->type, n->index, n->natural};
}

static const char *call(c_body *b, const char *function, int count, const c_term *arguments) {
  const char *list = "";
  for (int i = 0; i < count; i++)
    list = arena_printf(memory(b), "%s%s%s", list, i ? ", " : "", arguments[i].text);
  return arena_printf(memory(b), "%s(%s)", function, list);
}

/* ---- truths -------------------------------------------------------------------------------- */

static c_term as_wide(c_body *b, c_term truth, dtype element) {
  c_type wanted = c_truth(element, truth.type.lanes);
  if (truth.type.lanes == 1 || truth.type.element == wanted.element) return truth;
  return primary(wanted, call(b, c_helper_cast(b->unit, truth.type, wanted), 1, &truth));
}

const char *c_mask(c_body *b, const loop_expr *mask, dtype element) {
  return as_wide(b, c_expression(b, mask), element).text;
}

/* Truths of one width: that of the first. */
static void match(c_body *b, c_term *terms, int count) {
  for (int i = 1; i < count; i++)
    if (terms[i].type.truth) terms[i] = as_wide(b, terms[i], terms[0].type.element);
}

static c_term logic(c_body *b, scalar_function f, c_term *x) {
  bool vector = x[0].type.lanes > 1;
  match(b, x, scalar_infos[f].operands);
  if (f == SCALAR_NOT)
    return (c_term){arena_printf(memory(b), "%s%s", vector ? "~" : "!", c_inside(b, x[0], PRIMARY)),
                    UNARY, x[0].type, false, false};
  bool both = f == SCALAR_AND;
  int level = vector ? (both ? BITAND : BITOR) : both ? LOGIC_AND : LOGIC_OR;
  int allowed = vector ? UNARY : EQUALITY;
  const char *sign = vector ? (both ? "&" : "|") : both ? "&&" : "||";
  int left = x[0].precedence == level ? level : allowed; /* a && b && c needs no parentheses */
  return (c_term){arena_printf(memory(b), "%s %s %s", c_inside(b, x[0], left), sign,
                               c_inside(b, x[1], allowed)),
                  level, x[0].type, false, false};
}

/* ---- operators ----------------------------------------------------------------------------- */

static int level_of(scalar_function f) {
  switch (f) {
    case SCALAR_MUL:
    case SCALAR_DIV: return PRODUCT;
    case SCALAR_ADD:
    case SCALAR_SUB: return SUM;
    case SCALAR_LT:
    case SCALAR_LE:
    case SCALAR_GT:
    case SCALAR_GE: return RELATION;
    case SCALAR_EQ:
    case SCALAR_NE: return EQUALITY;
    case SCALAR_BITAND: return BITAND;
    case SCALAR_BITXOR: return BITXOR;
    default: return BITOR;
  }
}

/* What stands between the operands in the row's C text, "$0 + $1". */
static const char *sign_of(const c_body *b, scalar_function f) {
  const char *text = scalar_infos[f].c + 3;
  return arena_text_n(memory(b), text, strcspn(text, " "));
}

static bool is_bitwise(scalar_function f) {
  return f == SCALAR_BITAND || f == SCALAR_BITOR || f == SCALAR_BITXOR;
}

static c_term infix(c_body *b, const char *sign, int level, c_type type, c_term x, c_term y) {
  bool sums = level == PRODUCT || level == SUM;
  int left = sums ? level : level >= BITAND ? UNARY : SUM;
  int right = sums ? level - 1 : left;
  const char *text = arena_printf(memory(b), "%s %s %s", c_inside(b, x, left), sign,
                                  c_inside(b, y, right));
  return (c_term){.text = text, .precedence = level, .type = type};
}

static bool is_comparison(scalar_function f) { return scalar_infos[f].kind == SCALAR_KIND_COMPARE; }

/* Comparisons of bool vectors: as bytes 0 and 1, since true is -1 in a mask. */
static c_term as_number(c_body *b, c_term t) {
  if (!t.type.truth || t.type.lanes == 1) return t;
  c_term number = {arena_printf(memory(b), "%s & 1", c_inside(b, t, UNARY)), BITAND, t.type, false,
                   false};
  number.type.truth = false;
  return number;
}

static c_term comparison(c_body *b, scalar_function f, c_term *x) {
  match(b, x, 2);
  c_type type = c_truth(x[0].type.element, x[0].type.lanes);
  return infix(b, sign_of(b, f), level_of(f), type, as_number(b, x[0]), as_number(b, x[1]));
}

/* Arithmetic of index expressions, which stays within int64 by construction. */
static bool index_arithmetic(c_body *b, scalar_function f, const c_term *x, c_term *result) {
  if (!x[0].index || !x[1].index) return false;
  bool natural = x[0].natural && x[1].natural;
  const char *sign;
  int level = PRODUCT;
  switch (f) {
    case SCALAR_ADD:
    case SCALAR_SUB:
    case SCALAR_MUL: sign = sign_of(b, f), level = level_of(f); break;
    case SCALAR_FLOORDIV: sign = natural ? "/" : NULL; break;
    case SCALAR_MOD: sign = natural ? "%" : NULL; break;
    default: return false;
  }
  if (!sign) return false;
  bool minus = f == SCALAR_ADD && x[1].text[0] == '-' && x[1].precedence == UNARY;
  c_term right = x[1];
  if (minus) right.text++;
  *result = infix(b, minus ? "-" : sign, level, x[0].type, x[0], right);
  result->index = true;
  result->natural = natural && f != SCALAR_SUB;
  return true;
}

/* The result of a division is one by a constant, which the callers of index_arithmetic rely on. */
static bool positive_constant(const loop_expr *x) {
  int64_t value;
  return loop_is_int(x, &value) && value > 0;
}

static c_term helper(c_body *b, scalar_function f, c_type type, const c_term *x) {
  return primary(type, call(b, c_helper_op(b->unit, f, type), scalar_infos[f].operands, x));
}

/* A number for all lanes stands beside a vector as it is: v * 0.5f. */
static c_term operand_of_arithmetic(c_body *b, const loop_expr *x, const loop_expr *other) {
  bool alone = x->kind == LOOP_SPLAT && other && other->kind != LOOP_SPLAT;
  return c_expression(b, alone ? x->operands[0] : x);
}

static c_term real_arithmetic(c_body *b, const loop_expr *x) {
  scalar_function f = x->function;
  c_type type = c_type_of(x->type);
  if (f == SCALAR_NEG) {
    c_term operand = c_expression(b, x->operands[0]);
    return (c_term){arena_printf(memory(b), "-%s", c_inside(b, operand, PRIMARY)), UNARY, type,
                    false, false};
  }
  c_term left = operand_of_arithmetic(b, x->operands[0], x->operands[1]);
  c_term right = operand_of_arithmetic(b, x->operands[1], x->operands[0]);
  return infix(b, sign_of(b, f), level_of(f), type, left, right);
}

static c_term select_op(c_body *b, const loop_expr *x) {
  c_term t[3];
  for (int i = 0; i < 3; i++) t[i] = c_expression(b, x->operands[i]);
  if (t[1].type.truth) match(b, t + 1, 2);
  c_type type = t[1].type;
  if (type.lanes == 1) {
    const char *text = arena_printf(memory(b), "%s ? %s : %s", c_inside(b, t[0], LOGIC_OR),
                                    c_inside(b, t[1], LOGIC_OR), c_inside(b, t[2], LOGIC_OR));
    return (c_term){text, CONDITIONAL, type, false, false};
  }
  t[0] = as_wide(b, t[0], type.element);
  return primary(type, call(b, c_helper_select(b->unit, type), 3, t));
}

static bool is_splat_of(const loop_expr *x, int64_t low, int64_t high) {
  while (x->kind == LOOP_SPLAT) x = x->operands[0];
  return x->kind == LOOP_CONSTANT && x->integer >= low && x->integer <= high;
}

/* The operand of a product of words: a constant, or what has its upper half cleared; NULL: neither. */
static const loop_expr *word(const loop_expr *x) {
  const int64_t most = 0xffffffff;
  if (is_splat_of(x, 0, most)) return x;
  bool cleared = x->kind == LOOP_OP && x->function == SCALAR_BITAND && is_splat_of(x->operands[1], most, most);
  return cleared ? x->operands[0] : NULL;
}

static bool multiplies_words(const loop_expr *x) {
  return x->function == SCALAR_MUL && x->type.lanes > 1 && x->type.element == DTYPE_I64 &&
         word(x->operands[0]) && word(x->operands[1]);
}

static c_term word_product(c_body *b, const loop_expr *x) {
  c_type type = c_type_of(x->type);
  c_term t[] = {c_expression(b, word(x->operands[0])), c_expression(b, word(x->operands[1]))};
  return primary(type, call(b, c_helper_multiply_words(b->unit, type), 2, t));
}

static c_term int_op(c_body *b, const loop_expr *x) {
  if (multiplies_words(x)) return word_product(b, x);
  scalar_function f = x->function;
  c_type type = c_type_of(x->type);
  c_term t[3] = {{0}}, result;
  for (int i = 0; i < x->operand_count; i++) t[i] = c_expression(b, x->operands[i]);
  bool divides = f == SCALAR_FLOORDIV || f == SCALAR_MOD;
  if (x->operand_count == 2 && type.lanes == 1 && type.element == DTYPE_I64 &&
      (!divides || positive_constant(x->operands[1])) && index_arithmetic(b, f, t, &result))
    return result;
  if (is_bitwise(f)) return infix(b, sign_of(b, f), level_of(f), type, t[0], t[1]);
  result = helper(b, f, type, t);
  result.index = x->operand_count == 2 && t[0].index && t[1].index;
  return result;
}

static c_term operation(c_body *b, const loop_expr *x) {
  scalar_function f = x->function;
  const loop_expr *first = x->operands[0];
  c_term t[2];
  if (f == SCALAR_STOP) return c_expression(b, first);
  if (f == SCALAR_SELECT) return select_op(b, x);
  if (f == SCALAR_AND || f == SCALAR_OR || f == SCALAR_NOT || is_comparison(f)) {
    for (int i = 0; i < x->operand_count; i++) t[i] = c_expression(b, x->operands[i]);
    return is_comparison(f) ? comparison(b, f, t) : logic(b, f, t);
  }
  if (f == SCALAR_ISNAN) {
    t[0] = t[1] = c_expression(b, first);
    return infix(b, "!=", EQUALITY, c_truth(first->type.element, first->type.lanes), t[0], t[1]);
  }
  if (!dtype_is_float(x->type.element)) return int_op(b, x);
  if (scalar_infos[f].c[0]) return real_arithmetic(b, x);
  c_term all[3];
  for (int i = 0; i < x->operand_count; i++) all[i] = c_expression(b, x->operands[i]);
  return helper(b, f, c_type_of(x->type), all);
}

/* ---- conversions --------------------------------------------------------------------------- */

static c_term cast_to_bool(c_body *b, c_term t) {
  if (t.type.truth) return t;
  const char *zero = t.type.lanes == 1
                         ? "0"
                         : arena_printf(memory(b), "(%s){0}", c_spelling(b->unit, t.type));
  return infix(b, "!=", EQUALITY, c_truth(t.type.element, t.type.lanes), t, primary(t.type, zero));
}

static c_term cast(c_body *b, const loop_expr *x) {
  c_term t = c_expression(b, x->operands[0]);
  c_type to = c_type_of(x->type);
  if (x->type.element == DTYPE_BOOL) return cast_to_bool(b, t);
  if (t.type.lanes == 1) {
    bool saturates = dtype_is_float(t.type.element) && !dtype_is_float(to.element);
    bool half = half_is(t.type.element) || half_is(to.element);
    if (saturates || half) return primary(to, call(b, c_helper_cast(b->unit, t.type, to), 1, &t));
    return (c_term){arena_printf(memory(b), "(%s)%s", c_element(to.element), c_inside(b, t, UNARY)),
                    UNARY, to, false, false};
  }
  t = as_number(b, t); /* of a truth: 0 and 1 */
  if (t.type.element == to.element) return (c_term){t.text, t.precedence, to, false, false};
  return primary(to, call(b, c_helper_cast(b->unit, t.type, to), 1, &t));
}

static c_term bitcast(c_body *b, const loop_expr *x) {
  c_term t = c_expression(b, x->operands[0]);
  c_type to = c_type_of(x->type);
  if (to.lanes == 1) return primary(to, call(b, c_helper_bits(b->unit, t.type, to), 1, &t));
  return (c_term){arena_printf(memory(b), "(%s)%s", c_spelling(b->unit, to), c_inside(b, t, UNARY)),
                  UNARY, to, false, false};
}

/* ---- lanes --------------------------------------------------------------------------------- */

static c_term splat(c_body *b, const loop_expr *x) {
  c_term t = c_expression(b, x->operands[0]);
  c_type type = c_type_of(x->type);
  if (!t.type.truth) return primary(type, call(b, c_helper_splat(b->unit, type), 1, &t));
  t = (c_term){arena_printf(memory(b), "-%s", c_inside(b, t, PRIMARY)), UNARY, t.type, false,
               false};
  return primary(type, call(b, c_helper_splat(b->unit, type), 1, &t));
}

static c_term ramp(c_body *b, const loop_expr *x) {
  c_term t[2] = {c_expression(b, x->operands[0]), c_expression(b, x->operands[1])};
  c_type type = c_type_of(x->type);
  return primary(type, call(b, c_helper_ramp(b->unit, type), 2, t));
}

static c_term reduction(c_body *b, const loop_expr *x) {
  c_term t = c_expression(b, x->operands[0]);
  const char *text = call(b, c_helper_reduce(b->unit, x->function, t.type), 1, &t);
  if (!t.type.truth) return primary(c_type_of(x->type), text);
  return infix(b, "!=", EQUALITY, c_scalar(DTYPE_BOOL), primary(t.type, text),
               primary(t.type, "0"));
}

static c_term extraction(c_body *b, const loop_expr *x) {
  c_term t = c_expression(b, x->operands[0]);
  const char *text = arena_printf(memory(b), "%s[%d]", c_inside(b, t, PRIMARY), x->lane);
  if (!t.type.truth) return primary(c_type_of(x->type), text);
  return infix(b, "!=", EQUALITY, c_scalar(DTYPE_BOOL), primary(t.type, text),
               primary(t.type, "0"));
}

static c_term insertion(c_body *b, const loop_expr *x) {
  c_term vector = c_expression(b, x->operands[0]), value = c_expression(b, x->operands[1]);
  const char *text = value.type.truth ? arena_printf(memory(b), "-%s", c_inside(b, value, PRIMARY))
                                      : value.text;
  return primary(vector.type,
                 arena_printf(memory(b), "%s(%s, %d, %s)", c_helper_insert(b->unit, vector.type),
                              vector.text, x->lane, text));
}

static c_term shuffle(c_body *b, const loop_expr *x) {
  c_term t[2] = {c_expression(b, x->operands[0]), c_expression(b, x->operands[1])};
  if (t[0].type.truth) match(b, t, 2);
  const char *picks = "";
  for (int i = 0; i < x->type.lanes; i++)
    picks = arena_printf(memory(b), "%s, %d", picks, x->picks[i]);
  c_type type = {t[0].type.element, x->type.lanes, t[0].type.truth};
  return primary(type, arena_printf(memory(b), "__builtin_shufflevector(%s, %s%s)", t[0].text,
                                    t[1].text, picks));
}

/* ---- memory -------------------------------------------------------------------------------- */

/* "acc_3" for acc[3]. */
static const char *register_name(c_body *b, const loop_buffer *buffer,
                                 const loop_expr *const *index) {
  const char *name = lookup(b, buffer)->text;
  for (int i = 0; i < buffer->rank; i++) {
    int64_t at;
    if (!loop_is_int(index[i], &at))
      internal_error("%s: the index of a register varies", buffer->name);
    name = arena_printf(memory(b), "%s_%lld", name, (long long)at);
  }
  return name;
}

/* The element's number in row-major order. */
static const char *flat(c_body *b, const loop_buffer *buffer, const loop_expr *const *index) {
  arena *a = memory(b);
  const loop_expr *sum = loop_int(a, 0);
  int64_t stride = 1;
  for (int i = buffer->rank - 1; i >= 0; i--) {
    sum = loop_add(a, loop_mul(a, index[i], loop_int(a, stride)), sum);
    stride *= buffer->extents[i];
  }
  return c_expression(b, sum).text;
}

const char *c_place(c_body *b, const loop_buffer *buffer, const loop_expr *const *index) {
  if (buffer->space == LOOP_REG) return register_name(b, buffer, index);
  return arena_printf(memory(b), "%s[%s]", lookup(b, buffer)->text, flat(b, buffer, index));
}

const char *c_address(c_body *b, const loop_buffer *buffer, const loop_expr *const *index) {
  return arena_printf(memory(b), "&%s", c_place(b, buffer, index));
}

/* All lanes or none: a branch, since processors take hundreds of cycles for a load that is masked off where there is
 * no memory. */
static c_term load_or_zeros(c_body *b, const loop_expr *x, c_type type) {
  const c_term whether = c_expression(b, x->mask->operands[0]);
  const char *loaded = arena_printf(memory(b), "%s(%s)", c_helper_load(b->unit, type), c_address(b, x->buffer, x->operands));
  return (c_term){arena_printf(memory(b), "%s ? %s : (%s){0}", c_inside(b, whether, LOGIC_OR), loaded, c_spelling(b->unit, type)),
                  CONDITIONAL, type, false, false};
}

static c_term masked_load(c_body *b, const loop_expr *x) {
  c_unit *u = b->unit;
  c_type type = c_vector(x->type.element == DTYPE_BOOL ? DTYPE_U8 : x->type.element, x->type.lanes);
  if (type.lanes == 1) {
    const char *text = arena_printf(memory(b), "%s ? %s : 0", c_inside(b, c_expression(b, x->mask), LOGIC_OR),
                                    c_place(b, x->buffer, x->operands));
    return (c_term){text, CONDITIONAL, c_type_of(x->type), false, false};
  }
  const c_term loaded = x->mask->kind == LOOP_SPLAT
                            ? load_or_zeros(b, x, type)
                            : primary(type, arena_printf(memory(b), "%s(%s, %s)", c_helper_load_masked(u, type),
                                                         c_address(b, x->buffer, x->operands), c_mask(b, x->mask, type.element)));
  return x->type.element == DTYPE_BOOL ? cast_to_bool(b, loaded) : loaded;
}

static c_term load(c_body *b, const loop_expr *x) {
  const loop_buffer *buffer = x->buffer;
  if (buffer->space == LOOP_REG) {
    c_term held = primary(c_type_of(buffer->type), register_name(b, buffer, x->operands));
    if (x->mask) internal_error("%s: a masked load of a register", buffer->name);
    return held;
  }
  if (x->mask) return masked_load(b, x);
  if (x->type.lanes == 1) {
    c_term element = primary(c_type_of(x->type), c_place(b, buffer, x->operands));
    if (!element.type.truth) return element;
    return infix(b, "!=", EQUALITY, element.type, element, primary(element.type, "0"));
  }
  c_type type = x->type.element == DTYPE_BOOL ? (c_type){DTYPE_I8, x->type.lanes, true}
                                              : c_type_of(x->type);
  return primary(type, arena_printf(memory(b), "%s(%s)", c_helper_load(b->unit, type),
                                    c_address(b, buffer, x->operands)));
}

static c_term call_of(c_body *b, const loop_expr *x) {
  c_term arguments[8];
  ensure(x->operand_count <= 8);
  c_function(b->unit, x->callee);
  for (int i = 0; i < x->operand_count; i++) arguments[i] = c_expression(b, x->operands[i]);
  return primary(c_type_of(x->type), call(b, x->callee->name, x->operand_count, arguments));
}

c_term c_expression(c_body *b, const loop_expr *x) {
  switch (x->kind) {
    case LOOP_CONSTANT: return constant(b, x);
    case LOOP_VARIABLE: return variable(b, x);
    case LOOP_LOAD: return load(b, x);
    case LOOP_OP: return operation(b, x);
    case LOOP_CAST: return cast(b, x);
    case LOOP_BITCAST: return bitcast(b, x);
    case LOOP_SPLAT: return splat(b, x);
    case LOOP_RAMP: return ramp(b, x);
    case LOOP_REDUCE: return reduction(b, x);
    case LOOP_EXTRACT: return extraction(b, x);
    case LOOP_INSERT: return insertion(b, x);
    case LOOP_SHUFFLE: return shuffle(b, x);
    case LOOP_CALL: return call_of(b, x);
  }
  internal_error("expression of kind %d", (int)x->kind);
}
