#include "grad_loop.h"

#include "build.h"
#include "half.h"
#include "loops.h"
#include "min_cut.h"
#include "op.h"
#include "rewrite.h"

/* ---- dependence ------------------------------------------------------------------------------- */

void loop_dependence(arena *a, const node *loop, const bool *operands, bool *results) {
  const loop_shape s = loop_shape_of(loop);
  bool *inputs = arena_array_of(a, s.body->node_count, bool);
  for (int i = 0; i < loop->operand_count; i++)
    inputs[s.body->inputs[1 + i].node->id] = operands[i];
  for (bool changed = true; changed;) {
    const bool *marked = grad_marks(a, s.body, inputs);
    changed = false;
    for (int i = 0; i < s.body->output_count; i++) {
      const bool unchanged = s.condition && i < s.carries; /* where no turn runs */
      results[i] = marked[s.body->outputs[i].node->id] || (unchanged && operands[i]);
      bool *again = i < s.carries ? &inputs[s.body->inputs[1 + i].node->id] : NULL;
      if (!again || !results[i] || *again) continue;
      *again = changed = true;
    }
  }
}

/* ---- one turn --------------------------------------------------------------------------------- */

/* The derivative of a loop in the making. Its nodes are those of `turn`: the body's, the cotangents
 * that come in, and what the sweep adds. */
typedef struct reversal {
  arena *arena;
  graph *outer;
  const node *loop;
  loop_shape shape;
  node *const *cotangents;
  const bool *wanted;
  graph *turn;
  node **inputs;    /* of the body's inputs */
  node **outputs;   /* of the body's outputs */
  node **seeds;     /* by result: its cotangent in one turn; NULL: zero */
  node *const *sums; /* by operand: what has arrived at an invariant so far; NULL: nothing */
  node **slopes;    /* by operand: its cotangent of one turn; NULL: none is wanted, or zero */
  bool *is_primal;  /* by id: does not depend on cotangents */
  bool *is_kept;    /* by id: stacked by the turns, read by those of the reverse loop */
  node *ran;        /* true, where the turns that run may be fewer; else NULL. In the reverse loop a part of
                       its stack */
} reversal;

/* Carries whose cotangent may differ from zero in some turn and is needed: those that depend on what
 * is wanted, and of which a later value is used. */
static bool *active_carries(reversal *r) {
  const loop_shape *s = &r->shape;
  arena *a = r->arena;
  bool *active = arena_array_of(a, s->carries, bool);
  bool *depends = arena_array_of(a, s->body->output_count, bool);
  loop_dependence(a, r->loop, r->wanted, depends);
  bool **reaches = arena_array_of(a, s->carries, bool *); /* outputs from a carry's input in one turn */
  for (int i = 0; i < s->carries; i++) {
    bool *from = arena_array_of(a, s->body->node_count, bool);
    from[s->body->inputs[1 + i].node->id] = true;
    const bool *marked = grad_marks(a, s->body, from);
    reaches[i] = arena_array_of(a, s->body->output_count, bool);
    for (int k = 0; k < s->body->output_count; k++)
      reaches[i][k] = marked[s->body->outputs[k].node->id];
    active[i] = depends[i] && r->cotangents[i];
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (int i = 0; i < s->carries; i++)
      for (int k = 0; k < s->body->output_count && !active[i]; k++) {
        bool used = k < s->carries ? active[k] : r->cotangents[k] != NULL;
        /* what depends on nothing wanted before the loop may do so after a turn */
        if (used && reaches[i][k] && (depends[i] || r->wanted[i])) active[i] = changed = true;
      }
  }
  return active;
}

static void copy_body(reversal *r) {
  const graph *body = r->shape.body;
  r->turn = graph_new(r->arena, r->outer->diagnostics, "body");
  r->turn->at = r->loop->at;
  r->inputs = arena_array_of(r->arena, body->input_count, node *);
  r->outputs = arena_array_of(r->arena, body->output_count, node *);
  for (int i = 0; i < body->input_count; i++)
    r->inputs[i] = build_like(r->turn, body->inputs[i].node, NULL);
  rewrite_inline(r->turn, body, r->inputs, r->outputs);
}

