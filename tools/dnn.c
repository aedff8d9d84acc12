/* dnn: trains, runs, checks, describes and measures models. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "streams.h"
#include "version.h"

static const char usage[] =
    "usage: dnn COMMAND FILE [options]\n"
    "\n"
    "  train    follow a task of a .dnn file\n"
    "  run      call one entry of a model\n"
    "  check    compare gradients and compiled code with their definitions\n"
    "  export   write a model's weights, also under another program's names\n"
    "  info     print a model's entries, parameters and memory, or draw it\n"
    "  bench    measure how long calls of a model take\n"
    "  profile  measure how long each kernel of a model takes, by the line it comes from\n"
    "\n"
    "dnn COMMAND --help prints a command's options and examples. FILE is a model's .dnn text or,\n"
    "for run, export and info, a shared library made by dnnc. Data sets are searched in --data,\n"
    "in the folders of DNN_DATA (separated by colons), /usr/share/datasets and\n"
    "/usr/local/share/datasets. NO_COLOR turns colours off, unless --color says otherwise.\n"
    "\n"
    "Exit status: 0 done, 1 an error in the model or its files, 2 wrong use, 70 a fault in dnn,\n"
    "71 out of memory, 130 interrupted.\n";

static const struct {
  const char *name;
  command command;
  int (*run)(arena *a, const options *o);
} commands[] = {
    {"train", COMMAND_TRAIN, command_train},
    {"run", COMMAND_RUN, command_run},
    {"check", COMMAND_CHECK, command_check},
    {"export", COMMAND_EXPORT, command_export},
    {"info", COMMAND_INFO, command_info},
    {"bench", COMMAND_BENCH, command_bench},
    {"profile", COMMAND_PROFILE, command_profile},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static int run_command(int index, int argc, char **argv) {
  arena *a = arena_new();
  options o;
  int status = options_parse(a, commands[index].command, argc, argv, &o);
  if (status < 0) status = commands[index].run(a, &o);
  arena_free(a);
  return status;
}

static int command_of(const char *name) {
  for (int i = 0; i < COMMANDS; i++)
    if (strcmp(name, commands[i].name) == 0) return i;
  return -1;
}

static int no_command(const char *name) {
  const char *names[COMMANDS];
  for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
  const char *nearest = diag_nearest(name, names, COMMANDS);
  if (!*name) fputs("dnn: no command was given", stderr);
  else fprintf(stderr, "dnn: there is no command '%s'", name);
  if (nearest) fprintf(stderr, "; do you mean '%s'?\n", nearest);
  else {
    fputs("; there are", stderr);
    for (int i = 0; i < COMMANDS; i++) fprintf(stderr, "%s %s", i ? "," : "", names[i]);
    putc('\n', stderr);
  }
  fputs("Try 'dnn --help'.\n", stderr);
  return STATUS_USAGE;
}

/* "dnn help" is "dnn --help", "dnn help train" is "dnn train --help". */
static int help(int argc, char **argv) {
  char option[] = "--help";
  if (argc < 2) {
    fputs(usage, stdout);
    return 0;
  }
  int index = command_of(argv[1]);
  return index < 0 ? no_command(argv[1]) : run_command(index, 2, (char *[]){argv[1], option, NULL});
}

static int run_named(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  int index = command_of(name);
  if (index >= 0) return run_command(index, argc - 1, argv + 1);
  if (strcmp(name, "--version") == 0) {
    puts("dnn " DNN_VERSION);
    return 0;
  }
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
    return help(argc - 1, argv + 1);
  return no_command(name);
}

int main(int argc, char **argv) {
  streams_keep();
  int status = run_named(argc, argv);
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  perror("dnn: standard output");
  return status ? status : STATUS_ERROR;
}
