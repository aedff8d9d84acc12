/* Builders of the loop form. Integer arithmetic is brought to one shape as it is built: constants
 * fold, stand on the right and gather at the outside, so that index expressions stay short. Wrapping
 * integers form a ring, so this changes no value; floating arithmetic is never touched. */
#include "loop.h"

#include "scalar.h"

loop_type loop_scalar(dtype element) { return (loop_type){element, 1}; }
loop_type loop_vector(dtype element, int lanes) { return (loop_type){element, lanes}; }

static loop_expr *expr_new(arena *a, loop_expr_kind kind, loop_type type, int operand_count,
                           const loop_expr *const *operands) {
  loop_expr *e = arena_new_of(a, loop_expr);
  const loop_expr **copy = arena_array_of(a, operand_count, const loop_expr *);
  for (int i = 0; i < operand_count; i++) {
    ensure(operands[i]);
    copy[i] = operands[i];
  }
  e->kind = kind;
  e->type = type;
  e->operand_count = operand_count;
  e->operands = copy;
  return e;
}

/* ---- constants ----------------------------------------------------------------------------- */

/* The interpreters have their own arithmetic (scalar.h), so that a mistake here shows there. */
static int64_t wrapped(dtype element, int64_t value) {
  switch (element) {
  case DTYPE_BOOL: return value != 0;
  case DTYPE_U8: return value & 0xff;
  case DTYPE_I8: return ((value & 0xff) ^ 0x80) - 0x80;
  case DTYPE_I32: return ((value & 0xffffffff) ^ 0x80000000) - 0x80000000;
  default: return value;
  }
}

/* Rounded to minus infinity, for y > 0. */
static int64_t quotient(int64_t x, int64_t y) {
  return x >= 0 ? x / y : -1 - (-1 - x) / y;
}

/* The value of a function of integers, before it is wrapped; false where it stays an operation. */
static bool folded(scalar_function f, int64_t x, int64_t y, int64_t *value) {
  uint64_t a = (uint64_t)x, b = (uint64_t)y;
  switch (f) {
  case SCALAR_ADD: *value = (int64_t)(a + b); return true;
  case SCALAR_SUB: *value = (int64_t)(a - b); return true;
  case SCALAR_MUL: *value = (int64_t)(a * b); return true;
  case SCALAR_FLOORDIV: *value = y > 0 ? quotient(x, y) : 0; return y > 0;
  case SCALAR_MOD: *value = y > 0 ? x - quotient(x, y) * y : 0; return y > 0;
  case SCALAR_MAXIMUM: *value = x > y ? x : y; return true;
  case SCALAR_MINIMUM: *value = x < y ? x : y; return true;
  case SCALAR_EQ: *value = x == y; return true;
  case SCALAR_NE: *value = x != y; return true;
  case SCALAR_LT: *value = x < y; return true;
  case SCALAR_LE: *value = x <= y; return true;
  case SCALAR_GT: *value = x > y; return true;
  case SCALAR_GE: *value = x >= y; return true;
  default: return false;
  }
}

/* ---- leaves -------------------------------------------------------------------------------- */

const loop_expr *loop_constant(arena *a, dtype element, double real, int64_t integer) {
  loop_expr *e = expr_new(a, LOOP_CONSTANT, loop_scalar(element), 0, NULL);
  if (dtype_is_float(element))
    e->real = element == DTYPE_F32 ? (double)(float)real : real;
  else
    e->integer = wrapped(element, integer);
  return e;
}

const loop_expr *loop_int(arena *a, int64_t value) {
  return loop_constant(a, DTYPE_I64, 0, value);
}

const loop_expr *loop_var(arena *a, const loop_variable *v) {
  loop_expr *e = expr_new(a, LOOP_VARIABLE, v->type, 0, NULL);
  e->variable = v;
  return e;
}

