/* cJSON, as the tools use it. */
#ifndef JSON_H
#define JSON_H

#include <cjson/cJSON.h>

/* Before cJSON is used: from then on lack of memory ends the process, as that of an arena does. (cJSON does
 * not tell text that is no JSON from memory that is out.) */
void json_set_up(void);

#endif
