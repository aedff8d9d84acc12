#include "index_space.h"

#include <string.h>

#include "build.h"
#include "expression.h"
#include "index_notation.h"
#include "native.h"
#include "operate.h"

/* --- names ---------------------------------------------------------------------------------- */

bool index_space_is_known(const elaborator *e, const char *name) {
  return scope_find(e->frame->scope, name) || native_find(name) || !strcmp(name, "training") ||
         !strcmp(name, "pi");
}

int index_space_find(const index_space *s, const char *name) {
  for (int i = 0; i < s->count; i++)
    if (!strcmp(s->indices[i].name, name)) return i;
  return -1;
}

/* The size in `i < n`. */
static bool given_extent(index_space *s, const ast *size, index_range *range) {
  if (index_space_enters(s, size)) {
    elaborator_error(s->e, size->at, "the extent of an index cannot depend on an index");
    return false;
  }
  dim extent;
  if (!elaborator_extent(s->e, size->at, expression_value(s->e, size), "an extent", &extent))
    return false;
  if (extent.maximum < 1 || extent.maximum > INT32_MAX) {
    elaborator_error(s->e, size->at, "the extent of an index is from 1 to 2**31 - 1, not %lld",
                     (long long)extent.maximum);
    return false;
  }
  range->extent = extent;
  range->given = true;
  return true;
}

bool index_space_bind(index_space *s, const ast *item, const char *advice) {
  const ast *name = index_notation_name(item), *size = name == item ? NULL : item->right;
  if (!name) {
    elaborator_error(s->e, item->at, "an index is a fresh name, `i`, or `i < n`%s", advice);
    return false;
  }
  const binding *b = scope_find(s->e->frame->scope, name->name);
  if (b || index_space_is_known(s->e, name->name)) {
    const char *place = b ? arena_printf(s->e->arena, ", bound at %s",
                                         diag_place(s->e->arena, b->at)) : "";
    elaborator_error(s->e, name->at, "the index `%s` is the name of something else%s; "
                     "give it another one%s", name->name, place, advice);
    return false;
  }
  int bound = index_space_find(s, name->name);
  if (bound >= 0) {
    elaborator_error(s->e, name->at, "`%s` is an index already, bound at %s", name->name,
                     diag_place(s->e->arena, s->indices[bound].at));
    return false;
  }
  if (s->count == MAX_RANK) {
    elaborator_error(s->e, name->at, "at most %d indices go together", MAX_RANK);
    return false;
  }
  index_range range = {.name = name->name, .at = name->at};
  if (size && !given_extent(s, size, &range)) return false;
  s->indices[s->count++] = range;
  return true;
}

/* --- what no index enters ------------------------------------------------------------------- */

typedef struct search {
  const index_space *space;
  unsigned found;
} search;

static bool look(const ast *n, void *context) {
  search *s = context;
  int index = n->kind == AST_NAME ? index_space_find(s->space, n->name) : -1;
  if (index >= 0) s->found |= 1u << index;
  return true;
}

unsigned index_space_named(const index_space *s, const ast *text) {
  search found = {s, 0};
  ast_walk(text, look, &found);
  return found.found;
}

bool index_space_enters(const index_space *s, const ast *text) { return index_space_named(s, text) != 0; }

typedef struct fixed_value {
  const ast *text;
  value value;
} fixed_value;

value index_space_fixed(index_space *s, const ast *text) {
  for (int i = 0; i < s->fixed_count; i++)
    if (s->fixed[i].text == text) return s->fixed[i].value;
  value v = expression_value(s->e, text);
  arena_push(s->e->arena, s->fixed, s->fixed_count) = (fixed_value){text, v};
  return v;
}

node *index_space_subscripted(index_space *s, const ast *n) {
  elaborator *e = s->e;
  if (index_space_enters(s, n->base)) {
    elaborator_error(e, n->base->at, "an index stands before the brackets; all subscripts of a "
                     "tensor stand in one pair of them");
    return NULL;
  }
  value base = index_space_fixed(s, n->base);
  if (value_is_poison(base)) return NULL;
  if (!value_is(base, VALUE_TENSOR)) {
    elaborator_error(e, n->at, "an index subscripts a tensor, not %s",
                     value_words(e->arena, base));
    return NULL;
  }
  int rank = base.node->type.rank;
  for (int i = 0; i < n->items.count; i++) {
    const ast *item = n->items.items[i];
    if (item->kind != AST_SLICE && item->kind != AST_ELLIPSIS) continue;
    elaborator_error(e, item->at, "beside an index a subscript is a place, not %s",
                     ast_kind_words(item->kind));
    return NULL;
  }
  if (rank != n->items.count) {
    elaborator_error(e, n->at, "%s takes %d subscripts here, one for every axis, not %d",
                     type_text(e->arena, &base.node->type), rank, n->items.count);
    return NULL;
  }
  return operate_tensor(e, n->at, base, DTYPE_COUNT);
}

/* --- extents -------------------------------------------------------------------------------- */

