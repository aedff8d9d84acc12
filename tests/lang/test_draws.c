/* Draws have the distributions that docs/language.md gives, for fixed seeds, at a significance of 1e-4: no
 * test gives a probability below half of that, nor above one less half of that, which would be too good to
 * be true. Each test refuses a distortion of its draws. Compiled code draws the same bits as the interpreter. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../differential.h"
#include "../model_case.h"
#include "compile.h"
#include "dnn_rt.h"

enum { N = 10000, CALLS = 2, SAMPLES = N * CALLS, SEEDS = 3, MOST_CELLS = 256 };
static const double significance = 1e-4;

/* A vector of draws: real ones with a distribution function, or numbers of cells with probabilities. */
typedef struct draw_case {
  const char *expression, *distorted; /* blocks; $ stands for their number of draws */
  double (*distribution)(double x);
  int cells;
  double (*probability)(int cell);
  bool rounded; /* computed by functions that the interpreter rounds otherwise */
} draw_case;

static double uniform_distribution(double x) { return fmin(fmax(x, 0), 1); }
static double normal_distribution(double x) { return erfc(-x / sqrt(2)) / 2; }
static double square_distribution(double x) { return erf(sqrt(x / 2)); }
static double logistic_distribution(double x) { return 1 / (1 + exp(-x)); }
static double gumbel_distribution(double x) { return exp(-exp(-x)); }

static double equal_pairs(int cell) {
  (void)cell;
  return 1.0 / MOST_CELLS;
}
static double three_in_ten(int cell) { return cell ? 0.3 : 0.7; }
static double one_in_seven(int cell) { return cell < 7 ? 1.0 / 7 : 0; }
static double one_in_ten(int cell) { return cell < 10 ? 0.1 : 0; }
static double tenths(int cell) { return (cell + 1) / 10.0; }
/* Of two kinds of rows, cells 0 and 1, and 2 to 4. */
static double by_row(int cell) { return cell < 2 || cell == 3 ? 0.25 : 0.125; }

/* Four digits to the base four, of which each occurs once. */
static double orders_of_four(int cell) {
  int seen = 0;
  for (int i = 0; i < 4; i++) seen |= 1 << (cell >> 2 * i & 3);
  return seen == 15 ? 1.0 / 24 : 0;
}

static const draw_case cases[] = {
    {"uniform[$]()", "uniform[$]() ** 1.1", uniform_distribution, 0, NULL, false},
    {"scan t in 0..$ { emit uniform() }", "scan t in 0..$ { emit 0.02 + uniform() }",
     uniform_distribution, 0, NULL, false},
    {"normal[$]()", "normal[$]() + 0.05", normal_distribution, 0, NULL, true},
    {"normal[$]() ** 2", "(1.1 * normal[$]()) ** 2", square_distribution, 0, NULL, true},
    {"logistic[$]()", "1.1 * logistic[$]()", logistic_distribution, 0, NULL, true},
    {"gumbel[$]()", "gumbel[$]() - 0.05", gumbel_distribution, 0, NULL, true},
    {"normal_draw[$]((1.0, log(4.0))) / 2 - 0.5", "normal_draw[$]((1.15, log(4.0))) / 2 - 0.5",
     normal_distribution, 0, NULL, true},
    /* neighbouring elements, two draws, two turns */
    {"u = i32(16 * uniform[$, 2]()); 16 * u[:, 0] + u[:, 1]",
     "u = uniform[$, 2](); 16 * i32(16 * u[:, 0]) + i32(14.4 * u[:, 1] + 1.6 * u[:, 0])",
     NULL, MOST_CELLS, equal_pairs, false},
    {"i32(16 * uniform[$]()) + 16 * i32(16 * uniform[$]())",
     "u = uniform[$](); i32(14.4 * uniform[$]() + 1.6 * u) + 16 * i32(16 * u)", NULL, MOST_CELLS,
     equal_pairs, false},
    {"u = scan t in 0..2 { emit i32(16 * uniform[$]()) }; 16 * u[0] + u[1]",
     "u = scan t in 0..2 { emit uniform[$]() }; 16 * i32(16 * u[0]) + i32(14.4 * u[1] + 1.6 * u[0])",
     NULL, MOST_CELLS, equal_pairs, false},
    {"bernoulli[$](0.3)", "bernoulli[$](0.33)", NULL, 2, three_in_ten, false},
    {"bernoulli_draw[$](log(3.0 / 7))", "bernoulli_draw[$](0.1 + log(3.0 / 7))", NULL, 2,
     three_in_ten, false},
    {"randint[$](7)", "randint[$](8) % 7", NULL, 8, one_in_seven, false},
    {"categorical[$](log(stack(1.0, 2.0, 3.0, 4.0)))",
     "categorical[$](log(stack(1.15, 2.0, 3.0, 4.0)))", NULL, 4, tenths, false},
    {"odd = uniform[$]() < 0.5\n"
     "k = categorical(odd[:, new] ? log(stack(1.0, 2.0, 1.0)) : stack(0.0, 0.0, -inf))\n"
     "k + (odd ? 2 : 0)",
     "odd = uniform[$]() < 0.5\n"
     "k = categorical(odd[:, new] ? log(stack(1.0, 1.8, 1.0)) : stack(0.0, 0.0, -inf))\n"
     "k + (odd ? 2 : 0)", NULL, 5, by_row, false},
    {"scan t in 0..$ { emit sum(permutation[4]() * stack(64, 16, 4, 1)) }",
     "scan t in 0..$ { emit sum(argsort(randint[4](16)) * stack(64, 16, 4, 1)) }", NULL, MOST_CELLS,
     orders_of_four, false},
    {"scan t in 0..$ { emit permutation[10]()[9] }",
     "scan t in 0..$ { p = permutation[10](); emit p[9] < p[8] and p[0] < 1 ? p[8] : p[9] }", NULL, 11,
     one_in_ten, false},
};
enum { CASES = sizeof cases / sizeof *cases };

