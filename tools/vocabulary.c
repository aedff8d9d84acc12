#include "vocabulary.h"

#include <stdlib.h>
#include <string.h>

vocabulary *vocabulary_new(arena *a) {
  vocabulary *v = arena_new_of(a, vocabulary);
  v->arena = a;
  return v;
}

void vocabulary_add(vocabulary *v, const char *word) {
  if (v->count && !strcmp(v->words[v->count - 1], word)) return;
  arena_push(v->arena, v->words, v->count) = arena_text(v->arena, word);
}

typedef struct entry {
  const char *word;
  int place; /* among those that were added */
} entry;

static int by_word(const void *x, const void *y) {
  const entry *a = x, *b = y;
  int order = strcmp(a->word, b->word);
  return order ? order : (a->place > b->place) - (a->place < b->place);
}

static int by_place(const void *x, const void *y) {
  const entry *a = x, *b = y;
  return (a->place > b->place) - (a->place < b->place);
}

void vocabulary_close(vocabulary *v, bool by_bytes) {
  entry *entries = arena_array_of(v->arena, v->count, entry);
  int count = 0;
  for (int i = 0; i < v->count; i++) entries[i] = (entry){v->words[i], i};
  if (v->count) qsort(entries, (size_t)v->count, sizeof *entries, by_word);
  for (int i = 0; i < v->count; i++)
    if (!i || strcmp(entries[i].word, entries[i - 1].word)) {
      v->words[count] = entries[i].word;
      entries[count++] = entries[i];
    }
  v->count = count;
  if (!by_bytes && count) qsort(entries, (size_t)count, sizeof *entries, by_place);
  for (int i = 0; i < count; i++) v->words[i] = entries[i].word;
  for (int i = 0; i < count; i++) entries[i].place = i;
  if (count) qsort(entries, (size_t)count, sizeof *entries, by_word);
  v->sorted = arena_array_of(v->arena, count, int);
  for (int i = 0; i < count; i++) v->sorted[i] = entries[i].place;
}

int64_t vocabulary_find(const vocabulary *v, const char *word) {
  for (int low = 0, high = v->count; low < high;) {
    int middle = low + (high - low) / 2, order = strcmp(word, v->words[v->sorted[middle]]);
    if (!order) return v->sorted[middle];
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return -1;
}

bool vocabulary_fits(const vocabulary *v, dtype element) {
  static const int64_t most[] = {[DTYPE_BOOL] = 2, [DTYPE_U8] = 256, [DTYPE_I8] = 128};
  if (dtype_is_float(element)) return false;
  return element == DTYPE_I32 || element == DTYPE_I64 || v->count <= most[element];
}
