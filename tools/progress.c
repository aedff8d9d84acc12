#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24 };
static const double least_interval = 0.1;

double progress_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

progress progress_new(int64_t start_step) {
  const char *terminal = getenv("TERM"), *no_colour = getenv("NO_COLOR");
  bool dumb = !terminal || !*terminal || (terminal[0] == 'd' && terminal[1] == 'u');
  bool shown = isatty(STDERR_FILENO) && !dumb;
  return (progress){.shown = shown,
                    .colour = shown && !(no_colour && *no_colour),
                    .start = progress_clock(),
                    .start_step = start_step};
}

const char *duration_text(arena *a, double seconds) {
  long long s = seconds < 0 ? 0 : seconds > 1e15 ? (long long)1e15 : (long long)(seconds + 0.5);
  return s < 3600 ? arena_printf(a, "%lld:%02lld", s / 60, s % 60)
                  : arena_printf(a, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

static void draw_bar(char bar[BAR + 1], int64_t step, int64_t steps) {
  int filled = steps > 0 ? (int)((double)step / (double)steps * BAR) : BAR;
  for (int i = 0; i < BAR; i++) bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
  bar[BAR] = 0;
}

static int terminal_columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool progress_due(const progress *p) {
  return p->shown && progress_clock() - p->last >= least_interval;
}

void progress_show(progress *p, const progress_state *s) {
  p->last = progress_clock();
  double rate = (double)(s->done - p->start_step) / (p->last - p->start);
  arena *a = arena_new();
  char bar[BAR + 1];
  draw_bar(bar, s->step, s->epoch_steps);
  const char *line = arena_printf(
      a, "%s  epoch %lld/%lld  [%s]  %lld/%lld  %s  %.0f rows/s  %s left", s->entry,
      (long long)s->epoch, (long long)s->epochs, bar, (long long)s->step, (long long)s->epoch_steps,
      s->metrics, rate * (double)s->rows,
      rate > 0 ? duration_text(a, (double)(s->steps - s->done) / rate) : "?");
  fprintf(stderr, "\r%s%.*s%s\033[K", p->colour ? "\033[36m" : "", terminal_columns() - 1, line,
          p->colour ? "\033[0m" : "");
  fflush(stderr);
  arena_free(a);
}

void progress_clear(const progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
}
