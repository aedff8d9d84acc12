#include "index_read.h"

#include <string.h>

#include "build.h"
#include "index_notation.h"
#include "index_place.h"
#include "operate.h"

/* --- a tensor on its way -------------------------------------------------------------------- */

/* An axis is that of an index, or of the quotient or remainder that a place holds, which have labels
 * from MAX_RANK on; or its subscript is still to be read. */
typedef struct read_axis {
  int label;                 /* PENDING: the place is to be read */
  const index_place *place;  /* … or NULL where it is known at run time only */
  const ast *item;
} read_axis;

enum { PENDING = -1 };

typedef struct reading {
  index_space *space;
  graph *g;
  node *x;
  read_axis axes[MAX_RANK];
  int labels; /* of quotients and remainders, given so far */
  location at;
} reading;

static int64_t extent_of(const reading *r, int axis) { return r->x->type.dims[axis].maximum; }

static int axis_with(const reading *r, int label) {
  for (int i = 0; i < r->x->type.rank; i++)
    if (r->axes[i].label == label) return i;
  return -1;
}

static bool too_many_axes(reading *r) {
  elaborator_error(r->space->e, r->at, "this read takes more than %d axes on its way; split the "
                   "formula", MAX_RANK);
  return false;
}

/* Replaces an axis by others, whose extents multiply to its own. */
static bool split_axis(reading *r, int axis, int count, const int64_t *extents,
                       const read_axis *axes) {
  int rank = r->x->type.rank;
  dim dims[MAX_RANK];
  if (rank - 1 + count > MAX_RANK) return too_many_axes(r);
  memcpy(dims, r->x->type.dims, sizeof dims);
  int behind = rank - axis - 1;
  memmove(&dims[axis + count], &dims[axis + 1], (size_t)behind * sizeof *dims);
  memmove(&r->axes[axis + count], &r->axes[axis + 1], (size_t)behind * sizeof *axes);
  for (int i = 0; i < count; i++) {
    dims[axis + i] = dim_fixed(extents[i]);
    r->axes[axis + i] = axes[i];
  }
  r->x = build_reshape(r->g, r->x, rank - 1 + count, dims);
  return r->x;
}

static bool drop_axis(reading *r, int axis) { return split_axis(r, axis, 0, NULL, NULL); }

/* Merges an axis with that behind it into one. */
static bool merge_axes(reading *r, int axis, read_axis merged) {
  dim dims[MAX_RANK];
  int rank = r->x->type.rank;
  memcpy(dims, r->x->type.dims, sizeof dims);
  dims[axis] = dim_fixed(dims[axis].maximum * dims[axis + 1].maximum);
  int behind = rank - axis - 2;
  memmove(&dims[axis + 1], &dims[axis + 2], (size_t)behind * sizeof *dims);
  memmove(&r->axes[axis + 1], &r->axes[axis + 2], (size_t)behind * sizeof merged);
  r->axes[axis] = merged;
  r->x = build_reshape(r->g, r->x, rank - 1, dims);
  return r->x;
}

/* Repeats x along a new axis before number `axis`. */
static bool insert_axis(reading *r, int axis, int64_t extent, int label) {
  tensor_type type = r->x->type;
  int64_t axes[MAX_RANK];
  if (type.rank == MAX_RANK) return too_many_axes(r);
  for (int i = 0; i < type.rank; i++) axes[i] = i < axis ? i : i + 1;
  int behind = type.rank - axis;
  memmove(&type.dims[axis + 1], &type.dims[axis], (size_t)behind * sizeof *type.dims);
  memmove(&r->axes[axis + 1], &r->axes[axis], (size_t)behind * sizeof *r->axes);
  type.rank++;
  type.dims[axis] = dim_fixed(extent);
  r->axes[axis] = (read_axis){.label = label};
  r->x = build_broadcast(r->g, r->x, &type, axes);
  return r->x;
}

/* Puts the axis `from` right behind the axis `to`. */
static bool move_behind(reading *r, int from, int to) {
  int64_t order[MAX_RANK];
  read_axis axes[MAX_RANK];
  int count = 0;
  for (int i = 0; i < r->x->type.rank; i++) {
    if (i != from) order[count++] = i;
    if (i == to) order[count++] = from;
  }
  memcpy(axes, r->axes, sizeof axes);
  for (int i = 0; i < count; i++) r->axes[i] = axes[order[i]];
  r->x = build_transpose(r->g, r->x, order);
  return r->x;
}

