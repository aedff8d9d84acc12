#include "golden.h"

#include <dirent.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char *golden_read(arena *a, const char *path) {
  FILE *in = fopen(path, "rb");
  if (!in) fail_msg("%s cannot be read; UPDATE_GOLDEN=1 writes golden files", path);
  char *text = arena_alloc(a, 1);
  size_t length = 0;
  char block[4096];
  for (size_t got; (got = fread(block, 1, sizeof block, in)) > 0; length += got) {
    text = arena_grow(a, text, length, length + got + 1, 1);
    memcpy(text + length, block, got);
  }
  fclose(in);
  return text;
}

static void write_file(const char *path, const char *text) {
  FILE *out = fopen(path, "wb");
  if (!out) fail_msg("%s cannot be written", path);
  fputs(text, out);
  assert_int_equal(fclose(out), 0);
}

void golden_compare(const char *path, const char *actual) {
  const char *update = getenv("UPDATE_GOLDEN");
  if (update && strcmp(update, "1") == 0) {
    write_file(path, actual);
    return;
  }
  arena *a = arena_new();
  const char *e = golden_read(a, path), *x = actual;
  int line = 1;
  while (*e && strcspn(e, "\n") == strcspn(x, "\n") && memcmp(e, x, strcspn(e, "\n")) == 0) {
    size_t length = strcspn(e, "\n");
    if (e[length] != x[length]) break;
    e += length + (e[length] == '\n');
    x += length + (x[length] == '\n');
    line++;
  }
  if (*e || *x)
    fail_msg("%s:%d: expected\n%.*s\nbut got\n%.*s\nin\n%s", path, line, (int)strcspn(e, "\n"), e,
             (int)strcspn(x, "\n"), x, actual);
  arena_free(a);
}

static int by_name(const void *x, const void *y) {
  return strcmp(*(char *const *)x, *(char *const *)y);
}

char **golden_names(arena *a, const char *folder, const char *suffix, int *count) {
  DIR *listing = opendir(folder);
  if (!listing) fail_msg("%s cannot be read: the tests run in the repository's root", folder);
  char **names = NULL;
  *count = 0;
  for (struct dirent *entry; (entry = readdir(listing));) {
    size_t length = strlen(entry->d_name), end = strlen(suffix);
    if (length <= end || strcmp(entry->d_name + length - end, suffix) != 0) continue;
    arena_push(a, names, *count) = arena_text_n(a, entry->d_name, length - end);
  }
  closedir(listing);
  if (*count == 0) fail_msg("no *%s in %s", suffix, folder);
  qsort(names, (size_t)*count, sizeof *names, by_name);
  return names;
}
