#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, BLOCK_BYTES = 64 * 1024 };

typedef struct block {
  struct block *next;
  size_t used, size;
  _Alignas(ALIGNMENT) unsigned char bytes[];
} block;

struct arena {
  block *blocks;
  size_t used;
};

static _Noreturn void out_of_memory(size_t bytes) {
  fprintf(stderr, "error: out of memory (%zu more bytes were wanted)\n", bytes);
  exit(71);
}

arena *arena_new(void) {
  arena *a = calloc(1, sizeof *a);
  if (!a) out_of_memory(sizeof *a);
  return a;
}

void arena_free(arena *a) {
  if (!a) return;
  for (block *b = a->blocks, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(a);
}

static block *block_new(arena *a, size_t bytes) {
  size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
  if (size > SIZE_MAX - sizeof(block)) out_of_memory(bytes);
  block *b = calloc(1, sizeof(block) + size);
  if (!b) out_of_memory(bytes);
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
  if (bytes > SIZE_MAX - ALIGNMENT) out_of_memory(bytes);
  bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  block *b = a->blocks;
  if (!b || b->size - b->used < bytes) b = block_new(a, bytes);
  void *result = b->bytes + b->used;
  b->used += bytes;
  a->used += bytes;
  return result;
}

void *arena_array(arena *a, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) out_of_memory(SIZE_MAX);
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
