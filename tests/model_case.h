/* Models in tests: elaborated from text and run by the graph interpreter. */
#ifndef MODEL_CASE_H
#define MODEL_CASE_H

#include "program.h"
#include "tensor.h"

typedef struct model {
  arena *arena;
  program *program;
  tensor **slots;      /* one per slot of the program */
  uint64_t seed, step;
} model;

/* Elaborates the text of a file called model.dnn and draws the initial values; where the text is
 * refused, prints why and fails the test. */
model *model_new(const char *text, const elaborate_options *options);
void model_free(model *m);

/* All diagnostics of a text that must be refused; fails the test if it is accepted. */
char *model_refusal(arena *a, const char *name, const char *text,
                    const elaborate_options *options);

/* Runs an entry on inputs in the order of its arguments, NULL where it has none: updates the
 * slots, and counts step where the entry writes. Returns its outputs. */
tensor **model_run(model *m, const char *entry, const tensor *const *inputs);

/* The first output of an entry, as a real, and an element of a slot. */
double model_real(model *m, const char *entry, const tensor *const *inputs);
double model_slot_real(const model *m, const char *path, int element);
tensor *model_slot(const model *m, const char *path);

/* A tensor of f32 from values; a scalar for rank 0. */
tensor *model_tensor(arena *a, int rank, const int64_t *extents, const double *values);
tensor *model_scalar(arena *a, double value);

#endif
