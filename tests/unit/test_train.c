/* Training as a task says, with a model written by hand (fixture/line.c): metrics, checkpoints,
 * resumption, interruption, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cairo/cairo.h>
#include <cmocka.h>

#include "build.h"
#include "checkpoint.h"
#include "file.h"
#include "metrics.h"
#include "model.h"
#include "trainer.h"

enum { ROWS = 10, BATCH = 4, N = 3 };

static char folder[] = "/tmp/dnn-train-XXXXXX";
static arena *memory;
static dnn_library library;
static float data_x[ROWS][N], data_y[ROWS];

static const char *path_of(const char *name) { return arena_printf(memory, "%s/%s", folder, name); }

/* What elaboration would give for
 *   task fit {
 *     line = data("line", all: (x: npy("x.npy"), y: npy("y.npy")))
 *     run(train(line.all, rate: 0.05), epochs: 4, shuffle: true)
 *     run(evaluate(line.all), every_epochs: 1)
 *     run(show(), every_epochs: 2, to: "show.png", as: grid[1, 2])
 *   } */
static graph *entry_graph(const char *name, int inputs) {
  static const int64_t extents[] = {BATCH, N};
  graph *g = graph_new(memory, NULL, name);
  tensor_type x = type_of(DTYPE_F32, 2, extents), y = type_of(DTYPE_F32, 1, extents);
  tensor_type rate = type_scalar(DTYPE_F32);
  if (inputs > 0) graph_add_input(g, "x", &x);
  if (inputs > 1) graph_add_input(g, "y", &y);
  if (inputs > 2) graph_add_input(g, "rate", &rate);
  return g;
}

static graph *rate_graph(double rate) {
  graph *g = graph_new(memory, NULL, "rate");
  tensor_type scalar = type_scalar(DTYPE_F64);
  graph_add_input(g, "step", &scalar);
  node *epoch = graph_add_input(g, "epoch", &scalar);
  graph_add_input(g, "steps", &scalar);
  node *slower = build_map2(g, SCALAR_ADD, build_real(g, DTYPE_F64, 1), epoch);
  graph_add_output(g, "value", build_map2(g, SCALAR_DIV, build_real(g, DTYPE_F64, rate), slower));
  return g;
}

/* All rows of the columns x and y. */
static void feed_from_all(task_run *run) {
  static const run_column columns[] = {{"x", 0, 0}, {"y", 0, 1}};
  run->sources = arena_new_of(memory, run_source);
  *run->sources = (run_source){.last = ROWS_END};
  run->source_count = 1;
  run->columns = arena_array_of(memory, 2, run_column);
  memcpy(run->columns, columns, sizeof columns);
  run->column_count = 2;
}

static program *line_program(double rate) {
  program *p = arena_new_of(memory, program);
  *p = (program){.arena = memory, .name = "line", .entry_count = 3, .task_count = 1};
  p->entries = arena_array_of(memory, 3, graph *);
  p->entries[0] = entry_graph("train", 3);
  p->entries[1] = entry_graph("evaluate", 2);
  p->entries[2] = entry_graph("show", 0);
  p->batch_constants = arena_array_of(memory, 3, const char *);
  p->batch_constants[0] = p->batch_constants[1] = "B";
  static const char *x_file[] = {"x.npy"}, *y_file[] = {"y.npy"};
  data_column *columns = arena_array_of(memory, 2, data_column);
  columns[0] = (data_column){.name = "x", .reader = "npy", .files = x_file, .file_count = 1};
  columns[1] = (data_column){.name = "y", .reader = "npy", .files = y_file, .file_count = 1};
  data_split *split = arena_new_of(memory, data_split);
  *split = (data_split){.name = "all", .columns = columns, .column_count = 2};
  data_set *set = arena_new_of(memory, data_set);
  *set = (data_set){.name = "line", .folder = "line", .splits = split, .split_count = 1};
  run_argument *argument = arena_new_of(memory, run_argument);
  *argument = (run_argument){.name = "rate", .value = rate_graph(rate)};
  task_run none = {.epochs = -1, .steps = -1, .every_epochs = -1,
                   .every_steps = -1};
  task_run *runs = arena_array_of(memory, 3, task_run);
  for (int i = 0; i < 3; i++) {
    runs[i] = none;
    runs[i].times = 1;
    if (i < 2) feed_from_all(&runs[i]);
    runs[i].entry = p->entries[i]->name;
  }
  runs[0].arguments = argument;
  runs[0].argument_count = 1;
  runs[0].epochs = 4;
  runs[0].shuffle = true;
  runs[1].every_epochs = 1;
  runs[2].every_epochs = 2;
  static int image = 0;
  runs[2].picture = (run_picture){.kind = PICTURE_GRID, .to = "show.png", .outputs = &image,
                              .output_count = 1, .across = -1, .classes = -1, .rows = 1,
                              .columns = 2, .zoom = 1};
  p->tasks = arena_new_of(memory, task);
  *p->tasks = (task){.name = "fit", .sets = set, .set_count = 1, .runs = runs, .run_count = 3};
  return p;
}

