#include "cc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SHOWN_BYTES = 2000 }; /* of what a failed program said */

static bool failed(diagnostics *d, const char *what, const char *path) {
  diag_error(d, (location){0}, "cannot %s %s: %s", what, path, strerror(errno));
  return false;
}

/* ---- files --------------------------------------------------------------------------------- */

/* A file without a name, at its start, holding the text; -1 with errno. */
static int nameless_file(const char *text) {
  FILE *file = tmpfile();
  if (!file) return -1;
  size_t length = strlen(text);
  bool good = fwrite(text, 1, length, file) == length && fflush(file) == 0;
  int copy = good ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 3) : -1;
  fclose(file);
  if (copy >= 0 && lseek(copy, 0, SEEK_SET) != 0) {
    close(copy);
    return -1;
  }
  return copy;
}

static const char *folder_of(arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return ".";
  return slash == path ? "/" : arena_text_n(a, path, (size_t)(slash - path));
}

/* On disk before it gets its name, with the usual permissions. */
static bool settle(int file, mode_t mode) {
  mode_t mask = umask(0);
  umask(mask);
  return fchmod(file, mode & ~mask) == 0 && fsync(file) == 0;
}

bool cc_write_file(arena *a, diagnostics *d, const char *text, size_t length, const char *output) {
  char *path = arena_printf(a, "%s.XXXXXX", output);
  int descriptor = mkstemp(path);
  if (descriptor < 0) return failed(d, "write", output);
  FILE *file = fdopen(descriptor, "wb");
  bool good = file && fwrite(text, 1, length, file) == length && fflush(file) == 0 &&
              settle(descriptor, 0666);
  if (file ? fclose(file) != 0 : close(descriptor) != 0) good = false;
  if (good && rename(path, output) == 0) return true;
  failed(d, "write", output);
  unlink(path);
  return false;
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

/* Runs a program with the file as its standard input; false after an error. */
static bool run(arena *a, diagnostics *d, const char *const *arguments, int input) {
  int errors = nameless_file("");
  if (errors < 0) return failed(d, "make a temporary file for", arguments[0]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, errors, 1);
  posix_spawn_file_actions_adddup2(&actions, errors, 2);
  pid_t child;
  int error = posix_spawnp(&child, arguments[0], &actions, NULL, (char *const *)arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
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

/* Gives a finished file its name. */
static bool publish(diagnostics *d, const char *path, const char *output, mode_t mode) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  bool good = file >= 0 && settle(file, mode);
  if (file >= 0) close(file);
  return (good && rename(path, output) == 0) || failed(d, "write", output);
}

bool cc_compile(arena *a, diagnostics *d, const cc_options *options, const char *text,
                const char *output) {
  char *folder = arena_printf(a, "%s/.dnnc-XXXXXX", folder_of(a, output));
  if (!mkdtemp(folder)) return failed(d, "write", output);
  const char *member = options->member ? options->member : "model";
  const char *object = arena_printf(a, "%s/%s.o", folder, member);
  const char *library = arena_printf(a, "%s/%s.a", folder, member);
  bool archives = options->kind == CC_ARCHIVE;
  bool good = compile(a, d, options, text, object) &&
              (!archives || archive(a, d, options, object, library)) &&
              publish(d, archives ? library : object, output,
                      options->kind == CC_SHARED ? 0777 : 0666);
  unlink(object);
  unlink(library);
  rmdir(folder);
  return good;
}
