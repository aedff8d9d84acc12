/* What the loops of a contraction take: a model that counts cycles of a core that starts two vector
 * operations and two loads per cycle whose results come after four: what x86-64 cores of the last ten years
 * have in common. It only has to rank schedules. */
#include "contraction_cost.h"

#include <math.h>
#include <stdlib.h>

enum {
  CACHE_LINE = 64,
  CACHE_WAYS = 8,
  WAY_BYTES = 4096, /* of the first cache: its size by its ways */
  BEYOND_CACHES = 16, /* so many times the second cache: no other holds it */
  FEW_SETS = 4,     /* in which hardly any line is found again */
  STREAM_UNITS = 8  /* of a row that streams through the caches; with more the rows of a block come less evenly */
};

static const double element_copy_cycles = 1.3, tap_copy_cycles = 3, turned_copy_cycles = 0.6, tile_cycles = 12,
                    block_cycles = 20, far_load_cycles = 1, beyond_load_cycles = 5, far_panel_cycles = 0.05, far_row_cycles = 0.5,
                    colliding_load_cycles = 0.2, colliding_line_cycles = 2.5, colliding_store_cycles = 8, gather_cycles = 3,
                    copied_line_cycles = 8;

/* What a loop of a length that varies costs beside its steps, as a share of the longest. */
static const double varying_range = 0.08;

bool contraction_shared(const contraction *c, int axis) {
  return contraction_depends(&c->operands[0], axis) && contraction_depends(&c->operands[1], axis);
}

double contraction_operand_bytes(const contraction *c, int operand) {
  double bytes = (double)dtype_size(c->element);
  for (int i = 0; i < c->operands[operand].rank; i++)
    bytes *= (double)c->operands[operand].coordinates[i].extent;
  return bytes;
}

double contraction_bytes_of_one(const contraction *c, int operand) {
  double bytes = contraction_operand_bytes(c, operand);
  for (int a = 0; a < c->axis_count; a++)
    if (contraction_shared(c, a) && !c->axes[a].reduced) bytes /= (double)c->axes[a].extent;
  return bytes;
}

/* The mean number of units of a tile along an output axis. */
static double mean_tile(const contraction *c, const contraction_schedule *s, int axis) {
  return (double)contraction_units(c, s, axis) / (double)contraction_cut_of(c, s, axis).tiles;
}

/* Registers or loads of an operand per step of a tile. */
static double positions(const contraction *c, const contraction_schedule *s, int operand) {
  double count = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && contraction_depends(&c->operands[operand], a))
      count *= mean_tile(c, s, a);
  return count;
}

static double sums(const contraction *c, const contraction_schedule *s) {
  double count = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced) count *= mean_tile(c, s, a);
  return count;
}

static double tiles(const contraction *c, const contraction_schedule *s) {
  double count = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced) count *= (double)contraction_cut_of(c, s, a).tiles;
  return count;
}

static double blocks(const contraction *c, const contraction_schedule *s) {
  double count = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (s->block[a]) count *= (double)contraction_cut_of(c, s, a).tiles;
  return count;
}

/* Steps of the reduced axes for one tile. */
static double steps(const contraction *c, const contraction_schedule *s) {
  double count = 1;
  for (int a = 0; a < c->axis_count; a++) {
    if (!c->axes[a].reduced) continue;
    double extent = (double)c->axes[a].extent;
    if (a != s->vector_axis)
      count *= contraction_padded(c, s, a) ? extent * fmin(1, c->axes[a].met + varying_range) : extent;
    else if (s->copied[0] && s->copied[1])
      count *= ceil(extent / s->lanes);
    else /* what is left over is added one by one */
      count *= floor(extent / s->lanes) + (double)(c->axes[a].extent % s->lanes);
  }
  return count;
}

/* True where tiles along other axes read the same vectors of the operand again. */
static bool read_again(const contraction *c, const contraction_schedule *s, int operand) {
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && !contraction_depends(&c->operands[operand], a) &&
        contraction_cut_of(c, s, a).tiles > 1)
      return true;
  return false;
}

