/* Random programs: the graph interpreter, the loop interpreter and compiled C agree.
 *
 * DIFF_N graphs (default 60) from seed DIFF_FIRST (default 0), in batches that are one program each
 * and go to the targets in turn. A batch is checked in a process of its own, so that a crash has a
 * seed too. A graph that fails is reduced and shown as text. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "build.h"
#include "c.h"
#include "cc.h"
#include "compile.h"
#include "dnn_rt.h"
#include "graph_case.h"
#include "kernel_case.h"
#include "op.h"
#include "random_program.h"
#include "run_module.h"
#include "scalar.h"

enum { BATCH = 20, SIZE = 8, THREADS = 3, MOST_SECONDS = 300, ESTIMATE_BITS = 16 };
enum { SEED = 5, STEP = 2 };
static const double low = -2, high = 2;

/* A planted fault: in the loops, which both the interpreter and the C have, or in the C alone. */
typedef enum fault { NO_FAULT, FAULT_IN_LOOPS, FAULT_IN_C } fault;

/* What is compared: one program, and what its entries were before the passes. */
typedef struct trial {
  arena *arena;
  const target *target;
  graph *const *graphs;
  int count;
  fault fault;
  const module *module;
  module_memory *memory;   /* of the loop interpreter */
  dnn_library library;
  dnn_instance instance;
} trial;

/* ---- programs -------------------------------------------------------------------------------- */