static options line_options(void) { return (options){.data = folder, .epochs = -1, .threads = 1}; }

static plan *line_plan(const program *p, const options *o) {
  diagnostics *d = diag_new(memory);
  plan *result = plan_new(memory, d, p, &p->tasks[0], o);
  diag_print(d, stderr);
  assert_non_null(result);
  return result;
}

/* Trains into a folder and returns the status. */
static int train(const char *name, const program *p, options o) {
  const char *out = path_of(name), *error = NULL;
  dnn_instance instance;
  assert_true(folder_make(memory, out, &error));
  assert_true(model_start(memory, &instance, library.model, NULL, o.seed));
  final_metrics finals;
  int status = train_plan(memory, line_plan(p, &o), &instance, &o, out, &finals);
  dnn_instance_free(&instance);
  return status;
}

static void assert_same_file(const char *one, const char *two) {
  const char *error = NULL;
  size_t size = 0, other_size = 1;
  char *bytes = file_read(memory, path_of(one), &size, &error);
  char *other = file_read(memory, path_of(two), &other_size, &error);
  assert_non_null(bytes);
  assert_non_null(other);
  assert_int_equal(size, other_size);
  assert_memory_equal(bytes, other, size);
}

static double last_metric(const char *name, const char *entry) {
  const char *error = NULL;
  history h = {.arena = memory};
  assert_true(history_read(&h, path_of(name), INT32_MAX, 0, &error));
  const metric_row *row = history_last(&h, entry, "loss", NULL);
  assert_non_null(row);
  return row->value;
}

static void the_loss_falls(void **state) {
  (void)state;
  options o = line_options();
  o.epochs = 30;
  assert_int_equal(train("falls", line_program(0.2), o), 0);
  double loss = last_metric("falls/metrics.csv", "evaluate");
  assert_true(loss > 0 && loss < 0.05);
}

/* The mean over ten rows, of which the last two run through the smaller entry. */
static void the_last_batch_counts(void **state) {
  (void)state;
  assert_int_equal(train("batch", line_program(0.05), line_options()), 0);
  const char *error = NULL;
  safetensors *file = safetensors_read(memory, path_of("batch/checkpoint.safetensors"), &error);
  assert_non_null(file);
  float w[N], b;
  memcpy(w, safetensors_find(file, "w")->data, sizeof w);
  memcpy(&b, safetensors_find(file, "b")->data, sizeof b);
  double sum = 0;
  for (int r = 0; r < ROWS; r++) {
    double e = (double)b - data_y[r];
    for (int i = 0; i < N; i++) e += (double)data_x[r][i] * w[i];
    sum += e * e;
  }
  assert_true(fabs(last_metric("batch/metrics.csv", "evaluate") - sum / ROWS) < 1e-5 * sum);
}

static void specialises_the_last_batch(void **state) {
  (void)state;
  options o = line_options();
  plan *p = line_plan(line_program(0.05), &o);
  assert_int_equal(p->stage_count, 1);
  assert_int_equal(p->stages[0].epoch_steps, 2); /* training skips the last batch */
  assert_int_equal(feed_remainder(p->stages[0].attached[0]), 2);
  assert_string_equal(plan_remainder_entry(memory, p->stages[0].attached[0]), "evaluate_2");
}

