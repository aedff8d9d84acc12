#include "json.h"

#include <stdlib.h>

#include "arena.h"

static void *memory_or_end(size_t bytes) {
  void *memory = malloc(bytes);
  if (!memory) arena_exhausted(NULL, bytes);
  return memory;
}

void json_set_up(void) { cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = memory_or_end, .free_fn = free}); }
