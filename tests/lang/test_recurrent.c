/* Recurrent layers of the library: against their equations, step by step, and their gradients against
 * differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../compare.h"
#include "../graph_case.h"
#include "../library_case.h"

static arena *memory;

/* Two values of an entry are equal, for random parameters. */
static void expect_equal(const char *text) {
  model *m = model_new(text, NULL);
  const graph *g = program_entry(m->program, "e");
  for (int i = 0; i < m->program->slot_count; i++)
    m->slots[i] = random_tensor(m->arena, &m->program->slots[i].type, 10 + (uint64_t)i, -1, 1);
  tensor **values = model_run(m, "e", random_inputs(m->arena, g, 5, -1, 1));
  const char *message = compare_tensors(m->arena, values[0], values[1], (tolerance){1e-12, 1e-12});
  if (message) fail_msg("%s\n%s", message, text);
  model_free(m);
}

static void layers_are_their_equations(void **state) {
  (void)state;
  expect_equal("use recurrent\nnet = gru[3]\n"
               "entry e(xs: f32[2, 4, 5], h: f32[4, 3]) -> (a, b) {\n"
               "  a = net(xs, h)\n"
               "  all = for k in 0..2 {\n"
               "    x = xs[k]\n"
               "    r = sigmoid(x @ net.w[:, 0:3] + h @ net.u[:, 0:3] + net.bias[0:3])\n"
               "    z = sigmoid(x @ net.w[:, 3:6] + h @ net.u[:, 3:6] + net.bias[3:6])\n"
               "    new = tanh(x @ net.w[:, 6:9] + (r * h) @ net.v + net.bias[6:9])\n"
               "    h = z * h + (1 - z) * new\n"
               "    emit h\n"
               "  }\n"
               "  b = stack(all)\n"
               "}\n");
  expect_equal("use recurrent\nnet = lstm_states[2, peepholes: true]\n"
               "entry e(xs: f32[3, 4, 5], h: f32[4, 2], c: f32[4, 2]) -> (a, b) {\n"
               "  s = net(xs, h, c)\n"
               "  a = concat(s.hs, s.h[new], s.c[new])\n"
               "  all = for k in 0..3 {\n"
               "    z = xs[k] @ net.w + h @ net.u + net.bias\n"
               "    i = sigmoid(z[:, 0:2] + net.p[0] * c)\n"
               "    f = sigmoid(z[:, 2:4] + net.p[1] * c + 1)\n"
               "    c = f * c + i * tanh(z[:, 4:6])\n"
               "    h = sigmoid(z[:, 6:8] + net.p[2] * c) * tanh(c)\n"
               "    emit h\n"
               "  }\n"
               "  b = stack(all, h, c)\n"
               "}\n");
  expect_equal("use recurrent\nnet = bidirectional[stacked[lstm[3], 2]]\n"
               "entry e(xs: f32[4, 2, 3]) -> (a, b) {\n"
               "  a = net(xs)\n"
               "  forth = net.forth(xs)\n"
               "  back = net.back(stack(xs[3], xs[2], xs[1], xs[0]))\n"
               "  b = concat[-1](forth, stack(back[3], back[2], back[1], back[0]))\n"
               "}\n");
}

/* Each row of a batch with a mask is what it would be alone, without the padding. */
static void masked_sequences_end_where_they_end(void **state) {
  (void)state;
  static const char *const layers[] = {"rnn[3]", "gru[3]", "lstm[3]", "bidirectional[lstm[3]]",
                                       "stacked[gru[3], 2]"};
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    expect_equal(arena_printf(memory, "use recurrent\nnet = %s\n"
                              "entry e(xs: f32[4, 2, 5]) -> (a, b) {\n"
                              "  mask = iota[4, 1]() < stack(2, 4)\n"
                              "  hs = net(xs, mask: mask)\n"
                              "  a = concat(hs[:2, :1], hs[:, 1:])\n"
                              "  b = concat(net(xs[:2, :1]), net(xs[:, 1:]))\n"
                              "}\n", layers[i]));
  expect_equal("use recurrent\nnet = lstm_states[3]\n"
               "entry e(xs: f32[4, 2, 5], h: f32[2, 3], c: f32[2, 3]) -> (a, b) {\n"
               "  s = net(xs, h, c, mask: iota[4, 1]() < stack(1, 3))\n"
               "  one = net(xs[:1], h, c)\n"
               "  three = net(xs[:3], h, c)\n"
               "  a = concat(s.h, s.c)\n"
               "  b = concat(one.h[:1], three.h[1:], one.c[:1], three.c[1:])\n"
               "}\n");
}

static void cells_are_steps_of_their_layers(void **state) {
  (void)state;
  expect_equal("use recurrent\nnet = gru[3]\ncell = gru_cell[3]\n"
               "entry e(xs: f32[4, 2, 5], h: f32[2, 3]) -> (a, b) {\n"
               "  a = net(xs, h)\n"
               "  first = cell(xs[0], h)\n"
               "  params(cell) <- params(net)\n"
               "  b = scan x in xs { h = cell(x, h); emit h }\n"
               "}\n");
  expect_equal("use recurrent\nnet = lstm_states[3, peepholes: true]\ncell = lstm_cell[3, peepholes: true]\n"
               "entry e(xs: f32[4, 2, 5], h: f32[2, 3], c: f32[2, 3]) -> (a, b) {\n"
               "  a = net(xs, h, c).hs\n"
               "  first = cell(xs[0], h, c)\n"
               "  params(cell) <- params(net)\n"
               "  b = scan x in xs { (h, c) = cell(x, h, c); emit h }\n"
               "}\n");
}

static void gradients_are_differences(void **state) {
  (void)state;
  static const char *const layers[] = {"rnn[3]", "gru[3]", "lstm[3]", "lstm[3, peepholes: true]",
                                       "bidirectional[gru[2]]", "stacked[lstm[2], 2]"};
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    library_check_gradient(&(library_gradient){.layer = layers[i], .expression = "layer(x)", .rank = 3,
                                               .extents = {3, 2, 4}, .training = i % 2 == 1});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layers_are_their_equations),
      cmocka_unit_test(masked_sequences_end_where_they_end),
      cmocka_unit_test(cells_are_steps_of_their_layers),
      cmocka_unit_test(gradients_are_differences),
  };
  memory = arena_new();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(memory);
  return failed;
}
