#include "loop_statement.h"

#include <string.h>

#include "build.h"
#include "expression.h"
#include "loop.h"
#include "loop_blocks.h"
#include "operate.h"
#include "rewrite.h"
#include "slots.h"
#include "statement.h"
#include "update.h"

/* A name of the enclosing scope that the body binds again, or that stands for a slot's version which
 * the body updates by this name. */
typedef struct carried_name {
  binding *binding, before; /* before: as it was */
  slot_record *slot;        /* NULL: bound again */
  value inside;             /* at the start of a turn */
  int leaf, leaf_count;     /* of the body's leaves */
} carried_name;

/* A range, or tensors of which each turn takes one part. */
typedef struct loop_sequence {
  const ast *pattern, *at;
  bool range;
  int64_t first;
  value whole;
} loop_sequence;

typedef struct loop_run {
  elaborator *elaborator;
  const ast *at;
  loop_body body;
  loop_sequence *sequences;
  int sequence_count;
  int64_t turns;        /* 0: until the condition is false, or `count` is reached */
  const char *size;     /* the bounded size that the turns are; NULL: none */
  int64_t block;        /* turns between those whose carries are kept for the derivative; 0: keep all */
  carried_name *names;
  int name_count;
  value count;          /* of `repeat`, where it is known at run time only; else poison */
  node *condition;      /* in the body; NULL: none */
  emission emission;
  node **stacks;        /* leaves of what a turn emits, in the body */
  int stack_count;
  bool poisoned;        /* by an earlier error */
} loop_run;

/* ---- sequences ------------------------------------------------------------------------------- */

static bool agree(loop_run *r, const ast *at, dim turns) {
  elaborator *e = r->elaborator;
  const dim known = {r->turns, r->size};
  if (turns.maximum < 1) {
    elaborator_error(e, at->at, "a loop has at least one turn, not %lld", (long long)turns.maximum);
    return false;
  }
  if (r->turns && !dim_equal(known, turns)) {
    elaborator_error(e, at->at, "the sequences have %s and %s turns",
                     value_size_text(e->arena, known), value_size_text(e->arena, turns));
    return false;
  }
  r->turns = turns.maximum;
  r->size = turns.symbol;
  return true;
}

static bool take_range(loop_run *r, loop_sequence *s) {
  elaborator *e = r->elaborator;
  int64_t last, turns;
  if (!elaborator_integer(e, s->at->start->at, expression_value(e, s->at->start), "the start",
                          &s->first))
    return false;
  value end = expression_value(e, s->at->stop);
  if (value_is(end, VALUE_SIZE) && s->first == 0) return agree(r, s->at, end.size);
  if (!elaborator_integer(e, s->at->stop->at, end, "the end", &last)) return false;
  if (__builtin_sub_overflow(last, s->first, &turns) || s->first < INT32_MIN || last > INT32_MAX) {
    elaborator_error(e, s->at->at, "the numbers of a range are of type i32");
    return false;
  }
  return agree(r, s->at, dim_fixed(turns));
}

/* A tensor, or a tuple of them, with one leading extent. */
static bool take_parts(loop_run *r, const ast *at, value *v) {
  elaborator *e = r->elaborator;
  if (value_is_poison(*v)) return false;
  if (value_is(*v, VALUE_TUPLE)) {
    tuple *t = tuple_like(e->arena, v->tuple);
    for (int i = 0; i < t->count; i++) {
      t->items[i] = v->tuple->items[i];
      if (!take_parts(r, at, &t->items[i])) return false;
    }
    *v = (value){.kind = VALUE_TUPLE, .tuple = t};
    return true;
  }
  if (!value_is(*v, VALUE_TENSOR) || v->node->type.rank == 0) {
    elaborator_error(e, at->at, "a scan walks a range or the leading axis of tensors, not %s",
                     value_words(e->arena, *v));
    return false;
  }
  if (r->block && v->node->type.rank == MAX_RANK) {
    elaborator_error(e, at->at, "a tensor has at most %d axes, and `checkpoint` makes two of the turns",
                     MAX_RANK);
    return false;
  }
  return operate_reachable(e, at->at, *v) && agree(r, at, v->node->type.dims[0]);
}

