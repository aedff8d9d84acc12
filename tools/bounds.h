/* The least time that work takes on this machine: each limit (machine.h) as a number of threads reaches it. */
#ifndef BOUNDS_H
#define BOUNDS_H

#include "cost.h"
#include "dnn_rt.h"
#include "timer.h"

typedef struct bounds bounds;

/* Of these threads, and of one where that is faster. Measures when it is asked; of several measurements the best
 * counts, since whatever disturbs makes them slower. */
bounds *bounds_new(arena *a, const dnn_threads *threads, timer t);
void bounds_free(bounds *b);

/* Measures multiply-adds in registers once more, which takes half a millisecond. */
void bounds_sample_peak(bounds *b);

/* The operations on f32 per second of these; 0 where there is no code for this processor. */
double bounds_peak(const bounds *b);

/* What a call of a kernel takes at least: as long as its operations at the peak, those on f64 taking twice the time,
 * or as long as to copy what it reads and writes, or to change it where all is written in place, and to read, or fill,
 * the rest where it reads more than it writes, or less; whichever is longer. Each is measured once, on the next power
 * of two of bytes, over and over in the same place: in a cache where they fit. */
typedef struct bound {
  double seconds;
  bool by_memory;
} bound;

bound bounds_of_call(bounds *b, const call_cost *c);

/* The sum over all calls of an entry. */
double bounds_of_entry(bounds *b, const call_cost *calls, int count);

#endif
