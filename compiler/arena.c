#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With 0 every allocation is a block of its own and of its exact size, so that tools which watch the
 * heap see each overrun (make HOSTILE=1). */
#ifndef ARENA_BLOCK_BYTES
#define ARENA_BLOCK_BYTES (64 * 1024)
#endif

enum { ALIGNMENT = 16, BLOCK_BYTES = ARENA_BLOCK_BYTES };

typedef struct block {
  struct block *next;
  size_t used, size;
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
  size_t used;
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

void arena_free(arena *a) {
  if (!a) return;
  run_endings(a);
  for (block *b = a->blocks, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(a);
}

static block *block_new(arena *a, size_t bytes) {
  size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
  if (size > SIZE_MAX - sizeof(block)) arena_exhausted(a, bytes);
  block *b = calloc(1, sizeof(block) + size);
  if (!b) arena_exhausted(a, bytes);
  b->size = size;
  if (a->blocks && size > BLOCK_BYTES) { /* a large one: the current block stays in front */
    b->next = a->blocks->next;
    a->blocks->next = b;
  } else {
    b->next = a->blocks;
    a->blocks = b;
  }
  return b;
}

void *arena_alloc(arena *a, size_t bytes) {
  block *b = a->blocks;
  size_t start = b ? (b->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : 0;
  if (!b || b->size < start || b->size - start < bytes || !BLOCK_BYTES) {
    b = block_new(a, bytes);
    start = 0;
  }
  b->used = start + bytes;
  a->used += bytes;
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

char *arena_vprintf(arena *a, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  char *text = arena_alloc(a, (size_t)(length < 0 ? 0 : length) + 1);
  if (length > 0) vsnprintf(text, (size_t)length + 1, format, again);
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

size_t arena_used(const arena *a) { return a->used; }
