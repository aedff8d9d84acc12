/* Loops at run time: each entry computes values by loops and by unrolled `for`, in pairs of outputs
 * that must be equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../model_case.h"
#include "../pair_case.h"

static void test_scans_carry_and_stack(void **state) {
  (void)state;
  expect_pairs("entry e(xs: f32[5, 3], ws: f32[5]) -> (h, g, hs, gs, n, k) {\n"
               "  h = zeros[3](); g = h; n = 0; s = (a: g, b: 1.5)\n"
               "  hs = scan x, w, t in xs, ws, 2..7 {\n"
               "    new = 0.5 * h + w * x\n"
               "    h = new + s.a\n"
               "    s = (a: new, b: s.b + f32(t))\n"
               "    n = n + t\n"
               "    emit h * s.b\n"
               "  }\n"
               "  a = g; b = 1.5; k = 0\n"
               "  all = for i in 0..5 {\n"
               "    new = 0.5 * g + ws[i] * xs[i]\n"
               "    g = new + a; a = new; b = b + i + 2; k = k + i + 2\n"
               "    emit g * b\n"
               "  }\n"
               "  gs = stack(all[0], all[1], all[2], all[3], all[4])\n"
               "}\n");
}

/* A tuple of sequences, a tuple that is emitted, what a turn does not change, loops in loops. */
static void test_tuples_and_nesting(void **state) {
  (void)state;
  expect_pairs("entry e(xs: f32[4, 2], m: f32[4, 3]) -> (a, b, c, d, p, q) {\n"
               "  scale = 2.0; total = 0.0; same = 1.0\n"
               "  pair = scan (x, y) in (xs, m) {\n"
               "    inner = 0.0\n"
               "    if false { same = same + 1 }\n"
               "    scan z, t in y, 0..3 {\n"
               "      inner = inner + z * sum(x) * scale + f32(t)\n"
               "      repeat 2 { total = total + inner * same }\n"
               "    }\n"
               "    emit (first: x * inner, second: total)\n"
               "  }\n"
               "  a = pair.first; c = pair.second; p = total; q = 0.0\n"
               "  all = for i in 0..4 {\n"
               "    inner = 0.0\n"
               "    for t in 0..3 {\n"
               "      inner = inner + m[i, t] * sum(xs[i]) * scale + f32(t)\n"
               "      for k in 0..2 { q = q + inner }\n"
               "    }\n"
               "    emit (xs[i] * inner, q)\n"
               "  }\n"
               "  b = stack(all[0][0], all[1][0], all[2][0], all[3][0])\n"
               "  d = stack(all[0][1], all[1][1], all[2][1], all[3][1])\n"
               "}\n");
}

/* All turns share the parameters; a function sees what the loop around its call carries. */
static void test_functions_and_instances(void **state) {
  (void)state;
  expect_pairs("use nn\n"
               "fn cell[H](x, h) { tanh(linear[H](x) + linear[H](h)) }\n"
               "fn rnn[H](xs: f32[t, b, n]) {\n"
               "  h = zeros[b, H]()\n"
               "  step = cell[H]\n"
               "  fn next(x) { step(x, h) }\n"
               "  scan x in xs { h = next(x); emit h }\n"
               "}\n"
               "net = rnn[4]\n"
               "entry e(xs: f32[3, 2, 5]) -> (y, z) {\n"
               "  y = net(xs)\n"
               "  h0 = net.step(xs[0], zeros[2, 4]())\n"
               "  h1 = net.step(xs[1], h0)\n"
               "  z = stack(h0, h1, net.step(xs[2], h1))\n"
               "}\n");
}

static void test_slots_are_carried(void **state) {
  (void)state;
  expect_pairs("state a: f32[2] = 1\n"
               "state b: f32[2] = 1\n"
               "state n: i32 = 0\n"
               "fn note(x) { state last: f32[2] = 0; old = last; last <- x; old }\n"
               "first = note\n"
               "second = note\n"
               "fn move(v, x) { scan t in 0..3 { v <- 0.5 * v + x }; v }\n"
               "entry e(xs: f32[3, 2]) -> (p, q, r, s, u, v) {\n"
               "  p = scan x in xs { old = first(x * a); a <- a + x + old; n <- n + 1; emit a }\n"
               "  all = for i in 0..3 { old = second(xs[i] * b); b <- b + xs[i] + old; emit b }\n"
               "  q = stack(all[0], all[1], all[2])\n"
               "  r = move(a, xs[0])\n"
               "  for i in 0..3 { b <- 0.5 * b + xs[0] }\n"
               "  s = b; u = a; v = b\n"
               "}\n");
}

