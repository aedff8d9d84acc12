/* Whole models in f64: every entry, several steps of training, within 1e-9 of the interpreter. Three
 * models are compiled for each width of vectors, and for the first the loop interpreter runs too; the
 * others, at small sizes, share the widths among them, and their gradients are compared with differences. Of the programs of tests/lang the loops run, as
 * tests/lang/test_programs.c runs their C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "differential.h"
#include "golden.h"
#include "source.h"

enum { STEPS = 2 };

typedef struct model_file {
  const char *path;
  const definition *definitions; /* smaller, where the model's own sizes would take long */
  int definition_count;
  const target *target;
  differential_ways ways;
  bool gradients;
} model_file;

/* What differs is printed. */
static bool gradients_hold(arena *a, const program *p) {
  check_counts counts = {0};
  const options how = {.directions = 1};
  return check_gradients(a, p, &how, &counts) == 0;
}

static const char *check_file(arena *a, void *context) {
  const model_file *m = context;
  diagnostics *d = diag_new(a);
  const source *text = source_read(a, d, m->path);
  const elaborate_options how_elaborated = {
      .real_f64 = true, .definitions = m->definitions, .definition_count = m->definition_count};
  program *p = text ? elaborate(a, d, text, &how_elaborated) : NULL;
  if (!p) return "the model was refused";
  if (m->gradients && !gradients_hold(a, p)) return "gradients differ from finite differences";
  const differential how = {.target = m->target,
                            .ways = m->ways,
                            .seed = 3,
                            .rounds = STEPS,
                            .low = -0.5,
                            .high = 0.5,
                            .least = 0,
                            .most = 10,
                            .relative = 1e-9};
  return differential_check(a, p, &how);
}

static void agrees_on_all_targets(const char *path, const definition *definitions, int count) {
  arena *a = arena_new();
  const target **targets = differential_targets(a);
  assert_non_null(targets[0]);
  for (int i = 0; targets[i]; i++) {
    if (i > 0 && targets[i]->vector_bytes == 16 && targets[i - 1]->vector_bytes == 16) continue;
    model_file m = {path, definitions, count, targets[i], i ? COMPILED : ALL_WAYS, false};
    const char *wrong = differential_apart(a, check_file, &m);
    if (wrong) fail_msg("%s, %s: %s", path, targets[i]->cpu, wrong);
  }
  arena_free(a);
}

static const definition two_rows[] = {{"B", "2"}};

static void logistic(void **state) {
  (void)state;
  agrees_on_all_targets("models/supervised/logistic.dnn", two_rows, 1);
}

static void mlp(void **state) {
  (void)state;
  agrees_on_all_targets("models/supervised/mlp.dnn", two_rows, 1);
}

static void lenet5(void **state) {
  (void)state;
  agrees_on_all_targets("models/convnets/lenet5.dnn", two_rows, 1);
}

enum { MOST_DEFINITIONS = 11 };

