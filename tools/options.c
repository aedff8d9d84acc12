#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "file.h"

enum { TRAIN = COMMAND_TRAIN, RUN = COMMAND_RUN, CHECK = COMMAND_CHECK, INFO = COMMAND_INFO,
       EXPORT = COMMAND_EXPORT, BENCH = COMMAND_BENCH, PROFILE = COMMAND_PROFILE };
enum { EVERY = TRAIN | RUN | CHECK | INFO | EXPORT | BENCH | PROFILE, MOST_THREADS = 1024 /* as its help says */, MOST_SECONDS = 86400 };

/* One row per option: name, letter or 0, argument or NULL, commands that take it, help. */
typedef struct row {
  const char *name;
  char letter;
  const char *argument;
  unsigned commands;
  const char *help;
} row;

typedef enum option_code {
  TASK, OUT, DATA, WEIGHTS, MAP, AS, RESUME, OVERWRITE, EPOCHS, SEED, SEEDS, THREADS, DEFINE, BATCH, RANGE,
  DIRECTIONS, STEPS, SECONDS, CLOCK, GRAPH, STAGE, ENTRY, JSON, CC, TUNE, COLOR, HELP, OPTIONS
} option_code;

static const row rows[OPTIONS] = {
    [TASK] = {"task", 0, "NAME", TRAIN, "the task to follow; default: the first of the file"},
    [OUT] = {"out", 'o', "FOLDER", TRAIN | RUN, "where results go; when training, MODEL-TASK by default"},
    [DATA] = {"data", 0, "FOLDERS", TRAIN, "where data sets lie (a:b), before DNN_DATA"},
    [WEIGHTS] = {"weights", 'w', "FILE", TRAIN | RUN | EXPORT, "take parameters from a safetensors file, as a checkpoint"},
    [MAP] = {"map", 'm', "FILE", TRAIN | RUN | EXPORT, "a map of names for these weights, of another program"},
    [AS] = {"as", 0, "FILE", EXPORT, "a map of names for OUTPUT; default: the model's own names"},
    [RESUME] = {"resume", 0, NULL, TRAIN, "go on from the checkpoint in the folder, if there is one"},
    [OVERWRITE] = {"overwrite", 0, NULL, TRAIN, "start anew although the folder holds a training"},
    [EPOCHS] = {"epochs", 0, "N", TRAIN, "length of every phase that is given in epochs"},
    [SEED] = {"seed", 's', "N", EVERY & ~INFO, "of every random draw; default: 0"},
    [SEEDS] = {"seeds", 0, "N,N,…", TRAIN, "a training for each, into FOLDER/seed-N; then medians"},
    [THREADS] = {"threads", 't', "N", EVERY & ~(INFO | EXPORT), "1 to 1024; default: one per core"},
    [DEFINE] = {"define", 'D', "NAME=VALUE", EVERY, "another value for a constant of the file"},
    [BATCH] = {"batch", 0, "N", CHECK, "rows in gradient checks; default: 3"},
    [RANGE] = {"range", 0, "NAME=LO:HI", CHECK | BENCH | PROFILE, "the random integers given to an input"},
    [DIRECTIONS] = {"directions", 0, "N", CHECK, "random directions per parameter; default: 3"},
    [STEPS] = {"steps", 0, "N", CHECK, "calls of each entry to compare; default: 3"},
    [SECONDS] = {"seconds", 0, "S", BENCH | PROFILE, "for which each entry is measured; default: 1"},
    [CLOCK] = {"clock", 0, "wall|cpu", BENCH | PROFILE, "cpu: time of the processor, of one thread, on a loaded machine"},
    [GRAPH] = {"graph", 0, "FILE", INFO, "draw the model into a .png, .svg, .pdf or .dot instead"},
    [STAGE] = {"stage", 0, "NAME", INFO, "what is drawn: kernels (default), fuse, elaborate or a pass"},
    [ENTRY] = {"entry", 0, "NAME", INFO | BENCH | PROFILE, "this entry only; default: all"},
    [JSON] = {"json", 0, NULL, INFO | BENCH | PROFILE, "print the same as JSON"},
    [CC] = {"cc", 0, "PROGRAM", EVERY, "the C compiler; default: cc"},
    [TUNE] = {"tune", 0, "FILE", TRAIN | RUN | BENCH | PROFILE, "schedules that dnnc --tune has measured"},
    [COLOR] = {"color", 0, "WHEN", EVERY, "colours: auto (on a terminal), always or never"},
    [HELP] = {"help", 'h', NULL, EVERY, "this text"},
};

typedef struct command_text {
  command command;
  const char *usage, *about, *examples;
} command_text;

