/* A kernel and its unrolled form do the same; nothing is left to unroll. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eval_loop.h"
#include "golden.h"
#include "loop_case.h"

static int64_t bytes_of(const loop_buffer *b) {
  int64_t bytes = (int64_t)dtype_size(b->type.element);
  for (int i = 0; i < b->rank; i++) bytes *= b->extents[i];
  return bytes;
}

/* Small values of the buffer's type, the same at every call. */
static void *filled(arena *a, const loop_buffer *b) {
  int64_t size = (int64_t)dtype_size(b->type.element), count = bytes_of(b) / size;
  unsigned char *memory = arena_array(a, (size_t)count, (size_t)size);
  for (int64_t i = 0; i < count; i++) {
    float single = (float)(i % 17) - 8;
    double real = single;
    int64_t whole = i % 13;
    const void *value = b->type.element == DTYPE_F32   ? (void *)&single
                        : b->type.element == DTYPE_F64 ? (void *)&real
                                                       : (void *)&whole;
    if (b->type.element == DTYPE_BOOL) whole &= 1;
    memcpy(memory + i * size, value, (size_t)size);
  }
  return memory;
}

static void **run(arena *a, const loop_kernel *k) {
  void **arguments = arena_array_of(a, k->parameter_count, void *);
  for (int i = 0; i < k->parameter_count; i++) arguments[i] = filled(a, k->parameters[i]);
  const char *message = loop_run(a, k, &(loop_machine){.fma = true}, arguments);
  if (message) fail_msg("%s: %s", k->name, message);
  return arguments;
}

static bool same_memory(arena *a, const loop_kernel *k, const loop_kernel *other) {
  void **left = run(a, k), **right = run(a, other);
  bool same = true;
  for (int i = 0; i < k->parameter_count; i++)
    same = same && !memcmp(left[i], right[i], (size_t)bytes_of(k->parameters[i]));
  return same;
}

static void check_access(const loop_buffer *b, const loop_expr *const *index) {
  int64_t at;
  for (int i = 0; i < b->rank && b->space == LOOP_REG; i++) assert_true(loop_is_int(index[i], &at));
}

static void check_expr(const loop_expr *x) {
  if (!x) return;
  if (x->kind == LOOP_LOAD) check_access(x->buffer, x->operands);
  for (int i = 0; i < x->operand_count; i++) check_expr(x->operands[i]);
  check_expr(x->mask);
}

/* Register indices are constants, and no loop is marked. */
static void check_block(const loop_block *b) {
  for (int i = 0; i < b->count; i++) {
    const loop_stmt *s = b->statements[i];
    if (s->kind == LOOP_FOR) assert_int_not_equal(s->for_kind, LOOP_UNROLL);
    if (s->kind == LOOP_STORE) check_access(s->buffer, s->index);
    check_expr(s->value);
    check_expr(s->mask);
    check_expr(s->condition);
    check_block(&s->body);
    check_block(&s->otherwise);
  }
}

/* The unrolled form, checked. */
static loop_kernel *unrolled(arena *a, const loop_kernel *k) {
  const char *before = loop_case_text(a, k);
  loop_kernel *u = loop_unroll(a, k);
  const char *message = loop_verify(a, u);
  if (message) fail_msg("%s", message);
  assert_string_equal(before, loop_case_text(a, k)); /* the original stays */
  check_block(&u->body);
  loop_case_round_trip(a, u);
  if (!same_memory(a, k, u)) fail_msg("another result:\n%s", loop_case_text(a, u));
  assert_true(loop_equal(u, loop_unroll(a, u)));
  return u;
}

static void test_golden_kernels(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, "tests/unit/loops", ".loop", &count);
  for (int i = 0; i < count; i++)
    unrolled(a, loop_case_parse(
                    a, golden_read(a, arena_printf(a, "tests/unit/loops/%s.loop", names[i]))));
  arena_free(a);
}

/* The unrolled form of a text is, up to names, another text. */
static void check_form(const char *text, const char *form) {
  arena *a = arena_new();
  loop_kernel *u = unrolled(a, loop_case_parse(a, text));
  if (!loop_equal(u, loop_case_parse(a, form)))
    fail_msg("expected\n%s\nbut got\n%s", form, loop_case_text(a, u));
  arena_free(a);
}

#define KERNEL(body) "kernel k(inout y: i64[64]) { " body " }"

