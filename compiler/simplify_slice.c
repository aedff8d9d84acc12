/* Slices, pads and concatenations of each other and of other views. */
#include <string.h>

#include "axes.h"
#include "build.h"
#include "op.h"
#include "simplify.h"

/* Starts, limits and steps of a slice, axis by axis. */
typedef struct region {
  int64_t starts[MAX_RANK], limits[MAX_RANK], steps[MAX_RANK];
} region;

static region region_of(const node *slice) {
  region r = {{0}, {0}, {0}};
  size_t bytes = (size_t)slice->type.rank * sizeof(int64_t);
  memcpy(r.starts, node_ints(slice, 0, NULL), bytes);
  memcpy(r.limits, node_ints(slice, 1, NULL), bytes);
  memcpy(r.steps, node_ints(slice, 2, NULL), bytes);
  return r;
}

static region whole(const tensor_type *t) {
  region r = {{0}, {0}, {0}};
  for (int i = 0; i < t->rank; i++) {
    r.starts[i] = 0;
    r.limits[i] = t->dims[i].maximum;
    r.steps[i] = 1;
  }
  return r;
}

static node *cut(graph *g, node *x, const region *r) {
  return build_slice(g, x, r->starts, r->limits, r->steps);
}

static bool is_slice_of(const node *n, op_code op) {
  return n->op == OP_SLICE && n->operands[0]->op == op;
}

/* --- slices -------------------------------------------------------------------------------- */

static node *slice_of_slice(graph *g, node *n) {
  if (!is_slice_of(n, OP_SLICE)) return NULL;
  region outer = region_of(n), inner = region_of(n->operands[0]), r;
  for (int i = 0; i < n->type.rank; i++) {
    int64_t count = n->type.dims[i].maximum;
    r.starts[i] = inner.starts[i] + outer.starts[i] * inner.steps[i];
    r.steps[i] = count == 1 ? 1 : outer.steps[i] * inner.steps[i];
    r.limits[i] = n->type.dims[i].symbol ? count : r.starts[i] + (count - 1) * r.steps[i] + 1;
  }
  return cut(g, n->operands[0]->operands[0], &r);
}

/* Slices what is repeated, then repeats it. */
static node *slice_of_broadcast(graph *g, node *n) {
  if (!is_slice_of(n, OP_BROADCAST)) return NULL;
  node *wide = n->operands[0], *x = wide->operands[0];
  const int64_t *axes = node_ints(wide, 1, NULL);
  region outer = region_of(n), r = whole(&x->type);
  for (int i = 0; i < x->type.rank; i++) {
    if (!dim_equal(x->type.dims[i], wide->type.dims[axes[i]])) continue; /* repeated */
    r.starts[i] = outer.starts[axes[i]];
    r.limits[i] = outer.limits[axes[i]];
    r.steps[i] = outer.steps[axes[i]];
  }
  return build_broadcast(g, cut(g, x, &r), &n->type, axes);
}

static node *slice_of_transpose(graph *g, node *n) {
  if (!is_slice_of(n, OP_TRANSPOSE)) return NULL;
  const int64_t *order = node_ints(n->operands[0], 0, NULL);
  region outer = region_of(n), r;
  for (int i = 0; i < n->type.rank; i++) {
    r.starts[order[i]] = outer.starts[i];
    r.limits[order[i]] = outer.limits[i];
    r.steps[order[i]] = outer.steps[i];
  }
  return build_transpose(g, cut(g, n->operands[0]->operands[0], &r), order);
}

static node *slice_of_reverse(graph *g, node *n) {
  if (!is_slice_of(n, OP_REVERSE)) return NULL;
  int count;
  const int64_t *axes = node_ints(n->operands[0], 0, &count);
  region r = region_of(n);
  for (int i = 0; i < count; i++) {
    int64_t axis = axes[i], extent = n->operands[0]->type.dims[axis].maximum;
    int64_t first = r.starts[axis];
    int64_t last = first + (n->type.dims[axis].maximum - 1) * r.steps[axis];
    r.starts[axis] = extent - 1 - last;
    r.limits[axis] = extent - first;
  }
  return build_reverse(g, cut(g, n->operands[0]->operands[0], &r), count, axes);
}

/* The part of a slice of a concatenation that lies in operand i, whose elements begin at `before`;
 * NULL where it has none. */
static node *part_within(graph *g, const node *n, int i, int64_t before) {
  node *part = n->operands[0]->operands[i];
  int64_t axis = node_int(n->operands[0], 0);
  int64_t end = before + part->type.dims[axis].maximum;
  region r = region_of(n);
  if (r.starts[axis] < before)
    r.starts[axis] += (before - r.starts[axis] + r.steps[axis] - 1) / r.steps[axis] * r.steps[axis];
  if (r.limits[axis] > end) r.limits[axis] = end;
  if (r.starts[axis] >= r.limits[axis]) return NULL;
  r.starts[axis] -= before;
  r.limits[axis] -= before;
  return cut(g, part, &r);
}