/* With less optimisation: these programs run once. */
static const target *quickly_compiled(arena *a, const target *t) {
  target *quick = arena_new_of(a, target);
  const char **flags = NULL;
  int count = 0;
  for (int i = 0; t->flags[i]; i++) arena_push(a, flags, count) = t->flags[i];
  arena_push(a, flags, count) = "-O1";
  arena_push(a, flags, count) = NULL;
  *quick = *t;
  quick->flags = flags;
  return quick;
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

static const char *load(trial *t) {
  arena *a = t->arena;
  char *text = NULL, folder[] = "/tmp/dnnc-diff-XXXXXX", message[DNN_MESSAGE_BYTES];
  size_t length;
  FILE *out = open_memstream(&text, &length);
  bool written = c_emit(t->module, NULL, NULL, out);
  fclose(out);
  if (!written || !mkdtemp(folder)) return "the program could not be written";
  const char *path = arena_printf(a, "%s/test.so", folder);
  diagnostics *d = diag_new(a);
  cc_options options = {.target = quickly_compiled(a, t->target), .kind = CC_SHARED};
  bool compiled = cc_compile(a, d, &options, text, path);
  bool loaded = compiled && dnn_load(&t->library, path, message);
  free(text);
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
  for (int i = 0; i < m->entries[1].call_count; i++) {
    const kernel_call *c = &m->entries[1].calls[i];
    for (int k = 0; k < c->kernel->parameter_count; k++) {
      const loop_buffer *b = c->kernel->parameters[k];
      loop_stmt *s = store_into(&c->kernel->body, b);
      if (c->arguments[k].region == REGION_OUTPUT && dtype_is_float(b->type.element) && s) return s;
    }
  }
  return NULL;
}

static const char *prepare(trial *t) {
  arena *a = t->arena;
  program *p = program_of_graphs(a, t->count, t->graphs);
  for (int i = 0; i < p->slot_count; i += 2) p->slots[i].kind = SLOT_STATE;
  diagnostics *d = diag_new(a);
  t->module = compile_module(p, d, &(compile_options){.target_cpu = t->target->cpu});
  if (!t->module) return said(a, d, "dnnc");
  t->memory = module_memory_new(a, t->module);
  t->memory->seed = SEED, t->memory->step = STEP;
  if (t->fault == NO_FAULT) return load(t);
  loop_stmt *s = faulty_store(t->module);
  if (!s) return NULL; /* then nothing differs, and the control fails */
  const loop_expr *right = s->value, *one = loop_constant(a, right->type.element, 1, 0);
  s->value = loop_op(a, SCALAR_ADD, right, loop_splat(a, one, right->type.lanes), NULL);
  const char *wrong = load(t);
  if (t->fault == FAULT_IN_C) s->value = right;
  return wrong;
}

/* ---- one entry ------------------------------------------------------------------------------- */

/* The values around one call: arrays for the loop interpreter, then for C. */
typedef struct call {
  const graph *graph;
  int number;                /* among the trial's graphs */
  const tensor **inputs;
  tensor **slots;            /* before the call, one per slot of the module */
  void **input_arrays, **loop_outputs, **c_outputs;
} call;

/* Rounded as arrays hold them, so that all start from the same values. */
static tensor *rounded(arena *a, const tensor *t) {
  void *array = arena_alloc(a, (size_t)type_bytes(&t->type));
  compare_to_array(t, array);
  return compare_from_array(a, &t->type, array);
}

static void **output_arrays(arena *a, const graph *g) {
  void **arrays = arena_array_of(a, g->output_count, void *);
  for (int i = 0; i < g->output_count; i++)
    arrays[i] = arena_alloc(a, (size_t)type_bytes(&g->outputs[i].node->type));
  return arrays;
}

static call *call_new(trial *t, int number) {
  arena *a = t->arena;
  call *c = arena_new_of(a, call);
  *c = (call){.graph = t->graphs[number], .number = number};
  c->inputs = random_inputs(a, c->graph, 31, low, high);
  c->input_arrays = arena_array_of(a, c->graph->input_count, void *);
  for (int i = 0; i < c->graph->input_count; i++) {
    c->inputs[i] = rounded(a, c->inputs[i]);
    c->input_arrays[i] = arena_alloc(a, (size_t)type_bytes(&c->inputs[i]->type));
    compare_to_array(c->inputs[i], c->input_arrays[i]);
  }
  c->slots = arena_array_of(a, t->module->slot_count, tensor *);
  for (int i = 0; i < t->module->slot_count; i++) {
    const tensor_type *type = &t->module->slots[i].slot->type;
    c->slots[i] = rounded(a, random_tensor(a, type, 1000 + (uint64_t)i, -1, 1));
  }
  c->loop_outputs = output_arrays(a, c->graph);
  c->c_outputs = output_arrays(a, c->graph);
  return c;
}

static void *loop_slot(const trial *t, int i) {
  const placement *p = &t->module->slots[i].place;
  void *base = p->region == REGION_STATE ? t->memory->state : t->memory->parameters;
  return (char *)base + p->offset;
}

static void *c_slot(const trial *t, int i) {
  return dnn_slot_memory(&t->instance, &t->library.model->slots[i]);
}

static const char *run_loops(trial *t, const call *c) {
  for (int i = 0; i < t->module->slot_count; i++) compare_to_array(c->slots[i], loop_slot(t, i));
  return run_entry(t->arena, t->module, &t->module->entries[1 + c->number], t->memory,
                   c->input_arrays, c->loop_outputs);
}

static const char *run_c(trial *t, const call *c, const dnn_threads *threads) {
  const dnn_model *m = t->library.model;
  dnn_context *context = &t->instance.context;
  for (int i = 0; i < t->module->slot_count; i++) compare_to_array(c->slots[i], c_slot(t, i));
  for (int i = 0; i < c->graph->output_count; i++)
    memset(c->c_outputs[i], 0xa5, (size_t)type_bytes(&c->graph->outputs[i].node->type));
  memset(context->scratch, 0xff, (size_t)m->scratch_bytes);
  context->threads = threads, context->seed = SEED, context->step = STEP;
  int status = m->prepare ? m->prepare(&t->instance.weights) : DNN_OK;
  const dnn_entry *e = dnn_find_entry(m, c->graph->name);
  if (!e) return "the entry is missing";
  if (status == DNN_OK)
    status = e->call(context, (const void *const *)c->input_arrays, c->c_outputs);
  return status == DNN_OK ? NULL : dnn_status_text(status);
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static double magnitude(const tensor *t) {
  double most = 0;
  for (int64_t i = 0; i < type_elements(&t->type); i++)
    if (fabs(t->reals[i]) > most) most = fabs(t->reals[i]);
  return most;
}

/* What rounding to f32 may do to a value, from an evaluation with fewer bits; of f64, little. */
static tolerance allowed(arena *a, const tensor *expected, const tensor *coarse, dtype real) {
  if (real == DTYPE_F64 && expected->type.element == DTYPE_F64) return (tolerance){1e-9, 1e-9};
  tensor *error = tensor_new(a, &expected->type);
  for (int64_t i = 0; i < type_elements(&expected->type); i++)
    error->reals[i] = coarse->reals[i] - expected->reals[i];
  return (tolerance){1e-6 + magnitude(error) / 8, 2e-5};
}

/* Beyond f32, where the interpreter still has finite values, anything goes. */
static void forget_overflow(tensor *actual, tensor *expected) {
  for (int64_t i = 0; i < type_elements(&expected->type); i++)
    if (fabs(expected->reals[i]) > FLT_MAX / 2) actual->reals[i] = expected->reals[i] = 0;
}

static const char *compare_value(arena *a, const void *array, tensor *expected,
                                 const tensor *coarse, dtype real) {
  tensor *actual = compare_from_array(a, &expected->type, array);
  if (!dtype_is_float(expected->type.element))
    return compare_tensors(a, actual, expected, (tolerance){0, 0});
  if (expected->type.element == DTYPE_F32) forget_overflow(actual, expected);
  return compare_tensors(a, actual, expected, allowed(a, expected, coarse, real));
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

static dtype real_of(const graph *g) {
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->type.element == DTYPE_F32) return DTYPE_F32;
  return DTYPE_F64;
}

static const char *compare_with_graph(trial *t, const call *c) {
  arena *a = t->arena;
  const graph *g = c->graph;
  slot_values slots = {t->module, c->slots};
  tensor **values[2][2];
  for (int coarse = 0; coarse < 2; coarse++) {
    evaluation e = {.arena = a, .seed = SEED, .step = STEP, .f32_bits = coarse * ESTIMATE_BITS};
    values[coarse][0] = arena_array_of(a, g->output_count, tensor *);
    values[coarse][1] = arena_array_of(a, g->update_count, tensor *);
    graph_eval(&e, g, c->inputs, value_of_slot, &slots, values[coarse][0], values[coarse][1]);
  }
  const char *wrong = NULL;
  for (int i = 0; i < g->output_count && !wrong; i++) {
    wrong = compare_value(a, c->loop_outputs[i], values[0][0][i], values[1][0][i], real_of(g));
    if (wrong) wrong = arena_printf(a, "loops: output %s: %s", g->outputs[i].name, wrong);
  }
  for (int i = 0; i < t->module->slot_count && !wrong; i++) {
    const char *path = t->module->slots[i].slot->path;
    tensor *expected = c->slots[i], *coarse = c->slots[i];
    for (int k = 0; k < g->update_count; k++)
      if (strcmp(g->updates[k].name, path) == 0)
        expected = values[0][1][k], coarse = values[1][1][k];
    wrong = compare_value(a, loop_slot(t, i), expected, coarse, real_of(g));
    if (wrong) wrong = arena_printf(a, "loops: slot %s: %s", path, wrong);
  }
  return wrong;
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

static const char *check_entry(trial *t, int number, const dnn_threads *threads) {
  call *c = call_new(t, number);
  const char *wrong = run_loops(t, c);
  if (!wrong) wrong = compare_with_graph(t, c);
  if (wrong) return wrong;
  const dnn_threads *const ways[] = {NULL, threads};
  for (int i = 0; i < 2 && !wrong; i++) {
    wrong = run_c(t, c, ways[i]);
    if (!wrong) wrong = compare_with_loops(t, c);
    if (wrong)
      wrong = arena_printf(t->arena, "C, %s: %s", i ? "several threads" : "one thread", wrong);
  }
  return wrong;
}

/* What is wrong with the first entry that fails, whose number comes first; NULL where all agree. */
static const char *check_program(trial *t) {
  const char *wrong = prepare(t);
  if (wrong) return arena_printf(t->arena, "-1 %s", wrong);
  dnn_threads *threads = dnn_threads_new(THREADS);
  for (int i = 0; i < t->count && !wrong; i++) {
    wrong = check_entry(t, i, threads);
    if (wrong) wrong = arena_printf(t->arena, "%d %s", i, wrong);
  }
  dnn_threads_free(threads);
  return wrong;
}

static const char *read_all(arena *a, int file) {
  char buffer[4096];
  const char *text = "";
  for (ssize_t n; (n = read(file, buffer, sizeof buffer)) > 0;)
    text = arena_printf(a, "%s%.*s", text, (int)n, buffer);
  return text;
}

/* check_program in a child, which may crash or hang. */
static const char *check(arena *a, const target *cpu, int count, graph *const *graphs,
                         fault planted) {
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    alarm(MOST_SECONDS);
    trial t = {.arena = a, .target = cpu, .graphs = graphs, .count = count, .fault = planted};
    const char *wrong = check_program(&t);
    bool told = !wrong || write(ends[1], wrong, strlen(wrong)) > 0;
    _exit(told ? 0 : 1);
  }
  close(ends[1]);
  const char *wrong = read_all(a, ends[0]);
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) return arena_printf(a, "-1 ended by signal %d", WTERMSIG(status));
  if (WEXITSTATUS(status)) return arena_printf(a, "-1 exit status %d", WEXITSTATUS(status));
  return *wrong ? wrong : NULL;
}

/* ---- reduction of what fails ----------------------------------------------------------------- */

/* A copy of the live part without one output or update (by number; -1: with all), and with an input
 * in place of one node. */
static graph *smaller(const graph *g, int output, int update, int replaced) {
  arena *a = g->arena;
  graph *copy = graph_new(a, NULL, g->name);
  node **map = arena_array_of(a, g->node_count, node *);
  int *uses = graph_uses(g, a);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    node *operands[1024];
    if (uses[id] == 0) continue;
    for (int i = 0; i < n->operand_count; i++) operands[i] = map[n->operands[i]->id];
    map[id] = n->op == OP_INPUT || id == replaced
                  ? graph_add_input(copy, arena_printf(a, "i%d", copy->input_count), &n->type)
                  : build_like(copy, n, operands);
  }
  for (int i = 0; i < g->output_count; i++)
    if (i != output) graph_add_output(copy, g->outputs[i].name, map[g->outputs[i].node->id]);
  for (int i = 0; i < g->update_count; i++)
    if (i != update) graph_set_update(copy, g->updates[i].name, map[g->updates[i].node->id]);
  return copy;
}

