#include "compile.h"

#include <errno.h>
#include <string.h>

#include "c.h"
#include "c_word.h"
#include "cc.h"
#include "contraction.h"
#include "op.h"
#include "pass.h"
#include "staging.h"
#include "text_stream.h"

static const char default_cpu[] = "x86-64-v3";

/* ---- passes -------------------------------------------------------------------------------- */

/* Time spent in each pass, over all graphs. */
typedef struct pass_times {
  const char **names;
  double *seconds;
  int count;
} pass_times;

static void add_time(void *context, const char *pass, double seconds) {
  pass_times *t = context;
  int i = 0;
  while (i < t->count && strcmp(t->names[i], pass) != 0) i++;
  if (i == t->count) t->names[t->count++] = pass;
  t->seconds[i] += seconds;
}

static int passes_until(const char *until) {
  for (int i = 0; until && i < graph_pass_count; i++)
    if (strcmp(graph_passes[i].name, until) == 0) return i + 1;
  return graph_pass_count;
}

bool compile_passes(program *p, diagnostics *d, const compile_options *options, const char *until) {
  int count = passes_until(until);
  pass_times times = {arena_array_of(p->arena, graph_pass_count, const char *),
                      arena_array_of(p->arena, graph_pass_count, double), 0};
  pass_observer observer = {.time = add_time, .context = &times};
  p->initial = pass_run(p->initial, count, graph_passes, &observer);
  for (int i = 0; i < p->entry_count; i++)
    p->entries[i] = pass_run(p->entries[i], count, graph_passes, &observer);
  for (int i = 0; options->time_passes && i < times.count; i++)
    fprintf(stderr, "%8.3f ms  %s\n", 1e3 * times.seconds[i], times.names[i]);
  return diag_count(d) == 0;
}

/* ---- names --------------------------------------------------------------------------------- */

/* The model's name becomes a type of C beside those of the interface. NULL after an error. */
static const char *name_in_c(const program *p, diagnostics *d, bool renamed) {
  if (!c_is_word(p->name) && strcasecmp(p->name, "dnn") != 0 && strncasecmp(p->name, "dnn_", 4) != 0)
    return p->name;
  if (renamed) return arena_printf(p->arena, "model_%s", p->name);
  diag_error(d, (location){0}, "a model in C cannot be named `%s`: give another name to the file, "
             "or --prefix", p->name);
  return NULL;
}

/* ---- limits -------------------------------------------------------------------------------- */

/* All memory of a model together, so that the planner's sums are far from overflowing. */
static const int64_t most_bytes = INT64_C(1) << 56;

static bool take(diagnostics *d, int64_t *left, const tensor_type *t, location at,
                 const char *what) {
  int64_t bytes = type_bytes(t);
  if (bytes > *left)
    diag_error(d, at, "%s take more than 2**56 bytes together", what);
  *left -= bytes;
  return *left >= 0;
}

static bool graph_fits(arena *a, diagnostics *d, const graph *g) {
  int64_t left = most_bytes;
  const char *what = arena_printf(a, "the values of %s up to this one", g->name);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (!take(d, &left, &n->type, n->at, what)) return false;
    for (int i = 0; i < n->attribute_count; i++) {
      const graph *inner = n->attributes[i].kind == ATTRIBUTE_GRAPH ? n->attributes[i].graph : NULL;
      if (inner && !graph_fits(a, d, inner)) return false;
    }
  }
  return true;
}

static bool memory_fits(const program *p, diagnostics *d) {
  int64_t left = most_bytes;
  const char *what = "the parameters and states up to this one";
  for (int i = 0; i < p->slot_count; i++)
    if (!take(d, &left, &p->slots[i].type, p->slots[i].at, what)) return false;
  for (int i = 0; i < p->entry_count; i++)
    if (!graph_fits(p->arena, d, p->entries[i])) return false;
  return graph_fits(p->arena, d, p->initial);
}

/* ---- modules ------------------------------------------------------------------------------- */

static const target *find_target(arena *a, diagnostics *d, const char *cpu) {
  const target *t = target_find(a, cpu);
  if (t) return t;
  const char *known = "";
  for (int i = 0; target_names[i]; i++)
    known = arena_printf(a, "%s%s%s", known, i ? ", " : "", target_names[i]);
  diag_error(d, (location){0}, "no processor is called %s; known are %s", cpu, known);
  return NULL;
}

module *compile_module(program *p, diagnostics *d, const compile_options *options) {
  const char *cpu = options->target_cpu ? options->target_cpu : default_cpu;
  const target *t = find_target(p->arena, d, cpu);
  const char *name = t ? name_in_c(p, d, options->renamed) : NULL;
  if (!name) return NULL;
  if (p->entry_count == 0) {
    diag_error(d, (location){0}, "%s has no entry that could be compiled; write `entry name(…) { … }`",
               p->name);
    return NULL;
  }
  if (!compile_passes(p, d, options, NULL) || !memory_fits(p, d))
    return NULL;
  int before = diag_count(d);
  target *tuned = arena_new_of(p->arena, target);
  *tuned = *t;
  tuned->memory = schedule_memory_new(p->arena);
  if (options->tuning) tuned->choices = &options->tuning->choices;
  module *m = module_build(p->arena, p, tuned);
  m->name = name;
  m->observed = options->observed;
  return diag_count(d) == before ? m : NULL;
}