static bool take_sequences(loop_run *r) {
  elaborator *e = r->elaborator;
  const ast *n = r->at;
  r->sequence_count = n->sequences.count;
  r->sequences = arena_array_of(e->arena, r->sequence_count, loop_sequence);
  if (n->patterns.count != r->sequence_count) {
    elaborator_error(e, n->at, "%d names for %d sequences", n->patterns.count, r->sequence_count);
    return false;
  }
  for (int i = 0; i < r->sequence_count; i++) {
    loop_sequence *s = &r->sequences[i];
    s->pattern = n->patterns.items[i];
    s->at = n->sequences.items[i];
    s->range = s->at->kind == AST_RANGE;
    if (!s->range) s->whole = expression_value(e, s->at);
    if (s->range ? !take_range(r, s) : !take_parts(r, s->at, &s->whole)) return false;
  }
  return true;
}

/* The part of each leaf that a turn has. */
static value parts_of(loop_run *r, const char *name, value v) {
  elaborator *e = r->elaborator;
  if (value_is(v, VALUE_TENSOR))
    return value_tensor(loop_add_sequence(e, &r->body, name, v.node));
  tuple *t = tuple_like(e->arena, v.tuple);
  for (int i = 0; i < t->count; i++) t->items[i] = parts_of(r, name, v.tuple->items[i]);
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

/* The names of a pattern belong to the turn, whatever there is around it. */
static void declare_pattern(elaborator *e, const ast *pattern) {
  if (pattern->kind == AST_NAME)
    scope_bind(e->arena, e->frame->scope, pattern->name, (value){0}, pattern->at);
  for (int i = 0; pattern->kind == AST_TUPLE && i < pattern->items.count; i++)
    declare_pattern(e, pattern->items.items[i]);
}

static void bind_sequences(loop_run *r) {
  elaborator *e = r->elaborator;
  graph *g = e->graph;
  for (int i = 0; i < r->sequence_count; i++) {
    const loop_sequence *s = &r->sequences[i];
    declare_pattern(e, s->pattern);
    g->at = elaborator_place(e, s->at->at);
    if (!s->range) {
      const char *name = s->pattern->kind == AST_NAME ? s->pattern->name : "part";
      statement_bind(e, s->pattern, parts_of(r, name, s->whole));
      continue;
    }
    node *turn = build_cast(g, r->body.turn, DTYPE_I32);
    if (s->first) turn = build_map2(g, SCALAR_ADD, turn, build_int(g, DTYPE_I32, s->first));
    statement_bind(e, s->pattern, value_tensor(turn));
  }
}

/* ---- names that are carried ------------------------------------------------------------------ */

/* True of leaves that exist at compile time only, as an instance: they are the same in all turns. */
static bool is_fixed(value v) {
  return !value_is(v, VALUE_TENSOR) && !value_is(v, VALUE_NUMBER) && !value_is(v, VALUE_SIZE) &&
         !value_is(v, VALUE_TRUTH) && !value_is(v, VALUE_TUPLE);
}

static bool is_same(value a, value b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case VALUE_TEXT: return strcmp(a.text, b.text) == 0;
    case VALUE_FUNCTION: return a.function == b.function;
    case VALUE_INSTANCE: return a.instance == b.instance && a.bound == b.bound;
    case VALUE_SLOT: return a.slot == b.slot;
    default: return true;
  }
}

/* Makes the leaves of a name's value inputs of the body, but those that are fixed; false after an error. */
static bool carry_leaves(loop_run *r, const char *name, value v, value *inside) {
  elaborator *e = r->elaborator;
  if (value_is(v, VALUE_TUPLE)) {
    tuple *t = tuple_like(e->arena, v.tuple);
    *inside = (value){.kind = VALUE_TUPLE, .tuple = t};
    for (int i = 0; i < t->count; i++) {
      const char *key = t->keys && t->keys[i] ? t->keys[i] : arena_printf(e->arena, "%d", i);
      if (!carry_leaves(r, arena_printf(e->arena, "%s.%s", name, key), v.tuple->items[i],
                        &t->items[i]))
        return false;
    }
    return true;
  }
  if (value_is_poison(v)) return false;
  if (is_fixed(v)) {
    *inside = v;
    return true;
  }
  e->graph = r->body.outer;
  e->graph->at = elaborator_place(e, r->at->at);
  node *outside = operate_tensor(e, r->at->at, v, DTYPE_COUNT);
  e->graph = r->body.graph;
  if (!outside) return false;
  int leaf = loop_add_leaf(e, &r->body, name, outside, true);
  *inside = value_tensor(r->body.leaves[leaf].inside);
  return true;
}

