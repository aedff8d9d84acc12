/* Attention and transformers of the library: against their equations, row by row, and their gradients against
 * differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../compare.h"
#include "../graph_case.h"
#include "../library_case.h"

/* Two values of entry e are equal, for random parameters and inputs between low and high. */
static void expect_equal(const char *text, double low, double high) {
  arena *a = arena_new();
  model *m = model_new(arena_printf(a, "use attention\nuse transformer\nuse nn\n%s", text), NULL);
  const graph *g = program_entry(m->program, "e");
  for (int i = 0; i < m->program->slot_count; i++)
    m->slots[i] = random_tensor(m->arena, &m->program->slots[i].type, 10 + (uint64_t)i, -1, 1);
  tensor **values = model_run(m, "e", random_inputs(m->arena, g, 5, low, high));
  const char *message = compare_tensors(m->arena, values[0], values[1], (tolerance){1e-12, 1e-12});
  if (message) fail_msg("%s\n%s", message, text);
  model_free(m);
  arena_free(a);
}

static void weights_are_a_softmax_where_the_mask_is_true(void **state) {
  (void)state;
  expect_equal("entry e(x: f32[3, 4]) -> (a, b) {\n"
               "  a = masked_softmax(x, iota[3, 1]() >= iota[4]())\n"
               "  b = stack(concat(ones[1](), zeros[3]()), concat(softmax(x[1, :2]), zeros[2]()),\n"
               "            concat(softmax(x[2, :3]), zeros[1]()))\n"
               "}\n", -1, 1);
  expect_equal("entry e(x: f32[3, 4]) -> (a, b) {\n" /* of any size; none in the last row */
               "  a = masked_softmax(1e9 * x, length_mask[4](2 - iota[3]()))\n"
               "  b = stack(concat(softmax(1e9 * x[0, :2]), zeros[2]()), concat(ones[1](), zeros[3]()),\n"
               "            zeros[4]())\n"
               "}\n", -1, 1);
  expect_equal("entry e(x: f32[3, 4]) -> (a, b) { a = masked_softmax(x); b = softmax(x) }\n", -1, 1);
}

/* No gradient passes a mask, and none is lost or not a number where a row has no place. */
static void gradients_of_masked_weights(void **state) {
  (void)state;
  expect_equal("entry e(x: f32[3, 4], y: f32[3, 4]) -> (a, b) {\n"
               "  a = grad(sum(masked_softmax(x, length_mask[4](iota[3]())) * y), x)\n"
               "  p = softmax(x[2, :2])\n"
               "  inner = p * (y[2, :2] - sum(p * y[2, :2]))\n"
               "  b = concat(zeros[2, 4](), concat(inner, zeros[2]())[new])\n"
               "}\n", -1, 1);
}

static void attention_is_its_equations(void **state) {
  (void)state;
  expect_equal("entry e(q: f32[2, 3, 4], k: f32[2, 3, 4], v: f32[2, 3, 5]) -> (a, b) {\n"
               "  a = dot_attention(q, k, v, causal[3]())\n"
               "  rows = for i in 0..3 {\n"
               "    s = sum[-1](q[:, i:i + 1] * k[:, :i + 1]) / 2\n"
               "    emit sum[1](softmax(s)[:, :, new] * v[:, :i + 1])\n"
               "  }\n"
               "  b = stack[1](rows)\n"
               "}\n", -1, 1);
  expect_equal("net = multi_head[2]\n"
               "entry e(x: f32[2, 3, 6], m: f32[2, 4, 5]) -> (a, b) {\n"
               "  a = net(x, m)\n"
               "  q = x @ net.query.w + net.query.b\n"
               "  k = m @ net.key.w\n"
               "  v = m @ net.values.w + net.values.b\n"
               "  heads = for h in 0..2 {\n"
               "    s = q[:, :, 3 * h:3 * h + 3] @ k[:, :, 3 * h:3 * h + 3].T / sqrt(3)\n"
               "    emit softmax(s) @ v[:, :, 3 * h:3 * h + 3]\n"
               "  }\n"
               "  b = concat[-1](heads) @ net.out.w + net.out.b\n"
               "}\n", -1, 1);
  expect_equal("look = additive_weights\n"
               "entry e(q: f32[2, 3], k: f32[2, 4, 5], m: f32[2, 4, 6]) -> (a, b) {\n"
               "  a = attend(look(q, k), m)\n"
               "  rows = for i in 0..4 { emit tanh(q @ look.w + k[:, i]) @ look.v }\n"
               "  b = (softmax(stack[1](rows))[:, new, :] @ m)[:, 0]\n"
               "}\n", -1, 1);
}

/* Weights over the rows of a memory by content and by location. */
static void addresses_are_their_equations(void **state) {
  (void)state;
  expect_equal("entry e(k: f32[2, 3], m: f32[2, 4, 3]) -> (a, b) {\n"
               "  a = cosines(k, m)\n"
               "  rows = for i in 0..4 {\n"
               "    r = m[:, i]\n"
               "    emit sum[1](r * k) / sqrt(sum[1](r ** 2) * sum[1](k ** 2) + 1e-12)\n"
               "  }\n"
               "  b = stack[1](rows)\n"
               "}\n", -1, 1);
  expect_equal("entry e(w: f32[2, 5], s: f32[2, 3]) -> (a, b) {\n"
               "  a = shifted(w, s)\n"
               "  b = s[:, :1] * concat[1](w[:, 4:], w[:, :4]) + s[:, 1:2] * w + s[:, 2:] * concat[1](w[:, 1:], w[:, :1])\n"
               "}\n", 0, 1);
  expect_equal("entry e(w: f32[2, 5], p: f32[2, 1]) -> (a, b) {\n"
               "  a = sharpened(w, 1 + p)\n"
               "  y = (w + 1e-6) ** (1 + p)\n"
               "  b = y / sum[1, keep: true](y)\n"
               "}\n", 0, 1);
  /* Powers that no number of f32 holds. */
  expect_equal("entry e() -> (a, b) {\n"
               "  a = sharpened(0.25 * ones[2, 4](), 100.0)\n"
               "  b = 0.25 * ones[2, 4]()\n"
               "}\n", 0, 1);
}

