#include "data.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "element.h"
#include "file.h"

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

static bool is_integer(dtype element) { return !dtype_is_float(element) && element != DTYPE_BOOL; }

/* False where a number does not fit. */
static bool convert(const array *x, dtype element, void *data) {
  const bool real = dtype_is_float(element);
  bool fits = true;
  for (int64_t i = 0; fits && i < array_elements(x); i++)
    if (real) {
      element_set_real(element, data, i, element_real(x->element, x->data, i));
    } else {
      const int64_t value = element_int(x->element, x->data, i);
      element_set_int(element, data, i, value);
      fits = element_int(element, data, i) == value;
    }
  return fits;
}

const array *array_for(arena *a, const array *x, dtype element) {
  const bool real = dtype_is_float(element) && dtype_is_float(x->element);
  if (x->element == element || (!real && (!is_integer(element) || !is_integer(x->element)))) return x;
  array *converted = arena_new_of(a, array);
  *converted = *x;
  converted->element = element;
  converted->data = arena_array(a, (size_t)array_elements(x), dtype_size(element));
  return convert(x, element, converted->data) ? converted : x;
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

/* One of the two: of one file, or of all. */
typedef struct reader_row {
  const char *name;
  file_reader *read;
  array *(*read_all)(arena *a, const data_request *r, const char **error);
} reader_row;

static const reader_row rows[] = {
    {"idx", read_idx, NULL},           {"npy", read_npy, NULL},
    {"raw", raw_read, NULL},           {"npz", npz_read, NULL},
    {"safetensors", tensor_read, NULL}, {"csv", NULL, csv_read},
    {"text", NULL, text_read},         {"images", NULL, images_read},
    {"image", image_file_read, NULL} /* has no name in the language */};

/* By the end of the file's name, before .gz or .xz. */
static const char *reader_for(arena *a, const char *path) {
  static const struct {
    const char *end, *reader;
  } ends[] = {{".npy", "npy"}, {".npz", "npz"},  {".csv", "csv"}, {".safetensors", "safetensors"},
              {".png", "image"}, {".jpg", "image"}, {".jpeg", "image"}, {".txt", "text"}};
  size_t length = strlen(path);
  if (file_has_suffix(path, ".gz") || file_has_suffix(path, ".xz")) length -= 3;
  const char *name = arena_text_n(a, path, length);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    size_t end = strlen(ends[i].end);
    if (length > end && !strcasecmp(name + length - end, ends[i].end)) return ends[i].reader;
  }
  return "idx";
}

static const reader_row *reader_of(arena *a, const data_request *r) {
  const char *name = r->reader ? r->reader : reader_for(a, r->paths[0]);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!strcmp(rows[i].name, name)) return &rows[i];
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

array *data_concat(arena *a, array *const *parts, int count, const char **error) {
  if (count == 1) return parts[0];
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

array *data_join(arena *a, const data_request *r, file_reader *read, const char **error) {
  array **parts = arena_array_of(a, r->path_count, array *);
  for (int i = 0; i < r->path_count; i++)
    if (!(parts[i] = read(a, r, r->paths[i], error))) return NULL;
  return data_concat(a, parts, r->path_count, error);
}

array *data_read(arena *a, const data_request *r, const char **error) {
  const reader_row *row = reader_of(a, r);
  return row->read ? data_join(a, r, row->read, error) : row->read_all(a, r, error);
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

bool data_path_check(arena *a, const char *given, const char **error) {
  data_path path = {0};
  add_folders(a, &path, given);
  for (int i = 0; i < path.count; i++) {
    if (file_exists(arena_printf(a, "%s/.", path.folders[i]))) continue;
    *error = arena_printf(a, "--data: there is no folder %s", path.folders[i]);
    return false;
  }
  return true;
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
