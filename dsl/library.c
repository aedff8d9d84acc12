#include "library.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"
#include "std_text.h"

static const char schedule[] = "schedule";

typedef struct library_module {
  const char *name;
  scope *names; /* NULL after an error */
} library_module;

typedef struct library {
  library_module *modules;
  int count;
  scope *schedule; /* NULL: not used */
} library;

/* --- finding and reading -------------------------------------------------------------------- */

static const char *folder_of(elaborator *e, location at) {
  if (e->options->folder) return e->options->folder;
  const char *name = at.source ? at.source->name : "";
  const char *slash = strrchr(name, '/');
  return slash ? arena_text_n(e->arena, name, (size_t)(slash - name)) : ".";
}

static const source *standard_source(elaborator *e, const char *name) {
  for (const std_file *f = std_files; f->name; f++) {
    if (strcmp(f->name, name)) continue;
    source *s = arena_new_of(e->arena, source);
    *s = (source){.name = arena_printf(e->arena, "std/%s.dnn", name), .text = f->text,
                  .length = strlen(f->text), .library = true};
    return s;
  }
  return NULL;
}

/* Whether a file of this name is the model itself, which nobody uses. */
static bool is_model(elaborator *e, const char *name, location at) {
  const location own = e->file->items.count ? e->file->items.items[0]->at : (location){0};
  const char *path = own.source ? own.source->name : "", *slash = strrchr(path, '/');
  return !strcmp(slash ? slash + 1 : path, arena_printf(e->arena, "%s.dnn", name)) &&
         !strcmp(folder_of(e, own), folder_of(e, at));
}

static const source *module_source(elaborator *e, const char *name, location at) {
  const char *path = arena_printf(e->arena, "%s/%s.dnn", folder_of(e, at), name);
  if (!is_model(e, name, at) && !access(path, F_OK)) return source_read(e->arena, e->diagnostics, path);
  const source *s = standard_source(e, name);
  if (s) return s;
  const char **names = NULL;
  int count = 0;
  for (const std_file *f = std_files; f->name; f++) arena_push(e->arena, names, count) = f->name;
  elaborator_unknown(e, at, "file or library to use named", name, names, count);
  return NULL;
}

/* --- declaring ------------------------------------------------------------------------------ */

static void check_module_item(elaborator *e, const ast *n) {
  if (n->kind == AST_USE || n->kind == AST_CONST || n->kind == AST_FUNCTION) return;
  elaborator_error(e, n->at, "a file that is used holds `use`, `const` and `fn`, not %s",
                   ast_kind_words(n->kind));
}

/* The names of a module, read and parsed once in a run. */
static scope *module_names(elaborator *e, const char *name, location at) {
  library *l = e->library;
  for (int i = 0; i < l->count; i++)
    if (!strcmp(l->modules[i].name, name)) return l->modules[i].names;
  int own = l->count;
  arena_push(e->arena, l->modules, l->count) = (library_module){name, NULL};
  const source *s = module_source(e, name, at);
  ast_file *file = s ? ast_parse(e->arena, e->diagnostics, s) : NULL;
  if (!file) return NULL;
  scope *names = scope_new(e->arena, scope_new(e->arena, NULL));
  l->modules[own].names = names;
  for (int i = 0; i < file->items.count; i++) check_module_item(e, file->items.items[i]);
  library_declare(e, &file->items, names);
  return names;
}

static void use(elaborator *e, const ast *n, scope *used) {
  scope *names = module_names(e, n->name, n->at);
  if (!names) return;
  if (!strcmp(n->name, schedule)) {
    e->library->schedule = names;
    return;
  }
  for (int i = 0; i < names->count; i++) {
    binding *b = names->bindings[i], *other = scope_find_here(used, b->name);
    if (other == b) continue;
    if (other)
      elaborator_error(e, n->at, "`%s` of %s is at %s already", b->name, n->name,
                       diag_place(e->arena, other->at));
    else scope_share(e->arena, used, b);
  }
}

static void declare(elaborator *e, const ast *n, scope *names) {
  const binding *before = scope_find_here(names, n->name);
  if (before) {
    elaborator_error(e, n->at, "`%s` is defined already, at %s", n->name,
                     diag_place(e->arena, before->at));
    return;
  }
  binding *b = scope_bind(e->arena, names, n->name, (value){0}, n->at);
  if (n->kind == AST_CONST) {
    b->state = BINDING_WAITING;
    b->expression = n->value;
    b->home = names;
    b->plain = true;
    return;
  }
  callable *f = arena_new_of(e->arena, callable);
  *f = (callable){.name = n->name, .function = n, .scope = names, .training = -1};
  b->value = value_function(f);
}

void library_declare(elaborator *e, const ast_list *items, scope *names) {
  if (!e->library) e->library = arena_new_of(e->arena, library);
  for (int i = 0; i < items->count; i++) {
    const ast *n = items->items[i];
    if (n->kind == AST_FUNCTION || n->kind == AST_CONST) declare(e, n, names);
  }
  for (int i = 0; i < items->count; i++) /* last, since files may use each other */
    if (items->items[i]->kind == AST_USE) use(e, items->items[i], names->parent);
}

const char *library_holding(const char *name) {
  size_t length = strlen(name);
  for (const std_file *f = std_files; f->name; f++)
    for (const char *at = strstr(f->text, "\nfn "); at; at = strstr(at + 1, "\nfn "))
      if (!strncmp(at + 4, name, length) && strchr("[(", at[4 + length])) return f->name;
  return NULL;
}

scope *library_schedule(elaborator *e, scope *below) {
  scope *s = scope_new(e->arena, below);
  const scope *names = e->library->schedule;
  for (int i = 0; names && i < names->count; i++)
    scope_share(e->arena, s, names->bindings[i]);
  return s;
}