typedef struct reduction {
  const target *target;
  graph *graph;
  const char *wrong;
  time_t end;
} reduction;

/* Of one kind: "0 loops", "0 C, one thread", "-1 cc", "-1 ended by signal 11". */
static bool fails_alike(const char *x, const char *y) {
  size_t length = strcspn(x, ":");
  return length == strcspn(y, ":") && memcmp(x, y, length) == 0;
}

static bool take_if_failing(reduction *r, graph *g) {
  const char *wrong = time(NULL) < r->end ? check(g->arena, r->target, 1, &g, NO_FAULT) : NULL;
  if (!wrong || !fails_alike(wrong, r->wrong)) return false;
  r->graph = g, r->wrong = wrong;
  return true;
}

/* Greedy; for at most two minutes. */
static void reduce(reduction *r) {
  r->end = time(NULL) + 120;
  for (int i = r->graph->output_count - 1; i >= 0; i--)
    if (r->graph->output_count + r->graph->update_count > 1)
      take_if_failing(r, smaller(r->graph, i, -1, -1));
  for (int i = r->graph->update_count - 1; i >= 0; i--)
    if (r->graph->output_count + r->graph->update_count > 1)
      take_if_failing(r, smaller(r->graph, -1, i, -1));
  take_if_failing(r, smaller(r->graph, -1, -1, -1));
  for (int id = 0; id < r->graph->node_count; id++)
    if (r->graph->nodes[id]->op != OP_INPUT && take_if_failing(r, smaller(r->graph, -1, -1, id)))
      id = -1; /* numbers have changed */
  take_if_failing(r, smaller(r->graph, -1, -1, -1));
}

