/* Every rule of loop_verify is broken once. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loop_case.h"

/* A kernel in the making, and correct things to break. */
typedef struct bench {
  arena *arena;
  loop_kernel *kernel;
  loop_block *body;               /* of a loop over i */
  loop_buffer *x, *y, *sums;      /* in f32[8]; out f32[8]; registers f32x4[2] */
  const loop_expr *turn, *one, *real, *vector, *truth;
} bench;

static const int64_t eight = 8, two = 2;

static bench bench_new(arena *a) {
  bench b = {.arena = a, .kernel = loop_kernel_new(a, "k")};
  b.x = loop_buffer_new(a, "x", LOOP_PARAMETER, loop_scalar(DTYPE_F32), 1, &eight);
  b.y = loop_buffer_new(a, "y", LOOP_PARAMETER, loop_scalar(DTYPE_F32), 1, &eight);
  b.sums = loop_buffer_new(a, "sums", LOOP_REG, loop_vector(DTYPE_F32, 4), 1, &two);
  loop_add_parameter(a, b.kernel, b.x, LOOP_IN);
  loop_add_parameter(a, b.kernel, b.y, LOOP_OUT);
  loop_variable *i = loop_variable_new(a, "i", loop_scalar(DTYPE_I64));
  b.body = &loop_for(a, &b.kernel->body, LOOP_SEQ, i, loop_int(a, 0), loop_int(a, 8), 1)->body;
  b.turn = loop_var(a, i);
  b.one = loop_int(a, 1);
  b.real = loop_constant(a, DTYPE_F32, 0.5, 0);
  b.vector = loop_load(a, b.x, &b.turn, 4, NULL);
  b.truth = loop_constant(a, DTYPE_BOOL, 0, 1);
  loop_alloc(a, b.body, b.sums, loop_splat(a, b.real, 4));
  return b;
}

/* A let of the expression as it is. */
static void use(bench *b, const loop_expr *x) {
  loop_stmt *s = arena_new_of(b->arena, loop_stmt);
  *s = (loop_stmt){.kind = LOOP_LET, .variable = loop_variable_new(b->arena, "v", x->type), .value = x};
  loop_append(b->arena, b->body, s);
}

/* An expression that no builder would make. */
static loop_expr *forged(bench *b, loop_expr_kind kind, dtype element, int lanes, const loop_expr *x,
                         const loop_expr *y) {
  const loop_expr **operands = arena_array_of(b->arena, 2, const loop_expr *);
  operands[0] = x;
  operands[1] = y;
  loop_expr *e = arena_new_of(b->arena, loop_expr);
  *e = (loop_expr){.kind = kind, .type = {element, lanes}, .operand_count = (x != NULL) + (y != NULL),
                   .operands = operands};
  return e;
}

static void use_op(bench *b, scalar_function f, dtype element, int lanes, const loop_expr *x, const loop_expr *y) {
  loop_expr *e = forged(b, LOOP_OP, element, lanes, x, y);
  e->function = f;
  use(b, e);
}

static void use_lane(bench *b, loop_expr_kind kind, dtype element, int lanes, int lane, const loop_expr *y) {
  loop_expr *e = forged(b, kind, element, lanes, b->vector, y);
  e->lane = lane;
  use(b, e);
}

static void use_shuffle(bench *b, dtype element, int lanes, const loop_expr *y, int last) {
  static const int picks[2][2] = {{0, 8}, {0, -1}};
  loop_expr *e = forged(b, LOOP_SHUFFLE, element, lanes, b->vector, y);
  e->picks = picks[last < 0];
  use(b, e);
}

static void use_reduce(bench *b, scalar_function f, dtype element) {
  loop_expr *e = forged(b, LOOP_REDUCE, element, 1, b->vector, NULL);
  e->function = f;
  use(b, e);
}

static void use_call(bench *b, dtype element, int lanes, const loop_expr *x, const loop_expr *y) {
  math_library *m = arena_new_of(b->arena, math_library);
  m->arena = b->arena;
  loop_expr *e = forged(b, LOOP_CALL, element, lanes, x, y);
  e->callee = math_function(m, SCALAR_EXP, loop_vector(DTYPE_F32, 4));
  use(b, e);
}

static void use_load(bench *b, const loop_buffer *from, dtype element, int lanes, const loop_expr *index,
                     const loop_expr *mask) {
  loop_expr *e = forged(b, LOOP_LOAD, element, lanes, index, NULL);
  e->buffer = from;
  e->mask = mask;
  use(b, e);
}

