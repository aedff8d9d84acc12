/* The C compiler and the archiver as child processes, without a shell. */
#ifndef CC_H
#define CC_H

#include "diag.h"
#include "target.h"

typedef enum cc_output { CC_OBJECT, CC_ARCHIVE, CC_SHARED } cc_output;

typedef struct cc_options {
  const char *program;  /* NULL: cc */
  const char *archiver; /* NULL: ar */
  const char *object;   /* CC_ARCHIVE: the path of the object, made first; its name is the member's */
  const target *target;
  cc_output kind;
} cc_options;

/* Compiles C text to a file whose bytes do not depend on its name or folder. False after an error,
 * which then stands in the diagnostics with the first lines of what the program said; a part of the
 * file may then be left. */
bool cc_compile(arena *a, diagnostics *d, const cc_options *options, const char *text,
                const char *output);

/* Makes a shared library of several sources, of which as many are compiled at a time as the machine has
 * processors. objects: a path for each source's object, which are left. Otherwise as cc_compile. */
bool cc_compile_parts(arena *a, diagnostics *d, const cc_options *options, int count,
                      const char *const *texts, const char *const *objects, const char *output);

#endif
