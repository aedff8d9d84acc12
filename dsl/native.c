#include "native.h"

#include <string.h>

#include "operate.h"

/* --- the table ------------------------------------------------------------------------------ */

static const native *const families[] = {native_elementwise, native_shapes, native_reductions,
                                         native_random, native_calculus, native_slots,
                                         native_axis};
enum { FAMILY_COUNT = sizeof families / sizeof *families };

const native *native_find(const char *name) {
  for (int i = 0; i < FAMILY_COUNT; i++)
    for (const native *n = families[i]; n->name; n++)
      if (!strcmp(n->name, name)) return n;
  return NULL;
}

void native_names(arena *a, const char ***names, int *count) {
  for (int i = 0; i < FAMILY_COUNT; i++)
    for (const native *n = families[i]; n->name; n++) arena_push(a, *names, *count) = n->name;
}

/* --- arguments ------------------------------------------------------------------------------ */

static bool is_option(const char *options, const char *name) {
  size_t length = strlen(name);
  for (const char *at = options; at && *at; at += strcspn(at, " "), at += *at == ' ')
    if (strcspn(at, " ") == length && !strncmp(at, name, length)) return true;
  return false;
}

static const char argument_kind[] = "argument", static_kind[] = "static argument";

static const char *brackets_advice(elaborator *e, const native_call *c) {
  return arena_printf(e->arena, "; sizes, axes and options stand in brackets: `%s[…](…)`", c->native->name);
}

static bool check_count(elaborator *e, const native_call *c, int given, int least, int most,
                        const char *kind) {
  if (given >= least && given <= most) return true;
  int wanted = given < least ? least : most;
  bool outside = given > most && !strcmp(kind, argument_kind) && c->native->most_statics;
  elaborator_error(e, c->at, "%s takes %s%d %s%s, but %d %s given%s", c->native->name,
                   least == most ? "" : given < least ? "at least " : "at most ", wanted, kind, wanted == 1 ? "" : "s",
                   given, given == 1 ? "is" : "are", outside ? brackets_advice(e, c) : "");
  return false;
}

/* What other tools call the axes in brackets. */
static bool is_axis(const native *n, const char *name) {
  return n->most_statics && is_option("axis axes dim dims shape size", name);
}

static bool check_names(elaborator *e, const native_call *c, const char *allowed, const char *kind,
                        argument_list list, int *positional) {
  *positional = 0;
  for (int i = 0; i < list.count; i++) {
    const char *name = list.items[i].name;
    *positional += !name;
    if (!name || is_option(allowed, name)) continue;
    bool outside = !strcmp(kind, argument_kind) && (is_option(c->native->options, name) || is_axis(c->native, name));
    if (outside)
      elaborator_error(e, c->at, "`%s` is no argument of %s%s", name, c->native->name, brackets_advice(e, c));
    else elaborator_unknown(e, c->at, arena_printf(e->arena, "%s of %s named", kind, c->native->name),
                       name, &allowed, allowed ? 1 : 0);
    return false;
  }
  return true;
}

/* Parts the arguments by position from those by name. */
static void part_arguments(elaborator *e, native_call *c) {
  argument_list all = c->arguments;
  c->arguments = (argument_list){arena_array_of(e->arena, all.count, argument), 0};
  c->named = (argument_list){arena_array_of(e->arena, all.count, argument), 0};
  for (int i = 0; i < all.count; i++) {
    argument_list *to = all.items[i].name ? &c->named : &c->arguments;
    to->items[to->count++] = all.items[i];
  }
}

value native_apply(elaborator *e, const native_call *given) {
  int statics, arguments;
  native_call c = *given;
  const native *n = c.native;
  if (!check_names(e, &c, n->options, "option", c.statics, &statics) ||
      !check_names(e, &c, n->names, argument_kind, c.arguments, &arguments) ||
      !check_count(e, &c, statics, n->least_statics, n->most_statics, static_kind) ||
      !check_count(e, &c, arguments, n->least, n->most, argument_kind))
    return (value){0};
  part_arguments(e, &c);
  e->graph->at = elaborator_place(e, c.at);
  return n->call(e, &c);
}

static value find_named(argument_list list, const char *name, bool *given) {
  *given = false;
  for (int i = 0; i < list.count; i++) {
    const argument *a = &list.items[i];
    if (!a->name || strcmp(a->name, name)) continue;
    *given = true;
    return a->value;
  }
  return (value){0};
}

value native_option(const native_call *c, const char *name, bool *given) {
  return find_named(c->statics, name, given);
}

value native_named(const native_call *c, const char *name, bool *given) {
  return find_named(c->named, name, given);
}

bool native_integer_option(elaborator *e, const native_call *c, const char *name, int64_t *out) {
  bool given;
  value v = native_option(c, name, &given);
  return !given || elaborator_integer(e, c->at, v, name, out);
}

bool native_truth_option(elaborator *e, const native_call *c, const char *name, bool *out) {
  bool given;
  value v = native_option(c, name, &given);
  if (!given) return true;
  if (value_is(v, VALUE_TRUTH)) *out = v.truth;
  else elaborator_error(e, c->at, "`%s` is true or false", name);
  return value_is(v, VALUE_TRUTH);
}

