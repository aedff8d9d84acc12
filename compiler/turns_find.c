/* Finds products with what lies between that is large and wanted by nobody else. */
#include <stdlib.h>
#include <string.h>

#include "axes.h"
#include "op.h"
#include "turns_chain.h"

/* Of a chain: attention has some thirty. */
enum { MOST_NODES = 1000 };

bool chain_has(const chain *c, const node *n) { return c->finder->mark[n->id] == c->last->id; }

/* ---- readings ---------------------------------------------------------------------------------- */

static int64_t axis_of_dot(const node *n, int operand, int64_t axis) {
  int batch_count, contract_count;
  const int64_t *batch = node_ints(n, operand, &batch_count);
  if (axis < batch_count) return batch[axis];
  axis -= batch_count;
  for (int side = 0; side < 2; side++) {
    int64_t others[MAX_RANK];
    const int64_t *contract = node_ints(n, 2 + side, &contract_count);
    const int count = axes_others(n->operands[side]->type.rank, node_ints(n, side, NULL), batch_count, contract,
                                  contract_count, others);
    if (axis < count) return side == operand ? others[axis] : -1;
    axis -= count;
  }
  return -1;
}

static int64_t axis_of_broadcast(const node *n, int64_t axis) {
  const int64_t *axes = node_ints(n, 1, NULL);
  for (int a = 0; a < n->operands[0]->type.rank; a++)
    if (axes[a] == axis) return a;
  return -1;
}

static int64_t axis_of_reduction(const node *n, int64_t axis) {
  int count;
  const int64_t *reduced = node_ints(n, 0, &count);
  int64_t others[MAX_RANK];
  axes_others(n->operands[0]->type.rank, reduced, count, NULL, 0, others);
  return others[axis];
}

static int64_t operand_axis(const node *n, int operand, int64_t axis) {
  if (axis < 0) return -1;
  if (n->op == OP_DOT) return axis_of_dot(n, operand, axis);
  if (n->op == OP_BROADCAST) return axis_of_broadcast(n, axis);
  return op_has(n->op, REDUCTION) ? axis_of_reduction(n, axis) : axis;
}

/* A single row is the same for all turns. */
turn_axes chain_operand_axes(const chain *c, const node *n, int operand, const turn_axes *axes) {
  turn_axes of = {{0}};
  for (int i = 0; i < c->axis_count; i++) {
    of.at[i] = operand_axis(n, operand, axes->at[i]);
    if (c->rows && of.at[i] >= 0 && n->operands[operand]->type.dims[of.at[i]].maximum == 1) of.at[i] = -1;
  }
  return of;
}

reading chain_reading(const chain *c, const node *n, int operand) {
  return (reading){n->operands[operand], chain_operand_axes(c, n, operand, &c->finder->axes[n->id])};
}

dim chain_dim(const chain *c, int number) { return c->last->type.dims[c->finder->axes[c->last->id].at[number]]; }

bool chain_reads_whole(const chain *c, const reading *r) {
  for (int i = 0; i < c->axis_count; i++)
    if (r->axes.at[i] >= 0) return false;
  return true;
}

bool chain_walks(const chain *c, const turn_axes *axes, int64_t axis) {
  for (int i = 0; i < c->axis_count; i++)
    if (axes->at[i] == axis) return true;
  return false;
}

/* ---- chains ------------------------------------------------------------------------------------ */

/* Elements of the result from those at the same place of operands that are shaped as it is. */
static bool is_pointwise(const node *n) { return n->op == OP_MAP || n->op == OP_CAST; }

/* True where a turn needs no more of the value than its part. */
static bool reads_part(const chain *c, const reading *r) {
  for (int i = 0; i < c->axis_count; i++)
    if (r->axes.at[i] < 0 || !dim_equal(r->value->type.dims[r->axes.at[i]], chain_dim(c, i))) return false;
  return !type_is_bounded(&r->value->type);
}

static bool may_be_inside(const node *n) {
  return op_has(n->op, REDUCTION) || n->op == OP_DOT || n->op == OP_BROADCAST || is_pointwise(n);
}

static void gather(chain *c, const reading *r) {
  const node *n = r->value;
  if (c->count == MOST_NODES || chain_has(c, n) || !may_be_inside(n) || !reads_part(c, r)) return;
  c->finder->mark[n->id] = c->last->id;
  c->finder->axes[n->id] = r->axes;
  arena_push(c->finder->from->arena, c->nodes, c->count) = n;
  for (int i = 0; n->op != OP_DOT && i < n->operand_count; i++) {
    const reading next = chain_reading(c, n, i);
    gather(c, &next);
  }
}

static bool same_axes(const chain *c, const turn_axes *x, const turn_axes *y) {
  return memcmp(x->at, y->at, (size_t)c->axis_count * sizeof *x->at) == 0;
}

/* Whether a turn can read that; blocks of rows need an axis more in front of it. */
static bool fits(const chain *c, const reading *r) {
  if (chain_has(c, r->value)) return reads_part(c, r) && same_axes(c, &r->axes, &c->finder->axes[r->value->id]);
  return !c->rows || chain_reads_whole(c, r) || (r->value->type.rank < MAX_RANK && !type_is_bounded(&r->value->type));
}

/* True where nothing else reads what is inside, and the chain itself no more than a part of it in each turn. What repeats
 * something from outside, or is made of constants, a mask, may be read elsewhere, since a turn makes it anew. */
