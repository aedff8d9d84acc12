/* What elaboration makes of a file: the slots, one graph per entry, and the tasks. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "graph.h"
#include "reader.h"

/* A column of a data set: files, whose rows follow each other, and the reader that understands
 * them. */
typedef struct data_column {
  const char *name;   /* meets the entry's input of this name */
  const char *reader; /* a row of reader.h */
  const char **files;
  int file_count;
  reader_setting *settings;
  int setting_count;
  location at;
} data_column;

/* A scalar input of a run: an expression of step (within the phase, from 0), epoch (from 0) and
 * steps (the phase's total), as a graph with these three f64 inputs and one f64 output. */
typedef struct run_argument {
  const char *name; /* the entry's input */
  graph *value;
  location at;
} run_argument;

typedef struct data_split {
  const char *name; /* "train" */
  data_column *columns;
  int column_count;
  int64_t first, calls; /* of an entry: the number of its first call, and of calls */
} data_split;

/* Files of a folder, or what calls of an entry return. */
typedef struct data_set {
  const char *name;   /* the task's variable */
  const char *folder; /* "fashion-mnist", looked up on the data path */
  const char *entry;  /* NULL: files. Each split has one column for each output, which only has a name */
  run_argument *arguments; /* of the entry: `step` is the number of the call */
  int argument_count;
  data_split *splits;
  int split_count;
  location at;
} data_set;

typedef enum cut_kind {
  CUT_NONE,
  CUT_WINDOWS,  /* pieces of `length` rows, one every `step` rows */
  CUT_STREAMS,  /* the same pieces in the order of as many streams as a batch has rows */
  CUT_SEQUENCES /* neighbours that agree in column `key`, or rise there, at most `length`; what is missing is 0 */
} cut_kind;

/* How neighbouring rows of a split become one row of an input, along its second axis. */
typedef struct data_cut {
  cut_kind kind;
  int64_t length, step;
  int key;
  bool rising;
  location at;
} data_cut;

typedef enum picture_kind {
  PICTURE_NONE,
  PICTURE_ARRAY,   /* one output as npy */
  PICTURE_GRID,    /* one output, images */
  PICTURE_PLOT,    /* outputs as curves */
  PICTURE_SCATTER, /* points */
  PICTURE_TEXT,    /* one output, characters */
  PICTURE_TABLE    /* outputs as columns of a CSV file */
} picture_kind;

/* What a run writes with to: and as:. Outputs are positions among the entry's. */
typedef struct run_picture {
  picture_kind kind;
  const char *to;         /* file, in which {entry}, {epoch}, {step} are filled in; NULL: the terminal */
  int *outputs;
  int output_count;
  int across;             /* of a plot or scatter: x; -1: none */
  int classes;            /* of a scatter: the points' classes; -1: none */
  int64_t rows, columns;  /* of a grid; 0: as square as it can be */
  int64_t zoom;           /* of a grid: pixels per pixel; 0: by its size */
  bool ranged, each;      /* of a grid: values from low to high; or from every image's least to its most */
  double low, high;
} run_picture;

/* Rows [first, last) of a split, from its end where they are below 0. */
#define ROWS_END INT64_MAX
typedef struct run_source {
  int set, split;
  int64_t first, last;
  data_cut cut;
} run_source;

/* The lengths of a source's sequences, as a column. */
enum { COLUMN_LENGTHS = -1 };

/* An input of the entry and the column of a source that it takes its rows from. */
typedef struct run_column {
  const char *input;
  int source, column;
} run_column;

typedef enum task_run_kind { TASK_RUN, TASK_LOAD, TASK_SAVE } task_run_kind;

/* One run(…) of a task, or load(…) or save(…). A negative count was not given. */
typedef struct task_run {
  task_run_kind kind;
  const char *instance, *file, *map; /* of a load or save: a path, a file, names (or NULL); no more */
  const char *entry;      /* name in program.entries */
  const char *label;      /* under which results are reported; NULL: the entry's name */
  run_source *sources;    /* of data; the first gives the length of an epoch */
  int source_count;
  run_column *columns;
  int column_count;
  run_argument *arguments;
  int argument_count;
  int64_t epochs, steps;                /* a phase */
  bool alternate;                       /* takes turns with the phase before it */
  int64_t times;                        /* calls in a turn of a phase */
  int64_t every_epochs, every_steps;    /* belongs to the phase before it */
  bool at_end, once, shuffle;
  run_picture picture;
  location at;
} task_run;

/* Ends a phase when a metric has not got better for some measurements in a row. */
typedef struct task_stop {
  int phase, run;   /* runs of the task: the phase, and the one that measures */
  const char *metric;
  bool higher;      /* is better; else lower */
  int64_t patience;
  location at;
} task_stop;

typedef struct task {
  const char *name, *after; /* after: NULL or another task */
  data_set *sets;
  int set_count;
  task_run *runs;
  int run_count;
  task_stop *stops;
  int stop_count;
  location at;
} task;

/* What a minimize or maximize of an entry takes, as an output of the entry. */
typedef struct objective {
  const char *entry;
  int output;       /* -1: it lies in a loop at run time, which gives it to no output */
  bool added;       /* the output is no result of the entry: elaborate_options.objectives asked for it */
  location at;      /* of the minimize */
} objective;

typedef struct program {
  arena *arena;
  const char *name;   /* of the model: a C identifier, from the file's name or --prefix */
  slot *slots;        /* sorted by path */
  int slot_count;
  graph *initial;     /* "init": no inputs, one update for every slot */
  graph **entries;
  const char **batch_constants; /* one per entry: see program_batch_constant */
  int entry_count;
  objective *objectives;        /* of all entries; those that are no result only where they were asked for */
  int objective_count;
  task *tasks;
  int task_count;
} program;

/* -D NAME=VALUE; the value is text of the language, a static expression. */
typedef struct definition {
  const char *name, *value;
} definition;

/* A further copy of an entry in which a constant has another value: the last, smaller batch. Its
 * graph is named ENTRY_VALUE, "evaluate_16". All slots must come out with the same types. */
typedef struct specialisation {
  const char *entry, *constant;
  int64_t value;
} specialisation;

typedef struct elaborate_options {
  const char *name;         /* model name; NULL: from the source's name */
  bool real_f64;            /* --real=f64: f32 becomes f64 everywhere, inputs and slots included */
  const definition *definitions;
  int definition_count;
  const specialisation *specialisations;
  int specialisation_count;
  bool objectives;          /* what is minimized and is no result becomes an output, behind the results */
  const char *folder;       /* where `use` looks before the library; NULL: the source's folder */
} elaborate_options;

/* Parses and elaborates. NULL when there were errors, which then stand in the diagnostics. */
program *elaborate(arena *a, diagnostics *d, const source *text, const elaborate_options *options);

/* The constant by which an entry's leading input extents are given, "B", or NULL where the inputs'
 * leading extents are not all the same named constant. */
const char *program_batch_constant(const program *p, const char *entry);

const slot *program_slot(const program *p, const char *path);
graph *program_entry(const program *p, const char *name);

/* False with a diagnostic where neither an entry nor `init` has the name. */
bool program_check_entry(const program *p, diagnostics *d, const char *name);

/* True where the entry updates a slot; such an entry advances step. */
bool entry_writes(const graph *entry);

#endif
