#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "commands.h"
#include "data.h"
#include "element.h"
#include "file.h"
#include "index_check.h"
#include "model.h"
#include "picture.h"
#include "weight_transfer.h"

enum { MOST_PRINTED = 128 };

/* What is given to one input: an array, of which each call takes the next rows or all, or a
 * number. */
typedef struct given_input {
  const array *array;
  void *number;
  int64_t stride; /* bytes from one call's rows to the next; 0: every call gets the same */
} given_input;

/* One entry's run: calls on consecutive rows. */
typedef struct entry_run {
  const dnn_entry *entry;
  const graph *graph; /* as the model's text gives it; NULL: of a library */
  given_input *inputs;
  int64_t calls;
  int64_t rows;   /* of the entry's bounded axes in all calls; 0: no input has told it yet */
  array *results; /* one per output, of all calls */
} entry_run;

static bool is_named(const char *argument, const char *name) {
  size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 && argument[length] == '=';
}

static const char *value_for(const options *o, const char *name) {
  for (int i = 1; i < o->rest_count; i++)
    if (is_named(o->rest[i], name)) return o->rest[i] + strlen(name) + 1;
  return NULL;
}

static bool is_input(const dnn_entry *entry, const char *name) {
  for (int i = 0; i < entry->input_count; i++)
    if (strcmp(entry->inputs[i].name, name) == 0) return true;
  return false;
}

/* True where the text is a number that the type holds, or a word for a bool. */
static bool parse_number(arena *a, const tensor_type *type, const char *text, given_input *in) {
  char *end = NULL;
  void *number = arena_alloc(a, sizeof(double));
  bool fits, word = type->element == DTYPE_BOOL && (!strcmp(text, "true") || !strcmp(text, "false"));
  errno = 0;
  if (word) {
    element_set_int(DTYPE_BOOL, number, 0, !strcmp(text, "true"));
    fits = true;
  } else if (dtype_is_float(type->element)) {
    double value = strtod(text, &end);
    element_set_real(type->element, number, 0, value);
    fits = isinf(element_real(type->element, number, 0)) == isinf(value);
  } else {
    int64_t value = strtoll(text, &end, 10);
    element_set_int(type->element, number, 0, value);
    fits = element_int(type->element, number, 0) == value;
  }
  if (!word) fits = fits && end != text && !*end && !errno;
  if (fits) in->number = number;
  return fits;
}

static bool is_number(const char *text) {
  char *end;
  strtod(text, &end);
  return end != text && !*end;
}

/* The calls that an array is good for: 0 where it does not fit the type. */
static int64_t calls_of(const array *x, const tensor_type *type) {
  if (x->element != type->element || x->rank != type->rank) return 0;
  for (int i = 1; i < x->rank; i++)
    if (x->extents[i] != type->dims[i].maximum) return 0;
  if (x->rank == 0) return 1;
  return x->extents[0] % type->dims[0].maximum ? 0 : x->extents[0] / type->dims[0].maximum;
}

/* The rows of a bounded input: as many as the bound, or fewer, in each call. */
static bool take_rows(arena *a, const array *x, entry_run *run, int index, const char *text) {
  const dnn_tensor *t = &run->entry->inputs[index];
  tensor_type rows = model_type(t);
  const int64_t bytes = type_bytes(&rows);
  if (x->rank) rows.dims[0].maximum = x->extents[0];
  if (!x->rank || !x->extents[0] || calls_of(x, &rows) != 1) {
    rows = model_type(t);
    tool_error("%s holds %s, but input %s takes %s, or other numbers of rows", text, array_text(a, x), t->name,
               type_text(a, &rows));
    return false;
  }
  if (run->rows && run->rows != x->extents[0]) {
    tool_error("%s holds %lld rows, an input before it %lld", text, (long long)x->extents[0],
               (long long)run->rows);
    return false;
  }
  run->rows = x->extents[0];
  run->inputs[index].array = x;
  run->inputs[index].stride = bytes;
  return true;
}

