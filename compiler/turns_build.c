/* Writes the loops over chains that turns_find.c has found. */
#include <string.h>

#include "build.h"
#include "op.h"
#include "rewrite.h"
#include "turns_chain.h"

/* Values of a chain for one turn in the making, or for the rows that are left over. */
typedef struct builder {
  const chain *chain;
  graph *to, *body;   /* body is `to` for the rows left over */
  node *const *now;   /* what stands in `to` for nodes of the old graph */
  int64_t rows;       /* of the body, which begin at: */
  node *first;        /* i64 */
  node **parts;       /* what stands in the body for nodes inside */
  node **anew[1 + MAX_RANK]; /* and for free ones as a whole, then for those whose rows lie along the first axis, and so on,
                                though such a node may be inside, too; NULL: nothing yet */
  reading *leaves;    /* what is read from outside: first in parts, then the same in all turns */
  node **inputs;      /* of the body, for the leaves */
  int leaf_count;
} builder;

/* ---- types and axes ---------------------------------------------------------------------------- */

/* The axis of the part that is this axis of the whole, which turns do not take apart. */
static int64_t part_axis(const chain *c, const turn_axes *axes, int64_t axis) {
  int64_t place = axis;
  for (int i = 0; i < c->axis_count && !c->rows; i++) place -= axes->at[i] >= 0 && axes->at[i] < axis;
  return place;
}

static bool is_taken_apart(const chain *c, const turn_axes *axes, int64_t axis) {
  return !c->rows && chain_walks(c, axes, axis);
}

static tensor_type part_type(const builder *b, const tensor_type *whole, const turn_axes *axes) {
  tensor_type t = {.element = whole->element};
  for (int a = 0; a < whole->rank; a++)
    if (!is_taken_apart(b->chain, axes, a))
      t.dims[t.rank++] = chain_walks(b->chain, axes, a) ? dim_fixed(b->rows) : whole->dims[a];
  return t;
}

/* ---- what is made anew ------------------------------------------------------------------------- */

static bool is_made_anew(const chain *c, const reading *r) {
  return c->finder->free[r->value->id] && (c->rows || chain_reads_whole(c, r));
}

static node *made_anew(builder *b, const node *n, const turn_axes *axes);

/* Counts from the first row of the turn on. */
static node *rows_from(builder *b, const node *n, const tensor_type *type) {
  node *count = build_iota(b->body, type, (int)node_int(n, 1));
  node *first = build_broadcast(b->body, build_cast(b->body, b->first, type->element), type, NULL);
  return build_map2(b->body, SCALAR_ADD, count, first);
}

static node *make_anew(builder *b, const node *n, const turn_axes *axes) {
  const tensor_type type = part_type(b, &n->type, axes);
  if (n->op == OP_IOTA)
    return chain_walks(b->chain, axes, node_int(n, 1)) ? rows_from(b, n, &type) : build_iota(b->body, &type, (int)node_int(n, 1));
  node **operands = arena_array_of(b->body->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) {
    const turn_axes inner = chain_operand_axes(b->chain, n, i, axes);
    operands[i] = made_anew(b, n->operands[i], &inner);
  }
  switch (n->op) {
  case OP_BROADCAST: return build_broadcast(b->body, operands[0], &type, node_ints(n, 1, NULL));
  case OP_CAST: return build_cast(b->body, operands[0], n->type.element);
  default: return build_like(b->body, n, operands);
  }
}

static node *made_anew(builder *b, const node *n, const turn_axes *axes) {
  node ***of_axis = &b->anew[b->chain->rows ? 1 + axes->at[0] : 0];
  if (!*of_axis) *of_axis = arena_array_of(b->to->arena, b->chain->finder->from->node_count, node *);
  node **made = &(*of_axis)[n->id];
  if (!*made) *made = make_anew(b, n, axes);
  return *made;
}

/* ---- leaves ------------------------------------------------------------------------------------ */

static bool same_reading(const chain *c, const reading *x, const reading *y) {
  for (int i = 0; i < c->axis_count; i++)
    if (x->axes.at[i] != y->axes.at[i]) return false;
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
      const reading r = chain_reading(c, c->nodes[k], i);
      if (chain_has(c, r.value) || is_made_anew(c, &r) || chain_reads_whole(c, &r) != whole) continue;
      if (leaf_of(b, &r) == b->leaf_count) arena_push(b->to->arena, b->leaves, b->leaf_count) = r;
    }
}

