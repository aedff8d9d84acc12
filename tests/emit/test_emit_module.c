/* A whole model as files: their text, their bytes, what they export, and how their functions treat
 * callers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "compile.h"
#include "dnn_rt.h"
#include "golden.h"
#include "source.h"

static const char model_file[] = "tests/emit/tiny.dnn";

typedef struct fixture {
  arena *arena;
  char folder[64];
} fixture;

static const char *path(fixture *f, const char *name) {
  return arena_printf(f->arena, "%s/%s", f->folder, name);
}

/* Compiles the model to a file of the fixture's folder; the errors' text, NULL where there are
 * none. */
static const char *compile_with(fixture *f, const char *prefix, const char *output,
                                const char *cc) {
  diagnostics *d = diag_new(f->arena);
  const source *text = source_read(f->arena, d, model_file);
  assert_non_null(text);
  elaborate_options how = {.name = prefix};
  program *p = elaborate(f->arena, d, text, &how);
  assert_non_null(p);
  compile_options options = {.cc = cc};
  bool good = compile_program(p, d, &options, path(f, output));
  assert_int_equal(good, diag_count(d) == 0);
  if (good) return NULL;
  char *message = NULL;
  size_t length;
  FILE *out = open_memstream(&message, &length);
  diag_print(d, out);
  fclose(out);
  const char *copy = arena_text(f->arena, message);
  free(message);
  return copy;
}

static void compile(fixture *f, const char *prefix, const char *output) {
  const char *message = compile_with(f, prefix, output, NULL);
  if (message) fail_msg("%s", message);
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->arena = arena_new();
  strcpy(f->folder, "/tmp/dnnc-module-XXXXXX");
  *state = f;
  return mkdtemp(f->folder) ? 0 : -1;
}

static int run(const char *command) { return system(command); }

static int tear_down(void **state) {
  fixture *f = *state;
  int status = run(arena_printf(f->arena, "rm -rf %s", f->folder));
  arena_free(f->arena);
  free(f);
  return status;
}

/* ---- text and bytes ------------------------------------------------------------------------ */

static const char *after(const char *text, const char *mark) {
  const char *at = strstr(text, mark);
  assert_non_null(at);
  return at + strlen(mark);
}

static void text(void **state) {
  fixture *f = *state;
  compile(f, NULL, "tiny.c");
  golden_compare("tests/emit/tiny.h.golden",
                 after(golden_read(f->arena, path(f, "tiny.h")), "#endif /* DNN_ABI */\n"));
  golden_compare("tests/emit/tiny.c.golden", golden_read(f->arena, path(f, "tiny.c")));
}

static void same_bytes(void **state) {
  fixture *f = *state;
  static const char *const suffixes[] = {".c", ".h", ".o", ".a", ".so"};
  assert_int_equal(run(arena_printf(f->arena, "mkdir %s/other", f->folder)), 0);
  for (int i = 0; i < 5; i++) {
    if (strcmp(suffixes[i], ".h") == 0) continue; /* comes with .c */
    compile(f, NULL, arena_printf(f->arena, "tiny%s", suffixes[i]));
    compile(f, NULL, arena_printf(f->arena, "other/tiny%s", suffixes[i]));
  }
  for (int i = 0; i < 5; i++)
    assert_int_equal(run(arena_printf(f->arena, "cmp %s/tiny%s %s/other/tiny%s", f->folder,
                                      suffixes[i], f->folder, suffixes[i])),
                     0);
}

static void exports(void **state) {
  fixture *f = *state;
  compile(f, NULL, "tiny.so");
  const char *so = path(f, "tiny.so");
  assert_int_equal(run(arena_printf(f->arena,
                                    "nm -D --defined-only %s | awk '{print $3}' | "
                                    "grep -v -e '^tiny_' -e '^dnn_model_description$'",
                                    so)) >>
                       8,
                   1);
  assert_int_equal(
      run(arena_printf(f->arena, "readelf -d %s | grep NEEDED | grep -v 'libc\\.so'", so)) >> 8, 1);
}

