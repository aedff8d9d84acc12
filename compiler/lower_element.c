/* Elements: from a node and an index to a value of the loop form. Every element of a scope is
 * computed once; what does not depend on a loop's variable is computed before the loop. */
#include <string.h>

#include "lower_nest.h"
#include "module.h"
#include "scalar.h"

static int later(int x, int y) { return x > y ? x : y; }

int nest_scope_of(const nest *k, const index_expr *x) {
  int scope = 0;
  for (int v = 0; v < k->group->outer_rank + k->group->inner_rank; v++)
    if (index_depends(x, v)) scope = later(scope, k->variable_scope[v]);
  return scope;
}

/* ---- masks ----------------------------------------------------------------------------------- */

static const loop_expr *both(nest *k, const loop_expr *x, const loop_expr *y) {
  if (!x || !y) return x ? x : y;
  int lanes = later(x->type.lanes, y->type.lanes);
  return loop_op(k->arena, SCALAR_AND, loop_splat(k->arena, x, lanes),
                 loop_splat(k->arena, y, lanes), NULL);
}

static const loop_expr *compared(nest *k, scalar_function f, const loop_expr *x, int64_t y) {
  const loop_expr *constant = loop_constant(k->arena, x->type.element, 0, y);
  return loop_op(k->arena, f, x, loop_splat(k->arena, constant, x->type.lanes), NULL);
}

static nest_value mask_of_bound(nest *k, const index_bound *bound) {
  const index_expr *value = nest_at_point(k, bound->value);
  const loop_expr *index = nest_index(k, value).value, *above = NULL, *below = NULL;
  if (value->low < 0) above = compared(k, SCALAR_GE, index, 0);
  if (value->high >= bound->extent) below = compared(k, SCALAR_LT, index, bound->extent);
  return (nest_value){both(k, above, below), nest_scope_of(k, bound->value)};
}

/* True where no point that is being written is inside. */
static bool is_outside(nest *k, const index_guard *guard) {
  bool outside = guard->never;
  for (int i = 0; i < guard->count && !outside; i++) {
    const index_expr *value = nest_at_point(k, guard->bounds[i].value);
    outside = value->high < 0 || value->low >= guard->bounds[i].extent;
  }
  return outside;
}

static int scope_of_bounds(const nest *k, const index_guard *guard) {
  int scope = 0;
  for (int i = 0; i < guard->count; i++) scope = later(scope, nest_scope_of(k, guard->bounds[i].value));
  return scope;
}

/* True where all bounds hold; value NULL where there are none. */
static nest_value mask_of(nest *k, const index_guard *guard) {
  for (int i = 0; i < k->mask_count; i++)
    if (index_guard_equal(&k->masks[i].guard, guard)) return k->masks[i].value;
  nest_value mask = {0};
  for (int i = 0; i < guard->count; i++) {
    nest_value bound = mask_of_bound(k, &guard->bounds[i]);
    mask.value = both(k, mask.value, bound.value);
    mask.scope = later(mask.scope, bound.scope);
  }
  if (!mask.value) return mask;
  mask.value = nest_let(k, mask.scope, "inside", mask.value);
  arena_push(k->arena, k->masks, k->mask_count) = (nest_mask){*guard, mask};
  return mask;
}

/* ---- loads ----------------------------------------------------------------------------------- */

loop_buffer *nest_input(const nest *k, const node *n) {
  int i = group_input(k->group, n);
  if (i < 0) internal_error("node %d is read but no input of its kernel", n->id);
  return k->buffers[i];
}