static void resuming_changes_nothing(void **state) {
  (void)state;
  program *p = line_program(0.05);
  options o = line_options();
  assert_int_equal(train("whole", p, o), 0);
  assert_int_equal(train("again", p, o), 0);
  assert_same_file("whole/checkpoint.safetensors", "again/checkpoint.safetensors");
  o.epochs = 2;
  assert_int_equal(train("halves", p, o), 0);
  o.epochs = 4;
  o.resume = true;
  assert_int_equal(train("halves", p, o), 0);
  assert_same_file("whole/checkpoint.safetensors", "halves/checkpoint.safetensors");
  assert_same_file("whole/metrics.csv", "halves/metrics.csv");
  assert_int_equal(train("halves", p, o), 0); /* nothing is left to do */
  assert_same_file("whole/checkpoint.safetensors", "halves/checkpoint.safetensors");
}

static void interruption_changes_nothing(void **state) {
  (void)state;
  program *p = line_program(0.05);
  assert_int_equal(train("through", p, line_options()), 0);
  for (int step = 0; step < 8; step++) {
    const char *name = arena_printf(memory, "stopped%d", step);
    options o = line_options();
    setenv("DNN_FIXTURE_INTERRUPT", arena_printf(memory, "%d", step), 1);
    assert_int_equal(train(name, p, o), STATUS_INTERRUPTED);
    unsetenv("DNN_FIXTURE_INTERRUPT");
    o.resume = true;
    assert_int_equal(train(name, p, o), 0);
    assert_same_file("through/checkpoint.safetensors",
                     arena_printf(memory, "%s/checkpoint.safetensors", name));
    assert_same_file("through/metrics.csv", arena_printf(memory, "%s/metrics.csv", name));
  }
}

/* Other constants make another program; the order in which they are given does not matter, nor one that another
 * replaces. */
static void definitions_have_to_agree(void **state) {
  (void)state;
  program *p = line_program(0.05);
  options o = line_options();
  o.definitions = (definition[]){{"B", "4"}, {"A", "1"}};
  o.definition_count = 2;
  assert_int_equal(train("defined", p, o), 0);
  o.resume = true;
  o.definitions = (definition[]){{"A", "7"}, {"A", "1"}, {"B", "4"}};
  o.definition_count = 3;
  assert_int_equal(train("defined", p, o), 0);
  o.definition_count = 1;
  assert_int_equal(train("defined", p, o), STATUS_ERROR);
  o.definition_count = 0;
  assert_int_equal(train("defined", p, o), STATUS_ERROR);
}

/* Reads a checkpoint, and writes it without a key, or with one tensor more. */
static void change_checkpoint(const char *name, const char *without, const char *more) {
  const char *error = NULL, *path = arena_printf(memory, "%s/checkpoint.safetensors", path_of(name));
  safetensors *file = safetensors_read(memory, path, &error);
  assert_non_null(file);
  int kept = 0;
  for (int i = 0; i < file->metadata_count; i++)
    if (strcmp(file->metadata[i].key, without)) file->metadata[kept++] = file->metadata[i];
  file->metadata_count = kept;
  static const float value = 1;
  if (*more) safetensors_add(memory, file, (safetensor){.name = more, .element = DTYPE_F32, .data = &value, .bytes = 4});
  assert_true(safetensors_write(memory, path, file, &error));
}

/* As those before integers were metrics. */
static void sums_without_rows_are_of_any_metrics(void **state) {
  (void)state;
  program *p = line_program(0.05);
  options o = line_options();
  assert_int_equal(train("fewer", p, o), 0);
  assert_int_equal(train("further", p, (o.epochs = 6, o)), 0);
  change_checkpoint("fewer", "dnn.sums", "");
  const char *error = NULL, *path = path_of("fewer/checkpoint.safetensors");
  safetensors *file = safetensors_read(memory, path, &error);
  safetensors_describe(memory, file, "dnn.sums", "0x0p+0");
  assert_true(safetensors_write(memory, path, file, &error));
  o.resume = true;
  assert_int_equal(train("fewer", p, o), 0);
  assert_same_file("further/checkpoint.safetensors", "fewer/checkpoint.safetensors");
}

static void checkpoints_without_definitions_are_taken(void **state) {
  (void)state;
  program *p = line_program(0.05);
  options o = line_options();
  assert_int_equal(train("older", p, o), 0);
  change_checkpoint("older", "dnn.definitions", "");
  o.resume = true;
  o.definitions = (definition[]){{"B", "4"}};
  o.definition_count = 1;
  assert_int_equal(train("older", p, o), 0);
}

