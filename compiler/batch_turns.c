#include "batch_turns.h"

#include <stdlib.h>

#include "build.h"
#include "op.h"
#include "rewrite.h"

/* Of a graph, for all its chains. */
typedef struct finder {
  const graph *from;
  const int *uses;
  int *mark;  /* by node: the last product of the chain that it was found in latest; or -1 */
  int *own;   /* by node: how often a chain reads it; 0 between chains */
  bool *free; /* by node: it is made of constants alone, and cheap */
} finder;

/* Two products of a batch and what lies between: `nodes` are those that `last` reads and nothing else. The first `batch`
 * axes of them all are the batch's. */
typedef struct chain {
  const finder *finder;
  const node *last;
  int batch;
  int64_t turns;
  const node **nodes; /* in the graph's order, and behind them the last product */
  int count;
} chain;

/* Of a chain: attention has some thirty. */
enum { MOST_NODES = 1000 };

static bool is_inside(const chain *c, const node *n) { return c->finder->mark[n->id] == c->last->id; }

/* How a node of a chain reads a value: axis places[i] of it is the batch's axis i, -1: it has none; `rest` are its others. */
typedef struct reading {
  const node *value;
  int64_t places[MAX_RANK], rest[MAX_RANK];
  int rest_count;
} reading;

/* ---- finding ----------------------------------------------------------------------------------- */

static bool has_batch(const chain *c, const node *n) {
  if (n->type.rank < c->batch || type_is_bounded(&n->type)) return false;
  for (int i = 0; i < c->batch; i++)
    if (!dim_equal(n->type.dims[i], c->last->type.dims[i])) return false;
  return true;
}

static bool are_first(const int64_t *axes, int count) {
  for (int i = 0; i < count; i++)
    if (axes[i] != i) return false;
  return true;
}

static bool spares_batch(const chain *c, const node *reduction) {
  int count;
  const int64_t *axes = node_ints(reduction, 0, &count);
  for (int i = 0; i < count; i++)
    if (axes[i] < c->batch) return false;
  return true;
}

static int batch_count(const node *dot) {
  int count;
  node_ints(dot, 0, &count);
  return count;
}

/* Elements of the result from those at the same place of operands that are shaped as it is. */
static bool is_pointwise(const node *n) { return n->op == OP_MAP || n->op == OP_CAST; }

static bool may_be_inside(const chain *c, const node *n) {
  if (!has_batch(c, n)) return false;
  if (op_has(n->op, REDUCTION)) return spares_batch(c, n);
  return n->op == OP_DOT ? batch_count(n) == c->batch : is_pointwise(n) || n->op == OP_BROADCAST;
}

static reading reading_of(const chain *c, const node *n, int operand) {
  reading r = {.value = n->operands[operand]};
  for (int i = 0; i < c->batch; i++) {
    r.places[i] = n->op == OP_DOT ? node_ints(n, operand, NULL)[i] : n->op == OP_BROADCAST ? -1 : i;
    for (int a = 0; n->op == OP_BROADCAST && a < r.value->type.rank; a++)
      if (node_ints(n, 1, NULL)[a] == i) r.places[i] = a;
  }
  for (int a = 0; a < r.value->type.rank; a++) {
    bool of_batch = false;
    for (int i = 0; i < c->batch; i++) of_batch = of_batch || r.places[i] == a;
    if (!of_batch) r.rest[r.rest_count++] = a;
  }
  return r;
}

/* True where a turn needs no more of the value than its part. */
static bool reads_part(const chain *c, const node *n, int operand) {
  const reading r = reading_of(c, n, operand);
  return has_batch(c, r.value) && are_first(r.places, c->batch);
}

static void gather(chain *c, const node *n) {
  if (c->count == MOST_NODES || is_inside(c, n) || !may_be_inside(c, n)) return;
  c->finder->mark[n->id] = c->last->id;
  arena_push(c->finder->from->arena, c->nodes, c->count) = n;
  for (int i = 0; n->op != OP_DOT && i < n->operand_count; i++)
    if (reads_part(c, n, i)) gather(c, n->operands[i]);
}

