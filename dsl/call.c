#include "call.h"

#include <string.h>

#include "build.h"
#include "expression.h"
#include "native.h"
#include "operate.h"
#include "rule.h"
#include "slots.h"
#include "statement.h"

/* --- arguments ------------------------------------------------------------------------------ */

static location argument_place(const argument *a, location call) {
  return a->source ? a->source->at : call;
}

const argument *call_argument(argument_list list, const char *name, int i) {
  int position = 0;
  for (int k = 0; k < list.count; k++) {
    if (list.items[k].name) {
      if (!strcmp(list.items[k].name, name)) return &list.items[k];
    } else if (position++ == i) {
      return &list.items[k];
    }
  }
  return NULL;
}

/* Every argument meets exactly one parameter; false with an error otherwise. */
static bool check_arguments(elaborator *e, location at, const callable *f, argument_list list,
                            const ast_list *parameters, const char *kind) {
  int positional = 0;
  for (int k = 0; k < list.count; k++) positional += !list.items[k].name;
  if (positional > parameters->count) {
    elaborator_error(e, at, "%s takes %d %s%s, but %d %s given", f->name, parameters->count, kind,
                     parameters->count == 1 ? "" : "s", positional, positional == 1 ? "is" : "are");
    return false;
  }
  for (int k = 0; k < list.count; k++) {
    const argument *a = &list.items[k];
    if (!a->name) continue;
    int i = 0;
    while (i < parameters->count && strcmp(parameters->items[i]->name, a->name)) i++;
    if (i == parameters->count) {
      const char **names = arena_array_of(e->arena, parameters->count, const char *);
      for (int j = 0; j < parameters->count; j++) names[j] = parameters->items[j]->name;
      elaborator_unknown(e, argument_place(a, at),
                         arena_printf(e->arena, "%s of %s named", kind, f->name), a->name, names,
                         parameters->count);
      return false;
    }
    if (i < positional || call_argument((argument_list){list.items, k}, a->name, -1)) {
      elaborator_error(e, argument_place(a, at), "`%s` is given twice", a->name);
      return false;
    }
  }
  for (int i = 0; i < parameters->count; i++) {
    const ast *p = parameters->items[i];
    if (p->value || p->bound || call_argument(list, p->name, i)) continue;
    elaborator_error(e, at, "%s needs its %s `%s`", f->name, kind, p->name);
    return false;
  }
  return true;
}

bool call_check_statics(elaborator *e, location at, const callable *f) {
  return check_arguments(e, at, f, f->statics, &f->function->statics, "static argument");
}

static bool check_call(elaborator *e, location at, const callable *f, argument_list arguments) {
  return call_check_statics(e, at, f) &&
         check_arguments(e, at, f, arguments, &f->function->parameters, "argument");
}

static void bind(elaborator *e, const char *name, value v, location at) {
  call_check_hidden(e, name, v, at);
  scope_bind(e->arena, e->frame->scope, name, v, at);
}

static void bind_statics(elaborator *e, const callable *f) {
  const ast_list *statics = &f->function->statics;
  for (int i = 0; i < statics->count; i++) {
    const ast *s = statics->items[i];
    const argument *a = call_argument(f->statics, s->name, i);
    value v = {0};
    if (s->bound)
      elaborator_error(e, s->at, "a bounded size belongs to an entry; a function takes the size of "
                       "its argument, `x: f32[%s, …]`", s->name);
    else if (a) v = a->value;
    else v = expression_value(e, s->value);
    bind(e, s->name, v, s->at);
  }
}

/* --- types in signatures -------------------------------------------------------------------- */

/* What is known of a size: false for a pattern, which is then bound to the extent. A pattern that
 * was bound before has its place. */
static bool known_size(elaborator *e, const ast *size, dim extent, dim *known,
                       location *bound_at) {
  binding *b = size->kind == AST_NAME ? scope_find(e->frame->scope, size->name) : NULL;
  bool is_number = b && (b->state != BINDING_READY || value_is(b->value, VALUE_NUMBER) ||
                         value_is(b->value, VALUE_SIZE));
  if (size->kind == AST_NAME && !is_number) {
    scope_bind(e->arena, e->frame->scope, size->name, value_size(extent), size->at);
    return false;
  }
  if (b) *bound_at = b->at;
  return elaborator_extent(e, size->at, expression_value(e, size), "a size", known);
}

