/* From a file named on the command line to a model that runs. */
#ifndef MODEL_H
#define MODEL_H

#include "dnn_rt.h"
#include "module.h"
#include "options.h"

/* Reads and elaborates a .dnn file with the options' definitions. NULL after an error, which is in
 * the diagnostics. */
program *model_elaborate(arena *a, diagnostics *d, const options *o, elaborate_options how);

/* Compiles a program for this machine and loads it; nothing stays on the disk. False after an
 * error, which has been printed. The program's graphs are replaced by simplified ones. */
bool model_compile(arena *a, program *p, diagnostics *d, const options *o, dnn_library *library);

/* The same; *m is then the module that the library is of. With `observed` the library has an observer
 * (c.h). */
bool model_compile_module(arena *a, program *p, diagnostics *d, const options *o, bool observed,
                          dnn_library *library, const module **m);

/* Whether the file begins as a shared library does, whatever its name. */
bool model_is_library(const char *path);

/* Opens a shared library, whatever its name, or compiles a .dnn. False after an error, which has been printed. */
bool model_open(arena *a, const options *o, dnn_library *library);

/* The module of a .dnn for this machine, as model_open compiles it, without code. NULL after an error, which
 * has been printed. */
const module *model_build(arena *a, const options *o);

/* The type of an array at a model's interface. */
tensor_type model_type(const dnn_tensor *t);

/* Whether a slot is a state of an entry's own, as those of optimisers are. */
bool model_is_of_entry(const dnn_model *model, const dnn_slot *s);

/* The threads that the options ask for; NULL with a message printed. */
dnn_threads *model_threads(arena *a, const options *o);

/* Memory, first values and packed constants for a loaded model. False with a message printed; ends
 * the process where memory is out, as the arena does. */
bool model_start(arena *a, dnn_instance *instance, const dnn_model *model,
                 const dnn_threads *threads, uint64_t seed);

/* Packs constants anew after slots were set. False with a message printed. */
bool model_prepare(dnn_instance *instance);

/* Calls an entry, with its bounded size where it has one; false with a message printed. */
bool model_call(dnn_instance *instance, const dnn_entry *entry, int64_t size,
                const void *const *inputs, void *const *outputs);

/* Memory for the outputs of an entry, one region each. */
void **model_outputs(arena *a, const dnn_entry *entry);

#endif
