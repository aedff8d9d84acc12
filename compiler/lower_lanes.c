/* Vectors of elements: where the elements of neighbouring lanes lie, and how they come from memory
 * and go there. What lies side by side is one access; what lies close together, as every second
 * element or each one twice, is a few and shuffles; the rest goes lane by lane. */
#include "lower_nest.h"

enum { MOST_PIECES = 4 };

bool nest_varies(const nest *k, const index_expr *x) {
  return k->lanes > 1 && index_depends(x, k->vector_axis);
}

bool nest_runs_along(const nest *k, const index_expr *x, int v, int unit) {
  int64_t factor;
  if (k->anywhere || !index_linear(x, v, &factor) || factor != 1 || x->constant % unit != 0) return false;
  for (int i = 0; i < x->term_count; i++) {
    const index_atom *atom = x->terms[i].atom;
    bool lanes = atom->kind == INDEX_VARIABLE && atom->variable == v;
    if (!lanes && x->terms[i].factor % unit != 0) return false;
  }
  return true;
}

bool nest_is_run(const nest *k, const index_expr *x, int unit) {
  return k->lanes > 1 && k->lanes % unit == 0 && nest_runs_along(k, x, k->vector_axis, unit);
}

const index_expr *nest_at_point(nest *k, const index_expr *x) {
  const index_expr *values[2 * MAX_RANK] = {NULL};
  if (!k->unrolled && k->to == 0) return x;
  if (k->to > 0) values[k->vector_axis] = index_variable_within(k->arena, k->vector_axis, k->from, k->to - 1);
  for (int i = 0; k->unrolled && i < k->group->inner_rank; i++) {
    int64_t value;
    int v = k->group->outer_rank + i;
    if (loop_is_int(k->variables[v], &value)) values[v] = index_constant(k->arena, value);
  }
  return index_substitute(k->arena, x, values);
}

static const loop_expr *index_of_lane(nest *k, const index_expr *x, int lane) {
  const loop_expr *base = k->variables[k->vector_axis];
  k->variables[k->vector_axis] = loop_add(k->arena, base, loop_int(k->arena, lane));
  const loop_expr *r = index_loop(k->arena, x, k->variables);
  k->variables[k->vector_axis] = base;
  return r;
}

/* One lane of a value that all lanes may share. */
static const loop_expr *lane_of(nest *k, const loop_expr *x, int lane) {
  return x->type.lanes == 1 ? x : loop_extract(k->arena, x, lane);
}

/* ---- distances between lanes ----------------------------------------------------------------- */

/* How far each lane's index lies from the first lane's; false where that is not known. */
static bool distances(const nest *k, const index_expr *x, int v, int lanes, const index_expr **first,
                      int64_t distance[LOOP_MAX_LANES]) {
  arena *a = k->arena;
  const index_expr *values[2 * MAX_RANK] = {NULL};
  const int64_t extent = nest_extent(k, v);
  const index_expr *base = k->anywhere ? index_variable(a, v, extent)
                                       : index_scale(a, index_variable(a, v, extent / lanes), lanes);
  for (int lane = 0; lane < lanes; lane++) {
    values[v] = index_add(a, base, index_constant(a, lane));
    const index_expr *at = index_substitute(a, x, values);
    if (lane == 0) *first = at;
    const index_expr *rest = index_add(a, at, index_scale(a, *first, -1));
    if (rest->term_count > 0) return false;
    distance[lane] = rest->constant;
  }
  return true;
}

/* Vectors that together hold every lane's element: `count` of `lanes` each, which begin at starts[i]
 * from the first lane's element and reach no further than the outermost elements. */
typedef struct pieces {
  int count, lanes;
  int64_t starts[MOST_PIECES], distance[LOOP_MAX_LANES];
  const index_expr *first; /* the first lane's element, for its range; variable v counts vectors */
} pieces;

