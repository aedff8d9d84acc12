/* Copies of operands, to local memory or packed: the coordinates in order, but that of the vector axis
 * innermost, with the zeros that lie between and around the stored elements. */
#include "contraction_nest.h"

typedef struct copy {
  const contraction_nest *nest;
  const contraction_operand *operand;
  loop_buffer *to;               /* local, or the packed array */
  int order[MAX_RANK];           /* coordinates, innermost last */
  int64_t length[MAX_RANK];      /* of the present box along each coordinate */
  int64_t stride[MAX_RANK];      /* where it is copied to */
  const loop_expr *first[MAX_RANK]; /* u - low at the start of the box */
  const loop_expr *index[MAX_RANK]; /* of the stored element, as the loops fix it */
} copy;

static bool linear(const copy *k) { return k->operand->element == NULL; }

/* ---- single runs --------------------------------------------------------------------------- */

/* Where the element at k->index of a linear operand lies. */
static const loop_expr *buffer_at(const copy *k) {
  arena *a = k->nest->arena;
  const loop_expr *at = loop_int(a, k->operand->base);
  for (int i = 0; i < k->operand->rank; i++)
    at = contraction_scaled(a, k->index[i], k->operand->coordinates[i].stride, at);
  return at;
}

/* Stored elements from k->index on; several lie side by side in a linear operand's buffer. */
static const loop_expr *stored_elements(const copy *k, loop_block *block, int along, int lanes) {
  arena *a = k->nest->arena;
  if (!linear(k)) return k->operand->element(a, k->operand, block, k->index, along, lanes);
  const loop_expr *at = buffer_at(k);
  return loop_load(a, k->operand->buffer, &at, lanes, NULL);
}

/* A run of consecutive elements, to be filled with zeros or copied. */
typedef struct stretch {
  copy *copy;
  int along; /* -1: zeros */
  const loop_expr *from, *to;
} stretch;

static void stretch_piece(void *context, loop_block *block, const loop_expr *at, int lanes) {
  const stretch *s = context;
  const contraction_nest *n = s->copy->nest;
  arena *a = n->arena;
  const loop_expr *to = loop_add(a, s->to, at), *value;
  if (s->along >= 0) {
    s->copy->index[s->along] = loop_add(a, s->from, at);
    value = stored_elements(s->copy, block, s->along, lanes);
  } else {
    value = loop_splat(a, loop_constant(a, n->contraction->element, 0, 0), lanes);
  }
  loop_store(a, block, s->copy->to, &to, value, NULL);
}

static void fill_stretch(stretch *s, loop_block *block, int64_t count) {
  const contraction_nest *n = s->copy->nest;
  const contraction_operand *o = s->copy->operand;
  int lanes = contraction_full_lanes(n->contraction, n->target);
  if (s->along >= 0 && o->element && o->most_lanes < lanes) lanes = o->most_lanes;
  contraction_pieces(n->arena, block, count, lanes, stretch_piece, s);
}

static void fill(copy *k, loop_block *block, const loop_expr *at, int64_t count) {
  stretch s = {.copy = k, .along = -1, .to = at};
  fill_stretch(&s, block, count);
}

/* Copies stored elements [low, low + count) of the innermost coordinate, `apart` elements apart. */
static void copy_run(copy *k, loop_block *block, int coordinate, const loop_expr *low,
                     int64_t count, const loop_expr *to, int64_t apart) {
  arena *a = k->nest->arena;
  bool runs = linear(k) ? k->operand->coordinates[coordinate].stride == 1
                        : k->operand->runs[coordinate];
  if (apart == 1 && runs) {
    stretch s = {.copy = k, .along = coordinate, .from = low, .to = to};
    fill_stretch(&s, block, count);
    return;
  }
  const loop_variable *v = loop_variable_new(a, "e", loop_scalar(DTYPE_I64));
  loop_for_kind kind = count <= 16 && linear(k) ? LOOP_UNROLL : LOOP_SEQ;
  loop_stmt *loop = loop_for(a, block, kind, v, loop_int(a, 0), loop_int(a, count), 1);
  k->index[coordinate] = loop_add(a, low, loop_var(a, v));
  const loop_expr *at = contraction_scaled(a, loop_var(a, v), apart, to);
  loop_store(a, &loop->body, k->to, &at, stored_elements(k, &loop->body, coordinate, 1), NULL);
}

/* ---- walks over the box -------------------------------------------------------------------- */

static int64_t span(const contraction_coordinate *c) { return (c->extent - 1) * c->dilation + 1; }

