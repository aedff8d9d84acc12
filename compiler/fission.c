#include "fission.h"

#include <string.h>

#include "batch.h"
#include "build.h"
#include "half.h"
#include "loops.h"
#include "op.h"
#include "pass.h"
#include "rewrite.h"

enum {
  MOST_ROWS = 256,     /* of a product, from which on it is as fast by itself */
  MOST_GROWTH = 4,     /* what is new, by what the loop's operands and results take */
  SMALL = 1 << 20,     /* bytes that are always free */
  MOST_OPERANDS = 1024 /* of a loop */
};
static const int64_t NEVER = INT64_C(1) << 60; /* a cost; a few of them do not overflow */

/* A loop that is taken apart. Arrays are by the id of the body's nodes, or by its outputs. */
typedef struct split {
  arena *arena;
  graph *outer;
  const node *loop;
  loop_shape shape; /* its graphs are done already */
  const graph *body;
  dim turns;
  node **operands;   /* in the outer graph */
  bool *varies;      /* differs from turn to turn */
  bool *ahead;       /* does not, or is known for all turns in front of the loop */
  bool *moved;       /* the turns read it: an invariant or a sequence */
  bool *stacked;     /* the turns give it, for what is computed behind them */
  bool *is_postponed; /* by output: computed behind the loop */
  bool *needed;      /* in the turns, for what is asked at the moment */
  int64_t *costs;    /* of a node for all turns behind the loop; -1: not yet asked for */
  node **outside;    /* what the node is in front of or behind the loop; for all turns where it varies */
  int64_t fixed_budget, budget; /* bytes left for invariants; for sequences and stacks */
  int operand_count;
} split;

/* ---- what nodes are ------------------------------------------------------------------------------ */

/* True for what costs no more than reading it from memory. A key is part of the kernel that draws. */
static bool is_cheap(const node *n) {
  if (n->op == OP_MAP) return n->function < SCALAR_SQRT || n->function >= SCALAR_EQ;
  if (n->op == OP_BITS) return false;
  return op_has(n->op, ELEMENT) || op_has(n->op, LEAF);
}

static bool is_carry(const split *s, const node *n) {
  if (n->op != OP_INPUT) return false;
  int number = graph_input_number(s->body, n);
  return number >= 1 && number <= s->shape.carries;
}

/* Which operands vary. */
static const bool *varying(const split *s, const node *n) {
  bool *varies = arena_array_of(s->arena, n->operand_count, bool);
  for (int i = 0; i < n->operand_count; i++) varies[i] = s->varies[n->operands[i]->id];
  return varies;
}

static bool takes(const split *s, const node *n) { return batch_takes(n, varying(s, n), s->turns); }

static void classify_input(split *s, int number) {
  const int id = s->body->inputs[number].node->id, fixed = 1 + s->shape.carries + s->shape.sequences;
  s->varies[id] = number < fixed;
  s->ahead[id] = number == 0 || number > s->shape.carries;
}

static void classify(split *s) {
  for (int i = 0; i < s->body->input_count; i++) classify_input(s, i);
  for (int id = 0; id < s->body->node_count; id++) {
    const node *n = s->body->nodes[id];
    if (n->op == OP_INPUT) continue;
    bool ahead = true;
    for (int i = 0; i < n->operand_count; i++) {
      s->varies[id] = s->varies[id] || s->varies[n->operands[i]->id];
      ahead = ahead && s->ahead[n->operands[i]->id];
    }
    s->ahead[id] = !s->varies[id] || (ahead && takes(s, n));
  }
}

/* Rows of the side that varies in a product with something that does not; 0: it is none. */
static int64_t rows_of(const split *s, const node *n) {
  if (n->op != OP_DOT || s->varies[n->operands[0]->id] == s->varies[n->operands[1]->id]) return 0;
  const int side = s->varies[n->operands[0]->id] ? 0 : 1;
  const tensor_type *type = &n->operands[side]->type;
  int64_t rows = type_elements(type);
  for (int position = side; position < 4; position += 2) {
    int count;
    const int64_t *axes = node_ints(n, position, &count);
    for (int i = 0; i < count; i++) rows /= type->dims[axes[i]].maximum;
  }
  return rows;
}

/* True for a product that is faster for all turns at once. */
static bool gains(const split *s, const node *n) {
  const int64_t rows = rows_of(s, n);
  return rows > 0 && rows < MOST_ROWS;
}

