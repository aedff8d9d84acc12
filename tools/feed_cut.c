#include "feed_cut.h"

#include "element.h"

tensor_type feed_cut_type(const data_cut *cut, const tensor_type *input) {
  tensor_type type = *input;
  if (cut->kind == CUT_NONE || type.rank < 2) return type;
  type.rank--;
  for (int i = 1; i < type.rank; i++) type.dims[i] = input->dims[i + 1];
  return type;
}

/* Whether row i of the key belongs to the sequence of the row before. */
static bool goes_on(const array *key, bool rising, int64_t i) {
  if (dtype_is_float(key->element)) {
    double before = element_real(key->element, key->data, i - 1), at = element_real(key->element, key->data, i);
    return rising ? at > before : at == before;
  }
  int64_t before = element_int(key->element, key->data, i - 1), at = element_int(key->element, key->data, i);
  return rising ? at > before : at == before;
}

static const char *find_sequences(arena *a, feed_source *s, const array *key) {
  s->starts = arena_array_of(a, s->extent + 1, int64_t);
  for (int64_t i = 0, start = 0; i < s->extent; i++) {
    if (i == 0 || !goes_on(key, s->cut.rising, s->first + i)) s->starts[s->rows++] = start = i;
    if (i - start < s->cut.length) continue;
    return arena_printf(a, "a sequence of more than %lld rows begins at row %lld", (long long)s->cut.length,
                        (long long)(s->first + start));
  }
  s->starts[s->rows] = s->extent;
  return NULL;
}

const char *feed_cut_rows(arena *a, feed_source *s, const array *key, int64_t batch) {
  s->rows = 0;
  if (s->cut.kind == CUT_SEQUENCES) return find_sequences(a, s, key);
  if (s->extent < s->cut.length)
    return arena_printf(a, "a piece is %lld rows, the data %lld", (long long)s->cut.length,
                        (long long)s->extent);
  s->rows = (s->extent - s->cut.length) / s->cut.step + 1;
  if (s->cut.kind == CUT_WINDOWS) return NULL;
  s->lanes = batch;
  s->rows -= s->rows % batch;
  return s->rows ? NULL
                 : arena_printf(a, "%lld rows are not enough for %lld streams of pieces of %lld rows",
                                (long long)s->extent, (long long)batch, (long long)s->cut.length);
}

feed_piece feed_cut_piece(const feed_source *s, int64_t row) {
  switch (s->cut.kind) {
    case CUT_NONE: break;
    case CUT_WINDOWS: return (feed_piece){row * s->cut.step, s->cut.length};
    case CUT_STREAMS:
      row = row % s->lanes * (s->rows / s->lanes) + row / s->lanes;
      return (feed_piece){row * s->cut.step, s->cut.length};
    case CUT_SEQUENCES: return (feed_piece){s->starts[row], s->starts[row + 1] - s->starts[row]};
  }
  return (feed_piece){row, 1};
}

/* The sequence of a row. */
static int64_t sequence_of(const feed_source *s, int64_t row) {
  int64_t low = 0, high = s->rows - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (s->starts[middle] <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

int64_t feed_cut_holder(const feed_source *s, int64_t row, int64_t number) {
  if (s->cut.kind == CUT_NONE) return number ? -1 : row;
  if (s->cut.kind == CUT_SEQUENCES) return number ? -1 : sequence_of(s, row);
  const int64_t first = row < s->cut.length ? 0 : (row - s->cut.length) / s->cut.step + 1, place = first + number;
  if (place * s->cut.step > row || place >= s->rows) return -1;
  if (s->cut.kind == CUT_WINDOWS) return place;
  const int64_t lane_pieces = s->rows / s->lanes;
  return place % lane_pieces * s->lanes + place / lane_pieces;
}