/* Cotangents come in for active carries and for stacks that have some. */
static void add_seeds(reversal *r) {
  const graph *body = r->shape.body;
  const bool *active = active_carries(r);
  r->seeds = arena_array_of(r->arena, body->output_count, node *);
  for (int i = 0; i < body->output_count; i++) {
    bool comes = i < r->shape.carries ? active[i] : r->cotangents[i] != NULL;
    const char *name = arena_printf(r->arena, "d_%s", body->outputs[i].name);
    if (comes) r->seeds[i] = graph_add_input(r->turn, name, &r->outputs[i]->type);
  }
}

/* The sweep through one turn; false where nothing comes out of it. */
static bool differentiate_turn(reversal *r) {
  node **roots = NULL, **seeds = NULL, **wanted = NULL;
  int root_count = 0, seed_count = 0, wanted_count = 0;
  for (int i = 0; i < r->shape.body->output_count; i++) {
    if (!r->seeds[i]) continue;
    arena_push(r->arena, roots, root_count) = r->outputs[i];
    arena_push(r->arena, seeds, seed_count) = r->seeds[i];
  }
  for (int i = 0; i < r->loop->operand_count; i++) {
    bool active = i < r->shape.carries && r->seeds[i];
    if (active || (i >= r->shape.carries && r->wanted[i]))
      arena_push(r->arena, wanted, wanted_count) = r->inputs[1 + i];
  }
  r->slopes = arena_array_of(r->arena, r->loop->operand_count, node *);
  if (!root_count || !wanted_count) return false;
  const gradients *s =
      grad_sweep_from(r->turn, root_count, roots, seeds, wanted_count, wanted);
  for (int i = 0; i < r->loop->operand_count; i++) {
    bool active = i < r->shape.carries && r->seeds[i];
    if (active || (i >= r->shape.carries && r->wanted[i]))
      r->slopes[i] = grad_of(s, r->inputs[1 + i]);
  }
  return true;
}

/* ---- what is kept ------------------------------------------------------------------------------ */

/* Seeds are not, nor is what depends on them. */
static void find_primal(reversal *r) {
  graph *g = r->turn;
  r->is_primal = arena_array_of(r->arena, g->node_count, bool);
  for (int id = 0; id < g->node_count; id++) r->is_primal[id] = true;
  for (int i = 0; i < r->shape.body->output_count; i++)
    if (r->seeds[i]) r->is_primal[r->seeds[i]->id] = false;
  for (int id = 0; id < g->node_count; id++)
    for (int i = 0; i < g->nodes[id]->operand_count; i++)
      if (!r->is_primal[g->nodes[id]->operands[i]->id]) r->is_primal[id] = false;
}

/* True for what may be computed twice: views, draws, functions that cost no more than a load, and
 * loops that are to be. */
static bool may_recompute(const node *n) {
  if (op_has(n->op, LOOP)) return loop_shape_of(n->op == OP_LOOP ? n : n->operands[0]).recompute;
  if (n->op == OP_MAP) return n->function < SCALAR_SQRT || n->function >= SCALAR_EQ;
  return op_has(n->op, ELEMENT) || n->op == OP_KEY;
}

static bool is_carry_input(const reversal *r, const node *n) {
  for (int i = 0; i < r->shape.carries; i++)
    if (r->inputs[1 + i] == n) return true;
  return false;
}

static bool is_stacked(const reversal *r, const node *n) {
  for (int i = r->shape.carries; i < r->shape.body->output_count; i++)
    if (r->outputs[i] == n) return true;
  return false;
}

