/* Programs that elaborate, and that no module can be built from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../model_case.h"
#include "c.h"
#include "compile.h"
#include "text_stream.h"

/* What is said instead of a module; the empty text where one was built. */
static char *refusal(const char *text, const char *name) {
  static const compile_options plain = {0};
  elaborate_options how = {.name = name};
  model *m = model_new(text, &how);
  diagnostics *d = diag_new(m->arena);
  const module *built = compile_module(m->program, d, &plain);
  assert_int_equal(built == NULL, diag_count(d) > 0);
  char *said = NULL;
  size_t length;
  FILE *out = open_memstream(&said, &length);
  assert_non_null(out);
  diag_print(d, out);
  fclose(out);
  model_free(m);
  return said;
}

static void expect_refusal(const char *text, const char *name, const char *expected) {
  char *said = refusal(text, name);
  if (expected ? !strstr(said, expected) : *said) fail_msg("%s: %s", name, said);
  free(said);
}

/* The name is a type of C, beside those of the interface. */
static void test_names_of_c_are_refused(void **state) {
  (void)state;
  static const char text[] = "entry e(x: f32[4]) -> (y) { y = x }\n";
  static const char *const taken[] = {"int", "alignas", "main", "dnn", "dnn_model", "template", "DNN", "DNN_RANGE", "size_t", "int32_t", "_Bool", "check_context"};
  static const char *const fit[] = {"in", "Int", "lenet5", "dnnx", "a", "_"};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    expect_refusal(text, taken[i], "a model in C cannot be named");
  for (size_t i = 0; i < sizeof fit / sizeof *fit; i++) expect_refusal(text, fit[i], NULL);
}

/* Functions of entries, of the model and its macros have a name each. */
static void test_functions_have_names_of_their_own(void **state) {
  (void)state;
  model *m = model_new("param w: f32[2] = 3\n"
                       "entry weights() -> (y) { y = w }\nentry weights_entry() -> (y) { y = 2 * w }\n"
                       "entry H() -> (y) { y = 4 * w }\nentry STATE_BYTES() -> (y) { y = 5 * w }\n", NULL);
  m->program->name = "GAN";
  arena *a = m->arena;
  diagnostics *d = diag_new(a);
  module *compiled = compile_module(m->program, d, &(compile_options){0});
  assert_non_null(compiled);
  text_stream header, code;
  text_stream_open(&header, a);
  text_stream_open(&code, a);
  c_emit(compiled, "GAN.h", header.out, code.out);
  const char *text = text_stream_close(&header);
  text_stream_close(&code);
  static const char *const once[] = {"int GAN_weights_entry_entry(const GAN *m, float y[2]);", "int GAN_weights_entry(const GAN *m, float y[2]);",
                                     "int GAN_H(const GAN *m, float y[2]);", "int GAN_STATE_BYTES_entry(const GAN *m, float y[2]);",
                                     "#define DNN_MODEL_GAN_H\n", "#define GAN_STATE_BYTES "};
  for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
    const char *found = strstr(text, once[i]);
    if (!found || strstr(found + 1, once[i])) fail_msg("%s in\n%s", once[i], strstr(text, "#define DNN_MODEL"));
  }
  model_free(m);
}

/* Each of these tensors is allowed; their sum would overflow the plan. */
static void test_too_much_memory_is_refused(void **state) {
  (void)state;
  expect_refusal("entry e(x: f32[1000000, 1000000, 1000000]) -> (y) { y = sum(sin(x) @ x) }\n",
                 "large", "the values of e up to this one take more than 2**56 bytes");
  expect_refusal("entry e(x: f32[1000000, 1000000, 1000]) -> (y) { y = sum(x) }\n", "fits", NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names_of_c_are_refused),
                                     cmocka_unit_test(test_functions_have_names_of_their_own),
      cmocka_unit_test(test_too_much_memory_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
