/* The program of docs/embedding.md, compiled with the generated LeNet-5 and run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/dnnc-embedding-XXXXXX";
static char dnnc[4096];

/* dnnc lies two folders above the folder of this program: build/tests/emit/. */
static void find_dnnc(void) {
  char self[2048];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  assert_true(length > 0);
  self[length] = 0;
  snprintf(dnnc, sizeof dnnc, "%s/../../dnnc", dirname(self));
}

static int run(const char *format, ...) {
  char command[16384];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(command, sizeof command, format, arguments);
  va_end(arguments);
  int status = system(command);
  if (status) print_error("status %d: %s\n", status, command);
  return status;
}

/* Copies the C program between the fences of the document. */
static void extract(const char *document, const char *to) {
  FILE *in = fopen(document, "r"), *out = fopen(to, "w");
  assert_non_null(in);
  assert_non_null(out);
  char line[1024];
  bool inside = false;
  int lines = 0;
  while (fgets(line, sizeof line, in)) {
    if (!strcmp(line, "```c\n")) inside = true;
    else if (!strcmp(line, "```\n")) inside = false;
    else if (inside) lines++, fputs(line, out);
  }
  fclose(in);
  assert_int_equal(fclose(out), 0);
  assert_in_range(lines, 15, 40);
}

static void train_and_predict(const char *compiler) {
  char program[256];
  snprintf(program, sizeof program, "%s/main.c", folder);
  extract("docs/embedding.md", program);
  assert_int_equal(run("%s models/convnets/lenet5.dnn -o %s/lenet5.c", dnnc, folder), 0);
  assert_int_equal(run("cd %s && %s -std=c11 -Wall -Wextra -Werror -O2 -march=x86-64-v3 "
                       "main.c lenet5.c -o main", folder, compiler), 0);
  assert_int_equal(run("%s/main > %s/out", folder, folder), 0);
  char path[256];
  snprintf(path, sizeof path, "%s/out", folder);
  FILE *out = fopen(path, "r");
  assert_non_null(out);
  float accuracy = 0, probability = 0;
  assert_int_equal(fscanf(out, "accuracy %f, probability of the right class %f", &accuracy, &probability), 2);
  fclose(out);
  assert_true(accuracy > 0.95f);
  assert_true(probability > 0.9f);
}

static void test_gcc(void **state) {
  (void)state;
  train_and_predict("gcc");
}

static void test_clang(void **state) {
  (void)state;
  train_and_predict("clang");
}

static int set_up(void **state) {
  (void)state;
  find_dnnc();
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  return run("rm -rf %s", folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_gcc), cmocka_unit_test(test_clang)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
