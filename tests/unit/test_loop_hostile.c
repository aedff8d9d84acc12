/* Text that is no kernel is answered with a message, whatever it is. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "loop_case.h"

/* A statement in a kernel with a few names, and what is said of it. */
typedef struct wrong {
  const char *statement, *said;
} wrong;

static const wrong wrongs[] = {
    {"stray", "expected a statement"},
    {"store z[0] = 1:f32", "no buffer is named z"},
    {"store i[0] = 1:f32", "no buffer is named i"},
    {"store x[i = 1:f32", "expected ','"},
    {"store x[i, i] = 1:f32", "one index per axis"},
    {"store x[i, i, i, i, i, i, i, i, i] = 1:f32", "too many operands"},
    {"fetch.3 x[i]", "out of range"},
    {"fetch x[i]", "expected '.'"},
    {"fetch.1 x[i, i]", "one index per axis"},
    {"fetch.1 r[0]", "is a register and fetched"},
    {"store x[i] = what", "nothing is named what"},
    {"store x[i] = x", "expected '['"},
    {"store x[i] = 1.5", "names its type"},
    {"store x[i] = -", "expected an expression"},
    {"store x[i] = 1:f32x2", "a type of one lane"},
    {"store x[i] = 1:f33", "expected a type"},
    {"store x[i] = cast.f32(1.5:i32)", "an integer constant is wanted"},
    {"store x[i] = cast.f32(300:u8)", "out of range"},
    {"store x[9223372036854775808] = 1:f32", "out of range"},
    {"store x[i] = frobnicate(i)", "no function is named frobnicate"},
    {"store x[i] = add(1:f32)", "2 operands are wanted, not 1"},
    {"store x[i] = add(1:f32, i)", "different types"},
    {"store x[i] = add(load.4(x[i]), 1:f32)", "different lanes"},
    {"let v: i64 = and(i, i)", "bool are needed"},
    {"let v: i64 = exp(i)", "floating numbers are needed"},
    {"let v: i64 = div(1, 0)", "floating numbers are needed"},
    {"let v: bool = add(1:bool, 1:bool)", "numbers are needed"},
    {"let v: bool = isnan(1)", "floating numbers are needed"},
    {"let v: i64 = select(1, 2, 3)", "not bool"},
    {"store x[i] = exp(1:f32)", "is called, not an operation"},
    {"store x[i] = call.exp_f32x8(1:f32)", "argument of another type"},
    {"store x[i] = call.exp_f32(1:f32, 2:f32)", "1 operands are wanted, not 2"},
    {"store x[i] = call.exp_bf16(1:f32)", "no function is named exp_bf16"},
    {"store x[i] = call.exp_f32x3(1:f32)", "no function is named"},
    {"store x[i] = call.exp_f32x1(1:f32)", "no function is named"},
    {"store x[i] = call.philox_f32(1, 2, 3)", "no function is named"},
    {"store x[i] = call.sqrt_f32(1:f32)", "no function is named"},
    {"store x[i] = call.exp(1:f32)", "no function is named"},
    {"let v: f32x3 = load.3(x[i])", "power of two"},
    {"let v: f32x128 = load.64(x[i])", "power of two"},
    {"let v: f32x99999999999999999999 = load.64(x[i])", "power of two"},
    {"let v: f32 = load.99999999999999999999(x[i])", "power of two"},
    {"let v: f32 = load.8z(x[i])", "power of two"},
    {"let v: f32 = load.8(r[0])", "read whole"},
    {"let v: f32 = load.8(x[i])", "another type than the name"},
    {"let v: f32x8 = load.8(x[i], 1:bool)", "a mask that is not bool in as many lanes"},
    {"let v: f32 = splat.8(load.8(x[i]))", "an operand of type f32 is wanted"},
    {"let v: f32 = splat.5(1:f32)", "splat.5 means nothing here"},
    {"let v: f32 = ramp.8(1:f32, 1:f32)", "ramp.8 means nothing here"},
    {"let v: i64x8 = ramp.8(1, 1:i32)", "an operand of type i64 is wanted"},
    {"let v: i64x8 = ramp.8(ramp.8(1, 1), 1)", "an operand of type i64 is wanted"},
    {"let v: f32 = extract.8(load.8(x[i]))", "extract.8 means nothing here"},
    {"let v: f32 = extract.-1(load.8(x[i]))", "expected a name"},
    {"let v: f32x8 = insert.1(load.8(x[i]), 1)", "an operand of type f32 is wanted"},
    {"let v: f32x8 = insert.1(load.8(x[i]), load.8(x[i]))", "an operand of type f32 is wanted"},
    {"let v: f32x2 = shuffle.0_16(load.8(x[i]), load.8(x[i]))", "shuffle.0_16 means nothing here"},
    {"let v: f32x2 = shuffle.0__1(load.8(x[i]), load.8(x[i]))", "shuffle.0__1 means nothing here"},
    {"let v: f32x2 = shuffle.0_1z(load.8(x[i]), load.8(x[i]))", "shuffle.0_1z means nothing here"},
    {"let v: f32x2 = shuffle.0_1_2(load.8(x[i]), load.8(x[i]))", "power of two"},
    {"let v: f32 = shuffle.3(load.8(x[i]), load.8(x[i]))", "power of two"},
    {"let v: f32x2 = shuffle.0_1(load.8(x[i]), load.4(x[i]))", "two vectors of one type"},
    {"let v: f32x2 = shuffle.0_1(1:f32, 1:f32)", "two vectors of one type"},
    {"let v: f32x2 = shuffle.0_1(load.8(x[i]))", "operands"},
    {"let v: f32 = reduce.sub(load.8(x[i]))", "does not reduce these lanes"},
    {"let v: f32 = reduce.and(load.8(x[i]))", "does not reduce these lanes"},
    {"let v: f32 = cast.f99(i)", "cast.f99 means nothing here"},
    {"let v: f32 = bitcast.f32(i)", "bitcast.f32 means nothing here"},
    {"let v: bool = bitcast.bool(1:u8)", "not of bool"},
    {"let v: bf16 = add(1:bf16, cast.bf16(i))", "bf16 is not computed with"},
    {"let v: i32 = cast.i32(cast.f16(i))", "f16 is not computed with"},
    {"reg v: f16[8]", "f16 is not computed with"},
    {"local v: f32x8[8]", "a type of one lane"},
    {"local v: f32[0]", "out of range"},
    {"local v: f32[1, 1, 1, 1, 1, 1, 1, 1, 1]", "at most 8 axes"},
    {"local v: f32[2000000000, 2000000000, 2000000000]", "more bytes than fit"},
    {"reg v: f32x8[2] = 1:f32", "starts as a value of another type"},
    {"store r[i] = load.8(x[i])", "that unrolling leaves unknown"},
    {"for j in 0..i unroll { }", "bounds that are not constant"},
    {"for j in 0..1:i32 { }", "bounds that are not i64 scalars"},
    {"for j in 0..8 step 0 { }", "out of range"},
    {"for j in 0..8 task { }", "only statement of a kernel"},
    {"if 1:bool { for j in 0..8 task { } }", "not outermost"},
    {"for j in 0, 8 { }", "expected '..'"},
    {"if i { }", "a condition is a bool"},
};