static bool take_input(arena *a, const options *o, entry_run *run, int index) {
  const dnn_tensor *t = &run->entry->inputs[index];
  given_input *in = &run->inputs[index];
  const char *text = value_for(o, t->name), *error = NULL;
  tensor_type type = model_type(t);
  if (!text) {
    tool_error("input %s: %s is not given; write %s=…", t->name, type_text(a, &type), t->name);
    return false;
  }
  if (type.rank == 0 && parse_number(a, &type, text, in)) return true;
  if (type.rank == 0 && is_number(text)) {
    tool_error("%s does not fit input %s: %s", text, t->name, type_text(a, &type));
    return false;
  }
  if (!file_exists(text)) {
    tool_error("input %s: %s takes %sfile, and there is no file '%s'", t->name, type_text(a, &type),
               type.rank ? "a " : type.element == DTYPE_BOOL ? "true, false or a " : "a number or a ", text);
    return false;
  }
  const data_request request = {.paths = &text, .path_count = 1, .type = type, .name = t->name};
  const array *x = data_read(a, &request, &error);
  if (!x) {
    tool_error("%s", error);
    return false;
  }
  x = array_for(a, x, type.element);
  if (t->bounded) return take_rows(a, x, run, index, text);
  int64_t calls = calls_of(x, &type);
  if (!calls) {
    tool_error("%s holds %s, but input %s takes %s, or a multiple of its rows", text,
               array_text(a, x), t->name, type_text(a, &type));
  } else if (calls > 1 && run->calls > 1 && calls != run->calls) {
    tool_error("%s is good for %lld calls, an input before it for %lld", text, (long long)calls,
               (long long)run->calls);
  } else {
    if (calls > 1) run->calls = calls;
    in->array = x;
    in->stride = calls > 1 ? type_bytes(&type) : 0;
    return true;
  }
  return false;
}

/* ---- files for outputs ----------------------------------------------------------------------- */

/* How an output is written to a file, by its name; PICTURE_NONE: not at all. */
static picture_kind form_of(const char *path) {
  return file_has_suffix(path, ".npy")   ? PICTURE_ARRAY
         : file_has_suffix(path, ".csv") ? PICTURE_TABLE
         : file_has_suffix(path, ".png") ? PICTURE_GRID
                                         : PICTURE_NONE;
}

/* True where the output can be written so. */
static bool takes_form(arena *a, const dnn_tensor *output, const char *path) {
  tensor_type type = model_type(output);
  const char *text = type_text(a, &type);
  switch (form_of(path)) {
    case PICTURE_NONE:
      tool_error("%s: output %s is written as .npy, .csv or .png", path, output->name);
      return false;
    case PICTURE_TABLE:
      if (type.rank <= 2) return true;
      tool_error("%s: a table holds vectors and matrices, output %s is %s", path, output->name, text);
      return false;
    case PICTURE_GRID:
      if (type.rank == 2 || type.rank == 3 ||
          (type.rank == 4 && (output->extents[1] == 1 || output->extents[1] == 3)))
        return true;
      tool_error("%s: a picture shows images [h, w], [n, h, w], [n, 1, h, w] or [n, 3, h, w], output "
                 "%s is %s", path, output->name, text);
      return false;
    default: return true;
  }
}

static int find_tensor(const dnn_tensor *tensors, int count, const char *argument) {
  for (int i = 0; i < count; i++)
    if (is_named(argument, tensors[i].name)) return i;
  return -1;
}

static void print_names(const char *what, const dnn_tensor *tensors, int count) {
  fprintf(stderr, "    %s:", what);
  for (int i = 0; i < count; i++) fprintf(stderr, "%s %s", i ? "," : "", tensors[i].name);
  putc('\n', stderr);
}

static bool no_such_name(const dnn_entry *entry, const char *argument) {
  const char *equals = strchr(argument, '=');
  if (equals)
    tool_error("entry %s has no input or output named '%.*s'", entry->name, (int)(equals - argument), argument);
  else
    tool_error("'%s' is not of the form INPUT=FILE, INPUT=NUMBER or OUTPUT=FILE", argument);
  print_names("inputs", entry->inputs, entry->input_count);
  print_names("outputs", entry->outputs, entry->output_count);
  return false;
}

/* True where the name of an argument stands in one before it. */
static bool is_repeated(const options *o, int argument) {
  size_t length = strcspn(o->rest[argument], "=") + 1;
  for (int i = 1; i < argument; i++)
    if (strncmp(o->rest[i], o->rest[argument], length) == 0) return true;
  return false;
}

