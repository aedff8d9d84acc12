/* What comes from beyond the second cache is asked for in time: the next row in the last pass over a row, rows of columns
 * that are summed, and what an epilogue reads before its tile of the product is formed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "graph_case.h"
#include "pass.h"
#include "run_module.h"

static int fetches(const loop_block *b) {
  int count = 0;
  for (int i = 0; i < b->count; i++) {
    const loop_stmt *s = b->statements[i];
    count += (s->kind == LOOP_FETCH) + fetches(&s->body) + fetches(&s->otherwise);
  }
  return count;
}

static int fetches_of(const char *text) {
  arena *a = arena_new();
  graph *g = pass_run(graph_from_text(a, text), graph_pass_count, graph_passes, NULL);
  const module *m = module_build(a, program_of_graph(a, g), target_find(a, "x86-64-v4"));
  int count = 0;
  for (int i = 0; i < m->kernel_count; i++) count += fetches(&m->kernels[i]->body);
  arena_free(a);
  return count;
}

static void far_rows_are_fetched(void **state) {
  (void)state;
  assert_int_equal(fetches_of("entry f(x: f32[8192, 768]) { %1 = sum %0 axes=[1]: f32[8192] "
                              "%2 = broadcast %1 axes=[0]: f32[8192, 768] %3 = sub %0, %2: f32[8192, 768] return y = %3 }"), 1);
  /* near ones, and those that one pass reads, come by themselves */
  assert_int_equal(fetches_of("entry f(x: f32[8, 768]) { %1 = sum %0 axes=[1]: f32[8] "
                              "%2 = broadcast %1 axes=[0]: f32[8, 768] %3 = sub %0, %2: f32[8, 768] return y = %3 }"), 0);
  assert_int_equal(fetches_of("entry f(x: f32[8192, 768]) { %1 = exp %0: f32[8192, 768] return y = %1 }"), 0);
  assert_int_equal(fetches_of("entry f(x: f32[8192, 768]) { %1 = sum %0 axes=[1]: f32[8192] return y = %1 }"), 0);
}

/* Columns are summed a vector at a time, row after row. */
static void far_columns_are_fetched(void **state) {
  (void)state;
  assert_int_equal(fetches_of("entry f(x: f32[8192, 768]) { %1 = sum %0 axes=[0]: f32[768] return y = %1 }"), 1);
  assert_int_equal(fetches_of("entry f(x: f32[128, 768]) { %1 = sum %0 axes=[0]: f32[768] return y = %1 }"), 0);
  assert_int_equal(fetches_of("entry f(x: f32[400000, 32]) { %1 = sum %0 axes=[0]: f32[32] return y = %1 }"), 0);
}

/* What all rows share stays in the caches. */
static void shared_rows_are_not_fetched(void **state) {
  (void)state;
  assert_int_equal(fetches_of("entry f(x: f32[8192, 768], g: f32[768], z: f32[8192, 768]) { %3 = sum %0 axes=[1]: f32[8192] "
                              "%4 = broadcast %3 axes=[0]: f32[8192, 768] %5 = sub %0, %4: f32[8192, 768] "
                              "%6 = broadcast %1 axes=[1]: f32[8192, 768] %7 = mul %5, %6: f32[8192, 768] "
                              "%8 = add %7, %2: f32[8192, 768] return y = %8 }"), 2);
}

/* A step with momentum reads two arrays for each sum; a bias is shared by rows. */
static void epilogues_are_fetched(void **state) {
  (void)state;
  static const struct {
    const char *columns;
    int fetched;
  } cases[] = {{"1024", 2}, {"64", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new();
    const char *n = cases[i].columns;
    const char *text = arena_printf(a, "entry f(x: f32[64, 1024], g: f32[64, %s], m: f32[1024, %s], w: f32[1024, %s], b: f32[%s]) { "
                                       "%%5 = dot %%0, %%1 left_contract=[0] right_contract=[0]: f32[1024, %s] "
                                       "%%6 = add %%5, %%2: f32[1024, %s] %%7 = sub %%3, %%6: f32[1024, %s] "
                                       "%%8 = broadcast %%4 axes=[1]: f32[1024, %s] %%9 = mul %%7, %%8: f32[1024, %s] return y = %%9 }",
                                    n, n, n, n, n, n, n, n, n);
    const int count = fetches_of(text);
    assert_true(cases[i].fetched ? count > 0 && count % cases[i].fetched == 0 : count == 0);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(far_rows_are_fetched), cmocka_unit_test(far_columns_are_fetched),
                                     cmocka_unit_test(shared_rows_are_not_fetched),
                                     cmocka_unit_test(epilogues_are_fetched)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