static bool match_size(elaborator *e, const ast *type, const ast *size, dim extent,
                       const tensor_type *given, const char *what, location at) {
  dim known = extent;
  location bound_at = {0};
  if (!known_size(e, size, extent, &known, &bound_at) || dim_equal(known, extent)) return true;
  diag_error(e->diagnostics, at, "%s is %s, where %s stands in place of %s", what,
             type_text(e->arena, given), value_size_text(e->arena, extent), value_size_text(e->arena, known));
  diag_note(e->diagnostics, "    the type is written at %s%s", diag_place(e->arena, type->at),
            bound_at.source ? arena_printf(e->arena, "; `%s` was fixed at %s", size->name,
                                           diag_place(e->arena, bound_at))
                            : "");
  elaborator_path(e);
  return false;
}

bool call_match_type(elaborator *e, const ast *type, const tensor_type *given, const char *what,
                     location at) {
  const ast_list *sizes = &type->items;
  dtype element;
  if (!elaborator_element(e, type->at, type->name, &element)) return false;
  if (element != given->element) {
    elaborator_error(e, at, "%s is %s, but %s is needed; cast it with %s(…)", what,
                     type_text(e->arena, given), dtype_name(element), type->name);
    return false;
  }
  int dots = -1;
  for (int i = 0; i < sizes->count; i++)
    if (sizes->items[i]->kind == AST_ELLIPSIS) dots = i;
  int fixed = sizes->count - (dots >= 0);
  if (dots >= 0 ? given->rank < fixed : given->rank != fixed) {
    diag_error(e->diagnostics, at, "%s is %s, but %s%d %s needed", what, type_text(e->arena, given),
               dots >= 0 ? "at least " : "", fixed, fixed == 1 ? "axis is" : "axes are");
    diag_note(e->diagnostics, "    the type is written at %s", diag_place(e->arena, type->at));
    elaborator_path(e);
    return false;
  }
  for (int i = 0; i < sizes->count; i++) {
    if (i == dots) continue;
    int axis = dots >= 0 && i > dots ? i + given->rank - sizes->count : i;
    if (!match_size(e, type, sizes->items[i], given->dims[axis], given, what, at))
      return false;
  }
  return true;
}

/* The names of sizes that nothing is known of, since there was an error. */
static value unknown_sizes(elaborator *e, const ast *type) {
  for (int i = 0; i < type->items.count; i++) {
    const ast *size = type->items.items[i];
    if (size->kind == AST_NAME && !scope_find(e->frame->scope, size->name))
      scope_bind(e->arena, e->frame->scope, size->name, (value){0}, size->at);
  }
  return (value){0};
}

/* A parameter's value, fitted to its written type. */
static value fitted(elaborator *e, const ast *parameter, value v, location at) {
  const ast *type = parameter->type;
  if (!type) return v;
  if (value_is_poison(v)) return unknown_sizes(e, type);
  dtype element;
  if (!elaborator_element(e, type->at, type->name, &element)) return (value){0};
  node *n = operate_tensor(e, at, v, element);
  if (!n) return unknown_sizes(e, type);
  const char *what = arena_printf(e->arena, "`%s`", parameter->name);
  if (!call_match_type(e, type, &n->type, what, at)) return unknown_sizes(e, type);
  return value_is(v, VALUE_TENSOR) ? v : value_tensor(n);
}

/* Their values, in the order of the parameters. */
static const value *bind_parameters(elaborator *e, location at, const callable *f,
                                    argument_list arguments) {
  const ast_list *parameters = &f->function->parameters;
  value *values = arena_array_of(e->arena, parameters->count, value);
  for (int i = 0; i < parameters->count; i++) {
    const ast *p = parameters->items[i];
    const argument *a = call_argument(arguments, p->name, i);
    value v = a ? a->value : expression_value(e, p->value);
    values[i] = fitted(e, p, v, a ? argument_place(a, at) : at);
    bind(e, p->name, values[i], p->at);
  }
  return values;
}

void call_check_hidden(elaborator *e, const char *name, value v, location at) {
  frame *f = e->frame;
  if (!f->body || value_is(v, VALUE_FUNCTION) || value_is(v, VALUE_INSTANCE) ||
      value_is_poison(v) || !lexical_calls(f->lexical, name))
    return;
  const binding *outer = f->scope->parent ? scope_find(f->scope->parent, name) : NULL;
  if (outer ? !value_is(outer->value, VALUE_FUNCTION) && !value_is(outer->value, VALUE_INSTANCE)
            : !native_find(name))
    return;
  elaborator_error(e, at, "`%s` hides the function that this body calls; give it another name",
                   name);
}

