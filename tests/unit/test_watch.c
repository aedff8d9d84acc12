/* A training that is no longer finite ends with the operation and the line that made it so: in a
 * forward pass, only in a backward one, a step earlier, in a loop, and by what it was given. What
 * is infinite on purpose is not blamed. All in f32. One in which a loop does not end names the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data.h"
#include "file.h"

static char folder[] = "/tmp/dnn-watch-XXXXXX";
static arena *memory;
static const char *program_path;

static const char *path_of(const char *name) { return arena_printf(memory, "%s/%s", folder, name); }

/* Trains a model of these lines; the task runs `train` with these arguments. Returns what was
 * printed; fails unless the status is this. */
static const char *train_to(int wanted, const char *lines, const char *arguments) {
  const char *error = NULL, *text = "";
  char line[4096];
  const char *model = arena_printf(memory, "use optim\n%stask fit { run(train(%s }\n", lines,
                                   arguments);
  file_part part = {model, strlen(model)};
  assert_true(file_replace(memory, path_of("m.dnn"), 1, &part, &error));
  FILE *pipe = popen(arena_printf(memory, "%s train %s --threads 2 --overwrite --out %s --data %s 2>&1",
                                  program_path, path_of("m.dnn"), path_of("out"), folder), "r");
  assert_non_null(pipe);
  while (fgets(line, sizeof line, pipe)) text = arena_printf(memory, "%s%s", text, line);
  int status = pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted) fail_msg("status %d: %s", status, text);
  return text;
}

static const char *train(const char *lines, const char *arguments) { return train_to(1, lines, arguments); }

static void expect(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("no \"%s\" in: %s", part, text);
}

static void logarithm_of_zero(void **state) {
  (void)state;
  const char *text = train("param w: f32[3] = 1\n"
                           "entry train(rate: f32) -> (loss) {\n"
                           "  loss = sum(log(w))\n"
                           "  minimize loss over w with sgd(rate)\n"
                           "}\n", "rate: 1.0), steps: 10)");
  expect(text, "epoch 1/10  train: loss 0.0000");
  expect(text, "loss of entry train is not finite at step 1 (epoch 2 of the phase); the checkpoint "
               "of the last whole epoch is kept\n");
  expect(text, "m.dnn:4:14: error: log of 0 gives -inf\n"
               "    loss = sum(log(w))\n"
               "               ^~~~~~\n"
               "  in its element [0] of f32[3]\n"
               "  operand 1: f32[3], from 0 to 0\n"
               "  in kernel k");
  expect(text, " of entry train, at step 1\n");
  assert_true(file_exists(path_of("out/checkpoint.safetensors")));
  text = train("param w: f32 = 1\n" /* a scalar has no place */
               "entry train(rate: f32) -> (loss) {\n"
               "  loss = log(w)\n"
               "  minimize loss over w with sgd(rate)\n"
               "}\n", "rate: 1.0), steps: 10)");
  expect(text, "m.dnn:4:10: error: log of 0 gives -inf\n"
               "    loss = log(w)\n"
               "           ^~~~~~\n"
               "  operand 1: f32, from 0 to 0\n");
}

/* The overflow is in the range of f32 only; NaN comes of it later. */
static void overflow_in_f32(void **state) {
  (void)state;
  const char *text = train("param w: f32[3] = 80\n"
                           "entry train(rate: f32) -> (loss) {\n"
                           "  e = exp(w)\n"
                           "  loss = sum(e * e / sum(e * e))\n"
                           "  minimize loss over w with sgd(rate)\n"
                           "}\n", "rate: 1.0), steps: 10)");
  expect(text, "m.dnn:5:16: error: mul of 5.54062248e+34 and 5.54062248e+34 gives inf\n");
  expect(text, "  of which div at ");
  expect(text, "m.dnn:5:20 makes nan\n");
  text = train("param w: f32[2] = 89\n"
               "entry train(rate: f32) -> (loss) {\n"
               "  loss = sum(exp(w))\n"
               "  minimize loss over w with sgd(rate)\n"
               "}\n", "rate: 1.0), steps: 10)");
  expect(text, "m.dnn:4:14: error: exp of 89 gives inf\n");
}

static void zero_by_zero(void **state) {
  (void)state;
  const char *text = train("param w: f32[3] = 1\n"
                           "entry train(rate: f32) -> (loss) {\n"
                           "  loss = sum(w / sum(w * w) * w)\n"
                           "  minimize loss over w with sgd(rate)\n"
                           "  w <- w - 1\n"
                           "}\n", "rate: 0.0), steps: 10)");
  expect(text, "m.dnn:4:16: error: div of 0 and 0 gives nan\n");
}

