#include "json.h"

#include <stdio.h>
#include <stdlib.h>

static void *memory_or_end(size_t bytes) {
  void *memory = malloc(bytes);
  if (!memory) arena_exhausted(NULL, bytes);
  return memory;
}

void json_set_up(void) { cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = memory_or_end, .free_fn = free}); }

void json_add_whole(arena *a, cJSON *object, const char *name, int64_t number) {
  cJSON_AddRawToObject(object, name, arena_printf(a, "%lld", (long long)number));
}

void json_print(cJSON *object) {
  char *text = cJSON_Print(object);
  puts(text);
  cJSON_free(text);
  cJSON_Delete(object);
}