/* --- places that are sums of multiples ------------------------------------------------------ */

/* A variable of a sum: an index, a quotient or a remainder, from 0 to below its extent. */
typedef struct place_variable {
  int64_t factor, extent;
  int label;
} place_variable;

typedef struct place_sum {
  int64_t constant;
  int count;
  place_variable variables[MAX_RANK + PLACE_ATOMS];
} place_sum;

static void sum_range(const place_sum *s, int64_t *low, int64_t *high) {
  *low = *high = s->constant;
  for (int i = 0; i < s->count; i++) {
    int64_t reach = s->variables[i].factor * (s->variables[i].extent - 1);
    *(reach < 0 ? low : high) += reach;
  }
}

/* x along the axis from `low` to `high`, with zeros where that is outside, in steps. */
static bool cut(reading *r, int axis, int64_t low, int64_t high, int64_t step) {
  const tensor_type *type = &r->x->type;
  int64_t starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK], before[MAX_RANK] = {0},
          behind[MAX_RANK] = {0}, interior[MAX_RANK] = {0}, extent = extent_of(r, axis);
  before[axis] = low < 0 ? -low : 0;
  behind[axis] = high >= extent ? high - extent + 1 : 0;
  for (int i = 0; i < type->rank; i++) {
    limits[i] = type->dims[i].maximum;
    steps[i] = 1;
  }
  starts[axis] = low + before[axis];
  limits[axis] = high + before[axis] + 1;
  steps[axis] = step;
  if (before[axis] || behind[axis]) r->x = build_pad(r->g, r->x, before, behind, interior);
  r->x = build_slice(r->g, r->x, starts, limits, steps);
  return r->x;
}

/* The place depends on one variable, which becomes the axis. */
static bool read_alone(reading *r, int axis, const place_sum *s) {
  const place_variable v = s->variables[0];
  int64_t low, high, reversed = axis;
  sum_range(s, &low, &high);
  if (!cut(r, axis, low, high, v.factor < 0 ? -v.factor : v.factor)) return false;
  if (v.factor < 0) r->x = build_reverse(r->g, r->x, 1, &reversed);
  r->axes[axis] = (read_axis){.label = v.label};
  return r->x;
}

/* Windows along the axis: with place = stride · i + factor · v + offset, the axis becomes that of
 * i, from 0 to below its extent; v has an axis already. */
static bool read_window(reading *r, int axis, const place_variable *v, int64_t stride,
                        int64_t offset, int64_t extent) {
  tensor_type type = r->x->type;
  type.dims[axis] = dim_fixed(extent);
  window_shape w = {.count = 1, .axes = {axis}, .taps = {axis_with(r, v->label)},
                    .strides = {stride}, .dilations = {v->factor}, .offsets = {offset},
                    .spacings = {1}};
  r->x = build_window(r->g, r->x, &type, &w);
  return r->x;
}

/* The variable that may become the axis: of those that have none yet and count upwards the one with
 * most values, since the others are the places in a window. -1: none. */
static int main_variable(const reading *r, const place_sum *s) {
  int best = -1;
  for (int i = 0; i < s->count; i++) {
    const place_variable *v = &s->variables[i];
    if (v->factor > 0 && axis_with(r, v->label) < 0 &&
        (best < 0 || v->extent > s->variables[best].extent))
      best = i;
  }
  return best;
}

/* Where the only new variables count downwards, mirrors the axis. */
static bool count_upwards(reading *r, int axis, place_sum *s) {
  int64_t mirrored = axis;
  bool new = false;
  for (int i = 0; i < s->count; i++) new = new || axis_with(r, s->variables[i].label) < 0;
  if (!new || main_variable(r, s) >= 0) return true;
  s->constant = extent_of(r, axis) - 1 - s->constant;
  for (int i = 0; i < s->count; i++) s->variables[i].factor = -s->variables[i].factor;
  r->x = build_reverse(r->g, r->x, 1, &mirrored);
  return r->x;
}

