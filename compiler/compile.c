#include "compile.h"

#include <stdlib.h>
#include <string.h>

#include "c.h"
#include "c_word.h"
#include "cc.h"
#include "op.h"
#include "pass.h"

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

/* The model's name becomes a type of C beside those of the interface. */
static bool name_is_free(const program *p, diagnostics *d) {
  if (!c_is_word(p->name) && strcmp(p->name, "dnn") != 0 && strncmp(p->name, "dnn_", 4) != 0)
    return true;
  diag_error(d, (location){0}, "a model in C cannot be named `%s`: give another name to the file, "
             "or --prefix", p->name);
  return false;
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
  for (int id = 0; id < g->node_count; id++)
    if (!take(d, &left, &g->nodes[id]->type, g->nodes[id]->at, what)) return false;
  return true;
}

static bool graph_lowers(diagnostics *d, const graph *g) {
  for (int id = 0; id < g->node_count; id++)
    if (op_has(g->nodes[id]->op, LOOP)) {
      diag_error(d, g->nodes[id]->at, "a loop at run time, in %s: not supported yet", g->name);
      return false;
    }
  return true;
}

/* What elaboration and the interpreter know, but no kernel does. */
static bool program_lowers(const program *p, diagnostics *d) {
  bool lowers = graph_lowers(d, p->initial);
  for (int i = 0; i < p->entry_count; i++) lowers = graph_lowers(d, p->entries[i]) && lowers;
  return lowers;
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
  if (!t || !name_is_free(p, d)) return NULL;
  if (p->entry_count == 0) {
    diag_error(d, (location){0}, "%s has no entry that could be compiled; write `entry name(…) { … }`",
               p->name);
    return NULL;
  }
  if (!compile_passes(p, d, options, NULL) || !memory_fits(p, d) ||
      !program_lowers(p, d))
    return NULL;
  return module_build(p->arena, p, t);
}

/* ---- files --------------------------------------------------------------------------------- */

/* The model's text: source, and the header's where a name for it is given. */
typedef struct model_text {
  char *source, *header; /* from malloc */
} model_text;

static model_text emit(const module *m, const char *header_name) {
  model_text text = {0};
  size_t sizes[2];
  FILE *into = open_memstream(&text.source, &sizes[0]);
  FILE *header = header_name ? open_memstream(&text.header, &sizes[1]) : NULL;
  if (!into || (header_name && !header) || !c_emit(m, header_name, header, into))
    internal_error("writing to memory failed");
  fclose(into);
  if (header) fclose(header);
  return text;
}

static void text_free(model_text *text) {
  free(text->source);
  free(text->header);
}

/* The path with another suffix; both have a dot. */
static const char *with_suffix(arena *a, const char *path, const char *suffix) {
  return arena_printf(a, "%.*s%s", (int)(strrchr(path, '.') - path), path, suffix);
}

static const char *base_name(const char *path) {
  return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

static bool write_header(arena *a, diagnostics *d, const model_text *text, const char *output) {
  return cc_write_file(a, d, text->header, strlen(text->header), with_suffix(a, output, ".h"));
}

static bool write_c(arena *a, diagnostics *d, const module *m, const char *output) {
  model_text text = emit(m, base_name(with_suffix(a, output, ".h")));
  bool good = write_header(a, d, &text, output) &&
              cc_write_file(a, d, text.source, strlen(text.source), output);
  text_free(&text);
  return good;
}

static bool write_code(arena *a, diagnostics *d, const module *m, const compile_options *options,
                       cc_output kind, const char *output) {
  cc_options how = {
      .program = options->cc, .member = m->program->name, .target = m->target, .kind = kind};
  model_text code = emit(m, NULL);
  bool good = cc_compile(a, d, &how, code.source, output);
  text_free(&code);
  if (!good || kind == CC_SHARED) return good;
  model_text text = emit(m, base_name(with_suffix(a, output, ".h")));
  good = write_header(a, d, &text, output);
  text_free(&text);
  return good;
}

bool compile_program(program *p, diagnostics *d, const compile_options *options,
                     const char *output) {
  const char *suffix = strrchr(base_name(output), '.');
  const struct {
    const char *suffix;
    cc_output kind;
  } codes[] = {{".o", CC_OBJECT}, {".a", CC_ARCHIVE}, {".so", CC_SHARED}};
  bool c = suffix && strcmp(suffix, ".c") == 0;
  int code = 0;
  while (code < 3 && !(suffix && strcmp(suffix, codes[code].suffix) == 0)) code++;
  if (!c && code == 3) {
    diag_error(d, (location){0}, "the name of the output, %s, does not end with .c, .o, .a or .so",
               output);
    return false;
  }
  module *m = compile_module(p, d, options);
  if (!m) return false;
  if (c) return write_c(p->arena, d, m, output);
  return write_code(p->arena, d, m, options, codes[code].kind, output);
}
