/* dnn info --graph: formats, stages, and what is said where Graphviz fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "file.h"
#include "tool_case.h"

static const char *content(const char *name, size_t *bytes) {
  const char *error = NULL;
  const char *text = file_read(tool_arena(), tool_path("%s", name), bytes, &error);
  if (!text) fail_msg("%s", error);
  return text;
}

static void begins(const char *name, const char *start) {
  size_t bytes, length = strlen(start);
  const char *text = content(name, &bytes);
  if (bytes < length || memcmp(text, start, length)) fail_msg("%s begins otherwise", name);
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("tests/emit/dot/cell.dnn", "cell.dnn");
  return 0;
}

static void test_formats(void **state) {
  (void)state;
  static const char *const formats[][2] = {
      {"png", "\x89PNG"}, {"svg", "<?xml "}, {"pdf", "%PDF-"}, {"dot", "digraph \"cell\" {\n"}};
  for (int i = 0; i < 4; i++) {
    const char *name = tool_path("x.%s", formats[i][0]);
    assert_string_equal(tool_expect(0, "info cell.dnn --graph=%s --entry=predict", name), "");
    begins(arena_printf(tool_arena(), "x.%s", formats[i][0]), formats[i][1]);
  }
  size_t bytes;
  const char *svg = content("x.svg", &bytes);
  assert_non_null(strstr(svg, "<title>"));
  assert_non_null(strstr(svg, ">predict<"));
  assert_null(strstr(svg, ">train<"));
}

/* Each stage is that of dnnc. */
static void test_stages(void **state) {
  (void)state;
  static const char *const stages[] = {"elaborate", "simplify", "split", "fuse", "kernels"};
  for (int i = 0; i < 5; i++) {
    tool_expect(0, "info cell.dnn --graph=x.dot --stage=%s", stages[i]);
    size_t bytes;
    assert_string_equal(content("x.dot", &bytes),
                        tool_compile(0, "cell.dnn --target-cpu=native --emit=dot@%s", stages[i]));
  }
  tool_expect(0, "info cell.dnn --graph=y.dot");
  tool_expect_same("x.dot", "y.dot");
}

/* Runs dnn where the only program on the PATH is one that is called dot, of this text; what dnn says. */
static const char *with_dot(const char *text) {
  const char *error = NULL, *folder = tool_path("bin"), *path = tool_path("bin/dot");
  assert_true(folder_make(tool_arena(), folder, &error));
  assert_true(file_replace(tool_arena(), path, 1, &(file_part){text, strlen(text)}, &error));
  tool_shell("chmod %s %s", *text ? "755" : "644", path);
  return tool_shell("cd %s; echo old >x.png; PATH=%s %s info cell.dnn --graph=x.png 2>&1; echo status $?",
                    tool_path("."), folder, tool_program("dnn"));
}

static void test_failing_dot(void **state) {
  (void)state;
  static const struct {
    const char *text, *said;
  } cases[] = {{"", "error: cannot run dot: "},
               {"#!/bin/sh\necho oh no >&2\nexit 3\n", "error: dot failed with status 3\n    oh no\n"},
               {"#!/bin/sh\necho half a picture\nexit 1\n", "error: dot failed with status 1\n"},
               {"#!/bin/sh\nkill -9 $$\n", "error: dot was ended by signal 9\n"}};
  for (int i = 0; i < 4; i++) {
    const char *said = with_dot(cases[i].text);
    if (!strstr(said, cases[i].said)) fail_msg("it said: %s", said);
    assert_non_null(strstr(said, "Debian package graphviz"));
    assert_non_null(strstr(said, "status 1\n"));
    begins("x.png", "old\n");
    assert_null(strstr(tool_shell("ls %s", tool_path(".")), ".tmp"));
  }
}

/* What dot prints is the picture, byte for byte, zeros too; what it is given is that of .dot. */
static void test_working_dot(void **state) {
  (void)state;
  with_dot("#!/bin/sh\n/bin/cat >given.dot\nprintf 'a\\000b'\n");
  size_t bytes;
  const char *picture = content("x.png", &bytes);
  assert_int_equal(bytes, 3);
  assert_memory_equal(picture, "a\0b", 3);
  tool_expect(0, "info cell.dnn --graph=x.dot");
  tool_expect_same("x.dot", "given.dot");
}

static void test_wrong_use(void **state) {
  (void)state;
  assert_non_null(strstr(tool_expect(2, "info cell.dnn --graph=x.gif"), "--graph writes .png, .svg, .pdf or .dot, not 'x.gif'"));
  assert_non_null(strstr(tool_expect(2, "info cell.dnn --graph=x.dot --stage=none"),
                         "--stage is one of elaborate, intern, loops, simplify, fission, widen, turns, split, fuse, kernels, not 'none'"));
  assert_non_null(strstr(tool_expect(1, "info cell.dnn --graph=x.dot --entry=none"),
                         "there is no entry `none`; there are train, predict, init"));
  tool_compile(0, "cell.dnn -o cell.so");
  assert_non_null(strstr(tool_expect(1, "info cell.so --graph=x.dot"), "cell.so is a shared library"));
  assert_non_null(strstr(tool_expect(1, "info cell.dnn --graph=no/x.dot"), "cannot write no/x.dot: "));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_formats),
      cmocka_unit_test(test_stages),
      cmocka_unit_test(test_failing_dot),
      cmocka_unit_test(test_working_dot),
      cmocka_unit_test(test_wrong_use),
  };
  return cmocka_run_group_tests_name("drawing", tests, set_up, tool_tear_down);
}
