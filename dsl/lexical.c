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

static const ast *first_stage(const ast *with) {
  while (with->kind == AST_PIPE) with = with->left;
  return with;
}

static void add(collection *c, const ast *site, const ast *callee) {
  arena_push(c->arena, c->lexical->by_name, c->lexical->count) =
      (call_site){.site = site, .callee = callee, .name = called_name(callee)};
}

static bool collect(const ast *n, void *context) {
  collection *c = context;
  bool body = n->kind == AST_FUNCTION || n->kind == AST_ENTRY || n->kind == AST_TASK;
  if (body && n != c->lexical->root) return false;
  if (n->kind == AST_CALL) add(c, n, n->base);
  if (n->kind == AST_PIPE && n->right->kind != AST_CALL) add(c, n, n->right);
  const ast *stage = n->kind == AST_MINIMIZE ? first_stage(n->with) : NULL;
  if (stage && stage->kind != AST_CALL) add(c, stage, stage);
  return true;
}

static int by_name(const void *left, const void *right) {
  const call_site *a = left, *b = right;
  location x = without_brackets(a->callee)->at, y = without_brackets(b->callee)->at;
  int order = strcmp(a->name, b->name);
  if (!order) order = x.end_line - y.end_line;
  if (!order) order = x.end_column - y.end_column;
  return order ? order : b->site->height - a->site->height;
}

static int by_site(const void *left, const void *right) {
  uintptr_t a = (uintptr_t)((const call_site *)left)->site;
  uintptr_t b = (uintptr_t)((const call_site *)right)->site;
  return a < b ? -1 : a > b;
}

const lexical *lexical_new(arena *a, const ast *root) {
  lexical *l = arena_new_of(a, lexical);
  l->root = root;
  ast_walk(root, collect, &(collection){a, l});
  if (!l->count) return l;
  qsort(l->by_name, (size_t)l->count, sizeof *l->by_name, by_name);
  for (int i = 1; i < l->count; i++)
    if (!strcmp(l->by_name[i].name, l->by_name[i - 1].name))
      l->by_name[i].ordinal = l->by_name[i - 1].ordinal + 1;
  l->by_site = arena_array_of(a, l->count, call_site);
  memcpy(l->by_site, l->by_name, (size_t)l->count * sizeof *l->by_site);
  qsort(l->by_site, (size_t)l->count, sizeof *l->by_site, by_site);
  return l;
}

const call_site *lexical_find(const lexical *l, const ast *site) {
  const call_site key = {.site = site};
  return l->count ? bsearch(&key, l->by_site, (size_t)l->count, sizeof key, by_site) : NULL;
}

bool lexical_calls(const lexical *l, const char *name) {
  int low = 0, high = l->count;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (strcmp(l->by_name[middle].name, name) < 0) low = middle + 1;
    else high = middle;
  }
  for (; low < l->count && !strcmp(l->by_name[low].name, name); low++)
    if (ast_is_name(without_brackets(l->by_name[low].callee), name)) return true;
  return false;
}
