#include "loop_blocks.h"

#include <string.h>

#include "rewrite.h"

/* Turns that are run block by block: a loop of blocks around one of the turns of a block. Where the loop
 * has a condition, one more carry, the last, counts the turns that ran. */
typedef struct blocks {
  graph *outer;
  const loop_shape *shape;
  int64_t first, count, turns; /* the first turn, the number of blocks, the turns of each */
  int carries;                 /* with the number of turns that ran */
} blocks;

static node *number(graph *g, int64_t value) { return build_int(g, DTYPE_I64, value); }

static node *sum_of(graph *g, node *x, node *y) { return build_map2(g, SCALAR_ADD, x, y); }

/* Adds inputs like those of the body: the turn, carries, sequences' parts with an axis for the turns of a
 * block or without, invariants. */
static node **add_inputs(const blocks *b, graph *g, bool with_turns) {
  const loop_shape *s = b->shape;
  const tensor_type turn = type_scalar(DTYPE_I64);
  node **inputs = NULL;
  int count = 0;
  for (int i = 0; i < s->body->input_count; i++) {
    const graph_value *from = &s->body->inputs[i];
    tensor_type type = from->node->type;
    if (with_turns && i > s->carries && i <= s->carries + s->sequences) {
      memmove(type.dims + 1, type.dims, (size_t)type.rank++ * sizeof *type.dims);
      type.dims[0] = dim_fixed(b->turns);
    }
    arena_push(g->arena, inputs, count) = graph_add_input(g, from->name, &type);
    if (i == s->carries && b->carries > s->carries)
      arena_push(g->arena, inputs, count) = graph_add_input(g, "ran", &turn);
  }
  return inputs;
}

/* The inputs of the loop's own graphs in a turn of a block: its number counts from the first turn of all,
 * and the number of turns that ran is none of theirs. */
static node **own_inputs(const blocks *b, graph *g, node *const *inputs, node *before) {
  const int count = b->shape->body->input_count, more = b->carries - b->shape->carries;
  node **own = arena_array_of(g->arena, count, node *);
  own[0] = sum_of(g, before, inputs[0]);
  for (int i = 1; i < count; i++) own[i] = inputs[i > b->shape->carries ? i + more : i];
  return own;
}

/* One turn of a block, or the condition, as a graph whose last input is the number of turns before the
 * block. */
static graph *turn_graph(const blocks *b, const graph *from) {
  graph *g = graph_new(b->outer->arena, b->outer->diagnostics, from->name);
  const tensor_type scalar = type_scalar(DTYPE_I64);
  g->at = b->outer->at;
  node **inputs = add_inputs(b, g, false);
  node *before = graph_add_input(g, "before", &scalar);
  node **outputs = arena_array_of(g->arena, from->output_count, node *);
  rewrite_inline(g, from, own_inputs(b, g, inputs, before), outputs);
  const bool counts = from == b->shape->body && b->carries > b->shape->carries;
  for (int i = 0; i <= from->output_count; i++) {
    if (i == b->shape->carries && counts)
      graph_add_output(g, "ran", sum_of(g, inputs[b->carries], number(g, 1)));
    if (i < from->output_count) graph_add_output(g, from->outputs[i].name, outputs[i]);
  }
  return rewrite_graph(g, NULL);
}

static node *turns_before(const blocks *b, graph *g, node *block) {
  node *all = build_map2(g, SCALAR_MUL, block, number(g, b->turns));
  return sum_of(g, all, number(g, b->first));
}

/* One block. */
static graph *block_graph(const blocks *b) {
  const loop_shape *s = b->shape;
  graph *g = graph_new(b->outer->arena, b->outer->diagnostics, "block");
  g->at = b->outer->at;
  node **inputs = add_inputs(b, g, true);
  const int count = b->carries + s->sequences + s->invariants;
  node **operands = arena_array_of(g->arena, count + 1, node *);
  for (int i = 0; i < count; i++) operands[i] = inputs[1 + i];
  operands[count] = turns_before(b, g, inputs[0]);
  loop_shape turns = *s;
  turns.turns = b->turns;
  turns.recompute = true;
  turns.carries = b->carries;
  turns.invariants++;
  turns.body = turn_graph(b, s->body);
  if (s->condition) turns.condition = turn_graph(b, s->condition);
  node *loop = build_loop(g, &turns, operands);
  for (int i = 0; i < turns.body->output_count; i++)
    graph_add_output(g, turns.body->outputs[i].name, build_result(g, loop, i));
  return rewrite_graph(g, NULL);
}