/* True where every argument is an input's or asks for an output in a form that it can take. */
static bool known_names(arena *a, const options *o, const dnn_entry *entry) {
  for (int i = 1; i < o->rest_count; i++) {
    const char *argument = o->rest[i];
    int output = find_tensor(entry->outputs, entry->output_count, argument);
    bool given = find_tensor(entry->inputs, entry->input_count, argument) >= 0;
    if (!given && output < 0) return no_such_name(entry, argument);
    if (is_repeated(o, i)) {
      tool_error("%.*s is given twice", (int)strcspn(argument, "="), argument);
      return false;
    }
    if (!given && !takes_form(a, &entry->outputs[output], strchr(argument, '=') + 1)) return false;
  }
  return true;
}

static bool write_file(arena *a, const entry_run *run, int output, const char *path) {
  const char *error = NULL;
  const run_picture form = {.kind = form_of(path), .outputs = &output, .output_count = 1};
  if (picture_write(a, &form, run->results, run->entry->name, path, &error)) return true;
  tool_error("%s", error);
  return false;
}

/* ---- the run --------------------------------------------------------------------------------- */

/* Numbers that the entry uses as indices or classes are such, where the model's text tells that it does. */
static bool check_use(arena *a, const options *o, const entry_run *run, int index, const index_use *use) {
  const char *name = run->entry->inputs[index].name;
  const given_input *in = &run->inputs[index];
  const dtype element = (dtype)run->entry->inputs[index].element;
  const tensor_type type = model_type(&run->entry->inputs[index]);
  const void *data = in->number ? in->number : in->array->data;
  const int64_t count = in->number ? 1 : array_elements(in->array);
  const index_region *used = NULL;
  int64_t at = 0;
  for (; (at = index_check(use, element, data, at, count)) < count; at++)
    if ((used = index_use_region(use, &type, at % type_elements(&type)))) break;
  if (!used) return true;
  tool_error("input %s of entry %s takes %lld to %lld, but element %lld of %s is %lld", name, run->entry->name,
             (long long)use->low, (long long)use->high, (long long)at, value_for(o, name),
             (long long)element_int(element, data, at));
  fprintf(stderr, "    each is the number of one of %lld, at %s\n", (long long)use->extent,
          diag_place(a, used->at));
  return false;
}

static bool check_indices(arena *a, const options *o, const entry_run *run, int index) {
  index_uses all = {0};
  if (run->graph) all = input_index_uses(a, run->graph, run->graph->inputs[index].node);
  bool good = true;
  for (int i = 0; i < all.count && good; i++) good = check_use(a, o, run, index, &all.uses[i]);
  return good;
}

static bool take_inputs(arena *a, const options *o, entry_run *run) {
  if (!known_names(a, o, run->entry)) return false;
  run->inputs = arena_array_of(a, run->entry->input_count, given_input);
  for (int i = 0; i < run->entry->input_count; i++)
    if (!take_input(a, o, run, i) || !check_indices(a, o, run, i)) return false;
  if (run->rows && run->calls > 1) {
    tool_error("an input without the bounded size of entry %s has rows for %lld calls",
               run->entry->name, (long long)run->calls);
    return false;
  }
  const int64_t bound = run->entry->bound;
  if (!run->rows) run->rows = bound * run->calls;
  if (bound) run->calls = (run->rows + bound - 1) / bound;
  return true;
}

/* Room for the outputs of all calls: those of a batch follow each other along the first axis,
 * scalars become a vector. */
static void make_results(arena *a, entry_run *run) {
  run->results = arena_array_of(a, run->entry->output_count, array);
  for (int i = 0; i < run->entry->output_count; i++) {
    const dnn_tensor *t = &run->entry->outputs[i];
    array *x = &run->results[i];
    *x = (array){.element = (dtype)t->element, .rank = t->rank, .path = t->name};
    for (int k = 0; k < t->rank; k++) x->extents[k] = t->extents[k];
    if (x->rank == 0 && run->calls > 1) {
      x->rank = 1;
      x->extents[0] = 1;
    }
    if (t->bounded) x->extents[0] = run->rows;
    else if (x->rank) x->extents[0] *= run->calls;
    x->data = arena_alloc(a, (size_t)array_bytes(x));
  }
}

/* The size that a call gives to bounded axes. */
static int64_t size_of(const entry_run *run, int64_t call) {
  const int64_t bound = run->entry->bound, left = run->rows - call * bound;
  return left < bound ? left : bound;
}