static place_variable take_variable(place_sum *s, int i) {
  place_variable v = s->variables[i];
  s->variables[i] = s->variables[--s->count];
  return v;
}

/* The place depends on several variables, or on one that has an axis: one window after the other takes
 * a variable out of the sum. */
static bool read_windows(reading *r, int axis, place_sum *s) {
  if (!count_upwards(r, axis, s)) return false;
  int most = main_variable(r, s);
  place_variable last = {.factor = 1, .extent = 1, .label = PENDING};
  if (most >= 0) last = take_variable(s, most);
  while (s->count) {
    place_variable v = take_variable(s, s->count - 1);
    if (axis_with(r, v.label) < 0 && !insert_axis(r, r->x->type.rank, v.extent, v.label))
      return false;
    if (!s->count) {
      if (!read_window(r, axis, &v, last.factor, s->constant, last.extent)) return false;
      break;
    }
    int64_t low, high;
    sum_range(s, &low, &high);
    high += last.factor * (last.extent - 1);
    if (!read_window(r, axis, &v, 1, low, high - low + 1)) return false;
    s->constant -= low;
  }
  r->axes[axis] = (read_axis){.label = last.label};
  return most >= 0 || drop_axis(r, axis);
}

/* The variables count the axis through like the digits of a number: h * 8 + d with d < 8. */
static bool are_digits(const reading *r, int axis, place_sum *s) {
  for (int i = 1; i < s->count; i++)
    for (int k = i; k > 0 && s->variables[k].factor > s->variables[k - 1].factor; k--) {
      place_variable v = s->variables[k];
      s->variables[k] = s->variables[k - 1];
      s->variables[k - 1] = v;
    }
  int64_t expected = 1;
  bool fits = s->constant == 0 && s->count > 0;
  for (int i = s->count - 1; fits && i >= 0; i--) {
    const place_variable *v = &s->variables[i];
    fits = v->factor == expected && axis_with(r, v->label) < 0;
    expected *= v->extent;
  }
  return fits && expected == extent_of(r, axis);
}

static bool read_digits(reading *r, int axis, const place_sum *s) {
  int64_t extents[MAX_RANK + PLACE_ATOMS];
  read_axis axes[MAX_RANK + PLACE_ATOMS];
  for (int i = 0; i < s->count; i++) {
    extents[i] = s->variables[i].extent;
    axes[i] = (read_axis){.label = s->variables[i].label};
  }
  if (s->count > 1) return split_axis(r, axis, s->count, extents, axes);
  r->axes[axis] = axes[0];
  return true;
}

static bool read_sum(reading *r, int axis, place_sum *s) {
  if (!s->count) return cut(r, axis, s->constant, s->constant, 1) && drop_axis(r, axis);
  if (are_digits(r, axis, s)) return read_digits(r, axis, s);
  bool alone = s->count == 1 && axis_with(r, s->variables[0].label) < 0;
  return alone ? read_alone(r, axis, s) : read_windows(r, axis, s);
}

/* --- quotients and remainders --------------------------------------------------------------- */

static int64_t floor_divided(int64_t n, int64_t divisor) {
  return n / divisor - (n % divisor < 0);
}

/* Which multiples of the divisor the operand passes. */
static void blocks(const reading *r, const place_atom *atom, int64_t *first, int64_t *count) {
  int64_t low, high;
  index_place_range(r->space, atom->operand, &low, &high);
  *first = floor_divided(low, atom->divisor);
  *count = floor_divided(high, atom->divisor) - *first + 1;
}

/* Adds the atom to the sum as a variable, which counts from 0. */
static void add_atom(reading *r, const place_atom *atom, int label, place_sum *s) {
  int64_t first, count;
  blocks(r, atom, &first, &count);
  if (!atom->remainder) s->constant += atom->factor * first;
  s->variables[s->count++] =
      (place_variable){atom->factor, atom->remainder ? atom->divisor : count, label};
}

/* The axis of a quotient or remainder becomes one that the operand subscripts: x[e // k] is each
 * element k times, at e; x[e % k] is x again and again. */
