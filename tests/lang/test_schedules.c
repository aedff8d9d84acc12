/* Schedules of the library, as the arguments of runs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../library_case.h"

enum { STEPS = 20, EPOCHS = 4 }; /* of a phase */

typedef double formula(double step);

static double toward(double first, double last, double way) { return first + (last - first) * way; }

static double constant(double step) { return step * 0 + 0.3; }
static double linear(double step) { return toward(1, 0.5, step / 19); }
static double linear_warmed(double step) {
  return step < 4 ? (step + 1) / 4 : toward(1, 0.5, (step - 4) / 15);
}
static double cosine(double step) { return 0.75 + 0.25 * cos(acos(-1) * step / 19); }
static double exponential(double step) { return pow(0.01, step / 19); }
static double polynomial(double step) { return 0.5 + 0.5 * pow(1 - step / 19, 3); }
static double stepwise(double step) { return step < 8 ? 1 : step < 16 ? 0.25 : 0.0625; }
static double piecewise(double step) { return step < 3 ? 1 : step < 12 ? 0.5 : 0.25; }
static double by_epoch(double step) { return step < 10 ? 1 : 0.5; } /* five steps each */
static double inverse_sqrt(double step) { return step < 3 ? (step + 1) / 4 : sqrt(4 / (step + 1)); }

static double triangular(double step) {
  double place = fmod(step, 8);
  return toward(0.25, 1, (place < 4 ? place : 8 - place) / 4);
}

static double low(double step) { return step * 0 + 0.25; }
static double never(double step) { return step * 0 + 1; }
static double without_warm_up(double step) { return 1 / sqrt(step + 1); }

static double restarts(double step) {
  return 0.75 + 0.25 * cos(acos(-1) * fmod(step, 6) / 6);
}

/* Rounds of 2, 4, 8, … steps. */
static double longer_restarts(double step) {
  double length = 2;
  while (step >= length) step -= length, length *= 2;
  return 0.75 + 0.25 * cos(acos(-1) * step / length);
}

static const struct {
  const char *text;
  formula *expected;
} schedules[] = {
    {"constant(0.3)", constant},
    {"linear(1.0, 0.5)", linear},
    {"linear(1.0, 0.5, 4)", linear_warmed},
    {"cosine(1.0, 0.5)", cosine},
    {"exponential(1.0, 0.01)", exponential},
    {"polynomial(1.0, 0.5, 3)", polynomial},
    {"stepwise(1.0, 0.25, 8)", stepwise},
    {"piecewise((1.0, 0.5, 0.25), (3, 12))", piecewise},
    {"piecewise((1.0, 0.5), (2,), epoch)", by_epoch},
    {"inverse_sqrt(1.0, 4)", inverse_sqrt},
    {"triangular(0.25, 1.0, 4)", triangular},
    {"stepwise(1.0, 0.25, 0)", never},
    {"inverse_sqrt(1.0, 0)", without_warm_up},
    {"inverse_sqrt(1.0, 1)", without_warm_up},
    {"triangular(0.25, 1.0, 0)", low},
    {"linear(1.0, 0.5, 0)", linear},
    {"warm_restarts(1.0, 0.5, 0)", cosine},
    {"warm_restarts(1.0, 0.5, 0, 2)", cosine},
    {"warm_restarts(1.0, 0.5, 6)", restarts},
    {"warm_restarts(1.0, 0.5, 2, 2)", longer_restarts},
};

/* The value of a run's only argument. */
static double value_at(arena *a, const task_run *run, int step) {
  const tensor_type scalar = type_scalar(DTYPE_F64);
  const double now[] = {step, step / (STEPS / EPOCHS), STEPS};
  const tensor *inputs[3];
  for (int i = 0; i < 3; i++) {
    tensor *t = tensor_new(a, &scalar);
    t->reals[0] = now[i];
    inputs[i] = t;
  }
  tensor *result;
  graph_eval(&(evaluation){.arena = a}, run->arguments[0].value, inputs, NULL, NULL, &result,
             NULL);
  return result->reals[0];
}

static void test_schedules(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
    arena *a = arena_new();
    model *m = model_new(arena_printf(a, "use schedule\nparam w: f32 = 0\n"
                                         "entry f(rate: f32) { w <- rate }\n"
                                         "task fit { run(f(rate: %s), steps: 20) }\n",
                                      schedules[i].text), NULL);
    for (int step = 0; step < STEPS; step++)
      expect_real(arena_printf(a, "%s in step %d", schedules[i].text, step),
                  value_at(a, &m->program->tasks[0].runs[0], step),
                  schedules[i].expected(step));
    model_free(m);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_schedules),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
