/* Philox as a function of the loop form. */
#include "vector_maker.h"

enum { PHILOX_ROUNDS = 10 };

/* Words are the low halves of i64, and what stands above them is of no account. */
static expr low_word(maker *m, expr x) {
  return op2(m, SCALAR_BITAND, x, integer(m, 0xffffffff));
}

static expr high_word(maker *m, expr x) { return op2(m, SCALAR_SHR, x, integer(m, 32)); }

static expr xor3(maker *m, expr x, expr y, expr z) {
  return op2(m, SCALAR_BITXOR, op2(m, SCALAR_BITXOR, x, y), z);
}

static void philox_rounds(maker *m, expr c[4], expr key) {
  expr k0 = key, k1 = let(m, "l", high_word(m, key));
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    expr p0 = let(m, "p", mul(m, low_word(m, c[0]), integer(m, 0xD2511F53)));
    expr p1 = let(m, "q", mul(m, low_word(m, c[2]), integer(m, 0xCD9E8D57)));
    c[0] = let(m, "c", xor3(m, high_word(m, p1), c[1], k0));
    c[2] = let(m, "d", xor3(m, high_word(m, p0), c[3], k1));
    c[1] = p1;
    c[3] = p0;
    if (round == PHILOX_ROUNDS - 1) break;
    k0 = let(m, "k", add(m, k0, integer(m, 0x9E3779B9)));
    k1 = let(m, "l", add(m, k1, integer(m, 0xBB67AE85)));
  }
}

static maker philox_maker(math_library *m, loop_function *f, int lanes) {
  return (maker){.library = m, .arena = m->arena, .function = f,
                 .type = loop_vector(DTYPE_I64, lanes), .bits = DTYPE_I64};
}

const loop_function *math_philox(math_library *m, int lanes) {
  loop_type wide = loop_vector(DTYPE_I64, lanes), type = loop_vector(DTYPE_I32, lanes);
  const char *name = math_name(m->arena, "philox", type);
  loop_function *f = math_find(m, name);
  if (f) return f;
  f = math_begin(m, name, type, 3, (const char *const[]){"key", "element", "turn"}, wide);
  maker k = philox_maker(m, f, lanes);
  expr key = loop_var(m->arena, f->parameters[0]), element = loop_var(m->arena, f->parameters[1]);
  expr turn = loop_var(m->arena, f->parameters[2]);
  expr block = let(&k, "block", op2(&k, SCALAR_SHR, element, integer(&k, 2)));
  expr c[4] = {block, high_word(&k, block), turn, high_word(&k, turn)};
  philox_rounds(&k, c, key);
  expr word = let(&k, "word", op2(&k, SCALAR_BITAND, element, integer(&k, 3)));
  expr result = c[3];
  for (int i = 2; i >= 0; i--)
    result = choose(&k, op2(&k, SCALAR_EQ, word, integer(&k, i)), c[i], result);
  return math_finish(m, f, loop_cast(m->arena, result, DTYPE_I32));
}

/* Lanes of x and of y in turn. */
static expr interleaved(arena *a, expr x, expr y, int group) {
  int lanes = x->type.lanes, picks[LOOP_MAX_LANES];
  for (int i = 0; i < 2 * lanes; i++) {
    int turn = i / group, lane = turn / 2 * group + i % group;
    picks[i] = turn % 2 ? lanes + lane : lane;
  }
  return loop_shuffle(a, x, y, 2 * lanes, picks);
}

/* words[i] has word i of every block. */
static expr words_in_order(arena *a, expr words[4]) {
  if (words[0]->type.lanes > 1)
    return interleaved(a, interleaved(a, words[0], words[1], 1), interleaved(a, words[2], words[3], 1), 2);
  expr all = loop_splat(a, words[0], 4);
  for (int i = 1; i < 4; i++) all = loop_insert(a, all, i, words[i]);
  return all;
}

const loop_function *math_philox_run(math_library *m, int lanes) {
  arena *a = m->arena;
  int blocks = lanes / 4;
  loop_type scalar = loop_scalar(DTYPE_I64), type = loop_vector(DTYPE_I32, lanes);
  const char *name = math_name(a, "philox_run", type);
  loop_function *f = math_find(m, name);
  if (f) return f;
  f = math_begin(m, name, type, 3, (const char *const[]){"key", "first", "turn"}, scalar);
  maker one = philox_maker(m, f, 1), k = philox_maker(m, f, blocks);
  expr key = loop_var(a, f->parameters[0]), first = loop_var(a, f->parameters[1]);
  expr turn = loop_var(a, f->parameters[2]);
  /* A run may begin before element 0, where another part of a concatenation stands: lane for lane it is shifted,
   * so that blocks count from 0 again at element 0. */
  expr start = blocks > 1 ? loop_ramp(a, first, integer(&one, 4), blocks) : first;
  expr block = let(&k, "block", op2(&k, SCALAR_SHR, start, integer(&k, 2)));
  expr c[4] = {block, high_word(&k, block), loop_splat(a, turn, blocks),
               loop_splat(a, high_word(&one, turn), blocks)};
  philox_rounds(&k, c, loop_splat(a, key, blocks));
  for (int i = 0; i < 4; i++) c[i] = let(&k, "word", loop_cast(a, c[i], DTYPE_I32));
  return math_finish(m, f, words_in_order(a, c));
}

const loop_function *math_philox_key(math_library *m) {
  loop_type type = loop_scalar(DTYPE_I64);
  loop_function *f = math_find(m, "philox_key");
  if (f) return f;
  f = math_begin(m, "philox_key", type, 3, (const char *const[]){"seed", "site", "step"}, type);
  maker k = philox_maker(m, f, 1);
  expr seed = loop_var(m->arena, f->parameters[0]), site = loop_var(m->arena, f->parameters[1]);
  expr step = loop_var(m->arena, f->parameters[2]);
  expr c[4] = {site, high_word(&k, site), step, high_word(&k, step)};
  philox_rounds(&k, c, seed);
  expr second = op2(&k, SCALAR_SHL, c[1], integer(&k, 32));
  return math_finish(m, f, op2(&k, SCALAR_BITOR, low_word(&k, c[0]), second));
}
