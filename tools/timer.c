#include "timer.h"

#include <time.h>

#include "spread.h"

static double seconds_of(clockid_t clock) {
  struct timespec t = {0};
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double timer_seconds(timer t) {
  return seconds_of(t == TIMER_CPU ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC);
}

double timer_process_seconds(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

double timer_cost(timer t) {
  enum { TIMES = 1001 };
  double costs[TIMES], before = timer_seconds(t);
  for (int i = 0; i < TIMES; i++) {
    double now = timer_seconds(t);
    costs[i] = now - before;
    before = now;
  }
  return spread_of(costs, TIMES).median;
}