/* True where the box is longer along the coordinate than what is read, to fill the last vector. */
static bool rounded_up(const copy *k, int coordinate) {
  const contraction_nest *n = k->nest;
  const contraction_schedule *s = n->schedule;
  int v = s->vector_axis;
  if (v < 0 || k->operand->coordinates[coordinate].steps[v] == 0) return false;
  if (n->contraction->axes[v].reduced) return n->size[v] % s->lanes != 0;
  return s->outer[v] ? n->partial > 0 : n->contraction->axes[v].extent % s->lanes != 0;
}

/* True where every u of the present box is a stored element, wherever the loops stand. */
static bool stored(const copy *k, int coordinate) {
  const contraction_coordinate *c = &k->operand->coordinates[coordinate];
  if (!rounded_up(k, coordinate)) return contraction_plain(k->nest->contraction, c);
  int64_t first;
  return loop_is_int(k->first[coordinate], &first) && c->dilation == 1 && first >= 0 &&
         first + k->length[coordinate] <= c->extent;
}

/* Is element u - low of the coordinate a stored one? */
static const loop_expr *is_stored(arena *a, const contraction_coordinate *c, const loop_expr *u) {
  const loop_expr *inside =
      loop_op(a, SCALAR_AND, loop_op(a, SCALAR_GE, u, loop_int(a, 0), NULL),
              loop_op(a, SCALAR_LT, u, loop_int(a, span(c)), NULL), NULL);
  if (c->dilation == 1) return inside;
  const loop_expr *rest = loop_op(a, SCALAR_MOD, u, loop_int(a, c->dilation), NULL);
  return loop_op(a, SCALAR_AND, inside, loop_op(a, SCALAR_EQ, rest, loop_int(a, 0), NULL), NULL);
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : x > high ? high : x;
}

/* The innermost coordinate where the box starts at a known place: zeros, elements, zeros. */
static void copy_row_at(copy *k, loop_block *block, int coordinate, int64_t first,
                        const loop_expr *to) {
  arena *a = k->nest->arena;
  const contraction_coordinate *c = &k->operand->coordinates[coordinate];
  int64_t length = k->length[coordinate];
  int64_t low = first > 0 ? (first + c->dilation - 1) / c->dilation : 0; /* first stored element */
  int64_t most = c->extent < low ? low : c->extent;
  int64_t high = clamp((first + length - 1) / c->dilation + 1, low, most);
  if (first + length <= 0) high = low;
  int64_t at = clamp(low * c->dilation - first, 0, length);
  int64_t end = high > low ? (high - 1) * c->dilation + 1 - first : at;
  if (c->dilation > 1) {
    fill(k, block, to, length);
  } else {
    fill(k, block, to, at);
    fill(k, block, loop_add(a, to, loop_int(a, end)), length - end);
  }
  if (high > low)
    copy_run(k, block, coordinate, loop_int(a, low), high - low, loop_add(a, to, loop_int(a, at)),
             c->dilation);
}

static void copy_from(copy *k, loop_block *block, int depth, const loop_expr *to);

/* True where tiles read no zeros along the coordinate. */
static bool is_spared(const copy *k, int coordinate) {
  const contraction_nest *n = k->nest;
  for (int a = 0; a < n->contraction->axis_count; a++)
    if (contraction_padded(n->contraction, n->schedule, a) == &k->operand->coordinates[coordinate]) return true;
  return false;
}

/* The elements of such a coordinate, wherever the box starts: zeros around them are nowhere read. */
static void copy_spared(copy *k, loop_block *block, int depth, const loop_expr *to) {
  arena *a = k->nest->arena;
  const int coordinate = k->order[depth];
  const contraction_met met = contraction_met_steps(k->nest, block, &k->operand->coordinates[coordinate], k->length[coordinate]);
  const loop_variable *v = loop_variable_new(a, arena_printf(a, "u%d", coordinate), loop_scalar(DTYPE_I64));
  loop_stmt *loop = loop_for(a, block, LOOP_SEQ, v, met.low, met.high, 1);
  k->index[coordinate] = loop_add(a, k->first[coordinate], loop_var(a, v));
  copy_from(k, &loop->body, depth + 1, contraction_scaled(a, loop_var(a, v), k->stride[coordinate], to));
}

/* One turn of the loop over a coordinate that may hold zeros. */
static void copy_guarded(copy *k, loop_block *block, int depth, const loop_expr *u,
                         const loop_expr *to) {
  arena *a = k->nest->arena;
  int coordinate = k->order[depth];
  const contraction_coordinate *c = &k->operand->coordinates[coordinate];
  loop_stmt *guard = loop_if(a, block, is_stored(a, c, u));
  k->index[coordinate] =
      c->dilation == 1 ? u : loop_op(a, SCALAR_FLOORDIV, u, loop_int(a, c->dilation), NULL);
  copy_from(k, &guard->body, depth + 1, to);
  fill(k, &guard->otherwise, to, k->stride[coordinate]);
}

