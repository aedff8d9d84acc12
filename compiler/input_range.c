#include "input_range.h"

/* The node behind what moves elements without changing them. */
static const node *source_of(const node *n) {
  while (n->op == OP_RESHAPE || n->op == OP_TRANSPOSE || n->op == OP_BROADCAST ||
         (n->op == OP_CAST && dtype_is_integer(n->type.element) &&
          dtype_is_integer(n->operands[0]->type.element)))
    n = n->operands[0];
  return n;
}

static int64_t axis_extent(const node *indexing, const tensor_type *indexed) {
  int64_t axis = indexing->attributes[indexing->attribute_count - 2].ints[0];
  return indexed->dims[axis].maximum;
}

/* The numbers that an iota compares with: 0 to its extent - 1; 0 where it is none. */
static int64_t iota_extent(const node *n) {
  n = source_of(n);
  if (n->op != OP_IOTA) return 0;
  return n->type.dims[n->attributes[n->attribute_count - 1].ints[0]].maximum;
}

static int64_t extent_of_use(const node *n, const node *input) {
  if (n->op == OP_GATHER && source_of(n->operands[1]) == input)
    return axis_extent(n, &n->operands[0]->type);
  if (n->op == OP_SCATTER && source_of(n->operands[1]) == input)
    return axis_extent(n, &n->type);
  if (n->op == OP_SCATTER_ADD && source_of(n->operands[0]) == input)
    return axis_extent(n, &n->type);
  if (n->op != OP_MAP || n->function != SCALAR_EQ) return 0;
  for (int i = 0; i < 2; i++)
    if (source_of(n->operands[i]) == input) return iota_extent(n->operands[1 - i]);
  return 0;
}

index_use input_index_use(const graph *g, const node *input) {
  index_use least = {0};
  if (!dtype_is_integer(input->type.element)) return least;
  for (int id = 0; id < g->node_count; id++) {
    int64_t extent = extent_of_use(g->nodes[id], input);
    if (extent && (!least.extent || extent < least.extent))
      least = (index_use){extent, g->nodes[id]->at};
  }
  return least;
}
