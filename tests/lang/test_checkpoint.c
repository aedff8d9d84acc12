/* `scan[checkpoint: k]` computes what `scan` does, gradients too, with less memory. Sums over turns may
 * be formed in another order: behind the loop, or block by block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../graph_case.h"
#include "../model_case.h"
#include "../pair_case.h"
#include "../run_module.h"
#include "compile.h"
#include "plan.h"

/* The text with each $ replaced. */
static const char *filled(arena *a, const char *text, const char *with) {
  const char *at = strchr(text, '$');
  return at ? arena_printf(a, "%.*s%s%s", (int)(at - text), text, with, filled(a, at + 1, with)) : text;
}

/* Programs whose last entry is `e`, and how many turns are a block. */
typedef struct checkpoint_case {
  const char *blocks[2], *text;
} checkpoint_case;

static const checkpoint_case cases[] = {
    /* what is carried and emitted, of several sequences, and what all of it depends on */
    {{"[checkpoint: 1]", "[checkpoint: 3]"},
     "param w: f32[3, 3] = normal()\nparam b: f32[3] = normal()\n"
     "entry e(xs: f32[7, 2, 3], m: f32[7]) -> (h, ys, c, gw, gb, gx, gm, gh) {\n"
     "  h = xs[0]; c = (a: 0.0, b: xs[1]); first = h\n"
     "  ys = scan$ x, s, t in xs, m, 3..10 {\n"
     "    new = tanh(h @ w + s * x + b)\n"
     "    c = (a: c.a + sum(new * f32(t)), b: 0.5 * c.b * new)\n"
     "    h = new * c.b\n"
     "    emit (h * c.a, new)\n"
     "  }\n"
     "  loss = sum(h ** 2) + sum(ys[0] * ys[1]) + c.a + sum(w ** 2)\n"
     "  gw = grad(loss, w); gb = grad(loss, b); gx = grad(loss, xs); gm = grad(loss, m); gh = grad(loss, first)\n"
     "  ys = ys[0]; c = c.a\n"
     "}\n"},
    /* draws, slots, a scan in the scan, an instance that is used outside too */
    {{"[checkpoint: 2]", "[checkpoint: 7]"},
     "use nn\nnet = linear[3]\nstate n: f32[3] = 1\n"
     "entry e(xs: f32[7, 3]) -> (h, s, g, gx) {\n"
     "  h = net(xs[0])\n"
     "  scan$ x in xs {\n"
     "    h = tanh(net(h) + 0.1 * normal[3]() * x)\n"
     "    scan y in stack(x, h) { n <- n * y; h = h + sin(net(y)) }\n"
     "  }\n"
     "  s = n; loss = sum(h ** 2) + sum(n * h)\n"
     "  ps = grad(loss, net); g = flat(ps); gx = grad(loss, xs)\n"
     "}\n"},
    /* turns that do not run */
    {{"[checkpoint: 2]", "[checkpoint: 6]"},
     "param w: f32[3] = normal()\n"
     "entry e(xs: f32[7, 3]) -> (h, k, ys, g, gx) {\n"
     "  h = zeros[3](); k = 0\n"
     "  ys = scan$ x, t in xs, 0..7 while k < 5 and (t != 6 or sum(h) > 9) {\n"
     "    h = sin(w * h + x); k = k + 1; emit h * f32(t) }\n"
     "  loss = sum(h) + sum(ys ** 2); g = grad(loss, w); gx = grad(loss, xs)\n"
     "}\n"},
    /* carries that are updated in parts; f16 */
    {{"[checkpoint: 3]", "[checkpoint: 100]"},
     "param w: f16[4] = 0.7\n"
     "entry e(xs: f16[7, 4]) -> (m, g, gx) {\n"
     "  m = zeros_like(xs)\n"
     "  scan$ x, t in xs, 0..7 { m[6 - t] <- x * w + m[(3 * t) % 7] * tanh(x) }\n"
     "  loss = sum(f32(m) ** 2); g = grad(loss, w); gx = grad(loss, xs)\n"
     "}\n"},
};

