#include "fingerprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each step is a bijection of the hash so far: where one word differs, so does the result. */
static uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15; /* 2^64 by the golden ratio, odd */
  return hash ^ hash >> 32;
}

static uint64_t hash_of(const array *x) {
  const char *at = x->data;
  size_t bytes = (size_t)array_bytes(x);
  uint64_t hash = mix(0, bytes), word;
  for (; bytes >= sizeof word; at += sizeof word, bytes -= sizeof word) {
    memcpy(&word, at, sizeof word);
    hash = mix(hash, word);
  }
  word = 0;
  if (bytes) memcpy(&word, at, bytes);
  return mix(hash, word);
}

const char *fingerprint_text(arena *a, const data_cache *cache) {
  const char *text = "";
  for (int i = 0; i < cache->count; i++) {
    const data_cached *c = &cache->entries[i];
    text = arena_printf(a, "%s%s %lld %016llx\n", text, c->name, (long long)c->array->extents[0],
                        (unsigned long long)hash_of(c->array));
  }
  return text;
}

/* Whether a text has this line; else *other is the first of the same column in it, or NULL. A column that inputs of
 * several types take has several lines. */
static bool has_line(const char *text, const char *line, size_t length, const char **other) {
  size_t name = strcspn(line, " ") + 1;
  *other = NULL;
  for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
    if (!strncmp(text, line, length + 1)) return true;
    if (!*other && !strncmp(text, line, name)) *other = text;
  }
  return false;
}

const char *fingerprint_difference(arena *a, const char *before, const char *now) {
  for (const char *line = now, *other; *line; line += strcspn(line, "\n"), line += *line == '\n') {
    if (has_line(before, line, strcspn(line, "\n"), &other) || !other) continue;
    int name = (int)strcspn(line, " ");
    long long rows = strtoll(line + name, NULL, 10), rows_before = strtoll(other + name, NULL, 10);
    if (rows == rows_before) return arena_printf(a, "column %.*s has other values", name, line);
    return arena_printf(a, "column %.*s has %lld rows, not %lld", name, line, rows, rows_before);
  }
  return NULL;
}