static const char root_at_zero[] = "param w: f32[3] = 0\n"
                                   "param v: f32[2] = 1\n"
                                   "entry train(rate: f32) -> (loss) {\n"
                                   "  far = sqrt(w * w)\n"
                                   "  loss = sum(far) + sum(v ** 2)\n"
                                   "  minimize loss over w, v with sgd(rate)\n"
                                   "}\n";

/* The loss is finite: the parameter is what tells, before a checkpoint takes it over. */
static void root_at_zero_in_the_last_step_of_an_epoch(void **state) {
  (void)state;
  const char *text = train(root_at_zero, "rate: 0.1), steps: 10)");
  expect(text, "parameter w is not finite after step 0 (epoch 1 of the phase); no checkpoint was written yet\n");
  expect(text, "m.dnn:5:9: error: div of 0.5 and 0 gives inf\n");
  expect(text, " at step 0\n");
}

/* The loss tells in the next step, what made it so lies in the one before. */
static void root_at_zero_a_step_before(void **state) {
  (void)state;
  const char *text = train(root_at_zero, "rate: 0.1), steps: 1000)");
  expect(text, "loss of entry train is not finite at step 1 (epoch 1 of the phase)");
  expect(text, "m.dnn:5:9: error: div of 0.5 and 0 gives inf\n");
  expect(text, " at step 0\n");
}

/* What is minimized or maximized is watched, whatever its name and whether or not it is a result. The gradient of the
 * logarithm is finite where the logarithm is not, so that no parameter tells. */
static void objectives_by_any_name(void **state) {
  (void)state;
  const char *text = train("param w: f32[3] = 0.05\n"
                           "entry train(rate: f32) -> (objective, weight_loss) {\n"
                           "  weight_loss = sum(w * w)\n"
                           "  objective = sum(log(w)) + weight_loss\n"
                           "  minimize objective over w with sgd(rate)\n"
                           "}\n", "rate: 0.01), steps: 20)");
  expect(text, "objective of entry train is not finite at step 1 (epoch 2 of the phase)");
  expect(text, "m.dnn:5:19: error: log of ");
  text = train("param w: f32[3] = 0.05\n"
               "entry train(rate: f32) -> (mean_loss) {\n"
               "  mean_loss = mean(w)\n"
               "  maximize sum(log(w)) over w with sgd(rate)\n"
               "}\n", "rate: -0.01), steps: 20)");
  expect(text, "epoch 1/20  train: mean_loss 0.0500  ("); /* the objective is no metric */
  expect(text, "the objective at ");
  expect(text, "m.dnn:5:12 of entry train is not finite at step 1 (epoch 2 of the phase)");
  expect(text, "m.dnn:5:16: error: log of ");
}

/* Each of several, of which one is a result; one in a loop at run time is known by results only. */
static void several_objectives(void **state) {
  (void)state;
  static const char lines[] = "param w: f32[3] = 0.05\n"
                              "param v: f32[3] = 0.05\n"
                              "entry train(rate: f32) -> (size, share) {\n"
                              "  size = sum(v * v)\n"
                              "  share = log(-%s[0])\n"
                              "  minimize size over v with sgd(rate)\n"
                              "  minimize %s over w with sgd(rate)\n"
                              "}\n";
  expect(train(arena_printf(memory, lines, "v", "sum(log(w))"), "rate: 0.01), steps: 20)"), "the objective at ");
  const char *text = train_to(0, arena_printf(memory, lines, "v", "sum(w * w)"), "rate: 0.01), steps: 20)");
  expect(text, "epoch 20/20  train: size 0.003");
  text = train("param w: f32 = 0.05\n"
               "entry train(rate: f32) -> (share) {\n"
               "  share = log(w)\n"
               "  repeat 2 { minimize log(w) over w with sgd(rate) }\n"
               "}\n", "rate: 0.01), steps: 20)");
  expect(text, "share of entry train is not finite at step ");
}

