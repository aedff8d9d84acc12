/* What users give to dnn: data, checkpoints and libraries that are damaged or do not belong to the
 * model, and command lines that nobody means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data.h"
#include "fault_case.h"
#include "golden.h"
#include "pass.h"
#include "safetensors.h"

enum { MUTANTS = 400 };

static arena *memory;
static uint32_t random_state = 1;

static uint32_t random_below(size_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % (uint32_t)n;
}

#define LINE(...) ((const char *[]){__VA_ARGS__, NULL})

/* ---- class numbers ---------------------------------------------------------------------------- */

static void add_array(const char *name, dtype element, int64_t rows, const void *data) {
  const char *error = NULL;
  array x = {.element = element, .rank = 1, .extents = {rows}, .data = (void *)data};
  assert_true(npy_write(memory, arena_printf(memory, "%s/new", fault_case_folder()), &x, &error));
  size_t bytes;
  const char *content = fault_case_read(memory, "new", &bytes);
  fault_case_file(name, content, bytes);
  fault_case_restore();
}

/* The folder's name is drawn: it does not belong to a message. */
static const char *without_folder(const char *text) {
  const char *folder = fault_case_folder(), *result = "", *at;
  for (; (at = strstr(text, folder)); text = at + strlen(folder) + 1)
    result = arena_printf(memory, "%s%.*s", result, (int)(at - text), text);
  return arena_printf(memory, "%s%s", result, text);
}

static void train(const char *task, int status, const char *golden) {
  faulty_outcome o = fault_case_plain(
      memory, "dnn", LINE("train", "classes.dnn", "--data=.", "--overwrite", "--task", task));
  if (o.status != status) fail_msg("task %s: status %d\n%s", task, o.status, o.err);
  if (golden)
    golden_compare(arena_printf(memory, "tests/hostile/text/%s.err", golden), without_folder(o.err));
}

static void class_numbers_out_of_range(void **state) {
  (void)state;
  const char *model = golden_read(memory, "tests/hostile/classes.dnn");
  fault_case_file("classes.dnn", model, strlen(model));
  add_array("good/word.npy", DTYPE_U8, 4, (uint8_t[]){0, 4, 2, 1});
  add_array("good/label.npy", DTYPE_I32, 4, (int32_t[]){0, 1, 2, 2});
  add_array("bad/word.npy", DTYPE_U8, 6, (uint8_t[]){0, 4, 2, 1, 1, 5});
  add_array("bad/label.npy", DTYPE_I32, 6, (int32_t[]){0, 1, 2, -1, 0, 1});
  train("fit", 0, NULL);
  train("first_rows", 0, NULL);
  train("labels", 1, "class_label");
  train("words", 1, "class_word");
  add_array("reals/word.npy", DTYPE_U8, 2, (uint8_t[]){0, 4});
  add_array("reals/label.npy", DTYPE_F32, 2, (float[]){0, 1});
  train("reals", 1, "class_real");
  fault_case_restore();
}

static void add_text(const char *name, const char *content) { fault_case_file(name, content, strlen(content)); }

/* What is used in parts, shifted, piece by piece or turn by turn, and only there. */
static void class_numbers_in_parts(void **state) {
  (void)state;
  add_text("text/good.csv", "0,1,3,200\n4,3,1,99\n");
  add_text("text/bad.csv", "0,1,3,0\n4,3,0,0\n");
  add_text("text/words.csv", "0,1,4\n0,1,4\n2,5,0\n4,4,4\n");
  add_array("text/end.npy", DTYPE_U8, 7, (uint8_t[]){0, 1, 2, 3, 3, 2, 9});
  add_array("text/middle.npy", DTYPE_U8, 7, (uint8_t[]){0, 1, 2, 9, 3, 2, 1});
  fault_case_restore();
  train("rows", 0, NULL);
  train("row", 1, "class_part");
  train("ends", 0, NULL);
  train("pieces", 1, "class_piece");
  train("walked", 1, "class_walked");
  train("halves", 0, NULL);
  train("first_halves", 1, "class_half");
}

static void class_numbers_of_entries(void **state) {
  (void)state;
  train("made_rows", 0, NULL);
  train("made", 1, "class_made");
  fault_case_restore();
}

/* ---- damaged files ---------------------------------------------------------------------------- */

typedef bool reading(arena *a, const char *path, const char **error);

static bool reads_npy(arena *a, const char *path, const char **error) {
  return npy_read(a, path, error);
}
static bool reads_idx(arena *a, const char *path, const char **error) {
  return idx_read(a, path, error);
}
static bool reads_safetensors(arena *a, const char *path, const char **error) {
  return safetensors_read(a, path, error);
}