bool loop_is_int(const loop_expr *x, int64_t *value) {
  if (x->kind != LOOP_CONSTANT || dtype_is_float(x->type.element)) return false;
  *value = x->integer;
  return true;
}

static bool is_int(const loop_expr *x, int64_t value) {
  int64_t v;
  return loop_is_int(x, &v) && v == value;
}

/* ---- operations ---------------------------------------------------------------------------- */

static const loop_expr *op_new(arena *a, scalar_function f, const loop_expr *const *operands) {
  dtype elements[3], result;
  int count = scalar_infos[f].operands;
  for (int i = 0; i < count; i++) {
    ensure(operands[i]);
    elements[i] = operands[i]->type.element;
    if (operands[i]->type.lanes != operands[0]->type.lanes)
      internal_error("%s of %d and %d lanes", scalar_infos[f].name, operands[0]->type.lanes,
                     operands[i]->type.lanes);
  }
  const char *wrong = scalar_type(a, f, elements, &result);
  if (wrong) internal_error("loop form: %s", wrong);
  loop_expr *e =
      expr_new(a, LOOP_OP, loop_vector(result, operands[0]->type.lanes), count, operands);
  e->function = f;
  return e;
}

static const loop_expr *op2(arena *a, scalar_function f, const loop_expr *x, const loop_expr *y) {
  return op_new(a, f, (const loop_expr *[]){x, y});
}

/* The constant operand of x ⊕ constant. */
static bool has_constant(const loop_expr *x, scalar_function f, int64_t *constant) {
  return x->kind == LOOP_OP && x->function == f && loop_is_int(x->operands[1], constant);
}

static const loop_expr *constant_like(arena *a, const loop_expr *x, uint64_t value) {
  return loop_constant(a, x->type.element, 0, (int64_t)value);
}

static const loop_expr *int_add(arena *a, const loop_expr *x, const loop_expr *y) {
  int64_t c, d;
  if (loop_is_int(x, &c)) {
    const loop_expr *swapped = x;
    x = y;
    y = swapped;
  }
  if (is_int(y, 0)) return x;
  if (has_constant(x, SCALAR_ADD, &c)) {
    const loop_expr *rest = x->operands[0];
    if (loop_is_int(y, &d)) return int_add(a, rest, constant_like(a, x, (uint64_t)c + (uint64_t)d));
    return int_add(a, int_add(a, rest, y), constant_like(a, x, (uint64_t)c));
  }
  if (has_constant(y, SCALAR_ADD, &c))
    return int_add(a, int_add(a, x, y->operands[0]), constant_like(a, x, (uint64_t)c));
  return op2(a, SCALAR_ADD, x, y);
}

static const loop_expr *int_mul(arena *a, const loop_expr *x, const loop_expr *y) {
  int64_t c, d;
  if (loop_is_int(x, &c)) {
    const loop_expr *swapped = x;
    x = y;
    y = swapped;
  }
  if (is_int(y, 0)) return y;
  if (is_int(y, 1)) return x;
  if (loop_is_int(y, &d)) {
    if (has_constant(x, SCALAR_MUL, &c))
      return int_mul(a, x->operands[0], constant_like(a, x, (uint64_t)c * (uint64_t)d));
    if (has_constant(x, SCALAR_ADD, &c))
      return int_add(a, int_mul(a, x->operands[0], y),
                     constant_like(a, x, (uint64_t)c * (uint64_t)d));
  }
  return op2(a, SCALAR_MUL, x, y);
}

