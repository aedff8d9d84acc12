#include "differential.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "c.h"
#include "cc.h"
#include "compile.h"
#include "dnn_rt.h"
#include "edge_memory.h"
#include "error_bound.h"
#include "graph_case.h"
#include "half.h"
#include "kernel_case.h"
#include "run_module.h"

enum { THREADS = 3, MOST_SECONDS = 1500, SEED = 5, STEP = 2 };

/* A program in all its forms. */
typedef struct trial {
  arena *arena;
  const differential *how;
  graph **graphs; /* of the entries, before the passes */
  int64_t *bounds; /* of their sizes; 0: they have none */
  graph *initial;
  const module *module;
  module_memory *memory; /* of the loop interpreter */
  dnn_library library;
  dnn_instance instance;
  dnn_threads *threads;
  uint64_t step;
} trial;

/* ---- making ---------------------------------------------------------------------------------- */

/* With flags for programs that run once behind the target's. */
static const target *with_flags(arena *a, const target *t, const char *const *more) {
  static const char *const otherwise[] = {"-O1", NULL};
  target *other = arena_new_of(a, target);
  const char **flags = NULL;
  int count = 0;
  for (int i = 0; t->flags[i]; i++) arena_push(a, flags, count) = t->flags[i];
  if (!more) more = otherwise;
  for (int i = 0; more[i]; i++) arena_push(a, flags, count) = more[i];
  arena_push(a, flags, count) = NULL;
  *other = *t;
  other->flags = flags;
  return other;
}

static const char *said(arena *a, const diagnostics *d, const char *what) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  diag_print(d, out);
  fclose(out);
  const char *message = arena_printf(a, "%s: %s", what, text);
  free(text);
  return message;
}

/* A shared library of the module in the folder, of as many sources as dnnc makes of it. */
static bool compile(trial *t, diagnostics *d, const char *folder, const char *output) {
  arena *a = t->arena;
  int count = c_part_count(t->module);
  FILE **files = arena_array_of(a, count, FILE *);
  char **texts = arena_array_of(a, count, char *);
  const char **objects = arena_array_of(a, count, const char *);
  size_t length;
  for (int i = 0; i < count; i++) {
    files[i] = open_memstream(&texts[i], &length);
    objects[i] = arena_printf(a, "%s/%d.o", folder, i);
  }
  bool good = c_emit_parts(t->module, count, files);
  for (int i = 0; i < count; i++) good = fclose(files[i]) == 0 && good;
  cc_options options = {.program = t->how->compiler,
                        .target = with_flags(a, t->module->target, t->how->flags),
                        .kind = CC_SHARED};
  const char *const *sources = (const char *const *)texts;
  good = good && (count == 1 ? cc_compile(a, d, &options, sources[0], output)
                             : cc_compile_parts(a, d, &options, count, sources, objects, output));
  for (int i = 0; i < count; i++) {
    free(texts[i]);
    unlink(objects[i]);
  }
  return good;
}

static const char *load(trial *t) {
  arena *a = t->arena;
  char folder[] = "/tmp/dnnc-diff-XXXXXX", message[DNN_MESSAGE_BYTES];
  if (!mkdtemp(folder)) return "no folder could be made";
  const char *path = arena_printf(a, "%s/test.so", folder);
  diagnostics *d = diag_new(a);
  bool compiled = compile(t, d, folder, path);
  bool loaded = compiled && dnn_load(&t->library, path, message);
  unlink(path);
  rmdir(folder);
  if (!loaded) return compiled ? arena_text(a, message) : said(a, d, "cc");
  return dnn_instance_init(&t->instance, t->library.model, NULL, SEED) ? NULL : "out of memory";
}

/* The first store of a block into the buffer. */
static loop_stmt *store_into(const loop_block *block, const loop_buffer *b) {
  for (int i = 0; i < block->count; i++) {
    loop_stmt *s = block->statements[i], *found = NULL;
    if (s->kind == LOOP_STORE && s->buffer == b) return s;
    if ((found = store_into(&s->body, b)) || (found = store_into(&s->otherwise, b))) return found;
  }
  return NULL;
}