/* Of a loop that is computed again only single results are stacked: the node itself stands for all. */
static int64_t stack_cost(const node *n) {
  const int64_t most = INT64_C(1) << 48; /* so that sums do not overflow */
  const int64_t bytes = type_bytes(&n->type);
  if (n->op == OP_LOOP && may_recompute(n)) return 2 * most;
  return bytes < most ? bytes : most;
}

/* By id: what the slopes need, to compute them or for something that they need. */
static bool *live_nodes(const reversal *r, const bool *stop) {
  const graph *g = r->turn;
  bool *live = arena_array_of(r->arena, g->node_count, bool);
  for (int i = 0; i < r->loop->operand_count; i++)
    if (r->slopes[i]) live[r->slopes[i]->id] = true;
  for (int id = g->node_count - 1; id >= 0; id--)
    for (int i = 0; live[id] && !(stop && stop[id]) && i < g->nodes[id]->operand_count; i++)
      live[g->nodes[id]->operands[i]->id] = true;
  return live;
}

/* Chooses which primal values the turns keep: such that all that the slopes read follows, by cheap
 * operators, from these, from sequences and invariants, and that together they are the fewest bytes. */
static void choose_kept(reversal *r) {
  const graph *g = r->turn;
  arena *scratch = arena_new();
  const bool *live = live_nodes(r, NULL);
  cut_node *nodes = arena_array_of(scratch, g->node_count, cut_node);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (!live[id]) continue;
    bool carry = is_carry_input(r, n), again = n->op == OP_INPUT ? !carry : may_recompute(n);
    nodes[id].cost = is_stacked(r, n) ? 0 : stack_cost(n);
    nodes[id].first = r->is_primal[id] && !again;
    for (int i = 0; i < n->operand_count; i++) {
      int from = n->operands[i]->id;
      if (!r->is_primal[id]) nodes[from].last = nodes[from].last || r->is_primal[from];
      else if (again) {
        arena_push(scratch, nodes[from].next, nodes[from].next_count) = id;
      }
    }
  }
  for (int i = 0; i < r->loop->operand_count; i++)
    if (r->slopes[i] && r->is_primal[r->slopes[i]->id]) nodes[r->slopes[i]->id].last = true;
  r->is_kept = min_cut(r->arena, g->node_count, nodes);
  for (int id = 0; id < g->node_count; id++)
    if (!live[id] || !r->is_primal[id]) r->is_kept[id] = false;
  arena_free(scratch);
}

/* ---- the two loops ------------------------------------------------------------------------------ */

static void add_input(graph *g, node *n) {
  arena_push(g->arena, g->inputs, g->input_count) = (graph_value){node_text(n, 0), n};
}

/* The stacks of a longer loop's results behind those of the loop itself. One that is run again by itself leaves
 * out what these do without, so that the loop around it need not keep it. */
static node **last_stacks(reversal *r, node *loop, int count) {
  const int own = r->shape.body->output_count;
  node **stacks = arena_array_of(r->arena, count, node *);
  int *numbers = arena_array_of(r->arena, own + count, int);
  bool *needed = arena_array_of(r->arena, own + count, bool);
  for (int i = 0; i < own + count; i++) {
    numbers[i] = i;
    needed[i] = i >= own;
  }
  if (r->shape.recompute) loop = loops_needed(r->outer, loop, needed, numbers);
  for (int i = 0; i < count; i++) stacks[i] = build_result(r->outer, loop, numbers[own + i]);
  return stacks;
}

/* Stacks of what is kept, of the loop once more, behind its own. */
static node **stacks_of(reversal *r, node **kept, int kept_count) {
  graph body = *r->turn;
  body.inputs = body.outputs = NULL;
  body.input_count = body.output_count = 0;
  body.name = r->shape.body->name;
  for (int i = 0; i < r->shape.body->input_count; i++) add_input(&body, r->inputs[i]);
  for (int i = 0; i < r->shape.body->output_count; i++)
    graph_add_output(&body, r->shape.body->outputs[i].name, r->outputs[i]);
  for (int i = 0; i < kept_count; i++)
    graph_add_output(&body, arena_printf(r->arena, "kept%d", i), kept[i]);
  loop_shape s = r->shape;
  s.body = rewrite_graph(&body, NULL);
  return last_stacks(r, build_loop(r->outer, &s, r->loop->operands), kept_count);
}

