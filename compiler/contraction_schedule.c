/* The choice of a schedule: every sensible vector axis, vector length and register tile is costed
 * (contraction_cost.c), and the cheapest one is taken. */
#include "contraction_cost.h"

#include <math.h>

enum {
  LOCAL_BYTES = 32768,      /* most that one copy takes: it should stay in the first cache */
  PANEL_BYTES = 2048,       /* of one column of a panel that is packed for one run, in a block: long enough to
                               read and write the sums seldom */
  MOST_TILINGS = 256
};

/* A tile of one side: at most two axes have more than one unit. */
typedef struct tiling {
  int axis[2]; /* -1: none */
  int64_t size[2];
} tiling;

typedef struct tiling_list {
  tiling items[MOST_TILINGS];
  int count;
} tiling_list;

/* Tiles of all sides, and what no schedule with them takes less than. */
typedef struct tile_choice {
  const tiling *left, *right, *shared;
  double least;
} tile_choice;

/* What the search carries along. */
typedef struct search {
  const contraction *c;
  const target *target;
  contraction_schedule *found; /* the cheapest so far, cheapest first */
  int count, most, alike;      /* how many of one family at most */
  bool by_many;                /* several reduced axes may be cut into blocks: only where there is nothing else */
  const contraction_schedule *wanted; /* nothing else; NULL: all */
  tiling_list sides[2], shared;
  arena *memory;
  tile_choice *tiles; /* of the vectors that are tried */
  int tile_count;
} search;

/* The largest size of at most `most` units that cuts `units` evenly into as few tiles. */
static int64_t even_size(int64_t units, int64_t most) {
  int64_t count = units / most + (units % most > 0);
  return units / count + (units % count > 0);
}

/* Schedules that differ in their tiles only, of which the best are much alike. */
static bool is_family(const contraction_schedule *x, const contraction_schedule *y) {
  for (int i = 0; i < 2; i++)
    if (x->copied[i] != y->copied[i] || x->packed[i] != y->packed[i]) return false;
  return x->vector_axis == y->vector_axis && x->lanes == y->lanes && x->first == y->first;
}

/* ---- copies -------------------------------------------------------------------------------- */

static double box_bytes(const contraction *c, const contraction_schedule *s, int operand) {
  int64_t sizes[CONTRACTION_AXES];
  contraction_box_sizes(c, s, sizes);
  double bytes = (double)dtype_size(c->element);
  const contraction_operand *o = &c->operands[operand];
  for (int i = 0; i < o->rank; i++)
    bytes *= (double)contraction_box(c, s, &o->coordinates[i], sizes);
  return bytes;
}

/* Axes that the copy of an operand covers tile by tile: those that share no coordinate with a
 * reduced axis, where nothing would be copied twice. */
static void outer_axes(const contraction *c, contraction_schedule *s, int operand) {
  const contraction_operand *o = &c->operands[operand];
  for (int i = 0; i < o->rank; i++)
    for (int a = 0; a < c->axis_count; a++)
      if (!c->axes[a].reduced && o->coordinates[i].steps[a] != 0 &&
          contraction_pure(c, &o->coordinates[i], a))
        s->outer[a] = true;
}

static int64_t block_unit(const contraction_schedule *s, int axis) { return axis == s->vector_axis ? s->lanes : 1; }

/* The reduced axis of the operand whose blocks can be shortened: one that is cut already, else, where none is or `many`
 * may be, the first of the others; the vector axis only where it is alone. -1: there is none. */
static int axis_to_block(const contraction *c, const contraction_schedule *s, int operand, bool many) {
  int cut = -1, other = -1;
  for (int a = c->axis_count - 1; a >= 0; a--) {
    if (!c->axes[a].reduced || c->axes[a].extent == 1 || !contraction_depends(&c->operands[operand], a)) continue;
    if (s->block[a] > block_unit(s, a)) cut = a;
    if (!s->block[a] && !c->axes[a].bounded && (other < 0 || a != s->vector_axis)) other = a;
  }
  return cut >= 0 ? cut : many || !contraction_in_blocks(c, s) ? other : -1;
}

