/* Every input in seeds/NAME/ goes through the target NAME: what fuzzers began with, and what they
 * once found; and each cut at every byte, and damaged at random. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "file.h"
#include "fuzz_targets.h"

enum { DAMAGES = 100 };

static uint32_t random_state = 1;

static uint32_t random_below(size_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % (uint32_t)n;
}

/* The input, cut at every byte, and with some bytes changed. */
static void run_damaged(const fuzz_target *target, const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size);
  if (!copy) exit(1);
  for (size_t length = 0; length < size; length++) {
    memcpy(copy, data, length);
    target->run(copy, length);
  }
  for (int i = 0; i < DAMAGES && size; i++) {
    memcpy(copy, data, size);
    for (uint32_t edits = 1 + random_below(3); edits > 0; edits--)
      copy[random_below(size)] = (uint8_t)(random_below(2) ? random_below(256) : 255 * random_below(2));
    target->run(copy, size);
  }
  free(copy);
}

/* In a process of its own, so that one that ends is a failure and the others still run. */
static int status_of(const fuzz_target *target, const void *data, size_t size) {
  pid_t child = fork();
  if (child == 0) {
    for (int i = 1; i < NSIG; i++) signal(i, SIG_DFL); /* cmocka goes on after a fault */
    target->run(data, size);
    run_damaged(target, data, size);
    _exit(0);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static void seeds_pass(void **state) {
  const fuzz_target *target = *state;
  arena *a = arena_new();
  const char *folder = arena_printf(a, "tests/fuzz/seeds/%s", target->name), *error = NULL;
  DIR *entries = opendir(folder);
  if (!entries) fail_msg("there is no folder %s", folder);
  int count = 0;
  for (const struct dirent *entry; (entry = readdir(entries));) {
    if (entry->d_name[0] == '.') continue;
    size_t size;
    const char *path = arena_printf(a, "%s/%s", folder, entry->d_name);
    const char *data = file_read(a, path, &size, &error);
    if (!data) fail_msg("%s", error);
    int status = status_of(target, data, size);
    if (status) fail_msg("%s: wait status %d", path, status);
    count++;
  }
  closedir(entries);
  assert_true(count > 0);
  arena_free(a);
}

int main(void) {
  enum { MOST = 32 };
  struct CMUnitTest tests[MOST] = {0};
  int count = 0;
  for (const fuzz_target *t = fuzz_targets; t->name && count < MOST; t++)
    tests[count++] = (struct CMUnitTest){.name = t->name, .test_func = seeds_pass,
                                         .initial_state = (void *)(uintptr_t)t};
  return _cmocka_run_group_tests("seeds of fuzzers", tests, (size_t)count, NULL, NULL);
}
