#include "trainer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "checkpoint.h"
#include "curves.h"
#include "file.h"
#include "fingerprint.h"
#include "generate.h"
#include "metrics.h"
#include "model.h"
#include "picture.h"
#include "progress.h"
#include "results.h"
#include "timer.h"
#include "watch.h"
#include "weight_transfer.h"

/* Seconds from one checkpoint to the next, and from one picture of the curves to the next, while epochs follow each
 * other faster. */
static const double save_interval = 0.2, draw_interval = 1;

/* A run with the code that it calls. */
typedef struct runner {
  feed *feed;
  const dnn_entry *entry, *remainder; /* remainder: for the last, smaller batch; or NULL */
  void **outputs;
  averages averages;
  results results;
  bool warned; /* that a result is not finite */
} runner;

typedef struct trainer {
  arena *arena;
  const plan *plan;
  dnn_instance *instance;
  const char *folder, *checkpoint, *metrics, *curves;
  const char *model_folder; /* of the model's file */
  training_place place;
  history history;
  progress progress;
  runner **runners; /* one per feed, made when first used */
  int runner_count;
  const char *line; /* results of the epoch's runs, for one printed line */
  watch *watch;
  bool saved;        /* there is a checkpoint of this training … */
  bool behind;       /* … which is of an earlier epoch than the last whole one */
  double saved_time; /* when it was written, and when the curves were drawn; 0: not by this process */
  double drawn_time;
} trainer;

/* Set by the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
  (void)number;
  interrupted = 1;
}

/* A signal that whoever started the process ignores, as nohup and a shell's & do, stays ignored. */
static void catch_signal(int number) {
  struct sigaction before, action = {.sa_handler = interrupt, .sa_flags = SA_RESETHAND | SA_RESTART};
  if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN) sigaction(number, &action, NULL);
}

static void catch_signals(void) {
  interrupted = 0;
  catch_signal(SIGINT);
  catch_signal(SIGTERM);
  catch_signal(SIGHUP);
}

static runner *runner_of(trainer *t, feed *f) {
  for (int i = 0; i < t->runner_count; i++)
    if (t->runners[i]->feed == f) return t->runners[i];
  const dnn_model *model = t->instance->model;
  runner *r = arena_new_of(t->arena, runner);
  *r = (runner){.feed = f, .entry = dnn_find_entry(model, f->run->entry)};
  if (!r->entry) internal_error("the compiled model has no entry %s", f->run->entry);
  if (feed_remainder(f))
    r->remainder = dnn_find_entry(model, plan_remainder_entry(t->arena, f));
  r->outputs = model_outputs(t->arena, r->entry);
  r->averages = averages_new(t->arena, r->entry, f->label, t->plan->objectives, t->plan->objective_count);
  r->results = results_new(t->arena, &f->run->picture, r->entry, r->remainder, f->batch,
                           f->rows, f->bounded);
  arena_push(t->arena, t->runners, t->runner_count) = r;
  return r;
}

static int64_t epoch_of(const stage *s, int64_t step) { return step / s->epoch_steps; }

static double epochs_done(const stage *s, int64_t step) {
  return (double)step / (double)s->epoch_steps;
}

/* One call of an entry on a batch. Entries that write nothing do not advance the step themselves:
 * it is the batch's number for them, so that every pass draws the same. */
static bool call(trainer *t, runner *r, const dnn_entry *entry, int64_t batch, feed_time time) {
  dnn_context *context = &t->instance->context;
  uint64_t step = context->step;
  const void *const *inputs = feed_batch(t->arena, r->feed, batch, time);
  watch_call(t->watch, r->feed, entry, batch, time);
  if (!entry->writes) context->step = (uint64_t)batch;
  bool called = model_call(t->instance, entry, feed_size(r->feed, batch), inputs, r->outputs);
  if (!entry->writes) context->step = step;
  return called;
}