/* Shortens the blocks, evenly, so that a copy of `bytes` bytes comes down to LOCAL_BYTES. Of a second axis they
 * divide it, since the code of a tile is there once for each size of a block. */
static bool shorten_blocks(const contraction *c, contraction_schedule *s, int operand, double bytes, bool many) {
  int axis = axis_to_block(c, s, operand, many);
  if (axis < 0) return false;
  const bool second = many && contraction_in_blocks(c, s) && !s->block[axis];
  int64_t unit = block_unit(s, axis), extent = c->axes[axis].extent, units = extent / unit + (extent % unit > 0);
  int64_t now = s->block[axis] ? s->block[axis] / unit + (s->block[axis] % unit > 0) : units;
  int64_t most = (int64_t)((double)now * (LOCAL_BYTES / bytes));
  most = most < 1 ? 1 : most < now ? most : now - 1;
  while (second && units % most) most--;
  s->block[axis] = even_size(units, most) * unit;
  return true;
}

/* Makes the copy smaller: another axis tile by tile, else shorter blocks. False where it cannot. */
static bool shrink(const contraction *c, contraction_schedule *s, int operand, double bytes, bool many) {
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && !s->outer[a] && contraction_depends(&c->operands[operand], a) &&
        contraction_cut_of(c, s, a).tiles > 1)
      return s->outer[a] = true;
  return shorten_blocks(c, s, operand, bytes, many);
}

/* A reduced axis whose size each call gives, or -1. */
static int bounded_reduced(const contraction *c) {
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].reduced && c->axes[a].bounded) return a;
  return -1;
}

/* Copies cover blocks of a bounded reduced axis that any of them depends on. */
static void block_bounded(const contraction *c, contraction_schedule *s) {
  enum { BLOCK = 16 };
  int axis = bounded_reduced(c);
  for (int i = 0; i < 2 && axis >= 0; i++)
    if (s->copied[i] && contraction_depends(&c->operands[i], axis))
      s->block[axis] = c->axes[axis].extent < BLOCK ? c->axes[axis].extent : BLOCK;
}

/* What a tile reads of an operand that is packed for one run shall stay in the caches: blocks of about PANEL_BYTES for
 * one index of its output axes. */
static void block_panels(const contraction *c, contraction_schedule *s, int operand) {
  int axis = axis_to_block(c, s, operand, false);
  int64_t bytes = (int64_t)dtype_size(c->element);
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].reduced && a != axis) bytes *= c->axes[a].extent;
  const int64_t most = PANEL_BYTES / bytes;
  if (axis < 0 || (s->block[axis] ? s->block[axis] : c->axes[axis].extent) <= most + most / 2) return;
  s->block[axis] = even_size(c->axes[axis].extent, most > 1 ? most : 1);
}

/* What streams through the caches is read some rows at a time along all of a task's vectors: memory is fastest where
 * lines lie side by side. */
static void block_stream(const contraction *c, contraction_schedule *s, int operand) {
  enum { ROWS = 8 };
  const int axis = axis_to_block(c, s, operand, false);
  if (axis >= 0 && !s->block[axis] && c->axes[axis].extent > ROWS) s->block[axis] = even_size(c->axes[axis].extent, ROWS);
}

/* Where both operands are read directly, the second one is read again for each tile of the first: blocks of it that stay in
 * the second cache. */
static void block_second(const contraction *c, contraction_schedule *s, const target *t) {
  const int second = 1 - s->first, axis = axis_to_block(c, s, second, false);
  const double most = (double)t->l2_bytes / 2, bytes = contraction_bytes_of_one(c, second);
  if (axis < 0 || s->block[axis] || bytes <= 2 * most || !contraction_reads_directly(s, 0) || !contraction_reads_directly(s, 1)) return;
  const int64_t unit = block_unit(s, axis), units = c->axes[axis].extent / unit, size = (int64_t)((double)units * most / bytes);
  if (size >= 1 && units * unit == c->axes[axis].extent) s->block[axis] = even_size(units, size) * unit;
}

