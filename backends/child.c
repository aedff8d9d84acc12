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

static int wait_for(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}

/* Starts a program with these files as its standard input, output and errors. 0, or errno's number. */
static int start(const char *const *arguments, int input, int output, int errors, pid_t *child) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = posix_spawn_file_actions_adddup2(&actions, input, 0);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, errors, 2);
  if (!error)
    error = posix_spawnp(child, arguments[0], &actions, NULL, (char *const *)arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/* files: standard input, output and errors. */
static bool run(arena *a, diagnostics *d, const char *const *arguments, const int *files) {
  pid_t child;
  int status = 0, error = start(arguments, files[0], files[1], files[2], &child);
  if (error == ENOMEM) arena_exhausted(a, 0);
  if (error) {
    errno = error;
    return failed(d, "run", arguments[0]);
  }
  status = wait_for(child);
  if (status) report(a, d, arguments[0], status, files[2]);
  return status == 0;
}

bool child_run(arena *a, diagnostics *d, const char *const *arguments, const char *text,
               child_output *output) {
  int files[3] = {nameless_file(text), -1, -1};
  if (files[0] >= 0) files[2] = nameless_file("");
  if (files[2] >= 0) files[1] = output ? nameless_file("") : files[2];
  bool good = files[1] >= 0 ? run(a, d, arguments, files)
                            : failed(d, "make a temporary file for", arguments[0]);
  if (good && output && !read_back(a, files[1], SIZE_MAX, output))
    good = failed(d, "read what was printed by", arguments[0]);
  for (int i = 0; i < 3; i++)
    if (files[i] >= 0 && (i != 1 || files[1] != files[2])) close(files[i]);
  return good;
}
