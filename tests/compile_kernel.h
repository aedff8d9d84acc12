/* One kernel as C, compiled and loaded into this process: for tests and measurements. */
#ifndef COMPILE_KERNEL_H
#define COMPILE_KERNEL_H

#include "dnn_abi.h"
#include "loop.h"
#include "target.h"
#include "vector_math.h"

typedef struct compiled_kernel {
  void *library;
  void (*call)(const dnn_threads *threads, void *const *arguments); /* one pointer per parameter */
} compiled_kernel;

/* cc: the C compiler, NULL for cc. False with a message on standard error when it could not be
 * compiled; the C text is then shown too. Unrolls the kernel first. */
bool compile_kernel(compiled_kernel *result, const loop_kernel *k, math_library *math,
                    const target *t, const char *cc);
void compiled_kernel_free(compiled_kernel *k);

/* The kernel's C text, in the library's arena. */
const char *kernel_text(const loop_kernel *k, math_library *math, const target *t);

#endif
