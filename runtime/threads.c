/* A pool of threads. Tasks are counted in units of one or, where there are many, of several; thread w of n begins with the
 * units [w U / n, (w + 1) U / n), so that its caches find again what they held in the last call, and then takes what others
 * have not begun: one that sleeps, or that the kernel lets wait, delays nothing but what it has begun. Which thread runs a
 * task never matters for results, since tasks are cut by shape.
 *
 * The caller fills the shares and raises `turn`; a worker that waits looks at `turn` for a while and then sleeps on `wake`.
 * Whoever takes a unit out of a share, even one that missed some turns, has thereby seen all that the caller wrote before
 * it filled the share, and the caller does not go on before that unit is run. When nothing is left to take, the caller
 * waits for `pending` to fall to 0 in the same way on `done`. Sleepers announce themselves before they look a last time,
 * and who changes a value looks for sleepers afterwards, both sequentially consistent: no wake is lost.
 *
 * The kernel may put a worker that begins or wakes on the core of the caller, who computes or spins there, and leave it there
 * for long (after rests of 20 ms in 53 of 60 wakes, under KVM): so a worker sleeps where the caller is not, leaves the caller's
 * core when it finds itself there, and who has spun for a while lets others run. */
#include "dnn_rt.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SPIN_NANOSECONDS = 1000000, CROWDED_SPIN_NANOSECONDS = 2000, ALONE_NANOSECONDS = 20000, LOOKS_PER_CLOCK = 64 };
enum { MOST_UNITS = 64 /* of a share, about */ };

typedef struct pool pool;

/* Units that nobody has begun, on a cache line of its own: the first in the lower half, the end in the upper one. */
typedef struct share {
  _Alignas(64) atomic_uint_least64_t left;
} share;

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
  share *shares; /* one for each thread */

  void (*task)(void *argument, int64_t index);
  void *argument;
  int64_t tasks, unit; /* tasks in all, and of a unit */
  atomic_bool stop;
  atomic_int ready; /* workers that have begun */

  /* Each on a cache line of its own: workers look at turn while others count pending down. */
  _Alignas(64) atomic_uint turn;
  atomic_int caller_core;
  _Alignas(64) atomic_int_least64_t pending; /* units that are not run yet */
  _Alignas(64) atomic_int sleepers;
  atomic_bool caller_sleeps;
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

static void fill(share *s, int64_t first, int64_t end) {
  atomic_store_explicit(&s->left, (uint64_t)end << 32 | (uint64_t)first, memory_order_release);
}

/* The first unit of a share, or for another than its thread the last; -1 where none is left. */
static int64_t take(share *s, bool own) {
  uint64_t left = atomic_load_explicit(&s->left, memory_order_relaxed), first, end;
  do {
    first = left & UINT32_MAX;
    end = left >> 32;
    if (first >= end) return -1;
  } while (!atomic_compare_exchange_weak_explicit(&s->left, &left, own ? left + 1 : left - (UINT64_C(1) << 32),
                                                  memory_order_acquire, memory_order_relaxed));
  return (int64_t)(own ? first : end - 1);
}

static void run_unit(const pool *p, int64_t unit) {
  const int64_t first = unit * p->unit, end = p->tasks - first < p->unit ? p->tasks : first + p->unit;
  for (int64_t i = first; i < end; i++) p->task(p->argument, i);
}

/* Runs units of this thread's share, then of the others'; returns how many. */
static int64_t run_units(pool *p, int index) {
  int64_t count = 0;
  for (int i = 0; i < p->count; i++)
    for (int64_t unit; (unit = take(&p->shares[(index + i) % p->count], i == 0)) >= 0; count++) run_unit(p, unit);
  return count;
}

/* Takes the caller's core from those that this worker may run on, if others are left. */
static bool avoid_caller(const pool *p, cpu_set_t *before, cpu_set_t *avoiding) {
  const int core = atomic_load_explicit(&p->caller_core, memory_order_relaxed);
  if (p->spin == CROWDED_SPIN_NANOSECONDS || core < 0 || core >= CPU_SETSIZE) return false;
  if (sched_getaffinity(0, sizeof *before, before) != 0 || !CPU_ISSET((size_t)core, before)) return false;
  *avoiding = *before;
  CPU_CLR((size_t)core, avoiding);
  return CPU_COUNT(avoiding) > 0 && sched_setaffinity(0, sizeof *avoiding, avoiding) == 0;
}

