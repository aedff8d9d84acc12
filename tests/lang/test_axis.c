/* What functions along an axis mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../compare.h"
#include "../model_case.h"

/* The outputs of an entry e(x: f32[2, 3]), one after the other, are the values. */
static void expect(const char *text, const double *x, const double *expected) {
  model *m = model_new(text, NULL);
  const tensor *inputs[] = {model_tensor(m->arena, 2, (int64_t[]){2, 3}, x)};
  tensor **out = model_run(m, "e", inputs);
  const graph *g = program_entry(m->program, "e");
  for (int i = 0; i < g->output_count; i++) {
    const tensor *actual = out[i];
    for (int64_t k = 0; k < type_elements(&actual->type); k++, expected++) {
      double found = dtype_is_float(actual->type.element) ? actual->reals[k]
                                                          : (double)actual->ints[k];
      if (!compare_real(found, *expected, (tolerance){1e-12, 1e-12}))
        fail_msg("%s, element %d: %.17g is not %.17g", g->outputs[i].name, (int)k, found,
                 *expected);
    }
  }
  model_free(m);
}

static void test_running_results(void **state) {
  (void)state;
  expect("entry e(x: f32[2, 3]) -> (last, first, before, back, counts) {\n"
         "  last   = cumsum(x)\n"
         "  first  = cumprod[0](x)\n"
         "  before = cumprod[exclusive: true](x)\n"
         "  back   = cumsum[-2, exclusive: true, reverse: true](x)\n"
         "  counts = cumsum(x > 1)\n"
         "}\n",
         (double[]){1, 2, 3, 4, 5, 6},
         (double[]){1, 3, 6, 4, 9, 15, 1, 2, 3, 4, 10, 18, 1, 1, 2, 1, 4, 20, 4, 5, 6, 0, 0, 0,
                    0, 1, 2, 1, 2, 3});
}

/* d/dx of x0 + x0 x1 + x0 x1 x2, with a zero in the middle. */
static void test_products_with_zeros_have_gradients(void **state) {
  (void)state;
  expect("entry e(x: f32[2, 3]) -> (slope) { slope = grad(sum(cumprod(x)), x) }\n",
         (double[]){2, 0, 5, 2, 3, 5},
         (double[]){1, 2 + 2 * 5, 0, 1 + 3 + 15, 2 + 10, 6});
}

static void test_order(void **state) {
  (void)state;
  expect("entry e(x: f32[2, 3]) -> (rows, columns, places, best, which, most, row, by) {\n"
         "  rows    = sort(x)\n"
         "  columns = sort[0, descending: true](x)\n"
         "  places  = argsort[descending: true](x)\n"
         "  (best, which) = top_k[2](x)\n"
         "  (most, row) = top_k[1, 0](x)\n"
         "  by      = sort(x > 1)\n"
         "}\n",
         (double[]){3, 1, 3, 0, 5, 2},
         (double[]){1, 3, 3, 0, 2, 5, 3, 5, 3, 0, 1, 2, 0, 2, 1, 1, 2, 0, 3, 3, 5, 2, 0, 2, 1, 2,
                    3, 5, 3, 0, 1, 0, 0, 1, 1, 0, 1, 1});
}

/* Each cotangent goes to the element whose value stands there. */
static void test_sorted_values_have_gradients(void **state) {
  (void)state;
  expect("entry e(x: f32[2, 3]) -> (slope, best) {\n"
         "  slope = grad(sum(sort[0](x)[0] ** 2) + sum(sort(x) * f32(iota[3]())), x)\n"
         "  best  = grad(sum(top_k[2](x)[0]), x)\n"
         "}\n",
         (double[]){3, 1, 4, 0, 5, 2},
         (double[]){1, 0 + 2, 2, 0, 2, 1 + 4, 1, 0, 1, 0, 1, 1});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_running_results),
      cmocka_unit_test(test_products_with_zeros_have_gradients),
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_sorted_values_have_gradients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
