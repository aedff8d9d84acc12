/* Which nodes become one kernel: counts of kernels for what models are made of. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "graph_case.h"
#include "lower.h"
#include "order.h"
#include "pass.h"
#include "run_module.h"

typedef struct fuse_case {
  const char *name;
  int kernels;
  const char *text;
} fuse_case;

static const fuse_case cases[] = {
    {"a chain of maps", 1,
     "entry f(x: f32[100]) { %1 = exp %0: f32[100] %2 = neg %1: f32[100] %3 = tanh %2: f32[100] "
     "return y = %3 }"},
    {"bias and rectifier", 1,
     "entry f(x: f32[8, 50], b: f32[50]) { %2 = broadcast %1 axes=[1]: f32[8, 50] "
     "%3 = add %0, %2: f32[8, 50] %4 = constant reals=[0]: f32 %5 = broadcast %4: f32[8, 50] "
     "%6 = maximum %3, %5: f32[8, 50] return y = %6 }"},
    {"softmax", 1,
     "entry f(x: f32[16, 100]) { %1 = max %0 axes=[1]: f32[16] "
     "%2 = broadcast %1 axes=[0]: f32[16, 100] %3 = sub %0, %2: f32[16, 100] "
     "%4 = exp %3: f32[16, 100] %5 = sum %4 axes=[1]: f32[16] "
     "%6 = broadcast %5 axes=[0]: f32[16, 100] %7 = div %4, %6: f32[16, 100] return y = %7 }"},
    {"layer normalisation", 1,
     "entry f(x: f32[16, 64], g: f32[64], b: f32[64]) { %3 = constant reals=[0.015625]: f32 "
     "%4 = broadcast %3: f32[16] %5 = sum %0 axes=[1]: f32[16] %6 = mul %5, %4: f32[16] "
     "%7 = broadcast %6 axes=[0]: f32[16, 64] %8 = sub %0, %7: f32[16, 64] "
     "%9 = mul %8, %8: f32[16, 64] %10 = sum %9 axes=[1]: f32[16] %11 = mul %10, %4: f32[16] "
     "%12 = rsqrt %11: f32[16] %13 = broadcast %12 axes=[0]: f32[16, 64] "
     "%14 = mul %8, %13: f32[16, 64] %15 = broadcast %1 axes=[1]: f32[16, 64] "
     "%16 = mul %14, %15: f32[16, 64] %17 = broadcast %2 axes=[1]: f32[16, 64] "
     "%18 = add %16, %17: f32[16, 64] return y = %18 }"},
    {"a step of Adam", 1,
     "entry f(g: f32[300], rate: f32) { %2 = slot \"w\": f32[300] %3 = slot \"m\": f32[300] "
     "%4 = slot \"v\": f32[300] %5 = constant reals=[0.9]: f32 %6 = broadcast %5: f32[300] "
     "%7 = constant reals=[0.1]: f32 %8 = broadcast %7: f32[300] %9 = mul %3, %6: f32[300] "
     "%10 = mul %0, %8: f32[300] %11 = add %9, %10: f32[300] %12 = mul %0, %0: f32[300] "
     "%13 = mul %4, %6: f32[300] %14 = mul %12, %8: f32[300] %15 = add %13, %14: f32[300] "
     "%16 = sqrt %15: f32[300] %17 = add %16, %8: f32[300] %18 = div %11, %17: f32[300] "
     "%19 = broadcast %1: f32[300] %20 = mul %18, %19: f32[300] %21 = sub %2, %20: f32[300] "
     "update \"m\" = %11 update \"v\" = %15 update \"w\" = %21 }"},
    {"readers of one value", 1,
     "entry f(x: f32[500]) { %1 = exp %0: f32[500] %2 = tanh %0: f32[500] return a = %1, b = %2 }"},
    {"views between maps", 1,
     "entry f(x: f32[20, 30]) { %1 = exp %0: f32[20, 30] %2 = transpose %1 axes=[1, 0]: f32[30, 20] "
     "%3 = reshape %2: f32[600] %4 = neg %3: f32[600] return y = %4 }"},
    {"sums over different axes", 2,
     "entry f(x: f32[20, 30]) { %1 = sum %0 axes=[0]: f32[30] %2 = sum %0 axes=[1]: f32[20] "
     "return a = %1, b = %2 }"},
    {"a sum of sums", 2,
     "entry f(x: f32[20, 30]) { %1 = exp %0: f32[20, 30] %2 = sum %1 axes=[1]: f32[20] "
     "%3 = tanh %2: f32[20] %4 = sum %3 axes=[0]: f32 return y = %4 }"},
    {"a product between maps", 1,
     "entry f(x: f32[9, 20], w: f32[20, 5]) { %2 = exp %0: f32[9, 20] "
     "%3 = dot %2, %1 left_contract=[1] right_contract=[0]: f32[9, 5] %4 = tanh %3: f32[9, 5] "
     "return y = %4 }"},
    {"a product of transposed operands", 1,
     "entry f(x: f32[20, 9], w: f32[5, 20]) { %2 = transpose %0 axes=[1, 0]: f32[9, 20] "
     "%3 = transpose %1 axes=[1, 0]: f32[20, 5] "
     "%4 = dot %2, %3 left_contract=[1] right_contract=[0]: f32[9, 5] return y = %4 }"},
    {"a linear layer of bf16, summed in f32", 1,
     "entry f(x: bf16[9, 20], b: bf16[5]) { %2 = slot \"w\": bf16[5, 20] "
     "%3 = transpose %2 axes=[1, 0]: bf16[20, 5] "
     "%4 = dot %0, %3 left_contract=[1] right_contract=[0]: bf16[9, 5] "
     "%5 = broadcast %1 axes=[1]: bf16[9, 5] %6 = add %4, %5: bf16[9, 5] %7 = tanh %6: bf16[9, 5] "
     "return y = %7 }"},
    /* The last map reads exp, but also a product of exp's sum: no kernel may hold both. */
    {"a way through a third kernel", 3,
     "entry f(x: f32[2, 40], w: f32[2]) { %2 = exp %0: f32[2, 40] %3 = sum %2 axes=[1]: f32[2] "
     "%4 = dot %3, %1 left_contract=[0] right_contract=[0]: f32 "
     "%5 = broadcast %4: f32[2, 40] %6 = mul %2, %5: f32[2, 40] return y = %6 }"},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