/* Copies of at most LOCAL_BYTES; false where there are none. */
static bool plan_copies(const contraction *c, contraction_schedule *s, const target *t, bool many) {
  for (int a = 0; a < c->axis_count; a++)
    s->outer[a] = !c->axes[a].reduced && (contraction_shared(c, a) || c->axes[a].bounded);
  for (int a = 0; a < c->axis_count; a++) s->block[a] = 0;
  block_bounded(c, s);
  for (int i = 0; i < 2; i++) {
    if (contraction_reads_directly(s, i)) continue;
    outer_axes(c, s, i);
    if (s->packed[i]) continue;
    for (double bytes = box_bytes(c, s, i); bytes > LOCAL_BYTES; bytes = box_bytes(c, s, i))
      if (!shrink(c, s, i, bytes, many)) return false;
  }
  for (int i = 0; i < 2; i++)
    if (contraction_packs_once(c, s, i)) block_panels(c, s, i);
  for (int i = 0; i < 2; i++)
    if (contraction_streams(c, s, i, t)) block_stream(c, s, i);
  block_second(c, s, t);
  return true;
}

/* ---- vectors ------------------------------------------------------------------------------- */

/* True where the operand can be read as vectors along the axis as it lies. */
static bool direct_vectors(const contraction *c, int operand, int axis, int lanes) {
  const contraction_operand *o = &c->operands[operand];
  return contraction_direct(c, o) && contraction_stride(o, axis) == 1 &&
         (c->axes[axis].reduced || c->axes[axis].extent % lanes == 0);
}

/* Lanes beyond the end of a reduced axis must be zero in both operands, which copies provide where
 * the axis has a coordinate of its own; in the other operand they are masked. */
static bool ends_well(const contraction *c, const contraction_schedule *s) {
  int v = s->vector_axis;
  if (v < 0 || !c->axes[v].reduced || c->axes[v].extent % s->lanes == 0) return true;
  if (s->copied[0] != s->copied[1]) return false;
  if (!s->copied[0]) return true;
  for (int i = 0; i < 2; i++) {
    const contraction_operand *o = &c->operands[i];
    if (contraction_pure(c, &o->coordinates[contraction_coordinate_of(o, v)], v)) return true;
  }
  return false;
}

/* True where packing for one run may pay: vectors of an operand that does not stay in the second cache, each of which
 * is read often; and then the elements of the other operand. */
static bool is_far(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  enum { OFTEN = 256 };
  const contraction_operand *o = &c->operands[operand];
  int64_t elements = 1, times = 1;
  if (s->vector_axis < 0) return false;
  if (!contraction_depends(o, s->vector_axis)) return contraction_packs_once(c, s, 1 - operand);
  for (int a = 0; a < c->axis_count; a++) {
    if (contraction_depends(o, a)) elements *= c->axes[a].extent;
    else times *= c->axes[a].extent;
    if (!c->axes[a].reduced && contraction_shared(c, a) && c->axes[a].extent > 1) return false;
  }
  return times >= OFTEN && elements * (int64_t)dtype_size(c->element) > t->l2_bytes / 2;
}

/* True where all runs of the kernel find one operand, of which each coordinate is an axis. */
static bool may_pack(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  const contraction_operand *o = &c->operands[operand];
  if (o->runs_alike < 1 || (s->vector_axis >= 0 && c->axes[s->vector_axis].reduced)) return false;
  if (o->runs_alike == 1 && !is_far(c, s, operand, t)) return false;
  for (int i = 0; i < o->rank; i++)
    if (!contraction_plain(c, &o->coordinates[i]) || o->coordinates[i].low != 0) return false;
  for (int a = 0; a < c->axis_count; a++) {
    if (!contraction_depends(o, a)) continue;
    int i = contraction_coordinate_of(o, a);
    if (c->axes[a].bounded || i < 0 || !contraction_pure(c, &o->coordinates[i], a)) return false;
  }
  return true;
}

/* True where the operand may be read as the schedule says. */
static bool may_read(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  const contraction_operand *o = &c->operands[operand];
  int v = s->vector_axis;
  bool vectors = v >= 0 && contraction_depends(o, v);
  if (vectors && contraction_coordinate_of(o, v) < 0) return false;
  if (s->packed[operand]) return may_pack(c, s, operand, t);
  if (!s->copied[operand]) return vectors ? direct_vectors(c, operand, v, s->lanes) : contraction_direct_between_zeros(c, o, NULL);
  return vectors || !contraction_direct(c, o) || contraction_packs_once(c, s, 1 - operand);
}

