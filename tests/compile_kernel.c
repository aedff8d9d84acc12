#include "compile_kernel.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "c.h"
#include "cc.h"

const char *kernel_text(const loop_kernel *k, math_library *math, const target *t) {
  char *text = NULL;
  size_t length = 0;
  FILE *stream = open_memstream(&text, &length);
  if (!stream) return NULL;
  c_emit_kernel(stream, "kernel_call", loop_unroll(math->arena, k), math, t);
  fclose(stream);
  const char *copy = arena_text(math->arena, text);
  free(text);
  return copy;
}

static bool load(compiled_kernel *k, const char *path) {
  k->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (k->library) *(void **)&k->call = dlsym(k->library, "kernel_call");
  if (k->call) return true;
  fprintf(stderr, "%s\n", dlerror());
  return false;
}

bool compile_kernel(compiled_kernel *result, const loop_kernel *k, math_library *math,
                    const target *t, const char *cc) {
  arena *a = math->arena;
  *result = (compiled_kernel){0};
  const char *text = kernel_text(k, math, t);
  char folder[] = "/tmp/dnnc-kernel-XXXXXX";
  if (!text || !mkdtemp(folder)) {
    perror("compile_kernel");
    return false;
  }
  const char *path = arena_printf(a, "%s/kernel.so", folder);
  diagnostics *d = diag_new(a);
  cc_options options = {.program = cc, .target = t, .kind = CC_SHARED};
  bool good = cc_compile(a, d, &options, text, path) && load(result, path);
  if (!good) {
    diag_print(d, stderr);
    fputs(text, stderr);
  }
  unlink(path);
  rmdir(folder);
  return good;
}

void compiled_kernel_free(compiled_kernel *k) {
  if (k->library) dlclose(k->library);
  *k = (compiled_kernel){0};
}
