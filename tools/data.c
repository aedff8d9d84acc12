#include "data.h"

#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "file.h"
#include "half.h"

int64_t array_elements(const array *x) {
  int64_t elements = 1;
  for (int i = 0; i < x->rank; i++) elements *= x->extents[i];
  return elements;
}

int64_t array_bytes(const array *x) {
  return array_elements(x) * (int64_t)dtype_size(x->element);
}

const char *array_text(arena *a, const array *x) {
  tensor_type type = type_of(x->element, x->rank, x->extents);
  return type_text(a, &type);
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

const array *array_for(arena *a, const array *x, dtype element) {
  if (x->element == element || !half_is(element) || !dtype_is_float(x->element)) return x;
  array *rounded = arena_new_of(a, array);
  *rounded = *x;
  rounded->element = element;
  rounded->data = arena_array_of(a, array_elements(x), uint16_t);
  for (int64_t i = 0; i < array_elements(x); i++)
    element_set_real(element, rounded->data, i, element_real(x->element, x->data, i));
  return rounded;
}

int64_t data_number(const data_request *r, const char *name, int64_t fallback) {
  for (int i = 0; i < r->setting_count; i++)
    if (!strcmp(r->settings[i].name, name)) return r->settings[i].number;
  return fallback;
}

const char *data_text(const data_request *r, const char *name) {
  for (int i = 0; i < r->setting_count; i++)
    if (!strcmp(r->settings[i].name, name)) return r->settings[i].text;
  return NULL;
}

bool data_given(const data_request *r, const char *name) {
  return data_text(r, name) || data_number(r, name, -1) >= 0;
}

static array *read_idx(arena *a, const data_request *r, const char *path, const char **error) {
  (void)r;
  return idx_read(a, path, error);
}

static array *read_npy(arena *a, const data_request *r, const char *path, const char **error) {
  (void)r;
  return npy_read(a, path, error);
}

typedef array *file_reader(arena *a, const data_request *r, const char *path, const char **error);

static const struct {
  const char *name;
  file_reader *read;
} file_readers[] = {{"idx", read_idx}, {"npy", read_npy}, {"raw", raw_read},
                    {"npz", npz_read}, {"safetensors", tensor_read}};

static file_reader *reader_of(const data_request *r) {
  const char *path = r->paths[0], *name = r->reader;
  if (!name) name = ends_with(path, ".npy") || ends_with(path, ".npy.gz") ? "npy" : "idx";
  for (size_t i = 0; i < sizeof file_readers / sizeof *file_readers; i++)
    if (!strcmp(file_readers[i].name, name)) return file_readers[i].read;
  internal_error("there is no reader %s", name);
}

/* Whether y's rows can follow x's; else a message. */
static bool rows_follow(arena *a, const array *x, const array *y, const char **error) {
  bool same = x->element == y->element && x->rank == y->rank && x->rank > 0;
  for (int i = 1; same && i < x->rank; i++) same = x->extents[i] == y->extents[i];
  if (!same)
    *error = arena_printf(a, "%s holds %s, but %s, whose rows it follows, %s", y->path,
                          array_text(a, y), x->path, array_text(a, x));
  return same;
}

static array *joined(arena *a, array *const *parts, int count, const char **error) {
  array *whole = arena_new_of(a, array);
  *whole = *parts[0];
  for (int i = 1; i < count; i++) {
    if (!rows_follow(a, parts[0], parts[i], error)) return NULL;
    if (__builtin_add_overflow(whole->extents[0], parts[i]->extents[0], &whole->extents[0]))
      arena_exhausted(a, 0);
  }
  char *at = whole->data = arena_array(a, (size_t)whole->extents[0],
                                       (size_t)(array_bytes(parts[0]) / parts[0]->extents[0]));
  for (int i = 0; i < count; at += array_bytes(parts[i]), i++)
    memcpy(at, parts[i]->data, (size_t)array_bytes(parts[i]));
  return whole;
}

array *data_read(arena *a, const data_request *r, const char **error) {
  file_reader *read = reader_of(r);
  if (r->path_count == 1) return read(a, r, r->paths[0], error);
  array **parts = arena_array_of(a, r->path_count, array *), *whole = NULL;
  int count = 0;
  while (count < r->path_count && (parts[count] = read(a, r, r->paths[count], error))) count++;
  if (count == r->path_count) whole = joined(a, parts, count, error);
  return whole;
}

static void add_folders(arena *a, data_path *path, const char *list) {
  for (const char *at = list; at && *at;) {
    size_t length = strcspn(at, ":");
    if (length) arena_push(a, path->folders, path->count) = arena_text_n(a, at, length);
    at += length + (at[length] == ':');
  }
}

data_path data_path_new(arena *a, const char *given) {
  data_path path = {0};
  add_folders(a, &path, given);
  add_folders(a, &path, getenv("DNN_DATA"));
  add_folders(a, &path, "/usr/share/datasets:/usr/local/share/datasets");
  return path;
}

static bool set_exists(arena *a, const data_path *path, const char *set) {
  for (int i = 0; i < path->count; i++)
    if (file_exists(arena_printf(a, "%s/%s", path->folders[i], set))) return true;
  return false;
}

static const char *not_found(arena *a, const data_path *path, const char *set, const char *file) {
  const char *message = set_exists(a, path, set)
                            ? arena_printf(a, "cannot find %s of data set %s; searched", file, set)
                            : arena_printf(a, "cannot find data set %s; searched", set);
  for (int i = 0; i < path->count; i++)
    message = arena_printf(a, "%s\n    %s/%s", message, path->folders[i], set);
  return strcmp(set, "fashion-mnist")
             ? arena_printf(a, "%s\n  more folders: --data FOLDER, or DNN_DATA=FOLDER:…", message)
             : arena_printf(a, "%s\n  to install it: apt-get install dataset-fashion-mnist",
                            message);
}

const char *data_find(arena *a, const data_path *path, const char *set, const char *file,
                      const char **error) {
  for (int i = 0; i < path->count; i++) {
    const char *place = arena_printf(a, "%s/%s/%s", path->folders[i], set, file);
    if (file_exists(place)) return place;
  }
  *error = not_found(a, path, set, file);
  return NULL;
}
