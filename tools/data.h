/* Data sets: where their files are found and how they are read. Everything returned is arena
 * memory; errors are messages that name the file. */
#ifndef DATA_H
#define DATA_H

#include "reader.h"
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

/* What is to be read, and for which input: its rows are those of the files, one after the other. */
typedef struct data_request {
  const char *reader; /* a row of reader.h; NULL: the file's name decides */
  const char *const *paths;
  int path_count;
  const reader_setting *settings;
  int setting_count;
  tensor_type type;   /* of the input */
  const char *name;   /* of several arrays in a file the one that is meant where no setting tells; or NULL */
} data_request;

/* The request with these files, whose arrays have one element type and rows of one shape. */
array *data_read(arena *a, const data_request *r, const char **error);

/* A setting that is a number; the fallback where it is not given. */
int64_t data_number(const data_request *r, const char *name, int64_t fallback);

/* A setting that is a text; NULL where it is not given. */
const char *data_text(const data_request *r, const char *name);

/* Whether a setting is given. */
bool data_given(const data_request *r, const char *name);

/* The rows of files, one after the other, each read by `read`; and of arrays. */
typedef array *file_reader(arena *a, const data_request *r, const char *path, const char **error);
array *data_join(arena *a, const data_request *r, file_reader *read, const char **error);
array *data_concat(arena *a, array *const *parts, int count, const char **error);

/* Readers of one file, plain or compressed by gzip or xz. */

/* IDX files (http://yann.lecun.com/exdb/mnist: magic 0, 0, type, rank; big-endian extents and
 * elements). Types u8, i8, i32, f32, f64. */
array *idx_read(arena *a, const char *path, const char **error);

/* NumPy's npy, versions 1 to 3, in C order: bool, u8, i8, i32, i64, f16, f32, f64 in either byte
 * order. */
array *npy_read(arena *a, const char *path, const char **error);

/* One array of an npz file: `array`, or the only one, or the one of the request's name. */
array *npz_read(arena *a, const data_request *r, const char *path, const char **error);

/* One tensor of a safetensors file: `tensor`, or likewise. */
array *tensor_read(arena *a, const data_request *r, const char *path, const char **error);

/* Records of one size behind a header: row i of the input, dense, row-major and little-endian,
 * begins `offset` bytes behind the start of record i. */
array *raw_read(arena *a, const data_request *r, const char *path, const char **error);

/* A picture, as one row. */
array *image_file_read(arena *a, const data_request *r, const char *path, const char **error);

/* Readers of all files of a request. */

/* Tables: `columns` (numbers from 0, or names of the header) are a row of the input, all where it is
 * not given; `separator`; `header`: the first record is none of the rows; `classes`: words of one
 * column by their number, true: in the order of their bytes, or a list of them. */
array *csv_read(arena *a, const data_request *r, const char **error);

/* Characters, the texts one after the other: bytes, or with `vocabulary` (true: all characters of
 * the text in the order of their codes; or a text of them) numbers of characters of UTF-8. Row i is
 * as many as a row of the input has elements, from character offset + i step on. */
array *text_read(arena *a, const data_request *r, const char **error);

/* Folders of pictures, in the order of subfolders and names: pixels, or with `classes` the numbers
 * of their subfolders. */
array *images_read(arena *a, const data_request *r, const char **error);

/* The array with its numbers in the element type: floating ones rounded, integers where all fit. What cannot be
 * taken for it is returned as it is. */
const array *array_for(arena *a, const array *x, dtype element);

/* Replaces a file by an array in npy version 1; bf16, which npy lacks, is written as f32. */
bool npy_write(arena *a, const char *path, const array *x, const char **error);

/* The folders in which data sets are searched, in this order: those given (separated by colons;
 * may be NULL), those of the environment's DNN_DATA, the system's. */
typedef struct data_path {
  const char **folders;
  int count;
} data_path;

data_path data_path_new(arena *a, const char *given);

/* False with a message where one of the given folders is none. */
bool data_path_check(arena *a, const char *given, const char **error);

/* The path of a data set's file: FOLDER/SET/FILE of the first folder that has it. NULL with a
 * message that names every place searched. */
const char *data_find(arena *a, const data_path *path, const char *set, const char *file,
                      const char **error);

#endif