static void test_turns(void **state) {
  (void)state;
  check_form(KERNEL("for i in 1..8 step 3 unroll { store y[i] = mul(i, i) }"),
             KERNEL("store y[1] = 1 store y[4] = 16 store y[7] = 49"));
  check_form(KERNEL("for i in 3..3 unroll { store y[i] = 1 }"), KERNEL(""));
  check_form(
      KERNEL("for i in 9223372036854775800..9223372036854775807 step 5 unroll { store y[0] = i }"),
      KERNEL("store y[0] = 9223372036854775800 store y[0] = 9223372036854775805"));
  check_form(
      KERNEL("for i in 0..2 unroll { if lt(y[i], 3) { store y[i] = 3 } else { store y[9] = i } }"),
      KERNEL("if lt(y[0], 3) { store y[0] = 3 } else { store y[9] = 0 }"
             "if lt(y[1], 3) { store y[1] = 3 } else { store y[9] = 1 }"));
}

static void test_nests(void **state) {
  (void)state;
  check_form(KERNEL("for i in 0..3 unroll { for j in i..3 unroll { store y[add(mul(i, 8), j)] = "
                    "sub(i, j) } }"),
             KERNEL("store y[0] = 0 store y[1] = -1 store y[2] = -2 store y[9] = 0 store y[10] = "
                    "-1 store y[18] = 0"));
  check_form(KERNEL("for t in 0..4 task { for i in 0..2 unroll { for k in i..3 { store y[add(t, "
                    "i)] = k } } }"),
             KERNEL("for t in 0..4 task { for a in 0..3 { store y[t] = a } for b in 1..3 { store "
                    "y[add(t, 1)] = b } }"));
  check_form(KERNEL("for k in 0..3 { for i in 0..2 unroll { store y[k] = add(y[k], i) } }"),
             KERNEL("for k in 0..3 { store y[k] = add(y[k], 0) store y[k] = add(y[k], 1) }"));
}

/* Names and memory of a turn are its own; names of constants vanish, so that they can be indices. */
static void test_names_of_turns(void **state) {
  (void)state;
  check_form(
      KERNEL("for i in 0..2 unroll { local m: i64[2] = 5 let v: i64 = y[i] store m[i] = v"
             " store y[add(i, 8)] = add(m[0], m[1]) }"),
      KERNEL("local m: i64[2] = 5 let v: i64 = y[0] store m[0] = v store y[8] = add(m[0], m[1])"
             "local n: i64[2] = 5 let w: i64 = y[1] store n[1] = w store y[9] = add(n[0], n[1])"));
  check_form(
      KERNEL("reg r: i64[4] = 1 for i in 0..2 unroll { let at: i64 = add(mul(i, 2), 1) store r[at] "
             "= cast.i64(lt(at, 2)) }"
             " store y[0] = add(r[1], r[3])"),
      KERNEL("reg r: i64[4] = 1 store r[1] = 1 store r[3] = 0 store y[0] = add(r[1], r[3])"));
  check_form(
      KERNEL(
          "for i in 0..2 unroll { reg r: i64x2[1] = ramp.2(i, 1) store y[i] = reduce.add(r[0]) }"),
      KERNEL("reg r: i64x2[1] = ramp.2(0, 1) store y[0] = reduce.add(r[0])"
             "reg s: i64x2[1] = ramp.2(1, 1) store y[1] = reduce.add(s[0])"));
  check_form(
      KERNEL("for i in 0..2 unroll { let m: boolx2 = lt(ramp.2(i, 1), splat.2(2)) "
             "store y[i] = load.2(y[i], m) if m }"),
      KERNEL("let m: boolx2 = lt(ramp.2(0, 1), splat.2(2)) store y[0] = load.2(y[0], m) if m\n"
             "let n: boolx2 = lt(ramp.2(1, 1), splat.2(2)) store y[1] = load.2(y[1], n) if n"));
}

/* The comparison of memory sees a difference. */
static void test_other_kernels_differ(void **state) {
  (void)state;
  arena *a = arena_new();
  const loop_kernel *k = loop_case_parse(a, KERNEL("for i in 0..2 unroll { store y[i] = 40 }"));
  assert_true(same_memory(a, k, loop_case_parse(a, KERNEL("store y[0] = 40 store y[1] = 40"))));
  assert_false(same_memory(a, k, loop_case_parse(a, KERNEL("store y[0] = 40 store y[1] = 41"))));
  assert_false(same_memory(a, k, loop_case_parse(a, KERNEL("store y[0] = 40"))));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_kernels),
                                     cmocka_unit_test(test_turns), cmocka_unit_test(test_nests),
                                     cmocka_unit_test(test_names_of_turns),
                                     cmocka_unit_test(test_other_kernels_differ)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