/* The next checkpoint would be without it. */
static void nothing_of_a_checkpoint_is_lost(void **state) {
  (void)state;
  static const char *const names[][2] = {{"surplus", "net.gone"}, {"surplus_best", "best/gone"}};
  program *p = line_program(0.05);
  for (int i = 0; i < 2; i++) {
    const char *error = NULL, *path = arena_printf(memory, "%s/checkpoint.safetensors", path_of(names[i][0]));
    options o = line_options();
    assert_int_equal(train(names[i][0], p, o), 0);
    change_checkpoint(names[i][0], "", names[i][1]);
    o.resume = true;
    o.epochs = 6;
    assert_int_equal(train(names[i][0], p, o), STATUS_ERROR);
    assert_non_null(safetensors_find(safetensors_read(memory, path, &error), names[i][1]));
  }
}

static void seeds_differ(void **state) {
  (void)state;
  program *p = line_program(0.05);
  options o = line_options();
  assert_int_equal(train("seed0", p, o), 0);
  o.seed = 7; /* the fixture draws the same parameters for it, but rows come in another order */
  assert_int_equal(train("seed7", p, o), 0);
  assert_true(last_metric("seed0/metrics.csv", "evaluate") !=
              last_metric("seed7/metrics.csv", "evaluate"));
  o = line_options();
  o.resume = o.seed_given = true;
  assert_int_equal(train("seed7", p, o), STATUS_ERROR);
}

static void a_loss_that_is_not_finite_stops(void **state) {
  (void)state;
  assert_int_equal(train("diverges", line_program(1e30), line_options()), STATUS_ERROR);
  assert_false(file_exists(path_of("diverges/checkpoint.safetensors")));
}

static void damaged_checkpoints_are_refused(void **state) {
  (void)state;
  program *p = line_program(0.05);
  options o = line_options();
  o.resume = true;
  assert_int_equal(train("nothing", p, o), STATUS_ERROR);
  const char *error = NULL, *path = path_of("foreign/checkpoint.safetensors");
  assert_true(folder_make(memory, path_of("foreign"), &error));
  safetensors file = {0};
  float w[N] = {0};
  safetensors_add(memory, &file, (safetensor){"w", DTYPE_F32, 1, {N}, w, sizeof w});
  assert_true(safetensors_write(memory, path, &file, &error));
  assert_int_equal(train("foreign", p, o), STATUS_ERROR);

  dnn_instance instance;
  assert_true(model_start(memory, &instance, library.model, NULL, 0));
  assert_true(checkpoint_weights(memory, path, &instance, false, &error));
  assert_false(checkpoint_weights(memory, path, &instance, true, &error));
  assert_non_null(strstr(error, "has no b"));
  file.tensors[0].name = "weight";
  assert_true(safetensors_write(memory, path, &file, &error));
  assert_false(checkpoint_weights(memory, path, &instance, true, &error));
  assert_non_null(strstr(error, "cannot take weights from "));
  assert_non_null(strstr(error, "none of its names is one of this model"));
  assert_non_null(strstr(error, "--map"));
  file.tensors[0].name = "w";
  file.tensors[0].rank = 2;
  file.tensors[0].extents[1] = 1;
  assert_true(safetensors_write(memory, path, &file, &error));
  assert_false(checkpoint_weights(memory, path, &instance, false, &error));
  assert_non_null(strstr(error, "f32[3, 1]"));
  assert_non_null(strstr(error, "f32[3]"));
  dnn_instance_free(&instance);
}

/* True where the picture has pixels that are neither white nor grey: curves. */
static bool has_colour(cairo_surface_t *picture) {
  const unsigned char *pixels = cairo_image_surface_get_data(picture);
  int stride = cairo_image_surface_get_stride(picture), coloured = 0;
  for (int y = 0; y < cairo_image_surface_get_height(picture); y++)
    for (int x = 0; x < cairo_image_surface_get_width(picture); x++) {
      const unsigned char *p = pixels + y * stride + 4 * x;
      coloured += p[0] != p[1] && p[1] != p[2];
    }
  return coloured > 100;
}

