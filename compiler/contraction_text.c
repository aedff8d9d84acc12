/* Contractions and the choice of a schedule as text, for the files of tuning (tuning.h). */
#include "contraction.h"

#include <string.h>

/* ---- what is computed ------------------------------------------------------------------------ */

static const char *axis_text(arena *a, const contraction_axis *x) {
  const char *text = arena_printf(a, "%s %s%lld", x->name, x->bounded ? "up to " : "", (long long)x->extent);
  if (x->reduced) return arena_printf(a, "%s summed", text);
  return arena_printf(a, "%s by %lld%s", text, (long long)x->stride, x->covered ? " covered" : "");
}

/* "(2y+i-1)/2 of 28 by 28": what the axes say, the distance of the stored elements, how many there are, and their
 * stride in the buffer; of computed ones, whether they come in runs. */
static const char *coordinate_text(arena *a, const contraction *c, const contraction_operand *o, int number) {
  const contraction_coordinate *x = &o->coordinates[number];
  const char *at = "";
  for (int axis = 0; axis < c->axis_count; axis++) {
    long long step = (long long)x->steps[axis];
    if (step == 0) continue;
    at = arena_printf(a, "%s%s", at, *at ? "+" : "");
    at = step == 1 ? arena_printf(a, "%s%s", at, c->axes[axis].name)
                   : arena_printf(a, "%s%lld%s", at, step, c->axes[axis].name);
  }
  if (!*at) at = "0";
  if (x->low != 0) at = arena_printf(a, "%s%+lld", at, -(long long)x->low);
  if (x->dilation != 1) at = arena_printf(a, "(%s)/%lld", at, (long long)x->dilation);
  at = arena_printf(a, "%s of %lld", at, (long long)x->extent);
  if (o->element) return o->runs[number] ? arena_printf(a, "%s in runs", at) : at;
  return arena_printf(a, "%s by %lld", at, (long long)x->stride);
}

static const char *operand_text(arena *a, const contraction *c, int number) {
  const contraction_operand *o = &c->operands[number];
  const char *text = number == 0 ? "left" : "right";
  if (o->element) text = arena_printf(a, "%s computed in %.4g cycles", text, o->element_cycles);
  if (o->runs_alike < 1) text = arena_printf(a, "%s never packed", text);
  if (o->runs_alike > 1) text = arena_printf(a, "%s alike in %.4g runs", text, o->runs_alike);
  for (int i = 0; i < o->rank; i++)
    text = arena_printf(a, "%s%s %s", text, i ? "," : ":", coordinate_text(a, c, o, i));
  return text;
}

const char *contraction_text(arena *a, const contraction *c) {
  const char *text = arena_printf(a, "%s", dtype_name(c->element));
  for (int i = 0; i < c->axis_count; i++)
    text = arena_printf(a, "%s%s %s", text, i ? "," : ":", axis_text(a, &c->axes[i]));
  for (int i = 0; i < 2; i++) text = arena_printf(a, "%s; %s", text, operand_text(a, c, i));
  if (c->epilogue_elements > 0) text = arena_printf(a, "%s; %.4g elements behind each sum", text, c->epilogue_elements);
  if (c->epilogue_operations > 0) text = arena_printf(a, "%s; %.4g operations", text, c->epilogue_operations);
  return text;
}

/* ---- how ------------------------------------------------------------------------------------- */

static const char *const sides[] = {"left", "right"};
static const char *const ways[] = {"direct", "copied", "packed"};
enum { DIRECT, COPIED, PACKED, WAYS };

static bool is_tiled(const contraction *c, int axis) { return !c->axes[axis].reduced && !c->axes[axis].covered; }

const char *contraction_choice_text(arena *a, const contraction *c, const contraction_schedule *s) {
  const char *text = s->vector_axis < 0 ? "scalars"
                                        : arena_printf(a, "%d lanes along %s", s->lanes, c->axes[s->vector_axis].name);
  int tiled = 0;
  for (int i = 0; i < c->axis_count; i++)
    if (is_tiled(c, i) && s->tile[i] > 1)
      text = arena_printf(a, "%s%s %s %lld", text, tiled++ ? "," : "; tile", c->axes[i].name, (long long)s->tile[i]);
  for (int i = 0; i < 2; i++)
    text = arena_printf(a, "%s; %s %s", text, sides[i], ways[s->packed[i] ? PACKED : s->copied[i] ? COPIED : DIRECT]);
  return arena_printf(a, "%s; %s first", text, sides[s->first]);
}

/* Steps over a word, and the blanks behind it, where it stands. */
static bool take(const char **at, const char *word) {
  size_t length = strlen(word);
  if (strncmp(*at, word, length) != 0) return false;
  *at += length;
  *at += strspn(*at, " ");
  return true;
}

/* The number of the word of a list that stands there, or -1. A word ends where no letter or digit follows. */
static int take_one(const char **at, int count, const char *const *words) {
  size_t length = strcspn(*at, " ,;");
  for (int i = 0; i < count; i++)
    if (strlen(words[i]) == length && strncmp(*at, words[i], length) == 0) return take(at, words[i]) ? i : -1;
  return -1;
}

static int take_axis(const char **at, const contraction *c) {
  const char *names[CONTRACTION_AXES];
  for (int i = 0; i < c->axis_count; i++) names[i] = c->axes[i].name;
  return take_one(at, c->axis_count, names);
}

/* Up to nine digits. */
static bool take_number(const char **at, int64_t *number) {
  size_t digits = strspn(*at, "0123456789");
  if (digits == 0 || digits > 9) return false;
  *number = 0;
  for (; digits > 0; digits--) *number = *number * 10 + *(*at)++ - '0';
  *at += strspn(*at, " ");
  return true;
}

static bool take_vectors(const char **at, const contraction *c, contraction_schedule *s) {
  int64_t lanes;
  if (take(at, "scalars")) return true;
  if (!take_number(at, &lanes) || lanes > LOOP_MAX_LANES || !take(at, "lanes") || !take(at, "along")) return false;
  s->lanes = (int)lanes;
  s->vector_axis = take_axis(at, c);
  return s->vector_axis >= 0;
}

static bool take_tile(const char **at, const contraction *c, contraction_schedule *s) {
  do {
    const char *start = *at;
    int axis = take_axis(at, c);
    if (axis < 0 || !is_tiled(c, axis) || s->tile[axis] > 1) {
      *at = start;
      return false;
    }
    if (!take_number(at, &s->tile[axis])) return false;
  } while (take(at, ","));
  return take(at, ";");
}

static bool take_way(const char **at, contraction_schedule *s, int side) {
  if (!take(at, sides[side])) return false;
  int way = take_one(at, WAYS, ways);
  s->copied[side] = way == COPIED;
  s->packed[side] = way == PACKED;
  return way >= 0 && take(at, ";");
}

const char *contraction_choice_parse(const contraction *c, const char *text, contraction_schedule *s) {
  *s = (contraction_schedule){.vector_axis = -1, .lanes = 1};
  for (int i = 0; i < c->axis_count; i++) s->tile[i] = c->axes[i].covered ? c->axes[i].extent : 1;
  const char *at = text;
  if (!take_vectors(&at, c, s) || !take(&at, ";") || (take(&at, "tile") && !take_tile(&at, c, s)) ||
      !take_way(&at, s, 0) || !take_way(&at, s, 1))
    return at;
  s->first = take_one(&at, 2, sides);
  return s->first >= 0 && take(&at, "first") && !*at ? NULL : at;
}