/* Where some operands have no part in the slice, the others are cut first. */
static node *slice_of_concat(graph *g, node *n) {
  if (!is_slice_of(n, OP_CONCAT)) return NULL;
  const node *x = n->operands[0];
  int64_t axis = node_int(x, 0), before = 0, start = node_ints(n, 0, NULL)[axis];
  int64_t step = node_ints(n, 2, NULL)[axis];
  int64_t last = start + (n->type.dims[axis].maximum - 1) * step;
  bool leaves_out = false;
  for (int i = 0; i < x->operand_count; i++) {
    int64_t end = before + x->operands[i]->type.dims[axis].maximum;
    int64_t next = start >= before ? start : start + (before - start + step - 1) / step * step;
    leaves_out = leaves_out || next >= end || next > last;
    before = end;
  }
  if (!leaves_out) return NULL;
  node **parts = arena_array_of(g->arena, x->operand_count, node *);
  int count = 0;
  before = 0;
  for (int i = 0; i < x->operand_count; i++) {
    if ((parts[count] = part_within(g, n, i, before))) count++;
    before += x->operands[i]->type.dims[axis].maximum;
  }
  return build_concat(g, count, parts, (int)axis);
}

/* How one axis of a slice of a pad is made from the axis itself: what is taken, and the zeros
 * around it. An axis with none taken has start == limit. */
typedef struct padded_axis {
  int64_t start, limit, step, low, high, interior;
} padded_axis;

static int64_t between(int64_t smallest, int64_t value, int64_t largest) {
  return value < smallest ? smallest : value > largest ? largest : value;
}

/* count elements of the axis from `first` on, zeros where they lie outside. */
static padded_axis clipped(int64_t first, int64_t count, int64_t extent) {
  int64_t start = between(0, first, extent), limit = between(start, first + count, extent);
  return (padded_axis){start, limit, 1, start - first, first + count - limit, 0};
}

static bool slice_padded_axis(const node *n, int axis, padded_axis *result) {
  const node *pad = n->operands[0];
  int64_t extent = pad->operands[0]->type.dims[axis].maximum, count = n->type.dims[axis].maximum;
  int64_t low = node_ints(pad, 0, NULL)[axis], interior = node_ints(pad, 2, NULL)[axis];
  int64_t start = node_ints(n, 0, NULL)[axis] - low, step = node_ints(n, 2, NULL)[axis];
  if (dim_equal(n->type.dims[axis], pad->type.dims[axis])) {
    *result = (padded_axis){0, extent, 1, low, node_ints(pad, 1, NULL)[axis], interior};
    return true;
  }
  if (count == 1 && interior == 0) step = 1;
  if (interior + 1 == step && start % step == 0) {
    *result = clipped(start / step, count, extent);
    return true;
  }
  int64_t last = start + (count - 1) * step;
  if (interior == 0 && start >= 0 && last < extent) {
    *result = (padded_axis){start, last + 1, step, 0, 0, 0};
    return true;
  }
  return false;
}

static node *slice_of_pad(graph *g, node *n) {
  if (!is_slice_of(n, OP_PAD)) return NULL;
  region r = {{0}, {0}, {0}};
  int64_t low[MAX_RANK], high[MAX_RANK], interior[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) {
    padded_axis a;
    if (!slice_padded_axis(n, i, &a)) return NULL;
    if (a.start == a.limit) return build_splat(g, &n->type, 0);
    r.starts[i] = a.start;
    r.limits[i] = a.limit;
    r.steps[i] = a.step;
    low[i] = a.low;
    high[i] = a.high;
    interior[i] = a.interior;
  }
  return build_pad(g, cut(g, n->operands[0]->operands[0], &r), low, high, interior);
}

/* --- pads ---------------------------------------------------------------------------------- */

/* What a pad crops is sliced off first. */
static node *pad_that_crops(graph *g, node *n) {
  if (n->op != OP_PAD) return NULL;
  node *x = n->operands[0];
  region r = whole(&x->type);
  int64_t low[MAX_RANK], high[MAX_RANK];
  bool crops = false;
  for (int i = 0; i < n->type.rank; i++) {
    low[i] = node_ints(n, 0, NULL)[i];
    high[i] = node_ints(n, 1, NULL)[i];
    if ((low[i] >= 0 && high[i] >= 0) || node_ints(n, 2, NULL)[i] != 0) continue;
    crops = true;
    r.starts[i] = low[i] < 0 ? -low[i] : 0;
    r.limits[i] += high[i] < 0 ? high[i] : 0;
    if (r.starts[i] >= r.limits[i]) return build_splat(g, &n->type, 0);
    low[i] = low[i] < 0 ? 0 : low[i];
    high[i] = high[i] < 0 ? 0 : high[i];
  }
  return crops ? build_pad(g, cut(g, x, &r), low, high, node_ints(n, 2, NULL)) : NULL;
}

enum { PAD_LIMIT = 1 << 30 }; /* sums and products of two pads stay far below 2^63 */

