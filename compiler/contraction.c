/* What a contraction's description says about its operands, and how its axes are cut. */
#include "contraction.h"

int contraction_output_number(const contraction *c, int axis) {
  int number = 0;
  for (int a = 0; a < c->axis_count; a++)
    if (!c->axes[a].reduced && (c->axes[a].covered == c->axes[axis].covered ? a < axis
                                                                             : c->axes[axis].covered))
      number++;
  return number;
}

bool contraction_depends(const contraction_operand *operand, int axis) {
  for (int i = 0; i < operand->rank; i++)
    if (operand->coordinates[i].steps[axis] != 0) return true;
  return false;
}

bool contraction_is_bounded(const contraction *c) {
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].bounded) return true;
  return false;
}

bool contraction_plain(const contraction *c, const contraction_coordinate *coordinate) {
  int64_t last = 0;
  for (int a = 0; a < c->axis_count; a++)
    last += coordinate->steps[a] * (c->axes[a].extent - 1);
  return coordinate->dilation == 1 && coordinate->low <= 0 &&
         last - coordinate->low < coordinate->extent;
}

/* True where the reduced axis moves the coordinate, by steps of 1, between zeros that lie around it. */
static bool runs_between_zeros(const contraction *c, const contraction_coordinate *u, int axis) {
  return c->axes[axis].reduced && !c->axes[axis].bounded && u->steps[axis] == 1 && u->dilation == 1 && !contraction_plain(c, u);
}

/* True where all other axes have one index of the coordinate in a tile. */
static bool moves_alone(const contraction *c, const contraction_schedule *s, const contraction_coordinate *u, int axis) {
  if (!runs_between_zeros(c, u, axis) || s->block[axis] || axis == s->vector_axis) return false;
  for (int a = 0; a < c->axis_count; a++) {
    const bool single = !c->axes[a].reduced && a != s->vector_axis && s->tile[a] == 1 && !c->axes[a].bounded;
    if (a != axis && u->steps[a] != 0 && c->axes[a].extent > 1 && !single) return false;
  }
  return true;
}

const contraction_coordinate *contraction_padded(const contraction *c, const contraction_schedule *s, int axis) {
  const double most = 0.95; /* a range that varies costs some steps */
  for (int o = 0; o < 2 && c->axes[axis].reduced; o++) {
    if (s->packed[o] || (s->copied[o] && c->axes[axis].met > most)) continue;
    for (int i = 0; i < c->operands[o].rank; i++)
      if (moves_alone(c, s, &c->operands[o].coordinates[i], axis)) return &c->operands[o].coordinates[i];
  }
  return NULL;
}

bool contraction_direct_between_zeros(const contraction *c, const contraction_operand *operand, const contraction_schedule *s) {
  for (int i = 0; i < operand->rank; i++) {
    const contraction_coordinate *u = &operand->coordinates[i];
    bool found = contraction_plain(c, u);
    for (int a = 0; a < c->axis_count && !found; a++) found = s ? moves_alone(c, s, u, a) : runs_between_zeros(c, u, a);
    if (!found) return false;
  }
  return operand->element == NULL;
}

bool contraction_direct(const contraction *c, const contraction_operand *operand) {
  for (int i = 0; i < operand->rank; i++)
    if (!contraction_plain(c, &operand->coordinates[i])) return false;
  return operand->element == NULL;
}

int64_t contraction_stride(const contraction_operand *operand, int axis) {
  int64_t stride = 0;
  for (int i = 0; i < operand->rank; i++)
    stride += operand->coordinates[i].steps[axis] * operand->coordinates[i].stride;
  return stride;
}

int contraction_coordinate_of(const contraction_operand *operand, int axis) {
  int found = -1;
  for (int i = 0; i < operand->rank; i++) {
    if (operand->coordinates[i].steps[axis] == 0) continue;
    if (found >= 0 || operand->coordinates[i].steps[axis] != 1) return -1;
    found = i;
  }
  return found;
}

bool contraction_pure(const contraction *c, const contraction_coordinate *coordinate, int axis) {
  for (int a = 0; a < c->axis_count; a++)
    if (a != axis && coordinate->steps[a] != 0 && c->axes[a].extent > 1) return false;
  return true;
}