static fusion *fused(arena *a, const char *text) {
  graph *g = pass_run(graph_from_text(a, text), graph_pass_count, graph_passes, NULL);
  return fuse(a, g, test_target(a), (fuse_runs){1, 1, NULL});
}

static void kernel_counts(void **state) {
  (void)state;
  for (int i = 0; i < CASE_COUNT; i++) {
    arena *a = arena_new();
    const fusion *f = fused(a, cases[i].text);
    if (f->group_count != cases[i].kernels)
      fail_msg("%s: %d kernels where %d are expected", cases[i].name, f->group_count,
               cases[i].kernels);
    arena_free(a);
  }
}

/* No group reads what one behind it makes: a depth-first search meets no group that is still open. */
static bool is_open(const fusion *f, int id, char *marks) {
  if (marks[id]) return marks[id] == 'o';
  marks[id] = 'o';
  const group *g = f->groups[id];
  for (int i = 0; i < g->input_count; i++) {
    int producer = f->group_of[g->inputs[i]->id];
    if (producer >= 0 && is_open(f, producer, marks)) return true;
  }
  marks[id] = 'd';
  return false;
}

static void groups_are_in_an_order(void **state) {
  (void)state;
  for (int i = 0; i < CASE_COUNT; i++) {
    arena *a = arena_new();
    const fusion *f = fused(a, cases[i].text);
    char *marks = arena_alloc(a, (size_t)f->group_count + 1);
    for (int id = 0; id < f->group_count; id++) assert_false(is_open(f, id, marks));
    arena_free(a);
  }
}

static int shared_inputs(const fusion *f) {
  int count = 0;
  for (int i = 0; i < f->group_count; i++)
    for (int k = 0; k < f->groups[i]->input_count; k++)
      count += f->groups[i]->inout_output[k] >= 0;
  return count;
}

typedef struct shared_case {
  int shared;
  const char *text;
} shared_case;

/* An input's memory is taken over only where each element is read where its successor is written. */
static void memory_in_common(void **state) {
  (void)state;
  static const shared_case table[] = {
      {3, NULL}, /* Adam's m, v and w */
      {1, "entry f(x: f32[9]) { %1 = slot \"a\": f32[9] %2 = mul %1, %0: f32[9] "
          "update \"a\" = %2 }"},
      {0, "entry f() { %0 = slot \"a\": f32[9] %1 = reverse %0 axes=[0]: f32[9] "
          "%2 = neg %1: f32[9] update \"a\" = %2 }"},
      {0, "entry f() { %0 = slot \"a\": f32[9] %1 = sum %0 axes=[0]: f32 "
          "%2 = broadcast %1: f32[9] %3 = reverse %0 axes=[0]: f32[9] %4 = add %3, %0: f32[9] "
          "%5 = add %4, %2: f32[9] update \"a\" = %5 }"},
      {0, "entry f(x: f32[9]) { %1 = slot \"a\": f32[9] %2 = mul %1, %0: f32[9] return y = %2 "
          "update \"a\" = %2 }"},
      {0, "entry f() { %0 = slot \"a\": f32[9] %1 = slot \"b\": f32[9] %2 = neg %0: f32[9] "
          "%3 = exp %1: f32[9] update \"a\" = %3 update \"b\" = %2 }"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    arena *a = arena_new();
    const char *text = table[i].text;
    for (int k = 0; !text && k < CASE_COUNT; k++)
      if (strcmp(cases[k].name, "a step of Adam") == 0) text = cases[k].text;
    const fusion *f = fused(a, text);
    order_groups(a, f);
    assert_int_equal(shared_inputs(f), table[i].shared);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernel_counts),
      cmocka_unit_test(groups_are_in_an_order),
      cmocka_unit_test(memory_in_common),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
