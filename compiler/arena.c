#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks double up to this size, so that an arena of a few nodes costs no more than they do. With 0
 * every allocation is a block of its own and of its exact size, so that tools which watch the heap
 * see each overrun (make HOSTILE=1). */
#ifndef ARENA_BLOCK_BYTES
#define ARENA_BLOCK_BYTES (4 * 1024 * 1024)
#endif

enum {
  ALIGNMENT = 16,
  BLOCK_BYTES = ARENA_BLOCK_BYTES,
  FIRST_BLOCK_BYTES = BLOCK_BYTES ? 2048 : 0,
  HUGE_PAGE_BYTES = 2 * 1024 * 1024
};

typedef struct block {
  struct block *next;
  size_t used, size;
  void *base; /* of a large block: what was mapped for it, and how much */
  size_t mapped;
  _Alignas(ALIGNMENT) unsigned char bytes[];
} block;

typedef struct ending {
  struct ending *next;
  void (*run)(void *argument);
  void *argument;
} ending;

struct arena {
  block *blocks;
  ending *endings; /* the last first */
};

static void run_endings(arena *a) {
  for (ending *e = a->endings; e; e = e->next) e->run(e->argument);
  a->endings = NULL;
}

_Noreturn void arena_exhausted(arena *a, size_t bytes) {
  if (a) run_endings(a);
  if (bytes) fprintf(stderr, "error: out of memory (%zu more bytes were wanted)\n", bytes);
  else fputs("error: out of memory\n", stderr);
  exit(71);
}

arena *arena_new(void) {
  arena *a = calloc(1, sizeof *a);
  if (!a) arena_exhausted(NULL, sizeof *a);
  return a;
}

void arena_at_end(arena *a, void (*run)(void *argument), void *argument) {
  ending *e = arena_new_of(a, ending);
  *e = (ending){a->endings, run, argument};
  a->endings = e;
}

static void block_free(block *b) {
  if (b->mapped) munmap(b->base, b->mapped);
  else free(b);
}

void arena_free(arena *a) {
  if (!a) return;
  run_endings(a);
  for (block *b = a->blocks, *next; b; b = next) {
    next = b->next;
    block_free(b);
  }
  free(a);
}

void arena_clear(arena *a) {
  run_endings(a);
  block *kept = BLOCK_BYTES ? a->blocks : NULL; /* the latest: no other of the usual ones is larger */
  for (block *b = kept ? kept->next : a->blocks, *next; b; b = next) {
    next = b->next;
    block_free(b);
  }
  a->blocks = kept;
  if (!kept) return;
  memset(kept->bytes, 0, kept->used);
  kept->next = NULL;
  kept->used = 0;
}

static size_t usual_size(const arena *a) {
  size_t size = a->blocks ? 2 * a->blocks->size : FIRST_BLOCK_BYTES;
  return size > BLOCK_BYTES ? BLOCK_BYTES : size;
}

/* Zeros in huge pages, where the system has them: each is one page fault instead of 512, of those only that are
 * written. NULL where there is no memory. */
static block *large_block(size_t bytes) {
  if (bytes > SIZE_MAX - HUGE_PAGE_BYTES) return NULL;
  const size_t mapped = bytes + HUGE_PAGE_BYTES;
  unsigned char *base = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return NULL;
  unsigned char *start = base + (HUGE_PAGE_BYTES - (uintptr_t)base % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
  (void)madvise(start, bytes / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES, MADV_HUGEPAGE);
  block *b = (block *)start;
  b->base = base;
  b->mapped = mapped;
  return b;
}

static block *block_new(arena *a, size_t bytes) {
  size_t usual = usual_size(a), size = bytes > usual ? bytes : usual;
  if (size > SIZE_MAX - sizeof(block)) arena_exhausted(a, bytes);
  const size_t all = sizeof(block) + size;
  block *b = BLOCK_BYTES && all >= HUGE_PAGE_BYTES ? large_block(all) : calloc(1, all);
  if (!b) arena_exhausted(a, bytes);
  b->size = size;
  if (a->blocks && size > usual) { /* a large one: the current block stays in front */
    b->next = a->blocks->next;
    a->blocks->next = b;
  } else {
    b->next = a->blocks;
    a->blocks = b;
  }
  return b;
}

/* Where the next allocation begins in the current block, and how many bytes are left from there. */
static size_t next_start(const block *b, size_t *room) {
  size_t start = b ? (b->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : 0;
  *room = BLOCK_BYTES && b && start < b->size ? b->size - start : 0;
  return start;
}

void *arena_alloc(arena *a, size_t bytes) {
  block *b = a->blocks;
  size_t room, start = next_start(b, &room);
  if (room < bytes || room == 0) {
    b = block_new(a, bytes);
    start = 0;
  }
  b->used = start + bytes;
  return b->bytes + start;
}

void *arena_array(arena *a, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) arena_exhausted(a, SIZE_MAX);
  return arena_alloc(a, bytes);
}

void *arena_grow(arena *a, const void *old, size_t old_count, size_t new_count, size_t size) {
  void *result = arena_array(a, new_count, size);
  if (old_count) memcpy(result, old, old_count * size);
  return result;
}

char *arena_text_n(arena *a, const char *text, size_t length) {
  char *copy = arena_alloc(a, length + 1);
  if (length) memcpy(copy, text, length);
  return copy;
}

char *arena_text(arena *a, const char *text) { return arena_text_n(a, text, strlen(text)); }

/* Printed at once to where it will lie, which is cleared again where the room is too short. */
char *arena_vprintf(arena *a, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  size_t room, start = next_start(a->blocks, &room);
  char *place = room ? (char *)a->blocks->bytes + start : NULL;
  int length = vsnprintf(place, room, format, arguments);
  size_t bytes = (size_t)(length < 0 ? 0 : length) + 1;
  if (room && bytes > room) memset(place, 0, room);
  char *text = arena_alloc(a, bytes);
  if (bytes > room && bytes > 1) vsnprintf(text, bytes, format, again);
  va_end(again);
  return text;
}

char *arena_printf(arena *a, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = arena_vprintf(a, format, arguments);
  va_end(arguments);
  return text;
}
