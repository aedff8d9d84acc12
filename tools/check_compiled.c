#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "element.h"
#include "model.h"

static const double f64_bound = 1e-9, f32_bound = 1e-5, rounding_factor = 2;

/* A sum of hundreds of terms in f32 loses about as much as one operation with so many bits. */
enum { ESTIMATE_BITS = 20 };

/* Both sides of a comparison: an elaborated program for the interpreter and compiled code. */
typedef struct pair {
  const program *program;
  dnn_instance instance;
  const dnn_model *model;
  const options *options;
  bool real_f64;
  int failures;
} pair;

/* The root of the mean square, over elements that are finite. */
static double size_of(const tensor *t) {
  double sum = 0, count = 0;
  for (int64_t i = 0; i < type_elements(&t->type); i++) {
    if (!isfinite(t->reals[i])) continue;
    sum += t->reals[i] * t->reals[i];
    count++;
  }
  return count > 0 ? sqrt(sum / count) : 0;
}

/* The largest difference that rounding makes; 0 without a rounded version. */
static double rounding_of(const tensor *exact, const tensor *rounded) {
  double most = 0;
  for (int64_t i = 0; rounded && i < type_elements(&exact->type); i++) {
    double gap = fabs(exact->reals[i] - rounded->reals[i]);
    if (isfinite(gap)) most = fmax(most, gap);
  }
  return most;
}

static bool reals_agree(double actual, double expected, double bound, double absolute) {
  if (isnan(actual) || isnan(expected)) return isnan(actual) && isnan(expected);
  return actual == expected || fabs(actual - expected) <= bound * fabs(expected) + absolute;
}

static const char *index_text(arena *a, const tensor_type *type, int64_t element) {
  const char *text = "";
  if (!type->rank) return text;
  int64_t strides[MAX_RANK];
  type_strides(type, strides);
  for (int i = 0; i < type->rank; i++)
    text = arena_printf(a, "%s%s%lld", text, i ? ", " : "",
                        (long long)(element / strides[i] % type->dims[i].maximum));
  return arena_printf(a, "[%s]", text);
}

static void fail(arena *a, pair *p, const char *what, const tensor *expected, int64_t element,
                 const char *actual_text, const char *expected_text) {
  printf("  FAIL  %s%s: compiled %s, interpreted %s\n", what,
         index_text(a, &expected->type, element), actual_text, expected_text);
  p->failures++;
}

/* Where a value of 16 bits lies near a tie, the sides may round it to neighbours. */
static double bound_of(const pair *p, dtype element) {
  if (p->real_f64) return f64_bound;
  return element == DTYPE_F16 ? 0x1p-10 : element == DTYPE_BF16 ? 0x1p-7 : f32_bound;
}

/* Compares memory of compiled code with a value; reports the first element that differs.
 * Integers may differ in f32, where an argmax can flip: there only f64 decides. */
