#include "tune.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "c.h"
#include "cc.h"
#include "element.h"
#include "file.h"
#include "fuse.h"
#include "progress.h"
#include "spread.h"
#include "staging.h"
#include "text_stream.h"
#include "timer.h"

enum { MOST_SCHEDULES = 8, FEW_ROUNDS = 3, MOST_ROUNDS = 11 };
static const double sample_seconds = 1e-3, kernel_seconds = 3;
static const double least_gain = 1.02; /* for which the estimated choice is given up: less is noise */

typedef void function(const void *threads, void *const *arguments);

/* Memory that a kernel gets. */
typedef struct argument {
  dtype element;
  int64_t elements;
  region region; /* of the first call that is found: of CONTEXT and TURN the values matter */
} argument;

/* A schedule, and the kernel of which it is one. */
typedef struct candidate {
  contraction_schedule schedule;
  const char *choice, *text; /* the kernel's source, once there is one */
  argument *arguments;
  int argument_count;

  function *call; /* of the compiled kernel */
  void **memory;
  int64_t calls;  /* that make a sample */
  double samples[MOST_ROUNDS], seconds;
} candidate;

typedef struct kernel {
  const char *name;
  candidate candidates[MOST_SCHEDULES]; /* that of least estimated time first */
  int count;
  int64_t size; /* of bounded axes, at most */
} kernel;

typedef struct tuner {
  arena *arena;
  diagnostics *diagnostics;
  const compile_options *options;
  const target *target;
  kernel *kernels;
  int count, turn; /* number of the candidates that are being built */
} tuner;

/* ---- kernels --------------------------------------------------------------------------------- */

static kernel *find(const tuner *t, const char *name) {
  for (int i = 0; i < t->count; i++)
    if (strcmp(t->kernels[i].name, name) == 0) return &t->kernels[i];
  return NULL;
}

/* What is packed in front of a loop stays so: a kernel's time does not tell what that saves. */
static kernel *add(tuner *t, const char *name, const contraction *c) {
  contraction_schedule found[MOST_SCHEDULES];
  kernel *k = &arena_push(t->arena, t->kernels, t->count);
  int count = contraction_schedules(c, t->target, MOST_SCHEDULES, found);
  *k = (kernel){.name = name};
  for (int i = 0; i < count; i++)
    if (memcmp(found[i].packed, found[0].packed, sizeof found[0].packed) == 0)
      k->candidates[k->count++] =
          (candidate){.schedule = found[i], .choice = contraction_choice_text(t->arena, c, &found[i])};
  return k;
}

static bool choose(void *context, const contraction *c, const target *on, contraction_schedule *s) {
  tuner *t = context;
  (void)on;
  const char *name = contraction_text(t->arena, c);
  const kernel *k = find(t, name);
  if (!k) k = add(t, name, c);
  *s = k->candidates[t->turn < k->count ? t->turn : 0].schedule;
  return true;
}

static void write_candidate(tuner *t, const module *m, const kernel_call *call, candidate *c) {
  const loop_kernel *k = call->kernel;
  text_stream stream;
  text_stream_open(&stream, t->arena);
  c_emit_kernel(stream.out, arena_printf(t->arena, "schedule_%d", t->turn), k, m->math, t->target);
  c->text = text_stream_close(&stream);
  c->argument_count = k->parameter_count;
  c->arguments = arena_array_of(t->arena, k->parameter_count, argument);
  for (int i = 0; i < k->parameter_count; i++) {
    const loop_buffer *b = k->parameters[i];
    c->arguments[i] = (argument){b->type.element, loop_buffer_elements(b), call->arguments[i].region};
  }
}

static void collect(tuner *t, const module *m, const module_code *code, int64_t size) {
  for (int i = 0; i < code->count; i++) {
    const module_step *s = &code->steps[i];
    if (s->loop) {
      collect(t, m, &s->loop->condition, size);
      collect(t, m, &s->loop->body, size);
    } else if (s->group && s->group->heart) {
      kernel *k = find(t, contraction_text(t->arena, s->group->contraction));
      if (!k || t->turn >= k->count || k->candidates[t->turn].text) continue;
      k->size = size;
      write_candidate(t, m, s->call, &k->candidates[t->turn]);
    }
  }
}