bool contraction_streams(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  const int v = s->vector_axis;
  return v >= 0 && !c->axes[v].reduced && contraction_depends(&c->operands[operand], v) &&
         contraction_reads_directly(s, 0) && contraction_reads_directly(s, 1) && !read_again(c, s, operand) &&
         contraction_operand_bytes(c, operand) > BEYOND_CACHES * (double)t->l2_bytes;
}

/* Bytes of a direct operand that lie between two uses of one of its vectors. */
static double reach(const contraction *c, const contraction_schedule *s, int operand) {
  double lines = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].reduced && contraction_depends(&c->operands[operand], a))
      lines *= (double)c->axes[a].extent / (a == s->vector_axis ? s->lanes : 1);
  return lines * 64 * fmax(1, positions(c, s, operand));
}

/* Cycles of the load ports for an operand's vectors or elements in one step. Vectors that slide
 * over a convolved axis cross cache lines, the longer the more often, which takes two loads. */
static double load_cycles(const contraction *c, const contraction_schedule *s, int operand) {
  const contraction_operand *o = &c->operands[operand];
  int at = s->vector_axis < 0 ? -1 : contraction_coordinate_of(o, s->vector_axis);
  bool slides = at >= 0 && !contraction_pure(c, &o->coordinates[at], s->vector_axis);
  double crossing = slides ? (double)s->lanes * (double)dtype_size(c->element) / CACHE_LINE : 0;
  return positions(c, s, operand) * 0.5 * (1 + crossing);
}

/* Into so many sets of the first cache lines fall, at most, that are so many bytes apart. */
static int64_t distinct_sets(int64_t bytes) {
  int64_t distinct = WAY_BYTES;
  for (; distinct > 1 && bytes % 2 == 0; bytes /= 2) distinct /= 2;
  return distinct;
}

/* True where the lines that a tile has in use at a time, so many per position at most, meet in too few
 * sets of the cache: strides of large powers of two do that. */
static bool lines_collide(const contraction *c, const contraction_schedule *s,
                          const int64_t *strides, double lines) {
  double sets = 1;
  for (int a = 0; a < c->axis_count; a++) {
    if (c->axes[a].reduced || a == s->vector_axis || s->tile[a] == 1 || strides[a] == 0) continue;
    const int64_t bytes = llabs(strides[a]) * (int64_t)dtype_size(c->element);
    if (bytes < CACHE_LINE) continue;
    lines *= (double)s->tile[a];
    sets *= fmin((double)distinct_sets(bytes), (double)s->tile[a]);
  }
  return lines > sets * CACHE_WAYS;
}

bool contraction_reads_directly(const contraction_schedule *s, int operand) {
  return !s->copied[operand] && !s->packed[operand];
}

/* Lines that are in use at a time for each row of an operand: where each step reads whole ones, the next are on their way
 * meanwhile, unless they come from memory, which is slower than that. */
static double lines_of_row(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  const int v = s->vector_axis;
  const bool whole = v >= 0 && c->axes[v].reduced && contraction_stride(&c->operands[operand], v) == 1 &&
                     s->lanes * (int)dtype_size(c->element) >= CACHE_LINE;
  return whole && contraction_operand_bytes(c, operand) <= BEYOND_CACHES * (double)t->l2_bytes ? 2 : 1;
}

static bool operand_collides(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  int64_t strides[CONTRACTION_AXES];
  for (int a = 0; a < c->axis_count; a++) strides[a] = contraction_stride(&c->operands[operand], a);
  return contraction_reads_directly(s, operand) && lines_collide(c, s, strides, lines_of_row(c, s, operand, t));
}

static bool output_collides(const contraction *c, const contraction_schedule *s) {
  int64_t strides[CONTRACTION_AXES];
  for (int a = 0; a < c->axis_count; a++) strides[a] = c->axes[a].stride;
  return lines_collide(c, s, strides, 1);
}

