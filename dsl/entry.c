#include "entry.h"

#include <string.h>

#include "build.h"
#include "call.h"
#include "expression.h"
#include "operate.h"
#include "slots.h"
#include "statement.h"
#include "training.h"

/* `n <= 64`: a size that each call gives, or one that a run has fixed within the bound. */
static value bounded_size(elaborator *e, const ast *s, const argument *given) {
  dim size = {.symbol = s->name}, fixed;
  if (!elaborator_integer(e, s->bound->at, expression_value(e, s->bound), "a bound", &size.maximum))
    return (value){0};
  if (size.maximum < 2)
    return elaborator_error(e, s->bound->at, "a bound is at least 2, not %lld: a size of 1 is "
                            "written as such", (long long)size.maximum);
  if (!given) return value_size(size);
  location at = given->source ? given->source->at : s->at;
  if (!elaborator_extent(e, at, given->value, s->name, &fixed)) return (value){0};
  if (fixed.maximum >= 1 && fixed.maximum <= size.maximum) return given->value;
  return elaborator_error(e, at, "`%s` is from 1 to %lld, not %lld", s->name,
                          (long long)size.maximum, (long long)fixed.maximum);
}

/* At most one size is bounded: it is what the caller's arrays have in common. */
static void check_bounds(elaborator *e, const ast *entry) {
  int count = 0;
  for (int i = 0; i < entry->statics.count; i++) {
    const ast *s = entry->statics.items[i];
    if (s->bound && count++ == 1)
      elaborator_error(e, s->at, "an entry has at most one bounded size");
  }
}

/* A bounded size leads the arrays at an interface, whose rows lie one behind the other. */
static bool size_leads(elaborator *e, location at, const char *what, const tensor_type *type) {
  for (int i = 1; i < type->rank; i++)
    if (type->dims[i].symbol) {
      elaborator_error(e, at, "%s is %s, but the bounded size %s can only be the first axis of an "
                       "entry's inputs and results, once", what, type_text(e->arena, type),
                       type->dims[i].symbol);
      return false;
    }
  return true;
}

/* Binds the entry's static parameters; `training` sets the frame's. True where it is set. */
static bool bind_statics(elaborator *e, const ast *entry, argument_list statics) {
  bool set = false;
  check_bounds(e, entry);
  for (int i = 0; i < entry->statics.count; i++) {
    const ast *s = entry->statics.items[i];
    const argument *a = call_argument(statics, s->name, i);
    value v = {0};
    if (s->bound) v = bounded_size(e, s, a);
    else v = a ? a->value : expression_value(e, s->value);
    if (strcmp(s->name, "training")) {
      call_check_hidden(e, s->name, v, s->at);
      scope_bind(e->arena, e->frame->scope, s->name, v, s->at);
    } else if (value_is(v, VALUE_TRUTH)) {
      e->frame->training = v.truth;
      set = true;
    } else {
      elaborator_error(e, s->at, "`training` is true or false");
    }
  }
  return set;
}

static bool has_bound(const ast *entry) {
  for (int i = 0; i < entry->statics.count; i++)
    if (entry->statics.items[i]->bound) return true;
  return false;
}

/* True for a size of an input that has its bound there, or leads, and is not known though none has a bound. */
static bool wants_bound(elaborator *e, const ast *entry, const ast *type, int axis) {
  const ast *size = type->items.items[axis];
  const bool bounded = size->kind == AST_BINARY && size->op == AST_LESS_EQUAL;
  const ast *name = bounded ? size->left : size;
  if (name->kind != AST_NAME) return false;
  return bounded || (axis == 0 && !has_bound(entry) && !scope_find(e->frame->scope, name->name));
}

/* The type of an input; false with an error, which says where a size that is not known belongs. */
static bool input_type(elaborator *e, const ast *entry, const ast *type, tensor_type *out) {
  if (expression_type(e, type, out)) return true;
  for (int i = 0; i < type->items.count; i++) {
    const ast *size = type->items.items[i];
    const char *name = size->kind == AST_BINARY ? size->left->name : size->name;
    if (!wants_bound(e, entry, type, i)) continue;
    diag_note(e->diagnostics, "    the bound of a size that each call gives stands behind the entry's name: "
              "entry %s[%s <= 64](…: %s[%s, …])", entry->name, name, type->name, name);
    break;
  }
  return false;
}

