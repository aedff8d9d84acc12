#include "random_occurrence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ast.h"
#include "native.h"
#include "op.h"
#include "random_source.h"
#include "scalar.h"
#include "std_text.h"

/* In how many programs each item of a family occurs. */
typedef struct family {
  const char *name;
  const char **items; /* NULL: one that programs cannot hold */
  int count, *programs;
  bool *seen; /* in the program that is being counted */
} family;

enum {
  CONSTRUCTS,
  SIZES,
  KINDS,
  OPERATORS,
  FUNCTIONS,
  OPTIONS,
  ELEMENTS,
  OPS,
  SCALARS,
  LIBRARY,
  FAMILIES
};

struct occurrence {
  arena *arena;
  int programs;
  family families[FAMILIES];
  const ast **library; /* the functions of the family LIBRARY */
};

/* ---- families -------------------------------------------------------------------------------- */

static void add(arena *a, family *f, const char *item) { arena_push(a, f->items, f->count) = item; }

/* Tasks say what is run, not what is computed. */
static bool is_left_out(ast_kind kind) { return kind == AST_TASK; }

/* The language has no words for these; random graphs have them. */
static bool is_out_of_reach(int function) {
  return function == SCALAR_FMA || function == SCALAR_BITAND || function == SCALAR_BITOR ||
         function == SCALAR_BITXOR || function == SCALAR_SHL;
}

static void add_options(arena *a, family *f, const char *function) {
  const char *names = native_find(function)->options;
  for (size_t length; names && *names; names += length + (names[length] == ' ')) {
    length = strcspn(names, " ");
    add(a, f, arena_printf(a, "%s %.*s", function, (int)length, names));
  }
}

/* What constructs have a bounded size is told, too: some of them can have none, and those that want one
 * are constructs of their own. A function of the library without a form is told, but it is no fault: a layer is complete in
 * dsl/std. Schedules are for tasks. */
static void list_library(occurrence *o) {
  arena *a = o->arena;
  family *f = &o->families[LIBRARY];
  int count = 0;
  for (const std_file *file = std_files; file->name; file++) {
    const source s = {.name = file->name, .text = file->text, .length = strlen(file->text)};
    const ast_file *tree = ast_parse(a, diag_new(a), &s);
    for (int i = 0; strcmp(file->name, "schedule") != 0 && i < tree->items.count; i++)
      if (tree->items.items[i]->kind == AST_FUNCTION) {
        arena_push(a, o->library, count) = tree->items.items[i];
        add(a, f, tree->items.items[i]->name);
      }
  }
}

static void list_items(occurrence *o) {
  arena *a = o->arena;
  family *families = o->families;
  const char **names = NULL;
  int count = 0;
  native_names(a, &names, &count);
  for (int i = 0; i < source_construct_count(); i++) {
    add(a, &families[CONSTRUCTS], source_construct_name(i));
    add(a, &families[SIZES], source_construct_name(i));
  }
  for (int i = 0; i < AST_KIND_COUNT; i++)
    add(a, &families[KINDS], is_left_out((ast_kind)i) ? NULL : ast_kind_words((ast_kind)i));
  for (int i = 0; i < AST_OPERATOR_COUNT; i++)
    add(a, &families[OPERATORS], ast_operator_text((ast_operator)i));
  for (int i = 0; i < count; i++) {
    add(a, &families[FUNCTIONS], names[i]);
    add_options(a, &families[OPTIONS], names[i]);
  }
  for (int i = 0; i < DTYPE_COUNT; i++) add(a, &families[ELEMENTS], dtype_name((dtype)i));
  for (int i = 0; i < OP_COUNT; i++) add(a, &families[OPS], op_infos[i].name);
  list_library(o);
  for (int i = 0; i < SCALAR_COUNT; i++)
    add(a, &families[SCALARS], is_out_of_reach(i) ? NULL : scalar_infos[i].name);
}

occurrence *occurrence_new(arena *a) {
  static const char *const names[] = {
      "construct",    "with a bounded size:", "syntax",   "operator of the language", "function of the language", "option",
      "element type", "operator", "elementwise function",     "library function"};
  occurrence *o = arena_new_of(a, occurrence);
  o->arena = a;
  list_items(o);
  for (int i = 0; i < FAMILIES; i++) {
    family *f = &o->families[i];
    f->name = names[i];
    f->programs = arena_array_of(a, f->count, int);
    f->seen = arena_array_of(a, f->count, bool);
  }
  return o;
}

