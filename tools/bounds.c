#include "bounds.h"

#include <math.h>
#include <string.h>

#include "machine.h"

enum { SMALLEST = 12, LARGEST = 28, SIZES = LARGEST - SMALLEST + 1 }; /* powers of two, of bytes */
enum { WINDOWS = 5, MOST_CALLS = 1 << 20 };
static const double window_seconds = 1e-4; /* short, so that some are undisturbed on a loaded machine */

/* Of using memory. */
typedef enum way { COPY, UPDATE, READ, FILL, WAYS } way;

struct bounds {
  arena *arena;
  const dnn_threads *threads;
  dnn_threads *single;
  timer timer;
  double rates[SIZES][WAYS]; /* bytes read and written per second; 0: not measured */
  double peak;
};

bounds *bounds_new(arena *a, const dnn_threads *threads, timer t) {
  bounds *b = arena_new_of(a, bounds);
  *b = (bounds){.arena = a, .threads = threads, .single = dnn_threads_new(1), .timer = t};
  if (!b->single) arena_exhausted(a, 0);
  return b;
}

void bounds_free(bounds *b) { dnn_threads_free(b->single); }

typedef void limited(const dnn_threads *threads, void *argument);

static double seconds_of(timer t, limited *call, const dnn_threads *threads, void *argument, int64_t calls) {
  double start = timer_seconds(t);
  for (int64_t i = 0; i < calls; i++) call(threads, argument);
  return timer_seconds(t) - start;
}

/* The most calls per second of some windows. */
static double calls_per_second(timer t, limited *call, const dnn_threads *threads, void *argument) {
  int64_t calls = 1;
  while (calls < MOST_CALLS && seconds_of(t, call, threads, argument, calls) < window_seconds) calls *= 2;
  double least = INFINITY;
  for (int i = 0; i < WINDOWS; i++) least = fmin(least, seconds_of(t, call, threads, argument, calls));
  return (double)calls / least;
}

/* ---- operations ------------------------------------------------------------------------------ */

static void multiply_add(const dnn_threads *threads, void *turns) { machine_multiply_add(threads, turns); }

void bounds_sample_peak(bounds *b) {
  int64_t turns = 2000;
  const int lanes = machine_vector_bytes() / 4, threads = dnn_threads_count(b->threads);
  if (!lanes) return;
  double operations = (double)turns * MACHINE_VECTORS * 2 * lanes * threads;
  double peak = operations * calls_per_second(b->timer, multiply_add, b->threads, &turns);
  if (peak > b->peak) b->peak = peak;
}

double bounds_peak(const bounds *b) { return b->peak; }

/* ---- memory ---------------------------------------------------------------------------------- */

static void copy(const dnn_threads *threads, void *memory) { machine_copy(threads, memory); }
static void update(const dnn_threads *threads, void *memory) { machine_update(threads, memory); }
static void read_all(const dnn_threads *threads, void *memory) { machine_read(threads, memory); }

static unsigned char *touched(arena *a, uint64_t bytes) {
  unsigned char *memory = dnn_region_new(bytes);
  if (!memory) arena_exhausted(a, bytes);
  memset(memory, 1, bytes);
  return memory;
}

/* Of so many bytes read and written together. */
static double measured_rate(const bounds *b, uint64_t bytes, way w) {
  static limited *const calls[] = {[COPY] = copy, [UPDATE] = update, [READ] = read_all, [FILL] = copy};
  const uint64_t array = w == COPY || w == UPDATE ? bytes / 2 : bytes;
  unsigned char *to = touched(b->arena, array), *from = w == COPY ? touched(b->arena, array) : NULL;
  machine_memory m = {.to = to, .from = from, .bytes = array};
  double all = calls_per_second(b->timer, calls[w], b->threads, &m);
  double alone = calls_per_second(b->timer, calls[w], b->single, &m);
  dnn_region_free(from);
  dnn_region_free(to);
  return fmax(all, alone) * (double)bytes;
}

static double rate_for(bounds *b, double bytes, way w) {
  int size = 0;
  while (size < SIZES - 1 && bytes > (double)(INT64_C(1) << (SMALLEST + size))) size++;
  double *rate = &b->rates[size][w];
  if (!*rate) *rate = measured_rate(b, UINT64_C(1) << (SMALLEST + size), w);
  return *rate;
}

/* ---- kernels --------------------------------------------------------------------------------- */

static double moving_seconds(bounds *b, const call_cost *c) {
  const double in = (double)c->bytes_read, out = (double)c->bytes_written, both = fmin(in, out);
  double seconds = both ? 2 * both / rate_for(b, in + out, c->in_place ? UPDATE : COPY) : 0;
  if (in > out) seconds += (in - out) / rate_for(b, in + out, READ);
  if (out > in) seconds += (out - in) / rate_for(b, in + out, FILL);
  return seconds;
}

bound bounds_of_call(bounds *b, const call_cost *c) {
  double moving = moving_seconds(b, c);
  double computing = b->peak ? ((double)c->operations + (double)c->f64_operations) / b->peak : 0;
  return moving > computing ? (bound){moving, true} : (bound){computing, false};
}

double bounds_of_entry(bounds *b, const call_cost *calls, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++)
    sum += (double)calls[i].times * bounds_of_call(b, &calls[i]).seconds;
  return sum;
}
