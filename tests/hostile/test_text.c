/* Text that is no model, given to dnnc itself: each an error with its place and status 1, nothing
 * printed, nothing written. The messages are in tests/lang/errors, tests/lang/bad (whose models
 * are given here too) and tests/hostile/text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_case.h"
#include "golden.h"

enum { MEGABYTE = 1000000, DEEP = 200000 };

static arena *memory;

/* What dnnc says of a model. */
static const char *refusal(const char *name) {
  faulty_outcome o =
      fault_case_plain(memory, "dnnc", (const char *[]){name, "-o", "model.c", NULL});
  if (o.status != 1 || *o.out) fail_msg("%s: status %d\n%s%s", name, o.status, o.out, o.err);
  if (!fault_case_is_as_given()) fail_msg("%s: a file was written", name);
  return o.err;
}

static void refuse_folder(const char *folder, const char *prefix) {
  int count;
  char **names = golden_names(memory, folder, ".dnn", &count);
  for (int i = 0; i < count; i++) {
    const char *text = golden_read(memory, arena_printf(memory, "%s/%s.dnn", folder, names[i]));
    const char *name = arena_printf(memory, "%s%s.dnn", prefix, names[i]);
    fault_case_file(name, text, strlen(text));
    fault_case_restore();
    golden_compare(arena_printf(memory, "%s/%s.err", folder, names[i]), refusal(name));
    fault_case_forget(name);
  }
}

static void test_faulty_models(void **state) {
  (void)state;
  refuse_folder("tests/lang/errors", "");
  refuse_folder("tests/lang/bad", "tests/lang/bad/");
}

/* ---- text that nobody writes ------------------------------------------------------------------ */

static char *repeated(const char *before, const char *piece, size_t bytes, const char *after) {
  size_t head = strlen(before), length = strlen(piece);
  char *text = arena_alloc(memory, head + bytes + strlen(after) + 1);
  memcpy(text, before, head);
  for (size_t i = 0; i < bytes; i++) text[head + i] = piece[i % length];
  strcpy(text + head + bytes, after);
  return text;
}

static char *random_text(size_t bytes, int least) {
  uint32_t random = 1;
  char *text = arena_alloc(memory, bytes + 1);
  for (size_t i = 0; i < bytes; i++) {
    random = random * 1664525u + 1013904223u;
    text[i] = (char)(least + (int)((random >> 16) % (uint32_t)(256 - least)));
  }
  return text;
}

static void refuse(const char *name, const char *text, size_t length) {
  const char *file = arena_printf(memory, "%s.dnn", name);
  fault_case_file(file, text, length);
  fault_case_restore();
  golden_compare(arena_printf(memory, "tests/hostile/text/%s.err", name), refusal(file));
  fault_case_forget(file);
}

static void test_generated_text(void **state) {
  (void)state;
  const struct { const char *name, *text; } cases[] = {
      {"empty_name", "entry (x: f32) -> (y) { y = x }\n"},
      {"line_of_ten_megabytes", repeated("x = ", "a + ", 10 * MEGABYTE, "a\n")},
      {"name_of_a_megabyte", repeated("entry e(x: f32) -> (y) { y = ", "name", MEGABYTE, " }\n")},
      {"comment_of_ten_megabytes", repeated("# ", "text ", 10 * MEGABYTE, "\n")},
      {"parentheses", repeated("entry e(x: f32) -> (y) { y = ", "(", DEEP, "x }\n")},
      {"closing_parentheses", repeated("entry e(x: f32) -> (y) { y = x", ")", DEEP, " }\n")},
      {"brackets", repeated("entry e(x: f32) -> (y) { y = x", "[", DEEP, " }\n")},
      {"additions", repeated("entry e(x: f32) -> (y) { y = x", " + x", 4 * DEEP, " }\n")},
      {"signs", repeated("entry e(x: f32) -> (y) { y = ", "- ", 2 * DEEP, "x }\n")},
      {"conditions", repeated("entry e(x: f32) -> (y) { y = ", "x ? x : ", 8 * DEEP, "x }\n")},
      {"digits", repeated("const A = ", "12345", MEGABYTE, "\n")},
      {"fraction", repeated("entry e(x: f32) -> (y) { y = x * ", "9", MEGABYTE, ".0 }\n")},
      {"entries", repeated("", "entry e(x: f32) -> (y) { y = x }\n", 33 * 10000, "")},
      {"constants", repeated("const A = 1\n", "const A = A + 1\n", 16 * 20000, "")},
      {"uses", repeated("", "use nn\n", 7 * 20000, "entry e(x: f32) -> (y) { y = z }\n")},
      {"letters_beyond_ascii", "entry e(\xc3\xa4: f32) -> (y) { y = \xe2\x88\x9e }\n"},
      {"escapes", "entry \x1b[31me(x: f32) -> (y) { y = \x07 }\n"},
      {"carriage_returns", "entry e(x: f32) -> (y) {\r\n  y = z\r\n}\r\n"},
      {"unfinished_text", "task t { d = data(\"digits"},
      {"unfinished_entry", "entry e(x: f32"},
      {"random_bytes", random_text(400, 1)},
      {"random_high_bytes", random_text(400, 128)},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refuse(cases[i].name, cases[i].text, strlen(cases[i].text));
  refuse("random_bytes_with_zeros", random_text(100000, 0), 100000);
  refuse("zero_byte", "entry e(x: f32) -> (y) { y = x }\n\0", 34);
}

static void test_files_that_are_none(void **state) {
  (void)state;
  fault_case_restore();
  golden_compare("tests/hostile/text/no_file.err", refusal("no_such_file.dnn"));
  golden_compare("tests/hostile/text/folder.err", refusal("."));
}

/* ---- memory ----------------------------------------------------------------------------------- */

static void test_memory_that_ends(void **state) {
  (void)state;
#ifndef __SANITIZE_ADDRESS__ /* which reserves far more than it uses */
  const char *model = golden_read(memory, "models/convnets/lenet5.dnn");
  fault_case_file("lenet5.dnn", model, strlen(model));
  fault_case_restore();
  for (int kilobytes = 4000; kilobytes <= 16000; kilobytes += 2000) {
    faulty_outcome o = fault_case_shell(
        memory, arena_printf(memory, "ulimit -v %d && exec \"$DNNC\" lenet5.dnn -o model.c", kilobytes));
    bool starts = o.status != 127 && !strstr(o.err, "shared libraries"); /* the loader, else */
    if (starts && o.status != 0 && (o.status != 71 || strncmp(o.err, "error: out of memory", 20)))
      fail_msg("%d KB: status %d\n%s", kilobytes, o.status, o.err);
    assert_true(kilobytes < 16000 || starts);
    if (o.status) assert_true(fault_case_is_as_given());
    fault_case_restore();
  }
  fault_case_forget("lenet5.dnn");
#endif
}

static int set_up(void **state) {
  memory = arena_new();
  return fault_case_set_up(state);
}

static int tear_down(void **state) {
  arena_free(memory);
  return fault_case_tear_down(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_faulty_models),
      cmocka_unit_test(test_generated_text),
      cmocka_unit_test(test_files_that_are_none),
      cmocka_unit_test(test_memory_that_ends),
  };
  return cmocka_run_group_tests_name("hostile text", tests, set_up, tear_down);
}