/* Zeros around zeros; a value that was cropped does not come back. */
static node *pad_of_pad(graph *g, node *n) {
  if (n->op != OP_PAD || n->operands[0]->op != OP_PAD) return NULL;
  int64_t sides[2][MAX_RANK], interior[MAX_RANK];
  for (int i = 0; i < n->type.rank; i++) {
    int64_t spread = node_ints(n, 2, NULL)[i] + 1, within = node_ints(n->operands[0], 2, NULL)[i];
    if (spread > PAD_LIMIT || within > PAD_LIMIT) return NULL;
    interior[i] = (within + 1) * spread - 1;
    for (int side = 0; side < 2; side++) {
      int64_t outer = node_ints(n, side, NULL)[i];
      int64_t inner = node_ints(n->operands[0], side, NULL)[i];
      if (inner < 0 || inner > PAD_LIMIT || outer > PAD_LIMIT || outer < 0) return NULL;
      sides[side][i] = inner * spread + outer;
    }
  }
  return build_pad(g, n->operands[0]->operands[0], sides[0], sides[1], interior);
}

/* --- concatenations ------------------------------------------------------------------------ */

static node *concat_of_copies(graph *g, node *n) {
  if (n->op != OP_CONCAT) return NULL;
  node *scalar = simplify_scalar(n->operands[0]);
  for (int i = 1; i < n->operand_count; i++)
    if (simplify_scalar(n->operands[i]) != scalar) return NULL;
  return scalar ? build_broadcast_to(g, scalar, &n->type) : NULL;
}

enum { PARTS_LIMIT = 64 }; /* keeps nested concatenations from growing quadratically */

static node *concat_of_concat(graph *g, node *n) {
  if (n->op != OP_CONCAT) return NULL;
  int64_t axis = node_int(n, 0);
  node *parts[PARTS_LIMIT];
  int count = 0;
  bool nested = false;
  for (int i = 0; i < n->operand_count; i++) {
    node *x = n->operands[i];
    bool inner = x->op == OP_CONCAT && node_int(x, 0) == axis;
    int more = inner ? x->operand_count : 1;
    if (count + more > PARTS_LIMIT) return NULL;
    for (int k = 0; k < more; k++) parts[count++] = inner ? x->operands[k] : x;
    nested = nested || inner;
  }
  return nested ? build_concat(g, count, parts, (int)axis) : NULL;
}

/* Does slice y go on along the axis where slice x ends? */
static bool adjacent(const node *x, const node *y, int64_t axis) {
  if (x->op != OP_SLICE || y->op != OP_SLICE || x->operands[0] != y->operands[0]) return false;
  region first = region_of(x), second = region_of(y);
  for (int i = 0; i < x->type.rank; i++) {
    if (i == axis) continue;
    if (first.starts[i] != second.starts[i] || first.limits[i] != second.limits[i] ||
        first.steps[i] != second.steps[i])
      return false;
  }
  return first.steps[axis] == 1 && second.steps[axis] == 1 &&
         first.limits[axis] == second.starts[axis];
}

static node *concat_of_slices(graph *g, node *n) {
  if (n->op != OP_CONCAT) return NULL;
  int64_t axis = node_int(n, 0);
  node **parts = arena_array_of(g->arena, n->operand_count, node *);
  int count = 0;
  for (int i = 0; i < n->operand_count; i++) {
    node *x = n->operands[i];
    if (count == 0 || !adjacent(parts[count - 1], x, axis)) {
      parts[count++] = x;
      continue;
    }
    region r = region_of(parts[count - 1]);
    r.limits[axis] = node_ints(x, 1, NULL)[axis];
    parts[count - 1] = cut(g, x->operands[0], &r);
  }
  return count < n->operand_count ? build_concat(g, count, parts, (int)axis) : NULL;
}

/* Zeros before and behind a single part are a pad. */
static node *concat_with_zeros(graph *g, node *n) {
  if (n->op != OP_CONCAT) return NULL;
  int64_t axis = node_int(n, 0), sides[2][MAX_RANK] = {0}, none[MAX_RANK] = {0};
  node *part = NULL;
  for (int i = 0; i < n->operand_count; i++) {
    node *x = n->operands[i];
    if (simplify_is(x, 0))
      sides[part != NULL][axis] += x->type.dims[axis].maximum;
    else if (part)
      return NULL;
    else
      part = x;
  }
  return part && n->operand_count > 1 ? build_pad(g, part, sides[0], sides[1], none) : NULL;
}

const simplify_rule simplify_slices[] = {
    {"slice_of_slice", slice_of_slice},
    {"slice_of_broadcast", slice_of_broadcast},
    {"slice_of_transpose", slice_of_transpose},
    {"slice_of_reverse", slice_of_reverse},
    {"slice_of_concat", slice_of_concat},
    {"slice_of_pad", slice_of_pad},
    {"pad_that_crops", pad_that_crops},
    {"pad_of_pad", pad_of_pad},
    {"concat_of_copies", concat_of_copies},
    {"concat_of_concat", concat_of_concat},
    {"concat_of_slices", concat_of_slices},
    {"concat_with_zeros", concat_with_zeros},
    {NULL, NULL},
};