/* ---- two models in one program, C and C++ -------------------------------------------------- */

static const char main_text[] =
    "#include \"first.h\"\n"
    "#include \"second.h\"\n"
    "int main(void) {\n"
    "  const dnn_model *a = first_model(), *b = second_model();\n"
    "  return a->abi == DNN_ABI && a->name[0] == 'f' && b->name[0] == 's' ? 0 : 1;\n"
    "}\n";

static void two_models(void **state) {
  static const char *const compilers[] = {"gcc -std=c11 -x c", "clang -std=c11 -x c",
                                          "g++ -std=c++17 -x c++", "clang++ -std=c++17 -x c++"};
  fixture *f = *state;
  compile(f, "first", "first.c");
  compile(f, "second", "second.c");
  FILE *out = fopen(path(f, "main.c"), "w");
  fputs(main_text, out);
  assert_int_equal(fclose(out), 0);
  for (int i = 0; i < 4; i++)
    assert_int_equal(run(arena_printf(f->arena,
                                      "cd %s && %s -Wall -Wextra -Werror -O1 -march=x86-64-v3 "
                                      "-ffp-contract=off main.c first.c second.c -o main && ./main",
                                      f->folder, compilers[i])),
                     0);
  compile(f, "first", "first.a");
  compile(f, "second", "second.o");
  assert_int_equal(
      run(arena_printf(f->arena,
                       "cd %s && cc -std=c11 -Wall -Werror main.c second.o first.a -o main "
                       "&& ./main",
                       f->folder)),
      0);
}

/* ---- calls --------------------------------------------------------------------------------- */

typedef struct loaded {
  dnn_library library;
  dnn_instance instance;
  const dnn_entry *move, *look;
} loaded;

/* The instance points into itself, so it is made in place. */
static void load(fixture *f, loaded *l) {
  char message[DNN_MESSAGE_BYTES];
  compile(f, NULL, "tiny.so");
  if (!dnn_load(&l->library, path(f, "tiny.so"), message)) fail_msg("%s", message);
  const dnn_model *m = l->library.model;
  assert_string_equal(m->name, "tiny");
  assert_int_equal(m->slot_count, 2);
  assert_string_equal(m->slots[0].tensor.name, "seen");
  assert_string_equal(m->slots[1].tensor.name, "w");
  assert_int_equal(m->slots[1].tensor.extents[0], 3);
  assert_int_equal(m->slots[1].trained, 1);
  assert_true(dnn_instance_init(&l->instance, m, NULL, 1));
  l->move = dnn_find_entry(m, "move");
  l->look = dnn_find_entry(m, "look");
  assert_true(l->move && l->look && l->move->writes && !l->look->writes);
}

static void unload(loaded *l) {
  dnn_instance_free(&l->instance);
  dnn_unload(&l->library);
}

static const float *w_of(const loaded *l) {
  return dnn_slot_memory(&l->instance, &l->library.model->slots[1]);
}

static void calls(void **state) {
  loaded l;
  load(*state, &l);
  dnn_context *c = &l.instance.context;
  c->step = 5;
  assert_int_equal(l.library.model->init(c), DNN_OK);
  assert_int_equal(c->step, 0);
  assert_int_equal(l.instance.weights.generation, 1);
  float x[3] = {2, 3, -1}, rate = 0.5f, distance = 0, seen[3];
  int32_t status = 0;
  const void *in[] = {x, &rate};
  void *out[] = {&distance, &status};
  assert_int_equal(l.move->call(c, 0, in, out), DNN_OK);
  assert_int_equal(l.move->call(c, 0, in, out), DNN_OK);
  assert_true(distance == 0.25f + 1 + 1); /* from (1.5, 2, 0) */
  assert_int_equal(status, 4);
  assert_true(w_of(&l)[0] == 1.75f && w_of(&l)[1] == 2.5f && w_of(&l)[2] == -0.5f);
  assert_int_equal(c->step, 2);
  assert_int_equal(l.instance.weights.generation, 3);
  uint8_t hot = 7; /* any byte but 0 is true */
  const void *look_in[] = {x, &hot};
  void *look_out[] = {seen};
  assert_int_equal(l.look->call(c, 0, look_in, look_out), DNN_OK);
  assert_true(seen[0] == 3.5f && seen[1] == 7.5f && seen[2] == 0.5f);
  assert_int_equal(c->step, 2);
  assert_int_equal(l.library.model->prepare(&l.instance.weights), DNN_OK);
  assert_int_equal(l.instance.weights.packed, 3);
  unload(&l);
}