/* ---- tests of hypotheses ------------------------------------------------------------------------ */

/* The probability that chi-square with n degrees of freedom is above x: by steps of two, from one or two. */
static double chi_square_above(double x, int n) {
  double term = n % 2 ? sqrt(2 * x / M_PI) * exp(-x / 2) : exp(-x / 2);
  double sum = n % 2 ? erfc(sqrt(x / 2)) : term;
  if (n % 2 == 0) term *= x / 2;
  for (int k = n % 2 ? 3 : 4; k <= n; k += 2) {
    sum += term;
    term *= x / k;
  }
  return sum;
}

/* Pearson (1900). A draw in a cell of probability 0, or in none, has probability 0. */
static double chi_square_test(const draw_case *c, const double *draws) {
  int counts[MOST_CELLS] = {0}, free = -1;
  double x = 0;
  for (int i = 0; i < SAMPLES; i++) {
    if (!(draws[i] >= 0 && draws[i] < c->cells)) return 0;
    counts[(int)draws[i]]++;
  }
  for (int i = 0; i < c->cells; i++) {
    double expected = SAMPLES * c->probability(i);
    if (expected == 0 && counts[i]) return 0;
    if (expected == 0) continue;
    free++;
    x += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return chi_square_above(x, free);
}

static int by_size(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* The probability that Kolmogorov's statistic is above t. */
static double kolmogorov_above(double t) {
  double sum = 0;
  for (int k = 1; k <= 100; k++) sum += (k % 2 ? 2 : -2) * exp(-2 * k * k * t * t);
  return t < 0.2 ? 1 : sum; /* where the sum converges slowly, it is 1 to 12 digits */
}

/* Kolmogorov (1933), with the correction for finite samples of Stephens (1970). Sorts the draws. */
static double kolmogorov_test(const draw_case *c, double *draws) {
  const double root = sqrt((double)SAMPLES);
  double distance = 0;
  qsort(draws, SAMPLES, sizeof *draws, by_size);
  for (int i = 0; i < SAMPLES; i++) {
    double p = c->distribution(draws[i]);
    if (isnan(p)) return 0;
    distance = fmax(distance, fmax(p - (double)i / SAMPLES, (i + 1.0) / SAMPLES - p));
  }
  return kolmogorov_above(distance * (root + 0.12 + 0.11 / root));
}

static bool is_likely(double probability) {
  return probability >= significance / 2 && probability <= 1 - significance / 2;
}

/* ---- the draws ---------------------------------------------------------------------------------- */

/* The text with each $ replaced by the number of draws. */
static const char *filled(arena *a, const char *text, int draws) {
  const char *at = strchr(text, '$');
  return at ? arena_printf(a, "%.*s%d%s", (int)(at - text), text, draws, filled(a, at + 1, draws)) : text;
}

/* An entry of each expression; they count steps, so that each call draws anew. */
static const char *program_text(arena *a, bool distorted, int draws) {
  const char *text = "use distributions\nstate calls: i32 = 0\n";
  for (int i = 0; i < CASES; i++)
    text = arena_printf(a, "%sfn draw_%d() {\n%s\n}\nentry e%d() -> (y) { y = draw_%d(); calls <- calls + 1 }\n",
                        text, i, filled(a, distorted ? cases[i].distorted : cases[i].expression, draws),
                        i, i);
  return text;
}

static double probability_of(model *m, const char *entry, const draw_case *c) {
  double *draws = arena_array_of(m->arena, SAMPLES, double);
  for (int call = 0; call < CALLS; call++) {
    const tensor *y = model_run(m, entry, NULL)[0];
    assert_int_equal(type_elements(&y->type), N);
    for (int i = 0; i < N; i++)
      draws[call * N + i] = dtype_is_float(y->type.element) ? y->reals[i] : (double)y->ints[i];
  }
  return c->cells ? chi_square_test(c, draws) : kolmogorov_test(c, draws);
}

/* Of every seed; distorted ones are refused for every seed. */
static void expect_likely(bool distorted) {
  arena *a = arena_new();
  model *m = model_new(program_text(a, distorted, N), NULL);
  for (int seed = 1; seed <= SEEDS; seed++)
    for (int i = 0; i < CASES; i++) {
      m->seed = (uint64_t)seed;
      m->step = 0;
      double p = probability_of(m, arena_printf(a, "e%d", i), &cases[i]);
      if (is_likely(p) == distorted)
        fail_msg("%s, seed %d: probability %.3g", distorted ? cases[i].distorted : cases[i].expression,
                 seed, p);
    }
  model_free(m);
  arena_free(a);
}

static void test_draws_have_their_distributions(void **state) {
  (void)state;
  expect_likely(false);
}

static void test_distorted_draws_are_refused(void **state) {
  (void)state;
  expect_likely(true);
}

/* Values of chi-square and of Kolmogorov's distribution from tables. */
static void test_probabilities(void **state) {
  (void)state;
  static const struct { double x; int n; double p; } table[] = {
      {3.841459, 1, 0.05}, {5.991465, 2, 0.05}, {16.81189, 6, 0.01}, {11.0705, 5, 0.05},
      {293.2478, 255, 0.05}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    assert_true(compare_real(chi_square_above(table[i].x, table[i].n), table[i].p, (tolerance){0, 1e-5}));
  assert_true(compare_real(kolmogorov_above(1.3581), 0.05, (tolerance){1e-5, 0}));
  assert_true(compare_real(kolmogorov_above(1.6276), 0.01, (tolerance){1e-5, 0}));
  assert_true(is_likely(0.5) && !is_likely(1e-5) && !is_likely(1 - 1e-5) && !is_likely(NAN));
}

/* ---- compiled code ------------------------------------------------------------------------------ */

static bool compare_library(void *context, const char *file) {
  model *m = context;
  dnn_library library;
  dnn_instance instance = {0};
  char message[DNN_MESSAGE_BYTES];
  if (!dnn_load(&library, file, message)) fail_msg("%s", message);
  assert_true(dnn_instance_init(&instance, library.model, NULL, m->seed));
  assert_int_equal(library.model->init(&instance.context), DNN_OK);
  for (int call = 0; call < CALLS; call++)
    for (int i = 0; i < CASES; i++) {
      const char *name = arena_printf(m->arena, "e%d", i);
      void *array = arena_alloc(m->arena, N * sizeof(float));
      assert_int_equal(library.model->prepare(&instance.weights), DNN_OK);
      assert_int_equal(dnn_find_entry(library.model, name)->call(&instance.context, 0, NULL, &array), DNN_OK);
      const tolerance t = cases[i].rounded ? (tolerance){1e-6, 1e-5} : (tolerance){0, 0};
      const char *difference = compare_array(m->arena, array, model_run(m, name, NULL)[0], t);
      if (difference) fail_msg("%s, call %d: %s", cases[i].expression, call, difference);
    }
  dnn_instance_free(&instance);
  dnn_unload(&library);
  return true;
}

static void check_compiled(int draws, bool (*compare)(arena *a, model *m)) {
  arena *a = arena_new();
  model *m = model_new(program_text(a, false, draws), NULL);
  m->seed = 5;
  assert_true(compare(a, m));
  model_free(m);
  arena_free(a);
}

static bool agrees_with_graph(arena *a, model *m) {
  const compile_options plain = {0};
  diagnostics *d = diag_new(a);
  const module *made = compile_module(m->program, d, &plain);
  return made && compile_library(a, made, d, &plain, "/tmp", compare_library, m);
}

static bool agrees_with_loops(arena *a, model *m) {
  const differential how = {.target = target_find(a, "x86-64-v3"), .seed = 3, .rounds = CALLS, .ways = ALL_WAYS};
  const char *fault = differential_check(a, m->program, &how);
  if (fault) print_message("%s\n", fault);
  return !fault;
}

/* What only moves and compares random bits is the same in the interpreter, which computes in double; all
 * is the same in the interpreter of loops, which rounds as compiled code does. */
static void test_compiled_code_draws_the_same(void **state) {
  (void)state;
  check_compiled(N, agrees_with_graph);
  check_compiled(100, agrees_with_loops);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_probabilities),
      cmocka_unit_test(test_draws_have_their_distributions),
      cmocka_unit_test(test_distorted_draws_are_refused),
      cmocka_unit_test(test_compiled_code_draws_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
