/* The rules of the loop form, checked on a whole kernel. */
#include <string.h>

#include "half.h"
#include "loop.h"
#include "scalar.h"
#include "vector_math.h"

typedef struct scope {
  const struct scope *outer;
  const void *item; /* a variable or buffer that may be used */
  bool known;       /* a variable that unrolling replaces by a constant */
} scope;

typedef struct checker {
  arena *arena;
  const char *message; /* the first violation */
  const scope *scope;
  int depth; /* of loops and conditions */
} checker;

/* Of the thing of that name, or NULL. */
static void violation(checker *c, const char *message, const char *name) {
  if (!c->message) c->message = name ? arena_printf(c->arena, "%s %s", name, message) : message;
}

static const scope *in_scope(const checker *c, const void *item) {
  for (const scope *s = c->scope; s; s = s->outer)
    if (s->item == item) return s;
  return NULL;
}

static void define(checker *c, const void *item, const char *name, bool known) {
  if (in_scope(c, item)) violation(c, "is defined twice", name);
  scope *s = arena_new_of(c->arena, scope);
  *s = (scope){c->scope, item, known};
  c->scope = s;
}

static bool same(loop_type a, loop_type b) { return a.element == b.element && a.lanes == b.lanes; }

static bool is_scalar(const loop_expr *x, dtype element) {
  return same(x->type, loop_scalar(element));
}

/* ---- types and buffers --------------------------------------------------------------------- */

static void check_type(checker *c, loop_type t) {
  if (t.lanes < 1 || t.lanes > LOOP_MAX_LANES || (t.lanes & (t.lanes - 1)))
    violation(c, "lanes are a power of two up to 64", NULL);
}

/* f16 and bf16 are moved and converted; whatever computes wants f32. */
static void refuse_half(checker *c, loop_type t) {
  if (half_is(t.element))
    violation(c, "is not computed with: it is cast to f32 first", dtype_name(t.element));
}

static void check_buffer(checker *c, const loop_buffer *b) {
  check_type(c, b->type);
  if (b->space != LOOP_REG && b->type.lanes > 1)
    violation(c, "is no register and holds vectors", b->name);
  if (b->space == LOOP_REG) refuse_half(c, b->type);
  int64_t bytes = (int64_t)dtype_size(b->type.element) * b->type.lanes;
  for (int i = 0; i < b->rank; i++)
    if (b->extents[i] < 1 || __builtin_mul_overflow(bytes, b->extents[i], &bytes))
      violation(c, "has an extent below 1 or more bytes than fit an i64", b->name);
}

/* ---- expressions --------------------------------------------------------------------------- */

/* True where the builders fold the expression to an integer once the loops are unrolled. */
static bool is_known(const checker *c, const loop_expr *x) {
  if (x->type.lanes > 1 || dtype_is_float(x->type.element)) return false;
  if (x->kind == LOOP_VARIABLE) {
    const scope *s = in_scope(c, x->variable);
    return s && s->known;
  }
  bool known = x->kind == LOOP_CONSTANT || x->kind == LOOP_OP || x->kind == LOOP_CAST;
  for (int i = 0; i < x->operand_count && known; i++) known = is_known(c, x->operands[i]);
  return known;
}

static void check_expr(checker *c, const loop_expr *x);

static void check_access(checker *c, const loop_buffer *b, const loop_expr *const *index,
                         const loop_expr *mask, loop_type type) {
  if (!in_scope(c, b)) violation(c, "is used outside of its scope", b->name);
  for (int i = 0; i < b->rank; i++) {
    check_expr(c, index[i]);
    if (!is_scalar(index[i], DTYPE_I64))
      violation(c, "has an index that is not an i64 scalar", b->name);
    if (b->space == LOOP_REG && !is_known(c, index[i]))
      violation(c, "is a register and has an index that unrolling leaves unknown", b->name);
  }
  if (type.element != b->type.element) violation(c, "is accessed in another type", b->name);
  if (b->space == LOOP_REG && type.lanes != b->type.lanes)
    violation(c, "is a register and not accessed whole", b->name);
  if (!mask) return;
  check_expr(c, mask);
  if (!same(mask->type, loop_vector(DTYPE_BOOL, type.lanes)))
    violation(c, "has a mask that is not bool in as many lanes", b->name);
}

static void check_load(checker *c, const loop_expr *x) {
  if (x->operand_count != x->buffer->rank)
    violation(c, "has the wrong number of indices", x->buffer->name);
  else
    check_access(c, x->buffer, x->operands, x->mask, x->type);
  if (x->buffer->type.lanes > 1 && x->mask)
    violation(c, "is a register and read under a mask", x->buffer->name);
}

static void check_op(checker *c, const loop_expr *x) {
  const char *name = scalar_infos[x->function].name;
  dtype elements[3] = {0}, result;
  for (int i = 0; i < x->operand_count; i++) {
    elements[i] = x->operands[i]->type.element;
    if (x->operands[i]->type.lanes != x->type.lanes)
      violation(c, "has operands of different lanes", name);
    refuse_half(c, x->operands[i]->type);
  }
  const char *wrong = scalar_type(c->arena, x->function, elements, &result);
  if (wrong)
    violation(c, wrong, NULL);
  else if (result != x->type.element)
    violation(c, "has another type than its operands give", name);
  else if (math_covers(x->function, result))
    violation(c, "of floating numbers is called, not an operation", name);
}

