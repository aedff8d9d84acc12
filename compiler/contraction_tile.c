/* One tile of the output: its sums stay in registers while the reduced axes run. */
#include "contraction_cost.h"
#include "contraction_nest.h"

typedef struct tile {
  const contraction_nest *nest;
  int lanes;                 /* of the sums */
  loop_buffer *sums;         /* one per position */
  int64_t count[CONTRACTION_AXES]; /* positions along each axis; 1 for reduced ones */
  int64_t positions;
  const loop_expr *base[2];  /* of the operands, at position 0 and the first step */
  const loop_expr *output;   /* offset of position 0 */
  int reduced[CONTRACTION_AXES]; /* the reduced axes, innermost last */
  int reduced_count;
  const loop_expr *step[CONTRACTION_AXES]; /* index along a reduced axis, from the block's start */
  const char *suffix;        /* of names */
  int valid;                 /* lanes that lie within the vector axis; 0: all */
  loop_buffer *local;        /* sums for the epilogue; NULL: none yet */
} tile;

static const char *named(const tile *t, const char *stem, int64_t number) {
  return number < 0 ? arena_printf(t->nest->arena, "%s%s", stem, t->suffix)
                    : arena_printf(t->nest->arena, "%s%lld%s", stem, (long long)number, t->suffix);
}

/* ---- positions ----------------------------------------------------------------------------- */

static bool vector_along(const tile *t, int axis) {
  return t->lanes > 1 && axis == t->nest->schedule->vector_axis;
}

/* Index along an output axis of position p, from the start of the tile. */
static int64_t index_of(const tile *t, int64_t p, int axis) {
  for (int a = t->nest->contraction->axis_count - 1; a > axis; a--) p /= t->count[a];
  return p % t->count[axis] * (vector_along(t, axis) ? t->lanes : 1);
}

/* Offset of position p in memory with these strides. */
static int64_t offset_of(const tile *t, int64_t p, const int64_t *strides) {
  int64_t offset = 0;
  for (int a = 0; a < t->nest->contraction->axis_count; a++)
    if (t->count[a] > 1) offset += index_of(t, p, a) * strides[a];
  return offset;
}

/* The number of position p among those that an operand tells apart. */
static int64_t operand_position(const tile *t, int operand, int64_t p) {
  const contraction *c = t->nest->contraction;
  int64_t number = 0;
  for (int a = 0; a < c->axis_count; a++)
    if (contraction_depends(&c->operands[operand], a) && !c->axes[a].reduced)
      number = number * t->count[a] + index_of(t, p, a) / (vector_along(t, a) ? t->lanes : 1);
  return number;
}

static int64_t operand_positions(const tile *t, int operand) {
  return operand_position(t, operand, t->positions - 1) + 1;
}

static const loop_expr *sum(const tile *t, int64_t p) {
  const loop_expr *at = loop_int(t->nest->arena, p);
  return loop_load(t->nest->arena, t->sums, &at, 1, NULL);
}

static void set_sum(const tile *t, loop_block *block, int64_t p, const loop_expr *value) {
  const loop_expr *at = loop_int(t->nest->arena, p);
  loop_store(t->nest->arena, block, t->sums, &at, value, NULL);
}

/* ---- one step of the reduced axes ---------------------------------------------------------- */

static const loop_expr *multiply_add(const tile *t, const loop_expr *x, const loop_expr *y,
                                     const loop_expr *z) {
  arena *a = t->nest->arena;
  if (dtype_is_float(t->nest->contraction->element) && t->nest->target->fma)
    return loop_fma(a, x, y, z);
  return loop_op(a, SCALAR_ADD, loop_op(a, SCALAR_MUL, x, y, NULL), z, NULL);
}

