#include <string.h>

#include "c_unit.h"
#include "text_hash.h"

c_unit c_unit_new(arena *a, const target *t) {
  return (c_unit){.arena = a,
                  .target = t,
                  .types = writer_new(a),
                  .helpers = writer_new(a),
                  .kernels = writer_new(a)};
}

bool c_first_use(c_unit *u, const char *name) {
  const uint32_t hash = text_hash(name);
  for (int i = 0; i < u->known_count; i++)
    if (u->known[i].hash == hash && strcmp(u->known[i].name, name) == 0) return false;
  arena_push(u->arena, u->known, u->known_count) = (c_known){hash, name};
  return true;
}

c_type c_scalar(dtype element) { return (c_type){element, 1, element == DTYPE_BOOL}; }

c_type c_vector(dtype element, int lanes) { return (c_type){element, lanes, false}; }

dtype c_bits(dtype element) {
  switch (dtype_size(element)) {
    case 1: return DTYPE_I8;
    case 2: /* masks of 16-bit elements have 32 */
    case 4: return DTYPE_I32;
    case 8: return DTYPE_I64;
    default: internal_error("no integer type as wide as %s", dtype_name(element));
  }
}

c_type c_truth(dtype compared, int lanes) {
  return lanes == 1 ? c_scalar(DTYPE_BOOL) : (c_type){c_bits(compared), lanes, true};
}

c_type c_type_of(loop_type t) {
  return t.element == DTYPE_BOOL ? c_truth(DTYPE_I32, t.lanes) : c_vector(t.element, t.lanes);
}

const char *c_element(dtype element) {
  switch (element) {
    case DTYPE_BOOL:
    case DTYPE_U8: return "uint8_t";
    case DTYPE_I8: return "int8_t";
    case DTYPE_I32: return "int32_t";
    case DTYPE_I64: return "int64_t";
    case DTYPE_F32: return "float";
    case DTYPE_F64: return "double";
    case DTYPE_BF16:
    case DTYPE_F16: return "uint16_t";
    default: internal_error("no C type for %s", dtype_name(element));
  }
}

const char *c_suffix(c_unit *u, c_type t) {
  if (t.lanes == 1) return dtype_name(t.element);
  return arena_printf(u->arena, "%sx%d", dtype_name(t.element), t.lanes);
}

static size_t bytes_of(c_type t) { return (size_t)t.lanes * dtype_size(t.element); }

const char *c_spelling(c_unit *u, c_type t) {
  if (t.lanes == 1) return t.truth ? "int" : c_element(t.element);
  const char *name = c_suffix(u, t);
  if (c_first_use(u, name))
    writer_line(&u->types, "typedef %s %s __attribute__((vector_size(%zu)));", c_element(t.element),
                name, bytes_of(t));
  return name;
}

const char *c_memory(c_unit *u, c_type t) {
  const char *name = arena_printf(u->arena, "%s_memory", c_suffix(u, t));
  if (c_first_use(u, name))
    writer_line(&u->types,
                "typedef %s %s __attribute__((vector_size(%zu), aligned(%zu), may_alias));",
                c_element(t.element), name, bytes_of(t), dtype_size(t.element));
  return name;
}

const char *c_unsigned(c_unit *u, c_type t) {
  int bits = 8 * (int)dtype_size(t.element);
  if (t.lanes == 1) return arena_printf(u->arena, "uint%d_t", bits);
  const char *name = arena_printf(u->arena, "u%dx%d", bits, t.lanes);
  if (c_first_use(u, name))
    writer_line(&u->types, "typedef uint%d_t %s __attribute__((vector_size(%zu)));", bits, name,
                bytes_of(t));
  return name;
}
