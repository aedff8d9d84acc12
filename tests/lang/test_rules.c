/* Derivatives that functions give themselves: where they say what is true, nothing differs from the
 * function without them; where they say something else, that is what gradients are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../pair_case.h"

/* First and second derivatives and one along a direction. The block sees the body's names, also those
 * bound after it; gradients come one by one or by name, of tuples leaf by leaf. */
static void test_true_rules(void **state) {
  (void)state;
  expect_pairs("fn plain(x, w, k) { s = sigmoid(x @ w); k * s * x }\n"
               "fn ruled(x, w, k) {\n"
               "  derivative(dy) {\n"
               "    ds = sum[-1, keep: true](k * dy * x) * s * (1 - s)\n"
               "    (k: 5, w: x.T @ ds, x: k * dy * s + ds @ w.T)\n"
               "  }\n"
               "  s = sigmoid(x @ w); k * s * x\n"
               "}\n"
               "entry e(x: f32[2, 3], w: f32[3, 1]) -> (a, b, c, d, g, h, p, q, r, s, t, u) {\n"
               "  a = plain(x, w, 3); b = ruled(x, w, 3)\n"
               "  ga = grad(sum(a ** 2), (x, w)); gb = grad(sum(b ** 2), (x, w))\n"
               "  c = ga[0]; d = gb[0]; g = ga[1]; h = gb[1]\n"
               "  sa = grad(sum(flat(ga) ** 2), (x, w)); sb = grad(sum(flat(gb) ** 2), (x, w))\n"
               "  p = sa[0]; q = sb[0]; r = sa[1]; s = sb[1]\n"
               "  t = jvp(a, (x, w), (x, 2)); u = jvp(b, (x, w), (x, 2))\n"
               "}\n");
  expect_pairs("fn plain(t, n, also) { t.a * t.b[0] + f32(n) + also.b }\n"
               "fn ruled(t, n, also) {\n"
               "  derivative(dy) {\n"
               "    ((b: (sum(dy * t.a), 0), a: dy * t.b[0]), 0, (w: 0, b: sum(dy)))\n"
               "  }\n"
               "  t.a * t.b[0] + f32(n) + also.b\n"
               "}\n"
               "fn layer(x) { param w: f32[2] = 1; param b: f32 = 2; sum(w * x) + b }\n"
               "net = layer\n"
               "entry e(x: f32[2], y: f32, z: f32[3], n: f32) -> (a, b, c, d, g, h, p, q) {\n"
               "  t = (a: x, b: (y, z)); first = net(x)\n"
               "  ga = grad(sum(plain(t, n, net) ** 2) + n, (t, net, n))\n"
               "  gb = grad(sum(ruled(t, i32(n), net) ** 2) + n, (t, net, n))\n"
               "  a = ga[0].a; b = ruled_a(x, y, z, n); c = ga[0].b[0]; d = ga[0].b[0]\n"
               "  g = 0 * ga[0].b[1]; h = gb[0].b[1]; p = 0 * ga[2]; q = gb[2] - 1\n"
               "}\n"
               "fn ruled_a(x, y, z, n) {\n"
               "  t = (a: x, b: (y, z))\n"
               "  grad(sum(ruled(t, n, net) ** 2), t).a\n"
               "}\n");
}

static void test_rules_at_each_point(void **state) {
  (void)state;
  expect_pairs("fn swish(x, k) {\n"
               "  derivative(dy) { (dy * (s + k * x * s * (1 - s)), sum(dy * x ** 2 * s * (1 - s))) }\n"
               "  s = sigmoid(k * x); x * s\n"
               "}\n"
               "fn at_points(x) { derivative(dy) { 3 * dy * x ** 2 }; x ** 3 }\n"
               "entry e(x: f32[3, 2]) -> (a, b, c, d) {\n"
               "  a[i, j] = at_points(x[i, j]); b = at_points(x)\n"
               "  c = grad(sum(a ** 2 * swish(x, 2)), x); d = grad(sum(b ** 2 * x * sigmoid(2 * x)), x)\n"
               "}\n");
}