/* --- axes and sizes ------------------------------------------------------------------------- */

/* Appends an integer, or the items of a tuple of integers. */
static bool splice(elaborator *e, location at, value v, const char *what, int *count,
                   int64_t out[MAX_RANK]) {
  if (value_is(v, VALUE_TUPLE)) {
    for (int i = 0; i < v.tuple->count; i++)
      if (!splice(e, at, v.tuple->items[i], what, count, out)) return false;
    return true;
  }
  if (*count == MAX_RANK) {
    elaborator_error(e, at, "a tensor has at most %d axes", MAX_RANK);
    return false;
  }
  return elaborator_integer(e, at, v, what, &out[(*count)++]);
}

static bool splice_all(elaborator *e, const native_call *c, const char *what, int *count,
                       int64_t out[MAX_RANK]) {
  *count = 0;
  for (int i = 0; i < c->statics.count; i++)
    if (!c->statics.items[i].name &&
        !splice(e, c->at, c->statics.items[i].value, what, count, out))
      return false;
  return true;
}

static int positional_statics(const native_call *c) {
  int count = 0;
  for (int i = 0; i < c->statics.count; i++) count += !c->statics.items[i].name;
  return count;
}

bool native_axis_of(elaborator *e, const native_call *c, int rank, int64_t *axis) {
  int64_t given = *axis;
  if (*axis < 0) *axis += rank;
  if (*axis >= 0 && *axis < rank) return true;
  elaborator_error(e, c->at, "there is no axis %lld among %d", (long long)given, rank);
  return false;
}

static bool check_axis(elaborator *e, const native_call *c, int rank, int64_t *axis,
                       const int64_t *before, int count) {
  int64_t given = *axis;
  if (!native_axis_of(e, c, rank, axis)) return false;
  for (int i = 0; i < count; i++)
    if (before[i] == *axis) {
      elaborator_error(e, c->at, "the axis %lld is given twice", (long long)given);
      return false;
    }
  return true;
}

bool native_axes(elaborator *e, const native_call *c, int rank, int fallback, int *count,
                 int64_t axes[MAX_RANK]) {
  if (!splice_all(e, c, "an axis", count, axes)) return false;
  if (!positional_statics(c) && fallback == MAX_RANK) {
    for (int i = 0; i < rank; i++) axes[i] = i;
    *count = rank;
  } else if (!positional_statics(c)) {
    axes[0] = fallback;
    *count = 1;
  }
  for (int i = 0; i < *count; i++)
    if (!check_axis(e, c, rank, &axes[i], axes, i)) return false;
  return true;
}

/* Appends an extent, or those of a tuple. */
static bool splice_sizes(elaborator *e, location at, value v, tensor_type *sizes) {
  if (value_is(v, VALUE_TUPLE)) {
    for (int i = 0; i < v.tuple->count; i++)
      if (!splice_sizes(e, at, v.tuple->items[i], sizes)) return false;
    return true;
  }
  if (sizes->rank == MAX_RANK) {
    elaborator_error(e, at, "a tensor has at most %d axes", MAX_RANK);
    return false;
  }
  dim *size = &sizes->dims[sizes->rank++];
  if (!elaborator_extent(e, at, v, "a size", size)) return false;
  if (size->maximum >= 1) return true;
  elaborator_error(e, at, "a size is at least 1, not %lld", (long long)size->maximum);
  return false;
}

bool native_sizes(elaborator *e, const native_call *c, tensor_type *sizes) {
  *sizes = (tensor_type){.element = DTYPE_F64};
  for (int i = 0; i < c->statics.count; i++)
    if (!c->statics.items[i].name && !splice_sizes(e, c->at, c->statics.items[i].value, sizes))
      return false;
  if (type_check(sizes)) return true;
  elaborator_error(e, c->at, "a tensor of %s is too large: it has 2**60 elements or more",
                   shape_text(e->arena, sizes));
  return false;
}

bool native_each(elaborator *e, location at, value v, const char *what, int count, int64_t *out) {
  if (!value_is(v, VALUE_TUPLE)) {
    if (!elaborator_integer(e, at, v, what, &out[0])) return false;
    for (int i = 1; i < count; i++) out[i] = out[0];
    return true;
  }
  if (v.tuple->count != count) {
    elaborator_error(e, at, "`%s` is one number or %d", what, count);
    return false;
  }
  for (int i = 0; i < count; i++)
    if (!elaborator_integer(e, at, v.tuple->items[i], what, &out[i])) return false;
  return true;
}

bool native_result_type(elaborator *e, const native_call *c, dtype element,
                        const tensor_type *like, tensor_type *type) {
  const tensor_type *initial = e->frame->initial;
  if (positional_statics(c)) {
    if (!native_sizes(e, c, type)) return false;
    type->element = element;
    return true;
  }
  *type = like ? *like : initial ? *initial : type_scalar(element);
  type->element = element;
  return true;
}

node *native_tensor(elaborator *e, const native_call *c, int i) {
  return operate_tensor(e, c->at, c->arguments.items[i].value, DTYPE_COUNT);
}