/* What the reverse loop is made of, piece by piece. */
typedef struct pieces {
  graph *body;
  node **now;                                 /* by id of the turn's nodes */
  node **sums;                                /* by operand: the sum so far, an input; or NULL */
  node **carries, **sequences, **invariants;  /* outside */
  graph_value *carried, *stacked;             /* the body's outputs */
  graph_value *read, *fixed;                  /* inputs: sequences, invariants */
  graph_value *carry_inputs;
  int carry_count, sequence_count, invariant_count, carried_count, stacked_count, read_count,
      fixed_count, input_count;
} pieces;

static node *new_input(pieces *p, const char *name, const tensor_type *type) {
  node *n = graph_add_input(p->body, name, type);
  p->body->input_count--; /* they are listed in order later */
  return n;
}

static node *add_carry(pieces *p, const char *name, const tensor_type *type, node *first) {
  arena *a = p->body->arena;
  node *n = new_input(p, name, type);
  arena_push(a, p->carries, p->carry_count) = first;
  arena_push(a, p->carry_inputs, p->input_count) = (graph_value){node_text(n, 0), n};
  return n;
}

static node *add_sequence(pieces *p, const char *name, const tensor_type *part, node *whole) {
  arena *a = p->body->arena;
  node *n = new_input(p, name, part);
  arena_push(a, p->sequences, p->sequence_count) = whole;
  arena_push(a, p->read, p->read_count) = (graph_value){node_text(n, 0), n};
  return n;
}

static node *add_invariant(pieces *p, const char *name, node *outside) {
  arena *a = p->body->arena;
  node *n = new_input(p, name, &outside->type);
  arena_push(a, p->invariants, p->invariant_count) = outside;
  arena_push(a, p->fixed, p->fixed_count) = (graph_value){node_text(n, 0), n};
  return n;
}

/* Sums over turns are of f32 at least. */
static tensor_type sum_type(const tensor_type *type) {
  tensor_type sum = *type;
  if (half_is(sum.element)) sum.element = DTYPE_F32;
  return sum;
}

/* The invariants' sums are carried, from what has arrived outside of the loop. */
static void add_sums(reversal *r, pieces *p) {
  const int first = r->shape.carries + r->shape.sequences;
  p->sums = arena_array_of(r->arena, r->loop->operand_count, node *);
  for (int i = first; i < r->loop->operand_count; i++) {
    if (!r->slopes[i]) continue;
    const tensor_type type = sum_type(&r->slopes[i]->type);
    node *begin = r->sums[i] ? r->sums[i] : build_splat(r->outer, &type, 0);
    if (begin->type.element != type.element) begin = build_cast(r->outer, begin, type.element);
    const char *name = arena_printf(r->arena, "d_%s", r->shape.body->inputs[1 + i].name);
    p->sums[i] = add_carry(p, name, &type, begin);
  }
}

/* Cotangents as inputs: of carries carried, of stacks parts. */
static void take_seeds(reversal *r, pieces *p) {
  for (int i = 0; i < r->shape.body->output_count; i++) {
    node *seed = r->seeds[i], *whole = r->cotangents[i];
    if (!seed) continue;
    const char *name = node_text(seed, 0);
    if (i >= r->shape.carries) {
      p->now[seed->id] = add_sequence(p, name, &seed->type, whole);
      continue;
    }
    if (!whole) whole = build_splat(r->outer, &seed->type, 0);
    p->now[seed->id] = add_carry(p, name, &seed->type, whole);
  }
}

