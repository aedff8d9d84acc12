/* Long reductions in parts: the same values, more tasks; short ones stay. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>

#include "graph_case.h"
#include "half.h"
#include "op.h"
#include "reduce_split.h"
#include "run_module.h"

typedef struct split_case {
  int reductions; /* after the pass */
  const char *text;
} split_case;

static const split_case cases[] = {
    {2, "entry f(x: f64[131072]) { %1 = sum %0 axes=[0]: f64 return y = %1 }"},
    {2, "entry f(x: f64[3, 64, 800]) { %1 = max %0 axes=[1, 2]: f64[3] return y = %1 }"},
    {2, "entry f(x: f64[64, 3, 800]) { %1 = sum %0 axes=[0, 2]: f64[3] return y = %1 }"},
    {2, "entry f(x: f64[7, 3, 6400]) { %1 = min %0 axes=[0, 2]: f64[3] return y = %1 }"},
    {1, "entry f(x: f64[131072]) { %1 = argmax %0 axes=[0]: i32 return y = %1 }"},
    {1, "entry f(x: f64[131071]) { %1 = sum %0 axes=[0]: f64 return y = %1 }"}, /* a prime */
    {1, "entry f(x: f64[1000]) { %1 = sum %0 axes=[0]: f64 return y = %1 }"},
    {1, "entry f(x: f64[200, 1000]) { %1 = sum %0 axes=[1]: f64[200] return y = %1 }"},
    {1, "entry f(x: f64[1, 1, 1, 1, 1, 1, 2, 65536]) { %1 = sum %0 axes=[7]: "
        "f64[1, 1, 1, 1, 1, 1, 2] return y = %1 }"},
    /* Rounded once, as a whole sum is. */
    {2, "entry f(x: f16[65536]) { %1 = sum %0 axes=[0]: f16 return y = %1 }"},
    {2, "entry f(x: bf16[3, 65536]) { %1 = sum %0 axes=[1]: bf16[3] return y = %1 }"},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

static int reductions_of(const graph *g) {
  int count = 0;
  for (int id = 0; id < g->node_count; id++) count += op_has(g->nodes[id]->op, REDUCTION);
  return count;
}

static int loops_of_tasks(const module *m) {
  int count = 0;
  for (int i = 0; i < m->kernel_count; i++) {
    const loop_block *body = &m->kernels[i]->body;
    count += body->count == 1 && body->statements[0]->kind == LOOP_FOR &&
             body->statements[0]->for_kind == LOOP_TASK;
  }
  return count;
}

static void splits(void **state) {
  (void)state;
  for (int i = 0; i < CASE_COUNT; i++) {
    arena *a = arena_new();
    graph *g = graph_from_text(a, cases[i].text), *split = reduce_split(g);
    if (reductions_of(split) != cases[i].reductions)
      fail_msg("%d reductions:\n%s", reductions_of(split), graph_to_text(a, split));
    const tensor **inputs = random_inputs(a, g, 5, -1, 1);
    const char *fault = compare_tensors(a, evaluate(a, split, inputs)[0], evaluate(a, g, inputs)[0],
                                        (tolerance){1e-10, 1e-12});
    if (fault) fail_msg("%s: %s", cases[i].text, fault);
    const module *m = module_build(a, program_of_graph(a, split), test_target(a));
    const tolerance f64 = {1e-10, 1e-12}, half = {1e-2, 1e-2};
    fault = run_module_and_compare(a, m, split, -1, 1, half_is(g->inputs[0].node->type.element) ? half : f64);
    if (fault) fail_msg("%s: %s", cases[i].text, fault);
    if (cases[i].reductions == 2) assert_int_equal(loops_of_tasks(m), 1);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(splits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
