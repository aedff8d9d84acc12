#include "spread.h"

#include <stdlib.h>

static int by_value(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* The value below which a share of the sorted ones lies, between neighbours in proportion. */
static double quantile(const double *sorted, int count, double share) {
  double place = share * (count - 1);
  int below = (int)place;
  double above = below + 1 < count ? sorted[below + 1] : sorted[below];
  return sorted[below] + (place - below) * (above - sorted[below]);
}

spread spread_of(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, by_value);
  return (spread){quantile(values, count, 0.25), quantile(values, count, 0.5), quantile(values, count, 0.75)};
}