/* An integer function of scalars, simplified; NULL where nothing is known. */
static const loop_expr *simplified(arena *a, scalar_function f, const loop_expr *x,
                                   const loop_expr *y) {
  int64_t c, d, value;
  if (loop_is_int(x, &c) && y && loop_is_int(y, &d) && folded(f, c, d, &value)) {
    bool truth = scalar_infos[f].kind == SCALAR_KIND_COMPARE;
    return loop_constant(a, truth ? DTYPE_BOOL : x->type.element, 0, value);
  }
  switch (f) {
  case SCALAR_ADD: return int_add(a, x, y);
  case SCALAR_SUB:
    return loop_is_int(y, &c) ? int_add(a, x, constant_like(a, x, 0 - (uint64_t)c)) : NULL;
  case SCALAR_MUL: return int_mul(a, x, y);
  case SCALAR_FLOORDIV: return is_int(y, 1) ? x : NULL;
  case SCALAR_MOD: return is_int(y, 1) ? constant_like(a, x, 0) : NULL;
  case SCALAR_AND: return is_int(x, 0) || is_int(y, 1) ? x : is_int(y, 0) || is_int(x, 1) ? y : NULL;
  case SCALAR_OR: return is_int(x, 1) || is_int(y, 0) ? x : is_int(y, 1) || is_int(x, 0) ? y : NULL;
  default: return NULL;
  }
}

const loop_expr *loop_op(arena *a, scalar_function f, const loop_expr *x, const loop_expr *y,
                         const loop_expr *z) {
  int64_t condition;
  ensure(x && (scalar_infos[f].operands < 2 || y) && (scalar_infos[f].operands < 3 || z));
  if (f == SCALAR_SELECT && loop_is_int(x, &condition)) return condition ? y : z;
  bool integers = !dtype_is_float(x->type.element) && x->type.lanes == 1;
  bool binary = scalar_infos[f].operands == 2;
  if (integers && f != SCALAR_SELECT && (!binary || y->type.element == x->type.element)) {
    const loop_expr *known = simplified(a, f, x, binary ? y : NULL);
    if (known) return known;
  }
  return op_new(a, f, (const loop_expr *[]){x, y, z});
}

const loop_expr *loop_add(arena *a, const loop_expr *x, const loop_expr *y) {
  return loop_op(a, SCALAR_ADD, x, y, NULL);
}

const loop_expr *loop_mul(arena *a, const loop_expr *x, const loop_expr *y) {
  return loop_op(a, SCALAR_MUL, x, y, NULL);
}

const loop_expr *loop_fma(arena *a, const loop_expr *x, const loop_expr *y, const loop_expr *z) {
  return loop_op(a, SCALAR_FMA, x, y, z);
}

/* The same truth in all lanes. */
static bool is_truth(const loop_expr *x, bool truth) {
  if (x->kind == LOOP_SPLAT) x = x->operands[0];
  return x->type.element == DTYPE_BOOL && is_int(x, truth);
}

const loop_expr *loop_select(arena *a, const loop_expr *c, const loop_expr *x,
                             const loop_expr *y) {
  if (is_truth(x, true) && is_truth(y, false)) return c;
  if (is_truth(c, true)) return x;
  if (is_truth(c, false)) return y;
  return loop_op(a, SCALAR_SELECT, c, x, y);
}

const loop_expr *loop_cast(arena *a, const loop_expr *x, dtype element) {
  int64_t value;
  if (x->type.element == element) return x;
  if (loop_is_int(x, &value) && !dtype_is_float(element))
    return loop_constant(a, element, 0, value);
  return expr_new(a, LOOP_CAST, loop_vector(element, x->type.lanes), 1, &x);
}

const loop_expr *loop_bitcast(arena *a, const loop_expr *x, dtype element) {
  ensure(dtype_size(element) == dtype_size(x->type.element));
  if (x->type.element == element) return x;
  return expr_new(a, LOOP_BITCAST, loop_vector(element, x->type.lanes), 1, &x);
}

/* ---- lanes --------------------------------------------------------------------------------- */

static void check_lanes(int lanes) {
  if (lanes < 1 || lanes > LOOP_MAX_LANES || (lanes & (lanes - 1)) != 0)
    internal_error("a vector of %d lanes", lanes);
}

