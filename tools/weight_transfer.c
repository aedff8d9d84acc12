#include "weight_transfer.h"

#include <string.h>

#include "element.h"
#include "model.h"
#include "options.h"
#include "safetensors.h"
#include "source.h"
#include "weight_map.h"

enum { SHOWN_NAMES = 8 };

/* A part of a tensor: sizes from places on, along each axis. */
typedef struct box {
  int rank;
  int64_t from[MAX_RANK], sizes[MAX_RANK];
} box;

/* A line applied to one slot: the part of it that is meant, and by each term the name of a tensor. */
typedef struct link {
  const map_line *line;
  int slot;
  box own;
  const char **names;
} link;

typedef struct transfer {
  arena *arena;
  diagnostics *diagnostics;
  const weight_map *map;
  const char *map_path, *path; /* of the tensors' file */
  const dnn_instance *instance;
  const char *part;
  link *links; /* of all slots, those of other parts too */
  int link_count;
  bool *kept;  /* slots that a line keeps */
} transfer;

static const dnn_slot *slot_of(const transfer *t, int i) { return &t->instance->model->slots[i]; }

static const char *extents_text(arena *a, dtype element, int rank, const int64_t *extents) {
  tensor_type type = type_of(element, rank, extents);
  return type_text(a, &type);
}

static const char *slot_text(const transfer *t, int i) {
  const dnn_tensor *own = &slot_of(t, i)->tensor;
  return arena_printf(t->arena, "%s: %s", own->name,
                      extents_text(t->arena, (dtype)own->element, own->rank, own->extents));
}

static const char *tensor_text(arena *a, const safetensor *x) {
  return arena_printf(a, "%s: %s", x->name, extents_text(a, x->element, x->rank, x->extents));
}

/* Below an error about a name: the nearest of those that there are, or the first ones. */
static void show_names(const transfer *t, const char *name, const char *const *names, int count) {
  const char *nearest = diag_nearest(name, names, count);
  if (nearest) {
    diag_note(t->diagnostics, "    did you mean %s?", nearest);
    return;
  }
  for (int i = 0; i < count && i < SHOWN_NAMES; i++)
    diag_note(t->diagnostics, "    there is %s", names[i]);
  if (count > SHOWN_NAMES) diag_note(t->diagnostics, "    and %d more", count - SHOWN_NAMES);
}

/* ---- boxes ----------------------------------------------------------------------------------- */

/* What a name means of a tensor. False with an error. */
static bool find_box(const transfer *t, const map_name *name, const char *text, int rank,
                     const int64_t *extents, box *b) {
  *b = (box){.rank = rank};
  if (name->range_count > rank) {
    diag_error(t->diagnostics, name->at, "%s has fewer axes than the brackets", text);
    return false;
  }
  for (int i = 0; i < rank; i++) {
    map_range range = i < name->range_count ? name->ranges[i] : (map_range){0};
    b->from[i] = range.kind == MAP_BOUNDS ? range.first : 0;
    b->sizes[i] = range.kind == MAP_BOUNDS ? range.second - range.first : extents[i];
    if (range.kind == MAP_PART) {
      b->sizes[i] = extents[i] / range.second;
      b->from[i] = range.first * b->sizes[i];
    }
    bool fits = range.kind == MAP_PART ? extents[i] % range.second == 0
                                       : range.kind == MAP_WHOLE || range.second <= extents[i];
    if (fits) continue;
    diag_error(t->diagnostics, name->at,
               range.kind == MAP_PART ? "axis %d of %s has no %lld equal parts"
                                      : "axis %d of %s ends before %lld",
               i, text, (long long)range.second);
    return false;
  }
  return true;
}

static bool meet(const box *x, const box *y) {
  for (int i = 0; i < x->rank; i++)
    if (x->from[i] + x->sizes[i] <= y->from[i] || y->from[i] + y->sizes[i] <= x->from[i]) return false;
  return true;
}

