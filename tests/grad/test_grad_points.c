/* Derivatives at particular points: ties, kinks, powers of 0, what does not depend. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

#include "compare.h"
#include "grad.h"
#include "graph_case.h"

/* The gradient of output 0 by input 0, with constants for all inputs. */
static const tensor *gradient_at(arena *a, const char *text, const double *x) {
  graph *g = graph_from_text(a, text);
  node *wanted[] = {g->inputs[0].node};
  gradients *s = grad_sweep(g, g->outputs[0].node, 1, wanted);
  node *gradient = grad_of(s, wanted[0]);
  assert_non_null(gradient);
  graph_add_output(g, "gradient", gradient);
  const tensor input_value = {.type = wanted[0]->type, .reals = (double *)x};
  return evaluate(a, g, (const tensor *[]){&input_value})[1];
}

static void expect_gradient(const char *text, const double *x, const double *expected) {
  arena *a = arena_new();
  const tensor *actual = gradient_at(a, text, x);
  const tensor wanted = {.type = actual->type, .reals = (double *)expected};
  const char *message = compare_tensors(a, actual, &wanted, (tolerance){1e-12, 1e-12});
  if (message)
    fail_msg("%s\n%s", text, message);
  arena_free(a);
}

static void ties_and_kinks(void **state) {
  (void)state;
  expect_gradient("entry f(x: f64) { %1 = maximum %0, %0: f64 return y = %1 }", (double[]){2},
                  (double[]){1});
  expect_gradient("entry f(x: f64) { %1 = abs %0: f64 return y = %1 }", (double[]){0},
                  (double[]){0});
  expect_gradient("entry f(x: f64[4]) { %1 = max %0 axes=[0]: f64 return y = %1 }",
                  (double[]){1, 3, 3, 2}, (double[]){0, 1, 0, 0});
  expect_gradient("entry f(x: f64[4]) { %1 = min %0 axes=[0]: f64 return y = %1 }",
                  (double[]){4, 1, 1, 2}, (double[]){0, 1, 0, 0});
  expect_gradient("entry f(x: f64[4]) { %1 = broadcast %0 axes=[0]: f64[4, 3] "
                  "%2 = window %1 axes=[0] taps=[1] strides=[1] dilations=[1] offsets=[0] "
                  "spacings=[1]: f64[2, 3] %3 = max %2 axes=[1]: f64[2] %4 = sum %3 axes=[0]: f64 "
                  "return y = %4 }",
                  (double[]){1, 3, 3, 2}, (double[]){0, 2, 0, 0});
  expect_gradient("entry f(x: f64[2, 2]) { %1 = max %0 axes=[0, 1]: f64 return y = %1 }",
                  (double[]){1, 3, 3, 2}, (double[]){0, 1, 0, 0});
}

static void powers(void **state) {
  (void)state;
  static const char cube[] =
      "entry f(x: f64) { %1 = constant reals=[3]: f64 %2 = pow %0, %1: f64 return y = %2 }";
  static const char square[] =
      "entry f(x: f64) { %1 = constant reals=[2]: f64 %2 = pow %0, %1: f64 return y = %2 }";
  static const char exponent[] =
      "entry f(y: f64) { %1 = constant reals=[0]: f64 %2 = pow %1, %0: f64 return z = %2 }";
  static const char variable[] = "entry f(x: f64[2]) {\n"
                                 "  %1 = slice %0 starts=[0] limits=[1] steps=[1]: f64[1]\n"
                                 "  %2 = slice %0 starts=[1] limits=[2] steps=[1]: f64[1]\n"
                                 "  %3 = pow %1, %2: f64[1]\n"
                                 "  %4 = reshape %3: f64\n"
                                 "  return y = %4\n"
                                 "}\n";
  expect_gradient(square, (double[]){-3}, (double[]){-6});
  expect_gradient(square, (double[]){0}, (double[]){0});
  expect_gradient(cube, (double[]){-2}, (double[]){12});
  expect_gradient(exponent, (double[]){2}, (double[]){0});
  expect_gradient(variable, (double[]){0, 0}, (double[]){0, 0});
  expect_gradient(variable, (double[]){2, 3}, (double[]){12, 8 * log(2)});
}

/* Of x^b: by x and then by b, and in the other order, at b = 0, where x^(b - 1) (1 + b log x) is 1 / x. */
static void mixed_derivatives_of_powers(void **state) {
  (void)state;
  static const double points[][2] = {{2, 0}, {0.25, 0}, {2, 3}};
  for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
    const double x = points[i][0], b = points[i][1], expected = pow(x, b - 1) * (1 + b * log(x));
    for (int first = 0; first < 2; first++) {
      arena *a = arena_new();
      graph *g = graph_from_text(a, "entry f(x: f64, b: f64) { %2 = pow %0, %1: f64 return y = %2 }");
      node *inputs[] = {g->inputs[0].node, g->inputs[1].node};
      node *once = grad_of(grad_sweep(g, g->outputs[0].node, 1, &inputs[first]), inputs[first]);
      node *twice = grad_of(grad_sweep(g, once, 1, &inputs[1 - first]), inputs[1 - first]);
      graph_add_output(g, "mixed", twice);
      const tensor values[] = {{.type = inputs[0]->type, .reals = (double *)&x},
                               {.type = inputs[1]->type, .reals = (double *)&b}};
      double mixed = evaluate(a, g, (const tensor *[]){&values[0], &values[1]})[1]->reals[0];
      if (!compare_real(mixed, expected, (tolerance){1e-12, 1e-12}))
        fail_msg("%g to the %g, by operand %d first: %.17g, not %.17g", x, b, first, mixed, expected);
      arena_free(a);
    }
  }
}

static void independent_values_have_no_gradient(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, "entry f(x: f64, y: f64, i: i32) {\n"
                                "  %3 = exp %0: f64\n"
                                "  %4 = floor %1: f64\n"
                                "  %5 = cast %4: i32\n"
                                "  %6 = add %5, %2: i32\n"
                                "  %7 = cast %6: f64\n"
                                "  %8 = mul %3, %7: f64\n"
                                "  return z = %8\n"
                                "}\n");
  node *wanted[] = {g->inputs[0].node, g->inputs[1].node, g->nodes[3]};
  gradients *s = grad_sweep(g, g->outputs[0].node, 3, wanted);
  assert_non_null(grad_of(s, wanted[0]));
  assert_null(grad_of(s, wanted[1]));
  assert_non_null(grad_of(s, wanted[2]));
  assert_true(grad_depends(g, g->nodes[8], wanted[0]));
  assert_false(grad_depends(g, g->nodes[8], wanted[1]));
  assert_false(grad_depends(g, wanted[0], g->nodes[8]));
  arena_free(a);
}

static void stop_has_no_derivative(void **state) {
  (void)state;
  expect_gradient("entry f(x: f64) { %1 = stop %0: f64 %2 = mul %0, %1: f64 return y = %2 }",
                  (double[]){3}, (double[]){3});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ties_and_kinks),
      cmocka_unit_test(powers),
      cmocka_unit_test(mixed_derivatives_of_powers),
      cmocka_unit_test(independent_values_have_no_gradient),
      cmocka_unit_test(stop_has_no_derivative),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
