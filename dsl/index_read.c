#include "index_read.h"

#include <string.h>

#include "build.h"
#include "operate.h"

enum { PENDING = -1 };

/* A tensor on its way: axis a is that of index labels[a], or its subscript is still to be read. */
typedef struct reading {
  index_space *space;
  node *x;
  int labels[MAX_RANK];
} reading;

static graph *graph_of(const reading *r) { return r->space->e->graph; }

/* Takes away an axis of extent 1. */
static void drop_axis(reading *r, int axis) {
  dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < r->x->type.rank; i++) {
    if (i == axis) continue;
    r->labels[rank] = r->labels[i];
    dims[rank++] = r->x->type.dims[i];
  }
  r->x = build_reshape(graph_of(r), r->x, rank, dims);
}

/* A place known when compiling, from the end where it is negative. */
static bool read_number(reading *r, const ast *item, value v, int axis) {
  elaborator *e = r->space->e;
  const tensor_type *type = &r->x->type;
  int64_t place, extent = type->dims[axis].maximum;
  if (!elaborator_integer(e, item->at, v, "a subscript", &place)) return false;
  if (place < -extent || place >= extent) {
    elaborator_error(e, item->at, "%lld is out of range for a length of %lld", (long long)place,
                     (long long)extent);
    return false;
  }
  int64_t starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
  for (int i = 0; i < type->rank; i++) {
    limits[i] = type->dims[i].maximum;
    steps[i] = 1;
  }
  starts[axis] = place < 0 ? place + extent : place;
  limits[axis] = starts[axis] + 1;
  r->x = build_slice(graph_of(r), r->x, starts, limits, steps);
  if (r->x) drop_axis(r, axis);
  return r->x;
}

static bool has_label(const reading *r, int index) {
  for (int i = 0; i < r->x->type.rank; i++)
    if (r->labels[i] == index) return true;
  return false;
}

static bool read_axis(reading *r, const ast *item, int axis) {
  index_space *s = r->space;
  if (!index_space_enters(s, item)) {
    value v = index_space_fixed(s, item);
    if (value_is_poison(v)) return false;
    if (!value_is(v, VALUE_TENSOR)) return read_number(r, item, v, axis);
  }
  int index = item->kind == AST_NAME ? index_space_find(s, item->name) : -1;
  if (index >= 0 && !has_label(r, index) &&
      dim_equal(s->indices[index].extent, r->x->type.dims[axis])) {
    r->labels[axis] = index;
    return true;
  }
  elaborator_refuse(s->e, item->at, "a subscript that is not an index by itself");
  return false;
}

value index_read(index_space *s, const ast *n) {
  reading r = {.space = s, .x = index_space_subscripted(s, n)};
  if (!r.x) return (value){0};
  s->e->graph->at = n->at;
  for (int i = 0; i < n->items.count; i++) r.labels[i] = PENDING;
  for (int i = n->items.count - 1; i >= 0; i--)
    if (!read_axis(&r, n->items.items[i], i)) return (value){0};
  return elaborator_node(s->e, index_space_place(s, r.x, r.labels));
}