static bool unfold(reading *r, const place_atom *atom, int label) {
  int axis = axis_with(r, label);
  int64_t first, count;
  blocks(r, atom, &first, &count);
  if (!insert_axis(r, atom->remainder ? axis : axis + 1, atom->remainder ? count : atom->divisor,
                   PENDING))
    return false;
  index_place *place = arena_new_of(r->g->arena, index_place);
  *place = *atom->operand;
  place->constant -= first * atom->divisor;
  return merge_axes(r, axis, (read_axis){.label = PENDING, .place = place});
}

static bool read_place(reading *r, int axis) {
  const index_place *p = r->axes[axis].place;
  place_sum sum = {.constant = p->constant};
  int first = MAX_RANK + r->labels;
  for (int i = 0; i < r->space->count; i++) {
    dim extent = r->space->indices[i].extent;
    if (p->factors[i] && (extent.maximum > 1 || extent.symbol))
      sum.variables[sum.count++] = (place_variable){p->factors[i], extent.maximum, i};
  }
  for (int i = 0; i < p->atom_count; i++) add_atom(r, &p->atoms[i], first + i, &sum);
  r->labels += p->atom_count;
  if (!read_sum(r, axis, &sum)) return false;
  for (int i = 0; i < p->atom_count; i++)
    if (!unfold(r, &p->atoms[i], first + i)) return false;
  return true;
}

/* --- pairs ---------------------------------------------------------------------------------- */

/* The operand where the place is its quotient, or its remainder, and nothing else. */
static const place_atom *only_atom(const read_axis *axis, bool remainder) {
  const index_place *p = axis->place;
  if (axis->label != PENDING || !p || p->atom_count != 1 || p->constant) return NULL;
  for (int i = 0; i < MAX_RANK; i++)
    if (p->factors[i]) return NULL;
  const place_atom *atom = &p->atoms[0];
  return atom->factor == 1 && atom->remainder == remainder ? atom : NULL;
}

/* x[c // k, c % k], where the second axis has extent k, is both axes as one, at c. */
static bool join_digits(reading *r, int high, int low) {
  const place_atom *q = only_atom(&r->axes[high], false), *m = only_atom(&r->axes[low], true);
  if (!q || !m || q->divisor != m->divisor || !index_place_equal(q->operand, m->operand) ||
      extent_of(r, low) != m->divisor)
    return true;
  if (!move_behind(r, low, high)) return false;
  return merge_axes(r, low < high ? high - 1 : high,
                    (read_axis){.label = PENDING, .place = q->operand});
}

static bool join_all_digits(reading *r) {
  for (int high = 0; high < r->x->type.rank; high++)
    for (int low = 0; low < r->x->type.rank; low++)
      if (high != low && !join_digits(r, high, low)) return false;
  return true;
}

/* --- places known at run time --------------------------------------------------------------- */

static bool is_run_time(const read_axis *axis) { return axis->label == PENDING && !axis->place; }

/* The place along an axis as integers over the space. */
static value place_value(reading *r, int axis) {
  elaborator *e = r->space->e;
  const ast *item = r->axes[axis].item;
  value v = index_notation_point(r->space, item);
  if (value_is_poison(v)) return v;
  node *n = operate_tensor(e, item->at, v, DTYPE_COUNT);
  if (!n) return (value){0};
  if (!dtype_is_integer(n->type.element))
    return elaborator_error(e, item->at, "a subscript is an integer, not %s",
                            dtype_name(n->type.element));
  dtype element = n->type.element == DTYPE_I64 ? DTYPE_I64 : DTYPE_I32;
  return value_tensor(build_cast(r->g, n, element));
}

/* The indices that enter the places known at run time: bit i for index i. */
static bool find_indices(reading *r, value *places, unsigned *indices) {
  int labels[MAX_RANK];
  *indices = 0;
  for (int i = 0; i < r->x->type.rank; i++) {
    if (!is_run_time(&r->axes[i])) continue;
    places[i] = place_value(r, i);
    if (value_is_poison(places[i])) return false;
    node *bare = index_space_strip(r->space, places[i].node, labels);
    for (int k = 0; bare && k < bare->type.rank; k++) *indices |= 1u << labels[k];
  }
  return true;
}