/* The text with a value wherever it names a place for it. */
static const char *fill(arena *a, const char *text, const char *place, const char *filling) {
  const char *filled = "";
  for (const char *at; (at = strstr(text, place)); text = at + strlen(place))
    filled = arena_printf(a, "%s%.*s%s", filled, (int)(at - text), text, filling);
  return arena_printf(a, "%s%s", filled, text);
}

/* Where a run's picture goes; makes the folder. NULL with a message. */
static const char *picture_path(arena *a, const trainer *t, const runner *r, const stage *s,
                                const char **error) {
  double epoch = s ? epochs_done(s, t->place.step) : 0;
  const char *name = fill(a, r->feed->run->picture.to, "{entry}", r->feed->run->entry);
  name = fill(a, name, "{epoch}", arena_printf(a, "%g", epoch));
  name = fill(a, name, "{step}", arena_printf(a, "%lld", (long long)t->place.step));
  const char *path = arena_printf(a, "%s/%s", t->folder, name);
  const char *folder = arena_text_n(a, path, (size_t)(strrchr(path, '/') - path));
  return folder_make(a, folder, error) ? path : NULL;
}

static bool write_results(trainer *t, const runner *r, const stage *s) {
  const run_picture *p = &r->feed->run->picture;
  if (p->kind == PICTURE_NONE) return true;
  const char *error = NULL, *path = NULL;
  arena *a = arena_new();
  const char *title = arena_printf(a, "%s: %s", t->instance->model->name, r->feed->label);
  progress_clear(&t->progress);
  if (p->to) path = picture_path(a, t, r, s, &error);
  bool written = !error && picture_write(a, p, r->results.arrays, title, path, &error);
  if (!written) tool_error("%s", error);
  arena_free(a);
  return written;
}

/* "loss", or where the value that an output was added for stands in the model. */
static const char *output_text(const trainer *t, const runner *r, int output) {
  const objective *o = objective_find(r->entry, output, t->plan->objectives, t->plan->objective_count);
  return o && o->added ? arena_printf(t->arena, "the objective at %s", diag_place(t->arena, o->at))
                       : r->entry->outputs[output].name;
}

/* What is measured may be anything, but not unseen: one warning for each run. */
static void warn_not_finite(const trainer *t, runner *r, int64_t batch) {
  int output = r->warned ? -1 : averages_not_finite(&r->averages, r->outputs);
  if (output < 0) return;
  r->warned = true;
  progress_clear(&t->progress);
  tool_warning("%s of entry %s is not finite in call %lld of a pass after step %lld; the training goes on",
               output_text(t, r, output), r->entry->name, (long long)batch + 1, (long long)t->place.step);
}

/* A call of a pass, whose outputs are taken down. */
static bool call_in_pass(trainer *t, runner *r, const dnn_entry *entry, int64_t batch, feed_time time) {
  if (!call(t, r, entry, batch, time)) return false;
  warn_not_finite(t, r, batch);
  averages_add(&r->averages, r->outputs, feed_rows(r->feed, batch));
  results_add(&r->results, r->outputs, feed_rows(r->feed, batch), feed_size(r->feed, batch));
  return true;
}

/* A run over all of its rows, in order, the last smaller batch included. */
static bool run_pass(trainer *t, feed *f, const stage *s, feed_time time) {
  runner *r = runner_of(t, f);
  watch_renew(t->watch);
  int64_t batches = feed_batches(f);
  averages_clear(&r->averages);
  results_clear(&r->results);
  feed_begin_pass(f, t->instance->context.seed, time.epoch);
  for (int64_t i = 0; i < batches; i++)
    if (!call_in_pass(t, r, r->entry, i, time)) return false;
  if (r->remainder && !call_in_pass(t, r, r->remainder, batches, time)) return false;
  if (r->averages.count && r->averages.rows > 0) {
    history_add(&t->history, t->place.stage, s ? epochs_done(s, t->place.step) : 0, t->place.step,
                &r->averages);
    t->line = arena_printf(t->arena, "%s  %s: %s", t->line, f->label,
                           averages_text(t->arena, &r->averages));
  }
  return write_results(t, r, s);
}

