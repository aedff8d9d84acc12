/* The C backend: modules and single kernels as C that compiles as C11 and C++17 with gcc and clang.
 * Compile with -ffp-contract=off and the target's flags. */
#ifndef C_H
#define C_H

#include <stdbool.h>
#include <stdio.h>

#include "module.h"

/* The names of two variables in the library of an observed module: the function that an entry calls
 * before each call of a kernel, in loops turn by turn, and after the last, as (context, call) with the
 * call's number (module.h), or C_OBSERVED_END; and the context that it gets. NULL: it calls none. It is called in the
 * entry's state of arithmetic (docs/embedding.md). */
#define C_OBSERVER "dnn_model_observer"
#define C_OBSERVER_CONTEXT "dnn_model_observer_context"
enum { C_OBSERVED_END = INT32_MAX };

/* Writes a model: its header, and its source, which includes the header by the given name. Without
 * header or name the header's text goes into the source text. False where a file could not be
 * written (errno). */
bool c_emit(const module *m, const char *header_name, FILE *header, FILE *text);

/* Writes a model as so many sources of one library, which can be compiled at the same time: the first has
 * the entries, and its share of the kernels as the others. False where one could not be written. */
bool c_emit_parts(const module *m, int count, FILE *const *texts);

/* How many sources are worth it. Depends on nothing but the module, so that its library's bytes do not. */
int c_part_count(const module *m);

/* Writes a source with one kernel, for tests and measurements, and one external function of the given name,
 *   void kernel_call(const dnn_threads *threads, void *const *arguments)
 * which passes one pointer per parameter of the kernel. math gives the memory and is where the
 * kernel's functions come from. */
bool c_emit_kernel(FILE *out, const char *name, const loop_kernel *k, math_library *math, const target *t);

#endif
