/* A model that is compiled as several sources: one library of the same bytes each time, which exports no
 * more than that of one source; and what is left when one of the compilations fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "c.h"
#include "compile.h"
#include "golden.h"
#include "source.h"

static const char model_file[] = "models/convnets/lenet5.dnn";

typedef struct fixture {
  arena *arena;
  char folder[64];
} fixture;

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->arena = arena_new();
  strcpy(f->folder, "/tmp/dnnc-parts-XXXXXX");
  *state = f;
  return mkdtemp(f->folder) ? 0 : -1;
}

static int tear_down(void **state) {
  fixture *f = *state;
  int status = system(arena_printf(f->arena, "rm -rf %s", f->folder));
  arena_free(f->arena);
  free(f);
  return status;
}

static program *model(fixture *f, diagnostics *d) {
  const definition batch = {"B", "2"};
  const elaborate_options how = {.definitions = &batch, .definition_count = 1};
  const source *text = source_read(f->arena, d, model_file);
  program *p = text ? elaborate(f->arena, d, text, &how) : NULL;
  assert_non_null(p);
  return p;
}

static bool compile(fixture *f, diagnostics *d, const char *cc, const char *output) {
  const compile_options options = {.cc = cc};
  return compile_program(model(f, d), d, &options, arena_printf(f->arena, "%s/%s", f->folder, output));
}

static int shell(fixture *f, const char *command) {
  return system(arena_printf(f->arena, "cd %s && %s", f->folder, command));
}

static void there_are_several(void **state) {
  fixture *f = *state;
  diagnostics *d = diag_new(f->arena);
  const compile_options options = {0};
  const module *m = compile_module(model(f, d), d, &options);
  assert_non_null(m);
  assert_true(c_part_count(m) > 1);
}

/* With -O0: what is optimised has nothing to do with it. */
static const char quick[] = "tests/lang/cc.sh";

static void same_bytes_and_no_more_exports(void **state) {
  fixture *f = *state;
  diagnostics *d = diag_new(f->arena);
  assert_int_equal(shell(f, "mkdir other"), 0);
  assert_true(compile(f, d, quick, "lenet5.so"));
  assert_true(compile(f, d, quick, "other/lenet5.so"));
  assert_int_equal(shell(f, "cmp lenet5.so other/lenet5.so"), 0);
  assert_int_equal(shell(f, "nm -D --defined-only lenet5.so | grep -q ' lenet5_train$'"), 0);
  assert_int_equal(shell(f, "nm -D --defined-only lenet5.so | awk '{print $3}' | "
                            "grep -v -e '^lenet5_' -e '^dnn_model_description$'") >> 8, 1);
  assert_int_equal(shell(f, "test \"$(ls)\" = \"$(printf 'lenet5.so\\nother')\""), 0);
}

/* A compiler that fails for sources without the model's description: all but the first. */
static const char failing[] = "#!/bin/sh\n"
                              "cat >text.$$\n"
                              "grep -q dnn_model_description text.$$ || { echo no memory >&2; exit 1; }\n"
                              "exec cc -O0 -Dalways_inline=unused \"$@\" <text.$$\n";

static void one_that_fails_is_reported_once(void **state) {
  fixture *f = *state;
  FILE *script = fopen(arena_printf(f->arena, "%s/cc.sh", f->folder), "w");
  fputs(failing, script);
  assert_int_equal(fclose(script), 0);
  assert_int_equal(shell(f, "chmod +x cc.sh && sed -i \"s|text|$PWD/text|\" cc.sh"), 0);
  diagnostics *d = diag_new(f->arena);
  assert_false(compile(f, d, arena_printf(f->arena, "%s/cc.sh", f->folder), "lenet5.so"));
  assert_int_equal(diag_count(d), 1);
  char *said = NULL;
  size_t length;
  FILE *out = open_memstream(&said, &length);
  diag_print(d, out);
  fclose(out);
  assert_non_null(strstr(said, "failed with status 1"));
  assert_non_null(strstr(said, "no memory"));
  free(said);
  assert_int_equal(shell(f, "rm -f text.* cc.sh && test -z \"$(ls)\""), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(there_are_several, set_up, tear_down),
      cmocka_unit_test_setup_teardown(same_bytes_and_no_more_exports, set_up, tear_down),
      cmocka_unit_test_setup_teardown(one_that_fails_is_reported_once, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
