/* Charts: curves and points over axes with ticks and a legend, as PNG. */
#ifndef CHART_H
#define CHART_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

enum { CHART_MOST_SERIES = 12 };

typedef struct chart_series {
  const char *name;    /* in the legend */
  const double *x, *y; /* pairs of which one is not finite are left out */
  int64_t count;
  bool line;           /* else points only; a line of few points shows them too */
  int colour;          /* a number, the same for what belongs together */
} chart_series;

typedef struct chart {
  const char *title;   /* above */
  const char *across;  /* what the axis below counts */
  bool counts;         /* that axis begins at 0 and has ticks at whole numbers */
  chart_series series[CHART_MOST_SERIES];
  int series_count;
} chart;

/* Draws charts side by side under a title and replaces the PNG file at path. False with a message
 * where that fails. */
bool charts_write(arena *a, const char *title, const chart *charts, int count, const char *path,
                  const char **error);

#endif
