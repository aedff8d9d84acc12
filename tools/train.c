#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"
#include "commands.h"
#include "data.h"
#include "file.h"
#include "metrics.h"
#include "model.h"
#include "trainer.h"
#include "weight_transfer.h"

static const char *result_folder(arena *a, const program *p, const char *task_name) {
  return arena_printf(a, "%s-%s", p->name, task_name);
}

/* A folder for the options' seed, where it is one of several. */
static const char *folder_of_seed(arena *a, const char *folder, const options *o) {
  return o->seed_count ? arena_printf(a, "%s/seed-%llu", folder, (unsigned long long)o->seed) : folder;
}

/* Weights to start from: those asked for, or the result of the task that this one follows; NULL: none. */
static const char *weights_of(arena *a, const program *p, const task *t, const options *o) {
  if (o->resume) return NULL;
  if (o->weights || !t->after) return o->weights;
  return arena_printf(a, "%s/checkpoint.safetensors", folder_of_seed(a, result_folder(a, p, t->after), o));
}

static bool no_weights(const task *t, const options *o, const char *error) {
  tool_error("%s", error);
  if (!o->weights)
    fprintf(stderr, "task %s starts from the result of task %s: train that first, or give "
                    "--weights\n",
            t->name, t->after);
  return false;
}

/* So that nothing is compiled in vain. */
static bool weights_are_there(arena *a, const program *p, const task *t, const options *o) {
  const char *path = weights_of(a, p, t, o);
  return !path || !access(path, R_OK) ||
         no_weights(t, o, arena_printf(a, "cannot read %s: %s", path, strerror(errno)));
}

static bool load_weights(arena *a, const plan *p, dnn_instance *instance, const options *o) {
  const char *path = weights_of(a, p->program, p->task, o), *error = NULL;
  if (path && o->map) return weight_transfer_load(a, o->map, path, instance, "");
  return !path || checkpoint_weights(a, path, instance, false, &error) || no_weights(p->task, o, error);
}

static bool has_checkpoint(arena *a, const char *folder) {
  return file_exists(arena_printf(a, "%s/checkpoint.safetensors", folder));
}

/* Whether --resume may begin in a folder without a checkpoint: where a training was ended before its first, or nothing
 * lies. */
static bool may_begin(arena *a, const char *folder) {
  return file_exists(arena_printf(a, "%s/lock", folder)) || !file_exists(folder) || folder_is_empty(folder);
}

static bool folder_is_free(arena *a, const char *folder, const options *o) {
  bool used = has_checkpoint(a, folder);
  if (used ? o->resume || o->overwrite : !o->resume || may_begin(a, folder)) return true;
  if (o->resume)
    tool_error("%s holds no checkpoint to go on from, but what is of no training; --out takes another folder", folder);
  else
    tool_error("%s holds a training: --resume goes on with it, --overwrite starts anew, --out "
               "takes another folder",
               folder);
  return false;
}

/* One training: the options with its seed, where it goes, and what came of it. */
typedef struct training {
  options options; /* without resume where there is nothing to go on from */
  const char *folder;
  final_metrics finals;
} training;

static training training_of(arena *a, const options *o, const char *base, const uint64_t *seed) {
  training t = {.options = *o};
  if (seed) t.options.seed = *seed;
  t.options.seed_given = seed || o->seed_given;
  t.folder = folder_of_seed(a, base, &t.options);
  t.options.resume = o->resume && has_checkpoint(a, t.folder);
  return t;
}

/* Those that the options ask for: one, or one for each seed. */
static training *trainings_of(arena *a, const options *o, const char *base, int *count) {
  training *list = NULL;
  *count = 0;
  for (int i = 0; i < o->seed_count || i < 1; i++) {
    training t = training_of(a, o, base, o->seed_count ? &o->seeds[i] : NULL);
    arena_push(a, list, *count) = t;
  }
  return list;
}

/* Holds the folder, which another training may have written to until now. */
static bool hold(arena *a, const options *o, training *t) {
  if (!train_hold_folder(a, t->folder)) return false;
  t->options.resume = o->resume && has_checkpoint(a, t->folder);
  if (o->resume && !t->options.resume) {
    printf("%s holds no checkpoint yet: the training begins\n", t->folder);
    fflush(stdout);
  }
  return true;
}

