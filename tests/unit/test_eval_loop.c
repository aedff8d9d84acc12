/* The interpreter of the loop form against plain C. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eval_loop.h"
#include "loop_case.h"

static const loop_machine fused = {.fma = true}, separate = {.fma = false};

/* Runs a kernel that must not fault. */
static void run(const loop_machine *machine, const char *text, void *const *arguments) {
  arena *a = arena_new();
  const char *message = loop_run(a, loop_case_parse(a, text), machine, arguments);
  if (message) fail_msg("%s in\n%s", message, text);
  arena_free(a);
}

/* r = FUNCTION(x, y, z) of one element each. */
static void apply(const char *function, int operands, const char *type, const char *result, const void *x,
                  const void *y, const void *z, void *r) {
  static const char *const lists[] = {"", "x[]", "x[], y[]", "x[], y[], z[]"};
  arena *a = arena_new();
  run(&fused, arena_printf(a, "kernel k(in x: %s[], in y: %s[], in z: %s[], out r: %s[]) { store r[] = %s(%s) }",
                           type, type, type, result, function, lists[operands]),
      (void *[]){(void *)x, (void *)y, (void *)z, r});
  arena_free(a);
}

/* Equal bits, or both NaN. */
static bool same_f64(double x, double y) { return (isnan(x) && isnan(y)) || !memcmp(&x, &y, sizeof x); }
static bool same_f32(float x, float y) { return (isnan(x) && isnan(y)) || !memcmp(&x, &y, sizeof x); }
static bool same_int(int64_t x, int64_t y) { return x == y; }

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* One function of one type in C, over all triples of the sample, by the processor, which generated code lets take
 * subnormal numbers as zeros (backends/c_state.c). Volatile, since compilers move arithmetic across the builtins. */
#define CHECK(function, operands, T, type, R, result, same, sample, value)                              \
  for (int i = 0; i < COUNT(sample); i++)                                                               \
    for (int j = 0; j < (operands > 1 ? COUNT(sample) : 1); j++)                                        \
      for (int k = 0; k < (operands > 2 ? COUNT(sample) : 1); k++) {                                    \
        volatile T x = sample[i], y = sample[j], z = sample[k];                                         \
        const unsigned before = __builtin_ia32_stmxcsr();                                               \
        __builtin_ia32_ldmxcsr(0x9fc0);                                                                 \
        volatile R want = (R)(value);                                                                   \
        __builtin_ia32_ldmxcsr(before);                                                                 \
        R got;                                                                                          \
        (void)y, (void)z;                                                                               \
        apply(function, operands, type, result, &sample[i], &sample[j], &sample[k], &got);              \
        if (!same(got, want)) fail_msg("%s of %s: sample %d, %d, %d", function, type, i, j, k);         \
      }

/* ---- floating numbers ---------------------------------------------------------------------- */

/* With numbers whose products, quotients and sums lie where rounding makes a normal number of a subnormal one. */
static const float singles[] = {0,          -0.0f,      1,       -1,      0.1f,    1 + 0x1p-23f,
                                0x1p-149f,  -3e38f,     INFINITY, NAN,    0x1p-126f, -0x1.8p-126f,
                                1 - 0x1p-24f, -0x1p-75f, 0x1p-75f, 0x1p-76f, 0x1p126f, -0x1.fffffcp-127f};
static const double doubles[] = {0,           -0.0,       1,         -1,        0.1,      1 + 0x1p-52,
                                 0x1p-1074,   -1e308,     INFINITY,  NAN,       0x1p-1022, -0x1.8p-1022,
                                 1 - 0x1p-53, -0x1p-537, 0x1p-538, 0x1p-539, 0x1p1022, -0x1.ffffffffffffep-1023};

/* A product makes a zero of a subnormal extremum; volatile, so that it is computed. */
static volatile float one = 1;

