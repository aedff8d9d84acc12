#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "json.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little-endian");

enum { LENGTH_BYTES = 8, MOST_HEADER_BYTES = 100000000 };

static const char *const element_names[DTYPE_COUNT] = {
    [DTYPE_BOOL] = "BOOL", [DTYPE_U8] = "U8",     [DTYPE_I8] = "I8",
    [DTYPE_I32] = "I32",   [DTYPE_I64] = "I64",   [DTYPE_BF16] = "BF16",
    [DTYPE_F16] = "F16",   [DTYPE_F32] = "F32",   [DTYPE_F64] = "F64",
};

static bool element_of(const char *name, dtype *element) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (strcmp(element_names[i], name) == 0) {
      *element = (dtype)i;
      return true;
    }
  }
  return false;
}

/* A JSON number that is an integer from 0 to 2^53, where doubles are exact. */
static bool whole_number(const cJSON *item, int64_t *value) {
  if (!cJSON_IsNumber(item)) return false;
  double x = item->valuedouble;
  if (!(x >= 0 && x <= 9007199254740992.0) || x != (double)(int64_t)x) return false;
  *value = (int64_t)x;
  return true;
}

static const char *read_shape(const cJSON *shape, safetensor *t) {
  if (!cJSON_IsArray(shape)) return "has no list \"shape\"";
  int64_t elements = 1;
  for (const cJSON *item = shape->child; item; item = item->next) {
    int64_t extent;
    if (t->rank == MAX_RANK) return "has more axes than are supported (8)";
    if (!whole_number(item, &extent)) return "has an extent that is not a whole number";
    if (__builtin_mul_overflow(elements, extent, &elements)) return "has an impossible size";
    t->extents[t->rank++] = extent;
  }
  if (__builtin_mul_overflow(elements, (int64_t)dtype_size(t->element), &t->bytes))
    return "has an impossible size";
  return NULL;
}

/* One member of the header. Its data stays NULL for an empty tensor without offsets in the file. */
static const char *read_tensor(arena *a, const cJSON *item, const char *data, int64_t data_bytes,
                               safetensor *t) {
  t->name = arena_text(a, item->string);
  const cJSON *element = cJSON_GetObjectItemCaseSensitive(item, "dtype");
  if (!cJSON_IsString(element)) return "has no text \"dtype\"";
  if (!element_of(element->valuestring, &t->element))
    return arena_printf(a, "has the element type %.20s, which is not supported", element->valuestring);
  const char *fault = read_shape(cJSON_GetObjectItemCaseSensitive(item, "shape"), t);
  if (fault) return fault;
  const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
  int64_t begin, end;
  if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
      !whole_number(offsets->child, &begin) || !whole_number(offsets->child->next, &end))
    return "has no pair of numbers \"data_offsets\"";
  if (begin > end || end > data_bytes) return "lies outside the file";
  if (end - begin != t->bytes) return "has offsets that disagree with its shape";
  t->data = data + begin;
  return NULL;
}

static const char *read_metadata(arena *a, const cJSON *object, safetensors *file) {
  if (!cJSON_IsObject(object)) return "\"__metadata__\" is not an object";
  for (const cJSON *item = object->child; item; item = item->next) {
    if (!cJSON_IsString(item)) return "\"__metadata__\" holds something that is not text";
    safetensors_describe(a, file, arena_text(a, item->string), arena_text(a, item->valuestring));
  }
  return NULL;
}

static int by_name(const void *x, const void *y) {
  return strcmp((*(const safetensor *const *)x)->name, (*(const safetensor *const *)y)->name);
}

static int by_place(const void *x, const void *y) {
  const safetensor *t = *(const safetensor *const *)x, *u = *(const safetensor *const *)y;
  if (t->data != u->data) return (const char *)t->data < (const char *)u->data ? -1 : 1;
  return (t->bytes > u->bytes) - (t->bytes < u->bytes); /* empty ones first */
}

static const safetensor **sorted(arena *a, const safetensors *file,
                                 int (*compare)(const void *, const void *)) {
  const safetensor **list = arena_array_of(a, file->tensor_count, const safetensor *);
  for (int i = 0; i < file->tensor_count; i++) list[i] = &file->tensors[i];
  if (file->tensor_count) qsort(list, (size_t)file->tensor_count, sizeof *list, compare);
  return list;
}

/* Names differ and the tensors cover the data without gap or overlap. */
static const char *check_whole(arena *a, const safetensors *file, const char *data,
                               int64_t data_bytes) {
  const safetensor **list = sorted(a, file, by_name);
  for (int i = 1; i < file->tensor_count; i++)
    if (strcmp(list[i - 1]->name, list[i]->name) == 0)
      return arena_printf(a, "tensor \"%.200s\" occurs twice", list[i]->name);
  list = sorted(a, file, by_place);
  const char *end = data;
  for (int i = 0; i < file->tensor_count; end = (const char *)list[i]->data + list[i]->bytes, i++)
    if (list[i]->data != end)
      return arena_printf(a, "tensor \"%.200s\" overlaps another or leaves a gap", list[i]->name);
  return end == data + data_bytes ? NULL : "bytes behind the last tensor belong to none";
}

