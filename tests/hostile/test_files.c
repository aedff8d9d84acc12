/* dnn and dnnc on files as they should not be: inputs of every kind that are cut off, longer, none, or of
 * another kind, shape or type; and outputs of every kind where the disk is full. Each time there is one
 * error that names the file, status 1, and nothing half-written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <zip.h>

#include "data.h"
#include "file.h"
#include "safetensors.h"
#include "tool_case.h"

static void write_bytes(const char *name, const void *bytes, size_t count) {
  const char *error = NULL;
  file_part part = {bytes, count};
  assert_true(file_replace(tool_arena(), tool_path("%s", name), 1, &part, &error));
}

static char *read_bytes(const char *name, size_t *count) {
  const char *error = NULL;
  char *bytes = file_read(tool_arena(), tool_path("%s", name), count, &error);
  if (!bytes) fail_msg("%s", error);
  return bytes;
}

static void write_array(const char *name, dtype element, int rank, int64_t rows, int64_t columns) {
  const char *error = NULL;
  array x = {.element = element, .rank = rank, .extents = {rows, columns}};
  x.data = arena_alloc(tool_arena(), (size_t)array_bytes(&x));
  assert_true(npy_write(tool_arena(), tool_path("%s", name), &x, &error));
}

/* ---- good files ------------------------------------------------------------------------------ */

static void write_zip(const char *name) {
  static const char *const inner = "good.npy";
  size_t count;
  const char *bytes = read_bytes(inner, &count);
  zip_t *archive = zip_open(tool_path("%s", name), ZIP_CREATE | ZIP_TRUNCATE, NULL);
  assert_non_null(archive);
  zip_source_t *source = zip_source_buffer(archive, bytes, count, 0);
  assert_true(zip_file_add(archive, "x.npy", source, 0) >= 0);
  assert_int_equal(zip_close(archive), 0);
}

static void write_jpeg(const char *name) {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  unsigned char line[4] = {1, 50, 100, 200}, *bytes = NULL;
  unsigned long count = 0;
  JSAMPROW row = line;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &bytes, &count);
  jpeg.image_width = 4;
  jpeg.image_height = 5;
  jpeg.input_components = 1;
  jpeg.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  for (int i = 0; i < 5; i++) jpeg_write_scanlines(&jpeg, &row, 1);
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  write_bytes(name, bytes, count);
  free(bytes);
}

static void write_good_files(void) {
  static const char idx[] = "\0\0\x08\x03\0\0\0\x02\0\0\0\x05\0\0\0\x04"
                            "0123456789abcdefghijABCDEFGHIJ<>?:;()[]{";
  const char *error = NULL;
  float numbers[6] = {1, 2, 3, 4, 5, 6};
  safetensors file = {0};
  safetensors_add(tool_arena(), &file, (safetensor){"x", DTYPE_F32, 2, {3, 2}, numbers, 24});
  assert_true(safetensors_write(tool_arena(), tool_path("good.safetensors"), &file, &error));
  write_array("good.npy", DTYPE_F32, 2, 3, 2);
  write_zip("good.npz");
  write_bytes("good.csv", "1,2\n3,4\n5,6\n", 12);
  write_bytes("good.txt", "abcdefgh", 8);
  write_bytes("good-idx", idx, sizeof idx - 1);
  tool_shell("cd %s && gzip -k good-idx && xz -k good-idx", tool_path("."));
  tool_copy("tests/fuzz/seeds/image/grey.png", "good.png");
  write_jpeg("good.jpg");
}

/* A kind of file, and the entry of a model that takes it. */
typedef struct kind {
  const char *name, *entry;
  bool ends;  /* what is behind the end is an error */
  int least;  /* bytes to cut off until it is another content */
} kind;

static const kind kinds[] = {
    {"good.npy", "table", true, 1},     {"good.npz", "table", false, 1}, {"good.safetensors", "table", true, 1},
    {"good.csv", "table", true, 2},     {"good.txt", "text", false, 1},  {"good-idx", "image", true, 1},
    {"good-idx.gz", "image", false, 1}, {"good-idx.xz", "image", true, 1},
    {"good.png", "picture", false, 1},  {"good.jpg", "picture", false, 1},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- inputs ---------------------------------------------------------------------------------- */

static const char *run_on(int status, const kind *k, const char *file) {
  return tool_expect(status, "run files.so %s x=%s", k->entry, file);
}

static const char *bad_name(const kind *k) {
  return arena_printf(tool_arena(), "bad%s", k->name + strlen("good"));
}

static void expect_refused(const kind *k, const char *what) {
  const char *name = bad_name(k), *text = run_on(1, k, name);
  if (!strstr(text, "error: ") || !strstr(text, name) || !strncmp(text, "y: ", 3) || strchr(text, '\n')[1])
    fail_msg("%s of %s: %s", what, k->name, text);
}

static void good_files_are_read(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) assert_non_null(strstr(run_on(0, &kinds[i], kinds[i].name), "y: f32 "));
}

