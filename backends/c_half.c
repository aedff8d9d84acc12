/* Conversions of f16 and bf16, which are stored as 16-bit integers; to them they round to nearest even.
 * Where the processor has F16C it converts vectors between f16 and f32; the forms in integers (after
 * Giesen, "Float->half conversion", 2012) give the same bits, NaN included: it keeps its first bits
 * and becomes quiet. */
#include "c_unit.h"
#include "half.h"

static const char *spelling(c_unit *u, dtype element, int lanes) {
  return c_spelling(u, c_vector(element, lanes));
}

/* ---- by the processor ------------------------------------------------------------------------ */

/* The levels from x86-64-v3 on have F16C, v4 also for 64 bytes. */
static bool has_instruction(const c_unit *u, dtype half, int lanes) {
  int bytes = 4 * lanes;
  return half == DTYPE_F16 && u->target->vector_bytes >= 32 && bytes >= 16 &&
         bytes <= u->target->vector_bytes;
}

/* The builtins speak of vectors of short, of eight also for four. */
static void define_shorts(c_unit *u, int lanes) {
  writer_line(&u->helpers, "typedef short shorts __attribute__((vector_size(%d)));",
              lanes == 16 ? 32 : 16);
}

static const char *narrow_by_instruction(c_unit *u, int lanes) {
  const char *half = spelling(u, DTYPE_F16, lanes);
  if (lanes == 8) return arena_printf(u->arena, "(%s)__builtin_ia32_vcvtps2ph256(x, 0)", half);
  define_shorts(u, lanes);
  if (lanes == 16)
    return arena_printf(u->arena, "(%s)__builtin_ia32_vcvtps2ph512_mask(x, 0, (shorts){0}, -1)",
                        half);
  writer_line(&u->helpers, "const shorts bits = __builtin_ia32_vcvtps2ph(x, 0);");
  return arena_printf(u->arena, "(%s)__builtin_shufflevector(bits, bits, 0, 1, 2, 3)", half);
}

static const char *widen_by_instruction(c_unit *u, int lanes) {
  define_shorts(u, lanes);
  if (lanes == 16)
    return arena_printf(u->arena, "__builtin_ia32_vcvtph2ps512_mask((shorts)x, (%s){0}, -1, 4)",
                        spelling(u, DTYPE_F32, lanes));
  if (lanes == 8) return "__builtin_ia32_vcvtph2ps256((shorts)x)";
  return "__builtin_ia32_vcvtph2ps((shorts)__builtin_shufflevector(x, x, 0, 1, 2, 3, 0, 1, 2, 3))";
}

/* ---- in integers ----------------------------------------------------------------------------- */

/* The low 16 bits of each 32 of `bits`. */
static const char *low_halves(c_unit *u, dtype half, int lanes) {
  arena *a = u->arena;
  const char *list = "", *twice = spelling(u, half, 2 * lanes);
  for (int i = 0; i < lanes; i++) list = arena_printf(a, "%s%s%d", list, i ? ", " : "", 2 * i);
  return arena_printf(a, "__builtin_shufflevector((%s)bits, (%s)bits, %s)", twice, twice, list);
}

/* Each 16 bits of x as the low or the high ones of 32, with zeros beside them. */
static const char *spread_halves(c_unit *u, dtype half, int lanes, bool high) {
  arena *a = u->arena;
  const char *list = "";
  for (int i = 0; i < lanes; i++)
    list = arena_printf(a, "%s%s%d, %d", list, i ? ", " : "", high ? lanes : i, high ? i : lanes);
  return arena_printf(a, "__builtin_shufflevector(x, (%s){0}, %s)", spelling(u, half, lanes), list);
}

/* A subnormal number is what a sum with 0.5, whose last bit counts 2^-24, leaves in the low bits;
 * others lose 13 bits and 112 of the exponent, and may carry up to an infinity. */
