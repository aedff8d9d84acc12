/* Which values are linear in others, by the form of the graph; and which node is in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "graph_case.h"
#include "linear.h"

typedef struct linear_case {
  const char *nodes; /* of x and y, %0 and %1: f64[3]; the last is asked about as a function of x */
  int obstacle;      /* its id, or -1 */
} linear_case;

#define TURNS(carry) \
  "%2 = loop %0, %1 turns=[2] carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f64[3], w: f64[3]) " \
  "{ " carry " return h = %3 }: f64[3]"
#define WHILE(of) \
  "%2 = loop %0, %1 turns=[2] carries=[1] sequences=[0] reverse=[0] condition=(t: i64, h: f64[3], " \
  "w: f64[3]) { %3 = min " of " axes=[0]: f64 %4 = lt %3, %3: bool return go = %4 } " \
  "body=(t: i64, h: f64[3], w: f64[3]) { %3 = mul %1, %2: f64[3] return h = %3 }: f64[3]"

static const linear_case cases[] = {
    {"%2 = neg %0: f64[3]", -1},
    {"%2 = add %0, %0: f64[3] %3 = sub %2, %0: f64[3]", -1},
    {"%2 = add %0, %1: f64[3]", 2},
    {"%2 = mul %0, %1: f64[3] %3 = div %2, %1: f64[3]", -1},
    {"%2 = mul %0, %0: f64[3] %3 = neg %2: f64[3]", 2},
    {"%2 = div %1, %0: f64[3]", 2},
    {"%2 = fma %1, %0, %0: f64[3]", -1},
    {"%2 = fma %1, %0, %1: f64[3]", 2},
    {"%2 = constant reals=[0]: f64 %3 = broadcast %2 axes=[]: f64[3] %4 = gt %1, %3: bool[3] "
     "%5 = select %4, %3, %0: f64[3]", -1},
    {"%2 = gt %1, %0: bool[3] %3 = select %2, %0, %0: f64[3]", 2},
    {"%2 = gt %1, %1: bool[3] %3 = select %2, %0, %1: f64[3]", 3},
    {"%2 = stop %0: f64[3]", 2},
    {"%2 = sign %0: f64[3]", 2},
    {"%2 = sign %1: f64[3]", 2}, /* it is what it is, whatever x */
    {"%2 = cast %0: f32[3] %3 = cast %2: f64[3]", -1},
    {"%2 = cast %0: i32[3] %3 = cast %2: f64[3]", 2},
    {"%2 = concat %0, %0 axis=[0]: f64[6]", -1},
    {"%2 = concat %0, %1 axis=[0]: f64[6]", 2},
    {"%2 = dot %0, %1 left_contract=[0] right_contract=[0]: f64", -1},
    {"%2 = dot %0, %0 left_contract=[0] right_contract=[0]: f64", 2},
    {"%2 = recurrence %1, %0 axis=[0] exclusive=[0] reverse=[0]: f64[3]", -1},
    {"%2 = recurrence %0, %1 axis=[0] exclusive=[0] reverse=[0]: f64[3]", 2},
    {"%2 = max %0 axes=[0]: f64", 2},
    {"%2 = rule %0, %1 arguments=[1] body=(d: f64[3]) { return d = %0 }: f64[3]", -1},
    {TURNS("%3 = mul %1, %2: f64[3]"), -1},
    {TURNS("%3 = mul %1, %1: f64[3]"), 2},
    {TURNS("%3 = add %1, %2: f64[3]"), 2},
    {WHILE("%2"), -1},
    {WHILE("%1"), 2},
};

static void obstacles_are_found(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new();
    const graph *g = graph_from_text(
        a, arena_printf(a, "entry f(x: f64[3], y: f64[3]) { %s return y = %%1 }", cases[i].nodes));
    const node *found = linear_obstacle(g, g->nodes[g->node_count - 1], 1, &g->nodes[0]);
    if ((found ? found->id : -1) != cases[i].obstacle)
      fail_msg("%d: %s", found ? found->id : -1, cases[i].nodes);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(obstacles_are_found)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
