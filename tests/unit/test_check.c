/* The checks of `dnn check`: they accept what is right and must catch a negated and a zeroed
 * gradient, a wrong result and a wrong slot, and name what is wrong; what is noise on both sides is
 * not wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "build.h"
#include "check.h"
#include "model.h"

enum { BATCH = 4, N = 3 };

static arena *memory;
static dnn_library library;

static options check_options(void) {
  return (options){.directions = 3, .steps = 3, .threads = 1, .epochs = -1};
}

/* A program with one slot w: f64[N] and one entry with one scalar result. */
static program *scalar_program(node *(*result)(graph *, node *w)) {
  static const int64_t extents[] = {N};
  static const double first[] = {0.5, -1.25, 2};
  tensor_type type = type_of(DTYPE_F64, 1, extents);
  program *p = arena_new_of(memory, program);
  *p = (program){.arena = memory, .name = "control", .slot_count = 1, .entry_count = 1};
  p->slots = arena_new_of(memory, slot);
  *p->slots = (slot){.path = "w", .kind = SLOT_PARAM, .type = type};
  p->initial = graph_new(memory, NULL, "init");
  graph_set_update(p->initial, "w", build_constant(p->initial, &type, NULL, first));
  graph *g = graph_new(memory, NULL, "entry");
  graph_add_output(g, "loss", result(g, build_slot(g, "w", &type)));
  p->entries = arena_new_of(memory, graph *);
  p->entries[0] = g;
  return p;
}

static node *sum(graph *g, node *x) {
  static const int64_t axes[] = {0};
  return build_reduce(g, OP_SUM, x, 1, axes);
}

static node *sum_of_tanh(graph *g, node *w) { return sum(g, build_map1(g, SCALAR_TANH, w)); }

/* The value is the sum of w, the gradient that of its negation: 2 stop(w) - w. */
static node *negated(graph *g, node *w) {
  node *stopped = build_map1(g, SCALAR_STOP, w);
  return sum(g, build_map2(g, SCALAR_SUB, build_map2(g, SCALAR_ADD, stopped, stopped), w));
}

/* The value is the sum of w, the gradient zero: 0 w + stop(w). */
static node *zeroed(graph *g, node *w) {
  node *nothing = build_map2(g, SCALAR_MUL, w, build_splat(g, &w->type, 0));
  return sum(g, build_map2(g, SCALAR_ADD, nothing, build_map1(g, SCALAR_STOP, w)));
}

/* Not a number at two of the three elements. */
static node *sum_of_logarithms(graph *g, node *w) {
  return sum(g, build_map1(g, SCALAR_LOG, build_map1(g, SCALAR_NEG, w)));
}

/* What a check prints. */
static const char *printed;