/* The body's own inputs that are read again, and what was kept. */
static void take_primal(reversal *r, pieces *p, const bool *live, node **stacks, node **kept,
                        int kept_count) {
  const loop_shape *s = &r->shape;
  for (int i = 0; i < kept_count; i++) {
    const char *name = arena_printf(r->arena, "kept%d", i);
    node *part = add_sequence(p, name, &kept[i]->type, stacks[i]);
    if (kept[i] == r->ran) r->ran = part;
    else p->now[kept[i]->id] = part;
  }
  for (int i = s->carries; i < r->loop->operand_count; i++) {
    node *n = r->inputs[1 + i], *outside = r->loop->operands[i];
    if (!live[n->id] || p->now[n->id]) continue;
    p->now[n->id] = i < s->carries + s->sequences
                        ? add_sequence(p, node_text(n, 0), &n->type, outside)
                        : add_invariant(p, node_text(n, 0), outside);
  }
}

/* True where nothing reads the value but one node, at most. */
static bool is_read_by(const graph *g, const node *value, const node *reader) {
  for (int id = value->id + 1; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    for (int i = 0; i < n->operand_count; i++)
      if (n->operands[i] == value && n != reader && n->op != OP_RESULT) return false;
  }
  return true;
}

static int input_uses(const graph *g, int input) {
  return g ? graph_uses(g, g->arena)[g->inputs[input].node->id] : 0;
}

static bool is_addition_to(const node *n, const node *x) {
  return n->op == OP_MAP && n->function == SCALAR_ADD && (n->operands[0] == x || n->operands[1] == x);
}

/* True for what add_at_place makes of a sum. */
static bool is_addition_at_place(const node *n, const node *x) {
  if (n->op != OP_SCATTER || n->operands[0] != x) return false;
  for (int i = 0; i < 2; i++) {
    const node *taken = n->operands[2]->operands[i];
    if (!is_addition_to(n->operands[2], taken)) return false;
    if (taken->op == OP_GATHER && taken->operands[0] == x && taken->operands[1] == n->operands[1]) return true;
  }
  return false;
}

/* True where a loop only adds to a carry in each turn. */
static bool is_sum(const loop_shape *s, int carry) {
  const node *before = s->body->inputs[1 + carry].node, *after = s->body->outputs[carry].node;
  const int reads = is_addition_to(after, before) ? 1 : is_addition_at_place(after, before) ? 2 : 0;
  return reads && input_uses(s->body, 1 + carry) == reads && input_uses(s->condition, 1 + carry) == 0;
}

/* The value in the turn that an inner loop sums up to be an invariant's slope, and nothing else reads: the
 * loop can begin with the sum so far. NULL: the slope is none. */
static const node *summed_inside(const reversal *r, int operand) {
  const node *slope = r->slopes[operand], *v = slope;
  const tensor_type type = sum_type(&slope->type);
  if (v->op == OP_CAST && type_equal(&v->operands[0]->type, &type)) v = v->operands[0];
  if (!op_has(v->op, LOOP) || r->is_primal[v->id] || !is_read_by(r->turn, v, slope)) return NULL;
  const loop_shape s = loop_shape_of(v->op == OP_LOOP ? v : v->operands[0]);
  return result_number(v) < s.carries && is_sum(&s, result_number(v)) ? v : NULL;
}

/* Where a loop carries the sum for an invariant of the loop around it, it begins with that one's. */
static void begin_with_sums(const reversal *r, const pieces *p, const node *loop, node **operands) {
  for (int i = 0; i < r->loop->operand_count; i++) {
    const node *v = p->sums[i] ? summed_inside(r, i) : NULL;
    double first;
    if (!v || (v->op == OP_LOOP ? v : v->operands[0]) != loop) continue;
    node **begin = &operands[result_number(v)];
    *begin = node_is_splat(*begin, &first) && first == 0
                 ? p->sums[i] : build_map2(p->body, SCALAR_ADD, p->sums[i], *begin);
  }
}

