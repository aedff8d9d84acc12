/* Helper functions of generated C, for what C's operators do not say. */
#include <string.h>

#include "c_unit.h"
#include "scalar.h"

const char *c_lanes(arena *a, int lanes, const char *pattern) {
  writer list = writer_new(a);
  for (int i = 0; i < lanes; i++) {
    if (i) writer_text(&list, ", ");
    for (const char *c = pattern; *c; c++)
      writer_text(&list, *c == '#' ? arena_printf(a, "%d", i) : (char[2]){*c, 0});
  }
  return list.text;
}

const char *c_numbers(arena *a, int first, int count) {
  const char *list = "";
  for (int i = 0; i < count; i++) list = arena_printf(a, "%s%s%d", list, i ? ", " : "", first + i);
  return list;
}

void c_inline(c_unit *u, const char *result, const char *name, const char *parameters) {
  writer_open(&u->helpers, "INLINE %s %s(%s)", result, name, parameters);
}

/* Ends the function with its value. */
static void finish(c_unit *u, const char *value) {
  writer_line(&u->helpers, "return %s;", value);
  writer_close(&u->helpers, "");
}

static const char *named(c_unit *u, const char *what, c_type t) {
  return arena_printf(u->arena, "%s_%s", what, c_suffix(u, t));
}

static c_type element_type(c_type t) { return c_vector(t.element, 1); }
static c_type bits_type(c_type t) { return c_vector(c_bits(t.element), t.lanes); }
static bool is_small(c_type t) { return t.element == DTYPE_U8; }

/* ---- functions of numbers ------------------------------------------------------------------ */

static const char *real_scalar(c_unit *u, scalar_function f, const char *s) {
  switch (f) {
    case SCALAR_FMA:
      return u->target->fma ? arena_printf(u->arena, "__builtin_fma%s(x, y, z)", s) : "x * y + z";
    case SCALAR_ABS: return arena_printf(u->arena, "__builtin_fabs%s(x)", s);
    default: return NULL;
  }
}

static const char *real_vector(c_unit *u, scalar_function f, c_type t) {
  arena *a = u->arena;
  const char *vector = c_spelling(u, t), *bits = c_spelling(u, bits_type(t));
  switch (f) {
    case SCALAR_FMA: return u->target->fma ? "z" : "x * y + z"; /* after fuse_lanes */
    case SCALAR_ABS:
      return arena_printf(a, "(%s)((%s)x & %s)", vector, bits,
                          t.element == DTYPE_F32 ? "INT32_MAX" : "INT64_MAX");
    default: return NULL;
  }
}

/* Functions that have an instruction, called by its own builtin: C's for sqrt may call the library, to
 * set errno, and C has none for extrema of vectors. The instruction's extremum is its second operand
 * where the two are equal or one is NaN. */
static const char *instruction(scalar_function f) {
  switch (f) {
    case SCALAR_SQRT: return "sqrt";
    case SCALAR_MAXIMUM: return "max";
    case SCALAR_MINIMUM: return "min";
    default: return NULL;
  }
}

static int bytes_of(c_type t) { return (int)dtype_size(t.element) * t.lanes; }

static bool fills_register(const c_unit *u, c_type t) {
  int bytes = bytes_of(t);
  return (bytes == 16 || bytes == 32 || bytes == 64) && bytes <= u->target->vector_bytes;
}

static const char *builtin(c_unit *u, scalar_function f, c_type t) {
  return arena_printf(u->arena, "__builtin_ia32_%s%s", instruction(f), t.element == DTYPE_F32 ? "ps" : "pd");
}

static const char *arguments(scalar_function f) { return f == SCALAR_SQRT ? "x" : "y, x"; }

/* z becomes the result of an instruction of 64 bytes, in the two compilers' spellings. */
static void widest_instruction(c_unit *u, scalar_function f, c_type t) {
  writer *w = &u->helpers;
  const char *type = c_spelling(u, t), *name = builtin(u, f, t);
  writer_text(w, "#ifdef __clang__\n");
  writer_line(w, "const %s z = %s512(%s, 4);", type, name, arguments(f));
  writer_text(w, "#else\n");
  writer_line(w, "const %s z = %s512_mask(%s, x, -1, 4);", type, name, arguments(f));
  writer_text(w, "#endif\n");
}

