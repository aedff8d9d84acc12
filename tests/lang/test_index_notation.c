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
