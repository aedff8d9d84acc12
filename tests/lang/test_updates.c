/* Updates of parts, `x[i] <- v`: of slots and plain names, at places known when compiling and at run
 * time, against the same written by other means, in pairs of outputs that must be equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../pair_case.h"

/* What is left of each row and column is asked of it by a mask. */
static void test_known_places(void **state) {
  (void)state;
  expect_pairs("entry e(x: f32[4, 5], v: f32[5], w: f32[2, 2]) -> (a, b, c, d, f, g, h, i, j, k) {\n"
               "  a = x; a[1] <- v; a[-1, 2] <- 7\n"
               "  b = stack(x[0], v, x[2], concat(x[3, :2], stack(7.0), x[3, 3:]))\n"
               "  c = x; c[1:3, ::3] <- w\n"
               "  mid = concat[1](w[:, 0:1], x[1:3, 1:3], w[:, 1:2], x[1:3, 4:])\n"
               "  d = concat[0](x[0:1], mid, x[3:])\n"
               "  f = x; f[:, 3] <- x[:, 0]; f[..., 0] <- 1; f[0, new, 1:3] <- w[0:1]\n"
               "  top = concat(full[1](1.0), w[0], x[0, 0:1], x[0, 4:])\n"
               "  rest = concat[1](ones[3, 1](), x[1:, 1:3], x[1:, 0:1], x[1:, 4:])\n"
               "  g = concat[0](top[new], rest)\n"
               "  h = x; h[:, :] <- 2 * x; i = 2 * x\n"
               "  j = u8(abs(9 * x)); k = iota[4]()[:, new] % 2 == 0 ? 3 : j; j[::2] <- 3\n"
               "}\n");
}

/* Scalars among the subscripts, in several axes; indices with axes; what lies outside is dropped, and
 * the last one at a place counts. */
static void test_places_at_run_time(void **state) {
  (void)state;
  expect_pairs("entry e(i: i32, k: u8, x: f32[4, 5], v: f32[3, 2]) -> (a, b, c, d, f, g, h, p) {\n"
               "  at = i % 7 - 1; row = iota[4]() == at; column = iota[5]() == i32(k) % 5\n"
               "  a = x; a[at] <- 2 * x[0]; b = row[:, new] ? 2 * x[0] : x\n"
               "  c = x; c[at, k % 5] <- 9\n"
               "  d = row[:, new] and column ? 9 : x\n"
               "  places = stack(4, 1, 1)\n"
               "  f = x; f[1:3, places] <- v.T\n"
               "  g = concat[0](x[0:1], concat[1](x[1:3, 0:1], v[2, :, new], x[1:3, 2:4], v[0, :, new]),\n"
               "                x[3:])\n"
               "  h = x[at, k % 5]\n"
               "  p = sum(row[:, new] and column ? x : 0)\n"
               "}\n");
}

/* Of slots, of parts of instances and of tuples; a function that is given a value changes its own. */
static void test_what_is_updated(void **state) {
  (void)state;
  expect_pairs("state ring: f32[3, 2] = 0\n"
               "state flat: f32[6] = 0\n"
               "state n: i32 = 0\n"
               "fn layer(x) { param w: f32[2, 2] = 1; state seen: bool[2] = false; x @ w }\n"
               "net = layer\n"
               "pair = for i in 0..2 { emit layer }\n"
               "fn note(r, x) { r[n % 3] <- x; r }\n"
               "fn filled(t, x) { t.a[0] <- x; t.b[1][1, :] <- 2 * x; t }\n"
               "entry e(x: f32[2], on: bool) -> (a, b, c, d, f, g, h, i, j, k, l, m, o, p) {\n"
               "  own = ring; own[0] <- 5\n"
               "  a = note(ring, x); b = ring\n"
               "  flat[2 * (n % 3)] <- x[0]; flat[2 * (n % 3) + 1] <- x[1]\n"
               "  c = reshape[6](ring); d = flat\n"
               "  y = net(x) + pair[1](x)\n"
               "  net.w[0] <- x; net.seen[1] <- on; pair[1].w[1, 0] <- 4\n"
               "  f = net.w; g = stack(x, net.w[1]); h = net.seen; i = stack(net.seen[0], on)\n"
               "  t = (a: ring, b: (x, zeros[2, 2]()))\n"
               "  u = filled(t, x); v = t; v.b[0] <- n; v.b[1][0] <- u.b[1][1]\n"
               "  j = u.a[0]; k = x; l = u.b[1]; m = stack(zeros[2](), 2 * x)\n"
               "  o = v.b[1]; p = stack(2 * x, 0 * y)\n"
               "  n <- n + 1; v.b[0] <- stack(v.b[0], n)\n"
               "}\n");
}

