/* Elementary functions from additions, products, fused products and bit patterns: which there are, and the
 * short ones. */
#include "vector_math.h"

#include "vector_maker.h"

/* ---- rounding, signs, roots ---------------------------------------------------------------- */

/* y (1 - h)^-½ with h = 1 - x y², to be small: `count` terms behind y. */
static expr nearer_rsqrt(maker *m, expr x, expr y, int count, const double *coefficients) {
  expr h = let(m, "h", fused(m, minus(m, mul(m, x, y)), y, real(m, 1)));
  return let(m, "y", fused(m, mul(m, y, h), polynomial(m, h, count, coefficients), y));
}

/* From half the bits, within 3.4 % (Lomont, "Fast Inverse Square Root", 2003), so that |h| < 0.0682; then two
 * steps, the first near minimax, the second the series: off by 2^-29 in f32 and 2^-58 in f64. */
static expr make_rsqrt(maker *m, expr x) {
  static const double first_single[] = {0x1.00bf38p-1, 0x1.814ebp-2};
  static const double first_double[] = {0x1.ffff6a60b0c46p-2, 0x1.811527558029p-2, 0x1.41aae933c11b3p-2};
  static const double series[] = {0.5, 0.375};
  expr start = integer(m, is_single(m) ? 0x5f374800 : 0x5fe6e90000000000);
  expr y = let(m, "y", as_real(m, sub(m, start, shifted_down(m, as_bits(m, x), 1))));
  y = is_single(m) ? nearer_rsqrt(m, x, y, 2, first_single) : nearer_rsqrt(m, x, y, 3, first_double);
  y = nearer_rsqrt(m, x, y, is_single(m) ? 1 : 2, series);
  expr twice = let(m, "twice", add(m, x, x)); /* subnormal numbers are 0 then; 0 and infinity are as they were */
  expr other = op2(m, SCALAR_BITXOR, as_bits(m, twice), integer(m, infinity_bits(m)));
  y = choose(m, equal(m, twice, x), as_real(m, other), y);
  return choose(m, less(m, x, real(m, 0)), real(m, NAN), y);
}

/* |x| rounded by adding 2^mantissa, one less where that went up. */
static expr make_floor(maker *m, expr x) {
  expr limit = real(m, ldexp(1, m->mantissa));
  expr magnitude = let(m, "magnitude", op1(m, SCALAR_ABS, x));
  expr nearest = let(m, "nearest", with_sign(m, sub(m, add(m, magnitude, limit), limit), x));
  expr down = choose(m, op2(m, SCALAR_GT, nearest, x), sub(m, nearest, real(m, 1)), nearest);
  return choose(m, op2(m, SCALAR_LT, magnitude, limit), down, x);
}

static expr make_sign(maker *m, expr x) {
  expr negative = choose(m, op2(m, SCALAR_LT, x, real(m, 0)), real(m, -1), x);
  return choose(m, op2(m, SCALAR_GT, x, real(m, 0)), real(m, 1), negative);
}

static expr make_floordiv(maker *m, expr x, expr y) {
  return call(m, SCALAR_FLOOR, quotient(m, x, y));
}

/* x - y ⌊x / y⌋ for quotients from 1 to 2^53 in size, exact: the rounded quotient is the right one or one
 * above. Scaled so that splitting neither overflows nor loses bits. */
static expr remainder_of(maker *m, expr x, expr y, expr quotient_floor) {
  expr size = let(m, "size", op1(m, SCALAR_ABS, y));
  expr up = choose(m, op2(m, SCALAR_LT, size, real(m, 0x1p-500)), real(m, 0x1p500), real(m, 1));
  expr scale = let(m, "scale", choose(m, op2(m, SCALAR_GT, size, real(m, 0x1p500)), real(m, 0x1p-500), up));
  expr divisor = let(m, "divisor", mul(m, y, scale));
  expr rest = let(m, "rest", less_product(m, mul(m, x, scale), quotient_floor, divisor));
  expr apart = op2(m, SCALAR_LT, mul(m, call(m, SCALAR_SIGN, rest), divisor), real(m, 0));
  expr mended = choose(m, apart, add(m, rest, divisor), rest);
  return quotient(m, mended, scale);
}

/* In f64. Where x is below y in size it is x, or x + y where the signs differ. From a quotient of 2^53 on
 * neighbouring x lie further apart than y, and the result is 0. */
static expr make_mod(maker *m, expr x, expr y) {
  expr zero = real(m, 0), ratio = let(m, "ratio", quotient(m, x, y));
  expr whole = let(m, "whole", call(m, SCALAR_FLOOR, ratio));
  expr below = op2(m, SCALAR_LT, op1(m, SCALAR_ABS, x), op1(m, SCALAR_ABS, y));
  expr negative = op2(m, SCALAR_LT, x, zero), against = op2(m, SCALAR_NE, negative, op2(m, SCALAR_LT, y, zero));
  expr differ = op2(m, SCALAR_AND, against, op2(m, SCALAR_NE, x, zero));
  expr near = choose(m, differ, add(m, x, y), x);
  expr far = choose(m, op2(m, SCALAR_EQ, y, zero), real(m, NAN), zero);
  far = choose(m, op2(m, SCALAR_EQ, op1(m, SCALAR_ABS, x), real(m, INFINITY)), real(m, NAN), far);
  expr is_far = op2(m, SCALAR_GE, op1(m, SCALAR_ABS, whole), real(m, 0x1p53));
  expr result = choose(m, is_far, far, remainder_of(m, x, y, whole));
  return choose(m, below, near, result);
}

/* ---- f32 by f64 ---------------------------------------------------------------------------- */