/* Cache lines of which a step reads elements one by one; 0 where the next steps read the same ones. */
static double lines_of_elements(const contraction *c, const contraction_schedule *s, int operand) {
  const int64_t size = (int64_t)dtype_size(c->element);
  if (c->operands[operand].element) return 0; /* they are computed */
  double lines = 1;
  for (int a = 0; a < c->axis_count; a++) {
    int64_t bytes = llabs(contraction_stride(&c->operands[operand], a)) * size;
    if (bytes == 0) continue;
    if (c->axes[a].reduced && bytes < CACHE_LINE && c->axes[a].extent > 1) return 0;
    if (!c->axes[a].reduced) lines *= fmax(1, fmin(1, (double)bytes / CACHE_LINE) * mean_tile(c, s, a));
  }
  return lines;
}

/* The same lines are read again for the neighbours of a tile. */
static double far_element_cycles(const contraction *c, const contraction_schedule *s, int operand,
                                 const target *t) {
  double lines = lines_of_elements(c, s, operand);
  return steps(c, s) * lines * CACHE_LINE > (double)t->l1_bytes / 2 ? lines * far_load_cycles : 0;
}

/* An image that is read as it lies between zeros: each tap of a row may find the line of the one before, unless those of a
 * step drive each other out of the first cache. Each channel finds others, which stay for the next tile where they do not meet in
 * few sets, and are few; the more sets, the more of them are asked for ahead by the processor, and the less they cost. */
static double image_cycles(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  if (operand_collides(c, s, operand, t)) return positions(c, s, operand) * far_load_cycles;
  double run = 1, lines = 1, sets = 1;
  for (int a = 0; a < c->axis_count; a++) {
    const int64_t bytes = llabs(contraction_stride(&c->operands[operand], a)) * (int64_t)dtype_size(c->element);
    const int64_t all = s->block[a] ? s->block[a] : c->axes[a].extent, count = c->axes[a].reduced ? all : s->tile[a];
    if (bytes == 0 || count == 1) continue;
    if (bytes < CACHE_LINE) {
      if (c->axes[a].reduced) run *= fmin((double)count, (double)CACHE_LINE / (double)bytes);
      continue;
    }
    lines *= (double)count;
    sets *= (double)(distinct_sets(bytes) < count ? distinct_sets(bytes) : count);
  }
  const double new_ones = positions(c, s, operand) / run;
  if (lines > sets * CACHE_WAYS) return new_ones * colliding_line_cycles * fmin(1, FEW_SETS / sets);
  return lines * CACHE_LINE > (double)t->l1_bytes / 2 ? new_ones * far_load_cycles : 0;
}

/* Steps of the reduced axes in one block of them. */
static double block_steps(const contraction *c, const contraction_schedule *s) {
  double count = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].reduced) count *= (double)(s->block[a] ? s->block[a] : c->axes[a].extent);
  return count;
}

double contraction_spans(const contraction *c, const contraction_schedule *s, const target *t) {
  const contraction_operand *o = &c->operands[1 - s->first];
  double bytes = block_steps(c, s) * (double)dtype_size(c->element);
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && contraction_depends(o, a)) bytes *= (double)c->axes[a].extent;
  return ceil(bytes / ((double)t->l2_bytes / 2));
}

/* True where the lines of an operand in the steps of a block meet in too few sets of the first cache. */
static bool steps_collide(const contraction *c, const contraction_schedule *s, int operand) {
  double sets = WAY_BYTES / CACHE_LINE;
  for (int a = 0; a < c->axis_count; a++) {
    const int64_t bytes = llabs(contraction_stride(&c->operands[operand], a)) * (int64_t)dtype_size(c->element);
    if (c->axes[a].reduced && bytes >= CACHE_LINE) sets = fmin(sets, (double)distinct_sets(bytes));
  }
  return block_steps(c, s) > sets * CACHE_WAYS && lines_of_elements(c, s, operand) > 0;
}

/* Elements for one tile and one block are read for many tiles of the other operand, and stay in the first cache where
 * they are few lines that do not meet in few sets of it. */
static double far_block_cycles(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  if (!contraction_reads_directly(s, operand)) return 0;
  const double lines = lines_of_elements(c, s, operand);
  if (steps_collide(c, s, operand)) return lines * beyond_load_cycles;
  return block_steps(c, s) * lines * CACHE_LINE > (double)t->l1_bytes / 2 ? lines * far_load_cycles : 0;
}

