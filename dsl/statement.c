#include "statement.h"

#include <string.h>

#include "build.h"
#include "call.h"
#include "expression.h"
#include "index_notation.h"
#include "loop.h"
#include "operate.h"
#include "optimise.h"
#include "rule.h"
#include "slots.h"
#include "update.h"

/* --- definitions ---------------------------------------------------------------------------- */

void statement_bind(elaborator *e, const ast *pattern, value v) {
  if (pattern->kind == AST_NAME) {
    call_check_hidden(e, pattern->name, v, pattern->at);
    scope_bind(e->arena, scope_home(e->frame->scope, pattern->name), pattern->name, v, pattern->at);
    return;
  }
  int count = pattern->items.count;
  bool fits = value_is(v, VALUE_TUPLE) && v.tuple->count == count;
  if (!fits && !value_is_poison(v))
    elaborator_error(e, pattern->at, "%d names need a tuple of %d, not %s", count, count,
                     value_words(e->arena, v));
  for (int i = 0; i < count; i++)
    statement_bind(e, pattern->items.items[i], fits ? v.tuple->items[i] : (value){0});
}

static bool poison_name(const ast *n, void *context) {
  elaborator *e = context;
  if (n->kind == AST_FUNCTION) return false;
  const ast *target = n->kind == AST_DEFINE ? n->target : NULL;
  if (target && target->kind == AST_BRACKETS) target = target->base;
  if (target && target->kind == AST_NAME)
    scope_bind(e->arena, e->frame->scope, target->name, (value){0}, target->at);
  else if (target) statement_bind(e, target, (value){0});
  return true;
}

/* After an error: the names that a statement would have bound are poison, not unknown. */
static value poison_names(elaborator *e, const ast *n) {
  ast_walk(n, poison_name, e);
  return (value){0};
}

/* Names bound by `=` are plain: `<-` may not change them. */
static void mark_plain(elaborator *e, const ast *pattern) {
  if (pattern->kind == AST_NAME)
    scope_find_here(scope_home(e->frame->scope, pattern->name), pattern->name)->plain = true;
  for (int i = 0; pattern->kind == AST_TUPLE && i < pattern->items.count; i++)
    mark_plain(e, pattern->items.items[i]);
}

static void define(elaborator *e, const ast *n) {
  const ast *target = n->target;
  bool indexed = target->kind == AST_BRACKETS;
  value v = indexed ? index_notation_value(e, n) : expression_value(e, n->value);
  if (indexed) target = target->base;
  if (value_is(v, VALUE_NONE))
    v = elaborator_error(e, n->value->at, "this has no value that a name could stand for");
  if (target->kind == AST_NAME) {
    const binding *b = scope_find_here(scope_home(e->frame->scope, target->name), target->name);
    if (b && slots_are_leaves(b->value)) {
      elaborator_error(e, n->at, "`%s` is a slot, declared at %s; update it with `<-`",
                       target->name, diag_place(e->arena, b->at));
      return;
    }
    v = call_named(e, n, target->name, v);
  }
  statement_bind(e, target, v);
  mark_plain(e, target);
}

static void define_function(elaborator *e, const ast *n) {
  callable *f = arena_new_of(e->arena, callable);
  *f = (callable){.name = n->name, .function = n, .scope = e->frame->scope, .training = -1};
  scope_bind(e->arena, e->frame->scope, n->name, value_function(f), n->at);
}

static void define_constant(elaborator *e, const ast *n) {
  value v = expression_value(e, n->value);
  if (value_is(v, VALUE_TENSOR))
    v = elaborator_error(e, n->value->at, "the constant `%s` is not known at compile time",
                         n->name);
  scope_bind(e->arena, e->frame->scope, n->name, v, n->at)->plain = true;
}

/* --- slots ---------------------------------------------------------------------------------- */

/* The value of an initial expression. A function that is named without a call gets the shape. */
static value initial_value(elaborator *e, const ast *n, const tensor_type *type) {
  value v = expression_value(e, n->value);
  if (!value_is(v, VALUE_FUNCTION)) return v;
  if (type && !v.function->bracketed) {
    argument *shape = arena_new_of(e->arena, argument);
    shape->value = value_shape(e->arena, type);
    v = call_brackets(e, n->value->at, v, (argument_list){shape, 1});
  }
  return call_value(e, n->value->at, n->value, v.function->name, v, (argument_list){0});
}

