#include "results.h"

#include <string.h>

#include "picture.h"

/* Whether the output's rows are the batch's: they then are in the smaller call, too. */
static bool is_by_rows(const run_picture *p, const dnn_entry *entry, const dnn_entry *remainder,
                       int output, int64_t batch, int64_t rows, bool bounded) {
  const dnn_tensor *t = &entry->outputs[output];
  if (!rows || !t->rank || t->extents[0] != batch) return false;
  if (p->kind == PICTURE_GRID && t->rank == 2) return false; /* one image */
  if (bounded) return t->bounded;
  return !remainder || remainder->outputs[output].extents[0] == rows % batch;
}

static void add_output(arena *a, results *r, const dnn_entry *entry, int output, int64_t most) {
  const dnn_tensor *t = &entry->outputs[output];
  array *x = &r->arrays[output];
  *x = (array){.element = (dtype)t->element, .rank = t->rank, .path = t->name};
  for (int i = 0; i < t->rank; i++) x->extents[i] = t->extents[i];
  r->most[output] = most;
  if (most) x->extents[0] = most;
  x->data = arena_alloc(a, (size_t)array_bytes(x));
}

results results_new(arena *a, const run_picture *p, const dnn_entry *entry, const dnn_entry *remainder,
                    int64_t batch, int64_t rows, bool bounded) {
  results r = {entry, entry->output_count, arena_array_of(a, entry->output_count, array),
               arena_array_of(a, entry->output_count, int64_t)};
  for (int i = 0; i < p->output_count + 2; i++) {
    int output = i < p->output_count ? p->outputs[i] : i == p->output_count ? p->across : p->classes;
    if (output < 0) continue;
    int64_t wanted = picture_rows(p), whole = remainder || bounded ? rows : rows - rows % batch;
    bool by_rows = is_by_rows(p, entry, remainder, output, batch, rows, bounded);
    add_output(a, &r, entry, output, !by_rows ? 0 : wanted && wanted < whole ? wanted : whole);
  }
  return r;
}

void results_clear(results *r) {
  for (int i = 0; i < r->count; i++)
    if (r->most[i]) r->arrays[i].extents[0] = 0;
}

void results_add(results *r, void *const *outputs, int64_t rows, int64_t size) {
  for (int i = 0; i < r->count; i++) {
    array *x = &r->arrays[i];
    if (!x->data) continue;
    if (!r->most[i] && r->entry->outputs[i].bounded) x->extents[0] = size;
    int64_t before = r->most[i] ? array_bytes(x) : 0;
    if (r->most[i]) {
      int64_t left = r->most[i] - x->extents[0], added = rows < left ? rows : left;
      x->extents[0] += added;
    }
    memcpy((char *)x->data + before, outputs[i], (size_t)(array_bytes(x) - before));
  }
}
