/* Copies that turn an operand: elements that lie side by side in its buffer come to lie apart, and those along the
 * coordinate of the vectors side by side. Squares of them are loaded as rows and turned in registers, in log2 of their
 * length steps: step by step, rows a power of two apart exchange lanes as far apart (Eklundh, "A fast computer method for
 * matrix transposing", 1972). */
#include "contraction_nest.h"

enum { LONGEST_ROW = 8 }; /* lanes: longer ones take less time, and more text */

typedef struct turning {
  const contraction_nest *nest;
  const contraction_turn *turn;
  int side; /* of a square */
} turning;

static const loop_expr *from_at(const turning *t, const loop_expr *across, const loop_expr *along) {
  arena *a = t->nest->arena;
  return loop_add(a, contraction_scaled(a, across, t->turn->across, t->turn->from), along);
}

static const loop_expr *to_at(const turning *t, const loop_expr *across, const loop_expr *along) {
  arena *a = t->nest->arena;
  return loop_add(a, contraction_scaled(a, along, t->turn->along, t->turn->to_at), across);
}

/* A loop, or its only turn. */
static const loop_expr *walk(const turning *t, loop_block **block, const char *name, int64_t low, int64_t high, int64_t step) {
  arena *a = t->nest->arena;
  if (high - low == step) return loop_int(a, low);
  const loop_variable *v = loop_variable_new(a, name, loop_scalar(DTYPE_I64));
  *block = &loop_for(a, *block, LOOP_SEQ, v, loop_int(a, low), loop_int(a, high), step)->body;
  return loop_var(a, v);
}

/* Elements [low, high) across, one by one. */
static void turn_elements(const turning *t, loop_block *block, const loop_expr *first, int64_t across, int64_t low, int64_t high) {
  arena *a = t->nest->arena;
  if (low >= high || across == 0) return;
  const loop_expr *along = walk(t, &block, "u", low, high, 1);
  const loop_expr *e = loop_add(a, first, walk(t, &block, "e", 0, across, 1));
  const loop_expr *from = from_at(t, e, along), *to = to_at(t, e, along);
  loop_store(a, block, t->turn->to, &to, loop_load(a, t->turn->buffer, &from, 1, NULL), NULL);
}

/* Rows x and y, `apart` rows from each other, with the lanes so far apart exchanged: the first of them. */
static const loop_expr *exchanged(const turning *t, const loop_expr *x, const loop_expr *y, int apart, bool second) {
  int picks[LONGEST_ROW];
  for (int i = 0; i < t->side; i++) {
    const bool upper = i & apart;
    picks[i] = second ? (upper ? t->side + i : i + apart) : (upper ? t->side + i - apart : i);
  }
  return loop_shuffle(t->nest->arena, x, y, t->side, picks);
}

static void turn_square(const turning *t, loop_block *block, const loop_expr *across, const loop_expr *along) {
  arena *a = t->nest->arena;
  const loop_expr *rows[LONGEST_ROW];
  for (int i = 0; i < t->side; i++) {
    const loop_expr *at = from_at(t, loop_add(a, across, loop_int(a, i)), along);
    rows[i] = loop_let(a, block, arena_printf(a, "row%d", i), loop_load(a, t->turn->buffer, &at, t->side, NULL));
  }
  for (int apart = t->side / 2; apart > 0; apart /= 2)
    for (int i = 0; i < t->side; i++) {
      if (i & apart) continue;
      const loop_expr *x = rows[i], *y = rows[i + apart];
      rows[i] = loop_let(a, block, arena_printf(a, "turned%d_%d", apart, i), exchanged(t, x, y, apart, false));
      rows[i + apart] = loop_let(a, block, arena_printf(a, "turned%d_%d", apart, i + apart), exchanged(t, x, y, apart, true));
    }
  for (int i = 0; i < t->side; i++) {
    const loop_expr *to = to_at(t, across, loop_add(a, along, loop_int(a, i)));
    loop_store(a, block, t->turn->to, &to, rows[i], NULL);
  }
}

int contraction_turn_side(const contraction *c, const target *t) {
  const int lanes = contraction_full_lanes(c, t);
  return lanes < LONGEST_ROW ? lanes : LONGEST_ROW;
}

bool contraction_may_turn(const contraction *c, const target *t, int operand, int from, int to, const int64_t *lengths) {
  const contraction_operand *o = &c->operands[operand];
  const int side = contraction_turn_side(c, t);
  return !o->element && side > 1 && o->coordinates[from].stride == 1 && o->coordinates[to].stride != 1 &&
         lengths[from] >= side && lengths[to] >= side;
}

void contraction_turn_copy(const contraction_nest *n, const contraction_turn *turn, loop_block *block) {
  const turning t = {n, turn, contraction_turn_side(n->contraction, n->target)};
  const int64_t squares[2] = {turn->length[0] / t.side * t.side, turn->length[1] / t.side * t.side};
  loop_block *inside = block;
  const loop_expr *across = walk(&t, &inside, "e0", 0, squares[0], t.side);
  loop_block *square = inside;
  const loop_expr *along = walk(&t, &square, "u0", 0, squares[1], t.side);
  turn_square(&t, square, across, along);
  turn_elements(&t, inside, across, t.side, squares[1], turn->length[1]);
  turn_elements(&t, block, loop_int(n->arena, squares[0]), turn->length[0] - squares[0], 0, turn->length[1]);
}
