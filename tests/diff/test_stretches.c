/* Where the bounds of reads begin or cease to hold between full vectors, the vector axis is run through stretch by stretch,
 * and no bound is asked for. For every width: the same as the graph interpreter's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile.h"
#include "differential.h"
#include "loop_text.h"
#include "module.h"
#include "source.h"

typedef struct stretch_form {
  const char *text;
  bool masked; /* for vectors of 16 bytes: bounds that are between no full vectors, or of several axes */
} stretch_form;

static const stretch_form forms[] = {
    /* The gradient of slices: pads that are added. */
    {"entry e(x: f32[5, 64], w: f32[5, 16]) -> (d) {\n  d = grad(sum(x[:, 0:16] * w + tanh(x[:, 32:48]) * w * x[:, 48:64]), x)\n}\n", false},
    {"entry e(x: f32[5, 60], w: f32[5, 15]) -> (d) {\n  d = grad(sum(x[:, 0:15] * w + tanh(x[:, 30:45]) * w * x[:, 45:60]), x)\n}\n", true},
    /* Parts behind each other; backwards; with a rest behind the full vectors; tasks share out the axis. */
    {"entry e(x: f32[7, 16], y: f32[7, 32]) -> (z) { z = concat[1](exp(x), y * 2, x + 1) }\n", false},
    {"entry e(x: f32[7, 16], y: f32[7, 32]) -> (z) { z = reverse[1](concat[1](exp(x), y * 2)) - 1 }\n", false},
    {"entry e(x: f32[7, 16], y: f32[7, 7]) -> (z) { z = concat[1](exp(x), y * 2) }\n", false},
    {"entry e(x: f32[9600], y: f32[16000]) -> (z) { z = concat[0](exp(x), tanh(y), x + 1) * 2 }\n", false},
    /* Rows that are summed, several vectors at a time, keep their bounds; columns do not. */
    {"entry e(x: f32[7, 32], y: f32[7, 32]) -> (s, z) {\n  z = concat[1](exp(x), y * 2)\n  s = sum[1](z * z)\n}\n", true},
    {"entry e(x: f32[70, 32], y: f32[70, 16]) -> (s) { s = sum[0](concat[1](exp(x), y * 2)) }\n", false},
    /* Bounds of another axis. */
    {"entry e(x: f32[16, 6]) -> (d) { d = grad(sum(tanh(x[2:10])), x) }\n", true},
};

typedef struct stretch_case {
  const char *text;
  const target *target;
} stretch_case;

static program *program_of(arena *a, const char *text) {
  source *s = arena_new_of(a, source);
  *s = (source){.name = "stretches.dnn", .text = text, .length = strlen(text)};
  program *p = elaborate(a, diag_new(a), s, &(elaborate_options){.real_f64 = false});
  if (!p) fail_msg("refused: %s", text);
  return p;
}

static const char *check(arena *a, void *context) {
  const stretch_case *c = context;
  const differential how = {.target = c->target, .ways = LOOPS, .seed = 5, .rounds = 1, .low = -1, .high = 1};
  return differential_check(a, program_of(a, c->text), &how);
}

static void stretches_agree(void **state) {
  (void)state;
  static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
  arena *a = arena_new();
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    for (size_t k = 0; k < sizeof cpus / sizeof *cpus; k++) {
      stretch_case c = {forms[i].text, target_find(a, cpus[k])};
      const char *wrong = differential_apart(a, check, &c);
      if (wrong) fail_msg("%s: %s\n%s", cpus[k], wrong, forms[i].text);
    }
  arena_free(a);
}

static bool is_masked(const loop_kernel *k) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  loop_print(out, k);
  fclose(out);
  const bool masked = strstr(text, "inside");
  free(text);
  return masked;
}

static void bounds_are_no_question(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    arena *a = arena_new();
    const module *m = compile_module(program_of(a, forms[i].text), diag_new(a), &(compile_options){.target_cpu = "x86-64"});
    int count;
    const kernel_call **calls = module_calls(a, &m->entries[m->entry_count - 1], &count);
    bool masked = false;
    for (int n = 0; n < count; n++) masked = masked || is_masked(calls[n]->kernel);
    if (masked != forms[i].masked) fail_msg("%s", forms[i].text);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(stretches_agree), cmocka_unit_test(bounds_are_no_question)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