/* --- calls ---------------------------------------------------------------------------------- */

static const char *static_text(elaborator *e, value v) {
  return value_is(v, VALUE_NUMBER)  ? number_text(e->arena, v.number)
         : value_is(v, VALUE_TRUTH) ? value_words(e->arena, v)
                                    : "…";
}

/* "mlp[512]" */
static const char *shown_name(elaborator *e, const callable *f) {
  if (!f->statics.count) return f->name;
  const char *text = "";
  for (int i = 0; i < f->statics.count; i++) {
    const argument *a = &f->statics.items[i];
    text = arena_printf(e->arena, "%s%s%s%s%s", text, i ? ", " : "", a->name ? a->name : "",
                        a->name ? ": " : "", static_text(e, a->value));
  }
  return arena_printf(e->arena, "%s[%s]", f->name, text);
}

static frame frame_of(elaborator *e, const callable *f, instance *owner, location at,
                      const char *label) {
  return (frame){
      .name = shown_name(e, f),
      .called_at = at,
      .lexical = elaborator_lexical(e, f->function),
      .self = owner,
      .scope = scope_new(e->arena, f->scope),
      .site = elaborator_site(e, label),
      .training = f->training >= 0 ? f->training : e->frame->training,
      .body = true,
      .first_node = e->graph ? e->graph->node_count : 0,
  };
}

/* `-> (a, b)`: the body's names; one name gives its value, several a tuple with keys. */
static value named_results(elaborator *e, const ast *function) {
  const ast_list *results = &function->results;
  value *items = arena_array_of(e->arena, results->count, value);
  const char **keys = arena_array_of(e->arena, results->count, const char *);
  for (int i = 0; i < results->count; i++) {
    const ast *r = results->items[i];
    binding *b = scope_find_here(e->frame->scope, r->name);
    keys[i] = r->name;
    if (!b) elaborator_error(e, r->at, "the body does not define its result `%s`", r->name);
    else items[i] = fitted(e, r, expression_binding(e, b, r->at), r->at);
  }
  if (results->count == 1) return items[0];
  return elaborator_tuple(e, function->at, results->count, items, keys);
}

static value body_value(elaborator *e, const ast *function, location at) {
  bool named = function->results.count > 0;
  value v = statement_block(e, function->body, !named);
  if (named) return named_results(e, function);
  if (!function->type || value_is_poison(v)) return v;
  node *n = operate_tensor(e, at, v, DTYPE_COUNT);
  if (!n || !call_match_type(e, function->type, &n->type, "the result", function->type->at))
    return (value){0};
  return value_is(v, VALUE_TENSOR) ? v : value_tensor(n);
}

value call_owned(elaborator *e, location at, const char *label, const callable *f, instance *owner,
                 argument_list arguments) {
  if (!f->function->has_parameters)
    return elaborator_error(e, at, "`%s` has no parameter list, so it cannot be called; name an "
                            "instance of it and use its members", f->name);
  frame own = frame_of(e, f, owner, at, label);
  if (!check_call(e, at, f, arguments) || !elaborator_enter(e, &own)) return (value){0};
  owner->members = own.scope;
  bind_statics(e, f);
  const value *given = bind_parameters(e, at, f, arguments);
  value v = body_value(e, f->function, at);
  if (own.derivative) v = rule_apply(e, &f->function->parameters, given, v);
  elaborator_leave(e);
  return v;
}

static value call_native(elaborator *e, location at, const ast *site, const char *label,
                         const callable *f, argument_list arguments) {
  return native_apply(e, &(native_call){.native = f->native, .at = at, .site = site,
                                        .label = label, .statics = f->statics,
                                        .arguments = arguments});
}

/* Poison among the arguments of a native call is the result; a function of the language goes on,
 * since its other parts may hold further errors. */
static bool any_poison(argument_list list) {
  for (int i = 0; i < list.count; i++)
    if (value_is_poison(list.items[i].value)) return true;
  return false;
}

