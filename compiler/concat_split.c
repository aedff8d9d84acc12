#include "concat_split.h"

#include "build.h"
#include "fuse.h"
#include "rewrite.h"

/* New concats come here too, until none is too wide. */
static node *split_node(graph *g, node *n) {
  const int most = FUSE_MOST_INPUTS;
  if (n->op != OP_CONCAT || n->operand_count <= most) return n;
  node **parts = NULL;
  int count = 0;
  for (int i = 0; i < n->operand_count; i += most) {
    int length = n->operand_count - i < most ? n->operand_count - i : most;
    arena_push(g->arena, parts, count) =
        length == 1 ? n->operands[i]
                    : build_concat(g, length, n->operands + i, (int)node_int(n, 0));
  }
  return build_concat(g, count, parts, (int)node_int(n, 0));
}

graph *concat_split(const graph *g) { return rewrite_graph(g, split_node); }
