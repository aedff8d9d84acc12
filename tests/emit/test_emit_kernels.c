/* Kernels in loop text beside their C (kernels/NAME.loops and NAME.c): the text is as expected,
 * compiles without a warning as C11 and as C++17, and computes what the interpreter does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "compile_kernel.h"
#include "golden.h"
#include "kernel_case.h"
#include "loop_text.h"

static const char folder[] = "tests/emit/kernels";

typedef struct kernels {
  arena *arena;
  math_library *math;
  const target *target;
  char **names;
  loop_kernel **items;
  int count;
} kernels;

static loop_kernel *read_kernel(kernels *k, const char *name) {
  const char *path = arena_printf(k->arena, "%s/%s.loops", folder, name);
  char *text = golden_read(k->arena, path);
  source s = {.name = path, .text = text, .length = strlen(text)};
  diagnostics *d = diag_new(k->arena);
  loop_kernel *kernel = loop_parse(k->arena, d, &s, k->math);
  diag_print(d, stderr);
  assert_non_null(kernel);
  return kernel;
}

static int set_up(void **state) {
  arena *a = arena_new();
  kernels *k = arena_new_of(a, kernels);
  k->arena = a;
  k->target = target_find(a, "x86-64-v3");
  k->math = arena_new_of(a, math_library);
  *k->math = (math_library){.arena = a, .fma = k->target->fma};
  k->names = golden_names(a, folder, ".loops", &k->count);
  k->items = arena_array_of(a, k->count, loop_kernel *);
  for (int i = 0; i < k->count; i++) k->items[i] = read_kernel(k, k->names[i]);
  *state = k;
  return 0;
}

static int tear_down(void **state) {
  arena_free(((kernels *)*state)->arena);
  return 0;
}

/* The part of the text that differs from kernel to kernel. */
static const char *after_interface(const char *text) {
  static const char end[] = "#endif /* DNN_ABI */\n";
  const char *at = strstr(text, end);
  assert_non_null(at);
  return at + strlen(end);
}

static void texts(void **state) {
  kernels *k = *state;
  for (int i = 0; i < k->count; i++) {
    const char *text = kernel_text(k->items[i], k->math, k->target);
    golden_compare(arena_printf(k->arena, "%s/%s.c", folder, k->names[i]), after_interface(text));
    assert_string_equal(text, kernel_text(k->items[i], k->math, k->target));
  }
}

static void values(void **state) {
  kernels *k = *state;
  for (int i = 0; i < k->count; i++) kernel_check(k->arena, k->items[i], k->math, k->target, NULL);
}

/* All kernels as one file each, through a compiler's standard input. */
static void compile_all(kernels *k, const char *compiler) {
  for (int i = 0; i < k->count; i++) {
    FILE *pipe = popen(
        arena_printf(k->arena,
                     "%s -Wall -Wextra -Werror -O2 -ffp-contract=off -march=x86-64-v3 "
                     "-c -o /dev/null -",
                     compiler),
        "w");
    assert_non_null(pipe);
    fputs(kernel_text(k->items[i], k->math, k->target), pipe);
    if (pclose(pipe) != 0) fail_msg("%s refuses kernel %s", compiler, k->names[i]);
  }
}

static void gcc(void **state) { compile_all(*state, "gcc -std=c11 -x c"); }
static void clang(void **state) { compile_all(*state, "clang -std=c11 -x c"); }
static void gcc_cpp(void **state) { compile_all(*state, "g++ -std=c++17 -x c++"); }
static void clang_cpp(void **state) { compile_all(*state, "clang++ -std=c++17 -x c++"); }

/* Without the flags that the target needs, the file says which. */
static void wrong_target(void **state) {
  kernels *k = *state;
  FILE *pipe = popen(
      "gcc -x c -march=x86-64 -c -o /dev/null - 2>&1 | grep -q 'compile with -march=x86-64-v3'",
      "w");
  assert_non_null(pipe);
  fputs(kernel_text(k->items[0], k->math, k->target), pipe);
  assert_int_equal(pclose(pipe), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts),        cmocka_unit_test(values),  cmocka_unit_test(gcc),
      cmocka_unit_test(clang),        cmocka_unit_test(gcc_cpp), cmocka_unit_test(clang_cpp),
      cmocka_unit_test(wrong_target),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