/* New cache lines of an operand in each step, on average. */
static double new_lines(const contraction *c, const contraction_schedule *s, int operand) {
  double lines = positions(c, s, operand), part = 1;
  for (int a = 0; a < c->axis_count; a++) {
    double bytes = (double)llabs(contraction_stride(&c->operands[operand], a)) * (double)dtype_size(c->element);
    if (a == s->vector_axis) bytes *= s->lanes;
    if (bytes > 0 && bytes < CACHE_LINE && c->axes[a].extent > 1) part = fmin(part, bytes / CACHE_LINE);
  }
  return lines * part;
}

/* So many bytes at most stay in the second cache while others go through it. */
static double near_bytes(const target *t) { return 0.75 * (double)t->l2_bytes; }

/* True where not all of an operand stays in the second cache from one run to the next. */
static bool lies_beyond(const contraction *c, int operand, const target *t) {
  return contraction_operand_bytes(c, operand) > near_bytes(t);
}

/* The part of a line that a tile leaves of a vector operand's lines to its neighbour. */
static double left_of_line(const contraction *c, const contraction_schedule *s, int operand) {
  const int v = s->vector_axis;
  if (v < 0 || c->axes[v].reduced || !contraction_depends(&c->operands[operand], v)) return 0;
  return fmax(0, 1 - mean_tile(c, s, v) * s->lanes * (double)dtype_size(c->element) / CACHE_LINE);
}

/* Cycles that a step waits for lines that come from beyond again, where all of an operand does not stay in the second
 * cache: the operand that comes second is read again for each tile of the first, and of that one what tiles leave of lines. */
static double beyond_cycles(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  if (!contraction_reads_directly(s, operand) || contraction_bytes_of_one(c, operand) <= near_bytes(t)) return 0;
  if (operand == s->first) return left_of_line(c, s, operand) * beyond_load_cycles;
  if (contraction_in_blocks(c, s) && contraction_reads_directly(s, s->first)) return 0;
  return read_again(c, s, operand) ? new_lines(c, s, operand) * beyond_load_cycles : 0;
}

/* True where a step reads so many lines side by side that the next ones come by themselves. */
static bool reads_wide_rows(const contraction *c, const contraction_schedule *s) {
  return mean_tile(c, s, s->vector_axis) * s->lanes * (double)dtype_size(c->element) >= 4 * CACHE_LINE;
}

/* Cycles that a step waits for vectors that are not in the first cache. Panels come there by themselves:
 * they are read in order, and packed for later runs arrive faster than rows do from beyond the second cache. What later
 * runs read was driven out by the rest of the operand. */
static double far_cycles(const contraction *c, const contraction_schedule *s, int operand,
                         const target *t) {
  if (contraction_reads_directly(s, operand) && !contraction_direct(c, &c->operands[operand])) return image_cycles(c, s, operand, t);
  if (operand_collides(c, s, operand, t)) return positions(c, s, operand) * far_load_cycles;
  if (contraction_streams(c, s, operand, t)) return fmax(0, positions(c, s, operand) - STREAM_UNITS) * far_load_cycles;
  bool vectors = s->vector_axis >= 0 && contraction_depends(&c->operands[operand], s->vector_axis);
  if (!vectors && contraction_packs_once(c, s, 1 - operand)) return far_block_cycles(c, s, operand, t);
  bool again = read_again(c, s, operand), alike = c->operands[operand].runs_alike > 1;
  if (!vectors && contraction_reads_directly(s, operand)) return far_element_cycles(c, s, operand, t);
  if (!vectors || s->copied[operand]) return 0;
  if (reach(c, s, operand) <= (double)t->l1_bytes / 2) {
    const bool collide = again && contraction_reads_directly(s, operand) && steps_collide(c, s, operand);
    return collide ? positions(c, s, operand) * colliding_load_cycles : 0;
  }
  if (s->packed[operand]) return again ? positions(c, s, operand) * far_panel_cycles : 0;
  if (again || (alike && !reads_wide_rows(c, s))) return positions(c, s, operand) * far_load_cycles;
  return alike && lies_beyond(c, operand, t) ? positions(c, s, operand) * far_row_cycles : 0;
}

