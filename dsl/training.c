#include "training.h"

#include <string.h>

#include "slots.h"

typedef struct search {
  elaborator *elaborator;
  const scope *scope;     /* of the body that is searched */
  const ast *body;
  const ast **seen;       /* bodies */
  int seen_count;
  bool minimizes, updates; /* what was found */
} search;

static bool visit(const ast *n, void *context);

static void search_body(search *s, const ast *body, const scope *names) {
  for (int i = 0; i < s->seen_count; i++)
    if (s->seen[i] == body) return;
  arena_push(s->elaborator->arena, s->seen, s->seen_count) = body;
  const ast *outer_body = s->body;
  const scope *outer = s->scope;
  s->body = body;
  s->scope = names;
  ast_walk(body->body, visit, s);
  s->body = outer_body;
  s->scope = outer;
}

/* What a text says of a name: the param or state of it, the static loop that binds it, or the `=` that does. */
typedef struct declaration {
  const char *name;
  const ast *found, *defined;
} declaration;

static bool binds(const ast *pattern, const char *name) {
  bool found = ast_is_name(pattern, name);
  for (int i = 0; pattern->kind == AST_TUPLE && i < pattern->items.count; i++)
    found = found || binds(pattern->items.items[i], name);
  return found;
}

static bool find_declaration(const ast *n, void *context) {
  declaration *d = context;
  bool slot_here = (n->kind == AST_PARAM || n->kind == AST_STATE) && !strcmp(n->name, d->name);
  bool loop_here = n->kind == AST_FOR && n->patterns.count && ast_is_name(n->patterns.items[0], d->name);
  if (!d->found && (slot_here || loop_here)) d->found = n;
  if (!d->defined && n->kind == AST_DEFINE && binds(n->target, d->name)) d->defined = n;
  return true;
}

/* At top level, else in what functions declare there. */
static const ast *slot_in(const ast *text, const char *name) {
  declaration d = {name, NULL, NULL};
  for (int i = 0; i < text->items.count; i++) {
    const ast *n = text->items.items[i];
    if ((n->kind == AST_PARAM || n->kind == AST_STATE) && !strcmp(n->name, name)) return n;
  }
  ast_walk(text, find_declaration, &d);
  return d.found;
}

/* True where a state has this name, or a leaf of one that is a tuple. */
static bool is_state(const elaborator *e, const char *name) {
  for (int i = 0; i < e->slot_count; i++) {
    const char *leaf = strrchr(e->slots[i]->name, '.');
    if (e->slots[i]->slot.kind == SLOT_STATE && !strcmp(leaf ? leaf + 1 : e->slots[i]->name, name)) return true;
  }
  return false;
}

/* Of a part of what a name holds, net.w: by what declares the name, else by what the part is called. */
static bool updates_member(const search *s, const ast *target) {
  const char *root = ast_root_name(target), *last = target->name;
  declaration d = {root, NULL, NULL};
  if (root) ast_walk(s->body->body, find_declaration, &d);
  if (d.found) return d.found->kind != AST_STATE;
  if (d.defined && d.defined->value->kind == AST_TUPLE) return false; /* a plain tuple */
  const binding *b = root ? scope_find(s->scope, root) : NULL;
  const bool owned = b && value_is(b->value, VALUE_INSTANCE) && b->value.instance->function;
  const ast *found = owned  ? slot_in(b->value.instance->function->function->body, last)
                     : root ? slot_in(s->elaborator->file, root)
                            : NULL;
  if (found && found->kind != AST_FOR) return found->kind != AST_STATE;
  return !is_state(s->elaborator, last);
}

/* An update of a state does not train, nor does one of a plain name; of anything else that may be a param does. */
static bool updates_param(const search *s, const ast *target) {
  while (target->kind == AST_BRACKETS) target = target->base; /* a part */
  const char *name = ast_root_name(target);
  if (target->kind == AST_CALL) return name && !strcmp(name, "params");
  if (target->kind == AST_MEMBER) return updates_member(s, target);
  if (!name) return false;
  declaration d = {name, NULL, NULL};
  ast_walk(s->body->body, find_declaration, &d);
  if (!d.found && d.defined) return false;
  const ast *found = d.found ? d.found : slot_in(s->elaborator->file, name);
  return found && found->kind != AST_STATE;
}

static bool visit(const ast *n, void *context) {
  search *s = context;
  if (n->kind == AST_MINIMIZE) s->minimizes = true;
  if (n->kind == AST_UPDATE && updates_param(s, n->target)) s->updates = true;
  if (n->kind != AST_NAME || s->minimizes) return !s->minimizes;
  const binding *b = scope_find(s->scope, n->name);
  if (!b) return true;
  if (value_is(b->value, VALUE_FUNCTION) && b->value.function->function)
    search_body(s, b->value.function->function, b->value.function->scope);
  if (value_is(b->value, VALUE_INSTANCE) && b->value.instance->function)
    search_body(s, b->value.instance->function->function, b->value.instance->function->scope);
  return true;
}

bool training_reaches(elaborator *e, const ast *entry, bool *guessed) {
  search s = {.elaborator = e};
  search_body(&s, entry, e->scope);
  *guessed = !s.minimizes;
  return s.minimizes || s.updates;
}
