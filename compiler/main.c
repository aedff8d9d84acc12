/* dnnc: compiles a .dnn file. */
#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ast.h"
#include "c.h"
#include "colour.h"
#include "compile.h"
#include "graph_dot.h"
#include "graph_text.h"
#include "version.h"
#include "loop_text.h"
#include "memory_report.h"
#include "pass.h"
#include "source.h"
#include "streams.h"
#include "tune.h"

enum { STATUS_OK = 0, STATUS_ERROR = 1, STATUS_USAGE = 2 };

static const char usage[] =
    "usage: dnnc [options] FILE.dnn\n"
    "Compiles a neural network, its training included, to C that depends on nothing.\n"
    "\n"
    "  -o OUTPUT            write a shared library (.so), C (.c and .h), an object (.o) or an\n"
    "                       archive (.a); default: the file's name with .c in this folder\n"
    "  --emit=STAGE         print instead: ast, graph, graph@PASS, loops, c, dot, dot@fuse,\n"
    "                       dot@PASS (PASS: elaborate, intern, loops, simplify, fission,\n"
    "                       widen, turns, split); dot is a picture for Graphviz\n"
    "  --entry=NAME         this entry only, with --emit=graph and dot\n"
    "  -D NAME=VALUE        give a constant of the file another value\n"
    "  --target-cpu=CPU     x86-64, x86-64-v2, x86-64-v3 (default), x86-64-v4 or native\n"
    "  --prefix=NAME        the model's name in C; default: from the file's name\n"
    "  --real=f32|f64       f64: compute in f64 whatever is floating\n"
    "  --cc=PROGRAM         the C compiler for .so, .o and .a; default: cc\n"
    "  --tune               measure on this machine how products and convolutions are computed\n"
    "                       fastest, and write that to a file: OUTPUT, or the file's name with\n"
    "                       .tune in this folder\n"
    "  --tune=FILE          compute them as such a file says\n"
    "  --time-passes        print the time of each pass\n"
    "  --memory             print the memory of each entry: bytes, how far the plan lies above\n"
    "                       its lower bound, and what is alive where the scratch is fullest\n"
    "  --color=WHEN         colours of messages: auto (on a terminal, unless NO_COLOR is set),\n"
    "                       always or never\n"
    "  --help               this text\n"
    "  --version            the number of this version\n"
    "\n"
    "examples:\n"
    "  dnnc lenet5.dnn                        writes lenet5.c and lenet5.h\n"
    "  dnnc lenet5.dnn -o net.so -D B=32 --target-cpu=native\n"
    "  dnnc --emit=graph@intern lenet5.dnn    prints the graph behind the pass intern\n"
    "  dnnc --tune lenet5.dnn                 measures, and writes lenet5.tune\n"
    "  dnnc --tune=lenet5.tune lenet5.dnn     writes lenet5.c as it says\n"
    "\n"
    "Exit status: 0 done, 1 errors in the model or its files, 2 wrong use, 70 a fault in dnnc,\n"
    "71 out of memory.\n";

typedef struct options {
  const char *file, *output, *emit, *entry, *real, *tuned; /* tuned: the file of --tune=FILE */
  bool memory, tune;
  compile_options compile;
  elaborate_options elaborate;
} options;

/* what: NULL where getopt has said it. */
static int wrong_use(const char *what, const char *value) {
  if (what) fprintf(stderr, "dnnc: %s%s\n", what, value ? value : "");
  fputs("Try 'dnnc --help'.\n", stderr);
  return STATUS_USAGE;
}