typedef struct measuring {
  index_space *space;
  int first;
  bool good;
} measuring;

static void imply(measuring *m, index_range *r, dim extent, location at) {
  elaborator *e = m->space->e;
  if (r->given) return;
  if (!r->extent.maximum) {
    r->extent = extent;
    r->implied_at = at;
  } else if (!dim_equal(r->extent, extent)) {
    m->good = false;
    elaborator_error(e, at, "the index `%s` has the extent %lld here, but %lld at %s; where one is "
                     "meant, write `%s < n`", r->name, (long long)extent.maximum,
                     (long long)r->extent.maximum, diag_place(e->arena, r->implied_at), r->name);
  }
}

static int bare_index(const index_space *s, const ast *item) {
  return item->kind == AST_NAME ? index_space_find(s, item->name) : -1;
}

static void measure_subscripts(measuring *m, const ast *n) {
  index_space *s = m->space;
  if (index_space_enters(s, n->base)) return;
  bool bare = false;
  for (int i = 0; i < n->items.count; i++) bare = bare || bare_index(s, n->items.items[i]) >= m->first;
  if (!bare) return;
  value base = index_space_fixed(s, n->base);
  if (value_is(base, VALUE_FUNCTION) || value_is(base, VALUE_INSTANCE)) return;
  node *x = index_space_subscripted(s, n);
  m->good = m->good && x;
  for (int i = 0; m->good && i < n->items.count; i++) {
    int index = bare_index(s, n->items.items[i]);
    if (index >= m->first)
      imply(m, &s->indices[index], x->type.dims[i], n->items.items[i]->at);
  }
}

static bool measure(const ast *n, void *context);

/* Indices that a call inside binds are in force in its arguments; what they are is found there. */
static void measure_inside(measuring *m, const ast *call) {
  index_space *s = m->space;
  int count = s->count;
  for (int i = 0; i < call->base->items.count && s->count < MAX_RANK; i++) {
    const ast *name = index_notation_name(call->base->items.items[i]);
    if (name) s->indices[s->count++] = (index_range){.name = name->name, .given = true};
  }
  for (int i = 0; i < call->items.count; i++) ast_walk(call->items.items[i], measure, m);
  s->count = count;
}

/* Of a choice that is known at compile time, the side that is not taken implies nothing. */
static bool measure(const ast *n, void *context) {
  measuring *m = context;
  if (!m->good) return false;
  if (n->kind == AST_CALL && index_notation_binds(m->space->e, n)) {
    measure_inside(m, n);
    return false;
  }
  if (n->kind == AST_BRACKETS) measure_subscripts(m, n);
  if (n->kind != AST_CHOICE || index_space_enters(m->space, n->condition)) return true;
  value condition = index_space_fixed(m->space, n->condition);
  if (!value_is(condition, VALUE_TRUTH)) return true;
  ast_walk(condition.truth ? n->then : n->otherwise, measure, m);
  return false;
}

bool index_space_measure(index_space *s, int first, const ast *text) {
  measuring m = {s, first, true};
  ast_walk(text, measure, &m);
  for (int i = first; m.good && i < s->count; i++)
    if (!s->indices[i].extent.maximum) {
      m.good = false;
      elaborator_error(s->e, s->indices[i].at, "nothing tells the extent of the index `%s`: it is "
                       "no subscript by itself; write `%s < n`", s->indices[i].name,
                       s->indices[i].name);
    }
  return m.good;
}

/* --- layout --------------------------------------------------------------------------------- */

tensor_type index_space_type(const index_space *s, dtype element) {
  tensor_type type = {.element = element, .rank = s->count};
  for (int i = 0; i < s->count; i++) type.dims[i] = s->indices[i].extent;
  return type;
}

node *index_space_place(const index_space *s, node *x, const int *labels) {
  if (!x) return NULL;
  int64_t order[MAX_RANK];
  dim dims[MAX_RANK];
  int rank = 0;
  bool moved = false;
  for (int index = 0; index < s->count; index++) {
    dims[index] = dim_fixed(1);
    for (int axis = 0; axis < x->type.rank; axis++) {
      if (labels[axis] != index) continue;
      dims[index] = x->type.dims[axis];
      moved = moved || axis != rank;
      order[rank++] = axis;
    }
  }
  if (moved) x = build_transpose(s->e->graph, x, order);
  return build_reshape(s->e->graph, x, s->count, dims);
}

node *index_space_strip(const index_space *s, node *x, int labels[MAX_RANK]) {
  dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->type.rank; i++) {
    if (x->type.dims[i].maximum == 1 && !x->type.dims[i].symbol) continue;
    dims[rank] = x->type.dims[i];
    labels[rank++] = i;
  }
  tensor_type bare = {.element = x->type.element, .rank = rank};
  memcpy(bare.dims, dims, sizeof dims);
  if (x->op == OP_RESHAPE && type_equal(&x->operands[0]->type, &bare)) return x->operands[0];
  return build_reshape(s->e->graph, x, rank, dims);
}