static void test_conditions(void **state) {
  (void)state;
  expect_pairs("entry e() -> (n, six, x, big, ys, some, z, nine) {\n"
               "  n = 0; x = 1.0\n"
               "  while x < 50 and n < 100 { x = 2 * x; n = n + 1 }\n"
               "  six = 6; big = 64.0\n"
               "  k = 0\n"
               "  ys = scan t in 1..6 while k < 7 { k = k + t; emit 10 * k }\n"
               "  some = stack(10, 30, 60, 100, 0)\n"
               "  z = 0; nine = 9; repeat u8(3) { z = z + 3 }\n"
               "}\n");
}

/* Every turn draws anew, the turns of an inner loop too, and each run of an entry that writes. */
static void test_turns_draw_anew(void **state) {
  (void)state;
  model *m = model_new("state n: f32 = 0\n"
                       "entry e() -> (a: f32[4, 6]) {\n"
                       "  n <- n + 1\n"
                       "  a = scan t in 0..4 { inner = scan u in 0..6 { emit uniform() }; emit inner }\n"
                       "}\n"
                       "entry again() -> (a) {\n"
                       "  a = scan t in 0..4 { emit uniform[3]() }\n"
                       "}\n", NULL);
  double seen[48];
  for (int run = 0; run < 2; run++) {
    tensor **values = model_run(m, "e", NULL);
    memcpy(seen + 24 * run, values[0]->reals, 24 * sizeof *seen);
  }
  for (int i = 0; i < 48; i++)
    for (int k = 0; k < i; k++) assert_true(seen[i] != seen[k]);
  tensor **first = model_run(m, "again", NULL), **second = model_run(m, "again", NULL);
  assert_null(compare_tensors(m->arena, first[0], second[0], (tolerance){0, 0}));
  model_free(m);
}

/* ---- derivatives -------------------------------------------------------------------------------- */

/* Gradients of a loop with respect to parameters, first values, sequences and what the turns read. */
static void test_gradients(void **state) {
  (void)state;
  expect_pairs("param w: f32[3, 3] = uniform() - 0.5\n"
               "param b: f32[3] = 0.1\n"
               "entry e(xs: f32[4, 2, 3], h0: f32[2, 3], k: f32[4], z: f32[2, 3]) ->\n"
               "    (p, q, pb, qb, ps, qs, pk, qk, ph, qh, pz, qz) {\n"
               "  h = h0; n = 0; m = z\n"
               "  ys = scan x, s, t in xs, k, 0..4 {\n"
               "    a = tanh(x @ w + h * s + b + f32(t))\n"
               "    m = sigmoid(h @ w) * m\n"
               "    h = a * m + x; n = n + 1\n"
               "    emit a * h\n"
               "  }\n"
               "  d = grad(sum(ys ** 2) + sum(h * h0), (w, b, xs, k, h0, z))\n"
               "  p = d[0]; pb = d[1]; ps = d[2]; pk = d[3]; ph = d[4]; pz = d[5]\n"
               "  g = h0; l = z; total = 0.0\n"
               "  for i in 0..4 {\n"
               "    a = tanh(xs[i] @ w + g * k[i] + b + i)\n"
               "    l = sigmoid(g @ w) * l\n"
               "    g = a * l + xs[i]\n"
               "    total = total + sum((a * g) ** 2)\n"
               "  }\n"
               "  d = grad(total + sum(g * h0), (w, b, xs, k, h0, z))\n"
               "  q = d[0]; qb = d[1]; qs = d[2]; qk = d[3]; qh = d[4]; qz = d[5]\n"
               "}\n");
}

/* Then carries are what they were, and so are their derivatives. */
static void test_gradients_where_no_turn_runs(void **state) {
  (void)state;
  expect_pairs("param w: f32[3] = uniform() + 0.5\n"
               "entry e(x: f32[4, 3], go: f32) -> (a, b, c, d, m, n) {\n"
               "  h = w * w; k = h; l = h\n"
               "  scan row in x while sum(row ** 2) < -1 { h = sin(row) }\n"
               "  scan row in x while sum(row ** 2) > -1 { k = sin(row) }\n"
               "  a = grad(sum(h) + sum(w), w); b = 2 * w + 1\n"
               "  c = grad(sum(k) + sum(w), w); d = ones[3]()\n"
               "  scan row in x while sum(row ** 2) < -1 { l = sin(go) * ones[3]() }\n"
               "  m = grad(sum(l ** 2), w); n = 4 * w ** 3\n"
               "}\n");
}

