#include "staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct staging {
  arena *arena;
  const char *parent;
  char *folder; /* NULL when removed */
  const char **paths;
  int count;
};

static void remove_folder(void *argument) {
  staging *s = argument;
  int reason = errno;
  for (int i = 0; s->folder && i < s->count; i++) unlink(s->paths[i]);
  if (s->folder) rmdir(s->folder);
  s->folder = NULL;
  errno = reason;
}

staging *staging_new(arena *a, const char *parent) {
  staging *s = arena_new_of(a, staging);
  *s = (staging){.arena = a, .parent = arena_text(a, parent)};
  arena_at_end(a, remove_folder, s);
  char *folder = arena_printf(a, "%s/.dnnc-XXXXXX", parent);
  if (!mkdtemp(folder)) return NULL;
  s->folder = folder;
  return s;
}

const char *staging_path(staging *s, const char *name) {
  const char *path = arena_printf(s->arena, "%s/%s", s->folder, name);
  arena_push(s->arena, s->paths, s->count) = path;
  return path;
}

void staging_remove(staging *s) { remove_folder(s); }

bool staging_write(const char *path, const char *text, size_t length) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  ssize_t written = 0;
  while (length > 0 && (written >= 0 || errno == EINTR)) {
    written = write(file, text, length);
    if (written < 0) continue;
    text += written;
    length -= (size_t)written;
  }
  int reason = errno;
  bool closed = close(file) == 0;
  if (length > 0) errno = reason;
  return length == 0 && closed;
}

/* On disk before it gets its name, with the usual permissions. */
static bool settle(const staged_file *f) {
  int file = open(f->staged, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  mode_t mask = umask(0);
  umask(mask);
  bool settled = fchmod(file, f->mode & ~mask) == 0 && fsync(file) == 0;
  int reason = errno;
  close(file);
  errno = reason;
  return settled;
}

/* A file that stands at the path is kept under the staged name where the system can swap names; undo
 * brings it back. */
static bool move_in(const staged_file *f, bool *swapped) {
  struct stat old;
  *swapped = lstat(f->path, &old) == 0 && !S_ISDIR(old.st_mode) &&
             renameat2(AT_FDCWD, f->staged, AT_FDCWD, f->path, RENAME_EXCHANGE) == 0;
  return *swapped || rename(f->staged, f->path) == 0;
}

static void undo(const staged_file *f, bool swapped) {
  if (swapped) rename(f->staged, f->path);
  else unlink(f->path);
}

/* Makes the new names themselves durable. Some file systems cannot sync a folder (EINVAL). */
static bool sync_folder(const char *folder) {
  int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return false;
  bool synced = fsync(file) == 0 || errno == EINVAL;
  int reason = errno;
  close(file);
  errno = reason;
  return synced;
}

const char *staging_publish(staging *s, int count, const staged_file *files) {
  bool *swapped = arena_array_of(s->arena, count, bool);
  const char *fault = NULL;
  int moved = 0;
  for (int i = 0; i < count && !fault; i++)
    if (!settle(&files[i])) fault = files[i].path;
  while (moved < count && !fault) {
    if (move_in(&files[moved], &swapped[moved])) moved++;
    else fault = files[moved].path;
  }
  if (!fault && !sync_folder(s->parent)) fault = s->parent;
  int reason = errno;
  while (fault && moved > 0) {
    moved--;
    undo(&files[moved], swapped[moved]);
  }
  errno = reason;
  return fault;
}