/* An input whose type is an error keeps its name, so that runs which give it a value are right. */
static void add_input(elaborator *e, const ast *entry, const ast *parameter) {
  value v = {0};
  tensor_type type;
  e->graph->at = elaborator_place(e, parameter->at);
  if (!parameter->type)
    elaborator_error(e, parameter->at, "an entry's input needs a type: `%s: f32[…]`",
                     parameter->name);
  else if (input_type(e, entry, parameter->type, &type) &&
           size_leads(e, parameter->type->at, "this input", &type))
    v = value_tensor(graph_add_input(e->graph, parameter->name, &type));
  if (value_is_poison(v))
    arena_push(e->arena, e->graph->inputs, e->graph->input_count) = (graph_value){parameter->name, NULL};
  if (scope_find_here(e->frame->scope, parameter->name))
    elaborator_error(e, parameter->at, "two inputs or sizes are named `%s`", parameter->name);
  if (parameter->value) elaborator_refuse(e, parameter->value->at, "a default of an input");
  call_check_hidden(e, parameter->name, v, parameter->at);
  scope_bind(e->arena, e->frame->scope, parameter->name, v, parameter->at);
}

static void add_output(elaborator *e, const ast *at, const char *name, const ast *type, value v) {
  if (value_is_poison(v)) return;
  node *n = operate_tensor(e, at->at, v, DTYPE_COUNT);
  const char *what = arena_printf(e->arena, "the result `%s`", name);
  if (n && size_leads(e, at->at, what, &n->type) &&
      (!type || call_match_type(e, type, &n->type, what, at->at)))
    graph_add_output(e->graph, name, n);
}

static void add_results(elaborator *e, const ast *entry) {
  const scope *names = e->frame->scope;
  for (int i = 0; i < entry->results.count; i++) {
    const ast *r = entry->results.items[i];
    binding *b = scope_find_here(names, r->name);
    if (b) {
      add_output(e, r, r->name, r->type, expression_binding(e, b, r->at));
      continue;
    }
    const char **known = NULL;
    int count = 0;
    for (int k = 0; k < names->count; k++)
      arena_push(e->arena, known, count) = names->bindings[k]->name;
    elaborator_unknown(e, r->at, "value in this entry for the result", r->name, known, count);
  }
}

static void add_updates(elaborator *e) {
  for (int i = 0; i < e->slot_count; i++) {
    const slot_record *s = e->slots[i];
    if (s->graph == e->graph && s->written && s->current)
      graph_set_update(e->graph, s->slot.path, s->current);
  }
}

/* The constant that all inputs with axes name as their leading extent, or NULL. */
static const char *batch_constant(const elaborator *e, const ast *entry) {
  const char *name = NULL;
  for (int i = 0; i < entry->parameters.count; i++) {
    const ast *type = entry->parameters.items[i]->type;
    if (!type || !type->items.count) continue;
    const ast *size = type->items.items[0];
    const binding *b = size->kind == AST_NAME ? scope_find_here(e->scope, size->name) : NULL;
    if (!b || !b->expression || (name && strcmp(name, size->name))) return NULL;
    for (int k = 0; k < entry->statics.count; k++)
      if (!strcmp(entry->statics.items[k]->name, size->name)) return NULL;
    name = size->name;
  }
  return name;
}

static void run_body(elaborator *e, const ast *entry, bool training_set) {
  bool guessed = false;
  if (!training_set) e->frame->training = training_reaches(e, entry, &guessed);
  for (int i = 0; i < entry->parameters.count; i++) add_input(e, entry, entry->parameters.items[i]);
  value v = statement_block(e, entry->body, entry->type || !entry->results.count);
  if (!value_is(v, VALUE_NONE) || entry->type) add_output(e, entry->body, "value", entry->type, v);
  add_results(e, entry);
  add_updates(e);
  if (!training_set && e->training_used && e->param_written && !e->frame->training)
    elaborator_error(e, entry->at, "this entry updates a param in a way that was not foreseen; "
                     "set [training = true]");
  if (guessed && e->training_used && !e->param_written && e->frame->training)
    elaborator_error(e, entry->at, "the text of this entry updates what may be a param, but none is updated; say "
                     "whether it trains: [training = false] or [training = true]");
}

