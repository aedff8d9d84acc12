/* Random draws: a draw's key, and patterns that are a pure function of (key, turn, element). */
#include "lower.h"
#include "op.h"

/* key
 *   C1  one site
 *   C2  initial is 0 or 1 */
static const char *key_type(arena *a, const node *n, tensor_type *result) {
  const attribute *site = &n->attributes[0], *initial = &n->attributes[1];
  if (site->count != 1) return arena_printf(a, "key C1: %d sites where 1 is needed", site->count);
  if (initial->count != 1 || initial->ints[0] < 0 || initial->ints[0] > 1)
    return "key C2: initial is neither 0 nor 1";
  *result = type_of(DTYPE_I32, 1, (int64_t[]){2});
  return NULL;
}

static void key_eval(const evaluation *e, const node *n, const tensor *const *operands,
                     tensor *result) {
  (void)operands;
  uint32_t key[2];
  philox_key(key, e->seed, (uint64_t)node_int(n, 0), node_int(n, 1) ? 0 : e->step);
  for (int i = 0; i < 2; i++) result->ints[i] = (int32_t)key[i];
}

/* bits(key, turn)
 *   C1  key is i32[2]
 *   C2  turn is an i64 scalar
 *   C3  the result is of i32 */
static const char *bits_type(arena *a, const node *n, tensor_type *result) {
  const tensor_type *key = &n->operands[0]->type, *turn = &n->operands[1]->type;
  if (key->element != DTYPE_I32 || key->rank != 1 || key->dims[0].maximum != 2)
    return arena_printf(a, "bits C1: the key is %s, not i32[2]", type_text(a, key));
  if (turn->element != DTYPE_I64 || turn->rank != 0)
    return arena_printf(a, "bits C2: the turn is %s, not i64", type_text(a, turn));
  *result = *n->attributes[0].type;
  if (result->element != DTYPE_I32)
    return arena_printf(a, "bits C3: the result is %s, not of i32", type_text(a, result));
  return NULL;
}

static void bits_eval(const evaluation *e, const node *n, const tensor *const *operands,
                      tensor *result) {
  (void)e;
  uint32_t key[2] = {(uint32_t)operands[0]->ints[0], (uint32_t)operands[0]->ints[1]};
  int64_t count = type_elements(&n->type);
  for (int64_t i = 0; i < count; i++)
    result->ints[i] = (int32_t)philox_element(key, (uint64_t)i, (uint64_t)operands[1]->ints[0]);
}

/* Both words of a key are one i64: word 0 below, word 1 above. */
static const loop_expr *key_element(lowering *l, const node *n, const element_parts *parts) {
  arena *a = l->arena;
  const loop_expr *step = node_int(n, 1) ? loop_int(a, 0) : parts->step;
  const loop_expr *arguments[] = {parts->seed, loop_int(a, node_int(n, 0)), step};
  const loop_expr *words = loop_call(a, math_philox_key(l->math), arguments);
  const loop_expr *place = loop_cast(a, parts->position, DTYPE_I64);
  const loop_expr *shift =
      loop_op(a, SCALAR_MUL, place, loop_splat(a, loop_int(a, 32), parts->lanes), NULL);
  const loop_expr *word =
      loop_op(a, SCALAR_SHR, loop_splat(a, words, parts->lanes), shift, NULL);
  return loop_cast(a, word, DTYPE_I32);
}

static const index_expr *key_position(arena *a, const node *n, const index_expr *const *at) {
  (void)a, (void)n;
  return at[0];
}

/* Reads: both words of the key, and the turn. */
static int bits_access(arena *a, const node *n, int read, const index_expr *const *at,
                       const index_expr **operand_at, index_guard *guard) {
  (void)n, (void)at, (void)guard;
  if (read < 2) operand_at[0] = index_constant(a, read);
  return read < 2 ? 0 : read == 2 ? 1 : -1;
}

static const index_expr *bits_position(arena *a, const node *n, const index_expr *const *at) {
  return index_flatten(a, &n->type, at);
}

static const loop_expr *first_lane(arena *a, const loop_expr *x) {
  return x->kind == LOOP_SPLAT ? x->operands[0] : x->type.lanes > 1 ? loop_extract(a, x, 0) : x;
}

/* The key is one for all lanes, as is the turn. */
static const loop_expr *bits_element(lowering *l, const node *n, const element_parts *parts) {
  (void)n;
  arena *a = l->arena;
  const loop_expr *words[2], *turn = first_lane(a, parts->reads[2]);
  for (int i = 0; i < 2; i++) words[i] = loop_cast(a, first_lane(a, parts->reads[i]), DTYPE_I64);
  const loop_expr *low = loop_op(a, SCALAR_BITAND, words[0], loop_int(a, 0xffffffff), NULL);
  const loop_expr *high = loop_op(a, SCALAR_SHL, words[1], loop_int(a, 32), NULL);
  const loop_expr *key = loop_op(a, SCALAR_BITOR, low, high, NULL);
  if (parts->run)
    return loop_call(a, math_philox_run(l->math, parts->lanes),
                     (const loop_expr *[]){key, parts->run, turn});
  const loop_expr *position = loop_cast(a, parts->position, DTYPE_I64);
  return loop_call(a, math_philox(l->math, parts->lanes),
                   (const loop_expr *[]){loop_splat(a, key, parts->lanes), position,
                                         loop_splat(a, turn, parts->lanes)});
}

static const op_lowering key_lower = {.position = key_position, .element = key_element};
static const op_lowering bits_lower = {
    .access = bits_access, .position = bits_position, .positions_alike = 4,
    .element = bits_element};

const op_definition op_KEY = {.type = key_type, .eval = key_eval, .lower = &key_lower};
const op_definition op_BITS = {.type = bits_type, .eval = bits_eval, .lower = &bits_lower};
