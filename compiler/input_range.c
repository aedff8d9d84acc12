#include "input_range.h"

#include <string.h>

#include "axes.h"
#include "build.h"

/* A graph, and where it is a body the loop that runs it in the graph around. */
typedef struct scope {
  const graph *graph;
  const node *loop; /* NULL: of the entry */
  const struct scope *around;
} scope;

/* A way from a use up to an input: which elements of the node that was reached are meant as which numbers. */
typedef struct trail {
  int64_t extent, first; /* as in index_use, of that node's elements */
  uint64_t mask;
  index_region region;
} trail;

typedef struct search {
  arena *arena;
  const node *input;
  index_uses found;
} search;

/* Bounds the numbers, so that sums of a few of them do not overflow. */
static const int64_t largest_number = INT64_C(1) << 60;

/* ---- places along axes ------------------------------------------------------------------------ */

static axis_places whole_axis(dim d) { return (axis_places){0, d.maximum, 1}; }

static bool is_whole(axis_places p, dim d) { return p.count == d.maximum; }

/* Keeps the places from `low` up to so many, and counts from there; false where none is left. */
static bool keep_within(axis_places *p, int64_t low, int64_t extent) {
  const int64_t skipped = p->first < low ? (low - p->first - 1) / p->step + 1 : 0, last = low + extent - 1;
  const int64_t below = last < p->first ? 0 : (last - p->first) / p->step + 1;
  p->count = (below < p->count ? below : p->count) - skipped;
  p->first += skipped * p->step - low;
  return p->count > 0;
}

static void insert_axis(trail *t, int rank, int axis, axis_places places) {
  for (int i = rank - 1; i > axis; i--) t->region.axes[i] = t->region.axes[i - 1];
  t->region.axes[axis] = places;
}

/* Steps over the axes from *f and *k on that have as many elements in both shapes, as few as there can be. */
static void equal_axes(const tensor_type *from, const tensor_type *to, int *f, int *k) {
  int64_t before = from->dims[(*f)++].maximum, behind = to->dims[(*k)++].maximum;
  while (before != behind)
    if (before < behind) before *= from->dims[(*f)++].maximum;
    else behind *= to->dims[(*k)++].maximum;
}

static bool all_whole(const trail *t, const tensor_type *type, int first, int last) {
  bool whole = true;
  for (int i = first; i < last; i++) whole = whole && is_whole(t->region.axes[i], type->dims[i]);
  return whole;
}

/* False where a part is taken of axes that are not axes of the operand. */
static bool through_reshape(const node *n, trail *t) {
  const tensor_type *from = &n->operands[0]->type, *to = &n->type;
  axis_places axes[MAX_RANK];
  for (int i = 0; i < from->rank; i++) axes[i] = whole_axis(from->dims[i]);
  for (int f = 0, k = 0; f < from->rank || k < to->rank;) {
    if (f < from->rank && from->dims[f].maximum == 1) {
      f++;
    } else if (k < to->rank && to->dims[k].maximum == 1) {
      k++;
    } else {
      const int f0 = f, k0 = k;
      equal_axes(from, to, &f, &k);
      if (f == f0 + 1 && k == k0 + 1) axes[f0] = t->region.axes[k0];
      else if (!all_whole(t, to, k0, k)) return false;
    }
  }
  memcpy(t->region.axes, axes, sizeof axes);
  return true;
}

static void through_transpose(const node *n, trail *t) {
  const index_region region = t->region;
  for (int i = 0; i < n->type.rank; i++) t->region.axes[node_ints(n, 0, NULL)[i]] = region.axes[i];
}

static void through_broadcast(const node *n, trail *t) {
  const tensor_type *from = &n->operands[0]->type;
  for (int i = 0; i < from->rank; i++) /* axes increase: none is read behind its place */
    t->region.axes[i] = from->dims[i].maximum == 1 ? whole_axis(from->dims[i])
                                                   : t->region.axes[node_ints(n, 1, NULL)[i]];
}

static void through_slice(const node *n, trail *t) {
  const int64_t *starts = node_ints(n, 0, NULL), *steps = node_ints(n, 2, NULL);
  for (int i = 0; i < n->type.rank; i++) {
    axis_places *p = &t->region.axes[i];
    *p = (axis_places){starts[i] + p->first * steps[i], p->count, p->step * steps[i]};
  }
}

static void through_reverse(const node *n, trail *t) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  for (int i = 0; i < count; i++) {
    axis_places *p = &t->region.axes[axes[i]];
    p->first = n->type.dims[axes[i]].maximum - 1 - p->first - (p->count - 1) * p->step;
  }
}