typedef struct run {
  model *model;
  const module *module;
  module_memory *memory;
} run;

static run run_of(arena *a, const char *text) {
  run r = {.model = model_new(text, NULL)};
  r.module = compile_module(r.model->program, diag_new(a), &(compile_options){0});
  assert_non_null(r.module);
  r.memory = module_memory_new(a, r.module);
  assert_null(run_entry(a, r.module, &r.module->entries[0], r.memory, NULL, NULL));
  return r;
}

static void **arrays_of(arena *a, int count, const graph_value *values, const tensor *const *from) {
  void **arrays = arena_array_of(a, count, void *);
  for (int i = 0; i < count; i++) {
    arrays[i] = arena_alloc(a, (size_t)type_bytes(&values[i].node->type));
    if (from) compare_to_array(from[i], arrays[i]);
  }
  return arrays;
}

static void **run_kernels(arena *a, const run *r, const graph *g, const tensor *const *inputs) {
  void **in = arrays_of(a, g->input_count, g->inputs, inputs);
  void **out = arrays_of(a, g->output_count, g->outputs, NULL);
  const char *fault = run_entry(a, r->module, &r->module->entries[r->module->entry_count - 1],
                                r->memory, in, out);
  if (fault) fail_msg("%s", fault);
  return out;
}

/* As their element types hold them. */
static const tensor **inputs_of(arena *a, const graph *g) {
  const tensor **inputs = random_inputs(a, g, 7, -1, 1);
  void **arrays = arrays_of(a, g->input_count, g->inputs, inputs);
  for (int i = 0; i < g->input_count; i++)
    inputs[i] = compare_from_array(a, &g->inputs[i].node->type, arrays[i]);
  return inputs;
}

typedef struct outcome {
  model *model;
  int count;
  const tensor_type **types; /* by output */
  tensor **values[2]; /* by run: those of the graph, … */
  void **arrays[2];   /* … and of the kernels */
} outcome;

/* Two runs, since slots change. */
static outcome outcome_of(arena *a, const char *text) {
  const run r = run_of(a, text);
  const graph *g = program_entry(r.model->program, "e");
  const tensor **inputs = inputs_of(a, g);
  outcome o = {.model = r.model, .count = g->output_count};
  o.types = arena_array_of(a, o.count, const tensor_type *);
  for (int i = 0; i < o.count; i++) o.types[i] = &g->outputs[i].node->type;
  for (int i = 0; i < 2; i++) {
    o.values[i] = model_run(r.model, "e", inputs);
    o.arrays[i] = run_kernels(a, &r, g, inputs);
  }
  return o;
}

static void expect_same(const checkpoint_case *c) {
  arena *a = arena_new();
  const outcome plain = outcome_of(a, filled(a, c->text, ""));
  for (int k = 0; k < 2; k++) {
    const outcome blocks = outcome_of(a, filled(a, c->text, c->blocks[k]));
    for (int i = 0; i < 2; i++)
      for (int n = 0; n < plain.count; n++) {
        const char *message =
            compare_tensors(a, blocks.values[i][n], plain.values[i][n], (tolerance){1e-13, 1e-13});
        if (message) fail_msg("%s, output %d: %s\n%s", c->blocks[k], n, message, c->text);
        message = compare_tensors(a, compare_from_array(a, blocks.types[n], blocks.arrays[i][n]),
                                  compare_from_array(a, plain.types[n], plain.arrays[i][n]),
                                  (tolerance){1e-5, 1e-5});
        if (message) fail_msg("%s, output %d of the kernels: %s\n%s", c->blocks[k], n, message, c->text);
      }
    model_free(blocks.model);
  }
  model_free(plain.model);
  arena_free(a);
}

static void test_blocks_change_rounding_only(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_same(&cases[i]);
}