static const command_text command_texts[] = {
    {COMMAND_TRAIN, "train FILE.dnn [options]",
     "Follows a task of the file: trains, evaluates, and writes metrics.csv, curves.png and\n"
     "checkpoint.safetensors into a folder. Interrupted, it writes the checkpoint and ends.",
     "  dnn train lenet5.dnn                        into the folder lenet5-fit\n"
     "  dnn train lenet5.dnn --out=b --seed=2 -D B=32\n"
     "  dnn train lenet5.dnn --out=b --resume       goes on where it stood\n"
     "  dnn train lenet5.dnn --seeds=1,2,3          three trainings, then medians\n"
     "  dnn train digits.dnn --weights=torch.safetensors --map=digits.map\n"},
    {COMMAND_RUN, "run FILE ENTRY [INPUT=FILE|NUMBER …] [OUTPUT=FILE …] [options]",
     "Calls one entry of a model (.dnn or .so) and prints its outputs. Inputs are npy, npz, IDX,\n"
     "csv, png, jpg, txt and safetensors files or numbers; arrays with a multiple of the entry's\n"
     "rows are run in several calls. An output is written to a file as its end says: .npy, .csv\n"
     "or .png; with --out all of them are, as npy.",
     "  dnn run lenet5.dnn predict image=digit.png --weights=lenet5-fit/checkpoint.safetensors\n"
     "  dnn run lenet5.so evaluate image=images.idx.gz label=labels.npy loss=loss.csv\n"},
    {COMMAND_CHECK, "check FILE.dnn [options]",
     "Compares the gradient of every entry's results by every parameter with finite\n"
     "differences, and the compiled code with the interpreter, in f64 and in f32.",
     "  dnn check lenet5.dnn\n"
     "  dnn check lenet5.dnn --directions=10 --batch=8 --range=label=0:9\n"},
    {COMMAND_EXPORT, "export FILE OUTPUT.safetensors [options]",
     "Writes the parameters and states of a model (.dnn or .so), those of --weights or first\n"
     "values, under the model's names or those of --as, as another program reads them.",
     "  dnn export lenet5.dnn torch.safetensors --weights=lenet5-fit/checkpoint.safetensors \\\n"
     "          --as=lenet5.map\n"
     "  dnn export lenet5.dnn ours.safetensors --weights=torch.safetensors --map=lenet5.map\n"},
    {COMMAND_INFO, "info FILE [options]",
     "Prints the entries, parameters and memory of a model (.dnn or .so), and of a .dnn what a call\n"
     "of each entry takes: operations, bytes, kernels; or draws it.",
     "  dnn info lenet5.dnn\n"
     "  dnn info lenet5.so --json\n"
     "  dnn info lenet5.dnn --graph=lenet5.svg --entry=predict\n"},
    {COMMAND_BENCH, "bench FILE.dnn [options]",
     "Measures how long calls of each entry take, on one thread and on --threads, and sets that against\n"
     "what this machine can do: its peak of multiply-adds, and copies of memory.",
     "  dnn bench lenet5.dnn\n"
     "  dnn bench lenet5.dnn --entry=predict --entry=train --threads=4 --seconds=5\n"},
    {COMMAND_PROFILE, "profile FILE.dnn [options]",
     "Measures how long each kernel of each entry takes, and says which line of the model it comes from\n"
     "and how far it is from what this machine can do.",
     "  dnn profile lenet5.dnn --entry=train\n"
     "  dnn profile lenet5.dnn --threads=1 --json\n"},
};

static const command_text *text_of(command c) {
  const command_text *text = command_texts;
  while (text->command != c) text++;
  return text;
}

static void print_help(command c) {
  const command_text *about = text_of(c);
  printf("usage: dnn %s\n%s\n\n", about->usage, about->about);
  for (int i = 0; i < OPTIONS; i++) {
    if (!(rows[i].commands & c)) continue;
    char left[48];
    int length = rows[i].letter ? snprintf(left, sizeof left, "-%c, ", rows[i].letter)
                                : snprintf(left, sizeof left, "    ");
    snprintf(left + length, sizeof left - (size_t)length, "--%s%s%s", rows[i].name,
             rows[i].argument ? "=" : "", rows[i].argument ? rows[i].argument : "");
    printf("  %-24s %s\n", left, rows[i].help);
  }
  printf("\nexamples:\n%s", about->examples);
}

/* Zeros in front do not make a number octal. */
static int base_of(const char *text) {
  text += strspn(text, "+-");
  return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
}

static bool whole_number(const char *text, int64_t least, int64_t most, int64_t *value) {
  char *end;
  errno = 0;
  *value = strtoll(text, &end, base_of(text));
  return end != text && !*end && !errno && *value >= least && *value <= most;
}

