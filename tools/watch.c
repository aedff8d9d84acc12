#include "watch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint.h"
#include "element.h"
#include "origin.h"
#include "replay.h"
#include "snapshot.h"
#include "timer.h"

enum { MOST_CALLS = 4096 };
static const double interval = 2, most_of_time = 0.01;

/* A call as it can be repeated. */
typedef struct noted_call {
  feed *feed;
  const dnn_entry *entry;
  int64_t batch;
  feed_time time;
} noted_call;

struct watch {
  arena *arena;
  const options *options;
  elaborate_options how;
  dnn_instance *instance;
  snapshot kept;
  double time;       /* when it was taken */
  double wait;       /* seconds until the next snapshot */
  bool due;
  noted_call *calls; /* since the snapshot */
  int count;
};

watch *watch_new(arena *a, const options *o, elaborate_options how, dnn_instance *instance) {
  watch *w = arena_new_of(a, watch);
  *w = (watch){.arena = a, .options = o, .how = how, .instance = instance, .due = true};
  w->kept = snapshot_new(a, instance);
  w->calls = arena_array_of(a, MOST_CALLS, noted_call);
  return w;
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static void take(watch *w, double now) {
  snapshot_take(&w->kept, w->instance);
  w->time = now;
  w->wait = fmax(interval, (timer_seconds(TIMER_WALL) - now) / most_of_time);
  w->due = false;
  w->count = 0;
}

void watch_call(watch *w, feed *f, const dnn_entry *entry, int64_t batch, feed_time time) {
  double now = timer_seconds(TIMER_WALL);
  if (w->due || w->count == MOST_CALLS || now - w->time > w->wait) take(w, now);
  bool replaced = w->count > 0 && !w->calls[w->count - 1].entry->writes; /* it left no trace */
  w->calls[w->count - replaced] = (noted_call){f, entry, batch, time};
  w->count += !replaced;
}

void watch_renew(watch *w) { w->due = true; }

const dnn_slot *watch_parameters(const watch *w) {
  const dnn_model *model = w->instance->model;
  for (int i = 0; i < model->slot_count; i++) {
    const dnn_slot *s = &model->slots[i];
    tensor_type type = model_type(&s->tensor);
    if (s->trained && finiteness_of_memory(&type, dnn_slot_memory(w->instance, s)) != FINITE)
      return s;
  }
  return NULL;
}

/* ---- repeating ------------------------------------------------------------------------------- */

/* The calls again, in observed code. */
typedef struct repetition {
  arena *arena;
  watch *watch;
  observed code;
  seen_call *calls;
  uint64_t *steps; /* the context's, by call */
} repetition;

static bool repeat_call(repetition *r, int number, observation o) {
  const noted_call *c = &r->watch->calls[number];
  dnn_context *context = &r->watch->instance->context;
  uint64_t step = context->step;
  o.entry = c->entry;
  o.instance = r->watch->instance;
  o.inputs = feed_batch(r->arena, c->feed, c->batch, c->time);
  o.size = feed_size(c->feed, c->batch);
  o.outputs = model_outputs(r->arena, c->entry);
  if (!c->entry->writes) context->step = (uint64_t)c->batch;
  r->steps[number] = context->step;
  bool called = observe(r->arena, &r->code, r->watch->instance, &o);
  if (!c->entry->writes) context->step = step;
  return called;
}

/* All calls, with what is finite in each. */
static bool look_at_calls(repetition *r) {
  snapshot_restore(&r->watch->kept, r->watch->instance);
  for (int i = 0; i < r->watch->count; i++) {
    seen_call *c = &r->calls[i];
    c->entry = observed_entry(&r->code, r->watch->calls[i].entry);
    c->levels = arena_array_of(r->arena, c->entry->plan->value_count, unsigned char);
    if (!repeat_call(r, i, (observation){.levels = c->levels})) return false;
  }
  return true;
}

/* The calls up to one, of which the inputs of one step are kept. */
static bool keep_inputs(repetition *r, point p, capture *inputs) {
  snapshot_restore(&r->watch->kept, r->watch->instance);
  inputs->step = point_step(r->calls, p);
  for (int i = 0; i <= p.call; i++)
    if (!repeat_call(r, i, i < p.call ? (observation){0}
                                      : (observation){.captures = inputs, .capture_count = 1}))
      return false;
  return true;
}

static origin origin_of(repetition *r, point p, finiteness least) {
  capture inputs;
  if (!keep_inputs(r, p, &inputs)) return (origin){0};
  return origin_find(r->arena, r->calls[p.call].entry, &inputs,
                     r->watch->instance->context.seed, r->steps[p.call], least);
}

/* ---- the message ----------------------------------------------------------------------------- */

/* "input x of entry train is not finite as it is given at step 3" */
static const char *given_text(const repetition *r, point p) {
  bool input = point_node(r->calls, p)->op == OP_INPUT;
  return arena_printf(r->arena, "%s %s of entry %s is not finite as it is given at step %lld",
                      input ? "input" : "slot", point_name(r->calls, p),
                      r->calls[p.call].entry->name,
                      (long long)r->watch->calls[p.call].time.step);
}

static void note_kernel(repetition *r, diagnostics *d, point p) {
  const plan_step *s = &r->calls[p.call].entry->plan->steps[point_step(r->calls, p)];
  bool kernel = strncmp(s->name, "a ", 2) != 0; /* else a loop or a copy */
  diag_note(d, "  in %s%s of entry %s, at step %lld", kernel ? "kernel " : "", s->name,
            r->calls[p.call].entry->name, (long long)r->watch->calls[p.call].time.step);
}

static void report_kernel(repetition *r, diagnostics *d, point p, finiteness least) {
  origin o = origin_of(r, p, least);
  point infinite = point_read(r->calls, p), first = {-1, -1};
  if (o.node && o.from_outside && infinite.call >= 0) /* NaN of an infinity that was read */
    first = point_of_origin(r->calls, infinite, INFINITE);
  bool given = first.call >= 0 && point_step(r->calls, first) < 0;
  if (first.call >= 0 && !given) {
    const node *maker = o.node;
    o = origin_of(r, first, INFINITE);
    o.not_a_number = maker;
    p = first;
  }
  if (o.node) origin_report(r->arena, d, &o);
  else
    diag_error(d, point_node(r->calls, p)->at, "%s is not finite where compiled, although each of its "
               "operations by itself gives finite values", point_name(r->calls, p));
  if (given) diag_note(d, "  %s", given_text(r, first));
  note_kernel(r, d, p);
}

static void report(repetition *r, diagnostics *d, point from) {
  finiteness least = from.call < 0 ? FINITE : point_level(r->calls, from);
  if (least == FINITE) {
    diag_error(d, (location){0}, "what made it so was not found: the steps since the last snapshot "
               "are finite when they are repeated");
    return;
  }
  point p = point_of_origin(r->calls, from, least);
  if (point_step(r->calls, p) < 0) diag_error(d, (location){0}, "%s", given_text(r, p));
  else report_kernel(r, d, p, least);
}

static bool repeat(repetition *r, diagnostics *d) {
  watch *w = r->watch;
  program *p = w->options->file ? model_elaborate(r->arena, d, w->options, w->how) : NULL;
  if (!p || !observed_new(r->arena, p, d, w->options, &r->code)) return false;
  const dnn_model *own = w->instance->model, *other = r->code.library.model;
  ensure(own->parameter_bytes == other->parameter_bytes && own->state_bytes == other->state_bytes &&
         own->scratch_bytes == other->scratch_bytes);
  r->calls = arena_array_of(r->arena, w->count, seen_call);
  r->steps = arena_array_of(r->arena, w->count, uint64_t);
  return look_at_calls(r);
}

/* From an output of the last call, or from a slot after it. */
static void explain(watch *w, int output, const char *path) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  repetition r = {.arena = a, .watch = w};
  if (w->count && repeat(&r, d))
    report(&r, d, path ? point_of_slot(r.calls, w->count - 1, path)
                       : point_of_output(r.calls, w->count - 1, output));
  diag_print(d, stderr);
  observed_free(&r.code);
  arena_free(a);
}

void watch_explain_output(watch *w, int output) { explain(w, output, NULL); }

void watch_explain_slot(watch *w, const dnn_slot *s) { explain(w, -1, s->tensor.name); }