static bool through_pad(const node *n, trail *t) {
  for (int i = 0; i < n->type.rank; i++)
    if (node_ints(n, 2, NULL)[i] != 0 ||
        !keep_within(&t->region.axes[i], node_ints(n, 0, NULL)[i], n->operands[0]->type.dims[i].maximum))
      return false;
  return true;
}

/* ---- arithmetic ------------------------------------------------------------------------------- */

/* Counts modulo the numbers of a type. False where these are not all that is meant: then a number that wraps, or
 * every number, may be meant. */
static bool wrap(trail *t, dtype element) {
  const size_t bits = 8 * dtype_size(element);
  const uint64_t mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
  int64_t smallest, largest;
  dtype_range(element, &smallest, &largest);
  if (mask >= t->mask) return true;
  if (t->first < smallest || t->first + t->extent - 1 > largest) return false;
  t->mask = mask;
  return true;
}

static bool through_cast(const node *n, trail *t) {
  const dtype from = n->operands[0]->type.element, to = n->type.element;
  int64_t smallest, largest, least, most;
  if (!dtype_is_integer(from) || !dtype_is_integer(to)) return false;
  dtype_range(to, &smallest, &largest);
  dtype_range(from, &least, &most);
  return (least >= smallest && most <= largest) || wrap(t, to);
}

static bool integer_constant(const node *n, int64_t *value) {
  double constant;
  bool known = node_is_splat(n, &constant) && constant > -0x1p53 && constant < 0x1p53;
  if (known) *value = (int64_t)constant;
  return known;
}

/* Of a sum or difference with a constant, the other operand; else NULL. */
static const node *shifted_operand(const node *n, int64_t *constant, bool *negated) {
  *negated = false;
  if (n->op != OP_MAP || (n->function != SCALAR_ADD && n->function != SCALAR_SUB)) return NULL;
  if (integer_constant(n->operands[1], constant)) {
    if (n->function == SCALAR_SUB) *constant = -*constant;
    return n->operands[0];
  }
  *negated = n->function == SCALAR_SUB;
  return integer_constant(n->operands[0], constant) ? n->operands[1] : NULL;
}

static const node *through_map(const node *n, trail *t) {
  int64_t constant;
  bool negated;
  if (n->function == SCALAR_STOP) return n->operands[0];
  const node *x = shifted_operand(n, &constant, &negated);
  if (!x || !wrap(t, n->type.element)) return NULL;
  t->first = negated ? constant - t->first - t->extent + 1 : t->first - constant;
  return t->first > largest_number || t->first < -largest_number ? NULL : x;
}

/* ---- loops ------------------------------------------------------------------------------------ */

/* What a loop gives the body's input, if it is a part of a sequence or an invariant; else NULL. */
static const node *loop_operand(const scope *in, const node *n, trail *t) {
  const loop_shape s = loop_shape_of(in->loop);
  const int operand = graph_input_number(s.body, n) - 1; /* behind the turn */
  if (operand < s.carries) return NULL;
  const node *x = in->loop->operands[operand];
  if (operand < s.carries + s.sequences) insert_axis(t, x->type.rank, 0, whole_axis(x->type.dims[0]));
  return x;
}

/* Whether a value is the number of the turn and *start. */
static bool counts_turns(const scope *in, const node *n, int64_t *start) {
  *start = 0;
  while (n != in->graph->inputs[0].node) {
    int64_t constant = 0;
    bool negated = false;
    const node *x = n->op == OP_CAST || n->op == OP_RESHAPE ? n->operands[0]
                                                            : shifted_operand(n, &constant, &negated);
    if (!x || negated) return false;
    *start += constant;
    if (*start > largest_number || *start < -largest_number) return false;
    n = x;
  }
  return true;
}

/* What the turns of a loop read one after the other, by their number; else NULL. */
static const node *read_by_turn(const scope *in, const node *n, trail *t) {
  const node *x = n->operands[0];
  const int axis = (int)node_int(n, 0);
  int64_t start;
  if (!in->loop || n->operands[1]->type.rank || !counts_turns(in, n->operands[1], &start)) return NULL;
  const loop_shape s = loop_shape_of(in->loop);
  axis_places places = {start, s.turns, 1};
  if (s.size || !keep_within(&places, 0, x->type.dims[axis].maximum)) return NULL;
  insert_axis(t, x->type.rank, axis, places);
  return x;
}

/* ---- from a use to the input ------------------------------------------------------------------ */

