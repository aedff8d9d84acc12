#include "plan.h"

#include <stdio.h>
#include <string.h>

#include "fingerprint.h"

const task *plan_task(const program *p, const char *name) {
  for (int i = 0; i < p->task_count; i++)
    if (!name || strcmp(p->tasks[i].name, name) == 0) return &p->tasks[i];
  if (p->task_count == 0) tool_error("%s has no task", p->name);
  else tool_error("there is no task %s in %s", name, p->name);
  for (int i = 0; i < p->task_count; i++) fprintf(stderr, "    task %s\n", p->tasks[i].name);
  return NULL;
}

static bool is_phase(const task_run *run) { return run->epochs >= 0 || run->steps >= 0; }

static const task_stop *stop_of(const task *t, const task_run *phase) {
  for (int i = 0; i < t->stop_count; i++)
    if (t->runs + t->stops[i].phase == phase) return &t->stops[i];
  return NULL;
}

static bool is_attached(const task_run *run) {
  return run->every_epochs > 0 || run->every_steps > 0 || run->at_end;
}

/* What counts as an epoch where the phase has none of its own, or not a whole one. */
static int64_t lap_steps(const task *t, const task_run *run, int64_t steps) {
  int64_t least = 0;
  const task_run *r = run + 1, *end = t->runs + t->run_count;
  while (r < end && r->alternate) r++;
  for (; r < end && is_attached(r); r++)
    if (r->every_steps > 0 && (!least || r->every_steps < least)) least = r->every_steps;
  return least ? least : (steps + 99) / 100;
}

static bool check_batch(diagnostics *d, const feed *f) {
  if (!f->rows || feed_batches(f)) return true;
  diag_error(d, f->run->at, "the data has %lld rows, a batch of entry %s %lld", (long long)f->rows,
             f->run->entry, (long long)f->batch);
  return false;
}

/* The length of an epoch, which the first run with data gives, and of the phase. */
static void measure(diagnostics *d, const task *t, const options *o, stage *s) {
  const task_run *run = s->main->run;
  int64_t epochs = run->epochs >= 0 && o->epochs >= 0 ? o->epochs : run->epochs;
  const feed *fed = NULL;
  for (int i = 0; i < s->turn_count; i++) {
    if (!check_batch(d, s->turns[i])) return;
    if (!fed && s->turns[i]->rows) fed = s->turns[i];
  }
  s->epoch_steps = fed ? feed_batches(fed) / fed->run->times : lap_steps(t, run, run->steps);
  if (fed && epochs < 0 && s->epoch_steps > run->steps) s->epoch_steps = lap_steps(t, run, run->steps);
  if (s->epoch_steps < 1) s->epoch_steps = 1;
  if (epochs < 0) s->steps = run->steps;
  else if (__builtin_mul_overflow(epochs, s->epoch_steps, &s->steps))
    diag_error(d, run->at, "too many epochs: %lld", (long long)epochs);
}

/* The phase to which an attached run belongs; NULL where none stands before it. */
static stage *last_phase(const plan *p) {
  for (int i = p->stage_count; i-- > 0;)
    if (p->stages[i].main && !p->stages[i].pass) return &p->stages[i];
  return NULL;
}