/* A measurement stops nothing, and is said once for each run. */
static void measurements_that_are_not_finite(void **state) {
  (void)state;
  const char *text = train_to(0, "param w: f32 = 2\n"
                                 "entry train(rate: f32) -> (loss) { loss = w\n minimize loss over w with sgd(rate) }\n"
                                 "entry measure() -> (loss, sign) { loss = log(w)\n sign = 1 / w }\n"
                                 "entry odd() -> (share) { share = 1 / w }\n",
                              "rate: 1.0), steps: 5)\n run(measure(), every_steps: 1)\n run(odd(), every_steps: 1)\n"
                              " run(measure(), at_end: true, label: \"end\")");
  static const char *const warnings[] = {
      "warning: loss of entry measure is not finite in call 1 of a pass after step 2; the training goes on\n",
      "warning: share of entry odd is not finite in call 1 of a pass after step 2; the training goes on\n",
      "warning: loss of entry measure is not finite in call 1 of a pass after step 5; the training goes on\n"};
  int count = 0;
  for (int i = 0; i < 3; i++) expect(text, warnings[i]);
  for (const char *at = text; (at = strstr(at, "warning:")); at++) count++;
  assert_int_equal(count, 3);
}

static void infinite_on_purpose(void **state) {
  (void)state;
  const char *text =
      train("param w: f32[2, 4] = 1\n"
            "entry train(rate: f32) -> (loss) {\n"
            "  scores = iota[2, 4, axis: 1]() < 3 ? w : -inf\n"
            "  p = exp(scores - max[-1, keep: true](scores))\n"
            "  loss = sum((p / sum[-1, keep: true](p)) ** 2) + sum(log(w[:, 0]))\n"
            "  minimize loss over w with sgd(rate)\n"
            "}\n", "rate: 1.0), steps: 1000)");
  expect(text, "m.dnn:6:55: error: log of ");
}

static void in_a_loop(void **state) {
  (void)state;
  const char *text = train("param w: f32[4] = 1\n"
                           "entry train(rate: f32) -> (loss) {\n"
                           "  h = w\n"
                           "  repeat 6 { h = exp(h) }\n"
                           "  loss = mean(h)\n"
                           "  minimize loss over w with sgd(rate)\n"
                           "}\n", "rate: 0.1), steps: 10)");
  expect(text, "m.dnn:5:18: error: exp of ");
  expect(text, " gives inf\n");
  expect(text, "  in turn 3 of the loop at ");
  expect(text, "m.dnn:5:3\n  in a loop of entry train, at step 0\n");
}

/* In the derivative of an inner loop, whose first turns are its last; each loop keeps more than its results. */
static void in_the_derivative_of_a_loop(void **state) {
  (void)state;
  const char *text = train("param w: f32[4] = 1\n"
                           "entry train(rate: f32) -> (loss) {\n"
                           "  h = w\n"
                           "  scan t in 0..5 {\n"
                           "    scan u in 0..4 { h = sin(h * w) + 0.1 }\n"
                           "    h = h + sqrt(max(f32(t) - 2, 0) * h * h)\n"
                           "  }\n"
                           "  loss = mean(h)\n"
                           "  minimize loss over w with sgd(rate)\n"
                           "}\n", "rate: 0.1), steps: 10)");
  expect(text, "m.dnn:7:13: error: div of -0.0");
  expect(text, "  in turn 2 of the loop at ");
}

/* In a turn of a loop that tasks share out, beside loops nested deeper. */
static void in_a_shared_turn(void **state) {
  (void)state;
  const char *text = train("use nn\nparam w: f32[24] = 0.1\n"
                           "entry train(rate: f32) -> (loss) {\n"
                           "  x = normal[20, 24, 20]()\n"
                           "  y = scan m in x { s = softmax(m @ m.T); emit log(s - 0.2 + w) @ m }\n"
                           "  h = zeros[20]()\n"
                           "  scan rows in y { scan row in rows { scan t in 0..2 { h = tanh(h + row) } } }\n"
                           "  loss = mean(y) + sum(h)\n"
                           "  minimize loss over w with sgd(rate)\n"
                           "}\n", "rate: 0.1), steps: 10)");
  expect(text, "m.dnn:6:48: error: log of -0.");
  expect(text, " gives nan\n");
  expect(text, "  in turn 0 of the loop at ");
}

/* The checkpoint may be of an epoch shortly before; the figures go up to the last one, and what is trained again from it
 * fails again. */
