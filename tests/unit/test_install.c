/* make install into a folder of its own: what is there works from an unrelated folder, and make uninstall
 * leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "file.h"
#include "tool_case.h"

#ifdef __SANITIZE_ADDRESS__
#define CC "cc -fsanitize=address,undefined"
#else
#define CC "cc"
#endif

static void make(const char *target) {
  tool_shell("env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s %s B=%s DESTDIR='%s' PREFIX=/opt/dnn", target,
             tool_binaries(), tool_path("a root"));
}

/* A program of a user: it loads a model with what was installed. */
static const char load[] =
    "#include <stdio.h>\n#include <dnn_rt.h>\n"
    "int main(int count, char **arguments) {\n"
    "  dnn_library library;\n  char message[DNN_MESSAGE_BYTES];\n"
    "  dnn_threads *threads = dnn_threads_new(2);\n"
    "  if (count != 2 || !dnn_load(&library, arguments[1], message)) return 1;\n"
    "  printf(\"%s %d\\n\", library.model->name, dnn_threads_count(threads));\n"
    "  dnn_threads_free(threads);\n  dnn_unload(&library);\n  return 0;\n}\n";

static const char *const uses[] = {
    "$root/bin/dnnc model.dnn -o model.so",
    "$root/bin/dnnc model.dnn -o model.o && $root/bin/dnnc model.dnn -o model.c && [ -s model.h ]",
    "$root/bin/dnn info model.so | grep -q 'weights()'",
    CC " -std=c11 -Wall -Werror -I$root/include -o load load.c -L$root/lib -ldnnrt -lpthread -ldl",
    "[ \"$(./load ./model.so)\" = 'model 2' ]",
    "mandoc -T lint -W warning $root/share/man/man1/dnn.1 $root/share/man/man1/dnnc.1",
    "cmp $root/share/dnnc/std/nn.dnn \"$OLDPWD/dsl/std/nn.dnn\"",
    "bash -c 'source $root/share/bash-completion/completions/dnnc; complete -p dnnc'",
    "zsh -n $root/share/zsh/site-functions/_dnn && fish -n $root/share/fish/vendor_completions.d/dnn.fish",
    "[ -r $root/share/doc/dnnc/language.md ] && [ -x $root/bin/dnn ] && [ -r $root/lib/libdnnrt.a ]",
};

static void installs_what_works(void **state) {
  (void)state;
  const char *error = NULL;
  const file_part part = {load, sizeof load - 1};
  make("install");
  tool_copy("tests/unit/tasks/phases.dnn", "elsewhere/model.dnn");
  assert_true(file_replace(tool_arena(), tool_path("elsewhere/load.c"), 1, &part, &error));
  tool_shell("ln -s '%s' %s", tool_path("a root/opt/dnn"), tool_path("root"));
  for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
    tool_shell("cd %s && export root=%s && { %s; } 2>&1", tool_path("elsewhere"), tool_path("root"), uses[i]);
}

static void uninstalls_all_of_it(void **state) {
  (void)state;
  make("uninstall");
  assert_string_equal(tool_shell("find '%s' -type f", tool_path("a root")), "");
  assert_false(file_exists(tool_path("a root/opt/dnn/share/dnnc")));
  make("uninstall"); /* nothing is there */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(installs_what_works),
      cmocka_unit_test(uninstalls_all_of_it),
  };
  return cmocka_run_group_tests_name("install", tests, tool_set_up, tool_tear_down);
}
