/* Element types in programs: how they widen and round, run by the graph interpreter, and that
 * compiled code agrees is the work of tests/diff. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../model_case.h"

static tensor *values(arena *a, dtype element, int count, const double *reals) {
  tensor_type type = type_of(element, 1, (int64_t[]){count});
  tensor *t = tensor_new(a, &type);
  for (int i = 0; i < count; i++) {
    if (dtype_is_float(element)) t->reals[i] = reals[i];
    else t->ints[i] = (int64_t)reals[i];
  }
  return t;
}

/* The type of x + y for every pair: the wider one of a kind; else the program is refused. */
static void every_pair_widens_or_is_refused(void **state) {
  (void)state;
  static const char *const rows[] = {
      /*         bool   u8     i8     i32    i64    bf16   f16    f32    f64 */
      "bool", "-  -   -   -   -   -    -   -   -",
      "u8",   "-  u8  i32 i32 i64 -    -   -   -",
      "i8",   "-  i32 i8  i32 i64 -    -   -   -",
      "i32",  "-  i32 i32 i32 i64 -    -   -   -",
      "i64",  "-  i64 i64 i64 i64 -    -   -   -",
      "bf16", "-  -   -   -   -   bf16 -   f32 f64",
      "f16",  "-  -   -   -   -   -    f16 f32 f64",
      "f32",  "-  -   -   -   -   f32  f32 f32 f64",
      "f64",  "-  -   -   -   -   f64  f64 f64 f64",
  };
  for (int left = 0; left < DTYPE_COUNT; left++) {
    char names[DTYPE_COUNT][8];
    assert_string_equal(rows[2 * left], dtype_name((dtype)left));
    assert_int_equal(sscanf(rows[2 * left + 1], "%7s %7s %7s %7s %7s %7s %7s %7s %7s", names[0],
                            names[1], names[2], names[3], names[4], names[5], names[6], names[7],
                            names[8]), DTYPE_COUNT);
    for (int right = 0; right < DTYPE_COUNT; right++) {
      arena *a = arena_new();
      const char *text = arena_printf(a, "entry e(x: %s[2], y: %s[2]) -> (z) { z = x + y }\n",
                                      dtype_name((dtype)left), dtype_name((dtype)right));
      if (strcmp(names[right], "-") == 0) {
        assert_non_null(strstr(model_refusal(a, "model.dnn", text, NULL), "error: "));
      } else {
        const double ones[] = {1, 2};
        model *m = model_new(text, NULL);
        const tensor *inputs[] = {values(a, (dtype)left, 2, ones), values(a, (dtype)right, 2, ones)};
        const tensor *z = model_run(m, "e", inputs)[0];
        assert_string_equal(dtype_name(z->type.element), names[right]);
        assert_true(dtype_is_float(z->type.element) ? z->reals[1] == 4 : z->ints[1] == 4);
        model_free(m);
      }
      arena_free(a);
    }
  }
}

/* Each value is rounded to nearest even; sums and products of many only at the end. */
static void sixteen_bits_round(void **state) {
  (void)state;
  model *m = model_new("entry f(x: f16[3]) -> (a, b, c, d, e) {\n"
                       "  a = x + 1\n"          /* 2048 + 1: a tie, to even */
                       "  b = sum(x)\n"         /* 2048 + 1 + 1, in f32 */
                       "  c = x * 40000\n"      /* beyond 65504: infinite */
                       "  d = mean(f16(40000) + 0 * x)\n"
                       "  e = x @ x\n"
                       "}\n"
                       "entry b(x: bf16[3]) -> (a, b) {\n"
                       "  a = x + 1\n"
                       "  b = f32(x) + 1\n"
                       "}\n", NULL);
  const double x[] = {2048, 1, 1};
  tensor **f = model_run(m, "f", (const tensor *[]){values(m->arena, DTYPE_F16, 3, x)});
  assert_true(f[0]->reals[0] == 2048 && f[0]->reals[1] == 2);
  assert_true(f[1]->reals[0] == 2050);
  assert_true(f[2]->reals[0] == (double)INFINITY && f[2]->reals[1] == 40000);
  assert_true(f[3]->reals[0] == 40000); /* the sum would be infinite */
  assert_true(f[4]->reals[0] == (double)INFINITY);
  const double y[] = {256, 255, 1 + 0x1p-7};
  tensor **b = model_run(m, "b", (const tensor *[]){values(m->arena, DTYPE_BF16, 3, y)});
  assert_true(b[0]->reals[0] == 256 && b[0]->reals[1] == 256 && b[0]->reals[2] == 2);
  assert_int_equal(b[1]->type.element, DTYPE_F32);
  assert_true(b[1]->reals[0] == 257);
  model_free(m);
}