static const char lstm[] =
    "use nn\n"
    "fn cell[H](x, h, c) {\n"
    "  z = linear[4 * H](x) + linear[4 * H](h)\n"
    "  c = sigmoid(z[:, :H]) * c + sigmoid(z[:, H:2 * H]) * tanh(z[:, 2 * H:3 * H])\n"
    "  (h: sigmoid(z[:, 3 * H:]) * tanh(c), c: c)\n"
    "}\n"
    "net = cell[3]\n"
    "fn scanned(xs) {\n"
    "  s = (h: zeros[2, 3](), c: zeros[2, 3]())\n"
    "  scan x in xs { s = net(x, s.h, s.c); emit s.h }\n"
    "}\n"
    "fn unrolled(xs) {\n"
    "  s = (h: zeros[2, 3](), c: zeros[2, 3]())\n"
    "  all = for i in 0..3 { s = net(xs[i], s.h, s.c); emit s.h }\n"
    "  stack(all[0], all[1], all[2])\n"
    "}\n";

/* First and second derivatives of an LSTM, and one along a direction. */
static void test_lstm(void **state) {
  (void)state;
  arena *a = arena_new();
  expect_pairs(arena_printf(
      a, "%s%s", lstm,
      "entry e(xs: f32[3, 2, 4]) -> (a, b, c, d, p, q, r, s) {\n"
      "  one = sum(scanned(xs) ** 2); two = sum(unrolled(xs) ** 2)\n"
      "  ga = grad(one, (net, xs)); gb = grad(two, (net, xs))\n"
      "  a = flat(ga[0]); b = flat(gb[0]); c = ga[1]; d = gb[1]\n"
      "  p = flat(grad(sum(a ** 2) + sum(c ** 2), net)); q = flat(grad(sum(b ** 2) + sum(d ** 2), net))\n"
      "  r = jvp(scanned(xs), xs, xs); s = jvp(unrolled(xs), xs, xs)\n"
      "}\n"));
  arena_free(a);
}

/* Loops in loops, gradients within turns, slots that are carried, loops that end early. */
static void test_gradients_of_more_than_one_loop(void **state) {
  (void)state;
  expect_pairs("param w: f32[2] = 0.7\n"
               "entry e(xs: f32[3, 4, 2], h0: f32[2]) -> (p, q, ph, qh, px, qx) {\n"
               "  h = h0\n"
               "  hs = scan row in xs {\n"
               "    scan x in row { h = tanh(w * h + x); h = h * sigmoid(h) }\n"
               "    repeat 2 { h = h + w * h ** 2 }\n"
               "    emit h\n"
               "  }\n"
               "  d = grad(sum(hs ** 3), (w, h0, xs)); p = d[0]; ph = d[1]; px = d[2]\n"
               "  g = h0; total = 0.0\n"
               "  for i in 0..3 {\n"
               "    for k in 0..4 { g = tanh(w * g + xs[i, k]); g = g * sigmoid(g) }\n"
               "    for k in 0..2 { g = g + w * g ** 2 }\n"
               "    total = total + sum(g ** 3)\n"
               "  }\n"
               "  d = grad(total, (w, h0, xs)); q = d[0]; qh = d[1]; qx = d[2]\n"
               "}\n");
  expect_pairs("param w: f32[2] = 0.5\n"
               "entry e(xs: f32[3, 2]) -> (v, u, p, q, second, other) {\n"
               "  v = w\n" /* three steps of gradient descent, and their derivative */
               "  scan x in xs { v = v - 0.1 * grad(sum((v * x - x ** 2) ** 2), v) }\n"
               "  u = w\n"
               "  for i in 0..3 { u = u - 0.1 * grad(sum((u * xs[i] - xs[i] ** 2) ** 2), u) }\n"
               "  p = grad(sum(v ** 2), w); q = grad(sum(u ** 2), w)\n"
               "  second = grad(sum(p ** 2), w); other = grad(sum(q ** 2), w)\n"
               "}\n");
  expect_pairs("param w: f32[2] = 0.8\n"
               "entry e(h0: f32[2]) -> (p, q, ph, qh) {\n"
               "  h = abs(h0) + 1.5; n = 0\n"
               "  ys = scan t in 0..9 while n < 3 { h = h / w; n = n + 1; emit log(h) * f32(t) }\n"
               "  d = grad(sum(ys) + sum(h), (w, h0)); p = d[0]; ph = d[1]\n"
               "  g = abs(h0) + 1.5; total = 0.0\n"
               "  for t in 0..3 { g = g / w; total = total + sum(log(g) * t) }\n"
               "  d = grad(total + sum(g), (w, h0)); q = d[0]; qh = d[1]\n"
               "}\n");
}

