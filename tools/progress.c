#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "colour.h"
#include "timer.h"

enum { LEAST_BAR = 6, MOST_BAR = 24 };
static const double least_interval = 0.1;

progress progress_new(int64_t start_step) {
  const char *terminal = getenv("TERM");
  bool dumb = !terminal || !*terminal || (terminal[0] == 'd' && terminal[1] == 'u');
  bool shown = isatty(STDERR_FILENO) && !dumb;
  return (progress){.shown = shown,
                    .start = timer_seconds(TIMER_WALL),
                    .start_step = start_step};
}

const char *duration_text(arena *a, double seconds) {
  long long s = seconds < 0 ? 0 : seconds > 1e15 ? (long long)1e15 : (long long)(seconds + 0.5);
  return s < 3600 ? arena_printf(a, "%lld:%02lld", s / 60, s % 60)
                  : arena_printf(a, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

/* "=====>    ", of a width. */
static const char *bar_text(arena *a, int width, int64_t step, int64_t steps) {
  char *bar = arena_alloc(a, (size_t)width + 1);
  int filled = steps > 0 ? (int)((double)step / (double)steps * width) : width;
  for (int i = 0; i < width; i++) bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
  return bar;
}

static int terminal_columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool progress_due(const progress *p) {
  return p->shown && timer_seconds(TIMER_WALL) - p->last >= least_interval;
}

void progress_show(progress *p, const progress_state *s) {
  p->last = timer_seconds(TIMER_WALL);
  double rate = (double)(s->done - p->start_step) / (p->last - p->start);
  arena *a = arena_new();
  const char *start = arena_printf(a, "%s %lld/%lld", s->entry, (long long)s->epoch,
                                   (long long)s->epochs);
  const char *left = rate > 0 ? duration_text(a, (double)(s->steps - s->done) / rate) : "?";
  const char *rest = arena_printf(a, "%lld/%lld  %s left  %.0f rows/s  %s", (long long)s->step,
                                  (long long)s->epoch_steps, left, rate * (double)s->rows,
                                  s->metrics);
  int columns = terminal_columns() - 1, room = columns - (int)(strlen(start) + strlen(rest)) - 4;
  int width = room < LEAST_BAR ? LEAST_BAR : room > MOST_BAR ? MOST_BAR : room;
  const char *line = arena_printf(a, "%s [%s] %s", start,
                                  bar_text(a, width, s->step, s->epoch_steps), rest);
  fprintf(stderr, "\r%s%.*s%s\033[K", colour_text(stderr, COLOUR_PROGRESS), columns, line,
          colour_text(stderr, COLOUR_OFF));
  fflush(stderr);
  arena_free(a);
}

void progress_clear(const progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
}