static bool is_widest(const c_unit *u, scalar_function f, c_type t) {
  return dtype_is_float(t.element) && instruction(f) && bytes_of(t) == 64 && fills_register(u, t);
}

/* The function of the halves of vectors, side by side. */
static const char *of_halves(c_unit *u, scalar_function f, c_type t) {
  arena *a = u->arena;
  int half = t.lanes / 2, operands = scalar_infos[f].operands;
  const char *name = c_helper_op(u, f, c_vector(t.element, half)), *calls[2];
  for (int i = 0; i < 2; i++) {
    const char *part = c_numbers(a, i * half, half);
    calls[i] = arena_printf(a, "%s(__builtin_shufflevector(x, x, %s)", name, part);
    if (operands == 2) calls[i] = arena_printf(a, "%s, __builtin_shufflevector(y, y, %s)", calls[i], part);
  }
  return arena_printf(a, "__builtin_shufflevector(%s), %s), %s)", calls[0], calls[1],
                      c_lanes(a, t.lanes, "#"));
}

/* The function of vectors of 16 bytes, of which the first lanes count. */
static const char *of_wider(c_unit *u, scalar_function f, c_type t) {
  arena *a = u->arena;
  c_type wider = c_vector(t.element, 16 / (int)dtype_size(t.element));
  const char *type = c_spelling(u, wider), *one = t.lanes == 1 ? "%s" : "%s[0], %s[1]";
  const char *x = arena_printf(a, one, "x", "x"), *y = arena_printf(a, one, "y", "y");
  const char *call = arena_printf(a, "%s((%s){%s}", c_helper_op(u, f, wider), type, x);
  if (scalar_infos[f].operands == 2) call = arena_printf(a, "%s, (%s){%s}", call, type, y);
  if (t.lanes == 1) return arena_printf(a, "%s)[0]", call);
  return arena_printf(a, "__builtin_shufflevector(%s), (%s){0}, 0, 1)", call, type);
}

static const char *by_instruction(c_unit *u, scalar_function f, c_type t) {
  int bytes = bytes_of(t);
  if (bytes < 16) return of_wider(u, f, t);
  if (!fills_register(u, t)) return of_halves(u, f, t);
  const char *value = bytes == 64 ? "z" /* after widest_instruction */
                                  : arena_printf(u->arena, "%s%s(%s)", builtin(u, f, t),
                                                 bytes == 32 ? "256" : "", arguments(f));
  if (f == SCALAR_SQRT) return value;
  return arena_printf(u->arena, "%s(y != y, y, %s)", c_helper_select(u, t), value);
}

static const char *int_scalar(c_unit *u, scalar_function f, c_type t) {
  arena *a = u->arena;
  const char *e = c_element(t.element), *n = c_unsigned(u, t);
  int low = 8 * (int)dtype_size(t.element) - 1;
  bool small = is_small(t);
  switch (f) {
    case SCALAR_ADD: return arena_printf(a, "(%s)((%s)x + (%s)y)", e, n, n);
    case SCALAR_SUB: return arena_printf(a, "(%s)((%s)x - (%s)y)", e, n, n);
    case SCALAR_MUL: return arena_printf(a, "(%s)((%s)x * (%s)y)", e, n, n);
    case SCALAR_NEG: return arena_printf(a, "(%s)(0 - (%s)x)", e, n);
    case SCALAR_ABS: return small ? "x" : arena_printf(a, "x < 0 ? (%s)(0 - (%s)x) : x", e, n);
    case SCALAR_SIGN: return small ? "x > 0" : "(x > 0) - (x < 0)";
    case SCALAR_MAXIMUM: return "x < y ? y : x";
    case SCALAR_MINIMUM: return "y < x ? y : x";
    case SCALAR_SHL: return arena_printf(a, "(%s)((%s)x << (y & %d))", e, n, low);
    case SCALAR_SHR: return arena_printf(a, "(%s)((%s)x >> (y & %d))", e, n, low);
    case SCALAR_FLOORDIV:
      if (small) return "y == 0 ? 0 : x / y";
      return arena_printf(a,
                          "y == 0 ? 0 : y == -1 ? (%s)(0 - (%s)x) : "
                          "x / y - (x %% y != 0 && (x < 0) != (y < 0))",
                          e, n);
    case SCALAR_MOD:
      if (small) return "y == 0 ? 0 : x % y";
      return "y == 0 || y == -1 ? 0 : x % y + (x % y != 0 && (x < 0) != (y < 0) ? y : 0)";
    default: return NULL;
  }
}