static void compare(arena *a, pair *p, const char *what, const void *memory,
                    const tensor *expected, const tensor *rounded) {
  tensor *actual = tensor_new(a, &expected->type);
  tensor_load(actual, memory);
  int64_t elements = type_elements(&expected->type);
  if (!dtype_is_float(expected->type.element)) {
    for (int64_t i = 0; i < elements; i++) {
      if (actual->ints[i] == expected->ints[i] ||
          (rounded && rounded->ints[i] != expected->ints[i]))
        continue;
      fail(a, p, what, expected, i, arena_printf(a, "%lld", (long long)actual->ints[i]),
           arena_printf(a, "%lld", (long long)expected->ints[i]));
      return;
    }
    return;
  }
  double bound = bound_of(p, expected->type.element);
  double absolute = bound * size_of(expected) + rounding_factor * rounding_of(expected, rounded);
  for (int64_t i = 0; i < elements; i++) {
    if (reals_agree(actual->reals[i], expected->reals[i], bound, absolute)) continue;
    fail(a, p, what, expected, i, arena_printf(a, "%.17g", actual->reals[i]),
         arena_printf(a, "%.17g", expected->reals[i]));
    return;
  }
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

/* The interpreter's results of one call. */
typedef struct results {
  tensor **outputs, **updates;
} results;

static results interpret(arena *a, const pair *p, const graph *g, tensor **inputs,
                         slot_values *slots, bool rounded) {
  const dnn_context *c = &p->instance.context;
  evaluation e = {.arena = a, .seed = c->seed, .step = c->step, .f32_bits = rounded ? ESTIMATE_BITS : 0};
  results r = {arena_array_of(a, g->output_count, tensor *),
               arena_array_of(a, g->update_count, tensor *)};
  graph_eval(&e, g, (const tensor *const *)inputs, check_slot, slots, r.outputs, r.updates);
  return r;
}

static int update_of(const graph *g, const char *path) {
  for (int i = 0; i < g->update_count; i++)
    if (strcmp(g->updates[i].name, path) == 0) return i;
  return -1;
}

/* Every slot after a call: those without an update must be what they were. */
static void compare_slots(arena *a, pair *p, const graph *g, const slot_values *before,
                          const results *exact, const results *rounded, const char *when) {
  for (int i = 0; i < p->program->slot_count; i++) {
    const char *path = p->program->slots[i].path;
    int u = update_of(g, path);
    compare(a, p, arena_printf(a, "%s, slot %s", when, path), slot_memory(p, i),
            u < 0 ? before->values[i] : exact->updates[u],
            u < 0 || !rounded ? NULL : rounded->updates[u]);
  }
}

/* One call on both sides. */
static bool compare_call(pair *p, const graph *g, const dnn_entry *entry, random_numbers *r,
                         int64_t turn) {
  arena *a = arena_new();
  const char *when = arena_printf(a, "%s, call %lld", g->name, (long long)turn + 1);
  tensor **inputs = check_inputs(a, g, p->options, r);
  const void **memory = arena_array_of(a, g->input_count, const void *);
  for (int i = 0; i < g->input_count; i++) {
    void *stored = arena_alloc(a, (size_t)type_bytes(&inputs[i]->type));
    tensor_store(inputs[i], stored);
    tensor_load(inputs[i], stored); /* rounded as stored */
    memory[i] = stored;
  }
  slot_values slots = current_slots(a, p);
  results exact = interpret(a, p, g, inputs, &slots, false), rounded = {0};
  if (!p->real_f64) rounded = interpret(a, p, g, inputs, &slots, true);
  void **outputs = model_outputs(a, entry);
  bool called = model_call(&p->instance, entry, memory, outputs);
  for (int i = 0; called && i < g->output_count; i++)
    compare(a, p, arena_printf(a, "%s, output %s", when, g->outputs[i].name), outputs[i],
            exact.outputs[i], rounded.outputs ? rounded.outputs[i] : NULL);
  if (called) compare_slots(a, p, g, &slots, &exact, rounded.outputs ? &rounded : NULL, when);
  arena_free(a);
  return called;
}

static bool compare_entry(pair *p, const graph *g, random_numbers *r) {
  const dnn_entry *entry = dnn_find_entry(p->model, g->name);
  if (!entry) internal_error("the compiled model has no entry %s", g->name);
  int failures = p->failures;
  int64_t turns = p->options->steps;
  for (int64_t i = 0; i < turns; i++) {
    if (!entry->writes) p->instance.context.step = (uint64_t)i;
    if (!compare_call(p, g, entry, r, i)) return false;
    if (p->failures > failures) return true; /* what follows a wrong step is wrong too */
  }
  printf("  ok    %s: %lld calls\n", g->name, (long long)turns);
  fflush(stdout);
  return true;
}

static void compare_initial(arena *a, pair *p) {
  slot_values slots = check_initial(a, p->program, p->options->seed);
  int failures = p->failures;
  for (int i = 0; i < p->program->slot_count; i++)
    compare(a, p, arena_printf(a, "init, slot %s", p->program->slots[i].path), slot_memory(p, i),
            slots.values[i], NULL);
  if (p->failures == failures) printf("  ok    init: %d slots\n", p->program->slot_count);
}

static bool compare_all(arena *a, pair *p, const dnn_threads *threads) {
  random_numbers r = random_new(p->options->seed, 1 + p->real_f64);
  if (!model_start(a, &p->instance, p->model, threads, p->options->seed)) return false;
  compare_initial(a, p);
  for (int i = 0; i < p->program->entry_count; i++)
    if (!compare_entry(p, p->program->entries[i], &r)) return false;
  return true;
}

int check_model(arena *a, const program *p, const dnn_model *compiled, const options *o,
                bool real_f64) {
  dnn_threads *threads = model_threads(a, o);
  if (!threads) return -1;
  printf("compiled code against the interpreter, in %s\n", real_f64 ? "f64" : "f32");
  pair sides = {.program = p, .model = compiled, .options = o, .real_f64 = real_f64};
  bool done = compare_all(a, &sides, threads);
  dnn_instance_free(&sides.instance);
  dnn_threads_free(threads);
  return done ? sides.failures : -1;
}

int check_compiled(arena *a, diagnostics *d, const options *o, bool real_f64) {
  elaborate_options how = {.real_f64 = real_f64};
  const program *interpreted = model_elaborate(a, d, o, how);
  program *compiled = interpreted ? model_elaborate(a, d, o, how) : NULL;
  dnn_library library;
  if (!compiled || !model_compile(a, compiled, d, o, &library)) return -1;
  int failures = check_model(a, interpreted, library.model, o, real_f64);
  dnn_unload(&library);
  return failures;
}