/* So that sums do not overflow. */
static int64_t bytes_of(const node *n) {
  const int64_t most = INT64_C(1) << 48, bytes = type_bytes(&n->type);
  return bytes < most ? bytes : most;
}

/* ---- what the turns need -------------------------------------------------------------------------- */

/* Finds what the turns compute for the outputs that are not postponed; `without` stands for none of
 * the stacks, and carry number `carry` (-1: none) is not asked for. */
static void find_needed(split *s, const node *without, int carry) {
  memset(s->needed, 0, (size_t)s->body->node_count * sizeof *s->needed);
  for (int i = 0; i < s->body->output_count; i++) {
    const node *n = s->body->outputs[i].node;
    const bool asked = i < s->shape.carries ? i != carry : n != without;
    if (asked && !s->is_postponed[i]) s->needed[n->id] = true;
  }
  for (int id = s->body->node_count - 1; id >= 0; id--) {
    const node *n = s->body->nodes[id];
    if (s->stacked[id] && n != without) s->needed[id] = true;
    if (!s->needed[id] || s->moved[id]) continue;
    for (int i = 0; i < n->operand_count; i++) s->needed[n->operands[i]->id] = true;
  }
}

/* ---- in front of the loop ------------------------------------------------------------------------- */

/* Moves a node in front of the loop where memory and the number of operands allow. */
static void move(split *s, const node *n) {
  int64_t *budget = s->varies[n->id] ? &s->budget : &s->fixed_budget;
  const int64_t bytes = s->varies[n->id] ? op_times(s->turns.maximum, bytes_of(n)) : bytes_of(n);
  if (bytes > *budget || s->operand_count == MOST_OPERANDS) return;
  *budget -= bytes;
  s->operand_count++;
  s->moved[n->id] = true;
}

static void move_products(split *s) {
  for (int id = 0; id < s->body->node_count; id++) {
    const node *n = s->body->nodes[id];
    if (s->needed[id] && s->ahead[id] && gains(s, n)) move(s, n);
  }
}

/* By id: serves a product that is computed for all turns. */
static const bool *ways_to_products(const split *s) {
  bool *on_way = arena_array_of(s->arena, s->body->node_count, bool);
  for (int id = s->body->node_count - 1; id >= 0; id--)
    for (int i = 0; (on_way[id] || s->moved[id]) && i < s->body->nodes[id]->operand_count; i++)
      on_way[s->body->nodes[id]->operands[i]->id] = true;
  return on_way;
}

/* A loop's own value does not leave without the other results that the turns read. */
static bool leaves_whole(const split *s, const node *n, const bool *read) {
  for (int id = n->id + 1; n->op == OP_LOOP && id < s->body->node_count; id++)
    if (s->body->nodes[id]->op == OP_RESULT && s->body->nodes[id]->operands[0] == n && read[id] &&
        s->needed[id] && !s->moved[id])
      return false;
  return true;
}

/* By id: is a loop that only its condition ends, has one in it, or reads one. */
static bool *endless_of(arena *a, const graph *g) {
  bool *endless = arena_array_of(a, g->node_count, bool);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    for (int i = 0; i < n->operand_count; i++) endless[id] = endless[id] || endless[n->operands[i]->id];
    if (n->op != OP_LOOP) continue;
    const loop_shape s = loop_shape_of(n);
    const bool *inner = endless_of(a, s.body);
    endless[id] = endless[id] || !s.turns;
    for (int i = 0; i < s.body->node_count; i++) endless[id] = endless[id] || inner[i];
  }
  return endless;
}

/* What the turns read, from the last to the first: what costs something and does not vary, or is on the way
 * to a product in front anyway. What may not end stays where perhaps no turn runs. */
static void move_what_costs(split *s) {
  const bool *on_way = ways_to_products(s);
  const bool *endless = s->shape.condition ? endless_of(s->arena, s->body) : NULL;
  find_needed(s, NULL, -1);
  bool *read = arena_array_of(s->arena, s->body->node_count, bool);
  for (int i = 0; i < s->body->output_count; i++) read[s->body->outputs[i].node->id] = true;
  for (int id = s->body->node_count - 1; id >= 0; id--) {
    const node *n = s->body->nodes[id];
    if (!read[id] || !s->needed[id]) continue;
    const bool early = (!s->varies[id] || (s->ahead[id] && on_way[id])) && !(endless && endless[id]);
    if (!s->moved[id] && !is_cheap(n) && early && leaves_whole(s, n, read)) move(s, n);
    for (int i = 0; !s->moved[id] && i < n->operand_count; i++) read[n->operands[i]->id] = true;
  }
}

