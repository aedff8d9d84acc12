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
  bool cut[MAX_RANK];  /* by axis of the tensor: it is not taken whole */
  bool slices;         /* some axis is cut at places known when compiling */
  node *places[MAX_RANK]; /* by axis of the tensor: a subscript known at run time, or NULL */
  bool several;        /* one of these has axes */
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
  const tensor_type *of = &v.node->type;
  if (!dtype_is_integer(of->element) || (s->several && of->rank)) {
    const char *words = type_text(e->arena, of);
    if (s->several)
      elaborator_error(e, n->at, "a second tensor with axes among the subscripts: %s; what is read element by "
                       "element is written `y[n] = x[i[n], j[n]]`", words);
    else elaborator_error(e, n->at, "a subscript is an integer or integers, not %s", words);
    return false;
  }
  bool wide = of->element == DTYPE_I32 || of->element == DTYPE_I64;
  s->cut[s->axis] = true;
  s->places[s->axis] = wide ? v.node : build_cast(e->graph, v.node, DTYPE_I32);
  s->several = s->several || of->rank;
  for (int i = 0; i < of->rank; i++)
    if (!add_axis(e, n, s, of->dims[i])) return false;
  s->limits[s->axis] = type->dims[s->axis].maximum;
  s->steps[s->axis++] = 1;
  return true;
}

static bool refuse_part(elaborator *e, const ast *item, dim size) {
  elaborator_error(e, item->at, "an axis of the bounded size %s is taken whole or at places, not in slices",
                   size.symbol);
  return false;
}

/* A place known when compiling, of an axis that may be shorter: it is looked for at run time. */
static bool bounded_place(elaborator *e, const ast *item, value v, const tensor_type *type, selection *s) {
  const dim size = type->dims[s->axis];
  int64_t place, within;
  if (!elaborator_integer(e, item->at, v, "a subscript", &place) ||
      !position(e, item, v, size.maximum, size.maximum - 1, &within))
    return false;
  node *at = build_int(e->graph, DTYPE_I32, place);
  if (place < 0) at = build_map2(e->graph, SCALAR_ADD, operate_tensor(e, item->at, value_size(size), DTYPE_I32), at);
  return index_axis(e, item, value_tensor(at), type, s);
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
  if (value_is(v, VALUE_SIZE)) v = value_tensor(operate_tensor(e, item->at, v, DTYPE_I32));
  if (value_is(v, VALUE_TENSOR)) return index_axis(e, item, v, type, s);
  if (value_is(v, VALUE_NUMBER) && type->dims[s->axis].symbol) return bounded_place(e, item, v, type, s);
  taken t;
  if (!take(e, item, v, extent, &t)) return false;
  s->starts[s->axis] = t.start;
  s->limits[s->axis] = t.limit;
  s->steps[s->axis] = t.step;
  s->cut[s->axis] = t.start != 0 || t.limit != extent || t.step != 1;
  if (s->cut[s->axis] && type->dims[s->axis].symbol) return refuse_part(e, item, type->dims[s->axis]);
  s->slices = s->slices || s->cut[s->axis];
  dim left = s->cut[s->axis] ? dim_fixed((t.limit - t.start + t.step - 1) / t.step)
                             : type->dims[s->axis];
  s->axis++;
  return t.pick || add_axis(e, item, s, left);
}

/* What the brackets take from a tensor; false with an error. */
static bool select(elaborator *e, const ast *n, value base, selection *s) {
  const tensor_type *type = &base.node->type;
  int named = 0, dots = 0;
  for (int i = 0; i < n->items.count; i++) {
    dots += n->items.items[i]->kind == AST_ELLIPSIS;
    named += !is_new_axis(e, n->items.items[i]) && n->items.items[i]->kind != AST_ELLIPSIS;
  }
  if (dots > 1) elaborator_error(e, n->at, "`...` stands twice in these brackets");
  else if (named > type->rank)
    elaborator_error(e, n->at, "%d subscripts for %s", named, type_text(e->arena, type));
  if (dots > 1 || named > type->rank || !operate_reachable(e, n->at, base)) return false;
  *s = (selection){0};
  for (int i = 0; i < n->items.count; i++)
    if (!select_item(e, n->items.items[i], type, type->rank - named, s)) return false;
  while (s->axis < type->rank)
    if (!whole_axis(e, n, type, s)) return false;
  e->graph->at = elaborator_place(e, n->at);
  return true;
}

static value subscript_tensor(elaborator *e, const ast *n, value base) {
  selection s;
  if (!select(e, n, base, &s)) return (value){0};
  node *cut = s.slices ? build_slice(e->graph, base.node, s.starts, s.limits, s.steps) : base.node;
  for (int axis = s.axis - 1; axis >= 0; axis--) /* an axis changes the numbers of those behind it */
    if (s.places[axis]) cut = build_gather(e->graph, cut, s.places[axis], axis, 0);
  return elaborator_node(e, build_reshape(e->graph, cut, s.rank, s.shape));
}

value subscript_transpose_last(elaborator *e, location at, value base) {
  int rank = base.node->type.rank;
  int64_t axes[MAX_RANK];
  for (int i = 0; i < rank; i++) axes[i] = i;
  axes[rank - 1] = rank - 2;
  axes[rank - 2] = rank - 1;
  if (!operate_reachable(e, at, base)) return (value){0};
  e->graph->at = elaborator_place(e, at);
  return elaborator_node(e, build_transpose(e->graph, base.node, axes));
}

/* --- parts that are replaced ---------------------------------------------------------------- */

