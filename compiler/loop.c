/* Builders of the loop form. Integer scalar expressions are simplified as they are made, so that
 * addresses print short; floating arithmetic is left as it stands, since it rounds. */
#include "loop.h"

#include <string.h>

#include "scalar.h"

loop_type loop_scalar(dtype element) { return (loop_type){element, 1}; }
loop_type loop_vector(dtype element, int lanes) { return (loop_type){element, lanes}; }

static loop_expr *expr_new(arena *a, loop_expr_kind kind, loop_type type) {
  loop_expr *x = arena_new_of(a, loop_expr);
  x->kind = kind;
  x->type = type;
  return x;
}

static loop_expr *expr_with(arena *a, loop_expr_kind kind, loop_type type, int count,
                            const loop_expr *const *operands) {
  loop_expr *x = expr_new(a, kind, type);
  x->operand_count = count;
  x->operands = arena_grow(a, operands, (size_t)count, (size_t)count, sizeof *operands);
  return x;
}

const loop_expr *loop_constant(arena *a, dtype element, double real, int64_t integer) {
  loop_expr *x = expr_new(a, LOOP_CONSTANT, loop_scalar(element));
  if (dtype_is_float(element))
    x->real = real;
  else
    x->integer = integer;
  return x;
}

const loop_expr *loop_int(arena *a, int64_t value) {
  return loop_constant(a, DTYPE_I64, 0, value);
}

const loop_expr *loop_var(arena *a, const loop_variable *v) {
  loop_expr *x = expr_new(a, LOOP_VARIABLE, v->type);
  x->variable = v;
  return x;
}

bool loop_is_int(const loop_expr *x, int64_t *value) {
  if (x->kind != LOOP_CONSTANT || dtype_is_float(x->type.element)) return false;
  *value = x->integer;
  return true;
}

/* ---- operations ---------------------------------------------------------------------------- */

static loop_type op_type(scalar_function f, const loop_expr *x, const loop_expr *y) {
  switch (scalar_infos[f].kind) {
    case SCALAR_KIND_COMPARE:
    case SCALAR_KIND_TEST: return loop_vector(DTYPE_BOOL, x->type.lanes);
    case SCALAR_KIND_SELECT: return y->type;
    default: return x->type;
  }
}

static const loop_expr *op_plain(arena *a, scalar_function f, const loop_expr *x,
                                 const loop_expr *y, const loop_expr *z) {
  const loop_expr *operands[3] = {x, y, z};
  int count = z ? 3 : y ? 2 : 1;
  loop_expr *r = expr_with(a, LOOP_OP, op_type(f, x, y), count, operands);
  r->function = f;
  return r;
}

static bool is_i64(const loop_expr *x) {
  return x->type.element == DTYPE_I64 && x->type.lanes == 1;
}

static int64_t floor_div(int64_t x, int64_t y) { return x / y - ((x % y != 0) & ((x < 0) != (y < 0))); }

/* The value of an i64 operation on constants; false where it overflows or is not simplified. */
static bool fold(scalar_function f, int64_t x, int64_t y, int64_t *r) {
  switch (f) {
    case SCALAR_ADD: return !__builtin_add_overflow(x, y, r);
    case SCALAR_SUB: return !__builtin_sub_overflow(x, y, r);
    case SCALAR_MUL: return !__builtin_mul_overflow(x, y, r);
    case SCALAR_FLOORDIV: return y > 0 ? (*r = floor_div(x, y), true) : false;
    case SCALAR_MOD: return y > 0 ? (*r = x - y * floor_div(x, y), true) : false;
    case SCALAR_MAXIMUM: return *r = x > y ? x : y, true;
    case SCALAR_MINIMUM: return *r = x < y ? x : y, true;
    default: return false;
  }
}