/* Whatever is missing or misplaced is named, and nothing changes. */
static void refused(void **state) {
  loaded l;
  load(*state, &l);
  dnn_context *c = &l.instance.context, bad;
  assert_int_equal(l.library.model->init(c), DNN_OK);
  float x[3] = {2, 3, -1}, rate = 0.5f, distance = -1;
  int32_t status = -1;
  const void *in[] = {x, &rate};
  void *out[] = {&distance, &status};
  assert_int_equal(l.move->call(NULL, 0, in, out), DNN_NULL);
  assert_int_equal(l.move->call(c, 0, NULL, out), DNN_NULL);
  assert_int_equal(l.move->call(c, 0, in, NULL), DNN_NULL);
  for (int i = 0; i < 2; i++) {
    const void *less_in[] = {in[0], in[1]};
    void *less_out[] = {out[0], out[1]};
    less_in[i] = NULL;
    assert_int_equal(l.move->call(c, 0, less_in, out), DNN_NULL);
    less_out[i] = NULL;
    assert_int_equal(l.move->call(c, 0, in, less_out), DNN_NULL);
  }
  bad = *c, bad.weights = NULL;
  assert_int_equal(l.move->call(&bad, 0, in, out), DNN_NULL);
  bad = *c, bad.state = NULL;
  assert_int_equal(l.move->call(&bad, 0, in, out), DNN_NULL);
  bad = *c, bad.state = (char *)c->state + 4;
  assert_int_equal(l.move->call(&bad, 0, in, out), DNN_ALIGN);
  dnn_weights weights = l.instance.weights;
  bad = *c, bad.weights = &weights, weights.parameters = (char *)weights.parameters + 32;
  assert_int_equal(l.move->call(&bad, 0, in, out), DNN_ALIGN);
  assert_int_equal(l.library.model->prepare(&weights), DNN_ALIGN);
  assert_int_equal(l.library.model->prepare(NULL), DNN_NULL);
  assert_true(distance == -1 && status == -1 && w_of(&l)[0] == 1);
  assert_int_equal(c->step, 0);
  assert_int_equal(l.instance.weights.generation, 1);
  unload(&l);
}

/* ---- errors of writing --------------------------------------------------------------------- */

static void assert_message(const char *message, const char *part) {
  assert_non_null(message);
  if (!strstr(message, part)) fail_msg("\"%s\" lacks \"%s\"", message, part);
}

static void errors(void **state) {
  fixture *f = *state;
  assert_message(compile_with(f, NULL, "tiny.exe", NULL), "does not end with .c, .o, .a or .so");
  assert_message(compile_with(f, NULL, "tiny", NULL), "does not end with");
  assert_message(compile_with(f, NULL, "none/tiny.c", NULL), "cannot write");
  assert_message(compile_with(f, NULL, "none/tiny.so", NULL), "cannot write");
  assert_message(compile_with(f, NULL, "tiny.so", "false"), "false failed with status 1");
  assert_message(compile_with(f, NULL, "tiny.so", "no-such-compiler"),
                 "cannot run no-such-compiler");
  assert_int_equal(run(arena_printf(f->arena, "rmdir %s && mkdir %s", f->folder, f->folder)),
                   0); /* empty */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(text, set_up, tear_down),
      cmocka_unit_test_setup_teardown(same_bytes, set_up, tear_down),
      cmocka_unit_test_setup_teardown(exports, set_up, tear_down),
      cmocka_unit_test_setup_teardown(two_models, set_up, tear_down),
      cmocka_unit_test_setup_teardown(calls, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(errors, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