/* True where an operand may come first: one with the vectors where only one has them, or where they are packed for
 * this run, the other one. Where both have them and one is copied, it is that, since tasks share out the first one's tiles. */
static bool may_be_first(const contraction *c, const contraction_schedule *s, int operand) {
  bool in[2], once = contraction_packs_once(c, s, 0) || contraction_packs_once(c, s, 1);
  for (int i = 0; i < 2; i++) in[i] = s->vector_axis >= 0 && contraction_depends(&c->operands[i], s->vector_axis);
  if (once || in[0] != in[1]) return once ? !in[operand] : in[operand];
  return s->copied[operand] || !s->copied[1 - operand];
}

/* ---- tiles --------------------------------------------------------------------------------- */

/* Indices of the covered axes of an operand: every tile has all of them. */
static int64_t covered(const contraction *c, int side) {
  int64_t count = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].covered && contraction_depends(&c->operands[side], a)) count *= c->axes[a].extent;
  return count;
}

static void add_tiling(tiling_list *list, tiling t) {
  if (list->count < MOST_TILINGS) list->items[list->count++] = t;
}

/* Tiles along `axis` of at most `most` units, and where they cover it, along a second axis. */
static void add_axis(search *q, const contraction_schedule *s, tiling_list *list, int side,
                     int axis, int64_t most) {
  const contraction *c = q->c;
  int64_t units = contraction_units(c, s, axis);
  for (int64_t size = even_size(units, most); size > 0;
       size = size > 1 ? even_size(units, size - 1) : 0) {
    add_tiling(list, (tiling){{axis, -1}, {size, 1}});
    if (size < units || side < 0) continue;
    for (int b = 0; b < c->axis_count; b++) {
      if (b == axis || c->axes[b].covered || b == s->vector_axis || c->axes[b].reduced || c->axes[b].extent == 1 ||
          contraction_shared(c, b) || !contraction_depends(&c->operands[side], b) || most / size < 2)
        continue;
      for (int64_t second = even_size(c->axes[b].extent, most / size); second > 1;
           second = even_size(c->axes[b].extent, second - 1))
        add_tiling(list, (tiling){{axis, b}, {size, second}});
    }
  }
}

/* The tiles of the axes that only one operand has; where the vector axis is among them, it comes
 * first. */
static void list_side(search *q, const contraction_schedule *s, int side) {
  tiling_list *list = &q->sides[side];
  const contraction *c = q->c;
  int v = s->vector_axis, most = (q->target->registers - 2) / (int)covered(c, side);
  list->count = 0;
  if (v >= 0 && !c->axes[v].reduced && !contraction_shared(c, v) &&
      contraction_depends(&c->operands[side], v)) {
    add_axis(q, s, list, side, v, most);
    return;
  }
  add_tiling(list, (tiling){{-1, -1}, {1, 1}});
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && !c->axes[a].covered && c->axes[a].extent > 1 && !contraction_shared(c, a) &&
        contraction_depends(&c->operands[side], a))
      add_axis(q, s, list, side, a, most);
}

static void list_shared(search *q, const contraction_schedule *s) {
  int v = s->vector_axis;
  q->shared.count = 0;
  if (v >= 0 && !q->c->axes[v].reduced && contraction_shared(q->c, v))
    add_axis(q, s, &q->shared, -1, v, CONTRACTION_UNITS_IN_FLIGHT);
  else
    add_tiling(&q->shared, (tiling){{-1, -1}, {1, 1}});
}

static int64_t tiling_size(const tiling *t) { return t->size[0] * t->size[1]; }

static void set_tiling(contraction_schedule *s, const tiling *t) {
  for (int i = 0; i < 2; i++)
    if (t->axis[i] >= 0) s->tile[t->axis[i]] = t->size[i];
}

static void set_tiles(const contraction *c, contraction_schedule *s, const tile_choice *t) {
  for (int a = 0; a < c->axis_count; a++) s->tile[a] = c->axes[a].covered ? c->axes[a].extent : 1;
  set_tiling(s, t->left);
  set_tiling(s, t->right);
  set_tiling(s, t->shared);
}

