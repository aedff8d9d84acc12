/* The median of measured values, and their quartiles. */
#ifndef SPREAD_H
#define SPREAD_H

typedef struct spread {
  double low, median, high;
} spread;

/* Of at least one value; sorts them. */
spread spread_of(double *values, int count);

#endif
