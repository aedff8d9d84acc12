/* Index notation: which graphs it becomes, and that it means what operators written by hand mean,
 * values and gradients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../golden.h"
#include "../model_case.h"
#include "graph_text.h"
#include "pass.h"

/* --- graphs --------------------------------------------------------------------------------- */

static void test_forms_become_operators(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, "tests/lang/index", ".dnn", &count);
  for (int i = 0; i < count; i++) {
    char *path = arena_printf(a, "tests/lang/index/%s", names[i]);
    model *m = model_new(golden_read(a, arena_printf(a, "%s.dnn", path)), NULL);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    for (int k = 0; k < m->program->entry_count; k++)
      graph_print(out, pass_simplify(m->program->entries[k]));
    fclose(out);
    golden_compare(arena_printf(a, "%s.graph", path), text);
    free(text);
    model_free(m);
  }
  arena_free(a);
}

/* --- meaning -------------------------------------------------------------------------------- */

typedef struct pair {
  const char *inputs;  /* A, B, C and D are sizes */
  const char *indexed, *by_hand; /* bodies that define y */
  const char *wanted;  /* with respect to which the gradient of sum(y * y + y) is compared, or NULL */
} pair;

static const pair pairs[] = {
    {"x: f32[A, B], w: f32[B, C], b: f32[C]", "y[n, o] = sum[i](x[n, i] * w[i, o]) + b[o]",
     "y = x @ w + b", "(x, w, b)"},
    {"x: f32[B, A], w: f32[C, B]", "y[n, o] = sum[i](x[i, n] * w[o, i])", "y = x.T @ w.T",
     "(x, w)"},
    {"x: f32[A, B, C]", "y[k, i, j] = x[i, j, k]", "y = transpose[2, 0, 1](x)", "x"},
    {"x: f32[A, B, C]", "y[k, i] = x[i, -1, k] - x[i, 0, k]",
     "y = (x[:, -1] - x[:, 0]).T", "x"},
    {"m: f32[A, B, C], k: f32[A, C]", "y[n, i] = sum[j](m[n, i, j] * k[n, j])",
     "y = reshape[A, B](m @ k[:, :, new])", "(m, k)"},
    {"q: f32[A, B, 2, C], k: f32[A, D, 2, C]",
     "y[n, h, i, j] = sum[d](q[n, i, h, d] * k[n, j, h, d])",
     "y = transpose[0, 2, 1, 3](q) @ transpose[0, 2, 3, 1](k)", "(q, k)"},
    {"l: f32[A, B], x: f32[B, C], r: f32[C, D]",
     "y[i, j] = sum[p, q](l[i, p] * x[p, q] * r[q, j])", "y = l @ x @ r", "(l, x, r)"},
    {"x: f32[A, B], w: f32[B, C], s: f32", "y[i] = sum[j, k, z < 3](s * x[i, j] * w[j, k] * 2)",
     "y = 6 * s * sum[1](x @ w)", "(x, w, s)"},
    {"a: f32[B, A], b: f32[B, C], c: f32[D]", "y[i, j, k] = sum[s](a[s, k] * b[s, j] * c[i])",
     "y = c[:, new, new] * (b.T @ a)", "(a, b, c)"},
    {"x: f32[A, B], w: f32[A, B]", "y = sum[i, j](x[i, j] * w[i, j])", "y = sum(x * w)", "(x, w)"},
    {"x: f32[A], w: f32[B]", "y[j, i] = x[i] * w[j]", "y = x * w[:, new]", "(x, w)"},
    {"x: f32[A, C], w: f32[B, C]", "y[i, j] = sum[k]((x[i, k] - w[j, k]) ** 2)",
     "y = sum[-1]((x[:, new] - w) ** 2)", "(x, w)"},
    {"x: f32[A, C]", "y[i, j] = i == j ? 0.0 : 1 / (1 + sum[k]((x[i, k] - x[j, k]) ** 2))",
     "y = iota[A, 1]() == iota[A]() ? 0.0 : 1 / (1 + sum[-1]((x[:, new] - x) ** 2))", "x"},
    {"x: f32[A, B]", "y[i] = mean[j](x[i, j]) * max[j](x[i, j]) + min[j](x[i, j])",
     "y = mean[1](x) * max[1](x) + min[1](x)", "x"},
    {"x: f32[A, B]", "y[j] = prod[i](x[i, j]) + logsumexp[i](2 * x[i, j])",
     "y = prod[0](x) + logsumexp[0](2 * x)", "x"},
    {"x: f32[A, B]", "y[i] = argmax[j](x[i, j]) - 2 * argmin[j](x[i, j])",
     "y = argmax(x) - 2 * argmin(x)", NULL},
    {"x: f32[A, B]", "y[i] = any[j](x[i, j] > 0.5) and not all[j](x[i, j] < 0 or j > 1)",
     "y = any[1](x > 0.5) and not all[1](x < 0 or iota[B]() > 1)", NULL},
    {"x: f32[A, B]", "y[i, j] = f32(i + 2 * j) * sigmoid(x[i, j]) |> relu",
     "y = relu(f32(iota[A, 1]() + 2 * iota[B]()) * sigmoid(x))", "x"},
    /* diagonals, and an axis that is not the index's */
    {"x: f32[A, A]", "y[i] = x[i, i]", "y = sum[1](x * f32(iota[A, 1]() == iota[A]()))", "x"},
    {"x: f32[A, B, A]", "y[j, i] = x[i, j, i] + x[j % A, i % B, 0]",
     "y = sum[-1](transpose[1, 0, 2](x) * f32(iota[A, 1]() == iota[A]())) + "
     "x[:, :, 0][iota[B]() % A][:, iota[A]() % B]", "x"},
    {"x: f32[A, B]", "y[i < C, j < D] = x[i, j]", "y = x[iota[C]()][:, iota[D]()]", "x"},
    {"x: f32[A]", "y[i < B] = x[i + 1] - x[i - 2] + x[2 * i] * x[3 - i] + x[7 - 3 * i]",
     "y = x[iota[B]() + 1] - x[iota[B]() - 2] + x[2 * iota[B]()] * x[3 - iota[B]()] + "
     "x[7 - 3 * iota[B]()]", "x"},
    /* windows */
    {"x: f32[A], w: f32[B]", "y[t < C] = sum[k](x[t + k] * w[k])",
     "y = x[iota[C, 1]() + iota[B]()] @ w", "(x, w)"},
    {"x: f32[D, A], w: f32[B]", "y[n, t < C] = sum[k](x[n, 2 * t - k + 1] * w[k])",
     "y = x[:, 2 * iota[C, 1]() - iota[B]() + 1] @ w", "(x, w)"},
    {"x: f32[A, D], w: f32[B, D, C]", "y[t < A, o] = sum[k, i](x[t - 3 * k, i] * w[k, i, o])",
     "y = reshape[A, B * D](x[iota[A, 1]() - 3 * iota[B]()]) @ reshape[B * D, C](w)", "(x, w)"},
    {"x: f32[A]", "y[t < C] = max[k < B](x[t + k])", "y = max[1](x[iota[C, 1]() + iota[B]()])", "x"},
    {"x: f32[A]", "y[i < A, j < B, k < C] = x[i + 2 * j - k]",
     "y = x[iota[A, 1, 1]() + 2 * iota[B, 1]() - iota[C]()]", "x"},
    {"x: f32[A, B]", "y[i < C, j < D] = x[i + j, i - j]",
     "p = iota[C, 1]()\n  q = iota[D]()\n  on = p + q < A and p >= q and p - q < B\n"
     "  y = reshape[A * B](x)[on ? (p + q) * B + p - q : -1]", "x"},
    {"x: f32[A, B]", "y[i, j < D] = x[i, i + 2 * j]",
     "p = iota[A, 1]()\n  q = iota[D]()\n"
     "  y = reshape[A * B](x)[p + 2 * q < B ? p * B + p + 2 * q : -1]", "x"},
    {"x: f32[A]", "y[i < B, j < C] = x[4 - i - j]", "y = x[4 - iota[B, 1]() - iota[C]()]", "x"},
    /* convolutions */
    {"x: f32[A, B, 7], w: f32[C, B, 3]", "y[n, o, t < 5] = sum[c, k](x[n, c, t + k] * w[o, c, k])",
     "y = conv(x, w)", "(x, w)"},
    {"x: f32[A, 9, B], w: f32[4, B, C]",
     "y[t < 5, o, n] = sum[k, c](w[k, c, o] * x[n, 2 * t - k + 2, c])",
     "y = transpose[2, 1, 0](conv[stride: 2, pad: ((1, 2),)](transpose[0, 2, 1](x), "
     "reverse[2](transpose[2, 1, 0](w))))", "(x, w)"},
    {"x: f32[A, B, D, 6, 5], w: f32[B, C, D, 2, 3]",
     "y[n, g, o, i < 6, j < 5] = sum[c, p, q](x[n, g, c, i + p - 1, j + 2 * q - 2] * w[g, o, c, p, q])",
     "y = reshape[A, B, C, 6, 5](conv[pad: ((1, 0), (2, 2)), dilation: (1, 2), groups: B]("
     "reshape[A, B * D, 6, 5](x), reshape[B * C, D, 2, 3](w)))", "(x, w)"},
    {"x: f32[A], w: f32[B, C]", "y[t < D, o] = sum[k](x[t + k - 1] * w[o, k])",
     "y = x[iota[D, 1]() + iota[C]() - 1] @ w.T", "(x, w)"},
    /* quotients and remainders */
    {"g: f32[D, A], k: f32[D, A]", "y[b, i < A] = sum[j](g[b, j] * k[b, (i - j) % A])",
     "y = reshape[D, A](k[:, (iota[A, 1]() - iota[A]()) % A] @ g[:, :, new])", "(g, k)"},
    {"x: f32[A]", "y[i < B, j < C] = x[(3 * i - 2 * j) % 5] + x[(i - 7) // 3] * x[(i + j) % 4 + 1]",
     "p = iota[B, 1]()\n  q = iota[C]()\n"
     "  y = x[(3 * p - 2 * q) % 5] + x[(p - 7) // 3] * x[(p + q) % 4 + 1]", "x"},
    {"x: f32[A]", "y[i < 12] = x[i // 2 + 3 * (i % 2)] + x[i // 3 - i % 3]",
     "p = iota[12]()\n  y = x[p // 2 + 3 * (p % 2)] + x[p // 3 - p % 3]", "x"},
    {"x: f32[A, B, 4 * C]", "y[n, h < 4, i, d < C] = x[n, i, h * C + d]",
     "y = transpose[0, 2, 1, 3](reshape[A, B, 4, C](x))", "x"},
    {"x: f32[A, D, B, C]", "y[n, i, c < D * C] = x[n, c // C, i, c % C]",
     "y = reshape[A, B, D * C](transpose[0, 2, 1, 3](x))", "x"},
    /* places known at run time */
    {"x: f32[A, B], k: i32[C]", "y[t, d] = x[k[t], d]", "y = x[k]", "x"},
    {"x: f32[A, B], k: i32[C, D]", "y[t, d, u] = x[d, k[t, u]]",
     "y = transpose[1, 0, 2](x[:, k])", "x"},
    {"x: f32[A, B], k: i32[A]", "y[b] = x[b, k[b]]",
     "y = sum[1](x * f32(k[:, new] == iota[B]()))", "x"},
    {"x: f32[A, C, B], k: i32[A, D]", "y[d, b, c] = x[b, c, k[b, d]]",
     "y = transpose[1, 0, 2](sum[-1](x[:, new] * f32(k[:, :, new, new] == iota[B]())))", "x"},
    {"x: f32[A, B, C], k: i32[A, C]", "y[b, c] = x[b, k[b, c], c]",
     "y = sum[1](x * f32(k[:, new] == iota[B, 1]()))", "x"},
    {"x: f32[A, B], i: i32[C], k: i32[C]", "y[t] = x[i[t], k[t] + 1]",
     "y = sum[1, 2](x * f32(i[:, new, new] == iota[A, 1]() and k[:, new, new] + 1 == iota[B]()))",
     "x"},
    {"x: f32[A, B], i: u8, k: i64[C]", "y[t, d] = x[i, d] * x[k[t] % A, d]",
     "y = x[i] * x[k % A]", "x"},
    {"x: f32[A, B, C], k: i32[D]", "y[i, j] = x[i, k[j], (i + j) % C]",
     "p = (iota[A, 1]() + iota[D]()) % C\n"
     "  on = k[:, new, new] == iota[B, 1]() and p[:, :, new, new] == iota[C]()\n"
     "  y = sum[2, 3](x[:, new] * f32(on))", "x"},
    {"x: f32[A]", "y[i < B, j < C] = x[i * j]", "y = x[iota[B, 1]() * iota[C]()]", "x"},
    {"x: f32[A, B], n: i32[A]", "y[b, t < C] = t < n[b] ? x[b, n[b] - 1 - t] : -1.0",
     "p = iota[C]()\n  q = n[:, new]\n"
     "  y = p < q ? sum[-1](x[:, new] * f32((q - 1 - p)[:, :, new] == iota[B]())) : -1.0", "x"},
    {"u: f32[A, B, C], m: f32[C, C], s: i32[A, B]",
     "y[n] = sum[t](u[n, t, s[n, t]]) + sum[t](t + 1 < B ? m[s[n, t], s[n, t + 1]] : 0.0)",
     "on = f32(s[:, :, new] == iota[C]())\n  after = on[:, iota[B]() + 1]\n"
     "  y = sum[1, 2](u * on) + sum[1, 2]((on @ m) * after)", "(u, m)"},
};