static const char *in_kernel(arena *a, const char *statement) {
  return arena_printf(a, "kernel k(inout x: f32[8]) {\n  for i in 0..8 {\n    reg r: f32x4[2]\n    %s\n  }\n}\n",
                      statement);
}

static void test_messages(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    arena *a = arena_new();
    const char *said;
    if (loop_case_try(a, in_kernel(a, wrongs[i].statement), &said)) fail_msg("accepted: %s", wrongs[i].statement);
    if (!strstr(said, wrongs[i].said)) fail_msg("%s: expected '%s', not\n%s", wrongs[i].statement, wrongs[i].said, said);
    arena_free(a);
  }
}

static void test_place(void **state) {
  (void)state;
  arena *a = arena_new();
  const char *said;
  assert_null(loop_case_try(a, in_kernel(a, "store x[i] = what"), &said));
  assert_non_null(strstr(said, "test.loop:4:18: error: nothing is named what"));
  arena_free(a);
}

/* ---- damaged text -------------------------------------------------------------------------- */

static char *repeated(arena *a, const char *text, int count) {
  size_t length = strlen(text);
  char *all = arena_alloc(a, length * (size_t)count + 1);
  for (int i = 0; i < count; i++) memcpy(all + length * (size_t)i, text, length);
  return all;
}

