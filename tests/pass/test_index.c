/* Index expressions: every expression equals what it stands for at every point, and the maps that
 * views make come out short. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index.h"
#include "tensor.h"

/* ---- evaluation ------------------------------------------------------------------------------ */

static int64_t floor_div(int64_t x, int64_t y) { return x / y - (x % y < 0); }

static int64_t value_of(const index_expr *x, const int64_t *variables) {
  int64_t sum = x->constant;
  for (int i = 0; i < x->term_count; i++) {
    const index_atom *atom = x->terms[i].atom;
    int64_t v = 0;
    if (atom->kind == INDEX_VARIABLE) {
      v = variables[atom->variable];
    } else {
      int64_t inner = value_of(atom->operand, variables);
      int64_t quotient = floor_div(inner, atom->divisor);
      v = atom->kind == INDEX_QUOTIENT ? quotient : inner - quotient * atom->divisor;
    }
    assert_true(v >= atom->low && v <= atom->high);
    sum += x->terms[i].factor * v;
  }
  assert_true(sum >= x->low && sum <= x->high);
  return sum;
}

/* A random expression beside its plain meaning. */
typedef struct random_expr {
  const index_expr *expr;
  int64_t values[60]; /* at every point of a domain of 3 × 4 × 5 */
} random_expr;

static const int64_t domain[] = {3, 4, 5};
enum { POINTS = 60 };

static void point(int number, int64_t variables[3]) {
  variables[0] = number / 20;
  variables[1] = number / 5 % 4;
  variables[2] = number % 5;
}

typedef struct random_source {
  arena *arena;
  uint32_t key[2];
  uint64_t count;
} random_source;

static int64_t draw(random_source *r, int64_t below) {
  return (int64_t)philox_element(r->key, r->count++, 0) % below;
}

static random_expr random_leaf(random_source *r) {
  random_expr e;
  int64_t constant = draw(r, 9) - 4, v = draw(r, 3);
  bool is_variable = draw(r, 3) > 0;
  e.expr = is_variable ? index_variable(r->arena, (int)v, domain[v])
                       : index_constant(r->arena, constant);
  for (int i = 0; i < POINTS; i++) {
    int64_t variables[3];
    point(i, variables);
    e.values[i] = is_variable ? variables[v] : constant;
  }
  return e;
}

static random_expr random_of(random_source *r, int depth) {
  if (depth == 0) return random_leaf(r);
  random_expr x = random_of(r, depth - 1), y = random_of(r, depth - 1), e = x;
  int64_t number = 1 + draw(r, 7), scale = draw(r, 13) - 6, kind = draw(r, 4);
  switch (kind) {
    case 0: e.expr = index_add(r->arena, x.expr, y.expr); break;
    case 1: e.expr = index_scale(r->arena, x.expr, scale); break;
    case 2: e.expr = index_quotient(r->arena, x.expr, number); break;
    default: e.expr = index_remainder(r->arena, x.expr, number); break;
  }
  for (int i = 0; i < POINTS; i++) {
    int64_t q = floor_div(x.values[i], number);
    e.values[i] = kind == 0   ? x.values[i] + y.values[i]
                  : kind == 1 ? x.values[i] * scale
                  : kind == 2 ? q
                              : x.values[i] - q * number;
  }
  return e;
}

static void random_expressions_keep_their_value(void **state) {
  (void)state;
  for (uint32_t seed = 0; seed < 3000; seed++) {
    arena *a = arena_new();
    random_source r = {.arena = a, .key = {seed, 1}};
    random_expr e = random_of(&r, 1 + (int)(seed % 4));
    for (int i = 0; i < POINTS; i++) {
      int64_t variables[3];
      point(i, variables);
      assert_int_equal(value_of(e.expr, variables), e.values[i]);
    }
    arena_free(a);
  }
}

/* Substituting variables by expressions is composition. */
static void substitution_composes(void **state) {
  (void)state;
  for (uint32_t seed = 0; seed < 1000; seed++) {
    arena *a = arena_new();
    random_source r = {.arena = a, .key = {seed, 2}};
    random_expr e = random_of(&r, 3);
    const index_expr *values[3];
    for (int v = 0; v < 3; v++)
      values[v] = index_remainder(a, random_of(&r, 2).expr, domain[v]);
    const index_expr *composed = index_substitute(a, e.expr, values);
    for (int i = 0; i < POINTS; i++) {
      int64_t variables[3], inner[3];
      point(i, variables);
      for (int v = 0; v < 3; v++) inner[v] = value_of(values[v], variables);
      assert_int_equal(value_of(composed, variables), value_of(e.expr, inner));
    }
    arena_free(a);
  }
}