#define CHECK_REAL(T, type, same, sample, suffixed_fma, suffixed_sqrt)                                  \
  CHECK("add", 2, T, type, T, type, same, sample, x + y)                                                \
  CHECK("sub", 2, T, type, T, type, same, sample, x - y)                                                \
  CHECK("mul", 2, T, type, T, type, same, sample, x * y)                                                \
  CHECK("div", 2, T, type, T, type, same, sample, x / y)                                                \
  CHECK("fma", 3, T, type, T, type, same, sample, suffixed_fma(x, y, z))                                \
  CHECK("stop", 1, T, type, T, type, same, sample, x)                                                   \
  CHECK("neg", 1, T, type, T, type, same, sample, -x)                                                   \
  CHECK("abs", 1, T, type, T, type, same, sample, fabs(x))                                              \
  CHECK("sqrt", 1, T, type, T, type, same, sample, suffixed_sqrt(x))                                    \
  CHECK("maximum", 2, T, type, T, type, same, sample, (isnan(x) ? x : isnan(y) ? y : x < y ? y : x) * one) \
  CHECK("minimum", 2, T, type, T, type, same, sample, (isnan(x) ? x : isnan(y) ? y : y < x ? y : x) * one) \
  CHECK("isnan", 1, T, type, uint8_t, "bool", same_int, sample, x != x)                                 \
  CHECK_COMPARE(T, type, sample)

#define CHECK_COMPARE(T, type, sample)                                                                  \
  CHECK("eq", 2, T, type, uint8_t, "bool", same_int, sample, x == y)                                    \
  CHECK("ne", 2, T, type, uint8_t, "bool", same_int, sample, x != y)                                    \
  CHECK("lt", 2, T, type, uint8_t, "bool", same_int, sample, x < y)                                     \
  CHECK("le", 2, T, type, uint8_t, "bool", same_int, sample, x <= y)                                    \
  CHECK("gt", 2, T, type, uint8_t, "bool", same_int, sample, x > y)                                     \
  CHECK("ge", 2, T, type, uint8_t, "bool", same_int, sample, x >= y)

static void test_f32_functions(void **state) {
  (void)state;
  CHECK_REAL(float, "f32", same_f32, singles, fmaf, sqrtf)
}

static void test_f64_functions(void **state) {
  (void)state;
  CHECK_REAL(double, "f64", same_f64, doubles, fma, sqrt)
}

/* ---- integers ------------------------------------------------------------------------------ */

static const int64_t longs[] = {0, 1, -1, 2, -7, 63, INT32_MAX, INT64_C(1) << 40, INT64_MIN, INT64_MAX};
static const int32_t words[] = {0, 1, -1, 2, -7, 31, 32, 65536, INT32_MIN, INT32_MAX};
static const int8_t bytes[] = {0, 1, -1, 2, -7, 7, 8, 100, INT8_MIN, INT8_MAX};
static const uint8_t octets[] = {0, 1, 2, 7, 8, 100, 128, 255};
static const uint8_t truths[] = {0, 1};

/* Through 128 bits, which hold every sum and product; conversion to T wraps. */
typedef __int128 wide;

static wide floored(wide x, wide y) { return y == 0 ? 0 : x / y - (x % y != 0 && (x < 0) != (y < 0)); }
static wide magnitude(wide x) { return x < 0 ? -x : x; }
static wide signum(wide x) { return (x > 0) - (x < 0); }
static wide modulo(wide x, wide y) { return y == 0 ? 0 : x - y * floored(x, y); }

#define CHECK_INTEGER(T, U, type, sample)                                                               \
  CHECK("add", 2, T, type, T, type, same_int, sample, (wide)x + y)                                      \
  CHECK("sub", 2, T, type, T, type, same_int, sample, (wide)x - y)                                      \
  CHECK("mul", 2, T, type, T, type, same_int, sample, (wide)x * y)                                      \
  CHECK("floordiv", 2, T, type, T, type, same_int, sample, floored(x, y))                               \
  CHECK("mod", 2, T, type, T, type, same_int, sample, modulo(x, y))                                     \
  CHECK("stop", 1, T, type, T, type, same_int, sample, x)                                               \
  CHECK("neg", 1, T, type, T, type, same_int, sample, -(wide)x)                                         \
  CHECK("abs", 1, T, type, T, type, same_int, sample, magnitude(x))                      \
  CHECK("sign", 1, T, type, T, type, same_int, sample, signum(x))                     \
  CHECK("maximum", 2, T, type, T, type, same_int, sample, x > y ? x : y)                                \
  CHECK("minimum", 2, T, type, T, type, same_int, sample, x < y ? x : y)                                \
  CHECK("bitand", 2, T, type, T, type, same_int, sample, x & y)                                         \
  CHECK("bitor", 2, T, type, T, type, same_int, sample, x | y)                                          \
  CHECK("bitxor", 2, T, type, T, type, same_int, sample, x ^ y)                                         \
  CHECK("shl", 2, T, type, T, type, same_int, sample, (U)x << (y & (8 * sizeof(T) - 1)))                \
  CHECK("shr", 2, T, type, T, type, same_int, sample, (U)x >> (y & (8 * sizeof(T) - 1)))                \
  CHECK_COMPARE(T, type, sample)