static int64_t box_elements(const box *b) {
  int64_t elements = 1;
  for (int i = 0; i < b->rank; i++) elements *= b->sizes[i];
  return elements;
}

/* A part of a tensor, and who gives it a value. */
typedef struct claim {
  box box;
  location at;
} claim;

/* Whether parts make up a tensor without meeting. */
static void check_cover(const transfer *t, const char *text, int64_t elements, const claim *claims,
                        int count) {
  int64_t covered = 0;
  for (int i = 0; i < count; i++) {
    covered += box_elements(&claims[i].box);
    for (int k = 0; k < i; k++) {
      if (!meet(&claims[k].box, &claims[i].box)) continue;
      diag_error(t->diagnostics, claims[i].at, "%s is given twice: also at %s", text,
                 diag_place(t->arena, claims[k].at));
      return;
    }
  }
  if (covered != elements)
    diag_error(t->diagnostics, claims[0].at, "only %lld of the %lld elements of %s are given",
               (long long)covered, (long long)elements, text);
}

/* The axis of a term's tensor that is axis i of the model's. */
static int axis_of(const map_term *term, int rank, int i) {
  if (term->axis_count > 0) return term->axes[i];
  return term->axis_count < 0 && i >= rank - 2 ? 2 * rank - 3 - i : i;
}

static bool check_axes(const transfer *t, const map_term *term, const char *text, int rank) {
  bool fits = term->axis_count > 0 ? term->axis_count == rank : term->axis_count == 0 || rank >= 2;
  if (!fits)
    diag_error(t->diagnostics, term->name.at, "transpose does not fit %s", text);
  return fits;
}

/* ---- from lines to links --------------------------------------------------------------------- */

static bool in_part(const transfer *t, int index) {
  size_t length = strlen(t->part);
  const char *name = slot_of(t, index)->tensor.name;
  return !length || (!strncmp(name, t->part, length) && name[length] == '.');
}

static const char **slot_names(const transfer *t, int *count) {
  const char **names = NULL;
  for (int i = *count = 0; i < t->instance->model->slot_count;)
    arena_push(t->arena, names, *count) = slot_of(t, i++)->tensor.name;
  return names;
}

static void refuse_name(const transfer *t, const map_name *own) {
  int count;
  const char **names = slot_names(t, &count);
  diag_error(t->diagnostics, own->at, "the model has no parameter or state %s", own->pattern);
  show_names(t, own->pattern, names, count);
}

static void keep(transfer *t, const map_line *line) {
  map_stars stars;
  bool found = false;
  for (int i = 0; i < t->instance->model->slot_count; i++) {
    if (!weight_map_match(line->own.pattern, slot_of(t, i)->tensor.name, &stars)) continue;
    t->kept[i] = found = true;
  }
  if (!found) refuse_name(t, &line->own);
}

static void add_link(transfer *t, const map_line *line, int index, const map_stars *stars) {
  const dnn_tensor *own = &slot_of(t, index)->tensor;
  link l = {.line = line, .slot = index};
  const char *text = slot_text(t, index);
  if (!find_box(t, &line->own, text, own->rank, own->extents, &l.own)) return;
  for (int i = 0; i < line->term_count; i++)
    if (!check_axes(t, &line->terms[i], text, own->rank)) return;
  bool real = dtype_is_float((dtype)own->element), divides = true;
  if (line->constant_count > 1)
    divides = own->rank > 0 && l.own.sizes[0] % line->constant_count == 0;
  if (!divides || ((line->constant_count || line->term_count > 1) && !real)) {
    diag_error(t->diagnostics, line->own.at, divides ? "%s holds no floating numbers, so nothing is added"
                                                     : "%s has not as many equal parts as constants", text);
    return;
  }
  l.names = arena_array_of(t->arena, line->term_count, const char *);
  for (int i = 0; i < line->term_count; i++)
    l.names[i] = weight_map_fill(t->arena, line->terms[i].name.pattern, stars);
  arena_push(t->arena, t->links, t->link_count) = l;
}

