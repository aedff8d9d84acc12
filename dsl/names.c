#include "names.h"

#include <string.h>

#include "text_hash.h"

scope *scope_new(arena *a, scope *parent) {
  scope *s = arena_new_of(a, scope);
  s->parent = parent;
  return s;
}

/* The place of a name in the table: where it is, or the free place where it belongs. */
static int place_of(const scope *s, const char *name) {
  int at = (int)(text_hash(name) & (uint32_t)(s->table_size - 1));
  while (s->table[at] && strcmp(s->bindings[s->table[at] - 1]->name, name))
    at = (at + 1) & (s->table_size - 1);
  return at;
}

static void grow(arena *a, scope *s) {
  s->table_size = s->table_size ? 2 * s->table_size : 16;
  s->table = arena_array_of(a, s->table_size, int);
  for (int i = 0; i < s->count; i++) s->table[place_of(s, s->bindings[i]->name)] = i + 1;
}

void scope_share(arena *a, scope *s, binding *b) {
  if (2 * (s->count + 1) > s->table_size) grow(a, s);
  arena_push(a, s->bindings, s->count) = b;
  s->table[place_of(s, b->name)] = s->count;
}

binding *scope_find_here(const scope *s, const char *name) {
  int found = s->table_size ? s->table[place_of(s, name)] : 0;
  return found ? s->bindings[found - 1] : NULL;
}

binding *scope_find(const scope *s, const char *name) {
  for (; s; s = s->parent) {
    binding *b = scope_find_here(s, name);
    if (b) return b;
  }
  return NULL;
}

scope *scope_home(scope *s, const char *name) {
  for (scope *home = s; home; home = home->turn ? home->parent : NULL)
    if (scope_find_here(home, name)) return home;
  return s;
}

binding *scope_bind(arena *a, scope *s, const char *name, value v, location at) {
  binding *b = scope_find_here(s, name);
  if (!b) {
    b = arena_new_of(a, binding);
    b->name = name;
    scope_share(a, s, b);
  }
  *b = (binding){.name = name, .value = v, .at = at};
  return b;
}

void scope_names(arena *a, const scope *s, const char ***names, int *count) {
  for (; s; s = s->parent)
    for (int i = 0; i < s->count; i++) arena_push(a, *names, *count) = s->bindings[i]->name;
}
