#include "widen.h"

#include "build.h"
#include "half.h"
#include "op.h"
#include "pass.h"
#include "rewrite.h"

static attribute in_f32(arena *a, attribute from) {
  if (from.kind != ATTRIBUTE_TYPE || !half_is(from.type->element)) return from;
  tensor_type *type = arena_new_of(a, tensor_type);
  *type = *from.type;
  type->element = DTYPE_F32;
  from.type = type;
  return from;
}

static node *widened(graph *g, node *n) {
  bool adds = op_has(n->op, CONTRACTION) || n->op == OP_SCATTER_ADD;
  if (!adds || !half_is(n->type.element)) return n;
  node **operands = arena_array_of(g->arena, n->operand_count, node *);
  attribute *attributes = arena_array_of(g->arena, n->attribute_count, attribute);
  for (int i = 0; i < n->operand_count; i++) {
    bool half = half_is(n->operands[i]->type.element);
    operands[i] = half ? build_cast(g, n->operands[i], DTYPE_F32) : n->operands[i];
  }
  for (int i = 0; i < n->attribute_count; i++)
    attributes[i] = in_f32(g->arena, n->attributes[i]);
  node *sum = graph_node(g, n->op, n->function, n->operand_count, operands, n->attribute_count,
                         attributes);
  return build_cast(g, sum, n->type.element);
}

graph *pass_widen(const graph *g) {
  return pass_intern(rewrite_graph(g, widened)); /* which drops what was replaced */
}
