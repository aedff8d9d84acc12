#include "task.h"

#include <string.h>

#include "expression.h"
#include "reader.h"
#include "statement.h"
#include "subscript.h"
#include "task_cut.h"
#include "task_generated.h"
#include "task_phase.h"
#include "task_run.h"

/* --- data ----------------------------------------------------------------------------------- */

static const data_reader *find_reader(elaborator *e, const ast *call) {
  const data_reader *found = reader_find(call->base->name);
  if (found) return found;
  const char **names = NULL;
  int count = 0;
  for (const data_reader *r = data_readers; r->name; r++) arena_push(e->arena, names, count) = r->name;
  elaborator_unknown(e, call->at, "reader", call->base->name, names, count);
  return NULL;
}

static const char *kinds_text(arena *a, int kinds) {
  static const char *const words[] = {"an integer from 0 on", "true or false", "a text",
                                      "a tuple of them", "a tuple of texts"};
  const char *text = "";
  for (int i = 0; i < 5; i++)
    if (kinds & 1 << i) text = arena_printf(a, "%s%s%s", text, *text ? ", or " : "", words[i]);
  return text;
}

/* One value, or each item of a tuple. */
static void add_setting(elaborator *e, const ast *n, value v, int kinds, data_column *column) {
  reader_setting setting = {.name = n->name};
  if (value_is(v, VALUE_TUPLE) && v.tuple->count && kinds & (SETTING_TUPLE | SETTING_TEXTS)) {
    for (int i = 0; i < v.tuple->count; i++)
      add_setting(e, n, v.tuple->items[i],
                  kinds & SETTING_TUPLE ? kinds & ~SETTING_TRUTH : SETTING_TEXT, column);
    return;
  }
  if (value_is(v, VALUE_TRUTH) && kinds & SETTING_TRUTH) {
    setting.number = v.truth;
  } else if (value_is(v, VALUE_TEXT) && kinds & SETTING_TEXT) {
    setting.text = v.text;
  } else if (value_is_integer(v) && v.number.numerator >= 0 && kinds & SETTING_NUMBER) {
    setting.number = v.number.numerator;
  } else {
    if (!value_is_poison(v))
      elaborator_error(e, n->at, "`%s` is %s, not %s", n->name, kinds_text(e->arena, kinds),
                       value_words(e->arena, v));
    return;
  }
  arena_push(e->arena, column->settings, column->setting_count) = setting;
}

static void add_option(elaborator *e, const ast *n, const data_reader *r, data_column *column) {
  const char **names = NULL;
  int count = 0;
  for (const reader_option *o = r->options; o->name; o++)
    arena_push(e->arena, names, count) = o->name;
  const reader_option *option = reader_option_find(r, n->name);
  if (!option) {
    elaborator_unknown(e, n->at, arena_printf(e->arena, "option of the reader %s named", r->name),
                       n->name, names, count);
    return;
  }
  for (int i = 0; i < column->setting_count; i++)
    if (!strcmp(column->settings[i].name, n->name)) {
      elaborator_error(e, n->at, "`%s` is given twice", n->name);
      return;
    }
  add_setting(e, n, expression_value(e, n->value), option->kinds, column);
}

/* A text, or a tuple of texts. */
static void add_files(elaborator *e, const ast *n, data_column *column) {
  value v = expression_value(e, n);
  int count = value_is(v, VALUE_TUPLE) ? v.tuple->count : 1;
  for (int i = 0; i < count; i++) {
    value file = value_is(v, VALUE_TUPLE) ? v.tuple->items[i] : v;
    if (value_is(file, VALUE_TEXT)) {
      arena_push(e->arena, column->files, column->file_count) = file.text;
    } else if (!value_is_poison(file)) {
      elaborator_error(e, n->at, "a reader takes the name of a file, or a tuple of names, not %s",
                       value_words(e->arena, file));
      return;
    }
  }
  if (!count) elaborator_error(e, n->at, "a reader takes at least one file");
}

/* image: raw("data_batch_1.bin.xz", record: 3073, offset: 1) */
static void add_column(elaborator *e, const ast *n, data_split *split) {
  const ast *call = n->kind == AST_NAMED ? n->value : NULL;
  if (!call || call->kind != AST_CALL || call->base->kind != AST_NAME || !call->items.count ||
      call->items.items[0]->kind == AST_NAMED) {
    elaborator_error(e, n->at, "a column is written as in image: idx(\"file.gz\")");
    return;
  }
  const data_reader *r = find_reader(e, call);
  if (!r) return;
  data_column column = {.name = n->name, .reader = r->name, .at = call->at};
  add_files(e, call->items.items[0], &column);
  for (int i = 1; i < call->items.count; i++) {
    const ast *item = call->items.items[i];
    if (item->kind == AST_NAMED) add_option(e, item, r, &column);
    else elaborator_error(e, item->at, "what follows the file is named, as in offset: 1; several "
                          "files are a tuple, (\"1.gz\", \"2.gz\")");
  }
  for (int i = 0; i < split->column_count; i++)
    if (!strcmp(split->columns[i].name, n->name))
      elaborator_error(e, n->at, "the column `%s` stands twice", n->name);
  arena_push(e->arena, split->columns, split->column_count) = column;
}

