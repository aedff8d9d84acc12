/* Unrolling: every LOOP_UNROLL becomes its turns, so that register indices are constants. */
#include "loop.h"

/* What a name stands for inside the turn that is being copied. */
typedef struct binding {
  const struct binding *outer;
  const loop_variable *variable; /* replaced by an expression */
  const loop_expr *value;
  const loop_buffer *buffer;     /* replaced by another buffer */
  loop_buffer *copy;
} binding;

typedef struct unrolling {
  arena *arena;
  const binding *bindings;
  const char *suffix; /* of names that are defined inside turns: "_0_3"; "" outside */
} unrolling;

static void bind_variable(unrolling *u, const loop_variable *v, const loop_expr *value) {
  binding *b = arena_new_of(u->arena, binding);
  *b = (binding){.outer = u->bindings, .variable = v, .value = value};
  u->bindings = b;
}

static loop_buffer *bind_buffer(unrolling *u, const loop_buffer *old) {
  binding *b = arena_new_of(u->arena, binding);
  loop_buffer *copy = arena_new_of(u->arena, loop_buffer);
  *copy = *old;
  copy->name = arena_printf(u->arena, "%s%s", old->name, u->suffix);
  *b = (binding){.outer = u->bindings, .buffer = old, .copy = copy};
  u->bindings = b;
  return copy;
}

static loop_buffer *buffer_now(const unrolling *u, const loop_buffer *b) {
  for (const binding *i = u->bindings; i; i = i->outer)
    if (i->buffer == b) return i->copy;
  return (loop_buffer *)b;
}

static const loop_expr *variable_now(const unrolling *u, const loop_expr *x) {
  for (const binding *i = u->bindings; i; i = i->outer)
    if (i->variable == x->variable) return i->value;
  return x;
}

static void check_register(const loop_buffer *b, const loop_expr *const *index) {
  int64_t at;
  for (int i = 0; i < b->rank && b->space == LOOP_REG; i++)
    if (!loop_is_int(index[i], &at))
      internal_error("an index of register %s is not constant after unrolling", b->name);
}

static const loop_expr *expr(unrolling *u, const loop_expr *x);

static const loop_expr *const *exprs(unrolling *u, int count, const loop_expr *const *operands) {
  const loop_expr **copies = arena_array_of(u->arena, count, const loop_expr *);
  for (int i = 0; i < count; i++) copies[i] = expr(u, operands[i]);
  return copies;
}

static const loop_expr *expr(unrolling *u, const loop_expr *x) {
  if (!x || x->kind == LOOP_CONSTANT) return x;
  if (x->kind == LOOP_VARIABLE) return variable_now(u, x);
  const loop_expr *const *operands = exprs(u, x->operand_count, x->operands);
  if (x->kind == LOOP_OP) /* again through the builder, which folds what became constant */
    return loop_op(u->arena, x->function, operands[0], x->operand_count > 1 ? operands[1] : NULL,
                   x->operand_count > 2 ? operands[2] : NULL);
  if (x->kind == LOOP_CAST) return loop_cast(u->arena, operands[0], x->type.element);
  loop_expr *copy = arena_new_of(u->arena, loop_expr);
  *copy = *x;
  copy->operands = operands;
  if (x->kind == LOOP_LOAD) {
    check_register(x->buffer, operands);
    copy->buffer = buffer_now(u, x->buffer);
    copy->mask = expr(u, x->mask);
  }
  return copy;
}

static void block(unrolling *u, const loop_block *from, loop_block *to);

static void turns(unrolling *u, const loop_stmt *s, loop_block *to) {
  const loop_expr *low_expr = expr(u, s->low), *high_expr = expr(u, s->high);
  int64_t low = 0, high = 0;
  if (!loop_is_int(low_expr, &low) || !loop_is_int(high_expr, &high))
    internal_error("the bounds of an unrolled loop over %s are not constant", s->variable->name);
  for (int64_t i = low; i < high;) {
    unrolling turn = *u;
    turn.suffix = arena_printf(u->arena, "%s_%lld", u->suffix, (long long)i);
    bind_variable(&turn, s->variable, loop_int(u->arena, i));
    block(&turn, &s->body, to);
    if (__builtin_add_overflow(i, s->step, &i)) break;
  }
}

/* Loop variables and names keep their spelling outside of turns; inside they get the turn's. */
static const loop_variable *define(unrolling *u, const loop_variable *v) {
  if (!*u->suffix) return v;
  const char *name = arena_printf(u->arena, "%s%s", v->name, u->suffix);
  const loop_variable *copy = loop_variable_new(u->arena, name, v->type);
  bind_variable(u, v, loop_var(u->arena, copy));
  return copy;
}

/* True for a let of what is constant by now: its name becomes the constant. */
static bool is_known(unrolling *u, const loop_stmt *s) {
  const loop_expr *value = expr(u, s->value);
  if (value->kind == LOOP_CONSTANT) bind_variable(u, s->variable, value);
  return value->kind == LOOP_CONSTANT;
}

static void statement(unrolling *u, const loop_stmt *s, loop_block *to) {
  if (s->kind == LOOP_FOR && s->for_kind == LOOP_UNROLL) {
    turns(u, s, to);
    return;
  }
  if (s->kind == LOOP_LET && is_known(u, s)) return;
  loop_stmt *copy = arena_new_of(u->arena, loop_stmt);
  *copy = *s;
  copy->low = expr(u, s->low);
  copy->high = expr(u, s->high);
  copy->value = expr(u, s->value);
  copy->mask = expr(u, s->mask);
  copy->condition = expr(u, s->condition);
  copy->body = copy->otherwise = (loop_block){0};
  if (s->kind == LOOP_STORE || s->kind == LOOP_FETCH) {
    copy->buffer = buffer_now(u, s->buffer);
    copy->index = exprs(u, s->buffer->rank, s->index);
    check_register(s->buffer, copy->index);
  }
  loop_append(u->arena, to, copy);
  if (s->kind == LOOP_LET) copy->variable = define(u, s->variable);
  if (s->kind == LOOP_ALLOC && *u->suffix) copy->buffer = bind_buffer(u, s->buffer);
  if (s->kind == LOOP_FOR || s->kind == LOOP_IF) {
    unrolling inside = *u;
    if (s->kind == LOOP_FOR) copy->variable = define(&inside, s->variable);
    block(&inside, &s->body, &copy->body);
    block(&inside, &s->otherwise, &copy->otherwise);
  }
}

static void block(unrolling *u, const loop_block *from, loop_block *to) {
  const binding *outer = u->bindings;
  for (int i = 0; i < from->count; i++) statement(u, from->statements[i], to);
  u->bindings = outer;
}

loop_kernel *loop_unroll(arena *a, const loop_kernel *k) {
  loop_kernel *copy = arena_new_of(a, loop_kernel);
  *copy = *k;
  copy->body = (loop_block){0};
  unrolling u = {.arena = a, .suffix = ""};
  block(&u, &k->body, &copy->body);
  return copy;
}
