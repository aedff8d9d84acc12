#include "reduce_split.h"

#include "axes.h"
#include "build.h"
#include "half.h"
#include "op.h"
#include "rewrite.h"

enum {
  MOST_TASKS = 64,
  TASK_ELEMENTS = 16384, /* from which on a task is worth its start, as in lower_schedule.c */
  ENOUGH_RESULTS = 4     /* rows are tasks already where there are so many */
};

static int64_t largest_divisor(int64_t extent, int64_t most) {
  for (int64_t parts = most < extent ? most : extent; parts > 1; parts--)
    if (extent % parts == 0) return parts;
  return 1;
}

/* How the reduction is cut: into `parts` along its axis number `which`. */
typedef struct cut {
  int which;
  int64_t parts;
} cut;

static cut cut_of(const node *n) {
  const tensor_type *from = &n->operands[0]->type;
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t results = type_elements(&n->type), most = type_elements(from) / TASK_ELEMENTS;
  if (results >= ENOUGH_RESULTS) return (cut){0, 1};
  if (most > MOST_TASKS) most = MOST_TASKS;
  cut best = {0, 1};
  for (int i = 0; i < count; i++) {
    int64_t parts = largest_divisor(from->dims[axes[i]].maximum, most / results);
    if (parts > best.parts) best = (cut){i, parts};
  }
  return best;
}

/* The axis becomes two, of which the first counts the parts and stays for the second reduction. */
static node *split_node(graph *g, node *n) {
  if (!op_has(n->op, REDUCTION) || n->op == OP_ARGMAX || n->op == OP_ARGMIN) return n;
  tensor_type from = n->operands[0]->type;
  if (type_is_bounded(&from) || from.rank == MAX_RANK) return n;
  cut c = cut_of(n);
  if (c.parts == 1) return n;
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t cut_axis = axes[c.which], inner[MAX_RANK], place = cut_axis;
  dim dims[MAX_RANK];
  for (int i = 0; i <= from.rank; i++) dims[i] = from.dims[i > cut_axis ? i - 1 : i];
  dims[cut_axis] = dim_fixed(c.parts);
  dims[cut_axis + 1] = dim_fixed(from.dims[cut_axis].maximum / c.parts);
  for (int i = 0; i < count; i++) {
    inner[i] = axes[i] >= cut_axis ? axes[i] + 1 : axes[i];
    if (axes[i] < cut_axis) place--;
  }
  /* A whole sum of f16 or bf16 is rounded once. */
  const bool wide = half_is(n->type.element) && (n->op == OP_SUM || n->op == OP_PROD);
  node *parts = build_reshape(g, n->operands[0], from.rank + 1, dims);
  if (wide) parts = build_cast(g, parts, DTYPE_F32);
  node *whole = build_reduce(g, n->op, build_reduce(g, n->op, parts, count, inner), 1, &place);
  return wide ? build_cast(g, whole, n->type.element) : whole;
}

graph *reduce_split(const graph *g) {
  return rewrite_graph(rewrite_graph(g, split_node), NULL); /* the second walk drops what is dead */
}