static void use_variable(bench *b, dtype element) {
  loop_expr *e = forged(b, LOOP_VARIABLE, element, 1, NULL, NULL);
  e->variable = b->turn->variable;
  use(b, e);
}

static void allocate(bench *b, loop_space space, dtype element, int lanes, int64_t extent, const loop_expr *initial) {
  int64_t extents[3] = {extent, extent, extent};
  loop_buffer *m = loop_buffer_new(b->arena, "m", space, loop_vector(element, lanes), 3, extents);
  loop_alloc(b->arena, b->body, m, initial);
}

static loop_stmt *repeat(bench *b, loop_for_kind kind, dtype counter, const loop_expr *high) {
  loop_variable *j = loop_variable_new(b->arena, "j", loop_scalar(counter));
  return loop_for(b->arena, b->body, kind, j, loop_int(b->arena, 0), high, 1);
}

static void put(bench *b, loop_buffer *to, const loop_expr *value, const loop_expr *mask) {
  loop_store(b->arena, b->body, to, &b->one, value, mask);
}

/* ---- rules of expressions ------------------------------------------------------------------ */

enum { SHAPES = 8, LANES = 21, OPERATIONS = 12, ACCESSES = 10, STATEMENTS = 18 };

static const char *break_type(bench *b, int rule) {
  switch (rule) {
    case 0: use(b, forged(b, LOOP_CONSTANT, DTYPE_F32, 3, NULL, NULL)); return "lanes are a power of two up to 64";
    case 1: use(b, forged(b, LOOP_CONSTANT, DTYPE_F32, 128, NULL, NULL)); return "lanes are a power of two up to 64";
    case 2: use(b, forged(b, LOOP_CAST, DTYPE_F64, 1, loop_constant(b->arena, DTYPE_F16, 1, 0), NULL)); return "f16 is not computed with";
    case 3: use(b, forged(b, LOOP_CONSTANT, DTYPE_F32, 4, NULL, NULL)); return "a constant is a scalar";
    case 4: use_variable(b, DTYPE_I32); return "i is read in another type";
    case 5: use(b, forged(b, LOOP_SPLAT, DTYPE_F32, 4, b->real, b->real)); return "wrong number of operands";
    case 6: use(b, forged(b, LOOP_CAST, DTYPE_I32, 8, b->vector, NULL)); return "a cast keeps the lanes";
    case 7: use(b, loop_var(b->arena, loop_variable_new(b->arena, "u", b->one->type))); return "u is used outside of its scope";
    default: return NULL;
  }
}

static const char *break_lanes(bench *b, int rule) {
  static const char *const bitcast = "a bitcast keeps size and lanes", *const ramp = "a ramp has two integer scalars";
  switch (rule) {
    case 0: use(b, forged(b, LOOP_BITCAST, DTYPE_I64, 4, b->vector, NULL)); return bitcast;
    case 1: use(b, forged(b, LOOP_BITCAST, DTYPE_I32, 1, b->vector, NULL)); return bitcast;
    case 2: use(b, forged(b, LOOP_BITCAST, DTYPE_U8, 1, b->truth, NULL)); return bitcast;
    case 3: use(b, forged(b, LOOP_BITCAST, DTYPE_BOOL, 1, loop_constant(b->arena, DTYPE_U8, 0, 2), NULL)); return bitcast;
    case 4: use(b, forged(b, LOOP_SPLAT, DTYPE_F32, 8, b->vector, NULL)); return "a splat repeats a scalar";
    case 5: use(b, forged(b, LOOP_SPLAT, DTYPE_F64, 8, b->real, NULL)); return "a splat repeats a scalar";
    case 6: use(b, forged(b, LOOP_RAMP, DTYPE_F32, 8, b->real, b->real)); return ramp;
    case 7: use(b, forged(b, LOOP_RAMP, DTYPE_I64, 8, b->real, b->one)); return ramp;
    case 8: use(b, forged(b, LOOP_RAMP, DTYPE_I64, 8, b->one, b->real)); return ramp;
    case 9: use_lane(b, LOOP_EXTRACT, DTYPE_F32, 1, 4, NULL); return "there is no such lane";
    case 10: use_lane(b, LOOP_INSERT, DTYPE_F32, 4, -1, b->real); return "there is no such lane";
    case 11: use_lane(b, LOOP_EXTRACT, DTYPE_F32, 4, 0, NULL); return "an extracted lane";
    case 12: use_lane(b, LOOP_INSERT, DTYPE_F32, 4, 0, b->one); return "an inserted lane";
    case 13: use_lane(b, LOOP_INSERT, DTYPE_F32, 8, 0, b->real); return "an inserted lane";
    case 14: use_reduce(b, SCALAR_AND, DTYPE_F32); return "and does not reduce these lanes";
    case 15: use_reduce(b, SCALAR_ADD, DTYPE_F64); return "a reduction gives a scalar of its operand's type";
    case 16: use_shuffle(b, DTYPE_F32, 2, b->real, 8); return "a shuffle is of two vectors";
    case 17: use_shuffle(b, DTYPE_F64, 2, b->vector, 4); return "a shuffle is of two vectors";
    case 18: use_shuffle(b, DTYPE_F32, 1, b->vector, 4); return "a shuffle is of two vectors";
    case 19: use_shuffle(b, DTYPE_F32, 2, b->vector, 8); return "a shuffle picks a lane";
    case 20: use_shuffle(b, DTYPE_F32, 2, b->vector, -1); return "a shuffle picks a lane";
    default: return NULL;
  }
}

