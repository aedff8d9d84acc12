#include "feed.h"

#include <string.h>

#include "element.h"
#include "feed_check.h"
#include "feed_cut.h"
#include "graph_text.h"
#include "module.h"
#include "text_stream.h"

/* The files of a column; false, with the error at the data set, so that a set that is missing is
 * reported once. */
static bool find_files(arena *a, diagnostics *d, const data_cache *cache, const data_set *set,
                       const data_column *column, const char **paths) {
  const char *error = NULL;
  for (int i = 0; i < column->file_count; i++) {
    paths[i] = data_find(a, &cache->path, set->folder, column->files[i], &error);
    if (paths[i]) continue;
    diag_error(d, set->at, "%s", error);
    return false;
  }
  return true;
}

static bool same_setting(const reader_setting *x, const reader_setting *y) {
  return !strcmp(x->name, y->name) && x->number == y->number && !x->text == !y->text &&
         (!x->text || !strcmp(x->text, y->text));
}

/* Whether both read the same rows. */
static bool same_request(const data_request *x, const data_request *y) {
  bool same = !strcmp(x->reader, y->reader) && x->path_count == y->path_count &&
              x->setting_count == y->setting_count && x->type.element == y->type.element &&
              x->type.rank == y->type.rank;
  for (int i = 1; same && i < x->type.rank; i++)
    same = x->type.dims[i].maximum == y->type.dims[i].maximum;
  for (int i = 0; same && i < x->path_count; i++) same = !strcmp(x->paths[i], y->paths[i]);
  for (int i = 0; same && i < x->setting_count; i++)
    same = same_setting(&x->settings[i], &y->settings[i]);
  return same;
}

/* The column that an entry makes, one for each output, with room for all calls. */
static const array *made(arena *a, data_cache *cache, const program *p, const data_set *set, int split,
                         int column) {
  for (int i = 0; i < cache->made_count; i++) {
    const data_made *m = &cache->made[i];
    if (m->set == set && m->split == split && m->column == column) return m->array;
  }
  const tensor_type *type = &program_entry(p, set->entry)->outputs[column].node->type;
  array *x = arena_new_of(a, array);
  *x = (array){.element = type->element, .rank = type->rank, .path = arena_printf(a, "entry %s", set->entry)};
  for (int i = 0; i < type->rank; i++) x->extents[i] = type->dims[i].maximum;
  size_t bytes = (size_t)array_bytes(x);
  x->data = arena_array(a, (size_t)set->splits[split].calls, bytes);
  x->extents[0] *= set->splits[split].calls; /* fits, as the bytes do */
  arena_push(a, cache->made, cache->made_count) = (data_made){set, split, column, x};
  return x;
}

static const array *cached(arena *a, diagnostics *d, data_cache *cache, const data_set *set, int split,
                           const data_column *column, const tensor_type *type) {
  const char *error = NULL, **paths = arena_array_of(a, column->file_count, const char *);
  if (!find_files(a, d, cache, set, column, paths)) return NULL;
  const data_request r = {.reader = column->reader, .paths = paths, .path_count = column->file_count,
                          .settings = column->settings, .setting_count = column->setting_count,
                          .type = *type};
  for (int i = 0; i < cache->count; i++)
    if (same_request(&cache->entries[i].request, &r)) return cache->entries[i].array;
  array *x = data_read(a, &r, &error);
  const char *name = arena_printf(a, "%s.%s.%s", set->name, set->splits[split].name, column->name);
  if (x) arena_push(a, cache->entries, cache->count) = (data_cached){name, r, x};
  else diag_error(d, column->at, "%s", error);
  return x;
}

/* The rows of a column are what the input wants, whatever their number. */
static bool column_fits(const array *x, const tensor_type *type) {
  bool fits = x->element == type->element && x->rank == type->rank && x->rank > 0;
  for (int i = 1; fits && i < x->rank; i++) fits = x->extents[i] == type->dims[i].maximum;
  return fits;
}