static bool parse_seed(const char *text, uint64_t *seed) {
  char *end;
  errno = 0;
  *seed = strtoull(text, &end, base_of(text));
  return end != text && !*end && !errno && !strchr(text, '-');
}

static bool parse_seconds(const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  return end != text && !*end && *value >= 0 && *value <= MOST_SECONDS;
}

static bool parse_clock(const char *text, timer *clock) {
  *clock = strcmp(text, "cpu") == 0 ? TIMER_CPU : TIMER_WALL;
  return *clock == TIMER_CPU || strcmp(text, "wall") == 0;
}

/* "1,2,3", each once. */
static bool parse_seeds(arena *a, options *o, const char *text) {
  o->seeds = NULL;
  o->seed_count = 0;
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, ",");
    uint64_t seed;
    if (!parse_seed(arena_text_n(a, at, length), &seed)) return false;
    for (int i = 0; i < o->seed_count; i++)
      if (o->seeds[i] == seed) return false;
    arena_push(a, o->seeds, o->seed_count) = seed;
    at += length;
    if (!*at) return true;
  }
}

static bool parse_definition(arena *a, options *o, const char *text) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text) return false;
  arena_push(a, o->definitions, o->definition_count) =
      (definition){arena_text_n(a, text, (size_t)(equals - text)), equals + 1};
  return true;
}

static bool parse_range(arena *a, options *o, const char *text) {
  const char *equals = strchr(text, '='), *colon = equals ? strchr(equals, ':') : NULL;
  input_range range;
  if (!colon || !whole_number(colon + 1, INT64_MIN, INT64_MAX, &range.high)) return false;
  const char *low = arena_text_n(a, equals + 1, (size_t)(colon - equals - 1));
  if (!whole_number(low, INT64_MIN, range.high, &range.low)) return false;
  range.input = arena_text_n(a, text, (size_t)(equals - text));
  arena_push(a, o->ranges, o->range_count) = range;
  return true;
}

/* False where the argument is not what the option wants. */
static bool set_option(arena *a, options *o, option_code code, const char *text) {
  int64_t threads;
  switch (code) {
    case TASK: o->task = text; return true;
    case OUT: o->out = text; return *text;
    case DATA: o->data = text; return true;
    case WEIGHTS: o->weights = text; return true;
    case MAP: o->map = text; return *text;
    case AS: o->as = text; return *text;
    case GRAPH: o->graph = text; return true;
    case STAGE: o->stage = text; return true;
    case ENTRY: arena_push(a, o->entries, o->entry_count) = text; return true;
    case CLOCK: return parse_clock(text, &o->clock);
    case SECONDS: return parse_seconds(text, &o->seconds);
    case JSON: return o->json = true;
    case CC: o->cc = text; return true;
    case TUNE: o->tune = text; return *text;
    case COLOR: return colour_choose(text);
    case RESUME: return o->resume = true;
    case OVERWRITE: return o->overwrite = true;
    case EPOCHS: return whole_number(text, 0, INT32_MAX, &o->epochs);
    case SEED: return (o->seed_given = parse_seed(text, &o->seed));
    case SEEDS: return parse_seeds(a, o, text);
    case THREADS:
      if (!whole_number(text, 1, MOST_THREADS, &threads)) return false;
      o->threads = (int)threads;
      return true;
    case DEFINE: return parse_definition(a, o, text);
    case BATCH: return whole_number(text, 1, INT32_MAX, &o->batch);
    case RANGE: return parse_range(a, o, text);
    case DIRECTIONS: return whole_number(text, 1, INT32_MAX, &o->directions);
    case STEPS: return whole_number(text, 1, INT32_MAX, &o->steps);
    case HELP:
    case OPTIONS: break;
  }
  internal_error("option %d", code);
}

/* getopt's tables of the options that a command takes. */
static void getopt_tables(command c, struct option longs[OPTIONS + 1],
                          char letters[2 * OPTIONS + 1]) {
  int count = 0;
  for (int i = 0; i < OPTIONS; i++) {
    if (!(rows[i].commands & c)) continue;
    int wants = rows[i].argument ? required_argument : no_argument;
    longs[count++] = (struct option){rows[i].name, wants, NULL, 256 + i};
    if (rows[i].letter) *letters++ = rows[i].letter;
    if (rows[i].letter && rows[i].argument) *letters++ = ':';
  }
  longs[count] = (struct option){0};
  *letters = 0;
}

static option_code code_of(int value) {
  if (value >= 256) return (option_code)(value - 256);
  for (int i = 0; i < OPTIONS; i++)
    if (rows[i].letter == value) return (option_code)i;
  return OPTIONS;
}

