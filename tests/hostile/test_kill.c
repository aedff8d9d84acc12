/* Trainings that are killed at random moments and gone on with until they end: what they leave is byte
 * for byte what undisturbed ones leave. KILLS=… kills in all (KILL_SEED=… for other moments). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool_case.h"

/* A C compiler that remembers: the moments are to lie in the training, not in its compilation. */
static const char *compiler;

/* A model, whose task is followed, and what its training leaves. */
typedef struct trained {
  const char *model, *results[10];
} trained;

static const trained cases[] = {
    {"phases", {"checkpoint.safetensors", "metrics.csv", "curves.png", "parts/net.safetensors",
                "weights-2.png", "weights-5.png"}},
    {"turns", {"checkpoint.safetensors", "metrics.csv", "curves.png", "slow.safetensors",
               "places-3.csv", "turns-1.csv", "turns-3.csv"}},
};
enum { CASES = sizeof cases / sizeof *cases };

static double clock_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_for(double seconds) {
  struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
  nanosleep(&t, NULL);
}

static const char *training(const trained *t, const char *folder, const char *how) {
  return arena_printf(tool_arena(), "train %s.dnn --data . --threads 1 --cc=%s --out %s %s", t->model,
                      compiler, folder, how);
}

/* Starts a training and kills it after a while; false where it ended before, and well. */
static bool killed_after(const char *arguments, double seconds) {
  const char *command = arena_printf(tool_arena(), "%s >output.txt", tool_command(arguments));
  pid_t child = fork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command, (char *)NULL); /* which becomes dnn by exec */
    _exit(127);
  }
  assert_true(child > 0);
  sleep_for(seconds);
  kill(child, SIGKILL);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  if (!WIFEXITED(status) || WEXITSTATUS(status)) fail_msg("%s failed", arguments);
  return false;
}

/* Trains to the end through kills; how many there were. */
static int train_through(const trained *t, const char *folder, double seconds, unsigned short random[3]) {
  for (int kills = 0;; kills++) {
    const char *arguments = training(t, folder, "--resume");
    if (!killed_after(arguments, seconds * erand48(random))) return kills;
  }
}

static void expect_same_results(const trained *t, const char *folder) {
  for (const char *const *name = t->results; *name; name++)
    tool_expect_same(arena_printf(tool_arena(), "%s/%s", folder, *name),
                     arena_printf(tool_arena(), "%s-whole/%s", t->model, *name));
  const char *left = arena_printf(tool_arena(), "! ls %s | grep '[.]tmp$'", tool_path("%s", folder));
  assert_int_equal(system(left), 0);
}

static long setting(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? strtol(text, NULL, 10) : otherwise;
}

/* Undisturbed, without the time of the C compiler. */
static double train_whole(const trained *t) {
  const char *folder = arena_printf(tool_arena(), "%s-whole", t->model);
  tool_expect(0, "%s", training(t, folder, "")); /* compiles */
  double start = clock_now();
  const char *text = tool_expect(0, "%s", training(t, folder, "--overwrite"));
  double seconds = clock_now() - start;
  assert_non_null(strstr(text, "stopped: back to epoch"));
  return seconds;
}

static int kill_often(const trained *t, int wanted, unsigned short random[3]) {
  double seconds = train_whole(t);
  int kills = 0;
  for (int run = 0; kills < wanted; run++) {
    const char *folder = arena_printf(tool_arena(), "%s-killed%d", t->model, run);
    kills += train_through(t, folder, seconds, random);
    expect_same_results(t, folder);
  }
  return kills;
}

static void killing_changes_nothing(void **state) {
  (void)state;
  int wanted = (int)setting("KILLS", 4), kills = 0;
  unsigned short random[3] = {0x330e, (unsigned short)setting("KILL_SEED", 0), 0};
  for (int i = 0; i < CASES; i++) kills += kill_often(&cases[i], (wanted + CASES - 1 - i) / CASES, random);
  print_message("%d kills\n", kills);
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("tests/unit/tasks/phases.dnn", "phases.dnn");
  tool_copy("tests/hostile/turns.dnn", "turns.dnn");
  tool_copy("tests/hostile/cc.sh", "cc.sh");
  tool_points("points/x.npy", 70, 3);
  tool_points("others/z.npy", 13, 3);
  compiler = tool_path("cc.sh");
  if (system(arena_printf(tool_arena(), "chmod +x %s && mkdir %s", compiler, tool_path("results"))))
    return -1;
  return setenv("CC_RESULTS", tool_path("results"), 1) || setenv("TMPDIR", tool_path("results"), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(killing_changes_nothing),
  };
  return cmocka_run_group_tests_name("kill", tests, set_up, tool_tear_down);
}