/* In a scan, around one, and with one inside; one rule in another. */
static void test_rules_and_loops(void **state) {
  (void)state;
  expect_pairs("param w: f32[3] = 0.7\n"
               "fn cell(h, x, w) {\n"
               "  derivative(dy) { d = dy * (1 - y ** 2); (d * w, d, d * h) }\n"
               "  y = tanh(h * w + x); y\n"
               "}\n"
               "fn outer(xs, w) {\n"
               "  derivative(dy) { grad(sum(unrolled(xs, w) * dy), (xs, w)) }\n"
               "  h = zeros[3](); scan x in xs { h = cell(h, x, w) }; h\n"
               "}\n"
               "fn unrolled(xs, w) { h = zeros[3](); for i in 0..4 { h = tanh(h * w + xs[i]) }; h }\n"
               "fn summed(xs) {\n"
               "  derivative(dy) { scan t in 0..4 { emit 2 * dy * xs[t] } }\n"
               "  sum[0](xs ** 2)\n"
               "}\n"
               "entry e(xs: f32[4, 3]) -> (a, b, c, d, g, h, p, q, r, s, t, u) {\n"
               "  h1 = zeros[3](); scan x in xs { h1 = cell(h1, x, w) }\n"
               "  h2 = unrolled(xs, w); h3 = outer(xs, w)\n"
               "  a = grad(sum(h1 ** 2), w); b = grad(sum(h2 ** 2), w)\n"
               "  c = grad(sum(h3 ** 2), w); d = b\n"
               "  g = grad(sum(a ** 2), xs); h = grad(sum(b ** 2), xs)\n"
               "  p = grad(sum(c ** 2), xs); q = h\n"
               "  r = jvp(h1, xs, xs); s = jvp(h2, xs, xs)\n"
               "  t = grad(sum(grad(sum(summed(xs) ** 3), xs) ** 2), xs)\n"
               "  u = grad(sum(grad(sum(sum[0](xs ** 2) ** 3), xs) ** 2), xs)\n"
               "}\n");
}

/* Reversal, clipping and noise: the gradient is what the block says, and differentiated as it stands. */
static void test_other_rules(void **state) {
  (void)state;
  expect_pairs("fn reversed(x) { derivative(dy) { -dy }; x }\n"
               "fn clipped(x) { derivative(dy) { max(min(dy, 0.5), -0.5) }; x }\n"
               "fn noisy(x) { derivative(dy) { dy + noise }; noise = normal[3](); x + noise }\n"
               "fn rounded(x) { derivative(dy) { dy }; floor(x + 0.5) }\n"
               "fn first(x, y) { derivative(dy) { (0, dy * x ** 2) }; x + y }\n"
               "entry e(x: f32[3]) -> (a, b, c, d, g, h, p, q, r, s, t, u) {\n"
               "  a = grad(sum(reversed(x) ** 2), x); b = -2 * x\n"
               "  c = grad(sum(clipped(x) ** 2), x); d = max(min(2 * x, 0.5), -0.5)\n"
               "  g = grad(sum(c), x); h = abs(2 * x) <= 0.5 ? 2 : 0 * x\n"
               "  y = noisy(x); p = grad(sum(y), x); q = 1 + (y - x)\n"
               "  r = grad(sum(2 * rounded(10 * x)), x); s = full[3](20)\n"
               "  t = grad(sum(grad(sum(first(x, x)), x)), x); u = 2 * x\n"
               "}\n");
}

/* A slot that only the block reads is read where the function is called. */
static void test_rules_read_slots(void **state) {
  (void)state;
  expect_pairs("state factor: f32 = 2\n"
               "fn scaled(x) { derivative(dy) { factor * dy }; 1.0 * x }\n"
               "entry e(xs: f32[4, 2]) -> (a, b, c, d) {\n"
               "  y = scaled(xs[0])\n"
               "  factor <- factor + 1\n"
               "  a = grad(sum(y), xs)[0]; b = full[2](factor - 1)\n"
               "  ys = scan x in xs { factor <- factor + 1; emit scaled(x) }\n"
               "  c = grad(sum(ys), xs)[:, 0]; d = factor - f32(3 - iota[4]())\n"
               "}\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_true_rules),
      cmocka_unit_test(test_rules_at_each_point),
      cmocka_unit_test(test_rules_and_loops),
      cmocka_unit_test(test_other_rules),
      cmocka_unit_test(test_rules_read_slots),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