static void files_that_are_cut_off(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) {
    size_t count;
    const char *bytes = read_bytes(kinds[i].name, &count);
    for (size_t length = 0; length + (size_t)kinds[i].least <= count; length += 1 + count / 12) {
      write_bytes(bad_name(&kinds[i]), bytes, length);
      expect_refused(&kinds[i], arena_printf(tool_arena(), "%zu bytes", length));
    }
    write_bytes(bad_name(&kinds[i]), bytes, count - (size_t)kinds[i].least);
    expect_refused(&kinds[i], "all but the last bytes");
  }
}

static void files_with_more_behind(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) {
    size_t count;
    const char *bytes = read_bytes(kinds[i].name, &count);
    if (!kinds[i].ends) continue;
    char *longer = arena_alloc(tool_arena(), count + 1);
    memcpy(longer, bytes, count);
    longer[count] = 'x';
    write_bytes(bad_name(&kinds[i]), longer, count + 1);
    expect_refused(&kinds[i], "a byte behind the end");
  }
}

/* What stands under a name instead of a file. */
static void files_that_are_none(void **state) {
  (void)state;
  static const char *const others[] = {"ln -s /dev/null", "ln -s /dev/zero", "mkdir", "mkfifo"};
  for (int i = 0; i < KINDS; i++) {
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
      tool_shell("cd %s && rm -rf '%s' && %s '%s'", tool_path("."), bad_name(&kinds[i]), others[k],
                 bad_name(&kinds[i]));
      expect_refused(&kinds[i], others[k]);
    }
    tool_shell("cd %s && rm -rf '%s' && ln -s '%s' '%s'", tool_path("."), bad_name(&kinds[i]),
               bad_name(&kinds[i]), bad_name(&kinds[i]));
    expect_refused(&kinds[i], "a link to itself");
    assert_int_equal(remove(tool_path("%s", bad_name(&kinds[i]))), 0);
    expect_refused(&kinds[i], "nothing");
  }
}

static void files_of_another_kind(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) {
    remove(tool_path("%s", bad_name(&kinds[i])));
    const char *other = kinds[i].name[4] == '-' ? "good.npy" : "good-idx";
    if (!strcmp(kinds[i].name, "good.txt")) continue; /* any bytes are text */
    tool_shell("cd %s && cp %s '%s'", tool_path("."), other, bad_name(&kinds[i]));
    expect_refused(&kinds[i], other);
  }
}

static void arrays_of_another_type(void **state) {
  (void)state;
  static const struct {
    dtype element;
    int rank;
    int64_t rows, columns;
    const char *holds;
  } arrays[] = {{DTYPE_I64, 2, 3, 2, "i64[3, 2]"}, {DTYPE_I32, 2, 3, 2, "i32[3, 2]"},
                {DTYPE_F32, 2, 4, 2, "f32[4, 2]"}, {DTYPE_F32, 2, 3, 3, "f32[3, 3]"},
                {DTYPE_F32, 1, 6, 1, "f32[6]"},    {DTYPE_F32, 2, 2, 3, "f32[2, 3]"}};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    write_array("bad.npy", arrays[i].element, arrays[i].rank, arrays[i].rows, arrays[i].columns);
    expect_refused(&kinds[0], arrays[i].holds);
    assert_non_null(strstr(run_on(1, &kinds[0], "bad.npy"), arrays[i].holds));
  }
}