/* A store of reals into an output of the first entry; NULL where there is none. */
static loop_stmt *faulty_store(const module *m) {
  int count = 0;
  const kernel_call **calls =
      m->entry_count > 1 ? module_calls(m->program->arena, &m->entries[1], &count) : NULL;
  for (int i = 0; i < count; i++) {
    const kernel_call *c = calls[i];
    for (int k = 0; k < c->kernel->parameter_count; k++) {
      const loop_buffer *b = c->kernel->parameters[k];
      loop_stmt *s = store_into(&c->kernel->body, b);
      if (c->arguments[k].region == REGION_OUTPUT && dtype_is_float(b->type.element) && s) return s;
    }
  }
  return NULL;
}

/* Where there is nothing to spoil nothing differs, and the control that expects a fault fails. */
static const char *load_with_fault(trial *t) {
  arena *a = t->arena;
  loop_stmt *s = faulty_store(t->module);
  if (!s) return NULL;
  const loop_expr *right = s->value, *one = loop_constant(a, right->type.element, 1, 0);
  s->value = loop_op(a, SCALAR_ADD, right, loop_splat(a, one, right->type.lanes), NULL);
  const char *wrong = t->how->ways & COMPILED ? load(t) : NULL;
  if (t->how->fault == FAULT_IN_C) s->value = right;
  return wrong;
}

static const char *prepare(trial *t, program *p) {
  arena *a = t->arena;
  t->initial = p->initial;
  t->graphs = arena_array_of(a, p->entry_count, graph *);
  t->bounds = arena_array_of(a, p->entry_count, int64_t);
  for (int i = 0; i < p->entry_count; i++) {
    t->graphs[i] = p->entries[i];
    t->bounds[i] = module_size(p->entries[i]).maximum;
  }
  diagnostics *d = diag_new(a);
  t->module = compile_module(p, d, &(compile_options){.target_cpu = t->how->target->cpu});
  if (!t->module) return said(a, d, "dnnc");
  t->memory = module_memory_new(a, t->module);
  t->memory->seed = SEED;
  if (t->how->fault != NO_FAULT) return load_with_fault(t);
  return t->how->ways & COMPILED ? load(t) : NULL;
}

/* ---- one call -------------------------------------------------------------------------------- */

/* What the graph interpreter has for a call, with bounds. */
typedef struct expectation {
  bounded *outputs, *updates;
} expectation;

/* The values around one call: arrays for the loop interpreter, then for C. */
typedef struct call {
  const graph *graph;
  int64_t size; /* of the bounded axes; 0: there are none */
  const module_entry *entry;
  const tensor **inputs;
  tensor **slots; /* before the call, one per slot of the module */
  void **input_arrays, **c_inputs; /* the latter where reading beyond them faults */
  void **loop_outputs, **c_outputs;
  expectation expected;
} call;

static void *loop_slot(const trial *t, int i) {
  const placement *p = &t->module->slots[i].place;
  void *base = p->region == REGION_STATE ? t->memory->state : t->memory->parameters;
  return (char *)base + p->offset;
}

static void *c_slot(const trial *t, int i) {
  return dnn_slot_memory(&t->instance, &t->library.model->slots[i]);
}

/* As the last call left it. */
static void *latest_slot(const trial *t, int i) {
  return t->how->ways & LOOPS ? loop_slot(t, i) : c_slot(t, i);
}

/* Rounded as arrays hold them, so that all start from the same values. */
static tensor *rounded(arena *a, const tensor *t) {
  void *array = arena_alloc(a, (size_t)type_bytes(&t->type));
  compare_to_array(t, array);
  return compare_from_array(a, &t->type, array);
}

/* One element in eight becomes one of those that arithmetic stumbles over. */
static void add_special_values(tensor *t, uint64_t seed) {
  static const double reals[] = {NAN,   INFINITY, -INFINITY, -0.0,  0,
                                 1e-42, -1e-42,   1e30,      -1e30, 1e19};
  const uint32_t key[2] = {(uint32_t)seed, 13};
  int64_t smallest = 0, largest = 1;
  bool real = dtype_is_float(t->type.element);
  if (dtype_is_integer(t->type.element)) dtype_range(t->type.element, &smallest, &largest);
  for (int64_t i = 0; i < type_elements(&t->type); i++) {
    uint32_t drawn = philox_element(key, (uint64_t)i, 0);
    if (drawn % 8) continue;
    if (real) t->reals[i] = reals[drawn / 8 % 10];
    else t->ints[i] = drawn / 8 % 2 ? smallest : largest;
  }
}

