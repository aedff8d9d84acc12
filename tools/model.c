#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compile.h"
#include "source.h"

_Static_assert((int)DTYPE_BOOL == (int)DNN_BOOL && (int)DTYPE_U8 == (int)DNN_U8 &&
                   (int)DTYPE_I64 == (int)DNN_I64 && (int)DTYPE_F16 == (int)DNN_F16 &&
                   (int)DTYPE_F64 == (int)DNN_F64,
               "the compiler's element types are the interface's");

program *model_elaborate(arena *a, diagnostics *d, const options *o, elaborate_options how) {
  const source *text = source_read(a, d, o->file);
  if (!text) return NULL;
  how.definitions = o->definitions;
  how.definition_count = o->definition_count;
  return elaborate(a, d, text, &how);
}

/* Loads and removes the library: once loaded, the file's name is not needed. */
static bool load_and_remove(const char *folder, const char *path, dnn_library *library) {
  char message[DNN_MESSAGE_BYTES];
  bool loaded = dnn_load(library, path, message);
  if (!loaded) tool_error("%s", message);
  unlink(path);
  rmdir(folder);
  return loaded;
}

bool model_compile(arena *a, program *p, diagnostics *d, const options *o, dnn_library *library) {
  const char *parent = getenv("TMPDIR");
  char *folder = arena_printf(a, "%s/dnn-XXXXXX", parent && *parent ? parent : "/tmp");
  if (!mkdtemp(folder)) {
    tool_error("cannot make a folder like %s: %s", folder, strerror(errno));
    return false;
  }
  const char *path = arena_printf(a, "%s/model.so", folder);
  compile_options compile = {.target_cpu = "native", .cc = o->cc};
  if (compile_program(p, d, &compile, path)) return load_and_remove(folder, path, library);
  rmdir(folder);
  if (diag_count(d)) tool_diagnostics(d);
  else tool_error("%s could not be compiled", o->file);
  return false;
}

static bool is_library(const char *path) {
  size_t length = strlen(path);
  return length > 3 && strcmp(path + length - 3, ".so") == 0;
}

bool model_open(arena *a, const options *o, dnn_library *library) {
  if (is_library(o->file)) {
    char message[DNN_MESSAGE_BYTES];
    if (dnn_load(library, o->file, message)) return true;
    tool_error("%s", message);
    return false;
  }
  diagnostics *d = diag_new(a);
  program *p = model_elaborate(a, d, o, (elaborate_options){0});
  if (p) return model_compile(a, p, d, o, library);
  tool_diagnostics(d);
  return false;
}

tensor_type model_type(const dnn_tensor *t) {
  return type_of((dtype)t->element, t->rank, t->extents);
}

static bool status_ok(const char *what, int status) {
  if (status) tool_error("%s: %s", what, dnn_status_text(status));
  return !status;
}

bool model_start(dnn_instance *instance, const dnn_model *model, const dnn_threads *threads,
                 uint64_t seed) {
  if (!dnn_instance_init(instance, model, threads, seed)) {
    tool_error("out of memory for the model's %llu bytes",
               (unsigned long long)(model->parameter_bytes + model->constant_bytes +
                                    model->state_bytes + model->scratch_bytes));
    return false;
  }
  return status_ok("init", model->init(&instance->context)) &&
         status_ok("prepare", model->prepare(&instance->weights));
}

bool model_call(dnn_instance *instance, const dnn_entry *entry, const void *const *inputs,
                void *const *outputs) {
  return status_ok(entry->name, entry->call(&instance->context, inputs, outputs));
}

void **model_outputs(arena *a, const dnn_entry *entry) {
  void **outputs = arena_array_of(a, entry->output_count, void *);
  for (int i = 0; i < entry->output_count; i++) {
    tensor_type type = model_type(&entry->outputs[i]);
    outputs[i] = arena_alloc(a, (size_t)type_bytes(&type));
  }
  return outputs;
}
