/* What the programs of this folder cannot do exactly enough by themselves: time a function in a loop, measure the
 * machine's limits, fill and compare arrays. A shared library, loaded through ctypes, that also holds the
 * runtime of generated code (threads, regions, loader). */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "dnn_rt.h"
#include "peak.h"

/* ---- time ---------------------------------------------------------------------------------- */

/* Whatever is timed takes at most eight arguments of a register each; what it returns is not looked at. */
enum { ARGUMENTS = 8 };
typedef int callee(void *, void *, void *, void *, void *, void *, void *, void *);

static double seconds_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one call, the mean of so many. */
double bench_seconds(callee *function, void *const a[ARGUMENTS], int64_t calls, int clock) {
  double start = seconds_of(clock);
  for (int64_t i = 0; i < calls; i++) function(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
  return (seconds_of(clock) - start) / (double)calls;
}

/* ---- limits -------------------------------------------------------------------------------- */

/* Bytes of the processor's widest vectors with multiply-adds; 0 where this file has no code for it. */
int bench_vector_bytes(void) {
#if defined __x86_64__
  return __builtin_cpu_supports("avx512f") ? 64 : __builtin_cpu_supports("fma") ? 32 : 16;
#else
  return 0;
#endif
}

static void multiply_add(void *turns, int64_t index) {
  (void)index;
  peak_turns(bench_vector_bytes(), *(int64_t *)turns);
}

/* Independent multiply-adds of f32 in registers, turns times twelve vectors of them on each thread. */
void bench_multiply_add(const dnn_threads *threads, int64_t *turns) {
  threads->run(threads->pool, multiply_add, turns, dnn_threads_count(threads));
}

typedef struct copy {
  unsigned char *to;
  const unsigned char *from;
  uint64_t bytes;
  int64_t parts;
} copy;

static void copy_part(void *argument, int64_t index) {
  const copy *c = argument;
  uint64_t first = c->bytes / 64 * (uint64_t)index / (uint64_t)c->parts * 64;
  uint64_t last = c->bytes / 64 * (uint64_t)(index + 1) / (uint64_t)c->parts * 64;
  memcpy(c->to + first, c->from + first, last - first);
}

/* The C library's copy, a part for each thread. */
void bench_copy(const dnn_threads *threads, copy *c) {
  c->parts = dnn_threads_count(threads);
  threads->run(threads->pool, copy_part, c, c->parts);
}

typedef unsigned int words __attribute__((vector_size(32), may_alias));

#if defined __x86_64__ && defined __GNUC__
__attribute__((target_clones("avx2", "default")))
#endif
static void update_part(void *argument, int64_t index) {
  const copy *c = argument;
  words *x = (words *)c->to;
  uint64_t count = c->bytes / sizeof *x, parts = (uint64_t)c->parts, part = (uint64_t)index;
  for (uint64_t i = count * part / parts; i < count * (part + 1) / parts; i++) x[i] ^= 1;
}

/* Every byte of c->to is read and written in place, a part for each thread. */
void bench_update(const dnn_threads *threads, copy *c) {
  c->parts = dnn_threads_count(threads);
  threads->run(threads->pool, update_part, c, c->parts);
}

/* ---- arrays -------------------------------------------------------------------------------- */

/* Numbers of low..high from a seed. */
void bench_fill_f32(float *x, int64_t count, uint64_t seed, double low, double high) {
  for (int64_t i = 0; i < count; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    x[i] = (float)(low + (high - low) * (double)(seed >> 40) * 0x1p-24);
  }
}
void bench_fill_f64(double *x, int64_t count, uint64_t seed, double low, double high) {
  for (int64_t i = 0; i < count; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    x[i] = low + (high - low) * (double)(seed >> 40) * 0x1p-24;
  }
}

/* The largest difference, as a share of the largest magnitude in y; NaN where one has a NaN. */
#define DIFFERENCE(name, real)                                                                     \
  double name(const real *x, const real *y, int64_t count) {                                       \
    double largest = 0, scale = 0;                                                                 \
    for (int64_t i = 0; i < count; i++) {                                                          \
      double difference = fabs((double)x[i] - (double)y[i]);                                       \
      if (!(difference <= largest)) largest = difference;                                          \
      if (largest != largest) return largest;                                                      \
      scale = fmax(scale, fabs((double)y[i]));                                                     \
    }                                                                                              \
    return largest == 0 ? 0 : largest / scale;                                                     \
  }
DIFFERENCE(bench_difference_f32, float)
DIFFERENCE(bench_difference_f64, double)

/* ---- libm ---------------------------------------------------------------------------------- */

typedef struct map {
  const void *x;
  void *y;
  int64_t count;
} map;

static float sigmoidf(float x) { return 1 / (1 + expf(-x)); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static float rsqrtf(float x) { return 1 / sqrtf(x); }
static double rsqrt(double x) { return 1 / sqrt(x); }
static float powf15(float x) { return powf(x, 1.5f); }
static double pow15(double x) { return pow(x, 1.5); }

/* As a program calls the C library: one element after the other. */
#define ELEMENTWISE(name, for_f32, for_f64)                                                        \
  void libm_##name##_f32(const map *m) {                                                           \
    for (int64_t i = 0; i < m->count; i++) ((float *)m->y)[i] = for_f32(((const float *)m->x)[i]); \
  }                                                                                                \
  void libm_##name##_f64(const map *m) {                                                           \
    for (int64_t i = 0; i < m->count; i++)                                                         \
      ((double *)m->y)[i] = for_f64(((const double *)m->x)[i]);                                    \
  }
ELEMENTWISE(exp, expf, exp)
ELEMENTWISE(expm1, expm1f, expm1)
ELEMENTWISE(log, logf, log)
ELEMENTWISE(log1p, log1pf, log1p)
ELEMENTWISE(tanh, tanhf, tanh)
ELEMENTWISE(sigmoid, sigmoidf, sigmoid)
ELEMENTWISE(sin, sinf, sin)
ELEMENTWISE(cos, cosf, cos)
ELEMENTWISE(rsqrt, rsqrtf, rsqrt)
ELEMENTWISE(pow15, powf15, pow15)