static uint64_t next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

/* Integers from -2 to 5, of which some lie outside of small axes; reals in [-1, 1]. */
static tensor *random_tensor(arena *a, const tensor_type *type, uint64_t *random) {
  tensor *t = tensor_new(a, type);
  for (int64_t i = 0; i < type_elements(type); i++)
    if (dtype_is_float(type->element)) t->reals[i] = (double)(next(random) % 2001) / 1000 - 1;
    else if (type->element == DTYPE_BOOL) t->ints[i] = (int64_t)(next(random) % 2);
    else t->ints[i] = (int64_t)(next(random) % 8) - 2;
  return t;
}

static const char *entry_text(arena *a, const char *name, const pair *p, const char *body) {
  const char *slope = p->wanted ? arena_printf(a, "slope = flat(grad(sum(y * y + y), %s))", p->wanted)
                                : "slope = 0";
  return arena_printf(a, "entry %s(%s) -> (y, slope) {\n  %s\n  %s\n}\n", name, p->inputs, body,
                      slope);
}

static const char *pair_text(arena *a, const pair *p, uint64_t *random) {
  static const int sizes[] = {1, 2, 3, 5, 8, 17};
  const char *text = "use nn\n";
  for (char size = 'A'; size <= 'D'; size++)
    text = arena_printf(a, "%sconst %c = %d\n", text, size, sizes[next(random) % 6]);
  return arena_printf(a, "%s%s%s", text, entry_text(a, "indexed", p, p->indexed),
                      entry_text(a, "by_hand", p, p->by_hand));
}

