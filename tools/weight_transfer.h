/* Weights under the names of another program: from and to safetensors by a map (weight_map.h). */
#ifndef WEIGHT_TRANSFER_H
#define WEIGHT_TRANSFER_H

#include "dnn_rt.h"
#include "diag.h"

/* Sets the slots of a part of the model, an instance's path or "" for the whole, from a file by the map
 * at a path. Every parameter of the part has to be named, and every state that is not of an entry (an
 * optimiser's), and every tensor of the file; floating numbers are rounded to the model's types. False
 * with errors printed; the instance is then as it was. */
bool weight_transfer_load(arena *a, const char *map, const char *path, dnn_instance *instance,
                          const char *part);

/* Replaces a file by what would load as the part that the instance has now: of several terms the first
 * is the value, the others are zero. False with errors printed. */
bool weight_transfer_save(arena *a, const char *map, const char *path, const dnn_instance *instance,
                          const char *part);

#endif