static bool save_checkpoint(trainer *t) {
  const char *message = NULL;
  arena *a = arena_new();
  bool saved = checkpoint_write(t->checkpoint, t->instance, &t->place, a, &message);
  if (!saved) tool_error("%s", message);
  t->saved |= saved;
  arena_free(a);
  return saved;
}

static bool write_metrics(trainer *t) {
  const char *error = NULL;
  return history_write(&t->history, t->metrics, &error) || tool_error("%s", error) == 0;
}

static bool draw_curves(trainer *t) {
  const char *error = NULL;
  arena *a = arena_new();
  const char *title = arena_printf(a, "%s: %s", t->instance->model->name, t->place.task);
  bool drawn = curves_write(&t->history, title, t->curves, &error);
  if (!drawn) tool_error("%s", error);
  t->drawn_time = timer_seconds(TIMER_WALL);
  arena_free(a);
  return drawn;
}

/* Metrics, curves and, last, the checkpoint: what lies behind it is dropped on resuming. */
static bool save_with(trainer *t, bool curves) {
  t->behind = false;
  bool saved = write_metrics(t) && (!curves || draw_curves(t)) && save_checkpoint(t);
  t->saved_time = timer_seconds(TIMER_WALL);
  return saved;
}

static bool save(trainer *t) { return save_with(t, true); }

/* At the end of an epoch, which another may follow at once: what is left out, save does at the end of the phase or on an
 * interruption. Without it the training only goes on from an earlier epoch, to the same end. */
static bool save_in_passing(trainer *t) {
  double now = timer_seconds(TIMER_WALL);
  t->behind = t->saved_time > 0 && now - t->saved_time < save_interval;
  return t->behind || save_with(t, now - t->drawn_time >= draw_interval);
}

/* After a failure: the figures up to it, though the checkpoint is of an earlier epoch. */
static void save_figures(trainer *t) {
  if (t->behind && write_metrics(t)) draw_curves(t);
}

static void print_line(trainer *t, const char *start) {
  progress_clear(&t->progress);
  printf("%s%s\n", start, t->line);
  fflush(stdout);
  t->line = "";
}

typedef enum moment { AFTER_STEP, AFTER_EPOCH, AT_END } moment;

static bool is_due(const task_run *run, const stage *s, moment m, int64_t step) {
  switch (m) {
    case AFTER_STEP: return run->every_steps > 0 && step % run->every_steps == 0;
    case AFTER_EPOCH:
      return run->every_epochs > 0 && step % s->epoch_steps == 0 &&
             epoch_of(s, step) % run->every_epochs == 0;
    case AT_END: return run->at_end;
  }
  return false;
}

/* Whether the phase's stop(…) has waited long enough. */
static bool is_stopped(const trainer *t, const stage *s) {
  return s->stop && t->place.best.waited >= s->stop->patience;
}

/* Gives the phase's stop(…) what a run has just measured, where that is its metric. */
static void observe(trainer *t, const stage *s, const runner *r) {
  if (s->measure != r->feed) return;
  for (int i = 0; i < r->averages.count; i++)
    if (strcmp(r->averages.names[i], s->stop->metric) == 0)
      best_observe(t->arena, &t->place.best, s->stop->higher, t->instance,
                   averages_mean(&r->averages, i), t->place.step);
}

static bool run_attached(trainer *t, const stage *s, moment m, feed_time time) {
  for (int i = 0; i < s->attached_count; i++) {
    if (!is_due(s->attached[i]->run, s, m, t->place.step)) continue;
    if (!run_pass(t, s->attached[i], s, time)) return false;
    observe(t, s, runner_of(t, s->attached[i]));
  }
  return true;
}

static const char *kept_text(const trainer *t) {
  if (t->behind)
    return arena_printf(t->arena, "the checkpoint of %.2f s before is kept", timer_seconds(TIMER_WALL) - t->saved_time);
  return t->saved ? "the checkpoint of the last whole epoch is kept" : "no checkpoint was written yet";
}

