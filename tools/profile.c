#include "profile.h"

#include <math.h>
#include <stdlib.h>

#include "bounds.h"
#include "c.h"
#include "commands.h"
#include "fuse.h"
#include "observe.h"

enum { FEW_ROUNDS = 3, ENOUGH_ROUNDS = 5, MOST_ROUNDS = 201, MOST_CALLS = 1 << 14 };
static const double sample_seconds = 1e-3;

/* ---- time stamps ----------------------------------------------------------------------------- */

/* The time between two calls of kernels counts for the first of them. */
typedef struct stamps {
  timer clock;
  double cost;     /* of a stamp */
  double *seconds; /* by number of the call, in the calls of the entry so far */
  int64_t *calls;
  int32_t running; /* the call that runs; -1: none does */
  double since;
} stamps;

static void stamp(void *context, int32_t call) {
  stamps *t = context;
  double now = timer_seconds(t->clock);
  if (t->running >= 0) {
    t->seconds[t->running] += now - t->since;
    t->calls[t->running]++;
  }
  t->running = call == C_OBSERVED_END ? -1 : call;
  t->since = now;
}

/* ---- samples --------------------------------------------------------------------------------- */

/* An entry in measurement. */
typedef struct measurement {
  subject *subject;
  const subject_entry *entry;
  const call_cost *costs; /* by number of the call */
  int count;
  stamps stamps;
  double plain[MOST_ROUNDS]; /* seconds without time stamps, by round */
  double *samples;           /* seconds, by round and call */
  double *calls;             /* by call, of all rounds together */
  int rounds;
  double entry_calls;        /* likewise */
} measurement;

static measurement *measurement_new(subject *s, const subject_entry *e) {
  measurement *m = arena_new_of(s->arena, measurement);
  *m = (measurement){.subject = s, .entry = e};
  m->costs = cost_of_calls(s->arena, e->made, &m->count);
  m->stamps = (stamps){.clock = s->options->clock, .cost = timer_cost(s->options->clock), .running = -1};
  m->stamps.seconds = arena_array_of(s->arena, m->count, double);
  m->stamps.calls = arena_array_of(s->arena, m->count, int64_t);
  m->samples = arena_array(s->arena, (size_t)m->count, sizeof(double) * MOST_ROUNDS);
  m->calls = arena_array_of(s->arena, m->count, double);
  return m;
}

static bool plain_call(measurement *m, double *seconds) {
  double start = timer_seconds(m->stamps.clock);
  bool good = subject_call(m->subject, m->entry);
  *seconds = fmax(0, timer_seconds(m->stamps.clock) - start - m->stamps.cost);
  return good;
}

static bool stamped_call(measurement *m) {
  observer_set(&m->subject->library, stamp, &m->stamps);
  bool good = subject_call(m->subject, m->entry);
  observer_set(&m->subject->library, NULL, NULL);
  return good;
}

/* One more round: the mean of so many calls, every other one with time stamps. */
static bool take_round(measurement *m, int calls) {
  double plain, sum = 0;
  subject_restore(m->subject);
  if (calls > 1 && !subject_call(m->subject, m->entry)) return false;
  for (int i = 0; i < calls; i++) {
    if (!plain_call(m, &plain) || !stamped_call(m)) return false;
    sum += plain;
  }
  for (int i = 0; i < m->count; i++) {
    stamps *t = &m->stamps;
    m->samples[(size_t)m->rounds * (size_t)m->count + (size_t)i] =
        fmax(0, t->seconds[i] - t->cost * (double)t->calls[i]) / calls;
    m->calls[i] += (double)t->calls[i];
    t->seconds[i] = 0;
    t->calls[i] = 0;
  }
  m->plain[m->rounds++] = sum / calls;
  m->entry_calls += calls;
  return true;
}

static bool measure(measurement *m, bounds *b) {
  const double budget = m->subject->options->seconds;
  double once;
  subject_restore(m->subject);
  if (!subject_call(m->subject, m->entry) || !plain_call(m, &once)) return false;
  const int calls = once * MOST_CALLS > sample_seconds ? 1 + (int)(sample_seconds / once) : MOST_CALLS;
  for (double start = timer_seconds(TIMER_WALL); m->rounds < MOST_ROUNDS;) {
    double spent = timer_seconds(TIMER_WALL) - start;
    if ((m->rounds >= ENOUGH_ROUNDS && spent > budget) || (m->rounds >= FEW_ROUNDS && spent > 10 * budget)) break;
    if (!take_round(m, calls)) return false;
    bounds_sample_peak(b);
  }
  return true;
}