enum { BEHIND = 64, UNTOUCHED = 0xa5 }; /* bytes behind an array that nothing may write */

static void *guarded_array(arena *a, const tensor_type *type) {
  size_t bytes = (size_t)type_bytes(type) + BEHIND;
  return memset(arena_alloc(a, bytes), UNTOUCHED, bytes);
}

/* Bytes of a tensor that a call of this size has. */
static size_t bytes_given(const tensor_type *type, int64_t size) {
  const size_t all = (size_t)type_bytes(type);
  return type->rank && type->dims[0].symbol ? all / (size_t)type->dims[0].maximum * (size_t)size : all;
}

static void **output_arrays(arena *a, const graph *g) {
  void **arrays = arena_array_of(a, g->output_count, void *);
  for (int i = 0; i < g->output_count; i++)
    arrays[i] = guarded_array(a, &g->outputs[i].node->type);
  return arrays;
}

static call *call_new(trial *t, const graph *g, const module_entry *e, int64_t size, uint64_t seed) {
  arena *a = t->arena;
  call *c = arena_new_of(a, call);
  *c = (call){.graph = g, .entry = e, .size = size};
  c->inputs = arena_array_of(a, g->input_count, const tensor *);
  c->input_arrays = arena_array_of(a, g->input_count, void *);
  c->c_inputs = arena_array_of(a, g->input_count, void *);
  for (int i = 0; i < g->input_count; i++) {
    const tensor_type *type = &g->inputs[i].node->type;
    bool real = dtype_is_float(type->element);
    tensor *drawn = random_tensor(a, type, seed + (uint64_t)i, real ? t->how->low : t->how->least,
                                  real ? t->how->high : t->how->most);
    if (t->how->special_inputs) add_special_values(drawn, seed + (uint64_t)i);
    c->inputs[i] = rounded(a, drawn);
    c->input_arrays[i] = guarded_array(a, type);
    compare_to_array(c->inputs[i], c->input_arrays[i]);
    c->c_inputs[i] = edge_memory_copy(a, c->input_arrays[i], bytes_given(type, size), i % 3 < 2);
  }
  c->slots = arena_array_of(a, t->module->slot_count, tensor *);
  for (int i = 0; i < t->module->slot_count; i++)
    c->slots[i] = compare_from_array(a, &t->module->slots[i].slot->type, latest_slot(t, i));
  c->loop_outputs = output_arrays(a, g);
  c->c_outputs = output_arrays(a, g);
  return c;
}

static const char *run_loops(trial *t, const call *c) {
  t->memory->step = t->step;
  t->memory->size = c->size;
  return run_entry(t->arena, t->module, c->entry, t->memory, c->input_arrays, c->loop_outputs);
}