static bool check_finite(const trainer *t, const stage *s, const runner *r, int64_t step) {
  int output = averages_not_finite(&r->averages, r->outputs);
  if (output < 0) return true;
  progress_clear(&t->progress);
  tool_error("%s of entry %s is not finite at step %lld (epoch %lld of the phase); %s",
             output_text(t, r, output), r->entry->name, (long long)step,
             (long long)epoch_of(s, step) + 1, kept_text(t));
  watch_explain_output(t->watch, output);
  return false;
}

/* Before a checkpoint takes the parameters over. */
static bool check_parameters(const trainer *t, const stage *s) {
  const dnn_slot *found = watch_parameters(t->watch);
  if (!found) return true;
  progress_clear(&t->progress);
  tool_error("parameter %s is not finite after step %lld (epoch %lld of the phase); %s",
             found->tensor.name, (long long)t->place.step - 1,
             (long long)epoch_of(s, t->place.step - 1) + 1, kept_text(t));
  watch_explain_slot(t->watch, found);
  return false;
}

static void show_progress(trainer *t, const stage *s, const runner *r) {
  if (!progress_due(&t->progress)) return;
  int64_t epoch = epoch_of(s, t->place.step - 1);
  arena *a = arena_new();
  progress_show(&t->progress,
                &(progress_state){.entry = r->entry->name,
                                  .metrics = averages_text(a, &r->averages),
                                  .epoch = epoch + 1,
                                  .epochs = epoch_of(s, s->steps - 1) + 1,
                                  .step = t->place.step - epoch * s->epoch_steps,
                                  .epoch_steps = s->epoch_steps,
                                  .done = t->place.step,
                                  .steps = s->steps,
                                  .rows = r->feed->batch});
  arena_free(a);
}

/* The calls of one run in a step. */
static bool take_turn(trainer *t, const stage *s, runner *r, feed_time time) {
  int64_t times = r->feed->run->times;
  for (int64_t i = 0, number = time.step * times; i < times; i++, number++) {
    if (!call(t, r, r->entry, number, time)) return false;
    if (!check_finite(t, s, r, time.step)) return false;
    averages_add(&r->averages, r->outputs, feed_rows(r->feed, number));
  }
  return true;
}

/* One step of a phase, in which each of its runs has a turn, with what follows after every so many. */
static bool train_step(trainer *t, const stage *s) {
  feed_time time = {t->place.step, epoch_of(s, t->place.step), s->steps};
  for (int i = 0; i < s->turn_count; i++)
    if (!take_turn(t, s, runner_of(t, s->turns[i]), time)) return false;
  t->place.step++;
  show_progress(t, s, runner_of(t, s->main));
  if (!run_attached(t, s, AFTER_STEP, time)) return false;
  if (*t->line)
    print_line(t, arena_printf(t->arena, "step %lld/%lld", (long long)t->place.step,
                               (long long)s->steps));
  return true;
}

/* The averages of a phase's runs as text, and back. */
static const char *sums_text(trainer *t, const stage *s) {
  const char *text = "";
  for (int i = 0; i < s->turn_count; i++)
    text = arena_printf(t->arena, "%s%s%s", text, i ? ";" : "",
                        averages_save(t->arena, &runner_of(t, s->turns[i])->averages));
  return text;
}

static bool restore_sums(trainer *t, const stage *s) {
  char *at = arena_text(t->arena, t->place.sums);
  for (int i = 0; i < s->turn_count; i++) {
    char *end = at ? strchr(at, ';') : NULL;
    if (end) *end++ = 0;
    if (!at || !averages_restore(&runner_of(t, s->turns[i])->averages, at)) return false;
    at = end;
  }
  return !at;
}

