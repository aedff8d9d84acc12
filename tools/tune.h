/* dnnc --tune: measures schedules of the products and convolutions of a model on this machine. */
#ifndef TUNE_H
#define TUNE_H

#include "compile.h"

/* Builds the model once for each of the cheapest schedules by estimate, compiles the kernels of each and times them,
 * on one thread and in processor time, in turn; writes the fastest of each kernel to a file (tuning.h). Shows on the
 * terminal how far it is. False after an error; the file then has its old content. */
bool tune(program *p, diagnostics *d, const compile_options *options, const char *path);

#endif