/* ---- files --------------------------------------------------------------------------------- */

static const char *base_name(const char *path) {
  return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

static const char *folder_of(arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return ".";
  return slash == path ? "/" : arena_text_n(a, path, (size_t)(slash - path));
}

/* What an output is made of, by its suffix. */
typedef struct output_kind {
  const char *suffix;
  bool compiled, headed; /* by the C compiler; with a header beside it */
  cc_output kind;
  mode_t mode;
} output_kind;

static const output_kind *kind_of(const char *output) {
  static const output_kind kinds[] = {{".c", false, true, CC_OBJECT, 0666},
                                      {".o", true, true, CC_OBJECT, 0666},
                                      {".a", true, true, CC_ARCHIVE, 0666},
                                      {".so", true, false, CC_SHARED, 0777}};
  const char *suffix = strrchr(base_name(output), '.');
  for (size_t i = 0; suffix && i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(suffix, kinds[i].suffix) == 0) return &kinds[i];
  return NULL;
}

static bool not_written(diagnostics *d, const char *path) {
  diag_error(d, (location){0}, "cannot write %s: %s", path, strerror(errno));
  return false;
}

static bool write_text(diagnostics *d, const char *text, const char *staged, const char *path) {
  return staging_write(staged, text, strlen(text)) || not_written(d, path);
}

/* A model as text: sources to be compiled, or one beside its header. */
typedef struct model_text {
  int count;
  const char **parts;
  const char *source, *header;
} model_text;

static const char **emit_parts(arena *a, const module *m, int count) {
  text_stream *streams = arena_array_of(a, count, text_stream);
  FILE **files = arena_array_of(a, count, FILE *);
  const char **texts = arena_array_of(a, count, const char *);
  for (int i = 0; i < count; i++) {
    text_stream_open(&streams[i], a);
    files[i] = streams[i].out;
  }
  c_emit_parts(m, count, files);
  for (int i = 0; i < count; i++) texts[i] = text_stream_close(&streams[i]);
  return texts;
}

static model_text emit(arena *a, const module *m, const output_kind *kind, const char *header_name) {
  model_text t = {.count = kind->kind == CC_SHARED ? c_part_count(m) : 1};
  if (kind->compiled) t.parts = emit_parts(a, m, t.count);
  if (!kind->headed) return t;
  text_stream code, header;
  text_stream_open(&code, a);
  text_stream_open(&header, a);
  c_emit(m, header_name, header.out, code.out);
  t.source = text_stream_close(&code);
  t.header = text_stream_close(&header);
  return t;
}

static bool compile_text(arena *a, diagnostics *d, const module *m, const compile_options *options,
                         cc_output kind, const model_text *text, staging *s, const char *staged) {
  cc_options how = {.program = options->cc, .target = m->target, .kind = kind};
  how.object = staging_path(s, arena_printf(a, "%s.o", m->program->name));
  if (text->count == 1) return cc_compile(a, d, &how, text->parts[0], staged);
  const char **objects = arena_array_of(a, text->count, const char *);
  for (int i = 0; i < text->count; i++) objects[i] = staging_path(s, arena_printf(a, "%d.o", i));
  return cc_compile_parts(a, d, &how, text->count, text->parts, objects, staged);
}

static bool write_model(arena *a, diagnostics *d, const module *m, const compile_options *options,
                        const output_kind *kind, const char *output) {
  int stem = (int)(strlen(output) - strlen(kind->suffix));
  const char *header = arena_printf(a, "%.*s.h", stem, output), *fault;
  model_text text = emit(a, m, kind, base_name(header));
  staging *s = staging_new(a, folder_of(a, output)); /* last, when little memory is wanted yet */
  if (!s) return not_written(d, output);
  const staged_file files[] = {{staging_path(s, base_name(output)), output, kind->mode},
                               {staging_path(s, base_name(header)), header, 0666}};
  bool good = kind->compiled ? compile_text(a, d, m, options, kind->kind, &text, s,
                                            files[0].staged)
                             : write_text(d, text.source, files[0].staged, output);
  if (kind->headed) good = good && write_text(d, text.header, files[1].staged, header);
  if (good && (fault = staging_publish(s, 1 + kind->headed, files))) good = not_written(d, fault);
  staging_remove(s);
  return good;
}

bool compile_program(program *p, diagnostics *d, const compile_options *options,
                     const char *output) {
  const output_kind *kind = kind_of(output);
  if (!kind) {
    diag_error(d, (location){0}, "the name of the output, %s, does not end with .c, .o, .a or .so",
               output);
    return false;
  }
  module *m = compile_module(p, d, options);
  return m && write_model(p->arena, d, m, options, kind, output);
}

bool compile_library(arena *a, const module *m, diagnostics *d, const compile_options *options,
                     const char *folder, bool (*use)(void *context, const char *path), void *context) {
  model_text text = emit(a, m, kind_of(".so"), NULL);
  staging *s = staging_new(a, folder);
  if (!s) return not_written(d, folder);
  const char *path = staging_path(s, "model.so");
  bool good = compile_text(a, d, m, options, CC_SHARED, &text, s, path) && use(context, path);
  staging_remove(s);
  return good;
}
