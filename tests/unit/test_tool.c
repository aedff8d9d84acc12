/* The program dnn from outside: statuses, help, messages, and a library that is described and
 * run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data.h"
#include "file.h"
#include "safetensors.h"
#include "version.h"

static char folder[] = "/tmp/dnn-tool-XXXXXX";
static arena *memory;
static const char *program_path; /* build/dnn beside build/tests/unit/ */

static const char *path_of(const char *name) { return arena_printf(memory, "%s/%s", folder, name); }

/* What a command printed, and its status. */
typedef struct outcome {
  const char *text;
  int status;
} outcome;

static outcome dnn(const char *arguments) {
  char line[4096];
  outcome result = {"", -1};
  FILE *pipe = popen(arena_printf(memory, "%s %s 2>&1", program_path, arguments), "r");
  assert_non_null(pipe);
  while (fgets(line, sizeof line, pipe))
    result.text = arena_printf(memory, "%s%s", result.text, line);
  int status = pclose(pipe);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

static void expect(const char *arguments, int status, const char *part) {
  outcome o = dnn(arguments);
  if (o.status != status || !strstr(o.text, part))
    fail_msg("dnn %s: status %d, not %d, or no \"%s\" in: %s", arguments, o.status, status, part,
             o.text);
}

static void help_and_wrong_use(void **state) {
  (void)state;
  expect("--help", 0, "usage: dnn COMMAND");
  expect("--version", 0, "dnn " DNN_VERSION "\n");
  expect("train --help", 0, "--resume");
  expect("run --help", 0, "ENTRY");
  expect("check --help", 0, "--range=NAME=LO:HI");
  expect("export --help", 0, "--as=FILE");
  expect("info --help", 0, "usage: dnn info");
  expect("bench --help", 0, "--seconds=S");
  expect("profile --help", 0, "--clock=wall|cpu");
  expect("", 2, "--help");
  expect("fly", 2, "there is no command 'fly'; there are train, run, check, export, info, bench, profile\n");
  expect("trian", 2, "there is no command 'trian'; do you mean 'train'?");
  expect("", 2, "no command was given; there are train, run");
  expect("help", 0, "usage: dnn COMMAND");
  expect("help check", 0, "usage: dnn check");
  expect("help fly", 2, "no command 'fly'");
  expect("check", 2, "dnn: no file was given\nTry 'dnn check --help'.");
  expect("info x.dnn y.dnn", 2, "what is 'y.dnn'?\nTry 'dnn info --help'.");
  expect("train", 2, "no file was given");
  expect("train --fly x.dnn", 2, "dnn train: unrecognized option '--fly'\nTry 'dnn train --help'");
  expect("check --steps", 2, "dnn check: option '--steps' requires an argument");
  expect("info --task=fit x.dnn", 2, "task"); /* not an option of info */
  expect("train --threads=0 x.dnn", 2, "--threads wants N");
  expect("train --threads=100000 x.dnn", 2, "--threads wants N from 1 to 1024, not '100000'");
  expect("train --seed=-1 x.dnn", 2, "--seed wants N");
  expect("train --epochs=1e9 x.dnn", 2, "--epochs wants N");
  expect("train -D B x.dnn", 2, "--define wants NAME=VALUE");
  expect("train --resume --overwrite x.dnn", 2, "exclude each other");
  expect("train --resume --weights w.safetensors x.dnn", 2, "--resume goes on with the weights of its checkpoint");
  expect("train --threads=02000 x.dnn", 2, "not '02000'"); /* 1024 where it is octal */
  expect("train --epochs=09 x.dnn", 1, "x.dnn");
  expect("train --seed=0x1f x.dnn", 1, "x.dnn");
  expect("check --range a=3:1 x.dnn", 2, "--range wants");
  expect("train a.dnn b.dnn", 2, "b.dnn");
}

static void missing_files(void **state) {
  (void)state;
  expect("train no-such.dnn", 1, "no-such.dnn");
  expect("info no-such.so", 1, "no-such.so");
  expect("info Makefile", 1, "Makefile");
  static const char *const commands[] = {"train", "check"};
  for (int i = 0; i < 2; i++) {
    expect(arena_printf(memory, "%s %s", commands[i], path_of("model.so")), 1,
           "model.so is a shared library; this needs the .dnn file that it was made of");
    expect(arena_printf(memory, "%s Makefile", commands[i]), 1, "Makefile is neither a shared library");
  }
}

static void ranges_of_no_input(void **state) {
  (void)state;
  expect("check tests/hostile/classes.dnn --range=lable=0:2", 1, "--range: no entry has an input `lable` of integers");
}

static void nothing_to_compile(void **state) {
  (void)state;
  FILE *out = fopen(path_of("empty.dnn"), "w");
  assert_non_null(out);
  fputs("const N = 3\nfn f(x) { N * x }\n", out);
  assert_int_equal(fclose(out), 0);
  expect(arena_printf(memory, "info %s", path_of("empty.dnn")), 1, "empty has no entry");
  expect(arena_printf(memory, "check %s", path_of("empty.dnn")), 1, "empty has no entry");
}

static void describes_a_library(void **state) {
  (void)state;
  outcome o = dnn(arena_printf(memory, "info %s", path_of("model.so")));
  assert_int_equal(o.status, 0);
  const char *parts[] = {"line\n", "train(x: f32[4, 3], y: f32[4], rate: f32)", "updates slots",
                         "-> (loss: f32)", "momentum", "f32[3]", "parameters", "128"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!strstr(o.text, parts[i])) fail_msg("no \"%s\" in: %s", parts[i], o.text);
}

static void write_floats(const char *name, int rank, int64_t rows, int64_t columns, float first) {
  const char *error = NULL;
  array x = {.element = DTYPE_F32, .rank = rank, .extents = {rows, columns}};
  float *data = arena_alloc(memory, (size_t)array_bytes(&x));
  x.data = data;
  for (int64_t i = 0; i < array_elements(&x); i++) data[i] = first;
  assert_true(npy_write(memory, path_of(name), &x, &error));
}

/* With x = 0 and b = 0 the loss is the mean of y^2. */
static void runs_an_entry(void **state) {
  (void)state;
  const char *so = path_of("model.so"), *error = NULL;
  write_floats("x.npy", 2, 4, 3, 0);
  write_floats("y.npy", 1, 4, 1, 3);
  write_floats("x8.npy", 2, 8, 3, 0);
  write_floats("y8.npy", 1, 8, 1, 2);
  write_floats("y5.npy", 1, 5, 1, 2);
  expect(arena_printf(memory, "run %s evaluate x=%s y=%s", so, path_of("x.npy"), path_of("y.npy")),
         0, "loss: f32 9\n");
  expect(arena_printf(memory, "run %s evaluate x=%s y=%s --out %s", so, path_of("x8.npy"),
                      path_of("y8.npy"), path_of("results")),
         0, "loss: f32[2]\n    4 4\n");
  array *loss = npy_read(memory, path_of("results/loss.npy"), &error);
  assert_non_null(loss);
  assert_memory_equal(loss->data, ((float[]){4, 4}), 8);
  expect(arena_printf(memory, "run %s train x=%s y=%s rate=0.5", so, path_of("x.npy"),
                      path_of("y.npy")),
         0, "loss: f32 9\n");
  expect(arena_printf(memory, "run %s evaluate x=%s", so, path_of("x.npy")), 1,
         "input y: f32[4] is not given");
  expect(arena_printf(memory, "run %s evaluate x=%s y=%s", so, path_of("x.npy"), path_of("y5.npy")),
         1, "f32[5]");
  expect(arena_printf(memory, "run %s evaluate z=1", so), 1,
         "entry evaluate has no input or output named 'z'\n    inputs: x, y\n    outputs: loss\n");
  expect(arena_printf(memory, "run %s evaluate x", so), 1, "'x' is not of the form INPUT=FILE");
  expect(arena_printf(memory, "run %s evaluate x=%s y=%s x=%s", so, path_of("x.npy"), path_of("y.npy"),
                      path_of("x8.npy")), 1, "x is given twice");
  expect(arena_printf(memory, "run %s evaluate x=4", so), 1, "input x: f32[4, 3] takes a file, and there is no file '4'");
  expect(arena_printf(memory, "run %s train x=%s y=%s rate=fast", so, path_of("x.npy"), path_of("y.npy")), 1,
         "input rate: f32 takes a number or a file, and there is no file 'fast'");
  expect(arena_printf(memory, "run %s fly", so), 1, "has no entry fly");
  expect(arena_printf(memory, "run %s", so), 2, "no entry was given");
  expect(arena_printf(memory, "run %s show --weights %s", so, path_of("missing")), 1, "missing");
}

static void write_file(const char *name, const char *text) {
  const char *error = NULL;
  file_part part = {text, strlen(text)};
  assert_true(file_replace(memory, path_of(name), 1, &part, &error));
}

static const char *content_of(const char *name) {
  const char *error = NULL;
  size_t size;
  const char *text = file_read(memory, path_of(name), &size, &error);
  if (!text) fail_msg("%s", error);
  return text;
}

/* The rows of the files are the size. */
static void runs_at_a_size(void **state) {
  (void)state;
  const char *model = path_of("sized.dnn"), *error = NULL;
  FILE *out = fopen(model, "w");
  assert_non_null(out);
  fputs("entry e[n <= 6](x: f32[n, 3], y: f32[n], by: f32[2]) -> (z: f32[n], m, k) {\n"
        "  z = sum[1](x) + y\n  m = mean(x) + sum(by)\n  k = n\n}\n"
        "entry count[n <= 6]() -> (z: i32[n]) { z = iota[n]() }\n"
        "entry each[n <= 2](by: f32[2]) -> (z: f32[n]) { z = sum(by) + f32(iota[n]()) }\n", out);
  assert_int_equal(fclose(out), 0);
  write_floats("x5.npy", 2, 5, 3, 2);
  write_floats("x7.npy", 2, 7, 3, 2);
  write_floats("by.npy", 1, 2, 1, 1);
  write_floats("by4.npy", 1, 4, 1, 1);
  const char *run = arena_printf(memory, "run %s e x=%s y=%s", model, path_of("x5.npy"), path_of("y5.npy"));
  const char *by = path_of("by.npy");
  outcome o = dnn(arena_printf(memory, "%s by=%s --out %s", run, by, path_of("results")));
  assert_int_equal(o.status, 0);
  if (!strstr(o.text, "z: f32[5]\n    8 8 8 8 8\n") || !strstr(o.text, "m: f32 4\n") ||
      !strstr(o.text, "k: i32 5\n"))
    fail_msg("%s", o.text);
  array *z = npy_read(memory, path_of("results/z.npy"), &error);
  assert_non_null(z);
  assert_int_equal(z->extents[0], 5);
  expect(arena_printf(memory, "run %s each by=%s", model, path_of("by4.npy")), 0, "z: f32[4]\n    2 3 2 3\n");
  expect(arena_printf(memory, "run %s count", model), 0, "z: i32[6]\n    0 1 2 3 4 5\n");
  expect(arena_printf(memory, "run %s e x=%s y=%s by=%s", model, path_of("x7.npy"),
                      path_of("y5.npy"), by),
         1, "y5.npy holds 5 rows, an input before it 7");
  expect(arena_printf(memory, "run %s e x=%s y=%s by=%s", model, path_of("by.npy"),
                      path_of("y5.npy"), by),
         1, "by.npy holds f32[2], but input x takes f32[6, 3], or other numbers of rows");
  write_floats("y7.npy", 1, 7, 1, 2);
  run = arena_printf(memory, "run %s e x=%s y=%s by=%s", model, path_of("x7.npy"), path_of("y7.npy"), by);
  expect(run, 0, "z: f32[7]\n    8 8 8 8 8 8 8\nm: f32[2]\n    4 4\nk: i32[2]\n    6 1\n");
  run = arena_printf(memory, "run %s e x=%s y=%s", model, path_of("x5.npy"), path_of("y5.npy"));
  expect(arena_printf(memory, "run %s e x=%s y=%s by=%s", model, path_of("x5.npy"),
                      path_of("y.npy"), by),
         1, "y.npy holds 4 rows, an input before it 5");
  expect(arena_printf(memory, "%s by=%s", run, path_of("by4.npy")), 1, "has rows for 2 calls");
}

/* Files of every kind go in, and come out as their ends say. */
static void runs_on_files(void **state) {
  (void)state;
  write_file("files.dnn",
             "entry twice(x: f32[1, 2], by: f64) -> (y: f32[1, 2], z: f64) { y = 2 * x; z = by / 3 }\n"
             "entry negative(image: u8[1, 5, 4]) -> (image: u8[1, 5, 4], sums: f32[1, 2, 2, 2]) {\n"
             "  image = u8(255 - i32(image)); sums = zeros[1, 2, 2, 2]() }\n"
             "entry drawn(image: u8[1, 5, 4]) -> (other: u8[1, 5, 4]) { other = image }\n");
  write_file("x.csv", "1,2\n3,4.5\n");
  const char *model = path_of("files.dnn"), *seed = "tests/fuzz/seeds/image/grey.png";
  expect(arena_printf(memory, "run %s twice x=%s by=1 y=%s z=%s", model, path_of("x.csv"),
                      path_of("y.csv"), path_of("z.csv")), 0, "y: f32[2, 2]\n    2 4\n    6 9\n");
  assert_string_equal(content_of("y.csv"), "y_0,y_1\n2,4\n6,9\n");
  assert_string_equal(content_of("z.csv"), "z\n0.33333333333333331\n0.33333333333333331\n");
  expect(arena_printf(memory, "run %s drawn image=%s other=%s", model, seed, path_of("d.png")), 0,
         "other: u8[1, 5, 4]\n    0 1 2 3\n");
  assert_memory_equal(content_of("d.png"), "\x89PNG", 4);
  expect(arena_printf(memory, "run %s negative image=%s", model, seed), 0, "255 254 253 252");
  expect(arena_printf(memory, "run %s negative image=%s sums=%s", model, seed, path_of("s.png")), 1,
         "output sums is f32[1, 2, 2, 2]");
  expect(arena_printf(memory, "run %s negative image=%s sums=%s", model, seed, path_of("s.csv")), 1,
         "a table holds vectors and matrices");
  expect(arena_printf(memory, "run %s negative image=%s sums=%s", model, seed, path_of("s.jpg")), 1,
         "is written as .npy, .csv or .png");
  expect(arena_printf(memory, "run %s drawn image=%s other=/nowhere/x.png", model, seed), 1,
         "/nowhere/x.png");
}

static void write_array(const char *name, dtype element, int64_t count, const void *data) {
  const char *error = NULL;
  array x = {.element = element, .rank = 1, .extents = {count}, .data = (void *)(uintptr_t)data};
  assert_true(npy_write(memory, path_of(name), &x, &error));
}

/* NumPy's defaults for integers and floats are i64 and f64. */
static void runs_on_wider_numbers(void **state) {
  (void)state;
  write_file("narrow.dnn", "entry e[n <= 3](k: i32[n], x: f32[n]) -> (y: f32[n]) { y = f32(k) * x }\n");
  write_array("k.npy", DTYPE_I64, 2, (int64_t[]){-3, 2147483647});
  write_array("wide.npy", DTYPE_I64, 2, (int64_t[]){-3, 2147483648});
  write_array("x.npy", DTYPE_F64, 2, (double[]){0.1, 2});
  const char *run = arena_printf(memory, "run %s e x=%s", path_of("narrow.dnn"), path_of("x.npy"));
  expect(arena_printf(memory, "%s k=%s", run, path_of("k.npy")), 0, "y: f32[2]\n    -0.3 4.29497e+09\n");
  expect(arena_printf(memory, "%s k=%s", run, path_of("wide.npy")), 1, "wide.npy holds i64[2], but input k takes i32[3], or other numbers of rows");
  expect(arena_printf(memory, "info %s", path_of("narrow.dnn")), 0, "e(k: i32[<= 3], x: f32[<= 3])\n      -> (y: f32[<= 3])");
  expect(arena_printf(memory, "info --json %s", path_of("narrow.dnn")), 0, "\"bounded\":\ttrue");
  expect(arena_printf(memory, "info --json %s", path_of("narrow.dnn")), 0, "\"bound\":\t3");
}

/* A scalar's file, whatever its name looks like. */
static void runs_on_files_of_scalars(void **state) {
  (void)state;
  write_file("scalars.dnn", "entry e(x: f32, k: i32[2]) -> (y: f32) { y = x * f32(k[0]) }\n");
  write_floats("7x.npy", 0, 1, 1, 2.5f);
  write_file("k.csv", "3\n4\n");
  const char *run = arena_printf(memory, "run scalars.dnn e k=k.csv");
  assert_int_equal(system(arena_printf(memory, "cd %s && %s %s x=7x.npy >7x.txt", folder, program_path, run)), 0);
  assert_string_equal(content_of("7x.txt"), "y: f32 7.5\n");
  assert_int_equal(system(arena_printf(memory, "cd %s && %s %s x=7 >7.txt", folder, program_path, run)), 0);
  assert_string_equal(content_of("7.txt"), "y: f32 21\n");
}

/* As when training; a library does not know what its numbers mean. */
static void runs_on_class_numbers(void **state) {
  (void)state;
  write_file("classes.dnn",
             "use loss\nentry e(label: i32[2], word: u8, table: f32[4, 3]) -> (loss: f32) {\n"
             "  loss = mean(cross_entropy(table[i32(word)][new, :] + zeros[2, 3](), label)) }\n");
  write_file("label.csv", "0\n2\n0\n2\n");
  write_file("wrong.csv", "0\n2\n0\n7\n");
  write_floats("table.npy", 2, 4, 3, 0);
  const char *run = arena_printf(memory, "run %s e table=%s", path_of("classes.dnn"), path_of("table.npy"));
  const char *good = path_of("label.csv"), *wrong = path_of("wrong.csv");
  expect(arena_printf(memory, "%s label=%s word=3", run, good), 0, "loss: f32[2]\n    1.09861 1.09861\n");
  expect(arena_printf(memory, "%s label=%s word=4", run, good), 1,
         "input word of entry e takes 0 to 3, but element 0 of 4 is 4");
  expect(arena_printf(memory, "%s label=%s word=3", run, wrong), 1,
         "wrong.csv is 7\n    each is the number of one of 3, at std/loss.dnn:");
  const char *compile = arena_printf(memory, "%sc %s -o %s", program_path, path_of("classes.dnn"), path_of("classes.so"));
  assert_int_equal(system(compile), 0);
  expect(arena_printf(memory, "run %s e table=%s label=%s word=3", path_of("classes.so"), path_of("table.npy"), wrong),
         0, "loss: f32[2]\n");
}

/* Of the rows of two calls, where they are used so. */
static void runs_on_class_numbers_in_parts(void **state) {
  (void)state;
  write_file("parts.dnn", "entry e(word: i32[1, 3], table: f32[4]) -> (y) { y = table[word[:, 1:] - 1] }\n");
  write_file("words.csv", "9,1,4\n-1,2,3\n");
  write_file("below.csv", "9,1,4\n-1,2,0\n");
  write_floats("row.npy", 1, 4, 1, 0);
  const char *run = arena_printf(memory, "run %s e table=%s", path_of("parts.dnn"), path_of("row.npy"));
  expect(arena_printf(memory, "%s word=%s", run, path_of("words.csv")), 0, "y: f32");
  expect(arena_printf(memory, "%s word=%s", run, path_of("below.csv")), 1,
         "input word of entry e takes 1 to 4, but element 5 of");
}

static void runs_on_truth_values(void **state) {
  (void)state;
  write_file("truth.dnn", "entry e(b: bool) -> (y: f32) { y = b ? 3.0 : 4.0 }\n");
  const char *run = arena_printf(memory, "run %s e", path_of("truth.dnn"));
  expect(arena_printf(memory, "%s b=true", run), 0, "y: f32 3\n");
  expect(arena_printf(memory, "%s b=1", run), 0, "y: f32 3\n");
  expect(arena_printf(memory, "%s b=false", run), 0, "y: f32 4\n");
  expect(arena_printf(memory, "%s b=maybe", run), 1, "input b: bool takes true, false or a file, and there is no file");
  expect(arena_printf(memory, "%s b=2", run), 1, "2 does not fit input b: bool");
}

/* A model's functions are its own, though the program has others of their names: csv_init of libcsv,
 * zip_open of libzip. */
static void names_of_libraries_are_free(void **state) {
  (void)state;
  const char *text = "param w: f32[2] = 3\nentry open(x: f32[2]) -> (y: f32[2]) { y = w * x }\n";
  write_file("csv.dnn", text);
  write_file("zip.dnn", text);
  write_floats("ones.npy", 1, 2, 1, 1);
  expect(arena_printf(memory, "check %s", path_of("csv.dnn")), 0, "");
  expect(arena_printf(memory, "run %s open x=%s", path_of("csv.dnn"), path_of("ones.npy")), 0, "y: f32[2]\n    3 3\n");
  expect(arena_printf(memory, "run %s open x=%s", path_of("zip.dnn"), path_of("ones.npy")), 0, "y: f32[2]\n    3 3\n");
}

/* dnn shows the model's name in C to nobody; dnnc, which does, wants another. */
static void words_of_c_are_names(void **state) {
  (void)state;
  static const char *const names[] = {"long", "dnn", "dnn_x"};
  for (int i = 0; i < 3; i++) {
    const char *file = arena_printf(memory, "%s.dnn", names[i]), *error = NULL;
    write_file(file, "param w: f32[2] = 3\nentry open(x: f32[2]) -> (y: f32[2]) { y = w * x; w <- 2 * w }\n"
                     "task fit { run(open(data(\".\", all: (x: npy(\"ones.npy\"))).all), epochs: 1) }\n");
    write_floats("ones.npy", 1, 4, 1, 1);
    const char *model = path_of(file), *out = path_of(names[i]);
    expect(arena_printf(memory, "run %s open x=%s", model, path_of("ones.npy")), 0, "y: f32[4]\n    3 3 6 6\n");
    expect(arena_printf(memory, "check %s", model), 0, "");
    expect(arena_printf(memory, "info %s", model), 0, names[i]);
    expect(arena_printf(memory, "train %s --data %s --out %s", model, folder, out), 0, "epoch 1/1");
    const safetensors *checkpoint = safetensors_read(memory, arena_printf(memory, "%s/checkpoint.safetensors", out), &error);
    assert_string_equal(safetensors_metadata(checkpoint, "dnn.model"), names[i]);
    assert_int_equal(system(arena_printf(memory, "%sc %s -o %s 2>%s", program_path, model, path_of("refused.so"),
                                         path_of("refused"))) >> 8, 1);
    assert_non_null(strstr(content_of("refused"), "a model in C cannot be named"));
  }
}

/* Of several arrays in one file the one with the input's name is meant, of one that one. */
static void runs_on_one_of_several(void **state) {
  (void)state;
  const char *error = NULL, *model = path_of("several.dnn"), *tensors = path_of("several.safetensors");
  const char *arrays = path_of("several.npz"), *one = path_of("one.npz");
  write_file("several.dnn", "entry double(x: f32[1, 3], y: u8[2]) -> (z, w) { z = 2 * x; w = y }\n"
                            "entry other(v: f32[1, 3]) -> (z) { z = -v }\n");
  safetensors file = {0};
  const float x[] = {7, 8, 9};
  const uint8_t y[] = {5, 6};
  safetensors_add(memory, &file, (safetensor){"x", DTYPE_F32, 2, {1, 3}, x, sizeof x});
  safetensors_add(memory, &file, (safetensor){"y", DTYPE_U8, 1, {2}, y, sizeof y});
  assert_true(safetensors_write(memory, tensors, &file, &error));
  if (system(arena_printf(memory, "cp tests/fuzz/seeds/npz/stored %s && cp tests/fuzz/seeds/npz/deflated %s",
                          arrays, one)))
    fail();
  expect(arena_printf(memory, "run %s double x=%s y=%s", model, arrays, tensors), 0,
         "z: f32[2, 3]\n    0 2 4\n    6 8 10\nw: u8[4]\n    5 6 5 6\n");
  expect(arena_printf(memory, "run %s double x=%s y=%s", model, tensors, arrays), 0,
         "z: f32[1, 3]\n    14 16 18\nw: u8[2]\n    1 2\n");
  expect(arena_printf(memory, "run %s other v=%s", model, one), 0, "z: f32[2, 3]\n");
  expect(arena_printf(memory, "run %s other v=%s", model, arrays), 1, "there is no array v among x, y\n");
  expect(arena_printf(memory, "run %s other v=%s", model, tensors), 1, "there is no tensor v among x, y\n");
}

/* Arrays and weights of f16 and bf16: read from their own files or rounded from f32, and written as f2,
 * or as f4 where npy has no such type. */
static void sixteen_bits_through_files(void **state) {
  (void)state;
  const char *error = NULL;
  write_file("half.dnn", "param w: bf16[2] = 1\nparam v: f32[2] = 2\n"
                         "entry scale(x: f16[2], by: f16, n: i8) -> (y, z, k) {\n"
                         "  y = x * by\n  z = w\n  k = v + 0.5 * f32(n)\n}\n");
  safetensors weights = {0};
  const float w[] = {1 + 0x1p-9f, -3.14159f};
  const uint16_t v[] = {0x3555, 0xfc00}; /* of f16: 0.333251953125 and -inf */
  safetensors_add(memory, &weights, (safetensor){"w", DTYPE_F32, 1, {2}, w, sizeof w});
  safetensors_add(memory, &weights, (safetensor){"v", DTYPE_F16, 1, {2}, v, sizeof v});
  assert_true(safetensors_write(memory, path_of("half.safetensors"), &weights, &error));
  write_floats("x2.npy", 1, 2, 1, 0.1f);
  const char *run = arena_printf(memory, "run %s scale --weights %s --out %s x=%s",
                                 path_of("half.dnn"), path_of("half.safetensors"), path_of("half"),
                                 path_of("x2.npy"));
  outcome o = dnn(arena_printf(memory, "%s by=0.1 n=-128", run));
  if (o.status) fail_msg("%s", o.text);
  array *y = npy_read(memory, path_of("half/y.npy"), &error);
  array *z = npy_read(memory, path_of("half/z.npy"), &error);
  array *k = npy_read(memory, path_of("half/k.npy"), &error);
  assert_true(y && z && k);
  assert_int_equal(y->element, DTYPE_F16);
  assert_int_equal(((const uint16_t *)y->data)[0], 0x211e); /* 0.1 as an f16, squared and rounded */
  assert_int_equal(z->element, DTYPE_F32);
  assert_memory_equal(z->data, ((float[]){1, -3.140625f}), 8);
  assert_memory_equal(k->data, ((float[]){0.333251953125f - 64, -__builtin_inff()}), 8);
  expect(arena_printf(memory, "run %s scale x=%s by=1 n=0", path_of("half.dnn"),
                      path_of("half/y.npy")), 0, "y: f16[2]\n    0.0099");
  expect(arena_printf(memory, "%s by=65520 n=1", run), 1, "65520 does not fit input by: f16");
  expect(arena_printf(memory, "%s by=1 n=128", run), 1, "128 does not fit input n: i8");
  expect(arena_printf(memory, "%s by=1 n=1.5", run), 1, "1.5 does not fit input n: i8");
}

static const char *find_program(void) {
  char self[4000];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) return NULL;
  self[length] = 0;
  for (int up = 0; up < 3; up++) *strrchr(self, '/') = 0;
  return arena_printf(memory, "%s/dnn", self);
}