/* Shows the failing graph of a batch, alone and reduced where it fails alone. */
static void report(arena *a, const target *t, uint64_t first, int count, graph *const *graphs,
                   const char *wrong) {
  print_message("%s, seeds %d to %d: %s\n", t->cpu, (int)first, (int)first + count - 1, wrong);
  for (int i = 0; i < count; i++) {
    reduction r = {.target = t, .graph = graphs[i]};
    r.wrong = check(a, t, 1, &graphs[i], NO_FAULT);
    if (!r.wrong) continue;
    print_message("seed %d alone: %s\n", (int)first + i, r.wrong);
    reduce(&r);
    print_message("reduced: %s\n%s\n", r.wrong, graph_to_text(a, r.graph));
  }
}

/* ---- tests ----------------------------------------------------------------------------------- */

static int from_environment(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

static graph *graph_of_seed(arena *a, uint64_t seed) {
  const char *name = arena_printf(a, "g%d", (int)seed);
  return random_program(a, name, seed, seed % 2 ? DTYPE_F64 : DTYPE_F32, SIZE);
}

/* How many graphs hold each row of ops.def and scalar.def. */
typedef struct coverage {
  int ops[OP_COUNT], functions[SCALAR_COUNT];
} coverage;

static void count_rows(coverage *c, const graph *g, arena *a) {
  bool ops[OP_COUNT] = {false}, functions[SCALAR_COUNT] = {false};
  int *uses = graph_uses(g, a);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (uses[id] == 0) continue;
    ops[n->op] = true;
    if (n->op == OP_MAP) functions[n->function] = true;
  }
  for (int i = 0; i < OP_COUNT; i++) c->ops[i] += ops[i];
  for (int i = 0; i < SCALAR_COUNT; i++) c->functions[i] += functions[i];
}