static void carry_name(loop_run *r, const char *name) {
  elaborator *e = r->elaborator;
  scope *around = e->frame->scope->parent;
  binding *b = scope_find_here(scope_home(around, name), name);
  if (!b || b->state != BINDING_READY) return;
  r->poisoned = r->poisoned || value_is_poison(b->value);
  for (int i = 0; i < r->name_count; i++)
    if (r->names[i].binding == b) return;
  carried_name c = {.binding = b, .before = *b, .leaf = r->body.leaf_count};
  value v = b->value;
  if (r->body.enclosing && r->body.enclosing->graph == r->body.outer) {
    e->graph = r->body.outer;
    e->loop = r->body.enclosing;
    v = loop_import(e, name, v);
    e->graph = r->body.graph;
    e->loop = &r->body;
  }
  if (!carry_leaves(r, name, v, &c.inside)) {
    r->body.leaf_count = c.leaf;
    return;
  }
  c.leaf_count = r->body.leaf_count - c.leaf;
  b->value = c.inside;
  arena_push(e->arena, r->names, r->name_count) = c;
}

static void carry_pattern(loop_run *r, const ast *pattern) {
  if (pattern->kind == AST_NAME) carry_name(r, pattern->name);
  if (pattern->kind == AST_BRACKETS || pattern->kind == AST_MEMBER) carry_pattern(r, pattern->base);
  for (int i = 0; pattern->kind == AST_TUPLE && i < pattern->items.count; i++)
    carry_pattern(r, pattern->items.items[i]);
}

static void follow_slot(loop_run *r, const char *name) {
  elaborator *e = r->elaborator;
  binding *b = scope_find(e->frame->scope, name);
  if (!b || !value_is(b->value, VALUE_TENSOR) || !b->value.slot) return;
  carried_name c = {.binding = b, .before = *b, .slot = b->value.slot};
  b->value = slot_read(e, c.slot);
  arena_push(e->arena, r->names, r->name_count) = c;
}

/* A part of a plain name is replaced by binding it again. */
static void carry_updated(loop_run *r, const ast *target) {
  const ast *root = update_root(target);
  const binding *b = root ? scope_find(r->elaborator->frame->scope, root->name) : NULL;
  if (!b) return;
  if (root != target && update_is_plain(b)) carry_name(r, root->name);
  else follow_slot(r, root->name);
}

static bool carry_bound(const ast *n, void *context) {
  loop_run *r = context;
  if (n->kind == AST_FUNCTION) return false;
  if (n->kind == AST_UPDATE) carry_updated(r, n->target);
  if (n->kind == AST_DEFINE) carry_pattern(r, n->target);
  for (int i = 0; n->kind == AST_FOR && i < n->patterns.count; i++)
    carry_pattern(r, n->patterns.items[i]);
  return true;
}

static bool next_leaves(loop_run *r, const carried_name *c, value before, value after, int *leaf);

static bool next_items(loop_run *r, const carried_name *c, const tuple *before, value after, int *leaf) {
  elaborator *e = r->elaborator;
  if (!value_is(after, VALUE_TUPLE) || after.tuple->count != before->count) {
    elaborator_error(e, c->binding->at, "`%s` is a tuple of %d before a turn and %s after it", c->binding->name,
                     before->count, value_words(e->arena, after));
    return false;
  }
  const char *missing = operate_missing_key(before, after.tuple);
  if (missing) {
    elaborator_error(e, c->binding->at, "`%s` has no `%s` after a turn, which it has before", c->binding->name, missing);
    return false;
  }
  for (int i = 0; i < before->count; i++)
    if (!next_leaves(r, c, before->items[i], operate_leaf(after, before, i), leaf)) return false;
  return true;
}

