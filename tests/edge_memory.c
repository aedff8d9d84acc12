#include "edge_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct mapping {
  void *pages;
  size_t bytes;
} mapping;

static void unmap(void *mapped) {
  const mapping *m = mapped;
  munmap(m->pages, m->bytes);
}

void *edge_memory_copy(arena *a, const void *bytes, size_t count, bool ends) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (count + page - 1) / page * page;
  mapping *m = arena_new_of(a, mapping);
  *m = (mapping){.bytes = inside + 2 * page};
  m->pages = mmap(NULL, m->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(m->pages != MAP_FAILED);
  arena_at_end(a, unmap, m);
  char *first = (char *)m->pages + page;
  assert_int_equal(mprotect(first, inside, PROT_READ | PROT_WRITE), 0);
  return memcpy(first + (ends ? inside - count : 0), bytes, count);
}
