/* Random formulas of index notation against plain loops over their points: values, and gradients against
 * differences of the loops' values. Extents, subscripts, places and reductions are random. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../graph_case.h"
#include "../model_case.h"

enum { FORMULAS = 1000, INDICES = 4, OPERANDS = 3, AXES = 3 };

typedef enum form { BARE, AFFINE, REMAINDER, QUOTIENT, TABLE, PLACE, FORMS } form;

/* Of the indices `first` and `second`: the first; a first + b second + c; that % n; that // n; the element
 * of a table at the first; c. */
typedef struct subscript {
  form form;
  int first, second, a, b, c, n;
} subscript;

typedef struct operand {
  int rank, extents[AXES];
  subscript at[AXES];
} operand;

typedef enum reduction { SUM, MEAN, PROD, MAX, MIN, REDUCTIONS } reduction;
static const char *const reduction_names[] = {"sum", "mean", "prod", "max", "min"};

/* x * y * z, x + y * z, and a choice between x * z and y by the first and the last index */
typedef enum term { PRODUCT, MIXED, CHOICE, TERMS } term;

/* The first `left` indices stand on the left, the others are bound by the reduction. */
typedef struct formula {
  int indices, left, extents[INDICES];
  bool written[INDICES]; /* the extent is, else a bare subscript implies it */
  operand operands[OPERANDS];
  term term;
  reduction reduction;
} formula;

/* ---- choosing ----------------------------------------------------------------------------------- */

static int from_to(uint64_t *state, int low, int high) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return low + (int)((*state >> 33) % (uint64_t)(high - low + 1));
}

static subscript random_subscript(const formula *f, int extent, uint64_t *r) {
  subscript s = {(form)from_to(r, 0, FORMS - 1), from_to(r, 0, f->indices - 1), from_to(r, 0, f->indices - 1),
                 from_to(r, 1, 3), from_to(r, -2, 2), from_to(r, -3, 3), from_to(r, 1, 4)};
  if (from_to(r, 0, 2) == 0) s.form = BARE;
  if (s.form == PLACE) s.c = from_to(r, 0, extent - 1);
  return s;
}

static void choose_operand(formula *f, operand *o, uint64_t *r) {
  o->rank = from_to(r, 1, AXES);
  for (int i = 0; i < o->rank; i++) {
    o->extents[i] = from_to(r, 1, 6);
    o->at[i] = random_subscript(f, o->extents[i], r);
  }
}

/* An index whose extent is not written has that of each axis at which it stands by itself, and stands by
 * itself somewhere. */
static void imply_extents(formula *f) {
  bool implied[INDICES] = {false};
  for (int k = 0; k < OPERANDS; k++)
    for (int i = 0; i < f->operands[k].rank; i++) {
      const subscript *s = &f->operands[k].at[i];
      if (s->form == TABLE) implied[s->first] = true;
      if (s->form != BARE) continue;
      implied[s->first] = true;
      if (!f->written[s->first]) f->operands[k].extents[i] = f->extents[s->first];
    }
  for (int i = 0; i < f->indices; i++) f->written[i] = f->written[i] || !implied[i];
}

