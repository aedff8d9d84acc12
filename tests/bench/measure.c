/* What the programs of this folder cannot do exactly enough by themselves: time a function in a loop, fill and compare
 * arrays. A shared library, loaded through ctypes, that also holds the machine's limits (tools/machine.h) and
 * the runtime of generated code (threads, regions, loader). */
#include <math.h>
#include <stdint.h>
#include <time.h>

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