/* The value with its parts of a batch along the first axis. */
static node *in_batch(const builder *b, const reading *r) {
  const chain *c = b->chain;
  const tensor_type *whole = &r->value->type;
  tensor_type all = {.element = whole->element};
  int64_t order[MAX_RANK], axes[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < c->axis_count; i++) {
    all.dims[all.rank++] = chain_dim(c, i);
    if (r->axes.at[i] < 0) continue;
    axes[rank] = i;
    order[rank++] = r->axes.at[i];
  }
  for (int a = 0; a < whole->rank; a++) {
    if (chain_walks(c, &r->axes, a)) continue;
    axes[rank] = all.rank;
    order[rank++] = a;
    all.dims[all.rank++] = whole->dims[a];
  }
  node *x = build_broadcast(b->to, build_transpose(b->to, b->now[r->value->id], order), &all, axes);
  dim turns[MAX_RANK] = {dim_fixed(c->turns)};
  for (int i = c->axis_count; i < all.rank; i++) turns[1 + i - c->axis_count] = all.dims[i];
  return build_reshape(b->to, x, 1 + all.rank - c->axis_count, turns);
}

/* Rows of a value, from one on. */
static node *rows_of(const builder *b, const reading *r, int64_t from, int64_t count) {
  int64_t starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
  const tensor_type *whole = &r->value->type;
  node *x = b->now[r->value->id];
  for (int a = 0; a < whole->rank; a++) {
    limits[a] = whole->dims[a].maximum;
    steps[a] = 1;
  }
  if (count == limits[r->axes.at[0]]) return x;
  starts[r->axes.at[0]] = from;
  limits[r->axes.at[0]] = from + count;
  return build_slice(b->to, x, starts, limits, steps);
}

/* The value with its blocks of rows along the first axis; single places may stand on either side of the blocks. */
static node *in_blocks(const builder *b, const reading *r) {
  const chain *c = b->chain;
  node *x = rows_of(b, r, 0, c->turns * c->block);
  const int rank = x->type.rank + 1;
  int axis = (int)r->axes.at[0];
  while (axis > 0 && x->type.dims[axis - 1].maximum == 1) axis--;
  dim cut[MAX_RANK];
  int64_t order[MAX_RANK] = {axis};
  for (int a = 0; a < rank; a++) {
    cut[a] = a < axis ? x->type.dims[a] : a == axis ? dim_fixed(c->turns) : x->type.dims[a - 1];
    if (a == r->axes.at[0] + 1) cut[a] = dim_fixed(c->block);
    if (a > 0) order[a] = a <= axis ? a - 1 : a;
  }
  node *blocks = build_reshape(b->to, x, rank, cut);
  return axis == 0 ? blocks : build_transpose(b->to, blocks, order);
}

/* ---- the body ---------------------------------------------------------------------------------- */

/* What stands in the body for an operand. */
static node *part_of(builder *b, const node *n, int operand) {
  const reading r = chain_reading(b->chain, n, operand);
  if (chain_has(b->chain, r.value)) return b->parts[r.value->id];
  if (is_made_anew(b->chain, &r)) return made_anew(b, r.value, &r.axes);
  const int leaf = leaf_of(b, &r);
  ensure(leaf < b->leaf_count);
  return b->inputs[leaf];
}

static node *part_of_broadcast(builder *b, const node *n) {
  const reading r = chain_reading(b->chain, n, 0);
  const turn_axes *own = &b->chain->finder->axes[n->id];
  const tensor_type type = part_type(b, &n->type, own);
  int64_t axes[MAX_RANK];
  int rank = 0;
  for (int a = 0; a < r.value->type.rank; a++)
    if (!is_taken_apart(b->chain, &r.axes, a)) axes[rank++] = part_axis(b->chain, own, node_ints(n, 1, NULL)[a]);
  return build_broadcast(b->body, part_of(b, n, 0), &type, axes);
}

static node *part_of_reduction(builder *b, const node *n) {
  const reading r = chain_reading(b->chain, n, 0);
  int count;
  int64_t axes[MAX_RANK];
  const int64_t *whole = node_ints(n, 0, &count);
  for (int i = 0; i < count; i++) axes[i] = part_axis(b->chain, &r.axes, whole[i]);
  return build_reduce(b->body, n->op, part_of(b, n, 0), count, axes);
}