const loop_expr *loop_splat(arena *a, const loop_expr *x, int lanes) {
  check_lanes(lanes);
  if (x->type.lanes == lanes) return x;
  ensure(x->type.lanes == 1);
  return expr_new(a, LOOP_SPLAT, loop_vector(x->type.element, lanes), 1, &x);
}

const loop_expr *loop_ramp(arena *a, const loop_expr *base, const loop_expr *step, int lanes) {
  check_lanes(lanes);
  ensure(base->type.lanes == 1 && step->type.lanes == 1);
  ensure(dtype_is_integer(base->type.element) && base->type.element == step->type.element);
  if (lanes == 1) return base;
  return expr_new(a, LOOP_RAMP, loop_vector(base->type.element, lanes), 2,
                  (const loop_expr *[]){base, step});
}

const loop_expr *loop_reduce(arena *a, scalar_function f, const loop_expr *x) {
  if (x->type.lanes == 1) return x;
  loop_expr *e = expr_new(a, LOOP_REDUCE, loop_scalar(x->type.element), 1, &x);
  e->function = f;
  return e;
}

const loop_expr *loop_extract(arena *a, const loop_expr *x, int lane) {
  ensure(lane >= 0 && lane < x->type.lanes);
  if (x->type.lanes == 1) return x;
  loop_expr *e = expr_new(a, LOOP_EXTRACT, loop_scalar(x->type.element), 1, &x);
  e->lane = lane;
  return e;
}

const loop_expr *loop_insert(arena *a, const loop_expr *x, int lane, const loop_expr *value) {
  ensure(lane >= 0 && lane < x->type.lanes);
  ensure(value->type.lanes == 1 && value->type.element == x->type.element);
  if (x->type.lanes == 1) return value;
  loop_expr *e = expr_new(a, LOOP_INSERT, x->type, 2, (const loop_expr *[]){x, value});
  e->lane = lane;
  return e;
}

const loop_expr *loop_shuffle(arena *a, const loop_expr *x, const loop_expr *y, int lanes,
                              const int *picks) {
  check_lanes(lanes);
  ensure(lanes > 1 && x->type.lanes > 1);
  ensure(x->type.element == y->type.element && x->type.lanes == y->type.lanes);
  loop_expr *e = expr_new(a, LOOP_SHUFFLE, loop_vector(x->type.element, lanes), 2,
                          (const loop_expr *[]){x, y});
  int *copy = arena_array_of(a, lanes, int);
  for (int i = 0; i < lanes; i++) {
    ensure(picks[i] >= 0 && picks[i] < 2 * x->type.lanes);
    copy[i] = picks[i];
  }
  e->picks = copy;
  return e;
}

/* ---- memory and calls ---------------------------------------------------------------------- */

const loop_expr *loop_load(arena *a, const loop_buffer *b, const loop_expr *const *index, int lanes,
                           const loop_expr *mask) {
  check_lanes(lanes);
  loop_type type = b->space == LOOP_REG ? b->type : loop_vector(b->type.element, lanes);
  loop_expr *e = expr_new(a, LOOP_LOAD, type, b->rank, index);
  e->buffer = b;
  e->mask = mask;
  return e;
}

const loop_expr *loop_call(arena *a, const loop_function *f, const loop_expr *const *arguments) {
  loop_expr *e = expr_new(a, LOOP_CALL, f->type, f->parameter_count, arguments);
  e->callee = f;
  return e;
}

loop_variable *loop_variable_new(arena *a, const char *name, loop_type type) {
  loop_variable *v = arena_new_of(a, loop_variable);
  *v = (loop_variable){arena_text(a, name), type};
  return v;
}

loop_buffer *loop_buffer_new(arena *a, const char *name, loop_space space, loop_type type, int rank,
                             const int64_t *extents) {
  loop_buffer *b = arena_new_of(a, loop_buffer);
  ensure(rank >= 0 && rank <= MAX_RANK);
  *b = (loop_buffer){.name = arena_text(a, name), .space = space, .type = type, .rank = rank};
  for (int i = 0; i < rank; i++) b->extents[i] = extents[i];
  return b;
}

