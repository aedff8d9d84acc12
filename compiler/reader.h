/* The readers of data that a task may name, and what each may be told. How they read is the
 * tool's (tools/data.h). */
#ifndef READER_H
#define READER_H

#include <stdint.h>

/* What a setting may be; several may be allowed. SETTING_TUPLE: or a tuple of the others;
 * SETTING_TEXTS: a tuple of texts. */
enum { SETTING_NUMBER = 1, SETTING_TRUTH = 2, SETTING_TEXT = 4, SETTING_TUPLE = 8, SETTING_TEXTS = 16 };

typedef struct reader_option {
  const char *name;
  int kinds;
} reader_option;

typedef struct data_reader {
  const char *name;
  const reader_option *options; /* the last has no name */
} data_reader;

/* Numbers are integers from 0 on. The last row has no name. */
extern const data_reader data_readers[];

/* What a column tells its reader, as `record: 3073`. A tuple gives one for each of its items. */
typedef struct reader_setting {
  const char *name;
  const char *text; /* NULL: the number */
  int64_t number;   /* a truth value is 0 or 1 */
} reader_setting;

/* NULL where there is none. */
const data_reader *reader_find(const char *name);
const reader_option *reader_option_find(const data_reader *r, const char *name);

#endif