/* Notes the values after a turn; false with an error where one is of another kind or type. */
static bool next_leaves(loop_run *r, const carried_name *c, value before, value after, int *leaf) {
  elaborator *e = r->elaborator;
  location at = c->binding->at;
  if (value_is_poison(after)) return false;
  if (value_is(before, VALUE_TUPLE)) return next_items(r, c, before.tuple, after, leaf);
  if (is_fixed(before)) {
    if (is_same(before, after)) return true;
    elaborator_error(e, at, "`%s` holds %s, and %s after a turn; a loop at run time carries tensors, numbers and "
                     "tuples of them, all else stays as it is", c->binding->name, value_words(e->arena, before),
                     is_fixed(after) ? "another" : value_words(e->arena, after));
    return false;
  }
  const tensor_type *type = &before.node->type;
  if (value_is(after, VALUE_TENSOR) && !type_equal(type, &after.node->type)) {
    elaborator_error(e, at, "`%s` is %s before a turn and %s after it; what a loop carries keeps its "
                     "type", c->binding->name, type_text(e->arena, type),
                     type_text(e->arena, &after.node->type));
    return false;
  }
  r->body.leaves[*leaf].next =
      operate_convert(e, at, after, type, false, arena_printf(e->arena, "`%s`", c->binding->name));
  return r->body.leaves[(*leaf)++].next != NULL;
}

static bool finish_names(loop_run *r) {
  bool good = true;
  for (int i = 0; i < r->name_count; i++) {
    const carried_name *c = &r->names[i];
    int leaf = c->leaf;
    if (!c->slot) good = next_leaves(r, c, c->inside, c->binding->value, &leaf) && good;
  }
  return good;
}

/* ---- what is emitted ------------------------------------------------------------------------- */

static bool stack_leaves(loop_run *r, value v) {
  elaborator *e = r->elaborator;
  if (value_is_poison(v)) return false;
  if (value_is(v, VALUE_TUPLE)) {
    for (int i = 0; i < v.tuple->count; i++)
      if (!stack_leaves(r, v.tuple->items[i])) return false;
    return true;
  }
  node *n = operate_tensor(e, r->emission.at, v, DTYPE_COUNT);
  if (!n) return false;
  if (n->type.rank + 1 + (r->block > 0) > MAX_RANK) {
    elaborator_error(e, r->emission.at, "a tensor has at most %d axes%s", MAX_RANK,
                     r->block ? ", and `checkpoint` makes two of the turns" : "");
    return false;
  }
  arena_push(e->arena, r->stacks, r->stack_count) = n;
  return true;
}

static bool finish_emission(loop_run *r) {
  elaborator *e = r->elaborator;
  const emission *own = &r->emission;
  if (!own->count) return true;
  if (own->count > 1 || !r->turns) {
    elaborator_error(e, own->at,
                     r->turns ? "a loop has one `emit`; write `emit a, b` for several values"
                              : "the number of turns is not known before the loop ends, so it has no "
                                "`emit`");
    return false;
  }
  return stack_leaves(r, own->items[0]);
}

/* ---- the node -------------------------------------------------------------------------------- */

static bool is_carry(const loop_leaf *l) { return l->next && l->next != l->inside; }

static void add_input(graph *g, node *n) {
  arena_push(g->arena, g->inputs, g->input_count) = (graph_value){node_text(n, 0), n};
}

/* Numbers the inputs as a loop's are: the turn, carries, sequences, invariants, of which those that
 * nothing reads are left out. Returns the operands. */