/* Sums take a stride of 1 in the output as vectors, any other through local memory. */
static double store_cycles(const contraction *c, const contraction_schedule *s) {
  double count = sums(c, s);
  if (s->vector_axis < 0) return count;
  if (c->axes[s->vector_axis].reduced) return count * 2 * (log2(s->lanes) + 1);
  if (c->axes[s->vector_axis].stride != 1) return count * s->lanes * element_copy_cycles;
  bool partial = c->axes[s->vector_axis].extent % s->lanes != 0;
  double pieces = partial ? 3 * count / mean_tile(c, s, s->vector_axis) : 0;
  return (output_collides(c, s) ? colliding_store_cycles : 1) * count + pieces;
}

/* What the epilogue reads and writes besides the sums lies as they do; it computes as many at a time as a vector of sums has. */
static double epilogue_cycles(const contraction *c, const contraction_schedule *s) {
  const double count = sums(c, s) * fmax(0, c->epilogue_elements - 1), operations = sums(c, s) * c->epilogue_operations * 0.5;
  const bool vectors = s->vector_axis >= 0 && !c->axes[s->vector_axis].reduced;
  return (vectors && c->axes[s->vector_axis].stride != 1 ? count * s->lanes * gather_cycles : count) + operations;
}

/* Elements copied in one walk over all that an operand depends on. */
static double copied_elements(const contraction *c, const contraction_schedule *s, int operand) {
  const contraction_operand *o = &c->operands[operand];
  int64_t sizes[CONTRACTION_AXES];
  contraction_box_sizes(c, s, sizes);
  double elements = 1;
  for (int i = 0; i < o->rank; i++)
    elements *= (double)contraction_box(c, s, &o->coordinates[i], sizes);
  for (int a = 0; a < c->axis_count; a++)
    if (contraction_depends(o, a) && (s->outer[a] || s->block[a]))
      elements *= (double)contraction_cut_of(c, s, a).tiles;
  return elements;
}

/* True where the copy takes squares of what lies the other way round. */
static bool is_turned(const contraction *c, const contraction_schedule *s, int operand, int innermost, const target *t) {
  const contraction_operand *o = &c->operands[operand];
  int64_t sizes[CONTRACTION_AXES], lengths[MAX_RANK];
  contraction_box_sizes(c, s, sizes);
  for (int i = 0; i < o->rank; i++) {
    if (!contraction_plain(c, &o->coordinates[i])) return false;
    lengths[i] = contraction_box(c, s, &o->coordinates[i], sizes);
  }
  for (int i = 0; i < o->rank; i++)
    if (i != innermost && contraction_may_turn(c, t, operand, i, innermost, lengths)) return true;
  return false;
}

/* True where runs of the copy are taps between zeros, of which there are few. */
static bool copies_taps(const contraction *c, const contraction_schedule *s, int operand, int innermost) {
  if (c->operands[operand].rank == 0) return false;
  for (int a = 0; a < c->axis_count; a++)
    if (contraction_padded(c, s, a) == &c->operands[operand].coordinates[innermost]) return true;
  return false;
}

double contraction_copy_cycles(const contraction *c, const contraction_schedule *s, int operand, const target *t) {
  const contraction_operand *o = &c->operands[operand];
  double elements = s->packed[operand] ? (double)contraction_packed_elements(c, s, operand)
                                       : copied_elements(c, s, operand);
  int innermost = s->vector_axis < 0 ? -1 : contraction_coordinate_of(o, s->vector_axis);
  if (innermost < 0) innermost = o->rank - 1;
  bool side_by_side = o->rank == 0 || (o->element ? o->runs[innermost]
                                                  : o->coordinates[innermost].stride == 1);
  bool runs = side_by_side && (o->rank == 0 || o->coordinates[innermost].dilation == 1);
  const double each = copies_taps(c, s, operand, innermost) ? tap_copy_cycles : runs ? 3.0 / s->lanes
                      : is_turned(c, s, operand, innermost, t) ? turned_copy_cycles : element_copy_cycles;
  return elements * (each + o->element_cycles);
}

/* Cycles of one step of a tile of which `busy` keep the busiest units. */
static double step_cycles(double busy) { return fmax(busy, 0.5 * CONTRACTION_UNITS_IN_FLIGHT) + 0.25; }