/* A block is run where all turns before it ran. */
static graph *all_ran(const blocks *b) {
  graph *g = graph_new(b->outer->arena, b->outer->diagnostics, "condition");
  g->at = b->outer->at;
  node **inputs = add_inputs(b, g, true);
  graph_add_output(g, "condition", build_map2(g, SCALAR_EQ, inputs[b->carries],
                                              turns_before(b, g, inputs[0])));
  return rewrite_graph(g, NULL);
}

/* The parts of a sequence that the turns take, block by block. */
static node *sequence_in_blocks(const blocks *b, node *whole) {
  graph *g = b->outer;
  tensor_type type = whole->type;
  const int64_t turns = b->count * b->turns;
  if (turns < type.dims[0].maximum) {
    int64_t starts[MAX_RANK] = {b->first}, limits[MAX_RANK] = {b->first + turns}, steps[MAX_RANK] = {1};
    for (int i = 1; i < type.rank; i++) {
      limits[i] = type.dims[i].maximum;
      steps[i] = 1;
    }
    whole = build_slice(g, whole, starts, limits, steps);
  }
  memmove(type.dims + 1, type.dims, (size_t)type.rank++ * sizeof *type.dims);
  type.dims[0] = dim_fixed(b->count);
  type.dims[1] = dim_fixed(b->turns);
  return build_reshape(g, whole, type.rank, type.dims);
}

static node *stack_without_blocks(const blocks *b, node *stack) {
  tensor_type type = stack->type;
  memmove(type.dims + 1, type.dims + 2, (size_t)--type.rank * sizeof *type.dims);
  type.dims[0] = dim_fixed(b->count * b->turns);
  return build_reshape(b->outer, stack, type.rank, type.dims);
}

/* The operands' carries are the first values, results[i] becomes what comes of them, and the stacks. */
static void build_blocks(const blocks *b, node *const *operands, node **results) {
  const loop_shape *s = b->shape;
  loop_shape outer = *s;
  outer.turns = b->count;
  outer.carries = b->carries;
  outer.body = block_graph(b);
  if (s->condition) outer.condition = all_ran(b);
  const int count = b->carries + s->sequences + s->invariants;
  node **own = arena_array_of(b->outer->arena, count, node *);
  for (int i = 0; i < count; i++) {
    const bool sequence = i >= b->carries && i < b->carries + s->sequences;
    own[i] = sequence ? sequence_in_blocks(b, operands[i]) : operands[i];
  }
  node *loop = build_loop(b->outer, &outer, own);
  for (int i = 0; i < outer.body->output_count; i++) {
    results[i] = build_result(b->outer, loop, i);
    if (i >= b->carries) results[i] = stack_without_blocks(b, results[i]);
  }
}

static void build_known_turns(graph *g, const loop_shape *s, node *const *operands,
                              int64_t turns_of_block, node **results) {
  const int more = s->condition != NULL, outputs = s->body->output_count + more;
  const int count = s->carries + s->sequences + s->invariants;
  node **own = arena_array_of(g->arena, count + more, node *);
  node **now = arena_array_of(g->arena, outputs, node *);
  for (int i = 0; i < count; i++) own[i < s->carries ? i : i + more] = operands[i];
  if (more) own[s->carries] = number(g, 0);
  blocks b = {.outer = g, .shape = s, .count = s->turns / turns_of_block, .turns = turns_of_block,
              .carries = s->carries + more};
  build_blocks(&b, own, now);
  b.first = b.count * b.turns;
  if (b.first < s->turns) {
    node **last = arena_array_of(g->arena, outputs, node *);
    for (int i = 0; i < b.carries; i++) own[i] = now[i];
    b.turns = s->turns - b.first;
    b.count = 1;
    build_blocks(&b, own, last);
    for (int i = 0; i < outputs; i++)
      now[i] = i < b.carries ? last[i] : build_concat(g, 2, (node *[]){now[i], last[i]}, 0);
  }
  for (int i = 0; i < s->body->output_count; i++) results[i] = now[i < s->carries ? i : i + more];
}

/* ---- a bounded number of turns ------------------------------------------------------------------- */

/* The inputs of the loop's own graphs, of others with these inputs: the turn, carries, whole stacks, invariants,
 * whole sequences, the number of turns. */
typedef struct places {
  graph *graph;
  node **own, **stacks, *turns;
} places;

