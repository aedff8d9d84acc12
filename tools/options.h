/* The command line of dnn: one table of options, from which parsing and help are made. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "program.h"
#include "timer.h"

/* Exit statuses besides 0: a user's error, wrong use, interrupted by a signal. An internal fault
 * ends with 70, lack of memory with 71. */
enum { STATUS_ERROR = 1, STATUS_USAGE = 2, STATUS_INTERRUPTED = 130 };

typedef enum command {
  COMMAND_TRAIN = 1, COMMAND_RUN = 2, COMMAND_CHECK = 4, COMMAND_INFO = 8,
  COMMAND_EXPORT = 16, COMMAND_BENCH = 32, COMMAND_PROFILE = 64
} command;

/* The integers that a random input takes: name=lo:hi. */
typedef struct input_range {
  const char *input;
  int64_t low, high;
} input_range;

typedef struct options {
  const char *command;          /* "train" */
  const char *file;             /* .dnn or .so */
  const char **rest;            /* further arguments */
  int rest_count;
  const char *graph, *stage;    /* of a picture */
  const char **entries;         /* that are drawn or measured; none: all */
  int entry_count;
  const char *task, *out, *data, *weights, *map, *as, *cc, *tune;
  definition *definitions;
  int definition_count;
  input_range *ranges;
  int range_count;
  uint64_t seed;
  uint64_t *seeds;              /* of --seeds, each once */
  int seed_count;               /* 0: one training, with `seed` */
  bool seed_given, resume, overwrite, json;
  int threads;                  /* 0: one per core */
  int64_t epochs;               /* -1: as the task says */
  int64_t batch;                /* of gradient checks */
  int64_t directions, steps;    /* of checks */
  double seconds;               /* of measurements */
  timer clock;
} options;

/* Parses the words behind the command's name (argv[0]). Returns -1 to go on, else the status with
 * which the program ends: after --help, or a message about wrong use. */
int options_parse(arena *a, command c, int argc, char **argv, options *o);

/* "-D B=10 -D N=3": the definitions that hold, by name; "" where there is none. */
const char *options_definitions(arena *a, const options *o);

/* Prints what is wrong with a command line, unless it has been said (NULL), and where help is. Returns
 * STATUS_USAGE. */
int tool_wrong_use(const options *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints a user's error: "dnn: message". Returns STATUS_ERROR. */
int tool_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same of a warning: "dnn: warning: message". */
void tool_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints diagnostics, if any, and returns the status: STATUS_ERROR where there are, else 0. */
int tool_diagnostics(const diagnostics *d);

#endif