static int set_up(void **state) {
  (void)state;
  memory = arena_new();
  program_path = find_program();
  if (!program_path || access(program_path, X_OK) || !mkdtemp(folder)) return -1;
  return system(arena_printf(memory, "cc -std=c11 -D_GNU_SOURCE -O1 -shared -fPIC -Iruntime -o %s "
                                     "tests/unit/fixture/line.c",
                             path_of("model.so")));
}

static int tear_down(void **state) {
  (void)state;
  const char *removal = arena_printf(memory, "rm -r %s", folder);
  int status = system(removal);
  arena_free(memory);
  return status;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(help_and_wrong_use),
      cmocka_unit_test(missing_files),
      cmocka_unit_test(ranges_of_no_input),
      cmocka_unit_test(nothing_to_compile),
      cmocka_unit_test(describes_a_library),
      cmocka_unit_test(runs_an_entry),
      cmocka_unit_test(runs_at_a_size),
      cmocka_unit_test(runs_on_files),
      cmocka_unit_test(runs_on_wider_numbers),
      cmocka_unit_test(runs_on_files_of_scalars),
      cmocka_unit_test(runs_on_class_numbers),
      cmocka_unit_test(runs_on_class_numbers_in_parts),
      cmocka_unit_test(runs_on_truth_values),
      cmocka_unit_test(names_of_libraries_are_free),
      cmocka_unit_test(words_of_c_are_names),
      cmocka_unit_test(runs_on_one_of_several),
      cmocka_unit_test(sixteen_bits_through_files),
  };
  return cmocka_run_group_tests_name("tool", tests, set_up, tear_down);
}