static void add_split(elaborator *e, const ast *n, data_set *set) {
  if (n->kind != AST_NAMED || n->value->kind != AST_TUPLE || !n->value->items.count) {
    elaborator_error(e, n->at, "a split is written as in train: (image: idx(\"…\"), …)");
    return;
  }
  data_split split = {.name = n->name};
  for (int i = 0; i < n->value->items.count; i++)
    add_column(e, n->value->items.items[i], &split);
  arena_push(e->arena, set->splits, set->split_count) = split;
}

static value data_call(elaborator *e, const ast *n) {
  const ast *from = n->items.count ? n->items.items[0] : NULL;
  data_set set = {.name = "", .at = n->at};
  if (from && from->kind == AST_CALL) {
    if (!task_generated(e, n, &set)) return (value){0};
  } else if (from && from->kind == AST_STRING) {
    set.folder = from->name;
    for (int i = 1; i < n->items.count; i++) add_split(e, n->items.items[i], &set);
  } else {
    return elaborator_error(e, n->at, "data(…) begins with the folder's name, a text, or the call "
                            "of an entry");
  }
  task *t = e->task;
  arena_push(e->arena, t->sets, t->set_count) = set;
  return (value){.kind = VALUE_DATA, .rows = {t->set_count - 1, -1, -1, 0, ROWS_END, NULL}};
}

/* Data sets carry the names of the variables that hold them. */
static void name_sets(elaborator *e, const scope *names) {
  for (int i = 0; i < names->count; i++) {
    value v = names->bindings[i]->value;
    if (value_is(v, VALUE_DATA) && v.rows.split < 0)
      e->task->sets[v.rows.set].name = names->bindings[i]->name;
  }
}

static value subscript_column(elaborator *e, const ast *n, value base) {
  const data_split *split = &e->task->sets[base.rows.set].splits[base.rows.split];
  const char **names = NULL;
  int count = 0;
  for (int i = 0; i < split->column_count; i++) {
    arena_push(e->arena, names, count) = split->columns[i].name;
    if (strcmp(split->columns[i].name, n->name)) continue;
    base.rows.column = i;
    return base;
  }
  return elaborator_unknown(e, n->at, "column", n->name, names, count);
}

value subscript_split(elaborator *e, const ast *n, value base) {
  const data_set *set = &e->task->sets[base.rows.set];
  const char **names = NULL;
  int count = 0;
  if (base.rows.column >= 0)
    return elaborator_error(e, n->at, "a column of data has no parts");
  if (base.rows.split >= 0) return subscript_column(e, n, base);
  for (int i = 0; i < set->split_count; i++) {
    arena_push(e->arena, names, count) = set->splits[i].name;
    if (strcmp(set->splits[i].name, n->name)) continue;
    base.rows.split = i;
    return base;
  }
  return elaborator_unknown(e, n->at, "split", n->name, names, count);
}

/* --- tasks ---------------------------------------------------------------------------------- */

bool task_call(elaborator *e, const ast *n, value *result) {
  static const struct {
    const char *name;
    value (*elaborate)(elaborator *e, const ast *n);
  } calls[] = {{"data", data_call},       {"run", task_run_call},   {"alternate", task_alternate_call},
               {"stop", task_stop_call}, {"load", task_load_call}, {"save", task_save_call},
               {"windows", task_cut_call}, {"streams", task_cut_call}, {"sequences", task_cut_call}};
  if (e->in_arguments || n->base->kind != AST_NAME) return false;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (!strcmp(n->base->name, calls[i].name)) {
      *result = calls[i].elaborate(e, n);
      return true;
    }
  return false;
}

static const char *task_after(elaborator *e, const ast *n) {
  if (!n->after) return NULL;
  const char **names = NULL;
  int count = 0;
  for (int i = 0; i < e->program->task_count; i++) {
    arena_push(e->arena, names, count) = e->program->tasks[i].name;
    if (!strcmp(names[i], n->after->name)) return names[i];
  }
  elaborator_unknown(e, n->after->at, "earlier task", n->after->name, names, count);
  return NULL;
}

void task_elaborate(elaborator *e, const ast *n) {
  for (int i = 0; i < e->program->task_count; i++)
    if (!strcmp(e->program->tasks[i].name, n->name))
      elaborator_error(e, n->at, "two tasks are named `%s`", n->name);
  task own = {.name = n->name, .after = task_after(e, n), .at = n->at};
  frame f = {.lexical = elaborator_lexical(e, n), .called_at = n->at, .self = e->model,
             .scope = scope_new(e->arena, e->scope), .site = n->name};
  e->task = &own;
  if (elaborator_enter(e, &f)) {
    statement_block(e, n->body, false);
    name_sets(e, f.scope);
    elaborator_leave(e);
  }
  e->task = NULL;
  arena_push(e->arena, e->program->tasks, e->program->task_count) = own;
}