static const char *break_operation(bench *b, int rule) {
  switch (rule) {
    case 0: use_op(b, SCALAR_ADD, DTYPE_F32, 4, b->vector, NULL); return "wrong number of operands";
    case 1: use_op(b, SCALAR_ADD, DTYPE_F32, 4, b->vector, b->real); return "add has operands of different lanes";
    case 2: use_op(b, SCALAR_ADD, DTYPE_F32, 1, b->real, b->one); return "operands have different types";
    case 3: use_op(b, SCALAR_AND, DTYPE_I64, 1, b->one, b->one); return "bool are needed";
    case 4: use_op(b, SCALAR_LT, DTYPE_F32, 1, b->real, b->real); return "lt has another type than its operands give";
    case 5: use_op(b, SCALAR_TANH, DTYPE_F32, 1, b->real, NULL); return "tanh of floating numbers is called";
    case 6: use_op(b, SCALAR_FLOORDIV, DTYPE_F32, 1, b->real, b->real); return "floordiv of floating numbers is called";
    case 7: use_reduce(b, SCALAR_SUB, DTYPE_F32); return "sub does not reduce these lanes";
    case 8: use_call(b, DTYPE_F32, 4, b->vector, b->vector); return "wrong number of operands";
    case 9: use_call(b, DTYPE_F32, 4, b->real, NULL); return "exp_f32x4 has an argument of another type";
    case 10: use_call(b, DTYPE_F32, 1, b->vector, NULL); return "exp_f32x4 has a result of another type";
    case 11: use_op(b, SCALAR_SELECT, DTYPE_F32, 1, b->real, b->real); return "wrong number of operands";
    default: return NULL;
  }
}

static const char *break_access(bench *b, int rule) {
  loop_buffer *other = loop_buffer_new(b->arena, "other", LOOP_LOCAL, loop_scalar(DTYPE_F32), 1, &eight);
  const loop_expr *narrow = loop_constant(b->arena, DTYPE_I32, 0, 1);
  const loop_expr *mask = loop_splat(b->arena, b->truth, 4);
  switch (rule) {
    case 0: use_load(b, other, DTYPE_F32, 1, b->one, NULL); return "other is used outside of its scope";
    case 1: use_load(b, b->x, DTYPE_F32, 1, narrow, NULL); return "x has an index that is not an i64 scalar";
    case 2: use_load(b, b->x, DTYPE_F32, 1, NULL, NULL); return "x has the wrong number of indices";
    case 3: use_load(b, b->x, DTYPE_F64, 1, b->one, NULL); return "x is accessed in another type";
    case 4: use_load(b, b->x, DTYPE_F32, 4, b->one, b->truth); return "x has a mask that is not bool in as many lanes";
    case 5: use_load(b, b->x, DTYPE_F32, 1, b->one, b->real); return "x has a mask that is not bool in as many lanes";
    case 6: use_load(b, b->sums, DTYPE_F32, 1, b->one, NULL); return "sums is a register and not accessed whole";
    case 7: use_load(b, b->sums, DTYPE_F32, 4, b->one, mask); return "sums is a register and read under a mask";
    case 8: use_load(b, b->sums, DTYPE_F32, 4, b->turn, NULL); return "an index that unrolling leaves unknown";
    case 9: use_load(b, b->x, DTYPE_F32, 1, b->real, NULL); return "x has an index that is not an i64 scalar";
    default: return NULL;
  }
}

/* ---- rules of statements ------------------------------------------------------------------- */