static const char *f16_of_f32(c_unit *u, int lanes) {
  writer *w = &u->helpers;
  const char *v = spelling(u, DTYPE_I32, lanes), *r = spelling(u, DTYPE_F32, lanes);
  const char *select = c_helper_select(u, c_vector(DTYPE_I32, lanes));
  writer_line(w, "const %s sign = (%s)x >> 16 & -0x8000, size = (%s)x & INT32_MAX;", v, v, v);
  writer_line(w, "const %s normal = (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;", v);
  writer_line(w, "const %s subnormal = (%s)((%s)size + 0.5f) - 0x3f000000;", v, v, r);
  writer_line(w, "const %s nan = (size > 0x7f800000) & (0x200 | (size >> 13 & 0x3ff));", v);
  writer_line(w, "const %s finite = %s(size < 0x38800000, subnormal, normal);", v, select);
  writer_line(w, "const %s bits = sign | %s(size < 0x47800000, finite, 0x7c00 | nan);", v, select);
  return low_halves(u, DTYPE_F16, lanes);
}

static const char *f32_of_f16(c_unit *u, int lanes) {
  writer *w = &u->helpers;
  const char *v = spelling(u, DTYPE_I32, lanes), *r = spelling(u, DTYPE_F32, lanes);
  const char *n = c_unsigned(u, c_vector(DTYPE_I32, lanes));
  const char *select = c_helper_select(u, c_vector(DTYPE_I32, lanes));
  const char *spread = spread_halves(u, DTYPE_F16, lanes, false);
  writer_line(w, "const %s bits = (%s)%s;", v, v, spread);
  writer_line(w, "const %s sign = (%s)((%s)bits << 16) & INT32_MIN;", v, v, n);
  writer_line(w, "const %s size = (bits & 0x7fff) << 13;", v);
  writer_line(w, "const %s normal = size + 0x38000000;", v);
  writer_line(w, "const %s subnormal = (%s)((%s)(size + 0x38800000) - 0x1p-14f);", v, v, r);
  writer_line(w, "const %s quiet = (size > 0x0f800000) & 0x400000;", v);
  writer_line(w, "const %s special = (size + 0x70000000) | quiet;", v);
  writer_line(w, "const %s finite = %s(size < 0x00800000, subnormal, normal);", v, select);
  return arena_printf(u->arena, "(%s)(sign | %s(size < 0x0f800000, finite, special))", r, select);
}

static const char *bf16_of_f32(c_unit *u, int lanes) {
  writer *w = &u->helpers;
  const char *v = spelling(u, DTYPE_I32, lanes);
  const char *n = c_unsigned(u, c_vector(DTYPE_I32, lanes));
  const char *select = c_helper_select(u, c_vector(DTYPE_I32, lanes));
  writer_line(w, "const %s all = (%s)x;", n, n);
  writer_line(w, "const %s rounded = (%s)((all + 0x7fff + (all >> 16 & 1)) >> 16);", v, v);
  writer_line(w, "const %s bits = %s(x != x, (%s)(all >> 16 | 0x40), rounded);", v, select, v);
  return low_halves(u, DTYPE_BF16, lanes);
}

static const char *f32_of_bf16(c_unit *u, int lanes) {
  return arena_printf(u->arena, "(%s)%s", spelling(u, DTYPE_F32, lanes),
                      spread_halves(u, DTYPE_BF16, lanes, true));
}

/* ---- from f64 -------------------------------------------------------------------------------- */

/* An f64 as an f32 rounded to odd, towards zero with the last bit set where anything was lost, so
 * that rounding again to fewer bits rounds as if at once (Boldo and Melquiond, 2008). */
