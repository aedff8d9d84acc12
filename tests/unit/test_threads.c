/* The thread pool: every task runs once, whatever the number of threads, nested and from several
 * callers at once, after short and long pauses. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dnn_rt.h"

enum { MOST_TASKS = 1000 };

typedef struct counters {
  const dnn_threads *threads;
  atomic_int runs[MOST_TASKS];
  pthread_t runner[MOST_TASKS];
} counters;

static void count_one(void *argument, int64_t i) {
  counters *c = argument;
  atomic_fetch_add(&c->runs[i], 1);
  c->runner[i] = pthread_self();
}

static void assert_each_ran(counters *c, int64_t tasks, int times) {
  for (int64_t i = 0; i < MOST_TASKS; i++) assert_int_equal(c->runs[i], i < tasks ? times : 0);
}

static void every_task_runs_once(void **state) {
  (void)state;
  for (int count = 1; count <= 9; count += 2) {
    dnn_threads *threads = dnn_threads_new(count);
    assert_non_null(threads);
    assert_int_equal(dnn_threads_count(threads), count);
    int64_t sizes[] = {0, 1, 2, 3, 7, 64, MOST_TASKS};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
      static counters c;
      memset(&c, 0, sizeof c);
      threads->run(threads->pool, count_one, &c, sizes[s]);
      assert_each_ran(&c, sizes[s], 1);
    }
    dnn_threads_free(threads);
  }
}

static void take_cores(void *argument, int64_t i) {
  cpu_set_t *sets = argument;
  sched_getaffinity(0, sizeof sets[i], &sets[i]);
}

/* A worker that wakes may leave the core of its caller, and then run on all of them again. */
static void workers_may_run_everywhere(void **state) {
  (void)state;
  dnn_threads *threads = dnn_threads_new(3);
  cpu_set_t all, sets[3];
  assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
  for (int turn = 0; turn < 30; turn++) {
    usleep(turn < 20 ? 3000 : 20000);
    threads->run(threads->pool, take_cores, sets, 3);
    for (int i = 0; i < 3; i++) assert_true(CPU_EQUAL(&sets[i], &all));
  }
  dnn_threads_free(threads);
}

enum { WORKERS_FIRST = 4, OF_BOTH = 8 };

/* The first task of the worker's half ends when all others have, or after some seconds. */
static void wait_for_others(void *argument, int64_t i) {
  counters *c = argument;
  for (int turn = 0; i == WORKERS_FIRST && turn < 5000; turn++) {
    int others = 0;
    for (int k = 0; k < OF_BOTH; k++) others += k != i && c->runs[k];
    if (others == OF_BOTH - 1) break;
    usleep(1000);
    if (turn == 4999) return;
  }
  count_one(c, i);
}

/* Who has nothing left runs what another has not begun, so a task that takes long holds nothing up. */
static void late_threads_are_helped(void **state) {
  (void)state;
  dnn_threads *threads = dnn_threads_new(2);
  for (int turn = 0; turn < 20; turn++) {
    static counters c;
    memset(&c, 0, sizeof c);
    if (turn % 4 == 3) usleep(2500); /* the worker goes to sleep */
    threads->run(threads->pool, wait_for_others, &c, OF_BOTH);
    assert_each_ran(&c, OF_BOTH, 1);
  }
  dnn_threads_free(threads);
}

typedef struct nested {
  counters *counters;
  pthread_t caller;
} nested;

static void count_in_place(void *argument, int64_t i) {
  nested *n = argument;
  if (pthread_equal(n->caller, pthread_self())) atomic_fetch_add(&n->counters->runs[i], 1);
}

static void run_nested(void *argument, int64_t i) {
  counters *c = argument;
  nested inner = {c, pthread_self()};
  c->threads->run(c->threads->pool, count_in_place, &inner, 20);
  (void)i;
}

static void nested_calls_run_in_place(void **state) {
  (void)state;
  static counters c;
  dnn_threads *threads = dnn_threads_new(3);
  c.threads = threads;
  threads->run(threads->pool, run_nested, &c, 6);
  assert_each_ran(&c, 20, 6);
  dnn_threads_free(threads);
}

enum { CALLERS = 4, CALLS = 500 };

static void *call_often(void *argument) {
  counters *c = argument;
  for (int i = 0; i < CALLS; i++) c->threads->run(c->threads->pool, count_one, c, 33);
  return NULL;
}

static void several_callers(void **state) {
  (void)state;
  static counters c[CALLERS];
  pthread_t callers[CALLERS];
  dnn_threads *threads = dnn_threads_new(3);
  for (int i = 0; i < CALLERS; i++) {
    c[i].threads = threads;
    assert_int_equal(pthread_create(&callers[i], NULL, call_often, &c[i]), 0);
  }
  for (int i = 0; i < CALLERS; i++) pthread_join(callers[i], NULL);
  for (int i = 0; i < CALLERS; i++) assert_each_ran(&c[i], 33, CALLS);
  dnn_threads_free(threads);
}

static void slow_task(void *argument, int64_t i) {
  if (i == 7) usleep(5000); /* the caller goes to sleep meanwhile */
  count_one(argument, i);
}

static void sleepers_wake(void **state) {
  (void)state;
  static counters c;
  dnn_threads *threads = dnn_threads_new(2);
  for (int turn = 0; turn < 20; turn++) {
    usleep(2500); /* the worker goes to sleep */
    threads->run(threads->pool, slow_task, &c, 8);
  }
  assert_each_ran(&c, 8, 20);
  dnn_threads_free(threads);
}

static void loading_says_what_is_wrong(void **state) {
  (void)state;
  dnn_library library;
  char message[DNN_MESSAGE_BYTES];
  assert_false(dnn_load(&library, "no/such/model.so", message));
  assert_non_null(strstr(message, "no/such/model.so"));
  assert_false(dnn_load(&library, "Makefile", message));
  assert_non_null(strstr(message, "Makefile"));
  assert_null(library.model);
}

static void regions_are_aligned_and_zero(void **state) {
  (void)state;
  uint64_t sizes[] = {1, 63, 64, 100000, (2 << 20) + 1};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    unsigned char *region = dnn_region_new(sizes[s]);
    assert_non_null(region);
    assert_int_equal((uintptr_t)region % 64, 0);
    for (uint64_t i = 0; i < sizes[s]; i++)
      if (region[i]) fail_msg("byte %lu is not zero", (unsigned long)i);
    dnn_region_free(region);
  }
  assert_null(dnn_region_new(0));
  assert_null(dnn_region_new(UINT64_MAX));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_task_runs_once),
      cmocka_unit_test(workers_may_run_everywhere),
      cmocka_unit_test(late_threads_are_helped),
      cmocka_unit_test(nested_calls_run_in_place),
      cmocka_unit_test(several_callers),
      cmocka_unit_test(sleepers_wake),
      cmocka_unit_test(loading_says_what_is_wrong),
      cmocka_unit_test(regions_are_aligned_and_zero),
  };
  return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