static bool find_pieces(const nest *k, const index_expr *x, int v, int lanes, pieces *p) {
  if (!distances(k, x, v, lanes, &p->first, p->distance)) return false;
  int64_t low = 0, high = 0;
  for (int i = 0; i < lanes; i++) {
    if (p->distance[i] < low) low = p->distance[i];
    if (p->distance[i] > high) high = p->distance[i];
  }
  int64_t span = high - low + 1;
  if (span < 2 || span > MOST_PIECES * (int64_t)lanes) return false;
  p->lanes = lanes;
  while (p->lanes > span) p->lanes /= 2;
  p->count = (int)((span + p->lanes - 1) / p->lanes);
  for (int i = 0; i < p->count; i++) {
    int64_t start = low + (int64_t)i * p->lanes, last = high - p->lanes + 1;
    p->starts[i] = start < last ? start : last;
  }
  return true;
}

int nest_pieces(const nest *k, const index_expr *x, int v, int lanes) {
  pieces p;
  return find_pieces(k, x, v, lanes, &p) ? p.count : 0;
}

/* The first piece that holds the element. */
static int piece_of(const pieces *p, int64_t distance) {
  int i = 0;
  while (distance - p->starts[i] >= p->lanes) i++;
  return i;
}

/* Every lane's element out of vectors[i], the pieces. */
static const loop_expr *assembled(arena *a, const pieces *p, const loop_expr *const *vectors,
                                  int lanes) {
  const loop_expr *all = NULL;
  int picks[LOOP_MAX_LANES];
  for (int i = p->count > 1 ? 1 : 0; i < p->count; i++) {
    const loop_expr *before = all ? all : vectors[0];
    for (int lane = 0; lane < lanes; lane++) {
      int piece = piece_of(p, p->distance[lane]);
      int at = (int)(p->distance[lane] - p->starts[piece]);
      bool here = piece == i && i > 0;
      picks[lane] = here ? before->type.lanes + at : all ? lane : piece == 0 ? at : 0;
    }
    all = loop_shuffle(a, before, vectors[i], lanes, picks);
  }
  return all;
}

/* ---- indices --------------------------------------------------------------------------------- */

dtype nest_index_type(const index_expr *x) {
  return x->low >= INT32_MIN && x->high <= INT32_MAX ? DTYPE_I32 : DTYPE_I64;
}

nest_value nest_index(nest *k, const index_expr *x) {
  arena *a = k->arena;
  pieces p;
  dtype type = nest_index_type(x);
  const loop_expr *first = loop_cast(a, index_loop(a, x, k->variables), type);
  int64_t factor;
  if (!nest_varies(k, x)) return (nest_value){first, nest_scope_of(k, x)};
  if (index_linear(x, k->vector_axis, &factor)) {
    const loop_expr *step = loop_constant(a, type, 0, factor);
    return (nest_value){loop_ramp(a, first, step, k->lanes), nest_scope_of(k, x)};
  }
  if (find_pieces(k, x, k->vector_axis, k->lanes, &p)) {
    const loop_expr *ramps[MOST_PIECES], *one = loop_constant(a, type, 0, 1);
    for (int i = 0; i < p.count; i++) ramps[i] = loop_ramp(a, loop_constant(a, type, 0, p.starts[i]), one, p.lanes);
    const loop_expr *distances = assembled(a, &p, ramps, k->lanes); /* constants, of which the C compiler makes one */
    return (nest_value){loop_op(a, SCALAR_ADD, loop_splat(a, first, k->lanes), distances, NULL), nest_scope_of(k, x)};
  }
  const loop_expr *all = loop_splat(a, first, k->lanes);
  for (int lane = 1; lane < k->lanes; lane++)
    all = loop_insert(a, all, lane, loop_cast(a, index_of_lane(k, x, lane), type));
  return (nest_value){all, nest_scope_of(k, x)};
}

/* ---- loads ----------------------------------------------------------------------------------- */

/* Lane by lane. */
static const loop_expr *gather(nest *k, const loop_buffer *b, const index_expr *position,
                               const loop_expr *mask) {
  arena *a = k->arena;
  const loop_expr *all = NULL;
  for (int lane = 0; lane < k->lanes; lane++) {
    const loop_expr *index = index_of_lane(k, position, lane);
    const loop_expr *one = loop_load(a, b, &index, 1, mask ? lane_of(k, mask, lane) : NULL);
    all = lane == 0 ? loop_splat(a, one, k->lanes) : loop_insert(a, all, lane, one);
  }
  return all;
}