static const char *break_statement(bench *b, int rule) {
  arena *a = b->arena;
  const loop_expr *high = loop_int(a, 4);
  switch (rule) {
    case 0: put(b, b->x, b->real, NULL); return "x is only read";
    case 1: put(b, b->y, b->one, NULL); return "y is accessed in another type";
    case 2: put(b, b->sums, b->real, NULL); return "sums is a register and not accessed whole";
    case 3: put(b, b->y, b->vector, b->truth); return "y has a mask that is not bool in as many lanes";
    case 4: allocate(b, LOOP_LOCAL, DTYPE_F32, 1, 2, b->one); return "m starts as a value of another type";
    case 5: allocate(b, LOOP_LOCAL, DTYPE_F32, 4, 2, NULL); return "m is no register and holds vectors";
    case 6: allocate(b, LOOP_LOCAL, DTYPE_F32, 1, 0, NULL); return "m has an extent below 1";
    case 7: allocate(b, LOOP_LOCAL, DTYPE_F32, 1, INT64_C(1) << 21, NULL); return "more bytes than fit";
    case 8: allocate(b, LOOP_PARAMETER, DTYPE_F32, 1, 2, NULL); return "m is a parameter and allocated";
    case 9: loop_alloc(a, b->body, b->sums, NULL); return "sums is defined twice";
    case 10: loop_if(a, b->body, b->one); return "a condition is a bool";
    case 11: loop_comment(a, b->body, "one\ntwo"); return "a comment is one line";
    case 12: loop_add_parameter(a, b->kernel, b->x, LOOP_IN); return "x is defined twice";
    case 13: b->kernel->parameters[0] = b->sums; return "sums is no parameter";
    case 14: use(b, b->real); b->body->statements[1]->value = high; return "v is a value of another type";
    case 15: loop_for(a, b->body, LOOP_SEQ, b->turn->variable, high, high, 1); return "i is defined twice";
    case 16: loop_fetch(a, b->body, 1, b->sums, &b->turn); return "sums is a register and fetched";
    case 17: loop_fetch(a, b->body, 3, b->x, &b->turn); return "x is fetched to a cache other than 1 and 2";
    default: return NULL;
  }
}

enum { LOOPS = 6 };

static const char *break_loop(bench *b, int rule) {
  const loop_expr *high = loop_int(b->arena, 4);
  switch (rule) {
    case 0: repeat(b, LOOP_SEQ, DTYPE_I64, b->real); return "j runs between bounds that are not i64 scalars";
    case 1: repeat(b, LOOP_SEQ, DTYPE_I32, high); return "j is no i64 scalar";
    case 2: repeat(b, LOOP_SEQ, DTYPE_I64, high)->step = 0; return "j has a step below 1";
    case 3: repeat(b, LOOP_UNROLL, DTYPE_I64, b->turn); return "j is unrolled between bounds that are not constant";
    case 4:
      b->body = &loop_if(b->arena, b->body, b->truth)->body;
      repeat(b, LOOP_TASK, DTYPE_I64, high);
      return "j runs over tasks and is not outermost";
    case 5:
      b->kernel->body.statements[0]->for_kind = LOOP_TASK;
      b->body = &b->kernel->body;
      repeat(b, LOOP_SEQ, DTYPE_I64, high);
      return "a loop over tasks is the only statement of a kernel";
    default: return NULL;
  }
}

static void check_rules(const char *(*break_rule)(bench *, int), int count) {
  for (int rule = 0; rule < count; rule++) {
    arena *a = arena_new();
    bench b = bench_new(a);
    assert_null(loop_verify(a, b.kernel));
    const char *said = break_rule(&b, rule), *message = loop_verify(a, b.kernel);
    assert_non_null(said);
    if (!message) fail_msg("accepted, not: %s", said);
    if (!strstr(message, said) || strncmp(message, "k: ", 3)) fail_msg("expected '%s', not '%s'", said, message);
    arena_free(a);
  }
}

static void test_types(void **state) { (void)state; check_rules(break_type, SHAPES); }
static void test_lanes(void **state) { (void)state; check_rules(break_lanes, LANES); }
static void test_operations(void **state) { (void)state; check_rules(break_operation, OPERATIONS); }
static void test_accesses(void **state) { (void)state; check_rules(break_access, ACCESSES); }
static void test_statements(void **state) { (void)state; check_rules(break_statement, STATEMENTS); }
static void test_loops(void **state) { (void)state; check_rules(break_loop, LOOPS); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_types),      cmocka_unit_test(test_lanes),
                                     cmocka_unit_test(test_operations), cmocka_unit_test(test_accesses),
                                     cmocka_unit_test(test_statements), cmocka_unit_test(test_loops)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