static const char *read_header(arena *a, const cJSON *header, const char *data,
                               int64_t data_bytes, safetensors *file) {
  if (!cJSON_IsObject(header)) return "the header is not a JSON object";
  for (const cJSON *item = header->child; item; item = item->next) {
    const char *fault;
    if (strcmp(item->string, "__metadata__") == 0) {
      if ((fault = read_metadata(a, item, file))) return fault;
      continue;
    }
    safetensor t = {0};
    if (!cJSON_IsObject(item))
      return arena_printf(a, "tensor \"%.200s\" is not an object", item->string);
    if ((fault = read_tensor(a, item, data, data_bytes, &t)))
      return arena_printf(a, "tensor \"%.200s\" %s", item->string, fault);
    safetensors_add(a, file, t);
  }
  return check_whole(a, file, data, data_bytes);
}

static const char *parse(arena *a, const char *bytes, size_t size, safetensors *file) {
  uint64_t length;
  if (size < LENGTH_BYTES) return "too short for a header";
  memcpy(&length, bytes, LENGTH_BYTES);
  bool fits = length <= MOST_HEADER_BYTES && length <= size - LENGTH_BYTES;
  if (!fits && size > LENGTH_BYTES && bytes[LENGTH_BYTES] != '{') return "it is of another kind, for it has no header";
  if (length > MOST_HEADER_BYTES) return "the header is longer than 100 MB";
  if (length > size - LENGTH_BYTES) return "the header is longer than the file";
  const char *text = bytes + LENGTH_BYTES, *data = text + length, *end = data;
  json_set_up();
  cJSON *header = cJSON_ParseWithLengthOpts(text, length, &end, false);
  while (header && end < data && *end == ' ') end++;
  if (!header || end != data) {
    cJSON_Delete(header);
    return "the header is not valid JSON";
  }
  const char *fault = read_header(a, header, data, (int64_t)(size - LENGTH_BYTES - length), file);
  cJSON_Delete(header);
  return fault;
}

safetensors *safetensors_read(arena *a, const char *path, const char **error) {
  size_t size;
  const char *bytes = file_read(a, path, &size, error);
  return bytes ? safetensors_parse(a, path, bytes, size, error) : NULL;
}

safetensors *safetensors_parse(arena *a, const char *path, const char *bytes, size_t size,
                               const char **error) {
  safetensors *file = arena_new_of(a, safetensors);
  const char *fault = parse(a, bytes, size, file);
  if (!fault) return file;
  *error = arena_printf(a, "%s is not a valid safetensors file: %s", path, fault);
  return NULL;
}

static int by_layout(const void *x, const void *y) {
  const safetensor *t = *(const safetensor *const *)x, *u = *(const safetensor *const *)y;
  size_t size = dtype_size(t->element), other = dtype_size(u->element);
  return size != other ? (size > other ? -1 : 1) : strcmp(t->name, u->name);
}

static void write_member(cJSON *header, const safetensor *t, int64_t begin) {
  cJSON *member = cJSON_AddObjectToObject(header, t->name);
  cJSON_AddStringToObject(member, "dtype", element_names[t->element]);
  cJSON *shape = cJSON_AddArrayToObject(member, "shape");
  for (int i = 0; i < t->rank; i++)
    cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->extents[i]));
  cJSON *offsets = cJSON_AddArrayToObject(member, "data_offsets");
  cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)begin));
  cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)(begin + t->bytes)));
}

/* The header as text, padded with blanks so that the data begins at a multiple of 8. */
static const char *write_header(arena *a, const safetensors *file, const safetensor *const *list,
                                size_t *length) {
  json_set_up();
  cJSON *header = cJSON_CreateObject();
  if (file->metadata_count) {
    cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
    for (int i = 0; i < file->metadata_count; i++)
      cJSON_AddStringToObject(metadata, file->metadata[i].key, file->metadata[i].value);
  }
  int64_t begin = 0;
  for (int i = 0; i < file->tensor_count; begin += list[i]->bytes, i++)
    write_member(header, list[i], begin);
  char *text = cJSON_PrintUnformatted(header);
  cJSON_Delete(header);
  *length = (strlen(text) + 7) / 8 * 8;
  const char *padded = arena_printf(a, "%-*s", (int)*length, text);
  cJSON_free(text);
  return padded;
}

bool safetensors_write(arena *a, const char *path, const safetensors *file, const char **error) {
  const safetensor **list = sorted(a, file, by_layout);
  size_t length;
  const char *header = write_header(a, file, list, &length);
  uint64_t stored_length = length;
  file_part *parts = arena_array_of(a, file->tensor_count + 2, file_part);
  parts[0] = (file_part){&stored_length, LENGTH_BYTES};
  parts[1] = (file_part){header, length};
  for (int i = 0; i < file->tensor_count; i++)
    parts[i + 2] = (file_part){list[i]->data, (size_t)list[i]->bytes};
  return file_replace(a, path, file->tensor_count + 2, parts, error);
}

const safetensor *safetensors_find(const safetensors *file, const char *name) {
  for (int i = 0; i < file->tensor_count; i++)
    if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
  return NULL;
}

const char *safetensors_metadata(const safetensors *file, const char *key) {
  for (int i = 0; i < file->metadata_count; i++)
    if (strcmp(file->metadata[i].key, key) == 0) return file->metadata[i].value;
  return NULL;
}

void safetensors_add(arena *a, safetensors *file, safetensor tensor) {
  arena_push(a, file->tensors, file->tensor_count) = tensor;
}

void safetensors_describe(arena *a, safetensors *file, const char *key, const char *value) {
  arena_push(a, file->metadata, file->metadata_count) = (safetensors_pair){key, value};
}
