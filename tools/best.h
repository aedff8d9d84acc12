/* What stop(…) of a task watches: the best value of a metric in a phase, and all slots as they were
 * then. */
#ifndef BEST_H
#define BEST_H

#include "dnn_rt.h"
#include "program.h"

typedef struct best_state {
  bool found;
  double value;
  int64_t step;    /* of the phase, when it was found */
  int64_t waited;  /* measurements since that were not better */
  void **slots;    /* copies, one per slot of the model; NULL: the model is in that state */
} best_state;

/* Takes a measurement. What is not a number is never better. */
void best_observe(arena *a, best_state *b, bool higher, const dnn_instance *instance, double value,
                  int64_t step);

/* Puts the slots back, where a best state was found and left. The instance is to be prepared. */
void best_restore(best_state *b, const dnn_instance *instance);

/* Memory for copies, in arena memory. */
void **best_slots_new(arena *a, const dnn_instance *instance);

/* The numbers as text, exactly, and back; false where the text is not of that form. */
const char *best_text(arena *a, const best_state *b);
bool best_parse(best_state *b, const char *text);

#endif