/* ---- behind the loop ------------------------------------------------------------------------------ */

static bool is_stack(const split *s, const node *n) {
  for (int i = s->shape.carries; i < s->body->output_count; i++)
    if (s->body->outputs[i].node == n) return true;
  return s->stacked[n->id];
}

static int64_t cost_of(split *s, const node *n);

/* Where it is computed behind the loop of its operands, whose costs count; what the turns need anyway is
 * not computed twice where that costs something. */
static int64_t cost_of_following(split *s, const node *n) {
  if (n->op == OP_INPUT || !takes(s, n) || (s->needed[n->id] && !is_cheap(n))) return NEVER;
  int64_t sum = 0;
  for (int i = 0; i < n->operand_count && sum < NEVER; i++) sum += cost_of(s, n->operands[i]);
  return sum < NEVER ? sum : NEVER;
}

/* Bytes that each turn has to stack so that the node is known for all turns behind the loop. */
static int64_t cost_of(split *s, const node *n) {
  if (!s->varies[n->id] || s->moved[n->id] || is_stack(s, n)) return 0;
  if (n->op == OP_INPUT) return is_carry(s, n) ? bytes_of(n) : 0;
  int64_t *known = &s->costs[n->id];
  if (*known < 0) {
    const int64_t following = cost_of_following(s, n), own = bytes_of(n);
    *known = following < own ? following : own;
  }
  return *known;
}

/* Marks as stacked what the cost was counted for. */
static void stack(split *s, const node *n) {
  if (cost_of(s, n) == 0) return;
  if (cost_of_following(s, n) < bytes_of(n))
    for (int i = 0; i < n->operand_count; i++) stack(s, n->operands[i]);
  else
    s->stacked[n->id] = true;
}

/* Asks anew, for the outputs but these. */
static void ask(split *s, const node *without, int carry) {
  find_needed(s, without, carry);
  for (int id = 0; id < s->body->node_count; id++) s->costs[id] = -1;
}

static bool affords(split *s, int64_t cost, int64_t most) {
  if (cost > most || op_times(cost, s->turns.maximum) > s->budget) return false;
  s->budget -= op_times(cost, s->turns.maximum);
  return true;
}

/* True where a product that no turn needs otherwise is on the way from what is known behind the loop. */
static bool saves_product(split *s, const node *n, bool top) {
  if (!s->varies[n->id] || n->op == OP_INPUT || s->moved[n->id]) return s->moved[n->id];
  if (!top && (is_stack(s, n) || cost_of_following(s, n) > cost_of(s, n))) return false;
  if (gains(s, n) && !s->needed[n->id]) return true;
  for (int i = 0; i < n->operand_count; i++)
    if (saves_product(s, n->operands[i], false)) return true;
  return false;
}

static void postpone_stack(split *s, int output) {
  const node *n = s->body->outputs[output].node;
  ask(s, n, -1);
  if (!s->varies[n->id] || n->op == OP_INPUT || s->needed[n->id] || s->stacked[n->id]) return;
  const int64_t cost = s->moved[n->id] ? 0 : cost_of_following(s, n);
  if (!saves_product(s, n, true) || !affords(s, cost, bytes_of(n))) return;
  for (int i = 0; !s->moved[n->id] && i < n->operand_count; i++) stack(s, n->operands[i]);
  for (int i = output; i < s->body->output_count; i++)
    s->is_postponed[i] = s->is_postponed[i] || s->body->outputs[i].node == n;
}

/* ---- sums ----------------------------------------------------------------------------------------- */

/* The sum of a view is the view of the sum. */
static bool is_linear_view(const node *n) {
  return n->op == OP_RESHAPE || n->op == OP_TRANSPOSE || n->op == OP_SLICE || n->op == OP_PAD ||
         n->op == OP_REVERSE;
}

/* A value of 16 bits is summed in 32. */
static bool is_widening(const node *n) {
  return n->op == OP_CAST && half_is(n->operands[0]->type.element) && n->type.element == DTYPE_F32;
}

static bool is_addition(const node *n) { return n->op == OP_MAP && n->function == SCALAR_ADD; }

/* What each turn has to stack for the sum of the node over all turns; NEVER where it is none of those that
 * are formed behind the loop, or the turns need the node anyway. */
