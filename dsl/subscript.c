#include "subscript.h"

#include <string.h>

#include "build.h"
#include "expression.h"
#include "operate.h"

/* --- one item ------------------------------------------------------------------------------- */

/* What one item of the brackets takes from an axis. */
typedef struct taken {
  int64_t start, limit, step;
  bool pick; /* the axis vanishes */
} taken;

static bool position(elaborator *e, const ast *n, value v, int64_t extent, int64_t most,
                     int64_t *out) {
  if (value_is(v, VALUE_TENSOR)) {
    elaborator_refuse(e, n->at, "a bound or place that is known only at run time");
    return false;
  }
  if (!elaborator_integer(e, n->at, v, "a subscript", out)) return false;
  int64_t given = *out;
  if (*out < 0) *out += extent;
  if (*out >= 0 && *out <= most) return true;
  elaborator_error(e, n->at, "%lld is out of range for a length of %lld: from %lld to %lld",
                   (long long)given, (long long)extent, (long long)-extent, (long long)most);
  return false;
}

static bool take_slice(elaborator *e, const ast *n, int64_t extent, taken *t) {
  *t = (taken){0, extent, 1, false};
  if (n->start && !position(e, n->start, expression_value(e, n->start), extent, extent, &t->start)) return false;
  if (n->stop && !position(e, n->stop, expression_value(e, n->stop), extent, extent, &t->limit)) return false;
  if (n->step &&
      !elaborator_integer(e, n->step->at, expression_value(e, n->step), "a step", &t->step))
    return false;
  if (t->step < 1) {
    elaborator_refuse(e, n->step->at, "a step below 1");
    return false;
  }
  if (t->start < t->limit) return true;
  elaborator_error(e, n->at, "the slice from %lld to %lld is empty", (long long)t->start,
                   (long long)t->limit);
  return false;
}

/* One item, v being its value where it is not a slice. */
static bool take(elaborator *e, const ast *n, value v, int64_t extent, taken *t) {
  if (n->kind == AST_SLICE) return take_slice(e, n, extent, t);
  if (!position(e, n, v, extent, extent - 1, &t->start)) return false;
  t->limit = t->start + 1;
  t->step = 1;
  t->pick = true;
  return true;
}

static value item_value(elaborator *e, const ast *n) {
  return n->kind == AST_SLICE ? value_none() : expression_value(e, n);
}

/* x[:, new]: the name `new` where nothing is called so. */
static bool is_new_axis(const elaborator *e, const ast *item) {
  return ast_is_name(item, "new") && !scope_find(e->frame->scope, "new");
}

/* --- tensors -------------------------------------------------------------------------------- */

typedef struct selection {
  int64_t starts[MAX_RANK], limits[MAX_RANK], steps[MAX_RANK];
  dim shape[MAX_RANK]; /* after picks and new axes */
  int axis, rank;      /* axes of the tensor used so far, axes of the result */
  bool cuts;           /* some axis is not taken whole */
  node *index;         /* a subscript known at run time, or NULL, … */
  int index_axis;      /* … and its axis of the tensor */
} selection;

static bool add_axis(elaborator *e, const ast *at, selection *s, dim extent) {
  if (s->rank == MAX_RANK) {
    elaborator_error(e, at->at, "a tensor has at most %d axes", MAX_RANK);
    return false;
  }
  s->shape[s->rank++] = extent;
  return true;
}

static bool whole_axis(elaborator *e, const ast *n, const tensor_type *type, selection *s) {
  s->limits[s->axis] = type->dims[s->axis].maximum;
  s->steps[s->axis] = 1;
  return add_axis(e, n, s, type->dims[s->axis++]);
}

/* table[token]: the axes of the index stand in the place of the tensor's axis. */
static bool index_axis(elaborator *e, const ast *n, value v, const tensor_type *type,
                       selection *s) {
  if (!operate_reachable(e, n->at, v)) return false;
  if (s->index || !dtype_is_integer(v.node->type.element)) {
    const char *words = type_text(e->arena, &v.node->type);
    if (s->index) elaborator_error(e, n->at, "a second tensor among the subscripts: %s", words);
    else elaborator_error(e, n->at, "a subscript is an integer or integers, not %s", words);
    return false;
  }
  bool wide = v.node->type.element == DTYPE_I32 || v.node->type.element == DTYPE_I64;
  s->index = wide ? v.node : build_cast(e->graph, v.node, DTYPE_I32);
  s->index_axis = s->axis;
  for (int i = 0; i < s->index->type.rank; i++)
    if (!add_axis(e, n, s, s->index->type.dims[i])) return false;
  s->limits[s->axis] = type->dims[s->axis].maximum;
  s->steps[s->axis++] = 1;
  return true;
}

