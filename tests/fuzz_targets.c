#include "fuzz_targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data.h"
#include "graph_text.h"
#include "loop_text.h"
#include "program.h"
#include "safetensors.h"
#include "text_stream.h"
#include "tuning.h"
#include "weight_map.h"

static void hold(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "not true: %s\n", what);
  abort();
}
#define HOLD(condition) hold(condition, #condition)

/* --- texts ---------------------------------------------------------------------------------- */

static const source *source_of(arena *a, const uint8_t *data, size_t size) {
  source *s = arena_new_of(a, source);
  *s = (source){.name = "fuzz", .text = arena_text_n(a, (const char *)data, size), .length = size};
  return s;
}

/* A program, or errors; both can be printed. */
static void run_language(const uint8_t *data, size_t size) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  const elaborate_options options = {.name = "fuzz", .folder = "/nowhere"};
  program *p = elaborate(a, d, source_of(a, data, size), &options);
  HOLD((p == NULL) == (diag_count(d) > 0));
  text_stream s;
  text_stream_open(&s, a);
  diag_print(d, s.out);
  for (int i = 0; p && i < p->entry_count; i++) graph_print(s.out, p->entries[i]);
  text_stream_close(&s);
  arena_free(a);
}

static const char *graph_words(arena *a, const graph *g) {
  text_stream s;
  text_stream_open(&s, a);
  graph_print(s.out, g);
  return text_stream_close(&s);
}

/* What parses is printed, and parses again to the same. */
static void run_graph(const uint8_t *data, size_t size) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  const graph *g = graph_parse(a, d, source_of(a, data, size));
  HOLD((g == NULL) == (diag_count(d) > 0));
  if (g) {
    const char *words = graph_words(a, g);
    const graph *again = graph_parse(a, d, source_of(a, (const uint8_t *)words, strlen(words)));
    HOLD(again && !strcmp(graph_words(a, again), words));
  }
  arena_free(a);
}

static const char *loop_words(arena *a, const loop_kernel *k) {
  text_stream s;
  text_stream_open(&s, a);
  loop_print(s.out, k);
  return text_stream_close(&s);
}

static void run_loops(const uint8_t *data, size_t size) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  math_library math = {.arena = a}, *m = &math;
  const loop_kernel *k = loop_parse(a, d, source_of(a, data, size), m);
  HOLD((k == NULL) == (diag_count(d) > 0));
  if (k) {
    const char *words = loop_words(a, k);
    const loop_kernel *again = loop_parse(a, d, source_of(a, (const uint8_t *)words, strlen(words)), m);
    HOLD(again && !strcmp(loop_words(a, again), words));
  }
  arena_free(a);
}

/* A map, whose patterns match what their stars stand for. */
static void run_map(const uint8_t *data, size_t size) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  const weight_map *map = weight_map_parse(a, d, source_of(a, data, size));
  HOLD((map == NULL) == (diag_count(d) > 0));
  text_stream s;
  text_stream_open(&s, a);
  diag_print(d, s.out);
  text_stream_close(&s);
  map_stars stars;
  for (int i = 0; map && i < map->line_count; i++) {
    const char *pattern = map->lines[i].own.pattern, *name = arena_printf(a, "net%s.w", pattern);
    if (weight_map_match(pattern, name, &stars))
      HOLD(!strcmp(weight_map_fill(a, pattern, &stars), name));
    HOLD(weight_map_match(pattern, pattern, &stars));
  }
  arena_free(a);
}

static const char *tuning_words(arena *a, const tuning *t) {
  text_stream s;
  text_stream_open(&s, a);
  tuning_print(s.out, t);
  return text_stream_close(&s);
}

/* A file of tuning, of which the choices are asked for a product. */
static void run_tuning(const uint8_t *data, size_t size) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  const tuning *t = tuning_parse(a, d, source_of(a, data, size));
  HOLD((t == NULL) == (diag_count(d) > 0));
  contraction c = {.element = DTYPE_F32, .axis_count = 2, .axes = {{"m", 6, .stride = 1}, {"k", 40, .reduced = true}}};
  for (int i = 0; i < 2; i++) {
    c.operands[i].rank = 1;
    c.operands[i].coordinates[0] = (contraction_coordinate){.dilation = 1, .extent = 40, .stride = 1};
    c.operands[i].coordinates[0].steps[1] = 1;
  }
  c.operands[0].rank = 2;
  c.operands[0].coordinates[1] = (contraction_coordinate){.dilation = 1, .extent = 6, .stride = 40};
  c.operands[0].coordinates[1].steps[0] = 1;
  contraction_schedule s;
  const target *v3 = target_find(a, "x86-64-v3");
  if (t) {
    const char *words = tuning_words(a, t);
    const tuning *again = tuning_parse(a, d, source_of(a, (const uint8_t *)words, strlen(words)));
    HOLD(again && !strcmp(tuning_words(a, again), words));
    if (t->choices.choose(t->choices.context, &c, v3, &s)) HOLD(s.cycles > 0);
    for (int i = 0; i < t->count; i++)
      if (!contraction_choice_parse(&c, t->lines[i].schedule, &s)) contraction_schedule_complete(&c, v3, &s);
    tuning_note(a, t);
  }
  text_stream out;
  text_stream_open(&out, a);
  diag_print(d, out.out);
  text_stream_close(&out);
  arena_free(a);
}

