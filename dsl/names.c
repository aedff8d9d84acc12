#include "names.h"

#include <string.h>

scope *scope_new(arena *a, scope *parent) {
  scope *s = arena_new_of(a, scope);
  s->parent = parent;
  return s;
}

binding *scope_find_here(const scope *s, const char *name) {
  for (int i = 0; i < s->count; i++)
    if (!strcmp(s->bindings[i]->name, name)) return s->bindings[i];
  return NULL;
}

binding *scope_find(const scope *s, const char *name) {
  for (; s; s = s->parent) {
    binding *b = scope_find_here(s, name);
    if (b) return b;
  }
  return NULL;
}

binding *scope_bind(arena *a, scope *s, const char *name, value v, location at) {
  binding *b = scope_find_here(s, name);
  if (!b) {
    b = arena_new_of(a, binding);
    arena_push(a, s->bindings, s->count) = b;
  }
  *b = (binding){.name = name, .value = v, .at = at};
  return b;
}

void scope_share(arena *a, scope *s, binding *b) {
  arena_push(a, s->bindings, s->count) = b;
}

void scope_names(arena *a, const scope *s, const char ***names, int *count) {
  for (; s; s = s->parent)
    for (int i = 0; i < s->count; i++) arena_push(a, *names, *count) = s->bindings[i]->name;
}