/* A scan carries what it updates: slots, names, tuples; also in functions, and in a scan in it. */
static void test_updates_in_scans(void **state) {
  (void)state;
  expect_pairs("state table: f32[4, 3] = 1\n"
               "state same: f32[4, 3] = 1\n"
               "fn kept(xs) {\n"
               "  state memory: f32[3, 3] = 0\n"
               "  scan x, t in xs, 0..4 { old = memory[t % 3]; memory[t % 3] <- x + old; emit old }\n"
               "}\n"
               "fn added(memory, k, x) { memory[k] <- memory[k] + x; memory }\n"
               "entry e(xs: f32[4, 3]) -> (a, b, c, d, f, g, h, i, j, k) {\n"
               "  scan x, t in xs, 0..4 { table[(3 * t) % 4] <- 0.5 * table[t] + x }\n"
               "  for t in 0..4 { same[3 * t % 4] <- 0.5 * same[t] + xs[t] }\n"
               "  a = table; b = same\n"
               "  c = kept(xs); m = zeros[3, 3]()\n"
               "  old = for t in 0..4 { emit m[t % 3]; m = added(m, t % 3, xs[t]) }\n"
               "  d = 0 * c + c; cache = (n: zeros[2, 4](), s: 0.0)\n"
               "  scan x, t in xs, 0..4 {\n"
               "    scan y, s in x[:2], 0..2 { cache.n[s, t] <- y * cache.s; cache.s <- cache.s + 1 }\n"
               "  }\n"
               "  f = cache.n; g = xs[:, :2].T * reshape[4, 2](f32(iota[8]())).T\n"
               "  w = 2 * xs; v = 2 * xs\n"
               "  repeat 3 { w[1:, 1] <- w[:3, 0] + w[1:, 1]; w[0] <- w[0] * w[3] }\n"
               "  for t in 0..3 { v[1:, 1] <- v[:3, 0] + v[1:, 1]; v[0] <- v[0] * v[3] }\n"
               "  h = w; i = v\n"
               "  z = zeros[4](); t = 0\n"
               "  while t < 3 { z[t] <- sum(xs[t]); t = t + 1 }\n"
               "  j = z; k = concat(sum[1](xs)[:3], zeros[1]())\n"
               "}\n");
}

/* First and second derivatives, by what is replaced and by what replaces it, also of what a later update
 * replaces; and one along a direction. */
static void test_derivatives(void **state) {
  (void)state;
  expect_pairs("fn masked(x, v, at) {\n"
               "  iota[4]()[:, new] == at[1] ? v[1] : iota[4]()[:, new] == at[0] ? v[0] : x\n"
               "}\n"
               "fn replaced(x, v, at) { x[at] <- v; x }\n"
               "entry e(x: f32[4, 3], v: f32[2, 3], k: i32) -> (a, b, c, d, f, g, h, i, j, l, m, n, o, p) {\n"
               "  at = stack(k % 3, 2 * (k % 2)); x = 1.0 * x; v = 1.0 * v\n"
               "  y = masked(x, v, at); z = replaced(x, v, at)\n"
               "  gy = grad(sum(y ** 3), (x, v)); gz = grad(sum(z ** 3), (x, v))\n"
               "  a = gy[0]; b = gz[0]; c = gy[1]; d = gz[1]\n"
               "  sy = grad(sum(flat(gy) ** 2), (x, v)); sz = grad(sum(flat(gz) ** 2), (x, v))\n"
               "  f = sy[0]; g = sz[0]; h = sy[1]; i = sz[1]\n"
               "  j = jvp(y ** 2, (x, v), (x, 2)); l = jvp(z ** 2, (x, v), (x, 2))\n"
               "  m = grad(sum(scanned(x, v) ** 2), (x, v))[1]\n"
               "  n = grad(sum(unrolled(x, v) ** 2), (x, v))[1]\n"
               "  o = grad(sum(grad(sum(scanned(x, v) ** 3), x) ** 2), v)\n"
               "  p = grad(sum(grad(sum(unrolled(x, v) ** 3), x) ** 2), v)\n"
               "}\n"
               "fn scanned(x, v) {\n"
               "  scan t in 0..6 { x[(2 * t) % 3, t % 3] <- sum(x[t % 4]) * v[t % 2, t % 3] }\n"
               "  x\n"
               "}\n"
               "fn unrolled(x, v) {\n"
               "  for t in 0..6 { x[(2 * t) % 3, t % 3] <- sum(x[t % 4]) * v[t % 2, t % 3] }\n"
               "  x\n"
               "}\n");
}

/* Places that come round to the same again, since their type holds no more. */
static void test_derivatives_where_places_wrap(void **state) {
  (void)state;
  expect_pairs("entry e(x: f32[4], u: f32[5]) -> (a, b) {\n"
               "  k = iota[5]() * 1073741824; s = 1.0 * x; t = 1.0 * x\n"
               "  s[k] <- u; t[0] <- u[4]\n"
               "  a = grad(sum(s ** 2), u); b = grad(sum(t ** 2), u)\n"
               "}\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_known_places),
      cmocka_unit_test(test_places_at_run_time),
      cmocka_unit_test(test_what_is_updated),
      cmocka_unit_test(test_updates_in_scans),
      cmocka_unit_test(test_derivatives),
      cmocka_unit_test(test_derivatives_where_places_wrap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