/* ---- counting -------------------------------------------------------------------------------- */

static void see(family *f, const char *name) {
  for (int i = 0; i < f->count; i++)
    if (f->items[i] && strcmp(f->items[i], name) == 0) f->seen[i] = true;
}

static void see_options(occurrence *o, const ast *brackets) {
  const char *name;
  for (int i = 0; i < brackets->items.count; i++)
    if (ast_is_name(brackets->base, ast_root_name(brackets->base)) &&
        ast_as_named(brackets->items.items[i], &name))
      see(&o->families[OPTIONS],
          arena_printf(o->arena, "%s %s", ast_root_name(brackets->base), name));
}

/* A function of the library, and those that it names. */
static bool see_library(const ast *n, void *context) {
  occurrence *o = context;
  family *f = &o->families[LIBRARY];
  for (int i = 0; n->kind == AST_NAME && i < f->count; i++)
    if (!f->seen[i] && strcmp(f->items[i], n->name) == 0) {
      f->seen[i] = true;
      ast_walk(o->library[i], see_library, o);
    }
  return true;
}

static bool see_node(const ast *n, void *context) {
  occurrence *o = context;
  o->families[KINDS].seen[n->kind] = true;
  if (n->kind == AST_UNARY || n->kind == AST_BINARY) o->families[OPERATORS].seen[n->op] = true;
  if (n->kind == AST_NAME) see(&o->families[FUNCTIONS], n->name);
  see_library(n, o);
  if (n->kind == AST_BRACKETS) see_options(o, n);
  return true;
}

static void see_graph(occurrence *o, const graph *g) {
  int *uses = graph_uses(g, o->arena);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (uses[id] == 0) continue;
    o->families[OPS].seen[n->op] = true;
    o->families[ELEMENTS].seen[n->type.element] = true;
    if (n->op == OP_MAP) o->families[SCALARS].seen[n->function] = true;
  }
}

void occurrence_count(occurrence *o, const int *built, const char *text, const program *p) {
  const source s = {.name = "random.dnn", .text = text, .length = strlen(text)};
  const ast_file *file = ast_parse(o->arena, diag_new(o->arena), &s);
  for (int i = 0; i < FAMILIES; i++)
    memset(o->families[i].seen, 0, (size_t)o->families[i].count * sizeof(bool));
  for (int i = 0, count = source_construct_count(); built && i < count; i++) {
    o->families[CONSTRUCTS].seen[i] = built[i] > 0;
    o->families[SIZES].seen[i] = built[count + i] > 0;
  }
  for (int i = 0; i < file->items.count; i++) ast_walk(file->items.items[i], see_node, o);
  for (int i = 0; i < p->entry_count; i++) see_graph(o, p->entries[i]);
  see_graph(o, p->initial);
  o->programs++;
  for (int i = 0; i < FAMILIES; i++)
    for (int k = 0; k < o->families[i].count; k++)
      o->families[i].programs[k] += o->families[i].seen[k];
}

/* ---- reporting ------------------------------------------------------------------------------- */

static int report_family(const occurrence *o, const family *f, int least, bool all) {
  int rare = 0;
  for (int i = 0; i < f->count; i++) {
    if (!f->items[i]) continue;
    bool below = 100 * f->programs[i] < least * o->programs;
    rare += below;
    if (all)
      print_message("%6.1f %%  %s %s\n", 100.0 * f->programs[i] / o->programs, f->name,
                    f->items[i]);
    else if (below)
      print_message(
          "%s %s: in %d of %d programs; tests/random_*.c want a form with it (and the "
          "language a word for it: docs/architecture.md)\n",
          f->name, f->items[i], f->programs[i], o->programs);
  }
  return rare;
}

int occurrence_report(const occurrence *o, int least, bool all) {
  int rare = 0;
  for (int i = 0; i < FAMILIES; i++) {
    int below = report_family(o, &o->families[i], least, all);
    if (i != LIBRARY && i != SIZES) rare += below;
  }
  return rare;
}

int occurrence_missing(const occurrence *o) {
  int missing = 0;
  for (int i = KINDS; i <= ELEMENTS; i++)
    for (int k = 0; k < o->families[i].count; k++) {
      const family *f = &o->families[i];
      if (!f->items[k] || f->programs[k]) continue;
      print_message("no program holds the %s %s\n", f->name, f->items[k]);
      missing++;
    }
  return missing;
}
