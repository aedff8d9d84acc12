#include "simplify.h"

#include "build.h"
#include "op.h"

node *simplify_scalar(node *n) {
  while (n->op == OP_BROADCAST) n = n->operands[0];
  return n->type.rank == 0 ? n : NULL;
}

bool simplify_is(const node *n, double value) {
  double found;
  return node_is_splat(n, &found) && found == value;
}

/* A constant of one value becomes copies of a scalar. */
static node *simplify_constant(graph *g, node *n) {
  const attribute *ints = &n->attributes[1], *reals = &n->attributes[2];
  double ignored;
  if (n->type.rank == 0 || !node_is_splat(n, &ignored)) return n;
  node *scalar = reals->count ? build_real(g, n->type.element, reals->reals[0])
                              : build_int(g, n->type.element, ints->ints[0]);
  return build_broadcast_to(g, scalar, &n->type);
}

/* The index along an axis of extent 1 is 0. */
static node *simplify_iota(graph *g, node *n) {
  return n->type.dims[node_int(n, 1)].maximum == 1 ? build_splat(g, &n->type, 0) : n;
}

node *simplify_node(graph *g, node *n) {
  switch (n->op) {
  case OP_CONSTANT: return simplify_constant(g, n);
  case OP_IOTA: return simplify_iota(g, n);
  case OP_MAP:
  case OP_CAST: return simplify_map(g, n);
  case OP_DOT: return simplify_dot(g, n);
  default: break;
  }
  if (op_has(n->op, VIEW)) return simplify_view(g, n);
  if (op_has(n->op, REDUCTION)) return simplify_reduce(g, n);
  return n;
}