static void every_row_occurs(const coverage *c) {
  int missing = 0;
  for (int i = 0; i < OP_COUNT; i++)
    if (c->ops[i] == 0) print_message("no graph has %s\n", op_infos[i].name), missing++;
  for (int i = 0; i < SCALAR_COUNT; i++)
    if (c->functions[i] == 0) print_message("no graph has %s\n", scalar_infos[i].name), missing++;
  assert_int_equal(missing, 0);
}

static bool runs_here(arena *a, const target *t, bool *told) {
  if (kernel_runs_here(a, t)) return true;
  if (!*told) print_message("skip: this processor does not run %s\n", t->cpu);
  *told = true;
  return false;
}

static void all_ways_agree(void **state) {
  (void)state;
  static const char *const cpus[] = {"x86-64-v3", "x86-64-v4", "x86-64"};
  int count = from_environment("DIFF_N", 60), first = from_environment("DIFF_FIRST", 0);
  coverage rows = {{0}, {0}};
  int failures = 0;
  bool told = false;
  for (int start = first; start < first + count; start += BATCH) {
    arena *a = arena_new();
    graph *graphs[BATCH];
    int number = first + count - start < BATCH ? first + count - start : BATCH;
    for (int i = 0; i < number; i++) {
      graphs[i] = graph_of_seed(a, (uint64_t)(start + i));
      count_rows(&rows, graphs[i], a);
    }
    const target *t = target_find(a, cpus[start / BATCH % 3]);
    const char *wrong = runs_here(a, t, &told) ? check(a, t, number, graphs, NO_FAULT) : NULL;
    if (wrong) report(a, t, (uint64_t)start, number, graphs, wrong), failures++;
    arena_free(a);
  }
  assert_int_equal(failures, 0);
  if (count >= 60) every_row_occurs(&rows);
}

/* Where a lowered kernel has a fault, or only the C made of it, the comparison notices. */
static void faults_are_caught(void **state) {
  (void)state;
  static const char *const expected[] = {[FAULT_IN_LOOPS] = "0 loops: output",
                                         [FAULT_IN_C] = "0 C, one thread: output"};
  arena *a = arena_new();
  graph *g = graph_of_seed(a, 1);
  assert_null(check(a, test_target(a), 1, &g, NO_FAULT));
  for (fault f = FAULT_IN_LOOPS; f <= FAULT_IN_C; f++) {
    const char *wrong = check(a, test_target(a), 1, &g, f);
    assert_non_null(wrong);
    if (strncmp(wrong, expected[f], strlen(expected[f])) != 0) fail_msg("%s", wrong);
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_ways_agree),
                                     cmocka_unit_test(faults_are_caught)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
