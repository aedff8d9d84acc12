#include "expression.h"

#include <math.h>
#include <string.h>

#include "call.h"
#include "index_notation.h"
#include "library.h"
#include "loop.h"
#include "loop_statement.h"
#include "native.h"
#include "operate.h"
#include "slots.h"
#include "statement.h"
#include "subscript.h"
#include "synonyms.h"
#include "task.h"

/* --- names ---------------------------------------------------------------------------------- */

static value constant_value(elaborator *e, binding *b, location at) {
  if (b->state == BINDING_BUSY)
    return elaborator_error(e, at, "the constant `%s` is defined by itself", b->name);
  b->state = BINDING_BUSY;
  frame own = {.lexical = elaborator_lexical(e, b->expression), .called_at = at, .self = e->model,
               .scope = b->home, .site = b->name};
  if (!elaborator_enter(e, &own)) return (value){0};
  value v = expression_value(e, b->expression);
  elaborator_leave(e);
  if (value_is(v, VALUE_TENSOR))
    v = elaborator_error(e, b->expression->at, "the constant `%s` is not known at compile time",
                         b->name);
  b->value = v;
  b->state = BINDING_READY;
  return v;
}

value expression_binding(elaborator *e, binding *b, location at) {
  if (b->state != BINDING_READY) return constant_value(e, b, at);
  return slots_are_leaves(b->value) ? slots_read(e, b->value) : loop_import(e, b->name, b->value);
}

/* step, steps and epoch in the arguments of a run are inputs of its little graph. */
static value run_variable(elaborator *e, const char *name) {
  for (int i = 0; e->in_arguments && i < e->graph->input_count; i++)
    if (!strcmp(e->graph->inputs[i].name, name)) return value_tensor(e->graph->inputs[i].node);
  return value_none();
}

static value unknown_name(elaborator *e, const ast *n) {
  const char **names = NULL;
  int count = 0;
  const char *file = library_holding(n->name);
  if (file)
    return elaborator_error(e, n->at, "`%s` is in the library; write `use %s`", n->name, file);
  const char *written = synonym_of(n->name);
  if (written)
    return elaborator_error(e, n->at, "there is no name `%s`; here it is written `%s`", n->name, written);
  scope_names(e->arena, e->frame->scope, &names, &count);
  native_names(e->arena, &names, &count);
  return elaborator_unknown(e, n->at, "name", n->name, names, count);
}

static value name_value(elaborator *e, const ast *n) {
  binding *b = scope_find(e->frame->scope, n->name);
  if (b) return expression_binding(e, b, n->at);
  if (!strcmp(n->name, "training")) {
    e->training_used = true;
    return value_truth(e->frame->training);
  }
  if (!strcmp(n->name, "pi")) return value_number(number_real(acos(-1)));
  value v = run_variable(e, n->name);
  if (!value_is(v, VALUE_NONE)) return v;
  const native *f = native_find(n->name);
  if (!f) return unknown_name(e, n);
  callable *c = arena_new_of(e->arena, callable);
  *c = (callable){.name = f->name, .native = f, .training = -1};
  return value_function(c);
}

/* --- calls ---------------------------------------------------------------------------------- */

argument_list expression_arguments(elaborator *e, const ast_list *items) {
  argument_list list = {arena_array_of(e->arena, items->count, argument), items->count};
  for (int i = 0; i < items->count; i++) {
    argument *a = &list.items[i];
    const ast *item = items->items[i];
    const ast *named = ast_as_named(item, &a->name);
    if (!named) a->name = NULL;
    a->source = named ? named : item;
    a->value = expression_value(e, a->source);
  }
  return list;
}

static value pipe_value(elaborator *e, const ast *n) {
  const ast *right = n->right;
  bool call = right->kind == AST_CALL;
  argument first = {NULL, expression_value(e, n->left), n->left};
  value callee = expression_value(e, call ? right->base : right);
  argument_list rest = {0};
  if (call) rest = expression_arguments(e, &right->items);
  argument_list all = {arena_array_of(e->arena, rest.count + 1, argument), rest.count + 1};
  all.items[0] = first;
  for (int i = 0; i < rest.count; i++) all.items[i + 1] = rest.items[i];
  const ast *site = call ? right : n;
  return call_value(e, right->at, site, elaborator_label(e, site), callee, all);
}

