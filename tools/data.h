/* Data sets: where their files are found and how they are read. Everything returned is arena
 * memory; errors are messages that name the file. */
#ifndef DATA_H
#define DATA_H

#include "type.h"

/* The content of a file: dense, row-major, in this machine's byte order. The first axis counts
 * rows. */
typedef struct array {
  dtype element;
  int rank;
  int64_t extents[MAX_RANK];
  void *data;
  const char *path; /* the file it came from */
} array;

int64_t array_elements(const array *x);
int64_t array_bytes(const array *x);

/* "u8[60000, 28, 28]". */
const char *array_text(arena *a, const array *x);

/* IDX files, plain or compressed by gzip (http://yann.lecun.com/exdb/mnist: magic 0, 0, type,
 * rank; big-endian extents and elements). Types u8, i8, i32, f32, f64. */
array *idx_read(arena *a, const char *path, const char **error);

/* NumPy's npy, versions 1 to 3, plain or compressed by gzip, in C order: bool, u8, i8, i32, i64,
 * f16, f32, f64 in either byte order. */
array *npy_read(arena *a, const char *path, const char **error);

/* The array where it already has the element type or cannot be taken for it; an array of floating
 * numbers for f16 or bf16, which few files hold, is rounded. */
const array *array_for(arena *a, const array *x, dtype element);

/* Replaces a file by an array in npy version 1; bf16, which npy lacks, is written as f32. */
bool npy_write(arena *a, const char *path, const array *x, const char **error);

/* Reads with the reader that a column names ("idx", "npy"); with NULL the file's name decides. */
array *data_read(arena *a, const char *reader, const char *path, const char **error);

/* The folders in which data sets are searched, in this order: those given (separated by colons;
 * may be NULL), those of the environment's DNN_DATA, the system's. */
typedef struct data_path {
  const char **folders;
  int count;
} data_path;

data_path data_path_new(arena *a, const char *given);

/* The path of a data set's file: FOLDER/SET/FILE of the first folder that has it. NULL with a
 * message that names every place searched. */
const char *data_find(arena *a, const data_path *path, const char *set, const char *file,
                      const char **error);

#endif