static void assign(transfer *t, const map_line *line) {
  map_stars stars;
  bool found = false;
  for (int i = 0; i < t->instance->model->slot_count; i++) {
    if (!weight_map_match(line->own.pattern, slot_of(t, i)->tensor.name, &stars)) continue;
    found = true;
    if (!t->kept[i]) add_link(t, line, i, &stars);
  }
  if (!found) refuse_name(t, &line->own);
}

static void check_slot(const transfer *t, int index) {
  const dnn_slot *s = slot_of(t, index);
  claim *claims = NULL;
  int count = 0;
  for (int i = 0; i < t->link_count; i++)
    if (t->links[i].slot == index)
      arena_push(t->arena, claims, count) = (claim){t->links[i].own, t->links[i].line->own.at};
  tensor_type type = model_type(&s->tensor);
  if (count) check_cover(t, slot_text(t, index), type_elements(&type), claims, count);
  else if (!t->kept[index] && !model_is_of_entry(t->instance->model, s))
    diag_error(t->diagnostics, (location){0}, "%s does not name %s %s; `keep %s` leaves it as it is",
               t->map_path, s->trained ? "parameter" : "state", slot_text(t, index), s->tensor.name);
}

/* Which line is for which slot. */
static void make_links(transfer *t) {
  t->kept = arena_array_of(t->arena, t->instance->model->slot_count, bool);
  for (int i = 0; i < t->map->line_count; i++)
    if (t->map->lines[i].kind == MAP_KEEP) keep(t, &t->map->lines[i]);
  for (int i = 0; i < t->map->line_count; i++)
    if (t->map->lines[i].kind == MAP_ASSIGN) assign(t, &t->map->lines[i]);
  if (diag_count(t->diagnostics)) return;
  for (int i = 0; i < t->instance->model->slot_count; i++)
    if (in_part(t, i)) check_slot(t, i);
}

/* ---- from links to tensors ------------------------------------------------------------------- */

/* The box of a term's tensor that belongs to a link. False with an error. */
static bool connect(const transfer *t, const link *l, const map_term *term, const safetensor *x, box *b) {
  const char *text = tensor_text(t->arena, x), *own_text = slot_text(t, l->slot);
  dtype own = (dtype)slot_of(t, l->slot)->tensor.element;
  if (own != x->element && !(dtype_is_float(own) && dtype_is_float(x->element))) {
    diag_error(t->diagnostics, term->name.at, "the types of %s and %s differ", text, own_text);
    return false;
  }
  if (!find_box(t, &term->name, text, x->rank, x->extents, b)) return false;
  bool same = x->rank == l->own.rank;
  for (int i = 0; i < l->own.rank && same; i++)
    same = b->sizes[axis_of(term, x->rank, i)] == l->own.sizes[i];
  if (same) return true;
  bool swapped = x->rank == 2 && l->own.rank == 2 && b->sizes[0] == l->own.sizes[1] &&
                 b->sizes[1] == l->own.sizes[0];
  diag_error(t->diagnostics, term->name.at, "%s does not fit %s", text, own_text);
  if (term->axis_count || l->line->own.range_count || term->name.range_count)
    diag_note(t->diagnostics, "    with this line's transpose and brackets it is %s for %s",
              extents_text(t->arena, x->element, b->rank, b->sizes),
              extents_text(t->arena, own, l->own.rank, l->own.sizes));
  if (swapped && !term->axis_count) diag_note(t->diagnostics, "    it does with `transpose`");
  return false;
}

/* ---- elements -------------------------------------------------------------------------------- */

/* A part of an array in memory; strides are in bytes. */
typedef struct view {
  dtype element;
  int rank;
  char *data;
  int64_t sizes[MAX_RANK], strides[MAX_RANK];
} view;