static void test_integer_functions(void **state) {
  (void)state;
  CHECK_INTEGER(int64_t, uint64_t, "i64", longs)
  CHECK_INTEGER(int32_t, uint32_t, "i32", words)
  CHECK_INTEGER(int8_t, uint8_t, "i8", bytes)
  CHECK_INTEGER(uint8_t, uint8_t, "u8", octets)
}

static void test_bool_functions(void **state) {
  (void)state;
  CHECK("and", 2, uint8_t, "bool", uint8_t, "bool", same_int, truths, x && y)
  CHECK("or", 2, uint8_t, "bool", uint8_t, "bool", same_int, truths, x || y)
  CHECK("not", 1, uint8_t, "bool", uint8_t, "bool", same_int, truths, !x)
  CHECK("select", 3, uint8_t, "bool", uint8_t, "bool", same_int, truths, x ? y : z)
  CHECK_COMPARE(uint8_t, "bool", truths)
}

/* ---- casts --------------------------------------------------------------------------------- */

static int64_t saturated(double x, double low, double high, int64_t smallest, int64_t largest) {
  return isnan(x) ? 0 : x <= low ? smallest : x >= high ? largest : (int64_t)x;
}

static const double mixed[] = {0, -0.0, 0.9, -0.9, 1, 127.5, 128, -128.9, 255.99, 256, 1 + 0x1p-24, 1 + 3 * 0x1p-24,
                               2147483647.5, -2147483649.0, 0x1p63, -0x1p63, 1e300, -INFINITY, INFINITY, NAN};

#define CHECK_CASTS_FROM(T, type, sample)                                                               \
  CHECK("cast.bool", 1, T, type, uint8_t, "bool", same_int, sample, x != 0)                             \
  CHECK("cast.f32", 1, T, type, float, "f32", same_f32, sample, x)                                      \
  CHECK("cast.f64", 1, T, type, double, "f64", same_f64, sample, x)

#define CHECK_CASTS_OF_REAL(T, type, sample)                                                            \
  CHECK_CASTS_FROM(T, type, sample)                                                                     \
  CHECK("cast.u8", 1, T, type, uint8_t, "u8", same_int, sample, saturated(x, 0, 255, 0, 255))           \
  CHECK("cast.i8", 1, T, type, int8_t, "i8", same_int, sample, saturated(x, -128, 127, -128, 127))      \
  CHECK("cast.i32", 1, T, type, int32_t, "i32", same_int, sample,                                       \
        saturated(x, -0x1p31, 0x1p31 - 1, INT32_MIN, INT32_MAX))                                        \
  CHECK("cast.i64", 1, T, type, int64_t, "i64", same_int, sample,                                       \
        saturated(x, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX))

#define CHECK_CASTS_OF_INTEGER(T, type, sample)                                                         \
  CHECK_CASTS_FROM(T, type, sample)                                                                     \
  CHECK("cast.u8", 1, T, type, uint8_t, "u8", same_int, sample, x)                                      \
  CHECK("cast.i8", 1, T, type, int8_t, "i8", same_int, sample, x)                                       \
  CHECK("cast.i32", 1, T, type, int32_t, "i32", same_int, sample, x)                                    \
  CHECK("cast.i64", 1, T, type, int64_t, "i64", same_int, sample, x)

static void test_casts_of_real(void **state) {
  (void)state;
  float narrow[COUNT(mixed)];
  for (int i = 0; i < COUNT(mixed); i++) narrow[i] = (float)mixed[i];
  CHECK_CASTS_OF_REAL(double, "f64", mixed)
  CHECK_CASTS_OF_REAL(float, "f32", narrow)
}

static void test_casts_of_integers(void **state) {
  (void)state;
  static const int64_t halfway[] = {(1 << 24) + 1, (INT64_C(1) << 53) + 1, (INT64_C(1) << 62) + (INT64_C(1) << 38) + 1};
  CHECK_CASTS_OF_INTEGER(int64_t, "i64", longs)
  CHECK_CASTS_OF_INTEGER(int64_t, "i64", halfway)
  CHECK_CASTS_OF_INTEGER(int32_t, "i32", words)
  CHECK_CASTS_OF_INTEGER(int8_t, "i8", bytes)
  CHECK_CASTS_OF_INTEGER(uint8_t, "u8", octets)
  CHECK_CASTS_OF_INTEGER(uint8_t, "bool", truths)
}

