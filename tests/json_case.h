/* Members of JSON objects, for tests: what is missing or of another type fails the test. */
#ifndef JSON_CASE_H
#define JSON_CASE_H

#include "json.h"

const cJSON *json_member(const cJSON *object, const char *name);
double json_number(const cJSON *object, const char *name);
const char *json_text(const cJSON *object, const char *name);

#endif
