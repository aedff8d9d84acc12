/* Constants that prepare packs, in compiled code: who reads them is refused while they are not those of the parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compile.h"
#include "dnn_rt.h"
#include "model_case.h"

enum { ROWS = 16, FROM = 60, TO = 37 };

static const char text[] = "param w: f32[60, 37] = 1\n"
                           "entry learn(x: f32[60]) { w <- w + x[:, new] }\n"
                           "entry ask(x: f32[16, 60]) -> (y) { y = tanh(x @ w) }\n"
                           "entry look(x: f32[37]) -> (y) { y = x + w[1] }\n";

typedef struct calls {
  dnn_instance instance;
  const dnn_model *model;
  float x[ROWS * FROM], y[ROWS * TO];
} calls;

static int call(calls *c, const char *entry) {
  const dnn_entry *e = dnn_find_entry(c->model, entry);
  assert_non_null(e);
  for (int i = 0; i < ROWS * TO; i++) c->y[i] = -7;
  return e->call(&c->instance.context, 0, (const void *[]){c->x}, (void *[]){c->y});
}

/* Every row is tanh(x · w). */
static void expect_answers(const calls *c, float answer) {
  for (int i = 0; i < ROWS * TO; i++) assert_true(c->y[i] - answer < 1e-5f && answer - c->y[i] < 1e-5f);
}

static void ask_while_stale(calls *c) {
  assert_int_equal(call(c, "ask"), DNN_STALE);
  for (int i = 0; i < ROWS * TO; i++) assert_true(c->y[i] == -7);
  assert_int_equal(call(c, "look"), DNN_OK); /* which reads no constants */
}

static void ask_after_changes(calls *c) {
  dnn_weights *weights = &c->instance.weights;
  for (int i = 0; i < ROWS * FROM; i++) c->x[i] = 0.01f;
  assert_int_equal(c->model->init(&c->instance.context), DNN_OK);
  ask_while_stale(c);
  assert_int_equal(c->model->prepare(weights), DNN_OK);
  assert_int_equal(call(c, "ask"), DNN_OK);
  expect_answers(c, 0.537050f); /* tanh 0.6 */
  assert_int_equal(call(c, "learn"), DNN_OK);
  ask_while_stale(c);
  assert_int_equal(c->model->prepare(weights), DNN_OK);
  assert_int_equal(call(c, "ask"), DNN_OK);
  expect_answers(c, 0.541305f); /* tanh 0.606 */
}

static void ask_without_constants(calls *c) {
  dnn_weights kept = c->instance.weights;
  c->instance.weights.constants = NULL;
  assert_int_equal(c->model->prepare(&c->instance.weights), DNN_NULL);
  assert_int_equal(call(c, "ask"), DNN_NULL);
  c->instance.weights.constants = (char *)kept.constants + 32;
  assert_int_equal(c->model->prepare(&c->instance.weights), DNN_ALIGN);
  assert_int_equal(call(c, "ask"), DNN_ALIGN);
  c->instance.weights = kept;
}

static bool use_library(void *context, const char *file) {
  (void)context;
  dnn_library library;
  char message[DNN_MESSAGE_BYTES];
  if (!dnn_load(&library, file, message)) fail_msg("%s", message);
  calls c = {.model = library.model};
  assert_true(library.model->constant_bytes >= sizeof(float) * FROM * TO);
  assert_true(dnn_instance_init(&c.instance, library.model, NULL, 1));
  ask_after_changes(&c);
  ask_without_constants(&c);
  dnn_instance_free(&c.instance);
  dnn_unload(&library);
  return true;
}

static void constants_follow_parameters(void **state) {
  (void)state;
  model *m = model_new(text, NULL);
  diagnostics *d = diag_new(m->arena);
  const module *made = compile_module(m->program, d, &(compile_options){0});
  assert_non_null(made);
  assert_true(compile_library(m->arena, made, d, &(compile_options){0}, "/tmp", use_library, NULL));
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(constants_follow_parameters)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
