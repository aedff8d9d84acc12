#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char not_regular[] = "not a regular file";

static bool write_all(int file, const void *data, size_t bytes) {
  for (const char *at = data; bytes > 0;) {
    ssize_t n = write(file, at, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    at += n;
    bytes -= (size_t)n;
  }
  return true;
}

static bool write_parts(int file, int part_count, const file_part *parts) {
  for (int i = 0; i < part_count; i++)
    if (!write_all(file, parts[i].data, parts[i].bytes)) return false;
  return fsync(file) == 0;
}

/* Makes the new name itself durable. Some file systems cannot sync a folder (EINVAL). */
static bool sync_folder_of(arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  const char *folder = slash ? arena_text_n(a, path, (size_t)(slash - path) + 1) : ".";
  int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return false;
  bool synced = fsync(file) == 0 || errno == EINVAL;
  close(file);
  return synced;
}

bool file_replace(arena *a, const char *path, int part_count, const file_part *parts,
                  const char **error) {
  struct stat status;
  if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) { /* a device would be replaced by a file */
    *error = arena_printf(a, "cannot write %s: %s", path,
                          S_ISDIR(status.st_mode) ? strerror(EISDIR) : not_regular);
    return false;
  }
  const char *temporary = arena_printf(a, "%s.%ld.tmp", path, (long)getpid());
  int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  bool made = file >= 0;
  bool written = made && write_parts(file, part_count, parts);
  int reason = errno;
  if (made && close(file) && written) {
    written = false;
    reason = errno;
  }
  if (written && (rename(temporary, path) || !sync_folder_of(a, path))) {
    written = false;
    reason = errno;
  }
  if (written) return true;
  if (made) unlink(temporary);
  *error = arena_printf(a, "cannot write %s: %s", path, strerror(reason));
  return false;
}

char *file_read(arena *a, const char *path, size_t *bytes, const char **error) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* does not wait for a pipe's other end */
  struct stat status;
  const char *fault = NULL;
  char *text = NULL;
  if (file >= 0 && fstat(file, &status) == 0) {
    if (S_ISDIR(status.st_mode)) {
      errno = EISDIR;
    } else if (!S_ISREG(status.st_mode)) {
      fault = not_regular;
    } else {
      size_t size = (size_t)status.st_size, done = 0;
      text = arena_alloc(a, size + 1);
      ssize_t n = 1;
      while (done < size && (n = read(file, text + done, size - done)) > 0) done += (size_t)n;
      *bytes = done;
      if (n < 0) text = NULL;
    }
  }
  if (!text) *error = arena_printf(a, "cannot read %s: %s", path, fault ? fault : strerror(errno));
  if (file >= 0) close(file);
  return text;
}

bool folder_make(arena *a, const char *path, const char **error) {
  char *part = arena_text(a, path);
  for (char *at = part + 1;; at++) {
    if (*at != '/' && *at) continue;
    char end = *at;
    *at = 0;
    struct stat status;
    if (mkdir(part, 0777) && (errno != EEXIST || stat(part, &status) || !S_ISDIR(status.st_mode))) {
      *error = arena_printf(a, "cannot make the folder %s: %s", part,
                            strerror(errno == 0 ? ENOTDIR : errno));
      return false;
    }
    if (!end) return true;
    *at = end;
  }
}

/* "checkpoint.safetensors.1234.tmp" */
static bool is_temporary(const char *name) {
  size_t length = strlen(name), end = length;
  if (length < 5 || strcmp(name + length - 4, ".tmp")) return false;
  for (end = length - 4; end > 0 && name[end - 1] >= '0' && name[end - 1] <= '9';) end--;
  return end > 1 && end < length - 4 && name[end - 1] == '.';
}

void folder_clean(arena *a, const char *path) {
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));)
    if (is_temporary(entry->d_name)) unlink(arena_printf(a, "%s/%s", path, entry->d_name));
  if (folder) closedir(folder);
}

bool folder_is_empty(const char *path) {
  DIR *folder = opendir(path);
  bool empty = folder;
  for (struct dirent *entry; empty && (entry = readdir(folder));)
    empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
  if (folder) closedir(folder);
  return empty;
}

bool file_exists(const char *path) {
  struct stat status;
  return stat(path, &status) == 0;
}

bool file_has_suffix(const char *path, const char *suffix) {
  size_t length = strlen(path), end = strlen(suffix);
  return length > end && strcmp(path + length - end, suffix) == 0;
}