/* The place in the tree of instances for what the entry owns. NULL after an error. */
static instance *entry_instance(elaborator *e, const ast *entry, const char *name) {
  if (!strcmp(entry->name, "init"))
    elaborator_error(e, entry->at, "no entry can be named `init`: a model has one of this name, "
                     "which gives the initial values");
  instance *i = instance_child(e, e->model, name);
  const slot_record *own = instance_find_slot(e->model, name);
  if (i->definition || i->unnamed_in_entry || own) {
    location before = i->definition ? i->definition->at : own ? own->slot.at : entry->at;
    elaborator_error(e, entry->at, "`%s` is defined already, at %s; give one of them another name",
                     name, diag_place(e->arena, before));
    return NULL;
  }
  i->definition = entry;
  i->unnamed_in_entry = true;
  return i;
}

/* Whether the entry makes sense without static arguments. */
static bool has_defaults(const ast *entry) {
  for (int i = 0; i < entry->statics.count; i++)
    if (!entry->statics.items[i]->value && !entry->statics.items[i]->bound) return false;
  return true;
}

/* False after an error that leaves no graph. */
static bool elaborate_named(elaborator *e, const ast *entry, const char *name,
                            argument_list statics) {
  instance *self = entry_instance(e, entry, name);
  if (!self) return false;
  graph *outer = e->graph;
  frame own = {.lexical = elaborator_lexical(e, entry), .called_at = entry->at, .self = self,
               .scope = scope_new(e->arena, e->scope), .site = name, .body = true};
  e->graph = graph_new(e->arena, e->diagnostics, name);
  e->training_used = e->param_written = false;
  if (elaborator_enter(e, &own)) {
    run_body(e, entry, bind_statics(e, entry, statics));
    elaborator_leave(e);
  }
  program *p = e->program;
  int same = p->entry_count;
  arena_push(e->arena, p->batch_constants, same) = batch_constant(e, entry);
  arena_push(e->arena, p->entries, p->entry_count) = e->graph;
  e->graph = outer;
  return true;
}

void entry_elaborate(elaborator *e, const ast *entry) {
  if (has_defaults(entry)) elaborate_named(e, entry, entry->name, (argument_list){0});
}

/* --- entries with static arguments ---------------------------------------------------------- */

/* "pretrain_l2"; NULL after an error. */
static const char *name_with(elaborator *e, location at, const ast *entry, argument_list statics) {
  const char *name = entry->name;
  for (int i = 0; i < entry->statics.count; i++) {
    const ast *s = entry->statics.items[i];
    const argument *a = call_argument(statics, s->name, i);
    if (!a) continue;
    if (value_is_poison(a->value)) return NULL;
    if (value_is(a->value, VALUE_TRUTH)) {
      name = arena_printf(e->arena, "%s_%s%s", name, s->name, a->value.truth ? "true" : "false");
    } else if (value_is_integer(a->value)) {
      const char *digits = number_text(e->arena, a->value.number);
      name = arena_printf(e->arena, "%s_%s%s%s", name, s->name, *digits == '-' ? "m" : "",
                          digits + (*digits == '-'));
    } else {
      elaborator_error(e, at, "a static argument of an entry in a run is an integer or a truth "
                       "value, not %s", value_words(e->arena, a->value));
      return NULL;
    }
  }
  return name;
}

const char *entry_with(elaborator *e, location at, const ast *entry, argument_list statics) {
  const callable given = {.name = entry->name, .function = entry, .statics = statics};
  const char *name = name_with(e, at, entry, statics);
  if (!name || !call_check_statics(e, at, &given)) return NULL;
  const instance *known = instance_find_child(e->model, name);
  if (known && known->definition == entry) return name;
  task *outer_task = e->task;
  frame *outer = e->frame;
  e->task = NULL;
  while (e->frame->caller) e->frame = e->frame->caller; /* an entry stands at top level */
  bool good = elaborate_named(e, entry, name, statics);
  e->frame = outer;
  e->task = outer_task;
  return good ? name : NULL;
}

void entry_check_used(elaborator *e, const ast *entry) {
  if (has_defaults(entry)) return;
  for (int i = 0; i < e->model->child_count; i++)
    if (e->model->children[i]->definition == entry) return;
  elaborator_error(e, entry->at, "a static parameter of the entry `%s` has no default, and no run "
                   "gives it a value", entry->name);
}