/* The operand's element or vector at position p, in all lanes of the sums. */
static const loop_expr *operand_value(const tile *t, int operand, const loop_expr *at, int64_t p) {
  const contraction_nest *n = t->nest;
  arena *a = n->arena;
  const contraction_access *access = &n->access[operand];
  at = loop_add(a, at, loop_int(a, offset_of(t, p, access->stride)));
  bool vector = t->lanes > 1 &&
                contraction_depends(&n->contraction->operands[operand], n->schedule->vector_axis);
  if (!vector) return loop_splat(a, loop_load(a, access->buffer, &at, 1, NULL), t->lanes);
  const loop_expr *value = loop_load(a, access->buffer, &at, t->lanes, NULL);
  if (t->valid == 0) return value;
  const loop_expr *lane = loop_ramp(a, loop_constant(a, DTYPE_I32, 0, 0),
                                    loop_constant(a, DTYPE_I32, 0, 1), t->lanes);
  const loop_expr *end = loop_splat(a, loop_constant(a, DTYPE_I32, 0, t->valid), t->lanes);
  dtype element = n->contraction->element;
  return loop_select(a, loop_op(a, SCALAR_LT, lane, end, NULL), value,
                     loop_splat(a, loop_constant(a, element, 0, 0), t->lanes));
}

/* Asks for the lines of as many elements as a step reads of an operand, from there on. */
static void fetch_lines(const tile *t, loop_block *block, int operand, int cache, const loop_expr *at) {
  enum { LINE_BYTES = 64 };
  arena *a = t->nest->arena;
  const int64_t size = (int64_t)dtype_size(t->nest->contraction->element), bytes = operand_positions(t, operand) * t->lanes * size;
  for (int64_t byte = 0; byte < bytes; byte += LINE_BYTES) {
    const loop_expr *line = loop_add(a, at, loop_int(a, byte / size));
    loop_fetch(a, block, cache, t->nest->access[operand].buffer, &line);
  }
}

/* How far ahead, in elements, a step asks for lines of vectors that come from beyond the second cache: those that many
 * elements multiply for the next tile; those that few do for the next block, or some steps ahead, since memory has them
 * far apart and the processor does not foresee them. */
static int64_t far_ahead(const tile *t, int operand) {
  enum { MANY = 4, AHEAD_LINES = 64, LINE_BYTES = 64 };
  const contraction_nest *n = t->nest;
  const int v = n->schedule->vector_axis, innermost = t->reduced[t->reduced_count - 1];
  if (operand_positions(t, 1 - operand) >= MANY) return t->count[v] * t->lanes;
  const int64_t bytes = operand_positions(t, operand) * t->lanes * (int64_t)dtype_size(n->contraction->element);
  const int64_t lines = (bytes + LINE_BYTES - 1) / LINE_BYTES, block = n->schedule->block[innermost];
  return n->access[operand].stride[innermost] * (block ? block : (AHEAD_LINES + lines - 1) / lines);
}

/* A step asks for lines that later ones read: of panels that are packed for one run, and lie in order in the second
 * cache, a few steps ahead; and of vectors that come from beyond it. */
static void fetch_ahead(const tile *t, loop_block *block, int operand, const loop_expr *at) {
  enum { AHEAD_BYTES = 2048 };
  const contraction_nest *n = t->nest;
  const contraction *c = n->contraction;
  const int v = n->schedule->vector_axis;
  const bool vectors = v >= 0 && !c->axes[v].reduced && contraction_depends(&c->operands[operand], v);
  if (vectors && contraction_packs_once(c, n->schedule, operand))
    fetch_lines(t, block, operand, 1, loop_add(n->arena, at, loop_int(n->arena, AHEAD_BYTES / (int64_t)dtype_size(c->element))));
  else if (vectors && contraction_reads_directly(n->schedule, operand) && t->reduced_count > 0 &&
           contraction_operand_bytes(c, operand) > (double)n->target->l2_bytes)
    fetch_lines(t, block, operand, 2, loop_add(n->arena, at, loop_int(n->arena, far_ahead(t, operand))));
}