static bool call_all(arena *a, dnn_instance *instance, entry_run *run) {
  const void **inputs = arena_array_of(a, run->entry->input_count, const void *);
  void **outputs = arena_array_of(a, run->entry->output_count, void *);
  for (int64_t call = 0; call < run->calls; call++) {
    for (int i = 0; i < run->entry->input_count; i++) {
      const given_input *in = &run->inputs[i];
      inputs[i] = in->number ? in->number : (char *)in->array->data + call * in->stride;
    }
    for (int i = 0; i < run->entry->output_count; i++) {
      array *x = &run->results[i];
      const tensor_type type = model_type(&run->entry->outputs[i]);
      outputs[i] = (char *)x->data + call * type_bytes(&type);
    }
    if (!run->entry->writes) instance->context.step = (uint64_t)call;
    if (!model_call(instance, run->entry, size_of(run, call), inputs, outputs)) return false;
  }
  return true;
}

static void print_array(arena *a, const array *x) {
  int64_t elements = array_elements(x), row = x->rank ? x->extents[x->rank - 1] : 1;
  printf("%s: %s", x->path, array_text(a, x));
  for (int64_t i = 0; i < elements && i < MOST_PRINTED; i++) {
    fputs(i % row || x->rank == 0 ? " " : "\n    ", stdout);
    if (dtype_is_float(x->element)) printf("%.6g", element_real(x->element, x->data, i));
    else printf("%lld", (long long)element_int(x->element, x->data, i));
  }
  puts(elements > MOST_PRINTED ? " …" : "");
}

static bool write_results(arena *a, const options *o, const entry_run *run) {
  const char *error = NULL;
  for (int i = 0; i < run->entry->output_count; i++) {
    const array *x = &run->results[i];
    print_array(a, x);
    const char *file = is_input(run->entry, x->path) ? NULL : value_for(o, x->path);
    if (file && !write_file(a, run, i, file)) return false;
    if (!o->out) continue;
    const char *path = arena_printf(a, "%s/%s.npy", o->out, x->path);
    if (folder_make(a, o->out, &error) && npy_write(a, path, x, &error)) continue;
    tool_error("%s", error);
    return false;
  }
  return true;
}

static bool run_entry(arena *a, const dnn_model *model, const options *o, entry_run *run) {
  dnn_threads *threads = model_threads(a, o);
  dnn_instance instance = {0};
  const char *error = NULL;
  bool good = threads && model_start(a, &instance, model, threads, o->seed);
  if (good && o->map)
    good = weight_transfer_load(a, o->map, o->weights, &instance, "");
  else if (good && o->weights && !checkpoint_weights(a, o->weights, &instance, true, &error))
    good = tool_error("%s", error) == 0;
  good = good && call_all(a, &instance, run);
  dnn_instance_free(&instance);
  dnn_threads_free(threads);
  return good && write_results(a, o, run);
}

static bool no_entry(const dnn_model *model, const char *name) {
  tool_error("model %s has no entry %s; it has", model->name, name);
  for (int i = 0; i < model->entry_count; i++)
    fprintf(stderr, "    %s\n", model->entries[i].name);
  return false;
}

/* Before the model is compiled, which changes graphs. False with a message. */
static bool find_graph(arena *a, const options *o, entry_run *run) {
  if (model_is_library(o->file)) return true;
  diagnostics *d = diag_new(a);
  const program *p = model_elaborate(a, d, o, (elaborate_options){0});
  if (p) run->graph = program_entry(p, o->rest[0]);
  else tool_diagnostics(d);
  return p;
}

int command_run(arena *a, const options *o) {
  dnn_library library;
  entry_run run = {.calls = 1};
  if (!o->rest_count) return tool_wrong_use(o, "no entry was given");
  if (!find_graph(a, o, &run) || !model_open(a, o, &library)) return STATUS_ERROR;
  run.entry = dnn_find_entry(library.model, o->rest[0]);
  bool good = run.entry || no_entry(library.model, o->rest[0]);
  if (good && take_inputs(a, o, &run)) {
    make_results(a, &run);
    good = run_entry(a, library.model, o, &run);
  } else {
    good = false;
  }
  dnn_unload(&library);
  return good ? 0 : STATUS_ERROR;
}