value call_value(elaborator *e, location at, const ast *site, const char *label, value callee,
                 argument_list arguments) {
  if (!elaborator_at(e, at) || value_is_poison(callee)) return (value){0};
  if (value_is(callee, VALUE_INSTANCE)) {
    instance *i = callee.instance;
    const callable *f = callee.bound ? callee.bound : i->function;
    if (!f) return elaborator_error(e, at, "`%s` cannot be called", i->path);
    return call_owned(e, at, label, f, i, arguments);
  }
  if (!value_is(callee, VALUE_FUNCTION))
    return elaborator_error(e, at, "%s cannot be called", value_words(e->arena, callee));
  const callable *f = callee.function;
  if (any_poison(arguments) || any_poison(f->statics)) return (value){0};
  if (f->native) return call_native(e, at, site, label, f, arguments);
  instance *owner = f->home ? instance_child(e, f->home, f->name)
                            : instance_child(e, e->frame->self, label);
  if (f->origin && !owner->origin) instance_copy(e, owner, f->origin);
  return call_owned(e, at, label, f, owner, arguments);
}

/* --- brackets ------------------------------------------------------------------------------- */

/* Takes `training: …` out of the arguments; false after an error. */
static bool take_training(elaborator *e, location at, argument_list *list, signed char *training) {
  int kept = 0;
  argument *items = arena_array_of(e->arena, list->count, argument);
  for (int i = 0; i < list->count; i++) {
    argument a = list->items[i];
    if (!a.name || strcmp(a.name, "training")) {
      items[kept++] = a;
    } else if (value_is(a.value, VALUE_TRUTH)) {
      *training = a.value.truth;
    } else {
      elaborator_error(e, argument_place(&a, at), "`training` is true or false");
      return false;
    }
  }
  *list = (argument_list){items, kept};
  return true;
}

value call_brackets(elaborator *e, location at, value base, argument_list statics) {
  const callable *from = value_is(base, VALUE_FUNCTION) ? base.function
                         : base.bound                   ? base.bound
                                                        : base.instance->function;
  if (!from) return elaborator_error(e, at, "`%s` takes no brackets", base.instance->path);
  callable *f = arena_new_of(e->arena, callable);
  *f = *from;
  if (!f->native && !take_training(e, at, &statics, &f->training)) return (value){0};
  if (value_is(base, VALUE_INSTANCE)) {
    if (statics.count)
      return elaborator_error(e, at, "`%s` is an instance, whose static arguments are fixed",
                              base.instance->path);
    base.bound = f;
    return base;
  }
  if (f->bracketed)
    return elaborator_error(e, at, "`%s` has its static arguments already", f->name);
  f->bracketed = true;
  f->statics = statics;
  return value_function(f);
}

/* --- instances ------------------------------------------------------------------------------ */

static value instantiate(elaborator *e, const ast *define, const char *name,
                         const callable *f) {
  const char *full = arena_printf(e->arena, "%s%s", name, e->frame->indices);
  instance *i = instance_child(e, e->frame->self, full);
  if (i->definition && i->definition != define)
    return elaborator_error(e, define->at, "`%s` names an instance already, at %s", i->path,
                            diag_place(e->arena, i->definition->at));
  i->definition = define;
  i->function = f;
  if (f->origin) instance_copy(e, i, f->origin);
  i->graph = NULL;
  if (!f->function->has_parameters) call_members(e, i, define->at);
  return value_instance(i);
}

static bool owns(value v) {
  return value_is(v, VALUE_FUNCTION) && !v.function->native && !v.function->home;
}

value call_named(elaborator *e, const ast *define, const char *name, value v) {
  if (owns(v)) return instantiate(e, define, name, v.function);
  if (!value_is(v, VALUE_TUPLE)) return v;
  tuple *t = tuple_like(e->arena, v.tuple);
  for (int i = 0; i < t->count; i++) {
    const char *key = t->keys && t->keys[i] ? t->keys[i] : NULL;
    const char *leaf = key ? arena_printf(e->arena, "%s.%s", name, key)
                           : arena_printf(e->arena, "%s[%d]", name, i);
    t->items[i] = call_named(e, define, leaf, v.tuple->items[i]);
  }
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

scope *call_members(elaborator *e, instance *i, location at) {
  const callable *f = i->function;
  if (!f || f->function->has_parameters || i->busy) return i->members;
  if (i->graph == e->graph) return i->members;
  frame own = frame_of(e, f, i, at, i->name);
  own.site = i->path; /* whoever asks first */
  if (!check_call(e, at, f, (argument_list){0}) || !elaborator_enter(e, &own)) return NULL;
  i->members = own.scope;
  i->graph = e->graph;
  i->busy = true;
  bind_statics(e, f);
  statement_block(e, f->function->body, false);
  i->busy = false;
  elaborator_leave(e);
  return i->members;
}
