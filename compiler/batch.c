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

node **batch_spread(graph *g, const node *n, node *const *operands, const bool *varies, dim turns) {
  node **all = arena_array_of(g->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) {
    const tensor_type type = batch_type(&n->operands[i]->type, turns);
    all[i] = varies[i] ? operands[i] : build_broadcast_to(g, operands[i], &type);
  }
  return all;
}

/* ---- lists --------------------------------------------------------------------------------------- */

batch_list batch_with_first(int64_t first, batch_list list) {
  memmove(list.at + 1, list.at, (size_t)list.count++ * sizeof *list.at);
  list.at[0] = first;
  return list;
}

batch_list batch_axes(const node *n, int position) {
  batch_list list = {0};
  const int64_t *axes = node_ints(n, position, &list.count);
  for (int i = 0; i < list.count; i++) list.at[i] = axes[i] + 1;
  return list;
}

batch_list batch_numbers(const node *n, int position, int64_t first) {
  batch_list list = {0};
  const int64_t *numbers = node_ints(n, position, &list.count);
  memcpy(list.at, numbers, (size_t)list.count * sizeof *numbers);
  return batch_with_first(first, list);
}

/* ---- nodes --------------------------------------------------------------------------------------- */

/* Room for the turns' axis; a bounded size is not that of two axes. */
static bool has_room(const tensor_type *type, dim turns) {
  if (type->rank >= MAX_RANK) return false;
  if (turns.symbol && type_is_bounded(type)) return false;
  tensor_type all = batch_type(type, turns);
  return type_check(&all);
}

static bool operands_have_room(const node *n, dim turns) {
  for (int i = 0; i < n->operand_count; i++)
    if (!has_room(&n->operands[i]->type, turns)) return false;
  return true;
}

static const op_batch *batch_of(const node *n) { return op_definitions[n->op]->batch; }

bool batch_takes(const node *n, const bool *varies, dim turns) {
  const op_batch *b = batch_of(n);
  if (!b || !b->turns || (b->takes && !b->takes(n, varies))) return false;
  return has_room(&n->type, turns) && operands_have_room(n, turns);
}

node *batch_node(graph *g, const node *n, node *const *operands, const bool *varies, dim turns) {
  g->at = n->at;
  return batch_of(n)->turns(g, n, operands, varies, turns);
}

bool batch_takes_sum(const node *n, const bool *varies, dim turns) {
  const op_batch *b = batch_of(n);
  if (!b || !b->sum || (b->takes && !b->takes(n, varies))) return false;
  for (int i = 0; i < n->operand_count; i++)
    if (!varies[i]) return false;
  return operands_have_room(n, turns);
}

node *batch_sum(graph *g, const node *n, node *const *operands) {
  g->at = n->at;
  return batch_of(n)->sum(g, n, operands);
}
