/* Generated C under every compiler, language and target that it is meant for: no warning, no note, and
 * one clear error where the flags of the target are missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "compile.h"
#include "source.h"
#include "target.h"

static const char *const compilers[] = {"gcc -std=c11 -x c", "clang -std=c11 -x c",
                                        "g++ -std=c++17 -x c++", "clang++ -std=c++17 -x c++"};
enum { COMPILERS = sizeof compilers / sizeof *compilers };

static arena *memory;
static char folder[] = "/tmp/dnnc-warnings-XXXXXX";

/* Writes types.c and types.h for the target. */
static const target *generate(const char *cpu) {
  diagnostics *d = diag_new(memory);
  const source *text = source_read(memory, d, "tests/emit/all_types.dnn");
  assert_non_null(text);
  program *p = elaborate(memory, d, text, &(elaborate_options){0});
  const compile_options options = {.target_cpu = cpu};
  const char *output = arena_printf(memory, "%s/types.c", folder);
  bool good = p && compile_program(p, d, &options, output);
  diag_print(d, stderr);
  assert_true(good);
  return target_find(memory, cpu);
}

/* What a command prints, as far as a page of it. */
static const char *said(const char *command) {
  static char text[4096];
  FILE *pipe = popen(arena_printf(memory, "cd %s && %s 2>&1", folder, command), "r");
  assert_non_null(pipe);
  text[fread(text, 1, sizeof text - 1, pipe)] = 0;
  while (fgetc(pipe) != EOF) continue;
  pclose(pipe);
  return text;
}

static void nothing_is_said(void **state) {
  (void)state;
  for (int t = 0; target_names[t]; t++) {
    const target *cpu = generate(target_names[t]);
    const char *flags = "";
    for (int i = 0; cpu->flags[i]; i++) flags = arena_printf(memory, "%s %s", flags, cpu->flags[i]);
    if (strcmp(target_names[t], cpu->cpu) != 0) continue; /* native: another name of one of them */
    for (int i = 0; i < COMPILERS; i++) {
      const char *text = said(arena_printf(memory, "%s -Wall -Wextra -Werror -O1%s -c types.c "
                                                   "-o /dev/null", compilers[i], flags));
      if (*text) fail_msg("%s for %s:\n%s", compilers[i], cpu->cpu, text);
    }
  }
}

/* The flags of the level below, and for the lowest those of another processor. */
static void missing_flags_are_named(void **state) {
  (void)state;
  for (int t = 0; target_names[t] && strcmp(target_names[t], "native"); t++) {
    const target *cpu = generate(target_names[t]);
    const char *below = t == 0 ? "-m32" : arena_printf(memory, "-march=%s", target_names[t - 1]);
    for (int i = 0; i < COMPILERS; i++) {
      const char *text =
          said(arena_printf(memory, "%s %s -fsyntax-only types.c", compilers[i], below));
      const char *error = strstr(text, "error: ");
      if (!error || !strstr(error, arena_printf(memory, "compile with %s", cpu->flags[0])) ||
          strstr(error + 1, "error: ") || strstr(text, "warning: "))
        fail_msg("%s for %s:\n%s", compilers[i], cpu->cpu, text);
    }
  }
}

/* The header alone, whatever the flags, even the strictest ones. */
static void headers_are_plain(void **state) {
  (void)state;
  generate("x86-64-v4");
  for (int i = 0; i < COMPILERS; i++) {
    const char *text = said(arena_printf(memory, "%s -Wall -Wextra -Wpedantic -Wconversion -Werror "
                                                 "-fsyntax-only -include types.h - < /dev/null",
                                         compilers[i]));
    if (*text) fail_msg("%s:\n%s", compilers[i], text);
  }
}

static int set_up(void **state) {
  (void)state;
  memory = arena_new();
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  int status = system(arena_printf(memory, "rm -r %s", folder));
  arena_free(memory);
  return status;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_said),
                                     cmocka_unit_test(missing_flags_are_named),
                                     cmocka_unit_test(headers_are_plain)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