static void emit_step(const tile *t, loop_block *block) {
  const contraction_nest *n = t->nest;
  arena *a = n->arena;
  const loop_expr *at[2];
  for (int i = 0; i < 2; i++) {
    at[i] = t->base[i];
    for (int r = 0; r < t->reduced_count; r++)
      at[i] = contraction_scaled(a, t->step[t->reduced[r]], n->access[i].stride[t->reduced[r]],
                                 at[i]);
    at[i] = loop_let(a, block, named(t, i == 0 ? "left_now" : "right_now", -1), at[i]);
    fetch_ahead(t, block, i, at[i]);
  }
  int held = operand_positions(t, 0) <= operand_positions(t, 1) ? 0 : 1;
  int64_t held_count = operand_positions(t, held), count = operand_positions(t, 1 - held);
  const loop_expr **values = arena_array_of(a, held_count, const loop_expr *);
  for (int64_t p = 0; p < t->positions; p++) {
    int64_t h = operand_position(t, held, p);
    if (!values[h])
      values[h] = loop_let(a, block, named(t, "held", h),
                           operand_value(t, held, at[held], p));
  }
  for (int64_t other = 0; other < count; other++) {
    const loop_expr *value = NULL;
    for (int64_t p = 0; p < t->positions; p++) {
      if (operand_position(t, 1 - held, p) != other) continue;
      if (!value)
        value = loop_let(a, block, named(t, "next", other),
                         operand_value(t, 1 - held, at[1 - held], p));
      set_sum(t, block, p,
              multiply_add(t, values[operand_position(t, held, p)], value, sum(t, p)));
    }
  }
}

/* ---- the reduced axes ---------------------------------------------------------------------- */

/* Indices [low, high) of the vector axis where it is reduced; all of any other axis. */
typedef struct range {
  int64_t low, high;
} range;

static void emit_steps(tile *t, loop_block *block, int depth, range along_vector);

/* The steps along t->reduced[depth] from `low` to `high`. */
static void emit_loop(tile *t, loop_block *block, int depth, range along_vector, const loop_expr *low, const loop_expr *high, int64_t step) {
  arena *a = t->nest->arena;
  const int axis = t->reduced[depth];
  const loop_variable *v = loop_variable_new(a, t->nest->contraction->axes[axis].name, loop_scalar(DTYPE_I64));
  loop_stmt *loop = loop_for(a, block, LOOP_SEQ, v, low, high, step);
  t->step[axis] = loop_var(a, v);
  emit_steps(t, &loop->body, depth + 1, along_vector);
}

/* The lanes of a last vector. */
static void emit_last_lanes(tile *t, loop_block *block, int depth, range left) {
  const char *suffix = t->suffix;
  t->step[t->reduced[depth]] = loop_int(t->nest->arena, left.low);
  t->valid = (int)(left.high - left.low);
  t->suffix = contraction_suffix(t->nest, NAMES_OF_TILE);
  emit_steps(t, block, depth + 1, left);
  t->valid = 0;
  t->suffix = suffix;
}

static void emit_steps(tile *t, loop_block *block, int depth, range along_vector) {
  const contraction_nest *n = t->nest;
  arena *a = n->arena;
  if (depth == t->reduced_count) {
    emit_step(t, block);
    return;
  }
  const int axis = t->reduced[depth];
  const bool vector = axis == n->schedule->vector_axis;
  const range r = vector ? along_vector : (range){0, n->size[axis]};
  const int64_t step = vector ? t->lanes : 1, whole = (r.high - r.low) / step, end = r.low + whole * step;
  const contraction_coordinate *padded = contraction_padded(n->contraction, n->schedule, axis);
  if (n->contraction->axes[axis].bounded && !n->schedule->block[axis]) {
    emit_loop(t, block, depth, along_vector, loop_int(a, 0), n->bound, 1);
    return;
  }
  if (padded) {
    const contraction_met met = contraction_met_steps(n, block, padded, n->size[axis]); /* the others would add zeros */
    emit_loop(t, block, depth, along_vector, met.low, met.high, 1);
    return;
  }
  if (whole == 1) {
    t->step[axis] = loop_int(a, r.low);
    emit_steps(t, block, depth + 1, along_vector);
  } else if (whole > 1) {
    emit_loop(t, block, depth, along_vector, loop_int(a, r.low), loop_int(a, end), step);
  }
  if (end < r.high) emit_last_lanes(t, block, depth, (range){end, r.high});
}

/* ---- sums and memory ----------------------------------------------------------------------- */

typedef struct transfer {
  const tile *tile;
  loop_buffer *from, *to;
  const loop_expr *from_at, *to_at;
} transfer;

static void transfer_piece(void *context, loop_block *block, const loop_expr *at, int lanes) {
  const transfer *x = context;
  arena *a = x->tile->nest->arena;
  const loop_expr *from = loop_add(a, x->from_at, at), *to = loop_add(a, x->to_at, at);
  loop_store(a, block, x->to, &to, loop_load(a, x->from, &from, lanes, NULL), NULL);
}

