#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "element.h"
#include "model.h"

static const double f64_bound = 1e-9, f32_bound = 1e-5, rounding_factor = 2;

/* Bits fewer than a type has, to which the interpreter rounds for estimates: a sum of hundreds of
 * terms loses about as much as one operation with four bits fewer. One estimate may be small by
 * chance, three of one value hardly are. */
static const int estimate_bits[] = {4, 3, 5};
enum { ESTIMATES = sizeof estimate_bits / sizeof *estimate_bits };

/* Both sides of a comparison: an elaborated program for the interpreter and compiled code. */
typedef struct pair {
  const program *program;
  dnn_instance instance;
  const dnn_model *model;
  const options *options;
  bool real_f64;
  int failures;
  check_counts *counts;
} pair;

/* The interpreter's results of one call. */
typedef struct results {
  tensor **outputs, **updates;
} results;

/* One call of an entry on both sides. The roundings are computed when a value first asks for them. */
typedef struct call {
  arena *arena;
  pair *pair;
  const graph *graph; /* NULL: init */
  const char *when;
  tensor **inputs;
  slot_values slots;  /* before it */
  uint64_t step;
  results exact, *roundings;
} call;

/* A value to compare: what compiled code has, and what the interpreter gives. */
typedef struct subject {
  const char *what;
  tensor *actual;
  const tensor *expected;
  int output, update; /* its number among the results; -1: it is none */
} subject;

static results interpret(const call *c, int lost_bits) {
  const graph *g = c->graph;
  evaluation e = {.arena = c->arena, .seed = c->pair->instance.context.seed, .step = c->step,
                  .rounds = lost_bits > 0, .lost_bits = lost_bits};
  results r = {arena_array_of(c->arena, g->output_count, tensor *),
               arena_array_of(c->arena, g->update_count, tensor *)};
  slot_values slots = c->slots;
  graph_eval(&e, g, (const tensor *const *)c->inputs, check_slot, &slots, r.outputs, r.updates);
  return r;
}

/* A value as one of the roundings gives it; NULL where nothing is computed. */
static const tensor *rounded_value(call *c, const subject *s, int rounding) {
  if (s->output < 0 && s->update < 0) return NULL;
  if (!c->roundings) {
    c->roundings = arena_array_of(c->arena, ESTIMATES, results);
    for (int i = 0; i < ESTIMATES; i++) c->roundings[i] = interpret(c, estimate_bits[i]);
  }
  const results *r = &c->roundings[rounding];
  return s->output >= 0 ? r->outputs[s->output] : r->updates[s->update];
}

/* The root of the mean square, over elements that are finite. */
static double size_of(const tensor *t) {
  double most = 0, sum = 0, count = 0;
  for (int64_t i = 0; i < type_elements(&t->type); i++)
    if (isfinite(t->reals[i])) most = fmax(most, fabs(t->reals[i]));
  for (int64_t i = 0; most > 0 && i < type_elements(&t->type); i++) {
    if (!isfinite(t->reals[i])) continue;
    sum += t->reals[i] / most * (t->reals[i] / most);
    count++;
  }
  return count > 0 ? most * sqrt(sum / count) : 0;
}

/* The largest difference that rounding makes. */
static double rounding_of(call *c, const subject *s) {
  double most = 0;
  for (int k = 0; k < ESTIMATES; k++) {
    const tensor *rounded = rounded_value(c, s, k);
    for (int64_t i = 0; rounded && i < type_elements(&s->expected->type); i++) {
      double gap = fabs(s->expected->reals[i] - rounded->reals[i]);
      if (isfinite(gap)) most = fmax(most, gap);
    }
  }
  return most;
}

/* How far two values lie apart; infinitely where only one is not a number. */
static double gap_of(double x, double y) {
  if (x == y || (isnan(x) && isnan(y))) return 0;
  double gap = fabs(x - y);
  return isnan(gap) ? INFINITY : gap;
}

/* Where a value of 16 bits lies near a tie, the sides may round it to neighbours. */
static double bound_of(const pair *p, dtype element) {
  if (p->real_f64) return f64_bound;
  return element == DTYPE_F16 ? 0x1p-10 : element == DTYPE_BF16 ? 0x1p-7 : f32_bound;
}

/* Compiled code takes subnormal numbers of f32 and f64 as zeros; those of f16 are normal ones in f32. */
static double smallest_of(const pair *p, dtype element) {
  return p->real_f64 || element == DTYPE_F64 ? DBL_MIN : element == DTYPE_F16 ? 0 : FLT_MIN;
}

