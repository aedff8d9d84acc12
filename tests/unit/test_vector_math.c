/* The own mathematics against libm in long double, through the loop interpreter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval_loop.h"
#include "scalar.h"
#include "tensor.h"
#include "vector_math.h"

enum { LANES = 16 };

typedef struct bench {
  arena *arena;
  math_library library;
} bench;

static const loop_machine with_fma = {.fma = true}, without_fma = {.fma = false};

static bench *bench_new(const loop_machine *machine) {
  arena *a = arena_new();
  bench *b = arena_new_of(a, bench);
  b->arena = a;
  b->library = (math_library){.arena = a, .fma = machine->fma};
  return b;
}

/* ---- references ---------------------------------------------------------------------------- */

static long double modulo(long double x, long double y) {
  if (y != 0 && isfinite(x) && fabsl(x / y) >= 0x1p53L) return 0;
  long double r = fmodl(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static long double reference(scalar_function f, long double x, long double y) {
  switch (f) {
    case SCALAR_FLOOR: return floorl(x);
    case SCALAR_FLOORDIV: return floorl(x / y);
    case SCALAR_SIGN: return isnan(x) ? x : (x > 0) - (x < 0);
    case SCALAR_RSQRT: return 1 / sqrtl(x);
    case SCALAR_EXP: return expl(x);
    case SCALAR_EXPM1: return expm1l(x);
    case SCALAR_LOG: return logl(x);
    case SCALAR_LOG1P: return log1pl(x);
    case SCALAR_TANH: return tanhl(x);
    case SCALAR_SIGMOID: return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
    case SCALAR_SIN: return sinl(x);
    case SCALAR_COS: return cosl(x);
    case SCALAR_POW: return powl(x, y);
    case SCALAR_MOD: return modulo(x, y);
    default: fail_msg("no reference for %s", scalar_infos[f].name); return 0;
  }
}

static long double smallest_normal(bool single) { return single ? 0x1p-126L : 0x1p-1022L; }

/* What arithmetic sees of an argument. */
static double flushed(double x, bool single) {
  return fabs(x) < (double)smallest_normal(single) ? copysign(0, x) : x;
}

/* The distance in units of the last place; infinite where one is NaN or infinite and the other is
 * not the same. A subnormal part of a result is lost, so that none is right to less than the smallest
 * normal number. */
static double distance(double got, long double want, bool single) {
  if (fabsl(got - want) < (1 + 0x1p-20L) * smallest_normal(single)) return 0;
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : INFINITY;
  double nearest = single ? (double)(float)want : (double)want;
  if (isinf(nearest) || isinf(got)) return nearest == got ? 0 : INFINITY;
  int exponent;
  frexpl(want, &exponent);
  int least = single ? -149 : -1074, digits = single ? 24 : 53;
  int unit = exponent - digits < least ? least : exponent - digits;
  return (double)(fabsl(got - want) / ldexpl(1, unit));
}

static double run_single(bench *b, const loop_function *f, const loop_machine *machine, float x, float y) {
  float xs[LANES], ys[LANES], results[LANES];
  for (int i = 0; i < LANES; i++) xs[i] = x, ys[i] = y;
  loop_run_function(b->arena, f, machine, (const void *[]){xs, ys}, results);
  for (int i = 1; i < LANES; i++) assert_memory_equal(&results[0], &results[i], sizeof(float));
  return results[0];
}

static double run_wide(bench *b, const loop_function *f, const loop_machine *machine, double x, double y) {
  double result;
  loop_run_function(b->arena, f, machine, (const void *[]){&x, &y}, &result);
  return result;
}

typedef struct range {
  scalar_function function;
  double low, high, bound; /* arguments from -low to high in size; bound in units */
} range;

static double worst_of(scalar_function f, bool single, const loop_machine *machine, double low,
                       double high, double *where) {
  double worst = -1;
  for (int step = 0; step < 3000; step++) {
    bench *b = bench_new(machine);
    loop_type type = single ? loop_vector(DTYPE_F32, LANES) : loop_scalar(DTYPE_F64);
    const loop_function *own = math_function(&b->library, f, type);
    double part = (step + 0.37) / 3000, x = low + (high - low) * part, y = 3.7 - 8 * part;
    if (step % 2) x *= exp2(-(step % 41)); /* small arguments too */
    if (single) x = (float)x, y = (float)y;
    double got = single ? run_single(b, own, machine, (float)x, (float)y) : run_wide(b, own, machine, x, y);
    double error = distance(got, reference(f, x, y), single);
    if (!(error <= worst)) worst = error, *where = x;
    arena_free(b->arena);
  }
  return worst;
}

/* FLOORDIV is the floor of a quotient that was rounded: no reference says which. */
static void check_all_are_measured(bool single, const range *ranges, int count) {
  for (int f = 0; f < SCALAR_COUNT; f++) {
    bool found = !math_covers((scalar_function)f, single ? DTYPE_F32 : DTYPE_F64) || f == SCALAR_FLOORDIV;
    for (int i = 0; i < count; i++) found = found || ranges[i].function == (scalar_function)f;
    if (!found)
      fail_msg("no error of %s in %s is measured: add a range in this file", scalar_infos[f].name,
               single ? "f32" : "f64");
  }
}

static void check_ranges(bool single, const range *ranges, int count) {
  check_all_are_measured(single, ranges, count);
  for (int i = 0; i < count; i++) {
    const range *r = &ranges[i];
    for (int fused = 0; fused < 2; fused++) {
      double where = 0;
      double worst = worst_of(r->function, single, fused ? &with_fma : &without_fma, r->low, r->high, &where);
      print_message("%-8s %s %s: %.2f units at %a\n", scalar_infos[r->function].name,
                    single ? "f32" : "f64", fused ? "fma" : "   ", worst, where);
      if (!(worst <= r->bound)) fail_msg("%s: %g units at %a", scalar_infos[r->function].name, worst, where);
    }
  }
}

static void test_f32_errors(void **state) {
  (void)state;
  static const range ranges[] = {
      {SCALAR_EXP, -103, 88.7, 2},   {SCALAR_EXPM1, -20, 88, 3}, {SCALAR_LOG, 0, 3e38, 2},
      {SCALAR_LOG, 0.5, 2, 2},       {SCALAR_LOG1P, -0.999, 9, 3}, {SCALAR_TANH, -12, 12, 4},
      {SCALAR_SIGMOID, -80, 80, 4},  {SCALAR_SIN, -1e6, 1e6, 3}, {SCALAR_COS, -1e6, 1e6, 3},
      {SCALAR_POW, 0, 100, 1.5},  {SCALAR_MOD, -1e9, 1e9, 0.5}, {SCALAR_MOD, -9, 9, 0.5},
          {SCALAR_FLOOR, -1e9, 1e9, 0}, {SCALAR_RSQRT, 0, 1e30, 2},
      {SCALAR_SIGN, -5, 5, 0}};
  check_ranges(true, ranges, sizeof ranges / sizeof *ranges);
}

static void test_f64_errors(void **state) {
  (void)state;
  static const range ranges[] = {
      {SCALAR_EXP, -744, 709, 2},   {SCALAR_EXPM1, -40, 700, 3}, {SCALAR_LOG, 0, 1e308, 2},
      {SCALAR_LOG, 0.5, 2, 2},      {SCALAR_LOG1P, -0.999, 9, 3}, {SCALAR_TANH, -30, 30, 4},
      {SCALAR_SIGMOID, -700, 700, 4}, {SCALAR_SIN, -1e6, 1e6, 3}, {SCALAR_COS, -1e6, 1e6, 3},
      {SCALAR_POW, 0, 4, 2}, {SCALAR_POW, 0, 1e70, 2}, {SCALAR_MOD, -1e12, 1e12, 0.5}, {SCALAR_MOD, -9, 9, 0.5},
            {SCALAR_FLOOR, -1e18, 1e18, 0}, {SCALAR_RSQRT, 0, 1e300, 2},
      {SCALAR_SIGN, -5, 5, 0}};
  check_ranges(false, ranges, sizeof ranges / sizeof *ranges);
}

/* Waves lose accuracy far out. */
static bool has_reference_everywhere(scalar_function f) {
  return math_covers(f, DTYPE_F32) && f != SCALAR_FLOORDIV && f != SCALAR_SIN && f != SCALAR_COS;
}

static double run_one(bench *b, scalar_function f, bool single, const loop_machine *machine, double x, double y) {
  if (!single) return run_wide(b, math_function(&b->library, f, loop_scalar(DTYPE_F64)), machine, x, y);
  return run_single(b, math_function(&b->library, f, loop_vector(DTYPE_F32, LANES)), machine, (float)x, (float)y);
}

static void check_special_value(scalar_function f, bool single, const loop_machine *machine, double x, double y) {
  bench *b = bench_new(machine);
  bool edge = f == SCALAR_RSQRT && x < 0;
  long double want = reference(f, flushed(x, single), flushed(y, single));
  double got = run_one(b, f, single, machine, x, y), error = distance(got, want, single);
  if (!edge && !(error <= 4)) fail_msg("%s(%g, %g) is %g, not %Lg", scalar_infos[f].name, x, y, got, want);
  if (edge) assert_true(isnan(got) || isinf(got));
  arena_free(b->arena);
}

static void test_special_values(void **state) {
  (void)state;
  static const double values[] = {0.0, -0.0, 1, -1, 0x1p-149, 0x1p-130, -0x1p-1030, 3e38, -3e38, INFINITY, -INFINITY,
                                  NAN, 0.5, -2.5, 2, 3, 1e-30, 0x1p-126, 0x1p-1022, 0x1.fffffep127, 0x1.6a0aap127,
                                  1e308, 0x1.62e42ep+6, -0x1.5d589ep+6, -89, 8388609, 16777217, 9007199254740991};
  enum { VALUES = sizeof values / sizeof *values };
  for (scalar_function f = 0; f < SCALAR_COUNT; f++)
    for (int i = 0; i < VALUES && has_reference_everywhere(f); i++)
      for (int j = 0; j < (scalar_infos[f].operands > 1 ? VALUES : 1); j++)
        for (int kind = 0; kind < 4; kind++) {
          bool single = kind % 2;
          double x = single ? (float)values[i] : values[i], y = single ? (float)values[j] : values[j];
          check_special_value(f, single, kind < 2 ? &with_fma : &without_fma, x, y);
        }
}

/* The sign of zeros; and signs of powers, whose exponents are odd, even or neither up to 2^53. */
static void test_signs(void **state) {
  (void)state;
  for (int kind = 0; kind < 4; kind++) {
    bool single = kind % 2;
    const loop_machine *machine = kind < 2 ? &with_fma : &without_fma;
    static const scalar_function odd[] = {SCALAR_EXPM1, SCALAR_TANH};
    double top = single ? 0x1p23 : 0x1p52, below_one = single ? -1 + 0x1p-24 : -1 + 0x1p-53;
    bench *b = bench_new(machine);
    for (int i = 0; i < 2; i++) assert_true(signbit(run_one(b, odd[i], single, machine, -0.0, 0)));
    assert_true(run_one(b, SCALAR_RSQRT, single, machine, -0.0, 0) == (double)-INFINITY);
    assert_true(signbit(run_one(b, SCALAR_POW, single, machine, -0.0, 3)));
    assert_true(run_one(b, SCALAR_POW, single, machine, below_one, top + 1) < 0);
    assert_true(run_one(b, SCALAR_POW, single, machine, below_one, top + 2) > 0);
    assert_true(run_one(b, SCALAR_POW, single, machine, below_one, top - 1) < 0);
    assert_true(isnan(run_one(b, SCALAR_POW, single, machine, below_one, top / 2 - 0.5)));
    assert_true(run_one(b, SCALAR_POW, single, machine, -1, 2 * top) > 0);
    arena_free(b->arena);
  }
}

/* Far out waves mean nothing, but are waves. */
static void test_far_waves(void **state) {
  (void)state;
  for (int kind = 0; kind < 8; kind++) {
    bool single = kind % 2;
    const loop_machine *machine = kind < 4 ? &with_fma : &without_fma;
    scalar_function f = kind / 2 % 2 ? SCALAR_SIN : SCALAR_COS;
    bench *b = bench_new(machine);
    for (double x = 0.7; fabs(x) < (single ? 2e38 : 1e308); x *= -1.37) {
      x = single ? (float)x : x;
      double y = run_one(b, f, single, machine, x, 0);
      if (!(fabs(y) <= 1)) fail_msg("%s(%a) is %a", scalar_infos[f].name, x, y);
    }
    assert_true(isnan(run_one(b, f, single, machine, INFINITY, 0)));
    assert_true(isnan(run_one(b, f, single, machine, NAN, 0)));
    arena_free(b->arena);
  }
}

/* Where the logarithm is small and the exponent large, an error of the one shows in the other's size. */
static void test_powers_near_one(void **state) {
  (void)state;
  for (int i = 1; i < 400; i++) {
    const loop_machine *machine = i % 7 ? &with_fma : &without_fma;
    bench *b = bench_new(machine);
    float x = 1 + (float)ldexp(i % 2 ? i : -i, i % 3 ? -23 : -12);
    float y = (float)((i % 5 ? 80 : -80) * (i / 400.0) / log(x));
    const loop_function *own = math_function(&b->library, SCALAR_POW, loop_vector(DTYPE_F32, LANES));
    double got = run_single(b, own, machine, x, y);
    double error = distance(got, reference(SCALAR_POW, x, y), true);
    if (!(error <= 1.5)) fail_msg("pow(%a, %a) is %a: %g units", (double)x, (double)y, got, error);
    arena_free(b->arena);
  }
}

/* Consecutive elements from a multiple of 4 on. */
static void check_run(bench *b, const uint32_t key[2], uint64_t packed, uint64_t first, uint64_t turn) {
  for (int lanes = 4; lanes <= 16; lanes *= 2) {
    int32_t words[16];
    loop_run_function(b->arena, math_philox_run(&b->library, lanes), &with_fma,
                      (const void *[]){&packed, &first, &turn}, words);
    for (int lane = 0; lane < lanes; lane++)
      assert_int_equal((uint32_t)words[lane], philox_element(key, first + (uint64_t)lane, turn));
  }
}

static void test_philox_agrees(void **state) {
  (void)state;
  for (uint64_t i = 0; i < 200; i++) {
    bench *b = bench_new(&with_fma);
    uint64_t seed = i * 0x9e3779b97f4a7c15u, site = ~seed * 3, step = i << (i % 40), turn = i * 5, element = i << (i % 50);
    uint32_t key[2];
    philox_key(key, seed, site, step);
    uint64_t packed;
    loop_run_function(b->arena, math_philox_key(&b->library), &with_fma, (const void *[]){&seed, &site, &step}, &packed);
    assert_int_equal(packed, (uint64_t)key[0] | (uint64_t)key[1] << 32);
    uint64_t keys[8], elements[8], turns[8];
    uint32_t words[8];
    for (uint64_t lane = 0; lane < 8; lane++) keys[lane] = packed, elements[lane] = element + lane, turns[lane] = turn;
    loop_run_function(b->arena, math_philox(&b->library, 8), &with_fma, (const void *[]){keys, elements, turns}, words);
    for (uint64_t lane = 0; lane < 8; lane++) assert_int_equal(words[lane], philox_element(key, element + lane, turn));
    check_run(b, key, packed, element & ~UINT64_C(3), turn);
    check_run(b, key, packed, -(i % 5 * 4), turn); /* element 0 is in the middle */
    arena_free(b->arena);
  }
}

static void test_other_functions_are_not_own(void **state) {
  (void)state;
  bench *b = bench_new(&with_fma);
  assert_null(math_function(&b->library, SCALAR_ADD, loop_scalar(DTYPE_F32)));
  assert_null(math_function(&b->library, SCALAR_FLOORDIV, loop_scalar(DTYPE_I32)));
  const loop_function *first = math_function(&b->library, SCALAR_TANH, loop_vector(DTYPE_F32, 8));
  assert_ptr_equal(first, math_function(&b->library, SCALAR_TANH, loop_vector(DTYPE_F32, 8)));
  math_function(&b->library, SCALAR_FLOORDIV, loop_scalar(DTYPE_F64));
  assert_int_equal(b->library.count, 3); /* floor before floordiv */
  assert_string_equal(b->library.functions[0]->name, "tanh_f32x8");
  assert_string_equal(b->library.functions[2]->name, "floordiv_f64");
  arena_free(b->arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_f32_errors), cmocka_unit_test(test_f64_errors),
      cmocka_unit_test(test_special_values), cmocka_unit_test(test_signs), cmocka_unit_test(test_far_waves),
      cmocka_unit_test(test_powers_near_one),
      cmocka_unit_test(test_philox_agrees),
      cmocka_unit_test(test_other_functions_are_not_own)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
