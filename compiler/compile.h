/* From an elaborated program to files. */
#ifndef COMPILE_H
#define COMPILE_H

#include "module.h"
#include "program.h"
#include "tuning.h"

typedef struct compile_options {
  const char *target_cpu; /* NULL: x86-64-v3 */
  const char *cc;         /* the C compiler; NULL: cc */
  bool time_passes;       /* print each pass's time to standard error */
  bool renamed;           /* take a name of its own in C where the model's is none: for code that nobody reads */
  bool observed;          /* for a tool that looks between kernels: see c.h */
  const tuning *tuning;   /* schedules that were measured; NULL: those of least estimated time */
} compile_options;

/* Runs the graph passes up to and with the one of this name, NULL: all, on every graph of the
 * program, which the results replace. */
bool compile_passes(program *p, diagnostics *d, const compile_options *options, const char *until);

/* The program with simplified graphs, fused, lowered and planned. NULL after an error. Every graph
 * of the program is replaced by its simplified form. */
module *compile_module(program *p, diagnostics *d, const compile_options *options);

/* Writes the model to a file by its suffix: .c (and .h beside it), .o or .a (and .h),
 * .so. The files appear together and whole, or not at all. False after an error. */
bool compile_program(program *p, diagnostics *d, const compile_options *options,
                     const char *output);

/* Makes a shared library of a module below a folder for temporary files, gives its path to `use`, and
 * removes it. False after an error in the diagnostics, or where `use` gives false. */
bool compile_library(arena *a, const module *m, diagnostics *d, const compile_options *options,
                     const char *folder, bool (*use)(void *context, const char *path), void *context);

#endif