/* Sums, the vectors of the side with fewer, and one of the other are in registers at a time. */
static bool fits(const search *q, const tiling *left, const tiling *right, const tiling *shared) {
  int64_t l = tiling_size(left) * covered(q->c, 0), r = tiling_size(right) * covered(q->c, 1);
  int64_t v = tiling_size(shared);
  return l * r * v + (l < r ? l : r) * v + 1 <= q->target->registers;
}

/* All tiles for a choice of vectors. */
static void list_tiles(search *q, contraction_schedule s) {
  list_side(q, &s, 0);
  list_side(q, &s, 1);
  list_shared(q, &s);
  s.copied[0] = s.copied[1] = true;
  q->tiles = arena_array_of(q->memory, q->sides[0].count * q->sides[1].count * q->shared.count, tile_choice);
  q->tile_count = 0;
  for (int l = 0; l < q->sides[0].count; l++)
    for (int r = 0; r < q->sides[1].count; r++)
      for (int v = 0; v < q->shared.count; v++) {
        tile_choice t = {&q->sides[0].items[l], &q->sides[1].items[r], &q->shared.items[v], 0};
        if (!fits(q, t.left, t.right, t.shared)) continue;
        set_tiles(q->c, &s, &t);
        t.least = contraction_least_cycles(q->c, &s);
        q->tiles[q->tile_count++] = t;
      }
}

/* Which of those found leaves for one more: the last, or the last of its family where there are enough of these. */
static int leaving(const search *q, const contraction_schedule *s) {
  int alike = 0, last = q->count;
  for (int i = 0; i < q->count; i++)
    if (is_family(&q->found[i], s)) {
      alike++;
      last = i;
    }
  return alike >= q->alike ? last : q->count < q->most ? q->count : q->most - 1;
}

static double worst(const search *q) { return q->count < q->most ? INFINITY : q->found[q->most - 1].cycles; }

/* Of one family. */
static bool has_tiles(const search *q, const contraction_schedule *x, const contraction_schedule *y) {
  for (int a = 0; a < q->c->axis_count; a++)
    if (x->tile[a] != y->tile[a]) return false;
  return true;
}

/* Tiles along two axes are listed from either. */
static bool is_found(const search *q, const contraction_schedule *s) {
  for (int i = 0; i < q->count; i++)
    if (is_family(&q->found[i], s) && has_tiles(q, &q->found[i], s)) return true;
  return false;
}

/* True where what is read directly has no zeros, or all of them lie where steps are left out; then some elements share each
 * vector, which comes from the second cache. */
static bool zeros_are_left_out(const contraction *c, const contraction_schedule *s) {
  enum { SHARE = 4 };
  for (int i = 0; i < 2; i++) {
    const contraction_operand *o = &c->operands[i];
    if (!contraction_reads_directly(s, i) || contraction_direct(c, o)) continue;
    int64_t share = 1;
    for (int a = 0; a < c->axis_count; a++)
      if (contraction_depends(o, a)) share *= s->tile[a];
    if (share < SHARE || !contraction_direct_between_zeros(c, o, s)) return false;
  }
  return true;
}

static void consider(search *q, contraction_schedule s) {
  if ((q->wanted && !has_tiles(q, q->wanted, &s)) || !plan_copies(q->c, &s, q->target, q->by_many)) return;
  if (!zeros_are_left_out(q->c, &s)) return;
  s.cycles = contraction_cycles(q->c, &s, q->target);
  int at = leaving(q, &s);
  if ((at < q->count && s.cycles >= q->found[at].cycles) || is_found(q, &s)) return;
  if (at == q->count) q->count++;
  for (; at > 0 && s.cycles < q->found[at - 1].cycles; at--) q->found[at] = q->found[at - 1];
  q->found[at] = s;
}

/* All tiles for a choice of vectors and copies. */
static void consider_tiles(search *q, contraction_schedule s) {
  for (int i = 0; i < q->tile_count; i++) {
    if (q->tiles[i].least >= worst(q)) continue;
    set_tiles(q->c, &s, &q->tiles[i]);
    consider(q, s);
  }
}

