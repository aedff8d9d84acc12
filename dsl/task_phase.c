#include "task_phase.h"

#include <string.h>

#include "expression.h"
#include "slots.h"
#include "task_run.h"

/* --- stop ----------------------------------------------------------------------------------- */

static const char *name_of(const task_run *run) { return run->label ? run->label : run->entry; }

static bool is_metric(const graph_value *output) { return output->node && !output->node->type.rank; }

/* The last phase of the task so far, or -1. */
static int last_phase(const task *t) {
  for (int i = t->run_count; i-- > 0;)
    if (t->runs[i].kind == TASK_RUN && task_is_phase(&t->runs[i])) return i;
  return -1;
}

/* Whether a run measures while the phase is under way. */
static bool measures(const task_run *run) {
  return run->kind == TASK_RUN &&
         (task_is_phase(run) || run->alternate || run->every_epochs >= 0 || run->every_steps >= 0);
}

/* Finds "evaluate.loss" among what the phase's runs report. */
static void find_metric(elaborator *e, const ast *at, const char *text, task_stop *s) {
  const task *t = e->task;
  const char **known = NULL;
  int count = 0, found = 0;
  bool failed = false; /* an entry, which is said: it may have been meant */
  for (int i = s->phase; i < t->run_count; i++) {
    const graph *g = measures(&t->runs[i]) ? program_entry(e->program, t->runs[i].entry) : NULL;
    failed = failed || (g && !g->output_count && diag_count(e->diagnostics));
    for (int k = 0; g && k < g->output_count; k++) {
      if (!is_metric(&g->outputs[k])) continue;
      const char *metric = g->outputs[k].name;
      const char *name = arena_printf(e->arena, "%s.%s", name_of(&t->runs[i]), metric);
      arena_push(e->arena, known, count) = name;
      if (strcmp(name, text)) continue;
      s->run = i;
      s->metric = metric;
      found++;
    }
  }
  if (!found && failed) s->metric = text;
  else if (!found) {
    elaborator_unknown(e, at->at, "metric of this phase named", text, known, count);
    for (int i = 0; i < count; i++) diag_note(e->diagnostics, "    it has %s", known[i]);
  }
  if (found > 1)
    elaborator_error(e, at->at, "%d runs of this phase have a metric \"%s\"; give one of them a "
                     "name, as in run(…, label: \"valid\")", found, text);
}

static void set_metric(elaborator *e, const ast *n, task_stop *s) {
  value v = expression_value(e, n->value);
  if (s->metric)
    elaborator_error(e, n->at, "one metric decides: without_lower or without_higher");
  else if (value_is(v, VALUE_TEXT)) find_metric(e, n, v.text, s);
  else if (!value_is_poison(v))
    elaborator_error(e, n->at, "`%s` is the name of a metric, as in \"evaluate.loss\"", n->name);
  s->higher = !strcmp(n->name, "without_higher");
}

static void set_patience(elaborator *e, const ast *n, task_stop *s) {
  value v = expression_value(e, n->value);
  if (elaborator_integer(e, n->at, v, n->name, &s->patience) && s->patience < 1)
    elaborator_error(e, n->at, "`patience` is at least 1, not %lld", (long long)s->patience);
}

static void set_stop(elaborator *e, const ast *n, task_stop *s) {
  static const char *const names[] = {"patience", "without_lower", "without_higher"};
  if (n->kind != AST_NAMED)
    elaborator_error(e, n->at, "stop is written as in stop(patience: 5, without_lower: "
                     "\"evaluate.loss\")");
  else if (!strcmp(n->name, names[0])) set_patience(e, n, s);
  else if (!strcmp(n->name, names[1]) || !strcmp(n->name, names[2])) set_metric(e, n, s);
  else elaborator_unknown(e, n->at, "option of stop named", n->name, names, 3);
}