static value apply_value(elaborator *e, const ast *n) {
  value special;
  if (e->task && task_call(e, n, &special)) return special;
  if (index_notation_binds(e, n)) return index_notation_call(e, n);
  value callee = expression_value(e, n->base);
  argument_list arguments = expression_arguments(e, &n->items);
  return call_value(e, n->at, n, elaborator_label(e, n), callee, arguments);
}

static value brackets_value(elaborator *e, const ast *n) {
  value base = expression_value(e, n->base);
  switch (base.kind) {
    case VALUE_POISON: return base;
    case VALUE_FUNCTION:
    case VALUE_INSTANCE:
      return call_brackets(e, n->at, base, expression_arguments(e, &n->items));
    default:
      return subscript_value(e, n, base);
  }
}

/* --- the rest ------------------------------------------------------------------------------- */

static value tuple_expression(elaborator *e, const ast *n) {
  value *items = arena_array_of(e->arena, n->items.count, value);
  const char **keys = arena_array_of(e->arena, n->items.count, const char *);
  bool keyed = false;
  for (int i = 0; i < n->items.count; i++) {
    const ast *item = n->items.items[i];
    bool named = item->kind == AST_NAMED;
    keys[i] = named ? item->name : NULL;
    keyed = keyed || named;
    items[i] = expression_value(e, named ? item->value : item);
    for (int k = 0; k < i && named; k++)
      if (keys[k] && !strcmp(keys[k], keys[i]))
        return elaborator_error(e, item->at, "the key `%s` stands twice in this tuple", keys[i]);
  }
  return elaborator_tuple(e, n->at, n->items.count, items, keyed ? keys : NULL);
}

static value transposed(elaborator *e, const ast *n, value base);

static value member_value(elaborator *e, const ast *n) {
  value base = expression_value(e, n->base);
  if (value_is_poison(base)) return base;
  if (value_is(base, VALUE_TENSOR) && !strcmp(n->name, "T")) return transposed(e, n, base);
  if (value_is(base, VALUE_DATA)) return subscript_split(e, n, base);
  if (value_is(base, VALUE_TUPLE)) {
    int i = tuple_find(base.tuple, n->name);
    if (i >= 0) return base.tuple->items[i];
    return elaborator_unknown(e, n->at, "key", n->name, base.tuple->keys,
                              base.tuple->keys ? base.tuple->count : 0);
  }
  if (!value_is(base, VALUE_INSTANCE))
    return elaborator_error(e, n->at, "%s has no member `%s`%s", value_words(e->arena, base), n->name,
                            native_find(n->name) ? arena_printf(e->arena, "; write `%s(…)`", n->name) : "");
  value v = instance_member(e, base.instance, n->name, n->at);
  if (!value_is(v, VALUE_FUNCTION) || v.function->native) return v;
  callable *f = arena_new_of(e->arena, callable);
  *f = *v.function;
  f->home = base.instance;
  if (base.bound && f->training < 0) f->training = base.bound->training;
  return value_function(f);
}

static value transposed(elaborator *e, const ast *n, value base) {
  int rank = base.node->type.rank;
  if (rank < 2)
    return elaborator_error(e, n->at, "`.T` needs at least two axes, not %s",
                            value_words(e->arena, base));
  return subscript_transpose_last(e, n->at, base);
}

/* A condition known at compile time chooses, and the other side is not evaluated. */
static value choice_value(elaborator *e, const ast *n) {
  value condition = expression_value(e, n->condition);
  if (value_is_poison(condition)) return condition;
  if (value_is(condition, VALUE_TRUTH))
    return expression_value(e, condition.truth ? n->then : n->otherwise);
  bool boolean = value_is(condition, VALUE_TENSOR) && condition.node->type.element == DTYPE_BOOL;
  if (!boolean && !value_is(condition, VALUE_TUPLE)) /* leaf by leaf */
    return elaborator_error(e, n->condition->at, "the condition is a truth value, not %s",
                            value_words(e->arena, condition));
  value then = expression_value(e, n->then), otherwise = expression_value(e, n->otherwise);
  if (!elaborator_at(e, n->at)) return (value){0};
  return operate_select(e, n->at, condition, then, otherwise);
}