static places add_places(graph *outer, const loop_shape *s, node *const *operands, const char *name) {
  const graph *body = s->body;
  graph *g = graph_new(outer->arena, outer->diagnostics, name);
  const int sequences = 1 + s->carries, invariants = sequences + s->sequences;
  const tensor_type scalar = type_scalar(DTYPE_I64);
  places p = {.graph = g, .own = arena_array_of(g->arena, body->input_count, node *)};
  int count = 0;
  g->at = outer->at;
  for (int i = 0; i < sequences; i++) p.own[i] = build_like(g, body->inputs[i].node, NULL);
  for (int i = s->carries; i < body->output_count; i++) {
    const tensor_type type = loop_result_type(s, i);
    arena_push(g->arena, p.stacks, count) = graph_add_input(g, body->outputs[i].name, &type);
  }
  for (int i = invariants; i < body->input_count; i++) p.own[i] = build_like(g, body->inputs[i].node, NULL);
  for (int i = sequences; i < invariants; i++) {
    node *whole = graph_add_input(g, body->inputs[i].name, &operands[i - 1]->type);
    p.own[i] = build_gather(g, whole, p.own[0], 0, 0);
  }
  p.turns = graph_add_input(g, "turns", &scalar);
  return p;
}

/* Carries, then the stacks with the turn's parts in their places. */
static graph *turn_at_places(graph *outer, const loop_shape *s, node *const *operands) {
  const places p = add_places(outer, s, operands, s->body->name);
  node **outputs = arena_array_of(outer->arena, s->body->output_count, node *);
  rewrite_inline(p.graph, s->body, p.own, outputs);
  for (int i = 0; i < s->body->output_count; i++) {
    node *part = i < s->carries ? NULL : p.stacks[i - s->carries];
    graph_add_output(p.graph, s->body->outputs[i].name,
                     part ? build_scatter(p.graph, part, p.own[0], outputs[i], 0, 0) : outputs[i]);
  }
  return rewrite_graph(p.graph, NULL);
}

/* True up to the number of turns, as long as the loop's own condition holds. */
static graph *condition_at_places(graph *outer, const loop_shape *s, node *const *operands) {
  const places p = add_places(outer, s, operands, "condition");
  node *runs = build_map2(p.graph, SCALAR_LT, p.own[0], p.turns), *own;
  if (s->condition) {
    rewrite_inline(p.graph, s->condition, p.own, &own);
    runs = build_map2(p.graph, SCALAR_AND, runs, own);
  }
  graph_add_output(p.graph, "condition", runs);
  return rewrite_graph(p.graph, NULL);
}

/* A bounded size as a number: as many ones, added up. */
static node *number_of_turns(graph *g, const loop_shape *s) {
  const tensor_type ones = {.element = DTYPE_I32, .rank = 1, .dims = {loop_turns(s)}};
  const int64_t axis = 0;
  return build_cast(g, build_reduce(g, OP_SUM, build_splat(g, &ones, 1), 1, &axis), DTYPE_I64);
}

/* As turns of whole blocks, of which those behind the number of the call do not run. Stacks are carried, and
 * sequences invariant: of both a turn has its place, which it knows by its number. */
static void build_bounded_turns(graph *g, const loop_shape *s, node *const *operands,
                                int64_t turns_of_block, node **results) {
  const int sequences = s->carries, invariants = sequences + s->sequences;
  loop_shape known = {.turns = (s->turns + turns_of_block - 1) / turns_of_block * turns_of_block,
                      .carries = s->body->output_count, .invariants = s->invariants + s->sequences + 1,
                      .recompute = s->recompute, .body = turn_at_places(g, s, operands),
                      .condition = condition_at_places(g, s, operands)};
  node **own = NULL;
  int count = 0;
  for (int i = 0; i < s->carries; i++) arena_push(g->arena, own, count) = operands[i];
  for (int i = s->carries; i < s->body->output_count; i++) {
    const tensor_type type = loop_result_type(s, i);
    arena_push(g->arena, own, count) = build_splat(g, &type, 0);
  }
  for (int i = 0; i < s->invariants; i++) arena_push(g->arena, own, count) = operands[invariants + i];
  for (int i = 0; i < s->sequences; i++) arena_push(g->arena, own, count) = operands[sequences + i];
  arena_push(g->arena, own, count) = number_of_turns(g, s);
  build_known_turns(g, &known, own, turns_of_block, results);
}

void build_loop_in_blocks(graph *g, const loop_shape *s, node *const *operands, int64_t turns_of_block,
                          node **results) {
  (s->size ? build_bounded_turns : build_known_turns)(g, s, operands, turns_of_block, results);
}
