/* The safetensors format (https://github.com/huggingface/safetensors): 8 bytes of little-endian
 * header length, a JSON header {"__metadata__": {text: text}, name: {"dtype", "shape",
 * "data_offsets"}}, then the tensors, dense and row-major. */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include "type.h"

typedef struct safetensor {
  const char *name;
  dtype element;
  int rank;
  int64_t extents[MAX_RANK];
  const void *data; /* not necessarily aligned */
  int64_t bytes;
} safetensor;

typedef struct safetensors_pair {
  const char *key, *value;
} safetensors_pair;

typedef struct safetensors {
  safetensor *tensors;
  int tensor_count;
  safetensors_pair *metadata;
  int metadata_count;
} safetensors;

/* Reads a file; everything returned is arena memory, tensors in the order of the header. NULL with
 * a message in *error when the file cannot be read or breaks the format in any way: header too
 * long or no JSON, element type unknown, offsets that overlap, leave gaps, exceed the file or
 * disagree with the shape, names that occur twice. */
safetensors *safetensors_read(arena *a, const char *path, const char **error);

/* The same of a file's content, into which the tensors then point. */
safetensors *safetensors_parse(arena *a, const char *path, const char *bytes, size_t size,
                               const char **error);

/* Replaces the file at path (see file_replace). Tensors are laid out by falling size of their
 * elements, so that all are aligned to their element, then by name; equal content gives equal
 * bytes. False with a message in *error where writing fails. */
bool safetensors_write(arena *a, const char *path, const safetensors *file, const char **error);

/* NULL where there is none of that name. */
const safetensor *safetensors_find(const safetensors *file, const char *name);
const char *safetensors_metadata(const safetensors *file, const char *key);

/* Adds to a file that is being put together. The data is not copied. */
void safetensors_add(arena *a, safetensors *file, safetensor tensor);
void safetensors_describe(arena *a, safetensors *file, const char *key, const char *value);

#endif
