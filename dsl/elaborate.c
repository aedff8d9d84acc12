/* From a file's text to its program: names first, then the top level in the order of the text,
 * then entries, then tasks. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "expression.h"
#include "library.h"
#include "native.h"
#include "optimise.h"
#include "slots.h"
#include "statement.h"
#include "task.h"

/* --- the model's name and lookups ----------------------------------------------------------- */

static const char *model_name(arena *a, const source *text, const elaborate_options *options) {
  const char *name = options->name ? options->name : text->name;
  const char *slash = strrchr(name, '/');
  if (slash && !options->name) name = slash + 1;
  char *copy = arena_printf(a, "%s%s", isdigit((unsigned char)*name) ? "m" : "", name);
  size_t length = strlen(copy);
  if (length >= 4 && !strcmp(copy + length - 4, ".dnn")) copy[length - 4] = 0;
  for (char *c = copy; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  return *copy ? copy : "model";
}

const slot *program_slot(const program *p, const char *path) {
  for (int i = 0; i < p->slot_count; i++)
    if (!strcmp(p->slots[i].path, path)) return &p->slots[i];
  return NULL;
}

graph *program_entry(const program *p, const char *name) {
  for (int i = 0; i < p->entry_count; i++)
    if (!strcmp(p->entries[i]->name, name)) return p->entries[i];
  return NULL;
}

bool program_check_entry(const program *p, diagnostics *d, const char *name) {
  if (!strcmp(p->initial->name, name) || program_entry(p, name)) return true;
  const char *known = "";
  for (int i = 0; i < p->entry_count; i++)
    known = arena_printf(p->arena, "%s%s, ", known, p->entries[i]->name);
  diag_error(d, (location){0}, "there is no entry `%s`; there are %s%s", name, known, p->initial->name);
  return false;
}

const char *program_batch_constant(const program *p, const char *entry) {
  for (int i = 0; i < p->entry_count; i++)
    if (!strcmp(p->entries[i]->name, entry)) return p->batch_constants[i];
  return NULL;
}

bool entry_writes(const graph *entry) {
  return entry->update_count > 0;
}

/* --- constants ------------------------------------------------------------------------------ */

/* The value of -D NAME=VALUE as an expression. NULL after an error. */
static const ast *parse_definition(elaborator *e, const definition *d) {
  source *s = arena_new_of(e->arena, source);
  s->name = arena_printf(e->arena, "-D %s", d->name);
  s->text = arena_printf(e->arena, "const value = %s", d->value);
  s->length = strlen(s->text);
  ast_file *file = ast_parse(e->arena, e->diagnostics, s);
  if (!file) return NULL;
  bool good = file->items.count == 1 && file->items.items[0]->kind == AST_CONST;
  if (good) return file->items.items[0]->value;
  elaborator_error(e, (location){0}, "-D %s: the value is one expression", d->name);
  return NULL;
}

static void apply_definition(elaborator *e, const definition *d) {
  binding *b = scope_find_here(e->scope, d->name);
  if (b && b->state == BINDING_WAITING) {
    const ast *value_text = parse_definition(e, d);
    if (value_text) b->expression = value_text;
    return;
  }
  const char **names = NULL;
  int count = 0;
  for (int i = 0; i < e->scope->count; i++)
    if (e->scope->bindings[i]->state == BINDING_WAITING)
      arena_push(e->arena, names, count) = e->scope->bindings[i]->name;
  elaborator_unknown(e, (location){0}, "constant (of -D) named", d->name, names, count);
}

/* Constants that nobody uses may be wrong as well. */
static void force_constants(elaborator *e) {
  for (int i = 0; i < e->scope->count; i++)
    if (e->scope->bindings[i]->state == BINDING_WAITING)
      expression_binding(e, e->scope->bindings[i], e->scope->bindings[i]->at);
}

/* --- the file ------------------------------------------------------------------------------- */

static const ast *file_block(arena *a, const ast_file *file) {
  ast *block = arena_new_of(a, ast);
  block->kind = AST_BLOCK;
  block->items = file->items;
  return block;
}

static bool at_top_level(const ast *n) {
  switch (n->kind) {
    case AST_USE:
    case AST_FUNCTION:
    case AST_CONST:
    case AST_ENTRY:
    case AST_TASK: return false;
    default: return true;
  }
}

static void run_top_level(elaborator *e) {
  for (int i = 0; i < e->file->items.count; i++) {
    const ast *n = e->file->items.items[i];
    if (!at_top_level(n)) continue;
    value v = statement_run(e, n);
    if (!value_is(v, VALUE_NONE) && !value_is_poison(v))
      elaborator_error(e, n->at, "the value of this expression is not used");
  }
}

/* All entries up to `last`, where it is given; whether it was found. */
static bool run_entries(elaborator *e, const char *last) {
  for (int i = 0; i < e->file->items.count; i++) {
    const ast *n = e->file->items.items[i];
    if (n->kind != AST_ENTRY) continue;
    entry_elaborate(e, n);
    if (last && !strcmp(n->name, last)) return true;
  }
  return false;
}

static void run_tasks(elaborator *e) {
  for (int i = 0; i < e->file->items.count; i++)
    if (e->file->items.items[i]->kind == AST_TASK) task_elaborate(e, e->file->items.items[i]);
  for (int i = 0; i < e->file->items.count; i++)
    if (e->file->items.items[i]->kind == AST_ENTRY) entry_check_used(e, e->file->items.items[i]);
}

static int by_path(const void *a, const void *b) {
  return strcmp((*(slot_record *const *)a)->slot.path, (*(slot_record *const *)b)->slot.path);
}

/* Paths are unique; the slots are sorted. */
static void check_paths(elaborator *e) {
  for (int i = 1; i < e->slot_count; i++) {
    const slot *a = &e->slots[i - 1]->slot, *b = &e->slots[i]->slot;
    if (!strcmp(a->path, b->path))
      elaborator_error(e, b->at, "`%s` is declared twice, first at %s", b->path,
                       diag_place(e->arena, a->at));
  }
}

static void finish(elaborator *e) {
  program *p = e->program;
  if (e->slot_count) qsort(e->slots, (size_t)e->slot_count, sizeof *e->slots, by_path);
  check_paths(e);
  native_check_sites(e);
  optimise_finish(e);
  p->slot_count = e->slot_count;
  p->slots = arena_array_of(e->arena, e->slot_count, slot);
  for (int i = 0; i < e->slot_count; i++) {
    p->slots[i] = e->slots[i]->slot;
    if (e->slots[i]->initial) graph_set_update(e->initial, p->slots[i].path, e->slots[i]->initial);
  }
}

/* One elaboration of a parsed file. Errors are in the diagnostics. */
static program *elaborate_file(arena *a, diagnostics *d, const ast_file *file, const ast *block,
                               const elaborate_options *options, const char *last_entry) {
  elaborator e = {.arena = a, .diagnostics = d, .options = options,
                  .program = arena_new_of(a, program), .initial = graph_new(a, d, "init"),
                  .model = arena_new_of(a, instance), .file = block,
                  .real = options->real_f64 ? DTYPE_F64 : DTYPE_F32};
  e.graph = e.initial;
  e.model->name = e.model->path = "";
  e.scope = scope_new(a, scope_new(a, NULL));
  e.program->arena = a;
  e.program->name = model_name(a, file->source, options);
  e.program->initial = e.initial;
  frame top = {.lexical = elaborator_lexical(&e, block), .self = e.model, .scope = e.scope,
               .site = ""};
  elaborator_enter(&e, &top);
  library_declare(&e, &file->items, e.scope);
  for (int i = 0; i < options->definition_count; i++)
    apply_definition(&e, &options->definitions[i]);
  force_constants(&e);
  run_top_level(&e);
  if (!run_entries(&e, last_entry)) run_tasks(&e); /* runs make further entries */
  finish(&e);
  return e.program;
}

/* --- specialisations ------------------------------------------------------------------------ */

static void check_same_slots(diagnostics *d, arena *a, const program *main, const program *other,
                             const char *entry) {
  for (int i = 0; i < other->slot_count; i++) {
    const slot *own = &other->slots[i], *known = program_slot(main, own->path);
    if (known && type_equal(&known->type, &own->type)) continue;
    diag_error(d, own->at, "`%s` would be %s in %s, not %s", own->path, type_text(a, &own->type),
               entry, known ? type_text(a, &known->type) : "absent");
  }
}

static void specialise(arena *a, diagnostics *d, const ast_file *file, const ast *block,
                       const elaborate_options *options, const specialisation *s, program *p) {
  elaborate_options own = *options;
  definition *definitions = arena_array_of(a, options->definition_count + 1, definition);
  for (int i = 0; i < options->definition_count; i++) definitions[i] = options->definitions[i];
  definitions[own.definition_count++] =
      (definition){s->constant, arena_printf(a, "%lld", (long long)s->value)};
  own.definitions = definitions;
  program *other = elaborate_file(a, d, file, block, &own, s->entry);
  if (diag_count(d)) return;
  graph *g = program_entry(other, s->entry);
  if (!g) {
    diag_error(d, (location){0}, "there is no entry `%s` to specialise", s->entry);
    return;
  }
  g->name = arena_printf(a, "%s_%lld", s->entry, (long long)s->value);
  if (program_entry(p, g->name))
    diag_error(d, (location){0}, "the entry `%s` has the name of the copy of `%s` for %s = %lld",
               g->name, s->entry, s->constant, (long long)s->value);
  check_same_slots(d, a, p, other, g->name);
  int same = p->entry_count;
  arena_push(a, p->batch_constants, same) = s->constant;
  arena_push(a, p->entries, p->entry_count) = g;
}

program *elaborate(arena *a, diagnostics *d, const source *text,
                   const elaborate_options *options) {
  int before = diag_count(d);
  const ast_file *file = ast_parse(a, d, text);
  if (!file) return NULL;
  const ast *block = file_block(a, file);
  program *p = elaborate_file(a, d, file, block, options, NULL);
  for (int i = 0; i < options->specialisation_count && diag_count(d) == before; i++)
    specialise(a, d, file, block, options, &options->specialisations[i], p);
  return diag_count(d) == before ? p : NULL;
}