/* The leaves as tensors; poison where one is none. */
static value tensor_leaves(elaborator *e, location at, value v) {
  if (!value_is(v, VALUE_TUPLE)) {
    node *n = operate_tensor(e, at, v, DTYPE_COUNT);
    return n ? value_tensor(n) : (value){0};
  }
  tuple *t = tuple_like(e->arena, v.tuple);
  for (int i = 0; i < t->count; i++) {
    t->items[i] = tensor_leaves(e, at, v.tuple->items[i]);
    if (value_is_poison(t->items[i])) return (value){0};
  }
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

/* Evaluates the initial value in its graph, in a frame of its own in which, with a type written, `shape`
 * is known; site tells its draws. A tensor of that type; without one, tensors. Poison after an error. */
static value initial_tensors(elaborator *e, const ast *n, const char *site, const tensor_type *type) {
  graph *outer = e->graph;
  tensor_type written = type ? *type : (tensor_type){0};
  frame own = {
      .lexical = elaborator_lexical(e, n->value),
      .called_at = n->at,
      .self = e->frame->self,
      .scope = scope_new(e->arena, e->frame->scope),
      .site = site,
      .initial = type ? &written : NULL,
      .training = e->frame->training,
  };
  if (!elaborator_enter(e, &own)) return (value){0};
  if (type) scope_bind(e->arena, own.scope, "shape", value_shape(e->arena, type), n->at);
  e->graph = e->initial;
  value v = initial_value(e, n, type);
  e->initial->at = elaborator_place(e, n->value->at);
  if (type) {
    node *result = operate_convert(e, n->value->at, v, type, true, "the initial value");
    v = result ? value_tensor(result) : (value){0};
  } else {
    v = tensor_leaves(e, n->value->at, v);
  }
  e->graph = outer;
  elaborator_leave(e);
  return v;
}

static bool may_declare(elaborator *e, const ast *n) {
  const instance *self = e->frame->self;
  for (const frame *f = e->frame; f; f = f->caller)
    if (!f->body && f->caller) {
      elaborator_error(e, n->at, "an initial value cannot declare slots");
      return false;
    }
  if (n->kind != AST_PARAM || !self->unnamed_in_entry) return true;
  elaborator_error(e, n->at, "a param belongs to a named instance at top level, or every entry "
                   "would have its own: write name = function[…] there");
  return false;
}

static bool has_known_sizes(elaborator *e, const ast *n, const tensor_type *type) {
  for (int i = 0; i < type->rank; i++)
    if (type->dims[i].symbol) {
      elaborator_error(e, n->at, "`%s` cannot have the bounded size %s: what is kept has known sizes",
                       n->name, type->dims[i].symbol);
      return false;
    }
  return true;
}

/* A later visit of a declaration, by another call or entry, must find the same type. */
static bool is_same(elaborator *e, const ast *n, const slot_record *s, slot_kind kind,
                    const tensor_type *type) {
  if (kind == s->slot.kind && type_equal(type, &s->slot.type)) return true;
  const location *called = s->slot.at.called;
  elaborator_error(e, n->at, "`%s` is %s here, but %s %s %s", s->slot.path, type_text(e->arena, type),
                   type_text(e->arena, &s->slot.type), called ? "in the call at" : "at",
                   diag_place(e->arena, called ? diag_own(*called) : s->slot.at));
  return false;
}

/* The slot of this name, with the initial value, which may be NULL, where it is new; NULL after an error. */
static slot_record *declare_slot(elaborator *e, const ast *n, const char *name, slot_kind kind,
                                 const tensor_type *type, node *initial) {
  slot_record *s = instance_find_slot(e->frame->self, name);
  if (s) return is_same(e, n, s, kind, type) ? s : NULL;
  s = slot_new(e, e->frame->self, name, kind, type, elaborator_place(e, n->at));
  s->initial = initial;
  return s;
}

/* A slot for each leaf of the initial value, "memory.h" of a tuple with keys; poison after an error. */
static value declare_leaves(elaborator *e, const ast *n, const char *name, slot_kind kind, value v) {
  if (value_is(v, VALUE_TENSOR)) {
    slot_record *s = has_known_sizes(e, n, &v.node->type)
                         ? declare_slot(e, n, name, kind, &v.node->type, v.node) : NULL;
    return s ? (value){.kind = VALUE_SLOT, .slot = s} : (value){0};
  }
  tuple *t = tuple_like(e->arena, v.tuple);
  for (int i = 0; i < t->count; i++) {
    const char *part = t->keys && t->keys[i] ? arena_printf(e->arena, "%s.%s", name, t->keys[i])
                                             : arena_printf(e->arena, "%s[%d]", name, i);
    t->items[i] = declare_leaves(e, n, part, kind, v.tuple->items[i]);
    if (value_is_poison(t->items[i])) return (value){0};
  }
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

/* The path by which the initial values of a declaration draw. */
static const char *initial_site(elaborator *e, const char *name) {
  const char *drawn_as = instance_drawn_as(e->frame->self);
  return *drawn_as ? arena_printf(e->arena, "%s.%s", drawn_as, name) : name;
}

/* With a type written, the initial value is evaluated once only. */
static value declare_typed(elaborator *e, const ast *n, const char *name, slot_kind kind) {
  tensor_type type = {0};
  if (!expression_type(e, n->type, &type) || !has_known_sizes(e, n, &type)) return (value){0};
  bool is_new = !instance_find_slot(e->frame->self, name);
  value v = is_new ? initial_tensors(e, n, initial_site(e, name), &type) : (value){0};
  slot_record *s = declare_slot(e, n, name, kind, &type, value_is(v, VALUE_TENSOR) ? v.node : NULL);
  return s ? (value){.kind = VALUE_SLOT, .slot = s} : (value){0};
}

static value declare_untyped(elaborator *e, const ast *n, const char *name, slot_kind kind) {
  value v = initial_tensors(e, n, initial_site(e, name), NULL);
  return value_is_poison(v) ? v : declare_leaves(e, n, name, kind, v);
}

/* The first slot of a declaration; NULL where there is none. */
static const slot_record *first_slot(value v) {
  while (value_is(v, VALUE_TUPLE) && v.tuple->count) v = v.tuple->items[0];
  return value_is(v, VALUE_SLOT) ? v.slot : NULL;
}

/* Whether a binding is what a declaration of this name has made. */
static bool is_of(value v, const char *name) {
  const slot_record *s = first_slot(v);
  size_t length = strlen(name);
  if (!s || strncmp(s->name, name, length)) return false;
  return value_is(v, VALUE_SLOT) ? !s->name[length] : strchr(".[", s->name[length]) != NULL;
}

static void declare(elaborator *e, const ast *n) {
  slot_kind kind = n->kind == AST_PARAM ? SLOT_PARAM : SLOT_STATE;
  const char *name = arena_printf(e->arena, "%s%s", n->name, e->frame->indices);
  const binding *known = scope_find_here(e->frame->scope, n->name);
  const value before = known ? known->value : value_none();
  scope_bind(e->arena, e->frame->scope, n->name, (value){0}, n->at);
  if (!may_declare(e, n)) return;
  if (!n->value) {
    elaborator_error(e, n->at, "`%s` needs an initial value: = …", n->name);
    return;
  }
  if (is_of(before, name)) {
    elaborator_error(e, n->at, "`%s` is declared twice, first at %s", n->name,
                     diag_place(e->arena, first_slot(before)->slot.at));
    return;
  }
  value bound = n->type ? declare_typed(e, n, name, kind) : declare_untyped(e, n, name, kind);
  if (!value_is_poison(bound)) scope_bind(e->arena, e->frame->scope, n->name, bound, n->at);
}

/* --- control -------------------------------------------------------------------------------- */

value statement_if(elaborator *e, const ast *n) {
  value condition = expression_value(e, n->condition);
  if (!value_is(condition, VALUE_TRUTH)) {
    if (!value_is_poison(condition))
      elaborator_error(e, n->condition->at,
                       "the condition of `if` is known at compile time, not %s; "
                       "use condition ? a : b", value_words(e->arena, condition));
    return poison_names(e, n);
  }
  if (condition.truth) return statement_block(e, n->then, true);
  if (!n->otherwise) return value_none();
  return n->otherwise->kind == AST_IF ? statement_if(e, n->otherwise)
                                      : statement_block(e, n->otherwise, true);
}

/* What a `for` walks: turns of a range or items of tuples. */
typedef struct walk {
  int count;
  int64_t *firsts;  /* of ranges */
  value *sequences; /* NONE: a range */
  int64_t turns;
} walk;

bool statement_range(elaborator *e, const ast *n, int64_t *first, int64_t *turns) {
  int64_t last;
  if (!elaborator_integer(e, n->start->at, expression_value(e, n->start), "the start", first) ||
      !elaborator_integer(e, n->stop->at, expression_value(e, n->stop), "the end", &last))
    return false;
  if (last < *first) last = *first;
  if (__builtin_sub_overflow(last, *first, turns) || *turns > MOST_TURNS) {
    elaborator_error(e, n->at, "a static `for` of more than %d turns; it is unrolled", MOST_TURNS);
    return false;
  }
  return true;
}

static bool walk_sequence(elaborator *e, const ast *n, walk *w, int i) {
  int64_t turns;
  w->sequences[i] = value_none();
  if (n->kind == AST_RANGE) {
    if (!statement_range(e, n, &w->firsts[i], &turns)) return false;
  } else {
    value v = w->sequences[i] = expression_value(e, n);
    if (value_is_poison(v)) return false;
    if (!value_is(v, VALUE_TUPLE)) {
      elaborator_error(e, n->at, "`for` walks a range or a tuple, not %s%s",
                       value_words(e->arena, v),
                       value_is(v, VALUE_TENSOR) ? "; `scan` walks a tensor" : "");
      return false;
    }
    turns = v.tuple->count;
  }
  if (i && turns != w->turns) {
    elaborator_error(e, n->at, "the sequences have %lld and %lld turns", (long long)w->turns,
                     (long long)turns);
    return false;
  }
  w->turns = turns;
  return true;
}

static void run_turn(elaborator *e, const ast *n, const walk *w, int64_t turn) {
  for (int i = 0; i < w->count; i++)
    statement_bind(e, n->patterns.items[i],
                   value_is(w->sequences[i], VALUE_NONE) ? value_integer(w->firsts[i] + turn)
                                                         : w->sequences[i].tuple->items[turn]);
  statement_block(e, n->body, false);
}

value statement_for(elaborator *e, const ast *n) {
  walk w = {.count = n->sequences.count,
            .firsts = arena_array_of(e->arena, n->sequences.count, int64_t),
            .sequences = arena_array_of(e->arena, n->sequences.count, value)};
  if (n->patterns.count != w.count)
    return elaborator_error(e, n->at, "%d names for %d sequences", n->patterns.count, w.count);
  for (int i = 0; i < w.count; i++)
    if (!walk_sequence(e, n->sequences.items[i], &w, i)) return poison_names(e, n);
  frame *f = e->frame;
  const char *indices = f->indices;
  emission own = {0}, *outer = f->emission;
  f->emission = &own;
  for (int64_t turn = 0; turn < w.turns && !e->halted; turn++) {
    f->indices = arena_printf(e->arena, "%s[%lld]", indices, (long long)turn);
    run_turn(e, n, &w, turn);
  }
  f->indices = indices;
  f->emission = outer;
  if (!own.count) return value_none();
  return elaborator_tuple(e, n->at, own.count, own.items, NULL);
}

static void emit(elaborator *e, const ast *n) {
  value v = expression_value(e, n->value);
  emission *own = e->frame->emission;
  if (!own) {
    elaborator_error(e, n->at, "`emit` belongs into a `for` or `scan`");
    return;
  }
  arena_push(e->arena, own->items, own->count) = v;
  own->at = n->at;
}

/* --- blocks --------------------------------------------------------------------------------- */

value statement_run(elaborator *e, const ast *n) {
  if (!elaborator_at(e, n->at)) return (value){0};
  switch (n->kind) {
    case AST_DEFINE: define(e, n); break;
    case AST_CONST: define_constant(e, n); break;
    case AST_FUNCTION: define_function(e, n); break;
    case AST_PARAM:
    case AST_STATE: declare(e, n); break;
    case AST_UPDATE: update_run(e, n); break;
    case AST_EMIT: emit(e, n); break;
    case AST_MINIMIZE: optimise_minimize(e, n); break;
    case AST_DERIVATIVE: rule_note(e, n); break;
    default: return expression_value(e, n);
  }
  return value_none();
}

static void define_functions(elaborator *e, const ast *block) {
  for (int i = 0; i < block->items.count; i++)
    if (block->items.items[i]->kind == AST_FUNCTION) define_function(e, block->items.items[i]);
}

/* Runs a statement whose value nobody takes. */
static void run_unused(elaborator *e, const ast *n) {
  int updates = e->updates, errors = diag_count(e->diagnostics);
  value v = statement_run(e, n);
  if (value_is(v, VALUE_NONE) || value_is_poison(v) || updates != e->updates ||
      errors != diag_count(e->diagnostics))
    return;
  elaborator_error(e, n->at, "the value of this expression is not used");
}

value statement_block(elaborator *e, const ast *block, bool used) {
  value last = value_none();
  define_functions(e, block); /* they are known in all of their block */
  for (int i = 0; i < block->items.count && !e->halted; i++) {
    const ast *n = block->items.items[i];
    if (n->kind == AST_FUNCTION) continue;
    if (used && i + 1 == block->items.count) last = statement_run(e, n);
    else run_unused(e, n);
  }
  return e->halted ? (value){0} : last;
}