/* True where nothing else reads what is inside, and the chain itself no more than a part of it in each turn. What repeats
 * something from outside may be read elsewhere, since a turn repeats it anew. */
static bool is_closed(const chain *c) {
  const finder *f = c->finder;
  bool closed = true;
  for (int k = 0; k <= c->count; k++)
    for (int i = 0; i < c->nodes[k]->operand_count; i++) {
      const node *operand = c->nodes[k]->operands[i];
      f->own[operand->id]++;
      closed = closed && (!is_inside(c, operand) || reads_part(c, c->nodes[k], i));
    }
  for (int k = 0; k < c->count; k++) {
    const node *n = c->nodes[k];
    const bool repeats = n->op == OP_BROADCAST && !is_inside(c, n->operands[0]);
    closed = closed && (f->own[n->id] == f->uses[n->id] || repeats);
  }
  for (int k = 0; k <= c->count; k++)
    for (int i = 0; i < c->nodes[k]->operand_count; i++) f->own[c->nodes[k]->operands[i]->id] = 0;
  return closed;
}

static bool is_worthwhile(const chain *c, const batch_turns_limits *least) {
  double bytes = 0, work = 0, rows = (double)type_bytes(&c->last->type);
  for (int k = 0; k <= c->count; k++) {
    const node *n = c->nodes[k];
    if (n->op != OP_DOT) continue;
    for (int i = 0; i < 2; i++)
      if (!is_inside(c, n->operands[i])) rows += (double)type_bytes(&n->operands[i]->type);
    if (n == c->last) continue;
    bytes += (double)type_bytes(&n->type);
    work += (double)op_definitions[OP_DOT]->operations(n) / 2; /* each with an addition */
  }
  return bytes > 0 && bytes >= least->bytes && work >= least->work * (double)c->turns && bytes >= least->saved * rows;
}

static int by_id(const void *x, const void *y) {
  const node *const *a = x, *const *b = y;
  return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}

/* A chain that ends with the product; false where there is none. */
static bool find_chain(const finder *f, const node *last, const batch_turns_limits *least, chain *c) {
  if (last->op != OP_DOT || batch_count(last) == 0 || type_is_bounded(&last->type)) return false;
  *c = (chain){.finder = f, .last = last, .batch = batch_count(last), .turns = 1};
  for (int i = 0; i < c->batch; i++) c->turns *= last->type.dims[i].maximum;
  for (int i = 0; i < 2 && c->turns > 1; i++)
    if (reads_part(c, last, i)) gather(c, last->operands[i]);
  if (c->count == 0 || c->count == MOST_NODES) return false;
  qsort(c->nodes, (size_t)c->count, sizeof *c->nodes, by_id);
  int end = c->count;
  arena_push(f->from->arena, c->nodes, end) = last;
  return is_worthwhile(c, least) && is_closed(c);
}

/* What a turn makes for itself, of constants only. */
static void find_free(const finder *f) {
  for (int id = 0; id < f->from->node_count; id++) {
    const node *n = f->from->nodes[id];
    f->free[id] = n->op == OP_CONSTANT || n->op == OP_IOTA || is_pointwise(n) || n->op == OP_BROADCAST;
    for (int i = 0; i < n->operand_count; i++) f->free[id] = f->free[id] && f->free[n->operands[i]->id];
  }
}

/* ---- building ---------------------------------------------------------------------------------- */

/* The loop in the making. */
typedef struct builder {
  const chain *chain;
  graph *to, *body;
  node *const *now;  /* what stands in `to` for nodes of the old graph */
  node **parts;      /* what stands in the body for nodes inside, and for those made of constants; NULL: nothing yet */
  reading *leaves;   /* what is read from outside: first in parts, then the same in all turns */
  node **inputs;     /* of the body, for the leaves */
  int leaf_count;
} builder;

static bool is_whole(const chain *c, const reading *r) {
  for (int i = 0; i < c->batch; i++)
    if (r->places[i] >= 0) return false;
  return true;
}

static node *copy_free(builder *b, const node *n) {
  if (b->parts[n->id]) return b->parts[n->id];
  node **operands = arena_array_of(b->body->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) operands[i] = copy_free(b, n->operands[i]);
  return b->parts[n->id] = build_like(b->body, n, operands);
}