/* Columns of one source have as many rows, and inputs take as many at a time. */
static bool rows_agree(diagnostics *d, feed *f, feed_source *s, const char *column, int64_t rows,
                       dim leading) {
  const int64_t batch = leading.maximum;
  bool agree = (!s->extent || rows == s->extent) && (!f->connected || batch == f->batch);
  if (!agree) {
    diag_error(d, f->run->at, "the columns of entry %s differ in their rows", f->entry->name);
    diag_note(d, "    %s has %lld rows, %lld in a batch; another column has %lld, %lld in a batch", column,
              (long long)rows, (long long)batch, (long long)(s->extent ? s->extent : rows),
              (long long)f->batch);
    return false;
  }
  s->extent = rows;
  f->batch = batch;
  f->bounded = leading.symbol && (f->bounded || !f->connected);
  f->connected = true;
  return true;
}

static void connect_column(arena *a, diagnostics *d, data_cache *cache, const program *p, const task *t,
                           const run_column *wanted, feed *f, feed_input *input) {
  feed_source *s = &f->sources[input->source];
  const run_source *from = &f->run->sources[wanted->source];
  const data_set *set = &t->sets[from->set];
  const data_column *column = &set->splits[from->split].columns[wanted->column];
  const tensor_type type = feed_cut_type(&s->cut, &input->type);
  input->made = set->entry != NULL;
  const array *x = set->entry ? made(a, cache, p, set, from->split, wanted->column)
                              : cached(a, d, cache, set, from->split, column, &type);
  if (!x) return;
  x = input->column = set->entry ? x : array_for(a, x, type.element);
  if (column_fits(x, &type)) {
    rows_agree(d, f, s, column->name, x->extents[0], type.dims[0]);
    return;
  }
  diag_error(d, column->at, "column %s does not fit the input of entry %s", column->name, f->entry->name);
  diag_note(d, "    %s holds %s", x->path, array_text(a, x));
  diag_note(d, "    the entry takes %s, a batch of such rows", type_text(a, &type));
  input->column = NULL;
}

static void connect_lengths(diagnostics *d, feed *f, const feed_input *input) {
  if (!input->lengths) return;
  feed_source *s = &f->sources[input->source];
  rows_agree(d, f, s, "the column of lengths", s->extent, input->type.dims[0]);
}

static const run_column *find_column(const task_run *run, const char *input) {
  for (int i = 0; i < run->column_count; i++)
    if (strcmp(run->columns[i].input, input) == 0) return &run->columns[i];
  return NULL;
}

static const graph *find_argument(const task_run *run, const char *name) {
  for (int i = 0; i < run->argument_count; i++)
    if (strcmp(run->arguments[i].name, name) == 0) return run->arguments[i].value;
  return NULL;
}

static void connect(arena *a, diagnostics *d, data_cache *cache, const program *p, const task *t, feed *f,
                    int i) {
  const char *name = f->entry->inputs[i].name;
  feed_input *input = &f->inputs[i];
  const run_column *column = find_column(f->run, name);
  input->type = f->entry->inputs[i].node->type;
  input->value = find_argument(f->run, name);
  input->source = column ? column->source : -1;
  input->lengths = column && column->column == COLUMN_LENGTHS;
  if (column && !input->lengths) connect_column(a, d, cache, p, t, column, f, input);
  ensure(column || (input->value && !input->type.rank)); /* elaboration has seen to it */
  input->memory = arena_alloc(a, (size_t)type_bytes(&input->type));
  f->pointers[i] = input->memory;
}

/* The input that takes a column of a source; NULL where none does. */
static const feed_input *taker_of(const feed *f, int number, int column) {
  for (int i = 0; i < f->input_count; i++) {
    const run_column *c = find_column(f->run, f->entry->inputs[i].name);
    if (c && c->source == number && c->column == column) return &f->inputs[i];
  }
  return NULL;
}

/* As what the column is read that tells sequences apart: raw files, which have no type of their own, hold what the
 * input takes; texts and tables are read as integers. False after an error. */