double contraction_least_cycles(const contraction *c, const contraction_schedule *s) {
  const double step = step_cycles(fmax(sums(c, s) * 0.5, load_cycles(c, s, 0) + load_cycles(c, s, 1)));
  return tiles(c, s) * (steps(c, s) * step + store_cycles(c, s) + tile_cycles + epilogue_cycles(c, s));
}

/* What packing for one run costs beside the copies: lines come from afar, and those of the first operand for every
 * span of the second's panels. */
static double span_cycles(const contraction *c, const contraction_schedule *s, const target *t) {
  const int first = s->first;
  const double spans = contraction_spans(c, s, t);
  const bool collide = !s->packed[first] && steps_collide(c, s, first);
  double cycles = spans * contraction_operand_bytes(c, first) / CACHE_LINE * (collide ? 4 : 1) * beyond_load_cycles;
  if (s->copied[first]) cycles += (spans - 1) * contraction_copy_cycles(c, s, first, t);
  for (int i = 0; i < 2; i++)
    if (s->packed[i]) cycles += contraction_arrival_cycles(c, i, t);
  return cycles;
}

/* What makes too few tasks for many threads is that much dearer at most, and what makes a few that two cannot share evenly:
 * among schedules alike on one core, the one with more tasks shall win. Tasks share out the tiles along the axes of the
 * first operand. */
static double few_tasks(const contraction *c, const contraction_schedule *s, double cycles, const target *t) {
  enum { TASKS = 16, FEW = 8 };
  double count = 1, wanted = fmin(TASKS, cycles / CONTRACTION_LONG_TASK_CYCLES);
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && contraction_depends(&c->operands[s->first], a)) count *= (double)contraction_cut_of(c, s, a).tiles;
  if (contraction_packs_once(c, s, 1 - s->first)) return 1;
  const double all = cycles + contraction_arrival_cycles(c, 0, t) + contraction_arrival_cycles(c, 1, t);
  const bool uneven = count > 1 && count < FEW && fmod(count, 2) == 1 && all >= 2 * CONTRACTION_TASK_CYCLES;
  return 1 + (count < wanted ? 0.1 * (1 - count / wanted) : 0) + (uneven ? 0.03 : 0);
}

/* What copies wait for lines from beyond the second cache: nothing else goes on meanwhile. */
static double copy_wait_cycles(const contraction *c, int operand, const target *t) {
  return lies_beyond(c, operand, t) ? contraction_operand_bytes(c, operand) / CACHE_LINE * copied_line_cycles : 0;
}

double contraction_cycles(const contraction *c, const contraction_schedule *s, const target *t) {
  double step = step_cycles(fmax(sums(c, s) * 0.5, load_cycles(c, s, 0) + load_cycles(c, s, 1)));
  for (int i = 0; i < 2; i++) step += far_cycles(c, s, i, t) + beyond_cycles(c, s, i, t);
  double cycles = tiles(c, s) * (steps(c, s) * step +
                                 blocks(c, s) * (store_cycles(c, s) + tile_cycles) +
                                 (blocks(c, s) - 1) * (store_cycles(c, s) + block_cycles) +
                                 epilogue_cycles(c, s));
  double again = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (s->outer[a] && contraction_depends(&c->operands[s->first], a) && !contraction_shared(c, a))
      again *= (double)contraction_cut_of(c, s, a).tiles;
  for (int i = 0; i < 2; i++) {
    if (s->copied[i]) cycles += (contraction_copy_cycles(c, s, i, t) + copy_wait_cycles(c, i, t)) * (i == s->first ? 1 : again);
    if (s->packed[i]) cycles += contraction_copy_cycles(c, s, i, t) / c->operands[i].runs_alike;
  }
  if (contraction_packs_once(c, s, 1 - s->first)) cycles += span_cycles(c, s, t);
  return cycles * few_tasks(c, s, cycles, t);
}

double contraction_arrival_cycles(const contraction *c, int operand, const target *t) {
  const double bytes = contraction_operand_bytes(c, operand);
  return bytes / CACHE_LINE * (bytes > (double)t->l2_bytes ? 30 : bytes > (double)t->l1_bytes ? 5 : 0);
}
