/* Conversions between element types, as build_cast defines them. */
#include "c_unit.h"
#include "half.h"

static const char *cast_name(c_unit *u, c_type from, c_type to) {
  return arena_printf(u->arena, "%s_from_%s", c_suffix(u, to), c_suffix(u, from));
}

static const char *convertvector(c_unit *u, const char *text, c_type to) {
  return arena_printf(u->arena, "__builtin_convertvector(%s, %s)", text, c_spelling(u, to));
}

/* By a step in between. */
static const char *through(c_unit *u, c_type from, c_type between, c_type to) {
  return arena_printf(u->arena, "%s(%s(x))", c_helper_cast(u, between, to),
                      c_helper_cast(u, from, between));
}

/* Each half by itself: without optimisation gcc 12 ends with an internal error on the whole. */
static const char *converted_halves(c_unit *u, c_type from, c_type to) {
  arena *a = u->arena;
  int n = from.lanes / 2;
  const char *halves[2];
  for (int i = 0; i < 2; i++)
    halves[i] = convertvector(
        u, arena_printf(a, "__builtin_shufflevector(x, x, %s)", c_numbers(a, i * n, n)),
        c_vector(to.element, n));
  return arena_printf(a, "__builtin_shufflevector(%s, %s, %s)", halves[0], halves[1],
                      c_numbers(a, 0, from.lanes));
}

/* ---- integers to wider and narrower ones, in bytes of little-endian vectors; gcc 12 would take
 *      the lanes apart ---- */

/* Bytes to 32 bits: each byte at the low end of a lane of zeros, or at its high end and shifted
 * down with its sign. */
static const char *widen_bytes(c_unit *u, c_type from, c_type to) {
  arena *a = u->arena;
  bool sign = from.element == DTYPE_I8;
  int n = from.lanes;
  const char *bytes = c_spelling(u, from), *wide = c_spelling(u, to);
  writer list = writer_new(a);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 4; k++)
      writer_text(&list, arena_printf(a, "%s%d", i + k ? ", " : "", k == (sign ? 3 : 0) ? i : n));
  const char *spread = arena_printf(a, "(%s)__builtin_shufflevector(x, (%s){0}, %s)", wide, bytes,
                                    list.text);
  return sign ? arena_printf(a, "%s >> 24", spread) : spread;
}

/* 8 bytes to 32 bits by AVX2's instruction: gcc 12 would put the bytes together in memory. */
static void widen_eight(c_unit *u, c_type from, c_type to) {
  bool sign = from.element == DTYPE_I8;
  writer *w = &u->helpers;
  writer_text(w, "#ifdef __clang__\n");
  writer_line(w, "return %s;", convertvector(u, "x", to));
  writer_text(w, "#else\n");
  writer_line(w, "typedef char bytes __attribute__((vector_size(16)));");
  writer_line(w, "typedef int64_t words __attribute__((vector_size(16)));");
  writer_line(w, "return (%s)__builtin_ia32_pmov%sxbd256((bytes)(words){(int64_t)x, 0});",
              c_spelling(u, to), sign ? "s" : "z");
  writer_text(w, "#endif\n");
}

static bool has_widening(const c_unit *u, c_type from, c_type to) {
  return dtype_size(from.element) == 1 && to.element == DTYPE_I32 && from.lanes == 8 &&
         u->target->vector_bytes >= 32;
}

/* The low byte of each 32 bits. */
static const char *narrow_to_bytes(c_unit *u, c_type from, c_type to) {
  arena *a = u->arena;
  c_type bytes = c_vector(to.element, 4 * from.lanes);
  const char *whole = arena_printf(a, "(%s)x", c_spelling(u, bytes));
  writer list = writer_new(a);
  for (int i = 0; i < from.lanes; i++)
    writer_text(&list, arena_printf(a, "%s%d", i ? ", " : "", 4 * i));
  return arena_printf(a, "__builtin_shufflevector(%s, %s, %s)", whole, whole, list.text);
}

/* AVX-512 has an instruction for a whole vector of 32 bits, which gcc finds. */
static bool has_conversion(const c_unit *u, c_type from, size_t before, size_t after) {
  return u->target->vector_bytes == 64 && from.lanes == 16 && before + after == 5;
}

static const char *between_integers(c_unit *u, c_type from, c_type to) {
  size_t before = dtype_size(from.element), after = dtype_size(to.element);
  if (has_conversion(u, from, before, after)) return convertvector(u, "x", to);
  if (before == after) return arena_printf(u->arena, "(%s)x", c_spelling(u, to));
  if (before + after == 9) return through(u, from, c_vector(DTYPE_I32, from.lanes), to);
  if (before == 1) return widen_bytes(u, from, to);
  if (after == 1) return narrow_to_bytes(u, from, to);
  return convertvector(u, "x", to);
}

/* ---- floating numbers to integers: truncated, saturating, NaN to 0 ------------------------- */

static bool saturates_exactly(dtype from, dtype to) {
  return dtype_size(to) == 1 || (from == DTYPE_F64 && to == DTYPE_I32);
}

/* One lane. The bounds are powers of two or exact, so that comparing with them is exact. */
static void scalar_saturated(c_unit *u, c_type from, c_type to) {
  arena *a = u->arena;
  int64_t low, high;
  dtype_range(to.element, &low, &high);
  bool single = from.element == DTYPE_F32;
  writer *w = &u->helpers;
  const char *e = c_element(to.element);
  writer_line(w, "if (x != x) return 0;");
  writer_line(w, "if (x <= %s) return %s;", writer_real(a, (double)low, single),
              to.element == DTYPE_I32 ? "INT32_MIN" : writer_int(a, low));
  writer_line(w, "if (x >= %s) return %s;",
              writer_real(a, single ? (float)high : (double)high, single), writer_int(a, high));
  writer_line(w, "return (%s)x;", e);
}

