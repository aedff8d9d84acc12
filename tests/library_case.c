#include "library_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compare.h"

void expect_real(const char *what, double actual, double expected) {
  if (!compare_real(actual, expected, (tolerance){1e-6, 1e-6}))
    fail_msg("%s: %.17g is not %.17g", what, actual, expected);
}

tensor *library_input(arena *a, int rank, const int64_t *extents) {
  tensor_type type = type_of(DTYPE_F32, rank, extents);
  tensor *x = tensor_new(a, &type);
  int64_t count = type_elements(&type);
  for (int64_t i = 0; i < count; i++)
    x->reals[i] = 2 * fmod((double)(i + 1) * 0.6180339887498949, 1) - 1;
  return x;
}

/* The loss weighs all elements differently, so that no two gradients can be exchanged unseen. The
 * entry `slope` leaves the parameters' gradients in their place. */
static char *source_of(arena *a, const library_gradient *c) {
  const char *sizes = "", *training = c->training ? "true" : "false";
  for (int i = 0; i < c->rank; i++)
    sizes = arena_printf(a, "%s%s%lld", sizes, i ? ", " : "", (long long)c->extents[i]);
  return arena_printf(a,
                      "use nn\nuse loss\nuse recurrent\nuse attention\nuse transformer\nuse distributions\n%s%s\n"
                      "fn weighted(x) {\n"
                      "  y = flat((%s,))\n"
                      "  sum(y * cos(3 * f32(iota[len(y)]())))\n"
                      "}\n"
                      "entry value[training = %s](x: f32[%s]) -> (l) { l = weighted(x) }\n"
                      "entry slope[training = %s](x: f32[%s]) -> (by_x) {\n"
                      "  l = weighted(x)\n"
                      "  by_x = grad(l, x)\n"
                      "  %s\n"
                      "}\n",
                      c->layer ? "layer = " : "", c->layer ? c->layer : "", c->expression,
                      training, sizes, training, sizes,
                      c->layer ? "params(layer) <- grad(l, layer)" : "");
}

/* The slope of the loss by a number that it reads. */
static double difference(model *m, double *at, const tensor *x) {
  const double kept = *at, step = 1e-5;
  *at = kept + step;
  double above = model_real(m, "value", &x);
  *at = kept - step;
  double below = model_real(m, "value", &x);
  *at = kept;
  return (above - below) / (2 * step);
}

/* Compares the slopes by the elements of t, which the loss reads. */
static void check_slopes(model *m, const library_gradient *c, const char *what, tensor *t,
                         const tensor *slopes, const tensor *x) {
  for (int64_t i = 0; i < type_elements(&t->type); i++) {
    double expected = difference(m, &t->reals[i], x);
    if (!compare_real(slopes->reals[i], expected, (tolerance){1e-5, 1e-5}))
      fail_msg("%s by %s[%lld]: %.17g, not %.17g", c->expression, what, (long long)i,
               slopes->reals[i], expected);
  }
}

void library_check_gradient(const library_gradient *c) {
  arena *a = arena_new();
  model *m = model_new(source_of(a, c), NULL);
  tensor *x = library_input(m->arena, c->rank, c->extents);
  int count = m->program->slot_count;
  tensor **kept = arena_array_of(a, count, tensor *), **slopes = arena_array_of(a, count, tensor *);
  for (int i = 0; i < count; i++) kept[i] = m->slots[i];
  const tensor *by_x = model_run(m, "slope", (const tensor *[]){x})[0];
  for (int i = 0; i < count; i++) slopes[i] = m->slots[i], m->slots[i] = kept[i];
  check_slopes(m, c, "x", x, by_x, x);
  for (int i = 0; i < count; i++)
    if (m->program->slots[i].kind == SLOT_PARAM)
      check_slopes(m, c, m->program->slots[i].path, m->slots[i], slopes[i], x);
  model_free(m);
  arena_free(a);
}