static bool same_regions(const index_region *x, const index_region *y, int rank) {
  bool same = true;
  for (int i = 0; i < rank && same; i++)
    same = x->axes[i].first == y->axes[i].first && x->axes[i].count == y->axes[i].count &&
           x->axes[i].step == y->axes[i].step;
  return same;
}

static void add_region(search *s, index_use *use, const index_region *region) {
  for (int i = 0; i < use->region_count; i++)
    if (same_regions(&use->regions[i], region, s->input->type.rank)) return;
  arena_push(s->arena, use->regions, use->region_count) = *region;
}

/* Puts it in front of the uses of more numbers. */
static index_use *add_use(search *s, const index_use *use) {
  arena_push(s->arena, s->found.uses, s->found.count) = *use;
  int i = s->found.count - 1;
  for (; i > 0 && s->found.uses[i - 1].extent > use->extent; i--) s->found.uses[i] = s->found.uses[i - 1];
  s->found.uses[i] = *use;
  return &s->found.uses[i];
}

static void add(search *s, const trail *t) {
  for (int i = 0; i < s->found.count; i++) {
    index_use *use = &s->found.uses[i];
    if (use->extent != t->extent || use->first != t->first || use->mask != t->mask) continue;
    add_region(s, use, &t->region);
    return;
  }
  index_use use = {.extent = t->extent, .first = t->first, .mask = t->mask};
  dtype_range(s->input->type.element, &use.low, &use.high);
  if (use.low < t->first) use.low = t->first;
  if (use.high > t->first + t->extent - 1) use.high = t->first + t->extent - 1;
  if (use.low <= use.high) add_region(s, add_use(s, &use), &t->region);
}

/* The operand whose elements are those of the node, or, in a body, what the loop is given; NULL: they are computed. */
static const node *step(const scope **in, const node *n, trail *t) {
  const node *x = n->operand_count ? n->operands[0] : NULL;
  switch (n->op) {
    case OP_INPUT:
      x = loop_operand(*in, n, t);
      *in = (*in)->around;
      return x;
    case OP_RESHAPE: return through_reshape(n, t) ? x : NULL;
    case OP_PAD: return through_pad(n, t) ? x : NULL;
    case OP_CAST: return through_cast(n, t) ? x : NULL;
    case OP_MAP: return through_map(n, t);
    case OP_GATHER: return read_by_turn(*in, n, t);
    case OP_TRANSPOSE: through_transpose(n, t); return x;
    case OP_BROADCAST: through_broadcast(n, t); return x;
    case OP_SLICE: through_slice(n, t); return x;
    case OP_REVERSE: through_reverse(n, t); return x;
    default: return NULL;
  }
}

static void follow(search *s, const scope *in, const node *n, trail t);

static void follow_parts(search *s, const scope *in, const node *n, const trail *t) {
  const int64_t axis = node_int(n, 0);
  int64_t start = 0;
  for (int i = 0; i < n->operand_count; i++) {
    const int64_t extent = n->operands[i]->type.dims[axis].maximum;
    trail part = *t;
    if (keep_within(&part.region.axes[axis], start, extent)) follow(s, in, n->operands[i], part);
    start += extent;
  }
}

static void follow(search *s, const scope *in, const node *n, trail t) {
  while (n && n->op != OP_CONCAT && !(n->op == OP_INPUT && !in->loop)) n = step(&in, n, &t);
  if (n && n->op == OP_CONCAT) follow_parts(s, in, n, &t);
  else if (n == s->input) add(s, &t);
}

/* ---- uses ------------------------------------------------------------------------------------- */

static void follow_use(search *s, const scope *in, const node *n, const node *index, int64_t extent) {
  if (extent > largest_number) return;
  trail t = {.extent = extent, .mask = UINT64_MAX, .region.at = n->at};
  for (int i = 0; i < index->type.rank; i++) t.region.axes[i] = whole_axis(index->type.dims[i]);
  follow(s, in, index, t);
}

/* Along which axis of its operand a view, or an elementwise function of that operand, goes; -1: along none. */
static int axis_below(const node *n, int axis) {
  const tensor_type *from = &n->operands[0]->type;
  int64_t from_strides[MAX_RANK], strides[MAX_RANK];
  if (n->op == OP_CAST || n->op == OP_MAP) return axis;
  if (n->op == OP_TRANSPOSE) return (int)node_ints(n, 0, NULL)[axis];
  type_strides(from, from_strides);
  type_strides(&n->type, strides);
  for (int i = 0; i < from->rank; i++) {
    bool place = n->op == OP_BROADCAST ? node_ints(n, 1, NULL)[i] == axis : from_strides[i] == strides[axis];
    if (place && dim_equal(from->dims[i], n->type.dims[axis])) return i;
  }
  return -1;
}