/* Moves the tile between local memory, where lanes lie side by side, and the output, where they lie
 * at any stride. */
static void transpose(const tile *t, loop_block *block, loop_buffer *local, bool store) {
  const contraction_nest *n = t->nest;
  const contraction *c = n->contraction;
  arena *a = n->arena;
  const loop_expr *inside = loop_int(a, 0), *outside = t->output;
  int v = n->schedule->vector_axis;
  int64_t vectors = t->count[v], length = vectors * t->lanes, stride = 1;
  if (n->partial > 0) length -= t->lanes - n->partial;
  int64_t strides[CONTRACTION_AXES]; /* of positions */
  for (int axis = c->axis_count - 1; axis >= 0; axis--) {
    strides[axis] = stride * t->lanes;
    stride *= t->count[axis];
  }
  int order[CONTRACTION_AXES], count = 0; /* vectors, lanes, then the others */
  for (int axis = 0; axis < c->axis_count; axis++)
    if (axis != v && t->count[axis] > 1) order[count++] = axis;
  for (int64_t j = 0; j < vectors; j++) {
    int64_t lanes = length - j * t->lanes < t->lanes ? length - j * t->lanes : t->lanes;
    const loop_variable *lane = loop_variable_new(a, "lane", loop_scalar(DTYPE_I64));
    loop_stmt *loop = loop_for(a, block, LOOP_SEQ, lane, loop_int(a, 0), loop_int(a, lanes), 1);
    const loop_expr *in = loop_add(a, loop_var(a, lane), loop_int(a, j * strides[v]));
    const loop_expr *index = loop_add(a, loop_var(a, lane), loop_int(a, j * t->lanes));
    const loop_expr *out = contraction_scaled(a, index, c->axes[v].stride, outside);
    in = loop_add(a, in, inside);
    for (int i = 0; i < count; i++) {
      int axis = order[i];
      const loop_variable *p = loop_variable_new(a, c->axes[axis].name, loop_scalar(DTYPE_I64));
      loop = loop_for(a, &loop->body, LOOP_SEQ, p, loop_int(a, 0), loop_int(a, t->count[axis]), 1);
      in = contraction_scaled(a, loop_var(a, p), strides[axis], in);
      out = contraction_scaled(a, loop_var(a, p), c->axes[axis].stride, out);
    }
    transfer x = {.tile = t, .from = store ? local : c->output, .to = store ? c->output : local,
                  .from_at = store ? in : out, .to_at = store ? out : in};
    transfer_piece(&x, &loop->body, loop_int(a, 0), 1);
  }
}

static loop_buffer *local_tile(const tile *t, loop_block *block) {
  arena *a = t->nest->arena;
  int64_t elements = t->positions * t->lanes;
  loop_buffer *local = loop_buffer_new(a, named(t, "tile", -1), LOOP_LOCAL,
                                       loop_scalar(t->nest->contraction->element), 1, &elements);
  loop_alloc(a, block, local, NULL);
  return local;
}

/* True where position p is a vector of which only some lanes belong to the output. */
static bool is_partial(const tile *t, int64_t p) {
  const contraction_nest *n = t->nest;
  int v = n->schedule->vector_axis;
  return t->lanes > 1 && n->partial > 0 && index_of(t, p, v) == (t->count[v] - 1) * t->lanes;
}

static const loop_expr *output_at(const tile *t, int64_t p) {
  arena *a = t->nest->arena;
  int64_t strides[CONTRACTION_AXES];
  for (int i = 0; i < t->nest->contraction->axis_count; i++)
    strides[i] = t->nest->contraction->axes[i].stride;
  return loop_add(a, t->output, loop_int(a, offset_of(t, p, strides)));
}

/* Sums whose lanes, if any, lie side by side in the output. */
static void store_in_place(const tile *t, loop_block *block) {
  const contraction_nest *n = t->nest;
  arena *a = n->arena;
  loop_buffer *local = n->partial > 0 && t->lanes > 1 ? local_tile(t, block) : NULL;
  for (int64_t p = 0; p < t->positions; p++) {
    const loop_expr *at = output_at(t, p), *inside = loop_int(a, p * t->lanes);
    if (!is_partial(t, p)) {
      loop_store(a, block, n->contraction->output, &at, sum(t, p), NULL);
      continue;
    }
    loop_store(a, block, local, &inside, sum(t, p), NULL);
    transfer x = {t, local, n->contraction->output, inside, at};
    contraction_pieces(a, block, n->partial, t->lanes, transfer_piece, &x);
  }
}