/* Runs a check with its output in a file, and keeps what it printed. */
static int capture(int (*run)(const void *), const void *context) {
  FILE *file = tmpfile();
  assert_non_null(file);
  fflush(stdout);
  int kept = dup(STDOUT_FILENO);
  assert_true(kept >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
  int result = run(context);
  fflush(stdout);
  assert_true(dup2(kept, STDOUT_FILENO) >= 0);
  close(kept);
  long length = ftell(file);
  char *text = arena_alloc(memory, (size_t)length + 1);
  rewind(file);
  assert_int_equal(fread(text, 1, (size_t)length, file), length);
  fclose(file);
  printed = text;
  return result;
}

static void expect_printed(const char *part) {
  if (!strstr(printed, part)) fail_msg("no \"%s\" in: %s", part, printed);
}

static int gradient_failures(node *(*result)(graph *, node *w), bool hold) {
  options o = check_options();
  check_counts counts = {0};
  program *p = scalar_program(result);
  random_numbers r = random_new(0, 0);
  slot_values slots = check_initial(memory, p, 0);
  return check_entry_gradients(p->entries[0], &slots, &o, &r, hold, &counts);
}

static void right_gradients_pass(void **state) {
  (void)state;
  options o = check_options();
  assert_int_equal(gradient_failures(sum_of_tanh, true), 0);
  assert_int_equal(gradient_failures(negated, true), 0); /* with stop_gradient's value held */
  assert_int_equal(gradient_failures(zeroed, true), 0);
  check_counts counts = {0};
  assert_int_equal(check_gradients(memory, scalar_program(sum_of_tanh), &o, &counts), 0);
  assert_int_equal(counts.gradients, 1);
  assert_int_equal(counts.directions, 3);
}

static void wrong_gradients_are_caught(void **state) {
  (void)state;
  assert_int_equal(gradient_failures(negated, false), 1);
  assert_int_equal(gradient_failures(zeroed, false), 1);
  assert_int_equal(gradient_failures(sum_of_logarithms, true), 1);
}

/* Strongly curved, with a kink of the first element closer than the smallest step: the sum of
 * sin(3000 w), and 3000 max(0, w[0] - 0.50000003). */
static node *beside_kink(graph *g, node *w) {
  static const double places[] = {0.50000003, 9, 9};
  node *steep = build_splat(g, &w->type, 3000);
  node *past = build_map2(g, SCALAR_SUB, w, build_constant(g, &w->type, NULL, places));
  node *bent = build_map2(g, SCALAR_MAXIMUM, past, build_splat(g, &w->type, 0));
  node *waves = build_map1(g, SCALAR_SIN, build_map2(g, SCALAR_MUL, steep, w));
  return sum(g, build_map2(g, SCALAR_ADD, waves, build_map2(g, SCALAR_MUL, steep, bent)));
}

/* The same and w, of which the gradient does not know. */
static node *wrong_beside_kink(graph *g, node *w) {
  node *rest = sum(g, build_map1(g, SCALAR_STOP, w));
  return build_map2(g, SCALAR_ADD, beside_kink(g, w), rest);
}

static void the_smooth_side_of_a_kink_decides(void **state) {
  (void)state;
  assert_int_equal(gradient_failures(beside_kink, true), 0);
  assert_int_equal(gradient_failures(wrong_beside_kink, false), 1);
}

/* Only element 1 has a gradient that is not its own: the sum of w * (1, stop, 1). */
static node *wrong_in_the_middle(graph *g, node *w) {
  static const double spot[] = {0, 1, 0};
  node *at = build_constant(g, &w->type, NULL, spot);
  node *wrong = build_map2(g, SCALAR_MUL, at, build_map1(g, SCALAR_STOP, w));
  return sum(g, build_map2(g, SCALAR_ADD, w, wrong));
}

static int wrong_gradient(const void *unused) {
  (void)unused;
  return gradient_failures(wrong_in_the_middle, false);
}

static void the_wrong_element_is_named(void **state) {
  (void)state;
  assert_int_equal(capture(wrong_gradient, NULL), 1);
  expect_printed("FAIL  entry.loss by w: along a direction");
  expect_printed("furthest off is w[1]: gradient 1, finite difference 2\n");
}

/* What the fixture's evaluate computes, times a factor: mean((x w + b - y)^2). */
static graph *line_entry(double factor) {
  static const int64_t extents[] = {BATCH, N}, last[] = {1}, first[] = {0};
  tensor_type x_type = type_of(DTYPE_F32, 2, extents), y_type = type_of(DTYPE_F32, 1, extents);
  tensor_type w_type = type_of(DTYPE_F32, 1, extents + 1), scalar = type_scalar(DTYPE_F32);
  graph *g = graph_new(memory, NULL, "evaluate");
  node *x = graph_add_input(g, "x", &x_type), *y = graph_add_input(g, "y", &y_type);
  node *w = build_broadcast_to(g, build_slot(g, "w", &w_type), &x_type);
  node *b = build_broadcast_to(g, build_slot(g, "b", &scalar), &y_type);
  node *product = build_reduce(g, OP_SUM, build_map2(g, SCALAR_MUL, x, w), 1, last);
  node *error = build_map2(g, SCALAR_SUB, build_map2(g, SCALAR_ADD, product, b), y);
  node *loss = build_mean(g, build_map2(g, SCALAR_MUL, error, error), 1, first);
  graph_add_output(g, "loss", build_map2(g, SCALAR_MUL, loss, build_real(g, DTYPE_F32, factor)));
  return g;
}

/* The fixture as a program whose first w[0] is as given. */
static program *line_program(double first, double factor) {
  static const int64_t extents[] = {N};
  tensor_type vector = type_of(DTYPE_F32, 1, extents), scalar = type_scalar(DTYPE_F32);
  const double w[N] = {first, 0.25, 0.375};
  program *p = arena_new_of(memory, program);
  *p = (program){.arena = memory, .name = "line", .slot_count = 3, .entry_count = 1};
  p->slots = arena_array_of(memory, 3, slot);
  p->slots[0] = (slot){.path = "b", .kind = SLOT_PARAM, .type = scalar};
  p->slots[1] = (slot){.path = "momentum", .kind = SLOT_STATE, .type = vector};
  p->slots[2] = (slot){.path = "w", .kind = SLOT_PARAM, .type = vector};
  p->initial = graph_new(memory, NULL, "init");
  graph_set_update(p->initial, "b", build_real(p->initial, DTYPE_F32, 0));
  graph_set_update(p->initial, "momentum", build_splat(p->initial, &vector, 0));
  graph_set_update(p->initial, "w", build_constant(p->initial, &vector, NULL, w));
  p->entries = arena_new_of(memory, graph *);
  p->entries[0] = line_entry(factor);
  return p;
}

static int model_failures(const program *p) {
  options o = check_options();
  check_counts counts = {0};
  return check_model(memory, p, library.model, &o, false, &counts);
}

static int model_failures_of(const void *p) { return model_failures(p); }

static void right_models_pass(void **state) {
  (void)state;
  assert_int_equal(model_failures(line_program(0.125, 1)), 0);
}

static void wrong_models_are_caught(void **state) {
  (void)state;
  assert_int_equal(model_failures(line_program(0.126, 1)), 1);      /* a first value */
  assert_int_equal(model_failures(line_program(0.125, 1.001)), 1);  /* a result */
  assert_int_equal(model_failures(line_program(0.125, NAN)), 1);
  program *p = line_program(0.125, 1);                               /* a slot left as it was */
  graph_set_update(p->entries[0], "b", build_real(p->entries[0], DTYPE_F32, 1));
  assert_int_equal(capture(model_failures_of, p), 1);
  expect_printed("FAIL  evaluate, call 1, slot b: compiled 0, interpreted 1, 1 apart where ");
  assert_int_equal(capture(model_failures_of, line_program(0.126, 1)), 1);
  expect_printed("FAIL  init, slot w[0]: compiled 0.125, interpreted 0.126");
  expect_printed("; 1 of 3 elements differ");
}

/* Centring takes the bias away: its gradient is zero but for rounding, and Adam divides by its
 * size. */
static const char noise[] =
    "use optim\n"
    "param b: f32[2] = 0.1\n"
    "param w: f32[2] = 1.5\n"
    "entry train(x: f32[8, 2], y: f32[8, 2], rate: f32) -> (loss) {\n"
    "  h = x + b\n"
    "  c = h - mean[0, keep: true](h)\n"
    "  loss = mean((w * c - y) ** 2)\n"
    "  minimize loss over b, w with adam(rate)\n"
    "}\n";

static program *elaborated(const char *text, bool real_f64) {
  diagnostics *d = diag_new(memory);
  source *file = arena_new_of(memory, source); /* locations point to it */
  *file = (source){.name = "noise.dnn", .text = text, .length = strlen(text)};
  program *p = elaborate(memory, d, file, &(elaborate_options){.real_f64 = real_f64});
  diag_print(d, stderr);
  assert_non_null(p);
  return p;
}

/* The interpreter on the text above against compiled code of the same with one part replaced. */
typedef struct replacement {
  const char *part, *by;
  bool real_f64;
} replacement;

static int failures_with(const void *context) {
  const replacement *r = context;
  const char *at = strstr(noise, r->part);
  const char *text = arena_printf(memory, "%.*s%s%s", (int)(at - noise), noise, r->by,
                                  at + strlen(r->part));
  options o = check_options();
  check_counts counts = {0};
  dnn_library compiled;
  program *changed = elaborated(text, r->real_f64);
  assert_true(model_compile(memory, changed, diag_new(memory), &o, &compiled));
  int failures = check_model(memory, elaborated(noise, r->real_f64), compiled.model, &o,
                             r->real_f64, &counts);
  dnn_unload(&compiled);
  assert_true(counts.calls > 0 && counts.elements > counts.arrays);
  return failures;
}

static void noise_is_not_wrong(void **state) {
  (void)state;
  for (int f64 = 0; f64 < 2; f64++)
    assert_int_equal(failures_with(&(replacement){"loss", "loss", f64}), 0);
}

static int subnormal_failures(const void *real_f64) {
  const char *tiny = *(const bool *)real_f64 ? "1e-157" : "1e-21";
  const char *text = arena_printf(memory, "entry e(x: f32[8]) -> (y) { y = %s * x * (%s * x) }", tiny, tiny);
  options o = check_options();
  check_counts counts = {0};
  dnn_library compiled;
  program *p = elaborated(text, *(const bool *)real_f64);
  assert_true(model_compile(memory, p, diag_new(memory), &o, &compiled));
  int failures = check_model(memory, elaborated(text, *(const bool *)real_f64), compiled.model, &o,
                             *(const bool *)real_f64, &counts);
  dnn_unload(&compiled);
  assert_true(counts.elements > 0);
  return failures;
}

/* Compiled code has zeros there. */
static void subnormal_results_are_not_wrong(void **state) {
  (void)state;
  assert_int_equal(subnormal_failures(&(bool){false}), 0);
  assert_int_equal(subnormal_failures(&(bool){true}), 0);
}

static void expect_caught(const char *part, const char *by, const char *slot_path) {
  for (int f64 = 0; f64 < 2; f64++) {
    assert_true(capture(failures_with, &(replacement){part, by, f64}) > 0);
    expect_printed(arena_printf(memory, "FAIL  train, call 1, slot %s[", slot_path));
  }
}

static void what_is_wrong_beside_noise_is_caught(void **state) {
  (void)state;
  expect_caught("- y) ** 2)", "- y) ** 2) + 1e-5 * sum(b)", "train.adam_0.b.m"); /* small: no noise */
  expect_caught("adam(rate)", "adam(rate, b1: 0.901)", "train.adam_0.w.m");
  expect_caught("adam(rate)", "adam(-rate)", "w");
}

/* Of y by w there is no gradient; of all else there is, and it is checked. */
static int endless_failures(const void *counts) {
  options o = check_options();
  return check_gradients(memory, elaborated("param w: f32 = 0.5\n"
                                            "param v: f32[3] = 0.5\n"
                                            "entry e(x: f32) -> (y, z) {\n"
                                            "  y = abs(x * w) + 0.1\n"
                                            "  while y > 0.01 { y = 0.5 * y * w }\n"
                                            "  y = y + sum(v)\n"
                                            "  z = w * sum(sin(v))\n"
                                            "}\n", true), &o, (check_counts *)counts);
}

static void what_has_no_gradient_is_named(void **state) {
  (void)state;
  check_counts counts = {0};
  assert_int_equal(capture(endless_failures, &counts), 0);
  expect_printed("  -     e.y by w: no gradient, since a loop that only its condition ends lies between\n");
  expect_printed("  ok    e.y by v: 3 directions");
  expect_printed("  ok    e.z by v: 3 directions");
  expect_printed("  ok    e.z by w: 3 directions");
  assert_int_equal(counts.gradients, 3);
}

/* What is stopped in a loop is held, turn by turn, and draws of it too; else it would be seen to move. */
static void what_is_stopped_in_loops_is_held(void **state) {
  (void)state;
  options o = check_options();
  program *p = elaborated("param w: f32[3] = 0.5\n"
                          "param v: f32[3] = 0.25\n"
                          "entry e(xs: f32[4, 3]) -> (y, z) {\n"
                          "  h = v\n"
                          "  ys = scan x in xs {\n"
                          "    repeat 2 { h = h * stop_gradient(tanh(w + x * h)) }\n"
                          "    emit sum(w * stop_gradient(normal[3]() * h)) + sum(h)\n"
                          "  }\n"
                          "  y = sum(ys ** 2)\n"
                          "  z = sum(sin(h)) + sum(stop_gradient(h) * w)\n"
                          "}\n", true);
  for (int hold = 0; hold < 2; hold++) {
    check_counts counts = {0};
    random_numbers r = random_new(0, 0);
    slot_values slots = check_initial(memory, p, 0);
    int failures = check_entry_gradients(p->entries[0], &slots, &o, &r, hold, &counts);
    assert_int_equal(counts.gradients, 4);
    assert_int_equal(failures, hold ? 0 : 4);
  }
}

/* Element by element; of uses that contradict each other the one of fewer numbers holds. */
static void random_inputs_keep_to_the_ranges_of_their_parts(void **state) {
  (void)state;
  options o = check_options();
  const program *p = elaborated("use loss\nparam table: f32[7, 2] = 0.5\n"
                                "entry e(t: i32[500, 4]) -> (y) {\n"
                                "  y = sum(table[t[:, 0] - 100]) + sum(table[t[:, 1:3]])\n"
                                "    + mean(cross_entropy(zeros[500, 3](), t[:, 2]))\n"
                                "    + mean(cross_entropy(zeros[500, 4](), t[:, 0] - 20))\n"
                                "}\n", false);
  random_numbers r = random_new(1, 2);
  const tensor *t = check_inputs(memory, p->entries[0], &o, &r)[0];
  const int64_t low[] = {20, 0, 0, 0}, high[] = {23, 6, 2, 255};
  for (int i = 0; i < 4; i++) {
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (int64_t k = i; k < type_elements(&t->type); k += 4) {
      least = t->ints[k] < least ? t->ints[k] : least;
      most = t->ints[k] > most ? t->ints[k] : most;
    }
    if (i < 3 ? least != low[i] || most != high[i] : least < low[i] || most > high[i] || most < 128)
      fail_msg("column %d: %lld to %lld", i, (long long)least, (long long)most);
  }
}

static void random_inputs_keep_to_their_ranges(void **state) {
  (void)state;
  static const int64_t extents[] = {1000, 2};
  input_range range = {"far", -3, 1};
  options o = check_options();
  o.ranges = &range;
  o.range_count = 1;
  graph *g = graph_new(memory, NULL, "entry");
  tensor_type label = type_of(DTYPE_U8, 1, extents), image = type_of(DTYPE_U8, 2, extents);
  tensor_type far = type_of(DTYPE_I32, 1, extents), rate = type_scalar(DTYPE_F32);
  tensor_type pairs = type_of(DTYPE_I32, 2, extents), table = type_of(DTYPE_F32, 2, (int64_t[]){37, 2});
  graph_add_input(g, "label", &label);
  graph_add_input(g, "image", &image);
  graph_add_input(g, "far", &far);
  node *index = graph_add_input(g, "index", &pairs);
  build_gather(g, build_slot(g, "table", &table), index, 0, 0);
  graph_add_input(g, "rate", &rate);
  random_numbers r = random_new(1, 2);
  tensor **inputs = check_inputs(memory, g, &o, &r);
  const int64_t low[] = {0, 0, -3, 0}, high[] = {9, 255, 1, 36}; /* the last are rows of the table */
  for (int i = 0; i < 4; i++) {
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (int64_t k = 0; k < type_elements(&inputs[i]->type); k++) {
      least = inputs[i]->ints[k] < least ? inputs[i]->ints[k] : least;
      most = inputs[i]->ints[k] > most ? inputs[i]->ints[k] : most;
    }
    assert_int_equal(least, low[i]);
    assert_int_equal(most, high[i]);
  }
  assert_true(inputs[4]->reals[0] > 0 && inputs[4]->reals[0] <= 0.1);
}

static int set_up(void **state) {
  (void)state;
  char message[DNN_MESSAGE_BYTES], folder[] = "/tmp/dnn-check-XXXXXX";
  memory = arena_new();
  if (!mkdtemp(folder)) return -1;
  const char *path = arena_printf(memory, "%s/model.so", folder);
  if (system(arena_printf(memory, "cc -std=c11 -D_GNU_SOURCE -O1 -ffp-contract=off -shared -fPIC "
                                  "-Iruntime -o %s tests/unit/fixture/line.c",
                          path)))
    return -1;
  bool loaded = dnn_load(&library, path, message);
  unlink(path);
  rmdir(folder);
  return loaded ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  dnn_unload(&library);
  arena_free(memory);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(right_gradients_pass),
      cmocka_unit_test(wrong_gradients_are_caught),
      cmocka_unit_test(the_smooth_side_of_a_kink_decides),
      cmocka_unit_test(the_wrong_element_is_named),
      cmocka_unit_test(right_models_pass),
      cmocka_unit_test(wrong_models_are_caught),
      cmocka_unit_test(noise_is_not_wrong),
      cmocka_unit_test(subnormal_results_are_not_wrong),
      cmocka_unit_test(what_is_wrong_beside_noise_is_caught),
      cmocka_unit_test(what_has_no_gradient_is_named),
      cmocka_unit_test(what_is_stopped_in_loops_is_held),
      cmocka_unit_test(random_inputs_keep_to_their_ranges),
      cmocka_unit_test(random_inputs_keep_to_the_ranges_of_their_parts),
  };
  return cmocka_run_group_tests_name("check", tests, set_up, tear_down);
}
