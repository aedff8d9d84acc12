#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SHOWN_BYTES = 2000 }; /* of what a failed program said */

static bool failed(diagnostics *d, const char *what, const char *path) {
  diag_error(d, (location){0}, "cannot %s %s: %s", what, path, strerror(errno));
  return false;
}

/* ---- files in memory ----------------------------------------------------------------------- */

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

/* The start of a file, with a zero byte behind it: all of it, or so many bytes. False with errno. */
static bool read_back(arena *a, int file, size_t most, child_output *output) {
  struct stat status;
  if (fstat(file, &status)) return false;
  size_t size = (size_t)status.st_size < most ? (size_t)status.st_size : most, done = 0;
  output->data = arena_alloc(a, size + 1);
  while (done < size) {
    ssize_t n = pread(file, output->data + done, size - done, (off_t)done);
    if (n == 0 || (n < 0 && errno != EINTR)) return false;
    if (n > 0) done += (size_t)n;
  }
  output->bytes = size;
  return true;
}

/* ---- child processes ----------------------------------------------------------------------- */

static void report(arena *a, diagnostics *d, const char *program, int status, int errors) {
  if (WIFSIGNALED(status))
    diag_error(d, (location){0}, "%s was ended by signal %d", program, WTERMSIG(status));
  else
    diag_error(d, (location){0}, "%s failed with status %d", program, WEXITSTATUS(status));
  child_output said;
  if (!read_back(a, errors, SHOWN_BYTES, &said)) return;
  for (char *line = said.data, *rest; line && *line; line = rest) {
    rest = strchr(line, '\n');
    if (rest) *rest++ = 0;
    diag_note(d, "    %s", line);
  }
}

static int wait_for(pid_t process) {
  int status;
  while (waitpid(process, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}

/* Starts a program with these files as its standard input, output and errors. 0, or errno's number. */
static int start(const char *const *arguments, int input, int output, int errors, pid_t *process) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = posix_spawn_file_actions_adddup2(&actions, input, 0);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, errors, 2);
  if (!error)
    error = posix_spawnp(process, arguments[0], &actions, NULL, (char *const *)arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

struct child {
  arena *arena;
  diagnostics *diagnostics;
  const char *program;
  child_output *output;
  int files[3]; /* standard input, output and errors; the last two may be one */
  pid_t process;
};

static void close_files(const child *c) {
  for (int i = 0; i < 3; i++)
    if (c->files[i] >= 0 && (i != 1 || c->files[1] != c->files[2])) close(c->files[i]);
}

static bool open_files(child *c, const char *text) {
  c->files[0] = nameless_file(text);
  c->files[2] = c->files[0] >= 0 ? nameless_file("") : -1;
  c->files[1] = c->files[2] < 0 ? -1 : c->output ? nameless_file("") : c->files[2];
  return c->files[1] >= 0 || failed(c->diagnostics, "make a temporary file for", c->program);
}

static bool start_with_files(child *c, const char *const *arguments) {
  int error = start(arguments, c->files[0], c->files[1], c->files[2], &c->process);
  if (error == ENOMEM) arena_exhausted(c->arena, 0);
  errno = error;
  return error == 0 || failed(c->diagnostics, "run", c->program);
}

child *child_start(arena *a, diagnostics *d, const char *const *arguments, const char *text,
                   child_output *output) {
  child *c = arena_new_of(a, child);
  *c = (child){.arena = a, .diagnostics = d, .program = arguments[0], .output = output};
  if (open_files(c, text) && start_with_files(c, arguments)) return c;
  close_files(c);
  return NULL;
}

bool child_wait(child *c) {
  int status = wait_for(c->process);
  if (status) report(c->arena, c->diagnostics, c->program, status, c->files[2]);
  bool good = status == 0;
  if (good && c->output && !read_back(c->arena, c->files[1], SIZE_MAX, c->output))
    good = failed(c->diagnostics, "read what was printed by", c->program);
  close_files(c);
  return good;
}

bool child_run(arena *a, diagnostics *d, const char *const *arguments, const char *text,
               child_output *output) {
  child *c = child_start(a, d, arguments, text, output);
  return c && child_wait(c);
}