static const char *helper_odd(c_unit *u, int lanes) {
  const char *name = arena_printf(u->arena, "odd_f32x%d", lanes);
  if (!c_first_use(u, name)) return name;
  c_type wide = c_vector(DTYPE_F64, lanes), single = c_vector(DTYPE_F32, lanes);
  const char *f64 = c_spelling(u, wide), *f32 = c_spelling(u, single);
  const char *i32 = spelling(u, DTYPE_I32, lanes), *size = c_helper_op(u, SCALAR_ABS, wide);
  const char *narrow = c_helper_cast(u, wide, single), *back = c_helper_cast(u, single, wide);
  const char *mask = c_helper_cast(u, c_truth(DTYPE_F64, lanes), c_truth(DTYPE_F32, lanes));
  c_inline(u, f32, name, arena_printf(u->arena, "%s x", f64));
  writer *w = &u->helpers;
  writer_line(w, "const %s nearest = %s(x);", f32, narrow);
  writer_line(w, "const %s value = %s(nearest);", f64, back);
  writer_line(w, "const %s beyond = %s(%s(value) > %s(x));", i32, mask, size, size);
  writer_line(w, "const %s lost = %s(value != x);", i32, mask);
  writer_line(w, "return (%s)(((%s)nearest + beyond) | (lost & 1));", f32, i32);
  writer_close(w, "");
  return name;
}

/* ---- all together ---------------------------------------------------------------------------- */

static const char *between_half_and_single(c_unit *u, dtype half, int lanes, bool narrow) {
  if (has_instruction(u, half, lanes))
    return narrow ? narrow_by_instruction(u, lanes) : widen_by_instruction(u, lanes);
  if (half == DTYPE_BF16) return narrow ? bf16_of_f32(u, lanes) : f32_of_bf16(u, lanes);
  return narrow ? f16_of_f32(u, lanes) : f32_of_f16(u, lanes);
}

/* Types and helpers that the function will need, before it begins. */
static void define_needs(c_unit *u, dtype half, int lanes) {
  spelling(u, half, 2 * lanes);
  c_helper_select(u, c_vector(DTYPE_I32, lanes));
  c_unsigned(u, c_vector(DTYPE_I32, lanes));
}

/* One lane, as the first of a vector. */
static const char *one_lane(c_unit *u, c_type from, c_type to) {
  dtype of = half_is(from.element) || from.element == DTYPE_F32 ? from.element : DTYPE_F64;
  int lanes = of == DTYPE_F64 ? 2 : 4;
  c_type vector = c_vector(of, lanes);
  const char *cast = c_helper_cast(u, vector, c_vector(to.element, lanes));
  return arena_printf(u->arena, "%s((%s){%sx%s})[0]", cast, c_spelling(u, vector),
                      of == from.element ? "" : "(double)", of == DTYPE_F64 ? ", 0" : ", 0, 0, 0");
}

void c_half_cast(c_unit *u, const char *name, c_type from, c_type to) {
  int lanes = from.lanes;
  bool narrow = half_is(to.element);
  dtype half = narrow ? to.element : from.element, other = narrow ? from.element : to.element;
  if (!narrow && other != DTYPE_F32)
    internal_error("%s is not cast to f32 first", dtype_name(from.element));
  const char *value = NULL;
  if (lanes == 1) {
    value = one_lane(u, from, to);
  } else if (narrow && other == DTYPE_F64) {
    const char *cast = c_helper_cast(u, c_vector(DTYPE_F32, lanes), to);
    value = arena_printf(u->arena, "%s(%s(x))", cast, helper_odd(u, lanes));
  } else if (other != DTYPE_F32) {
    c_type wide = c_vector(DTYPE_F64, lanes);
    const char *cast = c_helper_cast(u, wide, to);
    value = arena_printf(u->arena, "%s(%s(x))", cast, c_helper_cast(u, from, wide));
  } else if (!has_instruction(u, half, lanes)) {
    define_needs(u, half, lanes);
  }
  c_inline(u, c_spelling(u, to), name, arena_printf(u->arena, "%s x", c_spelling(u, from)));
  if (!value) value = between_half_and_single(u, half, lanes, narrow);
  writer_line(&u->helpers, "return %s;", value);
  writer_close(&u->helpers, "");
}