/* What was computed outside of a loop is differentiated in its turns as if it had been computed there: by values
 * from outside, through what turns add, out of several loops, through loops, rules and stable forms. */
static void test_derivatives_of_values_from_outside(void **state) {
  (void)state;
  expect_pairs("entry e(x: f32[3], y0: f32[3]) -> (a, b, c, d, f, g) {\n"
               "  h = tanh(x) * x; y = y0\n"
               "  repeat 3 { y = jvp(h, x, y) }\n"
               "  a = y; c = grad(sum(a ** 2), x); y = y0\n"
               "  repeat 3 { k = tanh(x) * x; y = jvp(k, x, y) }\n"
               "  b = y; d = grad(sum(b ** 2), x)\n"
               "  f = scan v in stack(x, y0) { emit grad(sum(sin(h * v) + x), x) }\n"
               "  g = scan v in stack(x, y0) { emit grad(sum(sin(tanh(x) * x * v) + x), x) }\n"
               "}\n");
  expect_pairs("fn softened(x) { derivative(dy) { 3 * dy }; f32(x > 0) }\n"
               "param w: f32[3] = normal()\n"
               "entry e(x: f32[3], z: f32[3]) -> (a, b, c, d) {\n"
               "  p = exp(x); far = softened(z * w)\n"
               "  l = log(sum(p)) + sum(far * p * w)\n"
               "  total = zeros[3](); other = total\n"
               "  scan t in 0..2 {\n"
               "    inner = sin(l * f32(t)) + l\n"
               "    scan s in 0..3 {\n"
               "      g = grad(inner * f32(s) + l, (p, z))\n"
               "      total = total + g[0] * g[1]\n"
               "    }\n"
               "  }\n"
               "  for t in 0..2 {\n"
               "    inner = sin(l * t) + l\n"
               "    for s in 0..3 { g = grad(inner * s + l, (p, z)); other = other + g[0] * g[1] }\n"
               "  }\n"
               "  a = total; b = other; c = grad(sum(total), x); d = grad(sum(other), x)\n"
               "}\n");
  expect_pairs("param w: f32[2] = 0.6\n"
               "entry e(xs: f32[3, 2], start: f32[2]) -> (a, b, c, d) {\n"
               "  h = start\n"
               "  hs = scan x in xs { h = tanh(w * h + x); emit h * x }\n"
               "  y = w; a = scan t in 0..3 { y = jvp(hs, start, y)[0] + y; emit y + grad(sum(h * stop_gradient(y)), start) }\n"
               "  y = w; n = jvp(hs, start, 1.0); m = grad(sum(h), start)\n"
               "  b = scan t in 0..3 { y = n[0] * y + y; emit y + m * stop_gradient(y) }\n"
               "  c = grad(sum(a ** 2), (w, xs)); d = grad(sum(b ** 2), (w, xs))\n"
               "  c = c[1] * sum(c[0]); d = d[1] * sum(d[0])\n"
               "}\n");
}

/* Gradients of gradients: of tuples that are emitted, of loops in loops, of ones that end early, of blocks
 * that are computed again, of a gradient in each turn. */
