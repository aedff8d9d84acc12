/* Places that are known when compiling: iota, and gather and scatter-add by it or by constants. */
#include <string.h>

#include "build.h"
#include "op.h"
#include "simplify.h"

/* The index along an axis of extent 1 is 0. */
static node *iota_of_one(graph *g, node *n) {
  if (n->op != OP_IOTA || n->type.dims[node_int(n, 1)].maximum != 1) return NULL;
  return build_splat(g, &n->type, 0);
}

/* start + step * iota, exact since iota's type holds every index. */
static node *slice_of_iota(graph *g, node *n) {
  if (n->op != OP_SLICE || n->operands[0]->op != OP_IOTA) return NULL;
  int64_t axis = node_int(n->operands[0], 1);
  int64_t start = node_ints(n, 0, NULL)[axis], step = node_ints(n, 2, NULL)[axis];
  if (n->type.dims[axis].maximum == 1) return build_splat(g, &n->type, (double)start);
  node *index = build_iota(g, &n->type, (int)axis);
  index = build_map2(g, SCALAR_MUL, index, build_splat(g, &n->type, (double)step));
  return build_map2(g, SCALAR_ADD, index, build_splat(g, &n->type, (double)start));
}

/* Indices first, first + step, … along one axis, or a single one (rank 0, step 1). */
typedef struct progression {
  int64_t first, step, count;
} progression;

static bool find_progression(const node *index, progression *p) {
  if (index->type.rank > 1) return false;
  p->count = type_elements(&index->type);
  if (index->op == OP_IOTA) {
    *p = (progression){0, 1, p->count};
    return !index->type.dims[0].symbol;
  }
  if (index->op != OP_CONSTANT) return false;
  const int64_t *places = index->attributes[1].ints;
  p->first = places[0];
  p->step = 1;
  if (p->count > 1 && __builtin_sub_overflow(places[1], places[0], &p->step)) return false;
  for (int64_t i = 2; i < p->count; i++) {
    int64_t step;
    if (__builtin_sub_overflow(places[i], places[i - 1], &step) || step != p->step) return false;
  }
  return p->step != 0;
}

static int64_t last_of(const progression *p) { return p->first + (p->count - 1) * p->step; }

/* first and last are values of the index or, of an iota, below 2^63. */
static bool lies_within(const progression *p, int64_t extent) {
  int64_t last = last_of(p);
  return p->first >= 0 && p->first < extent && last >= 0 && last < extent;
}

/* The number of leading axes that a tensor and its indices share. */
static int batch_of(const node *n) {
  int count;
  const int64_t *batch = node_ints(n, n->attribute_count - 1, &count);
  return count ? (int)batch[0] : 0;
}

/* All equal indices: one, whose result is repeated. */
static node *gather_at_copies(graph *g, node *n) {
  if (n->op != OP_GATHER || n->operands[1]->type.rank == 0) return NULL;
  node *scalar = simplify_scalar(n->operands[1]);
  if (!scalar) return NULL;
  int64_t axis = node_int(n, 0), axes[MAX_RANK];
  int more = n->operands[1]->type.rank - batch_of(n);
  for (int i = 0; i < n->operands[0]->type.rank - 1; i++) axes[i] = i < axis ? i : i + more;
  return build_broadcast(g, build_gather(g, n->operands[0], scalar, (int)axis, 0), &n->type, axes);
}

/* A slice, mirrored where the indices decrease; a single index takes its axis away. */
static node *gather_at_known_places(graph *g, node *n) {
  progression p;
  if (n->op != OP_GATHER || batch_of(n) > 0 || !find_progression(n->operands[1], &p)) return NULL;
  node *x = n->operands[0];
  int64_t axis = node_int(n, 0), extent = x->type.dims[axis].maximum;
  if (x->type.dims[axis].symbol) return NULL;
  bool single = n->operands[1]->type.rank == 0;
  if (single && (p.first < 0 || p.first >= extent)) return build_splat(g, &n->type, 0);
  if (!lies_within(&p, extent)) return NULL;
  int64_t starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) {
    limits[i] = x->type.dims[i].maximum;
    steps[i] = 1;
  }
  bool down = p.step < 0;
  starts[axis] = down ? last_of(&p) : p.first;
  limits[axis] = (down ? p.first : last_of(&p)) + 1;
  steps[axis] = down ? -p.step : p.step;
  node *part = build_slice(g, x, starts, limits, steps);
  if (single) return build_reshape(g, part, n->type.rank, n->type.dims);
  return down ? build_reverse(g, part, 1, &axis) : part;
}

/* The transpose of the rule before: a pad, which drops nothing. */
static node *scatter_at_known_places(graph *g, node *n) {
  progression p;
  if (n->op != OP_SCATTER_ADD || batch_of(n) > 0 || !find_progression(n->operands[0], &p))
    return NULL;
  node *x = n->operands[1];
  int64_t axis = node_int(n, 1), extent = n->type.dims[axis].maximum;
  if (n->type.dims[axis].symbol) return NULL;
  bool single = n->operands[0]->type.rank == 0;
  if (single && (p.first < 0 || p.first >= extent)) return build_splat(g, &n->type, 0);
  if (!lies_within(&p, extent)) return NULL;
  if (single) {
    dim dims[MAX_RANK];
    memcpy(dims, n->type.dims, sizeof dims);
    dims[axis] = dim_fixed(1);
    x = build_reshape(g, x, n->type.rank, dims);
  }
  bool down = p.step < 0;
  if (down) x = build_reverse(g, x, 1, &axis);
  int64_t low[MAX_RANK] = {0}, high[MAX_RANK] = {0}, interior[MAX_RANK] = {0};
  low[axis] = down ? last_of(&p) : p.first;
  high[axis] = extent - 1 - (down ? p.first : last_of(&p));
  interior[axis] = (down ? -p.step : p.step) - 1;
  return build_pad(g, x, low, high, interior);
}

const simplify_rule simplify_indices[] = {
    {"iota_of_one", iota_of_one},
    {"slice_of_iota", slice_of_iota},
    {"gather_at_copies", gather_at_copies},
    {"gather_at_known_places", gather_at_known_places},
    {"scatter_at_known_places", scatter_at_known_places},
    {NULL, NULL},
};