/* Undoes that, unless somebody else has changed it meanwhile. */
static void avoid_none(const cpu_set_t *before, const cpu_set_t *avoiding) {
  cpu_set_t present;
  if (sched_getaffinity(0, sizeof present, &present) == 0 && CPU_EQUAL(&present, avoiding))
    sched_setaffinity(0, sizeof *before, before);
}

/* Moves a worker from the core of its caller to another one; later it may come back. */
static void leave_caller(const pool *p) {
  cpu_set_t before, avoiding;
  if (atomic_load_explicit(&p->caller_core, memory_order_relaxed) != sched_getcpu()) return;
  if (avoid_caller(p, &before, &avoiding)) avoid_none(&before, &avoiding);
}

static void wait_for_turn(pool *p, unsigned seen) {
  cpu_set_t before, avoiding;
  if (spin_until(p, turn_changed, seen)) return;
  const bool avoids = avoid_caller(p, &before, &avoiding);
  pthread_mutex_lock(&p->sleep_lock);
  atomic_fetch_add(&p->sleepers, 1);
  while (atomic_load(&p->turn) == seen) pthread_cond_wait(&p->wake, &p->sleep_lock);
  atomic_fetch_sub(&p->sleepers, 1);
  pthread_mutex_unlock(&p->sleep_lock);
  if (avoids) avoid_none(&before, &avoiding);
}

/* True where these were the last. */
static bool count_down(pool *p, int64_t units) { return units && atomic_fetch_sub(&p->pending, units) == units; }

static void *work(void *argument) {
  worker *w = argument;
  pool *p = w->pool;
  inside_task = true;
  leave_caller(p);
  atomic_fetch_add(&p->ready, 1);
  for (unsigned seen = 0;;) {
    wait_for_turn(p, seen);
    seen = atomic_load(&p->turn);
    if (p->stop) return NULL;
    leave_caller(p);
    if (!count_down(p, run_units(p, w->index)) || !atomic_load(&p->caller_sleeps)) continue;
    pthread_mutex_lock(&p->sleep_lock);
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->sleep_lock);
  }
}

static void publish(pool *p) {
  atomic_store_explicit(&p->caller_core, sched_getcpu(), memory_order_relaxed);
  atomic_fetch_add(&p->turn, 1);
  if (!atomic_load(&p->sleepers)) return;
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
  p->unit = 1 + (tasks - 1) / ((int64_t)MOST_UNITS * p->count);
  const int64_t units = (tasks - 1) / p->unit + 1;
  atomic_store(&p->pending, units);
  for (int w = 0; w < p->count; w++) fill(&p->shares[w], units * w / p->count, units * (w + 1) / p->count);
  publish(p);
  inside_task = true;
  const bool last = count_down(p, run_units(p, 0));
  inside_task = false;
  if (!last) wait_for_workers(p);
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
  share *shares = aligned_alloc(_Alignof(share), (size_t)count * sizeof *shares);
  if (!p || !workers || !shares) {
    free(p);
    free(workers);
    free(shares);
    errno = ENOMEM;
    return NULL;
  }
  *p = (pool){.interface = {p, run}, .count = count, .workers = workers, .shares = shares};
  for (int w = 0; w < count; w++) atomic_init(&shares[w].left, 0);
  p->spin = count > cores ? CROWDED_SPIN_NANOSECONDS : SPIN_NANOSECONDS;
  pthread_mutex_init(&p->in_use, NULL);
  pthread_mutex_init(&p->sleep_lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  pthread_cond_init(&p->done, NULL);
  atomic_store(&p->caller_core, sched_getcpu());
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
  while (atomic_load(&p->ready) < p->started) sched_yield();
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
  free(p->shares);
  free(p);
}

int dnn_threads_count(const dnn_threads *threads) { return ((const pool *)threads->pool)->count; }
