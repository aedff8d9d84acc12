#include "pair_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compare.h"
#include "differential.h"
#include "graph_case.h"
#include "model_case.h"

static void expect_compiled(const char *text) {
  model *m = model_new(text, NULL);
  const differential how = {.target = target_find(m->arena, "x86-64-v3"), .seed = 3, .rounds = 2,
                            .low = -1, .high = 1, .least = 0, .most = 4, .ways = ALL_WAYS};
  const char *fault = differential_check(m->arena, m->program, &how);
  if (fault) fail_msg("%s\n%s", fault, text);
  model_free(m);
}

void expect_pairs(const char *text) {
  static const tolerance near = {1e-12, 1e-12};
  model *m = model_new(text, NULL);
  const graph *g = program_entry(m->program, "e");
  const tensor **inputs = random_inputs(m->arena, g, 5, -1, 1);
  for (int run = 0; run < 2; run++) {
    tensor **values = model_run(m, "e", inputs);
    assert_true(g->output_count >= 2);
    for (int i = 0; i + 1 < g->output_count; i += 2) {
      const char *message = compare_tensors(m->arena, values[i], values[i + 1], near);
      if (message) fail_msg("run %d, %s: %s\n%s", run, g->outputs[i].name, message, text);
    }
  }
  model_free(m);
  expect_compiled(text);
}
