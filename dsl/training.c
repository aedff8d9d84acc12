#include "training.h"

#include <string.h>

#include "slots.h"

typedef struct search {
  elaborator *elaborator;
  const scope *scope;     /* of the body that is searched */
  const ast *body;
  const ast **seen;       /* bodies */
  int seen_count;
  bool found;
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

/* What a body declares about a name: finds its param or state, or the loop that binds it. */
typedef struct declaration {
  const char *name;
  const ast *found;
} declaration;

static bool find_declaration(const ast *n, void *context) {
  declaration *d = context;
  bool slot_here = (n->kind == AST_PARAM || n->kind == AST_STATE) && !strcmp(n->name, d->name);
  bool loop_here = n->kind == AST_FOR && n->patterns.count && ast_is_name(n->patterns.items[0], d->name);
  if (!d->found && (slot_here || loop_here)) d->found = n;
  return true;
}

/* An update of a state does not train; of anything else that may be a param does. */
static bool updates_param(const search *s, const ast *target) {
  while (target->kind == AST_BRACKETS) target = target->base; /* a part */
  if (target->kind == AST_MEMBER || target->kind == AST_CALL) {
    const char *last = target->kind == AST_CALL ? ast_root_name(target) : target->name;
    if (target->kind == AST_CALL) return last && !strcmp(last, "params");
    bool states = false;
    const elaborator *e = s->elaborator;
    for (int i = 0; i < e->slot_count; i++)
      states = states || (e->slots[i]->slot.kind == SLOT_STATE && !strcmp(e->slots[i]->name, last));
    return !states;
  }
  const char *name = ast_root_name(target);
  if (!name) return false;
  declaration d = {name, NULL};
  ast_walk(s->body->body, find_declaration, &d);
  if (!d.found) ast_walk(s->elaborator->file, find_declaration, &d);
  return d.found && d.found->kind != AST_STATE;
}

static bool visit(const ast *n, void *context) {
  search *s = context;
  if (s->found) return false;
  if (n->kind == AST_MINIMIZE || (n->kind == AST_UPDATE && updates_param(s, n->target)))
    s->found = true;
  if (n->kind != AST_NAME) return !s->found;
  const binding *b = scope_find(s->scope, n->name);
  if (!b) return true;
  if (value_is(b->value, VALUE_FUNCTION) && b->value.function->function)
    search_body(s, b->value.function->function, b->value.function->scope);
  if (value_is(b->value, VALUE_INSTANCE) && b->value.instance->function)
    search_body(s, b->value.instance->function->function, b->value.instance->function->scope);
  return true;
}

bool training_reaches(elaborator *e, const ast *entry) {
  search s = {.elaborator = e};
  search_body(&s, entry, e->scope);
  return s.found;
}