static void test_second_derivatives(void **state) {
  (void)state;
  expect_pairs("param w: f32[3] = 0.7\n"
               "fn slopes(loss, xs) {\n"
               "  d = grad(loss, (w, xs))\n"
               "  e = grad(sum(d[0] ** 2) + sum(d[1] * xs ** 2), (w, xs))\n"
               "  (d[0], d[1], e[0], e[1])\n"
               "}\n"
               "entry e(xs: f32[4, 3], m: f32[4]) -> (p, q, px, qx, p2, q2, px2, qx2) {\n"
               "  h = xs[0]; s = (a: h, b: 0.5)\n"
               "  out = scan x, k, t in xs, m, 1..5 {\n"
               "    h = tanh(w * h + x * k) + s.a\n"
               "    s = (a: 0.5 * s.a * h, b: s.b + sum(h) * f32(t))\n"
               "    emit (h * s.b, sum(s.a) + s.b)\n"
               "  }\n"
               "  (p, px, p2, px2) = slopes(sum(out[0] ** 3) + sum(out[1] ** 2) + s.b, xs)\n"
               "  h = xs[0]; a = h; b = 0.5; total = 0.0\n"
               "  for i in 0..4 {\n"
               "    h = tanh(w * h + xs[i] * m[i]) + a\n"
               "    a = 0.5 * a * h\n"
               "    b = b + sum(h) * (i + 1)\n"
               "    total = total + sum((h * b) ** 3) + (sum(a) + b) ** 2\n"
               "  }\n"
               "  (q, qx, q2, qx2) = slopes(total + b, xs)\n"
               "}\n");
  expect_pairs("param w: f32[2] = 0.6\n"
               "entry e(xs: f32[2, 3, 2], h0: f32[2]) -> (p, q, p2, q2, px, qx) {\n"
               "  h = h0\n"
               "  hs = scan row in xs {\n"
               "    scan x in row { h = tanh(w * h + x) * h }\n"
               "    repeat 2 { h = h + w * h ** 2 }\n"
               "    emit h\n"
               "  }\n"
               "  p = grad(sum(hs ** 3), w); d = grad(sum(p ** 2), (w, xs)); p2 = d[0]; px = d[1]\n"
               "  g = h0; total = 0.0\n"
               "  for i in 0..2 {\n"
               "    for k in 0..3 { g = tanh(w * g + xs[i, k]) * g }\n"
               "    for k in 0..2 { g = g + w * g ** 2 }\n"
               "    total = total + sum(g ** 3)\n"
               "  }\n"
               "  q = grad(total, w); d = grad(sum(q ** 2), (w, xs)); q2 = d[0]; qx = d[1]\n"
               "}\n");
  expect_pairs("param w: f32[2] = 0.8\n"
               "entry e(h0: f32[2]) -> (p, q, p2, q2) {\n"
               "  h = abs(h0) + 1.5; n = 0\n"
               "  ys = scan t in 0..9 while n < 3 { h = h / w; n = n + 1; emit log(h) * h * f32(t) }\n"
               "  p = grad(sum(ys) + sum(h), w); p2 = grad(sum(p ** 2), (w, h0)); p2 = p2[0] + p2[1]\n"
               "  g = abs(h0) + 1.5; total = 0.0\n"
               "  for t in 0..3 { g = g / w; total = total + sum(log(g) * g * t) }\n"
               "  q = grad(total + sum(g), w); q2 = grad(sum(q ** 2), (w, h0)); q2 = q2[0] + q2[1]\n"
               "}\n");
  /* no turn runs, or none of a bounded number, though zeros would give infinities */
  for (int bounded = 0; bounded < 2; bounded++) {
    arena *a = arena_new();
    expect_pairs(arena_printf(a, "param w: f32[2] = 0.8\n"
                 "entry e%s(h0: f32[2], most: i32) -> (p, q, p2, q2, ph, qh) {\n"
                 "  h = h0; k = 0; most = min(most, 0)\n"
                 "  ys = scan t in 0..%s while k < most { h = log(h / w) / h; k = k + 1; emit log(h) * f32(t) }\n"
                 "  p = grad(sum(ys) + sum(h ** 3 * w), w); d = grad(sum(p ** 2), (w, h0)); p2 = d[0]; ph = d[1]\n"
                 "  q = h0 ** 3; q2 = zeros[2](); qh = 6 * h0 ** 5\n"
                 "}\n", bounded ? "[n <= 9]" : "", bounded ? "n" : "9"));
    arena_free(a);
  }
  expect_pairs("param w: f32[2] = 0.9\n"
               "entry e(xs: f32[5, 2]) -> (p, q, p2, q2, px, qx) {\n"
               "  h = zeros[2]()\n"
               "  ys = scan[checkpoint: 2] x in xs { h = sin(w * h + x); emit h * x }\n"
               "  p = grad(sum(ys ** 2) + sum(h), w); d = grad(sum(p ** 2), (w, xs)); p2 = d[0]; px = d[1]\n"
               "  g = zeros[2](); total = 0.0\n"
               "  for i in 0..5 { g = sin(w * g + xs[i]); total = total + sum((g * xs[i]) ** 2) }\n"
               "  q = grad(total + sum(g), w); d = grad(sum(q ** 2), (w, xs)); q2 = d[0]; qx = d[1]\n"
               "}\n");
  expect_pairs("param w: f32[2] = 0.5\n"
               "entry e(xs: f32[3, 2]) -> (v, u, p, q, p2, q2) {\n"
               "  v = w\n" /* a penalty on the slope: a second derivative in each turn */
               "  scan x in xs {\n"
               "    slope = grad(sum(tanh(v * x) ** 2), x)\n"
               "    v = v - 0.1 * grad(sum(slope ** 2) + sum(v ** 2), v)\n"
               "  }\n"
               "  u = w\n"
               "  for i in 0..3 {\n"
               "    x = xs[i]\n"
               "    slope = grad(sum(tanh(u * x) ** 2), x)\n"
               "    u = u - 0.1 * grad(sum(slope ** 2) + sum(u ** 2), u)\n"
               "  }\n"
               "  p = grad(sum(v ** 3), (w, xs)); p = flat(p); p2 = flat(grad(sum(p ** 2), (w, xs)))\n"
               "  q = grad(sum(u ** 3), (w, xs)); q = flat(q); q2 = flat(grad(sum(q ** 2), (w, xs)))\n"
               "}\n");
}