int64_t loop_buffer_elements(const loop_buffer *b) {
  int64_t count = 1;
  for (int i = 0; i < b->rank; i++) count *= b->extents[i];
  return count;
}

/* ---- statements ---------------------------------------------------------------------------- */

void loop_append(arena *a, loop_block *block, loop_stmt *s) {
  arena_push(a, block->statements, block->count) = s;
}

void loop_append_all(arena *a, loop_block *block, const loop_block *more) {
  for (int i = 0; i < more->count; i++) loop_append(a, block, more->statements[i]);
}

static loop_stmt *stmt_new(arena *a, loop_block *block, loop_stmt_kind kind) {
  loop_stmt *s = arena_new_of(a, loop_stmt);
  s->kind = kind;
  loop_append(a, block, s);
  return s;
}

loop_stmt *loop_for(arena *a, loop_block *block, loop_for_kind kind, const loop_variable *v,
                    const loop_expr *low, const loop_expr *high, int64_t step) {
  ensure(step > 0);
  loop_stmt *s = stmt_new(a, block, LOOP_FOR);
  s->for_kind = kind;
  s->variable = v;
  s->low = low;
  s->high = high;
  s->step = step;
  return s;
}

void loop_alloc(arena *a, loop_block *block, loop_buffer *b, const loop_expr *initial) {
  loop_stmt *s = stmt_new(a, block, LOOP_ALLOC);
  s->buffer = b;
  s->value = initial;
}

const loop_expr *loop_let(arena *a, loop_block *block, const char *name, const loop_expr *value) {
  if (value->kind == LOOP_CONSTANT || value->kind == LOOP_VARIABLE) return value;
  loop_stmt *s = stmt_new(a, block, LOOP_LET);
  s->variable = loop_variable_new(a, name, value->type);
  s->value = value;
  return loop_var(a, s->variable);
}

static loop_stmt *access_new(arena *a, loop_block *block, loop_stmt_kind kind, loop_buffer *b,
                             const loop_expr *const *index) {
  loop_stmt *s = stmt_new(a, block, kind);
  const loop_expr **copy = arena_array_of(a, b->rank, const loop_expr *);
  for (int i = 0; i < b->rank; i++) copy[i] = index[i];
  s->buffer = b;
  s->index = copy;
  return s;
}

void loop_fetch(arena *a, loop_block *block, int cache, loop_buffer *b, const loop_expr *const *index) {
  access_new(a, block, LOOP_FETCH, b, index)->cache = cache;
}

void loop_store(arena *a, loop_block *block, loop_buffer *b, const loop_expr *const *index,
                const loop_expr *value, const loop_expr *mask) {
  loop_stmt *s = access_new(a, block, LOOP_STORE, b, index);
  s->value = value;
  s->mask = mask;
}

loop_stmt *loop_if(arena *a, loop_block *block, const loop_expr *condition) {
  loop_stmt *s = stmt_new(a, block, LOOP_IF);
  s->condition = condition;
  return s;
}

void loop_comment(arena *a, loop_block *block, const char *text) {
  stmt_new(a, block, LOOP_COMMENT)->text = text;
}

const loop_stmt *loop_tasks(const loop_kernel *k) {
  if (k->body.count != 1) return NULL;
  const loop_stmt *s = k->body.statements[0];
  return s->kind == LOOP_FOR && s->for_kind == LOOP_TASK ? s : NULL;
}

loop_kernel *loop_kernel_new(arena *a, const char *name) {
  loop_kernel *k = arena_new_of(a, loop_kernel);
  k->name = name;
  return k;
}

void loop_add_parameter(arena *a, loop_kernel *k, loop_buffer *b, loop_access access) {
  ensure(b->space == LOOP_PARAMETER && b->type.lanes == 1);
  b->access = access;
  arena_push(a, k->parameters, k->parameter_count) = b;
}