static const struct {
  const char *path;
  definition definitions[MOST_DEFINITIONS];
} small_models[] = {
    {"models/supervised/perceptron.dnn", {{"N", "20"}, {"SIZE", "8"}}},
    {"models/supervised/regression.dnn", {{"N", "30"}}},
    {"models/supervised/dropout.dnn", {{"B", "2"}, {"UNITS", "64"}}},
    {"models/supervised/optimisers.dnn", {{"B", "4"}, {"ALL", "8"}, {"UNITS", "5"}}},
    {"models/supervised/multitask.dnn", {{"B", "2"}, {"UNITS", "6"}, {"PICKED", "12"}}},
    {"models/autoencoders/autoencoder.dnn", {{"B", "8"}, {"UNITS", "6"}, {"CODE", "2"}}},
    {"models/autoencoders/denoising.dnn", {{"B", "2"}, {"UNITS", "16"}}},
    {"models/autoencoders/sparse.dnn", {{"B", "2"}, {"UNITS", "16"}, {"K", "3"}}},
    {"models/autoencoders/stacked.dnn",
     {{"B", "2"}, {"UNITS", "16"}, {"DEPTH", "2"}, {"SHOWN", "16"}}},
    {"models/convnets/resnet.dnn",
     {{"B", "2"}, {"BLOCKS", "1"}, {"WIDTH", "2"}, {"SIDE", "8"}, {"SHOWN", "10"}}},
    {"models/convnets/fcn_cam.dnn", {{"B", "2"}, {"TESTS", "4"}, {"CHANNELS", "4"}, {"CELL", "8"}}},
    {"models/convnets/unet.dnn",
     {{"B", "2"}, {"TESTS", "2"}, {"SIDE", "8"}, {"WIDTH", "2"}, {"DEPTH", "1"}}},
    {"models/convnets/deconvnet.dnn",
     {{"B", "2"}, {"TESTS", "2"}, {"SIDE", "8"}, {"WIDTH", "2"}, {"DEPTH", "1"}}},
    {"models/convnets/adversarial.dnn",
     {{"B", "2"}, {"SIDE", "12"}, {"WIDTH", "2"}, {"TURNS", "2"}, {"SHOWN", "2"}}},
    {"models/convnets/activation_max.dnn",
     {{"B", "2"}, {"SIDE", "12"}, {"COPIES", "1"}, {"CHANNELS", "2"}, {"FEATURES", "8"}}},
    {"models/recurrent/char_rnn.dnn",
     {{"B", "2"}, {"T", "3"}, {"H", "4"}, {"E", "3"}, {"LENGTH", "4"}, {"LANES", "2"}}},
    {"models/recurrent/lstm.dnn",
     {{"B", "2"}, {"T", "3"}, {"H", "4"}, {"E", "3"}, {"LENGTH", "4"}, {"LANES", "2"}}},
    {"models/recurrent/attention_nmt.dnn",
     {{"B", "2"}, {"TESTS", "2"}, {"SHOWN", "1"}, {"S", "3"}, {"LONG", "4"}, {"E", "3"}, {"H", "3"}}},
    {"models/recurrent/crf.dnn", {{"B", "2"}, {"T", "3"}, {"UNITS", "4"}}},
    {"models/attention/transformer.dnn",
     {{"B", "2"}, {"T", "4"}, {"D", "8"}, {"HEADS", "2"}, {"LAYERS", "1"}, {"LENGTH", "3"}}},
    {"models/attention/ntm.dnn",
     {{"B", "2"}, {"L", "2"}, {"LONG", "3"}, {"ROWS", "4"}, {"FEW", "3"}, {"MANY", "5"}, {"M", "3"}, {"C", "4"}, {"MOST", "2"},
      {"ITEMS", "3"}, {"MORE", "4"}}},
    {"models/agents/dqn.dnn",
     {{"GAMES", "2"}, {"KEPT", "3"}, {"B", "2"}, {"ROWS", "3"}, {"COLUMNS", "3"}, {"UNITS", "4"}, {"SHOWN", "2"}}},
    {"models/attention/memn2n.dnn", {{"B", "2"}, {"D", "4"}, {"HOPS", "2"}}},
    {"models/attention/memn2n.dnn", {{"TASK", "15"}, {"B", "2"}, {"D", "4"}, {"HOPS", "1"}}},
    {"models/energy/rbm.dnn",
     {{"B", "10"}, {"EDGE", "4"}, {"UNITS", "16"}, {"SIDE", "2"}, {"FEW", "3"}, {"LEVELS", "3"},
      {"RUNS", "2"}, {"WALK", "2"}, {"POINTS", "5"}}},
    {"models/generative/vae.dnn",
     {{"B", "10"}, {"EDGE", "4"}, {"UNITS", "4"}, {"Z", "2"}, {"DRAWS", "3"}}},
    {"models/generative/iwae.dnn",
     {{"B", "2"}, {"EDGE", "4"}, {"UNITS", "4"}, {"Z", "2"}, {"K", "2"}, {"DRAWS", "3"}}},
    {"models/generative/gan.dnn",
     {{"B", "3"}, {"EDGE", "4"}, {"UNITS", "4"}, {"Z", "2"}, {"JUDGED", "3"}, {"WINDOWS", "5"}}},
    {"models/generative/nade.dnn", {{"B", "3"}, {"EDGE", "4"}, {"UNITS", "4"}}},
    {"models/autoencoders/contractive.dnn",
     {{"B", "3"}, {"EDGE", "4"}, {"UNITS", "12"}, {"DRAWS", "2"}}},
    {"models/supervised/saddle_free.dnn",
     {{"ROWS", "6"}, {"B", "3"}, {"SIDE", "2"}, {"UNITS", "3"}, {"K", "3"}, {"STEPS", "3"},
      {"SMALL", "0.5"}}},
    {"models/attention/spatial_transformer.dnn",
     {{"B", "20"}, {"SIDE", "8"}, {"EDGE", "8"}, {"UNITS", "2"}, {"CHANNELS", "1"}}},
};

/* The turn-th of several is made for the turn-th width, counted round. */
static void agrees_on_one_target(arena *a, int turn, const char *path, const definition *definitions, int count,
                                 differential_ways ways) {
  const target **targets = differential_targets(a);
  assert_non_null(targets[0]);
  model_file m = {path, definitions, count, differential_target(targets, (size_t)turn), ways, ways == ALL_WAYS};
  const char *wrong = differential_apart(a, check_file, &m);
  if (wrong) fail_msg("%s, %s: %s", path, m.target->cpu, wrong);
}

static void small(void **state) {
  (void)state;
  arena *a = arena_new();
  for (size_t i = 0; i < sizeof small_models / sizeof *small_models; i++) {
    const definition *d = small_models[i].definitions;
    int count = 0;
    while (count < MOST_DEFINITIONS && d[count].name) count++;
    agrees_on_one_target(a, (int)i, small_models[i].path, d, count, ALL_WAYS);
  }
  arena_free(a);
}

static void programs(void **state) {
  (void)state;
  arena *a = arena_new();
  int count;
  char **names = golden_names(a, "tests/lang/programs", ".dnn", &count);
  assert_true(count >= 3);
  for (int i = 0; i < count; i++)
    agrees_on_one_target(a, i, arena_printf(a, "tests/lang/programs/%s.dnn", names[i]), NULL, 0, LOOPS);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(logistic), cmocka_unit_test(mlp),
                                     cmocka_unit_test(lenet5), cmocka_unit_test(small),
                                     cmocka_unit_test(programs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