static view view_of(dtype element, const void *data, const int64_t *extents, const box *b) {
  view v = {.element = element, .rank = b->rank, .data = (char *)data};
  int64_t stride = (int64_t)dtype_size(element);
  for (int i = b->rank; i-- > 0; stride *= extents[i]) {
    v.sizes[i] = b->sizes[i];
    v.strides[i] = stride;
    v.data += b->from[i] * stride;
  }
  return v;
}

/* The tensor of a term with its axes in the order of the model's. */
static view permuted(const view *v, const map_term *term) {
  view p = *v;
  for (int i = 0; i < v->rank; i++) {
    p.sizes[i] = v->sizes[axis_of(term, v->rank, i)];
    p.strides[i] = v->strides[axis_of(term, v->rank, i)];
  }
  return p;
}

/* Elements of a file are not necessarily aligned. */
static double real_at(dtype element, const char *at) {
  double cell = 0;
  memcpy(&cell, at, dtype_size(element));
  return element_real(element, &cell, 0);
}

static void set_real_at(dtype element, char *at, double value) {
  double cell = 0;
  element_set_real(element, &cell, 0, value);
  memcpy(at, &cell, dtype_size(element));
}

/* What one element becomes: another, the sum with it, or the sum with a number. */
typedef struct motion {
  const view *to, *from; /* of the same sizes; from NULL: the number is added */
  bool add;
  double number;
} motion;

static void move_element(const motion *m, char *to, const char *from) {
  dtype element = m->to->element;
  if (!m->from) set_real_at(element, to, real_at(element, to) + m->number);
  else if (m->add) set_real_at(element, to, real_at(element, to) + real_at(m->from->element, from));
  else if (element == m->from->element) memcpy(to, from, dtype_size(element));
  else set_real_at(element, to, real_at(m->from->element, from));
}

static void move(const motion *m, char *to, const char *from, int axis) {
  if (axis == m->to->rank) {
    move_element(m, to, from);
    return;
  }
  for (int64_t i = 0; i < m->to->sizes[axis]; i++) {
    move(m, to + i * m->to->strides[axis], m->from ? from + i * m->from->strides[axis] : NULL, axis + 1);
  }
}

static void move_all(const motion *m) { move(m, m->to->data, m->from ? m->from->data : NULL, 0); }

/* Adds the constants of a line to its parts along the first axis, or takes them away. */
static void add_constants(const map_line *line, const view *v, double sign) {
  for (int i = 0; i < line->constant_count; i++) {
    view part = *v;
    if (line->constant_count > 1) {
      part.sizes[0] /= line->constant_count;
      part.data += i * part.sizes[0] * part.strides[0];
    }
    move_all(&(motion){.to = &part, .number = sign * line->constants[i]});
  }
}

static view own_view(const transfer *t, const link *l) {
  const dnn_slot *s = slot_of(t, l->slot);
  return view_of((dtype)s->tensor.element, dnn_slot_memory(t->instance, s), s->tensor.extents, &l->own);
}

/* ---- loading --------------------------------------------------------------------------------- */

static const char **tensor_names(arena *a, const safetensors *file, int *count) {
  const char **names = NULL;
  for (int i = *count = 0; i < file->tensor_count;)
    arena_push(a, names, *count) = file->tensors[i++].name;
  return names;
}

static const safetensor *find_tensor(const transfer *t, const safetensors *file, const link *l, int term) {
  const safetensor *x = safetensors_find(file, l->names[term]);
  if (x) return x;
  int count;
  const char **names = tensor_names(t->arena, file, &count);
  diag_error(t->diagnostics, l->line->terms[term].name.at, "%s has no tensor %s, from which %s comes",
             t->path, l->names[term], slot_of(t, l->slot)->tensor.name);
  show_names(t, l->names[term], names, count);
  return NULL;
}

