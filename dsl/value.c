#include "value.h"

#include <string.h>

value value_none(void) { return (value){.kind = VALUE_NONE}; }
value value_number(number n) { return (value){.kind = VALUE_NUMBER, .number = n}; }
value value_integer(int64_t n) { return value_number(number_integer(n)); }
value value_size(dim d) {
  return d.symbol ? (value){.kind = VALUE_SIZE, .size = d} : value_integer(d.maximum);
}

const char *value_size_text(arena *a, dim d) {
  return d.symbol ? d.symbol : arena_printf(a, "%lld", (long long)d.maximum);
}

value value_truth(bool truth) { return (value){.kind = VALUE_TRUTH, .truth = truth}; }
value value_text(const char *text) { return (value){.kind = VALUE_TEXT, .text = text}; }
value value_function(const callable *f) { return (value){.kind = VALUE_FUNCTION, .function = f}; }
value value_instance(instance *i) { return (value){.kind = VALUE_INSTANCE, .instance = i}; }

value value_tensor(node *n) {
  return n ? (value){.kind = VALUE_TENSOR, .node = n} : (value){.kind = VALUE_POISON};
}

static void measure(tuple *t) {
  t->depth = 1;
  for (int i = 0; i < t->count; i++) {
    const tuple *item = t->items[i].kind == VALUE_TUPLE ? t->items[i].tuple : NULL;
    t->leaves += item ? item->leaves : 1;
    if (item && item->depth >= t->depth) t->depth = item->depth + 1;
  }
}

value value_tuple(arena *a, int count, const value *items, const char *const *keys) {
  tuple *t = arena_new_of(a, tuple);
  t->count = count;
  t->items = arena_array_of(a, count, value);
  if (count) memcpy(t->items, items, (size_t)count * sizeof *items);
  if (keys) {
    t->keys = arena_array_of(a, count, const char *);
    if (count) memcpy(t->keys, keys, (size_t)count * sizeof *keys);
  }
  measure(t);
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

value value_shape(arena *a, const tensor_type *type) {
  value sizes[MAX_RANK];
  for (int i = 0; i < type->rank; i++) sizes[i] = value_size(type->dims[i]);
  return value_tuple(a, type->rank, sizes, NULL);
}

bool value_is(value v, value_kind kind) { return v.kind == kind; }
bool value_is_poison(value v) { return v.kind == VALUE_POISON; }

bool value_is_integer(value v) {
  return v.kind == VALUE_NUMBER && number_is_integer(v.number);
}

const char *value_words(arena *a, value v) {
  switch (v.kind) {
    case VALUE_POISON: return "an error";
    case VALUE_NONE: return "nothing";
    case VALUE_NUMBER: return arena_printf(a, "the number %s", number_text(a, v.number));
    case VALUE_SIZE:
      return arena_printf(a, "the size %s <= %lld", v.size.symbol, (long long)v.size.maximum);
    case VALUE_TRUTH: return v.truth ? "true" : "false";
    case VALUE_TEXT: return "a text";
    case VALUE_TENSOR: return type_text(a, &v.node->type);
    case VALUE_TUPLE: return arena_printf(a, "a tuple of %d", v.tuple->count);
    case VALUE_FUNCTION: return arena_printf(a, "the function `%s`", v.function->name);
    case VALUE_INSTANCE: return "an instance";
    case VALUE_SLOT: return "a parameter";
    case VALUE_DATA: return "data";
  }
  return "?";
}

int tuple_find(const tuple *t, const char *key) {
  for (int i = 0; t->keys && i < t->count; i++)
    if (t->keys[i] && !strcmp(t->keys[i], key)) return i;
  return -1;
}

tuple *tuple_like(arena *a, const tuple *t) {
  tuple *copy = arena_new_of(a, tuple);
  copy->count = t->count;
  copy->keys = t->keys;
  copy->depth = t->depth;
  copy->leaves = t->leaves;
  copy->items = arena_array_of(a, t->count, value);
  return copy;
}
