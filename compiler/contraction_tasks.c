/* Which tiles of a schedule tasks share out. */
#include "contraction_cost.h"

#include <math.h>

enum { MOST_TASKS = 64 };

/* True where tasks may share out the axis: no copy covers all of it. */
static bool may_split(const contraction *c, const contraction_schedule *s, int axis) {
  for (int i = 0; i < 2; i++)
    if (s->copied[i] && contraction_depends(&c->operands[i], axis) && !s->outer[axis]) return false;
  return !c->axes[axis].reduced;
}

/* Shares the tiles along an axis out to `wanted` tasks, evenly where that costs at most half of
 * them; returns how many these are. */
static int64_t split(const contraction *c, contraction_schedule *s, int axis, int64_t wanted) {
  int64_t count = contraction_cut_of(c, s, axis).tiles, parts = wanted < count ? wanted : count;
  for (int64_t even = parts; 2 * even > parts; even--)
    if (count % even == 0) {
      parts = even;
      break;
    }
  return s->parts[axis] = parts;
}

/* True where each task along the axis makes the operand's copy again, which is else made once: within a tile of the first
 * operand the second one's is made anew as it is. */
static bool repeats_copy(const contraction *c, const contraction_schedule *s, int operand, int axis) {
  return s->copied[operand] && !contraction_depends(&c->operands[operand], axis) && (operand == s->first || !s->outer[axis]);
}

/* Tasks among which an axis may be shared out: copies that all of them make shall not take more than a tenth of the time. */
static int64_t most_repeats(const contraction *c, const contraction_schedule *s, int axis, const target *t) {
  double copies = 0;
  for (int i = 0; i < 2; i++)
    if (repeats_copy(c, s, i, axis)) copies += contraction_copy_cycles(c, s, i, t) + contraction_arrival_cycles(c, i, t);
  if (copies == 0) return MOST_TASKS;
  const double repeats = s->cycles / copies / 10;
  return repeats < 1 ? 1 : repeats > MOST_TASKS ? MOST_TASKS : (int64_t)repeats;
}

/* Where the second operand is packed for this run, its axes are split so that a block stays in the second cache, and
 * those of the first so that it is read from beyond for many rows at a time. */
static void split_spans(const contraction *c, contraction_schedule *s, const target *t) {
  enum { ROWS = 96 };
  const int64_t tiles = contraction_cut_of(c, s, s->vector_axis).tiles;
  const double spans = contraction_spans(c, s, t);
  s->parts[s->vector_axis] = spans < (double)tiles ? (int64_t)spans : tiles;
  int64_t rows = 1;
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && contraction_depends(&c->operands[s->first], a)) rows *= c->axes[a].extent;
  int64_t wanted = MOST_TASKS / s->parts[s->vector_axis];
  if (wanted > rows / ROWS) wanted = rows / ROWS;
  for (int a = 0; a < c->axis_count && wanted > 1; a++)
    if (may_split(c, s, a) && contraction_depends(&c->operands[s->first], a)) wanted /= split(c, s, a, wanted);
}

/* Parts of an axis at most: where vectors along it stream through the caches, each has so many that lines lie side by
 * side; where what is read again lies in blocks, each has some tiles to read it for. */
static int64_t most_parts(const contraction *c, const contraction_schedule *s, int axis, const target *t) {
  enum { SIDE_BY_SIDE = 4096, TILES = 4 };
  const int64_t bytes = c->axes[axis].extent * (int64_t)dtype_size(c->element);
  int64_t parts = MOST_TASKS;
  if (contraction_streams(c, s, 0, t) || contraction_streams(c, s, 1, t)) {
    if (axis == s->vector_axis) parts = bytes / SIDE_BY_SIDE;
  } else if (contraction_in_blocks(c, s) && contraction_reads_directly(s, 0) && contraction_reads_directly(s, 1)) {
    parts = contraction_cut_of(c, s, axis).tiles / TILES;
  }
  return parts > 1 ? parts : 1;
}

/* Few threads are busy with tasks as short as pay; more of them with longer ones, which repeat less. */
static int64_t tasks_wanted(const contraction *c, const contraction_schedule *s, const target *t) {
  enum { FEW_TASKS = 8 };
  double cycles = s->cycles;
  for (int i = 0; i < 2; i++) cycles += contraction_arrival_cycles(c, i, t);
  const double short_ones = fmin(FEW_TASKS, cycles / CONTRACTION_TASK_CYCLES);
  const double wanted = fmin(MOST_TASKS, fmax(short_ones, cycles / CONTRACTION_LONG_TASK_CYCLES));
  return wanted < 1 ? 1 : (int64_t)wanted;
}

/* In which turn an axis is shared out: those whose splitting repeats a copy come last. */
static int turn_of(const contraction *c, const contraction_schedule *s, int axis) {
  if (contraction_shared(c, axis)) return 0;
  if (repeats_copy(c, s, 0, axis) || repeats_copy(c, s, 1, axis)) return 3;
  return contraction_depends(&c->operands[s->first], axis) ? 1 : 2;
}

void contraction_split_tasks(const contraction *c, contraction_schedule *s, const target *t) {
  for (int a = 0; a < c->axis_count; a++) s->parts[a] = 1;
  if (contraction_packs_once(c, s, 1 - s->first)) {
    split_spans(c, s, t);
    return;
  }
  int64_t wanted = tasks_wanted(c, s, t);
  for (int turn = 0; turn < 4; turn++)
    for (int a = 0; a < c->axis_count && wanted > 1; a++) {
      if (turn_of(c, s, a) != turn || !may_split(c, s, a)) continue;
      const int64_t parts = most_parts(c, s, a, t), repeats = most_repeats(c, s, a, t), most = parts < repeats ? parts : repeats;
      wanted /= split(c, s, a, wanted < most ? wanted : most);
    }
}