static bool select_item(elaborator *e, const ast *item, const tensor_type *type, int skipped,
                        selection *s) {
  if (is_new_axis(e, item)) return add_axis(e, item, s, dim_fixed(1));
  if (item->kind == AST_ELLIPSIS) {
    for (int i = 0; i < skipped; i++)
      if (!whole_axis(e, item, type, s)) return false;
    return true;
  }
  int64_t extent = type->dims[s->axis].maximum;
  value v = item_value(e, item);
  if (value_is(v, VALUE_TENSOR)) return index_axis(e, item, v, type, s);
  taken t;
  if (!take(e, item, v, extent, &t)) return false;
  s->starts[s->axis] = t.start;
  s->limits[s->axis] = t.limit;
  s->steps[s->axis++] = t.step;
  s->cuts = s->cuts || t.start != 0 || t.limit != extent || t.step != 1;
  return t.pick || add_axis(e, item, s, dim_fixed((t.limit - t.start + t.step - 1) / t.step));
}

static value subscript_tensor(elaborator *e, const ast *n, value base) {
  const tensor_type *type = &base.node->type;
  int named = 0, dots = 0;
  for (int i = 0; i < n->items.count; i++) {
    dots += n->items.items[i]->kind == AST_ELLIPSIS;
    named += !is_new_axis(e, n->items.items[i]) && n->items.items[i]->kind != AST_ELLIPSIS;
  }
  if (dots > 1) return elaborator_error(e, n->at, "`...` stands twice in these brackets");
  if (named > type->rank)
    return elaborator_error(e, n->at, "%d subscripts for %s", named, type_text(e->arena, type));
  if (!operate_reachable(e, n->at, base)) return (value){0};
  selection s = {0};
  for (int i = 0; i < n->items.count; i++)
    if (!select_item(e, n->items.items[i], type, type->rank - named, &s)) return (value){0};
  while (s.axis < type->rank)
    if (!whole_axis(e, n, type, &s)) return (value){0};
  e->graph->at = n->at;
  node *cut = s.cuts ? build_slice(e->graph, base.node, s.starts, s.limits, s.steps) : base.node;
  if (s.index) cut = build_gather(e->graph, cut, s.index, s.index_axis, 0);
  return elaborator_node(e, build_reshape(e->graph, cut, s.rank, s.shape));
}

value subscript_transpose_last(elaborator *e, location at, value base) {
  int rank = base.node->type.rank;
  int64_t axes[MAX_RANK];
  for (int i = 0; i < rank; i++) axes[i] = i;
  axes[rank - 1] = rank - 2;
  axes[rank - 2] = rank - 1;
  if (!operate_reachable(e, at, base)) return (value){0};
  e->graph->at = at;
  return elaborator_node(e, build_transpose(e->graph, base.node, axes));
}

/* --- tuples and data ------------------------------------------------------------------------ */

static value subscript_tuple(elaborator *e, const ast *n, const tuple *t) {
  taken range;
  if (n->items.count != 1)
    return elaborator_error(e, n->at, "a tuple takes one subscript, not %d", n->items.count);
  const ast *item = n->items.items[0];
  if (!take(e, item, item_value(e, item), t->count, &range)) return (value){0};
  if (range.pick) return t->items[range.start];
  value *items = NULL;
  const char **keys = NULL;
  int count = 0, key_count = 0;
  for (int64_t i = range.start; i < range.limit; i += range.step) {
    arena_push(e->arena, items, count) = t->items[i];
    arena_push(e->arena, keys, key_count) = t->keys ? t->keys[i] : NULL;
  }
  return value_tuple(e->arena, count, items, t->keys ? keys : NULL);
}

/* Rows: the end is not known before the files are read. */
static value subscript_rows(elaborator *e, const ast *n, value base) {
  const ast *s = n->items.count == 1 ? n->items.items[0] : NULL;
  if (!s || s->kind != AST_SLICE || s->step || base.rows.split < 0)
    return elaborator_error(e, n->at, "rows of data are taken as in d.train[0:50000]");
  if (base.rows.cut)
    return elaborator_error(e, n->at, "rows are taken before they are cut, as in "
                            "windows(d.train[0:50000], 64)");
  int64_t first = 0, last = -1;
  if (s->start &&
      !elaborator_integer(e, s->at, expression_value(e, s->start), "a row", &first))
    return (value){0};
  if (s->stop && !elaborator_integer(e, s->at, expression_value(e, s->stop), "a row", &last))
    return (value){0};
  if (first < 0 || (s->stop && last <= first) || base.rows.first || base.rows.last >= 0)
    return elaborator_error(e, s->at, "the rows are counted from 0, the end after the start");
  base.rows.first = first;
  base.rows.last = last;
  return base;
}

value subscript_value(elaborator *e, const ast *n, value base) {
  switch (base.kind) {
    case VALUE_TENSOR: return subscript_tensor(e, n, base);
    case VALUE_TUPLE: return subscript_tuple(e, n, base.tuple);
    case VALUE_DATA: return subscript_rows(e, n, base);
    default:
      return elaborator_error(e, n->at, "%s takes no brackets", value_words(e->arena, base));
  }
}