/* True where the elements of the box lie side by side along order[depth], and in the copy along the innermost coordinate,
 * with none but single ones between these two. */
static bool is_turned(const copy *k, int depth) {
  const contraction_nest *n = k->nest;
  const int last = k->operand->rank - 1;
  if (depth >= last) return false;
  for (int i = depth; i <= last; i++)
    if (!stored(k, k->order[i]) || (i > depth && i < last && k->length[k->order[i]] > 1)) return false;
  return contraction_may_turn(n->contraction, n->target, (int)(k->operand - n->contraction->operands), k->order[depth],
                              k->order[last], k->length);
}

static void copy_turned(copy *k, loop_block *block, int depth, const loop_expr *to) {
  const int outer = k->order[depth], inner = k->order[k->operand->rank - 1];
  for (int i = depth; i < k->operand->rank; i++) k->index[k->order[i]] = k->first[k->order[i]];
  const contraction_turn turn = {.buffer = k->operand->buffer, .to = k->to, .from = buffer_at(k), .to_at = to,
                                 .across = k->operand->coordinates[inner].stride, .along = k->stride[outer],
                                 .length = {k->length[inner], k->length[outer]}};
  contraction_turn_copy(k->nest, &turn, block);
}

/* Copies the box spanned by the coordinates from order[depth] on. */
static void copy_from(copy *k, loop_block *block, int depth, const loop_expr *to) {
  arena *a = k->nest->arena;
  if (depth == k->operand->rank) {
    loop_store(a, block, k->to, &to, stored_elements(k, block, 0, 1), NULL);
    return;
  }
  if (is_turned(k, depth)) {
    copy_turned(k, block, depth, to);
    return;
  }
  int coordinate = k->order[depth];
  bool whole = stored(k, coordinate), innermost = depth == k->operand->rank - 1;
  int64_t first;
  if (innermost && whole) {
    copy_run(k, block, coordinate, k->first[coordinate], k->length[coordinate], to, 1);
  } else if (innermost && loop_is_int(k->first[coordinate], &first)) {
    copy_row_at(k, block, coordinate, first, to);
  } else if (is_spared(k, coordinate)) {
    copy_spared(k, block, depth, to);
  } else {
    const loop_expr *at = loop_int(a, 0);
    if (k->length[coordinate] > 1) {
      const loop_variable *v = loop_variable_new(a, arena_printf(a, "u%d", coordinate),
                                                 loop_scalar(DTYPE_I64));
      loop_stmt *loop = loop_for(a, block, LOOP_SEQ, v, loop_int(a, 0),
                                 loop_int(a, k->length[coordinate]), 1);
      block = &loop->body;
      at = loop_var(a, v);
    }
    const loop_expr *u = loop_add(a, k->first[coordinate], at);
    to = contraction_scaled(a, at, k->stride[coordinate], to);
    k->index[coordinate] = u;
    if (whole)
      copy_from(k, block, depth + 1, to);
    else
      copy_guarded(k, block, depth, u, to);
  }
}

/* ---- the copy ------------------------------------------------------------------------------ */

/* Order of the coordinates, and strides and size of a local buffer for the largest box. */
static int64_t lay_out(copy *k) {
  const contraction_nest *n = k->nest;
  int v = n->schedule->vector_axis;
  int last = v < 0 ? -1 : contraction_coordinate_of(k->operand, v), count = 0;
  for (int i = 0; i < k->operand->rank; i++)
    if (i != last) k->order[count++] = i;
  if (last >= 0) k->order[count++] = last;
  int64_t sizes[CONTRACTION_AXES], elements = 1;
  contraction_box_sizes(n->contraction, n->schedule, sizes);
  for (int i = count - 1; i >= 0; i--) {
    k->stride[k->order[i]] = elements;
    elements *= contraction_box(n->contraction, n->schedule,
                                &k->operand->coordinates[k->order[i]], sizes);
  }
  return elements;
}

static void locate_box(copy *k) {
  const contraction_nest *n = k->nest;
  for (int i = 0; i < k->operand->rank; i++) {
    const contraction_coordinate *c = &k->operand->coordinates[i];
    k->length[i] = contraction_box(n->contraction, n->schedule, c, n->size);
    k->first[i] = contraction_first(n, c);
  }
}

/* An operand is read in the copy of the box that begins there. */
static void turn_access(contraction_nest *n, int operand, const copy *k, loop_buffer *buffer,
                        const loop_expr *origin) {
  contraction_access *access = &n->access[operand];
  *access = (contraction_access){.buffer = buffer, .origin = origin};
  for (int axis = 0; axis < n->contraction->axis_count; axis++) {
    access->from[axis] = n->start[axis];
    for (int i = 0; i < k->operand->rank; i++)
      access->stride[axis] += k->operand->coordinates[i].steps[axis] * k->stride[i];
  }
}

