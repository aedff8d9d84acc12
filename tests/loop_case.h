/* Kernels of the loop form from text and to text, for tests. */
#ifndef LOOP_CASE_H
#define LOOP_CASE_H

#include "loop_text.h"

/* The kernel of a text, or NULL with its diagnostics as they are shown. Fails the test where there is
 * neither or both. */
loop_kernel *loop_case_try(arena *a, const char *text, const char **said);

/* The kernel of a text; fails the test where it has errors. */
loop_kernel *loop_case_parse(arena *a, const char *text);

const char *loop_case_text(arena *a, const loop_kernel *k);

/* Fails the test unless the kernel's text parses back to an equal kernel with the same text. */
void loop_case_round_trip(arena *a, const loop_kernel *k);

#endif