static const char *run_c(trial *t, const call *c, const dnn_threads *threads) {
  const dnn_model *m = t->library.model;
  dnn_context *context = &t->instance.context;
  for (int i = 0; i < t->module->slot_count; i++) compare_to_array(c->slots[i], c_slot(t, i));
  for (int i = 0; i < c->graph->output_count; i++)
    memset(c->c_outputs[i], UNTOUCHED, (size_t)type_bytes(&c->graph->outputs[i].node->type));
  if (m->scratch_bytes) memset(context->scratch, 0xff, (size_t)m->scratch_bytes);
  context->threads = threads, context->seed = SEED, context->step = t->step;
  if (c->graph == t->initial) return m->init(context) == DNN_OK ? NULL : "init fails";
  int status = m->prepare ? m->prepare(&t->instance.weights) : DNN_OK;
  const dnn_entry *e = dnn_find_entry(m, c->graph->name);
  if (!e) return "the entry is missing";
  if (status == DNN_OK)
    status = e->call(context, c->size, (const void *const *)c->c_inputs, c->c_outputs);
  return status == DNN_OK ? NULL : dnn_status_text(status);
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static bool agrees(double actual, double expected, double error) {
  if (error == INFINITY) return true;
  if (isnan(expected)) return isnan(actual);
  if (isinf(expected)) return actual == expected;
  return fabs(actual - expected) <= error;
}

static void count(differential_counts *counts, const bounded *expected, int64_t i) {
  const tensor *t = expected->value;
  bool real = dtype_is_float(t->type.element);
  double most = t->type.element == DTYPE_F64 ? 1e-9 : half_is(t->type.element) ? 0.1 : 1e-3;
  double size = real && isfinite(t->reals[i]) ? fmax(1, fabs(t->reals[i])) : 1;
  if (!counts) return;
  counts->elements++;
  counts->unknown += expected->error[i] == INFINITY;
  counts->loose += expected->error[i] < INFINITY && expected->error[i] > most * size;
}

static const char *compare_value(const trial *t, const void *array, const bounded *expected) {
  arena *a = t->arena;
  const tensor *value = expected->value, *actual = compare_from_array(a, &value->type, array);
  bool real = dtype_is_float(value->type.element);
  for (int64_t i = 0; i < type_elements(&value->type); i++) {
    double error = expected->error[i];
    count(t->how->counts, expected, i);
    if (real && !agrees(actual->reals[i], value->reals[i], error))
      return arena_printf(a, "element %lld is %.17g where %.17g is expected, within %.3g",
                          (long long)i, actual->reals[i], value->reals[i], error);
    if (!real && error == 0 && actual->ints[i] != value->ints[i])
      return arena_printf(a, "element %lld is %lld where %lld is expected", (long long)i,
                          (long long)actual->ints[i], (long long)value->ints[i]);
  }
  return NULL;
}

/* One bound for all elements in place of the propagated ones. */
static void flatten_errors(bounded *b, double relative) {
  const tensor *t = b->value;
  int64_t elements = type_elements(&t->type);
  double square = 0;
  if (!dtype_is_float(t->type.element)) {
    memset(b->error, 0, (size_t)elements * sizeof *b->error);
    return;
  }
  for (int64_t i = 0; i < elements; i++)
    if (isfinite(t->reals[i])) square += t->reals[i] * t->reals[i];
  for (int64_t i = 0; i < elements; i++)
    b->error[i] = relative * (fabs(t->reals[i]) + sqrt(square / (double)elements));
}

typedef struct slot_values {
  const module *module;
  tensor **values;
} slot_values;

static const tensor *value_of_slot(void *context, const char *path) {
  const slot_values *s = context;
  for (int i = 0; i < s->module->slot_count; i++)
    if (strcmp(s->module->slots[i].slot->path, path) == 0) return s->values[i];
  return NULL;
}

static void flatten_all(bounded *values, tensor *const *exact, int number, const trial *t) {
  for (int i = 0; i < number; i++) {
    values[i] = bounded_exact(t->arena, exact[i]);
    flatten_errors(&values[i], t->how->relative);
  }
}

static expectation interpret(const trial *t, const call *c) {
  arena *a = t->arena;
  const graph *g = c->graph;
  slot_values slots = {t->module, c->slots};
  expectation x = {arena_array_of(a, g->output_count, bounded),
                   arena_array_of(a, g->update_count, bounded)};
  const evaluation e = {.arena = a, .seed = SEED, .step = t->step};
  if (t->how->relative == 0) {
    bounded_eval(&e, g, c->inputs, value_of_slot, &slots, x.outputs, x.updates);
    return x;
  }
  tensor **outputs = arena_array_of(a, g->output_count, tensor *);
  tensor **updates = arena_array_of(a, g->update_count, tensor *);
  graph_eval(&e, g, c->inputs, value_of_slot, &slots, outputs, updates);
  flatten_all(x.outputs, outputs, g->output_count, t);
  flatten_all(x.updates, updates, g->update_count, t);
  return x;
}

static bounded expected_slot(const trial *t, const call *c, int number) {
  const char *path = t->module->slots[number].slot->path;
  for (int i = 0; i < c->graph->update_count; i++)
    if (strcmp(c->graph->updates[i].name, path) == 0) return c->expected.updates[i];
  return bounded_exact(t->arena, c->slots[number]);
}

/* Nothing is written behind an array, which ends where the rows of the call do. */
static const char *check_guard(const unsigned char *array, const tensor_type *type) {
  for (size_t end = (size_t)type_bytes(type), i = 0; i < BEHIND; i++)
    if (array[end + i] != UNTOUCHED) return "something is written behind it";
  return NULL;
}

static const char *compare_with_graph(const trial *t, const call *c, void *const *outputs) {
  const graph *g = c->graph;
  for (int i = 0; i < g->output_count; i++) {
    const char *wrong = compare_value(t, outputs[i], &c->expected.outputs[i]);
    if (!wrong) wrong = check_guard(outputs[i], &g->outputs[i].node->type);
    if (wrong) return arena_printf(t->arena, "output %s: %s", g->outputs[i].name, wrong);
  }
  for (int i = 0; i < t->module->slot_count; i++) {
    bounded expected = expected_slot(t, c, i);
    const char *wrong = compare_value(t, latest_slot(t, i), &expected);
    if (wrong) return arena_printf(t->arena, "slot %s: %s", t->module->slots[i].slot->path, wrong);
  }
  return NULL;
}

/* Equal bits, but any NaN is equal to any. */
static const char *compare_bits(arena *a, const tensor_type *type, const void *actual,
                                const void *expected) {
  size_t size = dtype_size(type->element);
  tensor *x = compare_from_array(a, type, actual), *y = compare_from_array(a, type, expected);
  for (int64_t i = 0; i < type_elements(type); i++) {
    size_t at = (size_t)i * size;
    if (memcmp((const char *)actual + at, (const char *)expected + at, size) == 0) continue;
    if (!dtype_is_float(type->element))
      return arena_printf(a, "element %lld is %lld where %lld is expected", (long long)i,
                          (long long)x->ints[i], (long long)y->ints[i]);
    if (!isnan(x->reals[i]) || !isnan(y->reals[i]))
      return arena_printf(a, "element %lld is %a where %a is expected", (long long)i, x->reals[i],
                          y->reals[i]);
  }
  return NULL;
}

static const char *compare_with_loops(trial *t, const call *c) {
  arena *a = t->arena;
  const char *wrong = NULL;
  for (int i = 0; i < c->graph->output_count && !wrong; i++) {
    const graph_value *v = &c->graph->outputs[i];
    wrong = compare_bits(a, &v->node->type, c->c_outputs[i], c->loop_outputs[i]);
    if (!wrong) wrong = check_guard(c->c_outputs[i], &v->node->type);
    if (wrong) wrong = arena_printf(a, "output %s: %s", v->name, wrong);
  }
  for (int i = 0; i < t->module->slot_count && !wrong; i++) {
    const slot *s = t->module->slots[i].slot;
    wrong = compare_bits(a, &s->type, c_slot(t, i), loop_slot(t, i));
    if (wrong) wrong = arena_printf(a, "slot %s: %s", s->path, wrong);
  }
  return wrong;
}

/* ---- trials ---------------------------------------------------------------------------------- */

static const char *check_c(trial *t, const call *c, const dnn_threads *threads) {
  const char *wrong = run_c(t, c, threads);
  if (wrong) return wrong;
  return t->how->ways & LOOPS ? compare_with_loops(t, c) : compare_with_graph(t, c, c->c_outputs);
}

static const char *check_call(trial *t, const graph *g, const module_entry *e, int64_t size,
                              uint64_t seed) {
  call *c = call_new(t, g, e, size, seed);
  const char *wrong = NULL;
  c->expected = interpret(t, c);
  if (t->how->ways & LOOPS) {
    wrong = run_loops(t, c);
    if (!wrong) wrong = compare_with_graph(t, c, c->loop_outputs);
    if (wrong) return arena_printf(t->arena, "loops: %s: %s", g->name, wrong);
  }
  const dnn_threads *const numbers[] = {NULL, t->threads};
  for (int i = 0; t->how->ways & COMPILED && i < 2 && !wrong; i++) {
    wrong = check_c(t, c, numbers[i]);
    if (wrong)
      wrong = arena_printf(t->arena, "C, %s: %s: %s", i ? "several threads" : "one thread", g->name,
                           wrong);
  }
  return wrong;
}

static void draw_slots(trial *t) {
  for (int i = 0; i < t->module->slot_count; i++) {
    const tensor_type *type = &t->module->slots[i].slot->type;
    compare_to_array(random_tensor(t->arena, type, 1000 + (uint64_t)i, -1, 1), latest_slot(t, i));
  }
}

/* At its bound, or as the program with a fixed size. */
static const char *check_size(trial *t, int number, const graph *g, int64_t size, uint64_t seed) {
  const char *wrong = check_call(t, g, &t->module->entries[1 + number], size, seed);
  t->step += entry_writes(g);
  return wrong && size ? arena_printf(t->arena, "%s, at size %lld", wrong, (long long)size) : wrong;
}

static const char *check_entry(trial *t, int number, uint64_t seed) {
  const int64_t bound = t->bounds[number];
  const char *wrong = NULL;
  if (bound == 0 || t->how->fixed_count == 0)
    return check_size(t, number, t->graphs[number], bound, seed);
  for (int i = 0; i < t->how->fixed_count && !wrong; i++)
    wrong = check_size(t, number, t->how->fixed[i]->entries[number], t->how->fixed_size(bound, i),
                       seed + 1000 * (uint64_t)i);
  return wrong;
}

static const char *check_rounds(trial *t) {
  const char *wrong = NULL;
  if (t->how->random_slots) draw_slots(t);
  else wrong = check_call(t, t->initial, &t->module->entries[0], 0, 0);
  t->step = STEP;
  for (int round = 0; round < t->how->rounds; round++)
    for (int i = 0; i < t->module->entry_count - 1 && !wrong; i++)
      wrong = check_entry(t, i, t->how->seed + 100 * (uint64_t)round);
  return wrong;
}

const char *differential_check(arena *a, program *p, const differential *how) {
  trial t = {.arena = a, .how = how};
  const char *wrong = prepare(&t, p);
  if (wrong) return wrong;
  t.threads = dnn_threads_new(THREADS);
  wrong = check_rounds(&t);
  dnn_threads_free(t.threads);
  if (how->ways & COMPILED) {
    dnn_instance_free(&t.instance);
    dnn_unload(&t.library);
  }
  return wrong;
}

static const char *read_all(arena *a, int file) {
  char buffer[4096];
  const char *text = "";
  for (ssize_t n; (n = read(file, buffer, sizeof buffer)) > 0;)
    text = arena_printf(a, "%s%.*s", text, (int)n, buffer);
  return text;
}

const char *differential_apart(arena *a, const char *(*check)(arena *a, void *context),
                               void *context) {
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    static const int signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGSYS};
    for (int i = 0; i < 5; i++) signal(signals[i], SIG_DFL); /* cmocka would go on with its tests */
    alarm(MOST_SECONDS);
    const char *wrong = check(a, context);
    bool told = !wrong || write(ends[1], wrong, strlen(wrong)) > 0;
    _exit(told ? 0 : 1);
  }
  close(ends[1]);
  const char *wrong = read_all(a, ends[0]);
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) return arena_printf(a, "ended by signal %d", WTERMSIG(status));
  if (WEXITSTATUS(status)) return arena_printf(a, "exit status %d", WEXITSTATUS(status));
  return *wrong ? wrong : NULL;
}