/* The views of a link's tensors, with its axes in the model's order. False with an error. */
static bool find_views(const transfer *t, const safetensors *file, const link *l, view *views) {
  for (int i = 0; i < l->line->term_count; i++) {
    const map_term *term = &l->line->terms[i];
    const safetensor *x = find_tensor(t, file, l, i);
    box b;
    if (!x || !connect(t, l, term, x, &b)) return false;
    view v = view_of(x->element, x->data, x->extents, &b);
    views[i] = permuted(&v, term);
  }
  return true;
}

/* Every tensor of the file is named. */
static void check_tensors(const transfer *t, const safetensors *file) {
  map_stars stars;
  for (int i = 0; i < file->tensor_count; i++) {
    const safetensor *x = &file->tensors[i];
    bool named = false;
    for (int k = 0; k < t->link_count && !named; k++)
      for (int n = 0; n < t->links[k].line->term_count && !named; n++)
        named = !strcmp(t->links[k].names[n], x->name);
    for (int k = 0; k < t->map->line_count && !named; k++)
      named = t->map->lines[k].kind == MAP_IGNORE &&
              weight_map_match(t->map->lines[k].own.pattern, x->name, &stars);
    if (!named)
      diag_error(t->diagnostics, (location){0}, "%s does not name tensor %s of %s; `ignore %s` leaves it "
                 "out", t->map_path, tensor_text(t->arena, x), t->path, x->name);
  }
}

static void load_link(const transfer *t, const link *l, const view *views) {
  view own = own_view(t, l);
  for (int i = 0; i < l->line->term_count; i++)
    move_all(&(motion){.to = &own, .from = &views[i], .add = i > 0});
  add_constants(l->line, &own, 1);
}

static void load_links(const transfer *t, const safetensors *file) {
  view **views = arena_array_of(t->arena, t->link_count, view *);
  for (int i = 0; i < t->link_count; i++) {
    views[i] = arena_array_of(t->arena, t->links[i].line->term_count, view);
    if (in_part(t, t->links[i].slot)) find_views(t, file, &t->links[i], views[i]);
  }
  check_tensors(t, file);
  if (diag_count(t->diagnostics)) return;
  for (int i = 0; i < t->link_count; i++)
    if (in_part(t, t->links[i].slot)) load_link(t, &t->links[i], views[i]);
}

/* ---- saving ---------------------------------------------------------------------------------- */

/* The tensor of a name in a file that is being put together. */
static safetensor *output(const transfer *t, safetensors *file, const link *l, int term) {
  safetensor *x = (safetensor *)safetensors_find(file, l->names[term]);
  if (x) return x;
  const dnn_tensor *own = &slot_of(t, l->slot)->tensor;
  safetensors_add(t->arena, file, (safetensor){.name = l->names[term], .element = (dtype)own->element,
                                               .rank = own->rank});
  return &file->tensors[file->tensor_count - 1];
}

/* Makes a tensor as large as a link needs it. Of two that need other sizes one does not fit later. */
static void stretch(const transfer *t, safetensors *file, const link *l, int term) {
  safetensor *x = output(t, file, l, term);
  const map_name *name = &l->line->terms[term].name;
  dtype own = (dtype)slot_of(t, l->slot)->tensor.element;
  if (x->element != own)
    diag_error(t->diagnostics, name->at, "%s holds other slots of %s, but %s", x->name,
               dtype_name(x->element), slot_text(t, l->slot));
  for (int i = 0; i < l->own.rank && i < x->rank; i++) {
    int axis = axis_of(&l->line->terms[term], l->own.rank, i);
    map_range range = axis < name->range_count ? name->ranges[axis] : (map_range){0};
    int64_t least = range.kind == MAP_BOUNDS ? range.second : l->own.sizes[i];
    if (range.kind == MAP_PART && __builtin_mul_overflow(least, range.second, &least)) least = INT64_MAX;
    if (axis < x->rank && x->extents[axis] < least) x->extents[axis] = least;
  }
}