/* The elements that lie further apart than they may, and the worst of them. */
typedef struct deviation {
  int64_t count, element;
  double excess; /* gap by bound */
  double gap, bound;
} deviation;

static deviation deviation_of_reals(const subject *s, double relative, double absolute) {
  deviation d = {0};
  for (int64_t i = 0; i < type_elements(&s->expected->type); i++) {
    double expected = s->expected->reals[i], gap = gap_of(s->actual->reals[i], expected);
    double bound = absolute + (isfinite(expected) ? relative * fabs(expected) : 0);
    if (gap <= bound) continue;
    double excess = gap / bound;
    if (d.count++ > 0 && !(excess > d.excess)) continue;
    d = (deviation){d.count, i, excess, gap, bound};
  }
  return d;
}

static deviation compare_reals(call *c, const subject *s) {
  double relative = bound_of(c->pair, s->expected->type.element);
  double absolute = relative * size_of(s->expected) + smallest_of(c->pair, s->expected->type.element);
  deviation d = deviation_of_reals(s, relative, absolute);
  if (!d.count) return d;
  return deviation_of_reals(s, relative, absolute + rounding_factor * rounding_of(c, s));
}

/* Whether a rounding gives the element another value, as where an argmax flips. */
static bool rounding_changes(call *c, const subject *s, int64_t element) {
  for (int k = 0; k < ESTIMATES; k++) {
    const tensor *rounded = rounded_value(c, s, k);
    if (rounded && rounded->ints[element] != s->expected->ints[element]) return true;
  }
  return false;
}

static deviation compare_ints(call *c, const subject *s) {
  deviation d = {0};
  for (int64_t i = 0; i < type_elements(&s->expected->type); i++)
    if (s->actual->ints[i] != s->expected->ints[i] && !rounding_changes(c, s, i) && d.count++ == 0)
      d.element = i;
  return d;
}

static void report_deviation(call *c, const subject *s, const deviation *d) {
  const tensor_type *type = &s->expected->type;
  const char *bound = "";
  if (dtype_is_float(type->element))
    bound = arena_printf(c->arena, ", %.3g apart where %.3g is allowed", d->gap, d->bound);
  printf("  FAIL  %s, %s%s: compiled %s, interpreted %s%s", c->when, s->what,
         element_place_text(c->arena, type, d->element),
         element_text(c->arena, s->actual, d->element),
         element_text(c->arena, s->expected, d->element), bound);
  if (type->rank)
    printf("; %lld of %lld elements differ", (long long)d->count, (long long)type_elements(type));
  putchar('\n');
  c->pair->failures++;
}

/* Compares memory of compiled code with a value, and reports the element that is furthest off. */
static void compare(call *c, subject s, const void *memory) {
  s.actual = tensor_new(c->arena, &s.expected->type);
  tensor_load(s.actual, memory);
  c->pair->counts->arrays++;
  c->pair->counts->elements += type_elements(&s.expected->type);
  bool reals = dtype_is_float(s.expected->type.element);
  deviation d = reals ? compare_reals(c, &s) : compare_ints(c, &s);
  if (d.count) report_deviation(c, &s, &d);
}

static const dnn_slot *find_slot(const dnn_model *model, const char *path) {
  for (int i = 0; i < model->slot_count; i++)
    if (strcmp(model->slots[i].tensor.name, path) == 0) return &model->slots[i];
  internal_error("the compiled model has no slot %s", path);
}

static void *slot_memory(const pair *p, int index) {
  return dnn_slot_memory(&p->instance, find_slot(p->model, p->program->slots[index].path));
}

/* The slots as compiled code has them now. */
static slot_values current_slots(arena *a, const pair *p) {
  slot_values slots = {p->program, arena_array_of(a, p->program->slot_count, tensor *)};
  for (int i = 0; i < p->program->slot_count; i++) {
    slots.values[i] = tensor_new(a, &p->program->slots[i].type);
    tensor_load(slots.values[i], slot_memory(p, i));
  }
  return slots;
}

static int update_of(const graph *g, const char *path) {
  for (int i = 0; g && i < g->update_count; i++)
    if (strcmp(g->updates[i].name, path) == 0) return i;
  return -1;
}

/* Every slot after a call: those without an update must be what they were. */
static void compare_slots(call *c) {
  for (int i = 0; i < c->pair->program->slot_count; i++) {
    const char *path = c->pair->program->slots[i].path;
    int u = update_of(c->graph, path);
    subject s = {.what = arena_printf(c->arena, "slot %s", path),
                 .expected = u < 0 ? c->slots.values[i] : c->exact.updates[u],
                 .output = -1, .update = u};
    compare(c, s, slot_memory(c->pair, i));
  }
}

