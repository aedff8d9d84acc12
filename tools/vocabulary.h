/* Words and their numbers: of classes, and of the characters of a text. */
#ifndef VOCABULARY_H
#define VOCABULARY_H

#include "type.h"

typedef struct vocabulary {
  arena *arena;
  const char **words; /* by number, once closed */
  int count;
  int *sorted;        /* numbers in the order of their words */
} vocabulary;

vocabulary *vocabulary_new(arena *a);

/* Adds a copy of a word, again and again where it comes again. */
void vocabulary_add(vocabulary *v, const char *word);

/* Numbers the words, each once: in the order of their bytes, or as they were added. */
void vocabulary_close(vocabulary *v, bool by_bytes);

/* The number of a word, or -1. */
int64_t vocabulary_find(const vocabulary *v, const char *word);

/* Whether the type holds the number of every word. */
bool vocabulary_fits(const vocabulary *v, dtype element);

#endif