static value binary_value(elaborator *e, const ast *n) {
  value left = expression_value(e, n->left), right = expression_value(e, n->right);
  if (!elaborator_at(e, n->at)) return (value){0};
  return operate_binary(e, n->at, n->op, left, right, n);
}

static value unary_value(elaborator *e, const ast *n) {
  value operand = expression_value(e, n->operand);
  if (!elaborator_at(e, n->at)) return (value){0};
  return operate_unary(e, n->at, n->op, operand);
}

/* a..b is the tuple of its integers. */
static value range_value(elaborator *e, const ast *n) {
  int64_t first, count;
  if (!statement_range(e, n, &first, &count)) return (value){0};
  value *items = arena_array_of(e->arena, count, value);
  for (int64_t i = 0; i < count; i++) items[i] = value_integer(first + i);
  return elaborator_tuple(e, n->at, (int)count, items, NULL);
}

static value evaluate(elaborator *e, const ast *n) {
  switch (n->kind) {
    case AST_INTEGER: return value_integer(n->integer);
    case AST_REAL: return value_number(number_real(n->real));
    case AST_BOOL: return value_truth(n->truth);
    case AST_STRING: return value_text(n->name);
    case AST_NAME: return name_value(e, n);
    case AST_TUPLE: return tuple_expression(e, n);
    case AST_CALL: return apply_value(e, n);
    case AST_BRACKETS: return brackets_value(e, n);
    case AST_MEMBER: return member_value(e, n);
    case AST_UNARY: return unary_value(e, n);
    case AST_BINARY: return binary_value(e, n);
    case AST_CHOICE: return choice_value(e, n);
    case AST_PIPE: return pipe_value(e, n);
    case AST_RANGE: return range_value(e, n);
    case AST_IF: return statement_if(e, n);
    case AST_FOR: return statement_for(e, n);
    case AST_BLOCK: return statement_block(e, n, true);
    case AST_SCAN: return loop_scan(e, n);
    case AST_REPEAT: return loop_repeat(e, n);
    case AST_WHILE: return loop_while(e, n);
    default:
      return elaborator_error(e, n->at, "%s cannot stand here", ast_kind_words(n->kind));
  }
}

value expression_value(elaborator *e, const ast *n) {
  if (!elaborator_sink(e, n->at)) return (value){0};
  value v = evaluate(e, n);
  elaborator_rise(e);
  return v;
}

/* Appends a size, or the items of a tuple; false with an error. */
static bool add_size(elaborator *e, const ast *n, value v, tensor_type *out) {
  if (value_is(v, VALUE_TUPLE)) {
    for (int i = 0; i < v.tuple->count; i++)
      if (!add_size(e, n, v.tuple->items[i], out)) return false;
    return true;
  }
  dim extent;
  if (!elaborator_extent(e, n->at, v, "a size", &extent)) return false;
  if (extent.maximum < 1) {
    elaborator_error(e, n->at, "a size is at least 1, not %lld", (long long)extent.maximum);
    return false;
  }
  if (out->rank == MAX_RANK) {
    elaborator_error(e, n->at, "a tensor has at most %d axes", MAX_RANK);
    return false;
  }
  out->dims[out->rank++] = extent;
  return true;
}

bool expression_type(elaborator *e, const ast *type, tensor_type *out) {
  *out = (tensor_type){0};
  bool good = elaborator_element(e, type->at, type->name, &out->element);
  if (type->items.count > MAX_RANK) {
    elaborator_error(e, type->at, "a tensor has at most %d axes", MAX_RANK);
    return false;
  }
  for (int i = 0; i < type->items.count; i++) {
    const ast *size = type->items.items[i];
    if (size->kind == AST_ELLIPSIS) {
      elaborator_error(e, size->at, "`...` cannot stand here: the sizes must be known");
      good = false;
    } else {
      good = add_size(e, size, expression_value(e, size), out) && good;
    }
  }
  if (good && !type_check(out)) {
    elaborator_error(e, type->at, "a tensor of %s is too large: it has 2**60 elements or more",
                     shape_text(e->arena, out));
    good = false;
  }
  return good;
}
