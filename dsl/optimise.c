#include "optimise.h"

#include "build.h"
#include "call.h"
#include "expression.h"
#include "gradient.h"
#include "half.h"
#include "loop.h"
#include "operate.h"
#include "slots.h"

/* One function of the pipeline after `with`, with the arguments that follow (ws, gs) or (w, g). */
typedef struct stage {
  const ast *source;
  const char *label;
  value callee;
  argument_list rest;
} stage;

typedef struct parameters {
  slot_record **slots;
  int count;
} parameters;

/* --- the parameters ------------------------------------------------------------------------- */

static int find_slot(const parameters *list, const slot_record *s) {
  for (int i = 0; i < list->count; i++)
    if (list->slots[i] == s) return i;
  return -1;
}

static bool collect(elaborator *e, const ast *n, value v, parameters *list) {
  v = gradient_leaves(e, v);
  if (value_is_poison(v)) return false;
  if (value_is(v, VALUE_TUPLE)) {
    for (int i = 0; i < v.tuple->count; i++)
      if (!collect(e, n, v.tuple->items[i], list)) return false;
    return true;
  }
  if (!value_is(v, VALUE_TENSOR) || !v.slot || !dtype_is_float(v.slot->slot.type.element)) {
    elaborator_error(e, n->at, "`over` takes instances, params and tuples of them, not %s",
                     value_words(e->arena, v));
    return false;
  }
  if (find_slot(list, v.slot) < 0) arena_push(e->arena, list->slots, list->count) = v.slot;
  return true;
}

static bool collect_all(elaborator *e, const ast_list *sources, parameters *list) {
  bool good = true;
  for (int i = 0; i < sources->count; i++)
    good = collect(e, sources->items[i], expression_value(e, sources->items[i]), list) && good;
  return good;
}

static bool chosen(elaborator *e, const ast *n, parameters *list) {
  parameters over = {0}, except = {0};
  if (!collect_all(e, &n->over, &over) || !collect_all(e, &n->excluded, &except)) return false;
  for (int i = 0; i < except.count; i++)
    if (find_slot(&over, except.slots[i]) < 0) {
      elaborator_error(e, n->at, "`except` names `%s`, which `over` does not hold",
                       except.slots[i]->slot.path);
      return false;
    }
  for (int i = 0; i < over.count; i++)
    if (find_slot(&except, over.slots[i]) < 0)
      arena_push(e->arena, list->slots, list->count) = over.slots[i];
  return true;
}

/* --- the stages ----------------------------------------------------------------------------- */

static stage read_stage(elaborator *e, const ast *n, const ast *pipe) {
  bool call = n->kind == AST_CALL;
  stage s = {.source = n, .callee = expression_value(e, call ? n->base : n)};
  if (call) s.rest = expression_arguments(e, &n->items);
  s.label = elaborator_label(e, !call && pipe ? pipe : n);
  return s;
}

/* a |> b |> c leans to the left. */
static void read_stages(elaborator *e, const ast *n, const ast *pipe, stage **stages, int *count) {
  if (n->kind == AST_PIPE) {
    read_stages(e, n->left, NULL, stages, count);
    read_stages(e, n->right, n, stages, count);
    return;
  }
  arena_push(e->arena, *stages, *count) = read_stage(e, n, pipe);
}

/* What a stage computes with: parameters of f16 and bf16, and their gradients, in f32, so that its
 * state keeps what many small steps add up to. */
static value in_f32(elaborator *e, location at, value v) {
  bool half = value_is(v, VALUE_TENSOR) && half_is(v.node->type.element);
  return half ? operate_cast(e, at, v, DTYPE_F32) : v;
}