static int64_t cost_of_sum(split *s, const node *n) {
  if (s->needed[n->id] || s->moved[n->id]) return NEVER;
  const bool passes = is_addition(n) || is_linear_view(n) || is_widening(n);
  if (!passes && !batch_takes_sum(n, varying(s, n), s->turns)) return NEVER;
  int64_t sum = 0;
  for (int i = 0; i < n->operand_count && sum < NEVER; i++)
    sum += passes ? cost_of_sum(s, n->operands[i]) : cost_of(s, n->operands[i]);
  return sum < NEVER ? sum : NEVER;
}

static void stack_for_sum(split *s, const node *n) {
  const bool passes = is_addition(n) || is_linear_view(n) || is_widening(n);
  for (int i = 0; i < n->operand_count; i++)
    if (passes) stack_for_sum(s, n->operands[i]);
    else stack(s, n->operands[i]);
}

/* What a turn adds to a carry, where it does nothing else with it; else NULL. */
static const node *added_to(const split *s, int carry, const int *uses) {
  const node *before = s->body->inputs[1 + carry].node, *after = s->body->outputs[carry].node;
  if (!is_addition(after) || uses[before->id] != 1 || uses[after->id] != 1) return NULL;
  if (after->operands[0] == before) return after->operands[1];
  return after->operands[1] == before ? after->operands[0] : NULL;
}

/* A turn without it saves reading and writing the carry. */
static void postpone_carry(split *s, int carry, const int *uses) {
  const node *term = added_to(s, carry, uses);
  if (!term) return;
  ask(s, NULL, carry);
  const int64_t cost = cost_of_sum(s, term);
  if (cost >= NEVER || !affords(s, cost, 2 * bytes_of(term))) return;
  stack_for_sum(s, term);
  s->is_postponed[carry] = true;
}

/* ---- values outside ------------------------------------------------------------------------------- */

static node *outside_of(split *s, const node *n);

static node **operands_outside(split *s, const node *n) {
  node **operands = arena_array_of(s->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) operands[i] = outside_of(s, n->operands[i]);
  return operands;
}

static node *input_outside(split *s, const node *n) {
  const int number = graph_input_number(s->body, n);
  ensure(!is_carry(s, n));
  if (number > 0) return s->operands[number - 1];
  const tensor_type turn = type_scalar(DTYPE_I64), all = batch_type(&turn, s->turns);
  return build_iota(s->outer, &all, 0);
}

/* Of what varies, for all turns. */
static node *outside_of(split *s, const node *n) {
  node **value = &s->outside[n->id];
  if (*value) return *value;
  if (n->op == OP_INPUT) *value = input_outside(s, n);
  else if (s->varies[n->id])
    *value = batch_node(s->outer, n, operands_outside(s, n), varying(s, n), s->turns);
  else
    *value = build_like(s->outer, n, operands_outside(s, n));
  return *value;
}

/* The sum of a node over all turns; of a widening what is multiplied is wide already. */
static node *sum_outside(split *s, const node *n, bool widen) {
  if (is_widening(n)) return sum_outside(s, n->operands[0], true);
  if (is_addition(n))
    return build_map2(s->outer, SCALAR_ADD, sum_outside(s, n->operands[0], widen),
                      sum_outside(s, n->operands[1], widen));
  if (is_linear_view(n)) {
    node *operand = sum_outside(s, n->operands[0], widen);
    if (n->op == OP_RESHAPE) return build_reshape(s->outer, operand, n->type.rank, n->type.dims);
    return build_like(s->outer, n, &operand);
  }
  node **operands = operands_outside(s, n);
  for (int i = 0; widen && i < n->operand_count; i++)
    if (half_is(operands[i]->type.element)) operands[i] = build_cast(s->outer, operands[i], DTYPE_F32);
  return batch_sum(s->outer, n, operands);
}

/* ---- the loop that is left ------------------------------------------------------------------------ */

/* The body in the making; now[id] is what stands for the old body's node. */
typedef struct rest {
  graph *body;
  node **now;
  node **operands;
  int operand_count;
  loop_shape shape;
} rest;

static void take_input(split *s, rest *r, int number) {
  const graph_value *input = &s->body->inputs[number];
  r->now[input->node->id] = graph_add_input(r->body, input->name, &input->node->type);
  if (number > 0) arena_push(s->arena, r->operands, r->operand_count) = s->operands[number - 1];
}

/* What was moved, as sequences or as invariants. */
static int take_moved(split *s, rest *r, bool varies) {
  int count = 0;
  for (int id = 0; id < s->body->node_count; id++) {
    const node *n = s->body->nodes[id];
    if (!s->moved[id] || !s->needed[id] || s->varies[id] != varies) continue;
    r->now[id] = graph_add_input(r->body, arena_printf(s->arena, "ahead%d", id), &n->type);
    arena_push(s->arena, r->operands, r->operand_count) = outside_of(s, n);
    count++;
  }
  return count;
}