static node *part_of_dot(builder *b, const node *n) {
  int64_t batch[2][MAX_RANK], contract[2][MAX_RANK];
  dot_axes axes = {.left_batch = batch[0], .right_batch = batch[1], .left_contract = contract[0], .right_contract = contract[1]};
  for (int i = 0; i < 2; i++) {
    const reading r = chain_reading(b->chain, n, i);
    int batch_count;
    const int64_t *whole = node_ints(n, i, &batch_count);
    axes.batch_count = 0;
    for (int k = 0; k < batch_count; k++)
      if (!is_taken_apart(b->chain, &r.axes, whole[k])) batch[i][axes.batch_count++] = part_axis(b->chain, &r.axes, whole[k]);
    whole = node_ints(n, 2 + i, &axes.contract_count);
    for (int k = 0; k < axes.contract_count; k++) contract[i][k] = part_axis(b->chain, &r.axes, whole[k]);
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

/* The last product's part. */
static node *build_parts(builder *b) {
  const chain *c = b->chain;
  b->parts = arena_array_of(b->to->arena, c->finder->from->node_count, node *);
  for (int k = 0; k < c->count; k++) b->parts[c->nodes[k]->id] = part(b, c->nodes[k]);
  return part(b, c->last);
}

static graph *turn_of(builder *b) {
  const chain *c = b->chain;
  const tensor_type turn = type_scalar(DTYPE_I64);
  graph *body = graph_new(b->to->arena, NULL, "turn");
  b->body = body;
  b->rows = c->block;
  body->at = c->last->at;
  b->first = build_map2(body, SCALAR_MUL, graph_add_input(body, "turn", &turn), build_int(body, DTYPE_I64, c->block));
  for (int i = 0; i < b->leaf_count; i++) {
    const tensor_type type = part_type(b, &b->leaves[i].value->type, &b->leaves[i].axes);
    b->inputs[i] = graph_add_input(body, arena_printf(body->arena, "x%d", i), &type);
  }
  graph_add_output(body, "y", build_parts(b));
  return c->rows ? rewrite_graph(body, NULL) : turns(body, c->finder->least);
}

/* ---- the loop ---------------------------------------------------------------------------------- */

/* The rows behind the last turn, by themselves. */
static node *left_over(const builder *loop) {
  const chain *c = loop->chain;
  builder b = {.chain = c, .to = loop->to, .body = loop->to, .now = loop->now, .rows = c->left_over,
               .leaves = loop->leaves, .leaf_count = loop->leaf_count};
  b.inputs = arena_array_of(b.to->arena, b.leaf_count, node *);
  b.first = build_int(b.to, DTYPE_I64, c->turns * c->block);
  for (int i = 0; i < b.leaf_count; i++)
    b.inputs[i] = chain_reads_whole(c, &b.leaves[i]) ? b.now[b.leaves[i].value->id]
                                                     : rows_of(&b, &b.leaves[i], c->turns * c->block, c->left_over);
  return build_parts(&b);
}

/* The last product, from a loop. */
static node *build_turns(graph *to, const chain *c, node *const *now) {
  builder b = {.chain = c, .to = to, .now = now};
  list_leaves(&b, false);
  const int sequences = b.leaf_count;
  list_leaves(&b, true);
  b.inputs = arena_array_of(to->arena, b.leaf_count, node *);
  node **operands = arena_array_of(to->arena, b.leaf_count, node *);
  to->at = c->last->at;
  for (int i = 0; i < b.leaf_count; i++)
    operands[i] = i >= sequences ? now[b.leaves[i].value->id] : c->rows ? in_blocks(&b, &b.leaves[i]) : in_batch(&b, &b.leaves[i]);
  const loop_shape shape = {.turns = c->turns, .sequences = sequences, .invariants = b.leaf_count - sequences,
                            .body = turn_of(&b)};
  node *stack = build_result(to, build_loop(to, &shape, operands), 0);
  tensor_type type = c->last->type;
  const int axis = (int)c->finder->axes[c->last->id].at[0]; /* of rows: before it are single places */
  if (c->rows) type.dims[axis] = dim_fixed(c->turns * c->block);
  node *whole = build_reshape(to, stack, type.rank, type.dims);
  return c->left_over ? build_concat(to, 2, (node *[]){whole, left_over(&b)}, axis) : whole;
}

graph *turns(const graph *g, const turns_limits *least) {
  const turns_finder f = turns_finder_new(g, least);
  graph *to = graph_new(g->arena, NULL, g->name);
  node **now = build_inputs_of(to, g);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    chain c;
    if (!now[id] && f.uses[id]) now[id] = turns_find(&f, n, &c) ? build_turns(to, &c, now) : build_copy(to, n, now);
  }
  build_results_of(to, g, now);
  return rewrite_graph(to, NULL);
}

/* Copies of what turns read cost as much as a few passes over it. */
graph *pass_turns(const graph *g) {
  static const turns_limits least = {.bytes = 8 << 20, .row_bytes = 1 << 20, .work = 1 << 18, .saved = 5, .row_saved = 2,
                                     .turn_bytes = 128 << 10, .least_rows = 16, .most_rows = 64};
  return turns(g, &least);
}