static void compare_pair(const pair *p, uint64_t seed) {
  static const tolerance near = {1e-12, 1e-11};
  uint64_t random = seed;
  arena *a = arena_new();
  const char *text = pair_text(a, p, &random);
  model *m = model_new(text, NULL);
  const graph *g = program_entry(m->program, "indexed");
  const tensor **inputs = arena_array_of(a, g->input_count, const tensor *);
  for (int i = 0; i < g->input_count; i++)
    inputs[i] = random_tensor(a, &g->inputs[i].node->type, &random);
  tensor **indexed = model_run(m, "indexed", inputs), **by_hand = model_run(m, "by_hand", inputs);
  for (int i = 0; i < 2; i++) {
    const char *difference = compare_tensors(a, indexed[i], by_hand[i], near);
    if (difference) fail_msg("%s\n%s: %s", text, i ? "slope" : "y", difference);
  }
  model_free(m);
  arena_free(a);
}

static void test_means_the_same_as_operators(void **state) {
  (void)state;
  enum { ROUNDS = 12 };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    for (uint64_t round = 0; round < ROUNDS; round++) compare_pair(&pairs[i], 100 * i + round);
}

/* In a loop the name on the left is carried, and the turn may be a subscript. */
static void test_in_loops(void **state) {
  (void)state;
  model *m = model_new("entry e(u: f32[3, 2], move: f32[2, 2]) -> (y) {\n"
                       "  h[i < 2] = u[0, i]\n"
                       "  scan t in 1..3 {\n"
                       "    v = u[t]\n"
                       "    h[k] = sum[j](h[j] * move[j, k]) + v[k]\n"
                       "  }\n"
                       "  y = sum[i](h[i] * f32(1 + i))\n"
                       "}\n", NULL);
  const double u[] = {1, 2, 3, 4, 5, 6}, move[] = {1, 2, 3, 4};
  const tensor *inputs[] = {model_tensor(m->arena, 2, (int64_t[]){3, 2}, u),
                            model_tensor(m->arena, 2, (int64_t[]){2, 2}, move)};
  /* (1, 2) → (7, 10) + (3, 4) → (10 + 42, 20 + 56) + (5, 6) */
  double y = model_real(m, "e", inputs);
  if (!compare_real(y, 57 + 2 * 82, (tolerance){1e-12, 0})) fail_msg("%g is not 221", y);
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forms_become_operators),
      cmocka_unit_test(test_means_the_same_as_operators),
      cmocka_unit_test(test_in_loops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
