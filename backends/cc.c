#include "cc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SHOWN_BYTES = 2000 }; /* of what a failed program said */

static bool failed(diagnostics *d, const char *what, const char *path) {
  diag_error(d, (location){0}, "cannot %s %s: %s", what, path, strerror(errno));
  return false;
}

/* ---- files --------------------------------------------------------------------------------- */

static bool write_text(int file, const char *text) {
  off_t length = (off_t)strlen(text);
  for (off_t at = 0; at < length;) {
    ssize_t written = pwrite(file, text + at, (size_t)(length - at), at);
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) at += written;
  }
  return true;
}

/* A file in memory, at its start, holding the text. Its number is none of those that a child's
 * standard files get. -1 with errno. */
static int nameless_file(const char *text) {
  int file = memfd_create("dnnc", MFD_CLOEXEC);
  int copy = file >= 0 && write_text(file, text) ? fcntl(file, F_DUPFD_CLOEXEC, 3) : -1;
  int reason = errno;
  if (file >= 0) close(file);
  errno = reason;
  return copy;
}

/* ---- child processes ----------------------------------------------------------------------- */

/* What a program said, so far as it is shown. */
static const char *said(arena *a, int file) {
  char *text = arena_alloc(a, SHOWN_BYTES + 1);
  ssize_t length = pread(file, text, SHOWN_BYTES, 0);
  return length > 0 ? text : "";
}

static void report(arena *a, diagnostics *d, const char *program, int status, int errors) {
  if (WIFSIGNALED(status))
    diag_error(d, (location){0}, "%s was ended by signal %d", program, WTERMSIG(status));
  else
    diag_error(d, (location){0}, "%s failed with status %d", program, WEXITSTATUS(status));
  char *line = arena_text(a, said(a, errors));
  for (char *rest = line; line && *line; line = rest) {
    rest = strchr(line, '\n');
    if (rest) *rest++ = 0;
    diag_note(d, "    %s", line);
  }
}

static int wait_for(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}

/* Starts a program with these files as its standard input, output and errors. 0, or errno's number. */
static int start(const char *const *arguments, int input, int errors, pid_t *child) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = posix_spawn_file_actions_adddup2(&actions, input, 0);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, errors, 1);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, errors, 2);
  if (!error)
    error = posix_spawnp(child, arguments[0], &actions, NULL, (char *const *)arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/* Runs a program with the file as its standard input; false after an error. */
static bool run(arena *a, diagnostics *d, const char *const *arguments, int input) {
  int errors = nameless_file("");
  if (errors < 0) return failed(d, "make a temporary file for", arguments[0]);
  pid_t child;
  int status = 0, error = start(arguments, input, errors, &child);
  if (error == ENOMEM) arena_exhausted(a, 0);
  if (error) {
    errno = error;
    failed(d, "run", arguments[0]);
  } else if ((status = wait_for(child)) != 0) {
    report(a, d, arguments[0], status, errors);
  }
  close(errors);
  return !error && status == 0;
}

/* ---- compiling ----------------------------------------------------------------------------- */

typedef struct command {
  arena *arena;
  const char **arguments;
  int count;
} command;

static void add(command *c, const char *argument) {
  arena_push(c->arena, c->arguments, c->count) = argument;
}

static const char *const *compiler_command(arena *a, const cc_options *o, const char *output) {
  static const char *const always[] = {"-x", "c", "-std=c11", "-O2", "-ffp-contract=off",
                                       "-fno-math-errno", "-fno-ident", "-fPIC",
                                       "-fvisibility=hidden"};
  command c = {.arena = a};
  add(&c, o->program ? o->program : "cc");
  for (size_t i = 0; i < sizeof always / sizeof *always; i++) add(&c, always[i]);
  for (int i = 0; o->target->flags[i]; i++) add(&c, o->target->flags[i]);
  if (o->kind == CC_SHARED) {
    add(&c, "-DDNN_SHARED_LIBRARY");
    add(&c, "-shared");
    add(&c, "-Wl,--build-id=none");
  } else {
    add(&c, "-c");
  }
  add(&c, "-o");
  add(&c, output);
  add(&c, "-");
  add(&c, NULL);
  return c.arguments;
}

static bool compile(arena *a, diagnostics *d, const cc_options *o, const char *text,
                    const char *output) {
  int input = nameless_file(text);
  if (input < 0) return failed(d, "make a temporary file for", output);
  bool good = run(a, d, compiler_command(a, o, output), input);
  close(input);
  return good;
}

static bool archive(arena *a, diagnostics *d, const cc_options *o, const char *object,
                    const char *output) {
  const char *const arguments[] = {o->archiver ? o->archiver : "ar", "rcD", output, object, NULL};
  int input = nameless_file("");
  if (input < 0) return failed(d, "make a temporary file for", output);
  bool good = run(a, d, arguments, input);
  close(input);
  return good;
}

bool cc_compile(arena *a, diagnostics *d, const cc_options *options, const char *text,
                const char *output) {
  if (options->kind != CC_ARCHIVE) return compile(a, d, options, text, output);
  return compile(a, d, options, text, options->object) &&
         archive(a, d, options, options->object, output);
}