static void check_call(checker *c, const loop_expr *x) {
  for (int i = 0; i < x->operand_count; i++)
    if (!same(x->operands[i]->type, x->callee->parameters[i]->type))
      violation(c, "has an argument of another type", x->callee->name);
  if (!same(x->type, x->callee->type))
    violation(c, "has a result of another type", x->callee->name);
}

static void check_reduce(checker *c, const loop_expr *x) {
  scalar_function f = x->function;
  dtype element = x->operands[0]->type.element, result;
  refuse_half(c, x->operands[0]->type);
  bool associates = f == SCALAR_ADD || f == SCALAR_MUL || f == SCALAR_MAXIMUM ||
                    f == SCALAR_MINIMUM || f == SCALAR_AND || f == SCALAR_OR;
  if (!associates || scalar_type(c->arena, f, (dtype[]){element, element}, &result))
    violation(c, "does not reduce these lanes", scalar_infos[f].name);
  if (!is_scalar(x, element))
    violation(c, "a reduction gives a scalar of its operand's type", NULL);
}

static int operands_of(const loop_expr *x) {
  switch (x->kind) {
    case LOOP_CONSTANT:
    case LOOP_VARIABLE: return 0;
    case LOOP_RAMP:
    case LOOP_INSERT:
    case LOOP_SHUFFLE: return 2;
    case LOOP_OP: return scalar_infos[x->function].operands;
    case LOOP_CALL: return x->callee->parameter_count;
    default: return 1;
  }
}

/* Lanes that are made, taken apart and put together. */
static void check_lanes(checker *c, const loop_expr *x) {
  const loop_expr *first = x->operands[0];
  dtype element = x->type.element;
  if (x->kind == LOOP_SPLAT && !is_scalar(first, element))
    violation(c, "a splat repeats a scalar of its type", NULL);
  if (x->kind == LOOP_RAMP && !(dtype_is_integer(element) && is_scalar(first, element) &&
                                is_scalar(x->operands[1], element)))
    violation(c, "a ramp has two integer scalars of its type", NULL);
  if (x->kind == LOOP_SPLAT || x->kind == LOOP_RAMP) return;
  if (x->lane < 0 || x->lane >= first->type.lanes) violation(c, "there is no such lane", NULL);
  if (x->kind == LOOP_EXTRACT && !is_scalar(x, first->type.element))
    violation(c, "an extracted lane is a scalar of its vector's type", NULL);
  if (x->kind == LOOP_INSERT && !(same(x->type, first->type) && is_scalar(x->operands[1], element)))
    violation(c, "an inserted lane is a scalar of its vector's type", NULL);
}

static void check_shuffle(checker *c, const loop_expr *x) {
  const loop_type first = x->operands[0]->type;
  if (!same(first, x->operands[1]->type) || first.lanes == 1 || x->type.lanes == 1 ||
      x->type.element != first.element)
    violation(c, "a shuffle is of two vectors of one type", NULL);
  for (int i = 0; i < x->type.lanes && !c->message; i++)
    if (x->picks[i] < 0 || x->picks[i] >= 2 * first.lanes)
      violation(c, "a shuffle picks a lane that is not there", NULL);
}

static void check_bitcast(checker *c, const loop_expr *x) {
  loop_type from = x->operands[0]->type, to = x->type;
  refuse_half(c, from);
  if (dtype_size(from.element) != dtype_size(to.element) || from.lanes != to.lanes ||
      from.element == DTYPE_BOOL || to.element == DTYPE_BOOL)
    violation(c, "a bitcast keeps size and lanes, and is not of bool", NULL);
}

static void check_cast(checker *c, const loop_expr *x) {
  if (x->type.lanes != x->operands[0]->type.lanes) violation(c, "a cast keeps the lanes", NULL);
  if (x->type.element != DTYPE_F32) refuse_half(c, x->operands[0]->type);
}

static void check_variable(checker *c, const loop_expr *x) {
  if (!in_scope(c, x->variable)) violation(c, "is used outside of its scope", x->variable->name);
  if (!same(x->type, x->variable->type)) violation(c, "is read in another type", x->variable->name);
}

static void check_expr(checker *c, const loop_expr *x) {
  if (c->message) return;
  check_type(c, x->type);
  if (x->kind == LOOP_LOAD) {
    check_load(c, x);
    return;
  }
  if (x->operand_count != operands_of(x))
    violation(c, "an expression has the wrong number of operands", NULL);
  for (int i = 0; i < x->operand_count; i++) check_expr(c, x->operands[i]);
  if (c->message) return;
  switch (x->kind) {
    case LOOP_CONSTANT:
      if (x->type.lanes != 1) violation(c, "a constant is a scalar", NULL);
      break;
    case LOOP_VARIABLE: check_variable(c, x); break;
    case LOOP_OP: check_op(c, x); break;
    case LOOP_CALL: check_call(c, x); break;
    case LOOP_REDUCE: check_reduce(c, x); break;
    case LOOP_CAST: check_cast(c, x); break;
    case LOOP_BITCAST: check_bitcast(c, x); break;
    case LOOP_SPLAT:
    case LOOP_RAMP:
    case LOOP_EXTRACT:
    case LOOP_INSERT: check_lanes(c, x); break;
    case LOOP_SHUFFLE: check_shuffle(c, x); break;
    case LOOP_LOAD: break;
  }
}