static void pictures_are_png(void **state) {
  (void)state;
  assert_int_equal(train("pictures", line_program(0.05), line_options()), 0);
  cairo_surface_t *curves = cairo_image_surface_create_from_png(path_of("pictures/curves.png"));
  assert_int_equal(cairo_surface_status(curves), CAIRO_STATUS_SUCCESS);
  assert_true(has_colour(curves));
  cairo_surface_destroy(curves);
  cairo_surface_t *shown = cairo_image_surface_create_from_png(path_of("pictures/show.png"));
  assert_int_equal(cairo_surface_status(shown), CAIRO_STATUS_SUCCESS);
  assert_int_equal(cairo_image_surface_get_width(shown), 2 + 5 + 2 + 5 + 2);
  assert_int_equal(cairo_image_surface_get_height(shown), 2 + 4 + 2);
  const unsigned char *row = cairo_image_surface_get_data(shown) +
                             3 * cairo_image_surface_get_stride(shown);
  assert_int_equal(row[4 * 3], 0);    /* the step of batch 0 */
  assert_int_equal(row[4 * 10], 255);
  cairo_surface_destroy(shown);
}

static void one_training_per_folder(void **state) {
  (void)state;
  assert_true(train_hold_folder(memory, path_of("held/deep")));
  assert_false(train_hold_folder(memory, path_of("held/deep")));
  assert_true(train_hold_folder(memory, path_of("held/other")));
}

static void wrong_data_is_named(void **state) {
  (void)state;
  program *p = line_program(0.05);
  options o = line_options();
  diagnostics *d = diag_new(memory);
  p->tasks[0].sets[0].splits[0].columns[1].files = (const char *[]){"x.npy"}; /* a matrix where y is a vector */
  assert_null(plan_new(memory, d, p, &p->tasks[0], &o));
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  diag_print(d, out);
  fclose(out);
  const char *wanted[] = {"column y", "evaluate", "line/x.npy", "f32[10, 3]", "f32[4]"};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    if (!strstr(text, wanted[i])) fail_msg("%s is not in: %s", wanted[i], text);
  free(text);

  p = line_program(0.05);
  p->tasks[0].runs[0].sources->last = ROWS + 1;
  d = diag_new(memory);
  assert_null(plan_new(memory, d, p, &p->tasks[0], &o));
  assert_int_equal(diag_count(d), 1);
}

static void slices_and_steps(void **state) {
  (void)state;
  program *p = line_program(0.05);
  task_run *runs = p->tasks[0].runs;
  runs[0].sources->first = 1;
  runs[0].sources->last = 9;
  runs[0].epochs = -1;
  runs[0].steps = 7; /* two epochs of two, one of two, one of one */
  runs[1].every_epochs = -1;
  runs[1].every_steps = 3;
  runs[2].every_epochs = -1;
  runs[2].at_end = true;
  assert_int_equal(train("steps", p, line_options()), 0);
  history h = {.arena = memory};
  const char *error = NULL;
  assert_true(history_read(&h, path_of("steps/metrics.csv"), INT32_MAX, 0, &error));
  int64_t train_steps[] = {2, 4, 6, 7}, evaluate_steps[] = {3, 6};
  int trained = 0, evaluated = 0;
  for (int i = 0; i < h.count; i++) {
    if (strcmp(h.rows[i].label, "train") == 0)
      assert_int_equal(h.rows[i].step, train_steps[trained++]);
    else
      assert_int_equal(h.rows[i].step, evaluate_steps[evaluated++]);
  }
  assert_int_equal(trained, 4);
  assert_int_equal(evaluated, 2);
  assert_true(file_exists(path_of("steps/show.png")));
}

/* Two evaluations of one entry after the same epoch, on different rows. */
static void results_of_one_entry_are_kept_apart(void **state) {
  (void)state;
  program *p = line_program(0.05);
  task_run *runs = p->tasks[0].runs;
  runs[1].sources->last = 8;
  runs[2] = runs[1]; /* no picture */
  feed_from_all(&runs[2]);
  *runs[2].sources = (run_source){.first = 4, .last = 8};
  assert_int_equal(train("apart", p, line_options()), 0);
  double whole = last_metric("apart/metrics.csv", "evaluate(line.all[0:8])");
  double half = last_metric("apart/metrics.csv", "evaluate(line.all[4:8])");
  assert_true(whole > 0 && half > 0 && whole != half);
}