/* Models, weights and checkpoints that are no files. */
static void nothing_waits_for_a_pipe(void **state) {
  (void)state;
  tool_shell("cd %s && mkfifo pipe.so pipe.safetensors", tool_path("."));
  tool_expect(1, "info pipe.so");
  assert_non_null(strstr(tool_expect(1, "run files.so table x=good.npy --weights pipe.safetensors"),
                         "pipe.safetensors: not a regular file"));
  assert_non_null(strstr(tool_expect(1, "export files.so pipe.safetensors"), "not a regular file"));
  tool_expect(1, "export files.so /dev/null");
  tool_shell("[ -c /dev/null ]");
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* A program where no file can be longer than so many blocks of 512 bytes, but for those of the C compiler,
 * which is cc.sh: it remembers what it compiled. What it printed. */
static const char *limited(int status, int blocks, const char *program, const char *arguments) {
  return tool_shell("cd %s && { (trap '' XFSZ; ulimit -S -f %d; exec %s %s >/dev/null) 2>&1; [ $? = %d ]; }",
                    tool_path("."), blocks, tool_program(program), arguments, status);
}

typedef struct output {
  const char *program, *arguments, *file; /* in the folder "out" */
} output;

static const output outputs[] = {
    {"dnn", "run outputs.so images image=out/r.png", "r.png"},
    {"dnn", "run outputs.so images image=out/r.npy", "r.npy"},
    {"dnn", "run outputs.so numbers y=out/r.csv", "r.csv"},
    {"dnn", "run outputs.so numbers --out=out", "y.npy"},
    {"dnn", "export outputs.so out/r.safetensors", "r.safetensors"},
    {"dnn", "export outputs.so out/r.safetensors --as=outputs.map", "r.safetensors"},
    {"dnnc", "files.dnn -o out/r.c", "r.c"},
    {"dnnc", "files.dnn -o out/r.c", "r.h"},
    {"dnnc", "files.dnn -o out/r.so", "r.so"},
    {"dnnc", "files.dnn -o out/r.o", "r.o"},
    {"dnnc", "files.dnn -o out/r.a", "r.a"},
};

static void expect_names(const char *folder, const char *names, const char *what) {
  const char *found = tool_shell("cd %s && ls -A %s", tool_path("."), folder);
  if (strcmp(found, names)) fail_msg("%s leaves %s", what, found);
}

static void results_on_a_full_disk(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
    const output *o = &outputs[i];
    tool_shell("cd %s && rm -rf out && mkdir out", tool_path("."));
    const char *text = limited(1, 1, o->program, o->arguments);
    if (!strstr(text, "error: ")) fail_msg("%s: %s", o->arguments, text);
    expect_names("out", "", o->arguments);
    write_bytes(arena_printf(tool_arena(), "out/%s", o->file), "old", 3);
    limited(1, 1, o->program, o->arguments);
    size_t count;
    assert_string_equal(read_bytes(arena_printf(tool_arena(), "out/%s", o->file), &count), "old");
    expect_names("out", arena_printf(tool_arena(), "%s\n", o->file), o->arguments);
    limited(0, 10000, o->program, o->arguments);
  }
}

/* Far below what any result of the model takes, and above the text that the C compiler gets. */
enum { TRAINING_BLOCKS = 200 };

static const char *train_line(const char *task, const char *more) {
  return arena_printf(tool_arena(), "train outputs.dnn --data . --threads 1 --out=out --cc=./cc.sh --task=%s %s",
                      task, more);
}

static void pictures_on_a_full_disk(void **state) {
  (void)state;
  static const char *const tasks[] = {"grid", "words", "table", "array", "parts", "mapped"};
  for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
    tool_shell("cd %s && rm -rf out", tool_path("."));
    const char *text = limited(1, TRAINING_BLOCKS, "dnn", train_line(tasks[i], ""));
    if (!strstr(text, "error: cannot write out/r.")) fail_msg("task %s: %s", tasks[i], text);
    expect_names("out", "lock\n", tasks[i]);
  }
}

/* Where a result shall lie, there is a folder. */
static void names_that_are_taken(void **state) {
  (void)state;
  static const char *const tasks[] = {"grid", "plot", "scatter"};
  for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
    tool_shell("cd %s && rm -rf out && mkdir -p out/r.png", tool_path("."));
    const char *text = tool_expect(1, "%s", train_line(tasks[i], ""));
    if (!strstr(text, "error: cannot write out/r.png: Is a directory")) fail_msg("task %s: %s", tasks[i], text);
    expect_names("out", "lock\nr.png\n", tasks[i]);
  }
}

/* The checkpoint of the last epoch that could be written stays, and the training goes on from it. */
static void a_checkpoint_on_a_full_disk(void **state) {
  (void)state;
  tool_points("d/x.npy", 10, 3);
  tool_shell("cd %s && rm -rf out", tool_path("."));
  limited(0, 10000, "dnn", train_line("fit", ""));
  tool_shell("cd %s && mv out whole", tool_path("."));
  limited(0, 10000, "dnn", train_line("fit", "--epochs=2"));
  tool_shell("cd %s && cp -r out before", tool_path("."));
  const char *text = limited(1, TRAINING_BLOCKS, "dnn", train_line("fit", "--resume"));
  assert_non_null(strstr(text, "error: cannot write out/checkpoint.safetensors"));
  tool_expect_same("out/checkpoint.safetensors", "before/checkpoint.safetensors");
  expect_names("out", "checkpoint.safetensors\ncurves.png\nlock\nmetrics.csv\n", "a checkpoint");
  limited(0, 10000, "dnn", train_line("fit", "--resume"));
  tool_expect_same("out/checkpoint.safetensors", "whole/checkpoint.safetensors");
  tool_expect_same("out/metrics.csv", "whole/metrics.csv");
}