static const char *int_vector(c_unit *u, scalar_function f, c_type t) {
  arena *a = u->arena;
  const char *v = c_spelling(u, t), *n = c_unsigned(u, t);
  int low = 8 * (int)dtype_size(t.element) - 1;
  switch (f) {
    case SCALAR_ADD: return arena_printf(a, "(%s)((%s)x + (%s)y)", v, n, n);
    case SCALAR_SUB: return arena_printf(a, "(%s)((%s)x - (%s)y)", v, n, n);
    case SCALAR_MUL: return arena_printf(a, "(%s)((%s)x * (%s)y)", v, n, n);
    case SCALAR_NEG: return arena_printf(a, "(%s)-(%s)x", v, n);
    case SCALAR_SHL: return arena_printf(a, "(%s)((%s)x << ((%s)y & %d))", v, n, n, low);
    case SCALAR_SHR: return arena_printf(a, "(%s)((%s)x >> ((%s)y & %d))", v, n, n, low);
    case SCALAR_MAXIMUM: return arena_printf(a, "%s(x < y, y, x)", c_helper_select(u, t));
    case SCALAR_MINIMUM: return arena_printf(a, "%s(y < x, y, x)", c_helper_select(u, t));
    default: { /* lane by lane */
      static const char *const arguments[] = {"", "x[#]", "x[#], y[#]"};
      const char *one = c_helper_op(u, f, element_type(t));
      const char *lane = arena_printf(a, "%s(%s)", one, arguments[scalar_infos[f].operands]);
      return arena_printf(a, "(%s){%s}", v, c_lanes(a, t.lanes, lane));
    }
  }
}

static const char *op_value(c_unit *u, scalar_function f, c_type t) {
  const char *s = t.element == DTYPE_F32 ? "f" : "";
  if (!dtype_is_float(t.element)) return t.lanes == 1 ? int_scalar(u, f, t) : int_vector(u, f, t);
  if (instruction(f)) return by_instruction(u, f, t);
  return t.lanes == 1 ? real_scalar(u, f, s) : real_vector(u, f, t);
}

/* z becomes x * y + z, rounded once: gcc by the processor's instruction where the vector fills a
 * register (of a loop over lanes it makes the same, in a third of the compilation's time); clang
 * contracts where it is told to. */
static void fuse_lanes(c_unit *u, c_type t) {
  writer *w = &u->helpers;
  bool single = t.element == DTYPE_F32;
  int bytes = bytes_of(t);
  const char *name = arena_printf(u->arena, "__builtin_ia32_vfmadd%s", single ? "ps" : "pd");
  writer_text(w, "#ifdef __clang__\n#pragma clang fp contract(on)\n");
  writer_line(w, "z = x * y + z;");
  writer_text(w, "#else\n");
  if (!fills_register(u, t))
    writer_line(w, "for (int i = 0; i < %d; i++) z[i] = __builtin_fma%s(x[i], y[i], z[i]);", t.lanes,
                single ? "f" : "");
  else if (bytes == 64)
    writer_line(w, "z = %s512_mask(x, y, z, -1, 4);", name);
  else
    writer_line(w, "z = %s%s(x, y, z);", name, bytes == 32 ? "256" : "");
  writer_text(w, "#endif\n");
}