value task_stop_call(elaborator *e, const ast *n) {
  task *t = e->task;
  task_stop s = {.phase = last_phase(t), .at = n->at};
  int errors = diag_count(e->diagnostics);
  if (s.phase < 0)
    return elaborator_error(e, n->at, "no phase stands before this stop: a run with epochs or steps");
  for (int i = 0; i < t->stop_count; i++)
    if (t->stops[i].phase == s.phase)
      return elaborator_error(e, n->at, "this phase has a stop already, at %s",
                              diag_place(e->arena, t->stops[i].at));
  for (int i = 0; i < n->items.count; i++) set_stop(e, n->items.items[i], &s);
  if (diag_count(e->diagnostics) != errors) return (value){0};
  if (!s.patience || !s.metric)
    return elaborator_error(e, n->at, "stop is written as in stop(patience: 5, without_lower: "
                            "\"evaluate.loss\")");
  arena_push(e->arena, t->stops, t->stop_count) = s;
  return value_none();
}

/* --- load and save -------------------------------------------------------------------------- */

static bool owns_slots(const instance *i) {
  bool owns = i->slot_count > 0;
  for (int k = 0; k < i->child_count && !owns; k++) owns = owns_slots(i->children[k]);
  return owns;
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length > end_length && !strcmp(text + length - end_length, end);
}

/* A file that save may write: in the folder of the training, and not the training's own. */
static bool may_write(const char *file) {
  return strcmp(file, "checkpoint.safetensors") && *file != '/' && !strstr(file, "..");
}

/* map: "net.map", the last of three; NULL with an error. */
static const char *map_of(elaborator *e, const ast *n) {
  static const char *const names[] = {"map"};
  if (strcmp(n->name, names[0])) {
    elaborator_unknown(e, n->at, "option of load and save named", n->name, names, 1);
    return NULL;
  }
  value file = expression_value(e, n->value);
  if (value_is(file, VALUE_TEXT)) return file.text;
  if (!value_is_poison(file))
    elaborator_error(e, n->at, "`map` is the name of a file, a text, not %s", value_words(e->arena, file));
  return NULL;
}

static value transfer(elaborator *e, const ast *n, task_run_kind kind) {
  const char *name = n->base->name;
  task_run run = {.kind = kind, .epochs = -1, .steps = -1, .every_epochs = -1, .every_steps = -1,
                  .at = n->at};
  bool mapped = n->items.count == 3 && n->items.items[2]->kind == AST_NAMED;
  bool two = n->items.count == 2 + mapped && n->items.items[0]->kind != AST_NAMED;
  if (mapped && !(run.map = map_of(e, n->items.items[2]))) return (value){0};
  value net = two ? expression_value(e, n->items.items[0]) : value_none();
  value file = two ? expression_value(e, n->items.items[1]) : value_none();
  if (value_is_poison(net) || value_is_poison(file)) return (value){0};
  if (!value_is(net, VALUE_INSTANCE) || !value_is(file, VALUE_TEXT))
    return elaborator_error(e, n->at, "%s takes an instance and a file, as in %s(net, "
                            "\"net.safetensors\")", name, name);
  if (!owns_slots(net.instance))
    return elaborator_error(e, n->at, "%s owns no parameters or states",
                            value_words(e->arena, net));
  if (!ends_with(file.text, ".safetensors"))
    return elaborator_error(e, n->at, "the file's name ends in .safetensors, unlike \"%s\"",
                            file.text);
  if (kind == TASK_SAVE && !may_write(file.text))
    return elaborator_error(e, n->at, "save writes a file of its own in the folder of the training, "
                            "not \"%s\"", file.text);
  run.instance = net.instance->path;
  run.file = file.text;
  arena_push(e->arena, e->task->runs, e->task->run_count) = run;
  return value_none();
}

value task_load_call(elaborator *e, const ast *n) { return transfer(e, n, TASK_LOAD); }

value task_save_call(elaborator *e, const ast *n) { return transfer(e, n, TASK_SAVE); }
