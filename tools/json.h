/* cJSON, as the tools use it. */
#ifndef JSON_H
#define JSON_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "arena.h"

/* Before cJSON is used: from then on lack of memory ends the process, as that of an arena does. (cJSON does
 * not tell text that is no JSON from memory that is out.) */
void json_set_up(void);

/* Adds a whole number in all its digits, which a double may not hold. */
void json_add_whole(arena *a, cJSON *object, const char *name, int64_t number);

/* Prints an object to standard output, and frees it. */
void json_print(cJSON *object);

#endif