static int train_model(arena *a, const plan *p, const dnn_model *model, training *t) {
  const options *o = &t->options;
  dnn_threads *threads = model_threads(a, o);
  if (!threads) return STATUS_ERROR;
  dnn_instance instance;
  int status = STATUS_ERROR;
  if (model_start(a, &instance, model, threads, o->seed) && load_weights(a, p, &instance, o))
    status = train_plan(a, p, &instance, o, t->folder, &t->finals);
  dnn_instance_free(&instance);
  dnn_threads_free(threads);
  return status;
}

/* ---- several seeds --------------------------------------------------------------------------- */

/* What is not a number comes last. */
static int by_value(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
  return (a > b) - (a < b);
}

/* A metric over all trainings, which have the same ones. */
static void print_metric(arena *a, const training *trainings, int count, int metric) {
  double *values = arena_array_of(a, count, double);
  const final_metric *m = &trainings[0].finals.items[metric];
  printf("%s.%s:", m->run, m->name);
  for (int i = 0; i < count; i++) {
    values[i] = trainings[i].finals.items[metric].value;
    printf("%s %s", i ? "," : "", metric_text(a, values[i]));
  }
  qsort(values, (size_t)count, sizeof *values, by_value);
  double median = (values[(count - 1) / 2] + values[count / 2]) / 2;
  printf("; median %s, from %s to %s\n", metric_text(a, median), metric_text(a, values[0]),
         metric_text(a, values[count - 1]));
}

static void print_summary(arena *a, const training *trainings, int count) {
  printf("seeds");
  for (int i = 0; i < count; i++)
    printf("%s %llu", i ? "," : "", (unsigned long long)trainings[i].options.seed);
  printf("\n");
  for (int i = 0; i < trainings[0].finals.count; i++) print_metric(a, trainings, count, i);
}

/* One after the other; the first that does not reach its end is the last. */
static int train_all(arena *a, const plan *p, const dnn_model *model, training *trainings, int count,
                     bool seeds) {
  for (int i = 0; i < count; i++) {
    if (seeds)
      printf("seed %llu, into %s\n", (unsigned long long)trainings[i].options.seed,
             trainings[i].folder);
    int status = train_model(a, p, model, &trainings[i]);
    if (status) return status;
  }
  if (seeds) print_summary(a, trainings, count);
  return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* The program again, with a copy of each entry for its last, smaller batch, and with what entries minimize as
 * outputs, so that it is seen to be finite. */
static program *program_to_run(arena *a, diagnostics *d, plan *p, const options *o) {
  p->how.specialisations = plan_specialisations(a, p, &p->how.specialisation_count);
  p->how.objectives = true;
  program *compiled = model_elaborate(a, d, o, p->how);
  if (!compiled) return NULL;
  p->objectives = compiled->objectives;
  p->objective_count = compiled->objective_count;
  return compiled;
}

int command_train(arena *a, const options *o) {
  diagnostics *d = diag_new(a);
  const char *error = NULL;
  if (o->data && !data_path_check(a, o->data, &error)) return tool_error("%s", error);
  program *described = model_elaborate(a, d, o, (elaborate_options){0});
  if (!described) return tool_diagnostics(d);
  const task *t = plan_task(described, o->task);
  if (!t) return STATUS_ERROR;
  int count;
  training *trainings =
      trainings_of(a, o, o->out ? o->out : result_folder(a, described, t->name), &count);
  for (int i = 0; i < count; i++)
    if (!folder_is_free(a, trainings[i].folder, o) ||
        !weights_are_there(a, described, t, &trainings[i].options))
      return STATUS_ERROR;
  plan *p = plan_new(a, d, described, t, o);
  if (!p) return tool_diagnostics(d);
  for (int i = 0; i < count; i++)
    if (!hold(a, o, &trainings[i])) return STATUS_ERROR;
  program *compiled = program_to_run(a, d, p, o);
  if (!compiled) return tool_diagnostics(d);
  dnn_library library;
  if (!model_compile(a, compiled, d, o, &library)) return STATUS_ERROR;
  int status = train_all(a, p, library.model, trainings, count, o->seed_count > 0);
  dnn_unload(&library);
  return status;
}