/* ---- statements ---------------------------------------------------------------------------- */

static void check_block(checker *c, const loop_block *b);

static void check_for(checker *c, const loop_stmt *s) {
  const char *name = s->variable->name;
  bool unroll = s->for_kind == LOOP_UNROLL;
  check_expr(c, s->low);
  check_expr(c, s->high);
  if (!is_scalar(s->low, DTYPE_I64) || !is_scalar(s->high, DTYPE_I64))
    violation(c, "runs between bounds that are not i64 scalars", name);
  if (!same(s->variable->type, loop_scalar(DTYPE_I64))) violation(c, "is no i64 scalar", name);
  if (s->step < 1) violation(c, "has a step below 1", name);
  if (s->for_kind == LOOP_TASK && c->depth > 0)
    violation(c, "runs over tasks and is not outermost", name);
  if (unroll && !(is_known(c, s->low) && is_known(c, s->high)))
    violation(c, "is unrolled between bounds that are not constant", name);
  const scope *outer = c->scope;
  define(c, s->variable, name, unroll);
  c->depth++;
  check_block(c, &s->body);
  c->depth--;
  c->scope = outer;
}

static void check_alloc(checker *c, const loop_stmt *s) {
  const loop_buffer *b = s->buffer;
  if (s->value) check_expr(c, s->value);
  if (s->value && !same(s->value->type, b->type))
    violation(c, "starts as a value of another type", b->name);
  if (b->space == LOOP_PARAMETER) violation(c, "is a parameter and allocated", b->name);
  check_buffer(c, b);
  define(c, b, b->name, false);
}

static void check_let(checker *c, const loop_stmt *s) {
  check_expr(c, s->value);
  if (!same(s->value->type, s->variable->type))
    violation(c, "is a value of another type", s->variable->name);
  define(c, s->variable, s->variable->name, is_known(c, s->value));
}

static void check_store(checker *c, const loop_stmt *s) {
  check_expr(c, s->value);
  check_access(c, s->buffer, s->index, s->mask, s->value->type);
  if (s->buffer->space == LOOP_PARAMETER && s->buffer->access == LOOP_IN)
    violation(c, "is only read", s->buffer->name);
}

static void check_fetch(checker *c, const loop_stmt *s) {
  if (s->buffer->space == LOOP_REG) violation(c, "is a register and fetched", s->buffer->name);
  if (s->cache < 1 || s->cache > 2) violation(c, "is fetched to a cache other than 1 and 2", s->buffer->name);
  check_access(c, s->buffer, s->index, NULL, s->buffer->type);
}

static void check_if(checker *c, const loop_stmt *s) {
  check_expr(c, s->condition);
  if (!is_scalar(s->condition, DTYPE_BOOL)) violation(c, "a condition is a bool", NULL);
  c->depth++;
  check_block(c, &s->body);
  check_block(c, &s->otherwise);
  c->depth--;
}

static void check_statement(checker *c, const loop_stmt *s) {
  switch (s->kind) {
    case LOOP_FOR: check_for(c, s); break;
    case LOOP_ALLOC: check_alloc(c, s); break;
    case LOOP_LET: check_let(c, s); break;
    case LOOP_STORE: check_store(c, s); break;
    case LOOP_FETCH: check_fetch(c, s); break;
    case LOOP_IF: check_if(c, s); break;
    case LOOP_COMMENT:
      if (strchr(s->text, '\n')) violation(c, "a comment is one line", NULL);
      break;
  }
}

static void check_block(checker *c, const loop_block *b) {
  const scope *outer = c->scope;
  for (int i = 0; i < b->count && !c->message; i++) {
    bool task = b->statements[i]->kind == LOOP_FOR && b->statements[i]->for_kind == LOOP_TASK;
    if (task && b->count > 1)
      violation(c, "a loop over tasks is the only statement of a kernel", NULL);
    check_statement(c, b->statements[i]);
  }
  c->scope = outer;
}

static void check_parameter(checker *c, const loop_buffer *b) {
  if (b->space != LOOP_PARAMETER) violation(c, "is no parameter", b->name);
  check_buffer(c, b);
  define(c, b, b->name, false);
}

const char *loop_verify(arena *a, const loop_kernel *k) {
  checker c = {.arena = a};
  for (int i = 0; i < k->parameter_count; i++) check_parameter(&c, k->parameters[i]);
  check_block(&c, &k->body);
  return c.message ? arena_printf(a, "%s: %s", k->name, c.message) : NULL;
}