static bool same_reading(const chain *c, const reading *x, const reading *y) {
  for (int i = 0; i < c->batch; i++)
    if (x->places[i] != y->places[i]) return false;
  return x->value == y->value;
}

static int leaf_of(const builder *b, const reading *r) {
  int i = 0;
  while (i < b->leaf_count && !same_reading(b->chain, &b->leaves[i], r)) i++;
  return i;
}

/* Lists the leaves that have, or have not, a part for each turn. */
static void list_leaves(builder *b, bool whole) {
  const chain *c = b->chain;
  for (int k = 0; k <= c->count; k++)
    for (int i = 0; i < c->nodes[k]->operand_count; i++) {
      const reading r = reading_of(c, c->nodes[k], i);
      if (is_inside(c, r.value) || is_whole(c, &r) != whole || (whole && c->finder->free[r.value->id])) continue;
      if (leaf_of(b, &r) == b->leaf_count) arena_push(b->to->arena, b->leaves, b->leaf_count) = r;
    }
}

static tensor_type rest_type(const reading *r) {
  tensor_type t = {.element = r->value->type.element, .rank = r->rest_count};
  for (int i = 0; i < t.rank; i++) t.dims[i] = r->value->type.dims[r->rest[i]];
  return t;
}

/* The value with its parts for the turns along the first axis. */
static node *in_turns(const builder *b, const reading *r) {
  const chain *c = b->chain;
  tensor_type all = rest_type(r);
  int64_t order[MAX_RANK], axes[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < c->batch; i++) {
    if (r->places[i] < 0) continue;
    axes[rank] = i;
    order[rank++] = r->places[i];
  }
  for (int i = 0; i < r->rest_count; i++) {
    axes[rank] = c->batch + i;
    order[rank++] = r->rest[i];
  }
  for (int i = all.rank - 1; i >= 0; i--) all.dims[c->batch + i] = all.dims[i];
  for (int i = 0; i < c->batch; i++) all.dims[i] = c->last->type.dims[i];
  all.rank += c->batch;
  node *x = build_broadcast(b->to, build_transpose(b->to, b->now[r->value->id], order), &all, axes);
  dim turns[MAX_RANK] = {dim_fixed(c->turns)};
  for (int i = 0; i < r->rest_count; i++) turns[1 + i] = all.dims[c->batch + i];
  return build_reshape(b->to, x, 1 + r->rest_count, turns);
}

/* What stands in the body for an operand. */
static node *part_of(builder *b, const node *n, int operand) {
  const reading r = reading_of(b->chain, n, operand);
  if (is_inside(b->chain, r.value)) return b->parts[r.value->id];
  if (is_whole(b->chain, &r) && b->chain->finder->free[r.value->id]) return copy_free(b, r.value);
  return b->inputs[leaf_of(b, &r)];
}

static node *part_of_broadcast(builder *b, const node *n) {
  const reading r = reading_of(b->chain, n, 0);
  const int batch = b->chain->batch;
  tensor_type type = {.element = n->type.element, .rank = n->type.rank - batch};
  int64_t axes[MAX_RANK];
  for (int i = 0; i < type.rank; i++) type.dims[i] = n->type.dims[batch + i];
  for (int i = 0; i < r.rest_count; i++) axes[i] = node_ints(n, 1, NULL)[r.rest[i]] - batch;
  return build_broadcast(b->body, part_of(b, n, 0), &type, axes);
}

static node *part_of_reduction(builder *b, const node *n) {
  int count;
  int64_t axes[MAX_RANK];
  const int64_t *whole = node_ints(n, 0, &count);
  for (int i = 0; i < count; i++) axes[i] = whole[i] - b->chain->batch;
  return build_reduce(b->body, n->op, part_of(b, n, 0), count, axes);
}