differential_counts *differential_counts_new(void) {
  void *shared = mmap(NULL, sizeof(differential_counts), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  return shared;
}

bool differential_alike(const char *x, const char *y) {
  size_t length = strcspn(x, ":");
  return length == strcspn(y, ":") && memcmp(x, y, length) == 0;
}

/* ---- from the environment -------------------------------------------------------------------- */

const target **differential_targets(arena *a) {
  static const char *const levels[] = {"x86-64-v3", "x86-64-v4", "x86-64", "x86-64-v2"};
  const char *wanted = getenv("DIFF_TARGET");
  const target **targets = NULL;
  int number = 0;
  for (int i = 0; i < (wanted ? 1 : 4); i++) {
    const target *t = target_find(a, wanted ? wanted : levels[i]);
    if (!t) fail_msg("no processor is called %s", wanted);
    if (kernel_runs_here(a, t)) arena_push(a, targets, number) = t;
    else print_message("skip: this processor does not run %s\n", t->cpu);
  }
  arena_push(a, targets, number) = NULL;
  return targets;
}

const target *differential_target(const target *const *targets, size_t number) {
  size_t count = 0;
  while (targets[count]) count++;
  return targets[number % count];
}

int64_t differential_number(const char *name, int64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoll(text, NULL, 10) : otherwise;
}