/* Draws have 24 bits, which f16 does not hold: a probability is compared in f32. */
static void draws_of_sixteen_bits(void **state) {
  (void)state;
  model *m = model_new("entry f(x: f16[4000]) -> (share, kind) {\n"
                       "  y = bernoulli(x)\n"
                       "  share = mean(f32(y))\n"
                       "  kind = y\n"
                       "}\n"
                       "entry c(x: bf16[2]) -> (counts) {\n"
                       "  k = categorical[1000](x)\n"
                       "  counts = mean(f32(k))\n"
                       "}\n", NULL);
  tensor_type type = type_of(DTYPE_F16, 1, (int64_t[]){4000});
  tensor *x = tensor_new(m->arena, &type);
  for (int i = 0; i < 4000; i++) x->reals[i] = 0.25;
  tensor **outputs = model_run(m, "f", (const tensor *[]){x});
  assert_true(fabs(outputs[0]->reals[0] - 0.25) < 0.03);
  assert_int_equal(outputs[1]->type.element, DTYPE_F16);
  const double logits[] = {0, 1};
  outputs = model_run(m, "c", (const tensor *[]){values(m->arena, DTYPE_BF16, 2, logits)});
  assert_true(fabs(outputs[0]->reals[0] - 0.731) < 0.06);
  model_free(m);
}

/* An optimiser sees parameters of 16 bits in f32 and keeps its state there. */
static void optimisers_work_in_f32(void **state) {
  (void)state;
  model *m = model_new("use optim\n"
                       "param w: bf16[2] = 1\n"
                       "param v: f64 = 1\n"
                       "entry train(x: bf16[2]) -> (loss) {\n"
                       "  loss = sum(f32(w * x)) + f32(v)\n"
                       "  minimize loss over w, v with momentum(0.001)\n"
                       "}\n", NULL);
  const double x[] = {1, -3};
  const tensor *input = values(m->arena, DTYPE_BF16, 2, x);
  for (int t = 0; t < 2; t++) model_run(m, "train", (const tensor *[]){input});
  assert_int_equal(model_slot(m, "train.momentum_0.w.v")->type.element, DTYPE_F32);
  assert_int_equal(model_slot(m, "train.momentum_0.v.v")->type.element, DTYPE_F64);
  assert_true(fabs(model_slot_real(m, "train.momentum_0.w.v", 1) - -3 * 1.9) < 1e-6);
  assert_true(model_slot_real(m, "w", 0) == 1); /* 0.999 and 0.9981 are nearest to it */
  assert_true(model_slot_real(m, "w", 1) == 1 + 0x1p-7);
  model_free(m);
}

static void f64_makes_one_type_of_all(void **state) {
  (void)state;
  const elaborate_options wide = {.real_f64 = true};
  model *m = model_new("param w: bf16[2] = 0.1\n"
                       "entry e(x: f16[2]) -> (y) { y = f16(f32(x) * f32(w)) }\n", &wide);
  const double x[] = {1.0 / 3, 2};
  const tensor *y = model_run(m, "e", (const tensor *[]){values(m->arena, DTYPE_F64, 2, x)})[0];
  assert_int_equal(y->type.element, DTYPE_F64);
  assert_true(y->reals[0] == 0.1 * (1.0 / 3));
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_pair_widens_or_is_refused), cmocka_unit_test(sixteen_bits_round),
      cmocka_unit_test(draws_of_sixteen_bits), cmocka_unit_test(optimisers_work_in_f32),
      cmocka_unit_test(f64_makes_one_type_of_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