static node **order_inputs(loop_run *r, loop_shape *shape) {
  loop_body *b = &r->body;
  graph *g = b->graph;
  arena *a = g->arena;
  node **operands = NULL;
  int count = 0;
  g->inputs = NULL;
  g->input_count = 0;
  add_input(g, b->turn);
  for (int i = 0; i < b->leaf_count; i++) {
    if (!is_carry(&b->leaves[i])) continue;
    add_input(g, b->leaves[i].inside);
    arena_push(a, operands, count) = b->leaves[i].outside;
    graph_add_output(g, node_text(b->leaves[i].inside, 0), b->leaves[i].next);
    shape->carries++;
  }
  for (int i = 0; i < b->sequence_count; i++, shape->sequences++) {
    add_input(g, b->sequences[i].inside);
    arena_push(a, operands, count) = b->sequences[i].outside;
  }
  for (int i = 0; i < r->stack_count; i++)
    graph_add_output(g, arena_printf(a, "emitted%d", i), r->stacks[i]);
  if (r->condition) graph_add_output(g, "condition", r->condition);
  const int *uses = graph_uses(g, a);
  if (r->condition) g->output_count--;
  for (int i = 0; i < b->leaf_count; i++) {
    const loop_leaf *l = &b->leaves[i];
    if (is_carry(l) || !uses[l->inside->id]) continue;
    add_input(g, l->inside);
    arena_push(a, operands, count) = l->outside;
    shape->invariants++;
  }
  return operands;
}

/* The condition by itself, with the inputs of the body. */
static const graph *condition_graph(const loop_run *r) {
  if (!r->condition) return NULL;
  graph all = *r->body.graph;
  graph_value condition = {"condition", r->condition};
  all.name = "condition";
  all.outputs = &condition;
  all.output_count = 1;
  return rewrite_graph(&all, NULL);
}

/* The results: carries, then stacks. NULL after an error. */
static node **build(loop_run *r) {
  loop_shape shape = {.turns = r->turns, .size = r->size};
  node **operands = order_inputs(r, &shape);
  if (r->body.graph->output_count == 0) {
    elaborator_error(r->elaborator, r->at->at, "this loop changes nothing: its body binds no name of "
                     "the scope around it, updates no slot and emits nothing");
    return NULL;
  }
  shape.condition = condition_graph(r);
  shape.body = rewrite_graph(r->body.graph, NULL);
  graph *g = r->body.outer;
  g->at = elaborator_place(r->elaborator, r->at->at);
  node **results = arena_array_of(g->arena, shape.body->output_count, node *);
  if (r->block && r->block < r->turns) {
    build_loop_in_blocks(g, &shape, operands, r->block, results);
    return results;
  }
  node *loop = build_loop(g, &shape, operands);
  if (!loop) return NULL;
  for (int i = 0; i < shape.body->output_count; i++) results[i] = build_result(g, loop, i);
  return results;
}

/* ---- after the loop -------------------------------------------------------------------------- */