static void take_inputs(split *s, rest *r) {
  const int fixed = 1 + s->shape.carries + s->shape.sequences;
  for (int i = 0; i < fixed; i++) take_input(s, r, i);
  r->shape.sequences += take_moved(s, r, true);
  for (int i = fixed; i < s->body->input_count; i++) take_input(s, r, i);
  r->shape.invariants += take_moved(s, r, false);
}

/* The condition takes what the body takes. */
static const graph *condition_of(const split *s, const rest *r) {
  const graph *old = s->shape.condition;
  const int first = 1 + s->shape.carries + s->shape.sequences;
  const int more = r->shape.sequences - s->shape.sequences;
  graph *g = graph_new(s->arena, NULL, old->name);
  node **inputs = arena_array_of(s->arena, old->input_count, node *);
  for (int i = 0; i < r->body->input_count; i++) {
    const graph_value *input = &r->body->inputs[i];
    node *n = graph_add_input(g, input->name, &input->node->type);
    const int number = i < first ? i : i - more;
    if ((i < first || number >= first) && number < old->input_count) inputs[number] = n;
  }
  node *outcome;
  rewrite_inline(g, old, inputs, &outcome);
  graph_add_output(g, old->outputs[0].name, outcome);
  return g;
}

static void copy_needed(split *s, rest *r) {
  for (int id = 0; id < s->body->node_count; id++) {
    const node *n = s->body->nodes[id];
    if (!s->needed[id] || r->now[id]) continue;
    node **operands = arena_array_of(s->arena, n->operand_count, node *);
    for (int i = 0; i < n->operand_count; i++) operands[i] = r->now[n->operands[i]->id];
    r->now[id] = build_like(r->body, n, operands);
  }
}

/* A carry that is postponed stays as it is, and is dropped as what nobody needs. Postponed stacks are gone;
 * numbers[i] is the result of an output or, behind them all, of a new stack; -1: there is none. */
static int *give_outputs(split *s, rest *r) {
  const graph *body = s->body;
  int *numbers = arena_array_of(s->arena, body->output_count + body->node_count, int);
  for (int i = 0; i < body->output_count; i++) {
    const node *n = body->outputs[i].node;
    if (i < s->shape.carries && s->is_postponed[i]) n = body->inputs[1 + i].node;
    numbers[i] = i >= s->shape.carries && s->is_postponed[i] ? -1 : r->body->output_count;
    if (numbers[i] >= 0) graph_add_output(r->body, body->outputs[i].name, r->now[n->id]);
  }
  for (int id = 0; id < body->node_count; id++) {
    int *number = &numbers[body->output_count + id];
    *number = s->stacked[id] ? r->body->output_count : -1;
    if (s->stacked[id])
      graph_add_output(r->body, arena_printf(s->arena, "behind%d", id), r->now[id]);
  }
  return numbers;
}

/* The new loop's results by the old one's numbers; stacks become known outside. */
static void take_results(split *s, node *loop, const int *numbers, node **results) {
  const int outputs = s->body->output_count;
  for (int i = 0; i < outputs; i++)
    if (numbers[i] >= 0) results[i] = build_result(s->outer, loop, numbers[i]);
  for (int i = s->shape.carries; i < outputs; i++)
    if (numbers[i] >= 0 && s->varies[s->body->outputs[i].node->id])
      s->outside[s->body->outputs[i].node->id] = results[i];
  for (int id = 0; id < s->body->node_count; id++)
    if (numbers[outputs + id] >= 0)
      s->outside[id] = build_result(s->outer, loop, numbers[outputs + id]);
}

static node *postponed(split *s, int output) {
  const node *n = s->body->outputs[output].node;
  if (output >= s->shape.carries) return outside_of(s, n);
  const node *before = s->body->inputs[1 + output].node;
  const node *term = n->operands[n->operands[0] == before ? 1 : 0];
  return build_map2(s->outer, SCALAR_ADD, s->operands[output], sum_outside(s, term, false));
}