static value all_in_f32(elaborator *e, location at, value list) {
  if (value_is_poison(list)) return list;
  tuple *t = tuple_like(e->arena, list.tuple);
  for (int i = 0; i < t->count; i++) t->items[i] = in_f32(e, at, list.tuple->items[i]);
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

static argument_list with_two(elaborator *e, value first, value second, argument_list rest) {
  argument_list all = {arena_array_of(e->arena, rest.count + 2, argument), rest.count + 2};
  all.items[0] = (argument){.value = first};
  all.items[1] = (argument){.value = second};
  for (int i = 0; i < rest.count; i++) all.items[i + 2] = rest.items[i];
  return all;
}

/* Where an optimiser's state lives: below its instance, or below this minimize, by the
 * parameter's path. */
static value step_parameter(elaborator *e, const stage *s, slot_record *w, value gradient) {
  location at = s->source->at;
  argument_list arguments = with_two(e, in_f32(e, at, slot_read(e, w)), gradient, s->rest);
  bool instance_given = value_is(s->callee, VALUE_INSTANCE);
  const callable *f = instance_given ? s->callee.instance->function : s->callee.function;
  if (!f || f->native) return call_value(e, at, NULL, s->label, s->callee, arguments);
  instance *owner = instance_given ? s->callee.instance
                                   : instance_child(e, e->frame->self, s->label);
  owner = instance_child(e, owner, w->slot.path);
  const char *label = arena_printf(e->arena, "%s/%s", s->label, w->slot.path);
  return call_owned(e, at, label, f, owner, arguments);
}

static value slot_values(elaborator *e, const parameters *list) {
  value *items = arena_array_of(e->arena, list->count, value);
  const char **keys = arena_array_of(e->arena, list->count, const char *);
  for (int i = 0; i < list->count; i++) {
    items[i] = slot_read(e, list->slots[i]);
    keys[i] = list->slots[i]->slot.path;
  }
  return value_tuple(e->arena, list->count, items, keys);
}

/* A stage before the last maps (ws, gs) to gs. */
static value transform(elaborator *e, const stage *s, value ws, value gs) {
  value v = call_value(e, s->source->at, NULL, s->label, s->callee, with_two(e, ws, gs, s->rest));
  if (value_is_poison(v)) return v;
  if (value_is(v, VALUE_TUPLE) && v.tuple->count == gs.tuple->count) return v;
  return elaborator_error(e, s->source->at,
                          "a stage before the last gives one gradient for each of %d parameters, "
                          "not %s", gs.tuple->count, value_words(e->arena, v));
}

static bool callable_stages(elaborator *e, const stage *stages, int count) {
  bool good = true;
  for (int i = 0; i < count; i++) {
    value callee = stages[i].callee;
    if (value_is(callee, VALUE_FUNCTION) || value_is(callee, VALUE_INSTANCE)) continue;
    good = false;
    if (!value_is_poison(callee))
      elaborator_error(e, stages[i].source->at, "`with` takes functions, not %s",
                       value_words(e->arena, callee));
  }
  return good;
}

/* All new values are computed before the first is written. */
static void step_all(elaborator *e, const ast *n, const stage *last, const parameters *list,
                     const tuple *gradients) {
  node **next = arena_array_of(e->arena, list->count, node *);
  for (int i = 0; i < list->count; i++) {
    slot_record *s = list->slots[i];
    value v = step_parameter(e, last, s, gradients->items[i]);
    bool half = half_is(s->slot.type.element);
    if (half && value_is(v, VALUE_TENSOR) && v.node->type.element == DTYPE_F32)
      v = operate_cast(e, last->source->at, v, s->slot.type.element);
    next[i] = operate_convert(e, last->source->at, v, &s->slot.type, false,
                              arena_printf(e->arena, "the new value of `%s`", s->slot.path));
  }
  for (int i = 0; i < list->count; i++)
    if (next[i]) slot_write(e, list->slots[i], next[i], n->at);
}

/* ---- objectives ------------------------------------------------------------------------------ */

/* What a minimize takes, in the graph of an entry or in one of a loop within. */
typedef struct minimized {
  const graph *entry;
  node *value; /* NULL: of a loop */
  location at;
} minimized;

static void note_objective(elaborator *e, const ast *n, value loss) {
  const graph *entry = loop_root(e);
  node *own = entry == e->graph && value_is(loss, VALUE_TENSOR) ? loss.node : NULL;
  arena_push(e->arena, e->minimized, e->minimized_count) = (minimized){entry, own, n->value->at};
}

void optimise_finish(elaborator *e) {
  program *p = e->program;
  for (int i = 0; i < e->minimized_count; i++) {
    const minimized *m = &e->minimized[i];
    graph *g = program_entry(p, m->entry->name);
    int output = g && m->value ? graph_output_number(g, m->value) : -1;
    bool added = g && m->value && output < 0;
    if (!g || (added && !e->options->objectives)) continue;
    if (added) graph_add_output(g, "objective", m->value);
    arena_push(e->arena, p->objectives, p->objective_count) =
        (objective){g->name, added ? g->output_count - 1 : output, added, m->at};
  }
}

void optimise_minimize(elaborator *e, const ast *n) {
  parameters list = {0};
  value loss = expression_value(e, n->value);
  if (loop_root(e) == e->initial) {
    elaborator_error(e, n->at, "`minimize` belongs into an entry or into what an entry calls");
    return;
  }
  e->param_written = true;
  stage *stages = NULL;
  int count = 0;
  read_stages(e, n->with, NULL, &stages, &count);
  bool ready = callable_stages(e, stages, count);
  if (!chosen(e, n, &list) || !ready || value_is_poison(loss)) return;
  if (!list.count) {
    elaborator_error(e, n->at, "there is no parameter to minimize over: an instance has its parameters from its "
                               "first call on");
    return;
  }
  note_objective(e, n, loss);
  if (n->maximize) loss = operate_unary(e, n->at, AST_NEGATE, loss);
  value ws = slot_values(e, &list);
  value gs = all_in_f32(e, n->at, gradient_of(e, n->at, loss, ws));
  ws = all_in_f32(e, n->at, ws);
  for (int i = 0; i + 1 < count && !value_is_poison(gs); i++)
    gs = transform(e, &stages[i], ws, gs);
  if (!value_is_poison(gs)) step_all(e, n, &stages[count - 1], &list, gs.tuple);
}