static node *part_of_dot(builder *b, const node *n) {
  int64_t contract[2][MAX_RANK];
  dot_axes axes = {.left_contract = contract[0], .right_contract = contract[1]};
  for (int i = 0; i < 2; i++) {
    const reading r = reading_of(b->chain, n, i);
    const int64_t *whole = node_ints(n, 2 + i, &axes.contract_count);
    for (int k = 0; k < axes.contract_count; k++)
      for (int a = 0; a < r.rest_count; a++)
        if (r.rest[a] == whole[k]) contract[i][k] = a;
  }
  return build_dot(b->body, part_of(b, n, 0), part_of(b, n, 1), &axes);
}

static node *part_of_map(builder *b, const node *n) {
  node *x[3] = {NULL};
  for (int i = 0; i < n->operand_count; i++) x[i] = part_of(b, n, i);
  switch (n->operand_count) {
  case 1: return build_map1(b->body, n->function, x[0]);
  case 2: return build_map2(b->body, n->function, x[0], x[1]);
  default: return build_map3(b->body, n->function, x[0], x[1], x[2]);
  }
}

static node *part(builder *b, const node *n) {
  b->body->at = n->at;
  switch (n->op) {
  case OP_MAP: return part_of_map(b, n);
  case OP_CAST: return build_cast(b->body, part_of(b, n, 0), n->type.element);
  case OP_BROADCAST: return part_of_broadcast(b, n);
  case OP_DOT: return part_of_dot(b, n);
  default: return part_of_reduction(b, n);
  }
}

static graph *turn_of(builder *b) {
  const chain *c = b->chain;
  const tensor_type turn = type_scalar(DTYPE_I64);
  b->body = graph_new(b->to->arena, NULL, "turn");
  b->body->at = c->last->at;
  graph_add_input(b->body, "turn", &turn);
  for (int i = 0; i < b->leaf_count; i++) {
    const tensor_type type = rest_type(&b->leaves[i]);
    b->inputs[i] = graph_add_input(b->body, arena_printf(b->body->arena, "x%d", i), &type);
  }
  for (int k = 0; k < c->count; k++) b->parts[c->nodes[k]->id] = part(b, c->nodes[k]);
  graph_add_output(b->body, "y", part(b, c->last));
  return rewrite_graph(b->body, NULL);
}

/* The last product, from a loop. */
static node *build_turns(graph *to, const chain *c, node *const *now) {
  builder b = {.chain = c, .to = to, .now = now, .parts = arena_array_of(to->arena, c->finder->from->node_count, node *)};
  list_leaves(&b, false);
  const int sequences = b.leaf_count;
  list_leaves(&b, true);
  b.inputs = arena_array_of(to->arena, b.leaf_count, node *);
  node **operands = arena_array_of(to->arena, b.leaf_count, node *);
  to->at = c->last->at;
  for (int i = 0; i < b.leaf_count; i++)
    operands[i] = i < sequences ? in_turns(&b, &b.leaves[i]) : now[b.leaves[i].value->id];
  const loop_shape shape = {.turns = c->turns, .sequences = sequences, .invariants = b.leaf_count - sequences,
                            .body = turn_of(&b)};
  return build_reshape(to, build_result(to, build_loop(to, &shape, operands), 0), c->last->type.rank, c->last->type.dims);
}

graph *batch_turns(const graph *g, const batch_turns_limits *least) {
  const finder f = {.from = g, .uses = graph_uses(g, g->arena), .mark = arena_array_of(g->arena, g->node_count, int),
                    .own = arena_array_of(g->arena, g->node_count, int), .free = arena_array_of(g->arena, g->node_count, bool)};
  for (int id = 0; id < g->node_count; id++) f.mark[id] = -1;
  find_free(&f);
  graph *to = graph_new(g->arena, NULL, g->name);
  node **now = build_inputs_of(to, g);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    chain c;
    if (!now[id] && f.uses[id]) now[id] = find_chain(&f, n, least, &c) ? build_turns(to, &c, now) : build_copy(to, n, now);
  }
  build_results_of(to, g, now);
  return rewrite_graph(to, NULL);
}

/* Copies of what turns read cost as much as a few passes over it. */
graph *pass_batch_turns(const graph *g) {
  static const batch_turns_limits least = {.bytes = 8 << 20, .work = 1 << 22, .saved = 4};
  return batch_turns(g, &least);
}