static bool is_closed(const chain *c) {
  const turns_finder *f = c->finder;
  bool closed = true;
  for (int k = 0; k <= c->count; k++)
    for (int i = 0; i < c->nodes[k]->operand_count; i++) {
      const reading r = chain_reading(c, c->nodes[k], i);
      f->own[r.value->id]++;
      closed = closed && fits(c, &r);
    }
  for (int k = 0; k < c->count; k++) {
    const node *n = c->nodes[k];
    const bool repeats = n->op == OP_BROADCAST && !chain_has(c, n->operands[0]);
    closed = closed && (f->own[n->id] == f->uses[n->id] || repeats || f->free[n->id]);
  }
  for (int k = 0; k <= c->count; k++)
    for (int i = 0; i < c->nodes[k]->operand_count; i++) f->own[c->nodes[k]->operands[i]->id] = 0;
  return closed;
}

static bool has_turns_in_front(const chain *c, const reading *r) {
  for (int i = 0; i < c->axis_count; i++)
    if (r->axes.at[i] != i) return false;
  return true;
}

/* What the products of a chain read, give and do. */
typedef struct chain_cost {
  double inner_bytes, rows_bytes, work;
  double copied_bytes; /* so that they have the batch in front, in two passes */
} chain_cost;

static chain_cost cost_of(const chain *c) {
  chain_cost cost = {.rows_bytes = (double)type_bytes(&c->last->type)};
  for (int k = 0; k <= c->count; k++) {
    const node *n = c->nodes[k];
    if (n->op != OP_DOT) continue;
    for (int i = 0; i < 2; i++) {
      const node *operand = n->operands[i];
      if (chain_has(c, operand)) continue;
      cost.rows_bytes += (double)type_bytes(&operand->type);
      const reading r = chain_reading(c, n, i);
      if (operand->op == OP_TRANSPOSE || !has_turns_in_front(c, &r)) cost.copied_bytes += (double)type_bytes(&operand->type);
    }
    if (n == c->last) continue;
    cost.inner_bytes += (double)type_bytes(&n->type);
    cost.work += (double)op_definitions[OP_DOT]->operations(n) / 2; /* each with an addition */
  }
  return cost;
}

/* Cuts the rows into blocks, of which there are some for each of many threads; into equal ones where their sizes allow it. */
static bool cut_rows(chain *c, const chain_cost *cost) {
  enum { TURNS = 16 };
  const turns_limits *least = c->finder->least;
  const int64_t rows = chain_dim(c, 0).maximum;
  int64_t most = (int64_t)((double)least->turn_bytes * (double)rows / cost->inner_bytes);
  if (most > least->most_rows) most = least->most_rows;
  if (most > rows / TURNS) most = rows / TURNS;
  if (most < least->least_rows) most = least->least_rows;
  c->block = most;
  for (int64_t block = most; block >= least->least_rows; block--)
    if (rows % block < rows % c->block) c->block = block;
  c->turns = rows / c->block;
  c->left_over = rows % c->block;
  return c->turns > 1;
}

static bool is_worthwhile(chain *c) {
  const turns_limits *least = c->finder->least;
  const chain_cost cost = cost_of(c);
  if (cost.inner_bytes == 0) return false;
  if (c->rows)
    return cost.inner_bytes >= least->row_bytes && cost.inner_bytes >= least->row_saved * cost.rows_bytes && cut_rows(c, &cost);
  return cost.inner_bytes >= least->bytes && cost.inner_bytes >= least->saved * cost.copied_bytes &&
         cost.work >= least->work * (double)c->turns;
}

static int by_id(const void *x, const void *y) {
  const node *const *a = x, *const *b = y;
  return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}

static int batch_count(const node *dot) {
  int count;
  node_ints(dot, 0, &count);
  return count;
}

bool turns_find(const turns_finder *f, const node *last, chain *c) {
  if (last->op != OP_DOT || last->type.rank == 0 || type_is_bounded(&last->type)) return false;
  const int batch = batch_count(last);
  *c = (chain){.finder = f, .last = last, .block = 1, .turns = 1};
  for (int i = 0; i < batch; i++) c->turns *= last->type.dims[i].maximum;
  c->rows = c->turns == 1;
  if (c->rows && (batch == last->type.rank || last->type.rank == MAX_RANK)) return false;
  c->axis_count = c->rows ? 1 : batch;
  for (int i = 0; i < c->axis_count; i++) f->axes[last->id].at[i] = c->rows ? batch : i;
  for (int i = 0; i < 2; i++) {
    const reading r = chain_reading(c, last, i);
    gather(c, &r);
  }
  if (c->count == 0 || c->count == MOST_NODES) return false;
  qsort(c->nodes, (size_t)c->count, sizeof *c->nodes, by_id);
  int end = c->count;
  arena_push(f->from->arena, c->nodes, end) = last;
  return is_worthwhile(c) && is_closed(c);
}

/* What a turn makes for itself, of single constants only. */
static void find_free(const turns_finder *f) {
  for (int id = 0; id < f->from->node_count; id++) {
    const node *n = f->from->nodes[id];
    const bool single = n->op == OP_CONSTANT && n->type.rank == 0;
    f->free[id] = single || n->op == OP_IOTA || is_pointwise(n) || n->op == OP_BROADCAST;
    for (int i = 0; i < n->operand_count; i++) f->free[id] = f->free[id] && f->free[n->operands[i]->id];
  }
}

turns_finder turns_finder_new(const graph *g, const turns_limits *least) {
  arena *a = g->arena;
  const turns_finder f = {.from = g, .least = least, .uses = graph_uses(g, a), .mark = arena_array_of(a, g->node_count, int),
                          .axes = arena_array_of(a, g->node_count, turn_axes), .own = arena_array_of(a, g->node_count, int),
                          .free = arena_array_of(a, g->node_count, bool)};
  for (int id = 0; id < g->node_count; id++) f.mark[id] = -1;
  find_free(&f);
  return f;
}