/* At the zeros that a memory begins with, a row's is the key over the square root of the small number; the key's 0. */
static void addresses_have_gradients_at_zero(void **state) {
  (void)state;
  expect_equal("entry e(k: f32[2, 3]) -> (a, b) {\n"
               "  m = zeros[2, 4, 3]()\n"
               "  y = sum(cosines(k, m))\n"
               "  a = concat[1](grad(y, m), grad(y, k)[:, new])\n"
               "  b = concat[1](k[:, new] * 1e6 + m, zeros[2, 1, 3]())\n"
               "}\n", -1, 1);
  expect_equal("entry e(m: f32[2, 4, 3]) -> (a, b) {\n"
               "  k = zeros[2, 3]()\n"
               "  y = sum(cosines(k, m))\n"
               "  a = concat[1](grad(y, m), grad(y, k)[:, new])\n"
               "  b = concat[1](0 * m, sum[1, keep: true](m) * 1e6)\n"
               "}\n", -1, 1);
}

static void blocks_are_their_equations(void **state) {
  (void)state;
  expect_equal("entry e() -> (a, b) {\n"
               "  a = sinusoidal[5, 6]()\n"
               "  rows = for t in 0..5 {\n"
               "    places = for i in 0..3 {\n"
               "      angle = t / 10000.0 ** (2 * i / 6)\n"
               "      emit stack(sin(1.0 * angle + zeros[]()), cos(1.0 * angle + zeros[]()))\n"
               "    }\n"
               "    emit concat(places)\n"
               "  }\n"
               "  b = stack(rows)\n"
               "}\n", 0, 1);
  expect_equal("net = decoder[1, 2, 5]\n"
               "fn heads(x, m, p, mask) {\n"
               "  fn split(y) { split_heads[2](y) }\n"
               "  y = dot_attention(split(x @ p.query.w + p.query.b), split(m @ p.key.w),\n"
               "                    split(m @ p.values.w + p.values.b), mask)\n"
               "  join_heads(y) @ p.out.w + p.out.b\n"
               "}\n"
               "entry e(x: f32[2, 3, 4], m: f32[2, 4, 6]) -> (a, b) {\n"
               "  fn norm(y, n) { d = y - mean[-1, keep: true](y)\n"
               "    d / sqrt(mean[-1, keep: true](d ** 2) + 1e-5) * n.gain + n.bias }\n"
               "  a = net(x, m, causal[3]())\n"
               "  block = net.decoder_block_0[0]\n"
               "  h = norm(x, block.layer_norm_0)\n"
               "  y = x + heads(h, h, block.self_attention_0.multi_head_0, causal[3]())\n"
               "  y = y + heads(norm(y, block.layer_norm_1), m, block.multi_head_0, true)\n"
               "  units = gelu(norm(y, block.layer_norm_2) @ block.feed_forward_0.linear_0.w + "
               "block.feed_forward_0.linear_0.b)\n"
               "  y = y + units @ block.feed_forward_0.linear_1.w + block.feed_forward_0.linear_1.b\n"
               "  b = norm(y, net.layer_norm_0)\n"
               "}\n", -1, 1);
}

/* What a causal network says of a place does not depend on those behind it. */
static void causal_networks_do_not_look_ahead(void **state) {
  (void)state;
  expect_equal("net = encoder[2, 2, 8]\nplaces = learned_positions[9]\n"
               "fn read(x: f32[b, t, n]) { net(places(x), causal[t]()) }\n"
               "entry e(x: f32[2, 5, 4]) -> (a, b) { a = read(x)[:, :3]; b = read(x[:, :3]) }\n", -1, 1);
}

static void gradients_are_differences(void **state) {
  (void)state;
  static const char *const layers[] = {"self_attention[2]", "encoder[1, 2, 5]", "learned_positions[4]"};
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    library_check_gradient(&(library_gradient){.layer = layers[i], .expression = "layer(x)", .rank = 3,
                                               .extents = {2, 3, 4}, .training = i % 2 == 1});
  library_check_gradient(&(library_gradient){.layer = "additive_weights", .expression = "layer(x[:, 0], x)",
                                             .rank = 3, .extents = {2, 3, 4}});
  library_check_gradient(&(library_gradient){
      .expression = "shifted(softmax(1.5 * cosines(x[:, 0], x)), softmax(x[:, 1, :3])) |> sharpened(1 + x[:, 0, :1] ** 2)",
      .rank = 3, .extents = {2, 3, 4}});
  library_check_gradient(&(library_gradient){.layer = "decoder[1, 2, 5]", .rank = 3, .extents = {2, 3, 4},
                                             .expression = "layer(x, 2 * x, causal[3]())"});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weights_are_a_softmax_where_the_mask_is_true),
      cmocka_unit_test(gradients_of_masked_weights),
      cmocka_unit_test(attention_is_its_equations),
      cmocka_unit_test(addresses_are_their_equations),
      cmocka_unit_test(addresses_have_gradients_at_zero),
      cmocka_unit_test(blocks_are_their_equations),
      cmocka_unit_test(causal_networks_do_not_look_ahead),
      cmocka_unit_test(gradients_are_differences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