static void load_in_place(const tile *t, loop_block *block) {
  const contraction_nest *n = t->nest;
  arena *a = n->arena;
  loop_buffer *local = n->partial > 0 && t->lanes > 1 ? local_tile(t, block) : NULL;
  for (int64_t p = 0; p < t->positions; p++) {
    const loop_expr *at = output_at(t, p), *inside = loop_int(a, p * t->lanes);
    if (is_partial(t, p)) {
      transfer x = {t, n->contraction->output, local, at, inside};
      contraction_pieces(a, block, n->partial, t->lanes, transfer_piece, &x);
      set_sum(t, block, p, loop_load(a, local, &inside, t->lanes, NULL));
    } else {
      set_sum(t, block, p, loop_load(a, n->contraction->output, &at, t->lanes, NULL));
    }
  }
}

static bool in_place(const tile *t) {
  int v = t->nest->schedule->vector_axis;
  return t->lanes == 1 || t->nest->contraction->axes[v].stride == 1;
}

static void store_sums(const tile *t, loop_block *block) {
  arena *a = t->nest->arena;
  if (in_place(t)) {
    store_in_place(t, block);
    return;
  }
  loop_buffer *local = local_tile(t, block);
  for (int64_t p = 0; p < t->positions; p++) {
    const loop_expr *at = loop_int(a, p * t->lanes);
    loop_store(a, block, local, &at, sum(t, p), NULL);
  }
  transpose(t, block, local, true);
}

static void load_sums(const tile *t, loop_block *block) {
  arena *a = t->nest->arena;
  if (in_place(t)) {
    load_in_place(t, block);
    return;
  }
  loop_buffer *local = local_tile(t, block);
  transpose(t, block, local, false);
  for (int64_t p = 0; p < t->positions; p++) {
    const loop_expr *at = loop_int(a, p * t->lanes);
    set_sum(t, block, p, loop_load(a, local, &at, t->lanes, NULL));
  }
}

/* ---- the epilogue -------------------------------------------------------------------------- */

/* Parts of vectors that the epilogue takes one after the other come from local memory. */
static void finish(const tile *t, const contraction_sums *sums, loop_block *block) {
  const contraction *c = t->nest->contraction;
  arena *a = t->nest->arena;
  contraction_sums part = *sums;
  int v = sums->vector_axis;
  if (part.lanes > c->epilogue_lanes) part.lanes = c->epilogue_lanes;
  for (int at = 0; at < sums->lanes; at += part.lanes) {
    if (at > 0) {
      part.origin = loop_add(a, sums->origin, loop_int(a, at));
      part.start[v] = loop_add(a, sums->start[v], loop_int(a, at));
    }
    c->epilogue(c->epilogue_context, &part, block);
  }
}

/* All sums of the tile as the epilogue sees them, but for where they are. */
static contraction_sums sums_of(const tile *t) {
  const contraction_nest *n = t->nest;
  contraction_sums sums = {.vector_axis = t->lanes > 1 ? n->schedule->vector_axis : -1,
                           .lanes = t->lanes, .step = t->lanes};
  int64_t stride = t->lanes;
  for (int axis = n->contraction->axis_count - 1; axis >= 0; axis--) {
    sums.start[axis] = n->start[axis];
    sums.part[axis] = n->part[axis];
    sums.first[axis] = n->first[axis];
    sums.count[axis] = t->count[axis];
    sums.stride[axis] = stride;
    stride *= t->count[axis];
  }
  return sums;
}

/* Some lanes of the last vectors along the vector axis. */
static void finish_piece(void *context, loop_block *block, const loop_expr *at, int lanes) {
  const tile *t = context;
  arena *a = t->nest->arena;
  contraction_sums sums = sums_of(t);
  int v = sums.vector_axis;
  int64_t last = sums.count[v] - 1;
  sums.local = t->local;
  sums.origin = loop_add(a, loop_int(a, last * sums.stride[v]), at);
  sums.lanes = lanes;
  sums.count[v] = 1;
  sums.start[v] = loop_add(a, sums.start[v], loop_add(a, loop_int(a, last * t->lanes), at));
  finish(t, &sums, block);
}

