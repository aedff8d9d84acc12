/* The C compiler and the archiver as child processes, without a shell. */
#ifndef CC_H
#define CC_H

#include "diag.h"
#include "target.h"

typedef enum cc_output { CC_OBJECT, CC_ARCHIVE, CC_SHARED } cc_output;

typedef struct cc_options {
  const char *program;  /* NULL: cc */
  const char *archiver; /* NULL: ar */
  const char *member;   /* name of an archive's object without ".o"; NULL: model */
  const target *target;
  cc_output kind;
} cc_options;

/* Compiles C text to a file, which appears whole or not at all (temporary name, fsync, rename) and
 * whose bytes do not depend on its name or folder. False after an error, which then stands in the
 * diagnostics with the first lines of what the program said. */
bool cc_compile(arena *a, diagnostics *d, const cc_options *options, const char *text,
                const char *output);

/* Writes text to a file in the same way. */
bool cc_write_file(arena *a, diagnostics *d, const char *text, size_t length, const char *output);

#endif