static bool key_type(diagnostics *d, const feed *f, int number, const data_column *column, tensor_type *type) {
  const feed_source *s = &f->sources[number];
  const feed_input *taker = taker_of(f, number, s->cut.key);
  const bool raw = !strcmp(column->reader, "raw");
  *type = raw && taker ? feed_cut_type(&s->cut, &taker->type) : type_of(DTYPE_I64, 1, &(int64_t){1});
  if (!raw || taker) return true;
  diag_error(d, column->at, "nothing tells what the raw column %s holds, by which sequences are cut", column->name);
  diag_note(d, "    give entry %s an input of that name", f->entry->name);
  return false;
}

/* The column that tells sequences apart: numbers, one a row. NULL after an error. */
static const array *key_column(arena *a, diagnostics *d, data_cache *cache, const task *t, const feed *f,
                               int number) {
  const run_source *from = &f->run->sources[number];
  const data_set *set = &t->sets[from->set];
  const data_column *column = &set->splits[from->split].columns[from->cut.key];
  const int64_t rows = f->sources[number].extent;
  tensor_type type;
  const array *x = key_type(d, f, number, column, &type)
                       ? cached(a, d, cache, set, from->split, column, &type)
                       : NULL;
  if (!x || (x->rank == 1 && x->extents[0] == rows)) return x;
  diag_error(d, column->at, "column %s, by which sequences are cut, is not one number for each row",
             column->name);
  diag_note(d, "    %s holds %s; the other columns have %lld rows", x->path, array_text(a, x), (long long)rows);
  return NULL;
}

/* A row counted from the first one. */
static int64_t place_of(int64_t row, int64_t extent) {
  return row == ROWS_END ? extent : row < 0 ? extent + row : row;
}

/* Cuts the rows of a source into pieces. */
static void cut_source(arena *a, diagnostics *d, data_cache *cache, const task *t, feed *f, int number) {
  const run_source *from = &f->run->sources[number];
  feed_source *s = &f->sources[number];
  const array *key = NULL;
  if (s->cut.kind == CUT_SEQUENCES && !(key = key_column(a, d, cache, t, f, number))) return;
  s->first = place_of(from->first, s->extent);
  s->extent = place_of(from->last, s->extent) - s->first;
  s->rows = s->extent;
  const char *fault = s->cut.kind == CUT_NONE ? NULL : feed_cut_rows(a, s, key, f->batch);
  if (fault) diag_error(d, s->cut.at, "%s", fault);
}

/* Keeps the rows that the run asks for. */
static void take_slice(arena *a, diagnostics *d, data_cache *cache, const task *t, feed *f, int number) {
  const run_source *from = &f->run->sources[number];
  feed_source *s = &f->sources[number];
  int64_t first = place_of(from->first, s->extent), last = place_of(from->last, s->extent);
  if (!s->extent) return;
  if (first < 0 || first >= last || last > s->extent) {
    diag_error(d, f->run->at, "there are no rows %lld to %lld: the data has %lld",
               (long long)from->first, (long long)(from->last == ROWS_END ? last : from->last),
               (long long)s->extent);
    return;
  }
  int errors = diag_count(d);
  cut_source(a, d, cache, t, f, number);
  if (diag_count(d) != errors) return;
  if (number > 0 && s->rows < f->batch)
    diag_error(d, f->run->at, "a source of data has %lld rows, a batch of entry %s %lld",
               (long long)s->rows, f->run->entry, (long long)f->batch);
}

static bool same_cut(const data_cut *x, const data_cut *y) {
  return x->kind == y->kind && x->length == y->length && x->step == y->step && x->key == y->key && x->rising == y->rising;
}

static bool same_sources(const task_run *x, const task_run *y) {
  bool same = x->source_count == y->source_count;
  for (int i = 0; same && i < x->source_count; i++)
    same = x->sources[i].set == y->sources[i].set && x->sources[i].split == y->sources[i].split &&
           x->sources[i].first == y->sources[i].first && x->sources[i].last == y->sources[i].last &&
           same_cut(&x->sources[i].cut, &y->sources[i].cut);
  return same;
}

static const char *arguments_text(arena *a, const task_run *run) {
  text_stream text;
  text_stream_open(&text, a);
  for (int i = 0; i < run->argument_count; i++) {
    fprintf(text.out, "%s = ", run->arguments[i].name);
    graph_print(text.out, run->arguments[i].value);
  }
  return text_stream_close(&text);
}

