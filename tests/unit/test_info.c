/* dnn info: what it says of a text and of a library, for people and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "json_case.h"
#include "tool_case.h"

static cJSON *described(const char *file) {
  json_set_up();
  cJSON *model = cJSON_Parse(tool_expect(0, "info %s --json", file));
  assert_non_null(model);
  return model;
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("models/convnets/lenet5.dnn", "lenet5.dnn");
  tool_copy("tests/emit/dot/cell.dnn", "cell.dnn");
  tool_compile(0, "lenet5.dnn --target-cpu=native -o lenet5.so");
  return 0;
}

static void test_json_of_a_text(void **state) {
  (void)state;
  cJSON *model = described("lenet5.dnn");
  assert_string_equal(json_member(model, "name")->valuestring, "lenet5");
  const cJSON *entries = json_member(model, "entries");
  assert_int_equal(cJSON_GetArraySize(entries), 3);
  const cJSON *predict = cJSON_GetArrayItem(entries, 0), *train = cJSON_GetArrayItem(entries, 1);
  assert_string_equal(json_member(predict, "name")->valuestring, "predict");
  assert_true(cJSON_IsFalse(json_member(predict, "updates")) && cJSON_IsTrue(json_member(train, "updates")));
  assert_true(json_number(predict, "operations") == 831899); /* tests/pass/test_cost.c */
  assert_true(json_number(predict, "parameters") == 61706 && json_number(predict, "parameter_bytes") == 246824);
  /* products thrice, for values and both gradients, but for that of the image; the rest is a twentieth */
  double products = 64 * (2 * 215472. + 3 * 480000 + 3 * (96000 + 20160 + 1680));
  assert_true(json_number(train, "operations") > products && json_number(train, "operations") < 1.05 * products);
  for (int i = 0; i < 3; i++) {
    const cJSON *e = cJSON_GetArrayItem(entries, i);
    assert_true(json_number(e, "kernels") >= 8 && json_number(e, "bytes_read") > json_number(e, "bytes_written"));
    assert_true(json_number(e, "scratch_bytes") >= json_number(e, "scratch_bound"));
    assert_true(json_number(e, "scratch_bound") >= json_number(e, "scratch_bound_any_order"));
    assert_true(json_number(e, "open_loops") == 0);
  }
  const cJSON *image = cJSON_GetArrayItem(json_member(train, "inputs"), 0), *shape = json_member(image, "shape");
  assert_string_equal(json_member(image, "element")->valuestring, "u8");
  assert_int_equal(cJSON_GetArraySize(shape), 3);
  assert_int_equal(cJSON_GetArrayItem(shape, 0)->valueint, 64);
  assert_int_equal(cJSON_GetArraySize(json_member(model, "parameters")), 10);
  assert_int_equal(cJSON_GetArraySize(json_member(model, "states")), 30);
  assert_true(json_number(json_member(model, "bytes"), "scratch") >= json_number(train, "scratch_bytes"));
  cJSON_Delete(model);
}

/* A library says the same but for what calls take. */
static void test_library(void **state) {
  (void)state;
  static const char *const costs[] = {"parameters", "parameter_bytes", "operations", "bytes_read", "bytes_written",
                                      "kernels", "scratch_bytes", "scratch_bound", "scratch_bound_any_order",
                                      "open_loops"};
  cJSON *text = described("lenet5.dnn"), *library = described("lenet5.so");
  for (cJSON *e = json_member(text, "entries")->child; e; e = e->next)
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
      assert_true(cJSON_HasObjectItem(e, costs[i]));
      cJSON_DeleteItemFromObject(e, costs[i]);
    }
  assert_true(cJSON_Compare(text, library, true));
  cJSON_Delete(text);
  cJSON_Delete(library);
}

static void test_text(void **state) {
  (void)state;
  const char *said = tool_expect(0, "info lenet5.dnn"), *of_library = tool_expect(0, "info lenet5.so");
  assert_non_null(strstr(said, "  predict                61706         831899 "));
  assert_non_null(strstr(said, "predict(image: u8[1, 28, 28])\n      -> (probability: f32[1, 10])"));
  assert_null(strstr(of_library, "operations"));
  const char *slots = strstr(said, "\nparameters\n");
  assert_non_null(slots);
  assert_non_null(strstr(of_library, slots)); /* from there on they are the same */
}

/* It compiles without a C compiler. */
static void test_needs_no_compiler(void **state) {
  (void)state;
  tool_expect(0, "info cell.dnn --cc=/no/such/compiler");
}

static void test_wrong_use(void **state) {
  (void)state;
  assert_non_null(strstr(tool_expect(2, "info cell.dnn --json --graph=x.dot"), "exclude each other"));
  assert_non_null(strstr(tool_expect(1, "info missing.dnn --json"), "missing.dnn"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_json_of_a_text), cmocka_unit_test(test_library),   cmocka_unit_test(test_text),
      cmocka_unit_test(test_needs_no_compiler), cmocka_unit_test(test_wrong_use),
  };
  return cmocka_run_group_tests_name("info", tests, set_up, tool_tear_down);
}
