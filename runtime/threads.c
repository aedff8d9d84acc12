/* A pool of threads with a static split: thread w of n runs tasks [w T / n, (w + 1) T / n). Which
 * thread runs a task never matters for results, since tasks are cut by shape.
 *
 * The caller publishes a call by raising `turn`; a worker that waits looks at `turn` for a while
 * and then sleeps on `wake`. The caller runs its own share, then waits for `pending` to fall to 0
 * in the same way on `done`. Sleepers announce themselves before they look a last time, and who
 * changes a value looks for sleepers afterwards, both sequentially consistent: no wake is lost.
 *
 * On virtual machines the kernel may put a worker that wakes on the core of the caller, who spins there (after rests of
 * 20 ms in 53 of 60 wakes, under KVM): so who has spun for a while lets others run, and such a worker leaves that core. */
#include "dnn_rt.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SPIN_NANOSECONDS = 1000000, CROWDED_SPIN_NANOSECONDS = 2000, ALONE_NANOSECONDS = 20000, LOOKS_PER_CLOCK = 64 };

typedef struct pool pool;

typedef struct worker {
  pool *pool;
  int index; /* 1 … count - 1; the caller is 0 */
  pthread_t thread;
} worker;

struct pool {
  dnn_threads interface; /* first: a pool's address is its interface's */
  int count, started;    /* threads with the caller; workers that run */
  int64_t spin;          /* nanoseconds */
  pthread_mutex_t in_use;
  worker *workers;

  void (*task)(void *argument, int64_t index);
  void *argument;
  int64_t tasks;
  bool stop;

  /* Each on a cache line of its own: workers look at turn while others count pending down. */
  _Alignas(64) atomic_uint turn;
  _Alignas(64) atomic_int pending;
  _Alignas(64) atomic_int sleepers;
  atomic_bool caller_sleeps;
  atomic_int caller_core; /* when it woke sleepers last */
  pthread_mutex_t sleep_lock;
  pthread_cond_t wake, done;
};

/* Set while a thread runs tasks, so that a nested call runs in place. */
static _Thread_local bool inside_task;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pause_briefly(void) {
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#elif defined __aarch64__
  __asm__ volatile("yield");
#endif
}

static bool turn_changed(pool *p, unsigned seen) {
  return atomic_load_explicit(&p->turn, memory_order_acquire) != seen;
}

static bool all_done(pool *p, unsigned unused) {
  (void)unused;
  return atomic_load_explicit(&p->pending, memory_order_acquire) == 0;
}

/* Looks at a condition until it holds or the pool's time to spin is over. */
static bool spin_until(pool *p, bool (*holds)(pool *, unsigned), unsigned seen) {
  for (int64_t start = 0;;) {
    for (int look = 0; look < LOOKS_PER_CLOCK; look++) {
      if (holds(p, seen)) return true;
      pause_briefly();
    }
    int64_t t = now();
    if (!start) start = t;
    if (t >= start + p->spin) return false;
    if (t >= start + ALONE_NANOSECONDS) sched_yield();
  }
}

static void run_share(pool *p, int index) {
  int64_t first = (int64_t)((__int128)p->tasks * index / p->count);
  int64_t last = (int64_t)((__int128)p->tasks * (index + 1) / p->count);
  for (int64_t i = first; i < last; i++) p->task(p->argument, i);
}

/* Moves this thread to another core, if there is one that it may run on; later it may come back. */
static void leave_core(int core) {
  cpu_set_t all, others;
  if (core < 0 || core >= CPU_SETSIZE || sched_getaffinity(0, sizeof all, &all) != 0) return;
  others = all;
  CPU_CLR((size_t)core, &others);
  if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof all, &all);
}

static void wait_for_turn(pool *p, unsigned seen) {
  if (spin_until(p, turn_changed, seen)) return;
  pthread_mutex_lock(&p->sleep_lock);
  atomic_fetch_add(&p->sleepers, 1);
  while (atomic_load(&p->turn) == seen) pthread_cond_wait(&p->wake, &p->sleep_lock);
  atomic_fetch_sub(&p->sleepers, 1);
  pthread_mutex_unlock(&p->sleep_lock);
  const int core = atomic_load(&p->caller_core);
  if (core == sched_getcpu()) leave_core(core);
}