static bool shares(const read_axis *axis, unsigned indices) {
  if (axis->label >= 0) return indices >> axis->label & 1;
  return axis->place && index_place_enters(axis->place, indices);
}

/* Reads along one axis, to which the first `batch` axes are common. */
static bool gather(reading *r, int axis, int batch, node *places) {
  int labels[MAX_RANK], rank = r->x->type.rank;
  read_axis behind[MAX_RANK];
  int64_t order[MAX_RANK];
  int count = 0;
  node *index = index_space_strip(r->space, places, labels);
  if (!index) return false;
  for (int b = 0; b < batch; b++)
    for (int i = 0; i < index->type.rank; i++)
      if (labels[i] == r->axes[b].label) order[count++] = i;
  for (int i = 0; i < index->type.rank; i++) {
    bool common = false;
    for (int b = 0; b < batch; b++) common = common || labels[i] == r->axes[b].label;
    if (!common) order[count++] = i;
  }
  if (rank - 1 + count - batch > MAX_RANK) return too_many_axes(r);
  memcpy(behind, &r->axes[axis + 1], (size_t)(rank - axis - 1) * sizeof *behind);
  for (int i = batch; i < count; i++)
    r->axes[axis + i - batch] = (read_axis){.label = labels[order[i]]};
  memcpy(&r->axes[axis + count - batch], behind, (size_t)(rank - axis - 1) * sizeof *behind);
  r->x = build_gather(r->g, r->x, build_transpose(r->g, index, order), axis, batch);
  return r->x;
}

/* The number of leading axes that the indices of the places along the axes from first to last share
 * with x, where they are those in order; -1: they are not. */
static int common_batch(const reading *r, int first, int last, unsigned indices) {
  int batch = 0;
  while (batch < first && r->axes[batch].label >= 0 && shares(&r->axes[batch], indices)) batch++;
  for (int i = batch; i < r->x->type.rank; i++)
    if ((i < first || i > last) && shares(&r->axes[i], indices)) return -1;
  return batch;
}

static value both(reading *r, ast_operator op, value a, value b) {
  return operate_binary(r->space->e, r->at, op, a, b, NULL);
}

/* Where in the axes from `first` to `last` as one the places lie, -1 where one of them is outside. */
static value flat_place(reading *r, int first, int last, const value *places) {
  value flat = value_none(), inside = value_none();
  int64_t extent = 1;
  for (int i = first; i <= last; i++) extent *= extent_of(r, i);
  for (int i = first; i <= last; i++) {
    bool known = r->axes[i].label >= 0;
    value place = is_run_time(&r->axes[i]) ? places[i] : place_value(r, i);
    if (!value_is_poison(place) && extent > INT32_MAX)
      place = value_tensor(build_cast(r->g, place.node, DTYPE_I64));
    value size = value_integer(extent_of(r, i));
    value fits = known ? value_none()
                       : both(r, AST_AND, both(r, AST_GREATER_EQUAL, place, value_integer(0)),
                              both(r, AST_LESS, place, size));
    flat = i == first ? place : both(r, AST_ADD, both(r, AST_MULTIPLY, flat, size), place);
    if (known) continue;
    inside = value_is(inside, VALUE_NONE) ? fits : both(r, AST_AND, inside, fits);
  }
  return operate_select(r->space->e, r->at, inside, flat, value_integer(-1));
}

/* One read along the axes from first to last as one axis. */
static bool gather_flat(reading *r, int first, int last, int batch, const value *places) {
  if (first == last) return gather(r, first, batch, places[first].node);
  value flat = flat_place(r, first, last, places);
  if (value_is_poison(flat)) return false;
  for (int i = first; i < last; i++)
    if (!merge_axes(r, first, (read_axis){.label = PENDING})) return false;
  return gather(r, first, batch, flat.node);
}

/* The axes whose places are known at run time, with what lies between them. False: there are none. */
static bool run_time_axes(const reading *r, int *first, int *last) {
  *first = *last = -1;
  for (int i = 0; i < r->x->type.rank; i++) {
    if (!is_run_time(&r->axes[i])) continue;
    if (*first < 0) *first = i;
    *last = i;
  }
  return *first >= 0;
}

