#include "batch.h"

#include <string.h>

#include "build.h"
#include "op.h"

tensor_type batch_type(const tensor_type *type, dim turns) {
  tensor_type all = *type;
  ensure(all.rank < MAX_RANK);
  memmove(all.dims + 1, all.dims, (size_t)all.rank++ * sizeof *all.dims);
  all.dims[0] = turns;
  return all;
}

node *batch_spread(graph *g, node *x, dim turns) {
  const tensor_type all = batch_type(&x->type, turns);
  return build_broadcast_to(g, x, &all);
}

/* Room for the turns' axis; a bounded size is not that of two axes. */
static bool has_room(const tensor_type *type, dim turns) {
  if (type->rank >= MAX_RANK) return false;
  for (int i = 0; turns.symbol && i < type->rank; i++)
    if (type->dims[i].symbol) return false;
  tensor_type all = batch_type(type, turns);
  return type_check(&all);
}

static bool all_have_room(const node *n, dim turns) {
  bool room = has_room(&n->type, turns);
  for (int i = 0; i < n->operand_count; i++) room = room && has_room(&n->operands[i]->type, turns);
  return room;
}

/* Of gather and scatter_add, whose attributes end with axis and batch: whole rows of a table. */
static bool takes_rows(const node *n) {
  int batches;
  node_ints(n, n->attribute_count - 1, &batches);
  return node_int(n, n->attribute_count - 2) == 0 && batches == 0;
}

bool batch_takes(const node *n, const bool *varies, dim turns) {
  if (!all_have_room(n, turns)) return false;
  switch (n->op) {
  case OP_MAP: case OP_CAST: case OP_RESHAPE: case OP_TRANSPOSE: case OP_BROADCAST: case OP_SLICE:
  case OP_PAD: case OP_REVERSE: case OP_CONCAT: case OP_SUM: case OP_PROD: case OP_MAX: case OP_MIN:
  case OP_ARGMAX: case OP_ARGMIN: case OP_DOT:
    return true;
  case OP_GATHER: return takes_rows(n) && !varies[0];
  default: return false;
  }
}

/* The list with the turns' axis in front: of axes, which move up by one, or of one number for each axis. */
typedef struct axes {
  int64_t at[MAX_RANK];
  int count;
} axes;

static axes axes_behind(const int64_t *list, int count) {
  axes a = {.count = count};
  for (int i = 0; i < count; i++) a.at[i] = list[i] + 1;
  return a;
}

static axes behind_of(const node *n, int position) {
  int count;
  const int64_t *list = node_ints(n, position, &count);
  return axes_behind(list, count);
}

static axes with_first(int64_t first, axes a) {
  memmove(a.at + 1, a.at, (size_t)a.count++ * sizeof *a.at);
  a.at[0] = first;
  return a;
}

static axes numbers_of(const node *n, int position, int64_t first) {
  axes a = {0};
  const int64_t *list = node_ints(n, position, &a.count);
  memcpy(a.at, list, (size_t)a.count * sizeof *list);
  return with_first(first, a);
}

/* The axis of a result goes to the front. */
static node *with_axis_in_front(graph *g, node *x, int axis) {
  int64_t order[MAX_RANK] = {axis};
  for (int i = 1; i < x->type.rank; i++) order[i] = i <= axis ? i - 1 : i;
  return build_transpose(g, x, order);
}

/* A dot's lists of axes, in the order of its attributes: batch and contracted ones, of left and right. */
typedef struct dot_lists {
  axes left_batch, right_batch, left_contract, right_contract;
} dot_lists;

/* behind: of which sides the axes move up. */
static dot_lists lists_of(const node *n, bool left, bool right) {
  dot_lists l;
  axes *lists[] = {&l.left_batch, &l.right_batch, &l.left_contract, &l.right_contract};
  for (int i = 0; i < 4; i++) {
    int count;
    const int64_t *list = node_ints(n, i, &count);
    *lists[i] = axes_behind(list, count);
    for (int k = 0; !(i % 2 ? right : left) && k < count; k++) lists[i]->at[k]--;
  }
  return l;
}

static node *dot_of(graph *g, node *left, node *right, const dot_lists *l) {
  const dot_axes all = {l->left_batch.count, l->left_contract.count, l->left_batch.at,
                        l->right_batch.at, l->left_contract.at, l->right_contract.at};
  return build_dot(g, left, right, &all);
}

/* Where both sides vary the turns are a batch. Else they are a free axis of the side that varies, which
 * is made the left one where it can be, so that the turns come first. */