static void copy_live(reversal *r, pieces *p, const bool *live) {
  for (int id = 0; id < r->turn->node_count; id++) {
    const node *n = r->turn->nodes[id];
    if (!live[id] || p->now[id]) continue;
    node **operands = arena_array_of(r->arena, n->operand_count, node *);
    for (int i = 0; i < n->operand_count; i++) operands[i] = p->now[n->operands[i]->id];
    if (n->op == OP_LOOP) begin_with_sums(r, p, n, operands);
    p->now[id] = build_like(p->body, n, operands);
  }
}

/* The sum with the slope added, which is zero but at one place. */
static node *add_at_place(graph *g, node *sum, const node *slope) {
  node *place = slope->operands[0], *update = slope->operands[1];
  const int axis = (int)node_int(slope, 1);
  if (update->type.element != sum->type.element) update = build_cast(g, update, sum->type.element);
  node *added = build_map2(g, SCALAR_ADD, build_gather(g, sum, place, axis, 0), update);
  return build_scatter(g, sum, place, added, axis, 0);
}

/* Of all turns one sum can be made behind the loop (fission.c), but not of those that may not run, or are run
 * again. */
static bool is_added_in_turns(const reversal *r, const node *slope) {
  return (r->ran || r->shape.recompute) && slope->op == OP_SCATTER_ADD && slope->operands[0]->type.rank == 0;
}

static node *next_sum(reversal *r, pieces *p, int operand, node *slope) {
  graph *g = p->body;
  node *sum = p->sums[operand];
  const node *inside = summed_inside(r, operand);
  if (inside) return p->now[inside->id];
  if (is_added_in_turns(r, slope)) return add_at_place(g, sum, slope);
  if (slope->type.element != sum->type.element) slope = build_cast(g, slope, sum->type.element);
  return build_map2(g, SCALAR_ADD, sum, slope);
}

/* What each operand's cotangent becomes in one turn: of carries the next one, of sequences a part, of
 * invariants one term of a sum. */
static void give_slopes(reversal *r, pieces *p) {
  const loop_shape *s = &r->shape;
  graph *g = p->body;
  arena *a = r->arena;
  for (int i = 0; i < r->loop->operand_count; i++) {
    const char *name = arena_printf(a, "d_%s", s->body->inputs[1 + i].name);
    node *slope = r->slopes[i] ? p->now[r->slopes[i]->id] : NULL;
    if (i < s->carries && r->seeds[i]) {
      node *before = p->now[r->seeds[i]->id];
      if (!slope) slope = build_splat(g, &before->type, 0);
      arena_push(a, p->carried, p->carried_count) = (graph_value){name, slope};
    } else if (slope && i < s->carries + s->sequences) {
      arena_push(a, p->stacked, p->stacked_count) = (graph_value){name, slope};
    } else if (slope) {
      arena_push(a, p->carried, p->carried_count) = (graph_value){name, next_sum(r, p, i, slope)};
    }
  }
}

static void list(graph *g, const graph_value *values, int count) {
  for (int i = 0; i < count; i++) arena_push(g->arena, g->inputs, g->input_count) = values[i];
}

/* Only turns that ran are gone back through. */
static const graph *reverse_condition(const reversal *r, const graph *body) {
  if (!r->ran) return NULL;
  graph all = *body;
  graph_value ran = {"ran", r->ran};
  all.name = "condition";
  all.outputs = &ran;
  all.output_count = 1;
  return rewrite_graph(&all, NULL);
}