/* --- files ---------------------------------------------------------------------------------- */

/* The bytes as a file without a name of its own; it ends with the descriptor. */
static const char *file_of(arena *a, const uint8_t *data, size_t size, int *file) {
  *file = memfd_create("fuzz", MFD_CLOEXEC);
  HOLD(*file >= 0 && write(*file, data, size) == (ssize_t)size);
  return arena_printf(a, "/proc/self/fd/%d", *file);
}

/* An array whose elements are all there, or a message that names the file. */
static void read_data(const uint8_t *data, size_t size, data_request r) {
  int file;
  arena *a = arena_new();
  const char *path = file_of(a, data, size, &file), *error = NULL;
  r.paths = &path;
  r.path_count = 1;
  array *x = data_read(a, &r, &error);
  if (x) {
    HOLD(x->rank >= 0 && x->rank <= MAX_RANK && array_elements(x) > 0);
    unsigned sum = 0;
    for (int64_t i = 0; i < array_bytes(x); i++) sum += ((const unsigned char *)x->data)[i];
    HOLD(sum < UINT32_MAX);
  } else {
    HOLD(error && strstr(error, path));
  }
  close(file);
  arena_free(a);
}

static void run_idx(const uint8_t *data, size_t size) {
  read_data(data, size, (data_request){.reader = "idx"});
}

static void run_npy(const uint8_t *data, size_t size) {
  read_data(data, size, (data_request){.reader = "npy"});
}

static void run_npz(const uint8_t *data, size_t size) {
  static const reader_setting array_x = {.name = "array", .text = "x"};
  read_data(data, size, (data_request){.reader = "npz", .settings = &array_x, .setting_count = 1});
  read_data(data, size, (data_request){.reader = "npz"});
}

/* Numbers with a header, numbers without one, and words. */
static void run_csv(const uint8_t *data, size_t size) {
  static const reader_setting named[] = {{.name = "columns", .text = "b"}, {.name = "columns", .text = "a"}};
  static const reader_setting word[] = {{.name = "columns", .number = 1}, {.name = "classes", .number = 1},
                                        {.name = "separator", .text = ";"}};
  static const reader_setting ragged[] = {{.name = "columns", .number = 1}, {.name = "ragged", .number = 1}};
  data_request r = {.reader = "csv", .type = type_of(DTYPE_F32, 2, (int64_t[]){4, 2})};
  read_data(data, size, r);
  r.settings = named;
  r.setting_count = 2;
  read_data(data, size, r);
  r.type = type_of(DTYPE_U8, 1, (int64_t[]){4});
  r.settings = word;
  r.setting_count = 3;
  read_data(data, size, r);
  r.settings = ragged;
  r.setting_count = 2;
  read_data(data, size, r);
}

static void run_text(const uint8_t *data, size_t size) {
  static const reader_setting settings[] = {{.name = "vocabulary", .number = 1},
                                            {.name = "offset", .number = 1},
                                            {.name = "step", .number = 2}};
  data_request r = {.reader = "text", .type = type_of(DTYPE_U8, 2, (int64_t[]){4, 3})};
  read_data(data, size, r);
  r.settings = settings;
  r.setting_count = 3;
  read_data(data, size, r);
  static const reader_setting lines[] = {{.name = "words", .number = 1}, {.name = "lines", .number = 1},
                                         {.name = "vocabulary", .text = "a"}, {.name = "others", .number = 1}};
  r.settings = lines;
  for (r.setting_count = 2; r.setting_count <= 4; r.setting_count += 2) read_data(data, size, r);
}

/* PNG and JPEG, in colour and grey. */
static void run_image(const uint8_t *data, size_t size) {
  read_data(data, size, (data_request){.reader = "image",
                                       .type = type_of(DTYPE_U8, 3, (int64_t[]){1, 5, 4})});
  read_data(data, size, (data_request){.reader = "image",
                                       .type = type_of(DTYPE_U8, 4, (int64_t[]){1, 3, 5, 4})});
}

/* Compressed by gzip or xz, or plain. */
static void run_raw(const uint8_t *data, size_t size) {
  static const reader_setting settings[] = {{.name = "record", .number = 7},
                                            {.name = "offset", .number = 1}};
  read_data(data, size,
            (data_request){.reader = "raw", .settings = settings, .setting_count = 2,
                           .type = type_of(DTYPE_F16, 2, (int64_t[]){4, 3})});
}

/* What is read is written, and read again. */
static void run_safetensors(const uint8_t *data, size_t size) {
  int file;
  arena *a = arena_new();
  const char *path = file_of(a, data, size, &file), *error = NULL;
  safetensors *tensors = safetensors_read(a, path, &error);
  HOLD(tensors || (error && strstr(error, path)));
  for (int i = 0; tensors && i < tensors->tensor_count; i++)
    HOLD(safetensors_find(tensors, tensors->tensors[i].name) == &tensors->tensors[i]);
  close(file);
  arena_free(a);
}

const fuzz_target fuzz_targets[] = {
    {"language", run_language}, {"graph", run_graph}, {"loops", run_loops}, {"idx", run_idx},
    {"npy", run_npy},           {"raw", run_raw},     {"safetensors", run_safetensors},
    {"npz", run_npz},           {"csv", run_csv},     {"text", run_text},
    {"image", run_image},       {"map", run_map},     {"tuning", run_tuning},
    {0}};