/* ---- short forms ----------------------------------------------------------------------------- */

static tensor_type shape(int rank, const int64_t *extents) {
  return type_of(DTYPE_F32, rank, extents);
}

/* Splitting a line in any two ways and merging again gives the line back. */
static void reshapes_cancel(void **state) {
  (void)state;
  arena *a = arena_new();
  static const int64_t extents[][3] = {{2, 3, 20}, {4, 5, 6}, {8, 15, 1}, {1, 10, 12}, {60, 1, 2}};
  const index_expr *line = index_variable(a, 0, 120);
  for (int i = 0; i < 5; i++) {
    for (int k = 0; k < 5; k++) {
      tensor_type x = shape(3, extents[i]), y = shape(3, extents[k]);
      const index_expr *in_x[3], *in_y[3];
      index_unflatten(a, &x, line, in_x);
      index_unflatten(a, &y, index_flatten(a, &x, in_x), in_y);
      assert_true(index_equal(index_flatten(a, &y, in_y), line));
    }
  }
  arena_free(a);
}

static void ranges_simplify(void **state) {
  (void)state;
  arena *a = arena_new();
  const index_expr *i = index_variable(a, 0, 6), *k = index_variable(a, 1, 4);
  const index_expr *both = index_add(a, index_scale(a, i, 4), k); /* 4 i + k */
  assert_true(index_equal(index_quotient(a, both, 4), i));
  assert_true(index_equal(index_remainder(a, both, 4), k));
  assert_true(index_equal(index_remainder(a, both, 24), both));
  assert_true(index_is_constant(index_quotient(a, both, 24), 0));
  /* (4 i + k) / 8 mod 2 and the like keep no more than they must. */
  const index_expr *high = index_quotient(a, both, 8), *low = index_remainder(a, both, 8);
  assert_true(index_equal(index_add(a, index_scale(a, high, 8), low), both));
  assert_int_equal(index_atoms(high), 1);
  assert_true(index_equal(high, index_quotient(a, i, 2)));
  int64_t factor;
  assert_true(index_linear(both, 0, &factor));
  assert_int_equal(factor, 4);
  assert_false(index_linear(high, 0, &factor));
  assert_true(index_linear(high, 1, &factor)); /* k has left it */
  assert_int_equal(factor, 0);
  assert_false(index_depends(high, 1));
  arena_free(a);
}

static void guards_drop_what_holds(void **state) {
  (void)state;
  arena *a = arena_new();
  const index_expr *i = index_variable(a, 0, 6);
  index_guard guard = {0}, other = {0};
  index_guard_add(a, &guard, i, 6);
  assert_int_equal(guard.count, 0);
  index_guard_add(a, &guard, index_add(a, i, index_constant(a, -1)), 6);
  index_guard_add(a, &guard, index_add(a, i, index_constant(a, -1)), 6);
  assert_int_equal(guard.count, 1);
  assert_false(guard.never);
  index_guard_add(a, &other, i, 5);
  index_guard_add(a, &other, index_add(a, i, index_constant(a, -1)), 6);
  index_guard_add(a, &guard, i, 5); /* in the other order */
  assert_true(index_guard_equal(&guard, &other));
  index_guard_add(a, &guard, index_add(a, i, index_constant(a, 6)), 6);
  assert_true(guard.never);
  arena_free(a);
}

static void bijections(void **state) {
  (void)state;
  arena *a = arena_new();
  static const int variables[] = {0, 1};
  static const int64_t extents[] = {6, 4};
  const index_expr *i = index_variable(a, 0, 6), *k = index_variable(a, 1, 4);
  const index_expr *rows = index_add(a, index_scale(a, i, 4), k);
  const index_expr *columns = index_add(a, index_scale(a, k, 6), i);
  const index_expr *wide = index_add(a, index_scale(a, i, 5), k);
  assert_true(index_is_bijection(rows, variables, extents, 2, 24));
  assert_true(index_is_bijection(columns, variables, extents, 2, 24));
  assert_false(index_is_bijection(wide, variables, extents, 2, 24));
  assert_false(index_is_bijection(rows, variables, extents, 2, 25));
  assert_false(index_is_bijection(index_scale(a, i, 4), variables, extents, 2, 24));
  assert_false(index_is_bijection(index_add(a, rows, index_constant(a, 1)), variables, extents, 2, 24));
  assert_true(index_is_bijection(i, variables, extents, 1, 6));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_expressions_keep_their_value),
      cmocka_unit_test(substitution_composes),
      cmocka_unit_test(reshapes_cancel),
      cmocka_unit_test(ranges_simplify),
      cmocka_unit_test(guards_drop_what_holds),
      cmocka_unit_test(bijections),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