/* What stands behind the options, and whether they go together; -1 or a status. */
static int take_words(command c, int count, char **words, options *o) {
  if (!count) return tool_wrong_use(o, "no file was given");
  o->file = words[0];
  o->rest = (const char **)(words + 1);
  o->rest_count = count - 1;
  int most = c == COMMAND_RUN ? o->rest_count : c == COMMAND_EXPORT;
  if (o->rest_count > most) return tool_wrong_use(o, "one file at a time; what is '%s'?", o->rest[most]);
  if (o->seed_given && o->seed_count) return tool_wrong_use(o, "--seed and --seeds exclude each other");
  if (o->map && !o->weights)
    return tool_wrong_use(o, "--map says how the weights of --weights are named, which is not given");
  if (o->tune && file_has_suffix(o->file, ".so"))
    return tool_wrong_use(o, "--tune goes with a .dnn file; %s is compiled", o->file);
  if (o->json && o->graph) return tool_wrong_use(o, "--json and --graph exclude each other");
  if (c == COMMAND_INFO && (o->stage || o->entry_count) && !o->graph)
    return tool_wrong_use(o, "--stage and --entry say what --graph draws");
  if (c == COMMAND_INFO && o->entry_count > 1) return tool_wrong_use(o, "one --entry is drawn, or all");
  if (o->clock == TIMER_CPU && o->threads > 1) return tool_wrong_use(o, "--clock=cpu is of one thread");
  if (o->resume && o->weights && !o->seed_count)
    return tool_wrong_use(o, "--resume goes on with the weights of its checkpoint, not with those of --weights");
  if (o->resume && o->overwrite) return tool_wrong_use(o, "--resume and --overwrite exclude each other");
  return -1;
}

int options_parse(arena *a, command c, int argc, char **argv, options *o) {
  *o = (options){.command = argv[0], .epochs = -1, .batch = 3, .directions = 3, .steps = 3, .seconds = 1};
  struct option longs[OPTIONS + 1];
  char letters[2 * OPTIONS + 1];
  getopt_tables(c, longs, letters);
  argv[0] = (char *)arena_printf(a, "dnn %s", o->command); /* what getopt's messages begin with */
  optind = 1;
  for (int value; (value = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
    option_code code = code_of(value);
    if (code == OPTIONS) return tool_wrong_use(o, NULL); /* getopt said which */
    if (code == HELP) {
      print_help(c);
      return 0;
    }
    if (!set_option(a, o, code, optarg))
      return tool_wrong_use(o, "--%s wants %s%s, not '%s'", rows[code].name, rows[code].argument,
                            code == THREADS ? " from 1 to 1024" : "", optarg);
  }
  return take_words(c, argc - optind, argv + optind, o);
}

static int by_name(const void *x, const void *y) {
  return strcmp(((const definition *)x)->name, ((const definition *)y)->name);
}

/* The last of a name, which is the one that holds. */
static bool is_last(const options *o, int number) {
  for (int i = number + 1; i < o->definition_count; i++)
    if (strcmp(o->definitions[i].name, o->definitions[number].name) == 0) return false;
  return true;
}

const char *options_definitions(arena *a, const options *o) {
  definition *list = NULL;
  int count = 0;
  for (int i = 0; i < o->definition_count; i++)
    if (is_last(o, i)) arena_push(a, list, count) = o->definitions[i];
  if (count) qsort(list, (size_t)count, sizeof *list, by_name);
  const char *text = "";
  for (int i = 0; i < count; i++)
    text = arena_printf(a, "%s%s-D %s=%s", text, i ? " " : "", list[i].name, list[i].value);
  return text;
}

int tool_wrong_use(const options *o, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (format) {
    fputs("dnn: ", stderr);
    vfprintf(stderr, format, arguments);
    putc('\n', stderr);
  }
  va_end(arguments);
  fprintf(stderr, "Try 'dnn %s --help'.\n", o->command);
  return STATUS_USAGE;
}

static void print_message(colour c, const char *kind, const char *format, va_list arguments) {
  colour_word(stderr, COLOUR_PLACE, "dnn:");
  colour_word(stderr, c, kind);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
}

int tool_error(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_message(COLOUR_ERROR, "error:", format, arguments);
  va_end(arguments);
  return STATUS_ERROR;
}

void tool_warning(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_message(COLOUR_WARNING, "warning:", format, arguments);
  va_end(arguments);
}

int tool_diagnostics(const diagnostics *d) {
  diag_print(d, stderr);
  return diag_count(d) ? STATUS_ERROR : 0;
}