static formula random_formula(uint64_t seed) {
  uint64_t r = seed * 2654435761u + 1;
  formula f = {.indices = from_to(&r, 1, INDICES)};
  f.left = from_to(&r, 0, f.indices < 3 ? f.indices : 3);
  for (int i = 0; i < f.indices; i++) {
    f.extents[i] = from_to(&r, 1, 5);
    f.written[i] = from_to(&r, 0, 2) == 0;
  }
  for (int i = 0; i < OPERANDS; i++) choose_operand(&f, &f.operands[i], &r);
  f.term = (term)from_to(&r, 0, TERMS - 1);
  f.reduction = from_to(&r, 0, 1) ? SUM : (reduction)from_to(&r, 0, REDUCTIONS - 1);
  imply_extents(&f);
  return f;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static const char *subscript_text(arena *a, const subscript *s) {
  const char *sum = arena_printf(a, "%d * i%d + %d * i%d + %d", s->a, s->first, s->b, s->second, s->c);
  switch (s->form) {
    case BARE: return arena_printf(a, "i%d", s->first);
    case AFFINE: return sum;
    case REMAINDER: return arena_printf(a, "(%s) %% %d", sum, s->n);
    case QUOTIENT: return arena_printf(a, "(%s) // %d", sum, s->n);
    case TABLE: return arena_printf(a, "t%d[i%d]", s->first, s->first);
    default: return arena_printf(a, "%d", s->c);
  }
}

static const char *operand_text(arena *a, const formula *f, int which) {
  const operand *o = &f->operands[which];
  const char *text = arena_printf(a, "x%d[", which);
  for (int i = 0; i < o->rank; i++)
    text = arena_printf(a, "%s%s%s", text, i ? ", " : "", subscript_text(a, &o->at[i]));
  return arena_printf(a, "%s]", text);
}

static const char *indices_text(arena *a, const formula *f, int from, int to) {
  const char *text = "";
  for (int i = from; i < to; i++)
    text = arena_printf(a, f->written[i] ? "%s%si%d < %d" : "%s%si%d", text, i > from ? ", " : "", i,
                        f->extents[i]);
  return text;
}

static const char *term_text(arena *a, const formula *f) {
  const char *x = operand_text(a, f, 0), *y = operand_text(a, f, 1), *z = operand_text(a, f, 2);
  if (f->term == PRODUCT) return arena_printf(a, "%s * %s * %s", x, y, z);
  if (f->term == MIXED) return arena_printf(a, "%s + %s * %s", x, y, z);
  return arena_printf(a, "(i0 + 2 * i%d) %% 3 == 1 ? %s * %s : %s", f->indices - 1, x, z, y);
}

static const char *inputs_text(arena *a, const formula *f) {
  const char *text = "";
  for (int k = 0; k < OPERANDS; k++) {
    const operand *o = &f->operands[k];
    text = arena_printf(a, "%s%sx%d: f32[", text, k ? ", " : "", k);
    for (int i = 0; i < o->rank; i++) text = arena_printf(a, "%s%s%d", text, i ? ", " : "", o->extents[i]);
    text = arena_printf(a, "%s]", text);
  }
  for (int i = 0; i < f->indices; i++) text = arena_printf(a, "%s, t%d: i32[%d]", text, i, f->extents[i]);
  return text;
}

static const char *formula_text(arena *a, const formula *f) {
  const char *left = f->left ? arena_printf(a, "y[%s]", indices_text(a, f, 0, f->left)) : "y";
  const char *right = term_text(a, f);
  if (f->left < f->indices)
    right = arena_printf(a, "%s[%s](%s)", reduction_names[f->reduction],
                         indices_text(a, f, f->left, f->indices), right);
  return arena_printf(a, "entry e(%s) -> (y, g0, g1, g2) {\n  %s = %s\n  g = grad(sum(y * y + y), (x0, x1, x2))\n"
                      "  g0 = g[0]; g1 = g[1]; g2 = g[2]\n}\n", inputs_text(a, f), left, right);
}

/* ---- loops -------------------------------------------------------------------------------------- */

static int floored(int x, int n) { return x / n - (x % n < 0); }

/* inputs: the operands, then a table for each index. */
static int place_of(const subscript *s, const int *point, const tensor *const *inputs) {
  const int sum = s->a * point[s->first] + s->b * point[s->second] + s->c;
  switch (s->form) {
    case BARE: return point[s->first];
    case AFFINE: return sum;
    case REMAINDER: return sum - s->n * floored(sum, s->n);
    case QUOTIENT: return floored(sum, s->n);
    case TABLE: return (int)inputs[OPERANDS + s->first]->ints[point[s->first]];
    default: return s->c;
  }
}

/* 0 outside of an axis. */
static double read_at(const formula *f, int which, const int *point, const tensor *const *inputs) {
  const operand *o = &f->operands[which];
  int offset = 0;
  for (int i = 0; i < o->rank; i++) {
    const int place = place_of(&o->at[i], point, inputs);
    if (place < 0 || place >= o->extents[i]) return 0;
    offset = offset * o->extents[i] + place;
  }
  return inputs[which]->reals[offset];
}

static double term_at(const formula *f, const int *point, const tensor *const *inputs) {
  double x = read_at(f, 0, point, inputs), y = read_at(f, 1, point, inputs), z = read_at(f, 2, point, inputs);
  if (f->term == PRODUCT) return x * y * z;
  if (f->term == MIXED) return x + y * z;
  return (point[0] + 2 * point[f->indices - 1]) % 3 == 1 ? x * z : y;
}

/* The next point by its indices from `from` on, the last one fastest; false after the last. */
static bool advance(const formula *f, int *point, int from, int to) {
  for (int i = to - 1; i >= from; i--) {
    if (++point[i] < f->extents[i]) return true;
    point[i] = 0;
  }
  return false;
}

static double reduced(const formula *f, int *point, const tensor *const *inputs) {
  double value = term_at(f, point, inputs);
  int count = 1;
  for (; advance(f, point, f->left, f->indices); count++) {
    const double next = term_at(f, point, inputs);
    switch (f->reduction) {
      case PROD: value *= next; break;
      case MAX: value = fmax(value, next); break;
      case MIN: value = fmin(value, next); break;
      default: value += next;
    }
  }
  return f->reduction == MEAN ? value / count : value;
}

static tensor *by_loops(arena *a, const formula *f, const tensor_type *type, const tensor *const *inputs) {
  int point[INDICES] = {0};
  tensor *y = tensor_new(a, type);
  int64_t at = 0;
  do y->reals[at++] = reduced(f, point, inputs);
  while (advance(f, point, 0, f->left));
  assert_int_equal(at, type_elements(type));
  return y;
}

static double loss_by_loops(const formula *f, const tensor_type *type, const tensor *const *inputs) {
  arena *a = arena_new();
  const tensor *y = by_loops(a, f, type, inputs);
  double sum = 0;
  for (int64_t i = 0; i < type_elements(type); i++) sum += y->reals[i] * (y->reals[i] + 1);
  arena_free(a);
  return sum;
}

/* ---- comparing ---------------------------------------------------------------------------------- */

/* The slope of the loss along random directions of all operands, by gradients and by differences. */
static void compare_slopes(model *m, const formula *f, const tensor_type *type, const tensor **inputs,
                           tensor *const *gradients, uint64_t seed) {
  const double h = 1e-6;
  const tensor *moved[OPERANDS + INDICES];
  double slope = 0, sides[2];
  for (int side = 0; side < 2; side++) {
    memcpy(moved, inputs, sizeof(tensor *) * (size_t)(OPERANDS + f->indices));
    for (int k = 0; k < OPERANDS; k++) {
      const tensor *way = random_tensor(m->arena, &inputs[k]->type, 100 * seed + (uint64_t)k, -1, 1);
      tensor *x = tensor_new(m->arena, &inputs[k]->type);
      for (int64_t i = 0; i < type_elements(&x->type); i++) {
        x->reals[i] = inputs[k]->reals[i] + (side ? -h : h) * way->reals[i];
        if (!side) slope += gradients[k]->reals[i] * way->reals[i];
      }
      moved[k] = x;
    }
    sides[side] = loss_by_loops(f, type, moved);
  }
  const double difference = (sides[0] - sides[1]) / (2 * h);
  if (!compare_real(slope, difference, (tolerance){1e-7, 1e-6}))
    fail_msg("%s\nslope %.12g, by differences %.12g", formula_text(m->arena, f), slope, difference);
}

/* Compares a formula with its loops; returns whether the loops of another one differ from it. */
static bool compare(const formula *f, const formula *other, uint64_t seed) {
  arena *a = arena_new();
  const char *text = formula_text(a, f);
  model *m = model_new(text, NULL);
  const graph *g = program_entry(m->program, "e");
  const tensor **inputs = arena_array_of(m->arena, g->input_count, const tensor *);
  for (int i = 0; i < g->input_count; i++) /* some places lie outside */
    inputs[i] = random_tensor(m->arena, &g->inputs[i].node->type, 20 * seed + (uint64_t)i,
                              i < OPERANDS ? -1 : -2, i < OPERANDS ? 1 : 6);
  tensor **out = model_run(m, "e", inputs);
  const tensor_type *type = &out[0]->type;
  const tolerance near = {1e-11, 1e-11};
  const char *message = compare_tensors(a, out[0], by_loops(a, f, type, inputs), near);
  if (message) fail_msg("%s\n%s", text, message);
  compare_slopes(m, f, type, inputs, out + 1, seed);
  bool differs = compare_tensors(a, out[0], by_loops(a, other, type, inputs), near) != NULL;
  model_free(m);
  arena_free(a);
  return differs;
}

/* Loops whose first subscript is one further are told apart where that is read. */
static void test_formulas_are_their_loops(void **state) {
  (void)state;
  int apart = 0;
  for (uint64_t seed = 0; seed < FORMULAS; seed++) {
    const formula f = random_formula(seed);
    formula other = f;
    subscript *s = &other.operands[0].at[0];
    if (s->form == BARE) *s = (subscript){AFFINE, s->first, s->first, 1, 0, 0, 1};
    s->c++;
    apart += compare(&f, &other, seed);
  }
  print_message("%d of %d formulas are told from those one place beside\n", apart, FORMULAS);
  assert_true(apart > FORMULAS / 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_formulas_are_their_loops)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