static dim taken_count(const selection *s, int axis) {
  const node *places = s->places[axis];
  if (places && places->type.rank == 1) return places->type.dims[0];
  if (places) return dim_fixed(type_elements(&places->type));
  return dim_fixed((s->limits[axis] - s->starts[axis] + s->steps[axis] - 1) / s->steps[axis]);
}

/* One place of an axis, which then vanishes. */
static bool is_single(const selection *s, int axis) {
  return s->cut[axis] && taken_count(s, axis).maximum == 1;
}

/* The shape of a part without the axes of which one place is taken. */
static tensor_type part_type(const tensor_type *whole, const selection *s) {
  tensor_type type = {.element = whole->element};
  for (int axis = 0; axis < whole->rank; axis++)
    if (!is_single(s, axis))
      type.dims[type.rank++] = s->cut[axis] ? taken_count(s, axis) : whole->dims[axis];
  return type;
}

/* The places of an axis that are taken: a vector or, of one place, a scalar. */
static node *places_along(graph *g, const selection *s, int axis) {
  tensor_type type = {.element = s->limits[axis] <= INT32_MAX ? DTYPE_I32 : DTYPE_I64,
                      .rank = !is_single(s, axis), .dims = {taken_count(s, axis)}};
  if (s->places[axis]) return build_reshape(g, s->places[axis], type.rank, type.dims);
  node *first = build_splat(g, &type, (double)s->starts[axis]);
  if (type.rank == 0) return first;
  node *step = build_splat(g, &type, (double)s->steps[axis]);
  return build_map2(g, SCALAR_ADD, build_map2(g, SCALAR_MUL, build_iota(g, &type, 0), step), first);
}

/* What is taken of x along one axis of the tensor, which is axis `at` of x. */
static node *taken_along(graph *g, node *x, const selection *s, int axis, int at, node *places) {
  if (s->places[axis]) return build_gather(g, x, places, at, 0);
  int64_t starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
  dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->type.rank; i++) {
    limits[i] = x->type.dims[i].maximum;
    steps[i] = 1;
    if (i != at) dims[rank++] = x->type.dims[i];
  }
  starts[at] = s->starts[axis];
  limits[at] = s->limits[axis];
  steps[at] = s->steps[axis];
  node *part = build_slice(g, x, starts, limits, steps);
  return is_single(s, axis) ? build_reshape(g, part, rank, dims) : part;
}

/* x, which is the tensor, or what was taken of it along the axes before this one, of which `gone` have
 * vanished, with the part replaced: along the next axis that is cut, of which the rest is done to what
 * is taken. */
static node *replaced(graph *g, node *x, const selection *s, int axis, int gone, node *part) {
  while (axis < s->axis && !s->cut[axis]) axis++;
  if (axis == s->axis) return part;
  node *places = places_along(g, s, axis);
  bool last = true;
  for (int i = axis + 1; i < s->axis; i++) last = last && !s->cut[i];
  if (!last)
    part = replaced(g, taken_along(g, x, s, axis, axis - gone, places), s, axis + 1,
                    gone + is_single(s, axis), part);
  return build_scatter(g, x, places, part, axis - gone, 0);
}

value subscript_replaced(elaborator *e, const ast *n, value base, value part) {
  selection s;
  if (!select(e, n, base, &s)) return (value){0};
  tensor_type given = {.element = base.node->type.element, .rank = s.rank};
  memcpy(given.dims, s.shape, sizeof given.dims);
  node *new = operate_convert(e, n->at, part, &given, false, "the new part");
  if (!new) return (value){0};
  tensor_type type = part_type(&base.node->type, &s);
  e->graph->at = elaborator_place(e, n->at);
  new = build_reshape(e->graph, new, type.rank, type.dims);
  return elaborator_node(e, replaced(e->graph, base.node, &s, 0, 0, new));
}

/* --- tuples and data ------------------------------------------------------------------------ */

int subscript_item(elaborator *e, const ast *n, const tuple *t) {
  const ast *item = n->items.count == 1 ? n->items.items[0] : NULL;
  taken place;
  if (!item || item->kind == AST_SLICE)
    elaborator_error(e, n->at, "one item of a tuple is replaced at a time");
  else if (take(e, item, item_value(e, item), t->count, &place)) return (int)place.start;
  return -1;
}

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

/* Rows, as in Python from the end where they are below 0; where that is shows when the files are read. */
static value subscript_rows(elaborator *e, const ast *n, value base) {
  const ast *s = n->items.count == 1 ? n->items.items[0] : NULL;
  if (!s || s->kind != AST_SLICE || s->step || base.rows.split < 0)
    return elaborator_error(e, n->at, "rows of data are taken as in d.train[0:50000]");
  if (base.rows.cut)
    return elaborator_error(e, n->at, "rows are taken before they are cut, as in "
                            "windows(d.train[0:50000], 64)");
  if (base.rows.first || base.rows.last != ROWS_END)
    return elaborator_error(e, n->at, "these are rows of the data already");
  int64_t first = 0, last = ROWS_END;
  if (s->start &&
      !elaborator_integer(e, s->at, expression_value(e, s->start), "a row", &first))
    return (value){0};
  if (s->stop && !elaborator_integer(e, s->at, expression_value(e, s->stop), "a row", &last))
    return (value){0};
  bool same_end = (first < 0) == (last < 0);
  if (s->stop && (same_end ? last <= first : last == 0))
    return elaborator_error(e, s->at, "there are no rows from %lld to %lld",
                            (long long)first, (long long)last);
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