/* ---- kernels --------------------------------------------------------------------------------- */

static location place_of(const call_cost *c) { return c->group ? group_main(c->group)->at : (location){0}; }

static bool same_line(location x, location y) { return x.source == y.source && diag_line(x) == diag_line(y); }

/* The row of a call of a kernel, made where there is none. */
static int row_of(arena *a, profile_entry *e, const call_cost *c) {
  const location at = place_of(c);
  for (int i = 0; i < e->kernel_count; i++)
    if (e->kernels[i].kernel == c->call->kernel && same_line(e->kernels[i].at, at) &&
        same_line(diag_own(e->kernels[i].at), diag_own(at)))
      return i;
  arena_push(a, e->kernels, e->kernel_count) = (profile_kernel){.kernel = c->call->kernel, .at = at};
  return e->kernel_count - 1;
}

static void add_call(profile_kernel *k, const call_cost *c, double calls, bound least) {
  k->calls += calls;
  k->operations += calls * (double)c->operations;
  k->bytes_read += calls * (double)c->bytes_read;
  k->bytes_written += calls * (double)c->bytes_written;
  k->limit += calls * least.seconds;
  if (least.by_memory) k->by_memory += calls * least.seconds;
}

/* The median over all rounds of what the calls of each row take together. */
static void set_times(arena *a, profile_entry *e, const measurement *m, const int *rows) {
  double *times = arena_array(a, (size_t)e->kernel_count, sizeof(double) * MOST_ROUNDS);
  for (int r = 0; r < m->rounds; r++)
    for (int i = 0; i < m->count; i++)
      times[rows[i] * MOST_ROUNDS + r] += m->samples[(size_t)r * (size_t)m->count + (size_t)i];
  for (int i = 0; i < e->kernel_count; i++)
    e->kernels[i].seconds = spread_of(&times[i * MOST_ROUNDS], m->rounds).median;
}

static int by_time(const void *x, const void *y) {
  const profile_kernel *a = x, *b = y;
  if (a->seconds != b->seconds) return a->seconds > b->seconds ? -1 : 1;
  return atoi(a->kernel->name + 1) - atoi(b->kernel->name + 1);
}

static void set_kernels(arena *a, profile_entry *e, const measurement *m, bounds *b) {
  int *rows = arena_array_of(a, m->count, int);
  for (int i = 0; i < m->count; i++) {
    rows[i] = row_of(a, e, &m->costs[i]);
    add_call(&e->kernels[rows[i]], &m->costs[i], m->calls[i] / m->entry_calls, bounds_of_call(b, &m->costs[i]));
  }
  set_times(a, e, m, rows);
  if (e->kernel_count) qsort(e->kernels, (size_t)e->kernel_count, sizeof *e->kernels, by_time);
  for (int i = 0; i < e->kernel_count; i++) {
    e->stamped += e->kernels[i].seconds;
    e->limit += e->kernels[i].limit;
  }
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool measure_all(subject *s, profile *p, bounds *b) {
  const subject_entry *entries = subject_entries(s, &p->entry_count);
  p->entries = arena_array_of(s->arena, p->entry_count, profile_entry);
  for (int i = 0; i < p->entry_count; i++) {
    profile_entry *e = &p->entries[i];
    measurement *m = measurement_new(s, &entries[i]);
    if (!measure(m, b)) return false;
    *e = (profile_entry){.name = entries[i].entry->name, .rounds = m->rounds, .seconds = spread_of(m->plain, m->rounds)};
    set_kernels(s->arena, e, m, b);
    p->peak = bounds_peak(b);
    if (!s->options->json) profile_print_entry(s->arena, p, e);
  }
  if (s->options->json) profile_print_json(s->arena, p);
  return true;
}

int command_profile(arena *a, const options *o) {
  subject s;
  if (!subject_open(a, o, true, &s)) return STATUS_ERROR;
  options one = *o;
  if (o->clock == TIMER_CPU) one.threads = 1;
  dnn_threads *threads = model_threads(a, &one);
  bool good = threads;
  if (threads) {
    profile p = {.module = s.module, .clock = o->clock, .threads = dnn_threads_count(threads)};
    bounds *b = bounds_new(a, threads, o->clock);
    s.instance.context.threads = threads;
    good = measure_all(&s, &p, b);
    bounds_free(b);
  }
  dnn_threads_free(threads);
  subject_close(&s);
  return good ? 0 : STATUS_ERROR;
}