void contraction_copy(contraction_nest *n, int operand, loop_block *block) {
  arena *a = n->arena;
  copy k = {.nest = n, .operand = &n->contraction->operands[operand]};
  int64_t elements = lay_out(&k);
  int kind = operand == 0 ? NAMES_OF_LEFT_COPY : NAMES_OF_RIGHT_COPY;
  const char *name = arena_printf(a, "%s%s", operand == 0 ? "left" : "right",
                                  contraction_suffix(n, kind));
  k.to = loop_buffer_new(a, name, LOOP_LOCAL, loop_scalar(n->contraction->element), 1, &elements);
  loop_alloc(a, block, k.to, NULL);
  locate_box(&k);
  copy_from(&k, block, 0, loop_int(a, 0));
  turn_access(n, operand, &k, k.to, loop_int(a, 0));
}

/* ---- packed operands ------------------------------------------------------------------------- */

static bool is_reduced(const copy *k, int coordinate) {
  const contraction *c = k->nest->contraction;
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].reduced && k->operand->coordinates[coordinate].steps[a] != 0) return true;
  return false;
}

/* Reduced coordinates first, so that what a step of a tile reads lies side by side. */
static void order_panel(copy *k) {
  int v = k->nest->schedule->vector_axis, count = 0;
  int last = v < 0 ? -1 : contraction_coordinate_of(k->operand, v);
  for (int kind = 0; kind < 3; kind++)
    for (int i = 0; i < k->operand->rank; i++)
      if (kind == (i == last ? 2 : is_reduced(k, i) ? 0 : 1)) k->order[count++] = i;
}

/* Lengths along each coordinate: of all of the operand, and of the panel. */
static void measure_panel(copy *k, int64_t all[MAX_RANK]) {
  const contraction_nest *n = k->nest;
  const contraction *c = n->contraction;
  int64_t units[CONTRACTION_AXES], sizes[CONTRACTION_AXES];
  for (int a = 0; a < c->axis_count; a++) {
    units[a] = contraction_units(c, n->schedule, a);
    sizes[a] = c->axes[a].reduced ? units[a] : n->size[a];
  }
  for (int i = 0; i < k->operand->rank; i++) {
    all[i] = contraction_box(c, n->schedule, &k->operand->coordinates[i], units);
    k->length[i] = contraction_box(c, n->schedule, &k->operand->coordinates[i], sizes);
  }
}

/* Each coordinate is moved by one axis, by steps of 1. Panels come in the order of their first elements along
 * the first coordinate, then the second, …; returns where this one begins. */
static const loop_expr *locate_panel(copy *k) {
  const contraction_nest *n = k->nest;
  arena *a = n->arena;
  const loop_expr *origin = loop_int(a, 0);
  int64_t all[MAX_RANK], before = 1, behind = 1, stride = 1;
  order_panel(k);
  measure_panel(k, all);
  for (int i = 0; i < k->operand->rank; i++) behind *= all[i];
  for (int d = 0; d < k->operand->rank; d++) {
    int i = k->order[d];
    k->first[i] = loop_int(a, 0);
    for (int axis = 0; axis < n->contraction->axis_count; axis++)
      if (k->operand->coordinates[i].steps[axis] != 0 && !n->contraction->axes[axis].reduced)
        k->first[i] = n->start[axis];
    behind /= all[i];
    origin = contraction_scaled(a, k->first[i], before * behind, origin);
    before *= k->length[i];
  }
  for (int d = k->operand->rank - 1; d >= 0; d--) {
    k->stride[k->order[d]] = stride;
    stride *= k->length[k->order[d]];
  }
  return origin;
}

void contraction_pack(contraction_nest *n, int operand, loop_buffer *packed, loop_block *block) {
  copy k = {.nest = n, .operand = &n->contraction->operands[operand], .to = packed};
  const loop_expr *origin = locate_panel(&k);
  copy_from(&k, block, 0, loop_let(n->arena, block, "panel", origin));
}

void contraction_read_packed(contraction_nest *n, int operand) {
  copy k = {.nest = n, .operand = &n->contraction->operands[operand]};
  const loop_expr *origin = locate_panel(&k);
  turn_access(n, operand, &k, k.operand->buffer, origin);
  for (int axis = 0; axis < n->contraction->axis_count; axis++)
    if (n->contraction->axes[axis].reduced) n->access[operand].from[axis] = loop_int(n->arena, 0);
}
