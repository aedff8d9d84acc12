#include "lexical.h"

#include <stdlib.h>
#include <string.h>

typedef struct collection {
  arena *arena;
  lexical *lexical;
} collection;

static const ast *without_brackets(const ast *callee) {
  while (callee->kind == AST_BRACKETS) callee = callee->base;
  return callee;
}

static const char *called_name(const ast *callee) {
  callee = without_brackets(callee);
  return callee->kind == AST_NAME || callee->kind == AST_MEMBER ? callee->name : "call";
}

static bool collect(const ast *n, void *context) {
  collection *c = context;
  bool body = n->kind == AST_FUNCTION || n->kind == AST_ENTRY || n->kind == AST_TASK;
  if (body && n != c->lexical->root) return false;
  const ast *callee = n->kind == AST_CALL                                     ? n->base
                      : n->kind == AST_PIPE && n->right->kind != AST_CALL ? n->right
                                                                          : NULL;
  if (callee)
    arena_push(c->arena, c->lexical->sites, c->lexical->count) =
        (call_site){.site = n, .callee = callee, .name = called_name(callee)};
  return true;
}

static int by_text(const void *left, const void *right) {
  const call_site *a = left, *b = right;
  location x = without_brackets(a->callee)->at, y = without_brackets(b->callee)->at;
  if (x.end_line != y.end_line) return x.end_line - y.end_line;
  if (x.end_column != y.end_column) return x.end_column - y.end_column;
  return b->site->height - a->site->height;
}

const lexical *lexical_new(arena *a, const ast *root) {
  lexical *l = arena_new_of(a, lexical);
  l->root = root;
  ast_walk(root, collect, &(collection){a, l});
  if (l->count) qsort(l->sites, (size_t)l->count, sizeof *l->sites, by_text);
  for (int i = 0; i < l->count; i++)
    for (int j = i - 1; j >= 0 && !l->sites[i].ordinal; j--)
      if (!strcmp(l->sites[i].name, l->sites[j].name))
        l->sites[i].ordinal = l->sites[j].ordinal + 1;
  return l;
}

const call_site *lexical_find(const lexical *l, const ast *site) {
  for (int i = 0; i < l->count; i++)
    if (l->sites[i].site == site) return &l->sites[i];
  return NULL;
}

bool lexical_calls(const lexical *l, const char *name) {
  for (int i = 0; i < l->count; i++)
    if (ast_is_name(without_brackets(l->sites[i].callee), name)) return true;
  return false;
}
