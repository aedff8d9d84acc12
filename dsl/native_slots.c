/* The slots of instances as tuples, tuples as vectors, and copies of instances. */
#include <string.h>

#include "build.h"
#include "call.h"
#include "gradient.h"
#include "native.h"
#include "operate.h"
#include "slots.h"

/* --- params and states ------------------------------------------------------------------------ */

/* Whether a path matches a pattern, in which `*` stands for any characters. On a mismatch the last
 * `*` takes one character more. */
static bool matches(const char *pattern, const char *path) {
  const char *star = NULL, *from = NULL;
  while (*path) {
    if (*pattern == '*') {
      star = pattern++;
      from = path;
    } else if (*pattern == *path) {
      pattern++;
      path++;
    } else if (star) {
      pattern = star + 1;
      path = ++from;
    } else {
      return false;
    }
  }
  while (*pattern == '*') pattern++;
  return !*pattern;
}

/* Patterns of paths, by name: a text or a tuple of texts. */
typedef struct filter {
  bool given;
  int count;
  const char **patterns;
  bool *used; /* some path matched */
} filter;

static bool read_filter(elaborator *e, const native_call *c, const char *name, filter *f) {
  value v = native_named(c, name, &f->given);
  if (!f->given) return true;
  bool one = !value_is(v, VALUE_TUPLE);
  f->count = one ? 1 : v.tuple->count;
  f->patterns = arena_array_of(e->arena, f->count, const char *);
  f->used = arena_array_of(e->arena, f->count, bool);
  for (int i = 0; i < f->count; i++) {
    value item = one ? v : v.tuple->items[i];
    if (!value_is(item, VALUE_TEXT)) {
      elaborator_error(e, c->at, "`%s` is a text such as \"*.w\", or a tuple of texts, not %s",
                       name, value_words(e->arena, item));
      return false;
    }
    f->patterns[i] = item.text;
  }
  return true;
}

static bool passes(const filter *f, const char *path) {
  bool any = false;
  for (int i = 0; i < f->count; i++) {
    bool fits = matches(f->patterns[i], path);
    f->used[i] = f->used[i] || fits;
    any = any || fits;
  }
  return any;
}

static bool check_used(elaborator *e, const native_call *c, const filter *f) {
  for (int i = 0; i < f->count; i++) {
    if (f->used[i]) continue;
    elaborator_error(e, c->at, "no path matches \"%s\"", f->patterns[i]);
    return false;
  }
  return true;
}

typedef struct slot_list {
  value *items;
  const char **keys;
  int count, key_count;
  filter only, without;
} slot_list;

/* "[1].first": the place of an item within a tuple. */
static const char *item_place(arena *a, const char *place, const tuple *t, int i) {
  if (!t->keys || !t->keys[i]) return arena_printf(a, "%s[%d]", place, i);
  return arena_printf(a, "%s%s%s", place, *place ? "." : "", t->keys[i]);
}

/* Adds the slots of an instance, or of all instances in a tuple, that pass the filters. place:
 * before the keys; NULL: keys are whole paths. */
static bool add_slots(elaborator *e, const native_call *c, value v, const char *place,
                      slot_list *list) {
  if (value_is(v, VALUE_TUPLE)) {
    for (int i = 0; i < v.tuple->count; i++)
      if (!add_slots(e, c, v.tuple->items[i],
                     place ? item_place(e->arena, place, v.tuple, i) : NULL, list))
        return false;
    return true;
  }
  if (!value_is(v, VALUE_INSTANCE)) {
    elaborator_error(e, c->at, "%s takes instances, not %s", c->native->name,
                     value_words(e->arena, v));
    return false;
  }
  value own = instance_slots(e, v.instance, (slot_kind)c->native->code);
  if (!list->only.given && !list->without.given) instance_taken(e, v.instance, (slot_kind)c->native->code, c->at);
  for (int i = 0; i < own.tuple->count; i++) {
    value item = own.tuple->items[i];
    if (value_is_poison(item)) return false;
    const char *path = item.slot->slot.path;
    if (list->only.given && !passes(&list->only, path)) continue;
    if (list->without.given && passes(&list->without, path)) continue;
    arena_push(e->arena, list->items, list->count) = item;
    const char *key = own.tuple->keys[i];
    if (!place) key = path;
    else if (*place) key = arena_printf(e->arena, "%s.%s", place, key);
    arena_push(e->arena, list->keys, list->key_count) = key;
  }
  return true;
}

/* params(net), states(net): a tuple keyed by path below net, of a tuple by the place in it before
 * that; of several, by whole path. only: and without: choose by whole paths. */
static value slots_of(elaborator *e, const native_call *c) {
  slot_list list = {0};
  if (!read_filter(e, c, "only", &list.only) || !read_filter(e, c, "without", &list.without))
    return (value){0};
  const char *place = c->arguments.count == 1 ? "" : NULL;
  for (int i = 0; i < c->arguments.count; i++)
    if (!add_slots(e, c, c->arguments.items[i].value, place, &list))
      return (value){0};
  if (!check_used(e, c, &list.only) || !check_used(e, c, &list.without)) return (value){0};
  return elaborator_tuple(e, c->at, list.count, list.items, list.keys);
}

enum { MOST_COPIES = 32 }; /* of copies of copies */

/* --- copies ----------------------------------------------------------------------------------- */