bool feed_is_same(arena *a, const feed *x, const feed *y) {
  return strcmp(x->run->entry, y->run->entry) == 0 && same_sources(x->run, y->run) &&
         strcmp(arguments_text(a, x->run), arguments_text(a, y->run)) == 0;
}

/* Whether the task feeds the entry from nowhere else. */
static bool is_alone(const task *t, const task_run *run) {
  for (int i = 0; i < t->run_count; i++) {
    const task_run *r = &t->runs[i];
    if (r->kind == TASK_RUN && strcmp(r->entry, run->entry) == 0 && !same_sources(r, run))
      return false;
  }
  return true;
}

/* "evaluate", or "evaluate(fashion.train[55000:60000])" where the task feeds the entry from more
 * than one place. */
static const char *label_of(arena *a, const task *t, const feed *f) {
  const task_run *run = f->run;
  if (run->label) return run->label;
  if (is_alone(t, run)) return run->entry;
  const char *text = "";
  for (int i = 0; i < run->source_count; i++) {
    const run_source *from = &run->sources[i];
    const data_set *set = &t->sets[from->set];
    text = arena_printf(a, "%s%s%s.%s", text, i ? "; " : "", set->name, set->splits[from->split].name);
    if (from->first || from->last != ROWS_END)
      text = arena_printf(a, "%s[%lld:%lld]", text, (long long)f->sources[i].first,
                          (long long)(f->sources[i].first + f->sources[i].extent));
  }
  return arena_printf(a, "%s(%s)", run->entry, text);
}

feed *feed_new(arena *a, diagnostics *d, data_cache *cache, const program *p, const task *t,
               const task_run *run) {
  int errors = diag_count(d);
  feed *f = arena_new_of(a, feed);
  *f = (feed){.run = run, .entry = program_entry(p, run->entry), .batch = 1};
  ensure(f->entry);
  f->bound = module_size(f->entry).maximum;
  f->input_count = f->entry->input_count;
  f->inputs = arena_array_of(a, f->input_count, feed_input);
  f->pointers = arena_array_of(a, f->input_count, const void *);
  f->source_count = run->source_count;
  f->sources = arena_array_of(a, f->source_count, feed_source);
  for (int i = 0; i < f->source_count; i++) f->sources[i].cut = run->sources[i].cut;
  for (int i = 0; i < f->input_count; i++) connect(a, d, cache, p, t, f, i);
  for (int i = 0; i < f->input_count; i++) connect_lengths(d, f, &f->inputs[i]);
  for (int i = 0; i < f->source_count && diag_count(d) == errors; i++)
    take_slice(a, d, cache, t, f, i);
  if (f->source_count) f->rows = f->sources[0].rows;
  if (diag_count(d) == errors) feed_check(a, d, f, false);
  f->label = label_of(a, t, f);
  return diag_count(d) == errors ? f : NULL;
}

int64_t feed_batches(const feed *f) {
  if (!f->rows) return 1;
  return f->rows / f->batch + (f->bounded && f->rows % f->batch);
}

int64_t feed_remainder(const feed *f) { return f->bounded ? 0 : f->rows % f->batch; }

int64_t feed_rows(const feed *f, int64_t call) {
  if (!f->rows || (!f->pass && !f->bounded)) return f->batch;
  int64_t left = f->rows - (f->pass ? call : call % feed_batches(f)) * f->batch;
  return left < f->batch ? left : f->batch;
}

int64_t feed_size(const feed *f, int64_t call) {
  return f->bounded ? feed_rows(f, call) : f->bound;
}

/* A number from 0 to limit - 1. The bias of the product is below limit / 2^64. */
static int64_t draw_below(const uint32_t key[2], uint64_t index, int64_t limit) {
  uint64_t bits = (uint64_t)philox_element(key, 2 * index, 0) << 32 |
                  philox_element(key, 2 * index + 1, 0);
  return (int64_t)(((unsigned __int128)bits * (uint64_t)limit) >> 64);
}

void feed_begin_pass(feed *f, uint64_t seed, int64_t lap) {
  f->seed = seed;
  f->stream = 0;
  f->pass = true;
  f->lap = lap;
  for (int i = 0; i < f->source_count; i++) f->sources[i].lap = -1;
}