/* The value with other leaves, from number *leaf on. */
static value with_leaves(arena *a, value v, node *const *leaves, int *leaf) {
  if (is_fixed(v)) return v;
  if (!value_is(v, VALUE_TUPLE)) return value_tensor(leaves[(*leaf)++]);
  tuple *t = tuple_like(a, v.tuple);
  for (int i = 0; i < t->count; i++) t->items[i] = with_leaves(a, v.tuple->items[i], leaves, leaf);
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

static void rebind(loop_run *r, node *const *last) {
  elaborator *e = r->elaborator;
  for (int i = 0; i < r->name_count; i++) {
    const carried_name *c = &r->names[i];
    bool changed = false;
    for (int k = 0; k < c->leaf_count; k++)
      changed = changed || is_carry(&r->body.leaves[c->leaf + k]);
    int leaf = c->leaf;
    if (c->slot) c->binding->value = slot_read(e, c->slot);
    else if (changed) c->binding->value = with_leaves(e->arena, c->inside, last, &leaf);
    else *c->binding = c->before;
  }
}

/* Gives names, slots and what was emitted the loop's results; the last is its value. */
static value take_results(loop_run *r, node *const *results) {
  elaborator *e = r->elaborator;
  loop_body *b = &r->body;
  node **last = arena_array_of(e->arena, b->leaf_count, node *);
  for (int i = 0; i < b->leaf_count; i++)
    last[i] = is_carry(&b->leaves[i]) ? *results++ : b->leaves[i].outside;
  for (int i = 0; i < b->slot_count; i++)
    if (is_carry(&b->leaves[b->slots[i].leaf]))
      slot_write(e, b->slots[i].slot, last[b->slots[i].leaf], r->at->at);
  rebind(r, last);
  if (!r->emission.count) return value_none();
  int leaf = 0;
  return with_leaves(e->arena, r->emission.items[0], results, &leaf);
}

/* After an error nothing is known of what the loop would have changed. */
static value spoil(loop_run *r) {
  for (int i = 0; i < r->name_count; i++) r->names[i].binding->value = (value){0};
  return (value){0};
}

/* ---- one turn -------------------------------------------------------------------------------- */

static node *more_turns(loop_run *r) {
  elaborator *e = r->elaborator;
  value count = loop_import(e, "count", r->count);
  e->graph->at = elaborator_place(e, r->at->count->at);
  return build_map2(e->graph, SCALAR_LT, r->body.turn, build_cast(e->graph, count.node, DTYPE_I64));
}

static bool take_condition(loop_run *r, const ast *condition) {
  elaborator *e = r->elaborator;
  if (!value_is_poison(r->count)) r->condition = more_turns(r);
  if (!condition) return true;
  value v = expression_value(e, condition);
  if (value_is_poison(v)) return false;
  bool fits = value_is(v, VALUE_TRUTH) ||
              (value_is(v, VALUE_TENSOR) && v.node->type.rank == 0 &&
               v.node->type.element == DTYPE_BOOL);
  if (!fits) {
    elaborator_error(e, condition->at, "the condition of a loop is one truth value, not %s",
                     value_words(e->arena, v));
    return false;
  }
  if (r->at->kind == AST_WHILE && value_is(v, VALUE_TRUTH) && v.truth) {
    elaborator_error(e, condition->at, "this loop does not end: the condition is true in every turn");
    return false;
  }
  r->condition = operate_tensor(e, condition->at, v, DTYPE_COUNT);
  return r->condition != NULL;
}

/* Elaborates the body, in a scope of its own; false after an error. */
static bool run_turn(loop_run *r, const ast *condition) {
  elaborator *e = r->elaborator;
  frame *f = e->frame;
  scope *around = f->scope;
  emission *outer = f->emission;
  int errors = diag_count(e->diagnostics);
  f->scope = scope_new(e->arena, around);
  f->scope->turn = true;
  f->emission = &r->emission;
  loop_open(e, &r->body, r->turns);
  ast_walk(r->at->body, carry_bound, r);
  bind_sequences(r);
  if (take_condition(r, condition)) statement_block(e, r->at->body, false);
  bool good = !e->halted && !r->poisoned && errors == diag_count(e->diagnostics) && finish_names(r) &&
              finish_emission(r);
  f->scope = around;
  f->emission = outer;
  loop_close(e);
  return good;
}

static value run(loop_run *r, const ast *condition) {
  if (!run_turn(r, condition)) return spoil(r);
  node **results = build(r);
  return results ? take_results(r, results) : spoil(r);
}

static bool take_block(loop_run *r) {
  elaborator *e = r->elaborator;
  const ast *n = r->at->checkpoint;
  if (!elaborator_integer(e, n->at, expression_value(e, n), "the number of turns of a block", &r->block))
    return false;
  if (r->block >= 1) return true;
  elaborator_error(e, n->at, "a block has at least one turn, not %lld", (long long)r->block);
  return false;
}

value loop_scan(elaborator *e, const ast *n) {
  loop_run r = {.elaborator = e, .at = n};
  if (n->checkpoint && !take_block(&r)) return (value){0};
  return take_sequences(&r) ? run(&r, n->condition) : (value){0};
}

value loop_repeat(elaborator *e, const ast *n) {
  loop_run r = {.elaborator = e, .at = n};
  value count = expression_value(e, n->count);
  dim turns;
  if (value_is(count, VALUE_TENSOR)) {
    if (count.node->type.rank || dtype_is_float(count.node->type.element) ||
        count.node->type.element == DTYPE_BOOL)
      return elaborator_error(e, n->count->at, "the number of turns is one integer, not %s",
                              value_words(e->arena, count));
    if (!operate_reachable(e, n->count->at, count)) return (value){0};
    r.count = count;
    return run(&r, NULL);
  }
  if (!elaborator_extent(e, n->count->at, count, "the number of turns", &turns) ||
      !agree(&r, n->count, turns))
    return (value){0};
  return run(&r, NULL);
}

value loop_while(elaborator *e, const ast *n) {
  loop_run r = {.elaborator = e, .at = n};
  return run(&r, n->condition);
}
