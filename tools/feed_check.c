#include "feed_check.h"

#include "element.h"
#include "feed_cut.h"
#include "index_check.h"

static int64_t row_elements(const array *x) { return array_elements(x) / x->extents[0]; }

/* The region of the use in which an element of a piece lies, at the piece's place in its batch: at any place, where
 * rows are shuffled. A piece behind the last full batch goes to a smaller one, of which nothing is known here: it
 * counts where it would lie in one at every place. */
static const index_region *region_in_batch(const feed *f, const feed_input *input, const index_use *use,
                                           int64_t piece, int64_t element) {
  const int64_t row = type_elements(&input->type) / f->batch, rows = f->sources[input->source].rows;
  const bool behind = !f->run->shuffle && !f->bounded && piece >= rows - rows % f->batch;
  const int64_t first = f->run->shuffle || behind ? 0 : piece % f->batch;
  const int64_t last = f->run->shuffle || behind ? f->batch - 1 : first;
  const index_region *region = NULL;
  for (int64_t place = first; place <= last && element < row; place++) {
    region = index_use_region(use, &input->type, place * row + element);
    if (behind ? !region : region != NULL) break;
  }
  return region;
}

/* The same for an element of the column: in any of the pieces that hold its row. */
static const index_region *region_of(const feed *f, const feed_input *input, const index_use *use, int64_t element) {
  const feed_source *s = &f->sources[input->source];
  const int64_t width = row_elements(input->column), row = element / width - s->first;
  const index_region *region = NULL;
  int64_t piece = 0;
  for (int64_t i = 0; !region && (piece = feed_cut_holder(s, row, i)) >= 0; i++) {
    const int64_t start = feed_cut_piece(s, piece).first;
    region = region_in_batch(f, input, use, piece, (row - start) * width + element % width);
  }
  return region;
}

static void report(arena *a, diagnostics *d, const feed *f, int input, const index_use *use, int64_t element,
                   location at) {
  const array *x = f->inputs[input].column;
  diag_error(d, f->run->at, "input %s of entry %s takes %lld to %lld, but row %lld of the data is %lld",
             f->entry->inputs[input].name, f->entry->name, (long long)use->low, (long long)use->high,
             (long long)(element / row_elements(x)), (long long)element_int(x->element, x->data, element));
  diag_note(d, "    the data is %s%s", f->inputs[input].made ? "made by " : "", x->path);
  diag_note(d, "    each is the number of one of %lld, at %s", (long long)use->extent, diag_place(a, at));
}

/* False after an error. */
static bool check_use(arena *a, diagnostics *d, const feed *f, int input, const index_use *use) {
  const array *x = f->inputs[input].column;
  const feed_source *s = &f->sources[f->inputs[input].source];
  const int64_t width = row_elements(x), last = (s->first + s->extent) * width;
  for (int64_t i = s->first * width; (i = index_check(use, x->element, x->data, i, last)) < last; i++) {
    const index_region *region = region_of(f, &f->inputs[input], use, i);
    if (!region) continue;
    report(a, d, f, input, use, i, region->at);
    return false;
  }
  return true;
}

static bool check_input(arena *a, diagnostics *d, const feed *f, int input) {
  const index_uses all = input_index_uses(a, f->entry, f->entry->inputs[input].node);
  bool good = true;
  for (int i = 0; i < all.count && good; i++) good = check_use(a, d, f, input, &all.uses[i]);
  return good;
}

void feed_check(arena *a, diagnostics *d, const feed *f, bool made) {
  bool good = true;
  for (int i = 0; i < f->input_count && good; i++)
    if (f->inputs[i].column && f->inputs[i].made == made) good = check_input(a, d, f, i);
}