/* x + c with the constant last and constants merged: (v + 3) + 4 is v + 7. */
static const loop_expr *add_constant(arena *a, const loop_expr *x, int64_t c) {
  int64_t inner, sum;
  if (c == 0) return x;
  if (x->kind == LOOP_OP && x->function == SCALAR_ADD && loop_is_int(x->operands[1], &inner) &&
      !__builtin_add_overflow(inner, c, &sum))
    return add_constant(a, x->operands[0], sum);
  return op_plain(a, SCALAR_ADD, x, loop_int(a, c), NULL);
}

static const loop_expr *simplified(arena *a, scalar_function f, const loop_expr *x,
                                   const loop_expr *y) {
  int64_t p = 0, q = 0, r;
  bool left = loop_is_int(x, &p), right = loop_is_int(y, &q);
  if (left && right && fold(f, p, q, &r)) return loop_int(a, r);
  switch (f) {
    case SCALAR_ADD:
      if (left) return add_constant(a, y, p);
      if (right) return add_constant(a, x, q);
      break;
    case SCALAR_SUB:
      if (right && q != INT64_MIN) return add_constant(a, x, -q);
      break;
    case SCALAR_MUL:
      if ((left && p == 0) || (right && q == 0)) return loop_int(a, 0);
      if (left && p == 1) return y;
      if (right && q == 1) return x;
      if (left) return op_plain(a, f, y, x, NULL);
      break;
    case SCALAR_FLOORDIV:
      if (right && q == 1) return x;
      break;
    case SCALAR_MOD:
      if (right && q == 1) return loop_int(a, 0);
      break;
    default: break;
  }
  return NULL;
}

const loop_expr *loop_op(arena *a, scalar_function f, const loop_expr *x, const loop_expr *y,
                         const loop_expr *z) {
  const loop_expr *short_form = y && !z && is_i64(x) && is_i64(y) ? simplified(a, f, x, y) : NULL;
  return short_form ? short_form : op_plain(a, f, x, y, z);
}

const loop_expr *loop_add(arena *a, const loop_expr *x, const loop_expr *y) {
  return loop_op(a, SCALAR_ADD, x, y, NULL);
}

const loop_expr *loop_mul(arena *a, const loop_expr *x, const loop_expr *y) {
  return loop_op(a, SCALAR_MUL, x, y, NULL);
}

const loop_expr *loop_fma(arena *a, const loop_expr *x, const loop_expr *y, const loop_expr *z) {
  return op_plain(a, SCALAR_FMA, x, y, z);
}

const loop_expr *loop_select(arena *a, const loop_expr *c, const loop_expr *x,
                             const loop_expr *y) {
  return op_plain(a, SCALAR_SELECT, c, x, y);
}

/* ---- types, lanes, memory ------------------------------------------------------------------ */

const loop_expr *loop_cast(arena *a, const loop_expr *x, dtype element) {
  if (x->type.element == element) return x;
  int64_t value;
  if (element == DTYPE_I64 && x->type.lanes == 1 && loop_is_int(x, &value))
    return loop_int(a, value);
  return expr_with(a, LOOP_CAST, loop_vector(element, x->type.lanes), 1, &x);
}

const loop_expr *loop_bitcast(arena *a, const loop_expr *x, dtype element) {
  if (x->type.element == element) return x;
  return expr_with(a, LOOP_BITCAST, loop_vector(element, x->type.lanes), 1, &x);
}

const loop_expr *loop_splat(arena *a, const loop_expr *x, int lanes) {
  if (lanes == 1 || x->type.lanes == lanes) return x;
  ensure(x->type.lanes == 1);
  return expr_with(a, LOOP_SPLAT, loop_vector(x->type.element, lanes), 1, &x);
}

const loop_expr *loop_ramp(arena *a, const loop_expr *base, const loop_expr *step, int lanes) {
  if (lanes == 1) return base;
  const loop_expr *operands[2] = {base, step};
  return expr_with(a, LOOP_RAMP, loop_vector(base->type.element, lanes), 2, operands);
}