const char *c_helper_op(c_unit *u, scalar_function f, c_type t) {
  const char *name = named(u, scalar_infos[f].name, t);
  if (!c_first_use(u, name)) return name;
  static const char *const lists[] = {"", "%s x", "%s x, %s y", "%s x, %s y, %s z"};
  const char *type = c_spelling(u, t), *value = op_value(u, f, t);
  if (!value) internal_error("no C for %s of %s", scalar_infos[f].name, c_suffix(u, t));
  int operands = scalar_infos[f].operands;
  const char *parameters = operands == 1   ? arena_printf(u->arena, lists[1], type)
                           : operands == 2 ? arena_printf(u->arena, lists[2], type, type)
                                           : arena_printf(u->arena, lists[3], type, type, type);
  c_inline(u, type, name, parameters);
  if (f == SCALAR_FMA && t.lanes > 1 && u->target->fma) fuse_lanes(u, t);
  if (is_widest(u, f, t)) widest_instruction(u, f, t);
  finish(u, value);
  return name;
}

/* clang finds the instruction, gcc multiplies all 64 bits. */
const char *c_helper_multiply_words(c_unit *u, c_type t) {
  const char *name = named(u, "multiply_words", t), *v = c_spelling(u, t), *n = c_unsigned(u, t);
  const char *general = arena_printf(
      u->arena, "(%s)(((%s)x & 4294967295) * ((%s)y & 4294967295))", v, n, n);
  if (!c_first_use(u, name)) return name;
  int bytes = 8 * t.lanes;
  c_inline(u, v, name, arena_printf(u->arena, "%s x, %s y", v, v));
  if (bytes < 16 || bytes > u->target->vector_bytes) {
    finish(u, general);
    return name;
  }
  const char *words = c_spelling(u, c_vector(DTYPE_I32, 2 * t.lanes));
  const char *masked = bytes == 64 ? arena_printf(u->arena, ", (long_vector)x, -1") : "";
  writer *w = &u->helpers;
  writer_text(w, "#ifdef __clang__\n");
  writer_line(w, "return %s;", general);
  writer_text(w, "#else\n");
  if (bytes == 64) writer_line(w, "typedef long long long_vector __attribute__((vector_size(64)));");
  writer_line(w, "return (%s)__builtin_ia32_pmuludq%d%s((%s)x, (%s)y%s);", v, 8 * bytes,
              bytes == 64 ? "_mask" : "", words, words, masked);
  writer_text(w, "#endif\n");
  writer_close(w, "");
  return name;
}

/* ---- lanes --------------------------------------------------------------------------------- */

const char *c_helper_select(c_unit *u, c_type t) {
  const char *name = named(u, "select", t);
  if (!c_first_use(u, name)) return name;
  const char *v = c_spelling(u, t), *m = c_spelling(u, bits_type(t));
  c_inline(u, v, name, arena_printf(u->arena, "%s mask, %s x, %s y", m, v, v));
  finish(u, arena_printf(u->arena, "(%s)((mask & (%s)x) | (~mask & (%s)y))", v, m, m));
  return name;
}

const char *c_helper_splat(c_unit *u, c_type t) {
  const char *name = named(u, "splat", t);
  if (!c_first_use(u, name)) return name;
  const char *v = c_spelling(u, t);
  c_inline(u, v, name, arena_printf(u->arena, "%s x", c_element(t.element)));
  finish(u, arena_printf(u->arena, "(%s){%s}", v, c_lanes(u->arena, t.lanes, "x")));
  return name;
}

const char *c_helper_ramp(c_unit *u, c_type t) {
  const char *name = named(u, "ramp", t);
  if (!c_first_use(u, name)) return name;
  const char *v = c_spelling(u, t), *n = c_unsigned(u, t), *splat = c_helper_splat(u, t);
  const char *e = c_element(t.element);
  c_inline(u, v, name, arena_printf(u->arena, "%s base, %s step", e, e));
  finish(u, arena_printf(u->arena, "(%s)((%s)%s(base) + (%s)%s(step) * (%s){%s})", v, n, splat, n,
                         splat, n, c_lanes(u->arena, t.lanes, "#")));
  return name;
}

