/* Maps in front of a product or convolution are computed where its operand is copied, in vectors that begin
 * wherever a block of the reduced axis or a box of the image does: what depends on an element's place must not
 * depend on where vectors begin. Where a copy takes too much, several reduced axes are cut into blocks. For every width, the loop interpreter and the graph interpreter agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "compile.h"
#include "differential.h"
#include "source.h"

static const char *const texts[] = {
    /* Blocks of 125 and of 150 of the reduced axis. */
    "param w: f32[500, 60] = uniform[500, 60]()\n"
    "entry e() -> (y) { y = bernoulli[3, 500](0.5) @ w }\n",
    "param w: f32[300, 20] = uniform[300, 20]()\n"
    "entry e() -> (y) { y = normal[6, 300]() @ w }\n",
    "param w: f32[60, 500] = uniform[60, 500]()\n"
    "entry e() -> (y) { y = w @ uniform[500, 3]() }\n",
    /* Pairs of equal elements. */
    "param w: f32[500, 60] = uniform[500, 60]()\n"
    "entry e() -> (y) { y = exp(f32(reshape[3, 500](iota[750, 2, axis: 0]())) * 0.01) @ w }\n",
    /* Boxes that padding moves. */
    "use nn\nc = conv1d[16, 1, pad: 1, stride: 1]\n"
    "entry e() -> (y) { y = c(bernoulli[4, 3, 128](0.5)) }\n",
    "use nn\nc = conv1d[2, 1, pad: 3]\nentry e() -> (y) { y = c(bernoulli[2, 3, 256](0.5)) }\n",
    /* Blocks of two reduced axes, of which one may be bounded. */
    "entry e(x: f32[1, 1, 3, 110, 112], w: f32[1, 1, 3, 3, 3]) -> (dw) { dw = grad(sum(sin(conv[pad: 1](x, w))), w) }\n",
    "entry e[n <= 3](x: f32[n, 2, 100, 101], w: f32[3, 2, 3, 3]) -> (dw) {\n"
    "  dw = grad(sum(sin(conv[pad: 1](x, w))), w)\n}\n",
};

typedef struct prologue_case {
  const char *text;
  const target *target;
} prologue_case;

static const char *check(arena *a, void *context) {
  const prologue_case *c = context;
  source *s = arena_new_of(a, source);
  *s = (source){.name = "prologue.dnn", .text = c->text, .length = strlen(c->text)};
  const elaborate_options options = {.real_f64 = false};
  program *p = elaborate(a, diag_new(a), s, &options);
  if (!p) return "the program was refused";
  const differential how = {.target = c->target, .ways = LOOPS, .seed = 3, .rounds = 1};
  return differential_check(a, p, &how);
}

static void vectors_begin_anywhere(void **state) {
  (void)state;
  static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
  arena *a = arena_new();
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    for (size_t k = 0; k < sizeof cpus / sizeof *cpus; k++) {
      prologue_case c = {texts[i], target_find(a, cpus[k])};
      const char *wrong = differential_apart(a, check, &c);
      if (wrong) fail_msg("%s: %s\n%s", cpus[k], wrong, texts[i]);
    }
  arena_free(a);
}

/* Images and windows of which not even a row of channels fits a copy; they are compiled, not run. */
static void large_copies_are_cut(void **state) {
  (void)state;
  static const char *const shapes[][3] = {
      {"1, 1, 128, 128, 128", "1, 1, 3, 3, 3", "pad: 1"},
      {"11, 4, 30, 30, 30", "8, 4, 3, 3, 3", "pad: 1"},
      {"31, 3, 300, 300", "16, 3, 3, 3", "pad: 1"},
      {"1, 128, 150, 150", "128, 128, 3, 3", "pad: 48, dilation: 48"},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    arena *a = arena_new();
    diagnostics *d = diag_new(a);
    source *s = arena_new_of(a, source);
    const char *text = arena_printf(a, "entry e(x: f32[%s], w: f32[%s]) -> (y, dw) {\n"
                                    "  y = conv[%s](x, w)\n  dw = grad(sum(sin(y)), w)\n}\n",
                                    shapes[i][0], shapes[i][1], shapes[i][2]);
    *s = (source){.name = "large.dnn", .text = text, .length = strlen(text)};
    program *p = elaborate(a, d, s, &(elaborate_options){.real_f64 = false});
    assert_non_null(p);
    assert_non_null(compile_module(p, d, &(compile_options){.target_cpu = "x86-64-v4"}));
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_begin_anywhere), cmocka_unit_test(large_copies_are_cut)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