void feed_begin_phase(feed *f, uint64_t seed, uint64_t stream) {
  feed_begin_pass(f, seed, 0);
  f->stream = stream;
  f->pass = false;
}

/* Fisher and Yates (Durstenfeld, 1964), from the identity, so that no pass depends on another. */
void feed_shuffle(arena *a, feed_source *s, uint64_t seed, uint64_t stream, int64_t lap) {
  static const uint64_t shuffle_site = 0x73687566666c6521; /* "shuffle!" */
  if (!s->order) s->order = arena_array_of(a, s->rows, int64_t);
  for (int64_t i = 0; i < s->rows; i++) s->order[i] = i;
  uint32_t key[2];
  philox_key(key, seed, shuffle_site + stream, (uint64_t)lap);
  for (int64_t i = s->rows - 1; i > 0; i--) {
    int64_t k = draw_below(key, (uint64_t)i, i + 1), row = s->order[i];
    s->order[i] = s->order[k];
    s->order[k] = row;
  }
  s->lap = lap;
}

/* The first of a source's rows for a call, in the order of the pass over it that the call falls into. */
static int64_t start_of(arena *a, feed *f, int number, int64_t call) {
  feed_source *s = &f->sources[number];
  int64_t batches = number ? s->rows / f->batch : feed_batches(f), lap = f->lap;
  bool through = f->pass && number == 0; /* the remainder is no pass of its own */
  if (!through) lap = (f->lap << 20) + call / batches;
  if (f->run->shuffle && s->lap != lap)
    feed_shuffle(a, s, f->seed, f->stream + ((uint64_t)number << 40), lap);
  return (through ? call : call % batches) * f->batch;
}

/* A row for the entry: of a column, whose piece may be shorter than the row, or its length. */
static void copy_row(const feed_source *s, const feed_input *input, int64_t number, int64_t row,
                     int64_t batch) {
  feed_piece piece = feed_cut_piece(s, s->order ? s->order[row] : row);
  if (input->lengths) {
    element_set_int(input->type.element, input->memory, number, piece.count);
    return;
  }
  size_t size = (size_t)(type_bytes(&input->type) / batch);
  size_t bytes = (size_t)(array_bytes(input->column) / input->column->extents[0]);
  char *to = (char *)input->memory + (size_t)number * size;
  memcpy(to, (const char *)input->column->data + (size_t)(s->first + piece.first) * bytes,
         (size_t)piece.count * bytes);
  memset(to + (size_t)piece.count * bytes, 0, size - (size_t)piece.count * bytes);
}

const void *const *feed_batch(arena *a, feed *f, int64_t call, feed_time time) {
  const int64_t rows = feed_rows(f, call);
  for (int i = 0; i < f->input_count; i++) {
    feed_input *input = &f->inputs[i];
    if (input->source < 0) {
      element_set_real(input->type.element, input->memory, 0, feed_value(input->value, time));
      continue;
    }
    int64_t start = start_of(a, f, input->source, call);
    for (int64_t k = 0; k < rows; k++)
      copy_row(&f->sources[input->source], input, k, start + k, f->batch);
  }
  return f->pointers;
}

static const tensor *no_slot(void *context, const char *path) {
  (void)context;
  (void)path;
  return NULL;
}

double feed_value(const graph *expression, feed_time time) {
  arena *a = arena_new();
  const tensor **inputs = arena_array_of(a, expression->input_count, const tensor *);
  for (int i = 0; i < expression->input_count; i++) {
    const char *name = expression->inputs[i].name;
    tensor *x = tensor_new(a, &expression->inputs[i].node->type);
    x->reals[0] = (double)(strcmp(name, "step") == 0    ? time.step
                           : strcmp(name, "epoch") == 0 ? time.epoch
                                                        : time.steps);
    inputs[i] = x;
  }
  tensor **outputs = arena_array_of(a, expression->output_count, tensor *);
  evaluation e = {.arena = a};
  graph_eval(&e, expression, inputs, no_slot, NULL, outputs, NULL);
  double value = outputs[0]->reals[0];
  arena_free(a);
  return value;
}