const char *c_helper_insert(c_unit *u, c_type t) {
  const char *name = named(u, "insert", t);
  if (!c_first_use(u, name)) return name;
  const char *v = c_spelling(u, t);
  c_inline(u, v, name, arena_printf(u->arena, "%s x, int lane, %s value", v, c_element(t.element)));
  writer_line(&u->helpers, "x[lane] = value;");
  finish(u, "x");
  return name;
}

/* f of two values of which the texts are given. */
static const char *combined(c_unit *u, scalar_function f, c_type t, const char *x, const char *y) {
  bool real = dtype_is_float(t.element);
  const char *sign = f == SCALAR_AND           ? "&"
                     : f == SCALAR_OR          ? "|"
                     : real && f == SCALAR_ADD ? "+"
                     : real && f == SCALAR_MUL ? "*"
                                               : NULL;
  if (sign) return arena_printf(u->arena, "%s %s %s", x, sign, y);
  return arena_printf(u->arena, "%s(%s, %s)", c_helper_op(u, f, t), x, y);
}

/* The upper half onto the lower, until one lane is left. */
const char *c_helper_reduce(c_unit *u, scalar_function f, c_type t) {
  arena *a = u->arena;
  const char *name = named(u, arena_printf(a, "reduce_%s", scalar_infos[f].name), t);
  if (!c_first_use(u, name)) return name;
  const char *parameters = arena_printf(a, "%s x", c_spelling(u, t));
  const char *value;
  if (t.lanes == 2) {
    value = combined(u, f, element_type(t), "x[0]", "x[1]");
  } else {
    int n = t.lanes / 2;
    c_type half = {t.element, n, t.truth};
    const char *rest = c_helper_reduce(u, f, half);
    const char *low = arena_printf(a, "__builtin_shufflevector(x, x, %s)", c_lanes(a, n, "#"));
    const char *high = arena_printf(a, "__builtin_shufflevector(x, x, %s)", c_numbers(a, n, n));
    value = arena_printf(a, "%s(%s)", rest, combined(u, f, half, low, high));
  }
  c_inline(u, c_element(t.element), name, parameters);
  finish(u, value);
  return name;
}

/* ---- memory -------------------------------------------------------------------------------- */

const char *c_helper_load(c_unit *u, c_type t) {
  const char *name = named(u, t.truth ? "load_bool" : "load", t);
  if (!c_first_use(u, name)) return name;
  c_type stored = t.truth ? c_vector(DTYPE_U8, t.lanes) : t;
  const char *v = c_spelling(u, t), *memory = c_memory(u, stored), *bytes = c_spelling(u, stored);
  c_inline(u, v, name, arena_printf(u->arena, "const %s *from", c_element(stored.element)));
  const char *value = arena_printf(u->arena, "*(const %s *)from", memory);
  finish(u, t.truth ? arena_printf(u->arena, "(%s)(%s != (%s){0})", v, value, bytes) : value);
  return name;
}

const char *c_helper_store(c_unit *u, c_type t) {
  const char *name = named(u, t.truth ? "store_bool" : "store", t);
  if (!c_first_use(u, name)) return name;
  c_type stored = t.truth ? c_vector(DTYPE_U8, t.lanes) : t;
  const char *v = c_spelling(u, t), *memory = c_memory(u, stored), *bytes = c_spelling(u, stored);
  c_inline(u, "void", name, arena_printf(u->arena, "%s *to, %s x", c_element(stored.element), v));
  writer_line(&u->helpers, "*(%s *)to = %s;", memory,
              t.truth ? arena_printf(u->arena, "(%s)(x & 1)", bytes) : "x");
  writer_close(&u->helpers, "");
  return name;
}

/* Masked accesses are one instruction for numbers of 32 and 64 bits in vectors of 16 and 32 bytes
 * from AVX2 on. */
static bool has_masked_access(const c_unit *u, c_type t) {
  size_t size = dtype_size(t.element), bytes = size * (size_t)t.lanes;
  return size >= 4 && u->target->vector_bytes >= 32 && (bytes == 16 || bytes == 32);
}

static bool has_masked_halves(const c_unit *u, c_type t) {
  c_type half = {t.element, t.lanes / 2, false};
  return !has_masked_access(u, t) && has_masked_access(u, half);
}

