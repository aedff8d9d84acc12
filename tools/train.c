#include <stdio.h>
#include <string.h>

#include "checkpoint.h"
#include "commands.h"
#include "file.h"
#include "model.h"
#include "trainer.h"

static const char *result_folder(arena *a, const program *p, const char *task_name) {
  return arena_printf(a, "%s-%s", p->name, task_name);
}

/* Weights to start from: those asked for, or the result of the task that this one follows. */
static bool load_weights(arena *a, const plan *p, dnn_instance *instance, const options *o) {
  const char *path = o->weights, *error = NULL;
  if (!path && p->task->after)
    path = arena_printf(a, "%s/checkpoint.safetensors",
                        result_folder(a, p->program, p->task->after));
  if (!path || o->resume || checkpoint_weights(a, path, instance, false, &error)) return true;
  tool_error("%s", error);
  if (!o->weights)
    fprintf(stderr, "task %s starts from the result of task %s: train that first, or give "
                    "--weights\n",
            p->task->name, p->task->after);
  return false;
}

static bool folder_is_free(arena *a, const char *folder, const options *o) {
  bool used = file_exists(arena_printf(a, "%s/checkpoint.safetensors", folder));
  if (used == o->resume || (used && o->overwrite)) return true;
  if (o->resume) tool_error("%s holds no checkpoint to go on from", folder);
  else
    tool_error("%s holds a training: --resume goes on with it, --overwrite starts anew, --out "
               "takes another folder",
               folder);
  return false;
}

static int train_model(arena *a, const plan *p, const dnn_model *model, const options *o,
                       const char *folder) {
  dnn_threads *threads = model_threads(a, o);
  if (!threads) return STATUS_ERROR;
  dnn_instance instance;
  int status = STATUS_ERROR;
  if (model_start(a, &instance, model, threads, o->seed) && load_weights(a, p, &instance, o))
    status = train_plan(a, p, &instance, o, folder);
  dnn_instance_free(&instance);
  dnn_threads_free(threads);
  return status;
}

/* The program again, with a copy of each entry for its last, smaller batch. */
static program *with_remainders(arena *a, diagnostics *d, plan *p, const options *o) {
  p->how.specialisations = plan_specialisations(a, p, &p->how.specialisation_count);
  return model_elaborate(a, d, o, p->how);
}

int command_train(arena *a, const options *o) {
  diagnostics *d = diag_new(a);
  size_t length = strlen(o->file);
  if (length > 3 && strcmp(o->file + length - 3, ".so") == 0)
    return tool_error("%s: a shared library holds no task; give the .dnn file it was made of",
                      o->file);
  program *described = model_elaborate(a, d, o, (elaborate_options){0});
  if (!described) return tool_diagnostics(d);
  const task *t = plan_task(described, o->task);
  if (!t) return STATUS_ERROR;
  const char *folder = o->out ? o->out : result_folder(a, described, t->name);
  if (!folder_is_free(a, folder, o)) return STATUS_ERROR;
  plan *p = plan_new(a, d, described, t, o);
  if (!p) return tool_diagnostics(d);
  if (!train_hold_folder(a, folder)) return STATUS_ERROR;
  program *compiled = with_remainders(a, d, p, o);
  if (!compiled) return tool_diagnostics(d);
  dnn_library library;
  if (!model_compile(a, compiled, d, o, &library)) return STATUS_ERROR;
  int status = train_model(a, p, library.model, o, folder);
  dnn_unload(&library);
  return status;
}
