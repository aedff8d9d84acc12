#include "ast.h"

#include <string.h>

static bool equal_lists(ast_list a, ast_list b) {
  if (a.count != b.count) return false;
  for (int i = 0; i < a.count; i++)
    if (!ast_equal_node(a.items[i], b.items[i])) return false;
  return true;
}

static bool equal_names(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

/* Values of literals need no comparison: their names are the exact text. */
bool ast_equal_node(const ast *a, const ast *b) {
  if (!a || !b) return a == b;
  if (a->kind != b->kind || a->op != b->op || a->has_parameters != b->has_parameters ||
      a->maximize != b->maximize || !equal_names(a->name, b->name))
    return false;
  for (int i = 0; i < AST_PARTS; i++)
    if (!ast_equal_node(a->part[i], b->part[i])) return false;
  for (int i = 0; i < AST_LISTS; i++)
    if (!equal_lists(a->list[i], b->list[i])) return false;
  return true;
}

bool ast_equal(const ast_file *a, const ast_file *b) { return equal_lists(a->items, b->items); }

void ast_walk(const ast *n, bool (*visit)(const ast *n, void *context), void *context) {
  if (!n || !visit(n, context)) return;
  for (int i = 0; i < AST_PARTS; i++) ast_walk(n->part[i], visit, context);
  for (int i = 0; i < AST_LISTS; i++)
    for (int j = 0; j < n->list[i].count; j++) ast_walk(n->list[i].items[j], visit, context);
}

ast *ast_as_named(const ast *item, const char **name) {
  if (item->kind == AST_NAMED) {
    *name = item->name;
    return item->value;
  }
  bool is_named = item->kind == AST_SLICE && item->start && item->start->kind == AST_NAME &&
                  !item->start->grouped && item->stop && !item->step;
  if (!is_named) return NULL;
  *name = item->start->name;
  return item->stop;
}

const char *ast_root_name(const ast *n) {
  while (n->kind == AST_CALL || n->kind == AST_BRACKETS || n->kind == AST_MEMBER) n = n->base;
  return n->kind == AST_NAME ? n->name : NULL;
}

bool ast_is_name(const ast *n, const char *name) {
  return n->kind == AST_NAME && !strcmp(n->name, name);
}

const char *ast_kind_words(ast_kind kind) {
  static const char *const words[] = {
#define WORDS(kind_, words_) words_,
      AST_KINDS(WORDS)
#undef WORDS
  };
  return words[kind];
}

typedef struct operator_facts {
  const char *spelling;
  int binding;
} operator_facts;

static const operator_facts operators[] = {
#define FACTS(operator_, spelling_, binding_) {spelling_, binding_},
    AST_OPERATORS(FACTS)
#undef FACTS
};

const char *ast_operator_text(ast_operator op) { return operators[op].spelling; }
int ast_operator_binding(ast_operator op) { return operators[op].binding; }
