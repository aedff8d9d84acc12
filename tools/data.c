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

array *data_read(arena *a, const char *reader, const char *path, const char **error) {
  if (!reader) reader = ends_with(path, ".npy") || ends_with(path, ".npy.gz") ? "npy" : "idx";
  if (strcmp(reader, "idx") == 0) return idx_read(a, path, error);
  if (strcmp(reader, "npy") == 0) return npy_read(a, path, error);
  *error = arena_printf(a, "%s: there is no reader %s", path, reader);
  return NULL;
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
