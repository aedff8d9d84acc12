/* What the readers of data files share: a file, plain or compressed by gzip or xz (its first bytes
 * tell), read front to back by readers that do not trust what it says of its size. */
#ifndef DATA_STREAM_H
#define DATA_STREAM_H

#include "data.h"

typedef struct data_stream data_stream;

/* Where bytes come from. read gives as many as there are, at most count, fewer only at the end; or
 * a fault, a message without the path. */
typedef struct data_source {
  const char *(*read)(void *context, char *bytes, size_t count, size_t *done);
  void (*close)(void *context);
  void *context;
} data_source;

/* A byte of deflated data stands for at most 1032 bytes (zlib's technical notes). */
enum { MOST_DEFLATED = 1032 };

/* A stream over a source of so many bytes, each of which stands for at most `expansion`. */
data_stream *data_stream_new(arena *a, const char *path, int64_t bytes, int64_t expansion,
                             data_source source);

/* NULL with a message when the file cannot be opened. */
data_stream *data_stream_open(arena *a, const char *path, const char **error);

/* Closes and returns the result where the whole went well; else NULL and the first message. A
 * fault is a message without the path, or NULL. */
array *data_stream_close(data_stream *s, array *result, const char *fault, const char **error);

/* Reads exactly so many bytes; else a fault: truncated or damaged. */
const char *data_stream_bytes(data_stream *s, void *bytes, size_t count);

/* Reads all that is left, with a zero byte behind it; NULL with a fault. */
char *data_stream_rest(data_stream *s, size_t *size, const char **fault);

/* Reads the elements of an array whose type and extents are set, which must be all that is left
 * in the file; swap reverses the bytes of each element. Memory is allocated only after the size
 * was found to be possible for this file. */
const char *data_stream_elements(data_stream *s, array *x, bool swap);

/* The whole content of a file, decompressed, with a zero byte behind it. NULL with a message. */
char *data_content(arena *a, const char *path, size_t *size, const char **error);

/* The bytes of a mark of UTF-8 (EF BB BF) at the beginning of a text, as some programs write it: 3 or 0. */
size_t data_mark(const char *text, size_t size);

/* Reads the npy format to its end. */
const char *npy_read_stream(data_stream *s, arena *a, array *x);

#endif
