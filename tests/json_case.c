#include "json_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const cJSON *json_member(const cJSON *object, const char *name) {
  const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
  if (!found) fail_msg("there is no %s", name);
  return found;
}

double json_number(const cJSON *object, const char *name) {
  const cJSON *found = json_member(object, name);
  assert_true(cJSON_IsNumber(found));
  return found->valuedouble;
}

const char *json_text(const cJSON *object, const char *name) {
  const char *found = cJSON_GetStringValue(json_member(object, name));
  assert_non_null(found);
  return found;
}
