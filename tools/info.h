/* A description of a model as text and as JSON. */
#ifndef INFO_H
#define INFO_H

#include "description.h"

void info_print(arena *a, const description *d);
void info_print_json(arena *a, const description *d);

#endif