/* What a turn drew is drawn again when its derivative is computed. */
static void test_draws_are_repeated(void **state) {
  (void)state;
  expect_pairs("param w: f32[3] = 0.6\n"
               "entry e(xs: f32[4, 3]) -> (p, q) {\n"
               "  h = zeros[3]()\n"
               "  masks = scan x in xs { m = bernoulli[3](0.5); h = tanh(w * h * m + x); emit m }\n"
               "  p = grad(sum(h ** 2), w)\n"
               "  g = zeros[3]()\n"
               "  for i in 0..4 { g = tanh(w * g * masks[i] + xs[i]) }\n"
               "  q = grad(sum(g ** 2), w)\n"
               "}\n");
}

/* Tuples go together by their keys, wherever they stand; what is no number stays as it is. */
static void test_keys_and_fixed_leaves(void **state) {
  (void)state;
  expect_pairs("fn plus[k](x) { x + k }\n"
               "entry e(x: f32[3], n: i32) -> (a, b, c, d) {\n"
               "  h = (a: x, b: (p: 1.0, q: 2 * x)); g = h\n"
               "  repeat 3 { h = (b: (q: h.a + 1, p: h.b.p * 2), a: h.b.q) }\n"
               "  for i in 0..3 { g = (b: (q: g.a + 1, p: g.b.p * 2), a: g.b.q) }\n"
               "  a = h.a + h.b.p * h.b.q; b = g.a + g.b.p * g.b.q\n"
               "  s = (f: plus[2], v: x, name: \"s\"); t = s\n"
               "  scan i in 0..3 { s = (v: (s.f)(s.v) * 2, f: s.f, name: \"s\") }\n"
               "  for i in 0..3 { t = (v: (t.f)(t.v) * 2, f: t.f, name: \"s\") }\n"
               "  c = (s.f)(s.v); d = (t.f)(t.v)\n"
               "}\n");
}

/* Training through a loop updates what training through its turns one by one does. */
static void test_minimize(void **state) {
  (void)state;
  expect_pairs("use nn\nuse optim\n"
               "param w: f32[3, 3] = 0.2\n"
               "param v: f32[3, 3] = 0.2\n"
               "entry e(xs: f32[4, 2, 3]) -> (p, q) {\n"
               "  h = zeros[2, 3](); g = h\n"
               "  scan x in xs { h = tanh(x + h @ w) }\n"
               "  for i in 0..4 { g = tanh(xs[i] + g @ v) }\n"
               "  minimize sum((h - 0.5) ** 2) over w with adam(0.1)\n"
               "  minimize sum((g - 0.5) ** 2) over v with adam(0.1)\n"
               "  p = w; q = v\n"
               "}\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scans_carry_and_stack),
      cmocka_unit_test(test_tuples_and_nesting),
      cmocka_unit_test(test_functions_and_instances),
      cmocka_unit_test(test_slots_are_carried),
      cmocka_unit_test(test_conditions),
      cmocka_unit_test(test_keys_and_fixed_leaves),
      cmocka_unit_test(test_turns_draw_anew),
      cmocka_unit_test(test_gradients),
                                     cmocka_unit_test(test_gradients_where_no_turn_runs),
      cmocka_unit_test(test_lstm),
      cmocka_unit_test(test_gradients_of_more_than_one_loop),
      cmocka_unit_test(test_derivatives_of_values_from_outside),
      cmocka_unit_test(test_second_derivatives),
      cmocka_unit_test(test_draws_are_repeated),
      cmocka_unit_test(test_minimize),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