int64_t contraction_units(const contraction *c, const contraction_schedule *s, int axis) {
  int64_t extent = c->axes[axis].extent;
  bool vectors = axis == s->vector_axis && !c->axes[axis].reduced;
  return vectors ? (extent + s->lanes - 1) / s->lanes : extent;
}

bool contraction_packs_once(const contraction *c, const contraction_schedule *s, int operand) {
  return s->packed[operand] && c->operands[operand].runs_alike == 1;
}

bool contraction_in_blocks(const contraction *c, const contraction_schedule *s) {
  for (int a = 0; a < c->axis_count; a++)
    if (s->block[a]) return true;
  return false;
}

contraction_cut contraction_cut_of(const contraction *c, const contraction_schedule *s, int axis) {
  int64_t units = contraction_units(c, s, axis);
  int64_t most = !c->axes[axis].reduced ? s->tile[axis] : s->block[axis] ? s->block[axis] : units;
  contraction_cut cut = {.tiles = units / most + (units % most > 0)};
  bool whole = c->axes[axis].bounded ||
               (s->block[axis] && axis == s->vector_axis); /* vectors but for the last block */
  cut.size = whole ? most : units / cut.tiles;
  cut.larger = whole ? 0 : units % cut.tiles;
  return cut;
}

int64_t contraction_largest(contraction_cut cut) { return cut.size + (cut.larger > 0); }

int64_t contraction_box(const contraction *c, const contraction_schedule *s,
                        const contraction_coordinate *coordinate, const int64_t *sizes) {
  int64_t length = 1;
  for (int a = 0; a < c->axis_count; a++) {
    int64_t size = sizes[a];
    if (a == s->vector_axis)
      size = c->axes[a].reduced ? (size + s->lanes - 1) / s->lanes * s->lanes : size * s->lanes;
    length += coordinate->steps[a] * (size - 1);
  }
  return length;
}

void contraction_box_sizes(const contraction *c, const contraction_schedule *s,
                           int64_t sizes[CONTRACTION_AXES]) {
  for (int a = 0; a < c->axis_count; a++)
    sizes[a] = s->outer[a] || s->block[a] ? contraction_largest(contraction_cut_of(c, s, a))
                                                 : contraction_units(c, s, a);
}

int64_t contraction_packed_elements(const contraction *c, const contraction_schedule *s, int operand) {
  int64_t units[CONTRACTION_AXES], elements = 1;
  for (int a = 0; a < c->axis_count; a++) units[a] = contraction_units(c, s, a);
  for (int i = 0; i < c->operands[operand].rank; i++)
    elements *= contraction_box(c, s, &c->operands[operand].coordinates[i], units);
  return elements;
}

const char *contraction_schedule_text(arena *a, const contraction *c,
                                      const contraction_schedule *s) {
  const char *text = s->vector_axis < 0
                         ? "scalars"
                         : arena_printf(a, "%d lanes along %s", s->lanes,
                                        c->axes[s->vector_axis].name);
  text = arena_printf(a, "%s; tile", text);
  for (int i = 0; i < c->axis_count; i++)
    if (s->tile[i] > 1 && !c->axes[i].reduced)
      text = arena_printf(a, "%s %s %lld", text, c->axes[i].name, (long long)s->tile[i]);
  for (int i = 0; i < 2; i++)
    if (s->copied[s->first ^ i])
      text = arena_printf(a, "%s; copies %s", text, (s->first ^ i) == 0 ? "left" : "right");
  for (int i = 0; i < 2; i++)
    if (s->packed[s->first ^ i])
      text = arena_printf(a, "%s; %s packed", text, (s->first ^ i) == 0 ? "left" : "right");
  for (int i = 0; i < c->axis_count; i++)
    if (s->block[i])
      text = arena_printf(a, "%s; blocks of %lld along %s", text, (long long)s->block[i], c->axes[i].name);
  for (int i = 0; i < c->axis_count; i++)
    if (s->parts[i] > 1)
      text = arena_printf(a, "%s; %lld tasks along %s", text, (long long)s->parts[i],
                          c->axes[i].name);
  return text;
}