static void add_run(arena *a, plan *p, feed *f) {
  stage *phase = is_attached(f->run) || f->run->alternate ? last_phase(p) : NULL;
  if (phase && f->run->alternate) {
    arena_push(a, phase->turns, phase->turn_count) = f;
  } else if (phase) {
    arena_push(a, phase->attached, phase->attached_count) = f;
  } else {
    arena_push(a, p->stages, p->stage_count) =
        (stage){.main = f, .pass = !is_phase(f->run), .stop = stop_of(p->task, f->run)};
    phase = &p->stages[p->stage_count - 1];
    if (is_phase(f->run)) arena_push(a, phase->turns, phase->turn_count) = f;
  }
  if (phase->stop && p->task->runs + phase->stop->run == f->run) phase->measure = f;
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* A metric of both, or NULL. */
static const char *common_metric(const feed *x, const feed *y) {
  for (int i = 0; i < x->entry->output_count; i++)
    for (int k = 0; k < y->entry->output_count; k++)
      if (!x->entry->outputs[i].node->type.rank && !y->entry->outputs[k].node->type.rank &&
          strcmp(x->entry->outputs[i].name, y->entry->outputs[k].name) == 0)
        return x->entry->outputs[i].name;
  return NULL;
}

/* Figures of a stage are found by label and metric: two runs of one label would take each other's place. */
static void check_label(arena *a, diagnostics *d, const feed *x, const feed *y) {
  const char *metric = strcmp(x->label, y->label) ? NULL : common_metric(x, y);
  if (!metric || feed_is_same(a, x, y)) return;
  diag_error(d, y->run->at, "the %s of this run would be `%s.%s` like that of the run at %s; give one of them a label: …",
             metric, y->label, metric, diag_place(a, x->run->at));
}

static void add_feeds(arena *a, const stage *s, const feed ***feeds, int *count) {
  if (s->pass && s->main) arena_push(a, *feeds, *count) = s->main;
  for (int i = 0; i < s->turn_count; i++) arena_push(a, *feeds, *count) = s->turns[i];
  for (int i = 0; i < s->attached_count; i++) arena_push(a, *feeds, *count) = s->attached[i];
}

const feed **plan_feeds(arena *a, const plan *p, int *count) {
  const feed **feeds = NULL;
  *count = 0;
  for (int i = 0; i < p->stage_count; i++) add_feeds(a, &p->stages[i], &feeds, count);
  return feeds;
}

static void check_labels(arena *a, diagnostics *d, const stage *s) {
  const feed **feeds = NULL;
  int count = 0;
  add_feeds(a, s, &feeds, &count);
  for (int i = 0; i < count; i++)
    for (int k = 0; k < i; k++) check_label(a, d, feeds[k], feeds[i]);
}

plan *plan_new(arena *a, diagnostics *d, const program *p, const task *t, const options *o) {
  int errors = diag_count(d);
  plan *result = arena_new_of(a, plan);
  *result = (plan){.program = p, .task = t};
  data_cache cache = {.path = data_path_new(a, o->data)};
  for (int i = 0; i < t->run_count; i++) {
    const task_run *run = &t->runs[i];
    feed *f = run->kind == TASK_RUN ? feed_new(a, d, &cache, p, t, run) : NULL;
    if (f) add_run(a, result, f);
    if (run->kind != TASK_RUN)
      arena_push(a, result->stages, result->stage_count) = (stage){.transfer = run, .pass = true};
  }
  result->made = cache.made;
  result->made_count = cache.made_count;
  for (int i = 0; i < result->stage_count && diag_count(d) == errors; i++)
    check_labels(a, d, &result->stages[i]);
  for (int i = 0; i < result->stage_count && diag_count(d) == errors; i++)
    if (result->stages[i].turn_count) measure(d, t, o, &result->stages[i]);
  if (diag_count(d) != errors) return NULL;
  result->data = fingerprint_text(a, &cache);
  return result;
}

static void add_specialisation(arena *a, const plan *p, const feed *f, specialisation **list,
                               int *count) {
  int64_t rows = feed_remainder(f);
  if (!rows) return;
  for (int i = 0; i < *count; i++)
    if (strcmp((*list)[i].entry, f->run->entry) == 0 && (*list)[i].value == rows) return;
  const char *constant = program_batch_constant(p->program, f->run->entry);
  if (constant) {
    arena_push(a, *list, *count) = (specialisation){f->run->entry, constant, rows};
  } else {
    tool_warning("entry %s leaves out the last %lld of %lld rows: give its batches a bounded size, "
                 "`entry %s[n <= %lld](…)`, or a constant", f->run->entry, (long long)rows,
                 (long long)f->rows, f->run->entry, (long long)f->batch);
  }
}

specialisation *plan_specialisations(arena *a, const plan *p, int *count) {
  specialisation *list = NULL;
  *count = 0;
  for (int i = 0; i < p->stage_count; i++) {
    const stage *s = &p->stages[i];
    if (s->pass && s->main) add_specialisation(a, p, s->main, &list, count);
    for (int k = 0; k < s->attached_count; k++)
      add_specialisation(a, p, s->attached[k], &list, count);
  }
  return list;
}

const char *plan_remainder_entry(arena *a, const feed *f) {
  return arena_printf(a, "%s_%lld", f->run->entry, (long long)feed_remainder(f));
}