static node *build_reverse_loop(reversal *r, pieces *p, node *turn) {
  graph *g = p->body;
  g->inputs = NULL;
  g->input_count = 0;
  add_input(g, turn);
  list(g, p->carry_inputs, p->input_count);
  list(g, p->read, p->read_count);
  list(g, p->fixed, p->fixed_count);
  for (int i = 0; i < p->carried_count; i++)
    graph_add_output(g, p->carried[i].name, p->carried[i].node);
  for (int i = 0; i < p->stacked_count; i++)
    graph_add_output(g, p->stacked[i].name, p->stacked[i].node);
  const int counts[] = {p->carry_count, p->sequence_count, p->invariant_count};
  node **const lists[] = {p->carries, p->sequences, p->invariants};
  node **operands = NULL;
  int count = 0;
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < counts[k]; i++) arena_push(r->arena, operands, count) = lists[k][i];
  const loop_shape s = {.turns = r->shape.turns, .size = r->shape.size, .carries = p->carry_count,
                        .sequences = p->sequence_count, .invariants = p->invariant_count,
                        .reverse = !r->shape.reverse,
                        .recompute = r->shape.recompute, .condition = reverse_condition(r, g),
                        .body = rewrite_graph(g, NULL)};
  return build_loop(r->outer, &s, operands);
}

/* Results of the reverse loop, in the order in which give_slopes made them. */
static void give_operands(reversal *r, const pieces *p, node *loop, node **given) {
  const loop_shape *s = &r->shape;
  int carry = 0, stack = p->carry_count;
  for (int i = 0; i < r->loop->operand_count; i++) {
    if (i < s->carries) {
      if (!r->seeds[i]) continue;
      node *first = build_result(r->outer, loop, carry++);
      if (r->wanted[i]) given[i] = first;
    } else if (r->slopes[i] && i < s->carries + s->sequences) {
      given[i] = build_result(r->outer, loop, stack++);
    } else if (r->slopes[i]) {
      node *sum = build_result(r->outer, loop, carry++);
      dtype element = r->loop->operands[i]->type.element;
      given[i] = sum && sum->type.element != element ? build_cast(r->outer, sum, element) : sum;
    }
  }
}

static void reverse(reversal *r, node **given) {
  node **kept = NULL;
  int kept_count = 0;
  if (r->shape.condition) {
    r->ran = build_int(r->turn, DTYPE_BOOL, 1);
    arena_push(r->arena, kept, kept_count) = r->ran;
  }
  find_primal(r);
  choose_kept(r);
  for (int id = 0; id < r->turn->node_count; id++)
    if (r->is_kept[id]) arena_push(r->arena, kept, kept_count) = r->turn->nodes[id];
  node **stacks = kept_count ? stacks_of(r, kept, kept_count) : NULL;
  const bool *live = live_nodes(r, r->is_kept);
  pieces p = {.body = graph_new(r->arena, r->outer->diagnostics, "body")};
  p.body->at = r->loop->at;
  p.now = arena_array_of(r->arena, r->turn->node_count, node *);
  const tensor_type scalar = type_scalar(DTYPE_I64);
  node *turn = p.now[r->inputs[0]->id] = new_input(&p, "turn", &scalar);
  take_seeds(r, &p);
  add_sums(r, &p);
  take_primal(r, &p, live, stacks, kept, kept_count);
  copy_live(r, &p, live);
  give_slopes(r, &p);
  node *loop = build_reverse_loop(r, &p, turn);
  give_operands(r, &p, loop, given);
}

static void refuse(graph *g, const node *loop) {
  static const char message[] =
      "derivatives are taken back through the turns, whose number must be known before: write "
      "`scan t in 0..most while …` in place of this loop";
  if (!g->diagnostics) internal_error("graph %s: %s", g->name, message);
  diag_error(g->diagnostics, loop->at, "%s", message);
}

void loop_pull_back(graph *g, const node *loop, node *const *cotangents, const bool *wanted,
                    node *const *sums, node **operand_cotangents) {
  reversal r = {.arena = g->arena, .outer = g, .loop = loop, .shape = loop_shape_of(loop),
                .cotangents = cotangents, .wanted = wanted, .sums = sums};
  if (!r.shape.turns) {
    refuse(g, loop);
    return;
  }
  copy_body(&r);
  add_seeds(&r);
  int errors = g->diagnostics ? diag_count(g->diagnostics) : 0;
  if (!differentiate_turn(&r)) return;
  if (g->diagnostics && diag_count(g->diagnostics) != errors) return;
  reverse(&r, operand_cotangents);
}
