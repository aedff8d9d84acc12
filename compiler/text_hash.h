/* A hash of a text, for tables of names and to compare texts only where their hashes are equal. */
#ifndef TEXT_HASH_H
#define TEXT_HASH_H

#include <stdint.h>

/* FNV-1a (Fowler, Noll and Vo). */
static inline uint32_t text_hash(const char *text) {
  uint32_t hash = 2166136261u;
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
  return hash;
}

#endif