/* Bounds that the floating type holds exactly: limit, then convert. */
static const char *clamped(c_unit *u, c_type from, c_type to) {
  arena *a = u->arena;
  int64_t low, high;
  dtype_range(to.element, &low, &high);
  bool single = from.element == DTYPE_F32;
  const char *select = c_helper_select(u, from), *splat = c_helper_splat(u, from);
  const char *v = c_spelling(u, from),
             *bits = c_spelling(u, c_vector(c_bits(from.element), from.lanes));
  c_type middle = c_vector(DTYPE_I32, from.lanes);
  const char *i32 = convertvector(u, "x", middle);
  const char *value = to.element == DTYPE_I32
                          ? i32
                          : arena_printf(a, "%s(%s)", c_helper_cast(u, middle, to), i32);
  c_inline(u, c_spelling(u, to), cast_name(u, from, to), arena_printf(a, "%s x", v));
  writer *w = &u->helpers;
  writer_line(w, "const %s low = %s(%s), high = %s(%s);", v, splat,
              writer_real(a, (double)low, single), splat, writer_real(a, (double)high, single));
  writer_line(w, "x = (%s)((%s)x & (x == x));", v, bits);
  writer_line(w, "x = %s(x < low, low, %s(x > high, high, x));", select, select);
  return value;
}

/* Bounds of which the upper one is not exact: convert what lies inside, then put in the bounds. */
static const char *bounded(c_unit *u, c_type from, c_type to) {
  arena *a = u->arena;
  bool single = from.element == DTYPE_F32;
  const char *v = c_spelling(u, from), *r = c_spelling(u, to);
  const char *splat = c_helper_splat(u, from), *select = c_helper_select(u, to);
  const char *most = c_helper_splat(u, to);
  double limit = single ? 0x1p31 : 0x1p63;
  const char *inside = convertvector(
      u, arena_printf(a, "(%s)((%s)x & (x > low) & (x < high))", v, r), to);
  c_inline(u, r, cast_name(u, from, to), arena_printf(a, "%s x", v));
  writer *w = &u->helpers;
  writer_line(w, "const %s low = %s(%s), high = %s(%s);", v, splat, writer_real(a, -limit, single),
              splat, writer_real(a, limit, single));
  writer_line(w, "const %s inside = %s;", r, inside);
  const char *bits = single ? "INT32" : "INT64";
  return arena_printf(a, "%s(x >= high, %s(%s_MAX), %s(x <= low, %s(%s_MIN), inside))", select,
                      most, bits, select, most, bits);
}

static void vector_saturated(c_unit *u, c_type from, c_type to) {
  bool single = from.element == DTYPE_F32;
  const char *value;
  if (single && to.element == DTYPE_I64) {
    value = through(u, from, c_vector(DTYPE_F64, from.lanes), to);
    c_inline(u, c_spelling(u, to), cast_name(u, from, to),
             arena_printf(u->arena, "%s x", c_spelling(u, from)));
  } else {
    value = saturates_exactly(from.element, to.element) ? clamped(u, from, to)
                                                        : bounded(u, from, to);
  }
  writer_line(&u->helpers, "return %s;", value);
}

/* ---- all together -------------------------------------------------------------------------- */

/* The value where it is one expression; NULL for floating numbers to integers. */
static const char *simple(c_unit *u, c_type from, c_type to) {
  bool from_real = dtype_is_float(from.element), to_real = dtype_is_float(to.element);
  if (from_real && !to_real) return NULL;
  if (from.lanes == 1) return arena_printf(u->arena, "(%s)x", c_element(to.element));
  if (!to_real) return between_integers(u, from, to);
  if (!from_real && dtype_size(from.element) == 1)
    return through(u, from, c_vector(DTYPE_I32, from.lanes), to);
  return from.element == DTYPE_I32 && from.lanes == 16 && to.element == DTYPE_F64
             ? converted_halves(u, from, to)
             : convertvector(u, "x", to);
}

const char *c_helper_cast(c_unit *u, c_type from, c_type to) {
  const char *name = cast_name(u, from, to);
  if (!c_first_use(u, name)) return name;
  if (half_is(from.element) || half_is(to.element)) {
    c_half_cast(u, name, from, to);
    return name;
  }
  const char *parameters = arena_printf(u->arena, "%s x", c_spelling(u, from));
  bool wide = has_widening(u, from, to);
  const char *result = c_spelling(u, to), *value = wide ? NULL : simple(u, from, to);
  if (wide) {
    c_inline(u, result, name, parameters);
    widen_eight(u, from, to);
  } else if (value) {
    c_inline(u, result, name, parameters);
    writer_line(&u->helpers, "return %s;", value);
  } else if (from.lanes == 1) {
    c_inline(u, result, name, parameters);
    scalar_saturated(u, from, to);
  } else {
    vector_saturated(u, from, to);
  }
  writer_close(&u->helpers, "");
  return name;
}

const char *c_helper_bits(c_unit *u, c_type from, c_type to) {
  const char *name = arena_printf(u->arena, "%s_bits_of_%s", c_suffix(u, to), c_suffix(u, from));
  if (!c_first_use(u, name)) return name;
  const char *result = c_spelling(u, to);
  c_inline(u, result, name, arena_printf(u->arena, "%s x", c_spelling(u, from)));
  writer_line(&u->helpers, "%s bits;", result);
  writer_line(&u->helpers, "__builtin_memcpy(&bits, &x, sizeof bits);");
  writer_line(&u->helpers, "return bits;");
  writer_close(&u->helpers, "");
  return name;
}