/* Flips, cuts, doubles or exchanges some bytes; most faults lie in the header. */
static size_t damage(char *bytes, size_t count) {
  for (uint32_t edits = 1 + random_below(3); edits > 0 && count > 1; edits--) {
    size_t at = random_below(random_below(2) ? count : count < 96 ? count : 96);
    size_t span = 1 + random_below(8);
    if (at + span > count) span = count - at;
    switch (random_below(5)) {
      case 0: bytes[at] = (char)(bytes[at] ^ (1 << random_below(8))); break;
      case 1: bytes[at] = (char)random_below(256); break;
      case 2:
        memmove(bytes + at, bytes + at + span, count - at - span);
        count -= span;
        break;
      case 3:
        memmove(bytes + at + span, bytes + at, count - at);
        count += span;
        break;
      default: memcpy(bytes + at, bytes + random_below(count - span + 1), 1); break;
    }
  }
  return count;
}

/* Either something is read, or a message names the file. */
static void read_damaged(reading *reads, const char *content, size_t count) {
  char *changed = malloc(count + 64);
  const char *path = arena_printf(memory, "%s/damaged", fault_case_folder());
  int refused = 0;
  for (int i = 0; i < MUTANTS; i++) {
    memcpy(changed, content, count);
    size_t length = damage(changed, count);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(changed, 1, length, out), length);
    fclose(out);
    arena *a = arena_new();
    const char *error = NULL;
    if (!reads(a, path, &error)) {
      assert_non_null(error);
      assert_non_null(strstr(error, path));
      refused++;
    }
    arena_free(a);
  }
  free(changed);
  assert_true(refused > MUTANTS / 4);
}

static void damaged_data(void **state) {
  (void)state;
  size_t bytes;
  const char *npy = fault_case_read(memory, "bad/label.npy", &bytes);
  read_damaged(reads_npy, npy, bytes);
  static const char idx[] = "\0\0\x0c\x02\0\0\0\x02\0\0\0\x03"
                            "\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05\0\0\0\x06";
  read_damaged(reads_idx, idx, sizeof idx - 1);
}

static void damaged_checkpoints(void **state) {
  (void)state;
  const char *error = NULL;
  safetensors file = {0};
  float w[6] = {1, 2, 3, 4, 5, 6};
  safetensors_describe(memory, &file, "dnn.model", "classes");
  safetensors_add(memory, &file, (safetensor){"w", DTYPE_F32, 2, {2, 3}, w, sizeof w});
  safetensors_add(memory, &file, (safetensor){"b", DTYPE_F32, 1, {2}, w, 8});
  const char *path = arena_printf(memory, "%s/new", fault_case_folder());
  assert_true(safetensors_write(memory, path, &file, &error));
  size_t bytes;
  const char *content = fault_case_read(memory, "new", &bytes);
  read_damaged(reads_safetensors, content, bytes);
}

/* ---- command lines ---------------------------------------------------------------------------- */

/* Ends by itself, with a message where it refuses, and writes nothing. */
static void refuse_line(const char *program, const char *const *arguments) {
  fault_case_restore();
  faulty_outcome o = fault_case_plain(memory, program, arguments);
  const char *first = arguments[0] ? arguments[0] : "";
  if ((o.status != 1 && o.status != 2) || !*o.err || *o.out)
    fail_msg("%s %s: status %d\n%s%s", program, first, o.status, o.out, o.err);
  if (!fault_case_is_as_given()) fail_msg("%s %s: a file was written", program, first);
}