/* One element for all lanes: read where any lane is inside its bounds, since it is then inside the
 * buffer. */
static const loop_expr *load_one(nest *k, const loop_buffer *b, const index_expr *position,
                                 const loop_expr *mask) {
  const loop_expr *index = index_loop(k->arena, position, k->variables);
  return loop_load(k->arena, b, &index, 1, mask ? loop_reduce(k->arena, SCALAR_OR, mask) : NULL);
}

/* A bound on lane numbers in a type of the element's size. */
static const loop_expr *lane_bound(nest *k, const loop_expr *bound, dtype type, int lanes) {
  arena *a = k->arena;
  bound = loop_op(a, SCALAR_MINIMUM, bound, loop_int(a, lanes), NULL);
  bound = loop_op(a, SCALAR_MAXIMUM, bound, loop_int(a, 0), NULL);
  return loop_splat(a, loop_cast(a, bound, type), lanes);
}

/* Elements that are there: of a bounded size as many rows as the call gives. */
static const loop_expr *elements_there(nest *k, const tensor_type *type) {
  int64_t elements = type_elements(type);
  if (!type->rank || !type->dims[0].symbol) return loop_int(k->arena, elements);
  const loop_expr *size = lower_size(k->arena, k->context, nest_block(k));
  return loop_mul(k->arena, size, loop_int(k->arena, elements / type->dims[0].maximum));
}

/* The lanes of piece number i that lie in the buffer of a tensor; NULL where all do. Those of elements that are
 * all inside their bounds do; of others, some may lie before or behind it. */
static const loop_expr *inside_buffer(nest *k, const tensor_type *type, const loop_expr *index,
                                      const pieces *p, int i) {
  arena *a = k->arena;
  int64_t low = p->first->low + p->starts[i],
          high = p->first->high + p->starts[i] + p->lanes;
  size_t size = dtype_size(type->element);
  dtype own = size == 1 ? DTYPE_I8 : size == 8 ? DTYPE_I64 : DTYPE_I32;
  const loop_expr *before = loop_mul(a, index, loop_int(a, -1)), *mask = NULL;
  const loop_expr *lane = loop_ramp(a, loop_constant(a, own, 0, 0), loop_constant(a, own, 0, 1),
                                    p->lanes);
  if (low < 0)
    mask = loop_op(a, SCALAR_GE, lane, lane_bound(k, before, own, p->lanes), NULL);
  const bool bounded = type->rank && type->dims[0].symbol;
  if (!bounded && high <= type_elements(type)) return mask;
  const loop_expr *left = loop_add(a, before, elements_there(k, type));
  const loop_expr *below =
      loop_op(a, SCALAR_LT, lane, lane_bound(k, left, own, p->lanes), NULL);
  return mask ? loop_op(a, SCALAR_AND, mask, below, NULL) : below;
}

/* Elements outside the bounds may be any. */
static const loop_expr *load_pieces(nest *k, const loop_buffer *b, const tensor_type *type, const index_expr *position,
                                    const pieces *p, const loop_expr *mask, int scope) {
  arena *a = k->arena;
  const loop_expr *vectors[MOST_PIECES];
  for (int i = 0; i < p->count; i++) {
    const index_expr *start = index_add(a, position, index_constant(a, p->starts[i]));
    const loop_expr *index = index_loop(a, start, k->variables);
    const loop_expr *read = !mask                   ? NULL
                            : mask->type.lanes == 1 ? loop_splat(a, mask, p->lanes)
                                                    : inside_buffer(k, type, index, p, i);
    vectors[i] = nest_let(k, scope, b->name, loop_load(a, b, &index, p->lanes, read));
  }
  return assembled(a, p, vectors, k->lanes);
}

const loop_expr *nest_load(nest *k, const loop_buffer *b, const tensor_type *type, const index_expr *position,
                           const loop_expr *mask, int scope) {
  int64_t factor;
  pieces p;
  position = nest_at_point(k, position);
  if (!nest_varies(k, position)) return load_one(k, b, position, mask);
  if (index_linear(position, k->vector_axis, &factor) && factor == 1) {
    const loop_expr *index = index_loop(k->arena, position, k->variables);
    return loop_load(k->arena, b, &index, k->lanes,
                     mask ? loop_splat(k->arena, mask, k->lanes) : NULL);
  }
  /* Between the elements of a buffer that is written too lie some that others write. */
  if (b->access == LOOP_IN && find_pieces(k, position, k->vector_axis, k->lanes, &p))
    return load_pieces(k, b, type, position, &p, mask, scope);
  return gather(k, b, position, mask);
}