static bool make_memory(const transfer *t, safetensor *x) {
  x->bytes = (int64_t)dtype_size(x->element);
  bool fits = true;
  for (int i = 0; i < x->rank && fits; i++)
    fits = !__builtin_mul_overflow(x->bytes, x->extents[i], &x->bytes) && x->bytes < INT64_MAX / 2;
  if (fits) x->data = arena_alloc(t->arena, (size_t)x->bytes);
  else diag_error(t->diagnostics, (location){0}, "%s: tensor %s would be too large", t->map_path, x->name);
  return fits;
}

/* The lines' parts make up each tensor. */
static void check_outputs(const transfer *t, const safetensors *file) {
  for (int i = 0; i < file->tensor_count; i++) {
    const safetensor *x = &file->tensors[i];
    claim *claims = NULL;
    int count = 0;
    for (int k = 0; k < t->link_count; k++) {
      const map_line *line = t->links[k].line;
      for (int n = 0; n < line->term_count && in_part(t, t->links[k].slot); n++) {
        claim c = {.at = line->terms[n].name.at};
        if (strcmp(t->links[k].names[n], x->name)) continue;
        if (!connect(t, &t->links[k], &line->terms[n], x, &c.box)) return;
        arena_push(t->arena, claims, count) = c;
      }
    }
    check_cover(t, tensor_text(t->arena, x), x->bytes / (int64_t)dtype_size(x->element), claims, count);
  }
}

/* The first term gets the value without the constants; memory is zero as it comes. */
static void save_link(const transfer *t, const safetensors *file, const link *l) {
  view own = own_view(t, l), *views = arena_array_of(t->arena, l->line->term_count, view);
  if (!find_views(t, file, l, views)) internal_error("link of %s", l->names[0]);
  move_all(&(motion){.to = &views[0], .from = &own});
  add_constants(l->line, &views[0], -1);
}

static void save_links(const transfer *t, safetensors *file) {
  for (int i = 0; i < t->link_count; i++)
    for (int k = 0; k < t->links[i].line->term_count && in_part(t, t->links[i].slot); k++)
      stretch(t, file, &t->links[i], k);
  for (int i = 0; i < file->tensor_count; i++)
    if (!make_memory(t, &file->tensors[i])) return;
  check_outputs(t, file);
  if (diag_count(t->diagnostics)) return;
  for (int i = 0; i < t->link_count; i++)
    if (in_part(t, t->links[i].slot)) save_link(t, file, &t->links[i]);
}

/* ---- both ------------------------------------------------------------------------------------ */

/* Reads the map and finds which line is for which slot; false with errors printed. */
static bool begin(transfer *t) {
  t->diagnostics = diag_new(t->arena);
  const source *text = source_read(t->arena, t->diagnostics, t->map_path);
  t->map = text ? weight_map_parse(t->arena, t->diagnostics, text) : NULL;
  if (t->map) make_links(t);
  return tool_diagnostics(t->diagnostics) == 0;
}

bool weight_transfer_load(arena *a, const char *map, const char *path, dnn_instance *instance,
                          const char *part) {
  transfer t = {.arena = a, .map_path = map, .path = path, .instance = instance, .part = part};
  const char *error = NULL;
  if (!begin(&t)) return false;
  const safetensors *file = safetensors_read(a, path, &error);
  if (!file) return tool_error("%s", error) == 0;
  load_links(&t, file);
  return tool_diagnostics(t.diagnostics) == 0 && model_prepare(instance);
}

bool weight_transfer_save(arena *a, const char *map, const char *path, const dnn_instance *instance,
                          const char *part) {
  transfer t = {.arena = a, .map_path = map, .path = path, .instance = instance, .part = part};
  safetensors file = {0};
  const char *error = NULL;
  if (!begin(&t)) return false;
  save_links(&t, &file);
  if (tool_diagnostics(t.diagnostics)) return false;
  return safetensors_write(a, path, &file, &error) || tool_error("%s", error) == 0;
}