/* What stands in a training's folder instead of its files: it does not go on. */
static void a_folder_that_was_tampered_with(void **state) {
  (void)state;
  static const struct {
    const char *change, *message;
  } changes[] = {
      {": >out/metrics.csv", "out/metrics.csv is no table of metrics"},
      {"cp good.png out/metrics.csv", "out/metrics.csv is no table of metrics"},
      {"echo 0,1,x >>out/metrics.csv", "out/metrics.csv is no table of metrics"},
      {"rm out/metrics.csv; mkdir out/metrics.csv", "cannot read out/metrics.csv: Is a directory"},
      {"rm out/lock; mkdir out/lock", "cannot write out/lock: Is a directory"},
      {": >out/checkpoint.safetensors", "out/checkpoint.safetensors is not a valid safetensors file"},
      {"cp good.safetensors out/checkpoint.safetensors", "it does not say where the training stood"},
      {"rm out/checkpoint.safetensors; mkfifo out/checkpoint.safetensors", "not a regular file"},
      {"rm out/checkpoint.safetensors out/lock", "out holds no checkpoint to go on from, but what is of no training"},
  };
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    tool_shell("cd %s && rm -rf out && cp -r before out && { %s; }", tool_path("."), changes[i].change);
    const char *text = tool_expect(1, "%s", train_line("fit", "--resume"));
    if (!strstr(text, changes[i].message)) fail_msg("%s: %s", changes[i].change, text);
  }
}

/* A second training of a folder that one writes to. */
static void two_trainings_of_a_folder(void **state) {
  (void)state;
  const char *text = tool_shell(
      "cd %s && rm -rf out && { %s %s >log 2>&1 & pid=$!; "
      "until grep -q 'epoch 3/' log || ! kill -0 $pid; do sleep 0.05; done; %s %s 2>&1; echo $?; "
      "kill -TERM $pid; wait $pid; echo $?; }",
      tool_path("."), tool_program("dnn"), train_line("fit", "--epochs=1000000"), tool_program("dnn"),
      train_line("fit", "--resume"));
  if (!strstr(text, "another training writes to out; choose another --out\n1\n130\n")) fail_msg("%s", text);
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  static const char model[] = "entry table(x: f32[3, 2]) -> (y) { y = sum(x) }\n"
                              "entry text(x: u8[2, 4]) -> (y) { y = sum(f32(x)) }\n"
                              "entry image(x: u8[2, 5, 4]) -> (y) { y = sum(f32(x)) }\n"
                              "entry picture(x: u8[1, 5, 4]) -> (y) { y = sum(f32(x)) }\n";
  char here[4096];
  assert_non_null(getcwd(here, sizeof here));
  const char *compiler = arena_printf(tool_arena(), "#!/bin/sh\nulimit -S -f unlimited\n"
                                      "CC_RESULTS=%s exec %s/tests/hostile/cc.sh \"$@\"\n",
                                      tool_path("compiled"), here);
  write_good_files();
  write_bytes("files.dnn", model, sizeof model - 1);
  write_bytes("outputs.map", "* = *.theirs\n", 13);
  write_bytes("cc.sh", compiler, strlen(compiler));
  tool_shell("cd %s && chmod +x cc.sh && mkdir compiled", tool_path("."));
  tool_copy("tests/hostile/outputs.dnn", "outputs.dnn");
  tool_compile(0, "files.dnn -o files.so");
  tool_compile(0, "outputs.dnn -o outputs.so");
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_files_are_read),
      cmocka_unit_test(files_that_are_cut_off),
      cmocka_unit_test(files_with_more_behind),
      cmocka_unit_test(files_that_are_none),
      cmocka_unit_test(files_of_another_kind),
      cmocka_unit_test(arrays_of_another_type),
      cmocka_unit_test(nothing_waits_for_a_pipe),
      cmocka_unit_test(results_on_a_full_disk),
      cmocka_unit_test(pictures_on_a_full_disk),
      cmocka_unit_test(names_that_are_taken),
      cmocka_unit_test(a_checkpoint_on_a_full_disk),
      cmocka_unit_test(a_folder_that_was_tampered_with),
      cmocka_unit_test(two_trainings_of_a_folder),
  };
  return cmocka_run_group_tests_name("hostile files", tests, set_up, tool_tear_down);
}