static void build_rest(split *s, node **results) {
  rest r = {.body = graph_new(s->arena, NULL, s->body->name), .shape = s->shape};
  r.now = arena_array_of(s->arena, s->body->node_count, node *);
  find_needed(s, NULL, -1);
  take_inputs(s, &r);
  copy_needed(s, &r);
  const int *numbers = give_outputs(s, &r);
  r.shape.body = r.body;
  if (s->shape.condition) r.shape.condition = condition_of(s, &r);
  s->outer->at = s->loop->at;
  node *loop = r.body->output_count ? build_loop(s->outer, &r.shape, r.operands) : NULL;
  if (loop) take_results(s, loop, numbers, results);
  for (int i = 0; i < s->body->output_count; i++)
    if (s->is_postponed[i]) results[i] = postponed(s, i);
}

/* ---- one loop -------------------------------------------------------------------------------------- */

static bool has_marked_loop(const graph *g) {
  for (int id = 0; id < g->node_count; id++) {
    if (g->nodes[id]->op != OP_LOOP) continue;
    const loop_shape s = loop_shape_of(g->nodes[id]);
    if (s.recompute || has_marked_loop(s.body)) return true;
  }
  return false;
}

static void find_budget(split *s) {
  int64_t held = 0;
  const int64_t most = NEVER / 8;
  for (int i = 0; i < s->loop->operand_count; i++) held += bytes_of(s->operands[i]);
  for (int i = 0; i < s->body->output_count; i++) {
    const tensor_type type = loop_result_type(&s->shape, i);
    held += type_bytes(&type) < most ? type_bytes(&type) : most;
  }
  held = held < most ? held : most;
  s->fixed_budget = s->budget = SMALL + MOST_GROWTH * held;
  if (s->shape.recompute || has_marked_loop(s->body)) s->budget = 0;
}

static split begin_split(graph *outer, const node *loop, const loop_shape *shape, node **operands) {
  arena *a = outer->arena;
  split s = {.arena = a, .outer = outer, .loop = loop, .shape = *shape, .body = shape->body,
             .turns = loop_turns(shape), .operands = operands, .operand_count = loop->operand_count};
  bool **const marks[] = {&s.varies, &s.ahead, &s.moved, &s.stacked, &s.needed};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    *marks[i] = arena_array_of(a, s.body->node_count, bool);
  s.is_postponed = arena_array_of(a, s.body->output_count, bool);
  s.costs = arena_array_of(a, s.body->node_count, int64_t);
  s.outside = arena_array_of(a, s.body->node_count, node *);
  return s;
}

/* Results by number. */
static node **split_loop(graph *outer, const node *loop, const loop_shape *shape, node **operands) {
  split s = begin_split(outer, loop, shape, operands);
  const int *uses = graph_uses(s.body, s.arena);
  node **results = arena_array_of(s.arena, s.body->output_count, node *);
  const bool all_run = !shape->condition;
  classify(&s);
  find_budget(&s);
  find_needed(&s, NULL, -1);
  if (all_run) move_products(&s);
  move_what_costs(&s);
  for (int i = s.shape.carries; all_run && i < s.body->output_count; i++) postpone_stack(&s, i);
  for (int i = 0; all_run && i < s.shape.carries; i++) postpone_carry(&s, i, uses);
  build_rest(&s, results);
  return results;
}

/* ---- all loops ------------------------------------------------------------------------------------- */

static graph *without_work(const graph *g);

static node **loop_results(graph *to, const node *n, node **operands) {
  loop_shape shape = loop_shape_of(n);
  shape.body = without_work(shape.body);
  if (shape.condition) shape.condition = without_work(shape.condition);
  return split_loop(to, n, &shape, operands);
}

/* In bodies first, so that what leaves an inner loop may leave the outer one. */
static graph *without_work(const graph *g) {
  graph *to = graph_new(g->arena, NULL, g->name);
  node **now = build_inputs_of(to, g), ***results = arena_array_of(g->arena, g->node_count, node **);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op == OP_INPUT) continue;
    node **operands = arena_array_of(g->arena, n->operand_count, node *);
    for (int i = 0; i < n->operand_count; i++) operands[i] = now[n->operands[i]->id];
    if (n->op == OP_LOOP) now[id] = (results[id] = loop_results(to, n, operands))[0];
    else if (n->op == OP_RESULT) now[id] = results[n->operands[0]->id][result_number(n)];
    else now[id] = build_like(to, n, operands);
  }
  build_results_of(to, g, now);
  return to;
}

static bool has_loop(const graph *g) {
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_LOOP) return true;
  return false;
}

graph *pass_fission(const graph *g) {
  if (!has_loop(g)) return (graph *)g;
  return pass_simplify(pass_loops(pass_intern(without_work(g))));
}
