/* Every model of the tree with some of its bytes changed, cut out, doubled, or exchanged with those of
 * another: it compiles, or there is an error; nothing else, and soon. Small ones that still are
 * models go on to C. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "c.h"
#include "compile.h"
#include "golden.h"
#include "text_stream.h"

enum { FEW = 6, MANY = 150, MOST_NODES = 400, MOST_SECONDS = 100 };

static uint32_t random_state;

static uint32_t random_below(size_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % (uint32_t)n;
}

/* ---- the models of the tree ------------------------------------------------------------------- */

typedef struct models {
  char **texts;
  int text_count;
} models;

static void find_models(arena *a, models *m, const char *folder) {
  DIR *listing = opendir(folder);
  assert_non_null(listing);
  for (struct dirent *e; (e = readdir(listing));) {
    struct stat status;
    size_t length = strlen(e->d_name);
    const char *path = arena_printf(a, "%s/%s", folder, e->d_name);
    if (e->d_name[0] == '.' || stat(path, &status)) continue;
    if (S_ISDIR(status.st_mode)) find_models(a, m, path);
    else if (length > 4 && !strcmp(e->d_name + length - 4, ".dnn") && status.st_size > 0)
      arena_push(a, m->texts, m->text_count) = golden_read(a, path);
  }
  closedir(listing);
}

static int by_text(const void *x, const void *y) {
  return strcmp(*(char *const *)x, *(char *const *)y);
}

/* In an order that the file system does not choose. */
static models all_models(arena *a) {
  static const char *const folders[] = {"models", "tests/lang", "tests/emit", "tests/hostile", "dsl"};
  models m = {0};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) find_models(a, &m, folders[i]);
  assert_true(m.text_count > 40);
  qsort(m.texts, (size_t)m.text_count, sizeof *m.texts, by_text);
  return m;
}

/* ---- damage ------------------------------------------------------------------------------------ */

static const char *damaged(arena *a, const models *m, const char *text) {
  for (uint32_t edits = 1 + random_below(2); edits > 0; edits--) {
    size_t length = strlen(text), at = random_below(length), span = random_below(20);
    if (at + span > length) span = length - at;
    const char *other = m->texts[random_below((size_t)m->text_count)], *piece = "";
    size_t from = random_below(strlen(other));
    switch (random_below(4)) {
      case 0: piece = arena_printf(a, "%c", (char)(1 + random_below(255))); span = span > 0; break;
      case 1: break;
      case 2: piece = arena_text_n(a, text + at, span); span = 0; break;
      default: piece = arena_printf(a, "%.*s", 1 + (int)random_below(30), other + from); break;
    }
    text = arena_printf(a, "%.*s%s%s", (int)at, text, piece, text + at + span);
    if (!*text) text = " ";
  }
  return text;
}

static int nodes_of(const program *p) {
  int nodes = 0;
  for (int i = 0; i < p->entry_count; i++) nodes += p->entries[i]->node_count;
  return nodes;
}

static bool take(const char *text) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  const source s = {.name = "model.dnn", .text = text, .length = strlen(text)};
  program *p = elaborate(a, d, &s, &(elaborate_options){0});
  bool good = (p != NULL) == (diag_count(d) == 0);
  if (p && nodes_of(p) <= MOST_NODES) {
    module *m = compile_module(p, d, &(compile_options){0});
    good = good && (m != NULL) == (diag_count(d) == 0);
    text_stream out;
    text_stream_open(&out, a);
    if (m) c_emit(m, NULL, NULL, out.out);
    text_stream_close(&out);
  }
  arena_free(a);
  return good;
}

/* In a process of its own, which names each damage before it is tried: the last is the culprit where
 * the process ends by it or hangs. */
static void take_many(const models *m, int index, int count) {
  int pipe_ends[2], status = 0;
  assert_int_equal(pipe(pipe_ends), 0);
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    alarm(MOST_SECONDS);
    for (int i = 0; i < count; i++) {
      arena *a = arena_new();
      random_state = (uint32_t)(1000 * index + i);
      if (write(pipe_ends[1], &i, sizeof i) != sizeof i) _exit(3);
      if (!take(damaged(a, m, m->texts[index]))) _exit(4);
      arena_free(a);
    }
    _exit(0);
  }
  close(pipe_ends[1]);
  int last = -1;
  for (int i; read(pipe_ends[0], &i, sizeof i) == sizeof i;) last = i;
  close(pipe_ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (status == 0) return;
  arena *a = arena_new();
  random_state = (uint32_t)(1000 * index + last);
  fail_msg("model %d, damage %d: wait status %x\n%s", index, last, (unsigned)status,
           damaged(a, m, m->texts[index]));
}

static void test_damaged_models(void **state) {
  (void)state;
  arena *a = arena_new();
  models m = all_models(a);
  for (int i = 0; i < m.text_count; i++) take_many(&m, i, getenv("HOSTILE") ? MANY : FEW);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_damaged_models)};
  return cmocka_run_group_tests_name("damaged models", tests, NULL, NULL);
}