static bool is_c_name(const char *name) {
  for (const char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') return false;
  return *name && !isdigit((unsigned char)*name);
}

static bool add_definition(arena *a, options *o, char *text) {
  char *equals = strchr(text, '=');
  if (!equals || equals == text) return false;
  definition *list = (definition *)o->elaborate.definitions;
  arena_push(a, list, o->elaborate.definition_count) =
      (definition){arena_text_n(a, text, (size_t)(equals - text)), equals + 1};
  o->elaborate.definitions = list;
  return true;
}

/* The pass of "graph@PASS" or "dot@PASS"; NULL: none was given. */
static const char *pass_of(const char *emit) {
  const char *at = strchr(emit, '@');
  return at ? at + 1 : NULL;
}

/* "graph@PASS" is a stage of the kind "graph". */
static bool is_kind(const char *emit, const char *kind) {
  size_t length = strlen(kind);
  return !strncmp(emit, kind, length) && (!emit[length] || emit[length] == '@');
}

/* Fills the options; a status above 0 ends the program with it, -1 goes on. */
static int read_options(arena *a, int argc, char **argv, options *o) {
  enum { EMIT = 256, ENTRY, TARGET, PREFIX, REAL, CC, TIME, TUNE, MEMORY, COLOR, HELP, VERSION };
  static const struct option longs[] = {
      {"emit", required_argument, NULL, EMIT},     {"entry", required_argument, NULL, ENTRY},
      {"target-cpu", required_argument, NULL, TARGET},
      {"prefix", required_argument, NULL, PREFIX}, {"real", required_argument, NULL, REAL},
      {"cc", required_argument, NULL, CC},         {"time-passes", no_argument, NULL, TIME},
      {"tune", optional_argument, NULL, TUNE},
      {"memory", no_argument, NULL, MEMORY},       {"color", required_argument, NULL, COLOR},
      {"help", no_argument, NULL, HELP},           {"version", no_argument, NULL, VERSION},
      {NULL, 0, NULL, 0}};
  for (int c; (c = getopt_long(argc, argv, "o:D:", longs, NULL)) != -1;) {
    switch (c) {
      case 'o': o->output = optarg; break;
      case 'D':
        if (!add_definition(a, o, optarg)) return wrong_use("-D wants NAME=VALUE, not ", optarg);
        break;
      case EMIT: o->emit = optarg; break;
      case ENTRY: o->entry = optarg; break;
      case TARGET: o->compile.target_cpu = optarg; break;
      case PREFIX: o->elaborate.name = optarg; break;
      case REAL: o->real = optarg; break;
      case CC: o->compile.cc = optarg; break;
      case TIME: o->compile.time_passes = true; break;
      case TUNE:
        if (optarg) o->tuned = optarg;
        else o->tune = true;
        break;
      case MEMORY: o->memory = true; break;
      case COLOR:
        if (!colour_choose(optarg)) return wrong_use("--color is auto, always or never, not ", optarg);
        break;
      case HELP: fputs(usage, stdout); return STATUS_OK;
      case VERSION: puts("dnnc " DNN_VERSION); return STATUS_OK;
      default: return wrong_use(NULL, NULL);
    }
  }
  if (optind == argc) return wrong_use("no file was given", NULL);
  if (optind + 1 < argc) return wrong_use("one file at a time; what is ", argv[optind + 1]);
  o->file = argv[optind];
  if (o->real && strcmp(o->real, "f64") && strcmp(o->real, "f32"))
    return wrong_use("--real is f32 or f64, not ", o->real);
  if (o->elaborate.name && !is_c_name(o->elaborate.name))
    return wrong_use("--prefix is letters, digits and underscores, not ", o->elaborate.name);
  if (o->entry && !(o->emit && (is_kind(o->emit, "graph") || is_kind(o->emit, "dot"))))
    return wrong_use("--entry goes with --emit=graph or --emit=dot", NULL);
  if (o->memory && (o->emit || o->output))
    return wrong_use("--memory prints; it goes with neither -o nor --emit", NULL);
  if (o->tune && (o->tuned || o->emit || o->memory))
    return wrong_use("--tune without a file measures; it goes with neither --tune=FILE, --emit nor --memory", NULL);
  if (o->emit && o->output) return wrong_use("--emit prints; it takes no -o ", o->output);
  o->elaborate.real_f64 = o->real && !strcmp(o->real, "f64");
  return -1;
}

static bool is_chosen(const options *o, const graph *g) {
  return !o->entry || strcmp(g->name, o->entry) == 0;
}

static void print_graphs(const program *p, const options *o) {
  bool further = false;
  for (int i = 0; i <= p->entry_count; i++) {
    const graph *g = i ? p->entries[i - 1] : p->initial;
    if (!is_chosen(o, g)) continue;
    if (further) putchar('\n');
    graph_print(stdout, g);
    further = true;
  }
}

/* What -o says, else the file's name with another end, in this folder. */
static const char *output_of(arena *a, const options *o, const char *end) {
  if (o->output) return o->output;
  const char *base = strrchr(o->file, '/') ? strrchr(o->file, '/') + 1 : o->file;
  size_t length = strlen(base);
  if (length > 4 && !strcmp(base + length - 4, ".dnn")) length -= 4;
  return arena_printf(a, "%.*s%s", (int)length, base, end);
}

/* The file of --tune=FILE, where there is one. False after an error. */
static bool read_tuning(arena *a, diagnostics *d, options *o) {
  if (!o->tuned) return true;
  o->compile.tuning = tuning_read(a, d, o->tuned);
  return o->compile.tuning != NULL;
}

static void tell_tuning(arena *a, const options *o) {
  const char *note = o->tuned ? tuning_note(a, o->compile.tuning) : NULL;
  if (note) fprintf(stderr, "dnnc: %s: %s\n", o->tuned, note);
}

static void emit_tree(arena *a, diagnostics *d, const source *text) {
  const ast_file *tree = ast_parse(a, d, text);
  if (tree && !diag_count(d)) ast_print(stdout, tree);
}

static void emit_graphs(diagnostics *d, program *p, const options *o) {
  const char *pass = pass_of(o->emit);
  if ((pass && !strcmp(pass, "elaborate")) || compile_passes(p, d, &o->compile, pass))
    print_graphs(p, o);
}

static void emit_module(diagnostics *d, program *p, const options *o) {
  const module *m = compile_module(p, d, &o->compile);
  if (m && !strcmp(o->emit, "c")) c_emit(m, NULL, NULL, stdout);
  if (m && !strcmp(o->emit, "loops"))
    for (int i = 0; i < m->kernel_count; i++) loop_print(stdout, m->kernels[i]);
}

/* Prints one stage of the way through. */
static void emit_stage(diagnostics *d, program *p, const options *o) {
  const char *pass = pass_of(o->emit);
  if (is_kind(o->emit, "graph")) emit_graphs(d, p, o);
  else if (is_kind(o->emit, "dot"))
    graph_dot(stdout, p, d, &o->compile, pass ? pass : "kernels", o->entry);
  else emit_module(d, p, o);
}

static bool is_stage(const char *emit) {
  static const char *const whole[] = {"ast", "graph", "dot", "loops", "c"};
  const char *pass = pass_of(emit);
  if (pass && is_kind(emit, "graph")) return !strcmp(pass, "elaborate") || pass_is(pass);
  if (pass && is_kind(emit, "dot")) return graph_dot_is_stage(pass);
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
    if (!strcmp(emit, whole[i])) return true;
  return false;
}

static void run(arena *a, diagnostics *d, options *o) {
  if (!read_tuning(a, d, o)) return;
  const source *text = source_read(a, d, o->file);
  if (!text) return;
  if (o->emit && !strcmp(o->emit, "ast")) {
    emit_tree(a, d, text);
    return;
  }
  program *p = elaborate(a, d, text, &o->elaborate);
  if (!p || (o->entry && !program_check_entry(p, d, o->entry))) return;
  if (o->emit) emit_stage(d, p, o);
  else if (o->tune) tune(p, d, &o->compile, output_of(a, o, ".tune"));
  else if (o->memory) {
    const module *m = compile_module(p, d, &o->compile);
    if (m) memory_report(stdout, m);
  } else {
    compile_program(p, d, &o->compile, output_of(a, o, ".c"));
  }
  if (!o->emit && !diag_count(d)) tell_tuning(a, o);
}

int main(int argc, char **argv) {
  streams_keep();
  arena *a = arena_new();
  options o = {0};
  int status = read_options(a, argc, argv, &o);
  if (status < 0 && o.emit && !is_stage(o.emit))
    status = wrong_use("--emit is ast, graph, graph@PASS, loops, c, dot, dot@fuse or dot@PASS, not ",
                       o.emit);
  if (status < 0) {
    diagnostics *d = diag_new(a);
    run(a, d, &o);
    diag_print(d, stderr);
    status = diag_count(d) ? STATUS_ERROR : STATUS_OK;
  }
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("dnnc: standard output");
    status = STATUS_ERROR;
  }
  arena_free(a);
  return status;
}