static void finish_share(pool *p) {
  if (atomic_fetch_sub(&p->pending, 1) != 1 || !atomic_load(&p->caller_sleeps)) return;
  pthread_mutex_lock(&p->sleep_lock);
  pthread_cond_signal(&p->done);
  pthread_mutex_unlock(&p->sleep_lock);
}

static void *work(void *argument) {
  worker *w = argument;
  pool *p = w->pool;
  inside_task = true;
  for (unsigned seen = 0;; seen++) {
    wait_for_turn(p, seen);
    if (p->stop) return NULL;
    run_share(p, w->index);
    finish_share(p);
  }
}

static void publish(pool *p) {
  atomic_fetch_add(&p->turn, 1);
  if (!atomic_load(&p->sleepers)) return;
  atomic_store(&p->caller_core, sched_getcpu());
  pthread_mutex_lock(&p->sleep_lock);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->sleep_lock);
}

static void wait_for_workers(pool *p) {
  if (spin_until(p, all_done, 0)) return;
  pthread_mutex_lock(&p->sleep_lock);
  atomic_store(&p->caller_sleeps, true);
  while (atomic_load(&p->pending)) pthread_cond_wait(&p->done, &p->sleep_lock);
  atomic_store(&p->caller_sleeps, false);
  pthread_mutex_unlock(&p->sleep_lock);
}

static void run(void *pool_pointer, void (*task)(void *, int64_t), void *argument, int64_t tasks) {
  pool *p = pool_pointer;
  if (tasks < 2 || p->count < 2 || inside_task || pthread_mutex_trylock(&p->in_use)) {
    for (int64_t i = 0; i < tasks; i++) task(argument, i);
    return;
  }
  p->task = task;
  p->argument = argument;
  p->tasks = tasks;
  atomic_store(&p->pending, p->count - 1);
  publish(p);
  inside_task = true;
  run_share(p, 0);
  inside_task = false;
  wait_for_workers(p);
  pthread_mutex_unlock(&p->in_use);
}

int dnn_cores(void) {
  cpu_set_t set;
  int cores = sched_getaffinity(0, sizeof set, &set) == 0
                  ? CPU_COUNT(&set)
                  : (int)sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores;
}

dnn_threads *dnn_threads_new(int count) {
  int cores = dnn_cores();
  if (count < 1) count = cores;
  pool *p = aligned_alloc(_Alignof(pool), sizeof *p);
  worker *workers = calloc((size_t)count, sizeof *workers);
  if (!p || !workers) {
    free(p);
    free(workers);
    errno = ENOMEM;
    return NULL;
  }
  *p = (pool){.interface = {p, run}, .count = count, .workers = workers};
  p->spin = count > cores ? CROWDED_SPIN_NANOSECONDS : SPIN_NANOSECONDS;
  pthread_mutex_init(&p->in_use, NULL);
  pthread_mutex_init(&p->sleep_lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  pthread_cond_init(&p->done, NULL);
  for (; p->started < count - 1; p->started++) {
    worker *w = &workers[p->started];
    *w = (worker){.pool = p, .index = p->started + 1};
    int error = pthread_create(&w->thread, NULL, work, w);
    if (error) {
      dnn_threads_free(&p->interface);
      errno = error;
      return NULL;
    }
  }
  return &p->interface;
}

void dnn_threads_free(dnn_threads *threads) {
  if (!threads) return;
  pool *p = threads->pool;
  p->stop = true;
  publish(p);
  for (int i = 0; i < p->started; i++) pthread_join(p->workers[i].thread, NULL);
  pthread_cond_destroy(&p->done);
  pthread_cond_destroy(&p->wake);
  pthread_mutex_destroy(&p->sleep_lock);
  pthread_mutex_destroy(&p->in_use);
  free(p->workers);
  free(p);
}

int dnn_threads_count(const dnn_threads *threads) { return ((const pool *)threads->pool)->count; }