static void strange_command_lines(void **state) {
  (void)state;
  const char *long_word = memset(arena_alloc(memory, 100001), 'x', 100000);
  const char *long_path = arena_printf(memory, "%s.so", long_word);
  const char *const dnnc[][4] = {
      {"-o"}, {""}, {"--emit="}, {"--emit=graph@nothing", "classes.dnn"},
      {"--emit=dot@", "classes.dnn"},
      {"--memory", "classes.dnn", "-o", "x.c"}, {"--memory", "classes.dnn", "--emit=c"},
      {"--emit=dot@c", "classes.dnn"}, {"--emit=ast@intern", "classes.dnn"},
      {"--emit=dot", "classes.dnn", "--entry=none"}, {"--entry=train", "classes.dnn"},
      {"--emit=c", "classes.dnn", "--entry=train"}, {"-D", "=1", "classes.dnn"},
      {"-D", "B=", "classes.dnn"}, {"-D", "B=0", "classes.dnn"}, {"-D", "B=x y", "classes.dnn"},
      {"-D", "NONE=1", "classes.dnn"}, {"-D", "B=1e300", "classes.dnn"},
      {"-D", "B=9223372036854775808", "classes.dnn"}, {"classes.dnn", "-o", "no/such/folder/x.c"},
      {"classes.dnn", "-o", ".c/x.c"}, {"classes.dnn", "-o", "x"}, {"classes.dnn", "-o", "bad"},
      {"classes.dnn", "-o", "x.exe"}, {"classes.dnn", "-o", long_path}, {long_word},
      {"classes.dnn", "--prefix=1x"}, {"classes.dnn", "--prefix=int"}, {"classes.dnn", "--prefix="},
      {"classes.dnn", "--target-cpu=z80"}, {"classes.dnn", "--real=f16"}, {"--", "-x"},
      {"classes.dnn", "--cc=/no/such/cc", "-o", "x.so"}, {"classes.dnn", "--cc=false", "-o", "x.so"},
      {"classes.dnn", "classes.dnn"}, {"--no-such-option"}, {"-D"}};
  for (size_t i = 0; i < sizeof dnnc / sizeof *dnnc; i++) {
    const char *line[] = {dnnc[i][0], dnnc[i][1], dnnc[i][2], dnnc[i][3], NULL};
    refuse_line("dnnc", line);
  }
  const char *const dnn[][4] = {
      {""}, {"info"}, {"info", "classes.dnn", "more"}, {"info", "bad/label.npy"}, {"info", "bad"},
      {"info", "classes.dnn", "--graph="}, {"info", "classes.dnn", "--graph=x.gif"},
      {"info", "classes.dnn", "--graph=no/such/x.png"}, {"info", "classes.dnn", "--graph=bad/../bad.dot/x.dot"},
      {"info", "classes.dnn", "--graph=x.dot", "--stage=none"}, {"info", "classes.dnn", "--stage=fuse"},
      {"info", "classes.dnn", "--graph=x.dot", "--entry=none"}, {"info", "bad/label.npy", "--graph=x.png"},
      {"info", long_path}, {"run", "classes.dnn"}, {"run", "bad/label.npy", "train"},
      {"run", "no.so", "train"}, {"train", "bad/label.npy"}, {"train", "classes.dnn", "--task="},
      {"train", "classes.dnn", "--task=none"}, {"train", "classes.dnn", "--epochs=-1"},
      {"train", "classes.dnn", "--epochs=99999999999999999999"}, {"train", "classes.dnn", "--out="},
      {"train", "classes.dnn", "--threads=1000000"}, {"train", "classes.dnn", "--seed=abc"},
      {"train", "classes.dnn", "--data=/no/such/folder"}, {"train", "classes.dnn", "--resume", "--out=bad"},
      {"train", "classes.dnn", "-D", "B=0"}, {"check", "classes.dnn", "--batch=0"},
      {"check", "classes.dnn", "--range=label"}, {"check", "classes.dnn", "--range=label=a:b"},
      {"check", "bad/label.npy"}, {"bench", "bad/label.npy"}, {"bench", "classes.dnn", "--seconds=nan"},
      {"bench", "classes.dnn", "--entry=none"}, {"profile", "classes.dnn", "--seconds=1e9"},
      {"profile", "classes.dnn", "--clock=sun"}, {"profile", "classes.dnn", "--range=label=a:b"},
      {"profile", long_path}, {"profile", "classes.dnn", "--entry=init"}};
  for (size_t i = 0; i < sizeof dnn / sizeof *dnn; i++) {
    const char *line[] = {dnn[i][0], dnn[i][1], dnn[i][2], dnn[i][3], NULL};
    refuse_line("dnn", line);
  }
}

/* Each pass of the table has its stage, and stands in the help. */
static void every_pass_prints_its_graph(void **state) {
  (void)state;
  fault_case_restore();
  faulty_outcome help = fault_case_plain(memory, "dnnc", (const char *[]){"--help", NULL});
  for (int i = 0; i < graph_pass_count; i++) {
    const char *name = graph_passes[i].name, *stage = arena_printf(memory, "--emit=graph@%s", name);
    faulty_outcome o = fault_case_plain(memory, "dnnc", (const char *[]){stage, "classes.dnn", NULL});
    if (o.status != 0 || strncmp(o.out, "entry ", 6) != 0) fail_msg("%s: status %d\n%s", stage, o.status, o.err);
    if (!strstr(help.out, name)) fail_msg("the help of dnnc does not name the pass %s: compiler/main.c", name);
  }
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
      cmocka_unit_test(class_numbers_out_of_range),
      cmocka_unit_test(class_numbers_in_parts),
      cmocka_unit_test(class_numbers_of_entries),
      cmocka_unit_test(damaged_data),
      cmocka_unit_test(damaged_checkpoints),
      cmocka_unit_test(strange_command_lines),
      cmocka_unit_test(every_pass_prints_its_graph),
  };
  return cmocka_run_group_tests_name("hostile inputs", tests, set_up, tear_down);
}