/* Builds the module with candidate number `turn` of each kernel, in memory that is given back. */
static void build(tuner *t, const program *p) {
  arena *a = arena_new();
  target tuned = *t->target;
  const schedule_choices choices = {choose, t};
  tuned.choices = &choices;
  const module *m = module_build(a, p, &tuned);
  for (int i = 0; i < m->entry_count; i++)
    collect(t, m, &m->entries[i].code, module_size(m->entries[i].graph).maximum);
  arena_free(a);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Memory that several candidates have in common, so that they find the same values in the same caches. */
typedef struct block {
  argument kind;
  void *data;
  int taken; /* by the candidate of this number */
} block;

typedef struct pool {
  arena *arena;
  block *blocks;
  int count;
} pool;

static void fill(void *data, const argument *kind, int64_t size) {
  uint64_t state = 1;
  if (kind->region == REGION_CONTEXT && kind->elements > CONTEXT_SIZE) ((int64_t *)data)[CONTEXT_SIZE] = size;
  if (kind->region == REGION_CONTEXT || kind->region == REGION_TURN || !dtype_is_float(kind->element)) return;
  for (int64_t i = 0; i < kind->elements; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    element_set_real(kind->element, data, i, (double)(state >> 33) * 0x1p-30 - 1);
  }
}

static void *take(pool *p, const argument *kind, int number, int64_t size) {
  for (int i = 0; i < p->count; i++) {
    block *b = &p->blocks[i];
    if (b->taken == number || b->kind.element != kind->element || b->kind.elements != kind->elements ||
        (b->kind.region == REGION_CONTEXT) != (kind->region == REGION_CONTEXT))
      continue;
    b->taken = number;
    return b->data;
  }
  enum { ALIGNMENT = 64 };
  size_t bytes = (size_t)kind->elements * dtype_size(kind->element);
  uintptr_t raw = (uintptr_t)arena_alloc(p->arena, bytes + ALIGNMENT);
  void *data = (void *)((raw + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  fill(data, kind, size);
  arena_push(p->arena, p->blocks, p->count) = (block){*kind, data, number};
  return data;
}

static double sample(const candidate *c) {
  double start = timer_seconds(TIMER_CPU);
  for (int64_t i = 0; i < c->calls; i++) c->call(NULL, c->memory);
  return (timer_seconds(TIMER_CPU) - start) / (double)c->calls;
}

static void prepare(kernel *k, pool *p) {
  for (int i = 0; i < k->count; i++) {
    candidate *c = &k->candidates[i];
    c->memory = arena_array_of(p->arena, c->argument_count, void *);
    for (int n = 0; n < c->argument_count; n++) c->memory[n] = take(p, &c->arguments[n], i + 1, k->size);
    for (c->calls = 1; sample(c) * (double)c->calls < sample_seconds;) c->calls *= 2;
  }
}

/* In rounds, each from another one first. */
static void time_all(kernel *k) {
  double start = timer_seconds(TIMER_WALL);
  int rounds = 0;
  for (; rounds < FEW_ROUNDS || (rounds < MOST_ROUNDS && timer_seconds(TIMER_WALL) - start < kernel_seconds); rounds++)
    for (int i = 0; i < k->count; i++) {
      candidate *c = &k->candidates[(i + rounds) % k->count];
      c->samples[rounds] = sample(c);
    }
  for (int i = 0; i < k->count; i++) k->candidates[i].seconds = spread_of(k->candidates[i].samples, rounds).median;
}

static bool find_functions(tuner *t, kernel *k, void *library) {
  bool good = library != NULL;
  for (int i = 0; good && i < k->count; i++) {
    *(void **)&k->candidates[i].call = dlsym(library, arena_printf(t->arena, "schedule_%d", i));
    good = k->candidates[i].call != NULL;
  }
  if (good) return true;
  diag_error(t->diagnostics, (location){0}, "the compiled kernels cannot be loaded: %s", dlerror());
  return false;
}

static bool compile(tuner *t, const kernel *k, staging *s, const char *library) {
  const char *texts[MOST_SCHEDULES], *objects[MOST_SCHEDULES];
  for (int i = 0; i < k->count; i++) {
    texts[i] = k->candidates[i].text;
    objects[i] = staging_path(s, arena_printf(t->arena, "%d.o", i));
  }
  cc_options how = {.program = t->options->cc, .target = t->target, .kind = CC_SHARED};
  return cc_compile_parts(t->arena, t->diagnostics, &how, k->count, texts, objects, library);
}

static bool measure(tuner *t, kernel *k, staging *s) {
  const char *path = staging_path(s, arena_printf(t->arena, "%d.so", (int)(k - t->kernels)));
  if (!compile(t, k, s, path)) return false;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  bool good = find_functions(t, k, library);
  pool p = {.arena = arena_new()};
  if (good) {
    prepare(k, &p);
    time_all(k);
  }
  arena_free(p.arena);
  if (library) dlclose(library);
  return good;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static tuning_line best_of(const tuner *t, const kernel *k) {
  const candidate *estimated = &k->candidates[0], *best = estimated;
  for (int i = 1; i < k->count; i++)
    if (k->candidates[i].seconds < best->seconds) best = &k->candidates[i];
  if (best->seconds * least_gain > estimated->seconds) best = estimated;
  return (tuning_line){.cpu = t->target->cpu, .kernel = k->name, .schedule = best->choice,
                       .estimated_seconds = estimated->seconds, .seconds = best->seconds};
}

static bool measure_all(tuner *t, tuning *result) {
  const char *folder = getenv("TMPDIR");
  if (!folder || !*folder) folder = "/tmp";
  staging *s = staging_new(t->arena, folder);
  if (!s) diag_error(t->diagnostics, (location){0}, "no folder for temporary files can be made in %s", folder);
  const progress shown = progress_new(0);
  bool good = s != NULL;
  for (int i = 0; good && i < t->count; i++) {
    kernel *k = &t->kernels[i];
    ensure(k->candidates[k->count - 1].text);
    if (shown.shown) fprintf(stderr, "\rkernel %d of %d, %d schedules\033[K", i + 1, t->count, k->count);
    good = measure(t, k, s);
    if (good) arena_push(t->arena, result->lines, result->count) = best_of(t, k);
  }
  progress_clear(&shown);
  if (s) staging_remove(s);
  return good;
}

static bool write_file(tuner *t, const tuning *result, const char *path) {
  text_stream stream;
  text_stream_open(&stream, t->arena);
  tuning_print(stream.out, result);
  const char *text = text_stream_close(&stream), *error;
  const file_part part = {text, strlen(text)};
  if (file_replace(t->arena, path, 1, &part, &error)) return true;
  diag_error(t->diagnostics, (location){0}, "%s", error);
  return false;
}

static void report(const tuning *result, const char *path) {
  int better = 0;
  for (int i = 0; i < result->count; i++) better += result->lines[i].seconds < result->lines[i].estimated_seconds;
  fprintf(stderr, "dnnc: %d kernels measured; of %d another schedule is faster than the one of least estimated time; "
          "written to %s\n", result->count, better, path);
}

bool tune(program *p, diagnostics *d, const compile_options *options, const char *path) {
  const module *m = compile_module(p, d, options);
  if (!m) return false;
  if (!target_runs_here(m->target)) {
    diag_error(d, (location){0}, "this processor does not run code for %s; measure on one that does, or for another "
               "--target-cpu", m->target->cpu);
    return false;
  }
  tuner t = {.arena = p->arena, .diagnostics = d, .options = options, .target = m->target};
  tuning result = {0};
  int turns = 1;
  for (t.turn = 0; t.turn < turns; t.turn++) {
    build(&t, p);
    for (int i = 0; i < t.count; i++)
      if (t.kernels[i].count > turns) turns = t.kernels[i].count;
  }
  if (!measure_all(&t, &result) || !write_file(&t, &result, path)) return false;
  report(&result, path);
  return true;
}