/* Second derivatives, and one along a direction, are sums in another order. */
static void test_higher_derivatives(void **state) {
  (void)state;
  expect_pairs("param w: f32[3, 3] = 0.5 * normal()\n"
               "fn plain(xs) { h = xs[3]; scan x in xs { h = tanh(h @ w + x) }; h }\n"
               "fn blocks(xs) { h = xs[3]; scan[checkpoint: 3] x in xs { h = tanh(h @ w + x) }; h }\n"
               "entry e(xs: f32[7, 3]) -> (a, b, c, d) {\n"
               "  h = plain(xs); k = blocks(xs)\n"
               "  a = grad(sum(grad(sum(h ** 2), xs) ** 2), w); b = grad(sum(grad(sum(k ** 2), xs) ** 2), w)\n"
               "  c = jvp(h, w, w); d = jvp(k, w, w)\n"
               "}\n");
}

/* Blocks behind the last turn run none. */
static void test_second_derivatives_of_fewer_turns(void **state) {
  (void)state;
  expect_pairs("entry e(xs: f32[5, 2], first: f32[2]) -> (a, b, c, d) {\n"
               "  h = zeros[2](); c = first; k = zeros[2](); l = first\n"
               "  scan[checkpoint: 2] x, t in xs, 0..5 while t < 2 { h = sin(c); c = tanh(c * x) }\n"
               "  for i in 0..2 { k = sin(l); l = tanh(l * xs[i]) }\n"
               "  a = grad(sum(h ** 2) + sum(c ** 2), first); b = grad(sum(k ** 2) + sum(l ** 2), first)\n"
               "  c = grad(sum(a ** 2), first); d = grad(sum(b ** 2), first)\n"
               "}\n");
}

static int64_t scratch_of(const char *text, const char *block) {
  arena *a = arena_new();
  model *m = model_new(filled(a, text, block), NULL);
  const module *built = compile_module(m->program, diag_new(a), &(compile_options){0});
  const int64_t bytes = built->entries[built->entry_count - 1].plan->scratch_bytes;
  model_free(m);
  arena_free(a);
  return bytes;
}

typedef struct long_case {
  const char *size, *results, *stack, *emit;
} long_case;

static const char *long_text(arena *a, const long_case *c) {
  return arena_printf(a, "param w: f32[64, 64] = normal()\n"
                      "entry e[%s](xs: f32[n, 8, 64]) -> (%s) {\n"
                      "  h = zeros[8, 64](); c = h\n"
                      "  %sscan$ x in xs { c = tanh(h @ w + x) * c; h = h + sigmoid(c) * tanh(c)%s }\n"
                      "  g = grad(sum(h ** 2), w)\n"
                      "}\n", c->size, c->results, c->stack, c->emit);
}

/* Of 400 turns of which each keeps 10 KiB, the carries of 20 are kept, and what one block of 20 needs; the
 * sequence itself is the caller's. So too where the call says how many turns there are, and then what is
 * emitted lies where the caller wants it, though it is carried. */
static void test_memory_falls(void **state) {
  (void)state;
  static const long_case long_cases[] = {
      {"n = 400", "g", "", ""}, {"n <= 400", "g", "", ""}, {"n <= 400", "g, ys", "ys = ", "; emit h"}};
  for (size_t i = 0; i < sizeof long_cases / sizeof *long_cases; i++) {
    arena *a = arena_new();
    const char *text = long_text(a, &long_cases[i]);
    const int64_t turn = 8 * 64 * 4, all = scratch_of(text, "");
    const int64_t blocks = scratch_of(text, "[checkpoint: 20]");
    print_message("%s: %lld bytes in place of %lld\n", long_cases[i].size, (long long)blocks, (long long)all);
    assert_true(all > 3 * 400 * turn);
    assert_true(blocks < all / 10);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_change_rounding_only),
      cmocka_unit_test(test_higher_derivatives),
                                     cmocka_unit_test(test_second_derivatives_of_fewer_turns),
      cmocka_unit_test(test_memory_falls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
