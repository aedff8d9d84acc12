#include "model.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile.h"
#include "file.h"
#include "source.h"

_Static_assert((int)DTYPE_BOOL == (int)DNN_BOOL && (int)DTYPE_U8 == (int)DNN_U8 &&
                   (int)DTYPE_I64 == (int)DNN_I64 && (int)DTYPE_F16 == (int)DNN_F16 &&
                   (int)DTYPE_F64 == (int)DNN_F64,
               "the compiler's element types are the interface's");

bool model_is_library(const char *path) {
  char start[SELFMAG] = "";
  struct stat status;
  if (stat(path, &status) || !S_ISREG(status.st_mode)) return false;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool is = read(file, start, SELFMAG) == SELFMAG && memcmp(start, ELFMAG, SELFMAG) == 0;
  close(file);
  return is;
}

/* False with a diagnostic where a file is there and is no text of a model, as it seems. */
static bool is_text(diagnostics *d, const char *path) {
  const location nowhere = {0};
  if (model_is_library(path))
    diag_error(d, nowhere, "%s is a shared library; this needs the .dnn file that it was made of", path);
  else if (file_exists(path) && !file_has_suffix(path, ".dnn"))
    diag_error(d, nowhere, "%s is neither a shared library made by dnnc nor a model's text (.dnn)", path);
  else
    return true;
  return false;
}

program *model_elaborate(arena *a, diagnostics *d, const options *o, elaborate_options how) {
  const source *text = is_text(d, o->file) ? source_read(a, d, o->file) : NULL;
  if (!text) return NULL;
  how.definitions = o->definitions;
  how.definition_count = o->definition_count;
  return elaborate(a, d, text, &how);
}

typedef struct loading {
  arena *arena;
  dnn_library *library;
} loading;

static bool load(void *context, const char *path) {
  loading *l = context;
  char message[DNN_MESSAGE_BYTES];
  if (dnn_load(l->library, path, message)) return true;
  if (errno == ENOMEM) arena_exhausted(l->arena, 0);
  tool_error("%s", message);
  return false;
}

bool model_compile_module(arena *a, program *p, diagnostics *d, const options *o, bool observed,
                          dnn_library *library, const module **m) {
  const char *folder = getenv("TMPDIR");
  tuning *measured = o->tune ? tuning_read(p->arena, d, o->tune) : NULL;
  compile_options compile = {.target_cpu = "native", .cc = o->cc, .renamed = true, .observed = observed,
                             .tuning = measured};
  *m = o->tune && !measured ? NULL : compile_module(p, d, &compile);
  const char *note = *m && measured ? tuning_note(p->arena, measured) : NULL;
  if (note) tool_warning("%s: %s", o->tune, note);
  bool good = *m && compile_library(p->arena, *m, d, &compile, folder && *folder ? folder : "/tmp",
                                    load, &(loading){a, library});
  if (!good) tool_diagnostics(d);
  return good;
}

bool model_compile(arena *a, program *p, diagnostics *d, const options *o, dnn_library *library) {
  const module *unused;
  return model_compile_module(a, p, d, o, false, library, &unused);
}

/* NULL with a message printed. */
static program *program_of(arena *a, diagnostics *d, const options *o) {
  program *p = model_elaborate(a, d, o, (elaborate_options){0});
  if (!p) tool_diagnostics(d);
  return p;
}

bool model_open(arena *a, const options *o, dnn_library *library) {
  if (model_is_library(o->file)) return load(&(loading){a, library}, o->file);
  diagnostics *d = diag_new(a);
  program *p = program_of(a, d, o);
  return p && model_compile(a, p, d, o, library);
}

const module *model_build(arena *a, const options *o) {
  diagnostics *d = diag_new(a);
  program *p = program_of(a, d, o);
  const module *m = p ? compile_module(p, d, &(compile_options){.target_cpu = "native", .renamed = true}) : NULL;
  if (p && !m) tool_diagnostics(d);
  return m;
}

tensor_type model_type(const dnn_tensor *t) {
  return type_of((dtype)t->element, t->rank, t->extents);
}

bool model_is_of_entry(const dnn_model *model, const dnn_slot *s) {
  size_t length = strcspn(s->tensor.name, ".[");
  for (int i = 0; i < model->entry_count && !s->trained; i++) {
    const char *entry = model->entries[i].name;
    if (!strncmp(entry, s->tensor.name, length) && (!entry[length] || entry[length] == '_')) return true;
  }
  return false;
}

static bool status_ok(const char *what, int status) {
  if (status) tool_error("%s: %s", what, dnn_status_text(status));
  return !status;
}

dnn_threads *model_threads(arena *a, const options *o) {
  dnn_threads *threads = dnn_threads_new(o->threads);
  if (!threads && errno == ENOMEM) arena_exhausted(a, 0);
  if (!threads) tool_error("cannot start threads: %s", strerror(errno));
  return threads;
}

bool model_start(arena *a, dnn_instance *instance, const dnn_model *model,
                 const dnn_threads *threads, uint64_t seed) {
  if (!dnn_instance_init(instance, model, threads, seed))
    arena_exhausted(a, model->parameter_bytes + model->constant_bytes + model->state_bytes +
                           model->scratch_bytes);
  return status_ok("init", model->init(&instance->context)) &&
         status_ok("prepare", model->prepare(&instance->weights));
}

bool model_prepare(dnn_instance *instance) {
  instance->weights.generation++;
  return status_ok("prepare", instance->model->prepare(&instance->weights));
}

bool model_call(dnn_instance *instance, const dnn_entry *entry, int64_t size,
                const void *const *inputs, void *const *outputs) {
  int status = entry->call(&instance->context, size, inputs, outputs);
  if (status == DNN_STALE) {
    if (!status_ok("prepare", instance->model->prepare(&instance->weights))) return false;
    status = entry->call(&instance->context, size, inputs, outputs);
  }
  if (status != DNN_ENDLESS || !entry->endless) return status_ok(entry->name, status);
  tool_error("%s: %s: %s; let its condition bound their number too",
             entry->endless, entry->name, dnn_status_text(status));
  return false;
}

void **model_outputs(arena *a, const dnn_entry *entry) {
  void **outputs = arena_array_of(a, entry->output_count, void *);
  for (int i = 0; i < entry->output_count; i++) {
    tensor_type type = model_type(&entry->outputs[i]);
    outputs[i] = arena_alloc(a, (size_t)type_bytes(&type));
  }
  return outputs;
}