/* "__builtin_ia32_maskloadps256((const f32x8 *)from, mask" */
static const char *masked_builtin(c_unit *u, c_type t, const char *access, const char *pointer) {
  static const char *const suffixes[] = {
      [DTYPE_I32] = "d", [DTYPE_I64] = "q", [DTYPE_F32] = "ps", [DTYPE_F64] = "pd"};
  size_t bytes = dtype_size(t.element) * (size_t)t.lanes;
  bool wide = dtype_size(t.element) == 8;
  const char *mask = wide ? "long_mask" : "mask"; /* the compilers want long long */
  const char *vector = t.element == DTYPE_I64 ? "long_vector" : c_spelling(u, t);
  if (wide)
    writer_line(&u->helpers, "typedef long long long_vector __attribute__((vector_size(%zu)));",
                bytes);
  if (wide) writer_line(&u->helpers, "const long_vector long_mask = (long_vector)mask;");
  return arena_printf(u->arena, "__builtin_ia32_mask%s%s%s((%s%s *)%s, %s", access,
                      suffixes[t.element], bytes == 32 ? "256" : "", *access == 'l' ? "const " : "",
                      vector, pointer, mask);
}

/* "__builtin_shufflevector(x, x, 4, 5, 6, 7)" */
static const char *half_of(arena *a, const char *x, int lanes, int first) {
  return arena_printf(a, "__builtin_shufflevector(%s, %s, %s)", x, x, c_numbers(a, first, lanes / 2));
}

const char *c_helper_load_masked(c_unit *u, c_type t) {
  arena *a = u->arena;
  const char *name = named(u, "load_masked", t);
  if (!c_first_use(u, name)) return name;
  const char *v = c_spelling(u, t), *m = c_spelling(u, bits_type(t));
  bool halves = has_masked_halves(u, t);
  const char *half = halves ? c_helper_load_masked(u, c_vector(t.element, t.lanes / 2)) : NULL;
  c_inline(u, v, name, arena_printf(a, "const %s *from, %s mask", c_element(t.element), m));
  if (has_masked_access(u, t)) {
    finish(u, arena_printf(a, "(%s)%s)", v, masked_builtin(u, t, "load", "from")));
  } else if (halves) {
    finish(u, arena_printf(a, "__builtin_shufflevector(%s(from, %s), %s(from + %d, %s), %s)", half,
                           half_of(a, "mask", t.lanes, 0), half, t.lanes / 2,
                           half_of(a, "mask", t.lanes, t.lanes / 2), c_numbers(a, 0, t.lanes)));
  } else {
    finish(u, arena_printf(a, "(%s){%s}", v, c_lanes(a, t.lanes, "mask[#] ? from[#] : 0")));
  }
  return name;
}

const char *c_helper_store_masked(c_unit *u, c_type t) {
  arena *a = u->arena;
  const char *name = named(u, "store_masked", t);
  if (!c_first_use(u, name)) return name;
  const char *v = c_spelling(u, t), *m = c_spelling(u, bits_type(t));
  bool halves = has_masked_halves(u, t);
  const char *half = halves ? c_helper_store_masked(u, c_vector(t.element, t.lanes / 2)) : NULL;
  c_inline(u, "void", name, arena_printf(a, "%s *to, %s x, %s mask", c_element(t.element), v, m));
  writer *w = &u->helpers;
  if (has_masked_access(u, t)) {
    const char *vector = t.element == DTYPE_I64 ? "(long_vector)x" : "x";
    const char *builtin = masked_builtin(u, t, "store", "to");
    writer_line(w, "%s, %s);", builtin, vector);
  } else if (halves) {
    for (int first = 0; first < t.lanes; first += t.lanes / 2)
      writer_line(w, "%s(to + %d, %s, %s);", half, first, half_of(a, "x", t.lanes, first),
                  half_of(a, "mask", t.lanes, first));
  } else {
    writer_line(w, "for (int i = 0; i < %d; i++)", t.lanes);
    writer_line(w, "  if (mask[i]) to[i] = x[i];");
  }
  writer_close(w, "");
  return name;
}