static void test_nesting(void **state) {
  (void)state;
  static const char *const parts[][2] = {
      {"let v: i64 = ", "neg("}, {"", "if 1:bool {"}, {"", "for j in 0..9 {"}, {"store x[", "cast.i64(x["},
      {"let v: f32 = ", "load.1(x[0], lt(i, "}, {"let v: i64 = ", "ramp.1("}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    arena *a = arena_new();
    const char *said, *open = repeated(a, parts[i][1], 100000);
    assert_null(loop_case_try(a, in_kernel(a, arena_printf(a, "%s%s", parts[i][0], open)), &said));
    assert_non_null(strstr(said, "nested too deeply"));
    arena_free(a);
  }
}

/* Whatever is accepted prints and parses back. */
static bool accepted(const char *text) {
  arena *a = arena_new();
  const char *said;
  loop_kernel *k = loop_case_try(a, text, &said);
  if (k) loop_case_round_trip(a, k);
  arena_free(a);
  return k != NULL;
}

static void test_truncations(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, "tests/unit/loops", ".loop", &count);
  for (int i = 0; i < count; i++) {
    char *text = golden_read(a, arena_printf(a, "tests/unit/loops/%s.loop", names[i]));
    size_t whole = (size_t)(strrchr(text, '}') - text) + 1;
    for (size_t length = whole; length-- > 0;) {
      text[length] = 0;
      assert_false(accepted(text));
    }
  }
  arena_free(a);
}

static uint64_t below(uint64_t *state, uint64_t count) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (*state >> 33) % count;
}

static const char *const words[] = {
    "kernel", "in", "out", "inout", "for", "unroll", "task", "step", "if", "else", "let", "store", "reg", "local",
    "f32", "f64x2", "bool", "boolx8", "u8", "i8x64", "i32", "bf16", "0", "1", "-1", "64", "9223372036854775807", "nan:f32",
    "1:i32", "1:bool", "..", "[", "]", "(", ")", "{", "}", ",", "=", ":", "#", "\n", "add(", "exp(", "select(", "splat.8(",
    "ramp.8(", "reduce.add(", "extract.3(", "insert.0(", "shuffle.1_0(", "cast.i32(", "bitcast.i32(", "load.8(", "call.tanh_f32x8(",
    "call.philox_i32(", "i", "x", "y", "v", "\x80", "\\", "'"};

/* The text with a few stretches replaced by words, or by other stretches of itself. */
static const char *damaged(arena *a, const char *text, uint64_t *state) {
  for (uint64_t left = 1 + below(state, 3); left > 0; left--) {
    size_t length = strlen(text), at = below(state, length), skip = below(state, 6);
    const char *word = words[below(state, sizeof words / sizeof *words)];
    if (below(state, 3) == 0) word = arena_printf(a, "%.*s", (int)below(state, 8), text + below(state, length));
    if (at + skip > length) skip = 0;
    text = arena_printf(a, "%.*s%s%s", (int)at, text, word, text + at + skip);
  }
  return text;
}

static void test_damage(void **state) {
  (void)state;
  arena *a = arena_new();
  uint64_t seed = 1;
  int count, survivors = 0;
  char **names = golden_names(a, "tests/unit/loops", ".loop", &count);
  for (int i = 0; i < count; i++) {
    const char *text = golden_read(a, arena_printf(a, "tests/unit/loops/%s.loop", names[i]));
    for (int n = 0; n < 5000; n++) {
      arena *scratch = arena_new();
      survivors += accepted(damaged(scratch, text, &seed));
      arena_free(scratch);
    }
  }
  assert_true(survivors > 0); /* some damage is harmless, so that its round trip is tested too */
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_messages),    cmocka_unit_test(test_place),  cmocka_unit_test(test_nesting),
      cmocka_unit_test(test_truncations), cmocka_unit_test(test_damage)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