static node *batch_dot(graph *g, const node *n, node *const *operands, const bool *varies) {
  dot_lists l = lists_of(n, varies[0], varies[1]);
  if (varies[0] && varies[1]) {
    l.left_batch = with_first(0, l.left_batch);
    l.right_batch = with_first(0, l.right_batch);
    return dot_of(g, operands[0], operands[1], &l);
  }
  const int batch = l.left_batch.count, contracted = l.left_contract.count;
  const int lefts = n->operands[0]->type.rank - batch - contracted;
  if (varies[0]) return with_axis_in_front(g, dot_of(g, operands[0], operands[1], &l), batch);
  if (batch) return with_axis_in_front(g, dot_of(g, operands[0], operands[1], &l), batch + lefts);
  const dot_lists swapped = {l.right_batch, l.left_batch, l.right_contract, l.left_contract};
  node *product = dot_of(g, operands[1], operands[0], &swapped);
  const int rights = product->type.rank - 1 - lefts;
  int64_t order[MAX_RANK] = {0};
  for (int i = 0; i < lefts; i++) order[1 + i] = 1 + rights + i;
  for (int i = 0; i < rights; i++) order[1 + lefts + i] = 1 + i;
  return build_transpose(g, product, order);
}

static node *batch_slice(graph *g, const node *n, node *x, dim turns) {
  return build_slice(g, x, numbers_of(n, 0, 0).at, numbers_of(n, 1, turns.maximum).at,
                     numbers_of(n, 2, 1).at);
}

static node *batch_pad(graph *g, const node *n, node *x) {
  return build_pad(g, x, numbers_of(n, 0, 0).at, numbers_of(n, 1, 0).at, numbers_of(n, 2, 0).at);
}

static node *batch_reduce(graph *g, const node *n, node *x) {
  const axes a = behind_of(n, 0);
  return build_reduce(g, n->op, x, a.count, a.at);
}

static node *batch_map(graph *g, const node *n, node *const *operands, const bool *varies, dim turns) {
  node *all[3];
  for (int i = 0; i < n->operand_count; i++)
    all[i] = varies[i] ? operands[i] : batch_spread(g, operands[i], turns);
  return build_like(g, n, all);
}

static node *batch_concat(graph *g, const node *n, node *const *operands, const bool *varies, dim turns) {
  node **parts = arena_array_of(g->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++)
    parts[i] = varies[i] ? operands[i] : batch_spread(g, operands[i], turns);
  return build_concat(g, n->operand_count, parts, (int)node_int(n, 0) + 1);
}

node *batch_node(graph *g, const node *n, node *const *operands, const bool *varies, dim turns) {
  const tensor_type all = batch_type(&n->type, turns);
  g->at = n->at;
  switch (n->op) {
  case OP_MAP: return batch_map(g, n, operands, varies, turns);
  case OP_CAST: return build_cast(g, operands[0], n->type.element);
  case OP_RESHAPE: return build_reshape(g, operands[0], all.rank, all.dims);
  case OP_TRANSPOSE: return build_transpose(g, operands[0], with_first(0, behind_of(n, 0)).at);
  case OP_BROADCAST: return build_broadcast(g, operands[0], &all, with_first(0, behind_of(n, 1)).at);
  case OP_SLICE: return batch_slice(g, n, operands[0], turns);
  case OP_PAD: return batch_pad(g, n, operands[0]);
  case OP_REVERSE: {
    const axes a = behind_of(n, 0);
    return build_reverse(g, operands[0], a.count, a.at);
  }
  case OP_CONCAT: return batch_concat(g, n, operands, varies, turns);
  case OP_DOT: return batch_dot(g, n, operands, varies);
  case OP_GATHER: return build_gather(g, operands[0], operands[1], 0, 0);
  default: return batch_reduce(g, n, operands[0]);
  }
}

bool batch_takes_sum(const node *n, const bool *varies, dim turns) {
  for (int i = 0; i < n->operand_count; i++)
    if (!varies[i] || !has_room(&n->operands[i]->type, turns)) return false;
  if (n->op == OP_SCATTER_ADD) return takes_rows(n);
  return n->op == OP_SUM || n->op == OP_DOT;
}

node *batch_sum(graph *g, const node *n, node *const *operands) {
  g->at = n->at;
  tensor_type type = n->type;
  type.element = operands[n->operand_count - 1]->type.element; /* may be wider */
  if (n->op == OP_SCATTER_ADD) return build_scatter_add(g, operands[0], operands[1], &type, 0, 0);
  if (n->op == OP_SUM) {
    const axes a = with_first(0, behind_of(n, 0));
    return build_reduce(g, OP_SUM, operands[0], a.count, a.at);
  }
  dot_lists l = lists_of(n, true, true);
  l.left_contract = with_first(0, l.left_contract);
  l.right_contract = with_first(0, l.right_contract);
  return dot_of(g, operands[0], operands[1], &l);
}