/* copy(net): net's function, to be named, with net's initial values; of a tuple, leaf by leaf. */
static value copied(elaborator *e, const native_call *c, value v) {
  if (value_is(v, VALUE_TUPLE)) {
    tuple *t = tuple_like(e->arena, v.tuple);
    for (int i = 0; i < t->count; i++) {
      t->items[i] = copied(e, c, v.tuple->items[i]);
      if (value_is_poison(t->items[i])) return (value){0};
    }
    return (value){.kind = VALUE_TUPLE, .tuple = t};
  }
  if (!value_is(v, VALUE_INSTANCE) || !v.instance->function)
    return elaborator_error(e, c->at, "copy takes an instance, or a tuple of instances, not %s",
                            value_words(e->arena, v));
  int links = 0;
  for (const instance *i = v.instance; i; i = i->origin) links++;
  if (links > MOST_COPIES)
    return elaborator_error(e, c->at, "copies of copies nest deeper than %d", MOST_COPIES);
  callable *f = arena_new_of(e->arena, callable);
  *f = v.bound ? *v.bound : *v.instance->function;
  f->origin = v.instance;
  f->bracketed = true;
  return value_function(f);
}

static value copy(elaborator *e, const native_call *c) {
  return copied(e, c, c->arguments.items[0].value);
}

/* --- tuples as vectors ------------------------------------------------------------------------ */

typedef struct leaf_list {
  node **items;
  int count;
} leaf_list;

/* The tensors of a value in the order of its leaves; of an instance, its parameters. */
static bool leaves_of(elaborator *e, const native_call *c, value v, leaf_list *list) {
  const value all = gradient_leaves(e, v);
  if (value_is(v, VALUE_INSTANCE)) instance_taken(e, v.instance, SLOT_PARAM, c->at);
  v = all;
  if (value_is(v, VALUE_TUPLE)) {
    for (int i = 0; i < v.tuple->count; i++)
      if (!leaves_of(e, c, v.tuple->items[i], list)) return false;
    return true;
  }
  node *n = operate_tensor(e, c->at, v, DTYPE_COUNT);
  if (!n) return false;
  arena_push(e->arena, list->items, list->count) = n;
  if (n->type.element == list->items[0]->type.element) return true;
  elaborator_error(e, c->at, "%s needs leaves of one element type; here are %s and %s",
                   c->native->name, dtype_name(list->items[0]->type.element),
                   dtype_name(n->type.element));
  return false;
}

/* One after the other; in rounds, since a node has a bounded number of operands. */
static node *joined(elaborator *e, node **parts, int count) {
  enum { MOST = 1024 };
  while (count > 1) {
    int rounds = 0;
    for (int i = 0; i < count; i += MOST) {
      int size = count - i < MOST ? count - i : MOST;
      parts[rounds++] = size == 1 ? parts[i] : build_concat(e->graph, size, parts + i, 0);
    }
    count = rounds;
  }
  return parts[0];
}

/* flat(t): all leaves as one vector, each in row-major order. */
static value flat(elaborator *e, const native_call *c) {
  leaf_list list = {0};
  if (!leaves_of(e, c, c->arguments.items[0].value, &list)) return (value){0};
  if (!list.count) return elaborator_error(e, c->at, "flat of nothing");
  for (int i = 0; i < list.count; i++) {
    const dim size = dim_fixed(type_elements(&list.items[i]->type));
    list.items[i] = build_reshape(e->graph, list.items[i], 1, &size);
  }
  return elaborator_node(e, joined(e, list.items, list.count));
}

/* The part of the vector from *start on that fills a value like `like`. */
static value unflatten(elaborator *e, node *vector, value like, int64_t *start) {
  like = gradient_leaves(e, like);
  if (value_is(like, VALUE_TUPLE)) {
    tuple *t = tuple_like(e->arena, like.tuple);
    for (int i = 0; i < t->count; i++)
      t->items[i] = unflatten(e, vector, like.tuple->items[i], start);
    return (value){.kind = VALUE_TUPLE, .tuple = t};
  }
  tensor_type type = value_is(like, VALUE_TENSOR) ? like.node->type : type_scalar(DTYPE_F32);
  const int64_t limit = *start + type_elements(&type), one = 1;
  node *part = build_slice(e->graph, vector, start, &limit, &one);
  *start = limit;
  return elaborator_node(e, build_reshape(e->graph, part, type.rank, type.dims));
}

/* unflat(v, t): the vector's elements in the shapes of t's leaves. */
static value unflat(elaborator *e, const native_call *c) {
  node *vector = native_tensor(e, c, 0);
  value like = c->arguments.items[1].value;
  leaf_list list = {0};
  if (!vector || !leaves_of(e, c, like, &list)) return (value){0};
  int64_t needed = 0, start = 0;
  for (int i = 0; i < list.count; i++) needed += type_elements(&list.items[i]->type);
  if (vector->type.rank != 1 || vector->type.dims[0].maximum != needed)
    return elaborator_error(e, c->at, "unflat needs a vector of %lld elements, not %s",
                            (long long)needed, type_text(e->arena, &vector->type));
  return unflatten(e, vector, like, &start);
}

const native native_slots[] = {
    {"params", 1, 1024, 0, 0, NULL, slots_of, SLOT_PARAM, "only without"},
    {"states", 1, 1024, 0, 0, NULL, slots_of, SLOT_STATE, "only without"},
    {"copy", 1, 1, 0, 0, NULL, copy, 0, NULL},
    {"flat", 1, 1, 0, 0, NULL, flat, 0, NULL},
    {"unflat", 2, 2, 0, 0, NULL, unflat, 0, NULL},
    {0},
};