static void test_bitcasts(void **state) {
  (void)state;
  float single = -0.1f, single_back;
  double real = -0.1, real_back;
  int32_t word, word_want;
  int64_t bits, bits_want;
  memcpy(&word_want, &single, sizeof word_want);
  memcpy(&bits_want, &real, sizeof bits_want);
  apply("bitcast.i32", 1, "f32", "i32", &single, &single, &single, &word);
  apply("bitcast.f32", 1, "i32", "f32", &word, &word, &word, &single_back);
  apply("bitcast.i64", 1, "f64", "i64", &real, &real, &real, &bits);
  apply("bitcast.f64", 1, "i64", "f64", &bits, &bits, &bits, &real_back);
  assert_int_equal(word, word_want);
  assert_int_equal(bits, bits_want);
  assert_true(same_f32(single_back, single) && same_f64(real_back, real));
  uint8_t octet = 200;
  int8_t byte;
  apply("bitcast.i8", 1, "u8", "i8", &octet, &octet, &octet, &byte);
  assert_int_equal(byte, -56);
}

/* ---- rounding ------------------------------------------------------------------------------ */

static void test_f32_rounds_at_every_step(void **state) {
  (void)state;
  float x[2] = {1, 0x1p-24f}, r[2];
  run(&fused, "kernel k(in x: f32[2], out r: f32[2]) {\n"
              "  store r[0] = sub(add(add(x[0], x[1]), x[1]), x[0])\n"
              "  store r[1] = sub(add(x[0], add(x[1], x[1])), x[0]) }",
      (void *[]){x, r});
  assert_true(r[0] == 0 && r[1] == 0x1p-23f);
}

static void test_fma_rounds_once_where_the_machine_has_it(void **state) {
  (void)state;
  static const char text[] = "kernel k(in x: f32[3], in y: f64[3], out r: f32[2], out s: f64[2]) {\n"
                             "  store r[0] = fma(x[0], x[1], x[2])\n  store r[1] = add(mul(x[0], x[1]), x[2])\n"
                             "  store s[0] = fma(y[0], y[1], y[2])\n  store s[1] = add(mul(y[0], y[1]), y[2]) }";
  float x[3] = {1 + 0x1p-12f, 1 + 0x1p-12f, -1 - 0x1p-11f}, r[2];
  double y[3] = {1 + 0x1p-27, 1 + 0x1p-27, -1 - 0x1p-26}, s[2];
  run(&fused, text, (void *[]){x, y, r, s});
  assert_true(r[0] == 0x1p-24f && r[1] == 0 && s[0] == 0x1p-54 && s[1] == 0);
  run(&separate, text, (void *[]){x, y, r, s});
  assert_true(r[0] == 0 && r[1] == 0 && s[0] == 0 && s[1] == 0);
}

static void test_reduction_is_a_tree(void **state) {
  (void)state;
  /* ((x0 + x4) + (x2 + x6)) + ((x1 + x5) + (x3 + x7)): other orders lose the small parts. */
  float x[8] = {0x1p24f, 1, 1, 1, -0x1p24f, 1, 1, 1}, sum;
  run(&fused, "kernel k(in x: f32[8], out sum: f32[]) { store sum[] = reduce.add(load.8(x[0])) }", (void *[]){x, &sum});
  volatile float left = (x[0] + x[4]) + (x[2] + x[6]), right = (x[1] + x[5]) + (x[3] + x[7]);
  assert_true(sum == left + right && sum == 6);
  double y[4] = {0.1, 0.2, 0.3, 0.4}, product;
  run(&fused, "kernel k(in y: f64[4], out p: f64[]) { store p[] = reduce.mul(load.4(y[0])) }", (void *[]){y, &product});
  assert_true(same_f64(product, (y[0] * y[2]) * (y[1] * y[3])));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_f32_functions),     cmocka_unit_test(test_f64_functions),
      cmocka_unit_test(test_integer_functions), cmocka_unit_test(test_bool_functions),
      cmocka_unit_test(test_casts_of_real),     cmocka_unit_test(test_casts_of_integers),
      cmocka_unit_test(test_bitcasts),          cmocka_unit_test(test_f32_rounds_at_every_step),
      cmocka_unit_test(test_fma_rounds_once_where_the_machine_has_it),
      cmocka_unit_test(test_reduction_is_a_tree)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
