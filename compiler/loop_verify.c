/* The rules of the loop form, checked on a whole kernel. */
#include "loop.h"
#include "scalar.h"

typedef struct scope {
  const struct scope *outer;
  const void *item; /* a variable or buffer that may be used */
} scope;

typedef struct checker {
  arena *arena;
  const char *message; /* the first violation */
  const scope *scope;
  int depth;           /* of loops and conditions */
} checker;

static void violation(checker *c, const char *message) {
  if (!c->message) c->message = message;
}

static void define(checker *c, const void *item) {
  scope *s = arena_new_of(c->arena, scope);
  *s = (scope){c->scope, item};
  c->scope = s;
}

static bool in_scope(const checker *c, const void *item) {
  for (const scope *s = c->scope; s; s = s->outer)
    if (s->item == item) return true;
  return false;
}

static bool same(loop_type a, loop_type b) { return a.element == b.element && a.lanes == b.lanes; }

static bool is_index(const loop_expr *x) { return same(x->type, loop_scalar(DTYPE_I64)); }

static void check_expr(checker *c, const loop_expr *x);

static void check_access(checker *c, const loop_buffer *b, const loop_expr *const *index,
                         const loop_expr *mask, int lanes) {
  if (!in_scope(c, b))
    violation(c, arena_printf(c->arena, "%s is used outside of its scope", b->name));
  for (int i = 0; i < b->rank; i++) {
    check_expr(c, index[i]);
    if (!is_index(index[i]))
      violation(c, arena_printf(c->arena, "an index of %s is not an i64 scalar", b->name));
  }
  if (!mask) return;
  check_expr(c, mask);
  if (!same(mask->type, loop_vector(DTYPE_BOOL, lanes)))
    violation(c, arena_printf(c->arena, "the mask of %s is not bool in as many lanes", b->name));
}

static void check_op(checker *c, const loop_expr *x) {
  const scalar_info *info = &scalar_infos[x->function];
  if (x->operand_count != info->operands) {
    violation(c, arena_printf(c->arena, "%s has the wrong number of operands", info->name));
    return;
  }
  dtype elements[3] = {0}, result;
  for (int i = 0; i < x->operand_count; i++) {
    elements[i] = x->operands[i]->type.element;
    if (x->operands[i]->type.lanes != x->type.lanes)
      violation(c, arena_printf(c->arena, "%s has operands of different lanes", info->name));
  }
  const char *wrong = scalar_type(c->arena, x->function, elements, &result);
  if (wrong)
    violation(c, wrong);
  else if (result != x->type.element)
    violation(c, arena_printf(c->arena, "%s has another type than its operands give", info->name));
}

static void check_call(checker *c, const loop_expr *x) {
  for (int i = 0; i < x->operand_count; i++)
    if (!same(x->operands[i]->type, x->callee->parameters[i]->type))
      violation(c, arena_printf(c->arena, "%s: argument %d has another type", x->callee->name, i));
}

static bool reduces(scalar_function f) {
  return f == SCALAR_ADD || f == SCALAR_MUL || f == SCALAR_MAXIMUM || f == SCALAR_MINIMUM ||
         f == SCALAR_AND || f == SCALAR_OR;
}

static void check_expr(checker *c, const loop_expr *x) {
  if (c->message) return;
  int lanes = x->type.lanes;
  if (lanes < 1 || lanes > LOOP_MAX_LANES || (lanes & (lanes - 1)))
    violation(c, "lanes are a power of two up to 64");
  if (x->kind == LOOP_LOAD) {
    check_access(c, x->buffer, x->operands, x->mask, lanes);
    if (x->buffer->type.lanes > 1 && x->mask) violation(c, "registers are not read under a mask");
    return;
  }
  for (int i = 0; i < x->operand_count; i++) check_expr(c, x->operands[i]);
  if (c->message) return;
  switch (x->kind) {
    case LOOP_VARIABLE:
      if (!in_scope(c, x->variable))
        violation(c, arena_printf(c->arena, "%s is used outside of its scope", x->variable->name));
      break;
    case LOOP_OP: check_op(c, x); break;
    case LOOP_CALL: check_call(c, x); break;
    case LOOP_REDUCE:
      if (!reduces(x->function)) violation(c, "lanes are not reduced by this function");
      break;
    case LOOP_BITCAST:
      if (dtype_size(x->type.element) != dtype_size(x->operands[0]->type.element))
        violation(c, "a bitcast keeps the size");
      break;
    case LOOP_EXTRACT:
    case LOOP_INSERT:
      if (x->lane < 0 || x->lane >= x->operands[0]->type.lanes) violation(c, "there is no such lane");
      break;
    default: break;
  }
}

static void check_block(checker *c, const loop_block *b);

static void check_for(checker *c, const loop_stmt *s) {
  check_expr(c, s->low);
  check_expr(c, s->high);
  if (!is_index(s->low) || !is_index(s->high)) violation(c, "the bounds of a loop are i64 scalars");
  if (s->for_kind == LOOP_TASK && c->depth > 0) violation(c, "tasks stand outermost");
  const scope *outer = c->scope;
  define(c, s->variable);
  c->depth++;
  check_block(c, &s->body);
  c->depth--;
  c->scope = outer;
}

static void check_store(checker *c, const loop_stmt *s) {
  check_expr(c, s->value);
  check_access(c, s->buffer, s->index, s->mask, s->value->type.lanes);
  if (s->buffer->space == LOOP_PARAMETER && s->buffer->access == LOOP_IN)
    violation(c, arena_printf(c->arena, "%s is only read", s->buffer->name));
  if (s->value->type.element != s->buffer->type.element)
    violation(c, arena_printf(c->arena, "a store to %s has another type", s->buffer->name));
  if (s->buffer->type.lanes > 1 && !same(s->value->type, s->buffer->type))
    violation(c, arena_printf(c->arena, "%s is written whole", s->buffer->name));
}

static void check_statement(checker *c, const loop_stmt *s) {
  switch (s->kind) {
    case LOOP_FOR: check_for(c, s); break;
    case LOOP_ALLOC:
      if (s->value) check_expr(c, s->value);
      define(c, s->buffer);
      break;
    case LOOP_LET:
      check_expr(c, s->value);
      define(c, s->variable);
      break;
    case LOOP_STORE: check_store(c, s); break;
    case LOOP_IF:
      check_expr(c, s->condition);
      if (!same(s->condition->type, loop_scalar(DTYPE_BOOL))) violation(c, "a condition is a bool");
      c->depth++;
      check_block(c, &s->body);
      check_block(c, &s->otherwise);
      c->depth--;
      break;
    case LOOP_COMMENT: break;
  }
}

static void check_block(checker *c, const loop_block *b) {
  const scope *outer = c->scope;
  for (int i = 0; i < b->count && !c->message; i++) {
    bool task = b->statements[i]->kind == LOOP_FOR && b->statements[i]->for_kind == LOOP_TASK;
    if (task && b->count > 1) violation(c, "a loop over tasks is the only statement of a kernel");
    check_statement(c, b->statements[i]);
  }
  c->scope = outer;
}

const char *loop_verify(arena *a, const loop_kernel *k) {
  checker c = {.arena = a};
  for (int i = 0; i < k->parameter_count; i++) define(&c, k->parameters[i]);
  check_block(&c, &k->body);
  return c.message ? arena_printf(a, "%s: %s", k->name, c.message) : NULL;
}