static void compare_outputs(call *c, void *const *outputs) {
  for (int i = 0; i < c->graph->output_count; i++) {
    subject s = {.what = arena_printf(c->arena, "output %s", c->graph->outputs[i].name),
                 .expected = c->exact.outputs[i], .output = i, .update = -1};
    compare(c, s, outputs[i]);
  }
}

/* One call on both sides. */
static bool compare_call(pair *p, const graph *g, const dnn_entry *entry, random_numbers *r,
                         int64_t turn) {
  arena *a = arena_new();
  call c = {.arena = a, .pair = p, .graph = g, .step = p->instance.context.step,
            .when = arena_printf(a, "%s, call %lld", g->name, (long long)turn + 1)};
  c.inputs = check_inputs(a, g, p->options, r);
  const void **memory = arena_array_of(a, g->input_count, const void *);
  for (int i = 0; i < g->input_count; i++) {
    void *stored = arena_alloc(a, (size_t)type_bytes(&c.inputs[i]->type));
    tensor_store(c.inputs[i], stored);
    tensor_load(c.inputs[i], stored); /* rounded as stored */
    memory[i] = stored;
  }
  c.slots = current_slots(a, p);
  c.exact = interpret(&c, 0);
  void **outputs = model_outputs(a, entry);
  bool called = model_call(&p->instance, entry, entry->bound, memory, outputs);
  if (called) {
    compare_outputs(&c, outputs);
    compare_slots(&c);
    p->counts->calls++;
  }
  arena_free(a);
  return called;
}

static const char *counts_text(arena *a, const check_counts *from, const check_counts *to) {
  return arena_printf(a, "%lld arrays, %lld values", (long long)(to->arrays - from->arrays),
                      (long long)(to->elements - from->elements));
}

static bool compare_entry(arena *a, pair *p, const graph *g, random_numbers *r) {
  const dnn_entry *entry = dnn_find_entry(p->model, g->name);
  if (!entry) internal_error("the compiled model has no entry %s", g->name);
  int failures = p->failures;
  int64_t turns = p->options->steps;
  check_counts before = *p->counts;
  for (int64_t i = 0; i < turns; i++) {
    if (!entry->writes) p->instance.context.step = (uint64_t)i;
    if (!compare_call(p, g, entry, r, i)) return false;
    if (p->failures > failures) return true; /* what follows a wrong step is wrong too */
  }
  printf("  ok    %s: %lld calls, %s\n", g->name, (long long)turns,
         counts_text(a, &before, p->counts));
  fflush(stdout);
  return true;
}

static void compare_initial(arena *a, pair *p) {
  check_counts before = *p->counts;
  call c = {.arena = a, .pair = p, .when = "init",
            .slots = check_initial(a, p->program, p->options->seed)};
  int failures = p->failures;
  compare_slots(&c);
  if (p->failures == failures)
    printf("  ok    init: %d slots, %s\n", p->program->slot_count,
           counts_text(a, &before, p->counts));
}

static bool compare_all(arena *a, pair *p, const dnn_threads *threads) {
  random_numbers r = random_new(p->options->seed, 1 + p->real_f64);
  if (!model_start(a, &p->instance, p->model, threads, p->options->seed)) return false;
  compare_initial(a, p);
  for (int i = 0; i < p->program->entry_count; i++)
    if (!compare_entry(a, p, p->program->entries[i], &r)) return false;
  return true;
}

int check_model(arena *a, const program *p, const dnn_model *compiled, const options *o,
                bool real_f64, check_counts *counts) {
  dnn_threads *threads = model_threads(a, o);
  if (!threads) return -1;
  printf("compiled code against the interpreter, in %s\n", real_f64 ? "f64" : "f32");
  pair sides = {.program = p, .model = compiled, .options = o, .real_f64 = real_f64,
                .counts = counts};
  bool done = compare_all(a, &sides, threads);
  dnn_instance_free(&sides.instance);
  dnn_threads_free(threads);
  return done ? sides.failures : -1;
}

int check_compiled(arena *a, diagnostics *d, const options *o, bool real_f64,
                   check_counts *counts) {
  elaborate_options how = {.real_f64 = real_f64};
  const program *interpreted = model_elaborate(a, d, o, how);
  program *compiled = interpreted ? model_elaborate(a, d, o, how) : NULL;
  dnn_library library;
  if (!compiled || !model_compile(a, compiled, d, o, &library)) return -1;
  int failures = check_model(a, interpreted, library.model, o, real_f64, counts);
  dnn_unload(&library);
  return failures;
}