/* The order that is tried first, and taken where the estimate is the same. Where both operands are read directly, tasks
 * share out the tiles of the first one, and each walks its share for every tile of the other, of which it reads
 * all: one that is much larger than the second cache shall be shared out. */
static int likely_first(const search *q, const contraction_schedule *s) {
  double bytes[2] = {(double)dtype_size(q->c->element), (double)dtype_size(q->c->element)};
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < q->c->operands[i].rank; k++)
      bytes[i] *= (double)q->c->operands[i].coordinates[k].extent;
  return contraction_reads_directly(s, 0) && contraction_reads_directly(s, 1) && bytes[1] > bytes[0] &&
         bytes[1] > 2 * (double)q->target->l2_bytes;
}

static void consider_copies(search *q, contraction_schedule s) {
  list_tiles(q, s);
  enum { DIRECT, COPIED, PACKED, WAYS };
  for (int choice = 0; choice < WAYS * WAYS; choice++) {
    for (int i = 0, way = choice; i < 2; i++, way /= WAYS) {
      s.copied[i] = way % WAYS == COPIED;
      s.packed[i] = way % WAYS == PACKED;
    }
    if (!may_read(q->c, &s, 0, q->target) || !may_read(q->c, &s, 1, q->target) || !ends_well(q->c, &s)) continue;
    const int likely = likely_first(q, &s);
    for (int turn = 0; turn < 2; turn++) {
      s.first = likely ^ turn;
      if (may_be_first(q->c, &s, s.first) && (!q->wanted || is_family(q->wanted, &s))) consider_tiles(q, s);
    }
  }
}

static int most_lanes(const contraction *c, const target *t) {
  switch (c->element) {
  case DTYPE_I32: case DTYPE_I64: case DTYPE_F32: case DTYPE_F64:
    return t->vector_bytes / (int)dtype_size(c->element);
  default: return 1;
  }
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Scalars last: what is found before leaves little of them to be considered. */
static void consider_vectors(search *q) {
  const contraction *c = q->c;
  contraction_schedule s = {0};
  int most = most_lanes(c, q->target);
  for (s.vector_axis = 0; s.vector_axis < c->axis_count; s.vector_axis++)
    for (s.lanes = most; s.lanes > 1; s.lanes /= 2)
      if (!c->axes[s.vector_axis].bounded && c->axes[s.vector_axis].extent > s.lanes / 2 && c->axes[s.vector_axis].extent > 1 &&
          !c->axes[s.vector_axis].covered)
        consider_copies(q, s);
  consider_copies(q, (contraction_schedule){.vector_axis = -1, .lanes = 1});
}

static void consider_all(search *q) {
  q->memory = arena_new();
  consider_vectors(q);
  q->by_many = q->count == 0;
  if (q->by_many) consider_vectors(q);
  for (int i = 0; i < q->count; i++) contraction_split_tasks(q->c, &q->found[i], q->target);
  arena_free(q->memory);
}

static contraction_schedule search_for(const contraction *c, const target *t) {
  contraction_schedule best;
  search q = {.c = c, .target = t, .found = &best, .most = 1, .alike = 1};
  consider_all(&q);
  ensure(q.count == 1);
  return best;
}

contraction_schedule contraction_schedule_find(const contraction *c, const target *t) {
  return t->memory ? schedule_remembered(t->memory, c, t, search_for) : search_for(c, t);
}

int contraction_schedules(const contraction *c, const target *t, int most, contraction_schedule *found) {
  enum { ALIKE = 3 };
  search q = {.c = c, .target = t, .found = found, .most = most, .alike = ALIKE};
  consider_all(&q);
  return q.count;
}

bool contraction_schedule_complete(const contraction *c, const target *t, contraction_schedule *s) {
  const contraction_schedule wanted = *s;
  search q = {.c = c, .target = t, .found = s, .most = 1, .alike = 1, .wanted = &wanted};
  consider_all(&q);
  return q.count == 1;
}

contraction_schedule contraction_schedule_choose(const contraction *c, const target *t) {
  contraction_schedule s;
  const schedule_choices *choices = t->choices;
  return choices && choices->choose(choices->context, c, t, &s) ? s : contraction_schedule_find(c, t);
}
