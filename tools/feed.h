/* A feed gives one run of a task its inputs: batches of rows from the columns of a data set, and
 * scalars from expressions of step and epoch. */
#ifndef FEED_H
#define FEED_H

#include "data.h"
#include "program.h"

/* A column that an entry makes, which is filled before the first run. */
typedef struct data_made {
  const data_set *set;
  int split, column;
  array *array;
} data_made;

/* What was already read, so that two runs share it. */
typedef struct data_cached {
  const char *name; /* "digits.train.image", of the first column that it is */
  data_request request;
  array *array;
} data_cached;

typedef struct data_cache {
  data_path path;
  data_cached *entries;
  int count;
  data_made *made;
  int made_count;
} data_cache;

/* Where an input comes from: a column or an expression. */
typedef struct feed_input {
  tensor_type type;    /* as the entry declares it */
  const array *column; /* or NULL */
  int source;          /* of the column; -1: of none */
  bool made;           /* by an entry, before the first run: until then the column is empty */
  bool lengths;        /* of the source's sequences */
  const graph *value;  /* or NULL */
  void *memory;        /* of one batch */
} feed_input;

/* Rows that belong together, and the order in which one pass over them goes. */
typedef struct feed_source {
  int64_t first, extent; /* rows of the columns … */
  int64_t rows;        /* … which are so many rows for the entry */
  data_cut cut;        /* a row for the entry is a piece of some */
  int64_t lanes;       /* streams */
  int64_t *starts;     /* of sequences, and the end of the last */
  int64_t *order;      /* permutation of the rows, NULL: as they stand … */
  int64_t lap;         /* … in this pass; -1: none was drawn */
} feed_source;

typedef struct feed {
  const task_run *run;
  const graph *entry;
  const char *label;   /* of its results: the entry, with its data where the task feeds it twice */
  feed_input *inputs;  /* one per entry input, in order */
  const void **pointers;
  int input_count;
  feed_source *sources;
  int source_count;
  int64_t rows;        /* of the first source; 0 without data */
  int64_t batch;       /* rows per call; 1 without data */
  int64_t bound;       /* of the entry's bounded size; 0: it has none */
  bool bounded;        /* batches are of that size, so the last of a pass may be smaller */
  uint64_t seed, stream; /* of the orders */
  bool connected;      /* batch is known */
  bool pass;           /* one pass over the first source; else passes follow each other */
  int64_t lap;         /* the first pass */
} feed;

/* Where a phase stands, for expressions. */
typedef struct feed_time {
  int64_t step, epoch, steps;
} feed_time;

/* Reads what the run needs and checks that columns and arguments meet the entry's inputs. NULL
 * after an error in the diagnostics. */
feed *feed_new(arena *a, diagnostics *d, data_cache *cache, const program *p, const task *t,
               const task_run *run);

/* Whether two feeds give one entry the same rows and arguments. */
bool feed_is_same(arena *a, const feed *x, const feed *y);

/* Calls of the entry in a pass: full batches and, of bounded size, a smaller last one; 1 without data. */
int64_t feed_batches(const feed *f);

/* Rows behind the last of these calls. */
int64_t feed_remainder(const feed *f);

/* Rows of call number so-and-so since the beginning, and the size that it gives to a bounded one. */
int64_t feed_rows(const feed *f, int64_t call);
int64_t feed_size(const feed *f, int64_t call);

/* Begins a pass of this number, or a phase. Orders are functions of seed, stream and the number of
 * the pass over their source. */
void feed_begin_pass(feed *f, uint64_t seed, int64_t lap);
void feed_begin_phase(feed *f, uint64_t seed, uint64_t stream);

/* Draws a permutation of a source's rows: a function of seed, stream and pass. */
void feed_shuffle(arena *a, feed_source *s, uint64_t seed, uint64_t stream, int64_t lap);

/* Fills memory with the rows of call number so-and-so since the beginning, and evaluates the scalars;
 * returns pointers for the entry's call. In a pass the last call may be that on the remainder. Further
 * sources begin again when they have no full batch left. */
const void *const *feed_batch(arena *a, feed *f, int64_t call, feed_time time);

/* The value of a task's expression. */
double feed_value(const graph *expression, feed_time time);

#endif