/* Takes down what a run of the phase has reported in the epoch that is over. */
static void report_turn(trainer *t, const stage *s, runner *r) {
  history_add(&t->history, t->place.stage, epochs_done(s, t->place.step), t->place.step,
              &r->averages);
  observe(t, s, r);
  t->line = arena_printf(t->arena, "%s  %s: %s", t->line, r->feed->label,
                         averages_text(t->arena, &r->averages));
  averages_clear(&r->averages);
}

static bool end_epoch(trainer *t, const stage *s, double start) {
  if (!check_parameters(t, s)) return false;
  feed_time time = {t->place.step - 1, epoch_of(s, t->place.step - 1), s->steps};
  t->place.epoch = epoch_of(s, t->place.step);
  for (int i = 0; i < s->turn_count; i++) report_turn(t, s, runner_of(t, s->turns[i]));
  t->place.sums = sums_text(t, s);
  if (!run_attached(t, s, AFTER_EPOCH, time)) return false;
  t->line = arena_printf(t->arena, "%s  (%.1f s)", t->line, timer_seconds(TIMER_WALL) - start);
  print_line(t, arena_printf(t->arena, "epoch %lld/%lld", (long long)time.epoch + 1,
                             (long long)epoch_of(s, s->steps - 1) + 1));
  return save_in_passing(t);
}

/* Steps up to the next end of an epoch. A stop ends it early, and so does an interruption, with a
 * checkpoint. */
static bool train_epoch(trainer *t, const stage *s) {
  double start = timer_seconds(TIMER_WALL);
  int64_t epoch = epoch_of(s, t->place.step), end = (epoch + 1) * s->epoch_steps;
  watch_renew(t->watch);
  if (end > s->steps) end = s->steps;
  while (t->place.step < end && !interrupted && !is_stopped(t, s))
    if (!train_step(t, s)) return false;
  if (t->place.step == end || is_stopped(t, s)) return end_epoch(t, s, start);
  t->place.sums = sums_text(t, s);
  return save(t);
}

/* Where no measurement was a number. */
static void say_nothing_was_best(const trainer *t, const stage *s) {
  if (!t->place.best.waited) return; /* there was none */
  progress_clear(&t->progress);
  printf("%s: %s.%s was not a number in any of %lld measurements; there is no best state to go back to\n",
         is_stopped(t, s) ? "stopped" : "at the end", s->measure->label, s->stop->metric,
         (long long)t->place.best.waited);
  fflush(stdout);
}

/* Goes back to the best state that the phase's stop(…) has seen. */
static bool take_best(trainer *t, const stage *s) {
  const best_state *b = &t->place.best;
  if (!b->found) say_nothing_was_best(t, s);
  if (!b->slots) return true;
  best_restore(&t->place.best, t->instance);
  const bool prepared = model_prepare(t->instance);
  progress_clear(&t->progress);
  printf("%s: back to epoch %g, where %s.%s was %s, its %s\n",
         is_stopped(t, s) ? "stopped" : "at the end", epochs_done(s, b->step), s->measure->label,
         s->stop->metric, metric_text(t->arena, b->value), s->stop->higher ? "highest" : "lowest");
  fflush(stdout);
  return prepared;
}

static bool close_stage(trainer *t, const stage *s) {
  if (s->stop && !take_best(t, s)) return false;
  feed_time time = {t->place.step, epoch_of(s, t->place.step), s->steps};
  if (!run_attached(t, s, AT_END, time)) return false;
  t->place.closed = true;
  if (*t->line) print_line(t, "at the end");
  return save(t);
}

static bool run_phase(trainer *t, const stage *s) {
  if (*t->place.sums && !restore_sums(t, s)) {
    tool_error("%s: its averages are not those of entry %s", t->checkpoint, s->main->run->entry);
    return false;
  }
  for (int i = 0; i < s->turn_count; i++)
    feed_begin_phase(s->turns[i], t->instance->context.seed,
                     (uint64_t)t->place.stage + 1 + ((uint64_t)i << 20));
  t->place.closed = false;
  t->progress = progress_new(t->place.step);
  while (t->place.step < s->steps && !interrupted && !is_stopped(t, s))
    if (!train_epoch(t, s)) return false;
  return interrupted || close_stage(t, s);
}

