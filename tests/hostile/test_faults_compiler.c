/* dnnc, with every allocation and every system call failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_case.h"
#include "golden.h"

static const char small[] = "entry double(x: f32[3]) -> (y) { y = 2 * x }\n";

static void both(const fault_case *c) {
  fault_case_run(c, FAULT_MEMORY);
  fault_case_run(c, FAULT_SYSTEM);
}

#define COMPILER(...) (&(fault_case){.program = "dnnc", .arguments = (const char *[]){__VA_ARGS__, NULL}})

static void test_writes_c_beside_a_header(void **state) {
  (void)state;
  fault_case *c = COMPILER("small.dnn", "-o", "old.c");
  c->every = true;
  both(c);
}

static void test_writes_new_files(void **state) {
  (void)state;
  both(COMPILER("tiny.dnn", "-o", "new.c"));
}

static void test_writes_a_library(void **state) {
  (void)state;
  both(COMPILER("tiny.dnn", fault_case_cc(), "-o", "old.so"));
}

static void test_writes_an_object(void **state) {
  (void)state;
  both(COMPILER("small.dnn", "-o", "old.o"));
}

static void test_writes_an_archive(void **state) {
  (void)state;
  both(COMPILER("small.dnn", "-o", "new.a"));
}

static void test_prints_stages(void **state) {
  (void)state;
  both(COMPILER("small.dnn", "--emit=ast"));
  both(COMPILER("tiny.dnn", "--emit=graph"));
  both(COMPILER("small.dnn", "--emit=loops"));
  both(COMPILER("tiny.dnn", "--emit=dot"));
  both(COMPILER("small.dnn", "--emit=c"));
  both(COMPILER("small.dnn", "--memory"));
}

static int set_up(void **state) {
  if (fault_case_set_up(state)) return -1;
  arena *a = arena_new();
  const char *tiny = golden_read(a, "tests/emit/tiny.dnn");
  fault_case_file("small.dnn", small, strlen(small));
  fault_case_file("tiny.dnn", tiny, strlen(tiny));
  static const char *const old[] = {"old.c", "old.h", "old.o", "old.so"};
  for (size_t i = 0; i < sizeof old / sizeof *old; i++) fault_case_file(old[i], "old\n", 4);
  arena_free(a);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_writes_c_beside_a_header),
      cmocka_unit_test(test_writes_new_files),
      cmocka_unit_test(test_writes_a_library),
      cmocka_unit_test(test_writes_an_object),
      cmocka_unit_test(test_writes_an_archive),
      cmocka_unit_test(test_prints_stages),
  };
  return cmocka_run_group_tests_name("faults of dnnc", tests, set_up, fault_case_tear_down);
}