static nest_value load_element(nest *k, const node *n, const index_expr *const *at,
                               const index_guard *guard) {
  const loop_buffer *b = nest_input(k, n);
  const index_expr *position = index_flatten(k->arena, &n->type, at);
  nest_value mask = mask_of(k, guard);
  int scope = later(nest_scope_of(k, position), mask.scope);
  const loop_expr *stored = nest_load(k, b, &n->type, position, mask.value, scope);
  const loop_expr *value = loop_cast(k->arena, stored, compute_type(n->type.element));
  return (nest_value){nest_let(k, scope, b->name, value), scope};
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Position of the inner point in a row, which is laid out in the order of the loops. */
static const loop_expr *row_position(nest *k) {
  arena *a = k->arena;
  const loop_expr *position = loop_int(a, 0);
  for (int i = 0; i < k->group->inner_rank; i++) {
    int v = k->inner_order[i];
    position = loop_add(a, loop_mul(a, position, loop_int(a, nest_extent(k, v))), k->variables[v]);
  }
  bool vectors = k->vector_axis >= 0 && !nest_is_inner(k, k->vector_axis);
  return vectors ? loop_mul(a, position, loop_int(a, k->full_lanes)) : position;
}

static nest_row *row_of(nest *k, const node *n, const index_expr *const *at,
                        const index_guard *guard) {
  for (int i = 0; i < k->row_count && guard->count == 0 && k->in_row; i++)
    if (k->rows[i].node == n && index_all_equal(k->rows[i].at, at, n->type.rank))
      return &k->rows[i];
  return NULL;
}

static nest_value load_row(nest *k, const nest_row *row) {
  int scope = k->scope_count - 1;
  const loop_expr *index = row_position(k);
  const loop_expr *value = loop_load(k->arena, row->buffer, &index, k->lanes, NULL);
  return (nest_value){nest_let(k, scope, row->buffer->name, value), scope};
}

/* What does not change along the row is kept as a name instead. */
static void fill_row(nest *k, nest_row *row, nest_value value) {
  if (value.scope < k->scope_count - 1) {
    row->node = NULL;
    return;
  }
  if (!row->filling) {
    const char *name = arena_printf(k->arena, "row_%d", ++k->names);
    row->buffer = loop_buffer_new(k->arena, name, LOOP_LOCAL, loop_scalar(value.value->type.element),
                                  1, &row->elements);
    loop_alloc(k->arena, &k->scopes[k->row_scope].block, row->buffer, NULL);
  }
  const loop_expr *index = row_position(k);
  loop_store(k->arena, nest_block(k), row->buffer, &index,
             loop_splat(k->arena, value.value, k->lanes), NULL);
  row->filling = true;
}

/* ---- computed elements ----------------------------------------------------------------------- */

typedef struct reads {
  const loop_expr **values, **masks;
  int count, scope, lanes;
} reads;

static void add_read(nest *k, reads *r, nest_value value, nest_value mask) {
  int room = r->count;
  arena_push(k->arena, r->values, r->count) = value.value;
  arena_push(k->arena, r->masks, room) = mask.value;
  r->scope = later(r->scope, later(value.scope, mask.scope));
  r->lanes = later(r->lanes, value.value->type.lanes);
  if (mask.value) r->lanes = later(r->lanes, mask.value->type.lanes);
}

/* What stands for an element that is read nowhere. */
static nest_value nothing(nest *k, const node *n) {
  return (nest_value){loop_constant(k->arena, compute_type(n->type.element), 0, 0), 0};
}

static void read_operands(nest *k, node *n, const index_expr *const *at, const index_guard *guard,
                          reads *r) {
  for (int read = 0;; read++) {
    const index_expr **operand_at = arena_array_of(k->arena, MAX_RANK, const index_expr *);
    index_guard own = {0}, all = *guard;
    int operand = node_access(k->arena, n, read, at, operand_at, &own);
    if (operand < 0) return;
    index_guard_join(k->arena, &all, &own);
    node *from = n->operands[operand];
    if (is_outside(k, &own))
      add_read(k, r, nothing(k, from),
               (nest_value){loop_constant(k->arena, DTYPE_BOOL, 0, false), scope_of_bounds(k, &own)});
    else
      add_read(k, r, nest_element(k, from, operand_at, &all), mask_of(k, &own));
  }
}

static const loop_expr *context_word(nest *k, int word, const char *name) {
  const loop_expr *index = loop_int(k->arena, word);
  return nest_let(k, 0, name, loop_load(k->arena, k->context, &index, 1, NULL));
}

static nest_value compute_element(nest *k, node *n, const index_expr *const *at,
                                  const index_guard *guard) {
  const op_lowering *lower = lowering_of(n);
  reads r = {.lanes = 1};
  element_parts parts = {0};
  read_operands(k, n, at, guard, &r);
  if (lower->position) {
    const index_expr *index = lower->position(k->arena, n, at);
    nest_value position = nest_index(k, index);
    if (lower->positions_alike > 1 && nest_is_run(k, index, lower->positions_alike))
      parts.run = index_loop(k->arena, index, k->variables);
    r.scope = later(r.scope, position.scope);
    r.lanes = later(r.lanes, position.value->type.lanes);
    parts.position = loop_splat(k->arena, position.value, r.lanes);
  }
  if (n->op == OP_KEY) {
    parts.seed = context_word(k, CONTEXT_SEED, "seed");
    parts.step = context_word(k, CONTEXT_STEP, "step");
  }
  for (int i = 0; i < r.count; i++) {
    r.values[i] = loop_splat(k->arena, r.values[i], r.lanes);
    if (r.masks[i]) r.masks[i] = loop_splat(k->arena, r.masks[i], r.lanes);
  }
  parts.reads = r.values;
  parts.masks = r.masks;
  parts.lanes = r.lanes;
  const char *name = n->op == OP_MAP ? scalar_infos[n->function].name : op_infos[n->op].name;
  const loop_expr *value = lower->element(k->lowering, n, &parts);
  return (nest_value){nest_let(k, r.scope, name, value), r.scope};
}

static bool remembered(const nest *k, const node *n, const index_expr *const *at,
                       const index_guard *guard, nest_value *value) {
  for (int i = k->memo_count - 1; i >= 0; i--) {
    const nest_memo *m = &k->memo[i];
    if (m->node != n || !index_all_equal(m->at, at, n->type.rank)) continue;
    if (m->guard.count > 0 && !index_guard_equal(&m->guard, guard)) continue;
    *value = m->value;
    return true;
  }
  return false;
}

nest_value nest_element(nest *k, node *n, const index_expr *const *at, const index_guard *guard) {
  nest_value value;
  if (remembered(k, n, at, guard, &value)) return value;
  nest_row *row = row_of(k, n, at, guard);
  if (guard->never)
    value = nothing(k, n);
  else if (row && row->filled)
    value = load_row(k, row);
  else if (group_computes(k->lowering->fusion, k->group, n))
    value = compute_element(k, n, at, guard);
  else
    value = load_element(k, n, at, guard);
  if (row && !row->filled) fill_row(k, row, value);
  arena_push(k->arena, k->memo, k->memo_count) = (nest_memo){n, at, *guard, value};
  return value;
}

const loop_expr *nest_operand(nest *k, node *n, const index_expr *const *at) {
  const index_guard none = {0};
  return loop_splat(k->arena, nest_element(k, n, at, &none).value, k->lanes);
}

void nest_remember(nest *k, const node *n, const index_expr *const *at, const loop_expr *value) {
  arena_push(k->arena, k->memo, k->memo_count) =
      (nest_memo){n, at, {0}, {value, k->scope_count - 1}};
}

/* ---- stores ---------------------------------------------------------------------------------- */

static const index_expr *const *home_of(const nest *k, const node *n) {
  return k->group->homes[group_member(k->group, n)];
}

static void store_element(nest *k, node *output) {
  loop_buffer *b = k->buffers[k->group->input_count + group_output(k->group, output)];
  const index_guard none = {0};
  const loop_expr *value = nest_element(k, output, home_of(k, output), &none).value;
  nest_store_lanes(k, b, index_flatten(k->arena, &output->type, home_of(k, output)),
                   loop_cast(k->arena, value, output->type.element));
}

void nest_store(nest *k, int pass) {
  const group *g = k->group;
  const index_guard none = {0};
  for (int i = 0; i < g->output_count; i++)
    if (k->output_pass[i] == pass) nest_element(k, g->outputs[i], home_of(k, g->outputs[i]), &none);
  for (int i = 0; i < g->output_count; i++)
    if (k->output_pass[i] == pass) store_element(k, g->outputs[i]);
}
