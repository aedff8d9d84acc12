/* What is known of a model without running it: of a text all, of a shared library what it says of itself. */
#ifndef DESCRIPTION_H
#define DESCRIPTION_H

#include "cost.h"
#include "dnn_rt.h"
#include "options.h"

typedef struct description {
  const dnn_model *model; /* of a text without functions */
  const entry_cost *costs; /* by entry; NULL: it is a library */
  dnn_library library;
} description;

/* False after an error, which has been printed. */
bool description_make(arena *a, const options *o, description *d);
void description_free(description *d);

#endif
