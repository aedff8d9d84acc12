#include "curves.h"

#include <string.h>

#include "chart.h"

enum { MOST_PANELS = 4 };

/* Adds a name to a list of different ones; its position, or -1 where the list is full. */
static int intern(const char **names, int *count, int most, const char *name) {
  for (int i = 0; i < *count; i++)
    if (strcmp(names[i], name) == 0) return i;
  if (*count == most) return -1;
  names[*count] = name;
  return (*count)++;
}

/* Epochs since the start: those of a stage follow those of the stage before. */
static double *epochs_since_start(arena *a, const history *h) {
  double *x = arena_array_of(a, h->count, double), offset = 0, end = 0;
  for (int i = 0; i < h->count; i++) {
    if (i > 0 && h->rows[i].stage != h->rows[i - 1].stage) offset = end;
    x[i] = offset + h->rows[i].epoch;
    if (x[i] > end) end = x[i];
  }
  return x;
}

/* The values of one metric of one run. */
static chart_series curve(arena *a, const history *h, const double *epochs, const char *label,
                          const char *metric) {
  double *x = arena_array_of(a, h->count, double), *y = arena_array_of(a, h->count, double);
  chart_series s = {.name = label, .x = x, .y = y, .line = true};
  for (int i = 0; i < h->count; i++) {
    if (strcmp(h->rows[i].metric, metric) || strcmp(h->rows[i].label, label)) continue;
    x[s.count] = epochs[i];
    y[s.count++] = h->rows[i].value;
  }
  return s;
}

bool curves_write(const history *h, const char *title, const char *path, const char **error) {
  const char *metrics[MOST_PANELS], *labels[CHART_MOST_SERIES], *message = NULL;
  int panels = 0, label_count = 0;
  for (int i = 0; i < h->count; i++) {
    intern(metrics, &panels, MOST_PANELS, h->rows[i].metric);
    intern(labels, &label_count, CHART_MOST_SERIES, h->rows[i].label);
  }
  if (!panels) return true;
  arena *a = arena_new();
  const double *epochs = epochs_since_start(a, h);
  chart *charts = arena_array_of(a, panels, chart);
  for (int k = 0; k < panels; k++) {
    charts[k] = (chart){.title = metrics[k], .across = "epoch", .counts = true};
    for (int i = 0; i < label_count; i++) {
      chart_series s = curve(a, h, epochs, labels[i], metrics[k]);
      s.colour = i;
      if (s.count) charts[k].series[charts[k].series_count++] = s;
    }
  }
  bool written = charts_write(a, title, charts, panels, path, &message);
  if (!written) *error = arena_text(h->arena, message);
  arena_free(a);
  return written;
}