/* ---- stores ---------------------------------------------------------------------------------- */

static void store_each(nest *k, loop_buffer *b, const index_expr *position, const loop_expr *value) {
  for (int lane = 0; lane < k->lanes; lane++) {
    const loop_expr *index = index_of_lane(k, position, lane);
    loop_store(k->arena, nest_block(k), b, &index, lane_of(k, value, lane), NULL);
  }
}

void nest_store_lanes(nest *k, loop_buffer *b, const index_expr *position, const loop_expr *value) {
  arena *a = k->arena;
  int64_t factor;
  const loop_expr *index = index_loop(a, position, k->variables);
  if (!nest_varies(k, position)) {
    loop_store(a, nest_block(k), b, &index, lane_of(k, value, 0), NULL);
    return;
  }
  bool linear = index_linear(position, k->vector_axis, &factor);
  if (linear && factor == 1)
    loop_store(a, nest_block(k), b, &index, loop_splat(a, value, k->lanes), NULL);
  else if (k->unrolled && linear && factor > 1 && factor <= MOST_PIECES && b->access == LOOP_OUT)
    arena_push(a, k->strided, k->strided_count) =
        (nest_strided){b, nest_at_point(k, position), loop_splat(a, value, k->lanes), (int)factor};
  else
    store_each(k, b, position, value);
}

/* The store whose elements lie `by` behind those of the first; NULL where there is none. */
static nest_strided *behind(const nest *k, const nest_strided *first, int by) {
  for (int i = 0; i < k->strided_count; i++) {
    nest_strided *s = &k->strided[i];
    if (s->buffer != first->buffer || s->factor != first->factor || !s->value) continue;
    const index_expr *between =
        index_add(k->arena, s->position, index_scale(k->arena, first->position, -1));
    if (index_is_constant(between, by)) return s;
  }
  return NULL;
}

/* Element i of the result is lane i / factor of values[i % factor]; vector number t of it. */
static const loop_expr *interleaved(nest *k, const loop_expr *const *values, int factor, int t) {
  const loop_expr *all = values[0];
  int picks[LOOP_MAX_LANES];
  for (int from = 1; from < factor; from++) {
    for (int lane = 0; lane < k->lanes; lane++) {
      int element = t * k->lanes + lane, part = element % factor;
      bool settled = from > 1 && part < from;
      picks[lane] = settled ? lane : element / factor + (part == from ? k->lanes : 0);
    }
    all = loop_shuffle(k->arena, all, values[from], k->lanes, picks);
  }
  return all;
}

/* Where the stores of several points fill a stretch of memory, as whole vectors. */
static bool store_interleaved(nest *k, const nest_strided *first) {
  nest_strided *all[MOST_PIECES];
  const loop_expr *values[MOST_PIECES];
  for (int i = 0; i < first->factor; i++) {
    all[i] = behind(k, first, i);
    if (!all[i]) return false;
    values[i] = all[i]->value;
  }
  for (int t = 0; t < first->factor; t++) {
    const index_expr *position =
        index_add(k->arena, first->position, index_constant(k->arena, (int64_t)t * k->lanes));
    const loop_expr *index = index_loop(k->arena, position, k->variables);
    loop_store(k->arena, nest_block(k), first->buffer, &index,
               interleaved(k, values, first->factor, t), NULL);
  }
  for (int i = 0; i < first->factor; i++) all[i]->value = NULL;
  return true;
}

void nest_store_strided(nest *k) {
  for (int i = 0; i < k->strided_count; i++)
    if (k->strided[i].value) store_interleaved(k, &k->strided[i]);
  for (int i = 0; i < k->strided_count; i++) {
    const nest_strided *s = &k->strided[i];
    if (s->value) store_each(k, s->buffer, s->position, s->value);
  }
  k->strided_count = 0;
}