/* A file beside the model's. */
static const char *beside_model(const trainer *t, const char *file) {
  return *file == '/' ? file : arena_printf(t->arena, "%s%s", t->model_folder, file);
}

/* What is loaded lies in the training's folder or beside the model's file. */
static bool run_load(trainer *t, const task_run *run) {
  const char *error = NULL, *path = arena_printf(t->arena, "%s/%s", t->folder, run->file);
  if (*run->file == '/' || !file_exists(path)) path = beside_model(t, run->file);
  if (run->map)
    return weight_transfer_load(t->arena, beside_model(t, run->map), path, t->instance, run->instance);
  return checkpoint_load(t->arena, path, t->instance, run->instance, &error) ||
         tool_error("%s", error) == 0;
}

static bool run_save(trainer *t, const task_run *run) {
  const char *error = NULL, *path = arena_printf(t->arena, "%s/%s", t->folder, run->file);
  const char *folder = arena_text_n(t->arena, path, (size_t)(strrchr(path, '/') - path));
  if (!folder_make(t->arena, folder, &error)) return tool_error("%s", error) == 0;
  if (run->map)
    return weight_transfer_save(t->arena, beside_model(t, run->map), path, t->instance, run->instance);
  return checkpoint_save(t->arena, path, t->instance, run->instance, &error) ||
         tool_error("%s", error) == 0;
}

static bool run_transfer(trainer *t, const stage *s) {
  const task_run *run = s->transfer;
  if (!(run->kind == TASK_LOAD ? run_load(t, run) : run_save(t, run))) return false;
  t->place.closed = true;
  return save(t);
}

static bool run_single_pass(trainer *t, const stage *s) {
  if (!run_pass(t, s->main, NULL, (feed_time){0, 0, 1})) return false;
  t->place.closed = true;
  if (*t->line) print_line(t, "once");
  return save(t);
}

/* A stage that is done and that the options have not made longer. */
static bool is_done(const trainer *t, const stage *s) {
  return t->place.closed && (s->pass || t->place.step >= s->steps || is_stopped(t, s));
}

static bool run_stage(trainer *t, const stage *s) {
  if (s->transfer) return run_transfer(t, s);
  return s->pass ? run_single_pass(t, s) : run_phase(t, s);
}

static bool run_stages(trainer *t) {
  for (; t->place.stage < t->plan->stage_count && !interrupted; t->place.stage++) {
    const stage *s = &t->plan->stages[t->place.stage];
    if (!is_done(t, s) && !run_stage(t, s)) return false;
    if (interrupted) return true;
    if (t->place.stage + 1 < t->plan->stage_count)
      t->place = (training_place){.task = t->place.task, .definitions = t->place.definitions,
                                  .data = t->place.data, .stage = t->place.stage, .sums = ""};
  }
  return true;
}

static const char *definitions_text(const trainer *t, const char *definitions) {
  return *definitions ? arena_printf(t->arena, "with %s", definitions) : "without -D";
}

/* Other constants make another program. */
static bool same_definitions(trainer *t, const char *given) {
  const char *before = t->place.definitions;
  t->place.definitions = given;
  return !before || strcmp(before, given) == 0 ||
         tool_error("%s is of a training %s, this one is %s; give the same, or train into another folder (--out)",
                    t->checkpoint, definitions_text(t, before), definitions_text(t, given)) == 0;
}

/* With other data the training would be neither the one that was begun nor one of its own. */
static bool same_data(trainer *t) {
  const char *before = t->place.data;
  t->place.data = t->plan->data;
  const char *difference = before ? fingerprint_difference(t->arena, before, t->plan->data) : NULL;
  return !difference ||
         tool_error("the data has changed since %s was written: %s; --overwrite starts anew with it, or give the data "
                    "of then (--data)", t->checkpoint, difference) == 0;
}