/* The indices on which the place along an axis may depend where it is computed. */
static unsigned indices_along(const reading *r, int axis) {
  const int label = r->axes[axis].label;
  return label >= 0 ? 1u << label : index_space_named(r->space, r->axes[axis].item);
}

/* Adds those of the axes from first to last. */
static unsigned indices_between(const reading *r, int first, int last, unsigned indices) {
  for (int i = first; i <= last; i++)
    if (!is_run_time(&r->axes[i])) indices |= indices_along(r, i);
  return indices;
}

/* Takes in what shares an index with the places, what lies between, and what shares an index with that. */
static void take_concerned(const reading *r, unsigned indices, int *first, int *last) {
  for (bool grown = true; grown;) {
    grown = false;
    for (int i = 0; i < r->x->type.rank; i++) {
      if ((i >= *first && i <= *last) || !(indices_along(r, i) & indices)) continue;
      grown = true;
      if (i < *first) *first = i;
      if (i > *last) *last = i;
    }
    indices = indices_between(r, *first, *last, indices);
  }
}

/* Leading axes that the places have in common with x stay what they are; where others are shared,
 * all that the places concern is one axis. */
static bool read_run_time(reading *r) {
  value places[MAX_RANK];
  unsigned indices;
  int first, last;
  if (!run_time_axes(r, &first, &last)) return true;
  if (!find_indices(r, places, &indices)) return false;
  indices = indices_between(r, first, last, indices);
  int batch = common_batch(r, first, last, indices);
  if (batch >= 0) return gather_flat(r, first, last, batch, places);
  take_concerned(r, indices, &first, &last);
  return gather_flat(r, first, last, 0, places);
}

/* --- all together --------------------------------------------------------------------------- */

/* A place that no index enters counts from the end where it is negative. */
static const index_place *fixed_place(reading *r, const ast *item, int axis, bool *good) {
  index_space *s = r->space;
  value v = index_space_fixed(s, item);
  if (value_is(v, VALUE_TENSOR)) return NULL;
  int64_t place, extent = extent_of(r, axis);
  *good = elaborator_integer(s->e, item->at, v, "a subscript", &place);
  if (!*good) return NULL;
  if (place < -extent || place >= extent) {
    elaborator_error(s->e, item->at, "%lld is out of range for a length of %lld: from %lld to %lld",
                     (long long)place, (long long)extent, (long long)-extent,
                     (long long)extent - 1);
    *good = false;
    return NULL;
  }
  index_place *p = arena_new_of(r->g->arena, index_place);
  p->constant = place < 0 ? place + extent : place;
  return p;
}

/* What is known of the subscripts before anything is read: an index by itself, the first time, is the
 * axis, where the extents are equal. */
static bool find_places(reading *r, const ast *n) {
  index_space *s = r->space;
  bool good = true;
  for (int i = 0; good && i < n->items.count; i++) r->axes[i].label = PENDING;
  for (int i = 0; good && i < n->items.count; i++) {
    const ast *item = n->items.items[i];
    r->axes[i].item = item;
    if (!index_space_enters(s, item)) {
      r->axes[i].place = fixed_place(r, item, i, &good);
      continue;
    }
    r->axes[i].place = index_place_of(s, item);
    int index = item->kind == AST_NAME ? index_space_find(s, item->name) : -1;
    if (index >= 0 && axis_with(r, index) < 0 &&
        dim_equal(s->indices[index].extent, r->x->type.dims[i]))
      r->axes[i].label = index;
  }
  return good;
}

value index_read(index_space *s, const ast *n) {
  reading r = {.space = s, .g = s->e->graph, .x = index_space_subscripted(s, n), .at = n->at};
  if (!r.x || !find_places(&r, n)) return (value){0};
  r.g->at = elaborator_place(s->e, n->at);
  bool good = read_run_time(&r) && join_all_digits(&r);
  while (good) {
    int axis = axis_with(&r, PENDING);
    if (axis < 0) break;
    good = read_place(&r, axis);
  }
  if (!good) {
    elaborator_path(s->e);
    return (value){0};
  }
  int labels[MAX_RANK];
  for (int i = 0; i < r.x->type.rank; i++) labels[i] = r.axes[i].label;
  return elaborator_node(s->e, index_space_place(s, r.x, labels));
}