static void shuffling_is_a_permutation(void **state) {
  (void)state;
  feed_source f = {.rows = 1000};
  int64_t first[1000];
  for (int64_t epoch = 0; epoch < 3; epoch++) {
    int seen[1000] = {0}, fixed = 0, equal = 0;
    feed_shuffle(memory, &f, 5, 1, epoch);
    for (int i = 0; i < 1000; i++) {
      seen[f.order[i]]++;
      fixed += f.order[i] == i;
      equal += epoch > 0 && f.order[i] == first[i];
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(seen[i], 1);
    assert_in_range(fixed, 0, 10);
    assert_in_range(equal, 0, 10);
    if (epoch == 0) memcpy(first, f.order, sizeof first);
  }
  feed_shuffle(memory, &f, 5, 1, 0);
  assert_memory_equal(first, f.order, sizeof first);
}

static void libraries_without_a_model(void **state) {
  (void)state;
  char message[DNN_MESSAGE_BYTES];
  dnn_library other;
  const char *path = path_of("empty.so");
  assert_int_equal(system(arena_printf(memory, "cc -shared -x c -o %s /dev/null", path)), 0);
  assert_false(dnn_load(&other, path, message));
  assert_non_null(strstr(message, "holds no model"));
  for (int bytes = 0; bytes < 4096; bytes += 1000) { /* what a full disk leaves of it */
    const char *part = path_of(arena_printf(memory, "part%d.so", bytes));
    assert_int_equal(system(arena_printf(memory, "head -c %d %s >%s", bytes, path, part)), 0);
    assert_false(dnn_load(&other, part, message));
    assert_non_null(strstr(message, bytes ? "the file is cut off" : "file too short"));
  }
}

static void write_array(const char *name, int rank, const void *values) {
  const char *error = NULL;
  array x = {.element = DTYPE_F32, .rank = rank, .extents = {ROWS, N}};
  x.data = arena_alloc(memory, (size_t)array_bytes(&x));
  memcpy(x.data, values, (size_t)array_bytes(&x));
  assert_true(npy_write(memory, path_of(name), &x, &error));
}

static int set_up(void **state) {
  (void)state;
  const char *error = NULL;
  char message[DNN_MESSAGE_BYTES];
  memory = arena_new();
  if (!mkdtemp(folder) || !folder_make(memory, path_of("line"), &error)) return -1;
  for (int r = 0; r < ROWS; r++) {
    for (int i = 0; i < N; i++) data_x[r][i] = sinf((float)(r * N + i));
    data_y[r] = data_x[r][0] - 2 * data_x[r][1] + 0.5f + 0.01f * cosf((float)r);
  }
  write_array("line/x.npy", 2, data_x);
  write_array("line/y.npy", 1, data_y);
  const char *path = path_of("model.so");
  if (system(arena_printf(memory, "cc -std=c11 -D_GNU_SOURCE -O1 -ffp-contract=off -shared -fPIC "
                                  "-Iruntime -o %s tests/unit/fixture/line.c",
                          path)))
    return -1;
  if (dnn_load(&library, path, message)) return 0;
  fprintf(stderr, "%s\n", message);
  return -1;
}

static int tear_down(void **state) {
  (void)state;
  const char *removal = arena_printf(memory, "rm -r %s", folder);
  int status = getenv("KEEP") ? 0 : system(removal);
  dnn_unload(&library);
  arena_free(memory);
  return status;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_loss_falls),
      cmocka_unit_test(the_last_batch_counts),
      cmocka_unit_test(specialises_the_last_batch),
      cmocka_unit_test(resuming_changes_nothing),
      cmocka_unit_test(interruption_changes_nothing),
      cmocka_unit_test(definitions_have_to_agree),
      cmocka_unit_test(sums_without_rows_are_of_any_metrics),
      cmocka_unit_test(checkpoints_without_definitions_are_taken),
      cmocka_unit_test(nothing_of_a_checkpoint_is_lost),
      cmocka_unit_test(seeds_differ),
      cmocka_unit_test(a_loss_that_is_not_finite_stops),
      cmocka_unit_test(damaged_checkpoints_are_refused),
      cmocka_unit_test(pictures_are_png),
      cmocka_unit_test(one_training_per_folder),
      cmocka_unit_test(wrong_data_is_named),
      cmocka_unit_test(slices_and_steps),
      cmocka_unit_test(results_of_one_entry_are_kept_apart),
      cmocka_unit_test(shuffling_is_a_permutation),
      cmocka_unit_test(libraries_without_a_model),
  };
  return cmocka_run_group_tests_name("train", tests, set_up, tear_down);
}