/* Gives the sums to the epilogue: whole vectors, from registers where it is short and their lanes
 * lie side by side in the output, and pieces of the last ones from local memory. */
static void finish_sums(tile *t, loop_block *block) {
  const contraction_nest *n = t->nest;
  arena *a = n->arena;
  contraction_sums whole = sums_of(t);
  bool partial = n->partial > 0 && whole.vector_axis >= 0;
  bool registers = n->contraction->epilogue_in_registers && in_place(t) &&
                   t->lanes <= n->contraction->epilogue_lanes;
  const loop_expr **values = arena_array_of(a, t->positions, const loop_expr *);
  int64_t count = 0;
  if (partial || !registers) t->local = local_tile(t, block);
  for (int64_t p = 0; p < t->positions; p++) {
    const loop_expr *at = loop_int(a, p * t->lanes);
    if (registers && !is_partial(t, p))
      values[count++] = sum(t, p);
    else
      loop_store(a, block, t->local, &at, sum(t, p), NULL);
  }
  whole.values = registers ? values : NULL;
  whole.local = t->local;
  whole.origin = loop_int(a, 0);
  if (partial) whole.count[whole.vector_axis]--;
  if (!partial || whole.count[whole.vector_axis] > 0) finish(t, &whole, block);
  if (partial) contraction_pieces(a, block, n->partial, t->lanes, finish_piece, t);
}

/* True in the last pass over the sums: at the last block of each axis; NULL: there is one pass. */
static const loop_expr *in_last_pass(const contraction_nest *n) {
  arena *a = n->arena;
  const loop_expr *all = NULL;
  for (int axis = 0; axis < n->contraction->axis_count; axis++) {
    if (!n->schedule->block[axis]) continue;
    const contraction_axis *x = &n->contraction->axes[axis];
    const loop_expr *end = loop_add(a, n->start[axis], loop_int(a, n->size[axis]));
    const loop_expr *at_end = loop_op(a, SCALAR_GE, end, x->bounded ? n->bound : loop_int(a, x->extent), NULL);
    all = all ? loop_op(a, SCALAR_AND, all, at_end, NULL) : at_end;
  }
  return all;
}

/* True in every pass but the first; NULL: there is one pass. */
static const loop_expr *in_later_pass(const contraction_nest *n) {
  arena *a = n->arena;
  const loop_expr *any = NULL;
  for (int axis = 0; axis < n->contraction->axis_count; axis++) {
    if (!n->schedule->block[axis]) continue;
    const loop_expr *later = loop_op(a, SCALAR_GT, n->start[axis], loop_int(a, 0), NULL);
    any = any ? loop_op(a, SCALAR_OR, any, later, NULL) : later;
  }
  return any;
}

/* Stores the sums, or where they are complete and there is an epilogue, gives them to it. */
static void end_sums(tile *t, loop_block *block) {
  const contraction_nest *n = t->nest;
  const loop_expr *complete = in_last_pass(n);
  if (!n->contraction->epilogue) {
    store_sums(t, block);
  } else if (!complete) {
    finish_sums(t, block);
  } else {
    loop_stmt *last = loop_if(n->arena, block, complete);
    finish_sums(t, &last->body);
    store_sums(t, &last->otherwise);
  }
}

/* Asks for what the epilogue will read, while the sums are formed. */
static void ask_ahead(const tile *t, loop_block *block) {
  const contraction_nest *n = t->nest;
  if (!n->contraction->epilogue_ahead) return;
  const contraction_sums sums = sums_of(t);
  const loop_expr *complete = in_last_pass(n);
  n->contraction->epilogue_ahead(n->contraction->epilogue_context, &sums,
                                 complete ? &loop_if(n->arena, block, complete)->body : block);
}

static void new_sums(tile *t, loop_block *block, int lanes) {
  arena *a = t->nest->arena;
  dtype element = t->nest->contraction->element;
  t->lanes = lanes;
  t->sums = loop_buffer_new(a, named(t, lanes > 1 ? "sums" : "sum", -1), LOOP_REG,
                            loop_vector(element, lanes), 1, &t->positions);
  loop_alloc(a, block, t->sums, loop_splat(a, loop_constant(a, element, 0, 0), lanes));
}