static void after_many_short_epochs(void **state) {
  (void)state;
  const char *error = NULL, *text = train("param w: f32 = 1\n"
                                          "entry train(rate: f32) -> (loss) {\n"
                                          "  loss = log(w)\n"
                                          "  w <- w - rate\n"
                                          "}\n", "rate: 1 / 64), steps: 100)");
  static const char said[] = "loss of entry train is not finite at step 64 (epoch 65 of the phase); the checkpoint of ";
  expect(text, said);
  expect(text, "error: log of 0 gives -inf\n");
  size_t bytes;
  expect(file_read(memory, path_of("out/metrics.csv"), &bytes, &error), "\n0,64,64,train,loss,-4.158");
  assert_true(file_exists(path_of("out/curves.png")));
  FILE *pipe = popen(arena_printf(memory, "%s train %s --resume --out %s 2>&1", program_path, path_of("m.dnn"), path_of("out")), "r");
  char line[4096] = "";
  text = "";
  while (fgets(line, sizeof line, pipe)) text = arena_printf(memory, "%s%s", text, line);
  assert_int_equal(WEXITSTATUS(pclose(pipe)), 1);
  expect(text, said);
}

static const char line_model[] = "param w: f32[2] = 1\n"
                                 "entry train(x: f32[2, 2], rate: f32) -> (loss) {\n"
                                 "  loss = sum((x @ w) ** 2)\n"
                                 "  minimize loss over w with sgd(rate)\n"
                                 "}\n";

static void given_as_it_is(void **state) {
  (void)state;
  const char *error = NULL;
  float values[] = {1, 2, 3, 4, 5, __builtin_nanf(""), 7, 8};
  array x = {.element = DTYPE_F32, .rank = 2, .extents = {4, 2}, .data = values};
  assert_true(npy_write(memory, path_of("x.npy"), &x, &error));
  const char *text = train(line_model, "data(\".\", rows: (x: npy(\"x.npy\"))).rows, rate: 0.001), "
                                       "epochs: 2)");
  expect(text, "error: input x of entry train is not finite as it is given at step 1\n");
  values[5] = 6;
  assert_true(npy_write(memory, path_of("x.npy"), &x, &error));
  text = train(line_model, "data(\".\", rows: (x: npy(\"x.npy\"))).rows, "
                           "rate: 1 / (step - 3)), epochs: 2)");
  expect(text, "parameter w is not finite after step 3");
  expect(text, "input rate of entry train is not finite as it is given at step 3\n");
}

/* Each place once, also of a loop that a static one repeats. */
static void a_loop_without_end(void **state) {
  (void)state;
  const char *text = train("param w: f32 = 0.5\n"
                           "entry train(rate: f32) -> (loss) {\n"
                           "  loss = w\n"
                           "  scan t in 0..2 {\n"
                           "    while loss < 1 { loss = rate * loss }\n"
                           "  }\n"
                           "  for i in 0..2 { while loss > 2 { loss = 0.5 * loss } }\n"
                           "  w <- 0.9 * w\n"
                           "}\n", "rate: 0.5), steps: 2)");
  expect(text, "m.dnn:6:5, m.dnn:8:19: train: a loop did not end within 2^24 turns; let its condition bound "
               "their number too\n");
}

static int set_up(void **state) {
  (void)state;
  char self[4000];
  memory = arena_new();
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0 || !mkdtemp(folder)) return -1;
  self[length] = 0;
  for (int up = 0; up < 3; up++) *strrchr(self, '/') = 0;
  program_path = arena_printf(memory, "%s/dnn", self);
  return access(program_path, X_OK);
}

static int tear_down(void **state) {
  (void)state;
  int status = system(arena_printf(memory, "rm -r %s", folder));
  arena_free(memory);
  return status;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logarithm_of_zero),
      cmocka_unit_test(overflow_in_f32),
      cmocka_unit_test(zero_by_zero),
      cmocka_unit_test(root_at_zero_in_the_last_step_of_an_epoch),
      cmocka_unit_test(root_at_zero_a_step_before),
      cmocka_unit_test(objectives_by_any_name),
      cmocka_unit_test(several_objectives),
      cmocka_unit_test(measurements_that_are_not_finite),
      cmocka_unit_test(infinite_on_purpose),
      cmocka_unit_test(in_a_loop),
      cmocka_unit_test(in_the_derivative_of_a_loop),
      cmocka_unit_test(in_a_shared_turn),
      cmocka_unit_test(a_loop_without_end),
      cmocka_unit_test(after_many_short_epochs),
      cmocka_unit_test(given_as_it_is),
  };
  return cmocka_run_group_tests_name("watch", tests, set_up, tear_down);
}
