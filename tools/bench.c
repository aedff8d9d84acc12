#include "bench.h"

#include "bounds.h"
#include "commands.h"

enum { FEW_ROUNDS = 3, ENOUGH_ROUNDS = 5, MOST_ROUNDS = 201 };
static const double sample_seconds = 1e-3;

/* The mean of some calls. */
typedef struct sample {
  double seconds, processor, wall;
} sample;

static bool take_sample(subject *s, const subject_entry *e, int64_t calls, sample *result) {
  const timer clock = s->options->clock;
  subject_restore(s);
  if (calls > 1 && !subject_call(s, e)) return false; /* wakes the threads, fills the caches */
  const double wall = timer_seconds(TIMER_WALL), processor = timer_process_seconds(), start = timer_seconds(clock);
  for (int64_t i = 0; i < calls; i++)
    if (!subject_call(s, e)) return false;
  result->seconds = (timer_seconds(clock) - start) / (double)calls;
  result->processor = (timer_process_seconds() - processor) / (double)calls;
  result->wall = (timer_seconds(TIMER_WALL) - wall) / (double)calls;
  return true;
}

/* How many calls make a sample; 0 after an error. */
static int64_t calls_of_sample(subject *s, const subject_entry *e) {
  sample one;
  for (int64_t calls = 1;; calls *= 2) {
    if (!take_sample(s, e, calls, &one)) return 0;
    if (one.seconds * (double)calls >= sample_seconds || calls >= 1 << 20) return calls;
  }
}

static bool measure_run(subject *s, const subject_entry *e, bounds *b, bench_run *run) {
  double seconds[MOST_ROUNDS], processor[MOST_ROUNDS], busy[MOST_ROUNDS];
  const double budget = s->options->seconds;
  const int64_t per_sample = calls_of_sample(s, e);
  if (!per_sample) return false;
  int n = 0;
  for (double start = timer_seconds(TIMER_WALL); n < MOST_ROUNDS; n++) {
    double spent = timer_seconds(TIMER_WALL) - start;
    if ((n >= ENOUGH_ROUNDS && spent > budget) || (n >= FEW_ROUNDS && spent > 10 * budget)) break;
    sample taken;
    if (!take_sample(s, e, per_sample, &taken)) return false;
    bounds_sample_peak(b);
    seconds[n] = taken.seconds;
    processor[n] = taken.processor;
    busy[n] = taken.processor / taken.wall;
  }
  run->rounds = n;
  run->seconds = spread_of(seconds, n);
  run->processor = spread_of(processor, n).median;
  run->busy = spread_of(busy, n).median;
  return true;
}

/* Threads, and what this machine can do on them. */
typedef struct lane {
  dnn_threads *threads;
  bounds *bounds;
} lane;

static bool lane_open(subject *s, int threads, lane *l) {
  options o = *s->options;
  o.threads = threads;
  *l = (lane){.threads = model_threads(s->arena, &o)};
  if (l->threads) l->bounds = bounds_new(s->arena, l->threads, o.clock);
  return l->threads;
}

static void lane_close(lane *l) {
  if (l->bounds) bounds_free(l->bounds);
  dnn_threads_free(l->threads);
}

static bool measure_on(subject *s, const subject_entry *e, const lane *l, bench_run *run) {
  int count;
  const call_cost *calls = cost_of_calls(s->arena, e->made, &count);
  *run = (bench_run){.threads = dnn_threads_count(l->threads)};
  s->instance.context.threads = l->threads;
  bool good = measure_run(s, e, l->bounds, run);
  s->instance.context.threads = NULL;
  if (good) run->limit = bounds_of_entry(l->bounds, calls, count);
  return good;
}

static bool measure_entry(subject *s, const subject_entry *e, const lane *lanes, int lane_count, bench_entry *result) {
  *result = (bench_entry){.name = e->entry->name, .argument_bytes = e->argument_bytes};
  result->cost = cost_of_entry(s->arena, s->module, e->made);
  result->runs = arena_array_of(s->arena, lane_count, bench_run);
  for (; result->run_count < lane_count; result->run_count++)
    if (!measure_on(s, e, &lanes[result->run_count], &result->runs[result->run_count])) return false;
  return true;
}

static bool measure_all(subject *s, const lane *lanes, int lane_count) {
  bench b = {.module = s->module, .clock = s->options->clock, .lane_count = lane_count};
  const bool shown = !s->options->json;
  const subject_entry *entries = subject_entries(s, &b.entry_count);
  b.entries = arena_array_of(s->arena, b.entry_count, bench_entry);
  if (shown) bench_print_heading(&b);
  for (int i = 0; i < b.entry_count; i++) {
    if (!measure_entry(s, &entries[i], lanes, lane_count, &b.entries[i])) return false;
    if (shown) bench_print_entry(s->arena, &b.entries[i]);
  }
  for (int i = 0; i < lane_count; i++) b.peaks[i] = bounds_peak(lanes[i].bounds);
  if (shown) bench_print_peaks(s->arena, &b);
  else bench_print_json(s->arena, &b);
  return true;
}

int command_bench(arena *a, const options *o) {
  subject s;
  lane lanes[BENCH_LANES] = {0};
  if (!subject_open(a, o, false, &s)) return STATUS_ERROR;
  const int most = o->clock == TIMER_CPU ? 1 : o->threads ? o->threads : dnn_cores(), count = 1 + (most > 1);
  bool good = lane_open(&s, 1, &lanes[0]) && (count == 1 || lane_open(&s, most, &lanes[1]));
  good = good && measure_all(&s, lanes, count);
  for (int i = 0; i < BENCH_LANES; i++) lane_close(&lanes[i]);
  subject_close(&s);
  return good ? 0 : STATUS_ERROR;
}