/* ---- the tile ------------------------------------------------------------------------------ */

static void locate(tile *t, loop_block *block) {
  const contraction_nest *n = t->nest;
  const contraction *c = n->contraction;
  arena *a = n->arena;
  for (int i = 0; i < 2; i++) {
    const contraction_access *access = &n->access[i];
    const loop_expr *at = access->origin;
    for (int axis = 0; axis < c->axis_count; axis++) {
      if (access->stride[axis] == 0 || n->start[axis] == access->from[axis]) continue;
      at = contraction_scaled(a, n->start[axis], access->stride[axis], at);
      at = contraction_scaled(a, access->from[axis], -access->stride[axis], at);
    }
    t->base[i] = loop_let(a, block, named(t, i == 0 ? "left_at" : "right_at", -1), at);
  }
  const loop_expr *at = loop_int(a, 0);
  for (int axis = 0; axis < c->axis_count; axis++)
    if (!c->axes[axis].reduced)
      at = contraction_scaled(a, n->start[axis], c->axes[axis].stride, at);
  t->output = loop_let(a, block, named(t, "at", -1), at);
}

static void order_reduced(tile *t) {
  const contraction *c = t->nest->contraction;
  int v = t->nest->schedule->vector_axis;
  for (int a = 0; a < c->axis_count; a++)
    if (c->axes[a].reduced && a != v) t->reduced[t->reduced_count++] = a;
  if (v >= 0 && c->axes[v].reduced) t->reduced[t->reduced_count++] = v;
}

/* The sums over lanes, to which what is left of the vector axis is added one by one where operands
 * are not copied. */
static void reduce_lanes(tile *t, loop_block *block, int64_t left_from, int64_t left_to) {
  arena *a = t->nest->arena;
  tile vectors = *t;
  t->suffix = contraction_suffix(t->nest, NAMES_OF_TILE);
  new_sums(t, block, 1);
  for (int64_t p = 0; p < t->positions; p++)
    set_sum(t, block, p, loop_reduce(a, SCALAR_ADD, sum(&vectors, p)));
  if (left_from < left_to) emit_steps(t, block, 0, (range){left_from, left_to});
}

/* Adds what earlier blocks have stored. */
static void add_earlier(const tile *t, loop_block *block) {
  const contraction_nest *n = t->nest;
  arena *a = n->arena;
  for (int64_t p = 0; p < t->positions; p++) {
    const loop_expr *at = output_at(t, p);
    set_sum(t, block, p, loop_op(a, SCALAR_ADD, loop_load(a, n->contraction->output, &at, 1, NULL),
                                 sum(t, p), NULL));
  }
}

void contraction_tile(const contraction_nest *n, loop_block *block) {
  const contraction_schedule *s = n->schedule;
  arena *a = n->arena;
  tile t = {.nest = n, .positions = 1, .suffix = contraction_suffix(n, NAMES_OF_TILE)};
  for (int axis = 0; axis < n->contraction->axis_count; axis++) {
    t.count[axis] = n->contraction->axes[axis].reduced ? 1 : n->size[axis];
    t.positions *= t.count[axis];
  }
  order_reduced(&t);
  locate(&t, block);
  new_sums(&t, block, s->lanes);
  int v = s->vector_axis;
  bool lanes_reduced = v >= 0 && n->contraction->axes[v].reduced;
  const loop_expr *later = in_later_pass(n);
  if (later && !lanes_reduced) load_sums(&t, &loop_if(a, block, later)->body);
  int64_t size = lanes_reduced ? n->size[v] : 0;
  if (!lanes_reduced) ask_ahead(&t, block);
  bool copied = s->copied[0] && s->copied[1];
  int64_t by_vectors = copied ? size : size - size % s->lanes;
  emit_steps(&t, block, 0, (range){0, by_vectors});
  if (lanes_reduced) reduce_lanes(&t, block, by_vectors, size);
  if (later && lanes_reduced) add_earlier(&t, &loop_if(a, block, later)->body);
  end_sums(&t, block);
}