static bool resume(trainer *t, bool seed_given) {
  const char *error = NULL, *task_name = t->place.task, *definitions = t->place.definitions;
  uint64_t seed = t->instance->context.seed;
  if (!checkpoint_resume(t->arena, t->checkpoint, t->instance, &t->place, &error) ||
      !history_read(&t->history, t->metrics, t->place.stage, t->place.step, &error)) {
    tool_error("%s", error);
  } else if (strcmp(t->place.task, task_name)) {
    tool_error("%s is of task %s, not %s", t->checkpoint, t->place.task, task_name);
  } else if (seed_given && seed != t->instance->context.seed) {
    tool_error("%s has seed %llu, not %llu", t->checkpoint,
               (unsigned long long)t->instance->context.seed, (unsigned long long)seed);
  } else if (t->place.stage >= t->plan->stage_count) {
    tool_error("%s stands at run %d of the task, which has %d", t->checkpoint, t->place.stage + 1,
               t->plan->stage_count);
  } else {
    return same_definitions(t, definitions) && same_data(t);
  }
  return false;
}

/* So that nobody goes on with the training that this one overwrites. */
static bool forget_earlier(const trainer *t) {
  const char *const files[] = {t->checkpoint, t->metrics, t->curves};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (unlink(files[i]) && errno != ENOENT)
      return tool_error("cannot remove %s: %s", files[i], strerror(errno)) == 0;
  return true;
}

/* "models/", or "" for a file without a folder. */
static const char *folder_of(arena *a, const char *path) {
  const char *slash = path ? strrchr(path, '/') : NULL;
  return slash ? arena_text_n(a, path, (size_t)(slash - path) + 1) : "";
}

int train_plan(arena *a, const plan *p, dnn_instance *instance, const options *o,
               const char *folder, final_metrics *finals) {
  trainer t = {.arena = a,
               .plan = p,
               .instance = instance,
               .folder = folder,
               .model_folder = folder_of(a, o->file),
               .checkpoint = arena_printf(a, "%s/checkpoint.safetensors", folder),
               .metrics = arena_printf(a, "%s/metrics.csv", folder),
               .curves = arena_printf(a, "%s/curves.png", folder),
               .place = {.task = p->task->name, .definitions = options_definitions(a, o), .data = p->data, .sums = ""},
               .history = {.arena = a},
               .line = ""};
  t.watch = watch_new(a, o, p->how, instance);
  if (o->resume && !resume(&t, o->seed_given)) return STATUS_ERROR;
  t.saved = o->resume;
  if (!generate_data(p, instance)) return STATUS_ERROR;
  if (!o->resume && !forget_earlier(&t)) return STATUS_ERROR;
  catch_signals();
  if (!run_stages(&t)) {
    save_figures(&t);
    return STATUS_ERROR;
  }
  if (interrupted) {
    if (t.behind && !save(&t)) return STATUS_ERROR;
    progress_clear(&t.progress);
    fprintf(stderr, "dnn: interrupted at step %lld; --resume goes on\n", (long long)t.place.step);
    return STATUS_INTERRUPTED;
  }
  *finals = final_metrics_of(a, p, instance->model, &t.history);
  final_metrics_print(a, finals);
  return 0;
}

bool train_hold_folder(arena *a, const char *folder) {
  const char *error = NULL, *path = arena_printf(a, "%s/lock", folder);
  if (!folder_make(a, folder, &error)) {
    tool_error("%s", error);
    return false;
  }
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666); /* held until the process ends */
  if (file < 0) {
    tool_error("cannot write %s: %s", path, strerror(errno));
  } else if (flock(file, LOCK_EX | LOCK_NB)) {
    if (errno == EWOULDBLOCK)
      tool_error("another training writes to %s; choose another --out", folder);
    else
      tool_error("cannot lock %s: %s", path, strerror(errno));
    close(file);
  } else {
    folder_clean(a, folder);
    return true;
  }
  return false;
}