static expr lanes_from(maker *m, expr x, int first, int count) {
  if (count == x->type.lanes) return x;
  int picks[LOOP_MAX_LANES];
  for (int i = 0; i < count; i++) picks[i] = first + i;
  return loop_shuffle(m->arena, x, x, count, picks);
}

static expr joined(maker *m, expr low, expr high) {
  int picks[LOOP_MAX_LANES];
  for (int i = 0; i < m->type.lanes; i++) picks[i] = i;
  return loop_shuffle(m->arena, low, high, m->type.lanes, picks);
}

/* f of f64, for a result of f32: a power needs no pairs there. */
static expr wide_value(maker *m, scalar_function f, loop_type type, expr x, expr y) {
  if (f != SCALAR_POW) return loop_call(m->arena, math_function(m->library, f, type), (const loop_expr *[]){x, y});
  expr log = loop_call(m->arena, math_function(m->library, SCALAR_LOG, type), &x), power = mul(m, y, log);
  return loop_call(m->arena, math_function(m->library, SCALAR_EXP, type), &power);
}

expr make_through_double(maker *m, scalar_function f, expr x, expr y) {
  int lanes = m->type.lanes, count = lanes < 4 ? lanes : lanes / 2;
  expr parts[2];
  for (int i = 0; i * count < lanes; i++) {
    expr wide_x = loop_cast(m->arena, lanes_from(m, x, i * count, count), DTYPE_F64), wide_y = NULL;
    if (y) wide_y = loop_cast(m->arena, lanes_from(m, y, i * count, count), DTYPE_F64);
    expr wide = wide_value(m, f, loop_vector(DTYPE_F64, count), wide_x, wide_y);
    parts[i] = let(m, "part", loop_cast(m->arena, wide, DTYPE_F32));
  }
  return count == lanes ? parts[0] : joined(m, parts[0], parts[1]);
}

/* ---- the library --------------------------------------------------------------------------- */

static expr make(maker *m, scalar_function f, expr x, expr y) {
  switch (f) {
    case SCALAR_FLOOR: return make_floor(m, x);
    case SCALAR_FLOORDIV: return make_floordiv(m, x, y);
    case SCALAR_MOD: return is_single(m) ? make_through_double(m, f, x, y) : make_mod(m, x, y);
    case SCALAR_SIGN: return make_sign(m, x);
    case SCALAR_RSQRT: return make_rsqrt(m, x);
    case SCALAR_EXP: return make_exp(m, x);
    case SCALAR_EXPM1: return make_expm1(m, x);
    case SCALAR_LOG: return make_log(m, x);
    case SCALAR_LOG1P: return make_log1p(m, x);
    case SCALAR_TANH: return make_tanh(m, x);
    case SCALAR_SIGMOID: return make_sigmoid(m, x);
    case SCALAR_SIN: return make_sin(m, x);
    case SCALAR_COS: return make_cos(m, x);
    case SCALAR_POW: return make_pow(m, x, y);
    default: internal_error("no own %s", scalar_infos[f].name);
  }
}

bool math_covers(scalar_function f, dtype element) {
  if (element != DTYPE_F32 && element != DTYPE_F64) return false;
  switch (f) {
    case SCALAR_FLOOR: case SCALAR_FLOORDIV: case SCALAR_MOD: case SCALAR_SIGN: case SCALAR_RSQRT:
    case SCALAR_EXP: case SCALAR_EXPM1: case SCALAR_LOG: case SCALAR_LOG1P: case SCALAR_TANH:
    case SCALAR_SIGMOID: case SCALAR_SIN: case SCALAR_COS: case SCALAR_POW: return true;
    default: return false;
  }
}

const char *math_name(arena *a, const char *name, loop_type type) {
  if (type.lanes == 1) return arena_printf(a, "%s_%s", name, dtype_name(type.element));
  return arena_printf(a, "%s_%sx%d", name, dtype_name(type.element), type.lanes);
}

loop_function *math_find(const math_library *m, const char *name) {
  for (int i = 0; i < m->count; i++)
    if (!strcmp(m->functions[i]->name, name)) return m->functions[i];
  return NULL;
}

loop_function *math_begin(math_library *m, const char *name, loop_type type, int parameters,
                          const char *const *names, loop_type parameter_type) {
  loop_function *f = arena_new_of(m->arena, loop_function);
  const loop_variable **list = arena_array_of(m->arena, parameters, const loop_variable *);
  for (int i = 0; i < parameters; i++)
    list[i] = loop_variable_new(m->arena, names[i], parameter_type);
  *f = (loop_function){.name = name, .type = type, .parameter_count = parameters, .parameters = list};
  return f;
}

const loop_function *math_finish(math_library *m, loop_function *f, expr result) {
  f->result = result;
  arena_push(m->arena, m->functions, m->count) = f;
  return f;
}

const loop_function *math_function(math_library *m, scalar_function f, loop_type type) {
  if (!math_covers(f, type.element)) return NULL;
  const char *name = math_name(m->arena, scalar_infos[f].name, type);
  loop_function *function = math_find(m, name);
  if (function) return function;
  int operands = scalar_infos[f].operands;
  function = math_begin(m, name, type, operands, (const char *const[]){"a", "b"}, type);
  bool single = type.element == DTYPE_F32;
  maker k = {.library = m, .arena = m->arena, .function = function, .type = type,
             .bits = single ? DTYPE_I32 : DTYPE_I64, .mantissa = single ? 23 : 52,
             .bias = single ? 127 : 1023};
  expr x = loop_var(m->arena, function->parameters[0]);
  expr y = operands > 1 ? loop_var(m->arena, function->parameters[1]) : NULL;
  return math_finish(m, function, make(&k, f, x, y));
}