const loop_expr *loop_reduce(arena *a, scalar_function f, const loop_expr *x) {
  if (x->type.lanes == 1) return x;
  loop_expr *r = expr_with(a, LOOP_REDUCE, loop_scalar(x->type.element), 1, &x);
  r->function = f;
  return r;
}

const loop_expr *loop_extract(arena *a, const loop_expr *x, int lane) {
  if (x->type.lanes == 1) return x;
  loop_expr *r = expr_with(a, LOOP_EXTRACT, loop_scalar(x->type.element), 1, &x);
  r->lane = lane;
  return r;
}

const loop_expr *loop_insert(arena *a, const loop_expr *x, int lane, const loop_expr *value) {
  if (x->type.lanes == 1) return value;
  const loop_expr *operands[2] = {x, value};
  loop_expr *r = expr_with(a, LOOP_INSERT, x->type, 2, operands);
  r->lane = lane;
  return r;
}

const loop_expr *loop_load(arena *a, const loop_buffer *b, const loop_expr *const *index,
                           int lanes, const loop_expr *mask) {
  /* A register's element may be a vector already; it is read whole. */
  int total = b->type.lanes > 1 ? b->type.lanes : lanes;
  loop_expr *r = expr_with(a, LOOP_LOAD, loop_vector(b->type.element, total), b->rank, index);
  r->buffer = b;
  r->mask = mask;
  return r;
}

const loop_expr *loop_call(arena *a, const loop_function *f, const loop_expr *const *arguments) {
  loop_expr *r = expr_with(a, LOOP_CALL, f->type, f->parameter_count, arguments);
  r->callee = f;
  return r;
}

/* ---- names --------------------------------------------------------------------------------- */

loop_variable *loop_variable_new(arena *a, const char *name, loop_type type) {
  loop_variable *v = arena_new_of(a, loop_variable);
  *v = (loop_variable){arena_text(a, name), type};
  return v;
}

loop_buffer *loop_buffer_new(arena *a, const char *name, loop_space space, loop_type type,
                             int rank, const int64_t *extents) {
  loop_buffer *b = arena_new_of(a, loop_buffer);
  *b = (loop_buffer){.name = arena_text(a, name), .space = space, .type = type, .rank = rank};
  if (rank) memcpy(b->extents, extents, (size_t)rank * sizeof *extents);
  return b;
}

/* ---- statements ---------------------------------------------------------------------------- */

void loop_append(arena *a, loop_block *block, loop_stmt *s) {
  arena_push(a, block->statements, block->count) = s;
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
  loop_stmt *s = stmt_new(a, block, LOOP_LET);
  s->variable = loop_variable_new(a, name, value->type);
  s->value = value;
  return loop_var(a, s->variable);
}

void loop_store(arena *a, loop_block *block, loop_buffer *b, const loop_expr *const *index,
                const loop_expr *value, const loop_expr *mask) {
  loop_stmt *s = stmt_new(a, block, LOOP_STORE);
  s->buffer = b;
  s->index = arena_grow(a, index, (size_t)b->rank, (size_t)b->rank, sizeof *index);
  s->value = value;
  s->mask = mask;
}

loop_stmt *loop_if(arena *a, loop_block *block, const loop_expr *condition) {
  loop_stmt *s = stmt_new(a, block, LOOP_IF);
  s->condition = condition;
  return s;
}

void loop_comment(arena *a, loop_block *block, const char *text) {
  stmt_new(a, block, LOOP_COMMENT)->text = arena_text(a, text);
}

loop_kernel *loop_kernel_new(arena *a, const char *name) {
  loop_kernel *k = arena_new_of(a, loop_kernel);
  k->name = arena_text(a, name);
  return k;
}

void loop_add_parameter(arena *a, loop_kernel *k, loop_buffer *b, loop_access access) {
  b->access = access;
  arena_push(a, k->parameters, k->parameter_count) = b;
}
