#include "eval_loop.h"

#include <math.h>
#include <setjmp.h>
#include <string.h>

#include "half.h"
#include "scalar.h"

/* All lanes of one value; f32, f16 and bf16 values are kept as the doubles that equal them. */
typedef struct value {
  loop_type type;
  union {
    int64_t ints[LOOP_MAX_LANES];
    double reals[LOOP_MAX_LANES];
  };
} value;

/* Variables and buffers by address, open addressing. */
typedef struct entry {
  const void *key;
  void *item; /* value * of a variable, first byte of a buffer */
} entry;

typedef struct machine_state {
  arena *arena;
  const loop_machine *machine;
  entry *table;
  size_t capacity, count;
  jmp_buf fault;
  const char *message;
} machine_state;

static entry *find(machine_state *m, const void *key) {
  size_t i = ((uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u;
  for (i &= m->capacity - 1; m->table[i].key && m->table[i].key != key;)
    i = (i + 1) & (m->capacity - 1);
  return &m->table[i];
}

static void grow(machine_state *m) {
  entry *old = m->table;
  size_t old_capacity = m->capacity;
  m->capacity = old_capacity ? 2 * old_capacity : 64;
  m->table = arena_array_of(m->arena, m->capacity, entry);
  for (size_t i = 0; i < old_capacity; i++)
    if (old[i].key) *find(m, old[i].key) = old[i];
}

static void **item(machine_state *m, const void *key) {
  if (2 * (m->count + 1) > m->capacity) grow(m);
  entry *e = find(m, key);
  if (!e->key) {
    e->key = key;
    m->count++;
  }
  return &e->item;
}

static value *variable(machine_state *m, const loop_variable *v) {
  void **place = item(m, v);
  if (!*place) *place = arena_new_of(m->arena, value);
  return *place;
}

/* The lanes that there are, which is much less than the union holds. */
static void assign(value *to, const value *from) {
  to->type = from->type;
  memcpy(to->ints, from->ints, (size_t)from->type.lanes * sizeof *from->ints);
}

static _Noreturn void fail(machine_state *m, const char *message) {
  m->message = message;
  longjmp(m->fault, 1);
}

/* ---- memory -------------------------------------------------------------------------------- */

static int64_t buffer_elements(const loop_buffer *b) {
  return loop_buffer_elements(b) * b->type.lanes;
}

static void read_element(dtype t, const unsigned char *from, value *v, int lane) {
  switch (t) {
    case DTYPE_BOOL:
    case DTYPE_U8: v->ints[lane] = *from; break;
    case DTYPE_I8: v->ints[lane] = (int8_t)*from; break;
    case DTYPE_I32: { int32_t x; memcpy(&x, from, sizeof x); v->ints[lane] = x; break; }
    case DTYPE_I64: memcpy(&v->ints[lane], from, 8); break;
    case DTYPE_BF16:
    case DTYPE_F16: {
      uint16_t x;
      memcpy(&x, from, sizeof x);
      v->reals[lane] = half_to_real(t, x);
      break;
    }
    case DTYPE_F32: { float x; memcpy(&x, from, sizeof x); v->reals[lane] = x; break; }
    case DTYPE_F64: memcpy(&v->reals[lane], from, 8); break;
    default: internal_error("no loop form of element type %s", dtype_name(t));
  }
}

static void write_element(dtype t, unsigned char *to, const value *v, int lane) {
  switch (t) {
    case DTYPE_BOOL:
    case DTYPE_U8:
    case DTYPE_I8: *to = (unsigned char)v->ints[lane]; break;
    case DTYPE_I32: { int32_t x = (int32_t)v->ints[lane]; memcpy(to, &x, sizeof x); break; }
    case DTYPE_I64: memcpy(to, &v->ints[lane], 8); break;
    case DTYPE_BF16:
    case DTYPE_F16: {
      uint16_t x = half_of_real(t, v->reals[lane]);
      memcpy(to, &x, sizeof x);
      break;
    }
    case DTYPE_F32: { float x = (float)v->reals[lane]; memcpy(to, &x, sizeof x); break; }
    case DTYPE_F64: memcpy(to, &v->reals[lane], 8); break;
    default: internal_error("no loop form of element type %s", dtype_name(t));
  }
}

static void evaluate(machine_state *m, const loop_expr *x, value *r);

static int64_t integer(machine_state *m, const loop_expr *x) {
  value v;
  if (x->kind == LOOP_CONSTANT) return x->integer;
  if (x->kind == LOOP_VARIABLE) return variable(m, x->variable)->ints[0];
  evaluate(m, x, &v);
  return v.ints[0];
}

/* The flat element number of an access. Without a mask every index must lie in its extent. */
static uint64_t flat_index(machine_state *m, const loop_buffer *b, const loop_expr *const *index,
                           bool masked) {
  uint64_t flat = 0;
  for (int i = 0; i < b->rank; i++) {
    int64_t at = integer(m, index[i]);
    if (!masked && (at < 0 || at >= b->extents[i]))
      fail(m, arena_printf(m->arena, "%s: index %lld of axis %d is outside of 0..%lld", b->name,
                           (long long)at, i, (long long)b->extents[i]));
    flat = flat * (uint64_t)b->extents[i] + (uint64_t)at;
  }
  return flat * (uint64_t)b->type.lanes;
}

/* The memory of a buffer, where all lanes that are not masked off lie in it from `flat` on. */
static unsigned char *lanes_at(machine_state *m, const loop_buffer *b, uint64_t flat, int lanes, const value *mask) {
  const uint64_t elements = (uint64_t)buffer_elements(b);
  for (int i = 0; i < lanes; i++)
    if ((!mask || mask->ints[i]) && flat + (uint64_t)i >= elements)
      fail(m, arena_printf(m->arena, "%s: element %lld is outside of its %lld", b->name,
                           (long long)(flat + (uint64_t)i), (long long)elements));
  unsigned char *base = *item(m, b);
  if (!base) internal_error("%s is used before it is allocated", b->name);
  return base;
}

static void load(machine_state *m, const loop_expr *x, value *r) {
  value mask;
  if (x->mask) evaluate(m, x->mask, &mask);
  uint64_t flat = flat_index(m, x->buffer, x->operands, x->mask != NULL);
  const int lanes = r->type.lanes;
  const size_t size = dtype_size(r->type.element);
  const unsigned char *base = lanes_at(m, x->buffer, flat, lanes, x->mask ? &mask : NULL);
  for (int i = 0; i < lanes; i++)
    if (x->mask && !mask.ints[i])
      r->ints[i] = 0;
    else
      read_element(r->type.element, base + (flat + (uint64_t)i) * size, r, i);
}

static void store(machine_state *m, const loop_stmt *s) {
  value v, mask;
  evaluate(m, s->value, &v);
  if (s->mask) evaluate(m, s->mask, &mask);
  uint64_t flat = flat_index(m, s->buffer, s->index, s->mask != NULL);
  const dtype element = s->buffer->type.element;
  const size_t size = dtype_size(element);
  unsigned char *base = lanes_at(m, s->buffer, flat, v.type.lanes, s->mask ? &mask : NULL);
  for (int i = 0; i < v.type.lanes; i++)
    if (!s->mask || mask.ints[i]) write_element(element, base + (flat + (uint64_t)i) * size, &v, i);
}

/* ---- expressions --------------------------------------------------------------------------- */

static double smallest_normal(dtype t) { return t == DTYPE_F64 ? 0x1p-1022 : 0x1p-126; }

/* What arithmetic and comparisons see of an operand. */
static double flushed(dtype t, double x) {
  return fabs(x) < smallest_normal(t) ? copysign(0, x) : x;
}

static float single(scalar_function f, float x, float y, float z) {
  switch (f) {
    case SCALAR_ADD: return x + y;
    case SCALAR_SUB: return x - y;
    case SCALAR_MUL: return x * y;
    case SCALAR_DIV: return x / y;
    case SCALAR_FMA: return fmaf(x, y, z);
    case SCALAR_SQRT: return sqrtf(x);
    default: internal_error("no f32 operation %s in the loop form", scalar_infos[f].name);
  }
}

static double wide(scalar_function f, double x, double y, double z) {
  switch (f) {
    case SCALAR_ADD: return x + y;
    case SCALAR_SUB: return x - y;
    case SCALAR_MUL: return x * y;
    case SCALAR_DIV: return x / y;
    case SCALAR_FMA: return fma(x, y, z);
    case SCALAR_SQRT: return sqrt(x);
    default: internal_error("no f64 operation %s in the loop form", scalar_infos[f].name);
  }
}

/* Operations that choose rather than round: one text for both widths. Extrema are of a and b, what
 * arithmetic sees of x and y; what changes the sign takes x as it is. */
static bool choose(scalar_function f, double x, double a, double b, double *r) {
  switch (f) {
    case SCALAR_STOP: *r = x; return true;
    case SCALAR_NEG: *r = -x; return true;
    case SCALAR_ABS: *r = fabs(x); return true;
    case SCALAR_MAXIMUM: *r = a >= b || isnan(a) ? a : b; return true;
    case SCALAR_MINIMUM: *r = a <= b || isnan(a) ? a : b; return true;
    default: return false;
  }
}

static double rounded(scalar_function f, dtype t, double x, double y, double z) {
  return t == DTYPE_F32 ? single(f, (float)x, (float)y, (float)z) : wide(f, x, y, z);
}

/* Whether a product, quotient or fused sum that is rounded up to the smallest normal number stays below it where
 * exponents have no end: such a result is a zero as well. */
static bool is_below_normal(scalar_function f, dtype t, double x, double y, double z) {
  const double up = 0x1p64;
  bool second = f != SCALAR_DIV && fabs(y) < fabs(x);
  double r = rounded(f, t, second ? x : x * up, second ? y * up : y, z * up);
  return fabs(r) < smallest_normal(t) * up;
}

/* Of operands that are no subnormal numbers. */
static double arithmetic(scalar_function f, dtype t, double x, double y, double z) {
  double r = rounded(f, t, x, y, z);
  bool multiplies = f == SCALAR_MUL || f == SCALAR_DIV || f == SCALAR_FMA;
  if (multiplies && fabs(r) == smallest_normal(t) && is_below_normal(f, t, x, y, z))
    return copysign(0, r);
  return flushed(t, r);
}

static double real_op(scalar_function f, dtype t, bool fma, double x, double y, double z) {
  double r, a = flushed(t, x), b = flushed(t, y), c = flushed(t, z);
  if (choose(f, x, a, b, &r)) return r;
  if (f == SCALAR_FMA && !fma)
    return arithmetic(SCALAR_ADD, t, arithmetic(SCALAR_MUL, t, a, b, 0), c, 0);
  return arithmetic(f, t, a, b, c);
}

static int64_t compare(scalar_function f, double x, double y) {
  switch (f) {
    case SCALAR_EQ: return x == y;
    case SCALAR_NE: return x != y;
    case SCALAR_LT: return x < y;
    case SCALAR_LE: return x <= y;
    case SCALAR_GT: return x > y;
    case SCALAR_GE: return x >= y;
    case SCALAR_ISNAN: return isnan(x);
    default: internal_error("%s does not compare", scalar_infos[f].name);
  }
}

static void operate(machine_state *m, const loop_expr *x, value *r) {
  value operands[3];
  for (int i = 0; i < x->operand_count; i++) evaluate(m, x->operands[i], &operands[i]);
  value *p = &operands[0], *q = &operands[1], *s = &operands[2];
  if (x->function == SCALAR_SELECT) {
    for (int i = 0; i < r->type.lanes; i++) r->ints[i] = (p->ints[i] ? q : s)->ints[i];
    return;
  }
  dtype t = p->type.element;
  bool compares = scalar_infos[x->function].kind == SCALAR_KIND_COMPARE ||
                  scalar_infos[x->function].kind == SCALAR_KIND_TEST;
  bool two = x->operand_count > 1, three = x->operand_count > 2;
  for (int i = 0; i < r->type.lanes; i++) {
    if (!dtype_is_float(t)) {
      int64_t ints[3] = {p->ints[i], two ? q->ints[i] : 0, three ? s->ints[i] : 0};
      r->ints[i] = scalar_int(x->function, t, ints);
    } else if (compares) {
      r->ints[i] = compare(x->function, flushed(t, p->reals[i]), two ? flushed(t, q->reals[i]) : 0);
    } else {
      r->reals[i] = real_op(x->function, t, m->machine->fma, p->reals[i], two ? q->reals[i] : 0,
                            three ? s->reals[i] : 0);
    }
  }
}

static int64_t saturate(dtype t, double x) {
  int64_t low, high;
  dtype_range(t, &low, &high);
  if (isnan(x)) return 0;
  if (x <= (double)low) return low;
  if (x >= (double)high) return high;
  return (int64_t)x;
}

/* Casts between f32 and f16 or bf16 keep subnormal numbers; f64 becomes f32 first. */
static double cast_real(dtype from, dtype to, double x) {
  if (from == to || half_is(from) || (half_is(to) && from == DTYPE_F32)) return half_round(to, x);
  if (to == DTYPE_F64) return flushed(from, x);
  const double least = 0x1.ffffffp-127; /* that is rounded to 2^-126 */
  if (from == DTYPE_F64 && fabs(x) < least) return copysign(0, x);
  return to == DTYPE_F32 ? (float)x : half_round(to, x);
}

static void cast(const value *x, value *r) {
  dtype from = x->type.element, to = r->type.element;
  bool from_real = dtype_is_float(from), to_real = dtype_is_float(to);
  for (int i = 0; i < r->type.lanes; i++) {
    if (to == DTYPE_BOOL)
      r->ints[i] = from_real ? flushed(from, x->reals[i]) != 0 : x->ints[i] != 0;
    else if (from_real && to_real)
      r->reals[i] = cast_real(from, to, x->reals[i]);
    else if (to_real)
      r->reals[i] = to == DTYPE_F32 ? (double)(float)x->ints[i] : half_round(to, (double)x->ints[i]);
    else
      r->ints[i] = from_real ? saturate(to, x->reals[i]) : scalar_wrap(to, x->ints[i]);
  }
}

static void bitcast(const value *x, value *r) {
  for (int i = 0; i < r->type.lanes; i++) {
    unsigned char bytes[8] = {0};
    write_element(x->type.element, bytes, x, i);
    read_element(r->type.element, bytes, r, i);
  }
}

/* The upper half onto the lower until one lane is left. */
static void reduce(machine_state *m, const loop_expr *x, value *r) {
  value v;
  evaluate(m, x->operands[0], &v);
  dtype t = v.type.element;
  for (int half = v.type.lanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) {
      int64_t ints[3] = {v.ints[i], v.ints[i + half], 0};
      if (dtype_is_float(t))
        v.reals[i] = real_op(x->function, t, m->machine->fma, v.reals[i], v.reals[i + half], 0);
      else
        v.ints[i] = scalar_int(x->function, t, ints);
    }
  r->ints[0] = v.ints[0];
}

static void call(machine_state *m, const loop_expr *x, value *r) {
  const loop_function *f = x->callee;
  value arguments[8];
  ensure(f->parameter_count <= 8);
  for (int i = 0; i < f->parameter_count; i++) evaluate(m, x->operands[i], &arguments[i]);
  for (int i = 0; i < f->parameter_count; i++) assign(variable(m, f->parameters[i]), &arguments[i]);
  for (int i = 0; i < f->body.count; i++) {
    value v;
    evaluate(m, f->body.statements[i]->value, &v);
    assign(variable(m, f->body.statements[i]->variable), &v);
  }
  evaluate(m, f->result, r);
}

static void constant(const loop_expr *x, value *r) {
  if (x->type.element == DTYPE_F32)
    r->reals[0] = (float)x->real;
  else if (dtype_is_float(x->type.element))
    r->reals[0] = half_round(x->type.element, x->real);
  else
    r->ints[0] = x->integer;
}

static void evaluate(machine_state *m, const loop_expr *x, value *r) {
  r->type = x->type;
  value p, q;
  switch (x->kind) {
    case LOOP_CONSTANT: constant(x, r); break;
    case LOOP_VARIABLE: assign(r, variable(m, x->variable)); break;
    case LOOP_LOAD: load(m, x, r); break;
    case LOOP_OP: operate(m, x, r); break;
    case LOOP_CAST:
      evaluate(m, x->operands[0], &p);
      cast(&p, r);
      break;
    case LOOP_BITCAST:
      evaluate(m, x->operands[0], &p);
      bitcast(&p, r);
      break;
    case LOOP_SPLAT:
      evaluate(m, x->operands[0], &p);
      for (int i = 0; i < r->type.lanes; i++) r->ints[i] = p.ints[0];
      break;
    case LOOP_RAMP:
      evaluate(m, x->operands[0], &p);
      evaluate(m, x->operands[1], &q);
      for (int i = 0; i < r->type.lanes; i++)
        r->ints[i] = scalar_wrap(x->type.element, (int64_t)((uint64_t)p.ints[0] +
                                                            (uint64_t)i * (uint64_t)q.ints[0]));
      break;
    case LOOP_REDUCE: reduce(m, x, r); break;
    case LOOP_EXTRACT:
      evaluate(m, x->operands[0], &p);
      r->ints[0] = p.ints[x->lane];
      break;
    case LOOP_INSERT:
      evaluate(m, x->operands[0], r);
      evaluate(m, x->operands[1], &q);
      r->ints[x->lane] = q.ints[0];
      break;
    case LOOP_SHUFFLE:
      evaluate(m, x->operands[0], &p);
      evaluate(m, x->operands[1], &q);
      for (int i = 0; i < r->type.lanes; i++) {
        int pick = x->picks[i], lanes = p.type.lanes;
        r->ints[i] = pick < lanes ? p.ints[pick] : q.ints[pick - lanes];
      }
      break;
    case LOOP_CALL: call(m, x, r); break;
  }
  r->type = x->type;
}

/* ---- statements ---------------------------------------------------------------------------- */

static void run_block(machine_state *m, const loop_block *b);

static void run_for(machine_state *m, const loop_stmt *s) {
  int64_t low = integer(m, s->low), high = integer(m, s->high);
  value *turn = variable(m, s->variable);
  turn->type = loop_scalar(DTYPE_I64);
  for (int64_t i = low; i < high;) {
    turn->ints[0] = i;
    run_block(m, &s->body);
    if (__builtin_add_overflow(i, s->step, &i)) break;
  }
}

static void allocate(machine_state *m, const loop_stmt *s) {
  loop_buffer *b = s->buffer;
  int64_t elements = buffer_elements(b);
  size_t size = dtype_size(b->type.element);
  void **memory = item(m, b);
  if (!*memory) *memory = arena_array(m->arena, (size_t)elements, size);
  unsigned char *bytes = *memory;
  memset(bytes, 0xff, (size_t)elements * size);
  if (!s->value) return;
  value v;
  evaluate(m, s->value, &v);
  for (int64_t i = 0; i < elements; i++)
    write_element(b->type.element, bytes + i * (int64_t)size, &v, (int)(i % v.type.lanes));
}

static void run_statement(machine_state *m, const loop_stmt *s) {
  switch (s->kind) {
    case LOOP_FOR: run_for(m, s); break;
    case LOOP_ALLOC: allocate(m, s); break;
    case LOOP_LET: {
      value v;
      evaluate(m, s->value, &v);
      assign(variable(m, s->variable), &v);
      break;
    }
    case LOOP_STORE: store(m, s); break;
    case LOOP_IF: run_block(m, integer(m, s->condition) ? &s->body : &s->otherwise); break;
    case LOOP_FETCH:
    case LOOP_COMMENT: break;
  }
}

static void run_block(machine_state *m, const loop_block *b) {
  for (int i = 0; i < b->count; i++) run_statement(m, b->statements[i]);
}

const char *loop_run(arena *a, const loop_kernel *k, const loop_machine *machine,
                     void *const *arguments) {
  machine_state m = {.arena = a, .machine = machine};
  for (int i = 0; i < k->parameter_count; i++) *item(&m, k->parameters[i]) = arguments[i];
  if (setjmp(m.fault)) return m.message;
  run_block(&m, &k->body);
  return NULL;
}

void loop_run_function(arena *a, const loop_function *f, const loop_machine *machine,
                       const void *const *arguments, void *result) {
  machine_state m = {.arena = a, .machine = machine};
  for (int p = 0; p < f->parameter_count; p++) {
    value *v = variable(&m, f->parameters[p]);
    v->type = f->parameters[p]->type;
    for (int i = 0; i < v->type.lanes; i++)
      read_element(v->type.element,
                   (const unsigned char *)arguments[p] + (size_t)i * dtype_size(v->type.element), v, i);
  }
  for (int i = 0; i < f->body.count; i++) run_statement(&m, f->body.statements[i]);
  value r;
  evaluate(&m, f->result, &r);
  for (int i = 0; i < r.type.lanes; i++)
    write_element(r.type.element, (unsigned char *)result + (size_t)i * dtype_size(r.type.element), &r, i);
}