static bool is_iota(const node *n, int axis) {
  while (axis >= 0 && n->op != OP_IOTA) {
    if (n->op != OP_RESHAPE && n->op != OP_TRANSPOSE && n->op != OP_BROADCAST && n->op != OP_CAST) return false;
    axis = axis_below(n, axis);
    n = n->operands[0];
  }
  return axis >= 0 && node_int(n, n->attribute_count - 1) == axis;
}

/* Whether the elements are the same all along an axis, so that each meets what varies along it. */
static bool is_repeated(const node *n, int axis) {
  while (axis >= 0 && n->op != OP_BROADCAST) {
    int64_t constant;
    bool negated;
    const node *x = n->op == OP_RESHAPE || n->op == OP_TRANSPOSE || n->op == OP_CAST
                        ? n->operands[0] : shifted_operand(n, &constant, &negated);
    if (!x) return false;
    axis = axis_below(n, axis);
    n = x;
  }
  return axis >= 0 && (axis_below(n, axis) < 0 || is_repeated(n->operands[0], axis_below(n, axis)));
}

static void follow_equality(search *s, const scope *in, const node *n) {
  for (int i = 0; i < 2; i++)
    for (int axis = 0; axis < n->type.rank; axis++)
      if (is_iota(n->operands[1 - i], axis) && is_repeated(n->operands[i], axis))
        follow_use(s, in, n, n->operands[i], n->type.dims[axis].maximum);
}

static int64_t axis_extent(const node *indexing, const tensor_type *indexed) {
  return indexed->dims[node_int(indexing, indexing->attribute_count - 2)].maximum;
}

static void follow_uses(search *s, const scope *in);

static void follow_turns(search *s, const scope *in, const node *loop) {
  const loop_shape shape = loop_shape_of(loop);
  const scope body = {shape.body, loop, in};
  if (!shape.condition) follow_uses(s, &body);
}

static void follow_uses(search *s, const scope *in) {
  for (int id = 0; id < in->graph->node_count; id++) {
    const node *n = in->graph->nodes[id];
    switch (n->op) {
      case OP_GATHER: follow_use(s, in, n, n->operands[1], axis_extent(n, &n->operands[0]->type)); break;
      case OP_SCATTER: follow_use(s, in, n, n->operands[1], axis_extent(n, &n->type)); break;
      case OP_SCATTER_ADD: follow_use(s, in, n, n->operands[0], axis_extent(n, &n->type)); break;
      case OP_LOOP: follow_turns(s, in, n); break;
      case OP_MAP:
        if (n->function == SCALAR_EQ) follow_equality(s, in, n);
        break;
      default: break;
    }
  }
}

/* Whether a use of a number's neighbours stands beside another one. */
static bool is_beside(const index_uses *all, const index_use *use) {
  for (int i = 0; i < all->count; i++)
    if (use->first != 0 && all->uses[i].extent == use->extent && all->uses[i].first != use->first) return true;
  return false;
}

index_uses input_index_uses(arena *a, const graph *g, const node *input) {
  search s = {.arena = a, .input = input};
  index_uses kept = {0};
  if (!dtype_is_integer(input->type.element)) return kept;
  follow_uses(&s, &(scope){.graph = g});
  for (int i = 0; i < s.found.count; i++)
    if (!is_beside(&s.found, &s.found.uses[i])) arena_push(a, kept.uses, kept.count) = s.found.uses[i];
  return kept;
}

/* ---- what is asked ---------------------------------------------------------------------------- */

static bool has_place(axis_places p, int64_t place) {
  return place >= p.first && (place - p.first) % p.step == 0 && (place - p.first) / p.step < p.count;
}

static bool has_element(const index_region *r, const tensor_type *type, int64_t position) {
  for (int i = type->rank - 1; i > 0; i--) {
    if (!has_place(r->axes[i], position % type->dims[i].maximum)) return false;
    position /= type->dims[i].maximum;
  }
  return !type->rank || has_place(r->axes[0], position);
}

const index_region *index_use_region(const index_use *use, const tensor_type *input, int64_t position) {
  for (int i = 0; i < use->region_count; i++)
    if (has_element(&use->regions[i], input, position)) return &use->regions[i];
  return NULL;
}

bool index_use_means(const index_use *use, int64_t value) {
  return (((uint64_t)value - (uint64_t)use->first) & use->mask) < (uint64_t)use->extent;
}
